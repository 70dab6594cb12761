import { extractorChecks } from "@mmub/core/testing";
import { describe, expect, test } from "vitest";
import golden from "../fixtures/hog.json" with { type: "json" };
import { picture } from "../fixtures/picture.js";
import { type HogParams, hog, type RawImage } from "./index.js";

describe("conformance", () => {
  const inputs = [picture(40, 32), null, picture(16, 20, 1), picture(24, 24, 4), picture(64, 64, 3, 90, 30)];
  for (const check of extractorChecks({ make: () => hog({ width: 40, height: 32 }), inputs }))
    test(check.name, check.run);
});

async function features(image: RawImage, params: HogParams): Promise<Float32Array> {
  const fitted = await hog({ ...params, width: image.width, height: image.height }).fit([]);
  return (await fitted.transform([image])).data;
}

describe("scikit-image", () => {
  for (const { picture: of, params, features: want } of golden.cases)
    test(`${of.join(" ")} ${JSON.stringify(params)}`, async () => {
      const [width, height, channels, base, span] = of as [number, number, 1 | 3, number, number];
      const got = await features(picture(width, height, channels, base, span), params as HogParams);
      expect(got.length).toBe(want.length);
      const worst = got.reduce((most, value, i) => Math.max(most, Math.abs(value - want[i]!)), 0);
      expect(worst).toBeLessThan(1e-5);
    });
});

test("an angle falls into the bin that the arc tangent gives, those at an edge into the one that begins there", async () => {
  const wrong: string[] = [];
  for (const orientations of [1, 2, 3, 4, 8, 9, 12, 18, 180, 360]) {
    const params: HogParams = { orientations, pixelsPerCell: [3, 3], cellsPerBlock: [1, 1], blockNorm: "L1" };
    const fitted = await hog({ ...params, width: 3, height: 3 }).fit([]);
    const images: RawImage[] = [];
    const bins: number[] = [];
    for (let dx = -63; dx <= 63; dx += 7)
      for (let dy = -63; dy <= 63; dy += 7) {
        if (dx === 0 && dy === 0) continue;
        // Only the pixel in the middle has a gradient.
        const data = new Uint8Array(9).fill(100);
        data[5] = 100 + dx;
        data[7] = 100 + dy;
        images.push({ data, width: 3, height: 3, channels: 1 });
        const degrees = ((Math.atan2(dy, dx) * 180) / Math.PI + 360) % 180;
        bins.push(Math.floor(degrees / (180 / orientations)));
      }
    const { data, cols } = await fitted.transform(images);
    for (const [row, bin] of bins.entries())
      if (!(data[row * cols + bin]! > 0.99)) wrong.push(`picture ${row}, bin ${bin} of ${orientations}`);
  }
  expect(wrong).toEqual([]);
});

test("one colour has no edges: a present row of zeros", async () => {
  const fitted = await hog().fit([]);
  const { data, present } = await fitted.transform([picture(128, 128, 3, 40, 1)]);
  expect([present?.[0], data.every((value) => value === 0)]).toEqual([1, true]);
});

test("names a column by its block, cell and orientation", async () => {
  const { cols, names } = await hog().fit([]);
  expect(cols).toBe(15_876);
  expect([names?.[0], names?.at(-1)]).toEqual([
    "block 0,0 cell 0,0 orientation 0",
    "block 13,13 cell 2,2 orientation 8",
  ]);
});

test.each<[HogParams, string]>([
  [{ orientations: 0 }, "orientations is number 0"],
  [{ pixelsPerCell: [8] as never }, "pixelsPerCell is an array of 1"],
  [{ cellsPerBlock: [0, 3] }, "cellsPerBlock is an array of 2"],
  [{ blockNorm: "l2" as never }, "L1, L1-sqrt, L2, L2-Hys"],
  [{ channels: "gray" as never }, '"grey" or "rgb"'],
  [{ transformSqrt: 1 as never }, "transformSqrt is number 1"],
  [{ width: 20 }, "width is number 20, want at least 24: 3 cells of 8 pixels"],
  [{ height: 64, pixelsPerCell: [32, 8] }, "height is number 64, want at least 96"],
  [{ fit: "crop" as never }, '"fill", "cover" or "contain"'],
])("rejects the params %j", (params, message) => {
  expect(() => hog(params)).toThrow(expect.objectContaining({ code: "invalid-params", part: "@mmub/image/hog" }));
  expect(() => hog(params)).toThrow(message);
});
