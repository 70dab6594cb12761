// What classifier and regressor have in common: from features to trees, and back from what was saved.
import {
  checkParam,
  type FitOptions,
  type Json,
  MmubError,
  pace,
  progress,
  quantile,
  random,
  type Saved,
} from "@mmub/core";
import { type KernelBuild, kernels } from "@mmub/kernels";
import type { Matrix } from "../linear.js";
import { type ColumnBins, learnBins, writeBins } from "../trees/bins.js";
import {
  firstTrees,
  type Importance,
  importanceOf,
  joinTrees,
  loadedTrees,
  type Predictor,
  predictor,
  savedTrees,
  type TreeNode,
  type Trees,
} from "../trees/ensemble.js";
import { checkColumns, type Missing } from "../trees/rows.js";
import { filled } from "../trees/settings.js";
import { type Grown, grower, growerBytes, leafOf, pickColumns } from "./grow.js";
import type { BoostingLoss } from "./losses.js";

/** How trees are boosted, whatever they predict. */
export interface BoostingParams {
  /** Rounds; each grows a tree, of more than two classes one for each. @default 100 */
  readonly numIterations?: number;
  /** The share of each tree that counts. @default 0.1 */
  readonly learningRate?: number;
  /** Leaves of a tree at most. @default 31 */
  readonly numLeaves?: number;
  /** Splits from the root to a leaf at most. @default null: no limit */
  readonly maxDepth?: number | null;
  /** Rows of a leaf at least, as estimated by their share of the second derivatives, like LightGBM. @default 20 */
  readonly minDataInLeaf?: number;
  /** Sum of the second derivatives of a leaf at least. @default 1e-3 */
  readonly minSumHessianInLeaf?: number;
  /** What a split must gain. @default 0 */
  readonly minGainToSplit?: number;
  /** L1 penalty on the values of leaves. @default 0 */
  readonly lambdaL1?: number;
  /** L2 penalty on the values of leaves. @default 0 */
  readonly lambdaL2?: number;
  /** The share of the columns that each tree may use, drawn anew. @default 1 */
  readonly featureFraction?: number;
  /** The share of the rows that each round learns from, without replacement. @default 1 */
  readonly baggingFraction?: number;
  /** Rounds after which the rows are drawn anew. @default 1 */
  readonly baggingFreq?: number;
  /** Bins of a column, 2 to 255. @default 255 */
  readonly maxBins?: number;
  /** Rows that the bins are learned from. @default 50_000 */
  readonly binSamples?: number;
  /** Columns whose numbers are codes of categories, whole numbers: splits send any set of them left. @default [] */
  readonly categorical?: readonly number[];
  /** Up to so many categories, a split sends one of them left. @default 4 */
  readonly maxCatToOnehot?: number;
  /** Categories of one side of a split at most. @default 32 */
  readonly maxCatThreshold?: number;
  /** Shrinks the mean gradient by which categories are sorted; rarer categories than this go right. @default 10 */
  readonly catSmooth?: number;
  /** L2 penalty on top, of splits by categories. @default 10 */
  readonly catL2?: number;
  /** Rows that a group of categories must have. @default 100 */
  readonly minDataPerGroup?: number;
  /** Columns of which predictions may only rise (1) or only fall (-1), by number: `{ 0: 1, 3: -1 }`. @default {} */
  readonly monotone?: Readonly<Record<string, 1 | -1>>;
  /**
   * `"nan"`: a NaN is a missing value, and each split learns where those go; `null`: it is refused. Rows of a missing modality are
   * missing values in every column either way. @default null
   */
  readonly missing?: Missing;
  /** The share of the rows that is kept out of the training and judged after each round. @default null: none */
  readonly validation?: number | null;
  /** Ends the training when the validation gets no better, and keeps the rounds up to the best one. @default null: all run */
  readonly earlyStopping?: { readonly patience?: number; readonly minDelta?: number } | null;
  /** Threads that look for splits, on one memory; no part of what is saved, and of no effect on the numbers. @default 1 */
  readonly threads?: number;
  /** Of the kernels; no part of what is saved. @default the fastest there is */
  readonly build?: KernelBuild;
}

/** Rows to judge by after each round, in place of a share of the others. */
export interface BoostingFitOptions<Target> extends FitOptions {
  readonly validation?: { readonly x: Matrix; readonly targets: readonly Target[] };
}

