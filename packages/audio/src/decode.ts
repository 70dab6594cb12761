import { library, MmubError, show } from "@mmub/core";
import { appended } from "./appended.js";
import { type Reject, readWav } from "./wav.js";

const part = "@mmub/audio/decodeAudio";

/** Decoded sound: one Float32Array a channel, values in [-1, 1]. */
export interface DecodedAudio {
  readonly samples: readonly Float32Array[];
  readonly sampleRateHz: number;
}

export interface DecodeAudioOptions {
  /** Takes what is there of a file that was cut off, and leaves out what is damaged, instead of rejecting it. @default false */
  readonly allowTruncated?: boolean;
  /** More samples than this, of all channels together, are refused before they fill the memory. @default 2 ** 28, 1 GiB; none of WAV, which is never much larger than its file */
  readonly maxSamples?: number;
}

/**
 * Decodes a WAV, MP3, FLAC, Ogg Vorbis or Ogg Opus file; which one it is, its first bytes say, not its name.
 *
 * WAV needs nothing else (see `decodeWav`). For MP3 install `mpg123-decoder`, for FLAC `@wasm-audio-decoders/flac`, for Ogg Vorbis
 * `@wasm-audio-decoders/ogg-vorbis`, for Ogg Opus `ogg-opus-decoder`: WebAssembly, loaded when the first such file comes; without
 * it that is `missing-library` with the command. Opus is always 48 kHz. The silence that an MP3 encoder adds in front and behind is cut
 * off where the file says how long it is.
 * Rejects (`invalid-input`) other formats, damaged files, those without sound, and FLAC and Ogg files that end too early; an MP3 file
 * does not say where it ends. Memory grows with what is decoded, never with what a header declares.
 * Cost: a minute of stereo in about 0.1 s.
 *
 * @example
 * const tone = Float32Array.from({ length: 800 }, (_, i) => 0.5 * Math.sin(i / 3));
 * const { samples, sampleRateHz } = await decodeAudio(encodeWav(tone, 8_000)); // 1 channel, 8000
 */
export async function decodeAudio(bytes: Uint8Array, options: DecodeAudioOptions = {}): Promise<DecodedAudio> {
  return readAudio(bytes, options, part, (problem) => {
    throw new MmubError("invalid-input", { part, message: problem });
  });
}

/** `decodeAudio` for a part that names itself and the input in its errors. */
export async function readAudio(
  bytes: Uint8Array,
  options: DecodeAudioOptions,
  part: string,
  reject: Reject,
): Promise<DecodedAudio> {
  if (!(bytes instanceof Uint8Array)) reject(`got ${show(bytes)}, want a Uint8Array with an audio file`);
  const { allowTruncated = false, maxSamples = 2 ** 28 } = options;
  const format = formatOf(bytes);
  const tooMany = (): never =>
    reject(
      `the file decodes to more than ${maxSamples} samples; read it in pieces with audioBlocks, or raise maxSamples`,
    );
  if (format === "wav") {
    const decoded = readWav(bytes, allowTruncated, reject);
    return decoded.samples.length * decoded.samples[0]!.length > (options.maxSamples ?? Number.POSITIVE_INFINITY)
      ? tooMany()
      : decoded;
  }
  if (format === undefined)
    return reject(
      `${bytes.length} bytes that start with ${show(String.fromCharCode(...bytes.subarray(0, 4)))} are no WAV, MP3, FLAC, Ogg Vorbis or Ogg Opus file; convert other formats first, for example with: ffmpeg -i in.m4a out.wav`,
    );

  const pieces: DecodedAudio[] = [];
  let total = 0;
  const decoder = await openDecoder(format, part, reject, allowTruncated);
  try {
    const take = (piece: DecodedAudio | undefined): void => {
      if (!piece) return;
      total += piece.samples.length * piece.samples[0]!.length;
      if (total > maxSamples) tooMany();
      pieces.push(piece);
    };
    for (let at = 0; at < bytes.length; at += pieceBytes) take(await decoder.push(bytes.subarray(at, at + pieceBytes)));
    take(await decoder.end());
  } finally {
    decoder.free();
  }
  return joined(pieces, format, reject);
}

