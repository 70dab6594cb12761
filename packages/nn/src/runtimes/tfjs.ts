import { checkParam, library, MmubError } from "@mmub/core";
import type { Tensor } from "@tensorflow/tfjs-core";
import { showShape } from "../graph.js";
import type { Program, ProgramNode } from "../program.js";
import { checkFeeds, checkFetches } from "./check.js";
import type { Runtime, Session } from "./runtime.js";
import { type OpRun, opRun, type Tf } from "./tfjs-ops.js";

export type TfjsBackend = "tensorflow" | "wasm" | "webgpu" | "webgl" | "cpu";

export interface TfjsParams {
  /** Where ops run. @default the first of tensorflow, wasm, webgpu, webgl, cpu that is installed and starts */
  readonly backend?: TfjsBackend;
  /**
   * The build of tfjs: the name of a package, or the module itself where a bundler has to see the import, with the backends that it has
   * registered. @default for tensorflow the first installed of @tensorflow/tfjs-node-gpu and @tensorflow/tfjs-node, else
   * @tensorflow/tfjs-core with the package of the backend, @tensorflow/tfjs-backend-wasm and so on
   */
  readonly package?: string | object;
}

const part = "@mmub/nn/tfjs";

/**
 * Runs programs with tfjs: on native TensorFlow (also on a GPU) where @tensorflow/tfjs-node-gpu or @tensorflow/tfjs-node is installed, else
 * on WebAssembly, WebGPU, WebGL or plain JavaScript. All of these packages are optional: without parameters the fastest one that is
 * installed and starts is taken, in the order of `TfjsBackend`, and `name` says which. Of one backend or package that was asked for and
 * is not there: `missing-library` with the command that installs it.
 *
 * tfjs-node needs a download of TensorFlow when it is installed; it runs on all versions of Node, as what 23 and later removed is put back.
 * WebAssembly (one thread) is read from the package, never from a network. onnxruntime is faster on a CPU, see `auto`.
 *
 * tfjs keeps one backend for the whole process: what another part of the program has set is set again after each run, and tensors of its
 * own are left alone. Threads are tfjs's business too, `threads` is not heeded.
 *
 * Results agree with the reference runtime to 1e-4 of a tensor's largest entry, gradients to 1e-3. A maximum shared by several elements of a
 * pooling window sends its gradient to the first.
 *
 * @example
 * const runtime = await tfjs({ backend: "cpu" });
 * const x = input("x", [2]);
 * const session = await runtime.compile(program({ y: mul(x, x) }));
 * const y = new Float32Array(2);
 * await session.run({ x: Float32Array.of(3, 4) }, { y });
 * console.log(runtime.name, y); // tfjs-core 4.22.0 (cpu) Float32Array(2) [ 9, 16 ]
 * await session.dispose();
 */
