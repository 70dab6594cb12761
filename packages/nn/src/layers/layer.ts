// What the layers have in common: names, checks, and padding that stays zero.
import { checkParam, show } from "@mmub/core";
import { isOp, reject, showShape, type Value } from "../graph.js";
import type { Layer, Scope, Steps } from "../network.js";
import { constant, expand, mul, reshape } from "../ops.js";

export interface LayerParams {
  /** What its parameters go by in their scope, as `encoder` in `encoder/weight`. @default the kind of layer, with a number from the second on */
  readonly name?: string;
}

/** A layer on numbers of any kind: on a Value, or on the values of Steps, of which padding stays zero. */
export type ValueLayer = <X extends Value | Steps>(scope: Scope, input: X) => X;

/** A layer in a scope of its own. */
export function layer<In, Out>(type: string, { name = type }: LayerParams, build: Layer<In, Out>): Layer<In, Out> {
  checkParam(`@mmub/nn/${type}`, "name", name, typeof name === "string" && name !== "", "a name");
  return (scope, input) => scope.enter(name, (own) => build(own, input));
}

/** A ValueLayer; `keepsZero` says that it makes zero of zero, so that padding needs no second look. */
export function valueLayer(
  type: string,
  params: LayerParams,
  build: (scope: Scope, input: Value, mask: Value | undefined) => Value,
  keepsZero = false,
): ValueLayer {
  const made = layer<Value | Steps, Value | Steps>(type, params, (scope, input) => {
    if (!isSteps(input)) return build(scope, checkValue(type, input), undefined);
    const { values, mask } = checkSteps(type, input);
    const result = build(scope, values, mask);
    if (result.shape[0] !== mask.shape[0] || result.shape[1] !== mask.shape[1])
      reject(
        "shape-mismatch",
        type,
        `gives ${showShape(result.shape)}, want the steps that it got: ${showShape(mask.shape)}`,
      );
    return keepsZero && isZeroed(values, mask) ? zeroedSteps(result, mask) : maskedSteps(result, mask);
  });
  return made as ValueLayer;
}

// Which values are known to be zero where their mask is. Steps that a network is fed are so by contract.
const zeroed = new WeakMap<Value, Value>();

function isZeroed(values: Value, mask: Value): boolean {
  return isOp(values.node, "input") || isFull(mask) || zeroed.get(values) === mask;
}

/** Steps of values that are zero at padding already. */
export function zeroedSteps(values: Value, mask: Value): Steps {
  zeroed.set(values, mask);
  return { values, mask };
}

// What values were before padding was made zero.
const unmasked = new WeakMap<Value, { readonly values: Value; readonly mask: Value }>();

/** Steps of values that are anything at padding. */
export function maskedSteps(values: Value, mask: Value): Steps {
  const masked = times(values, mask);
  unmasked.set(masked, { values, mask });
  return zeroedSteps(masked, mask);
}

/** Values that may be anything at padding, for a layer that masks them itself: it spares a pass over all of them. */
export function unmaskedValues({ values, mask }: Steps): Value {
  const before = unmasked.get(values);
  return before?.mask === mask ? before.values : values;
}

/** Values `[batch, steps, ...]` times a mask `[batch, steps]`. */
export function times(values: Value, mask: Value): Value {
  const rest = values.shape.slice(mask.shape.length).map(() => 1);
  return isFull(mask) ? values : mul(values, reshape(mask, [...mask.shape, ...rest]));
}

// Masks that are 1 everywhere, which need no multiplication.
const full = new WeakSet<Value>();

export function isFull(mask: Value): boolean {
  return full.has(mask);
}

export function fullMask(batch: number, steps: number): Value {
  const mask = expand(constant(1), [batch, steps]);
  full.add(mask);
  return mask;
}

/**
 * Steps without padding of a value `[batch, steps, ...]`, for layers over steps: tokens of a fusion, rows of an image.
 *
 * @example
 * const inputs = { photo: { kind: "vector", cols: 64 }, visits: { kind: "vector", cols: 64 } } as const;
 * const fused = network(inputs, (scope, { photo, visits }) => {
 *   const tokens = [photo, visits].map((x) => reshape(x, [-1, 1, 64]));
 *   const encoder = sequential(transformerEncoder({ heads: 4, layers: 1, feedForward: 128 }), globalMeanPool(), dense({ units: 1 }));
 *   return encoder(scope, fullSteps(concat(tokens, 1)));
 * });
 */
export function fullSteps(values: Value): Steps {
  const [batch, steps] = values.shape;
  if (values.shape.length < 3)
    reject("shape-mismatch", "fullSteps", `values are ${showShape(values.shape)}, want [batch, steps, channels]`);
  return zeroedSteps(values, fullMask(batch!, steps!));
}

/** The values, zero at padding also where a function of the user's own has left something there. */
export function zeroedValues({ values, mask }: Steps): Value {
  return isZeroed(values, mask) ? values : maskedSteps(values, mask).values;
}

/** With one more axis of length 1. */
export function column(x: Value): Value {
  return reshape(x, [...x.shape, 1]);
}

export function isSteps(input: unknown): input is Steps {
  return has(input, "values", "mask");
}

/** Whether it is an object with these. */
export function has(input: unknown, ...keys: readonly string[]): boolean {
  return typeof input === "object" && input !== null && keys.every((key) => key in input);
}

export function checkSteps(type: string, input: Steps): Steps {
  if (!isSteps(input))
    reject("invalid-input", type, `input is ${describe(input)}, want steps: { values, mask } of a sequence`);
  const { values, mask } = input;
  if (
    values.shape.length < 3 ||
    mask.shape.length !== 2 ||
    mask.shape[0] !== values.shape[0] ||
    mask.shape[1] !== values.shape[1]
  )
    reject(
      "shape-mismatch",
      type,
      `steps are ${showShape(values.shape)} with mask ${showShape(mask.shape)}, want [batch, steps, channels] and [batch, steps]`,
    );
  return input;
}

/** A Value, of so many axes where that matters. */
export function checkValue(type: string, input: Value, axes?: number, want = "a value"): Value {
  if (!has(input, "node", "shape")) reject("invalid-input", type, `input is ${describe(input)}, want ${want}`);
  if (axes !== undefined && input.shape.length !== axes)
    reject("shape-mismatch", type, `input is ${showShape(input.shape)}, want ${want}`);
  return input;
}

export function describe(input: unknown): string {
  return has(input, "node", "shape") ? `a value of ${showShape((input as Value).shape)}` : show(input);
}

/** Throws `invalid-params` unless it is an integer from `from` on. */
export function checkWhole(type: string, name: string, value: unknown, from = 1): void {
  const want = from === 1 ? "a positive integer" : `an integer from ${from}`;
  checkParam(`@mmub/nn/${type}`, name, value, Number.isInteger(value) && (value as number) >= from, want);
}

export function checkRate(type: string, name: string, value: number): void {
  checkParam(`@mmub/nn/${type}`, name, value, value >= 0 && value < 1, "a number from 0 to below 1");
}

export function checkFlag(type: string, name: string, value: boolean): void {
  checkParam(`@mmub/nn/${type}`, name, value, typeof value === "boolean", "true or false");
}

export function checkChoice(type: string, name: string, value: unknown, choices: readonly unknown[]): void {
  const want = choices.map((choice) => JSON.stringify(choice)).join(", ");
  checkParam(`@mmub/nn/${type}`, name, value, choices.includes(value), `one of ${want}`);
}
