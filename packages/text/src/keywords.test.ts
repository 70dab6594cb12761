import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { keywords, textRank } from "./keywords.js";
import { lexiconSentiment } from "./lexicon-sentiment.js";
import { tfidf } from "./tfidf.js";
import { characterTokenizer } from "./tokenizer.js";

const golden: {
  readonly stopWords: readonly string[];
  readonly cases: readonly {
    readonly text: string;
    readonly window: number;
    readonly scores: Readonly<Record<string, number>>;
  }[];
} = JSON.parse(readFileSync(new URL("../fixtures/text-rank.json", import.meta.url), "utf8"));

test("the terms of the highest weight, best first, by the column where they are equal", async () => {
  const reviews = ["zip zip broke bag", "bag red", "bag quick", null, "", "bag"];
  const vectors = await tfidf().fit(reviews);
  const lists = await keywords(reviews, { vectors, count: 2, batchSize: 2 });
  expect(lists.map((list) => list.map(({ term }) => term))).toEqual([
    ["zip", "broke"],
    ["red", "bag"],
    ["quick", "bag"],
    [],
    [],
    ["bag"],
  ]);
  const { values } = await vectors.transform(["bag red"]);
  expect(lists[1]!.map(({ score }) => score)).toEqual([values[1], values[0]]);
  expect((await keywords(["new words"], { vectors }))[0]).toEqual([]);
});

test("wrong extractors, counts and inputs", async () => {
  const vectors = await tfidf().fit(["good price"]);
  await expect(keywords(["a"], { vectors, count: 0 })).rejects.toThrow("want a whole number from 1 on");
  await expect(keywords(["a"], { vectors: {} as never })).rejects.toThrow("want a fitted extractor");
  const dense = (await lexiconSentiment().fit([])) as never;
  await expect(keywords(["a"], { vectors: dense })).rejects.toMatchObject({ code: "invalid-params" });
  const signal = AbortSignal.abort(new Error("enough"));
  await expect(keywords(["a"], { vectors, signal })).rejects.toThrow("enough");
});

test.each(golden.cases.map((one) => [one.text.slice(0, 30), one.window, one] as const))(
  "the ranks of networkx: %s, window %i",
  (_, window, { text, scores }) => {
    const { stopWords } = golden;
    const got = textRank(text, { stopWords, window, phrases: false, count: 1_000 });
    expect(got.map(({ term }) => term).sort()).toEqual(Object.keys(scores).sort());
    for (const { term, score } of got) expect(score, term).toBeCloseTo(scores[term]!, 4);
    expect(got.reduce((sum, { score }) => sum + score, 0)).toBeCloseTo(1, 9);
  },
);

test("neighbours that come together more than once are phrases", () => {
  const text = golden.cases[3]!.text;
  const terms = textRank(text, { count: 3 }).map(({ term }) => term);
  expect(terms).toContain("battery");
  expect(terms).toContain("battery life");
  expect(textRank(text, { phrases: false }).every(({ term }) => !term.includes(" "))).toBe(true);
});

test("any tokenizer and separator", () => {
  const options = { tokenizer: characterTokenizer(), stopWords: ["，", "的"], separator: "", count: 3 };
  expect(textRank("价格好，价格低，价格的价格", options)[0]!.term).toMatch(/^价格?$|^格$/);
});

test("whatever the text: finite, falling, no more than asked for", () => {
  const anyText = fc.oneof(
    fc.string({ unit: "binary", maxLength: 80 }),
    fc.string({ unit: fc.constantFrom("ab ", "cd ", "the ", "\ud83d", "\0", "__proto__ "), maxLength: 40 }),
  );
  fc.assert(
    fc.property(anyText, (text) => {
      const list = textRank(text, { count: 5, window: 3 });
      expect(list.length).toBeLessThanOrEqual(5);
      for (const [i, { score }] of list.entries()) {
        expect(Number.isFinite(score)).toBe(true);
        expect(score).toBeLessThanOrEqual(list[i - 1]?.score ?? 1);
      }
    }),
    { seed: 1, numRuns: 300 },
  );
  expect(textRank("good price ".repeat(200_000), { count: 1 })).toHaveLength(1);
});

test("wrong options say what is wrong", () => {
  expect(() => textRank("a", { window: 1 })).toThrow(
    "text/text-rank: window is number 1, want a whole number from 2 on",
  );
  expect(() => textRank("a", { stopWords: "the" as never })).toThrow("want an array of words");
  expect(() => textRank(3 as never)).toThrow("input 0 is number 3, want a string");
});
