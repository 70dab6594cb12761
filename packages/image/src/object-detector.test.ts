import { decodeSaved, encodeSaved, type FittedExtractor, type MmubError } from "@mmub/core";
import { extractorChecks } from "@mmub/core/testing";
import { encodeModel, type OnnxNode, type OnnxTensor } from "@mmub/nn";
import sharp from "sharp";
import { afterEach, describe, expect, test } from "vitest";
import type { ImageInput, RawImage } from "./decode.js";
import { detectionsSvg, drawDetections } from "./detection-drawing.js";
import { type ObjectDetectorParams, objectDetector } from "./object-detector.js";

/**
 * A detector of 32 x 32 pixels with the layout of YOLO v8: a cell of 8 x 8 is a red thing, or a blue one, as far as its mean is red or blue.
 */
function cells(rows: number | string = "batch"): Uint8Array {
  const int64 = (name: string, ...values: number[]): OnnxTensor => {
    return { name, dtype: "int64", shape: [values.length], data: BigInt64Array.from(values, BigInt) };
  };
  const node = (op: string, inputs: string[], output: string, attributes: OnnxNode["attributes"] = {}): OnnxNode => {
    return { op, name: output, inputs, outputs: [output], attributes };
  };
  const boxes = ["x", "y", "w", "h"].flatMap((_, k) =>
    Array.from({ length: 16 }, (_, i) => (k > 1 ? 8 : 8 * (k === 0 ? i % 4 : Math.floor(i / 4)) + 4)),
  );
  return encodeModel({
    nodes: [
      node("AveragePool", ["images"], "means", { kernel_shape: [8, 8], strides: [8, 8] }),
      node("Reshape", ["means", "flat"], "colors"),
      node("Gather", ["colors", "redAndBlue"], "scores", { axis: 1 }),
      node("Gather", ["scores", "first"], "one", { axis: 1 }),
      node("Mul", ["one", "zero"], "nothing"),
      node("Add", ["nothing", "boxes"], "placed"),
      node("Concat", ["placed", "scores"], "output0", { axis: 1 }),
    ],
    constants: [
      int64("flat", 0, 3, 16),
      int64("redAndBlue", 0, 2),
      int64("first", 0),
      { name: "zero", dtype: "float32", shape: [], data: Float32Array.of(0) },
      { name: "boxes", dtype: "float32", shape: [1, 4, 16], data: Float32Array.from(boxes) },
    ],
    inputs: [{ name: "images", dtype: "float32", shape: [rows, 3, 32, 32] }],
    outputs: [{ name: "output0", dtype: "float32", shape: [rows, 6, 16] }],
  });
}

const model = cells();
const small = { model, head: "yolov8", labels: ["red", "blue"], width: 32, height: 32 } as const;

/** Grey, as what surrounds it, with rectangles in colour. */
function picture(width: number, height: number, things: [number, number, number, number, "red" | "blue"][]): RawImage {
  const data = new Uint8Array(width * height * 3);
  for (const [left, top, right, bottom, color] of things)
    for (let y = top; y < bottom; y++)
      for (let x = left; x < right; x++) data[3 * (y * width + x) + (color === "red" ? 0 : 2)] = 255;
  return { data, width, height, channels: 3 };
}

// 64 x 32 comes in at half its size, with 8 rows of grey above and below.
const wide = picture(64, 32, [
  [0, 0, 16, 16, "red"],
  [48, 16, 64, 32, "blue"],
]);

const open: FittedExtractor<ImageInput>[] = [];
afterEach(async () => {
  for (const fitted of open.splice(0)) await fitted.dispose?.();
});
const fit = async (params: Partial<ObjectDetectorParams> = {}) => {
  const fitted = await objectDetector({ ...small, minScore: 0.9, ...params }).fit([]);
  open.push(fitted);
  return fitted;
};

