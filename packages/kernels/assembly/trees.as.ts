// Growing trees over binned columns: sums of gradients by bin, the best split of a leaf, and which rows go where.
//
// `columns` are bytes, column by column, `stride` apart. A gradient is a pair of float32 (first and second derivative), a sum
// one of float64. `table` has four numbers a feature: its column, its first bin in a histogram, its bins and its kind.
import { hash } from "./hash.as";

const hasMissing = 1; // the last bin is that of missing values
const isCategory = 2;
const rises = 4;
const falls = 8;

// Places in `settings`.
const lambdaL1 = 0;
const lambdaL2 = 8;
const minData = 16;
const minHessian = 24;
const minGain = 32;
const catSmooth = 40;
const catL2 = 48;
const maxCatThreshold = 56;
const maxCatToOneHot = 64;
const minDataPerGroup = 72;
const isBounded = 80;

/** Bytes of what is known of a leaf: sums, rows, and bounds of its value. */
const leafBytes: usize = 40;
/** Bytes of a best split: eight numbers and whether each bin goes left. */
const splitBytes: usize = 320;

// The leaf whose best split is looked for.
let sumG: f64 = 0;
let sumH: f64 = 0;
let count: f64 = 0;
let low: f64 = 0;
let high: f64 = 0;
let l1: f64 = 0;
let l2: f64 = 0;
let bounded: boolean = false;
/** The least sum of second derivatives of a child. */
let least: f64 = 0;
let perHessian: f64 = 0;
/** The score of the leaf as it is. */
let base: f64 = 0;
/** Where the best split goes, and its score. */
let best: usize = 0;
let top: f64 = 0;

function soft(g: f64): f64 {
  return l1 > 0 ? (g > l1 ? g - l1 : g < -l1 ? g + l1 : 0) : g;
}

function leafValue(g: f64, h: f64, penalty: f64): f64 {
  return max<f64>(low, min<f64>(high, -soft(g) / (h + penalty)));
}

/** How much a child with this value lowers the loss, twice. */
function scoreAt(g: f64, h: f64, penalty: f64, value: f64): f64 {
  return -(2 * soft(g) * value + (h + penalty) * value * value);
}

function startLeaf(leaf: usize, settings: usize, to: usize): void {
  sumG = load<f64>(leaf);
  sumH = load<f64>(leaf, 8);
  count = load<f64>(leaf, 16);
  low = load<f64>(leaf, 24);
  high = load<f64>(leaf, 32);
  l1 = load<f64>(settings, lambdaL1);
  l2 = load<f64>(settings, lambdaL2);
  bounded = load<f64>(settings, isBounded) !== 0;
  perHessian = count / sumH;
  least = max<f64>(load<f64>(settings, minHessian), (load<f64>(settings, minData) - 0.5) / perHessian);
  const g = soft(sumG);
  base = (g * g) / (sumH + l2);
  top = base + load<f64>(settings, minGain);
  best = to;
  store<f64>(to, 0);
  store<f64>(to, -1, 8);
}

/** Takes a split down as the best one. */
function keep(score: f64, feature: i32, bin: i32, missingLeft: boolean, g: f64, h: f64, penalty: f64): void {
  top = score;
  store<f64>(best, score - base);
  store<f64>(best, f64(feature), 8);
  store<f64>(best, f64(bin), 16);
  store<f64>(best, missingLeft ? 1 : 0, 24);
  store<f64>(best, g, 32);
  store<f64>(best, h, 40);
  store<f64>(best, penalty, 48);
  store<f64>(best, score, 56);
}

function tryBounded(g: f64, h: f64, kind: i32, feature: i32, bin: i32, missingLeft: boolean, penalty: f64): boolean {
  const rg = sumG - g;
  const rh = sumH - h;
  const left = leafValue(g, h, penalty);
  const right = leafValue(rg, rh, penalty);
  if ((kind & rises && left > right) || (kind & falls && left < right)) return false;
  const score = scoreAt(g, h, penalty, left) + scoreAt(rg, rh, penalty, right);
  if (!(score > top)) return false;
  keep(score, feature, bin, missingLeft, g, h, penalty);
  return true;
}

