// One tree by exact splits: every column is sorted once, and each split keeps that order on both of its sides.
import type { Random } from "@mmub/core";
import type { Matrix } from "../linear.js";
import { between } from "./bins.js";
import { emptyTrees, largestNumber, type Trees } from "./ensemble.js";
import { writeRows } from "./rows.js";

export type Criterion = "gini" | "entropy" | "squaredError" | "poisson";

export interface CartOptions {
  readonly criterion: Criterion;
  readonly splitter: "best" | "random";
  readonly maxDepth: number;
  readonly maxLeafNodes: number;
  readonly minSamplesSplit: number;
  readonly minSamplesLeaf: number;
  /** Of the sum of the weights. */
  readonly minWeightLeaf: number;
  readonly minImpurityDecrease: number;
  /** Columns that a node looks at. */
  readonly tried: number;
  /** By column: 1 rising, -1 falling, 0 free. */
  readonly monotone: Int8Array;
}

export interface CartData {
  readonly x: Matrix;
  /** The class of each row, or numbers. */
  readonly targets: ArrayLike<number>;
  readonly weights: Float64Array;
  /** 0: the targets are numbers. */
  readonly classes: number;
}

/** A tree, and of each node what pruning needs. */
export interface Cart {
  readonly trees: Trees;
  /** By the criterion. */
  readonly impurities: Float64Array;
  /** The sum of the weights of the rows. */
  readonly weights: Float64Array;
  /** The share of each class at each node, row-major; empty for numbers. */
  readonly shares: Float64Array;
}

interface Split {
  readonly column: number;
  readonly threshold: number;
  readonly missingLeft: boolean;
  readonly sawMissing: boolean;
  readonly gain: number;
}

interface Node {
  readonly start: number;
  readonly end: number;
  readonly depth: number;
  readonly weight: number;
  /** The sum of each class, or of the numbers. */
  readonly sums: Float64Array;
  readonly impurity: number;
  readonly low: number;
  readonly high: number;
  split: Split | undefined;
  left: number;
  right: number;
}

const xlogx = (x: number): number => (x > 0 ? x * Math.log(x) : 0);

