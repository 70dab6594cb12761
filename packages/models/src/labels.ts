// What classifiers do with labels.
import { type Classification, checkParam, type Label, listed, MmubError, show } from "@mmub/core";

export { encodeLabels } from "@mmub/core";

/**
 * The weight of each row by its class: `"balanced"` is rows / (classes * rows of the class); a record gives it by the label as
 * a string, 1 where it has none.
 */
export type ClassWeight = "balanced" | Readonly<Record<string, number>> | null;

export function checkClassWeight(classWeight: ClassWeight, part: string): void {
  const positive = (value: unknown): boolean => typeof value === "number" && value > 0 && value < Infinity;
  checkParam(
    part,
    "classWeight",
    classWeight,
    classWeight === "balanced" || (typeof classWeight === "object" && Object.values(classWeight ?? {}).every(positive)),
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
  const labels = Array.from({ length: rows }, (_, row) => {
    softmax(logits.subarray(row * cols, (row + 1) * cols));
    return classes[argmax(logits, row * cols, cols)]!;
  });
  return { labels, classes, probabilities: { layout: "dense", rows, cols, data: logits } };
}

/** In place. */
function softmax(logits: Float32Array): void {
  const most = logits.reduce((a, b) => Math.max(a, b));
  const shares = Float64Array.from(logits, (logit) => Math.exp(logit - most));
  const total = shares.reduce((a, b) => a + b);
  for (let c = 0; c < logits.length; c++) logits[c] = shares[c]! / total;
}
