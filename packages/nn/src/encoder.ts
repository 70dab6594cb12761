import { checkParam, listed, MmubError, type RunOptions, rowBatches, show, type TypedArray } from "@mmub/core";
import { type Shape, showShape, sizeOf } from "./graph.js";
import { halfToNumber, numberToHalf } from "./half.js";
import { loaded, type OnnxRuntimeOptions, type Ort, type OrtSession, settings } from "./runtimes/onnx.js";

/** An input or output of an ONNX model. */
export interface OnnxTensorInfo {
  readonly name: string;
  /** ONNX's name of the type: `float32`, `float16`, `int64`, `bool`. */
  readonly dtype: string;
  /** Lengths; one that the model leaves open is a name such as `batch`, or empty. Absent where the model does not say. */
  readonly shape?: readonly (number | string)[];
}

export type OnnxData = TypedArray | BigInt64Array | BigUint64Array;

/** What an ONNX model gives: float16 is widened to Float32Array, int64 is BigInt64Array, bool is Uint8Array of 0 and 1. */
export interface OnnxOutput {
  readonly dtype: string;
  readonly shape: Shape;
  readonly data: OnnxData;
}

/** What an ONNX model is fed: numbers of any kind of array are converted to the type of the input, whole ones where it wants such. */
export interface OnnxFeed {
  readonly shape: Shape;
  readonly data: OnnxData | readonly number[];
}

export interface OnnxRunOptions {
  /** The outputs wanted; others are not copied, and may not be computed. @default all */
  readonly outputs?: readonly string[];
}

/** An ONNX model made ready to run, with its own weights, which are not trained: a frozen encoder. */
export interface FrozenModel {
  /** As `onnxruntime-node 1.30.0 (cpu)`. */
  readonly runtime: string;
  readonly inputs: readonly OnnxTensorInfo[];
  readonly outputs: readonly OnnxTensorInfo[];
  /** Runs once, on all inputs by name. */
  run(feeds: Readonly<Record<string, OnnxFeed>>, options?: OnnxRunOptions): Promise<Record<string, OnnxOutput>>;
  /**
   * Runs `batchSize` rows at a time: the first axis of every input is the rows, and so is that of every output. Gives what one run
   * would give if rows do not depend on one another. Gives way to the event loop between batches; abort rejects with the signal's reason.
   */
  runRows(
    feeds: Readonly<Record<string, OnnxFeed>>,
    options?: OnnxRunOptions & RunOptions,
  ): Promise<Record<string, OnnxOutput>>;
  dispose(): Promise<void>;
}

const part = "@mmub/nn/onnxModel";

/**
 * Loads an ONNX model to run it as it is: an encoder of sentences or pictures that others trained, or what `toOnnx` has written.
 *
 * `source` is the path of a file or its bytes; a model with weights in a file beside it needs a path and onnxruntime-node.
 * Rejects with `missing-model` if there is no such file, `invalid-input` if it is no model that the runtime can load, and
 * `missing-library` without a runtime. Runs that do not fit are refused with the input's name, what was got and what is wanted.
 *
 * @example
 * const net = network({ x: { kind: "vector", cols: 2 } }, (_, { x }) => relu(x));
 * const model = await onnxModel(toOnnx(net, {}));
 * const { output } = await model.run({ x: { shape: [2, 2], data: [1, -2, 3, -4] } });
 * console.log(output?.data); // Float32Array(4) [ 1, 0, 3, 0 ]
 * await model.dispose();
 */
export async function onnxModel(source: string | Uint8Array, options: OnnxRuntimeOptions = {}): Promise<FrozenModel> {
  const { threads = 1 } = options;
  checkParam(part, "threads", threads, Number.isInteger(threads) && threads > 0, "a positive integer");
  if (typeof source !== "string" && !(source instanceof Uint8Array))
    throw new MmubError("invalid-input", { part, message: `source is ${show(source)}, want a path or bytes` });
  const { name, ort } = await loaded(options.package);
  const web = name === "onnxruntime-web";
  const { executionProviders = [web ? "wasm" : "cpu"] } = options;
  const model = typeof source === "string" ? await found(source, web) : source;
  const session = await created(ort, model, source, {
    ...(web ? settings(ort, threads) : { intraOpNumThreads: threads, interOpNumThreads: 1 }),
    executionProviders,
    graphOptimizationLevel: "all",
    // Errors come as exceptions.
    logSeverityLevel: 4,
    ...(executionProviders.join() === "cpu" && { extra: withoutSlowFusion }),
  });
  const version = ort.env.versions[web ? "web" : "node"] ?? ort.env.versions.common;
  return frozen(ort, session, `${name} ${version} (${executionProviders.join(", ")})`, web);
}

