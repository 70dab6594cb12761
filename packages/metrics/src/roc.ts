import { checkParam, type Label, MmubError } from "@mmub/core";
import { checkFinite, checkLength, checkWeights, labelList, rejectAt } from "./checks.js";
import {
  type BinaryOptions,
  binary,
  type ClassScores,
  type Cumulated,
  checkClassScores,
  checkedScores,
  checkScores,
  column,
  cumulated,
  isClassScores,
  positiveOf,
} from "./class-scores.js";
import type { ClassScore, WeightOptions } from "./classification.js";

export interface RocCurveOptions<L extends Label> extends BinaryOptions<L> {
  /** Leave out points on a straight line between others; the curve is the same. @default true */
  readonly dropIntermediate?: boolean;
}

/** One point for each threshold: which share is positive at that score or above. Starts at 0, 0 with the threshold Infinity. */
export interface RocCurve {
  readonly falsePositiveRates: Float64Array;
  readonly truePositiveRates: Float64Array;
  /** Falling. */
  readonly thresholds: Float64Array;
}

/**
 * The receiver operating characteristic: the share of positives found against the share of negatives wrongly taken for
 * positive, at every threshold of the score.
 *
 * Rejects arrays of different lengths, empty ones, scores that are not finite, truth of one class alone or of more than
 * two without `positive`. Cost: sorting the scores. Source: scikit-learn's `roc_curve`.
 *
 * @example
 * const { falsePositiveRates, truePositiveRates } = rocCurve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]);
 * console.log(falsePositiveRates, truePositiveRates); // 0, 0, 0.5, 0.5, 1 and 0, 0.5, 0.5, 1, 1
 */
export function rocCurve<L extends Label>(
  truth: readonly L[],
  scores: ArrayLike<number> | ClassScores<L>,
  options: RocCurveOptions<NoInfer<L>> = {},
): RocCurve {
  const part = "@mmub/metrics/roc-curve";
  const { dropIntermediate = true, sampleWeight } = options;
  const { isPositive, values } = binary(part, truth, scores, options);
  const curve = cumulated(part, isPositive, values, sampleWeight);
  return rates(dropIntermediate ? corners(curve) : curve);
}

export interface RocAucOptions<L extends Label> extends BinaryOptions<L> {
  /** The area up to this false positive rate, standardised so that chance is 0.5 (McClish 1989); two classes only. @default 1 */
  readonly maxFalsePositiveRate?: number;
  /** Three classes or more: each against the rest, or the mean of all pairs of classes (Hand & Till 2001). @default "ovr" */
  readonly multiClass?: "ovr" | "ovo";
  /** Three classes or more: the mean of the classes, that mean weighted by how often each is true, or all cells pooled. @default "macro" */
  readonly average?: "macro" | "weighted" | "micro";
}

export interface PerClassAucOptions extends WeightOptions {
  readonly multiClass?: "ovr";
  readonly average: null;
}

/**
 * The area under the ROC curve, in [0, 1]: how likely a random positive scores higher than a random negative, ties
 * counting half; 0.5 is chance.
 *
 * `scores` are those of the positive class, or class scores such as a model's prediction; with three classes or more it
 * is the average that `multiClass` and `average` say. Rejects what `rocCurve` does, true labels that are not among the
 * classes, classes that are never true, and probabilities that do not sum to 1. Sample weights go with two classes and
 * `ovr`. Cost: sorting the scores, once a class. Source: scikit-learn's `roc_auc_score`.
 *
 * @example
 * rocAuc(["leave", "leave", "buy", "buy"], [0.1, 0.4, 0.35, 0.8], { positive: "buy" }); // 0.75
 */
