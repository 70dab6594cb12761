const { fround: f } = Math;
const sine3 = f(0.8660254037844386);
const [cos1, cos2] = [f(0.3090169943749474), f(-0.8090169943749475)];
const [sin1, sin2] = [f(0.9510565162951535), f(0.5877852522924731)];

export function spectra(f32: Float32Array, i32: Int32Array) {
  /** Writes the complex numbers `numbers` from place `o` of `to` on, `run` apart, all but the first times their twiddles from `w` on. */
  const turned = (to: Float32Array, o: number, run: number, w: number, numbers: readonly number[]): void => {
    to[o] = numbers[0]!;
    to[o + 1] = numbers[1]!;
    for (let j = 2, at = o + run; j < numbers.length; j += 2, at += run) {
      const [re, im] = [f(numbers[j]!), f(numbers[j + 1]!)];
      const [wr, wi] = [f32[w + j - 2]!, f32[w + j - 1]!];
      to[at] = f(re * wr) - f(im * wi);
      to[at + 1] = f(re * wi) + f(im * wr);
    }
  };

  /** What a butterfly makes of `radix` complex numbers of `x`, `step` apart. */
  const butterfly = (radix: number, x: Float32Array, i: number, step: number): readonly number[] => {
    const [a, ai] = [x[i]!, x[i + 1]!];
    const [b, bi] = [x[i + step]!, x[i + step + 1]!];
    if (radix === 2) return [a + b, ai + bi, a - b, ai - bi];
    const [c, ci] = [x[i + 2 * step]!, x[i + 2 * step + 1]!];
    if (radix === 3) {
      const [sum, sumIm] = [f(b + c), f(bi + ci)];
      const [turn, turnIm] = [f(sine3 * f(bi - ci)), f(sine3 * f(c - b))];
      const [mid, midIm] = [f(a - f(0.5 * sum)), f(ai - f(0.5 * sumIm))];
      return [a + sum, ai + sumIm, mid + turn, midIm + turnIm, mid - turn, midIm - turnIm];
    }
    const [d, di] = [x[i + 3 * step]!, x[i + 3 * step + 1]!];
    if (radix === 4) {
      const [even, evenIm, less, lessIm] = [f(a + c), f(ai + ci), f(a - c), f(ai - ci)];
      const [odd, oddIm, turn, turnIm] = [f(b + d), f(bi + di), f(bi - di), f(d - b)];
      return [
        even + odd,
        evenIm + oddIm,
        less + turn,
        lessIm + turnIm,
        even - odd,
        evenIm - oddIm,
        less - turn,
        lessIm - turnIm,
      ];
    }
    const [e, ei] = [x[i + 4 * step]!, x[i + 4 * step + 1]!];
    const [be, beIm, cd, cdIm] = [f(b + e), f(bi + ei), f(c + d), f(ci + di)];
    const [outer, outerIm, inner, innerIm] = [f(bi - ei), f(e - b), f(ci - di), f(d - c)];
    const mid1 = f(a + f(f(cos1 * be) + f(cos2 * cd)));
    const mid1Im = f(ai + f(f(cos1 * beIm) + f(cos2 * cdIm)));
    const mid2 = f(a + f(f(cos2 * be) + f(cos1 * cd)));
    const mid2Im = f(ai + f(f(cos2 * beIm) + f(cos1 * cdIm)));
    const turn1 = f(f(sin1 * outer) + f(sin2 * inner));
    const turn1Im = f(f(sin1 * outerIm) + f(sin2 * innerIm));
    const turn2 = f(f(sin2 * outer) - f(sin1 * inner));
    const turn2Im = f(f(sin2 * outerIm) - f(sin1 * innerIm));
    return [
      a + f(be + cd),
      ai + f(beIm + cdIm),
      mid1 + turn1,
      mid1Im + turn1Im,
      mid2 + turn2,
      mid2Im + turn2Im,
      mid2 - turn2,
      mid2Im - turn2Im,
      mid1 - turn1,
      mid1Im - turn1Im,
    ];
  };

  /** The spectrum of z, a frame read as `half` complex numbers and transformed, into `to`. */
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
    put(0, z[0]! + z[1]!, 0);
    put(half, z[0]! - z[1]!, 0);
    for (let k = 1; k <= half >> 1; k++) {
      const [at, mirrored] = [2 * k, 2 * (half - k)];
      const even = f(0.5 * f(z[at]! + z[mirrored]!));
      const evenIm = f(0.5 * f(z[at + 1]! - z[mirrored + 1]!));
      const odd = f(0.5 * f(z[at + 1]! + z[mirrored + 1]!));
      const oddIm = f(0.5 * f(z[mirrored]! - z[at]!));
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
        for (let i = 0; i < windowLength; i++) frame[margin + i] = f32[first + i]! * f32[(window >>> 2) + i]!;
        let [from, to, w, stride] = [frame, other, twiddles >>> 2, 1];
        for (let at = radices >>> 2; i32[at] !== 0; at++) {
          const radix = i32[at]!;
          const m = half / stride / radix;
          const run = 2 * stride;
          for (let k = 0; k < m; k++, w += 2 * (radix - 1))
            for (let q = 0; q < run; q += 2)
              turned(to, radix * k * run + q, run, w, butterfly(radix, from, k * run + q, m * run));
          stride *= radix;
          [from, to] = [to, from];
        }
        untangle(from, to, half, w, kind);
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

    logarithms(x: number, n: number, least: number, factor: number): void {
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
      }
    },
  };
}
