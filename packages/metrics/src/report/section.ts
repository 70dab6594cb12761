import { type Classification, checkParam, type Label, type Regression } from "@mmub/core";
import { bootstrapIntervals, type Interval } from "../bootstrap.js";
import { checkFinite, checkLabels, checkLength, rejectAt, sortedLabels } from "../checks.js";
import { accuracy, type ClassificationReport, classificationReport, confusionMatrix, f1 } from "../classification.js";
import type { Ablation, Contribution } from "../explain.js";
import { confusionHeatmap } from "../plots/confusion-heatmap.js";
import { labelCounts } from "../plots/label-counts.js";
import { predictedVsTrue } from "../plots/predicted-vs-true.js";
import { rocPlot } from "../plots/roc-plot.js";
import type { Plot } from "../plots/spec.js";
import { trainingCurve } from "../plots/training-curve.js";
import { checkPrediction, takePrediction } from "../prediction.js";
import { meanAbsoluteError, r2, rootMeanSquaredError } from "../regression.js";
import { rocAuc, rocCurve } from "../roc.js";
import { take } from "../split.js";
import { number, range, score, share } from "./format.js";
import type { SampleCard } from "./sample-card.js";
import { words } from "./words.js";

export interface ScoreRow {
  readonly name: string;
  readonly score: Interval;
  /** The same score of the baseline; absent where it has none. */
  readonly baseline?: Interval;
  /** The score less the baseline's, on the same resamples. */
  readonly gain?: Interval;
  /** Shown as 76.4% rather than 0.764. */
  readonly isShare: boolean;
  readonly unit?: string;
}

/** One question of a report, with what was found. Every list may be empty: its heading is then left out. */
export interface ReportSection {
  readonly title: string;
  /** The answer in a sentence or two. */
  readonly summary: string;
  /** The first is the headline. */
  readonly scores: readonly ScoreRow[];
  /** What the scores are set against, such as `always “stays”`. */
  readonly baseline?: string;
  readonly samples?: number;
  readonly ablation?: Ablation;
  readonly classes?: ClassificationReport;
  readonly plots: readonly Plot[];
  readonly mistakes: readonly SampleCard[];
  readonly explanations: readonly (SampleCard & { readonly contribution: Contribution })[];
  /** The unit of the predicted values, for explanations of a regression. */
  readonly unit?: string;
}

interface SectionOptions {
  readonly title: string;
  /** Scores with less than all modalities, of `ablation` or made by hand. */
  readonly ablation?: Ablation;
  /** What the reader sees of the sample at a row, by hand or with `sampleCard`; without it no mistakes and explanations are shown. */
  readonly describe?: (row: number) => SampleCard | Promise<SampleCard>;
  /** How many mistakes are shown, the worst first. @default 6 */
  readonly mistakes?: number;
  /** What each modality added for some samples, of `modalityContributions`. */
  readonly contributions?: readonly Contribution[];
  /** Measures of the training, one entry a step. */
  readonly history?: readonly Readonly<Record<string, number>>[];
  /** Of the resamples. @default 0 */
  readonly seed?: number;
  /** @default 1000 */
  readonly resamples?: number;
  /** Who each sample is of, such as a user id, where users have several: they are resampled whole. @default every sample by itself */
  readonly groups?: ArrayLike<unknown>;
}

export interface ClassificationSectionOptions<L extends Label> extends SectionOptions {
  readonly truth: readonly L[];
  readonly prediction: Classification<L>;
  /** What the baseline always answers. @default the most frequent label of the truth */
  readonly baseline?: L;
  /** Of two classes the one that the ROC curve is about. @default the second of the prediction's classes */
  readonly positive?: L;
}

/**
 * A section of a report from the truth and the predictions of a classifier: accuracy, macro F1 and ROC AUC with 95 %
 * intervals, set against always giving the most frequent label; each class; plots; the most confident mistakes; explanations.
 *
 * The summary says "better" only where the interval of the difference is above 0. The area under the ROC curve, one class
 * against the rest and their mean beyond two, is left out where a class has fewer than 5 true samples.
 * Rejects arrays of different lengths and empty ones (`invalid-input`). Cost: `resamples` times the scores.
 *
 * @example
 * const prediction = {
 *   labels: ["buy", "leave", "buy"],
 *   classes: ["buy", "leave"],
 *   probabilities: dense(3, 2, Float32Array.of(0.9, 0.1, 0.2, 0.8, 0.6, 0.4)),
 * };
 * const section = await classificationSection({ title: "Will they buy?", truth: ["buy", "leave", "leave"], prediction });
 * console.log(section.summary);
 */
