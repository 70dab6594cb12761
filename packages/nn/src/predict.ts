import {
  checkParam,
  type Dense,
  type Fitted,
  type Json,
  listed,
  MmubError,
  progress,
  type RunOptions,
  type Saved,
  type Sequence,
  type Sparse,
  savedArray,
  turn,
} from "@mmub/core";
import {
  type BatchShape,
  type Column,
  inputColumns,
  leastLength,
  type Padding,
  planEpoch,
  shapeOf,
} from "./batching.js";
import { type Shape, showShape, sizeOf } from "./graph.js";
import type { Epoch } from "./loop.js";
import type { InputSpec, InputSpecs, Network } from "./network.js";
import { feed, ready, room, sessions } from "./runner.js";
import { auto } from "./runtimes/auto.js";
import type { Runtime } from "./runtimes/runtime.js";
import { inferenceProgram, names, traceAt } from "./step-program.js";
import { checkWeights, parametersOf, type Weights } from "./weights.js";

/** The features that an input takes. */
export type FeaturesOf<Spec extends InputSpec> = Spec extends { kind: "vector" | "tensor" }
  ? Dense
  : Spec extends { kind: "steps" | "tokens" }
    ? Sequence
    : Spec extends { kind: "bag" }
      ? Sparse
      : never;

/** Features for each input of a network, by name. */
export type InputFeatures<Inputs extends InputSpecs> = { readonly [Name in keyof Inputs]: FeaturesOf<Inputs[Name]> };

/** A network with its weights. Two predictions at once take turns. */
export interface Trained<Inputs extends InputSpecs = InputSpecs> extends Fitted {
  readonly network: Network<Inputs>;
  /** Parameters and buffers by name, to be left as they are: PyTorch's layouts; `saveWeights` makes a safetensors file of them. */
  readonly weights: Weights;
  /** What each epoch came to, ready to be plotted; empty for weights that were not trained here. */
  readonly history: readonly Epoch[];
  /** The epoch, from 1, that the weights are of, where early stopping chose it. */
  readonly bestEpoch?: number;
  /** What it predicts with. */
  readonly runtime: string;
  /**
   * The network's raw output for each row, such as logits: `cols` numbers, and a `shape` where it has more than one axis.
   * Rows of like length are run together; batches of any size give the same rows up to rounding. An output for each step of a
   * ragged input is refused: see `predictSteps`.
   */
  predict(inputs: InputFeatures<Inputs>, options?: RunOptions): Promise<Dense>;
  /** An output for each step of a ragged input, `[batch, steps, ...]`: the steps of each row, without padding. */
  predictSteps(inputs: InputFeatures<Inputs>, options?: RunOptions): Promise<Sequence>;
  save(): Promise<Saved>;
  /** Frees the runtime's sessions; the next prediction makes new ones. */
  dispose(): Promise<void>;
}

export interface TrainedOptions {
  /** What predicts. @default auto() */
  readonly runtime?: Runtime;
  /** Threads inside one op; a graph that is done before a second one has begun takes one. @default 1 */
  readonly threads?: number;
}

/** What a network with weights is made of, besides the network. */
export interface TrainedState {
  readonly weights: Weights;
  readonly history: readonly Epoch[];
  readonly bestEpoch?: number;
  /** How ragged inputs are padded. */
  readonly paddings: Readonly<Record<string, Padding>>;
  readonly padTo: number;
}

const part = "@mmub/nn/trained";
const version = 1;
// Enough for the lengths of a data set; more would hold memory for little.
const mostSessions = { count: 32, bytes: 2 ** 30 };
// Up to so many numbers each of these has a copy of the weights, laid out for its kernels.
const mostBuiltIn = 2 ** 24;

