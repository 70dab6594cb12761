import {
  type Classification,
  checkParam,
  checkSaved,
  checkTargets,
  disposeAll,
  type Features,
  type FitOptions,
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
import { argmax, encodeLabels } from "./labels.js";
import {
  chancesOf,
  checkMembers,
  describedAll,
  keeping,
  loadedMembers,
  type Members,
  quiet,
  rowsOf,
  runOptions,
  savedMembers,
  toClassification,
} from "./members.js";
import { checkNumbers } from "./targets.js";

export interface VotingRegressorParams<X = Features> {
  /** The members by name: recipes of any models, pipelines among them. */
  readonly models: Members<number, Regression, X>;
  /** How much each member counts, by name; 1 where it has none. @default {} */
  readonly weights?: Readonly<Record<string, number>>;
}

export interface VotingClassifierParams<L extends Label = Label, X = Features> {
  /** The members by name: recipes of any models, pipelines among them. */
  readonly models: Members<L, Classification<L>, X>;
  /** How much each member counts, by name; 1 where it has none. @default {} */
  readonly weights?: Readonly<Record<string, number>>;
  /** `"hard"`: each member has one vote, and the probabilities are shares of the votes; `"soft"`: the mean of their probabilities. @default "hard" */
  readonly voting?: "hard" | "soft";
}

export interface FittedVoting<Output, X = Features> extends FittedModel<Output, X> {
  /** The fitted members by name. */
  readonly models: Readonly<Record<string, FittedModel<Output, X>>>;
}

/** A model made of members that each fit on all rows. */
export interface Voting<T, Output, X = Features> extends Model<T, Output, X> {
  fit(x: X, targets: readonly T[], options?: FitOptions): Promise<FittedVoting<Output, X>>;
  load(saved: Saved): Promise<FittedVoting<Output, X>>;
}

/**
 * Several classifiers that vote. Members that err on different rows are better together than the best of them.
 *
 * Input: what the members take: features, a feature set, or the samples of pipelines. Output: a label and probabilities; of equal votes
 * the first class. Rejects what a member rejects, targets that are not labels of one type, and a single class.
 * Cost: that of the members, one after the other. Source: scikit-learn's `VotingClassifier`.
 *
 * @example
 * const visits = dense(4, 2, Float32Array.of(1, 0, 2, 1, 8, 3, 9, 5));
 * const model = votingClassifier({
 *   models: { linear: logisticRegression<"buy" | "leave">(), trees: randomForestClassifier<"buy" | "leave">({ numTrees: 20 }) },
 *   weights: { trees: 2 },
 *   voting: "soft",
 * });
 * const { labels } = await (await model.fit(visits, ["leave", "leave", "buy", "buy"])).predict(visits);
 */
export function votingClassifier<L extends Label = Label, X = Features>(
  params: VotingClassifierParams<L, X>,
): Voting<L, Classification<L>, X> {
  const type = "@mmub/models/voting-classifier";
  const { models, voting = "hard" } = params;
  checkParam(type, "voting", voting, voting === "hard" || voting === "soft", '"hard" or "soft"');
  return recipeOf(type, models, params.weights ?? {}, { voting }, (weights) => ({
    check: (targets) => void encodeLabels(targets, type),
    join(outputs) {
      const { classes } = outputs[0]!;
      const sums = new Float32Array(outputs[0]!.probabilities.data.length);
      const total = weights.reduce((a, b) => a + b, 0);
      const cols = classes.length;
      for (const [member, output] of outputs.entries()) {
        const chances = chancesOf(output, classes, type);
        const share = weights[member]! / total;
        if (voting === "soft") for (let i = 0; i < sums.length; i++) sums[i]! += share * chances[i]!;
        else for (let at = 0; at < sums.length; at += cols) sums[at + argmax(chances, at, cols)]! += share;
      }
      return toClassification(sums, classes);
    },
  }));
}

/**
 * The weighted mean of several regressors. Input, members and cost are those of `votingClassifier`. Source: scikit-learn's
 * `VotingRegressor`.
 *
 * @example
 * const visits = dense(4, 2, Float32Array.of(1, 0, 2, 1, 8, 3, 9, 5));
 * const model = votingRegressor({ models: { linear: ridge(), trees: extraTreesRegressor({ numTrees: 20 }) } });
 * const { values } = await (await model.fit(visits, [3, 5, 40, 52])).predict(visits);
 */
export function votingRegressor<X = Features>(params: VotingRegressorParams<X>): Voting<number, Regression, X> {
  const type = "@mmub/models/voting-regressor";
  return recipeOf(type, params.models, params.weights ?? {}, {}, (weights) => ({
    check: (targets) => checkNumbers(targets, false, type),
    join(outputs) {
      const total = weights.reduce((a, b) => a + b, 0);
      const values = new Float64Array(outputs[0]!.values.length);
      for (const [member, output] of outputs.entries())
        for (let row = 0; row < values.length; row++) values[row]! += (weights[member]! / total) * output.values[row]!;
      return { values };
    },
  }));
}

interface Vote<T, Output> {
  check(targets: readonly T[]): void;
  join(outputs: readonly Output[]): Output;
}

function recipeOf<T, Output, X>(
  type: string,
  models: Members<T, Output, X>,
  weights: Readonly<Record<string, number>>,
  own: Readonly<Record<string, Json>>,
  voteOf: (weights: readonly number[]) => Vote<T, Output>,
): Voting<T, Output, X> {
  const names = checkMembers(type, models);
  for (const [name, weight] of Object.entries(weights))
    checkParam(
      type,
      `weights.${name}`,
      weight,
      names.includes(name) && weight >= 0 && weight < Infinity,
      `a number of at least 0 for one of ${names.join(", ")}`,
    );
  const weightOf = names.map((name) => weights[name] ?? 1);
  checkParam(
    type,
    "weights",
    weights,
    weightOf.some((weight) => weight > 0),
    "one above 0",
  );
  const vote = voteOf(weightOf);
  const recipe = { type, params: { models: describedAll(models), weights, ...own } };

  const fitted = (members: Readonly<Record<string, FittedModel<Output, X>>>): FittedVoting<Output, X> => ({
    models: members,
    async predict(x: X, options?: RunOptions) {
      const report = progress(options, type, names.length);
      const outputs: Output[] = [];
      for (const name of names) {
        await turn(options?.signal);
        outputs.push(await members[name]!.predict(x, runOptions(options)));
        report(outputs.length);
      }
      return vote.join(outputs);
    },
    save: async () => ({ ...recipe, version: 1, state: null, parts: await savedMembers(members) }),
    dispose: () => disposeAll(Object.values(members)),
  });

  return {
    ...recipe,
    async fit(x, targets, options) {
      await turn(options?.signal);
      checkTargets(targets, rowsOf(x), type);
      vote.check(targets);
      const report = progress(options, type, names.length);
      const members: Record<string, FittedModel<Output, X>> = {};
      for (const name of names) {
        const made = Object.values(members);
        await keeping(made, async () => {
          members[name] = await models[name]!.fit(x, targets, quiet(options));
          report(made.length + 1);
          options?.signal?.throwIfAborted();
        });
      }
      return fitted(members);
    },
    load: async (saved) => fitted(await loadedMembers(checkSaved(saved, recipe, 1), models)),
  };
}
