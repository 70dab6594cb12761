// Each op of a program in tfjs ops that are right on every backend, and fast on cpu, wasm and tensorflow. Kernels that the wasm backend
// lacks (gradients of convolution, segment sums) or has wrong (the gradient of max pooling) are not used.
import type { Tensor, Tensor4D, TypedArray } from "@tensorflow/tfjs-core";
import { type Shape, sameShape, sizeOf, type Window } from "../graph.js";
import { broadcast } from "../ops.js";
import type { ProgramNode, ProgramNodeOf, RunOp } from "../program.js";

/** What all builds of tfjs have. */
export type Tf = typeof import("@tensorflow/tfjs-core");

export interface OpContext {
  readonly tf: Tf;
  readonly backend: string;
  /** A tensor that lives until the session is disposed; `key` names what it holds, so that nodes share it. */
  kept(key: string, make: () => Tensor): Tensor;
}

/** Gives new tensors, never its inputs. Runs in a `tidy`. */
export type OpRun = (inputs: readonly Tensor[]) => Tensor | readonly Tensor[];

export function opRun(node: Exclude<ProgramNode, ProgramNodeOf<"constant">>, context: OpContext): OpRun {
  return (ops[node.op] as Op<RunOp>)(node, context);
}

type Op<O extends RunOp> = (node: ProgramNodeOf<O>, context: OpContext) => OpRun;

