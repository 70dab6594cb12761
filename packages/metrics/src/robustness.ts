import {
  type Classification,
  checkParam,
  type Label,
  MmubError,
  type Random,
  type Regression,
  type RunOptions,
  random,
} from "@mmub/core";
import { type BootstrapOptions, bootstrapIntervals, type Interval } from "./bootstrap.js";
import { checkFinite, checkLength, checkPredictor } from "./checks.js";
import {
  checkModalities,
  checkSamples,
  defaultScore,
  dropModalities,
  type FieldOf,
  has,
  type NamedScore,
  without,
} from "./explain.js";
import { checkPrediction, type Predictor, takePrediction } from "./prediction.js";
import { take } from "./split.js";

export interface RobustnessOptions<Sample extends object, Name extends FieldOf<Sample>, Truth, Output>
  extends Omit<RunOptions, "onProgress">,
    BootstrapOptions {
  /** The fields to spoil; any other field stays as it is. */
  readonly modalities: readonly Name[];
  /** The shares of samples to take each modality from, rising from 0. @default [0, 0.25, 0.5, 0.75, 1] */
  readonly shares?: readonly number[];
  /** How a modality is made noisy: its value, the level and a stream of random numbers, to a new value. @default no noise */
  readonly noise?: {
    readonly [K in Name]?: (value: NonNullable<Sample[K]>, level: number, random: Random) => Sample[K];
  };
  /** The levels of noise, rising from 0, in the unit that `noise` takes. @default [0, 0.25, 0.5, 0.75, 1] */
  readonly levels?: readonly number[];
  /** @default accuracy, or R² for a regression */
  readonly score?: NamedScore<Truth, Output>;
}

export interface RobustnessCurve<Name extends string = string> {
  /** Whether values are taken away or made noisy. */
  readonly kind: "missing" | "noise";
  /** Absent: each modality at once, of which every sample keeps one. */
  readonly modality?: Name;
  readonly points: readonly { readonly level: number; readonly score: Interval }[];
  /** The mean score over the levels, by trapezoids: MultiBench's relative robustness, with the levels scaled to [0, 1]. */
  readonly relative: number;
}

export interface Robustness<Name extends string = string> {
  /** The name of the score. */
  readonly score: string;
  readonly higherIsBetter: boolean;
  readonly isShare: boolean;
  readonly samples: number;
  readonly curves: readonly RobustnessCurve<Name>[];
}

/**
 * How a fitted pipeline's score falls as modalities go missing or turn noisy: for each modality a curve over the share of samples that
 * lose it (null), one of all at once, and one over the level of its noise where `noise` says how.
 *
 * With one seed a larger share loses what a smaller one did and more. Rejects arrays of different lengths, empty ones, and levels that do not rise from
 * 0. Cost: a prediction of all samples for each point, and the resamples' scores. Source: Liang et al. (2021), MultiBench, robustness.
 *
 * @example
 * const fitted = {
 *   predict: async (samples: readonly { review: number | null; photo: number | null }[]) => ({
 *     values: Float64Array.from(samples, ({ review, photo }) => 2 * (review ?? 0) + (photo ?? 0)),
 *   }),
 * };
 * const samples = [{ review: 1, photo: 2 }, { review: 2, photo: 1 }, { review: 3, photo: 4 }];
 * const { curves } = await robustness(fitted, samples, [4, 5, 10], {
 *   modalities: ["review", "photo"],
 *   noise: { review: (value, level, { normal }) => value + level * normal() },
 *   resamples: 100,
 * });
 * for (const { kind, modality, relative } of curves) console.log(kind, modality, relative);
 */