export async function tfjs(params: TfjsParams = {}): Promise<Runtime> {
  const failures: unknown[] = [];
  for (const { backend, from } of candidatesOf(params)) {
    try {
      const before = engine()?.backendName;
      const tf = typeof from === "string" ? await load(from, backend) : unwrap(from);
      // tfjs-node sets its own as soon as it is loaded.
      if (before && before !== tf.getBackend()) void tf.setBackend(before);
      await start(tf, backend);
      const build = typeof from === "string" ? from.replace(/^@tensorflow\//, "") : "tfjs";
      return {
        name: `${build} ${tf.version_core} (${backend})`,
        ...(typeof from === "string" && { recipe: { kind: "tfjs" as const, options: { backend, package: from } } }),
        compile: async (program) => compile(tf, backend, program),
      };
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length === 1) throw failures[0];
  const native = params.backend === "tensorflow";
  throw new MmubError("missing-library", {
    part,
    message: `no build of tfjs starts (${reasonsOf(failures)}); install one with: npm install @tensorflow/tfjs-node${native ? "" : ", or npm install @tensorflow/tfjs-core @tensorflow/tfjs-backend-wasm"}`,
    cause: new AggregateError(failures),
    library: "@tensorflow/tfjs-node",
  });
}

/** What is not installed, and why what is installed does not start. */
function reasonsOf(failures: readonly unknown[]): string {
  const absent = (error: unknown) =>
    MmubError.is(error) && (error.cause as { code?: string } | undefined)?.code === "ERR_MODULE_NOT_FOUND";
  const missing = new Set(failures.filter(absent).map((error) => (error as MmubError).details.library));
  const others = failures.filter((error) => !absent(error)).map((error) => (error as Error).message);
  return [...(missing.size > 0 ? [`not installed: ${[...missing].join(", ")}`] : []), ...new Set(others)].join("; ");
}

interface Candidate {
  readonly backend: TfjsBackend;
  readonly from: string | object;
}

const core = "@tensorflow/tfjs-core";
const natives = ["@tensorflow/tfjs-node-gpu", "@tensorflow/tfjs-node"];
const backends = ["tensorflow", "wasm", "webgpu", "webgl", "cpu"] as const satisfies readonly TfjsBackend[];

function candidatesOf({ backend, package: from }: TfjsParams): readonly Candidate[] {
  checkParam(
    part,
    "backend",
    backend,
    backend === undefined || backends.includes(backend),
    `one of ${backends.join(", ")}`,
  );
  const wanted = backend ? [backend] : backends;
  if (typeof from === "object") {
    const tf = unwrap(from);
    const registered = wanted.filter((name) => tf.findBackendFactory(name));
    if (registered.length === 0)
      throw new MmubError("invalid-params", {
        part,
        message: `package has none of the backends ${wanted.join(", ")}: import one, as @tensorflow/tfjs-backend-wasm, beside it`,
      });
    return registered.map((name) => ({ backend: name, from }));
  }
  // Any name but that of the core is a build with native TensorFlow, and has that alone.
  const fits = wanted.filter((name) => from === undefined || (name === "tensorflow") === (from !== core));
  checkParam(part, "package", from, fits.length > 0, `one that has the backend ${backend}`);
  return fits.flatMap((name) => {
    const builds = from === undefined ? (name === "tensorflow" ? natives : [core]) : [from];
    return builds.map((build) => ({ backend: name, from: build }));
  });
}

/** A CommonJS module has its exports whole in `default`; names of re-exports can be missing beside it. */
function unwrap(module: object): Tf {
  return ((module as { default?: object }).default ?? module) as Tf;
}

// By name only, so that bundlers leave out what is not installed.
const bring = (name: string, install = name): Promise<object> =>
  library(part, name, () => import(/* @vite-ignore */ name), install);

async function load(build: string, backend: TfjsBackend): Promise<Tf> {
  if (backend === "tensorflow") {
    restoreUtil();
    return unwrap(await quietly(() => bring(build)));
  }
  const [added, both] = [`@tensorflow/tfjs-backend-${backend}`, `${build} @tensorflow/tfjs-backend-${backend}`];
  const tf = unwrap(await bring(build, both));
  const kernels = await quietly(() => bring(added, both));
  // In Node the binary lies in the package; elsewhere it is where the page has said.
  const require = builtin("node:module")?.createRequire(import.meta.url);
  if (backend === "wasm" && require && !registry(tf).wasm) {
    const entry = require.resolve("@tensorflow/tfjs-backend-wasm");
    (unwrap(kernels) as Tf & { setWasmPaths(folder: string): void }).setWasmPaths(entry.replace(/[^/\\]*$/, ""));
  }
  return tf;
}

/** tfjs-node 4.22 calls two functions that Node 23 has removed (tensorflow/tfjs#8425). */
function restoreUtil(): void {
  const util = builtin("node:util") as unknown as Record<string, unknown> | undefined;
  if (!util) return;
  util.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined;
  util.isArray ??= Array.isArray;
}

/** A module of Node, nothing in a browser. */
function builtin<Name extends "node:module" | "node:util">(name: Name) {
  return globalThis.process?.getBuiltinModule?.(name);
}

/** All copies of tfjs in a process share one engine; there is none before the first is loaded. */
function engine(): Engine | undefined {
  return (globalThis as { _tfengine?: Engine })._tfengine;
}

interface Engine {
  readonly backendName?: string;
  readonly ENV: { getBool(flag: string): boolean; set(flag: string, value: boolean): void };
}

/** Without tfjs's banners and its warnings of backends that it already has. */
async function quietly<T>(act: () => Promise<T>): Promise<T> {
  const [env, native] = [engine()?.ENV, globalThis.process?.env];
  const [production, level] = [env?.getBool("PROD") ?? false, native?.TF_CPP_MIN_LOG_LEVEL];
  env?.set("PROD", true);
  if (native && level === undefined) native.TF_CPP_MIN_LOG_LEVEL = "1";
  try {
    return await act();
  } finally {
    env?.set("PROD", production);
    if (native && level === undefined) delete native.TF_CPP_MIN_LOG_LEVEL;
  }
}

function registry(tf: Tf): Record<string, ReturnType<Tf["backend"]>> {
  return tf.engine().registry;
}

/** Makes a backend ready while another one may be in use: tfjs's own way is to set it, and to refuse to work until it has started. */
async function start(tf: Tf, backend: TfjsBackend): Promise<void> {
  await quietly(async () => {
    const made = registry(tf)[backend] ?? (await fresh(tf, backend));
    registry(tf)[backend] ??= made;
    // The cpu backend has a banner for its first tensor.
    on(tf, backend, () => tf.scalar(0).dispose());
  });
}

async function fresh(tf: Tf, backend: TfjsBackend) {
  try {
    return await tf.findBackendFactory(backend)();
  } catch (cause) {
    const reason = (cause as Partial<Error>).message ?? cause;
    throw new MmubError("missing-library", {
      part,
      message: `the backend "${backend}" does not start here (${reason}): choose another one`,
      cause,
      backend,
    });
  }
}

/** Acts with a backend set, and sets the user's own again. Nothing in between may wait. */
function on<T>(tf: Tf, backend: string, act: () => T): T {
  const before = tf.getBackend();
  if (before === backend) return act();
  // Done at once for a backend that has started.
  void tf.setBackend(backend);
  try {
    return act();
  } finally {
    if (before) void tf.setBackend(before);
  }
}

type Step = {
  readonly node: ProgramNode;
  readonly run: OpRun;
  /** Values that nothing asks for after it. */
  readonly done: readonly number[];
};

function compile(tf: Tf, backend: string, program: Program): Session {
  checkAxes(program);
  const kept = new Map<string, Tensor>();
  const constants = new Map<number, Tensor>();
  const keep = (key: string, make: () => Tensor): Tensor => {
    const tensor = kept.get(key) ?? tf.keep(tf.tidy(make));
    kept.set(key, tensor);
    return tensor;
  };
  const steps = on(tf, backend, () => {
    const made: Step[] = [];
    const last = lastUses(program);
    for (const [i, node] of program.nodes.entries()) {
      if (node.op === "constant") {
        const [{ value, shape, dtype }] = node.outputs as [ProgramNode["outputs"][number]];
        constants.set(
          value,
          keep(`constant ${value}`, () => tf.tensor(node.attributes.data, [...shape], dtype)),
        );
      } else made.push({ node, run: opRun(node, { tf, backend, kept: keep }), done: last[i]! });
    }
    return made;
  });
  const fed = [...program.inputs, ...program.parameters];

  const evaluate = (feeds: Feeds, wanted: Program["outputs"]): Tensor[] => {
    const values = new Map(constants);
    for (const { name, shape, dtype, value } of fed) values.set(value, tf.tensor(feeds[name]!, [...shape], dtype));
    for (const step of steps) {
      const results = runStep(tf, step, values);
      for (const [i, { value }] of step.node.outputs.entries()) values.set(value, results[i]!);
      for (const value of step.done) values.get(value)!.dispose();
    }
    return wanted.map(({ value }) => tf.keep(tf.clone(values.get(value)!)));
  };
  return {
    async run(feeds, fetches) {
      checkFeeds("tfjs", program, feeds);
      checkFetches("tfjs", program, fetches);
      const wanted = program.outputs.filter(({ name }) => name in fetches);
      const results = on(tf, backend, () => tf.tidy(() => evaluate(feeds, wanted)));
      try {
        const read = await Promise.all(results.map((tensor) => tensor.data()));
        // On the cpu backend an output can be a fed array itself, which another fetch may be about to overwrite.
        const targets = new Set(Object.values(fetches).map(({ buffer }) => buffer));
        const own = read.map((data) => (targets.has(data.buffer) ? data.slice() : data));
        for (const [i, { name }] of wanted.entries()) fetches[name]!.set(own[i]!);
      } finally {
        tf.dispose(results);
      }
    },
    async dispose() {
      tf.dispose([...kept.values()]);
      kept.clear();
    },
  };
}

/** With more than six axes the wasm backend gives wrong numbers, and the others lack one op or the other. */
function checkAxes({ inputs, parameters, nodes }: Program): void {
  const made = nodes.flatMap(({ op, layer, outputs }) => outputs.map(({ shape }) => ({ what: op, layer, shape })));
  const fed = [...inputs, ...parameters].map(({ name, shape }) => ({ what: `"${name}"`, layer: "", shape }));
  for (const { what, layer, shape } of [...fed, ...made])
    if (shape.length > 6)
      throw new MmubError("invalid-input", {
        part,
        message: `${inLayer(layer)}${what} is ${showShape(shape)}, want at most 6 axes: reshape it, or use another runtime`,
        layer,
        shape,
      });
}

const inLayer = (layer: string) => (layer ? `layer "${layer}": ` : "");

type Feeds = Parameters<Session["run"]>[0];

function runStep(tf: Tf, { node, run }: Step, values: ReadonlyMap<number, Tensor>): readonly Tensor[] {
  try {
    const results = tf.tidy(() => run(node.inputs.map((value) => values.get(value)!)) as Tensor | Tensor[]);
    return Array.isArray(results) ? results : [results];
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new MmubError("invalid-input", {
      part,
      message: `${inLayer(node.layer)}${node.op}: ${message}`,
      cause,
      layer: node.layer,
      op: node.op,
    });
  }
}

/** For each node the values that can go when it has run: constants and outputs stay. */
function lastUses({ nodes, outputs }: Program): number[][] {
  const stay = new Set(outputs.map(({ value }) => value));
  for (const node of nodes) if (node.op === "constant") stay.add(node.outputs[0]!.value);
  const last = new Map<number, number>();
  for (const [i, node] of nodes.entries())
    for (const value of [...node.inputs, ...node.outputs.map((output) => output.value)])
      if (!stay.has(value)) last.set(value, i);
  const done: number[][] = nodes.map(() => []);
  for (const [value, i] of last) done[i]!.push(value);
  return done;
}