const ops: { readonly [O in Exclude<RunOp, "constant">]: Op<O> } = {
  scan: ({ attributes: { body, states, slices, reverse }, inputShapes, outputs: [first] }, context) => {
    const { tf } = context;
    const steps = inputShapes[states]![0]!;
    const run = body.nodes.map((node): OpRun => {
      if (node.op !== "constant") return opRun(node, context);
      const [{ value, shape, dtype }] = node.outputs as [ProgramNode["outputs"][number]];
      const key = `constant ${value} of scan ${first!.value}`;
      return () => context.kept(key, () => tf.tensor(node.attributes.data, [...shape], dtype));
    });
    const step = (fed: Readonly<Record<string, Tensor>>): Tensor[] => {
      const values = new Map(body.inputs.map(({ name, value }) => [value, fed[name]!]));
      for (const [i, node] of body.nodes.entries()) {
        const made = [run[i]!(node.inputs.map((value) => values.get(value)!))].flat() as Tensor[];
        for (const [output, { value }] of node.outputs.entries()) values.set(value, made[output]!);
      }
      return body.outputs.map(({ value }) => tf.clone(values.get(value)!));
    };
    return (inputs) => {
      const held = inputs.slice(states + slices).map((tensor, i) => [`held${i}`, tensor]);
      const pieces = inputs.slice(states, states + slices).map((tensor) => tf.unstack(tensor));
      let now: readonly Tensor[] = inputs.slice(0, states);
      const stacks: Tensor[][] = body.outputs.slice(states).map(() => []);
      for (let i = 0; i < steps; i++) {
        const t = reverse ? steps - 1 - i : i;
        const fed = Object.fromEntries([
          ...now.map((tensor, state) => [`state${state}`, tensor]),
          ...pieces.map((all, slice) => [`slice${slice}`, all[t]!]),
          ...held,
        ]);
        const made = tf.tidy(() => step(fed));
        now = made.slice(0, states);
        for (const [s, stack] of stacks.entries()) stack[t] = made[states + s]!;
      }
      return [...now, ...stacks.map((stack) => tf.stack(stack))];
    };
  },
  add: binary((tf, a, b) => tf.add(a, b)),
  sub: binary((tf, a, b) => tf.sub(a, b)),
  mul: binary((tf, a, b) => tf.mul(a, b)),
  // tf.div of integers rounds down instead of towards zero; by way of floats it is exact up to 2^24.
  div: binary((tf, a, b) =>
    a.dtype === "int32" ? tf.cast(tf.div(tf.cast(a, "float32"), tf.cast(b, "float32")), "int32") : tf.div(a, b),
  ),
  maximum: binary((tf, a, b) => tf.maximum(a, b)),
  minimum: binary((tf, a, b) => tf.minimum(a, b)),
  equal: comparison((tf, a, b) => tf.equal(a, b)),
  greater: comparison((tf, a, b) => tf.greater(a, b)),
  greaterOrEqual: comparison((tf, a, b) => tf.greaterEqual(a, b)),
  where:
    ({ outputs: [y] }, { tf }) =>
    ([condition, yes, no]) =>
      tf.where(expand(tf, condition!, y!.shape), expand(tf, yes!, y!.shape), expand(tf, no!, y!.shape)),
  cast:
    ({ attributes: { to } }, { tf }) =>
    ([x]) =>
      to === "bool" ? truth(tf, x!) : tf.cast(x!, to),
  neg: unary((tf, x) => tf.neg(x)),
  abs: unary((tf, x) => tf.abs(x)),
  sign: unary((tf, x) => tf.sign(x)),
  exp: unary((tf, x) => tf.exp(x)),
  log: unary((tf, x) => tf.log(x)),
  sqrt: unary((tf, x) => tf.sqrt(x)),
  erf: unary((tf, x) => tf.erf(x)),
  relu: unary((tf, x) => tf.relu(x)),
  sigmoid: unary((tf, x) => tf.sigmoid(x)),
  tanh: unary((tf, x) => tf.tanh(x)),
  softplus: unary((tf, x) => tf.softplus(x)),
  softmax: unary((tf, x) => tf.softmax(x)),
  logSoftmax: unary((tf, x) => tf.logSoftmax(x)),
  layerNorm:
    ({ attributes: { epsilon } }, { tf }) =>
    ([x, scale, shift]) => {
      const mean = tf.mean(x!, -1, true);
      const centered = tf.sub(x!, mean);
      const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(centered), -1, true), epsilon));
      return [tf.add(tf.mul(tf.mul(centered, inverse), scale!), shift!), mean, inverse];
    },
  sum: reduction((tf, x, axes, keepDims) => tf.sum(x, axes, keepDims)),
  mean: reduction((tf, x, axes, keepDims) => tf.mean(x, axes, keepDims)),
  max: reduction((tf, x, axes, keepDims) => tf.max(x, axes, keepDims)),
  argMax:
    ({ attributes: { axis } }, { tf }) =>
    ([x]) =>
      tf.argMax(x!, axis),
  matmul:
    ({ attributes: { transA, transB, scale } }, context) =>
    ([a, b]) => {
      const product = matmul(context, a!, b!, transA, transB);
      return scale === 1 ? product : context.tf.mul(product, scale);
    },
  gemm:
    ({ attributes: { transA, transB } }, context) =>
    ([a, b, c]) =>
      context.tf.add(matmul(context, a!, b!, transA, transB), c!),
  reshape:
    ({ attributes: { shape } }, { tf }) =>
    ([x]) =>
      reshape(tf, x!, shape),
  transpose:
    ({ attributes: { order } }, { tf }) =>
    ([x]) =>
      transpose(tf, x!, order),
  expand:
    ({ attributes: { shape } }, { tf }) =>
    ([x]) =>
      expand(tf, x!, shape),
  concat:
    ({ attributes: { axis } }, { tf }) =>
    (inputs) =>
      tf.concat([...inputs], axis),
  split: ({ attributes: { axis, sizes }, outputs }, context) => {
    if (context.backend !== "wasm") return ([x]) => context.tf.split(x!, [...sizes], axis);
    const starts = sizes.map((_, i) => sizes.slice(0, i).reduce((a, b) => a + b, 0));
    return ([x]) => outputs.map(({ shape }, i) => slice(context, x!, axis, starts[i]!, shape));
  },
  slice:
    ({ attributes: { axis, from }, outputs: [y] }, context) =>
    ([x]) =>
      slice(context, x!, axis, from, y!.shape),
  pad: ({ attributes: { before, after } }, { tf }) => {
    const counts = before.map((count, axis): [number, number] => [count, after[axis]!]);
    return ([x]) => tf.pad(x!, counts);
  },
  gather:
    ({ inputShapes: [table], outputs: [y] }, context) =>
    ([x, ids]) => {
      const [rows = 0, ...rest] = table!;
      const taken = take(context, reshape(context.tf, x!, [rows, sizeOf(rest)]), reshape(context.tf, ids!, [-1]));
      return reshape(context.tf, taken, y!.shape);
    },
  scatterAdd:
    ({ outputs: [y] }, { tf }) =>
    ([ids, values]) =>
      tf.scatterND(reshape(tf, ids!, [-1, 1]), values!, [...y!.shape]),
  oneHot:
    ({ attributes: { depth } }, { tf }) =>
    ([ids]) =>
      oneHot(tf, ids!, depth),
  conv: ({ attributes, inputShapes: [x], outputs: [y] }, context) => {
    const { tf } = context;
    const { groups, strides, dilations } = attributes;
    // tfjs has no convolution with groups, and none with both strides and dilations.
    const whole = groups === 1 && [strides, dilations].some((steps) => steps.every((n) => n === 1));
    const windows = windowsOf(x!, y!.shape, attributes);
    return ([image, filters, bias]) => {
      const product = whole
        ? convolve(tf, image!, filters!, windows)
        : fromGroups(tf, matmul(context, patches(context, image!, windows, groups), matrices(tf, filters!, groups)));
      return fromRows(tf, bias ? tf.add(product, bias) : product, y!.shape);
    };
  },
  convInputGradient: ({ attributes, inputShapes: [dy] }, context) => {
    const { tf } = context;
    const { groups, shape } = attributes;
    const windows = windowsOf(shape, dy!, attributes);
    if (hasConvolutionGradients(context, attributes))
      return ([gradient, filters]) => inputGradient(tf, gradient!, filters!, windows, shape);
    return ([gradient, filters]) => {
      const rows = toGroups(tf, toRows(tf, gradient!), groups);
      const products = matmul(context, rows, matrices(tf, filters!, groups), false, true);
      return unpatch(context, products, windows, shape, groups);
    };
  },
  convFilterGradient: ({ attributes, inputShapes: [x, dy] }, context) => {
    const { tf } = context;
    const { groups, shape } = attributes;
    const windows = windowsOf(x!, dy!, attributes);
    if (hasConvolutionGradients(context, attributes))
      return ([image, gradient]) => filterGradient(tf, image!, gradient!, windows, shape);
    return ([image, gradient]) => {
      const rows = toGroups(tf, toRows(tf, gradient!), groups);
      return fromMatrices(tf, matmul(context, patches(context, image!, windows, groups), rows, true), shape, groups);
    };
  },
  maxPool: ({ attributes, inputShapes: [x], outputs: [y] }, context) => {
    const { tf } = context;
    const windows = windowsOf(x!, y!.shape, attributes);
    return ([image]) => fromRows(tf, tf.max(pools(context, image!, windows, Number.NEGATIVE_INFINITY), 1), y!.shape);
  },
  maxPoolGradient: ({ attributes, inputShapes: [x, y] }, context) => {
    const { tf } = context;
    const windows = windowsOf(x!, y!, attributes);
    return ([image, , gradient]) => {
      const first = tf.argMax(pools(context, image!, windows, Number.NEGATIVE_INFINITY), 1);
      const chosen = oneHot(tf, first, windows.taps);
      const spread = tf.mul(chosen, tf.expandDims(toRows(tf, gradient!), 2));
      return unpatch(context, transpose(tf, spread, [0, 2, 1]), windows, x!);
    };
  },
  averagePool: ({ attributes, inputShapes: [x], outputs: [y] }, context) => {
    const { tf } = context;
    const windows = windowsOf(x!, y!.shape, attributes);
    const shares = sharesOf(context, windows, attributes.countPads);
    return ([image]) => fromRows(tf, tf.mul(tf.sum(pools(context, image!, windows, 0), 1), shares), y!.shape);
  },
  averagePoolGradient: ({ attributes, inputShapes: [dy] }, context) => {
    const { tf } = context;
    const windows = windowsOf(attributes.shape, dy!, attributes);
    const shares = sharesOf(context, windows, attributes.countPads);
    return ([gradient]) => {
      const rows = tf.expandDims(tf.mul(toRows(tf, gradient!), shares), 1);
      const [count, , channels] = rows.shape as [number, number, number];
      return unpatch(context, expand(tf, rows, [count, windows.taps, channels]), windows, attributes.shape);
    };
  },
};

