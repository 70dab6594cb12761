import { checkParam, type Dense, type Extractor } from "@mmub/core";
import { isCount, isCounts } from "./counts.js";
import { type DecodeParams, decodeParams, type ImageInput } from "./decode.js";
import type { BrokenOptions } from "./lanes.js";
import { pixelExtractor } from "./pixel-extractor.js";

const type = "@mmub/image/hog";
const norms = ["L1", "L1-sqrt", "L2", "L2-Hys"];

export interface HogParams extends DecodeParams {
  /** Width in pixels that every picture is resized to. @default 128 */
  readonly width?: number;
  /** Height in pixels that every picture is resized to. @default 128 */
  readonly height?: number;
  /** Bins of the half turn from 0 to 180 degrees. @default 9 */
  readonly orientations?: number;
  /** Rows and columns of pixels in a cell. Pixels right of and below the last whole cell do not count. @default [8, 8] */
  readonly pixelsPerCell?: readonly [number, number];
  /** Rows and columns of cells in a block. Blocks overlap: one begins at every cell where it fits. @default [3, 3] */
  readonly cellsPerBlock?: readonly [number, number];
  /** How a block is normalised; `"L2-Hys"` is L2, cut off at 0.2, then L2 again. @default "L2-Hys" */
  readonly blockNorm?: "L1" | "L1-sqrt" | "L2" | "L2-Hys";
  /** Take the square root of the pixel values first, which lessens the weight of light and shadow. @default false */
  readonly transformSqrt?: boolean;
  /** `"grey"`: the gradient of the luma; `"rgb"`: at each pixel that of the channel where it is longest. @default "grey" */
  readonly channels?: "grey" | "rgb";
}

/**
 * Histograms of oriented gradients: which way the edges run, region by region; shape without colour.
 *
 * Output: Dense, rows x (block rows x block columns x cells in a block x orientations), 15,876 columns with the defaults, in
 * the order of scikit-image's `feature_vector`; values in [0, 1], without unit. A missing picture is a zero row with
 * `present` 0, and so, but present, is a picture of one colour. Nothing is learned: `fit([])` does.
 * Rejects what `decodeImage` rejects (`invalid-input`, with the index), and a block larger than the picture (`invalid-params`).
 * Cost: about 0.3 ms for 128 x 128 pixels after decoding. For few training pictures take larger cells: 64 x 64 pixels in
 * cells of 8 and blocks of 2 are 1,764 columns.
 * Source: Dalal and Triggs, Histograms of oriented gradients for human detection, CVPR 2005; numbers of scikit-image's
 * `hog(rgb2gray(image))`, or with `"rgb"` of `hog(img_as_float(image), channel_axis=-1)`.
 *
 * @example
 * const photo = { data: new Uint8Array(64 * 64), width: 64, height: 64, channels: 1 } as const;
 * const fitted = await hog({ width: 64, height: 64, cellsPerBlock: [2, 2] }).fit([]);
 * const { rows, cols } = await fitted.transform([photo, null]); // 2, 1764
 */
export function hog(params: HogParams = {}, options: BrokenOptions = {}): Extractor<ImageInput, Dense> {
  const {
    width = 128,
    height = 128,
    orientations = 9,
    pixelsPerCell = [8, 8],
    cellsPerBlock = [3, 3],
    blockNorm = "L2-Hys",
    transformSqrt = false,
    channels = "grey",
  } = params;
  const decode = { ...decodeParams(type, { ...params, width, height }), width, height };
  const check = (name: string, value: unknown, ok: boolean, want: string) => checkParam(type, name, value, ok, want);
  check("orientations", orientations, isCount(orientations) && orientations <= 360, "a whole number from 1 to 360");
  check("pixelsPerCell", pixelsPerCell, isCounts(pixelsPerCell, 2), "[rows, columns], positive whole numbers");
  check("cellsPerBlock", cellsPerBlock, isCounts(cellsPerBlock, 2), "[rows, columns], positive whole numbers");
  check("blockNorm", blockNorm, norms.includes(blockNorm), `one of ${norms.join(", ")}`);
  check("transformSqrt", transformSqrt, typeof transformSqrt === "boolean", "true or false");
  check("channels", channels, channels === "grey" || channels === "rgb", '"grey" or "rgb"');
  const [cellHeight, cellWidth] = pixelsPerCell;
  const [blockRows, blockColumns] = cellsPerBlock;
  const [minHeight, minWidth] = [cellHeight * blockRows, cellWidth * blockColumns];
  check("height", height, height >= minHeight, `at least ${minHeight}: ${blockRows} cells of ${cellHeight} pixels`);
  check("width", width, width >= minWidth, `at least ${minWidth}: ${blockColumns} cells of ${cellWidth} pixels`);

  const layout: Layout = {
    width,
    height,
    orientations,
    cellHeight,
    cellWidth,
    blockRows,
    blockColumns,
    cellRows: Math.floor(height / cellHeight),
    cellColumns: Math.floor(width / cellWidth),
  };
  const gradients = channels === "grey" ? greyPlanes(layout, transformSqrt) : rgbPlanes(layout, transformSqrt);
  const count = cellCounter(layout, gradients.scale);
  return pixelExtractor({
    type,
    params: {
      ...decode,
      orientations,
      pixelsPerCell: [cellHeight, cellWidth],
      cellsPerBlock: [blockRows, blockColumns],
      blockNorm,
      transformSqrt,
      channels,
    },
    decode,
    options,
    names: columnNames(layout),
    describe: (pixels, row) => normalizeBlocks(count(gradients.planes(pixels)), layout, blockNorm, row),
  });
}

