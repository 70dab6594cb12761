import {
  type Classification,
  checkParam,
  checkSaved,
  checkTargets,
  dense,
  type Features,
  type FitOptions,
  type FittedModel,
  type Label,
  type Model,
  progress,
  random,
  rowBatches,
  type Saved,
  savedArray,
  takeFeatures,
  turn,
} from "@mmub/core";
import { splitFold, stratifiedFolds } from "./folds.js";
import {
  argmax,
  type ClassWeight,
  checkClassWeight,
  classWeights,
  encodeLabels,
  softmax,
  writeChances,
} from "./labels.js";
import { minimize, type Objective } from "./lbfgs.js";
import {
  checkMatrix,
  checkWidth,
  linearKernel,
  type Matrix,
  moments,
  outputsOf,
  packed,
  plain,
  strideOf,
} from "./linear.js";
import { classificationOnnx, linearScores, type OnnxExport } from "./onnx-export.js";
import { checkC, isPositive } from "./params.js";

const type = "@mmub/models/logistic-regression";

export interface LogisticRegressionParams {
  /**
   * Inverse strength of the penalty: smaller is stronger. Several are tried by cross-validation on the training rows,
   * and the best is fitted on all of them. @default 1
   */
  readonly C?: number | readonly number[];
  /**
   * The share of the L1 penalty, which makes coefficients zero: 0 is L2 alone, 1 is L1 alone, between them lies the elastic
   * net. @default 0
   */
  readonly l1Ratio?: number;
  /** Whether to fit an intercept, which is not penalised. @default true */
  readonly fitIntercept?: boolean;
  /**
   * The weight of each row by its class: `"balanced"` is rows / (classes * rows of the class); a record gives it by the
   * label as a string, 1 where it has none. @default null
   */
  readonly classWeight?: ClassWeight;
  /**
   * Stop when no entry of the gradient of the mean loss is larger, and the mean loss is expected to fall by no more than ten times
   * that: of many classes and columns, all entries are small long before the end. @default 1e-4
   */
  readonly tolerance?: number;
  /** @default 1000 */
  readonly maxIterations?: number;
  /** Stratified folds of the cross-validation, where there are several `C`; the seed of the fit deals the rows. @default 5 */
  readonly folds?: number;
  /** What the cross-validation compares on the rows held out, weighted by `classWeight`. @default "log-loss" */
  readonly scoring?: "log-loss" | "accuracy";
}

export interface LogisticRegression<L extends Label = Label> extends Model<L, Classification<L>> {
  fit(x: Features, targets: readonly L[], options?: FitOptions): Promise<FittedLogisticRegression<L>>;
  load(saved: Saved): Promise<FittedLogisticRegression<L>>;
}

export interface FittedLogisticRegression<L extends Label = Label> extends FittedModel<Classification<L>>, OnnxExport {
  /** The labels seen, sorted: numbers by value, strings by code unit, false before true. */
  readonly classes: readonly L[];
  /**
   * Row-major, one row a class; for two classes one row, which counts for `classes[1]`. With it and `intercepts`, the
   * log-odds of two classes, and the scores that softmax turns into probabilities for more.
   */
  readonly coefficients: Float64Array;
  /** One for each row of `coefficients`; zeros without an intercept. */
  readonly intercepts: Float64Array;
  /** The inverse penalty of this fit: the chosen one, where there were several. */
  readonly C: number;
  /** The mean log loss (lower is better) or accuracy of each `C` in cross-validation, in the order given; where there were several. */
  readonly scores?: readonly number[];
  /** Whether the tolerance was reached, or the loss can fall no further in float64. If not, raise `maxIterations` or lower `C`. */
  readonly converged: boolean;
  readonly iterations: number;
}

type Params = Required<LogisticRegressionParams>;

