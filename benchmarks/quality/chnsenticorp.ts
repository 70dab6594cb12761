import { readFileSync } from "node:fs";
import { join } from "node:path";
import { accuracy } from "@mmub/metrics";
import { cnn1d, type NetworkClassifierParams, networkClassifier, rnn } from "@mmub/models";
import { adam, cosine } from "@mmub/nn";
import type { Curve, QualitySet, Score } from "../quality.js";
import { bigramsOf, type Vocabulary, vocabularyOf, wordsOf } from "../tokens.js";

const others =
  "0.927 char 1-3-gram TF-IDF + LinearSVC, scikit-learn; pretrained: 0.947 BERT, 0.950 BERT-wwm, means of 10, ymcui/Chinese-BERT-wwm";

/** How a network sees a text, and how it is trained: chosen by the accuracy on the dev split. */
interface Method {
  readonly tokens: (text: string) => readonly string[];
  readonly minTexts: number;
  readonly model: (vocabulary: Vocabulary) => NetworkClassifierParams;
}

const common = {
  batchSize: 64,
  lazyRows: true,
  labelSmoothing: 0.1,
  optimizer: adam({ learningRate: 0.003 }),
  schedule: cosine(),
  // All epochs run, and the best of them by the dev split is kept.
  earlyStopping: { patience: 10, metric: "accuracy" },
} as const;

const methods: Readonly<Record<string, Method>> = {
  "text CNN": {
    tokens: (text) => [...wordsOf(text).slice(0, 175), "", ...bigramsOf(text).slice(0, 250)],
    minTexts: 3,
    model: ({ size }) => ({
      ...common,
      epochs: 6,
      network: cnn1d({ vocabulary: size, embedding: 100, filters: 128, kernels: [1, 2, 3], dropout: 0.6 }),
    }),
  },
  GRU: {
    tokens: (text) => wordsOf(text).slice(0, 150),
    minTexts: 2,
    model: ({ size }) => ({
      ...common,
      epochs: 8,
      network: rnn({
        vocabulary: size,
        embedding: 128,
        units: 96,
        bidirectional: true,
        pooling: "attention",
        dropout: 0.6,
        inputDropout: 0.6,
      }),
    }),
  },
};

export const set: QualitySet = {
  files: ["train.tsv", "dev.tsv", "test.tsv"],
  published: { "text CNN": others, GRU: others },
  async read(folder) {
    const [train, dev, test] = [readSplit(folder, "train"), readSplit(folder, "dev"), readSplit(folder, "test")];
    const seen = Object.entries(methods).map(([method, { tokens, minTexts, model }]) => {
      const known = train.texts.map(tokens);
      const vocabulary = vocabularyOf(known, minTexts);
      const encoded = ({ texts }: Split) => vocabulary.encode(texts.map(tokens));
      return {
        method,
        params: model(vocabulary),
        known: vocabulary.encode(known),
        judged: encoded(dev),
        asked: encoded(test),
      };
    });

    return async function* (seed): AsyncGenerator<Score | Curve> {
      for (const { method, params, known, judged, asked } of seen) {
        const validation = { x: judged, targets: dev.labels };
        const fitted = await networkClassifier<string>(params).fit(known, train.labels, { seed, validation });
        const best = fitted.history[fitted.bestEpoch! - 1]!;
        yield { method, history: fitted.history };
        yield { method, metric: "dev accuracy", value: best.validation!.metrics.accuracy! };
        const { labels } = await fitted.predict(asked);
        yield { method, metric: "accuracy", value: accuracy(test.labels, labels) };
        await fitted.dispose();
      }
    };
  },
};

interface Split {
  readonly labels: readonly string[];
  readonly texts: readonly string[];
}

/** Lines of a label, a tab and a text, after a line of names. */
function readSplit(folder: string, split: string): Split {
  const lines = readFileSync(join(folder, `${split}.tsv`), "utf8")
    .trim()
    .split(/\r?\n/)
    .slice(1);
  const cells = lines.map((line) => line.split("\t"));
  return { labels: cells.map(([label]) => label!), texts: cells.map(([, text]) => text!) };
}
