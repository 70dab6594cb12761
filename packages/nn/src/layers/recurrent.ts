// Recurrent layers. Inside, steps come first: rows t * batch + b of a matrix, so that a step is one piece of memory.
import { checkParam } from "@mmub/core";
import { reject, sameShape, showShape, type Value } from "../graph.js";
import { bounded } from "../initializers.js";
import type { Initializer, Layer, Scope, Steps } from "../network.js";
import {
  add,
  cast,
  concat,
  constant,
  equal,
  expand,
  gather,
  gemm,
  matmul,
  max,
  maximum,
  mul,
  reshape,
  scan,
  sigmoid,
  slice,
  split,
  sub,
  sum,
  tanh,
  transpose,
  withGradient,
} from "../ops.js";
import {
  checkChoice,
  checkFlag,
  checkRate,
  checkSteps,
  checkValue,
  checkWhole,
  column,
  describe,
  has,
  type LayerParams,
  layer,
  maskedSteps,
} from "./layer.js";

export interface RecurrentParams<Returns extends RecurrentReturns = RecurrentReturns> extends LayerParams {
  /** Width of the state, in each direction. */
  readonly units: number;
  /** Layers on one another. @default 1 */
  readonly layers?: number;
  /** Also from each row's end to its beginning; the two are put side by side. @default false */
  readonly bidirectional?: boolean;
  /** Dropout between layers. @default 0 */
  readonly dropout?: number;
  /** @default true */
  readonly bias?: boolean;
  /**
   * The state after each row's last step (backwards: after its first), that after every step, or `states`: both, and of all layers, which
   * go on where this one has ended.
   * @default "last"
   */
  readonly returns?: Returns;
  /** Of all parameters. @default uniform within ±1 / √units, as PyTorch */
  readonly init?: Initializer;
}

export interface LstmParams<Returns extends RecurrentReturns = RecurrentReturns> extends RecurrentParams<Returns> {
  /** Width of what each step shows of its state, by a linear map without bias; below `units`. PyTorch's proj_size. @default all of it */
  readonly projSize?: number;
}

export type RecurrentReturns = "last" | "sequences" | "states";

/** Steps, and the states that they begin with. */
export interface GruInput {
  readonly input: Steps;
  /** `[batch, layers x directions, units]`, forwards before backwards in each layer: PyTorch's h_0 with the batch first. @default zeros */
  readonly h0?: Value;
}

/** Steps, and the states and memories that they begin with. */
export interface LstmInput extends GruInput {
  /** `[batch, layers x directions, units]`. @default zeros */
  readonly c0?: Value;
}

/** What `returns: "states"` gives. */
export interface GruStates {
  /** As `returns: "sequences"`. */
  readonly output: Steps;
  /** After each row's last step (backwards: its first), as `h0`: PyTorch's h_n with the batch first. A row without steps has its `h0`. */
  readonly hn: Value;
}

export interface LstmStates extends GruStates {
  /** The memory beside `hn`. */
  readonly cn: Value;
}

type Returned<Returns extends RecurrentReturns, All> = Returns extends "states"
  ? All
  : Returns extends "sequences"
    ? Steps
    : Value;

