import { MmubError } from "@mmub/core";
import { type Shape, showShape, sizeOf } from "./graph.js";

/**
 * What is counted beside the loss, at raw outputs and without row weights. `accuracy`: of classes, the share of targets whose
 * output is the largest; of logits for 0 and 1, the share on the right side of 0. `mae` and `mse`: the mean absolute and the mean
 * squared difference of output and target.
 */
export type Metric = "accuracy" | "mae" | "mse";

/** Whether more is better. */
export function rises(metric: string): boolean {
  return metric === "accuracy";
}

/** Adds up what `metric` is of `rows` rows; `[sum, count]`. */
export function measure(
  metric: Metric,
  output: Float32Array,
  target: Float32Array | Int32Array,
  mask: Float32Array | undefined,
  classes: number,
): [number, number] {
  let sum = 0;
  let count = 0;
  const entries = target.length;
  const perMask = mask ? entries / mask.length : 1;
  for (let i = 0; i < entries; i++) {
    if (mask && mask[Math.floor(i / perMask)] === 0) continue;
    count++;
    const want = target[i]!;
    if (metric === "accuracy") {
      if (classes === 0) sum += output[i]! > 0 === want > 0.5 ? 1 : 0;
      else {
        let best = 0;
        for (let c = 1; c < classes; c++) if (output[i * classes + c]! > output[i * classes + best]!) best = c;
        sum += best === want ? 1 : 0;
      }
    } else {
      const apart = output[i]! - want;
      sum += metric === "mae" ? Math.abs(apart) : apart * apart;
    }
  }
  return [sum, count];
}

/** How many classes an output has for each target; 0: it has one number for each. Throws where a metric does not fit. */
export function classesOf(
  metrics: readonly Metric[],
  output: Shape,
  target: Shape | undefined,
  whole: boolean,
): number {
  if (metrics.length === 0) return 0;
  const refuse = (want: string): never => {
    throw new MmubError("invalid-params", {
      part: "@mmub/nn/train",
      message: `metrics are ${metrics.join(", ")} for an output of ${showShape(output)} and ${target ? `targets of ${showShape(target)}` : "no target"}, want ${want}; leave them out`,
    });
  };
  if (!target) return refuse("one named target");
  const [numbers, wanted] = [sizeOf(output), sizeOf(target)];
  if (numbers === wanted && !whole) return 0;
  const last = output.at(-1)!;
  if (!whole || numbers !== wanted * last) return refuse("a number, or a class, for each target");
  if (metrics.some((metric) => metric !== "accuracy")) refuse('"accuracy" for classes');
  return last;
}
