import { checkParam, type Dense, type Extractor } from "@mmub/core";
import { colorSpaces, type SpaceName } from "./color-spaces.js";
import { isCounts } from "./counts.js";
import { type DecodeParams, decodeParams, type ImageInput } from "./decode.js";
import { checkGrid, regionNames } from "./grid.js";
import type { BrokenOptions } from "./lanes.js";
import { pixelExtractor } from "./pixel-extractor.js";

const type = "@mmub/image/color-histogram";

type Triple = readonly [number, number, number];

export interface ColorHistogramParams extends DecodeParams {
  /** Width in pixels that every picture is resized to. @default 128 */
  readonly width?: number;
  /** Height in pixels that every picture is resized to. @default 128 */
  readonly height?: number;
  /**
   * The channels: hue, saturation, value, each of [0, 1] (`"hsv"`); red, green, blue (`"rgb"`); or CIE L* of [0, 100] and
   * a*, b* of [-128, 128] under D65 (`"lab"`). @default "hsv"
   */
  readonly space?: SpaceName;
  /**
   * Bins of equal width for each channel, 1 to 256. An odd number for a* and b* keeps the greys, which lie around 0, in one
   * bin. @default [8, 8, 8]
   */
  readonly bins?: Triple;
  /** `true`: one histogram of all combinations of bins; `false`: one for each channel, one after another. @default true */
  readonly joint?: boolean;
  /** Rows and columns of regions that the picture is cut into, each with a histogram of its own. @default [1, 1] */
  readonly grid?: readonly [number, number];
  /**
   * What is done to each histogram: `"l1"`: it sums to 1; `"l2"`: its length is 1; `"sqrt"`: the square root of `"l1"`, so that
   * products of rows are Hellinger's (Bhattacharyya's) similarity; `null`: it counts pixels. @default "l1"
   */
  readonly normalize?: "l1" | "l2" | "sqrt" | null;
}

/**
 * How much of which colour is in a picture, and with a `grid` roughly where.
 *
 * Output: Dense, rows x (regions x bins): of `bins` the product when `joint`, 512 by default, else the sum. Regions go row by
 * row; in a region the last channel's bin changes fastest. Values in [0, 1], or counts. A missing picture is a zero row
 * with `present` 0. Nothing is learned: `fit([])` does.
 * Rejects what `decodeImage` rejects (`invalid-input`, with the index). Cost: one pass over the pixels after decoding.
 * Source: Swain and Ballard, Color indexing, IJCV 1991; colours as scikit-image's `rgb2hsv` and `rgb2lab`, bins as
 * `numpy.histogramdd`; `"sqrt"`: Arandjelovic and Zisserman, Three things everyone should know, CVPR 2012.
 *
 * @example
 * const red = { data: new Uint8Array([255, 0, 0]), width: 1, height: 1, channels: 3 } as const;
 * const fitted = await colorHistogram({ space: "rgb", bins: [2, 2, 2] }).fit([]);
 * const { data } = await fitted.transform([red]); // 0, 0, 0, 0, 1, 0, 0, 0
 */
