import { readFileSync } from "node:fs";
import { MmubError, type Progress, random } from "@mmub/core";
import { kernels } from "@mmub/kernels";
import { describe, expect, test } from "vitest";
import { cooccurrences } from "./cooccurrences.js";
import { readCorpus } from "./corpus.js";
import { glove, pairWeight } from "./glove.js";
import { aliasTable, keepThresholds } from "./word-sampling.js";
import type { WordVectors } from "./word-vectors.js";
import { word2vec } from "./word2vec.js";

const { sampling } = JSON.parse(readFileSync(new URL("../fixtures/word-vectors.json", import.meta.url), "utf8"));

/** Sentences of one of two topics with eight words each, "a0" to "a7" and "b0" to "b7", and "the" anywhere. */
const topics = (sentences: number): string[][] => {
  const r = random(4);
  return Array.from({ length: sentences }, (_, i) =>
    Array.from({ length: 12 }, () => (r.next() < 0.2 ? "the" : `${"ab"[i % 2]}${r.integer(8)}`)),
  );
};
const sentences = topics(400);

/** The mean cosine of words of a topic less that of words of two. */
const separation = (vectors: WordVectors): number => {
  const [same, other] = [[] as number[], [] as number[]];
  for (const a of vectors.words)
    for (const b of vectors.words)
      if (a < b && a !== "the" && b !== "the") (a[0] === b[0] ? same : other).push(vectors.similarity(a, b));
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  return mean(same) - mean(other);
};

const trainers = {
  "skip-gram": (over: object = {}) =>
    word2vec({ algorithm: "skipGram", vectorSize: 10, epochs: 15, sample: 0.05, ...over }),
  cbow: (over: object = {}) => word2vec({ vectorSize: 10, epochs: 60, sample: 0.05, ...over }),
  glove: (over: object = {}) => glove({ vectorSize: 10, ...over }),
};

describe.each(Object.entries(trainers))("%s", (_, make) => {
  test("words of a topic come together", async () => {
    const vectors = await make().fit(sentences, { seed: 3 });
    expect(vectors.words).toHaveLength(17);
    expect(vectors.cols).toBe(10);
    expect(vectors.words[0]).toBe("the");
    expect(vectors.counts![0]).toBe(sentences.flat().filter((word) => word === "the").length);
    expect(separation(vectors)).toBeGreaterThan(0.5);
    const near = vectors.mostSimilar("a0", { topN: 7 }).map(({ word }) => word);
    expect(near.filter((word) => word.startsWith("a")).length).toBeGreaterThanOrEqual(6);
  });

  test("so they do on two threads", async () => {
    expect(separation(await make({ threads: 2 }).fit(sentences, { seed: 3 }))).toBeGreaterThan(0.5);
  });

  test("the same seed and texts give the same bytes, streamed too, and another seed others", async () => {
    const stream = {
      async *[Symbol.asyncIterator]() {
        for (let at = 0; at < sentences.length; at += 7) yield sentences.slice(at, at + 7);
      },
    };
    const trainer = make({ epochs: 2 });
    const [a, b, c] = [
      await trainer.fit(sentences, { seed: 3 }),
      await trainer.fit(stream, { seed: 3 }),
      await trainer.fit(sentences, { seed: 4 }),
    ];
    expect(b.table).toEqual(a.table);
    expect(c.table).not.toEqual(a.table);
  });

  test("missing and empty sentences change nothing", async () => {
    const trainer = make({ epochs: 1 });
    const want = await trainer.fit(sentences);
    const holes = sentences.flatMap((sentence) => [null, sentence, []]);
    expect((await trainer.fit(holes)).table).toEqual(want.table);
  });

  test("progress goes up to all that there is, and abort rejects with its reason", async () => {
    const seen: Progress[] = [];
    await make({ epochs: 3 }).fit(sentences, { onProgress: (progress) => seen.push(progress) });
    expect(seen.length).toBeGreaterThanOrEqual(3);
    expect(seen.map(({ done }) => done)).toEqual(seen.map((_, i) => i + 1));
    expect(seen.at(-1)!.total).toBe(seen.length);
    for (const threads of [1, 2]) {
      const controller = new AbortController();
      const reason = new Error("enough");
      const fit = make({ epochs: 500, threads }).fit(sentences, {
        signal: controller.signal,
        onProgress: () => controller.abort(reason),
      });
      await expect(fit).rejects.toBe(reason);
    }
  });

  test("what is refused", async () => {
    const fit = (given: unknown) => make().fit(given as string[][]);
    await expect(fit([["a"], "a text"])).rejects.toMatchObject({ code: "invalid-input", index: 1 });
    await expect(fit([["a"], ["b", 3]])).rejects.toThrow(
      "sentence 1 is an array with number 3, want an array of words",
    );
    await expect(fit([["rare", "words"]])).rejects.toThrow("0 of 2 words come 5 times or more, want two at least");
    await expect(fit([])).rejects.toMatchObject({ code: "invalid-input" });
    for (const params of [
      { vectorSize: 0 },
      { epochs: 1.5 },
      { threads: 0 },
      { minCount: -1 },
      { window: 0 },
      { size: 100 },
    ])
      expect(() => make(params)).toThrow(MmubError);
    const many = Array.from({ length: 3000 }, (_, i) => Array.from({ length: 5 }, () => [`w${i}`, "x"]).flat());
    await expect(make({ vectorSize: 200_000 }).fit(many)).rejects.toThrow(/GiB, want less than 4; raise minCount/);
  });
});

