import { readFileSync } from "node:fs";
import { decodeSaved, encodeSaved, type Sparse, toDense } from "@mmub/core";
import { extractorChecks } from "@mmub/core/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type TfidfParams, tfidf } from "./tfidf.js";

interface Golden {
  readonly texts: readonly string[];
  readonly fit: number;
  readonly cases: readonly {
    readonly params: TfidfParams;
    readonly names: readonly string[];
    readonly rows: readonly (readonly [columns: number[], values: number[]])[];
  }[];
}
const golden = (name: string): Golden =>
  JSON.parse(readFileSync(new URL(`../fixtures/${name}.json`, import.meta.url), "utf8"));

const rowsOf = ({ rows, offsets, columns, values }: Sparse): [number[], number[]][] =>
  Array.from({ length: rows }, (_, row) => {
    const [from, to] = [offsets[row], offsets[row + 1]];
    return [[...columns.subarray(from, to)], [...values.subarray(from, to)]];
  });
const fitTransform = async (texts: readonly (string | null)[], params?: TfidfParams) => {
  const fitted = await tfidf(params).fit(texts);
  return { names: fitted.names!, rows: rowsOf(await fitted.transform(texts)) };
};
const rejection = (code: string, message: RegExp) => ({ code, message: expect.stringMatching(message) });

describe.each<[string, TfidfParams]>([
  ["words", {}],
  ["n-grams of words", { ngramRange: [1, 2], minDf: 2 }],
  ["characters", { analyzer: "char_wb", ngramRange: [2, 3], maxFeatures: 20 }],
  ["a pattern", { tokenPattern: "\\S+", useIdf: false }],
  ["a vocabulary", { vocabulary: ["good", "太贵了", "bad"] }],
])("conformance: %s", (_, params) => {
  const inputs = ["really good, good price", "really good", null, "为什么？太贵了！", "", "a".repeat(5_000)];
  for (const check of extractorChecks({ make: () => tfidf(params), inputs })) test(check.name, check.run);
});

describe.each(["tfidf-words", "tfidf-characters"])("the same as scikit-learn: %s", (name) => {
  const { texts, fit, cases } = golden(name);
  for (const { params, names, rows } of cases)
    test(JSON.stringify(params), async () => {
      const recipe = tfidf(params);
      const fitted = await recipe.fit(texts.slice(0, fit));
      expect(fitted.names).toEqual(names);
      const loaded = await recipe.load(decodeSaved(encodeSaved(await fitted.save())));
      for (const part of [fitted, loaded])
        for (const [row, [columns, values]] of rowsOf(await part.transform(texts)).entries()) {
          const [wantColumns, wantValues] = rows[row]!;
          expect(columns, `text ${row}`).toEqual(wantColumns);
          // Relative to values above 1, as those are stored in single precision.
          for (const [k, want] of wantValues.entries())
            expect(Math.abs(values[k]! - want), `text ${row}, ${names[columns[k]!]}`).toBeLessThan(
              1e-6 * Math.max(1, want),
            );
        }
    });
});

test("the textbook form: tf is a share of the text and idf = ln(texts / df)", async () => {
  const texts = ["good price good shop", "bad price", "good service ok", "price"];
  const fitted = await tfidf({ relativeTf: true, smoothIdf: false, idfOffset: 0, norm: null }).fit(texts);
  expect(fitted.names).toEqual(["bad", "good", "ok", "price", "service", "shop"]);
  const { data } = toDense(await fitted.transform([...texts, "price and price and new words"]));
  const [once, twice, thrice] = [Math.log(4), Math.log(2), Math.log(4 / 3)];
  const want = [
    [0, twice * (2 / 4), 0, thrice / 4, 0, once / 4],
    [once / 2, 0, 0, thrice / 2, 0, 0],
    [0, twice / 3, once / 3, 0, once / 3, 0],
    [0, 0, 0, thrice, 0, 0],
    [0, 0, 0, thrice * (2 / 6), 0, 0],
  ].flat();
  for (const [i, value] of want.entries()) expect(data[i]).toBeCloseTo(value, 7);
});

// ---------- the fast readers against plain rewritings

const anyText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 60 }),
  fc.string({ unit: "grapheme", maxLength: 60 }),
  // Few characters, so that terms repeat: capitals of odd case, pairs, halves of pairs, marks, spaces of Python and not.
  fc.string({
    unit: fc.constantFrom(
      ..."abAB_1é中ΣσςİIı\u0307\u0301 \t\u001c\u0085\u3000\ufeff,-'",
      ..."𠮷😀𐐀𐐨",
      "\ud83d",
      "\ude00",
      "\u0000",
    ),
    maxLength: 80,
  }),
);
const anyTexts = fc.array(anyText, { minLength: 1, maxLength: 8 });
const anyRange = fc
  .tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 0, max: 3 }))
  .map(([min, more]): [number, number] => [min, min + more]);
