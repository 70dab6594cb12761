import { type Dense, isPresent, MmubError, type Random, show } from "@mmub/core";
import { solve } from "./linear-algebra.js";

const folds = 5;

/** Targets as a matrix that ridge regression fits: one column of numbers, or a column of 1 and -1 for each class. */
export interface Goals {
  readonly task: "classification" | "regression";
  readonly cols: number;
  readonly values: Float64Array;
  /** The class of each row. */
  readonly classes?: Uint32Array;
}

/** Reads targets; `invalid-input` with the index for what is neither a class nor a number. `wants` says who does. */
export function goalsOf(
  targets: readonly unknown[],
  task: Goals["task"] | undefined,
  part: string,
  wants = 'weights "skill" want',
): Goals {
  const numbers = targets.every((target) => typeof target === "number");
  for (const [index, target] of targets.entries())
    if (
      typeof target === "number" ? !Number.isFinite(target) : typeof target !== "string" && typeof target !== "boolean"
    )
      throw new MmubError("invalid-input", {
        part,
        message: `target ${index} is ${show(target)}; ${wants} a string, boolean or finite number for each row`,
        index,
      });
  const distinct = new Map<unknown, number>();
  for (const target of targets) if (!distinct.has(target)) distinct.set(target, distinct.size);
  const discrete = !numbers || (distinct.size <= 20 && targets.every(Number.isInteger));
  if ((task ?? (discrete ? "classification" : "regression")) === "classification") {
    const cols = distinct.size;
    const classes = Uint32Array.from(targets, (target) => distinct.get(target)!);
    const values = new Float64Array(targets.length * cols).fill(-1);
    for (let row = 0; row < targets.length; row++) values[row * cols + classes[row]!] = 1;
    return { task: "classification", cols, values, classes };
  }
  const wrong = targets.findIndex((target) => typeof target !== "number");
  if (wrong >= 0)
    throw new MmubError("invalid-input", {
      part,
      message: `target ${wrong} is ${show(targets[wrong])}, want a number for task "regression"`,
      index: wrong,
    });
  return { task: "regression", cols: 1, values: Float64Array.from(targets as readonly number[]) };
}

/**
 * What a modality alone says about the targets, in [0, 1]: 0 is chance, 1 is all.
 *
 * Classes: `(a - 1 / K) / (1 - 1 / K)` of the balanced accuracy `a` over K classes; numbers: R². Both of 5-fold cross-validated
 * ridge regression on the rows that have the modality, classes weighted equally and coded 1 and -1; below chance counts as 0.
 * 0 too where there are fewer than 10 rows, no columns or a single class.
 */
export function skill(features: Dense, goals: Goals, random: Random): number {
  const { cols } = features;
  const rows: number[] = [];
  for (let row = 0; row < features.rows; row++) if (isPresent(features, row)) rows.push(row);
  const counts = new Float64Array(goals.cols);
  if (goals.classes) for (const row of rows) counts[goals.classes[row]!]!++;
  if (rows.length < 10 || cols === 0 || (goals.classes && counts.filter((count) => count > 0).length < 2)) return 0;

  const weight = (row: number): number => (goals.classes ? rows.length / counts[goals.classes[row]!]! : 1);
  const foldOf = dealtFolds(rows, goals.classes, folds, random);
  const width = cols + 1; // the last column is the intercept
  const grams = Array.from({ length: folds }, () => new Float64Array(width * width));
  const sides = Array.from({ length: folds }, () => new Float64Array(width * goals.cols));
  const x = new Float64Array(width).fill(1);
  for (const row of rows) {
    x.set(features.data.subarray(row * cols, (row + 1) * cols));
    const [gram, side, of] = [grams[foldOf[row]!]!, sides[foldOf[row]!]!, weight(row)];
    for (let i = 0; i < width; i++) {
      const value = x[i]! * of;
      for (let j = 0; j <= i; j++) gram[i * width + j]! += value * x[j]!;
      for (let c = 0; c < goals.cols; c++) side[i * goals.cols + c]! += value * goals.values[row * goals.cols + c]!;
    }
  }

  const guess = new Float64Array(goals.cols);
  const right = new Float64Array(goals.cols);
  let [error, total] = [0, 0];
  const mean = rows.reduce((sum, row) => sum + goals.values[row * goals.cols]!, 0) / rows.length;
  for (let fold = 0; fold < folds; fold++) {
    const gram = new Float64Array(width * width);
    const solution = new Float64Array(width * goals.cols);
    for (let other = 0; other < folds; other++) {
      if (other === fold) continue;
      for (let i = 0; i < gram.length; i++) gram[i]! += grams[other]![i]!;
      for (let i = 0; i < solution.length; i++) solution[i]! += sides[other]![i]!;
    }
    let trace = 0;
    for (let i = 0; i < cols; i++) trace += gram[i * width + i]!;
    // A hundredth of the mean diagonal; the least on top keeps a constant modality solvable.
    for (let i = 0; i < cols; i++) gram[i * width + i]! += (0.01 * trace) / cols + 1e-12;
    solve(gram, width, solution, goals.cols);
    for (const row of rows) {
      if (foldOf[row] !== fold) continue;
      x.set(features.data.subarray(row * cols, (row + 1) * cols));
      guess.fill(0);
      for (let i = 0; i < width; i++)
        for (let c = 0; c < goals.cols; c++) guess[c]! += x[i]! * solution[i * goals.cols + c]!;
      if (goals.classes) {
        const of = goals.classes[row]!;
        if (guess.every((value, c) => c === of || value < guess[of]!)) right[of]! += 1;
      } else {
        error += (guess[0]! - goals.values[row]!) ** 2;
        total += (goals.values[row]! - mean) ** 2;
      }
    }
  }
  if (!goals.classes) return total > 0 ? Math.max(0, 1 - error / total) : 0;
  let [accuracy, classes] = [0, 0];
  for (let c = 0; c < goals.cols; c++) {
    if (counts[c] === 0) continue;
    accuracy += right[c]! / counts[c]!;
    classes++;
  }
  return Math.max(0, (accuracy / classes - 1 / classes) / (1 - 1 / classes));
}

/** The fold of each row: every class (or all rows, for numbers) dealt out in turn, in a shuffled order. */
export function dealtFolds(
  rows: readonly number[],
  classes: ArrayLike<number> | undefined,
  folds: number,
  random: Random,
): Uint32Array {
  const order = random.shuffle([...rows]);
  if (classes) order.sort((a, b) => classes[a]! - classes[b]!);
  const foldOf = new Uint32Array(rows.reduce((most, row) => Math.max(most, row + 1), 0));
  for (const [position, row] of order.entries()) foldOf[row] = position % folds;
  return foldOf;
}