for (const params of [{}, { model: cells(2) }, { runSize: 3, features: ["count"] }] as const)
  describe(`conformance: ${Object.keys(params)}`, () => {
    const inputs = [wide, null, picture(32, 32, [[0, 0, 8, 8, "blue"]]), picture(32, 32, [])];
    const make = () => objectDetector({ ...small, minScore: 0.9, ...params });
    for (const check of extractorChecks({ make, inputs })) test(check.name, check.run);
  });

describe("detect", () => {
  test("boxes are in pixels of the original", async () => {
    const [things, missing, none] = await (await fit()).detect([wide, null, picture(20, 20, [])]);
    expect(things!.map(({ label, class: of, box }) => [label, of, box])).toEqual(
      expect.arrayContaining([
        ["red", 0, { left: 0, top: 0, right: 16, bottom: 16 }],
        ["blue", 1, { left: 48, top: 16, right: 64, bottom: 32 }],
      ]),
    );
    expect(things).toHaveLength(2);
    expect(missing).toBeNull();
    expect(none).toEqual([]);
  });

  test("boxes end where the picture does", async () => {
    // The grey around it is as sure as 114 / 255 of both colours.
    const fitted = await fit({ minScore: 0.4, suppression: "none" });
    const [things] = await fitted.detect([picture(64, 32, [])]);
    expect(things!.length).toBe(8);
    for (const { box } of things!) {
      expect(box.left).toBeGreaterThanOrEqual(0);
      expect(box.right).toBeLessThanOrEqual(64);
      // What lies wholly in the grey has no height left.
      expect([0, 32]).toContain(box.top);
      expect(box.bottom).toBe(box.top);
    }
  });

  test("what the models of others want: at the top left, BGR, in bytes", async () => {
    const params = { position: "top-left", channels: "bgr", normalize: "0..255" } as const;
    // Scores of bytes are above 1 as of no real model.
    const [things] = await (await fit({ ...params, minScore: 1 })).detect([wide]);
    expect(things!.map(({ label, box }) => [label, box.left, box.top])).toEqual(
      expect.arrayContaining([
        ["blue", 0, 0],
        ["red", 48, 16],
      ]),
    );
  });

  test("as many as are wanted, softly or not at all suppressed", async () => {
    const red = picture(32, 32, [[0, 0, 32, 32, "red"]]);
    expect((await (await fit({ limit: 5 })).detect([red]))[0]).toHaveLength(5);
    expect((await (await fit({ suppression: "none" })).detect([red]))[0]).toHaveLength(16);
    expect((await (await fit({ suppression: { method: "gaussian" } })).detect([red]))[0]).toHaveLength(16);
  });

  test("pictures that are broken are named, or missing", async () => {
    const inputs = [wide, new Uint8Array([1, 2, 3]), wide];
    await expect((await fit()).detect(inputs)).rejects.toMatchObject({ code: "invalid-input", index: 1 });
    const told: MmubError[] = [];
    const fitted = await objectDetector({ ...small, minScore: 0.9 }, { onBroken: (error) => told.push(error) }).fit([]);
    open.push(fitted);
    const all = await fitted.detect(inputs);
    expect(all.map((things) => things?.length ?? null)).toEqual([2, null, 2]);
    expect(told.map(({ index }) => index)).toEqual([1]);
  });
});

test("features: how many, how large, how sure, where", async () => {
  const two = picture(32, 32, [
    [0, 0, 8, 8, "red"],
    [24, 8, 32, 16, "red"],
  ]);
  const fitted = await fit();
  expect(fitted.names).toEqual(
    ["red", "blue"].flatMap((label) => ["count", "area", "score", "x", "y"].map((feature) => `${label} ${feature}`)),
  );
  const { data, present } = await fitted.transform([two, null]);
  const [count, area, score, x, y, ...blue] = Array.from(data.subarray(0, 10));
  expect([count, area, score]).toEqual([2, 1 / 16, 1]);
  expect([4 / 32, 28 / 32]).toContain(x);
  expect([4 / 32, 12 / 32]).toContain(y);
  expect(blue).toEqual([0, 0, 0, 0.5, 0.5]);
  expect(Array.from(present!)).toEqual([1, 0]);
});