// On a CPU the addition and the normalisation that it makes one op of are far faster as two: a tenth of the time of MiniLM.
const withoutSlowFusion = { optimization: { disable_specified_optimizers: "SkipLayerNormFusion" } };

/** A path that onnxruntime-node can read, or for onnxruntime-web the bytes there. */
async function found(path: string, web: boolean): Promise<string | Uint8Array> {
  const { access, readFile } = await import("node:fs/promises");
  try {
    if (web) return await readFile(path);
    await access(path);
    return path;
  } catch (cause) {
    throw new MmubError("missing-model", {
      part,
      message: `cannot read ${path}: ${(cause as Error).message}; download the model and give its path`,
      cause,
      path,
    });
  }
}

async function created(ort: Ort, model: string | Uint8Array, source: string | Uint8Array, options: object) {
  try {
    return (await ort.InferenceSession.create(model as Uint8Array, options)) as ModelSession;
  } catch (cause) {
    const what = typeof source === "string" ? source : `${source.length} bytes`;
    throw new MmubError("invalid-input", {
      part,
      message: `${what} could not be loaded as an ONNX model: ${(cause as Error).message}`,
      cause,
    });
  }
}

interface ModelSession extends OrtSession {
  readonly inputMetadata: readonly Metadata[];
  readonly outputMetadata: readonly Metadata[];
}

interface Metadata {
  readonly name: string;
  readonly isTensor: boolean;
  readonly type?: string;
  readonly shape?: readonly (number | string)[];
}

function frozen(ort: Ort, session: ModelSession, runtime: string, web: boolean): FrozenModel {
  const inputs = session.inputMetadata.map(infoOf);
  const outputs = session.outputMetadata.map(infoOf);
  const run: FrozenModel["run"] = async (feeds, { outputs: wanted = outputs.map(({ name }) => name) } = {}) => {
    const known = outputs.map(({ name }) => name);
    for (const name of wanted)
      if (!known.includes(name))
        refuse("invalid-input", `there is no output "${name}", want one of ${listed(known)}`, name);
    for (const name of Object.keys(feeds))
      if (!inputs.some((input) => input.name === name))
        refuse("invalid-input", `there is no input "${name}", want ${listed(inputs.map((input) => input.name))}`, name);
    const tensors = inputs.map((info) => {
      const { shape, data } = checkFeed(info, feeds[info.name]);
      const numbers = toType(info, data) as TypedArray;
      const tensor = new ort.Tensor(info.dtype, numbers, shape);
      // From Node 24 on the tensor makes a Float16Array of the bits, in which onnxruntime-node 1.30 sees no bytes (its pull request 32323).
      if (info.dtype === "float16" && !web) Object.defineProperty(tensor, "data", { value: numbers });
      return [info.name, tensor] as const;
    });
    try {
      const results = await session.run(Object.fromEntries(tensors), wanted);
      return Object.fromEntries(wanted.map((name) => [name, outputOf(results[name] as unknown as ResultTensor)]));
    } catch (cause) {
      throw new MmubError("invalid-input", { part, message: `the run failed: ${(cause as Error).message}`, cause });
    }
  };
  return {
    runtime,
    inputs,
    outputs,
    run,
    async runRows(feeds, options) {
      const [first] = inputs;
      const rows = first ? (feeds[first.name]?.shape[0] ?? 0) : 0;
      for (const info of inputs) {
        const { shape } = checkFeed(info, feeds[info.name]);
        if (shape[0] !== rows)
          refuse(
            "shape-mismatch",
            `input "${info.name}" is ${showShape(shape)}, want ${rows} rows as "${first!.name}" has`,
            info.name,
          );
      }
      const parts: Record<string, OnnxOutput>[] = [];
      // No rows: one run of none, which tells the shapes of the outputs.
      if (rows === 0) return run(feeds, options);
      for await (const { from, to } of rowBatches(rows, options, part)) {
        const batch = Object.entries(feeds).map(([name, feed]) => [name, rowsOf(feed, from, to)]);
        const outputs = await run(Object.fromEntries(batch), options);
        for (const [name, { shape }] of Object.entries(outputs))
          if (shape[0] !== to - from)
            refuse(
              "shape-mismatch",
              `output "${name}" is ${showShape(shape)} for ${to - from} rows, want one for each; use run`,
              name,
            );
        parts.push(outputs);
      }
      return joined(parts, rows);
    },
    dispose: () => session.release(),
  };
}

