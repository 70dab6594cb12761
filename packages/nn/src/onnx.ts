import { type DType, reject, type Shape, sameShape, showShape, sizeOf, type Window } from "./graph.js";
import {
  encodeModel,
  type OnnxAttribute,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
  type OnnxType,
} from "./onnx-model.js";
import type { Program, ProgramNodeOf, RunOp, TensorSpec } from "./program.js";

export interface OnnxOptions {
  /** Only operators of ONNX itself, none of onnxruntime's own: for other programs that read the model. @default false */
  readonly standard?: boolean;
  /** Values of parameters by name: these become constants of the model, the others are inputs. @default none */
  readonly weights?: Readonly<Record<string, Float32Array | Int32Array>>;
  /**
   * The batch size of the program, where the model is to take any: a prime that divides no other length. Every length that
   * it divides becomes `batch` or a multiple of it. @default lengths are as in the program
   */
  readonly symbolicBatch?: number;
  /** No constant stands for two that are alike by chance: for models that are compared, see `openModel`. @default false */
  readonly open?: boolean;
}

/**
 * A program as the bytes of an ONNX model (opset 17): for onnxruntime, or for a file. Inputs and parameters keep their names,
 * and so do outputs, but for one that is named as an input (see `outputNames`).
 *
 * Some ops become several nodes: those that were measured to be the fastest on onnxruntime's CPU kernels.
 */
export function encodeOnnx(program: Program, options: OnnxOptions = {}): Uint8Array<ArrayBuffer> {
  return encodeModel(describeOnnx(program, options));
}

/** How the outputs are named in the ONNX model, where all values share one space of names: `x` is `x_out` if an input is `x`. */
export function outputNames(program: Program): string[] {
  const taken = new Set([...program.inputs, ...program.parameters].map(({ name }) => name));
  return program.outputs.map(({ name }) => {
    let free = name;
    while (taken.has(free)) free += "_out";
    taken.add(free);
    return free;
  });
}

/** A value of the ONNX graph. Its name is settled when the graph is done: outputs give theirs to what makes them. */
interface Tensor {
  name: string;
  readonly shape: Shape;
  readonly dtype: OnnxType;
}

interface Draft extends Omit<OnnxNode, "inputs" | "outputs" | "attributes"> {
  readonly inputs: readonly (Tensor | undefined)[];
  readonly outputs: readonly (Tensor | undefined)[];
  readonly attributes: Attributes;
  readonly body?: Body;
}

/** What a loop runs. Its nodes may read what is around it. */
interface Body {
  readonly nodes: readonly Draft[];
  readonly constants: readonly OnnxTensor[];
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
}

type Attributes = Readonly<Record<string, OnnxAttribute>>;

/** The model that `encodeOnnx` writes. */
export function describeOnnx(
  program: Program,
  { standard = false, weights = {}, symbolicBatch, open = false }: OnnxOptions,
): OnnxModel {
  const values = new Map<number, Tensor>();
  const constants: OnnxTensor[] = [];
  const inputs: Tensor[] = [];
  for (const spec of [...program.inputs, ...program.parameters]) {
    checkSize(spec.shape, `"${spec.name}"`, "");
    const { name, shape, dtype } = spec;
    const tensor: Tensor = { name, shape, dtype };
    values.set(spec.value, tensor);
    const data = program.inputs.includes(spec) ? undefined : weights[name];
    if (data) constants.push(weightOf(spec, data));
    else inputs.push(tensor);
  }
  const graph = grower("#", { standard, open, batch: symbolicBatch }, inputs, constants);
  grow(graph, program, values);
  const produced = new Set(graph.nodes.flatMap(({ outputs }) => outputs));
  const names = outputNames(program);
  graph.layer = "";
  const outputs = program.outputs.map(({ value }, i) => {
    let tensor = values.get(value)!;
    // An input, a constant, or what another output has named already.
    if (!produced.delete(tensor)) tensor = graph.op("Identity", [tensor], tensor.shape, {}, tensor.dtype);
    tensor.name = names[i]!;
    return tensor;
  });
  return settled({ nodes: graph.nodes, constants, inputs, outputs }, graph.symbol);
}

/** Adds the nodes of a program, whose inputs are in `values`. */
function grow(graph: Grower, program: Program, values: Map<number, Tensor>): void {
  const used = new Set([...program.nodes.flatMap((node) => node.inputs), ...program.outputs.map(({ value }) => value)]);
  for (const node of program.nodes) {
    for (const { shape } of node.outputs) checkSize(shape, `an output of ${node.op}`, node.layer);
    graph.layer = node.layer;
    const read = node.inputs.map((value) => values.get(value)!);
    const made = emitters[node.op](
      graph,
      node as never,
      read,
      node.outputs.map(({ value }) => used.has(value)),
    );
    for (const [i, tensor] of (Array.isArray(made) ? made : [made]).entries())
      values.set(node.outputs[i]!.value, tensor as Tensor);
  }
}

/** With the names that its values have in the end. */
function settled({ nodes, constants, inputs, outputs }: Body, symbol: Grower["symbol"]): OnnxModel {
  const value = ({ name, dtype, shape }: Tensor) => ({ name, dtype, shape: shape.map(symbol) });
  return {
    nodes: nodes.map(({ body, attributes, ...node }) => ({
      ...node,
      attributes: body ? { ...attributes, body: settled(body, symbol) } : attributes,
      inputs: node.inputs.map((tensor) => tensor?.name ?? ""),
      outputs: node.outputs.map((tensor) => tensor?.name ?? ""),
    })),
    constants,
    inputs: inputs.map(value),
    outputs: outputs.map(value),
  };
}

