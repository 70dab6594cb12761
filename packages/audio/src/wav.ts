import { checkParam, MmubError, show } from "@mmub/core";
import { appended } from "./appended.js";
import { inRoom } from "./room.js";

const part = "@mmub/audio/wav";

/** Sound as numbers: samples in [-1, 1] by custom, one array for a mono recording or one array a channel. */
export interface Waveform {
  readonly samples: Float32Array | readonly Float32Array[];
  readonly sampleRateHz: number;
}

export interface DecodeWavOptions {
  /** Take what is there of a file that ends before its header says. @default false */
  readonly allowTruncated?: boolean;
}

/**
 * Decodes a WAV file: PCM of 8 to 32 bits, float of 32 and 64 bits, A-law and mu-law, also as WAVE_FORMAT_EXTENSIBLE, and
 * RF64; any number of channels.
 *
 * Output: one Float32Array a channel. Integers are scaled by their full range to [-1, 1); floats are as stored.
 * Chunks other than `fmt ` and `data` are skipped. A `data` length of 0xFFFFFFFF, 0x7FFFF000 or, where no other chunk
 * follows, 0 is that of a stream and means the rest of the file. A last frame that is cut is dropped.
 * Rejects (`invalid-input`) what is no WAV file, a broken header, other codecs, and a file that ends before its header says
 * unless `allowTruncated`. Memory follows the length of `bytes`, never what a header claims. Cost: one pass.
 * Source: Microsoft, "Multiple channel audio data and WAVE files" (2001); ITU-T G.711; EBU Tech 3306 (RF64).
 *
 * @example
 * const tone = Float32Array.from({ length: 800 }, (_, i) => 0.5 * Math.sin(i / 3));
 * const { samples, sampleRateHz } = decodeWav(encodeWav(tone, 8_000)); // samples.length 1 channel, 8000
 */
export function decodeWav(
  bytes: Uint8Array,
  { allowTruncated = false }: DecodeWavOptions = {},
): { readonly samples: readonly Float32Array[]; readonly sampleRateHz: number } {
  return readWav(bytes, allowTruncated, (problem) => {
    throw new MmubError("invalid-input", { part, message: problem });
  });
}

/** How the caller of `readWav` throws: it knows which part and which input the bytes are of. */
export type Reject = (problem: string) => never;

