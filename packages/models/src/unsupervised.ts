// What models without targets have in common.
import { type Features, MmubError } from "@mmub/core";
import { checkMatrix, type Matrix } from "./linear.js";

/** Throws unless `x` is a sound Dense or Sparse with at least one row, or `least`. */
export function checkRows(x: Features, part: string, least = 1): asserts x is Matrix {
  checkMatrix(x, part);
  if (x.rows === 0)
    throw new MmubError("invalid-input", { part, message: "the data set is empty, want at least one sample" });
  if (x.rows < least)
    throw new MmubError("invalid-input", { part, message: `got ${x.rows} rows, want at least ${least}`, rows: x.rows });
}
