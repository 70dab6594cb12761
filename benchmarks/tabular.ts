// Tables of attributes of two classes: codes, cross-validation and scores that the sets of benchmarks/quality share.
import { type Dense, takeFeatures } from "@mmub/core";
import { accuracy, rocAuc, stratifiedKFold, take } from "@mmub/metrics";
import { autoModel, type GradientBoostingClassifierParams, gradientBoostingClassifier } from "@mmub/models";

export interface Table {
  readonly x: Dense;
  readonly targets: readonly number[];
  /** Columns of codes. */
  readonly categorical: readonly number[];
}

/** Numbers as they are, NaN where a cell is empty; texts as codes in the order of their names. */
export function readTable(
  rows: readonly Readonly<Record<string, string>>[],
  {
    target,
    leaveOut,
    codes,
  }: { readonly target: string; readonly leaveOut: readonly string[]; readonly codes: readonly string[] },
): Table {
  const names = Object.keys(rows[0]!).filter((name) => name !== target && !leaveOut.includes(name));
  const data = new Float32Array(rows.length * names.length);
  const categorical: number[] = [];
  for (const [column, name] of names.entries()) {
    const cells = rows.map((row) => row[name]!);
    const isText = cells.some((cell) => cell !== "" && Number.isNaN(Number(cell)));
    if (isText || codes.includes(name)) categorical.push(column);
    const kinds = [...new Set(cells)].filter((cell) => cell !== "").sort();
    for (const [row, cell] of cells.entries())
      data[row * names.length + column] = cell === "" ? Number.NaN : isText ? kinds.indexOf(cell) : Number(cell);
  }
  return {
    x: { layout: "dense", rows: rows.length, cols: names.length, data },
    targets: rows.map((row) => (["1", "True"].includes(row[target]!) ? 1 : 0)),
    categorical,
  };
}

export type Params = Omit<GradientBoostingClassifierParams, "categorical" | "missing">;

/** The chance of class 1 for the rows `test`, the mean of some models that differ by their seed. */
async function chances(
  { x, targets, categorical }: Table,
  params: Params,
  train: ArrayLike<number>,
  test: ArrayLike<number>,
  seeds: readonly number[],
): Promise<Float64Array> {
  const sum = new Float64Array(test.length);
  const [known, asked] = [takeFeatures(x, train), takeFeatures(x, test)];
  for (const seed of seeds) {
    const model = gradientBoostingClassifier<number>({ ...params, categorical, missing: "nan" });
    const fitted = await model.fit(
      known,
      Array.from(train, (row) => targets[row]!),
      { seed },
    );
    const { data } = (await fitted.predict(asked)).probabilities;
    for (let i = 0; i < sum.length; i++) sum[i]! += data[2 * i + 1]! / seeds.length;
  }
  return sum;
}

const scoresOf = (truth: readonly number[], chance: Float64Array) => ({
  auc: rocAuc(truth, chance),
  accuracy: accuracy(
    truth,
    Array.from(chance, (p) => Number(p > 0.5)),
  ),
});

/** The params with the best mean score over folds of the rows `train`. */
async function choose(
  table: Table,
  candidates: readonly Params[],
  train: readonly number[],
  metric: "auc" | "accuracy",
  seed: number,
): Promise<Params> {
  const folds = stratifiedKFold(take(table.targets, train), { folds: 5, seed });
  const means: number[] = [];
  for (const params of candidates) {
    let mean = 0;
    for (const fold of folds) {
      const [inside, outside] = [take(train, fold.train), take(train, fold.test)];
      const chance = await chances(table, params, inside, outside, [seed]);
      mean += scoresOf(take(table.targets, outside), chance)[metric] / folds.length;
    }
    means.push(mean);
  }
  return candidates[means.indexOf(Math.max(...means))]!;
}

/** Of the rows `test`, by the params that are best on folds of `train`, and five models that differ by their seed. */
export async function chosenScores(
  table: Table,
  candidates: readonly Params[],
  train: readonly number[],
  test: readonly number[],
  metric: "auc" | "accuracy",
  seed: number,
): Promise<{ readonly auc: number; readonly accuracy: number }> {
  const params = await choose(table, candidates, train, metric, seed);
  const seeds = Array.from({ length: 5 }, (_, i) => 5 * seed + i);
  return scoresOf(take(table.targets, test), await chances(table, params, train, test, seeds));
}

/** Of the rows `test`, by the portfolio as it is, mixed by what `metric` says of folds of `train`. */
export async function autoScores(
  { x, targets, categorical }: Table,
  train: readonly number[],
  test: readonly number[],
  metric: "auc" | "accuracy",
  seed: number,
): Promise<{ readonly auc: number; readonly accuracy: number }> {
  const model = autoModel<number>({
    task: "classification",
    timeBudgetMs: 300_000,
    ...{ categorical, missing: "nan" },
    score:
      metric === "accuracy"
        ? metric
        : (truth, { probabilities }) =>
            rocAuc(
              truth,
              probabilities.data.filter((_, i) => i % 2 === 1),
            ),
  });
  const fitted = await model.fit(takeFeatures(x, train), take(targets, train), { seed });
  for (const { name, score, weight, durationMs } of fitted.leaderboard)
    console.error(`  ${name}: ${score.toFixed(4)} on folds, weight ${weight}, ${Math.round(durationMs! / 1000)} s`);
  const { data } = (await fitted.predict(takeFeatures(x, test))).probabilities;
  return scoresOf(
    take(targets, test),
    Float64Array.from({ length: test.length }, (_, i) => data[2 * i + 1]!),
  );
}
