import { MmubError, random } from "@mmub/core";
import { expect, test } from "vitest";
import { bootstrapInterval } from "./bootstrap.js";
import { accuracy, meanAbsoluteError, rocAuc, take } from "./index.js";

const stream = random(3);
const values = Float64Array.from({ length: 200 }, () => stream.normal());
const mean = (rows: Uint32Array) => rows.reduce((sum, row) => sum + values[row]!, 0) / rows.length;

test("of a mean, it is about the normal interval", () => {
  const { value, low, high, standardError } = bootstrapInterval(200, mean, { seed: 1, resamples: 4000 });
  const all = mean(Uint32Array.from(values.keys()));
  const error = Math.sqrt(values.reduce((sum, each) => sum + (each - all) ** 2, 0)) / 200;
  expect(value).toBe(all);
  expect(standardError / error).toBeGreaterThan(0.95);
  expect(standardError / error).toBeLessThan(1.05);
  expect(Math.abs(low - (all - 1.96 * error))).toBeLessThan(0.15 * error);
  expect(Math.abs(high - (all + 1.96 * error))).toBeLessThan(0.15 * error);
});

test("the quantiles are those of the resamples, interpolated as NumPy does", () => {
  const drawn: number[] = [];
  const { low, high } = bootstrapInterval(200, (rows) => drawn[drawn.push(mean(rows)) - 1]!, {
    resamples: 11,
    level: 0.5,
  });
  const sorted = drawn.slice(1).sort((a, b) => a - b);
  expect(low).toBeCloseTo((sorted[2]! + sorted[3]!) / 2, 12);
  expect(high).toBeCloseTo((sorted[7]! + sorted[8]!) / 2, 12);
});

test("the same seed gives the same interval, another seed another", () => {
  const once = bootstrapInterval(200, mean, { seed: 5, resamples: 50 });
  expect(bootstrapInterval(200, mean, { seed: 5, resamples: 50 })).toEqual(once);
  expect(bootstrapInterval(200, mean, { seed: 6, resamples: 50 })).not.toEqual(once);
});

test("groups are drawn whole, which widens the interval of samples that are alike", () => {
  const groups = values.map((_, i) => Math.floor(i / 20));
  const alike = Float64Array.from(values, (_, i) => values[groups[i]!]!);
  const score = (rows: Uint32Array) => {
    for (const group of new Set(rows.map((row) => groups[row]!)))
      expect(rows.filter((row) => groups[row] === group).length % 20).toBe(0);
    return meanAbsoluteError(take(alike, rows), new Float64Array(rows.length));
  };
  const grouped = bootstrapInterval(200, score, { resamples: 200, groups });
  const single = bootstrapInterval(200, (rows) => meanAbsoluteError(take(alike, rows), new Float64Array(200)), {
    resamples: 200,
  });
  expect(grouped.standardError).toBeGreaterThan(2 * single.standardError);
});

test("resamples without a score are drawn again; too many of them are an error", () => {
  const truth = [1, 0, 0, 0, 0, 0];
  const guess = [0.9, 0.1, 0.2, 0.3, 0.95, 0.4];
  const auc = (rows: Uint32Array) => rocAuc(take(truth, rows), take(guess, rows));
  expect(bootstrapInterval(6, auc, { resamples: 100 }).high).toBe(1);
  const never = (rows: Uint32Array) => {
    if (new Set(rows).size < rows.length) throw new MmubError("invalid-input", { part: "test", message: "no" });
    return 1;
  };
  expect(() => bootstrapInterval(6, never, { resamples: 20 })).toThrow(
    "not defined on more than half of the resamples",
  );
});

test("errors of the samples themselves and of other kinds come through", () => {
  expect(() => bootstrapInterval(2, (rows) => rocAuc(take([1, 1], rows), [0, 1]))).toThrow("no negative sample");
  expect(() => bootstrapInterval(2, () => Number.NaN)).toThrow("score 0 is NaN, want a finite number");
  const broken = (rows: Uint32Array) => {
    if (rows[0] === rows[1]) throw new TypeError("bug");
    return accuracy([1], [1]);
  };
  expect(() => bootstrapInterval(2, broken)).toThrow(TypeError);
  expect(() => bootstrapInterval(2, mean, { level: 95 })).toThrow("level is number 95, want a number between 0 and 1");
  expect(() => bootstrapInterval(0, mean)).toThrow("samples is number 0, want a positive integer");
  expect(() => bootstrapInterval(2, mean, { groups: [1] })).toThrow("groups has 1 entries for 2 samples");
});
