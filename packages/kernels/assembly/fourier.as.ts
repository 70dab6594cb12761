// Fourier transforms, four at a time, one in each lane, so that no step shuffles lanes. A complex number is 32 bytes: four real
// parts, four imaginary parts. Not exported from the binary: what is built on them is.

/** Transforms the `size` complex numbers at `from`, not scaled; `to` has as much room. Gives which of the two holds the result. */
export function transform(from: usize, to: usize, size: i32, radices: usize, twiddles: usize): usize {
  let stride = 1;
  for (let radix = radices; load<i32>(radix) !== 0; radix += 4) {
    const r = load<i32>(radix);
    const m = size / stride / r;
    if (r === 4) pass4(from, to, m, stride, twiddles);
    else if (r === 2) pass2(from, to, m, stride, twiddles);
    else if (r === 3) pass3(from, to, m, stride, twiddles);
    else if (r === 5) pass5(from, to, m, stride, twiddles);
    else pass7(from, to, m, stride, twiddles);
    twiddles += usize(m * (r - 1)) << 3;
    stride *= r;
    const other = from;
    from = to;
    to = other;
  }
  return from;
}

/** How many complex numbers the twiddles of all passes are. */
export function twiddleCount(size: i32, radices: usize): i32 {
  let count = 0;
  for (let m = size; load<i32>(radices) !== 0; radices += 4) {
    m /= load<i32>(radices);
    count += m * (load<i32>(radices) - 1);
  }
  return count;
}

/** Stores (re, im) times the twiddle at `w`. */
function turned(to: usize, re: v128, im: v128, wr: v128, wi: v128): void {
  v128.store(to, f32x4.sub(f32x4.mul(re, wr), f32x4.mul(im, wi)));
  v128.store(to, f32x4.add(f32x4.mul(re, wi), f32x4.mul(im, wr)), 16);
}

// Passes of Stockham's auto-sorting transform, decimation in frequency: `stride` interleaved transforms of r x m points each
// become r x stride of m points. Source: Van Loan, "Computational Frameworks for the FFT" (1992), section 1.7.
function pass2(from: usize, to: usize, m: i32, stride: i32, w: usize): void {
  const step = usize(m * stride) << 5;
  const run = usize(stride) << 5;
  for (; m > 0; m--) {
    const wr = v128.load32_splat(w);
    const wi = v128.load32_splat(w, 4);
    w += 8;
    const end = from + run;
    for (; from < end; from += 32) {
      const aRe = v128.load(from);
      const aIm = v128.load(from, 16);
      const bRe = v128.load(from + step);
      const bIm = v128.load(from + step, 16);
      v128.store(to, f32x4.add(aRe, bRe));
      v128.store(to, f32x4.add(aIm, bIm), 16);
      turned(to + run, f32x4.sub(aRe, bRe), f32x4.sub(aIm, bIm), wr, wi);
      to += 32;
    }
    to += run;
  }
}

function pass3(from: usize, to: usize, m: i32, stride: i32, w: usize): void {
  const step = usize(m * stride) << 5;
  const run = usize(stride) << 5;
  const half = f32x4.splat(0.5);
  const sine = f32x4.splat(0.8660254037844386);
  for (; m > 0; m--) {
    const w1r = v128.load32_splat(w);
    const w1i = v128.load32_splat(w, 4);
    const w2r = v128.load32_splat(w, 8);
    const w2i = v128.load32_splat(w, 12);
    w += 16;
    const end = from + run;
    for (; from < end; from += 32) {
      const b = from + step;
      const c = b + step;
      const aRe = v128.load(from);
      const aIm = v128.load(from, 16);
      const sumRe = f32x4.add(v128.load(b), v128.load(c));
      const sumIm = f32x4.add(v128.load(b, 16), v128.load(c, 16));
      const turnRe = f32x4.mul(sine, f32x4.sub(v128.load(b, 16), v128.load(c, 16)));
      const turnIm = f32x4.mul(sine, f32x4.sub(v128.load(c), v128.load(b)));
      const midRe = f32x4.sub(aRe, f32x4.mul(half, sumRe));
      const midIm = f32x4.sub(aIm, f32x4.mul(half, sumIm));
      v128.store(to, f32x4.add(aRe, sumRe));
      v128.store(to, f32x4.add(aIm, sumIm), 16);
      turned(to + run, f32x4.add(midRe, turnRe), f32x4.add(midIm, turnIm), w1r, w1i);
      turned(to + 2 * run, f32x4.sub(midRe, turnRe), f32x4.sub(midIm, turnIm), w2r, w2i);
      to += 32;
    }
    to += 2 * run;
  }
}

