// What models made of other models have in common: their members, rows of whatever these take, and folds.
import {
  type Classification,
  checkParam,
  type Dense,
  described,
  disposeAll,
  type FeatureSet,
  type Features,
  type FitOptions,
  type Fitted,
  type FittedModel,
  type Json,
  type Label,
  listed,
  MmubError,
  type Model,
  type Part,
  type Regression,
  type RunOptions,
  random,
  reasonOf,
  type Saved,
  savedPart,
  takeFeatures,
} from "@mmub/core";
import { splitFold, stratifiedFolds } from "./folds.js";

/** Which rows to learn from and which to judge by, such as a split of `@mmub/metrics`. */
export interface Fold {
  readonly train: ArrayLike<number>;
  readonly test: ArrayLike<number>;
}

export interface FoldFitOptions extends FitOptions {
  /** Folds of your own, such as `groupKFold` or `timeSeriesFolds` of `@mmub/metrics` give, in place of the param. */
  readonly folds?: readonly Fold[];
}

export type Members<T, Output, X> = Readonly<Record<string, Model<T, Output, X>>>;

/** The name of each member, in the order given. */
export function checkMembers(part: string, models: Members<never, unknown, never>): readonly string[] {
  const names = typeof models === "object" && models !== null ? Object.keys(models) : [];
  checkParam(part, "models", models, names.length > 0, "a record of at least one model");
  for (const name of names) checkModel(part, `models.${name}`, models[name]);
  return names;
}

export function checkModel(part: string, name: string, model: unknown): void {
  checkParam(part, name, model, typeof (model as Model<never, never> | undefined)?.fit === "function", "a model");
}

export function describedAll(models: Members<never, unknown, never>): Json {
  return Object.fromEntries(Object.entries(models).map(([name, model]) => [name, described(model)]));
}

/** What members are told of a fit: their progress would start anew with each. */
export function quiet({ signal, seed }: FitOptions = {}): FitOptions {
  return { ...(signal && { signal }), ...(seed !== undefined && { seed }) };
}

/** Frees what was made so far where a later step fails. */
export async function keeping<T>(made: readonly Fitted[], work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    await disposeAll(made);
    throw error;
  }
}

/** Saved members as the parts of what they are members of. */
export async function savedMembers(fitted: Readonly<Record<string, Fitted>>): Promise<Readonly<Record<string, Saved>>> {
  const parts: Record<string, Saved> = {};
  for (const [name, member] of Object.entries(fitted)) parts[name] = await member.save();
  return parts;
}

export async function loadedMembers<F extends Fitted>(
  saved: Saved,
  recipes: Readonly<Record<string, Part<F>>>,
): Promise<Record<string, F>> {
  const made: F[] = [];
  await keeping(made, async () => {
    for (const [name, recipe] of Object.entries(recipes)) made.push(await recipe.load(savedPart(saved, name)));
  });
  return Object.fromEntries(Object.keys(recipes).map((name, at) => [name, made[at]!]));
}

/** Features of one or of several modalities, or samples of a pipeline. */
type Rows = Features | FeatureSet | readonly unknown[];

const isFeatures = (x: Rows): x is Features => typeof (x as Features).layout === "string";

export function rowsOf(x: unknown): number {
  if (Array.isArray(x)) return x.length;
  if (isFeatures(x as Rows)) return (x as Features).rows;
  return Object.values(x as FeatureSet)[0]?.rows ?? 0;
}

/** The rows at `indices` of whatever a model takes. */
export function takeRows<X>(x: X, indices: ArrayLike<number>): X {
  const rows = x as Rows;
  if (Array.isArray(rows)) return Array.from(indices, (row) => rows[row]) as X;
  if (isFeatures(rows)) return takeFeatures(rows, indices) as X;
  return Object.fromEntries(
    Object.entries(rows as FeatureSet).map(([name, features]) => [name, takeFeatures(features, indices)]),
  ) as X;
}