function tryFree(g: f64, h: f64, feature: i32, bin: i32, missingLeft: boolean, penalty: f64): boolean {
  const lh = h + penalty;
  const rh = sumH - h + penalty;
  const lg = soft(g);
  const rg = soft(sumG - g);
  const parts = lg * lg * rh + rg * rg * lh;
  const whole = lh * rh;
  // A product in place of a quotient, which only better splits take.
  if (!(parts > top * whole)) return false;
  const score = parts / whole;
  if (!(score > top)) return false;
  keep(score, feature, bin, missingLeft, g, h, penalty);
  return true;
}

function scanNumbers(histogram: usize, bins: i32, kind: i32, feature: i32): void {
  const real = bins - (kind & hasMissing);
  let g: f64 = 0;
  let h: f64 = 0;
  if (!(kind & hasMissing) && !bounded && !(l1 > 0)) {
    // What most leaves are: as below, without what is not there.
    for (let bin = 0; bin < real - 1; bin++) {
      g += load<f64>(histogram + (usize(bin) << 4));
      h += load<f64>(histogram + (usize(bin) << 4), 8);
      if (h < least) continue;
      const right = sumH - h;
      if (right < least) break;
      const lh = h + l2;
      const rh = right + l2;
      const rg = sumG - g;
      const parts = g * g * rh + rg * rg * lh;
      const whole = lh * rh;
      if (parts > top * whole) {
        const score = parts / whole;
        if (score > top) keep(score, feature, bin, true, g, h, l2);
      }
    }
    return;
  }
  const mg = kind & hasMissing ? load<f64>(histogram + (usize(real) << 4)) : 0;
  const mh = kind & hasMissing ? load<f64>(histogram + (usize(real) << 4), 8) : 0;
  const last = kind & hasMissing ? real : real - 1;
  for (let bin = 0; bin < last; bin++) {
    g += load<f64>(histogram + (usize(bin) << 4));
    h += load<f64>(histogram + (usize(bin) << 4), 8);
    // Without missing rows in the leaf both sides are the same split: they go with more rows.
    if (h >= least && sumH - h >= least) {
      const left = mh === 0 && h >= sumH - h;
      if (bounded) tryBounded(g, h, kind, feature, bin, left, l2);
      else tryFree(g, h, feature, bin, left, l2);
    }
    if (mh !== 0 && bin < real - 1 && h + mh >= least && sumH - (h + mh) >= least) {
      if (bounded) tryBounded(g + mg, h + mh, kind, feature, bin, true, l2);
      else tryFree(g + mg, h + mh, feature, bin, true, l2);
    }
  }
}

/** Categories in the order of their value, an insertion sort: bin numbers at `order`. */
function sortCategories(histogram: usize, real: i32, smooth: f64, order: usize): i32 {
  let used = 0;
  for (let bin = 0; bin < real; bin++) {
    const h = load<f64>(histogram + (usize(bin) << 4), 8);
    if (floor<f64>(h * perHessian + 0.5) < smooth) continue;
    const key = load<f64>(histogram + (usize(bin) << 4)) / (h + smooth);
    let at = used++;
    for (; at > 0; at--) {
      const other = load<i32>(order + (usize(at - 1) << 2));
      const from = histogram + (usize(other) << 4);
      if (!(load<f64>(from) / (load<f64>(from, 8) + smooth) > key)) break;
      store<i32>(order + (usize(at) << 2), other);
    }
    store<i32>(order + (usize(at) << 2), bin);
  }
  return used;
}

