import {
  checkParam,
  dense,
  type Features,
  type FitOptions,
  type FittedModel,
  type Model,
  pace,
  progress,
  type Regression,
  type Saved,
  sparse,
  turn,
} from "@mmub/core";
import { type Centered, center, pull, push } from "./centered.js";
import { gram } from "./gram.js";
import type { Matrix } from "./linear.js";
import { checkRegression, fittedLinear, type LinearFit, loadedLinear } from "./linear-regressor.js";
import type { OnnxExport } from "./onnx-export.js";
import { isPositive } from "./params.js";
import { cholesky, choleskySolve } from "./symmetric.js";
import { filled } from "./trees/settings.js";

const type = "@mmub/models/quantile-regression";

export interface QuantileRegressionParams {
  /** The share of the targets that shall lie below the prediction, above 0 and below 1. @default 0.5 */
  readonly quantile?: number;
  /** Strength of the L1 penalty, at least 0. @default 1 */
  readonly alpha?: number;
  /** Whether to fit an intercept, which is not penalised. @default true */
  readonly fitIntercept?: boolean;
  /** When to stop: the mean loss may be more than its minimum by this share of the mean distance of the targets from their mean. @default 1e-8 */
  readonly tolerance?: number;
  /** @default 100 */
  readonly maxIterations?: number;
}

export interface QuantileRegression extends Model<number, Regression> {
  fit(x: Features, targets: readonly number[], options?: FitOptions): Promise<FittedQuantileRegression>;
  load(saved: Saved): Promise<FittedQuantileRegression>;
}

export interface FittedQuantileRegression extends FittedModel<Regression>, OnnxExport {
  /** One for each column. */
  readonly coefficients: Float64Array;
  /** 0 without an intercept. */
  readonly intercept: number;
  /** Whether the tolerance was reached. */
  readonly converged: boolean;
  readonly iterations: number;
}

/**
 * Linear regression of a quantile, such as the median, or the value that nine of ten users stay below. Minimises the mean of the pinball
 * loss, `quantile * r` for a target above the prediction and `(1 - quantile) * |r|` below, plus `alpha * sum(|coefficients|)`.
 *
 * Input: Dense or Sparse; bring columns to one scale for a fair penalty; rows of missing modalities are zeros. Output: a value for each row
 * (float64), in the unit of the targets. Where several solutions are equally good, it is one between them.
 * Rejects Sequence, values and targets that are not finite (with the index), and in `predict` another width.
 * Cost: rows * cols^2 / 2 + cols^3 / 6 an iteration, 10 to 40 of them; memory 8 * cols^2 bytes.
 * Source: an interior point method (Portnoy & Koenker, The Gaussian Hare and the Laplacian Tortoise, 1997), with a row more for each
 * coefficient that is penalised. The numbers are those of scikit-learn's `QuantileRegressor`.
 *
 * @example
 * const visits = dense(6, 1, Float32Array.of(1, 2, 3, 4, 5, 6));
 * const fitted = await quantileRegression({ quantile: 0.9, alpha: 0 }).fit(visits, [2, 5, 6, 9, 9, 30]);
 * const { values } = await fitted.predict(visits);
 */
export function quantileRegression(params: QuantileRegressionParams = {}): QuantileRegression {
  const defaults: Required<QuantileRegressionParams> = {
    quantile: 0.5,
    alpha: 1,
    fitIntercept: true,
    tolerance: 1e-8,
    maxIterations: 100,
  };
  const settings = filled(type, params, defaults, []);
  const { quantile, alpha, fitIntercept, tolerance, maxIterations } = settings;
  const check = (name: string, value: unknown, ok: boolean, want: string): void =>
    checkParam(type, name, value, ok, want);
  check("quantile", quantile, quantile > 0 && quantile < 1, "a number above 0 and below 1");
  check("alpha", alpha, alpha === 0 || isPositive(alpha), "a number of at least 0");
  check("fitIntercept", fitIntercept, typeof fitIntercept === "boolean", "true or false");
  check("tolerance", tolerance, isPositive(tolerance), "a positive number");
  check("maxIterations", maxIterations, Number.isInteger(maxIterations) && maxIterations > 0, "a positive integer");
  const recipe = { type, params: settings };
  const fitted = (state: State): FittedQuantileRegression => fittedLinear(recipe, state);

  return {
    ...recipe,
    async fit(x, targets, options) {
      await turn(options?.signal);
      checkRegression(x, targets, type);
      const report = progress(options, type);
      const state = await interior(x, Float64Array.from(targets), settings, pace(options?.signal), report);
      options?.signal?.throwIfAborted();
      return fitted(state);
    },
    load: async (saved) => fitted(loadedLinear<State>(saved, recipe)),
  };
}

