import {
  checkParam,
  type Features,
  type FitOptions,
  type FittedModel,
  MmubError,
  type Model,
  pace,
  progress,
  type Regression,
  random,
  type Saved,
  turn,
} from "@mmub/core";
import { type Centered, center, interceptOf, pull, push, spreads } from "./centered.js";
import { heldOutErrors, stratifiedFolds } from "./folds.js";
import { gram } from "./gram.js";
import { linearKernel, type Matrix, packed, strideOf } from "./linear.js";
import { checkRegression, fittedLinear, type LinearFit, loadedLinear } from "./linear-regressor.js";
import type { OnnxExport } from "./onnx-export.js";
import { cholesky, choleskySolve, eigen } from "./symmetric.js";

const type = "@mmub/models/ridge";

export interface RidgeParams {
  /**
   * Strength of the L2 penalty, at least 0. Several, all above 0, are compared by cross-validation on the training rows,
   * and the one of the lowest squared error is fitted on all of them. @default 1
   */
  readonly alpha?: number | readonly number[];
  /** Whether to fit an intercept, which is not penalised. @default true */
  readonly fitIntercept?: boolean;
  /**
   * How several `alpha` are compared: `"leave-one-out"`, exact and in one go, at the cost of an eigendecomposition of the
   * smaller side; or the number of folds, dealt by the seed of the fit. @default "leave-one-out"
   */
  readonly folds?: "leave-one-out" | number;
  /**
   * `"cholesky"` is exact and costs rows * cols * side + side^3, with the smaller side of the matrix; `"cg"` goes on to
   * `tolerance` at two passes over the values an iteration. `"auto"` takes cholesky for Dense with a side of at most 1024.
   * @default "auto"
   */
  readonly solver?: "auto" | "cholesky" | "cg";
  /** Of `"cg"`: the gradient at the end, relative to that at the start. @default 1e-10 */
  readonly tolerance?: number;
  /** Of `"cg"`. @default 1000 */
  readonly maxIterations?: number;
}

export interface Ridge extends Model<number, Regression> {
  fit(x: Features, targets: readonly number[], options?: FitOptions): Promise<FittedRidge>;
  load(saved: Saved): Promise<FittedRidge>;
}

export interface FittedRidge extends FittedModel<Regression>, OnnxExport {
  /** One for each column. */
  readonly coefficients: Float64Array;
  /** 0 without an intercept. */
  readonly intercept: number;
  /** The penalty of this fit: the chosen one, where there were several. */
  readonly alpha: number;
  /** The mean squared error of each `alpha` on rows left out, in the order given; where there were several. */
  readonly scores?: readonly number[];
  /** Whether the solver reached its tolerance; always with `"cholesky"`. If not, raise `maxIterations` or `alpha`. */
  readonly converged: boolean;
}

/**
 * Ridge regression: least squares with an L2 penalty, minimises `|y - x coefficients|^2 + alpha * |coefficients|^2`.
 *
 * Input: Dense or Sparse, which stays sparse; more columns than rows, constant and collinear columns are fine, and rows
 * of missing modalities are zeros. The penalty counts in the units of the columns: bring them to one scale first.
 * Output: one number a row (float64). Rejects Sequence, values that are not finite (with row and column), targets that
 * are not finite numbers (with the index), and in `predict` another width. With `alpha` 0 and more than one solution, the
 * smallest is taken.
 * Cost: see `solver`. Source: Hoerl & Kennard 1970; leave-one-out by the hat matrix (Rifkin & Lippert 2007). The numbers
 * are those of scikit-learn's `Ridge` and `RidgeCV`.
 *
 * @example
 * const spend = dense(4, 1, Float32Array.of(1, 2, 3, 4));
 * const fitted = await ridge({ alpha: [0.01, 0.1, 1] }).fit(spend, [2.1, 3.9, 6.2, 7.8]);
 * const { values } = await fitted.predict(spend);
 */
