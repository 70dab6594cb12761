import { type Random, random, type TypedArray } from "@mmub/core";
import { gradients } from "../gradients.js";
import { type DType, reject, type Shape, sizeOf, type Value } from "../graph.js";
import { add, constant, input, mul, parameter, reshape, sum } from "../ops.js";
import { type Program, program } from "../program.js";

/** A tensor and the numbers it is tested with: a shape alone is filled from the normal distribution. */
export type Filled =
  | Shape
  /** Uniform in [low, high); integers, or truth values, where the type is so. */
  | { readonly shape: Shape; readonly low: number; readonly high: number; readonly dtype?: DType }
  | { readonly shape: Shape; readonly values: ArrayLike<number>; readonly dtype?: DType };

/** A graph and the numbers to run it on. */
export interface GraphTest<
  Parameters extends Readonly<Record<string, Filled>> = Readonly<Record<string, Filled>>,
  Inputs extends Readonly<Record<string, Filled>> = Readonly<Record<string, Filled>>,
> {
  /** Tensors whose gradients are looked at; float32. */
  readonly parameters?: Parameters;
  /** Tensors that are fed and have no gradient: ids, masks, targets. @default none */
  readonly inputs?: Inputs;
  /** Of the random numbers. @default 0 */
  readonly seed?: number;
  /** The graph: a loss, or any tensors, which are then weighted at random and summed to one. */
  build(tensors: { readonly [Name in keyof Parameters | keyof Inputs]: Value }): Value | readonly Value[];
}

/** A graph test made ready: one program that gives outputs, loss and gradients. */
export interface BuiltTest {
  readonly program: Program;
  /** What float32 holds exactly, in double precision. */
  readonly feeds: Readonly<Record<string, Float64Array | Int32Array | Uint8Array>>;
  /** The loss alone. */
  readonly forward: Program;
  readonly parameters: readonly string[];
  /** The gradient of a parameter from the program's outputs, rows added up into the tensor of its shape. */
  gradient(name: string, outputs: Readonly<Record<string, ArrayLike<number>>>): Float64Array;
}

export function buildTest({ parameters = {}, inputs = {}, seed = 0, build }: GraphTest): BuiltTest {
  const from = random(seed);
  const feeds: Record<string, Float64Array | Int32Array | Uint8Array> = {};
  const tensors: Record<string, Value> = {};
  for (const [name, filled] of Object.entries({ ...parameters, ...inputs })) {
    const { shape, dtype = "float32" } = isShape(filled) ? { shape: filled } : filled;
    if (name in parameters && dtype !== "float32")
      reject("invalid-params", "testing", `parameter "${name}" is ${dtype}, want float32: make it an input`);
    tensors[name] = name in parameters ? parameter(name, shape) : input(name, shape, dtype);
    feeds[name] = fill(filled, shape, dtype, from);
  }
  const built = build(tensors);
  const outputs = "node" in built ? [built] : built;
  const loss = outputs
    .filter(({ dtype }) => dtype === "float32")
    .map((output) => (output.shape.length === 0 ? output : sum(mul(output, weights(output.shape, from)))))
    .reduce((a, b) => add(a, b), constant(0));

  const names = Object.keys(parameters);
  const found = gradients(
    loss,
    names.map((name) => tensors[name]!),
  );
  const wanted: Record<string, Value> = { loss };
  for (const [i, output] of outputs.entries()) wanted[`output${i}`] = output;
  for (const name of names) {
    const { dense, rows = [] } = found.get(tensors[name]!) ?? {};
    if (dense) wanted[`gradient.${name}`] = dense;
    for (const [i, { rows: ids, values }] of rows.entries()) {
      wanted[`gradient.${name}.rows${i}`] = ids;
      wanted[`gradient.${name}.values${i}`] = values;
    }
  }
  return {
    program: program(wanted),
    forward: program({ loss }),
    feeds,
    parameters: names,
    gradient(name, outputs) {
      const total = new Float64Array(feeds[name]!.length);
      const dense = outputs[`gradient.${name}`];
      for (let i = 0; dense && i < total.length; i++) total[i] = dense[i]!;
      for (let use = 0; `gradient.${name}.rows${use}` in outputs; use++) {
        const ids = outputs[`gradient.${name}.rows${use}`]!;
        const values = outputs[`gradient.${name}.values${use}`]!;
        const columns = values.length / ids.length;
        for (let i = 0; i < values.length; i++)
          total[ids[Math.floor(i / columns)]! * columns + (i % columns)]! += values[i]!;
      }
      return total;
    },
  };
}

const isShape = (filled: Filled): filled is Shape => Array.isArray(filled);

function fill(filled: Filled, shape: Shape, dtype: DType, from: Random): Float64Array | Int32Array | Uint8Array {
  const values = Float64Array.from({ length: sizeOf(shape) }, (_, i) => {
    if (isShape(filled)) return from.normal();
    return "values" in filled ? filled.values[i]! : filled.low + (filled.high - filled.low) * from.next();
  });
  if (dtype === "float32") return values.map(Math.fround);
  return dtype === "int32" ? Int32Array.from(values, Math.floor) : Uint8Array.from(values);
}

const weights = (shape: Shape, from: Random) =>
  reshape(constant(Float32Array.from({ length: sizeOf(shape) }, () => from.normal())), shape);

/** The largest entry, as which differences are seen: 0 for an empty tensor. */
export function largestOf(values: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < values.length; i++) if (!(Math.abs(values[i]!) <= largest)) largest = Math.abs(values[i]!);
  return largest;
}

/** The position where two differ most, NaN foremost. */
export function mostApart(got: ArrayLike<number>, want: ArrayLike<number>): { at: number; apart: number } {
  const most = { at: 0, apart: 0 };
  for (let i = 0; i < want.length; i++) {
    const apart = Object.is(got[i], want[i]) || got[i] === want[i] ? 0 : Math.abs(got[i]! - want[i]!);
    if (!(apart <= most.apart))
      Object.assign(most, { at: i, apart: Number.isNaN(apart) ? Number.POSITIVE_INFINITY : apart });
  }
  return most;
}

/** Arrays for what a program takes or gives, of its types. */
export function arraysFor(specs: Program["outputs"]): Record<string, TypedArray> {
  return Object.fromEntries(
    specs.map(({ name, shape, dtype }) => {
      const size = sizeOf(shape);
      const array =
        dtype === "float32" ? new Float32Array(size) : dtype === "int32" ? new Int32Array(size) : new Uint8Array(size);
      return [name, array];
    }),
  );
}