function tryCategories(g: f64, h: f64, feature: i32, penalty: f64): boolean {
  return bounded ? tryBounded(g, h, 0, feature, -1, false, penalty) : tryFree(g, h, feature, -1, false, penalty);
}

/** The rows of some categories go left; missing and unknown ones go right. */
function scanCategories(histogram: usize, bins: i32, kind: i32, feature: i32, settings: usize, order: usize): void {
  const real = bins - (kind & hasMissing);
  if (f64(real) <= load<f64>(settings, maxCatToOneHot)) {
    for (let bin = 0; bin < real; bin++) {
      const g = load<f64>(histogram + (usize(bin) << 4));
      const h = load<f64>(histogram + (usize(bin) << 4), 8);
      if (h < least || sumH - h < least) continue;
      if (tryCategories(g, h, feature, l2)) {
        memory.fill(best + 64, 0, 256);
        store<u8>(best + 64 + usize(bin), 1);
      }
    }
    return;
  }
  const smooth = load<f64>(settings, catSmooth);
  const group = load<f64>(settings, minDataPerGroup);
  const penalty = l2 + load<f64>(settings, catL2);
  const used = sortCategories(histogram, real, smooth, order);
  const most = min<i32>(i32(load<f64>(settings, maxCatThreshold)), (used + 1) / 2);
  for (let direction = 0; direction < 2; direction++) {
    let g: f64 = 0;
    let h: f64 = 0;
    let rows: f64 = 0;
    for (let i = 0; i < most; i++) {
      const bin = load<i32>(order + (usize(direction === 0 ? i : used - 1 - i) << 2));
      const one = load<f64>(histogram + (usize(bin) << 4), 8);
      g += load<f64>(histogram + (usize(bin) << 4));
      h += one;
      rows += floor<f64>(one * perHessian + 0.5);
      if (h < least) continue;
      if (sumH - h < least || (sumH - h) * perHessian + 0.5 < group) break;
      if (rows < group) continue;
      rows = 0;
      if (tryCategories(g, h, feature, penalty)) {
        memory.fill(best + 64, 0, 256);
        for (let j = 0; j <= i; j++)
          store<u8>(best + 64 + usize(load<i32>(order + (usize(direction === 0 ? j : used - 1 - j) << 2))), 1);
      }
    }
  }
}

function scan(histogram: usize, feature: usize, index: i32, settings: usize, order: usize): void {
  const bins = load<i32>(feature, 8);
  const kind = load<i32>(feature, 12);
  const at = histogram + (usize(load<i32>(feature, 4)) << 4);
  if (kind & isCategory) scanCategories(at, bins, kind, index, settings, order);
  else scanNumbers(at, bins, kind, index);
}

/** Adds the gradients of the rows up by the bins of four columns, at `h`, 4096 bytes each. */
function addFour(c0: usize, c1: usize, c2: usize, c3: usize, rows: usize, n: i32, ordered: usize, h: usize): void {
  memory.fill(h, 0, 16384);
  const end = rows + (usize(n) << 2);
  for (; rows < end; rows += 4, ordered += 8) {
    const row = usize(load<u32>(rows));
    const pair = f64x2.promote_low_f32x4(v128.load64_zero(ordered));
    const p0 = h + (usize(load<u8>(c0 + row)) << 4);
    v128.store(p0, f64x2.add(v128.load(p0), pair));
    const p1 = h + (usize(load<u8>(c1 + row)) << 4);
    v128.store(p1, f64x2.add(v128.load(p1, 4096), pair), 4096);
    const p2 = h + (usize(load<u8>(c2 + row)) << 4);
    v128.store(p2, f64x2.add(v128.load(p2, 8192), pair), 8192);
    const p3 = h + (usize(load<u8>(c3 + row)) << 4);
    v128.store(p3, f64x2.add(v128.load(p3, 12288), pair), 12288);
  }
}

