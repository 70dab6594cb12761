// What the losses share: sums over the numbers of a row, and checks.
import { MmubError, show } from "@mmub/core";
import { reject, type Shape, showShape, type Value } from "../graph.js";
import type { RowLoss } from "../loss.js";
import { mul, reshape, slice, sum } from "../ops.js";

/** The sum over the numbers of each row, and of the steps within the mask. */
export function perRow(loss: Value, mask: Value | undefined): RowLoss {
  const batch = loss.shape[0]!;
  if (!mask) return { loss: sum(reshape(loss, [batch, -1]), [1]) };
  const steps = sum(reshape(loss, [...mask.shape, -1]), [2]);
  return { loss: sum(mul(steps, mask), [1]), counts: sum(mask, [1]) };
}

export function checkAxes(
  type: string,
  output: Shape,
  least: number,
  want: string,
  most = Number.POSITIVE_INFINITY,
): void {
  if (output.length < least || output.length > most)
    reject("shape-mismatch", type, `the network's output is ${showShape(output)}, want ${want}`, { got: output });
}

export function checkTargetShape(type: string, target: Value, want: Shape): void {
  if (target.shape.length !== want.length || target.shape.some((length, axis) => length !== want[axis]))
    reject("shape-mismatch", type, `target is ${showShape(target.shape)}, want ${showShape(want)}`);
}

export function checkNumber(type: string, name: string, value: unknown, ok: boolean, want: string): void {
  if (!ok || !Number.isFinite(value))
    throw new MmubError("invalid-params", {
      part: `@mmub/nn/${type}`,
      message: `${name} is ${show(value)}, want ${want}`,
      [name]: value,
    });
}

/** `[batch, count, width]` to the one at `at`, `[batch, width]`. */
export function embedding(output: Value, at: number): Value {
  return reshape(slice(output, 1, at, at + 1), [output.shape[0]!, output.shape[2]!]);
}

export function checkEmbeddings(type: string, output: Shape, count: number, names: string): void {
  checkAxes(type, output, 3, `[batch, ${count}, width]: ${names}`, 3);
  if (output[1] !== count)
    reject(
      "shape-mismatch",
      type,
      `the network's output is ${showShape(output)}, want [batch, ${count}, width]: ${names}`,
    );
}
