// Rows of a table, named by their numbers: gradients of embeddings and other sparse gradients.
import { adam } from "./optimizers.as";
import { axpy } from "./vector.as";

/**
 * The position of the first row that is not in the table and not `skip`; -1 where there is none. The least number of all
 * stands for "skip none", so it is never let through.
 */
export function firstOutside(rows: usize, n: i32, tableRows: i32, skip: i32): i32 {
  for (let i = 0; i < n; i++) {
    const row = load<i32>(rows + (usize(i) << 2));
    if (u32(row) >= u32(tableRows) && (row !== skip || row === i32.MIN_VALUE)) return i;
  }
  return -1;
}

/** With `from` and `scales` (not 0), value i is `scales[i]` times row `from[i]` of `values`, and adds nothing by 0; so too in `sumRows`. */
export function scatterAddRows(
  target: usize,
  width: i32,
  rows: usize,
  n: i32,
  values: usize,
  scale: f32,
  skip: i32,
  from: usize,
  scales: usize,
): void {
  const bytes = usize(width) << 2;
  for (let i = 0; i < n; i++) {
    const at = usize(i) << 2;
    const row = load<i32>(rows + at);
    if (row === skip) continue;
    const to = target + usize(row) * bytes;
    if (scales) {
      const factor = load<f32>(scales + at);
      if (factor !== 0) axpy(to, width, scale * factor, values + usize(load<u32>(from + at)) * bytes);
    } else axpy(to, width, scale, values + usize(i) * bytes);
  }
}

/**
 * Sums the values of equal rows, in order of their first appearance, onto `count` that are there already, and returns how many
 * there are then. `unique` and `sums` may be `rows` and `values`: no row is written behind the one that is read.
 *
 * A slot counts only if it points at an entry of `unique` that points back, so `slots` needs no cleaning before or after
 * (Briggs & Torczon, An efficient representation for sparse sets, 1993).
 */
export function sumRows(
  unique: usize,
  sums: usize,
  slots: usize,
  width: i32,
  rows: usize,
  n: i32,
  values: usize,
  skip: i32,
  count: u32,
  from: usize,
  scales: usize,
): i32 {
  const bytes = usize(width) << 2;
  for (let i = 0; i < n; i++) {
    const place = usize(i) << 2;
    const row = load<i32>(rows + place);
    if (row === skip) continue;
    const value = values + (scales ? usize(load<u32>(from + place)) : usize(i)) * bytes;
    const slot = slots + (usize(row) << 2);
    const at = load<u32>(slot);
    const factor: f32 = scales ? load<f32>(scales + place) : 1;
    if (at < count && load<i32>(unique + (usize(at) << 2)) === row) {
      if (factor !== 0) axpy(sums + usize(at) * bytes, width, factor, value);
    } else {
      store<u32>(slot, count);
      store<i32>(unique + (usize(count) << 2), row);
      const sum = sums + usize(count) * bytes;
      if (scales) multiple(sum, width, factor, value);
      else copy(sum, width, value);
      count++;
    }
  }
  return count;
}

function multiple(to: usize, n: i32, factor: f32, from: usize): void {
  const factors = f32x4.splat(factor);
  for (; n >= 4; n -= 4) {
    v128.store(to, f32x4.mul(factors, v128.load(from)));
    to += 16;
    from += 16;
  }
  for (; n > 0; n--) {
    store<f32>(to, factor * load<f32>(from));
    to += 4;
    from += 4;
  }
}

// A loop: the bulk instruction costs a call, which is dear for rows of a few hundred bytes.
function copy(to: usize, n: i32, from: usize): void {
  for (; n >= 4; n -= 4) {
    v128.store(to, v128.load(from));
    to += 16;
    from += 16;
  }
  for (; n > 0; n--) {
    store<f32>(to, load<f32>(from));
    to += 4;
    from += 4;
  }
}

/** Entry i of `sums` is that of row i, or with `slots` (not 0) that of the row whose slot is i. */
export function lazyAdam(
  p: usize,
  m: usize,
  v: usize,
  width: i32,
  rows: usize,
  n: i32,
  sums: usize,
  slots: usize,
  rate: f32,
  beta1: f32,
  rest1: f32,
  beta2: f32,
  rest2: f32,
  epsilon: f32,
  scale: f32,
): void {
  const bytes = usize(width) << 2;
  for (let i = 0; i < n; i++) {
    const row = usize(load<i32>(rows));
    const at = row * bytes;
    const g = sums + (slots ? usize(load<u32>(slots + (row << 2))) : usize(i)) * bytes;
    adam(p + at, g, m + at, v + at, width, rate, beta1, rest1, beta2, rest2, epsilon, 1, 0, scale);
    rows += 4;
  }
}

/**
 * As `adam` on all rows of a table, where the gradient is zero but for the `count` rows of `unique`, whose slots count as in `sumRows`.
 * Entry `count` of `sums` is zeros.
 */
export function adamTable(
  p: usize,
  m: usize,
  v: usize,
  width: i32,
  tableRows: i32,
  unique: usize,
  count: u32,
  sums: usize,
  slots: usize,
  rate: f32,
  beta1: f32,
  rest1: f32,
  beta2: f32,
  rest2: f32,
  epsilon: f32,
  shrink: f32,
  decay: f32,
  scale: f32,
): void {
  const bytes = usize(width) << 2;
  for (let row = 0; row < tableRows; row++) {
    const slot = load<u32>(slots + (usize(row) << 2));
    const touched = slot < count && load<i32>(unique + (usize(slot) << 2)) === row;
    const g = sums + usize(touched ? slot : count) * bytes;
    adam(p, g, m, v, width, rate, beta1, rest1, beta2, rest2, epsilon, shrink, decay, scale);
    p += bytes;
    m += bytes;
    v += bytes;
  }
}

/** For sample b and filter f: adds gradient[b, f] * weights[f] to the steps that filter f read at positions[b, f]. */
export function addWindows(
  out: usize,
  batch: i32,
  steps: i32,
  width: i32,
  filters: i32,
  kernel: i32,
  positions: usize,
  gradients: usize,
  weights: usize,
  stride: i32,
  padding: i32,
  dilation: i32,
): void {
  const bytes = usize(width) << 2;
  for (let b = 0; b < batch; b++) {
    let filter = weights;
    for (let f = 0; f < filters; f++) {
      const gradient = load<f32>(gradients);
      const first = load<i32>(positions) * stride - padding;
      if (gradient !== 0)
        for (let k = 0; k < kernel; k++) {
          const step = first + k * dilation;
          if (u32(step) < u32(steps)) axpy(out + usize(step) * bytes, width, gradient, filter + usize(k) * bytes);
        }
      gradients += 4;
      positions += 4;
      filter += usize(kernel) * bytes;
    }
    out += usize(steps) * bytes;
  }
}
