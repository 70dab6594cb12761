// The memory of a training: parameters, gradients and moments side by side, so that one kernel call steps many parameters.
import { MmubError } from "@mmub/core";
import { type Kernels, kernels } from "@mmub/kernels";
import { type Shape, sizeOf } from "./graph.js";
import { momentsOf, type Optimizer } from "./optimizers/optimizer.js";

/** A parameter or buffer and how it is trained: plain data. */
export interface ParameterPlan {
  readonly name: string;
  readonly shape: Shape;
  /**
   * `fixed`: not trained, a buffer, or nothing that the loss depends on. `rows`: only touched rows are stepped. `table`: all are,
   * by a gradient that comes as rows and is never written out.
   */
  readonly role: "dense" | "rows" | "table" | "fixed";
  /** The gradient comes as a tensor, as rows to be added up, or both. */
  readonly dense: boolean;
  readonly pieces: number;
  /** What the learning rate is multiplied with. */
  readonly rateFactor: number;
  readonly weightDecay: number;
}

export interface Clip {
  /** The gradient of all parameters is shortened to this length. */
  readonly norm?: number;
  /** Each number of the gradient is cut to `-value` to `value`. */
  readonly value?: number;
}

export interface ArenaOptions {
  readonly parameters: readonly ParameterPlan[];
  readonly optimizer: Optimizer;
  readonly clip?: Clip;
  readonly accumulate: number;
  /** The most of one run, for each parameter that has gradient rows. */
  readonly mostRows: Readonly<Record<string, RowRoom>>;
  /** Numbers of all dropout masks of the largest graph. */
  readonly maskNumbers: number;
}

/** Room for gradient rows. */
export interface RowRoom {
  readonly rows: number;
  /** Numbers of all that rows are multiples of. */
  readonly base: number;
}

/** What a run writes into a table, piece by piece behind one another. */
export interface RowRun {
  readonly count: number;
  /** Which row of `base` each is a multiple of, by `scales`; null: `values` has them. */
  readonly from: Int32Array | null;
  /** Numbers of `base`. */
  readonly base: number;
}

/** Gradient rows of one table. */
interface Table {
  readonly name: string;
  readonly width: number;
  /** Room for the rows of a run and their values. */
  readonly rows: Int32Array;
  readonly values: Float32Array;
  /** Room for what rows are multiples of, and by what. */
  readonly base: Float32Array;
  readonly scales: Float32Array;
}

export interface Arena {
  readonly kernels: Kernels;
  /** Views by name, parameters and buffers. */
  readonly parameters: ReadonlyMap<string, Float32Array>;
  /** Views by name, of gradients that come as tensors. */
  readonly gradients: ReadonlyMap<string, Float32Array>;
  readonly tables: ReadonlyMap<string, Table>;
  /** Room for the masks of a run. */
  readonly masks: Float32Array;
  /** Takes in what a run has written. */
  add(rows: ReadonlyMap<string, readonly RowRun[]>): void;
  /**
   * Ends a step: the length of the gradient, `scale` times what was added. Where it is not finite nothing has changed; else
   * the parameters have moved by a step of the optimiser. `step` counts from 1.
   */
  step(step: number, learningRate: number, scale: number): number;
  /** Moments by place and name, to be kept and put back. */
  readonly moments: readonly ReadonlyMap<string, Float32Array>[];
}

/** Every parameter begins at a multiple of so many numbers: a line of the cache. */
const line = 16;
const aligned = (length: number): number => Math.ceil(length / line) * line;

interface Layout {
  readonly at: ReadonlyMap<string, number>;
  /** Parameters that one call steps. */
  readonly groups: readonly { readonly from: number; readonly to: number; readonly plan: ParameterPlan }[];
  /** Numbers of the parameters that have gradients as tensors, those that have moments, and all. */
  readonly dense: number;
  readonly moved: number;
  readonly all: number;
}

