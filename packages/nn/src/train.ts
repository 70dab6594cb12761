import { MmubError, type Progress, pace, type RunOptions, reasonOf } from "@mmub/core";
import type { Clip } from "./arena.js";
import type { Padding } from "./batching.js";
import type { Shape } from "./graph.js";
import { type Outcome, runTraining } from "./loop.js";
import type { Loss, TargetData } from "./loss.js";
import type { Metric } from "./metrics.js";
import type { InputSpecs, Network } from "./network.js";
import type { Optimizer } from "./optimizers/optimizer.js";
import { type InputFeatures, type Trained, trainedOf } from "./predict.js";
import { prepare } from "./prepare.js";
import { auto } from "./runtimes/auto.js";
import type { Runtime } from "./runtimes/runtime.js";
import type { Schedule } from "./schedules.js";
import { runInThread } from "./thread.js";
import type { Weights } from "./weights.js";

const part = "@mmub/nn/train";

/** What a network learns from: rows of all inputs and targets belong together. */
export interface TrainingData<Inputs extends InputSpecs = InputSpecs> {
  readonly inputs: InputFeatures<Inputs>;
  /** By the names of the loss, mostly `target`: numbers row by row, or with `offsets` a sequence for each row. */
  readonly targets?: Readonly<Record<string, ArrayLike<number> | TargetData>>;
  /** How much each row counts, at least 0: the loss of a batch is a weighted mean. @default 1 each */
  readonly weights?: ArrayLike<number>;
}

/** What may be told of one parameter, as PyTorch's parameter groups. */
export interface ParameterOptions {
  /** False: it stays as it is. @default true */
  readonly trained?: boolean;
  /** What the learning rate is multiplied with. @default 1 */
  readonly rateFactor?: number;
  /** @default that of the optimiser */
  readonly weightDecay?: number;
}

export interface TrainOptions<Inputs extends InputSpecs = InputSpecs> extends Omit<RunOptions, "batchSize"> {
  readonly loss: Loss;
  /** @default adam() */
  readonly optimizer?: Optimizer;
  /** How the learning rate goes: `cosine`, `plateau`, … @default it stays */
  readonly schedule?: Schedule;
  /** How often all rows are seen. @default 10 */
  readonly epochs?: number;
  /** Rows of a batch. @default 32 */
  readonly batchSize?: number;
  /**
   * Batches that make one step, which then is that of a batch so many times as large, for the memory of a small one. Equal up to
   * rounding, but for what looks across rows: batch normalisation, in-batch contrastive losses. @default 1
   */
  readonly accumulate?: number;
  /** Of first weights, shuffles and dropout: the same seed, data, options and runtime give the same bytes. @default 0 */
  readonly seed?: number;
  /** Whether rows come in a new order at each epoch. @default true */
  readonly shuffle?: boolean;
  /** Rows to judge by after each epoch: others, or a share of these, chosen by the seed. */
  readonly validation?: TrainingData<Inputs> | number;
  /** Counted beside the loss, for training and validation. @default none */
  readonly metrics?: readonly Metric[];
  /** Ends the training when it gets no better, and gives the weights of the best epoch. */
  readonly earlyStopping?: {
    /** Epochs in a row without a better score after which it ends; Infinity: all run. @default 5 */
    readonly patience?: number;
    /** How much better counts as better. @default 0 */
    readonly minDelta?: number;
    /** Judged on the validation where there is one. @default "loss" */
    readonly metric?: "loss" | Metric;
  };
  /** Bounds the gradient: by its length over all parameters, by the size of each number, or both, the size first. @default none */
  readonly clip?: Clip;
  /**
   * Steps only the rows of an embedding that a batch has looked up. Much faster for large tables. With plain `sgd` it is the
   * same (and done anyhow); with `adam` it is another algorithm, known as lazy or sparse Adam: the other rows keep their
   * moments and do not move, epsilon is added to the uncorrected root, and weight decay leaves the table alone. @default false
   */
  readonly lazyRows?: boolean;
  /** Weights to begin with, by name; those that are missing begin as their layers say. */
  readonly weights?: Weights;
  /** Asked for each parameter, to freeze it or to give it a rate or decay of its own. */
  readonly parameters?: (name: string, shape: Shape) => ParameterOptions;
  /** Keeps the state of the training in a file, after each epoch and every so many steps. */
  readonly checkpoint?: { readonly file: string; readonly everySteps?: number };
  /** Goes on from the checkpoint where its file is there: to the same bytes as without a break. @default false */
  readonly resume?: boolean;
  /**
   * Ragged rows are padded within a batch to a multiple of this, at least to twice this and to 8, and beyond 32 times this to one of sixteen
   * lengths for each doubling. At least half the kernel of a convolution of your own that does not pad. @default 1
   */
  readonly padTo?: number;
  /** What runs it. @default auto() */
  readonly runtime?: Runtime;
  /** Threads inside one op; a graph that is done before a second one has begun takes one. @default 1 */
  readonly threads?: number;
  /**
   * Runs in a worker thread, so that the event loop stays free: the runtime blocks its thread. Data is copied to shared memory
   * unless it is there already. False: in place, and the event loop gets a turn about every 20 ms. @default true
   */
  readonly worker?: boolean;
  /** Bytes that the training may take. @default what the system says is free */
  readonly memoryLimit?: number;
}

