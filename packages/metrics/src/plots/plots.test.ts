import { describe, expect, test } from "vitest";
import { confusionMatrix } from "../classification.js";
import { ablation } from "../explain.js";
import { rocCurve } from "../roc.js";
import { confusionHeatmap } from "./confusion-heatmap.js";
import { labelCounts } from "./label-counts.js";
import { ablationPlot, modalityPlot } from "./modality-plots.js";
import { predictedVsTrue } from "./predicted-vs-true.js";
import { renderSvg } from "./render.js";
import { rocPlot } from "./roc-plot.js";
import type { Plot } from "./spec.js";
import { themes } from "./theme.js";
import { trainingCurve } from "./training-curve.js";

const truth = ["buy", "leave", "buy", "buy", "leave", "<wait>"];
const guess = ["buy", "buy", "buy", "leave", "leave", "<wait>"];
const table = await ablation(
  {
    predict: async (rows: readonly { review: number | null; photo: number | null }[]) => ({
      values: Float64Array.from(rows, ({ review, photo }) => 2 * (review ?? 0) + (photo ?? 0)),
    }),
  },
  [
    { review: 1, photo: 2 },
    { review: 2, photo: 1 },
    { review: 3, photo: 4 },
    { review: 5, photo: 0 },
  ],
  [4, 5, 10, 10],
  { modalities: ["review", "photo"], seed: 7, resamples: 50 },
);

const plots: readonly [name: string, plot: Plot, texts: readonly string[]][] = [
  ["label counts", labelCounts(truth, guess), ["True and predicted labels", "buy", "leave", "&lt;wait&gt;"]],
  ["confusion", confusionHeatmap(confusionMatrix(truth, guess)), ["Confusion matrix", "Predicted", "&lt;wait&gt;"]],
  ["modalities", modalityPlot(table), ["What each modality adds", "review", "photo"]],
  ["ablation", ablationPlot(table), ["all modalities", "only review", "without photo", "no modality"]],
  ["predicted and true", predictedVsTrue([1, 2, 3], [1.1, 1.9, 3.2], { unit: "euros" }), ["euros"]],
  [
    "ROC",
    rocPlot([{ name: "model A", curve: rocCurve([0, 1, 0, 1], [0.1, 0.8, 0.4, 0.35], { positive: 1 }) }]),
    ["ROC curve", "model A"],
  ],
  ["training", trainingCurve([{ loss: 0.9 }, { loss: 0.5 }]), ["Training", "Loss"]],
];

describe.each(plots)("%s", (_, plot, texts) => {
  test("renders in light and dark, with its words and a description", async () => {
    for (const theme of ["light", "dark"] as const) {
      const svg = await renderSvg(plot, { theme });
      for (const text of texts) expect(svg).toContain(text);
      expect(svg).toContain('role="img"');
      expect(svg).toMatch(/<desc id="[^"]+">[^<]{10,}<\/desc>/);
      expect(svg).toContain(themes[theme].ink);
      expect(svg).not.toMatch(/NaN|undefined|"black"/);
      expect(svg).not.toContain("http://www.w3.org/1999/xhtml");
    }
  });

  test("the same spec gives the same bytes, and rendering leaves it as it was", async () => {
    const before = structuredClone(plot);
    expect(await renderSvg(plot)).toBe(await renderSvg(plot));
    expect(plot).toEqual(before);
  });
});

test("labels are text, whatever they hold", async () => {
  const label = `</svg><script>alert("x")</script>`;
  const svg = await renderSvg(labelCounts([label, "b"], [label, label]));
  expect(svg).not.toContain("<script>");
});

test("plots drawn at once come out as those drawn alone", async () => {
  const alone = [await renderSvg(plots[0]![1]), await renderSvg(plots[1]![1], { theme: "dark" })];
  expect(await Promise.all([renderSvg(plots[0]![1]), renderSvg(plots[1]![1], { theme: "dark" })])).toEqual(alone);
});

describe("bad input", () => {
  test("a spec that is none, that cannot be drawn, or that loads data", async () => {
    for (const spec of [
      null,
      "bar",
      { mark: "nothing", encoding: {} },
      { data: { url: "x.csv" }, mark: "bar", encoding: {} },
    ])
      await expect(renderSvg(spec as never)).rejects.toMatchObject({ code: "invalid-input" });
  });

  test("an unknown theme", async () => {
    await expect(renderSvg(plots[0]![1], { theme: "blue" as never })).rejects.toMatchObject({ code: "invalid-params" });
  });

  test("labels of different lengths, none, and values that are not finite", () => {
    const bad = { code: expect.stringMatching(/invalid-input|shape-mismatch/) };
    expect(() => labelCounts(truth, guess.slice(1))).toThrow(expect.objectContaining(bad));
    expect(() => labelCounts([], [])).toThrow(expect.objectContaining(bad));
    expect(() => trainingCurve([])).toThrow(expect.objectContaining(bad));
    expect(() => trainingCurve([{ loss: Number.NaN }])).toThrow(expect.objectContaining(bad));
    expect(() => predictedVsTrue([1], [Number.NaN])).toThrow(expect.objectContaining(bad));
  });
});
