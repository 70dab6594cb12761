import { readFileSync } from "node:fs";
import { dense, MmubError } from "@mmub/core";
import { modelChecks, toyData } from "@mmub/core/testing";
import { describe, expect, test } from "vitest";
import { logisticRegression } from "./logistic-regression.js";
import { polynomialFeatures } from "./polynomial-features.js";
import { type FittedRidge, ridge } from "./ridge.js";

describe("conformance", () => {
  for (const check of modelChecks({
    task: "regression",
    make: () => polynomialFeatures({ model: ridge(), degree: 3 }),
  }))
    test(`regression: ${check.name}`, check.run);
  for (const check of modelChecks({
    task: "classification",
    make: () => polynomialFeatures({ model: logisticRegression<string>(), interactionOnly: true }),
  }))
    test(`classification: ${check.name}`, check.run);
});

const { polynomial } = JSON.parse(readFileSync(new URL("../fixtures/regressions.json", import.meta.url), "utf8")) as {
  readonly polynomial: readonly {
    readonly data: number[];
    readonly targets: number[];
    readonly params: { degree: number; interactionOnly: boolean };
    readonly powers: number[][];
    readonly coefficients: number[];
  }[];
};

describe("scikit-learn's products, in its order", () => {
  for (const { data, targets, params, powers, coefficients } of polynomial)
    test(JSON.stringify(params), async () => {
      const x = dense(data.length / 4, 4, Float32Array.from(data));
      const fitted = await polynomialFeatures({ model: ridge({ alpha: 0.5 }), ...params }).fit(x, targets);
      expect(fitted.terms.map((term) => [0, 1, 2, 3].map((k) => term.filter((own) => own === k).length))).toEqual(
        powers,
      );
      const own = (fitted.model as FittedRidge).coefficients;
      expect(own.length).toBe(coefficients.length);
      for (const [k, want] of coefficients.entries()) expect(own[k]).toBeCloseTo(want, 4);
    });
});

test("params, too many products", async () => {
  for (const params of [
    {},
    { model: ridge(), degree: 0 },
    { model: ridge(), interactionOnly: 1 },
    { model: ridge(), bias: true },
  ])
    expect(() => polynomialFeatures(params as never)).toThrow(MmubError);
  const { features, values } = toyData({ rows: 10, cols: 300 });
  await expect(polynomialFeatures({ model: ridge(), degree: 4 }).fit(features, values)).rejects.toThrow("lower degree");
  const none = await polynomialFeatures({ model: ridge() }).fit(dense(2, 0), [1, 1]);
  expect(none.terms).toEqual([]);
});