/** Bytes that are decoded at a time: what they decode to is in memory before it can be counted. */
export const pieceBytes = 2 ** 14;

export type AudioFormat = "wav" | keyof typeof codecs;

/** What the first bytes of a file say it is. */
export function formatOf(bytes: Uint8Array): AudioFormat | undefined {
  const word = (at: number): string => String.fromCharCode(...bytes.subarray(at, at + 4));
  if (/^(RIFF|RF64)$/.test(word(0)) && word(8) === "WAVE") return "wav";
  if (word(0) === "fLaC") return "flac";
  if (word(0) === "OggS") {
    // The first page holds one packet, which names the codec; the page's header has a number for each of its segments.
    const packet = 27 + (bytes[26] ?? 0);
    if (word(packet) === "Opus") return "opus";
    if (bytes[packet] === 1 && word(packet + 1) === "vorb") return "vorbis";
    if (bytes[packet] === 0x7f && word(packet + 1) === "FLAC") return "flac";
    return undefined;
  }
  if (word(0).startsWith("ID3")) {
    // Some put such tags before FLAC; behind the tag, whose length has 7 bits a byte, stands what it is.
    const length = [6, 7, 8, 9].reduce((sum, at) => sum * 128 + ((bytes[at] ?? 0) & 127), 0);
    return word(10 + length) === "fLaC" ? "flac" : "mp3";
  }
  // A frame of MPEG audio: eleven bits set, a layer, and neither the bit rate nor the sample rate of a wrong kind.
  const [first, second, third] = [bytes[0] ?? 0, bytes[1] ?? 0, bytes[2] ?? 0];
  const frame = first === 0xff && (second & 0xe0) === 0xe0 && (second & 6) !== 0 && (second & 0x18) !== 8;
  return frame && third >> 4 !== 15 && (third & 12) !== 12 ? "mp3" : undefined;
}

interface Decoded {
  readonly channelData: readonly Float32Array[];
  readonly samplesDecoded: number;
  readonly sampleRate: number;
  /** Of FLAC. */
  readonly bitDepth?: number;
  readonly errors: readonly { readonly message: string }[];
}

/** What we use of each of the decoders' classes. */
interface WasmDecoder {
  readonly ready: Promise<void>;
  decode(bytes: Uint8Array): Decoded | Promise<Decoded>;
  flush?(): Decoded | Promise<Decoded>;
  free(): void;
}

const codecs = {
  mp3: {
    name: "MP3",
    package: "mpg123-decoder",
    open: async () => new (await import("mpg123-decoder")).MPEGDecoder() as WasmDecoder,
  },
  flac: {
    name: "FLAC",
    package: "@wasm-audio-decoders/flac",
    open: async () => new (await import("@wasm-audio-decoders/flac")).FLACDecoder() as WasmDecoder,
  },
  vorbis: {
    name: "Ogg Vorbis",
    package: "@wasm-audio-decoders/ogg-vorbis",
    open: async () => new (await import("@wasm-audio-decoders/ogg-vorbis")).OggVorbisDecoder() as WasmDecoder,
  },
  opus: {
    name: "Ogg Opus",
    package: "ogg-opus-decoder",
    open: async () => new (await import("ogg-opus-decoder")).OggOpusDecoder() as WasmDecoder,
  },
} as const;

export interface StreamDecoder {
  /** What these bytes, which follow those before, complete. */
  push(bytes: Uint8Array): Promise<DecodedAudio | undefined>;
  /** What is left at the end of the file. */
  end(): Promise<DecodedAudio | undefined>;
  free(): void;
}

