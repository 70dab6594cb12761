import { MmubError } from "@mmub/core";
import { checkFinite, checkLength, rejectAt } from "./checks.js";

/** How long a sample was seen, and whether what is waited for happened at the end of it: what `survivalTask` of `@mmub/models` learns from. */
export interface Survival {
  readonly time: number;
  readonly event: boolean;
}

/**
 * How well risks tell who is sooner (Harrell's C): the share of comparable pairs in which the one that has the event first has the higher
 * risk, equal risks counting one half. 0.5 is chance, 1 is perfect. A pair is comparable where one has its event while the other is still
 * seen: later, or at the same time without an event.
 *
 * Rejects arrays of different lengths, empty ones, times that are not finite or below 0, risks that are not finite, and data without a
 * comparable pair. Cost: sorting the times. Source: Harrell et al., Evaluating the yield of medical tests (1982); scikit-survival's
 * `concordance_index_censored`, but for its tolerance: only equal risks are equal.
 *
 * @example
 * const truth = [{ time: 2, event: true }, { time: 5, event: false }, { time: 7, event: true }];
 * concordanceIndex(truth, [0.9, -0.3, 0.2]); // 1
 */
export function concordanceIndex(truth: readonly Survival[], risks: ArrayLike<number>): number {
  const part = "@mmub/metrics/concordance-index";
  checkLength(part, "truth", truth);
  checkLength(part, "risks", risks, truth.length);
  for (const [index, one] of truth.entries())
    if (!(Number.isFinite(one?.time) && one.time >= 0 && typeof one.event === "boolean"))
      rejectAt(part, "truth", index, one, "{ time, event }: a number of at least 0, and whether it happened");
  checkFinite(part, "risks", risks);

  const order = [...truth.keys()].sort((a, b) => truth[b]!.time - truth[a]!.time);
  const distinct = Float64Array.from(new Set(Array.from(risks))).sort();
  const rankOf = new Map(Array.from(distinct, (risk, rank) => [risk, rank]));
  // How many that are still seen have a risk of each rank, as sums over ranges (Fenwick 1994).
  const sums = new Uint32Array(distinct.length + 1);
  let seen = 0;
  const add = (row: number) => {
    seen++;
    for (let at = rankOf.get(risks[row]!)! + 1; at < sums.length; at += at & -at) sums[at]!++;
  };
  const below = (rank: number) => {
    let count = 0;
    for (let at = rank; at > 0; at -= at & -at) count += sums[at]!;
    return count;
  };
  let concordant = 0;
  let comparable = 0;
  for (let from = 0; from < order.length; ) {
    let to = from;
    while (to < order.length && truth[order[to]!]!.time === truth[order[from]!]!.time) to++;
    const together = order.slice(from, to);
    const events = together.filter((row) => truth[row]!.event);
    for (const row of together) if (!truth[row]!.event) add(row);
    for (const row of events) {
      const rank = rankOf.get(risks[row]!)!;
      const less = below(rank);
      concordant += less + (below(rank + 1) - less) / 2;
      comparable += seen;
    }
    for (const row of events) add(row);
    from = to;
  }
  if (comparable === 0)
    throw new MmubError("invalid-input", {
      part,
      message: "no two samples can be compared, want an event while another is still seen",
    });
  return concordant / comparable;
}
