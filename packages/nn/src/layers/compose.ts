import { checkParam } from "@mmub/core";
import { reject, type Shape, sameShape, showShape, sizeOf, type Value } from "../graph.js";
import type { Layer, Scope, Steps } from "../network.js";
import { add, reshape } from "../ops.js";
import {
  checkSteps,
  isSteps,
  type LayerParams,
  layer,
  maskedSteps,
  type ValueLayer,
  zeroedSteps,
  zeroedValues,
} from "./layer.js";

/**
 * Layers after one another. Each takes what the one before gives, which the types check.
 *
 * Parameters keep the names of the layers: `sequential(dense(…), dense(…))` has `dense/weight` and `dense_2/weight`.
 *
 * @example
 * const mlp = sequential(dense({ units: 64, activation: "relu" }), dropout({ rate: 0.2 }), dense({ units: 1 }));
 */
export function sequential<A, B>(...layers: [...ValueLayer[], Layer<A, B>]): Layer<A, B>;
export function sequential<A, B, C>(...layers: [...ValueLayer[], Layer<A, B>, Layer<B, C>]): Layer<A, C>;
export function sequential<A, B, C, D>(
  ...layers: [...ValueLayer[], Layer<A, B>, Layer<B, C>, Layer<C, D>]
): Layer<A, D>;
export function sequential<A, B, C, D, E>(
  ...layers: [...ValueLayer[], Layer<A, B>, Layer<B, C>, Layer<C, D>, Layer<D, E>]
): Layer<A, E>;
export function sequential<A, B, C, D, E, F>(
  ...layers: [...ValueLayer[], Layer<A, B>, Layer<B, C>, Layer<C, D>, Layer<D, E>, Layer<E, F>]
): Layer<A, F>;
export function sequential<A, B, C, D, E, F, G>(
  ...layers: [...ValueLayer[], Layer<A, B>, Layer<B, C>, Layer<C, D>, Layer<D, E>, Layer<E, F>, Layer<F, G>]
): Layer<A, G>;
export function sequential<A, B, C, D, E, F, G, H>(
  ...layers: [
    ...ValueLayer[],
    Layer<A, B>,
    Layer<B, C>,
    Layer<C, D>,
    Layer<D, E>,
    Layer<E, F>,
    Layer<F, G>,
    Layer<G, H>,
  ]
): Layer<A, H>;
export function sequential<A, B, C, D, E, F, G, H, I>(
  ...layers: [
    ...ValueLayer[],
    Layer<A, B>,
    Layer<B, C>,
    Layer<C, D>,
    Layer<D, E>,
    Layer<E, F>,
    Layer<F, G>,
    Layer<G, H>,
    Layer<H, I>,
  ]
): Layer<A, I>;
export function sequential<A, B, C, D, E, F, G, H, I, J>(
  ...layers: [
    ...ValueLayer[],
    Layer<A, B>,
    Layer<B, C>,
    Layer<C, D>,
    Layer<D, E>,
    Layer<E, F>,
    Layer<F, G>,
    Layer<G, H>,
    Layer<H, I>,
    Layer<I, J>,
  ]
): Layer<A, J>;
export function sequential<A, B, C, D, E, F, G, H, I, J, K>(
  ...layers: [
    ...ValueLayer[],
    Layer<A, B>,
    Layer<B, C>,
    Layer<C, D>,
    Layer<D, E>,
    Layer<E, F>,
    Layer<F, G>,
    Layer<G, H>,
    Layer<H, I>,
    Layer<I, J>,
    Layer<J, K>,
  ]
): Layer<A, K>;
/** More than ten: sequentials in a sequential. */
export function sequential<X>(...layers: readonly Layer<X, X>[]): Layer<X, X>;
export function sequential(...layers: readonly Layer<never, unknown>[]): Layer<never, unknown> {
  for (const [i, one] of layers.entries())
    checkParam("@mmub/nn/sequential", `layer ${i}`, one, typeof one === "function", "a layer");
  return (scope: Scope, input) => layers.reduce<unknown>((x, one) => one(scope, x as never), input);
}

/**
 * `x + layer(x)`, of a layer that gives the shape it gets: on a Value or on Steps. Adds no name of its own.
 * Source: He, Zhang, Ren and Sun, Deep residual learning for image recognition (2016).
 *
 * @example
 * const block = residual(sequential(layerNorm(), dense({ units: 32, activation: "gelu" }), dense({ units: 32 })));
 */