export function trainedOf<Inputs extends InputSpecs>(
  net: Network<Inputs>,
  { weights, history, bestEpoch, paddings, padTo }: TrainedState,
  runtime: Runtime,
  threads: number,
): Trained<Inputs> {
  const parameters = new Map(Object.entries(weights));
  const numbers = Object.values(weights).reduce((sum, { length }) => sum + length, 0);
  const compiling = { threads, ...(numbers <= mostBuiltIn && { constants: weights }) };
  const shared = room();
  const programOf = (_: string, shape: BatchShape) => inferenceProgram(net as Network, shape);
  const binding = { parameters, output: true, room: shared };
  const cache = sessions(
    mostSessions,
    (kind, shape, family) => ready(runtime, programOf(kind, shape), shape, binding, { ...compiling, ...family }),
    paddings,
    programOf,
  );
  let row: Shape | undefined;
  let last: Promise<unknown> = Promise.resolve();
  /** One after the other: they share sessions and feeds. */
  const inTurn = <T>(run: () => Promise<T>): Promise<T> => {
    const next = last.then(run, run);
    last = next.catch(() => {});
    return next;
  };

  /** Runs all rows; `take` gets the output of a batch, and which row each of it is. */
  const runAll = async (
    inputs: InputFeatures<Inputs>,
    { signal, batchSize = 256, onProgress }: RunOptions,
    begin: (rows: number, columns: readonly Column[]) => void,
    take: (output: Float32Array, shape: Shape, rows: Int32Array, lengths: Readonly<Record<string, number>>) => void,
  ): Promise<void> => {
    checkParam(part, "batchSize", batchSize, Number.isInteger(batchSize) && batchSize > 0, "a positive integer");
    signal?.throwIfAborted();
    const { rows, columns } = inputColumns(net.inputs, inputs as never, part);
    begin(rows, columns);
    const report = progress({ ...(onProgress && { onProgress }) }, part, rows);
    const all = Int32Array.from({ length: rows }, (_, row) => row);
    const data = { rows, columns };
    const own = { ...paddings, ...ofOneLength(columns, paddings) };
    const plan = planEpoch(data, all, { batchSize, accumulate: 1, shuffle: false, seed: 0, epoch: 0 });
    for (let batch = 0; batch + 1 < plan.bounds.length; batch++) {
      if (batch > 0) await turn(signal);
      const [from, to] = [plan.bounds[batch]!, plan.bounds[batch + 1]!];
      const { lengths, full = [] } = shapeOf(columns, plan.order, from, to, own, padTo);
      // Few sizes serve all: a last batch is filled up to the next power of two.
      const size = to - from === batchSize ? batchSize : Math.min(batchSize, 2 ** Math.ceil(Math.log2(to - from)));
      // The rows that fill it up are empty.
      const shape = { batch: size, lengths, ...(size === to - from && { full }) };
      const bound = await cache.get("predict", shape);
      feed(bound, data, plan.order, from, to);
      await bound.session.run(bound.feeds, bound.fetches);
      const output = bound.program.program.outputs[0]!;
      take(bound.fetches[names.output] as Float32Array, output.shape, plan.order.subarray(from, to), lengths);
      report(to);
    }
    signal?.throwIfAborted();
  };

  return {
    network: net,
    weights,
    history,
    ...(bestEpoch !== undefined && { bestEpoch }),
    runtime: runtime.name,
    predict: (inputs, options = {}) =>
      inTurn(async () => {
        row ??= rowShape(net as Network, paddings);
        const shape = row;
        const cols = sizeOf(shape);
        let data = new Float32Array(0);
        const begin = (rows: number) => {
          data = new Float32Array(rows * cols);
        };
        await runAll(inputs, options, begin, (output, got, rows) => {
          if (sizeOf(got.slice(1)) !== cols)
            throw new MmubError("shape-mismatch", {
              part,
              message: `the network gives ${showShape(got.slice(1))} a row here and ${showShape(shape)} for the lengths of its training, want one shape: pool over the steps, or use predictSteps`,
            });
          for (const [i, row] of rows.entries()) data.set(output.subarray(i * cols, (i + 1) * cols), row * cols);
        });
        const rows = cols === 0 ? 0 : data.length / cols;
        return { layout: "dense", rows, cols, data, ...(shape.length > 1 && { shape }) } satisfies Dense;
      }),
    predictSteps: (inputs, options = {}) =>
      inTurn(async () => {
        const along = stepsOf(net as Network, paddings);
        let [cols, offsets, data] = [0, new Uint32Array(1), new Float32Array(0)];
        const begin = (_: number, columns: readonly Column[]) => {
          offsets = columns.find(({ name }) => name === along)!.offsets!.slice();
        };
        await runAll(inputs, options, begin, (output, shape, rows, lengths) => {
          cols = sizeOf(shape.slice(2));
          if (data.length === 0) data = new Float32Array(offsets.at(-1)! * cols);
          const stride = lengths[along]! * cols;
          for (const [i, row] of rows.entries()) {
            const numbers = (offsets[row + 1]! - offsets[row]!) * cols;
            data.set(output.subarray(i * stride, i * stride + numbers), offsets[row]! * cols);
          }
        });
        return { layout: "sequence", rows: offsets.length - 1, cols, offsets, data } satisfies Sequence;
      }),
    async save() {
      return {
        type: part,
        version,
        params: null,
        state: { history, bestEpoch: bestEpoch ?? null, paddings, padTo } as unknown as Json,
        arrays: weights,
      };
    },
    dispose: () => inTurn(() => cache.dispose()),
  };
}

