import { extractorChecks } from "@mmub/core/testing";
import { describe, expect, test } from "vitest";
import golden from "../fixtures/color-histogram.json" with { type: "json" };
import { picture } from "../fixtures/picture.js";
import { type ColorHistogramParams, colorHistogram, type RawImage } from "./index.js";

describe("conformance", () => {
  const inputs = [picture(40, 32), null, picture(16, 20, 1), picture(24, 24, 4), picture(64, 64, 3, 90, 30)];
  for (const [name, params] of Object.entries({ defaults: {}, regions: { grid: [2, 2], joint: false, space: "lab" } }))
    describe(name, () => {
      const make = () => colorHistogram(params as ColorHistogramParams);
      for (const check of extractorChecks({ make, inputs })) test(check.name, check.run);
    });
});

async function histogram(image: RawImage, params: ColorHistogramParams): Promise<number[]> {
  const fitted = await colorHistogram({ ...params, width: image.width, height: image.height }).fit([]);
  return [...(await fitted.transform([image])).data];
}

describe("counts as numpy does of scikit-image's colours, exactly", () => {
  for (const { picture: of, params, counts } of golden.cases)
    test(`${of.join(" ")} ${JSON.stringify(params)}`, async () => {
      const [width, height, channels, base, span] = of as [number, number, 1 | 3, number, number];
      const image = picture(width, height, channels, base, span);
      expect(await histogram(image, { ...(params as ColorHistogramParams), normalize: null })).toEqual(counts);
    });
});

describe("normalisation is of each histogram by itself", () => {
  const params: ColorHistogramParams = { bins: [3, 2, 2], grid: [1, 2] };
  const image = picture(9, 6);
  test.each([true, false])("joint: %s", async (joint) => {
    const lengths = joint ? [12, 12] : [3, 2, 2, 3, 2, 2];
    const counts = await histogram(image, { ...params, joint, normalize: null });
    const want = { l1: [] as number[], l2: [] as number[], sqrt: [] as number[] };
    for (let k = 0, from = 0; k < lengths.length; from += lengths[k++]!) {
      const part = counts.slice(from, from + lengths[k]!);
      const sum = part.reduce((a, b) => a + b, 0);
      want.l1.push(...part.map((v) => v / sum));
      want.sqrt.push(...part.map((v) => Math.sqrt(v / sum)));
      want.l2.push(...part.map((v) => v / Math.hypot(...part)));
    }
    for (const normalize of ["l1", "l2", "sqrt"] as const)
      expect(await histogram(image, { ...params, joint, normalize })).toEqual([...Float32Array.from(want[normalize])]);
  });
});

test("regions go row by row", async () => {
  const [black, white] = [
    [0, 0, 0],
    [255, 255, 255],
  ] as const;
  const data = Uint8Array.from([white, black, black, white, white, black].flat());
  const params: ColorHistogramParams = { space: "rgb", bins: [2, 1, 1], grid: [3, 2] };
  const got = await histogram({ data, width: 2, height: 3, channels: 3 }, params);
  expect(got).toEqual([0, 1, 1, 0, 1, 0, 0, 1, 0, 1, 1, 0]);
});

test("names a column by its region and bins", async () => {
  const joint = await colorHistogram().fit([]);
  expect([joint.cols, joint.names?.[73]]).toEqual([512, "hue 1 saturation 1 value 1"]);
  const regions = await colorHistogram({ space: "lab", joint: false, bins: [4, 3, 2], grid: [1, 2] }).fit([]);
  expect([regions.cols, regions.names?.[13], regions.names?.[17]]).toEqual([18, "region 0,1 a 0", "region 0,1 b 1"]);
});

test.each<[ColorHistogramParams, string]>([
  [{ space: "hsl" as never }, '"hsv", "rgb" or "lab"'],
  [{ space: "toString" as never }, '"hsv", "rgb" or "lab"'],
  [{ bins: [8, 8] as never }, "bins is an array of 2"],
  [{ bins: [8, 8, 257] }, "three whole numbers from 1 to 256"],
  [{ bins: [256, 256, 256], grid: [2, 2] }, "at most 16,777,216 columns"],
  [{ grid: [0, 1] }, "grid is an array of 2"],
  [{ grid: [9, 1], height: 8 }, "at most the 8 rows and 128 columns of pixels"],
  [{ joint: "no" as never }, "joint is string"],
  [{ normalize: "L1" as never }, '"l1", "l2", "sqrt" or null'],
  [{ maxPixels: 0 }, "maxPixels is number 0"],
])("rejects the params %j", (params, message) => {
  expect(() => colorHistogram(params)).toThrow(
    expect.objectContaining({ code: "invalid-params", part: "@mmub/image/color-histogram" }),
  );
  expect(() => colorHistogram(params)).toThrow(message);
});
