// What the kernels of trees take, checked.
import { checkParam, MmubError } from "@mmub/core";
import type { Checks } from "./word-vectors.js";

const part = "@mmub/kernels";

/** Columns of bins: a byte for each row, column after column, `stride` apart. */
export interface BinnedColumns {
  readonly bins: Uint8Array;
  /** Bytes from one column to the next; rows are numbers below it. */
  readonly stride: number;
  /**
   * Four numbers for each feature that is looked at: its column, where its bins begin in a histogram, how many it has (at most
   * 256), and its kind, a sum of: 1, the last bin is that of missing values; 2, bins are categories; 4, its effect may
   * only rise; 8, only fall.
   */
  readonly table: Int32Array;
}

export interface TreeSplitSettings {
  readonly lambdaL1: number;
  readonly lambdaL2: number;
  readonly minDataInLeaf: number;
  readonly minSumHessianInLeaf: number;
  readonly minGainToSplit: number;
  readonly catSmooth: number;
  readonly catL2: number;
  readonly maxCatThreshold: number;
  readonly maxCatToOnehot: number;
  readonly minDataPerGroup: number;
  /** Whether values of leaves keep within their bounds, and kinds 4 and 8 are minded. */
  readonly bounded: boolean;
}

/** What a tree is grown on: the same from leaf to leaf. */
export interface TreeData {
  readonly columns: BinnedColumns;
  /** Pairs of first and second derivatives, one for each row. */
  readonly gradients: Float32Array;
  /** As `treeSettings` writes them. */
  readonly settings: Float64Array;
}

export interface TreeSplitsOptions extends TreeData {
  /** Features from this one, */
  readonly from: number;
  /** up to but without this one. */
  readonly to: number;
  /** The rows of the leaf, or of the smaller child. */
  readonly rows: Int32Array;
  /** Where its histogram goes: a pair of sums for each bin. */
  readonly small: Float64Array;
  /** The histogram of the parent, which becomes that of the larger child. @default none: there is one leaf */
  readonly large?: Float64Array;
  /** Five numbers for each leaf, the smaller first: both sums of derivatives, rows, the least and the largest value it may have. */
  readonly leaves: Float64Array;
  /** 40 numbers for each leaf: see `splitOf`. */
  readonly splits: Float64Array;
  /** At least 2176 numbers and one for each row: each call at work at the same time wants its own. */
  readonly scratch: Float64Array;
}

export interface TreeGrowOptions {
  readonly bins: Uint8Array;
  /** Bytes from one column to the next; rows are numbers below it. */
  readonly stride: number;
  /** How many bins each column has, at most 256. */
  readonly counts: Int32Array;
  /** 256 rising numbers a column, which its bins stand for: thresholds are then drawn between them. @default none: the best one */
  readonly edges?: Float32Array;
  /** The rows to learn from, each once; they are put into the order of the leaves. */
  readonly rows: Int32Array;
  /** Of all rows: the channel that a row adds to, a class or 0; what it adds there, 1 or a number; and its weight. */
  readonly channelOf: Uint8Array;
  readonly targets: Float32Array;
  readonly weights: Float32Array;
  readonly channels: number;
  /** Columns that a node looks at. */
  readonly maxFeatures: number;
  readonly maxDepth: number;
  readonly minSamplesSplit: number;
  readonly minSamplesLeaf: number;
  /** What a split must gain. */
  readonly minGain: number;
  /** Of the random numbers. */
  readonly key: readonly number[];
  /** Room for 7 + channels numbers a node, of which there are at most 2 x rows - 1. */
  readonly nodes: Float64Array;
  /** `treeGrowScratch(...)` numbers. */
  readonly scratch: Float64Array;
}

/** Numbers of `scratch` that growing wants. */
export function treeGrowScratch(rows: number, columns: number, channels: number): number {
  return 258 * (channels + 2) + 4 + Math.ceil(columns / 2) + Math.ceil(2.5 * (rows + 2));
}

/** Trees as nodes of four numbers: see `treePredict`. */
export interface TreeNodes {
  readonly nodes: Int32Array;
  readonly values: Float64Array;
  readonly roots: Int32Array;
}

