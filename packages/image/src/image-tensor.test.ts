import { type MmubError, reasonOf } from "@mmub/core";
import { extractorChecks } from "@mmub/core/testing";
import { describe, expect, test } from "vitest";
import { picture } from "../fixtures/picture.js";
import { hog, type ImageTensorParams, imageTensor, type RawImage } from "./index.js";

describe("conformance", () => {
  const inputs = [picture(40, 32), null, picture(16, 20, 1), picture(24, 24, 4), picture(64, 64, 3, 90, 30)];
  for (const [name, params] of Object.entries<ImageTensorParams>({
    defaults: {},
    letterbox: { fit: "contain", channels: "bgr", layout: "NHWC", normalize: "-1..1" },
  }))
    describe(name, () => {
      const make = () => imageTensor({ ...params, width: 24, height: 18 });
      for (const check of extractorChecks({ make, inputs })) test(check.name, check.run);
    });
});

async function tensor(image: RawImage, params: ImageTensorParams) {
  return (await imageTensor({ width: image.width, height: image.height, ...params }).fit([])).transform([image]);
}

describe("values", () => {
  const two: RawImage = { data: Uint8Array.of(0, 128, 255, 10, 20, 30), width: 2, height: 1, channels: 3 };

  test.each<[ImageTensorParams, number[], number[]]>([
    [{ normalize: "0..255" }, [3, 1, 2], [0, 10, 128, 20, 255, 30]],
    [{ normalize: "0..255", layout: "NHWC" }, [1, 2, 3], [0, 128, 255, 10, 20, 30]],
    [{ normalize: "0..255", channels: "bgr" }, [3, 1, 2], [255, 30, 128, 20, 0, 10]],
    [{ normalize: "0..255", channels: "bgr", layout: "NHWC" }, [1, 2, 3], [255, 128, 0, 30, 20, 10]],
    // (0.299 R + 0.587 G + 0.114 B), rounded
    [{ normalize: "0..255", channels: "grey" }, [1, 1, 2], [104, 18]],
    [{ normalize: "0..1" }, [3, 1, 2], [0, 10 / 255, 128 / 255, 20 / 255, 1, 30 / 255]],
    [{ normalize: "-1..1" }, [3, 1, 2], [-1, 20 / 255 - 1, 256 / 255 - 1, 40 / 255 - 1, 1, 60 / 255 - 1]],
    [
      { normalize: { mean: [0.1, 0.2, 0.3], std: [0.5, 0.25, 0.125] }, channels: "bgr" },
      [3, 1, 2],
      [5.6, (30 / 255 - 0.3) * 8, (128 / 255 - 0.2) * 4, (20 / 255 - 0.2) * 4, -0.2, (10 / 255 - 0.1) * 2],
    ],
    [
      { normalize: "imagenet" },
      [3, 1, 2],
      [
        -0.485 / 0.229,
        (10 / 255 - 0.485) / 0.229,
        (128 / 255 - 0.456) / 0.224,
        (20 / 255 - 0.456) / 0.224,
        0.594 / 0.225,
        (30 / 255 - 0.406) / 0.225,
      ],
    ],
  ])("%j", async (params, shape, want) => {
    const got = await tensor(two, params);
    expect(got.shape).toEqual(shape);
    for (const [i, value] of want.entries()) expect(got.data[i]).toBeCloseTo(value, 5);
    expect(got.data).toHaveLength(want.length);
  });
});

describe("frames", () => {
  // Each pixel tells its column by red and its row by green.
  const grid = (width: number, height: number): RawImage => ({
    data: Uint8Array.from({ length: width * height * 3 }, (_, i) => {
      const pixel = Math.floor(i / 3);
      return [pixel % width, Math.floor(pixel / width), 7][i % 3]!;
    }),
    width,
    height,
    channels: 3,
  });
  const firstOf = async (image: RawImage, params: ImageTensorParams) => {
    const { data, shape } = await tensor(image, { normalize: "0..255", layout: "NHWC", kernel: "nearest", ...params });
    return [shape!.slice(0, 2), [...data.subarray(0, 3)], [...data.subarray(-3)]];
  };

  test("cover keeps the middle, rounding half to even as torchvision's CenterCrop", async () => {
    // 21 - 16 = 5, half of it 2.5: 2; 23 - 16 = 7, half of it 3.5: 4.
    const params = { width: 16, height: 16, fit: "cover" } as const;
    expect(await firstOf(grid(21, 16), params)).toEqual([
      [16, 16],
      [2, 0, 7],
      [17, 15, 7],
    ]);
    expect(await firstOf(grid(23, 16), params)).toEqual([
      [16, 16],
      [4, 0, 7],
      [19, 15, 7],
    ]);
    expect(await firstOf(grid(23, 16), { ...params, position: "top-left" })).toEqual([
      [16, 16],
      [0, 0, 7],
      [15, 15, 7],
    ]);
  });

  test("shortSide resizes first and cuts the middle out of that", async () => {
    const params = { width: 12, height: 10, fit: "cover", shortSide: 20 } as const;
    expect(await firstOf(grid(30, 20), params)).toEqual([
      [10, 12],
      [9, 5, 7],
      [20, 14, 7],
    ]);
  });

  test("shortSide goes with the default size", async () => {
    const fitted = await imageTensor({ fit: "cover", shortSide: 256 }).fit([]);
    expect((await fitted.transform([grid(30, 20)])).shape).toEqual([3, 224, 224]);
  });

  test("contain pads evenly, or at the right and the bottom", async () => {
    const params = { width: 16, height: 16, fit: "contain", background: [1, 2, 3] } as const;
    const { data } = await tensor(grid(16, 11), { ...params, normalize: "0..255", layout: "NHWC" });
    const rows = Array.from({ length: 16 }, (_, y) => [...data.subarray(y * 48, y * 48 + 3)]);
    expect(rows.map((row) => row[2] === 3)).toEqual([
      ...Array(2).fill(true),
      ...Array(11).fill(false),
      ...Array(3).fill(true),
    ]);
    expect(rows[2]).toEqual([0, 0, 7]);
    expect(await firstOf(grid(16, 11), { ...params, position: "top-left" })).toEqual([
      [16, 16],
      [0, 0, 7],
      [1, 2, 3],
    ]);
  });
});

