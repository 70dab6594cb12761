import { readFileSync } from "node:fs";
import { extractorChecks } from "@mmub/core/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { syllables } from "./syllables.js";
import {
  type Readability,
  type ReadabilityCounts,
  readability,
  readabilityCounts,
  type TextStyleParams,
  textStyle,
} from "./text-style.js";
import { characterTokenizer } from "./tokenizer.js";

const golden: {
  readonly texts: readonly (ReadabilityCounts & Omit<Readability, "gunningFog"> & { readonly text: string })[];
  readonly syllables: Readonly<Record<string, number>>;
} = JSON.parse(readFileSync(new URL("../fixtures/text-style.json", import.meta.url), "utf8"));

const styleOf = async (text: string, params?: TextStyleParams): Promise<Record<string, number>> => {
  const fitted = await textStyle(params).fit([]);
  const { data } = await fitted.transform([text]);
  return Object.fromEntries(fitted.names!.map((name, i) => [name, data[i]!]));
};

describe.each<[string, TextStyleParams]>([
  ["English", {}],
  ["Chinese", { language: "zh" }],
  ["a tokenizer", { tokenizer: characterTokenizer() }],
])("conformance: %s", (_, params) => {
  const inputs = ["I love it! Do you?", "价格很好，我喜欢。你呢？", null, "", "😀".repeat(1_000), "a. b. c."];
  for (const check of extractorChecks({ make: () => textStyle(params), inputs })) test(check.name, check.run);
});

test.each(golden.texts.map((one) => [one.text.slice(0, 40), one] as const))("the counts of textstat: %j", (_, one) => {
  const { syllables: own, polysyllables, ...counts } = readabilityCounts(one.text);
  const { characters, letters, words, chunks, sentences, longWords } = one;
  expect(counts).toEqual({ characters, letters, words, chunks, sentences, longWords });
});

test.each(golden.texts.map((one) => [one.text.slice(0, 40), one] as const))("its readability: %j", (_, one) => {
  const got = readability(one);
  if (one.words === 0) return expect(Object.values(got)).toEqual([0, 0, 0, 0, 0, 0, 0]);
  for (const name of [
    "fleschReadingEase",
    "fleschKincaid",
    "automatedReadability",
    "colemanLiau",
    "smog",
    "lix",
  ] as const)
    expect(got[name], name).toBeCloseTo(one[name], 9);
});

test("syllables by rules are near those of a dictionary", () => {
  const words = Object.entries(golden.syllables);
  const right = words.filter(([word, count]) => syllables(word) === count).length;
  expect(right / words.length).toBeGreaterThan(0.9);
  // Over English texts too.
  const texts = golden.texts.slice(0, 9);
  const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0);
  const [own, wanted] = [
    sum(texts.map(({ text }) => readabilityCounts(text).syllables)),
    sum(texts.map((one) => one.syllables)),
  ];
  expect(Math.abs(own / wanted - 1)).toBeLessThan(0.03);
  expect(["", "42", "价格", "the", "café", "a"].map(syllables)).toEqual([0, 0, 0, 1, 2, 1]);
});

test("Gunning's fog is words per sentence and percentage of complex words, times 0.4", () => {
  const counts = readabilityCounts("The committee postponed it. Nobody objected to that.");
  expect([counts.words, counts.sentences, counts.polysyllables]).toEqual([8, 2, 3]);
  expect(readability(counts).gunningFog).toBeCloseTo(0.4 * (8 / 2 + (100 * 3) / 8), 9);
});

test("English: shares and marks", async () => {
  const style = await styleOf("I LOVE it... We're OK, aren't we?! You said so 😀👍🏽 👨‍👩‍👧\nHe was 42!");
  expect(style).toMatchObject({
    words: 13,
    exclamationMarks: 2,
    questionMarks: 1,
    ellipses: 1,
    emoji: 3,
    lines: 2,
  });
  const near = (name: string, want: number): void => expect(style[name], name).toBeCloseTo(want, 6);
  near("firstPersonShare", 3 / 13);
  near("secondPersonShare", 1 / 13);
  near("thirdPersonShare", 2 / 13);
  near("capitalWordShare", 2 / 13);
});

test("Chinese: characters are words unless there is a tokenizer", async () => {
  const text = "我买了2件T恤，质量很好！你觉得呢？他说还行……";
  const style = await styleOf(text, { language: "zh" });
  expect(style).toMatchObject({ words: 19, sentences: 3, exclamationMarks: 1, questionMarks: 1, ellipses: 1 });
  expect(style.firstPersonShare).toBeCloseTo(1 / 19, 6);
  expect(style.chineseShare).toBeCloseTo(17 / 19, 6);
  const tokenizer = {
    type: "@example/pairs",
    params: null,
    tokenize: (text: string) => text.match(/\p{sc=Han}{1,2}/gu) ?? [],
  };
  expect((await styleOf(text, { language: "zh", tokenizer })).words).toBeLessThan(19);
});

test("whatever the text: finite, shares within 0 and 1", async () => {
  const anyText = fc.oneof(
    fc.string({ unit: "binary", maxLength: 80 }),
    fc.string({ unit: fc.constantFrom(..."aeE.!? '\n我。😀\0", "\ud83d", "\u0301", "n't", "\r\n"), maxLength: 80 }),
  );
  for (const language of ["en", "zh"] as const)
    await fc.assert(
      fc.asyncProperty(anyText, async (text) => {
        for (const [name, value] of Object.entries(await styleOf(text, { language }))) {
          expect(Number.isFinite(value), name).toBe(true);
          if (/Share$|Variety$/.test(name)) expect(value >= 0, name).toBe(true);
          if (/Share$|Variety$/.test(name) && !/Person/.test(name)) expect(value <= 1, name).toBe(true);
        }
      }),
      { seed: 1, numRuns: 300 },
    );
});

test("megabytes are no trouble", async () => {
  for (const piece of ["a", " ", ".", "!a ", "'", "Good price! ", "我。", "\ud83d", "e".repeat(100)])
    expect((await styleOf(piece.repeat(1_000_000 / piece.length))).characters).toBeGreaterThanOrEqual(0);
});

test("wrong params say what is wrong", () => {
  expect(() => textStyle({ language: "de" as never })).toThrow(
    'text/text-style: language is string "de", want "en" or "zh"',
  );
  expect(() => textStyle({ tokenizer: {} as never })).toThrow("want a tokenizer");
  expect(() => textStyle({ lang: "en" } as never)).toThrow("no such param");
});