/** A decoder of compressed bytes as they come. */
export async function openDecoder(
  format: keyof typeof codecs,
  part: string,
  reject: Reject,
  allowTruncated: boolean,
): Promise<StreamDecoder> {
  const codec = codecs[format];
  const decoder = await library(part, codec.package, codec.open);
  await decoder.ready;
  const end = endOf(format);
  let total = 0;
  const guarded = async (decode: () => Decoded | Promise<Decoded>): Promise<DecodedAudio | undefined> => {
    let decoded: Decoded;
    try {
      decoded = await decode();
    } catch (cause) {
      return reject(`the ${codec.name} file is damaged: its decoder failed (${(cause as Error)?.message ?? cause})`);
    }
    const [error] = decoded.errors;
    if (error && !allowTruncated)
      reject(
        `the ${codec.name} file is damaged (${error.message}); decodeAudio(bytes, { allowTruncated: true }) takes what can be read`,
      );
    const channels = end.mono?.() ? decoded.channelData.slice(0, 1) : decoded.channelData;
    const samples = channels.map((channel) => channel.subarray(0, decoded.samplesDecoded));
    if (samples.length === 0 || decoded.samplesDecoded === 0) return undefined;
    if (format === "flac") for (const channel of samples) rescale(channel, decoded.bitDepth ?? 16);
    total += decoded.samplesDecoded;
    return { samples, sampleRateHz: decoded.sampleRate };
  };
  // The last page of Opus says how many samples there are; more are decoded, up to a packet of 120 ms.
  let held: DecodedAudio | undefined;
  const hold = (piece: DecodedAudio | undefined): DecodedAudio | undefined => {
    if (format !== "opus" || !piece) return piece;
    const [out, rest] = [held, piece];
    held = rest;
    if (!out || out.samples.length !== rest.samples.length) return out;
    const length = out.samples[0]!.length;
    const kept = Math.min(length, Math.max(0, longestPacket - rest.samples[0]!.length));
    held = {
      ...rest,
      samples: rest.samples.map((channel, i) => appended(out.samples[i]!.subarray(length - kept), channel)),
    };
    return kept === length
      ? undefined
      : { ...out, samples: out.samples.map((channel) => channel.subarray(0, length - kept)) };
  };
  return {
    async push(bytes) {
      end.push(bytes);
      return hold(await guarded(() => decoder.decode(bytes)));
    },
    async end() {
      const rest = decoder.flush ? await guarded(() => decoder.flush!()) : undefined;
      const lack = end.lack(total);
      if (lack && !allowTruncated)
        reject(
          `${lack}; the file was cut off: get it whole, or take what is there with decodeAudio(bytes, { allowTruncated: true })`,
        );
      if (format !== "opus") return rest;
      const [before, last] = [hold(rest), held];
      if (!last) return undefined;
      const extra = Math.max(0, total - (end.length?.() ?? total));
      const samples = last.samples.map((channel, i) =>
        appended(before?.samples[i] ?? empty, channel.subarray(0, Math.max(0, channel.length - extra))),
      );
      return samples[0]!.length > 0 ? { ...last, samples } : undefined;
    },
    free() {
      try {
        decoder.free();
      } catch {
        // A damaged file may have broken the decoder's memory, which is its own and goes with it.
      }
    },
  };
}

interface End {
  push(bytes: Uint8Array): void;
  /** What is missing, once everything was pushed. */
  lack(decoded: number): string | undefined;
  /** Of Opus: how many samples the last page declares. */
  length?(): number | undefined;
  /** Of MP3, which is decoded to two channels always. */
  mono?(): boolean;
}

const longestPacket = 5760;
const empty = new Float32Array(0);

/** The decoder takes the largest integer for 1; here, as for WAV, the lowest is -1. */
function rescale(channel: Float32Array, bits: number): void {
  const top = 2 ** (bits - 1);
  for (let i = 0; i < channel.length; i++) channel[i] = Math.round(channel[i]! * (top - 1)) / top;
}

/** Finds out whether all of a file was there. */
function endOf(format: keyof typeof codecs): End {
  if (format === "mp3") return mp3Head();
  if (format === "flac") {
    // Its first block declares how many samples there are, or 0.
    let head = new Uint8Array(0);
    return {
      push(bytes) {
        if (head.length < 26) head = Uint8Array.from([...head, ...bytes.subarray(0, 26 - head.length)]);
      },
      lack(decoded) {
        if (head[0] !== 0x66 || head.length < 26) return undefined;
        const declared = (head[21]! & 15) * 2 ** 32 + new DataView(head.buffer).getUint32(22);
        return declared > decoded ? `the header declares ${declared} samples, only ${decoded} follow` : undefined;
      },
    };
  }
  return oggEnd();
}

