import { readFileSync } from "node:fs";
import { join } from "node:path";
import { stackFeatures } from "@mmub/core";
import { accuracy, stratifiedKFold } from "@mmub/metrics";
import { logisticRegression } from "@mmub/models";
import { sentenceEncoder, tfidf, word2vec, wordEmbedding } from "@mmub/text";
import { parseCsv } from "../files.js";
import { type Candidate, chosen, type Labelled, lookup, scores, svm, trials } from "../linear.js";
import type { QualitySet, Score } from "../quality.js";
import { cache } from "../venv.js";
import { weightsIfThere } from "../weights.js";

const ngrams = "word and character n-grams + linear SVM";
const both = "n-grams and MiniLM + linear SVM";
const words = tfidf({ tokenPattern: "(?u)\\b\\w+\\b", ngramRange: [1, 2], sublinearTf: true });
const characters = tfidf({ analyzer: "char_wb", ngramRange: [2, 5], sublinearTf: true, minDf: 2 });

export const set: QualitySet = {
  files: ["train.csv", "test.csv"],
  published: {
    [ngrams]: "0.912 the same columns + LinearSVC, scikit-learn, same split",
    [both]: "0.939 the same columns + LinearSVC, in Python, same split",
    "MiniLM + logistic regression": "0.930 the same in Python, same split",
    "mean of skip-gram vectors + logistic regression":
      "0.834 with gensim and scikit-learn, same split, 3 seeds, sd 0.003",
    "mean of CBOW vectors + logistic regression": "0.789 with gensim and scikit-learn, same split, 3 seeds, sd 0.002",
  },
  async read(folder) {
    const [train, test] = [readSplit(folder, "train"), readSplit(folder, "test")];

    // The model is frozen, so the vectors are the same for every seed.
    const files = weightsIfThere("minilm");
    const vectors = files && (await encoded(files, train, test));

    return async function* (seed): AsyncGenerator<Score> {
      // Trained on the texts of the training split alone. Settings and C are those of the Python figures.
      for (const [name, algorithm, epochs] of [
        ["skip-gram", "skipGram", 20],
        ["CBOW", "cbow", 50],
      ] as const) {
        const words = await wordEmbedding({ vectors: word2vec({ algorithm, epochs, minCount: 2 }) }).fit(train.texts, {
          seed,
        });
        const model = logisticRegression<string>({ C: 100 });
        const fitted = await model.fit(await words.transform(train.texts), train.labels, { seed });
        const { labels } = await fitted.predict(await words.transform(test.texts));
        const method = `mean of ${name} vectors + logistic regression`;
        yield { method, metric: "accuracy", value: accuracy(test.labels, labels) };
      }
      // Two of five: each takes half a minute.
      const folds = trials(train, stratifiedKFold(train.labels, { folds: 5, seed }).slice(0, 2));
      const judged = async (candidates: readonly Candidate[]) => {
        const [found] = await scores(await chosen(candidates, folds), train, test);
        return found!.accuracy;
      };
      const text = { views: { words, characters }, learner: svm, cs: [0.003, 0.01, 0.03, 0.1] };
      yield { method: ngrams, metric: "accuracy", value: await judged([text]) };

      if (vectors) {
        const model = logisticRegression<string>({ C: [3, 10, 30], scoring: "accuracy", folds: 3 });
        const { labels } = await (await model.fit(vectors[0], train.labels, { seed })).predict(vectors[1]);
        yield { method: "MiniLM + logistic regression", metric: "accuracy", value: accuracy(test.labels, labels) };

        const minilm = lookup([...train.texts, ...test.texts], stackFeatures(vectors));
        const views = { words, characters, minilm };
        const candidates = [1, 2, 4].flatMap((weight) => [
          { views, weights: { minilm: weight }, learner: svm, cs: [0.1] },
          { views, weights: { minilm: weight }, scale: "none" as const, learner: svm, cs: [0.5] },
        ]);
        yield { method: both, metric: "accuracy", value: await judged(candidates) };
      }
    };
  },
};

function readSplit(folder: string, split: string): Labelled {
  const rows = parseCsv(readFileSync(join(folder, `${split}.csv`), "utf8"));
  return { texts: rows.map(({ text }) => text!), labels: rows.map(({ category }) => category!) };
}

async function encoded(files: { "model.onnx": string; "tokenizer.json": string }, train: Labelled, test: Labelled) {
  const { "model.onnx": model, "tokenizer.json": tokenizer } = files;
  const fitted = await sentenceEncoder({ model, tokenizer, cache: join(cache, "embeddings") }).fit([]);
  const vectors = [await fitted.transform(train.texts), await fitted.transform(test.texts)] as const;
  await fitted.dispose?.();
  return vectors;
}
