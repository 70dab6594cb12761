import { quantile } from "@mmub/core";

/** `slope` is that of the line of least squares, a frame; `p10` is the 10th percentile, and so on from `p0` to `p100`; `median` is `p50`. */
export type Statistic = "mean" | "std" | "min" | "max" | "median" | "slope" | `p${number}`;

export function isStatistic(name: unknown): name is Statistic {
  return (
    typeof name === "string" && (/^(mean|std|min|max|median|slope)$/.test(name) || percentileOf(name) !== undefined)
  );
}

/**
 * Each statistic of each column of `frames` (row-major, `cols` a frame, at least one frame) into `out`, all columns of
 * the first statistic first. `std` is that of the population; percentiles are interpolated linearly, as NumPy's are.
 */
export function summarize(
  frames: Float32Array,
  cols: number,
  statistics: readonly Statistic[],
  out: Float32Array,
): void {
  const rows = frames.length / cols;
  const percentiles = statistics.map(percentileOf);
  const sorts = percentiles.some((percentile) => percentile !== undefined);
  const column = new Float32Array(sorts ? rows : 0);
  for (let col = 0; col < cols; col++) {
    let sum = 0;
    for (let at = col; at < frames.length; at += cols) sum += frames[at]!;
    const mean = sum / rows;
    let squares = 0;
    for (let at = col; at < frames.length; at += cols) squares += (frames[at]! - mean) ** 2;
    if (sorts) {
      for (let row = 0; row < rows; row++) column[row] = frames[row * cols + col]!;
      column.sort();
    }
    for (let s = 0; s < statistics.length; s++) {
      const percentile = percentiles[s];
      if (percentile !== undefined) out[s * cols + col] = quantile(column, percentile / 100);
      else if (statistics[s] === "slope") out[s * cols + col] = slope(frames, cols, col);
      else out[s * cols + col] = statistics[s] === "mean" ? mean : Math.sqrt(squares / rows);
    }
  }
}

/** Of one column over its frames, 0 if there is one alone. */
function slope(frames: Float32Array, cols: number, col: number): number {
  const rows = frames.length / cols;
  const middle = (rows - 1) / 2;
  let sum = 0;
  for (let row = 0; row < rows; row++) sum += (row - middle) * frames[row * cols + col]!;
  return rows < 2 ? 0 : (12 * sum) / (rows * (rows * rows - 1));
}

function percentileOf(name: string): number | undefined {
  if (name === "min") return 0;
  if (name === "max") return 100;
  if (name === "median") return 50;
  const percent = /^p\d+(\.\d+)?$/.test(name) ? Number(name.slice(1)) : Number.NaN;
  return percent <= 100 ? percent : undefined;
}

/** Of the population; zeros of no values. */
export function meanAndDeviation(values: readonly number[]): [mean: number, std: number] {
  if (values.length === 0) return [0, 0];
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return [mean, Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length)];
}
