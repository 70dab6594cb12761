// The definition of the ops: plain loops in double precision, which the other runtimes and the gradients are held to.
import type { TypedArray } from "@mmub/core";
import { type DType, reject, type Shape, sizeOf, type Window } from "../graph.js";
import type { Program, ProgramNode, ProgramNodeOf, RunOp } from "../program.js";
import { checkFeeds, checkFetches } from "./check.js";
import type { Runtime } from "./runtime.js";

/** float32 in double precision, int32, and bool as 0 and 1. */
export type Numbers = Float64Array | Int32Array | Uint8Array;

/**
 * The reference runtime: every op in double precision and plain TypeScript, slow and without dependencies. What it gives is what an op
 * means; other runtimes are held to it by `runtimeChecks`.
 *
 * @example
 * const x = input("x", [2]);
 * const session = await reference().compile(program({ y: mul(x, x) }));
 * const y = new Float32Array(2);
 * await session.run({ x: Float32Array.of(3, 4) }, { y });
 * console.log(y); // Float32Array(2) [ 9, 16 ]
 */
export function reference(): Runtime {
  return {
    name: "reference",
    recipe: { kind: "reference", options: {} },
    async compile(program) {
      const run = evaluator(program);
      return {
        async run(feeds, fetches) {
          checkFetches("reference", program, fetches);
          const results = run(feeds);
          for (const [name, into] of Object.entries(fetches)) into.set(results[name]!);
        },
        async dispose() {},
      };
    },
  };
}

/** The outputs of a program in double precision, as `evaluator` gives them. */
export function evaluate(program: Program, feeds: Readonly<Record<string, TypedArray>>): Record<string, Numbers> {
  return evaluator(program)(feeds);
}

/**
 * A program as a function in double precision: feeds by name to outputs by name. Feeds of float32 tensors may be Float64Arrays. For
 * numeric gradients, and for looking into a graph.
 *
 * @example
 * const x = input("x", [3]);
 * const run = evaluator(program({ y: softmax(x) }));
 * console.log(run({ x: Float64Array.of(0, 0, 0) }).y); // a third each
 */
export function evaluator(program: Program): (feeds: Readonly<Record<string, TypedArray>>) => Record<string, Numbers> {
  const steps = program.nodes.map((node) => ({ node, run: prepare(node) }));
  return (feeds) => {
    checkFeeds("reference", program, feeds);
    const values: Numbers[] = [];
    for (const { name, value, dtype } of [...program.inputs, ...program.parameters])
      values[value] = numbers(dtype, feeds[name]!);
    for (const { node, run } of steps) {
      const results = run(node.inputs.map((value) => values[value]!));
      for (const [i, { value }] of node.outputs.entries()) values[value] = results[i]!;
    }
    return Object.fromEntries(program.outputs.map(({ name, value }) => [name, values[value]!]));
  };
}

function numbers(dtype: DType, from: ArrayLike<number>): Numbers {
  return dtype === "float32"
    ? Float64Array.from(from)
    : dtype === "int32"
      ? Int32Array.from(from)
      : Uint8Array.from(from, (value) => (value ? 1 : 0));
}

function zeros({ dtype, shape }: Tensor): Numbers {
  const size = sizeOf(shape);
  return dtype === "float32" ? new Float64Array(size) : dtype === "int32" ? new Int32Array(size) : new Uint8Array(size);
}

/** The ops that programs are made of. */
export const runOps = (): readonly RunOp[] => Object.keys(kernels) as RunOp[];

function fill(tensor: Tensor, value: (i: number) => number): Numbers {
  const y = zeros(tensor);
  for (let i = 0; i < y.length; i++) y[i] = value(i);
  return y;
}

type Tensor = ProgramNode["outputs"][number];

/** Works out indices once, then runs. */
type Kernel<O extends RunOp> = (node: ProgramNodeOf<O>) => (inputs: readonly Numbers[]) => readonly Numbers[];

function prepare(node: ProgramNode): (inputs: readonly Numbers[]) => readonly Numbers[] {
  return (kernels[node.op] as Kernel<RunOp>)(node);
}