/**
 * Logistic regression with an L2 or L1 penalty or both, of two classes (binomial) or more (multinomial, softmax): minimises
 * `C * sum(weight * loss) + (1 - l1Ratio) * 0.5 * |coefficients|^2 + l1Ratio * sum(|coefficients|)`. Often the best first model on fused features, and hard to beat on text.
 *
 * Input: Dense or Sparse, which stays sparse; any scale of the columns, more columns than rows, and rows of missing
 * modalities (zeros) are fine. Output: a label and probabilities (rows x classes, float32, each row sums to 1).
 * Rejects Sequence, values that are not finite (with row and column), targets that are not labels of one type (with the
 * index), a single class, and in `predict` another width. The progress of a fit gives `loss`, `gradient` (what is compared to the
 * tolerance) and `converged` (0 or 1) of each iteration.
 * Cost: two passes over the values an iteration, some tens of iterations, most of them over an eighth of the rows where these are
 * many; memory 15 * (columns + 1) * classes * 8 bytes.
 * Source: L-BFGS (Nocedal & Wright) on columns that are centred and scaled on the fly, which changes the speed and not
 * the solution; with an L1 penalty its orthant-wise form (Andrew & Gao 2007), which takes more iterations. The numbers are those of scikit-learn's `LogisticRegression`, where both have converged.
 *
 * @example
 * const visits = dense(4, 2, Float32Array.of(1, 0, 2, 1, 8, 3, 9, 5));
 * const model = logisticRegression<"buy" | "leave">({ C: [0.1, 1, 10], folds: 2 });
 * const fitted = await model.fit(visits, ["leave", "leave", "buy", "buy"]);
 * const { labels, probabilities } = await fitted.predict(visits);
 */
export function logisticRegression<L extends Label = Label>(
  params: LogisticRegressionParams = {},
): LogisticRegression<L> {
  const {
    C = 1,
    l1Ratio = 0,
    fitIntercept = true,
    classWeight = null,
    tolerance = 1e-4,
    maxIterations = 1000,
    folds = 5,
    scoring = "log-loss",
  } = params;
  checkC(C, type);
  checkParam(type, "l1Ratio", l1Ratio, l1Ratio >= 0 && l1Ratio <= 1, "a number from 0 to 1");
  checkParam(type, "fitIntercept", fitIntercept, typeof fitIntercept === "boolean", "true or false");
  checkClassWeight(classWeight, type);
  checkParam(type, "tolerance", tolerance, isPositive(tolerance), "a positive number");
  checkParam(
    type,
    "maxIterations",
    maxIterations,
    Number.isInteger(maxIterations) && maxIterations > 0,
    "a positive integer",
  );
  checkParam(type, "folds", folds, Number.isInteger(folds) && folds > 1, "an integer of at least 2");
  checkParam(type, "scoring", scoring, ["log-loss", "accuracy"].includes(scoring), '"log-loss" or "accuracy"');
  const recipe = { type, params: { C, l1Ratio, fitIntercept, classWeight, tolerance, maxIterations, folds, scoring } };

  return {
    ...recipe,
    async fit(x, targets, options) {
      await turn(options?.signal);
      checkMatrix(x, type);
      checkTargets(targets, x.rows, type);
      const { classes, classOf } = encodeLabels(targets, type);
      const data: Data = { x, classOf, weightOf: classWeights(classes, classOf, classWeight, type) };
      const chosen = Array.isArray(C)
        ? await crossValidate(data, C, recipe.params, options)
        : { C: C as number, fits: 0, of: 1 };
      const fit = await solve(data, chosen.C, recipe.params, options, chosen);
      return fitted<L>(recipe, {
        classes: classes as L[],
        cols: x.cols,
        C: chosen.C,
        ...("scores" in chosen && { scores: chosen.scores }),
        converged: fit.converged,
        iterations: fit.iterations,
        ...unpacked(fit.weights, x.cols, data.weightOf.length),
      });
    },
    async load(saved) {
      const state = checkSaved(saved, recipe, 1).state as unknown as Omit<State<L>, "coefficients" | "intercepts">;
      const outputs = outputsOf(state.classes.length);
      return fitted<L>(recipe, {
        ...state,
        coefficients: savedArray(saved, "coefficients", Float64Array, outputs * state.cols),
        intercepts: savedArray(saved, "intercepts", Float64Array, outputs),
      });
    },
  };
}