/** What other threads run too, one call a message. */
export interface TreeGrowKernels<Result = number> {
  /**
   * Grows a tree of a forest to the end, and gives the number of its nodes. A split is the best, or one that is drawn, of some columns
   * that each node draws anew, by the sum of squared sums of the channels over their weights: the Gini index for classes, squared
   * error for a number. A node is: column (-1 of a leaf), last bin on the left, left and right child, rows, gain, weight, sums of the channels.
   * Cost: about 2 ns a row and column for each level. Source: Breiman (2001); Geurts et al. (2006), extremely randomized trees.
   */
  treeGrow(options: TreeGrowOptions): Result;
}

export interface TreeKernels extends TreeGrowKernels {
  /**
   * The best split of a leaf, or of both children of one, over some features: the histograms of the sums of gradients, that of the
   * larger child by subtraction, and a look through both. Rows missing in a feature go left or right, as is better;
   * categories are sorted by their mean gradient.
   *
   * `gradients` are summed in float64, in the order of the rows. The second derivatives stand for counts as well, as in LightGBM: a
   * child has as many rows as its share of their sum. A row outside of the columns throws `invalid-input` with its index.
   * Cost: about 0.5 ns a row and feature, and 4 ns a bin. Source: Ke et al. (2017), LightGBM, whose gains these are.
   */
  treeSplits(options: TreeSplitsOptions): void;
  /**
   * Puts rows whose bin `side` gives 0 before those it gives 1, in place, both in the order they had; how many go first. `side` has a byte
   * for each of 256 bins; `scratch` has as many numbers as `rows`. Cost: 2 ns a row.
   */
  treePartition(column: Uint8Array, rows: Int32Array, side: Uint8Array, scratch: Int32Array): number;
  /** `scores[row * width] += value` of some rows; the view begins at the number that is meant. */
  treeAdd(scores: Float64Array, width: number, rows: Int32Array, value: number): void;
  /** The gradients of the logistic loss of each row: weight x (p - target), weight x p (1 - p), right to 1e-10 before they are float32. */
  treeLogistic(scores: Float64Array, targets: Float32Array, weights: Float32Array, gradients: Float32Array): void;
  /**
   * Adds what each tree says of each row to `out`, rows x `width`; tree t counts for number t % width. A node is its column, its threshold
   * (a float32 in its bits), the place of the node for numbers up to the threshold, and of that for others; places are 16 x the
   * node's number, and a leaf leads to itself. Nodes are taken as they are: make them with care.
   * Cost: 4 ns a row and tree of 31 leaves.
   */
  treePredict(trees: TreeNodes, data: Float32Array, cols: number, out: Float64Array, width: number): void;
}

const largestBins = 256;

/** The numbers of `settings`, in the order that the kernel reads them. */
export function treeSettings(settings: TreeSplitSettings): Float64Array {
  return Float64Array.of(
    settings.lambdaL1,
    settings.lambdaL2,
    settings.minDataInLeaf,
    settings.minSumHessianInLeaf,
    settings.minGainToSplit,
    settings.catSmooth,
    settings.catL2,
    settings.maxCatThreshold,
    settings.maxCatToOnehot,
    settings.minDataPerGroup,
    Number(settings.bounded),
  );
}

/** A split that `treeSplits` found. */
export interface TreeSplit {
  /** Twice what the loss falls by. */
  readonly gain: number;
  /** The gain and what the leaf had before: the same order as that of gains, to the last bit. */
  readonly score: number;
  /** Its place in the table. */
  readonly feature: number;
  /** The last bin that goes left; -1 of categories. */
  readonly bin: number;
  readonly missingLeft: boolean;
  /** Sums of the left child. */
  readonly gradient: number;
  readonly hessian: number;
  /** The L2 penalty that the values of the children are computed with. */
  readonly lambdaL2: number;
  /** Whether each of 256 bins goes left, of categories; a view. */
  readonly categories?: Uint8Array;
}

/** What `treeSplits` wrote for leaf 0 or 1; undefined where no split is good enough. */
export function splitOf(splits: Float64Array, leaf: number): TreeSplit | undefined {
  const at = 40 * leaf;
  if (splits[at + 1]! < 0) return undefined;
  const bin = splits[at + 2]!;
  return {
    gain: splits[at]!,
    feature: splits[at + 1]!,
    bin,
    missingLeft: splits[at + 3] === 1,
    gradient: splits[at + 4]!,
    hessian: splits[at + 5]!,
    lambdaL2: splits[at + 6]!,
    score: splits[at + 7]!,
    ...(bin < 0 && { categories: new Uint8Array(splits.buffer, splits.byteOffset + 8 * (at + 8), largestBins) }),
  };
}

