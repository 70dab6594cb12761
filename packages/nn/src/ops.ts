// The ops: shapes are inferred and checked here, and each says what a runtime must compute. Broadcasting is NumPy's.
import {
  type DType,
  type Gradient,
  node,
  nodesOf,
  reject,
  type Shape,
  sameShape,
  showShape,
  sizeOf,
  type Value,
  type Window,
} from "./graph.js";
import { program } from "./program.js";

/** A tensor that is fed at each run. */
export function input(name: string, shape: Shape, dtype: DType = "float32"): Value {
  return one("input", [], { name }, checkShape("input", name, shape), dtype);
}

/** A tensor that the trainer keeps. */
export function parameter(name: string, shape: Shape): Value {
  return one("parameter", [], { name }, checkShape("parameter", name, shape));
}

/** Numbers that are part of the graph; a plain number is a scalar of shape `[]`. Keep it small: it travels with the graph. */
export function constant(data: number | readonly number[] | Float32Array | Int32Array, shape?: Shape): Value {
  const numbers = typeof data === "number" ? [data] : data;
  const array = numbers instanceof Int32Array || numbers instanceof Float32Array ? numbers : Float32Array.from(numbers);
  const wanted = shape ?? (typeof data === "number" ? [] : [array.length]);
  if (sizeOf(wanted) !== array.length)
    reject("shape-mismatch", "constant", `got ${array.length} numbers for shape ${showShape(wanted)}`);
  return one("constant", [], { data: array }, wanted, array instanceof Int32Array ? "int32" : "float32");
}

export const add = (a: Value, b: Value | number): Value => elementwise("add", a, b);
export const sub = (a: Value | number, b: Value | number): Value => elementwise("sub", a, b);
export const mul = (a: Value, b: Value | number): Value => elementwise("mul", a, b);
/** Of int32 the quotient cut towards zero. */
export const div = (a: Value | number, b: Value | number): Value => elementwise("div", a, b);
export const maximum = (a: Value, b: Value | number): Value => elementwise("maximum", a, b);
export const minimum = (a: Value, b: Value | number): Value => elementwise("minimum", a, b);

/** Truth values; for int32 as well. No gradient, as of all that gives int32 or truth values. */
export const equal = (a: Value, b: Value | number): Value => elementwise("equal", a, b, "bool");
export const greater = (a: Value, b: Value | number): Value => elementwise("greater", a, b, "bool");
export const greaterOrEqual = (a: Value, b: Value | number): Value => elementwise("greaterOrEqual", a, b, "bool");

/** `yes` where `condition` is true, else `no`; unlike a product with a mask it lets no NaN or infinity of the other through. */
export function where(condition: Value, yes: Value | number, no: Value | number): Value {
  if (condition.dtype !== "bool") reject("invalid-input", "where", `condition is ${condition.dtype}, want bool`);
  const [a, b] = liftBoth(yes, no);
  if (a.dtype !== b.dtype) reject("invalid-input", "where", `got ${a.dtype} and ${b.dtype}, want one type`);
  const shape = broadcast("where", broadcast("where", condition.shape, a.shape), b.shape);
  return one("where", [condition, a, b], {}, shape, a.dtype);
}

/** To another type: truth is 1 and 0, numbers are cut towards zero. */
export function cast(x: Value, to: DType): Value {
  return x.dtype === to ? x : one("cast", [x], { to }, x.shape, to);
}

export const neg = (x: Value): Value => unary("neg", x);
export const abs = (x: Value): Value => unary("abs", x);
/** -1, 0 or 1. */
export const sign = (x: Value): Value => unary("sign", x);
export const exp = (x: Value): Value => unary("exp", x);
export const log = (x: Value): Value => unary("log", x);
export const sqrt = (x: Value): Value => unary("sqrt", x);
export const erf = (x: Value): Value => unary("erf", x);
export const relu = (x: Value): Value => unary("relu", x);
export const sigmoid = (x: Value): Value => unary("sigmoid", x);
export const tanh = (x: Value): Value => unary("tanh", x);
/** log(1 + exp(x)), without overflow. */
export const softplus = (x: Value): Value => unary("softplus", x);
/** Over the last axis. */
export const softmax = (x: Value): Value => unary("softmax", withAxis("softmax", x));
/** Over the last axis. */
export const logSoftmax = (x: Value): Value => unary("logSoftmax", withAxis("logSoftmax", x));