function checkSize(shape: Shape, what: string, layer: string): void {
  if (sizeOf(shape) === 0)
    reject("shape-mismatch", "onnx", `${where(layer)}${what} is ${showShape(shape)}: a length is 0, want at least 1`);
}

function weightOf({ name, shape, dtype }: TensorSpec, data: Float32Array | Int32Array): OnnxTensor {
  const fits = dtype === "int32" ? data instanceof Int32Array : data instanceof Float32Array;
  if (data.length !== sizeOf(shape) || !fits)
    reject(
      "shape-mismatch",
      "onnx",
      `the weights of "${name}" are ${data.constructor.name} of ${data.length}, want ${dtype} ${showShape(shape)}`,
    );
  return { name, shape, dtype, data };
}

/** What the emitters write with. */
interface Grower {
  readonly standard: boolean;
  /** Whether the graph has to be the same at other lengths. */
  readonly open: boolean;
  readonly nodes: readonly Draft[];
  layer: string;
  op(
    op: string,
    inputs: readonly (Tensor | undefined)[],
    shape: Shape,
    attributes?: Attributes,
    dtype?: OnnxType,
  ): Tensor;
  /** A node of several outputs; those with no shape are left out. */
  ops(op: string, inputs: readonly Tensor[], shapes: readonly (Shape | undefined)[], attributes?: Attributes): Tensor[];
  constant(data: Float32Array | Int32Array | BigInt64Array, shape: Shape): Tensor;
  /** A loop over the steps of what `read` has behind its states; outputs without a shape are left out. */
  loop(
    read: readonly Tensor[],
    shapes: readonly (Shape | undefined)[],
    attributes: Attributes,
    inputs: readonly Tensor[],
    build: (body: Grower) => readonly Tensor[],
  ): readonly (Tensor | undefined)[];
  /** Lengths or positions as an input of a node; a multiple of a symbolic batch is computed. */
  lengths(numbers: readonly number[]): Tensor;
  /** A length as the model tells it: a name where it depends on the batch. */
  symbol(this: void, length: number): number | string;
  /** How many of something there are for each row of a symbolic batch; all there are where the batch is fixed. */
  fixed(this: void, length: number): number;
}

