import { checkParam, type Label, MmubError } from "@mmub/core";
import { checkLabels, checkLength, checkWeights, labelList, rejectAt, sortedLabels } from "./checks.js";

export interface WeightOptions {
  /** How much each sample counts, at least 0. @default 1 each */
  readonly sampleWeight?: ArrayLike<number>;
}

/** The label of a sample, or its set of labels where a sample may have several or none (multi-label). */
export type Labelled<L extends Label> = L | readonly L[];

export interface AccuracyOptions extends WeightOptions {
  /** The share of right predictions; false: their number, or weight. @default true */
  readonly normalize?: boolean;
}

interface ClassScoreOptions<L extends Label> extends WeightOptions {
  /** The classes to average over, or to list; samples of others still count as wrong. @default every label that occurs */
  readonly labels?: readonly L[];
  /** The score of a class where it is 0 / 0: 0, 1, or NaN, which leaves the class out of the average. @default 0 */
  readonly zeroDivision?: number;
}

export interface AverageOptions<L extends Label> extends ClassScoreOptions<L> {
  /**
   * `binary`: the score of the class `positive`; `micro`: of all classes' counts together; `macro`: the mean of the
   * classes' scores; `weighted`: that mean weighted by how often each class is true; `samples`: the mean of the scores of
   * each sample's set of labels (multi-label only); `null`: each class by itself.
   * @default "binary"
   */
  readonly average?: "binary" | "micro" | "macro" | "weighted" | "samples";
  /** The class that a binary score is about. @default 1 or true; a string has to be named */
  readonly positive?: L;
}

export interface PerClassOptions<L extends Label> extends ClassScoreOptions<L> {
  readonly average: null;
}

export interface ClassScore<L extends Label = Label> {
  readonly label: L;
  readonly value: number;
}

/**
 * The share of predictions that are right, in [0, 1], or their number with `normalize: false`. A set of labels is right
 * where it is the true set.
 *
 * Rejects arrays of different lengths, empty ones and labels of different types (`invalid-input`, with the index). Cost: one pass.
 * Source: scikit-learn's `accuracy_score`.
 *
 * @example
 * accuracy(["buy", "leave", "buy"], ["buy", "buy", "buy"]); // 0.666…
 */
export function accuracy<L extends Label>(
  truth: readonly Labelled<L>[],
  predicted: readonly Labelled<L>[],
  options: AccuracyOptions = {},
): number {
  const part = "@mmub/metrics/accuracy";
  const { normalize = true, sampleWeight } = options;
  if (isSets(truth)) checkSets(part, truth, predicted, sampleWeight);
  else checkPair(part, truth as readonly L[], predicted as readonly L[], sampleWeight);
  let right = 0;
  let total = 0;
  for (let i = 0; i < truth.length; i++) {
    const weight = sampleWeight ? sampleWeight[i]! : 1;
    total += weight;
    if (truth[i] === predicted[i] || (Array.isArray(truth[i]) && sameSet(truth[i] as L[], predicted[i] as L[])))
      right += weight;
  }
  return normalize ? right / total : right;
}

/**
 * Of the samples predicted as a class, the share that is of it: tp / (tp + fp), in [0, 1].
 *
 * With sets of labels (multi-label) a class is predicted for a sample where it is in its set. Rejects what `accuracy` does;
 * also three classes with the average `binary`, and a `positive` that does not occur. Cost: one pass.
 * Source: scikit-learn's `precision_score`.
 *
 * @example
 * precision(["buy", "leave", "buy"], ["buy", "buy", "buy"], { positive: "buy" }); // 0.666…
 */
export function precision<L extends Label>(
  truth: readonly Labelled<L>[],
  predicted: readonly Labelled<L>[],
  options: PerClassOptions<NoInfer<L>>,
): ClassScore<L>[];
export function precision<L extends Label>(
  truth: readonly Labelled<L>[],
  predicted: readonly Labelled<L>[],
  options?: AverageOptions<NoInfer<L>>,
): number;
export function precision<L extends Label>(
  truth: readonly Labelled<L>[],
  predicted: readonly Labelled<L>[],
  options: AverageOptions<L> | PerClassOptions<L> = {},
): number | ClassScore<L>[] {
  return scoreOf("@mmub/metrics/precision", "precision", 1, truth, predicted, options);
}

