import { checkParam, type Label, MmubError, random } from "@mmub/core";
import { checkFinite, checkLabels, checkLength, checkMatrix } from "./checks.js";

/**
 * The adjusted Rand index of two partitions, at most 1: how far they agree about which pairs belong together, 0 as
 * chance would, 1 the same up to the names. The labels of both are compared as partitions: their names do not matter.
 *
 * Rejects what `accuracy` does, except that the two may have labels of different types. Cost: one pass.
 * Source: scikit-learn's `adjusted_rand_score`; Hubert & Arabie (1985).
 *
 * @example
 * adjustedRandIndex(["a", "a", "b", "b"], [0, 0, 1, 2]); // 0.571…
 */
export function adjustedRandIndex(truth: readonly Label[], clusters: readonly Label[]): number {
  const { counts, rows, columns, all } = contingency("@mmub/metrics/adjusted-rand-index", truth, clusters);
  const squares = (values: Iterable<number>) => {
    let sum = 0;
    for (const value of values) sum += value * value;
    return sum;
  };
  const [both, ofRows, ofColumns] = [squares(counts), squares(rows), squares(columns)];
  const together = both - all;
  const onlyTruth = ofRows - both;
  const onlyClusters = ofColumns - both;
  const apart = all * all - onlyTruth - onlyClusters - both;
  if (onlyTruth === 0 && onlyClusters === 0) return 1;
  return (
    (2 * (together * apart - onlyTruth * onlyClusters)) /
    ((together + onlyTruth) * (onlyTruth + apart) + (together + onlyClusters) * (onlyClusters + apart))
  );
}

/**
 * The normalised mutual information of two partitions, in [0, 1]: what one tells about the other, divided by the `average`
 * of their entropies. 1 the same up to names. Not adjusted for chance: many small clusters raise it.
 *
 * Rejects what `adjustedRandIndex` does. One cluster in both is 1, in one of them 0. Cost: one pass.
 * Source: scikit-learn's `normalized_mutual_info_score`.
 *
 * @example
 * normalizedMutualInformation(["a", "a", "b", "b"], [0, 0, 1, 2]); // 0.8
 */
export function normalizedMutualInformation(
  truth: readonly Label[],
  clusters: readonly Label[],
  options: {
    /** @default "arithmetic" */
    readonly average?: "arithmetic" | "geometric" | "min" | "max";
  } = {},
): number {
  const part = "@mmub/metrics/normalized-mutual-information";
  const { average = "arithmetic" } = options;
  const means = {
    arithmetic: (a: number, b: number) => (a + b) / 2,
    geometric: (a: number, b: number) => Math.sqrt(a * b),
    min: Math.min,
    max: Math.max,
  };
  checkParam(part, "average", average, Object.hasOwn(means, average), 'one of "arithmetic", "geometric", "min", "max"');
  const { counts, rows, columns, all } = contingency(part, truth, clusters);
  if (rows.length === 1 && columns.length === 1) return 1;
  if (rows.length === 1 || columns.length === 1) return 0;
  let information = 0;
  for (let i = 0; i < rows.length; i++)
    for (let j = 0; j < columns.length; j++) {
      const count = counts[i * columns.length + j]!;
      if (count > 0) information += (count / all) * Math.log((count * all) / (rows[i]! * columns[j]!));
    }
  const entropy = (of: Float64Array) => of.reduce((sum, count) => sum - (count / all) * Math.log(count / all), 0);
  return Math.min(1, Math.max(0, information) / means[average](entropy(rows), entropy(columns)));
}

export interface SilhouetteOptions {
  /** @default "euclidean" */
  readonly metric?: "euclidean" | "manhattan" | "cosine";
  /** Score this many rows drawn at random, for the cost is their square. @default all */
  readonly sampleSize?: number;
  /** An integer. @default 0 */
  readonly seed?: number;
}

/**
 * The mean silhouette of the rows, in [-1, 1]: how much nearer each is to its own cluster than to the next one; about 0
 * where clusters overlap. A row alone in its cluster counts 0.
 *
 * `features` are rows x cols numbers, such as Dense features. Rejects one label for each row that is missing, NaN, and
 * fewer than 2 or more than rows - 1 clusters. Cost: rows² x cols; `sampleSize` rows of them.
 * Source: scikit-learn's `silhouette_score`; Rousseeuw (1987).
 *
 * @example
 * silhouette({ rows: 4, cols: 1, data: [0, 1, 10, 11] }, ["a", "a", "b", "b"]); // 0.899…
 */
