import {
  type Classification,
  checkParam,
  checkSaved,
  checkTargets,
  type Dense,
  dense,
  described,
  disposeAll,
  type Features,
  type FittedModel,
  type Json,
  type Label,
  MmubError,
  type Model,
  progress,
  type Regression,
  type RunOptions,
  type Saved,
  toDense,
  turn,
} from "@mmub/core";
import { encodeLabels } from "./labels.js";
import { outputsOf } from "./linear.js";
import { logisticRegression } from "./logistic-regression.js";
import {
  chancesOf,
  checkFolds,
  checkMembers,
  checkModel,
  describedAll,
  type FoldFitOptions,
  foldsOf,
  keeping,
  loadedMembers,
  type Members,
  outOfFold,
  quiet,
  rowsOf,
  runOptions,
  savedMembers,
  takeRows,
} from "./members.js";
import { ridge } from "./ridge.js";
import { checkNumbers } from "./targets.js";

export interface StackingParams<T, Output, X = Features> {
  /** The members by name: recipes of any models, pipelines among them. */
  readonly models: Members<T, Output, X>;
  /**
   * The model that learns from the predictions of the members: one column for each number, class, or second of two classes.
   * @default logisticRegression(), or ridge({ alpha: [0.1, 1, 10] }) of a regressor
   */
  readonly final?: Model<T, Output>;
  /** Folds that the rows are dealt to, of classes an equal share to each. @default 5 */
  readonly folds?: number;
  /** Whether the final model sees the features too, behind the predictions. Wants Dense or Sparse. @default false */
  readonly passthrough?: boolean;
}

/** Learns from rows that no member has seen: `folds` of the options take the place of those of the params. */
export interface Stacking<T, Output, X = Features> extends Model<T, Output, X> {
  fit(x: X, targets: readonly T[], options?: FoldFitOptions): Promise<FittedStacking<Output, X>>;
  load(saved: Saved): Promise<FittedStacking<Output, X>>;
}

export interface FittedStacking<Output, X = Features> extends FittedModel<Output, X> {
  /** The fitted members by name, each on all rows. */
  readonly models: Readonly<Record<string, FittedModel<Output, X>>>;
  /** The fitted model behind them. */
  readonly final: FittedModel<Output>;
}

/**
 * A classifier that learns how far to trust others: their probabilities for rows that they have not learned from are the features of a
 * final model; the members are then fitted once more, on all rows.
 *
 * Input: what the members take: features, a feature set, or the samples of pipelines. Output: what the final model gives. Rejects what a
 * member rejects, targets that are not labels of one type, a single class, and folds that leave a row in no test.
 * Cost: `folds` + 1 fits of each member. Source: Wolpert, Stacked Generalization, 1992; scikit-learn's `StackingClassifier`.
 *
 * @example
 * const visits = dense(8, 1, Float32Array.of(1, 0, 2, 1, 8, 3, 9, 5));
 * const did = ["leave", "leave", "leave", "leave", "buy", "buy", "buy", "buy"] as const;
 * const model = stackingClassifier<"buy" | "leave">({
 *   models: { linear: logisticRegression(), trees: extraTreesClassifier({ numTrees: 20 }) },
 *   folds: 2,
 * });
 * const { labels } = await (await model.fit(visits, did, { seed: 7 })).predict(visits);
 */
export function stackingClassifier<L extends Label = Label, X = Features>(
  params: StackingParams<L, Classification<L>, X>,
): Stacking<L, Classification<L>, X> {
  const type = "@mmub/models/stacking-classifier";
  return recipeOf(type, { ...params, final: params.final ?? logisticRegression<L>() }, (targets) => {
    const { classes, classOf } = encodeLabels(targets, type);
    const width = outputsOf(classes.length);
    return {
      classOf,
      width,
      // Of two classes the chance of the second says all.
      write(output, at) {
        const chances = chancesOf(output, classes, type);
        for (let row = 0; row < output.labels.length; row++)
          for (let c = 0; c < width; c++) at(row, c, chances[row * classes.length + classes.length - width + c]!);
      },
    };
  });
}

/**
 * A regressor that learns how far to trust others: see `stackingClassifier`. Source: scikit-learn's `StackingRegressor`.
 *
 * @example
 * const visits = dense(8, 1, Float32Array.of(1, 0, 2, 1, 8, 3, 9, 5));
 * const model = stackingRegressor({ models: { linear: ridge(), trees: extraTreesRegressor({ numTrees: 20 }) }, folds: 2 });
 * const { values } = await (await model.fit(visits, [3, 2, 5, 3, 40, 15, 52, 30])).predict(visits);
 */
export function stackingRegressor<X = Features>(
  params: StackingParams<number, Regression, X>,
): Stacking<number, Regression, X> {
  const type = "@mmub/models/stacking-regressor";
  return recipeOf(type, { ...params, final: params.final ?? ridge({ alpha: [0.1, 1, 10] }) }, (targets) => {
    checkNumbers(targets, false, type);
    return {
      classOf: undefined,
      width: 1,
      write: (output, at) => {
        for (const [row, value] of output.values.entries()) at(row, 0, value);
      },
    };
  });
}

