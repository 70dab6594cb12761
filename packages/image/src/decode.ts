import { readFile, stat } from "node:fs/promises";
import { types } from "node:util";
import { checkParam, library, MmubError, show } from "@mmub/core";
import { isCount } from "./counts.js";
import { resample } from "./resample.js";

const type = "@mmub/image/decode";

/**
 * A picture: a path, a `file:` URL, the bytes of a JPEG, PNG, WebP, GIF, TIFF or AVIF file, a stream of such bytes (Node's or
 * the web's), or pixels. Bytes must stay as they are until the call that takes them is done; a stream can be read once.
 */
export type ImageInput = string | URL | Uint8Array | AsyncIterable<Uint8Array> | RawImage;

/** Pixels, row by row from the top left: channel `c` of pixel `x, y` is `data[(y * width + x) * channels + c]`. */
export interface RawImage {
  /** sRGB values 0 to 255, or in a Uint16Array 0 to 65535. */
  readonly data: Uint8Array | Uint8ClampedArray | Uint16Array;
  readonly width: number;
  readonly height: number;
  /** 1: grey, 3: red, green, blue, 4: with alpha, which is not premultiplied. */
  readonly channels: 1 | 3 | 4;
}

/** Pixels as this package works on them: RGB, without alpha. */
export interface RgbImage extends RawImage {
  readonly data: Uint8Array;
  readonly channels: 3;
}

export interface DecodeParams {
  /** Width in pixels that the picture is resized to. Absent: its own, or in proportion to `height`. */
  readonly width?: number;
  /** Height in pixels that the picture is resized to. Absent: its own, or in proportion to `width`. */
  readonly height?: number;
  /**
   * What becomes of another aspect ratio, as CSS's object-fit: `"fill"` stretches, `"cover"` fills the frame and cuts off
   * what sticks out evenly on both sides, `"contain"` keeps all and pads with `background`. @default "fill"
   */
  readonly fit?: "fill" | "cover" | "contain";
  /**
   * Where a contained picture lies in the frame, and which part of a covered one is kept. `"center"` rounds as torchvision's
   * CenterCrop and as the letterbox of YOLO do. @default "center"
   */
  readonly position?: "center" | "top-left";
  /**
   * With `fit: "cover"`: the shorter side becomes so many pixels, then the frame is cut out: `shortSide: 256, width: 224,
   * height: 224` is torchvision's Resize(256) and CenterCrop(224). Absent: as many as just fill the frame.
   */
  readonly shortSide?: number;
  /**
   * The resampling kernel, by sharp's names: `"linear"` is what Pillow and torchvision call bilinear, `"cubic"` their bicubic,
   * `"lanczos3"` their lanczos. All of them but `"nearest"` widen as the picture is made smaller (antialias). @default "lanczos3"
   */
  readonly kernel?: "nearest" | "linear" | "cubic" | "mitchell" | "lanczos2" | "lanczos3";
  /** Red, green and blue, 0 to 255, behind what is transparent and around a contained picture. @default [255, 255, 255] */
  readonly background?: readonly [number, number, number];
  /**
   * How little damage makes a file `invalid-input`. `"warning"` refuses all that the decoder remarks on, `"error"` lets
   * through a JPEG whose data break off before its end mark (the rest is grey), `"truncated"` refuses only files that
   * break off. Damage that still is valid JPEG data cannot be seen by any decoder. @default "warning"
   */
  readonly failOn?: "warning" | "error" | "truncated";
  /** Files with more pixels than this are refused from their header, before they are decoded. @default 100_000_000 */
  readonly maxPixels?: number;
  /** Files with more bytes than this are refused before they are read. @default 100_000_000 */
  readonly maxBytes?: number;
}

/** Who decodes and which of its inputs, for errors. */
export interface Asker {
  readonly part: string;
  readonly index?: number;
  /** Where the bytes are from. */
  readonly file?: string | URL;
}

const kernels = ["nearest", "linear", "cubic", "mitchell", "lanczos2", "lanczos3"];
const formats = "JPEG, PNG, WebP, GIF, TIFF or AVIF";