/**
 * Trains a network: each step runs the loss of a batch and its gradients, bounds them, and moves the parameters by the
 * optimiser. Rows come in an order that the seed and the epoch decide; ragged rows are batched by like length and padded to few
 * lengths, so that they cost their share. The last batch of an epoch is as small as it is.
 *
 * Repeats bit for bit: the same seed, data, options, runtime and threads give the same weights, in place, in a worker, and from a
 * checkpoint. Progress counts steps; its metrics are `epoch`, `loss` and `metrics` (means of the epoch so far), those of
 * the validation as `validation.loss` and so on, `learningRate`, `samplesPerSecond` and `secondsLeft`. At most ten a second, and
 * one for each epoch.
 *
 * Stops at a loss or gradient that is not finite with `invalid-input`: `details.step` says where, `details.trained` is the
 * network (a `Trained`: to save, to look at, to go on from with `weights`) with the last weights that are known to give a finite loss, of
 * the epoch's beginning or of at most 100 steps ago; with early stopping and a validation the best ones. Rejects what does not fit together, with the row's index where there is one, and, before it allocates, what would not fit into memory, with an
 * estimate. Aborting rejects with the signal's reason after the step at work; a checkpoint is written before.
 *
 * Cost, beside the network's own: about 1 ns a parameter and step for Adam, 20 µs a step for the rest, 20 to 200 ms for each shape
 * of batch once, and 0.1 to 0.5 s for the worker.
 *
 * @example
 * const net = network({ user: { kind: "vector", cols: 2 } }, (scope, { user }) =>
 *   sequential(dense({ units: 8, activation: "relu" }), dense({ units: 2 }))(scope, user),
 * );
 * const numbers = random(1);
 * const data = Float32Array.from({ length: 200 }, () => numbers.normal());
 * const inputs = { user: { layout: "dense", rows: 100, cols: 2, data } } as const;
 * const target = Int32Array.from({ length: 100 }, (_, row) => (data[2 * row]! > data[2 * row + 1]! ? 1 : 0));
 * const trained = await train(net, { inputs, targets: { target } }, {
 *   loss: crossEntropy(),
 *   optimizer: adam({ learningRate: 0.02 }),
 *   schedule: cosine({ warmUp: 10 }),
 *   epochs: 20,
 *   validation: 0.2,
 *   metrics: ["accuracy"],
 *   earlyStopping: { patience: 5 },
 *   seed: 7,
 * });
 * console.log(trained.history.map(({ loss, validation }) => [loss, validation!.loss])); // falls
 * const logits = await trained.predict(inputs);
 * console.log(logits.rows, logits.cols); // 100 2
 * await trained.dispose();
 */
export async function train<Inputs extends InputSpecs>(
  net: Network<Inputs>,
  data: TrainingData<Inputs>,
  options: TrainOptions<Inputs>,
): Promise<Trained<Inputs>> {
  options.signal?.throwIfAborted();
  const runtime = options.runtime ?? (await auto());
  const { worker: inWorker = runtime.recipe !== undefined } = options;
  if (inWorker && !runtime.recipe)
    throw new MmubError("invalid-params", {
      part,
      message: `worker is true, but ${runtime.name} has no recipe by which a worker could make it, want worker: false`,
    });
  const { job, program } = prepare(net as Network, data as TrainingData, options as unknown as TrainOptions);
  const finish = ({ weights, history, bestEpoch }: Outcome): Trained<Inputs> => {
    const state = { weights, history, paddings: inputsOf(net.inputs, job.paddings), padTo: job.padTo };
    return trainedOf(net, { ...state, ...(bestEpoch !== undefined && { bestEpoch }) }, runtime, job.threads);
  };
  const { signal, onProgress } = options;
  const report = (progress: Omit<Progress, "part">) => onProgress?.({ part, ...progress });
  const outcome = inWorker
    ? await runInThread(job, runtime.recipe!, { program, report, ...(signal && { signal }) })
    : await runTraining(job, { runtime, program, report, breathe: pace(signal) });
  if (outcome.failure) throw failureWith(outcome.failure, finish(outcome));
  return finish(outcome);
}

function failureWith(failure: MmubError, trained: unknown): MmubError {
  const { code, part, details } = failure;
  return new MmubError(code, { part, message: reasonOf(failure), ...details, trained });
}

/** The paddings of inputs alone. */
function inputsOf(inputs: InputSpecs, paddings: Readonly<Record<string, Padding>>): Record<string, Padding> {
  return Object.fromEntries(Object.entries(paddings).filter(([name]) => Object.hasOwn(inputs, name)));
}
