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
  random,
  rowBatches,
  type Saved,
  savedArray,
  toDense,
  turn,
  type Unsupervised,
} from "@mmub/core";
import { gram } from "./gram.js";
import { kMeans } from "./k-means.js";
import { argmax, softmax } from "./labels.js";
import { checkMatrix, checkWidth, linearKernel, packed, plain, strideOf } from "./linear.js";
import { cholesky } from "./symmetric.js";
import { filled } from "./trees/settings.js";
import { checkRows } from "./unsupervised.js";

const type = "@mmub/models/gaussian-mixture";

export interface GaussianMixtureParams {
  /** How many normal distributions. @default 1 */
  readonly components?: number;
  /** Of each component its own covariances (`"full"`), variances (`"diag"`) or one variance (`"spherical"`), or covariances that all share (`"tied"`). @default "full" */
  readonly covariance?: "full" | "tied" | "diag" | "spherical";
  /** Added to each variance, so that none is 0. @default 1e-6 */
  readonly regularization?: number;
  /** Stop where the mean log likelihood of a row grows by less. @default 1e-3 */
  readonly tolerance?: number;
  /** @default 100 */
  readonly maxIterations?: number;
  /** How often to start, each time from another k-means; the run of the highest likelihood counts. @default 1 */
  readonly starts?: number;
}

/** What a mixture says of each row. */
export interface Mixed {
  /** The likeliest component. */
  readonly components: Int32Array;
  /** The chance of each component: rows x components, every row sums to 1. */
  readonly probabilities: Dense;
  /** The logarithm of the density at each row: low where a row is strange. */
  readonly logLikelihoods: Float64Array;
}

export interface GaussianMixture extends Unsupervised<Mixed> {
  fit(x: Features, options?: FitOptions): Promise<FittedGaussianMixture>;
  load(saved: Saved): Promise<FittedGaussianMixture>;
}

export interface FittedGaussianMixture extends FittedModel<Mixed> {
  /** The share of each component. */
  readonly weights: Float64Array;
  /** Row-major, components x columns. */
  readonly means: Float64Array;
  /** `"full"`: components x columns x columns; `"tied"`: columns x columns; `"diag"`: components x columns; `"spherical"`: components. */
  readonly covariances: Float64Array;
  /** The mean log likelihood of the rows of the fit. */
  readonly logLikelihood: number;
  /** Akaike's and the Bayesian information criterion of the fit: the lower, the better a number of components fits. */
  readonly aic: number;
  readonly bic: number;
  /** Whether the tolerance was reached. If not, raise `maxIterations`. */
  readonly converged: boolean;
  readonly iterations: number;
}

/**
 * A mixture of normal distributions: soft clusters of any extent, and how likely a row is at all.
 *
 * Input: Dense or Sparse, which is written out; rows of missing modalities are zeros. Output: of each row the likeliest component, the
 * chance of each and the log likelihood. Rejects Sequence, values that are not finite (with row and column), fewer rows than components, a
 * covariance that is not positive definite, and in `predict` another width. The progress of a fit gives `logLikelihood`.
 * Cost: rows * components * cols^2 an iteration with covariances, rows * components * cols without, mostly 10 to 100 of them.
 * Source: Dempster, Laird & Rubin 1977, from k-means. The numbers are those of scikit-learn's `GaussianMixture`, where both find the same
 * maximum.
 *
 * @example
 * const visits = dense(6, 2, Float32Array.of(1, 1, 2, 1, 1, 2, 8, 9, 9, 8, 9, 9));
 * const fitted = await gaussianMixture({ components: 2, covariance: "diag" }).fit(visits, { seed: 7 });
 * const { components, logLikelihoods } = await fitted.predict(visits);
 */
