import type { Random } from "@mmub/core";
import { reject, type Shape, sameShape, showShape, type Value, within } from "./graph.js";
import { fullMask } from "./layers/layer.js";
import { input, parameter } from "./ops.js";

/** A padded batch of ragged sequences. */
export interface Steps {
  /** `[batch, steps, channels]`, zero where the mask is. */
  readonly values: Value;
  /** `[batch, steps]`, 1 for a step of the sequence, 0 for padding behind its end. */
  readonly mask: Value;
}

/** A padded batch of ragged sequences of ids. */
export interface Tokens {
  /** int32, `[batch, steps]`, 0 where the mask is. */
  readonly ids: Value;
  /** `[batch, steps]`. */
  readonly mask: Value;
}

/** A padded batch of sparse rows. */
export interface Bag {
  /** The columns that are not zero: int32, `[batch, most]`. */
  readonly ids: Value;
  /** Their values, 0 for padding: `[batch, most]`. */
  readonly weights: Value;
}

/** What features an input takes, and what a network sees of them. */
export type InputSpec =
  /** Dense features: `[batch, cols]`. */
  | { readonly kind: "vector"; readonly cols: number }
  /** Dense features with a shape, such as an image's `[channels, height, width]`: `[batch, ...shape]`. */
  | { readonly kind: "tensor"; readonly shape: Shape }
  /** Sequence features: Steps. */
  | { readonly kind: "steps"; readonly cols: number }
  /** Sequence features of one column that holds ids, 0 to vocabulary - 1: Tokens. */
  | { readonly kind: "tokens"; readonly vocabulary: number }
  /** Sparse features: Bag. */
  | { readonly kind: "bag"; readonly cols: number };

/** What a network sees of an input. */
export type Seen<Spec extends InputSpec> = Spec extends { kind: "steps" }
  ? Steps
  : Spec extends { kind: "tokens" }
    ? Tokens
    : Spec extends { kind: "bag" }
      ? Bag
      : Value;

export type InputSpecs = Readonly<Record<string, InputSpec>>;

/** The first numbers of a parameter. */
export type Initializer = (shape: Shape, random: Random) => Float32Array;

/** What a layer makes its parameters with. Names are paths, as `encoder/dense_2/weight`. */
export interface Scope {
  /** Whether the graph is for training: dropout drops and batch norm counts. */
  readonly training: boolean;
  /** A trained tensor. The same name again gives the same value, so that layers can share it. */
  parameter(name: string, shape: Shape, init: Initializer): Value;
  /** A tensor that is kept and saved but not trained, such as a running mean. */
  buffer(name: string, shape: Shape, init: Initializer): Value;
  /** What a buffer is after a training step. */
  update(buffer: Value, next: Value): void;
  /** A dropout mask that is new at each step: 0 with the probability `rate`, else 1 / (1 - rate). */
  mask(rate: number, shape: Shape): Value;
  /** Runs `make` in a scope of its own: `dense`, and `dense_2` the second time. */
  enter<T>(name: string, make: (scope: Scope) => T): T;
  /** Runs `make` in the scope of this name, each time in the same one: for layers that share their parameters. */
  share<T>(name: string, make: (scope: Scope) => T): T;
}

/** A piece of a network: a function that makes parameters by name and gives what it computes. */
export type Layer<In = Value, Out = Value> = (scope: Scope, input: In) => Out;

/**
 * A network: the inputs it takes and the graph it makes of them. The graph is made anew for each batch size and length, so `build` must be
 * a pure function: same names, same shapes of parameters.
 */
export interface Network<Inputs extends InputSpecs = InputSpecs> {
  readonly inputs: Inputs;
  build(scope: Scope, inputs: { readonly [Name in keyof Inputs]: Seen<Inputs[Name]> }): Value;
}

/** Types the inputs of `build` by the specs. */
export function network<const Inputs extends InputSpecs>(
  inputs: Inputs,
  build: (scope: Scope, inputs: { readonly [Name in keyof Inputs]: Seen<Inputs[Name]> }) => Value,
): Network<Inputs> {
  return { inputs, build };
}

/** A tensor that the trainer keeps. */
export interface ParameterSpec {
  readonly name: string;
  readonly shape: Shape;
  readonly init: Initializer;
  /** False: a buffer. */
  readonly trained: boolean;
}

/** A graph for one batch size, and all that whoever runs it has to know. */
export interface Traced {
  readonly output: Value;
  /** By name; those of a ragged input are `name` and `name.mask` (of a bag, `name.weights`). */
  readonly inputs: ReadonlyMap<string, Value>;
  readonly parameters: ReadonlyMap<string, { readonly spec: ParameterSpec; readonly value: Value }>;
  /** What buffers become, by name. */
  readonly updates: ReadonlyMap<string, Value>;
  /** Dropout masks by name, to be filled before each run. */
  readonly masks: ReadonlyMap<string, { readonly rate: number; readonly value: Value }>;
}

