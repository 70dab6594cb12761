import { readFileSync } from "node:fs";
import { decodeSaved, type Extractor, encodeSaved, type Sparse, toDense } from "@mmub/core";
import { extractorChecks } from "@mmub/core/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { chineseTokenizer } from "./chinese-tokenizer.js";
import { countVectors } from "./count-vectors.js";
import { hashingVectors, murmur3 } from "./hashing-vectors.js";
import { stemmed } from "./stemmed.js";
import { tfidf } from "./tfidf.js";
import { characterTokenizer, type Tokenizer, wordTokenizer } from "./tokenizer.js";

interface Golden {
  readonly fit: number;
  readonly cases: readonly {
    readonly params: object;
    readonly names: readonly string[];
    readonly rows: readonly (readonly [columns: number[], values: number[]])[];
  }[];
}
const fixture = (name: string) =>
  JSON.parse(readFileSync(new URL(`../fixtures/${name}.json`, import.meta.url), "utf8"));
const { texts }: { texts: string[] } = fixture("tfidf-words");
// The fixture of hashing has nothing where Python cannot encode a text.
const whole = texts.map((text) => (/\p{Cs}/u.test(text) ? "" : text));

const rowsOf = ({ rows, offsets, columns, values }: Sparse): [number[], number[]][] =>
  Array.from({ length: rows }, (_, row) => {
    const [from, to] = [offsets[row], offsets[row + 1]];
    return [[...columns.subarray(from, to)], [...values.subarray(from, to)]];
  });

const inputs = ["really good, good price", "really good", null, "为什么？太贵了！", "", "a".repeat(5_000)];
describe.each<[string, () => Extractor<string, Sparse>]>([
  ["counts", () => countVectors()],
  ["counts of characters", () => countVectors({ analyzer: "char", ngramRange: [1, 2], binary: true })],
  ["hashing", () => hashingVectors({ nFeatures: 1000 })],
  ["hashing of n-grams", () => hashingVectors({ ngramRange: [1, 3], norm: "l1" })],
  ["a tokenizer", () => tfidf({ tokenizer: characterTokenizer() })],
  ["normalised", () => tfidf({ normalize: { unicode: "NFKC", emoji: "name", html: true } })],
])("conformance: %s", (_, make) => {
  for (const check of extractorChecks({ make, inputs })) test(check.name, check.run);
});

describe.each<[string, (params: object) => Extractor<string, Sparse>, readonly string[]]>([
  ["counts", countVectors, texts],
  ["hashing", hashingVectors, whole],
])("the same as scikit-learn: %s", (name, make, given) => {
  const { fit, cases }: Golden = fixture(name);
  for (const { params, names, rows } of cases)
    test(JSON.stringify(params), async () => {
      const recipe = make(params);
      const fitted = await recipe.fit(given.slice(0, fit));
      expect(fitted.names ?? []).toEqual(names);
      const loaded = await recipe.load(decodeSaved(encodeSaved(await fitted.save())));
      for (const part of [fitted, loaded])
        for (const [row, [columns, values]] of rowsOf(await part.transform(given)).entries()) {
          const [wantColumns, wantValues] = rows[row]!;
          expect(columns, `text ${row}`).toEqual(wantColumns);
          for (const [k, want] of wantValues.entries()) expect(values[k], `text ${row}`).toBeCloseTo(want, 6);
        }
    });
});

test("MurmurHash3 as its reference implementation has it", () => {
  // sklearn.utils.murmurhash3_32(text, seed=0)
  const known = { "": 0, a: 1009084850, ab: -1681926305, abc: -1277324294, good: 115441729, "价格 很好": -551207047 };
  for (const [text, hash] of Object.entries(known)) expect(murmur3(text), text).toBe(hash);
});

// ---------- parts of a whole

const stream = (batches: (string | null)[][]) => ({
  async *[Symbol.asyncIterator]() {
    yield* batches;
  },
});
const halves = [texts.slice(0, 5), [...texts.slice(5, 30), null], [], texts.slice(30)];
const all = halves.flat();

