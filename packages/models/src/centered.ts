// Least squares with an intercept are those of the data less their means, which leaves the coefficients as they are.
import { type LinearKernel, linearKernel, type Matrix, moments } from "./linear.js";

export interface Centered {
  readonly x: Matrix;
  readonly kernel: LinearKernel;
  /** Zeros without an intercept. */
  readonly means: Float64Array;
  /** The mean of the squares of each column, as it is. */
  readonly squares: Float64Array;
  readonly targets: Float64Array;
  readonly targetMean: number;
  readonly fitIntercept: boolean;
}

export function center(x: Matrix, targets: Float64Array, fitIntercept: boolean): Centered {
  const { means, squares } = moments(x, new Uint8Array(x.rows), Float64Array.of(1 / x.rows));
  if (!fitIntercept) means.fill(0);
  const targetMean = fitIntercept ? targets.reduce((sum, target) => sum + target / x.rows, 0) : 0;
  return {
    x,
    kernel: linearKernel(x, 1),
    means,
    squares,
    targets: targets.map((target) => target - targetMean),
    targetMean,
    fitIntercept,
  };
}

/** The sum of the squares of each centred column; 0 where only the precision of float32 values tells it from a constant. */
export function spreads({ x, means, squares }: Centered): Float64Array {
  return squares.map((square, k) => {
    const variance = square - means[k]! ** 2;
    return variance > 1e-14 * square ? x.rows * variance : 0;
  });
}

export function interceptOf(data: Centered, coefficients: Float64Array): number {
  if (!data.fitIntercept) return 0;
  let intercept = data.targetMean;
  for (let k = 0; k < coefficients.length; k++) intercept -= coefficients[k]! * data.means[k]!;
  return intercept;
}

/** The product of the centred matrix, transposed, with one number a row. */
export function pull({ x, kernel, means }: Centered, rows: Float64Array): Float64Array {
  const out = new Float64Array(x.cols + 1);
  for (let from = 0; from < x.rows; from += kernel.block) {
    const to = Math.min(x.rows, from + kernel.block);
    kernel.gradient(from, to, rows.subarray(from, to), out);
  }
  const sum = out[x.cols]!;
  for (let k = 0; k < x.cols; k++) out[k]! -= means[k]! * sum;
  return out.subarray(0, x.cols);
}

/** The product of the centred matrix with one number a column. */
export function push({ x, kernel, means }: Centered, columns: Float64Array, out: Float64Array): void {
  const weights = new Float64Array(x.cols + 1);
  weights.set(columns);
  for (let k = 0; k < x.cols; k++) weights[x.cols]! -= columns[k]! * means[k]!;
  for (let from = 0; from < x.rows; from += kernel.block) {
    const to = Math.min(x.rows, from + kernel.block);
    kernel.scores(from, to, weights, out.subarray(from, to));
  }
}