/**
 * Of the samples of a class, the share predicted as it: tp / (tp + fn), in [0, 1].
 *
 * Rejects what `precision` does. Cost: one pass. Source: scikit-learn's `recall_score`.
 *
 * @example
 * recall(["buy", "leave", "buy"], ["buy", "buy", "leave"], { average: "macro" }); // 0.25
 */
export function recall<L extends Label>(
  truth: readonly Labelled<L>[],
  predicted: readonly Labelled<L>[],
  options: PerClassOptions<NoInfer<L>>,
): ClassScore<L>[];
export function recall<L extends Label>(
  truth: readonly Labelled<L>[],
  predicted: readonly Labelled<L>[],
  options?: AverageOptions<NoInfer<L>>,
): number;
export function recall<L extends Label>(
  truth: readonly Labelled<L>[],
  predicted: readonly Labelled<L>[],
  options: AverageOptions<L> | PerClassOptions<L> = {},
): number | ClassScore<L>[] {
  return scoreOf("@mmub/metrics/recall", "recall", 1, truth, predicted, options);
}

/**
 * The harmonic mean of precision and recall, recall counting `beta` times as much: (1 + beta²) tp / ((1 + beta²) tp +
 * beta² fn + fp), in [0, 1]. `beta` 0 is precision, Infinity recall.
 *
 * Rejects what `precision` does, and a `beta` below 0. Cost: one pass. Source: scikit-learn's `fbeta_score`.
 *
 * @example
 * fBeta([1, 0, 1, 1], [1, 1, 0, 1], { beta: 2 }); // 0.666…
 */
export function fBeta<L extends Label>(
  truth: readonly Labelled<L>[],
  predicted: readonly Labelled<L>[],
  options: PerClassOptions<NoInfer<L>> & { readonly beta: number },
): ClassScore<L>[];
export function fBeta<L extends Label>(
  truth: readonly Labelled<L>[],
  predicted: readonly Labelled<L>[],
  options: AverageOptions<NoInfer<L>> & { readonly beta: number },
): number;
export function fBeta<L extends Label>(
  truth: readonly Labelled<L>[],
  predicted: readonly Labelled<L>[],
  options: (AverageOptions<L> | PerClassOptions<L>) & { readonly beta: number },
): number | ClassScore<L>[] {
  const part = "@mmub/metrics/f-beta";
  checkParam(part, "beta", options?.beta, options?.beta >= 0, "a number of at least 0");
  return scoreOf(part, "f", options.beta, truth, predicted, options);
}

/**
 * The harmonic mean of precision and recall: 2 tp / (2 tp + fn + fp), in [0, 1].
 *
 * Rejects what `precision` does. Cost: one pass. Source: scikit-learn's `f1_score`.
 *
 * @example
 * f1(["buy", "leave", "buy"], ["buy", "buy", "leave"], { average: "macro" }); // 0.25
 */
export function f1<L extends Label>(
  truth: readonly Labelled<L>[],
  predicted: readonly Labelled<L>[],
  options: PerClassOptions<NoInfer<L>>,
): ClassScore<L>[];
export function f1<L extends Label>(
  truth: readonly Labelled<L>[],
  predicted: readonly Labelled<L>[],
  options?: AverageOptions<NoInfer<L>>,
): number;
export function f1<L extends Label>(
  truth: readonly Labelled<L>[],
  predicted: readonly Labelled<L>[],
  options: AverageOptions<L> | PerClassOptions<L> = {},
): number | ClassScore<L>[] {
  return scoreOf("@mmub/metrics/f1", "f", 1, truth, predicted, options);
}

/**
 * The samples both of a class and predicted as it, of those that are either: tp / (tp + fp + fn), in [0, 1].
 *
 * Rejects what `precision` does. Cost: one pass. Source: scikit-learn's `jaccard_score`.
 *
 * @example
 * jaccard([["red", "blue"], []], [["red"], ["blue"]], { average: "samples" }); // 0.25
 */
export function jaccard<L extends Label>(
  truth: readonly Labelled<L>[],
  predicted: readonly Labelled<L>[],
  options: PerClassOptions<NoInfer<L>>,
): ClassScore<L>[];
export function jaccard<L extends Label>(
  truth: readonly Labelled<L>[],
  predicted: readonly Labelled<L>[],
  options?: AverageOptions<NoInfer<L>>,
): number;
export function jaccard<L extends Label>(
  truth: readonly Labelled<L>[],
  predicted: readonly Labelled<L>[],
  options: AverageOptions<L> | PerClassOptions<L> = {},
): number | ClassScore<L>[] {
  return scoreOf("@mmub/metrics/jaccard", "jaccard", 1, truth, predicted, options);
}

