import type { Dense, Extractor } from "@mmub/core";
import { type DecodeParams, decodeParams, type ImageInput } from "./decode.js";
import { greyOf } from "./grey.js";
import type { BrokenOptions } from "./lanes.js";
import { pixelExtractor } from "./pixel-extractor.js";

const type = "@mmub/image/image-quality";

export interface ImageQualityParams extends DecodeParams {
  /** Width in pixels that every picture is resized to. @default 256 */
  readonly width?: number;
  /** Height in pixels that every picture is resized to. @default 256 */
  readonly height?: number;
}

const names = ["sharpness", "brightness", "contrast", "dark", "bright", "entropy", "edge density", "colourfulness"];

/**
 * How good a photo is, in eight numbers; each column depends on the size that pictures are resized to.
 *
 * Output: Dense, rows x 8. `sharpness`: the variance of the Laplacian of the grey picture, below about 100 often blurred;
 * `brightness` and `contrast`: mean and standard deviation of grey, in [0, 1]; `dark` and `bright`: the shares of pixels whose grey is
 * at most 12 or at least 243 of 255 (under- and overexposed); `entropy`: of grey, in bits of [0, 8]; `edge density`: the share of pixels
 * whose Sobel gradient is at least 100 grey levels; `colourfulness`: Hasler and Süsstrunk's, 0 for grey, above 80 very colourful.
 * A missing picture is a zero row with `present` 0. Nothing is learned: `fit([])` does.
 * Rejects what `decodeImage` rejects (`invalid-input`, with the index). Cost: about a millisecond for 256 x 256 pixels after decoding.
 * Source: Pech-Pacheco et al., Diatom autofocusing in brightfield microscopy, ICPR 2000; Hasler and Süsstrunk, Measuring
 * colourfulness in natural images, 2003; numbers of OpenCV's `Laplacian` and `Sobel` of Pillow's `convert("L")`.
 *
 * @example
 * const grey = { data: new Uint8Array(64).fill(51), width: 8, height: 8, channels: 1 } as const;
 * const fitted = await imageQuality().fit([]);
 * console.log((await fitted.transform([grey])).data[1]!.toFixed(2)); // 0.20
 */
export function imageQuality(
  params: ImageQualityParams = {},
  options: BrokenOptions = {},
): Extractor<ImageInput, Dense> {
  const { width = 256, height = 256 } = params;
  const decode = { ...decodeParams(type, { ...params, width, height }), width, height };
  const grey = new Uint8Array(width * height);
  const counts = new Uint32Array(256);
  return pixelExtractor({
    type,
    params: decode,
    decode,
    options,
    names,
    describe(pixels, row) {
      greyOf(pixels, grey);
      counts.fill(0);
      for (const value of grey) counts[value]!++;
      let [sum, dark, bright, entropy] = [0, 0, 0, 0];
      for (const [value, count] of counts.entries()) {
        sum += value * count;
        if (value <= 12) dark += count;
        if (value >= 243) bright += count;
        if (count > 0) entropy -= (count / grey.length) * Math.log2(count / grey.length);
      }
      const mean = sum / grey.length;
      let squares = 0;
      for (const [value, count] of counts.entries()) squares += count * (value - mean) ** 2;
      const { laplacian, edges } = derivatives(grey, width, height);
      row.set([
        laplacian,
        mean / 255,
        Math.sqrt(squares / grey.length) / 255,
        dark / grey.length,
        bright / grey.length,
        entropy,
        edges,
        colourfulness(pixels),
      ]);
    },
  });
}

/** The variance of the Laplacian and the share of pixels with a steep Sobel gradient; the border is mirrored at its pixels. */
function derivatives(grey: Uint8Array, width: number, height: number): { laplacian: number; edges: number } {
  const mirror = (at: number, side: number) => (side === 1 ? 0 : at < 0 ? 1 : at >= side ? side - 2 : at);
  let [sum, squares, steep] = [0, 0, 0];
  for (let y = 0; y < height; y++) {
    const [above, here, below] = [mirror(y - 1, height) * width, y * width, mirror(y + 1, height) * width];
    for (let x = 0; x < width; x++) {
      const [left, right] = [mirror(x - 1, width), mirror(x + 1, width)];
      const [a, b, c] = [grey[above + left]!, grey[above + x]!, grey[above + right]!];
      const [d, e, f] = [grey[here + left]!, grey[here + x]!, grey[here + right]!];
      const [g, h, i] = [grey[below + left]!, grey[below + x]!, grey[below + right]!];
      const second = b + d + f + h - 4 * e;
      sum += second;
      squares += second * second;
      const across = c + 2 * f + i - a - 2 * d - g;
      const down = g + 2 * h + i - a - 2 * b - c;
      if (across * across + down * down >= 10_000) steep++;
    }
  }
  const mean = sum / grey.length;
  return { laplacian: squares / grey.length - mean * mean, edges: steep / grey.length };
}

function colourfulness(pixels: Uint8Array): number {
  const count = pixels.length / 3;
  let [sumA, squaresA, sumB, squaresB] = [0, 0, 0, 0];
  for (let at = 0; at < pixels.length; at += 3) {
    const a = pixels[at]! - pixels[at + 1]!;
    const b = (pixels[at]! + pixels[at + 1]!) / 2 - pixels[at + 2]!;
    sumA += a;
    squaresA += a * a;
    sumB += b;
    squaresB += b * b;
  }
  const [meanA, meanB] = [sumA / count, sumB / count];
  const spread = Math.max(0, squaresA / count - meanA * meanA + squaresB / count - meanB * meanB);
  return Math.sqrt(spread) + 0.3 * Math.hypot(meanA, meanB);
}