/** The folds that were given, checked, or some that the seed deals: an equal share of each class in every one. */
export function foldsOf(
  part: string,
  rows: number,
  classOf: ArrayLike<number> | undefined,
  folds: number,
  options: FoldFitOptions | undefined,
): readonly Fold[] {
  const given = options?.folds;
  if (given !== undefined) {
    const ok =
      Array.isArray(given) && given.length > 0 && given.every(({ train, test }) => train?.length && test?.length);
    checkParam(part, "folds", given, ok, "at least one { train, test } with rows on both sides");
    for (const [index, fold] of given.entries())
      for (const row of [...Array.from(fold.train), ...Array.from(fold.test)])
        if (!(Number.isInteger(row) && row >= 0 && row < rows))
          throw new MmubError("invalid-input", {
            part,
            message: `fold ${index} has row ${row}, want rows below ${rows}`,
            index,
          });
    return given;
  }
  const classes = classOf ? Array.from(classOf).reduce((most, own) => Math.max(most, own), 0) + 1 : 1;
  const foldOf = stratifiedFolds(
    classOf ?? new Uint8Array(rows),
    classes,
    folds,
    random(options?.seed).fork("folds"),
    part,
  );
  return Array.from({ length: folds }, (_, fold) => {
    const { held, kept } = splitFold(foldOf, fold);
    return { train: kept, test: held };
  });
}

export function checkFolds(part: string, folds: number): void {
  checkParam(part, "folds", folds, Number.isInteger(folds) && folds >= 2, "an integer of at least 2");
}

/** The chances of `output` in the order of `classes`; a class that the model has not seen has none. */
export function chancesOf<L extends Label>(
  output: Classification<L>,
  classes: readonly L[],
  part: string,
): Float32Array {
  const { probabilities } = output;
  if (output.classes.length === classes.length && output.classes.every((label, c) => label === classes[c]))
    return probabilities.data;
  const places = output.classes.map((label) => classes.indexOf(label));
  if (places.includes(-1))
    throw new MmubError("invalid-input", {
      part,
      message: `a member knows the classes ${listed(output.classes.map(String))}, want some of ${listed(classes.map(String))}`,
    });
  const out = new Float32Array(probabilities.rows * classes.length);
  for (let row = 0; row < probabilities.rows; row++)
    for (const [c, place] of places.entries())
      out[row * classes.length + place] = probabilities.data[row * probabilities.cols + c]!;
  return out;
}

/** What each row is predicted as by a model that has not learned from it; rows in no test have none. */
export async function outOfFold<T, Output extends Classification | Regression, X>(
  model: Model<T, Output, X>,
  x: X,
  targets: readonly T[],
  folds: readonly Fold[],
  options: FitOptions | undefined,
  use: (output: Output, rows: ArrayLike<number>, fitted: FittedModel<Output, X>, fold: number) => void | Promise<void>,
  keep = false,
): Promise<readonly FittedModel<Output, X>[]> {
  const kept: FittedModel<Output, X>[] = [];
  await keeping(kept, async () => {
    for (const [fold, { train, test }] of folds.entries()) {
      const fitted = await inRows(train, () =>
        model.fit(
          takeRows(x, train),
          Array.from(train, (row) => targets[row]!),
          quiet(options),
        ),
      );
      kept.push(fitted);
      const output = await inRows(test, () => fitted.predict(takeRows(x, test), runOptions(options)));
      await use(output, test, fitted, fold);
    }
  });
  if (keep) return kept;
  await disposeAll(kept);
  return [];
}

/** Errors about one of `rows` name its place among all. */
async function inRows<T>(rows: ArrayLike<number>, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!MmubError.is(error) || error.index === undefined) throw error;
    const index = rows[error.index];
    if (index === undefined) throw error;
    throw new MmubError(error.code, {
      ...error.details,
      part: error.part,
      message: `of the rows of a fold, of which row ${error.index} is row ${index} of all: ${reasonOf(error)}`,
      index,
      cause: error,
    });
  }
}

export function runOptions({ signal, batchSize }: RunOptions = {}): RunOptions {
  return { ...(signal && { signal }), ...(batchSize !== undefined && { batchSize }) };
}

/** Labels and probabilities from sums of chances, row-major. */
export function toClassification<L extends Label>(data: Float32Array, classes: readonly L[]): Classification<L> {
  const cols = classes.length;
  const rows = data.length / cols;
  const labels: L[] = [];
  for (let row = 0; row < rows; row++) {
    let best = 0;
    for (let c = 1; c < cols; c++) if (data[row * cols + c]! > data[row * cols + best]!) best = c;
    labels.push(classes[best]!);
  }
  const probabilities: Dense = { layout: "dense", rows, cols, data };
  return { labels, classes, probabilities };
}