export function gaussianMixture(params: GaussianMixtureParams = {}): GaussianMixture {
  const defaults: Required<GaussianMixtureParams> = {
    components: 1,
    covariance: "full",
    regularization: 1e-6,
    tolerance: 1e-3,
    maxIterations: 100,
    starts: 1,
  };
  const settings = filled(type, params, defaults, []);
  const { components, covariance, regularization, tolerance, maxIterations, starts } = settings;
  const kinds = ["full", "tied", "diag", "spherical"];
  for (const [name, value] of Object.entries({ components, maxIterations, starts }))
    checkParam(type, name, value, Number.isInteger(value) && value > 0, "a whole number of at least 1");
  checkParam(type, "covariance", covariance, kinds.includes(covariance), kinds.map((kind) => `"${kind}"`).join(", "));
  for (const [name, value] of Object.entries({ regularization, tolerance }))
    checkParam(type, name, value, value >= 0 && value < Number.POSITIVE_INFINITY, "a number of at least 0");
  const recipe = { type, params: settings as unknown as Json };

  const fitted = async (state: State, cols: number): Promise<FittedGaussianMixture> => {
    const density = await densityOf(state, cols, settings);
    const { weights, means, covariances, ...rest } = state;
    return {
      ...state,
      async predict(x, options) {
        checkMatrix(x, type);
        checkWidth(x, cols, type);
        const judge = density(toDense(x));
        const probabilities = dense(x.rows, components);
        const out = { components: new Int32Array(x.rows), logLikelihoods: new Float64Array(x.rows) };
        for await (const { from, to } of rowBatches(x.rows, options, type)) {
          const chances = new Float64Array((to - from) * components);
          judge(from, to, chances, out.logLikelihoods.subarray(from, to));
          probabilities.data.set(chances, from * components);
          for (let row = from; row < to; row++)
            out.components[row] = argmax(chances, (row - from) * components, components);
        }
        return { ...out, probabilities: plain(probabilities) };
      },
      save: async () => ({
        ...recipe,
        version: 1,
        state: { ...rest, cols },
        arrays: { weights: weights.slice(), means: means.slice(), covariances: covariances.slice() },
      }),
    };
  };

  return {
    ...recipe,
    async fit(x, options) {
      await turn(options?.signal);
      checkRows(x, type, components);
      const data = toDense(x);
      const report = progress(options, type);
      let done = 0;
      const pause = pace(options?.signal);
      const seeds = random(options?.seed);
      let best: State | undefined;
      for (let start = 0; start < starts; start++) {
        const signal = options?.signal && { signal: options.signal };
        const seed = seeds.fork(`start ${start}`).integer(2 ** 31);
        const crowds = await kMeans({ clusters: components }).fit(x, { ...signal, seed });
        const { clusters } = await crowds.predict(x, signal);
        const shares = new Float64Array(x.rows * components);
        for (let row = 0; row < x.rows; row++) shares[row * components + clusters[row]!] = 1;
        const found = await maximise(data, shares, settings, pause, (logLikelihood) =>
          report(++done, { logLikelihood }),
        );
        if (!best || found.logLikelihood > best.logLikelihood) best = found;
      }
      options?.signal?.throwIfAborted();
      return fitted(best!, x.cols);
    },
    async load(saved) {
      const { cols, ...state } = checkSaved(saved, recipe, 1).state as unknown as { cols: number } & Omit<
        State,
        Arrays
      >;
      const [weights, means, covariances] = (["weights", "means", "covariances"] as const).map((name) =>
        savedArray(saved, name, Float64Array),
      );
      return fitted({ ...state, weights: weights!, means: means!, covariances: covariances! }, cols);
    },
  };
}

type Arrays = "weights" | "means" | "covariances";

interface State {
  readonly weights: Float64Array;
  readonly means: Float64Array;
  readonly covariances: Float64Array;
  readonly logLikelihood: number;
  readonly aic: number;
  readonly bic: number;
  readonly converged: boolean;
  readonly iterations: number;
}

type Mixture = Pick<State, Arrays>;