describe("counted in parts", () => {
  test.each([
    ["tfidf", tfidf, {}],
    ["tfidf", tfidf, { ngramRange: [1, 2], minDf: 2, maxDf: 0.5 }],
    ["tfidf", tfidf, { analyzer: "char_wb", ngramRange: [2, 3], maxFeatures: 30 }],
    ["tfidf", tfidf, { tokenPattern: "\\S+", stopWords: ["the"], ngramRange: [1, 2] }],
    ["tfidf", tfidf, { vocabulary: ["good", "the cat"], ngramRange: [1, 2] }],
    ["countVectors", countVectors, { maxFeatures: 20 }],
    ["countVectors", countVectors, { binary: true, maxFeatures: 20, stopWords: "english" }],
  ] as const)("%s: the same as the whole, and a stream the same as an array: %o %o", async (_, make, params) => {
    const recipe = make(params as object);
    const fitted = await recipe.fit(all);
    const counts = await Promise.all(halves.map((half) => recipe.count(half)));
    const sent = counts.map((one) => decodeSaved(encodeSaved(one)));
    for (const same of [await recipe.merge(sent), await recipe.fit(stream(halves))]) {
      expect(same.names).toEqual(fitted.names);
      expect(await same.save()).toEqual(await fitted.save());
      expect(await same.transform(all)).toEqual(await fitted.transform(all));
    }
  });

  test("refuses the counts of another recipe, and nothing at all", async () => {
    const counts = await tfidf().count(["good price"]);
    await expect(tfidf({ minDf: 2 }).merge([counts])).rejects.toMatchObject({ code: "saved-mismatch" });
    await expect(countVectors().merge([counts])).rejects.toMatchObject({ code: "saved-mismatch" });
    await expect(tfidf().merge(counts as never)).rejects.toMatchObject({ code: "invalid-input" });
    await expect(tfidf().merge([])).rejects.toMatchObject({ code: "invalid-input" });
    await expect(tfidf().load(counts)).rejects.toMatchObject({ code: "saved-mismatch" });
    const { df: _, ...arrays } = counts.arrays!;
    await expect(tfidf().merge([{ ...counts, arrays }])).rejects.toMatchObject({ code: "saved-mismatch" });
    await expect(tfidf().merge([{ ...counts, state: null }])).rejects.toMatchObject({ code: "saved-mismatch" });
  });
});

test("what fit has read serves transform of the same texts only", async () => {
  const given: (string | null)[] = ["good good price", null, "bad service", ""];
  const first = await tfidf({ minDf: 1, maxFeatures: 3 }).fit(given);
  const fresh = await tfidf({ minDf: 1, maxFeatures: 3 }).fit(stream([[...given]]));
  const want = await fresh.transform(given);
  expect(await first.transform([...given])).toEqual(want);
  expect(await first.transform(given)).toEqual(want);
  const changed = await tfidf().fit(given);
  given[0] = "bad bad service";
  expect(rowsOf(await changed.transform(given))[0]![0]).toEqual([0, 3]);
  const shorter = await tfidf().fit(given);
  expect((await shorter.transform(given.slice(0, 1))).rows).toBe(1);
});

test("parts with other params do not disturb each other, one after another or at once", async () => {
  const recipes = [
    tfidf(),
    tfidf({ lowercase: false, ngramRange: [1, 2] }),
    tfidf({ analyzer: "char_wb", ngramRange: [2, 3], stripAccents: "unicode" }),
    tfidf({ tokenizer: await stemmed(wordTokenizer()) }),
    tfidf({ tokenizer: await chineseTokenizer() }),
    countVectors({ normalize: { emoji: "name" } }),
    hashingVectors({ nFeatures: 50 }),
  ];
  const run = async (recipe: Extractor<string, Sparse>) => {
    const fitted = await recipe.fit(texts, { batchSize: 3 });
    const other = fitted.transform(texts.slice(20), { batchSize: 2 });
    const [a, b] = [await fitted.transform(texts, { batchSize: 1 }), await other];
    return [fitted.names, a, b];
  };
  const alone: unknown[] = [];
  for (const recipe of recipes) alone.push(await run(recipe));
  expect(await Promise.all(recipes.map(run))).toEqual(alone);
});

// ---------- tokenizers

describe("tokenizers in vectorizers", () => {
  test("cut texts after case and accents, before stop words and n-grams", async () => {
    const tokenizer = wordTokenizer({ pattern: "[^ ]+" });
    const params = { tokenizer, stopWords: ["the"], ngramRange: [1, 2], stripAccents: "unicode" } as const;
    const fitted = await countVectors(params).fit(["The CAFÉ the shop"]);
    expect(fitted.names).toEqual(["cafe", "cafe shop", "shop"]);
    const chinese = await tfidf({ tokenizer: await chineseTokenizer() }).fit(["价格很好，物流快"]);
    expect(chinese.names).toEqual(["价格", "好", "很", "快", "物流"]);
  });

  test("are saved by what they are, and asked for again", async () => {
    const fitted = await tfidf({ tokenizer: await stemmed(wordTokenizer()) }).fit(["prices were good"]);
    expect(fitted.names).toEqual(["good", "price", "were"]);
    const saved = decodeSaved(encodeSaved(await fitted.save()));
    const loaded = await tfidf({ tokenizer: await stemmed(wordTokenizer()) }).load(saved);
    expect(rowsOf(await loaded.transform(["price"]))).toEqual(rowsOf(await fitted.transform(["price"])));
    const lancaster = await stemmed(wordTokenizer(), { algorithm: "lancaster" });
    await expect(tfidf({ tokenizer: lancaster }).load(saved)).rejects.toThrow(/param tokenizer\.params\.algorithm/);
    await expect(tfidf().load(saved)).rejects.toMatchObject({ code: "saved-mismatch" });
  });

  test("that are none are refused", async () => {
    const wrong: Tokenizer = { type: "@example/wrong", params: null, tokenize: () => "text" as never };
    await expect(tfidf({ tokenizer: wrong }).fit(["a"])).rejects.toThrow(/@example\/wrong gives something else/);
    const refused = expect.objectContaining({ code: "invalid-params" });
    expect(() => tfidf({ tokenizer: "jieba" as never })).toThrow(refused);
    expect(() => tfidf({ tokenizer: chineseTokenizer() as never })).toThrow(/write await/);
    expect(() => tfidf({ tokenizer: wordTokenizer(), tokenPattern: "a" })).toThrow(refused);
    expect(() => tfidf({ tokenizer: wordTokenizer(), analyzer: "char" })).toThrow(refused);
    expect(() => tfidf({ normalize: { html: "yes" as never } })).toThrow(refused);
  });
});