/** Grows a tree as scikit-learn does; `grown` hears how many rows are in leaves. */
export async function growCart(
  { x, targets, weights, classes }: CartData,
  options: CartOptions,
  random: Random,
  pause: () => Promise<void> | undefined,
  grown: (rows: number) => void,
): Promise<Cart> {
  const { rows, cols } = x;
  const { criterion, minSamplesLeaf, minWeightLeaf, monotone } = options;
  const columns = columnsOf(x);
  const orders: Int32Array[] = [];
  for (const values of columns) {
    await pause();
    orders.push(sortedRows(values));
  }
  // A matrix without columns still has rows to count.
  const members = orders[0] ?? Int32Array.from({ length: rows }, (_, row) => row);
  const side = new Uint8Array(rows);
  const kept = new Int32Array(rows);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const order = Int32Array.from({ length: cols }, (_, column) => column);
  const drawn = options.tried < cols || options.splitter === "random";
  const isBound = monotone.some((sign) => sign !== 0);
  const left = new Float64Array(Math.max(1, classes));

  const meanOf = (sums: Float64Array, weight: number): number => (classes === 2 ? sums[1]! : sums[0]!) / weight;

  function nodeOf(start: number, end: number, depth: number, low: number, high: number): Node {
    const sums = new Float64Array(Math.max(1, classes));
    let [weight, extra] = [0, 0];
    for (let i = start; i < end; i++) {
      const row = members[i]!;
      const w = weights[row]!;
      const target = targets[row]!;
      weight += w;
      if (classes > 0) sums[target]! += w;
      else {
        sums[0]! += w * target;
        extra += w * (criterion === "poisson" ? xlogx(target) : target * target);
      }
    }
    const node: Node = {
      start,
      end,
      depth,
      weight,
      sums,
      impurity: 0,
      low,
      high,
      split: undefined,
      left: -1,
      right: -1,
    };
    return { ...node, impurity: impurityOf(criterion, sums, weight, extra) };
  }

  /** What the best split by a column scores, among those seen so far. */
  let best: Omit<Split, "gain"> & { score: number };

  /** All thresholds of one column, with the missing values on one side. */
  function scan(node: Node, column: number, missing: number, missingLeft: boolean): void {
    const values = columns[column]!;
    const rowsBy = orders[column]!;
    const end = node.end - missing;
    const count = node.end - node.start;
    left.fill(0);
    let [weight, squares, others] = [0, 0, 0];
    for (const sum of node.sums) others += criterion === "gini" ? sum * sum : xlogx(sum);
    const move = (row: number): void => {
      const w = weights[row]!;
      const target = targets[row]!;
      weight += w;
      if (classes === 0) {
        left[0]! += w * target;
        return;
      }
      const here = left[target]!;
      const there = node.sums[target]! - here;
      if (criterion === "gini") {
        squares += w * (2 * here + w);
        others += w * (w - 2 * there);
      } else {
        squares += xlogx(here + w) - xlogx(here);
        others += xlogx(there - w) - xlogx(there);
      }
      left[target] = here + w;
    };
    if (missingLeft) for (let i = end; i < node.end; i++) move(rowsBy[i]!);
    const first = missingLeft ? missing : 0;
    // Behind the last number there is a split too, between numbers and missing values.
    const last = missing > 0 && !missingLeft ? end : end - 1;
    const drawnAt =
      options.splitter === "random" && end > node.start
        ? drawBetween(values[rowsBy[node.start]!]!, values[rowsBy[end - 1]!]!, random)
        : undefined;
    for (let i = node.start; i < last; i++) {
      const value = values[rowsBy[i]!]!;
      move(rowsBy[i]!);
      const next = i + 1 < end ? values[rowsBy[i + 1]!]! : Number.POSITIVE_INFINITY;
      if (next <= value) continue;
      if (drawnAt !== undefined && !(value <= drawnAt && drawnAt < next)) continue;
      const inLeft = i + 1 - node.start + first;
      if (inLeft < minSamplesLeaf || count - inLeft < minSamplesLeaf) continue;
      const rest = node.weight - weight;
      if (weight < minWeightLeaf || rest < minWeightLeaf || !(weight > 0) || !(rest > 0)) continue;
      let score: number;
      if (classes > 0) {
        score =
          criterion === "gini" ? squares / weight + others / rest : squares - xlogx(weight) + others - xlogx(rest);
      } else {
        const [a, b] = [left[0]!, node.sums[0]! - left[0]!];
        if (criterion === "poisson") {
          if (!(a > 1e-12) || !(b > 1e-12)) continue;
          score = a * Math.log(a / weight) + b * Math.log(b / rest);
        } else score = (a * a) / weight + (b * b) / rest;
      }
      if (!(score > best.score)) continue;
      if (monotone[column] !== 0) {
        const a = meanOf(left, weight);
        const b = (meanOf(node.sums, node.weight) * node.weight - a * weight) / rest;
        if (Math.min(a, b) < node.low || Math.max(a, b) > node.high || (b - a) * monotone[column]! < 0) continue;
      }
      const threshold = next === Number.POSITIVE_INFINITY ? largestNumber : (drawnAt ?? between(value, next));
      best = { score, column, threshold, missingLeft, sawMissing: missing > 0 };
    }
  }

  function findSplit(node: Node): void {
    const { start, end } = node;
    if (node.depth >= options.maxDepth || end - start < options.minSamplesSplit) return;
    if (end - start < 2 * minSamplesLeaf || node.weight < 2 * minWeightLeaf || node.impurity <= Number.EPSILON) return;
    best = {
      score: Number.NEGATIVE_INFINITY,
      column: -1,
      threshold: 0,
      missingLeft: false,
      sawMissing: false,
    };
    let tried = 0;
    for (let i = 0; i < cols && tried < options.tried; i++) {
      if (drawn) {
        const j = i + random.integer(cols - i);
        [order[i], order[j]] = [order[j]!, order[i]!];
      }
      const column = order[i]!;
      const values = columns[column]!;
      const rowsBy = orders[column]!;
      let missing = 0;
      while (missing < end - start && Number.isNaN(values[rowsBy[end - 1 - missing]!]!)) missing++;
      const present = end - start - missing;
      if (present === 0 || (missing === 0 && values[rowsBy[start]!] === values[rowsBy[end - 1]!])) continue;
      tried++;
      scan(node, column, missing, false);
      if (missing > 0) scan(node, column, missing, true);
    }
    if (best.column < 0) return;
    node.split = { ...best, gain: 0 };
  }

  /** Sends the rows of a node to both sides, in every order alike. Where the right side starts. */
  function part({ start, end, split }: Node): number {
    const { column, threshold, missingLeft } = split!;
    const values = columns[column]!;
    let middle = start;
    for (let i = start; i < end; i++) {
      const value = values[members[i]!]!;
      const goes = Number.isNaN(value) ? missingLeft : value <= threshold;
      side[members[i]!] = Number(goes);
      if (goes) middle++;
    }
    for (const rowsBy of orders) {
      let [to, later] = [start, 0];
      for (let i = start; i < end; i++) {
        const row = rowsBy[i]!;
        if (side[row] === 1) rowsBy[to++] = row;
        else kept[later++] = row;
      }
      rowsBy.set(kept.subarray(0, later), to);
    }
    return middle;
  }

  const nodes: Node[] = [];
  const open: number[] = [];
  let inLeaves = 0;
  const add = (node: Node): number => {
    findSplit(node);
    nodes.push(node);
    return nodes.length - 1;
  };
  /** Both sides of a node, or none where they gain too little. */
  const divide = (at: number): void => {
    const node = nodes[at]!;
    if (!node.split) return;
    const middle = part(node);
    const { column } = node.split;
    let pair: readonly [Node, Node] = [
      nodeOf(node.start, middle, node.depth + 1, node.low, node.high),
      nodeOf(middle, node.end, node.depth + 1, node.low, node.high),
    ];
    const [a, b] = pair;
    const gain = node.weight * node.impurity - a.weight * a.impurity - b.weight * b.impurity;
    if (gain / total + Number.EPSILON < options.minImpurityDecrease) {
      node.split = undefined;
      return;
    }
    if (monotone[column] !== 0) {
      const limit = (meanOf(a.sums, a.weight) + meanOf(b.sums, b.weight)) / 2;
      pair =
        monotone[column]! > 0
          ? [
              { ...a, high: limit },
              { ...b, low: limit },
            ]
          : [
              { ...a, low: limit },
              { ...b, high: limit },
            ];
    }
    node.split = { ...node.split, gain };
    waiting.set(at, pair);
  };
  const waiting = new Map<number, readonly [Node, Node]>();
  const offer = (at: number): void => {
    divide(at);
    if (waiting.has(at)) open.push(at);
    else {
      inLeaves += nodes[at]!.end - nodes[at]!.start;
      grown(inLeaves);
    }
  };

  offer(add(nodeOf(0, rows, 0, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY)));
  for (let leaves = 1; open.length > 0; leaves++) {
    await pause();
    if (leaves >= options.maxLeafNodes) {
      for (const at of open) nodes[at]!.split = undefined;
      grown(rows);
      break;
    }
    let pick = open.length - 1;
    if (options.maxLeafNodes < Number.POSITIVE_INFINITY)
      for (let i = pick - 1; i >= 0; i--) if (nodes[open[i]!]!.split!.gain > nodes[open[pick]!]!.split!.gain) pick = i;
    const [at] = open.splice(pick, 1) as [number];
    const [a, b] = waiting.get(at)!;
    waiting.delete(at);
    const node = nodes[at]!;
    node.left = add(a);
    node.right = add(b);
    offer(node.right);
    offer(node.left);
  }
  return flat(nodes, classes, isBound);
}

