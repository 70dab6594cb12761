import { MmubError, type Random, takeFeatures } from "@mmub/core";
import { linearKernel, type Matrix } from "./linear.js";

/**
 * Deals rows to `folds` of equal size and with an equal share of each class. Returns the fold of each row, or -1 for the
 * only row of a class: it is never held out, since a model cannot learn a class that it has not seen.
 */
export function stratifiedFolds(
  classOf: ArrayLike<number>,
  classes: number,
  folds: number,
  random: Random,
  part: string,
  advice = "give more rows or fewer folds",
): Int32Array {
  const members: number[][] = Array.from({ length: classes }, () => []);
  for (let row = 0; row < classOf.length; row++) members[classOf[row]!]!.push(row);
  const foldOf = new Int32Array(classOf.length).fill(-1);
  let dealt = 0;
  for (const rows of members)
    if (rows.length > 1) for (const row of random.shuffle(rows)) foldOf[row] = dealt++ % folds;
  if (dealt < folds)
    throw new MmubError("invalid-input", {
      part,
      message: `cross-validation in ${folds} folds got ${dealt} rows that can be held out, want at least one a fold; ${advice}`,
      folds,
      rows: dealt,
    });
  return foldOf;
}

/** The rows in (`held`) and outside of fold `fold`. */
export function splitFold(foldOf: Int32Array, fold: number): { readonly held: number[]; readonly kept: number[] } {
  const held: number[] = [];
  const kept: number[] = [];
  for (let row = 0; row < foldOf.length; row++) (foldOf[row] === fold ? held : kept).push(row);
  return { held, kept };
}

/**
 * The mean squared error of `candidates` linear regressions on rows held out in turn. `learn` makes, of the rows of a fold to learn from,
 * what gives the weights of each candidate as kernels take them.
 */
export async function heldOutErrors(
  x: Matrix,
  targets: ArrayLike<number>,
  foldOf: Int32Array,
  folds: number,
  candidates: number,
  learn: (x: Matrix, targets: Float64Array) => Promise<(candidate: number) => Promise<Float64Array>>,
): Promise<number[]> {
  const sums = new Float64Array(candidates);
  for (let fold = 0; fold < folds; fold++) {
    const { held, kept } = splitFold(foldOf, fold);
    const weightsOf = await learn(
      takeFeatures(x, kept),
      Float64Array.from(kept, (row) => targets[row]!),
    );
    const kernel = linearKernel(takeFeatures(x, held), 1);
    const guesses = new Float64Array(held.length);
    for (let at = 0; at < candidates; at++) {
      kernel.scores(0, held.length, await weightsOf(at), guesses);
      for (const [i, row] of held.entries()) sums[at]! += (guesses[i]! - targets[row]!) ** 2;
    }
  }
  return Array.from(sums, (sum) => sum / x.rows);
}
