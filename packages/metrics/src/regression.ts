import { MmubError } from "@mmub/core";
import { checkFinite, checkLength, checkWeights } from "./checks.js";
import type { WeightOptions } from "./classification.js";

/**
 * The mean of the squared errors, in the square of the target's unit.
 *
 * Rejects arrays of different lengths, empty ones, NaN and infinities (`invalid-input`, with the index). Cost: one pass.
 * Source: scikit-learn's `mean_squared_error`.
 *
 * @example
 * meanSquaredError([3, 5], [2, 5]); // 0.5
 */
export function meanSquaredError(
  truth: ArrayLike<number>,
  predicted: ArrayLike<number>,
  options: WeightOptions = {},
): number {
  return meanOf("@mmub/metrics/mean-squared-error", truth, predicted, options, (error) => error * error);
}

/**
 * The root of the mean of the squared errors, in the target's unit.
 *
 * Rejects what `meanSquaredError` does. Cost: one pass. Source: scikit-learn's `root_mean_squared_error`.
 *
 * @example
 * rootMeanSquaredError([3, 5], [1, 5]); // 1.414…
 */
export function rootMeanSquaredError(
  truth: ArrayLike<number>,
  predicted: ArrayLike<number>,
  options: WeightOptions = {},
): number {
  return Math.sqrt(
    meanOf("@mmub/metrics/root-mean-squared-error", truth, predicted, options, (error) => error * error),
  );
}

/**
 * The mean of the absolute errors, in the target's unit.
 *
 * Rejects what `meanSquaredError` does. Cost: one pass. Source: scikit-learn's `mean_absolute_error`.
 *
 * @example
 * meanAbsoluteError([3, 5], [2, 5]); // 0.5
 */
export function meanAbsoluteError(
  truth: ArrayLike<number>,
  predicted: ArrayLike<number>,
  options: WeightOptions = {},
): number {
  return meanOf("@mmub/metrics/mean-absolute-error", truth, predicted, options, Math.abs);
}

/**
 * The share of the target's variance that the predictions explain, R²: 1 is perfect, 0 is as good as always predicting
 * the mean, below 0 is worse than that. Where every target is the same it is 1 for perfect predictions and 0 for others.
 *
 * Rejects what `meanSquaredError` does, and fewer than two samples. Cost: two passes. Source: scikit-learn's `r2_score`.
 *
 * @example
 * r2([1, 2, 3], [1, 2, 4]); // 0.5
 */
export function r2(truth: ArrayLike<number>, predicted: ArrayLike<number>, options: WeightOptions = {}): number {
  const part = "@mmub/metrics/r2";
  const { sampleWeight } = options;
  check(part, truth, predicted, sampleWeight);
  if (truth.length < 2)
    throw new MmubError("invalid-input", { part, message: "1 sample has no variance to explain, want at least 2" });
  let sum = 0;
  let total = 0;
  for (let i = 0; i < truth.length; i++) {
    const weight = sampleWeight ? sampleWeight[i]! : 1;
    sum += weight * truth[i]!;
    total += weight;
  }
  const mean = sum / total;
  let residual = 0;
  let variance = 0;
  for (let i = 0; i < truth.length; i++) {
    const weight = sampleWeight ? sampleWeight[i]! : 1;
    residual += weight * (truth[i]! - predicted[i]!) ** 2;
    variance += weight * (truth[i]! - mean) ** 2;
  }
  if (residual === 0) return 1;
  return variance === 0 ? 0 : 1 - residual / variance;
}

function meanOf(
  part: string,
  truth: ArrayLike<number>,
  predicted: ArrayLike<number>,
  { sampleWeight }: WeightOptions,
  loss: (error: number) => number,
): number {
  check(part, truth, predicted, sampleWeight);
  let sum = 0;
  let total = 0;
  for (let i = 0; i < truth.length; i++) {
    const weight = sampleWeight ? sampleWeight[i]! : 1;
    sum += weight * loss(truth[i]! - predicted[i]!);
    total += weight;
  }
  return sum / total;
}

function check(
  part: string,
  truth: ArrayLike<number>,
  predicted: ArrayLike<number>,
  weights: ArrayLike<number> | undefined,
): void {
  checkLength(part, "truth", truth);
  checkLength(part, "predicted", predicted, truth.length);
  checkFinite(part, "truth", truth);
  checkFinite(part, "predicted", predicted);
  checkWeights(part, weights, truth.length);
}
