import { checkFeatures, checkParam, type Dense, isPresent } from "@mmub/core";

export interface TopLabelsParams {
  /** What the columns mean. @default the columns' numbers */
  readonly labels?: readonly string[];
  /** How many are told of each row. @default 5 */
  readonly k?: number;
  /** Whether the columns are logits, to be made probabilities. @default true */
  readonly softmax?: boolean;
}

export interface LabelScore {
  readonly label: string;
  readonly column: number;
  readonly score: number;
}

const part = "@mmub/image/topLabels";

/**
 * What is on a picture, of the logits or the probabilities of a classifier: for each row its `k` columns of the highest score, best
 * first, ties by the lower column; none for a missing row. Rejects labels that are not as many as the columns.
 *
 * @example
 * const logits = { layout: "dense", rows: 1, cols: 3, data: Float32Array.of(1, 3, 0) } as const;
 * const [best] = topLabels(logits, { labels: ["boot", "shoe", "sandal"], k: 2 })[0]!;
 * console.log(best!.label, best!.score.toFixed(2)); // shoe 0.84
 */
export function topLabels(scores: Dense, params: TopLabelsParams = {}): LabelScore[][] {
  checkFeatures(scores, part);
  const { rows, cols, data } = scores;
  const { labels, k = 5, softmax = true } = params;
  checkParam(part, "k", k, Number.isInteger(k) && k > 0, "a positive integer");
  checkParam(part, "labels", labels, labels === undefined || labels.length === cols, `${cols} strings, one a column`);
  return Array.from({ length: rows }, (_, row) => {
    if (!isPresent(scores, row) || cols === 0) return [];
    const values = Array.from(data.subarray(row * cols, (row + 1) * cols));
    const order = values.map((_, column) => column).sort((a, b) => values[b]! - values[a]! || a - b);
    const most = values[order[0]!]!;
    const total = softmax ? values.reduce((sum, value) => sum + Math.exp(value - most), 0) : 1;
    return order.slice(0, k).map((column) => ({
      label: labels?.[column] ?? String(column),
      column,
      score: softmax ? Math.exp(values[column]! - most) / total : values[column]!,
    }));
  });
}
