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
  type Json,
  type Label,
  type Model,
  pace,
  progress,
  type Regression,
  type RunOptions,
  random,
  rowBatches,
  type Saved,
  savedArray,
  turn,
} from "@mmub/core";
import { rowsOf } from "./coordinate.js";
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
import { checkRegression } from "./linear-regressor.js";
import { isPositive } from "./params.js";
import { type Learner, learn, losses, type StepSettings } from "./sgd-steps.js";
import { positionsOf } from "./targets.js";
import { filled } from "./trees/settings.js";

type NumberLoss = "squared-error" | "huber" | "epsilon-insensitive" | "squared-epsilon-insensitive";

interface SgdParams {
  /** @default "l2" */
  readonly penalty?: "l2" | "l1" | "elastic-net" | null;
  /** Strength of the penalty, and with `learningRate: "optimal"` what the steps shrink by; above 0 there, else at least 0. @default 0.0001 */
  readonly alpha?: number;
  /** The share of L1 in `"elastic-net"`. @default 0.15 */
  readonly l1Ratio?: number;
  /** Whether to fit an intercept, which is not penalised. @default true */
  readonly fitIntercept?: boolean;
  /** Times that a fit goes through the rows, at most. @default 1000 */
  readonly maxIterations?: number;
  /** An epoch has taught something if the mean objective falls (with `validation`, the score rises) by more. @default 1e-3 */
  readonly tolerance?: number;
  /** Epochs in a row that may teach nothing. @default 5 */
  readonly patience?: number;
  /** The share of the rows, dealt by the seed, that is held out of a fit to judge the epochs by: accuracy or R^2. @default 0: none */
  readonly validation?: number;
  /** Whether the rows are in a new order, drawn by the seed, in each epoch. @default true */
  readonly shuffle?: boolean;
  /** Where those losses bend or begin that have `epsilon`, in the unit of the targets. @default 0.1 */
  readonly epsilon?: number;
  /** The size of the first step, or of every step; of `"pa1"` and `"pa2"`, how large they may be. @default 0.01 */
  readonly eta0?: number;
  /** Of `"inverse-scaling"`: steps are `eta0 / t^powerT`. @default 0.5 of labels, 0.25 of numbers */
  readonly powerT?: number;
  /** Whether the model is the mean of the weights after each step, from the first or from this one on. @default false */
  readonly average?: boolean | number;
}

export interface SgdClassifierParams<L extends Label = Label> extends SgdParams {
  /**
   * `"hinge"` is a linear support vector machine, `"log-loss"` logistic regression, `"modified-huber"` bears outliers and has probabilities,
   * `"perceptron"` is that of the perceptron; the losses of numbers tell -1 from 1. @default "hinge"
   */
  readonly loss?: "hinge" | "log-loss" | "modified-huber" | "squared-hinge" | "perceptron" | NumberLoss;
  /** `"optimal"` is Bottou's; `"adaptive"` divides by 5 where epochs teach nothing; `"pa1"` and `"pa2"`, with loss "hinge", are passive-aggressive. @default "optimal" */
  readonly learningRate?: StepSettings["learningRate"];
  /** The weight of each row by its class, as in `logisticRegression`. @default null */
  readonly classWeight?: ClassWeight;
  /** All labels that there will be, for streams whose first rows may lack some. @default those of the fit */
  readonly classes?: readonly L[] | null;
}

export interface SgdRegressorParams extends SgdParams {
  /** @default "squared-error" */
  readonly loss?: NumberLoss;
  /** As of `sgdClassifier`, but `"pa1"` and `"pa2"` want loss "epsilon-insensitive". @default "inverse-scaling" */
  readonly learningRate?: StepSettings["learningRate"];
}

export interface SgdClassifier<L extends Label = Label> extends Model<L, Classification<L>> {
  fit(x: Features, targets: readonly L[], options?: FitOptions): Promise<FittedSgdClassifier<L>>;
  load(saved: Saved): Promise<FittedSgdClassifier<L>>;
}

export interface SgdRegressor extends Model<number, Regression> {
  fit(x: Features, targets: readonly number[], options?: FitOptions): Promise<FittedSgdRegressor>;
  load(saved: Saved): Promise<FittedSgdRegressor>;
}

