import type { Label } from "@mmub/core";
import { accuracy, type Split, take } from "@mmub/metrics";

/** Learns from the rows `train` of a data set and gives the labels that it predicts for the rows `test`. */
export type Predict<L extends Label> = (train: Uint32Array, test: Uint32Array, seed: number) => Promise<readonly L[]>;

export interface Selection<L extends Label> {
  readonly labels: readonly L[];
  /** Rows of the training split. */
  readonly folds: readonly Split[];
  readonly seed: number;
  /**
   * `"best"`: the best mean accuracy over the folds. `"one standard error"`: the first within one standard error of it, for
   * candidates in order of simplicity (Breiman et al. 1984, Hastie et al. 2009, 7.10).
   */
  readonly rule: "best" | "one standard error";
}

/** One of the candidates by cross-validation; of equals the first. */
export async function select<L extends Label, C extends { readonly predict: Predict<L> }>(
  candidates: readonly C[],
  { labels, folds, seed, rule }: Selection<L>,
): Promise<C> {
  const scored: { candidate: C; mean: number; error: number }[] = [];
  for (const candidate of candidates) {
    const scores: number[] = [];
    for (const { train, test } of folds)
      scores.push(accuracy(take(labels, test), await candidate.predict(train, test, seed)));
    const mean = scores.reduce((sum, score) => sum + score, 0) / folds.length;
    const variance = scores.reduce((sum, score) => sum + (score - mean) ** 2, 0) / (folds.length - 1);
    scored.push({ candidate, mean, error: Math.sqrt(variance / folds.length) });
  }
  const best = scored.reduce((a, b) => (b.mean > a.mean ? b : a));
  const enough = rule === "best" ? best.mean : best.mean - best.error;
  return scored.find(({ mean }) => mean >= enough)!.candidate;
}