/**
 * The best splits of one leaf, or of the two children of one, over the features from `from` to `to`: builds the histogram of the
 * smaller, takes it from that of their parent, which becomes that of the larger, and looks through both.
 *
 * `leaves` and `splits` have two places, the smaller first. `large` is 0 where there is but one. `scratch` has 16 KiB for four
 * histograms, 1 KiB for an order, and room for the gradients of `n` rows.
 */
export function treeSplits(
  columns: usize,
  stride: i32,
  table: usize,
  from: i32,
  to: i32,
  rows: usize,
  n: i32,
  gradients: usize,
  small: usize,
  large: usize,
  settings: usize,
  leaves: usize,
  splits: usize,
  scratch: usize,
): void {
  const order = scratch + 16384;
  const ordered = scratch + 17408;
  for (let i = 0; i < n; i++) {
    const row = usize(load<u32>(rows + (usize(i) << 2)));
    store<u64>(ordered + (usize(i) << 3), load<u64>(gradients + (row << 3)));
  }
  for (let first = from; first < to; first += 4) {
    const last = min<i32>(to - 1, first + 3);
    const feature = table + (usize(first) << 4);
    // Of fewer than four the last one is repeated.
    addFour(
      columns + usize(load<i32>(feature)) * usize(stride),
      columns + usize(load<i32>(table + (usize(min<i32>(last, first + 1)) << 4))) * usize(stride),
      columns + usize(load<i32>(table + (usize(min<i32>(last, first + 2)) << 4))) * usize(stride),
      columns + usize(load<i32>(table + (usize(last) << 4))) * usize(stride),
      rows,
      n,
      ordered,
      scratch,
    );
    for (let f = first; f <= last; f++) {
      const one = table + (usize(f) << 4);
      const at = usize(load<i32>(one, 4)) << 4;
      const bytes = usize(load<i32>(one, 8)) << 4;
      const built = scratch + (usize(f - first) << 12);
      memory.copy(small + at, built, bytes);
      if (large)
        for (let i: usize = 0; i < bytes; i += 16)
          v128.store(large + at + i, f64x2.sub(v128.load(large + at + i), v128.load(built + i)));
    }
  }
  startLeaf(leaves, settings, splits);
  for (let f = from; f < to; f++) scan(small, table + (usize(f) << 4), f, settings, order);
  if (!large) return;
  startLeaf(leaves + leafBytes, settings, splits + splitBytes);
  for (let f = from; f < to; f++) scan(large, table + (usize(f) << 4), f, settings, order);
}

/**
 * Puts the rows whose bin `side` names 0 before the others, both in the order they had, and returns how many they are. `side`
 * has a byte for each of 256 bins, `scratch` room for `n` rows.
 */
export function treePartition(column: usize, rows: usize, n: i32, side: usize, scratch: usize): i32 {
  let left = rows;
  let right = scratch;
  const end = rows + (usize(n) << 2);
  for (let at = rows; at < end; at += 4) {
    const row = load<u32>(at);
    const goes = usize(load<u8>(side + usize(load<u8>(column + usize(row))))) << 2;
    store<u32>(left, row);
    store<u32>(right, row);
    left += 4 - goes;
    right += goes;
  }
  memory.copy(left, scratch, right - scratch);
  return i32((left - rows) >> 2);
}

/** Adds `value` to the scores of some rows, `width` apart. */
export function treeAdd(scores: usize, width: i32, rows: usize, n: i32, value: f64): void {
  const end = rows + (usize(n) << 2);
  for (; rows < end; rows += 4) {
    const at = scores + ((usize(load<u32>(rows)) * usize(width)) << 3);
    store<f64>(at, load<f64>(at) + value);
  }
}

