import type { Classification, Fitted, Label, Regression, RunOptions } from "@mmub/core";
import { checkParam, random } from "@mmub/core";
import { checkLength, checkPredictor } from "../checks.js";
import { ablation, type Contribution, checkSamples, modalityContributions } from "../explain.js";
import { occlusion, withoutWord, wordsOf } from "../feature-effects.js";
import { sayIn } from "../language.js";
import { isClassification, type Predictor } from "../prediction.js";
import type { Fields } from "../values.js";
import { type DataCardOptions, dataCard, type ModelCardOptions, modelCard } from "./cards.js";
import { regionChanges, spanChanges } from "./occluded.js";
import type { ReportContent } from "./report.js";
import { mediaFields, type SampleCardOptions, sampleCard } from "./sample-card.js";
import {
  type ClassificationSectionOptions,
  classificationSection,
  type Explanation,
  type RegressionSectionOptions,
  regressionSection,
} from "./section.js";

type Shared = "title" | "describe" | "slices" | "mistakes" | "history" | "seed" | "resamples" | "groups" | "language";

export interface ReportOfOptions<Sample extends object>
  extends Pick<ClassificationSectionOptions<Label>, Shared>,
    Pick<RegressionSectionOptions, "unit">,
    Pick<ReportContent, "summary" | "date" | "notes">,
    Pick<RunOptions, "signal" | "batchSize"> {
  /** The title of the section. @default "Results" */
  readonly question?: string;
  /** The fields that can be left out, to tell what each adds. @default all fields of the first sample */
  readonly modalities?: readonly (keyof Sample & string)[];
  /** How many samples are explained, drawn by the seed. @default 3 */
  readonly explain?: number;
  /** Whether words, regions of pictures and stretches of recordings of those samples are left out in turn, to mark those that tell most. @default true */
  readonly pieces?: boolean;
  /** Which fields a card shows as text, picture and recording, and what it is called. @default found by what they hold, called by their place */
  readonly card?: Omit<SampleCardOptions<Sample>, "title" | "language"> & { readonly title?: (row: number) => string };
  /** What the data card says beside what is found. */
  readonly data?: Omit<DataCardOptions, "truth" | "language">;
  /** What the model card says beside what the fitted part saves. */
  readonly model?: Omit<ModelCardOptions, "language">;
}

/**
 * The content of a whole report from a fitted pipeline and samples that it never saw: scores with intervals, what each modality tells, plots, the
 * groups and samples that it does worst on, why for some samples, the data and the model. A value to change before `htmlReport` or `writeReport`.
 *
 * Takes anything that predicts classes or numbers from samples. Single samples are explained by up to 10 modalities, and by the words of the text, the regions of the
 * picture (a file with sharp installed) and the stretches of the recording (samples or a WAV of 16 bits) that their card shows; a file
 * that is given by its path is handed to the pipeline as bytes then. Rejects what `classificationSection` or `regressionSection` does. Cost: 2 m + 3 predictions of all samples for m modalities, 2^m and
 * one a piece for each sample explained, and the resamples' scores.
 *
 * @example
 * const fitted = {
 *   predict: async (rows: readonly { review: string | null; visits: number | null }[]) => ({
 *     values: Float64Array.from(rows, ({ review, visits }) => (review?.includes("Lovely") ? 20 : 5) + (visits ?? 4)),
 *   }),
 * };
 * const samples = [{ review: "Lovely!", visits: 3 }, { review: "Broke.", visits: 1 }, { review: null, visits: 2 }];
 * const content = await reportOf(fitted, samples, [24, 5, 9], { title: "What will they spend?", unit: "€", resamples: 100 });
 * const page = await htmlReport(content);
 */
