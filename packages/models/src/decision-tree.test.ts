import { readFileSync } from "node:fs";
import { dense, MmubError } from "@mmub/core";
import { modelChecks } from "@mmub/core/testing";
import { describe, expect, test } from "vitest";
import {
  type DecisionTreeClassifierParams,
  type DecisionTreeRegressorParams,
  decisionTreeClassifier,
  decisionTreeRegressor,
} from "./decision-tree.js";

describe("conformance", () => {
  for (const params of [{}, { splitter: "random" }, { maxLeafNodes: 20, maxFeatures: 3 }] as const) {
    for (const check of modelChecks({ task: "classification", make: () => decisionTreeClassifier(params) }))
      test(`classifier ${JSON.stringify(params)}: ${check.name}`, check.run);
    for (const check of modelChecks({ task: "regression", make: () => decisionTreeRegressor(params) }))
      test(`regressor ${JSON.stringify(params)}: ${check.name}`, check.run);
  }
});

type Numbers = readonly (number | null)[];
const golden = JSON.parse(readFileSync(new URL("../fixtures/trees.json", import.meta.url), "utf8")) as {
  readonly cols: number;
  readonly data: number[];
  readonly holes: Numbers;
  readonly numbers: number[];
  readonly labels: number[];
  readonly counts: number[];
  readonly classifiers: Record<
    string,
    { probabilities: number[]; leaves: number; depth: number; importance: number[] }
  >;
  readonly regressors: Record<string, { values: number[]; leaves: number }>;
  readonly text: string;
  readonly textShort: string;
  readonly path: { readonly alphas: number[]; readonly impurities: number[] };
  readonly poisson: number[];
  readonly missing: number[];
  readonly missingOfWhole: number[];
  readonly monotoneClasses: number[];
};
const { cols, numbers, labels } = golden;
const rows = labels.length;
const matrix = (values: Numbers) =>
  dense(
    rows,
    cols,
    Float32Array.from(values, (value) => value ?? Number.NaN),
  );
const [x, holes] = [matrix(golden.data), matrix(golden.holes)];

const mostApart = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Math.max(Math.abs(a.length - b.length), ...Array.from(a, (value, i) => Math.abs(value - b[i]!)));

describe("scikit-learn's trees", () => {
  const classifiers: Record<string, DecisionTreeClassifierParams> = {
    gini: { minSamplesLeaf: 7, maxLeafNodes: 12 },
    entropy: { criterion: "entropy", minSamplesLeaf: 5, maxDepth: 4 },
    leaves: { maxLeafNodes: 9 },
    shares: { minSamplesLeaf: 0.05, minSamplesSplit: 0.2 },
    decrease: { minImpurityDecrease: 0.01 },
    pruned: { ccpAlpha: 0.01, minSamplesLeaf: 3 },
    balanced: { classWeight: "balanced", maxLeafNodes: 9, minWeightFractionLeaf: 0.05 },
  };
  for (const [name, params] of Object.entries(classifiers))
    test(`classes: ${name}`, async () => {
      const want = golden.classifiers[name]!;
      const fitted = await decisionTreeClassifier<number>(params).fit(x, labels);
      const { probabilities } = await fitted.predict(x);
      expect(mostApart(probabilities.data, want.probabilities)).toBeLessThan(1e-6);
      expect([fitted.leaves, fitted.depth]).toEqual([want.leaves, want.depth]);
      const total = fitted.importance.gain.reduce((a, b) => a + b);
      expect(
        mostApart(
          fitted.importance.gain.map((gain) => gain / total),
          want.importance,
        ),
      ).toBeLessThan(1e-6);
    });

  const regressors: Record<string, DecisionTreeRegressorParams> = {
    squared: { minSamplesLeaf: 5 },
    leaves: { maxLeafNodes: 12 },
    pruned: { minSamplesLeaf: 3, ccpAlpha: 0.02 },
    monotone: { minSamplesLeaf: 5, monotone: { 0: 1, 3: -1 } },
  };
  for (const [name, params] of Object.entries(regressors))
    test(`numbers: ${name}`, async () => {
      const fitted = await decisionTreeRegressor(params).fit(x, numbers);
      expect(mostApart((await fitted.predict(x)).values, golden.regressors[name]!.values)).toBeLessThan(1e-6);
      expect(fitted.leaves).toBe(golden.regressors[name]!.leaves);
    });

  test("counts by the Poisson deviance", async () => {
    const fitted = await decisionTreeRegressor({ criterion: "poisson", minSamplesLeaf: 12, maxDepth: 4 }).fit(
      x,
      golden.counts,
    );
    expect(mostApart((await fitted.predict(x)).values, golden.poisson)).toBeLessThan(1e-6);
  });

  test("missing values, of the fit or new ones", async () => {
    const params = { minSamplesLeaf: 6, missing: "nan" } as const;
    const fitted = await decisionTreeRegressor(params).fit(holes, numbers);
    expect(mostApart((await fitted.predict(holes)).values, golden.missing)).toBeLessThan(1e-6);
    const whole = await decisionTreeRegressor(params).fit(x, numbers);
    expect(mostApart((await whole.predict(holes)).values, golden.missingOfWhole)).toBeLessThan(1e-6);
  });

  test("a chance that only rises with a column", async () => {
    const fitted = await decisionTreeClassifier<boolean>({ maxLeafNodes: 8, monotone: { 0: 1 } }).fit(
      x,
      labels.map((label) => label > 1),
    );
    const { data } = (await fitted.predict(x)).probabilities;
    expect(
      mostApart(
        data.filter((_, i) => i % 2),
        golden.monotoneClasses,
      ),
    ).toBeLessThan(1e-6);
  });

  test("the steps of pruning", async () => {
    const path = (await decisionTreeClassifier<number>({ maxLeafNodes: 9 }).fit(x, labels)).pruningPath();
    expect(mostApart(path.alphas, golden.path.alphas)).toBeLessThan(1e-9);
    expect(mostApart(path.impurities, golden.path.impurities)).toBeLessThan(1e-9);
  });
});

