// What classifier and regressor have in common: from features to a trained network, and back from what was saved.
import {
  checkFeatures,
  checkParam,
  type Dense,
  type Features,
  type FitOptions,
  isPresent,
  type Json,
  listed,
  MmubError,
  type RunOptions,
  reportedAs,
  type Saved,
  show,
} from "@mmub/core";
import {
  adam,
  auto,
  type Clip,
  type EarlyStopping,
  type Epoch,
  emptyMoments,
  type InputSpec,
  type Loss,
  loadTrained,
  type Metric,
  type Moments,
  momentsOf,
  type Network,
  network,
  type Optimizer,
  parametersOf,
  type Runtime,
  type Schedule,
  standardized,
  type Trained,
  type TrainOptions,
  train,
  type Weights,
} from "@mmub/nn";
import type { Architecture } from "./architecture.js";

/** How a network is trained, whatever it predicts. */
export interface NetworkParams {
  /** `mlp`, `cnn1d`, `cnn2d`, `rnn`, `transformer` or `customNetwork`. @default mlp() */
  readonly network?: Architecture;
  /**
   * Whether numbers are brought to mean 0 and deviation 1, as measured on the rows of the fit: each column of Dense features and of
   * sequences of numbers, each channel of images. Missing rows are at the mean. Sparse features and token ids stay as they are.
   * It is part of the network, and so of what it exports. @default true
   */
  readonly standardize?: boolean;
  /** How often all rows are seen. @default 20 */
  readonly epochs?: number;
  /** Rows of a step. @default 32 */
  readonly batchSize?: number;
  /** Batches that make one step, for the memory of one. @default 1 */
  readonly accumulate?: number;
  /** @default adam() */
  readonly optimizer?: Optimizer;
  /** How the learning rate goes. @default null: it stays */
  readonly schedule?: Schedule | null;
  /**
   * Strength of the L2 penalty on weights, not on biases and norms; the gradient of a step gets alpha x weight / batchSize, as in
   * scikit-learn. `adamW` has a decay of its own. @default 0
   */
  readonly alpha?: number;
  /** Bounds the gradient, by its length, the size of each number, or both. @default null */
  readonly clip?: Clip | null;
  /**
   * Steps only those rows of an embedding, or of the first layer over Sparse, that a batch has touched: much faster for large ones,
   * and with Adam another algorithm (lazy Adam), see `train` of `@mmub/nn`. @default false
   */
  readonly lazyRows?: boolean;
  /** Whether rows come in a new order at each epoch. @default true */
  readonly shuffle?: boolean;
  /** The share of the rows that is kept out of the training and judged after each epoch. @default null: none */
  readonly validation?: number | null;
  /** Ends the training when it gets no better, and keeps the weights of the best epoch. @default null: all epochs run */
  readonly earlyStopping?: EarlyStoppingParams | null;
  /** Sequences are padded within a batch to a multiple of this, as in `train` of `@mmub/nn`. @default 1 */
  readonly padTo?: number;
  /** What runs it; no part of what is saved. @default auto, the fastest that is installed */
  readonly runtime?: Runtime | (() => Promise<Runtime>);
  /** Threads inside one op; no part of what is saved. @default 1 */
  readonly threads?: number;
  /** Whether the training runs in a thread of its own, see `train` of `@mmub/nn`; no part of what is saved. @default true */
  readonly worker?: boolean;
}

export interface EarlyStoppingParams {
  /** Epochs in a row without a better score after which it ends. @default 5 */
  readonly patience?: number;
  /** How much better counts as better. @default 0 */
  readonly minDelta?: number;
  /** Judged on the validation where there is one; `accuracy` of classes only. @default "loss" */
  readonly metric?: "loss" | "accuracy";
}

export interface NetworkFitOptions<Target> extends FitOptions {
  /** Rows to judge by after each epoch, in place of a share of the others. */
  readonly validation?: { readonly x: Features; readonly targets: readonly Target[] };
  /** Weights to begin with, by name, such as vectors of words for `embedding/weight`; the others begin as their layers say. */
  readonly weights?: Weights;
  /** Keeps the state of the training in a file, after each epoch and every so many steps. */
  readonly checkpoint?: { readonly file: string; readonly everySteps?: number };
  /** Goes on from the checkpoint where its file is there, to the bytes of a fit without a break. @default false */
  readonly resume?: boolean;
}

/** What a fit came to, beside what it predicts. */
export interface FittedNetwork {
  /** What each epoch came to: `trainingCurve` of `@mmub/metrics` draws it. */
  readonly history: readonly Epoch[];
  /** The epoch, from 1, that the weights are of, where early stopping chose it. */
  readonly bestEpoch?: number;
  /** The network and its weights: `toOnnx(trained.network, trained.weights)` of `@mmub/nn` exports them. Its one input is `x`. */
  readonly trained: Trained<{ readonly x: InputSpec }>;
  /** Frees the runtime's sessions; the next prediction makes new ones. */
  dispose(): Promise<void>;
}

