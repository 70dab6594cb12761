import { checkParam, library, listed, MmubError, show, type TypedArray } from "@mmub/core";
import { reject } from "../graph.js";
import { encodeOnnx, outputNames } from "../onnx.js";
import type { OnnxTensor } from "../onnx-model.js";
import { type OpenModel, openModel } from "../onnx-open.js";
import type { Program, TensorSpec } from "../program.js";
import { checkTensor } from "./check.js";
import type { Family, Runtime, Session } from "./runtime.js";

export interface OnnxRuntimeOptions {
  /** @default onnxruntime-node where it is installed and loads, else onnxruntime-web */
  readonly package?: "onnxruntime-node" | "onnxruntime-web";
  /** As `["cuda", "cpu"]`: the first that takes an op runs it. What there is depends on the package's build. @default ["cpu"], of onnxruntime-web ["wasm"] */
  readonly executionProviders?: readonly string[];
  /** Threads inside one op, where `compile` is not told. onnxruntime-web takes that of its first program for all. @default 1 */
  readonly threads?: number;
}

const part = "@mmub/nn/onnx";

/**
 * Runs programs by onnxruntime: onnxruntime-node, which is native code and the fastest there is on a CPU, or the WebAssembly of
 * onnxruntime-web, which is 2 to 4 times slower and runs everywhere. Each is loaded on first use; without either it throws
 * `missing-library`.
 *
 * A run of onnxruntime-node reads feeds and writes fetches where they are, and blocks the thread until it is done: train in a worker.
 * (Up to 1.30 it also makes arrays of its own of what it has written, a copy that nobody reads.) Pass the same arrays at each run
 * where possible: what onnxruntime has to know of them is kept. No array may be both fed and fetched in one run, since fetches are
 * written while feeds are still read; arrays on a SharedArrayBuffer are refused, since onnxruntime cannot read them. With two
 * threads or more, idle ones wait actively: fast on a free machine, slow on a busy one.
 *
 * Results agree with the reference runtime to 1e-4 of a tensor's largest entry, gradients to 1e-3, and repeat bit for bit. Equal maxima
 * of a pooling window share its gradient.
 *
 * @example
 * const x = input("x", [2, 2]);
 * const runtime = await onnx({ package: "onnxruntime-web" });
 * const session = await runtime.compile(program({ y: relu(x) }));
 * const y = new Float32Array(4);
 * await session.run({ x: Float32Array.of(1, -1, 2, -2) }, { y });
 * console.log(y); // Float32Array(4) [ 1, 0, 2, 0 ]
 * await session.dispose();
 */
export async function onnx(options: OnnxRuntimeOptions = {}): Promise<Runtime> {
  const { threads = 1 } = options;
  checkParam(part, "threads", threads, Number.isInteger(threads) && threads > 0, "a positive integer");
  const { name, ort } = await loaded(options.package);
  const web = name === "onnxruntime-web";
  const { executionProviders = [web ? "wasm" : "cpu"] } = options;
  const version = ort.env.versions[web ? "web" : "node"] ?? ort.env.versions.common;
  const make = (model: Uint8Array, wanted: number, weights: object) =>
    created(ort, model, {
      // Filters that are fed cannot be laid out in blocks beforehand: what else is takes longer to be laid out than it gains.
      ...(!web && Object.keys(weights).length === 0 && { extra: { optimization: withoutBlocks } }),
      ...(web ? settings(ort, wanted) : { intraOpNumThreads: wanted, interOpNumThreads: 1 }),
      executionProviders,
      executionMode: "sequential",
      graphOptimizationLevel: "all",
      // Errors only.
      logSeverityLevel: 3,
    });
  const families = new WeakMap<Family, Promise<Shared | undefined>>();
  const sharedOf = (family: Family, weights: Readonly<Record<string, Float32Array>>, wanted: number) => {
    const known = families.get(family) ?? shared(family, weights, (model) => make(model, wanted, weights));
    families.set(family, known);
    return known;
  };
  return {
    name: `${name} ${version} (${executionProviders.join(", ")})`,
    recipe: { kind: "onnx", options: { package: name, executionProviders, threads } },
    async compile(program, { threads: wanted = threads, constants = {}, family } = {}) {
      const weights = builtIn(program, constants);
      const one = family && (await sharedOf(family, weights, wanted));
      const fed = one?.model.fit(program);
      if (one && fed) {
        const session = one.take(() => families.delete(family!));
        return { shared: true, ...runner(ort, session, program, weights, web, fed) };
      }
      return runner(ort, await make(encodeOnnx(program, { weights }), wanted, weights), program, weights, web);
    },
  };
}

