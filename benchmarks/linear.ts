// Texts seen in several ways side by side, for linear models: what the quality sets of texts share.
import type { FeatureSet, Features } from "@mmub/core";
import { concat } from "@mmub/fusion";
import { accuracy, take } from "@mmub/metrics";
import { logisticRegression } from "@mmub/models";
import type { MergeableExtractor } from "@mmub/text";

/** Vectorizers of the same texts, whose columns are put side by side. */
export type Views = Readonly<Record<string, MergeableExtractor>>;

/** Features of `test` and of `train`, with all that is learned being learned from `train`. */
async function viewed(
  views: Views,
  train: readonly string[],
  test: readonly string[],
): Promise<{ known: Features; asked: Features }> {
  const known: FeatureSet = {};
  const asked: FeatureSet = {};
  for (const [name, view] of Object.entries(views)) {
    const fitted = await view.fit(train);
    Object.assign(known, { [name]: await fitted.transform(train) });
    Object.assign(asked, { [name]: await fitted.transform(test) });
  }
  const fuser = await concat().fit(known, train);
  return { known: await fuser.transform(known), asked: await fuser.transform(asked) };
}

export interface Labelled {
  readonly texts: readonly string[];
  readonly labels: readonly string[];
}

interface LinearChoice {
  readonly name: string;
  readonly views: Views;
  readonly C: number;
}

/** How right logistic regression is on `judged`, for each C on the same features. */
export async function scores(
  views: Views,
  cs: readonly number[],
  train: Labelled,
  judged: Labelled,
  tolerance = 1e-4,
): Promise<{ C: number; accuracy: number; labels: readonly string[] }[]> {
  const { known, asked } = await viewed(views, train.texts, judged.texts);
  const found: { C: number; accuracy: number; labels: readonly string[] }[] = [];
  for (const C of cs) {
    const model = await logisticRegression<string>({ C, tolerance }).fit(known, train.labels);
    const { labels } = await model.predict(asked);
    found.push({ C, accuracy: accuracy(judged.labels, labels), labels });
  }
  return found;
}

const some = ({ texts, labels }: Labelled, rows: Uint32Array): Labelled => ({
  texts: take(texts, rows),
  labels: take(labels, rows),
});

/** The views and the C that are right most often on `folds` of the rows; of equals the first. */
export async function chosen(
  candidates: Readonly<Record<string, Views>>,
  cs: readonly number[],
  rows: Labelled,
  folds: readonly { readonly train: Uint32Array; readonly test: Uint32Array }[],
  tolerance?: number,
): Promise<LinearChoice> {
  let [best, most] = [undefined as LinearChoice | undefined, -1];
  for (const [name, views] of Object.entries(candidates)) {
    const sums = new Map<number, number>();
    for (const { train, test } of folds)
      for (const { C, accuracy } of await scores(views, cs, some(rows, train), some(rows, test), tolerance))
        sums.set(C, (sums.get(C) ?? 0) + accuracy);
    for (const [C, sum] of sums) if (sum > most) [best, most] = [{ name, views, C }, sum];
  }
  return best!;
}
