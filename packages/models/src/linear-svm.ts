import {
  type Classification,
  checkParam,
  checkSaved,
  checkTargets,
  type Dense,
  dense,
  type Features,
  type FitOptions,
  type FittedModel,
  type Label,
  type Model,
  pace,
  progress,
  type Random,
  type RunOptions,
  random,
  rowBatches,
  type Saved,
  savedArray,
  takeFeatures,
  turn,
} from "@mmub/core";
import { type Calibration, inverseTemperature, sigmoid } from "./calibrate.js";
import { columnsOf, type Descent, dualHinge, rowsOf, sparseHinge } from "./coordinate.js";
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
import { checkMatrix, checkWidth, linearKernel, type Matrix, outputsOf, packed, plain, strideOf } from "./linear.js";
import { newton, type Weights } from "./newton.js";
import { classificationOnnx, linearScores, type OnnxExport } from "./onnx-export.js";
import { checkC, isPositive } from "./params.js";

const type = "@mmub/models/linear-svm";

export interface LinearSvmParams {
  /**
   * Inverse strength of the penalty: smaller is stronger. Several are compared by the accuracy (weighted by `classWeight`) on
   * rows held out of the training rows, and the best is fitted on all of them. @default 1
   */
  readonly C?: number | readonly number[];
  /** `"l1"` makes most coefficients 0; it goes with the squared hinge and the primal. @default "l2" */
  readonly penalty?: "l2" | "l1";
  /** @default "squared-hinge" */
  readonly loss?: "squared-hinge" | "hinge";
  /**
   * Both lead to the same model. `"dual"` goes by rows and is the only one for the hinge; `"primal"` goes by Newton's method, or
   * by columns with an L1 penalty. `"auto"` takes the dual where there are fewer rows than columns. @default "auto"
   */
  readonly solver?: "auto" | "dual" | "primal";
  /** Whether to fit an intercept, which is penalised as in LIBLINEAR: see `interceptScaling`. @default true */
  readonly fitIntercept?: boolean;
  /**
   * The intercept is the coefficient of one more column of this value, and penalised like the others: the larger the value, the
   * less it is. Raise it where the columns are far from zero. @default 1
   */
  readonly interceptScaling?: number;
  /**
   * The weight of each row by its class: `"balanced"` is rows / (classes * rows of the class); a record gives it by the
   * label as a string, 1 where it has none. Of more than two classes, it counts where the class is told from the rest, in which
   * the rest has weight 1, as in LIBLINEAR. @default null
   */
  readonly classWeight?: ClassWeight;
  /**
   * When to stop. Dual: how far apart the projected gradients are. Primal: the gradient, relative to that at zero and to the share of
   * the rarer side. @default 1e-4
   */
  readonly tolerance?: number;
  /** Of each class. @default 1000 */
  readonly maxIterations?: number;
  /**
   * How scores become probabilities, learned from scores of rows held out of the training rows. `"temperature"`: softmax of all scores
   * times one number, which leaves the class of the highest score the likeliest, so that labels are those of LIBLINEAR. `"sigmoid"`: Platt's
   * sigmoid of each class, scaled to sum 1; the better probabilities of two classes that are rare or weighted, but the likeliest
   * class may be another than that of the highest score. `"none"`: softmax of the scores, which are no probabilities then; the fit
   * needs no folds and is that much faster. @default "temperature"
   */
  readonly calibration?: "temperature" | "sigmoid" | "none";
  /** Stratified folds that are held out in turn, for the calibration and for several `C`; the seed of the fit deals the rows. @default 5 */
  readonly folds?: number;
}

export interface LinearSvm<L extends Label = Label> extends Model<L, Classification<L>> {
  fit(x: Features, targets: readonly L[], options?: FitOptions): Promise<FittedLinearSvm<L>>;
  load(saved: Saved): Promise<FittedLinearSvm<L>>;
}