interface State<L extends Label> {
  readonly classes: readonly L[];
  readonly cols: number;
  readonly C: number;
  readonly scores?: readonly number[];
  readonly converged: boolean;
  readonly iterations: number;
  readonly coefficients: Float64Array;
  readonly intercepts: Float64Array;
}

function fitted<L extends Label>(
  recipe: { readonly type: string; readonly params: Params },
  state: State<L>,
): FittedLogisticRegression<L> {
  const { cols, coefficients, intercepts, ...rest } = state;
  const { classes } = rest;
  const weights = packed(coefficients, intercepts, cols);
  return {
    ...rest,
    coefficients,
    intercepts,
    async predict(x, options) {
      checkMatrix(x, type);
      checkWidth(x, cols, type);
      const probabilities = dense(x.rows, classes.length);
      const labels: L[] = [];
      const kernel = linearKernel(x, strideOf(intercepts.length));
      for await (const { from, to } of rowBatches(x.rows, options, type)) {
        const out = probabilities.data.subarray(from * classes.length, to * classes.length);
        writeProbabilities(kernel.scores, from, to, weights, classes.length, out);
        for (let at = 0; at < out.length; at += classes.length) labels.push(classes[argmax(out, at, classes.length)]!);
      }
      return { labels, classes, probabilities: plain(probabilities) };
    },
    toOnnx: () => classificationOnnx(linearScores(coefficients, intercepts), classes, "softmax"),
    save: async () => ({
      ...recipe,
      version: 1,
      state: { ...rest, cols },
      arrays: { coefficients: coefficients.slice(), intercepts: intercepts.slice() },
    }),
  };
}

function unpacked(weights: Float64Array, cols: number, classes: number) {
  const outputs = outputsOf(classes);
  const stride = strideOf(outputs);
  const coefficients = new Float64Array(outputs * cols);
  for (let c = 0; c < outputs; c++)
    for (let k = 0; k < cols; k++) coefficients[c * cols + k] = weights[k * stride + c]!;
  return { coefficients, intercepts: weights.slice(cols * stride, cols * stride + outputs) };
}

interface Data {
  readonly x: Matrix;
  /** The class of each row, as a position among the sorted classes. */
  readonly classOf: Int32Array;
  /** The weight of a row of each class. */
  readonly weightOf: Float64Array;
}

interface Solution {
  readonly weights: Float64Array;
  readonly converged: boolean;
  readonly iterations: number;
}

/** Where a fit stands among the fits of a cross-validation, for progress. */
interface Turn {
  readonly fits: number;
  readonly of: number;
}

