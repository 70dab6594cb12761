// What models of trees take: Dense or Sparse, with missing values where they are asked for.
import { type Features, isPresent, MmubError } from "@mmub/core";
import { checkMatrix, type Matrix } from "../linear.js";

/** What counts as a missing value, beside rows of a missing modality. */
export type Missing = "nan" | null;

/** Throws unless `x` is sound; NaN is, where it stands for a missing value. Whether any is missing. */
export function checkTreeRows(x: Features, missing: Missing, part: string): boolean {
  const values = x?.layout === "sparse" ? x.values : x?.layout === "dense" ? x.data : undefined;
  const holes = missing === "nan" && values !== undefined && values.some(Number.isNaN);
  if (!holes) checkMatrix(x, part);
  else {
    const filled = values.map((value) => (Number.isNaN(value) ? 0 : value));
    checkMatrix(x.layout === "sparse" ? { ...x, values: filled } : { ...x, data: filled }, part);
  }
  return holes || (x.present?.includes(0) ?? false);
}

/** Writes rows from `from` to `to` to `out`, `width` numbers each; NaN is a missing value, and a missing row is nothing else. */
export function writeRows(x: Matrix, from: number, to: number, out: Float32Array, width: number): void {
  const { cols } = x;
  for (let row = from; row < to; row++) {
    const at = (row - from) * width;
    if (!isPresent(x, row)) out.fill(Number.NaN, at, at + cols);
    else if (x.layout === "dense") out.set(x.data.subarray(row * cols, (row + 1) * cols), at);
    else {
      out.fill(0, at, at + cols);
      for (let i = x.offsets[row]!; i < x.offsets[row + 1]!; i++) out[at + x.columns[i]!] = x.values[i]!;
    }
  }
}

/** The columns that a param names, which must be there. */
export function checkColumns(name: string, columns: readonly number[], cols: number, part: string): void {
  const beyond = columns.find((column) => column >= cols);
  if (beyond !== undefined)
    throw new MmubError("invalid-input", {
      part,
      message: `${name} names column ${beyond}, the features have columns 0 to ${cols - 1}`,
      column: beyond,
    });
}
