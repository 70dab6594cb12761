// What classifier and regressor have in common: from features to a forest, and back from what was saved.
import {
  checkParam,
  type FitOptions,
  type Json,
  MmubError,
  pace,
  progress,
  random,
  type Saved,
  savedArray,
} from "@mmub/core";
import { type KernelBuild, kernels, treeGrowScratch } from "@mmub/kernels";
import type { Matrix } from "../linear.js";
import { binsOf, type ColumnBins, learnBins, writeBins } from "../trees/bins.js";
import {
  emptyTrees,
  type Importance,
  importanceOf,
  largestNumber,
  leafOf,
  loadedTrees,
  type Predictor,
  predictor,
  savedTrees,
  type Trees,
} from "../trees/ensemble.js";
import { type Missing, writeRows } from "../trees/rows.js";
import { featuresOf, filled } from "../trees/settings.js";

/** How a forest is grown, whatever it predicts. */
export interface ForestParams {
  /** @default 100 */
  readonly numTrees?: number;
  /**
   * Columns that each node looks at: `"sqrt"` or `"log2"` of all, a whole number from 2 on, or a share up to 1, which is all of them.
   * @default "sqrt" of a classifier, 1 of a regressor
   */
  readonly maxFeatures?: "sqrt" | "log2" | number;
  /** Splits from the root to a leaf at most. @default null: no limit */
  readonly maxDepth?: number | null;
  /** Rows that a node must have to be split. @default 2 */
  readonly minSamplesSplit?: number;
  /** Rows of a leaf at least. @default 1 */
  readonly minSamplesLeaf?: number;
  /** What a split must lower the impurity by, weighted by the share of the rows. @default 0 */
  readonly minImpurityDecrease?: number;
  /** Whether each tree learns from rows that are drawn with replacement. @default true of a random forest, false of extra trees */
  readonly bootstrap?: boolean;
  /** The share of the rows that are drawn. Wants `bootstrap`. @default 1 */
  readonly maxSamples?: number;
  /** Whether the rows that a tree has not learned from are predicted by it: `fitted.oobScore`. Wants `bootstrap`. @default false */
  readonly oobScore?: boolean;
  /** Bins of a column, 2 to 255: thresholds are between them. @default 255 */
  readonly maxBins?: number;
  /** Rows that the bins are learned from. @default 50_000 */
  readonly binSamples?: number;
  /**
   * `"nan"`: a NaN is a missing value, larger than every number; `null`: it is refused. Rows of a missing modality are missing
   * values in every column either way. @default null
   */
  readonly missing?: Missing;
  /** Threads that grow trees, on one memory; no part of what is saved, and of no effect on the numbers. @default 1 */
  readonly threads?: number;
  /** Of the kernels; no part of what is saved. @default the fastest there is */
  readonly build?: KernelBuild;
}

export type Settings = Required<Omit<ForestParams, "threads" | "build">>;

/** What a fit came to, beside what it predicts. */
export interface FittedForest {
  /** By column: what its splits gained, and how many there are. */
  readonly importance: Importance;
  /** Accuracy or R2 on rows by the trees that have not learned from them, where it was asked for. */
  readonly oobScore?: number;
  /** The trees, node by node. The prediction is the mean of theirs; of two classes it is the chance of the second. */
  readonly trees: Trees;
  /** Of three classes and more, their shares at each node: nodes x classes. A column of it in place of `trees.values` is one class. */
  readonly shares?: Float32Array;
}

export interface Made {
  readonly trees: Trees;
  readonly columns: readonly ColumnBins[];
  /** The shares of more than two classes at each node. */
  readonly shares?: Float32Array;
  readonly oobScore?: number;
}

