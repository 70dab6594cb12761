import {
  checkParam,
  checkSaved,
  type Dense,
  type Features,
  type FitOptions,
  type FittedModel,
  type Json,
  MmubError,
  pace,
  progress,
  type Random,
  random,
  rowBatches,
  type Saved,
  savedArray,
  takeFeatures,
  turn,
  type Unsupervised,
} from "@mmub/core";
import { argmax } from "./labels.js";
import { checkMatrix, checkWidth, linearKernel, type Matrix, moments, packed, squaresOf, strideOf } from "./linear.js";
import { filled } from "./trees/settings.js";
import { checkRows } from "./unsupervised.js";

const type = "@mmub/models/k-means";

export interface KMeansParams {
  /** How many clusters. @default 8 */
  readonly clusters?: number;
  /** `"k-means++"` draws first centers that are far from each other, `"random"` any rows. @default "k-means++" */
  readonly init?: "k-means++" | "random";
  /** How often to start, of which the run of the lowest inertia counts. @default 1 */
  readonly starts?: number;
  /** Passes over the rows, at most. @default 300, with `batchRows` 100 */
  readonly maxIterations?: number;
  /** Stop where the centers move by less than this share of the mean variance of the columns. @default 1e-4, with `batchRows` 0 */
  readonly tolerance?: number;
  /** Rows of a mini-batch: a step for each, in place of one for all rows. For data of many rows. @default null: all rows */
  readonly batchRows?: number | null;
  /** Of mini-batches: how many may lower the inertia no more before it stops. @default 10 */
  readonly patience?: number;
}

/** The cluster of each row. */
export interface Clusters {
  readonly clusters: Int32Array;
  /** How far each row is from the center of its cluster. */
  readonly distances: Float64Array;
}

export interface KMeans extends Unsupervised<Clusters> {
  fit(x: Features, options?: KMeansFitOptions): Promise<FittedKMeans>;
  load(saved: Saved): Promise<FittedKMeans>;
}

export interface KMeansFitOptions extends FitOptions {
  /** Centers to start from, one a row, in place of those that are drawn. */
  readonly centers?: Dense;
}

export interface FittedKMeans extends FittedModel<Clusters> {
  /** Row-major, clusters x columns. */
  readonly centers: Float64Array;
  /** The sum of the squared distances of the rows of the fit from their centers. */
  readonly inertia: number;
  /** Whether the centers came to rest. If not, raise `maxIterations` or `tolerance`. */
  readonly converged: boolean;
  /** Passes over the rows of the run that counts, or batches. */
  readonly iterations: number;
}

/**
 * k-means: clusters of rows around their means, such as kinds of users.
 *
 * Input: Dense or Sparse, which stays sparse; bring columns to one scale, since the largest decides what is near. Rows of missing modalities
 * are zeros. Output: the cluster of each row, from 0, and its distance from the center. Rejects Sequence, values that are not finite (with
 * row and column), fewer rows than clusters, and in `predict` another width. The progress of a fit counts passes, with `inertia`.
 * Cost: rows * cols * clusters a pass, mostly 10 to 100; in float64.
 * Source: Lloyd 1982; greedy k-means++ (Arthur & Vassilvitskii 2007); empty clusters move to the rows that are farthest away; mini-batches
 * (Sculley 2010). The numbers are those of scikit-learn's `KMeans` from the same centers; of `MiniBatchKMeans` but for what is drawn.
 *
 * @example
 * const visits = dense(6, 2, Float32Array.of(1, 1, 2, 1, 1, 2, 8, 9, 9, 8, 9, 9));
 * const fitted = await kMeans({ clusters: 2 }).fit(visits, { seed: 7 });
 * const { clusters } = await fitted.predict(visits);
 */
