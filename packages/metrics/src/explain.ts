import {
  type Classification,
  checkParam,
  type Label,
  listed,
  MmubError,
  type Regression,
  type RunOptions,
  random,
  show,
} from "@mmub/core";
import { type BootstrapOptions, bootstrapIntervals, type Interval } from "./bootstrap.js";
import { checkLength, checkPredictor, labelList, rejectAt } from "./checks.js";
import { accuracy } from "./classification.js";
import { checkPrediction, isClassification, type Predictor, takePrediction } from "./prediction.js";
import { r2 } from "./regression.js";
import { take } from "./split.js";

/** The fields of a sample that can be modalities. */
export type FieldOf<Sample> = keyof Sample & string;

export interface ContributionOptions<Name extends string, L extends Label> extends RunOptions {
  /** The fields to leave out; any other field stays as it is. At most 10. */
  readonly modalities: readonly Name[];
  /** Which samples to explain, by position. @default all */
  readonly rows?: ArrayLike<number>;
  /** The class whose probability is explained. @default what is predicted for each sample */
  readonly label?: L;
}

/** What each modality of one sample adds to its score. */
export interface Contribution<Name extends string = string, L extends Label = Label> {
  /** The position of the sample. */
  readonly row: number;
  /** The class whose probability is the score; absent for a regression. */
  readonly label?: L;
  /** The score of the sample: a probability, or the predicted value. */
  readonly score: number;
  /** The score with none of the modalities. */
  readonly base: number;
  /** Shapley values: they sum to `score - base`, up to rounding. A modality that the sample lacks has 0. */
  readonly shapley: Readonly<Record<Name, number>>;
  /** The score less the score without this one modality. Two modalities that say the same have 0 each. */
  readonly leaveOneOut: Readonly<Record<Name, number>>;
}

/**
 * What each modality adds to the prediction of single samples, by leaving modalities out (null) in every combination:
 * exact Shapley values, with the plain leave-one-out differences beside.
 *
 * A Shapley value is the mean of what the modality adds to the score, over every order in which the modalities may come.
 * Rejects an unknown label and more than 10 modalities. Cost: one call of `predict` with 2^m samples for each sample that
 * has m of the modalities. Source: Shapley (1953); Lundberg & Lee (2017), equation 4.
 *
 * @example
 * // Anything with predict: here a price of 10, 5 more with a review, 2 more with a photo.
 * const fitted = {
 *   predict: async (samples: readonly { review: string | null; photo: string | null }[]) => ({
 *     values: Float64Array.from(samples, ({ review, photo }) => 10 + (review ? 5 : 0) + (photo ? 2 : 0)),
 *   }),
 * };
 * const [first] = await modalityContributions(fitted, [{ review: "good", photo: "a.jpg" }], { modalities: ["review", "photo"] });
 * console.log(first?.base, first?.shapley); // 10 { review: 5, photo: 2 }
 */
