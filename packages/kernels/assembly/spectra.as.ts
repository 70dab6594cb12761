// Spectra of real frames, four frames at a time, one in each lane, so that no step of the transform shuffles lanes. A complex
// number is 32 bytes: four real parts, four imaginary parts.
import { transform, twiddleCount } from "./fourier.as";
import { lanesToRows } from "./lanes.as";

/**
 * Writes `frames` rows of `out`. Frame i is `windowLength` samples from `samples` + i x `hop` + `margin` on, times the window, in
 * the middle of `size` (even) otherwise zeros. A row is the complex spectrum (`kind` 0), its magnitude (1) or its power (2), or
 * where there are `filters` (pairs of a first bin and a count) the weighted sum of the bins under each.
 * `scratch` has 16 bytes for each of 2 x (size + 2) + bands numbers.
 */
export function spectra(
  out: usize,
  samples: usize,
  frames: i32,
  hop: usize,
  window: usize,
  windowLength: i32,
  margin: i32,
  size: i32,
  radices: usize,
  twiddles: usize,
  kind: i32,
  filters: usize,
  bands: i32,
  weights: usize,
  scratch: usize,
): void {
  const room = (usize(size) + 2) << 4;
  const half = size >> 1;
  const cols = bands > 0 ? bands : kind === 0 ? size + 2 : half + 1;
  const row = usize(cols) << 2;
  hop <<= 2;
  samples += usize(margin) << 2;
  const turns = twiddles + (usize(twiddleCount(half, radices)) << 3);
  for (let frame = 0; frame < frames; frame += 4) {
    // Behind the last frame stands the last one again.
    const last = frames - 1 - frame;
    const a = samples + usize(frame) * hop;
    load4(
      scratch,
      a,
      a + usize(min(1, last)) * hop,
      a + usize(min(2, last)) * hop,
      a + usize(min(3, last)) * hop,
      window,
      windowLength,
      margin,
      size,
    );
    const z = transform(scratch, scratch + room, half, radices, twiddles);
    const to = z === scratch ? scratch + room : scratch;
    untangle(z, to, half, turns, kind);
    const sums = scratch + 2 * room;
    if (bands > 0) sumBands(to, sums, filters, bands, weights);
    lanesToRows(bands > 0 ? sums : to, 16, out + usize(frame) * row, row, cols, min(4, frames - frame));
  }
}

/** Halves: what pulls the spectra apart would otherwise have to. */
function load4(
  to: usize,
  a: usize,
  b: usize,
  c: usize,
  d: usize,
  window: usize,
  length: i32,
  margin: i32,
  size: i32,
): void {
  const zero = f32x4.splat(0);
  for (let i = 0; i < margin; i++) {
    v128.store(to, zero);
    to += 16;
  }
  let i = length;
  for (; i >= 4; i -= 4) {
    const w = f32x4.mul(v128.load(window), f32x4.splat(0.5));
    const x0 = f32x4.mul(v128.load(a), w);
    const x1 = f32x4.mul(v128.load(b), w);
    const x2 = f32x4.mul(v128.load(c), w);
    const x3 = f32x4.mul(v128.load(d), w);
    const low01 = v128.shuffle<i32>(x0, x1, 0, 4, 1, 5);
    const low23 = v128.shuffle<i32>(x2, x3, 0, 4, 1, 5);
    const high01 = v128.shuffle<i32>(x0, x1, 2, 6, 3, 7);
    const high23 = v128.shuffle<i32>(x2, x3, 2, 6, 3, 7);
    v128.store(to, v128.shuffle<i64>(low01, low23, 0, 2));
    v128.store(to, v128.shuffle<i64>(low01, low23, 1, 3), 16);
    v128.store(to, v128.shuffle<i64>(high01, high23, 0, 2), 32);
    v128.store(to, v128.shuffle<i64>(high01, high23, 1, 3), 48);
    a += 16;
    b += 16;
    c += 16;
    d += 16;
    window += 16;
    to += 64;
  }
  for (; i > 0; i--) {
    const w = <f32>0.5 * load<f32>(window);
    store<f32>(to, load<f32>(a) * w);
    store<f32>(to, load<f32>(b) * w, 4);
    store<f32>(to, load<f32>(c) * w, 8);
    store<f32>(to, load<f32>(d) * w, 12);
    a += 4;
    b += 4;
    c += 4;
    d += 4;
    window += 4;
    to += 16;
  }
  for (let i = margin + length; i < size; i++) {
    v128.store(to, zero);
    to += 16;
  }
}

