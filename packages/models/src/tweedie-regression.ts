import {
  checkParam,
  type Features,
  type FitOptions,
  type FittedModel,
  MmubError,
  type Model,
  type Regression,
  type Saved,
  show,
  turn,
} from "@mmub/core";
import { checkRegression, fittedLinear, type LinearFit, loadedLinear } from "./linear-regressor.js";
import type { OnnxExport } from "./onnx-export.js";
import { isPositive } from "./params.js";
import { type SmoothLoss, smoothLinear } from "./smooth-linear.js";
import { filled } from "./trees/settings.js";

const type = "@mmub/models/tweedie-regression";

export interface PoissonRegressionParams {
  /** Strength of the L2 penalty, at least 0. @default 1 */
  readonly alpha?: number;
  /** Whether to fit an intercept, which is not penalised. @default true */
  readonly fitIntercept?: boolean;
  /** Stop when no entry of the gradient of the mean loss is larger. @default 1e-4 */
  readonly tolerance?: number;
  /** @default 100 */
  readonly maxIterations?: number;
}

export interface TweedieRegressionParams extends PoissonRegressionParams {
  /**
   * How the variance grows with the mean: as its power. 1 is Poisson (counts), 2 gamma (amounts above 0), between them lies what is
   * often 0 and else an amount, such as what a user spends; 3 is inverse Gaussian. At least 1. @default 1.5
   */
  readonly power?: number;
}

export interface TweedieRegression extends Model<number, Regression> {
  fit(x: Features, targets: readonly number[], options?: FitOptions): Promise<FittedTweedieRegression>;
  load(saved: Saved): Promise<FittedTweedieRegression>;
}

export interface FittedTweedieRegression extends FittedModel<Regression>, OnnxExport {
  /** One for each column: one more of it multiplies a prediction by e to this. */
  readonly coefficients: Float64Array;
  /** 0 without an intercept. */
  readonly intercept: number;
  /** Whether the tolerance was reached, or the loss can fall no further in float64. If not, raise `maxIterations` or `alpha`. */
  readonly converged: boolean;
  readonly iterations: number;
}

/**
 * Poisson regression, for counts: how many visits, orders or calls. It is `tweedieRegression` with `power` 1: see there.
 *
 * @example
 * const visits = dense(4, 1, Float32Array.of(1, 2, 3, 4));
 * const fitted = await poissonRegression({ alpha: 0.01 }).fit(visits, [0, 1, 2, 5]);
 * const { values } = await fitted.predict(visits);
 */
export function poissonRegression(params: PoissonRegressionParams = {}): TweedieRegression {
  const { power: _, ...defaults } = tweedieDefaults;
  return tweedieRegression({ ...filled(type, params, defaults, []), power: 1 });
}

/**
 * A generalised linear model with a logarithmic link, for numbers that are never negative: the prediction is e to the score. Minimises the
 * mean of half the deviance of the Tweedie distribution of this power, plus `alpha / 2 * |coefficients|^2`.
 *
 * Input: Dense or Sparse, which stays sparse; any scale of the columns is fine, though the penalty counts in their units, and rows of missing
 * modalities are zeros. Output: the expected value of each row (float64), above 0.
 * Rejects Sequence, values that are not finite (with row and column), targets that are negative, or 0 with a power of 2 and more (with the
 * index), and in `predict` another width. The progress of a fit gives `loss`, `gradient` and `converged` of each iteration.
 * Cost: two passes over the values an iteration, some tens of iterations.
 * Source: Jorgensen, The Theory of Dispersion Models, 1997; L-BFGS. The numbers are those of scikit-learn's `TweedieRegressor`,
 * `PoissonRegressor` and `GammaRegressor`.
 *
 * @example
 * const visits = dense(4, 1, Float32Array.of(1, 2, 3, 4));
 * const fitted = await tweedieRegression({ power: 1.5, alpha: 0.01 }).fit(visits, [0, 0, 12.5, 31]);
 * const { values } = await fitted.predict(visits);
 */
export function tweedieRegression(params: TweedieRegressionParams = {}): TweedieRegression {
  const settings = filled(type, params, tweedieDefaults, []);
  const { power, alpha, fitIntercept, tolerance, maxIterations } = settings;
  const check = (name: string, value: unknown, ok: boolean, want: string): void =>
    checkParam(type, name, value, ok, want);
  check("power", power, power >= 1 && power < Number.POSITIVE_INFINITY, "a number of at least 1");
  check("alpha", alpha, alpha === 0 || isPositive(alpha), "a number of at least 0");
  check("fitIntercept", fitIntercept, typeof fitIntercept === "boolean", "true or false");
  check("tolerance", tolerance, isPositive(tolerance), "a positive number");
  check("maxIterations", maxIterations, Number.isInteger(maxIterations) && maxIterations > 0, "a positive integer");
  const recipe = { type, params: settings };
  const fitted = (state: State): FittedTweedieRegression => fittedLinear(recipe, state, true);

  return {
    ...recipe,
    async fit(x, targets, options) {
      await turn(options?.signal);
      checkRegression(x, targets, type);
      for (const [index, target] of targets.entries())
        if (target < 0 || (target === 0 && power >= 2))
          throw new MmubError("invalid-input", {
            part: type,
            message: `target ${index} is ${show(target)}, want numbers ${power >= 2 ? "above" : "of at least"} 0 with power ${power}`,
            index,
          });
      const mean = targets.reduce((sum, target) => sum + target / targets.length, 0);
      if (mean === 0)
        throw new MmubError("invalid-input", { part: type, message: "all targets are 0, want some above 0" });
      const { others: _, ...state } = await smoothLinear(
        x,
        halfDeviance(targets, power, mean),
        alpha,
        settings,
        options,
        type,
      );
      return fitted(state);
    },
    load: async (saved) => fitted(loadedLinear<State>(saved, recipe)),
  };
}

const tweedieDefaults: Required<TweedieRegressionParams> = {
  power: 1.5,
  alpha: 1,
  fitIntercept: true,
  tolerance: 1e-4,
  maxIterations: 100,
};

interface State extends LinearFit {
  readonly converged: boolean;
  readonly iterations: number;
}

/** Half the deviance, less what does not depend on the score. */
function halfDeviance(targets: readonly number[], power: number, mean: number): SmoothLoss {
  return {
    intercept: Math.log(mean),
    curvature: mean ** (2 - power),
    add(scores, from, to) {
      let sum = 0;
      for (let row = from; row < to; row++) {
        const score = scores[row - from]!;
        const target = targets[row]!;
        // Of the mean m = e^score: target * m^(1 - power) and m^(2 - power).
        const pull = target * Math.exp((1 - power) * score);
        const push = Math.exp((2 - power) * score);
        sum += power === 1 ? push - target * score : pull / (power - 1) + (power === 2 ? score : push / (2 - power));
        scores[row - from] = push - pull;
      }
      return sum;
    },
  };
}
