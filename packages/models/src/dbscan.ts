import {
  checkParam,
  checkSaved,
  type Features,
  type FitOptions,
  type FittedModel,
  type Json,
  pace,
  progress,
  rowBatches,
  type Saved,
  savedArray,
  takeFeatures,
  turn,
  type Unsupervised,
} from "@mmub/core";
import { checkMatrix, checkWidth, type Matrix } from "./linear.js";
import { type KeptRows, loadedRows, type Metric, metrics, neighborSearch, savedRows } from "./neighbors.js";
import { isPositive } from "./params.js";
import { filled } from "./trees/settings.js";
import { checkRows } from "./unsupervised.js";

const type = "@mmub/models/dbscan";

export interface DbscanParams {
  /** How far neighbours are apart at most. @default 0.5 */
  readonly eps?: number;
  /** Rows within `eps`, itself among them, that make a row a core of a cluster. @default 5 */
  readonly minSamples?: number;
  /** @default "euclidean" */
  readonly metric?: Metric;
}

/** The cluster of each row. */
export interface DensityClusters {
  /** From 0; -1 is noise, in no cluster. */
  readonly clusters: Int32Array;
}

export interface Dbscan extends Unsupervised<DensityClusters> {
  fit(x: Features, options?: FitOptions): Promise<FittedDbscan>;
  load(saved: Saved): Promise<FittedDbscan>;
}

export interface FittedDbscan extends FittedModel<DensityClusters> {
  /** The cluster of each row of the fit, -1: noise. */
  readonly clusters: Int32Array;
  /** How many clusters there are. */
  readonly count: number;
  /** Rows of the fit that are cores. */
  readonly cores: Int32Array;
}

/**
 * Clusters of any shape where rows are dense, and noise between them; how many is found, not asked for.
 *
 * Input: Dense or Sparse, which stays sparse; bring columns to one scale. Rows of missing modalities are zeros. Output of `predict`: the cluster
 * of the nearest core within `eps`, else -1. Of rows of the fit that is their cluster there, but for those at the edge of two. Rejects
 * Sequence, values that are not finite (with row and column), an empty data set, and in `predict` another width.
 * Cost: rows^2 * cols in the fit, some 0.15 ms a row for 10,000 dense rows of 50 columns; memory for every pair of neighbours.
 * Source: Ester et al. 1996. The clusters of scikit-learn's `DBSCAN`.
 *
 * @example
 * const stops = dense(7, 2, Float32Array.of(0, 0, 0, 0.3, 0.3, 0, 5, 5, 5, 5.3, 5.3, 5, 20, 0));
 * const fitted = await dbscan({ eps: 0.5, minSamples: 3 }).fit(stops);
 * console.log(fitted.clusters); // 0 0 0 1 1 1 -1
 */
export function dbscan(params: DbscanParams = {}): Dbscan {
  const settings = filled<Required<DbscanParams>>(type, params, { eps: 0.5, minSamples: 5, metric: "euclidean" }, []);
  const { eps, minSamples, metric } = settings;
  checkParam(type, "eps", eps, isPositive(eps), "a positive number");
  checkParam(type, "minSamples", minSamples, Number.isInteger(minSamples) && minSamples > 0, "a positive integer");
  checkParam(type, "metric", metric, metrics.includes(metric), metrics.map((name) => `"${name}"`).join(", "));
  const recipe = { type, params: settings as unknown as Json };

  const fitted = (clusters: Int32Array, cores: Int32Array, dense: Matrix): FittedDbscan => {
    const search = neighborSearch(dense, metric);
    return {
      clusters,
      cores,
      count: clusters.reduce((most, own) => Math.max(most, own), -1) + 1,
      async predict(x, options) {
        checkMatrix(x, type);
        checkWidth(x, dense.cols, type);
        const out = new Int32Array(x.rows).fill(-1);
        const pause = pace(options?.signal);
        for await (const { from, to } of rowBatches(x.rows, options, type))
          await search.find(
            x,
            from,
            to,
            { count: 1, radius: eps },
            (row, [near]) => {
              if (near) out[row] = clusters[cores[near.row]!]!;
            },
            pause,
          );
        return { clusters: out };
      },
      save: async () => ({
        ...recipe,
        version: 1,
        state: { rows: dense.rows, cols: dense.cols, layout: dense.layout },
        arrays: { ...savedRows(dense), clusters: clusters.slice(), cores: cores.slice() },
      }),
    };
  };

  return {
    ...recipe,
    async fit(x, options) {
      await turn(options?.signal);
      checkRows(x, type);
      const { rows } = x;
      const report = progress(options, type, rows);
      const pause = pace(options?.signal);
      const near: Int32Array[] = [];
      const search = neighborSearch(x, metric);
      for (let from = 0; from < rows; from += 64) {
        const to = Math.min(rows, from + 64);
        await search.find(
          x,
          from,
          to,
          { radius: eps },
          (row, found) => {
            near[row] = Int32Array.from(found, (one) => one.row);
          },
          pause,
        );
        report(to);
      }
      options?.signal?.throwIfAborted();
      const clusters = new Int32Array(rows).fill(-1);
      let count = 0;
      for (let first = 0; first < rows; first++) {
        if (clusters[first] !== -1 || near[first]!.length < minSamples) continue;
        clusters[first] = count;
        for (const open = [first]; open.length > 0; )
          for (const row of near[open.pop()!]!) {
            if (clusters[row] !== -1) continue;
            clusters[row] = count;
            if (near[row]!.length >= minSamples) open.push(row);
          }
        count++;
      }
      const cores = Int32Array.from(near.keys()).filter((row) => near[row]!.length >= minSamples);
      const { present: _, ...kept } = takeFeatures(x, cores);
      return fitted(clusters, cores, kept);
    },
    async load(saved) {
      const state = checkSaved(saved, recipe, 1).state as unknown as KeptRows;
      return fitted(
        savedArray(saved, "clusters", Int32Array),
        savedArray(saved, "cores", Int32Array),
        loadedRows(saved, state),
      );
    },
  };
}