/** `decodeWav` for a part that names itself and the input in its errors. */
export function readWav(
  bytes: Uint8Array,
  allowTruncated: boolean,
  reject: Reject,
): { readonly samples: readonly Float32Array[]; readonly sampleRateHz: number } {
  if (!(bytes instanceof Uint8Array)) reject(`got ${show(bytes)}, want a Uint8Array with a WAV file`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = bytes.length >= 12 ? `${ascii(bytes, 0)}${ascii(bytes, 8)}` : "";
  if (!/^(RIFF|RF64)WAVE$/.test(magic))
    reject(
      `${bytes.length} bytes that start with ${show(ascii(bytes, 0))} are no WAV file (RIFF … WAVE); decodeAudio takes other formats too, or convert it first, for example with: ffmpeg -i in.mp3 out.wav`,
    );

  let format: Format | undefined;
  let longDataLength: number | undefined;
  // A chunk is a name of four letters, a length and that many bytes, padded to an even length.
  for (let at = 12; at + 8 <= bytes.length; ) {
    const name = ascii(bytes, at);
    const declared = view.getUint32(at + 4, true);
    const start = at + 8;
    const remaining = bytes.length - start;
    if (name === "data") {
      if (!format) reject(`the data chunk at byte ${at} comes before any fmt chunk, which says how to read it`);
      const length = dataLength(bytes, start, longDataLength ?? declared);
      if (length > remaining && !allowTruncated)
        reject(
          `the header declares ${length} bytes of samples, only ${remaining} follow; the file was cut off: get it whole, or take what is there with decodeWav(bytes, { allowTruncated: true })`,
        );
      return { samples: decode(bytes, start, Math.min(length, remaining), format), sampleRateHz: format.sampleRateHz };
    }
    if (declared > remaining)
      reject(`the ${show(name)} chunk at byte ${at} declares ${declared} bytes, only ${remaining} follow`);
    if (name === "fmt ") format = readFormat(view, start, declared, reject);
    // RF64 keeps lengths that need 64 bits in a chunk of their own.
    if (name === "ds64" && declared >= 16) longDataLength = Number(view.getBigUint64(start + 8, true));
    at = start + declared + (declared % 2);
  }
  return reject(`no data chunk in ${bytes.length} bytes; the file was cut off or is damaged`);
}

/** Decodes a WAV file piece by piece. */
export function wavReader(allowTruncated: boolean, reject: Reject) {
  let format: Format | undefined;
  /** What is not decoded yet: of the header, or a part of a frame. */
  let rest = new Uint8Array(0);
  /** Bytes of samples still to come. */
  let left = 0;
  let declared = 0;

  /** Reads the header, once all of it is in `rest`; the place of the first sample. */
  const header = (): number | undefined => {
    const view = new DataView(rest.buffer, rest.byteOffset, rest.byteLength);
    let found: Format | undefined;
    let longDataLength: number | undefined;
    for (let at = 12; at + 8 <= rest.length; ) {
      const name = ascii(rest, at);
      const length = view.getUint32(at + 4, true);
      const start = at + 8;
      if (name === "data") {
        format = found ?? reject(`the data chunk at byte ${at} comes before any fmt chunk, which says how to read it`);
        const open = length === 0xffffffff || length === 0x7ffff000 || length === 0;
        left = longDataLength ?? (open ? Number.POSITIVE_INFINITY : length);
        declared = left;
        return start;
      }
      if (start + Math.min(length, longestHeader) > rest.length) break;
      if (name === "fmt ") found = readFormat(view, start, length, reject);
      if (name === "ds64" && length >= 16) longDataLength = Number(view.getBigUint64(start + 8, true));
      at = start + length + (length % 2);
    }
    if (rest.length > longestHeader) reject(`no data chunk in the first ${longestHeader} bytes; the file is damaged`);
    return undefined;
  };

  return {
    /** If `bytes`, the start of the file, hold the header: where to go on reading for the sample at this time. */
    skip(bytes: Uint8Array, seconds: number): { readonly byte: number; readonly sample: number } | undefined {
      rest = bytes.slice();
      const start = header();
      rest = new Uint8Array(0);
      if (start === undefined || !format) return undefined;
      const stride = format.channels * format.width;
      const sample = Math.min(Math.round(seconds * format.sampleRateHz), Math.floor(left / stride));
      left -= sample * stride;
      return { byte: start + sample * stride, sample };
    },
    push(bytes: Uint8Array): { readonly samples: Float32Array[]; readonly sampleRateHz: number } | undefined {
      rest = appended(rest, bytes);
      if (!format) {
        const start = header();
        if (start === undefined || !format) return undefined;
        rest = rest.slice(start);
      }
      const stride = format.channels * format.width;
      const whole = Math.floor(Math.min(rest.length, left) / stride) * stride;
      if (whole === 0) return undefined;
      const samples = decode(rest, 0, whole, format);
      rest = rest.slice(whole);
      left -= whole;
      return { samples, sampleRateHz: format.sampleRateHz };
    },
    /** Whether all samples were read; what follows are other chunks. */
    done: (): boolean => format !== undefined && left < format.channels * format.width,
    end(): void {
      if (!format) reject("no data chunk; the file was cut off or is damaged");
      if (!allowTruncated && left !== Number.POSITIVE_INFINITY && left >= format!.channels * format!.width)
        reject(
          `the header declares ${declared} bytes of samples, ${left} of them are missing; the file was cut off: get it whole, or take what is there with allowTruncated: true`,
        );
    },
  };
}

/** A header with more than this before its samples is not read. */
const longestHeader = 2 ** 22;

/** The bytes that the data chunk at `start` has: what it declares, or the rest of the file if it was written to a stream. */
function dataLength(bytes: Uint8Array, start: number, declared: number): number {
  const rest = bytes.length - start;
  // What ffmpeg and SoX write where they cannot seek back to fill in the length.
  if (declared === 0xffffffff || declared === 0x7ffff000) return rest;
  return declared === 0 && !chunksToTheEnd(bytes, start) ? rest : declared;
}

// Whether whole chunks, and nothing else, stand between `at` and the end: then a length of 0 before them means no samples.
function chunksToTheEnd(bytes: Uint8Array, at: number): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  while (at + 8 <= bytes.length) {
    const length = view.getUint32(at + 4, true);
    at += 8 + length + (length % 2);
  }
  return at === bytes.length || at === bytes.length + 1;
}