interface Layout {
  readonly width: number;
  readonly height: number;
  readonly orientations: number;
  readonly cellHeight: number;
  readonly cellWidth: number;
  readonly cellRows: number;
  readonly cellColumns: number;
  readonly blockRows: number;
  readonly blockColumns: number;
}

/** Pixels to one or three planes of values, and what a difference of them is to be multiplied by to be one of [0, 1]. */
interface Planes {
  readonly scale: number;
  readonly planes: (pixels: Uint8Array) => Float64Array;
}

// Luma as whole numbers: equal colours then differ by exactly 0, and a gradient of 45 degrees is exactly that.
// 0.2125 R + 0.7154 G + 0.0721 B, as scikit-image's rgb2gray.
function greyPlanes({ width, height }: Layout, transformSqrt: boolean): Planes {
  const plane = new Float64Array(width * height);
  const most = 10_000 * 255;
  return {
    scale: transformSqrt ? 1 : 1 / most,
    planes(pixels) {
      for (let i = 0, at = 0; i < plane.length; i++, at += 3)
        plane[i] = 2125 * pixels[at]! + 7154 * pixels[at + 1]! + 721 * pixels[at + 2]!;
      if (transformSqrt) for (let i = 0; i < plane.length; i++) plane[i] = Math.sqrt(plane[i]! / most);
      return plane;
    },
  };
}

function rgbPlanes({ width, height }: Layout, transformSqrt: boolean): Planes {
  const area = width * height;
  const planes = new Float64Array(3 * area);
  const level = Float64Array.from({ length: 256 }, (_, value) => (transformSqrt ? Math.sqrt(value / 255) : value));
  return {
    scale: transformSqrt ? 1 : 1 / 255,
    planes(pixels) {
      for (let i = 0, at = 0; i < area; i++, at += 3) {
        planes[i] = level[pixels[at]!]!;
        planes[area + i] = level[pixels[at + 1]!]!;
        planes[2 * area + i] = level[pixels[at + 2]!]!;
      }
      return planes;
    },
  };
}

/** Planes to the histograms of all cells: cell rows x cell columns x orientations, the mean over the cell's pixels. */
function cellCounter(layout: Layout, scale: number): (planes: Float64Array) => Float64Array {
  const { width, height, orientations, cellHeight, cellWidth, cellRows, cellColumns } = layout;
  const area = width * height;
  const cells = new Float64Array(cellRows * cellColumns * orientations);
  const columnOffset = Int32Array.from({ length: width }, (_, x) => Math.floor(x / cellWidth) * orientations);
  const { edgeCos, edgeSin, firstGuess, guesses } = angleBins(orientations);
  const share = scale / (cellHeight * cellWidth);
  const [usedHeight, usedWidth] = [cellRows * cellHeight, cellColumns * cellWidth];

  return (planes) => {
    cells.fill(0);
    for (let y = 0; y < usedHeight; y++) {
      const rowOffset = Math.floor(y / cellHeight) * cellColumns * orientations;
      // The border has no gradient across it.
      const step = y === 0 || y === height - 1 ? 0 : width;
      for (let x = 0, i = y * width; x < usedWidth; x++, i++) {
        const side = x === 0 || x === width - 1 ? 0 : 1;
        let dx = planes[i + side]! - planes[i - side]!;
        let dy = planes[i + step]! - planes[i - step]!;
        let square = dx * dx + dy * dy;
        for (let j = i + area; j < planes.length; j += area) {
          const dx2 = planes[j + side]! - planes[j - side]!;
          const dy2 = planes[j + step]! - planes[j - step]!;
          const square2 = dx2 * dx2 + dy2 * dy2;
          if (square2 > square) {
            dx = dx2;
            dy = dy2;
            square = square2;
          }
        }
        if (square === 0) continue;
        let bin = 0;
        if (dy !== 0) {
          if (dy < 0) {
            dx = -dx;
            dy = -dy;
          }
          bin = firstGuess[((1 - dx / (Math.abs(dx) + dy)) * guesses) | 0]!;
          while (dy * edgeCos[bin]! >= dx * edgeSin[bin]!) bin++;
        }
        cells[rowOffset + columnOffset[x]! + bin]! += Math.sqrt(square);
      }
    }
    for (let i = 0; i < cells.length; i++) cells[i]! *= share;
    return cells;
  };
}

