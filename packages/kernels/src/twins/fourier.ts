const { fround: f } = Math;
const sine3 = f(0.8660254037844386);
const [cos1, cos2] = [f(0.3090169943749474), f(-0.8090169943749475)];
const [sin1, sin2] = [f(0.9510565162951535), f(0.5877852522924731)];
const cos7 = [0.6234898018587336, -0.2225209339563144, -0.9009688679024191].map(f) as [number, number, number];
const sin7 = [0.7818314824680298, 0.9749279121818236, 0.4338837391175582].map(f) as [number, number, number];

/** The transform of `size` complex numbers of `from`: gives the result, the other of `from` and `to`, and where the twiddles end. */
export function fourier(f32: Float32Array, i32: Int32Array) {
  /** Writes the complex numbers `numbers` from place `o` of `to` on, `run` apart, all but the first times their twiddles from `w` on. */
  const turned = (
    to: Float32Array,
    o: number,
    run: number,
    w: number | undefined,
    numbers: readonly number[],
  ): void => {
    to[o] = numbers[0]!;
    to[o + 1] = numbers[1]!;
    for (let j = 2, at = o + run; j < numbers.length; j += 2, at += run) {
      const [re, im] = [f(numbers[j]!), f(numbers[j + 1]!)];
      if (w === undefined) {
        to[at] = re;
        to[at + 1] = im;
        continue;
      }
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
    if (radix === 7)
      return butterfly7(
        [a, b, c, d, e, x[i + 5 * step]!, x[i + 6 * step]!],
        [ai, bi, ci, di, ei, x[i + 5 * step + 1]!, x[i + 6 * step + 1]!],
      );
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

  return (from: Float32Array, to: Float32Array, size: number, radices: number, twiddles: number) => {
    let [w, stride] = [twiddles >>> 2, 1];
    for (let at = radices >>> 2; i32[at] !== 0; at++) {
      const radix = i32[at]!;
      const m = size / stride / radix;
      const run = 2 * stride;
      for (let k = 0; k < m; k++, w += 2 * (radix - 1))
        for (let q = 0; q < run; q += 2)
          // The first of radix 4 are turned by nothing, which keeps the signs of zeros.
          turned(
            to,
            radix * k * run + q,
            run,
            radix === 4 && k === 0 ? undefined : w,
            butterfly(radix, from, k * run + q, m * run),
          );
      stride *= radix;
      [from, to] = [to, from];
    }
    return { z: from, to, next: w };
  };
}

type Seven = readonly [number, number, number, number, number, number, number];

function butterfly7([a, b, c, d, e, g, h]: Seven, [ai, bi, ci, di, ei, gi, hi]: Seven): readonly number[] {
  const even = [f(b + h), f(c + g), f(d + e)] as const;
  const evenIm = [f(bi + hi), f(ci + gi), f(di + ei)] as const;
  const odd = [f(bi - hi), f(ci - gi), f(di - ei)] as const;
  const oddIm = [f(h - b), f(g - c), f(e - d)] as const;
  const [w1, w2, w3] = cos7;
  const [v1, v2, v3] = sin7;
  const mids = [
    [w1, w2, w3],
    [w2, w3, w1],
    [w3, w1, w2],
  ].map(([p, q, r]) =>
    [
      [a, even],
      [ai, evenIm],
    ].map(([first, x]) => f((first as number) + weighted3(x as typeof even, p!, q!, r!))),
  );
  const turns = [odd, oddIm].map(([x, y, z]) => [
    weighted3([x, y, z], v1, v2, v3),
    f(f(x * v2) - f(f(y * v3) + f(z * v1))),
    f(f(f(x * v3) - f(y * v1)) + f(z * v2)),
  ]);
  const at = (j: number, sign: 1 | -1): number[] => [0, 1].map((part) => mids[j]![part]! + sign * turns[part]![j]!);
  const total = ([x, y, z]: readonly [number, number, number]): number => f(f(x + y) + z);
  return [
    a + total(even),
    ai + total(evenIm),
    ...at(0, 1),
    ...at(1, 1),
    ...at(2, 1),
    ...at(2, -1),
    ...at(1, -1),
    ...at(0, -1),
  ];
}

function weighted3([x, y, z]: readonly [number, number, number], p: number, q: number, r: number): number {
  return f(f(f(x * p) + f(y * q)) + f(z * r));
}
