import { describe, expect, test } from "vitest";
import { dataCard, modelCard } from "./cards.js";

const samples = Array.from({ length: 20 }, (_, i) => ({
  review: i % 4 ? "word ".repeat(i) : null,
  city: i % 2 ? "Rome" : "Oslo",
  visits: i,
  profile: { age: 20 + i, plan: i < 5 ? null : "paid" },
  photo: `a${i}.jpg`,
  voice: { samples: new Float32Array(16_000 * (1 + (i % 2))), sampleRateHz: 16_000 },
  since: new Date(Date.UTC(2025, 0, 1 + i)),
  events: new Array(i).fill(0),
  nothing: null,
}));

describe("dataCard", () => {
  test("says of each field what it is, how often it is there and what it holds", () => {
    const { facts, fields } = dataCard(samples, {
      truth: samples.map((_, i) => (i < 15 ? "stays" : "leaves")),
      learnedFrom: 1234,
      facts: [["Source", "made up"]],
    });
    expect(facts).toEqual([
      ["Source", "made up"],
      ["Samples to learn from", "1,234"],
      ["Samples to test on", "20"],
      ["To be predicted", "stays 75.0%, leaves 25.0%"],
      ["Complete samples", "0.0%"],
    ]);
    const of = Object.fromEntries(fields.map(({ name, kind, present, holds }) => [name, [kind, present, holds]]));
    expect(of).toEqual({
      review: ["text", 0.75, "5 to 95 characters, median 50"],
      city: ["category", 1, "Oslo 50.0%, Rome 50.0%"],
      visits: ["number", 1, "0 to 19, median 9.50"],
      "profile age": ["number", 1, "20 to 39, median 29.50"],
      "profile plan": ["category", 0.75, "paid 100.0%"],
      photo: ["picture", 1, ""],
      voice: ["recording", 1, "1 to 2 seconds, median 1.50"],
      since: ["date", 1, "2025-01-01 to 2025-01-20, median 2025-01-10"],
      events: ["list", 1, "0 to 19 entries, median 9.50"],
      nothing: ["nothing", 0, ""],
    });
  });

  test("speaks Chinese", () => {
    expect(dataCard(samples, { language: "zh" }).fields[2]).toMatchObject({
      kind: "数值",
      holds: "0 至 19,中位数 9.50",
    });
  });

  test("bad input is named", () => {
    expect(() => dataCard([])).toThrow("samples is empty");
    expect(() => dataCard([1] as never)).toThrow("sample 0 is number 1");
    expect(() => dataCard(samples, { truth: ["a"] })).toThrow("truth has 1 entries for 20 samples");
  });
});

describe("modelCard", () => {
  const saved = {
    type: "@mmub/core/pipeline",
    version: 1,
    params: {},
    state: null,
    parts: {
      model: {
        type: "@mmub/models/logistic-regression",
        version: 1,
        params: { C: 2, classWeight: null, folds: [1, 2], nested: { a: 1 } },
        state: null,
        arrays: { weights: new Float32Array(30) },
      },
      "modality review": {
        type: "@mmub/text/tfidf",
        version: 1,
        params: { minDf: 3 },
        state: null,
        arrays: { idf: new Float32Array(12) },
      },
    },
  };

  test("says what only its makers know, then the parts and what they learned", () => {
    expect(modelCard(saved, { intendedUse: "calls", date: new Date(0), facts: [["Seed", "7"]] })).toEqual([
      ["Date", "1970-01-01"],
      ["Meant for", "calls"],
      ["model", "@mmub/models/logistic-regression; C 2, folds [1, 2]"],
      ["modality review", "@mmub/text/tfidf; minDf 3"],
      ["Learned numbers", "42"],
      ["Seed", "7"],
    ]);
  });

  test("bad input is named", () => {
    expect(() => modelCard({} as never)).toThrow("want what save() of a fitted part gives");
  });
});