/**
 * The share of labels that are wrong, in [0, 1]: of samples with one label each, those that are wrong; of sets of labels,
 * the (sample, label) pairs in one set and not in the other, of samples x labels.
 *
 * Rejects what `accuracy` does. `labels` are those that could have been given, by default those that occur. Cost: one pass.
 * Source: scikit-learn's `hamming_loss`.
 *
 * @example
 * hammingLoss([["red", "blue"], []], [["red"], ["blue"]]); // 0.5
 */
export function hammingLoss<L extends Label>(
  truth: readonly Labelled<L>[],
  predicted: readonly Labelled<L>[],
  options: WeightOptions & { readonly labels?: readonly NoInfer<L>[] } = {},
): number {
  const part = "@mmub/metrics/hamming-loss";
  const { sampleWeight, labels: given } = options;
  if (!isSets(truth)) return 1 - accuracy(truth, predicted, sampleWeight ? { sampleWeight } : {});
  const guesses = checkSets(part, truth, predicted, sampleWeight);
  const labels = new Set(classesOf(part, truth.flat(), guesses.flat(), given));
  if (labels.size === 0) return 0;
  let wrong = 0;
  let total = 0;
  for (let i = 0; i < truth.length; i++) {
    const weight = sampleWeight ? sampleWeight[i]! : 1;
    const [own, other] = [new Set(truth[i]), new Set(guesses[i])];
    for (const label of labels) if (own.has(label) !== other.has(label)) wrong += weight;
    total += weight;
  }
  return wrong / (total * labels.size);
}

export interface ConfusionOptions<L extends Label> extends WeightOptions {
  /** The classes, in the order of rows and columns; samples with another label, true or predicted, are left out. @default every label that occurs, ascending */
  readonly labels?: readonly L[];
  /** Shares instead of counts: of each true class (rows sum to 1), of each predicted class (columns do), or of all. @default none */
  readonly normalize?: "true" | "predicted" | "all";
}

export interface Confusion<L extends Label = Label> {
  readonly labels: readonly L[];
  /** `counts[i][j]`: samples of class `labels[i]` predicted as `labels[j]`; shares with `normalize`. */
  readonly counts: readonly (readonly number[])[];
}

/**
 * How often each class is predicted as each: a row for every true class, a column for every predicted one.
 *
 * Rejects what `accuracy` does, and `labels` of which none is ever true. Cost: one pass.
 * Source: scikit-learn's `confusion_matrix`. With `normalize`, a class that never occurs is a row or column of zeros.
 *
 * @example
 * confusionMatrix(["a", "b", "b"], ["a", "a", "b"]).counts; // [[1, 0], [1, 1]]
 */
export function confusionMatrix<L extends Label>(
  truth: readonly L[],
  predicted: readonly L[],
  options: ConfusionOptions<NoInfer<L>> = {},
): Confusion<L> {
  const part = "@mmub/metrics/confusion-matrix";
  const { normalize, sampleWeight } = options;
  checkParam(
    part,
    "normalize",
    normalize,
    normalize === undefined || ["true", "predicted", "all"].includes(normalize),
    'one of "true", "predicted", "all"',
  );
  checkPair(part, truth, predicted, sampleWeight);
  const labels = classesOf(part, truth, predicted, options.labels);
  const place = new Map(labels.map((label, index) => [label, index]));
  if (options.labels && !truth.some((label) => place.has(label)))
    throw new MmubError("invalid-input", { part, message: `none of the labels ${labelList(labels)} is ever true` });

  const counts = labels.map(() => new Array<number>(labels.length).fill(0));
  for (let i = 0; i < truth.length; i++) {
    const row = place.get(truth[i]!);
    const column = place.get(predicted[i]!);
    if (row !== undefined && column !== undefined) counts[row]![column]! += sampleWeight ? sampleWeight[i]! : 1;
  }
  if (!normalize) return { labels, counts };
  const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
  const rows = counts.map(sum);
  const columns = labels.map((_, column) => sum(counts.map((row) => row[column]!)));
  const all = sum(rows);
  const share = (count: number, row: number, column: number) => {
    const of = normalize === "true" ? rows[row]! : normalize === "predicted" ? columns[column]! : all;
    return of === 0 ? 0 : count / of;
  };
  return { labels, counts: counts.map((row, i) => row.map((count, j) => share(count, i, j))) };
}

