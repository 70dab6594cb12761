import { vectors } from "./vector.js";

const { fround: f } = Math;
// Sums begin anew after so many entries of a row, so it is part of the result.
const block = 256;

export function sparse(f32: Float32Array, i32: Int32Array) {
  const { axpy } = vectors(f32);
  return {
    sparseProduct(
      out: number,
      rows: number,
      offsets: number,
      columns: number,
      values: number,
      dense: number,
      width: number,
    ): void {
      out >>>= 2;
      offsets >>>= 2;
      columns >>>= 2;
      values >>>= 2;
      dense >>>= 2;
      const sums = new Float32Array(width);
      for (let row = 0; row < rows; row++) {
        const to = out + row * width;
        const [start, end] = [i32[offsets + row]!, i32[offsets + row + 1]!];
        if (start === end) f32.fill(0, to, to + width);
        for (let from = start; from < end; from += block) {
          sums.fill(0);
          for (let entry = from; entry < Math.min(from + block, end); entry++) {
            const value = f32[values + entry]!;
            const at = dense + i32[columns + entry]! * width;
            for (let j = 0; j < width; j++) sums[j] = sums[j]! + f(value * f32[at + j]!);
          }
          for (let j = 0; j < width; j++) f32[to + j] = from === start ? sums[j]! : f32[to + j]! + sums[j]!;
        }
      }
    },

    sparseTransposedProduct(
      out: number,
      rows: number,
      offsets: number,
      columns: number,
      values: number,
      dense: number,
      width: number,
    ): void {
      for (let row = 0; row < rows; row++) {
        const end = i32[(offsets >>> 2) + row + 1]!;
        for (let entry = i32[(offsets >>> 2) + row]!; entry < end; entry++) {
          const to = out + 4 * i32[(columns >>> 2) + entry]! * width;
          axpy(to, width, f32[(values >>> 2) + entry]!, dense + 4 * row * width);
        }
      }
    },
  };
}
