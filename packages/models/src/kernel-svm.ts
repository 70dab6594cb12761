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
  type RunOptions,
  random,
  rowBatches,
  type Saved,
  savedArray,
  takeFeatures,
  turn,
} from "@mmub/core";
import { sigmoid } from "./calibrate.js";
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
import { checkMatrix, checkWidth, type Matrix, outputsOf, plain } from "./linear.js";
import { type KeptRows, loadedRows, savedRows } from "./neighbors.js";
import { isPositive } from "./params.js";
import { checkKernel, gammaOf, type KernelParams, kernelDefaults, similarities, solveDual, supportOf } from "./smo.js";
import { filled } from "./trees/settings.js";

const type = "@mmub/models/kernel-svm";

export interface KernelSvmParams extends KernelParams {
  /** Inverse strength of the penalty: how much a row on the wrong side costs. @default 1 */
  readonly C?: number;
  /** The weight of each row by its class, as in `logisticRegression`. @default null */
  readonly classWeight?: ClassWeight;
  /**
   * `"sigmoid"` learns probabilities of each pair of classes from scores of rows held out (Platt) and joins them, as LIBSVM does; labels are
   * then the likeliest ones. `"none"`: the logistic function or the softmax of the scores, whose order is right and whose size is not. @default "none"
   */
  readonly calibration?: "sigmoid" | "none";
  /** Folds of the calibration, dealt by the seed of the fit. @default 5 */
  readonly folds?: number;
}

export interface KernelSvm<L extends Label = Label> extends Model<L, Classification<L>> {
  fit(x: Features, targets: readonly L[], options?: FitOptions): Promise<FittedKernelSvm<L>>;
  load(saved: Saved): Promise<FittedKernelSvm<L>>;
}

export interface FittedKernelSvm<L extends Label = Label> extends FittedModel<Classification<L>> {
  /** The labels seen, sorted. */
  readonly classes: readonly L[];
  /** The rows of the fit that count, class by class. */
  readonly support: Int32Array;
  /** Whether every pair of classes reached the tolerance. If not, scale the columns or raise `maxIterations`. */
  readonly converged: boolean;
  /**
   * Scores: of two classes one, above 0 for the second; of more one each, the votes of the pairs and, between equal votes, how sure they are.
   */
  decisionFunction(x: Features, options?: RunOptions): Promise<Dense>;
}

/**
 * Support vector machine with a kernel: boundaries of any shape, for some thousand rows. Each pair of classes has a machine of its own.
 *
 * Input: Dense or Sparse, which stays sparse; bring columns to one scale. Rows of missing modalities are zeros. Output: a label and
 * probabilities (rows x classes, float32), see `calibration`. Rejects Sequence, values that are not finite (with row and column), targets
 * that are not labels of one type (with the index), a single class, and in `predict` another width. The progress of a fit counts pairs.
 * Cost: rows^2 * cols and more in the fit; support vectors * cols a prediction.
 * Source: sequential minimal optimisation, see LIBSVM (Chang & Lin 2011); Platt 1999, Wu, Lin & Weng 2004. The numbers are those of
 * scikit-learn's `SVC`, whose equal votes `break_ties` breaks in the same way.
 *
 * @example
 * const spot = dense(4, 2, Float32Array.of(0, 0, 1, 1, 0, 1, 1, 0));
 * const fitted = await kernelSvm<"same" | "other">({ C: 10 }).fit(spot, ["same", "same", "other", "other"]);
 * const { labels } = await fitted.predict(spot);
 */