type Encoding = "unsigned" | "signed" | "float" | "table";

interface Format {
  readonly encoding: Encoding;
  readonly channels: number;
  readonly sampleRateHz: number;
  /** Bytes of one sample of one channel. */
  readonly width: number;
  readonly table?: Float32Array;
}

const codecs: Readonly<Record<number, string>> = {
  2: "Microsoft ADPCM",
  17: "IMA ADPCM",
  49: "GSM 6.10",
  80: "MPEG",
  85: "MP3",
  255: "AAC",
};

function readFormat(view: DataView, start: number, length: number, reject: Reject): Format {
  if (length < 16) reject(`the fmt chunk has ${length} bytes, want at least 16`);
  let tag = view.getUint16(start, true);
  const channels = view.getUint16(start + 2, true);
  const sampleRateHz = view.getUint32(start + 4, true);
  const frameBytes = view.getUint16(start + 12, true);
  const bits = view.getUint16(start + 14, true);
  if (tag === 0xfffe) {
    if (length < 40) reject(`the extensible fmt chunk has ${length} bytes, want at least 40`);
    // The format is the head of a GUID whose tail is the same for all of them.
    tag = view.getUint16(start + 24, true);
    const tail = [
      view.getUint16(start + 26, true),
      view.getUint32(start + 28, true),
      view.getUint32(start + 32, false),
    ];
    if (
      tail[0] !== 0 ||
      tail[1] !== 0x00100000 ||
      tail[2] !== 0x800000aa ||
      view.getUint32(start + 36, false) !== 0x00389b71
    )
      reject("the extensible fmt chunk names an unknown sub-format, want PCM, float, A-law or mu-law");
  }
  if (channels === 0) reject("the fmt chunk declares 0 channels");
  if (sampleRateHz === 0) reject("the fmt chunk declares a sample rate of 0 Hz");

  const width = Math.ceil(bits / 8);
  const common = { channels, sampleRateHz, width };
  const good =
    (tag === 1 && bits >= 1 && bits <= 32) ||
    (tag === 3 && (bits === 32 || bits === 64)) ||
    ((tag === 6 || tag === 7) && bits === 8);
  if (!good) {
    const known = { 1: "PCM", 3: "float", 6: "A-law", 7: "mu-law", ...codecs }[tag];
    reject(
      `${bits} bits of ${known ?? "format"} (tag ${tag}), want PCM of 8 to 32 bits, float of 32 or 64, A-law or mu-law; convert it first, for example with: ffmpeg -i in.wav -c:a pcm_s16le out.wav`,
    );
  }
  if (frameBytes !== channels * width)
    reject(`the fmt chunk declares ${frameBytes} bytes for ${channels} x ${bits} bits, want ${channels * width}`);
  if (tag === 1) return { ...common, encoding: width === 1 ? "unsigned" : "signed" };
  if (tag === 3) return { ...common, encoding: "float" };
  return { ...common, encoding: "table", table: tag === 6 ? aLaw() : muLaw() };
}

