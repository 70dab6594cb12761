import { describe, expect, test } from "vitest";
import { cohortHeatmap, rfmHeatmap } from "./customer-heatmaps.js";
import { renderSvg } from "./render.js";
import type { Plot } from "./spec.js";

const valuesOf = (plot: Plot) => (plot.data as { values: Record<string, number | string>[] }).values;

describe("cohorts", () => {
  const cohorts = [
    { name: "January", active: [200, 100, 50] },
    { name: "February", active: [1500, 300] },
  ];

  test("each cell is the share of the first period", async () => {
    const plot = cohortHeatmap(cohorts);
    expect(valuesOf(plot)).toEqual([
      { cohort: "January (200)", period: 0, share: 1, step: 4 },
      { cohort: "January (200)", period: 1, share: 0.5, step: 2 },
      { cohort: "January (200)", period: 2, share: 0.25, step: 1 },
      { cohort: "February (1,500)", period: 0, share: 1, step: 4 },
      { cohort: "February (1,500)", period: 1, share: 0.2, step: 1 },
    ]);
    const svg = await renderSvg(plot);
    for (const text of ["50%", "25%", "20%", "January (200)", "Period after the first"]) expect(svg).toContain(text);
  });

  test("bad input is named", () => {
    expect(() => cohortHeatmap([])).toThrow("want at least one");
    expect(() => cohortHeatmap([{ name: "x", active: [0] }])).toThrow("cohort 0");
    expect(() => cohortHeatmap([{ name: "x", active: [5, 6] }])).toThrow("count of cohort 0 in period 1 is number 6");
    expect(() => cohortHeatmap([{ name: "x", active: [5, Number.NaN] }])).toThrow("period 1 is number NaN");
  });
});

describe("recency and frequency", () => {
  const recency = [1, 2, 30, 40, 50, 60];
  const frequency = [9, 8, 7, 1, 1, 2];

  test("customers fall into groups by quantiles, lately and often at the top right", async () => {
    const plot = rfmHeatmap(recency, frequency, { bins: 2 });
    expect(valuesOf(plot)).toEqual([
      { recency: 1, frequency: 1, value: 3, share: 1, step: 4 },
      { recency: 2, frequency: 2, value: 3, share: 1, step: 4 },
    ]);
    expect(await renderSvg(plot)).toContain("Customers");
  });

  test("a value is meant over the cell, and customers that are alike stay together", () => {
    const plot = rfmHeatmap(recency, [1, 1, 1, 1, 1, 1], { bins: 3, value: [10, 30, 5, 5, 0, 0], unit: "€" });
    expect(valuesOf(plot).map(({ recency, frequency, value }) => [recency, frequency, value])).toEqual([
      [1, 1, 0],
      [2, 1, 5],
      [3, 1, 20],
    ]);
  });

  test("bad input is named", () => {
    expect(() => rfmHeatmap([], [])).toThrow("recency is empty");
    expect(() => rfmHeatmap([1], [1, 2])).toThrow("frequency has 2 entries for 1 samples");
    expect(() => rfmHeatmap([1, Number.NaN], [1, 2])).toThrow("recency 1 is number NaN");
    expect(() => rfmHeatmap([1], [1], { value: [Number.POSITIVE_INFINITY] })).toThrow("value 0");
    expect(() => rfmHeatmap([1], [1], { bins: 1 })).toThrow("bins");
  });
});
