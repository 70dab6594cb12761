import type { Dense, Features, Sequence } from "./contracts.js";
import { dense, sequence } from "./features.js";

/** Features that are written row by row, in any order; a row that is never written is missing. */
export interface RowSink<Out extends Features = Features> {
  /** The numbers of a row: of vectors all columns, of steps any number of steps, one behind the other. */
  set(row: number, numbers: Float32Array): void;
  /** What was written. */
  features(): Out;
}

/**
 * Writes Dense features of `rows` vectors; `shape` is that of one of them, where it has more than one axis.
 *
 * @example
 * const sink = vectorSink(2, 3);
 * sink.set(1, Float32Array.of(7, 8, 9));
 * const { data, present } = sink.features(); // 0, 0, 0, 7, 8, 9 and 0, 1
 */
export function vectorSink(rows: number, cols: number, shape?: readonly number[]): RowSink<Dense> {
  const out = dense(rows, cols);
  out.present.fill(0);
  return {
    set(row, numbers) {
      out.data.set(numbers, row * cols);
      out.present[row] = 1;
    },
    features: () => (shape ? { ...out, shape } : out),
  };
}

/** `vectorSink` of Sequence features: rows of any number of steps, none too. Rows are kept, not copied, until `features`. */
export function stepSink(rows: number, cols: number): RowSink<Sequence> {
  const all: (Float32Array | undefined)[] = new Array(rows).fill(undefined);
  return {
    set(row, numbers) {
      all[row] = numbers;
    },
    features() {
      const offsets = new Uint32Array(rows + 1);
      for (const [row, numbers] of all.entries()) offsets[row + 1] = offsets[row]! + (numbers?.length ?? 0) / cols;
      const out = sequence(cols, offsets, new Float32Array(offsets[rows]! * cols));
      for (const [row, numbers] of all.entries()) {
        if (numbers) out.data.set(numbers, offsets[row]! * cols);
        else out.present[row] = 0;
      }
      return out;
    },
  };
}