const anyForm = fc.record({
  lowercase: fc.boolean(),
  stripAccents: fc.constantFrom(null, "ascii" as const, "unicode" as const),
  ngramRange: anyRange,
});
const outcome = (run: Promise<unknown>) => run.catch((error) => ({ code: error.code }));

test("words are read as by the regular expression, whatever the text", async () => {
  await fc.assert(
    fc.asyncProperty(
      anyTexts,
      anyForm,
      fc.constantFrom("\\b\\w+\\b", "\\b\\w\\w+\\b"),
      async (texts, form, pattern) => {
        const params = { ...form, stopWords: ["ab", "中", "aσ", "a b"] };
        const fast = await outcome(fitTransform(texts, { ...params, tokenPattern: pattern }));
        const plain = await outcome(fitTransform(texts, { ...params, tokenPattern: `(?:${pattern})` }));
        expect(fast).toEqual(plain);
      },
    ),
    { seed: 1, numRuns: 400 },
  );
});

// What str.isspace is true for.
const pythonSpaces = [
  9, 10, 11, 12, 13, 28, 29, 30, 31, 32, 0x85, 0xa0, 0x1680, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000,
];
for (let point = 0x2000; point <= 0x200a; point++) pythonSpaces.push(point);

test("characters are read as by a plain loop, whatever the text", async () => {
  const space = new RegExp(`[${String.fromCharCode(...pythonSpaces)}]+`);
  const ngramsOf = (text: string, n: number): string[] => {
    const points = Array.from(text);
    return points.flatMap((_, i) => (i + n <= points.length ? [points.slice(i, i + n).join("")] : []));
  };
  const terms = (text: string, analyzer: string, [min, max]: [number, number]): string[] => {
    const sizes = Array.from({ length: max - min + 1 }, (_, k) => min + k);
    if (analyzer === "char") {
      const one = text.replace(new RegExp(space.source, "g"), (run) => (run.length === 1 ? run : " "));
      return sizes.flatMap((n) => ngramsOf(one, n));
    }
    return text.split(space).flatMap((word) => {
      if (word === "") return [];
      const padded = ` ${word} `;
      const found = sizes.flatMap((n) => ngramsOf(padded, n));
      return found.length > 0 ? found : [padded];
    });
  };
  await fc.assert(
    fc.asyncProperty(anyTexts, anyRange, fc.constantFrom("char", "char_wb"), async (texts, ngramRange, analyzer) => {
      const counts = texts.map((text) => {
        const counted = new Map<string, number>();
        for (const term of terms(text.toLowerCase(), analyzer, ngramRange))
          counted.set(term, (counted.get(term) ?? 0) + 1);
        return counted;
      });
      const fit = tfidf({ analyzer, ngramRange, useIdf: false, norm: null } as TfidfParams).fit(texts);
      if (counts.every((counted) => counted.size === 0)) {
        await expect(fit).rejects.toMatchObject({ code: "invalid-input" });
        return;
      }
      const fitted = await fit;
      const got = rowsOf(await fitted.transform(texts)).map(([columns, values]) =>
        Object.fromEntries(columns.map((column, k) => [JSON.stringify(fitted.names![column]), values[k]])),
      );
      expect(got).toEqual(
        counts.map((counted) => Object.fromEntries([...counted].map(([term, n]) => [JSON.stringify(term), n]))),
      );
    }),
    { seed: 2, numRuns: 400 },
  );
});

test("every character, alone and between letters, is read as by the regular expression", async () => {
  // The planes beyond these two hold Chinese signs alone, or nothing that is part of a word.
  const texts = Array.from({ length: 0x200 }, (_, block) =>
    Array.from({ length: 0x100 }, (_, k) => String.fromCodePoint(block * 0x100 + k))
      .map((character) => `${character} x${character}Y`)
      .join(" "),
  );
  for (const form of [{}, { lowercase: false }, { stripAccents: "unicode" }] as const) {
    const reading = async (tokenPattern: string) => {
      const fitted = await tfidf({ ...form, tokenPattern, useIdf: false, norm: null }).fit(texts);
      return { names: fitted.names!.join(" "), features: await fitted.transform(texts) };
    };
    const [fast, plain] = [await reading("\\b\\w+\\b"), await reading("(?:\\b\\w+\\b)")];
    expect(fast.names === plain.names).toBe(true);
    expect(fast.features).toEqual(plain.features);
  }
});

