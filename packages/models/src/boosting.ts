import {
  type Classification,
  checkParam,
  checkSaved,
  checkTargets,
  dense,
  type Features,
  type FittedModel,
  type Json,
  type Label,
  type Model,
  type Regression,
  rowBatches,
  type Saved,
  turn,
} from "@mmub/core";
import {
  type BoostingFitOptions,
  type BoostingParams,
  type FitData,
  type FittedBoosting,
  fitBoosting,
  loadedBoosting,
  type Made,
  savedBoosting,
  scorer,
  settingsOf,
  told,
} from "./boosting/engine.js";
import { binaryLoss, multinomialLoss, type RegressionLoss, regressionLoss } from "./boosting/losses.js";
import { argmax, type ClassWeight, checkClassWeight, classWeights, encodeLabels, softmax } from "./labels.js";
import { checkWidth, type Matrix, outputsOf, plain } from "./linear.js";
import { classificationOnnx, type OnnxExport, regressionOnnx, treeScores } from "./onnx-export.js";
import { checkNumbers, positionsOf } from "./targets.js";
import { checkTreeRows } from "./trees/rows.js";

export interface GradientBoostingClassifierParams extends BoostingParams {
  /**
   * The weight of each row by its class: `"balanced"` is rows / (classes * rows of the class); a record gives it by the
   * label as a string, 1 where it has none. @default null
   */
  readonly classWeight?: ClassWeight;
}

export interface GradientBoostingClassifier<L extends Label = Label> extends Model<L, Classification<L>> {
  fit(
    x: Features,
    targets: readonly L[],
    options?: BoostingFitOptions<L>,
  ): Promise<FittedGradientBoostingClassifier<L>>;
  load(saved: Saved): Promise<FittedGradientBoostingClassifier<L>>;
}

export interface FittedGradientBoostingClassifier<L extends Label = Label>
  extends FittedModel<Classification<L>>,
    FittedBoosting,
    OnnxExport {
  /** The labels seen, sorted: numbers by value, strings by code unit, false before true. */
  readonly classes: readonly L[];
}

/**
 * Gradient boosting of histogram trees that tells classes apart, by log loss: often the strongest model for a table.
 *
 * Input: Dense or Sparse of any scale; with `missing: "nan"` also with missing values; codes of categories in the columns that
 * `categorical` names. Output: a label and probabilities (rows x classes, float32). Rejects Sequence, infinities, NaN unless it
 * stands for a missing value (with row and column), targets that are not labels of one type, a single class, and in `predict` another width.
 * Progress and `history` give the mean losses of each round.
 * Cost: about 0.5 ns a row and column for each level of a tree, rows x columns bytes and 16 bytes a bin, column and leaf; Sparse
 * features are binned as Dense ones. The same seed gives the same trees, on any number of `threads`.
 * Source: Friedman (2001); Ke et al. (2017), LightGBM: leaf-wise growth, gains, penalties, categories and defaults are its own.
 *
 * @example
 * const visits = dense(4, 2, Float32Array.of(1, 0, 2, 1, 8, 3, 9, 5));
 * const model = gradientBoostingClassifier<"buy" | "leave">({ numIterations: 20, minDataInLeaf: 1 });
 * const fitted = await model.fit(visits, ["leave", "leave", "buy", "buy"]);
 * const { labels, probabilities } = await fitted.predict(visits);
 * console.log(fitted.importance.gain); // of each column
 */
