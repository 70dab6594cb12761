import fc from "fast-check";
import { describe, expect, test } from "vitest";
import fixture from "../fixtures/roc.json" with { type: "json" };
import type { ClassScores } from "./class-scores.js";
import { logLoss, rocAuc, rocCurve } from "./roc.js";

describe("scikit-learn's values", () => {
  for (const [i, want] of fixture.binary.entries())
    test(`two classes, case ${i}`, () => {
      const { truth, scores, dropIntermediate } = want;
      const weights = want.weights ? { sampleWeight: want.weights } : {};
      const curve = rocCurve(truth, scores, { dropIntermediate, ...weights });
      near(curve.falsePositiveRates, want.falsePositiveRates);
      near(curve.truePositiveRates, want.truePositiveRates);
      near(curve.thresholds, want.thresholds.map(number));
      near([rocAuc(truth, scores, weights)], [want.auc]);
      for (const [rate, expected] of Object.entries(want.partial))
        near([rocAuc(truth, scores, { maxFalsePositiveRate: Number(rate), ...weights })], [expected!]);
      near([logLoss(truth, scores, weights)], [want.logLoss]);
      near([logLoss(truth, scores, { normalize: false, ...weights })], [want.logLossSum]);
    });

  for (const want of fixture.multi) {
    const { truth } = want;
    const scores = classScores(want.classes, want.probabilities);
    for (const { multiClass, average, weighted, expected } of want.auc)
      test(`${want.classes} classes, ${multiClass} ${average}${weighted ? ", weighted" : ""}`, () => {
        const options = { multiClass, average, ...(weighted && { sampleWeight: want.weights }) };
        const got: unknown = rocAuc(truth, scores, options as never);
        near(Array.isArray(got) ? got.map(({ value }) => value) : [got as number], [expected].flat());
      });
    test(`log loss of ${want.classes} classes`, () => {
      near([logLoss(truth, scores)], [want.logLoss]);
      near([logLoss(truth, scores, { sampleWeight: want.weights })], [want.logLossWeighted]);
      const single = classScores(want.classes, Float32Array.from(want.probabilities));
      expect(logLoss(truth, single)).toBeCloseTo(want.logLossSingle, 5); // scikit-learn adds up in single precision
    });
  }

  function number(value: number | string): number {
    return value === "inf" ? Number.POSITIVE_INFINITY : Number(value);
  }

  function near(got: ArrayLike<number>, want: readonly number[]): void {
    expect(got.length).toBe(want.length);
    want.forEach((value, i) => {
      if (Number.isFinite(value)) expect(got[i]).toBeCloseTo(value, 10);
      else expect(got[i]).toBe(value);
    });
  }
});

function classScores(cols: number, data: ArrayLike<number>): ClassScores<number> {
  return {
    classes: Array.from({ length: cols }, (_, i) => i),
    probabilities: { rows: data.length / cols, cols, data },
  };
}

test("the area is how often a positive scores above a negative, ties half", () => {
  const samples = fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 6 })), { minLength: 2, maxLength: 40 });
  fc.assert(
    fc.property(samples, (rows) => {
      const truth = rows.map(([label]) => label);
      const scores = rows.map(([, score]) => score);
      fc.pre(truth.includes(true) && truth.includes(false));
      let wins = 0;
      let pairs = 0;
      for (let i = 0; i < rows.length; i++)
        for (let j = 0; j < rows.length; j++)
          if (truth[i] && !truth[j]) {
            pairs++;
            wins += scores[i]! > scores[j]! ? 1 : scores[i] === scores[j] ? 0.5 : 0;
          }
      expect(rocAuc(truth, scores)).toBeCloseTo(wins / pairs, 12);
      expect(rocAuc(truth, scores, { sampleWeight: truth.map(() => 3) })).toBeCloseTo(wins / pairs, 12);
      expect(rocAuc(truth, scores, { positive: false })).toBeCloseTo(1 - wins / pairs, 12);
    }),
    { seed: 7, numRuns: 200 },
  );
});

test("a model's prediction of two classes is about its second class", () => {
  const truth = ["leave", "leave", "buy", "buy"];
  const scores = {
    classes: ["buy", "leave"],
    probabilities: { rows: 4, cols: 2, data: [0.1, 0.9, 0.4, 0.6, 0.35, 0.65, 0.8, 0.2] },
  };
  expect(rocAuc(truth, scores)).toBe(0.75);
  expect(rocAuc(truth, [0.1, 0.4, 0.35, 0.8], { positive: "buy" })).toBe(0.75);
  expect(rocCurve(truth, scores, { positive: "buy" }).thresholds).toEqual(
    Float64Array.of(Number.POSITIVE_INFINITY, 0.8, 0.4, 0.35, 0.1),
  );
  expect(logLoss(truth, scores)).toBeCloseTo(logLoss(truth, [0.1, 0.4, 0.35, 0.8], { positive: "buy" }), 12);
});

describe("bad input", () => {
  const two = (data: number[]): ClassScores<number> => classScores(2, data);

  test("one class alone has no curve", () => {
    for (const call of [rocAuc, rocCurve]) {
      expect(() => call([1, 1], [0.1, 0.2])).toThrow("no negative sample among 2");
      expect(() => call([0, 0], [0.1, 0.2], { positive: 0 })).toThrow("no negative sample among 2");
      expect(() => call([0, 1], [0.1, 0.2], { sampleWeight: [1, 0] })).toThrow("no positive sample");
    }
    const three = classScores(3, [0.2, 0.3, 0.5, 0.6, 0.2, 0.2]);
    expect(() => rocAuc([0, 1], three)).toThrow("class 2 is never true");
    expect(rocAuc([0, 1], three, { average: "micro" })).toBe(0.125);
  });

  test("scores are finite numbers, one for each sample", () => {
    expect(() => rocAuc([0, 1], [0.1, Number.NaN])).toThrow("score 1 is number NaN, want a finite number");
    expect(() => rocAuc([0, 1], [0.1])).toThrow("scores has 1 entries for 2 samples");
    expect(() => rocAuc([], [])).toThrow("truth is empty");
    expect(() => logLoss([0, 1], [0.1, 1.5])).toThrow("score 1 is number 1.5, want a probability in [0, 1]");
  });

  test("labels are known and probabilities sum to 1", () => {
    expect(() => rocAuc([0, 5], two([0.1, 0.9, 0.5, 0.5]))).toThrow(
      "truth 1 is number 5, want one of the classes 0, 1",
    );
    expect(() => logLoss([0, 1], two([0.1, 0.9, 0.5, 0.6]))).toThrow(
      "the probabilities of sample 1 sum to 1.1, want 1",
    );
    expect(() => logLoss([0, 1], two([0.1, 0.9, -0.1, 1.1]))).toThrow("the probabilities of sample 1 is number -0.1");
    expect(() => logLoss([0, 1], two([0.1, 0.9]))).toThrow("probabilities are 1 x 2 with 2 values, want 2 samples x 2");
    expect(() => rocAuc(["a", "b", "c"], [0, 1, 2])).toThrow("one score a sample for 3 classes");
    expect(() => rocAuc([0, 1], two([0.1, 0.9, 0.5, 0.5]), { positive: 3 })).toThrow("positive is 3, want one of 0, 1");
    expect(() => rocAuc([0, 1], [0, 1], { maxFalsePositiveRate: 0 })).toThrow("maxFalsePositiveRate is number 0");
  });
});