function pass4(from: usize, to: usize, m: i32, stride: i32, w: usize): void {
  const step = usize(m * stride) << 5;
  const run = usize(stride) << 5;
  for (let k = m; k > 0; k--) {
    const w1r = v128.load32_splat(w);
    const w1i = v128.load32_splat(w, 4);
    const w2r = v128.load32_splat(w, 8);
    const w2i = v128.load32_splat(w, 12);
    const w3r = v128.load32_splat(w, 16);
    const w3i = v128.load32_splat(w, 20);
    w += 24;
    const end = from + run;
    for (; from < end; from += 32) {
      const b = from + step;
      const c = b + step;
      const d = c + step;
      const evenRe = f32x4.add(v128.load(from), v128.load(c));
      const evenIm = f32x4.add(v128.load(from, 16), v128.load(c, 16));
      const lessRe = f32x4.sub(v128.load(from), v128.load(c));
      const lessIm = f32x4.sub(v128.load(from, 16), v128.load(c, 16));
      const oddRe = f32x4.add(v128.load(b), v128.load(d));
      const oddIm = f32x4.add(v128.load(b, 16), v128.load(d, 16));
      const turnRe = f32x4.sub(v128.load(b, 16), v128.load(d, 16));
      const turnIm = f32x4.sub(v128.load(d), v128.load(b));
      v128.store(to, f32x4.add(evenRe, oddRe));
      v128.store(to, f32x4.add(evenIm, oddIm), 16);
      // The first twiddles are 1; so are all of the last pass.
      if (k === m) {
        v128.store(to + run, f32x4.add(lessRe, turnRe));
        v128.store(to + run, f32x4.add(lessIm, turnIm), 16);
        v128.store(to + 2 * run, f32x4.sub(evenRe, oddRe));
        v128.store(to + 2 * run, f32x4.sub(evenIm, oddIm), 16);
        v128.store(to + 3 * run, f32x4.sub(lessRe, turnRe));
        v128.store(to + 3 * run, f32x4.sub(lessIm, turnIm), 16);
      } else {
        turned(to + run, f32x4.add(lessRe, turnRe), f32x4.add(lessIm, turnIm), w1r, w1i);
        turned(to + 2 * run, f32x4.sub(evenRe, oddRe), f32x4.sub(evenIm, oddIm), w2r, w2i);
        turned(to + 3 * run, f32x4.sub(lessRe, turnRe), f32x4.sub(lessIm, turnIm), w3r, w3i);
      }
      to += 32;
    }
    to += 3 * run;
  }
}

