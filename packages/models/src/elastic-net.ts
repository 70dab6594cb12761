import {
  checkParam,
  type Features,
  type FitOptions,
  type FittedModel,
  type Model,
  pace,
  progress,
  type Random,
  type Regression,
  random,
  type Saved,
  turn,
} from "@mmub/core";
import { type Centered, center, interceptOf, pull, spreads } from "./centered.js";
import { columnsOf } from "./coordinate.js";
import { heldOutErrors, stratifiedFolds } from "./folds.js";
import { gram } from "./gram.js";
import { packed } from "./linear.js";
import { checkRegression, fittedLinear, type LinearFit, loadedLinear } from "./linear-regressor.js";
import type { OnnxExport } from "./onnx-export.js";
import { isPositive } from "./params.js";
import { filled } from "./trees/settings.js";

export interface LassoParams {
  /**
   * Strength of the penalty. Several are compared by the mean squared error on rows held out of the training rows, and the best is
   * fitted on all of them. For none take `ridge({ alpha: 0 })`. @default 1
   */
  readonly alpha?: number | readonly number[];
  /** Whether to fit an intercept, which is not penalised. @default true */
  readonly fitIntercept?: boolean;
  /** Whether coefficients may not be negative. @default false */
  readonly positive?: boolean;
  /** The order of the coefficients in each sweep; `"random"` may be faster with a strict `tolerance`. @default "cyclic" */
  readonly selection?: "cyclic" | "random";
  /** When to stop: the duality gap, as a share of the sum of the squared targets (less their mean). @default 1e-4 */
  readonly tolerance?: number;
  /** Sweeps over the coefficients. @default 1000 */
  readonly maxIterations?: number;
  /** Folds of the cross-validation, where there are several `alpha`; the seed of the fit deals the rows. @default 5 */
  readonly folds?: number;
}

export interface ElasticNetParams extends LassoParams {
  /** The share of the L1 penalty, from 0 (L2 alone) to 1 (the lasso). @default 0.5 */
  readonly l1Ratio?: number;
}

export interface ElasticNet extends Model<number, Regression> {
  fit(x: Features, targets: readonly number[], options?: FitOptions): Promise<FittedElasticNet>;
  load(saved: Saved): Promise<FittedElasticNet>;
}

export interface FittedElasticNet extends FittedModel<Regression>, OnnxExport {
  /** One for each column, many of them 0. */
  readonly coefficients: Float64Array;
  /** 0 without an intercept. */
  readonly intercept: number;
  /** The penalty of this fit: the chosen one, where there were several. */
  readonly alpha: number;
  /** The mean squared error of each `alpha` on rows held out, in the order given; where there were several. */
  readonly scores?: readonly number[];
  /** Whether the tolerance was reached. If not, raise `maxIterations` or `alpha`, or bring the columns to one scale. */
  readonly converged: boolean;
  /** Sweeps of the last fit. */
  readonly iterations: number;
}

type Params = Required<ElasticNetParams>;

/**
 * The lasso: least squares with an L1 penalty, which leaves few coefficients other than 0; minimises
 * `|y - x coefficients|^2 / (2 rows) + alpha * sum(|coefficients|)`. It is `elasticNet` with `l1Ratio` 1: see there.
 *
 * @example
 * const spend = dense(4, 2, Float32Array.of(1, 0, 2, 1, 3, 0, 4, 1));
 * const fitted = await lasso({ alpha: 0.1 }).fit(spend, [2.1, 3.9, 6.2, 7.8]);
 * console.log(fitted.coefficients); // the second is 0
 */
export function lasso(params: LassoParams = {}): ElasticNet {
  const { l1Ratio: _, ...defaults } = elasticNetDefaults;
  return recipeOf("@mmub/models/lasso", { ...filled("@mmub/models/lasso", params, defaults, []), l1Ratio: 1 });
}

