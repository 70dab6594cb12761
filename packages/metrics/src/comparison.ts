import { type CorrectedT, checkParam, correctedT, type Label, MmubError } from "@mmub/core";
import { type BootstrapOptions, bootstrapIntervals, type Interval } from "./bootstrap.js";
import { checkFinite, checkLength } from "./checks.js";
import { checkPair } from "./classification.js";
import { gammaUpper } from "./normal.js";

export interface McNemar {
  /** Samples that the first model has right and the second wrong. */
  readonly onlyFirst: number;
  readonly onlySecond: number;
  /** The smaller of the two for the exact test, chi-squared otherwise. */
  readonly statistic: number;
  /** How likely a difference of at least this size is where both are equally good, in [0, 1]. */
  readonly pValue: number;
}

export interface McNemarOptions {
  /** By the binomial distribution, or by chi-squared of 1 degree of freedom, which is near it from 25 differing samples on. @default true */
  readonly exact?: boolean;
  /** Take 1 off the difference of the counts before it is squared, with `exact: false`. @default true */
  readonly correction?: boolean;
}

/**
 * Whether one classifier is right more often than another on the same samples, by those on which just one is right.
 *
 * Two that never differ have a p-value of 1. Rejects what `accuracy` does. Cost: one pass, and for the exact test one step a
 * differing sample. Source: McNemar (1947); statsmodels' `mcnemar` (exact, two-sided).
 *
 * @example
 * const { pValue } = mcnemar([1, 0, 1, 1], [1, 0, 1, 0], [0, 0, 1, 0]);
 * console.log(pValue); // 1: they differ on one sample
 */
export function mcnemar<L extends Label>(
  truth: readonly L[],
  first: readonly L[],
  second: readonly L[],
  options: McNemarOptions = {},
): McNemar {
  const part = "@mmub/metrics/mcnemar";
  const { exact = true, correction = true } = options;
  checkPair(part, truth, first, undefined);
  checkPair(part, truth, second, undefined);
  let onlyFirst = 0;
  let onlySecond = 0;
  for (let i = 0; i < truth.length; i++) {
    const [a, b] = [first[i] === truth[i], second[i] === truth[i]];
    if (a && !b) onlyFirst++;
    if (b && !a) onlySecond++;
  }
  const differing = onlyFirst + onlySecond;
  const fewer = Math.min(onlyFirst, onlySecond);
  if (exact)
    return { onlyFirst, onlySecond, statistic: fewer, pValue: Math.min(1, 2 * binomialHalf(fewer, differing)) };
  if (differing === 0) return { onlyFirst, onlySecond, statistic: 0, pValue: 1 };
  const statistic = (Math.abs(onlyFirst - onlySecond) - Number(correction)) ** 2 / differing;

  return { onlyFirst, onlySecond, statistic, pValue: gammaUpper(0.5, statistic / 2) };
}

/** How likely at most `hits` of `n` tosses of a fair coin are heads. */
function binomialHalf(hits: number, n: number): number {
  let term = -n * Math.LN2;
  let sum = 0;
  for (let i = 0; i <= hits; i++) {
    sum += Math.exp(term);
    term += Math.log((n - i) / (i + 1));
  }
  return sum;
}

export interface PairedBootstrap {
  readonly first: Interval;
  readonly second: Interval;
  /** The first score less the second, on the same resamples. */
  readonly difference: Interval;
  /** Twice the smaller share of resamples in which the difference lies on either side of 0, at least 1 / (resamples + 1). */
  readonly pValue: number;
}

/**
 * Whether one model scores better than another, by resamples of the samples on which both are scored.
 *
 * `scores` gives both scores for the rows of a resample. Rejects what `bootstrapInterval` does. Cost: `resamples` + 1
 * pairs of scores. Source: Efron & Tibshirani (1993), 13.3 and 16.4; the p-value is that of the percentile interval.
 *
 * @example
 * const [truth, a, b] = [[1, 0, 1, 1], [1, 0, 1, 0], [0, 0, 1, 0]];
 * const { difference } = pairedBootstrap(4, (rows) => {
 *   const real = take(truth, rows);
 *   return [accuracy(real, take(a, rows)), accuracy(real, take(b, rows))];
 * });
 * console.log(difference.value); // 0.25
 */
export function pairedBootstrap(
  samples: number,
  scores: (rows: Uint32Array) => readonly [number, number],
  options: BootstrapOptions = {},
): PairedBootstrap {
  let below = 0;
  let above = 0;
  let calls = 0;
  const [first, second, difference] = bootstrapIntervals(
    samples,
    (rows) => {
      const [a, b] = scores(rows);
      // The first call is of the samples themselves.
      if (calls++ > 0 && Number.isFinite(a - b)) {
        if (a - b <= 0) below++;
        if (a - b >= 0) above++;
      }
      return [a, b, a - b];
    },
    options,
  ) as [Interval, Interval, Interval];
  const { resamples = 1000 } = options;
  const pValue = Math.min(1, (2 * (Math.min(below, above) + 1)) / (resamples + 1));
  return { first, second, difference, pValue };
}

export interface CorrectedTOptions {
  /** Samples to test on over samples to train on in each split, such as 1 / 4 for 5 folds. */
  readonly testOverTrain: number;
}

export type { CorrectedT };

/**
 * Whether one model scores better than another over the splits of a cross-validation: Student's t with the variance
 * corrected for training sets that overlap. A plain t test finds differences where there are none.
 *
 * `first[i]` and `second[i]` are scores of split `i`. Rejects arrays of different lengths, fewer than 2 splits, and scores that
 * are not finite. Differences that are all the same give a p-value of 1 where they are 0, else 0. Cost: one pass.
 * Source: Nadeau & Bengio (2003), section 3; Bouckaert & Frank (2004) for repeated folds.
 *
 * @example
 * const { pValue } = correctedResampledT([0.8, 0.82, 0.81], [0.7, 0.75, 0.71], { testOverTrain: 1 / 2 });
 * console.log(pValue < 0.05); // true
 */
export function correctedResampledT(
  first: ArrayLike<number>,
  second: ArrayLike<number>,
  { testOverTrain }: CorrectedTOptions,
): CorrectedT {
  const part = "@mmub/metrics/corrected-resampled-t";
  checkParam(
    part,
    "testOverTrain",
    testOverTrain,
    testOverTrain > 0 && Number.isFinite(testOverTrain),
    "a number above 0",
  );
  checkLength(part, "first", first);
  checkLength(part, "second", second, first.length);
  checkFinite(part, "first", first);
  checkFinite(part, "second", second);
  const n = first.length;
  if (n < 2) throw new MmubError("invalid-input", { part, message: "1 split has no variance, want at least 2" });
  return correctedT(
    Array.from(first, (score, i) => score - second[i]!),
    testOverTrain,
  );
}
