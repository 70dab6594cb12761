import { readFileSync } from "node:fs";
import { decodeSaved, encodeSaved, type MmubError, type Sequence } from "@mmub/core";
import { extractorChecks } from "@mmub/core/testing";
import { describe, expect, test } from "vitest";
import { glove } from "./glove.js";
import { type Tokenizer, wordTokenizer } from "./tokenizer.js";
import { type WordEmbeddingParams, wordEmbedding } from "./word-embedding.js";
import { wordVectors } from "./word-vectors.js";
import { word2vec } from "./word2vec.js";

const { sif, sampling } = JSON.parse(readFileSync(new URL("../fixtures/word-vectors.json", import.meta.url), "utf8"));

const vectors = wordVectors({
  words: ["good", "bad", "price", "quick", "价格"],
  table: Float32Array.of(1, 0, 0, -1, 0.5, 0, 0, 0, 1, 0.25, 0.5, 0, 1, 0, 3),
});
const texts = ["Good price, good!", "a bad price", null, "nothing known here", "", "quick quick 价格 good"];

const recipes: Record<string, WordEmbeddingParams> = {
  mean: { vectors },
  "mean of all": { vectors, oov: "zero", norm: "l2", maxLength: 2 },
  sif: { vectors, pooling: "sif", oov: "random" },
  "sif of seen words": { vectors, pooling: "sif", keep: "seen", commonComponents: 2 },
  sequence: { vectors, pooling: "sequence", oov: "random", maxLength: 3 },
  "sequence, zeros": { vectors, pooling: "sequence", oov: "zero", norm: "l2" },
  reference: { vectors, save: "reference" },
  word2vec: { vectors: word2vec({ vectorSize: 6, minCount: 1, epochs: 2 }), pooling: "sif" },
  glove: { vectors: glove({ vectorSize: 6, minCount: 1, epochs: 2 }), pooling: "sequence" },
};
describe.each(Object.entries(recipes))("conformance: %s", (_, params) => {
  for (const check of extractorChecks({ make: () => wordEmbedding(params), inputs: texts }))
    test(check.name, check.run);
});

describe("mean", () => {
  const rows = async (params: Omit<WordEmbeddingParams, "pooling">, inputs: string[]) => {
    const fitted = await wordEmbedding({ vectors, ...params, pooling: "mean" }).fit([]);
    const { data, cols } = await fitted.transform(inputs);
    return inputs.map((_, row) => Array.from(data.subarray(row * cols, (row + 1) * cols)));
  };

  test("of the words that have a vector", async () => {
    expect(await rows({}, ["Good price, the price!", "unheard", ""])).toEqual([
      [expect.closeTo(1 / 3, 6), 0, expect.closeTo(2 / 3, 6)],
      [0, 0, 0],
      [0, 0, 0],
    ]);
  });
  test("unknown words as zeros, or as vectors of their own", async () => {
    expect(await rows({ oov: "zero" }, ["good unheard"])).toEqual([[0.5, 0, 0]]);
    const [a, b, twice, mixed] = await rows({ oov: "random" }, ["unheard", "other", "unheard unheard", "good unheard"]);
    expect(a).not.toEqual(b);
    expect(twice).toEqual(a);
    expect(mixed!.map((x, i) => 2 * x - (i === 0 ? 1 : 0))).toEqual(a!.map((x) => expect.closeTo(x, 6)));
  });
  test("random vectors have the variance of the table", async () => {
    const table = Float32Array.from({ length: 500 * 20 }, (_, i) => Math.sin(i * i));
    const many = wordVectors({ words: Array.from({ length: 500 }, (_, i) => `w${i}`), table });
    const fitted = await wordEmbedding({ vectors: many, oov: "random" }).fit([]);
    const { data } = await fitted.transform(Array.from({ length: 500 }, (_, i) => `new${i}`));
    const square = (values: Float32Array) => values.reduce((sum, x) => sum + x * x, 0) / values.length;
    expect(square(data) / square(table)).toBeCloseTo(1, 1);
    expect(data.reduce((sum, x) => sum + x, 0) / data.length).toBeCloseTo(0, 1);
  });
  test("the first words, and rows of length 1", async () => {
    expect(await rows({ maxLength: 2 }, ["unheard good bad price"])).toEqual([[0, 0.25, 0]]);
    expect(await rows({ norm: "l2" }, ["good price"])).toEqual([
      [expect.closeTo(Math.SQRT1_2, 6), 0, expect.closeTo(Math.SQRT1_2, 6)],
    ]);
  });
  test("a tokenizer that keeps the case finds other words", async () => {
    expect(await rows({ tokenizer: wordTokenizer() }, ["Good price"])).toEqual([[0, 0, 1]]);
  });
});

