import { describe, expect, test } from "vitest";
import fixture from "../fixtures/regression.json" with { type: "json" };
import { meanAbsoluteError, meanSquaredError, r2, rootMeanSquaredError } from "./regression.js";

const scores = { meanSquaredError, rootMeanSquaredError, meanAbsoluteError, r2 };

describe("scikit-learn's values", () => {
  for (const { name, truth, predicted, weights, ...want } of fixture.cases)
    test(`${name}${weights ? ", weighted" : ""}`, () => {
      for (const [score, expected] of Object.entries(want)) {
        const got = scores[score as keyof typeof scores](truth, predicted, weights ? { sampleWeight: weights } : {});
        expect(Math.abs(got - expected)).toBeLessThanOrEqual(1e-9 * Math.max(1, Math.abs(expected)));
      }
    });
});

test("takes typed arrays", () => {
  expect(r2(Float64Array.of(1, 2, 3), Float32Array.of(1, 2, 4))).toBe(0.5);
});

test("bad input is named", () => {
  for (const score of Object.values(scores)) {
    expect(() => score([1, 2], [1])).toThrow("predicted has 1 entries for 2 samples");
    expect(() => score([], [])).toThrow("truth is empty");
    expect(() => score([1, 2], [1, Number.NaN])).toThrow("predicted 1 is number NaN, want a finite number");
    expect(() => score([1, Number.POSITIVE_INFINITY], [1, 2])).toThrow("truth 1 is number Infinity");
    expect(() => score([1, 2], [1, 2], { sampleWeight: [0, 0] })).toThrow("every sampleWeight is 0");
  }
  expect(() => r2([1], [1])).toThrow("want at least 2");
});