/** Rows that are all of one length, so many that it is no chance, are run at that length and without masks. */
function ofOneLength(columns: readonly Column[], paddings: Readonly<Record<string, Padding>>): Record<string, Padding> {
  const found: Record<string, Padding> = {};
  for (const { name, offsets } of columns) {
    const length = offsets?.[1] ?? 0;
    if (!offsets || offsets.length <= 16 || length < paddings[name]!.least) continue;
    if (offsets.every((at, row) => at === row * length)) found[name] = { least: length, most: length };
  }
  return found;
}

/** The shape of the output of one row; throws where it depends on the lengths. */
function rowShape(net: Network, paddings: Readonly<Record<string, Padding>>): Shape {
  const [short, long] = outputs(net, paddings);
  if (short.join() !== long.join())
    throw new MmubError("shape-mismatch", {
      part,
      message: `the network gives ${showShape(short)} for short rows and ${showShape(long)} for long ones, want one shape for predict: pool over the steps, or use predictSteps`,
    });
  return short.slice(1);
}

/** The ragged input whose steps the output has. */
function stepsOf(net: Network, paddings: Readonly<Record<string, Padding>>): string {
  const [short, long] = outputs(net, paddings);
  const found = Object.keys(net.inputs).find(
    (name) => paddings[name] && short[1] === paddings[name].least && long[1] === paddings[name].most,
  );
  if (found === undefined)
    throw new MmubError("shape-mismatch", {
      part,
      message: `the network gives ${showShape(long)}, want [batch, steps, ...] with the steps of one of its ragged inputs; use predict`,
    });
  return found;
}

function outputs(net: Network, paddings: Readonly<Record<string, Padding>>): [Shape, Shape] {
  const at = (end: "least" | "most"): Shape => {
    const lengths = Object.fromEntries(Object.entries(paddings).map(([name, padding]) => [name, padding[end]]));
    return traceAt(net, { batch: 1, lengths }, false).output.shape;
  };
  return [at("least"), at("most")];
}

/**
 * A network that was trained and saved, from the code of the network and what was saved: weights and history, no code.
 *
 * Rejects with `saved-mismatch` where the parameters of the network are not those that were saved, naming the first.
 *
 * @example
 * const net = network({ x: { kind: "vector", cols: 2 } }, (scope, { x }) => dense({ units: 1 })(scope, x));
 * const inputs = { x: { layout: "dense", rows: 2, cols: 2, data: Float32Array.of(0, 1, 1, 0) } } as const;
 * const trained = await train(net, { inputs, targets: { target: [0, 1] } }, { loss: mse(), epochs: 1 });
 * const again = await loadTrained(net, await trained.save());
 * console.log((await again.predict(inputs)).data.length); // 2
 */