/** Mean losses after a round. */
export interface BoostingRound {
  /** Of the training, over at most 4096 of its rows. */
  readonly loss: number;
  readonly validation?: number;
}

/** What a fit came to, beside what it predicts. */
export interface FittedBoosting {
  /** By column: what its splits gained, and how many there are. */
  readonly importance: Importance;
  /** What each round came to: `trainingCurve` of `@mmub/metrics` draws it. */
  readonly history: readonly BoostingRound[];
  /** The round, from 1, up to which trees were kept, where early stopping chose it. */
  readonly bestIteration?: number;
  /** What the trees add to, one number an output: with them it is the raw score, which Shapley values of the trees sum to. */
  readonly start: readonly number[];
  /** The trees, node by node. */
  readonly trees: Trees;
}

export type Settings = Required<Omit<BoostingParams, "threads" | "build" | "earlyStopping">> & {
  readonly earlyStopping: { readonly patience: number; readonly minDelta: number } | null;
};

export interface Made {
  readonly trees: Trees;
  readonly columns: readonly ColumnBins[];
  readonly start: readonly number[];
  readonly history: readonly BoostingRound[];
  readonly bestIteration?: number;
}

const defaults: Settings = {
  numIterations: 100,
  learningRate: 0.1,
  numLeaves: 31,
  maxDepth: null,
  minDataInLeaf: 20,
  minSumHessianInLeaf: 1e-3,
  minGainToSplit: 0,
  lambdaL1: 0,
  lambdaL2: 0,
  featureFraction: 1,
  baggingFraction: 1,
  baggingFreq: 1,
  maxBins: 255,
  binSamples: 50_000,
  categorical: [],
  maxCatToOnehot: 4,
  maxCatThreshold: 32,
  catSmooth: 10,
  catL2: 10,
  minDataPerGroup: 100,
  monotone: {},
  missing: null,
  validation: null,
  earlyStopping: null,
};

/** Params with their defaults, checked. `own` are those of the caller. */
export function settingsOf(part: string, params: BoostingParams, own: readonly string[]) {
  const { threads = 1, build, ...given } = params;
  const settings = filled(part, given as Partial<Settings>, defaults, [...own, "threads", "build"]);
  const check = (name: keyof Settings, ok: boolean, want: string): void =>
    checkParam(part, name, settings[name], ok, want);
  const whole = (name: keyof Settings, least: number, most = Number.MAX_SAFE_INTEGER): void => {
    const value = settings[name] as number;
    const want = most < Number.MAX_SAFE_INTEGER ? `from ${least} to ${most}` : `of at least ${least}`;
    check(name, Number.isInteger(value) && value >= least && value <= most, `a whole number ${want}`);
  };
  const notNegative = (name: keyof Settings): void => {
    const value = settings[name] as number;
    check(name, typeof value === "number" && value >= 0 && value < Infinity, "a number of at least 0");
  };
  const share = (name: keyof Settings): void => {
    const value = settings[name] as number;
    check(name, typeof value === "number" && value > 0 && value <= 1, "a number above 0, at most 1");
  };
  for (const name of ["numIterations", "baggingFreq", "binSamples", "maxCatThreshold"] as const) whole(name, 1);
  whole("numLeaves", 2, 65_536);
  whole("maxBins", 2, 255);
  if (settings.maxDepth !== null) whole("maxDepth", 1);
  for (const name of [
    ...(["minDataInLeaf", "minSumHessianInLeaf", "minGainToSplit", "lambdaL1", "lambdaL2"] as const),
    ...(["maxCatToOnehot", "catSmooth", "catL2", "minDataPerGroup"] as const),
  ])
    notNegative(name);
  for (const name of ["learningRate", "featureFraction", "baggingFraction"] as const) share(name);
  const { categorical, monotone, missing, validation, earlyStopping } = settings;
  const isColumn = (value: unknown): boolean => Number.isInteger(value) && (value as number) >= 0;
  check("categorical", Array.isArray(categorical) && categorical.every(isColumn), "numbers of columns");
  check(
    "monotone",
    typeof monotone === "object" &&
      monotone !== null &&
      Object.entries(monotone).every(([column, rule]) => isColumn(Number(column)) && (rule === 1 || rule === -1)),
    "1 or -1 by number of a column",
  );
  const both = categorical.find((column) => Object.hasOwn(monotone, column));
  check("monotone", both === undefined, `no categorical column, ${both} is one`);
  check("missing", missing === null || missing === "nan", '"nan" or null');
  check(
    "validation",
    validation === null || (typeof validation === "number" && validation > 0 && validation < 1),
    "a share between 0 and 1, or null",
  );
  checkParam(part, "threads", threads, Number.isInteger(threads) && threads > 0, "a whole number of at least 1");
  let stopping: Settings["earlyStopping"] = null;
  if (earlyStopping) {
    const { patience = 10, minDelta = 0 } = earlyStopping as NonNullable<BoostingParams["earlyStopping"]>;
    const ok = Number.isInteger(patience) && patience > 0 && minDelta >= 0 && minDelta < Infinity;
    check("earlyStopping", ok, "patience, a positive integer, and minDelta, a number of at least 0");
    stopping = { patience, minDelta };
  } else check("earlyStopping", earlyStopping === null, "patience and minDelta, or null");
  return { settings: { ...settings, earlyStopping: stopping } as Settings, threads, build };
}

