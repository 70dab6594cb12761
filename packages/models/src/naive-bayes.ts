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
  pace,
  progress,
  rowBatches,
  type Saved,
  savedArray,
  turn,
} from "@mmub/core";
import { argmax, encodeLabels, softmax } from "./labels.js";
import { checkNotNegative, checkWidth, linearKernel, type Matrix, packed, plain, strideOf } from "./linear.js";
import { isPositive } from "./params.js";

const type = "@mmub/models/naive-bayes";

export interface NaiveBayesParams {
  /** `"complement"` learns a class from the rows of all others, which is better where classes are of unequal size. @default "multinomial" */
  readonly variant?: "multinomial" | "complement";
  /** What is added to the count of each column in each class: above 0, 1 is Laplace's, less is Lidstone's. @default 1 */
  readonly alpha?: number;
  /** Of `"multinomial"`: whether frequent classes are likelier from the start. @default true */
  readonly fitPrior?: boolean;
  /** Of `"complement"`: whether the weights of each class are divided by their sum. @default false */
  readonly norm?: boolean;
}

export interface NaiveBayes<L extends Label = Label> extends Model<L, Classification<L>> {
  fit(x: Features, targets: readonly L[], options?: FitOptions): Promise<FittedNaiveBayes<L>>;
  load(saved: Saved): Promise<FittedNaiveBayes<L>>;
}

export interface FittedNaiveBayes<L extends Label = Label> extends FittedModel<Classification<L>> {
  /** The labels seen, sorted: numbers by value, strings by code unit, false before true. */
  readonly classes: readonly L[];
  /** Row-major, one row a class: what each column adds to the log-likelihood of the class. */
  readonly coefficients: Float64Array;
  /** One for each class: the logarithm of its prior; zeros for `"complement"`. */
  readonly intercepts: Float64Array;
}

/**
 * Naive Bayes for counts, such as of words: multinomial, or by the complement of each class. Learns in one pass; a fair first model of
 * text, and hard to beat on few short ones.
 *
 * Input: Dense or Sparse, which stays sparse; counts or TF-IDF, never negative. Output: a label and probabilities (rows x classes,
 * float32, each row sums to 1), which are too sure, since columns are not independent.
 * Rejects Sequence, values that are negative or not finite (with row and column), targets that are not labels of one type (with the
 * index), a single class, and in `predict` another width.
 * Cost: one pass over the values; memory 3 * columns * classes * 8 bytes.
 * Source: Manning, Raghavan & Schuetze, Introduction to Information Retrieval, 13.2; Rennie et al., Tackling the Poor Assumptions of
 * Naive Bayes Text Classifiers, 2003. The numbers are those of scikit-learn's `MultinomialNB` and `ComplementNB`.
 *
 * @example
 * const words = dense(4, 3, Float32Array.of(2, 0, 1, 1, 0, 2, 0, 3, 0, 0, 1, 1));
 * const fitted = await naiveBayes<"spam" | "ham">().fit(words, ["spam", "spam", "ham", "ham"]);
 * const { labels } = await fitted.predict(words); // spam, spam, ham, ham
 */