async function solve(
  { x, classOf, weightOf }: Data,
  C: number,
  { l1Ratio, fitIntercept, tolerance, maxIterations }: Params,
  options: FitOptions | undefined,
  { fits, of }: Turn,
  warm?: Float64Array,
): Promise<Solution> {
  const { rows, cols } = x;
  const classes = weightOf.length;
  const stride = strideOf(outputsOf(classes));
  const last = cols * stride;

  const shares = new Float64Array(classes);
  for (let row = 0; row < rows; row++) shares[classOf[row]!]! += weightOf[classOf[row]!]!;
  const total = shares.reduce((a, b) => a + b, 0);
  for (let c = 0; c < classes; c++) shares[c]! /= total;
  // The objective is divided by C and by the sum of weights: a mean loss, so that the tolerance means the same for any data.
  const weights = weightOf.map((weight) => weight / total);
  const penalty = (1 - l1Ratio) / (C * total);

  // Variables in which the second derivatives are alike, and those of the intercept apart from the others: columns are
  // centred and scaled, in the weights and never in the data.
  const { means, squares } = moments(x, classOf, weights);
  if (!fitIntercept) means.fill(0);
  // The floor is where a difference of float32 values ends and rounding begins.
  const variances = squares.map((square, k) => Math.max(square - means[k]! ** 2, 1e-14 * square));
  // The mean variance of a class's chances, which is the curvature of the loss along a score.
  const spread = shares.reduce((sum, share) => sum + share * (1 - share), 0) / classes;
  // Towards the minimum it falls, in classes that are told apart to a hundredth, and the penalty counts that much more.
  const scales = Float64Array.from([...variances, 1], (variance, k) =>
    k < cols ? Math.sqrt(spread * variance + 100 * penalty) || 1 : Math.sqrt(spread),
  );

  const model = new Float64Array((cols + 1) * stride);
  const slopes = new Float64Array((cols + 1) * stride);
  const toModel = (variables: Float64Array): Float64Array => {
    for (let c = 0; c < stride; c++) model[last + c] = fitIntercept ? variables[last + c]! / scales[cols]! : 0;
    for (let k = 0; k < cols; k++)
      for (let c = 0; c < stride; c++) {
        const weight = variables[k * stride + c]! / scales[k]!;
        model[k * stride + c] = weight;
        model[last + c]! -= weight * means[k]!;
      }
    return model;
  };

  let absolute: Float64Array | undefined;
  if (l1Ratio > 0) {
    absolute = new Float64Array((cols + 1) * stride);
    for (let i = 0; i < last; i++) absolute[i] = l1Ratio / (C * total * scales[Math.floor(i / stride)]!);
  }

  const start = new Float64Array((cols + 1) * stride);
  if (warm) {
    start.set(warm);
    for (let k = 0; k < cols; k++)
      for (let c = 0; c < stride; c++) {
        start[last + c]! += start[k * stride + c]! * means[k]!;
        start[k * stride + c]! *= scales[k]!;
      }
  } else if (fitIntercept) {
    const logs = shares.map(Math.log);
    if (classes === 2) start[last] = logs[1]! - logs[0]!;
    else {
      const mean = logs.reduce((a, b) => a + b, 0) / classes;
      for (let c = 0; c < classes; c++) start[last + c] = logs[c]! - mean;
    }
  }
  for (let c = 0; c < stride; c++) start[last + c]! *= scales[cols]!;

  /** The mean loss over these rows, with the penalty of all of them. */
  const lossOver = (x: Matrix, classOf: Int32Array, weights: Float64Array): Objective => {
    const kernel = linearKernel(x, stride);
    const scores = new Float64Array(kernel.block * stride);
    const sums = new Float64Array(2);
    let spread = 0;
    return {
      evaluate(variables, gradient) {
        toModel(variables);
        slopes.fill(0);
        sums.fill(0);
        for (let from = 0; from < x.rows; from += kernel.block) {
          const to = Math.min(x.rows, from + kernel.block);
          kernel.scores(from, to, model, scores);
          if (classes === 2) binomial(scores, to - from, classOf, from, weights, sums);
          else multinomial(scores, to - from, classes, stride, classOf, from, weights, sums);
          kernel.gradient(from, to, scores, slopes);
        }
        spread = sums[1]!;
        let norm = 0;
        for (let i = 0; i < last; i++) {
          norm += model[i]! * model[i]!;
          slopes[i]! += penalty * model[i]!;
        }
        if (!fitIntercept) slopes.fill(0, last);
        for (let k = 0; k < cols; k++)
          for (let c = 0; c < stride; c++) {
            const i = k * stride + c;
            gradient[i] = (slopes[i]! - means[k]! * slopes[last + c]!) / scales[k]!;
          }
        for (let c = 0; c < stride; c++) gradient[last + c] = slopes[last + c]! / scales[cols]!;
        return sums[0]! + 0.5 * penalty * norm;
      },
      norm(gradient) {
        // Of the coefficients themselves, not of the variables: what scikit-learn compares to its tolerance.
        let most = 0;
        // What Newton's method would expect, with the diagonal of the second derivatives alone.
        let fall = 0;
        for (let k = 0; k <= cols; k++) {
          const curvature = k < cols ? spread * variances[k]! + penalty : spread + Number.MIN_VALUE;
          let sum = 0;
          for (let c = 0; c < stride; c++) {
            const slope = gradient[k * stride + c]! * scales[k]!;
            const ofMean = k < cols ? gradient[last + c]! * scales[cols]! * means[k]! : 0;
            most = Math.max(most, Math.abs(slope + ofMean));
            sum += slope * slope;
          }
          fall += (0.5 * sum) / curvature;
        }
        return Math.max(most, 0.1 * fall);
      },
    };
  };

  // Where rows are many, the way is found on an eighth of them: the search over all begins near its end.
  const some = warm ? undefined : sampled({ x, classOf, weightOf }, last + stride);
  const near =
    some &&
    (await minimize(lossOver(some.x, some.classOf, some.weights), start, {
      tolerance: Math.max(tolerance, 1e-3),
      maxIterations,
      signal: options?.signal,
      absolute,
    }));

  const report = progress(options, type, maxIterations * of);
  const {
    x: variables,
    converged,
    iterations,
  } = await minimize(lossOver(x, classOf, weights), near?.x ?? start, {
    tolerance,
    maxIterations,
    signal: options?.signal,
    absolute,
    curvature: near?.curvature,
    onIteration: ({ iterations, value, norm, converged }) =>
      report(fits * maxIterations + iterations, { loss: value, gradient: norm, converged: Number(converged) }),
  });
  toModel(variables);
  // Softmax takes no notice of what all intercepts have in common; without an L1 penalty it is 0.
  if (absolute && fitIntercept && classes > 2) {
    const shared = model.subarray(last, last + classes).reduce((sum, one) => sum + one / classes, 0);
    for (let c = 0; c < classes; c++) model[last + c]! -= shared;
  }
  return { weights: model.slice(), converged, iterations };
}