interface State extends LinearFit {
  readonly converged: boolean;
  readonly iterations: number;
}

/** `x` with a last column of ones. */
function withOnes(x: Matrix): Matrix {
  const { rows, cols } = x;
  if (x.layout === "dense") {
    const out = dense(rows, cols + 1);
    for (let row = 0; row < rows; row++) {
      out.data.set(x.data.subarray(row * cols, (row + 1) * cols), row * (cols + 1));
      out.data[row * (cols + 1) + cols] = 1;
    }
    return out;
  }
  const entries = x.values.length + rows;
  const [columns, values] = [new Uint32Array(entries), new Float32Array(entries)];
  const offsets = x.offsets.map((offset, row) => offset + row);
  for (let row = 0; row < rows; row++) {
    columns.set(x.columns.subarray(x.offsets[row]!, x.offsets[row + 1]!), offsets[row]!);
    values.set(x.values.subarray(x.offsets[row]!, x.offsets[row + 1]!), offsets[row]!);
    columns[offsets[row + 1]! - 1] = cols;
    values[offsets[row + 1]! - 1] = 1;
  }
  return sparse(cols + 1, offsets, columns, values);
}

/**
 * The dual: of each row a share from 0 to 1, which is 1 where the target is above the plane and 0 below. Rows past the data are those of
 * the penalty: one a coefficient, of that column alone, whose target is 0 and whose quantile is the median.
 * Names are those of Portnoy & Koenker: `a` and `s` = 1 - a are the shares, `z` and `w` how far the plane is above and below.
 */