export interface FittedLinearSvm<L extends Label = Label> extends FittedModel<Classification<L>>, OnnxExport {
  /** The labels seen, sorted: numbers by value, strings by code unit, false before true. */
  readonly classes: readonly L[];
  /** Row-major, one row a class, which tells it from the rest; for two classes one row, which counts for `classes[1]`. */
  readonly coefficients: Float64Array;
  /** One for each row of `coefficients`; zeros without an intercept. */
  readonly intercepts: Float64Array;
  /** The inverse penalty of this fit: the chosen one, where there were several. */
  readonly C: number;
  /** The accuracy of each `C` on rows held out, in the order given; where there were several. */
  readonly scores?: readonly number[];
  /** Whether the tolerance was reached for every class. If not, scale the columns, lower `C` or raise `maxIterations`. */
  readonly converged: boolean;
  /** The most of any class. */
  readonly iterations: number;
  /** Signed distances from the boundaries, times the norm of the coefficients: rows x rows of `coefficients`. */
  decisionFunction(x: Features, options?: RunOptions): Promise<Dense>;
}

type Params = Required<LinearSvmParams>;

/**
 * Linear support vector machine of two classes, or of more by one against the rest: minimises
 * `0.5 * |w|^2 + C * sum(weight * max(0, 1 - sign * score)^2)`, or the hinge itself, or `|w|_1` as the penalty. Often the best linear
 * model of sparse text.
 *
 * Input: Dense or Sparse, which stays sparse; columns of very different scales cost iterations and accuracy: bring them to one scale.
 * Output: a label and probabilities (rows x classes, float32, each row sums to 1), and scores by `decisionFunction`.
 * Rejects Sequence, values that are not finite (with row and column), targets that are not labels of one type (with the index), a
 * single class, too few rows for the folds, and in `predict` another width. The progress of a fit counts classes and folds.
 * Cost: some 10 to 100 passes over the values for each class and fit, of which there are `folds` for each `C` and one more; only one
 * with one `C` and calibration `"none"`.
 * Source: Fan et al., LIBLINEAR, 2008; Hsieh et al., 2008; Keerthi & DeCoste, 2005; calibration: Platt, 1999; Guo et al., 2017. The
 * numbers are those of scikit-learn's `LinearSVC`, where both have converged.
 *
 * @example
 * const visits = dense(4, 2, Float32Array.of(1, 0, 2, 1, 8, 3, 9, 5));
 * const model = linearSvm<"buy" | "leave">({ C: [0.1, 1], folds: 2 });
 * const fitted = await model.fit(visits, ["leave", "leave", "buy", "buy"]);
 * const { labels, probabilities } = await fitted.predict(visits);
 */