export interface ClassificationReportOptions<L extends Label> extends ClassScoreOptions<L> {}

export interface ClassRow<L extends Label = Label> {
  readonly label: L;
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  /** How many samples, or what weight, is of this class. */
  readonly support: number;
}

export type AverageRow = Omit<ClassRow, "label">;

export interface ClassificationReport<L extends Label = Label> {
  readonly classes: readonly ClassRow<L>[];
  /** Of all samples, whatever `labels` says. */
  readonly accuracy: number;
  readonly micro: AverageRow;
  readonly macro: AverageRow;
  readonly weighted: AverageRow;
}

/**
 * Precision, recall, F1 and support of every class with their averages, as plain data.
 *
 * Rejects what `accuracy` does. Cost: one pass.
 * Source: scikit-learn's `classification_report`; it shows `accuracy` in the place of `micro` where they are equal.
 *
 * @example
 * const { classes, macro } = classificationReport(["buy", "leave", "buy"], ["buy", "buy", "buy"]);
 * console.log(classes[0], macro.f1); // { label: "buy", precision: 0.666…, recall: 1, f1: 0.8, support: 2 } 0.4
 */
export function classificationReport<L extends Label>(
  truth: readonly L[],
  predicted: readonly L[],
  options: ClassificationReportOptions<NoInfer<L>> = {},
): ClassificationReport<L> {
  const part = "@mmub/metrics/classification-report";
  const { zeroDivision = 0, sampleWeight } = options;
  checkZeroDivision(part, zeroDivision);
  checkPair(part, truth, predicted, sampleWeight);
  const labels = classesOf(part, truth, predicted, options.labels);
  const counts = count(truth, predicted, labels, sampleWeight);
  const support = counts.truth.reduce((a, b) => a + b, 0);
  const scores = (of: Counts) => [
    scoresFrom(of, "precision", 1, zeroDivision),
    scoresFrom(of, "recall", 1, zeroDivision),
    scoresFrom(of, "f", 1, zeroDivision),
  ];
  const perClass = scores(counts);
  const row = ([precision, recall, f1]: readonly number[], support: number): AverageRow => ({
    precision: precision!,
    recall: recall!,
    f1: f1!,
    support,
  });
  return {
    classes: labels.map((label, i) => ({
      label,
      ...row(
        perClass.map((values) => values[i]!),
        counts.truth[i]!,
      ),
    })),
    accuracy: accuracy(truth, predicted, sampleWeight ? { sampleWeight } : {}),
    micro: row(
      scores(pooled(counts)).map((values) => values[0]!),
      support,
    ),
    macro: row(
      perClass.map((values) => mean(values)),
      support,
    ),
    weighted: row(
      perClass.map((values) => mean(values, counts.truth)),
      support,
    ),
  };
}

type Kind = "precision" | "recall" | "f" | "jaccard";

/** Weight of the right, of the predicted and of the true samples of each class. */
interface Counts {
  readonly right: Float64Array;
  readonly predicted: Float64Array;
  readonly truth: Float64Array;
}

function scoreOf<L extends Label>(
  part: string,
  kind: Kind,
  beta: number,
  truth: readonly Labelled<L>[],
  predicted: readonly Labelled<L>[],
  options: AverageOptions<L> | PerClassOptions<L>,
): number | ClassScore<L>[] {
  const { average = "binary", zeroDivision = 0, sampleWeight } = options;
  checkParam(
    part,
    "average",
    options.average,
    average === null || ["binary", "micro", "macro", "weighted", "samples"].includes(average),
    'one of "binary", "micro", "macro", "weighted", "samples", null',
  );
  checkZeroDivision(part, zeroDivision);
  if (isSets(truth)) return scoreOfSets(part, kind, beta, truth, predicted, options);
  checkParam(part, "average", average, average !== "samples", "another with one label a sample");
  const [own, guesses] = [truth as readonly L[], predicted as readonly L[]];
  checkPair(part, own, guesses, sampleWeight);
  const labels =
    average === "binary"
      ? [binaryLabel(part, own, guesses, options as AverageOptions<L>)]
      : classesOf(part, own, guesses, options.labels);
  const counts = count(own, guesses, labels, sampleWeight);
  return averaged(labels, counts, kind, beta, average as "micro", zeroDivision);
}

