import { checkParam, type Label, MmubError } from "@mmub/core";
import { checkPair, classesOf, confusionMatrix, type WeightOptions } from "./classification.js";

export interface BalancedAccuracyOptions extends WeightOptions {
  /** Rescaled so that guessing is 0 and perfect 1. @default false */
  readonly adjusted?: boolean;
}

/**
 * The mean of the classes' recalls, in [0, 1]: an accuracy in which every class counts the same, however rare.
 * Classes that are never true are left out.
 *
 * Rejects what `accuracy` does; with `adjusted` truth of one class, for which it is not defined. Cost: one pass.
 * Source: scikit-learn's `balanced_accuracy_score`.
 *
 * @example
 * balancedAccuracy(["buy", "leave", "leave", "leave"], ["leave", "leave", "leave", "leave"]); // 0.5
 */
export function balancedAccuracy<L extends Label>(
  truth: readonly L[],
  predicted: readonly L[],
  options: BalancedAccuracyOptions = {},
): number {
  const part = "@mmub/metrics/balanced-accuracy";
  const { adjusted = false, ...weights } = options;
  checkPair(part, truth, predicted, weights.sampleWeight);
  const { counts } = confusionMatrix(truth, predicted, weights);
  const recalls = counts.flatMap((row, i) => {
    const all = sum(row);
    return all === 0 ? [] : [row[i]! / all];
  });
  const score = sum(recalls) / recalls.length;
  if (!adjusted) return score;
  if (recalls.length < 2)
    throw new MmubError("invalid-input", {
      part,
      message: "truth is of one class, for which the adjusted score is not defined; want two at least",
    });
  const chance = 1 / recalls.length;
  return (score - chance) / (1 - chance);
}

/**
 * Matthews' correlation of truth and prediction, in [-1, 1]: 1 perfect, 0 as good as guessing, also where all are of one
 * class or predicted as one; below 0 worse. Fair to classes of any size; of any number of classes (R_k).
 *
 * Rejects what `accuracy` does. Cost: one pass. Source: scikit-learn's `matthews_corrcoef`; Gorodkin (2004).
 *
 * @example
 * matthewsCorrelation([1, 1, 1, 0], [1, 0, 1, 1]); // -0.333…
 */
export function matthewsCorrelation<L extends Label>(
  truth: readonly L[],
  predicted: readonly L[],
  options: WeightOptions = {},
): number {
  checkPair("@mmub/metrics/matthews-correlation", truth, predicted, options.sampleWeight);
  const { counts } = confusionMatrix(truth, predicted, options);
  const { rows, columns, all } = margins(counts);
  const dot = (a: readonly number[], b: readonly number[]) => sum(a.map((value, i) => value * b[i]!));
  const right = sum(counts.map((row, i) => row[i]!));
  const spread = (all * all - dot(columns, columns)) * (all * all - dot(rows, rows));
  return spread === 0 ? 0 : (right * all - dot(rows, columns)) / Math.sqrt(spread);
}

export interface KappaOptions<L extends Label> extends WeightOptions {
  /** The labels in their order, which `weights` goes by; samples of others are left out. @default every label that occurs, ascending */
  readonly labels?: readonly L[];
  /** How bad a disagreement is: by the distance of the labels in their order, or its square. @default all the same */
  readonly weights?: "linear" | "quadratic";
}

/**
 * Cohen's kappa: the agreement of two raters, or of truth and prediction, beyond that of chance; 1 perfect, 0 chance.
 *
 * Rejects what `accuracy` does, and raters who use one label alone, the same, for whom it is not defined. Cost: one pass.
 * Source: scikit-learn's `cohen_kappa_score`; Cohen (1960, 1968).
 *
 * @example
 * cohenKappa([1, 2, 3, 3], [1, 2, 2, 3], { weights: "quadratic" }); // 0.8
 */
export function cohenKappa<L extends Label>(
  first: readonly L[],
  second: readonly L[],
  options: KappaOptions<NoInfer<L>> = {},
): number {
  const part = "@mmub/metrics/cohen-kappa";
  const { labels, weights, sampleWeight } = options;
  checkParam(
    part,
    "weights",
    weights,
    weights === undefined || weights === "linear" || weights === "quadratic",
    '"linear" or "quadratic"',
  );
  checkPair(part, first, second, sampleWeight);
  const { counts } = confusionMatrix(first, second, {
    labels: classesOf(part, first, second, labels),
    ...(sampleWeight && { sampleWeight }),
  });
  const { rows, columns, all } = margins(counts);
  let seen = 0;
  let expected = 0;
  for (let i = 0; i < rows.length; i++)
    for (let j = 0; j < rows.length; j++) {
      const distance = Math.abs(i - j);
      const weight = weights === "quadratic" ? distance ** 2 : weights === "linear" ? distance : Number(i !== j);
      seen += weight * counts[i]![j]!;
      expected += (weight * rows[i]! * columns[j]!) / all;
    }
  if (!(expected > 0))
    throw new MmubError("invalid-input", {
      part,
      message: "both raters use one label alone, or none of labels, so there is no agreement of chance to compare with",
    });
  return 1 - seen / expected;
}

function margins(counts: readonly (readonly number[])[]) {
  const rows = counts.map(sum);
  const columns = counts.map((_, j) => sum(counts.map((row) => row[j]!)));
  return { rows, columns, all: sum(rows) };
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}