function unary(apply: (tf: Tf, x: Tensor) => Tensor) {
  return (_: object, { tf }: OpContext): OpRun =>
    ([x]) =>
      apply(tf, x!);
}

function binary(apply: (tf: Tf, a: Tensor, b: Tensor) => Tensor) {
  return (_: object, { tf }: OpContext): OpRun =>
    ([a, b]) =>
      apply(tf, a!, b!);
}

/** Comparisons that broadcast anything but a scalar are some forty times slower on wasm, so their inputs are made equal in shape. */
function comparison(apply: (tf: Tf, a: Tensor, b: Tensor) => Tensor) {
  return ({ outputs: [y] }: ProgramNode, { tf }: OpContext): OpRun => {
    const fit = (x: Tensor) => (x.shape.length === 0 ? x : expand(tf, x, y!.shape));
    return ([a, b]) => apply(tf, fit(a!), fit(b!));
  };
}

function reduction(apply: (tf: Tf, x: Tensor, axes: number[], keepDims: boolean) => Tensor) {
  return ({ attributes: { axes, keepDims } }: ProgramNodeOf<"sum" | "mean" | "max">, { tf }: OpContext): OpRun =>
    ([x]) =>
      apply(tf, x!, [...axes], keepDims);
}

function truth(tf: Tf, x: Tensor): Tensor {
  return tf.notEqual(x, tf.scalar(0, x.dtype as "float32" | "int32"));
}

