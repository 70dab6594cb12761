import { transform } from "./fourier.as";
import { lanesToRows } from "./lanes.as";

/**
 * out[i] = taps[0] x[2i + c] + the sum over p = 1 .. `pairs` of taps[p] (x[2i + c - (2p - 1)] + x[2i + c + (2p - 1)]), c = 2 `pairs` - 1:
 * a half-band filter, read out at every second sample. `scratch` has room for `n` + 2 `pairs` numbers.
 */
export function halveRate(out: usize, x: usize, n: i32, taps: usize, pairs: i32, scratch: usize): void {
  const evens = n + 2 * pairs - 1;
  let from = x;
  let to = scratch;
  let left = evens;
  for (; left > 4; left -= 4) {
    v128.store(to, v128.shuffle<i32>(v128.load(from), v128.load(from, 16), 0, 2, 4, 6));
    from += 32;
    to += 16;
  }
  for (; left > 0; left--) {
    store<f32>(to, load<f32>(from));
    from += 8;
    to += 4;
  }
  const first = taps;
  let center = x + (usize(2 * pairs - 1) << 2);
  let low = scratch + (usize(pairs - 1) << 2);
  for (; n >= 16; n -= 16) {
    const middle = v128.load32_splat(first);
    let s0 = f32x4.mul(middle, v128.shuffle<i32>(v128.load(center), v128.load(center, 12), 0, 2, 5, 7));
    let s1 = f32x4.mul(middle, v128.shuffle<i32>(v128.load(center, 32), v128.load(center, 44), 0, 2, 5, 7));
    let s2 = f32x4.mul(middle, v128.shuffle<i32>(v128.load(center, 64), v128.load(center, 76), 0, 2, 5, 7));
    let s3 = f32x4.mul(middle, v128.shuffle<i32>(v128.load(center, 96), v128.load(center, 108), 0, 2, 5, 7));
    let a = low;
    let b = low + 4;
    let tap = first;
    for (let p = pairs; p > 0; p--) {
      tap += 4;
      const w = v128.load32_splat(tap);
      s0 = f32x4.add(s0, f32x4.mul(w, f32x4.add(v128.load(a), v128.load(b))));
      s1 = f32x4.add(s1, f32x4.mul(w, f32x4.add(v128.load(a, 16), v128.load(b, 16))));
      s2 = f32x4.add(s2, f32x4.mul(w, f32x4.add(v128.load(a, 32), v128.load(b, 32))));
      s3 = f32x4.add(s3, f32x4.mul(w, f32x4.add(v128.load(a, 48), v128.load(b, 48))));
      a -= 4;
      b += 4;
    }
    v128.store(out, s0);
    v128.store(out, s1, 16);
    v128.store(out, s2, 32);
    v128.store(out, s3, 48);
    out += 64;
    low += 64;
    center += 128;
  }
  for (; n > 0; n--) {
    let sum = load<f32>(first) * load<f32>(center);
    let a = low;
    let b = low + 4;
    let tap = first;
    for (let p = pairs; p > 0; p--) {
      tap += 4;
      sum += load<f32>(tap) * (load<f32>(a) + load<f32>(b));
      a -= 4;
      b += 4;
    }
    store<f32>(out, sum);
    out += 4;
    low += 4;
    center += 8;
  }
}

/**
 * Overlap-save: blocks of `sizeIn` samples, the spectrum of each times `gains`, read out at `sizeOut`. Two blocks are the real and the
 * imaginary part of one transform; `pairs` of them, up to 4, lie in the lanes. Block b begins at `x` + b x `advance` with `half` samples
 * before its first output, and gives `advanceOut` numbers. `scratch` has 64 bytes for each of the larger of the sizes.
 */