const withoutBlocks = { disable_specified_optimizers: "NchwcTransformer" };

/** A session that several programs are run by. */
interface Shared {
  readonly model: OpenModel;
  /** One that is released with the last that was taken. */
  take(released: () => void): OrtSession;
}

async function shared(
  family: Family,
  weights: Readonly<Record<string, Float32Array>>,
  make: (model: Uint8Array) => Promise<OrtSession>,
): Promise<Shared | undefined> {
  const model = openModel(await family.ends(), weights);
  if (!model) return undefined;
  const session = await make(model.bytes);
  let taken = 0;
  return {
    model,
    take(released) {
      taken++;
      return {
        run: (feeds, fetches) => session.run(feeds, fetches),
        async release() {
          if (--taken > 0) return;
          released();
          await session.release();
        },
      };
    },
  };
}

/** What is worth to be built in: onnxruntime lays factors and filters out anew for its kernels, and reads a table as it is. */
function builtIn({ nodes, parameters }: Program, constants: Readonly<Record<string, Float32Array>>) {
  const laidOut = new Set(nodes.flatMap(({ op, inputs }) => (op === "gather" ? inputs.slice(1) : inputs)));
  const chosen = parameters.filter(({ name, value }) => Object.hasOwn(constants, name) && laidOut.has(value));
  return Object.fromEntries(chosen.map(({ name }) => [name, constants[name]!]));
}

async function created(
  ort: Ort,
  model: Uint8Array,
  options: { readonly executionProviders: readonly string[]; readonly [more: string]: unknown },
) {
  try {
    return await ort.InferenceSession.create(model, options);
  } catch (cause) {
    const providers = options.executionProviders.join(", ");
    throw new MmubError("invalid-params", {
      part,
      message: `no session on ${providers}: ${(cause as Error).message}; want execution providers that are there and run every op`,
      cause,
    });
  }
}

/** What we use of onnxruntime-common, which both packages share. */
export interface Ort {
  readonly env: {
    readonly versions: Readonly<Record<string, string | undefined>>;
    readonly wasm: { numThreads?: number };
  };
  readonly InferenceSession: { create(model: Uint8Array, options: object): Promise<OrtSession> };
  readonly Tensor: new (type: string, data: OnnxTensor["data"] | TypedArray, shape: readonly number[]) => OrtTensor;
}

export interface OrtSession {
  run(
    feeds: Readonly<Record<string, OrtTensor>>,
    fetches: Readonly<Record<string, OrtTensor>> | readonly string[],
  ): Promise<Readonly<Record<string, OrtTensor>>>;
  release(): Promise<void>;
}

interface OrtTensor {
  readonly data: TypedArray;
}

export async function loaded(name: OnnxRuntimeOptions["package"]): Promise<{ name: string; ort: Ort }> {
  const node = () => library(part, "onnxruntime-node", () => import("onnxruntime-node"));
  const web = () => library(part, "onnxruntime-web", () => import("onnxruntime-web"));
  const take = async (from: "onnxruntime-node" | "onnxruntime-web") => ({
    name: from,
    ort: (await (from === "onnxruntime-node" ? node() : web())) as unknown as Ort,
  });
  checkParam(
    part,
    "package",
    name,
    name === undefined || name === "onnxruntime-node" || name === "onnxruntime-web",
    '"onnxruntime-node" or "onnxruntime-web"',
  );
  if (name) return take(name);
  try {
    return await take("onnxruntime-node");
  } catch (error) {
    if (!MmubError.is(error) || error.code !== "missing-library") throw error;
    return take("onnxruntime-web");
  }
}