export async function classificationSection<L extends Label>(
  options: ClassificationSectionOptions<L>,
): Promise<ReportSection> {
  const part = "@mmub/metrics/classification-section";
  const { title, truth, prediction, history = [] } = options;
  checkLength(part, "truth", truth);
  checkLabels(part, "truth", truth);
  checkPrediction(part, prediction, truth.length);
  const { labels, classes, probabilities } = prediction;
  const positive = options.positive ?? classes[1] ?? classes[0]!;
  for (const [row, label] of labels.entries())
    if (!classes.includes(label)) rejectAt(part, "predicted label", row, label, "one of the prediction's classes");
  checkParam(part, "positive", positive, classes.includes(positive), "one of the prediction's classes");
  const answer = options.baseline ?? mostFrequent(truth);
  const constant = truth.map(() => answer);
  const support = classes.map((of) => truth.filter((label) => label === of).length);
  const known = truth.every((label) => classes.includes(label));
  const hasCurves = known && support.every((samples) => samples >= 5);

  const intervals = bootstrapIntervals(
    truth.length,
    (rows) => {
      const [picked, guessed] = [take(truth, rows), take(labels, rows)];
      const [right, base] = [accuracy(picked, guessed), accuracy(picked, take(constant, rows))];
      const macro = f1(picked, guessed, { average: "macro" });
      const area = hasCurves ? [rocAuc(picked, takePrediction(prediction, rows) as Classification<L>)] : [];
      return [right, base, right - base, macro, ...area];
    },
    bootstrap(options),
  );
  const [right, base, gain, macro, area] = intervals as [Interval, Interval, Interval, Interval, Interval?];

  const chance = (row: number): number => probabilities.data[row * classes.length + classes.indexOf(labels[row]!)]!;
  const wrong = labels
    .map((_, row) => row)
    .filter((row) => labels[row] !== truth[row])
    .sort((a, b) => chance(b) - chance(a));
  const facts = (row: number): SampleCard["facts"] => [
    [words.truth, String(truth[row])],
    [words.predicted, `${labels[row]} (${share(chance(row))})`],
  ];

  const always = words.always(String(answer));
  const curves = classes.length === 2 ? [positive] : classes.slice(0, 6);
  return {
    title,
    summary: `Right for ${share(right.value)} of ${truth.length} samples (95% interval ${range(right.low, right.high, { isShare: true })}): ${verdict(gain)} ${always} (${share(base.value)}).`,
    scores: [
      { name: "Accuracy", score: right, baseline: base, gain, isShare: true },
      { name: "Macro F1", score: macro, isShare: false },
      ...(area
        ? [{ name: classes.length === 2 ? "ROC AUC" : "ROC AUC, mean of classes", score: area, isShare: false }]
        : []),
    ],
    baseline: always,
    samples: truth.length,
    ...(options.ablation && { ablation: options.ablation }),
    classes: classificationReport(truth, labels, { labels: sortedLabels(truth, labels) }),
    plots: [
      confusionHeatmap(confusionMatrix(truth, labels)),
      labelCounts(truth, labels),
      ...(hasCurves
        ? [
            rocPlot(
              curves.map((of) => ({
                name: `${of} against the rest`,
                curve: rocCurve(truth, prediction, { positive: of }),
              })),
            ),
          ]
        : []),
      ...(history.length > 1 ? [trainingCurve(history)] : []),
    ],
    ...(await cardsOf(options, truth.length, wrong, facts)),
  };
}

export interface RegressionSectionOptions extends SectionOptions {
  readonly truth: ArrayLike<number>;
  readonly prediction: Regression;
  /** The unit of the target, such as "€". */
  readonly unit?: string;
  /** What the baseline always answers. @default the mean of the truth */
  readonly baseline?: number;
}

/**
 * A section of a report from the truth and the predictions of a regression: R², root mean squared and mean absolute error
 * with 95 % intervals, set against always giving the mean; predictions against the truth; the largest errors; explanations.
 *
 * Rejects arrays of different lengths, fewer than two samples and values that are not finite (`invalid-input`).
 * Cost: `resamples` times the scores.
 *
 * @example
 * const prediction = { values: Float64Array.of(10, 21, 29, 42) };
 * const section = await regressionSection({ title: "What will they spend?", truth: [12, 20, 30, 40], prediction, unit: "€" });
 * console.log(section.summary);
 */