/**
 * Linear regression with an L1 and an L2 penalty: minimises `|y - x coefficients|^2 / (2 rows) + alpha * l1Ratio *
 * sum(|coefficients|) + alpha * (1 - l1Ratio) / 2 * |coefficients|^2`. Of columns that say the same it keeps all, where the lasso keeps one.
 *
 * Input: Dense or Sparse, which stays sparse; more columns than rows, constant and collinear columns are fine, and rows of missing
 * modalities are zeros. The penalty counts in the units of the columns: bring them to one scale first.
 * Output: one number a row (float64). Rejects Sequence, values and targets that are not finite (with the index), and in `predict` another
 * width. The progress of a fit counts sweeps, of all fits where there are several.
 * Cost: up to 1024 columns that are fewer than rows, rows * cols^2 / 2 once and cols^2 a sweep; else a pass over the values a sweep, most of them over
 * the columns whose coefficients are not 0 alone. Dense of more columns is copied as float64.
 * Source: coordinate descent (Friedman, Hastie & Tibshirani 2010) until the duality gap is small (Kim et al. 2007). The numbers are those
 * of scikit-learn's `ElasticNet` and `Lasso`.
 *
 * @example
 * const spend = dense(4, 2, Float32Array.of(1, 1, 2, 2, 3, 3, 4, 4));
 * const fitted = await elasticNet({ alpha: [0.01, 0.1], folds: 2 }).fit(spend, [2.1, 3.9, 6.2, 7.8]);
 * const { values } = await fitted.predict(spend);
 */
export function elasticNet(params: ElasticNetParams = {}): ElasticNet {
  return recipeOf("@mmub/models/elastic-net", filled("@mmub/models/elastic-net", params, elasticNetDefaults, []));
}

const elasticNetDefaults: Params = {
  alpha: 1,
  l1Ratio: 0.5,
  fitIntercept: true,
  positive: false,
  selection: "cyclic",
  tolerance: 1e-4,
  maxIterations: 1000,
  folds: 5,
};

function recipeOf(type: string, params: Params): ElasticNet {
  const { alpha, l1Ratio, fitIntercept, positive, selection, tolerance, maxIterations, folds } = params;
  const check = (name: string, value: unknown, ok: boolean, want: string): void =>
    checkParam(type, name, value, ok, want);
  const several = Array.isArray(alpha);
  check(
    "alpha",
    alpha,
    several ? alpha.length > 0 && alpha.every(isPositive) : isPositive(alpha),
    "a positive number or some of them",
  );
  check("l1Ratio", l1Ratio, l1Ratio >= 0 && l1Ratio <= 1, "a number from 0 to 1");
  check("fitIntercept", fitIntercept, typeof fitIntercept === "boolean", "true or false");
  check("positive", positive, typeof positive === "boolean", "true or false");
  check("selection", selection, ["cyclic", "random"].includes(selection), '"cyclic" or "random"');
  check("tolerance", tolerance, isPositive(tolerance), "a positive number");
  check("maxIterations", maxIterations, Number.isInteger(maxIterations) && maxIterations > 0, "a positive integer");
  check("folds", folds, Number.isInteger(folds) && folds > 1, "an integer of at least 2");
  const { l1Ratio: _, ...ofLasso } = params;
  const recipe = { type, params: type.endsWith("lasso") ? ofLasso : params };
  const fitted = (state: State): FittedElasticNet => fittedLinear(recipe, state);

  return {
    ...recipe,
    async fit(x, targets, options) {
      await turn(options?.signal);
      checkRegression(x, targets, type);
      const numbers = random(options?.seed ?? 0);
      const report = progress(options, type);
      let done = 0;
      const run: Run = { random: numbers.fork("order"), pause: pace(options?.signal), step: () => report(++done) };
      const wanted = Float64Array.from(targets);
      if (!several) {
        const data = center(x, wanted, fitIntercept);
        const state = await descend(await problemOf(data, run), data, alpha as number, params, run);
        options?.signal?.throwIfAborted();
        return fitted(state);
      }

      // From the strongest penalty to the weakest, each from where the one before has ended.
      const path = [...alpha.keys()].sort((a, b) => alpha[b]! - alpha[a]!);
      const walk = async (data: Centered, last: number): Promise<State[]> => {
        const problem = await problemOf(data, run);
        const states: State[] = [];
        for (const at of path) {
          if (alpha[at]! < last) break;
          states[at] = await descend(problem, data, alpha[at]!, params, run);
        }
        return states;
      };
      const foldOf = stratifiedFolds(new Uint8Array(x.rows), 1, folds, numbers.fork("folds"), type);
      const scores = await heldOutErrors(x, targets, foldOf, folds, alpha.length, async (train, wanted) => {
        const states = await walk(center(train, wanted, fitIntercept), 0);
        return async (at) => packed(states[at]!.coefficients, Float64Array.of(states[at]!.intercept), x.cols);
      });
      // Among equals, the strongest penalty.
      const best = path.reduce((best, at) => (scores[at]! < scores[best]! ? at : best));
      const states = await walk(center(x, wanted, fitIntercept), alpha[best]!);
      options?.signal?.throwIfAborted();
      return fitted({ ...states[best]!, scores });
    },
    load: async (saved) => fitted(loadedLinear<State>(saved, recipe)),
  };
}

