import { checkParam, MmubError, type TypedArray } from "@mmub/core";
import { arena, type Clip } from "./arena.js";
import { freeBytes } from "./free-memory.js";
import type { Loss } from "./loss.js";
import type { InputSpecs, Network } from "./network.js";
import { adam } from "./optimizers/adam.js";
import type { Optimizer } from "./optimizers/optimizer.js";
import { checkMemory, initial, mostMaskNumbers, mostRows, plans } from "./prepare.js";
import { drawMasks, ready, room, takeUpdates } from "./runner.js";
import { auto } from "./runtimes/auto.js";
import type { Runtime } from "./runtimes/runtime.js";
import { names, traceAt, trainingProgram } from "./step-program.js";
import type { ParameterOptions } from "./train.js";
import type { Weights } from "./weights.js";

export interface StepperOptions {
  readonly loss: Loss;
  /** @default adam() */
  readonly optimizer?: Optimizer;
  /** Rows of every batch. */
  readonly batch: number;
  /** Steps, or entries of the longest sparse row, of each ragged input and target of every batch. */
  readonly lengths?: Readonly<Record<string, number>>;
  /** Whether no row is ever shorter than that: then masks are left out of the graph. @default false */
  readonly full?: boolean;
  /** Of first weights and dropout. @default 0 */
  readonly seed?: number;
  /** As in `train`. @default none */
  readonly clip?: Clip;
  /** As in `train`. @default false */
  readonly lazyRows?: boolean;
  /** Weights to begin with. @default as the layers say */
  readonly weights?: Weights;
  /** As in `train`. */
  readonly parameters?: (name: string, shape: readonly number[]) => ParameterOptions;
  /** @default auto() */
  readonly runtime?: Runtime;
  /** Threads inside one op; a graph that is done before a second one has begun takes one. @default 1 */
  readonly threads?: number;
}

/** One batch, row-major. A mask that is left out is 1 everywhere; int32 inputs take whole numbers of any array. */
export interface StepBatch {
  /** By name; of a ragged input also `name.mask` (`name.weights` of sparse rows). */
  readonly inputs: Readonly<Record<string, ArrayLike<number>>>;
  readonly targets?: Readonly<Record<string, ArrayLike<number>>>;
  /** How much each row counts. @default 1 each */
  readonly weights?: ArrayLike<number>;
}

/** Training by hand, step by step. */
export interface Stepper {
  /** One step of the optimiser; the loss of the batch before it. One at a time. */
  step(batch: StepBatch, options?: { readonly learningRate?: number }): Promise<number>;
  /** Parameters and buffers as they are now, by name: views, which each step changes, and which may be written to between steps. */
  readonly weights: Weights;
  dispose(): Promise<void>;
}

const part = "@mmub/nn/stepper";

/**
 * The step that `train` repeats, for loops of your own: models that learn on line, reinforcement, measuring. It runs in place
 * and checks no numbers but the loss and the gradient, which must be finite.
 *
 * @example
 * const net = network({ x: { kind: "vector", cols: 2 } }, (scope, { x }) => dense({ units: 1 })(scope, x));
 * const online = await stepper(net, { loss: mse(), optimizer: sgd({ learningRate: 0.1 }), batch: 2 });
 * for (let i = 0; i < 50; i++) await online.step({ inputs: { x: [0, 1, 1, 0] }, targets: { target: [1, -1] } });
 * const loss = await online.step({ inputs: { x: [0, 1, 1, 0] }, targets: { target: [1, -1] } });
 * console.log(loss < 0.01); // true
 * await online.dispose();
 */
export async function stepper<Inputs extends InputSpecs>(
  net: Network<Inputs>,
  options: StepperOptions,
): Promise<Stepper> {
  const { loss, optimizer = adam(), batch, lengths = {}, full = false, seed = 0 } = options;
  const { clip, lazyRows = false, threads = 1 } = options;
  checkParam(part, "batch", batch, Number.isInteger(batch) && batch > 0, "a positive integer");
  const groups = options.parameters ?? ((): ParameterOptions => ({}));
  const known = Object.fromEntries(
    Object.entries(lengths).map(([name, length]) => [
      Object.hasOwn(net.inputs, name) ? name : names.target(name),
      length,
    ]),
  );
  const shape = { batch, lengths: known, ...(full && { full: Object.keys(net.inputs) }) };
  const traced = traceAt(net as Network, shape, true);
  const program = trainingProgram(
    net as Network,
    loss,
    shape,
    (name) => groups(name, traced.parameters.get(name)!.spec.shape).trained !== false,
  );
  const layout = {
    parameters: plans(traced, program, optimizer, lazyRows, groups),
    optimizer,
    ...(clip && { clip }),
    accumulate: 1,
    mostRows: mostRows(program),
    maskNumbers: mostMaskNumbers(program),
  };
  checkMemory(layout, program, 0, [], freeBytes(), part);
  const memory = arena(layout);
  for (const [name, values] of Object.entries(initial(traced, options.weights ?? {}, seed)))
    memory.parameters.get(name)!.set(values);
  const runtime = options.runtime ?? (await auto());
  const binding = { parameters: memory.parameters, arena: memory, output: false, room: room() };
  const bound = await ready(runtime, program, shape, binding, { threads });
  const masks = new Set(program.masks.map(({ name }) => name));
  const inputs = program.program.inputs.filter(({ name }) => !masks.has(name)).map(({ name }) => name);
  let taken = 0;

  const put = (name: string, values: ArrayLike<number> | undefined) => {
    const into = bound.feeds[name] as TypedArray;
    if (!values && (name === names.weights || name.endsWith(".mask"))) into.fill(1);
    else if (values?.length === into.length) into.set(values);
    else
      throw new MmubError("shape-mismatch", {
        part,
        message: `"${name.replace(/^target /, "")}" has ${values ? `${values.length} numbers` : "none"}, want ${into.length}`,
        name,
      });
  };
  return {
    weights: Object.fromEntries(memory.parameters),
    async step(of, { learningRate = optimizer.learningRate } = {}) {
      for (const name of inputs)
        if (name === names.weights) put(name, of.weights);
        else if (name.startsWith("target ")) put(name, of.targets?.[name.slice(7)]);
        else put(name, of.inputs[name]);
      drawMasks(bound, memory, seed, taken);
      await bound.session.run(bound.feeds, bound.fetches);
      const counts = bound.fetches[names.counts]![0]!;
      const value = counts > 0 ? bound.fetches[names.loss]![0]! / counts : 0;
      memory.add(bound.rows);
      const norm = Number.isFinite(value) ? memory.step(taken + 1, learningRate, counts > 0 ? 1 / counts : 0) : value;
      if (!Number.isFinite(norm))
        throw new MmubError("invalid-input", {
          part,
          message: `the loss is ${value} and the gradient's length ${norm} at step ${taken + 1}, want finite numbers; lower the rate, clip the gradient or scale the inputs. The weights are those of before`,
          step: taken + 1,
        });
      takeUpdates(bound, memory.parameters);
      taken++;
      return value;
    },
    dispose: () => bound.session.dispose(),
  };
}