export async function regressionSection(options: RegressionSectionOptions): Promise<ReportSection> {
  const part = "@mmub/metrics/regression-section";
  const { title, truth, prediction, unit, history = [] } = options;
  checkLength(part, "truth", truth);
  checkFinite(part, "truth", truth);
  checkPrediction(part, prediction, truth.length);
  const { values } = prediction;
  checkFinite(part, "prediction", values);
  const answer = options.baseline ?? mean(truth);
  const known = Float64Array.from(truth);
  const constant = new Float64Array(truth.length).fill(answer);
  const measures = [r2, rootMeanSquaredError, meanAbsoluteError];
  const intervals = bootstrapIntervals(
    truth.length,
    (rows) => {
      const picked = take(known, rows);
      return measures.flatMap((measure) => {
        const [own, base] = [measure(picked, take(values, rows)), measure(picked, take(constant, rows))];
        return [own, base, own - base];
      });
    },
    bootstrap(options),
  );
  const [explained, error] = [intervals[0]!, intervals[6]!];
  const written = unit === undefined ? {} : { unit };
  const worst = Array.from(values, (_, row) => row).sort((a, b) => off(b) - off(a));
  function off(row: number): number {
    return Math.abs(values[row]! - truth[row]!);
  }
  const facts = (row: number): SampleCard["facts"] => [
    [words.truth, score(truth[row]!, written)],
    [words.predicted, score(values[row]!, written)],
    [words.error, score(off(row), written)],
  ];
  // An error is better when it is smaller.
  const less = intervals[8]!;
  const always = options.baseline === undefined ? words.mean : words.always(number(answer));
  const turned = { ...less, low: -less.high, high: -less.low };
  return {
    title,
    summary: `Explains ${share(explained.value)} of the variance of ${truth.length} samples (95% interval ${range(explained.low, explained.high, { isShare: true })}). It is off by ${score(error.value, written)} on average: ${verdict(turned)} ${always} (${score(intervals[7]!.value, written)}).`,
    scores: ["R²", "Root mean squared error", "Mean absolute error"].map((name, i) => ({
      name,
      score: intervals[3 * i]!,
      baseline: intervals[3 * i + 1]!,
      gain: intervals[3 * i + 2]!,
      isShare: false,
      ...(i > 0 && written),
    })),
    baseline: always,
    samples: truth.length,
    ...(options.ablation && { ablation: options.ablation }),
    plots: [
      predictedVsTrue(truth, values, { ...written, seed: options.seed ?? 0 }),
      ...(history.length > 1 ? [trainingCurve(history)] : []),
    ],
    ...(await cardsOf(options, truth.length, worst, facts)),
    ...written,
  };
}

function bootstrap({ seed = 0, resamples = 1000, groups }: SectionOptions) {
  return { seed, resamples, ...(groups && { groups }) };
}

function verdict({ low, high }: Interval): string {
  if (low > 0) return "better than";
  return high < 0 ? "worse than" : "not shown to be better than";
}

async function cardsOf(
  { describe, mistakes = 6, contributions = [] }: SectionOptions,
  samples: number,
  worst: readonly number[],
  factsOf: (row: number) => SampleCard["facts"],
): Promise<Pick<ReportSection, "mistakes" | "explanations">> {
  const part = "@mmub/metrics/report-section";
  checkParam(part, "mistakes", mistakes, Number.isInteger(mistakes) && mistakes >= 0, "an integer of at least 0");
  for (const [at, each] of contributions.entries()) {
    if (typeof each?.shapley !== "object") rejectAt(part, "contribution", at, each, "one of modalityContributions");
    if (!(Number.isInteger(each.row) && each.row >= 0 && each.row < samples))
      rejectAt(part, "row of contribution", at, each.row, `one of the ${samples} samples, from 0`);
  }
  if (!describe) return { mistakes: [], explanations: [] };
  const card = async (row: number): Promise<SampleCard> => {
    const described: SampleCard = await describe(row);
    if (typeof described !== "object" || described === null)
      rejectAt(part, "the description of row", row, described, "an object with a title");
    return { ...described, facts: [...(factsOf(row) ?? []), ...(described.facts ?? [])] };
  };
  const shown: SampleCard[] = [];
  const explained: (SampleCard & { contribution: Contribution })[] = [];
  for (const row of worst.slice(0, mistakes)) shown.push(await card(row));
  for (const contribution of contributions) explained.push({ ...(await card(contribution.row)), contribution });
  return { mistakes: shown, explanations: explained };
}

function mostFrequent<L extends Label>(labels: readonly L[]): L {
  const counts = new Map<L, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  return [...counts].reduce((best, each) => (each[1] > best[1] ? each : best))[0];
}

function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
}
