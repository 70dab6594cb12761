import { checkParam, type Dense, type Features, isPresent, MmubError, type Sparse, show } from "@mmub/core";

/** How a modality is scaled; see the param `scale` of the fuser. */
export type Scale = "block" | "standard" | "none";
/** How a Sequence becomes one row. */
export type Pool = "mean" | "mean-std";

/** What both fusers do to a modality before they join it to the others. */
export interface ScalingParams {
  /**
   * For all modalities, or by name (a name left out has the default).
   *
   * - `"block"`: centre the columns (dense only), then divide the whole modality by one number, so that its rows have the
   *   root-mean-square norm `blockNorm`: a wide modality does not drown a narrow one, and columns keep their proportions.
   * - `"standard"`: every column to mean 0 and standard deviation 1, as scikit-learn's StandardScaler; sparse columns are
   *   not centred (`with_mean=False`). For columns in different units.
   * - `"none"`: as they are.
   *
   * @default "block"
   */
  readonly scale?: Scale | Readonly<Record<string, Scale>>;
  /**
   * The root-mean-square row norm that `"block"` gives a modality. Only a model with a penalty on its size or a step
   * width cares: larger is a weaker penalty. 3 to 6 was best for logistic regression with C = 1. @default 4
   */
  readonly blockNorm?: number;
  /** Sequences become one row: the mean over the steps, or the mean and the standard deviation side by side. @default "mean" */
  readonly pool?: Pool;
}

/** `x` becomes `(x - offset) * factor`, column by column. */
export interface Scaling {
  readonly offset: Float64Array;
  readonly factor: Float64Array;
}

const scales: readonly unknown[] = ["block", "standard", "none"];

/** The params with their defaults, checked. */
export function scalingParams(params: ScalingParams, part: string): Required<ScalingParams> {
  const { scale = "block", blockNorm = 4, pool = "mean" } = params;
  const want = `"block", "standard" or "none"`;
  if (typeof scale === "object" && scale !== null)
    for (const [name, one] of Object.entries(scale)) checkParam(part, `scale.${name}`, one, scales.includes(one), want);
  else checkParam(part, "scale", scale, scales.includes(scale), `${want}, or a record of them by modality`);
  checkParam(part, "blockNorm", blockNorm, Number.isFinite(blockNorm) && blockNorm > 0, "a positive number");
  checkParam(part, "pool", pool, pool === "mean" || pool === "mean-std", `"mean" or "mean-std"`);
  return { scale: typeof scale === "object" ? { ...scale } : scale, blockNorm, pool };
}

/** Weights by modality: finite and not negative. */
export function checkWeights(weights: Readonly<Record<string, number>>, part: string): void {
  for (const [name, weight] of Object.entries(weights))
    checkParam(part, `weights.${name}`, weight, Number.isFinite(weight) && weight >= 0, "a number of at least 0");
}

/** Throws `invalid-params` where a param names a modality that the features lack. */
export function checkNames(param: string, value: unknown, names: readonly string[], part: string): void {
  if (typeof value !== "object" || value === null) return;
  for (const name of Object.keys(value))
    if (!names.includes(name))
      throw new MmubError("invalid-params", {
        part,
        message: `${param} names modality "${name}", want one of those of the fit: ${names.join(", ")}`,
        modality: name,
      });
}

/** Throws `invalid-input` where no row has the modality: nothing can be learned of it. */
export function checkSeen(features: Features, modality: string, part: string): void {
  for (let row = 0; row < features.rows; row++) if (isPresent(features, row)) return;
  throw new MmubError("invalid-input", {
    part,
    message: `modality "${modality}" is missing in all ${features.rows} rows of the fit; give rows that have it, or leave it out`,
    modality,
  });
}

