import { MmubError, show } from "@mmub/core";

/** Targets of a regression. */
export function checkNumbers(targets: readonly number[], least: number, part: string): void {
  for (const [index, target] of targets.entries())
    if (!Number.isFinite(target) || target < least)
      throw new MmubError("invalid-input", {
        part,
        message: `target ${index} is ${show(target)}, want ${least === 0 ? "a count, at least 0" : "a finite number"}`,
        index,
      });
}
