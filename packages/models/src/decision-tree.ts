import {
  type Classification,
  checkParam,
  checkSaved,
  checkTargets,
  dense,
  type Features,
  type FitOptions,
  type FittedModel,
  type Json,
  type Label,
  MmubError,
  type Model,
  pace,
  progress,
  type Regression,
  random,
  rowBatches,
  type Saved,
  savedArray,
  turn,
} from "@mmub/core";
import { argmax, type ClassWeight, checkClassWeight, classWeights, encodeLabels } from "./labels.js";
import { checkWidth, type Matrix, plain } from "./linear.js";
import { classificationOnnx, type OnnxExport, regressionOnnx, treeScores } from "./onnx-export.js";
import { checkNumbers } from "./targets.js";
import { type Cart, type CartOptions, type Criterion, growCart, prune } from "./trees/cart.js";
import { depthOf, type NodeWords, type TreeSvgOptions, type TreeTextOptions, treeSvg, treeText } from "./trees/draw.js";
import { type Importance, importanceOf, leafOf, loadedTrees, savedTrees, type Trees } from "./trees/ensemble.js";
import { checkColumns, checkTreeRows, type Missing, writeRows } from "./trees/rows.js";
import { featuresOf, filled } from "./trees/settings.js";

/** How a tree is grown, whatever it predicts. */
export interface DecisionTreeParams {
  /** `"random"` draws one threshold for each column and takes the best of these. @default "best" */
  readonly splitter?: "best" | "random";
  /** Splits from the root to a leaf at most. @default null: no limit */
  readonly maxDepth?: number | null;
  /** Rows that a node must have to be split: a whole number of at least 2, or a share below 1. @default 2 */
  readonly minSamplesSplit?: number;
  /** Rows of a leaf at least: a whole number, or a share below 1. @default 1 */
  readonly minSamplesLeaf?: number;
  /** Of the sum of all weights, what a leaf has at least: 0 to 0.5. @default 0 */
  readonly minWeightFractionLeaf?: number;
  /**
   * Columns that each node looks at: `"sqrt"` or `"log2"` of all, a whole number from 2 on, or a share up to 1, which is all of them.
   * @default 1
   */
  readonly maxFeatures?: "sqrt" | "log2" | number;
  /** Leaves at most: the split that lowers the impurity most comes first. @default null: no limit */
  readonly maxLeafNodes?: number | null;
  /** What a split must lower the impurity by, weighted by the share of the rows. @default 0 */
  readonly minImpurityDecrease?: number;
  /** Cost-complexity pruning: what a leaf must lower the impurity by to be kept. @default 0 */
  readonly ccpAlpha?: number;
  /**
   * By column: 1, the prediction never falls as the column rises; -1, it never rises. Of two classes, the chance of the second; not for
   * more. @default {}
   */
  readonly monotone?: Readonly<Record<number, 1 | -1>>;
  /**
   * `"nan"`: a NaN is a missing value, which each split sends to its better side; `null`: it is refused. Rows of a missing modality are
   * missing values in every column either way. @default null
   */
  readonly missing?: Missing;
}

export interface DecisionTreeClassifierParams extends DecisionTreeParams {
  /** What a split lowers: the Gini index, or the entropy in bits. @default "gini" */
  readonly criterion?: "gini" | "entropy";
  /**
   * The weight of each row by its class: `"balanced"` is rows / (classes * rows of the class); a record gives it by the label as a
   * string, 1 where it has none. @default null
   */
  readonly classWeight?: ClassWeight;
}

export interface DecisionTreeRegressorParams extends DecisionTreeParams {
  /** What a split lowers: the variance, or half the Poisson deviance, for targets of at least 0. @default "squaredError" */
  readonly criterion?: "squaredError" | "poisson";
}

export interface DecisionTreeClassifier<L extends Label = Label> extends Model<L, Classification<L>> {
  fit(x: Features, targets: readonly L[], options?: FitOptions): Promise<FittedDecisionTreeClassifier<L>>;
  load(saved: Saved): Promise<FittedDecisionTreeClassifier<L>>;
}

