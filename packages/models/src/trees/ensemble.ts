import { type Saved, savedArray } from "@mmub/core";
import { type Kernels, kernels, type TreeNodes } from "@mmub/kernels";
import type { Matrix } from "../linear.js";
import { binner, type ColumnBins } from "./bins.js";
import { writeRows } from "./rows.js";

/** Trees as flat arrays: nodes of one tree after another, a node before its children. */
export interface Trees {
  /** The first node of each tree. */
  readonly roots: Int32Array;
  /** The column that a node splits by; -1 of a leaf. */
  readonly columns: Int32Array;
  /** Numbers up to this go left; of a category: which of `sets` goes left. */
  readonly thresholds: Float32Array;
  readonly left: Int32Array;
  readonly right: Int32Array;
  /** 1: missing values go left. 2: splits by categories. */
  readonly flags: Uint8Array;
  /** What a row that ends here gets; of inner nodes, what it would get. */
  readonly values: Float64Array;
  /** What a split gained; 0 of a leaf. */
  readonly gains: Float64Array;
  /** How many rows of the fit came here. */
  readonly counts: Float64Array;
  /** 256 bits each: whether the bin of a category goes left. */
  readonly sets: Uint32Array;
}

/** Of float32: as a threshold, every number goes left. */
export const largestNumber = 3.4028234663852886e38;

export interface TreeNode {
  readonly column: number;
  readonly threshold: number;
  readonly left: number;
  readonly right: number;
  readonly flags: number;
  readonly value: number;
  readonly gain: number;
  readonly count: number;
  readonly set?: Uint8Array;
}

/** Nodes of trees, each with children by their place in its own tree, as flat arrays. */
export function joinTrees(trees: readonly (readonly TreeNode[])[]): Trees {
  const total = trees.reduce((sum, tree) => sum + tree.length, 0);
  const sets: Uint8Array[] = [];
  const out = emptyTrees(trees.length, total);
  let at = 0;
  for (const [t, tree] of trees.entries()) {
    out.roots[t] = at;
    for (const [i, node] of tree.entries()) {
      const isLeaf = node.column < 0;
      out.columns[at + i] = node.column;
      out.left[at + i] = isLeaf ? at + i : at + node.left;
      out.right[at + i] = isLeaf ? at + i : at + node.right;
      out.flags[at + i] = node.flags;
      out.values[at + i] = node.value;
      out.gains[at + i] = node.gain;
      out.counts[at + i] = node.count;
      out.thresholds[at + i] = node.set ? sets.push(node.set) - 1 : node.threshold;
    }
    at += tree.length;
  }
  const words = new Uint32Array(8 * sets.length);
  for (const [s, set] of sets.entries())
    for (let bin = 0; bin < 256; bin++) if (set[bin]) words[8 * s + (bin >> 5)]! |= 1 << (bin & 31);
  return { ...out, sets: words };
}

/** Room for `nodes` of `trees`, without sets. */
export function emptyTrees(trees: number, nodes: number): Omit<Trees, "sets"> {
  return {
    roots: new Int32Array(trees),
    columns: new Int32Array(nodes),
    thresholds: new Float32Array(nodes),
    left: new Int32Array(nodes),
    right: new Int32Array(nodes),
    flags: new Uint8Array(nodes),
    values: new Float64Array(nodes),
    gains: new Float64Array(nodes),
    counts: new Float64Array(nodes),
  };
}

/** The first `count` trees. */
export function firstTrees(trees: Trees, count: number): Trees {
  if (count >= trees.roots.length) return trees;
  const end = trees.roots[count]!;
  const cut = <A extends { slice(from: number, to: number): A }>(array: A): A => array.slice(0, end);
  return {
    roots: trees.roots.slice(0, count),
    columns: cut(trees.columns),
    thresholds: cut(trees.thresholds),
    left: cut(trees.left),
    right: cut(trees.right),
    flags: cut(trees.flags),
    values: cut(trees.values),
    gains: cut(trees.gains),
    counts: cut(trees.counts),
    sets: trees.sets,
  };
}

export interface Importance {
  /** What the splits by each column gained, in sum. */
  readonly gain: Float64Array;
  /** How often each column splits. */
  readonly split: Float64Array;
}

export function importanceOf(trees: Trees, cols: number): Importance {
  const gain = new Float64Array(cols);
  const split = new Float64Array(cols);
  for (let node = 0; node < trees.columns.length; node++) {
    const column = trees.columns[node]!;
    if (column < 0) continue;
    gain[column]! += trees.gains[node]!;
    split[column]!++;
  }
  return { gain, split };
}

export function savedTrees(trees: Trees, columns: readonly ColumnBins[]): NonNullable<Saved["arrays"]> {
  const categories = columns.filter(({ isCategory }) => isCategory);
  const codes = new Float32Array(categories.reduce((sum, { bounds }) => sum + bounds.length, 0));
  let at = 0;
  for (const { bounds } of categories) {
    codes.set(bounds, at);
    at += bounds.length;
  }
  return {
    ...Object.fromEntries(Object.entries(trees).map(([name, array]) => [name, array.slice()])),
    categories: codes,
    categoryCounts: Int32Array.from(columns, ({ isCategory, bounds }) => (isCategory ? bounds.length : -1)),
  };
}