export interface FittedSgdClassifier<L extends Label = Label> extends FittedModel<Classification<L>> {
  /** The labels seen, or those named, sorted. */
  readonly classes: readonly L[];
  /** Row-major, one row a class, which tells it from the rest; for two classes one row, which counts for `classes[1]`. A copy of what they are now. */
  readonly coefficients: Float64Array;
  /** One for each row of `coefficients`. */
  readonly intercepts: Float64Array;
  /** How often the fit went through the rows; the most of any class. */
  readonly epochs: number;
  /** Scores: rows x rows of `coefficients`. */
  decisionFunction(x: Features, options?: RunOptions): Promise<Dense>;
  /** Goes through more rows once, from where the model is. Rejects labels that are none of `classes`. */
  update(x: Features, targets: readonly L[], options?: RunOptions): Promise<void>;
}

export interface FittedSgdRegressor extends FittedModel<Regression> {
  /** One for each column. A copy of what they are now. */
  readonly coefficients: Float64Array;
  readonly intercept: number;
  /** How often the fit went through the rows. */
  readonly epochs: number;
  /** Goes through more rows once, from where the model is. */
  update(x: Features, targets: readonly number[], options?: RunOptions): Promise<void>;
}

type Settings = Omit<StepSettings, "loss"> & {
  readonly loss: StepSettings["loss"];
  readonly maxIterations: number;
  readonly validation: number;
};

const common = {
  penalty: "l2",
  alpha: 1e-4,
  l1Ratio: 0.15,
  fitIntercept: true,
  maxIterations: 1000,
  tolerance: 1e-3,
  patience: 5,
  validation: 0,
  shuffle: true,
  epsilon: 0.1,
  eta0: 0.01,
  average: false,
} as const;

const classifierType = "@mmub/models/sgd-classifier";
const regressorType = "@mmub/models/sgd-regressor";

/**
 * A linear classifier by stochastic gradient descent, a step for each row: for many rows, and for streams by `update`. Two classes, or more by
 * one against the rest.
 *
 * Input: Dense or Sparse, which stays sparse; bring columns to one scale, or the steps do not fit them. Rows of missing modalities are zeros.
 * Output: a label and probabilities (rows x classes, float32, each row sums to 1): of `"log-loss"` and `"modified-huber"` those of the
 * loss; of the others the logistic function or the softmax of the scores, whose order is right and whose size is not: see `calibrated`.
 * Rejects Sequence, values that are not finite (with row and column), targets that are not labels of one type (with the index), a single
 * class unless `classes` names more, coefficients that grow beyond all bounds, and in `predict` and `update` another width. The progress of
 * a fit counts epochs.
 * Cost: two passes over the values an epoch and class, mostly 5 to 50 epochs.
 * Source: Bottou, Stochastic Gradient Descent Tricks, 2012. The steps are those of scikit-learn's `SGDClassifier`, in its order where
 * `shuffle` is false; but intercepts of Sparse learn as fast as those of Dense.
 *
 * @example
 * const visits = dense(4, 2, Float32Array.of(-1, 0, -2, 1, 1, 1, 2, 1));
 * const model = sgdClassifier<"buy" | "leave">({ loss: "log-loss" });
 * const fitted = await model.fit(visits, ["leave", "leave", "buy", "buy"], { seed: 7 });
 * await fitted.update(dense(1, 2, Float32Array.of(3, 2)), ["buy"]);
 * const { labels } = await fitted.predict(visits);
 */
