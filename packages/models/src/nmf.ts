import {
  checkParam,
  checkSaved,
  type Dense,
  dense,
  type Features,
  type FitOptions,
  type FittedModel,
  type Json,
  MmubError,
  pace,
  progress,
  type Random,
  random,
  rowBatches,
  type Saved,
  savedArray,
  turn,
  type Unsupervised,
} from "@mmub/core";
import {
  checkNotNegative,
  checkWidth,
  linearKernel,
  type Matrix,
  moments,
  packed,
  plain,
  squaresOf,
  strideOf,
} from "./linear.js";
import { eigen } from "./symmetric.js";
import { filled } from "./trees/settings.js";
import { checkRows } from "./unsupervised.js";

const type = "@mmub/models/nmf";

export interface NmfParams {
  /** How many parts; null: as many as columns. @default null */
  readonly components?: number | null;
  /**
   * Where to start: `"nndsvd"` from the singular vectors, `"nndsvda"` with their zeros filled by the mean, `"random"`; null is `"nndsvda"`, or random
   * where there are more parts than rows or columns. @default null
   */
  readonly init?: "nndsvd" | "nndsvda" | "random" | null;
  /** Stop where the conditions are violated by no more than this share of what they were at first. @default 1e-4 */
  readonly tolerance?: number;
  /** @default 200 */
  readonly maxIterations?: number;
  /** Strength of the penalty on how much of each part a row has, at least 0, times the number of columns. @default 0 */
  readonly alphaW?: number;
  /** That on the parts, times the number of rows; null: as `alphaW`. @default null */
  readonly alphaH?: number | null;
  /** The share of L1 in the penalty, from 0 to 1. @default 0 */
  readonly l1Ratio?: number;
}

export interface Nmf extends Unsupervised<Dense> {
  fit(x: Features, options?: FitOptions): Promise<FittedNmf>;
  load(saved: Saved): Promise<FittedNmf>;
}

export interface FittedNmf extends FittedModel<Dense> {
  /** The parts, row-major: components x columns, none negative. */
  readonly components: Float64Array;
  /** The root of the sum of squares that the parts do not explain, in the rows of the fit. */
  readonly reconstructionError: number;
  /** Whether the tolerance was reached. If not, raise `maxIterations`. */
  readonly converged: boolean;
  readonly iterations: number;
  /** What the parts make of these shares: rows in the columns of the fit. */
  inverse(shares: Dense): Dense;
}

/**
 * Non-negative matrix factorisation: each row as a sum of a few parts that never cancel each other, such as topics of texts or tastes of users.
 *
 * Input: Dense or Sparse, which stays sparse, no number negative; rows of missing modalities are zeros. Output: how much each row has of each
 * part: Dense, rows x components. Rejects Sequence, values that are negative or not finite (with row and column), an empty data set, and in
 * `predict` another width. The progress of a fit gives `violation`.
 * Cost: four passes over the values for each component and iteration, some tens to 200 of them.
 * Source: Cichocki & Phan 2009 (HALS, coordinate descent); Boutsidis & Gallopoulos 2008 (NNDSVD), by Halko, Martinsson & Tropp 2011. The
 * numbers are those of scikit-learn's `NMF` with solver "cd".
 *
 * @example
 * const bought = dense(4, 3, Float32Array.of(2, 1, 0, 4, 2, 0, 0, 0, 3, 0, 0, 5));
 * const fitted = await nmf({ components: 2 }).fit(bought, { seed: 7 });
 * const shares = await fitted.predict(bought); // 4 x 2
 */
