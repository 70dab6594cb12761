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
  turn,
  type Unsupervised,
} from "@mmub/core";
import type { DensityClusters } from "./dbscan.js";
import { checkMatrix, checkWidth, type Matrix } from "./linear.js";
import { type Merges, mergesOf } from "./merges.js";
import { copiedRows, type KeptRows, loadedRows, type Metric, metrics, neighborSearch, savedRows } from "./neighbors.js";
import { filled } from "./trees/settings.js";
import { checkRows } from "./unsupervised.js";

const type = "@mmub/models/hdbscan";

export interface HdbscanParams {
  /** Rows that make a cluster; smaller groups are noise. @default 5 */
  readonly minClusterSize?: number;
  /** Rows, itself among them, that are near a row in a dense place: the more, the more is noise. @default null: minClusterSize */
  readonly minSamples?: number | null;
  /** Rows of a cluster at most; null: any number. Of `"eom"`. @default null */
  readonly maxClusterSize?: number | null;
  /** Clusters that part nearer than this stay together. @default 0 */
  readonly clusterSelectionEpsilon?: number;
  /** `"eom"`: the clusters that last longest over all densities; `"leaf"`: the smallest and most alike. @default "eom" */
  readonly clusterSelection?: "eom" | "leaf";
  /** Whether all rows may be one cluster. @default false */
  readonly allowSingleCluster?: boolean;
  /** @default "euclidean" */
  readonly metric?: Metric;
}

export interface Hdbscan extends Unsupervised<DensityClusters> {
  fit(x: Features, options?: FitOptions): Promise<FittedHdbscan>;
  load(saved: Saved): Promise<FittedHdbscan>;
}

export interface FittedHdbscan extends FittedModel<DensityClusters> {
  /** The cluster of each row of the fit, -1: noise. */
  readonly clusters: Int32Array;
  /** How much each row of the fit belongs to its cluster, 0 to 1; 0 for noise. */
  readonly probabilities: Float64Array;
  /** How many clusters there are. */
  readonly count: number;
}

/**
 * Clusters of any shape and of different densities, and noise between them; neither how many nor how dense is asked for.
 *
 * Input: Dense or Sparse; bring columns to one scale. Rows of missing modalities are zeros. Output of `predict`: the cluster of the row of the fit
 * that is nearest over dense places, where it lies within what joins that cluster, else -1; of rows of the fit their own. Rejects Sequence,
 * values that are not finite (with row and column), fewer rows than `minSamples`, and in `predict` another width.
 * Cost: twice rows^2 * cols in the fit: some ten thousand rows.
 * Source: Campello, Moulavi & Sander 2013; McInnes & Healy 2017. The clusters of scikit-learn's `HDBSCAN`.
 *
 * @example
 * const stops = dense(8, 1, Float32Array.of(0, 0.1, 0.2, 0.3, 5, 6, 7, 8));
 * const fitted = await hdbscan({ minClusterSize: 3 }).fit(stops);
 * console.log(fitted.clusters, fitted.probabilities);
 */
