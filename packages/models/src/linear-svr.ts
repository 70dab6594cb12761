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
import { dualTube, rowsOf } from "./coordinate.js";
import { heldOutErrors, stratifiedFolds } from "./folds.js";
import { type Matrix, packed } from "./linear.js";
import { checkRegression, fittedLinear, type LinearFit, loadedLinear } from "./linear-regressor.js";
import { newton } from "./newton.js";
import type { OnnxExport } from "./onnx-export.js";
import { checkC, isPositive } from "./params.js";

const type = "@mmub/models/linear-svr";

export interface LinearSvrParams {
  /**
   * Inverse strength of the L2 penalty: smaller is stronger. Several are compared by the mean squared error on rows held out of the
   * training rows, and the best is fitted on all of them. @default 1
   */
  readonly C?: number | readonly number[];
  /** How far off a prediction costs nothing, in the unit of the targets. @default 0 */
  readonly epsilon?: number;
  /** `"absolute"` is what scikit-learn calls epsilon_insensitive, `"squared"` its square. @default "absolute" */
  readonly loss?: "absolute" | "squared";
  /**
   * Both lead to the same model. `"dual"` goes by rows and is the only one for the absolute loss; `"primal"` goes by Newton's method.
   * `"auto"` takes the dual where there are fewer rows than columns. @default "auto"
   */
  readonly solver?: "auto" | "dual" | "primal";
  /** Whether to fit an intercept, which is penalised as in LIBLINEAR: see `interceptScaling`. @default true */
  readonly fitIntercept?: boolean;
  /** The intercept is the coefficient of one more column of this value: the larger, the less it is penalised. @default 1 */
  readonly interceptScaling?: number;
  /** When to stop. Dual: the sum of the violations; primal: the gradient; both relative to those at zero. @default 1e-4 */
  readonly tolerance?: number;
  /** @default 1000 */
  readonly maxIterations?: number;
  /** Folds of the cross-validation, where there are several `C`; the seed of the fit deals the rows. @default 5 */
  readonly folds?: number;
}

export interface LinearSvr extends Model<number, Regression> {
  fit(x: Features, targets: readonly number[], options?: FitOptions): Promise<FittedLinearSvr>;
  load(saved: Saved): Promise<FittedLinearSvr>;
}

export interface FittedLinearSvr extends FittedModel<Regression>, OnnxExport {
  /** One for each column. */
  readonly coefficients: Float64Array;
  /** 0 without an intercept. */
  readonly intercept: number;
  /** The inverse penalty of this fit: the chosen one, where there were several. */
  readonly C: number;
  /** The mean squared error of each `C` on rows held out, in the order given; where there were several. */
  readonly scores?: readonly number[];
  /** Whether the tolerance was reached. If not, scale the columns, lower `C` or raise `maxIterations`. */
  readonly converged: boolean;
  readonly iterations: number;
}

type Params = Required<LinearSvrParams>;

/**
 * Linear support vector regression: minimises `0.5 * |w|^2 + C * sum(max(0, |value - target| - epsilon))`, or with that squared. With the
 * absolute loss, outliers among the targets count little.
 *
 * Input: Dense or Sparse, which stays sparse; bring columns to one scale, and targets near 0 or raise `interceptScaling`, since the
 * intercept is penalised. Output: a value for each row (float64), in the unit of the targets.
 * Rejects Sequence, values and targets that are not finite (with row), and in `predict` another width. The progress of a fit counts the
 * fits of the cross-validation.
 * Cost: some 10 to 1000 passes over the values.
 * Source: Ho & Lin, Large-scale Linear Support Vector Regression, 2012. The numbers are those of scikit-learn's `LinearSVR`, where
 * both have converged.
 *
 * @example
 * const spend = dense(4, 1, Float32Array.of(1, 2, 3, 4));
 * const fitted = await linearSvr({ C: 10, epsilon: 0.1 }).fit(spend, [2, 4, 6, 80]);
 * const { values } = await fitted.predict(spend); // close to 2, 4, 6 and 8
 */
