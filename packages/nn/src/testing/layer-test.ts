import { random } from "@mmub/core";
import { type Shape, type Value, within } from "../graph.js";
import type { Initializer, Scope } from "../network.js";
import { input, parameter } from "../ops.js";
import type { Filled, GraphTest } from "./graph-test.js";

export interface LayerTest<Inputs extends Readonly<Record<string, Filled>>> {
  /** Tensors that the layer takes; gradients of those of float32 are looked at, unless `fixed` names them. */
  readonly inputs: Inputs;
  /** Inputs without a gradient, as masks are. @default those that are not float32, and those whose name ends in `mask` or `weights` */
  readonly fixed?: readonly (keyof Inputs & string)[];
  /** Numbers of parameters and buffers by name. @default what they are initialised with */
  readonly values?: Readonly<Record<string, ArrayLike<number>>>;
  /** Whether dropout drops and batch norm counts; dropout masks are made of the seed. @default false */
  readonly training?: boolean;
  /** @default 0 */
  readonly seed?: number;
  /** What is tested: layers, and what they give. What they make of buffers in training comes after that. */
  build(scope: Scope, tensors: { readonly [Name in keyof Inputs]: Value }): Value | readonly Value[];
}

/** Everything that has a gradient by name, what has none, and the graph. */
export type LayerGraph = GraphTest<Readonly<Record<string, Filled>>, Readonly<Record<string, Filled>>> & {
  readonly parameters: Readonly<Record<string, Filled>>;
  readonly inputs: Readonly<Record<string, Filled>>;
};

/**
 * A test of a layer, for `checkGradients` and `checkRuntime`: its parameters by name are parameters of the test, its buffers and dropout
 * masks inputs.
 *
 * @example
 * checkGradients(layerTest({
 *   inputs: { x: [2, 3] },
 *   build: (scope, { x }) => tanh(matmul(x, scope.parameter("weight", [4, 3], (shape) => new Float32Array(12)), { transB: true })),
 * }));
 */
export function layerTest<const Inputs extends Readonly<Record<string, Filled>>>({
  inputs,
  fixed,
  values = {},
  training = false,
  seed = 0,
  build,
}: LayerTest<Inputs>): LayerGraph {
  const isFixed = (name: string, filled: Filled) =>
    (fixed as readonly string[] | undefined)?.includes(name) ??
    (/(mask|weights)$/.test(name) || (!Array.isArray(filled) && (filled as { dtype?: string }).dtype !== undefined));
  const parameters: Record<string, Filled> = {};
  const others: Record<string, Filled> = {};
  for (const [name, filled] of Object.entries(inputs)) (isFixed(name, filled) ? others : parameters)[name] = filled;

  const from = random(seed);
  const start = (name: string, shape: Shape, init: Initializer) => ({
    shape,
    values: values[name] ?? init(shape, from.fork(name)),
  });
  // Once to see what the layer makes, then in the test with its tensors.
  const dummies = Object.fromEntries(
    Object.entries(inputs).map(([name, filled]) => {
      const { shape, dtype } = "shape" in filled ? (filled as { shape: Shape; dtype?: "int32" }) : { shape: filled };
      return [name, input(name, shape as Shape, dtype)];
    }),
  );
  const seen = {
    parameter: (name: string, shape: Shape, init: Initializer) => {
      parameters[name] ??= start(name, shape, init);
      return parameter(name, shape);
    },
    buffer: (name: string, shape: Shape, init: Initializer) => {
      others[name] ??= start(name, shape, init);
      return parameter(name, shape);
    },
    mask: (name: string, rate: number, shape: Shape) => {
      const drawn = from.fork(name);
      const size = shape.reduce((a, b) => a * b, 1);
      others[name] = {
        shape,
        values: Float64Array.from({ length: size }, () => (drawn.next() < rate ? 0 : 1 / (1 - rate))),
      };
      return input(name, shape);
    },
  };
  build(scopeOf(seen, training, []), dummies as never);

  return {
    parameters,
    inputs: others,
    seed,
    build(tensors) {
      const updates: Value[] = [];
      const given = {
        parameter: (name: string) => tensors[name]!,
        buffer: (name: string) => tensors[name]!,
        mask: (name: string) => tensors[name]!,
      };
      const taken = Object.fromEntries(Object.keys(inputs).map((name) => [name, tensors[name]!]));
      const built = build(scopeOf(given, training, updates), taken as never);
      return ["node" in built ? [built] : built, updates].flat();
    },
  };
}

interface Tensors {
  parameter(name: string, shape: Shape, init: Initializer): Value;
  buffer(name: string, shape: Shape, init: Initializer): Value;
  mask(name: string, rate: number, shape: Shape): Value;
}

function scopeOf(tensors: Tensors, training: boolean, updates: Value[], path = "", count = { masks: 0 }): Scope {
  const uses = new Map<string, number>();
  return {
    training,
    parameter: (name, shape, init) => tensors.parameter(path + name, shape, init),
    buffer: (name, shape, init) => tensors.buffer(path + name, shape, init),
    update: (_, next) => void updates.push(next),
    mask: (rate, shape) => tensors.mask(`${path}mask${count.masks++}`, rate, shape),
    share: (name, make) => within(name, () => make(scopeOf(tensors, training, updates, `${path}${name}/`, count))),
    enter(name, make) {
      const use = (uses.get(name) ?? 0) + 1;
      uses.set(name, use);
      const own = use === 1 ? name : `${name}_${use}`;
      return within(own, () => make(scopeOf(tensors, training, updates, `${path}${own}/`, count)));
    },
  };
}