function layoutOf(parameters: readonly ParameterPlan[]): Layout {
  const at = new Map<string, number>();
  const groups: { from: number; to: number; plan: ParameterPlan }[] = [];
  let end = 0;
  const place = ({ name, shape }: ParameterPlan) => {
    at.set(name, end);
    end += aligned(sizeOf(shape));
  };
  const alike = (a: ParameterPlan, b: ParameterPlan) =>
    a.rateFactor === b.rateFactor && a.weightDecay === b.weightDecay;
  let left = parameters.filter(({ role }) => role === "dense");
  while (left.length > 0) {
    const plan = left[0]!;
    const from = end;
    for (const same of left.filter((other) => alike(plan, other))) place(same);
    groups.push({ from, to: end, plan });
    left = left.filter((other) => !alike(plan, other));
  }
  const dense = end;
  for (const plan of parameters) if (byRows(plan)) place(plan);
  const moved = end;
  for (const plan of parameters) if (plan.role === "fixed") place(plan);
  return { at, groups, dense, moved, all: end };
}

/** What an arena takes, in bytes. */
export function arenaBytes(options: ArenaOptions): { parameters: number; gradients: number; moments: number } {
  const { dense, moved, all } = layoutOf(options.parameters);
  let rows = 0;
  for (const plan of options.parameters) {
    if (plan.pieces === 0) continue;
    const { rows: most, base } = options.mostRows[plan.name]!;
    const sums = sumsOf(plan, most, options.accumulate);
    rows += aligned(most) + aligned((most + 1) * widthOf(plan));
    if (base > 0) rows += aligned(base) + 2 * aligned(most);
    if (byRows(plan)) rows += aligned(plan.shape[0]!);
    if (byRows(plan) && options.accumulate > 1) rows += aligned(sums) + aligned((sums + 1) * widthOf(plan));
  }
  return {
    parameters: 4 * all,
    gradients: 4 * (dense * (options.accumulate > 1 ? 2 : 1) + rows + aligned(options.maskNumbers)),
    moments: 4 * moved * momentsOf(options.optimizer),
  };
}

export function arena(options: ArenaOptions): Arena {
  const { parameters: plans, optimizer, clip, accumulate, mostRows, maskNumbers } = options;
  const { at, groups, dense, moved, all } = layoutOf(plans);
  const bytes = arenaBytes(options);
  // A few lines more, for blocks of no length.
  const memory = kernels({ bytes: bytes.parameters + bytes.gradients + bytes.moments + 64 * (8 + 6 * plans.length) });
  const flat = memory.float32(all);
  const gradient = memory.float32(dense);
  const total = accumulate > 1 ? memory.float32(dense) : gradient;
  const flatMoments = Array.from({ length: momentsOf(optimizer) }, () => memory.float32(moved));
  const masks = memory.float32(maskNumbers);
  const view = (of: Float32Array, { name, shape }: ParameterPlan) =>
    of.subarray(at.get(name)!, at.get(name)! + sizeOf(shape));

  const parameters = new Map(plans.map((plan) => [plan.name, view(flat, plan)]));
  const gradients = new Map(
    plans.filter((plan) => plan.role === "dense" && plan.dense).map((plan) => [plan.name, view(gradient, plan)]),
  );
  const movedPlans = plans.filter(({ role }) => role !== "fixed");
  const moments = flatMoments.map((of) => new Map(movedPlans.map((plan) => [plan.name, view(of, plan)])));
  const tables = plans
    .filter(({ pieces, role }) => pieces > 0 && role !== "fixed")
    .map((plan) => table(memory, plan, mostRows[plan.name]!, accumulate, byRows(plan) ? undefined : view(total, plan)));
  const steppers = groups.map(({ from, to, plan }) => {
    const part = (of: Float32Array) => of.subarray(from, to);
    return { plan, parameters: part(flat), gradients: part(total), moments: flatMoments.map(part) };
  });
  let fresh = true;
  const lengthOf = (): number =>
    Math.sqrt(tables.reduce((squares, of) => squares + of.sumOfSquares(), memory.sumOfSquares(total)));

  return {
    kernels: memory,
    parameters,
    gradients,
    tables: new Map(tables.map((of) => [of.name, of])),
    masks,
    moments,
    add(rows) {
      if (total !== gradient) {
        if (fresh) total.set(gradient);
        else memory.axpy(total, 1, gradient);
      }
      for (const of of tables) of.add(rows.get(of.name) ?? [], fresh);
      fresh = false;
    },
    step(step, learningRate, scale) {
      fresh = true;
      const length = lengthOf() * scale;
      if (Number.isFinite(length)) {
        if (clip?.value !== undefined && scale > 0) {
          cut(total, clip.value / scale);
          for (const of of tables) of.cut(clip.value / scale);
        }
        // As PyTorch's clip_grad_norm_, its 1e-6 included.
        const left = clip?.norm !== undefined && clip.value !== undefined ? lengthOf() * scale : length;
        const shorten = clip?.norm === undefined ? 1 : Math.min(1, clip.norm / (left + 1e-6));
        const move = { step, gradientScale: scale * shorten };
        for (const { plan, parameters, gradients, moments } of steppers)
          stepDense(memory, optimizer, parameters, gradients, moments, {
            ...move,
            learningRate: learningRate * plan.rateFactor,
            weightDecay: plan.weightDecay,
          });
        for (const of of tables)
          of.step(
            optimizer,
            parameters.get(of.name)!,
            moments.map((by) => by.get(of.name)!),
            {
              ...move,
              learningRate: learningRate * of.plan.rateFactor,
            },
          );
      }
      for (const of of tables) of.clear();
      return length;
    },
  };
}

