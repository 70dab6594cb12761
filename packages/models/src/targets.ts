import { type Label, MmubError, show } from "@mmub/core";

/** Throws unless all targets of a regression are finite, or counts. */
export function checkNumbers(targets: readonly number[], counts: boolean, part: string): void {
  for (const [index, target] of targets.entries())
    if (!Number.isFinite(target) || (counts && target < 0))
      throw new MmubError("invalid-input", {
        part,
        message: `target ${index} is ${show(target)}, want ${counts ? "a count, at least 0" : "a finite number"}`,
        index,
      });
}

/** The positions of labels to judge by among the classes of the fit. */
export function positionsOf<L extends Label>(targets: readonly L[], classes: readonly L[], part: string): Int32Array {
  const positions = new Map(classes.map((label, at) => [label, at]));
  return Int32Array.from(targets, (target, index) => {
    const at = positions.get(target);
    if (at === undefined)
      throw new MmubError("invalid-input", {
        part,
        message: `target ${index} is ${show(target)}, want one of the classes of the fit`,
        index,
      });
    return at;
  });
}
