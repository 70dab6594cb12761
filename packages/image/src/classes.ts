// What classifiers of pictures do with classes.
import type { Classification, Label } from "@mmub/core";

/** Probabilities of logits that are multiplied with `scale`; `into` may be the logits. */
export function softmax(logits: Float32Array, into: Float32Array, scale = 1): void {
  const most = logits.reduce((a, b) => Math.max(a, b));
  let total = 0;
  for (let i = 0; i < logits.length; i++) total += Math.exp(scale * (logits[i]! - most));
  for (let i = 0; i < logits.length; i++) into[i] = Math.exp(scale * (logits[i]! - most)) / total;
}

/** The share of rows that are of each class. */
export function sharesOf(classOf: Int32Array, classes: number): number[] {
  const counts = new Float64Array(classes);
  for (const of of classOf) counts[of]!++;
  return Array.from(counts, (count) => Math.fround(count / classOf.length));
}

/** Probabilities, rows x classes, with the likeliest label of each row. */
export function classified<L extends Label>(data: Float32Array, classes: readonly L[]): Classification<L> {
  const cols = classes.length;
  const rows = data.length / cols;
  const labels = Array.from({ length: rows }, (_, row) => {
    let best = 0;
    for (let c = 1; c < cols; c++) if (data[row * cols + c]! > data[row * cols + best]!) best = c;
    return classes[best]!;
  });
  return { labels, classes, probabilities: { layout: "dense", rows, cols, data } };
}
