/**
 * `power[k] = |X[k]|²` for k = 0 .. size >> 1, where X is the discrete Fourier transform of a real `frame` of `size`
 * samples, which is left as it was. Any size: products of primes up to 31 by mixed radices, others as a convolution.
 * The returned function owns its buffers: it allocates nothing and is not re-entrant.
 */
export function powerSpectrum(size: number): (frame: Float64Array, power: Float64Array) => void {
  return size % 2 === 0 ? evenSpectrum(size) : oddSpectrum(size);
}

// A real frame of even size, read as size/2 complex numbers, is transformed at half the size and then untangled.
// Source: Sorensen et al., "Real-valued fast Fourier transform algorithms", IEEE Trans. ASSP 35 (1987).
function evenSpectrum(size: number): (frame: Float64Array, power: Float64Array) => void {
  const half = size / 2;
  const transform = complexFourier(half);
  const twiddles = roots(size, (half >> 1) + 1);
  return (frame, power) => untangle(transform(frame), half, twiddles, power);
}

function untangle(z: Float64Array, half: number, twiddles: Float64Array, power: Float64Array): void {
  power[0] = (z[0]! + z[1]!) ** 2;
  power[half] = (z[0]! - z[1]!) ** 2;
  for (let k = 1, last = half >> 1; k <= last; k++) {
    const at = 2 * k;
    const mirrored = 2 * (half - k);
    const evenRe = 0.5 * (z[at]! + z[mirrored]!);
    const evenIm = 0.5 * (z[at + 1]! - z[mirrored + 1]!);
    const oddRe = 0.5 * (z[at + 1]! + z[mirrored + 1]!);
    const oddIm = 0.5 * (z[mirrored]! - z[at]!);
    const re = oddRe * twiddles[at]! - oddIm * twiddles[at + 1]!;
    const im = oddRe * twiddles[at + 1]! + oddIm * twiddles[at]!;
    power[k] = (evenRe + re) ** 2 + (evenIm + im) ** 2;
    power[half - k] = (evenRe - re) ** 2 + (evenIm - im) ** 2;
  }
}

function oddSpectrum(size: number): (frame: Float64Array, power: Float64Array) => void {
  const transform = complexFourier(size);
  const complex = new Float64Array(2 * size);
  return (frame, power) => {
    for (let i = 0; i < size; i++) complex[2 * i] = frame[i]!;
    const z = transform(complex);
    for (let k = 0; k <= size >> 1; k++) power[k] = z[2 * k]! ** 2 + z[2 * k + 1]! ** 2;
  };
}

/** Transforms complex numbers, real and imaginary parts in turn. The result is a buffer that the next call overwrites. */
type ComplexFourier = (input: Float64Array) => Float64Array;

/** The discrete Fourier transform of `size` complex numbers, not scaled. */
export function complexFourier(size: number): ComplexFourier {
  const radices = radicesOf(size);
  return radices ? mixedRadix(size, radices) : convolution(size);
}

// A direct butterfly costs its radix squared: above these the convolution is faster.
const butterflies = [4, 2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31];

/** The radices of the passes, or undefined if a prime factor of `size` is too large for one. */
function radicesOf(size: number): readonly number[] | undefined {
  const radices: number[] = [];
  for (const radix of butterflies) for (; size % radix === 0; size /= radix) radices.push(radix);
  return size === 1 ? radices : undefined;
}

/** exp(-2πi k / size) for k = 0 .. count - 1, real and imaginary parts in turn. */
function roots(size: number, count: number): Float64Array {
  const out = new Float64Array(2 * count);
  for (let k = 0; k < count; k++) {
    out[2 * k] = Math.cos((2 * Math.PI * k) / size);
    out[2 * k + 1] = -Math.sin((2 * Math.PI * k) / size);
  }
  return out;
}

