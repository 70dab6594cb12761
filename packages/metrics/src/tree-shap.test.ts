import { type Dense, dense } from "@mmub/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import models from "../fixtures/model-shap.json" with { type: "json" };
import fixture from "../fixtures/shap.json" with { type: "json" };
import {
  linearContributions,
  occlusion,
  partialDependence,
  permutationImportance,
  withoutWord,
  wordsOf,
} from "./feature-effects.js";
import { r2 } from "./regression.js";
import { type TreeArrays, treeShap } from "./tree-shap.js";

describe("the values of the shap package", () => {
  for (const { name, trees, x, base, values } of fixture.trees)
    test(name, () => {
      const data = x.map((value) => value ?? Number.NaN);
      const got = treeShap(trees, { rows: 6, cols: 5, data });
      expect(got.base[0]).toBeCloseTo(base, 9);
      values.forEach((value, i) => {
        expect(Math.abs(got.values[i]! - value)).toBeLessThan(1e-6);
      });
    });

  for (const { name, trees, outputs, scale, cols, x, base, values, predicted, ...of } of models.cases)
    test(`${name} of @mmub/models`, () => {
      const rows = x.length / cols;
      const data = x.map((value) => value ?? Number.NaN);
      const got = treeShap(trees, { rows, cols, data }, { outputs, scale, ...of });
      base.forEach((value, o) => {
        expect(Math.abs(got.base[o]! - value)).toBeLessThan(1e-6);
      });
      values.forEach((value, i) => {
        expect(Math.abs(got.values[i]! - value)).toBeLessThan(1e-6);
      });
      // Base and values sum to what the model says: of three boosted classes up to what is the same for all.
      const sums = Array.from({ length: rows * outputs }, (_, at) =>
        got.values.slice(at * cols, (at + 1) * cols).reduce((a, b) => a + b, got.base[at % outputs]!),
      );
      const boosted = outputs === 3 && !("shares" in of);
      const level = (all: readonly number[], at: number) => {
        const row = all.slice(at - (at % 3), at - (at % 3) + 3);
        return boosted ? row.reduce((a, b) => a + b, 0) / 3 : 0;
      };
      sums.forEach((sum, at) => {
        expect(sum - level(sums, at)).toBeCloseTo(predicted[at]! - level(predicted, at), 4);
      });
    });

  test("linear models", () => {
    const { x, weights, contributions } = fixture.linear;
    const rows = { rows: 4, cols: 5, data: x.slice(0, 20) };
    linearContributions(weights, rows, { rows: 150, cols: 5, data: x }).forEach((value, i) => {
      expect(value).toBeCloseTo(contributions[i]!, 6); // shap takes means in single precision
    });
  });
});

function leafValue(trees: TreeArrays, root: number, row: readonly number[]): number {
  let node = root;
  while (trees.columns[node]! >= 0)
    node = row[trees.columns[node]!]! <= trees.thresholds[node]! ? trees.left[node]! : trees.right[node]!;
  return trees.values[node]!;
}

test("values and base sum to what the trees predict, for each output", () => {
  const [, deep, forest] = fixture.trees;
  const row = fc.array(fc.double({ min: -3, max: 3, noNaN: true }), { minLength: 5, maxLength: 5 });
  fc.assert(
    fc.property(row, (data) => {
      for (const { trees } of [deep!, forest!])
        for (const outputs of [1, 2]) {
          const { base, values } = treeShap(trees, { rows: 1, cols: 5, data }, { outputs, scale: 0.5 });
          for (let o = 0; o < outputs; o++) {
            const sum = values.slice(5 * o, 5 * o + 5).reduce((a, b) => a + b, base[o]!);
            const want = trees.roots.reduce(
              (all, root, t) => all + (t % outputs === o ? leafValue(trees, root, data) : 0),
              0,
            );
            expect(sum).toBeCloseTo(0.5 * want, 9);
          }
        }
    }),
    { seed: 7, numRuns: 50 },
  );
});

