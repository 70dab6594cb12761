import { type Label, MmubError, show } from "@mmub/core";
import {
  checkFinite,
  checkLabels,
  checkLength,
  checkMatrix,
  checkWeights,
  labelList,
  rejectAt,
  sortedLabels,
} from "./checks.js";
import { positiveLabel, type WeightOptions } from "./classification.js";

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

export function isClassScores<L extends Label>(scores: ArrayLike<number> | ClassScores<L>): scores is ClassScores<L> {
  return typeof scores === "object" && scores !== null && "classes" in scores;
}

export function column({ rows, cols, data }: ClassScores["probabilities"], of: number): Float64Array {
  const out = new Float64Array(rows);
  for (let row = 0; row < rows; row++) out[row] = data[row * cols + of]!;
  return out;
}

/** Which samples are of the positive class, and their scores for it. */
export function binary<L extends Label>(
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
    values = new Float64Array(scores);
  }
  checkWeights(part, sampleWeight, truth.length);
  // Loops: `from` with a function goes through an iterator, many times as slow for millions of rows.
  const isPositive = new Uint8Array(truth.length);
  for (let i = 0; i < truth.length; i++) isPositive[i] = Number(truth[i] === label);
  return { isPositive, values };
}

export function positiveOf<L extends Label>(part: string, truth: readonly L[], positive: L | undefined): L {
  const occurring = sortedLabels(truth);
  if (occurring.length > 2 && positive === undefined)
    throw new MmubError("invalid-params", {
      part,
      message: `one score a sample for ${occurring.length} classes (${labelList(occurring)}), want class scores, or positive to set one class against the rest`,
    });
  return positiveLabel(part, occurring, positive);
}

export function checkScores(part: string, truth: readonly Label[], scores: ArrayLike<number>): void {
  checkLength(part, "truth", truth);
  checkLength(part, "scores", scores, truth.length);
  checkLabels(part, "truth", truth);
  checkFinite(part, "score", scores);
}

// The tolerance of scikit-learn for single precision: the root of its epsilon.
const sumTolerance = 2 ** -11.5;

/** The scores, when they have classes and a matrix. */
export function checkedScores<L extends Label>(part: string, scores: ClassScores<L>): ClassScores<L> {
  if (!Array.isArray(scores?.classes))
    throw new MmubError("invalid-input", {
      part,
      message: `scores are ${show(scores)}, want { classes, probabilities }, such as a classifier's prediction`,
    });
  checkMatrix(part, "probabilities", scores.probabilities);
  return scores;
}

/** Checks class scores against the truth; the column of each true label. */
export function checkClassScores<L extends Label>(
  part: string,
  truth: readonly L[],
  scores: ClassScores<L>,
): Int32Array {
  checkLength(part, "truth", truth);
  const { classes, probabilities } = checkedScores(part, scores);
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

/** Weight of the false and true positives at or above each distinct score. */
export interface Cumulated {
  readonly falsePositives: Float64Array;
  readonly truePositives: Float64Array;
  readonly thresholds: Float64Array;
}

export function cumulated(
  part: string,
  isPositive: Uint8Array,
  scores: Float64Array,
  weights: ArrayLike<number> | undefined,
): Cumulated {
  const curve = points(isPositive, scores, weights);
  const { falsePositives, truePositives } = curve;
  const last = falsePositives.length - 1;
  if (!(falsePositives[last]! > 0 && truePositives[last]! > 0))
    throw new MmubError("invalid-input", {
      part,
      message: `no ${truePositives[last]! > 0 ? "negative" : "positive"} sample among ${scores.length}, so the curve is not defined; want both classes`,
    });
  return curve;
}

/** As `cumulated`, of one class alone as well. */
export function points(
  isPositive: Uint8Array,
  scores: Float64Array,
  weights: ArrayLike<number> | undefined,
): Cumulated {
  return weights ? weightedPoints(isPositive, scores, weights) : countedPoints(isPositive, scores);
}

// Without weights the two classes are sorted apart, natively, and merged: no comparator, and the area is exact.
function countedPoints(isPositive: Uint8Array, scores: Float64Array): Cumulated {
  let count = 0;
  for (let i = 0; i < scores.length; i++) count += isPositive[i]!;
  const positives = new Float64Array(count);
  const negatives = new Float64Array(scores.length - count);
  for (let i = 0, p = 0, n = 0; i < scores.length; i++)
    if (isPositive[i] === 1) positives[p++] = scores[i]!;
    else negatives[n++] = scores[i]!;
  positives.sort();
  negatives.sort();
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
