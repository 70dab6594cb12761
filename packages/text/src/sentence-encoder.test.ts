import { createHash } from "node:crypto";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { decodeSaved, embeddingCache, encodeSaved, type FittedExtractor, type Progress } from "@mmub/core";
import { extractorChecks } from "@mmub/core/testing";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type SentenceEncoderParams, sentenceEncoder } from "./sentence-encoder.js";

interface Golden {
  readonly texts: readonly string[];
  readonly golden: readonly {
    readonly params: Partial<SentenceEncoderParams> & { readonly model?: string };
    /** A vector a text, of "none" one a token. */
    readonly rows: readonly (readonly number[] | readonly number[][])[];
  }[];
}

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/sentence-encoder/${name}`, import.meta.url));
const { texts, golden } = JSON.parse(readFileSync(fixture("golden.json"), "utf8")) as Golden;
const files = { model: fixture("model.onnx"), tokenizer: fixture("tokenizer.json") };
const scratch = mkdtempSync(join(tmpdir(), "mmub-encoder-"));
afterAll(() => rmSync(scratch, { recursive: true }));

const open: FittedExtractor<string>[] = [];
afterEach(async () => {
  for (const fitted of open.splice(0)) await fitted.dispose?.();
});
const fit = async (params: Partial<SentenceEncoderParams> = {}) => {
  const fitted = await sentenceEncoder({ ...files, ...params } as SentenceEncoderParams & { pooling: "mean" }).fit([]);
  open.push(fitted);
  return fitted;
};
const rejection = (code: string, message: string | RegExp) =>
  expect.objectContaining({ code, message: expect.stringMatching(message) });

describe.each<Partial<SentenceEncoderParams>>([
  {},
  { pooling: "none" },
  { pooling: "model", normalize: false },
  { model: fixture("fixed.onnx"), maxLength: 8 },
  { cache: join(scratch, "kit"), batchTokens: 8 },
  { model: readFileSync(files.model), tokenizer: JSON.parse(readFileSync(files.tokenizer, "utf8")) },
])("conformance: %o", (params) => {
  const inputs = [
    "good price, good service",
    "bad",
    null,
    "价格很好！",
    "",
    "good price, good service",
    "good ".repeat(50),
  ];
  const make = () => sentenceEncoder({ ...files, ...params } as SentenceEncoderParams & { pooling: "mean" });
  for (const check of extractorChecks({ make, inputs })) test(check.name, check.run);
});

describe("the same as Python's onnxruntime and tokenizers, whatever runs together", () => {
  for (const { params, rows } of golden)
    for (const batchTokens of [1, 40, 1000])
      test(`${JSON.stringify(params)}, ${batchTokens} tokens at a time`, async () => {
        const { model } = params;
        const features = await (
          await fit({ ...params, batchTokens, ...(model && { model: fixture(model) }) })
        ).transform(texts);
        expect(features).toMatchObject({
          rows: texts.length,
          layout: params.pooling === "none" ? "sequence" : "dense",
        });
        const want = rows.flat(2);
        expect(features.data.length).toBe(want.length);
        const far = want.findIndex(
          (value, i) => !(Math.abs(features.data[i]! - value) < 2e-6 * Math.max(1, Math.abs(value))),
        );
        expect(far, `${features.data[far]} for ${want[far]}`).toBe(-1);
      });
});

describe("texts", () => {
  test("of which a long one is read from the beginning, and quickly", async () => {
    const fitted = await fit({ maxLength: 16 });
    const [long, short] = ["good price ".repeat(1_000_000), "good price ".repeat(100)];
    const { data, cols } = await fitted.transform([long, short]);
    expect(data.subarray(0, cols)).toEqual(data.subarray(cols));
  });

  test("of a file that cuts from the left, to the end", async () => {
    const json = JSON.parse(readFileSync(files.tokenizer, "utf8"));
    const tokenizer = { ...json, truncation: { ...json.truncation, direction: "Left" } };
    const fitted = await fit({ maxLength: 8, tokenizer });
    const { data, cols } = await fitted.transform([
      `${"good ".repeat(400)}bad parcel`,
      "good good good good bad parcel",
    ]);
    expect(data.subarray(0, cols)).toEqual(data.subarray(cols));
  });

  test("with halves of characters, null bytes, other directions, emoji", async () => {
    const odd = ["\ud800", "good\udc00price", "\0", "שלום עולם", "🎉".repeat(1000), "a".repeat(100_000)];
    const { data, present } = await (await fit()).transform(odd);
    expect(data.every(Number.isFinite)).toBe(true);
    expect(present).toEqual(new Uint8Array(odd.length).fill(1));
  });

  test("without a token are zero rows that are present", async () => {
    const tokenizer = { ...JSON.parse(readFileSync(files.tokenizer, "utf8")), post_processor: null };
    const { data, present } = await (await fit({ tokenizer })).transform(["", "good"]);
    expect(Array.from(data.subarray(0, 6))).toEqual([0, 0, 0, 0, 0, 0]);
    expect(data.subarray(6).some((value) => value !== 0)).toBe(true);
    expect(Array.from(present!)).toEqual([1, 1]);
  });

  test("unknown to a vocabulary without a token for that lose those pieces", async () => {
    const json = JSON.parse(readFileSync(files.tokenizer, "utf8"));
    const tokenizer = { ...json, model: { ...json.model, type: "WordLevel", unk_token: undefined } };
    const bpe = { type: "BPE", vocab: json.model.vocab, merges: [], unk_token: null };
    const { data, cols } = await (await fit({ tokenizer: { ...tokenizer, model: bpe } })).transform([
      "!",
      "! ж !",
      "!!",
    ]);
    expect(data.subarray(cols, 2 * cols)).toEqual(data.subarray(2 * cols));
  });

  test("that the model gives no finite vector of are named", async () => {
    const fitted = await fit({ model: fixture("nan.onnx") });
    const inputs = ["good", "price", "good", null, "bad service", "late"];
    for (const options of [{}, { batchSize: 1 }])
      await expect(fitted.transform(inputs, options)).rejects.toEqual(
        expect.objectContaining({
          code: "invalid-input",
          index: 4,
          message: expect.stringContaining('input 4 is string "bad service"'),
        }),
      );
  });

  test("more than are sorted together keep their order, and progress counts all", async () => {
    const inputs = Array.from({ length: 5000 }, (_, i) => (i % 7 === 3 ? null : texts[i % texts.length]!));
    const seen: Progress[] = [];
    const fitted = await fit();
    const { data, cols } = await fitted.transform(inputs, { onProgress: (progress) => seen.push(progress) });
    const want = await fitted.transform(texts);
    for (const row of [0, 2046, 2048, 4096, 4999]) {
      const at = (row % texts.length) * cols;
      expect(data.subarray(row * cols, (row + 1) * cols)).toEqual(want.data.subarray(at, at + cols));
    }
    expect(seen.at(-1)).toEqual({ part: "@mmub/text/sentence-encoder", done: 5000, total: 5000 });
  });
});

describe("cache", () => {
  const filesOf = (folder: string) =>
    readdirSync(folder, { recursive: true, encoding: "utf8" })
      .map((name) => join(folder, name))
      .filter((path) => statSync(path).isFile());

  test("gives what was computed, and computes what is damaged anew", async () => {
    const cache = join(scratch, "damaged");
    const want = await (await fit({ cache })).transform(texts);
    const entries = filesOf(cache);
    expect(entries).toHaveLength(new Set(texts).size);
    const before = entries.map((path) => readFileSync(path));
    // A number changed, cut short, emptied, and one that belongs to another text.
    writeFileSync(entries[0]!, Buffer.concat([Buffer.from([7]), before[0]!.subarray(1)]));
    writeFileSync(entries[1]!, before[1]!.subarray(0, -4));
    writeFileSync(entries[2]!, "");
    cpSync(entries[4]!, entries[3]!);
    const again = await (await fit({ cache })).transform(texts);
    for (const [i, value] of again.data.entries()) expect(value).toBeCloseTo(want.data[i]!, 5);
    expect(filesOf(cache)).toEqual(entries);
    for (const [i, path] of entries.entries()) expect(readFileSync(path).length, path).toBe(before[i]!.length);
    expect(await (await fit({ cache })).transform(texts)).toEqual(again);
  });

  test("runs no text twice", async () => {
    const cache = join(scratch, "twice");
    const fitted = await fit({ cache });
    const want = await fitted.transform(texts);
    await fitted.dispose?.();
    // The model is gone: only what was kept can answer.
    expect(await fitted.transform(texts)).toEqual(want);
    await expect(fitted.transform(["late"])).rejects.toEqual(rejection("invalid-input", /disposed of; fit or load/));
  });

  test("keeps apart what other params, models and tokenizers give", async () => {
    const cache = join(scratch, "apart");
    const json = JSON.parse(readFileSync(files.tokenizer, "utf8"));
    const others: Partial<SentenceEncoderParams>[] = [
      {},
      { pooling: "max" },
      { prefix: "good " },
      { maxLength: 4 },
      { normalize: false },
      { model: fixture("nan.onnx") },
      { tokenizer: { ...json, normalizer: null } },
      { output: "last_hidden_state", dimensions: 4 },
    ];
    for (const params of others) {
      const inputs = ["Good price, service"];
      const got = await (await fit({ ...params, cache })).transform(inputs);
      expect(got).toEqual(await (await fit(params)).transform(inputs));
    }
    expect(filesOf(cache)).toHaveLength(others.length);
  });

  test("serves several that read and write it at a time", async () => {
    const folder = join(scratch, "together");
    const caches = await Promise.all(Array.from({ length: 4 }, () => embeddingCache("test", folder, "key")));
    const numbers = Float32Array.from({ length: 5000 }, (_, i) => i);
    const seen = await Promise.all(
      caches.flatMap((cache) =>
        Array.from({ length: 10 }, async () => {
          await cache.write("text", numbers);
          return (await cache.read(["text", "other"])) as [Float32Array, undefined];
        }),
      ),
    );
    for (const [text, other] of seen) {
      expect(text).toEqual(numbers);
      expect(other).toBeUndefined();
    }
    expect(filesOf(folder)).toHaveLength(1);
  });

  test("that cannot be written says so", async () => {
    const cache = join(scratch, "file");
    writeFileSync(cache, "");
    await expect(fit({ cache })).rejects.toEqual(
      rejection("invalid-params", /cannot write the cache .*EEXIST|ENOTDIR/),
    );
  });
});

describe("what is saved", () => {
  test("loads wherever the files are, and refuses others", async () => {
    const recipe = sentenceEncoder(files);
    const saved = decodeSaved(encodeSaved(await (await fit()).save()));
    expect(saved.state).toEqual({
      model: createHash("sha256").update(readFileSync(files.model)).digest("hex"),
      tokenizer: expect.stringMatching(/^[0-9a-f]{64}$/),
      cols: 6,
    });
    const moved = join(scratch, "moved.onnx");
    cpSync(files.model, moved);
    const loaded = await sentenceEncoder({ ...files, model: moved, batchTokens: 99 }).load(saved);
    open.push(loaded);
    expect(loaded.cols).toBe(6);

    await expect(sentenceEncoder({ ...files, model: fixture("nan.onnx") }).load(saved)).rejects.toEqual(
      rejection("saved-mismatch", /the model has SHA-256 \w{64}, when saved \w{64}; give the one/),
    );
    const json = JSON.parse(readFileSync(files.tokenizer, "utf8"));
    await expect(sentenceEncoder({ ...files, tokenizer: { ...json, normalizer: null } }).load(saved)).rejects.toEqual(
      rejection("saved-mismatch", /the tokenizer has/),
    );
    await expect(sentenceEncoder({ ...files, prefix: "query: " }).load(saved)).rejects.toEqual(
      rejection("saved-mismatch", /param prefix was "" when saved, is "query: " here/),
    );
    // Weights that lie beside the model are part of it.
    writeFileSync(`${moved}_data`, "weights");
    await expect(sentenceEncoder({ ...files, model: moved }).load(saved)).rejects.toEqual(
      rejection("saved-mismatch", /the model has/),
    );
    expect(recipe.params).not.toHaveProperty("model");
  });
});

describe("what does not fit is refused", () => {
  const wrong: [string, Partial<Record<keyof SentenceEncoderParams, unknown>>, string, RegExp][] = [
    [
      "no such model",
      { model: "/no/such.onnx" },
      "missing-model",
      /cannot read the model .*such\.onnx: ENOENT.*give the path/,
    ],
    ["no such tokenizer", { tokenizer: "/no/such.json" }, "missing-model", /cannot read .*such\.json.*tokenizer\.json/],
    ["no model", { model: files.tokenizer }, "invalid-input", /could not be loaded as an ONNX model/],
    ["no tokenizer", { tokenizer: files.model }, "invalid-params", /source is no JSON/],
    ["a model of pixels", { model: fixture("pixels.onnx") }, "invalid-input", /the model takes pixels, want input_ids/],
    ["an unknown output", { output: "pooled" }, "invalid-input", /no output "pooled", want one of sentence_embedding/],
    [
      "a pooled output",
      { output: "sentence_embedding" },
      "invalid-input",
      /is \[1, 6\], want .*set pooling to "model"/,
    ],
    [
      "tokens for the model's own pooling",
      { pooling: "model", output: "last_hidden_state" },
      "invalid-input",
      /is \[1, 3, 6\], want \[texts, width\]; name another/,
    ],
    [
      "a model of fewer tokens",
      { model: fixture("fixed.onnx") },
      "invalid-params",
      /maxLength is number 256, want at most 8/,
    ],
    ["more columns than there are", { dimensions: 7 }, "invalid-params", /dimensions is number 7, want at most 6/],
    ["no room for a token", { maxLength: 1 }, "invalid-params", /maxLength is number 1, want at least 2/],
    [
      "a URL without its checksum",
      { model: "https://example.org/model.onnx" },
      "invalid-params",
      /want \{ url, sha256 \}/,
    ],
    [
      "a URL of another kind",
      { model: { url: "ftp://example.org/a", sha256: "0".repeat(64) } },
      "invalid-params",
      /url is .*want an https: or http: URL/,
    ],
    [
      "no checksum",
      { model: { url: "https://example.org/a", sha256: "abc" } },
      "invalid-params",
      /sha256 is string "abc"/,
    ],
  ];
  for (const [title, params, code, message] of wrong)
    test(title, () => expect(fit(params as SentenceEncoderParams)).rejects.toEqual(rejection(code, message)));

  test("params that are none", () => {
    for (const [params, message] of [
      [{ model: 3 }, /model is number 3, want the path or bytes/],
      [{ tokenizer: undefined }, /tokenizer is undefined/],
      [{ pooling: "sum" }, /pooling is string "sum", want one of cls, lasttoken, max/],
      [{ normalize: 1 }, /normalize is number 1/],
      [{ prefix: null }, /prefix is null/],
      [{ maxLength: 0 }, /maxLength is number 0/],
      [{ dimensions: 1.5 }, /dimensions is number 1.5/],
      [{ batchTokens: -1 }, /batchTokens is number -1/],
      [{ cache: "" }, /cache is string ""/],
      [{ output: 1 }, /output is number 1/],
    ] as const)
      expect(() => sentenceEncoder({ ...files, ...params } as never)).toThrow(rejection("invalid-params", message));
  });

  test("inputs that are no array, and no batch", async () => {
    const fitted = await fit();
    await expect(fitted.transform("good" as never)).rejects.toEqual(rejection("invalid-input", /want an array/));
    await expect(fitted.transform(["good"], { batchSize: 0 })).rejects.toEqual(
      rejection("invalid-params", /batchSize/),
    );
  });
});

describe("a model on the web", () => {
  let server: Server;
  let requests = 0;
  let url = "";
  const bytes = readFileSync(files.model);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  beforeAll(async () => {
    server = createServer((request, response) => {
      requests++;
      if (request.url === "/model.onnx") response.end(bytes);
      else response.writeHead(404).end();
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => new Promise((done) => server.close(done)));

  test("is fetched once, and again when what was kept is damaged", async () => {
    const folder = join(scratch, "web");
    const model = { url: `${url}/model.onnx`, sha256: sha256.toUpperCase(), folder };
    const want = await (await fit()).transform(texts);
    expect(await (await fit({ model })).transform(texts)).toEqual(want);
    expect(await (await fit({ model })).transform(texts)).toEqual(want);
    expect(requests).toBe(1);
    const [kept] = readdirSync(folder);
    expect(kept).toBe(`${sha256.slice(0, 16)}-model.onnx`);
    writeFileSync(join(folder, kept!), "half");
    expect(await (await fit({ model })).transform(texts)).toEqual(want);
    expect(requests).toBe(2);
    expect(readdirSync(folder)).toEqual([kept]);
  });

  test("is not taken where it is another, not there, or out of reach", async () => {
    const folder = join(scratch, "refused");
    const of = (url: string, digits = sha256) => fit({ model: { url, sha256: digits, folder } });
    await expect(of(`${url}/model.onnx`, "0".repeat(64))).rejects.toEqual(
      rejection("missing-model", `cannot fetch ${url}/model.onnx: its SHA-256 is ${sha256}, want 000`),
    );
    await expect(of(`${url}/other.onnx`)).rejects.toEqual(rejection("missing-model", "the server answered 404"));
    await expect(of("http://127.0.0.1:1/model.onnx")).rejects.toEqual(
      rejection("missing-model", /cannot fetch .*or download it yourself/),
    );
    const reason = new Error("enough");
    const recipe = sentenceEncoder({ ...files, model: { url: `${url}/model.onnx`, sha256, folder } });
    await expect(recipe.fit([], { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(readdirSync(folder)).toEqual([]);
  });
});
