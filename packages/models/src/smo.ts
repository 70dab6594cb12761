// Support vector machines with kernels: the products of rows, and the solver of their dual problems.
import { checkParam, takeFeatures } from "@mmub/core";
import { linearKernel, type Matrix, moments, squaresOf } from "./linear.js";

export interface KernelParams {
  /**
   * How alike two rows are: `"rbf"` is `exp(-gamma |a - b|^2)`, `"poly"` `(gamma a . b + coef0)^degree`, `"sigmoid"` `tanh(gamma a . b + coef0)`,
   * `"linear"` `a . b`. @default "rbf"
   */
  readonly kernel?: "rbf" | "poly" | "sigmoid" | "linear";
  /** Of `"poly"`. @default 3 */
  readonly degree?: number;
  /** `"scale"` is 1 / (columns * variance of all values), `"auto"` 1 / columns. @default "scale" */
  readonly gamma?: "scale" | "auto" | number;
  /** Of `"poly"` and `"sigmoid"`. @default 0 */
  readonly coef0?: number;
  /** When to stop: how far the optimality conditions may be violated. @default 1e-3 */
  readonly tolerance?: number;
  /** Steps, each of two rows; null: as many as it takes. @default null */
  readonly maxIterations?: number | null;
  /** Memory for products of rows, in MiB. @default 200 */
  readonly cacheMb?: number;
}

export const kernelDefaults: Required<KernelParams> = {
  kernel: "rbf",
  degree: 3,
  gamma: "scale",
  coef0: 0,
  tolerance: 1e-3,
  maxIterations: null,
  cacheMb: 200,
};

export function checkKernel(type: string, params: Required<KernelParams>): void {
  const { kernel, degree, gamma, coef0, tolerance, maxIterations, cacheMb } = params;
  const check = (name: string, value: unknown, ok: boolean, want: string): void =>
    checkParam(type, name, value, ok, want);
  const positive = (value: unknown): boolean => typeof value === "number" && value > 0 && value < Infinity;
  const names = ["rbf", "poly", "sigmoid", "linear"];
  check("kernel", kernel, names.includes(kernel), names.map((name) => `"${name}"`).join(", "));
  check("degree", degree, Number.isInteger(degree) && degree >= 0, "a whole number of at least 0");
  check(
    "gamma",
    gamma,
    gamma === "scale" || gamma === "auto" || positive(gamma),
    '"scale", "auto" or a positive number',
  );
  check("coef0", coef0, Number.isFinite(coef0), "a finite number");
  check("tolerance", tolerance, positive(tolerance), "a positive number");
  const steps = maxIterations === null || (Number.isInteger(maxIterations) && maxIterations > 0);
  check("maxIterations", maxIterations, steps, "a positive integer or null");
  check("cacheMb", cacheMb, positive(cacheMb), "a positive number");
}

/** The number that `gamma` means for these rows. */
export function gammaOf(x: Matrix, { gamma }: Required<KernelParams>): number {
  if (typeof gamma === "number") return gamma;
  if (gamma === "auto" || x.cols === 0) return 1 / Math.max(1, x.cols);
  const { means, squares } = moments(x, new Uint8Array(x.rows), Float64Array.of(1 / x.rows));
  const mean = means.reduce((sum, value) => sum + value / x.cols, 0);
  const variance = squares.reduce((sum, value) => sum + value / x.cols, 0) - mean * mean;
  return variance > 1e-14 * mean * mean ? 1 / (x.cols * variance) : 1;
}

/** How alike rows of `x` are to one of `to`. */
export function similarities(x: Matrix, { kernel, degree, coef0 }: Required<KernelParams>, gamma: number) {
  const products = linearKernel(x, 1);
  const squares = squaresOf(x);
  const weights = new Float64Array(x.cols + 1);
  return {
    /** That of each row to itself. */
    own: squares.map((square) => kernelValue(kernel, gamma, coef0, degree, square, 0)),
    /** Writes that of each row to row `row` of `to`. */
    write(to: Matrix, row: number, out: Float64Array): void {
      let square = 0;
      weights.fill(0);
      if (to.layout === "dense")
        for (let k = 0; k < to.cols; k++) {
          const value = to.data[row * to.cols + k]!;
          weights[k] = value;
          square += value * value;
        }
      else
        for (let i = to.offsets[row]!; i < to.offsets[row + 1]!; i++) {
          weights[to.columns[i]!] = to.values[i]!;
          square += to.values[i]! * to.values[i]!;
        }
      products.scores(0, x.rows, weights, out);
      if (kernel === "rbf")
        for (let i = 0; i < x.rows; i++) out[i] = Math.exp(-gamma * Math.max(0, square + squares[i]! - 2 * out[i]!));
      else for (let i = 0; i < x.rows; i++) out[i] = kernelValue(kernel, gamma, coef0, degree, out[i]!, 0);
    },
  };
}

function kernelValue(
  kernel: string,
  gamma: number,
  coef0: number,
  degree: number,
  product: number,
  distance: number,
): number {
  if (kernel === "rbf") return Math.exp(-gamma * distance);
  if (kernel === "poly") return (gamma * product + coef0) ** degree;
  return kernel === "sigmoid" ? Math.tanh(gamma * product + coef0) : product;
}

/** Minimises `0.5 a' Q a + linear . a` with `signs . a` as it is, and each a from 0 to its bound; Q is signs * similarity * signs. */
export interface Dual {
  readonly x: Matrix;
  /** Of each variable; there may be twice as many as rows, variable i is then of row i % rows. */
  readonly signs: Int8Array;
  readonly linear: Float64Array;
  readonly bounds: Float64Array;
  /** Where to start: feasible. */
  readonly start: Float64Array;
}