async function maximise(
  x: Dense,
  shares: Float64Array,
  settings: Required<GaussianMixtureParams>,
  pause: () => Promise<void> | undefined,
  step: (logLikelihood: number) => void,
): Promise<State> {
  const { rows, cols } = x;
  const { components, covariance, tolerance, maxIterations } = settings;
  const ofCovariance = {
    full: (components * cols * (cols + 1)) / 2,
    tied: (cols * (cols + 1)) / 2,
    diag: components * cols,
    spherical: components,
  };
  const free = ofCovariance[covariance] + components * cols + components - 1;
  const logs = new Float64Array(rows);
  let mixture = await mixtureOf(x, shares, settings, pause);
  let before = Number.NEGATIVE_INFINITY;
  for (let iterations = 1; ; iterations++) {
    const judge = (await densityOf(mixture, cols, settings))(x);
    for (let from = 0; from < rows; from += 1024) {
      await pause();
      const to = Math.min(rows, from + 1024);
      judge(from, to, shares.subarray(from * components, to * components), logs.subarray(from, to));
    }
    const logLikelihood = logs.reduce((sum, log) => sum + log / rows, 0);
    step(logLikelihood);
    const converged = Math.abs(logLikelihood - before) < tolerance;
    if (converged || iterations > maxIterations) {
      const loss = -2 * logLikelihood * rows;
      const [aic, bic] = [loss + 2 * free, loss + Math.log(rows) * free];
      return { ...mixture, logLikelihood, aic, bic, converged, iterations };
    }
    before = logLikelihood;
    mixture = await mixtureOf(x, shares, settings, pause);
  }
}

/** The likeliest mixture for these shares of the rows in the components. */
async function mixtureOf(
  x: Dense,
  shares: Float64Array,
  { components, covariance, regularization }: Required<GaussianMixtureParams>,
  pause: () => Promise<void> | undefined,
): Promise<Mixture> {
  const { rows, cols, data } = x;
  const sums = new Float64Array(components).fill(10 * Number.EPSILON);
  const means = new Float64Array(components * cols);
  for (let row = 0; row < rows; row++)
    for (let c = 0; c < components; c++) {
      const share = shares[row * components + c]!;
      sums[c]! += share;
      if (share > 0) for (let k = 0; k < cols; k++) means[c * cols + k]! += share * data[row * cols + k]!;
    }
  for (let c = 0; c < components; c++) for (let k = 0; k < cols; k++) means[c * cols + k]! /= sums[c]!;
  const total = sums.reduce((a, b) => a + b, 0);

  const whole = covariance === "full" || covariance === "tied";
  const size = whole ? cols * cols : cols;
  const spread = new Float64Array((covariance === "tied" ? 1 : components) * size);
  for (let c = 0; c < components; c++) {
    const at = covariance === "tied" ? 0 : c * size;
    const weight = 1 / (covariance === "tied" ? total : sums[c]!);
    if (whole) {
      const roots = new Float64Array(rows);
      for (let row = 0; row < rows; row++) roots[row] = Math.sqrt(weight * shares[row * components + c]!);
      const own = means.subarray(c * cols, (c + 1) * cols);
      const { stride, values } = await gram(x, own, "columns", pause, () => {}, roots);
      for (let i = 0; i < cols; i++) for (let j = 0; j <= i; j++) spread[at + i * cols + j]! += values[i * stride + j]!;
      continue;
    }
    for (let row = 0; row < rows; row++) {
      const share = weight * shares[row * components + c]!;
      if (share > 0)
        for (let k = 0; k < cols; k++) spread[at + k]! += share * (data[row * cols + k]! - means[c * cols + k]!) ** 2;
    }
    await pause();
  }
  const weights = sums.map((sum) => sum / total);
  if (!whole) {
    for (let i = 0; i < spread.length; i++) spread[i]! += regularization;
    if (covariance === "diag") return { weights, means, covariances: spread };
    const mean = (c: number) => spread.subarray(c * cols, (c + 1) * cols).reduce((sum, one) => sum + one / cols, 0);
    return { weights, means, covariances: Float64Array.from({ length: components }, (_, c) => mean(c)) };
  }
  for (let at = 0; at < spread.length; at += size)
    for (let i = 0; i < cols; i++) {
      spread[at + i * cols + i]! += regularization;
      for (let j = 0; j < i; j++) spread[at + j * cols + i] = spread[at + i * cols + j]!;
    }
  return { weights, means, covariances: spread };
}

