import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type LabelledBox, meanAveragePrecision, type ScoredBox } from "./detection.js";

const golden = JSON.parse(readFileSync(new URL("../fixtures/detection.json", import.meta.url), "utf8")) as {
  readonly truth: readonly LabelledBox[][];
  readonly found: readonly ScoredBox[][];
  readonly value: number;
  readonly ap50: number;
  readonly ap75: number;
  readonly recall: number;
  readonly byIou: readonly number[];
  readonly byLabel: Readonly<Record<string, number>>;
};
const { truth, found } = golden;

test("pycocotools' numbers (1e-9)", () => {
  const { value, byIou, byLabel, recall } = meanAveragePrecision(truth, found);
  expect(value).toBeCloseTo(golden.value, 9);
  expect(byIou[0]).toBeCloseTo(golden.ap50, 9);
  expect(byIou[5]).toBeCloseTo(golden.ap75, 9);
  expect(recall).toBeCloseTo(golden.recall, 9);
  for (const [i, want] of golden.byIou.entries()) expect(byIou[i]).toBeCloseTo(want, 9);
  // A class that is not in the truth is told of nowhere.
  expect(Object.keys(byLabel)).toEqual(Object.keys(golden.byLabel));
  for (const [label, want] of Object.entries(golden.byLabel)) expect(byLabel[label]).toBeCloseTo(want, 9);
});

const box = { left: 0, top: 0, right: 10, bottom: 10 };
const shoe = { label: "shoe", box };

describe("by hand", () => {
  test("all found, nothing found, and twice found", () => {
    const value = (...boxes: ScoredBox[]) => meanAveragePrecision([[shoe]], [boxes], { iou: [0.5] }).value;
    expect(value({ ...shoe, score: 0.1 })).toBe(1);
    expect(value()).toBe(0);
    expect(value({ ...shoe, label: "hat", score: 1 })).toBe(0);
    // What comes behind the whole recall costs nothing; before it, half.
    const apart = { label: "shoe", box: { ...box, left: 9 }, score: 0.5 };
    expect(value({ ...shoe, score: 0.9 }, apart)).toBe(1);
    expect(value({ ...shoe, score: 0.1 }, apart)).toBe(0.5);
  });

  test("only so many count", () => {
    const many = Array.from({ length: 5 }, (_, i) => ({ label: "shoe", box: { ...box, left: 9 }, score: 1 - i / 10 }));
    const boxes = [...many, { ...shoe, score: 0.1 }];
    expect(meanAveragePrecision([[shoe]], [boxes], { iou: [0.5], limit: 5 }).recall).toBe(0);
    expect(meanAveragePrecision([[shoe]], [boxes], { iou: [0.5], limit: 6 }).recall).toBe(1);
  });

  test("leaves what it got as it was", () => {
    const before = structuredClone([truth, found]);
    meanAveragePrecision(truth, found);
    expect([truth, found]).toEqual(before);
  });
});

test("what does not fit is refused", () => {
  expect(() => meanAveragePrecision([[]], [])).toThrow(/boxes of 1 pictures and the detections of 0/);
  expect(() => meanAveragePrecision([[]], [[]])).toThrow(/no true box/);
  expect(() => meanAveragePrecision([[shoe]], [[{ ...shoe, score: Number.NaN }]])).toThrow(
    /picture 0 has a box or score/,
  );
  expect(() => meanAveragePrecision([[shoe]], [[]], { iou: [] })).toThrow(/iou is/);
  expect(() => meanAveragePrecision([[shoe]], [[]], { limit: 0 })).toThrow(/limit is number 0/);
});