/** Every eighth row and the weight of one of each class, if they are many for this number of coefficients and of all classes. */
function sampled(
  { x, classOf, weightOf }: Data,
  coefficients: number,
): (Omit<Data, "weightOf"> & { readonly weights: Float64Array }) | undefined {
  const every = 8;
  if (x.rows < every * Math.max(2000, 20 * coefficients)) return undefined;
  const rows = Uint32Array.from({ length: Math.floor(x.rows / every) }, (_, i) => i * every);
  const classes = Int32Array.from(rows, (row) => classOf[row]!);
  if (new Set(classes).size < weightOf.length) return undefined;
  const total = classes.reduce((sum, one) => sum + weightOf[one]!, 0);
  return { x: takeFeatures(x, rows), classOf: classes, weights: weightOf.map((weight) => weight / total) };
}

/** Adds the loss of a block of two classes, and the mean variance of the chances, to `sums`; scores become what each row pulls at its score. */
function binomial(
  scores: Float64Array,
  rows: number,
  classOf: Int32Array,
  first: number,
  weights: Float64Array,
  sums: Float64Array,
): void {
  const weight0 = weights[0]!;
  const weight1 = weights[1]!;
  let loss = 0;
  let spread0 = 0;
  let spread1 = 0;
  // log(1 + e) of many rows is the log of one product: each factor is in [1, 2] and a block has at most 256.
  let product0 = 1;
  let product1 = 1;
  for (let i = 0; i < rows; i++) {
    const second = classOf[first + i] === 1;
    // How far the score points the wrong way.
    const wrong = second ? -scores[i]! : scores[i]!;
    const e = Math.exp(wrong < 0 ? wrong : -wrong);
    const share = wrong < 0 ? e / (1 + e) : 1 / (1 + e);
    if (second) {
      product1 *= 1 + e;
      spread1 += share * (1 - share);
      if (wrong > 0) loss += weight1 * wrong;
      scores[i] = -weight1 * share;
    } else {
      product0 *= 1 + e;
      spread0 += share * (1 - share);
      if (wrong > 0) loss += weight0 * wrong;
      scores[i] = weight0 * share;
    }
  }
  sums[0]! += loss + weight0 * Math.log(product0) + weight1 * Math.log(product1);
  sums[1]! += weight0 * spread0 + weight1 * spread1;
}

