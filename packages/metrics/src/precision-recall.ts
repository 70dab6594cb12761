import { checkParam, type Label, MmubError } from "@mmub/core";
import { checkWeights, labelList } from "./checks.js";
import {
  type BinaryOptions,
  binary,
  type ClassScores,
  type Cumulated,
  checkClassScores,
  column,
  isClassScores,
  points,
} from "./class-scores.js";
import type { ClassScore, WeightOptions } from "./classification.js";

export interface PrecisionRecallCurveOptions<L extends Label> extends BinaryOptions<L> {
  /** Leave out thresholds at which the positives found do not change. @default false */
  readonly dropIntermediate?: boolean;
}

/** One point for each threshold, rising, and a last one of precision 1 and recall 0 without threshold. */
export interface PrecisionRecallCurve {
  readonly precisions: Float64Array;
  readonly recalls: Float64Array;
  readonly thresholds: Float64Array;
}

/**
 * Precision against recall at every threshold of the score. It shows more than a ROC curve where positives are rare.
 *
 * Rejects what `rocCurve` does, except truth without negatives. Cost: sorting the scores.
 * Source: scikit-learn's `precision_recall_curve`.
 *
 * @example
 * const { precisions, recalls } = precisionRecallCurve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]);
 * console.log(precisions, recalls); // 0.5, 0.666…, 0.5, 1, 1 and 1, 1, 0.5, 0.5, 0
 */
export function precisionRecallCurve<L extends Label>(
  truth: readonly L[],
  scores: ArrayLike<number> | ClassScores<L>,
  options: PrecisionRecallCurveOptions<NoInfer<L>> = {},
): PrecisionRecallCurve {
  const part = "@mmub/metrics/precision-recall-curve";
  const { isPositive, values } = binary(part, truth, scores, options);
  const curve = withPositives(part, points(isPositive, values, options.sampleWeight));
  const { falsePositives, truePositives, thresholds } = curve;
  const kept = Array.from(thresholds.keys()).filter(
    (i) =>
      !options.dropIntermediate ||
      i === 0 ||
      i === thresholds.length - 1 ||
      truePositives[i] !== truePositives[i - 1] ||
      truePositives[i] !== truePositives[i + 1],
  );
  kept.reverse();
  const all = truePositives.at(-1)!;
  return {
    precisions: Float64Array.from([...kept.map((i) => precisionAt(falsePositives[i]!, truePositives[i]!)), 1]),
    recalls: Float64Array.from([...kept.map((i) => truePositives[i]! / all), 0]),
    thresholds: Float64Array.from(kept, (i) => thresholds[i]!),
  };
}

export interface AveragePrecisionOptions<L extends Label> extends BinaryOptions<L> {
  /** Three classes or more: the mean of each class against the rest, that mean weighted by how often each is true, or all cells pooled. @default "macro" */
  readonly average?: "macro" | "weighted" | "micro";
}

export interface PerClassAveragePrecisionOptions extends WeightOptions {
  readonly average: null;
}

/**
 * The mean precision over the positives, each at the threshold that finds it, in [0, 1]: the area under the curve of
 * precision over recall, without interpolation. Guessing gives the share of positives.
 *
 * Rejects what `rocAuc` does, except truth without negatives. Cost: sorting the scores, once a class.
 * Source: scikit-learn's `average_precision_score`.
 *
 * @example
 * averagePrecision([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]); // 0.833…
 */
export function averagePrecision<L extends Label>(
  truth: readonly L[],
  scores: ClassScores<L>,
  options: PerClassAveragePrecisionOptions,
): ClassScore<L>[];
export function averagePrecision<L extends Label>(
  truth: readonly L[],
  scores: ArrayLike<number> | ClassScores<L>,
  options?: AveragePrecisionOptions<NoInfer<L>>,
): number;
export function averagePrecision<L extends Label>(
  truth: readonly L[],
  scores: ArrayLike<number> | ClassScores<L>,
  options: AveragePrecisionOptions<L> | PerClassAveragePrecisionOptions = {},
): number | ClassScore<L>[] {
  const part = "@mmub/metrics/average-precision";
  const { average = "macro", sampleWeight } = options;
  checkParam(
    part,
    "average",
    average,
    average === null || ["macro", "weighted", "micro"].includes(average),
    'one of "macro", "weighted", "micro", null',
  );
  const areaOf = (isPositive: Uint8Array, values: Float64Array, weights: ArrayLike<number> | undefined, name = "") =>
    area(withPositives(part, points(isPositive, values, weights), name));
  if (!isClassScores(scores) || (scores.classes.length <= 2 && average !== null)) {
    const { isPositive, values } = binary(part, truth, scores, options as AveragePrecisionOptions<L>);
    return areaOf(isPositive, values, sampleWeight);
  }
  const { positive } = options as AveragePrecisionOptions<L>;
  checkParam(part, "positive", positive, positive === undefined, "none with three classes or more");
  const codes = checkClassScores(part, truth, scores);
  checkWeights(part, sampleWeight, truth.length);
  const { classes, probabilities } = scores;
  const { data, cols } = probabilities;
  if (average === "micro") {
    const cells = Uint8Array.from(data, (_, i) => Number(codes[Math.floor(i / cols)] === i % cols));
    const weights = sampleWeight && Float64Array.from(data, (_, i) => sampleWeight[Math.floor(i / cols)]!);
    return areaOf(cells, Float64Array.from(data), weights);
  }
  const areas = classes.map((label, c) =>
    areaOf(
      Uint8Array.from(codes, (code) => Number(code === c)),
      column(probabilities, c),
      sampleWeight,
      ` of class ${labelList([label])}`,
    ),
  );
  if (average === null) return classes.map((label, c) => ({ label, value: areas[c]! }));
  const support = new Float64Array(classes.length);
  for (let i = 0; i < codes.length; i++)
    support[codes[i]!]! += average === "macro" ? 0 : sampleWeight ? sampleWeight[i]! : 1;
  if (average === "macro") support.fill(1);
  const total = support.reduce((a, b) => a + b, 0);
  return areas.reduce((sum, value, c) => sum + (value * support[c]!) / total, 0);
}

function area({ falsePositives, truePositives }: Cumulated): number {
  let sum = 0;
  let before = 0;
  for (let i = 0; i < truePositives.length; i++) {
    sum += (truePositives[i]! - before) * precisionAt(falsePositives[i]!, truePositives[i]!);
    before = truePositives[i]!;
  }
  return sum / before;
}

function precisionAt(falsePositives: number, truePositives: number): number {
  const all = falsePositives + truePositives;
  return all === 0 ? 0 : truePositives / all;
}

function withPositives(part: string, curve: Cumulated, name = ""): Cumulated {
  if (!(curve.truePositives.at(-1)! > 0))
    throw new MmubError("invalid-input", {
      part,
      message: `no positive sample${name}, so recall is not defined; want one`,
    });
  return curve;
}