/**
 * Layer normalisation over the last axis: `(x - mean) / sqrt(variance + epsilon) * scale + shift`. Outputs: the result, the
 * mean and 1 / sqrt(variance + epsilon), the latter two with a last axis of 1.
 */
export function layerNorm(x: Value, scale: Value, shift: Value, epsilon: number): readonly [Value, Value, Value] {
  floats("layerNorm", x, scale, shift);
  const width = withAxis("layerNorm", x).shape.at(-1);
  for (const [name, of] of [
    ["scale", scale],
    ["shift", shift],
  ] as const)
    if (of.shape.length !== 1 || of.shape[0] !== width)
      reject(
        "shape-mismatch",
        "layerNorm",
        `${name} is ${showShape(of.shape)}, want [${width}] for x ${showShape(x.shape)}`,
      );
  const means = [...x.shape.slice(0, -1), 1];
  const [y, mean, inverse] = node("layerNorm", [x, scale, shift], { epsilon }, [
    { shape: x.shape },
    { shape: means },
    { shape: means },
  ]);
  return [y!, mean!, inverse!];
}

/** Over the axes given, or all; negative axes count from the end. @default keepDims false */
export const sum = (x: Value, axes?: readonly number[], keepDims = false): Value => reduce("sum", x, axes, keepDims);
export const mean = (x: Value, axes?: readonly number[], keepDims = false): Value => reduce("mean", x, axes, keepDims);
export const max = (x: Value, axes?: readonly number[], keepDims = false): Value => reduce("max", x, axes, keepDims);

/** The position of the first largest along an axis, which is left out of the shape: int32. No gradient. */
export function argMax(x: Value, axis: number): Value {
  floats("argMax", x);
  const at = axisOf("argMax", x.shape, axis);
  return one(
    "argMax",
    [x],
    { axis: at },
    x.shape.filter((_, i) => i !== at),
    "int32",
  );
}

export interface MatmulOptions {
  /** Takes the last two axes of `a` the other way round. @default false */
  readonly transA?: boolean;
  /** @default false */
  readonly transB?: boolean;
  /** What the product is multiplied with. @default 1 */
  readonly scale?: number;
}

/** Matrix products over the last two axes; the axes before them broadcast. */
export function matmul(a: Value, b: Value, { transA = false, transB = false, scale = 1 }: MatmulOptions = {}): Value {
  floats("matmul", a, b);
  const [m, k] = lastTwo("matmul", a.shape, transA);
  const [inner, n] = lastTwo("matmul", b.shape, transB);
  if (k !== inner) reject("shape-mismatch", "matmul", products(a, b, transA, transB));
  const lead = broadcast("matmul", a.shape.slice(0, -2), b.shape.slice(0, -2));
  return one("matmul", [a, b], { transA, transB, scale }, [...lead, m, n]);
}

/** `a b + c` of matrices, `c` of shape `[n]` or `[m, n]`, in one op. */
export function gemm(a: Value, b: Value, c: Value, { transA = false, transB = false }: MatmulOptions = {}): Value {
  floats("gemm", a, b, c);
  const [m, k] = lastTwo("gemm", a.shape, transA);
  const [inner, n] = lastTwo("gemm", b.shape, transB);
  if (a.shape.length !== 2 || b.shape.length !== 2)
    reject("shape-mismatch", "gemm", `got ${showShape(a.shape)} and ${showShape(b.shape)}, want matrices: use matmul`);
  if (k !== inner) reject("shape-mismatch", "gemm", products(a, b, transA, transB));
  if (!sameShape(c.shape, [n]) && !sameShape(c.shape, [m, n]))
    reject("shape-mismatch", "gemm", `c is ${showShape(c.shape)}, want [${n}] or [${m}, ${n}]`);
  return one("gemm", [a, b, c], { transA, transB }, [m, n]);
}

/** One length may be -1: it is found. Any type. */
export function reshape(x: Value, shape: Shape): Value {
  const known = shape.reduce((product, length) => (length === -1 ? product : product * length), 1);
  const size = sizeOf(x.shape);
  const full = shape.map((length) => (length === -1 ? (known === 0 ? 0 : size / known) : length));
  if (sizeOf(full) !== size || !full.every(Number.isInteger))
    reject("shape-mismatch", "reshape", `${showShape(x.shape)} does not fit ${showShape(shape)}`);
  return sameShape(full, x.shape) ? x : one("reshape", [x], { shape: full }, full, x.dtype);
}