/** The same for more classes. */
function multinomial(
  scores: Float64Array,
  rows: number,
  classes: number,
  stride: number,
  classOf: Int32Array,
  first: number,
  weights: Float64Array,
  sums: Float64Array,
): void {
  let loss = 0;
  let spread = 0;
  for (let i = 0; i < rows; i++) {
    const at = i * stride;
    const own = classOf[first + i]!;
    const weight = weights[own]!;
    const ownScore = scores[at + own]!;
    let most = -Infinity;
    for (let c = 0; c < classes; c++) if (scores[at + c]! > most) most = scores[at + c]!;
    let sum = 0;
    let squares = 0;
    for (let c = 0; c < classes; c++) {
      const e = Math.exp(scores[at + c]! - most);
      scores[at + c] = e;
      sum += e;
      squares += e * e;
    }
    spread += weight * (1 - squares / (sum * sum));
    loss += weight * (Math.log(sum) + most - ownScore);
    const share = weight / sum;
    for (let c = 0; c < classes; c++) scores[at + c]! *= share;
    scores[at + own]! -= weight;
  }
  sums[0]! += loss;
  sums[1]! += spread / classes;
}

function writeProbabilities(
  scoresOf: (from: number, to: number, weights: Float64Array, out: Float64Array) => void,
  from: number,
  to: number,
  weights: Float64Array,
  classes: number,
  out: Float32Array | Float64Array,
): void {
  const stride = strideOf(outputsOf(classes));
  const scores = new Float64Array((to - from) * stride);
  scoresOf(from, to, weights, scores);
  for (let i = 0; i < to - from; i++) {
    if (classes === 2) {
      writeChances(scores[i]!, out, 2 * i);
      continue;
    }
    const at = i * stride;
    softmax(scores, at, classes);
    out.set(scores.subarray(at, at + classes), i * classes);
  }
}

/** The best of `candidates` on rows held out; each fold goes from the strongest penalty to the weakest, warm. */
async function crossValidate(
  { x, classOf, weightOf }: Data,
  candidates: readonly number[],
  params: Params,
  options: FitOptions | undefined,
): Promise<Turn & { readonly C: number; readonly scores: readonly number[] }> {
  const { folds, scoring } = params;
  const classes = weightOf.length;
  const foldOf = stratifiedFolds(classOf, classes, folds, random(options?.seed ?? 0).fork("folds"), type);
  const path = [...candidates.keys()].sort((a, b) => candidates[a]! - candidates[b]!);
  const of = folds * candidates.length + 1;
  const sums = new Float64Array(candidates.length);
  let weightSum = 0;
  let fits = 0;
  for (let fold = 0; fold < folds; fold++) {
    const { held, kept } = splitFold(foldOf, fold);
    const train: Data = { x: takeFeatures(x, kept), classOf: Int32Array.from(kept, (row) => classOf[row]!), weightOf };
    const test = takeFeatures(x, held);
    const kernel = linearKernel(test, strideOf(outputsOf(classes)));
    const probabilities = new Float64Array(held.length * classes);
    for (const row of held) weightSum += weightOf[classOf[row]!]!;
    let warm: Float64Array | undefined;
    for (const at of path) {
      const { weights } = await solve(train, candidates[at]!, params, options, { fits, of }, warm);
      warm = weights;
      fits++;
      writeProbabilities(kernel.scores, 0, held.length, weights, classes, probabilities);
      for (const [i, row] of held.entries()) {
        const own = classOf[row]!;
        const score =
          scoring === "accuracy"
            ? Number(argmax(probabilities, i * classes, classes) === own)
            : // A probability that underflowed to 0 would make the mean infinite.
              -Math.log(Math.max(probabilities[i * classes + own]!, Number.MIN_VALUE));
        sums[at]! += weightOf[own]! * score;
      }
    }
  }
  const scores = Array.from(sums, (sum) => sum / weightSum);
  const better = (a: number, b: number): boolean => (scoring === "accuracy" ? a > b : a < b);
  // Among equals, the strongest penalty.
  const best = path.reduce((best, at) => (better(scores[at]!, scores[best]!) ? at : best));
  return { C: candidates[best]!, scores, fits, of };
}
