// Parts of different params at work at the same time, on streams whose batches come in turns, give what each gives alone.
import { fileURLToPath } from "node:url";
import { type Extractor, type Features, random } from "@mmub/core";
import { describe, expect, test } from "vitest";
import { countVectors } from "./count-vectors.js";
import { glove } from "./glove.js";
import { hashingVectors } from "./hashing-vectors.js";
import { lexiconSentiment } from "./lexicon-sentiment.js";
import { lsa } from "./lsa.js";
import { redacted } from "./redact.js";
import { sentenceEncoder } from "./sentence-encoder.js";
import { stemmed } from "./stemmed.js";
import { textStyle } from "./text-style.js";
import { tfidf } from "./tfidf.js";
import { wordTokenizer } from "./tokenizer.js";
import { wordEmbedding } from "./word-embedding.js";
import { word2vec } from "./word2vec.js";

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/sentence-encoder/${name}`, import.meta.url));
const files = { model: fixture("model.onnx"), tokenizer: fixture("tokenizer.json") };

const draws = random(11);
const words = [
  "good",
  "Bad",
  "prices",
  "très",
  "价格",
  "很好",
  "slow",
  "parcel's",
  "😀",
  "sam@shop.example",
  "NOT",
  "1,250",
];
const texts = Array.from({ length: 90 }, () =>
  Array.from({ length: 1 + draws.integer(14) }, () => words[draws.integer(words.length)]!).join(" "),
);
const stream = {
  async *[Symbol.asyncIterator]() {
    for (let at = 0; at < texts.length; at += 7) {
      await new Promise((resolve) => setImmediate(resolve));
      yield texts.slice(at, at + 7);
    }
  },
};

const recipes: Readonly<Record<string, () => Promise<Extractor<string>>>> = {
  "tfidf of words": async () => tfidf({ ngramRange: [1, 2], sublinearTf: true }),
  "tfidf of characters": async () => tfidf({ analyzer: "char_wb", ngramRange: [2, 4], norm: "l1", lowercase: false }),
  "countVectors without accents": async () => countVectors({ stripAccents: "unicode", binary: true }),
  "countVectors of emoji": async () => countVectors({ normalize: { emoji: "name", urls: "<url>" } }),
  "hashingVectors of 64": async () => hashingVectors({ nFeatures: 64 }),
  "hashingVectors of 1024": async () => hashingVectors({ nFeatures: 1024, alternateSign: false }),
  "lsa of 2": async () => lsa({ components: 2, iterations: 3 }),
  "lsa of 5": async () => lsa({ components: 5, norm: "l2", vectors: tfidf({ analyzer: "char" }) }),
  "English sentiment": async () => lexiconSentiment(),
  "Chinese sentiment": async () => lexiconSentiment({ language: "zh" }),
  "English stems": async () => tfidf({ tokenizer: await stemmed(wordTokenizer(), { language: "en" }) }),
  "French stems": async () => tfidf({ tokenizer: await stemmed(wordTokenizer(), { language: "fr" }) }),
  redacted: async () => redacted(tfidf()),
  textStyle: async () => textStyle(),
  "sentence encoder, mean": async () => sentenceEncoder(files),
  "sentence encoder, first token, short": async () => sentenceEncoder({ ...files, pooling: "cls", maxLength: 6 }),
  "mean of word2vec": async () =>
    wordEmbedding({ vectors: word2vec({ vectorSize: 6, minCount: 1, epochs: 2 }), pooling: "mean" }),
  "SIF of skip-gram": async () =>
    wordEmbedding({
      vectors: word2vec({ algorithm: "skipGram", vectorSize: 9, minCount: 2, epochs: 2 }),
      pooling: "sif",
    }),
  "sequence of GloVe": async () =>
    wordEmbedding({ vectors: glove({ vectorSize: 5, minCount: 1, epochs: 3 }), pooling: "sequence" }),
};

async function outputOf(make: () => Promise<Extractor<string>>): Promise<Features> {
  const fitted = await (await make()).fit(stream, { seed: 3 });
  const features = await fitted.transform(texts, { batchSize: 5 });
  await fitted.dispose?.();
  return features;
}

describe("all at the same time", async () => {
  const makes = Object.entries(recipes);
  const together = await Promise.all(makes.map(([, make]) => outputOf(make)));
  for (const [at, [name, make]] of makes.entries())
    test(name, async () => {
      const alone = await outputOf(make);
      expect(together[at]).toEqual(alone);
      expect(alone.rows).toBe(texts.length);
    });
});

test("two fitted parts of one recipe do not see each other's texts", async () => {
  const recipe = tfidf();
  const halves = [texts.slice(0, 40), texts.slice(40)];
  const fitted = await Promise.all(halves.map((half) => recipe.fit(half)));
  const [a, b] = await Promise.all(fitted.map((one, i) => one.transform(halves[i]!)));
  expect(a).toEqual(await (await tfidf().fit(halves[0]!)).transform(halves[0]!));
  expect(b).toEqual(await (await tfidf().fit(halves[1]!)).transform(halves[1]!));
});
