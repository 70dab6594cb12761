import type { Label } from "@mmub/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import fixture from "../fixtures/classification.json" with { type: "json" };
import {
  type AccuracyOptions,
  type AverageOptions,
  accuracy,
  type ConfusionOptions,
  classificationReport,
  confusionMatrix,
  f1,
  fBeta,
  precision,
  recall,
} from "./classification.js";

const sets = fixture.sets as unknown as Record<
  string,
  { truth: Label[]; predicted: Label[]; weights: number[] } | undefined
>;

describe("scikit-learn's values", () => {
  for (const { set, weighted, score, options, expected } of fixture.cases) {
    const { truth, predicted, weights } = sets[set]!;
    const given = {
      ...options,
      ...("zeroDivision" in options && { zeroDivision: Number(options.zeroDivision) }),
      ...(weighted && { sampleWeight: weights }),
    };
    test(`${score} of ${set}${weighted ? ", weighted" : ""} ${JSON.stringify(options)}`, () => {
      if (score === "accuracy") close(accuracy(truth, predicted, given as AccuracyOptions), expected);
      if (score === "confusion")
        close(confusionMatrix(truth, predicted, given as ConfusionOptions<Label>).counts, expected);
      if (score === "scores") {
        const average = given as AverageOptions<Label>;
        const values = [
          precision(truth, predicted, average),
          recall(truth, predicted, average),
          f1(truth, predicted, average),
          fBeta(truth, predicted, { ...average, beta: 0.5 }),
          fBeta(truth, predicted, { ...average, beta: 2 }),
        ];
        close(
          values.map((value: unknown) => (Array.isArray(value) ? value.map((each) => each.value) : value)),
          expected,
        );
      }
      if (score === "report") {
        const { classes, accuracy, micro, macro, weighted } = classificationReport(truth, predicted, given as object);
        const want = expected as unknown as Record<string, Record<string, number>>;
        for (const { label, ...row } of classes) close(row, named(want[pythonic(label)]!));
        close(macro, named(want["macro avg"]!));
        close(weighted, named(want["weighted avg"]!));
        if ("micro avg" in want) close(micro, named(want["micro avg"]!));
        else close([accuracy, micro.f1], [want.accuracy, want.accuracy]);
      }
    });
  }

  function named({ "f1-score": f1, ...row }: Record<string, number>) {
    return { ...row, f1 };
  }

  function pythonic(label: Label): string {
    return typeof label === "boolean" ? (label ? "True" : "False") : String(label);
  }

  function close(got: unknown, want: unknown): void {
    if (typeof got !== "object" || got === null || typeof want !== "object" || want === null) {
      if (Number.isNaN(Number(want))) expect(got).toBeNaN();
      else expect(got).toBeCloseTo(Number(want), 10);
      return;
    }
    expect(Object.keys(got).sort()).toEqual(Object.keys(want).sort());
    for (const [key, value] of Object.entries(got)) close(value, (want as Record<string, unknown>)[key]);
  }
});

describe("of any labels", () => {
  const pairs = fc
    .array(fc.tuple(fc.constantFrom("a", "b", "c"), fc.constantFrom("a", "b", "c", "d")), {
      minLength: 1,
      maxLength: 50,
    })
    .map((rows) => ({
      truth: rows.map(([label]) => label as string),
      predicted: rows.map(([, label]) => label as string),
    }));

  test("micro averages are the accuracy, and the confusion matrix holds them all", () => {
    fc.assert(
      fc.property(pairs, ({ truth, predicted }) => {
        const right = accuracy(truth, predicted);
        for (const score of [precision, recall, f1])
          expect(score(truth, predicted, { average: "micro" })).toBeCloseTo(right, 12);
        expect(recall(truth, predicted, { average: "weighted" })).toBeCloseTo(right, 12);
        const { counts } = confusionMatrix(truth, predicted);
        expect(counts.flat().reduce((a, b) => a + b, 0)).toBe(truth.length);
        expect(counts.reduce((sum, row, i) => sum + row[i]!, 0) / truth.length).toBeCloseTo(right, 12);
      }),
      { seed: 7, numRuns: 100 },
    );
  });

  test("a weight of 2 counts as the sample twice", () => {
    fc.assert(
      fc.property(pairs, ({ truth, predicted }) => {
        const sampleWeight = truth.map((_, i) => 1 + (i % 2));
        const twice = <T>(values: readonly T[]) => values.flatMap((value, i) => (i % 2 ? [value, value] : [value]));
        const [weighted, repeated] = [
          classificationReport(truth, predicted, { sampleWeight }),
          classificationReport(twice(truth), twice(predicted)),
        ];
        expect(weighted).toEqual(repeated);
      }),
      { seed: 7, numRuns: 50 },
    );
  });
});

describe("bad input", () => {
  const calls: readonly ((truth: number[], predicted: number[]) => unknown)[] = [
    accuracy,
    precision,
    recall,
    f1,
    confusionMatrix,
    classificationReport,
  ];

  test("of another length, empty, of no label or of mixed types is refused by every score", () => {
    for (const call of calls) {
      expect(() => call([1, 0], [1])).toThrow("predicted has 1 entries for 2 samples");
      expect(() => call([], [])).toThrow("truth is empty, want at least one sample");
      expect(() => call([1, Number.NaN], [1, 0])).toThrow("truth 1 is number NaN, want a finite number");
      expect(() => call([1, 0], [1, "0" as never])).toThrow('predicted 1 is string "0", want a number');
      expect(() => call([1, null as never], [1, 0])).toThrow("truth 1 is null, want a number");
    }
  });

  test("weights are one for each sample, not negative, not all 0", () => {
    expect(() => accuracy([1, 0], [1, 0], { sampleWeight: [1] })).toThrow("sampleWeight has 1 entries for 2 samples");
    expect(() => accuracy([1, 0], [1, 0], { sampleWeight: [1, -1] })).toThrow("sampleWeight 1 is number -1");
    expect(() => accuracy([1, 0], [1, 0], { sampleWeight: [0, 0] })).toThrow("every sampleWeight is 0");
  });

  test("a binary score needs two classes and a positive one that occurs", () => {
    expect(() => f1(["a", "b", "c"], ["a", "b", "c"])).toThrow('3 classes ("a", "b", "c") with the average "binary"');
    expect(() => f1(["a", "b"], ["a", "b"])).toThrow('positive is undefined, want one of "a", "b"');
    expect(() => f1(["a", "b"] as string[], ["a", "b"], { positive: "B" })).toThrow(
      'positive is "B", want one of "a", "b"',
    );
    expect(() => f1([1, 2], [1, 2], { labels: [1] })).toThrow("labels is an array of 1, want none with the average");
    expect(() => f1([1, 0], [1, 0], { average: "mean" as never })).toThrow('average is string "mean", want one of');
    expect(() => f1([1, 0], [1, 0], { zeroDivision: 0.5 })).toThrow("zeroDivision is number 0.5, want 0, 1 or NaN");
    expect(() => fBeta([1, 0], [1, 0], { beta: -1 })).toThrow("beta is number -1, want a number of at least 0");
  });

  test("labels come once each, and some of them are true", () => {
    expect(() => confusionMatrix(["a"], ["a"], { labels: ["a", "a"] })).toThrow("each label once; it is entry 0 too");
    expect(() => confusionMatrix(["a"] as string[], ["a"], { labels: ["z"] })).toThrow(
      'none of the labels "z" is ever true',
    );
  });
});
