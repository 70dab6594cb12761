import type { Label } from "@mmub/core";
import { type BootstrapOptions, bootstrapInterval, type Interval } from "./bootstrap.js";
import { checkLength } from "./checks.js";
import { checkPair, positiveLabel } from "./classification.js";
import { groupsOf } from "./split.js";

export interface GroupScore<G> extends Interval {
  readonly group: G;
  readonly samples: number;
}

export interface GroupScores<G> {
  /** In the order of their first sample. */
  readonly groups: readonly GroupScore<G>[];
  /** The largest score less the smallest. */
  readonly gap: number;
  /** The smallest score over the largest; 1 where both are 0. */
  readonly ratio: number;
}

/**
 * A score of each group of samples, such as of each age, with its interval, and how far the groups are apart.
 *
 * `score` is called with rows, as `bootstrapInterval` does. Rejects what it does, with too few samples in a group among that. Small groups
 * have wide intervals: a gap within them is none shown. Cost: `resamples` + 1 scores of each group.
 *
 * @example
 * const [truth, guess, city] = [[1, 0, 1, 1], [1, 0, 0, 1], ["x", "x", "y", "y"]];
 * const { gap } = groupScores(city, (rows) => accuracy(take(truth, rows), take(guess, rows)), { resamples: 100 });
 * console.log(gap); // 0.5
 */
export function groupScores<G>(
  groups: ArrayLike<G>,
  score: (rows: Uint32Array) => number,
  options: Omit<BootstrapOptions, "groups"> = {},
): GroupScores<G> {
  checkLength("@mmub/metrics/group-scores", "groups", groups);
  const scores = [...groupsOf(groups)].map(([group, rows]) => ({
    group,
    samples: rows.length,
    ...bootstrapInterval(rows.length, (picked) => score(picked.map((at) => rows[at]!)), options),
  }));
  const values = scores.map(({ value }) => value);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return { groups: scores, gap: high - low, ratio: high === low ? 1 : low / high };
}

export interface GroupRates<G> {
  readonly group: G;
  readonly samples: number;
  /** The share predicted as positive. */
  readonly selectionRate: number;
  /** Of the positives of the group, the share predicted as such; 0 where it has none. */
  readonly truePositiveRate: number;
  /** Of the negatives of the group, the share predicted as positive; 0 where it has none. */
  readonly falsePositiveRate: number;
  readonly accuracy: number;
}

export interface Fairness<G> {
  readonly groups: readonly GroupRates<G>[];
  /** The largest selection rate less the smallest. */
  readonly demographicParityDifference: number;
  /** The smallest selection rate over the largest: below 0.8 is often taken for adverse impact. */
  readonly demographicParityRatio: number;
  /** The larger of the gaps in true and in false positive rates. */
  readonly equalizedOddsDifference: number;
  /** The gap in true positive rates. */
  readonly equalOpportunityDifference: number;
}

/**
 * Whether a decision falls on groups alike: how often each is chosen, and how often rightly and wrongly.
 *
 * Rejects what `accuracy` does, three classes, and a `positive` that does not occur. Cost: one pass.
 * Source: fairlearn's `demographic_parity_difference`, `equalized_odds_difference`; Hardt et al. (2016).
 *
 * @example
 * const { demographicParityDifference } = fairness([1, 0, 1, 0], [1, 0, 1, 1], ["x", "x", "y", "y"]);
 * console.log(demographicParityDifference); // 0.5
 */
export function fairness<L extends Label, G>(
  truth: readonly L[],
  predicted: readonly L[],
  groups: ArrayLike<G>,
  options: {
    /** The decision that is wanted. @default 1 or true; a string has to be named */
    readonly positive?: NoInfer<L>;
  } = {},
): Fairness<G> {
  const part = "@mmub/metrics/fairness";
  checkPair(part, truth, predicted, undefined);
  checkLength(part, "groups", groups, truth.length);
  const positive = positiveLabel(part, [...new Set([...truth, ...predicted])].sort(), options.positive);
  const rates = [...groupsOf(groups)].map(([group, rows]): GroupRates<G> => {
    const share = (of: readonly number[], is: (row: number) => boolean) =>
      of.length === 0 ? 0 : of.filter(is).length / of.length;
    const chosen = (row: number) => predicted[row] === positive;
    return {
      group,
      samples: rows.length,
      selectionRate: share(rows, chosen),
      truePositiveRate: share(
        rows.filter((row) => truth[row] === positive),
        chosen,
      ),
      falsePositiveRate: share(
        rows.filter((row) => truth[row] !== positive),
        chosen,
      ),
      accuracy: share(rows, (row) => truth[row] === predicted[row]),
    };
  });
  const range = (name: "selectionRate" | "truePositiveRate" | "falsePositiveRate") => {
    const values = rates.map((each) => each[name]);
    return [Math.min(...values), Math.max(...values)] as const;
  };
  const gap = ([low, high]: readonly [number, number]) => high - low;
  const [low, high] = range("selectionRate");
  return {
    groups: rates,
    demographicParityDifference: high - low,
    demographicParityRatio: high === 0 ? 1 : low / high,
    equalizedOddsDifference: Math.max(gap(range("truePositiveRate")), gap(range("falsePositiveRate"))),
    equalOpportunityDifference: gap(range("truePositiveRate")),
  };
}
