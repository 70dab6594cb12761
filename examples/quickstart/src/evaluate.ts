import type { Classification, FeatureSet, Label } from "@mmub/core";
import { concat } from "@mmub/fusion";
import { type Ablation, type AblationRow, accuracy, bootstrapIntervals, take } from "@mmub/metrics";
import { logisticRegression } from "@mmub/models";
import { type Field, modalities } from "./customer-model.js";

/** Features and answers of the customers to learn from and of those to predict. */
export interface Task<L extends Label> {
  readonly known: { readonly features: FeatureSet<Field>; readonly truth: readonly L[] };
  readonly asked: { readonly features: FeatureSet<Field>; readonly truth: readonly L[] };
  readonly seed: number;
}

/** Predictions of the customers asked by a model that was fitted on some modalities only. */
export async function predictFrom<L extends Label>(
  names: readonly (keyof typeof modalities)[],
  { known, asked, seed }: Task<L>,
): Promise<Classification<L>> {
  const fields = names.flatMap((name) => [...modalities[name]]);
  const pick = (features: FeatureSet<Field>) => Object.fromEntries(fields.map((field) => [field, features[field]]));
  const fuser = await concat().fit(pick(known.features), known.truth, { seed });
  const fused = await fuser.transform(pick(known.features));
  const model = await logisticRegression<L>({ C: [0.1, 1, 10] }).fit(fused, known.truth, { seed });
  return model.predict(await fuser.transform(pick(asked.features)));
}

/**
 * The accuracy of `all` modalities, of those that lack some, of each alone, and of the most frequent answer, on the same
 * resamples of customers.
 */
export function compare<L extends Label>(
  truth: readonly L[],
  all: readonly L[],
  fewer: readonly L[],
  alone: Readonly<Record<string, readonly L[]>>,
  mostFrequent: L,
): Ablation {
  const guesses = [all, fewer, ...Object.values(alone), truth.map(() => mostFrequent)];
  const intervals = bootstrapIntervals(
    truth.length,
    (rows) => {
      const right = guesses.map((guess) => accuracy(take(truth, rows), take(guess, rows)));
      return [...right, ...right.map((value) => value - right[0]!)];
    },
    { seed: 7 },
  );
  const row = (kind: AblationRow["kind"], at: number, modality?: string): AblationRow => ({
    kind,
    ...(modality !== undefined && { modality }),
    score: intervals[at]!,
    change: intervals[guesses.length + at]!,
  });
  const names = Object.keys(alone);
  return {
    score: "Accuracy",
    higherIsBetter: true,
    samples: truth.length,
    rows: [
      row("all", 0),
      row("without", 1, "30 % of them"),
      ...names.map((name, at) => row("only", at + 2, name)),
      row("none", names.length + 2),
    ],
  };
}