export interface FitData {
  readonly x: Matrix;
  readonly targets: Float32Array;
  readonly weights: Float32Array;
  /** The class of each row, so that each is held out by its share. @default none */
  readonly classOf?: Int32Array;
  readonly validation?: { readonly x: Matrix; readonly targets: Float32Array; readonly weights: Float32Array };
}

/** Boosts trees. `lossOf` makes the loss, which may use the kernels. */
export async function fitBoosting(
  part: string,
  { settings, threads, build }: ReturnType<typeof settingsOf>,
  data: FitData,
  lossOf: (k: ReturnType<typeof kernels>) => BoostingLoss,
  outputs: number,
  options: FitOptions | undefined,
): Promise<Made> {
  const { x, targets, weights } = data;
  const { rows, cols } = x;
  const { numIterations, learningRate, baggingFraction, baggingFreq, featureFraction, earlyStopping, numLeaves } =
    settings;
  const used = Array.from({ length: cols }, (_, column) => column);
  checkColumns("categorical", settings.categorical, cols, part);
  checkColumns("monotone", Object.keys(settings.monotone).map(Number), cols, part);
  const seeds = random(options?.seed ?? 0);
  const pause = pace(options?.signal);
  const report = progress(options, part, numIterations);

  const [trained, held] = heldOut(data, settings, seeds.fork("validation"), part);
  if (earlyStopping && held.length === 0 && !data.validation)
    throw new MmubError("invalid-params", {
      part,
      message: "earlyStopping judges by rows that are held out, and there are none; set validation",
    });
  const learned = learnBins(x, { ...settings, samples: settings.binSamples }, seeds, part);
  const leaves = Math.min(numLeaves, Math.max(2, trained.length));
  const bytes =
    rows * cols + rows * (8 + 8 * outputs + 4 + 4 + 4) + growerBytes(rows, learned, leaves, threads) + 16_384;
  if (bytes > 2 ** 32 - 2 ** 20)
    throw new MmubError("invalid-params", {
      part,
      message: `${rows} rows of ${cols} columns and ${leaves} histograms take ${(bytes / 2 ** 30).toFixed(1)} GiB, want less than 4; lower numLeaves or maxBins, or give fewer columns`,
      bytes,
    });
  const k = kernels({ bytes, shared: threads > 1, ...(build && { build }) });
  const bins = k.uint8(rows * cols);
  await writeBins(x, learned, bins, rows, pause);

  const gradients = k.float32(2 * rows);
  const scores = k.float64(outputs * rows);
  const inKernel = { targets: k.float32(rows), weights: k.float32(rows) };
  inKernel.targets.set(targets);
  // A row that is held out weighs nothing, wherever all rows are summed.
  inKernel.weights.set(weights);
  for (const row of held) inKernel.weights[row] = 0;
  const order = k.int32(rows);
  const loss = lossOf(k);
  const start = loss.start(inKernel);
  for (const [output, score] of start.entries()) scores.fill(score, output * rows, (output + 1) * rows);

  const judged = await judge(data, held, learned, bins, weights, start, scores, pause);
  const sample = trained.filter((_, i) => i % Math.ceil(trained.length / 4096) === 0);
  const meanLoss = (list: Int32Array, of: Float32Array, by: Float32Array, on: Float64Array, total: number): number => {
    let [sum, weight] = [0, 0];
    for (const row of list) {
      sum += by[row]! * loss.loss(of[row]!, on, row, total);
      weight += by[row]!;
    }
    return sum / weight;
  };

  const lanes = await k.lanes(threads);
  const trees: (readonly TreeNode[])[] = [];
  const history: BoostingRound[] = [];
  let best = { round: 0, loss: Number.POSITIVE_INFINITY };
  let bag: Int32Array = trained;
  try {
    const { grow } = grower(k, lanes, learned, bins, rows, gradients, { ...settings, numLeaves: leaves });
    for (let round = 0; round < numIterations; round++) {
      await pause();
      const draws = seeds.fork(`round ${round}`);
      if (baggingFraction < 1 && round % baggingFreq === 0) bag = drawn(trained, baggingFraction, draws);
      const isIn = baggingFraction < 1 || held.length > 0 ? mask(bag, rows) : undefined;
      let split = false;
      for (let output = 0; output < outputs; output++) {
        const own = scores.subarray(output * rows, (output + 1) * rows);
        loss.gradients(inKernel, scores, output, gradients);
        const part = order.subarray(0, bag.length);
        part.set(bag);
        const grown = grow(part, pickColumns(used, featureFraction, draws));
        if (grown.nodes.length > 1) split = true;
        const nodes = finished(grown, loss, learningRate, inKernel, own);
        for (const { node, rows: inLeaf } of grown.leaves) k.treeAdd(own, 1, inLeaf, nodes[node]!.value);
        if (isIn)
          for (let row = 0; row < rows; row++)
            if (isIn[row] === 0) own[row]! += nodes[leafOf(grown.nodes, bins, rows, row)]!.value;
        judged?.add(grown.nodes, nodes, output);
        trees.push(nodes);
      }
      if (!split && baggingFraction === 1 && featureFraction === 1) {
        // Nothing more to learn: these trees say what the start has said.
        trees.length -= outputs;
        break;
      }
      const now: BoostingRound = {
        loss: meanLoss(sample, targets, weights, scores, rows),
        ...(judged && {
          validation: meanLoss(judged.rows, judged.targets, judged.weights, judged.scores, judged.total),
        }),
      };
      history.push(now);
      report(round + 1, { ...now });
      if (!earlyStopping) continue;
      const { patience, minDelta } = earlyStopping;
      if (now.validation! < best.loss - minDelta) best = { round: round + 1, loss: now.validation! };
      else if (round + 1 - best.round >= patience) break;
    }
  } finally {
    await lanes.end();
  }
  const joined = joinTrees(trees);
  const kept = earlyStopping ? Math.min(trees.length, best.round * outputs) : trees.length;
  return {
    trees: firstTrees(joined, kept),
    columns: learned,
    start,
    history,
    ...(earlyStopping && { bestIteration: best.round }),
  };
}

