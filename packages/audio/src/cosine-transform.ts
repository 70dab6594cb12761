interface CosineTransformSettings {
  readonly dctType: 1 | 2 | 3;
  readonly norm: "ortho" | null;
  /** How many values go in. */
  readonly mels: number;
  /** How many of the coefficients come out. */
  readonly coefficients: number;
  readonly lifter: number;
}

/**
 * The first coefficients of the discrete cosine transform, as `scipy.fft.dct` has them, liftered: the returned function
 * reads the values of `bands` from `from` on and writes the coefficients into `out` from `to` on.
 */
export function cosineTransform(
  settings: CosineTransformSettings,
): (bands: Float32Array, from: number, out: Float32Array, to: number) => void {
  const { mels, coefficients, lifter } = settings;
  // Four coefficients at a time, their weights side by side: four sums that do not wait for each other.
  const groups = Math.ceil(coefficients / 4);
  const weights = new Float64Array(groups * 4 * mels);
  for (let c = 0; c < coefficients; c++) {
    const gain = lifter > 0 ? 1 + (lifter / 2) * Math.sin((Math.PI * (c + 1)) / lifter) : 1;
    for (let m = 0; m < mels; m++) weights[((c >> 2) * mels + m) * 4 + (c & 3)] = gain * basis(settings, c, m);
  }
  const sums = new Float64Array(4 * groups);
  return (bands, from, out, to) => {
    weightedSums(bands, from, mels, weights, sums);
    for (let c = 0; c < coefficients; c++) out[to + c] = sums[c]!;
  };
}

function weightedSums(
  bands: Float32Array,
  from: number,
  mels: number,
  weights: Float64Array,
  sums: Float64Array,
): void {
  let w = 0;
  for (let c = 0; c < sums.length; c += 4) {
    let [s0, s1, s2, s3] = [0, 0, 0, 0];
    for (let m = 0; m < mels; m++, w += 4) {
      const value = bands[from + m]!;
      s0 += value * weights[w]!;
      s1 += value * weights[w + 1]!;
      s2 += value * weights[w + 2]!;
      s3 += value * weights[w + 3]!;
    }
    sums[c] = s0;
    sums[c + 1] = s1;
    sums[c + 2] = s2;
    sums[c + 3] = s3;
  }
}

// The weight of value m in coefficient c.
function basis({ dctType, norm, mels }: CosineTransformSettings, c: number, m: number): number {
  const ortho = norm === "ortho";
  if (dctType === 2) {
    const cosine = Math.cos((Math.PI * c * (2 * m + 1)) / (2 * mels));
    return ortho ? cosine * Math.sqrt((c === 0 ? 1 : 2) / mels) : 2 * cosine;
  }
  if (dctType === 3) {
    const cosine = Math.cos((Math.PI * m * (2 * c + 1)) / (2 * mels));
    return ortho ? cosine * Math.sqrt((m === 0 ? 1 : 2) / mels) : cosine * (m === 0 ? 1 : 2);
  }
  const last = mels - 1;
  const cosine = Math.cos((Math.PI * c * m) / last);
  const atEnd = m === 0 || m === last;
  if (!ortho) return cosine * (atEnd ? 1 : 2);
  return cosine * Math.sqrt(2 / last) * (atEnd ? Math.SQRT1_2 : 1) * (c === 0 || c === last ? Math.SQRT1_2 : 1);
}
