import type { Classification, FeatureSet, Label, Progress } from "@mmub/core";
import { concat } from "@mmub/fusion";
import { type Ablation, type AblationRow, accuracy, bootstrapIntervals, dropModalities, take } from "@mmub/metrics";
import {
  classifier,
  customerModel,
  type FittedCustomerModel,
  type Modality,
  modalities,
  modalityNames,
  sampleOf,
} from "./customer-model.js";
import { withProgress } from "./progress.js";
import type { Customer } from "./shop/read.js";

export interface Question<L extends Label> {
  /** The customers to learn from. */
  readonly known: readonly Customer[];
  /** The customers kept aside, to be predicted. */
  readonly asked: readonly Customer[];
  readonly answerOf: (customer: Customer) => L;
  readonly seed: number;
}

/** What was found about the customers kept aside. */
export interface Answer<L extends Label> {
  readonly fitted: FittedCustomerModel<L>;
  readonly truth: readonly L[];
  readonly prediction: Classification<L>;
  /** The prediction when 30 % of the modalities are taken away. */
  readonly fewer: Classification<L>;
  /** The predictions of models of one modality each. */
  readonly only: Readonly<Record<Modality, Classification<L>>>;
  /** The most frequent answer of the customers learned from. */
  readonly always: L;
  readonly ablation: Ablation;
  /** The loss of the model after each step of its training. */
  readonly history: readonly { readonly loss: number }[];
}

/** Fits the pipeline for one question, predicts the customers kept aside, and compares with less than all modalities. */
export async function answer<L extends Label>(
  question: string,
  { known, asked, answerOf, seed }: Question<L>,
): Promise<Answer<L>> {
  const [answers, truth] = [known.map(answerOf), asked.map(answerOf)];
  const history: { loss: number }[] = [];
  const fitted = await withProgress(`Learning ${question}`, (onProgress) =>
    customerModel<L>().fit(known.map(sampleOf), answers, {
      seed,
      onProgress(progress) {
        keepLoss(progress, history);
        onProgress(progress);
      },
    }),
  );
  const prediction = await withProgress(`Predicting ${question}`, (onProgress) =>
    fitted.predict(asked.map(sampleOf), { onProgress }),
  );
  const lacking = dropModalities(asked, { modalities: modalityNames, share: 0.3, seed });
  const fewer = await withProgress("  with 30 % missing", (onProgress) =>
    fitted.predict(lacking.map(sampleOf), { onProgress }),
  );

  const only = {} as Record<Modality, Classification<L>>;
  const without = {} as Record<Modality, Classification<L>>;
  await withProgress("  with some modalities", async (onProgress) => {
    // Features are the same for every comparison: extracted once, then joined and learned from in part.
    const features = {
      known: await fitted.transform(known.map(sampleOf)),
      asked: await fitted.transform(asked.map(sampleOf)),
    };
    for (const [at, name] of modalityNames.entries()) {
      only[name] = await predictFrom([name], { ...features, answers, seed });
      const others = modalityNames.filter((other) => other !== name);
      without[name] = await predictFrom(others, { ...features, answers, seed });
      onProgress({ part: name, done: at + 1, total: modalityNames.length });
    }
  });
  const always = mostFrequent(answers);
  const ablation = compare(truth, { all: prediction, without, only, always }, seed);
  return { fitted, truth, prediction, fewer, only, always, ablation, history };
}

// Cross-validation fits often. A loss that rises begins a new fit, and the last one is the model's.
function keepLoss({ part, metrics }: Progress, history: { loss: number }[]): void {
  if (part !== "fit model" || metrics?.loss === undefined) return;
  if (metrics.loss > (history.at(-1)?.loss ?? Number.POSITIVE_INFINITY)) history.length = 0;
  history.push({ loss: metrics.loss });
}

/** Features and answers of the customers to learn from, and features of those to predict. */
interface Task<L extends Label> {
  readonly known: FeatureSet;
  readonly answers: readonly L[];
  readonly asked: FeatureSet;
  readonly seed: number;
}

/** Predicts from some modalities only: joins their features and learns from them anew, as the pipeline does with all. */
async function predictFrom<L extends Label>(
  names: readonly Modality[],
  { known, answers, asked, seed }: Task<L>,
): Promise<Classification<L>> {
  const chosen = names.flatMap((name): readonly string[] => modalities[name]);
  const pick = (features: FeatureSet): FeatureSet =>
    Object.fromEntries(Object.entries(features).filter(([name]) => chosen.includes(name)));
  const fuser = await concat().fit(pick(known), answers, { seed });
  const model = await classifier<L>().fit(await fuser.transform(pick(known)), answers, { seed });
  return model.predict(await fuser.transform(pick(asked)));
}

interface Compared<L extends Label> {
  readonly all: Classification<L>;
  readonly without: Readonly<Record<Modality, Classification<L>>>;
  readonly only: Readonly<Record<Modality, Classification<L>>>;
  /** What is answered where nothing is known. */
  readonly always: L;
}

/** Accuracy with all modalities, without each, with each alone and with none, on the same resamples of customers. */
function compare<L extends Label>(
  truth: readonly L[],
  { all, without, only, always }: Compared<L>,
  seed: number,
): Ablation {
  const each = (kind: "without" | "only", by: Readonly<Record<string, Classification<L>>>) =>
    Object.entries(by).map(([modality, { labels }]) => ({ kind, modality, labels }));
  const rows: (Pick<AblationRow, "kind" | "modality"> & { readonly labels: readonly L[] })[] = [
    { kind: "all", labels: all.labels },
    ...each("without", without),
    ...each("only", only),
    { kind: "none", labels: truth.map(() => always) },
  ];
  const intervals = bootstrapIntervals(
    truth.length,
    (picked) => {
      const right = rows.map(({ labels }) => accuracy(take(truth, picked), take(labels, picked)));
      return [...right, ...right.map((value) => value - right[0]!)];
    },
    { seed },
  );
  return {
    score: "Accuracy",
    higherIsBetter: true,
    samples: truth.length,
    rows: rows.map(({ labels: _, ...row }, at) => ({
      ...row,
      score: intervals[at]!,
      change: intervals[rows.length + at]!,
    })),
  };
}

function mostFrequent<L extends Label>(labels: readonly L[]): L {
  const counts = new Map<L, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  return [...counts].reduce((best, each) => (each[1] > best[1] ? each : best))[0];
}