export interface DecisionTreeRegressor extends Model<number, Regression> {
  fit(x: Features, targets: readonly number[], options?: FitOptions): Promise<FittedDecisionTreeRegressor>;
  load(saved: Saved): Promise<FittedDecisionTreeRegressor>;
}

/** What a fit came to, beside what it predicts. */
export interface FittedDecisionTree {
  /** By column: what its splits gained, and how many there are. */
  readonly importance: Importance;
  /** The tree, node by node. */
  readonly trees: Trees;
  /** The impurity of each node. */
  readonly impurities: Float64Array;
  /** Splits on the longest way from the root to a leaf. */
  readonly depth: number;
  readonly leaves: number;
  /** One line for each side of a split and for each leaf, as scikit-learn's `export_text` gives them. */
  toText(options?: TreeTextOptions): string;
  /** A picture: a box for each node, coloured by what it predicts, what holds goes left. */
  toSvg(options?: TreeSvgOptions): string;
  /**
   * Cost-complexity pruning step by step: each `ccpAlpha` at which the tree loses a node, rising, and the impurity of its leaves from there
   * on. Fit with 0, and again with the `ccpAlpha` that is best on rows held out.
   */
  pruningPath(): { readonly alphas: Float64Array; readonly impurities: Float64Array };
}

export interface FittedDecisionTreeClassifier<L extends Label = Label>
  extends FittedModel<Classification<L>>,
    FittedDecisionTree,
    OnnxExport {
  /** The labels seen, sorted: numbers by value, strings by code unit, false before true. */
  readonly classes: readonly L[];
}

export interface FittedDecisionTreeRegressor extends FittedModel<Regression>, FittedDecisionTree, OnnxExport {}

/**
 * A decision tree that tells classes apart: each node asks whether a column is at most a threshold, the leaf says how likely each class is.
 * One to read and to explain; forests and boosting predict better.
 *
 * Input: Dense or Sparse of any scale; with `missing: "nan"` also with missing values. Output: a label and probabilities, the shares of
 * the classes in the leaf. Splits are exact: every value of a column is looked at, thresholds are in the middle.
 * Rejects Sequence, values that are not finite (with row and column), targets that are not labels of one type, a single class, and in
 * `predict` another width.
 * Cost: some 10 ns a row and column for each level; memory 8 bytes a row and column.
 * Source: Breiman et al., Classification and Regression Trees, 1984. The trees are those of scikit-learn's `DecisionTreeClassifier`.
 *
 * @example
 * const visits = dense(4, 2, Float32Array.of(1, 0, 2, 1, 8, 3, 9, 5));
 * const fitted = await decisionTreeClassifier<"buy" | "leave">({ maxDepth: 3 }).fit(visits, ["leave", "leave", "buy", "buy"]);
 * console.log(fitted.toText({ names: ["visits", "minutes"] })); // |--- visits <= 5.00 …
 */
