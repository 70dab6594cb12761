import { createReadStream } from "node:fs";
import { checkParam, MmubError, show } from "@mmub/core";
import { appended } from "./appended.js";
import { sampleRates } from "./audio-input.js";
import { checkSame, type DecodedAudio, formatOf, openDecoder, pieceBytes } from "./decode.js";
import { resampler } from "./resampler.js";
import { type Reject, wavReader } from "./wav.js";

const part = "@mmub/audio/audioBlocks";

/** A path, a `file:` URL, bytes, or bytes as they come: a Node stream, the body of a response, any (async) iterable. */
export type AudioSource = string | URL | Uint8Array | AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

export interface AudioBlocksOptions {
  /** The rate of the blocks, in Hz. @default the file's own */
  readonly sampleRateHz?: number;
  /** Where the clip begins, in seconds. @default 0 */
  readonly fromSeconds?: number;
  /** Where it ends, in seconds. @default the end of the recording */
  readonly toSeconds?: number;
  /** Takes what is there of a file that was cut off, instead of rejecting it at its end. @default false */
  readonly allowTruncated?: boolean;
  readonly signal?: AbortSignal;
}

/** Some mono samples of a recording, and their rate. */
export interface AudioBlock {
  readonly samples: Float32Array;
  readonly sampleRateHz: number;
}

/**
 * Reads a recording of any length block by block, in memory that does not grow with it: mono, resampled, or a clip from the middle of it
 * by time. All that `decodeAudio` takes. Of a WAV file by path only the clip is read; other formats are decoded up to its end.
 *
 * Yields blocks of up to some ten thousand samples, one after the other: the samples of the whole, decoded, averaged over channels and
 * resampled, from `round(fromSeconds * rate)` on, at the file's rate, before resampling. A clip that begins behind the end has no block.
 * Rejects as `decodeAudio`, when it comes to what is wrong; blocks before that were right.
 * Cost: decoding and resampling, see there.
 *
 * @example
 * const tone = Float32Array.from({ length: 80_000 }, (_, i) => 0.5 * Math.sin(i / 3));
 * const file = encodeWav(tone, 8_000); // or a path
 * let samples = 0;
 * for await (const block of audioBlocks(file, { fromSeconds: 2, toSeconds: 3 })) samples += block.samples.length;
 * console.log(samples); // 8000
 */
export async function* audioBlocks(
  source: AudioSource,
  options: AudioBlocksOptions = {},
): AsyncGenerator<AudioBlock, void, undefined> {
  const { sampleRateHz, fromSeconds = 0, toSeconds = Number.POSITIVE_INFINITY } = options;
  if (sampleRateHz !== undefined) checkRate("sampleRateHz", sampleRateHz);
  checkParam(part, "fromSeconds", fromSeconds, fromSeconds >= 0 && Number.isFinite(fromSeconds), "a number from 0");
  checkParam(part, "toSeconds", toSeconds, toSeconds >= fromSeconds, `a number from fromSeconds, ${fromSeconds}`);
  const reject: Reject = (problem) => {
    throw new MmubError("invalid-input", { part, message: problem });
  };
  let resample: ReturnType<ReturnType<typeof resampler>["stream"]> | undefined;
  let rate = 0;
  for await (const block of clipped(source, options, fromSeconds, toSeconds, reject)) {
    options.signal?.throwIfAborted();
    rate = sampleRateHz ?? block.sampleRateHz;
    if (block.sampleRateHz === rate) yield block;
    else {
      resample ??= resampler({ fromHz: block.sampleRateHz, toHz: rate }).stream();
      const samples = resample.push(block.samples);
      if (samples.length > 0) yield { samples, sampleRateHz: rate };
    }
  }
  const samples = resample?.end();
  if (samples && samples.length > 0) yield { samples, sampleRateHz: rate };
}

function checkRate(name: string, rate: number): void {
  const { from, to } = sampleRates;
  checkParam(
    part,
    name,
    rate,
    Number.isInteger(rate) && rate >= from && rate <= to,
    `an integer from ${from} to ${to}`,
  );
}

async function* clipped(
  source: AudioSource,
  options: AudioBlocksOptions,
  fromSeconds: number,
  toSeconds: number,
  reject: Reject,
): AsyncGenerator<AudioBlock> {
  let at = 0;
  let first: DecodedAudio | undefined;
  for await (const { piece, start } of decoded(source, options, fromSeconds, reject)) {
    if (!first) {
      const { from, to } = sampleRates;
      const rate = piece.sampleRateHz;
      if (rate < from || rate > to) reject(`the sample rate is ${rate} Hz, want an integer from ${from} to ${to}`);
      first = piece;
      at = start;
    }
    checkSame(first, piece, reject);
    const { sampleRateHz } = piece;
    const length = piece.samples[0]!.length;
    const from = Math.max(0, Math.round(fromSeconds * sampleRateHz) - at);
    const to = Math.min(length, Math.round(toSeconds * sampleRateHz) - at);
    if (from < to) yield { samples: mixed(piece.samples, from, to, reject), sampleRateHz };
    at += length;
    if (to < length) return;
  }
}