function averaged<L extends Label>(
  labels: readonly L[],
  counts: Counts,
  kind: Kind,
  beta: number,
  average: "binary" | "micro" | "macro" | "weighted" | null,
  zeroDivision: number,
): number | ClassScore<L>[] {
  if (average === "micro") return scoresFrom(pooled(counts), kind, beta, zeroDivision)[0]!;
  const scores = scoresFrom(counts, kind, beta, zeroDivision);
  if (average === "binary") return scores[0]!;
  if (average === null) return labels.map((label, i) => ({ label, value: scores[i]! }));
  return average === "macro" ? mean(scores) : mean(scores, counts.truth);
}

function scoreOfSets<L extends Label>(
  part: string,
  kind: Kind,
  beta: number,
  truth: readonly (readonly L[])[],
  predicted: readonly Labelled<L>[],
  { average = "binary", zeroDivision = 0, sampleWeight, labels: given }: AverageOptions<L> | PerClassOptions<L>,
): number | ClassScore<L>[] {
  checkParam(
    part,
    "average",
    average,
    average !== "binary",
    'one of "micro", "macro", "weighted", "samples", null with sets of labels',
  );
  const guesses = checkSets(part, truth, predicted, sampleWeight);
  const labels = classesOf(part, truth.flat(), guesses.flat(), given);
  const place = new Map(labels.map((label, index) => [label, index]));
  const perSample = average === "samples";
  const size = perSample ? truth.length : labels.length;
  const counts = { right: new Float64Array(size), predicted: new Float64Array(size), truth: new Float64Array(size) };
  for (let i = 0; i < truth.length; i++) {
    const weight = sampleWeight && !perSample ? sampleWeight[i]! : 1;
    const own = new Set(truth[i]);
    for (const label of own) {
      const at = place.get(label);
      if (at !== undefined) counts.truth[perSample ? i : at]! += weight;
    }
    for (const label of new Set(guesses[i])) {
      const at = place.get(label);
      if (at === undefined) continue;
      counts.predicted[perSample ? i : at]! += weight;
      if (own.has(label)) counts.right[perSample ? i : at]! += weight;
    }
  }
  if (average === "samples")
    return mean(scoresFrom(counts, kind, beta, zeroDivision), sampleWeight && Float64Array.from(sampleWeight));
  return averaged(labels, counts, kind, beta, average as "micro", zeroDivision);
}

function isSets<L extends Label>(truth: readonly Labelled<L>[]): truth is readonly (readonly L[])[] {
  return Array.isArray(truth) && Array.isArray(truth[0]);
}

/** Checks pairs of sets of labels; the predicted ones. */
function checkSets<L extends Label>(
  part: string,
  truth: readonly (readonly L[])[],
  predicted: readonly Labelled<L>[],
  weights: ArrayLike<number> | undefined,
): readonly (readonly L[])[] {
  checkLength(part, "truth", truth);
  checkLength(part, "predicted", predicted, truth.length);
  const like =
    truth.find((set) => set?.length > 0)?.[0] ?? (predicted as readonly L[][]).find((set) => set?.length > 0)?.[0];
  for (const [what, sets] of [
    ["truth", truth],
    ["predicted", predicted],
  ] as const)
    for (let i = 0; i < sets.length; i++) {
      if (!Array.isArray(sets[i])) rejectAt(part, what, i, sets[i], "an array of labels as the first of truth");
      checkLabels(part, `${what} ${i}, label`, sets[i] as readonly L[], like ?? "");
    }
  checkWeights(part, weights, truth.length);
  return predicted as readonly (readonly L[])[];
}

function sameSet<L extends Label>(a: readonly L[], b: readonly L[]): boolean {
  const own = new Set(a);
  const other = new Set(b);
  return own.size === other.size && [...own].every((label) => other.has(label));
}

function binaryLabel<L extends Label>(
  part: string,
  truth: readonly L[],
  predicted: readonly L[],
  { positive, labels }: AverageOptions<L>,
): L {
  checkParam(
    part,
    "labels",
    labels,
    labels === undefined,
    'none with the average "binary"; name the class as positive',
  );
  const occurring = sortedLabels(truth, predicted);
  if (occurring.length > 2)
    throw new MmubError("invalid-input", {
      part,
      message: `${occurring.length} classes (${labelList(occurring)}) with the average "binary", want 2; set average to "macro", "micro", "weighted" or null`,
    });
  return positiveLabel(part, occurring, positive);
}