/** e^x of two numbers, right to 1e-10: a polynomial of what is left of a power of two. */
function exp2(x: v128): v128 {
  const bound = f64x2.max(f64x2.min(x, f64x2.splat(700)), f64x2.splat(-700));
  const power = f64x2.nearest(f64x2.mul(bound, f64x2.splat(Math.LOG2E)));
  const r = f64x2.sub(
    f64x2.sub(bound, f64x2.mul(power, f64x2.splat(0.6931471803691238))),
    f64x2.mul(power, f64x2.splat(1.9082149292705877e-10)),
  );
  let sum = f64x2.splat(2.48015873015873e-5);
  sum = f64x2.add(f64x2.mul(sum, r), f64x2.splat(1.984126984126984e-4));
  sum = f64x2.add(f64x2.mul(sum, r), f64x2.splat(1.388888888888889e-3));
  sum = f64x2.add(f64x2.mul(sum, r), f64x2.splat(8.333333333333333e-3));
  sum = f64x2.add(f64x2.mul(sum, r), f64x2.splat(4.1666666666666664e-2));
  sum = f64x2.add(f64x2.mul(sum, r), f64x2.splat(0.16666666666666666));
  sum = f64x2.add(f64x2.mul(sum, r), f64x2.splat(0.5));
  sum = f64x2.add(f64x2.mul(sum, r), f64x2.splat(1));
  sum = f64x2.add(f64x2.mul(sum, r), f64x2.splat(1));
  const whole = i64x2.extend_low_i32x4_s(i32x4.trunc_sat_f64x2_s_zero(power));
  return f64x2.mul(sum, i64x2.shl(i64x2.add(whole, i64x2.splat(1023)), 52));
}

function logisticPair(score: v128, target: v128, weight: v128): v128 {
  const one = f64x2.splat(1);
  const p = f64x2.div(one, f64x2.add(one, exp2(f64x2.neg(score))));
  const g = f32x4.demote_f64x2_zero(f64x2.mul(weight, f64x2.sub(p, target)));
  const h = f32x4.demote_f64x2_zero(f64x2.mul(weight, f64x2.mul(p, f64x2.sub(one, p))));
  return v128.shuffle<f32>(g, h, 0, 4, 1, 5);
}

/** The gradients of the logistic loss: weight x (p - target) and weight x p (1 - p). */
export function treeLogistic(scores: usize, targets: usize, weights: usize, n: i32, gradients: usize): void {
  let i: usize = 0;
  const pairs = usize(n & ~1);
  for (; i < pairs; i += 2)
    v128.store(
      gradients + (i << 3),
      logisticPair(
        v128.load(scores + (i << 3)),
        f64x2.promote_low_f32x4(v128.load64_zero(targets + (i << 2))),
        f64x2.promote_low_f32x4(v128.load64_zero(weights + (i << 2))),
      ),
    );
  if (i < usize(n))
    v128.store64_lane(
      gradients + (i << 3),
      logisticPair(
        v128.load64_zero(scores + (i << 3)),
        f64x2.promote_low_f32x4(v128.load32_zero(targets + (i << 2))),
        f64x2.promote_low_f32x4(v128.load32_zero(weights + (i << 2))),
      ),
      0,
    );
}

/**
 * Adds what each tree says of each row to `out`, `width` numbers a row; tree t counts for number t % width. A node is four
 * numbers: column, threshold (float32), and the bytes from `nodes` to the node on the left, for numbers up to the threshold, and to that
 * on the right. A leaf leads to itself. `values` has a number for each node.
 */
