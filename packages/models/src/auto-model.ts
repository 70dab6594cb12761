import {
  type Classification,
  checkParam,
  checkSaved,
  checkTargets,
  disposeAll,
  type Features,
  type FittedModel,
  type Json,
  type Label,
  type Model,
  progress,
  type Regression,
  type RunOptions,
  type Saved,
  turn,
} from "@mmub/core";
import { gradientBoostingClassifier, gradientBoostingRegressor } from "./boosting.js";
import { extraTreesClassifier, extraTreesRegressor, randomForestClassifier, randomForestRegressor } from "./forest.js";
import { encodeLabels } from "./labels.js";
import { logisticRegression } from "./logistic-regression.js";
import {
  chancesOf,
  checkFolds,
  checkMembers,
  describedAll,
  type FoldFitOptions,
  foldsOf,
  keeping,
  loadedMembers,
  type Members,
  outOfFold,
  rowsOf,
  runOptions,
  savedMembers,
  toClassification,
} from "./members.js";
import { ridge } from "./ridge.js";
import { checkNumbers } from "./targets.js";
import { checkTreeRows } from "./trees/rows.js";
import { type ScoreName, scorers } from "./tune.js";

const type = "@mmub/models/auto-model";

interface CommonParams<T, Output, X> {
  /** No model starts later, and one at work is given up; the first always ends. @default 60_000 */
  readonly timeBudgetMs?: number;
  /** Folds that the rows are dealt to, of classes an equal share to each. @default 5 */
  readonly folds?: number;
  /** Columns whose numbers are codes of categories. @default [] */
  readonly categorical?: readonly number[];
  /** `"nan"`: a NaN is a missing value; `null`: it is refused. @default null */
  readonly missing?: "nan" | null;
  /**
   * The models to try, by name, in this order. @default three of boosted trees, a random forest, extra trees, and, where there are neither
   * categories nor missing values, a linear one
   */
  readonly models?: Members<T, Output, X>;
  /** Threads of each model; no part of what is saved. @default 1 */
  readonly threads?: number;
}

export interface AutoClassifierParams<L extends Label = Label, X = Features>
  extends CommonParams<L, Classification<L>, X> {
  readonly task: "classification";
  /** What the mix is chosen by: a name, or a function of your own, higher is better. @default "accuracy" */
  readonly score?: "accuracy" | "logLoss" | ((truth: readonly L[], output: Classification<L>) => number);
}

export interface AutoRegressorParams<X = Features> extends CommonParams<number, Regression, X> {
  readonly task: "regression";
  /** What the mix is chosen by: a name, or a function of your own, higher is better. @default "r2" */
  readonly score?: "r2" | "meanSquaredError" | ((truth: readonly number[], output: Regression) => number);
}

/** One model of the portfolio. */
export interface AutoMember {
  readonly name: string;
  /** On rows held out. */
  readonly score: number;
  /** Its part in the mix. */
  readonly weight: number;
  /** All folds together; absent once loaded from what was saved. */
  readonly durationMs?: number;
}

export interface AutoModel<T, Output, X = Features> extends Model<T, Output, X> {
  fit(x: X, targets: readonly T[], options?: FoldFitOptions): Promise<FittedAutoModel<Output, X>>;
  load(saved: Saved): Promise<FittedAutoModel<Output, X>>;
}

export interface FittedAutoModel<Output, X = Features> extends FittedModel<Output, X> {
  /** The best first. */
  readonly leaderboard: readonly AutoMember[];
  /** Of the mix on the rows held out, a little too good: the weights were chosen by it. */
  readonly score: number;
  /** Models of the portfolio that there was no time for. */
  readonly skipped: readonly string[];
}

/**
 * A good model for a table within a time: tries a portfolio, each model on every fold, and mixes those that are best together. What
 * predicts is the mean of the models of the folds, which are not fitted again.
 *
 * Input: Dense or Sparse, with `missing: "nan"` also with missing values. Output: labels and probabilities, or numbers. Rejects what a
 * member rejects. The same seed gives the same bytes where the time sufficed.
 * Cost: `timeBudgetMs`, more where the first model alone takes longer; it holds `folds` models of each that counts.
 * Source: Erickson et al., AutoGluon-Tabular, 2020 (bagged members, weighted ensemble); Caruana et al., Ensemble Selection from Libraries of
 * Models, 2004.
 *
 * @example
 * const visits = dense(8, 1, Float32Array.of(1, 0, 2, 1, 8, 3, 9, 5));
 * const did = ["leave", "leave", "leave", "leave", "buy", "buy", "buy", "buy"] as const;
 * const model = autoModel<"buy" | "leave">({ task: "classification", timeBudgetMs: 2000, folds: 2 });
 * const { leaderboard } = await model.fit(visits, did, { seed: 7 });
 */