const kernels: { readonly [O in RunOp]: Kernel<O> } = {
  constant: ({ attributes: { data }, outputs: [y] }) => {
    const whole = numbers(y!.dtype, data);
    return () => [whole];
  },
  scan: ({ attributes: { body, states, slices, reverse }, inputShapes, outputs }) => {
    const step = evaluator(body);
    const steps = inputShapes[states]![0]!;
    return (inputs) => {
      const kind = (i: number) =>
        i < states ? `state${i}` : i < states + slices ? `slice${i - states}` : `held${i - states - slices}`;
      const feeds = Object.fromEntries(inputs.map((values, i) => [kind(i), values]));
      const stacks = outputs.slice(states).map(zeros);
      for (let i = 0; i < steps; i++) {
        const t = reverse ? steps - 1 - i : i;
        for (let slice = 0; slice < slices; slice++) {
          const size = sizeOf(inputShapes[states + slice]!.slice(1));
          feeds[`slice${slice}`] = inputs[states + slice]!.subarray(t * size, (t + 1) * size);
        }
        const results = step(feeds);
        for (let state = 0; state < states; state++) feeds[`state${state}`] = results[`state${state}`]!;
        for (const [s, stack] of stacks.entries()) {
          const piece = results[`stack${s}`]!;
          stack.set(piece, t * piece.length);
        }
      }
      return [...Array.from({ length: states }, (_, state) => feeds[`state${state}`]!), ...stacks];
    };
  },
  add: pairwise((a, b) => a + b),
  sub: pairwise((a, b) => a - b),
  mul: pairwise((a, b) => a * b),
  div: pairwise((a, b) => a / b),
  maximum: pairwise(Math.max),
  minimum: pairwise(Math.min),
  equal: pairwise((a, b) => +(a === b)),
  greater: pairwise((a, b) => +(a > b)),
  greaterOrEqual: pairwise((a, b) => +(a >= b)),
  where: (node) => {
    const [condition, yes, no] = node.inputShapes.map((shape) => spread(shape, node.outputs[0]!.shape));
    return ([c, a, b]) => [fill(node.outputs[0]!, (i) => (c![condition![i]!] ? a![yes![i]!]! : b![no![i]!]!))];
  },
  cast: (node) => {
    const to = node.attributes.to === "bool" ? (x: number) => +(x !== 0) : Math.trunc;
    return ([x]) => [fill(node.outputs[0]!, (i) => (node.attributes.to === "float32" ? x![i]! : to(x![i]!)))];
  },
  neg: each((x) => -x),
  abs: each(Math.abs),
  sign: each(Math.sign),
  exp: each(Math.exp),
  log: each(Math.log),
  sqrt: each(Math.sqrt),
  erf: each(erf),
  relu: each((x) => Math.max(x, 0)),
  sigmoid: each((x) => 1 / (1 + Math.exp(-x))),
  tanh: each(Math.tanh),
  softplus: each((x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))),
  softmax: byRow((row) => {
    const powers = row.map((x, _, all) => Math.exp(x - largest(all)));
    const total = powers.reduce((a, b) => a + b, 0);
    return powers.map((power) => power / total);
  }),
  logSoftmax: byRow((row) => {
    const top = largest(row);
    const total = Math.log(row.reduce((a, x) => a + Math.exp(x - top), 0));
    return row.map((x) => x - top - total);
  }),
  layerNorm: (node) => {
    const width = node.inputShapes[0]!.at(-1)!;
    return ([x, scale, shift]) => {
      const results = node.outputs.map(({ shape }) => new Float64Array(sizeOf(shape))) as [
        Float64Array,
        Float64Array,
        Float64Array,
      ];
      for (let row = 0; row < results[1].length; row++) {
        const values = x!.slice(row * width, (row + 1) * width) as Float64Array;
        const center = values.reduce((a, b) => a + b, 0) / width;
        const variance = values.reduce((a, b) => a + (b - center) ** 2, 0) / width;
        const over = 1 / Math.sqrt(variance + node.attributes.epsilon);
        for (let i = 0; i < width; i++)
          results[0][row * width + i] = (values[i]! - center) * over * scale![i]! + shift![i]!;
        results[1][row] = center;
        results[2][row] = over;
      }
      return results;
    };
  },
  sum: reduction(0, (a, b) => a + b),
  mean: (node) => {
    const add = reduction(0, (a, b) => a + b)(node);
    const count = sizeOf(node.inputShapes[0]!) / sizeOf(node.outputs[0]!.shape);
    return (inputs) => [add(inputs)[0]!.map((total: number) => total / count) as Float64Array];
  },
  max: reduction(Number.NEGATIVE_INFINITY, Math.max),
  argMax: (node) => {
    const shape = node.inputShapes[0]!;
    const { axis } = node.attributes;
    const step = strides(shape)[axis]!;
    const first = positions(node.outputs[0]!.shape, strides(shape).toSpliced(axis, 1));
    return ([x]) => [
      fill(node.outputs[0]!, (i) => {
        let best = 0;
        for (let k = 1; k < shape[axis]!; k++) if (x![first[i]! + k * step]! > x![first[i]! + best * step]!) best = k;
        return best;
      }),
    ];
  },
  matmul: (node) => product(node, node.attributes.scale),
  gemm: (node) => {
    const multiply = product(node, 1);
    const bias = spread(node.inputShapes[2]!, node.outputs[0]!.shape);
    return (inputs) => [multiply(inputs)[0]!.map((x: number, i: number) => x + inputs[2]![bias[i]!]!) as Float64Array];
  },
  reshape:
    () =>
    ([x]) => [x!],
  transpose: (node) => {
    const from = strides(node.inputShapes[0]!);
    return take(
      node.outputs[0]!,
      positions(
        node.outputs[0]!.shape,
        node.attributes.order.map((axis) => from[axis]!),
      ),
    );
  },
  expand: (node) => take(node.outputs[0]!, spread(node.inputShapes[0]!, node.outputs[0]!.shape)),
  concat: (node) => {
    const { axis } = node.attributes;
    const to = strides(node.outputs[0]!.shape);
    let from = 0;
    const places = node.inputShapes.map((shape) => {
      const start = from * to[axis]!;
      from += shape[axis]!;
      return positions(shape, to, start);
    });
    return (inputs) => {
      const y = zeros(node.outputs[0]!);
      for (const [i, place] of places.entries()) for (let k = 0; k < place.length; k++) y[place[k]!] = inputs[i]![k]!;
      return [y];
    };
  },
  split: (node) => {
    const { axis, sizes } = node.attributes;
    const from = strides(node.inputShapes[0]!);
    let start = 0;
    const pieces = node.outputs.map((output, i) => {
      const place = positions(output.shape, from, start * from[axis]!);
      start += sizes[i]!;
      return take(output, place);
    });
    return (inputs) => pieces.flatMap((piece) => piece(inputs));
  },
  slice: (node) => {
    const { axis, from } = node.attributes;
    const steps = strides(node.inputShapes[0]!);
    return take(node.outputs[0]!, positions(node.outputs[0]!.shape, steps, from * steps[axis]!));
  },
  pad: (node) => {
    const to = strides(node.outputs[0]!.shape);
    const start = node.attributes.before.reduce((total, count, axis) => total + count * to[axis]!, 0);
    const place = positions(node.inputShapes[0]!, to, start);
    return ([x]) => {
      const y = new Float64Array(sizeOf(node.outputs[0]!.shape));
      for (let i = 0; i < place.length; i++) y[place[i]!] = x![i]!;
      return [y];
    };
  },
  gather: (node) => {
    const [rows = 0, ...rest] = node.inputShapes[0]!;
    const columns = sizeOf(rest);
    return ([table, ids]) => {
      checkIds("gather", ids!, rows);
      return [fill(node.outputs[0]!, (i) => table![ids![Math.floor(i / columns)]! * columns + (i % columns)]!)];
    };
  },
  scatterAdd: (node) => {
    const columns = node.inputShapes[1]![1]!;
    return ([ids, values]) => {
      checkIds("scatterAdd", ids!, node.attributes.rows);
      const y = new Float64Array(sizeOf(node.outputs[0]!.shape));
      for (let i = 0; i < values!.length; i++)
        y[ids![Math.floor(i / columns)]! * columns + (i % columns)]! += values![i]!;
      return [y];
    };
  },
  oneHot: (node) => {
    const { depth } = node.attributes;
    return ([ids]) => [fill(node.outputs[0]!, (i) => +(ids![Math.floor(i / depth)] === i % depth))];
  },
  conv: (node) => {
    const walk = convolution(node.inputShapes[0]!, node.inputShapes[1]!, node.outputs[0]!.shape, node.attributes);
    return ([x, filters, bias]) => {
      const [, channels, ...space] = node.outputs[0]!.shape;
      const y = fill(node.outputs[0]!, (i) => (bias ? bias[Math.floor(i / sizeOf(space)) % channels!]! : 0));
      walk((at, k, to) => {
        y[to]! += x![at]! * filters![k]!;
      });
      return [y];
    };
  },
  convInputGradient: (node) => {
    const walk = convolution(node.attributes.shape, node.inputShapes[1]!, node.inputShapes[0]!, node.attributes);
    return ([gradient, filters]) => {
      const dx = new Float64Array(sizeOf(node.attributes.shape));
      walk((at, k, to) => {
        dx[at]! += gradient![to]! * filters![k]!;
      });
      return [dx];
    };
  },
  convFilterGradient: (node) => {
    const walk = convolution(node.inputShapes[0]!, node.attributes.shape, node.inputShapes[1]!, node.attributes);
    return ([x, gradient]) => {
      const df = new Float64Array(sizeOf(node.attributes.shape));
      walk((at, k, to) => {
        df[k]! += x![at]! * gradient![to]!;
      });
      return [df];
    };
  },
  maxPool: (node) => {
    const walk = pooling(node.inputShapes[0]!, node.outputs[0]!.shape, node.attributes);
    return ([x]) => {
      const y = fill(node.outputs[0]!, () => Number.NEGATIVE_INFINITY);
      walk((at, to) => {
        y[to] = Math.max(y[to]!, x![at]!);
      });
      return [y];
    };
  },
  maxPoolGradient: (node) => {
    const walk = pooling(node.inputShapes[0]!, node.inputShapes[1]!, node.attributes);
    return ([x, pooled, gradient]) => {
      const dx = new Float64Array(x!.length);
      const given = new Uint8Array(pooled!.length);
      walk((at, to) => {
        if (given[to] || x![at] !== pooled![to]) return;
        dx[at]! += gradient![to]!;
        given[to] = 1;
      });
      return [dx];
    };
  },
  averagePool: (node) => {
    const walk = pooling(node.inputShapes[0]!, node.outputs[0]!.shape, node.attributes);
    const counts = windowCounts(walk, sizeOf(node.outputs[0]!.shape), node.attributes);
    return ([x]) => {
      const y = fill(node.outputs[0]!, () => 0);
      walk((at, to) => {
        y[to]! += x![at]! / counts[to]!;
      });
      return [y];
    };
  },
  averagePoolGradient: (node) => {
    const walk = pooling(node.attributes.shape, node.inputShapes[0]!, node.attributes);
    const counts = windowCounts(walk, sizeOf(node.inputShapes[0]!), node.attributes);
    return ([gradient]) => {
      const dx = new Float64Array(sizeOf(node.attributes.shape));
      walk((at, to) => {
        dx[at]! += gradient![to]! / counts[to]!;
      });
      return [dx];
    };
  },
};

