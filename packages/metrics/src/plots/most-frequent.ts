import { checkParam, MmubError, show } from "@mmub/core";
import type { Confusion } from "../classification.js";
import type { Say } from "../language.js";

/** A confusion matrix of the `most` classes that are most often true, the others pooled as the last one. */
export function mostFrequent(
  part: string,
  confusion: Confusion,
  most: number,
  say: Say,
): { readonly names: readonly string[]; readonly counts: readonly (readonly number[])[] } {
  checkParam(part, "most", most, Number.isInteger(most) && most >= 2, "an integer of at least 2");
  const { labels, counts } = confusion ?? {};
  const classes = labels?.length ?? 0;
  if (
    classes === 0 ||
    counts?.length !== classes ||
    counts.some((row) => row?.length !== classes || !row.every((count) => count >= 0 && count < Infinity))
  )
    throw new MmubError("invalid-input", {
      part,
      message: `the confusion matrix is ${show(confusion)}, want labels and a row and a column of counts of at least 0 for each`,
    });
  if (labels.length <= most) return { names: labels.map(String), counts };
  const support = counts.map((row) => row.reduce((a, b) => a + b, 0));
  const kept = labels
    .map((_, i) => i)
    .sort((a, b) => support[b]! - support[a]!)
    .slice(0, most - 1)
    .sort((a, b) => a - b);
  const place = new Map(kept.map((from, to) => [from, to]));
  const pooled = Array.from({ length: most }, () => new Array<number>(most).fill(0));
  for (const [i, row] of counts.entries())
    for (const [j, count] of row.entries()) pooled[place.get(i) ?? most - 1]![place.get(j) ?? most - 1]! += count;
  return {
    names: [...kept.map((i) => String(labels[i])), say("{0} others", labels.length - most + 1)],
    counts: pooled,
  };
}