export function resampleBlocks(
  out: usize,
  x: usize,
  pairs: i32,
  half: i32,
  advance: usize,
  advanceOut: i32,
  sizeIn: i32,
  radicesIn: usize,
  twiddlesIn: usize,
  sizeOut: i32,
  radicesOut: usize,
  twiddlesOut: usize,
  gains: usize,
  scratch: usize,
): void {
  const other = scratch + (usize(max(sizeIn, sizeOut)) << 5);
  // Lanes of no pair read the last one.
  const last = usize(pairs - 1);
  const step = advance << 3;
  const x1 = x + min(1, last) * step;
  const x2 = x + min(2, last) * step;
  const x3 = x + min(3, last) * step;
  // What is before the first output stands at the end, where the transform, which goes round, wants it.
  const before = scratch + (usize(sizeIn - half) << 5);
  advance <<= 2;
  interleave(before, x, x1, x2, x3, half);
  interleave(before + 16, x + advance, x1 + advance, x2 + advance, x3 + advance, half);
  const skip = usize(half) << 2;
  const ahead = skip + advance;
  interleave(scratch, x + skip, x1 + skip, x2 + skip, x3 + skip, sizeIn - half);
  interleave(scratch + 16, x + ahead, x1 + ahead, x2 + ahead, x3 + ahead, sizeIn - half);

  const z = transform(scratch, other, sizeIn, radicesIn, twiddlesIn);
  const y = z === scratch ? other : scratch;
  // Real and imaginary parts change places on the way in and on the way out: that makes the transform its inverse.
  const bins = min(sizeIn, sizeOut) >> 1;
  put(y, z, gains);
  for (let k = 1; k < bins; k++) {
    const at = usize(k) << 5;
    put(y + at, z + at, gains + (usize(k) << 2));
    put(y + (usize(sizeOut - k) << 5), z + (usize(sizeIn - k) << 5), gains + (usize(k) << 2));
  }
  const zero = f32x4.splat(0);
  for (let k = bins; k <= sizeOut - bins; k++) {
    v128.store(y + (usize(k) << 5), zero);
    v128.store(y + (usize(k) << 5), zero, 16);
  }
  const result = transform(y, z, sizeOut, radicesOut, twiddlesOut);
  const row = usize(advanceOut) << 2;
  lanesToRows(result + 16, 32, out, 2 * row, advanceOut, pairs);
  lanesToRows(result, 32, out + row, 2 * row, advanceOut, pairs);
}

function put(to: usize, from: usize, gain: usize): void {
  const g = v128.load32_splat(gain);
  v128.store(to, f32x4.mul(v128.load(from, 16), g));
  v128.store(to, f32x4.mul(v128.load(from), g), 16);
}

/** Sample i of each of four goes to the lanes of `to` + 32 i. */
function interleave(to: usize, a: usize, b: usize, c: usize, d: usize, n: i32): void {
  for (; n >= 4; n -= 4) {
    const x0 = v128.load(a);
    const x1 = v128.load(b);
    const x2 = v128.load(c);
    const x3 = v128.load(d);
    const low01 = v128.shuffle<i32>(x0, x1, 0, 4, 1, 5);
    const low23 = v128.shuffle<i32>(x2, x3, 0, 4, 1, 5);
    const high01 = v128.shuffle<i32>(x0, x1, 2, 6, 3, 7);
    const high23 = v128.shuffle<i32>(x2, x3, 2, 6, 3, 7);
    v128.store(to, v128.shuffle<i64>(low01, low23, 0, 2));
    v128.store(to, v128.shuffle<i64>(low01, low23, 1, 3), 32);
    v128.store(to, v128.shuffle<i64>(high01, high23, 0, 2), 64);
    v128.store(to, v128.shuffle<i64>(high01, high23, 1, 3), 96);
    a += 16;
    b += 16;
    c += 16;
    d += 16;
    to += 128;
  }
  for (; n > 0; n--) {
    store<f32>(to, load<f32>(a));
    store<f32>(to, load<f32>(b), 4);
    store<f32>(to, load<f32>(c), 8);
    store<f32>(to, load<f32>(d), 12);
    a += 4;
    b += 4;
    c += 4;
    d += 4;
    to += 32;
  }
}
