// One tree, leaf by leaf: the leaf whose split gains most is next.
import type { Random } from "@mmub/core";
import { type KernelLanes, type Kernels, splitOf, type TreeSplit, treeSettings } from "@mmub/kernels";
import { binsOf, type ColumnBins } from "../trees/bins.js";
import { largestNumber, type TreeNode } from "../trees/ensemble.js";

export interface GrowParams {
  readonly numLeaves: number;
  readonly maxDepth: number | null;
  readonly minDataInLeaf: number;
  readonly minSumHessianInLeaf: number;
  readonly minGainToSplit: number;
  readonly lambdaL1: number;
  readonly lambdaL2: number;
  readonly catSmooth: number;
  readonly catL2: number;
  readonly maxCatThreshold: number;
  readonly maxCatToOnehot: number;
  readonly minDataPerGroup: number;
  readonly monotone: Readonly<Record<string, 1 | -1>>;
}

/** A tree and where its rows are. */
export interface Grown {
  readonly nodes: readonly (TreeNode & { readonly side?: Uint8Array })[];
  /** The rows of each leaf, and its node. */
  readonly leaves: readonly { readonly node: number; readonly rows: Int32Array }[];
}

interface Leaf {
  readonly node: number;
  readonly from: number;
  readonly count: number;
  readonly g: number;
  readonly h: number;
  readonly low: number;
  readonly high: number;
  readonly depth: number;
  readonly lambdaL2: number;
  histogram: Float64Array | undefined;
  split: TreeSplit | undefined;
}

/** Bytes of memory that `grower` takes, at most. */
export function growerBytes(rows: number, columns: readonly ColumnBins[], numLeaves: number, lanes: number): number {
  const sums = columns.reduce((sum, column) => sum + binsOf(column), 0);
  const features = columns.length;
  return (
    numLeaves * (16 * sums + 64) + 4 * rows + lanes * (8 * (2176 + rows) + 1024) + 16 * features + 256 + 4096 + 64 * 8
  );
}

/**
 * Grows trees on `bins`, `rows` of each column. `gradients` and the order of `rows` belong to the caller, who changes them between
 * trees; rows are put into the order of the leaves.
 */