export function sgdClassifier<L extends Label = Label>(params: SgdClassifierParams<L> = {}): SgdClassifier<L> {
  const type = classifierType;
  const settings = filled<Required<SgdClassifierParams<L>>>(
    type,
    params,
    { ...common, loss: "hinge", learningRate: "optimal", powerT: 0.5, classWeight: null, classes: null },
    [],
  );
  const { classWeight, classes: named } = settings;
  checkSettings(type, settings, Object.keys(losses), "hinge");
  checkClassWeight(classWeight, type);
  checkParam(
    type,
    "classes",
    named,
    named === null || (Array.isArray(named) && new Set(named).size > 1),
    "two labels or more, or null",
  );
  const recipe = { type, params: settings as unknown as Json };

  const fitted = (
    state: State & { readonly classes: readonly L[]; readonly weights: readonly number[] },
  ): FittedSgdClassifier<L> => {
    const { classes, learners, cols } = state;
    let { first } = state;
    const outputs = learners.length;
    const stride = strideOf(outputs);
    const chances = new Float64Array(classes.length);
    const write = chancesOf(settings.loss);
    const score = async (
      x: Features,
      options: RunOptions | undefined,
      take: (row: number, scores: Float64Array, at: number) => void,
    ): Promise<void> => {
      checkMatrix(x, type);
      checkWidth(x, cols, type);
      const { coefficients, intercepts } = modelOf(learners, settings, first);
      const weights = packed(coefficients, intercepts, cols);
      const kernel = linearKernel(x, stride);
      for await (const { from, to } of rowBatches(x.rows, options, type)) {
        const scores = new Float64Array((to - from) * stride);
        kernel.scores(from, to, weights, scores);
        for (let row = from; row < to; row++) take(row, scores, (row - from) * stride);
      }
    };
    return {
      classes,
      epochs: state.epochs,
      get coefficients() {
        return modelOf(learners, settings, first).coefficients;
      },
      get intercepts() {
        return modelOf(learners, settings, first).intercepts;
      },
      async predict(x, options) {
        const probabilities = dense(x.rows, classes.length);
        const labels: L[] = [];
        await score(x, options, (row, scores, at) => {
          const own = outputs === 1 ? Number(scores[at]! > 0) : argmax(scores, at, outputs);
          write(scores, at, chances);
          probabilities.data.set(chances, row * classes.length);
          labels.push(classes[own]!);
        });
        return { labels, classes, probabilities: plain(probabilities) };
      },
      async decisionFunction(x, options) {
        const out = dense(x.rows, outputs);
        await score(x, options, (row, scores, at) => out.data.set(scores.subarray(at, at + outputs), row * outputs));
        return plain(out);
      },
      async update(x, targets, options) {
        await turn(options?.signal);
        checkMatrix(x, type);
        checkWidth(x, cols, type);
        if (x.rows === 0) return;
        checkTargets(targets, x.rows, type);
        const classOf = positionsOf(targets, classes, type);
        const next = copied(learners);
        for (const [output, learner] of next.entries())
          await more(
            learner,
            x,
            signsOf(classOf, output, outputs),
            settings,
            weightsOf(state.weights, output, outputs),
            first,
            state.seed,
            output,
            options,
            type,
          );
        kept(learners, next);
        first += x.rows;
      },
      save: async () => ({
        ...recipe,
        version: 1,
        state: {
          classes,
          cols,
          epochs: state.epochs,
          first,
          seed: state.seed,
          weights: state.weights,
        } as unknown as Json,
        arrays: savedLearners(learners),
      }),
    };
  };

  return {
    ...recipe,
    async fit(x, targets, options) {
      await turn(options?.signal);
      checkMatrix(x, type);
      checkTargets(targets, x.rows, type);
      const classes = named ? encodeLabels(named, type).classes : encodeLabels(targets, type).classes;
      const classOf = positionsOf(targets, classes as L[], type);
      const weights = Array.from(classWeights(classes, classOf, classWeight, type));
      const outputs = outputsOf(classes.length);
      const start = fresh(x, settings, options, classOf, classes.length, type);
      let epochs = 0;
      const report = progress(options, type, outputs * settings.maxIterations);
      for (const output of Array(outputs).keys()) {
        const signs = signsOf(classOf, output, outputs);
        const used = await start.learn(
          signs,
          weightsOf(weights, output, outputs),
          output,
          (at) => report(output * settings.maxIterations + at),
          (scores) => {
            let right = 0;
            for (const { row, score } of scores) right += Number(score > 0 === signs[row]! > 0);
            return right / scores.length;
          },
        );
        epochs = Math.max(epochs, used);
      }
      options?.signal?.throwIfAborted();
      return fitted({
        classes: classes as L[],
        weights,
        cols: x.cols,
        epochs,
        first: 1 + epochs * start.rows,
        seed: options?.seed ?? 0,
        learners: start.learners,
      });
    },
    async load(saved) {
      const state = checkSaved(saved, recipe, 1).state as unknown as Omit<Parameters<typeof fitted>[0], "learners">;
      return fitted({ ...state, learners: loadedLearners(saved, outputsOf(state.classes.length), state.cols) });
    },
  };
}