export function ridge(params: RidgeParams = {}): Ridge {
  const {
    alpha = 1,
    fitIntercept = true,
    folds = "leave-one-out",
    solver = "auto",
    tolerance = 1e-10,
    maxIterations = 1000,
  } = params;
  const from = (least: number) => (value: unknown) =>
    typeof value === "number" && value >= least && value < Number.POSITIVE_INFINITY;
  checkParam(
    type,
    "alpha",
    alpha,
    Array.isArray(alpha) ? alpha.length > 0 && alpha.every(from(Number.MIN_VALUE)) : from(0)(alpha),
    "a number of at least 0, or some above 0",
  );
  checkParam(type, "fitIntercept", fitIntercept, typeof fitIntercept === "boolean", "true or false");
  checkParam(
    type,
    "folds",
    folds,
    folds === "leave-one-out" || (Number.isInteger(folds) && folds > 1),
    '"leave-one-out" or an integer of at least 2',
  );
  checkParam(type, "solver", solver, ["auto", "cholesky", "cg"].includes(solver), '"auto", "cholesky" or "cg"');
  checkParam(type, "tolerance", tolerance, from(Number.MIN_VALUE)(tolerance), "a positive number");
  checkParam(
    type,
    "maxIterations",
    maxIterations,
    Number.isInteger(maxIterations) && maxIterations > 0,
    "a positive integer",
  );
  const recipe = { type, params: { alpha, fitIntercept, folds, solver, tolerance, maxIterations } };

  const fitted = (state: State): FittedRidge => fittedLinear(recipe, state);

  return {
    ...recipe,
    async fit(x, targets, options) {
      await turn(options?.signal);
      checkRegression(x, targets, type);
      const report = progress(options, type);
      let done = 0;
      const run: Run = { pause: pace(options?.signal), step: () => report(++done) };
      const data = center(x, Float64Array.from(targets), fitIntercept);
      if (!Array.isArray(alpha)) return fitted(await solveOnce(data, alpha as number, recipe.params, run));
      if (folds === "leave-one-out") return fitted(await leaveOneOut(data, alpha, run));
      const scores = await scoreFolds(x, targets, alpha, recipe.params, options?.seed ?? 0, run);
      const best = alpha[scores.indexOf(Math.min(...scores))]!;
      return fitted({ ...(await solveOnce(data, best, recipe.params, run)), scores });
    },
    load: async (saved) => fitted(loadedLinear<State>(saved, recipe)),
  };
}

interface State extends LinearFit {
  readonly alpha: number;
  readonly scores?: readonly number[];
  readonly converged: boolean;
}

/** What every solver needs of the surrounding fit: to give way and abort, and to tell that a step is done. */
interface Run {
  readonly pause: () => Promise<void> | undefined;
  readonly step: () => void;
}

function stateOf(data: Centered, coefficients: Float64Array, alpha: number, converged: boolean): State {
  return { coefficients, intercept: interceptOf(data, coefficients), alpha, converged };
}

type Solver = (alpha: number) => Promise<State>;

async function solveOnce(data: Centered, alpha: number, params: Required<RidgeParams>, run: Run): Promise<State> {
  return (await solverOf(data, params, run))(alpha);
}

async function solverOf(data: Centered, params: Required<RidgeParams>, run: Run): Promise<Solver> {
  const { x } = data;
  const { solver } = params;
  if (solver === "cg" || (solver === "auto" && (x.layout === "sparse" || Math.min(x.rows, x.cols) > 1024)))
    return (alpha) => conjugateGradients(data, alpha, params, run);
  return direct(data, run);
}

async function direct(data: Centered, run: Run): Promise<Solver> {
  const side = data.x.cols <= data.x.rows ? "columns" : "rows";
  const { size, stride, values } = await gram(data.x, data.means, side, run.pause, run.step);
  const right = side === "columns" ? pull(data, data.targets) : data.targets;
  return async (alpha) => {
    const factor = values.slice();
    const solution = right.slice();
    if (await cholesky(factor, size, stride, alpha, run.pause)) choleskySolve(factor, size, stride, solution);
    else {
      const spectrum = await spectrumOf(values.slice(), size, stride, run);
      solution.set(spectralSolve(spectrum, right, alpha));
    }
    run.step();
    return stateOf(data, side === "columns" ? solution : pull(data, solution), alpha, true);
  };
}

interface Spectrum {
  readonly values: Float64Array;
  readonly vectors: Float64Array;
}

/** Eigenvalues that only rounding tells from 0 are 0. */
async function spectrumOf(a: Float64Array, size: number, stride: number, run: Run): Promise<Spectrum> {
  const { values, vectors } = await eigen(a, size, stride, run.pause);
  const floor = size * Number.EPSILON * values.reduce((most, value) => Math.max(most, value), 0);
  return { values: values.map((value) => (value > floor ? value : 0)), vectors };
}

/** (V diag(values) V' + alpha)^-1 right; the smallest solution where there are many. */
function spectralSolve({ values, vectors }: Spectrum, right: Float64Array, alpha: number): Float64Array {
  const size = values.length;
  const out = new Float64Array(size);
  for (let j = 0; j < size; j++) {
    const value = values[j]!;
    if (value + alpha === 0) continue;
    let share = 0;
    for (let k = 0; k < size; k++) share += vectors[j * size + k]! * right[k]!;
    share /= value + alpha;
    for (let k = 0; k < size; k++) out[k]! += share * vectors[j * size + k]!;
  }
  return out;
}

/**
 * Conjugate gradients on the normal equations, which are never formed, preconditioned by their diagonal; not so without a
 * penalty, since only then do they lead to the smallest of many solutions.
 * Source: CGLS (Bjorck, Numerical Methods for Least Squares Problems, 7.4).
 */
