// Linear regressions by other losses and penalties than ridge's: one table, since they differ in their numbers alone.
import { readFileSync } from "node:fs";
import {
  dense,
  type Features,
  type FittedModel,
  MmubError,
  type Model,
  type Regression,
  sparse,
  takeFeatures,
} from "@mmub/core";
import { modelChecks, toyData } from "@mmub/core/testing";
import { describe, expect, test } from "vitest";
import { elasticNet, lasso } from "./elastic-net.js";
import { huberRegression } from "./huber-regression.js";
import { quantileRegression } from "./quantile-regression.js";
import { poissonRegression, tweedieRegression } from "./tweedie-regression.js";

interface Line extends FittedModel<Regression> {
  readonly coefficients: Float64Array;
  readonly intercept: number;
  readonly converged: boolean;
  readonly scale?: number;
}
interface Recipe extends Model<number, Regression> {
  fit(x: Features, targets: readonly number[]): Promise<Line>;
}

/** Each part, with params that make it exact. */
const parts: Readonly<Record<string, (params: object) => Recipe>> = {
  lasso: (params) => lasso({ tolerance: 1e-13, maxIterations: 100_000, ...params }),
  elasticNet: (params) => elasticNet({ tolerance: 1e-13, maxIterations: 100_000, ...params }),
  huber: (params) => huberRegression({ tolerance: 1e-10, maxIterations: 10_000, ...params }),
  quantile: (params) => quantileRegression({ tolerance: 1e-11, ...params }),
  tweedie: (params) => tweedieRegression({ tolerance: 1e-10, maxIterations: 10_000, ...params }),
};

describe("conformance", () => {
  for (const [name, make] of Object.entries({
    lasso: () => lasso({ alpha: 0.01 }),
    "lasso by cross-validation": () => lasso({ alpha: [0.01, 0.1], folds: 3, selection: "random" }),
    elasticNet: () => elasticNet({ alpha: 0.01 }),
    huberRegression: () => huberRegression(),
    quantileRegression: () => quantileRegression({ alpha: 0.01 }),
  }))
    for (const check of modelChecks({ task: "regression", make })) test(`${name}: ${check.name}`, check.run);
  // The toy numbers are negative as well.
  const exponential = (make: () => Model<number, Regression>) => (): Model<number, Regression> => {
    const recipe = make();
    return {
      ...recipe,
      fit: (x, targets, options) => recipe.fit(x, targets.map(Math.exp), options).then(logged),
      load: (saved) => recipe.load(saved).then(logged),
    };
  };
  const logged = (fitted: FittedModel<Regression>): FittedModel<Regression> => ({
    ...fitted,
    predict: async (x, options) => ({ values: (await fitted.predict(x, options)).values.map(Math.log) }),
  });
  for (const power of [1, 1.5, 2])
    for (const check of modelChecks({
      task: "regression",
      make: exponential(() => tweedieRegression({ power, alpha: 0.001 })),
    }))
      test(`tweedieRegression of power ${power}, of e to the toy numbers: ${check.name}`, check.run);
});

interface Case {
  readonly part: string;
  readonly name: string;
  readonly rows?: number;
  readonly cols?: number;
  readonly data?: readonly number[];
  readonly sparse?: { cols: number; offsets: number[]; columns: number[]; values: number[] };
  readonly targets: readonly number[];
  readonly params: object;
  readonly want: { coefficients: number[]; intercept: number; predictions: number[]; scale?: number };
}
const golden = JSON.parse(readFileSync(new URL("../fixtures/regressions.json", import.meta.url), "utf8")) as {
  readonly cases: readonly Case[];
  readonly lassoCv: { data: number[]; targets: number[]; alphas: number[]; alpha: number; scores: number[] };
};

const featuresOf = ({ rows, cols, data, sparse: csr }: Case): Features =>
  csr
    ? sparse(csr.cols, Uint32Array.from(csr.offsets), Uint32Array.from(csr.columns), Float32Array.from(csr.values))
    : dense(rows!, cols!, Float32Array.from(data!));

const mostApart = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Math.max(
    Math.abs(a.length - b.length),
    ...Array.from(a, (value, i) => Math.abs(value - b[i]!) / (1 + Math.abs(b[i]!))),
  );

describe("scikit-learn's numbers, both at tight tolerance", () => {
  for (const one of golden.cases)
    test(`${one.part}: ${one.name}`, async () => {
      const x = featuresOf(one);
      const fitted = await parts[one.part]!(one.params).fit(x, one.targets);
      expect(fitted.converged).toBe(true);
      // HiGHS gives 7 digits of targets, and rows at 1000 lose some.
      const near = one.part === "quantile" ? 5e-5 : 1e-5;
      expect(mostApart(fitted.coefficients, one.want.coefficients)).toBeLessThan(near);
      expect(mostApart([fitted.intercept], [one.want.intercept])).toBeLessThan(near);
      if (one.want.scale) expect(mostApart([fitted.scale!], [one.want.scale])).toBeLessThan(near);
      const { values } = await fitted.predict(takeFeatures(x, [0, 1, 2, 3, 4, 5, 6, 7]));
      expect(mostApart(values, one.want.predictions)).toBeLessThan(near);
    });

  test("the defaults are near the minimum", async () => {
    for (const [make, part] of [
      [lasso, "lasso"],
      [huberRegression, "huber"],
      [quantileRegression, "quantile"],
      [tweedieRegression, "tweedie"],
    ] as const) {
      const one = golden.cases.find((one) => one.part === part)!;
      const fitted = await (make as (params: object) => Recipe)(one.params).fit(featuresOf(one), one.targets);
      expect(fitted.converged).toBe(true);
      expect(mostApart(fitted.coefficients, one.want.coefficients)).toBeLessThan(5e-3);
    }
  });
});