export function decisionTreeClassifier<L extends Label = Label>(
  params: DecisionTreeClassifierParams = {},
): DecisionTreeClassifier<L> {
  const type = "@mmub/models/decision-tree-classifier";
  const { classWeight = null, ...rest } = params;
  const settings = settingsOf(type, rest, "gini", ["gini", "entropy"], ["classWeight"]);
  checkClassWeight(classWeight, type);
  const recipe = { type, params: { ...settings, classWeight } as unknown as Json };

  const fitted = (classes: readonly L[], cols: number, cart: Cart): FittedDecisionTreeClassifier<L> => {
    const count = classes.length;
    const { trees, shares } = cart;
    const likeliest = (node: number): number => argmax(shares, node * count, count);
    return {
      classes,
      ...told(cart, cols, {
        leaf: (node) => `class: ${classes[likeliest(node)]}`,
        lines: (node) => [
          `${settings.criterion} ${short(cart.impurities[node]!)} · ${trees.counts[node]} rows`,
          `${classes[likeliest(node)]} ${Math.round(100 * shares[node * count + likeliest(node)]!)} %`,
        ],
        fill: (node) => {
          const best = likeliest(node);
          const sure = (shares[node * count + best]! - 1 / count) / (1 - 1 / count);
          return `hsl(${Math.round((360 * best) / count + 25) % 360} 75% ${Math.round(98 - 38 * sure)}%)`;
        },
      }),
      async predict(x, options) {
        checkTreeRows(x, settings.missing, type);
        checkWidth(x as Matrix, cols, type);
        const probabilities = dense(x.rows, count);
        const labels: L[] = [];
        for await (const { from, to } of rowBatches(x.rows, options, type))
          for (const [i, leaf] of leavesOf(trees, x as Matrix, from, to).entries()) {
            probabilities.data.set(shares.subarray(leaf * count, (leaf + 1) * count), (from + i) * count);
            labels.push(classes[likeliest(leaf)]!);
          }
        return { labels, classes, probabilities: plain(probabilities) };
      },
      toOnnx() {
        if (count > 2)
          return classificationOnnx(treeScores(trees, cols, { outputs: count, shares }, type), classes, "shares");
        const second = { ...trees, values: trees.values.map((_, node) => shares[2 * node + 1]!) };
        return classificationOnnx(treeScores(second, cols, { outputs: 1 }, type), classes, "shares");
      },
      save: async () => saved(recipe, cart, { classes: classes as readonly Label[], cols }, cols),
    };
  };

  return {
    ...recipe,
    async fit(x, targets, options) {
      await turn(options?.signal);
      checkTreeRows(x, settings.missing, type);
      checkTargets(targets, x.rows, type);
      const { classes, classOf } = encodeLabels(targets, type);
      checkParam(
        type,
        "monotone",
        settings.monotone,
        classes.length === 2 || Object.keys(settings.monotone).length === 0,
        `{} for ${classes.length} classes: only the chance of one of two can rise and fall`,
      );
      const weightOf = classWeights(classes, classOf, classWeight, type);
      const weights = Float64Array.from(classOf, (c) => weightOf[c]!);
      const data = { x: x as Matrix, targets: classOf, weights, classes: classes.length };
      return fitted(classes as L[], x.cols, await grow(type, settings, data, options));
    },
    async load(saved) {
      const state = checkSaved(saved, recipe, 1).state as unknown as { classes: readonly L[]; cols: number };
      return fitted(state.classes, state.cols, loaded(saved, state.cols, state.classes.length));
    },
  };
}

/**
 * A decision tree that predicts a number: the mean of the rows in the leaf. Input, options and what it rejects are those of
 * `decisionTreeClassifier`; `"poisson"` wants targets of at least 0, not all 0.
 *
 * @example
 * const visits = dense(4, 2, Float32Array.of(1, 0, 2, 1, 8, 3, 9, 5));
 * const fitted = await decisionTreeRegressor({ minSamplesLeaf: 2 }).fit(visits, [3, 5, 40, 52]);
 * const { values } = await fitted.predict(visits); // 4, 4, 46, 46
 */