export function settingsOf(
  part: string,
  params: ForestParams,
  own: Pick<Settings, "maxFeatures" | "bootstrap">,
  extra: readonly string[],
) {
  const { threads = 1, build, ...given } = params;
  const defaults: Settings = {
    numTrees: 100,
    maxDepth: null,
    minSamplesSplit: 2,
    minSamplesLeaf: 1,
    minImpurityDecrease: 0,
    maxSamples: 1,
    oobScore: false,
    maxBins: 255,
    binSamples: 50_000,
    missing: null,
    ...own,
  };
  const settings = filled(part, given, defaults, [...extra, "threads", "build"]);
  const check = (name: keyof Settings, ok: boolean, want: string): void =>
    checkParam(part, name, settings[name], ok, want);
  const whole = (name: keyof Settings, least: number): void =>
    check(
      name,
      Number.isInteger(settings[name]) && (settings[name] as number) >= least,
      `a whole number of at least ${least}`,
    );
  for (const name of ["numTrees", "minSamplesLeaf", "binSamples"] as const) whole(name, 1);
  whole("minSamplesSplit", 2);
  if (settings.maxDepth !== null) whole("maxDepth", 1);
  const { maxFeatures, minImpurityDecrease, maxSamples, maxBins, missing, bootstrap, oobScore } = settings;
  check("maxBins", Number.isInteger(maxBins) && maxBins >= 2 && maxBins <= 255, "a whole number from 2 to 255");
  check(
    "maxFeatures",
    maxFeatures === "sqrt" ||
      maxFeatures === "log2" ||
      (maxFeatures > 0 && (maxFeatures <= 1 || Number.isInteger(maxFeatures))),
    '"sqrt", "log2", a share up to 1 or a whole number',
  );
  check("minImpurityDecrease", minImpurityDecrease >= 0 && minImpurityDecrease < Infinity, "a number of at least 0");
  check("maxSamples", maxSamples > 0 && maxSamples <= 1, "a share above 0, at most 1");
  for (const name of ["bootstrap", "oobScore"] as const)
    check(name, typeof settings[name] === "boolean", "true or false");
  check("oobScore", bootstrap || !oobScore, "false without bootstrap: every tree has learned from every row");
  check("maxSamples", bootstrap || maxSamples === 1, "1 without bootstrap");
  check("missing", missing === null || missing === "nan", '"nan" or null');
  checkParam(part, "threads", threads, Number.isInteger(threads) && threads > 0, "a whole number of at least 1");
  return { settings, threads, build };
}

export interface FitData {
  readonly x: Matrix;
  /** The class of each row; zeros for numbers and for two classes. */
  readonly channelOf: Uint8Array;
  /** A number, 0 or 1 of two classes, 1 of more. */
  readonly targets: Float32Array;
  readonly weights: Float32Array;
  /** 1, or the number of classes where they are more than two. */
  readonly channels: number;
  readonly isClass: boolean;
}

export async function fitForest(
  part: string,
  { settings, threads, build }: ReturnType<typeof settingsOf>,
  extra: boolean,
  { x, channelOf, targets, weights, channels, isClass }: FitData,
  options: FitOptions | undefined,
): Promise<Made> {
  const { rows, cols } = x;
  const { numTrees, maxFeatures, bootstrap, maxSamples } = settings;
  const seed = options?.seed ?? 0;
  const seeds = random(seed);
  const pause = pace(options?.signal);
  const report = progress(options, part, numTrees);
  const learned = learnBins(
    x,
    { maxBins: settings.maxBins, categorical: [], samples: settings.binSamples },
    seeds,
    part,
  );

  const lanes = Math.min(threads, numTrees);
  const record = 7 + channels;
  const scratch = treeGrowScratch(rows, cols, channels);
  const perLane = 4 * rows + 4 * rows + 8 * record * (2 * rows - 1) + 8 * scratch;
  const bytes = rows * cols + 4 * cols + (extra ? 1024 * cols : 0) + 5 * rows + lanes * (perLane + 256) + 4096;
  if (bytes > 2 ** 32 - 2 ** 20)
    throw new MmubError("invalid-params", {
      part,
      message: `${rows} rows of ${cols} columns take ${(bytes / 2 ** 30).toFixed(1)} GiB on ${lanes} threads, want less than 4; give fewer rows, columns or threads`,
      bytes,
    });
  const k = kernels({ bytes, shared: lanes > 1, ...(build && { build }) });
  const bins = k.uint8(rows * cols);
  await writeBins(x, learned, bins, rows, pause);
  const counts = k.int32(cols);
  counts.set(learned.map(binsOf));
  const edges = extra ? k.float32(256 * cols) : undefined;
  if (edges) for (const [column, of] of learned.entries()) edges.set(edgesOf(of), 256 * column);
  const shared = { channelOf: k.uint8(rows), targets: k.float32(rows) };
  shared.channelOf.set(channelOf);
  shared.targets.set(targets);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const grown: Grown[] = [];
  const judged = settings.oobScore
    ? { sums: new Float64Array(rows * channels), trees: new Int32Array(rows) }
    : undefined;
  const crew = lanes > 1 ? await k.threads(lanes) : undefined;
  let next = 0;
  let done = 0;
  const work = async (): Promise<void> => {
    const own = { rows: k.int32(rows), weights: k.float32(rows) };
    const [nodes, room] = [k.float64(record * (2 * rows - 1)), k.float64(scratch)];
    while (next < numTrees) {
      await pause();
      if (next >= numTrees) break;
      const tree = next++;
      const inBag = deal(
        own,
        weights,
        bootstrap ? Math.max(1, Math.round(maxSamples * rows)) : 0,
        seeds.fork(`tree ${tree}`),
      );
      const made = await (crew ?? k).treeGrow({
        ...{ bins, stride: rows, counts, ...(edges && { edges }), rows: own.rows.subarray(0, inBag) },
        ...{ ...shared, weights: own.weights, channels, maxFeatures: featuresOf(maxFeatures, cols) },
        maxDepth: settings.maxDepth ?? 2 ** 31 - 1,
        minSamplesSplit: settings.minSamplesSplit,
        minSamplesLeaf: settings.minSamplesLeaf,
        // Of two classes one channel tells half of what the Gini index falls by.
        minGain: settings.minImpurityDecrease * total * (isClass && channels === 1 ? 0.5 : 1),
        ...{ key: [seed, tree], nodes, scratch: room },
      });
      grown[tree] = flat(nodes.subarray(0, made * record), record, channels, learned);
      if (judged) judge(judged, nodes, record, channels, bins, rows, own.weights);
      report(++done);
    }
  };
  try {
    await Promise.all(Array.from({ length: lanes }, work));
    options?.signal?.throwIfAborted();
  } finally {
    await crew?.end();
  }
  const made = joined(grown, channels);
  return {
    ...made,
    columns: learned,
    ...(judged && { oobScore: oobScoreOf(judged, channels, channelOf, targets, isClass) }),
  };
}