type TreeChecks = Pick<Checks, "at" | "checkRows" | "key" | "none">;

/** The numbers of a call, checked, which another thread takes too. */
export function treeSplitsCall({ at, checkRows, none }: TreeChecks, options: TreeSplitsOptions): readonly number[] {
  const { columns, gradients, settings, from, to, rows, small, large, leaves, splits, scratch } = options;
  const { bins, stride, table } = columns;
  const features = table.length / 4;
  for (const [name, value, most] of [
    ["to", to, features],
    ["from", from, to],
  ] as const)
    checkParam(part, name, value, Number.isInteger(value) && value >= 0 && value <= most, `a whole number to ${most}`);
  const sums = small.length / 2;
  const of = bins.length / stride;
  for (let feature = from; feature < to; feature++) {
    const [column, first, count] = [table[4 * feature]!, table[4 * feature + 1]!, table[4 * feature + 2]!];
    if (!(column >= 0 && column < of && first >= 0 && count > 0 && count <= largestBins && first + count <= sums))
      throw new MmubError("invalid-input", {
        part,
        message: `feature ${feature} of the table is column ${column} with ${count} bins from ${first} on, want one of ${of} columns, at most ${largestBins} bins and an end within the ${sums} of a histogram`,
        index: feature,
      });
  }
  const count = large ? 2 : 1;
  const room = scratch.length - 2176;
  if (room < rows.length)
    throw new MmubError("shape-mismatch", {
      part,
      message: `scratch has ${scratch.length} numbers, want 2176 and one for each of ${rows.length} rows`,
    });
  return [
    at("bins", bins),
    stride,
    at("table", table),
    from,
    to,
    checkRows("rows", rows, stride, none, `columns have ${stride} rows`),
    rows.length,
    at("gradients", gradients, 2 * stride, "a pair for each row"),
    at("small", small),
    large ? at("large", large, small.length) : 0,
    at("settings", settings, 11),
    at("leaves", leaves, 5 * count),
    at("splits", splits, 40 * count),
    at("scratch", scratch),
  ];
}

/** As `treeSplitsCall`. */
export function treeGrowCall({ at, checkRows, key, none }: TreeChecks, options: TreeGrowOptions): readonly number[] {
  const { bins, stride, counts, edges, rows, channelOf, targets, weights, channels, nodes, scratch } = options;
  const { maxFeatures, maxDepth, minSamplesSplit, minSamplesLeaf, minGain } = options;
  for (const [name, value] of Object.entries({ maxFeatures, maxDepth, minSamplesSplit, minSamplesLeaf, channels }))
    checkParam(part, name, value, Number.isInteger(value) && value > 0, "a whole number, one or more");
  checkParam(part, "rows", rows.length, rows.length > 0, "one row at least");
  const columns = counts.length;
  const outside = channelOf.findIndex((channel) => channel >= channels);
  if (outside >= 0)
    throw new MmubError("invalid-input", {
      part,
      message: `channelOf[${outside}] is ${channelOf[outside]}, want 0 to ${channels - 1}`,
      index: outside,
    });
  for (const [name, view, least] of [
    ["nodes", nodes, (7 + channels) * (2 * rows.length - 1)],
    ["scratch", scratch, treeGrowScratch(rows.length, columns, channels)],
  ] as const)
    if (view.length < least)
      throw new MmubError("shape-mismatch", {
        part,
        message: `${name} has ${view.length} numbers, want ${least} at least`,
      });
  return [
    at("bins", bins, stride * columns, `${columns} columns x ${stride}`),
    stride,
    at("counts", counts),
    columns,
    edges ? at("edges", edges, largestBins * columns, `${columns} columns x 256`) : 0,
    checkRows("rows", rows, stride, none, `columns have ${stride} rows`),
    rows.length,
    at("channelOf", channelOf, stride),
    at("targets", targets, stride),
    at("weights", weights, stride),
    channels,
    maxFeatures,
    Math.min(maxDepth, 2 ** 31 - 1),
    minSamplesSplit,
    minSamplesLeaf,
    minGain,
    ...key(options.key),
    at("nodes", nodes),
    at("scratch", scratch),
  ];
}
