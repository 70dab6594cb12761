import {
  checkParam,
  checkSaved,
  type Features,
  type FitOptions,
  type FittedModel,
  type Json,
  type Model,
  pace,
  progress,
  type Regression,
  rowBatches,
  type Saved,
  savedArray,
  turn,
} from "@mmub/core";
import { checkMatrix, checkWidth, type Matrix } from "./linear.js";
import { checkRegression } from "./linear-regressor.js";
import { type KeptRows, loadedRows, savedRows } from "./neighbors.js";
import { isPositive } from "./params.js";
import { checkKernel, gammaOf, type KernelParams, kernelDefaults, similarities, solveDual, supportOf } from "./smo.js";
import { filled } from "./trees/settings.js";

const type = "@mmub/models/kernel-svr";

export interface KernelSvrParams extends KernelParams {
  /** Inverse strength of the penalty: how much a row that is further off than `epsilon` costs. @default 1 */
  readonly C?: number;
  /** How far off a prediction costs nothing, in the unit of the targets. @default 0.1 */
  readonly epsilon?: number;
}

export interface KernelSvr extends Model<number, Regression> {
  fit(x: Features, targets: readonly number[], options?: FitOptions): Promise<FittedKernelSvr>;
  load(saved: Saved): Promise<FittedKernelSvr>;
}

export interface FittedKernelSvr extends FittedModel<Regression> {
  /** The rows of the fit that count. */
  readonly support: Int32Array;
  /** Whether the tolerance was reached. If not, scale the columns or raise `maxIterations`. */
  readonly converged: boolean;
  readonly iterations: number;
}

/**
 * Support vector regression with a kernel: curves of any shape, which outliers among the targets move little; for some thousand rows.
 *
 * Input: Dense or Sparse, which stays sparse; bring columns and targets to one scale. Rows of missing modalities are zeros. Output: a value
 * for each row (float64). Rejects Sequence, values and targets that are not finite (with the index), and in `predict` another width.
 * Cost: rows^2 * cols and more in the fit; support vectors * cols a prediction.
 * Source: Smola & Scholkopf 2004; sequential minimal optimisation, see LIBSVM (Chang & Lin 2011). The numbers of scikit-learn's `SVR`.
 *
 * @example
 * const hours = dense(5, 1, Float32Array.of(0, 1, 2, 3, 4));
 * const fitted = await kernelSvr({ C: 10 }).fit(hours, [0, 0.8, 0.9, 0.1, -0.8]);
 * const { values } = await fitted.predict(hours);
 */
export function kernelSvr(params: KernelSvrParams = {}): KernelSvr {
  const settings = filled<Required<KernelSvrParams>>(type, params, { ...kernelDefaults, C: 1, epsilon: 0.1 }, []);
  const { C, epsilon } = settings;
  checkKernel(type, settings);
  checkParam(type, "C", C, isPositive(C), "a positive number");
  checkParam(type, "epsilon", epsilon, epsilon === 0 || isPositive(epsilon), "a number of at least 0");
  const recipe = { type, params: settings as unknown as Json };

  const fitted = ({ vectors, support, duals, ...rest }: State): FittedKernelSvr => {
    const alike = similarities(vectors, settings, rest.gamma);
    return {
      support,
      converged: rest.converged,
      iterations: rest.iterations,
      async predict(x, options) {
        checkMatrix(x, type);
        checkWidth(x, vectors.cols, type);
        const values = new Float64Array(x.rows).fill(-rest.rho);
        const near = new Float64Array(vectors.rows);
        const pause = pace(options?.signal);
        for await (const { from, to } of rowBatches(x.rows, options, type))
          for (let row = from; row < to; row++) {
            await pause();
            alike.write(x, row, near);
            for (let i = 0; i < near.length; i++) values[row]! += duals[i]! * near[i]!;
          }
        return { values };
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
    async fit(x, targets, options) {
      await turn(options?.signal);
      checkRegression(x, targets, type);
      const { rows } = x;
      const gamma = gammaOf(x, settings);
      // Two variables a row: how much it pulls up, and down.
      const { alphas, ...rest } = await solveDual(
        {
          x,
          signs: new Int8Array(2 * rows).fill(1, 0, rows).fill(-1, rows),
          linear: Float64Array.from(
            { length: 2 * rows },
            (_, i) => epsilon + (i < rows ? -targets[i]! : targets[i - rows]!),
          ),
          bounds: new Float64Array(2 * rows).fill(C),
          start: new Float64Array(2 * rows),
        },
        settings,
        gamma,
        pace(options?.signal),
      );
      progress(options, type, 1)(1);
      options?.signal?.throwIfAborted();
      const dualOf = (row: number): number => alphas[row]! - alphas[rows + row]!;
      const support = Int32Array.from({ length: rows }, (_, row) => row).filter((row) => dualOf(row) !== 0);
      return fitted({
        ...rest,
        gamma,
        support,
        vectors: supportOf(x, support),
        duals: Float64Array.from(support, dualOf),
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
