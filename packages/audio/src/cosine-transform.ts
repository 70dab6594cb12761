import { kernels } from "@mmub/kernels";

interface CosineTransformSettings {
  readonly dctType: 1 | 2 | 3;
  readonly norm: "ortho" | null;
  /** How many values go in. */
  readonly mels: number;
  /** How many of the coefficients come out. */
  readonly coefficients: number;
  readonly lifter: number;
  /** "kaldi": the lifter leaves coefficient 0 as it is. "htk": so too, and it stands last, times √2. @default "librosa" */
  readonly style?: "librosa" | "torchaudio" | "kaldi" | "htk";
}

/**
 * The first coefficients of the discrete cosine transform, as `scipy.fft.dct` has them, liftered: the returned function
 * reads the values of `bands` from `from` on and writes the coefficients into `out` from `to` on.
 */
export function cosineTransform(
  settings: CosineTransformSettings,
): (bands: Float32Array, from: number, out: Float32Array, to: number) => void {
  const { mels, coefficients } = settings;
  // Four coefficients at a time, their weights side by side: four sums that do not wait for each other.
  const groups = Math.ceil(coefficients / 4);
  const weights = new Float64Array(groups * 4 * mels);
  for (let c = 0; c < coefficients; c++)
    for (let m = 0; m < mels; m++) weights[((c >> 2) * mels + m) * 4 + (c & 3)] = liftered(settings, c, m);
  const sums = new Float64Array(4 * groups);
  return (bands, from, out, to) => {
    weightedSums(bands, from, mels, weights, sums);
    for (let c = 0; c < coefficients; c++) out[to + c] = sums[c]!;
  };
}

/** The same of many rows of bands at once, each number of them raised to `floor`: coefficients, row after row. */
export function cosineRows(settings: CosineTransformSettings): (rows: Float32Array, floor?: number) => Float32Array {
  const { mels, coefficients } = settings;
  // Memory is taken when the first clip comes.
  let multiply: ReturnType<typeof matrixProduct> | undefined;
  return (rows, floor) => {
    multiply ??= matrixProduct(settings);
    const count = rows.length / mels;
    const out = new Float32Array(count * coefficients);
    for (let row = 0; row < count; row += blockRows)
      multiply(
        rows.subarray(row * mels, (row + blockRows) * mels),
        out.subarray(row * coefficients, (row + blockRows) * coefficients),
        floor,
      );
    return out;
  };
}

const blockRows = 256;
const largestFloat = 3.4028234663852886e38;

function matrixProduct(settings: CosineTransformSettings) {
  const { mels, coefficients } = settings;
  const k = kernels({ bytes: 4 * (blockRows * (mels + coefficients) + mels * coefficients) + 3 * 64 });
  const [a, b, c] = [k.float32(blockRows * mels), k.float32(mels * coefficients), k.float32(blockRows * coefficients)];
  for (let m = 0; m < mels; m++)
    for (let n = 0; n < coefficients; n++) b[m * coefficients + n] = liftered(settings, n, m);
  return (rows: Float32Array, out: Float32Array, floor: number | undefined): void => {
    const m = rows.length / mels;
    const result = c.subarray(0, out.length);
    const bands = a.subarray(0, rows.length);
    bands.set(rows);
    if (floor !== undefined) k.clamp(bands, floor, largestFloat);
    k.gemm(result, bands, b, { m, n: coefficients, k: mels });
    out.set(result);
  };
}

function liftered(settings: CosineTransformSettings, c: number, m: number): number {
  const { lifter, style, coefficients } = settings;
  if (style === "htk") c = (c + 1) % coefficients;
  const n = style === "kaldi" || style === "htk" ? c : c + 1;
  const gain = lifter > 0 ? 1 + (lifter / 2) * Math.sin((Math.PI * n) / lifter) : 1;
  return gain * basis(settings, c, m) * (style === "htk" && c === 0 ? Math.SQRT2 : 1);
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