export interface TraceOptions {
  readonly batch: number;
  /** Steps, or entries of the longest sparse row, for each ragged input. */
  readonly lengths?: Readonly<Record<string, number>>;
  /** Ragged inputs whose rows are all so long: they have no mask to be fed. @default none */
  readonly full?: readonly string[];
  readonly training?: boolean;
}

/** The graph of a network for one batch size and one length of each ragged input. */
export function trace(net: Network, { batch, lengths = {}, full = [], training = false }: TraceOptions): Traced {
  const inputs = new Map<string, Value>();
  const feed = (name: string, shape: Shape, dtype?: "int32") => {
    const value = input(name, shape, dtype);
    inputs.set(name, value);
    return value;
  };
  const maskOf = (name: string, steps: number) =>
    full.includes(name) ? fullMask(batch, steps) : feed(`${name}.mask`, [batch, steps]);
  const seen = Object.entries(net.inputs).map(([name, spec]) => [
    name,
    see(name, spec, batch, lengths[name], feed, maskOf),
  ]);
  const made = { parameters: new Map(), updates: new Map(), masks: new Map() } satisfies Partial<Traced>;
  const output = net.build(scope(made, training, ""), Object.fromEntries(seen));
  return { output, inputs, ...made };
}

function see(
  name: string,
  spec: InputSpec,
  batch: number,
  length: number | undefined,
  feed: (name: string, shape: Shape, dtype?: "int32") => Value,
  maskOf: (name: string, steps: number) => Value,
): Seen<InputSpec> {
  const steps = () => length ?? reject("invalid-params", "network", `input "${name}" is ragged: want its length`);
  if (spec.kind === "vector") return feed(name, [batch, spec.cols]);
  if (spec.kind === "tensor") return feed(name, [batch, ...spec.shape]);
  if (spec.kind === "bag")
    return { ids: feed(name, [batch, steps()], "int32"), weights: feed(`${name}.weights`, [batch, steps()]) };
  const mask = maskOf(name, steps());
  return spec.kind === "tokens"
    ? { ids: feed(name, [batch, steps()], "int32"), mask }
    : { values: feed(name, [batch, steps(), spec.cols]), mask };
}

type Made = {
  readonly parameters: Map<string, { spec: ParameterSpec; value: Value }>;
  readonly updates: Map<string, Value>;
  readonly masks: Map<string, { rate: number; value: Value }>;
};

function scope(made: Made, training: boolean, path: string): Scope {
  const uses = new Map<string, number>();
  const shares = new Set<string>();
  const keep = (name: string, shape: Shape, init: Initializer, trained: boolean): Value => {
    const full = path + name;
    const known = made.parameters.get(full);
    if (known && !sameShape(known.spec.shape, shape))
      reject(
        "shape-mismatch",
        "network",
        `parameter "${full}" is ${showShape(known.spec.shape)} and now ${showShape(shape)}`,
      );
    const entry = known ?? { spec: { name: full, shape, init, trained }, value: parameter(full, shape) };
    made.parameters.set(full, entry);
    return entry.value;
  };
  return {
    training,
    parameter: (name, shape, init) => keep(name, shape, init, true),
    buffer: (name, shape, init) => keep(name, shape, init, false),
    update(buffer, next) {
      const name = (buffer.node.attributes as { name: string }).name;
      if (!sameShape(buffer.shape, next.shape))
        reject(
          "shape-mismatch",
          "network",
          `buffer "${name}" is ${showShape(buffer.shape)}, its next value ${showShape(next.shape)}`,
        );
      if (training) made.updates.set(name, next);
    },
    mask(rate, shape) {
      const name = `${path}mask${made.masks.size}`;
      const value = input(name, shape);
      made.masks.set(name, { rate, value });
      return value;
    },
    share(name, make) {
      if (uses.has(name))
        reject("invalid-params", "network", `scope "${path}${name}" is there and not shared, want another name`);
      shares.add(name);
      return within(name, () => make(scope(made, training, `${path}${name}/`)));
    },
    enter(name, make) {
      if (shares.has(name)) reject("invalid-params", "network", `scope "${path}${name}" is shared, want another name`);
      const use = (uses.get(name) ?? 0) + 1;
      uses.set(name, use);
      const own = use === 1 ? name : `${name}_${use}`;
      return within(own, () => make(scope(made, training, `${path}${own}/`)));
    },
  };
}
