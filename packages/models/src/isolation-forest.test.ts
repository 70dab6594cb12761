import { readFileSync } from "node:fs";
import { dense, MmubError } from "@mmub/core";
import { unsupervisedChecks } from "@mmub/core/testing";
import { describe, expect, test } from "vitest";
import { isolationForest } from "./isolation-forest.js";

describe("conformance", () => {
  for (const params of [{}, { contamination: 0.1, maxSamples: 0.5, maxFeatures: 2, bootstrap: true }] as const)
    for (const check of unsupervisedChecks({
      make: () => isolationForest({ numTrees: 20, ...params }),
      rowsOf: ({ scores, outliers }) => Array.from(scores, (score, row) => [score, outliers[row]]),
    }))
      test(`${JSON.stringify(params)}: ${check.name}`, check.run);
});

const { isolation: golden } = JSON.parse(readFileSync(new URL("../fixtures/trees.json", import.meta.url), "utf8")) as {
  readonly isolation: {
    readonly crowd: number[];
    readonly asked: number[];
    readonly stray: number[];
    readonly scores: number[];
    readonly spread: number;
    readonly auc: number;
    readonly wholeScores: number[];
    readonly strays: number;
  };
};
const matrix = (values: readonly number[]) => dense(values.length / 2, 2, Float32Array.from(values));
const [crowd, asked] = [matrix(golden.crowd), matrix(golden.asked)];

const auc = (scores: Float64Array): number => {
  let [above, pairs] = [0, 0];
  for (const [i, a] of scores.entries())
    for (const [j, b] of scores.entries())
      if (golden.stray[i] === 1 && golden.stray[j] === 0) {
        above += a > b ? 1 : a === b ? 0.5 : 0;
        pairs++;
      }
  return above / pairs;
};

describe("scikit-learn's scores, but for what is drawn", () => {
  test("strays are told apart as well", async () => {
    const aucs: number[] = [];
    for (let seed = 0; seed < 10; seed++)
      aucs.push(auc((await (await isolationForest().fit(crowd, { seed })).predict(asked)).scores));
    expect(Math.abs(aucs.reduce((a, b) => a + b) / 10 - golden.auc)).toBeLessThan(0.005);
  });

  for (const [name, params, want] of [
    ["256 rows a tree", {}, golden.scores],
    ["all rows", { maxSamples: 1 }, golden.wholeScores],
  ] as const)
    test(`each row has the same score on average: ${name}`, async () => {
      const { scores } = await (await isolationForest({ numTrees: 1000, ...params }).fit(crowd, { seed: 3 })).predict(
        asked,
      );
      const apart = Array.from(scores, (score, row) => Math.abs(score - want[row]!));
      // Both are means of 1000 trees, whose deviation is that of 100 trees over the root of 10.
      expect(apart.reduce((a, b) => a + b) / apart.length).toBeLessThan(golden.spread);
      expect(Math.max(...apart)).toBeLessThan(5 * golden.spread);
    });

  test("the share of outliers is what was asked for", async () => {
    const fitted = await isolationForest({ contamination: 0.1 }).fit(crowd);
    const { outliers } = await fitted.predict(crowd);
    const count = outliers.reduce((a, b) => a + b, 0);
    expect(Math.abs(count - golden.strays)).toBeLessThanOrEqual(2);
  });
});

test("one row, and constant columns: nothing is strange", async () => {
  for (const rows of [1, 5]) {
    const { scores, outliers } = await (await isolationForest().fit(dense(rows, 2))).predict(dense(1, 2));
    expect(scores[0]).toBeCloseTo(0.5);
    expect(outliers[0]).toBe(0);
  }
});

test("errors say what is wrong", () => {
  for (const [params, want] of [
    [{ contamination: 0.7 }, "at most 0.5"],
    [{ numTrees: 0 }, "numTrees"],
    [{ maxSamples: 1.5 }, "maxSamples"],
    [{ trees: 5 } as object, "no such param"],
  ] as const)
    expect(() => isolationForest(params)).toThrow(want);
  expect(() => isolationForest({ bootstrap: 1 as never })).toThrow(MmubError);
});