export function linearSvm<L extends Label = Label>(params: LinearSvmParams = {}): LinearSvm<L> {
  const {
    C = 1,
    penalty = "l2",
    loss = "squared-hinge",
    solver = "auto",
    fitIntercept = true,
    interceptScaling = 1,
    classWeight = null,
    tolerance = 1e-4,
    maxIterations = 1000,
    calibration = "temperature",
    folds = 5,
  } = params;
  const check = (name: string, value: unknown, ok: boolean, want: string): void =>
    checkParam(type, name, value, ok, want);
  checkC(C, type);
  check("penalty", penalty, ["l2", "l1"].includes(penalty), '"l2" or "l1"');
  check("loss", loss, ["squared-hinge", "hinge"].includes(loss), '"squared-hinge" or "hinge"');
  check("loss", loss, loss !== "hinge" || penalty === "l2", '"squared-hinge" with penalty "l1"');
  check("solver", solver, ["auto", "dual", "primal"].includes(solver), '"auto", "dual" or "primal"');
  check("solver", solver, solver !== "dual" || penalty === "l2", '"primal" or "auto" with penalty "l1"');
  check("solver", solver, solver !== "primal" || loss !== "hinge", '"dual" or "auto" with loss "hinge"');
  check("fitIntercept", fitIntercept, typeof fitIntercept === "boolean", "true or false");
  check("interceptScaling", interceptScaling, isPositive(interceptScaling), "a positive number");
  checkClassWeight(classWeight, type);
  check("tolerance", tolerance, isPositive(tolerance), "a positive number");
  check("maxIterations", maxIterations, Number.isInteger(maxIterations) && maxIterations > 0, "a positive integer");
  check(
    "calibration",
    calibration,
    ["temperature", "sigmoid", "none"].includes(calibration),
    '"temperature", "sigmoid" or "none"',
  );
  check("folds", folds, Number.isInteger(folds) && folds > 1, "an integer of at least 2");
  const recipe = {
    type,
    params: {
      C,
      penalty,
      loss,
      solver,
      fitIntercept,
      interceptScaling,
      classWeight,
      tolerance,
      maxIterations,
      calibration,
      folds,
    },
  };

  return {
    ...recipe,
    async fit(x, targets, options) {
      await turn(options?.signal);
      checkMatrix(x, type);
      checkTargets(targets, x.rows, type);
      const { classes, classOf } = encodeLabels(targets, type);
      const data: Data = { x, classOf, weightOf: classWeights(classes, classOf, classWeight, type) };
      const candidates: readonly number[] = Array.isArray(C) ? C : [C];
      const numbers = random(options?.seed ?? 0);
      const held = candidates.length > 1 || calibration !== "none";
      const fits = held ? folds * candidates.length + 1 : 1;
      const report = progress(options, type, fits * outputsOf(classes.length));
      let done = 0;
      const run: Run = { random: numbers.fork("order"), pause: pace(options?.signal), step: () => report(++done) };
      const chosen = held
        ? await holdOut(data, candidates, recipe.params, numbers.fork("folds"), run)
        : { C: candidates[0]!, calibration: plainOf(outputsOf(classes.length)) };
      const solution = await solve(data, chosen.C, recipe.params, run);
      options?.signal?.throwIfAborted();
      const { slopes, offsets } = chosen.calibration;
      return fitted<L>(recipe, {
        classes: classes as L[],
        cols: x.cols,
        C: chosen.C,
        ...("scores" in chosen && Array.isArray(C) && { scores: chosen.scores }),
        ...solution,
        slopes,
        offsets,
      });
    },
    async load(saved) {
      const state = checkSaved(saved, recipe, 1).state as unknown as Omit<State<L>, keyof Arrays>;
      const outputs = outputsOf(state.classes.length);
      const array = (name: keyof Arrays, length: number) => savedArray(saved, name, Float64Array, length);
      return fitted<L>(recipe, {
        ...state,
        coefficients: array("coefficients", outputs * state.cols),
        intercepts: array("intercepts", outputs),
        slopes: array("slopes", outputs),
        offsets: array("offsets", outputs),
      });
    },
  };
}

interface Arrays extends Calibration {
  readonly coefficients: Float64Array;
  readonly intercepts: Float64Array;
}

interface State<L extends Label> extends Arrays {
  readonly classes: readonly L[];
  readonly cols: number;
  readonly C: number;
  readonly scores?: readonly number[];
  readonly converged: boolean;
  readonly iterations: number;
}

function fitted<L extends Label>(
  recipe: { readonly type: string; readonly params: Params },
  state: State<L>,
): FittedLinearSvm<L> {
  const { cols, coefficients, intercepts, slopes, offsets, ...rest } = state;
  const { classes } = rest;
  const outputs = intercepts.length;
  const stride = strideOf(outputs);
  const weights = packed(coefficients, intercepts, cols);
  const chances = new Float64Array(classes.length);
  const write = recipe.params.calibration === "sigmoid" ? writeSigmoids : writeSoftmax;

  /** The scores of each row, in batches. */
  async function score(
    x: Features,
    options: RunOptions | undefined,
    take: (row: number, scores: Float64Array, at: number) => void,
  ): Promise<void> {
    checkMatrix(x, type);
    checkWidth(x, cols, type);
    const kernel = linearKernel(x, stride);
    for await (const { from, to } of rowBatches(x.rows, options, type)) {
      const scores = new Float64Array((to - from) * stride);
      kernel.scores(from, to, weights, scores);
      for (let row = from; row < to; row++) take(row, scores, (row - from) * stride);
    }
  }

  return {
    ...rest,
    coefficients,
    intercepts,
    async predict(x, options) {
      const probabilities = dense(x.rows, classes.length);
      const labels: L[] = [];
      await score(x, options, (row, scores, at) => {
        write(scores, at, slopes, offsets, chances);
        probabilities.data.set(chances, row * classes.length);
        labels.push(classes[argmax(chances, 0, classes.length)]!);
      });
      return { labels, classes, probabilities: plain(probabilities) };
    },
    async decisionFunction(x, options) {
      const out = dense(x.rows, outputs);
      await score(x, options, (row, scores, at) => out.data.set(scores.subarray(at, at + outputs), row * outputs));
      return plain(out);
    },
    toOnnx() {
      const calibrated = coefficients.map((coefficient, i) => coefficient * slopes[Math.floor(i / cols)]!);
      const shifted = intercepts.map((intercept, output) => intercept * slopes[output]! + offsets[output]!);
      const how = recipe.params.calibration === "sigmoid" ? "sigmoids" : "softmax";
      return classificationOnnx(linearScores(calibrated, shifted), classes, how);
    },
    save: async () => ({
      ...recipe,
      version: 1,
      state: { ...rest, cols },
      arrays: {
        coefficients: coefficients.slice(),
        intercepts: intercepts.slice(),
        slopes: slopes.slice(),
        offsets: offsets.slice(),
      },
    }),
  };
}