// Stockham's auto-sorting transform, decimation in frequency. A pass of radix r takes `stride` interleaved transforms of
// r·m points each to r·stride of m points. Source: Van Loan, "Computational Frameworks for the FFT" (1992), section 1.7.
function mixedRadix(size: number, radices: readonly number[]): ComplexFourier {
  let stride = 1;
  const passes = radices.map((radix) => {
    const m = size / stride / radix;
    const pass = { radix, m, stride: 2 * stride, twiddles: passTwiddles(radix, m), root: roots(radix, radix) };
    stride *= radix;
    return pass;
  });
  const buffers = [new Float64Array(2 * size), new Float64Array(2 * size)] as const;
  return (input) => {
    let from = input;
    let to: Float64Array = buffers[0];
    for (const { radix, m, stride, twiddles, root } of passes) {
      if (radix === 4) radix4(from, to, m, stride, twiddles);
      else if (radix === 2) radix2(from, to, m, stride, twiddles);
      else oddRadix(radix, from, to, m, stride, twiddles, root);
      from = to;
      to = from === buffers[0] ? buffers[1] : buffers[0];
    }
    return from;
  };
}

// For each k the factors exp(-2πi j k / (radix m)) of the outputs j = 1 .. radix - 1.
function passTwiddles(radix: number, m: number): Float64Array {
  const out = new Float64Array(2 * m * (radix - 1));
  let at = 0;
  for (let k = 0; k < m; k++)
    for (let j = 1; j < radix; j++) {
      const angle = (2 * Math.PI * ((j * k) % (radix * m))) / (radix * m);
      out[at++] = Math.cos(angle);
      out[at++] = -Math.sin(angle);
    }
  return out;
}

function radix2(from: Float64Array, to: Float64Array, m: number, stride: number, w: Float64Array): void {
  const step = m * stride;
  for (let k = 0; k < m; k++) {
    const wr = w[2 * k]!;
    const wi = w[2 * k + 1]!;
    for (let i = k * stride, o = 2 * i, end = i + stride; i < end; i += 2, o += 2) {
      const re = from[i]! - from[i + step]!;
      const im = from[i + 1]! - from[i + step + 1]!;
      to[o] = from[i]! + from[i + step]!;
      to[o + 1] = from[i + 1]! + from[i + step + 1]!;
      to[o + stride] = re * wr - im * wi;
      to[o + stride + 1] = re * wi + im * wr;
    }
  }
}

function radix4(from: Float64Array, to: Float64Array, m: number, stride: number, w: Float64Array): void {
  const step = m * stride;
  for (let k = 0; k < m; k++) {
    const w1r = w[6 * k]!;
    const w1i = w[6 * k + 1]!;
    const w2r = w[6 * k + 2]!;
    const w2i = w[6 * k + 3]!;
    const w3r = w[6 * k + 4]!;
    const w3i = w[6 * k + 5]!;
    for (let i = k * stride, o = 4 * i, end = i + stride; i < end; i += 2, o += 2) {
      const aRe = from[i]!;
      const aIm = from[i + 1]!;
      const bRe = from[i + step]!;
      const bIm = from[i + step + 1]!;
      const cRe = from[i + 2 * step]!;
      const cIm = from[i + 2 * step + 1]!;
      const dRe = from[i + 3 * step]!;
      const dIm = from[i + 3 * step + 1]!;
      const evenRe = aRe + cRe;
      const evenIm = aIm + cIm;
      const oddRe = bRe + dRe;
      const oddIm = bIm + dIm;
      to[o] = evenRe + oddRe;
      to[o + 1] = evenIm + oddIm;
      let re = aRe - cRe + (bIm - dIm);
      let im = aIm - cIm - (bRe - dRe);
      to[o + stride] = re * w1r - im * w1i;
      to[o + stride + 1] = re * w1i + im * w1r;
      re = evenRe - oddRe;
      im = evenIm - oddIm;
      to[o + 2 * stride] = re * w2r - im * w2i;
      to[o + 2 * stride + 1] = re * w2i + im * w2r;
      re = aRe - cRe - (bIm - dIm);
      im = aIm - cIm + (bRe - dRe);
      to[o + 3 * stride] = re * w3r - im * w3i;
      to[o + 3 * stride + 1] = re * w3i + im * w3r;
    }
  }
}