/** Checks what the caller gave and fills in the defaults; plain data, to be saved. */
export function decodeParams(part: string, params: DecodeParams) {
  const {
    width,
    height,
    fit = "fill",
    position = "center",
    shortSide,
    kernel = "lanczos3",
    background = [255, 255, 255],
    failOn = "warning",
    maxPixels = 100_000_000,
    maxBytes = 100_000_000,
  } = params;
  const check = (name: string, value: unknown, ok: boolean, want: string) => checkParam(part, name, value, ok, want);
  const isSide = (value: unknown) => value === undefined || (isCount(value) && value <= 16_384);
  check("width", width, isSide(width), "a whole number of pixels from 1 to 16384");
  check("height", height, isSide(height), "a whole number of pixels from 1 to 16384");
  check("fit", fit, ["fill", "cover", "contain"].includes(fit), '"fill", "cover" or "contain"');
  check("position", position, position === "center" || position === "top-left", '"center" or "top-left"');
  if (shortSide !== undefined) {
    const least = Math.max(width ?? 16_385, height ?? 16_385);
    const want = `at least the width and the height, at most 16384, with both of them and fit "cover"`;
    check("shortSide", shortSide, fit === "cover" && isSide(shortSide) && shortSide >= least, want);
  }
  check("kernel", kernel, kernels.includes(kernel), `one of ${kernels.join(", ")}`);
  check(
    "background",
    background,
    Array.isArray(background) &&
      background.length === 3 &&
      background.every((v) => Number.isInteger(v) && v >= 0 && v <= 255),
    "[red, green, blue], whole numbers from 0 to 255",
  );
  check("failOn", failOn, ["warning", "error", "truncated"].includes(failOn), '"warning", "error" or "truncated"');
  check("maxPixels", maxPixels, isCount(maxPixels), "a positive integer");
  check("maxBytes", maxBytes, isCount(maxBytes), "a positive integer");
  const [red, green, blue] = background;
  return {
    ...(width !== undefined && { width }),
    ...(height !== undefined && { height }),
    fit,
    position,
    ...(shortSide !== undefined && { shortSide }),
    kernel,
    background: [red, green, blue] as const,
    failOn,
    maxPixels,
    maxBytes,
  };
}

export type CheckedDecodeParams = ReturnType<typeof decodeParams> & {
  /** Of a part that resizes by itself: sides longer than this are shortened to it, each on its own. */
  readonly atMost?: number;
};

/**
 * A picture to RGB pixels of the wanted size.
 *
 * Output: `{ data, width, height, channels: 3 }`, 8-bit sRGB whatever the file held: grey, palette, 16 bits, CMYK and
 * other ICC profiles are converted, the EXIF orientation is applied, transparency lies on `background`, of an
 * animation it is the first frame. Pixels that already are as wanted are copied, never resampled.
 * Rejects as `invalid-input`, with the cause: what is no picture, a file that is missing, empty, damaged or larger than
 * `maxBytes` or `maxPixels`, and other formats. SVG is one of them, since it can refer to other files.
 * Cost: about a millisecond for a small JPEG, done in libuv's threads; a large JPEG is scaled down while it is decoded.
 * Source: sharp and libvips.
 *
 * @example
 * const grey = { data: new Uint8Array(640 * 480), width: 640, height: 480, channels: 1 } as const;
 * const { data } = await decodeImage(grey, { width: 224, height: 224, fit: "cover" });
 * console.log(data.length); // 224 x 224 x 3 = 150528
 */
export async function decodeImage(input: ImageInput, params: DecodeParams = {}): Promise<RgbImage> {
  const { data, width, height, channels } = await decode(input, decodeParams(type, params), { part: type });
  const isInput = data.buffer === (input as Partial<RawImage>).data?.buffer;
  return { data: isInput ? data.slice() : data, width, height, channels };
}

/** Throws `invalid-input` unless `input` is of a kind that can be decoded. Reads nothing. */
export function checkImage(input: unknown, asker: Asker): asserts input is ImageInput {
  if (typeof input === "string") {
    if (/^[a-z][a-z0-9+.-]+:\/\/|^data:/i.test(input))
      reject(asker, `is ${show(input)}, want a path; fetch a URL and give its bytes`);
    return;
  }
  if (types.isUint8Array(input) || isStream(input)) return;
  if (input instanceof URL) {
    if (input.protocol !== "file:")
      reject(asker, `is a URL of ${input.protocol}, want file:; fetch it and give its bytes`);
    return;
  }
  const { data, width, height, channels } = (input ?? {}) as Partial<RawImage>;
  if (data === undefined || typeof input !== "object")
    reject(
      asker,
      `is ${show(input)}, want a path, a file: URL, the bytes of a picture, a stream of them, or { data, width, height, channels }`,
    );
  if (!types.isUint8Array(data) && !types.isUint8ClampedArray(data) && !types.isUint16Array(data))
    reject(asker, `has data of ${show(data)}, want a Uint8Array or a Uint16Array`);
  if (!isCount(width) || !isCount(height) || (channels !== 1 && channels !== 3 && channels !== 4))
    reject(
      asker,
      `is ${width} x ${height} pixels with ${channels} channels, want positive whole numbers and 1, 3 or 4 channels`,
    );
  if (data.length !== width * height * channels)
    reject(asker, `has ${data.length} values, want ${width} x ${height} x ${channels} = ${width * height * channels}`);
}