function each(apply: (x: number) => number) {
  return (node: { readonly outputs: readonly Tensor[] }) =>
    ([x]: readonly Numbers[]): readonly Numbers[] => [fill(node.outputs[0]!, (i) => apply(x![i]!))];
}

function pairwise(apply: (a: number, b: number) => number) {
  return (node: Pick<ProgramNode, "inputShapes" | "outputs">) => {
    const [left, right] = node.inputShapes.map((shape) => spread(shape, node.outputs[0]!.shape));
    return ([a, b]: readonly Numbers[]): readonly Numbers[] => [
      fill(node.outputs[0]!, (i) => apply(a![left![i]!]!, b![right![i]!]!)),
    ];
  };
}

function byRow(apply: (row: Float64Array) => Float64Array) {
  return (node: Pick<ProgramNode, "inputShapes" | "outputs">) =>
    ([x]: readonly Numbers[]): readonly Numbers[] => {
      const width = node.inputShapes[0]!.at(-1) ?? 1;
      const y = new Float64Array(x!.length);
      for (let at = 0; at < y.length; at += width) y.set(apply((x as Float64Array).slice(at, at + width)), at);
      return [y];
    };
}

const largest = (row: Float64Array) => row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);

function reduction(from: number, join: (a: number, b: number) => number) {
  return (node: ProgramNodeOf<"sum" | "mean" | "max">) => {
    const shape = node.inputShapes[0]!;
    const { axes } = node.attributes;
    const keptSteps = strides(shape.map((length, axis) => (axes.includes(axis) ? 1 : length)));
    const to = positions(
      shape,
      keptSteps.map((step, axis) => (axes.includes(axis) ? 0 : step)),
    );
    return ([x]: readonly Numbers[]): readonly Numbers[] => {
      const y = fill(node.outputs[0]!, () => from);
      for (let i = 0; i < to.length; i++) y[to[i]!] = join(y[to[i]!]!, x![i]!);
      return [y];
    };
  };
}

