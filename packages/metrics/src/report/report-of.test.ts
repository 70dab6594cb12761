import { dense } from "@mmub/core";
import { describe, expect, test } from "vitest";
import { htmlReport } from "./report.js";
import { reportOf } from "./report-of.js";

const words = ["lovely", "broke", "fast", "late"];
const samples = Array.from({ length: 120 }, (_, i) => ({
  review: i % 6 === 0 ? null : `${words[i % 4]} ${words[(i >> 2) % 4]}`,
  visits: i % 10 === 3 ? null : i % 10,
}));
type Row = { readonly review: string | null; readonly visits: number | null };
const chance = ({ review, visits }: Row) => 0.5 + (review?.includes("broke") ? -0.3 : 0.1) + ((visits ?? 5) - 5) / 50;
const classifier = {
  predict: async (rows: readonly Row[]) => ({
    labels: rows.map((row) => (chance(row) > 0.5 ? "stays" : "leaves")),
    classes: ["leaves", "stays"],
    probabilities: dense(rows.length, 2, Float32Array.from(rows.flatMap((row) => [1 - chance(row), chance(row)]))),
  }),
  save: async () => ({ type: "@mmub/models/constant", version: 1, params: { C: 3 }, state: null }),
};
const truth = samples.map((row, i) => (i % 7 === 0 || chance(row) <= 0.5 ? "leaves" : "stays"));
const options = { title: "Will they leave?", resamples: 100, seed: 3 } as const;

describe("a whole report", async () => {
  const content = await reportOf(classifier, samples, truth, options);
  const [section] = content.sections;

  test("has scores, modalities, groups, mistakes, explanations, data and model", () => {
    expect(section!.scores.map(({ name }) => name)).toEqual(["Accuracy", "Macro F1", "ROC AUC", "Average precision"]);
    expect(section!.ablation!.rows).toHaveLength(6);
    expect(section!.worst!.slices.length).toBeGreaterThan(0);
    expect(section!.mistakes.length).toBeGreaterThan(0);
    expect(section!.explanations).toHaveLength(3);
    expect(content.data).toMatchObject({ fields: [{ name: "review" }, { name: "visits" }] });
    expect(content.model).toContainEqual(["Made of", "@mmub/models/constant; C 3"]);
  });

  test("the text of a card is of one field, though others hold words", async () => {
    const towns = samples.map(({ review, visits }) => ({ review, visits, town: "Oslo" }));
    const { sections } = await reportOf(classifier, towns, truth, {
      ...options,
      modalities: ["review", "visits"],
      mistakes: 100,
      explain: 0,
    });
    for (const { text } of sections[0]!.mistakes) expect(text).not.toBe("Oslo");
    expect(sections[0]!.mistakes.some(({ text }) => text === undefined)).toBe(true);
  });

  test("Shapley values sum to the score, and the word that counts is marked", async () => {
    for (const { explanation } of section!.explanations) {
      const sum = Object.values(explanation.shapley).reduce((a, b) => a + b, 0);
      expect(sum).toBeCloseTo(explanation.score - explanation.base, 9);
    }
    const rows = samples.flatMap(({ review }, row) => (review?.split(" ")[0] === "broke" ? [row] : []));
    const one = await reportOf(classifier, [samples[rows[0]!]!, ...samples], [truth[rows[0]!]!, ...truth], {
      ...options,
      explain: 121,
    });
    const page = await htmlReport({ ...one, sections: [{ ...one.sections[0]!, mistakes: [] }] });
    expect(page).toContain('<mark class="up">broke</mark>');
    expect(page).not.toContain('">fast</mark>');
  });

  test("in Chinese has no English of its own", async () => {
    const chinese = await htmlReport(
      await reportOf(
        classifier,
        samples.map(({ review, visits }) => ({ review: review && "好", visits })),
        truth,
        { ...options, title: "会离开吗", language: "zh" },
      ),
    );
    expect(chinese).toContain('<html lang="zh">');
    const said = chinese
      .replace(/<style>.*?<\/style>/s, "")
      .replace(/<[^>]+>/g, " ")
      .replaceAll(/mmub\/models\/constant|leaves|stays|review|visits|mmub|ROC|AUC|F1|Shapley/g, "");
    expect(said.match(/[A-Za-z]{3,}/g) ?? []).toEqual([]);
  });
});

test("pictures and recordings beyond the room are left out, and it says so", async () => {
  const noisy = {
    data: Uint8Array.from({ length: 300 * 300 * 3 }, (_, i) => (i * i * 7919) % 251),
    width: 300,
    height: 300,
    channels: 3,
  };
  const content = await reportOf(
    classifier,
    samples.map((sample) => ({ ...sample, photo: noisy })),
    truth,
    {
      ...options,
      modalities: ["review", "visits"],
    },
  );
  const whole = await htmlReport(content);
  const images = [...whole.matchAll(/<img/g)].length;
  expect(images).toBeGreaterThan(3);
  expect(whole).not.toContain("Left out");
  const url = /src="(data:image[^"]+)"/.exec(whole)![1]!;
  const tight = await htmlReport({ ...content, mediaBytes: 2.5 * url.length });
  expect([...tight.matchAll(/<img/g)]).toHaveLength(2);
  expect(tight).toContain(`Left out to keep the page small: ${images - 2} pictures`);
});

test("a regression is reported in its unit", async () => {
  const numbers = {
    predict: async (rows: readonly Row[]) => ({ values: Float64Array.from(rows, (row) => 10 * chance(row)) }),
  };
  const known = samples.map((row, i) => 10 * chance(row) + (i % 3) - 1);
  const page = await htmlReport(await reportOf(numbers, samples, known, { ...options, unit: "€" }));
  expect(page).toContain("Mean absolute error");
  expect(page).toContain("Worse by");
  expect(page).toContain("\u00a0€");
  expect(page).not.toMatch(/NaN|undefined/);
});

describe("bad input", () => {
  test("is named", async () => {
    await expect(reportOf(classifier, [], [], options)).rejects.toThrow("samples is empty");
    await expect(reportOf(classifier, samples, truth.slice(1), options)).rejects.toThrow("truth has 119 entries");
    await expect(reportOf(classifier, samples, truth, { ...options, explain: -1 })).rejects.toThrow("explain");
    await expect(reportOf(classifier, samples, truth, { ...options, language: "fr" as never })).rejects.toThrow(
      "language",
    );
    await expect(reportOf(classifier, samples, truth, { ...options, modalities: ["photo" as never] })).rejects.toThrow(
      'modality "photo" is a field of no sample',
    );
  });
});