export function linearSvr(params: LinearSvrParams = {}): LinearSvr {
  const {
    C = 1,
    epsilon = 0,
    loss = "absolute",
    solver = "auto",
    fitIntercept = true,
    interceptScaling = 1,
    tolerance = 1e-4,
    maxIterations = 1000,
    folds = 5,
  } = params;
  const check = (name: string, value: unknown, ok: boolean, want: string): void =>
    checkParam(type, name, value, ok, want);
  checkC(C, type);
  check("epsilon", epsilon, epsilon === 0 || isPositive(epsilon), "a number of at least 0");
  check("loss", loss, ["absolute", "squared"].includes(loss), '"absolute" or "squared"');
  check("solver", solver, ["auto", "dual", "primal"].includes(solver), '"auto", "dual" or "primal"');
  check("solver", solver, solver !== "primal" || loss === "squared", '"dual" or "auto" with loss "absolute"');
  check("fitIntercept", fitIntercept, typeof fitIntercept === "boolean", "true or false");
  check("interceptScaling", interceptScaling, isPositive(interceptScaling), "a positive number");
  check("tolerance", tolerance, isPositive(tolerance), "a positive number");
  check("maxIterations", maxIterations, Number.isInteger(maxIterations) && maxIterations > 0, "a positive integer");
  check("folds", folds, Number.isInteger(folds) && folds > 1, "an integer of at least 2");
  const recipe = {
    type,
    params: { C, epsilon, loss, solver, fitIntercept, interceptScaling, tolerance, maxIterations, folds },
  };

  const fitted = (state: State): FittedLinearSvr => fittedLinear(recipe, state);

  return {
    ...recipe,
    async fit(x, targets, options) {
      await turn(options?.signal);
      checkRegression(x, targets, type);
      const numbers = random(options?.seed ?? 0);
      const report = progress(options, type, Array.isArray(C) ? folds * C.length + 1 : 1);
      let done = 0;
      const run: Run = { random: numbers.fork("order"), pause: pace(options?.signal), step: () => report(++done) };
      const wanted = Float64Array.from(targets);
      const chosen = Array.isArray(C)
        ? await crossValidate(x, wanted, C, recipe.params, numbers.fork("folds"), run)
        : { C: C as number };
      const solution = await solve(x, wanted, chosen.C, recipe.params, run);
      options?.signal?.throwIfAborted();
      return fitted({ ...solution, ...chosen });
    },
    load: async (saved) => fitted(loadedLinear<State>(saved, recipe)),
  };
}

interface State extends Solution {
  readonly C: number;
  readonly scores?: readonly number[];
}

interface Solution extends LinearFit {
  readonly converged: boolean;
  readonly iterations: number;
}

/** What every fit needs of the surrounding: to give way and abort, and to tell that it is done. */
interface Run {
  readonly random: Random;
  readonly pause: () => Promise<void> | undefined;
  readonly step: () => void;
}

async function solve(x: Matrix, targets: Float64Array, C: number, params: Params, run: Run): Promise<Solution> {
  const { epsilon, loss, solver, tolerance, maxIterations } = params;
  const bias = params.fitIntercept ? params.interceptScaling : 0;
  const squared = loss === "squared";
  const dual = !squared || solver === "dual" || (solver === "auto" && x.rows < x.cols);
  const residual = (score: number, row: number): number => {
    const off = score - targets[row]!;
    return off > epsilon ? off - epsilon : off < -epsilon ? off + epsilon : 0;
  };
  const costOf = new Float64Array(dual ? 0 : x.rows).fill(C);
  const { weights, converged, iterations } = dual
    ? await dualTube(rowsOf(x, bias), targets, C, epsilon, squared, { ...run, tolerance, maxIterations })
    : await newton({ x, bias, costOf, residual }, tolerance, maxIterations, run.pause);
  run.step();
  return { coefficients: weights.slice(0, x.cols), intercept: bias * weights[x.cols]!, converged, iterations };
}

async function crossValidate(
  x: Matrix,
  targets: Float64Array,
  candidates: readonly number[],
  params: Params,
  numbers: Random,
  run: Run,
): Promise<{ readonly C: number; readonly scores: readonly number[] }> {
  const foldOf = stratifiedFolds(new Uint8Array(x.rows), 1, params.folds, numbers, type);
  const scores = await heldOutErrors(x, targets, foldOf, params.folds, candidates.length, async (train, wanted) => {
    return async (at) => {
      const { coefficients, intercept } = await solve(train, wanted, candidates[at]!, params, run);
      return packed(coefficients, Float64Array.of(intercept), x.cols);
    };
  });
  // Among equals, the strongest penalty.
  const order = [...candidates.keys()].sort((a, b) => candidates[a]! - candidates[b]!);
  const best = order.reduce((best, at) => (scores[at]! < scores[best]! ? at : best));
  return { C: candidates[best]!, scores };
}
