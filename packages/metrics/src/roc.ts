import { checkParam, type Label, MmubError, show } from "@mmub/core";
import { checkFinite, checkLabels, checkLength, checkWeights, labelList, rejectAt, sortedLabels } from "./checks.js";
import { type ClassScore, positiveLabel, type WeightOptions } from "./classification.js";

/** A score for every class; a `Classification` of a model is one. */
export interface ClassScores<L extends Label = Label> {
  /** The class of each column. */
  readonly classes: readonly L[];
  /** rows x classes, every row sums to 1. */
  readonly probabilities: { readonly rows: number; readonly cols: number; readonly data: ArrayLike<number> };
}

export interface BinaryOptions<L extends Label> extends WeightOptions {
  /** The class that high scores speak for. @default 1 or true, of class scores the second class; a string has to be named */
  readonly positive?: L;
}

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

function isClassScores<L extends Label>(scores: ArrayLike<number> | ClassScores<L>): scores is ClassScores<L> {
  return typeof scores === "object" && scores !== null && "classes" in scores;
}

/** Weight of the false and true positives at or above each distinct score. */
interface Cumulated {
  readonly falsePositives: Float64Array;
  readonly truePositives: Float64Array;
  readonly thresholds: Float64Array;
}

function cumulated(
  part: string,
  isPositive: Uint8Array,
  scores: Float64Array,
  weights: ArrayLike<number> | undefined,
): Cumulated {
  const points = weights ? weightedPoints(isPositive, scores, weights) : countedPoints(isPositive, scores);
  const { falsePositives, truePositives } = points;
  const last = falsePositives.length - 1;
  if (!(falsePositives[last]! > 0 && truePositives[last]! > 0))
    throw new MmubError("invalid-input", {
      part,
      message: `no ${truePositives[last]! > 0 ? "negative" : "positive"} sample among ${scores.length}, so the curve is not defined; want both classes`,
    });
  return points;
}

// Without weights the two classes are sorted apart, natively, and merged: no comparator, and the area is exact.
function countedPoints(isPositive: Uint8Array, scores: Float64Array): Cumulated {
  const positives = scores.filter((_, i) => isPositive[i] === 1).sort();
  const negatives = scores.filter((_, i) => isPositive[i] !== 1).sort();
  const falsePositives = new Float64Array(scores.length);
  const truePositives = new Float64Array(scores.length);
  const thresholds = new Float64Array(scores.length);
  let i = positives.length - 1;
  let j = negatives.length - 1;
  let points = 0;
  while (i >= 0 || j >= 0) {
    const threshold = Math.max(
      i >= 0 ? positives[i]! : Number.NEGATIVE_INFINITY,
      j >= 0 ? negatives[j]! : Number.NEGATIVE_INFINITY,
    );
    while (i >= 0 && positives[i] === threshold) i--;
    while (j >= 0 && negatives[j] === threshold) j--;
    truePositives[points] = positives.length - 1 - i;
    falsePositives[points] = negatives.length - 1 - j;
    thresholds[points++] = threshold;
  }
  return cut(falsePositives, truePositives, thresholds, points);
}

function weightedPoints(isPositive: Uint8Array, scores: Float64Array, weights: ArrayLike<number>): Cumulated {
  // A sample of weight 0 makes no threshold, as in scikit-learn.
  const order = Uint32Array.from(scores, (_, i) => i)
    .filter((i) => weights[i]! > 0)
    .sort((a, b) => scores[b]! - scores[a]!);
  const falsePositives = new Float64Array(order.length);
  const truePositives = new Float64Array(order.length);
  const thresholds = new Float64Array(order.length);
  let points = 0;
  let falseWeight = 0;
  let trueWeight = 0;
  for (let k = 0; k < order.length; k++) {
    const i = order[k]!;
    if (isPositive[i] === 1) trueWeight += weights[i]!;
    else falseWeight += weights[i]!;
    if (k + 1 < order.length && scores[order[k + 1]!] === scores[i]) continue;
    falsePositives[points] = falseWeight;
    truePositives[points] = trueWeight;
    thresholds[points++] = scores[i]!;
  }
  return cut(falsePositives, truePositives, thresholds, points);
}