export function kMeans(params: KMeansParams = {}): KMeans {
  const batches = (params.batchRows ?? null) !== null;
  const defaults: Required<KMeansParams> = {
    clusters: 8,
    init: "k-means++",
    starts: 1,
    maxIterations: batches ? 100 : 300,
    tolerance: batches ? 0 : 1e-4,
    batchRows: null,
    patience: 10,
  };
  const settings = filled(type, params, defaults, []);
  const { clusters, init, starts, maxIterations, tolerance, batchRows, patience } = settings;
  const isCount = (value: number): boolean => Number.isInteger(value) && value > 0;
  for (const [name, value] of Object.entries({ clusters, starts, maxIterations, patience }))
    checkParam(type, name, value, isCount(value), "a whole number of at least 1");
  checkParam(type, "init", init, ["k-means++", "random"].includes(init), '"k-means++" or "random"');
  checkParam(type, "tolerance", tolerance, tolerance >= 0 && tolerance < 1, "a number of at least 0 and below 1");
  checkParam(type, "batchRows", batchRows, batchRows === null || isCount(batchRows), "a whole number or null");
  const recipe = { type, params: settings as unknown as Json };

  const fitted = (state: State): FittedKMeans => {
    const { cols, centers, ...rest } = state;
    return {
      ...rest,
      centers,
      async predict(x, options) {
        checkMatrix(x, type);
        checkWidth(x, cols, type);
        const out = { clusters: new Int32Array(x.rows), distances: new Float64Array(x.rows) };
        const assign = assigner(x, centers);
        for await (const { from, to } of rowBatches(x.rows, options, type)) {
          assign(from, to, out.clusters, out.distances);
          for (let row = from; row < to; row++) out.distances[row] = Math.sqrt(out.distances[row]!);
        }
        return out;
      },
      save: async () => ({ ...recipe, version: 1, state: { ...rest, cols }, arrays: { centers: centers.slice() } }),
    };
  };

  return {
    ...recipe,
    async fit(x, options) {
      await turn(options?.signal);
      checkRows(x, type, clusters);
      const given = options?.centers;
      if (given !== undefined && (given.rows !== clusters || given.cols !== x.cols))
        throw new MmubError("shape-mismatch", {
          part: type,
          message: `centers are ${given.rows} x ${given.cols}, want ${clusters} x ${x.cols}`,
        });
      const numbers = random(options?.seed);
      const report = progress(options, type);
      let done = 0;
      const run: Run = {
        pause: pace(options?.signal),
        step: (inertia) => report(++done, { inertia }),
      };
      let best: Omit<State, "cols"> | undefined;
      for (let start = 0; start < (given ? 1 : starts); start++) {
        const own = numbers.fork(`start ${start}`);
        const centers = given ? Float64Array.from(given.data) : await firstCenters(x, settings, own, run);
        const found = await (batchRows === null
          ? lloyd(x, centers, settings, run)
          : miniBatches(x, centers, settings, batchRows, own, run));
        if (!best || found.inertia < best.inertia) best = found;
      }
      options?.signal?.throwIfAborted();
      return fitted({ ...best!, cols: x.cols });
    },
    async load(saved) {
      const state = checkSaved(saved, recipe, 1).state as unknown as Omit<State, "centers">;
      return fitted({ ...state, centers: savedArray(saved, "centers", Float64Array, clusters * state.cols) });
    },
  };
}

interface State {
  readonly cols: number;
  readonly centers: Float64Array;
  readonly inertia: number;
  readonly converged: boolean;
  readonly iterations: number;
}

interface Run {
  readonly pause: () => Promise<void> | undefined;
  readonly step: (inertia: number) => void;
}

/**
 * Writes the nearest center of each row and the square of its distance; returns their sum. The nearest is that of the largest
 * x . center - |center|^2 / 2: one pass of a linear kernel.
 */
function assigner(x: Matrix, centers: Float64Array) {
  const { cols } = x;
  const count = cols > 0 ? centers.length / cols : 1;
  const stride = strideOf(Math.max(2, count));
  const kernel = linearKernel(x, stride);
  const scores = new Float64Array(kernel.block * stride);
  const halves = new Float64Array(Math.max(2, count)).fill(Number.NEGATIVE_INFINITY);
  for (let c = 0; c < count; c++) {
    halves[c] = 0;
    for (let k = 0; k < cols; k++) halves[c]! -= 0.5 * centers[c * cols + k]! ** 2;
  }
  const wide = new Float64Array(halves.length * cols);
  wide.set(centers);
  const weights = packed(wide, halves, cols);
  const ofCenters = halves.map((half) => -2 * half);
  return (from: number, to: number, clusters: Int32Array, distances: Float64Array): number => {
    let sum = 0;
    for (let start = from; start < to; start += kernel.block) {
      const end = Math.min(to, start + kernel.block);
      kernel.scores(start, end, weights, scores);
      for (let row = start; row < end; row++) {
        const own = argmax(scores, (row - start) * stride, count);
        clusters[row] = own;
        distances[row] = squaredDistance(x, row, centers, own * cols, ofCenters[own]!);
        sum += distances[row]!;
      }
    }
    return sum;
  };
}

function squaredDistance(x: Matrix, row: number, centers: Float64Array, at: number, square: number): number {
  let sum = 0;
  if (x.layout === "dense") {
    for (let k = 0; k < x.cols; k++) sum += (x.data[row * x.cols + k]! - centers[at + k]!) ** 2;
    return sum;
  }
  let covered = 0;
  for (let i = x.offsets[row]!; i < x.offsets[row + 1]!; i++) {
    const center = centers[at + x.columns[i]!]!;
    sum += (x.values[i]! - center) ** 2;
    covered += center * center;
  }
  return sum + Math.max(0, square - covered);
}