export function nmf(params: NmfParams = {}): Nmf {
  const defaults: Required<NmfParams> = {
    components: null,
    init: null,
    tolerance: 1e-4,
    maxIterations: 200,
    alphaW: 0,
    alphaH: null,
    l1Ratio: 0,
  };
  const settings = filled(type, params, defaults, []);
  const { components, init, tolerance, maxIterations, alphaW, alphaH, l1Ratio } = settings;
  const check = (name: string, value: unknown, ok: boolean, want: string): void =>
    checkParam(type, name, value, ok, want);
  const whole = (value: number | null): boolean => Number.isInteger(value) && value! > 0;
  const notNegative = (value: number): boolean => value >= 0 && value < Number.POSITIVE_INFINITY;
  check("components", components, components === null || whole(components), "a whole number of at least 1, or null");
  check(
    "init",
    init,
    init === null || ["nndsvd", "nndsvda", "random"].includes(init),
    '"nndsvd", "nndsvda", "random" or null',
  );
  check("tolerance", tolerance, notNegative(tolerance), "a number of at least 0");
  check("maxIterations", maxIterations, whole(maxIterations), "a whole number of at least 1");
  check("alphaW", alphaW, notNegative(alphaW), "a number of at least 0");
  check("alphaH", alphaH, alphaH === null || notNegative(alphaH), "a number of at least 0, or null");
  check("l1Ratio", l1Ratio, l1Ratio >= 0 && l1Ratio <= 1, "a number from 0 to 1");
  const recipe = { type, params: settings as unknown as Json };

  const fitted = ({ parts, cols, ...rest }: State): FittedNmf => {
    const count = rest.count;
    const products = symmetric(parts, count, cols);
    const [l1, l2] = [cols * alphaW * l1Ratio, cols * alphaW * (1 - l1Ratio)];
    for (let c = 0; c < count; c++) products[c * count + c]! += l2;
    const stride = strideOf(Math.max(2, count));
    const weights = packed(padded(parts, count, cols), new Float64Array(Math.max(2, count)), cols);
    return {
      components: parts,
      reconstructionError: rest.reconstructionError,
      converged: rest.converged,
      iterations: rest.iterations,
      async predict(x, options) {
        checkNotNegative(x, type);
        checkWidth(x, cols, type);
        const out = dense(x.rows, count);
        const kernel = linearKernel(x, stride);
        const shares = new Float64Array(count);
        for await (const { from, to } of rowBatches(x.rows, options, type)) {
          const pulls = new Float64Array((to - from) * stride);
          kernel.scores(from, to, weights, pulls);
          for (let row = from; row < to; row++) {
            settle(shares.fill(0), pulls.subarray((row - from) * stride), products, l1);
            out.data.set(shares, row * count);
          }
        }
        return plain(out);
      },
      inverse(shares) {
        checkNotNegative(shares, type);
        checkWidth(shares, count, type);
        const out = dense(shares.rows, cols);
        for (let row = 0; row < shares.rows; row++)
          for (let k = 0; k < cols; k++) {
            let sum = 0;
            for (let c = 0; c < count; c++) sum += shares.data[row * count + c]! * parts[c * cols + k]!;
            out.data[row * cols + k] = sum;
          }
        return plain(out);
      },
      save: async () => ({ ...recipe, version: 1, state: { ...rest, cols }, arrays: { parts: parts.slice() } }),
    };
  };

  return {
    ...recipe,
    async fit(x, options) {
      await turn(options?.signal);
      checkNotNegative(x, type);
      checkRows(x, type);
      const count = components ?? Math.max(1, x.cols);
      const start = init ?? (count <= Math.min(x.rows, x.cols) ? "nndsvda" : "random");
      if (start !== "random" && count > Math.min(x.rows, x.cols))
        throw new MmubError("invalid-input", {
          part: type,
          message: `init "${start}" gives ${count} parts of ${x.rows} rows and ${x.cols} columns, want at most ${Math.min(x.rows, x.cols)}; take "random"`,
          components: count,
        });
      const pause = pace(options?.signal);
      const report = progress(options, type, maxIterations);
      const numbers = random(options?.seed);
      const first =
        start === "random" ? atRandom(x, count, numbers) : await bySingularVectors(x, count, start, numbers, pause);
      const found = await factorise(x, first, count, settings, pause, report);
      options?.signal?.throwIfAborted();
      return fitted({ ...found, count, cols: x.cols });
    },
    async load(saved) {
      const state = checkSaved(saved, recipe, 1).state as unknown as Omit<State, "parts">;
      return fitted({ ...state, parts: savedArray(saved, "parts", Float64Array, state.count * state.cols) });
    },
  };
}