export function kernelSvm<L extends Label = Label>(params: KernelSvmParams = {}): KernelSvm<L> {
  const settings = filled<Params>(
    type,
    params,
    { ...kernelDefaults, C: 1, classWeight: null, calibration: "none", folds: 5 },
    [],
  );
  const { C, classWeight, calibration, folds } = settings;
  checkKernel(type, settings);
  checkParam(type, "C", C, isPositive(C), "a positive number");
  checkClassWeight(classWeight, type);
  checkParam(type, "calibration", calibration, ["sigmoid", "none"].includes(calibration), '"sigmoid" or "none"');
  checkParam(type, "folds", folds, Number.isInteger(folds) && folds > 1, "an integer of at least 2");
  const recipe = { type, params: settings as unknown as Json };

  const fitted = (machines: Machines, classes: readonly L[], sigmoids: Float64Array): FittedKernelSvm<L> => {
    const score = scorer(machines, settings);
    const count = classes.length;
    const pairs = (count * (count - 1)) / 2;
    const each = async (
      x: Features,
      options: RunOptions | undefined,
      take: (row: number, decisions: Float64Array) => void,
    ): Promise<void> => {
      checkMatrix(x, type);
      checkWidth(x, machines.vectors.cols, type);
      const decisions = new Float64Array(pairs);
      const pause = pace(options?.signal);
      for await (const { from, to } of rowBatches(x.rows, options, type))
        for (let row = from; row < to; row++) {
          await pause();
          score(x, row, decisions);
          take(row, decisions);
        }
    };
    return {
      classes,
      support: machines.support,
      converged: machines.converged,
      async predict(x, options) {
        const probabilities = dense(x.rows, count);
        const labels: L[] = [];
        const chances = new Float64Array(count);
        await each(x, options, (row, decisions) => {
          if (calibration === "sigmoid") joined(decisions, sigmoids, chances);
          else if (count === 2) writeChances(decisions[0]!, chances, 0);
          else {
            voted(decisions, chances);
            softmax(chances, 0, count);
          }
          probabilities.data.set(chances, row * count);
          labels.push(classes[argmax(chances, 0, count)]!);
        });
        return { labels, classes, probabilities: plain(probabilities) };
      },
      async decisionFunction(x, options) {
        const outputs = outputsOf(count);
        const out = dense(x.rows, outputs);
        const votes = new Float64Array(count);
        await each(x, options, (row, decisions) => {
          if (outputs > 1) voted(decisions, votes);
          out.data.set(outputs > 1 ? votes : decisions, row * outputs);
        });
        return plain(out);
      },
      save: async () => ({
        ...recipe,
        version: 1,
        state: {
          classes: classes as readonly Label[],
          gamma: machines.gamma,
          converged: machines.converged,
          rows: machines.vectors.rows,
          cols: machines.vectors.cols,
          layout: machines.vectors.layout,
        },
        arrays: {
          ...savedRows(machines.vectors),
          support: machines.support.slice(),
          counts: machines.counts.slice(),
          duals: machines.duals.slice(),
          intercepts: machines.intercepts.slice(),
          sigmoids: sigmoids.slice(),
        },
      }),
    };
  };

  return {
    ...recipe,
    async fit(x, targets, options) {
      await turn(options?.signal);
      checkMatrix(x, type);
      checkTargets(targets, x.rows, type);
      const { classes, classOf } = encodeLabels(targets, type);
      const weights = classWeights(classes, classOf, classWeight, type);
      const gamma = gammaOf(x, settings);
      const pairs = (classes.length * (classes.length - 1)) / 2;
      const held = calibration === "sigmoid";
      const report = progress(options, type, pairs * (held ? folds + 1 : 1));
      let done = 0;
      const run: Run = { pause: pace(options?.signal), step: () => report(++done) };
      const sigmoids = held
        ? await calibrate(x, classOf, weights, settings, gamma, random(options?.seed).fork("folds"), run)
        : new Float64Array();
      const machines = await train(x, classOf, weights, settings, gamma, run);
      options?.signal?.throwIfAborted();
      return fitted(machines, classes as L[], sigmoids);
    },
    async load(saved) {
      const { classes, gamma, converged, ...kept } = checkSaved(saved, recipe, 1).state as unknown as KeptRows &
        Pick<Machines, "gamma" | "converged"> & { readonly classes: readonly L[] };
      const machines: Machines = {
        gamma,
        converged,
        vectors: loadedRows(saved, kept),
        support: savedArray(saved, "support", Int32Array),
        counts: savedArray(saved, "counts", Int32Array),
        duals: savedArray(saved, "duals", Float64Array),
        intercepts: savedArray(saved, "intercepts", Float64Array),
      };
      return fitted(machines, classes, savedArray(saved, "sigmoids", Float64Array));
    },
  };
}