function flat(nodes: readonly Node[], classes: number, isBound: boolean): Cart {
  const trees = { ...emptyTrees(1, nodes.length), sets: new Uint32Array() };
  const shares = new Float64Array(nodes.length * classes);
  const impurities = new Float64Array(nodes.length);
  const weights = new Float64Array(nodes.length);
  for (const [at, node] of nodes.entries()) {
    const { split, sums, weight, low, high } = node;
    impurities[at] = node.impurity;
    weights[at] = weight;
    trees.counts[at] = node.end - node.start;
    trees.columns[at] = split ? split.column : -1;
    trees.left[at] = split ? node.left : at;
    trees.right[at] = split ? node.right : at;
    const clip = (value: number): number => (isBound ? Math.min(high, Math.max(low, value)) : value);
    for (let c = 0; c < classes; c++) shares[at * classes + c] = sums[c]! / weight;
    if (classes === 2) {
      shares[2 * at + 1] = clip(shares[2 * at + 1]!);
      shares[2 * at] = 1 - shares[2 * at + 1]!;
    }
    trees.values[at] = classes === 0 ? clip(sums[0]! / weight) : classes === 2 ? shares[2 * at + 1]! : 0;
    if (!split) continue;
    trees.thresholds[at] = split.threshold;
    trees.gains[at] = split.gain;
    // Where the fit saw no missing value, the larger side takes it.
    const [a, b] = [nodes[node.left]!, nodes[node.right]!];
    trees.flags[at] = Number(split.missingLeft || (!split.sawMissing && a.end - a.start > b.end - b.start));
  }
  return { trees, impurities, weights, shares };
}