export function treePredict(
  nodes: usize,
  values: usize,
  roots: usize,
  trees: i32,
  data: usize,
  rows: i32,
  cols: i32,
  out: usize,
  width: i32,
): void {
  const bytes = usize(cols) << 2;
  const step = usize(width) << 3;
  // Eight trees after another stay in the first cache while the rows pass.
  for (let first = 0; first < trees; first += 8) {
    const last = min<i32>(trees, first + 8);
    let row = 0;
    for (; row + 4 <= rows; row += 4) {
      const a = data + usize(row) * bytes;
      const b = a + bytes;
      const c = b + bytes;
      const d = c + bytes;
      for (let tree = first; tree < last; tree++) {
        const root = usize(load<u32>(roots + (usize(tree) << 2)));
        let na = root;
        let nb = root;
        let nc = root;
        let nd = root;
        let moved: usize = 1;
        while (moved) {
          const ma = next(nodes, na, a);
          const mb = next(nodes, nb, b);
          const mc = next(nodes, nc, c);
          const md = next(nodes, nd, d);
          moved = (ma ^ na) | (mb ^ nb) | (mc ^ nc) | (md ^ nd);
          na = ma;
          nb = mb;
          nc = mc;
          nd = md;
        }
        const to = out + usize(row) * step + (usize(tree % width) << 3);
        store<f64>(to, load<f64>(to) + load<f64>(values + (na >> 1)));
        store<f64>(to + step, load<f64>(to + step) + load<f64>(values + (nb >> 1)));
        store<f64>(to + 2 * step, load<f64>(to + 2 * step) + load<f64>(values + (nc >> 1)));
        store<f64>(to + 3 * step, load<f64>(to + 3 * step) + load<f64>(values + (nd >> 1)));
      }
    }
    for (; row < rows; row++) {
      const a = data + usize(row) * bytes;
      for (let tree = first; tree < last; tree++) {
        let node = usize(load<u32>(roots + (usize(tree) << 2)));
        let before: usize = 1;
        while (before !== node) {
          before = node;
          node = next(nodes, node, a);
        }
        const to = out + usize(row) * step + (usize(tree % width) << 3);
        store<f64>(to, load<f64>(to) + load<f64>(values + (node >> 1)));
      }
    }
  }
}

function next(nodes: usize, node: usize, row: usize): usize {
  const at = nodes + node;
  const x = load<f32>(row + (usize(load<i32>(at)) << 2));
  // One load from a place that is computed: a branch would be guessed wrong half of the time.
  return usize(load<u32>(at + 8 + (x <= load<f32>(at, 4) ? 0 : 4)));
}

// Of the tree that grows: the stream of its random numbers, and what its nodes are judged by.
let counter: i32 = 0;
let key0: i32 = 0;
let key1: i32 = 0;

function draw(): f64 {
  return f64(hash(counter++, key0, key1)) * 2.3283064365386963e-10;
}

/** Sums of a side: `channels` numbers, the weight, the rows. */
function addRow(to: usize, channel: usize, target: f64, weight: f64, channels: usize): void {
  const at = to + (channel << 3);
  store<f64>(at, load<f64>(at) + weight * target);
  const rest = to + (channels << 3);
  store<f64>(rest, load<f64>(rest) + weight);
  store<f64>(rest, load<f64>(rest, 8) + 1, 8);
}

/** The squared sums of both sides by their weights: the larger, the purer. */
function purity(left: usize, total: usize, channels: usize): f64 {
  let l: f64 = 0;
  let r: f64 = 0;
  const end = channels << 3;
  for (let at: usize = 0; at < end; at += 8) {
    const a = load<f64>(left + at);
    const b = load<f64>(total + at) - a;
    l += a * a;
    r += b * b;
  }
  const weight = load<f64>(left + end);
  return l / weight + r / (load<f64>(total + end) - weight);
}

/**
 * Grows a tree of a forest to the end, the left child of each node first, and returns how many nodes it has. Each node looks
 * at `maxFeatures` columns, drawn anew, and at more until one varies among its rows.
 *
 * `bins` has the bins of each column; with `edges`, 256 numbers a column that stand for its bins, one threshold is drawn between
 * the least and the largest instead of the best one. A row adds weight x target to its channel. A node is 7 + channels numbers:
 * column (-1 of a leaf), last bin on the left, left and right child, rows, gain, weight, and the sums of the channels. `scratch` has
 * 256 x (channels + 2) + 2 x (channels + 2) + 4 + columns / 2 + 1 + 2.5 x (n + 2) float64.
 */
