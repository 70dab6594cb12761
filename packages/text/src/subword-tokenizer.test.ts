import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { subwordTokenizer } from "./subword-tokenizer.js";

interface Case {
  readonly name: string;
  readonly file: object;
  readonly plain: readonly { readonly ids: number[]; readonly typeIds: number[] }[];
  readonly tokens: readonly string[][];
  readonly decoded: readonly string[];
  readonly most: number;
  readonly right: readonly number[][];
  readonly left: readonly number[][];
  readonly pairs: readonly { readonly ids: number[]; readonly typeIds: number[] }[];
}
const golden: { texts: string[]; pairs: [number, number][]; cases: Case[] } = JSON.parse(
  readFileSync(new URL("../fixtures/subwords.json", import.meta.url), "utf8"),
);
const { texts, pairs, cases } = golden;

describe.each(cases)("the same as Hugging Face's tokenizers in Rust: $name", (wanted) => {
  test("ids, types, pieces and text again", async () => {
    const tokenizer = await subwordTokenizer({ source: wanted.file });
    for (const [i, text] of texts.entries()) {
      const { ids, typeIds, tokens } = tokenizer.encode(text);
      expect([...ids], text).toEqual(wanted.plain[i]!.ids);
      expect([...typeIds], text).toEqual(wanted.plain[i]!.typeIds);
      expect(tokenizer.tokenize(text), text).toEqual(wanted.tokens[i]);
      expect(tokenizer.encode(text, { specialTokens: false }).tokens, text).toEqual(wanted.tokens[i]);
      expect(tokens).toHaveLength(ids.length);
      expect(tokenizer.decode(ids), text).toBe(wanted.decoded[i]);
    }
  });

  test("cut at either end, and of two texts the longer first", async () => {
    const right = await subwordTokenizer({ source: wanted.file, maxLength: wanted.most });
    const left = await subwordTokenizer({ source: wanted.file, maxLength: wanted.most, truncate: "left" });
    for (const [i, text] of texts.entries()) {
      expect([...right.encode(text).ids], text).toEqual(wanted.right[i]);
      expect([...left.encode(text).ids], text).toEqual(wanted.left[i]);
    }
    for (const [i, [a, b]] of pairs.entries()) {
      const { ids, typeIds } = right.encode(texts[a]!, { pair: texts[b]! });
      expect([...ids], `pair ${i}`).toEqual(wanted.pairs[i]!.ids);
      expect([...typeIds], `pair ${i}`).toEqual(wanted.pairs[i]!.typeIds);
    }
  });
});

test("a batch is filled up on the right, with a mask", async () => {
  const tokenizer = await subwordTokenizer({ source: cases[0]!.file });
  const { rows, length, ids, attentionMask, typeIds } = tokenizer.encodeBatch([texts[0]!, "", texts[1]!]);
  const alone = [texts[0]!, "", texts[1]!].map((text) => [...tokenizer.encode(text).ids]);
  expect([rows, length]).toEqual([3, Math.max(...alone.map((one) => one.length))]);
  for (const [row, one] of alone.entries()) {
    const pad = length - one.length;
    const at = (array: Int32Array) => [...array.subarray(row * length, (row + 1) * length)];
    expect(at(ids)).toEqual([...one, ...Array(pad).fill(tokenizer.padId)]);
    expect(at(attentionMask)).toEqual([...Array(one.length).fill(1), ...Array(pad).fill(0)]);
    expect(at(typeIds)).toEqual(Array(length).fill(0));
  }
  expect(tokenizer.encodeBatch([])).toMatchObject({ rows: 0, length: 0 });
});

test("reads a path, bytes or parsed JSON, with the same params", async () => {
  const folder = mkdtempSync(join(tmpdir(), "mmub-"));
  const path = join(folder, "tokenizer.json");
  writeFileSync(path, JSON.stringify(cases[0]!.file, null, 2));
  const { params } = await subwordTokenizer({ source: cases[0]!.file });
  for (const source of [pathToFileURL(path), path, readFileSync(path)])
    expect((await subwordTokenizer({ source })).params).toEqual(params);
  rmSync(folder, { recursive: true });
  expect(params).toMatchObject({ maxLength: null, truncate: "right", sha256: expect.stringMatching(/^[0-9a-f]{64}$/) });
});

test("any text is read, and no id is out of the vocabulary", async () => {
  const tokenizers = await Promise.all(cases.map(({ file }) => subwordTokenizer({ source: file })));
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 40 }), (text) => {
      for (const tokenizer of tokenizers)
        for (const id of tokenizer.encode(text).ids) {
          expect(id).toBeGreaterThanOrEqual(0);
          expect(id).toBeLessThan(tokenizer.vocabularySize);
        }
    }),
    { seed: 3, numRuns: 200 },
  );
});

test("says what is wrong", async () => {
  const { file } = cases[0]!;
  const refused = (params: object) => expect(subwordTokenizer(params as never)).rejects;
  await refused({ source: "/no/such/tokenizer.json" }).toMatchObject({ code: "missing-model" });
  await refused({ source: new TextEncoder().encode("{") }).toMatchObject({ code: "invalid-params" });
  await refused({ source: {} }).toMatchObject({ code: "invalid-params" });
  await refused({ source: { model: {} } }).toMatchObject({ code: "invalid-params" });
  await refused({ source: file, maxLength: 0 }).toMatchObject({ code: "invalid-params" });
  await refused({ source: file, truncate: "middle" }).toMatchObject({ code: "invalid-params" });
  const tokenizer = await subwordTokenizer({ source: file, maxLength: 1 });
  expect(() => tokenizer.encode("good")).toThrow(/maxLength is number 1, want at least 2/);
});