export function autoModel<L extends Label = Label, X = Features>(
  params: AutoClassifierParams<L, X>,
): AutoModel<L, Classification<L>, X>;
export function autoModel<X = Features>(params: AutoRegressorParams<X>): AutoModel<number, Regression, X>;
export function autoModel(
  params: AutoClassifierParams<Label, never> | AutoRegressorParams<never>,
): AutoModel<never, never, never> {
  checkParam(
    type,
    "task",
    params?.task,
    params?.task === "classification" || params?.task === "regression",
    '"classification" or "regression"',
  );
  const made =
    params.task === "classification"
      ? recipeOf(params, classifiers, params.score ?? "accuracy", ["accuracy", "logLoss"], (targets, classes) => ({
          classOf: encodeLabels(targets, type).classOf,
          classes: classes ?? encodeLabels(targets, type).classes,
        }))
      : recipeOf(params, regressors, params.score ?? "r2", ["r2", "meanSquaredError"], (targets, classes) => {
          if (!classes) checkNumbers(targets, false, type);
          return {};
        });
  return made as unknown as AutoModel<never, never, never>;
}

/** What is known of the targets: the classes, and the class of each row. */
interface Known<T> {
  readonly classes?: readonly T[];
  readonly classOf?: Int32Array;
}

function recipeOf<T extends Label, Output extends Classification<T> | Regression, X>(
  params: CommonParams<T, Output, X> & { readonly task: string },
  portfolio: (params: Shared, hasHoles: boolean, isSmall: boolean) => Members<T, Output, Features>,
  score: ScoreName | ((truth: readonly T[], output: Output) => number),
  names: readonly ScoreName[],
  know: (targets: readonly T[], classes?: readonly T[]) => Known<T>,
): AutoModel<T, Output, X> {
  const { task, timeBudgetMs = 60_000, folds = 5, categorical = [], missing = null, models, threads = 1 } = params;
  checkParam(type, "timeBudgetMs", timeBudgetMs, timeBudgetMs > 0 && timeBudgetMs < 2 ** 31, "a positive number");
  checkFolds(type, folds);
  const scoreOk = typeof score === "function" || names.includes(score);
  checkParam(type, "score", score, scoreOk, `a function or one of ${names.join(", ")}`);
  checkParam(type, "missing", missing, missing === null || missing === "nan", '"nan" or null');
  checkParam(type, "threads", threads, Number.isInteger(threads) && threads > 0, "a whole number of at least 1");
  if (models) checkMembers(type, models);
  const shared: Shared = { categorical, missing, threads };
  const all = (hasHoles: boolean, isSmall: boolean) =>
    models ?? (portfolio(shared, hasHoles, isSmall) as unknown as Members<T, Output, X>);
  const recipe = {
    type,
    params: {
      ...{ task, timeBudgetMs, folds, categorical, missing },
      score: typeof score === "function" ? "custom" : score,
      models: describedAll(all(false, false)),
    } as Json,
  };

  /** The numbers of an output, which a mix is a mean of. */
  const numbersOf = (output: Output, known: Known<T>): ArrayLike<number> =>
    "values" in output ? output.values : chancesOf(output as Classification<T>, known.classes!, type);
  const outputOf = (numbers: Float64Array, known: Known<T>): Output =>
    (known.classes ? toClassification(Float32Array.from(numbers), known.classes) : { values: numbers }) as Output;

  interface State {
    readonly leaderboard: readonly AutoMember[];
    readonly score: number;
    readonly skipped: readonly string[];
    readonly isSmall: boolean;
    readonly known: Known<T>;
    /** By member that counts: its models, one a fold. */
    readonly bags: Readonly<Record<string, readonly FittedModel<Output, X>[]>>;
  }

  const fitted = ({ leaderboard, score, skipped, isSmall, known, bags }: State): FittedAutoModel<Output, X> => ({
    leaderboard,
    score,
    skipped,
    async predict(x: X, options?: RunOptions) {
      const width = known.classes?.length ?? 1;
      const sums = new Float64Array(rowsOf(x) * width);
      const counting = leaderboard.filter(({ weight }) => weight > 0);
      const report = progress(options, type, counting.length);
      for (const [at, { name, weight }] of counting.entries()) {
        for (const member of bags[name]!) {
          await turn(options?.signal);
          const numbers = numbersOf(await member.predict(x, runOptions(options)), known);
          for (let i = 0; i < sums.length; i++) sums[i]! += (weight / bags[name]!.length) * numbers[i]!;
        }
        report(at + 1);
      }
      return outputOf(sums, known);
    },
    async save() {
      // Times differ from run to run, and the same seed saves the same bytes.
      const board = leaderboard.map(({ durationMs: _, ...rest }) => rest);
      const state = {
        leaderboard: board,
        score,
        skipped,
        isSmall,
        classes: known.classes ?? null,
        folds: foldCount(bags),
      };
      const parts = Object.entries(bags).flatMap(([name, bag]) =>
        bag.map((one, fold) => [`${fold} ${name}`, one] as const),
      );
      return {
        ...recipe,
        version: 1,
        state: state as unknown as Json,
        parts: await savedMembers(Object.fromEntries(parts)),
      };
    },
    dispose: () => disposeAll(Object.values(bags).flat()),
  });

  return {
    ...recipe,
    async fit(x, targets, options) {
      await turn(options?.signal);
      const rows = rowsOf(x);
      const hasHoles = models === undefined && checkTreeRows(x as Features, missing, type);
      checkTargets(targets, rows, type);
      const known = know(targets);
      const parts = foldsOf(type, rows, known.classOf, folds, options);
      const isSmall = rows < fewRows;
      const candidates = all(hasHoles, isSmall);
      const order = Object.keys(candidates);
      const report = progress(options, type, order.length * parts.length);
      const held = [...new Set(parts.flatMap(({ test }) => Array.from(test)))].sort((a, b) => a - b);
      const truth = held.map((row) => targets[row]!);
      const width = known.classes?.length ?? 1;
      const scoreOf = (numbers: Float64Array): number => {
        const output = outputOf(numbers, known);
        return typeof score === "function" ? score(truth, output) : scorers[score](truth as never, output as never);
      };

      const tried: { name: string; numbers: Float64Array; score: number; durationMs: number }[] = [];
      const bags: Record<string, readonly FittedModel<Output, X>[]> = {};
      const made: FittedModel<Output, X>[] = [];
      const skipped: string[] = [];
      const deadline = new AbortController();
      const timer = setTimeout(() => deadline.abort(), timeBudgetMs);
      try {
        return await keeping(made, async () => {
          for (const [place, name] of order.entries()) {
            const isFirst = tried.length === 0;
            if (!isFirst && deadline.signal.aborted) {
              skipped.push(name);
              continue;
            }
            const started = performance.now();
            const sums = new Float64Array(rows * width);
            const counts = new Uint16Array(rows);
            const signals = [...(isFirst ? [] : [deadline.signal]), ...(options?.signal ? [options.signal] : [])];
            const own = { ...options, ...(signals.length > 0 && { signal: AbortSignal.any(signals) }) };
            try {
              const bag = await outOfFold(
                candidates[name]!,
                x,
                targets,
                parts,
                own,
                (output, test, _, fold) => {
                  const numbers = numbersOf(output, known);
                  for (let i = 0; i < test.length; i++) {
                    for (let c = 0; c < width; c++) sums[test[i]! * width + c]! += numbers[i * width + c]!;
                    counts[test[i]!]!++;
                  }
                  report(place * parts.length + fold + 1);
                  own.signal?.throwIfAborted();
                },
                true,
              );
              bags[name] = bag;
              made.push(...bag);
            } catch (error) {
              options?.signal?.throwIfAborted();
              if (isFirst || !deadline.signal.aborted) throw error;
              skipped.push(name);
              continue;
            }
            const numbers = new Float64Array(held.length * width);
            for (const [i, row] of held.entries())
              for (let c = 0; c < width; c++) numbers[i * width + c] = sums[row * width + c]! / counts[row]!;
            tried.push({ name, numbers, score: scoreOf(numbers), durationMs: performance.now() - started });
          }
          options?.signal?.throwIfAborted();
          const mix = mixed(
            tried.map(({ numbers }) => numbers),
            scoreOf,
          );
          for (const [at, { name }] of tried.entries())
            if (mix.weights[at] === 0) {
              await disposeAll(bags[name]!);
              delete bags[name];
            }
          const leaderboard = tried
            .map(({ numbers: _, ...rest }, at) => ({ ...rest, weight: mix.weights[at]! }))
            .sort((a, b) => b.score - a.score);
          return fitted({
            leaderboard,
            score: mix.score,
            skipped,
            isSmall,
            known: { ...(known.classes && { classes: known.classes }) },
            bags,
          });
        });
      } finally {
        clearTimeout(timer);
      }
    },
    async load(saved) {
      const { classes, folds, ...state } = checkSaved(saved, recipe, 1).state as unknown as Omit<
        State,
        "bags" | "known"
      > & {
        readonly classes: readonly T[] | null;
        readonly folds: number;
      };
      const counting = state.leaderboard.filter(({ weight }) => weight > 0).map(({ name }) => name);
      const recipes = counting.flatMap((name) =>
        Array.from({ length: folds }, (_, fold) => [`${fold} ${name}`, all(false, state.isSmall)[name]!] as const),
      );
      const parts = await loadedMembers(saved, Object.fromEntries(recipes));
      const bags = Object.fromEntries(
        counting.map((name) => [name, Array.from({ length: folds }, (_, fold) => parts[`${fold} ${name}`]!)]),
      );
      return fitted({ ...state, known: classes ? { classes } : {}, bags });
    },
  };
}