type Params = Required<KernelSvmParams>;

interface Run {
  readonly pause: () => Promise<void> | undefined;
  readonly step: () => void;
}

/** A machine for each pair of classes, in the order 0 1, 0 2, ..., 1 2, ...: above 0 for the second. */
interface Machines {
  readonly gamma: number;
  readonly converged: boolean;
  /** The rows that count, class by class. */
  readonly vectors: Matrix;
  readonly support: Int32Array;
  /** How many of them each class has. */
  readonly counts: Int32Array;
  /** Vectors x (classes - 1): what a vector counts in the machine of its class and each of the others in turn. */
  readonly duals: Float64Array;
  readonly intercepts: Float64Array;
}

async function train(
  x: Matrix,
  classOf: Int32Array,
  weights: Float64Array,
  params: Params,
  gamma: number,
  run: Run,
): Promise<Machines> {
  const count = weights.length;
  const rowsOf = Array.from({ length: count }, (_, c) =>
    Array.from(classOf.keys()).filter((row) => classOf[row] === c),
  );
  const intercepts: number[] = [];
  let converged = true;
  const duals = new Float64Array(x.rows * (count - 1));
  for (let a = 0; a < count; a++)
    for (let b = a + 1; b < count; b++) {
      const rows = [...rowsOf[a]!, ...rowsOf[b]!];
      const signs = Int8Array.from(rows, (row) => (classOf[row] === b ? 1 : -1));
      const solution = await solveDual(
        {
          x: takeFeatures(x, rows),
          signs,
          linear: new Float64Array(rows.length).fill(-1),
          bounds: Float64Array.from(rows, (row) => params.C * weights[classOf[row]!]!),
          start: new Float64Array(rows.length),
        },
        params,
        gamma,
        run.pause,
      );
      for (const [i, row] of rows.entries())
        duals[row * (count - 1) + (classOf[row] === a ? b - 1 : a)] = signs[i]! * solution.alphas[i]!;
      intercepts.push(-solution.rho);
      converged &&= solution.converged;
      run.step();
    }
  const isSupport = (row: number): boolean =>
    duals.subarray(row * (count - 1), (row + 1) * (count - 1)).some((dual) => dual !== 0);
  const support = rowsOf.map((rows) => rows.filter(isSupport));
  const all = Int32Array.from(support.flat());
  const kept = new Float64Array(all.length * (count - 1));
  for (const [i, row] of all.entries())
    kept.set(duals.subarray(row * (count - 1), (row + 1) * (count - 1)), i * (count - 1));
  return {
    gamma,
    converged,
    vectors: supportOf(x, all),
    support: all,
    counts: Int32Array.from(support, (rows) => rows.length),
    duals: kept,
    intercepts: Float64Array.from(intercepts),
  };
}

/** Writes what each pair says of a row. */
function scorer({ vectors, counts, duals, intercepts, gamma }: Machines, params: Params) {
  const alike = similarities(vectors, params, gamma);
  const count = counts.length;
  const starts = new Int32Array(count + 1);
  for (let c = 0; c < count; c++) starts[c + 1] = starts[c]! + counts[c]!;
  return (x: Matrix, row: number, out: Float64Array): void => {
    const values = new Float64Array(vectors.rows);
    alike.write(x, row, values);
    let pair = 0;
    for (let a = 0; a < count; a++)
      for (let b = a + 1; b < count; b++) {
        let sum = intercepts[pair]!;
        for (let i = starts[a]!; i < starts[a + 1]!; i++) sum += duals[i * (count - 1) + b - 1]! * values[i]!;
        for (let i = starts[b]!; i < starts[b + 1]!; i++) sum += duals[i * (count - 1) + a]! * values[i]!;
        out[pair++] = sum;
      }
  };
}

