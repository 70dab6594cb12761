// What linear models of one number have in common once they are fitted.
import {
  checkSaved,
  checkTargets,
  type Features,
  type FittedModel,
  type Json,
  type Regression,
  rowBatches,
  type Saved,
  savedArray,
} from "@mmub/core";
import { checkMatrix, checkWidth, linearKernel, type Matrix, packed } from "./linear.js";
import { linearScores, type OnnxExport, regressionOnnx } from "./onnx-export.js";
import { checkNumbers } from "./targets.js";

export interface LinearFit {
  /** One for each column. */
  readonly coefficients: Float64Array;
  /** 0 without an intercept. */
  readonly intercept: number;
}

interface Recipe {
  readonly type: string;
  readonly params: object;
}

/** Throws unless there are rows of Dense or Sparse and a finite target for each. */
export function checkRegression(x: Features, targets: readonly number[], part: string): asserts x is Matrix {
  checkMatrix(x, part);
  checkTargets(targets, x.rows, part);
  checkNumbers(targets, false, part);
}

/** A fit that predicts, with what `state` says besides; `exponential`: a prediction is e to the score. */
export function fittedLinear<S extends LinearFit>(
  { type, params }: Recipe,
  state: S,
  exponential = false,
): S & FittedModel<Regression> & OnnxExport {
  const { coefficients, ...rest } = state;
  const weights = packed(coefficients, Float64Array.of(state.intercept), coefficients.length);
  return {
    ...state,
    async predict(x, options) {
      checkMatrix(x, type);
      checkWidth(x, coefficients.length, type);
      const values = new Float64Array(x.rows);
      const kernel = linearKernel(x, 1);
      for await (const { from, to } of rowBatches(x.rows, options, type)) {
        kernel.scores(from, to, weights, values.subarray(from, to));
        if (exponential) for (let row = from; row < to; row++) values[row] = Math.exp(values[row]!);
      }
      return { values };
    },
    toOnnx: () =>
      regressionOnnx(linearScores(coefficients, Float64Array.of(state.intercept)), exponential ? "exp" : "identity"),
    save: async () => ({
      type,
      params: params as Json,
      version: 1,
      state: rest as unknown as Json,
      arrays: { coefficients: coefficients.slice() },
    }),
  };
}

export function loadedLinear<S extends LinearFit>(saved: Saved, { type, params }: Recipe): S {
  const { state } = checkSaved(saved, { type, params: params as Json }, 1);
  return {
    ...(state as unknown as Omit<S, "coefficients">),
    coefficients: savedArray(saved, "coefficients", Float64Array),
  } as S;
}
