import { checkParam, type Label, quantile } from "@mmub/core";
import { checkWeights, rejectAt } from "./checks.js";
import { type BinaryOptions, binary, type ClassScores, checkClassScores, isClassScores } from "./class-scores.js";
import type { WeightOptions } from "./classification.js";

export interface BrierOptions<L extends Label> extends BinaryOptions<L> {
  /** Halve the sum over the classes, so that it is in [0, 1] rather than [0, 2]. @default true for two classes, false for more */
  readonly scaleByHalf?: boolean;
}

/**
 * The mean squared distance of the probabilities from what came true, in [0, 1] for two classes and [0, 2] for more;
 * 0 is perfect. Good ranking and good calibration both lower it.
 *
 * `scores` are the probabilities of `positive` for two classes, or class scores such as a model's prediction. Rejects what
 * `logLoss` does. Cost: one pass. Source: scikit-learn's `brier_score_loss`; Brier (1950).
 *
 * @example
 * brierScore(["buy", "leave"], [0.9, 0.2], { positive: "buy" }); // 0.025
 */
export function brierScore<L extends Label>(
  truth: readonly L[],
  scores: ArrayLike<number> | ClassScores<L>,
  options: BrierOptions<NoInfer<L>> = {},
): number {
  const part = "@mmub/metrics/brier-score";
  const { sampleWeight } = options;
  let loss: (row: number) => number;
  let classes = 2;
  if (isClassScores(scores)) {
    const codes = checkClassScores(part, truth, scores);
    const { data, cols } = scores.probabilities;
    classes = cols;
    loss = (row) => {
      let sum = 0;
      for (let c = 0; c < cols; c++) sum += (Number(codes[row] === c) - data[row * cols + c]!) ** 2;
      return sum;
    };
    checkWeights(part, sampleWeight, truth.length);
  } else {
    const { isPositive, values } = probabilities(part, truth, scores, options);
    loss = (row) => 2 * (isPositive[row]! - values[row]!) ** 2;
  }
  const { scaleByHalf = classes < 3 } = options;
  let sum = 0;
  let total = 0;
  for (let row = 0; row < truth.length; row++) {
    const weight = sampleWeight ? sampleWeight[row]! : 1;
    sum += weight * loss(row);
    total += weight;
  }
  return (scaleByHalf ? 0.5 : 1) * (sum / total);
}

export interface CalibrationOptions<L extends Label> extends Omit<BinaryOptions<L>, "sampleWeight"> {
  /** @default 5 */
  readonly bins?: number;
  /** Bins of equal width in [0, 1], or with about as many samples each. @default "uniform" */
  readonly strategy?: "uniform" | "quantile";
}

/** The bins that hold samples, in rising order of probability. */
export interface CalibrationCurve {
  /** The mean of the predicted probabilities in each bin. */
  readonly predicted: Float64Array;
  /** The share of positives in each bin: on a calibrated model the same. */
  readonly observed: Float64Array;
  readonly samples: Uint32Array;
}

/**
 * The reliability curve: how often the positive class comes true where it is predicted with a probability of about p.
 *
 * `scores` are the probabilities of `positive`, or class scores. Rejects what `rocCurve` does except truth of one class,
 * and probabilities outside [0, 1]. Empty bins are left out. Cost: one pass, with `quantile` a sort.
 * Source: scikit-learn's `calibration_curve`.
 *
 * @example
 * const { predicted, observed } = calibrationCurve([0, 0, 1, 1], [0.1, 0.3, 0.7, 0.9], { bins: 2 });
 * console.log(predicted, observed); // 0.2, 0.8 and 0, 1
 */
export function calibrationCurve<L extends Label>(
  truth: readonly L[],
  scores: ArrayLike<number> | ClassScores<L>,
  options: CalibrationOptions<NoInfer<L>> = {},
): CalibrationCurve {
  const part = "@mmub/metrics/calibration-curve";
  const { bins = 5, strategy = "uniform" } = options;
  checkBins(part, bins);
  checkParam(part, "strategy", strategy, strategy === "uniform" || strategy === "quantile", '"uniform" or "quantile"');
  const { isPositive, values } = probabilities(part, truth, scores, options);
  const sorted = strategy === "quantile" ? values.slice().sort() : undefined;
  const edges = Array.from({ length: bins - 1 }, (_, i) =>
    sorted ? quantile(sorted, (i + 1) / bins) : (i + 1) / bins,
  );
  const all = binned(values, isPositive, edges);
  const kept = Array.from(all.samples.keys()).filter((bin) => all.samples[bin]! > 0);
  return {
    predicted: Float64Array.from(kept, (bin) => all.predicted[bin]! / all.samples[bin]!),
    observed: Float64Array.from(kept, (bin) => all.observed[bin]! / all.samples[bin]!),
    samples: Uint32Array.from(kept, (bin) => all.samples[bin]!),
  };
}

export interface CalibrationErrorOptions<L extends Label> extends Omit<BinaryOptions<L>, "sampleWeight"> {
  /** Bins of equal width in [0, 1]. @default 15 */
  readonly bins?: number;
  /** The mean of the bins' gaps (ECE), the largest (MCE), or the root of the mean of their squares. @default "mean" */
  readonly norm?: "mean" | "max" | "root-mean-square";
}

