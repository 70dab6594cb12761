import { checkParam, type Dense, type Extractor } from "@mmub/core";
import { colorSpaces, type SpaceName } from "./color-spaces.js";
import { type DecodeParams, decodeParams, type ImageInput } from "./decode.js";
import { checkGrid, regionNames } from "./grid.js";
import type { BrokenOptions } from "./lanes.js";
import { pixelExtractor } from "./pixel-extractor.js";

const type = "@mmub/image/color-moments";

export interface ColorMomentsParams extends DecodeParams {
  /** Width in pixels that every picture is resized to. @default 128 */
  readonly width?: number;
  /** Height in pixels that every picture is resized to. @default 128 */
  readonly height?: number;
  /** As of `colorHistogram`: `"hsv"` and `"rgb"` of [0, 1], `"lab"` L* of [0, 100], a* and b*. @default "lab" */
  readonly space?: SpaceName;
  /** Rows and columns of regions that the picture is cut into. @default [1, 1] */
  readonly grid?: readonly [number, number];
}

/**
 * Colours in few numbers: the mean, the standard deviation and the skewness of each channel, region by region.
 *
 * Output: Dense, rows x (regions x 9): of each channel mean, deviation (in the unit of the channel) and skewness (without unit, 0
 * for a single colour). Hue is taken as a plain number, though it is an angle; `"lab"` has no such seam. A missing picture is a zero
 * row with `present` 0. Nothing is learned: `fit([])` does. Rejects what `decodeImage` rejects (`invalid-input`, with the index).
 * Cost: two passes over the pixels after decoding.
 * Source: Stricker and Orengo, Similarity of color images, 1995, with the skewness divided by the cube of the deviation; numbers of
 * `scipy.stats.skew` of scikit-image's colours.
 *
 * @example
 * const red = { data: new Uint8Array([255, 0, 0]), width: 1, height: 1, channels: 3 } as const;
 * const fitted = await colorMoments({ space: "rgb" }).fit([]);
 * console.log((await fitted.transform([red])).data); // Float32Array(9) [ 1, 0, 0, 0, 0, 0, 0, 0, 0 ]
 */
export function colorMoments(
  params: ColorMomentsParams = {},
  options: BrokenOptions = {},
): Extractor<ImageInput, Dense> {
  const { width = 128, height = 128, space = "lab", grid = [1, 1] } = params;
  const decode = { ...decodeParams(type, { ...params, width, height }), width, height };
  checkParam(type, "space", space, Object.hasOwn(colorSpaces, space), '"hsv", "rgb" or "lab"');
  checkGrid(type, grid, width, height);
  const [rows, columns] = grid;

  const { channels, convert } = colorSpaces[space];
  const area = width * height;
  const planes = new Float64Array(3 * area);
  const edges = (count: number, side: number) =>
    Array.from({ length: count + 1 }, (_, i) => Math.ceil((i * side) / count));
  const [tops, lefts] = [edges(rows, height), edges(columns, width)];
  const each = channels.flatMap((channel) => ["mean", "deviation", "skewness"].map((name) => `${channel} ${name}`));
  return pixelExtractor({
    type,
    params: { ...decode, space, grid: [rows, columns] },
    decode,
    options,
    names: regionNames(each, grid),
    describe(pixels, row) {
      convert(pixels, planes);
      let at = 0;
      for (let r = 0; r < rows; r++)
        for (let c = 0; c < columns; c++)
          for (let channel = 0; channel < 3; channel++) {
            const values = (visit: (value: number) => void) => {
              for (let y = tops[r]!; y < tops[r + 1]!; y++)
                for (let x = lefts[c]!; x < lefts[c + 1]!; x++) visit(planes[channel * area + y * width + x]!);
            };
            row.set(moments(values, (tops[r + 1]! - tops[r]!) * (lefts[c + 1]! - lefts[c]!)), at);
            at += 3;
          }
    },
  });
}

function moments(values: (visit: (value: number) => void) => void, count: number): [number, number, number] {
  let [sum, squares, cubes] = [0, 0, 0];
  values((value) => {
    sum += value;
  });
  const mean = sum / count;
  values((value) => {
    const apart = value - mean;
    squares += apart * apart;
    cubes += apart * apart * apart;
  });
  const deviation = Math.sqrt(squares / count);
  // Of one colour, rounding alone differs from the mean.
  const flat = deviation <= 1e-12 * Math.max(1, Math.abs(mean));
  return [mean, flat ? 0 : deviation, flat ? 0 : cubes / count / deviation ** 3];
}