export async function modalityContributions<Sample extends object, Name extends FieldOf<Sample>, L extends Label>(
  fitted: Predictor<Sample, Classification<L>>,
  samples: readonly Sample[],
  options: ContributionOptions<Name, NoInfer<L>>,
): Promise<Contribution<Name, L>[]>;
export async function modalityContributions<Sample extends object, Name extends FieldOf<Sample>>(
  fitted: Predictor<Sample, Regression>,
  samples: readonly Sample[],
  options: ContributionOptions<Name, never>,
): Promise<Contribution<Name, never>[]>;
export async function modalityContributions<Sample extends object, Name extends FieldOf<Sample>, L extends Label>(
  fitted: Predictor<Sample>,
  samples: readonly Sample[],
  options: ContributionOptions<Name, L>,
): Promise<Contribution<Name, L>[]> {
  const part = "@mmub/metrics/modality-contributions";
  checkPredictor(part, fitted);
  checkSamples(part, samples);
  const { modalities, rows = samples.map((_, i) => i), label, ...run } = options;
  checkModalities(part, modalities, samples, 10);
  const chosen = take(samples, rows);
  const present = chosen.map((sample) => modalities.filter((name) => has(sample, name)));

  // Subset `bits` of a sample's modalities keeps those whose bit is set: row offsets[i] + bits of one large batch.
  const offsets = [0];
  const batch: Sample[] = [];
  chosen.forEach((sample, i) => {
    const names = present[i]!;
    for (let bits = 0; bits < 1 << names.length; bits++)
      batch.push(
        without(
          sample,
          modalities.filter((name) => !(names.includes(name) && bits & (1 << names.indexOf(name)))),
        ),
      );
    offsets.push(batch.length);
  });
  const prediction = await fitted.predict(batch, run);
  checkPrediction(part, prediction, batch.length);

  return chosen.map((_, i) => {
    const names = present[i]!;
    const full = offsets[i + 1]! - 1;
    const of = isClassification(prediction) ? (label ?? prediction.labels[full]!) : undefined;
    const values = scores(part, prediction, of, offsets[i]!, full + 1);
    const shapley = shapleyValues(values, names.length);
    const record = (value: (bit: number) => number) =>
      Object.fromEntries(
        modalities.map((name) => [name, names.includes(name) ? value(names.indexOf(name)) : 0]),
      ) as Record<Name, number>;
    const score = values.at(-1)!;
    return {
      row: rows[i]!,
      ...(of !== undefined && { label: of as L }),
      score,
      base: values[0]!,
      shapley: record((bit) => shapley[bit]!),
      leaveOneOut: record((bit) => score - values[(values.length - 1) & ~(1 << bit)]!),
    };
  });
}

function scores(
  part: string,
  prediction: Classification | Regression,
  label: Label | undefined,
  from: number,
  to: number,
): Float64Array {
  if (!isClassification(prediction)) {
    if (label !== undefined) checkParam(part, "label", label, false, "none with a regression");
    return prediction.values.subarray(from, to);
  }
  const { classes, probabilities } = prediction;
  const column = classes.indexOf(label!);
  checkParam(part, "label", label, column >= 0, `one of the classes ${labelList(classes)}`);
  return Float64Array.from(
    { length: to - from },
    (_, i) => probabilities.data[(from + i) * probabilities.cols + column]!,
  );
}

/** `values[bits]` is the score with the players of `bits`. */
function shapleyValues(values: Float64Array, players: number): Float64Array {
  // weights[s] = s! (players - s - 1)! / players!, the share of orders in which exactly s given players come before one.
  const weights = new Float64Array(players);
  let orders = 1 / players;
  for (let s = 0; s < players; s++) {
    weights[s] = orders;
    orders *= (s + 1) / (players - s - 1);
  }
  const out = new Float64Array(players);
  for (let bits = 0; bits < values.length; bits++) {
    let size = 0;
    for (let rest = bits; rest > 0; rest &= rest - 1) size++;
    for (let player = 0; player < players; player++)
      if ((bits & (1 << player)) === 0)
        out[player]! += weights[size]! * (values[bits | (1 << player)]! - values[bits]!);
  }
  return out;
}

/** A score of predictions under its name. */
export interface NamedScore<Truth, Output> {
  readonly name: string;
  readonly score: (truth: Truth, prediction: Output) => number;
  /** @default true */
  readonly higherIsBetter?: boolean;
  /** Written as 84.2 % rather than 0.842. @default false */
  readonly isShare?: boolean;
}

export interface AblationOptions<Name extends string, Truth, Output>
  extends Omit<RunOptions, "onProgress">,
    BootstrapOptions {
  /** The fields to leave out; any other field stays as it is. */
  readonly modalities: readonly Name[];
  /** @default accuracy, or R² for a regression */
  readonly score?: NamedScore<Truth, Output>;
}

export interface AblationRow<Name extends string = string> {
  /** All modalities, one alone, all but one, or none of them. */
  readonly kind: "all" | "only" | "without" | "none";
  /** The one that is alone or left out. */
  readonly modality?: Name;
  readonly score: Interval;
  /** This score less that of all modalities, on the same resamples. */
  readonly change: Interval;
}