/** The wasm backend writes integers whatever type it is asked for. */
function oneHot(tf: Tf, ids: Tensor, depth: number): Tensor {
  return tf.cast(tf.oneHot(ids, depth, 1, 0, "int32"), "float32");
}

function reshape(tf: Tf, x: Tensor, shape: Shape): Tensor {
  return tf.reshape(x, [...shape] as Tensor["shape"]);
}

/** Repeats by adding zeros: tf.tile takes a hundred times as long on wasm, and has to stay for integers, which floats do not all hold. */
function expand(tf: Tf, x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return tf.clone(x);
  if (x.dtype === "int32") return tf.broadcastTo(x, [...shape] as Tensor["shape"]);
  if (x.dtype === "bool") return truth(tf, expand(tf, tf.cast(x, "float32"), shape));
  return tf.add(x, tf.zeros([...shape] as Tensor["shape"]));
}

/** Over as few axes as will do: those of length 1 left out and those that stay neighbours joined, for more than four are slow on wasm. */
function transpose(tf: Tf, x: Tensor, order: readonly number[]): Tensor {
  const shape = order.map((axis) => x.shape[axis]!);
  const runs: number[][] = [];
  for (const axis of order) {
    if (x.shape[axis] === 1) continue;
    const last = runs.at(-1);
    const between = last && x.shape.slice(last.at(-1)! + 1, axis);
    if (last && axis > last.at(-1)! && between!.every((length) => length === 1)) last.push(axis);
    else runs.push([axis]);
  }
  const sorted = [...runs].sort((a, b) => a[0]! - b[0]!);
  const joined = reshape(
    tf,
    x,
    sorted.map((run) => run.reduce((size, axis) => size * x.shape[axis]!, 1)),
  );
  if (runs.every((run, i) => run === sorted[i])) return reshape(tf, joined, shape);
  return reshape(
    tf,
    tf.transpose(
      joined,
      runs.map((run) => sorted.indexOf(run)),
    ),
    shape,
  );
}

