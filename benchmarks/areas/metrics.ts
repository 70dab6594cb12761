import { readFileSync } from "node:fs";
import { accuracy, bootstrapInterval, type Interval, rocAuc, take } from "@mmub/metrics";
import { guessed, scored } from "../data.js";
import { type Comparison, type Row, race } from "../race.js";

const area: Comparison<number> = {
  name: "ROC AUC of 10 million scores",
  unit: "million scores/s",
  work: 10,
  data: scored,
  peer: "scikit-learn roc_auc_score",
  script: "roc_auc.py",
  prepare: async (path) => {
    const bytes = readFileSync(path);
    const count = bytes.length / 9;
    const scores = new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + 8 * count));
    const truth = [...bytes.subarray(8 * count)];
    return () => rocAuc(truth, scores);
  },
  agree: (value) => [value],
  tolerance: 1e-12,
};

const interval: Comparison<Interval> = {
  name: "bootstrap of accuracy: 1,000 resamples of 100,000 rows",
  unit: "resamples/s",
  work: 1000,
  data: guessed,
  peer: "SciPy bootstrap, vectorised, 10 resamples at a time",
  script: "bootstrap.py",
  prepare: async (path) => {
    const bytes = readFileSync(path);
    const [truth, predicted] = [[...bytes.subarray(0, bytes.length / 2)], [...bytes.subarray(bytes.length / 2)]];
    return () =>
      bootstrapInterval(truth.length, (rows) => accuracy(take(truth, rows), take(predicted, rows)), { seed: 7 });
  },
  // Resamples are drawn by other numbers: their quantiles differ by a tenth of their standard error of 0.0013.
  agree: ({ value, low, high }) => [value, low, high],
  tolerance: 5e-4,
};

export const comparisons = [area, interval];

export const measure = (only?: string): AsyncGenerator<Row> => race("metrics", comparisons, only);
