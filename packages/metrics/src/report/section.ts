import { type Classification, checkParam, type Label, type Regression } from "@mmub/core";
import { bootstrapIntervals, type Interval } from "../bootstrap.js";
import { calibrationCurve } from "../calibration.js";
import { checkFinite, checkLabels, checkLength, rejectAt, sortedLabels } from "../checks.js";
import { accuracy, type ClassificationReport, classificationReport, confusionMatrix, f1 } from "../classification.js";
import type { Ablation, Contribution } from "../explain.js";
import type { Occlusion, RegionPiece, SpanPiece, WordPiece } from "../feature-effects.js";
import { grouped, type Language, type Say, sayIn } from "../language.js";
import { confusionHeatmap } from "../plots/confusion-heatmap.js";
import { calibrationPlot, precisionRecallPlot } from "../plots/curve-plots.js";
import { labelCounts } from "../plots/label-counts.js";
import { predictedVsTrue, residualPlot } from "../plots/regression-plots.js";
import { rocPlot } from "../plots/roc-plot.js";
import type { Plot } from "../plots/spec.js";
import { trainingCurve } from "../plots/training-curve.js";
import { averagePrecision, precisionRecallCurve } from "../precision-recall.js";
import { checkPrediction, takePrediction } from "../prediction.js";
import { meanAbsoluteError, r2, rootMeanSquaredError } from "../regression.js";
import { rocAuc, rocCurve } from "../roc.js";
import { type Slice, type SliceOptions, worstSlices } from "../slices.js";
import { take } from "../split.js";
import { number, range, score, share } from "./format.js";
import { type SampleCard, sampleCard } from "./sample-card.js";

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

/** What led to the prediction of one sample. */
export interface Explanation extends Omit<Contribution, "leaveOneOut">, Partial<Pick<Contribution, "leaveOneOut">> {
  /** What each column added, such as a row of `treeShap` or `linearContributions` by name; the largest are shown. */
  readonly columns?: Readonly<Record<string, number>>;
  /** What each word of the card's text tells, of `occlusion(wordsOf(text), …)`; they are marked in it. */
  readonly words?: readonly Occlusion<WordPiece>[];
  /** What each region of the card's picture tells, of `occlusion(regionsOf(), …)`; they are coloured in it. */
  readonly regions?: readonly Occlusion<RegionPiece>[];
  /** What each stretch of the card's recording tells, of `occlusion(spansOf(recording), …)`; they are drawn under it. */
  readonly spans?: readonly Occlusion<SpanPiece>[];
}

/** The groups of samples that it does worst on. */
export interface WorstSlices {
  readonly slices: readonly Slice[];
  /** Losses are shares of wrong answers; else errors in the unit of the target. */
  readonly isShare: boolean;
  /** Samples of the first group. */
  readonly examples: readonly SampleCard[];
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
  readonly worst?: WorstSlices;
  readonly mistakes: readonly SampleCard[];
  readonly explanations: readonly (SampleCard & { readonly explanation: Explanation })[];
  /** For `compareReports`. */
  readonly outcome?:
    | { readonly truth: readonly Label[]; readonly labels: readonly Label[] }
    | { readonly truth: ArrayLike<number>; readonly values: ArrayLike<number> };
  /** The unit of the predicted values, for explanations of a regression. */
  readonly unit?: string;
}

interface SectionOptions {
  readonly title: string;
  /** Scores with less than all modalities, of `ablation` or made by hand. */
  readonly ablation?: Ablation;
  /** The samples, for the groups that it does worst on, and for what the reader sees where nothing describes it. */
  readonly samples?: readonly object[];
  /** What the reader sees of the sample at a row, by hand or with `sampleCard`. @default `sampleCard` of the samples; without those no mistakes and explanations are shown */
  readonly describe?: (row: number) => SampleCard | Promise<SampleCard>;
  /** Which groups of the samples are looked at. */
  readonly slices?: Omit<SliceOptions, "language">;
  /** How many mistakes are shown, the worst first. @default 6 */
  readonly mistakes?: number;
  /** What each modality added for some samples, of `modalityContributions`; columns and words may be with it. */
  readonly contributions?: readonly Explanation[];
  /** Measures of the training, one entry a step. */
  readonly history?: readonly Readonly<Record<string, number>>[];
  /** Of the resamples. @default 0 */
  readonly seed?: number;
  /** @default 1000 */
  readonly resamples?: number;
  /** Who each sample is of, such as a user id, where users have several: they are resampled whole. @default every sample by itself */
  readonly groups?: ArrayLike<unknown>;
  /** @default "en" */
  readonly language?: Language;
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
 * intervals, set against always giving the most frequent label; each class; plots; the groups of samples that it does worst on and the
 * most confident mistakes; explanations. Of two classes also the average precision, and whether probabilities are kept.
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
  const { title, truth, prediction, history = [], language = "en" } = options;
  const say = sayIn(part, language);
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
  const isBinary = classes.length === 2;