/** Of two classes the logistic function of the score of the second. */
function writeSoftmax(
  scores: Float64Array,
  at: number,
  slopes: Float64Array,
  offsets: Float64Array,
  out: Float64Array,
): void {
  if (slopes.length === 1) {
    writeChances(slopes[0]! * scores[at]! + offsets[0]!, out, 0);
    return;
  }
  for (let c = 0; c < out.length; c++) out[c] = slopes[c]! * scores[at + c]! + offsets[c]!;
  softmax(out, 0, out.length);
}

function writeSigmoids(
  scores: Float64Array,
  at: number,
  slopes: Float64Array,
  offsets: Float64Array,
  out: Float64Array,
): void {
  if (slopes.length === 1) {
    writeSoftmax(scores, at, slopes, offsets, out);
    return;
  }
  let sum = 0;
  for (let c = 0; c < out.length; c++) {
    out[c] = 1 / (1 + Math.exp(-(slopes[c]! * scores[at + c]! + offsets[c]!)));
    sum += out[c]!;
  }
  // All may underflow to 0.
  for (let c = 0; c < out.length; c++) out[c] = sum > 0 ? out[c]! / sum : 1 / out.length;
}

function plainOf(outputs: number): Calibration {
  return { slopes: new Float64Array(outputs).fill(1), offsets: new Float64Array(outputs) };
}

interface Data {
  readonly x: Matrix;
  /** The class of each row, as a position among the sorted classes. */
  readonly classOf: Int32Array;
  /** The weight of a row of each class. */
  readonly weightOf: Float64Array;
}

/** What every fit needs of the surrounding: to give way and abort, and to tell that a class is done. */
interface Run {
  readonly random: Random;
  readonly pause: () => Promise<void> | undefined;
  readonly step: () => void;
}

interface Solution {
  readonly coefficients: Float64Array;
  readonly intercepts: Float64Array;
  readonly converged: boolean;
  readonly iterations: number;
}

async function solve({ x, classOf, weightOf }: Data, C: number, params: Params, run: Run): Promise<Solution> {
  const { rows, cols } = x;
  const outputs = outputsOf(weightOf.length);
  const { tolerance, maxIterations } = params;
  const bias = params.fitIntercept ? params.interceptScaling : 0;
  const coefficients = new Float64Array(outputs * cols);
  const intercepts = new Float64Array(outputs);
  const signs = new Int8Array(rows);
  const costOf = new Float64Array(rows);
  const solveOne = solverOf(x, bias, params);
  let [converged, iterations] = [true, 0];
  for (let output = 0; output < outputs; output++) {
    const own = outputs === 1 ? 1 : output;
    const rest = outputs === 1 ? weightOf[0]! : 1;
    let positive = 0;
    for (let row = 0; row < rows; row++) {
      const is = classOf[row] === own;
      signs[row] = is ? 1 : -1;
      costOf[row] = C * (is ? weightOf[own]! : rest);
      if (is) positive++;
    }
    // As LIBLINEAR does, for where one side is rare, zero is a good start.
    const relative = (tolerance * Math.max(1, Math.min(positive, rows - positive))) / rows;
    const found = await solveOne(signs, costOf, relative, { ...run, tolerance, maxIterations });
    coefficients.set(found.weights.subarray(0, cols), output * cols);
    intercepts[output] = bias * found.weights[cols]!;
    converged &&= found.converged;
    iterations = Math.max(iterations, found.iterations);
    run.step();
  }
  return { coefficients, intercepts, converged, iterations };
}

type Solver = (signs: Int8Array, costOf: Float64Array, relative: number, descent: Descent) => Promise<Weights>;

