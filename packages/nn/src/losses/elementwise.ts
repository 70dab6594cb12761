import type { Json } from "@mmub/core";
import { reject, type Shape, showShape, sizeOf, type Value } from "../graph.js";
import type { Loss, TargetSpec } from "../loss.js";
import { abs, add, constant, exp, greater, log, maximum, minimum, mul, neg, softplus, sub, where } from "../ops.js";
import { checkAxes, checkNumber, checkTargetShape, perRow } from "./rows.js";

export interface StepsOption {
  /**
   * The output is `[batch, steps, ...]` and a row's target a sequence with one entry for each step; padding behind its end
   * does not count, and every step counts the same. @default false
   */
  readonly perStep?: boolean;
}

/**
 * Mean squared error, `(output - target)²`, the mean over the numbers of a row. Output and targets are of one shape,
 * `[batch, ...]`. PyTorch's `MSELoss`.
 *
 * @example
 * const { loss } = mse().build(input("output", [8, 3]), { target: input("target", [8, 3]) }, input("weights", [8]));
 * console.log(loss.shape); // [8]
 */
export function mse({ perStep = false }: StepsOption = {}): Loss {
  return elementwise("mse", {}, perStep, {}, (x, target) => {
    const apart = sub(x, target);
    return mul(apart, apart);
  });
}

/** Mean absolute error, `|output - target|`, the mean over the numbers of a row; shapes as for `mse`. PyTorch's `L1Loss`. */
export function mae({ perStep = false }: StepsOption = {}): Loss {
  return elementwise("mae", {}, perStep, {}, (x, target) => abs(sub(x, target)));
}

export interface HuberParams extends StepsOption {
  /** Up to this distance the loss is square, beyond it linear. In the units of the target. @default 1 */
  readonly delta?: number;
}

/**
 * Huber loss: with d = |output - target|, `d² / 2` up to `delta` and `delta * (d - delta / 2)` beyond, so that targets far off
 * weigh less than with `mse`. The mean over the numbers of a row; shapes as for `mse`. PyTorch's `HuberLoss` (Huber 1964).
 */
export function huber({ delta = 1, perStep = false }: HuberParams = {}): Loss {
  checkNumber("huber", "delta", delta, delta > 0, "a number above 0");
  return elementwise("huber", { delta }, perStep, {}, (x, target) => {
    const apart = abs(sub(x, target));
    const near = minimum(apart, delta);
    return add(mul(mul(near, near), 0.5), mul(sub(apart, near), delta));
  });
}

export interface PoissonParams extends StepsOption {
  /** Whether the output is the logarithm of the rate; if not, it is the rate itself and must be above 0. @default true */
  readonly logInput?: boolean;
  /** Whether to add Stirling's approximation of log(target!), which no gradient depends on, for targets above 1. @default false */
  readonly full?: boolean;
}

/**
 * Negative log likelihood of counts under a Poisson distribution: `exp(output) - target * output`, or without `logInput`
 * `output - target * log(output + 1e-8)`; the mean over the numbers of a row, shapes as for `mse`. Targets are counts, at
 * least 0, whole or not. PyTorch's `PoissonNLLLoss`.
 */
export function poisson({ logInput = true, full = false, perStep = false }: PoissonParams = {}): Loss {
  const accepts = { want: "a count, at least 0", test: (value: number) => value >= 0 };
  return elementwise("poisson", { logInput, full }, perStep, { accepts }, (x, target) => {
    const loss = logInput ? sub(exp(x), mul(target, x)) : sub(x, mul(target, log(add(x, 1e-8))));
    if (!full) return loss;
    const count = maximum(target, 1);
    const stirling = add(sub(mul(count, log(count)), count), mul(log(mul(count, 2 * Math.PI)), 0.5));
    return add(loss, where(greater(target, 1), stirling, 0));
  });
}

export interface BinaryCrossEntropyParams extends StepsOption {
  /** What targets of 1 count more than those of 0: one for all, or one for each of the output's last axis. @default 1 */
  readonly positiveWeight?: number | readonly number[];
}

/**
 * Binary cross-entropy of logits: `-target * log(sigmoid(output)) - (1 - target) * log(1 - sigmoid(output))`, computed without
 * overflow; the mean over the numbers of a row, shapes as for `mse`. Several labels for a row are fine. Targets are 0, 1 or a
 * probability between. PyTorch's `BCEWithLogitsLoss`; `positiveWeight` is its `pos_weight`.
 */
export function binaryCrossEntropy({ positiveWeight = 1, perStep = false }: BinaryCrossEntropyParams = {}): Loss {
  const weights = typeof positiveWeight === "number" ? [positiveWeight] : positiveWeight;
  for (const weight of weights)
    checkNumber("binary-cross-entropy", "positiveWeight", weight, weight > 0, "a number above 0");
  const accepts = { want: "0, 1 or a probability between", test: (value: number) => value >= 0 && value <= 1 };
  const build = (x: Value, target: Value) => {
    const negative = mul(sub(1, target), x);
    // max(-x, 0) + log(1 + exp(-|x|)), which is softplus(-x), is -log(sigmoid(x)).
    const positive = softplus(neg(x));
    if (weights.every((weight) => weight === 1)) return add(negative, positive);
    const extra =
      typeof positiveWeight === "number" ? positiveWeight - 1 : constant(weights.map((weight) => weight - 1));
    return add(negative, mul(add(mul(target, extra), 1), positive));
  };
  return elementwise("binary-cross-entropy", { positiveWeight }, perStep, { accepts }, build, (output) => {
    if (typeof positiveWeight === "number" || positiveWeight.length === output.at(-1)) return;
    reject(
      "shape-mismatch",
      "binary-cross-entropy",
      `got ${positiveWeight.length} of positiveWeight, want ${output.at(-1)} for an output of ${showShape(output)}`,
    );
  });
}

/** A loss of targets that have the shape of the output. */
function elementwise(
  type: string,
  params: Readonly<Record<string, Json>>,
  perStep: boolean,
  spec: Pick<TargetSpec, "accepts">,
  build: (output: Value, target: Value) => Value,
  check?: (output: Shape) => void,
): Loss {
  return {
    type,
    params: { ...params, perStep },
    targets(output) {
      check?.(output);
      checkAxes(type, output, perStep ? 2 : 1, perStep ? "[batch, steps, ...]" : "[batch, ...]");
      return { target: { shape: output.slice(perStep ? 2 : 1), dtype: "float32", ragged: perStep, ...spec } };
    },
    build(output, { target, "target.mask": mask }) {
      checkTargetShape(type, target!, output.shape);
      const size = sizeOf(output.shape.slice(perStep ? 2 : 1));
      return perRow(mul(build(output, target!), 1 / size), perStep ? mask : undefined);
    },
  };
}