/**
 * Where the upright original lies in the frame: its point x, y, in pixels from the top left, is at
 * `x * scaleX + left, y * scaleY + top`.
 */
export interface Placement {
  /** Pixels of the upright original. */
  readonly width: number;
  readonly height: number;
  readonly scaleX: number;
  readonly scaleY: number;
  readonly left: number;
  readonly top: number;
}

interface PlacedImage extends RgbImage {
  readonly placement: Placement;
}

/**
 * `decodeImage` for a part that has checked its params, knows the position of the input and leaves the pixels as they are:
 * those of an input that already is as wanted are not copied.
 */
export async function decode(input: unknown, params: CheckedDecodeParams, asker: Asker): Promise<RgbImage> {
  return open(input, params, asker, false);
}

/** `decode`, and where the picture then lies; a tenth of a millisecond dearer for a file. */
export async function decodePlaced(input: unknown, params: CheckedDecodeParams, asker: Asker): Promise<PlacedImage> {
  return (await open(input, params, asker, true)) as PlacedImage;
}

/** The placement is there if it was asked for. */
async function open(input: unknown, params: CheckedDecodeParams, asker: Asker, placed: boolean): Promise<RgbImage> {
  checkImage(input, asker);
  if (typeof input === "string" || input instanceof URL)
    return decodeBytes(await read(input, params.maxBytes, asker), params, { ...asker, file: input }, placed);
  if (types.isUint8Array(input)) return decodeBytes(input, params, asker, placed);
  if (isStream(input)) return decodeBytes(await readStream(input, params.maxBytes, asker), params, asker, placed);
  const { data, width, height, channels } = input;
  const bytes = types.isUint16Array(data) ? Uint8Array.from(data, (value) => value >> 8) : data;
  const frame = frameOf({ width, height }, params);
  const { size, cut, placement } = frame;
  if (channels !== 4 && !cut && (!size || (size.width === width && size.height === height)))
    return { ...rgb(bytes, width, height, channels), ...(placed && { placement }) };
  const raw = { width, height, channels };
  return run(bytes, { raw, limitInputPixels: false }, frame, params, asker, "raw picture");
}

function isStream(input: unknown): input is AsyncIterable<Uint8Array> {
  return typeof (input as AsyncIterable<unknown> | null)?.[Symbol.asyncIterator] === "function";
}

async function readStream(stream: AsyncIterable<Uint8Array>, maxBytes: number, asker: Asker): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of stream) {
      if (!types.isUint8Array(chunk)) reject(asker, `is a stream that gave ${show(chunk)}, want Uint8Array`);
      size += chunk.length;
      // Leaving the loop closes the stream.
      if (size > maxBytes) rejectSize(asker, `at least ${size}`, maxBytes);
      chunks.push(chunk);
    }
  } catch (cause) {
    if (MmubError.is(cause)) throw cause;
    reject(asker, `is a stream that cannot be read (${firstLine(cause)})`, cause);
  }
  return Buffer.concat(chunks, size);
}

interface Size {
  readonly width: number;
  readonly height: number;
}

interface Frame {
  /** What the whole picture is resized to, unless it stays as it is. */
  readonly size?: Size;
  /** What is then cut out or padded: where the top left of the frame lies in the resized picture, and its size. */
  readonly cut?: Size & { readonly left: number; readonly top: number };
  readonly placement?: Placement;
}