export function gradientBoostingClassifier<L extends Label = Label>(
  params: GradientBoostingClassifierParams = {},
): GradientBoostingClassifier<L> {
  const type = "@mmub/models/gradient-boosting-classifier";
  const { classWeight = null, ...rest } = params;
  const all = settingsOf(type, rest, ["classWeight"]);
  checkClassWeight(classWeight, type);
  const recipe = { type, params: { ...all.settings, classWeight } as unknown as Json };

  const fitted = (classes: readonly L[], made: Made): FittedGradientBoostingClassifier<L> => {
    const outputs = outputsOf(classes.length);
    const score = scorer(made, outputs);
    return {
      ...told(made),
      classes,
      async predict(x, options) {
        const holes = checked(x, made, all.settings.missing, type);
        const probabilities = dense(x.rows, classes.length);
        const labels: L[] = [];
        for await (const { from, to } of rowBatches(x.rows, options, type)) {
          const scores = new Float64Array((to - from) * outputs);
          score(x as Matrix, from, to, holes, scores);
          const out = probabilities.data.subarray(from * classes.length, to * classes.length);
          writeProbabilities(scores, outputs, out);
          for (let at = 0; at < out.length; at += classes.length)
            labels.push(classes[argmax(out, at, classes.length)]!);
        }
        return { labels, classes, probabilities: plain(probabilities) };
      },
      toOnnx() {
        const { trees, columns, start } = made;
        return classificationOnnx(treeScores(trees, columns.length, { outputs, start }, type), classes, "softmax");
      },
      save: async () => savedBoosting(recipe, made, { classes: classes as readonly Label[] }),
    };
  };

  return {
    ...recipe,
    async fit(x, targets, options) {
      await turn(options?.signal);
      checkTreeRows(x, all.settings.missing, type);
      checkTargets(targets, x.rows, type);
      const { classes, classOf } = encodeLabels(targets, type);
      const weightOf = classWeights(classes, classOf, classWeight, type);
      const weighted = (of: Int32Array) => Float32Array.from(of, (c) => weightOf[c]!);
      const validation = checkedValidation(options?.validation, x, all.settings.missing, type);
      const outputs = outputsOf(classes.length);
      const data: FitData = {
        x: x as Matrix,
        targets: Float32Array.from(classOf),
        weights: weighted(classOf),
        classOf,
        ...(validation && { validation: ofClasses(validation, classes, weighted, type) }),
      };
      const made = await fitBoosting(
        type,
        all,
        data,
        (k) => (classes.length === 2 ? binaryLoss(k) : multinomialLoss(classes.length)),
        outputs,
        options,
      );
      return fitted(classes as L[], made);
    },
    async load(saved) {
      const { classes } = checkSaved(saved, recipe, 1).state as unknown as { readonly classes: readonly L[] };
      return fitted(classes, loadedBoosting(saved));
    },
  };
}

export interface GradientBoostingRegressorParams extends BoostingParams {
  /**
   * `mse`: squared error; `mae`: absolute error; `quantile`: the value below which a share `alpha` lies; `huber`: square up to `alpha`, then
   * straight; `poisson`: for counts, of which the trees give the logarithm of the mean. @default "mse"
   */
  readonly loss?: RegressionLoss;
  /** The share of `quantile`, or where `huber` turns straight, in units of the target. @default 0.9 */
  readonly alpha?: number;
}

export interface GradientBoostingRegressor extends Model<number, Regression> {
  fit(
    x: Features,
    targets: readonly number[],
    options?: BoostingFitOptions<number>,
  ): Promise<FittedGradientBoostingRegressor>;
  load(saved: Saved): Promise<FittedGradientBoostingRegressor>;
}

export interface FittedGradientBoostingRegressor extends FittedModel<Regression>, FittedBoosting, OnnxExport {}

/**
 * Gradient boosting of histogram trees that predicts a number.
 *
 * Input, options, cost and what it rejects are those of `gradientBoostingClassifier`; targets that are not finite, or below 0 with
 * `poisson`, are rejected with their index. Output: a value for each row. With `mae` and `quantile` a leaf is the
 * quantile of its residuals, as in LightGBM.
 *
 * @example
 * const visits = dense(4, 2, Float32Array.of(1, 0, 2, 1, 8, 3, 9, 5));
 * const model = gradientBoostingRegressor({ numIterations: 20, minDataInLeaf: 1, monotone: { 0: 1 } });
 * const fitted = await model.fit(visits, [3, 5, 40, 52]);
 * const { values } = await fitted.predict(visits);
 */
