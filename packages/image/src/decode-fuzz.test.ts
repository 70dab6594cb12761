import { MmubError, random } from "@mmub/core";
import sharp, { type Sharp } from "sharp";
import { expect, test } from "vitest";
import { picture } from "../fixtures/picture.js";
import { decodeImage } from "./index.js";

const { data, width, height } = picture(48, 40);
const image = () => sharp(data, { raw: { width, height, channels: 3 } });
const formats: Record<string, Sharp> = {
  jpeg: image().jpeg(),
  "progressive jpeg": image().jpeg({ progressive: true }),
  png: image().png(),
  "interlaced png": image().png({ progressive: true }),
  webp: image().webp(),
  "lossless webp": image().webp({ lossless: true }),
  gif: image().gif(),
  tiff: image().tiff({ compression: "lzw" }),
  avif: image().avif({ effort: 0 }),
};

test("5,000 damaged files give a picture or an MmubError, nothing else, and no memory is lost", async () => {
  const whole = await Promise.all(Object.values(formats).map((format) => format.toBuffer()));
  const { integer } = random(6);
  const damaged = (round: number): Uint8Array => {
    let bytes = Uint8Array.from(whole[round % whole.length]!);
    for (let n = 1 + integer(8); n > 0; n--) bytes[integer(bytes.length)] = integer(256);
    if (integer(3) === 1) bytes.copyWithin(integer(bytes.length), integer(bytes.length), bytes.length);
    if (integer(5) === 2) bytes = bytes.subarray(0, integer(bytes.length));
    return bytes;
  };
  const outcomes = { pictures: 0, errors: 0 };
  let before = 0;
  for (let round = 0; round < 5000; round += 50) {
    if (round === 1500) before = process.memoryUsage().rss;
    await Promise.all(
      Array.from({ length: 50 }, async (_, i) => {
        const fit = i % 2 ? "fill" : "contain";
        const params = { width: 16, height: 16, fit, maxPixels: 1_000_000 } as const;
        const got = await decodeImage(damaged(round + i), params).catch((error: unknown) => error);
        if (MmubError.is(got)) {
          expect(got.code).toBe("invalid-input");
          outcomes.errors++;
        } else {
          expect(got).toMatchObject({ width: 16, height: 16, channels: 3 });
          outcomes.pictures++;
        }
      }),
    );
  }
  expect(outcomes.pictures + outcomes.errors).toBe(5000);
  expect(Math.min(outcomes.pictures, outcomes.errors)).toBeGreaterThan(250);
  expect(process.memoryUsage().rss - before).toBeLessThan(100e6);
}, 60_000);
