import { checkFeatureSet, checkParam, type FeatureSet, type Features, MmubError, quantile, show } from "@mmub/core";
import { checkFinite, checkLength } from "./checks.js";

/**
 * The population stability index of a column, at least 0: how far the shares of its bins have moved. Below 0.1 is taken for
 * stable, above 0.25 for a shift.
 *
 * The bins are quantiles of `reference`, equal ones joined; a share of 0 counts as 0.0001. Rejects empty arrays and numbers that are
 * not finite. Cost: sorting the reference. Source: Siddiqi (2006), Credit Risk Scorecards; evidently's floor for empty bins.
 *
 * @example
 * populationStability([1, 2, 3, 4], [1, 2, 3, 4], { bins: 2 }); // 0
 */
export function populationStability(
  reference: ArrayLike<number>,
  current: ArrayLike<number>,
  options: {
    /** @default 10 */
    readonly bins?: number;
  } = {},
): number {
  const part = "@mmub/metrics/population-stability";
  const { bins = 10 } = options;
  checkParam(part, "bins", bins, Number.isInteger(bins) && bins > 1, "an integer above 1");
  const sorted = sortedOf(part, "reference", reference);
  const now = sortedOf(part, "current", current);
  const edges = [...new Set(Array.from({ length: bins - 1 }, (_, i) => quantile(sorted, (i + 1) / bins)))];
  const shares = (values: Float64Array) => {
    let below = 0;
    let from = 0;
    const counts = edges.map((edge) => {
      while (below < values.length && values[below]! <= edge) below++;
      const count = below - from;
      from = below;
      return count;
    });
    return [...counts, values.length - from].map((count) => Math.max(count / values.length, 1e-4));
  };
  const [before, after] = [shares(sorted), shares(now)];
  return before.reduce((sum, share, i) => sum + (after[i]! - share) * Math.log(after[i]! / share), 0);
}

export interface KolmogorovSmirnov {
  /** The largest distance of the two distribution functions, in [0, 1]. */
  readonly statistic: number;
  /** How likely at least that distance is of two samples of one distribution, for large samples. */
  readonly pValue: number;
}

/**
 * The Kolmogorov-Smirnov test of whether two samples come of one distribution.
 *
 * Rejects what `populationStability` does. Cost: sorting both. Source: scipy's `ks_2samp`, with the p-value of the limiting
 * distribution (Kolmogorov 1933), close from some 20 samples on.
 *
 * @example
 * kolmogorovSmirnov([1, 2, 3, 4], [3, 4, 5, 6]).statistic; // 0.5
 */
export function kolmogorovSmirnov(reference: ArrayLike<number>, current: ArrayLike<number>): KolmogorovSmirnov {
  const part = "@mmub/metrics/kolmogorov-smirnov";
  const a = sortedOf(part, "reference", reference);
  const b = sortedOf(part, "current", current);
  let statistic = 0;
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const at = Math.min(a[i]!, b[j]!);
    while (i < a.length && a[i] === at) i++;
    while (j < b.length && b[j] === at) j++;
    statistic = Math.max(statistic, Math.abs(i / a.length - j / b.length));
  }
  return { statistic, pValue: kolmogorov(Math.sqrt((a.length * b.length) / (a.length + b.length)) * statistic) };
}

// Two series of one function: the first is quick for small x, the second for large.
function kolmogorov(x: number): number {
  if (x <= 0) return 1;
  if (x < 1) {
    let sum = 0;
    for (let k = 1; k < 20; k += 2) sum += Math.exp(-((k * Math.PI) ** 2) / (8 * x * x));
    return 1 - (Math.sqrt(2 * Math.PI) / x) * sum;
  }
  let sum = 0;
  for (let k = 1; k < 20; k++) sum += (k % 2 ? 2 : -2) * Math.exp(-2 * (k * x) ** 2);
  return sum;
}

export interface ColumnDrift {
  readonly column: number;
  readonly name: string;
  readonly stability: number;
  readonly statistic: number;
  readonly pValue: number;
}

export interface ModalityDrift {
  readonly modality: string;
  /** The share of rows that lack the modality. */
  readonly missing: { readonly reference: number; readonly current: number; readonly change: number };
  /** The columns of rows that have it, the most shifted first; empty where either side has no such row. */
  readonly columns: readonly ColumnDrift[];
  /** The largest population stability index of its columns, 0 without columns. */
  readonly stability: number;
}

