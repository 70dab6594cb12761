// The training itself: plain data in, plain data out, so that it runs alike in place and in a worker.
import { MmubError, type Progress } from "@mmub/core";
import { type Arena, arena, type Clip, type ParameterPlan, type RowRoom } from "./arena.js";
import { type BatchShape, type Dataset, type Padding, type Plan, planEpoch, shapeOf } from "./batching.js";
import { readCheckpoint, writeCheckpoint } from "./checkpoint.js";
import { type Metric, measure, rises } from "./metrics.js";
import type { Optimizer } from "./optimizers/optimizer.js";
import { drawMasks, feed, type Ready, ready, room, sessions, takeUpdates } from "./runner.js";
import type { CompileOptions, Runtime } from "./runtimes/runtime.js";
import { type PlateauState, plateauAfter, plateauStart, rateFactor, type Schedule } from "./schedules.js";
import { names, type StepProgram } from "./step-program.js";

/** The means over the rows of an epoch. */
export interface Scores {
  readonly loss: number;
  readonly metrics: Readonly<Partial<Record<Metric, number>>>;
}

/** What one epoch came to: a list of these is ready to be plotted. */
export interface Epoch extends Scores {
  /** From 1. */
  readonly epoch: number;
  /** Steps until its end, from the beginning of the training. */
  readonly steps: number;
  /** At its last step. */
  readonly learningRate: number;
  readonly validation?: Scores;
}

export interface EarlyStopping {
  /** Epochs in a row without a better score after which it ends. */
  readonly patience: number;
  /** How much better counts as better. */
  readonly minDelta: number;
  readonly metric: "loss" | Metric;
}

export interface Job {
  readonly parameters: readonly ParameterPlan[];
  readonly initial: Readonly<Record<string, Float32Array>>;
  readonly data: Dataset;
  readonly rows: Int32Array;
  readonly validation: { readonly data: Dataset; readonly rows: Int32Array } | null;
  readonly paddings: Readonly<Record<string, Padding>>;
  readonly padTo: number;
  readonly optimizer: Optimizer;
  readonly schedule: Schedule;
  readonly clip: Clip;
  readonly epochs: number;
  readonly batchSize: number;
  readonly accumulate: number;
  readonly shuffle: boolean;
  readonly seed: number;
  readonly metrics: readonly Metric[];
  readonly classes: number;
  /** The target that metrics look at. */
  readonly metricTarget: string | null;
  readonly earlyStopping: EarlyStopping | null;
  readonly checkpoint: {
    readonly file: string;
    readonly everySteps: number | null;
    readonly fingerprint: string;
  } | null;
  readonly resume: boolean;
  readonly mostRows: Readonly<Record<string, RowRoom>>;
  readonly maskNumbers: number;
  readonly threads: number;
  /** Of sessions that are held at once. */
  readonly sessions: { readonly count: number; readonly bytes: number };
}

/** Where the loop runs. */
export interface Host {
  readonly runtime: Runtime;
  program(kind: "train" | "evaluate", shape: BatchShape): StepProgram | Promise<StepProgram>;
  report(progress: Omit<Progress, "part">): void;
  /** Throws to abort. */
  breathe(): Promise<void> | void;
}

export interface Outcome {
  /** Those of the best epoch with early stopping, else the last; of a training that failed the last known to give a finite loss. */
  readonly weights: Readonly<Record<string, Float32Array>>;
  readonly history: readonly Epoch[];
  readonly steps: number;
  /** The epoch, from 1, that the weights are of; absent without early stopping. */
  readonly bestEpoch?: number;
  readonly failure?: MmubError;
}

export async function runTraining(job: Job, host: Host): Promise<Outcome> {
  const memory = arena({
    parameters: job.parameters,
    optimizer: job.optimizer,
    clip: job.clip,
    accumulate: job.accumulate,
    mostRows: job.mostRows,
    maskNumbers: job.maskNumbers,
  });
  for (const [name, values] of Object.entries(job.initial)) memory.parameters.get(name)!.set(values);
  const shared = room();
  const programOf = (kind: string, shape: BatchShape) => host.program(kind as "train" | "evaluate", shape);
  const make = async (kind: string, shape: BatchShape, family: Pick<CompileOptions, "family">) => {
    const binding = { parameters: memory.parameters, arena: memory, output: job.metrics.length > 0, room: shared };
    return ready(host.runtime, await programOf(kind, shape), shape, binding, { threads: job.threads, ...family });
  };
  const cache = sessions(job.sessions, make, job.paddings, programOf);
  try {
    return await loop(job, host, memory, cache);
  } finally {
    await cache.dispose();
  }
}

