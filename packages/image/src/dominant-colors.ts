import { checkParam, type Dense, type Extractor, random } from "@mmub/core";
import { colorSpaces } from "./color-spaces.js";
import { type DecodeParams, decodeParams, type ImageInput } from "./decode.js";
import type { BrokenOptions } from "./lanes.js";
import { pixelExtractor } from "./pixel-extractor.js";

const type = "@mmub/image/dominant-colors";

export interface DominantColorsParams extends DecodeParams {
  /** Width in pixels that every picture is resized to. @default 64 */
  readonly width?: number;
  /** Height in pixels that every picture is resized to. @default 64 */
  readonly height?: number;
  /** How many colours, 1 to 32. @default 5 */
  readonly colors?: number;
  /** Of the first guesses. @default 0 */
  readonly seed?: number;
  /** Rounds of k-means at most. @default 50 */
  readonly maxIterations?: number;
}

/**
 * The colours that a picture is mostly made of, found by k-means in CIE Lab, where distances are roughly those that are seen.
 *
 * Output: Dense, rows x (colours x 4): red, green and blue of [0, 1] and the share of pixels, the largest share first. A picture of fewer
 * colours has zeros behind. A missing picture is a zero row with `present` 0. Nothing is learned: `fit([])` does, and the same picture
 * gives the same colours whatever else is in the batch. Rejects what `decodeImage` rejects (`invalid-input`, with the index).
 * Cost: some ms for 64 x 64 pixels and 5 colours.
 * Source: k-means by Lloyd, first guesses by k-means++ (Arthur and Vassilvitskii, SODA 2007).
 *
 * @example
 * const data = Uint8Array.from({ length: 300 }, (_, i) => (i < 210 ? [255, 0, 0] : [0, 0, 255])[i % 3]!);
 * const flag = { data, width: 10, height: 10, channels: 3 } as const;
 * const fitted = await dominantColors({ width: 10, height: 10, colors: 2 }).fit([]);
 * console.log([...(await fitted.transform([flag])).data].map((v) => v.toFixed(1)).join(" ")); // 1.0 0.0 0.0 0.7 0.0 0.0 1.0 0.3
 */
export function dominantColors(
  params: DominantColorsParams = {},
  options: BrokenOptions = {},
): Extractor<ImageInput, Dense> {
  const { width = 64, height = 64, colors = 5, seed = 0, maxIterations = 50 } = params;
  const decode = { ...decodeParams(type, { ...params, width, height }), width, height };
  const isCount = (value: number, most: number) => Number.isInteger(value) && value > 0 && value <= most;
  checkParam(type, "colors", colors, isCount(colors, 32), "a whole number from 1 to 32");
  checkParam(type, "seed", seed, Number.isSafeInteger(seed) && seed >= 0, "a whole number from 0");
  checkParam(type, "maxIterations", maxIterations, isCount(maxIterations, 10_000), "a whole number from 1 to 10000");
  const planes = new Float64Array(3 * width * height);
  return pixelExtractor({
    type,
    params: { ...decode, colors, seed, maxIterations },
    decode,
    options,
    names: Array.from({ length: colors }, (_, i) => ["red", "green", "blue", "share"].map((of) => `${of} ${i}`)).flat(),
    describe(pixels, row) {
      colorSpaces.lab.convert(pixels, planes);
      const cluster = kMeans(planes, colors, maxIterations, random(seed));
      const sums = Array.from({ length: colors }, () => ({ red: 0, green: 0, blue: 0, count: 0 }));
      for (let i = 0, at = 0; i < cluster.length; i++, at += 3) {
        const sum = sums[cluster[i]!]!;
        sum.red += pixels[at]!;
        sum.green += pixels[at + 1]!;
        sum.blue += pixels[at + 2]!;
        sum.count++;
      }
      const found = sums.filter(({ count }) => count > 0).sort((a, b) => b.count - a.count);
      for (const [i, { red, green, blue, count }] of found.entries())
        row.set([red / count / 255, green / count / 255, blue / count / 255, count / cluster.length], 4 * i);
    },
  });
}

/** Of each point, three planes of coordinates, the cluster it is in. */
function kMeans(planes: Float64Array, k: number, maxIterations: number, { next }: { next(): number }): Uint8Array {
  const count = planes.length / 3;
  const square = (i: number, [x, y, z]: readonly number[]) =>
    (planes[i]! - x!) ** 2 + (planes[count + i]! - y!) ** 2 + (planes[2 * count + i]! - z!) ** 2;
  const point = (i: number) => [planes[i]!, planes[count + i]!, planes[2 * count + i]!];

  // Each next guess is drawn in proportion to the square of the distance from those before.
  const centres = [point(Math.floor(next() * count))];
  const nearest = Float64Array.from({ length: count }, (_, i) => square(i, centres[0]!));
  while (centres.length < k) {
    const total = nearest.reduce((a, b) => a + b, 0);
    if (total === 0) break;
    let left = next() * total;
    let chosen = 0;
    for (let i = 0; i < count; i++)
      if (nearest[i]! > 0) {
        chosen = i;
        left -= nearest[i]!;
        if (left < 0) break;
      }
    const centre = point(chosen);
    centres.push(centre);
    for (let i = 0; i < count; i++) nearest[i] = Math.min(nearest[i]!, square(i, centre));
  }

  const cluster = new Uint8Array(count);
  for (let iteration = 0; iteration < maxIterations; iteration++) {
    let moved = iteration === 0;
    const sums = centres.map(() => [0, 0, 0, 0]);
    for (let i = 0; i < count; i++) {
      let [best, least] = [0, Infinity];
      for (let c = 0; c < centres.length; c++) {
        const apart = square(i, centres[c]!);
        if (apart < least) [best, least] = [c, apart];
      }
      if (cluster[i] !== best) moved = true;
      cluster[i] = best;
      const sum = sums[best]!;
      sum[0]! += planes[i]!;
      sum[1]! += planes[count + i]!;
      sum[2]! += planes[2 * count + i]!;
      sum[3]!++;
    }
    if (!moved) break;
    for (const [c, [x, y, z, n]] of sums.entries()) if (n! > 0) centres[c] = [x! / n!, y! / n!, z! / n!];
  }
  return cluster;
}