function grower(
  prefix: string,
  how: { readonly standard: boolean; readonly open: boolean; readonly batch: number | undefined },
  inputs: readonly Tensor[],
  constants: OnnxTensor[],
): Grower {
  const { standard, open, batch } = how;
  const nodes: Draft[] = [];
  const known = new Map<string, Tensor>();
  let made = 0;
  const fresh = (shape: Shape, dtype: OnnxType): Tensor => ({ name: `${prefix}${made++}`, shape, dtype });
  const isSymbolic = (length: number) => batch !== undefined && length !== 0 && length % batch === 0;
  const graph: Grower = {
    standard,
    open,
    nodes,
    layer: "",
    op(op, inputs, shape, attributes = {}, dtype = "float32") {
      const output = fresh(shape, dtype);
      add(op, inputs, [output], attributes);
      return output;
    },
    ops(op, inputs, shapes, attributes = {}) {
      const outputs = shapes.map((shape) => shape && fresh(shape, inputs[0]!.dtype));
      add(op, inputs, outputs, attributes);
      return outputs as Tensor[];
    },
    loop(read, shapes, attributes, inputs, build) {
      const within = `${prefix}${made++}.`;
      for (const [i, tensor] of inputs.entries()) tensor.name = `${within}in${i}`;
      const constants: OnnxTensor[] = [];
      const body = grower(within, how, inputs, constants);
      body.layer = graph.layer;
      const produced = build(body);
      const known = new Set(body.nodes.flatMap(({ outputs }) => outputs));
      // As at the end of a model: each output is a value of its own.
      const outputs = produced.map((tensor) =>
        known.delete(tensor) ? tensor : body.op("Identity", [tensor], tensor.shape, {}, tensor.dtype),
      );
      const results = shapes.map((shape) => shape && fresh(shape, "float32"));
      const left = results.filter((tensor) => tensor !== undefined);
      add("Scan", read, left, attributes, { nodes: body.nodes, constants, inputs, outputs });
      return results;
    },
    constant(data, shape) {
      const dtype = data instanceof Float32Array ? "float32" : data instanceof Int32Array ? "int32" : "int64";
      const symbolic = shape.some(isSymbolic);
      // Large and uniform, such as a state of zeros: not written out.
      if ((symbolic || data.length > (open ? 1 : 256)) && isUniform(data) && dtype !== "int64")
        return graph.op(
          "ConstantOfShape",
          [graph.lengths(shape)],
          shape,
          { value: { name: "", dtype, shape: [1], data: data.slice(0, 1) } },
          dtype,
        );
      // A number of rows, and their positions: what layers that look across rows have of the batch.
      if (data.length === 1 && isSymbolic(Number(data[0]))) return cast(graph.lengths([Number(data[0])]), dtype, shape);
      if (symbolic && data.length === batch && isCount(data)) {
        const [from, to, step] = [0, batch, 1].map((at) => reshaped(graph, graph.lengths([at]), []));
        return cast(graph.op("Range", [from, to, step], [batch], {}, "int64"), dtype, shape);
      }
      if (symbolic)
        reject(
          "invalid-input",
          "onnx",
          `${where(graph.layer)}a constant ${showShape(shape)} differs along the batch, so the model cannot take every batch size`,
        );
      // By its bytes, which tell -0 from 0; long ones seldom repeat.
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      const key = open || data.length > 4096 ? "" : `${dtype} ${shape} ${bytes.join()}`;
      const tensor = known.get(key) ?? fresh(shape, dtype);
      if (known.has(key)) return tensor;
      if (key) known.set(key, tensor);
      constants.push({ ...tensor, data });
      return tensor;
    },
    lengths(numbers) {
      if (!numbers.some(isSymbolic)) return int64s(graph, numbers);
      const parts = numbers.map((length) => (isSymbolic(length) ? rows(length / batch!) : int64s(graph, [length])));
      return parts.length === 1 ? parts[0]! : graph.op("Concat", parts, [numbers.length], { axis: 0 }, "int64");
    },
    symbol: (length) => (isSymbolic(length) ? (length === batch ? "batch" : `${length / batch!}*batch`) : length),
    fixed: (length) => (isSymbolic(length) ? length / batch! : length),
  };
  function cast(x: Tensor, dtype: OnnxType, shape: Shape): Tensor {
    const to = dtype === "float32" ? onnxTypes.float32 : onnxTypes.int32;
    const same = dtype === "int64" ? x : graph.op("Cast", [x], x.shape, { to }, dtype);
    return reshaped(graph, same, shape);
  }
  function add(
    op: string,
    inputs: Draft["inputs"],
    outputs: Draft["outputs"],
    attributes: Attributes,
    body?: Body,
  ): void {
    const { domain, ...rest } = attributes as Attributes & { domain?: string };
    const name = `${graph.layer}/${op}#${nodes.length}`;
    nodes.push({ op, name, ...(domain && { domain }), inputs, outputs, attributes: rest, ...(body && { body }) });
  }
  /** `times` the batch size: int64, `[1]`. */
  function rows(times: number): Tensor {
    const key = `batch ${times}`;
    const tensor = known.get(key) ?? make();
    if (!open || times === 1) known.set(key, tensor);
    return tensor;
    function make(): Tensor {
      if (times !== 1) return graph.op("Mul", [rows(1), int64s(graph, [times])], [1], {}, "int64");
      for (const input of inputs) {
        const axis = input.shape.findIndex(isSymbolic);
        if (axis < 0) continue;
        const length = graph.op("Shape", [input], [1], { start: axis, end: axis + 1 }, "int64");
        const each = input.shape[axis]! / batch!;
        return each === 1 ? length : graph.op("Div", [length, int64s(graph, [each])], [1], {}, "int64");
      }
      return reject("invalid-input", "onnx", `no input has an axis of length ${batch}, the symbolic batch`);
    }
  }
  return graph;
}

function isUniform(data: Float32Array | Int32Array | BigInt64Array): boolean {
  const first = data[0];
  return (data as Float32Array).every((number) => Object.is(number, first));
}

/** 0, 1, 2 and so on. */
function isCount(data: Float32Array | Int32Array | BigInt64Array): boolean {
  return (data as Float32Array).every((number, i) => Number(number) === i);
}

/** How an error names the layer at fault. */
function where(layer: string): string {
  return layer && `layer "${layer}": `;
}

function int64s(graph: Grower, numbers: readonly number[]): Tensor {
  return graph.constant(BigInt64Array.from(numbers, BigInt), [numbers.length]);
}

function number(graph: Grower, value: number): Tensor {
  return graph.constant(Float32Array.of(value), []);
}

type Emitter<O extends RunOp> = (
  graph: Grower,
  node: ProgramNodeOf<O>,
  inputs: readonly Tensor[],
  /** Which outputs anything reads. */
  used: readonly boolean[],
) => Tensor | readonly (Tensor | undefined)[];

/** An op that is one node of the same inputs. */
function same(op: string, attributes: Attributes = {}): Emitter<RunOp> {
  return (graph, { outputs }, inputs) => graph.op(op, inputs, outputs[0]!.shape, attributes, outputs[0]!.dtype);
}

const lastAxis =
  (op: string): Emitter<RunOp> =>
  (graph, { outputs: [output] }, inputs) =>
    graph.op(op, inputs, output!.shape, { axis: output!.shape.length - 1 });

const onnxTypes = { float32: 1, int32: 6, bool: 9 } as const satisfies Record<DType, number>;

