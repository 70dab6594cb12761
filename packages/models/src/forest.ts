import {
  type Classification,
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
  type Regression,
  rowBatches,
  type Saved,
  turn,
} from "@mmub/core";
import {
  type FitData,
  type FittedForest,
  type ForestParams,
  fitForest,
  forestScorer,
  loadedForest,
  type Made,
  savedForest,
  settingsOf,
  told,
} from "./forest/engine.js";
import { argmax, type ClassWeight, checkClassWeight, classWeights, encodeLabels } from "./labels.js";
import { checkWidth, type Matrix, outputsOf, plain } from "./linear.js";
import { classificationOnnx, type OnnxExport, regressionOnnx, treeScores } from "./onnx-export.js";
import { checkNumbers } from "./targets.js";
import { checkTreeRows } from "./trees/rows.js";

export interface ForestClassifierParams extends ForestParams {
  /**
   * The weight of each row by its class: `"balanced"` is rows / (classes * rows of the class); a record gives it by the
   * label as a string, 1 where it has none. @default null
   */
  readonly classWeight?: ClassWeight;
}

export interface ForestClassifier<L extends Label = Label> extends Model<L, Classification<L>> {
  fit(x: Features, targets: readonly L[], options?: FitOptions): Promise<FittedForestClassifier<L>>;
  load(saved: Saved): Promise<FittedForestClassifier<L>>;
}

export interface FittedForestClassifier<L extends Label = Label>
  extends FittedModel<Classification<L>>,
    FittedForest,
    OnnxExport {
  /** The labels seen, sorted: numbers by value, strings by code unit, false before true. */
  readonly classes: readonly L[];
}

export interface ForestRegressor extends Model<number, Regression> {
  fit(x: Features, targets: readonly number[], options?: FitOptions): Promise<FittedForestRegressor>;
  load(saved: Saved): Promise<FittedForestRegressor>;
}

export interface FittedForestRegressor extends FittedModel<Regression>, FittedForest, OnnxExport {}

/**
 * A random forest that tells classes apart: the mean of trees that each learn from rows drawn with replacement, by the best split of
 * some columns drawn for each node (Gini index).
 *
 * Input: Dense or Sparse of any scale; with `missing: "nan"` also with missing values. Output: a label and probabilities, the mean of the
 * shares in the leaves. Rejects Sequence, values that are not finite (with row and column), targets that are not labels of one
 * type, a single class or more than 256, and in `predict` another width.
 * Cost: about 2 ns a row and column that is looked at, for each level; rows x columns bytes and 130 bytes a row and thread. The same
 * seed gives the same trees, on any number of `threads`.
 * Source: Breiman (2001); scikit-learn's options. Thresholds are between at most 255 bins of a column, as in histogram boosting.
 *
 * @example
 * const visits = dense(4, 2, Float32Array.of(1, 0, 2, 1, 8, 3, 9, 5));
 * const fitted = await randomForestClassifier<"buy" | "leave">({ numTrees: 20 }).fit(visits, ["leave", "leave", "buy", "buy"]);
 * const { labels, probabilities } = await fitted.predict(visits);
 */
export function randomForestClassifier<L extends Label = Label>(
  params: ForestClassifierParams = {},
): ForestClassifier<L> {
  return classifier("@mmub/models/random-forest-classifier", params, false);
}

/**
 * Extremely randomized trees that tell classes apart: as `randomForestClassifier`, but each column's threshold is drawn, and each
 * tree learns from all rows. Faster, and smoother where columns are noisy. Source: Geurts et al. (2006).
 *
 * @example
 * const visits = dense(4, 2, Float32Array.of(1, 0, 2, 1, 8, 3, 9, 5));
 * const fitted = await extraTreesClassifier<"buy" | "leave">({ numTrees: 20 }).fit(visits, ["leave", "leave", "buy", "buy"]);
 * const { labels } = await fitted.predict(visits);
 */
export function extraTreesClassifier<L extends Label = Label>(
  params: ForestClassifierParams = {},
): ForestClassifier<L> {
  return classifier("@mmub/models/extra-trees-classifier", params, true);
}

/**
 * A random forest that predicts a number, by squared error. Input, options and what it rejects are those of `randomForestClassifier`; a
 * node looks at all columns unless `maxFeatures` says otherwise.
 *
 * @example
 * const visits = dense(4, 2, Float32Array.of(1, 0, 2, 1, 8, 3, 9, 5));
 * const fitted = await randomForestRegressor({ numTrees: 20 }).fit(visits, [3, 5, 40, 52]);
 * const { values } = await fitted.predict(visits);
 */
export function randomForestRegressor(params: ForestParams = {}): ForestRegressor {
  return regressor("@mmub/models/random-forest-regressor", params, false);
}

/**
 * Extremely randomized trees that predict a number, by squared error: see `extraTreesClassifier`.
 *
 * @example
 * const visits = dense(4, 2, Float32Array.of(1, 0, 2, 1, 8, 3, 9, 5));
 * const fitted = await extraTreesRegressor({ numTrees: 20 }).fit(visits, [3, 5, 40, 52]);
 * const { values } = await fitted.predict(visits);
 */