/** How a picture of a size comes into the wanted frame. */
function frameOf(own: Size, params: CheckedDecodeParams): Frame {
  const { fit, position, shortSide, atMost = Infinity, width: w, height: h } = params;
  const sized = (width: number, height: number, left = 0, top = 0, cut = false): Frame => ({
    size: { width, height },
    ...(cut && { cut: { left: -left, top: -top, width: w!, height: h! } }),
    placement: { ...own, scaleX: width / own.width, scaleY: height / own.height, left, top },
  });
  const rounded = (side: number) => Math.max(1, Math.round(side));
  if (w === undefined && h === undefined) return sized(Math.min(own.width, atMost), Math.min(own.height, atMost));
  if (w === undefined) return sized(rounded((own.width * h!) / own.height), h!);
  if (h === undefined) return sized(w, rounded((own.height * w) / own.width));
  if (fit === "fill") return sized(w, h);
  let [width, height] = [w, h];
  if (fit === "contain") {
    const scale = Math.min(w / own.width, h / own.height);
    width = Math.min(w, rounded(own.width * scale));
    height = Math.min(h, rounded(own.height * scale));
  } else if (shortSide !== undefined) {
    // torchvision's Resize cuts off the fraction of the longer side.
    const short = Math.min(own.width, own.height);
    width = Math.floor((own.width * shortSide) / short);
    height = Math.floor((own.height * shortSide) / short);
  } else {
    const scale = Math.max(w / own.width, h / own.height);
    width = Math.max(w, Math.floor(own.width * scale));
    height = Math.max(h, Math.floor(own.height * scale));
  }
  if (width === w && height === h) return sized(w, h);
  const offset = (frame: number, side: number) => {
    if (position === "top-left") return 0;
    return fit === "contain" ? Math.floor((frame - side) / 2) : -roundHalfToEven((side - frame) / 2);
  };
  return sized(width, height, offset(w, width), offset(h, height), true);
}

/** As Python rounds. */
function roundHalfToEven(value: number): number {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 === 1 ? rounded - 1 : rounded;
}

async function read(path: string | URL, maxBytes: number, asker: Asker): Promise<Uint8Array> {
  const name = JSON.stringify(String(path));
  try {
    const file = await stat(path);
    if (!file.isFile()) reject(asker, `is ${name}, which is no file`);
    if (file.size > maxBytes) rejectSize(asker, file.size, maxBytes);
    return await readFile(path);
  } catch (cause) {
    if (MmubError.is(cause)) throw cause;
    return reject(asker, `is ${name}, which cannot be read (${firstLine(cause)})`, cause);
  }
}

async function decodeBytes(
  bytes: Uint8Array,
  params: CheckedDecodeParams,
  asker: Asker,
  placed: boolean,
): Promise<RgbImage> {
  if (bytes.length === 0) reject(asker, `is empty, want the bytes of a ${formats}`);
  if (bytes.length > params.maxBytes) rejectSize(asker, bytes.length, params.maxBytes);
  // Only what is one of our formats by its first bytes reaches the native decoders.
  const format = formatOf(bytes);
  if (format === undefined) {
    const start = JSON.stringify(String.fromCharCode(...bytes.subarray(0, 12)));
    reject(asker, `begins with ${start}, want a ${formats}; render an SVG to one of them first`);
  }
  const { width, height, fit, failOn, maxPixels } = params;
  const options = { failOn, limitInputPixels: maxPixels, autoOrient: true } as const;
  // Where the frame does not depend on the size of the picture, its head need not be read first.
  const whole = width === undefined && height === undefined && params.atMost === undefined;
  const stretched = width !== undefined && height !== undefined && fit === "fill";
  const frame =
    placed || !(whole || stretched)
      ? frameOf(await header(bytes, options, params, asker, format), params)
      : stretched
        ? { size: { width, height } }
        : {};
  return run(bytes, options, frame, params, asker, format);
}

/** Pixels of the upright picture, from the head of the file. */
async function header(
  bytes: SharpInput,
  options: SharpOptions,
  { maxPixels }: CheckedDecodeParams,
  asker: Asker,
  format: string,
): Promise<Size> {
  const sharp = await sharpFor(asker);
  const { width, height, autoOrient } = await sharp(bytes, { ...options, limitInputPixels: false })
    .metadata()
    .catch((cause: unknown) => rejectDamage(asker, format, cause));
  if (width * height > maxPixels)
    reject(
      asker,
      `is a ${format} of ${width} x ${height} = ${width * height} pixels, want at most ${maxPixels}; scale it down, or raise maxPixels if you trust it`,
    );
  return autoOrient;
}

function formatOf(bytes: Uint8Array): string | undefined {
  const head = String.fromCharCode(...bytes.subarray(0, 64));
  if (head.startsWith("\xff\xd8\xff")) return "JPEG";
  if (head.startsWith("\x89PNG\r\n\x1a\n")) return "PNG";
  if (head.startsWith("GIF87a") || head.startsWith("GIF89a")) return "GIF";
  if (head.startsWith("RIFF") && head.startsWith("WEBP", 8)) return "WebP";
  if (["II*\0", "MM\0*", "II+\0", "MM\0+"].some((magic) => head.startsWith(magic))) return "TIFF";
  if (head.startsWith("ftyp", 4)) {
    const brands = head.slice(8, head.charCodeAt(2) * 256 + head.charCodeAt(3));
    if (brands.includes("avif") || brands.includes("avis")) return "AVIF";
  }
  return undefined;
}