/** The nodes with the values that count: of the learning rate, and of quantiles where the loss wants them. */
function finished(
  { nodes, leaves }: Grown,
  { quantile: share }: BoostingLoss,
  learningRate: number,
  { targets }: { readonly targets: Float32Array },
  scores: Float64Array,
): readonly TreeNode[] {
  const out = nodes.map(({ side: _, ...node }) => ({ ...node, value: learningRate * node.value }));
  if (share !== undefined)
    for (const { node, rows: inLeaf } of leaves) {
      const residuals = Float64Array.from(inLeaf, (row) => targets[row]! - scores[row]!).sort();
      out[node]!.value = learningRate * quantile(residuals, share);
    }
  return out;
}

/** The rows to learn from, and those to judge by: the same share of each class. */
function heldOut(
  { x, classOf, validation }: FitData,
  settings: Settings,
  draws: ReturnType<typeof random>,
  part: string,
): [trained: Int32Array, held: Int32Array] {
  const all = Int32Array.from({ length: x.rows }, (_, row) => row);
  if (settings.validation === null || validation) return [all, new Int32Array()];
  const groups = new Map<number, number[]>();
  for (const row of all) {
    const group = classOf ? classOf[row]! : 0;
    if (!groups.has(group)) groups.set(group, []);
    groups.get(group)!.push(row);
  }
  // Of each class its share, one row of it at least being learned from; and of all rows their share, at least one, wherever classes have
  // so few that each alone would round to none.
  const share = settings.validation;
  const parts = [...groups.keys()]
    .sort((a, b) => a - b)
    .map((group) => {
      const rows = draws.shuffle(groups.get(group)!);
      const count = Math.min(rows.length - 1, Math.floor(share * rows.length));
      return { rows, count, rest: rows.length - 1 > count ? share * rows.length - count : -1 };
    });
  const short = Math.max(1, Math.round(share * x.rows)) - parts.reduce((sum, { count }) => sum + count, 0);
  const next = parts.filter(({ rest }) => rest >= 0).sort((a, b) => b.rest - a.rest);
  for (const part of next.slice(0, Math.max(0, short))) part.count++;
  const held = parts.flatMap(({ rows, count }) => rows.slice(0, count));
  if (held.length === 0)
    throw new MmubError("invalid-input", {
      part,
      message: `a validation of ${settings.validation} of ${x.rows} rows holds none out, since each class needs a row to learn from; give more rows`,
      rows: x.rows,
    });
  const isHeld = mask(Int32Array.from(held), x.rows);
  return [all.filter((row) => isHeld[row] === 0), Int32Array.from(held).sort()];
}

