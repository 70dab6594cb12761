import { describe, expect, test } from "vitest";
import { confusionMatrix } from "./classification.js";
import { sayIn } from "./language.js";
import { confusionHeatmap } from "./plots/confusion-heatmap.js";
import { labelCounts } from "./plots/label-counts.js";
import { predictedVsTrue, residualPlot } from "./plots/regression-plots.js";
import { renderSvg } from "./plots/render.js";
import { rocPlot } from "./plots/roc-plot.js";
import type { Plot, PlotOptions } from "./plots/spec.js";
import { trainingCurve } from "./plots/training-curve.js";
import { rocCurve } from "./roc.js";

test("values are put in where the language wants them", () => {
  expect(sayIn("t")("{0} of {1}", "a", "b")).toBe("a of b");
  expect(sayIn("t", "zh")("{0} of {1}", "a", "b")).toBe("b 中的 a");
  expect(sayIn("t").samples(1)).toBe("1 sample");
  expect(sayIn("t").samples(12345)).toBe("12,345 samples");
  expect(sayIn("t", "zh").known("Accuracy")).toBe("准确率");
  expect(sayIn("t", "zh").known("Net revenue")).toBe("Net revenue");
});

test("another language is refused", () => {
  expect(() => sayIn("t", "fr" as never)).toThrow("language");
});

describe("plots in Chinese", () => {
  const labels = ["一", "二", "一", "二"];
  const scores = [0.1, 0.8, 0.4, 0.6];
  const plots: ((options: PlotOptions) => Plot)[] = [
    (options) => confusionHeatmap(confusionMatrix(labels, labels), options),
    (options) => labelCounts(labels, labels, options),
    (options) => predictedVsTrue(scores, scores, options),
    (options) => residualPlot(scores, scores, options),
    (options) => trainingCurve([{ 损: 1 }, { 损: 0.5 }], options),
    (options) => rocPlot([{ name: "二", curve: rocCurve([0, 1, 0, 1], scores) }], options),
  ];
  for (const [at, plot] of plots.entries())
    test(`plot ${at} has no English word, in its text and its description`, async () => {
      const svg = await renderSvg(plot({ language: "zh" }));
      const said = [...svg.matchAll(/>([^<>]+)</g)].map(([, text]) => text!.trim()).join(" ");
      expect(said).toMatch(/[\u4e00-\u9fff]/);
      expect(said.replaceAll("ROC", "")).not.toMatch(/[A-Za-z]{2,}/);
    });
});