interface State {
  readonly count: number;
  readonly cols: number;
  /** count x cols. */
  readonly parts: Float64Array;
  readonly reconstructionError: number;
  readonly converged: boolean;
  readonly iterations: number;
}

/** Shares, rows x count, and parts, count x columns. */
interface Factors {
  readonly shares: Float64Array;
  readonly parts: Float64Array;
}

/** Kernels have at least two outputs. */
function padded(parts: Float64Array, count: number, cols: number): Float64Array {
  const out = new Float64Array(Math.max(2, count) * cols);
  out.set(parts);
  return out;
}

/** The products of `count` rows with each other. */
function symmetric(rows: Float64Array, count: number, width: number): Float64Array {
  const out = new Float64Array(count * count);
  for (let a = 0; a < count; a++)
    for (let b = 0; b <= a; b++) {
      let sum = 0;
      for (let k = 0; k < width; k++) sum += rows[a * width + k]! * rows[b * width + k]!;
      out[a * count + b] = sum;
      out[b * count + a] = sum;
    }
  return out;
}

/** One step of each share towards what it pulls at; how much the conditions were violated. */
function descend(
  shares: Float64Array,
  at: number,
  pulls: Float64Array,
  pullsAt: number,
  products: Float64Array,
  l1: number,
  c: number,
  count: number,
): number {
  let slope = l1 - pulls[pullsAt + c]!;
  for (let other = 0; other < count; other++) slope += products[c * count + other]! * shares[at + other]!;
  const own = shares[at + c]!;
  const bend = products[c * count + c]!;
  if (bend > 0) shares[at + c] = Math.max(0, own - slope / bend);
  return Math.abs(own === 0 ? Math.min(0, slope) : slope);
}

/** The best shares of one row. */
function settle(shares: Float64Array, pulls: Float64Array, products: Float64Array, l1: number): void {
  const count = shares.length;
  let first = 0;
  for (let pass = 0; pass < 1000; pass++) {
    let violation = 0;
    for (let c = 0; c < count; c++) violation += descend(shares, 0, pulls, 0, products, l1, c, count);
    if (pass === 0) first = violation;
    if (violation <= 1e-9 * first) return;
  }
}