export function residual(inner: ValueLayer): ValueLayer;
export function residual<X extends Value | Steps>(inner: Layer<X, X>): Layer<X, X>;
export function residual(inner: Layer<Value | Steps, Value | Steps>): Layer<Value | Steps, Value | Steps> {
  checkParam("@mmub/nn/residual", "layer", inner, typeof inner === "function", "a layer");
  return (scope, input) => {
    const output = inner(scope, input);
    const [x, y] = [input, output].map((of) => (isSteps(of) ? zeroedValues(of) : of)) as [Value, Value];
    if (!sameShape(x.shape, y.shape) || isSteps(input) !== isSteps(output))
      reject(
        "shape-mismatch",
        "residual",
        `input is ${showShape(x.shape)} and the layer gives ${showShape(y.shape)}, want the same`,
      );
    return isSteps(input) ? zeroedSteps(add(x, y), input.mask) : add(x, y);
  };
}

/**
 * A layer on rows applied to each step, as if each step were a row: `[batch, steps, ...]` to `[batch, steps, ...]`. Layers on numbers
 * of any kind (`dense`, `dropout`, …) take Steps as they are; this is for the others and for functions of your own. What looks across
 * rows sees padding too.
 *
 * @example
 * const perStep = onSteps((scope, x) => gatedFusion({ units: 8 })(scope, split(x, [3, 5])));
 */
export function onSteps(inner: Layer): Layer<Steps, Steps> {
  checkParam("@mmub/nn/onSteps", "layer", inner, typeof inner === "function", "a layer");
  return (scope, input) => {
    const { values, mask } = checkSteps("onSteps", input);
    const [batch, steps, ...rest] = values.shape as [number, number, ...number[]];
    const rows = inner(scope, reshape(values, [batch * steps, ...rest]));
    if (rows.shape[0] !== batch * steps)
      reject(
        "shape-mismatch",
        "onSteps",
        `the layer gives ${showShape(rows.shape)}, want ${batch * steps} rows, one for each step`,
      );
    return maskedSteps(reshape(rows, [batch, steps, ...rows.shape.slice(1)]), mask);
  };
}

/**
 * A layer with one set of parameters, however often it is called in a network: the two towers of a siamese network, or one encoder
 * for a user's query and the product's title. `name` is what its parameters go by, so no other layer of the scope may have it.
 *
 * Dropout draws anew at each call; of running statistics (batchNorm) those of the last call count.
 *
 * @example
 * const encode = shared("encoder", sequential(dense({ units: 16, activation: "relu" }), dense({ units: 4 })));
 * const alike = network(
 *   { query: { kind: "vector", cols: 8 }, title: { kind: "vector", cols: 8 } },
 *   (scope, { query, title }) => sum(mul(encode(scope, query), encode(scope, title)), [1]),
 * );
 */
export function shared<In, Out>(name: string, inner: Layer<In, Out>): Layer<In, Out> {
  checkParam("@mmub/nn/shared", "name", name, typeof name === "string" && name !== "", "a name");
  checkParam("@mmub/nn/shared", "layer", inner, typeof inner === "function", "a layer");
  return (scope, input) => scope.share(name, (own) => inner(own, input));
}

/** All axes but the batch as one: `[batch, ...]` to `[batch, columns]`. */
export function flatten(params: LayerParams = {}): Layer {
  return layer("flatten", params, (_, x) => reshape(x, [x.shape[0]!, sizeOf(x.shape.slice(1))]));
}

export interface ReshapeParams extends LayerParams {
  /** Of one row; one length may be -1: it is found. */
  readonly shape: Shape;
}

/**
 * Another shape of the same numbers in the same order: `[batch, ...]` to `[batch, ...shape]`.
 *
 * @example
 * const picture = reshaped({ shape: [1, 28, 28] });
 */
export function reshaped({ shape, ...params }: ReshapeParams): Layer {
  checkParam(
    "@mmub/nn/reshaped",
    "shape",
    shape,
    Array.isArray(shape) && shape.every((length) => Number.isInteger(length) && length >= -1),
    "lengths, of which one may be -1",
  );
  return layer("reshaped", params, (_, x) => reshape(x, [x.shape[0]!, ...shape]));
}
