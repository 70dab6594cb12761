import { readFileSync } from "node:fs";
import type { Dense, Sparse } from "@mmub/core";
import { sentenceEncoder, tfidf } from "@mmub/text";
import { sentences, texts } from "../data.js";
import { type Comparison, race } from "../race.js";
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

const encodeSentences: Comparison<Dense> = {
  name: "MiniLM, 300 sentences of 35 tokens, sorted by length",
  unit: "sentences/s",
  work: 300,
  data() {
    weights("minilm");
    return sentences();
  },
  peer: "onnxruntime and tokenizers in Python",
  script: "sentence_encoder.py",
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
};

export const comparisons = [fitTransform, encodeSentences];
export const measure = () => race("text", comparisons);
