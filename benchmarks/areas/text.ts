import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Dense, Sparse } from "@mmub/core";
import { sentenceEncoder, type TruncatedSvd, tfidf, truncatedSvd, type WordVectors, word2vec } from "@mmub/text";
import { sentences, texts, topicTexts } from "../data.js";
import { type Comparison, type Row, race } from "../race.js";
import { here, peerEnv, peerPython, peers } from "../venv.js";
import { weights } from "../weights.js";

const fitTransform: Comparison<Sparse> = {
  name: "TF-IDF, fit and transform, 50,000 texts of 100 words",
  unit: "texts/s",
  work: 50_000,
  data: texts,
  peer: "scikit-learn TfidfVectorizer",
  script: "tfidf.py",
  async prepare(path) {
    const inputs = readFileSync(path, "utf8").split("\n");
    return async () => (await tfidf().fit(inputs)).transform(inputs);
  },
  agree: ({ rows, cols, values }) => [rows, cols, values.length, values.reduce((sum, value) => sum + value, 0)],
  tolerance: 1e-6,
};

const encodeSentences = (name: string, script: string): Comparison<Dense> => ({
  name,
  unit: "sentences/s",
  work: 300,
  data() {
    weights("minilm");
    return sentences();
  },
  peer: "onnxruntime and tokenizers in Python",
  script,
  async prepare(path) {
    const { "model.onnx": model, "tokenizer.json": tokenizer } = weights("minilm");
    const inputs = readFileSync(path, "utf8").split("\n");
    const fitted = await sentenceEncoder({ model, tokenizer }).fit([]);
    return () => fitted.transform(inputs);
  },
  // Half the square of a row's length lies in half of its columns: a positive number of every row.
  agree: ({ rows, cols, data }) => [
    rows,
    cols,
    ...Array.from({ length: rows }, (_, row) =>
      data.subarray(row * cols, row * cols + cols / 2).reduce((sum, value) => sum + value ** 2, 0),
    ),
  ],
  tolerance: 1e-4,
});

const reduce: Comparison<TruncatedSvd> = {
  name: "Truncated SVD, TF-IDF of 20,000 texts of 100 words to 100 columns",
  unit: "texts/s",
  work: 20_000,
  data: texts,
  peer: "scikit-learn TruncatedSVD",
  script: "truncated_svd.py",
  async prepare(path) {
    const inputs = readFileSync(path, "utf8").split("\n").slice(0, 20_000);
    const matrix = await (await tfidf().fit(inputs)).transform(inputs);
    return () => truncatedSvd(matrix, { components: 100 });
  },
  // Both are random: beyond the first few the singular values lie close to each other, where neither is exact.
  agree: ({ loadings, singularValues }) => [
    loadings.cols,
    loadings.rows,
    ...singularValues.subarray(0, 3),
    singularValues.reduce((sum, value) => sum + value, 0),
  ],
  tolerance: 0.01,
};

const trainWordVectors = (algorithm: "skipGram" | "cbow", epochs: number, script: string): Comparison<WordVectors> => ({
  name: `word2vec, ${algorithm === "cbow" ? "CBOW" : "skip-gram"}, 1,000,000 words x ${epochs} epochs, 100 columns`,
  unit: "words/s",
  work: epochs * 1_000_000,
  data: topicTexts,
  peer: "gensim Word2Vec",
  script,
  async prepare(path) {
    const texts = readFileSync(path, "utf8").split("\n");
    const sentences = texts.map((text) => text.split(" "));
    return () => word2vec({ algorithm, epochs, sample: 0 }).fit(sentences, { seed: 1 });
  },
  // Equal quality: both put as many words of the same topic next to a word.
  agree: (vectors) => [vectors.words.length, topical(vectors)],
  tolerance: 0.03,
});

/** Of the 100 words nearest to a word of a topic, the share that are of the same topic: of every 20th such word. */
function topical(vectors: WordVectors): number {
  const topicOf = (word: string) => word.split("w")[0];
  const asked = vectors.words.filter((word) => word.startsWith("t")).filter((_, i) => i % 20 === 0);
  const right = asked.map(
    (word) => vectors.mostSimilar(word, { topN: 100 }).filter((near) => topicOf(near.word) === topicOf(word)).length,
  );
  return right.reduce((sum, count) => sum + count, 0) / (100 * asked.length);
}

export const comparisons = [
  fitTransform,
  encodeSentences("MiniLM, 300 sentences of 35 tokens, sorted by length", "sentence_encoder.py"),
  encodeSentences("MiniLM, the same, the peer told to leave out a slow fusion", "sentence_encoder_unfused.py"),
  reduce,
  trainWordVectors("skipGram", 3, "word2vec_skip_gram.py"),
  trainWordVectors("cbow", 10, "word2vec_cbow.py"),
];

// The stream is the file of 50,000 texts over and over.
const memories = [
  { name: "TF-IDF, fit and transform, 50,000 texts of 100 words: peak memory", times: 0 },
  { name: "TF-IDF, fit on a stream of 1,000,000 texts: peak memory", times: 20 },
];

function memory({ name, times }: (typeof memories)[number]): Row {
  const path = texts();
  const figures = (command: string, script: string): number[] => {
    const { status, stdout, stderr } = spawnSync(command, [script, path, `${times}`], {
      cwd: here,
      env: peerEnv(),
      encoding: "utf8",
    });
    if (status !== 0) throw new Error(`${script} failed: ${stderr}`);
    return stdout.trim().split(" ").map(Number);
  };
  const [ours, early] = figures(process.execPath, join(here, "ours", "tfidf-memory.mjs")) as [number, number];
  const [theirs] = figures(peerPython(), join(peers, "tfidf_memory.py")) as [number];
  const how = `peak RSS of a fresh process; ours after a tenth of the texts: ${early.toFixed(0)} MB`;
  const details = { peer: "scikit-learn TfidfVectorizer", measure: how, runs: { ours: [ours], peer: [theirs] } };
  return { name, ours, peer: theirs, unit: "MB", ratio: theirs / ours, threads: 1, details };
}

export async function* measure(only?: string): AsyncGenerator<Row> {
  yield* race("text", comparisons, only);
  for (const one of memories) if (one.name.includes(only ?? "")) yield memory(one);
}
