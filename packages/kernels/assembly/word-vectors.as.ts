// Steps of word2vec with negative sampling and of GloVe, on tables of `width` numbers a word, a multiple of 4.
import { hash } from "./hash.as";
import { axpy } from "./vector.as";

// Of the call at work: the stream of its random numbers. Globals belong to an instance, so each thread has its own.
let counter: i32 = 0;
let key0: i32 = 0;
let key1: i32 = 0;

function draw(): u32 {
  return hash(counter++, key0, key1);
}

/** A whole number from 0 to `n` - 1, in float64 as the twin computes it. */
function below(n: i32): i32 {
  return i32(f64(draw()) * 2.3283064365386963e-10 * f64(n));
}

// How `scratch` is divided: addresses of the rows that are targets, their slopes, two rows, words of the sentence.
let targets: usize = 0;
let slopes: usize = 0;
let hidden: usize = 0;
let errors: usize = 0;
let sentence: usize = 0;

function start(scratch: usize, width: i32, negatives: i32, a: i32, b: i32): void {
  counter = 0;
  key0 = a;
  key1 = b;
  hidden = scratch;
  errors = hidden + (usize(width) << 2);
  targets = errors + (usize(width) << 2);
  slopes = targets + (usize(negatives + 1) << 2);
  sentence = slopes + (usize(negatives + 1) << 2);
}

/** Reads words up to the end of a sentence or until there is no more room; how many of `left` were read. */
let length: i32 = 0;
function readSentence(tokens: usize, left: i32, room: i32, keep: usize): i32 {
  length = 0;
  let read = 0;
  while (read < left && length < room) {
    const word = load<i32>(tokens + (usize(read++) << 2));
    if (word < 0) break;
    if (draw() <= load<u32>(keep + (usize(word) << 2))) {
      store<i32>(sentence + (usize(length) << 2), word);
      length++;
    }
  }
  return read;
}

/** The row of `word`, then those of the negatives, which `word` itself is not. Alias method: two numbers a draw. */
function drawTargets(
  word: i32,
  output: usize,
  bytes: usize,
  negatives: i32,
  words: i32,
  threshold: usize,
  alias: usize,
): i32 {
  store<u32>(targets, u32(output + usize(word) * bytes));
  let count = 1;
  for (; negatives > 0; negatives--) {
    let other = below(words);
    if (draw() > load<u32>(threshold + (usize(other) << 2))) other = load<i32>(alias + (usize(other) << 2));
    if (other !== word) {
      store<u32>(targets + (usize(count) << 2), u32(output + usize(other) * bytes));
      count++;
    }
  }
  return count;
}

function dot(a: usize, b: usize, bytes: usize): f32 {
  let s0 = f32x4.splat(0);
  let s1 = s0;
  let s2 = s0;
  let s3 = s0;
  const end = a + bytes;
  for (; a + 64 <= end; a += 64, b += 64) {
    s0 = f32x4.add(s0, f32x4.mul(v128.load(a), v128.load(b)));
    s1 = f32x4.add(s1, f32x4.mul(v128.load(a, 16), v128.load(b, 16)));
    s2 = f32x4.add(s2, f32x4.mul(v128.load(a, 32), v128.load(b, 32)));
    s3 = f32x4.add(s3, f32x4.mul(v128.load(a, 48), v128.load(b, 48)));
  }
  for (; a < end; a += 16, b += 16) s0 = f32x4.add(s0, f32x4.mul(v128.load(a), v128.load(b)));
  s0 = f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3));
  return (
    f32x4.extract_lane(s0, 0) + f32x4.extract_lane(s0, 1) + (f32x4.extract_lane(s0, 2) + f32x4.extract_lane(s0, 3))
  );
}

/**
 * One example: `row` against the targets, the first of which is right and the others wrong. Moves the targets, and writes
 * the row as it was moved (`moved` is the row), or the movement alone (`moved` is another place).
 */