describe("scikit-learn's", () => {
  const { x: data, y, weights, intercept, importance, deviation, dependence } = fixture.linear;
  const x = dense(150, 5, Float32Array.from(data));
  const fitted = {
    predict: async ({ rows, cols, data }: Dense) =>
      Float64Array.from({ length: rows }, (_, row) =>
        weights.reduce((sum, w, c) => sum + w * data[row * cols + c]!, intercept),
      ),
  };

  test("permutation importance, as near as two sets of shuffles can be", async () => {
    const got = await permutationImportance(fitted, x, (values) => r2(y, values), { repeats: 400, seed: 7 });
    got.forEach((row, i) => {
      // Each is the mean of 400: six standard errors of the difference of two such.
      expect(Math.abs(row.importance - importance[i]!)).toBeLessThan(6 * deviation[i]! * Math.sqrt(2 / 400) + 1e-9);
      expect(row.deviation).toBeCloseTo(deviation[i]!, 1);
    });
    const [both] = await permutationImportance(fitted, x, (values) => r2(y, values), {
      together: { both: [0, 1] },
      seed: 7,
    });
    expect(both!.importance).toBeGreaterThan(1);
  });

  test("partial dependence", async () => {
    for (const [count, want] of Object.entries(dependence)) {
      const got = await partialDependence(fitted, x, 1, (values) => values, { gridResolution: Number(count) });
      expect(got.grid.length).toBe(want.grid.length);
      want.grid.forEach((value, i) => {
        expect(got.grid[i]).toBeCloseTo(value, 5);
        expect(got.average[i]).toBeCloseTo(want.average[i]!, 5);
        expect(got.individual[i]).toBeCloseTo(want.first[i]!, 5);
      });
    }
  });
});

test("a word counts as much as the score falls without it", async () => {
  const text = "这个颜色真好看, but the seams 😀 are poor";
  const pieces = wordsOf(text);
  expect(pieces.map((piece) => piece.text)).toContain("seams");
  for (const { text: word, from, to } of pieces) expect(text.slice(from, to)).toBe(word);
  const changes = await occlusion(pieces, text, withoutWord, async (texts) =>
    texts.map((each) => Number(each.includes("poor"))),
  );
  expect(changes.filter(({ change }) => change !== 0).map(({ piece }) => piece.text)).toEqual(["poor"]);
});

describe("bad input", () => {
  const { trees } = fixture.trees[0]!;
  test("is rejected", async () => {
    expect(() => treeShap(trees, { rows: 1, cols: 1, data: [1] })).toThrow("x has 1 columns, and node");
    expect(() => treeShap(trees, { rows: 1, cols: 5, data: [1] })).toThrow("x is 1 x 5 with 1 values");
    expect(() => treeShap({ ...trees, flags: trees.flags.map(() => 2) }, { rows: 0, cols: 5, data: [] })).toThrow(
      "splits by categories",
    );
    expect(() => linearContributions([1], { rows: 1, cols: 1, data: [1] }, { rows: 0, cols: 1, data: [] })).toThrow(
      "the background is 0 x 1",
    );
    const fitted = { predict: async ({ data }: Dense) => data };
    const x = dense(2, 1, Float32Array.of(1, 2));
    await expect(permutationImportance(fitted, x, () => 1, { names: ["a", "b"] })).rejects.toThrow(
      "names has 2 entries for 1",
    );
    await expect(permutationImportance(fitted, x, () => 1, { together: { a: [1] } })).rejects.toThrow(
      "together.a is number 1",
    );
    await expect(partialDependence(fitted, x, 1, (values) => values)).rejects.toThrow(
      "column is number 1, want a column below 1",
    );
    await expect(partialDependence(fitted, x, 0, () => [1])).rejects.toThrow("has 1 entries for 2 samples");
    await expect(
      occlusion(
        [1],
        "a",
        (text) => text,
        async () => [1],
      ),
    ).rejects.toThrow("scores has 1 entries for 2 samples");
  });
});

test("shares and a start of another length are refused", () => {
  const [{ trees }] = fixture.trees as [(typeof fixture.trees)[0]];
  const x = { rows: 1, cols: 5, data: [0, 0, 0, 0, 0] };
  expect(() => treeShap(trees, x, { outputs: 2, shares: [1, 2, 3] })).toThrow("shares has 3 numbers, want");
  expect(() => treeShap(trees, x, { start: [1, 2] })).toThrow("start has 2 numbers, want 1");
});
