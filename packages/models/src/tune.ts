import {
  type Classification,
  checkParam,
  checkSaved,
  checkTargets,
  type Features,
  type FittedModel,
  type Json,
  type Label,
  MmubError,
  type Model,
  progress,
  type Regression,
  random,
  type Saved,
  savedPart,
  turn,
} from "@mmub/core";
import { encodeLabels } from "./labels.js";
import { checkFolds, type Fold, type FoldFitOptions, foldsOf, outOfFold, quiet, rowsOf } from "./members.js";
import { checkNumbers } from "./targets.js";
import { fingerprint, openJournal } from "./tune/journal.js";
import { type Chosen, drawn, grid, proposed, type Space } from "./tune/space.js";

const type = "@mmub/models/tune";

/** Higher is better: losses are negative. */
export type ScoreName = "accuracy" | "logLoss" | "r2" | "meanSquaredError";

export interface TuneParams<S extends Space, T, Output, X = Features> {
  /** What may be chosen, by name: `choice`, `range` and `integer`. */
  readonly space: S;
  /** The model, or the whole pipeline, of chosen values. The same values must give the same params. */
  readonly make: (chosen: Chosen<S>) => Model<T, Output, X>;
  /**
   * What is compared on rows held out: `"accuracy"` and `"logLoss"` of classes, `"r2"` and `"meanSquaredError"` of numbers, losses with a
   * minus; or a function of your own, higher is better, such as of `rocAuc` of `@mmub/metrics`.
   */
  readonly score: ScoreName | ((truth: readonly T[], output: Output) => number);
  /**
   * `"grid"`: every combination; `"random"`; `"tpe"`: near what was good so far; `"halving"`: many on few rows, the best third of them on
   * three times as many, and so on. @default "tpe"
   */
  readonly strategy?: "grid" | "random" | "tpe" | "halving";
  /** How many combinations are tried at most; a grid tries all. @default 30 */
  readonly trials?: number;
  /** Folds that the rows are dealt to, of classes an equal share to each. @default 5 */
  readonly folds?: number;
  /** Of `"halving"`: the share that goes on is 1 / factor, on factor times as many rows. @default 3 */
  readonly factor?: number;
  /** No trial starts later than this after the first. @default null: no limit */
  readonly timeBudgetMs?: number | null;
}

export interface TuneFitOptions extends FoldFitOptions {
  /**
   * A file that each trial is written to as it ends. With the same search, seed and data the next `fit` goes on from it: a killed process
   * loses the trial that it was at.
   */
  readonly journal?: string;
}

export interface Trial<Params = Readonly<Record<string, Json>>> {
  /** Which one it was, from 0. */
  readonly trial: number;
  readonly params: Params;
  /** The mean over the folds; null where the trial failed. */
  readonly score: number | null;
  /** By fold. */
  readonly scores: readonly number[];
  /** The share of the training rows that it learned from: below 1 where halving has left it out. */
  readonly share: number;
  /** Why it failed. */
  readonly error?: string;
  /** All folds together; absent once loaded from what was saved. */
  readonly durationMs?: number;
  /** The most that the process grew by, in steps of 20 ms; absent once loaded. */
  readonly memoryBytes?: number;
}

export interface Tune<S extends Space, T, Output, X = Features> extends Model<T, Output, X> {
  fit(x: X, targets: readonly T[], options?: TuneFitOptions): Promise<FittedTune<S, Output, X>>;
  load(saved: Saved): Promise<FittedTune<S, Output, X>>;
}

export interface FittedTune<S extends Space, Output, X = Features> extends FittedModel<Output, X> {
  /** The params of the best trial. */
  readonly best: Chosen<S>;
  /** The best first, failed ones last. */
  readonly leaderboard: readonly Trial<Chosen<S>>[];
  /** The model of the best params, fitted on all rows. */
  readonly model: FittedModel<Output, X>;
}