interface ResultTensor {
  readonly type: string;
  readonly dims: Shape;
  readonly data: OnnxData;
}

const arrays = {
  float32: Float32Array,
  float64: Float64Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
} as const;

function infoOf({ name, isTensor, type = "", shape = [] }: Metadata): OnnxTensorInfo {
  if (!isTensor)
    refuse("invalid-input", `"${name}" is no tensor; models with sequences or maps are not supported`, name);
  // An empty shape is a scalar or one that the model does not tell: nobody can know which.
  return { name, dtype: type, ...(shape.length > 0 && { shape }) };
}

function checkFeed({ name, dtype, shape: want }: OnnxTensorInfo, feed: OnnxFeed | undefined): OnnxFeed {
  const wanted = `want ${dtype}${want ? ` [${want.map((length) => length || "any").join(", ")}]` : ""}`;
  if (!feed) refuse("invalid-input", `input "${name}" is missing, ${wanted}`, name);
  const { shape, data } = feed;
  if (
    want &&
    (shape.length !== want.length ||
      want.some((length, i) => typeof length === "number" && length >= 0 && length !== shape[i]))
  )
    refuse("shape-mismatch", `input "${name}" is ${showShape(shape)}, ${wanted}`, name);
  if (data.length !== sizeOf(shape))
    refuse("shape-mismatch", `input "${name}" has ${data.length} numbers for ${showShape(shape)}`, name);
  return feed;
}

/** The array that the runtime takes for a type. */
function toType({ name, dtype }: OnnxTensorInfo, data: OnnxFeed["data"]): OnnxData {
  if (dtype === "float16") return Uint16Array.from(data as Float32Array, (value) => numberToHalf(Number(value)));
  const type = arrays[dtype as keyof typeof arrays];
  if (!type) refuse("invalid-input", `input "${name}" is of ${dtype}, which is not supported`, name);
  if (data instanceof type) return data;
  const whole = !dtype.startsWith("float");
  const bad = whole ? (data as number[]).findIndex((value) => !Number.isInteger(Number(value))) : -1;
  if (bad >= 0)
    throw new MmubError("invalid-input", {
      part,
      message: `input "${name}" is ${data[bad]} at ${bad}, want whole numbers for ${dtype}`,
      index: bad,
      name,
    });
  const big = dtype === "int64" || dtype === "uint64";
  return (type as Float32ArrayConstructor).from(data as number[], (big ? BigInt : Number) as (value: number) => number);
}

function outputOf({ type, dims, data }: ResultTensor): OnnxOutput {
  if (type === "string") refuse("invalid-input", "an output is of text, which is not supported: ask for others");
  if (type !== "float16") return { dtype: type, shape: dims, data };
  // Bits, or numbers where the machine has a Float16Array.
  const bits = data instanceof Uint16Array;
  return {
    dtype: type,
    shape: dims,
    data: Float32Array.from(data as Float32Array, (value) => (bits ? halfToNumber(value) : value)),
  };
}

function rowsOf({ shape, data }: OnnxFeed, from: number, to: number): OnnxFeed {
  const width = sizeOf(shape.slice(1));
  const cut = Array.isArray(data)
    ? data.slice(from * width, to * width)
    : (data as Float32Array).subarray(from * width, to * width);
  return { shape: [to - from, ...shape.slice(1)], data: cut };
}

/** Outputs of batches behind one another. */
function joined(parts: readonly Readonly<Record<string, OnnxOutput>>[], rows: number): Record<string, OnnxOutput> {
  const [first] = parts;
  return Object.fromEntries(
    Object.entries(first!).map(([name, { dtype, shape, data }]) => {
      const width = sizeOf(shape.slice(1));
      const all = new (data.constructor as Float32ArrayConstructor)(rows * width);
      let at = 0;
      for (const part of parts) {
        const { shape: own, data: numbers } = part[name]!;
        if (own.slice(1).join() !== shape.slice(1).join())
          refuse(
            "shape-mismatch",
            `output "${name}" is ${showShape(own)} in one batch and ${showShape(shape)} in another; use run`,
            name,
          );
        all.set(numbers as Float32Array, at);
        at += numbers.length;
      }
      return [name, { dtype, shape: [rows, ...shape.slice(1)], data: all }];
    }),
  );
}

function refuse(code: "invalid-input" | "shape-mismatch", message: string, name?: string): never {
  throw new MmubError(code, { part, message, ...(name !== undefined && { name }) });
}