export function gradientBoostingRegressor(params: GradientBoostingRegressorParams = {}): GradientBoostingRegressor {
  const type = "@mmub/models/gradient-boosting-regressor";
  const { loss = "mse", alpha = 0.9, ...rest } = params;
  const all = settingsOf(type, rest, ["loss", "alpha"]);
  const names = ["mse", "mae", "quantile", "huber", "poisson"];
  checkParam(type, "loss", loss, names.includes(loss), `one of ${names.join(", ")}`);
  const most = loss === "quantile" ? 1 : Infinity;
  checkParam(
    type,
    "alpha",
    alpha,
    typeof alpha === "number" && alpha > 0 && alpha < most,
    loss === "quantile" ? "a share between 0 and 1" : "a positive number",
  );
  const recipe = { type, params: { ...all.settings, loss, alpha } as unknown as Json };
  const counts = loss === "poisson";

  const fitted = (made: Made): FittedGradientBoostingRegressor => {
    const score = scorer(made, 1);
    return {
      ...told(made),
      async predict(x, options) {
        const holes = checked(x, made, all.settings.missing, type);
        const values = new Float64Array(x.rows);
        for await (const { from, to } of rowBatches(x.rows, options, type)) {
          const out = values.subarray(from, to);
          score(x as Matrix, from, to, holes, out);
          if (counts) for (let i = 0; i < out.length; i++) out[i] = Math.exp(out[i]!);
        }
        return { values };
      },
      toOnnx() {
        const { trees, columns, start } = made;
        return regressionOnnx(
          treeScores(trees, columns.length, { outputs: 1, start }, type),
          counts ? "exp" : "identity",
        );
      },
      save: async () => savedBoosting(recipe, made, {}),
    };
  };

  return {
    ...recipe,
    async fit(x, targets, options) {
      await turn(options?.signal);
      checkTreeRows(x, all.settings.missing, type);
      checkTargets(targets, x.rows, type);
      checkNumbers(targets, counts, type);
      const validation = checkedValidation(options?.validation, x, all.settings.missing, type);
      if (validation) checkNumbers(validation.targets, counts, `${type} (validation)`);
      const weighed = (of: readonly number[]) => ({
        targets: Float32Array.from(of),
        weights: new Float32Array(of.length).fill(1),
      });
      const data: FitData = {
        x: x as Matrix,
        ...weighed(targets),
        ...(validation && { validation: { x: validation.x, ...weighed(validation.targets) } }),
      };
      return fitted(await fitBoosting(type, all, data, () => regressionLoss(loss, alpha), 1, options));
    },
    async load(saved) {
      checkSaved(saved, recipe, 1);
      return fitted(loadedBoosting(saved));
    },
  };
}

/** Whether some value is missing in rows that fit what was learned. */
function checked(x: Features, { columns }: Made, missing: "nan" | null, part: string): boolean {
  const holes = checkTreeRows(x, missing, part);
  checkWidth(x as Matrix, columns.length, part);
  return holes;
}

function checkedValidation<T>(
  validation: { readonly x: Matrix; readonly targets: readonly T[] } | undefined,
  { cols }: Features,
  missing: "nan" | null,
  type: string,
): { readonly x: Matrix; readonly targets: readonly T[] } | undefined {
  if (!validation) return undefined;
  const part = `${type} (validation)`;
  checkTreeRows(validation.x, missing, part);
  checkWidth(validation.x, cols, part);
  checkTargets(validation.targets, validation.x.rows, part);
  return validation;
}

function ofClasses<L extends Label>(
  { x, targets }: { readonly x: Matrix; readonly targets: readonly L[] },
  classes: readonly L[],
  weighted: (of: Int32Array) => Float32Array,
  type: string,
): NonNullable<FitData["validation"]> {
  const classOf = positionsOf(targets, classes, `${type} (validation)`);
  return { x, targets: Float32Array.from(classOf), weights: weighted(classOf) };
}

/** Of one score the chances of two classes, of more their softmax. */
function writeProbabilities(scores: Float64Array, outputs: number, out: Float32Array): void {
  if (outputs === 1) {
    for (let row = 0; row < scores.length; row++) {
      const chance = 1 / (1 + Math.exp(-scores[row]!));
      out[2 * row] = 1 - chance;
      out[2 * row + 1] = chance;
    }
    return;
  }
  for (let from = 0; from < scores.length; from += outputs) softmax(scores, from, outputs);
  out.set(scores);
}
