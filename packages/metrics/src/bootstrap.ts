import { checkParam, MmubError, quantile, random } from "@mmub/core";
import { checkLength } from "./checks.js";

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
}

/**
 * A score with its percentile bootstrap interval: `score` is called with the rows of the samples, then with as many
 * rows drawn with replacement, `resamples` times.
 *
 * A resample on which `score` throws an MmubError or gives NaN, such as an AUC of one class, is drawn again. Rejects
 * samples of which more than half of the resamples have no score (`invalid-input`). Cost: `resamples` + 1 scores.
 * Source: Efron & Tibshirani, An Introduction to the Bootstrap (1993), 13.3; quantiles as NumPy's default.
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
  const { seed = 0, resamples = 1000, level = 0.95, groups } = options;
  checkParam(part, "samples", samples, Number.isInteger(samples) && samples > 0, "a positive integer");
  checkParam(part, "resamples", resamples, Number.isInteger(resamples) && resamples > 1, "an integer of at least 2");
  checkParam(part, "level", level, level > 0 && level < 1, "a number between 0 and 1");
  const values = scores(Uint32Array.from({ length: samples }, (_, i) => i));
  values.forEach((value, i) => {
    if (!Number.isFinite(value))
      throw new MmubError("invalid-input", { part, message: `score ${i} is ${value}, want a finite number`, index: i });
  });

  const draw = groups ? groupDraws(part, samples, groups) : sampleDraws(samples);
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
  return values.map((value, i) => {
    const sorted = drawn[i]!.sort();
    const mean = sorted.reduce((a, b) => a + b, 0) / resamples;
    const squares = sorted.reduce((sum, each) => sum + (each - mean) ** 2, 0);
    return {
      value,
      low: quantile(sorted, (1 - level) / 2),
      high: quantile(sorted, (1 + level) / 2),
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

function groupDraws(part: string, samples: number, groups: ArrayLike<unknown>): Draw {
  checkLength(part, "groups", groups, samples);
  const members = new Map<unknown, number[]>();
  for (let i = 0; i < samples; i++) {
    const rows = members.get(groups[i]);
    if (rows) rows.push(i);
    else members.set(groups[i], [i]);
  }
  const all = [...members.values()];
  return (integer) => Uint32Array.from(Array.from(all, () => all[integer(all.length)]!).flat());
}