/**
 * Gated recurrent unit: Steps `[batch, steps, channels]` to `[batch, units]` (`returns: "last"`) or Steps `[batch, steps, units]`;
 * twice the units if bidirectional. The state begins as zeros, or as `h0` of `{ input, h0 }`, and stops at the end of each row; a row
 * without steps gives what it began with. With `returns: "states"` `{ output, hn }`: `hn` is the `h0` of what goes on.
 *
 * `r = σ(Wᵣx + bᵣ + Uᵣh + cᵣ)`, `z = σ(W_z x + b_z + U_z h + c_z)`, `n = tanh(Wₙx + bₙ + r ⊙ (Uₙh + cₙ))`, `h' = (1 - z) ⊙ n + z ⊙ h`.
 * Parameters, as PyTorch's GRU: `weight_ih_l0` `[3 units, channels]` in the order r, z, n, `weight_hh_l0` `[3 units, units]`, `bias_ih_l0`,
 * `bias_hh_l0` `[3 units]`; `_l1` for the second layer, `_reverse` backwards.
 * Cost: steps x 6 units (channels + units) multiplications a row; about 10 ops a step forwards and 2 backwards. The graph holds one
 * step, whatever the length, so that a session of 400 steps is made as fast as one of 4.
 * Source: Cho et al. (2014), in the form of PyTorch and cuDNN.
 *
 * @example
 * const visits = network({ visits: { kind: "steps", cols: 6 } }, (scope, { visits }) =>
 *   sequential(gru({ units: 16, bidirectional: true }), dense({ units: 1 }))(scope, visits),
 * );
 *
 * // This visit, read with what the earlier ones have left.
 * const inputs = { before: { kind: "steps", cols: 6 }, now: { kind: "steps", cols: 6 } } as const;
 * const goesOn = network(inputs, (scope, { before, now }) => {
 *   const { hn } = gru({ units: 16, returns: "states" })(scope, before);
 *   return dense({ units: 1 })(scope, gru({ units: 16 })(scope, { input: now, h0: hn }));
 * });
 */
export function gru<Returns extends RecurrentReturns = "last">(
  params: RecurrentParams<Returns>,
): Layer<Steps | GruInput, Returned<Returns, GruStates>> {
  return recurrent("gru", 3, gruStates, params);
}

/**
 * Long short-term memory: Steps `[batch, steps, channels]` to `[batch, units]` (`returns: "last"`: the state, without the memory) or
 * Steps `[batch, steps, units]`; twice the units if bidirectional. State and memory begin as zeros, or as `h0` and `c0` of
 * `{ input, h0, c0 }`, and stop at the end of each row; a row without steps gives what it began with. With `returns: "states"`
 * `{ output, hn, cn }`. With `projSize` states are so wide, memories as wide as the units: `h' = W_hr (o ⊙ tanh(c'))`.
 *
 * `i, f, o = σ(Wx + b + Uh + c)`, `g = tanh(Wx + b + Uh + c)`, `c' = f ⊙ c + i ⊙ g`, `h' = o ⊙ tanh(c')`.
 * Parameters, as PyTorch's LSTM: `weight_ih_l0` `[4 units, channels]` in the order i, f, g, o, `weight_hh_l0` `[4 units, units]`, `bias_ih_l0`,
 * `bias_hh_l0` `[4 units]`, with `projSize` `weight_hr_l0` `[projSize, units]`; `_l1` for the second layer, `_reverse` backwards.
 * Cost: steps x 8 units (channels + units) multiplications a row; about 10 ops a step forwards and 7 backwards.
 * Source: Hochreiter and Schmidhuber (1997), with the forget gate of Gers, Schmidhuber and Cummins (2000); projections of Sak, Senior and
 * Beaufays (2014).
 *
 * @example
 * const visits = network({ visits: { kind: "steps", cols: 6 } }, (scope, { visits }) =>
 *   sequential(lstm({ units: 16, returns: "sequences" }), globalMaxPool(), dense({ units: 1 }))(scope, visits),
 * );
 */
export function lstm<Returns extends RecurrentReturns = "last">({
  projSize,
  ...params
}: LstmParams<Returns>): Layer<Steps | LstmInput, Returned<Returns, LstmStates>> {
  const { units } = params;
  const fits = projSize === undefined || (Number.isInteger(projSize) && projSize > 0 && projSize < units);
  checkParam("@mmub/nn/lstm", "projSize", projSize, fits, `a positive integer below units, ${units}`);
  return recurrent("lstm", 4, lstmStates, params, projSize);
}