/** What stands for each bin where a threshold is drawn between them. */
function edgesOf(column: ColumnBins): Float32Array {
  const { bounds } = column;
  const out = new Float32Array(256);
  const count = binsOf(column);
  for (let bin = 0; bin < count; bin++) {
    const low = bounds[Math.min(Math.max(0, bin - 1), bounds.length - 1)] ?? 0;
    const high = bounds[Math.min(bin, bounds.length - 1)] ?? 0;
    out[bin] = low / 2 + high / 2;
  }
  // The outermost bins are as wide as their neighbours.
  if (bounds.length > 1) {
    out[0] = Math.max(-largestNumber, bounds[0]! - (bounds[1]! - bounds[0]!) / 2);
    const end = bounds.length;
    out[end] = Math.min(largestNumber, bounds[end - 1]! + (bounds[end - 1]! - bounds[end - 2]!) / 2);
    for (let bin = end + 1; bin < count; bin++) out[bin] = out[end]!;
  } else if (bounds.length === 1) {
    out[1] = bounds[0]! + 1;
    out[0] = bounds[0]! - 1;
    out[2] = out[1]!;
  }
  return out;
}

/** Writes the rows of a tree, and how much each weighs: as often as it was drawn. */
function deal(
  own: { readonly rows: Int32Array; readonly weights: Float32Array },
  weights: Float32Array,
  draws: number,
  from: ReturnType<typeof random>,
): number {
  const { length } = weights;
  if (draws === 0) own.weights.fill(1);
  else {
    own.weights.fill(0);
    for (let i = 0; i < draws; i++) own.weights[from.integer(length)]!++;
  }
  let count = 0;
  for (let row = 0; row < length; row++) {
    if (own.weights[row] === 0) continue;
    own.rows[count++] = row;
    own.weights[row]! *= weights[row]!;
  }
  return count;
}

interface Grown extends Omit<Trees, "sets"> {
  readonly shares: Float32Array;
}

/** The nodes of a tree as flat arrays, from what the kernel wrote. */
function flat(nodes: Float64Array, record: number, channels: number, columns: readonly ColumnBins[]): Grown {
  const count = nodes.length / record;
  const out: Grown = {
    ...emptyTrees(1, count),
    shares: new Float32Array(channels > 1 ? channels * count : 0),
  };
  for (let node = 0; node < count; node++) {
    const at = node * record;
    const column = nodes[at]!;
    out.columns[node] = column;
    out.left[node] = column < 0 ? node : nodes[at + 2]!;
    out.right[node] = column < 0 ? node : nodes[at + 3]!;
    out.counts[node] = nodes[at + 4]!;
    out.gains[node] = nodes[at + 5]!;
    if (column >= 0) out.thresholds[node] = columns[column]!.bounds[nodes[at + 1]!] ?? largestNumber;
    if (channels === 1) out.values[node] = nodes[at + 7]! / nodes[at + 6]!;
    else for (let c = 0; c < channels; c++) out.shares[node * channels + c] = nodes[at + 7 + c]! / nodes[at + 6]!;
  }
  return out;
}