/** Trees, and of the columns the categories, which prediction needs. */
export function loadedTrees(saved: Saved, cols: number): { readonly trees: Trees; readonly columns: ColumnBins[] } {
  const columns = savedArray(saved, "columns", Int32Array);
  const nodes = columns.length;
  const trees: Trees = {
    roots: savedArray(saved, "roots", Int32Array),
    columns,
    thresholds: savedArray(saved, "thresholds", Float32Array, nodes),
    left: savedArray(saved, "left", Int32Array, nodes),
    right: savedArray(saved, "right", Int32Array, nodes),
    flags: savedArray(saved, "flags", Uint8Array, nodes),
    values: savedArray(saved, "values", Float64Array, nodes),
    gains: savedArray(saved, "gains", Float64Array, nodes),
    counts: savedArray(saved, "counts", Float64Array, nodes),
    sets: savedArray(saved, "sets", Uint32Array),
  };
  const codes = savedArray(saved, "categories", Float32Array);
  const counts = savedArray(saved, "categoryCounts", Int32Array, cols);
  let at = 0;
  return {
    trees,
    columns: Array.from(counts, (count): ColumnBins => {
      if (count < 0) return { bounds: new Float32Array(), isCategory: false, missing: false };
      at += count;
      return { bounds: codes.slice(at - count, at), isCategory: true, missing: true };
    }),
  };
}

/** The node of the tree at `root` that a row ends in; a missing value goes where its node says. */
export function leafOf(trees: Trees, root: number, line: Float32Array): number {
  let node = root;
  for (;;) {
    const column = trees.columns[node]!;
    if (column < 0) return node;
    const value = line[column]!;
    const goesLeft = Number.isNaN(value) ? trees.flags[node] === 1 : value <= trees.thresholds[node]!;
    node = goesLeft ? trees.left[node]! : trees.right[node]!;
  }
}

/** Adds what the trees say of rows `from` to `to` to `out`, `width` numbers a row: tree t counts for number t % width. */
export type Predictor = (x: Matrix, from: number, to: number, out: Float64Array) => void;

// Rows that the kernel takes at once.
const block = 256;

/**
 * The kernel compares numbers, and a missing one is in no relation to any. Where some may be missing, each row goes on with its
 * numbers negated: "x <= t or missing" is then the other side of "-x <= t', not missing". A split by categories becomes a
 * number of its own, 0 for the left.
 */
export function predictor(
  trees: Trees,
  columns: readonly ColumnBins[],
  width: number,
  withMissing: boolean,
): Predictor {
  const cols = columns.length;
  const nodes = trees.columns.length;
  const categories: { readonly column: number; readonly set: number }[] = [];
  const words = new Int32Array(4 * nodes);
  const floats = new Float32Array(words.buffer);
  const own = withMissing ? 2 * cols : cols;
  for (let node = 0; node < nodes; node++) {
    const column = trees.columns[node]!;
    const flags = trees.flags[node]!;
    const [left, right] = [16 * trees.left[node]!, 16 * trees.right[node]!];
    words[4 * node] = Math.max(0, column);
    floats[4 * node + 1] = trees.thresholds[node]!;
    words[4 * node + 2] = left;
    words[4 * node + 3] = right;
    if (column < 0) continue;
    if (flags & 2) {
      words[4 * node] = own + categories.push({ column, set: trees.thresholds[node]! }) - 1;
      floats[4 * node + 1] = 0.5;
    } else if (withMissing && flags & 1) {
      words[4 * node] = cols + column;
      floats[4 * node + 1] = -above(trees.thresholds[node]!);
      words[4 * node + 2] = right;
      words[4 * node + 3] = left;
    }
  }
  const line = Math.max(1, own + categories.length);
  const roots = trees.roots.length;
  const bytes = 16 * nodes + 8 * nodes + 4 * roots + 4 * block * line + 8 * block * width + 5 * 64;
  const k: Kernels = kernels({ bytes });
  const compiled: TreeNodes = { nodes: k.int32(4 * nodes), values: k.float64(nodes), roots: k.int32(roots) };
  compiled.nodes.set(words);
  compiled.values.set(trees.values);
  compiled.roots.set(trees.roots.map((root) => 16 * root));
  const [data, sums] = [k.float32(block * line), k.float64(block * width)];
  const binners = columns.map((column) => (column.isCategory ? binner(column) : undefined));
  // A byte for each bin of each split, in the order of the numbers behind the row.
  const sides = Float32Array.from({ length: 256 * categories.length }, (_, i) => {
    const { set } = categories[i >> 8]!;
    return (trees.sets[8 * set + ((i & 255) >> 5)]! >>> (i & 31)) & 1 ? 0 : 1;
  });

  return (x, from, to, out) => {
    for (let start = from; start < to; start += block) {
      const rows = Math.min(block, to - start);
      writeRows(x, start, start + rows, data, line);
      if (withMissing)
        for (let row = 0; row < rows; row++)
          for (let at = row * line; at < row * line + cols; at++) data[at + cols] = -data[at]!;
      for (const [i, { column }] of categories.entries())
        for (let row = 0; row < rows; row++) {
          const at = row * line;
          data[at + own + i] = sides[256 * i + binners[column]!(data[at + column]!)]!;
        }
      sums.fill(0, 0, rows * width);
      k.treePredict(compiled, data.subarray(0, rows * line), line, sums.subarray(0, rows * width), width);
      const at = (start - from) * width;
      for (let i = 0; i < rows * width; i++) out[at + i]! += sums[i]!;
    }
  };
}

const single = new Float32Array(1);
const bits = new Int32Array(single.buffer);

/** The next larger float32. */
function above(x: number): number {
  single[0] = x === 0 ? 0 : x;
  bits[0]! += single[0]! >= 0 ? 1 : -1;
  return single[0]!;
}