  const intervals = bootstrapIntervals(
    truth.length,
    (rows) => {
      const [picked, guessed] = [take(truth, rows), take(labels, rows)];
      const [right, base] = [accuracy(picked, guessed), accuracy(picked, take(constant, rows))];
      const macro = f1(picked, guessed, { average: "macro" });
      if (!hasCurves) return [right, base, right - base, macro];
      const part = takePrediction(prediction, rows) as Classification<L>;
      const areas = [rocAuc(picked, part), ...(isBinary ? [averagePrecision(picked, part, { positive })] : [])];
      return [right, base, right - base, macro, ...areas];
    },
    bootstrap(options),
  );
  const [right, base, gain, macro, area, average] = intervals as [
    Interval,
    Interval,
    Interval,
    Interval,
    Interval?,
    Interval?,
  ];

  const chance = (row: number): number => probabilities.data[row * classes.length + classes.indexOf(labels[row]!)]!;
  const wrong = labels
    .map((_, row) => row)
    .filter((row) => labels[row] !== truth[row])
    .sort((a, b) => chance(b) - chance(a));
  const facts = (row: number): SampleCard["facts"] => [
    [say("True"), String(truth[row])],
    [say("Predicted"), say("{0} ({1})", String(labels[row]), share(chance(row)))],
  ];

