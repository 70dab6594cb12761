import { type Classification, checkParam, type Label, MmubError, show } from "@mmub/core";
import { binaryCrossEntropy, concat, constant, type Loss, matmul, slice, softplus, sub, type Value } from "@mmub/nn";
import type { FittedTask, Task } from "./multi-task-tasks.js";

const type = "ordinal";

export interface OrdinalTaskParams<L extends Label> {
  /** The classes from the least to the most, at least two: `["sad", "so-so", "glad"]`. */
  readonly order: readonly L[];
}

/**
 * One of several classes that have an order, such as stars: for each but the last, whether a row is above it, trained on binary
 * cross-entropy. To be above a class is never likelier than to be above one before it, whatever the row. Predicts label and probabilities.
 *
 * Source: Frank and Hall, A simple approach to ordinal classification (2001), with falling logits in the place of single models.
 *
 * @example
 * const tasks = { stars: ordinalTask({ order: [1, 2, 3, 4, 5] }), stays: classTask<boolean>() };
 */
export function ordinalTask<const L extends Label>({ order }: OrdinalTaskParams<L>): Task<L, Classification<L>> {
  const part = `@mmub/models/${type}-task`;
  const some = Array.isArray(order) && order.length > 1 && new Set(order).size === order.length;
  checkParam(part, "order", order, some, "at least two classes, none twice");
  const cuts = order.length - 1;
  const positions = new Map<unknown, number>(order.map((label, at) => [label, at]));
  const refuse = (index: number, target: unknown, of: string): never => {
    throw new MmubError("invalid-input", {
      part: of,
      message: `target ${index} is ${show(target)}, want one of the classes of order`,
      index,
    });
  };
  const binary = binaryCrossEntropy();
  const loss: Loss = {
    ...binary,
    type: "ordinal",
    build: (output, targets, weights) => binary.build(falling(output), targets, weights),
  };
  const task: FittedTask<L, Classification<L>> = {
    state: null,
    outputs: cuts,
    loss,
    encode(targets, of) {
      const data = new Float32Array(targets.length * cuts);
      for (const [row, target] of targets.entries()) {
        if (target === null || target === undefined) continue;
        data.fill(1, row * cuts, row * cuts + (positions.get(target) ?? refuse(row, target, of)));
      }
      return data;
    },
    decode(raw, rows) {
      const data = new Float32Array(rows * order.length);
      const labels = Array.from({ length: rows }, (_, row) => {
        let [logit, above, best] = [0, 1, 0];
        const at = row * order.length;
        for (let c = 0; c < order.length; c++) {
          if (c < cuts)
            logit =
              c === 0
                ? raw[row * cuts]!
                : logit - Math.log1p(Math.exp(-Math.abs(raw[row * cuts + c]!))) - Math.max(0, raw[row * cuts + c]!);
          const next = c < cuts ? 1 / (1 + Math.exp(-logit)) : 0;
          data[at + c] = above - next;
          above = next;
          if (data[at + c]! > data[at + best]!) best = c;
        }
        return order[best]!;
      });
      return { labels, classes: order, probabilities: { layout: "dense", rows, cols: order.length, data } };
    },
  };
  return {
    type,
    params: { order },
    learn(targets, rows, of) {
      for (const [at, target] of targets.entries()) if (!positions.has(target)) refuse(rows[at]!, target, of);
      return task;
    },
    load: () => task,
  };

  /** The first logit, and from each to the next a step down. */
  function falling(output: Value): Value {
    if (cuts === 1) return output;
    const first = slice(output, 1, 0, 1);
    const triangle = Float32Array.from({ length: (cuts - 1) ** 2 }, (_, i) =>
      Number(Math.floor(i / (cuts - 1)) <= i % (cuts - 1)),
    );
    const down = matmul(softplus(slice(output, 1, 1, cuts)), constant(triangle, [cuts - 1, cuts - 1]));
    return concat([first, sub(first, down)]);
  }
}