const emitters: { readonly [O in RunOp]: Emitter<O> } = {
  constant: (graph, { attributes, outputs: [output] }) => graph.constant(attributes.data, output!.shape),
  scan(graph, { attributes: { body, states, slices, reverse }, outputs }, read, used) {
    const inside = read
      .slice(0, states + slices)
      .map(({ shape, dtype }, i): Tensor => ({ name: "", shape: i < states ? shape : shape.slice(1), dtype }));
    const held = read.slice(states + slices);
    const named = new Map<string, Tensor>([
      ...inside.map((tensor, i) => [i < states ? `state${i}` : `slice${i - states}`, tensor] as const),
      ...held.map((tensor, i) => [`held${i}`, tensor] as const),
    ]);
    // States go round whether anything reads them or not; what else nobody reads is not kept.
    const kept = outputs.map((_, i) => i < states || used[i]!);
    const stacked = kept.filter((keep, i) => keep && i >= states).length;
    const directions = (count: number) => Array<number>(count).fill(+reverse);
    return graph.loop(
      read.slice(0, states + slices),
      outputs.map(({ shape }, i) => (kept[i] ? shape : undefined)),
      {
        num_scan_inputs: slices,
        scan_input_directions: directions(slices),
        ...(stacked > 0 && { scan_output_directions: directions(stacked) }),
      },
      inside,
      (own) => {
        const values = new Map(body.inputs.map(({ name, value }) => [value, named.get(name)!]));
        grow(own, body, values);
        return body.outputs.filter((_, i) => kept[i]).map(({ value }) => values.get(value)!);
      },
    );
  },
  add: same("Add"),
  sub: same("Sub"),
  mul: same("Mul"),
  div: same("Div"),
  maximum: same("Max"),
  minimum: same("Min"),
  equal: same("Equal"),
  greater: same("Greater"),
  greaterOrEqual: same("GreaterOrEqual"),
  where: same("Where"),
  cast: (graph, { attributes, outputs: [output] }, inputs) =>
    graph.op("Cast", inputs, output!.shape, { to: onnxTypes[attributes.to] }, attributes.to),
  neg: same("Neg"),
  abs: same("Abs"),
  sign: same("Sign"),
  exp: same("Exp"),
  log: same("Log"),
  sqrt: same("Sqrt"),
  erf: same("Erf"),
  relu: same("Relu"),
  sigmoid: same("Sigmoid"),
  tanh: same("Tanh"),
  softplus: same("Softplus"),
  softmax: lastAxis("Softmax"),
  logSoftmax: lastAxis("LogSoftmax"),
  layerNorm: (graph, { attributes, outputs }, inputs, used) =>
    graph.ops(
      "LayerNormalization",
      inputs,
      outputs.map(({ shape }, i) => (i === 0 || used[i] ? shape : undefined)),
      { axis: outputs[0]!.shape.length - 1, epsilon: { float: attributes.epsilon } },
    ),
  sum: (graph, { attributes: { axes, keepDims }, outputs: [output] }, [x]) =>
    graph.op("ReduceSum", [x, int64s(graph, axes)], output!.shape, { keepdims: +keepDims }),
  mean: (graph, { attributes: { axes, keepDims }, outputs: [output] }, inputs) =>
    graph.op("ReduceMean", inputs, output!.shape, { axes, keepdims: +keepDims }),
  max: (graph, { attributes: { axes, keepDims }, outputs: [output] }, inputs) =>
    graph.op("ReduceMax", inputs, output!.shape, { axes, keepdims: +keepDims }),
  argMax: (graph, { attributes: { axis }, outputs: [output] }, inputs) => {
    const found = graph.op("ArgMax", inputs, output!.shape, { axis, keepdims: 0 }, "int64");
    return graph.op("Cast", [found], output!.shape, { to: onnxTypes.int32 }, "int32");
  },
  matmul(graph, { attributes: { transA, transB, scale }, outputs: [output] }, inputs) {
    const [a, b] = inputs as [Tensor, Tensor];
    const { shape } = output!;
    const swaps = { transA: +transA, transB: +transB };
    if (a.shape.length === 2 && b.shape.length === 2)
      return graph.op("Gemm", inputs, shape, { ...swaps, ...(scale !== 1 && { alpha: { float: scale } }) });
    if (!transA && !transB && scale === 1) return graph.op("MatMul", inputs, shape);
    if (!graph.standard)
      return graph.op("FusedMatMul", inputs, shape, { ...swaps, alpha: { float: scale }, domain: "com.microsoft" });
    const product = graph.op("MatMul", [transA ? swapped(graph, a) : a, transB ? swapped(graph, b) : b], shape);
    return scale === 1 ? product : graph.op("Mul", [product, number(graph, scale)], shape);
  },
  gemm: (graph, { attributes: { transA, transB }, outputs: [output] }, inputs) =>
    graph.op("Gemm", inputs, output!.shape, { transA: +transA, transB: +transB }),
  reshape: (graph, { attributes: { shape } }, [x]) => reshaped(graph, x!, shape),
  transpose: (graph, { attributes: { order } }, [x]) => transposed(graph, x!, order),
  expand: (graph, { attributes: { shape } }, [x]) => expanded(graph, x!, shape),
  concat: (graph, { attributes: { axis } }, inputs) => joined(graph, inputs, axis),
  split: (graph, { attributes: { axis, sizes }, outputs }, [x]) =>
    graph.ops(
      "Split",
      [x!, graph.lengths(sizes)],
      outputs.map(({ shape }) => shape),
      { axis },
    ),
  slice: (graph, { attributes: { axis, from, to } }, [x]) => cut(graph, x!, [axis], [from], [to]),
  pad: (graph, { attributes: { before, after }, outputs: [output] }, [x]) =>
    padded(graph, x!, before, after, output!.shape),
  gather: (graph, { outputs: [output] }, inputs) =>
    graph.op("Gather", inputs, output!.shape, { axis: 0 }, output!.dtype),
  // ScatterND with `add` loses updates where ids repeat and threads are two or more: never that.
  scatterAdd(graph, { attributes: { rows }, outputs: [output] }, [ids, values]) {
    const zeros = graph.constant(new Float32Array(sizeOf(output!.shape)), output!.shape);
    const wide = graph.op("Cast", [ids], ids!.shape, { to: 7 }, "int64");
    const at = expanded(graph, reshaped(graph, wide, [ids!.shape[0]!, 1]), values!.shape);
    void rows;
    return graph.op("ScatterElements", [zeros, at, values], output!.shape, { axis: 0, reduction: "add" });
  },
  // Not OneHot: it counts negative ids from the end.
  oneHot(graph, { attributes: { depth }, outputs: [output] }, [ids]) {
    const all = graph.constant(
      Int32Array.from({ length: depth }, (_, id) => id),
      [depth],
    );
    const hit = graph.op("Equal", [reshaped(graph, ids!, [...ids!.shape, 1]), all], output!.shape, {}, "bool");
    return graph.op("Cast", [hit], output!.shape, { to: onnxTypes.float32 });
  },
  conv: (graph, { attributes, outputs: [output] }, inputs) =>
    graph.op("Conv", inputs, output!.shape, { ...windowed(attributes), group: attributes.groups }),
  convInputGradient(graph, { attributes, outputs: [output] }, [gradient, filters]) {
    const { groups, kernel, strides } = attributes;
    const [out, channels] = [filters!.shape[0]!, output!.shape[1]!];
    // Both copy each window of a map: the one of the gradient, the other of the result. Fewer maps are faster.
    const narrower = kernel.length === 2 && groups === 1 && sizeOf(kernel) > 1 && channels < out;
    const way = strides.every((stride) => stride === 1) && !narrower ? turned : spread;
    return way(graph, gradient!, filters!, attributes, groups, output!.shape);
  },
  convFilterGradient(graph, { attributes, outputs: [output] }, [x, gradient]) {
    const [out, per] = output!.shape as [number, number];
    const { groups } = attributes;
    const size = sizeOf(attributes.kernel);
    if (size > 32) return byConvolution(graph, x!, gradient!, attributes, output!.shape);
    const batch = x!.shape[0]!;
    const batches = batch * groups;
    const space = gradient!.shape.slice(2);
    const each = [batches, per, sizeOf(space)];
    const rows = reshaped(graph, gradient!, [batches, out / groups, sizeOf(space)]);
    const columns = patches(graph, x!, attributes, space, 0).map((patch) => reshaped(graph, patch, each));
    /** A product for each sample and group, and the sum over the samples. */
    const summed = (of: Tensor, width: number): Tensor => {
      const products = multiplied(graph, rows, of, [batches, out / groups, width]);
      const apart = reshaped(graph, products, [batch, out, width]);
      return graph.op("ReduceSum", [apart, int64s(graph, [0])], [out, width], { keepdims: 0 });
    };
    // Wide enough matrices for each offset of the window, faster than to put them together first; narrow ones as one.
    if (per >= 16) {
      const taps = columns.map((of) => reshaped(graph, summed(of, per), [out, per, 1]));
      return reshaped(graph, joined(graph, taps, 2), output!.shape);
    }
    const total = reshaped(graph, summed(joined(graph, columns, 1), size * per), [out, size, per]);
    return reshaped(graph, transposed(graph, total, [0, 2, 1]), output!.shape);
  },
  maxPool(graph, { attributes, outputs: [output] }, [x]) {
    const { kernel, pads } = attributes;
    const { shape } = output!;
    const axes = kernel.length;
    if (pads.every((count, i) => count < kernel[i % axes]!))
      return graph.op("MaxPool", [x], shape, windowed(attributes));
    // With dilations pads may be as wide as the kernel, which onnxruntime refuses.
    const [before, after] = [
      [0, 0, ...pads.slice(0, axes)],
      [0, 0, ...pads.slice(axes)],
    ] as const;
    const around = x!.shape.map((length, axis) => before[axis]! + length + after[axis]!);
    const whole = padded(graph, x!, before, after, around, -Infinity);
    return graph.op("MaxPool", [whole], shape, windowed({ ...attributes, pads: pads.map(() => 0) }));
  },
  maxPoolGradient(graph, { attributes, outputs: [output] }, [x, pooled, gradient]) {
    const { kernel } = attributes;
    const size = sizeOf(kernel);
    if (tiles(attributes)) {
      const covered = underTiles(pooled!.shape, kernel);
      const wide = rowsOf(covered, kernel);
      const inside = cutTo(graph, x!, covered);
      const equal = graph.op(
        "Equal",
        [reshaped(graph, inside, wide), repeated(graph, pooled!, kernel)],
        wide,
        {},
        "bool",
      );
      const mask = graph.op("Cast", [equal], wide, { to: onnxTypes.float32 });
      const parts = graph.op("AveragePool", [reshaped(graph, mask, covered)], pooled!.shape, {
        kernel_shape: kernel,
        strides: kernel,
      });
      const count = graph.op("Mul", [parts, number(graph, size)], pooled!.shape);
      const share = graph.op("Div", [gradient, count], pooled!.shape);
      const back = graph.op("Mul", [mask, repeated(graph, share, kernel)], wide);
      return paddedTo(graph, reshaped(graph, back, covered), x!.shape);
    }
    const space = pooled!.shape.slice(2);
    const maps = x!.shape[0]! * x!.shape[1]!;
    const stacked = [maps, size, ...space];
    const single = [maps, 1, ...space];
    const columns = joined(
      graph,
      patches(graph, x!, attributes, space, -Infinity).map((patch) => reshaped(graph, patch, single)),
      1,
    );
    const equal = graph.op("Equal", [columns, reshaped(graph, pooled!, single)], stacked, {}, "bool");
    const mask = graph.op("Cast", [equal], stacked, { to: onnxTypes.float32 });
    const count = graph.op("ReduceSum", [mask, int64s(graph, [1])], single, { keepdims: 1 });
    const share = graph.op("Div", [reshaped(graph, gradient!, single), count], single);
    const parts = graph.op("Mul", [mask, share], stacked);
    // Filter k has its only 1 at offset k.
    const back = Float32Array.from({ length: size * size }, (_, at) => (at % (size + 1) === 0 ? 1 : 0));
    const filters = graph.constant(back, [size, 1, ...kernel]);
    const whole = [maps, 1, ...x!.shape.slice(2)];
    return reshaped(graph, spread(graph, parts, filters, attributes, 1, whole), output!.shape);
  },
  averagePool(graph, { attributes, outputs: [output] }, [x]) {
    const { countPads, ...window } = attributes;
    const { kernel_shape, strides, pads, dilations } = windowed(window);
    if (dilations.every((dilation) => dilation === 1))
      return graph.op("AveragePool", [x], output!.shape, {
        kernel_shape,
        strides,
        pads,
        count_include_pad: +countPads,
      });
    // AveragePool has no dilations before opset 19: a convolution of each map with a filter of equal weights.
    const maps = x!.shape[0]! * x!.shape[1]!;
    const space = output!.shape.slice(2);
    const sums = graph.op(
      "Conv",
      [reshaped(graph, x!, [maps, 1, ...x!.shape.slice(2)]), uniform(graph, 1, [1, 1, ...window.kernel])],
      [maps, 1, ...space],
      windowed(window),
    );
    const means = graph.op("Mul", [sums, weightsOf(graph, attributes, x!.shape.slice(2), space)], sums.shape);
    return reshaped(graph, means, output!.shape);
  },
  averagePoolGradient(graph, { attributes, outputs: [output] }, [gradient]) {
    const { shape } = output!;
    const { kernel } = attributes;
    const space = gradient!.shape.slice(2);
    const weights = weightsOf(graph, attributes, shape.slice(2), space);
    const each = graph.op("Mul", [gradient, weights], gradient!.shape);
    if (tiles(attributes)) {
      const covered = underTiles(gradient!.shape, kernel);
      const back = expanded(graph, repeated(graph, each, kernel), rowsOf(covered, kernel));
      return paddedTo(graph, reshaped(graph, back, covered), shape);
    }
    const maps = shape[0]! * shape[1]!;
    const apart = reshaped(graph, each, [maps, 1, ...space]);
    const ones = uniform(graph, 1, [1, 1, ...kernel]);
    return reshaped(graph, spread(graph, apart, ones, attributes, 1, [maps, 1, ...shape.slice(2)]), shape);
  },
};