describe("exports", () => {
  test("the text is scikit-learn's", async () => {
    const fitted = await decisionTreeClassifier<number>({ maxLeafNodes: 9 }).fit(x, labels);
    expect(fitted.toText()).toBe(golden.text);
    expect(fitted.toText({ maxDepth: 1, decimals: 3, names: [..."abcde"] })).toBe(golden.textShort);
  });

  test("the picture has a box for each node down to its depth, and escapes what it is told", async () => {
    const fitted = await decisionTreeClassifier<string>({ maxLeafNodes: 9 }).fit(
      x,
      labels.map((label) => `<${label}>`),
    );
    const svg = fitted.toSvg({ maxDepth: 99, names: ["a & b"] });
    expect(svg.match(/<rect /g)).toHaveLength(1 + 17);
    expect(svg.match(/<line /g)).toHaveLength(16);
    expect(svg).toContain("a &amp; b ≤");
    expect(svg).toContain("&lt;2&gt;");
    expect(fitted.toSvg({ maxDepth: 1 }).match(/<rect /g)).toHaveLength(1 + 3);
    expect((await decisionTreeRegressor({ maxDepth: 2 }).fit(x, numbers)).toSvg()).toContain("variance");
  });
});

test("a drawn threshold splits worse than the best, and still learns", async () => {
  const error = async (splitter: "best" | "random") => {
    const { values } = await (await decisionTreeRegressor({ splitter, maxDepth: 4 }).fit(x, numbers)).predict(x);
    return numbers.reduce((sum, value, row) => sum + (value - values[row]!) ** 2, 0);
  };
  const mean = numbers.reduce((a, b) => a + b) / rows;
  const spread = numbers.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const [best, drawn] = [await error("best"), await error("random")];
  expect(best).toBeLessThan(drawn);
  expect(drawn).toBeLessThan(0.8 * spread);
});

test("one row, constant columns, no column", async () => {
  const one = await decisionTreeRegressor().fit(dense(1, 2), [4]);
  expect((await one.predict(dense(1, 2))).values).toEqual(Float64Array.of(4));
  for (const width of [0, 2]) {
    const fitted = await decisionTreeClassifier<string>().fit(dense(3, width), ["a", "b", "b"]);
    expect(fitted.toText()).toBe("|--- class: b\n");
    expect((await fitted.predict(dense(1, width))).labels).toEqual(["b"]);
  }
});

test("errors say what is wrong", async () => {
  const refused = (params: object): string => {
    try {
      decisionTreeRegressor(params);
    } catch (error) {
      if (MmubError.is(error)) return error.message;
    }
    throw new Error("not refused");
  };
  expect(refused({ criterion: "gini" })).toContain('want "squaredError" or "poisson"');
  expect(refused({ depth: 3 })).toContain("no such param; there are ccpAlpha, criterion");
  expect(refused({ minSamplesLeaf: 1.5 })).toContain("minSamplesLeaf");
  expect(refused({ maxLeafNodes: 1 })).toContain("maxLeafNodes");
  expect(refused({ monotone: { 0: 2 } })).toContain("1 or -1 by column");
  await expect(decisionTreeRegressor({ monotone: { 7: 1 } }).fit(x, numbers)).rejects.toThrow("names column 7");
  await expect(decisionTreeClassifier({ monotone: { 0: 1 } }).fit(x, labels)).rejects.toThrow("3 classes");
  await expect(decisionTreeRegressor({ criterion: "poisson" }).fit(x, numbers)).rejects.toThrow("want a count");
  await expect(decisionTreeRegressor({ criterion: "poisson" }).fit(dense(2, 1), [0, 0])).rejects.toThrow("all targets");
});