function learn(row: usize, moved: usize, bytes: usize, count: i32, sigmoid: usize, rate: f32): void {
  const last = usize(count) << 2;
  for (let t: usize = 0; t < last; t += 4) {
    const score = dot(row, load<u32>(targets + t), bytes);
    const label: f32 = t === 0 ? 1 : 0;
    // Beyond 6 nothing moves, so that a rate too large leads to no infinity. A score that is no number fails the test too.
    const slope: f32 =
      abs<f32>(score) < 6 ? (label - load<f32>(sigmoid + (usize((score + 6) * <f32>(1024.0 / 12)) << 2))) * rate : 0;
    store<f32>(slopes + t, slope);
  }
  const isOwn = row === moved;
  let at: usize = 0;
  for (; at + 64 <= bytes; at += 64) {
    const r0 = v128.load(row + at);
    const r1 = v128.load(row + at, 16);
    const r2 = v128.load(row + at, 32);
    const r3 = v128.load(row + at, 48);
    let m0 = isOwn ? r0 : f32x4.splat(0);
    let m1 = isOwn ? r1 : f32x4.splat(0);
    let m2 = isOwn ? r2 : f32x4.splat(0);
    let m3 = isOwn ? r3 : f32x4.splat(0);
    for (let t: usize = 0; t < last; t += 4) {
      const slope = v128.load32_splat(slopes + t);
      const target = usize(load<u32>(targets + t)) + at;
      const t0 = v128.load(target);
      const t1 = v128.load(target, 16);
      const t2 = v128.load(target, 32);
      const t3 = v128.load(target, 48);
      m0 = f32x4.add(m0, f32x4.mul(slope, t0));
      m1 = f32x4.add(m1, f32x4.mul(slope, t1));
      m2 = f32x4.add(m2, f32x4.mul(slope, t2));
      m3 = f32x4.add(m3, f32x4.mul(slope, t3));
      v128.store(target, f32x4.add(t0, f32x4.mul(slope, r0)));
      v128.store(target, f32x4.add(t1, f32x4.mul(slope, r1)), 16);
      v128.store(target, f32x4.add(t2, f32x4.mul(slope, r2)), 32);
      v128.store(target, f32x4.add(t3, f32x4.mul(slope, r3)), 48);
    }
    v128.store(moved + at, m0);
    v128.store(moved + at, m1, 16);
    v128.store(moved + at, m2, 32);
    v128.store(moved + at, m3, 48);
  }
  for (; at < bytes; at += 16) {
    const r0 = v128.load(row + at);
    let m0 = isOwn ? r0 : f32x4.splat(0);
    for (let t: usize = 0; t < last; t += 4) {
      const slope = v128.load32_splat(slopes + t);
      const target = usize(load<u32>(targets + t)) + at;
      const t0 = v128.load(target);
      m0 = f32x4.add(m0, f32x4.mul(slope, t0));
      v128.store(target, f32x4.add(t0, f32x4.mul(slope, r0)));
    }
    v128.store(moved + at, m0);
  }
}

/**
 * Skip-gram: each word of the window against the word in its middle and negatives, which the whole window shares: their rows
 * stay in the first cache. Returns how many words were left by the subsampling.
 * `tokens` are words and -1 at the end of each sentence; `room` is the number of words that `scratch` has room for.
 */
export function skipGram(
  input: usize,
  output: usize,
  width: i32,
  tokens: usize,
  n: i32,
  words: i32,
  keep: usize,
  threshold: usize,
  alias: usize,
  sigmoid: usize,
  window: i32,
  shrink: i32,
  negatives: i32,
  rate: f32,
  a: i32,
  b: i32,
  scratch: usize,
  room: i32,
): i32 {
  const bytes = usize(width) << 2;
  let trained = 0;
  start(scratch, width, negatives, a, b);
  for (let at = 0; at < n; ) {
    at += readSentence(tokens + (usize(at) << 2), n - at, room, keep);
    trained += length;
    for (let i = 0; i < length; i++) {
      const reach = window - (shrink ? below(window) : 0);
      const last = min(length - 1, i + reach);
      let j = max(0, i - reach);
      if (j === last) continue;
      const word = load<i32>(sentence + (usize(i) << 2));
      const count = drawTargets(word, output, bytes, negatives, words, threshold, alias);
      for (; j <= last; j++) {
        if (j === i) continue;
        const row = input + usize(load<i32>(sentence + (usize(j) << 2))) * bytes;
        learn(row, row, bytes, count, sigmoid, rate);
      }
    }
  }
  return trained;
}

/** CBOW: the mean or the sum of the window against the word in its middle and negatives. Otherwise as `skipGram`. */
export function cbow(
  input: usize,
  output: usize,
  width: i32,
  tokens: usize,
  n: i32,
  words: i32,
  keep: usize,
  threshold: usize,
  alias: usize,
  sigmoid: usize,
  window: i32,
  shrink: i32,
  negatives: i32,
  rate: f32,
  a: i32,
  b: i32,
  scratch: usize,
  room: i32,
  mean: i32,
): i32 {
  const bytes = usize(width) << 2;
  let trained = 0;
  start(scratch, width, negatives, a, b);
  for (let at = 0; at < n; ) {
    at += readSentence(tokens + (usize(at) << 2), n - at, room, keep);
    trained += length;
    for (let i = 0; i < length; i++) {
      const reach = window - (shrink ? below(window) : 0);
      const last = min(length - 1, i + reach);
      const first = max(0, i - reach);
      if (first === last) continue;
      const share: f32 = 1 / f32(last - first);
      sumWindow(input, bytes, i, first, last, mean ? share : 1);
      const word = load<i32>(sentence + (usize(i) << 2));
      const count = drawTargets(word, output, bytes, negatives, words, threshold, alias);
      learn(hidden, errors, bytes, count, sigmoid, rate);
      for (let j = first; j <= last; j++)
        if (j !== i)
          axpy(input + usize(load<i32>(sentence + (usize(j) << 2))) * bytes, width, mean ? 1 : share, errors);
    }
  }
  return trained;
}

