import { checkParam, library, show } from "@mmub/core";
import { type DecodeParams, decodeImage, type ImageInput } from "./decode.js";
import type { Detection } from "./object-detector.js";

const part = "@mmub/image/drawDetections";

export interface DrawDetectionsParams extends Pick<DecodeParams, "failOn" | "maxPixels" | "maxBytes"> {
  /** Width of the lines in pixels. @default a 300th of the longer side, at least 2 */
  readonly lineWidth?: number;
  /** Height of the letters in pixels. @default 8 lines, at least 12 */
  readonly fontSize?: number;
  /** Colours as CSS writes them, by the class's number. @default Okabe and Ito's eight, which the colour-blind tell apart */
  readonly colors?: readonly string[];
  /** Whether labels and scores are written. @default true */
  readonly text?: boolean;
}

const okabeIto = ["#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#000000"];

/**
 * Boxes, labels and scores as an SVG of so many pixels, to be laid over the picture: what `detect` found, in pixels of the original. Labels
 * are escaped. Rejects sides that are not positive whole numbers.
 *
 * @example
 * const box = { left: 10, top: 20, right: 90, bottom: 60 };
 * const svg = detectionsSvg([{ label: "shoe", class: 0, score: 0.91, box }], { width: 100, height: 80 });
 * console.log(svg.includes("shoe 91 %")); // true
 */
export function detectionsSvg(
  detections: readonly Detection[],
  params: DrawDetectionsParams & { readonly width: number; readonly height: number },
): string {
  const { width, height, colors = okabeIto, text = true } = params;
  for (const [name, side] of Object.entries({ width, height }))
    checkParam(part, name, side, Number.isInteger(side) && side > 0, "a positive whole number of pixels");
  const isColors = Array.isArray(colors) && colors.length > 0 && colors.every((one) => /^[\w#(),.% -]+$/.test(one));
  checkParam(part, "colors", colors, isColors, "colours as CSS writes them");
  const { lineWidth = Math.max(2, Math.max(width, height) / 300) } = params;
  const { fontSize = Math.max(12, 8 * lineWidth) } = params;
  const round = (value: number) => Math.round(value * 100) / 100;
  // The best last, so that it lies above.
  const drawn = detections.toReversed().map(({ label, class: of, score, box }) => {
    const color = colors[of % colors.length]!;
    const [x, y] = [round(box.left), round(box.top)];
    const rect = `<rect x="${x}" y="${y}" width="${round(box.right - box.left)}" height="${round(box.bottom - box.top)}" fill="none" stroke="${color}" stroke-width="${round(lineWidth)}"/>`;
    if (!text) return rect;
    // Inside the box where there is no room above it.
    const base = box.top >= 1.4 * fontSize ? box.top - 0.35 * fontSize : box.top + 1.05 * fontSize;
    const place = `x="${x}" y="${round(base)}"`;
    return `${rect}<text ${place} fill="${color}" stroke="#fff" stroke-width="${round(fontSize / 6)}" paint-order="stroke" font-family="sans-serif" font-size="${round(fontSize)}">${escaped(label)} ${Math.round(100 * score)} %</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">${drawn.join("")}</svg>`;
}

/**
 * A picture with the boxes that `detect` found on it, as the bytes of a PNG of the upright original's size. Rejects what `decodeImage`
 * rejects. Letters need a font on the machine. Cost: decoding and encoding, some 50 ms a megapixel.
 *
 * @example
 * const picture = { data: new Uint8Array(100 * 80 * 3).fill(255), width: 100, height: 80, channels: 3 } as const;
 * const box = { left: 10, top: 20, right: 90, bottom: 60 };
 * const png = await drawDetections(picture, [{ label: "shoe", class: 0, score: 0.91, box }]);
 * console.log(png.subarray(1, 4).toString()); // 80,78,71: "PNG"
 */
export async function drawDetections(
  picture: ImageInput,
  detections: readonly Detection[],
  params: DrawDetectionsParams = {},
): Promise<Uint8Array> {
  checkParam(part, "detections", detections, Array.isArray(detections), `an array, not ${show(detections)}`);
  const { failOn, maxPixels, maxBytes } = params;
  const { data, width, height } = await decodeImage(picture, {
    ...(failOn && { failOn }),
    ...(maxPixels !== undefined && { maxPixels }),
    ...(maxBytes !== undefined && { maxBytes }),
  });
  const { default: sharp } = await library(part, "sharp", () => import("sharp"));
  const overlay = Buffer.from(detectionsSvg(detections, { ...params, width, height }));
  const png = await sharp(data, { raw: { width, height, channels: 3 } })
    .composite([{ input: overlay, left: 0, top: 0 }])
    .png()
    .toBuffer();
  return new Uint8Array(png);
}

function escaped(text: string): string {
  const entities: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  // XML takes no control characters, not even escaped.
  return text.replace(/[&<>"]/g, (mark) => entities[mark]!).replace(/[^\P{C}\t\n]/gu, "");
}
