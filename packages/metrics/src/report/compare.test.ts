import { dense } from "@mmub/core";
import { describe, expect, test } from "vitest";
import { mcnemar } from "../comparison.js";
import { compareReports } from "./compare.js";
import { reportOf } from "./report-of.js";

const samples = Array.from({ length: 200 }, (_, i) => ({ visits: i % 17, review: i % 5 ? "fine" : "broke" }));
const truth = samples.map(({ visits, review }) => (visits > 8 && review === "fine" ? "stays" : "leaves"));

type Row = { readonly visits: number | null; readonly review: string | null };
const classifier = (stays: (row: Row) => boolean) => ({
  predict: async (rows: readonly Row[]) => ({
    labels: rows.map((row) => (stays(row) ? "stays" : "leaves")),
    classes: ["leaves", "stays"],
    probabilities: dense(
      rows.length,
      2,
      Float32Array.from(rows.flatMap((row) => (stays(row) ? [0.1, 0.9] : [0.9, 0.1]))),
    ),
  }),
});
const weak = classifier(({ visits }) => (visits ?? 0) > 8);
const strong = classifier(({ visits, review }) => (visits ?? 0) > 8 && review !== "broke");
const options = { title: "Will they leave?", resamples: 100, explain: 0, mistakes: 0 };
const contentOf = (fitted: typeof weak, more = {}) => reportOf(fitted, samples, truth, { ...options, ...more });

describe("two runs on the same samples", () => {
  test("the second is better only where the interval says so", async () => {
    const [a, b] = [await contentOf(weak), await contentOf(strong)];
    const names = ["old", "new"] as const;
    const better = await compareReports(a, b, { names, resamples: 100 });
    expect(better).toContain("new is better than old: Accuracy 100.0%");
    expect(await compareReports(b, a, { names: ["new", "old"], resamples: 100 })).toContain("old is worse than new");
    expect(await compareReports(a, a, { resamples: 100 })).toContain("B is not shown to be better than A");
  });

  test("McNemar's test is of the labels, and the samples that changed are shown", async () => {
    const [a, b] = [await contentOf(weak), await contentOf(strong)];
    const page = await compareReports(a, b, {
      resamples: 100,
      examples: 2,
      describe: (row) => ({ title: `Customer ${row}`, text: samples[row]!.review }),
    });
    const said = (fitted: typeof weak) => fitted.predict(samples);
    const { pValue } = mcnemar(truth, (await said(weak)).labels, (await said(strong)).labels);
    expect(pValue).toBeLessThan(0.001);
    expect(page).toContain("McNemar p &#60; 0.001");
    const fixed = samples.filter(({ visits, review }) => visits > 8 && review === "broke").length;
    expect(page).toContain(`${fixed} samples`);
    expect([...page.matchAll(/class="card"/g)]).toHaveLength(2);
    expect(page).toContain("Customer 10<");
  });

  test("an error that falls is better", async () => {
    const known = samples.map(({ visits }) => visits);
    const numbers = (off: number) => ({
      predict: async (rows: readonly Row[]) => ({
        values: Float64Array.from(rows, ({ visits }, i) => (visits ?? 0) + (i % 2 ? off : -off)),
      }),
    });
    const of = (off: number) => reportOf(numbers(off), samples, known, { ...options, unit: "€" });
    const page = await compareReports(await of(2), await of(1), { resamples: 100 });
    const row = /Mean absolute error<\/th>(.*?)<\/tr>/.exec(page)![1]!;
    expect(row).toContain("better");
    expect(row).toContain("−1.00");
  });

  test("what differs between data and models is listed, and what does not is not", async () => {
    const with_ = (facts: readonly (readonly [string, string])[]) => contentOf(weak, { model: { facts } });
    const page = await compareReports(
      await with_([
        ["C", "1"],
        ["Seed", "7"],
      ]),
      await with_([
        ["C", "2"],
        ["Seed", "7"],
      ]),
      {
        language: "zh",
        resamples: 100,
      },
    );
    expect(page).toContain('lang="zh"');
    expect(page).toContain("差异");
    expect(page).not.toContain("Seed");
  });
});

test("runs on other samples are compared by their own intervals", async () => {
  const half = await reportOf(strong, samples.slice(0, 100), truth.slice(0, 100), options);
  const page = await compareReports(await contentOf(weak), half, { resamples: 100 });
  expect(page).toContain("on other samples");
  expect(page).not.toContain("McNemar");
});

describe("bad input", () => {
  test("contents that are none, share no section, or are called the same", async () => {
    const a = await contentOf(weak);
    const b = await contentOf(weak, { question: "Another?" });
    await expect(compareReports(null as never, a)).rejects.toMatchObject({ code: "invalid-input" });
    await expect(compareReports(a, b)).rejects.toThrow("want one of the same title in both");
    await expect(compareReports(a, a, { names: ["x", "x"] })).rejects.toMatchObject({ code: "invalid-params" });
    await expect(compareReports(a, a, { examples: -1 })).rejects.toMatchObject({ code: "invalid-params" });
  });
});