async function conjugateGradients(
  data: Centered,
  alpha: number,
  { tolerance, maxIterations }: Required<RidgeParams>,
  run: Run,
): Promise<State> {
  const { rows, cols } = data.x;
  const inverse = spreads(data).map((spread) => (alpha === 0 ? 1 : 1 / (spread + alpha)));
  const coefficients = new Float64Array(cols);
  const residuals = data.targets.slice();
  const direction = new Float64Array(cols);
  const moved = new Float64Array(rows);
  let size = 0;
  let goal = 0;
  for (let iteration = 0; ; iteration++) {
    await run.pause();
    const gradient = pull(data, residuals);
    const before = size;
    size = 0;
    for (let k = 0; k < cols; k++) {
      gradient[k]! -= alpha * coefficients[k]!;
      size += gradient[k]! * gradient[k]! * inverse[k]!;
    }
    if (iteration === 0) goal = tolerance * tolerance * size;
    if (size <= goal) return stateOf(data, coefficients, alpha, true);
    if (iteration === maxIterations) return stateOf(data, coefficients, alpha, false);
    const kept = iteration === 0 ? 0 : size / before;
    for (let k = 0; k < cols; k++) direction[k] = inverse[k]! * gradient[k]! + kept * direction[k]!;

    push(data, direction, moved);
    let curvature = 0;
    for (let row = 0; row < rows; row++) curvature += moved[row]! * moved[row]!;
    for (let k = 0; k < cols; k++) curvature += alpha * direction[k]! * direction[k]!;
    const step = size / curvature;
    for (let k = 0; k < cols; k++) coefficients[k]! += step * direction[k]!;
    for (let row = 0; row < rows; row++) residuals[row]! -= step * moved[row]!;
    run.step();
  }
}

/**
 * The error of each row when it is left out is its residual over 1 less its leverage, for every alpha from one
 * eigendecomposition of the smaller of X'X and XX'.
 */
async function leaveOneOut(data: Centered, alphas: readonly number[], run: Run): Promise<State> {
  const { x, means, targets, fitIntercept } = data;
  const { rows, cols } = x;
  if (rows < 2)
    throw new MmubError("invalid-input", {
      part: type,
      message: "got 1 row, want at least 2 to choose alpha by leave-one-out; give one alpha",
      rows,
    });
  const side = cols <= rows ? "columns" : "rows";
  const { size, stride, values } = await gram(x, means, side, run.pause, run.step);
  const spectrum = await spectrumOf(values, size, stride, run);
  const right = side === "columns" ? pull(data, targets) : targets;
  const shares = new Float64Array(size);
  for (let j = 0; j < size; j++)
    for (let k = 0; k < size; k++) shares[j]! += spectrum.vectors[j * size + k]! * right[k]!;
  // The intercept has a leverage of its own.
  const ofIntercept = fitIntercept ? 1 / rows : 0;

  const sums = new Float64Array(alphas.length);
  // Column j of a row's projections is its part along eigenvector j.
  const wide = strideOf(Math.max(2, size));
  const projection = new Float64Array((cols + 1) * wide);
  if (side === "columns")
    for (let j = 0; j < size; j++)
      for (let k = 0; k < cols; k++) {
        const part = spectrum.vectors[j * size + k]!;
        projection[k * wide + j] = part;
        projection[cols * wide + j]! -= part * means[k]!;
      }
  const kernel = linearKernel(x, wide);
  const parts = new Float64Array(kernel.block * wide);
  for (let from = 0; from < rows; from += kernel.block) {
    await run.pause();
    const to = Math.min(rows, from + kernel.block);
    if (side === "columns") kernel.scores(from, to, projection, parts);
    else
      for (let row = from; row < to; row++)
        for (let j = 0; j < size; j++) parts[(row - from) * wide + j] = spectrum.vectors[j * size + row]!;
    for (const [a, alpha] of alphas.entries())
      for (let row = from; row < to; row++) {
        const at = (row - from) * wide;
        let residual = side === "columns" ? targets[row]! : 0;
        let left = (side === "columns" ? 1 : 0) - ofIntercept;
        for (let j = 0; j < size; j++) {
          const part = parts[at + j]!;
          const damped =
            side === "columns" ? -1 / (spectrum.values[j]! + alpha) : alpha / (spectrum.values[j]! + alpha);
          residual += part * damped * shares[j]!;
          left += part * part * damped;
        }
        sums[a]! += (residual / Math.max(left, Number.EPSILON)) ** 2;
      }
    run.step();
  }
  const scores = Array.from(sums, (sum) => sum / rows);
  const alpha = alphas[scores.indexOf(Math.min(...scores))]!;
  const solution = spectralSolve(spectrum, right, alpha);
  return { ...stateOf(data, side === "columns" ? solution : pull(data, solution), alpha, true), scores };
}

async function scoreFolds(
  x: Matrix,
  targets: readonly number[],
  alphas: readonly number[],
  params: Required<RidgeParams>,
  seed: number,
  run: Run,
): Promise<number[]> {
  const folds = params.folds as number;
  const foldOf = stratifiedFolds(new Uint8Array(x.rows), 1, folds, random(seed).fork("folds"), type);
  return heldOutErrors(x, targets, foldOf, folds, alphas.length, async (train, wanted) => {
    const solver = await solverOf(center(train, wanted, params.fitIntercept), params, run);
    return async (at) => {
      const { coefficients, intercept } = await solver(alphas[at]!);
      return packed(coefficients, Float64Array.of(intercept), x.cols);
    };
  });
}