type Running = Pick<NetworkParams, "runtime" | "threads" | "worker">;

/** Checked params: what is saved, and what is not. */
export interface Settings {
  readonly network: Architecture;
  readonly training: Required<Omit<NetworkParams, "network" | "earlyStopping" | keyof Running>> & {
    readonly earlyStopping: EarlyStopping | null;
  };
  readonly running: Running;
  readonly params: Readonly<Record<string, Json>>;
}

export function settingsOf(part: string, given: NetworkParams, metrics: readonly Metric[]): Settings {
  const { network, epochs = 20, batchSize = 32, accumulate = 1, padTo = 1, alpha = 0, optimizer = adam() } = given;
  const { standardize = true, lazyRows = false, shuffle = true, validation = null } = given;
  const { runtime, threads = 1, worker } = given;
  const check = (name: string, value: unknown, ok: boolean, want: string) => checkParam(part, name, value, ok, want);
  check("network", network, typeof network?.build === "function", "an architecture such as mlp()");
  for (const [name, value] of Object.entries({ epochs, batchSize, accumulate, padTo, threads }))
    check(name, value, Number.isInteger(value) && value > 0, "a positive integer");
  for (const [name, value] of Object.entries({ standardize, lazyRows, shuffle }))
    check(name, value, typeof value === "boolean", "true or false");
  check("alpha", alpha, alpha >= 0 && alpha < Infinity, "a number of at least 0");
  check("optimizer", optimizer, typeof optimizer?.type === "string", "an optimiser such as adam()");
  if (alpha > 0 && optimizer.weightDecay > 0)
    throw new MmubError("invalid-params", {
      part,
      message: `alpha is ${alpha} and the optimizer's weightDecay ${optimizer.weightDecay}, want one of them`,
    });
  check("validation", validation, validation === null || (validation > 0 && validation < 1), "a share or null");
  const { schedule = null, clip = null, earlyStopping = null } = given;
  const { patience = 5, minDelta = 0, metric = "loss" } = earlyStopping ?? {};
  check("earlyStopping.patience", patience, Number.isInteger(patience) && patience > 0, "a positive integer");
  check("earlyStopping.minDelta", minDelta, minDelta >= 0 && minDelta < Infinity, "a number of at least 0");
  const judges = ["loss", ...metrics];
  check("earlyStopping.metric", metric, judges.includes(metric), `one of ${listed(judges)}`);
  const training = {
    standardize,
    epochs,
    batchSize,
    accumulate,
    optimizer,
    schedule,
    alpha,
    clip,
    lazyRows,
    shuffle,
    validation,
    earlyStopping: earlyStopping && { patience, minDelta, metric },
    padTo,
  };
  return {
    network: network!,
    training,
    running: { threads, ...(runtime && { runtime }), ...(worker !== undefined && { worker }) },
    params: {
      network: { type: network!.type, params: network!.params },
      ...(training as unknown as Readonly<Record<string, Json>>),
    },
  };
}

/** What one output is for each row, and what it should be. */
export interface Task {
  readonly outputs: number;
  readonly loss: Loss;
  readonly metrics: readonly Metric[];
  readonly targets: ArrayLike<number>;
  readonly validation?: { readonly x: Features; readonly targets: ArrayLike<number> };
}

/** A network for these features, trained or loaded. */
export interface Made {
  readonly trained: Trained<{ readonly x: InputSpec }>;
  readonly input: InputSpec;
}

export async function fitNetwork(
  part: string,
  settings: Settings,
  x: Features,
  task: Task,
  options: NetworkFitOptions<never>,
): Promise<Made> {
  const { network, training } = settings;
  const input = network.input(x, part);
  const moments = training.standardize ? await momentsOf(x, input, part, options.signal) : null;
  const inputs = (of: Features) => ({ x: prepared(of, moments) });
  const own = task.validation;
  if (own) checkInput(own.x, input, `${part} (validation)`);
  const trained = await train<{ readonly x: InputSpec }>(
    networkOf(part, network, input, task.outputs, moments),
    { inputs: inputs(x), targets: { target: task.targets } },
    {
      ...(await trainOptions(part, settings, options)),
      loss: task.loss,
      metrics: task.metrics,
      ...(own && { validation: { inputs: inputs(own.x), targets: { target: own.targets } } }),
    },
  );
  return { trained, input };
}

/** How a network is trained, but for what it learns. */
export async function trainOptions(
  part: string,
  { training, running }: Pick<Settings, "training" | "running">,
  options: NetworkFitOptions<never>,
): Promise<Omit<TrainOptions<never>, "loss" | "validation"> & { readonly validation?: number }> {
  const { standardize: _, schedule, clip, earlyStopping, alpha, validation, ...rest } = training;
  const { seed = 0, batchSize: __, validation: ___, ...given } = reportedAs(options, part);
  const decay = alpha / training.batchSize;
  return {
    ...given,
    ...rest,
    ...running,
    seed,
    runtime: await runtimeOf(running),
    ...(schedule && { schedule }),
    ...(clip && { clip }),
    ...(earlyStopping && { earlyStopping }),
    ...(validation !== null && { validation }),
    ...(alpha > 0 && { parameters: (_, shape) => (shape.length > 1 ? { weightDecay: decay } : {}) }),
  };
}