export function hdbscan(params: HdbscanParams = {}): Hdbscan {
  const defaults: Required<HdbscanParams> = {
    minClusterSize: 5,
    minSamples: null,
    maxClusterSize: null,
    clusterSelectionEpsilon: 0,
    clusterSelection: "eom",
    allowSingleCluster: false,
    metric: "euclidean",
  };
  const settings = filled(type, params, defaults, []);
  const { minClusterSize, minSamples, maxClusterSize, clusterSelectionEpsilon, clusterSelection, metric } = settings;
  const check = (name: string, value: unknown, ok: boolean, want: string): void =>
    checkParam(type, name, value, ok, want);
  const whole = (value: number | null, least: number): boolean => Number.isInteger(value) && value! >= least;
  check("minClusterSize", minClusterSize, whole(minClusterSize, 2), "a whole number of at least 2");
  check("minSamples", minSamples, minSamples === null || whole(minSamples, 1), "a whole number of at least 1, or null");
  check(
    "maxClusterSize",
    maxClusterSize,
    maxClusterSize === null || whole(maxClusterSize, 1),
    "a whole number of at least 1, or null",
  );
  const epsilonOk = clusterSelectionEpsilon >= 0 && clusterSelectionEpsilon < Infinity;
  check("clusterSelectionEpsilon", clusterSelectionEpsilon, epsilonOk, "a number of at least 0");
  check("clusterSelection", clusterSelection, ["eom", "leaf"].includes(clusterSelection), '"eom" or "leaf"');
  check(
    "allowSingleCluster",
    settings.allowSingleCluster,
    typeof settings.allowSingleCluster === "boolean",
    "true or false",
  );
  check("metric", metric, metrics.includes(metric), metrics.map((name) => `"${name}"`).join(", "));
  const recipe = { type, params: settings as unknown as Json };
  const near = minSamples ?? minClusterSize;

  const fitted = ({ clusters, probabilities, cores, reaches }: State, rows: Matrix): FittedHdbscan => {
    const search = neighborSearch(rows, metric);
    return {
      clusters,
      probabilities,
      count: reaches.length,
      async predict(x, options) {
        checkMatrix(x, type);
        checkWidth(x, rows.cols, type);
        const out = new Int32Array(x.rows).fill(-1);
        const pause = pace(options?.signal);
        for await (const { from, to } of rowBatches(x.rows, options, type))
          await search.find(
            x,
            from,
            to,
            { count: 2 * near },
            (row, found) => {
              const core = found[near - 1]!.distance;
              let [best, least] = [-1, Number.POSITIVE_INFINITY];
              for (const one of found) {
                const distance = Math.max(one.distance, core, cores[one.row]!);
                if (distance < least) [best, least] = [one.row, distance];
              }
              const own = clusters[best]!;
              if (own >= 0 && least <= reaches[own]!) out[row] = own;
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
          clusters: clusters.slice(),
          probabilities: probabilities.slice(),
          cores: cores.slice(),
          reaches: reaches.slice(),
        },
      }),
    };
  };

  return {
    ...recipe,
    async fit(x, options) {
      await turn(options?.signal);
      checkRows(x, type, near);
      const report = progress(options, type, 2 * x.rows);
      const pause = pace(options?.signal);
      const search = neighborSearch(x, metric);
      const cores = new Float64Array(x.rows);
      for (let from = 0; from < x.rows; from += 64) {
        const to = Math.min(x.rows, from + 64);
        await search.find(
          x,
          from,
          to,
          { count: near },
          (row, found) => {
            cores[row] = found[near - 1]!.distance;
          },
          pause,
        );
        report(to);
      }
      const pairs = await spanningTree(x, search, cores, pause, (done) => report(x.rows + done));
      options?.signal?.throwIfAborted();
      return fitted({ cores, ...selected(mergesOf(x.rows, pairs), settings) }, copiedRows(x));
    },
    async load(saved) {
      const kept = checkSaved(saved, recipe, 1).state as unknown as KeptRows;
      const state = {
        clusters: savedArray(saved, "clusters", Int32Array),
        probabilities: savedArray(saved, "probabilities", Float64Array),
        cores: savedArray(saved, "cores", Float64Array),
        reaches: savedArray(saved, "reaches", Float64Array),
      };
      return fitted(state, loadedRows(saved, kept));
    },
  };
}

interface State {
  readonly clusters: Int32Array;
  readonly probabilities: Float64Array;
  /** How far each row of the fit is from the last of those near it. */
  readonly cores: Float64Array;
  /** Of each cluster how far apart rows of it can be, over dense places. */
  readonly reaches: Float64Array;
}

/** Joins all rows by the shortest ways over dense places: a way is as long as the larger of the distance and both cores (Prim). */
async function spanningTree(
  x: Matrix,
  search: ReturnType<typeof neighborSearch>,
  cores: Float64Array,
  pause: () => Promise<void> | undefined,
  report: (done: number) => void,
): Promise<[number, number, number][]> {
  const { rows } = x;
  const pairs: [number, number, number][] = [];
  const joined = new Uint8Array(rows);
  const best = new Float64Array(rows).fill(Number.POSITIVE_INFINITY);
  const line = new Float64Array(rows);
  let last = 0;
  for (let count = 1; count < rows; count++) {
    await pause();
    joined[last] = 1;
    search.measure(x, last, line);
    let next = -1;
    for (let row = 0; row < rows; row++) {
      if (joined[row] === 1) continue;
      const way = Math.max(line[row]!, cores[last]!, cores[row]!);
      if (way < best[row]!) best[row] = way;
      if (next < 0 || best[row]! < best[next]!) next = row;
    }
    // Rows that are joined one after the other: whatever is within a distance comes before the first that is beyond.
    pairs.push([last, next, best[next]!]);
    last = next;
    report(count);
  }
  report(rows);
  return pairs;
}

/** A cluster of the condensed tree: it begins at a density, loses rows, and ends or parts into two. Densities are 1 / distance. */
interface Branch {
  readonly parent: number;
  readonly birth: number;
  readonly size: number;
  readonly children: number[];
  /** Rows that fall out of it, and at which density. */
  readonly lost: { readonly row: number; readonly density: number }[];
  stability: number;
}