export function colorHistogram(
  params: ColorHistogramParams = {},
  options: BrokenOptions = {},
): Extractor<ImageInput, Dense> {
  const {
    width = 128,
    height = 128,
    space = "hsv",
    bins = [8, 8, 8],
    joint = true,
    grid = [1, 1],
    normalize = "l1",
  } = params;
  const decode = { ...decodeParams(type, { ...params, width, height }), width, height };
  const check = (name: string, value: unknown, ok: boolean, want: string) => checkParam(type, name, value, ok, want);
  check("space", space, Object.hasOwn(colorSpaces, space), '"hsv", "rgb" or "lab"');
  check("bins", bins, isCounts(bins, 3) && bins.every((n) => n <= 256), "three whole numbers from 1 to 256");
  check("joint", joint, typeof joint === "boolean", "true or false");
  checkGrid(type, grid, width, height);
  const [rows, columns] = grid;
  check("normalize", normalize, ["l1", "l2", "sqrt", null].includes(normalize), '"l1", "l2", "sqrt" or null');

  // Where each histogram begins within a region, and at last the region's length.
  const [n0, n1, n2] = bins;
  const starts = joint ? [0, n0 * n1 * n2] : [0, n0, n0 + n1, n0 + n1 + n2];
  const size = starts.at(-1)!;
  check(
    "bins",
    bins,
    size * rows * columns <= 2 ** 24,
    "at most 16,777,216 columns; take fewer bins or a smaller grid",
  );
  const regionX = Int32Array.from({ length: width }, (_, x) => Math.floor((x * columns) / width) * size);
  const regionY = Int32Array.from({ length: height }, (_, y) => Math.floor((y * rows) / height) * size * columns);
  const area = width * height;
  const found = new Uint8Array(3 * area);
  const find = binner(space, bins, area);
  const counts = new Uint32Array(size * rows * columns);

  return pixelExtractor({
    type,
    params: { ...decode, space, bins: [n0, n1, n2], joint, grid: [rows, columns], normalize },
    decode,
    options,
    names: regionNames(columnNames(colorSpaces[space].channels, bins, joint), grid),
    describe(pixels, row) {
      find(pixels, found);
      counts.fill(0);
      for (let y = 0, i = 0; y < height; y++)
        for (let x = 0; x < width; x++, i++) {
          const region = regionY[y]! + regionX[x]!;
          const a = found[i]!;
          const b = found[area + i]!;
          const c = found[2 * area + i]!;
          if (joint) counts[region + (a * n1 + b) * n2 + c]!++;
          else {
            counts[region + a]!++;
            counts[region + n0 + b]!++;
            counts[region + n0 + n1 + c]!++;
          }
        }
      for (let region = 0; region < counts.length; region += size)
        for (let k = 0; k + 1 < starts.length; k++)
          write(counts, region + starts[k]!, region + starts[k + 1]!, normalize, row);
    },
  });
}

function write(counts: Uint32Array, from: number, to: number, normalize: string | null, row: Float32Array): void {
  let sum = 0;
  for (let i = from; i < to; i++) sum += normalize === "l2" ? counts[i]! * counts[i]! : counts[i]!;
  const scale = normalize === null ? 1 : normalize === "l2" ? 1 / Math.sqrt(sum) : 1 / sum;
  for (let i = from; i < to; i++) row[i] = normalize === "sqrt" ? Math.sqrt(counts[i]! * scale) : counts[i]! * scale;
}

interface Axis {
  readonly count: number;
  readonly low: number;
  readonly perUnit: number;
  /** As numpy.linspace. */
  readonly edges: Float64Array;
}

function axis(count: number, low: number, high: number): Axis {
  const step = (high - low) / count;
  const edges = Float64Array.from({ length: count + 1 }, (_, i) => (i === count ? high : i * step + low));
  return { count, low, perUnit: count / (high - low), edges };
}

/** A bin holds its lower edge, and the last its upper edge too. */
function binOf(value: number, { count, low, perUnit, edges }: Axis): number {
  const guess = Math.floor((value - low) * perUnit);
  if (guess >= count) return count - 1;
  // The product may round across an edge.
  if (value < edges[guess]!) return guess - 1;
  return guess + 1 < count && value >= edges[guess + 1]! ? guess + 1 : guess;
}

/** Pixels to the bin of each in the three channels, one plane of bins after another. */
function binner(space: SpaceName, bins: Triple, area: number): (pixels: Uint8Array, found: Uint8Array) => void {
  const { ranges, convert } = colorSpaces[space];
  const axes = bins.map((count, c) => axis(count, ...ranges[c]!));
  const planes = new Float64Array(3 * area);
  return (pixels, found) => {
    convert(pixels, planes);
    for (const [c, of] of axes.entries())
      for (let i = c * area; i < (c + 1) * area; i++) found[i] = binOf(planes[i]!, of);
  };
}

function columnNames(channels: readonly string[], bins: Triple, joint: boolean): string[] {
  const each = channels.map((channel, c) => Array.from({ length: bins[c]! }, (_, bin) => `${channel} ${bin}`));
  const [first, second, third] = each as [string[], string[], string[]];
  return joint
    ? first.flatMap((a) => second.flatMap((b) => third.map((c) => `${a} ${b} ${c}`)))
    : [...first, ...second, ...third];
}