function joined(grown: readonly Grown[], channels: number): Pick<Made, "trees" | "shares"> {
  const total = grown.reduce((sum, { columns }) => sum + columns.length, 0);
  const out = { ...emptyTrees(grown.length, total), sets: new Uint32Array() };
  const shares = new Float32Array(channels > 1 ? channels * total : 0);
  let at = 0;
  for (const [t, tree] of grown.entries()) {
    out.roots[t] = at;
    for (const name of ["columns", "thresholds", "values", "gains", "counts"] as const) out[name].set(tree[name], at);
    for (const name of ["left", "right"] as const)
      for (let node = 0; node < tree.columns.length; node++) out[name][at + node] = at + tree[name][node]!;
    if (channels > 1) shares.set(tree.shares, at * channels);
    at += tree.columns.length;
  }
  return { trees: out, ...(channels > 1 && { shares }) };
}

interface Judged {
  readonly sums: Float64Array;
  readonly trees: Int32Array;
}

/** Adds what a tree says of the rows it has not learned from. */
function judge(
  { sums, trees }: Judged,
  nodes: Float64Array,
  record: number,
  channels: number,
  bins: Uint8Array,
  rows: number,
  weights: Float32Array,
): void {
  for (let row = 0; row < rows; row++) {
    if (weights[row] !== 0) continue;
    let at = 0;
    while (nodes[at]! >= 0) at = record * nodes[at + (bins[nodes[at]! * rows + row]! <= nodes[at + 1]! ? 2 : 3)]!;
    for (let c = 0; c < channels; c++) sums[row * channels + c]! += nodes[at + 7 + c]! / nodes[at + 6]!;
    trees[row]!++;
  }
}

function oobScoreOf(
  { sums, trees }: Judged,
  channels: number,
  channelOf: Uint8Array,
  targets: Float32Array,
  isClass: boolean,
): number {
  let [right, judged, mean] = [0, 0, 0];
  for (let row = 0; row < trees.length; row++)
    if (trees[row]! > 0) {
      mean += targets[row]!;
      judged++;
    }
  mean /= judged;
  let [error, spread] = [0, 0];
  for (let row = 0; row < trees.length; row++) {
    const count = trees[row]!;
    if (count === 0) continue;
    const guess = sums[row * channels]! / count;
    if (channels > 1) {
      const own = sums.subarray(row * channels, (row + 1) * channels);
      if (own.indexOf(Math.max(...own)) === channelOf[row]) right++;
    } else if (isClass) right += Number(guess > 0.5 === (targets[row] === 1));
    error += (targets[row]! - guess) ** 2;
    spread += (targets[row]! - mean) ** 2;
  }
  return isClass ? right / judged : 1 - error / spread;
}

/** The mean over the trees for rows `from` to `to`: a number, or the share of each class. */
export function forestScorer({ trees, columns, shares }: Made) {
  const count = trees.roots.length;
  if (!shares) {
    let made: Predictor | undefined;
    return (x: Matrix, from: number, to: number, out: Float64Array): void => {
      // A missing value is not "at most" any threshold: it goes right, as in the fit.
      made ??= predictor(trees, columns, 1, false);
      out.fill(0);
      made(x, from, to, out);
      for (let i = 0; i < out.length; i++) out[i]! /= count;
    };
  }
  const channels = shares.length / trees.columns.length;
  const line = new Float32Array(columns.length);
  return (x: Matrix, from: number, to: number, out: Float64Array): void => {
    out.fill(0);
    for (let row = from; row < to; row++) {
      writeRows(x, row, row + 1, line, line.length);
      const at = (row - from) * channels;
      for (const root of trees.roots) {
        const node = leafOf(trees, root, line);
        for (let c = 0; c < channels; c++) out[at + c]! += shares[node * channels + c]! / count;
      }
    }
  };
}

export function told({ trees, columns, shares, oobScore }: Made): FittedForest {
  return {
    importance: importanceOf(trees, columns.length),
    trees,
    ...(shares && { shares }),
    ...(oobScore !== undefined && { oobScore }),
  };
}

export function savedForest(
  recipe: { readonly type: string; readonly params: Json },
  { trees, columns, shares, oobScore }: Made,
  state: Readonly<Record<string, Json>>,
): Saved {
  return {
    ...recipe,
    version: 1,
    state: { ...state, cols: columns.length, ...(oobScore !== undefined && { oobScore }) },
    arrays: { ...savedTrees(trees, columns), ...(shares && { shares: shares.slice() }) },
  };
}

export function loadedForest(saved: Saved, channels: number): Made {
  const { cols, oobScore } = saved.state as unknown as { readonly cols: number; readonly oobScore?: number };
  const made = loadedTrees(saved, cols);
  return {
    ...made,
    ...(channels > 1 && { shares: savedArray(saved, "shares", Float32Array, channels * made.trees.columns.length) }),
    ...(oobScore !== undefined && { oobScore }),
  };
}
