import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { takeFeatures } from "@mmub/core";
import { rocAuc, stratifiedKFold, take } from "@mmub/metrics";
import {
  decisionTreeClassifier,
  extraTreesClassifier,
  gradientBoostingClassifier,
  randomForestClassifier,
} from "@mmub/models";
import type { QualitySet, Score } from "../quality.js";
import { files, type NamedTable, sixTables } from "../six-tables.js";
import { cache, peerEnv, peerPython, peers } from "../venv.js";

const forest = { numTrees: 300, minSamplesLeaf: 5, missing: "nan" } as const;
const modelsOf = ({ categorical }: NamedTable) => ({
  boosting: gradientBoostingClassifier<number>({ categorical, missing: "nan" }),
  "random forest": randomForestClassifier<number>(forest),
  "extra trees": extraTreesClassifier<number>(forest),
  "decision tree": decisionTreeClassifier<number>({ maxDepth: 5, minSamplesLeaf: 20, missing: "nan" }),
});

/**
 * Tree models of ours beside LightGBM's and scikit-learn's, same settings, same five folds of all rows: mean AUC, and ours less theirs.
 * Forests and single trees take codes of categories as numbers, on both sides. A seed deals other folds and draws other trees.
 */
export const set: QualitySet = {
  files,
  folder: ".",
  published: {},
  async read(folder) {
    const tables = sixTables(folder);
    return async function* (seed): AsyncGenerator<Score> {
      for (const table of tables) {
        const folds = stratifiedKFold(table.targets, { folds: 5, seed });
        const theirs = peerScores(
          table,
          folds.map(({ test }) => Array.from(test)),
          seed,
        );
        for (const [name, model] of Object.entries(modelsOf(table))) {
          let mean = 0;
          for (const { train, test } of folds) {
            const fitted = await model.fit(takeFeatures(table.x, train), take(table.targets, train), { seed });
            mean += rocAuc(take(table.targets, test), await fitted.predict(takeFeatures(table.x, test))) / folds.length;
          }
          const method = `${name}, ${table.name}`;
          yield { method, metric: "AUC", value: mean };
          yield { method, metric: "less the peer's", value: mean - theirs.get(name)! };
        }
      }
    };
  },
};

function peerScores(
  { x, targets, categorical }: NamedTable,
  folds: readonly (readonly number[])[],
  seed: number,
): Map<string, number> {
  const folder = join(cache, "data");
  mkdirSync(folder, { recursive: true });
  const [rows, about] = [join(folder, "tree-peers.f32"), join(folder, "tree-peers.json")];
  writeFileSync(rows, x.data);
  writeFileSync(about, JSON.stringify({ targets, categorical, folds, seed }));
  const { status, stdout } = spawnSync(peerPython(), [join(peers, "tree_auc.py"), rows, about], {
    stdio: ["ignore", "pipe", 2],
    encoding: "utf8",
    env: peerEnv(),
  });
  if (status !== 0) throw new Error(`tree_auc.py ended with ${status}`);
  const lines = stdout.trim().split("\n");
  return new Map(
    lines.map((line) => JSON.parse(line) as { model: string; auc: number }).map(({ model, auc }) => [model, auc]),
  );
}