interface Weights {
  readonly wi: Value;
  readonly wh: Value;
  readonly bi: Value;
  readonly bh: Value;
  /** Of the projection. */
  readonly wr: Value | undefined;
}

/** What a layer begins with in one direction: `[batch, width]` and `[batch, units]`. */
interface Start {
  readonly state: Value;
  readonly memory: Value;
}

/** States, and memories if there are, after each step, `[steps * batch, width]`, from the input `[steps * batch, channels]`. */
type States = (x: Value, weights: Weights, start: Start, steps: number) => readonly Value[];

function recurrent<Returns extends RecurrentReturns, All>(
  type: string,
  gates: number,
  states: States,
  {
    units,
    layers = 1,
    bidirectional = false,
    dropout = 0,
    bias = true,
    returns = "last" as Returns,
    init,
    ...params
  }: RecurrentParams<Returns>,
  projSize?: number,
): Layer<Steps | LstmInput, Returned<Returns, All>> {
  checkWhole(type, "units", units);
  checkWhole(type, "layers", layers);
  checkFlag(type, "bidirectional", bidirectional);
  checkRate(type, "dropout", dropout);
  checkFlag(type, "bias", bias);
  checkChoice(type, "returns", returns, ["last", "sequences", "states"]);
  const parameters = { gates, units, projSize, bias, init: init ?? bounded(1 / Math.sqrt(units)) };
  const directions = bidirectional ? 2 : 1;
  const made = layer<Steps | LstmInput, Steps | Value | LstmStates>(type, params, (scope, given) => {
    const { input, h0, c0 } = has(given, "input") ? (given as LstmInput) : { input: given as Steps };
    const { values, mask } = checkSteps(type, input);
    checkValue(type, values, 3, "steps of [batch, steps, channels]");
    const [batch, steps, channels] = values.shape as [number, number, number];
    if (steps === 0) reject("shape-mismatch", type, `steps are ${showShape(values.shape)}, want at least one`);
    if (c0 && type === "gru")
      reject("invalid-input", type, "got c0, want h0 alone: a GRU has no memory beside its state");
    const begin = [
      beginning(type, "h0", h0, batch, layers * directions, projSize ?? units),
      beginning(type, "c0", c0, batch, layers * directions, units),
    ] as const;
    const ends = endsOf(mask);
    /** What each direction of each layer leaves: its state, and its memory if it has one. */
    const left: Value[][] = [];
    let x = reshape(transpose(values, [1, 0, 2]), [steps * batch, channels]);
    for (let depth = 0; depth < layers; depth++) {
      const run = (into: Value, suffix: string) => {
        const start = begin.map((of) => of(left.length)) as [Value, Value];
        const weights = weightsOf(scope, into.shape[1]!, `_l${depth}${suffix}`, parameters);
        const found = states(into, weights, { state: start[0], memory: start[1] }, steps);
        left.push(found.map((each, i) => ends.last(each, [h0, c0][i] && start[i])));
        return found[0]!;
      };
      // Padding is behind the end: what a state does there reaches no step, and is left out of the result.
      const forwards = run(x, "");
      const backwards = bidirectional ? run(ends.turn(x), "_reverse") : undefined;
      if (depth === layers - 1 && returns === "last") return concat(left.slice(-directions).map(([state]) => state!));
      x = backwards ? concat([forwards, ends.turn(backwards)]) : forwards;
      if (depth < layers - 1 && dropout > 0 && scope.training) x = mul(x, scope.mask(dropout, x.shape));
    }
    const output = maskedSteps(transpose(reshape(x, [steps, batch, -1]), [1, 0, 2]), mask);
    if (returns === "sequences") return output;
    const [hn, cn] = left[0]!.map((_, i) =>
      concat(
        left.map((each) => reshape(each[i]!, [batch, 1, -1])),
        1,
      ),
    );
    return { output, hn: hn!, ...(cn && { cn }) } as LstmStates;
  });
  return made as Layer<Steps | LstmInput, Returned<Returns, All>>;
}

