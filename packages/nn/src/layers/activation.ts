import { checkParam } from "@mmub/core";
import type { Value } from "../graph.js";
import {
  add,
  div,
  erf,
  exp,
  greater,
  minimum,
  mul,
  relu,
  sigmoid,
  softmax,
  softplus,
  sub,
  tanh,
  where,
} from "../ops.js";
import { type LayerParams, type ValueLayer, valueLayer } from "./layer.js";

/** By name, with PyTorch's settings (`gelu` by erf, `geluTanh` by its approximation), or a function such as `(x) => leakyRelu(x, 0.2)`. */
export type Activation = keyof typeof functions | ((x: Value) => Value);

/** x where it is positive, else `slope` x. */
export function leakyRelu(x: Value, slope = 0.01): Value {
  return where(greater(x, 0), x, mul(x, slope));
}

/** x where it is positive, else `alpha` (exp(x) - 1). Source: Clevert, Unterthiner and Hochreiter (2016). */
export function elu(x: Value, alpha = 1): Value {
  // The exponential of a large number, which is not taken, would be infinite, and its gradient not a number.
  return where(greater(x, 0), x, mul(sub(exp(minimum(x, 0)), 1), alpha));
}

/** x sigmoid(x), also known as swish. Source: Hendrycks and Gimpel (2016). */
export function silu(x: Value): Value {
  return mul(x, sigmoid(x));
}

/** x times the normal distribution function of x. Source: Hendrycks and Gimpel, Gaussian error linear units (2016). */
export function gelu(x: Value): Value {
  return mul(mul(x, 0.5), add(erf(div(x, Math.SQRT2)), 1));
}

/** The approximation of `gelu` by tanh that GPT-2 and BERT's first code have. */
export function geluTanh(x: Value): Value {
  const cubic = add(mul(mul(mul(x, x), x), 0.044715), x);
  return mul(mul(x, 0.5), add(tanh(mul(cubic, Math.sqrt(2 / Math.PI))), 1));
}

const functions = {
  linear: (x: Value) => x,
  relu,
  leakyRelu: (x: Value) => leakyRelu(x),
  elu: (x: Value) => elu(x),
  gelu,
  geluTanh,
  silu,
  sigmoid,
  tanh,
  softplus,
  softmax,
} as const;

const moveZero: readonly Activation[] = ["sigmoid", "softplus", "softmax"];

/** Whether it makes zero of zero, so that padding stays zero. */
function keepsZero(kind: Activation): boolean {
  return typeof kind === "string" && !moveZero.includes(kind);
}

export function activate(kind: Activation, x: Value): Value {
  return typeof kind === "function" ? kind(x) : functions[kind](x);
}

export function checkActivation(type: string, kind: Activation): void {
  checkParam(
    `@mmub/nn/${type}`,
    "activation",
    kind,
    typeof kind === "function" || Object.hasOwn(functions, kind),
    `a function or one of ${Object.keys(functions).join(", ")}`,
  );
}

export interface ActivationParams extends LayerParams {
  readonly kind: Activation;
}

/**
 * An activation as a layer: element by element, softmax over the last axis. Shape in is shape out; padding of Steps stays zero.
 *
 * @example
 * const head = sequential(dense({ units: 32 }), activation({ kind: "gelu" }), dense({ units: 1 }));
 */
export function activation({ kind, ...params }: ActivationParams): ValueLayer {
  checkActivation("activation", kind);
  return valueLayer("activation", params, (_, x) => activate(kind, x), keepsZero(kind));
}