test("a sequence has a step for each word, in order", async () => {
  const transform = async (params: Omit<WordEmbeddingParams, "pooling">): Promise<Sequence> =>
    (await wordEmbedding({ vectors, ...params, pooling: "sequence" }).fit([])).transform([
      "bad unheard price",
      null,
      "",
      "good",
    ]);
  const skipped = await transform({});
  expect(Array.from(skipped.offsets)).toEqual([0, 2, 2, 2, 3]);
  expect(Array.from(skipped.data)).toEqual([-1, 0.5, 0, 0, 0, 1, 1, 0, 0]);
  expect(Array.from(skipped.present!)).toEqual([1, 0, 1, 1]);
  const zeros = await transform({ oov: "zero", maxLength: 2 });
  expect(Array.from(zeros.offsets)).toEqual([0, 2, 2, 2, 3]);
  expect(Array.from(zeros.data)).toEqual([-1, 0.5, 0, 0, 0, 0, 1, 0, 0]);
});

describe("SIF", () => {
  const spaces: Tokenizer = { type: "@test/spaces", params: null, tokenize: (text) => text.split(" ") };
  const bytes = new Uint8Array(Buffer.from(sif.table, "base64"));
  const known = wordVectors({ words: sif.words, table: new Float32Array(bytes.buffer) });
  const inputs: string[] = sampling.sentences.slice(0, sif.texts);

  test.each([0, 1, 2])("the numbers of the authors' program, %i components taken out", async (commonComponents) => {
    for (const keep of ["all", "seen"] as const) {
      const params = {
        vectors: known,
        tokenizer: spaces,
        pooling: "sif",
        smoothing: 1e-2,
        commonComponents,
        keep,
      } as const;
      const fitted = await wordEmbedding(params).fit(inputs);
      const { data } = await fitted.transform(inputs.slice(0, 12));
      for (const [i, want] of sif.rows[commonComponents].flat().entries()) expect(data[i]).toBeCloseTo(want, 5);
    }
  });

  test("more components than texts take everything out and give no NaN", async () => {
    const fitted = await wordEmbedding({ vectors, pooling: "sif", commonComponents: 3 }).fit(["good price"]);
    const { data } = await fitted.transform(["good price", "bad"]);
    expect(Array.from(data.subarray(0, 3))).toEqual([0, 1, 2].map(() => expect.closeTo(0, 6)));
    expect(Array.from(data.subarray(3)).every(Number.isFinite)).toBe(true);
    const none = await wordEmbedding({ vectors, pooling: "sif" }).fit([null, "unheard"]);
    expect(Array.from((await none.transform(["good"])).data)).toEqual([1, 0, 0]);
  });
});

describe("saved", () => {
  test("with its table it needs no vectors to load", async () => {
    for (const pooling of ["mean", "sif"] as const) {
      const fitted = await wordEmbedding({ vectors, pooling, keep: "seen" }).fit(["good price", "bad price"]);
      const again = await wordEmbedding({ pooling, keep: "seen" }).load(decodeSaved(encodeSaved(await fitted.save())));
      const inputs = ["good", "price bad", "quick"];
      expect((await again.transform(inputs)).data).toEqual((await fitted.transform(inputs)).data);
      // Of words not seen there is no vector.
      expect(Array.from((await again.transform(["quick"])).data)).toEqual([0, 0, 0]);
    }
  });

  test("with a reference it wants the same vectors", async () => {
    const saved = await (await wordEmbedding({ vectors, save: "reference" }).fit([])).save();
    expect(encodeSaved(saved).length).toBeLessThan(2000);
    const again = await wordEmbedding({ vectors, save: "reference" }).load(saved);
    expect(Array.from((await again.transform(["good"])).data)).toEqual([1, 0, 0]);
    const others = wordVectors({ words: vectors.words, table: vectors.table.map((x) => x + 1) });
    for (const params of [{ vectors: others }, {}])
      await expect(wordEmbedding({ ...params, save: "reference" }).load(saved)).rejects.toMatchObject({
        code: "saved-mismatch",
      });
  });
});

test("what is refused", async () => {
  await expect(wordEmbedding({}).fit(["good"])).rejects.toThrow("there are no vectors to fit with");
  await expect(wordEmbedding({ vectors, keep: "seen" }).fit(["Unheard words"])).rejects.toThrow(
    "no word of the texts is among the 5 that have a vector",
  );
  const trainer = wordEmbedding({ vectors: word2vec() });
  await expect(trainer.fit(["a text", 3 as never])).rejects.toMatchObject({ code: "invalid-input", index: 1 });
  const bad: object[] = [
    { pooling: "max" },
    { oov: "error" },
    { maxLength: 0 },
    { smoothing: 0 },
    { commonComponents: -1 },
    { keep: "none" },
    { save: "reference", keep: "seen" },
    { save: "reference", vectors: word2vec() },
    { vectors: { words: [] } },
    { tokenizer: "words" },
    { dimension: 3 },
  ];
  for (const params of bad) {
    let error: unknown;
    try {
      wordEmbedding({ vectors, ...params } as WordEmbeddingParams);
    } catch (thrown) {
      error = thrown;
    }
    expect((error as MmubError | undefined)?.code, JSON.stringify(params)).toBe("invalid-params");
  }
});