async function loop(job: Job, host: Host, memory: Arena, cache: ReturnType<typeof sessions>): Promise<Outcome> {
  const { data, rows, optimizer, schedule, batchSize, accumulate, epochs, seed, earlyStopping, checkpoint } = job;
  const stepsOfEpoch = Math.ceil(rows.length / (batchSize * accumulate));
  const steps = stepsOfEpoch * epochs;
  const resumed = checkpoint && job.resume ? await readCheckpoint(checkpoint, memory) : undefined;
  const state: LoopState = resumed ?? {
    epoch: 0,
    stepInEpoch: 0,
    step: 0,
    runs: 0,
    sums: emptySums(),
    plateau: plateauStart,
    waited: 0,
    best: undefined,
    history: [],
    done: false,
  };
  const began = { at: performance.now(), step: state.step };
  let sampled = 0;
  let reported = 0;

  // Weights of which a loss was finite: what the last step has made of them may be what breaks the next.
  const good = { step: state.step, weights: copied(memory.parameters) };

  const outcome = (): Outcome => ({
    weights: earlyStopping && state.best ? state.best.weights : copied(memory.parameters),
    history: state.history,
    steps: state.step,
    ...(earlyStopping && state.best && { bestEpoch: state.best.epoch }),
  });
  const failed = (what: string, value: number, step: number, rate: number, kept = good): Outcome => {
    // Without a validation the best epoch is known by losses from before its last step.
    const best = earlyStopping && job.validation ? state.best : undefined;
    const which = best
      ? `of epoch ${best.epoch}, the best`
      : `after step ${kept.step}, the last known to give a finite loss`;
    return {
      weights: best?.weights ?? kept.weights,
      history: state.history,
      steps: state.step,
      ...(best && { bestEpoch: best.epoch }),
      failure: new MmubError("invalid-input", {
        part,
        message: `${what} is ${value} at step ${step} (epoch ${state.epoch + 1}), with a learning rate of ${rate}; lower the rate or warm it up, clip the gradient, scale the inputs. details.trained has the weights ${which}`,
        step,
        epoch: state.epoch + 1,
      }),
    };
  };
  const report = (rate: number, scores: Scores, validation?: Scores) => {
    reported = performance.now();
    const seconds = (reported - began.at) / 1000;
    const done = state.step - began.step;
    host.report({
      done: state.step,
      total: steps,
      metrics: {
        epoch: Math.min(epochs, state.epoch + 1),
        loss: scores.loss,
        ...scores.metrics,
        ...(validation && { "validation.loss": validation.loss }),
        ...Object.fromEntries(
          Object.entries(validation?.metrics ?? {}).map(([name, value]) => [`validation.${name}`, value]),
        ),
        learningRate: rate,
        samplesPerSecond: sampled / seconds,
        secondsLeft: done === 0 ? Infinity : (seconds / done) * (steps - state.step),
      },
    });
  };
  const save = async () => {
    if (checkpoint) await writeCheckpoint(checkpoint, state, memory);
  };

  const runBatch = async (kind: "train" | "evaluate", of: Dataset, plan: Plan, batch: number): Promise<Ready> => {
    const [from, to] = [plan.bounds[batch]!, plan.bounds[batch + 1]!];
    const shape = shapeOf(of.columns, plan.order, from, to, job.paddings, job.padTo);
    const got = cache.get(kind, shape);
    const bound = got instanceof Promise ? await got : got;
    feed(bound, of, plan.order, from, to);
    if (kind === "train") drawMasks(bound, memory, seed, state.runs);
    await bound.session.run(bound.feeds, bound.fetches);
    return bound;
  };
  const count = (into: Sums, { feeds, fetches }: Ready) => {
    into.loss += fetches[names.loss]![0]!;
    into.counts += fetches[names.counts]![0]!;
    for (const metric of job.metrics) {
      const target = names.target(job.metricTarget!);
      const [sum, entries] = measure(
        metric,
        fetches[names.output] as Float32Array,
        feeds[target] as Float32Array,
        feeds[`${target}.mask`] as Float32Array | undefined,
        job.classes,
      );
      const known = into.metrics[metric] ?? [0, 0];
      into.metrics[metric] = [known[0] + sum, known[1] + entries];
    }
  };
  const validate = async (): Promise<Scores | undefined> => {
    if (!job.validation) return undefined;
    const plan = planEpoch(job.validation.data, job.validation.rows, {
      batchSize,
      accumulate: 1,
      shuffle: false,
      seed,
      epoch: 0,
    });
    const sums = emptySums();
    for (let batch = 0; batch < plan.bounds.length - 1; batch++) {
      await host.breathe();
      count(sums, await runBatch("evaluate", job.validation.data, plan, batch));
    }
    return scoresOf(sums);
  };

  while (!state.done) {
    const plan = planEpoch(data, rows, { batchSize, accumulate, shuffle: job.shuffle, seed, epoch: state.epoch });
    let rate = 0;
    while (state.stepInEpoch < stepsOfEpoch) {
      try {
        const pause = host.breathe();
        if (pause) await pause;
      } catch (reason) {
        await save();
        throw reason;
      }
      const { step, epoch, plateau } = state;
      rate = optimizer.learningRate * rateFactor(schedule, { step, steps, epoch, plateau });
      let counts = 0;
      for (let batch = plan.steps[state.stepInEpoch]!; batch < plan.steps[state.stepInEpoch + 1]!; batch++) {
        const bound = await runBatch("train", data, plan, batch);
        const loss = bound.fetches[names.loss]![0]!;
        if (!Number.isFinite(loss)) return failed("the loss", loss, step + 1, rate);
        counts += bound.fetches[names.counts]![0]!;
        memory.add(bound.rows);
        takeUpdates(bound, memory.parameters);
        count(state.sums, bound);
        sampled += bound.shape.batch;
        state.runs++;
      }
      if (state.stepInEpoch === 0 || step % keepEvery === 0) {
        good.step = step;
        copied(memory.parameters, good.weights);
      }
      const norm = memory.step(step + 1, rate, counts > 0 ? 1 / counts : 0);
      // Then nothing has moved, and the loss was finite.
      if (!Number.isFinite(norm))
        return failed("the length of the gradient", norm, step + 1, rate, { step, weights: copied(memory.parameters) });
      state.step++;
      state.stepInEpoch++;
      if (state.stepInEpoch < stepsOfEpoch) {
        if (checkpoint?.everySteps && state.step % checkpoint.everySteps === 0) await save();
        if (performance.now() - reported > reportEveryMs) report(rate, scoresOf(state.sums));
      }
    }

    const scores = scoresOf(state.sums);
    const validation = await validate();
    if (validation && !Number.isFinite(validation.loss))
      return failed("the loss of the validation", validation.loss, state.step, rate);
    const judged = validation ?? scores;
    state.history = [
      ...state.history,
      { epoch: state.epoch + 1, steps: state.step, learningRate: rate, ...scores, ...(validation && { validation }) },
    ];
    report(rate, scores, validation);
    state.plateau = plateauAfter(schedule, state.plateau, judged.loss);
    if (earlyStopping) judge(earlyStopping, state, judged, memory);
    state.sums = emptySums();
    state.stepInEpoch = 0;
    state.epoch++;
    state.done = state.epoch >= epochs || (earlyStopping !== null && state.waited >= earlyStopping.patience);
    await save();
  }
  return outcome();
}

