import {
  checkParam,
  checkSaved,
  type Features,
  type FitOptions,
  type FittedModel,
  type Json,
  pace,
  progress,
  rowBatches,
  type Saved,
  savedArray,
  turn,
  type Unsupervised,
} from "@mmub/core";
import { checkMatrix, checkWidth, type Matrix } from "./linear.js";
import { type KeptRows, loadedRows, savedRows } from "./neighbors.js";
import { checkKernel, gammaOf, type KernelParams, kernelDefaults, similarities, solveDual, supportOf } from "./smo.js";
import { filled } from "./trees/settings.js";
import { checkRows } from "./unsupervised.js";

const type = "@mmub/models/one-class-svm";

export interface OneClassSvmParams extends KernelParams {
  /** At most this share of the rows of the fit is outside, at least this share counts as support; above 0, at most 1. @default 0.5 */
  readonly nu?: number;
}

/** How far each row is inside of what is usual. */
export interface Novelty {
  /** Below 0 is outside. */
  readonly decisions: Float64Array;
  /** One byte a row, 1: outside. */
  readonly outliers: Uint8Array;
}

export interface OneClassSvm extends Unsupervised<Novelty> {
  fit(x: Features, options?: FitOptions): Promise<FittedOneClassSvm>;
  load(saved: Saved): Promise<FittedOneClassSvm>;
}

export interface FittedOneClassSvm extends FittedModel<Novelty> {
  /** The rows of the fit that count. */
  readonly support: Int32Array;
  /** Whether the tolerance was reached. If not, scale the columns or raise `maxIterations`. */
  readonly converged: boolean;
  readonly iterations: number;
}

/**
 * One-class support vector machine: the border around most rows, and what is outside of it. For data that are known to be usual.
 *
 * Input: Dense or Sparse, which stays sparse; bring columns to one scale. Rows of missing modalities are zeros. Output: how far inside each
 * row is, and whether it is outside. Rejects Sequence, values that are not finite (with row and column), an empty data set, and in `predict`
 * another width. Cost: rows^2 * cols and more in the fit; support vectors * cols a prediction.
 * Source: Scholkopf et al. 2001; the numbers of scikit-learn's `OneClassSVM`.
 *
 * @example
 * const usual = dense(5, 2, Float32Array.of(1, 1, 2, 1, 1, 2, 2, 2, 1.5, 1.5));
 * const fitted = await oneClassSvm({ nu: 0.1 }).fit(usual);
 * const { outliers } = await fitted.predict(dense(1, 2, Float32Array.of(40, 90))); // 1
 */
export function oneClassSvm(params: OneClassSvmParams = {}): OneClassSvm {
  const settings = filled<Required<OneClassSvmParams>>(type, params, { ...kernelDefaults, nu: 0.5 }, []);
  const { nu } = settings;
  checkKernel(type, settings);
  checkParam(type, "nu", nu, nu > 0 && nu <= 1, "a share above 0, at most 1");
  const recipe = { type, params: settings as unknown as Json };

  const fitted = ({ vectors, support, duals, ...rest }: State): FittedOneClassSvm => {
    const alike = similarities(vectors, settings, rest.gamma);
    return {
      support,
      converged: rest.converged,
      iterations: rest.iterations,
      async predict(x, options) {
        checkMatrix(x, type);
        checkWidth(x, vectors.cols, type);
        const decisions = new Float64Array(x.rows).fill(-rest.rho);
        const values = new Float64Array(vectors.rows);
        const pause = pace(options?.signal);
        for await (const { from, to } of rowBatches(x.rows, options, type))
          for (let row = from; row < to; row++) {
            await pause();
            alike.write(x, row, values);
            for (let i = 0; i < values.length; i++) decisions[row]! += duals[i]! * values[i]!;
          }
        return { decisions, outliers: Uint8Array.from(decisions, (value) => Number(value < 0)) };
      },
      save: async () => ({
        ...recipe,
        version: 1,
        state: { ...rest, rows: vectors.rows, cols: vectors.cols, layout: vectors.layout },
        arrays: { ...savedRows(vectors), support: support.slice(), duals: duals.slice() },
      }),
    };
  };

  return {
    ...recipe,
    async fit(x, options) {
      await turn(options?.signal);
      checkRows(x, type);
      const { rows } = x;
      const start = new Float64Array(rows);
      const whole = Math.floor(nu * rows);
      start.fill(1, 0, whole);
      if (whole < rows) start[whole] = nu * rows - whole;
      const gamma = gammaOf(x, settings);
      const { alphas, ...rest } = await solveDual(
        {
          x,
          signs: new Int8Array(rows).fill(1),
          linear: new Float64Array(rows),
          bounds: new Float64Array(rows).fill(1),
          start,
        },
        settings,
        gamma,
        pace(options?.signal),
      );
      progress(options, type, 1)(1);
      options?.signal?.throwIfAborted();
      const support = Int32Array.from(alphas.keys()).filter((row) => alphas[row]! > 0);
      return fitted({
        ...rest,
        gamma,
        support,
        vectors: supportOf(x, support),
        duals: Float64Array.from(support, (row) => alphas[row]!),
      });
    },
    async load(saved) {
      const { rows, cols, layout, ...rest } = checkSaved(saved, recipe, 1).state as unknown as KeptRows &
        Omit<State, "vectors" | "support" | "duals">;
      return fitted({
        ...rest,
        vectors: loadedRows(saved, { rows, cols, layout }),
        support: savedArray(saved, "support", Int32Array),
        duals: savedArray(saved, "duals", Float64Array),
      });
    },
  };
}

interface State {
  readonly vectors: Matrix;
  readonly support: Int32Array;
  readonly duals: Float64Array;
  readonly gamma: number;
  readonly rho: number;
  readonly converged: boolean;
  readonly iterations: number;
}
