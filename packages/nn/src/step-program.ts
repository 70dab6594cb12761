// What runs for one batch, as plain data: made where the network is, run where the training is.
import type { BatchShape } from "./batching.js";
import { denseGradient, gradients, type ParameterGradient } from "./gradients.js";
import { isOp, type OpAttributes, reject, type Shape, showShape, sizeOf, type Value } from "./graph.js";
import type { Loss } from "./loss.js";
import type { Balance } from "./losses/balance.js";
import { type Network, type Traced, trace } from "./network.js";
import { add, constant, div, greater, input, mul, sum, where } from "./ops.js";
import { type Program, program } from "./program.js";

/** Names of inputs and outputs that no network has. */
export const names = {
  target: (name: string) => `target ${name}`,
  weights: "row weights",
  /** The sum of weight x loss, and of what the rows count: the loss of the batch is the one divided by the other. */
  loss: "loss",
  counts: "counts",
  output: "output",
  gradient: (parameter: string) => `gradient ${parameter}`,
  rows: (parameter: string, piece: number) => `rows ${piece} ${parameter}`,
  values: (parameter: string, piece: number) => `values ${piece} ${parameter}`,
  scales: (parameter: string, piece: number) => `scales ${piece} ${parameter}`,
  update: (buffer: string) => `update ${buffer}`,
} as const;

/** How a parameter gets its gradient. */
interface GradientKind {
  readonly dense: boolean;
  readonly pieces: readonly RowPiece[];
}

/** Some rows of a gradient: as `rows` and their `values`, or these are multiples of few rows. */
interface RowPiece {
  /** Which row of `values` each is a multiple of, by its `scales`. */
  readonly from: Int32Array | null;
}

export interface StepProgram {
  readonly program: Program;
  /** Of the parameters that the loss depends on, when they are trained. */
  readonly gradients: Readonly<Record<string, GradientKind>>;
  readonly masks: readonly { readonly name: string; readonly rate: number }[];
  /** Buffers that a step changes. */
  readonly updates: readonly string[];
}

/** The step of a training: the loss of a batch, its gradients and what buffers become. */
export function trainingProgram(
  net: Network,
  loss: Loss,
  shape: BatchShape,
  trained: (name: string) => boolean,
): StepProgram {
  const traced = traceAt(net, shape, true);
  const { total, counts, tasks } = lossOf(traced, loss, shape);
  const kinds: Record<string, GradientKind> = {};
  const outputs: Record<string, Value> = {
    [names.loss]: total,
    [names.counts]: counts,
    [names.output]: traced.output,
  };
  const wanted = [...traced.parameters].filter(([name, { spec }]) => spec.trained && trained(name));
  const updates = new Map(traced.updates);
  const found =
    loss.balance && tasks && tasks.length > 1
      ? balancedGradients(traced, loss.balance, { tasks, counts }, wanted, updates)
      : gradients(
          total,
          wanted.map(([, { value }]) => value),
        );
  for (const [name, { value }] of wanted) {
    const gradient = found.get(value);
    if (!gradient) continue;
    const multiples = gradient.rows.map(({ values }) => multiplesOf(values));
    kinds[name] = { dense: gradient.dense !== undefined, pieces: multiples.map((of) => ({ from: of?.from ?? null })) };
    if (gradient.dense) outputs[names.gradient(name)] = unshaped(gradient.dense);
    for (const [piece, { rows, values }] of gradient.rows.entries()) {
      outputs[names.rows(name, piece)] = unshaped(rows);
      const of = multiples[piece];
      outputs[names.values(name, piece)] = unshaped(of?.base ?? values);
      if (of) outputs[names.scales(name, piece)] = unshaped(of.scales);
    }
  }
  for (const [name, next] of updates) outputs[names.update(name)] = next;
  return {
    program: named(outputs),
    gradients: kinds,
    masks: [...traced.masks].map(([name, { rate }]) => ({ name, rate })),
    updates: [...updates.keys()],
  };
}

/** The gradient of each task by itself, put together as the balance says. */
function balancedGradients(
  traced: Traced,
  balance: Balance,
  { tasks, counts }: { readonly tasks: readonly Value[]; readonly counts: Value },
  wanted: readonly (readonly [string, { readonly value: Value }])[],
  updates: Map<string, Value>,
): Map<Value, ParameterGradient> {
  const each = tasks.map((task) => {
    const found = gradients(
      task,
      wanted.map(([, { value }]) => value),
    );
    return new Map([...found].map(([value, gradient]) => [value, denseGradient(value, gradient)]));
  });
  const some = where(greater(counts, 0), counts, 1);
  const shared = wanted.filter(([name]) => balance.shared(name)).map(([, { value }]) => value);
  const product = (a: ReadonlyMap<Value, Value>, b: ReadonlyMap<Value, Value>): Value =>
    div(
      shared
        .map((value) => (a.has(value) && b.has(value) ? sum(mul(a.get(value)!, b.get(value)!)) : constant(0)))
        .reduce(add, constant(0)),
      mul(some, some),
    );
  const products: Value[][] = tasks.map(() => []);
  for (const [i, a] of each.entries())
    for (let j = 0; j <= i; j++) products[j]![i] = products[i]![j] = product(a, each[j]!);
  const combined = balance.combine({
    losses: tasks.map((task) => div(task, some)),
    products,
    parameter: (name) => traced.parameters.get(name)!.value,
  });
  for (const [name, next] of Object.entries(combined.updates ?? {})) updates.set(name, next);
  const result = new Map<Value, ParameterGradient>();
  for (const [name, { value }] of wanted) {
    const given = combined.gradients?.[name];
    const factors = balance.shared(name) ? combined.shared : combined.own;
    const parts = each.flatMap((of, k) => (of.has(value) ? [mul(of.get(value)!, factors[k]!)] : []));
    // The step divides by what the rows count.
    if (given) result.set(value, { dense: mul(given, some), rows: [] });
    else if (parts.length > 0) result.set(value, { dense: parts.reduce(add), rows: [] });
  }
  return result;
}