export interface Ablation<Name extends string = string> {
  /** The name of the score. */
  readonly score: string;
  readonly higherIsBetter: boolean;
  /** Written as 84.2 % rather than 0.842. @default true */
  readonly isShare?: boolean;
  readonly samples: number;
  readonly rows: readonly AblationRow<Name>[];
}

/**
 * How good a fitted pipeline is with all modalities, with each alone, without each and with none, the others being left
 * out (null), with bootstrap intervals. It shows what the pipeline as it is owes to each; one fitted without a modality
 * may do better.
 *
 * Rejects arrays of different lengths and empty ones. Cost: 2 m + 2 predictions of all samples, and the resamples' scores.
 *
 * @example
 * const fitted = {
 *   predict: async (samples: readonly { review: number | null; photo: number | null }[]) => ({
 *     values: Float64Array.from(samples, ({ review, photo }) => 2 * (review ?? 0) + (photo ?? 0)),
 *   }),
 * };
 * const samples = [{ review: 1, photo: 2 }, { review: 2, photo: 1 }, { review: 3, photo: 4 }];
 * const { rows } = await ablation(fitted, samples, [4, 5, 10], { modalities: ["review", "photo"], seed: 7 });
 * for (const { kind, modality, score } of rows) console.log(kind, modality, score.value); // all, 1
 */
export async function ablation<Sample extends object, Name extends FieldOf<Sample>, L extends Label>(
  fitted: Predictor<Sample, Classification<L>>,
  samples: readonly Sample[],
  truth: readonly NoInfer<L>[],
  options: AblationOptions<Name, readonly L[], Classification<L>>,
): Promise<Ablation<Name>>;
export async function ablation<Sample extends object, Name extends FieldOf<Sample>>(
  fitted: Predictor<Sample, Regression>,
  samples: readonly Sample[],
  truth: ArrayLike<number>,
  options: AblationOptions<Name, ArrayLike<number>, Regression>,
): Promise<Ablation<Name>>;
export async function ablation<Sample extends object, Name extends FieldOf<Sample>>(
  fitted: Predictor<Sample>,
  samples: readonly Sample[],
  truth: readonly Label[] | ArrayLike<number>,
  options: AblationOptions<Name, never, never>,
): Promise<Ablation<Name>> {
  const part = "@mmub/metrics/ablation";
  const { modalities, score: chosen, signal, batchSize, ...bootstrap } = options;
  checkPredictor(part, fitted);
  checkSamples(part, samples);
  checkLength(part, "truth", truth, samples.length);
  checkModalities(part, modalities, samples, 1000);
  const run: RunOptions = { ...(signal && { signal }), ...(batchSize !== undefined && { batchSize }) };

  const variants: { kind: AblationRow["kind"]; modality?: Name; leave: readonly Name[] }[] = [
    { kind: "all", leave: [] },
    ...modalities.map((modality) => ({ kind: "without" as const, modality, leave: [modality] })),
    ...modalities.map((modality) => ({
      kind: "only" as const,
      modality,
      leave: modalities.filter((name) => name !== modality),
    })),
    { kind: "none", leave: modalities },
  ];
  const predictions: (Classification | Regression)[] = [];
  for (const { leave } of variants) {
    const prediction = await fitted.predict(
      leave.length === 0 ? samples : samples.map((sample) => without(sample, leave)),
      run,
    );
    checkPrediction(part, prediction, samples.length);
    predictions.push(prediction);
  }
  const score = (chosen ?? defaultScore(predictions[0]!)) as NamedScore<unknown, Classification | Regression>;
  const intervals = bootstrapIntervals(
    samples.length,
    (rows) => {
      const picked = take(truth as readonly Label[], rows);
      const values = predictions.map((prediction) => score.score(picked, takePrediction(prediction, rows)));
      return [...values, ...values.map((value) => value - values[0]!)];
    },
    bootstrap,
  );
  return {
    score: score.name,
    higherIsBetter: score.higherIsBetter ?? true,
    isShare: score.isShare ?? false,
    samples: samples.length,
    rows: variants.map(({ kind, modality }, i) => ({
      kind,
      ...(modality !== undefined && { modality }),
      score: intervals[i]!,
      change: intervals[variants.length + i]!,
    })),
  };
}