function reshaped(graph: Grower, x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  // One symbolic length is left to be found; the others have to be computed.
  const open = shape.filter((length) => graph.fixed(length) !== length).length === 1;
  const lengths = open
    ? int64s(
        graph,
        shape.map((length) => (graph.fixed(length) !== length ? -1 : length)),
      )
    : graph.lengths(shape);
  return graph.op("Reshape", [x, lengths], shape, {}, x.dtype);
}

function transposed(graph: Grower, x: Tensor, order: readonly number[]): Tensor {
  return graph.op(
    "Transpose",
    [x],
    order.map((axis) => x.shape[axis]!),
    { perm: order },
    x.dtype,
  );
}

/** The last two axes the other way round. */
function swapped(graph: Grower, x: Tensor): Tensor {
  const order = x.shape.map((_, axis) => axis);
  return transposed(graph, x, [...order.slice(0, -2), order.length - 1, order.length - 2]);
}

/** `a` times `b` transposed. */
function multiplied(graph: Grower, a: Tensor, b: Tensor, shape: Shape): Tensor {
  return graph.standard
    ? graph.op("MatMul", [a, swapped(graph, b)], shape)
    : graph.op("FusedMatMul", [a, b], shape, { transB: 1, domain: "com.microsoft" });
}

function expanded(graph: Grower, x: Tensor, shape: Shape): Tensor {
  return sameShape(x.shape, shape) ? x : graph.op("Expand", [x, graph.lengths(shape)], shape, {}, x.dtype);
}