export function decisionTreeRegressor(params: DecisionTreeRegressorParams = {}): DecisionTreeRegressor {
  const type = "@mmub/models/decision-tree-regressor";
  const settings = settingsOf(type, params, "squaredError", ["squaredError", "poisson"], []);
  const recipe = { type, params: settings as unknown as Json };

  const fitted = (cols: number, cart: Cart): FittedDecisionTreeRegressor => {
    const { trees } = cart;
    const low = trees.values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
    const high = trees.values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    return {
      ...told(cart, cols, {
        leaf: (node) => `value: [${trees.values[node]!.toFixed(2)}]`,
        lines: (node) => [
          `${settings.criterion === "poisson" ? "deviance" : "variance"} ${short(cart.impurities[node]!)} · ${trees.counts[node]} rows`,
          short(trees.values[node]!),
        ],
        fill: (node) => `hsl(25 75% ${Math.round(98 - (38 * (trees.values[node]! - low)) / (high - low || 1))}%)`,
      }),
      async predict(x, options) {
        checkTreeRows(x, settings.missing, type);
        checkWidth(x as Matrix, cols, type);
        const values = new Float64Array(x.rows);
        for await (const { from, to } of rowBatches(x.rows, options, type))
          for (const [i, leaf] of leavesOf(trees, x as Matrix, from, to).entries())
            values[from + i] = trees.values[leaf]!;
        return { values };
      },
      toOnnx: () => regressionOnnx(treeScores(trees, cols, { outputs: 1 }, type)),
      save: async () => saved(recipe, cart, { cols }, cols),
    };
  };

  return {
    ...recipe,
    async fit(x, targets, options) {
      await turn(options?.signal);
      checkTreeRows(x, settings.missing, type);
      checkTargets(targets, x.rows, type);
      checkNumbers(targets, settings.criterion === "poisson", type);
      if (settings.criterion === "poisson" && targets.every((target) => target === 0))
        throw new MmubError("invalid-input", {
          part: type,
          message: 'all targets are 0, want one above it for "poisson"',
        });
      const weights = new Float64Array(x.rows).fill(1);
      return fitted(x.cols, await grow(type, settings, { x: x as Matrix, targets, weights, classes: 0 }, options));
    },
    async load(saved) {
      const { cols } = checkSaved(saved, recipe, 1).state as unknown as { readonly cols: number };
      return fitted(cols, loaded(saved, cols, 0));
    },
  };
}

type Settings = Required<DecisionTreeParams> & { readonly criterion: Criterion };

function settingsOf(
  part: string,
  params: DecisionTreeParams & { readonly criterion?: Criterion },
  criterion: Criterion,
  criteria: readonly Criterion[],
  extra: readonly string[],
): Settings {
  const defaults: Settings = {
    criterion,
    splitter: "best",
    maxDepth: null,
    minSamplesSplit: 2,
    minSamplesLeaf: 1,
    minWeightFractionLeaf: 0,
    maxFeatures: 1,
    maxLeafNodes: null,
    minImpurityDecrease: 0,
    ccpAlpha: 0,
    monotone: {},
    missing: null,
  };
  const settings = filled<Settings>(part, params, defaults, extra);
  const check = (name: keyof Settings, ok: boolean, want: string): void =>
    checkParam(part, name, settings[name], ok, want);
  const { maxDepth, minSamplesSplit, minSamplesLeaf, minWeightFractionLeaf, maxFeatures, maxLeafNodes } = settings;
  const isCount = (value: number, least: number): boolean => Number.isInteger(value) && value >= least;
  const isShare = (value: number): boolean => value > 0 && value < 1;
  check("criterion", criteria.includes(settings.criterion), criteria.map((name) => `"${name}"`).join(" or "));
  check("splitter", ["best", "random"].includes(settings.splitter), '"best" or "random"');
  check("maxDepth", maxDepth === null || isCount(maxDepth, 1), "a whole number of at least 1, or null");
  const split = isCount(minSamplesSplit, 2) || isShare(minSamplesSplit);
  check("minSamplesSplit", split, "a whole number of at least 2, or a share below 1");
  const leaf = isCount(minSamplesLeaf, 1) || isShare(minSamplesLeaf);
  check("minSamplesLeaf", leaf, "a whole number of at least 1, or a share below 1");
  check("minWeightFractionLeaf", minWeightFractionLeaf >= 0 && minWeightFractionLeaf <= 0.5, "a number from 0 to 0.5");
  check(
    "maxFeatures",
    maxFeatures === "sqrt" ||
      maxFeatures === "log2" ||
      (maxFeatures > 0 && (maxFeatures <= 1 || Number.isInteger(maxFeatures))),
    '"sqrt", "log2", a share up to 1 or a whole number',
  );
  check("maxLeafNodes", maxLeafNodes === null || isCount(maxLeafNodes, 2), "a whole number of at least 2, or null");
  for (const name of ["minImpurityDecrease", "ccpAlpha"] as const)
    check(name, settings[name] >= 0 && settings[name] < Infinity, "a number of at least 0");
  for (const [column, sign] of Object.entries(settings.monotone))
    check("monotone", isCount(Number(column), 0) && (sign === 1 || sign === -1), "1 or -1 by column");
  check("missing", settings.missing === null || settings.missing === "nan", '"nan" or null');
  return settings;
}