/** The votes of the pairs for each class, and less than half a vote by how sure they are together. */
function voted(decisions: Float64Array, out: Float64Array): void {
  const count = out.length;
  const sure = new Float64Array(count);
  out.fill(0);
  let pair = 0;
  for (let a = 0; a < count; a++)
    for (let b = a + 1; b < count; b++) {
      const decision = decisions[pair++]!;
      out[decision > 0 ? b : a]!++;
      sure[a]! -= decision;
      sure[b]! += decision;
    }
  for (let c = 0; c < count; c++) out[c]! += sure[c]! / (3 * (Math.abs(sure[c]!) + 1));
}

/** Platt's slope and offset of each pair, by scores of machines that have not seen the row. */
async function calibrate(
  x: Matrix,
  classOf: Int32Array,
  weights: Float64Array,
  params: Params,
  gamma: number,
  numbers: ReturnType<typeof random>,
  run: Run,
): Promise<Float64Array> {
  const count = weights.length;
  const pairs = (count * (count - 1)) / 2;
  const foldOf = stratifiedFolds(classOf, count, params.folds, numbers, type);
  const scores = Array.from({ length: pairs }, () => [] as number[]);
  const second = Array.from({ length: pairs }, () => [] as boolean[]);
  const decisions = new Float64Array(pairs);
  for (let fold = 0; fold < params.folds; fold++) {
    const { held, kept } = splitFold(foldOf, fold);
    const own = Int32Array.from(kept, (row) => classOf[row]!);
    const score = scorer(await train(takeFeatures(x, kept), own, weights, params, gamma, run), params);
    for (const row of held) {
      await run.pause();
      score(x, row, decisions);
      let pair = 0;
      for (let a = 0; a < count; a++)
        for (let b = a + 1; b < count; b++, pair++) {
          if (classOf[row] !== a && classOf[row] !== b) continue;
          scores[pair]!.push(decisions[pair]!);
          second[pair]!.push(classOf[row] === b);
        }
    }
  }
  const out = new Float64Array(2 * pairs);
  for (let pair = 0; pair < pairs; pair++) {
    const { slope, offset } = sigmoid(Float64Array.from(scores[pair]!), (row) => second[pair]![row]!);
    out.set([slope, offset], 2 * pair);
  }
  return out;
}

/**
 * The chances of the classes that come nearest to those of the pairs.
 * Source: Wu, Lin & Weng, Probability Estimates for Multi-class Classification by Pairwise Coupling, 2004, algorithm 2.
 */
function joined(decisions: Float64Array, sigmoids: Float64Array, out: Float64Array): void {
  const count = out.length;
  const wins = new Float64Array(count * count);
  let pair = 0;
  for (let a = 0; a < count; a++)
    for (let b = a + 1; b < count; b++, pair++) {
      const chance = 1 / (1 + Math.exp(-(sigmoids[2 * pair]! * decisions[pair]! + sigmoids[2 * pair + 1]!)));
      wins[b * count + a] = Math.min(1 - 1e-7, Math.max(1e-7, chance));
      wins[a * count + b] = 1 - wins[b * count + a]!;
    }
  if (count === 2) {
    out.set([wins[1]!, wins[2]!]);
    return;
  }
  const q = new Float64Array(count * count);
  for (let a = 0; a < count; a++)
    for (let b = 0; b < count; b++) {
      if (a === b) continue;
      q[a * count + a]! += wins[b * count + a]! ** 2;
      q[a * count + b] = -wins[b * count + a]! * wins[a * count + b]!;
    }
  out.fill(1 / count);
  const products = new Float64Array(count);
  for (let pass = 0; pass < Math.max(100, count); pass++) {
    let total = 0;
    for (let a = 0; a < count; a++) {
      products[a] = 0;
      for (let b = 0; b < count; b++) products[a]! += q[a * count + b]! * out[b]!;
      total += out[a]! * products[a]!;
    }
    if (products.every((product) => Math.abs(product - total) < 0.005 / count)) return;
    for (let a = 0; a < count; a++) {
      const own = q[a * count + a]!;
      const move = (total - products[a]!) / own;
      out[a]! += move;
      total = (total + move * (move * own + 2 * products[a]!)) / (1 + move) ** 2;
      for (let b = 0; b < count; b++) {
        products[b] = (products[b]! + move * q[a * count + b]!) / (1 + move);
        out[b]! /= 1 + move;
      }
    }
  }
}
