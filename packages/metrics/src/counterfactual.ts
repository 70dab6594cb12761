import { checkParam, type Dense, MmubError, quantile } from "@mmub/core";
import { checkFinite, checkLength, checkMatrix, checkPredictor } from "./checks.js";
import type { DensePredictor } from "./feature-effects.js";

export interface CounterfactualOptions {
  /** How high the score has to become. @default 0.5 */
  readonly target?: number;
  /** Columns that may change, such as those a person has a hand in. @default all */
  readonly columns?: readonly number[];
  /** How many columns may change at most. @default 5 */
  readonly most?: number;
  /** How many values of each column are tried: those at even shares of the background. @default 20 */
  readonly values?: number;
}

export interface Counterfactual {
  /** The row with its changes. */
  readonly row: Float32Array;
  readonly changes: readonly { readonly column: number; readonly from: number; readonly to: number }[];
  /** The scores of the row as it was and as it is now. */
  readonly before: number;
  readonly after: number;
  /** Whether the target is reached. */
  readonly reached: boolean;
}

/**
 * What would have to change for a row to be scored at least `target`: few columns, to values that rows of the background have, and no change
 * that is not needed. It says what the model would answer, not what such a change would bring about.
 *
 * Step by step the one change is taken that brings the score furthest for its size, in units of the column's median absolute deviation; of those that
 * reach the target the smallest. Where `most` changes do not reach it, the best found is given. Rejects a row and a background of
 * different widths. Cost: up to `most` + 1 predictions of columns x values rows. Source: Wachter et al. (2018) for the size of a change.
 *
 * @example
 * const background = dense(4, 2, Float32Array.of(1, 0, 2, 5, 8, 1, 9, 4));
 * // Loyal from 8 visits on.
 * const fitted = { predict: async ({ rows, cols, data }: Dense) => Array.from({ length: rows }, (_, i) => Number(data[i * cols]! >= 8)) };
 * const { changes } = await counterfactual(fitted, [2, 5], background, (chances) => chances);
 * console.log(changes); // column 0 from 2 to at least 8
 */
export async function counterfactual<Output>(
  fitted: DensePredictor<Output>,
  row: ArrayLike<number>,
  background: Dense,
  scoreOf: (prediction: Output) => ArrayLike<number>,
  options: CounterfactualOptions = {},
): Promise<Counterfactual> {
  const part = "@mmub/metrics/counterfactual";
  checkPredictor(part, fitted);
  checkMatrix(part, "background", background);
  const { cols, rows } = background;
  const { target = 0.5, columns = Array.from({ length: cols }, (_, c) => c), most = 5, values = 20 } = options;
  checkParam(part, "target", target, Number.isFinite(target), "a finite number");
  checkParam(part, "most", most, Number.isInteger(most) && most > 0, "a positive integer");
  checkParam(part, "values", values, Number.isInteger(values) && values > 1, "an integer above 1");
  for (const column of columns)
    checkParam(
      part,
      "columns",
      column,
      Number.isInteger(column) && column >= 0 && column < cols,
      `columns below ${cols}`,
    );
  if (row.length !== cols || rows === 0)
    throw new MmubError("shape-mismatch", {
      part,
      message: `the row has ${row.length} numbers and the background is ${rows} x ${cols}, want rows of as many columns`,
    });
  const scored = async (candidates: readonly Float32Array[]): Promise<ArrayLike<number>> => {
    const data = new Float32Array(candidates.length * cols);
    for (const [i, candidate] of candidates.entries()) data.set(candidate, i * cols);
    const scores = scoreOf(await fitted.predict({ layout: "dense", rows: candidates.length, cols, data }));
    checkLength(part, "scoreOf's values", scores, candidates.length);
    checkFinite(part, "scoreOf's value", scores);
    return scores;
  };

  const own = Float32Array.from(row);
  const tried = new Map(columns.map((column) => [column, spreadOf(background, column, values)]));
  const before = (await scored([own]))[0]!;
  let best = own;
  let after = before;
  const changed = new Set<number>();
  while (after < target && changed.size < most) {
    const candidates = [...tried].flatMap(([column, { grid, unit }]) =>
      changed.has(column)
        ? []
        : grid
            .filter((value) => value !== best[column])
            .map((value) => {
              const next = best.slice();
              next[column] = value;
              return { next, column, size: Math.abs(value - own[column]!) / unit };
            }),
    );
    if (candidates.length === 0) break;
    const scores = await scored(candidates.map(({ next }) => next));
    const reaching = candidates.some((_, i) => scores[i]! >= target);
    // The smallest of those that reach the target, else the one that brings most for its size.
    const worth = (i: number) =>
      reaching
        ? scores[i]! >= target
          ? -candidates[i]!.size
          : Number.NEGATIVE_INFINITY
        : (scores[i]! - after) / (1 + candidates[i]!.size);
    let chosen = 0;
    for (let i = 1; i < candidates.length; i++) if (worth(i) > worth(chosen)) chosen = i;
    if (scores[chosen]! <= after) break;
    best = candidates[chosen]!.next;
    after = scores[chosen]!;
    changed.add(candidates[chosen]!.column);
  }
  if (after >= target)
    for (const column of [...changed]) {
      const without = best.slice();
      without[column] = own[column]!;
      const score = (await scored([without]))[0]!;
      if (score < target) continue;
      best = without;
      after = score;
      changed.delete(column);
    }
  return {
    row: best,
    changes: [...changed].map((column) => ({ column, from: own[column]!, to: best[column]! })),
    before,
    after,
    reached: after >= target,
  };
}

/** Values of the column at even shares of its known ones, and its median absolute deviation, 1 where that is 0. */
function spreadOf({ rows, cols, data }: Dense, column: number, values: number) {
  const known = Float64Array.from({ length: rows }, (_, row) => data[row * cols + column]!)
    .filter((value) => !Number.isNaN(value))
    .sort();
  if (known.length === 0) return { grid: [], unit: 1 };
  const middle = quantile(known, 0.5);
  const unit = quantile(known.map((value) => Math.abs(value - middle)).sort(), 0.5) || 1;
  const at = Array.from({ length: values }, (_, i) => known[Math.round((i * (known.length - 1)) / (values - 1))]!);
  return { grid: [...new Set(at)], unit };
}
