import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { loadFile, MmubError, type Progress, random, saveFile } from "@mmub/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ReadWordVectorsOptions, readWordVectors, writeWordVectors } from "./word-vector-files.js";
import { savedWordVectors, type WordQuery, wordVectors } from "./word-vectors.js";

const golden = JSON.parse(readFileSync(new URL("../fixtures/word-vectors.json", import.meta.url), "utf8"));
const floats = (base64: string): number[] => {
  const bytes = new Uint8Array(Buffer.from(base64, "base64"));
  return Array.from(new Float32Array(bytes.buffer));
};
const { words, cols }: { words: string[]; cols: number } = golden;
const table = floats(golden.table);
const vectors = wordVectors({ words, table: Float32Array.from(table) });
const bytes = (text: string) => new TextEncoder().encode(text);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "mmub-words-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Pieces of `size` bytes, as a slow network would give them. */
async function* pieces(content: Uint8Array, size: number) {
  for (let at = 0; at < content.length; at += size) yield content.subarray(at, at + size);
}

describe("reads what gensim and NumPy write, to the bit", () => {
  const files: Record<string, Uint8Array> = {
    text: bytes(golden.files.text),
    glove: bytes(golden.files.glove),
    binary: Buffer.from(golden.files.binary, "base64"),
  };
  for (const [name, content] of Object.entries(files)) {
    const options: ReadWordVectorsOptions = name === "binary" ? { format: "binary" } : {};
    test(name, async () => {
      for (const size of [1, 7, 100, 1 << 20]) {
        const read = await readWordVectors(pieces(content, size), options);
        expect(read.words).toEqual(words);
        expect(read.cols).toBe(cols);
        expect(Array.from(read.table)).toEqual(table);
      }
      const some = await readWordVectors(content, { ...options, words: ["价格", "king", "not there"] });
      expect(some.words).toEqual(["king", "价格"]);
      expect(Array.from(some.vector("价格"))).toEqual(table.slice(words.indexOf("价格") * cols).slice(0, cols));
      expect((await readWordVectors(content, { ...options, limit: 5 })).words).toEqual(words.slice(0, 5));
    });
  }

  for (const [kind, base64] of Object.entries(golden.npy as Record<string, string>))
    test(`npy ${kind}`, async () => {
      const content = Buffer.from(base64, "base64");
      const want = kind === "<f2" ? floats(golden.half) : table;
      for (const size of [1, 8, 1 << 20]) {
        const read = await readWordVectors(pieces(content, size), { format: "npy", vocabulary: words });
        expect(read.words).toEqual(words);
        expect(Array.from(read.table)).toEqual(want);
      }
      const some = await readWordVectors(content, {
        format: "npy",
        vocabulary: words,
        limit: 9,
        words: ["shop", "good", "girl"],
      });
      expect(some.words).toEqual(["girl", "good"]);
      const at = words.indexOf("good") * cols;
      expect(Array.from(some.vector("good"))).toEqual(want.slice(at, at + cols));
    });

  for (const [name, { text, want }] of Object.entries(
    golden.read as Record<string, { text: string; want: { words: string[]; table: string } }>,
  ))
    test(`the text "${name}"`, async () => {
      const read = await readWordVectors(bytes(text), name === "limit" ? { limit: 2 } : {});
      expect(read.words).toEqual(want.words);
      expect(Array.from(read.table)).toEqual(floats(want.table));
    });

  test("from files, by their endings", async () => {
    const [text, binary, npy, list] = ["a.txt.gz", "b.bin", "c.npy", "words.txt"].map((name) => join(folder, name));
    writeFileSync(text!, gzipSync(files.text!));
    writeFileSync(binary!, files.binary!);
    writeFileSync(npy!, Buffer.from(golden.npy["<f8 fortran"], "base64"));
    writeFileSync(list!, `${words.join("\n")}\n`);
    for (const [path, options] of [
      [text!, {}],
      [pathToFileURL(binary!), {}],
      [npy!, { vocabulary: list! }],
    ] as const) {
      const read = await readWordVectors(path, options);
      expect(read.words).toEqual(words);
      expect(Array.from(read.table)).toEqual(table);
    }
  });
});