function solverOf(x: Matrix, bias: number, { penalty, loss, solver }: Params): Solver {
  if (penalty === "l1") {
    const columns = columnsOf(x, bias);
    return (signs, costOf, relative, descent) =>
      sparseHinge(columns, signs, costOf, { ...descent, tolerance: relative });
  }
  if (loss === "hinge" || solver === "dual" || (solver === "auto" && x.rows < x.cols)) {
    const rows = rowsOf(x, bias);
    return (signs, costOf, _, descent) => dualHinge(rows, signs, costOf, loss === "squared-hinge", descent);
  }
  return (signs, costOf, relative, { maxIterations, pause }) => {
    const residual = (score: number, row: number): number => (signs[row]! * score < 1 ? score - signs[row]! : 0);
    return newton({ x, bias, costOf, residual }, relative, maxIterations, pause);
  };
}

/** The best of `candidates` by scores of rows held out, and what these scores say about probabilities. */
async function holdOut(
  { x, classOf, weightOf }: Data,
  candidates: readonly number[],
  params: Params,
  numbers: Random,
  run: Run,
): Promise<{ readonly C: number; readonly scores: readonly number[]; readonly calibration: Calibration }> {
  const { folds } = params;
  const outputs = outputsOf(weightOf.length);
  const stride = strideOf(outputs);
  const advice = 'give more rows, fewer folds, or one C and calibration "none"';
  const foldOf = stratifiedFolds(classOf, weightOf.length, folds, numbers, type, advice);
  const scoresOf = candidates.map(() => new Float64Array(x.rows * outputs));
  for (let fold = 0; fold < folds; fold++) {
    const { held, kept } = splitFold(foldOf, fold);
    const train: Data = { x: takeFeatures(x, kept), classOf: Int32Array.from(kept, (row) => classOf[row]!), weightOf };
    const kernel = linearKernel(takeFeatures(x, held), stride);
    const scores = new Float64Array(held.length * stride);
    for (const [at, C] of candidates.entries()) {
      const { coefficients, intercepts } = await solve(train, C, params, run);
      kernel.scores(0, held.length, packed(coefficients, intercepts, x.cols), scores);
      for (const [i, row] of held.entries())
        scoresOf[at]!.set(scores.subarray(i * stride, i * stride + outputs), row * outputs);
    }
  }

  const judged = [...foldOf.keys()].filter((row) => foldOf[row]! >= 0);
  const accuracies = scoresOf.map((scores) => {
    let [right, total] = [0, 0];
    for (const row of judged) {
      const guess = outputs === 1 ? Number(scores[row]! > 0) : argmax(scores, row * outputs, outputs);
      const weight = weightOf[classOf[row]!]!;
      total += weight;
      if (guess === classOf[row]) right += weight;
    }
    return right / total;
  });
  // Among equals, the strongest penalty.
  const order = [...candidates.keys()].sort((a, b) => candidates[a]! - candidates[b]!);
  const best = order.reduce((best, at) => (accuracies[at]! > accuracies[best]! ? at : best));
  const kept = new Float64Array(judged.length * outputs);
  for (const [i, row] of judged.entries())
    kept.set(scoresOf[best]!.subarray(row * outputs, (row + 1) * outputs), i * outputs);
  const own = Int32Array.from(judged, (row) => classOf[row]!);
  return { C: candidates[best]!, scores: accuracies, calibration: calibrated(kept, own, outputs, params.calibration) };
}

/** Scores are `outputs` a row. */
function calibrated(
  scores: Float64Array,
  classOf: Int32Array,
  outputs: number,
  calibration: Params["calibration"],
): Calibration {
  const out = plainOf(outputs);
  if (calibration === "temperature") {
    const scale = inverseTemperature(scores, outputs, classOf);
    out.slopes.fill(outputs === 1 ? 2 * scale : scale);
  } else if (calibration === "sigmoid")
    for (let output = 0; output < outputs; output++) {
      const own = outputs === 1 ? 1 : output;
      const { slope, offset } = sigmoid(
        Float64Array.from(classOf, (_, row) => scores[row * outputs + output]!),
        (row) => classOf[row] === own,
      );
      out.slopes[output] = slope;
      out.offsets[output] = offset;
    }
  return out;
}