function decode(bytes: Uint8Array, start: number, length: number, format: Format): Float32Array[] {
  const { channels, width } = format;
  const stride = channels * width;
  const frames = Math.floor(length / stride);
  return Array.from({ length: channels }, (_, channel) => {
    const out = new Float32Array(frames);
    decodeChannel(bytes, start + channel * width, stride, format, out);
    return out;
  });
}

function decodeChannel(b: Uint8Array, start: number, stride: number, format: Format, out: Float32Array): void {
  const { encoding, width, table } = format;
  const end = out.length;
  let at = start;
  if (encoding === "float") {
    const view = new DataView(b.buffer, b.byteOffset, b.byteLength);
    if (width === 4) for (let i = 0; i < end; i++, at += stride) out[i] = view.getFloat32(at, true);
    else for (let i = 0; i < end; i++, at += stride) out[i] = view.getFloat64(at, true);
  } else if (table) for (let i = 0; i < end; i++, at += stride) out[i] = table[b[at]!]!;
  else if (encoding === "unsigned") for (let i = 0; i < end; i++, at += stride) out[i] = (b[at]! - 128) / 2 ** 7;
  // The bytes are shifted to the top of 32 bits, where the sign is.
  else if (width === 2)
    for (let i = 0; i < end; i++, at += stride) out[i] = ((b[at]! << 16) | (b[at + 1]! << 24)) / 2 ** 31;
  else if (width === 3)
    for (let i = 0; i < end; i++, at += stride)
      out[i] = ((b[at]! << 8) | (b[at + 1]! << 16) | (b[at + 2]! << 24)) / 2 ** 31;
  else
    for (let i = 0; i < end; i++, at += stride)
      out[i] = (b[at]! | (b[at + 1]! << 8) | (b[at + 2]! << 16) | (b[at + 3]! << 24)) / 2 ** 31;
}

function aLaw(): Float32Array {
  return Float32Array.from({ length: 256 }, (_, byte) => {
    const code = byte ^ 0x55;
    const exponent = (code >> 4) & 7;
    const mantissa = ((code & 15) << 4) + 8;
    const size = exponent === 0 ? mantissa : (mantissa + 0x100) << (exponent - 1);
    return (code & 0x80 ? size : -size) / 2 ** 15;
  });
}

function muLaw(): Float32Array {
  return Float32Array.from({ length: 256 }, (_, byte) => {
    const code = ~byte & 0xff;
    const size = ((((code & 15) << 3) + 0x84) << ((code >> 4) & 7)) - 0x84;
    return (code & 0x80 ? 0 - size : size) / 2 ** 15;
  });
}

function ascii(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + 4));
}

export interface EncodeWavOptions {
  /** 16: integers, values outside of [-1, 1) clipped. 32: floats, as they are. @default 16 */
  readonly bitDepth?: 16 | 32;
}

/**
 * Samples as a WAV file: `samples` is one Float32Array for mono or one of equal length a channel.
 *
 * Rejects NaN and infinities, channels of unequal length, and more than 4 GiB. `decodeWav` of 32 bits gives the same samples
 * back, of 16 bits each within 1/65536. Cost: one pass.
 *
 * @example
 * const tone = Float32Array.from({ length: 16_000 }, (_, i) => 0.5 * Math.sin((2 * Math.PI * 440 * i) / 16_000));
 * const bytes = encodeWav(tone, 16_000); // 44 + 32000 bytes
 */
