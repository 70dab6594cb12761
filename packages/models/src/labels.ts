// What classifiers do with labels.
import { type Classification, checkParam, type Label, listed, MmubError, show } from "@mmub/core";

import { isPositive } from "./params.js";

export { encodeLabels } from "@mmub/core";

/**
 * The weight of each row by its class: `"balanced"` is rows / (classes * rows of the class); a record gives it by the label as
 * a string, 1 where it has none.
 */
export type ClassWeight = "balanced" | Readonly<Record<string, number>> | null;

export function checkClassWeight(classWeight: ClassWeight, part: string): void {
  checkParam(
    part,
    "classWeight",
    classWeight,
    classWeight === "balanced" ||
      (typeof classWeight === "object" && Object.values(classWeight ?? {}).every(isPositive)),
    '"balanced", a record of positive numbers by label, or null',
  );
}

/** The weight of a row of each class. */
export function classWeights(
  classes: readonly Label[],
  classOf: Int32Array,
  classWeight: ClassWeight,
  part: string,
): Float64Array {
  const weights = new Float64Array(classes.length).fill(1);
  if (classWeight === "balanced") {
    const counts = new Float64Array(classes.length);
    for (let row = 0; row < classOf.length; row++) counts[classOf[row]!]!++;
    for (let c = 0; c < weights.length; c++) weights[c] = classOf.length / (classes.length * counts[c]!);
  } else
    for (const [label, weight] of Object.entries(classWeight ?? {})) {
      const at = classes.findIndex((name) => String(name) === label);
      if (at < 0)
        throw new MmubError("invalid-input", {
          part,
          message: `classWeight names "${label}", want a class among the targets: ${listed(classes.map(show))}`,
          label,
        });
      weights[at] = weight;
    }
  return weights;
}

/** The position of the largest of `count` values from `from` on, the first of equals. */
export function argmax(values: ArrayLike<number>, from: number, count: number): number {
  let best = 0;
  for (let c = 1; c < count; c++) if (values[from + c]! > values[from + best]!) best = c;
  return best;
}

/** The likeliest class of each row and the softmax of its logits, row-major, which become the probabilities in place. */
export function classified<L extends Label>(
  logits: Float32Array,
  rows: number,
  classes: readonly L[],
): Classification<L> {
  const cols = classes.length;
  const shares = new Float64Array(cols);
  const labels = Array.from({ length: rows }, (_, row) => {
    shares.set(logits.subarray(row * cols, (row + 1) * cols));
    softmax(shares, 0, cols);
    logits.set(shares, row * cols);
    return classes[argmax(logits, row * cols, cols)]!;
  });
  return { labels, classes, probabilities: { layout: "dense", rows, cols, data: logits } };
}

/** Softmax of `count` scores from `from` on, in place. */
export function softmax(scores: Float64Array, from: number, count: number): void {
  let most = Number.NEGATIVE_INFINITY;
  for (let c = 0; c < count; c++) most = Math.max(most, scores[from + c]!);
  let sum = 0;
  for (let c = 0; c < count; c++) {
    scores[from + c] = Math.exp(scores[from + c]! - most);
    sum += scores[from + c]!;
  }
  for (let c = 0; c < count; c++) scores[from + c]! /= sum;
}

/** The chances of two classes by the log-odds of the second, to `at` and behind. */
export function writeChances(logOdds: number, out: Float32Array | Float64Array, at: number): void {
  const e = Math.exp(-Math.abs(logOdds));
  out[at] = (logOdds > 0 ? e : 1) / (1 + e);
  out[at + 1] = (logOdds > 0 ? 1 : e) / (1 + e);
}
