// Small graphs that several fusers share.
import { concat, div, greater, mul, reshape, sum, type Value, where } from "@mmub/nn";
import type { Encoded } from "./encoding.js";

/** Vectors `[batch, width]` as `[batch, vectors, width]`. */
export function stacked(vectors: readonly Value[]): Value {
  return concat(
    vectors.map((vector) => reshape(vector, [vector.shape[0]!, 1, vector.shape[1]!])),
    1,
  );
}

/** Weights `[batch, modalities]`, at least 0, as shares of the modalities that a row has: they add up to 1, or are all 0. */
export function sharesOf(weights: Value, parts: readonly Pick<Encoded, "present">[]): Value {
  const counted = mul(weights, concat(parts.map(({ present }) => present)));
  const total = sum(counted, [1], true);
  return div(counted, where(greater(total, 0), total, 1));
}