/** The start of a layer and direction: of what was given, or zeros. */
function beginning(type: string, name: string, given: Value | undefined, batch: number, count: number, width: number) {
  if (!given) return () => expand(constant(0), [batch, width]);
  const want = [batch, count, width];
  if (!has(given, "node", "shape") || !sameShape(given.shape, want))
    reject(
      "shape-mismatch",
      type,
      `${name} is ${describe(given)}, want ${showShape(want)}: [batch, layers x directions, width]`,
    );
  return (at: number) => reshape(slice(given, 1, at, at + 1), [batch, width]);
}

function weightsOf(
  scope: Scope,
  channels: number,
  suffix: string,
  {
    gates,
    units,
    projSize,
    bias,
    init,
  }: {
    readonly gates: number;
    readonly units: number;
    readonly projSize: number | undefined;
    readonly bias: boolean;
    readonly init: Initializer;
  },
): Weights {
  const all = gates * units;
  const shift = (name: string) =>
    bias ? scope.parameter(`${name}${suffix}`, [all], init) : constant(new Float32Array(all));
  return {
    wi: scope.parameter(`weight_ih${suffix}`, [all, channels], init),
    wh: scope.parameter(`weight_hh${suffix}`, [all, projSize ?? units], init),
    bi: shift("bias_ih"),
    bh: shift("bias_hh"),
    wr: projSize === undefined ? undefined : scope.parameter(`weight_hr${suffix}`, [projSize, units], init),
  };
}

/** What ragged rows need, from their mask `[batch, steps]`. */
function endsOf(mask: Value): { turn(x: Value): Value; last(states: Value, start: Value | undefined): Value } {
  const [batch, steps] = mask.shape as [number, number];
  const count = (length: number) => Float32Array.from({ length }, (_, i) => i);
  const [step, row] = [constant(count(steps), [steps, 1]), constant(count(batch))];
  const lengths = sum(mask, [1]);
  const lastStep = maximum(sub(lengths, 1), 0);
  const at = (steps: Value) => reshape(cast(add(mul(steps, batch), row), "int32"), [-1]);
  // Step t of a row is its step length - 1 - t turned round; padding stays where it is.
  const turned = at(add(step, mul(transpose(mask, [1, 0]), sub(sub(lengths, 1), mul(step, 2)))));
  const isLast = column(cast(equal(step, lastStep), "float32"));
  return {
    // To turn back is to turn again, so what goes back is gathered too, where a gather's own rule would scatter.
    turn: (x) => withGradient([gather(x, turned)], [x], ([gradient]) => [gradient && gather(gradient, turned)])[0]!,
    last(states, start) {
      const [found] = withGradient([gather(states, at(lastStep))], [states], ([gradient]) => [
        gradient && reshape(mul(gradient, isLast), states.shape),
      ]);
      // Without any step, what it began with.
      const some = max(mask, [1], true);
      return start ? add(mul(found!, some), mul(start, sub(1, some))) : mul(found!, some);
    },
  };
}

