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
  quantile,
  type Random,
  random,
  rowBatches,
  type Saved,
  turn,
  type Unsupervised,
} from "@mmub/core";
import { checkWidth, type Matrix } from "./linear.js";
import { joinTrees, loadedTrees, predictor, savedTrees, type TreeNode, type Trees } from "./trees/ensemble.js";
import { checkTreeRows, writeRows } from "./trees/rows.js";
import { featuresOf, filled } from "./trees/settings.js";

const type = "@mmub/models/isolation-forest";

export interface IsolationForestParams {
  /** @default 100 */
  readonly numTrees?: number;
  /** Rows that each tree learns from: a whole number from 2 on, a share up to 1, or `"auto"`: 256 at most. @default "auto" */
  readonly maxSamples?: "auto" | number;
  /** The share of the rows of the fit that are outliers, up to 0.5; `"auto"`: those with a score above 0.5. @default "auto" */
  readonly contamination?: "auto" | number;
  /** Columns that each tree looks at: a whole number from 2 on, or a share up to 1, which is all of them. @default 1 */
  readonly maxFeatures?: number;
  /** Whether the rows of a tree are drawn with replacement. @default false */
  readonly bootstrap?: boolean;
}

/** How strange each row is. */
export interface Outliers {
  /** From 0 to 1: about 0.5 and below is usual, near 1 is strange. */
  readonly scores: Float64Array;
  /** One byte a row, 1: the score is above the threshold of the fit. */
  readonly outliers: Uint8Array;
}

export interface IsolationForest extends Unsupervised<Outliers> {
  fit(x: Features, options?: FitOptions): Promise<FittedIsolationForest>;
  load(saved: Saved): Promise<FittedIsolationForest>;
}

export interface FittedIsolationForest extends FittedModel<Outliers> {
  /** Rows with a score above it are outliers. */
  readonly threshold: number;
  /** The trees, node by node. */
  readonly trees: Trees;
}

/**
 * An isolation forest: rows that random splits soon set apart from all others are strange. For fraud, bots and broken records, without
 * labels.
 *
 * Input: Dense or Sparse of any scale. Output: a score from 0 to 1 and whether it is above `threshold`. Rejects Sequence, values that are
 * not finite (with row and column), an empty data set, and in `predict` another width.
 * Cost: some 30 us a tree of 256 rows in the fit; some 10 ns a tree and level for each row in `predict`.
 * Source: Liu, Ting & Zhou, Isolation Forest, 2008. Scores are -`score_samples` of scikit-learn's `IsolationForest`, but for what is drawn.
 *
 * @example
 * const visits = dense(5, 2, Float32Array.of(1, 1, 2, 1, 1, 2, 2, 2, 40, 90));
 * const fitted = await isolationForest({ contamination: 0.2 }).fit(visits, { seed: 7 });
 * const { scores, outliers } = await fitted.predict(visits); // the last is strange
 */
export function isolationForest(params: IsolationForestParams = {}): IsolationForest {
  const defaults: Required<IsolationForestParams> = {
    numTrees: 100,
    maxSamples: "auto",
    contamination: "auto",
    maxFeatures: 1,
    bootstrap: false,
  };
  const settings = filled(type, params, defaults, []);
  const { numTrees, maxSamples, contamination, maxFeatures, bootstrap } = settings;
  const isAmount = (value: number): boolean => value > 0 && (value <= 1 || Number.isInteger(value));
  checkParam(type, "numTrees", numTrees, Number.isInteger(numTrees) && numTrees > 0, "a whole number of at least 1");
  const samplesOk = maxSamples === "auto" || isAmount(maxSamples);
  checkParam(type, "maxSamples", maxSamples, samplesOk, '"auto", a share up to 1 or a whole number');
  const shareOk = contamination === "auto" || (contamination > 0 && contamination <= 0.5);
  checkParam(type, "contamination", contamination, shareOk, '"auto" or a share above 0, at most 0.5');
  checkParam(type, "maxFeatures", maxFeatures, isAmount(maxFeatures), "a share up to 1 or a whole number");
  checkParam(type, "bootstrap", bootstrap, typeof bootstrap === "boolean", "true or false");
  const recipe = { type, params: settings as unknown as Json };

  const fitted = ({ trees, cols, samples, threshold }: State): FittedIsolationForest => {
    const score = scorer(trees, cols, samples);
    return {
      threshold,
      trees,
      async predict(x, options) {
        checkTreeRows(x, null, type);
        checkWidth(x as Matrix, cols, type);
        const scores = new Float64Array(x.rows);
        for await (const { from, to } of rowBatches(x.rows, options, type))
          score(x as Matrix, from, to, scores.subarray(from, to));
        return { scores, outliers: Uint8Array.from(scores, (value) => Number(value > threshold)) };
      },
      save: async () => ({
        ...recipe,
        version: 1,
        state: { cols, samples, threshold },
        arrays: savedTrees(trees, columnsOf(cols)),
      }),
    };
  };

  return {
    ...recipe,
    async fit(x, options) {
      await turn(options?.signal);
      checkTreeRows(x, null, type);
      const { rows, cols } = x;
      if (rows === 0)
        throw new MmubError("invalid-input", {
          part: type,
          message: "the data set is empty, want at least one sample",
        });
      const share =
        maxSamples === "auto" ? 256 : maxSamples <= 1 ? Math.max(1, Math.floor(maxSamples * rows)) : maxSamples;
      const samples = Math.min(rows, share);
      const report = progress(options, type, numTrees);
      const pause = pace(options?.signal);
      const seeds = random(options?.seed);
      const grown: TreeNode[][] = [];
      for (let tree = 0; tree < numTrees; tree++) {
        await pause();
        const own = seeds.fork(`tree ${tree}`);
        const picked = drawn(rows, samples, bootstrap, own);
        const columns = drawn(cols, featuresOf(maxFeatures, cols), false, own);
        grown.push(isolate(x as Matrix, picked, columns, own));
        report(tree + 1);
      }
      options?.signal?.throwIfAborted();
      const trees = joinTrees(grown);
      let threshold = 0.5;
      if (contamination !== "auto") {
        const scores = new Float64Array(rows);
        const score = scorer(trees, cols, samples);
        for (let from = 0; from < rows; from += 1024) {
          await pause();
          const to = Math.min(rows, from + 1024);
          score(x as Matrix, from, to, scores.subarray(from, to));
        }
        threshold = quantile(scores.sort(), 1 - contamination);
      }
      return fitted({ trees, cols, samples, threshold });
    },
    async load(saved) {
      const state = checkSaved(saved, recipe, 1).state as unknown as Omit<State, "trees">;
      return fitted({ ...state, trees: loadedTrees(saved, state.cols).trees });
    },
  };
}

