import {
  checkParam,
  checkSaved,
  type Features,
  type FitOptions,
  type FittedModel,
  type Json,
  MmubError,
  pace,
  progress,
  rowBatches,
  type Saved,
  savedArray,
  turn,
  type Unsupervised,
} from "@mmub/core";
import type { DensityClusters } from "./dbscan.js";
import { checkMatrix, checkWidth, type Matrix } from "./linear.js";
import { cut, type Merges, mergesOf } from "./merges.js";
import { copiedRows, type KeptRows, loadedRows, type Metric, metrics, neighborSearch, savedRows } from "./neighbors.js";
import { filled } from "./trees/settings.js";
import { checkRows } from "./unsupervised.js";

const type = "@mmub/models/hierarchical";

export interface HierarchicalParams {
  /** How many clusters are left; null where `distanceThreshold` decides. @default 2 */
  readonly clusters?: number | null;
  /** Clusters further apart than this stay apart. @default null */
  readonly distanceThreshold?: number | null;
  /**
   * How far two clusters are apart: `"ward"` by how much the squared distances from the means grow, and wants `"euclidean"`; `"complete"`: their two
   * furthest rows; `"average"`: the mean of all pairs; `"single"`: their two nearest rows. @default "ward"
   */
  readonly linkage?: "ward" | "complete" | "average" | "single";
  /** @default "euclidean" */
  readonly metric?: Metric;
}

export interface Hierarchical extends Unsupervised<DensityClusters> {
  fit(x: Features, options?: FitOptions): Promise<FittedHierarchical>;
  load(saved: Saved): Promise<FittedHierarchical>;
}

export interface FittedHierarchical extends FittedModel<DensityClusters> {
  /** The cluster of each row of the fit, from 0, numbered by their first rows. */
  readonly clusters: Int32Array;
  /** How many clusters there are. */
  readonly count: number;
  /** Every step from single rows to one cluster, for a tree or another number of clusters. */
  readonly merges: Merges;
}

// A matrix of all pairs in float64 takes 8 * rows^2 / 2 bytes: 1.6 GB.
const mostRows = 20_000;

/**
 * Hierarchical clustering from single rows upwards: the two nearest clusters become one, again and again. For some thousand rows.
 *
 * Input: Dense or Sparse; bring columns to one scale. Rows of missing modalities are zeros. Output of `predict`: the cluster of the nearest row
 * of the fit. Rejects Sequence, values that are not finite (with row and column), fewer rows than clusters, more than 20,000 rows, and in
 * `predict` another width.
 * Cost: rows^2 * cols, and 4 * rows^2 bytes.
 * Source: nearest-neighbour chains (Murtagh 1983) with the recurrences of Lance & Williams 1967. The merges of scipy's `linkage`, the clusters of
 * scikit-learn's `AgglomerativeClustering`.
 *
 * @example
 * const visits = dense(5, 1, Float32Array.of(1, 2, 8, 9, 30));
 * const fitted = await hierarchical({ clusters: 3, linkage: "average" }).fit(visits);
 * console.log(fitted.clusters, fitted.merges.distances); // 0 0 1 1 2
 */