export function rocAuc<L extends Label>(
  truth: readonly L[],
  scores: ClassScores<L>,
  options: PerClassAucOptions,
): ClassScore<L>[];
export function rocAuc<L extends Label>(
  truth: readonly L[],
  scores: ArrayLike<number> | ClassScores<L>,
  options?: RocAucOptions<NoInfer<L>>,
): number;
export function rocAuc<L extends Label>(
  truth: readonly L[],
  scores: ArrayLike<number> | ClassScores<L>,
  options: RocAucOptions<L> | PerClassAucOptions = {},
): number | ClassScore<L>[] {
  const part = "@mmub/metrics/roc-auc";
  const { multiClass = "ovr", average = "macro", sampleWeight } = options;
  const { positive, maxFalsePositiveRate = 1 } = options as RocAucOptions<L>;
  checkParam(part, "multiClass", multiClass, multiClass === "ovr" || multiClass === "ovo", '"ovr" or "ovo"');
  const averages = multiClass === "ovr" ? ["macro", "weighted", "micro", null] : ["macro", "weighted"];
  checkParam(
    part,
    "average",
    average,
    averages.includes(average),
    `one of ${averages.map((a) => JSON.stringify(a)).join(", ")} with ${multiClass}`,
  );
  checkParam(
    part,
    "maxFalsePositiveRate",
    maxFalsePositiveRate,
    maxFalsePositiveRate > 0 && maxFalsePositiveRate <= 1,
    "a number above 0, at most 1",
  );

  if (!isClassScores(scores) || (scores.classes.length <= 2 && average !== null)) {
    const { isPositive, values } = binary(part, truth, scores, {
      ...(positive !== undefined && { positive }),
      ...(sampleWeight && { sampleWeight }),
    });
    return area(cumulated(part, isPositive, values, sampleWeight), maxFalsePositiveRate);
  }
  checkParam(
    part,
    "maxFalsePositiveRate",
    maxFalsePositiveRate,
    maxFalsePositiveRate === 1,
    "1 with three classes or more",
  );
  checkParam(part, "positive", positive, positive === undefined, "none with three classes or more");
  checkParam(part, "sampleWeight", sampleWeight, multiClass === "ovr" || sampleWeight === undefined, 'none with "ovo"');
  const codes = checkClassScores(part, truth, scores);
  checkWeights(part, sampleWeight, truth.length);
  const { classes, probabilities } = scores;
  const support = new Float64Array(classes.length);
  for (let i = 0; i < codes.length; i++) support[codes[i]!]! += sampleWeight ? sampleWeight[i]! : 1;
  const absent = support.indexOf(0);
  if (absent >= 0 && average !== "micro")
    throw new MmubError("invalid-input", {
      part,
      message: `class ${labelList([classes[absent]!])} is never true, so its curve is not defined; leave the class out or set average to "micro"`,
    });
  if (multiClass === "ovo") return oneVersusOne(part, codes, scores, support, average === "weighted");
  if (average === "micro") {
    const { data, cols } = probabilities;
    const cells = Uint8Array.from(data, (_, i) => Number(codes[Math.floor(i / cols)] === i % cols));
    const weights = sampleWeight && Float64Array.from(data, (_, i) => sampleWeight[Math.floor(i / cols)]!);
    return area(cumulated(part, cells, Float64Array.from(data), weights));
  }
  const areas = classes.map((_, c) =>
    area(
      cumulated(
        part,
        Uint8Array.from(codes, (code) => Number(code === c)),
        column(probabilities, c),
        sampleWeight,
      ),
    ),
  );
  if (average === null) return classes.map((label, c) => ({ label, value: areas[c]! }));
  return mean(areas, average === "weighted" ? support : undefined);
}

export interface MultiLabelAucOptions {
  /** The mean of the classes, that mean weighted by how often each is true, all cells pooled, the mean of the samples, or each class by itself. @default "macro" */
  readonly average?: "macro" | "weighted" | "micro" | "samples" | null;
  /** A weight for each sample, at least 0. @default 1 each */
  readonly sampleWeight?: ArrayLike<number>;
}

/**
 * The area under the ROC curve where a sample has any number of labels: of each class, those that have it against those that have not.
 *
 * `truth` holds the labels of each sample; `scores` a column for each class, in any unit: rows need not sum to 1. Rejects labels that are no class,
 * scores that are not finite, and a class that every sample has or none (with `samples`: a sample that has every class or none), of which
 * the area is not defined (`invalid-input`). Cost: sorting each column. Source: scikit-learn's `roc_auc_score` of label indicators.
 *
 * @example
 * const truth = [["red", "soft"], ["soft"], ["red"], []];
 * const probabilities = { rows: 4, cols: 2, data: [0.9, 0.6, 0.2, 0.8, 0.7, 0.1, 0.4, 0.2] };
 * console.log(multiLabelRocAuc(truth, { classes: ["red", "soft"], probabilities })); // 1
 */