async function factorise(
  x: Matrix,
  { shares, parts }: Factors,
  count: number,
  { tolerance, maxIterations, alphaW, alphaH, l1Ratio }: Required<NmfParams>,
  pause: () => Promise<void> | undefined,
  report: (done: number, metrics: Record<string, number>) => void,
): Promise<Omit<State, "count" | "cols">> {
  const { rows, cols } = x;
  const ofShares = cols * alphaW;
  const ofParts = rows * (alphaH ?? alphaW);
  const stride = strideOf(Math.max(2, count));
  const kernel = linearKernel(x, stride);
  // Parts with a column of them side by side, as the shares of a row are.
  const across = new Float64Array(cols * count);
  for (let c = 0; c < count; c++) for (let k = 0; k < cols; k++) across[k * count + c] = parts[c * cols + k]!;
  const byRow = new Float64Array(rows * stride);
  const byColumn = new Float64Array((cols + 1) * stride);
  const turned = (of: Float64Array, width: number): Float64Array => {
    const out = new Float64Array(of.length);
    for (let k = 0; k < width; k++) for (let c = 0; c < count; c++) out[c * width + k] = of[k * count + c]!;
    return out;
  };
  const update = async (
    of: Float64Array,
    width: number,
    pulls: Float64Array,
    other: Float64Array,
    otherWidth: number,
    penalty: number,
  ) => {
    const products = symmetric(turned(other, otherWidth), count, otherWidth);
    for (let c = 0; c < count; c++) products[c * count + c]! += penalty * (1 - l1Ratio);
    let violation = 0;
    for (let c = 0; c < count; c++) {
      await pause();
      for (let i = 0; i < width; i++)
        violation += descend(of, i * count, pulls, i * stride, products, penalty * l1Ratio, c, count);
    }
    return violation;
  };
  let first = 0;
  let converged = false;
  let iterations = 0;
  while (iterations < maxIterations && !converged) {
    const weights = packed(padded(turned(across, cols), count, cols), new Float64Array(Math.max(2, count)), cols);
    for (let from = 0; from < rows; from += kernel.block) {
      await pause();
      const to = Math.min(rows, from + kernel.block);
      kernel.scores(from, to, weights, byRow.subarray(from * stride, to * stride));
    }
    let violation = await update(shares, rows, byRow, across, cols, ofShares);
    byColumn.fill(0);
    const block = new Float64Array(kernel.block * stride);
    for (let from = 0; from < rows; from += kernel.block) {
      await pause();
      const to = Math.min(rows, from + kernel.block);
      for (let row = from; row < to; row++)
        block.set(shares.subarray(row * count, (row + 1) * count), (row - from) * stride);
      kernel.gradient(from, to, block, byColumn);
    }
    violation += await update(across, cols, byColumn, shares, rows, ofParts);
    if (iterations === 0) first = violation;
    iterations++;
    report(iterations, { violation });
    converged = violation <= tolerance * first;
  }
  const found = turned(across, cols);
  // |x|^2 - 2 x . (shares parts) + |shares parts|^2; x . (shares parts) is what the columns pull at the parts.
  let square = squaresOf(x).reduce((a, b) => a + b, 0);
  for (let k = 0; k < cols; k++)
    for (let c = 0; c < count; c++) square -= 2 * across[k * count + c]! * byColumn[k * stride + c]!;
  const [left, right] = [symmetric(turned(shares, rows), count, rows), symmetric(found, count, cols)];
  for (let i = 0; i < left.length; i++) square += left[i]! * right[i]!;
  return { parts: found, reconstructionError: Math.sqrt(Math.max(0, square)), converged, iterations };
}

function meanOf(x: Matrix): number {
  return moments(x, new Uint8Array(x.rows), Float64Array.of(1 / x.rows)).means.reduce(
    (sum, mean) => sum + mean / x.cols,
    0,
  );
}

function atRandom(x: Matrix, count: number, random: Random): Factors {
  const scale = Math.sqrt(x.cols > 0 ? meanOf(x) / count : 0);
  const draw = (length: number) => Float64Array.from({ length }, () => Math.abs(scale * random.normal()));
  return { parts: draw(count * x.cols), shares: draw(x.rows * count) };
}

/** Of each pair of singular vectors the half that is larger. */
async function bySingularVectors(
  x: Matrix,
  count: number,
  init: "nndsvd" | "nndsvda",
  random: Random,
  pause: () => Promise<void> | undefined,
): Promise<Factors> {
  const { rows, cols } = x;
  const { left, right, values } = await singularVectors(x, count, random, pause);
  const [shares, parts] = [new Float64Array(rows * count), new Float64Array(count * cols)];
  for (let c = 0; c < count; c++) {
    const [u, v] = [left.subarray(c * rows, (c + 1) * rows), right.subarray(c * cols, (c + 1) * cols)];
    const half = (of: Float64Array, sign: number) =>
      of.map((value) => (c === 0 ? Math.abs(value) : Math.max(0, sign * value)));
    const [plus, minus] = [1, -1].map((sign) => {
      const [a, b] = [half(u, sign), half(v, sign)];
      return { a, b, ofA: length(a), ofB: length(b) };
    }) as [Half, Half];
    const { a, b, ofA, ofB } = plus.ofA * plus.ofB > minus.ofA * minus.ofB ? plus : minus;
    const scale = Math.sqrt(values[c]! * ofA * ofB);
    for (let row = 0; row < rows; row++) shares[row * count + c] = ofA > 0 ? (scale * a[row]!) / ofA : 0;
    for (let k = 0; k < cols; k++) parts[c * cols + k] = ofB > 0 ? (scale * b[k]!) / ofB : 0;
  }
  const fill = init === "nndsvda" ? meanOf(x) : 0;
  for (const factor of [shares, parts]) for (let i = 0; i < factor.length; i++) if (factor[i]! < 1e-6) factor[i] = fill;
  return { shares, parts };
}

