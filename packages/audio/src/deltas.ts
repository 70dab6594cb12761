/**
 * Writes the derivative of `order` of the first `count` columns of `frames` (row-major, `cols` a frame) into the columns
 * from `to` on, as `librosa.feature.delta(mode="interp")`: the slope (order 1) or the second derivative (order 2) of the
 * parabola that fits `width` frames best, per frame; within half a width of an end, that of the outermost full window.
 * Fewer frames than `width`: the widest odd number of frames that fits; fewer than three: zeros.
 * Source: Savitzky and Golay, Analytical Chemistry 36 (1964).
 */
export function addDeltas(
  frames: Float32Array,
  cols: number,
  count: number,
  to: number,
  order: 1 | 2,
  width: number,
): void {
  const rows = frames.length / cols;
  const fitting = Math.min(width, rows % 2 === 0 ? rows - 1 : rows);
  if (fitting < 3) return;
  const half = fitting >> 1;
  const weights = derivativeWeights(order, half);
  for (let row = half; row < rows - half; row++)
    for (let col = 0; col < count; col++) {
      let sum = 0;
      for (let k = 0, at = (row - half) * cols + col; k < fitting; k++, at += cols) sum += weights[k]! * frames[at]!;
      frames[row * cols + to + col] = sum;
    }
  // The fitted polynomial's highest derivative is the same all along its window.
  const from = (row: number) => row * cols + to;
  for (let row = 0; row < half; row++) {
    frames.copyWithin(from(row), from(half), from(half) + count);
    frames.copyWithin(from(rows - 1 - row), from(rows - 1 - half), from(rows - 1 - half) + count);
  }
}

// Least squares of a line or a parabola over -half .. half.
function derivativeWeights(order: 1 | 2, half: number): Float64Array {
  const width = 2 * half + 1;
  const meanSquare = (half * (half + 1)) / 3;
  const raw = Float64Array.from({ length: width }, (_, i) => (order === 1 ? i - half : (i - half) ** 2 - meanSquare));
  const energy = raw.reduce((sum, value) => sum + value * value, 0);
  return raw.map((value) => (order * value) / energy);
}
