import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseCsv } from "../files.js";
import type { QualitySet, Score } from "../quality.js";
import { autoScores, chosenScores, type Params, readTable } from "../tabular.js";

const method = "gradient boosting";

/** Large trees: many customers are there twice. */
const candidates: readonly Params[] = [
  { numIterations: 400, minDataInLeaf: 5 },
  {
    numIterations: 400,
    numLeaves: 63,
    minDataInLeaf: 3,
    featureFraction: 0.5,
    baggingFraction: 0.8,
    minDataPerGroup: 5,
  },
  { numIterations: 600, numLeaves: 63, minDataInLeaf: 2, featureFraction: 0.4, lambdaL2: 1, minDataPerGroup: 5 },
];

/** Whether a customer leaves: params by the accuracy on folds of the training rows, and five models that differ by their seed. */
export const set: QualitySet = {
  files: ["ecommerce_churn.csv"],
  published: { [method]: "0.96 random forest, random 80/20 splits" },
  async read(folder) {
    const rows = parseCsv(readFileSync(join(folder, "ecommerce_churn.csv"), "utf8"));
    const table = readTable(rows, { target: "Churn", leaveOut: ["split", "CustomerID"], codes: [] });
    const of = (split: string) => [...rows.keys()].filter((row) => rows[row]!.split === split);
    const [train, test] = [of("train"), of("test")];
    return async function* (seed): AsyncGenerator<Score> {
      const scores = await chosenScores(table, candidates, train, test, "accuracy", seed);
      for (const [metric, value] of Object.entries(scores)) yield { method, metric, value };
      const mixed = await autoScores(table, train, test, "accuracy", seed);
      for (const [metric, value] of Object.entries(mixed)) yield { method: "autoModel", metric, value };
    };
  },
};
