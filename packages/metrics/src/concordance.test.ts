import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { concordanceIndex } from "./index.js";

const golden = JSON.parse(readFileSync(new URL("../fixtures/concordance.json", import.meta.url), "utf8")) as {
  readonly time: number[];
  readonly event: boolean[];
  readonly risk: number[];
  readonly index: number;
}[];

test("scikit-survival's numbers, with tied times and tied risks", () => {
  for (const { time, event, risk, index } of golden) {
    const truth = time.map((own, i) => ({ time: own, event: event[i]! }));
    expect(concordanceIndex(truth, risk)).toBeCloseTo(index, 12);
  }
});

test("one half where all risks are alike, and the rest of it turned round", () => {
  const truth = [1, 2, 3, 4].map((time) => ({ time, event: time !== 3 }));
  expect(concordanceIndex(truth, [0, 0, 0, 0])).toBe(0.5);
  expect(concordanceIndex(truth, [4, 3, 2, 1])).toBe(1);
  expect(concordanceIndex(truth, [1, 2, 3, 4])).toBe(0);
});

test("bad input names its index", () => {
  const truth = [
    { time: 1, event: true },
    { time: 2, event: false },
  ];
  expect(() => concordanceIndex(truth, [1])).toThrow(/risks has 1 entries for 2 samples/);
  expect(() => concordanceIndex(truth, [1, Number.NaN])).toThrow(/risks 1 is number NaN/);
  expect(() => concordanceIndex([{ time: -1, event: true }, truth[1]!], [1, 2])).toThrow(/truth 0 is/);
  expect(() => concordanceIndex([truth[1]!, truth[1]!], [1, 2])).toThrow(/no two samples can be compared/);
  expect(() => concordanceIndex([], [])).toThrow(/empty/);
});
