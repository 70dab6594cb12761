import { describe, expect, test } from "vitest";
import golden from "../fixtures/bca.json" with { type: "json" };
import areas from "../fixtures/multilabel.json" with { type: "json" };
import { bcaShares, bootstrapInterval } from "./bootstrap.js";
import { normalQuantile, normalShare } from "./normal.js";
import { multiLabelRocAuc } from "./roc.js";

/** As core's quantile, of sorted numbers. */
function at(sorted: Float64Array, share: number): number {
  const place = share * (sorted.length - 1);
  const low = Math.floor(place);
  const [a, b] = [sorted[low]!, sorted[Math.min(low + 1, sorted.length - 1)]!];
  return a + (place - low) * (b - a);
}

describe("BCa intervals", () => {
  for (const [i, { value, drawn, jackknife, level, low, high }] of golden.cases.entries())
    test(`are SciPy's of the same resamples: case ${i}`, () => {
      const sorted = Float64Array.from(drawn).sort();
      const [from, to] = bcaShares(value, sorted, Float64Array.from(jackknife), level);
      expect(at(sorted, from)).toBeCloseTo(low, 9);
      expect(at(sorted, to)).toBeCloseTo(high, 9);
    });

  test("lean to where the scores are skewed, and hold the value", () => {
    const right = Array.from({ length: 60 }, (_, i) => Number(i % 20 !== 0));
    const score = (rows: Uint32Array) => rows.reduce((sum, row) => sum + right[row]!, 0) / rows.length;
    const plain = bootstrapInterval(60, score, { seed: 1 });
    const bca = bootstrapInterval(60, score, { seed: 1, method: "bca" });
    expect(bca.low).toBeLessThan(plain.low);
    expect(bca.low).toBeLessThan(bca.value);
    expect(bca.high).toBeGreaterThan(bca.value);
    const whole = bootstrapInterval(60, () => 1, { method: "bca" });
    expect([whole.low, whole.high]).toEqual([1, 1]);
    // Never right: no resample is below or above.
    const none = bootstrapInterval(3, (rows) => (rows.length === 3 ? 5 : 4), { method: "bca" });
    expect([none.low, none.high]).toEqual([5, 5]);
  });

  test("leave out whole groups", () => {
    const seen: number[] = [];
    const score = (rows: Uint32Array) => {
      seen.push(rows.length);
      return rows[0]!;
    };
    bootstrapInterval(6, score, { method: "bca", groups: ["a", "a", "a", "b", "b", "c"], resamples: 2 });
    expect(seen.slice(-3)).toEqual([3, 4, 5]);
  });

  test("bad input is named", () => {
    expect(() => bootstrapInterval(3, () => 1, { method: "basic" as never })).toThrow("method");
    const score = (rows: Uint32Array) => (rows.length < 3 ? Number.NaN : 1);
    expect(() => bootstrapInterval(3, score, { method: "bca" })).toThrow("not defined without sample or group 0");
  });

  test("the normal distribution and its inverse", () => {
    // Abramowitz & Stegun, table 26.1, and symmetry.
    expect(normalShare(1.96)).toBeCloseTo(0.9750021048517795, 12);
    expect(normalShare(-3)).toBeCloseTo(0.0013498980316300933, 14);
    expect(normalQuantile(0.975)).toBeCloseTo(1.959963984540054, 11);
    for (const share of [1e-6, 0.2, 0.5, 0.9]) expect(normalShare(normalQuantile(share))).toBeCloseTo(share, 12);
  });
});

describe("multi-label areas", () => {
  const classes = ["a", "b", "c", "d"];
  for (const [i, { truth, scores, weights, areas: of, each }] of areas.cases.entries()) {
    const sets = truth.map((row) => classes.filter((_, c) => row[c] === 1));
    const given = { classes, probabilities: { rows: truth.length, cols: 4, data: scores } };
    test(`are scikit-learn's: case ${i}`, () => {
      for (const average of ["macro", "weighted", "micro", "samples"] as const) {
        expect(multiLabelRocAuc(sets, given, { average })).toBeCloseTo(of[average], 9);
        const weighted = multiLabelRocAuc(sets, given, { average, sampleWeight: weights });
        expect(weighted).toBeCloseTo(of[`${average}, weights`], 9);
      }
      expect(multiLabelRocAuc(sets, given, { average: null }).map(({ value }) => value)).toEqual(
        each.map((value) => expect.closeTo(value, 9)),
      );
    });
  }

  test("bad input is named", () => {
    const scores = { classes: ["a", "b"], probabilities: { rows: 2, cols: 2, data: [0.1, 0.2, 0.3, 0.4] } };
    expect(() => multiLabelRocAuc([["a"], ["z"]], scores)).toThrow('truth 1 is string "z"');
    expect(() => multiLabelRocAuc(["a", "b"] as never, scores)).toThrow("truth 0 is string");
    expect(() => multiLabelRocAuc([["a"]], scores)).toThrow("want 1 samples x 2 classes");
    expect(() => multiLabelRocAuc([["a"], ["a"]], scores)).toThrow("no negative sample");
    expect(() => multiLabelRocAuc([["a"], []], scores, { average: "macro" })).toThrow("no positive sample");
    expect(() => multiLabelRocAuc([], scores)).toThrow("truth is empty");
    const bad = { ...scores, probabilities: { rows: 2, cols: 2, data: [0, 1, Number.NaN, 1] } };
    expect(() => multiLabelRocAuc([["a"], ["b"]], bad)).toThrow("score 2 is number NaN");
    expect(() => multiLabelRocAuc([["a"], ["b"]], scores, { average: "none" as never })).toThrow("average");
    expect(() => multiLabelRocAuc([["a"], ["b"]], scores, { sampleWeight: [0, 0] })).toThrow("every sampleWeight is 0");
  });
});