export interface DriftOptions {
  /** The names of the columns of each modality, as extractors give them. @default column 0, column 1, … */
  readonly names?: Readonly<Record<string, readonly string[]>>;
  /** Of the population stability index. @default 10 */
  readonly bins?: number;
}

/**
 * How far features have moved since a reference, such as the training data: each column of each modality by its population
 * stability index and Kolmogorov-Smirnov test, and how many rows lack the modality.
 *
 * Dense and Sparse features; of a Sequence the missing rows alone. Rejects modalities or widths that differ. Cost: a sort of each column.
 *
 * @example
 * const before = { visits: dense(4, 1, Float32Array.of(1, 2, 3, 4)) };
 * const [visits] = featureDrift(before, { visits: dense(4, 1, Float32Array.of(11, 12, 13, 14)) }, { bins: 2 });
 * console.log(visits!.columns[0]!.statistic); // 1
 */
export function featureDrift(reference: FeatureSet, current: FeatureSet, options: DriftOptions = {}): ModalityDrift[] {
  const part = "@mmub/metrics/feature-drift";
  const { names = {}, bins = 10 } = options;
  for (const [what, features] of Object.entries({ reference, current })) checkFeatureSet(features, `${part} (${what})`);
  const modalities = Object.keys(reference).sort();
  const other = Object.keys(current).sort();
  if (modalities.join() !== other.join())
    throw new MmubError("shape-mismatch", {
      part,
      message: `the modalities are ${other.join(", ")}, want those of the reference: ${modalities.join(", ")}`,
    });
  return modalities.map((modality) => {
    const [before, after] = [reference[modality]!, current[modality]!];
    if (before.cols !== after.cols || before.layout !== after.layout)
      throw new MmubError("shape-mismatch", {
        part,
        message: `${modality} is ${after.layout} of ${after.cols} columns, want ${before.layout} of ${before.cols} as the reference`,
      });
    const [own, now] = [presentRows(before), presentRows(after)];
    const share = (rows: Uint32Array, all: number) => (all === 0 ? 0 : 1 - rows.length / all);
    const missing = { reference: share(own, before.rows), current: share(now, after.rows) };
    const columns: ColumnDrift[] = [];
    if (own.length > 0 && now.length > 0 && before.layout !== "sequence") {
      const [columnOf, columnNow] = [columnReader(before, own), columnReader(after, now)];
      for (let column = 0; column < before.cols; column++) {
        const [a, b] = [columnOf(column), columnNow(column)];
        columns.push({
          column,
          name: names[modality]?.[column] ?? `column ${column}`,
          stability: populationStability(a, b, { bins }),
          ...kolmogorovSmirnov(a, b),
        });
      }
    }
    columns.sort((a, b) => b.stability - a.stability || a.column - b.column);
    return {
      modality,
      missing: { ...missing, change: missing.current - missing.reference },
      columns,
      stability: columns[0]?.stability ?? 0,
    };
  });
}

function presentRows({ rows, present }: Features): Uint32Array {
  return Uint32Array.from({ length: rows }, (_, row) => row).filter((row) => !present || present[row] === 1);
}

function columnReader(features: Features, rows: Uint32Array): (column: number) => Float64Array {
  if (features.layout === "dense")
    return (column) => Float64Array.from(rows, (row) => features.data[row * features.cols + column]!);
  if (features.layout !== "sparse")
    throw new MmubError("invalid-input", {
      part: "@mmub/metrics/feature-drift",
      message: `features are ${show(features)}`,
    });
  const entries = new Map<number, [row: number, value: number][]>();
  rows.forEach((row, at) => {
    for (let i = features.offsets[row]!; i < features.offsets[row + 1]!; i++) {
      const found = entries.get(features.columns[i]!);
      if (found) found.push([at, features.values[i]!]);
      else entries.set(features.columns[i]!, [[at, features.values[i]!]]);
    }
  });
  return (column) => {
    const out = new Float64Array(rows.length);
    for (const [at, value] of entries.get(column) ?? []) out[at] = value;
    return out;
  };
}

function sortedOf(part: string, what: string, values: ArrayLike<number>): Float64Array {
  checkLength(part, what, values);
  checkFinite(part, what, values);
  return Float64Array.from(values).sort();
}