/** Matrix products over the last two axes; the axes before them broadcast. */
function matmul(context: OpContext, a: Tensor, b: Tensor, transA = false, transB = false): Tensor {
  const { tf, backend } = context;
  const wasm = backend === "wasm";
  // The wasm backend multiplies transposed matrices in plain loops, ten times slower than transposing them first.
  if (wasm && (transA || transB)) return matmul(context, transA ? swap(tf, a) : a, transB ? swap(tf, b) : b);
  const [m, k] = lastTwo(a.shape, transA);
  const [, n] = lastTwo(b.shape, transB);
  const [aLead, bLead] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
  const lead = broadcast("matmul", aLead, bLead);
  // Many matrices times one are one product.
  if (!transA && sizeOf(bLead) === 1) {
    const rows = reshape(tf, a, [sizeOf(aLead) * m, k]);
    const matrix = reshape(tf, b, b.shape.slice(-2));
    return reshape(tf, tf.matMul(rows, wasm ? ofOneShape(tf, matrix) : matrix, false, transB), [...lead, m, n]);
  }
  const whole = (x: Tensor) => {
    const last = x.shape.slice(-2);
    return reshape(tf, expand(tf, x, [...lead, ...last]), [sizeOf(lead), ...last]);
  };
  return reshape(tf, tf.matMul(whole(a), whole(b), transA, transB), [...lead, m, n]);
}

// The wasm backend keeps second factors as its kernels lay them out, by their data: a reshape of the same data gets the layout of the
// shape that it had first, and wrong numbers.
const factors = new WeakMap<object, string>();

function ofOneShape(tf: Tf, matrix: Tensor): Tensor {
  const shape = String(matrix.shape);
  const first = factors.get(matrix.dataId) ?? shape;
  factors.set(matrix.dataId, first);
  return first === shape ? matrix : tf.mul(matrix, 1);
}

function swap(tf: Tf, x: Tensor): Tensor {
  const axes = x.shape.map((_, axis) => axis);
  return transpose(tf, x, [...axes.slice(0, -2), ...axes.slice(-2).reverse()]);
}

function lastTwo(shape: Shape, swapped: boolean): [number, number] {
  const [rows, cols] = shape.slice(-2) as [number, number];
  return swapped ? [cols, rows] : [rows, cols];
}

/** Rows of a matrix. The gather of the cpu and wasm backends goes element by element: 20 times slower than this. */
function take({ tf, backend }: OpContext, table: Tensor, ids: Tensor): Tensor {
  if ((backend !== "cpu" && backend !== "wasm") || table.dtype === "bool") return tf.gather(table, ids);
  const [rows, columns] = table.shape as [number, number];
  const result = tf.zeros([ids.size, columns], table.dtype);
  const [from, at, to] = [table, ids, result].map((x) => numbersOf(tf, x)) as [TypedArray, TypedArray, TypedArray];
  for (let i = 0; i < at.length; i++) {
    const id = at[i]!;
    if (id < 0 || id >= rows) throw new RangeError(`id ${id} is outside of a table of ${rows} rows`);
    // A view for each row pays for itself from some dozens of columns on.
    if (columns >= 32) to.set(from.subarray(id * columns, (id + 1) * columns), i * columns);
    else for (let k = 0; k < columns; k++) to[i * columns + k] = from[id * columns + k]!;
  }
  return result;
}