function impurityOf(criterion: Criterion, sums: Float64Array, weight: number, extra: number): number {
  if (criterion === "squaredError") return Math.max(0, extra / weight - (sums[0]! / weight) ** 2);
  if (criterion === "poisson")
    return sums[0]! > 0 ? Math.max(0, (extra - sums[0]! * Math.log(sums[0]! / weight)) / weight) : 0;
  let out = criterion === "gini" ? 1 : 0;
  for (const sum of sums) {
    const share = sum / weight;
    out -= criterion === "gini" ? share * share : xlogx(share) / Math.LN2;
  }
  return Math.max(0, out);
}

/** A float32 from `low` (in) to `high` (out). */
function drawBetween(low: number, high: number, random: Random): number {
  const value = Math.fround(low + random.next() * (high - low));
  return value >= low && value < high ? value : low;
}

function columnsOf(x: Matrix): Float32Array[] {
  const columns = Array.from({ length: x.cols }, () => new Float32Array(x.rows));
  const line = new Float32Array(x.cols);
  for (let row = 0; row < x.rows; row++) {
    writeRows(x, row, row + 1, line, x.cols);
    for (let column = 0; column < x.cols; column++) columns[column]![row] = line[column]!;
  }
  return columns;
}

/** The rows by their value, missing ones last: a radix sort of the bits, three times 11. */
function sortedRows(values: Float32Array): Int32Array {
  const { length } = values;
  // As unsigned whole numbers of the same order; -0 is 0, and every NaN is the largest.
  const keys = new Uint32Array(values.length);
  const bits = new Uint32Array(Float32Array.from(values, (value) => value + 0).buffer);
  for (let row = 0; row < length; row++) {
    const word = bits[row]!;
    keys[row] = Number.isNaN(values[row]!) ? 0xffffffff : word >>> 31 ? ~word : word | 0x80000000;
  }
  let from = Int32Array.from({ length }, (_, row) => row);
  let to = new Int32Array(length);
  const counts = new Int32Array(2048);
  for (const shift of [0, 11, 22]) {
    counts.fill(0);
    for (let i = 0; i < length; i++) counts[(keys[i]! >>> shift) & 2047]!++;
    let at = 0;
    for (let digit = 0; digit < 2048; digit++) {
      const count = counts[digit]!;
      counts[digit] = at;
      at += count;
    }
    for (let i = 0; i < length; i++) to[counts[(keys[from[i]!]! >>> shift) & 2047]!++] = from[i]!;
    [from, to] = [to, from];
  }
  return from;
}