export async function reportOf<Sample extends object, L extends Label>(
  fitted: Predictor<Sample, Classification<L>> & Partial<Fitted>,
  samples: readonly Sample[],
  truth: readonly NoInfer<L>[],
  options: ReportOfOptions<Sample> & Pick<ClassificationSectionOptions<L>, "baseline" | "positive">,
): Promise<ReportContent>;
export async function reportOf<Sample extends object>(
  fitted: Predictor<Sample, Regression> & Partial<Fitted>,
  samples: readonly Sample[],
  truth: ArrayLike<number>,
  options: ReportOfOptions<Sample> & Pick<RegressionSectionOptions, "baseline">,
): Promise<ReportContent>;
export async function reportOf<Sample extends object>(
  fitted: Predictor<Sample> & Partial<Fitted>,
  samples: readonly Sample[],
  truth: readonly Label[] | ArrayLike<number>,
  options: ReportOfOptions<Sample>,
): Promise<ReportContent> {
  const part = "@mmub/metrics/report-of";
  const {
    title,
    summary,
    date,
    notes,
    explain = 3,
    pieces = true,
    card = {},
    data,
    model,
    language = "en",
    seed = 0,
  } = options;
  const { signal, batchSize, resamples = 1000, groups } = options;
  checkPredictor(part, fitted);
  checkSamples(part, samples);
  checkLength(part, "samples", samples);
  checkLength(part, "truth", truth, samples.length);
  checkParam(part, "explain", explain, Number.isInteger(explain) && explain >= 0, "an integer of at least 0");
  const say = sayIn(part, language);
  const modalities = options.modalities ?? (Object.keys(samples[0]!) as (keyof Sample & string)[]);
  const run: RunOptions = { ...(signal && { signal }), ...(batchSize !== undefined && { batchSize }) };
  const prediction = await fitted.predict(samples, run);
  const text = card.text ?? modalities.find((name) => samples.some((sample) => typeof sample[name] === "string"));
  const rows = random(seed)
    .shuffle(Array.from(samples, (_, row) => row))
    .slice(0, explain);

  // The overloads above say that the truth is of the kind that is predicted.
  const predictor = fitted as Predictor<Sample, never>;
  const bootstrap = { seed, resamples, ...(groups && { groups }) };
  const table = await ablation(predictor, samples, truth as never, { ...run, ...bootstrap, modalities });
  const contributions: Explanation[] = [];
  if (modalities.length <= 10)
    for (const found of (await modalityContributions(predictor, samples, {
      ...run,
      modalities,
      rows,
    })) as Contribution[])
      contributions.push({
        ...found,
        ...(pieces && (await piecesOf(fitted, samples[found.row]!, found, text, card, run))),
      });

  const section = {
    ...options,
    title: options.question ?? say("Results"),
    samples,
    ablation: table,
    contributions,
    describe:
      options.describe ??
      ((row: number) =>
        sampleCard(samples[row]!, {
          ...card,
          ...(text && { text }),
          title: card.title?.(row) ?? say("Sample {0}", row),
          language,
        })),
  };
  return {
    title,
    ...(summary !== undefined && { summary }),
    ...(date && { date }),
    sections: [
      isClassification(prediction)
        ? await classificationSection({ ...section, truth: truth as readonly Label[], prediction })
        : await regressionSection({ ...section, truth: truth as ArrayLike<number>, prediction }),
    ],
    data: dataCard(samples, { ...data, truth, language }),
    model: fitted.save ? modelCard(await fitted.save(), { ...model, language }) : (model?.facts ?? []),
    ...(notes && { notes }),
    language,
  };
}

/** What each word of the sample's text tells, of a long text the first 200, each region of its picture and each stretch of its recording. */
async function piecesOf<Sample extends object>(
  fitted: Predictor<Sample>,
  sample: Sample,
  { row, label }: Contribution,
  text: (keyof Sample & string) | undefined,
  card: { readonly picture?: string; readonly clip?: string },
  run: RunOptions,
): Promise<Pick<Explanation, "words" | "regions" | "spans">> {
  const scoreWith = (field: string) => async (values: readonly unknown[]) => {
    const prediction = await fitted.predict(
      values.map((value) => ({ ...sample, [field]: value })),
      run,
    );
    if (!isClassification(prediction)) return prediction.values;
    const { classes, probabilities } = prediction;
    const column = classes.indexOf(label!);
    return values.map((_, i) => probabilities.data[i * classes.length + column]!);
  };
  const of = (field: string | undefined) => (field === undefined ? undefined : (sample as Fields)[field]);
  const { picture, clip } = mediaFields(sample, card);
  const [said, seen, heard] = [of(text), of(picture), of(clip)];
  const title = String(row);
  const words =
    typeof said === "string" && said !== "" && text !== picture && text !== clip
      ? await occlusion(wordsOf(said).slice(0, 200), said, withoutWord, scoreWith(text!))
      : undefined;
  const regions = seen == null ? undefined : await regionChanges(seen, picture!, title, scoreWith(picture!));
  const spans = heard == null ? undefined : await spanChanges(heard, clip!, title, scoreWith(clip!));
  return { ...(words && { words }), ...(regions && { regions }), ...(spans && { spans }) };
}
