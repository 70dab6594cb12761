// Texts seen in several ways side by side, for linear models: what the quality sets of texts share.
import { type Dense, type FeatureSet, type Features, type Sparse, takeFeatures } from "@mmub/core";
import { concat } from "@mmub/fusion";
import { accuracy, take } from "@mmub/metrics";
import { linearSvm, logisticRegression, naiveBayes } from "@mmub/models";

/** What makes features of texts: any extractor, or vectors that are there already. */
export interface View {
  fit(texts: readonly string[]): Promise<{ transform(texts: readonly string[]): Promise<Features> }>;
}
type Views = Readonly<Record<string, View>>;

/** What learns labels: labels alone are looked at. */
export type Learner = (C: number) => {
  fit(x: Features, labels: readonly string[]): Promise<{ predict(x: Features): Promise<Guesses> }>;
};
interface Guesses {
  readonly labels: readonly string[];
}

export const logistic: Learner = (C) => logisticRegression<string>({ C });
export const svm: Learner = (C) => linearSvm<string>({ C, calibration: "none" });

/**
 * Of two labels: the mean of the scores of two linear SVMs, one on the columns as they are and one on which columns a text has, each
 * weighted by the log ratio of how often naive Bayes expects it with either label; rows are as long as they were.
 * Source: Wang & Manning (2012), Baselines and Bigrams; the mean of both in place of weights between them and 1.
 */
export const svmAndNaiveBayes: Learner = (C) => ({
  async fit(features, labels) {
    const x = sparse(features);
    const { coefficients } = await naiveBayes<string>().fit(present(x), labels);
    const ratios = coefficients.subarray(0, x.cols).map((log, column) => coefficients[x.cols + column]! - log);
    const model = linearSvm<string>({ C, calibration: "none" });
    const plain = await model.fit(x, labels);
    const weighted = await model.fit(present(x, ratios), labels);
    return {
      async predict(features) {
        const asked = sparse(features);
        const { data: some } = await plain.decisionFunction(asked);
        const { data: others } = await weighted.decisionFunction(present(asked, ratios));
        return { labels: Array.from(some, (score, row) => plain.classes[score + others[row]! > 0 ? 1 : 0]!) };
      },
    };
  },
});

function sparse(features: Features): Sparse {
  if (features.layout === "sparse") return features;
  throw new Error(`features are ${features.layout}, want sparse`);
}

/** Which columns a row has, as ones; or as `weights`, each row then as long as it was. */
function present(x: Sparse, weights?: Float64Array): Sparse {
  if (!weights) return { ...x, values: new Float32Array(x.values.length).fill(1) };
  const values = Float32Array.from(x.columns, (column) => weights[column]!);
  for (let row = 0; row < x.rows; row++) {
    const [start, end] = [x.offsets[row]!, x.offsets[row + 1]!];
    const scale = Math.hypot(...x.values.subarray(start, end)) / (Math.hypot(...values.subarray(start, end)) || 1);
    for (let i = start; i < end; i++) values[i]! *= scale;
  }
  return { ...x, values };
}

/** Views whose columns are put side by side, and what learns from them. */
export interface Candidate {
  readonly views: Views;
  /** What a view counts beside the others; 1 if it is not named. */
  readonly weights?: Readonly<Record<string, number>>;
  /** As of `concat`. @default "block" */
  readonly scale?: "block" | "none";
  readonly learner: Learner;
  readonly cs: readonly number[];
}

export interface Labelled {
  readonly texts: readonly string[];
  readonly labels: readonly string[];
}

interface Judged {
  readonly C: number;
  readonly accuracy: number;
  readonly labels: readonly string[];
}

/** Vectors of texts that a frozen model has made, as a view. */
export function lookup(texts: readonly string[], vectors: Dense): View {
  const rowOf = new Map(texts.map((text, row) => [text, row]));
  const fitted = { transform: async (asked: readonly string[]) => takeFeatures(vectors, rowsOf(asked)) };
  const rowsOf = (asked: readonly string[]) => asked.map((text) => rowOf.get(text)!);
  return { fit: async () => fitted };
}

/** How right each C of `candidate` is on `judged`, with all that is learned being learned from `train`. */
export async function scores(candidate: Candidate, train: Labelled, judged: Labelled): Promise<Judged[]> {
  return judge(candidate, await see(candidate.views, train, judged), train, judged);
}

interface Seen {
  readonly known: FeatureSet;
  readonly asked: FeatureSet;
}

async function see(views: Views, train: Labelled, judged: Labelled): Promise<Seen> {
  const known: Record<string, Features> = {};
  const asked: Record<string, Features> = {};
  for (const [name, view] of Object.entries(views)) {
    const fitted = await view.fit(train.texts);
    known[name] = await fitted.transform(train.texts);
    asked[name] = await fitted.transform(judged.texts);
  }
  return { known, asked };
}

async function judge(
  { weights = {}, scale = "block", learner, cs }: Candidate,
  { known, asked }: Seen,
  train: Labelled,
  judged: Labelled,
): Promise<Judged[]> {
  const fuser = await concat({ weights, scale }).fit(known, train.labels);
  const [x, unseen] = [await fuser.transform(known), await fuser.transform(asked)];
  const found: Judged[] = [];
  for (const C of cs) {
    const model = await learner(C).fit(x, train.labels);
    const { labels } = await model.predict(unseen);
    found.push({ C, accuracy: accuracy(judged.labels, labels), labels });
  }
  return found;
}

/** Rows to learn from and others to be judged by. */
export interface Trial {
  readonly train: Labelled;
  readonly judged: Labelled;
}

/** Each of `folds` of the rows. */
export function trials(
  { texts, labels }: Labelled,
  folds: readonly { readonly train: Uint32Array; readonly test: Uint32Array }[],
): Trial[] {
  const some = (rows: Uint32Array): Labelled => ({ texts: take(texts, rows), labels: take(labels, rows) });
  return folds.map(({ train, test }) => ({ train: some(train), judged: some(test) }));
}

/** The candidate, with one C, that is right most often in the mean of all trials, and how often; of equals the first. */
export async function chosen(
  candidates: readonly Candidate[],
  trials: readonly Trial[],
): Promise<Candidate & { readonly accuracy: number }> {
  const sums = candidates.map(({ cs }) => cs.map(() => 0));
  for (const { train, judged } of trials) {
    // Candidates of the same views share their features.
    const seen = new Map<Views, Seen>();
    for (const [at, candidate] of candidates.entries()) {
      const features = seen.get(candidate.views) ?? (await see(candidate.views, train, judged));
      seen.set(candidate.views, features);
      const found = await judge(candidate, features, train, judged);
      for (const [c, { accuracy }] of found.entries()) sums[at]![c]! += accuracy;
    }
  }
  const most = Math.max(...sums.flat());
  const best = sums.findIndex((of) => of.includes(most));
  const candidate = candidates[best]!;
  return { ...candidate, cs: [candidate.cs[sums[best]!.indexOf(most)]!], accuracy: most / trials.length };
}