function cut(falsePositives: Float64Array, truePositives: Float64Array, thresholds: Float64Array, points: number) {
  return {
    falsePositives: falsePositives.subarray(0, points),
    truePositives: truePositives.subarray(0, points),
    thresholds: thresholds.subarray(0, points),
  };
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

function column({ rows, cols, data }: ClassScores["probabilities"], of: number): Float64Array {
  const out = new Float64Array(rows);
  for (let row = 0; row < rows; row++) out[row] = data[row * cols + of]!;
  return out;
}

/** Which samples are of the positive class, and their scores for it. */
function binary<L extends Label>(
  part: string,
  truth: readonly L[],
  scores: ArrayLike<number> | ClassScores<L>,
  { positive, sampleWeight }: BinaryOptions<L>,
): { readonly isPositive: Uint8Array; readonly values: Float64Array } {
  let label: L;
  let values: Float64Array;
  if (isClassScores(scores)) {
    checkClassScores(part, truth, scores);
    if (scores.classes.length !== 2 && positive === undefined)
      throw new MmubError("invalid-params", {
        part,
        message: `positive is undefined with ${scores.classes.length} classes, want one of ${labelList(scores.classes)}`,
      });
    label = positive ?? scores.classes[1]!;
    const index = scores.classes.indexOf(label);
    if (index < 0)
      throw new MmubError("invalid-params", {
        part,
        message: `positive is ${labelList([label])}, want one of ${labelList(scores.classes)}`,
        positive,
      });
    values = column(scores.probabilities, index);
  } else {
    checkScores(part, truth, scores);
    label = positiveOf(part, truth, positive);
    values = Float64Array.from(scores);
  }
  checkWeights(part, sampleWeight, truth.length);
  return { isPositive: Uint8Array.from(truth, (of) => Number(of === label)), values };
}

function positiveOf<L extends Label>(part: string, truth: readonly L[], positive: L | undefined): L {
  const occurring = sortedLabels(truth);
  if (occurring.length > 2 && positive === undefined)
    throw new MmubError("invalid-params", {
      part,
      message: `one score a sample for ${occurring.length} classes (${labelList(occurring)}), want class scores, or positive to set one class against the rest`,
    });
  return positiveLabel(part, occurring, positive);
}

function checkScores(part: string, truth: readonly Label[], scores: ArrayLike<number>): void {
  checkLength(part, "truth", truth);
  checkLength(part, "scores", scores, truth.length);
  checkLabels(part, "truth", truth);
  checkFinite(part, "score", scores);
}

// The tolerance of scikit-learn for single precision: the root of its epsilon.
const sumTolerance = 2 ** -11.5;

/** Checks class scores against the truth; the column of each true label. */
function checkClassScores<L extends Label>(
  part: string,
  truth: readonly L[],
  { classes, probabilities }: ClassScores<L>,
): Int32Array {
  checkLength(part, "truth", truth);
  checkLabels(part, "truth", truth);
  if (!Array.isArray(classes) || classes.length < 2)
    throw new MmubError("invalid-input", {
      part,
      message: `classes are ${show(classes)}, want an array of at least 2`,
    });
  checkLabels(part, "classes", classes, truth[0]);
  const { rows, cols, data } = probabilities;
  if (rows !== truth.length || cols !== classes.length || data.length !== rows * cols)
    throw new MmubError("shape-mismatch", {
      part,
      message: `probabilities are ${rows} x ${cols} with ${data.length} values, want ${truth.length} samples x ${classes.length} classes`,
      rows,
      cols,
    });
  for (let row = 0; row < rows; row++) {
    let sum = 0;
    for (let c = 0; c < cols; c++) {
      const value = data[row * cols + c]!;
      if (!(value >= 0 && value <= 1)) rejectAt(part, "the probabilities of sample", row, value, "numbers in [0, 1]");
      sum += value;
    }
    if (Math.abs(sum - 1) > sumTolerance)
      throw new MmubError("invalid-input", {
        part,
        message: `the probabilities of sample ${row} sum to ${sum}, want 1`,
        index: row,
      });
  }
  const place = new Map(classes.map((label, index) => [label, index]));
  return Int32Array.from(
    truth,
    (label, i) => place.get(label) ?? rejectAt(part, "truth", i, label, `one of the classes ${labelList(classes)}`),
  );
}
