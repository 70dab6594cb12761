import { readFileSync } from "node:fs";
import { dense, type Features, MmubError, sparse, takeFeatures } from "@mmub/core";
import { modelChecks, toyData } from "@mmub/core/testing";
import { describe, expect, test } from "vitest";
import { type SgdClassifierParams, type SgdRegressorParams, sgdClassifier, sgdRegressor } from "./sgd.js";

describe("conformance", () => {
  for (const params of [
    {},
    { loss: "log-loss", average: true, validation: 0.2, classWeight: "balanced" },
    { loss: "modified-huber", penalty: "elastic-net", learningRate: "adaptive" },
  ] as SgdClassifierParams[])
    for (const check of modelChecks({ task: "classification", make: () => sgdClassifier(params) }))
      test(`classifier ${JSON.stringify(params)}: ${check.name}`, check.run);
  for (const params of [{}, { penalty: "l1", average: 10, validation: 0.2 }] as SgdRegressorParams[])
    for (const check of modelChecks({ task: "regression", make: () => sgdRegressor(params) }))
      test(`regressor ${JSON.stringify(params)}: ${check.name}`, check.run);
});

interface Case {
  readonly part: "classifier" | "regressor";
  readonly name: string;
  readonly rows?: number;
  readonly cols?: number;
  readonly data?: readonly number[];
  readonly sparse?: { cols: number; offsets: number[]; columns: number[]; values: number[] };
  readonly targets: readonly number[];
  readonly params: object;
  readonly want: {
    coefficients: number[];
    intercepts: number[];
    scores: number[];
    probabilities?: number[];
    epochs: number;
    updated?: number[];
  };
}
const { sgd: cases } = JSON.parse(readFileSync(new URL("../fixtures/regressions.json", import.meta.url), "utf8")) as {
  readonly sgd: readonly Case[];
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
const first = (count: number) => Array.from({ length: count }, (_, row) => row);

describe("scikit-learn's steps, in the order of the rows", () => {
  for (const one of cases)
    test(`${one.part}: ${one.name}`, async () => {
      const x = featuresOf(one);
      const params = { ...one.params, shuffle: false };
      const some = takeFeatures(x, first(8));
      if (one.part === "classifier") {
        const fitted = await sgdClassifier<number>(params).fit(x, one.targets);
        expect(fitted.epochs).toBe(one.want.epochs);
        expect(mostApart(fitted.coefficients, one.want.coefficients)).toBeLessThan(1e-6);
        expect(mostApart(fitted.intercepts, one.want.intercepts)).toBeLessThan(1e-6);
        expect(mostApart((await fitted.decisionFunction(some)).data, one.want.scores)).toBeLessThan(1e-5);
        const { probabilities } = await fitted.predict(some);
        if (one.want.probabilities) expect(mostApart(probabilities.data, one.want.probabilities)).toBeLessThan(1e-5);
        if (!one.want.updated) return;
        await fitted.update(takeFeatures(x, first(20)), one.targets.slice(0, 20));
        expect(mostApart(fitted.coefficients, one.want.updated)).toBeLessThan(1e-6);
      } else {
        const fitted = await sgdRegressor(params).fit(x, one.targets);
        expect(fitted.epochs).toBe(one.want.epochs);
        expect(mostApart(fitted.coefficients, one.want.coefficients)).toBeLessThan(1e-6);
        expect(mostApart([fitted.intercept], one.want.intercepts)).toBeLessThan(1e-6);
        expect(mostApart((await fitted.predict(some)).values, one.want.scores)).toBeLessThan(1e-6);
        if (!one.want.updated) return;
        await fitted.update(takeFeatures(x, first(20)), one.targets.slice(0, 20));
        expect(mostApart(fitted.coefficients, one.want.updated)).toBeLessThan(1e-6);
      }
    });
});

test("a stream: classes are named, updates go on after loading, and an update that fails or stops changes nothing", async () => {
  const { features, labels } = toyData({ rows: 300, cols: 4, classes: 3, seed: 3 });
  const take = (from: number, to: number) =>
    takeFeatures(
      features,
      Array.from({ length: to - from }, (_, i) => from + i),
    );
  const recipe = sgdClassifier<string>({ classes: ["a", "b", "c"], loss: "log-loss", average: true });
  const fitted = await recipe.fit(take(0, 2), labels.slice(0, 2), { seed: 1 });
  let loaded = await recipe.load(await fitted.save());
  for (let from = 2; from < 302 - 50; from += 50) {
    await fitted.update(take(from, from + 50), labels.slice(from, from + 50));
    await loaded.update(take(from, from + 50), labels.slice(from, from + 50));
    loaded = await recipe.load(await loaded.save());
  }
  expect(loaded.coefficients).toEqual(fitted.coefficients);
  const { labels: guesses } = await fitted.predict(features);
  expect(guesses.filter((guess, row) => guess === labels[row]).length).toBeGreaterThan(270);

  const before = fitted.coefficients;
  await expect(fitted.update(take(0, 2), ["a", "d"])).rejects.toMatchObject({ index: 1 });
  await expect(fitted.update(take(0, 2), ["a", "b"], { signal: AbortSignal.abort("no more") })).rejects.toBe("no more");
  const { features: other } = toyData({ rows: 2, cols: 3 });
  await expect(fitted.update(other, ["a", "b"])).rejects.toMatchObject({ code: "shape-mismatch" });
  expect(fitted.coefficients).toEqual(before);
});

test("steps that are too large for the columns say so", async () => {
  const x = dense(4, 1, Float32Array.of(1e20, 2e20, -1e20, -2e20));
  await expect(
    sgdRegressor({ eta0: 1e290, penalty: null, loss: "squared-epsilon-insensitive", learningRate: "constant" }).fit(
      x,
      [1, 2, 3, 4],
    ),
  ).rejects.toThrow("lower eta0");
});

test("params", () => {
  for (const [make, list] of [
    [
      sgdClassifier,
      [
        { loss: "log" },
        { penalty: "l3" },
        { alpha: 0 },
        { learningRate: "pa1", loss: "log-loss" },
        { validation: 1 },
        { average: -1 },
        { classes: ["a"] },
        { classWeight: "even" },
        { max: 1 },
      ],
    ],
    [sgdRegressor, [{ loss: "hinge" }, { eta0: 0 }, { l1Ratio: 2 }, { shuffle: 1 }, { patience: 0 }, { epsilon: -1 }]],
  ] as const)
    for (const params of list) expect(() => (make as (params: object) => unknown)(params)).toThrow(MmubError);
});