/** The part of `shape` that starts at `from` on an axis. The slice of the wasm backend copies the whole of `x` for each. */
function slice({ tf, backend }: OpContext, x: Tensor, axis: number, from: number, shape: Shape): Tensor {
  if (backend !== "wasm") {
    const begin = shape.map((_, i) => (i === axis ? from : 0));
    return tf.slice(x, begin, [...shape]);
  }
  const result = tf.zeros([...shape] as Tensor["shape"], x.dtype);
  const [source, target] = [numbersOf(tf, x), numbersOf(tf, result)];
  const inner = sizeOf(shape.slice(axis + 1));
  const [step, length] = [x.shape[axis]! * inner, shape[axis]! * inner];
  for (let at = from * inner, to = 0; to < target.length; at += step, to += length)
    target.set(source.subarray(at, at + length), to);
  return result;
}

/** The numbers of a tensor in place, to read and to write, on the cpu backend (but for truth values) and on wasm. */
function numbersOf(tf: Tf, x: Tensor): TypedArray {
  const backend = tf.backend() as { typedArrayFromHeap?(x: Tensor): TypedArray };
  return backend.typedArrayFromHeap?.(x) ?? x.dataSync();
}

// Windows. An image [batch, channels, ...space] is turned into rows, one for each place, with the channels as columns; a window is then a
// list of rows to take (im2col), and its gradient adds to those rows (col2im). One list holds for pads, strides and dilations alike.

/** A window on images of one or two axes, seen as two. */
interface Windows {
  readonly batch: number;
  readonly inside: Pair;
  readonly outside: Pair;
  readonly kernel: Pair;
  readonly strides: Pair;
  readonly dilations: Pair;
  /** Top, left, bottom, right. */
  readonly pads: readonly [number, number, number, number];
  /** Places of the image, in all of the batch. */
  readonly places: number;
  /** Windows, in all of the batch. */
  readonly count: number;
  /** Elements of a window. */
  readonly taps: number;
}

type Pair = readonly [number, number];

function windowsOf(x: Shape, y: Shape, window: Window): Windows {
  const pair = (numbers: readonly number[], missing: number) => [missing, ...numbers].slice(-2) as [number, number];
  const [inside, outside] = [pair(x.slice(2), 1), pair(y.slice(2), 1)];
  const half = window.pads.length / 2;
  const kernel = pair(window.kernel, 1);
  return {
    batch: x[0]!,
    inside,
    outside,
    kernel,
    strides: pair(window.strides, 1),
    dilations: pair(window.dilations, 1),
    pads: [...pair(window.pads.slice(0, half), 0), ...pair(window.pads.slice(half), 0)],
    places: x[0]! * sizeOf(inside),
    count: x[0]! * sizeOf(outside),
    taps: sizeOf(kernel),
  };
}

/** For each window and each of its elements the row of the image; one row past the end stands for all pads. */
function rowsOf({
  batch,
  inside,
  outside,
  kernel,
  strides,
  dilations,
  pads,
  places,
  count,
  taps,
}: Windows): Int32Array {
  const rows = new Int32Array(count * taps);
  let i = 0;
  for (let b = 0; b < batch; b++)
    for (let y = 0; y < outside[0]; y++)
      for (let x = 0; x < outside[1]; x++)
        for (let u = 0; u < kernel[0]; u++)
          for (let v = 0; v < kernel[1]; v++) {
            const row = y * strides[0] + u * dilations[0] - pads[0];
            const col = x * strides[1] + v * dilations[1] - pads[1];
            const within = row >= 0 && row < inside[0] && col >= 0 && col < inside[1];
            rows[i++] = within ? (b * inside[0] + row) * inside[1] + col : places;
          }
  return rows;
}

function keptRows(context: OpContext, windows: Windows): Tensor {
  return context.kept(`rows ${JSON.stringify(windows)}`, () => context.tf.tensor1d(rowsOf(windows), "int32"));
}