test("the defaults are gensim's and Stanford's; threads are no part of the recipe", () => {
  expect(word2vec({ threads: 4 }).params).toEqual({
    algorithm: "cbow",
    vectorSize: 100,
    window: 5,
    shrinkWindows: true,
    minCount: 5,
    maxFinalVocab: null,
    sample: 1e-3,
    negative: 5,
    nsExponent: 0.75,
    alpha: 0.025,
    minAlpha: 0.0001,
    epochs: 5,
    cbowMean: true,
  });
  expect(glove().params).toMatchObject({
    vectorSize: 50,
    window: 15,
    xMax: 100,
    alpha: 0.75,
    learningRate: 0.05,
    epochs: 25,
  });
  for (const params of [
    { sample: 1 },
    { negative: 0 },
    { alpha: 0 },
    { minAlpha: 1 },
    { algorithm: "sg" },
    { cbowMean: 1 },
  ])
    expect(() => word2vec(params as object)).toThrow(MmubError);
  for (const params of [
    { xMax: 0 },
    { alpha: -1 },
    { learningRate: Number.NaN },
    { vectors: "both" },
    { symmetric: 1 },
  ])
    expect(() => glove(params as object)).toThrow(MmubError);
});

interface SamplingCase {
  readonly params: { readonly min_count?: number; readonly sample?: number; readonly max_final_vocab?: number };
  readonly counts: Readonly<Record<string, number>>;
  readonly keep: readonly number[];
}
const cases: SamplingCase[] = sampling.cases;

test.each(cases)("vocabulary, counts and subsampling are gensim's: $params", async ({ params, counts, keep }) => {
  const texts = sampling.sentences.map((text: string) => text.split(" "));
  const { min_count: minCount = 5, sample = 1e-3, max_final_vocab: maxFinalVocab = null } = params;
  const corpus = await readCorpus(texts, { minCount, maxFinalVocab }, undefined, "test");
  expect(Object.fromEntries(corpus.words.map((word, i) => [word, corpus.counts[i]]))).toEqual(counts);
  expect(Array.from(corpus.counts)).toEqual(Object.values(counts));
  const got = keepThresholds(corpus.counts, sample, corpus.total);
  for (const [i, want] of keep.entries()) expect((got[i]! >>> 0) / 2 ** 32).toBeCloseTo(want / 2 ** 32, 6);
});

test("negatives are drawn in proportion to count ^ exponent", () => {
  for (const exponent of [0.75, 0, 1, -0.5]) {
    const counts = Float64Array.from({ length: 50 }, (_, i) => 1000 / (i + 1));
    const [threshold, alias] = [new Int32Array(50), new Int32Array(50)];
    aliasTable(counts, exponent, threshold, alias);
    const chance = new Float64Array(50);
    for (let cell = 0; cell < 50; cell++) {
      const own = ((threshold[cell]! >>> 0) + 1) / 2 ** 32;
      chance[cell]! += own / 50;
      chance[alias[cell]!]! += (1 - own) / 50;
    }
    const sum = counts.reduce((total, count) => total + count ** exponent, 0);
    for (let i = 0; i < 50; i++) expect(chance[i]).toBeCloseTo(counts[i]! ** exponent / sum, 8);
  }
});

test("long sentences are cut, short ones put together, rare words left out", async () => {
  const words = (length: number, name: string) => Array.from({ length }, (_, i) => `${name}${i % 3}`);
  const corpus = await readCorpus(
    [words(45_000, "x"), ["once"], words(6000, "y"), words(6000, "x")],
    { minCount: 2, maxFinalVocab: null },
    undefined,
    "test",
  );
  expect(corpus.words).toEqual(["x0", "x1", "x2", "y0", "y1", "y2"]);
  expect(corpus.total).toBe(57_000);
  expect(corpus.pieces.map(({ length }) => length)).toEqual([20_000, 20_000, 5001 + 6001, 6001]);
  expect(corpus.pieces.map((piece) => piece.filter((token) => token < 0).length)).toEqual([0, 0, 2, 1]);
  const vectors = await word2vec({ vectorSize: 4, epochs: 1 }).fit([words(45_000, "x")]);
  expect(vectors.words).toHaveLength(3);
});

