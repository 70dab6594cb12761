import { MmubError, type Random } from "@mmub/core";
import type { Matrix } from "../linear.js";
import { writeRows } from "./rows.js";

/** How one column becomes bins. Missing values and unknown categories are in the last bin, where `missing` says so. */
export interface ColumnBins {
  /** Numbers up to bounds[b] are in bin b, those above all in the bin behind; of categories: the code of each bin. */
  readonly bounds: Float32Array;
  readonly isCategory: boolean;
  readonly missing: boolean;
}

/** How many bins a column has, that of missing values included. */
export function binsOf({ bounds, isCategory, missing }: ColumnBins): number {
  return bounds.length + (isCategory ? 0 : 1) + (missing ? 1 : 0);
}

export interface BinOptions {
  /** Bins of a column at most, without that of missing values. */
  readonly maxBins: number;
  readonly categorical: readonly number[];
  /** Rows that the bounds are learned from. */
  readonly samples: number;
}

// Rows that are written out at once: a block of 50 columns stays in the second cache.
const block = 1024;

/** Quantiles of a sample of the rows, or midpoints between distinct values where they are few. */
export function learnBins(x: Matrix, { maxBins, categorical, samples }: BinOptions, random: Random, part: string) {
  const { rows, cols } = x;
  const count = Math.min(rows, samples);
  const picked = count === rows ? undefined : sampleRows(rows, count, random);
  const values = Array.from({ length: cols }, () => new Float32Array(count));
  const line = new Float32Array(cols);
  for (let i = 0; i < count; i++) {
    const row = picked ? picked[i]! : i;
    writeRows(x, row, row + 1, line, cols);
    for (let column = 0; column < cols; column++) values[column]![i] = line[column]!;
  }
  const isCategory = new Set(categorical);
  const hasMissing = missingColumns(x);
  return values.map((sample, column): ColumnBins => {
    const missing = hasMissing[column] === 1;
    const present = missing ? sample.filter((value) => !Number.isNaN(value)) : sample;
    if (isCategory.has(column))
      return { bounds: categoriesOf(present, maxBins, column, part), isCategory: true, missing: true };
    return { bounds: boundsOf(present.sort(), maxBins), isCategory: false, missing };
  });
}

function sampleRows(rows: number, count: number, random: Random): Int32Array {
  // One row of each stretch of equal length.
  return Int32Array.from({ length: count }, (_, i) => Math.floor(((i + random.next()) * rows) / count));
}

/** Whether each column lacks a value in some row. */
function missingColumns(x: Matrix): Uint8Array {
  const found = new Uint8Array(x.cols);
  if (x.present?.includes(0)) return found.fill(1);
  if (x.layout === "sparse") {
    for (let i = 0; i < x.values.length; i++) if (Number.isNaN(x.values[i])) found[x.columns[i]!] = 1;
  } else for (let i = 0; i < x.data.length; i++) if (Number.isNaN(x.data[i])) found[i % x.cols] = 1;
  return found;
}

/** `sorted` may be empty. */
function boundsOf(sorted: Float32Array, maxBins: number): Float32Array {
  const distinct: number[] = [];
  const counts: number[] = [];
  for (let i = 0; i < sorted.length; i++) {
    if (i > 0 && sorted[i] === sorted[i - 1]) counts[counts.length - 1]!++;
    else {
      distinct.push(sorted[i]!);
      counts.push(1);
    }
  }
  if (distinct.length <= maxBins)
    return Float32Array.from(distinct.slice(1), (value, i) => between(distinct[i]!, value));
  // Each bin takes its share of what is left, so that one frequent value does not starve the others.
  const bounds: number[] = [];
  let left = sorted.length;
  let held = 0;
  for (let i = 0; i < distinct.length - 1 && bounds.length < maxBins - 1; i++) {
    held += counts[i]!;
    const share = left / (maxBins - bounds.length);
    // The next value would overshoot by more than is missing now.
    if (held < share && held + counts[i + 1]! / 2 < share) continue;
    bounds.push(between(distinct[i]!, distinct[i + 1]!));
    left -= held;
    held = 0;
  }
  return Float32Array.from(bounds);
}

/** A float32 from `low` (in) to `high` (out), in the middle where there is one. */
export function between(low: number, high: number): number {
  const middle = Math.fround(low / 2 + high / 2);
  return middle < high && middle >= low ? middle : low;
}

/** The most frequent codes, rising. */
function categoriesOf(sample: Float32Array, maxBins: number, column: number, part: string): Float32Array {
  const counts = new Map<number, number>();
  for (const value of sample) {
    if (!Number.isInteger(value))
      throw new MmubError("invalid-input", {
        part,
        message: `categorical column ${column} has ${value}, want whole numbers: a code for each category`,
        column,
      });
    counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  const frequent = [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0]).slice(0, Math.min(maxBins, 254));
  return Float32Array.from(frequent, ([code]) => code).sort();
}

/** The bin of a value. */
export type Binner = (value: number) => number;

/** A function for one column: a table over equal cells says between which bounds to search. */
export function binner(column: ColumnBins): Binner {
  const { bounds, isCategory, missing } = column;
  const last = binsOf(column) - 1;
  if (isCategory) {
    const codes = new Map(Array.from(bounds, (code, bin) => [code, bin]));
    return (value) => codes.get(value) ?? last;
  }
  const count = bounds.length;
  if (count === 0) return (value) => (missing && Number.isNaN(value) ? last : 0);
  const cells = 2048;
  const low = bounds[0]!;
  const scale = cells / (bounds[count - 1]! - low || 1);
  const first = new Uint8Array(cells + 2);
  // The bin of the lower end of each cell; rounding may put a value one cell off, which the search allows for.
  for (let cell = 0, bin = 0; cell < cells + 2; cell++) {
    const start = low + (cell - 1) / scale;
    while (bin < count && bounds[bin]! < start) bin++;
    first[cell] = bin;
  }
  return (value) => {
    if (Number.isNaN(value)) return missing ? last : 0;
    if (value <= low) return 0;
    const cell = Math.min(cells - 1, Math.floor((value - low) * scale));
    let from = first[cell]!;
    let to = cell + 3 < cells + 2 ? first[cell + 3]! : count;
    // The first bound that is not below the value.
    while (from < to) {
      const middle = (from + to) >> 1;
      if (bounds[middle]! < value) from = middle + 1;
      else to = middle;
    }
    return from;
  };
}

/** Writes the bins of all rows column by column, `stride` bytes apart. */
export async function writeBins(
  x: Matrix,
  columns: readonly ColumnBins[],
  out: Uint8Array,
  stride: number,
  pause: () => Promise<void> | undefined,
): Promise<void> {
  const { rows, cols } = x;
  const lines = new Float32Array(block * cols);
  const binners = columns.map(binner);
  for (let from = 0; from < rows; from += block) {
    await pause();
    const to = Math.min(rows, from + block);
    writeRows(x, from, to, lines, cols);
    for (let column = 0; column < cols; column++) {
      const bin = binners[column]!;
      const at = column * stride + from;
      for (let i = 0; i < to - from; i++) out[at + i] = bin(lines[i * cols + column]!);
    }
  }
}