/** Axis `i` of the result is axis `order[i]` of `x`. Any type. */
export function transpose(x: Value, order: readonly number[]): Value {
  if (
    order.length !== x.shape.length ||
    new Set(order).size !== order.length ||
    order.some((axis) => x.shape[axis] === undefined)
  )
    reject("invalid-input", "transpose", `order is ${showShape(order)}, want each axis of ${showShape(x.shape)} once`);
  if (order.every((axis, i) => axis === i)) return x;
  return one(
    "transpose",
    [x],
    { order },
    order.map((axis) => x.shape[axis]!),
    x.dtype,
  );
}

/** Repeats axes of length 1, and adds axes in front. */
export function expand(x: Value, shape: Shape): Value {
  if (sameShape(x.shape, shape)) return x;
  if (!sameShape(broadcast("expand", x.shape, shape), shape))
    reject("shape-mismatch", "expand", `${showShape(x.shape)} cannot be repeated to ${showShape(shape)}`);
  return one("expand", [x], { shape }, shape, x.dtype);
}

/** Side by side along an axis. */
export function concat(values: readonly Value[], axis = -1): Value {
  const first = values[0] ?? reject("invalid-input", "concat", "got no values, want at least one");
  if (values.length === 1) return first;
  const at = axisOf("concat", first.shape, axis);
  for (const [i, { shape, dtype }] of values.entries())
    if (
      dtype !== first.dtype ||
      shape.length !== first.shape.length ||
      shape.some((length, k) => k !== at && length !== first.shape[k])
    )
      reject(
        "shape-mismatch",
        "concat",
        `value ${i} is ${dtype} ${showShape(shape)}, want ${first.dtype} ${showShape(first.shape)} but for axis ${at}`,
        { index: i },
      );
  const length = values.reduce((total, { shape }) => total + shape[at]!, 0);
  return one(
    "concat",
    values,
    { axis: at },
    first.shape.map((old, k) => (k === at ? length : old)),
    first.dtype,
  );
}

/**
 * Cut into pieces of these sizes along an axis. For many pieces better than many a `slice`: their gradients are put together in one
 * op, those of slices are padded to the full size each.
 */
export function split(x: Value, sizes: readonly number[], axis = -1): readonly Value[] {
  const at = axisOf("split", x.shape, axis);
  if (!sizes.every(isCount) || sizes.reduce((a, b) => a + b, 0) !== x.shape[at])
    reject("shape-mismatch", "split", `sizes ${showShape(sizes)} do not add up to axis ${at} of ${showShape(x.shape)}`);
  if (sizes.length === 1) return [x];
  const outputs = sizes.map((size) => ({ shape: x.shape.map((old, k) => (k === at ? size : old)), dtype: x.dtype }));
  return node("split", [x], { axis: at, sizes }, outputs);
}

/** The positions `from` (in) to `to` (out) along an axis. */
export function slice(x: Value, axis: number, from: number, to: number): Value {
  const at = axisOf("slice", x.shape, axis);
  const length = x.shape[at]!;
  if (!isCount(from) || !isCount(to) || from > to || to > length)
    reject("invalid-input", "slice", `${from} to ${to} is outside of axis ${at} of ${showShape(x.shape)}`);
  if (from === 0 && to === length) return x;
  return one(
    "slice",
    [x],
    { axis: at, from, to },
    x.shape.map((old, k) => (k === at ? to - from : old)),
    x.dtype,
  );
}

/** Zeros around: how many before and after, for each axis. */
export function pad(x: Value, before: readonly number[], after: readonly number[]): Value {
  floats("pad", x);
  if (before.length !== x.shape.length || after.length !== x.shape.length || ![...before, ...after].every(isCount))
    reject(
      "invalid-input",
      "pad",
      `got ${showShape(before)} and ${showShape(after)}, want a count for each axis of ${showShape(x.shape)}`,
    );
  if ([...before, ...after].every((n) => n === 0)) return x;
  return one(
    "pad",
    [x],
    { before, after },
    x.shape.map((length, k) => before[k]! + length + after[k]!),
  );
}

/**
 * Rows of a table: `table` is `[rows, ...rest]`, `ids` int32 of any shape, the result `[...ids.shape, ...rest]`. An id outside of
 * the table is an error or garbage, as the runtime has it: check ids where they come in. The gradient of a table is a RowGradient.
 */