export function extraTreesRegressor(params: ForestParams = {}): ForestRegressor {
  return regressor("@mmub/models/extra-trees-regressor", params, true);
}

function classifier<L extends Label>(
  type: string,
  params: ForestClassifierParams,
  extra: boolean,
): ForestClassifier<L> {
  const { classWeight = null, ...rest } = params;
  const all = settingsOf(type, rest, { maxFeatures: "sqrt", bootstrap: !extra }, ["classWeight"]);
  checkClassWeight(classWeight, type);
  const recipe = { type, params: { ...all.settings, classWeight } as unknown as Json };

  const fitted = (classes: readonly L[], made: Made): FittedForestClassifier<L> => {
    const channels = outputsOf(classes.length);
    const score = forestScorer(made);
    return {
      ...told(made),
      classes,
      async predict(x, options) {
        checkTreeRows(x, all.settings.missing, type);
        checkWidth(x as Matrix, made.columns.length, type);
        const probabilities = dense(x.rows, classes.length);
        const labels: L[] = [];
        for await (const { from, to } of rowBatches(x.rows, options, type)) {
          const shares = new Float64Array((to - from) * channels);
          score(x as Matrix, from, to, shares);
          const out = probabilities.data.subarray(from * classes.length, to * classes.length);
          if (channels > 1) out.set(shares);
          else
            for (let row = 0; row < shares.length; row++) {
              out[2 * row] = 1 - shares[row]!;
              out[2 * row + 1] = shares[row]!;
            }
          for (let at = 0; at < out.length; at += classes.length)
            labels.push(classes[argmax(out, at, classes.length)]!);
        }
        return { labels, classes, probabilities: plain(probabilities) };
      },
      toOnnx() {
        const { trees, columns, shares } = made;
        const what = { outputs: channels, scale: 1 / trees.roots.length, ...(shares && { shares }) };
        return classificationOnnx(treeScores(trees, columns.length, what, type), classes, "shares");
      },
      save: async () => savedForest(recipe, made, { classes: classes as readonly Label[] }),
    };
  };

  return {
    ...recipe,
    async fit(x, targets, options) {
      await turn(options?.signal);
      checkTreeRows(x, all.settings.missing, type);
      checkTargets(targets, x.rows, type);
      const { classes, classOf } = encodeLabels(targets, type);
      if (classes.length > 256)
        throw new MmubError("invalid-input", {
          part: type,
          message: `the targets have ${classes.length} classes, want at most 256`,
          classes: classes.length,
        });
      const weightOf = classWeights(classes, classOf, classWeight, type);
      const two = classes.length === 2;
      const data: FitData = {
        x: x as Matrix,
        channelOf: two ? new Uint8Array(x.rows) : Uint8Array.from(classOf),
        targets: two ? Float32Array.from(classOf) : new Float32Array(x.rows).fill(1),
        weights: Float32Array.from(classOf, (c) => weightOf[c]!),
        channels: outputsOf(classes.length),
        isClass: true,
      };
      return fitted(classes as L[], await fitForest(type, all, extra, data, options));
    },
    async load(saved) {
      const { classes } = checkSaved(saved, recipe, 1).state as unknown as { readonly classes: readonly L[] };
      return fitted(classes, loadedForest(saved, outputsOf(classes.length)));
    },
  };
}

function regressor(type: string, params: ForestParams, extra: boolean): ForestRegressor {
  const all = settingsOf(type, params, { maxFeatures: 1, bootstrap: !extra }, []);
  const recipe = { type, params: all.settings as unknown as Json };

  const fitted = (made: Made): FittedForestRegressor => {
    const score = forestScorer(made);
    return {
      ...told(made),
      async predict(x, options) {
        checkTreeRows(x, all.settings.missing, type);
        checkWidth(x as Matrix, made.columns.length, type);
        const values = new Float64Array(x.rows);
        for await (const { from, to } of rowBatches(x.rows, options, type))
          score(x as Matrix, from, to, values.subarray(from, to));
        return { values };
      },
      toOnnx() {
        const { trees, columns } = made;
        return regressionOnnx(treeScores(trees, columns.length, { outputs: 1, scale: 1 / trees.roots.length }, type));
      },
      save: async () => savedForest(recipe, made, {}),
    };
  };

  return {
    ...recipe,
    async fit(x, targets, options) {
      await turn(options?.signal);
      checkTreeRows(x, all.settings.missing, type);
      checkTargets(targets, x.rows, type);
      checkNumbers(targets, false, type);
      const data: FitData = {
        x: x as Matrix,
        channelOf: new Uint8Array(x.rows),
        targets: Float32Array.from(targets),
        weights: new Float32Array(x.rows).fill(1),
        channels: 1,
        isClass: false,
      };
      return fitted(await fitForest(type, all, extra, data, options));
    },
    async load(saved) {
      checkSaved(saved, recipe, 1);
      return fitted(loadedForest(saved, 1));
    },
  };
}
