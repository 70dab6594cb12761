import type { Dense, Extractor } from "@mmub/core";
import { expectTypeOf, test } from "vitest";
import { colorHistogram, decodeImage, hog, type ImageInput, type RgbImage } from "./index.js";

test("extractors take pictures and give Dense features", () => {
  expectTypeOf(hog()).toEqualTypeOf<Extractor<ImageInput, Dense>>();
  expectTypeOf(colorHistogram()).toEqualTypeOf<Extractor<ImageInput, Dense>>();
});

test("a picture is a path, a URL, bytes or pixels", () => {
  expectTypeOf<string>().toExtend<ImageInput>();
  expectTypeOf<URL>().toExtend<ImageInput>();
  expectTypeOf<Buffer>().toExtend<ImageInput>();
  expectTypeOf<{ data: Uint8Array; width: number; height: number; channels: 3 }>().toExtend<ImageInput>();
  expectTypeOf<number>().not.toExtend<ImageInput>();
  expectTypeOf<{ data: Uint8Array; width: number; height: number; channels: 2 }>().not.toExtend<ImageInput>();
  expectTypeOf<ReadableStream<Uint8Array>>().toExtend<ImageInput>();
  expectTypeOf<{ data: Uint16Array; width: number; height: number; channels: 1 }>().toExtend<ImageInput>();
  // What is decoded can be described.
  expectTypeOf<RgbImage>().toExtend<ImageInput>();
  expectTypeOf(decodeImage).returns.resolves.toEqualTypeOf<RgbImage>();
});

test("wrong params do not compile", () => {
  // @ts-expect-error no such norm
  hog({ blockNorm: "L3" });
  // @ts-expect-error three channels want three numbers of bins
  colorHistogram({ bins: [8, 8] });
  // @ts-expect-error spelled as scikit-image does
  hog({ pixels_per_cell: [8, 8] });
});
