import type { Label } from "./contracts.js";
import { MmubError, show } from "./errors.js";

/**
 * The labels seen, sorted (numbers by value, strings by code unit, false before true), and the class of each row among them. Rejects,
 * in the name of `part`, what is no label or of another type than the first, with its index, and a single class.
 *
 * @example
 * const { classes, classOf } = encodeLabels(["shoe", "bag", "shoe"], "my/model");
 * console.log(classes, classOf); // [ "bag", "shoe" ] Int32Array(3) [ 1, 0, 1 ]
 */
export function encodeLabels<L extends Label>(
  targets: readonly L[],
  part: string,
): { readonly classes: readonly L[]; readonly classOf: Int32Array } {
  const rejectTarget = (index: number, message: string): never => {
    throw new MmubError("invalid-input", { part, message: `target ${index} is ${message}`, index });
  };
  const seen = new Map<L, number>();
  const classOf = new Int32Array(targets.length);
  const first = targets[0];
  for (let row = 0; row < targets.length; row++) {
    const target = targets[row]!;
    let at = seen.get(target);
    if (at === undefined) {
      if (!["string", "boolean"].includes(typeof target) && !Number.isFinite(target))
        rejectTarget(row, `${show(target)}, want a string, a finite number or a boolean`);
      if (typeof target !== typeof first)
        rejectTarget(row, `${show(target)} but target 0 is ${show(first)}, want labels of one type`);
      at = seen.size;
      seen.set(target, at);
    }
    classOf[row] = at;
  }
  if (seen.size === 1)
    throw new MmubError("invalid-input", {
      part,
      message: `all ${targets.length} targets are ${show(first)}, want at least two classes`,
    });
  const classes = [...seen.keys()].sort((a, b) => (a < b ? -1 : 1));
  const rank = new Int32Array(classes.length);
  for (const [at, label] of classes.entries()) rank[seen.get(label)!] = at;
  for (let row = 0; row < classOf.length; row++) classOf[row] = rank[classOf[row]!]!;
  return { classes, classOf };
}
