import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { decodeSaved, encodeSaved, type FittedExtractor, type MmubError } from "@mmub/core";
import { extractorChecks } from "@mmub/core/testing";
import sharp from "sharp";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { type CnnEncoderParams, cnnEncoder } from "./cnn-encoder.js";
import { imagePresets } from "./cnn-presets.js";
import type { ImageInput, RawImage } from "./decode.js";
import { imageTensor } from "./image-tensor.js";
import { topLabels } from "./top-labels.js";
import { zeroShot } from "./zero-shot.js";

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/cnn-encoder/${name}`, import.meta.url));
interface Values {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}
const golden = JSON.parse(readFileSync(fixture("golden.json"), "utf8")) as {
  readonly pictures: readonly (readonly number[])[];
} & Readonly<Record<"logits" | "maps" | "features" | "mapsMirrored" | "featuresMirrored", Values>>;
const pictures = golden.pictures.map(
  (data): RawImage => ({ data: Uint8Array.from(data), width: 8, height: 8, channels: 3 }),
);
const model = fixture("model.onnx");
const small = { model, width: 8, height: 8 };
const scratch = mkdtempSync(join(tmpdir(), "mmub-cnn-"));
afterAll(() => rmSync(scratch, { recursive: true }));

const open: FittedExtractor<ImageInput>[] = [];
afterEach(async () => {
  for (const fitted of open.splice(0)) await fitted.dispose?.();
});
type Params = Partial<CnnEncoderParams> & { readonly pooling?: "mean" };
const fit = async (params: Partial<CnnEncoderParams> = {}) => {
  const fitted = await cnnEncoder({ ...small, ...params } as CnnEncoderParams & Params).fit([]);
  open.push(fitted);
  return fitted;
};
const near = (got: ArrayLike<number>, want: ArrayLike<number>, tolerance = 1e-5) => {
  expect(got.length).toBe(want.length);
  for (let i = 0; i < want.length; i++) expect(Math.abs(got[i]! - want[i]!), `at ${i}`).toBeLessThan(tolerance);
};

const conforming: Partial<CnnEncoderParams>[] = [
  {},
  { layer: "maps", pooling: "none" },
  { layer: "features", unitLength: true, tta: "flip", runSize: 2 },
  { model: fixture("fixed.onnx") },
  { model: readFileSync(model), cache: join(scratch, "kit") },
];
describe.each(conforming)("conformance: %o", (params) => {
  const inputs = [...pictures, null, pictures[0]!];
  const make = () => cnnEncoder({ ...small, ...params } as CnnEncoderParams & Params);
  for (const check of extractorChecks({ make, inputs })) test(check.name, check.run);
});

describe("the same as Python's onnxruntime (1e-5)", () => {
  const { logits, maps, features, featuresMirrored } = golden;
  // Of each picture [5, 4, 4].
  const places = (of: Values) =>
    Array.from({ length: of.data.length }, (_, at) => {
      const [picture, rest] = [Math.floor(at / 80), at % 80];
      return of.data[picture * 80 + (rest % 5) * 16 + Math.floor(rest / 5)]!;
    });
  const cases: [string, Partial<CnnEncoderParams>, readonly number[]][] = [
    ["logits", {}, logits.data],
    ["logits by name", { layer: "logits" }, logits.data],
    ["features by a value", { layer: "features" }, features.data],
    ["features by a node", { layer: "flatten" }, features.data],
    ["maps, averaged", { layer: "maps" }, features.data],
    ["maps, every number", { layer: "relu", pooling: "flatten" }, maps.data],
    ["maps, a step a place", { layer: "maps", pooling: "none" }, places(maps)],
    [
      "the largest of each map",
      { layer: "maps", pooling: "max" },
      Array.from({ length: 15 }, (_, i) => Math.max(...maps.data.slice(i * 16, (i + 1) * 16))),
    ],
    [
      "with mirror images",
      { layer: "features", tta: "flip" },
      features.data.map((value, i) => (value + featuresMirrored.data[i]!) / 2),
    ],
  ];
  for (const [title, params, want] of cases)
    for (const runSize of [1, 2, 8])
      test(`${title}, ${runSize} at a time`, async () => {
        const got = await (await fit({ ...params, runSize })).transform(pictures);
        near(got.data, want);
        expect(got.layout).toBe(params.pooling === "none" ? "sequence" : "dense");
        if (params.pooling === "flatten") expect(got).toMatchObject({ cols: 80, shape: [5, 4, 4] });
      });

  test("of length 1", async () => {
    const { data } = await (await fit({ unitLength: true })).transform(pictures);
    for (let row = 0; row < 3; row++) {
      const own = golden.logits.data.slice(4 * row, 4 * row + 4);
      const length = Math.hypot(...own);
      near(
        data.subarray(4 * row, 4 * row + 4),
        own.map((value) => value / length),
      );
    }
  });

  test("of files as of pixels", async () => {
    const png = await sharp(pictures[0]!.data, { raw: { width: 8, height: 8, channels: 3 } })
      .png()
      .toBuffer();
    const path = join(scratch, "picture.png");
    writeFileSync(path, png);
    const { data } = await (await fit()).transform([path, png, pictures[0]!]);
    for (let row = 0; row < 3; row++) near(data.subarray(4 * row, 4 * row + 4), golden.logits.data.slice(0, 4));
  });
});

describe("columns", () => {
  test("are named by labels", async () => {
    const labels = ["shoe", "bag", "watch", "hat"];
    const fitted = await fit({ labels });
    expect(fitted.names).toEqual(labels);
    const features = await fitted.transform([pictures[0]!, null]);
    if (features.layout !== "dense") throw new Error("dense");
    const [top, none] = topLabels(features, { labels, k: 2 });
    const own = golden.logits.data.slice(0, 4);
    const order = own.map((_, i) => i).sort((a, b) => own[b]! - own[a]!);
    expect(top!.map(({ label }) => label)).toEqual([labels[order[0]!], labels[order[1]!]]);
    const total = own.reduce((sum, value) => sum + Math.exp(value), 0);
    expect(top![0]!.score).toBeCloseTo(Math.exp(own[order[0]!]!) / total, 5);
    expect(none).toEqual([]);
  });

  test("as scores, ties by the lower column, numbers where there are no labels", () => {
    const scores = { layout: "dense", rows: 1, cols: 3, data: Float32Array.of(0.25, 0.5, 0.5) } as const;
    expect(topLabels(scores, { softmax: false, k: 9 })[0]).toEqual([
      { label: "1", column: 1, score: 0.5 },
      { label: "2", column: 2, score: 0.5 },
      { label: "0", column: 0, score: 0.25 },
    ]);
    expect(() => topLabels(scores, { k: 0 })).toThrow(/k is number 0/);
    expect(() => topLabels(scores, { labels: ["a"] })).toThrow(/want 3 strings/);
  });
});

describe("cache", () => {
  test("runs no picture twice, whatever it comes as", async () => {
    const cache = join(scratch, "cache");
    const png = await sharp(pictures[1]!.data, { raw: { width: 8, height: 8, channels: 3 } })
      .png()
      .toBuffer();
    const path = join(scratch, "kept.png");
    writeFileSync(path, png);
    const fitted = await fit({ cache });
    const want = await fitted.transform([pictures[0]!, path]);
    await fitted.dispose?.();
    // The model is gone: only what was kept can answer, by content.
    expect(await fitted.transform([pictures[0]!, png])).toEqual(want);
    await expect(fitted.transform([pictures[2]!])).rejects.toThrow(/disposed of/);
    expect(await (await fit({ cache })).transform([pictures[0]!, path])).toEqual(want);
  });

  test("keeps apart what other params give", async () => {
    const cache = join(scratch, "apart");
    for (const params of [{}, { layer: "features" }, { tta: "flip" }, { normalize: "0..1" }, { unitLength: true }]) {
      const got = await (await fit({ ...params, cache } as Params)).transform(pictures);
      expect(got).toEqual(await (await fit(params as Params)).transform(pictures));
    }
  });
});

describe("broken pictures", () => {
  test("are named, or are missing with the errors told", async () => {
    const inputs = [pictures[0]!, join(scratch, "no.jpg"), null, new Uint8Array([1, 2, 3]), pictures[1]!];
    const options = { batchSize: 2 };
    await expect((await fit()).transform(inputs, options)).rejects.toMatchObject({ code: "invalid-input", index: 1 });
    const told: MmubError[] = [];
    const fitted = await cnnEncoder(
      { ...small, cache: join(scratch, "broken") },
      { onBroken: (e) => told.push(e) },
    ).fit([]);
    open.push(fitted);
    const { data, present } = await fitted.transform(inputs, options);
    expect(Array.from(present!)).toEqual([1, 0, 0, 0, 1]);
    expect(told.map(({ index }) => index)).toEqual([1, 3]);
    near(data.subarray(0, 4), golden.logits.data.slice(0, 4));
    near(data.subarray(16, 20), golden.logits.data.slice(4, 8));
    expect(data.subarray(4, 16).every((value) => value === 0)).toBe(true);
  });
});

describe("what is saved", () => {
  test("loads wherever the model is, and refuses others", async () => {
    const saved = decodeSaved(encodeSaved(await (await fit()).save()));
    const moved = join(scratch, "moved.onnx");
    cpSync(model, moved);
    const loaded = await cnnEncoder({ ...small, model: moved, runSize: 1 }).load(saved);
    open.push(loaded);
    near((await loaded.transform(pictures)).data, golden.logits.data);
    const rejects = (params: object, message: RegExp) =>
      expect(cnnEncoder({ ...small, ...params }).load(saved)).rejects.toMatchObject({
        code: "saved-mismatch",
        message: expect.stringMatching(message),
      });
    await rejects({ model: fixture("fixed.onnx") }, /the model has SHA-256 \w{64}, when saved \w{64}/);
    await rejects({ layer: "maps" }, /param layer was null when saved, is "maps" here/);
  });
});

describe("what does not fit is refused", () => {
  const wrong: [string, Partial<Record<keyof CnnEncoderParams, unknown>>, string, RegExp][] = [
    ["no such model", { model: "/no/such.onnx" }, "missing-model", /cannot read the model .*such\.onnx/],
    ["no such model to cut", { model: "/no/such.onnx", layer: "maps" }, "missing-model", /cannot read the model/],
    ["no model", { model: new Uint8Array([8, 1]) }, "invalid-input", /could not be loaded/],
    ["no model to cut", { model: Uint8Array.of(255), layer: "maps" }, "invalid-input", /no ONNX model/],
    ["no such layer", { layer: "map" }, "invalid-input", /no node or value "map", want one of 10, such as "?maps/],
    ["another size", { width: 16 }, "shape-mismatch", /the model takes \[batch, 3, 8, 8\].*\[batch, 3, 8, 16\]/],
    ["another layout", { layout: "NHWC" }, "shape-mismatch", /set width, height, layout/],
    ["too few labels", { labels: ["a"] }, "invalid-params", /want 4, one for each column/],
    ["params", { pooling: "sum" }, "invalid-params", /pooling is string "sum", want one of mean, max/],
    ["params", { tta: true }, "invalid-params", /tta is true/],
    ["params", { unitLength: 1 }, "invalid-params", /unitLength is number 1/],
    ["params", { runSize: 0 }, "invalid-params", /runSize is number 0/],
    ["params", { cache: "" }, "invalid-params", /cache is string ""/],
    ["params", { model: 3 }, "invalid-params", /model is number 3/],
  ];
  for (const [title, params, code, message] of wrong)
    test(`${title}: ${Object.keys(params)}`, () =>
      expect((async () => fit(params as Params))()).rejects.toMatchObject({
        code,
        message: expect.stringMatching(message),
      }));
});

test("presets prepare what they say", async () => {
  const white: RawImage = { data: new Uint8Array(12).fill(255), width: 2, height: 2, channels: 3 };
  for (const [name, value] of [
    ["efficientNetLite0", 1],
    ["mobilenetKeras", 1],
    ["clip", (1 - 0.48145466) / 0.26862954],
    ["resnet", (1 - 0.485) / 0.229],
  ] as const) {
    const { data } = await (await imageTensor(imagePresets[name]).fit([])).transform([white]);
    expect(data).toHaveLength(3 * 224 * 224);
    expect(data[0]).toBeCloseTo(value, 5);
  }
});

describe("zeroShot", () => {
  // Texts as vectors: "logits" of the first, second and third picture.
  const rows = { first: 0, second: 1, third: 2 } as Readonly<Record<string, number>>;
  const text = (width = 4) => ({
    type: "test/text",
    params: null,
    async fit() {
      return {
        cols: width,
        transform: async (texts: readonly (string | null)[]) => {
          const data = texts.flatMap((one) => {
            const row = rows[/first|second|third/.exec(one!)![0]]!;
            // Longer, and a little apart by the sentence: neither may count.
            const scale = one!.startsWith("a drawing") ? 7 : 2;
            return golden.logits.data.slice(4 * row, 4 * row + width).map((value) => scale * value);
          });
          return { layout: "dense" as const, rows: texts.length, cols: width, data: Float32Array.from(data) };
        },
        save: async () => ({ type: "test/text", version: 1, params: null, state: null }),
      };
    },
    load: () => Promise.reject(new Error("is not needed")),
  });
  const params = { image: cnnEncoder(small), text: text(), labels: ["third", "first", "second"] };

  test("finds the label that a picture was described by", async () => {
    const recipe = zeroShot({ ...params, prompts: ["a photo of {}", "a drawing of {}"] });
    const fitted = await recipe.fit([]);
    open.push(fitted);
    const { data, names, cols, present } = { ...(await fitted.transform([...pictures, null])), names: fitted.names };
    expect(names).toEqual(params.labels);
    expect(cols).toBe(3);
    for (const [row, best] of [1, 2, 0].entries()) {
      const own = Array.from(data.subarray(3 * row, 3 * row + 3));
      expect(own.indexOf(Math.max(...own))).toBe(best);
      expect(own.reduce((a, b) => a + b)).toBeCloseTo(1, 5);
    }
    expect(Array.from(present!)).toEqual([1, 1, 1, 0]);

    // Loaded without the text tower: it rejects to be loaded.
    const loaded = await recipe.load(decodeSaved(encodeSaved(await fitted.save())));
    open.push(loaded);
    expect((await loaded.transform([...pictures, null])).data).toEqual(data);
  });

  test("as cosines", async () => {
    const fitted = await zeroShot({ ...params, output: "cosines" }).fit([]);
    open.push(fitted);
    const { data } = await fitted.transform(pictures);
    for (const [row, best] of [1, 2, 0].entries()) expect(data[3 * row + best]).toBeCloseTo(1, 5);
  });

  test("refuses what does not fit", async () => {
    await expect(zeroShot({ ...params, text: text(3) }).fit([])).rejects.toThrow(
      /gives 3 columns and the image tower 4/,
    );
    expect(() => zeroShot({ ...params, labels: ["a", "a"] })).toThrow(/labels is/);
    expect(() => zeroShot({ ...params, prompts: ["a photo"] })).toThrow(/prompts is .*"\{\}"/);
    expect(() => zeroShot({ ...params, scale: 0 })).toThrow(/scale is number 0/);
    expect(() => zeroShot({ ...params, image: undefined as never })).toThrow(/image is undefined/);
  });
});