  const always = say("always saying “{0}”", String(answer));
  const curves = isBinary ? [positive] : classes.slice(0, 6);
  const against = (of: L) => say("{0} against the rest", String(of));
  const losses = labels.map((label, row) => Number(label !== truth[row]));
  return {
    title,
    summary: say(
      "Right for {0} of {1} samples (95% interval {2}): {3} {4} ({5}).",
      share(right.value),
      grouped(truth.length),
      range(say, right.low, right.high, { isShare: true }),
      verdict(say, gain),
      always,
      share(base.value),
    ),
    scores: [
      { name: say("Accuracy"), score: right, baseline: base, gain, isShare: true },
      { name: say("Macro F1"), score: macro, isShare: false },
      ...(area ? [{ name: say(isBinary ? "ROC AUC" : "ROC AUC, mean of classes"), score: area, isShare: false }] : []),
      ...(average ? [{ name: say("Average precision"), score: average, isShare: false }] : []),
    ],
    baseline: always,
    samples: truth.length,
    ...(options.ablation && { ablation: options.ablation }),
    classes: classificationReport(truth, labels, { labels: sortedLabels(truth, labels) }),
    plots: [
      confusionHeatmap(confusionMatrix(truth, labels), { language }),
      labelCounts(truth, labels, { language }),
      ...(hasCurves
        ? [
            rocPlot(
              curves.map((of) => ({
                name: against(of),
                curve: rocCurve(truth, prediction, { positive: of }),
              })),
              { language },
            ),
          ]
        : []),
      ...(hasCurves && isBinary
        ? [
            precisionRecallPlot(
              [{ name: against(positive), curve: precisionRecallCurve(truth, prediction, { positive }) }],
              { language },
            ),
            calibrationPlot(
              [
                {
                  name: against(positive),
                  curve: calibrationCurve(truth, prediction, { positive, strategy: "quantile" }),
                },
              ],
              { language },
            ),
          ]
        : []),
      ...(history.length > 1 ? [trainingCurve(history, { language })] : []),
    ],
    outcome: { truth, labels },
    ...(await cardsOf(options, say, wrong, facts, losses, true)),
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
  const { title, truth, prediction, unit, history = [], language = "en" } = options;
  const say = sayIn(part, language);
  checkLength(part, "truth", truth);
  checkFinite(part, "truth", truth);
  checkPrediction(part, prediction, truth.length);
  const { values } = prediction;
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
    [say("True"), score(truth[row]!, written)],
    [say("Predicted"), score(values[row]!, written)],
    [say("Error"), score(off(row), written)],
  ];
  // An error is better when it is smaller.
  const less = intervals[8]!;
  const always =
    options.baseline === undefined ? say("always saying the mean") : say("always saying “{0}”", number(answer));
  const turned = { ...less, low: -less.high, high: -less.low };
  return {
    title,
    summary: say(
      "Explains {0} of the variance of {1} samples (95% interval {2}). It is off by {3} on average: {4} {5} ({6}).",
      share(explained.value),
      grouped(truth.length),
      range(say, explained.low, explained.high, { isShare: true }),
      score(error.value, written),
      verdict(say, turned),
      always,
      score(intervals[7]!.value, written),
    ),
    scores: ["R²", say("Root mean squared error"), say("Mean absolute error")].map((name, i) => ({
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
      predictedVsTrue(truth, values, { ...written, language, seed: options.seed ?? 0 }),
      residualPlot(truth, values, { ...written, language, seed: options.seed ?? 0 }),
      ...(history.length > 1 ? [trainingCurve(history, { language })] : []),
    ],
    outcome: { truth, values },
    ...(await cardsOf(
      options,
      say,
      worst,
      facts,
      Array.from(values, (_, row) => off(row)),
      false,
    )),
    ...written,
  };
}

function bootstrap({ seed = 0, resamples = 1000, groups }: SectionOptions) {
  return { seed, resamples, ...(groups && { groups }) };
}

function verdict(say: Say, { low, high }: Interval): string {
  return say(low > 0 ? "better than" : high < 0 ? "worse than" : "not shown to be better than");
}

async function cardsOf(
  { samples, describe, slices, mistakes = 6, contributions = [], language = "en" }: SectionOptions,
  say: Say,
  worst: readonly number[],
  factsOf: (row: number) => SampleCard["facts"],
  losses: readonly number[],
  isShare: boolean,
): Promise<Pick<ReportSection, "worst" | "mistakes" | "explanations">> {
  const part = "@mmub/metrics/report-section";
  checkParam(part, "mistakes", mistakes, Number.isInteger(mistakes) && mistakes >= 0, "an integer of at least 0");
  if (samples) checkLength(part, "samples", samples, losses.length);
  for (const [at, each] of contributions.entries()) {
    if (typeof each?.shapley !== "object") rejectAt(part, "contribution", at, each, "one of modalityContributions");
    if (!(Number.isInteger(each.row) && each.row >= 0 && each.row < losses.length))
      rejectAt(part, "row of contribution", at, each.row, `one of the ${losses.length} samples, from 0`);
  }
  const shownAs =
    describe ?? (samples && ((row: number) => sampleCard(samples[row]!, { title: say("Sample {0}", row), language })));
  const card = async (row: number): Promise<SampleCard> => {
    const described: SampleCard = await shownAs!(row);
    if (typeof described !== "object" || described === null)
      rejectAt(part, "the description of row", row, described, "an object with a title");
    return { ...described, facts: [...(factsOf(row) ?? []), ...(described.facts ?? [])] };
  };
  const found = samples ? worstSlices(samples, losses, { ...slices, language }) : [];
  const first = new Set(found[0]?.rows);
  // Not those that are shown as the worst mistakes anyway.
  const others = worst.slice(mistakes).filter((row) => first.has(row) && losses[row]! > 0);
  const examples: SampleCard[] = [];
  const shown: SampleCard[] = [];
  const explained: (SampleCard & { explanation: Explanation })[] = [];
  if (shownAs) {
    for (const row of others.slice(0, 3)) examples.push(await card(row));
    for (const row of worst.slice(0, mistakes)) shown.push(await card(row));
    for (const explanation of contributions) explained.push({ ...(await card(explanation.row)), explanation });
  }
  return {
    ...(found.length > 0 && { worst: { slices: found, isShare, examples } }),
    mistakes: shown,
    explanations: explained,
  };
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