interface State {
  readonly trees: Trees;
  readonly cols: number;
  /** Rows of each tree. */
  readonly samples: number;
  readonly threshold: number;
}

/** `count` of the numbers below `of`. */
function drawn(of: number, count: number, again: boolean, random: Random): Int32Array {
  if (again) return Int32Array.from({ length: count }, () => random.integer(of));
  // Floyd's way, which takes no list of all numbers.
  const seen = new Set<number>();
  for (let last = of - count; last < of; last++) {
    const pick = random.integer(last + 1);
    seen.add(seen.has(pick) ? last : pick);
  }
  return Int32Array.from(seen);
}

/** Splits at random until rows are alone or as deep as a balanced tree. The value of a leaf is how deep a row in it is, on average. */
function isolate(x: Matrix, picked: Int32Array, columns: Int32Array, random: Random): TreeNode[] {
  const { cols } = x;
  const lines = new Float32Array(picked.length * cols);
  for (const [i, row] of picked.entries()) writeRows(x, row, row + 1, lines.subarray(i * cols, (i + 1) * cols), cols);
  // A row of a missing modality is all zeros here: a value that is as usual as it is frequent.
  for (let i = 0; i < lines.length; i++) if (Number.isNaN(lines[i])) lines[i] = 0;
  const maxDepth = Math.ceil(Math.log2(Math.max(2, picked.length)));
  const nodes: TreeNode[] = [];
  const leaf = { column: -1, threshold: 0, left: 0, right: 0, flags: 0, gain: 0 };
  const grow = (rows: readonly number[], depth: number): number => {
    const at = nodes.length;
    nodes.push({ ...leaf, count: rows.length, value: depth + pathLength(rows.length) });
    if (depth >= maxDepth || rows.length < 2) return at;
    const free = columns.slice();
    for (let left = free.length; left > 0; left--) {
      const pick = random.integer(left);
      const column = free[pick]!;
      free[pick] = free[left - 1]!;
      let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
      for (const row of rows) {
        const value = lines[row * cols + column]!;
        if (value < low) low = value;
        if (value > high) high = value;
      }
      if (low === high) continue;
      const value = Math.fround(low + random.next() * (high - low));
      const threshold = value < high ? value : low;
      const goesLeft = (row: number): boolean => lines[row * cols + column]! <= threshold;
      const [first, second] = [rows.filter(goesLeft), rows.filter((row) => !goesLeft(row))];
      const children = { left: grow(first, depth + 1), right: grow(second, depth + 1) };
      nodes[at] = { ...leaf, column, threshold, ...children, value: 0, count: rows.length };
      break;
    }
    return at;
  };
  grow(
    Array.from(picked, (_, i) => i),
    0,
  );
  return nodes;
}

/** Steps of a search without success in a binary tree of so many rows. */
function pathLength(rows: number): number {
  if (rows <= 1) return 0;
  if (rows === 2) return 1;
  return 2 * (Math.log(rows - 1) + 0.5772156649015329) - (2 * (rows - 1)) / rows;
}

function scorer(trees: Trees, cols: number, samples: number) {
  const sum = predictor(trees, columnsOf(cols), 1, false);
  const usual = trees.roots.length * pathLength(samples);
  return (x: Matrix, from: number, to: number, out: Float64Array): void => {
    const { present: _, ...whole } = x;
    out.fill(0);
    sum(whole, from, to, out);
    for (let i = 0; i < out.length; i++) out[i] = usual === 0 ? 0.5 : 2 ** (-out[i]! / usual);
  };
}

function columnsOf(cols: number) {
  return Array.from({ length: cols }, () => ({ bounds: new Float32Array(), isCategory: false, missing: false }));
}