test("what is saved loads, and other models are refused", async () => {
  const saved = decodeSaved(encodeSaved(await (await fit()).save()));
  const loaded = await objectDetector({ ...small, minScore: 0.9 }).load(saved);
  open.push(loaded);
  expect((await loaded.detect([wide]))[0]).toHaveLength(2);
  const refused = (params: object, message: RegExp) =>
    expect(objectDetector({ ...small, minScore: 0.9, ...params }).load(saved)).rejects.toThrow(message);
  await refused({ model: cells(2) }, /the model has SHA-256/);
  await refused({ minScore: 0.8 }, /param minScore was 0.9 when saved/);
});

describe("what does not fit is refused", () => {
  const wrong: [Partial<Record<keyof ObjectDetectorParams, unknown>>, string, RegExp][] = [
    [{ model: "/no/such.onnx" }, "missing-model", /cannot read the model/],
    [{ width: 64 }, "shape-mismatch", /the model takes \[batch, 3, 32, 32\]/],
    [{ head: "yolov10" }, "shape-mismatch", /got \[1, 6, 16\], want \[batch, boxes, 6\] for yolov10/],
    [{ labels: ["red"] }, "invalid-input", /knows 2 classes and there are 1 labels/],
    [{ outputs: ["boxes"] }, "invalid-input", /no output "boxes", want one of "?output0/],
    [{ head: "rcnn" }, "invalid-params", /head is string "rcnn"/],
    [{ labels: [] }, "invalid-params", /labels is/],
    [{ minScore: 2 }, "invalid-params", /minScore is number 2/],
    [{ suppression: "soft" }, "invalid-params", /suppression is string "soft"/],
    [{ features: ["size"] }, "invalid-params", /features is/],
    [{ limit: 0 }, "invalid-params", /limit is number 0/],
  ];
  for (const [params, code, message] of wrong)
    test(JSON.stringify(params), () =>
      expect((async () => fit(params as Partial<ObjectDetectorParams>))()).rejects.toMatchObject({
        code,
        message: expect.stringMatching(message),
      }),
    );

  test("a model that was disposed of", async () => {
    const fitted = await fit();
    await fitted.dispose?.();
    await expect(fitted.detect([wide])).rejects.toThrow(/disposed of/);
  });
});

describe("drawing", () => {
  const things = [
    { label: '<"a" & b>\u0000', class: 1, score: 0.876, box: { left: 4, top: 6, right: 40, bottom: 30 } },
  ];

  test("an SVG with escaped labels", () => {
    const svg = detectionsSvg(things, { width: 64, height: 32, lineWidth: 2 });
    expect(svg).toContain('<rect x="4" y="6" width="36" height="24" fill="none" stroke="#56B4E9" stroke-width="2"/>');
    expect(svg).toContain(">&lt;&quot;a&quot; &amp; b&gt; 88 %</text>");
    expect(detectionsSvg(things, { width: 64, height: 32, text: false })).not.toContain("<text");
    expect(() => detectionsSvg([], { width: 0, height: 1 })).toThrow(/width is number 0/);
    expect(() => detectionsSvg([], { width: 1, height: 1, colors: ['"/>'] })).toThrow(/colors is/);
  });

  test("a PNG of the picture with its boxes", async () => {
    const png = await drawDetections(wide, things, { lineWidth: 2, text: false, colors: ["#000000", "#00ff00"] });
    const { data, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
    expect([info.width, info.height]).toEqual([64, 32]);
    const at = (x: number, y: number) =>
      Array.from(data.subarray(info.channels * (y * 64 + x), info.channels * (y * 64 + x) + 3));
    expect(at(4, 20)).toEqual([0, 255, 0]);
    expect(at(20, 6)).toEqual([0, 255, 0]);
    expect(at(2, 2)).toEqual([255, 0, 0]);
    expect(at(60, 20)).toEqual([0, 0, 255]);
  });
});