/**
 * Minimal cost-complexity pruning: the weakest node becomes a leaf for as long as it costs at most `alpha` for each leaf saved.
 * Gives the tree, and the cost and the impurity of the leaves after each step.
 * Source: Breiman et al., Classification and Regression Trees, 1984, chapter 3.
 */
export function prune(
  cart: Cart,
  alpha: number,
): { readonly cart: Cart; readonly alphas: Float64Array; readonly impurities: Float64Array } {
  const { trees, impurities, weights } = cart;
  const count = trees.columns.length;
  const total = weights[0]!;
  const risk = impurities.map((impurity, node) => (impurity * weights[node]!) / total);
  const parent = new Int32Array(count).fill(-1);
  const isLeaf = Uint8Array.from(trees.columns, (column) => Number(column < 0));
  const leaves = new Float64Array(count);
  const below = new Float64Array(count);
  for (let node = count - 1; node >= 0; node--) {
    if (isLeaf[node]) [leaves[node], below[node]] = [1, risk[node]!];
    else
      for (const child of [trees.left[node]!, trees.right[node]!]) {
        parent[child] = node;
        leaves[node]! += leaves[child]!;
        below[node]! += below[child]!;
      }
  }
  // A node is inner as long as no node above it has become a leaf.
  const inner = Uint8Array.from(isLeaf, (leaf) => 1 - leaf);
  const alphas = [0];
  const steps = [below[0]!];
  while (inner[0]) {
    let [weakest, cost] = [-1, Number.POSITIVE_INFINITY];
    for (let node = 0; node < count; node++) {
      if (!inner[node]) continue;
      const own = (risk[node]! - below[node]!) / (leaves[node]! - 1);
      if (own < cost) [weakest, cost] = [node, own];
    }
    if (cost > alpha) break;
    const [saved, lost] = [leaves[weakest]! - 1, risk[weakest]! - below[weakest]!];
    const under = [weakest];
    for (let node = under.pop(); node !== undefined; node = under.pop()) {
      if (!inner[node]) continue;
      inner[node] = 0;
      under.push(trees.left[node]!, trees.right[node]!);
    }
    for (let node = weakest; node >= 0; node = parent[node]!) {
      leaves[node]! -= saved;
      below[node]! += lost;
    }
    alphas.push(Math.max(0, cost));
    steps.push(below[0]!);
  }
  return {
    cart: cutAt(cart, inner),
    alphas: Float64Array.from(alphas),
    impurities: Float64Array.from(steps),
  };
}

/** The tree without what is below a node that is no longer inner. */
function cutAt(cart: Cart, inner: Uint8Array): Cart {
  const { trees } = cart;
  const classes = cart.shares.length / trees.columns.length;
  const keep = [0];
  for (let i = 0; i < keep.length; i++) {
    const node = keep[i]!;
    if (inner[node]) keep.push(trees.left[node]!, trees.right[node]!);
  }
  const place = new Int32Array(trees.columns.length);
  for (const [at, node] of keep.entries()) place[node] = at;
  const out = { ...emptyTrees(1, keep.length), sets: new Uint32Array() };
  for (const [at, node] of keep.entries()) {
    out.values[at] = trees.values[node]!;
    out.counts[at] = trees.counts[node]!;
    out.columns[at] = inner[node] ? trees.columns[node]! : -1;
    out.left[at] = inner[node] ? place[trees.left[node]!]! : at;
    out.right[at] = inner[node] ? place[trees.right[node]!]! : at;
    if (!inner[node]) continue;
    out.thresholds[at] = trees.thresholds[node]!;
    out.flags[at] = trees.flags[node]!;
    out.gains[at] = trees.gains[node]!;
  }
  return {
    trees: out,
    impurities: Float64Array.from(keep, (node) => cart.impurities[node]!),
    weights: Float64Array.from(keep, (node) => cart.weights[node]!),
    shares: Float64Array.from(
      keep.flatMap((node) => Array.from(cart.shares.subarray(node * classes, (node + 1) * classes))),
    ),
  };
}