function pass5(from: usize, to: usize, m: i32, stride: i32, w: usize): void {
  const step = usize(m * stride) << 5;
  const run = usize(stride) << 5;
  const cos1 = f32x4.splat(0.3090169943749474);
  const cos2 = f32x4.splat(-0.8090169943749475);
  const sin1 = f32x4.splat(0.9510565162951535);
  const sin2 = f32x4.splat(0.5877852522924731);
  for (; m > 0; m--) {
    const end = from + run;
    for (; from < end; from += 32) {
      const b = from + step;
      const c = b + step;
      const d = c + step;
      const e = d + step;
      const aRe = v128.load(from);
      const aIm = v128.load(from, 16);
      const beRe = f32x4.add(v128.load(b), v128.load(e));
      const beIm = f32x4.add(v128.load(b, 16), v128.load(e, 16));
      const cdRe = f32x4.add(v128.load(c), v128.load(d));
      const cdIm = f32x4.add(v128.load(c, 16), v128.load(d, 16));
      const outerRe = f32x4.sub(v128.load(b, 16), v128.load(e, 16));
      const outerIm = f32x4.sub(v128.load(e), v128.load(b));
      const innerRe = f32x4.sub(v128.load(c, 16), v128.load(d, 16));
      const innerIm = f32x4.sub(v128.load(d), v128.load(c));
      const mid1Re = f32x4.add(aRe, f32x4.add(f32x4.mul(cos1, beRe), f32x4.mul(cos2, cdRe)));
      const mid1Im = f32x4.add(aIm, f32x4.add(f32x4.mul(cos1, beIm), f32x4.mul(cos2, cdIm)));
      const mid2Re = f32x4.add(aRe, f32x4.add(f32x4.mul(cos2, beRe), f32x4.mul(cos1, cdRe)));
      const mid2Im = f32x4.add(aIm, f32x4.add(f32x4.mul(cos2, beIm), f32x4.mul(cos1, cdIm)));
      const turn1Re = f32x4.add(f32x4.mul(sin1, outerRe), f32x4.mul(sin2, innerRe));
      const turn1Im = f32x4.add(f32x4.mul(sin1, outerIm), f32x4.mul(sin2, innerIm));
      const turn2Re = f32x4.sub(f32x4.mul(sin2, outerRe), f32x4.mul(sin1, innerRe));
      const turn2Im = f32x4.sub(f32x4.mul(sin2, outerIm), f32x4.mul(sin1, innerIm));
      v128.store(to, f32x4.add(aRe, f32x4.add(beRe, cdRe)));
      v128.store(to, f32x4.add(aIm, f32x4.add(beIm, cdIm)), 16);
      turned(
        to + run,
        f32x4.add(mid1Re, turn1Re),
        f32x4.add(mid1Im, turn1Im),
        v128.load32_splat(w),
        v128.load32_splat(w, 4),
      );
      turned(
        to + 2 * run,
        f32x4.add(mid2Re, turn2Re),
        f32x4.add(mid2Im, turn2Im),
        v128.load32_splat(w, 8),
        v128.load32_splat(w, 12),
      );
      turned(
        to + 3 * run,
        f32x4.sub(mid2Re, turn2Re),
        f32x4.sub(mid2Im, turn2Im),
        v128.load32_splat(w, 16),
        v128.load32_splat(w, 20),
      );
      turned(
        to + 4 * run,
        f32x4.sub(mid1Re, turn1Re),
        f32x4.sub(mid1Im, turn1Im),
        v128.load32_splat(w, 24),
        v128.load32_splat(w, 28),
      );
      to += 32;
    }
    w += 32;
    to += 4 * run;
  }
}