/** onnxruntime-web has one pool of threads for all sessions, which its first session makes. */
export function settings(ort: Ort, threads: number): object {
  ort.env.wasm.numThreads ??= threads;
  return {};
}

/** An input or output as the model names it. */
interface Binding {
  readonly spec: TensorSpec;
  readonly to: string;
  /** By array: a trainer passes the same ones at each step, and making a tensor costs as much as a small op. */
  readonly tensors: WeakMap<TypedArray, OrtTensor>;
}

function runner(
  ort: Ort,
  session: OrtSession,
  program: Program,
  weights: object,
  web: boolean,
  /** What the model takes besides the program's inputs and parameters. */
  fed: readonly OnnxTensor[] = [],
): Session {
  const more = fed.map(({ name, dtype, data, shape }) => [name, new ort.Tensor(dtype, data, shape)] as const);
  const bind = (spec: TensorSpec, to: string): Binding => ({ spec, to, tensors: new WeakMap() });
  const parameters = program.parameters.filter(({ name }) => !Object.hasOwn(weights, name));
  const inputs = [...program.inputs, ...parameters].map((spec) => bind(spec, spec.name));
  const names = outputNames(program);
  const outputs = new Map(program.outputs.map((spec, i) => [spec.name, bind(spec, names[i]!)]));
  const tensorOf = ({ spec, tensors }: Binding, array: TypedArray | undefined, role: string): OrtTensor => {
    const known = array && tensors.get(array);
    // A buffer that was detached since, as a grown memory's, has no length any more.
    if (known && array.length > 0) return known;
    checkArray(spec, array, role);
    const made = new ort.Tensor(spec.dtype, array, spec.shape);
    tensors.set(array, made);
    return made;
  };
  return {
    async run(feeds, fetches) {
      const read: Record<string, OrtTensor> = Object.fromEntries(more);
      for (const binding of inputs) read[binding.to] = tensorOf(binding, feeds[binding.spec.name], "feed");
      const written: Record<string, OrtTensor> = {};
      for (const name in fetches) {
        const binding = outputs.get(name);
        if (!binding)
          reject("invalid-input", "onnx", `no output is named "${name}", there are ${listed([...outputs.keys()])}`);
        written[binding.to] = tensorOf(binding, fetches[name], "fetch");
      }
      // Nothing that it gives is wanted.
      if (Object.keys(written).length === 0) return;
      try {
        // The outputs of onnxruntime-web lie in its own memory.
        const results = await session.run(read, web ? Object.keys(written) : written);
        if (web) for (const to in written) written[to]!.data.set(results[to]!.data as never);
      } catch (cause) {
        throw failed(cause);
      }
    },
    dispose: () => session.release(),
  };
}

/** What onnxruntime says of a node, with the layer that the node is named after. */
function failed(cause: unknown): MmubError {
  const message = cause instanceof Error ? cause.message : String(cause);
  const [, op, node = "", reason] =
    /while running (\S+) node\. Name:'([^']*)' Status Message: (.*)/s.exec(message) ?? [];
  const layer = node.slice(0, Math.max(0, node.lastIndexOf("/")));
  const where = layer && `layer "${layer}": `;
  return new MmubError("invalid-input", {
    part,
    message: op ? `${where}${op}: ${reason!.trim()}` : message.trim(),
    cause,
    ...(layer && { layer }),
  });
}

const arrays = { float32: Float32Array, int32: Int32Array, bool: Uint8Array } as const;

function checkArray(spec: TensorSpec, array: TypedArray | undefined, role: string): asserts array is TypedArray {
  const { name, dtype } = spec;
  checkTensor("onnx", role, spec, array);
  if (!(array instanceof arrays[dtype]))
    reject("invalid-input", "onnx", `${role} "${name}" is ${show(array)}, want ${arrays[dtype].name}`, { name });
  if (typeof SharedArrayBuffer !== "undefined" && array.buffer instanceof SharedArrayBuffer)
    reject("invalid-input", "onnx", `${role} "${name}" lies on a SharedArrayBuffer, want an array on an ArrayBuffer`, {
      name,
    });
}