export function gather(table: Value, ids: Value): Value {
  if (ids.dtype !== "int32") reject("invalid-input", "gather", `ids are ${ids.dtype}, want int32`);
  if (table.shape.length === 0) reject("shape-mismatch", "gather", "the table is a scalar, want rows");
  return one("gather", [table, ids], {}, [...ids.shape, ...table.shape.slice(1)], table.dtype);
}

/** `[rows, columns]` with `values[i]` added to row `ids[i]`: what `gather` of a value that is no parameter sends back. */
export function scatterAdd(ids: Value, values: Value, rows: number): Value {
  if (ids.dtype !== "int32" || values.shape.length !== 2 || !sameShape(ids.shape, [values.shape[0]!]))
    reject(
      "shape-mismatch",
      "scatterAdd",
      `got ids ${ids.dtype} ${showShape(ids.shape)} and values ${showShape(values.shape)}, want int32 [n] and [n, columns]`,
    );
  return one("scatterAdd", [ids, values], { rows }, [rows, values.shape[1]!]);
}

/** 1 at the id, 0 elsewhere, along a new last axis; an id outside of 0..depth-1 gives zeros. No gradient. */
export function oneHot(ids: Value, depth: number): Value {
  if (ids.dtype !== "int32") reject("invalid-input", "oneHot", `ids are ${ids.dtype}, want int32`);
  return one("oneHot", [ids], { depth }, [...ids.shape, depth]);
}

/**
 * Convolution (cross-correlation, as PyTorch's): `x` is `[batch, channels, ...space]`, `filters` `[out, channels / groups,
 * ...kernel]`, `bias` `[out]`; the result `[batch, out, ...space]`. One axis of space or two.
 */
export function conv(
  x: Value,
  filters: Value,
  bias: Value | undefined,
  { groups = 1, ...options }: ConvOptions = {},
): Value {
  floats("conv", x, filters, ...(bias ? [bias] : []));
  const window = windowOf("conv", x.shape, { kernel: filters.shape.slice(2), ...options });
  const [out = 0, per] = filters.shape;
  const channels = x.shape[1]!;
  if (filters.shape.length !== x.shape.length || per! * groups !== channels || out % groups !== 0)
    reject(
      "shape-mismatch",
      "conv",
      `filters are ${showShape(filters.shape)} for input ${showShape(x.shape)} in ${groups} groups, want [out, ${channels / groups}, ...kernel]`,
    );
  if (bias && !sameShape(bias.shape, [out]))
    reject("shape-mismatch", "conv", `bias is ${showShape(bias.shape)}, want [${out}]`);
  const shape = [x.shape[0]!, out, ...outputSpace("conv", x.shape, window)];
  return one("conv", bias ? [x, filters, bias] : [x, filters], { ...window, groups }, shape);
}

export interface WindowOptions {
  /** Steps between windows, for each axis. @default 1 */
  readonly strides?: readonly number[];
  /** Steps between the elements of a window. @default 1 */
  readonly dilations?: readonly number[];
  /** Zeros around, begins then ends; `same` keeps the length / stride, rounded up. @default 0 */
  readonly pads?: readonly number[] | "same";
}

export interface ConvOptions extends WindowOptions {
  /** @default 1 */
  readonly groups?: number;
}

/** The gradient of `conv` for its input, of shape `shape`. No gradient itself. */
export function convInputGradient(
  gradient: Value,
  filters: Value,
  window: Window & { readonly groups: number },
  shape: Shape,
): Value {
  return one("convInputGradient", [gradient, filters], { ...window, shape }, shape);
}

/** The gradient of `conv` for its filters, of shape `shape`. No gradient itself. */
export function convFilterGradient(
  x: Value,
  gradient: Value,
  window: Window & { readonly groups: number },
  shape: Shape,
): Value {
  return one("convFilterGradient", [x, gradient], { ...window, shape }, shape);
}

export interface PoolOptions extends WindowOptions {
  readonly kernel: readonly number[];
}

/** The largest of each window; pads never win. `x` is `[batch, channels, ...space]`. @default strides the kernel */
export function maxPool(x: Value, options: PoolOptions): Value {
  floats("maxPool", x);
  const window = poolWindow("maxPool", x.shape, options);
  return one("maxPool", [x], window, [x.shape[0]!, x.shape[1]!, ...outputSpace("maxPool", x.shape, window)]);
}