test("columns are in code point order, where pairs come after the rest of the basic plane", async () => {
  const params: TfidfParams = { analyzer: "char", ngramRange: [1, 2] };
  const { names } = await fitTransform(
    ["\uffee\u{10400}", "\u{10428}\uffee", "\ud83dz", "\ue000", "\u{1f600}a"],
    params,
  );
  const points = (term: string) => Array.from(term, (character) => character.codePointAt(0)!);
  const compare = (a: number[], b: number[]): number => {
    const at = a.findIndex((point, i) => point !== b[i]);
    return at < 0 ? a.length - b.length : a[at]! - (b[at] ?? -1);
  };
  expect(names).toEqual([...names].sort((a, b) => compare(points(a), points(b))));
  expect(names.indexOf("\u{1f600}")).toBeGreaterThan(names.indexOf("\uffee"));
  expect((await fitTransform(["\uffee \ue000a \u{20bb7}"], { tokenPattern: "\\S+" })).names).toEqual([
    "\ue000a",
    "\uffee",
    "\u{20bb7}",
  ]);
});

// ---------- options

test("shares and counts of documents", async () => {
  const texts = ["aa bb cc", "aa bb", "aa bb", "aa dd"];
  const names = async (params: TfidfParams) => (await tfidf(params).fit(texts)).names;
  expect(await names({})).toEqual(["aa", "bb", "cc", "dd"]);
  expect(await names({ minDf: 1, maxDf: 1 })).toEqual(["aa", "bb", "cc", "dd"]);
  expect(await names({ minDf: 2 })).toEqual(["aa", "bb"]);
  expect(await names({ minDf: 0.5 })).toEqual(["aa", "bb"]);
  expect(await names({ maxDf: 0.75 })).toEqual(["bb", "cc", "dd"]);
  expect(await names({ maxDf: 3 })).toEqual(["bb", "cc", "dd"]);
  expect(await names({ minDf: 0, maxDf: 0.25 })).toEqual(["cc", "dd"]);
  // Missing texts are no documents.
  const withMissing = await tfidf({ minDf: 0.75 }).fit([null, ...texts, null, null]);
  expect(withMissing.names).toEqual(["aa", "bb"]);
});

test("of terms that occur as often, maxFeatures keeps those that sort first", async () => {
  const { names } = await fitTransform(["dd cc bb aa", "dd"], { maxFeatures: 3 });
  expect(names).toEqual(["aa", "bb", "dd"]);
});

test("a vocabulary keeps its order and its terms that no text has", async () => {
  const vocabulary = ["price", "good price", "never", "good", ""];
  const fitted = await tfidf({ vocabulary, ngramRange: [1, 2], useIdf: false, norm: null }).fit([]);
  expect(fitted.names).toEqual(vocabulary);
  expect([...toDense(await fitted.transform(["good price, good"])).data]).toEqual([1, 1, 0, 2, 0]);
  const characters = tfidf({ vocabulary: ["", "oo"], analyzer: "char", ngramRange: [2, 2], useIdf: false, norm: null });
  expect([...toDense(await (await characters.fit([])).transform(["good"])).data]).toEqual([0, 1]);
  vocabulary.push("later");
  expect(fitted.names).toHaveLength(5);
});

test("a stream gives the same as an array", async () => {
  const texts = golden("tfidf-words").texts;
  const stream = {
    async *[Symbol.asyncIterator]() {
      for (let from = 0; from < texts.length; from += 7) yield texts.slice(from, from + 7);
    },
  };
  for (const params of [{}, { analyzer: "char", ngramRange: [1, 3], maxFeatures: 100 }] as const) {
    const saved = await (await tfidf(params).fit(stream)).save();
    expect(saved).toEqual(await (await tfidf(params).fit(texts)).save());
  }
});

// ---------- odd texts

test.each<[string, TfidfParams]>([
  ["words", { ngramRange: [1, 2] }],
  ["characters", { analyzer: "char", ngramRange: [1, 2] }],
  ["a pattern", { tokenPattern: "\\w+", ngramRange: [1, 2] }],
])("long texts, long words and names of object members: %s", async (_, params) => {
  const texts = ["x".repeat(1 << 20), "good price ".repeat(100_000), "__proto__ constructor __proto__ hasOwnProperty"];
  const recipe = tfidf(params);
  const fitted = await recipe.fit(texts);
  const features = await fitted.transform(texts);
  expect([...features.present!]).toEqual([1, 1, 1]);
  for (let row = 0; row < 3; row++) expect(features.offsets[row + 1]).toBeGreaterThan(features.offsets[row]!);
  const loaded = await recipe.load(decodeSaved(encodeSaved(await fitted.save())));
  expect(await loaded.transform(texts)).toEqual(features);
});

