import { checkParam, type Dense, type Extractor } from "@mmub/core";
import { type DecodeParams, decodeParams, type ImageInput } from "./decode.js";
import type { BrokenOptions } from "./lanes.js";
import { pixelExtractor } from "./pixel-extractor.js";

const type = "@mmub/image/color-histogram";

type Space = "hsv" | "rgb" | "lab";
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
  readonly space?: Space;
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
  check("space", space, Object.hasOwn(spaces, space), '"hsv", "rgb" or "lab"');
  check("bins", bins, isCounts(bins, 3) && bins.every((n) => n <= 256), "three whole numbers from 1 to 256");
  check("joint", joint, typeof joint === "boolean", "true or false");
  check("grid", grid, isCounts(grid, 2), "[rows, columns], positive whole numbers");
  const [rows, columns] = grid;
  check("grid", grid, rows <= height && columns <= width, `at most the ${height} rows and ${width} columns of pixels`);
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
  const find = spaces[space].binner(bins);
  const counts = new Uint32Array(size * rows * columns);

  return pixelExtractor({
    type,
    params: { ...decode, space, bins: [n0, n1, n2], joint, grid: [rows, columns], normalize },
    decode,
    options,
    names: columnNames(spaces[space].channels, bins, joint, rows, columns),
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

/** Pixels to the bin of each in the three channels, one plane of bins after another. */
type Binner = (pixels: Uint8Array, found: Uint8Array) => void;

const spaces: Readonly<Record<Space, { channels: readonly string[]; binner: (bins: Triple) => Binner }>> = {
  rgb: { channels: ["red", "green", "blue"], binner: rgbBinner },
  hsv: { channels: ["hue", "saturation", "value"], binner: hsvBinner },
  lab: { channels: ["lightness", "a", "b"], binner: labBinner },
};

// Bytes as scikit-image scales them, to the last bit: so that a value at the edge of two bins falls where it does there.
const unit = Float64Array.from({ length: 256 }, (_, value) => value * (1 / 255));

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

function unitBins(count: number): Uint8Array {
  const of = axis(count, 0, 1);
  return Uint8Array.from(unit, (value) => binOf(value, of));
}

function rgbBinner(bins: Triple): Binner {
  const [reds, greens, blues] = bins.map(unitBins) as [Uint8Array, Uint8Array, Uint8Array];
  return (pixels, found) => {
    const area = found.length / 3;
    for (let i = 0, at = 0; i < area; i++, at += 3) {
      found[i] = reds[pixels[at]!]!;
      found[area + i] = greens[pixels[at + 1]!]!;
      found[2 * area + i] = blues[pixels[at + 2]!]!;
    }
  };
}

function hsvBinner(bins: Triple): Binner {
  const [hues, saturations] = [axis(bins[0], 0, 1), axis(bins[1], 0, 1)];
  const values = unitBins(bins[2]);
  return (pixels, found) => {
    const area = found.length / 3;
    for (let i = 0, at = 0; i < area; i++, at += 3) {
      const red = pixels[at]!;
      const green = pixels[at + 1]!;
      const blue = pixels[at + 2]!;
      const most = Math.max(red, green, blue);
      const delta = unit[most]! - unit[Math.min(red, green, blue)]!;
      let hue = 0;
      let saturation = 0;
      if (delta > 0) {
        saturation = delta / unit[most]!;
        // Where two channels are the highest, the latter decides, as in scikit-image.
        if (blue === most) hue = 4 + (unit[red]! - unit[green]!) / delta;
        else if (green === most) hue = 2 + (unit[blue]! - unit[red]!) / delta;
        else hue = (unit[green]! - unit[blue]!) / delta;
        hue /= 6;
        if (hue < 0) hue += 1;
      }
      found[i] = binOf(hue, hues);
      found[area + i] = binOf(saturation, saturations);
      found[2 * area + i] = values[most]!;
    }
  };
}

// sRGB to XYZ (IEC 61966-2-1) to L*a*b* with the white point D65 of the 2 degree observer, as scikit-image's rgb2lab.
const linear = unit.map((value) => (value > 0.04045 ? ((value + 0.055) / 1.055) ** 2.4 : value / 12.92));
const labCurve = (t: number): number => (t > 0.008856 ? Math.cbrt(t) : 7.787 * t + 16 / 116);

function labBinner(bins: Triple): Binner {
  const [lightnesses, as, bs] = [axis(bins[0], 0, 100), axis(bins[1], -128, 128), axis(bins[2], -128, 128)];
  return (pixels, found) => {
    const area = found.length / 3;
    for (let i = 0, at = 0; i < area; i++, at += 3) {
      const red = linear[pixels[at]!]!;
      const green = linear[pixels[at + 1]!]!;
      const blue = linear[pixels[at + 2]!]!;
      const x = labCurve((0.412453 * red + 0.35758 * green + 0.180423 * blue) / 0.95047);
      const y = labCurve(0.212671 * red + 0.71516 * green + 0.072169 * blue);
      const z = labCurve((0.019334 * red + 0.119193 * green + 0.950227 * blue) / 1.08883);
      found[i] = binOf(116 * y - 16, lightnesses);
      found[area + i] = binOf(500 * (x - y), as);
      found[2 * area + i] = binOf(200 * (y - z), bs);
    }
  };
}

function columnNames(
  channels: readonly string[],
  bins: Triple,
  joint: boolean,
  rows: number,
  columns: number,
): string[] {
  const each = channels.map((channel, c) => Array.from({ length: bins[c]! }, (_, bin) => `${channel} ${bin}`));
  const [first, second, third] = each as [string[], string[], string[]];
  const local = joint
    ? first.flatMap((a) => second.flatMap((b) => third.map((c) => `${a} ${b} ${c}`)))
    : [...first, ...second, ...third];
  if (rows * columns === 1) return local;
  return Array.from({ length: rows * columns }, (_, i) => `region ${Math.floor(i / columns)},${i % columns} `).flatMap(
    (region) => local.map((name) => region + name),
  );
}

function isCounts(value: unknown, length: number): boolean {
  return Array.isArray(value) && value.length === length && value.every((n) => Number.isSafeInteger(n) && n > 0);
}