/**
 * A linear regression by stochastic gradient descent, a step for each row: for many rows, and for streams by `update`.
 *
 * Input: Dense or Sparse, which stays sparse; bring columns to one scale, or the steps do not fit them. Output: a value for each row
 * (float64). Rejects Sequence, values and targets that are not finite (with the index), coefficients that grow beyond all bounds, and in
 * `predict` and `update` another width. The progress of a fit counts epochs.
 * Cost: two passes over the values an epoch, mostly 5 to 50 epochs.
 * Source: Bottou, Stochastic Gradient Descent Tricks, 2012. The steps are those of scikit-learn's `SGDRegressor`, in its order where
 * `shuffle` is false; but the intercept of Sparse learns as fast as that of Dense.
 *
 * @example
 * const visits = dense(4, 1, Float32Array.of(-2, -1, 1, 2));
 * const fitted = await sgdRegressor({ eta0: 0.1 }).fit(visits, [-4.1, -1.8, 2.2, 3.9], { seed: 7 });
 * await fitted.update(dense(1, 1, Float32Array.of(3)), [6]);
 * const { values } = await fitted.predict(visits);
 */
export function sgdRegressor(params: SgdRegressorParams = {}): SgdRegressor {
  const type = regressorType;
  const settings = filled<Required<SgdRegressorParams>>(
    type,
    params,
    { ...common, loss: "squared-error", learningRate: "inverse-scaling", powerT: 0.25 },
    [],
  );
  const ofNumbers = ["squared-error", "huber", "epsilon-insensitive", "squared-epsilon-insensitive"];
  checkSettings(type, settings, ofNumbers, "epsilon-insensitive");
  const recipe = { type, params: settings as unknown as Json };

  const fitted = (state: State): FittedSgdRegressor => {
    const { learners, cols } = state;
    let { first } = state;
    return {
      epochs: state.epochs,
      get coefficients() {
        return modelOf(learners, settings, first).coefficients;
      },
      get intercept() {
        return modelOf(learners, settings, first).intercepts[0]!;
      },
      async predict(x, options) {
        checkMatrix(x, type);
        checkWidth(x, cols, type);
        const values = new Float64Array(x.rows);
        const { coefficients, intercepts } = modelOf(learners, settings, first);
        const weights = packed(coefficients, intercepts, cols);
        const kernel = linearKernel(x, 1);
        for await (const { from, to } of rowBatches(x.rows, options, type))
          kernel.scores(from, to, weights, values.subarray(from, to));
        return { values };
      },
      async update(x, targets, options) {
        await turn(options?.signal);
        checkMatrix(x, type);
        checkWidth(x, cols, type);
        if (x.rows === 0) return;
        checkRegression(x, targets, type);
        const next = copied(learners);
        await more(next[0]!, x, Float64Array.from(targets), settings, [1, 1], first, state.seed, 0, options, type);
        kept(learners, next);
        first += x.rows;
      },
      save: async () => ({
        ...recipe,
        version: 1,
        state: { cols, epochs: state.epochs, first, seed: state.seed },
        arrays: savedLearners(learners),
      }),
    };
  };

  return {
    ...recipe,
    async fit(x, targets, options) {
      await turn(options?.signal);
      checkRegression(x, targets, type);
      const start = fresh(x, settings, options, new Int32Array(x.rows), 1, type);
      const report = progress(options, type, settings.maxIterations);
      const epochs = await start.learn(Float64Array.from(targets), [1, 1], 0, report, (scores) => {
        const mean = scores.reduce((sum, { row }) => sum + targets[row]! / scores.length, 0);
        const off = scores.reduce((sum, { row, score }) => sum + (targets[row]! - score) ** 2, 0);
        const spread = scores.reduce((sum, { row }) => sum + (targets[row]! - mean) ** 2, 0);
        return spread > 0 ? 1 - off / spread : -off;
      });
      options?.signal?.throwIfAborted();
      const { cols } = x;
      return fitted({
        cols,
        epochs,
        first: 1 + epochs * start.rows,
        seed: options?.seed ?? 0,
        learners: start.learners,
      });
    },
    async load(saved) {
      const state = checkSaved(saved, recipe, 1).state as unknown as Omit<State, "learners">;
      return fitted({ ...state, learners: loadedLearners(saved, 1, state.cols) });
    },
  };
}