/** Adds `weight` times a row to a center. */
function addRow(x: Matrix, row: number, weight: number, centers: Float64Array, at: number): void {
  if (x.layout === "dense") for (let k = 0; k < x.cols; k++) centers[at + k]! += weight * x.data[row * x.cols + k]!;
  else
    for (let i = x.offsets[row]!; i < x.offsets[row + 1]!; i++) centers[at + x.columns[i]!]! += weight * x.values[i]!;
}

async function firstCenters(
  x: Matrix,
  params: Required<KMeansParams>,
  random: Random,
  run: Run,
): Promise<Float64Array> {
  const { clusters, init, batchRows } = params;
  // Of mini-batches, from some of the rows.
  const size = Math.max(3 * (batchRows ?? x.rows), 3 * clusters);
  if (batchRows !== null && size < x.rows)
    return firstCenters(takeFeatures(x, drawn(x.rows, size, random)), { ...params, batchRows: null }, random, run);
  if (init === "k-means++") return plusPlus(x, clusters, random, run);
  const centers = new Float64Array(clusters * x.cols);
  for (const [c, row] of drawn(x.rows, clusters, random).entries()) addRow(x, row, 1, centers, c * x.cols);
  return centers;
}

/** `count` of the numbers below `of`, each at most once. */
function drawn(of: number, count: number, random: Random): Int32Array {
  return random.shuffle(Int32Array.from({ length: of }, (_, row) => row)).subarray(0, count);
}

/** Each center is the best of some rows that are drawn by their squared distance from the centers so far. */
async function plusPlus(x: Matrix, clusters: number, random: Random, { pause }: Run): Promise<Float64Array> {
  const { rows, cols } = x;
  const centers = new Float64Array(clusters * cols);
  const squares = squaresOf(x);
  const trials = 2 + Math.floor(Math.log(clusters));
  const stride = strideOf(Math.max(2, trials));
  const kernel = linearKernel(x, stride);
  const products = new Float64Array(kernel.block * stride);
  /** The squared distance of each row from each of these, candidate by candidate. */
  const distancesTo = async (candidates: readonly number[]): Promise<Float64Array[]> => {
    const wide = new Float64Array(Math.max(2, trials) * cols);
    for (const [t, row] of candidates.entries()) addRow(x, row, 1, wide, t * cols);
    const weights = packed(wide, new Float64Array(Math.max(2, trials)), cols);
    const out = candidates.map(() => new Float64Array(rows));
    for (let from = 0; from < rows; from += kernel.block) {
      await pause();
      const to = Math.min(rows, from + kernel.block);
      kernel.scores(from, to, weights, products);
      for (const [t, candidate] of candidates.entries())
        for (let row = from; row < to; row++)
          out[t]![row] =
            row === candidate
              ? 0
              : Math.max(0, squares[row]! + squares[candidate]! - 2 * products[(row - from) * stride + t]!);
    }
    return out;
  };

  const first = random.integer(rows);
  addRow(x, first, 1, centers, 0);
  let nearest = (await distancesTo([first]))[0]!;
  for (let c = 1; c < clusters; c++) {
    const total = nearest.reduce((a, b) => a + b, 0);
    const candidates = Array.from({ length: trials }, () => {
      if (total === 0) return random.integer(rows);
      let left = random.next() * total;
      for (let row = 0; row < rows; row++) {
        left -= nearest[row]!;
        if (left < 0) return row;
      }
      return rows - 1;
    });
    const all = await distancesTo(candidates);
    let [best, least] = [0, Number.POSITIVE_INFINITY];
    for (const [t, distances] of all.entries()) {
      let sum = 0;
      for (let row = 0; row < rows; row++) {
        distances[row] = Math.min(distances[row]!, nearest[row]!);
        sum += distances[row]!;
      }
      if (sum < least) [best, least] = [t, sum];
    }
    nearest = all[best]!;
    addRow(x, candidates[best]!, 1, centers, c * cols);
  }
  return centers;
}

async function assignAll(x: Matrix, centers: Float64Array, clusters: Int32Array, distances: Float64Array, run: Run) {
  const assign = assigner(x, centers);
  let inertia = 0;
  for (let from = 0; from < x.rows; from += 4096) {
    await run.pause();
    inertia += assign(from, Math.min(x.rows, from + 4096), clusters, distances);
  }
  return inertia;
}