async function interior(
  x: Matrix,
  targets: Float64Array,
  { quantile, alpha, fitIntercept, tolerance, maxIterations }: Required<QuantileRegressionParams>,
  pause: () => Promise<void> | undefined,
  report: (done: number) => void,
): Promise<State> {
  const { rows, cols } = x;
  const middle = fitIntercept ? targets.reduce((sum, target) => sum + target / rows, 0) : 0;
  const size = targets.reduce((sum, target) => sum + Math.abs(target - middle) / rows, 0) || 1;
  const wide = fitIntercept ? withOnes(x) : x;
  const { means, ...ofColumns } = center(wide, new Float64Array(rows), fitIntercept);
  if (fitIntercept) means[cols] = 0;
  const data: Centered = { ...ofColumns, means };
  const width = wide.cols;
  // The penalty in the unit of the loss of the scaled targets, summed over rows: twice, since half of it is the pinball loss of the median.
  const weight = 2 * alpha * rows;
  const penalised = weight > 0 ? cols : 0;
  const count = rows + penalised;
  const y = new Float64Array(count);
  for (let row = 0; row < rows; row++) y[row] = (targets[row]! - middle) / size;

  /** Of each row, what the plane says there. */
  const along = (plane: Float64Array): Float64Array => {
    const out = new Float64Array(count);
    push(data, plane, out.subarray(0, rows));
    for (let k = 0; k < penalised; k++) out[rows + k] = weight * plane[k]!;
    return out;
  };
  /** The transpose of it. */
  const across = (of: Float64Array): Float64Array => {
    const out = pull(data, of.subarray(0, rows)).slice();
    for (let k = 0; k < penalised; k++) out[k]! += weight * of[rows + k]!;
    return out;
  };
  let factor = new Float64Array(0);
  let stride = width;
  const factorise = async (q: Float64Array): Promise<boolean> => {
    const made = await gram(wide, means, "columns", pause, () => {}, q.subarray(0, rows).map(Math.sqrt));
    stride = made.stride;
    factor = made.values as Float64Array<ArrayBuffer>;
    let most = 0;
    for (let k = 0; k < width; k++) {
      if (k < penalised) factor[k * stride + k]! += weight * weight * q[rows + k]!;
      most = Math.max(most, factor[k * stride + k]!);
    }
    const copy = factor.slice();
    if (await cholesky(factor, width, stride, 0, pause)) return true;
    // Columns that say the same: any of the solutions.
    factor = copy;
    return cholesky(factor, width, stride, 1e-12 * most, pause);
  };
  const solve = (right: Float64Array): Float64Array => {
    choleskySolve(factor, width, stride, right);
    return right;
  };

  const a = new Float64Array(count).fill(1 - quantile, 0, rows).fill(0.5, rows);
  const s = a.map((share) => 1 - share);
  const wanted = across(a);
  // From least squares, with room on both sides of every row.
  await factorise(new Float64Array(count).fill(1));
  const plane = solve(across(y));
  const first = along(plane);
  const z = new Float64Array(count);
  const w = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const off = first[i]! - y[i]!;
    z[i] = Math.max(off, 0) + 1e-3;
    w[i] = Math.max(-off, 0) + 1e-3;
  }

  const q = new Float64Array(count);
  const da = new Float64Array(count);
  const dz = new Float64Array(count);
  const dw = new Float64Array(count);
  const za = new Float64Array(count);
  const ws = new Float64Array(count);
  const r = new Float64Array(count);

  /** Newton's step to where the products z a and w s are `mu`, less `za` and `ws`, which the steps of both add. */
  const step = (mu: number): Float64Array => {
    const above = along(plane);
    for (let i = 0; i < count; i++) r[i] = above[i]! - y[i]! - (mu - za[i]!) / a[i]! + (mu - ws[i]!) / s[i]!;
    const right = across(r.map((off, i) => off * q[i]!));
    const held = across(a);
    for (let k = 0; k < width; k++) right[k] = held[k]! - wanted[k]! - right[k]!;
    const move = solve(right);
    const moved = along(move);
    for (let i = 0; i < count; i++) {
      da[i] = -q[i]! * (r[i]! + moved[i]!);
      dz[i] = (mu - za[i]! - z[i]! * da[i]!) / a[i]! - z[i]!;
      dw[i] = (mu - ws[i]! + w[i]! * da[i]!) / s[i]! - w[i]!;
    }
    return move;
  };
  /** The share of a step that leaves shares, and distances, above 0. */
  const room = (): [shares: number, distances: number] => {
    let [ofShares, ofDistances] = [1, 1];
    const part = 0.99995;
    for (let i = 0; i < count; i++) {
      if (da[i]! < 0) ofShares = Math.min(ofShares, (-part * a[i]!) / da[i]!);
      else if (da[i]! > 0) ofShares = Math.min(ofShares, (part * s[i]!) / da[i]!);
      if (dz[i]! < 0) ofDistances = Math.min(ofDistances, (-part * z[i]!) / dz[i]!);
      if (dw[i]! < 0) ofDistances = Math.min(ofDistances, (-part * w[i]!) / dw[i]!);
    }
    return [ofShares, ofDistances];
  };

  for (let iterations = 0; ; iterations++) {
    await pause();
    let gap = 0;
    for (let i = 0; i < count; i++) gap += z[i]! * a[i]! + w[i]! * s[i]!;
    const converged = gap <= tolerance * rows;
    for (let i = 0; i < count; i++) q[i] = 1 / (z[i]! / a[i]! + w[i]! / s[i]!);
    if (converged || iterations === maxIterations || !(await factorise(q))) {
      const coefficients = plane.slice(0, cols).map((coefficient) => coefficient * size);
      let intercept = fitIntercept ? middle + size * plane[cols]! : 0;
      for (let k = 0; k < cols; k++) intercept -= coefficients[k]! * means[k]!;
      return { coefficients, intercept: fitIntercept ? intercept : 0, converged, iterations };
    }
    report(iterations + 1);

    // Mehrotra's predictor, whose curvature and gap the corrector takes into account.
    let move = step(0);
    let [shares, distances] = room();
    let left = 0;
    for (let i = 0; i < count; i++)
      left +=
        (z[i]! + distances * dz[i]!) * (a[i]! + shares * da[i]!) +
        (w[i]! + distances * dw[i]!) * (s[i]! - shares * da[i]!);
    if (Math.min(shares, distances) < 1) {
      for (let i = 0; i < count; i++) {
        za[i] = da[i]! * dz[i]!;
        ws[i] = -da[i]! * dw[i]!;
      }
      move = step(((left / gap) ** 3 * gap) / (2 * count));
      [shares, distances] = room();
      za.fill(0);
      ws.fill(0);
    }
    for (let k = 0; k < width; k++) plane[k]! += distances * move[k]!;
    for (let i = 0; i < count; i++) {
      a[i]! += shares * da[i]!;
      s[i]! -= shares * da[i]!;
      z[i]! += distances * dz[i]!;
      w[i]! += distances * dw[i]!;
    }
  }
}