async function grow(
  part: string,
  settings: Settings,
  data: Parameters<typeof growCart>[0],
  options: FitOptions | undefined,
): Promise<Cart> {
  const { rows, cols } = data.x;
  const monotone = new Int8Array(cols);
  checkColumns("monotone", Object.keys(settings.monotone).map(Number), cols, part);
  for (const [column, sign] of Object.entries(settings.monotone)) monotone[Number(column)] = sign;
  const rowsOf = (limit: number): number => (limit < 1 ? Math.ceil(limit * rows) : limit);
  const report = progress(options, part, rows);
  const cartOptions: CartOptions = {
    criterion: settings.criterion,
    splitter: settings.splitter,
    maxDepth: settings.maxDepth ?? Number.POSITIVE_INFINITY,
    maxLeafNodes: settings.maxLeafNodes ?? Number.POSITIVE_INFINITY,
    minSamplesSplit: Math.max(2, rowsOf(settings.minSamplesSplit)),
    minSamplesLeaf: rowsOf(settings.minSamplesLeaf),
    minWeightLeaf: settings.minWeightFractionLeaf * data.weights.reduce((a, b) => a + b, 0),
    minImpurityDecrease: settings.minImpurityDecrease,
    tried: featuresOf(settings.maxFeatures, cols),
    monotone,
  };
  const cart = await growCart(data, cartOptions, random(options?.seed).fork("tree"), pace(options?.signal), report);
  options?.signal?.throwIfAborted();
  return settings.ccpAlpha > 0 ? prune(cart, settings.ccpAlpha).cart : cart;
}

function told(cart: Cart, cols: number, words: NodeWords): FittedDecisionTree {
  const { trees, impurities } = cart;
  return {
    importance: importanceOf(trees, cols),
    trees,
    impurities,
    depth: depthOf(trees, 0),
    leaves: trees.columns.reduce((count, column) => count + Number(column < 0), 0),
    toText: (options) => treeText(trees, words, options),
    toSvg: (options) => treeSvg(trees, words, options),
    pruningPath() {
      const { alphas, impurities } = prune(cart, Number.POSITIVE_INFINITY);
      return { alphas, impurities };
    },
  };
}

function leavesOf(trees: Trees, x: Matrix, from: number, to: number): Int32Array {
  const line = new Float32Array(x.cols);
  return Int32Array.from({ length: to - from }, (_, i) => {
    writeRows(x, from + i, from + i + 1, line, x.cols);
    return leafOf(trees, 0, line);
  });
}

function saved(recipe: Pick<Saved, "type" | "params">, cart: Cart, state: Json, cols: number): Saved {
  const { trees, impurities, weights, shares } = cart;
  const columns = Array.from({ length: cols }, () => ({
    bounds: new Float32Array(),
    isCategory: false,
    missing: false,
  }));
  return {
    ...recipe,
    version: 1,
    state,
    arrays: {
      ...savedTrees(trees, columns),
      impurities: impurities.slice(),
      weights: weights.slice(),
      shares: shares.slice(),
    },
  };
}

function loaded(saved: Saved, cols: number, classes: number): Cart {
  const { trees } = loadedTrees(saved, cols);
  const nodes = trees.columns.length;
  return {
    trees,
    impurities: savedArray(saved, "impurities", Float64Array, nodes),
    weights: savedArray(saved, "weights", Float64Array, nodes),
    shares: savedArray(saved, "shares", Float64Array, nodes * classes),
  };
}

function short(value: number): string {
  return String(Number(value.toPrecision(3)));
}
