import { checkParam, MmubError, quantile, random } from "@mmub/core";
import { checkLength } from "./checks.js";
import { normalQuantile, normalShare } from "./normal.js";
import { groupsOf } from "./split.js";

/** A score and what it may as well have been with other samples of the same kind. */
export interface Interval {
  /** The score of the samples themselves. */
  readonly value: number;
  readonly low: number;
  readonly high: number;
  /** How much of the resamples' scores lies between `low` and `high`. */
  readonly level: number;
  /** The standard deviation of the resamples' scores. */
  readonly standardError: number;
}

export interface BootstrapOptions {
  /** An integer. The same seed draws the same resamples, so that two scores can be compared. @default 0 */
  readonly seed?: number;
  /** @default 1000 */
  readonly resamples?: number;
  /** In (0, 1). @default 0.95 */
  readonly level?: number;
  /** Who each sample is of, such as a user id; whole groups are drawn, because samples of one user are alike. @default every sample by itself */
  readonly groups?: ArrayLike<unknown>;
  /**
   * `bca` is corrected for the bias and the skew of the resamples' scores, which matters where samples are few or scores near their bound; it
   * calls `score` once more for each sample or group, without it. @default "percentile"
   */
  readonly method?: "percentile" | "bca";
}

/**
 * A score with its bootstrap interval: `score` is called with the rows of the samples, then with as many
 * rows drawn with replacement, `resamples` times.
 *
 * A resample on which `score` throws an MmubError or gives NaN, such as an AUC of one class, is drawn again. Rejects
 * samples of which more than half of the resamples have no score (`invalid-input`). Cost: `resamples` + 1 scores.
 * Source: Efron & Tibshirani, An Introduction to the Bootstrap (1993), 13.3 and 14.3; quantiles as NumPy's default, BCa as SciPy's.
 *
 * @example
 * const truth = ["buy", "leave", "buy", "buy"];
 * const guess = ["buy", "leave", "leave", "buy"];
 * const { value, low, high } = bootstrapInterval(truth.length, (rows) => accuracy(take(truth, rows), take(guess, rows)));
 * console.log(`${value} (${low} to ${high})`); // 0.75 (0.25 to 1)
 */
export function bootstrapInterval(
  samples: number,
  score: (rows: Uint32Array) => number,
  options: BootstrapOptions = {},
): Interval {
  return bootstrapIntervals(samples, (rows) => [score(rows)], options)[0]!;
}

/** `bootstrapInterval` of several scores of the same resamples, such as a score, a baseline and their difference. */
export function bootstrapIntervals(
  samples: number,
  scores: (rows: Uint32Array) => readonly number[],
  options: BootstrapOptions = {},
): Interval[] {
  const part = "@mmub/metrics/bootstrap-interval";
  const { seed = 0, resamples = 1000, level = 0.95, groups, method = "percentile" } = options;
  checkParam(part, "samples", samples, Number.isInteger(samples) && samples > 0, "a positive integer");
  checkParam(part, "resamples", resamples, Number.isInteger(resamples) && resamples > 1, "an integer of at least 2");
  checkParam(part, "level", level, level > 0 && level < 1, "a number between 0 and 1");
  checkParam(part, "method", method, method === "percentile" || method === "bca", '"percentile" or "bca"');
  const values = scores(Uint32Array.from({ length: samples }, (_, i) => i));
  values.forEach((value, i) => {
    if (!Number.isFinite(value))
      throw new MmubError("invalid-input", { part, message: `score ${i} is ${value}, want a finite number`, index: i });
  });

  if (groups) checkLength(part, "groups", groups, samples);
  const members = groups && [...groupsOf(groups).values()];
  const draw = members ? groupDraws(members) : sampleDraws(samples);
  const { integer } = random(seed).fork("bootstrap");
  const drawn = values.map(() => new Float64Array(resamples));
  let spare = resamples;
  for (let done = 0; done < resamples; ) {
    const got = scored(scores, draw(integer));
    if (got?.every(Number.isFinite)) {
      for (let i = 0; i < drawn.length; i++) drawn[i]![done] = got[i]!;
      done++;
    } else if (spare-- === 0)
      throw new MmubError("invalid-input", {
        part,
        message: `the score is not defined on more than half of the resamples of ${samples} samples, want more samples`,
        samples,
      });
  }
  const without = method === "bca" ? jackknife(part, samples, scores, members) : undefined;
  return values.map((value, i) => {
    const sorted = drawn[i]!.sort();
    const [low, high] = without
      ? bcaShares(
          value,
          sorted,
          Float64Array.from(without, (all) => all[i]!),
          level,
        )
      : [(1 - level) / 2, (1 + level) / 2];
    const mean = sorted.reduce((a, b) => a + b, 0) / resamples;
    const squares = sorted.reduce((sum, each) => sum + (each - mean) ** 2, 0);
    return {
      value,
      low: quantile(sorted, low),
      high: quantile(sorted, high),
      level,
      standardError: Math.sqrt(squares / (resamples - 1)),
    };
  });
}

function scored(scores: (rows: Uint32Array) => readonly number[], rows: Uint32Array): readonly number[] | undefined {
  try {
    return scores(rows);
  } catch (error) {
    if (MmubError.is(error)) return undefined;
    throw error;
  }
}

type Draw = (integer: (below: number) => number) => Uint32Array;

function sampleDraws(samples: number): Draw {
  return (integer) => {
    const rows = new Uint32Array(samples);
    for (let i = 0; i < samples; i++) rows[i] = integer(samples);
    return rows;
  };
}

function groupDraws(all: readonly number[][]): Draw {
  return (integer) => Uint32Array.from(Array.from(all, () => all[integer(all.length)]!).flat());
}

/** The scores without each sample, or without each group. */
function jackknife(
  part: string,
  samples: number,
  scores: (rows: Uint32Array) => readonly number[],
  members: readonly number[][] = Array.from({ length: samples }, (_, row) => [row]),
): (readonly number[])[] {
  return members.map((left, i) => {
    const out = new Set(left);
    const got = scored(
      scores,
      Uint32Array.from({ length: samples }, (_, row) => row).filter((row) => !out.has(row)),
    );
    if (!got?.every(Number.isFinite))
      throw new MmubError("invalid-input", {
        part,
        message: `the score is not defined without sample or group ${i}, which "bca" asks for; want more samples, or the method "percentile"`,
        index: i,
      });
    return got;
  });
}

/**
 * Between which shares of the sorted scores of resamples the interval lies. Where all of them are on one side of the score, which leaves the
 * correction undefined, those of the percentile interval.
 */
export function bcaShares(
  value: number,
  sorted: Float64Array,
  without: Float64Array,
  level: number,
): readonly [low: number, high: number] {
  const ends = [(1 - level) / 2, (1 + level) / 2] as const;
  let below = 0;
  for (const each of sorted) below += each < value ? 1 : each === value ? 0.5 : 0;
  const share = below / sorted.length;
  if (share === 0 || share === 1) return ends;
  const bias = normalQuantile(share);
  const n = without.length;
  const mean = without.reduce((a, b) => a + b, 0) / n;
  let [squares, cubes] = [0, 0];
  for (const each of without) {
    const off = (n - 1) * (mean - each);
    squares += off ** 2 / n ** 2;
    cubes += off ** 3 / n ** 3;
  }
  const acceleration = squares === 0 ? 0 : cubes / (6 * squares ** 1.5);
  const moved = (end: number) => {
    const z = bias + normalQuantile(end);
    return normalShare(bias + z / (1 - acceleration * z));
  };
  return [moved(ends[0]), moved(ends[1])];
}
