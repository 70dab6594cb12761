/**
 * The value below which `share` of the numbers lie, 0 to 1; linear between the two nearest, as numpy.quantile's default.
 * `sorted` is in rising order and holds at least one number; it is not checked.
 *
 * @example
 * const median = quantile(Float64Array.of(1, 2, 4, 8), 0.5); // 3
 */
export function quantile(sorted: Float32Array | Float64Array, share: number): number {
  const at = share * (sorted.length - 1);
  const below = Math.floor(at);
  const low = sorted[below]!;
  const high = sorted[Math.min(below + 1, sorted.length - 1)]!;
  return low + (high - low) * (at - below);
}
