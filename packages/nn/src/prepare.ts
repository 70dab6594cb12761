// From what a caller gives to a job of plain data: everything is checked here, before anything large is allocated.
import { createHash } from "node:crypto";
import { checkParam, listed, MmubError, random, show } from "@mmub/core";
import { type ArenaOptions, arenaBytes, checkLazyRows, type ParameterPlan, type RowRoom } from "./arena.js";
import {
  type BatchShape,
  type Column,
  type Dataset,
  inputColumns,
  leastLength,
  type Padding,
  paddingOf,
} from "./batching.js";
import { freeBytes, mebibytes } from "./free-memory.js";
import { type Shape, sizeOf } from "./graph.js";
import type { Job } from "./loop.js";
import { checkLossTargets, type Loss, type TargetData, type TargetSpec } from "./loss.js";
import { classesOf } from "./metrics.js";
import type { Network, Traced } from "./network.js";
import { adam } from "./optimizers/adam.js";
import type { Optimizer } from "./optimizers/optimizer.js";
import type { Schedule } from "./schedules.js";
import {
  activationBytes,
  evaluationProgram,
  names,
  type StepProgram,
  traceAt,
  trainingProgram,
} from "./step-program.js";
import type { ParameterOptions, TrainingData, TrainOptions } from "./train.js";

const part = "@mmub/nn/train";
const steady: Schedule = { type: "constant", warmUp: 0 };

export interface Prepared {
  readonly job: Job;
  readonly program: (kind: "train" | "evaluate", shape: BatchShape) => StepProgram;
}

export function prepare(net: Network, data: TrainingData, options: TrainOptions): Prepared {
  const { loss, optimizer = adam(), schedule = steady, clip = {} } = options;
  const { epochs, batchSize, accumulate, padTo, threads, seed, patience, minDelta } = numbersOf(options);
  const { lazyRows = false, shuffle = true, metrics = [], resume = false } = options;
  if (typeof loss?.build !== "function")
    throw new MmubError("invalid-params", { part, message: `loss is ${show(loss)}, want a loss such as mse()` });
  if (lazyRows) checkLazyRows(optimizer);
  const own = typeof options.validation === "object" ? options.validation : undefined;

  const inputs = columnsOf(net, data, part);
  const judged = own && columnsOf(net, own, `${part} (validation)`);
  const paddings = joined(
    paddingOf(inputs.columns, inputs.rows, padTo),
    judged ? paddingOf(judged.columns, judged.rows, padTo) : undefined,
    padTo,
  );
  const [rows, held] = split(inputs.rows, options.validation, seed);
  const lengths: Record<string, number> = Object.fromEntries(
    Object.entries(paddings).map(([name, { most }]) => [name, most]),
  );
  const largest = Math.min(batchSize, rows.length);
  const traced = traceAt(net, { batch: largest, lengths }, true);
  const output = traced.output.shape;
  const specs = loss.targets(output);
  const dataset = withTargets(inputs, data, loss, specs, output, part);
  const validationSet = judged && withTargets(judged, own, loss, specs, output, `${part} (validation)`);
  for (const set of [dataset, validationSet])
    for (const { name, lengthOf, offsets } of set?.columns ?? []) {
      if (!offsets || Object.hasOwn(net.inputs, name)) continue;
      const before = paddings[name];
      const here = lengthOf ? paddings[lengthOf]! : paddingOf(set!.columns, set!.rows, padTo)[name]!;
      paddings[name] = before ? joined({ name: before }, { name: here }, padTo).name! : here;
      lengths[name] = paddings[name]!.most;
    }
  const most = { batch: largest, lengths };
  const groups = options.parameters ?? ((): ParameterOptions => ({}));
  const trained = (name: string) => groups(name, traced.parameters.get(name)!.spec.shape).trained !== false;
  const step = trainingProgram(net, loss, most, trained);
  const parameters = plans(traced, step, optimizer, lazyRows, groups);
  if (parameters.every(({ role }) => role === "fixed"))
    throw new MmubError("invalid-params", {
      part,
      message: "no parameter is trained: the network has none, all are frozen, or the loss depends on none",
    });

  const metricTarget = metricTargetOf(specs);
  const targetSpec = metricTarget === null ? undefined : specs[metricTarget];
  const lead = targetSpec?.ragged ? 2 : 1;
  const targetShape = targetSpec && [...output.slice(0, lead), ...targetSpec.shape];
  for (const metric of metrics)
    checkParam(part, "metrics", metric, ["accuracy", "mae", "mse"].includes(metric), '"accuracy", "mae" or "mse"');
  const classes = classesOf(metrics, output, targetShape, targetSpec?.dtype === "int32");
  const stopping = options.earlyStopping;
  const metric = stopping?.metric ?? "loss";
  checkParam(
    part,
    "earlyStopping.metric",
    metric,
    metric === "loss" || metrics.includes(metric),
    `"loss" or one of metrics: ${listed(metrics)}`,
  );

  const layout: ArenaOptions = {
    parameters,
    optimizer,
    clip,
    accumulate,
    mostRows: mostRows(step),
    maskNumbers: mostMaskNumbers(step),
  };
  // Here, in the worker, as the result and the last good ones; the best; and the file, in arrays and bytes.
  const copies = 4 + (stopping ? 1 : 0) + (options.checkpoint ? 2 : 0);
  const sets = options.worker === false ? [] : validationSet ? [dataset, validationSet] : [dataset];
  const free = options.memoryLimit ?? freeBytes();
  const left = checkMemory(layout, step, copies, sets, free);

  const { checkpoint } = options;
  const job: Omit<Job, "checkpoint"> = {
    parameters,
    initial: initial(traced, options.weights ?? {}, seed),
    data: dataset,
    rows,
    validation: validationSet
      ? { data: validationSet, rows: upTo(validationSet.rows) }
      : held.length > 0
        ? { data: dataset, rows: held }
        : null,
    paddings,
    padTo,
    optimizer,
    schedule,
    clip,
    epochs,
    batchSize,
    accumulate,
    shuffle,
    seed,
    metrics,
    classes,
    metricTarget,
    earlyStopping: stopping ? { patience, minDelta, metric } : null,
    resume,
    mostRows: layout.mostRows,
    maskNumbers: layout.maskNumbers,
    threads,
    // Half of what is left: each of some lengths of ragged rows has its own.
    sessions: { count: 64, bytes: left / 2 },
  };
  return {
    job: {
      ...job,
      checkpoint: checkpoint
        ? { file: checkpoint.file, everySteps: checkpoint.everySteps ?? null, fingerprint: fingerprint(job, loss) }
        : null,
    },
    program: (kind, shape) =>
      kind === "train" ? trainingProgram(net, loss, shape, trained) : evaluationProgram(net, loss, shape),
  };
}