/** What each element of a window counts in its mean: one number, or one for each window. */
function sharesOf(context: OpContext, windows: Windows, countPads: boolean): Tensor {
  const { places, taps, count } = windows;
  return context.kept(`shares ${countPads} ${JSON.stringify(windows)}`, () => {
    if (countPads) return context.tf.scalar(1 / taps);
    const counts = new Float32Array(count);
    for (const [i, row] of rowsOf(windows).entries()) if (row < places) counts[Math.floor(i / taps)]! += 1;
    return context.tf.tensor2d(
      counts.map((n) => 1 / n),
      [count, 1],
    );
  });
}

/** `[batch, channels, ...space]` to `[batch * places, channels]`. */
function toRows(tf: Tf, x: Tensor): Tensor {
  const [batch, channels, ...space] = x.shape as [number, number, ...number[]];
  const places = sizeOf(space);
  return reshape(tf, transpose(tf, reshape(tf, x, [batch, channels, places]), [0, 2, 1]), [batch * places, channels]);
}

function fromRows(tf: Tf, rows: Tensor, shape: Shape): Tensor {
  const [batch, channels, ...space] = shape as [number, number, ...number[]];
  return reshape(tf, transpose(tf, reshape(tf, rows, [batch, sizeOf(space), channels]), [0, 2, 1]), shape);
}

/** The windows on an image: `[windows * taps, channels]`. */
function elements(context: OpContext, x: Tensor, windows: Windows, pad: number): Tensor {
  const { tf } = context;
  const rows = toRows(tf, x);
  const padded = windows.pads.some((n) => n > 0);
  const all = padded ? tf.concat([rows, tf.fill([1, rows.shape[1]!], pad)], 0) : rows;
  return take(context, all, keptRows(context, windows));
}

/** The windows of a pooling: `[windows, taps, channels]`. */
function pools(context: OpContext, x: Tensor, windows: Windows, pad: number): Tensor {
  return reshape(context.tf, elements(context, x, windows, pad), [windows.count, windows.taps, x.shape[1]!]);
}

/** The windows of a convolution as matrices: `[groups, windows, taps * channels / groups]`. */
function patches(context: OpContext, x: Tensor, windows: Windows, groups: number): Tensor {
  const { tf } = context;
  const { count, taps } = windows;
  const per = x.shape[1]! / groups;
  const taken = reshape(tf, elements(context, x, windows, 0), [count, taps, groups, per]);
  return reshape(tf, transpose(tf, taken, [2, 0, 1, 3]), [groups, count, taps * per]);
}

/** The way back: each element of each window is added to its place in an image of `shape`. */
function unpatch(context: OpContext, x: Tensor, windows: Windows, shape: Shape, groups = 1): Tensor {
  const { tf } = context;
  const { count, taps, places } = windows;
  const channels = shape[1]!;
  const byGroup = reshape(tf, x, [groups, count, taps, channels / groups]);
  const values = reshape(tf, transpose(tf, byGroup, [1, 2, 0, 3]), [count * taps, channels]);
  const sums = tf.scatterND(reshape(tf, keptRows(context, windows), [-1, 1]), values, [places + 1, channels]);
  return fromRows(tf, tf.slice(sums, 0, places), shape);
}

/** `[n, channels]` to `[groups, n, channels / groups]`. */
function toGroups(tf: Tf, rows: Tensor, groups: number): Tensor {
  const [count, channels] = rows.shape as [number, number];
  return transpose(tf, reshape(tf, rows, [count, groups, channels / groups]), [1, 0, 2]);
}

function fromGroups(tf: Tf, x: Tensor): Tensor {
  const [groups, count, per] = x.shape as [number, number, number];
  return reshape(tf, transpose(tf, x, [1, 0, 2]), [count, groups * per]);
}