// Any odd radix: the outputs j and radix - j share the sums and the differences of the inputs n and radix - n.
function oddRadix(
  radix: number,
  from: Float64Array,
  to: Float64Array,
  m: number,
  stride: number,
  w: Float64Array,
  root: Float64Array,
): void {
  const step = m * stride;
  const half = radix >> 1;
  for (let k = 0; k < m; k++) {
    const factors = 2 * k * (radix - 1);
    for (let i = k * stride, o = radix * i, end = i + stride; i < end; i += 2, o += 2) {
      let re = from[i]!;
      let im = from[i + 1]!;
      for (let n = 1, at = i + step; n < radix; n++, at += step) {
        re += from[at]!;
        im += from[at + 1]!;
      }
      to[o] = re;
      to[o + 1] = im;
      for (let j = 1; j <= half; j++) {
        let midRe = from[i]!;
        let midIm = from[i + 1]!;
        let turnRe = 0;
        let turnIm = 0;
        for (let n = 1, at = i + step, mirrored = i + (radix - 1) * step, r = 2 * j; n <= half; n++) {
          midRe += root[r]! * (from[at]! + from[mirrored]!);
          midIm += root[r]! * (from[at + 1]! + from[mirrored + 1]!);
          turnRe -= root[r + 1]! * (from[at + 1]! - from[mirrored + 1]!);
          turnIm += root[r + 1]! * (from[at]! - from[mirrored]!);
          at += step;
          mirrored -= step;
          r += 2 * j;
          if (r >= 2 * radix) r -= 2 * radix;
        }
        const f = factors + 2 * (j - 1);
        const g = factors + 2 * (radix - j - 1);
        const first = o + j * stride;
        const second = o + (radix - j) * stride;
        to[first] = (midRe + turnRe) * w[f]! - (midIm + turnIm) * w[f + 1]!;
        to[first + 1] = (midRe + turnRe) * w[f + 1]! + (midIm + turnIm) * w[f]!;
        to[second] = (midRe - turnRe) * w[g]! - (midIm - turnIm) * w[g + 1]!;
        to[second + 1] = (midRe - turnRe) * w[g + 1]! + (midIm - turnIm) * w[g]!;
      }
    }
  }
}

// A size with a large prime factor becomes a convolution with a chirp, done at a power of two.
// Source: Bluestein, "A linear filtering approach to the computation of discrete Fourier transform" (1970).
function convolution(size: number): ComplexFourier {
  let padded = 1;
  while (padded < 2 * size - 1) padded *= 2;
  const transform = complexFourier(padded);
  // exp(-πi k² / size): k² is taken modulo 2 size, since the cosine of a large number is inexact.
  const chirp = new Float64Array(2 * size);
  for (let k = 0; k < size; k++) {
    const angle = (Math.PI * ((k * k) % (2 * size))) / size;
    chirp[2 * k] = Math.cos(angle);
    chirp[2 * k + 1] = -Math.sin(angle);
  }
  const buffer = new Float64Array(2 * padded);
  for (let k = 0; k < size; k++)
    for (const at of [2 * k, 2 * ((padded - k) % padded)]) {
      buffer[at] = chirp[2 * k]! / padded;
      buffer[at + 1] = -chirp[2 * k + 1]! / padded;
    }
  const filter = transform(buffer).slice();
  const out = new Float64Array(2 * size);

  return (input) => {
    buffer.fill(0);
    multiply(input, chirp, buffer, size);
    // The inverse transform is the forward one of the conjugate, conjugated.
    const spectrum = transform(buffer);
    multiply(spectrum, filter, buffer, padded);
    for (let i = 1; i < 2 * padded; i += 2) buffer[i] = -buffer[i]!;
    const convolved = transform(buffer);
    for (let i = 1; i < 2 * size; i += 2) convolved[i] = -convolved[i]!;
    multiply(convolved, chirp, out, size);
    return out;
  };
}

function multiply(a: Float64Array, b: Float64Array, out: Float64Array, count: number): void {
  for (let i = 0; i < 2 * count; i += 2) {
    const re = a[i]! * b[i]! - a[i + 1]! * b[i + 1]!;
    out[i + 1] = a[i]! * b[i + 1]! + a[i + 1]! * b[i]!;
    out[i] = re;
  }
}