/**
 * Chooses params of a model or of a whole pipeline by cross-validation, then fits the best on all rows: a model itself.
 *
 * Input: what the model takes: features, a feature set, or the samples of a pipeline. Output: what the model gives. The same seed tries
 * and finds the same. A trial that throws is on the leaderboard with its error; rejects with the first error where all fail.
 * Cost: `trials` * `folds` fits, one after the other: give the models `threads`.
 * Source: Bergstra et al. 2011 (TPE); Jamieson & Talwalkar 2016 (successive halving, as scikit-learn's `HalvingRandomSearchCV`).
 *
 * @example
 * const visits = dense(8, 1, Float32Array.of(1, 0, 2, 1, 8, 3, 9, 5));
 * const did = ["leave", "leave", "leave", "leave", "buy", "buy", "buy", "buy"] as const;
 * const search = tune({
 *   space: { maxDepth: integer(1, 4), criterion: choice(["gini", "entropy"]) },
 *   make: ({ maxDepth, criterion }) => decisionTreeClassifier<"buy" | "leave">({ maxDepth, criterion }),
 *   score: "accuracy",
 *   trials: 4,
 *   folds: 2,
 * });
 * const { best, leaderboard } = await search.fit(visits, did, { seed: 7 });
 */
export function tune<const S extends Space, T, Output extends Classification | Regression, X = Features>(
  params: TuneParams<S, T, Output, X>,
): Tune<S, T, Output, X> {
  const { space, make, score, strategy = "tpe", trials = 30, folds = 5, factor = 3, timeBudgetMs = null } = params;
  const names = Object.keys(space ?? {});
  checkParam(type, "space", space, names.length > 0, "a record of choice(), range() and integer()");
  for (const name of names)
    checkParam(
      type,
      `space.${name}`,
      space[name],
      typeof space[name]?.kind === "string",
      "choice(), range() or integer()",
    );
  checkParam(type, "make", make, typeof make === "function", "a function from chosen values to a model");
  const known = Object.keys(scorers);
  const scoreOk = typeof score === "function" || known.includes(score);
  checkParam(type, "score", score, scoreOk, `a function or one of ${known.join(", ")}`);
  const strategies = ["grid", "random", "tpe", "halving"];
  checkParam(type, "strategy", strategy, strategies.includes(strategy), `one of ${strategies.join(", ")}`);
  checkParam(type, "trials", trials, Number.isInteger(trials) && trials > 0, "a whole number of at least 1");
  checkFolds(type, folds);
  checkParam(type, "factor", factor, factor > 1 && factor < Infinity, "a number above 1");
  const budgetOk = timeBudgetMs === null || timeBudgetMs > 0;
  checkParam(type, "timeBudgetMs", timeBudgetMs, budgetOk, "a positive number or null");
  const all = strategy === "grid" ? grid(type, space) : undefined;
  const count = all?.length ?? trials;
  const recipe = {
    type,
    params: {
      ...{
        space,
        score: typeof score === "function" ? "custom" : score,
        strategy,
        trials,
        folds,
        factor,
        timeBudgetMs,
      },
    } as unknown as Json,
  };
  type Tried = Trial<Chosen<S>>;

  const fitted = (leaderboard: readonly Tried[], model: FittedModel<Output, X>): FittedTune<S, Output, X> => ({
    best: leaderboard[0]!.params,
    leaderboard,
    model,
    predict: (x, options) => model.predict(x, options),
    async save() {
      // Times differ from run to run, and the same seed saves the same bytes.
      const board = leaderboard.map(({ durationMs: _, memoryBytes: __, ...rest }) => rest);
      const state = JSON.parse(JSON.stringify({ leaderboard: board })) as Json;
      return { ...recipe, version: 1, state, parts: { model: await model.save() } };
    },
    dispose: () => model.dispose?.(),
  });

  return {
    ...recipe,
    async fit(x, targets, options) {
      await turn(options?.signal);
      const rows = rowsOf(x);
      checkTargets(targets, rows, type);
      const isClass =
        score === "accuracy" || score === "logLoss" || (typeof score === "function" && !isNumbers(targets));
      if (score === "r2" || score === "meanSquaredError") checkNumbers(targets as readonly number[], false, type);
      const classOf = isClass ? encodeLabels(targets as readonly Label[], type).classOf : undefined;
      const parts = foldsOf(type, rows, classOf, folds, options);
      const seed = options?.seed ?? 0;
      const seeds = random(seed);
      const journal =
        options?.journal === undefined
          ? undefined
          : await openJournal<Tried & { readonly rung: number }>(type, options.journal, [
              recipe.params,
              seed,
              fingerprint(rows, targets),
              options.folds
                ? fingerprint(
                    0,
                    parts.map(({ train, test }) => [...Array.from(train), -1, ...Array.from(test)]),
                  )
                : null,
            ]);
      try {
        const before = new Map(journal?.lines.map((line) => [`${line.rung} ${line.trial}`, line]));
        const rungs = strategy === "halving" ? Math.floor(Math.log(count) / Math.log(factor) + 1e-9) + 1 : 1;
        const total = Array.from({ length: rungs }, (_, rung) => Math.max(1, Math.floor(count / factor ** rung)));
        const report = progress(options, type, total.reduce((a, b) => a + b, 0) * parts.length);
        let done = 0;
        const started = performance.now();
        const isLate = (): boolean => timeBudgetMs !== null && performance.now() - started > timeBudgetMs;
        let firstError: unknown;
        let board: Tried[] = [];

        const attempt = async (trial: number, rung: number, chosen: Readonly<Record<string, Json>>): Promise<Tried> => {
          const old = before.get(`${rung} ${trial}`);
          if (old) {
            done += parts.length;
            report(done);
            const { rung: _, ...rest } = old;
            return rest;
          }
          const share = factor ** (rung + 1 - rungs);
          const scores: number[] = [];
          let error: string | undefined;
          const from = done;
          const measured = await measure(async () => {
            try {
              const used =
                share === 1
                  ? parts
                  : parts.map((part, fold) => fewer(part, share, classOf, seeds.fork(`rows ${fold}`)));
              await outOfFold(make(chosen as Chosen<S>), x, targets, used, options, (output, test) => {
                const truth = Array.from(test, (row) => targets[row]!);
                const value =
                  typeof score === "function" ? score(truth, output) : scorers[score](truth as never, output as never);
                if (!Number.isFinite(value))
                  throw new MmubError("invalid-input", {
                    part: type,
                    message: `the score is ${value}, want a finite number`,
                  });
                scores.push(value);
                report(++done);
                options?.signal?.throwIfAborted();
              });
            } catch (cause) {
              options?.signal?.throwIfAborted();
              firstError ??= cause;
              error = (cause as Error).message;
            }
          });
          done = from + parts.length;
          report(done);
          const mean = error === undefined ? scores.reduce((a, b) => a + b, 0) / scores.length : null;
          const tried: Tried = {
            ...{ trial, params: chosen as Chosen<S>, score: mean, scores, share, ...measured },
            ...(error !== undefined && { error }),
          };
          await journal?.add({ ...tried, rung });
          options?.signal?.throwIfAborted();
          return tried;
        };

        for (let trial = 0; trial < total[0]!; trial++) {
          if (trial > 0 && isLate()) break;
          const own = seeds.fork(`trial ${trial}`);
          const history = board.flatMap(({ params, score }) =>
            score === null ? [] : [{ params: params as Record<string, Json>, score }],
          );
          const chosen = all?.[trial] ?? (strategy === "tpe" ? proposed(space, history, own) : drawn(space, own));
          board.push(await attempt(trial, 0, chosen));
        }
        for (let rung = 1; rung < rungs; rung++) {
          board = ranked(board);
          for (let place = 0; place < total[rung]!; place++) {
            const { trial, params, score } = board[place]!;
            if (score !== null) board[place] = await attempt(trial, rung, params as Record<string, Json>);
          }
        }
        board = ranked(board);
        const [best] = board;
        if (best === undefined || best.score === null)
          throw (
            firstError ??
            new MmubError("invalid-input", {
              part: type,
              message: `every trial failed, the first with: ${board[0]?.error}`,
            })
          );
        options?.signal?.throwIfAborted();
        const model = await make(best.params).fit(x, targets, quiet(options));
        return fitted(board, model);
      } finally {
        await journal?.close();
      }
    },
    async load(saved) {
      const { leaderboard } = checkSaved(saved, recipe, 1).state as unknown as {
        readonly leaderboard: readonly Tried[];
      };
      return fitted(leaderboard, await make(leaderboard[0]!.params).load(savedPart(saved, "model")));
    },
  };
}

