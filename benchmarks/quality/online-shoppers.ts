import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseCsv } from "../files.js";
import type { QualitySet, Score } from "../quality.js";
import { autoScores, chosenScores, type Params, readTable } from "../tabular.js";

const method = "gradient boosting";

/** Small trees, from few to more of them. */
const candidates: readonly Params[] = [4, 8, 16].flatMap((numLeaves) => [
  { numLeaves, numIterations: 100, learningRate: 0.05 },
  { numLeaves, numIterations: 200, learningRate: 0.05, featureFraction: 0.5, baggingFraction: 0.8 },
  {
    numLeaves,
    numIterations: 300,
    learningRate: 0.03,
    featureFraction: 0.7,
    minDataInLeaf: 40,
    lambdaL2: 5,
    catSmooth: 30,
  },
]);

/** Whether a session ends in a purchase: params by the AUC of folds of the training rows, and five models that differ by their seed. */
export const set: QualitySet = {
  files: ["online_shoppers_intention.csv"],
  published: { [method]: "0.9065 XGBoost with oversampling (AUC 0.937), another split" },
  async read(folder) {
    const rows = parseCsv(readFileSync(join(folder, "online_shoppers_intention.csv"), "utf8"));
    const codes = ["OperatingSystems", "Browser", "Region", "TrafficType"];
    const table = readTable(rows, { target: "Revenue", leaveOut: ["split"], codes });
    const of = (split: string) => [...rows.keys()].filter((row) => rows[row]!.split === split);
    const [train, test] = [of("train"), of("test")];
    return async function* (seed): AsyncGenerator<Score> {
      const scores = await chosenScores(table, candidates, train, test, "auc", seed);
      for (const [metric, value] of Object.entries(scores)) yield { method, metric, value };
      const mixed = await autoScores(table, train, test, "auc", seed);
      for (const [metric, value] of Object.entries(mixed)) yield { method: "autoModel", metric, value };
    };
  },
};