/** The class that a binary score is about: the one given, else 1 or true. */
export function positiveLabel<L extends Label>(part: string, occurring: readonly L[], positive: L | undefined): L {
  const first = occurring[0];
  const chosen = positive ?? ((typeof first === "number" ? 1 : typeof first === "boolean" ? true : undefined) as L);
  if (chosen === undefined)
    throw new MmubError("invalid-params", {
      part,
      message: `positive is undefined, want one of ${labelList(occurring)}: the class that the score is about`,
    });
  if (typeof chosen !== typeof first || (occurring.length > 1 && !occurring.includes(chosen)))
    throw new MmubError("invalid-params", {
      part,
      message: `positive is ${labelList([chosen])}, want one of ${labelList(occurring)}: the class that the score is about`,
      positive: chosen,
    });
  return chosen;
}

function count<L extends Label>(
  truth: readonly L[],
  predicted: readonly L[],
  labels: readonly L[],
  weights: ArrayLike<number> | undefined,
): Counts {
  const place = new Map(labels.map((label, index) => [label, index]));
  const counts = {
    right: new Float64Array(labels.length),
    predicted: new Float64Array(labels.length),
    truth: new Float64Array(labels.length),
  };
  for (let i = 0; i < truth.length; i++) {
    const weight = weights ? weights[i]! : 1;
    const label = place.get(truth[i]!);
    const guess = place.get(predicted[i]!);
    if (label !== undefined) counts.truth[label]! += weight;
    if (guess !== undefined) counts.predicted[guess]! += weight;
    if (label !== undefined && label === guess) counts.right[label]! += weight;
  }
  return counts;
}

function pooled({ right, predicted, truth }: Counts): Counts {
  const sum = (values: Float64Array) => Float64Array.of(values.reduce((a, b) => a + b, 0));
  return { right: sum(right), predicted: sum(predicted), truth: sum(truth) };
}

function scoresFrom({ right, predicted, truth }: Counts, kind: Kind, beta: number, zeroDivision: number): Float64Array {
  if (kind === "jaccard")
    return right.map((hits, i) => {
      const union = truth[i]! + predicted[i]! - hits;
      return union === 0 ? zeroDivision : hits / union;
    });
  const part = kind !== "f" ? kind : beta === 0 ? "precision" : beta === Number.POSITIVE_INFINITY ? "recall" : "f";
  const square = beta * beta;
  return right.map((hits, i) => {
    const numerator = part === "f" ? (1 + square) * hits : hits;
    const denominator =
      part === "precision" ? predicted[i]! : part === "recall" ? truth[i]! : square * truth[i]! + predicted[i]!;
    return denominator === 0 ? zeroDivision : numerator / denominator;
  });
}

// NaN entries are left out; weights that are all 0 count as equal.
function mean(values: Float64Array, weights?: Float64Array): number {
  let sum = 0;
  let total = 0;
  for (let i = 0; i < values.length; i++) {
    if (Number.isNaN(values[i]!)) continue;
    const weight = weights ? weights[i]! : 1;
    sum += weight * values[i]!;
    total += weight;
  }
  if (total === 0 && weights) return mean(values);
  return sum / total;
}

export function checkPair(
  part: string,
  truth: readonly Label[],
  predicted: readonly Label[],
  weights: ArrayLike<number> | undefined,
): void {
  checkLength(part, "truth", truth);
  checkLength(part, "predicted", predicted, truth.length);
  checkLabels(part, "truth", truth);
  checkLabels(part, "predicted", predicted, truth[0]);
  checkWeights(part, weights, truth.length);
}

function checkZeroDivision(part: string, value: number): void {
  checkParam(part, "zeroDivision", value, value === 0 || value === 1 || Number.isNaN(value), "0, 1 or NaN");
}

export function classesOf<L extends Label>(
  part: string,
  truth: readonly L[],
  predicted: readonly L[],
  labels: readonly L[] | undefined,
): readonly L[] {
  if (labels === undefined) return sortedLabels(truth, predicted);
  checkLength(part, "labels", labels);
  checkLabels(part, "labels", labels, truth[0]);
  labels.forEach((label, i) => {
    if (labels.indexOf(label) !== i)
      rejectAt(part, "labels", i, label, `each label once; it is entry ${labels.indexOf(label)} too`);
  });
  return [...labels];
}