function checkIds(op: string, ids: Numbers, rows: number): void {
  for (const [index, id] of ids.entries())
    if (id < 0 || id >= rows)
      reject("invalid-input", "reference", `${op}: id ${index} is ${id}, want 0 to ${rows - 1}`, { index });
}

function take(tensor: Tensor, places: Int32Array) {
  return ([x]: readonly Numbers[]): readonly Numbers[] => [fill(tensor, (i) => x![places[i]!]!)];
}

function product(node: ProgramNodeOf<"matmul"> | ProgramNodeOf<"gemm">, scale: number) {
  const [aShape, bShape] = node.inputShapes as [Shape, Shape];
  const { transA, transB } = node.attributes;
  const { shape } = node.outputs[0]!;
  const lead = shape.slice(0, -2);
  const [m, n] = shape.slice(-2) as [number, number];
  const k = aShape.at(transA ? -2 : -1)!;
  // Where each matrix starts, and how far a row and a column lie apart in it.
  const starts = (of: Shape) => spread(of.slice(0, -2), lead).map((matrix) => matrix * sizeOf(of.slice(-2)));
  const [aStarts, bStarts] = [starts(aShape), starts(bShape)];
  const [aRow, aCol] = transA ? [1, m] : [k, 1];
  const [bRow, bCol] = transB ? [1, k] : [n, 1];
  return ([a, b]: readonly Numbers[]): readonly Numbers[] => {
    const y = new Float64Array(sizeOf(shape));
    for (let matrix = 0, at = 0; matrix < aStarts.length; matrix++)
      for (let i = 0; i < m; i++)
        for (let j = 0; j < n; j++, at++) {
          let total = 0;
          for (let l = 0; l < k; l++)
            total += a![aStarts[matrix]! + i * aRow + l * aCol]! * b![bStarts[matrix]! + l * bRow + j * bCol]!;
          y[at] = total * scale;
        }
    return [y];
  };
}