interface Half {
  readonly a: Float64Array;
  readonly b: Float64Array;
  readonly ofA: number;
  readonly ofB: number;
}

function length(vector: Float64Array): number {
  return Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
}

/** The largest singular values and their vectors, one a row: subspace iteration, and an eigendecomposition in the subspace. */
async function singularVectors(x: Matrix, count: number, random: Random, pause: () => Promise<void> | undefined) {
  const { rows, cols } = x;
  const width = Math.min(cols, rows, count + 10);
  const outputs = Math.max(2, width);
  const stride = strideOf(outputs);
  const kernel = linearKernel(x, stride);
  /** X b and X' X b of each row b of the basis. */
  const images = async (basis: Float64Array) => {
    const weights = packed(padded(basis, width, cols), new Float64Array(outputs), cols);
    const ahead = new Float64Array(rows * stride);
    const back = new Float64Array((cols + 1) * stride);
    for (let from = 0; from < rows; from += kernel.block) {
      await pause();
      const to = Math.min(rows, from + kernel.block);
      const part = ahead.subarray(from * stride, to * stride);
      kernel.scores(from, to, weights, part);
      kernel.gradient(from, to, part, back);
    }
    return { ahead, back };
  };
  const basis = Float64Array.from({ length: width * cols }, () => random.normal());
  for (let pass = 0; pass < 20; pass++) {
    orthonormal(basis, width, cols);
    const { back } = await images(basis);
    for (let b = 0; b < width; b++) for (let k = 0; k < cols; k++) basis[b * cols + k] = back[k * stride + b]!;
  }
  orthonormal(basis, width, cols);
  const { ahead } = await images(basis);
  const turned = new Float64Array(width * rows);
  for (let row = 0; row < rows; row++)
    for (let b = 0; b < width; b++) turned[b * rows + row] = ahead[row * stride + b]!;
  const { values, vectors } = await eigen(symmetric(turned, width, rows), width, width, pause);
  const order = Array.from(values.keys())
    .sort((a, b) => values[b]! - values[a]!)
    .slice(0, count);
  const [left, right] = [new Float64Array(count * rows), new Float64Array(count * cols)];
  const roots = Float64Array.from(order, (at) => Math.sqrt(Math.max(0, values[at]!)));
  for (const [c, at] of order.entries())
    for (let b = 0; b < width; b++) {
      const share = vectors[at * width + b]!;
      for (let k = 0; k < cols; k++) right[c * cols + k]! += share * basis[b * cols + k]!;
      if (roots[c]! > 0)
        for (let row = 0; row < rows; row++) left[c * rows + row]! += (share * turned[b * rows + row]!) / roots[c]!;
    }
  return { left, right, values: roots };
}

/** Gram-Schmidt on rows, twice, since once leaves rounding; a row that nothing is left of becomes zeros. */
function orthonormal(rows: Float64Array, count: number, width: number): void {
  for (let a = 0; a < count; a++) {
    const own = rows.subarray(a * width, (a + 1) * width);
    const before = length(own);
    for (let pass = 0; pass < 2; pass++)
      for (let b = 0; b < a; b++) {
        let product = 0;
        for (let k = 0; k < width; k++) product += own[k]! * rows[b * width + k]!;
        for (let k = 0; k < width; k++) own[k]! -= product * rows[b * width + k]!;
      }
    const left = length(own);
    for (let k = 0; k < width; k++) own[k] = left > 1e-10 * before ? own[k]! / left : 0;
  }
}
