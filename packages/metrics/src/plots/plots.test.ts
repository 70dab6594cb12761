import { describe, expect, test } from "vitest";
import { calibrationCurve } from "../calibration.js";
import { confusionMatrix } from "../classification.js";
import { ablation } from "../explain.js";
import { precisionRecallCurve } from "../precision-recall.js";
import { robustness } from "../robustness.js";
import { rocCurve } from "../roc.js";
import { confusionHeatmap } from "./confusion-heatmap.js";
import { calibrationPlot, precisionRecallPlot, robustnessPlot } from "./curve-plots.js";
import { importancePlot, shapBeeswarm } from "./importance-plots.js";
import { labelCounts } from "./label-counts.js";
import { ablationPlot, modalityPlot } from "./modality-plots.js";
import { predictedVsTrue, residualPlot } from "./regression-plots.js";
import { renderSvg } from "./render.js";
import { rocPlot } from "./roc-plot.js";
import type { Plot } from "./spec.js";
import { themes } from "./theme.js";
import { trainingCurve } from "./training-curve.js";
import { upliftPlot } from "./uplift-plot.js";

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

const campaign = { outcome: [1, 0, 0, 1], treated: [1, 0, 1, 0], uplift: [0.4, 0.3, 0.1, -0.2] };
const spoilt = await robustness(
  {
    predict: async (rows: readonly { review: number | null; photo: number | null }[]) => ({
      values: Float64Array.from(rows, ({ review, photo }) => 2 * (review ?? 0) + (photo ?? 0)),
    }),
  },
  [
    { review: 1, photo: 2 },
    { review: 2, photo: 1 },
    { review: 3, photo: 4 },
  ],
  [4, 5, 10],
  { modalities: ["review", "photo"], noise: { review: (value, level) => value - level }, resamples: 50 },
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
  [
    "uplift",
    upliftPlot([
      { name: "two models", data: campaign },
      { name: "one", data: campaign },
    ]),
    ["Outcomes gained by treatment", "two models"],
  ],
  [
    "precision and recall",
    precisionRecallPlot([{ name: "model A", curve: precisionRecallCurve([0, 1, 0, 1], [0.1, 0.8, 0.4, 0.35]) }]),
    ["Precision", "Recall"],
  ],
  [
    "calibration",
    calibrationPlot([{ name: "model A", curve: calibrationCurve([0, 1, 0, 1], [0.1, 0.8, 0.4, 0.35]) }]),
    ["Observed share"],
  ],
  ["robustness", robustnessPlot(spoilt), ["When modalities are missing", "each of them", "review"]],
  ["noise", robustnessPlot(spoilt, { kind: "noise" }), ["When modalities are noisy", "Level of noise"]],
  [
    "importance",
    importancePlot([
      { name: "<visits>", importance: 0.2, deviation: 0.02, repeats: new Float64Array(2) },
      { name: "age", importance: -0.01, deviation: 0.02, repeats: new Float64Array(2) },
    ]),
    ["&lt;visits&gt;", "age", "Score lost"],
  ],
  [
    "beeswarm",
    shapBeeswarm(
      {
        rows: 4,
        cols: 2,
        outputs: 1,
        base: new Float64Array(1),
        values: Float64Array.of(-1, 0, 1, 0.1, -1, 0, 1, 0.1),
      },
      { rows: 4, cols: 2, data: [1, Number.NaN, 2, 4, 1, 3, 3, 4] },
      { names: ["visits", "age"] },
    ),
    ["visits", "age", "low", "high", "missing"],
  ],
  ["residuals", residualPlot([1, 2, 3], [1.1, 1.9, 3.2], { unit: "euros" }), ["Error (euros)"]],
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

test("the values in a spec are those of the data", () => {
  expect(valuesOf(labelCounts(truth, guess))).toEqual([
    { label: "<wait>", side: "true", samples: 1 },
    { label: "<wait>", side: "predicted", samples: 1 },
    { label: "buy", side: "true", samples: 3 },
    { label: "buy", side: "predicted", samples: 3 },
    { label: "leave", side: "true", samples: 2 },
    { label: "leave", side: "predicted", samples: 2 },
  ]);
  const confusion = confusionMatrix(truth, guess);
  expect(valuesOf(confusionHeatmap(confusion)).map(({ samples }) => samples)).toEqual(confusion.counts.flat());
  expect(valuesOf(ablationPlot(table)).map(({ value }) => value)).toEqual(table.rows.map(({ score }) => score.value));
  const without = table.rows.filter(({ kind }) => kind === "without");
  for (const { modality, adds, low, high } of valuesOf(modalityPlot(table))) {
    const { change } = without.find((row) => row.modality === modality)!;
    expect(adds).toBeCloseTo(-change.value, 12);
    expect([low, high]).toEqual([-change.high, -change.low]);
  }
  expect(valuesOf(trainingCurve([{ loss: 0.9 }, { loss: 0.5 }]))).toEqual([
    { epoch: 1, metric: "loss", value: 0.9 },
    { epoch: 2, metric: "loss", value: 0.5 },
  ]);
  expect(valuesOf(predictedVsTrue([1, 2], [1.5, 2.5]))).toEqual(
    expect.arrayContaining([
      { true: 1, predicted: 1.5 },
      { true: 2, predicted: 2.5 },
    ]),
  );
});

function valuesOf(plot: Plot): readonly Readonly<Record<string, number | string>>[] {
  return (plot as unknown as { data: { values: readonly Readonly<Record<string, number | string>>[] } }).data.values;
}

test("beyond `most` classes the others are pooled, and no sample is lost", () => {
  const many = ["a", "a", "a", "b", "b", "c", "d"];
  const pooled = valuesOf(labelCounts(many, many, { most: 3 })).filter(({ side }) => side === "true");
  expect(pooled.map(({ label, samples }) => [label, samples])).toEqual([
    ["a", 3],
    ["b", 2],
    ["2 others", 2],
  ]);
});

test("one sample, one class, one epoch can be drawn", async () => {
  const one = { value: 0.5, low: 0.5, high: 0.5, level: 0.95, standardError: 0 };
  const all = { kind: "all", score: one, change: { ...one, value: 0, low: 0, high: 0 } } as const;
  for (const plot of [
    labelCounts(["a"], ["a"]),
    confusionHeatmap(confusionMatrix(["a"], ["a"])),
    predictedVsTrue([1], [1]),
    trainingCurve([{ loss: 0 }]),
    ablationPlot({ score: "Accuracy", higherIsBetter: true, isShare: true, samples: 1, rows: [all] }),
  ])
    expect(await renderSvg(plot)).not.toMatch(/NaN|Infinity|undefined/);
});

test("what adds nothing is 0, without a sign", async () => {
  const none = (value: number) => ({ value, low: value - 0.1, high: value + 0.1, level: 0.95, standardError: 0.05 });
  const rows = [0, 1e-5, -1e-5, 0.02].map((value, i) => ({
    kind: "without" as const,
    modality: `m${i}`,
    score: none(0.8),
    change: none(value),
  }));
  for (const isShare of [true, false]) {
    const svg = await renderSvg(modalityPlot({ score: "x", higherIsBetter: true, isShare, samples: 9, rows }));
    const texts = [...svg.matchAll(/>([^<]*)<\/text>/g)].map((match) => match[1]!);
    expect(texts).toContain(isShare ? "−2.0" : "−0.020");
    expect(texts.filter((text) => /^[+−]0[.0]*%?$/.test(text))).toEqual([]);
    expect(texts.filter((text) => text === (isShare ? "0.0" : "0.000")).length).toBeGreaterThanOrEqual(3);
  }
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
    expect(() => trainingCurve([{}])).toThrow(expect.objectContaining(bad));
    expect(() => predictedVsTrue([], [])).toThrow(expect.objectContaining(bad));
    expect(() => rocPlot([])).toThrow(expect.objectContaining(bad));
    expect(() => rocPlot([{ name: "a" } as never])).toThrow(expect.objectContaining(bad));
    expect(() => confusionHeatmap({ labels: [], counts: [] })).toThrow(expect.objectContaining(bad));
    expect(() => confusionHeatmap({ labels: ["a", "b"], counts: [[1, 2]] })).toThrow(expect.objectContaining(bad));
    expect(() => ablationPlot({ ...table, rows: [] })).toThrow(expect.objectContaining(bad));
    expect(() => modalityPlot({ ...table, rows: table.rows.slice(0, 1) })).toThrow(expect.objectContaining(bad));
    expect(() => trainingCurve([{ loss: Number.NaN }])).toThrow(expect.objectContaining(bad));
    expect(() => predictedVsTrue([1], [Number.NaN])).toThrow(expect.objectContaining(bad));
  });

  test("a width that is none, and less than two classes to show", () => {
    const bad = expect.objectContaining({ code: "invalid-params" });
    for (const width of [Number.NaN, -3, "wide" as never])
      expect(() => labelCounts(truth, guess, { width })).toThrow(bad);
    expect(() => labelCounts(truth, guess, { most: 1 })).toThrow(bad);
    expect(() => confusionHeatmap(confusionMatrix(truth, guess), { most: 2.5 })).toThrow(bad);
  });
});

test("plots of curves and columns say what they want", () => {
  expect(() => upliftPlot([])).toThrow("models are an array of 0, want at least one");
  const shorter = { outcome: [1, 0], treated: [1, 0], uplift: [1, 2] };
  expect(() =>
    upliftPlot([
      { name: "a", data: campaign },
      { name: "b", data: shorter },
    ]),
  ).toThrow("b has 2 samples, want 4 as the first model");
  expect(() => calibrationPlot([])).toThrow("want at least one");
  expect(() => precisionRecallPlot([{ name: "a" } as never])).toThrow(
    "want a name and a curve of precisionRecallCurve",
  );
  expect(() => robustnessPlot({ ...spoilt, curves: [] })).toThrow('no curve of the kind "missing"');
  expect(() => importancePlot([])).toThrow("want at least one");
  const shap = { rows: 1, cols: 1, outputs: 1, base: new Float64Array(1), values: new Float64Array(1) };
  expect(() => shapBeeswarm(shap, { rows: 2, cols: 1, data: [1, 2] })).toThrow("the features are 2 x 1, want 1 x 1");
  expect(() => residualPlot([1, 2], [1])).toThrow("predicted has 1 entries for 2 samples");
});