export async function loadTrained<Inputs extends InputSpecs>(
  net: Network<Inputs>,
  saved: Saved,
  options: TrainedOptions = {},
): Promise<Trained<Inputs>> {
  const refuse = (message: string): never => {
    throw new MmubError("saved-mismatch", { part, message });
  };
  if (saved?.type !== part) refuse(`saved by ${saved?.type}, want ${part}`);
  if (!(saved.version <= version)) refuse(`saved as version ${saved.version}, this release reads up to ${version}`);
  const { history, bestEpoch, paddings, padTo } = saved.state as unknown as Omit<TrainedState, "bestEpoch"> & {
    readonly bestEpoch: number | null;
  };
  const lengths = Object.fromEntries(Object.entries(paddings).map(([name, { most }]) => [name, most]));
  const specs = parametersOf(net as Network, { lengths });
  const known = Object.keys(saved.arrays ?? {});
  const wanted = new Set(specs.map(({ name }) => name));
  const extra = known.filter((name) => !wanted.has(name));
  if (extra.length > 0)
    refuse(`it holds ${listed(extra)}, which the network has not; load it with the network that made it`);
  const weights = Object.fromEntries(
    specs.map(({ name, shape }) => [name, savedArray(saved, name, Float32Array, sizeOf(shape)).slice()]),
  );
  const state = { weights, history, paddings, padTo, ...(bestEpoch !== null && { bestEpoch }) };
  return trainedOf(net, state, options.runtime ?? (await auto()), options.threads ?? 1);
}

export interface WithWeightsOptions extends TrainedOptions {
  /** Steps of the longest rows of ragged inputs, by name; longer ones serve too. @default 64 each */
  readonly lengths?: Readonly<Record<string, number>>;
  /** Ragged rows are padded within a batch to a multiple of this, and to 8 at least. @default 1 */
  readonly padTo?: number;
}

/**
 * A network with weights that were not trained here, such as `loadWeights` reads, to predict with or to save.
 *
 * Rejects with `shape-mismatch` where weights are missing or of another length.
 *
 * @example
 * const net = network({ x: { kind: "vector", cols: 2 } }, (scope, { x }) => dense({ units: 1 })(scope, x));
 * const sum = await withWeights(net, { "dense/weight": Float32Array.of(1, 1), "dense/bias": Float32Array.of(0) });
 * const { data } = await sum.predict({ x: { layout: "dense", rows: 1, cols: 2, data: Float32Array.of(2, 3) } });
 * console.log(data[0]); // 5
 */
export async function withWeights<Inputs extends InputSpecs>(
  net: Network<Inputs>,
  weights: Weights,
  { lengths = {}, padTo = 1, runtime, threads = 1 }: WithWeightsOptions = {},
): Promise<Trained<Inputs>> {
  checkParam(part, "padTo", padTo, Number.isInteger(padTo) && padTo > 0, "a positive integer");
  const ragged = Object.entries(net.inputs).filter(([, { kind }]) => kind !== "vector" && kind !== "tensor");
  const most = Object.fromEntries(ragged.map(([name]) => [name, lengths[name] ?? 64]));
  const specs = parametersOf(net as Network, { lengths: most });
  checkWeights("trained", specs, weights);
  const own = Object.fromEntries(specs.map(({ name }) => [name, weights[name]!.slice()]));
  const paddings = Object.fromEntries(
    Object.entries(most).map(([name, length]) => [name, { least: leastLength(padTo, length), most: length }]),
  );
  return trainedOf(net, { weights: own, history: [], paddings, padTo }, runtime ?? (await auto()), threads);
}