test("any text of a number is read as JavaScript reads it", async () => {
  const r = random(3);
  const digits = (most: number) => Array.from({ length: r.integer(most) }, () => r.integer(10)).join("");
  const texts = [
    "0",
    "-0.0",
    "1e22",
    "1e-22",
    "123456789012345",
    "9007199254740993",
    "3.4e38",
    "1e-46",
    "+5",
    ".5",
    "5.",
  ];
  while (texts.length < 3000) {
    const body = `${digits(12)}${r.next() < 0.8 ? `.${digits(20)}` : ""}`;
    if (/\d/.test(body))
      texts.push(`${["", "-", "+"][r.integer(3)]}${body}${r.next() < 0.3 ? `e${r.integer(40) - 25}` : ""}`);
  }
  const read = await readWordVectors(bytes(texts.map((text, i) => `w${i} ${text}`).join("\n")), { header: false });
  expect(Array.from(read.table)).toEqual(texts.map((text) => Math.fround(Number(text))));
});

describe("files that are odd", () => {
  test("words with spaces, no end of line, CRLF, tabs, spaces at the end", async () => {
    const read = await readWordVectors(bytes("a\t3\t4 \r\n. . . 1 2\r\n  5 6\nx  y 7 8"));
    expect(read.words).toEqual(["a", ". . .", " ", "x  y"]);
    expect(Array.from(read.table)).toEqual([3, 4, 1, 2, 5, 6, 7, 8]);
  });
  test("a word that is a number, with one column", async () => {
    expect((await readWordVectors(bytes("5 3\n6 4\n"), { header: false })).words).toEqual(["5", "6"]);
  });
  test("bytes that are no UTF-8", async () => {
    const content = Uint8Array.of(0x61, 0xff, 0x20, 0x31, 0x0a);
    await expect(readWordVectors(content)).rejects.toThrow('line 1: the word string "aÿ" is no valid UTF-8');
    expect((await readWordVectors(content, { unicodeErrors: "replace" })).words).toEqual(["a\ufffd"]);
  });
  test("a newline after each vector of a binary", async () => {
    const content = Buffer.concat([
      Buffer.from("2 1\na "),
      Buffer.from(Float32Array.of(1).buffer),
      Buffer.from("\nb "),
      Buffer.from(Float32Array.of(2).buffer),
      Buffer.from("\n"),
    ]);
    const read = await readWordVectors(content, { format: "binary" });
    expect([read.words, Array.from(read.table)]).toEqual([
      ["a", "b"],
      [1, 2],
    ]);
  });

  const npyHead = (head: string) => {
    const padded = `${head}\n`;
    return Buffer.concat([
      Buffer.from("\x93NUMPY\x01\x00", "latin1"),
      Uint8Array.of(padded.length, 0),
      Buffer.from(padded),
    ]);
  };
  for (const [name, content, options, message] of [
    ["too few numbers", "a 1 2\nb 3\n", {}, "line 2 has a word and 1 numbers, want a word and 2"],
    ["an empty line", "a 1 2\n\nb 3 4\n", {}, "line 2 has nothing, want a word and 2"],
    ["no number", "2 2\na 1 2\nb 3 x4\n", {}, 'line 3 has string "x4", want a finite number'],
    ["two signs", "a --1\n", {}, 'line 1 has string "--1", want a finite number'],
    ["no exponent", "a 1e\n", {}, 'line 1 has string "1e"'],
    ["NaN", "a nan\n", {}, 'line 1 has string "nan"'],
    ["too large", "a 1\nb 1e39\n", {}, 'line 2 has string "1e39"'],
    ["cut off", "3 1\na 1\nb 2\n", {}, "the file ends after 2 words, its header says 3: it is cut off"],
    ["empty", "", {}, "the file holds no word vector"],
    ["only a word", "hello\n", {}, 'line 1 is string "hello", want a word and its numbers'],
    ["no such header", "a 1\n", { header: true }, "want a header of two whole numbers"],
    ["no columns", "3 0\n", {}, "line 1 says that vectors have 0 numbers"],
    ["nothing wanted", "a 1\n", { words: ["b"] }, "none of the 1 words wanted is in the file"],
    ["gzip", gzipSync("a 1\n"), {}, "this is packed by gzip"],
    ["zip", "PK\x03\x04....", {}, "this is a zip archive"],
    ["a fastText model", Buffer.from("ba164f2f0c000000", "hex"), {}, "this is a model of fastText; take its .vec"],
    ["npy as text", npyHead("{}"), {}, 'set format to "npy"'],
    [
      "text as binary",
      "king 0.1 0.2 0.3\n",
      { format: "binary" },
      "want two whole numbers: words and columns; is the file binary?",
    ],
    ["binary cut off", "2 2\na 12345678b 123", { format: "binary" }, "the file ends in record 2, its header says 2"],
    [
      "binary NaN",
      Buffer.concat([Buffer.from("1 1\na "), Buffer.from(Float32Array.of(Number.NaN).buffer)]),
      { format: "binary" },
      "record 1 holds NaN",
    ],
    [
      "npy, another shape",
      npyHead("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }"),
      { format: "npy", vocabulary: ["a"] },
      "in two dimensions: words x columns",
    ],
    [
      "npy, other numbers",
      npyHead("{'descr': '<i8', 'fortran_order': False, 'shape': (3, 1), }"),
      { format: "npy", vocabulary: ["a"] },
      "want float16, 32 or 64",
    ],
    [
      "npy, other words",
      npyHead("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 1), }"),
      { format: "npy", vocabulary: ["a"] },
      "3 rows and the vocabulary 1 words",
    ],
    [
      "npy cut off",
      npyHead("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1), }"),
      { format: "npy", vocabulary: ["a"] },
      "it is cut off",
    ],
    ["no npy", "a 1 2 3 4 5 6 7 8\n", { format: "npy", vocabulary: ["a"] }, "does not begin as an npy does"],
  ] as const)
    test(`${name} is an error that says where`, async () => {
      const outcome = await readWordVectors(typeof content === "string" ? bytes(content) : content, options).catch(
        (error: unknown) => error,
      );
      expect(outcome).toMatchObject({ code: "invalid-input" });
      expect((outcome as MmubError).message).toContain(message);
    });

  test("wrong options", async () => {
    const read = (options: object) => readWordVectors(bytes("a 1\n"), options);
    for (const options of [
      { format: "glove" },
      { limit: 0 },
      { words: "good" },
      { vocabulary: ["a"] },
      { format: "npy" },
      { unicodeErrors: "ignore" },
    ])
      await expect(read(options)).rejects.toMatchObject({ code: "invalid-params" });
    await expect(readWordVectors(join(folder, "not there.txt"))).rejects.toThrow("ENOENT");
    writeFileSync(join(folder, "broken.txt.gz"), gzipSync(bytes(golden.files.text)).subarray(0, 900));
    await expect(readWordVectors(join(folder, "broken.txt.gz"))).rejects.toThrow("not what gzip packs, or cut off");
  });

  test("progress in bytes, and abort", async () => {
    const seen: Progress[] = [];
    const content = bytes(golden.files.text);
    await readWordVectors(content, { onProgress: (progress) => seen.push(progress) });
    expect(seen.at(-1)).toMatchObject({ done: content.length, total: content.length });
    const reason = new Error("enough");
    await expect(readWordVectors(content, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});

describe("writes what it reads, and what gensim writes", () => {
  for (const [name, options] of [
    ["text", {}],
    ["glove", { header: false }],
    ["binary", { format: "binary" }],
  ] as const)
    test(name, async () => {
      const path = join(folder, `written-${name}`);
      await writeWordVectors(path, vectors, options);
      const read = await readWordVectors(path, name === "binary" ? { format: "binary" } : {});
      expect([read.words, Array.from(read.table)]).toEqual([words, table]);
      if (name === "binary") expect(readFileSync(path).toString("base64")).toBe(golden.files.binary);
      // Python writes exponents with two digits, and from other sizes on.
      else
        expect(
          readFileSync(path, "utf8")
            .split(/\s/)
            .map((text) => Number(text) || text),
        ).toEqual(golden.files[name].split(/\s/).map((text: string) => Number(text) || text));
    });

  test("an unfit word is refused, and no file is left", async () => {
    const path = join(folder, "unfit.txt");
    for (const word of ["a b", "a\nb", "", "half \ud83d"].map((word) => word)) {
      const bad = wordVectors({ words: ["ok", word], table: Float32Array.of(1, 2) });
      await expect(writeWordVectors(path, bad)).rejects.toMatchObject({ code: "invalid-input", index: 1 });
    }
    await expect(writeWordVectors(join(folder, "no", "such", "folder"), vectors)).rejects.toThrow("ENOENT");
    expect(readdirSync(folder).filter((name) => name.startsWith("unfit") || name.endsWith(".tmp"))).toEqual([]);
  });
});

describe("answers as gensim", () => {
  test("similarity", () => {
    for (const [a, b, want] of golden.similarity) expect(vectors.similarity(a, b)).toBeCloseTo(want, 5);
  });

  for (const { query, answer } of golden.mostSimilar)
    test(`mostSimilar ${JSON.stringify(query)}`, () => {
      const { positive, negative = [], topn, restrict_vocab: restrictVocab } = query;
      const got = vectors.mostSimilar(positive, {
        negative,
        ...(topn && { topN: topn }),
        ...(restrictVocab && { restrictVocab }),
      });
      expect(got.map(({ word }) => word)).toEqual(answer.map(([word]: [string]) => word));
      for (const [i, [, similarity]] of answer.entries()) expect(got[i]!.similarity).toBeCloseTo(similarity, 5);
    });

  test("doesntMatch", () => {
    for (const [list, want] of golden.doesntMatch) expect(vectors.doesntMatch(list)).toBe(want);
  });

  test("a vector, alone, in a list and with a weight, is the query", () => {
    const vector = vectors.vector("good");
    const want = vectors.mostSimilar("good", { topN: 3 });
    const [first, ...rest] = vectors.mostSimilar(vector, { topN: 4 });
    expect(first).toMatchObject({ word: "good" });
    expect(first!.similarity).toBeCloseTo(1, 6);
    expect(rest.map(({ word }) => word)).toEqual(want.map(({ word }) => word));
    const queries: (WordQuery | readonly WordQuery[])[] = [[vector], [vector, 2], [[vector, 2]]];
    for (const query of queries) expect(vectors.mostSimilar(query, { topN: 1 })[0]).toMatchObject({ word: "good" });
  });

  test("a vector of zeros is like nothing", () => {
    const some = wordVectors({ words: ["zero", "a", "b"], table: Float32Array.of(0, 0, 1, 0, 1, 1) });
    expect(some.similarity("zero", "a")).toBe(0);
    expect(some.mostSimilar("a")).toEqual([
      { word: "b", similarity: expect.closeTo(Math.SQRT1_2, 6) },
      { word: "zero", similarity: 0 },
    ]);
    expect(some.mostSimilar("zero", { topN: 1 })).toEqual([{ word: "a", similarity: 0 }]);
  });

  test("what is refused", () => {
    const refused = (run: () => unknown) => {
      try {
        run();
      } catch (error) {
        if (MmubError.is(error)) return error;
      }
      throw new Error("not refused");
    };
    expect(refused(() => vectors.vector("unheard")).message).toContain('string "unheard" is not among the 40 words');
    expect(refused(() => vectors.mostSimilar(["king", "unheard"])).code).toBe("invalid-input");
    expect(refused(() => vectors.mostSimilar([])).message).toContain("the query is empty");
    expect(refused(() => vectors.mostSimilar("king", { topN: 0 })).code).toBe("invalid-params");
    expect(refused(() => vectors.mostSimilar(Float32Array.of(1))).message).toContain("words or vectors of 7");
    expect(refused(() => wordVectors({ words: ["a", "a"], table: Float32Array.of(1, 2) })).index).toBe(1);
    expect(refused(() => wordVectors({ words: ["a", "b"], table: Float32Array.of(1, Number.NaN) })).index).toBe(1);
    expect(refused(() => wordVectors({ words: ["a", "b"], table: Float32Array.of(1, 2, 3) })).code).toBe(
      "invalid-input",
    );
    expect(refused(() => wordVectors({ words: [], table: new Float32Array(0) })).code).toBe("invalid-input");
  });
});

test("saved and loaded, halves of characters and counts too", async () => {
  const path = join(folder, "vectors.mmub");
  const odd = wordVectors({
    words: ["\ud83d", "b"],
    table: Float32Array.of(1, 2, 3, 4),
    counts: Float64Array.of(9, 2),
  });
  await saveFile(path, odd);
  const again = await loadFile(path, savedWordVectors);
  expect(again.words).toEqual(odd.words);
  expect(again.table).toEqual(odd.table);
  expect(again.counts).toEqual(odd.counts);
  expect(again.cols).toBe(2);
  expect((await savedWordVectors.load(await vectors.save())).counts).toBeUndefined();
});