function numbersOf(options: TrainOptions) {
  const { epochs = 10, batchSize = 32, accumulate = 1, padTo = 1, threads = 1, seed = 0, clip = {} } = options;
  const { patience = 5, minDelta = 0 } = options.earlyStopping ?? {};
  for (const [name, value] of Object.entries({ epochs, batchSize, accumulate, padTo, threads }))
    checkParam(part, name, value, Number.isInteger(value) && value > 0, "a positive integer");
  checkParam(part, "seed", seed, Number.isSafeInteger(seed), "an integer");
  checkParam(part, "earlyStopping.patience", patience, patience >= 1, "a number of epochs, one or more");
  checkParam(part, "earlyStopping.minDelta", minDelta, minDelta >= 0 && minDelta < Infinity, "zero or more");
  for (const [name, value] of Object.entries(clip))
    checkParam(part, `clip.${name}`, value, value === undefined || value > 0, "a number above 0");
  const { everySteps } = options.checkpoint ?? {};
  checkParam(
    part,
    "checkpoint.everySteps",
    everySteps,
    everySteps === undefined || (Number.isInteger(everySteps) && everySteps > 0),
    "a positive integer",
  );
  if (options.resume && !options.checkpoint)
    throw new MmubError("invalid-params", { part, message: "resume is true without a checkpoint, want its file" });
  return { epochs, batchSize, accumulate, padTo, threads, seed, patience, minDelta };
}

function columnsOf(net: Network, { inputs }: TrainingData, part: string): { rows: number; columns: Column[] } {
  const found = inputColumns(net.inputs, inputs as never, part);
  if (found.rows === 0)
    throw new MmubError("invalid-input", { part, message: "the data set is empty, want at least one row" });
  return found;
}

/** Paddings that serve both: a length that all share stays as it is. */
function joined(
  a: Readonly<Record<string, Padding>>,
  b: Readonly<Record<string, Padding>> | undefined,
  padTo: number,
): Record<string, Padding> {
  return Object.fromEntries(
    Object.entries(a).map(([name, one]) => {
      const other = b?.[name] ?? one;
      const most = Math.max(one.most, other.most);
      const same = one.least === other.least && one.most === other.most;
      return [name, same ? one : { least: leastLength(padTo, one.least, other.least, most), most }];
    }),
  );
}

