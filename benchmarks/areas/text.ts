import { readFileSync } from "node:fs";
import type { Sparse } from "@mmub/core";
import { tfidf } from "@mmub/text";
import { texts } from "../data.js";
import { type Comparison, race } from "../race.js";

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

export const comparisons = [fitTransform];
export const measure = () => race("text", comparisons);