export function multiLabelRocAuc<L extends Label>(
  truth: readonly (readonly L[])[],
  scores: ClassScores<L>,
  options: MultiLabelAucOptions & { readonly average: null },
): ClassScore<L>[];
export function multiLabelRocAuc<L extends Label>(
  truth: readonly (readonly L[])[],
  scores: ClassScores<L>,
  options?: MultiLabelAucOptions & { readonly average?: Exclude<MultiLabelAucOptions["average"], null> },
): number;
export function multiLabelRocAuc<L extends Label>(
  truth: readonly (readonly L[])[],
  scores: ClassScores<L>,
  options: MultiLabelAucOptions = {},
): number | ClassScore<L>[] {
  const part = "@mmub/metrics/multi-label-roc-auc";
  const { classes, probabilities } = checkedScores(part, scores);
  const { average = "macro", sampleWeight } = options;
  const averages = ["macro", "weighted", "micro", "samples", null];
  checkParam(part, "average", average, averages.includes(average), "macro, weighted, micro, samples or null");
  checkLength(part, "truth", truth);
  checkWeights(part, sampleWeight, truth.length);
  const { rows, cols, data } = probabilities;
  if (rows !== truth.length || cols !== classes.length || data.length !== rows * cols)
    throw new MmubError("shape-mismatch", {
      part,
      message: `scores are ${rows} x ${cols} with ${data.length} values, want ${truth.length} samples x ${classes.length} classes`,
    });
  checkFinite(part, "score", data);
  const has = new Uint8Array(rows * cols);
  for (const [row, labels] of truth.entries()) {
    if (!Array.isArray(labels)) rejectAt(part, "truth", row, labels, "an array of labels");
    for (const label of labels) {
      const column = classes.indexOf(label);
      if (column < 0) rejectAt(part, "truth", row, label, `labels of the classes ${labelList(classes)}`);
      has[row * cols + column] = 1;
    }
  }
  const cells = (at: (i: number) => number, count: number, weights?: ArrayLike<number>) =>
    area(
      cumulated(
        part,
        Uint8Array.from({ length: count }, (_, i) => has[at(i)]!),
        Float64Array.from({ length: count }, (_, i) => data[at(i)]!),
        weights,
      ),
    );
  if (average === "micro") {
    const weights = sampleWeight && Float64Array.from(has, (_, i) => sampleWeight[Math.floor(i / cols)]!);
    return cells((i) => i, has.length, weights);
  }
  if (average === "samples") {
    const areas = truth.map((_, row) => cells((c) => row * cols + c, cols));
    return mean(areas, sampleWeight);
  }
  const areas = classes.map((_, c) => cells((row) => row * cols + c, rows, sampleWeight));
  if (average === null) return classes.map((label, c) => ({ label, value: areas[c]! }));
  const support = classes.map((_, c) =>
    truth.reduce((sum, _, row) => sum + has[row * cols + c]! * (sampleWeight ? sampleWeight[row]! : 1), 0),
  );
  return mean(areas, average === "weighted" ? support : undefined);
}

export interface LogLossOptions<L extends Label> extends BinaryOptions<L> {
  /** The mean loss of the samples; false: the sum. @default true */
  readonly normalize?: boolean;
}

/**
 * The negative mean log-likelihood of the true labels, in nats, at least 0: what a prediction of the probability p for
 * the right class costs is -ln p. Probabilities are kept an epsilon of their array's type away from 0 and 1.
 *
 * `scores` are the probabilities of `positive` for two classes, or class scores such as a model's prediction. Rejects
 * what `rocAuc` does except truth of one class, and probabilities outside [0, 1]. Cost: one pass.
 * Source: scikit-learn's `log_loss`.
 *
 * @example
 * logLoss(["buy", "leave"], [0.9, 0.2], { positive: "buy" }); // 0.164…
 */