interface State extends LinearFit {
  readonly alpha: number;
  readonly scores?: readonly number[];
  readonly converged: boolean;
  readonly iterations: number;
}

interface Run {
  readonly random: Random;
  readonly pause: () => Promise<void> | undefined;
  readonly step: () => void;
}

/** Least squares by coordinates, which remembers the coefficients that it was moved to. */
interface Problem {
  readonly coefficients: Float64Array;
  /** The sum of the squares of each column; 0: constant, and never moved. */
  readonly squares: Float64Array;
  /** The column times the residuals. */
  slope(column: number): number;
  /** Adds to a coefficient. */
  move(column: number, by: number): void;
  /** The sum of the squared residuals. */
  error(): number;
}

async function problemOf(data: Centered, run: Run): Promise<Problem> {
  const { rows, cols } = data.x;
  if (cols <= Math.min(rows, 1024)) return ofProducts(data, run);
  return data.x.layout === "dense" ? ofDense(data) : ofSparse(data);
}

/** By the products of the columns with each other: a step costs as much as there are columns, however many the rows. */
async function ofProducts(data: Centered, run: Run): Promise<Problem> {
  const { size, stride, values } = await gram(data.x, data.means, "columns", run.pause, run.step);
  for (let i = 0; i < size; i++) for (let j = 0; j < i; j++) values[j * stride + i] = values[i * stride + j]!;
  const ofTargets = pull(data, data.targets);
  const slopes = ofTargets.slice();
  const total = sumOfSquares(data.targets);
  const coefficients = new Float64Array(size);
  return {
    coefficients,
    squares: spreads(data).map((spread, k) => (spread > 0 ? values[k * stride + k]! : 0)),
    slope: (column) => slopes[column]!,
    move(column, by) {
      coefficients[column]! += by;
      const at = column * stride;
      for (let k = 0; k < size; k++) slopes[k]! -= by * values[at + k]!;
    },
    error() {
      let error = total;
      for (let k = 0; k < size; k++) error -= coefficients[k]! * (ofTargets[k]! + slopes[k]!);
      return Math.max(0, error);
    },
  };
}

function ofDense(data: Centered): Problem {
  const { x, means } = data;
  const { rows, cols } = x;
  // Centred before it is multiplied: subtracting the means from the products would cancel what matters.
  const columns = new Float64Array(rows * cols);
  if (x.layout === "dense")
    for (let row = 0; row < rows; row++)
      for (let k = 0; k < cols; k++) columns[k * rows + row] = x.data[row * cols + k]! - means[k]!;
  const residuals = data.targets.slice();
  const coefficients = new Float64Array(cols);
  return {
    coefficients,
    squares: spreads(data),
    slope(column) {
      const at = column * rows;
      let [a, b, c, d] = [0, 0, 0, 0];
      let row = 0;
      for (; row + 4 <= rows; row += 4) {
        a += columns[at + row]! * residuals[row]!;
        b += columns[at + row + 1]! * residuals[row + 1]!;
        c += columns[at + row + 2]! * residuals[row + 2]!;
        d += columns[at + row + 3]! * residuals[row + 3]!;
      }
      for (; row < rows; row++) a += columns[at + row]! * residuals[row]!;
      return a + b + (c + d);
    },
    move(column, by) {
      coefficients[column]! += by;
      const at = column * rows;
      for (let row = 0; row < rows; row++) residuals[row]! -= by * columns[at + row]!;
    },
    error: () => sumOfSquares(residuals),
  };
}