/** The gradient of `maxPool`: to the first largest of each window, or shared by equals where the runtime does not tell them apart. No gradient itself. */
export function maxPoolGradient(x: Value, pooled: Value, gradient: Value, window: Window): Value {
  return one("maxPoolGradient", [x, pooled, gradient], window, x.shape);
}

/** The mean of each window. @default strides the kernel, countPads true: pads count as zeros, as in PyTorch */
export function averagePool(
  x: Value,
  { countPads = true, ...options }: PoolOptions & { readonly countPads?: boolean },
): Value {
  floats("averagePool", x);
  const window = poolWindow("averagePool", x.shape, options);
  const shape = [x.shape[0]!, x.shape[1]!, ...outputSpace("averagePool", x.shape, window)];
  return one("averagePool", [x], { ...window, countPads }, shape);
}

/** The gradient of `averagePool` for its input, of shape `shape`. No gradient itself. */
export function averagePoolGradient(
  gradient: Value,
  window: Window & { readonly countPads: boolean },
  shape: Shape,
): Value {
  return one("averagePoolGradient", [gradient], { ...window, shape }, shape);
}

/** What a step of `scan` works on: what the step before left, its own piece of each slice, and what all steps share. */
export interface ScanStep {
  readonly states: readonly Value[];
  readonly slices: readonly Value[];
  readonly held: readonly Value[];
}

export interface ScanResult {
  /** What the last step left. */
  readonly states: readonly Value[];
  /** `[steps, ...]`: what each step gave, in the order of the slices. */
  readonly stacks: readonly Value[];
}

/**
 * A recurrence: runs `step` for each piece `slice[t]` of its slices `[steps, ...]`, forwards or, with `reverse`, from the last to the
 * first. The graph is as small for a thousand steps as for one, and so is what a runtime has to compile. `step` may use what it is given
 * and constants, nothing else. All values are float32; no gradient of its own: see `withGradient`.
 *
 * @example
 * const [x, zero] = [input("x", [5, 2]), constant([0, 0])];
 * const { stacks } = scan({ states: [zero], slices: [x] }, ({ states: [sum], slices: [piece] }) => {
 *   const next = add(sum!, piece!);
 *   return { states: [next], stacks: [next] };
 * });
 * console.log(stacks[0]!.shape); // [ 5, 2 ]
 */
export function scan(
  {
    states,
    slices,
    held = [],
    reverse = false,
  }: {
    /** What the first step begins with. */
    readonly states: readonly Value[];
    readonly slices: readonly Value[];
    /** @default none */
    readonly held?: readonly Value[];
    /** @default false */
    readonly reverse?: boolean;
  },
  step: (step: ScanStep) => ScanResult,
): ScanResult {
  floats("scan", ...states, ...slices, ...held);
  const steps = slices[0]?.shape[0];
  if (!steps || slices.some(({ shape }) => shape[0] !== steps))
    reject(
      "shape-mismatch",
      "scan",
      `slices are ${slices.map(({ shape }) => showShape(shape)).join(" and ") || "none"}, want one or more of as many steps`,
    );
  const named = (kind: string, values: readonly Value[], from: number) =>
    values.map(({ shape }, i) => input(`${kind}${i}`, shape.slice(from)));
  const given = { states: named("state", states, 0), slices: named("slice", slices, 1), held: named("held", held, 0) };
  const made = step(given);
  for (const [i, { shape }] of states.entries())
    if (!made.states[i] || !sameShape(made.states[i].shape, shape))
      reject(
        "shape-mismatch",
        "scan",
        `state ${i} is ${showShape(shape)} and becomes ${made.states[i] ? showShape(made.states[i].shape) : "nothing"}, want the same shape`,
      );
  const outputs = (kind: string, values: readonly Value[]) => values.map((value, i) => [`${kind}${i}`, value]);
  const body = program(Object.fromEntries([...outputs("state", made.states), ...outputs("stack", made.stacks)]));
  const own = new Set([...given.states, ...given.slices, ...given.held].map(({ node }) => node.id));
  const least = Math.min(...own);
  const stranger = nodesOf([...made.states, ...made.stacks]).find(
    ({ id, op }) => !own.has(id) && (id < least || op === "input" || op === "parameter"),
  );
  if (stranger && stranger.op !== "constant")
    reject("invalid-input", "scan", `a step uses a value from outside of it, a ${stranger.op}: pass it in held`);
  const values = node(
    "scan",
    [...states, ...slices, ...held],
    {
      body,
      states: states.length,
      slices: slices.length,
      reverse,
    },
    [...made.states, ...made.stacks.map(({ shape }) => ({ shape: [steps, ...shape] }))],
  );
  return { states: values.slice(0, states.length), stacks: values.slice(states.length) };
}