async function lloyd(
  x: Matrix,
  centers: Float64Array,
  { clusters: count, maxIterations, tolerance }: Required<KMeansParams>,
  run: Run,
): Promise<Omit<State, "cols">> {
  const { rows, cols } = x;
  const { means, squares } = moments(x, new Uint8Array(rows), Float64Array.of(1 / rows));
  const variance = squares.reduce((sum, square, k) => sum + (square - means[k]! ** 2) / cols, 0);
  const clusters = new Int32Array(rows).fill(-1);
  const distances = new Float64Array(rows);
  let before = clusters.slice();
  let now = centers;
  for (let iterations = 1; ; iterations++) {
    const inertia = await assignAll(x, now, clusters, distances, run);
    run.step(inertia);
    const still = clusters.every((own, row) => own === before[row]);
    if (still) return { centers: now, inertia, converged: true, iterations };
    before = clusters.slice();

    const next = new Float64Array(count * cols);
    const counts = new Float64Array(count);
    for (let row = 0; row < rows; row++) {
      counts[clusters[row]!]!++;
      addRow(x, row, 1, next, clusters[row]! * cols);
    }
    const empty = Array.from(counts.keys()).filter((c) => counts[c] === 0);
    if (empty.length > 0) {
      const farthest = Array.from(distances.keys()).sort((a, b) => distances[b]! - distances[a]!);
      for (const [i, c] of empty.entries()) {
        const row = farthest[i]!;
        addRow(x, row, -1, next, clusters[row]! * cols);
        counts[clusters[row]!]!--;
        addRow(x, row, 1, next, c * cols);
        counts[c] = 1;
      }
    }
    let moved = 0;
    for (let c = 0; c < count; c++)
      for (let k = 0; k < cols; k++) {
        const i = c * cols + k;
        next[i] = counts[c]! > 0 ? next[i]! / counts[c]! : now[i]!;
        moved += (next[i]! - now[i]!) ** 2;
      }
    now = next;
    const converged = moved <= tolerance * variance;
    if (converged || iterations >= maxIterations)
      return { centers: now, inertia: await assignAll(x, now, clusters, distances, run), converged, iterations };
  }
}

/** Each batch moves the centers towards the mean of all rows that were theirs so far. */
async function miniBatches(
  x: Matrix,
  start: Float64Array,
  { clusters: count, maxIterations, tolerance, patience }: Required<KMeansParams>,
  batchRows: number,
  random: Random,
  run: Run,
): Promise<Omit<State, "cols">> {
  const { rows, cols } = x;
  const size = Math.min(rows, batchRows);
  const centers = start.slice();
  const counts = new Float64Array(count);
  const clusters = new Int32Array(rows);
  const distances = new Float64Array(rows);
  const { means, squares } = moments(x, new Uint8Array(rows), Float64Array.of(1 / rows));
  const variance = squares.reduce((sum, square, k) => sum + (square - means[k]! ** 2) / cols, 0);
  const share = Math.min(1, (2 * size) / (rows + 1));
  let [smoothed, least, waited, seen] = [0, Number.POSITIVE_INFINITY, 0, 0];
  let converged = false;
  let iterations = 0;
  const steps = Math.floor((maxIterations * rows) / size);
  while (iterations < steps && !converged) {
    await run.pause();
    const batch = takeFeatures(
      x,
      Int32Array.from({ length: size }, () => random.integer(rows)),
    );
    const inertia = assigner(batch, centers)(0, size, clusters, distances) / size;
    const before = centers.slice();
    for (let c = 0; c < count; c++) {
      const held = counts[c]!;
      for (let row = 0; row < size; row++) if (clusters[row] === c) counts[c]!++;
      if (counts[c] === held) continue;
      for (let k = 0; k < cols; k++) centers[c * cols + k]! *= held / counts[c]!;
    }
    for (let row = 0; row < size; row++)
      addRow(batch, row, 1 / counts[clusters[row]!]!, centers, clusters[row]! * cols);
    iterations++;
    seen += size;
    // Centers that hardly any row is nearest to begin anew, once in a while.
    const most = counts.reduce((a, b) => Math.max(a, b), 0);
    if (seen >= 10 * count) {
      seen = 0;
      for (let c = 0; c < count; c++)
        if (counts[c]! < 0.01 * most) {
          centers.fill(0, c * cols, (c + 1) * cols);
          addRow(batch, random.integer(size), 1, centers, c * cols);
          counts[c] = counts.reduce((a, b) => (b >= 0.01 * most ? Math.min(a, b) : a), most);
        }
    }
    let moved = 0;
    for (let i = 0; i < centers.length; i++) moved += (centers[i]! - before[i]!) ** 2;
    // The first tells how good the start was.
    if (iterations === 1) continue;
    smoothed = iterations === 2 ? inertia : smoothed * (1 - share) + inertia * share;
    run.step(smoothed * rows);
    if (tolerance > 0 && moved <= tolerance * variance) converged = true;
    waited = smoothed < least ? 0 : waited + 1;
    least = Math.min(least, smoothed);
    if (waited >= patience) converged = true;
  }
  return { centers, inertia: await assignAll(x, centers, clusters, distances, run), converged, iterations };
}
