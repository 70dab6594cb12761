import { MmubError, type MmubErrorCode } from "@mmub/core";
import type { Program } from "./program.js";

/** What a tensor holds: float32 numbers, int32 ids and positions, or truth values. */
export type DType = "float32" | "int32" | "bool";

export type Shape = readonly number[];

/** Numbers for each axis of an image, as `[height, width]`; one number for each axis of a sequence. */
export type Spatial = readonly number[];

/** What a convolution or pooling needs to know; `pads` are begins then ends, as in ONNX: `[top, left, bottom, right]`. */
export interface Window {
  readonly kernel: Spatial;
  readonly strides: Spatial;
  readonly dilations: Spatial;
  readonly pads: readonly number[];
}

/**
 * Every op and its attributes. The set is small so that each runtime can have it whole; what is not here is made of it.
 * Runtimes are held to the semantics in ops.ts, where each has its constructor.
 */
export interface OpAttributes {
  /** Fed at each run. */
  input: { readonly name: string };
  /** Trained, or a buffer such as a running mean: lives in the memory of the trainer. */
  parameter: { readonly name: string };
  constant: { readonly data: Float32Array | Int32Array };
  add: None;
  sub: None;
  mul: None;
  div: None;
  maximum: None;
  minimum: None;
  equal: None;
  greater: None;
  greaterOrEqual: None;
  where: None;
  cast: { readonly to: DType };
  neg: None;
  abs: None;
  sign: None;
  exp: None;
  log: None;
  sqrt: None;
  erf: None;
  relu: None;
  sigmoid: None;
  tanh: None;
  softplus: None;
  softmax: None;
  logSoftmax: None;
  layerNorm: { readonly epsilon: number };
  sum: Reduction;
  mean: Reduction;
  max: Reduction;
  argMax: { readonly axis: number };
  matmul: { readonly transA: boolean; readonly transB: boolean; readonly scale: number };
  gemm: { readonly transA: boolean; readonly transB: boolean };
  reshape: { readonly shape: Shape };
  transpose: { readonly order: readonly number[] };
  expand: { readonly shape: Shape };
  concat: { readonly axis: number };
  split: { readonly axis: number; readonly sizes: readonly number[] };
  slice: { readonly axis: number; readonly from: number; readonly to: number };
  pad: { readonly before: readonly number[]; readonly after: readonly number[] };
  gather: None;
  scatterAdd: { readonly rows: number };
  oneHot: { readonly depth: number };
  conv: Window & { readonly groups: number };
  convInputGradient: Window & { readonly groups: number; readonly shape: Shape };
  convFilterGradient: Window & { readonly groups: number; readonly shape: Shape };
  maxPool: Window;
  maxPoolGradient: Window;
  averagePool: Window & { readonly countPads: boolean };
  averagePoolGradient: Window & { readonly countPads: boolean; readonly shape: Shape };
  /**
   * A body for each step: inputs are `states` values, then `slices` values that it sees step by step, then what it sees whole. The body
   * names them `state0`, `slice0` and `held0`, and gives `state0` and `stack0`.
   */
  scan: { readonly body: Program; readonly states: number; readonly slices: number; readonly reverse: boolean };
  /** Not run: a value under a gradient rule of its own, see `withGradient`. */
  custom: { readonly rule: CustomRule };
}

type None = Readonly<Record<never, never>>;

interface Reduction {
  readonly axes: readonly number[];
  readonly keepDims: boolean;
}

export type Op = keyof OpAttributes;

/** One op at work. Nodes are numbered in the order they were made, which is an order in which they can run. */
export interface Node<O extends Op = Op> {
  readonly id: number;
  readonly op: O;
  readonly inputs: readonly Value[];
  readonly attributes: OpAttributes[O];
  readonly outputs: readonly Value[];
  /** The layer that made it, as `encoder/attention`; empty outside of layers. */
  readonly layer: string;
}

/** One tensor of a graph: what an op gives. Its shape is known before anything runs. */
export interface Value {
  readonly node: Node;
  /** Which output of the node. */
  readonly index: number;
  readonly shape: Shape;
  readonly dtype: DType;
}

/** What flows back to a value: a tensor of its shape, or values for some rows of it (rows may repeat, and add up). */
export type Gradient = Value | RowGradient;

/** `values[i]` is added to row `rows[i]` of a value seen as a matrix of as many columns, `[size / columns, columns]`. */
export interface RowGradient {
  /** int32, `[n]`. */
  readonly rows: Value;
  /** float32, `[n, columns]`. */
  readonly values: Value;
}

/** From the gradients of the outputs, each absent where nothing depends on it, to those of the inputs. */
export type CustomRule = (gradients: readonly (Value | undefined)[]) => readonly (Gradient | undefined)[];

let made = 0;
let layer = "";

/** Makes a node. Shapes are the constructor's business: use the functions of ops.ts. */
export function node<O extends Op>(
  op: O,
  inputs: readonly Value[],
  attributes: OpAttributes[O],
  outputs: readonly { readonly shape: Shape; readonly dtype?: DType }[],
): readonly Value[] {
  const values: Value[] = [];
  const self: Node = { id: made++, op, inputs, attributes, outputs: values, layer };
  for (const [index, { shape, dtype = "float32" }] of outputs.entries())
    values.push({ node: self, index, shape, dtype });
  return values;
}

/** Whether a node is of an op, with its attributes typed so. */
export function isOp<O extends Op>(node: Node, op: O): node is Node<O> {
  return node.op === op;
}

/** Runs `make` as a part of a layer: nodes that it makes and errors that it throws carry the layer's name. */
export function within<T>(name: string, make: () => T): T {
  const outer = layer;
  layer = outer ? `${outer}/${name}` : name;
  try {
    return make();
  } finally {
    layer = outer;
  }
}

/** Throws what does not fit: `nn/conv: layer "encoder/conv1d": input is [8, 20], want [batch, channels, steps]`. */
export function reject(code: MmubErrorCode, part: string, message: string, fields: object = {}): never {
  throw new MmubError(code, {
    part: `@mmub/nn/${part}`,
    message: layer ? `layer "${layer}": ${message}` : message,
    ...(layer && { layer }),
    ...fields,
  });
}

/** `[8, 20]`. */
export function showShape(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}

export function sizeOf(shape: Shape): number {
  return shape.reduce((product, length) => product * length, 1);
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((length, axis) => length === b[axis]);
}

/** The nodes that `values` depend on, themselves included, in an order in which they can run. */
export function nodesOf(values: readonly Value[]): Node[] {
  const found = new Set<Node>();
  const open = values.map((value) => value.node);
  for (let next = open.pop(); next; next = open.pop()) {
    if (found.has(next)) continue;
    found.add(next);
    for (const input of next.inputs) open.push(input.node);
  }
  return [...found].sort((a, b) => a.id - b.id);
}