/**
 * The expected calibration error, in [0, 1]: how far, over bins of probability, what came true is from what was promised,
 * weighted by the bins' samples. 0 is calibrated. It depends on the number of bins, and says nothing about ranking.
 *
 * Of one score a sample, the probability of `positive` and its share; of class scores, and no `positive`, the probability of
 * the predicted class and its accuracy (top label). Rejects what `calibrationCurve` does. Cost: one pass.
 * Source: Guo et al. (2017), equations 3 and 5; Naeini et al. (2015). Bins are open below and closed above.
 *
 * @example
 * expectedCalibrationError([0, 0, 1, 1], [0.1, 0.3, 0.7, 0.9], { bins: 2 }); // 0.2
 */
export function expectedCalibrationError<L extends Label>(
  truth: readonly L[],
  scores: ArrayLike<number> | ClassScores<L>,
  options: CalibrationErrorOptions<NoInfer<L>> = {},
): number {
  const part = "@mmub/metrics/expected-calibration-error";
  const { bins = 15, norm = "mean", positive } = options;
  checkBins(part, bins);
  checkParam(
    part,
    "norm",
    norm,
    ["mean", "max", "root-mean-square"].includes(norm),
    '"mean", "max" or "root-mean-square"',
  );
  const { isPositive, values } =
    isClassScores(scores) && positive === undefined
      ? topLabel(part, truth, scores)
      : probabilities(part, truth, scores, options);
  const edges = Array.from({ length: bins - 1 }, (_, i) => (i + 1) / bins);
  const { predicted, observed, samples } = binned(values, isPositive, edges);
  let sum = 0;
  let most = 0;
  for (let bin = 0; bin < bins; bin++) {
    if (samples[bin] === 0) continue;
    const gap = Math.abs(observed[bin]! - predicted[bin]!) / samples[bin]!;
    const share = samples[bin]! / truth.length;
    sum += share * (norm === "mean" ? gap : gap * gap);
    most = Math.max(most, gap);
  }
  return norm === "max" ? most : norm === "mean" ? sum : Math.sqrt(sum);
}

export interface TopKOptions extends WeightOptions {
  /** @default 2 */
  readonly k?: number;
  /** The share of samples; false: their number, or weight. @default true */
  readonly normalize?: boolean;
}

/**
 * The share of samples whose true class is among the `k` of the highest scores, in [0, 1]. Of equal scores the later
 * class counts as the higher, as in scikit-learn.
 *
 * Rejects true labels that are not among the classes and what `rocAuc` rejects of class scores. A `k` of all classes is 1.
 * Cost: one pass. Source: scikit-learn's `top_k_accuracy_score`.
 *
 * @example
 * const probabilities = { rows: 2, cols: 3, data: [0.5, 0.3, 0.2, 0.1, 0.2, 0.7] };
 * topKAccuracy(["b", "a"], { classes: ["a", "b", "c"], probabilities }, { k: 2 }); // 0.5
 */
export function topKAccuracy<L extends Label>(
  truth: readonly L[],
  scores: ClassScores<L>,
  options: TopKOptions = {},
): number {
  const part = "@mmub/metrics/top-k-accuracy";
  const { k = 2, normalize = true, sampleWeight } = options;
  checkParam(part, "k", k, Number.isInteger(k) && k > 0, "a positive integer");
  const codes = checkClassScores(part, truth, scores);
  checkWeights(part, sampleWeight, truth.length);
  const { data, cols } = scores.probabilities;
  let hits = 0;
  let total = 0;
  for (let row = 0; row < truth.length; row++) {
    const weight = sampleWeight ? sampleWeight[row]! : 1;
    const own = data[row * cols + codes[row]!]!;
    let above = 0;
    for (let c = 0; c < cols; c++) {
      const other = data[row * cols + c]!;
      if (other > own || (other === own && c > codes[row]!)) above++;
    }
    if (above < k) hits += weight;
    total += weight;
  }
  return normalize ? hits / total : hits;
}

function topLabel<L extends Label>(part: string, truth: readonly L[], scores: ClassScores<L>) {
  const codes = checkClassScores(part, truth, scores);
  const { data, cols } = scores.probabilities;
  const values = new Float64Array(truth.length);
  const isPositive = new Uint8Array(truth.length);
  for (let row = 0; row < truth.length; row++) {
    let best = 0;
    for (let c = 1; c < cols; c++) if (data[row * cols + c]! > data[row * cols + best]!) best = c;
    values[row] = data[row * cols + best]!;
    isPositive[row] = Number(codes[row] === best);
  }
  return { isPositive, values };
}

function probabilities<L extends Label>(
  part: string,
  truth: readonly L[],
  scores: ArrayLike<number> | ClassScores<L>,
  options: BinaryOptions<L>,
) {
  const found = binary(part, truth, scores, options);
  found.values.forEach((value, i) => {
    if (value < 0 || value > 1) rejectAt(part, "score", i, value, "a probability in [0, 1]");
  });
  return found;
}

// A value on an edge is of the bin below it.
function binned(values: Float64Array, isPositive: Uint8Array, edges: readonly number[]) {
  const samples = new Uint32Array(edges.length + 1);
  const predicted = new Float64Array(edges.length + 1);
  const observed = new Float64Array(edges.length + 1);
  for (let i = 0; i < values.length; i++) {
    let low = 0;
    let high = edges.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (edges[middle]! < values[i]!) low = middle + 1;
      else high = middle;
    }
    samples[low]!++;
    predicted[low]! += values[i]!;
    observed[low]! += isPositive[i]!;
  }
  return { samples, predicted, observed };
}

function checkBins(part: string, bins: number): void {
  checkParam(part, "bins", bins, Number.isInteger(bins) && bins > 0, "a positive integer");
}