export async function robustness<Sample extends object, Name extends FieldOf<Sample>, L extends Label>(
  fitted: Predictor<Sample, Classification<L>>,
  samples: readonly Sample[],
  truth: readonly NoInfer<L>[],
  options: RobustnessOptions<Sample, Name, readonly L[], Classification<L>>,
): Promise<Robustness<Name>>;
export async function robustness<Sample extends object, Name extends FieldOf<Sample>>(
  fitted: Predictor<Sample, Regression>,
  samples: readonly Sample[],
  truth: ArrayLike<number>,
  options: RobustnessOptions<Sample, Name, ArrayLike<number>, Regression>,
): Promise<Robustness<Name>>;
export async function robustness<Sample extends object, Name extends FieldOf<Sample>>(
  fitted: Predictor<Sample>,
  samples: readonly Sample[],
  truth: readonly Label[] | ArrayLike<number>,
  options: RobustnessOptions<Sample, Name, never, never>,
): Promise<Robustness<Name>> {
  const part = "@mmub/metrics/robustness";
  const even = [0, 0.25, 0.5, 0.75, 1];
  const { modalities, shares = even, noise, levels = even, score: chosen, signal, batchSize, ...bootstrap } = options;
  const seed = options.seed ?? 0;
  checkPredictor(part, fitted);
  checkSamples(part, samples);
  checkLength(part, "truth", truth, samples.length);
  checkModalities(part, modalities, samples, 1000);
  checkLevels(part, "shares", shares);
  checkParam(part, "shares", shares, shares.at(-1)! <= 1, "shares of at most 1");
  checkLevels(part, "levels", levels);
  const run: RunOptions = { ...(signal && { signal }), ...(batchSize !== undefined && { batchSize }) };

  let score = chosen as NamedScore<unknown, Classification | Regression> | undefined;
  const scored = async (spoilt: readonly Sample[]): Promise<Interval> => {
    const prediction = await fitted.predict(spoilt, run);
    checkPrediction(part, prediction, samples.length);
    score ??= defaultScore(prediction) as NamedScore<unknown, Classification | Regression>;
    const { score: measure } = score;
    const value = (rows: Uint32Array) =>
      measure(take(truth as readonly Label[], rows), takePrediction(prediction, rows));
    return bootstrapIntervals(samples.length, (rows) => [value(rows)], bootstrap)[0]!;
  };
  const whole = await scored(samples);
  const curve = async (
    kind: RobustnessCurve["kind"],
    modality: Name | undefined,
    at: readonly number[],
    spoil: (level: number) => readonly Sample[],
  ): Promise<RobustnessCurve<Name>> => {
    const points: { level: number; score: Interval }[] = [];
    for (const level of at) points.push({ level, score: level === 0 ? whole : await scored(spoil(level)) });
    return { kind, ...(modality !== undefined && { modality }), points, relative: meanOver(points) };
  };

  const curves: RobustnessCurve<Name>[] = [];
  for (const name of modalities) {
    const { next } = random(seed).fork(`missing ${name}`);
    const draws = samples.map(() => next());
    curves.push(
      await curve("missing", name, shares, (share) =>
        samples.map((sample, i) => (draws[i]! < share ? without(sample, [name]) : sample)),
      ),
    );
  }
  if (modalities.length > 1)
    curves.push(
      await curve("missing", undefined, shares, (share) => dropModalities(samples, { modalities, share, seed })),
    );
  for (const name of modalities) {
    const add = noise?.[name];
    if (!add) continue;
    curves.push(
      await curve("noise", name, levels, (level) => {
        // The same numbers at every level, so that the curve is smooth.
        const stream = random(seed).fork(`noise ${name}`);
        return samples.map((sample) =>
          has(sample, name)
            ? { ...sample, [name]: add(sample[name] as NonNullable<Sample[Name]>, level, stream) }
            : sample,
        );
      }),
    );
  }
  return {
    score: score!.name,
    higherIsBetter: score!.higherIsBetter ?? true,
    isShare: score!.isShare ?? false,
    samples: samples.length,
    curves,
  };
}

/**
 * How much better a curve holds than that of a baseline, such as late fusion, once both start alike: the mean over the levels of its loss of
 * score less the baseline's. Above 0: it loses less. MultiBench's effective robustness.
 *
 * Rejects curves of different levels. Source: Liang et al. (2021), after Taori et al. (2020).
 *
 * @example
 * const point = (level: number, value: number) => ({ level, score: { value, low: value, high: value, level: 0.95, standardError: 0 } });
 * const own: RobustnessCurve = { kind: "missing", points: [point(0, 0.9), point(1, 0.7)], relative: 0.8 };
 * const base: RobustnessCurve = { kind: "missing", points: [point(0, 0.8), point(1, 0.5)], relative: 0.65 };
 * console.log(effectiveRobustness(own, base).toFixed(2)); // 0.05
 */
export function effectiveRobustness(curve: RobustnessCurve, baseline: RobustnessCurve): number {
  const levels = (of: RobustnessCurve) => of.points.map(({ level }) => level).join(", ");
  if (levels(curve) !== levels(baseline))
    throw new MmubError("invalid-input", {
      part: "@mmub/metrics/effective-robustness",
      message: `the baseline has the levels ${levels(baseline)}, want those of the curve: ${levels(curve)}`,
    });
  for (const { points } of [curve, baseline])
    checkFinite(
      "@mmub/metrics/effective-robustness",
      "score of level",
      points.map(({ score }) => score.value),
    );
  const start = (of: RobustnessCurve) => of.points[0]!.score.value;
  return meanOver(curve.points) - start(curve) - (meanOver(baseline.points) - start(baseline));
}

function meanOver(points: RobustnessCurve["points"]): number {
  let sum = 0;
  for (let i = 1; i < points.length; i++)
    sum += ((points[i]!.level - points[i - 1]!.level) * (points[i]!.score.value + points[i - 1]!.score.value)) / 2;
  return sum / (points.at(-1)!.level - points[0]!.level);
}

function checkLevels(part: string, name: string, levels: readonly number[]): void {
  const rise = levels.length > 1 && levels[0] === 0 && levels.every((level, i) => i === 0 || level > levels[i - 1]!);
  checkParam(
    part,
    name,
    levels,
    rise && Number.isFinite(levels.at(-1)),
    "at least two finite numbers that rise from 0",
  );
}
