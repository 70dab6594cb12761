import { readFileSync } from "node:fs";
import { extractorChecks } from "@mmub/core/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type LexiconSentimentParams, lexiconSentiment } from "./lexicon-sentiment.js";

type Golden = readonly [text: string, negative: number, neutral: number, positive: number, compound: number];
const golden: readonly Golden[] = JSON.parse(
  readFileSync(new URL("../fixtures/sentiment.json", import.meta.url), "utf8"),
);
const scoresOf = async (texts: readonly string[], params?: LexiconSentimentParams): Promise<number[][]> => {
  const fitted = await lexiconSentiment(params).fit([]);
  const { data } = await fitted.transform(texts);
  return texts.map((_, row) => [...data.subarray(row * 4, row * 4 + 4)]);
};
const compound = async (text: string, params?: LexiconSentimentParams): Promise<number> =>
  (await scoresOf([text], params))[0]![3]!;

describe.each<[string, LexiconSentimentParams]>([
  ["English", {}],
  ["Chinese", { language: "zh" }],
  ["own words", { lexicon: { gut: 2, schlecht: -2 }, negations: ["nicht"], boosters: { sehr: 0.3 }, idioms: {} }],
])("conformance: %s", (_, params) => {
  const inputs = [
    "Very good, not bad!",
    "sehr gut, nicht schlecht",
    null,
    "太好了！但是不便宜",
    "",
    "😀".repeat(1_000),
  ];
  for (const check of extractorChecks({ make: () => lexiconSentiment(params), inputs })) test(check.name, check.run);
});

test("the scores of vaderSentiment 3.3.2, to the last digit that it gives", async () => {
  const got = await scoresOf(golden.map(([text]) => text));
  expect(golden.length).toBeGreaterThan(800);
  // Stored in single precision.
  for (const [i, [text, ...want]] of golden.entries())
    expect(got[i], JSON.stringify(text)).toEqual(want.map(Math.fround));
});

test("own words are added to the lexicon, or stand in for it", async () => {
  expect(await compound("The zip is good")).toBeGreaterThan(0);
  expect(await compound("The zip is good", { words: { zip: -3 } })).toBeLessThan(0);
  expect(await compound("GOOD", { words: { Good: 0 } })).toBe(0);
  const german: LexiconSentimentParams = {
    lexicon: { gut: 2, schlecht: -2 },
    negations: ["nicht"],
    boosters: { sehr: 0.3 },
  };
  const [good, very, not] = [
    await compound("gut", german),
    await compound("sehr gut", german),
    await compound("nicht gut", german),
  ];
  expect(very).toBeGreaterThan(good);
  expect(not).toBeLessThan(0);
  expect(await compound("good 😀", german)).toBe(0);
});

describe("Chinese", () => {
  const zh = (text: string, more?: LexiconSentimentParams): Promise<number> =>
    compound(text, { language: "zh", ...more });

  test.each([
    ["很好", "好"],
    ["太好了", "很好"],
    ["好", "有点慢"],
    ["好", "不好"],
    ["有点慢", "太慢了"],
    ["不慢", "慢"],
    ["不是很好", "很不好"],
    ["没有不好", "不好"],
    ["好吃！！", "好吃"],
    ["送餐慢，但是味道好", "味道好，但是送餐慢"],
    ["好像是", "慢"],
    ["一点都不难吃", "一点都不好吃"],
  ])("%s is better than %s", async (better, worse) => {
    expect(await zh(better)).toBeGreaterThan(await zh(worse));
  });

  test("words of which a word of the lexicon is a part do not count", async () => {
    for (const text of ["好像", "小时", "香港", "热水器", "乱七八糟", "别人", "无论"])
      expect(await zh(text), text).toBe(0);
  });

  test("a negation in another clause, or far away, does not turn a word", async () => {
    expect(await zh("不，很好")).toBeGreaterThan(0);
    expect(await zh("不知道为什么大家都说很好")).toBeGreaterThan(0);
  });

  test("a lexicon of one's own", async () => {
    const own: LexiconSentimentParams = { lexicon: { 翻车: -3 }, negations: ["没"], boosters: { 又: 0.3 } };
    expect(await zh("又翻车", own)).toBeLessThan(await zh("翻车", own));
    expect(await zh("没翻车", own)).toBeGreaterThan(0);
    expect(await zh("好吃", own)).toBe(0);
  });
});

test("bad input: halves of characters, null bytes, other scripts; never NaN or outside the range", async () => {
  const anyText = fc.oneof(
    fc.string({ unit: "binary", maxLength: 80 }),
    fc.string({
      unit: fc.constantFrom(..."不很好慢但！? 😀", "but", " good ", "NOT ", "\ud83d", "\0", "\u202e"),
      maxLength: 60,
    }),
  );
  for (const language of ["en", "zh"] as const) {
    const fitted = await lexiconSentiment({ language }).fit([]);
    await fc.assert(
      fc.asyncProperty(anyText, async (text) => {
        const [negative, neutral, positive, sum] = (await fitted.transform([text])).data;
        for (const share of [negative, neutral, positive]) expect(share).toSatisfy((x: number) => x >= 0 && x <= 1);
        expect(Math.abs(sum!)).toBeLessThanOrEqual(1);
        const total = negative! + neutral! + positive!;
        expect(Math.min(total, Math.abs(total - 1))).toBeLessThan(0.0021);
      }),
      { seed: 1, numRuns: 300 },
    );
  }
});

test("ten megabytes are no trouble", async () => {
  const [en, zh] = ["good thing but bad ".repeat(520_000), "太好了但是不便宜".repeat(400_000)];
  expect((await scoresOf([en]))[0]![3]).toBe(-1);
  expect((await scoresOf([zh], { language: "zh" }))[0]).toHaveLength(4);
  expect(await compound(`${" ".repeat(5_000_000)}x`)).toBe(0);
});

test("wrong params say what is wrong", () => {
  const wrong =
    (params: unknown): (() => void) =>
    () =>
      lexiconSentiment(params as LexiconSentimentParams);
  expect(wrong({ language: "de" })).toThrow('text/lexicon-sentiment: language is string "de", want "en" or "zh"');
  expect(wrong({ lexicon: {} })).toThrow("want at least one word, or null");
  expect(wrong({ words: { good: Number.NaN } })).toThrow('want a finite number for string "good"');
  expect(wrong({ boosters: ["very"] })).toThrow("want numbers by word");
  expect(wrong({ negations: "not" })).toThrow("want an array of words or null");
  expect(wrong({ language: "zh", idioms: { a: 1 } })).toThrow("want null");
  expect(wrong({ lang: "en" })).toThrow("no such param");
});