export function grower(
  k: Kernels,
  lanes: KernelLanes,
  columns: readonly ColumnBins[],
  bins: Uint8Array,
  stride: number,
  gradients: Float32Array,
  params: GrowParams,
) {
  const { numLeaves, maxDepth, minDataInLeaf, lambdaL1, monotone } = params;
  const bounded = Object.keys(monotone).length > 0;
  const settings = k.float64(11);
  settings.set(treeSettings({ ...params, bounded }));
  const offsets: number[] = [];
  let sums = 0;
  for (const column of columns) {
    offsets.push(sums);
    sums += binsOf(column);
  }
  const histograms = Array.from({ length: numLeaves }, () => k.float64(2 * sums));
  const table = k.int32(4 * columns.length);
  const side = k.uint8(256);
  const moved = k.int32(stride);
  const leaves = k.float64(10);
  const crew = Array.from({ length: lanes.count }, () => ({
    splits: k.float64(80),
    scratch: k.float64(2176 + stride),
  }));

  const leafValue = (g: number, h: number, low: number, high: number, lambdaL2: number): number => {
    const soft = g > lambdaL1 ? g - lambdaL1 : g < -lambdaL1 ? g + lambdaL1 : 0;
    // A leaf without second derivatives, such as of rows of weight 0, says nothing.
    return Math.max(low, Math.min(high, h + lambdaL2 > 0 ? -soft / (h + lambdaL2) : 0));
  };

  /** Looks for the splits of a leaf, or of two children: the smaller one's histogram is built, the larger one's subtracted. */
  const search = (rows: Int32Array, small: Leaf, large: Leaf | undefined, features: number): void => {
    const known = (leaf: Leaf) => [leaf.g, leaf.h, leaf.count, leaf.low, leaf.high];
    leaves.set(known(small));
    if (large) leaves.set(known(large), 5);
    const count = large ? 2 : 1;
    // Four columns are added up at once.
    const share = 4 * Math.ceil(features / (4 * crew.length));
    const calls = crew
      .map(({ splits, scratch }, lane) => ({
        columns: { bins, stride, table: table.subarray(0, 4 * features) },
        gradients,
        settings,
        from: Math.min(features, lane * share),
        to: Math.min(features, (lane + 1) * share),
        rows: rows.subarray(small.from, small.from + small.count),
        small: small.histogram!,
        ...(large && { large: large.histogram! }),
        leaves: leaves.subarray(0, 5 * count),
        splits: splits.subarray(0, 40 * count),
        scratch,
      }))
      .filter(({ from, to }) => from < to);
    lanes.treeSplits(calls);
    for (const [i, leaf] of [small, large].entries()) {
      if (!leaf) continue;
      for (const { splits } of calls) {
        const found = splitOf(splits, i);
        if (found && (!leaf.split || found.score > leaf.split.score)) leaf.split = found;
      }
      if (leaf.split?.categories) leaf.split = { ...leaf.split, categories: leaf.split.categories.slice() };
    }
  };

  return {
    /** `used` are the columns that the tree may split by, rising. */
    grow(rows: Int32Array, used: readonly number[]): Grown {
      for (const [feature, column] of used.entries()) {
        const of = columns[column]!;
        const rule = monotone[column];
        const kind = (of.missing ? 1 : 0) + (of.isCategory ? 2 : 0) + (rule === 1 ? 4 : rule === -1 ? 8 : 0);
        table.set([column, offsets[column]!, binsOf(of), kind], 4 * feature);
      }
      let [g, h] = [0, 0];
      for (let i = 0; i < rows.length; i++) {
        const row = rows[i]!;
        g += gradients[2 * row]!;
        h += gradients[2 * row + 1]!;
      }
      const free = [...histograms];
      const nodes: (TreeNode & { side?: Uint8Array })[] = [];
      const addLeaf = (leaf: Omit<Leaf, "node" | "histogram" | "split">): Leaf => {
        const { g, h, low, high, lambdaL2, count } = leaf;
        const value = leafValue(g, h, low, high, lambdaL2);
        const node = nodes.push({ column: -1, threshold: 0, left: 0, right: 0, flags: 0, value, gain: 0, count }) - 1;
        return { ...leaf, node, histogram: undefined, split: undefined };
      };
      const mayGrow = ({ count, depth }: Leaf): boolean =>
        count >= 2 * minDataInLeaf && count > 1 && (maxDepth === null || depth < maxDepth);

      const { lambdaL2 } = params;
      const root = addLeaf({
        ...{ from: 0, count: rows.length, g, h, depth: 0, lambdaL2 },
        ...{ low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY },
      });
      const open = [root];
      if (mayGrow(root) && numLeaves > 1 && used.length > 0) {
        root.histogram = free.pop()!;
        search(rows, root, undefined, used.length);
      }
      while (open.length < numLeaves) {
        let best: Leaf | undefined;
        for (const leaf of open) if (leaf.split && !(best && best.split!.gain >= leaf.split.gain)) best = leaf;
        if (!best) break;
        const { split, from, count, node } = best as Leaf & { split: TreeSplit };
        const column = used[split.feature]!;
        const of = columns[column]!;
        // Bytes of 0 go left.
        const last = binsOf(of) - 1;
        for (let bin = 0; bin < 256; bin++)
          side[bin] = split.categories ? 1 - split.categories[bin]! : bin <= split.bin ? 0 : 1;
        if (of.missing && !of.isCategory) side[last] = split.missingLeft ? 0 : 1;
        const leftCount = k.treePartition(
          bins.subarray(column * stride, (column + 1) * stride),
          rows.subarray(from, from + count),
          side,
          moved.subarray(0, count),
        );
        if (leftCount === 0 || leftCount === count) {
          // Sums of rounding errors only: there is nothing to split.
          best.split = undefined;
          continue;
        }
        const shared = { depth: best.depth + 1, lambdaL2: split.lambdaL2, low: best.low, high: best.high };
        const leftSums = { g: split.gradient, h: split.hessian };
        const rightSums = { g: best.g - split.gradient, h: best.h - split.hessian };
        const [leftBounds, rightBounds] = bounds(monotone[column], shared, leftSums, rightSums);
        const left = addLeaf({ ...shared, ...leftBounds, ...leftSums, from, count: leftCount });
        const right = addLeaf({
          ...{ ...shared, ...rightBounds, ...rightSums },
          ...{ from: from + leftCount, count: count - leftCount },
        });
        const missingLeft = of.missing && !of.isCategory ? split.missingLeft : leftCount >= count - leftCount;
        nodes[node] = {
          ...nodes[node]!,
          column,
          threshold: split.categories ? 0 : of.bounds[Math.min(split.bin, of.bounds.length - 1)]!,
          left: left.node,
          right: right.node,
          flags: (missingLeft && !split.categories ? 1 : 0) + (split.categories ? 2 : 0),
          gain: split.gain,
          ...(split.categories && { set: split.categories }),
          side: side.slice(),
        };
        // Every number that is there goes left: nothing but missing values is on the right.
        if (!split.categories && split.bin >= of.bounds.length)
          nodes[node] = { ...nodes[node]!, threshold: largestNumber };
        open.splice(open.indexOf(best), 1, left, right);
        const [small, large] = left.count <= right.count ? [left, right] : [right, left];
        if (open.length < numLeaves && (mayGrow(large) || mayGrow(small))) {
          large.histogram = best.histogram;
          small.histogram = free.pop()!;
          search(rows, small, large, used.length);
          for (const leaf of [small, large])
            if (!mayGrow(leaf)) {
              leaf.split = undefined;
              free.push(leaf.histogram!);
            }
        }
        best.histogram = undefined;
      }
      return {
        nodes,
        leaves: open.map(({ node, from, count }) => ({ node, rows: rows.subarray(from, from + count) })),
      };
    },
  };

  function bounds(
    rule: 1 | -1 | undefined,
    parent: { readonly low: number; readonly high: number; readonly lambdaL2: number },
    left: { readonly g: number; readonly h: number },
    right: { readonly g: number; readonly h: number },
  ) {
    const { low, high, lambdaL2 } = parent;
    if (!rule) return [parent, parent].map(() => ({ low, high })) as [Bounds, Bounds];
    const middle =
      (leafValue(left.g, left.h, low, high, lambdaL2) + leafValue(right.g, right.h, low, high, lambdaL2)) / 2;
    const [below, over] = [
      { low, high: middle },
      { low: middle, high },
    ];
    return (rule === 1 ? [below, over] : [over, below]) as [Bounds, Bounds];
  }
}

interface Bounds {
  readonly low: number;
  readonly high: number;
}

/** The leaf of a row among its bins. */
export function leafOf(nodes: Grown["nodes"], bins: Uint8Array, stride: number, row: number): number {
  let node = 0;
  for (let of = nodes[node]!; of.side; of = nodes[node]!)
    node = of.side[bins[of.column * stride + row]!] === 0 ? of.left : of.right;
  return node;
}

/** A share of the columns, rising. */
export function pickColumns(columns: readonly number[], share: number, random: Random): readonly number[] {
  if (share === 1) return columns;
  const count = Math.max(1, Math.round(share * columns.length));
  return random
    .shuffle([...columns])
    .slice(0, count)
    .sort((a, b) => a - b);
}