test.each([{ nFeatures: 0 }, { nFeatures: 2 ** 28 + 1 }, { alternateSign: 1 }, { norm: "max" }, { vocabulary: ["a"] }])(
  "hashingVectors rejects %o",
  (params) => {
    expect(() => hashingVectors(params as never)).toThrow(expect.objectContaining({ code: "invalid-params" }));
  },
);

// ---------- whatever the text

const isSound = ({ rows, cols, offsets, columns, values }: Sparse): void => {
  for (const value of values) expect(Number.isFinite(value)).toBe(true);
  for (let row = 0; row < rows; row++)
    for (let k = offsets[row]!; k < offsets[row + 1]!; k++) {
      expect(columns[k]).toBeLessThan(cols);
      if (k > offsets[row]!) expect(columns[k]).toBeGreaterThan(columns[k - 1]!);
    }
};

test("any text gives finite rows in order, or an error that says what is missing", async () => {
  const text = fc.oneof(
    fc.string({ unit: "binary", maxLength: 40 }),
    fc.string({ unit: fc.constantFrom(..."aáB1_ ,\u0000שא中😀\u200f", "\ud83d", "\ude00"), maxLength: 40 }),
  );
  const norm = fc.constantFrom("l1" as const, "l2" as const, null);
  await fc.assert(
    fc.asyncProperty(
      fc.array(text, { maxLength: 6 }),
      fc.array(text),
      norm,
      fc.boolean(),
      async (known, others, norm, flag) => {
        const makes = [
          tfidf({ norm, sublinearTf: flag, relativeTf: !flag }),
          tfidf({ norm, binary: flag, analyzer: "char", ngramRange: [1, 2], useIdf: flag }),
          countVectors({ binary: flag, ngramRange: [1, 2] }),
          hashingVectors({ norm, nFeatures: 3, alternateSign: flag, binary: !flag }),
        ];
        for (const recipe of makes) {
          const fitted = await recipe.fit(known).catch((error) => {
            expect(error).toMatchObject({ code: "invalid-input" });
          });
          if (fitted) isSound(await fitted.transform([...known, ...others, "", null]));
        }
      },
    ),
    { seed: 5, numRuns: 150 },
  );
});

test("words longer than their key in the table are told apart", async () => {
  const ends = [
    "aaaaaaaaaaaa",
    "baaaaaaaaaaaa",
    "caaaaaaaaaaaa",
    "aaaaaaaaaaa",
    "aaaaaaaaaaaaa",
    "éaaaaaaaaaaa",
    "\u0161aaaaaaaaaaa",
  ];
  const many = Array.from({ length: 3000 }, (_, i) => `order_${i}_of_the_same_long_ending`);
  const fitted = await countVectors().fit([ends.join(" "), many.join(" "), ends.concat(many).join(" ; é ")]);
  expect(fitted.names).toEqual([...ends, ...many].sort());
  const { data } = toDense(await fitted.transform([ends.join(" ")]));
  expect(data.reduce((sum, value) => sum + value, 0)).toBe(ends.length);
  expect(Math.max(...data)).toBe(1);
});

test("ten megabytes in one text, a thousand emoji, nothing but unknown words", async () => {
  const long = "Good price, \u0000 quick שלום delivery 😀 ".repeat(300_000);
  const other = "Good price and quick delivery of x1 ".repeat(300_000);
  for (const text of [long, other]) {
    const fitted = await tfidf({ norm: null, useIdf: false }).fit([text]);
    const { values } = await fitted.transform([text]);
    expect([...values]).toEqual(Array(fitted.cols).fill(300_000));
  }
  const emoji = "😀👍🏽".repeat(500);
  const signs = await countVectors({ analyzer: "char" }).fit([emoji]);
  expect([...(await signs.transform([emoji])).values]).toEqual([500, 500, 500]);
  const named = await countVectors({ normalize: { emoji: "name" } }).fit([emoji]);
  expect(named.names).toEqual(["grinning_face", "medium_skin_tone", "thumbs_up"]);
  await expect(countVectors().fit([emoji])).rejects.toThrow(/none of 1 texts has a term/);
  const known = await tfidf({ relativeTf: true }).fit(["good price"]);
  const unknown = await known.transform(["all of it is new", "", emoji]);
  expect([unknown.values.length, [...unknown.present!]]).toEqual([0, [1, 1, 1]]);
});