/** How outputs become columns. */
interface Columns<Output> {
  readonly classOf: ArrayLike<number> | undefined;
  readonly width: number;
  write(output: Output, at: (row: number, column: number, value: number) => void): void;
}

function recipeOf<T, Output extends Classification | Regression, X>(
  type: string,
  params: StackingParams<T, Output, X> & { readonly final: Model<T, Output> },
  columnsOf: (targets: readonly T[]) => Columns<Output>,
): Stacking<T, Output, X> {
  const { models, final, folds = 5, passthrough = false } = params;
  const names = checkMembers(type, models);
  for (const name of names) checkParam(type, `models.${name}`, name, name !== "final", 'a name other than "final"');
  checkModel(type, "final", final);
  checkFolds(type, folds);
  checkParam(type, "passthrough", passthrough, typeof passthrough === "boolean", "true or false");
  const recipe = {
    type,
    params: { models: describedAll(models), final: described(final), folds, passthrough } as Json,
  };

  /** The predictions of all members, and the features behind them where asked for. */
  const joined = (columns: Dense, x: X): Dense => {
    if (!passthrough) return columns;
    const layout = (x as Features).layout;
    if (layout !== "dense" && layout !== "sparse")
      throw new MmubError("invalid-input", { part: type, message: "passthrough wants Dense or Sparse features" });
    const own = toDense(x as Dense);
    const out = dense(columns.rows, columns.cols + own.cols);
    for (let row = 0; row < out.rows; row++) {
      out.data.set(columns.data.subarray(row * columns.cols, (row + 1) * columns.cols), row * out.cols);
      out.data.set(own.data.subarray(row * own.cols, (row + 1) * own.cols), row * out.cols + columns.cols);
    }
    return out;
  };

  const fitted = (
    members: Readonly<Record<string, FittedModel<Output, X>>>,
    last: FittedModel<Output>,
    labels: readonly T[],
  ): FittedStacking<Output, X> => {
    const columns = columnsOf(labels);
    return {
      models: members,
      final: last,
      async predict(x: X, options?: RunOptions) {
        const report = progress(options, type, names.length + 1);
        const told = dense(rowsOf(x), names.length * columns.width);
        for (const [member, name] of names.entries()) {
          await turn(options?.signal);
          const output = await members[name]!.predict(x, runOptions(options));
          columns.write(output, (row, column, value) => {
            told.data[row * told.cols + member * columns.width + column] = value;
          });
          report(member + 1);
        }
        const output = await last.predict(joined(told, x), runOptions(options));
        report(names.length + 1);
        return output;
      },
      save: async () => ({
        ...recipe,
        version: 1,
        state: { labels: labels as readonly Json[] },
        parts: { ...(await savedMembers(members)), final: await last.save() },
      }),
      dispose: () => disposeAll([...Object.values(members), last]),
    };
  };

  return {
    ...recipe,
    async fit(x, targets, options) {
      await turn(options?.signal);
      const rows = rowsOf(x);
      checkTargets(targets, rows, type);
      const columns = columnsOf(targets);
      const parts = foldsOf(type, rows, columns.classOf, folds, options);
      const report = progress(options, type, names.length * (parts.length + 1) + 1);
      let done = 0;
      const step = (): void => {
        report(++done);
        options?.signal?.throwIfAborted();
      };
      const told = dense(rows, names.length * columns.width);
      const isTold = new Uint8Array(rows);
      for (const [member, name] of names.entries())
        await outOfFold(models[name]!, x, targets, parts, options, (output, test) => {
          columns.write(output, (i, column, value) => {
            told.data[test[i]! * told.cols + member * columns.width + column] = value;
            isTold[test[i]!] = 1;
          });
          step();
        });
      const left = Array.from(isTold.keys()).filter((row) => isTold[row] === 0);
      if (options?.folds && left.length > 0)
        throw new MmubError("invalid-input", {
          part: type,
          message: `row ${left[0]} is in no test of the folds, want every row in one`,
          index: left[0]!,
        });
      const made: FittedModel<Output, X>[] = [];
      return keeping(made, async () => {
        const members: Record<string, FittedModel<Output, X>> = {};
        for (const name of names) {
          members[name] = await models[name]!.fit(x, targets, quiet(options));
          made.push(members[name]);
          step();
        }
        // The only row of a class is never held out, and the final model must know its class: it sees what the members say that know it.
        if (left.length > 0)
          for (const [member, name] of names.entries())
            columns.write(await members[name]!.predict(takeRows(x, left)), (i, column, value) => {
              told.data[left[i]! * told.cols + member * columns.width + column] = value;
            });
        const last = await final.fit(joined(told, x), targets, quiet(options));
        made.push(last as never);
        const labels = columns.classOf ? (encodeLabels(targets as readonly Label[], type).classes as readonly T[]) : [];
        const whole = fitted(members, last, labels);
        step();
        return whole;
      });
    },
    async load(saved) {
      const { labels } = checkSaved(saved, recipe, 1).state as unknown as { readonly labels: readonly T[] };
      const members = await loadedMembers(saved, models);
      const { final: last } = await keeping(Object.values(members), () => loadedMembers(saved, { final }));
      return fitted(members, last!, labels);
    },
  };
}