test("several alpha: the scores are those of cold fits on the rows held out, and the best is fitted on all", async () => {
  const { data, targets, alphas } = golden.lassoCv;
  const x = dense(60, 8, Float32Array.from(data));
  const params = { tolerance: 1e-12, maxIterations: 100_000 };
  const fitted = await lasso({ ...params, alpha: alphas, folds: 4 }).fit(x, targets, { seed: 3 });
  expect(fitted.scores![alphas.indexOf(fitted.alpha)]).toBe(Math.min(...fitted.scores!));
  const alone = await lasso({ ...params, alpha: fitted.alpha }).fit(x, targets);
  expect(mostApart(fitted.coefficients, alone.coefficients)).toBeLessThan(1e-6);
  // Other folds than scikit-learn's: about its errors, and its choice.
  expect(fitted.alpha).toBe(golden.lassoCv.alpha);
  expect(mostApart(fitted.scores!, golden.lassoCv.scores)).toBeLessThan(0.3);
});

test("columns as products and as they are lead to the same", async () => {
  const { features, values } = toyData({ rows: 40, cols: 30, seed: 2 });
  const params = { alpha: 0.05, tolerance: 1e-13, maxIterations: 100_000 };
  const products = await elasticNet(params).fit(features, values);
  // Ten columns of nothing: more columns than rows.
  const wide = dense(40, 45);
  for (let row = 0; row < 40; row++) wide.data.set(features.data.subarray(row * 30, (row + 1) * 30), row * 45);
  const columns = await elasticNet(params).fit(wide, values);
  expect(mostApart(columns.coefficients.subarray(0, 30), products.coefficients)).toBeLessThan(1e-7);
});

test("no columns, one row, equal targets and exact fits are fine", async () => {
  for (const [name, make] of Object.entries(parts)) {
    const recipe = make(name === "tweedie" ? { power: 1 } : {});
    const none = await recipe.fit(dense(3, 0), [2, 2, 2]);
    expect((await none.predict(dense(1, 0))).values[0]).toBeCloseTo(2, 5);
    const flat = await recipe.fit(dense(3, 2, Float32Array.of(1, 5, 2, 5, 3, 5)), [2, 2, 2]);
    expect((await flat.predict(dense(1, 2))).values[0]).toBeCloseTo(2, 5);
    const one = await recipe.fit(dense(1, 1, Float32Array.of(3)), [2]);
    expect((await one.predict(dense(1, 1))).values[0]).toBeCloseTo(2, 5);
  }
});

test("outliers move the median little and Huber's line not much, and a quantile has its share of the rows below", async () => {
  const x = dense(7, 1, Float32Array.of(1, 2, 3, 4, 5, 6, 7));
  const targets = [2.1, 3.9, 6.2, 7.8, 10.1, 12, 1000];
  expect((await huberRegression().fit(x, targets)).coefficients[0]).toBeCloseTo(2, 0);
  expect((await quantileRegression({ alpha: 0 }).fit(x, targets)).coefficients[0]).toBeCloseTo(2, 0);
  const { features, values } = toyData({ rows: 200, cols: 3, seed: 4 });
  const high = await quantileRegression({ quantile: 0.8, alpha: 0 }).fit(features, values);
  const guesses = (await high.predict(features)).values;
  const below = values.filter((value, row) => value < guesses[row]!).length;
  expect(Math.abs(below / 200 - 0.8)).toBeLessThan(0.02);
});

test("a fit that ran out of iterations says so", async () => {
  const { features, values } = toyData({ rows: 60, cols: 4, seed: 2 });
  for (const recipe of [
    lasso({ alpha: 0.01, maxIterations: 1, tolerance: 1e-9 }),
    huberRegression({ maxIterations: 1 }),
    quantileRegression({ alpha: 0.01, maxIterations: 1 }),
  ])
    expect((await (recipe as Recipe).fit(features, values)).converged).toBe(false);
});

describe("bad input", () => {
  test("targets that the distribution does not have", async () => {
    await expect(poissonRegression().fit(dense(2, 1), [1, -1])).rejects.toMatchObject({ index: 1 });
    await expect(tweedieRegression({ power: 2 }).fit(dense(2, 1), [0, 1])).rejects.toMatchObject({ index: 0 });
    await expect(poissonRegression().fit(dense(2, 1), [0, 0])).rejects.toThrow("all targets are 0");
  });

  test("params", () => {
    for (const [make, list] of [
      [lasso, [{ alpha: 0 }, { alpha: [] }, { l1Ratio: 0.5 }, { folds: 1 }, { selection: "all" }]],
      [elasticNet, [{ l1Ratio: 2 }, { positive: 1 }, { tolerance: 0 }, { maxIterations: 0 }, { fitIntercept: 1 }]],
      [huberRegression, [{ epsilon: 0.5 }, { alpha: -1 }, { fitIntercept: 1 }, { tolerance: 0 }, { maxIterations: 0 }]],
      [quantileRegression, [{ quantile: 1 }, { alpha: -1 }, { fitIntercept: 1 }, { tolerance: 0 }]],
      [tweedieRegression, [{ power: 0.5 }, { alpha: -1 }, { fitIntercept: 1 }, { tolerance: 0 }, { max: 1 }]],
      [poissonRegression, [{ power: 2 }]],
    ] as const)
      for (const params of list) expect(() => (make as (params: object) => unknown)(params)).toThrow(MmubError);
  });
});
