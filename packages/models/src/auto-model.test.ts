import { decodeSaved, encodeSaved } from "@mmub/core";
import { modelChecks, toyData } from "@mmub/core/testing";
import { describe, expect, test } from "vitest";
import { autoModel } from "./auto-model.js";
import { decisionTreeClassifier, decisionTreeRegressor } from "./decision-tree.js";
import { logisticRegression } from "./logistic-regression.js";
import { ridge } from "./ridge.js";

describe("conformance", () => {
  for (const check of modelChecks({
    task: "classification",
    make: () =>
      autoModel<string>({
        task: "classification",
        folds: 3,
        models: { tree: decisionTreeClassifier({ minSamplesLeaf: 5 }), linear: logisticRegression() },
      }),
  }))
    test(check.name, check.run);
  for (const check of modelChecks({
    task: "regression",
    make: () => autoModel({ task: "regression", models: { tree: decisionTreeRegressor(), linear: ridge() } }),
  }))
    test(`numbers: ${check.name}`, check.run);
});

const { features, values } = toyData({ rows: 240, cols: 4, seed: 3 });
// Classes that a line and a tree each see a part of.
const labels = values.map((value, row) => (value + 3 * Math.sign(features.data[4 * row + 1]!) > 0 ? "buy" : "leave"));

test("the portfolio: the mix is at least as good as its best member on rows held out, and is saved whole", {
  timeout: 120_000,
}, async () => {
  const model = autoModel<string>({ task: "classification", score: "logLoss", folds: 3 });
  const fitted = await model.fit(features, labels, { seed: 1 });
  expect(fitted.leaderboard.map(({ name }) => name).sort()).toEqual([
    "boosting",
    "boosting, large trees",
    "boosting, small trees",
    "extra trees",
    "linear",
    "random forest",
  ]);
  expect(fitted.score).toBeGreaterThanOrEqual(fitted.leaderboard[0]!.score);
  expect(fitted.leaderboard.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(1);
  expect(fitted.skipped).toEqual([]);
  const again = await model.load(decodeSaved(encodeSaved(await fitted.save())));
  expect(await again.predict(features)).toEqual(await fitted.predict(features));
});

test("missing values and categories leave the linear model out", { timeout: 120_000 }, async () => {
  const data = features.data.slice();
  for (let row = 0; row < 240; row += 7) data[4 * row] = Number.NaN;
  for (let row = 0; row < 240; row++) data[4 * row + 3] = row % 5;
  const x = { ...features, data };
  const fitted = await autoModel({ task: "regression", missing: "nan", categorical: [3], folds: 2 }).fit(x, values);
  expect(fitted.leaderboard.map(({ name }) => name)).not.toContain("linear");
  expect(fitted.leaderboard).toHaveLength(5);
});

test("few rows, and enough of them to stop early", { timeout: 120_000 }, async () => {
  for (const rows of [8, 520]) {
    const toy = toyData({ rows, cols: 2, seed: 6 });
    const model = autoModel<string>({ task: "classification", folds: 2 });
    const fitted = await model.fit(toy.features, toy.labels, { seed: 1 });
    expect(fitted.leaderboard).toHaveLength(6);
    const again = await model.load(await fitted.save());
    expect((await again.predict(toy.features)).labels).toEqual((await fitted.predict(toy.features)).labels);
  }
});

test("the budget: the first model always ends, what there is no time for is told", async () => {
  const fitted = await autoModel<string>({ task: "classification", timeBudgetMs: 1e-3, folds: 2 }).fit(
    features,
    labels,
  );
  expect(fitted.leaderboard.map(({ name, weight }) => [name, weight])).toEqual([["boosting", 1]]);
  expect(fitted.skipped).toHaveLength(5);
});

test("errors say what is wrong", () => {
  expect(() => autoModel({ task: "ranking" as "regression" })).toThrow('"classification" or "regression"');
  expect(() => autoModel({ task: "regression", timeBudgetMs: 0 })).toThrow("timeBudgetMs");
  expect(() => autoModel({ task: "regression", score: "accuracy" as never })).toThrow("one of r2");
  expect(() => autoModel({ task: "classification", models: {} })).toThrow("at least one model");
});