export function logLoss<L extends Label>(
  truth: readonly L[],
  scores: ArrayLike<number> | ClassScores<L>,
  options: LogLossOptions<NoInfer<L>> = {},
): number {
  const part = "@mmub/metrics/log-loss";
  const { normalize = true, sampleWeight, positive } = options;
  let likelihood: (row: number) => number;
  if (isClassScores(scores)) {
    checkParam(part, "positive", positive, positive === undefined, "none with class scores, which name their classes");
    const codes = checkClassScores(part, truth, scores);
    const { data, cols } = scores.probabilities;
    likelihood = (row) => data[row * cols + codes[row]!]!;
  } else {
    checkScores(part, truth, scores);
    const label = positiveOf(part, truth, positive);
    for (let i = 0; i < scores.length; i++)
      if (scores[i]! < 0 || scores[i]! > 1) rejectAt(part, "score", i, scores[i], "a probability in [0, 1]");
    likelihood = (row) => (truth[row] === label ? scores[row]! : 1 - scores[row]!);
  }
  checkWeights(part, sampleWeight, truth.length);
  const data = isClassScores(scores) ? scores.probabilities.data : scores;
  const epsilon = data instanceof Float32Array ? 2 ** -23 : 2 ** -52;
  let sum = 0;
  let total = 0;
  for (let row = 0; row < truth.length; row++) {
    const weight = sampleWeight ? sampleWeight[row]! : 1;
    sum -= weight * Math.log(Math.min(1 - epsilon, Math.max(epsilon, likelihood(row))));
    total += weight;
  }
  return normalize ? sum / total : sum;
}

function corners({ falsePositives, truePositives, thresholds }: Cumulated): Cumulated {
  const bends = (of: Float64Array, i: number) => of[i + 1]! - of[i]! - (of[i]! - of[i - 1]!) !== 0;
  const keep = (_: number, i: number) =>
    i === 0 || i === thresholds.length - 1 || bends(falsePositives, i) || bends(truePositives, i);
  return {
    falsePositives: falsePositives.filter(keep),
    truePositives: truePositives.filter(keep),
    thresholds: thresholds.filter(keep),
  };
}

function rates({ falsePositives, truePositives, thresholds }: Cumulated): RocCurve {
  const fromZero = (values: Float64Array, scale: number) => {
    const out = new Float64Array(values.length + 1);
    for (let i = 0; i < values.length; i++) out[i + 1] = values[i]! / scale;
    return out;
  };
  const out = {
    falsePositiveRates: fromZero(falsePositives, falsePositives.at(-1)!),
    truePositiveRates: fromZero(truePositives, truePositives.at(-1)!),
    thresholds: fromZero(thresholds, 1),
  };
  out.thresholds[0] = Number.POSITIVE_INFINITY;
  return out;
}

function area(curve: Cumulated, maxRate = 1): number {
  const { falsePositives, truePositives } = curve;
  const negatives = falsePositives.at(-1)!;
  const limit = maxRate * negatives;
  let sum = 0;
  let x = 0;
  let y = 0;
  for (let i = 0; i < falsePositives.length; i++) {
    const nextX = falsePositives[i]!;
    const nextY = truePositives[i]!;
    if (nextX > limit) {
      const edge = y + ((nextY - y) * (limit - x)) / (nextX - x);
      sum += ((limit - x) * (y + edge)) / 2;
      break;
    }
    sum += ((nextX - x) * (y + nextY)) / 2;
    x = nextX;
    y = nextY;
  }
  const part = sum / (negatives * truePositives.at(-1)!);
  if (maxRate === 1) return part;
  const chance = maxRate ** 2 / 2;
  return 0.5 * (1 + (part - chance) / (maxRate - chance));
}

function oneVersusOne<L extends Label>(
  part: string,
  codes: Int32Array,
  { classes, probabilities }: ClassScores<L>,
  support: Float64Array,
  weighted: boolean,
): number {
  const { data, cols } = probabilities;
  const rowsOf = classes.map((_, c) => Uint32Array.from(codes.keys()).filter((row) => codes[row] === c));
  const areas: number[] = [];
  const prevalence: number[] = [];
  for (let a = 0; a < classes.length; a++)
    for (let b = a + 1; b < classes.length; b++) {
      const rows = [...rowsOf[a]!, ...rowsOf[b]!];
      const one = (of: number) =>
        area(
          cumulated(
            part,
            Uint8Array.from(rows, (row) => Number(codes[row] === of)),
            Float64Array.from(rows, (row) => data[row * cols + of]!),
            undefined,
          ),
        );
      areas.push((one(a) + one(b)) / 2);
      prevalence.push(support[a]! + support[b]!);
    }
  return mean(areas, weighted ? prevalence : undefined);
}

function mean(values: readonly number[], weights?: ArrayLike<number>): number {
  let sum = 0;
  let total = 0;
  values.forEach((value, i) => {
    const weight = weights ? weights[i]! : 1;
    sum += weight * value;
    total += weight;
  });
  return sum / total;
}
