import fc from "fast-check";
import { describe, expect, test } from "vitest";
import fixture from "../fixtures/split.json" with { type: "json" };
import { groupSplit, randomSplit, type Split, stratifiedSplit, take, timeSplit } from "./split.js";

function whole({ train, test }: Split, samples: number): void {
  expect(Uint32Array.from([...train, ...test]).sort()).toEqual(Uint32Array.from({ length: samples }, (_, i) => i));
  for (const side of [train, test]) expect(side).toEqual(side.slice().sort());
}

describe("randomSplit", () => {
  test("has scikit-learn's sizes", () => {
    for (const { samples, testSize, test: want } of fixture.sizes) {
      const split = randomSplit(samples, { testSize });
      whole(split, samples);
      expect(split.test.length).toBe(want);
    }
  });

  test("the seed decides", () => {
    expect(randomSplit(100, { seed: 1 })).toEqual(randomSplit(100, { seed: 1 }));
    expect(randomSplit(100, { seed: 1 })).not.toEqual(randomSplit(100, { seed: 2 }));
  });

  test("an empty side is refused", () => {
    expect(() => randomSplit(3, { testSize: 3 })).toThrow("testSize 3 takes 3 of 3 samples, want at least one left");
    expect(() => randomSplit(1)).toThrow("takes 1 of 1 samples");
    for (const testSize of [0, -1, 1.5, Number.NaN])
      expect(() => randomSplit(9, { testSize })).toThrow("want a share in (0, 1) or a number of samples");
  });
});

describe("stratifiedSplit", () => {
  test("keeps every class's share to the sample, and every class on both sides", () => {
    const classes = fc.array(fc.integer({ min: 2, max: 30 }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(classes, fc.integer({ min: 1, max: 9 }), fc.integer(), (sizes, tenths, seed) => {
        const labels = sizes.flatMap((size, label) => Array<number>(size).fill(label));
        const tests = Math.ceil((tenths * labels.length) / 10);
        fc.pre(Math.min(tests, labels.length - tests) >= sizes.length);
        const split = stratifiedSplit(labels, { testSize: tenths / 10, seed });
        whole(split, labels.length);
        expect(split.test.length).toBe(tests);
        sizes.forEach((size, label) => {
          const got = take(labels, split.test).filter((of) => of === label).length;
          const share = (size * tests) / labels.length;
          expect(got).toBeGreaterThanOrEqual(1);
          expect(got).toBeLessThan(size);
          // Small classes are raised to 1 at the cost of the others, at most 1 a class.
          expect(Math.abs(got - share)).toBeLessThan(sizes.length);
          if (sizes.every((each) => (each * tests) / labels.length >= 1 && each - (each * tests) / labels.length >= 1))
            expect(Math.abs(got - share)).toBeLessThan(1);
        });
      }),
      { seed: 7, numRuns: 200 },
    );
  });

  test("the seed decides", () => {
    expect(stratifiedSplit(fixture.labels, { seed: 1 })).toEqual(stratifiedSplit(fixture.labels, { seed: 1 }));
    expect(stratifiedSplit(fixture.labels, { seed: 1 })).not.toEqual(stratifiedSplit(fixture.labels, { seed: 2 }));
  });

  test("a class of one sample, or a side too small for every class, is refused", () => {
    expect(() => stratifiedSplit(["a", "a", "b"])).toThrow('class "b" has one sample, want at least 2');
    expect(() => stratifiedSplit(["a", "a", "b", "b"], { testSize: 1 })).toThrow(
      "want at least one of each of 2 classes",
    );
    expect(() => stratifiedSplit([])).toThrow("labels is empty");
  });
});

describe("groupSplit", () => {
  test("no group is on both sides, and the test has its share of groups", () => {
    const groups = fc.array(fc.integer({ min: 0, max: 8 }), { minLength: 2, maxLength: 60 });
    fc.assert(
      fc.property(groups, fc.integer(), (of, seed) => {
        const count = new Set(of).size;
        fc.pre(count > 1);
        const split = groupSplit(of, { testSize: 0.3, seed });
        whole(split, of.length);
        const [train, test] = [new Set(take(of, split.train)), new Set(take(of, split.test))];
        expect([...train].filter((group) => test.has(group))).toEqual([]);
        expect(test.size).toBe(Math.ceil(0.3 * count - 1e-9));
      }),
      { seed: 7, numRuns: 100 },
    );
  });

  test("one group alone is refused", () => {
    expect(() => groupSplit(["a", "a"])).toThrow("testSize 0.25 takes 1 of 1 groups");
  });
});

describe("timeSplit", () => {
  test("all of the training is before all of the test, whatever the order and the ties", () => {
    const times = fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 2, maxLength: 60 });
    fc.assert(
      fc.property(times, (at) => {
        const tests = Math.ceil(0.25 * at.length);
        fc.pre(at.filter((time) => time >= at.toSorted((a, b) => a - b)[at.length - tests]!).length < at.length);
        const split = timeSplit(at);
        whole(split, at.length);
        expect(Math.max(...take(at, split.train))).toBeLessThan(Math.min(...take(at, split.test)));
        expect(split.test.length).toBeGreaterThanOrEqual(tests);
        if (new Set(at).size === at.length) expect(split.test.length).toBe(tests);
      }),
      { seed: 7, numRuns: 100 },
    );
  });

  test("dates, a fixed time and a gap", () => {
    const dates = [3, 1, 2, 5, 4].map((day) => new Date(Date.UTC(2024, 0, day)));
    const from = new Date(Date.UTC(2024, 0, 4));
    expect(timeSplit(dates, { from })).toEqual({ train: Uint32Array.of(0, 1, 2), test: Uint32Array.of(3, 4) });
    expect(timeSplit([3, 1, 2, 5, 4], { from: 4, gap: 2 })).toEqual({
      train: Uint32Array.of(1, 2),
      test: Uint32Array.of(3, 4),
    });
  });

  test("an empty side and times that are none are refused", () => {
    expect(() => timeSplit([1, 1, 1])).toThrow("no sample is left for train with the test from 1");
    expect(() => timeSplit([1, 2], { from: 9 })).toThrow("no sample is left for test");
    expect(() => timeSplit([1, 2], { from: 2, testSize: 1 })).toThrow("testSize is number 1, want none beside from");
    expect(() => timeSplit([1, Number.NaN])).toThrow("time 1 is number NaN");
    expect(() => timeSplit([new Date("never"), new Date(0)])).toThrow("time 0 is number NaN");
  });
});

test("take copies entries of arrays and typed arrays, and refuses positions that are none", () => {
  expect(take(["a", "b", "c"], [2, 0, 2])).toEqual(["c", "a", "c"]);
  expect(take(Float32Array.of(1, 2, 3), Uint32Array.of(1))).toEqual(Float32Array.of(2));
  for (const index of [3, -1, 0.5, Number.NaN])
    expect(() => take(["a", "b", "c"], [0, index])).toThrow(`index 1 is ${index}`);
});