function joined(graph: Grower, parts: readonly Tensor[], axis: number): Tensor {
  const [first] = parts as [Tensor];
  if (parts.length === 1) return first;
  const length = parts.reduce((sum, { shape }) => sum + shape[axis]!, 0);
  return graph.op("Concat", parts, first.shape.with(axis, length), { axis }, first.dtype);
}

function cut(
  graph: Grower,
  x: Tensor,
  axes: readonly number[],
  from: readonly number[],
  to: readonly number[],
  steps: readonly number[] = axes.map(() => 1),
): Tensor {
  const shape = [...x.shape];
  for (const [i, axis] of axes.entries()) shape[axis] = Math.ceil((to[i]! - from[i]!) / steps[i]!);
  if (sameShape(shape, x.shape)) return x;
  const inputs = [x, graph.lengths(from), graph.lengths(to), int64s(graph, axes)];
  return graph.op(
    "Slice",
    steps.every((step) => step === 1) ? inputs : [...inputs, int64s(graph, steps)],
    shape,
    {},
    x.dtype,
  );
}

function padded(
  graph: Grower,
  x: Tensor,
  before: readonly number[],
  after: readonly number[],
  shape: Shape,
  value = 0,
): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const inputs = [x, int64s(graph, [...before, ...after])];
  return graph.op("Pad", value === 0 ? inputs : [...inputs, number(graph, value)], shape);
}