/** Filters `[out, channels / groups, ...kernel]` to matrices `[groups, taps * channels / groups, out / groups]`. */
function matrices(tf: Tf, filters: Tensor, groups: number): Tensor {
  const [out, per, ...kernel] = filters.shape as [number, number, ...number[]];
  const taps = sizeOf(kernel);
  const split = reshape(tf, filters, [groups, out / groups, per, taps]);
  return reshape(tf, transpose(tf, split, [0, 3, 2, 1]), [groups, taps * per, out / groups]);
}

function fromMatrices(tf: Tf, x: Tensor, shape: Shape, groups: number): Tensor {
  const [out, per, ...kernel] = shape as [number, number, ...number[]];
  const split = reshape(tf, x, [groups, sizeOf(kernel), per, out / groups]);
  return reshape(tf, transpose(tf, split, [0, 3, 2, 1]), shape);
}

// tfjs's own convolutions, which take no memory for patches.

/** `[windows, out]`. */
function convolve(tf: Tf, x: Tensor, filters: Tensor, windows: Windows): Tensor {
  const { strides, dilations, count } = windows;
  const image = paddedImage(tf, x, windows);
  const y = tf.conv2d(image, channelsLast(tf, filters, windows), [...strides], "valid", "NHWC", [...dilations]);
  return reshape(tf, y, [count, filters.shape[0]!]);
}

/** Native TensorFlow has them, half to twice as fast again as by patches; wasm has none or slow ones, and none takes dilations. */
function hasConvolutionGradients({ backend }: OpContext, { groups, dilations }: Window & { readonly groups: number }) {
  return backend === "tensorflow" && groups === 1 && dilations.every((n) => n === 1);
}

function inputGradient(tf: Tf, gradient: Tensor, filters: Tensor, windows: Windows, shape: Shape): Tensor {
  const { batch, inside, outside, strides, pads } = windows;
  const [out, channels] = filters.shape as [number, number];
  const dy = reshape(tf, toRows(tf, gradient), [batch, ...outside, out]);
  const dx: Tensor = tf.engine().runKernel(
    tf.Conv2DBackpropInput,
    { dy, filter: channelsLast(tf, filters, windows) },
    {
      strides: [...strides],
      pad: "valid",
      dataFormat: "NHWC",
      inputShape: [batch, inside[0] + pads[0] + pads[2], inside[1] + pads[1] + pads[3], channels],
    },
  );
  return fromRows(tf, tf.slice(dx, [0, pads[0], pads[1], 0], [batch, ...inside, channels]), shape);
}

function filterGradient(tf: Tf, x: Tensor, gradient: Tensor, windows: Windows, shape: Shape): Tensor {
  const { batch, outside, kernel, strides } = windows;
  const [out, channels] = shape as [number, number];
  const dy = reshape(tf, toRows(tf, gradient), [batch, ...outside, out]);
  const dw: Tensor = tf
    .engine()
    .runKernel(
      tf.Conv2DBackpropFilter,
      { x: paddedImage(tf, x, windows), dy },
      { strides: [...strides], pad: "valid", dataFormat: "NHWC", filterShape: [...kernel, channels, out] },
    );
  return reshape(tf, transpose(tf, dw, [3, 2, 0, 1]), shape);
}

/** `[batch, height, width, channels]` with its pads. */
function paddedImage(tf: Tf, x: Tensor, { batch, inside, pads }: Windows): Tensor4D {
  const image = reshape(tf, toRows(tf, x), [batch, ...inside, x.shape[1]!]) as Tensor4D;
  const around: [number, number][] = [
    [0, 0],
    [pads[0], pads[2]],
    [pads[1], pads[3]],
    [0, 0],
  ];
  return pads.some((n) => n > 0) ? tf.pad(image, around) : image;
}

/** Filters as `[height, width, channels, out]`. */
function channelsLast(tf: Tf, filters: Tensor, { kernel }: Windows): Tensor4D {
  const [out, channels] = filters.shape as [number, number];
  return transpose(tf, reshape(tf, filters, [out, channels, ...kernel]), [2, 3, 1, 0]) as Tensor4D;
}