test.each([true, false])("pairs are counted by distance, symmetric: %s", async (symmetric) => {
  const r = random(8);
  const texts = Array.from({ length: 60 }, () => Array.from({ length: r.integer(30) }, () => `w${r.integer(40)}`));
  const corpus = await readCorpus(texts, { minCount: 1, maxFinalVocab: null }, undefined, "test");
  const { rows, columns, counts } = await cooccurrences(corpus, { window: 4, symmetric }, undefined);
  const want = new Map<string, number>();
  const add = (a: string, b: string, amount: number) => want.set(`${a} ${b}`, (want.get(`${a} ${b}`) ?? 0) + amount);
  for (const text of texts)
    for (const [i, word] of text.entries())
      for (const [j, other] of text.entries())
        if (j > i && j - i <= 4) {
          add(word, other, 1 / (j - i));
          if (symmetric) add(other, word, 1 / (j - i));
        }
  const got = new Map(
    Array.from(counts, (count, i) => [`${corpus.words[rows[i]!]} ${corpus.words[columns[i]!]}`, count]),
  );
  expect(got.size).toBe(counts.length);
  expect([...got.keys()].sort()).toEqual([...want.keys()].sort());
  for (const [pair, count] of want) expect(got.get(pair)).toBeCloseTo(count, 5);
});

/** Of fixtures/make_glove.py. */
interface GoldenGlove {
  readonly params: Readonly<Record<"window" | "xMax" | "alpha" | "learningRate" | "epochs" | "vectorSize", number>>;
  readonly sentences: readonly (readonly number[])[];
  readonly symmetric: readonly (readonly [number, number, number])[];
  readonly oneSided: readonly (readonly [number, number, number])[];
  readonly words: readonly number[];
  readonly contexts: readonly number[];
  readonly costs: readonly number[];
}
const goldenGlove: GoldenGlove = JSON.parse(readFileSync(new URL("../fixtures/glove.json", import.meta.url), "utf8"));

test("GloVe counts pairs as the plain implementation in Python does", async () => {
  const { sentences, params } = goldenGlove;
  const texts = sentences.map((sentence) => sentence.map(String));
  const corpus = await readCorpus(texts, { minCount: 1, maxFinalVocab: null }, undefined, "test");
  for (const symmetric of [true, false]) {
    const { rows, columns, counts } = await cooccurrences(corpus, { window: params.window, symmetric }, undefined);
    const got = Array.from(counts, (count, i) => [
      Number(corpus.words[rows[i]!]),
      Number(corpus.words[columns[i]!]),
      count,
    ]);
    got.sort((a, b) => a[0]! - b[0]! || a[1]! - b[1]!);
    const want = symmetric ? goldenGlove.symmetric : goldenGlove.oneSided;
    expect(got.map(([a, b]) => [a, b])).toEqual(want.map(([a, b]) => [a, b]));
    for (const [i, [, , count]] of want.entries()) expect(got[i]![2]! / count).toBeCloseTo(1, 6);
  }
});

test("GloVe's steps come to the tables and costs of the plain implementation in Python", () => {
  const { params, symmetric: pairs, words, contexts, costs } = goldenGlove;
  const { vectorSize, xMax, alpha, learningRate, epochs } = params;
  const count = words.length / (vectorSize + 1);
  const width = 12; // 6 numbers, two of nothing, the bias and three of nothing
  const k = kernels({ bytes: 1 << 16 });
  const placeOf = (i: number) =>
    Math.floor(i / (vectorSize + 1)) * width + (i % (vectorSize + 1) === vectorSize ? 8 : i % (vectorSize + 1));
  const table = (phase: number) => {
    const [values, squares] = [k.float32(count * width), k.float32(count * width).fill(1)];
    for (let i = 0; i < words.length; i++) values[placeOf(i)] = 0.5 * Math.sin(i * 0.7 + phase);
    return { values, squares };
  };
  const [input, output] = [table(0), table(1)];
  const entries = {
    rows: k.int32(pairs.length),
    columns: k.int32(pairs.length),
    logs: k.float32(pairs.length),
    weights: k.float32(pairs.length),
  };
  entries.rows.set(pairs.map(([a]) => a));
  entries.columns.set(pairs.map(([, b]) => b));
  entries.logs.set(pairs.map(([, , x]) => Math.log(x)));
  entries.weights.set(pairs.map(([, , x]) => pairWeight(x, xMax, alpha)));
  for (let epoch = 0; epoch < epochs; epoch++) {
    const cost = k.glove(input, output, entries, { width, learningRate });
    // The kernel's is without the half.
    expect(cost / 2 / pairs.length / costs[epoch]!).toBeCloseTo(1, 4);
  }
  for (const [got, want] of [
    [input, words],
    [output, contexts],
  ] as const)
    for (const [i, value] of want.entries()) expect(got.values[placeOf(i)]).toBeCloseTo(value, 4);
});

test("many pairs, as many as the table has to grow for", async () => {
  const text = Array.from({ length: 30_000 }, (_, i) => `w${Math.imul(i, 7919) % 9973}`);
  const corpus = await readCorpus([text], { minCount: 1, maxFinalVocab: null }, undefined, "test");
  const { rows, columns, counts } = await cooccurrences(corpus, { window: 5, symmetric: true }, undefined);
  expect(counts.length).toBeGreaterThan(70_000);
  expect(new Set(Array.from(rows, (row, i) => row * 9973 + columns[i]!)).size).toBe(counts.length);
});
