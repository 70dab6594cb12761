import type { Confusion } from "../classification.js";

/** A confusion matrix of the `most` classes that are most often true, the others pooled as the last one. */
export function mostFrequent(
  { labels, counts }: Confusion,
  most: number,
): { readonly names: readonly string[]; readonly counts: readonly (readonly number[])[] } {
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
  return { names: [...kept.map((i) => String(labels[i])), `${labels.length - most + 1} others`], counts: pooled };
}