const gruStates: States = (x, { wi, wh, bi, bh }, { state: start }, steps) => {
  const [batch, units] = start.shape as [number, number];
  const rows = steps * batch;
  const flat = (stack: Value, width: number) => reshape(stack, [rows, width]);
  const byStep = (value: Value, ...shape: readonly number[]) => reshape(value, [steps, batch, ...shape]);
  const [whGates, whNew] = split(wh, [2 * units, units], 0) as [Value, Value];
  const [bhGates, bhNew] = split(bh, [2 * units, units]) as [Value, Value];
  const [wiGates, wiNew] = split(wi, [2 * units, units], 0) as [Value, Value];
  const [biGates, biNew] = split(bi, [2 * units, units]) as [Value, Value];
  const { stacks } = scan(
    {
      states: [start],
      // The input's part of all steps at once.
      slices: [
        byStep(gemm(x, wiGates, add(biGates, bhGates), { transB: true }), 2 * units),
        byStep(gemm(x, wiNew, biNew, { transB: true }), units),
      ],
      held: [whGates, whNew, bhNew],
    },
    ({ states: [before], slices: [xGates, xNew], held: [weight, weightNew, shift] }) => {
      const gates = sigmoid(gemm(before!, weight!, xGates!, { transB: true }));
      const [r, z] = split(gates, [units, units]) as [Value, Value];
      const part = gemm(before!, weightNew!, shift!, { transB: true });
      const fresh = tanh(add(xNew!, mul(r, part)));
      const after = add(fresh, mul(z, sub(before!, fresh)));
      return { states: [after], stacks: [after, gates, fresh, part] };
    },
  );
  const states = flat(stacks[0]!, units);
  return withGradient([states], [x, wi, wh, bi, bh, start], ([gradient]) => {
    if (!gradient) return [];
    // How each gate's sum moves with the state after the step, for all steps at once: then a step back is one product with the
    // gradient of the state and one matrix product.
    const before = earlier(start, states);
    const fresh = flat(stacks[2]!, units);
    const [r, z] = split(flat(stacks[1]!, 2 * units), [units, units]) as [Value, Value];
    const keep = sub(1, z);
    const byNew = mul(keep, sub(1, mul(fresh, fresh)));
    const byZ = mul(sub(before, fresh), mul(z, keep));
    const byPart = mul(byNew, r);
    const byR = mul(mul(byPart, flat(stacks[3]!, units)), sub(1, r));
    const through = concat([wh, identity(units)], 0);
    const back = scan(
      {
        states: [expand(constant(0), [batch, 4 * units])],
        slices: [byStep(gradient, units), byStep(concat([byR, byZ, byPart, z]), 4, units)],
        held: [through],
        reverse: true,
      },
      ({ states: [later], slices: [after, rates], held: [weight] }) => {
        const delta = gemm(later!, weight!, after!);
        const flow = reshape(mul(reshape(delta, [batch, 1, units]), rates!), [batch, 4 * units]);
        return { states: [flow], stacks: [delta, flow] };
      },
    );
    const [hidden] = split(flat(back.stacks[1]!, 4 * units), [3 * units, units]) as [Value, Value];
    const [dGates] = split(hidden, [2 * units, units]) as [Value, Value];
    const dNew = mul(flat(back.stacks[0]!, units), byNew);
    const [biasGates, biasNew] = [sum(dGates, [0]), sum(dNew, [0])];
    return [
      add(matmul(dGates, wiGates), matmul(dNew, wiNew)),
      concat([matmul(dGates, x, { transA: true }), matmul(dNew, x, { transA: true })], 0),
      matmul(hidden, before, { transA: true }),
      concat([biasGates, biasNew]),
      sum(hidden, [0]),
      matmul(back.states[0]!, through),
    ];
  });
};