/** The values stay as they are: residuals are those kept and one number that all of them are short of. */
function ofSparse(data: Centered): Problem {
  const { x, means } = data;
  const { offsets, rows, values } = columnsOf(x, 0);
  const residuals = data.targets.slice();
  const coefficients = new Float64Array(x.cols);
  let short = 0;
  return {
    coefficients,
    squares: spreads(data),
    // Centred residuals sum to 0, so that the means of the columns count through `short` alone.
    slope(column) {
      let sum = x.rows * means[column]! * short;
      for (let i = offsets[column]!; i < offsets[column + 1]!; i++) sum += values[i]! * residuals[rows[i]!]!;
      return sum;
    },
    move(column, by) {
      coefficients[column]! += by;
      short += by * means[column]!;
      for (let i = offsets[column]!; i < offsets[column + 1]!; i++) residuals[rows[i]!]! -= by * values[i]!;
    },
    error: () => residuals.reduce((sum, residual) => sum + (residual + short) ** 2, 0),
  };
}

function sumOfSquares(numbers: Float64Array): number {
  return numbers.reduce((sum, number) => sum + number * number, 0);
}

/** Sweeps over all coefficients and over those that are not 0, until the gap between the loss and its dual is small. */
async function descend(
  problem: Problem,
  data: Centered,
  alpha: number,
  { l1Ratio, positive, selection, tolerance, maxIterations }: Params,
  { random, pause, step }: Run,
): Promise<State> {
  const { coefficients, squares } = problem;
  const l1 = alpha * l1Ratio * data.x.rows;
  const l2 = alpha * (1 - l1Ratio) * data.x.rows;
  const goal = tolerance * sumOfSquares(data.targets);
  const all = Uint32Array.from({ length: coefficients.length }, (_, k) => k);
  let order = all;
  for (let iterations = 0; ; iterations++) {
    if (order === all || iterations >= maxIterations) {
      const converged = gapOf(problem, l1, l2, positive) <= goal;
      if (converged || iterations >= maxIterations)
        return {
          coefficients: coefficients.slice(),
          intercept: interceptOf(data, coefficients),
          alpha,
          converged,
          iterations,
        };
    }
    let [most, moved] = [0, 0];
    for (let s = 0; s < order.length; s++) {
      if (s % 16 === 0) await pause();
      const column = selection === "random" ? order[random.integer(order.length)]! : order[s]!;
      const square = squares[column]!;
      if (square === 0) continue;
      const old = coefficients[column]!;
      const wanted = problem.slope(column) + square * old;
      const size = (positive ? wanted : Math.abs(wanted)) - l1;
      const next = size > 0 ? (Math.sign(wanted) * size) / (square + l2) : 0;
      if (next !== old) problem.move(column, next - old);
      most = Math.max(most, Math.abs(next));
      moved = Math.max(moved, Math.abs(next - old));
    }
    step();
    // What was left out must pass, too.
    if (moved <= tolerance * most) order = all;
    else if (order === all) order = all.filter((column) => coefficients[column] !== 0);
  }
}

/**
 * How far the loss can be from its minimum: what it is more than its dual at the residuals, which are scaled to be feasible.
 * Source: Kim et al., An Interior-Point Method for Large-Scale l1-Regularized Least Squares, 2007, III; without L1, the dual of ridge.
 */
function gapOf(problem: Problem, l1: number, l2: number, positive: boolean): number {
  const { coefficients } = problem;
  const error = problem.error();
  let [steepest, slopes, absolute, squared, withTargets] = [0, 0, 0, 0, error];
  for (let k = 0; k < coefficients.length; k++) {
    const own = coefficients[k]!;
    const slope = problem.slope(k);
    const left = slope - l2 * own;
    steepest = Math.max(steepest, positive ? left : Math.abs(left));
    slopes += (positive ? Math.max(0, slope) : slope) ** 2;
    absolute += Math.abs(own);
    squared += own * own;
    withTargets += own * slope;
  }
  if (l1 === 0) return error - withTargets + 0.5 * l2 * squared + slopes / (2 * l2);
  const scale = Math.min(1, l1 / steepest);
  return (
    0.5 * error * (1 + scale * scale) + l1 * absolute - scale * withTargets + 0.5 * l2 * (1 + scale * scale) * squared
  );
}
