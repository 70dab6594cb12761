import { describe, expect, test } from "vitest";
import fixture from "../fixtures/split.json" with { type: "json" };
import { groupKFold, kFold, stratifiedKFold, timeSeriesFolds } from "./folds.js";
import { type Split, take } from "./split.js";

const plain = (folds: readonly Split[], side: "train" | "test" = "test") => folds.map((fold) => [...fold[side]]);

function whole(folds: readonly Split[], samples: number): void {
  const all = Array.from({ length: samples }, (_, i) => i);
  expect(
    plain(folds)
      .flat()
      .sort((a, b) => a - b),
  ).toEqual(all);
  for (const { train, test } of folds) expect([...train, ...test].sort((a, b) => a - b)).toEqual(all);
}

describe("scikit-learn's folds", () => {
  test("kFold and stratifiedKFold without shuffling", () => {
    for (const [folds, want] of Object.entries(fixture.kFold))
      expect(plain(kFold(fixture.labels.length, { folds: +folds, shuffle: false }))).toEqual(want);
    for (const [folds, want] of Object.entries(fixture.stratifiedKFold))
      expect(plain(stratifiedKFold(fixture.labels, { folds: +folds, shuffle: false }))).toEqual(want);
  });

  test("the sizes of groupKFold", () => {
    for (const [folds, want] of Object.entries(fixture.groupKFoldSizes))
      expect(groupKFold(fixture.groups, { folds: +folds }).map((fold) => fold.test.length)).toEqual(want);
  });

  test("timeSeriesFolds", () => {
    for (const { train, test, folds, gap, testSize, maxTrainSize } of fixture.timeSeries) {
      const options = { folds, gap, ...(testSize && { testSize }), ...(maxTrainSize && { maxTrainSize }) };
      const got = timeSeriesFolds(fixture.times, options);
      expect(plain(got)).toEqual(test);
      expect(plain(got, "train")).toEqual(train);
    }
  });
});

test("shuffled folds hold every sample once and keep sizes and shares level", () => {
  const { labels } = fixture;
  const folds = stratifiedKFold(labels, { folds: 4, seed: 3 });
  whole(folds, labels.length);
  whole(kFold(labels.length, { seed: 3 }), labels.length);
  const counts = folds.map(({ test }) =>
    ["a", "b", "c"].map((of) => take(labels, test).filter((label) => label === of).length),
  );
  for (const column of [0, 1, 2]) {
    const each = counts.map((row) => row[column]!);
    expect(Math.max(...each) - Math.min(...each)).toBeLessThanOrEqual(1);
  }
  const sizes = folds.map(({ test }) => test.length);
  expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
  expect(stratifiedKFold(labels, { folds: 4, seed: 3 })).toEqual(folds);
  expect(stratifiedKFold(labels, { folds: 4, seed: 4 })).not.toEqual(folds);
  expect(kFold(50, { seed: 1 })).not.toEqual(kFold(50, { seed: 2 }));
});

test("a group is tested in one fold alone", () => {
  const folds = groupKFold(fixture.groups, { folds: 3 });
  whole(folds, fixture.groups.length);
  for (const { train, test } of folds) {
    const tested = new Set(take(fixture.groups, test));
    expect(take(fixture.groups, train).some((group) => tested.has(group))).toBe(false);
  }
});

test("samples of one time are never on both sides", () => {
  const times = [0, 0, 1, 1, 2, 2, 3, 3, 3, 4, 5, 5];
  for (const { train, test } of timeSeriesFolds(times, { folds: 3 }))
    expect(Math.max(...take(times, train))).toBeLessThan(Math.min(...take(times, test)));
});

test("impossible folds are refused", () => {
  expect(() => kFold(3, { folds: 4 })).toThrow("4 folds of 3 samples, want at most 3");
  expect(() => kFold(3, { folds: 1 })).toThrow("folds is number 1, want an integer of at least 2");
  expect(() => stratifiedKFold(["a", "a", "a", "b"], { folds: 2 })).toThrow('class "b" has 1 samples for 2 folds');
  expect(() => groupKFold(["a", "a", "b"], { folds: 3 })).toThrow("3 folds of 2 groups");
  expect(() => timeSeriesFolds([1, 2, 3])).toThrow("5 folds of 3 samples, want at least 6 samples");
  expect(() => timeSeriesFolds([1, 2, 3, 4], { folds: 2, testSize: 2 })).toThrow("fold 0 has no sample to train on");
  expect(() => timeSeriesFolds([7, 7, 7, 7], { folds: 1 })).toThrow("fold 0 has no sample to train on");
});
