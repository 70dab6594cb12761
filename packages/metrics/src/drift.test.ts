import { dense } from "@mmub/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import fixture from "../fixtures/drift.json" with { type: "json" };
import { accuracy } from "./classification.js";
import { featureDrift, kolmogorovSmirnov, populationStability } from "./drift.js";
import { fairness, groupScores } from "./fairness.js";
import { take } from "./split.js";

test("the stability index of NumPy and the test of scipy", () => {
  for (const { reference, current, stability, statistic, pValue } of fixture.drift) {
    for (const [bins, want] of Object.entries(stability))
      expect(populationStability(reference, current, { bins: Number(bins) })).toBeCloseTo(want, 10);
    const got = kolmogorovSmirnov(reference, current);
    expect(got.statistic).toBeCloseTo(statistic, 12);
    expect(got.pValue).toBeCloseTo(pValue, 10);
  }
});

test("what has not moved has no drift, whatever its order", () => {
  const numbers = fc.array(fc.double({ min: -9, max: 9, noNaN: true }), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(numbers, numbers, (a, b) => {
      expect(populationStability(a, [...a].reverse())).toBeCloseTo(0, 12);
      expect(kolmogorovSmirnov(a, [...a].reverse())).toEqual({ statistic: 0, pValue: 1 });
      expect(populationStability(a, b)).toBeGreaterThanOrEqual(0);
      const { statistic, pValue } = kolmogorovSmirnov(a, b);
      expect(kolmogorovSmirnov(b, a).statistic).toBeCloseTo(statistic, 12);
      for (const value of [statistic, pValue]) {
        expect(value).toBeGreaterThanOrEqual(0);
        expect(value).toBeLessThanOrEqual(1);
      }
    }),
    { seed: 7, numRuns: 100 },
  );
});

test("features drift by column and in what is missing, dense as sparse", () => {
  const before = dense(
    8,
    2,
    Float32Array.from({ length: 16 }, (_, i) => (i % 2 ? i : 0)),
  );
  const after = dense(
    8,
    2,
    Float32Array.from({ length: 16 }, (_, i) => (i % 2 ? i + 100 : 0)),
  );
  const present = Uint8Array.of(1, 1, 1, 1, 1, 1, 0, 0);
  const [drift] = featureDrift(
    { visits: before },
    { visits: { ...after, present } },
    { names: { visits: ["a", "b"] }, bins: 4 },
  );
  expect(drift!.missing).toEqual({ reference: 0, current: 0.25, change: 0.25 });
  expect(drift!.columns.map(({ name }) => name)).toEqual(["b", "a"]);
  expect(drift!.columns[0]!.statistic).toBe(1);
  expect(drift!.columns[1]!.stability).toBe(0);
  const sparse = (of: typeof before) => ({
    layout: "sparse" as const,
    rows: 8,
    cols: 2,
    offsets: Uint32Array.from({ length: 9 }, (_, i) => i),
    columns: new Uint32Array(8).fill(1),
    values: of.data.filter((_, i) => i % 2 === 1),
  });
  const [other] = featureDrift(
    { visits: sparse(before) },
    { visits: { ...sparse(after), present } },
    { names: { visits: ["a", "b"] }, bins: 4 },
  );
  expect(other).toEqual(drift);
});

test("the rates of groups, as fairlearn's", () => {
  const { truth, predicted, groups, rates, ...want } = fixture.fairness;
  const got = fairness(truth, predicted, groups);
  expect(got.demographicParityDifference).toBeCloseTo(want.parityDifference, 12);
  expect(got.demographicParityRatio).toBeCloseTo(want.parityRatio, 12);
  expect(got.equalizedOddsDifference).toBeCloseTo(want.oddsDifference, 12);
  expect(got.equalOpportunityDifference).toBeCloseTo(want.opportunityDifference, 12);
  for (const { group, selectionRate, truePositiveRate, falsePositiveRate } of got.groups)
    [selectionRate, truePositiveRate, falsePositiveRate].forEach((rate, i) => {
      expect(rate).toBeCloseTo(rates[group]![i]!, 12);
    });
});

test("scores of groups with their gap", () => {
  const truth = Array.from({ length: 40 }, (_, i) => i % 2);
  const guess = truth.map((label, i) => (i < 20 && i % 4 === 0 ? 1 - label : label));
  const groups = truth.map((_, i) => (i < 20 ? "old" : "young"));
  const got = groupScores(groups, (rows) => accuracy(take(truth, rows), take(guess, rows)), {
    resamples: 200,
    seed: 7,
  });
  expect(got.groups.map(({ group, samples, value }) => [group, samples, value])).toEqual([
    ["old", 20, 0.75],
    ["young", 20, 1],
  ]);
  expect([got.gap, got.ratio]).toEqual([0.25, 0.75]);
});

describe("bad input", () => {
  test("is rejected", () => {
    expect(() => populationStability([1, Number.NaN], [1])).toThrow("reference 1 is number NaN");
    expect(() => kolmogorovSmirnov([1], [])).toThrow("current is empty");
    const x = dense(1, 1, Float32Array.of(1));
    expect(() => featureDrift({ a: x }, { b: x })).toThrow("the modalities are b, want those of the reference: a");
    expect(() => featureDrift({ a: x }, { a: dense(1, 2) })).toThrow("a is dense of 2 columns, want dense of 1");
    expect(() => fairness([1, 0], [1, 0], ["x"])).toThrow("groups has 1 entries for 2 samples");
    expect(() => fairness([1, 0], [1, 0], ["x", "y"], { positive: 2 as never })).toThrow("positive is 2");
  });
});
