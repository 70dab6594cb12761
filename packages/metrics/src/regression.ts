import { checkParam, MmubError, quantile } from "@mmub/core";
import { checkFinite, checkLength, checkWeights, rejectAt } from "./checks.js";
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

/**
 * The mean of the absolute errors as shares of the truth, at least 0: 0.1 is 10 % off. A truth of 0 counts as 2^-52, so
 * that one such sample rules the mean; use another error there.
 *
 * Rejects what `meanSquaredError` does. Cost: one pass. Source: scikit-learn's `mean_absolute_percentage_error`.
 *
 * @example
 * meanAbsolutePercentageError([4, 10], [5, 10]); // 0.125
 */
export function meanAbsolutePercentageError(
  truth: ArrayLike<number>,
  predicted: ArrayLike<number>,
  options: WeightOptions = {},
): number {
  const part = "@mmub/metrics/mean-absolute-percentage-error";
  return meanOf(part, truth, predicted, options, (error, of) => Math.abs(error) / Math.max(Math.abs(of), 2 ** -52));
}

/**
 * The median of the absolute errors, in the target's unit: what an error typically is, whatever the worst are.
 * With weights the weighted median, the mean of the two middle ones where the weights part evenly.
 *
 * Rejects what `meanSquaredError` does. Cost: sorting the errors. Source: scikit-learn's `median_absolute_error`.
 *
 * @example
 * medianAbsoluteError([3, 5, 100], [2, 5, 0]); // 1
 */
export function medianAbsoluteError(
  truth: ArrayLike<number>,
  predicted: ArrayLike<number>,
  options: WeightOptions = {},
): number {
  const { sampleWeight } = options;
  check("@mmub/metrics/median-absolute-error", truth, predicted, sampleWeight);
  const errors = Float64Array.from(truth, (of, i) => Math.abs(of - predicted[i]!));
  if (!sampleWeight) return quantile(errors.sort(), 0.5);
  const order = Array.from(errors.keys())
    .filter((i) => sampleWeight[i]! > 0)
    .sort((a, b) => errors[a]! - errors[b]!);
  const half = order.reduce((sum, i) => sum + sampleWeight[i]!, 0) / 2;
  let sum = 0;
  for (const [place, i] of order.entries()) {
    sum += sampleWeight[i]!;
    if (sum > half) return errors[i]!;
    if (sum === half) return (errors[i]! + errors[order[place + 1] ?? i]!) / 2;
  }
  return errors[order.at(-1)!]!;
}

/**
 * The loss of a predicted quantile, in the target's unit, at least 0: an error costs `alpha` where the truth is above the
 * prediction and 1 - `alpha` below. With 0.5 it is half the mean absolute error.
 *
 * Rejects what `meanSquaredError` does, and an `alpha` outside [0, 1]. Cost: one pass. Source: scikit-learn's `mean_pinball_loss`.
 *
 * @example
 * pinballLoss([10, 20], [12, 18], { alpha: 0.9 }); // 1
 */
export function pinballLoss(
  truth: ArrayLike<number>,
  predicted: ArrayLike<number>,
  options: WeightOptions & {
    /** Which quantile is predicted. @default 0.5 */
    readonly alpha?: number;
  } = {},
): number {
  const part = "@mmub/metrics/pinball-loss";
  const { alpha = 0.5 } = options;
  checkParam(part, "alpha", alpha, alpha >= 0 && alpha <= 1, "a number in [0, 1]");
  return meanOf(part, truth, predicted, options, (error) => (error >= 0 ? alpha * error : (alpha - 1) * error));
}

/**
 * The mean Poisson deviance of predicted means of counts, at least 0: 2 (y ln(y / p) - y + p). Equal relative errors cost
 * more where counts are larger.
 *
 * Rejects what `meanSquaredError` does, a truth below 0 and a prediction of 0 or below. Cost: one pass.
 * Source: scikit-learn's `mean_poisson_deviance`.
 *
 * @example
 * poissonDeviance([2, 0], [2, 1]); // 1
 */
export function poissonDeviance(
  truth: ArrayLike<number>,
  predicted: ArrayLike<number>,
  options: WeightOptions = {},
): number {
  const part = "@mmub/metrics/poisson-deviance";
  check(part, truth, predicted, options.sampleWeight);
  for (let i = 0; i < truth.length; i++) {
    if (truth[i]! < 0) rejectAt(part, "truth", i, truth[i], "a number of at least 0");
    if (predicted[i]! <= 0) rejectAt(part, "predicted", i, predicted[i], "a number above 0");
  }
  return meanOf(part, truth, predicted, options, (error, of) => {
    const mean = of - error;
    return 2 * ((of === 0 ? 0 : of * Math.log(of / mean)) - of + mean);
  });
}

/**
 * The share of truths that lie within their predicted interval, ends included: of 90 % intervals it should be about 0.9.
 *
 * Rejects what `meanSquaredError` does, and an interval whose low end is above its high one. Cost: one pass.
 *
 * @example
 * intervalCoverage([10, 20], [8, 21], [12, 25]); // 0.5
 */
export function intervalCoverage(
  truth: ArrayLike<number>,
  low: ArrayLike<number>,
  high: ArrayLike<number>,
  options: WeightOptions = {},
): number {
  const part = "@mmub/metrics/interval-coverage";
  check(part, truth, low, options.sampleWeight);
  check(part, truth, high, undefined);
  for (let i = 0; i < truth.length; i++)
    if (low[i]! > high[i]!) rejectAt(part, "low", i, low[i], `a number of at most the high end, ${high[i]}`);
  return meanOf(part, truth, low, options, (error, of, i) => Number(error >= 0 && of <= high[i]!));
}

function meanOf(
  part: string,
  truth: ArrayLike<number>,
  predicted: ArrayLike<number>,
  { sampleWeight }: WeightOptions,
  loss: (error: number, truth: number, row: number) => number,
): number {
  check(part, truth, predicted, sampleWeight);
  let sum = 0;
  let total = 0;
  for (let i = 0; i < truth.length; i++) {
    const weight = sampleWeight ? sampleWeight[i]! : 1;
    sum += weight * loss(truth[i]! - predicted[i]!, truth[i]!, i);
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