function pass7(from: usize, to: usize, m: i32, stride: i32, w: usize): void {
  const step = usize(m * stride) << 5;
  const run = usize(stride) << 5;
  const cos1 = f32x4.splat(0.6234898018587336);
  const cos2 = f32x4.splat(-0.2225209339563144);
  const cos3 = f32x4.splat(-0.9009688679024191);
  const sin1 = f32x4.splat(0.7818314824680298);
  const sin2 = f32x4.splat(0.9749279121818236);
  const sin3 = f32x4.splat(0.4338837391175582);
  for (; m > 0; m--) {
    const end = from + run;
    for (; from < end; from += 32) {
      const b = from + step;
      const c = b + step;
      const d = c + step;
      const e = d + step;
      const f = e + step;
      const g = f + step;
      const aRe = v128.load(from);
      const bgRe = f32x4.add(v128.load(b), v128.load(g));
      const cfRe = f32x4.add(v128.load(c), v128.load(f));
      const deRe = f32x4.add(v128.load(d), v128.load(e));
      const outerIm = f32x4.sub(v128.load(g), v128.load(b));
      const midIm = f32x4.sub(v128.load(f), v128.load(c));
      const innerIm = f32x4.sub(v128.load(e), v128.load(d));
      const aIm = v128.load(from, 16);
      const bgIm = f32x4.add(v128.load(b, 16), v128.load(g, 16));
      const cfIm = f32x4.add(v128.load(c, 16), v128.load(f, 16));
      const deIm = f32x4.add(v128.load(d, 16), v128.load(e, 16));
      const outerRe = f32x4.sub(v128.load(b, 16), v128.load(g, 16));
      const midRe = f32x4.sub(v128.load(c, 16), v128.load(f, 16));
      const innerRe = f32x4.sub(v128.load(d, 16), v128.load(e, 16));
      v128.store(to, f32x4.add(aRe, sum3(bgRe, cfRe, deRe)));
      v128.store(to, f32x4.add(aIm, sum3(bgIm, cfIm, deIm)), 16);
      let evenRe = f32x4.add(aRe, weighted3(bgRe, cos1, cfRe, cos2, deRe, cos3));
      let evenIm = f32x4.add(aIm, weighted3(bgIm, cos1, cfIm, cos2, deIm, cos3));
      let turnRe = weighted3(outerRe, sin1, midRe, sin2, innerRe, sin3);
      let turnIm = weighted3(outerIm, sin1, midIm, sin2, innerIm, sin3);
      both(to + run, to + 6 * run, evenRe, evenIm, turnRe, turnIm, w, w + 40);
      evenRe = f32x4.add(aRe, weighted3(bgRe, cos2, cfRe, cos3, deRe, cos1));
      evenIm = f32x4.add(aIm, weighted3(bgIm, cos2, cfIm, cos3, deIm, cos1));
      turnRe = f32x4.sub(f32x4.mul(outerRe, sin2), f32x4.add(f32x4.mul(midRe, sin3), f32x4.mul(innerRe, sin1)));
      turnIm = f32x4.sub(f32x4.mul(outerIm, sin2), f32x4.add(f32x4.mul(midIm, sin3), f32x4.mul(innerIm, sin1)));
      both(to + 2 * run, to + 5 * run, evenRe, evenIm, turnRe, turnIm, w + 8, w + 32);
      evenRe = f32x4.add(aRe, weighted3(bgRe, cos3, cfRe, cos1, deRe, cos2));
      evenIm = f32x4.add(aIm, weighted3(bgIm, cos3, cfIm, cos1, deIm, cos2));
      turnRe = f32x4.add(f32x4.sub(f32x4.mul(outerRe, sin3), f32x4.mul(midRe, sin1)), f32x4.mul(innerRe, sin2));
      turnIm = f32x4.add(f32x4.sub(f32x4.mul(outerIm, sin3), f32x4.mul(midIm, sin1)), f32x4.mul(innerIm, sin2));
      both(to + 3 * run, to + 4 * run, evenRe, evenIm, turnRe, turnIm, w + 16, w + 24);
      to += 32;
    }
    w += 48;
    to += 6 * run;
  }
}

function sum3(a: v128, b: v128, c: v128): v128 {
  return f32x4.add(f32x4.add(a, b), c);
}

function weighted3(a: v128, wa: v128, b: v128, wb: v128, c: v128, wc: v128): v128 {
  return f32x4.add(f32x4.add(f32x4.mul(a, wa), f32x4.mul(b, wb)), f32x4.mul(c, wc));
}

/** Stores even + turn at `to` and even - turn at `mirrored`, times their twiddles. */
function both(to: usize, mirrored: usize, re: v128, im: v128, turnRe: v128, turnIm: v128, w: usize, v: usize): void {
  turned(to, f32x4.add(re, turnRe), f32x4.add(im, turnIm), v128.load32_splat(w), v128.load32_splat(w, 4));
  turned(mirrored, f32x4.sub(re, turnRe), f32x4.sub(im, turnIm), v128.load32_splat(v), v128.load32_splat(v, 4));
}