export function defaultScore(prediction: Classification | Regression): NamedScore<never, never> {
  return isClassification(prediction)
    ? {
        name: "Accuracy",
        isShare: true,
        score: (truth: readonly Label[], { labels }: Classification) => accuracy(truth, labels),
      }
    : { name: "R²", score: (truth: ArrayLike<number>, { values }: Regression) => r2(truth, values) };
}

export interface DropOptions<Name extends string> {
  /** The fields that may be dropped. */
  readonly modalities: readonly Name[];
  /** How likely each modality of a sample is dropped, in [0, 1]. */
  readonly share: number;
  /** An integer. @default 0 */
  readonly seed?: number;
}

/**
 * The samples with modalities dropped at random (null), to measure how a model bears missing inputs.
 *
 * Each modality that a sample has is dropped with the probability `share`, but never the last: with a share of 1 every
 * sample keeps one, chosen at random. With the same seed a larger share drops what a smaller one did and more, so that scores
 * over several shares make a smooth curve. The samples given stay as they are. Rejects a share outside [0, 1]. Cost: one copy.
 *
 * @example
 * const samples = [{ review: "good", photo: "a.jpg" }, { review: "bad", photo: null }];
 * const fewer = dropModalities(samples, { modalities: ["review", "photo"], share: 1, seed: 7 }); // each keeps one
 */
export function dropModalities<Sample extends object, Name extends FieldOf<Sample>>(
  samples: readonly Sample[],
  options: DropOptions<Name>,
): Sample[] {
  const part = "@mmub/metrics/drop-modalities";
  const { modalities, share, seed = 0 } = options;
  checkSamples(part, samples);
  checkModalities(part, modalities, samples, 1000);
  checkParam(part, "share", share, share >= 0 && share <= 1, "a number in [0, 1]");
  const { next } = random(seed);
  return samples.map((sample) => {
    // Drawn for lacking ones as well, so that what one sample lacks never shifts what the next drops.
    const draws = modalities.map((name) => ({ name, draw: next() }));
    const present = draws.filter(({ name }) => has(sample, name));
    const last = present.reduce((kept, each) => Math.max(kept, each.draw), -1);
    return without(
      sample,
      present.filter(({ draw }) => draw < share && draw !== last).map(({ name }) => name),
    );
  });
}

/** Whether the sample has a modality: null and absent fields are missing. */
export function has<Sample extends object, Name extends FieldOf<Sample>>(sample: Sample, name: Name): boolean {
  return sample[name] !== null && sample[name] !== undefined;
}

// The fields of modalities take null in every pipeline, which a Sample that always has them does not say.
export function without<Sample extends object>(sample: Sample, names: readonly string[]): Sample {
  return { ...sample, ...Object.fromEntries(names.map((name) => [name, null])) };
}

export function checkSamples(part: string, samples: readonly object[]): void {
  if (!Array.isArray(samples))
    throw new MmubError("invalid-input", { part, message: `samples are ${show(samples)}, want an array` });
  samples.forEach((sample, i) => {
    if (typeof sample !== "object" || sample === null) rejectAt(part, "sample", i, sample, "an object");
  });
}

export function checkModalities(
  part: string,
  modalities: readonly string[],
  samples: readonly object[],
  most: number,
): void {
  if (!Array.isArray(modalities) || modalities.length === 0 || modalities.length > most)
    throw new MmubError("invalid-params", {
      part,
      message: `modalities are ${show(modalities)}, want the names of 1 to ${most} fields`,
    });
  for (const [i, name] of modalities.entries()) {
    if (modalities.indexOf(name) !== i)
      throw new MmubError("invalid-params", { part, message: `modality "${name}" comes twice, want each once` });
    if (samples.length > 0 && !samples.some((sample) => name in sample))
      throw new MmubError("invalid-params", {
        part,
        message: `modality "${name}" is a field of no sample, want one of ${listed(Object.keys(samples[0]!))}`,
        modality: name,
      });
  }
}