/** Writes the chances of rows, row-major, and their log likelihoods. */
type Density = (x: Dense) => (from: number, to: number, chances: Float64Array, logs: Float64Array) => void;

async function densityOf(
  { weights, means, covariances }: Mixture,
  cols: number,
  { components, covariance }: Required<GaussianMixtureParams>,
): Promise<Density> {
  const whole = covariance === "full" || covariance === "tied";
  const constants = new Float64Array(components);
  const stride = strideOf(Math.max(2, cols));
  // What makes a row of independent numbers of variance 1, less the mean.
  const whiten: Float64Array[] = [];
  let inverse = new Float64Array();
  let logs = 0;
  for (let c = 0; c < components; c++) {
    if (whole) {
      if (c === 0 || covariance === "full") {
        const factor = covariances.slice(c * cols * cols, (c + 1) * cols * cols);
        if (!(await cholesky(factor, cols, cols, 0, () => undefined)))
          throw new MmubError("invalid-input", {
            part: type,
            message: `the covariance of component ${c} is not positive definite; raise regularization, give fewer components or columns that are no sums of others`,
            component: c,
          });
        logs = 0;
        for (let k = 0; k < cols; k++) logs += 2 * Math.log(factor[k * cols + k]!);
        inverse = inverted(factor, cols);
      }
      const offsets = new Float64Array(Math.max(2, cols));
      for (let i = 0; i < cols; i++)
        for (let k = 0; k <= i; k++) offsets[i]! -= inverse[i * cols + k]! * means[c * cols + k]!;
      whiten.push(packed(inverse, offsets, cols));
    } else if (covariance === "diag") {
      logs = 0;
      for (let k = 0; k < cols; k++) logs += Math.log(covariances[c * cols + k]!);
    } else logs = cols * Math.log(covariances[c]!);
    constants[c] = Math.log(weights[c]!) - 0.5 * (logs + cols * Math.log(2 * Math.PI));
  }

  return (x) => {
    const kernel = linearKernel(x, stride);
    const white = new Float64Array(whole ? kernel.block * stride : 0);
    const write = (from: number, to: number, c: number, chances: Float64Array, at: number): void => {
      if (whole) kernel.scores(from, to, whiten[c]!, white);
      for (let row = from; row < to; row++) {
        let square = 0;
        if (whole) for (let k = 0; k < cols; k++) square += white[(row - from) * stride + k]! ** 2;
        else
          for (let k = 0; k < cols; k++)
            square +=
              (x.data[row * cols + k]! - means[c * cols + k]!) ** 2 /
              covariances[covariance === "diag" ? c * cols + k : c]!;
        chances[at + (row - from) * components + c] = constants[c]! - 0.5 * square;
      }
    };
    return (from, to, chances, logs) => {
      for (let start = from; start < to; start += kernel.block)
        for (let c = 0; c < components; c++)
          write(start, Math.min(to, start + kernel.block), c, chances, (start - from) * components);
      for (let i = 0; i < to - from; i++) {
        const at = i * components;
        const most = chances[at + argmax(chances, at, components)]!;
        let sum = 0;
        for (let c = 0; c < components; c++) sum += Math.exp(chances[at + c]! - most);
        softmax(chances, at, components);
        logs[i] = most + Math.log(sum);
      }
    };
  };
}

/** The inverse of a lower triangle; with a second row where there is one column, since kernels have at least two outputs. */
function inverted(factor: Float64Array, size: number): Float64Array<ArrayBuffer> {
  const out = new Float64Array(Math.max(2, size) * size);
  for (let column = 0; column < size; column++)
    for (let i = column; i < size; i++) {
      let value = i === column ? 1 : 0;
      for (let k = column; k < i; k++) value -= factor[i * size + k]! * out[k * size + column]!;
      out[i * size + column] = value / factor[i * size + i]!;
    }
  return out;
}
