import { mediaType } from "./sample-card.js";

/** Twice what a card shows, for fine screens. */
const pixels = 448;
/** How much of a recording a page plays. */
export const clipSeconds = 10;

/**
 * A picture as small as a card needs it, by sharp. It stays as it is where it is small already, where sharp is not installed, and where
 * sharp cannot read it.
 */
export async function smallPicture(bytes: Uint8Array): Promise<Uint8Array> {
  if (bytes.length < 30_000) return bytes;
  try {
    const small = await (await shrunk(bytes, pixels)).jpeg({ quality: 78 }).toBuffer();
    return small.length < bytes.length ? small : bytes;
  } catch {
    return bytes;
  }
}

/** A picture upright, on white and of at most so many pixels a side; throws where sharp is not installed. */
export async function shrunk(bytes: Uint8Array, pixels: number): Promise<Image> {
  const { default: sharp } = (await import("sharp")) as unknown as { readonly default: Sharp };
  return sharp(bytes)
    .rotate()
    .resize({ width: pixels, height: pixels, fit: "inside", withoutEnlargement: true })
    .flatten({ background: "#ffffff" });
}

/** What we call of sharp. */
type Sharp = (bytes: Uint8Array) => Image;
interface Image {
  rotate(): Image;
  resize(options: object): Image;
  flatten(options: object): Image;
  toColourspace(name: string): Image;
  jpeg(options: object): Image;
  raw(): Image;
  toBuffer(): Promise<Uint8Array>;
  toBuffer(options: { readonly resolveWithObject: true }): Promise<{
    readonly data: Uint8Array;
    readonly info: { readonly width: number; readonly height: number; readonly channels: 1 | 3 | 4 };
  }>;
}

/**
 * A WAV of 16-bit samples as one channel of at most 16 kHz, its first 10 s, in the 8 bits of G.711 mu-law, which every browser plays.
 * Any other recording stays as it is.
 */
export function smallClip(bytes: Uint8Array): Uint8Array {
  const wav = mediaType(bytes) === "audio/wav" && bytes.length > 30_000 ? pcm(bytes) : undefined;
  if (!wav) return bytes;
  const { at, view, frames, channels, rate } = wav;
  const step = Math.ceil(rate / 16_000);
  const length = Math.min(Math.floor(frames / step), Math.floor((clipSeconds * rate) / step));
  const out = Buffer.alloc(46 + length);
  out.write("RIFF", 0, "latin1");
  out.writeUInt32LE(38 + length, 4);
  out.write("WAVEfmt ", 8, "latin1");
  out.writeUInt32LE(18, 16);
  out.writeUInt16LE(7, 20);
  out.writeUInt16LE(1, 22);
  out.writeUInt32LE(Math.round(rate / step), 24);
  out.writeUInt32LE(Math.round(rate / step), 28);
  out.writeUInt16LE(1, 32);
  out.writeUInt16LE(8, 34);
  out.write("data", 38, "latin1");
  out.writeUInt32LE(length, 42);
  for (let i = 0; i < length; i++) {
    // The mean of what falls into one new sample keeps the worst of the high tones out.
    let sum = 0;
    for (let k = 0; k < step; k++) sum += view.getInt16(at + 2 * channels * (i * step + k), true);
    out[46 + i] = muLaw(Math.round(sum / step));
  }
  return out;
}

/** Where the samples of a WAV of 16-bit PCM are. */
export function pcm(bytes: Uint8Array) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let format: { channels: number; rate: number } | undefined;
  for (let at = 12; at + 8 <= bytes.length; ) {
    const id = Buffer.from(bytes.subarray(at, at + 4)).toString("latin1");
    const size = Math.min(view.getUint32(at + 4, true), bytes.length - at - 8);
    const body = at + 8;
    if (id === "fmt " && size >= 16) {
      if (view.getUint16(body, true) !== 1 || view.getUint16(body + 14, true) !== 16) return undefined;
      format = { channels: view.getUint16(body + 2, true), rate: view.getUint32(body + 4, true) };
    } else if (id === "data" && format)
      return { at: body, view, frames: Math.floor(size / (2 * format.channels)), ...format };
    at = body + size + (size % 2);
  }
  return undefined;
}

/** Source: ITU-T G.711, as in the public reference code: a bias of 33 in 14 bits, 8 segments of 16 steps. */
function muLaw(sample: number): number {
  const sign = sample < 0 ? 0x80 : 0;
  const size = Math.min(32_635, Math.abs(sample)) + 132;
  const exponent = 31 - Math.clz32(size) - 7;
  const mantissa = (size >> (exponent + 3)) & 0x0f;
  return ~(sign | (exponent << 4) | mantissa) & 0xff;
}