/** An MP3 file has no end of its own. Its first frame, behind a tag, says whether there is one channel. */
function mp3Head(): End {
  let [head, skipped, wanted] = [new Uint8Array(0), 0, 0];
  const take = (bytes: Uint8Array): void => {
    const from = Math.max(0, Math.min(bytes.length, wanted - skipped));
    skipped += from;
    head = Uint8Array.from([...head, ...bytes.subarray(from, from + 10 - head.length)]);
    if (wanted > 0 || head.length < 10 || String.fromCharCode(...head.subarray(0, 3)) !== "ID3") return;
    wanted = [6, 7, 8, 9].reduce((sum, at) => sum * 128 + (head[at]! & 127), 0);
    head = new Uint8Array(0);
    take(bytes.subarray(from + 10));
  };
  return {
    push(bytes) {
      if (head.length < 10) take(bytes);
    },
    lack: () => undefined,
    mono: () => formatOf(head) === "mp3" && head[0] === 0xff && head[3]! >> 6 === 3,
  };
}

/** The last page of an Ogg stream is marked, and has the number of the last sample. */
function oggEnd(): End {
  // The last 128 KiB hold a whole page, the first 64 bytes the head of Opus.
  let [head, tail] = [new Uint8Array(0), new Uint8Array(0)];
  /** The last page that is there whole. */
  const lastPage = (): number | undefined => {
    for (let at = tail.length - 27; at >= 0; at--)
      if (tail[at] === 0x4f && tail[at + 1] === 0x67 && tail[at + 2] === 0x67 && tail[at + 3] === 0x53) {
        const segments = tail[at + 26]!;
        const body = tail.subarray(at + 27, at + 27 + segments).reduce((sum, length) => sum + length, 0);
        return at + 27 + segments + body <= tail.length ? at : undefined;
      }
    return undefined;
  };
  return {
    push(bytes) {
      if (head.length < 64) head = Uint8Array.from([...head, ...bytes.subarray(0, 64 - head.length)]);
      tail = appended(tail, bytes).slice(-(2 ** 17));
    },
    lack() {
      const page = lastPage();
      const marked = page !== undefined && (tail[page + 5]! & 4) !== 0;
      return marked ? undefined : "the last page of the Ogg stream is missing";
    },
    length() {
      const page = lastPage();
      const first = 27 + head[26]!;
      if (page === undefined || (tail[page + 5]! & 4) === 0 || first + 12 > head.length) return undefined;
      const position = Number(new DataView(tail.buffer, tail.byteOffset).getBigInt64(page + 6, true));
      const skipped = head[first + 10]! | (head[first + 11]! << 8);
      return position > skipped ? position - skipped : undefined;
    },
  };
}

function joined(pieces: readonly DecodedAudio[], format: keyof typeof codecs, reject: Reject): DecodedAudio {
  const [first] = pieces;
  if (!first) return reject(`the ${codecs[format].name} file holds no sound`);
  const length = pieces.reduce((sum, { samples }) => sum + samples[0]!.length, 0);
  const out = first.samples.map(() => new Float32Array(length));
  let at = 0;
  for (const piece of pieces) {
    checkSame(first, piece, reject);
    for (const [channel, values] of piece.samples.entries()) out[channel]!.set(values, at);
    at += piece.samples[0]!.length;
  }
  return { samples: out, sampleRateHz: first.sampleRateHz };
}

/** A file may change its mind half-way, as some joined MP3 files do. */
export function checkSame(first: DecodedAudio, piece: DecodedAudio, reject: Reject): void {
  if (piece.samples.length !== first.samples.length || piece.sampleRateHz !== first.sampleRateHz)
    reject(
      `the file changes from ${first.samples.length} channels at ${first.sampleRateHz} Hz to ${piece.samples.length} at ${piece.sampleRateHz} Hz; split it there`,
    );
}