function mixed(channels: readonly Float32Array[], from: number, to: number, reject: Reject): Float32Array {
  const out = new Float32Array(to - from);
  for (let i = 0; i < out.length; i++) {
    let sum = 0;
    for (const channel of channels) sum += channel[from + i]!;
    if (!(Math.abs(sum) <= 1e12)) reject(`a sample is ${sum}, want a finite number up to 1e12`);
    out[i] = sum / channels.length;
  }
  return out;
}

/** The pieces of a recording with all its channels, the first of them from sample `start` on. */
async function* decoded(
  source: AudioSource,
  { allowTruncated = false }: AudioBlocksOptions,
  fromSeconds: number,
  reject: Reject,
): AsyncGenerator<{ readonly piece: DecodedAudio; readonly start: number }> {
  const wav = wavReader(allowTruncated, reject);
  let head = new Uint8Array(0);
  let decoder: Awaited<ReturnType<typeof openDecoder>> | undefined;
  let format: ReturnType<typeof formatOf>;
  try {
    for await (const chunk of chunksOf(source, 0, reject)) {
      let bytes = chunk;
      const starts = format === undefined;
      if (starts) {
        head = appended(head, chunk);
        // The first page of an Ogg stream says what it is within 300 bytes.
        if (head.length < 512) continue;
        format = formatOf(head) ?? reject(unknown(head));
        bytes = head;
      }
      if (format === "wav") {
        const seekable = typeof source === "string" || source instanceof URL || source instanceof Uint8Array;
        const skip = starts && seekable && wav.skip(bytes, fromSeconds);
        if (skip) {
          for await (const rest of chunksOf(source, skip.byte, reject)) {
            const piece = wav.push(rest);
            if (piece) yield { piece, start: skip.sample };
            if (wav.done()) return;
          }
          wav.end();
          return;
        }
        const piece = wav.push(bytes);
        if (piece) yield { piece, start: 0 };
        if (wav.done()) return;
        continue;
      }
      decoder ??= await openDecoder(format!, part, reject, allowTruncated);
      const piece = await decoder.push(bytes);
      if (piece) yield { piece, start: 0 };
    }
    if (format === undefined) {
      format = formatOf(head) ?? reject(unknown(head));
      if (format !== "wav") decoder = await openDecoder(format, part, reject, allowTruncated);
      const piece = format === "wav" ? wav.push(head) : await decoder!.push(head);
      if (piece) yield { piece, start: 0 };
    }
    if (format === "wav") wav.end();
    const rest = await decoder?.end();
    if (rest) yield { piece: rest, start: 0 };
  } finally {
    decoder?.free();
  }
}

function unknown(head: Uint8Array): string {
  const start = show(String.fromCharCode(...head.subarray(0, 4)));
  return `${head.length} bytes that start with ${start} are no WAV, MP3, FLAC, Ogg Vorbis or Ogg Opus file; convert other formats first, for example with: ffmpeg -i in.m4a out.wav`;
}

/** The bytes of a source from `from` on, at most `pieceBytes` at a time. */
async function* chunksOf(source: AudioSource, from: number, reject: Reject): AsyncGenerator<Uint8Array> {
  if (source instanceof Uint8Array) {
    for (let at = from; at < source.length; at += pieceBytes) yield source.subarray(at, at + pieceBytes);
    return;
  }
  if (typeof source === "string" || source instanceof URL) {
    try {
      yield* createReadStream(source, { start: from, highWaterMark: pieceBytes }) as AsyncIterable<Uint8Array>;
    } catch (cause) {
      if (MmubError.is(cause)) throw cause;
      reject(`cannot read ${source}: ${(cause as Error).message}; give the path or file: URL of an audio file`);
    }
    return;
  }
  const iterable = source as AsyncIterable<Uint8Array> | undefined;
  if (
    typeof iterable !== "object" ||
    iterable === null ||
    !(Symbol.asyncIterator in iterable || Symbol.iterator in iterable)
  )
    reject(`the source is ${show(source)}, want a path, a file: URL, a Uint8Array or an iterable of them`);
  for await (const chunk of iterable!) {
    if (!(chunk instanceof Uint8Array)) reject(`a piece of the source is ${show(chunk)}, want a Uint8Array`);
    for (let at = 0; at < chunk.length; at += pieceBytes) yield chunk.subarray(at, at + pieceBytes);
  }
}
