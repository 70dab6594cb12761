// What is minimised: gradients, the first guess, and the mean loss, for scores that lie output after output.
import { quantile } from "@mmub/core";
import type { Kernels } from "@mmub/kernels";

interface LossData {
  readonly targets: Float32Array;
  readonly weights: Float32Array;
}

export interface BoostingLoss {
  /** The best constant score of each output. */
  start(data: LossData): number[];
  /** Pairs of derivatives for one output; the scores of all may count. */
  gradients(data: LossData, scores: Float64Array, output: number, out: Float32Array): void;
  /** The loss of a row, without its weight. */
  loss(target: number, scores: Float64Array, row: number, rows: number): number;
  /** The share of residuals that a leaf's value is the quantile of, where a step along the gradient says too little. */
  readonly quantile?: number;
}

const weightedMean = ({ targets, weights }: LossData): number => {
  let [sum, total] = [0, 0];
  for (let i = 0; i < targets.length; i++) {
    sum += weights[i]! * targets[i]!;
    total += weights[i]!;
  }
  return sum / total;
};

/** Two classes; targets are 0 and 1. */
export function binaryLoss(k: Kernels): BoostingLoss {
  return {
    start: (data) => {
      const p = Math.min(1 - 1e-12, Math.max(1e-12, weightedMean(data)));
      return [Math.log(p / (1 - p))];
    },
    gradients: ({ targets, weights }, scores, _, out) => k.treeLogistic(scores, targets, weights, out),
    loss: (target, scores, row) => {
      const score = target === 1 ? scores[row]! : -scores[row]!;
      return score > 0 ? Math.log1p(Math.exp(-score)) : Math.log1p(Math.exp(score)) - score;
    },
  };
}

/** `classes` classes; a target is the position of one. */
export function multinomialLoss(classes: number): BoostingLoss {
  const chances = new Float64Array(classes);
  const softmax = (scores: Float64Array, row: number, rows: number): void => {
    let most = Number.NEGATIVE_INFINITY;
    for (let c = 0; c < classes; c++) most = Math.max(most, scores[c * rows + row]!);
    let total = 0;
    for (let c = 0; c < classes; c++) {
      chances[c] = Math.exp(scores[c * rows + row]! - most);
      total += chances[c]!;
    }
    for (let c = 0; c < classes; c++) chances[c]! /= total;
  };
  // As in LightGBM and Friedman (2001): the second derivative makes up for the scores being one too many.
  const factor = classes / (classes - 1);
  // Chances are the same for all outputs of an iteration; those of the first one are kept.
  let kept = new Float64Array();
  return {
    start: ({ targets, weights }) => {
      const shares = new Float64Array(classes);
      for (let i = 0; i < targets.length; i++) shares[targets[i]!]! += weights[i]!;
      const total = shares.reduce((a, b) => a + b);
      return Array.from(shares, (share) => Math.log(Math.max(1e-12, share / total)));
    },
    gradients: ({ targets, weights }, scores, output, out) => {
      const rows = targets.length;
      if (output === 0) {
        if (kept.length !== rows * classes) kept = new Float64Array(rows * classes);
        for (let row = 0; row < rows; row++) {
          softmax(scores, row, rows);
          kept.set(chances, row * classes);
        }
      }
      for (let row = 0; row < rows; row++) {
        const p = kept[row * classes + output]!;
        out[2 * row] = weights[row]! * (p - (targets[row] === output ? 1 : 0));
        out[2 * row + 1] = weights[row]! * factor * p * (1 - p);
      }
    },
    loss: (target, scores, row, rows) => {
      softmax(scores, row, rows);
      return -Math.log(Math.max(1e-300, chances[target]!));
    },
  };
}

export type RegressionLoss = "mse" | "mae" | "quantile" | "huber" | "poisson";

/** `alpha`: the quantile; where Huber's loss turns straight. */
export function regressionLoss(name: RegressionLoss, alpha: number): BoostingLoss {
  const simple = (
    slope: (residual: number) => number,
    loss: (residual: number) => number,
    share?: number,
  ): BoostingLoss => ({
    ...(share !== undefined && { quantile: share }),
    start: (data) => [
      share === undefined
        ? weightedMean(data)
        : quantile(Float64Array.from(data.targets.filter((_, row) => data.weights[row]! > 0)).sort(), share),
    ],
    gradients: ({ targets, weights }, scores, _, out) => {
      for (let row = 0; row < targets.length; row++) {
        out[2 * row] = weights[row]! * slope(scores[row]! - targets[row]!);
        out[2 * row + 1] = weights[row]!;
      }
    },
    loss: (target, scores, row) => loss(scores[row]! - target),
  });
  switch (name) {
    case "mse":
      return simple(
        (residual) => residual,
        (residual) => 0.5 * residual * residual,
      );
    case "mae":
      return simple(Math.sign, Math.abs, 0.5);
    case "quantile":
      return simple(
        (residual) => (residual >= 0 ? 1 - alpha : -alpha),
        (residual) => (residual >= 0 ? (1 - alpha) * residual : -alpha * residual),
        alpha,
      );
    case "huber":
      return simple(
        (residual) => Math.max(-alpha, Math.min(alpha, residual)),
        (residual) =>
          Math.abs(residual) <= alpha ? 0.5 * residual * residual : alpha * (Math.abs(residual) - 0.5 * alpha),
      );
    case "poisson":
      return {
        start: (data) => [Math.log(Math.max(1e-12, weightedMean(data)))],
        gradients: ({ targets, weights }, scores, _, out) => {
          for (let row = 0; row < targets.length; row++) {
            const mean = Math.exp(scores[row]!);
            out[2 * row] = weights[row]! * (mean - targets[row]!);
            // LightGBM's `poisson_max_delta_step`, which keeps steps small where counts are.
            out[2 * row + 1] = weights[row]! * mean * Math.exp(0.7);
          }
        },
        loss: (target, scores, row) => Math.exp(scores[row]!) - target * scores[row]!,
      };
  }
}
