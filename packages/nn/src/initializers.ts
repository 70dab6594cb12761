import { checkParam, MmubError, type Random } from "@mmub/core";
import { type Shape, showShape, sizeOf } from "./graph.js";
import type { Initializer } from "./network.js";

const part = "@mmub/nn/initializers";

export interface GainParams {
  /** What the numbers are multiplied with; √2 suits ReLU. @default 1 */
  readonly gain?: number;
}

export interface KaimingParams {
  /** Slope of the leaky ReLU that follows, as PyTorch's `a`; 0 is ReLU. @default √5, which PyTorch's layers have */
  readonly slope?: number;
  /** Whether the variance is kept forwards (`in`) or backwards (`out`). @default "in" */
  readonly fan?: "in" | "out";
}

/** The inputs and outputs of a weight `[out, in, ...kernel]`: how many numbers meet in one, forwards and backwards. */
export function fans(shape: Shape): { readonly in: number; readonly out: number } {
  if (shape.length < 2)
    throw new MmubError("invalid-params", {
      part,
      message: `shape is ${showShape(shape)}, want [out, in, ...kernel]`,
      shape,
    });
  const [out, into, ...kernel] = shape as [number, number, ...number[]];
  return { in: into * sizeOf(kernel), out: out * sizeOf(kernel) };
}

/** Every number 0. */
export const zeros = (): Initializer => constant(0);

/** Every number 1. */
export const ones = (): Initializer => constant(1);

/** Every number the same. */
export function constant(value: number): Initializer {
  checkParam(part, "value", value, Number.isFinite(value), "a finite number");
  return (shape) => new Float32Array(sizeOf(shape)).fill(value);
}

/** From the uniform distribution over [from, to). @default from 0, to 1 */
export function uniform({ from = 0, to = 1 }: { readonly from?: number; readonly to?: number } = {}): Initializer {
  checkParam(part, "from", from, Number.isFinite(from), "a finite number");
  checkParam(part, "to", to, Number.isFinite(to) && to >= from, `a finite number from ${from}`);
  return fill((random) => from + random.next() * (to - from));
}

/** From the normal distribution. @default mean 0, deviation 1 */
export function normal({
  mean = 0,
  deviation = 1,
}: {
  readonly mean?: number;
  readonly deviation?: number;
} = {}): Initializer {
  checkParam(part, "mean", mean, Number.isFinite(mean), "a finite number");
  checkParam(part, "deviation", deviation, Number.isFinite(deviation) && deviation >= 0, "a number from 0");
  return fill((random) => mean + random.normal() * deviation);
}

/**
 * Uniform within ±√(6 / (in + out)) · gain.
 * Source: Glorot and Bengio, Understanding the difficulty of training deep feedforward neural networks (2010).
 */
export function xavierUniform({ gain = 1 }: GainParams = {}): Initializer {
  checkGain(gain);
  return (shape, random) => bounded(gain * Math.sqrt(6 / (fans(shape).in + fans(shape).out)))(shape, random);
}

/** Normal with the deviation √(2 / (in + out)) · gain. Source: as `xavierUniform`. */
export function xavierNormal({ gain = 1 }: GainParams = {}): Initializer {
  checkGain(gain);
  return (shape, random) =>
    normal({ deviation: gain * Math.sqrt(2 / (fans(shape).in + fans(shape).out)) })(shape, random);
}

/**
 * Uniform within ±√(6 / ((1 + slope²) · fan)): with the default slope ±1 / √in, which PyTorch's Linear and Conv have.
 * Source: He, Zhang, Ren and Sun, Delving deep into rectifiers (2015).
 */
export function kaimingUniform({ slope = Math.sqrt(5), fan = "in" }: KaimingParams = {}): Initializer {
  checkParam(part, "slope", slope, Number.isFinite(slope), "a finite number");
  checkParam(part, "fan", fan, fan === "in" || fan === "out", '"in" or "out"');
  return (shape, random) => bounded(Math.sqrt(6 / ((1 + slope ** 2) * fans(shape)[fan])))(shape, random);
}

/**
 * Rows (or columns, where there are fewer of them) that are at right angles and of length `gain`; axes from the second on
 * count as one. Source: Saxe, McClelland and Ganguli, Exact solutions to the nonlinear dynamics of learning (2014).
 */
export function orthogonal({ gain = 1 }: GainParams = {}): Initializer {
  checkGain(gain);
  return (shape, random) => {
    const { in: into } = fans(shape);
    const out = shape[0]!;
    const [few, many] = out < into ? [out, into] : [into, out];
    const rows = Array.from({ length: few }, () => Float64Array.from({ length: many }, () => random.normal()));
    for (const [i, row] of rows.entries()) {
      // Twice, as once leaves rounding errors where two rows were nearly parallel.
      for (let pass = 0; pass < 2; pass++)
        for (const other of rows.slice(0, i)) {
          const along = dot(row, other);
          for (let k = 0; k < many; k++) row[k]! -= along * other[k]!;
        }
      const length = Math.sqrt(dot(row, row));
      for (let k = 0; k < many; k++) row[k]! /= length;
    }
    const result = new Float32Array(out * into);
    for (let o = 0; o < out; o++)
      for (let i = 0; i < into; i++) result[o * into + i] = gain * (out < into ? rows[o]![i]! : rows[i]![o]!);
    return result;
  };
}

/** Uniform within ±bound. */
export const bounded = (bound: number): Initializer => fill((random) => (2 * random.next() - 1) * bound);

function fill(draw: (random: Random) => number): Initializer {
  return (shape, random) => {
    const numbers = new Float32Array(sizeOf(shape));
    for (let i = 0; i < numbers.length; i++) numbers[i] = draw(random);
    return numbers;
  };
}

function checkGain(gain: number): void {
  checkParam(part, "gain", gain, Number.isFinite(gain), "a finite number");
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