function isNumbers(targets: readonly unknown[]): boolean {
  return targets.every((target) => typeof target === "number");
}

/** More rows first, then the better score, then the earlier trial. */
function ranked<P>(board: readonly Trial<P>[]): Trial<P>[] {
  const of = ({ score }: Trial<P>): number => score ?? Number.NEGATIVE_INFINITY;
  return [...board].sort((a, b) => {
    if ((a.score === null) !== (b.score === null)) return a.score === null ? 1 : -1;
    return b.share - a.share || (of(a) === of(b) ? a.trial - b.trial : of(b) - of(a));
  });
}

/** A share of the training rows, of each class as much, and at least one. */
function fewer(
  { train, test }: Fold,
  share: number,
  classOf: Int32Array | undefined,
  numbers: ReturnType<typeof random>,
): Fold {
  const members = new Map<number, number[]>();
  for (const row of Array.from(train)) {
    const own = classOf?.[row] ?? 0;
    const rows = members.get(own);
    if (rows) rows.push(row);
    else members.set(own, [row]);
  }
  const kept = [...members.values()].flatMap((rows) =>
    numbers.shuffle(rows).slice(0, Math.max(1, Math.round(share * rows.length))),
  );
  return { train: kept.sort((a, b) => a - b), test };
}

async function measure(work: () => Promise<void>): Promise<Required<Pick<Trial, "durationMs" | "memoryBytes">>> {
  const [started, before] = [performance.now(), process.memoryUsage.rss()];
  let most = before;
  const look = (): void => {
    most = Math.max(most, process.memoryUsage.rss());
  };
  const timer = setInterval(look, 20);
  try {
    await work();
  } finally {
    clearInterval(timer);
    look();
  }
  return { durationMs: performance.now() - started, memoryBytes: most - before };
}

/** Higher is better. */
export const scorers: Readonly<Record<ScoreName, (truth: readonly never[], output: never) => number>> = {
  accuracy: (truth: readonly Label[], { labels }: Classification) =>
    truth.reduce<number>((right, label, row) => right + Number(label === labels[row]), 0) / truth.length,
  logLoss: (truth: readonly Label[], { classes, probabilities }: Classification) =>
    truth.reduce<number>((sum, label, row) => {
      const at = classes.indexOf(label);
      const chance = at < 0 ? 0 : probabilities.data[row * classes.length + at]!;
      return sum + Math.log(Math.min(1 - 1e-15, Math.max(1e-15, chance)));
    }, 0) / truth.length,
  r2: (truth: readonly number[], { values }: Regression) => {
    const mean = truth.reduce((a, b) => a + b, 0) / truth.length;
    const spread = truth.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    const error = truth.reduce((sum, value, row) => sum + (value - values[row]!) ** 2, 0);
    return spread === 0 ? (error === 0 ? 1 : 0) : 1 - error / spread;
  },
  meanSquaredError: (truth: readonly number[], { values }: Regression) =>
    -truth.reduce((sum, value, row) => sum + (value - values[row]!) ** 2, 0) / truth.length,
};