function foldCount(bags: Readonly<Record<string, readonly unknown[]>>): number {
  return Object.values(bags)[0]!.length;
}

/**
 * Weights by greedy selection with replacement: each step adds the member that makes the mean best, and the best step counts. Of equals the
 * first.
 */
function mixed(
  members: readonly Float64Array[],
  scoreOf: (numbers: Float64Array) => number,
): { readonly weights: readonly number[]; readonly score: number } {
  const steps = 25;
  const counts = members.map(() => 0);
  const sum = new Float64Array(members[0]!.length);
  let best = { weights: counts, score: Number.NEGATIVE_INFINITY };
  for (let step = 1; step <= steps; step++) {
    let [pick, most] = [0, Number.NEGATIVE_INFINITY];
    for (const [at, numbers] of members.entries()) {
      const score = scoreOf(sum.map((value, i) => (value + numbers[i]!) / step));
      if (score > most) [pick, most] = [at, score];
    }
    counts[pick]!++;
    for (let i = 0; i < sum.length; i++) sum[i]! += members[pick]![i]!;
    if (most > best.score) best = { weights: counts.map((count) => count / step), score: most };
  }
  return best;
}

interface Shared {
  readonly categorical: readonly number[];
  readonly missing: "nan" | null;
  readonly threads: number;
}