interface State {
  readonly cols: number;
  readonly epochs: number;
  /** The number of the next step. */
  readonly first: number;
  readonly seed: number;
  /** One for each score. */
  readonly learners: readonly Learner[];
}

function checkSettings(type: string, settings: Settings, known: readonly string[], passive: string): void {
  const { loss, penalty, alpha, l1Ratio, learningRate, average } = settings;
  const check = (name: string, ok: boolean, want: string): void =>
    checkParam(type, name, settings[name as keyof Settings], ok, want);
  const listed = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(", ");
  const notNegative = (value: number): boolean => value === 0 || isPositive(value);
  const isShare = (value: number): boolean => value >= 0 && value <= 1;
  const isCount = (value: unknown): boolean => Number.isInteger(value) && (value as number) > 0;
  const rates = ["optimal", "constant", "inverse-scaling", "adaptive", "pa1", "pa2"];
  check("loss", known.includes(loss), listed(known));
  check(
    "penalty",
    penalty === null || ["l2", "l1", "elastic-net"].includes(penalty),
    '"l2", "l1", "elastic-net" or null',
  );
  check("learningRate", rates.includes(learningRate), listed(rates));
  check("alpha", notNegative(alpha), "a number of at least 0");
  check("alpha", alpha > 0 || learningRate !== "optimal", 'a positive number with learningRate "optimal"');
  check(
    "learningRate",
    !learningRate.startsWith("pa") || loss === passive,
    `another with a loss that is not "${passive}"`,
  );
  check("l1Ratio", isShare(l1Ratio), "a number from 0 to 1");
  for (const name of ["fitIntercept", "shuffle"] as const)
    check(name, typeof settings[name] === "boolean", "true or false");
  for (const name of ["maxIterations", "patience"] as const) check(name, isCount(settings[name]), "a positive integer");
  for (const name of ["epsilon", "tolerance", "powerT"] as const)
    check(name, notNegative(settings[name]), "a number of at least 0");
  check("eta0", isPositive(settings.eta0), "a positive number");
  check("validation", settings.validation >= 0 && settings.validation < 1, "a share of at least 0 and below 1");
  check("average", typeof average === "boolean" || isCount(average), "true, false or the number of the first step");
}

/** What a fit begins with: a learner for each score, once it has learned. */
function fresh(
  x: Matrix,
  settings: Settings,
  options: FitOptions | undefined,
  classOf: Int32Array,
  classes: number,
  part: string,
) {
  const numbers = random(options?.seed ?? 0);
  const rows = rowsOf(x, 0);
  const pause = pace(options?.signal);
  const held =
    settings.validation > 0 ? heldOut(classOf, classes, settings.validation, numbers.fork("validation")) : undefined;
  const learners: Learner[] = [];
  return {
    learners,
    /** Rows of an epoch, as the steps are counted in scikit-learn: with those held out. */
    rows: x.rows,
    async learn(
      targets: Float64Array,
      weightOf: readonly [number, number],
      output: number,
      onEpoch: (epoch: number) => void,
      judge: (scores: readonly { readonly row: number; readonly score: number }[]) => number,
    ): Promise<number> {
      const learner = { weights: new Float64Array(x.cols + 1), averages: new Float64Array(x.cols + 1) };
      learners.push(learner);
      let done = 0;
      const judged = held && Array.from(held.keys()).filter((row) => held[row] === 1);
      const epochs = await learn(
        learner,
        settings,
        {
          rows,
          targets,
          weightOf,
          first: 1,
          epochs: settings.maxIterations,
          held,
          judge:
            judged &&
            ((weights) => judge(judged.map((row) => ({ row, score: rows.dot(row, weights) + weights[x.cols]! })))),
          random: numbers.fork(`order ${output}`),
          pause,
          onEpoch: () => onEpoch(++done),
        },
        part,
      );
      return epochs;
    },
  };
}

/** A share of the rows of each class, but never all of one. */
function heldOut(classOf: Int32Array, classes: number, share: number, numbers: ReturnType<typeof random>): Uint8Array {
  const held = new Uint8Array(classOf.length);
  for (let own = 0; own < classes; own++) {
    const rows = Array.from(classOf.keys()).filter((row) => classOf[row] === own);
    const count = Math.min(rows.length - 1, Math.ceil(share * rows.length));
    for (const row of numbers.shuffle(rows).slice(0, Math.max(0, count))) held[row] = 1;
  }
  return held;
}

