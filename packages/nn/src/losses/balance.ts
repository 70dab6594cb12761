// How the gradients of several tasks become one step.
import { checkParam } from "@mmub/core";
import type { Value } from "../graph.js";
import {
  add,
  constant,
  div,
  exp,
  greater,
  log,
  maximum,
  minimum,
  mul,
  reshape,
  sign,
  slice,
  softmax,
  sqrt,
  sub,
  where,
} from "../ops.js";

/** What is known of the tasks in a step. */
export interface BalanceContext {
  /** The mean loss of each task, a scalar. */
  readonly losses: readonly Value[];
  /** `products[i]![j]!`: the scalar product of the mean gradients of tasks i and j over the weights that they share. */
  readonly products: readonly (readonly Value[])[];
  /** A parameter or buffer of the network by its name. */
  readonly parameter: (name: string) => Value;
}

export interface Balanced {
  /** What the gradient of each task counts in that of shared weights, a scalar. */
  readonly shared: readonly Value[];
  /** The same in that of all other weights. */
  readonly own: readonly Value[];
  /** Gradients of what only serves the balance, by name. */
  readonly gradients?: Readonly<Record<string, Value>>;
  /** What buffers become, by name. */
  readonly updates?: Readonly<Record<string, Value>>;
}

/** How the gradients of tasks become one; for a `Loss` whose rows tell the losses of its tasks. */
export interface Balance {
  /** Whether tasks share the weights of this name. */
  readonly shared: (name: string) => boolean;
  combine(context: BalanceContext): Balanced;
}

const tiny = 1e-20;

/**
 * Projecting conflicting gradients: where those of two tasks point against each other, each loses its part along the other. The others are
 * gone through in turn, from the next task on, where the source draws an order. Cost: one backward pass a task.
 *
 * Source: Yu, Kumar, Gupta, Levine, Hausman and Finn, Gradient surgery for multi-task learning (2020), algorithm 1.
 *
 * @example
 * const balance = pcGrad({ shared: (name) => !name.startsWith("head") });
 */
export function pcGrad({ shared }: Pick<Balance, "shared">): Balance {
  return {
    shared,
    combine({ losses, products }) {
      const count = losses.length;
      const [zero, one] = [constant(0), constant(1)];
      // Each projected gradient is a sum of the gradients: only what they count is followed.
      const sums: Value[] = losses.map(() => zero);
      for (let i = 0; i < count; i++) {
        const parts: Value[] = losses.map((_, k) => (k === i ? one : zero));
        for (let step = 1; step < count; step++) {
          const j = (i + step) % count;
          const along = parts.map((part, k) => mul(part, products[k]![j]!)).reduce(add);
          parts[j] = sub(parts[j]!, div(minimum(along, 0), maximum(products[j]![j]!, tiny)));
        }
        for (let k = 0; k < count; k++) sums[k] = add(sums[k]!, parts[k]!);
      }
      return { shared: sums, own: losses.map(() => one) };
    },
  };
}

export interface GradNormParams extends Pick<Balance, "shared"> {
  /** How much faster a task is to learn that is behind; 0: all alike. */
  readonly alpha: number;
  /** A parameter `[tasks]`, at first 0: the weights are `tasks x softmax` of it. */
  readonly weights: string;
  /** A buffer `[tasks]`, at first 0: the first loss of each task. */
  readonly first: string;
}

/**
 * Gradient normalisation: weights of the tasks that are learned, so that their gradients are alike in length, longer of tasks that are
 * behind: `w` goes down the slope of `Σᵢ |wᵢ‖gᵢ‖ - mean · rᵢ^alpha|`, `rᵢ` the share that is left of a task's first loss beside the mean
 * share. Lengths are over all shared weights. Cost: one backward pass a task.
 *
 * Source: Chen, Badrinarayanan, Lee and Rabinovich, GradNorm: gradient normalization for adaptive loss balancing (2018).
 *
 * @example
 * const shared = (name: string) => !name.startsWith("head");
 * const balance = gradNorm({ shared, alpha: 1.5, weights: "task_balance", first: "task_first_losses" });
 */
export function gradNorm({ shared, alpha, weights, first }: GradNormParams): Balance {
  checkParam("@mmub/nn/grad-norm", "alpha", alpha, Number.isFinite(alpha), "a finite number");
  return {
    shared,
    combine({ losses, products, parameter }) {
      const count = losses.length;
      const at = (of: Value, i: number) => reshape(slice(of, 0, i, i + 1), []);
      const shares = softmax(parameter(weights));
      const own = losses.map((_, i) => mul(at(shares, i), count));
      const lengths = losses.map((_, i) => sqrt(maximum(products[i]![i]!, tiny)));
      const begun = losses.map((loss, i) => {
        const before = at(parameter(first), i);
        return where(greater(before, 0), before, loss);
      });
      const left = losses.map((loss, i) => where(greater(begun[i]!, 0), div(loss, maximum(begun[i]!, tiny)), 1));
      const meanOf = (all: readonly Value[]) => div(all.reduce(add), count);
      const [meanLeft, meanLength] = [meanOf(left), meanOf(lengths.map((length, i) => mul(length, own[i]!)))];
      // The gradient by each weight, the goal being held.
      const slopes = losses.map((_, i) => {
        const rate = exp(mul(log(maximum(div(left[i]!, maximum(meanLeft, tiny)), tiny)), alpha));
        return mul(sign(sub(mul(lengths[i]!, own[i]!), mul(meanLength, rate))), lengths[i]!);
      });
      // And through the softmax.
      const along = slopes.map((slope, i) => mul(slope, at(shares, i))).reduce(add);
      const stacked = (all: readonly Value[]) =>
        all.map((one, i) => mul(constant(Float32Array.from(all, (_, k) => Number(k === i))), one)).reduce(add);
      return {
        shared: own,
        own,
        gradients: { [weights]: stacked(slopes.map((slope, i) => mul(mul(sub(slope, along), at(shares, i)), count))) },
        updates: { [first]: stacked(begun) },
      };
    },
  };
}