function selected(merges: Merges, settings: Required<HdbscanParams>): Omit<State, "cores"> {
  const branches = condensed(merges, settings.minClusterSize);
  const { clusterSelection, clusterSelectionEpsilon, allowSingleCluster, maxClusterSize } = settings;
  const chosen = new Uint8Array(branches.length);
  const unchoose = (branch: number): void => {
    for (const child of branches[branch]!.children) {
      chosen[child] = 0;
      unchoose(child);
    }
  };
  if (clusterSelection === "eom") {
    const largest = maxClusterSize ?? Number.POSITIVE_INFINITY;
    // A branch comes before its children.
    const worth = branches.map(({ stability }) => stability);
    for (let branch = branches.length - 1; branch >= (allowSingleCluster ? 0 : 1); branch--) {
      const { children, size } = branches[branch]!;
      const ofChildren = children.reduce((sum, child) => sum + worth[child]!, 0);
      if (ofChildren > worth[branch]! || size > largest) worth[branch] = ofChildren;
      else {
        chosen[branch] = 1;
        unchoose(branch);
      }
    }
  } else {
    for (const [branch, { children }] of branches.entries())
      if (children.length === 0 && branch > 0) chosen[branch] = 1;
    if (branches.length === 1 && allowSingleCluster) chosen[0] = 1;
  }
  if (clusterSelectionEpsilon > 0)
    for (let branch = branches.length - 1; branch > 0; branch--) {
      if (chosen[branch] === 0 || 1 / branches[branch]!.birth >= clusterSelectionEpsilon) continue;
      // Up to where the branch parted from another at that distance or beyond.
      let top = branch;
      while (1 / branches[top]!.birth < clusterSelectionEpsilon) {
        const { parent } = branches[top]!;
        if (parent === 0 && !allowSingleCluster) break;
        top = parent;
        if (top === 0) break;
      }
      chosen[branch] = 0;
      unchoose(top);
      chosen[top] = 1;
    }

  const order = Array.from(chosen.keys()).filter((branch) => chosen[branch] === 1);
  const clusters = new Int32Array(merges.rows).fill(-1);
  const probabilities = new Float64Array(merges.rows);
  const reaches = new Float64Array(order.length);
  for (const [cluster, top] of order.entries()) {
    // How dense it becomes itself, which is where it parts or ends.
    const { children, lost, birth } = branches[top]!;
    const own = [...children.map((child) => branches[child]!.birth), ...lost.map(({ density }) => density)];
    const most = own.reduce((a, b) => Math.max(a, b), 0);
    const least = top > 0 ? 0 : clusterSelectionEpsilon > 0 ? 1 / clusterSelectionEpsilon : most;
    reaches[cluster] = birth > 0 ? 1 / birth : 1 / (least || 1);
    for (const open = [top]; open.length > 0; ) {
      const branch = branches[open.pop()!]!;
      open.push(...branch.children);
      for (const { row, density } of branch.lost) {
        if (density < least) continue;
        clusters[row] = cluster;
        probabilities[row] = most === 0 || density === Number.POSITIVE_INFINITY ? 1 : Math.min(density, most) / most;
      }
    }
  }
  return { clusters, probabilities, reaches };
}

/** The merges from the top down, without what parts from a cluster but is too small to be one itself. */
function condensed({ rows, children, distances, sizes }: Merges, minClusterSize: number): Branch[] {
  const branches: Branch[] = [{ parent: -1, birth: 0, size: rows, children: [], lost: [], stability: 0 }];
  const rowsIn = (cluster: number): number[] => {
    const found: number[] = [];
    for (const open = [cluster]; open.length > 0; ) {
      const at = open.pop()!;
      if (at < rows) found.push(at);
      else open.push(children[2 * (at - rows)]!, children[2 * (at - rows) + 1]!);
    }
    return found;
  };
  const sizeOf = (cluster: number): number => (cluster < rows ? 1 : sizes[cluster - rows]!);
  const open = distances.length > 0 ? [{ cluster: rows + distances.length - 1, branch: 0 }] : [];
  // First those of the same depth: the numbers of scikit-learn's clusters.
  for (let at = 0; at < open.length; at++) {
    const { cluster, branch } = open[at]!;
    const distance = distances[cluster - rows]!;
    const density = distance > 0 ? 1 / distance : Number.POSITIVE_INFINITY;
    const own = branches[branch]!;
    const sides = [children[2 * (cluster - rows)]!, children[2 * (cluster - rows) + 1]!];
    const parts = sides.every((side) => sizeOf(side) >= minClusterSize);
    for (const side of sides) {
      const size = sizeOf(side);
      if (parts || size < minClusterSize) own.stability += (density - own.birth) * size;
      if (parts) {
        branches.push({ parent: branch, birth: density, size, children: [], lost: [], stability: 0 });
        own.children.push(branches.length - 1);
        if (side >= rows) open.push({ cluster: side, branch: branches.length - 1 });
      } else if (size >= minClusterSize) open.push({ cluster: side, branch });
      else for (const row of rowsIn(side)) own.lost.push({ row, density });
    }
  }
  return branches;
}