const lstmStates: States = (x, { wi, wh, bi, bh, wr }, start, steps) => {
  const [batch, units] = start.memory.shape as [number, number];
  const width = start.state.shape[1]!;
  const rows = steps * batch;
  const flat = (stack: Value, width: number) => reshape(stack, [rows, width]);
  const byStep = (value: Value, ...shape: readonly number[]) => reshape(value, [steps, batch, ...shape]);
  // Gates in the order i, f, o, g, so that one sigmoid does three.
  const arrange = (w: Value) => {
    const [i, f, g, o] = split(w, [units, units, units, units], 0) as [Value, Value, Value, Value];
    return concat([i, f, o, g], 0);
  };
  const { stacks } = scan(
    {
      states: [start.state, start.memory],
      slices: [byStep(gemm(x, arrange(wi), arrange(add(bi, bh)), { transB: true }), 4 * units)],
      held: [arrange(wh), ...(wr ? [wr] : [])],
    },
    ({ states: [before, memory], slices: [inputs], held: [weight, projection] }) => {
      const sums = gemm(before!, weight!, inputs!, { transB: true });
      const [three, fresh] = split(sums, [3 * units, units]) as [Value, Value];
      const gates = sigmoid(three);
      const [i, f, o] = split(gates, [units, units, units]) as [Value, Value, Value];
      const g = tanh(fresh);
      const cell = add(mul(f, memory!), mul(i, g));
      const shown = tanh(cell);
      const whole = mul(o, shown);
      const after = projection ? matmul(whole, projection, { transB: true }) : whole;
      return { states: [after, cell], stacks: [after, cell, shown, gates, g] };
    },
  );
  const states = flat(stacks[0]!, width);
  const cells = flat(stacks[1]!, units);
  const inputs = [x, wi, wh, bi, bh, start.state, start.memory, ...(wr ? [wr] : [])];
  return withGradient([states, cells], inputs, ([ofStates, ofCells]) => {
    if (!ofStates && !ofCells) return [];
    const [i, f, o] = split(flat(stacks[3]!, 3 * units), [units, units, units]) as [Value, Value, Value];
    const [g, shown] = [flat(stacks[4]!, units), flat(stacks[2]!, units)];
    const inner = (gate: Value) => mul(gate, sub(1, gate));
    // By the memory: the sums of i, f and g, and the memory before; by the state: the memory, and the sum of o.
    const byCell = concat([
      mul(g, inner(i)),
      mul(earlier(start.memory, cells), inner(f)),
      mul(i, sub(1, mul(g, g))),
      f,
    ]);
    const nothing = (columns: number) => expand(constant(0), [batch, columns]);
    const back = scan(
      {
        states: [nothing(4 * units), nothing(units)],
        slices: [
          ofStates ? byStep(ofStates, width) : expand(constant(0), [steps, batch, width]),
          byStep(byCell, 4, units),
          byStep(mul(o, sub(1, mul(shown, shown))), units),
          byStep(mul(shown, inner(o)), units),
          ...(ofCells ? [byStep(ofCells, units)] : []),
        ],
        held: [wh, ...(wr ? [wr] : [])],
        reverse: true,
      },
      ({ states: [later, memory], slices: [after, rates, cellRates, gateRates, cell], held: [weight, projection] }) => {
        const shown = gemm(later!, weight!, after!);
        const delta = projection ? matmul(shown, projection) : shown;
        const through = add(mul(delta, cellRates!), memory!);
        const total = cell ? add(through, cell) : through;
        const flow = reshape(mul(reshape(total, [batch, 1, units]), rates!), [batch, 4 * units]);
        const [three, before] = split(flow, [3 * units, units]) as [Value, Value];
        const all = concat([three, mul(delta, gateRates!)]);
        return { states: [all, before], stacks: projection ? [all, shown] : [all] };
      },
    );
    const sums = flat(back.stacks[0]!, 4 * units);
    const bias = sum(sums, [0]);
    return [
      matmul(sums, wi),
      matmul(sums, x, { transA: true }),
      matmul(sums, earlier(start.state, states), { transA: true }),
      bias,
      bias,
      matmul(back.states[0]!, wh),
      back.states[1],
      ...(wr ? [matmul(flat(back.stacks[1]!, width), mul(o, shown), { transA: true })] : []),
    ];
  });
};

/** What each step began with: `[steps * batch, units]` one step later, the start in front. */
function earlier(start: Value, states: Value): Value {
  const [batch, rows] = [start.shape[0]!, states.shape[0]!];
  return rows === batch ? start : concat([start, slice(states, 0, 0, rows - batch)], 0);
}

function identity(size: number): Value {
  const matrix = new Float32Array(size * size);
  for (let i = 0; i < size; i++) matrix[i * (size + 1)] = 1;
  return constant(matrix, [size, size]);
}