describe("broken pictures", () => {
  const inputs = [picture(20, 20), Buffer.from("no picture"), null, "no such file.jpg", picture(9, 12)];

  test("reject the call by the first of them", async () => {
    const fitted = await imageTensor({ width: 8, height: 8 }).fit([]);
    await expect(fitted.transform(inputs)).rejects.toMatchObject({ code: "invalid-input", index: 1 });
  });

  test.each([
    ["imageTensor", imageTensor],
    ["hog", hog],
  ])("count as missing where %s is given onBroken, which gets them all in order", async (_, extractor) => {
    const failures: MmubError[] = [];
    const recipe = extractor({ width: 24, height: 24 }, { onBroken: (error) => failures.push(error) });
    const fitted = await recipe.fit([]);
    const { present, data, cols } = await fitted.transform(inputs, { batchSize: 2 });
    expect(present).toEqual(Uint8Array.of(1, 0, 0, 0, 1));
    expect(failures.map(({ index }) => index)).toEqual([1, 3]);
    expect(reasonOf(failures[1]!)).toContain('"no such file.jpg", which cannot be read (ENOENT');
    expect(data.subarray(cols, 4 * cols).every((value) => value === 0)).toBe(true);
    const alone = await fitted.transform([inputs[4]!]);
    expect(data.subarray(4 * cols)).toEqual(alone.data);
    expect(recipe.params).toEqual(extractor({ width: 24, height: 24 }).params);
  });

  test("one missing among 1,000 loses nothing else", async () => {
    const many = Array.from({ length: 1000 }, (_, i) => (i === 617 ? "missing.jpg" : picture(8, 8, 3, i % 200, 50)));
    const failures: MmubError[] = [];
    const fitted = await imageTensor(
      { width: 8, height: 8, normalize: "0..255", layout: "NHWC" },
      { onBroken: (error) => failures.push(error) },
    ).fit(many);
    const { data, cols, present } = await fitted.transform(many);
    expect(failures.map(({ index }) => index)).toEqual([617]);
    expect(present!.reduce((a, b) => a + b)).toBe(999);
    for (const [row, input] of many.entries())
      if (typeof input !== "string")
        expect(data.subarray(row * cols, (row + 1) * cols)).toEqual(Float32Array.from(input.data));
  });

  test("an error of the handler is the call's", async () => {
    const thrown = new Error("stop");
    const onBroken = () => {
      throw thrown;
    };
    await expect((await hog({}, { onBroken }).fit([])).transform(inputs)).rejects.toBe(thrown);
  });
});

test.each<[ImageTensorParams, string]>([
  [{ width: 0 }, "width is number 0"],
  [{ layout: "CHW" as never }, '"NCHW" or "NHWC"'],
  [{ channels: "gray" as never }, '"rgb", "bgr" or "grey"'],
  [{ normalize: "toString" as never }, '"imagenet", "clip", "0..1", "-1..1", "0..255" or { mean, std }'],
  [{ normalize: null as never }, "normalize is null"],
  [{ normalize: { mean: [0, 0], std: [1] } }, "of one or three finite numbers"],
  [{ normalize: { mean: [0], std: [0] } }, "std above 0"],
  [{ shortSide: 256 }, 'with both of them and fit "cover"'],
  [{ shortSide: 200, fit: "cover" }, "at least the width and the height"],
  [{ position: "left" as never }, '"center" or "top-left"'],
])("rejects the params %j", (params, message) => {
  expect(() => imageTensor(params)).toThrow(
    expect.objectContaining({ code: "invalid-params", part: "@mmub/image/image-tensor" }),
  );
  expect(() => imageTensor(params)).toThrow(message);
});