export function silhouette(
  features: { readonly rows: number; readonly cols: number; readonly data: ArrayLike<number> },
  clusters: readonly Label[],
  options: SilhouetteOptions = {},
): number {
  const part = "@mmub/metrics/silhouette";
  const { metric = "euclidean", sampleSize, seed = 0 } = options;
  checkMatrix(part, "features", features);
  const { rows, cols, data } = features;
  checkParam(
    part,
    "metric",
    metric,
    ["euclidean", "manhattan", "cosine"].includes(metric),
    '"euclidean", "manhattan" or "cosine"',
  );
  checkLength(part, "clusters", clusters, rows);
  checkLabels(part, "cluster", clusters);
  checkFinite(part, "value of features", data);
  checkParam(
    part,
    "sampleSize",
    sampleSize,
    sampleSize === undefined || (Number.isInteger(sampleSize) && sampleSize > 1),
    "an integer above 1",
  );
  let kept = Array.from(clusters.keys());
  if (sampleSize !== undefined && sampleSize < rows) kept = random(seed).shuffle(kept).slice(0, sampleSize);
  const names = [...new Set(kept.map((row) => clusters[row]!))];
  if (names.length < 2 || names.length >= kept.length)
    throw new MmubError("invalid-input", {
      part,
      message: `${names.length} clusters of ${kept.length} rows, want 2 to ${kept.length - 1}`,
      clusters: names.length,
    });
  const place = new Map(names.map((name, i) => [name, i]));
  const codes = kept.map((row) => place.get(clusters[row]!)!);
  const sizes = new Float64Array(names.length);
  for (const code of codes) sizes[code]!++;
  const norms = kept.map((row) => {
    let sum = 0;
    for (let c = 0; c < cols; c++) sum += data[row * cols + c]! ** 2;
    return Math.sqrt(sum);
  });
  const distance = (a: number, b: number): number => {
    const [p, q] = [kept[a]! * cols, kept[b]! * cols];
    let sum = 0;
    if (metric === "euclidean") {
      for (let c = 0; c < cols; c++) sum += (data[p + c]! - data[q + c]!) ** 2;
      return Math.sqrt(sum);
    }
    if (metric === "manhattan") {
      for (let c = 0; c < cols; c++) sum += Math.abs(data[p + c]! - data[q + c]!);
      return sum;
    }
    for (let c = 0; c < cols; c++) sum += data[p + c]! * data[q + c]!;
    // Zero rows have no direction: scikit-learn leaves them zero, at a distance of 1 from all.
    return 1 - sum / ((norms[a]! || 1) * (norms[b]! || 1));
  };
  let total = 0;
  const sums = new Float64Array(names.length);
  for (let a = 0; a < kept.length; a++) {
    sums.fill(0);
    for (let b = 0; b < kept.length; b++) if (a !== b) sums[codes[b]!]! += distance(a, b);
    const own = codes[a]!;
    if (sizes[own] === 1) continue;
    const within = sums[own]! / (sizes[own]! - 1);
    let nearest = Number.POSITIVE_INFINITY;
    for (let k = 0; k < names.length; k++) if (k !== own) nearest = Math.min(nearest, sums[k]! / sizes[k]!);
    const larger = Math.max(within, nearest);
    total += larger === 0 ? 0 : (nearest - within) / larger;
  }
  return total / kept.length;
}

// A Float64Array, so that squares of counts stay exact to 2^53.
function contingency(part: string, truth: readonly Label[], clusters: readonly Label[]) {
  checkLength(part, "truth", truth);
  checkLength(part, "clusters", clusters, truth.length);
  checkLabels(part, "truth", truth);
  checkLabels(part, "cluster", clusters);
  const [of, by] = [new Map<Label, number>(), new Map<Label, number>()];
  const code = (map: Map<Label, number>, label: Label) => {
    const known = map.get(label);
    if (known !== undefined) return known;
    map.set(label, map.size);
    return map.size - 1;
  };
  const pairs = truth.map((label, i) => [code(of, label), code(by, clusters[i]!)] as const);
  const counts = new Float64Array(of.size * by.size);
  const rows = new Float64Array(of.size);
  const columns = new Float64Array(by.size);
  for (const [i, j] of pairs) {
    counts[i * by.size + j]!++;
    rows[i]!++;
    columns[j]!++;
  }
  return { counts, rows, columns, all: truth.length };
}