type Sharp = typeof import("sharp").default;
type SharpInput = Uint8Array | Uint8ClampedArray;
type SharpOptions = NonNullable<Parameters<Sharp>[1]>;

let loaded: Sharp | undefined;

/** Imported once: where a loader stands between, such as tsx, each import costs a sixth of decoding a photo. */
async function sharpFor({ part }: Asker): Promise<Sharp> {
  loaded ??= (await library(part, "sharp", () => import("sharp"))).default;
  return loaded;
}

async function run(
  bytes: SharpInput,
  options: SharpOptions,
  { size, cut, placement }: Frame,
  params: CheckedDecodeParams,
  asker: Asker,
  format: string,
): Promise<RgbImage> {
  const sharp = await sharpFor(asker);
  const { kernel, background } = params;
  const [r, g, b] = background;
  const image = sharp(bytes, options).flatten({ background: { r, g, b } });
  const smaller = { fit: "fill", kernel, withoutEnlargement: kernel !== "nearest" } as const;
  if (size) image.resize(size.width, size.height, smaller);
  const { data, info } = await image
    .toColourspace("srgb")
    .raw({ depth: "uchar" })
    .toBuffer({ resolveWithObject: true })
    .catch(async (cause: unknown) => {
      // Too many pixels are told as such, of a file.
      if (!options.raw) await header(bytes, options, params, asker, format);
      return rejectDamage(asker, format, cause);
    });
  if (info.channels !== 1 && info.channels !== 3)
    reject(asker, `is a ${format} of ${info.channels} channels, want grey or colour`);
  let found = rgb(data, info.width, info.height, info.channels);
  if (size && kernel !== "nearest" && (info.width < size.width || info.height < size.height))
    found = { ...found, ...size, data: resample(found.data, 3, found, size, kernel) };
  return { ...(cut ? cutOut(found, cut, background) : found), ...(placement && { placement }) };
}

function cutOut(
  { data, width, height }: RgbImage,
  cut: NonNullable<Frame["cut"]>,
  background: readonly [number, number, number],
): RgbImage {
  const out = new Uint8Array(3 * cut.width * cut.height);
  if (cut.width > width || cut.height > height) for (let i = 0; i < out.length; i += 3) out.set(background, i);
  const [left, right] = [Math.max(0, cut.left), Math.min(width, cut.left + cut.width)];
  for (let y = Math.max(0, cut.top); y < Math.min(height, cut.top + cut.height); y++) {
    const row = data.subarray(3 * (y * width + left), 3 * (y * width + right));
    out.set(row, 3 * ((y - cut.top) * cut.width + left - cut.left));
  }
  return { data: out, width: cut.width, height: cut.height, channels: 3 };
}

function rejectDamage(asker: Asker, format: string, cause: unknown): never {
  reject(
    asker,
    `is a ${format} that cannot be decoded (${firstLine(cause)}); replace it, or give null for a missing picture`,
    cause,
  );
}

/** Keeps `data` where it is RGB already. */
function rgb(data: Uint8Array | Uint8ClampedArray, width: number, height: number, channels: 1 | 3): RgbImage {
  if (channels === 3)
    return { data: new Uint8Array(data.buffer, data.byteOffset, data.length), width, height, channels };
  const out = new Uint8Array(3 * data.length);
  for (let i = 0, at = 0; i < data.length; i++) {
    const grey = data[i]!;
    out[at++] = grey;
    out[at++] = grey;
    out[at++] = grey;
  }
  return { data: out, width, height, channels: 3 };
}

function reject({ part, index, file }: Asker, message: string, cause?: unknown): never {
  const subject = index === undefined ? "the picture" : `input ${index}`;
  const from = file === undefined ? "" : ` (${JSON.stringify(String(file))})`;
  throw new MmubError("invalid-input", {
    part,
    message: `${subject}${from} ${message}`,
    ...(index !== undefined && { index }),
    cause,
  });
}

function rejectSize(asker: Asker, bytes: number | string, maxBytes: number): never {
  reject(asker, `has ${bytes} bytes, want at most ${maxBytes}; scale it down, or raise maxBytes`);
}

function firstLine(cause: unknown): string {
  return cause instanceof Error ? cause.message.split("\n")[0]!.replace(/:\s*$/, "") : String(cause);
}