export function hierarchical(params: HierarchicalParams = {}): Hierarchical {
  const defaults: Required<HierarchicalParams> = {
    clusters: params.distanceThreshold === undefined || params.distanceThreshold === null ? 2 : null,
    distanceThreshold: null,
    linkage: "ward",
    metric: "euclidean",
  };
  const settings = filled(type, params, defaults, []);
  const { clusters, distanceThreshold, linkage, metric } = settings;
  const check = (name: string, value: unknown, ok: boolean, want: string): void =>
    checkParam(type, name, value, ok, want);
  const linkages = ["ward", "complete", "average", "single"];
  check(
    "clusters",
    clusters,
    clusters === null || (Number.isInteger(clusters) && clusters > 0),
    "a positive integer or null",
  );
  check(
    "clusters",
    clusters,
    (clusters === null) !== (distanceThreshold === null),
    "null with distanceThreshold, a number without",
  );
  check(
    "distanceThreshold",
    distanceThreshold,
    distanceThreshold === null || distanceThreshold >= 0,
    "a number of at least 0 or null",
  );
  check("linkage", linkage, linkages.includes(linkage), linkages.map((name) => `"${name}"`).join(", "));
  check("metric", metric, metrics.includes(metric), metrics.map((name) => `"${name}"`).join(", "));
  check("metric", metric, metric === "euclidean" || linkage !== "ward", '"euclidean" with linkage "ward"');
  const recipe = { type, params: settings as unknown as Json };

  const fitted = (merges: Merges, rows: Matrix): FittedHierarchical => {
    const apart = merges.distances.findIndex((distance) => distance >= distanceThreshold!);
    const count = clusters === null ? (apart < 0 ? merges.distances.length : apart) : merges.rows - clusters;
    const own = cut(merges, count);
    const search = neighborSearch(rows, metric);
    return {
      clusters: own,
      count: merges.rows - count,
      merges,
      async predict(x, options) {
        checkMatrix(x, type);
        checkWidth(x, rows.cols, type);
        const out = new Int32Array(x.rows);
        const pause = pace(options?.signal);
        for await (const { from, to } of rowBatches(x.rows, options, type))
          await search.find(
            x,
            from,
            to,
            { count: 1 },
            (row, [near]) => {
              out[row] = own[near!.row]!;
            },
            pause,
          );
        return { clusters: out };
      },
      save: async () => ({
        ...recipe,
        version: 1,
        state: { rows: rows.rows, cols: rows.cols, layout: rows.layout },
        arrays: {
          ...savedRows(rows),
          children: merges.children.slice(),
          distances: merges.distances.slice(),
          sizes: merges.sizes.slice(),
        },
      }),
    };
  };

  return {
    ...recipe,
    async fit(x, options) {
      await turn(options?.signal);
      checkRows(x, type, clusters ?? 1);
      if (x.rows > mostRows)
        throw new MmubError("invalid-input", {
          part: type,
          message: `got ${x.rows} rows, want at most ${mostRows}, since all pairs are compared; take kMeans or hdbscan, or some of the rows`,
          rows: x.rows,
        });
      const report = progress(options, type, 2 * x.rows);
      const merges = await chains(x, linkage, metric, pace(options?.signal), report);
      options?.signal?.throwIfAborted();
      return fitted(merges, copiedRows(x));
    },
    async load(saved) {
      const kept = checkSaved(saved, recipe, 1).state as unknown as KeptRows;
      const merges = {
        rows: kept.rows,
        children: savedArray(saved, "children", Int32Array),
        distances: savedArray(saved, "distances", Float64Array),
        sizes: savedArray(saved, "sizes", Int32Array),
      };
      return fitted(merges, loadedRows(saved, kept));
    },
  };
}

/** Goes from a cluster to its nearest, and on, until two are each other's nearest: these merge. */
async function chains(
  x: Matrix,
  linkage: Required<HierarchicalParams>["linkage"],
  metric: Metric,
  pause: () => Promise<void> | undefined,
  report: (done: number) => void,
): Promise<Merges> {
  const { rows } = x;
  // Below the diagonal, row by row.
  const apart = new Float64Array((rows * (rows - 1)) / 2);
  const at = (a: number, b: number): number => (a > b ? (a * (a - 1)) / 2 + b : (b * (b - 1)) / 2 + a);
  const search = neighborSearch(x, metric);
  const line = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    await pause();
    search.measure(x, row, line);
    apart.set(line.subarray(0, row), (row * (row - 1)) / 2);
    report(row + 1);
  }

  const sizes = new Float64Array(rows).fill(1);
  const pairs: [number, number, number][] = [];
  const chain: number[] = [];
  while (pairs.length < rows - 1) {
    await pause();
    if (chain.length === 0) chain.push(sizes.findIndex((size) => size > 0));
    const last = chain.at(-1)!;
    // Of equally near ones the one before in the chain, or it would go round in circles.
    let near = chain.at(-2) ?? -1;
    let least = near < 0 ? Number.POSITIVE_INFINITY : apart[at(last, near)]!;
    for (let other = 0; other < rows; other++) {
      if (other === last || sizes[other] === 0) continue;
      const distance = apart[at(last, other)]!;
      if (distance < least) [near, least] = [other, distance];
    }
    if (near !== chain.at(-2)) {
      chain.push(near);
      continue;
    }
    chain.length -= 2;
    pairs.push([last, near, least]);
    const [a, b] = [sizes[last]!, sizes[near]!];
    // The new cluster takes the place of `near`.
    for (let other = 0; other < rows; other++) {
      if (other === last || other === near || sizes[other] === 0) continue;
      const [toA, toB] = [apart[at(last, other)]!, apart[at(near, other)]!];
      const c = sizes[other]!;
      apart[at(near, other)] =
        linkage === "single"
          ? Math.min(toA, toB)
          : linkage === "complete"
            ? Math.max(toA, toB)
            : linkage === "average"
              ? (a * toA + b * toB) / (a + b)
              : Math.sqrt(Math.max(0, ((a + c) * toA * toA + (b + c) * toB * toB - c * least * least) / (a + b + c)));
    }
    sizes[near] = a + b;
    sizes[last] = 0;
    report(rows + pairs.length);
  }
  return mergesOf(rows, pairs);
}