export function encodeWav(
  samples: Float32Array | readonly Float32Array[],
  sampleRateHz: number,
  { bitDepth = 16 }: EncodeWavOptions = {},
): Uint8Array {
  checkParam(part, "bitDepth", bitDepth, bitDepth === 16 || bitDepth === 32, "16 or 32");
  checkParam(
    part,
    "sampleRateHz",
    sampleRateHz,
    Number.isInteger(sampleRateHz) && sampleRateHz > 0 && sampleRateHz < 2 ** 32,
    "a positive integer",
  );
  const channels = channelsOf(samples, (problem) => {
    throw new MmubError("invalid-input", { part, message: problem });
  });
  const width = bitDepth / 8;
  const frameBytes = channels.length * width;
  const dataBytes = channels[0]!.length * frameBytes;
  if (dataBytes > 0xffffffff - 64 || channels.length > 0xffff)
    throw new MmubError("invalid-input", {
      part,
      message: `${channels.length} channels and ${dataBytes} bytes of samples are more than a WAV file holds (65535 channels, 4 GiB); split the recording`,
    });
  const bytes = new Uint8Array(44 + dataBytes);
  const view = new DataView(bytes.buffer);
  const word = (at: number, text: string): void => {
    for (let i = 0; i < 4; i++) bytes[at + i] = text.charCodeAt(i);
  };
  word(0, "RIFF");
  view.setUint32(4, 36 + dataBytes, true);
  word(8, "WAVE");
  word(12, "fmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, bitDepth === 16 ? 1 : 3, true);
  view.setUint16(22, channels.length, true);
  view.setUint32(24, sampleRateHz, true);
  view.setUint32(28, (sampleRateHz * frameBytes) % 2 ** 32, true);
  view.setUint16(32, frameBytes % 2 ** 16, true);
  view.setUint16(34, bitDepth, true);
  word(36, "data");
  view.setUint32(40, dataBytes, true);
  for (const [channel, values] of channels.entries())
    for (let i = 0, at = 44 + channel * width; i < values.length; i++, at += frameBytes) {
      const value = values[i]!;
      if (bitDepth === 32) view.setFloat32(at, value, true);
      else view.setInt16(at, Math.max(-32768, Math.min(32767, Math.round(value * 32768))), true);
    }
  return bytes;
}

/** The loudest sample that is taken for sound; the power of a frame stays within what a float32 can hold. */
const loudest = 1e12;

/** A recording of which the caller wants samples and rate; rejects what is none. */
export function waveformChecked(waveform: Waveform, reject: Reject): Waveform {
  if (typeof waveform !== "object" || waveform === null || !("samples" in waveform))
    reject(`the recording is ${show(waveform)}, want { samples, sampleRateHz }; decodeAudio makes one of a file`);
  return waveform;
}

/** The channels of `samples`, of equal length and finite; rejects anything else. */
export function channelsOf(samples: Waveform["samples"], reject: Reject): readonly Float32Array[] {
  const channels: readonly Float32Array[] = samples instanceof Float32Array ? [samples] : samples;
  if (!Array.isArray(channels) || channels.length === 0 || !channels.every((each) => each instanceof Float32Array))
    reject(
      `samples are ${show(Array.isArray(channels) && channels.length > 0 ? channels[0] : samples)}, want a Float32Array with values in [-1, 1], or an array of one a channel; divide 16-bit integers by 32768`,
    );
  for (const [channel, values] of channels.entries()) {
    if (values.length !== channels[0]!.length)
      reject(`channel ${channel} has ${values.length} samples, want ${channels[0]!.length} as channel 0`);
    const bad = firstBad(values);
    if (bad !== undefined)
      reject(
        `sample ${bad}${channels.length > 1 ? ` of channel ${channel}` : ""} is ${values[bad]}, want a finite number up to 1e12, within [-1, 1] by custom`,
      );
  }
  return channels;
}

/** The first sample that is not finite or louder than `loudest`. */
export function firstBad(values: Float32Array): number | undefined {
  // The squares of a good block hardly ever sum up to more than the square of the loudest; where they do, or to NaN, it is looked through.
  let before = 0;
  for (const { kernels, copy } of inRoom(values)) {
    if (!(kernels.sumOfSquares(copy) <= loudest ** 2)) {
      const at = copy.findIndex((value) => !(Math.abs(value) <= loudest));
      if (at >= 0) return before + at;
    }
    before += copy.length;
  }
  return undefined;
}