/**
 * Tables to find the bin of an angle in (0, 180) degrees without an arc tangent. 1 - x / (|x| + y) rises from 0 to 2 with the
 * angle; a slot of it gives the lowest bin that it reaches into, and the upper edges, as unit vectors, settle the rest.
 */
function angleBins(orientations: number) {
  const guesses = 16 * orientations;
  const edgeCos = new Float64Array(orientations);
  const edgeSin = new Float64Array(orientations);
  const firstGuess = new Uint16Array(2 * guesses + 1);
  for (let edge = 1; edge < orientations; edge++) {
    const angle = (Math.PI * edge) / orientations;
    // Multiples of 45 degrees are the only edges that whole-numbered gradients can fall on, so these are exact.
    const eighths = (4 * edge) / orientations;
    const [cos, sin] = [
      [1, 1],
      [0, 1],
      [-1, 1],
    ][eighths - 1] ?? [Math.cos(angle), Math.sin(angle)];
    edgeCos[edge - 1] = cos!;
    edgeSin[edge - 1] = sin!;
    const slot = Math.floor((1 - cos! / (Math.abs(cos!) + sin!)) * guesses + 1e-6);
    firstGuess.fill(edge, slot + 1);
  }
  // The last bin has no upper edge inside the half turn: y * -1 >= x * 0 never holds for y > 0.
  edgeCos[orientations - 1] = -1;
  return { edgeCos, edgeSin, firstGuess, guesses };
}

const epsilon = 1e-5;

function normalizeBlocks(cells: Float64Array, layout: Layout, norm: string, row: Float32Array): void {
  const { orientations, cellRows, cellColumns, blockRows, blockColumns } = layout;
  const squared = norm === "L2" || norm === "L2-Hys";
  const length = blockColumns * orientations;
  let at = 0;
  for (let y = 0; y + blockRows <= cellRows; y++)
    for (let x = 0; x + blockColumns <= cellColumns; x++) {
      let sum = 0;
      for (let r = 0; r < blockRows; r++) {
        const from = ((y + r) * cellColumns + x) * orientations;
        for (let i = from; i < from + length; i++) sum += squared ? cells[i]! * cells[i]! : cells[i]!;
      }
      const start = at;
      const scale = squared ? 1 / Math.sqrt(sum + epsilon * epsilon) : 1 / (sum + epsilon);
      for (let r = 0; r < blockRows; r++) {
        const from = ((y + r) * cellColumns + x) * orientations;
        for (let i = from; i < from + length; i++) row[at++] = cells[i]! * scale;
      }
      if (norm === "L1-sqrt") for (let i = start; i < at; i++) row[i] = Math.sqrt(row[i]!);
      if (norm === "L2-Hys") {
        let sumOfCut = 0;
        for (let i = start; i < at; i++) {
          const value = Math.min(row[i]!, 0.2);
          row[i] = value;
          sumOfCut += value * value;
        }
        const again = 1 / Math.sqrt(sumOfCut + epsilon * epsilon);
        for (let i = start; i < at; i++) row[i]! *= again;
      }
    }
}

function columnNames(layout: Layout): string[] {
  const { orientations, cellRows, cellColumns, blockRows, blockColumns } = layout;
  const names: string[] = [];
  for (let y = 0; y + blockRows <= cellRows; y++)
    for (let x = 0; x + blockColumns <= cellColumns; x++)
      for (let r = 0; r < blockRows; r++)
        for (let c = 0; c < blockColumns; c++)
          for (let o = 0; o < orientations; o++) names.push(`block ${y},${x} cell ${r},${c} orientation ${o}`);
  return names;
}