/** The same numbers without what only gives them their shape, since a reshape to an output is a copy. */
function unshaped(value: Value): Value {
  return isOp(value.node, "reshape") ? unshaped(value.node.inputs[0]!) : value;
}

/**
 * What values are multiples of, where they are made as `mul(scales [n, 1], gather(base [m, columns], from))`: so they leave the graph
 * as two small tensors, and onnxruntime copies what leaves.
 */
function multiplesOf(values: Value): { base: Value; scales: Value; from: Int32Array } | undefined {
  const { node } = unshaped(values);
  const [scales, rows] = node.inputs;
  if (!isOp(node, "mul") || !isOp(rows!.node, "gather")) return undefined;
  const [base, from] = rows!.node.inputs as [Value, Value];
  const fits = isOp(from.node, "constant") && from.shape.length === 1 && base.shape.length === 2;
  if (!fits || sizeOf(scales!.shape) !== from.shape[0]) return undefined;
  return { base, scales: scales!, from: (from.node.attributes as OpAttributes["constant"]).data as Int32Array };
}

/** The loss and the output of a batch as they are outside of training. */
export function evaluationProgram(net: Network, loss: Loss, shape: BatchShape): StepProgram {
  const traced = traceAt(net, shape, false);
  const { total, counts } = lossOf(traced, loss, shape);
  const outputs = { [names.loss]: total, [names.counts]: counts, [names.output]: traced.output };
  return { program: named(outputs), gradients: {}, masks: [], updates: [] };
}

/** The output alone. */
export function inferenceProgram(net: Network, shape: BatchShape): StepProgram {
  const traced = traceAt(net, shape, false);
  return { program: named({ [names.output]: traced.output }), gradients: {}, masks: [], updates: [] };
}

/** The shape of what a network gives. */
export function traceAt(net: Network, shape: BatchShape, training: boolean): Traced {
  const { batch } = shape;
  const traced = trace(net, { ...shape, training });
  const { shape: got, dtype } = traced.output;
  if (got[0] !== batch || dtype !== "float32")
    reject(
      "shape-mismatch",
      "network",
      `the network gives ${dtype} ${showShape(got)} for a batch of ${batch}, want float32 [${batch}, ...]`,
    );
  return traced;
}

function lossOf(
  traced: Traced,
  loss: Loss,
  { batch, lengths }: BatchShape,
): { total: Value; counts: Value; tasks?: readonly Value[] } {
  const targets: Record<string, Value> = {};
  for (const [name, { shape, dtype, ragged }] of Object.entries(loss.targets(traced.output.shape))) {
    const full = names.target(name);
    const length = lengths[full];
    const lead: Shape = ragged ? [batch, length!] : [batch];
    targets[name] = input(full, [...lead, ...shape], dtype);
    if (ragged) targets[`${name}.mask`] = input(`${full}.mask`, lead);
  }
  const weights = input(names.weights, [batch]);
  const rows = loss.build(traced.output, targets, weights);
  return {
    total: sum(mul(weights, rows.loss)),
    counts: sum(rows.counts ? mul(weights, rows.counts) : weights),
    ...(rows.tasks && { tasks: rows.tasks.map((task) => sum(mul(weights, task))) }),
  };
}

/** The program, whose inputs and parameters must not share a name: a runtime is fed both by name. */
function named(outputs: Readonly<Record<string, Value>>): Program {
  const made = program(outputs);
  const inputs = new Set(made.inputs.map(({ name }) => name));
  for (const { name } of made.parameters)
    if (inputs.has(name))
      reject("invalid-params", "network", `an input and a parameter are both named "${name}", want different names`);
  return made;
}

/**
 * About how many bytes a session holds for what a program computes, its inputs and parameters left out: three times what is alive
 * at once when it runs in its order, since onnxruntime keeps its memory between runs, in powers of two, and room for its kernels.
 */
export function activationBytes({ nodes, outputs }: Program): number {
  const size = new Map<number, number>();
  const lastUse = new Map<number, number>();
  for (const [at, node] of nodes.entries()) {
    for (const value of node.inputs) lastUse.set(value, at);
    for (const { value, shape } of node.outputs) {
      // A reshape is the same memory under another name.
      size.set(value, node.op === "reshape" || node.op === "constant" ? 0 : sizeOf(shape));
      lastUse.set(value, at);
    }
  }
  for (const { value } of outputs) lastUse.set(value, nodes.length);
  const freed = new Map<number, number[]>();
  for (const [value, at] of lastUse) freed.set(at, [...(freed.get(at) ?? []), value]);
  let [held, peak] = [0, 0];
  for (const [at, node] of nodes.entries()) {
    for (const { value } of node.outputs) held += size.get(value)!;
    peak = Math.max(peak, held);
    for (const value of freed.get(at) ?? []) held -= size.get(value) ?? 0;
  }
  return 3 * 4 * peak;
}