/** The rows of the words from `first` to `last` but `middle`, summed and scaled, to `hidden`. */
function sumWindow(input: usize, bytes: usize, middle: i32, first: i32, last: i32, factor: f32): void {
  const factors = f32x4.splat(factor);
  let at: usize = 0;
  for (; at + 64 <= bytes; at += 64) {
    let s0 = f32x4.splat(0);
    let s1 = s0;
    let s2 = s0;
    let s3 = s0;
    for (let j = first; j <= last; j++) {
      if (j === middle) continue;
      const row = input + usize(load<i32>(sentence + (usize(j) << 2))) * bytes + at;
      s0 = f32x4.add(s0, v128.load(row));
      s1 = f32x4.add(s1, v128.load(row, 16));
      s2 = f32x4.add(s2, v128.load(row, 32));
      s3 = f32x4.add(s3, v128.load(row, 48));
    }
    v128.store(hidden + at, f32x4.mul(s0, factors));
    v128.store(hidden + at, f32x4.mul(s1, factors), 16);
    v128.store(hidden + at, f32x4.mul(s2, factors), 32);
    v128.store(hidden + at, f32x4.mul(s3, factors), 48);
  }
  for (; at < bytes; at += 16) {
    let sum = f32x4.splat(0);
    for (let j = first; j <= last; j++)
      if (j !== middle)
        sum = f32x4.add(sum, v128.load(input + usize(load<i32>(sentence + (usize(j) << 2))) * bytes + at));
    v128.store(hidden + at, f32x4.mul(sum, factors));
  }
}

/**
 * GloVe: a step of AdaGrad for each entry: the word `rows[i]` beside the word `columns[i]`, with the logarithm of their
 * count and its weight. A row is `width` numbers of which the last four are the bias and nothing; `squares` has
 * the sums of squared gradients, ones at first, in the same places. Returns the sum of weighted squared errors.
 */
export function glove(
  input: usize,
  inputSquares: usize,
  output: usize,
  outputSquares: usize,
  width: i32,
  n: i32,
  rows: usize,
  columns: usize,
  logs: usize,
  weights: usize,
  rate: f32,
): f64 {
  const bytes = usize(width) << 2;
  const vector = bytes - 16;
  const most = f32x4.splat(100);
  const least = f32x4.splat(-100);
  const rates = f32x4.splat(rate);
  let cost: f64 = 0;
  for (let i = 0; i < n; i++) {
    const entry = usize(i) << 2;
    const u = usize(load<i32>(rows + entry)) * bytes;
    const v = usize(load<i32>(columns + entry)) * bytes;
    const difference =
      dot(input + u, output + v, vector) +
      load<f32>(input + u + vector) +
      load<f32>(output + v + vector) -
      load<f32>(logs + entry);
    const weighted = load<f32>(weights + entry) * difference;
    cost += f64(weighted) * f64(difference);
    const slope = f32x4.splat(weighted);
    for (let at: usize = 0; at < vector; at += 16) {
      const x = v128.load(input + u + at);
      const y = v128.load(output + v + at);
      const gx = f32x4.mul(f32x4.max(f32x4.min(f32x4.mul(slope, y), most), least), rates);
      const gy = f32x4.mul(f32x4.max(f32x4.min(f32x4.mul(slope, x), most), least), rates);
      const sx = v128.load(inputSquares + u + at);
      const sy = v128.load(outputSquares + v + at);
      v128.store(input + u + at, f32x4.sub(x, f32x4.div(gx, f32x4.sqrt(sx))));
      v128.store(output + v + at, f32x4.sub(y, f32x4.div(gy, f32x4.sqrt(sy))));
      v128.store(inputSquares + u + at, f32x4.add(sx, f32x4.mul(gx, gx)));
      v128.store(outputSquares + v + at, f32x4.add(sy, f32x4.mul(gy, gy)));
    }
    const step = max<f32>(min<f32>(weighted, 100), -100) * rate;
    adagrad(input + u + vector, inputSquares + u + vector, step);
    adagrad(output + v + vector, outputSquares + v + vector, step);
  }
  return cost;
}

function adagrad(p: usize, squares: usize, step: f32): void {
  const sum = load<f32>(squares);
  store<f32>(p, load<f32>(p) - step / sqrt<f32>(sum));
  store<f32>(squares, sum + step * step);
}