/**
 * `values` under a gradient rule of their own: what flows back to them goes to `inputs` as `rule` says, and not through the
 * ops that made them. For what is faster or steadier by hand than op by op, as recurrences are.
 */
export function withGradient(
  values: readonly Value[],
  inputs: readonly Value[],
  rule: (gradients: readonly (Value | undefined)[]) => readonly (Gradient | undefined)[],
): readonly Value[] {
  // The values come first among the inputs, so that output i stands for input i when the graph is run.
  const whole = (gradients: readonly (Value | undefined)[]) => [...values.map(() => undefined), ...rule(gradients)];
  return node("custom", [...values, ...inputs], { rule: whole }, values);
}

/** The gradient stops here. */
export function stopGradient(x: Value): Value {
  return withGradient([x], [], () => [])[0]!;
}

/** The shape that two broadcast to. */
export function broadcast(op: string, a: Shape, b: Shape): Shape {
  const axes = Math.max(a.length, b.length);
  return Array.from({ length: axes }, (_, i) => {
    const x = a[a.length - axes + i] ?? 1;
    const y = b[b.length - axes + i] ?? 1;
    if (x !== y && x !== 1 && y !== 1)
      reject(
        "shape-mismatch",
        op,
        `shapes ${showShape(a)} and ${showShape(b)} do not fit: want equal lengths, or 1, counted from the last axis`,
      );
    return x === 1 ? y : x;
  });
}

type Elementwise = "add" | "sub" | "mul" | "div" | "maximum" | "minimum" | "equal" | "greater" | "greaterOrEqual";

function elementwise(op: Elementwise, left: Value | number, right: Value | number, dtype?: DType): Value {
  const [a, b] = liftBoth(left, right);
  if (a.dtype !== b.dtype || a.dtype === "bool")
    reject("invalid-input", op, `got ${a.dtype} and ${b.dtype}, want both float32 or both int32: use cast`);
  return one(op, [a, b], {}, broadcast(op, a.shape, b.shape), dtype ?? a.dtype);
}

type Unary =
  | "neg"
  | "abs"
  | "sign"
  | "exp"
  | "log"
  | "sqrt"
  | "erf"
  | "relu"
  | "sigmoid"
  | "tanh"
  | "softplus"
  | "softmax"
  | "logSoftmax";

function withAxis(op: string, x: Value): Value {
  if (x.shape.length === 0) reject("shape-mismatch", op, "got a scalar, want at least one axis");
  return x;
}

function unary(op: Unary, x: Value): Value {
  floats(op, x);
  return one(op, [x], {}, x.shape);
}

function reduce(op: "sum" | "mean" | "max", x: Value, axes: readonly number[] | undefined, keepDims: boolean): Value {
  floats(op, x);
  const all = axes
    ? axes.map((axis) => axisOf(op, x.shape, axis)).sort((a, b) => a - b)
    : x.shape.map((_, axis) => axis);
  if (new Set(all).size < all.length)
    reject("invalid-input", op, `axes are ${showShape(axes!)}, want each axis of ${showShape(x.shape)} once at most`);
  if (all.length === 0) return x;
  const shape = x.shape.flatMap((length, axis) => (all.includes(axis) ? (keepDims ? [1] : []) : [length]));
  return one(op, [x], { axes: all, keepDims }, shape);
}

function windowOf(op: string, shape: Shape, { kernel, strides, dilations, pads = 0 as never }: PoolOptions): Window {
  const axes = shape.length - 2;
  if (axes !== 1 && axes !== 2)
    reject(
      "shape-mismatch",
      op,
      `input is ${showShape(shape)}, want [batch, channels, steps] or [batch, channels, height, width]`,
    );
  const full = { kernel, strides: strides ?? kernel.map(() => 1), dilations: dilations ?? kernel.map(() => 1) };
  for (const [name, numbers] of Object.entries(full))
    if (numbers.length !== axes || !numbers.every((n) => Number.isInteger(n) && n > 0))
      reject("invalid-params", op, `${name} is ${showShape(numbers)}, want ${axes} positive integers`);
  return { ...full, pads: padsOf(op, shape, full, pads) };
}

