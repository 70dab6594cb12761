import {
  checkParam,
  type Features,
  type FitOptions,
  type FittedModel,
  type Model,
  quantile,
  type Regression,
  type Saved,
  turn,
} from "@mmub/core";
import { checkRegression, fittedLinear, type LinearFit, loadedLinear } from "./linear-regressor.js";
import type { OnnxExport } from "./onnx-export.js";
import { isPositive } from "./params.js";
import { type SmoothLoss, smoothLinear } from "./smooth-linear.js";
import { filled } from "./trees/settings.js";

const type = "@mmub/models/huber-regression";

export interface HuberRegressionParams {
  /** From how many `scale`s off a row counts as an outlier, at least 1. @default 1.35 */
  readonly epsilon?: number;
  /** Strength of the L2 penalty, at least 0. @default 0.0001 */
  readonly alpha?: number;
  /** Whether to fit an intercept, which is not penalised. @default true */
  readonly fitIntercept?: boolean;
  /** Stop when no entry of the gradient of the mean loss, of targets of scale 1, is larger. @default 1e-5 */
  readonly tolerance?: number;
  /** @default 100 */
  readonly maxIterations?: number;
}

export interface HuberRegression extends Model<number, Regression> {
  fit(x: Features, targets: readonly number[], options?: FitOptions): Promise<FittedHuberRegression>;
  load(saved: Saved): Promise<FittedHuberRegression>;
}

export interface FittedHuberRegression extends FittedModel<Regression>, OnnxExport {
  /** One for each column. */
  readonly coefficients: Float64Array;
  /** 0 without an intercept. */
  readonly intercept: number;
  /** How far off rows are, found with the coefficients: those beyond `epsilon` times this count as outliers. */
  readonly scale: number;
  /** Whether the tolerance was reached, or the loss can fall no further in float64. If not, raise `maxIterations`. */
  readonly converged: boolean;
  readonly iterations: number;
}

/**
 * Linear regression that outliers among the targets move little: squared loss near, absolute loss beyond `epsilon` times a scale, which is
 * found with the coefficients. Minimises `sum(scale + H(residual / scale) * scale) + alpha * |coefficients|^2` with `H(z)` = z^2, or
 * 2 epsilon |z| - epsilon^2 beyond epsilon.
 *
 * Input: Dense or Sparse, which stays sparse; any scale of the columns and of the targets is fine, and rows of missing modalities are
 * zeros. Output: a value for each row (float64), in the unit of the targets.
 * Rejects Sequence, values and targets that are not finite (with the index), and in `predict` another width. The progress of a fit gives
 * `loss`, `gradient` and `converged` of each iteration.
 * Cost: two passes over the values an iteration, some tens of iterations.
 * Source: Huber & Ronchetti, Robust Statistics, 2009, 7.7 (concomitant scale); L-BFGS. The numbers are those of scikit-learn's
 * `HuberRegressor`.
 *
 * @example
 * const spend = dense(5, 1, Float32Array.of(1, 2, 3, 4, 5));
 * const fitted = await huberRegression().fit(spend, [2.1, 3.9, 6.2, 7.8, 400]);
 * const { values } = await fitted.predict(spend); // close to 2, 4, 6, 8 and 10
 */
export function huberRegression(params: HuberRegressionParams = {}): HuberRegression {
  const defaults: Required<HuberRegressionParams> = {
    epsilon: 1.35,
    alpha: 1e-4,
    fitIntercept: true,
    tolerance: 1e-5,
    maxIterations: 100,
  };
  const settings = filled(type, params, defaults, []);
  const { epsilon, alpha, fitIntercept, tolerance, maxIterations } = settings;
  const check = (name: string, value: unknown, ok: boolean, want: string): void =>
    checkParam(type, name, value, ok, want);
  check("epsilon", epsilon, isPositive(epsilon) && epsilon >= 1, "a number of at least 1");
  check("alpha", alpha, alpha === 0 || isPositive(alpha), "a number of at least 0");
  check("fitIntercept", fitIntercept, typeof fitIntercept === "boolean", "true or false");
  check("tolerance", tolerance, isPositive(tolerance), "a positive number");
  check("maxIterations", maxIterations, Number.isInteger(maxIterations) && maxIterations > 0, "a positive integer");
  const recipe = { type, params: settings };
  const fitted = (state: State): FittedHuberRegression => fittedLinear(recipe, state);

  return {
    ...recipe,
    async fit(x, targets, options) {
      await turn(options?.signal);
      checkRegression(x, targets, type);
      // Targets around 0 and of scale 1, so that a tolerance means the same whatever their unit.
      const sorted = Float64Array.from(targets).sort();
      const middle = fitIntercept ? quantile(sorted, 0.5) : 0;
      const unit = spreadOf(sorted, middle);
      const scaled = Float64Array.from(targets, (target) => (target - middle) / unit);
      const penalty = (2 * alpha * unit) / x.rows;
      const { coefficients, intercept, others, ...rest } = await smoothLinear(
        x,
        huber(scaled, epsilon),
        penalty,
        settings,
        options,
        type,
      );
      return fitted({
        ...rest,
        coefficients: coefficients.map((coefficient) => coefficient * unit),
        intercept: fitIntercept ? middle + unit * intercept : 0,
        scale: unit * Math.exp(others[0]!),
      });
    },
    load: async (saved) => fitted(loadedLinear<State>(saved, recipe)),
  };
}

interface State extends LinearFit {
  readonly scale: number;
  readonly converged: boolean;
  readonly iterations: number;
}

/** The median distance of the targets from `middle`, their largest where it is 0, or 1 where they are all equal. */
function spreadOf(targets: Float64Array, middle: number): number {
  const off = targets.map((target) => Math.abs(target - middle)).sort();
  return 1.4826 * quantile(off, 0.5) || off.at(-1)! || 1;
}

/** Of scores and of the logarithm of the scale, which keeps it above 0. */
function huber(targets: Float64Array, epsilon: number): SmoothLoss {
  return {
    intercept: 0,
    curvature: 2,
    others: [0],
    add(scores, from, to, others, slopes) {
      // Exact fits drive the scale to 0: it ends where float64 tells no residual from rounding.
      const scale = Math.exp(Math.max(others[0]!, -30));
      let sum = 0;
      let slope = 0;
      for (let row = from; row < to; row++) {
        const z = (scores[row - from]! - targets[row]!) / scale;
        const outlier = Math.abs(z) > epsilon;
        sum += scale * (1 + (outlier ? 2 * epsilon * Math.abs(z) - epsilon * epsilon : z * z));
        slope += 1 - (outlier ? epsilon * epsilon : z * z);
        scores[row - from] = outlier ? 2 * epsilon * Math.sign(z) : 2 * z;
      }
      if (others[0]! > -30) slopes[0]! += slope * scale;
      return sum;
    },
  };
}
