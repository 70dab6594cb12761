import type { Classification, Label } from "@mmub/core";
import { bootstrapIntervals, type Interval } from "../bootstrap.js";
import { checkLength } from "../checks.js";
import { accuracy, confusionMatrix, f1 } from "../classification.js";
import type { Ablation, Contribution } from "../explain.js";
import { confusionHeatmap } from "../plots/confusion-heatmap.js";
import { labelCounts } from "../plots/label-counts.js";
import { ablationPlot } from "../plots/modality-plots.js";
import { rocPlot } from "../plots/roc-plot.js";
import type { Plot } from "../plots/spec.js";
import { trainingCurve } from "../plots/training-curve.js";
import { takePrediction } from "../prediction.js";
import { rocAuc, rocCurve } from "../roc.js";
import { take } from "../split.js";

const part = "@mmub/metrics/classification-section";

/** What a reader is to see of one sample. All of it is shown as text, never as HTML. */
export interface SampleCard {
  readonly title: string;
  readonly text?: string | null;
  /** The bytes of a JPEG, PNG, WebP or GIF, and what it shows, for those who cannot see it. */
  readonly picture?: { readonly bytes: Uint8Array; readonly alt: string } | null;
  /** The bytes of a WAV. */
  readonly clip?: { readonly bytes: Uint8Array; readonly label: string } | null;
  readonly facts?: readonly (readonly [name: string, value: string])[];
}

export interface ScoreRow {
  readonly name: string;
  readonly score: Interval;
  /** The same score of who always says the most frequent class; absent where it has none. */
  readonly baseline?: Interval;
  /** Shown as 76.4 % rather than 0.764. */
  readonly isShare: boolean;
}

/** One question of a report, with what was found. Every list may be empty: its heading is then left out. */
export interface ReportSection {
  readonly title: string;
  /** The answer in a sentence or two. */
  readonly summary: string;
  readonly scores: readonly ScoreRow[];
  readonly ablation?: Ablation;
  readonly plots: readonly Plot[];
  readonly mistakes: readonly SampleCard[];
  readonly explanations: readonly (SampleCard & { readonly contribution: Contribution })[];
}

export interface ClassificationSectionOptions<L extends Label> {
  readonly title: string;
  readonly truth: readonly L[];
  readonly prediction: Classification<L>;
  /** Scores with less than all modalities, of `ablation` or made by hand. */
  readonly ablation?: Ablation;
  /** What the reader sees of the sample at a row; without it no mistakes and explanations are shown. */
  readonly describe?: (row: number) => SampleCard | Promise<SampleCard>;
  /** How many of the most confident mistakes are shown. @default 6 */
  readonly mistakes?: number;
  /** What each modality added for some samples, of `modalityContributions`. */
  readonly contributions?: readonly Contribution[];
  /** Measures of the training, one entry a step. */
  readonly history?: readonly Readonly<Record<string, number>>[];
  /** Of the resamples. @default 0 */
  readonly seed?: number;
}

/**
 * A section of a report from the truth and the predictions of a classifier: scores beside the most frequent class, both
 * with 95 % intervals; plots; the most confident mistakes; explanations.
 *
 * Rejects arrays of different lengths and empty ones (`invalid-input`). Cost: 1,000 resamples of the scores.
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
  const {
    title,
    truth,
    prediction,
    ablation,
    describe,
    mistakes = 6,
    contributions = [],
    history = [],
    seed = 0,
  } = options;
  checkLength(part, "predictions", prediction.labels, truth.length);
  const { labels, classes, probabilities } = prediction;
  const majority = mostFrequent(truth);
  const constant = truth.map(() => majority);
  const two = classes.length === 2 && classes.every((of) => truth.includes(of));

  const [right, always, gain, macro, area] = bootstrapIntervals(
    truth.length,
    (rows) => {
      const [picked, guessed] = [take(truth, rows), take(labels, rows)];
      const hit = accuracy(picked, guessed);
      const base = accuracy(picked, take(constant, rows));
      return [
        hit,
        base,
        hit - base,
        f1(picked, guessed, { average: "macro", zeroDivision: 0 }),
        ...(two ? [rocAuc(picked, takePrediction(prediction, rows) as Classification<L>)] : []),
      ];
    },
    { seed },
  ) as [Interval, Interval, Interval, Interval, Interval?];

  const wrong = labels
    .map((_, row) => row)
    .filter((row) => labels[row] !== truth[row])
    .sort((a, b) => chance(b) - chance(a));
  function chance(row: number): number {
    return probabilities.data[row * classes.length + classes.indexOf(labels[row]!)]!;
  }
  const card = async (row: number, facts: SampleCard["facts"] = []): Promise<SampleCard> => {
    const described = await describe!(row);
    return { ...described, facts: [...facts, ...(described.facts ?? [])] };
  };
  const shown: SampleCard[] = [];
  const explained: (SampleCard & { contribution: Contribution })[] = [];
  if (describe) {
    for (const row of wrong.slice(0, mistakes))
      shown.push(
        await card(row, [
          ["In truth", String(truth[row])],
          ["Predicted", `${labels[row]} (${share(chance(row))})`],
        ]),
      );
    for (const contribution of contributions)
      explained.push({
        ...(await card(contribution.row, [["In truth", String(truth[contribution.row])]])),
        contribution,
      });
  }

  const versus =
    gain.low > 0
      ? `better than always saying “${majority}” (${share(always.value)}) beyond what chance explains`
      : gain.high < 0
        ? `worse than always saying “${majority}” (${share(always.value)})`
        : `not shown to be better than always saying “${majority}” (${share(always.value)})`;
  return {
    title,
    summary: `Right for ${share(right.value)} of ${truth.length} (95 % interval ${share(right.low)} to ${share(right.high)}): ${versus}.`,
    scores: [
      { name: "Accuracy", score: right, baseline: always, isShare: true },
      { name: "Macro F1", score: macro, isShare: false },
      ...(area ? [{ name: "ROC AUC", score: area, isShare: false }] : []),
    ],
    ...(ablation && { ablation }),
    plots: [
      ...(ablation ? [ablationPlot(ablation, { title: "What each modality tells", format: ".0%" })] : []),
      labelCounts(truth, labels),
      confusionHeatmap(confusionMatrix(truth, labels)),
      ...(two ? [rocPlot([{ name: String(classes[1]), curve: rocCurve(truth, prediction) }])] : []),
      ...(history.length > 1 ? [trainingCurve(history)] : []),
    ],
    mistakes: shown,
    explanations: explained,
  };
}

function mostFrequent<L extends Label>(labels: readonly L[]): L {
  const counts = new Map<L, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  return [...counts].reduce((best, each) => (each[1] > best[1] ? each : best))[0];
}

export function share(value: number): string {
  return `${(100 * value).toFixed(1)} %`;
}
