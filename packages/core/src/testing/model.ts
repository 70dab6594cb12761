import type { Classification, Dense, Features, FittedModel, Label, Model, Regression } from "../contracts.js";
import { checkFeatures, sliceFeatures, takeFeatures } from "../features.js";
import {
  type Check,
  type CheckOptions,
  checkAbort,
  checkAborted,
  checkProgress,
  checks,
  close,
  fail,
  partChecks,
  rejects,
} from "./kit.js";
import { toSparse, toyData } from "./toy.js";

type Task = "classification" | "regression";

interface CommonOptions<X> extends CheckOptions {
  /** The layouts that the model takes. @default ["dense", "sparse"] */
  readonly layouts?: readonly ("dense" | "sparse")[];
  /** Wraps the toy features for a model that takes a FeatureSet, such as `(features) => ({ photo: features })`. */
  readonly wrap?: (features: Features) => X;
}

export type ModelChecksOptions<X = Features> =
  | (CommonOptions<X> & {
      readonly task: "classification";
      readonly make: () => Model<string, Classification<string>, X> | Model<Label, Classification, X>;
    })
  | (CommonOptions<X> & { readonly task: "regression"; readonly make: () => Model<number, Regression, X> });

/**
 * The rules that every model keeps, as a list of checks for any test runner. The toy data are two classes that a weak
 * model tells apart, or a number that is linear in the features.
 */
export function modelChecks<X = Features>(options: ModelChecksOptions<X>): readonly Check[] {
  const { task, layouts = ["dense", "sparse"] } = options;
  const wrap = options.wrap ?? ((features: Features) => features as X);
  const make = options.make as unknown as () => Model<unknown, Classification | Regression, X>;
  const data = toyData({ rows: 120, cols: 4, seed: 5 });
  const toLayout = (features: Dense): Features => (layouts[0] === "sparse" ? toSparse(features) : features);
  const targets = targetsOf(task, data);
  const rows = targets.length;
  const x = wrap(toLayout(data.features));
  const part = (from: number, to: number): X => wrap(toLayout(sliceFeatures(data.features, from, to)));
  const fit = () => make().fit(x, targets, { seed: 7 });

  return checks(
    {
      ...partChecks<Model<unknown, Classification | Regression, X>, FittedModel<Classification | Regression, X>>({
        make,
        fit: (recipe, options, half) =>
          half ? recipe.fit(part(0, rows / 2), targets.slice(0, rows / 2), options) : recipe.fit(x, targets, options),
        run: (fitted, options, half) => fitted.predict(half ? part(0, rows / 2) : x, options),
        data: [x, targets],
      }),

      "predictions have the right shape": async () => {
        const output = await (await fit()).predict(x);
        checkOutput(task, output, rows);
        if (task === "classification") checkClasses(output as Classification, targets);
      },

      "an empty batch has no predictions": async () => {
        checkOutput(task, await (await fit()).predict(part(0, 0)), 0);
      },

      "a prediction depends on its own row alone": async () => {
        const fitted = await fit();
        const whole = rowsOf(await fitted.predict(x));
        for (const row of [0, 1, rows - 1])
          if (!close(rowsOf(await fitted.predict(part(row, row + 1))), [whole[row]]))
            fail(`row ${row} alone is predicted otherwise than among others`);
      },

      "dense and sparse features give the same": async () => {
        if (layouts.length < 2) return;
        const [one, other] = [wrap(data.features), wrap(toSparse(data.features))];
        const want = rowsOf(await (await make().fit(one, targets, { seed: 7 })).predict(one));
        const got = rowsOf(await (await make().fit(other, targets, { seed: 7 })).predict(other));
        const most = Math.max(...got.flat().map((value, at) => Math.abs(value - want.flat()[at]!)));
        if (!(most <= 1e-3)) fail(`the same features as Sparse are predicted otherwise, by up to ${most}`);
      },

      "it learns": async () => {
        // Every third row is kept out of the fit and predicted.
        const [inside, outside] = [[] as number[], [] as number[]];
        for (let row = 0; row < rows; row++) (row % 3 === 2 ? outside : inside).push(row);
        const take = (indices: number[]): X => wrap(toLayout(takeFeatures(data.features, indices)));
        const fitted = await make().fit(
          take(inside),
          inside.map((row) => targets[row]),
          { seed: 7 },
        );
        checkSkill(
          task,
          await fitted.predict(take(outside)),
          outside.map((row) => targets[row]),
        );
      },

      "abort rejects with the signal's reason": async () => {
        await checkAbort((options) => make().fit(x, targets, options), "fit");
        const fitted = await fit();
        await checkAborted((options) => fitted.predict(x, options), "predict");
      },

      "progress never goes back": async () => {
        await checkProgress((options) => make().fit(x, targets, options), "some");
      },

      "a value that is not finite names its row": async () => {
        const { features } = data;
        const values = features.data.slice();
        values[4 * features.cols] = Number.NaN;
        const bad = wrap(toLayout({ ...features, data: values }));
        await rejects(make().fit(bad, targets), "fit on NaN in row 4", "invalid-input", 4);
        await rejects((await fit()).predict(bad), "predict on NaN in row 4", "invalid-input", 4);
        if (task === "regression") {
          const numbers = targets.map((value, row) => (row === 3 ? Number.NaN : value));
          await rejects(make().fit(x, numbers), "fit on a target that is NaN", "invalid-input", 3);
        }
      },

      "features of another width are refused": async () => {
        const narrow = toyData({ rows: 5, cols: 3, seed: 5 }).features;
        await rejects((await fit()).predict(wrap(toLayout(narrow))), "3 columns after a fit on 4", "shape-mismatch");
      },

      "targets that do not fit are refused": async () => {
        await rejects(make().fit(x, targets.slice(1)), "a target too few", "invalid-input");
        await rejects(make().fit(part(0, 0), []), "an empty data set", "invalid-input");
        if (task === "classification")
          await rejects(
            make().fit(
              x,
              targets.map(() => "a"),
            ),
            "one class only",
            "invalid-input",
          );
      },
    },
    options,
  );
}

