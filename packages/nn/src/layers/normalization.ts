import { checkParam } from "@mmub/core";
import { reject, showShape, sizeOf, type Value } from "../graph.js";
import { ones, zeros } from "../initializers.js";
import type { Scope } from "../network.js";
import {
  add,
  constant,
  div,
  expand,
  layerNorm as layerNormOp,
  maximum,
  mul,
  reshape,
  sqrt,
  sub,
  sum,
  withGradient,
} from "../ops.js";
import { checkFlag, checkWhole, type LayerParams, times, type ValueLayer, valueLayer } from "./layer.js";

export interface LayerNormParams extends LayerParams {
  /** How many axes, from the last, are normalised together. @default 1 */
  readonly axes?: number;
  /** Added to the variance. @default 1e-5 */
  readonly epsilon?: number;
  /** Whether scale and shift are trained. @default true */
  readonly affine?: boolean;
}

/**
 * Layer normalisation: `(x - mean) / √(variance + epsilon) ⊙ weight + bias` over the last axes of each row or step. Shape in is shape
 * out, on a Value or on Steps.
 *
 * Parameters, as PyTorch's LayerNorm: `weight` and `bias` of the shape of these axes.
 * Source: Ba, Kiros and Hinton, Layer normalization (2016).
 *
 * @example
 * const block = sequential(dense({ units: 32 }), layerNorm(), activation({ kind: "relu" }));
 */
export function layerNorm({ axes = 1, epsilon = 1e-5, affine = true, ...params }: LayerNormParams = {}): ValueLayer {
  checkWhole("layerNorm", "axes", axes);
  checkEpsilon("layerNorm", epsilon);
  checkFlag("layerNorm", "affine", affine);
  return valueLayer("layerNorm", params, (scope, x) => {
    if (x.shape.length <= axes)
      reject(
        "shape-mismatch",
        "layerNorm",
        `input is ${showShape(x.shape)}, want [batch, ...] and ${axes} axes to normalise`,
      );
    return normalized(scope, x, { axes, epsilon, affine });
  });
}

/** Layer normalisation with parameters `weight` and `bias` of the scope. */
export function normalized(
  scope: Scope,
  x: Value,
  {
    axes = 1,
    epsilon = 1e-5,
    affine = true,
  }: { readonly axes?: number; readonly epsilon?: number; readonly affine?: boolean } = {},
): Value {
  const shape = x.shape.slice(-axes);
  const width = sizeOf(shape);
  const flat = (value: Value) => reshape(value, [width]);
  const scale = affine ? flat(scope.parameter("weight", shape, ones())) : expand(constant(1), [width]);
  const shift = affine ? flat(scope.parameter("bias", shape, zeros())) : expand(constant(0), [width]);
  const [y] = layerNormOp(reshape(x, [...x.shape.slice(0, -axes), width]), scale, shift, epsilon);
  return reshape(y, x.shape);
}

export interface BatchNormParams extends LayerParams {
  /** How much of a batch's statistics goes into the running ones. @default 0.1 */
  readonly momentum?: number;
  /** Added to the variance. @default 1e-5 */
  readonly epsilon?: number;
  /** Whether scale and shift are trained. @default true */
  readonly affine?: boolean;
}

/**
 * Batch normalisation of each channel: `(x - mean) / √(variance + epsilon) ⊙ weight + bias`; in training by the mean and variance of the
 * batch, else by the running ones. Shape in is shape out: `[batch, channels]`, `[batch, channels, ...space]`, or Steps `[batch, steps,
 * channels]`, whose padding counts for nothing.
 *
 * Parameters, as PyTorch's BatchNorm: `weight`, `bias` `[channels]`; buffers `running_mean`, `running_var` (with n - 1 in the denominator).
 * Rejects training on a single value for each channel. Source: Ioffe and Szegedy, Batch normalization (2015).
 *
 * @example
 * const block = sequential(conv2d({ filters: 16, kernel: 3, bias: false }), batchNorm(), activation({ kind: "relu" }));
 */
export function batchNorm({
  momentum = 0.1,
  epsilon = 1e-5,
  affine = true,
  ...params
}: BatchNormParams = {}): ValueLayer {
  checkParam("@mmub/nn/batchNorm", "momentum", momentum, momentum >= 0 && momentum <= 1, "a number from 0 to 1");
  checkEpsilon("batchNorm", epsilon);
  checkFlag("batchNorm", "affine", affine);
  return valueLayer("batchNorm", params, (scope, x, mask) => {
    // Steps have their channels last, images first.
    const at = mask ? x.shape.length - 1 : 1;
    const channels = x.shape[at];
    if (!channels || x.shape.length < 2)
      reject("shape-mismatch", "batchNorm", `input is ${showShape(x.shape)}, want [batch, channels, ...]`);
    const axes = x.shape.map((_, axis) => axis).filter((axis) => axis !== at);
    const wide = (value: Value) =>
      reshape(
        value,
        x.shape.map((length, axis) => (axis === at ? length : 1)),
      );
    const flat = (value: Value) => reshape(value, [channels]);
    const scale = affine ? wide(scope.parameter("weight", [channels], ones())) : constant(1);
    const shift = affine ? wide(scope.parameter("bias", [channels], zeros())) : constant(0);
    const runningMean = scope.buffer("running_mean", [channels], zeros());
    const runningVariance = scope.buffer("running_var", [channels], ones());
    if (!scope.training)
      return add(mul(sub(x, wide(runningMean)), div(scale, sqrt(add(wide(runningVariance), epsilon)))), shift);

    const each = sizeOf(x.shape) / channels;
    if (each < 2)
      reject(
        "shape-mismatch",
        "batchNorm",
        `input is ${showShape(x.shape)}, want more than one value for each channel to train on`,
      );
    const { center, normal, inverse, variance, count, total } = statistics(x, axes, each, mask, epsilon);
    // The variance of a population is estimated with n - 1.
    const unbiased = mul(variance, div(count, maximum(sub(count, 1), 1)));
    const moved = (old: Value, now: Value) => add(mul(old, 1 - momentum), mul(flat(now), momentum));
    scope.update(runningMean, moved(runningMean, center));
    scope.update(runningVariance, moved(runningVariance, unbiased));

    const inputs = affine ? [x, scale, shift] : [x];
    return withGradient([add(mul(normal, scale), shift)], inputs, ([gradient]) => {
      if (!gradient) return [];
      const [ofShift, ofScale] = [total(gradient), total(mul(gradient, normal))];
      const mean = (sums: Value) => div(sums, count);
      const rest = sub(sub(gradient, mean(ofShift)), mul(normal, mean(ofScale)));
      const all = mul(rest, mul(scale, inverse));
      return [mask ? times(all, mask) : all, ofScale, ofShift];
    })[0]!;
  });
}

/** Mean and variance of each channel over what is not padding; sums keep their axes. */
function statistics(x: Value, axes: readonly number[], each: number, mask: Value | undefined, epsilon: number) {
  const total = (value: Value) => sum(mask ? times(value, mask) : value, axes, true);
  const count = mask ? maximum(mul(sum(mask), each / sizeOf(mask.shape)), 1) : constant(each);
  const center = div(total(x), count);
  const apart = sub(x, center);
  const variance = div(total(mul(apart, apart)), count);
  const inverse = div(1, sqrt(add(variance, epsilon)));
  return { total, count, center, variance, inverse, normal: mul(apart, inverse) };
}

export function checkEpsilon(type: string, epsilon: number): void {
  checkParam(`@mmub/nn/${type}`, "epsilon", epsilon, Number.isFinite(epsilon) && epsilon >= 0, "a number from 0");
}