/** How far apart neighbours along each axis lie. */
function strides(shape: Shape): number[] {
  return shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
}

/** Where each element of a tensor of `shape` lies in another whose neighbours along each axis are `steps` apart. */
function positions(shape: Shape, steps: readonly number[], start = 0): Int32Array {
  let places = Int32Array.of(start);
  for (const [axis, length] of shape.entries()) {
    const next = new Int32Array(places.length * length);
    for (let i = 0; i < next.length; i++) next[i] = places[Math.floor(i / length)]! + (i % length) * steps[axis]!;
    places = next;
  }
  return places;
}

/** Positions in a tensor of `shape` that is broadcast to another. */
function spread(shape: Shape, to: Shape): Int32Array {
  const more = to.length - shape.length;
  const own = strides(shape);
  return positions(
    to,
    to.map((_, axis) => (axis < more || shape[axis - more] === 1 ? 0 : own[axis - more]!)),
  );
}

/** Which element of a window's input meets which of its kernel for which of its output, by output and then by kernel; pads left out. */
function taps(inside: Shape, outside: Shape, { kernel, strides: steps, dilations, pads }: Window) {
  const found: { readonly at: number; readonly k: number; readonly to: number }[] = [];
  const [inSteps, kSteps, toSteps] = [strides(inside), strides(kernel), strides(outside)];
  const visit = (axis: number, phase: "to" | "k", to: number[], k: number[]): void => {
    const shape = phase === "to" ? outside : kernel;
    if (axis < shape.length) {
      const chosen = phase === "to" ? to : k;
      for (let i = 0; i < shape[axis]!; i++) {
        chosen[axis] = i;
        visit(axis + 1, phase, to, k);
      }
    } else if (phase === "to") visit(0, "k", to, k);
    else {
      const at = to.map((place, i) => place * steps[i]! - pads[i]! + k[i]! * dilations[i]!);
      if (at.every((place, i) => place >= 0 && place < inside[i]!))
        found.push({ at: dot(at, inSteps), k: dot(k, kSteps), to: dot(to, toSteps) });
    }
  };
  visit(0, "to", [], []);
  return found;
}

