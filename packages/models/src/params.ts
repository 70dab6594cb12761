// Checks of params that several models have.
import { checkParam } from "@mmub/core";

export function isPositive(value: unknown): boolean {
  return typeof value === "number" && value > 0 && value < Infinity;
}

/** Throws unless `C`, an inverse penalty, is positive, or some of them are. */
export function checkC(C: number | readonly number[], part: string): void {
  const ok = Array.isArray(C) ? C.length > 0 && C.every(isPositive) : isPositive(C);
  checkParam(part, "C", C, ok, "a positive number or some of them");
}