// A real frame of even size, read as half as many complex numbers and transformed, is pulled apart into its own spectrum; the window
// has halved it. Source: Sorensen et al., "Real-valued fast Fourier transform algorithms", IEEE Trans. ASSP 35 (1987).
function untangle(z: usize, to: usize, half: i32, w: usize, kind: i32): void {
  const zero = f32x4.splat(0);
  const a = f32x4.add(v128.load(z), v128.load(z));
  const b = f32x4.add(v128.load(z, 16), v128.load(z, 16));
  put(to, f32x4.add(a, b), zero, kind);
  const shift = kind === 0 ? 5 : 4;
  let high = to + (usize(half) << shift);
  put(high, f32x4.sub(a, b), zero, kind);
  let mirrored = z + (usize(half) << 5);
  for (let k = half >> 1; k > 0; k--) {
    z += 32;
    mirrored -= 32;
    to += 1 << shift;
    high -= 1 << shift;
    w += 8;
    const evenRe = f32x4.add(v128.load(z), v128.load(mirrored));
    const evenIm = f32x4.sub(v128.load(z, 16), v128.load(mirrored, 16));
    const oddRe = f32x4.add(v128.load(z, 16), v128.load(mirrored, 16));
    const oddIm = f32x4.sub(v128.load(mirrored), v128.load(z));
    const wr = v128.load32_splat(w);
    const wi = v128.load32_splat(w, 4);
    const re = f32x4.sub(f32x4.mul(oddRe, wr), f32x4.mul(oddIm, wi));
    const im = f32x4.add(f32x4.mul(oddRe, wi), f32x4.mul(oddIm, wr));
    put(to, f32x4.add(evenRe, re), f32x4.add(evenIm, im), kind);
    put(high, f32x4.sub(evenRe, re), f32x4.sub(im, evenIm), kind);
  }
}

function put(to: usize, re: v128, im: v128, kind: i32): void {
  const power = f32x4.add(f32x4.mul(re, re), f32x4.mul(im, im));
  if (kind === 2) v128.store(to, power);
  else if (kind === 1) v128.store(to, f32x4.sqrt(power));
  else {
    v128.store(to, re);
    v128.store(to, im, 16);
  }
}

/** Two sums side by side, that need not wait for each other. */
function sumBands(bins: usize, to: usize, filters: usize, bands: i32, weights: usize): void {
  for (; bands > 0; bands--) {
    let bin = bins + (usize(load<i32>(filters)) << 4);
    let count = load<i32>(filters, 4);
    filters += 8;
    let even = f32x4.splat(0);
    let odd = f32x4.splat(0);
    for (; count >= 2; count -= 2) {
      even = f32x4.add(even, f32x4.mul(v128.load(bin), v128.load32_splat(weights)));
      odd = f32x4.add(odd, f32x4.mul(v128.load(bin, 16), v128.load32_splat(weights, 4)));
      bin += 32;
      weights += 8;
    }
    if (count > 0) {
      even = f32x4.add(even, f32x4.mul(v128.load(bin), v128.load32_splat(weights)));
      weights += 4;
    }
    v128.store(to, f32x4.add(even, odd));
    to += 16;
  }
}

/**
 * x = factor * log2(max(x, least)), in place; NaN stays NaN. `least` is a normal number. Source: the series of artanh, on
 * [√½, √2), whose next term is below 1e-9. Gives the largest result, -Infinity where there is none.
 */
export function logarithms(x: usize, n: i32, least: f32, factor: f32): f32 {
  let largest = f32x4.splat(-Infinity);
  for (; n >= 4; n -= 4) {
    const log = logarithm(v128.load(x), least, factor);
    // Of a NaN, the second: what there was.
    largest = f32x4.pmax(largest, log);
    v128.store(x, log);
    x += 16;
  }
  for (; n > 0; n--) {
    const log = logarithm(v128.load32_splat(x), least, factor);
    largest = f32x4.pmax(largest, log);
    store<f32>(x, f32x4.extract_lane(log, 0));
    x += 4;
  }
  return max<f32>(
    max<f32>(f32x4.extract_lane(largest, 0), f32x4.extract_lane(largest, 1)),
    max<f32>(f32x4.extract_lane(largest, 2), f32x4.extract_lane(largest, 3)),
  );
}

function logarithm(value: v128, least: f32, factor: f32): v128 {
  const x = f32x4.max(value, f32x4.splat(least));
  const one = f32x4.splat(1);
  let exponent = f32x4.convert_i32x4_s(i32x4.sub(i32x4.shr_u(x, 23), i32x4.splat(127)));
  let m = v128.or(v128.and(x, i32x4.splat(0x007fffff)), i32x4.splat(0x3f800000));
  const large = f32x4.gt(m, f32x4.splat(Mathf.SQRT2));
  m = v128.bitselect(f32x4.mul(m, f32x4.splat(0.5)), m, large);
  exponent = f32x4.add(exponent, v128.and(large, one));
  const t = f32x4.div(f32x4.sub(m, one), f32x4.add(m, one));
  const square = f32x4.mul(t, t);
  let sum = f32x4.splat(0.22222222);
  sum = f32x4.add(f32x4.mul(sum, square), f32x4.splat(0.2857143));
  sum = f32x4.add(f32x4.mul(sum, square), f32x4.splat(0.4));
  sum = f32x4.add(f32x4.mul(sum, square), f32x4.splat(0.6666667));
  sum = f32x4.add(f32x4.mul(sum, square), f32x4.splat(2));
  const log2 = f32x4.add(exponent, f32x4.mul(f32x4.mul(t, sum), f32x4.splat(Mathf.LOG2E)));
  return v128.bitselect(value, f32x4.mul(log2, f32x4.splat(factor)), f32x4.ne(value, value));
}