export function naiveBayes<L extends Label = Label>(params: NaiveBayesParams = {}): NaiveBayes<L> {
  const { variant = "multinomial", alpha = 1, fitPrior = true, norm = false } = params;
  checkParam(
    type,
    "variant",
    variant,
    ["multinomial", "complement"].includes(variant),
    '"multinomial" or "complement"',
  );
  checkParam(type, "alpha", alpha, isPositive(alpha), "a positive number");
  checkParam(type, "fitPrior", fitPrior, typeof fitPrior === "boolean", "true or false");
  checkParam(type, "norm", norm, typeof norm === "boolean", "true or false");
  const recipe = { type, params: { variant, alpha, fitPrior, norm } };

  return {
    ...recipe,
    async fit(x, targets, options) {
      await turn(options?.signal);
      checkNotNegative(x, type);
      checkTargets(targets, x.rows, type);
      const { classes, classOf } = encodeLabels(targets, type);
      const counts = await countsOf(x, classOf, classes.length, options);
      const coefficients =
        variant === "multinomial"
          ? multinomial(counts, classes.length, alpha)
          : complement(counts, classes.length, alpha, norm);
      const intercepts = new Float64Array(classes.length);
      if (variant === "multinomial") {
        intercepts.fill(-Math.log(classes.length));
        if (fitPrior) {
          intercepts.fill(0);
          for (const own of classOf) intercepts[own]!++;
          for (let c = 0; c < intercepts.length; c++) intercepts[c] = Math.log(intercepts[c]! / x.rows);
        }
      }
      return fitted<L>(recipe, { classes: classes as L[], cols: x.cols, coefficients, intercepts });
    },
    async load(saved) {
      const state = checkSaved(saved, recipe, 1).state as unknown as Pick<State<L>, "classes" | "cols">;
      const outputs = state.classes.length;
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
  readonly coefficients: Float64Array;
  readonly intercepts: Float64Array;
}

function fitted<L extends Label>(
  recipe: Pick<Saved, "type" | "params">,
  { classes, cols, coefficients, intercepts }: State<L>,
): FittedNaiveBayes<L> {
  const outputs = classes.length;
  const stride = strideOf(outputs);
  const weights = packed(coefficients, intercepts, cols);
  return {
    classes,
    coefficients,
    intercepts,
    async predict(x, options) {
      checkNotNegative(x, type);
      checkWidth(x, cols, type);
      const probabilities = dense(x.rows, outputs);
      const labels: L[] = [];
      const kernel = linearKernel(x, stride);
      for await (const { from, to } of rowBatches(x.rows, options, type)) {
        const scores = new Float64Array((to - from) * stride);
        kernel.scores(from, to, weights, scores);
        for (let row = from; row < to; row++) {
          const at = (row - from) * stride;
          labels.push(classes[argmax(scores, at, outputs)]!);
          softmax(scores, at, outputs);
          probabilities.data.set(scores.subarray(at, at + outputs), row * outputs);
        }
      }
      return { labels, classes, probabilities: plain(probabilities) };
    },
    save: async () => ({
      ...recipe,
      version: 1,
      state: { classes, cols },
      arrays: { coefficients: coefficients.slice(), intercepts: intercepts.slice() },
    }),
  };
}

/** The sum of each column over the rows of each class, row-major by class. */
async function countsOf(
  x: Matrix,
  classOf: Int32Array,
  classes: number,
  options: FitOptions | undefined,
): Promise<Float64Array> {
  const { rows, cols } = x;
  const counts = new Float64Array(classes * cols);
  const report = progress(options, type, rows);
  const pause = pace(options?.signal);
  for (let row = 0; row < rows; row++) {
    const at = classOf[row]! * cols;
    if (x.layout === "dense") for (let k = 0; k < cols; k++) counts[at + k]! += x.data[row * cols + k]!;
    else for (let i = x.offsets[row]!; i < x.offsets[row + 1]!; i++) counts[at + x.columns[i]!]! += x.values[i]!;
    if (row % 256 === 255 || row === rows - 1) {
      report(row + 1);
      await pause();
    }
  }
  return counts;
}

function multinomial(counts: Float64Array, classes: number, alpha: number): Float64Array {
  const cols = counts.length / classes;
  return logShares(
    counts.map((count) => count + alpha),
    cols,
  );
}

function complement(counts: Float64Array, classes: number, alpha: number, norm: boolean): Float64Array {
  const cols = counts.length / classes;
  const all = new Float64Array(cols);
  for (let i = 0; i < counts.length; i++) all[i % cols]! += counts[i]!;
  const logs = logShares(
    counts.map((count, i) => all[i % cols]! - count + alpha),
    cols,
  );
  if (!norm) return logs.map((log) => -log);
  for (let at = 0; at < logs.length; at += cols) {
    const row = logs.subarray(at, at + cols);
    const sum = row.reduce((a, b) => a + b, 0);
    for (let k = 0; k < cols; k++) row[k]! /= sum;
  }
  return logs;
}

/** The logarithm of the share of each value in its row. */
function logShares(values: Float64Array, cols: number): Float64Array {
  const out = new Float64Array(values.length);
  for (let at = 0; at < values.length; at += cols) {
    let sum = 0;
    for (let k = 0; k < cols; k++) sum += values[at + k]!;
    for (let k = 0; k < cols; k++) out[at + k] = Math.log(values[at + k]! / sum);
  }
  return out;
}