/** The rows to train on, and those to judge by. */
function split(rows: number, validation: TrainOptions["validation"], seed: number): [Int32Array, Int32Array] {
  const all = upTo(rows);
  if (typeof validation !== "number") return [all, all.subarray(0, 0)];
  checkParam(part, "validation", validation, validation > 0 && validation < 1, "a share between 0 and 1, or data");
  random(seed).fork("validation").shuffle(all);
  const held = Math.max(1, Math.round(rows * validation));
  if (held >= rows)
    throw new MmubError("invalid-input", {
      part,
      message: `a share of ${validation} of ${rows} rows leaves none to train on, want more rows or a smaller share`,
    });
  return [all.slice(held).sort(), all.slice(0, held).sort()];
}

function withTargets(
  { rows, columns }: { readonly rows: number; readonly columns: readonly Column[] },
  data: TrainingData,
  loss: Loss,
  specs: Readonly<Record<string, TargetSpec>>,
  output: Shape,
  part: string,
): Dataset {
  const given: Record<string, TargetData> = {};
  for (const [name, target] of Object.entries(data.targets ?? {}))
    given[name] = target !== null && typeof target === "object" && "data" in target ? target : { data: target };
  checkLossTargets(loss, given, output, rows);
  const targets = Object.entries(specs).map(([name, { shape, dtype, ragged }]): Column => {
    const { data, offsets } = given[name]!;
    const type = dtype === "int32" ? Int32Array : Float32Array;
    const base = {
      name: names.target(name),
      kind: "target" as const,
      width: sizeOf(shape),
      data: data instanceof type ? data : type.from(data),
    };
    if (!ragged || !offsets) return base;
    // A target for each step of an input is as long as that input's batch.
    const input = columns.find((column) => column.offsets && same(column.offsets, offsets));
    return { ...base, offsets: Uint32Array.from(offsets), ...(input && { lengthOf: input.name }) };
  });
  const { weights } = data;
  if (weights && weights.length !== rows)
    throw new MmubError("shape-mismatch", { part, message: `got ${weights.length} weights, want ${rows}` });
  for (let row = 0; weights && row < rows; row++)
    if (!(weights[row]! >= 0 && weights[row]! < Infinity))
      throw new MmubError("invalid-input", {
        part,
        message: `weight ${row} is ${weights[row]}, want a number of at least 0`,
        index: row,
      });
  return { rows, columns: [...columns, ...targets], ...(weights && { weights: Float32Array.from(weights) }) };
}

function same(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return a.length === b.length;
}

export function plans(
  traced: Traced,
  { gradients }: StepProgram,
  optimizer: Optimizer,
  lazyRows: boolean,
  groups: NonNullable<TrainOptions["parameters"]>,
): ParameterPlan[] {
  return [...traced.parameters.values()].map(({ spec: { name, shape, trained } }) => {
    const { rateFactor = 1, weightDecay = optimizer.weightDecay } = trained ? groups(name, shape) : {};
    checkParam(part, `parameters("${name}").rateFactor`, rateFactor, rateFactor >= 0, "zero or more");
    checkParam(part, `parameters("${name}").weightDecay`, weightDecay, weightDecay >= 0, "zero or more");
    const gradient = gradients[name];
    const { dense = false, pieces = [] } = gradient ?? {};
    // Where a row without gradient does not move anyhow, it need not be looked at.
    const still = optimizer.type === "sgd" && optimizer.momentum === 0 && weightDecay === 0;
    // Rows as short as this are sooner written out than looked up.
    const sparse = optimizer.type !== "sgd" && !optimizer.amsgrad && sizeOf(shape.slice(1)) >= 32;
    const role = !gradient ? "fixed" : dense ? "dense" : lazyRows || still ? "rows" : sparse ? "table" : "dense";
    return { name, shape, role, dense, pieces: pieces.length, rateFactor, weightDecay };
  });
}

export function mostRows({ program, gradients }: StepProgram): Record<string, RowRoom> {
  const lengths = new Map(program.outputs.map(({ name, shape }) => [name, sizeOf(shape)]));
  const most: Record<string, RowRoom> = {};
  for (const [name, { pieces }] of Object.entries(gradients))
    for (const [piece, { from }] of pieces.entries()) {
      const { rows, base } = most[name] ?? { rows: 0, base: 0 };
      const more = from ? lengths.get(names.values(name, piece))! : 0;
      most[name] = { rows: rows + lengths.get(names.rows(name, piece))!, base: base + more };
    }
  return most;
}