const dot = (a: readonly number[], b: readonly number[]) => a.reduce((total, x, i) => total + x * b[i]!, 0);

/** Goes through every product of a convolution: positions in its input, its filters and its output. */
function convolution(x: Shape, filters: Shape, y: Shape, window: Window & { readonly groups: number }) {
  const [batch, channels, ...inside] = x as [number, number, ...number[]];
  const [, out, ...outside] = y as [number, number, ...number[]];
  const all = taps(inside, outside, window);
  const per = channels / window.groups;
  const [inSize, kSize, outSize] = [sizeOf(inside), sizeOf(filters.slice(2)), sizeOf(outside)];
  return (visit: (at: number, k: number, to: number) => void): void => {
    for (let b = 0; b < batch; b++)
      for (let o = 0; o < out; o++)
        for (let c = 0; c < per; c++) {
          const channel = Math.floor(o / (out / window.groups)) * per + c;
          for (const { at, k, to } of all)
            visit((b * channels + channel) * inSize + at, (o * per + c) * kSize + k, (b * out + o) * outSize + to);
        }
  };
}

/** Goes through every window of a pooling: positions in its input and its output. */
function pooling(x: Shape, y: Shape, window: Window) {
  const [inside, outside] = [x.slice(2), y.slice(2)];
  const all = taps(inside, outside, window);
  const [inSize, outSize] = [sizeOf(inside), sizeOf(outside)];
  return (visit: (at: number, to: number) => void): void => {
    for (let map = 0; map < x[0]! * x[1]!; map++)
      for (const { at, to } of all) visit(map * inSize + at, map * outSize + to);
  };
}

/** What each window's sum is divided by. */
function windowCounts(
  walk: (visit: (at: number, to: number) => void) => void,
  size: number,
  { kernel, countPads }: Window & { readonly countPads: boolean },
): Float64Array {
  const counts = new Float64Array(size).fill(countPads ? sizeOf(kernel) : 0);
  if (!countPads)
    walk((_, to) => {
      counts[to]! += 1;
    });
  return counts;
}

/** The Maclaurin series with the exponential taken out, whose terms are all of one sign: accurate to a few units of the last place. */
function erf(x: number): number {
  if (Math.abs(x) > 6 || Number.isNaN(x)) return Math.sign(x);
  let term = x;
  let total = x;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(total); n++) {
    term *= (2 * x * x) / (2 * n + 1);
    total += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * total;
}