export async function predictNetwork(
  part: string,
  { trained, input }: Made,
  x: Features,
  options: RunOptions = {},
): Promise<Dense> {
  checkFeatures(x, part);
  checkInput(x, input, part);
  return trained.predict({ x: prepared(x, savedMoments(trained)) }, reportedAs(options, part));
}

/** The state of a network besides its weights. Shapes are kept since arrays are saved without theirs. */
export async function savedNetwork(
  { type, params }: { readonly type: string; readonly params: Json },
  { trained, input }: Made,
  state: Readonly<Record<string, Json>>,
): Promise<Saved> {
  const inner = await trained.save();
  const specs = parametersOf(trained.network, { lengths: lengthsOf(inner) });
  const shapes = Object.fromEntries(specs.map(({ name, shape }) => [name, shape]));
  return {
    type,
    params,
    version: 1,
    state: { ...state, input: input as unknown as Json, shapes },
    parts: { trained: inner },
  };
}

export async function loadedNetwork(
  part: string,
  { network, training, running }: Settings,
  saved: Saved,
  outputs: number,
): Promise<Made> {
  const refuse = (message: string): never => {
    throw new MmubError("saved-mismatch", { part, message: `${message}; load it with the network that made it` });
  };
  const { input, shapes } = saved.state as unknown as {
    readonly input: InputSpec;
    readonly shapes: Readonly<Record<string, readonly number[]>>;
  };
  const inner = saved.parts?.trained ?? refuse("it holds no trained network");
  const net = networkOf(part, network, input, outputs, training.standardize ? emptyMoments(input) : null);
  for (const { name, shape } of parametersOf(net, { lengths: lengthsOf(inner) })) {
    const was = shapes[name] ?? refuse(`it has no parameter "${name}"`);
    if (was.join() !== shape.join())
      refuse(`parameter "${name}" was [${was.join(", ")}] when saved, is [${shape.join(", ")}] here`);
  }
  const runtime = await runtimeOf(running);
  return { trained: await loadTrained(net, inner, { runtime, threads: running.threads ?? 1 }), input };
}

/** Lengths that the network has seen: it may refuse others. */
function lengthsOf({ state }: Saved): Record<string, number> {
  const { paddings } = state as { readonly paddings: Readonly<Record<string, { readonly most: number }>> };
  return Object.fromEntries(Object.entries(paddings).map(([name, { most }]) => [name, most]));
}

export async function runtimeOf({ runtime = auto }: Running): Promise<Runtime> {
  return typeof runtime === "function" ? runtime() : runtime;
}

function networkOf(
  part: string,
  architecture: Architecture,
  input: InputSpec,
  outputs: number,
  moments: Moments | null,
): Network<{ readonly x: InputSpec }> {
  return network({ x: input }, (scope, { x }) => {
    const seen = moments ? scope.enter(scopeName, (own) => standardized(own, x, input, moments)) : x;
    const output = architecture.build(scope, seen, input, outputs);
    const { shape } = output ?? {};
    if (shape?.length !== 2 || shape[1] !== outputs)
      throw new MmubError("shape-mismatch", {
        part,
        message: `the network gives ${shape ? `[${shape.join(", ")}]` : show(output)}, want [batch, ${outputs}]`,
      });
    return output;
  });
}

const scopeName = "standardize";

function savedMoments({ weights }: Made["trained"]): Pick<Moments, "mean"> | null {
  const mean = weights[`${scopeName}/mean`];
  return mean ? { mean } : null;
}

/** The features with missing rows at the mean, which a network sees as zeros. */
function prepared(x: Features, moments: Pick<Moments, "mean"> | null): never {
  if (x.layout !== "dense" || !moments || !x.present?.includes(0)) return x as never;
  const data = x.data.slice();
  const run = x.cols / moments.mean.length;
  for (let row = 0; row < x.rows; row++)
    if (!isPresent(x, row))
      for (let i = 0; i < x.cols; i++) data[row * x.cols + i] = moments.mean[Math.floor(i / run)]!;
  return { ...x, data } as never;
}

const layouts = { vector: "dense", tensor: "dense", steps: "sequence", tokens: "sequence", bag: "sparse" } as const;

/** Throws `shape-mismatch` unless these are features as in the fit. */
function checkInput(x: Features, input: InputSpec, part: string): void {
  const layout = layouts[input.kind];
  const cols =
    input.kind === "tensor"
      ? input.shape.reduce((product, length) => product * length, 1)
      : input.kind === "tokens"
        ? 1
        : input.cols;
  if (x.layout === layout && x.cols === cols) return;
  throw new MmubError("shape-mismatch", {
    part,
    message: `got ${x.layout} features of ${x.cols} columns, want ${layout} ones of ${cols} as in the fit`,
    got: x.cols,
    want: cols,
  });
}
