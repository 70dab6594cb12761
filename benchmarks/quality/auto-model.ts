import { takeFeatures } from "@mmub/core";
import { rocAuc, take } from "@mmub/metrics";
import {
  autoModel,
  extraTreesClassifier,
  gradientBoostingClassifier,
  logisticRegression,
  randomForestClassifier,
} from "@mmub/models";
import type { QualitySet, Score } from "../quality.js";
import { files, type NamedTable, sixTables } from "../six-tables.js";

/** The single models, each as a user would take it: its defaults, a forest of 300 trees, a linear one where the table allows it. */
const singlesOf = ({ x, categorical }: NamedTable) => {
  const common = { categorical, missing: "nan" } as const;
  const forest = { numTrees: 300, missing: "nan" } as const;
  return {
    boosting: gradientBoostingClassifier<number>(common),
    "boosting with early stopping": gradientBoostingClassifier<number>({
      ...{ ...common, numIterations: 500, learningRate: 0.05 },
      ...{ validation: 0.1, earlyStopping: { patience: 20 } },
    }),
    "random forest": randomForestClassifier<number>(forest),
    "extra trees": extraTreesClassifier<number>(forest),
    ...(categorical.length === 0 &&
      !x.data.some(Number.isNaN) && { linear: logisticRegression<number>({ C: [0.01, 0.1, 1, 10] }) }),
  };
};

/** `autoModel` beside every single model on six tables: AUC of the rows kept out, and on how many tables it beats them all. */
export const set: QualitySet = {
  files,
  folder: ".",
  published: {},
  async read(folder) {
    const tables = sixTables(folder);
    return async function* (seed): AsyncGenerator<Score> {
      let won = 0;
      for (const table of tables) {
        const { x, targets, categorical, test, name } = table;
        const out = new Set(test);
        const train = targets.map((_, row) => row).filter((row) => !out.has(row));
        const [known, asked] = [takeFeatures(x, train), takeFeatures(x, test)];
        const truth = take(targets, test);
        let best = 0;
        for (const [single, model] of Object.entries(singlesOf(table))) {
          const fitted = await model.fit(known, take(targets, train), { seed });
          const value = rocAuc(truth, await fitted.predict(asked));
          best = Math.max(best, value);
          yield { method: `${single}, ${name}`, metric: "AUC", value };
        }
        const auto = autoModel<number>({
          task: "classification",
          timeBudgetMs: 120_000,
          ...{ categorical, missing: "nan" },
          score: (held, output) => rocAuc(held, output),
        });
        const fitted = await auto.fit(known, take(targets, train), { seed });
        const value = rocAuc(truth, await fitted.predict(asked));
        yield { method: `autoModel, ${name}`, metric: "AUC", value };
        if (fitted.skipped.length > 0) console.error(`  ${name}: no time for ${fitted.skipped.join(", ")}`);
        if (value > best) won++;
      }
      yield { method: "autoModel", metric: "tables on which it beats all", value: won };
    };
  },
};