const part = "@mmub/nn/train";
const reportEveryMs = 100;
// Often enough to lose little, seldom enough to cost nothing.
const keepEvery = 100;

/** Where a training stands between two steps: with the memory, all that it needs to go on. */
export interface LoopState {
  /** Epochs that are over. */
  epoch: number;
  stepInEpoch: number;
  step: number;
  /** Batches that have run, which number the dropout masks. */
  runs: number;
  sums: Sums;
  plateau: PlateauState;
  /** Epochs since the best. */
  waited: number;
  best: Best | undefined;
  history: readonly Epoch[];
  done: boolean;
}

interface Sums {
  loss: number;
  counts: number;
  metrics: Partial<Record<Metric, readonly [sum: number, count: number]>>;
}

interface Best {
  /** From 1. */
  readonly epoch: number;
  readonly score: number;
  readonly weights: Readonly<Record<string, Float32Array>>;
}

function emptySums(): Sums {
  return { loss: 0, counts: 0, metrics: {} };
}

function scoresOf({ loss, counts, metrics }: Sums): Scores {
  const means = Object.entries(metrics).map(([name, [sum, count]]) => [name, count === 0 ? 0 : sum / count]);
  return { loss: counts === 0 ? 0 : loss / counts, metrics: Object.fromEntries(means) };
}

/** Keeps the weights of the best epoch, and counts the epochs since. */
function judge({ metric, minDelta }: EarlyStopping, state: LoopState, scores: Scores, { parameters }: Arena): void {
  const score = metric === "loss" ? scores.loss : scores.metrics[metric]!;
  const { best } = state;
  const gain = best === undefined ? Infinity : rises(metric) ? score - best.score : best.score - score;
  if (gain <= minDelta) {
    state.waited++;
    return;
  }
  state.waited = 0;
  state.best = { epoch: state.epoch + 1, score, weights: copied(parameters, best?.weights) };
}

function copied(
  parameters: ReadonlyMap<string, Float32Array>,
  into?: Readonly<Record<string, Float32Array>>,
): Record<string, Float32Array> {
  const copies: Record<string, Float32Array> = {};
  for (const [name, values] of parameters) {
    const copy = into?.[name] ?? new Float32Array(values.length);
    copy.set(values);
    copies[name] = copy;
  }
  return copies;
}