// Of fewer rows a tenth says nothing about when to stop: then a fixed number of rounds.
const fewRows = 500;
const stopping = { validation: 0.1, earlyStopping: { patience: 20 } } as const;
const short = { numIterations: 100, validation: null, earlyStopping: null } as const;
const boosted = {
  boosting: { numIterations: 500, learningRate: 0.05, ...stopping },
  "boosting, small trees": {
    ...{
      numIterations: 800,
      learningRate: 0.03,
      numLeaves: 8,
      featureFraction: 0.6,
      baggingFraction: 0.8,
      lambdaL2: 2,
    },
    ...stopping,
  },
  "boosting, large trees": {
    ...{ numIterations: 500, learningRate: 0.03, numLeaves: 96, featureFraction: 0.8, minDataInLeaf: 3 },
    ...stopping,
  },
} as const;

function classifiers(
  { categorical, missing, threads }: Shared,
  hasHoles: boolean,
  isSmall: boolean,
): Members<Label, Classification, Features> {
  const isPlain = categorical.length === 0 && !hasHoles;
  const [first, small, large] = Object.entries(boosted).map(
    ([name, own]) =>
      [name, gradientBoostingClassifier({ ...own, ...(isSmall && short), categorical, missing, threads })] as const,
  );
  const forest = { numTrees: 300, missing, threads } as const;
  return {
    ...Object.fromEntries([first!]),
    "random forest": randomForestClassifier(forest),
    "extra trees": extraTreesClassifier(forest),
    ...Object.fromEntries([small!, large!]),
    ...(isPlain && { linear: logisticRegression(isSmall ? {} : { C: [0.01, 0.1, 1, 10] }) }),
  };
}

function regressors(
  { categorical, missing, threads }: Shared,
  hasHoles: boolean,
  isSmall: boolean,
): Members<number, Regression, Features> {
  const isPlain = categorical.length === 0 && !hasHoles;
  const [first, small, large] = Object.entries(boosted).map(
    ([name, own]) =>
      [name, gradientBoostingRegressor({ ...own, ...(isSmall && short), categorical, missing, threads })] as const,
  );
  const forest = { numTrees: 300, missing, threads } as const;
  return {
    ...Object.fromEntries([first!]),
    "random forest": randomForestRegressor(forest),
    "extra trees": extraTreesRegressor(forest),
    ...Object.fromEntries([small!, large!]),
    ...(isPlain && { linear: ridge({ alpha: [0.01, 0.1, 1, 10, 100] }) }),
  };
}