function mask(rows: Int32Array, total: number): Uint8Array {
  const out = new Uint8Array(total);
  for (const row of rows) out[row] = 1;
  return out;
}

/** A share of the rows, in their order. */
function drawn(rows: Int32Array, share: number, draws: ReturnType<typeof random>): Int32Array {
  const count = Math.max(1, Math.round(share * rows.length));
  const out = new Int32Array(count);
  // Selection sampling (Knuth, 3.4.2 S): each row with what is still wanted over what is left.
  let at = 0;
  for (let i = 0; at < count; i++) if (draws.next() * (rows.length - i) < count - at) out[at++] = rows[i]!;
  return out;
}

/** The rows to judge by, with scores that go along: held out, whose scores the fit keeps, or given apart. */
async function judge(
  { targets, validation }: FitData,
  held: Int32Array,
  columns: readonly ColumnBins[],
  bins: Uint8Array,
  weights: Float32Array,
  start: readonly number[],
  scores: Float64Array,
  pause: () => Promise<void> | undefined,
) {
  const none = () => {};
  if (!validation) {
    if (held.length === 0) return undefined;
    return { rows: held, targets, weights, scores, total: targets.length, bins, add: none };
  }
  const total = validation.x.rows;
  const own = new Uint8Array(total * columns.length);
  await writeBins(validation.x, columns, own, total, pause);
  const ownScores = new Float64Array(start.length * total);
  for (const [output, score] of start.entries()) ownScores.fill(score, output * total, (output + 1) * total);
  return {
    rows: Int32Array.from({ length: total }, (_, row) => row),
    targets: validation.targets,
    weights: validation.weights,
    scores: ownScores,
    total,
    add(grown: Grown["nodes"], nodes: readonly TreeNode[], output: number): void {
      for (let row = 0; row < total; row++)
        ownScores[output * total + row]! += nodes[leafOf(grown, own, total, row)]!.value;
    },
  };
}

/** What predicts: the scores of rows `from` to `to`, `outputs` numbers a row. */
export function scorer({ trees, columns, start }: Made, outputs: number) {
  // A predictor is made on first use: one for rows without missing values, one for rows with some.
  const made: Predictor[] = [];
  return (x: Matrix, from: number, to: number, holes: boolean, out: Float64Array): void => {
    for (let i = 0; i < out.length; i++) out[i] = start[i % outputs]!;
    made[Number(holes)] ??= predictor(trees, columns, outputs, holes);
    made[Number(holes)]!(x, from, to, out);
  };
}

export function told({ trees, columns, start, history, bestIteration }: Made): FittedBoosting {
  return {
    importance: importanceOf(trees, columns.length),
    history,
    start,
    ...(bestIteration !== undefined && { bestIteration }),
    trees,
  };
}

export function savedBoosting(
  recipe: { readonly type: string; readonly params: Json },
  { trees, columns, start, history, bestIteration }: Made,
  state: Readonly<Record<string, Json>>,
): Saved {
  return {
    ...recipe,
    version: 1,
    state: {
      ...state,
      start,
      cols: columns.length,
      history: history as unknown as Json,
      ...(bestIteration !== undefined && { bestIteration }),
    },
    arrays: savedTrees(trees, columns),
  };
}

export function loadedBoosting(saved: Saved): Made {
  const { start, cols, history, bestIteration } = saved.state as unknown as Omit<Made, "trees" | "columns"> & {
    readonly cols: number;
  };
  return { ...loadedTrees(saved, cols), start, history, ...(bestIteration !== undefined && { bestIteration }) };
}
