// Numbers as a network learns and gives them.
import { huber, mae, mse, poisson } from "@mmub/nn";

export const numberLosses = { mse, mae, huber, poisson } as const;

/** What the network gives is (value - center) / scale; of counts the logarithm of value / scale. */
export interface Scaling {
  readonly center: number;
  readonly scale: number;
}

/** Brings targets to mean 0 and deviation 1, counts to mean 1. */
export function scalingOf(targets: readonly number[], counts: boolean): Scaling {
  const mean = targets.reduce((sum, target) => sum + target / targets.length, 0);
  if (counts) return { center: 0, scale: mean || 1 };
  const variance = targets.reduce((sum, target) => sum + (target - mean) ** 2 / targets.length, 0);
  return { center: mean, scale: Math.sqrt(variance) || 1 };
}

/** What the network has given as values. */
export function unscaled(given: Float32Array, { center, scale }: Scaling, counts: boolean): Float64Array {
  return Float64Array.from(given, (value) => center + scale * (counts ? Math.exp(value) : value));
}