export function treeGrow(
  columns: usize,
  stride: i32,
  bins: usize,
  cols: i32,
  edges: usize,
  rows: usize,
  n: i32,
  channelOf: usize,
  targets: usize,
  weights: usize,
  channelCount: i32,
  maxFeatures: i32,
  maxDepth: i32,
  minSplit: i32,
  minLeaf: i32,
  leastGain: f64,
  a: i32,
  b: i32,
  nodes: usize,
  scratch: usize,
): i32 {
  counter = 0;
  key0 = a;
  key1 = b;
  const channels = usize(channelCount);
  const width = (channels + 2) << 3;
  const weightAt = channels << 3;
  const record = (channels + 7) << 3;
  const histogram = scratch;
  const occupied = histogram + (width << 8);
  const left = occupied + 32;
  const total = left + width;
  const order = total + width;
  const stack = order + (((usize(cols) + 1) >> 1) << 3);
  const moved = stack + (usize(n + 2) << 4);
  memory.fill(histogram, 0, (width << 8) + 32);
  for (let c = 0; c < cols; c++) store<i32>(order + (usize(c) << 2), c);
  let made = 1;
  let depthOfStack: usize = 1;
  store<i32>(stack, 0);
  store<i32>(stack, n, 4);
  store<i32>(stack, 0, 8);
  store<i32>(stack, 0, 12);
  while (depthOfStack > 0) {
    const frame = stack + (--depthOfStack << 4);
    const from = load<i32>(frame);
    const count = load<i32>(frame, 4);
    const depth = load<i32>(frame, 8);
    const node = nodes + usize(load<i32>(frame, 12)) * record;
    const first = rows + (usize(from) << 2);
    const end = first + (usize(count) << 2);

    memory.fill(total, 0, width);
    let pure = true;
    const row0 = usize(load<u32>(first));
    for (let at = first; at < end; at += 4) {
      const row = usize(load<u32>(at));
      const channel = load<u8>(channelOf + row);
      const target = load<f32>(targets + (row << 2));
      addRow(total, usize(channel), f64(target), f64(load<f32>(weights + (row << 2))), channels);
      if (channel !== load<u8>(channelOf + row0) || target !== load<f32>(targets + (row0 << 2))) pure = false;
    }
    store<f64>(node, -1);
    memory.fill(node + 8, 0, 24);
    store<f64>(node, f64(count), 32);
    store<f64>(node, 0, 40);
    store<f64>(node, load<f64>(total + weightAt), 48);
    memory.copy(node + 56, total, weightAt);
    if (pure || count < minSplit || count < 2 * minLeaf || depth >= maxDepth) continue;

    let bestColumn = -1;
    let bestBin = 0;
    let best: f64 = -Infinity;
    let varies = false;
    for (let i = 0; i < cols && (i < maxFeatures || !varies); i++) {
      const chosen = order + (usize(i + i32(draw() * f64(cols - i))) << 2);
      const c = load<i32>(chosen);
      store<i32>(chosen, load<i32>(order + (usize(i) << 2)));
      store<i32>(order + (usize(i) << 2), c);
      if (load<i32>(bins + (usize(c) << 2)) < 2) continue;
      const column = columns + usize(c) * usize(stride);
      memory.fill(left, 0, width);
      if (edges) {
        let low: i32 = 255;
        let high: i32 = 0;
        for (let at = first; at < end; at += 4) {
          const bin = i32(load<u8>(column + usize(load<u32>(at))));
          low = min<i32>(low, bin);
          high = max<i32>(high, bin);
        }
        if (low === high) continue;
        varies = true;
        const edge = edges + (usize(c) << 10);
        const start = f64(load<f32>(edge + (usize(low) << 2)));
        const value = start + draw() * (f64(load<f32>(edge + (usize(high) << 2))) - start);
        let bin = low;
        while (bin + 1 < high && f64(load<f32>(edge + (usize(bin + 1) << 2))) <= value) bin++;
        for (let at = first; at < end; at += 4) {
          const row = usize(load<u32>(at));
          if (i32(load<u8>(column + row)) <= bin)
            addRow(
              left,
              usize(load<u8>(channelOf + row)),
              f64(load<f32>(targets + (row << 2))),
              f64(load<f32>(weights + (row << 2))),
              channels,
            );
        }
        const onLeft = load<f64>(left + weightAt, 8);
        if (onLeft < f64(minLeaf) || f64(count) - onLeft < f64(minLeaf)) continue;
        const score = purity(left, total, channels);
        if (score > best) {
          best = score;
          bestColumn = c;
          bestBin = bin;
        }
        continue;
      }
      for (let at = first; at < end; at += 4) {
        const row = usize(load<u32>(at));
        const bin = usize(load<u8>(column + row));
        const word = occupied + ((bin >> 6) << 3);
        store<u64>(word, load<u64>(word) | ((<u64>1) << (bin & 63)));
        addRow(
          histogram + bin * width,
          usize(load<u8>(channelOf + row)),
          f64(load<f32>(targets + (row << 2))),
          f64(load<f32>(weights + (row << 2))),
          channels,
        );
      }
      // Only bins that have rows are looked at, and emptied again.
      let before = -1;
      for (let w = 0; w < 4; w++) {
        let word = load<u64>(occupied + (usize(w) << 3));
        store<u64>(occupied + (usize(w) << 3), 0);
        while (word) {
          const bin = (w << 6) + i32(ctz(word));
          word &= word - 1;
          if (before >= 0) {
            varies = true;
            const onLeft = load<f64>(left + weightAt, 8);
            if (onLeft >= f64(minLeaf) && f64(count) - onLeft >= f64(minLeaf)) {
              const score = purity(left, total, channels);
              if (score > best) {
                best = score;
                bestColumn = c;
                bestBin = (before + bin) >> 1;
              }
            }
          }
          const cell = histogram + usize(bin) * width;
          for (let at: usize = 0; at < width; at += 8) {
            store<f64>(left + at, load<f64>(left + at) + load<f64>(cell + at));
            store<f64>(cell + at, 0);
          }
          before = bin;
        }
      }
    }
    if (bestColumn < 0) continue;
    let parent: f64 = 0;
    for (let at: usize = 0; at < weightAt; at += 8) parent += load<f64>(total + at) * load<f64>(total + at);
    const gain = best - parent / load<f64>(total + weightAt);
    if (gain + 1e-12 < leastGain) continue;

    const column = columns + usize(bestColumn) * usize(stride);
    let toLeft = first;
    let toRight = moved;
    for (let at = first; at < end; at += 4) {
      const row = load<u32>(at);
      const goes: usize = i32(load<u8>(column + usize(row))) <= bestBin ? 0 : 4;
      store<u32>(toLeft, row);
      store<u32>(toRight, row);
      toLeft += 4 - goes;
      toRight += goes;
    }
    memory.copy(toLeft, moved, toRight - moved);
    const onLeft = i32((toLeft - first) >> 2);
    store<f64>(node, f64(bestColumn));
    store<f64>(node, f64(bestBin), 8);
    store<f64>(node, f64(made), 16);
    store<f64>(node, f64(made + 1), 24);
    store<f64>(node, gain, 40);
    const right = stack + (depthOfStack << 4);
    store<i32>(right, from + onLeft);
    store<i32>(right, count - onLeft, 4);
    store<i32>(right, depth + 1, 8);
    store<i32>(right, made + 1, 12);
    store<i32>(right + 16, from);
    store<i32>(right + 16, onLeft, 4);
    store<i32>(right + 16, depth + 1, 8);
    store<i32>(right + 16, made, 12);
    depthOfStack += 2;
    made += 2;
  }
  return made;
}
