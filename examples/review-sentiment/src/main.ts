import { parseArgs } from "node:util";
import type { Classification } from "@mmub/core";
import { accuracy, bootstrapIntervals, f1, logLoss, recall, stratifiedSplit, take } from "@mmub/metrics";
import { cnn1d, logisticRegression, networkClassifier } from "@mmub/models";
import { glove, readWordVectors, tfidf, type WordVectors } from "@mmub/text";
import { type Mood, packagedReviews, type Review, readReviews } from "./reviews.js";
import { tokenizerFor, vocabularyOf } from "./words.js";

const { values: options } = parseArgs({
  options: {
    data: { type: "string" },
    vectors: { type: "string" },
    words: { type: "string", default: "400" },
    epochs: { type: "string", default: "20" },
    seed: { type: "string", default: "7" },
  },
});
const [seed, epochs, longest] = [Number(options.seed), Number(options.epochs), Number(options.words)];
if (!Number.isSafeInteger(seed)) stop(new Error(`--seed is ${options.seed}, want an integer`));
for (const [name, value] of Object.entries({ epochs, words: longest }))
  if (!(Number.isSafeInteger(value) && value > 0))
    stop(new Error(`--${name} is ${value}, want a whole number from 1 on`));

const reviews = options.data === undefined ? packagedReviews(seed) : await readReviews(options.data, seed).catch(stop);
const { test } = reviews;
const { learn, judge } = withDev(reviews.train, reviews.dev);
const truth = test.map(({ mood }) => mood);
console.log(`
Are they content? ${reviews.train.length.toLocaleString("en")} reviews to learn from, ${test.length.toLocaleString("en")} to predict.
`);

const tokenizer = await tokenizerFor(reviews.train.slice(0, 200).map(({ text }) => text));
const tokensOf = (list: readonly Review[]) => list.map(({ text }) => tokenizer.tokenize(text).slice(0, longest));
const [known, judged, asked] = [tokensOf(learn), tokensOf(judge), tokensOf(test)];

const cnn = await scored(trainCnn);
const linear = await scored(trainLinear);
compare();

/** Word vectors to begin with, then a network that sees which of them come within a few words of each other. */
async function trainCnn(): Promise<Classification<Mood>> {
  const vectors = await wordVectors();
  const vocabulary = vocabularyOf(known, vectors, seed);
  console.log(
    `${vocabulary.size - 1} words, ${vectors.words.length} of them with a vector of ${vectors.cols} numbers\n`,
  );
  const model = networkClassifier<Mood>({
    network: cnn1d({
      vocabulary: vocabulary.size,
      embedding: vectors.cols,
      filters: 100,
      kernels: [2, 3, 4],
      dropout: 0.5,
    }),
    epochs,
    batchSize: 50,
    lazyRows: true,
    // All epochs run, and the one is kept that does best on reviews which the training does not see.
    earlyStopping: { patience: epochs },
  });
  const fitted = await model.fit(
    vocabulary.encode(known),
    learn.map(({ mood }) => mood),
    {
      seed,
      weights: { "embedding/weight": vocabulary.table },
      validation: { x: vocabulary.encode(judged), targets: judge.map(({ mood }) => mood) },
    },
  );
  console.log("epoch   cross-entropy, and of reviews not seen   accuracy, and of reviews not seen");
  for (const { epoch, loss, metrics, validation } of fitted.history) {
    const numbers = [loss, validation!.loss].map((value) => value.toFixed(3).padStart(8)).join("");
    const shares = [metrics.accuracy!, validation!.metrics.accuracy!]
      .map((value) => percent(value).padStart(8))
      .join("");
    console.log(
      `${String(epoch).padStart(5)}${numbers}${" ".repeat(28)}${shares}${epoch === fitted.bestEpoch ? "  kept" : ""}`,
    );
  }
  console.log();
  const prediction = await fitted.predict(vocabulary.encode(asked));
  await fitted.dispose();
  return prediction;
}

/** Those of a file, for the words that are here; without one, vectors trained on the reviews to learn from. */
async function wordVectors(): Promise<WordVectors> {
  if (options.vectors === undefined) return glove({ vectorSize: 50, minCount: 2, xMax: 10 }).fit(known, { seed });
  // Words of the reviews to predict are looked up too: the whole file is there when a model is used.
  return readWordVectors(options.vectors, { words: new Set([...known, ...judged, ...asked].flat()) });
}

/** The usual rival: which words and pairs of words come at all, and how much each of them says. */
async function trainLinear(): Promise<Classification<Mood>> {
  const texts = reviews.train.map(({ text }) => text);
  const terms = await tfidf({ tokenizer, ngramRange: [1, 2], sublinearTf: true }).fit(texts);
  const fitted = await logisticRegression<Mood>({ C: [0.3, 1, 3, 10, 30, 100] }).fit(
    await terms.transform(texts),
    reviews.train.map(({ mood }) => mood),
    { seed },
  );
  return fitted.predict(await terms.transform(test.map(({ text }) => text)));
}

interface Scored {
  readonly prediction: Classification<Mood>;
  readonly seconds: number;
}

async function scored(predict: () => Promise<Classification<Mood>>): Promise<Scored> {
  const started = performance.now();
  return { prediction: await predict(), seconds: (performance.now() - started) / 1000 };
}

/** Both on the same reviews; the interval of the difference is of the same resamples, so it says which of them is better. */
function compare(): void {
  console.log("                              cross-entropy       accuracy (95 % interval)    recall      F1   seconds");
  line("GloVe + CNN", cnn);
  line("TF-IDF + logistic regression", linear);

  const [difference] = bootstrapIntervals(test.length, (rows) => {
    const labels = take(truth, rows);
    const right = ({ prediction }: Scored) => accuracy(labels, take(prediction.labels, rows));
    return [right(cnn) - right(linear)];
  });
  const { value, low, high } = difference!;
  const verdict = low > 0 ? "the network is better" : high < 0 ? "the linear model is better" : "that may be chance";
  console.log(
    `\nThe network less the linear model: ${points(value)} points (95 % interval ${points(low)} to ${points(high)}): ${verdict}.`,
  );
}

function line(name: string, { prediction, seconds }: Scored): void {
  const [right] = bootstrapIntervals(test.length, (rows) => [
    accuracy(take(truth, rows), take(prediction.labels, rows)),
  ]);
  const { value, low, high } = right!;
  const about = { positive: "positive" } as const;
  const cells = [
    logLoss(truth, prediction).toFixed(3).padStart(14),
    `${percent(value)} (${percent(low)} to ${percent(high)})`.padStart(31),
    percent(recall(truth, prediction.labels, about)).padStart(10),
    f1(truth, prediction.labels, about).toFixed(3).padStart(8),
    seconds.toFixed(1).padStart(10),
  ];
  console.log(name.padEnd(29) + cells.join(""));
}

/** A tenth of the reviews to learn from judges the epochs, where the data have no part for that. */
function withDev(train: readonly Review[], dev: readonly Review[] | undefined) {
  if (dev) return { learn: train, judge: dev };
  const moods = train.map(({ mood }) => mood);
  const parts = stratifiedSplit(moods, { testSize: 0.1, seed });
  return { learn: take(train, parts.train), judge: take(train, parts.test) };
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function points(share: number): string {
  return (100 * share).toFixed(1);
}

function stop(error: Error): never {
  console.error(error.message);
  process.exit(1);
}
