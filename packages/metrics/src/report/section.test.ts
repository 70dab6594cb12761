import { dense, random } from "@mmub/core";
import { describe, expect, test } from "vitest";
import { htmlReport } from "./report.js";
import { classificationSection, regressionSection } from "./section.js";

const stream = random(5);
const truth = Float64Array.from({ length: 120 }, () => 50 + 20 * stream.normal());
const values = truth.map((value) => value + 5 * stream.normal());

describe("regressionSection", () => {
  test("sets R² and the errors against the mean", async () => {
    const section = await regressionSection({
      title: "Spend",
      truth,
      prediction: { values },
      unit: "€",
      resamples: 200,
    });
    const [explained, , absolute] = section.scores;
    expect(explained!.baseline!.value).toBe(0);
    expect(explained!.gain!.value).toBeCloseTo(explained!.score.value, 12);
    expect(absolute!.score.value).toBeLessThan(absolute!.baseline!.value);
    expect(section.summary).toContain("better than always saying the mean");
    expect(section.summary).toContain("€");
  });

  test("says no more than the interval shows", async () => {
    const say = async (prediction: Float64Array) =>
      (await regressionSection({ title: "t", truth, prediction: { values: prediction }, resamples: 200 })).summary;
    const mean = truth.reduce((a, b) => a + b, 0) / truth.length;
    expect(await say(truth.map(() => mean))).toContain("not shown to be better than");
    expect(await say(truth.map((value) => 200 - value))).toContain("worse than");
  });

  test("shows the largest errors first, and explanations in the unit", async () => {
    const section = await regressionSection({
      title: "Spend",
      truth,
      prediction: { values },
      unit: "€",
      resamples: 50,
      mistakes: 3,
      describe: (row) => ({ title: `Row ${row}` }),
      contributions: [
        { row: 2, score: 55, base: 50, shapley: { review: 7, visits: -2 }, leaveOneOut: { review: 7, visits: -2 } },
      ],
    });
    const worst = [...truth.keys()].sort((a, b) => Math.abs(values[b]! - truth[b]!) - Math.abs(values[a]! - truth[a]!));
    expect(section.mistakes.map(({ title }) => title)).toEqual(worst.slice(0, 3).map((row) => `Row ${row}`));
    const page = await htmlReport({ title: "t", sections: [section] });
    expect(page).toContain("+7.00");
    expect(page).toContain("−2.00");
    expect(page).toContain("The largest errors");
  });

  test("bad input is named", async () => {
    const bad = (of: ArrayLike<number>, prediction: Float64Array) =>
      regressionSection({ title: "t", truth: of, prediction: { values: prediction } });
    await expect(bad(truth, values.subarray(1))).rejects.toThrow("119 predictions for 120 samples");
    await expect(bad([1, Number.NaN], Float64Array.of(1, 2))).rejects.toThrow("truth 1 is number NaN");
    await expect(bad([1, 2], Float64Array.of(1, Number.NaN))).rejects.toThrow("predicted value 1 is number NaN");
  });
});

describe("classificationSection", () => {
  const labels = Array.from({ length: 90 }, (_, i) => (["a", "b", "c"] as const)[i % 3]!);
  const guesses = labels.map((label, i) => (i % 7 === 0 ? "a" : label));
  const probabilities = dense(90, 3);
  guesses.forEach((label, i) => {
    probabilities.data.set([0.2, 0.2, 0.2], 3 * i);
    probabilities.data[3 * i + "abc".indexOf(label)] = 0.6;
  });
  const prediction = { labels: guesses, classes: ["a", "b", "c"] as const, probabilities };

  test("draws one curve for each of three classes, and lists every class", async () => {
    const section = await classificationSection({ title: "t", truth: labels, prediction, resamples: 50 });
    expect(section.scores.map(({ name }) => name)).toEqual(["Accuracy", "Macro F1", "ROC AUC, mean of classes"]);
    expect(section.classes!.classes.map(({ label }) => label)).toEqual(["a", "b", "c"]);
    expect(JSON.stringify(section.plots)).toContain("c against the rest");
  });

  test("leaves the curve out where a class is too rare or was never learned", async () => {
    for (const odd of ["a", "d"]) {
      const rare = labels.map((label, i) => (label === "c" && i > 5 ? odd : label)) as ("a" | "b" | "c")[];
      const section = await classificationSection({ title: "t", truth: rare, prediction, resamples: 50 });
      expect(section.scores.map(({ name }) => name)).toEqual(["Accuracy", "Macro F1"]);
      expect(section.plots.some(({ title }) => title.text === "ROC curve")).toBe(false);
    }
  });

  test("takes a baseline and groups of one's own", async () => {
    const options = { title: "t", truth: labels, prediction, resamples: 100 };
    const single = await classificationSection({ ...options, baseline: "b" });
    expect(single.baseline).toBe("always saying “b”");
    const grouped = await classificationSection({ ...options, groups: labels.map((_, i) => i % 4) });
    expect(grouped.scores[0]!.score.standardError).not.toBe(single.scores[0]!.score.standardError);
    await expect(classificationSection({ ...options, positive: "z" as never })).rejects.toThrow("positive is string");
  });
});
