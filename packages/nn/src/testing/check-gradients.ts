import { random } from "@mmub/core";
import { evaluator } from "../runtimes/reference.js";
import { buildTest, type Filled, type GraphTest, largestOf } from "./graph-test.js";

export interface CheckGradientsOptions {
  /** The most that a gradient may be off, relative to the largest entry of its tensor. @default 1e-5 */
  readonly tolerance?: number;
  /** How far each number is moved to both sides. @default 1e-5 */
  readonly step?: number;
  /** The most numbers of a parameter that are moved, chosen at random where it has more. @default 64 */
  readonly entries?: number;
}

/**
 * Checks gradients against central differences, in double precision on the reference runtime: of an op, a layer, a loss or a gradient
 * rule of your own. Throws what is off, by name and position; returns the largest difference found, relative to the largest entry of its
 * tensor.
 *
 * A kink within `step` of a number (`relu` near 0, two equals under `max`) shows as a difference: choose numbers away from it. Cost: two
 * runs for each number moved.
 *
 * @example
 * checkGradients({
 *   parameters: { x: [2, 3], weight: [4, 3] },
 *   build: ({ x, weight }) => tanh(matmul(x, weight, { transB: true })),
 * });
 */
export function checkGradients<
  const Parameters extends Readonly<Record<string, Filled>>,
  const Inputs extends Readonly<Record<string, Filled>> = Readonly<Record<never, never>>,
>(
  test: GraphTest<Parameters, Inputs>,
  { tolerance = 1e-5, step = 1e-5, entries = 64 }: CheckGradientsOptions = {},
): number {
  const built = buildTest(test);
  const outputs = evaluator(built.program)(built.feeds);
  const forward = evaluator(built.forward);
  const lossAt = (name: string, at: number, value: number) => {
    const moved = Float64Array.from(built.feeds[name]!);
    moved[at] = value;
    return forward({ ...built.feeds, [name]: moved }).loss![0]!;
  };
  let worst = 0;
  for (const name of built.parameters) {
    const got = built.gradient(name, outputs);
    const order = random(test.seed)
      .shuffle(Uint32Array.from(got, (_, i) => i))
      .subarray(0, entries);
    const want = Array.from(order, (at) => {
      const value = built.feeds[name]![at]!;
      return (lossAt(name, at, value + step) - lossAt(name, at, value - step)) / (2 * step);
    });
    // Differences are only so sharp: below this they are noise.
    const scale = Math.max(largestOf(got), largestOf(want), 1e-3);
    for (const [i, at] of order.entries()) {
      const apart = Math.abs(got[at]! - want[i]!) / scale;
      if (!(apart <= tolerance))
        throw new Error(
          `the gradient of "${name}" at ${at} is ${got[at]}, by differences ${want[i]}: ${apart.toExponential(1)} apart, want at most ${tolerance} of the largest, ${scale}`,
        );
      worst = Math.max(worst, apart);
    }
  }
  return worst;
}