function targetsOf(task: Task, data: ReturnType<typeof toyData>): readonly unknown[] {
  return task === "classification" ? data.labels : data.values;
}

function checkOutput(task: Task, output: Classification | Regression, rows: number): void {
  if (task === "regression") {
    const { values } = output as Regression;
    if (!(values instanceof Float64Array) || values.length !== rows) fail(`values are not a Float64Array of ${rows}`);
    if (!values.every(Number.isFinite)) fail("a predicted value is not finite");
    return;
  }
  const { labels, classes, probabilities } = output as Classification;
  if (labels.length !== rows) fail(`${labels.length} labels for ${rows} rows`);
  checkFeatures(probabilities, "the probabilities");
  if (probabilities.rows !== rows || probabilities.cols !== classes.length)
    fail(`probabilities are ${probabilities.rows} x ${probabilities.cols}, want ${rows} x ${classes.length}`);
}

function checkClasses({ labels, classes, probabilities }: Classification, targets: readonly unknown[]): void {
  if (new Set(classes).size !== classes.length) fail("a class comes twice");
  for (const target of targets) if (!classes.includes(target as Label)) fail(`no class ${String(target)}`);
  for (const [row, label] of labels.entries()) {
    const chances = probabilities.data.subarray(row * classes.length, (row + 1) * classes.length);
    const total = chances.reduce((sum, chance) => sum + chance, 0);
    if (Math.abs(total - 1) > 1e-5 || chances.some((chance) => chance < 0))
      fail(`probabilities of row ${row} sum to ${total}`);
    if (chances[classes.indexOf(label)] !== Math.max(...chances))
      fail(`label of row ${row} is not its likeliest class`);
  }
}

function rowsOf(output: Classification | Regression): number[][] {
  if ("values" in output) return Array.from(output.values, (value) => [value]);
  const { data, cols, rows } = output.probabilities;
  return Array.from({ length: rows }, (_, row) => Array.from(data.subarray(row * cols, (row + 1) * cols)));
}

function checkSkill(task: Task, output: Classification | Regression, truth: readonly unknown[]): void {
  if (task === "classification") {
    const { labels } = output as Classification;
    const right = labels.filter((label, row) => label === truth[row]).length / truth.length;
    const counts = new Map<unknown, number>();
    for (const label of truth) counts.set(label, (counts.get(label) ?? 0) + 1);
    const majority = Math.max(...counts.values()) / truth.length;
    if (!(right > majority + 0.1)) fail(`it is right on ${right} of new rows, the most frequent class on ${majority}`);
    return;
  }
  const numbers = truth as readonly number[];
  const mean = numbers.reduce((a, b) => a + b, 0) / numbers.length;
  const { values } = output as Regression;
  const error = numbers.reduce((total, value, row) => total + (value - values[row]!) ** 2, 0);
  const spread = numbers.reduce((total, value) => total + (value - mean) ** 2, 0);
  if (!(error < 0.5 * spread)) fail(`its squared error on new rows is ${error}, that of the mean ${spread}`);
}