interface Move {
  readonly step: number;
  readonly learningRate: number;
  readonly gradientScale: number;
}

function stepDense(
  memory: Kernels,
  optimizer: Optimizer,
  parameters: Float32Array,
  gradients: Float32Array,
  moments: readonly Float32Array[],
  move: Move & { readonly weightDecay: number },
): void {
  if (optimizer.type === "sgd") {
    const { momentum, dampening, nesterov } = optimizer;
    if (momentum === 0) memory.sgd(parameters, gradients, move);
    else memory.momentum(parameters, gradients, moments[0]!, { ...move, momentum, dampening, nesterov });
    return;
  }
  const { beta1, beta2, epsilon } = optimizer;
  const options = { ...move, beta1, beta2, epsilon, ...(moments[2] && { maxSecondMoment: moments[2] }) };
  if (optimizer.type === "adam") memory.adam(parameters, gradients, moments[0]!, moments[1]!, options);
  else memory.adamw(parameters, gradients, moments[0]!, moments[1]!, options);
}

interface RunningTable extends Table {
  readonly plan: ParameterPlan;
  add(runs: readonly RowRun[], fresh: boolean): void;
  sumOfSquares(): number;
  cut(limit: number): void;
  step(optimizer: Optimizer, parameters: Float32Array, moments: readonly Float32Array[], move: Move): void;
  clear(): void;
}