/** Once through more rows. */
async function more(
  learner: Learner,
  x: Matrix,
  targets: Float64Array,
  settings: Settings,
  weightOf: readonly [number, number],
  first: number,
  seed: number,
  output: number,
  options: RunOptions | undefined,
  part: string,
): Promise<void> {
  const numbers = random(seed).fork(`update ${first} ${output}`);
  await learn(
    learner,
    settings,
    { rows: rowsOf(x, 0), targets, weightOf, first, epochs: 1, random: numbers, pause: pace(options?.signal) },
    part,
  );
}

function copied(learners: readonly Learner[]): Learner[] {
  return learners.map(({ weights, averages }) => ({ weights: weights.slice(), averages: averages.slice() }));
}

/** Takes over what copies have learned, once all of them have. */
function kept(learners: readonly Learner[], next: readonly Learner[]): void {
  for (const [i, { weights, averages }] of next.entries()) {
    learners[i]!.weights.set(weights);
    learners[i]!.averages.set(averages);
  }
}

/** The weights as they are, or their averages once there are some. */
function modelOf(learners: readonly Learner[], { average }: Settings, first: number) {
  const cols = learners[0]!.weights.length - 1;
  const averaged = average !== false && Number(average) <= first - 1;
  const coefficients = new Float64Array(learners.length * cols);
  const intercepts = new Float64Array(learners.length);
  for (const [output, { weights, averages }] of learners.entries()) {
    const own = averaged ? averages : weights;
    coefficients.set(own.subarray(0, cols), output * cols);
    intercepts[output] = own[cols]!;
  }
  return { coefficients, intercepts };
}

function savedLearners(learners: readonly Learner[]) {
  const joined = (of: (learner: Learner) => Float64Array) =>
    Float64Array.from(learners.flatMap((learner) => [...of(learner)]));
  return { weights: joined(({ weights }) => weights), averages: joined(({ averages }) => averages) };
}

function loadedLearners(saved: Saved, outputs: number, cols: number): Learner[] {
  const [weights, averages] = (["weights", "averages"] as const).map((name) =>
    savedArray(saved, name, Float64Array, outputs * (cols + 1)),
  );
  return Array.from({ length: outputs }, (_, output) => {
    const [from, to] = [output * (cols + 1), (output + 1) * (cols + 1)];
    return { weights: weights!.slice(from, to), averages: averages!.slice(from, to) };
  });
}

/** 1 for the rows of the class that a score is of, -1 for the rest. */
function signsOf(classOf: Int32Array, output: number, outputs: number): Float64Array {
  const own = outputs === 1 ? 1 : output;
  return Float64Array.from(classOf, (of) => (of === own ? 1 : -1));
}

/** The weights of the rest and of the class that a score is of: the rest of more classes is not weighted. */
function weightsOf(weights: readonly number[], output: number, outputs: number): readonly [number, number] {
  return outputs === 1 ? [weights[0]!, weights[1]!] : [1, weights[output]!];
}

/** How scores of one row become chances. */
function chancesOf(loss: StepSettings["loss"]) {
  return (scores: Float64Array, at: number, out: Float64Array): void => {
    if (loss === "modified-huber") {
      const clipped = (score: number): number => (Math.max(-1, Math.min(1, score)) + 1) / 2;
      if (out.length === 2) {
        out[1] = clipped(scores[at]!);
        out[0] = 1 - out[1];
        return;
      }
      for (let c = 0; c < out.length; c++) out[c] = clipped(scores[at + c]!);
    } else if (out.length === 2) {
      writeChances(scores[at]!, out, 0);
      return;
    } else if (loss === "log-loss") for (let c = 0; c < out.length; c++) out[c] = 1 / (1 + Math.exp(-scores[at + c]!));
    else {
      out.set(scores.subarray(at, at + out.length));
      softmax(out, 0, out.length);
      return;
    }
    const sum = out.reduce((a, b) => a + b);
    for (let c = 0; c < out.length; c++) out[c] = sum > 0 ? out[c]! / sum : 1 / out.length;
  };
}