export function mostMaskNumbers({ program, masks }: StepProgram): number {
  const drawn = new Set(masks.map(({ name }) => name));
  return program.inputs.reduce((sum, { name, shape }) => sum + (drawn.has(name) ? sizeOf(shape) : 0), 0);
}

export function initial(
  traced: Traced,
  given: Readonly<Record<string, Float32Array>>,
  seed: number,
): Record<string, Float32Array> {
  const numbers: Record<string, Float32Array> = {};
  for (const name of Object.keys(given))
    if (!traced.parameters.has(name))
      throw new MmubError("invalid-params", {
        part,
        message: `weights hold "${name}", want those of the network: ${listed([...traced.parameters.keys()])}`,
      });
  for (const [name, { spec }] of traced.parameters) {
    const values = given[name] ?? spec.init(spec.shape, random(seed).fork(`weights ${name}`));
    if (values.length !== sizeOf(spec.shape))
      throw new MmubError("shape-mismatch", {
        part,
        message: `the weights of "${name}" are ${values.length} numbers, want ${sizeOf(spec.shape)}`,
      });
    numbers[name] = values;
  }
  return numbers;
}

/** Throws where the training would not fit into memory; else what is left of it, in bytes. */
export function checkMemory(
  layout: ArenaOptions,
  step: StepProgram,
  copies: number,
  /** Sets that are copied for a worker. */
  sets: readonly Dataset[],
  free: number,
  of = part,
): number {
  const { parameters, gradients, moments } = arenaBytes(layout);
  const arrays = sets.flatMap(({ columns }) => columns.flatMap(({ data, offsets, ids }) => [data, offsets, ids]));
  const parts = {
    parameters: parameters * (1 + copies),
    gradients,
    moments,
    activations: activationBytes(step.program),
    data: arrays.reduce((sum, of) => sum + (of && !(of.buffer instanceof SharedArrayBuffer) ? of.byteLength : 0), 0),
  };
  const bytes = Object.values(parts).reduce((sum, of) => sum + of, 0);
  // The kernels' memory has 32-bit addresses.
  const most = 2 ** 32 - 2 ** 16;
  const flat = parameters + gradients + moments;
  if (bytes <= free && flat <= most) return free - bytes;
  const needs = Object.entries(parts)
    .map(([name, of]) => `${name} ${mebibytes(of)}`)
    .join(", ");
  throw new MmubError("invalid-params", {
    part: of,
    message:
      flat > most
        ? `parameters, gradients and moments need ${mebibytes(flat)}, want at most ${mebibytes(most)}; take a smaller network, or another optimiser`
        : `the training needs about ${mebibytes(bytes)} (${needs}), want at most the ${mebibytes(free)} that are free; take smaller batches, shorter rows, lazyRows or a smaller network`,
    bytes,
    ...parts,
  });
}

/** The one target that metrics can look at. */
function metricTargetOf(specs: Readonly<Record<string, TargetSpec>>): string | null {
  return Object.hasOwn(specs, "target") ? "target" : (Object.keys(specs)[0] ?? null);
}

/** Whether a checkpoint is of this training: all that decides its numbers, but for the number of epochs. */
function fingerprint(job: Omit<Job, "checkpoint">, loss: Loss): string {
  const hash = createHash("sha256");
  const { initial, data, validation, rows, epochs, resume, threads, sessions, ...rest } = job;
  const describe = (set: Dataset) => {
    for (const { data, offsets, ids, ...column } of set.columns) {
      hash.update(JSON.stringify(column));
      for (const array of [data, offsets, ids]) if (array) hash.update(bytesOf(array));
    }
    if (set.weights) hash.update(bytesOf(set.weights));
  };
  hash.update(JSON.stringify([rest, loss.type, loss.params]));
  for (const values of Object.values(initial)) hash.update(bytesOf(values));
  for (const list of [rows, validation?.rows]) if (list) hash.update(bytesOf(list));
  describe(data);
  if (validation) describe(validation.data);
  return hash.digest("hex");
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array | Int32Array | Uint32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function upTo(count: number): Int32Array {
  return Int32Array.from({ length: count }, (_, i) => i);
}
