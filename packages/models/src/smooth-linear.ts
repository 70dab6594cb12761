import { pace, progress, type RunOptions } from "@mmub/core";
import { minimize } from "./lbfgs.js";
import { linearKernel, type Matrix, moments } from "./linear.js";
import type { LinearFit } from "./linear-regressor.js";

/** A smooth loss of linear scores, and of numbers besides that are found with the coefficients. */
export interface SmoothLoss {
  /**
   * The sum of the losses of the rows `from` to `to`, whose scores become the slopes along them; adds the slopes along `others` to
   * `slopes`.
   */
  add(scores: Float64Array, from: number, to: number, others: Float64Array, slopes: Float64Array): number;
  /** About what the second derivative along a score is. */
  readonly curvature: number;
  /** Where the search begins. */
  readonly intercept: number;
  readonly others?: readonly number[];
}

export interface SmoothParams {
  readonly fitIntercept: boolean;
  readonly tolerance: number;
  readonly maxIterations: number;
}

export interface SmoothFit extends LinearFit {
  readonly others: Float64Array;
  readonly converged: boolean;
  readonly iterations: number;
}

/**
 * Minimises the mean loss plus `penalty / 2 * |coefficients|^2` by L-BFGS, until no entry of the gradient is above `tolerance`. Columns are
 * centred and scaled on the fly, which changes the speed and not the solution.
 */
export async function smoothLinear(
  x: Matrix,
  loss: SmoothLoss,
  penalty: number,
  { fitIntercept, tolerance, maxIterations }: SmoothParams,
  options: RunOptions | undefined,
  part: string,
): Promise<SmoothFit> {
  const { rows, cols } = x;
  const { means, squares } = moments(x, new Uint8Array(rows), Float64Array.of(1 / rows));
  if (!fitIntercept) means.fill(0);
  const scales = squares.map((square, k) => {
    const variance = Math.max(square - means[k]! ** 2, 1e-14 * square);
    return Math.sqrt(loss.curvature * variance + penalty) || 1;
  });
  const ofIntercept = Math.sqrt(loss.curvature);
  const kernel = linearKernel(x, 1);
  const scores = new Float64Array(kernel.block);
  const slopes = new Float64Array(cols + 1);
  const others = Float64Array.from(loss.others ?? []);
  const ofOthers = new Float64Array(others.length);
  const model = new Float64Array(cols + 1);
  const toModel = (variables: Float64Array): void => {
    model[cols] = fitIntercept ? variables[cols]! / ofIntercept : 0;
    for (let k = 0; k < cols; k++) {
      model[k] = variables[k]! / scales[k]!;
      model[cols]! -= model[k]! * means[k]!;
    }
    others.set(variables.subarray(cols + 1));
  };

  const start = new Float64Array(cols + 1 + others.length);
  start[cols] = fitIntercept ? loss.intercept * ofIntercept : 0;
  start.set(others, cols + 1);
  const pause = pace(options?.signal);
  await pause();
  const report = progress(options, part, maxIterations);
  const found = await minimize(
    {
      evaluate(variables, gradient) {
        toModel(variables);
        slopes.fill(0);
        ofOthers.fill(0);
        let sum = 0;
        for (let from = 0; from < rows; from += kernel.block) {
          const to = Math.min(rows, from + kernel.block);
          kernel.scores(from, to, model, scores);
          sum += loss.add(scores, from, to, others, ofOthers);
          kernel.gradient(from, to, scores, slopes);
        }
        let norm = 0;
        for (let k = 0; k < cols; k++) {
          norm += model[k]! * model[k]!;
          const slope = (slopes[k]! - (fitIntercept ? means[k]! * slopes[cols]! : 0)) / rows;
          gradient[k] = (slope + penalty * model[k]!) / scales[k]!;
        }
        gradient[cols] = fitIntercept ? slopes[cols]! / rows / ofIntercept : 0;
        for (let i = 0; i < others.length; i++) gradient[cols + 1 + i] = ofOthers[i]! / rows;
        return sum / rows + 0.5 * penalty * norm;
      },
      norm(gradient) {
        // Of the coefficients themselves, not of the variables.
        let most = Math.abs(gradient[cols]! * ofIntercept);
        for (let k = 0; k < cols; k++)
          most = Math.max(most, Math.abs(gradient[k]! * scales[k]! + means[k]! * gradient[cols]! * ofIntercept));
        for (let i = cols + 1; i < gradient.length; i++) most = Math.max(most, Math.abs(gradient[i]!));
        return most;
      },
    },
    start,
    {
      tolerance,
      maxIterations,
      signal: options?.signal,
      onIteration: ({ iterations, value, norm, converged }) =>
        report(iterations, { loss: value, gradient: norm, converged: Number(converged) }),
    },
  );
  toModel(found.x);
  return {
    coefficients: model.slice(0, cols),
    intercept: model[cols]!,
    others: others.slice(),
    converged: found.converged,
    iterations: found.iterations,
  };
}