function poolWindow(op: string, shape: Shape, options: PoolOptions): Window {
  const window = windowOf(op, shape, { strides: options.kernel, ...options });
  const reach = window.kernel.map((length, i) => (length - 1) * window.dilations[i]! + 1);
  if (window.pads.some((count, i) => count >= reach[i % reach.length]!))
    reject(
      "invalid-params",
      op,
      `pads are ${showShape(window.pads)}, want less than the window's ${showShape(reach)}: it would hold pads alone`,
    );
  return window;
}

function padsOf(
  op: string,
  shape: Shape,
  window: Omit<Window, "pads">,
  pads: readonly number[] | "same" | 0,
): readonly number[] {
  const axes = shape.length - 2;
  if (pads === 0) return Array(2 * axes).fill(0);
  if (pads !== "same") {
    if (pads.length !== 2 * axes || !pads.every(isCount))
      reject("invalid-params", op, `pads are ${showShape(pads)}, want ${2 * axes} counts: begins, then ends`);
    return pads;
  }
  const total = window.kernel.map((length, i) => {
    const [inside, stride] = [shape[i + 2]!, window.strides[i]!];
    return Math.max(0, (Math.ceil(inside / stride) - 1) * stride + (length - 1) * window.dilations[i]! + 1 - inside);
  });
  return [...total.map((n) => Math.floor(n / 2)), ...total.map((n) => Math.ceil(n / 2))];
}

function outputSpace(op: string, shape: Shape, { kernel, strides, dilations, pads }: Window): number[] {
  return kernel.map((length, i) => {
    const reach = (length - 1) * dilations[i]! + 1;
    const inside = shape[i + 2]! + pads[i]! + pads[i + kernel.length]!;
    if (reach > inside)
      reject(
        "shape-mismatch",
        op,
        `a window of ${reach} does not fit into axis ${i + 2} of ${showShape(shape)} with pads ${showShape(pads)}`,
      );
    return Math.floor((inside - reach) / strides[i]!) + 1;
  });
}

function checkShape(op: string, name: string, shape: Shape): Shape {
  if (!shape.every(isCount)) reject("invalid-params", op, `"${name}" is ${showShape(shape)}, want counts`);
  return shape;
}

const isCount = (n: number): boolean => Number.isInteger(n) && n >= 0;

function lastTwo(op: string, shape: Shape, swapped: boolean): [number, number] {
  if (shape.length < 2) reject("shape-mismatch", op, `got ${showShape(shape)}, want at least two axes`);
  const [rows, cols] = shape.slice(-2) as [number, number];
  return swapped ? [cols, rows] : [rows, cols];
}

function products(a: Value, b: Value, transA: boolean, transB: boolean): string {
  const side = (shape: Shape, swapped: boolean) => `${showShape(shape)}${swapped ? " transposed" : ""}`;
  return `cannot multiply ${side(a.shape, transA)} by ${side(b.shape, transB)}: inner lengths differ`;
}

function axisOf(op: string, shape: Shape, axis: number): number {
  const at = axis < 0 ? shape.length + axis : axis;
  if (!Number.isInteger(at) || at < 0 || at >= shape.length)
    reject("invalid-input", op, `axis is ${axis}, want one of ${showShape(shape)}`);
  return at;
}

function floats(op: string, ...values: readonly Value[]): void {
  for (const [i, { dtype }] of values.entries())
    if (dtype !== "float32") reject("invalid-input", op, `input ${i} is ${dtype}, want float32: use cast`);
}

/** Numbers become constants of the other's type. */
function liftBoth(a: Value | number, b: Value | number): [Value, Value] {
  return [lift(a, b), lift(b, a)];
}

function lift(x: Value | number, beside: Value | number): Value {
  if (typeof x !== "number") return x;
  if (typeof beside === "number" || beside.dtype !== "int32") return constant(x);
  if (!Number.isInteger(x)) reject("invalid-input", "constant", `got ${x} beside an int32 tensor, want an integer`);
  return constant(Int32Array.of(x), []);
}

function one<O extends Parameters<typeof node>[0]>(
  op: O,
  inputs: readonly Value[],
  attributes: Parameters<typeof node<O>>[2],
  shape: Shape,
  dtype: DType = "float32",
): Value {
  return node(op, inputs, attributes, [{ shape, dtype }])[0]!;
}