/** A Sequence as one row each; a row without steps counts as missing. Other layouts pass through. */
export function pooled(features: Features, pool: Pool): Dense | Sparse {
  if (features.layout !== "sequence") return features;
  const { rows, cols, offsets, data } = features;
  const width = pool === "mean" ? cols : 2 * cols;
  const out = new Float32Array(rows * width);
  const present = new Uint8Array(rows);
  const mean = new Float64Array(cols);
  const square = new Float64Array(cols);
  for (let row = 0; row < rows; row++) {
    const [from, to] = [offsets[row]!, offsets[row + 1]!];
    if (from === to || !isPresent(features, row)) continue;
    present[row] = 1;
    mean.fill(0);
    square.fill(0);
    for (let step = from; step < to; step++)
      for (let col = 0; col < cols; col++) mean[col]! += data[step * cols + col]! / (to - from);
    out.set(mean, row * width);
    if (pool === "mean") continue;
    for (let step = from; step < to; step++)
      for (let col = 0; col < cols; col++) square[col]! += (data[step * cols + col]! - mean[col]!) ** 2;
    for (let col = 0; col < cols; col++) out[row * width + cols + col] = Math.sqrt(square[col]! / (to - from));
  }
  return { layout: "dense", rows, cols: width, data: out, present };
}

/** Learns a scaling from the rows that have the modality. */
export function fitScaling(features: Dense | Sparse, scale: Scale, blockNorm: number): Scaling {
  const { cols } = features;
  const offset = new Float64Array(cols);
  const factor = new Float64Array(cols).fill(1);
  if (scale === "none") return { offset, factor };
  const { count, mean, variance } = moments(features);
  if (features.layout === "dense") offset.set(mean);
  if (scale === "standard") {
    for (let col = 0; col < cols; col++)
      if (!isConstant(variance[col]!, mean[col]!, count)) factor[col] = 1 / Math.sqrt(variance[col]!);
    return { offset, factor };
  }
  // The mean of the squared row norms is the sum over the columns of the mean square.
  let square = 0;
  for (let col = 0; col < cols; col++) {
    if (features.layout === "sparse") square += variance[col]! + mean[col]! ** 2;
    else if (!isConstant(variance[col]!, mean[col]!, count)) square += variance[col]!;
  }
  return { offset, factor: square > 0 ? factor.fill(blockNorm / Math.sqrt(square)) : factor };
}

// A variance that is nothing but rounding; the bound of scikit-learn's `_is_constant_feature` (Chan, Golub, LeVeque 1983).
function isConstant(variance: number, mean: number, count: number): boolean {
  return variance <= count * Number.EPSILON * variance + (count * mean * Number.EPSILON) ** 2;
}

function moments(features: Dense | Sparse): { count: number; mean: Float64Array; variance: Float64Array } {
  const { rows, cols } = features;
  const mean = new Float64Array(cols);
  const variance = new Float64Array(cols);
  const rest = new Float64Array(cols);
  const filled = new Float64Array(cols);
  let count = 0;
  for (let row = 0; row < rows; row++) {
    if (!isPresent(features, row)) continue;
    count++;
    if (features.layout === "dense")
      for (let col = 0, at = row * cols; col < cols; col++, at++) mean[col]! += features.data[at]!;
    else
      for (let i = features.offsets[row]!; i < features.offsets[row + 1]!; i++) {
        mean[features.columns[i]!]! += features.values[i]!;
        filled[features.columns[i]!]!++;
      }
  }
  for (let col = 0; col < cols; col++) mean[col]! /= count;
  for (let row = 0; row < rows; row++) {
    if (!isPresent(features, row)) continue;
    if (features.layout === "dense")
      for (let col = 0, at = row * cols; col < cols; col++, at++) {
        const distance = features.data[at]! - mean[col]!;
        variance[col]! += distance * distance;
        rest[col]! += distance;
      }
    else
      for (let i = features.offsets[row]!; i < features.offsets[row + 1]!; i++) {
        const col = features.columns[i]!;
        variance[col]! += (features.values[i]! - mean[col]!) ** 2;
      }
  }
  for (let col = 0; col < cols; col++) {
    // Sparse: the zeros that are not written out. Dense: what rounding left of the mean.
    if (features.layout === "sparse") variance[col]! += (count - filled[col]!) * mean[col]! ** 2;
    else variance[col]! -= rest[col]! ** 2 / count;
    variance[col]! /= count;
  }
  return { count, mean, variance };
}

/** `value` as it goes into a Float32Array; one that overflows it is no silent infinity. */
export function stored(value: number, row: number, modality: string, part: string): number {
  if (value <= 3.4e38 && value >= -3.4e38) return value;
  throw new MmubError("invalid-input", {
    part,
    message: `row ${row} of modality "${modality}" becomes ${show(value)} when scaled, too large for float32; it lies far outside of what the fit saw`,
    index: row,
    modality,
  });
}
