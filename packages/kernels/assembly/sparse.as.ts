// Products of a sparse matrix in compressed rows with a dense one, row-major with `width` columns.
import { axpy } from "./vector.as";

/** Sums begin anew after so many entries of a row, so that the rounding of a long one stays small. */
const block: i32 = 256;

/** out (rows x width) = matrix x dense. Each number sums in the order of the entries, whatever the lanes. */
export function sparseProduct(
  out: usize,
  rows: i32,
  offsets: usize,
  columns: usize,
  values: usize,
  dense: usize,
  width: i32,
): void {
  const bytes = usize(width) << 2;
  for (let row = 0; row < rows; row++) {
    let from = load<i32>(offsets);
    const end = load<i32>(offsets, 4);
    if (from === end) memory.fill(out, 0, bytes);
    for (let isFirst = true; from < end; isFirst = false) {
      const to = min(from + block, end);
      const at = columns + (usize(from) << 2);
      addEntries(out, at, values + (usize(from) << 2), at + (usize(to - from) << 2), dense, bytes, isFirst);
      from = to;
    }
    offsets += 4;
    out += bytes;
  }
}

/** The entries whose columns lie from `columns` to `end`: 32 numbers of each at a time, whose sums stay in registers. */
function addEntries(
  out: usize,
  columns: usize,
  values: usize,
  end: usize,
  dense: usize,
  bytes: usize,
  isFirst: boolean,
): void {
  const step = values - columns;
  let at: usize = 0;
  for (; at + 128 <= bytes; at += 128) {
    const from = dense + at;
    let s0 = f32x4.splat(0);
    let s1 = s0;
    let s2 = s0;
    let s3 = s0;
    let s4 = s0;
    let s5 = s0;
    let s6 = s0;
    let s7 = s0;
    for (let c = columns; c < end; c += 4) {
      const value = v128.load32_splat(c + step);
      const row = from + usize(load<u32>(c)) * bytes;
      s0 = f32x4.add(s0, f32x4.mul(value, v128.load(row)));
      s1 = f32x4.add(s1, f32x4.mul(value, v128.load(row, 16)));
      s2 = f32x4.add(s2, f32x4.mul(value, v128.load(row, 32)));
      s3 = f32x4.add(s3, f32x4.mul(value, v128.load(row, 48)));
      s4 = f32x4.add(s4, f32x4.mul(value, v128.load(row, 64)));
      s5 = f32x4.add(s5, f32x4.mul(value, v128.load(row, 80)));
      s6 = f32x4.add(s6, f32x4.mul(value, v128.load(row, 96)));
      s7 = f32x4.add(s7, f32x4.mul(value, v128.load(row, 112)));
    }
    const to = out + at;
    if (!isFirst) {
      s0 = f32x4.add(v128.load(to), s0);
      s1 = f32x4.add(v128.load(to, 16), s1);
      s2 = f32x4.add(v128.load(to, 32), s2);
      s3 = f32x4.add(v128.load(to, 48), s3);
      s4 = f32x4.add(v128.load(to, 64), s4);
      s5 = f32x4.add(v128.load(to, 80), s5);
      s6 = f32x4.add(v128.load(to, 96), s6);
      s7 = f32x4.add(v128.load(to, 112), s7);
    }
    v128.store(to, s0);
    v128.store(to, s1, 16);
    v128.store(to, s2, 32);
    v128.store(to, s3, 48);
    v128.store(to, s4, 64);
    v128.store(to, s5, 80);
    v128.store(to, s6, 96);
    v128.store(to, s7, 112);
  }
  for (; at + 16 <= bytes; at += 16) {
    let sum = f32x4.splat(0);
    for (let c = columns; c < end; c += 4)
      sum = f32x4.add(sum, f32x4.mul(v128.load32_splat(c + step), v128.load(dense + at + usize(load<u32>(c)) * bytes)));
    v128.store(out + at, isFirst ? sum : f32x4.add(v128.load(out + at), sum));
  }
  for (; at < bytes; at += 4) {
    let sum: f32 = 0;
    for (let c = columns; c < end; c += 4)
      sum += load<f32>(c + step) * load<f32>(dense + at + usize(load<u32>(c)) * bytes);
    store<f32>(out + at, isFirst ? sum : load<f32>(out + at) + sum);
  }
}

/** out (columns of the matrix x width) += transposed matrix x dense (rows x width), row by row. */
export function sparseTransposedProduct(
  out: usize,
  rows: i32,
  offsets: usize,
  columns: usize,
  values: usize,
  dense: usize,
  width: i32,
): void {
  const bytes = usize(width) << 2;
  for (let row = 0; row < rows; row++) {
    const end = usize(load<u32>(offsets, 4)) << 2;
    for (let at = usize(load<u32>(offsets)) << 2; at < end; at += 4)
      axpy(out + usize(load<u32>(columns + at)) * bytes, width, load<f32>(values + at), dense);
    offsets += 4;
    dense += bytes;
  }
}