function table(
  memory: Kernels,
  plan: ParameterPlan,
  { rows: most, base: baseNumbers }: RowRoom,
  accumulate: number,
  /** Where the rows are added up, of a parameter that is stepped as a whole. */
  whole: Float32Array | undefined,
): RunningTable {
  const width = widthOf(plan);
  const rows = memory.int32(most);
  // A row more for what `adamTable` puts there.
  const values = memory.float32((most + 1) * width);
  const base = memory.float32(baseNumbers);
  const [scales, from] = baseNumbers > 0 ? [memory.float32(most), memory.int32(most)] : [base, rows];
  const parts = { name: plan.name, plan, width, rows, values, base, scales };
  /** The rows and values of each piece that a run has written. */
  const written = (runs: readonly RowRun[]) => {
    let [at, baseAt] = [0, 0];
    return runs.map((run) => {
      const [begin, end] = [at, at + run.count];
      at = end;
      const list = rows.subarray(begin, end);
      if (!run.from) return { list, of: values.subarray(begin * width, end * width), options: {} };
      const multiples = { from: from.subarray(begin, end), scales: scales.subarray(begin, end) };
      multiples.from.set(run.from);
      baseAt += run.base;
      return { list, of: base.subarray(baseAt - run.base, baseAt), options: { multiples } };
    });
  };
  if (whole) {
    // Its gradient is zero but for touched rows, which are cleared behind each step; a dense part is written anew anyhow.
    const touched = new Int32Array(most * accumulate);
    let count = 0;
    return {
      ...parts,
      add(runs) {
        for (const { list, of, options } of written(runs)) {
          memory.scatterAddRows(whole, width, list, of, options);
          touched.set(list, count);
          count += list.length;
        }
      },
      sumOfSquares: () => 0,
      cut() {},
      step() {},
      clear() {
        // Many short rows take longer than all.
        if (count > plan.shape[0]! / 4) whole.fill(0);
        else for (let i = 0; i < count; i++) whole.fill(0, touched[i]! * width, (touched[i]! + 1) * width);
        count = 0;
      },
    };
  }
  const slots = memory.int32(plan.shape[0]!);
  // In place, or where they stay while more runs are added.
  const places = sumsOf(plan, most, accumulate);
  const uniqueRows = accumulate > 1 ? memory.int32(places) : rows;
  const allSums = accumulate > 1 ? memory.float32((places + 1) * width) : values;
  let count = 0;
  const sums = () => allSums.subarray(0, count * width);
  return {
    ...parts,
    add(runs, fresh) {
      if (fresh) count = 0;
      for (const { list, of, options } of written(runs))
        count = memory.sumRows(list, of, width, slots, { ...options, uniqueRows, sums: allSums, already: count });
    },
    sumOfSquares: () => memory.sumOfSquares(sums()),
    cut: (limit) => cut(sums(), limit),
    step(optimizer, parameters, moments, { learningRate, gradientScale, step }) {
      const list = uniqueRows.subarray(0, count);
      if (optimizer.type === "sgd") {
        memory.scatterAddRows(parameters, width, list, sums(), { scale: -learningRate * gradientScale });
        return;
      }
      const { beta1, beta2, epsilon } = optimizer;
      const options = { learningRate, gradientScale, step, beta1, beta2, epsilon, slots };
      const [first, second] = [moments[0]!, moments[1]!];
      if (plan.role === "table") {
        const { weightDecay } = plan;
        const as = { ...options, weightDecay, decoupled: optimizer.type === "adamW" };
        memory.adamTable(parameters, first, second, width, list, allSums.subarray(0, (count + 1) * width), slots, as);
        return;
      }
      // The sums stay where they are: the slots tell.
      memory.lazyAdam(parameters, first, second, width, list.sort(), sums(), options);
    },
    clear() {
      count = 0;
    },
  };
}

function byRows({ role }: ParameterPlan): boolean {
  return role === "rows" || role === "table";
}

/** How many rows of a table can be touched in a step. */
function sumsOf({ shape }: ParameterPlan, most: number, accumulate: number): number {
  return Math.min(most * accumulate, shape[0]!);
}

/** Throws where an optimiser cannot step touched rows alone. */
export function checkLazyRows(optimizer: Optimizer): void {
  const fits = optimizer.type === "sgd" ? optimizer.momentum === 0 : !optimizer.amsgrad;
  if (!fits)
    throw new MmubError("invalid-params", {
      part: "@mmub/nn/train",
      message: `lazyRows is true with ${optimizer.type === "sgd" ? "momentum" : "amsgrad"}, want it with adam, adamW or plain sgd; leave one of them out`,
    });
}

function widthOf({ shape }: ParameterPlan): number {
  return sizeOf(shape.slice(1));
}

function cut(numbers: Float32Array, limit: number): void {
  for (let i = 0; i < numbers.length; i++) {
    const value = numbers[i]!;
    if (value > limit) numbers[i] = limit;
    else if (value < -limit) numbers[i] = -limit;
  }
}