test("transforms at the same time do not disturb each other", async () => {
  const { texts } = golden("tfidf-words");
  const fitted = await tfidf({ ngramRange: [1, 2] }).fit(texts);
  const [whole, ...others] = await Promise.all(
    [1000, 1, 2, 3].map((batchSize) => fitted.transform(texts, { batchSize })),
  );
  for (const other of others) expect(other).toEqual(whole);
});

// ---------- errors

test("names the input that is no text", async () => {
  const fitted = await tfidf().fit(["some words"]);
  const want = { ...rejection("invalid-input", /input 1 is number 3, want a string or null/), index: 1 };
  await expect(fitted.transform(["ok", 3 as never])).rejects.toMatchObject(want);
  await expect(tfidf().fit(["ok", 3 as never])).rejects.toMatchObject(want);
  await expect(fitted.transform("ok" as never)).rejects.toMatchObject(rejection("invalid-input", /want an array/));
});

test("a fit that leaves no term says what to do", async () => {
  const fit = (texts: readonly (string | null)[], params: TfidfParams = {}) => tfidf(params).fit(texts);
  await expect(fit([null])).rejects.toMatchObject(rejection("invalid-input", /no text was given/));
  await expect(fit(["", "a b"])).rejects.toMatchObject(rejection("invalid-input", /none of 2 texts has a term.*char/));
  await expect(fit(["aa", "bb"], { minDf: 2 })).rejects.toMatchObject(
    rejection("invalid-input", /none of 2 terms is in at least 2 and at most 2 of 2 texts; lower minDf/),
  );
  await expect(fit(["aa"], { vocabulary: ["bb"], smoothIdf: false })).rejects.toMatchObject(
    rejection("invalid-input", /no text has the term string "bb".*smoothIdf/),
  );
  await expect(fit([null], { vocabulary: ["bb"] })).rejects.toMatchObject(
    rejection("invalid-input", /no text was given.*useIdf/),
  );
});

test.each<[object, RegExp]>([
  [{ min_df: 2 }, /min_df is number 2, want no such param; there are normalize, lowercase, /],
  [{ lowercase: 1 }, /lowercase is number 1, want true or false/],
  [{ analyzer: "words" }, /analyzer is string "words", want "word", "char"/],
  [{ stripAccents: "utf8" }, /stripAccents/],
  [{ norm: "max" }, /norm is string "max", want "l1", "l2" or null/],
  [{ ngramRange: [2, 1] }, /ngramRange/],
  [{ ngramRange: [0, 1] }, /ngramRange/],
  [{ ngramRange: 2 }, /ngramRange/],
  [{ minDf: 1.5 }, /minDf is number 1.5, want a whole number from 1 on, or a share/],
  [{ minDf: "0.5" }, /minDf/],
  [{ maxDf: 0 }, /maxDf/],
  [{ maxFeatures: 0 }, /maxFeatures/],
  [{ idfOffset: Number.NaN }, /idfOffset/],
  [{ stopWords: "german" }, /stopWords is string "german", want "english", an array of words or null/],
  [{ stopWords: [1] }, /stopWords/],
  [{ stopWords: "english", analyzer: "char" }, /stopWords .* want null, as the analyzer "char" has no words/],
  [{ tokenPattern: "\\S+", analyzer: "char" }, /tokenPattern/],
  [{ vocabulary: [] }, /vocabulary/],
  [{ vocabulary: ["a", "b", "a"] }, /every term once; string "a" is there twice/],
  [{ vocabulary: ["a"], minDf: 2 }, /minDf is number 2, want none, as a given vocabulary is kept whole/],
  [{ sublinearTf: true, relativeTf: true }, /sublinearTf is true, want false where relativeTf is true/],
])("rejects %o", (params, message) => {
  expect(() => tfidf(params as TfidfParams)).toThrowError(
    expect.objectContaining({ code: "invalid-params", message: expect.stringMatching(message) }),
  );
});

test("a saved part of other params or with a broken list of terms does not load", async () => {
  const saved = await (await tfidf().fit(["some words"])).save();
  await expect(tfidf({ minDf: 2 }).load(saved)).rejects.toMatchObject(rejection("saved-mismatch", /minDf was 1 when/));
  const terms = new TextEncoder().encode('["words", 1]');
  const broken = { ...saved, arrays: { ...saved.arrays, terms } };
  await expect(tfidf().load(broken)).rejects.toMatchObject(rejection("saved-mismatch", /array "terms"/));
  const fewer = { ...saved, arrays: { ...saved.arrays, idf: new Float64Array(1) } };
  await expect(tfidf().load(fewer)).rejects.toMatchObject(rejection("saved-mismatch", /array "idf"/));
});