function uniform(graph: Grower, value: number, shape: Shape): Tensor {
  return graph.constant(new Float32Array(sizeOf(shape)).fill(value), shape);
}

function windowed({ kernel, strides, dilations, pads }: Window) {
  return { kernel_shape: kernel, strides, dilations, pads };
}

/** For each offset in the window, what all windows have there: `[batch, channels, ...space]`. */
function patches(graph: Grower, x: Tensor, window: Window, space: Shape, padding: number): Tensor[] {
  const { kernel, strides, dilations, pads } = window;
  const before = [0, 0, ...pads.slice(0, kernel.length)];
  const after = [0, 0, ...pads.slice(kernel.length)];
  const shape = x.shape.map((length, axis) => before[axis]! + length + after[axis]!);
  const whole = padded(graph, x, before, after, shape, padding);
  const axes = kernel.map((_, i) => i + 2);
  return Array.from({ length: sizeOf(kernel) }, (_, at) => {
    const offset = kernel.length === 1 ? [at] : [Math.floor(at / kernel[1]!), at % kernel[1]!];
    const from = offset.map((k, i) => k * dilations[i]!);
    const to = from.map((first, i) => first + (space[i]! - 1) * strides[i]! + 1);
    return cut(graph, whole, axes, from, to, strides);
  });
}

/** Each number of `x` times the filter, added up where the windows lie: what a convolution does, backwards. */
function spread(graph: Grower, x: Tensor, filters: Tensor, window: Window, group: number, shape: Shape): Tensor {
  const { kernel, strides, dilations, pads } = window;
  // ConvTranspose is far slower on sequences than on images of one row.
  if (kernel.length === 1) {
    const tall = ([batch, channels, length]: Shape) => [batch!, channels!, 1, length!];
    const flat = {
      kernel: [1, ...kernel],
      strides: [1, ...strides],
      dilations: [1, ...dilations],
      pads: [0, pads[0]!, 0, pads[1]!],
    };
    const [rows, row] = [x, filters].map((tensor) => reshaped(graph, tensor, tall(tensor.shape)));
    return reshaped(graph, spread(graph, rows!, row!, flat, group, tall(shape)), shape);
  }
  // What no window reaches at the ends.
  const output_padding = kernel.map((length, i) => {
    const inside = shape[i + 2]! + pads[i]! + pads[i + kernel.length]!;
    return inside - (x.shape[i + 2]! - 1) * strides[i]! - (length - 1) * dilations[i]! - 1;
  });
  return graph.op("ConvTranspose", [x, filters], shape, { ...windowed(window), output_padding, group });
}

/** `spread` with strides of 1: a convolution with the filters turned round, faster than ConvTranspose. */
function turned(graph: Grower, x: Tensor, filters: Tensor, window: Window, group: number, shape: Shape): Tensor {
  const { kernel, dilations } = window;
  const [out, per] = filters.shape as [number, number];
  const size = sizeOf(kernel);
  const grouped = reshaped(graph, filters, [group, out / group, per, size]);
  const swappedRoles = transposed(graph, grouped, [0, 2, 1, 3]);
  const backwards = graph.constant(
    Int32Array.from({ length: size }, (_, k) => size - 1 - k),
    [size],
  );
  const flipped =
    size === 1 ? swappedRoles : graph.op("Gather", [swappedRoles, backwards], swappedRoles.shape, { axis: 3 });
  const round = window.pads.map((pad, i) => (kernel[i % kernel.length]! - 1) * dilations[i % kernel.length]! - pad);
  // Pads wider than the window: what lies in them alone is cut off.
  const axes = kernel.map((_, i) => i + 2);
  const from = kernel.map((_, i) => Math.max(0, -round[i]!));
  const to = kernel.map((_, i) => x.shape[i + 2]! - Math.max(0, -round[i + kernel.length]!));
  return graph.op(
    "Conv",
    [cut(graph, x, axes, from, to), reshaped(graph, flipped, [group * per, out / group, ...kernel])],
    shape,
    { ...windowed(window), pads: round.map((pad) => Math.max(0, pad)), group },
  );
}

/**
 * The gradient for the filters as a convolution of the input by the gradient, with batch and channels in each other's place, and
 * strides and dilations: faster than `patches` for large windows.
 */
