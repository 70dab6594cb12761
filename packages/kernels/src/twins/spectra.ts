import { fourier } from "./fourier.js";

const { fround: f } = Math;

export function spectra(f32: Float32Array, i32: Int32Array) {
  const transform = fourier(f32, i32);

  /** The spectrum of z, half a frame read as `half` complex numbers and transformed, into `to`. */
  const untangle = (z: Float32Array, to: Float32Array, half: number, w: number, kind: number): void => {
    const put = (bin: number, re: number, im: number): void => {
      if (kind === 0) {
        to[2 * bin] = re;
        to[2 * bin + 1] = im;
        return;
      }
      const power = f(f(f(re) * f(re)) + f(f(im) * f(im)));
      to[bin] = kind === 1 ? Math.sqrt(power) : power;
    };
    const [first, firstIm] = [f(2 * z[0]!), f(2 * z[1]!)];
    put(0, first + firstIm, 0);
    put(half, first - firstIm, 0);
    for (let k = 1; k <= half >> 1; k++) {
      const [at, mirrored] = [2 * k, 2 * (half - k)];
      const even = f(z[at]! + z[mirrored]!);
      const evenIm = f(z[at + 1]! - z[mirrored + 1]!);
      const odd = f(z[at + 1]! + z[mirrored + 1]!);
      const oddIm = f(z[mirrored]! - z[at]!);
      const [wr, wi] = [f32[w + 2 * k]!, f32[w + 2 * k + 1]!];
      const re = f(f(odd * wr) - f(oddIm * wi));
      const im = f(f(odd * wi) + f(oddIm * wr));
      put(k, even + re, evenIm + im);
      put(half - k, even - re, im - evenIm);
    }
  };

  return {
    spectra(
      out: number,
      samples: number,
      frames: number,
      hop: number,
      window: number,
      windowLength: number,
      margin: number,
      size: number,
      radices: number,
      twiddles: number,
      kind: number,
      filters: number,
      bands: number,
      weights: number,
      _scratch: number,
    ): void {
      const half = size >> 1;
      const cols = bands > 0 ? bands : kind === 0 ? size + 2 : half + 1;
      const frame = new Float32Array(size + 2);
      const other = new Float32Array(size + 2);
      for (let row = 0; row < frames; row++) {
        const first = (samples >>> 2) + row * hop + margin;
        frame.fill(0);
        for (let i = 0; i < windowLength; i++) frame[margin + i] = f32[first + i]! * f(0.5 * f32[(window >>> 2) + i]!);
        const { z, to, next } = transform(frame, other, half, radices, twiddles);
        untangle(z, to, half, next, kind);
        const place = (out >>> 2) + row * cols;
        if (bands === 0) f32.set(to.subarray(0, cols), place);
        let weight = weights >>> 2;
        for (let band = 0; band < bands; band++) {
          const bin = i32[(filters >>> 2) + 2 * band]!;
          const count = i32[(filters >>> 2) + 2 * band + 1]!;
          let [even, odd] = [0, 0];
          for (let i = 0; i < count; i++, weight++) {
            const product = f(to[bin + i]! * f32[weight]!);
            if (i % 2 === 0) even = f(even + product);
            else odd = f(odd + product);
          }
          f32[place + band] = even + odd;
        }
      }
    },

    logarithms(x: number, n: number, least: number, factor: number): number {
      let largest = Number.NEGATIVE_INFINITY;
      x >>>= 2;
      for (let i = x; i < x + n; i++) {
        const value = f32[i]!;
        if (Number.isNaN(value)) continue;
        f32[i] = Math.max(value, least);
        const bits = i32[i]!;
        let exponent = (bits >>> 23) - 127;
        i32[i] = (bits & 0x007fffff) | 0x3f800000;
        let m = f32[i]!;
        if (m > f(Math.SQRT2)) {
          m = f(0.5 * m);
          exponent++;
        }
        const t = f(f(m - 1) / f(m + 1));
        const square = f(t * t);
        let sum = f(0.22222222);
        for (const coefficient of [0.2857143, 0.4, 0.6666667, 2]) sum = f(f(sum * square) + f(coefficient));
        f32[i] = f(exponent + f(f(t * sum) * f(Math.LOG2E))) * f(factor);
        largest = Math.max(largest, f32[i]!);
      }
      return largest;
    },
  };
}