export interface DualSolution {
  readonly alphas: Float64Array;
  /** What the sum of similarities is compared to. */
  readonly rho: number;
  readonly converged: boolean;
  readonly iterations: number;
}

/**
 * Sequential minimal optimisation: the best pair of variables by second-order information, until the conditions hold within `tolerance`.
 * Source: Fan, Chen & Lin, Working Set Selection Using Second Order Information, 2005; LIBSVM (Chang & Lin 2011), 4.1, without shrinking.
 */
export async function solveDual(
  { x, signs, linear, bounds, start }: Dual,
  params: Required<KernelParams>,
  gamma: number,
  pause: () => Promise<void> | undefined,
): Promise<DualSolution> {
  const { tolerance, maxIterations, cacheMb } = params;
  const { rows } = x;
  const count = signs.length;
  const alike = similarities(x, params, gamma);
  // The rows of products asked for last.
  const cache = new Map<number, Float64Array>();
  const held = Math.max(2, Math.floor((cacheMb * 2 ** 20) / (8 * Math.max(1, rows))));
  const productsOf = (variable: number): Float64Array => {
    const row = variable % rows;
    let products = cache.get(row);
    cache.delete(row);
    if (!products) {
      const oldest = cache.size >= held ? cache.keys().next().value! : -1;
      products = cache.get(oldest) ?? new Float64Array(rows);
      cache.delete(oldest);
      alike.write(x, row, products);
    }
    cache.set(row, products);
    return products;
  };

  const alphas = start.slice();
  const slopes = linear.slice();
  const addTo = (variable: number, by: number): void => {
    const products = productsOf(variable);
    const scale = by * signs[variable]!;
    for (let base = 0; base < count; base += rows)
      for (let t = 0; t < rows; t++) slopes[base + t]! += signs[base + t]! * scale * products[t]!;
  };
  for (let i = 0; i < count; i++)
    if (alphas[i] !== 0) {
      await pause();
      addTo(i, alphas[i]!);
    }

  let iterations = 0;
  let converged = false;
  for (; ; iterations++) {
    await pause();
    let [first, most] = [-1, Number.NEGATIVE_INFINITY];
    for (let t = 0; t < count; t++) {
      const sign = signs[t]!;
      if (sign > 0 ? alphas[t]! >= bounds[t]! : alphas[t]! <= 0) continue;
      const pull = -sign * slopes[t]!;
      if (pull >= most) [first, most] = [t, pull];
    }
    let [second, least, furthest] = [-1, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    const near = first >= 0 ? productsOf(first) : undefined;
    if (near)
      for (let t = 0; t < count; t++) {
        const sign = signs[t]!;
        if (sign > 0 ? alphas[t]! <= 0 : alphas[t]! >= bounds[t]!) continue;
        const push = sign * slopes[t]!;
        if (push > furthest) furthest = push;
        const gap = most + push;
        if (gap <= 0) continue;
        const row = t < rows ? t : t - rows;
        const bend = alike.own[first % rows]! + alike.own[row]! - 2 * near[row]!;
        const fall = -(gap * gap) / (bend > 0 ? bend : 1e-12);
        if (fall <= least) [second, least] = [t, fall];
      }
    converged = !near || most + furthest < tolerance || second < 0;
    if (converged || iterations === maxIterations) break;

    const [i, j] = [first, second];
    const [oldI, oldJ] = [alphas[i]!, alphas[j]!];
    // Along the line that keeps the sum: by `step` for each, in the direction of its sign.
    const bend = alike.own[i % rows]! + alike.own[j % rows]! - 2 * near![j % rows]!;
    let step = (-signs[i]! * slopes[i]! + signs[j]! * slopes[j]!) / (bend > 0 ? bend : 1e-12);
    step = Math.min(step, signs[i]! > 0 ? bounds[i]! - oldI : oldI, signs[j]! > 0 ? oldJ : bounds[j]! - oldJ);
    alphas[i] = within(oldI + signs[i]! * step, bounds[i]!);
    alphas[j] = within(oldJ - signs[j]! * step, bounds[j]!);
    addTo(i, alphas[i]! - oldI);
    addTo(j, alphas[j]! - oldJ);
  }

  // The mean of what free variables say, or the middle of what the bound ones leave.
  let [high, low, sum, free] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0];
  for (let t = 0; t < count; t++) {
    const pull = signs[t]! * slopes[t]!;
    const [atTop, atZero] = [alphas[t]! >= bounds[t]!, alphas[t]! <= 0];
    if (!atTop && !atZero) {
      sum += pull;
      free++;
    } else if (atTop === signs[t]! > 0) low = Math.max(low, pull);
    else high = Math.min(high, pull);
  }
  const rho =
    free > 0 ? sum / free : Number.isFinite(high + low) ? (high + low) / 2 : Number.isFinite(high) ? high : low;
  return { alphas, rho: Number.isFinite(rho) ? rho : 0, converged, iterations };
}

function within(value: number, bound: number): number {
  // What rounding leaves of a bound is the bound.
  if (value <= 1e-15 * bound) return 0;
  return value >= bound * (1 - 1e-15) ? bound : value;
}

/** The rows that count. */
export function supportOf(x: Matrix, support: Int32Array): Matrix {
  const { present: _, ...kept } = takeFeatures(x, support);
  return kept;
}