function byConvolution(
  graph: Grower,
  x: Tensor,
  gradient: Tensor,
  window: Window & { readonly groups: number },
  shape: Shape,
): Tensor {
  const { groups, kernel, strides, dilations, pads } = window;
  const [batch, channels] = x.shape as [number, number];
  const [out, per] = shape as [number, number];
  const axes = kernel.map((_, i) => i + 2);
  const apart = reshaped(graph, x, [batch, groups, channels / groups, ...x.shape.slice(2)]);
  const maps = transposed(graph, apart, [2, 1, 0, ...axes.map((axis) => axis + 1)]);
  const space = gradient.shape.slice(2);
  // Where strides leave the end out, a convolution the other way round goes on behind the window.
  const reached = kernel.map((_, i) => {
    const inside = x.shape[i + 2]! + pads[i]! + pads[i + kernel.length]!;
    return Math.floor((inside - (space[i]! - 1) * strides[i]! - 1) / dilations[i]!) + 1;
  });
  const product = graph.op(
    "Conv",
    [reshaped(graph, maps, [per, groups * batch, ...x.shape.slice(2)]), transposed(graph, gradient, [1, 0, ...axes])],
    [per, out, ...reached],
    { kernel_shape: space, strides: dilations, dilations: strides, pads, group: groups },
  );
  const whole = cut(
    graph,
    product,
    axes,
    axes.map(() => 0),
    kernel,
  );
  return transposed(graph, whole, [1, 0, ...axes]);
}

/** Whether windows lie side by side from the first place on. */
function tiles({ kernel, strides, dilations, pads }: Window): boolean {
  return (
    pads.every((pad) => pad === 0) &&
    kernel.every((length, i) => length === strides[i] && (length === 1 || dilations[i] === 1))
  );
}

/** What windows side by side cover, of which `pooled` is the result: all but a rest at the ends. */
function underTiles(pooled: Shape, kernel: readonly number[]): Shape {
  return pooled.map((length, axis) => (axis < 2 ? length : length * kernel[axis - 2]!));
}

/** The first of each axis of space, as many as `shape` has. */
function cutTo(graph: Grower, x: Tensor, shape: Shape): Tensor {
  // At another length there may be something to cut off.
  if (sameShape(x.shape, shape) && !graph.open) return x;
  const axes = shape.map((_, axis) => axis).slice(2);
  const from = axes.map(() => 0);
  const inputs = [x, int64s(graph, from), graph.lengths(shape.slice(2)), int64s(graph, axes)];
  return graph.op("Slice", inputs, shape);
}

/** With zeros behind, for what `cutTo` has cut off. */
function paddedTo(graph: Grower, x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape) && !graph.open) return x;
  const behind = shape.map((length, axis) => length - x.shape[axis]!);
  return graph.op("Pad", [x, int64s(graph, [...shape.map(() => 0), ...behind])], shape);
}

/** Maps as rows of windows: `[rows of windows, rows in a window, width]`. */
function rowsOf(shape: Shape, kernel: readonly number[]): Shape {
  const height = kernel.length === 2 ? kernel[0]! : 1;
  const width = shape.at(-1)!;
  return [sizeOf(shape) / (height * width), height, width];
}

/** Each number of `x` once for each column of its window: `[rows of windows, 1, width]`. Faster by a product than by Expand. */
function repeated(graph: Grower, x: Tensor, kernel: readonly number[]): Tensor {
  const times = kernel.at(-1)!;
  const width = x.shape.at(-1)!;
  const rows = sizeOf(x.shape) / width;
  const shape = [rows, 1, width * times];
  if (times === 1) return reshaped(graph, x, shape);
  // The rows of a small matrix: how many go into one is free, since what is repeated lies side by side.
  const all = graph.fixed(sizeOf(x.shape));
  const side = Array.from({ length: 32 }, (_, i) => 32 - i).find((n) => all % n === 0)!;
  const pattern = Float32Array.from({ length: side * side * times }, (_, at) =>
    Math.floor((at % (side * times)) / times) === Math.floor(at / (side * times)) ? 1 : 0,
  );
  const matrix = graph.constant(pattern, [side, side * times]);
  const product = graph.op(
    "Gemm",
    [reshaped(graph, x, [(rows * width) / side, side]), matrix],
    [(rows * width) / side, side * times],
  );
  return reshaped(graph, product, shape);
}

/** One through how many numbers each window averages: `space`, or a scalar where all are alike. */
function weightsOf(
  graph: Grower,
  { kernel, strides, dilations, pads, countPads }: Window & { readonly countPads: boolean },
  inside: Shape,
  space: Shape,
): Tensor {
  const size = sizeOf(kernel);
  if (countPads || pads.every((pad) => pad === 0)) return number(graph, 1 / size);
  const counts = kernel.map((length, i) =>
    Array.from({ length: space[i]! }, (_, window) => {
      const first = window * strides[i]! - pads[i]!;
      const at = Array.from({ length }, (_, k) => first + k * dilations[i]!);
      return at.filter((position) => position >= 0 && position < inside[i]!).length;
    }),
  );
  const [rows, columns] = counts.length === 1 ? [[1], counts[0]!] : [counts[0]!, counts[1]!];
  const weights = rows!.flatMap((row) => columns!.map((column) => 1 / Math.max(1, row * column)));
  return graph.constant(Float32Array.from(weights), space);
}
