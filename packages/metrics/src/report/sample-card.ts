import { readFile } from "node:fs/promises";
import { crc32, deflateSync } from "node:zlib";
import { MmubError, show } from "@mmub/core";
import { grouped, type Language, type Say, sayIn } from "../language.js";
import { dayOf, isPixels, isWaveform, type PixelGrid, type Recording } from "../values.js";
import { plain } from "./format.js";

const part = "@mmub/metrics/sample-card";

/** What a reader is to see of one sample. All of it is shown as text, never as HTML. */
export interface SampleCard {
  readonly title: string;
  readonly text?: string | null;
  /** The bytes of a JPEG, PNG, WebP or GIF, and what it shows, for those who cannot see it. */
  readonly picture?: { readonly bytes: Uint8Array; readonly alt: string } | null;
  /** The bytes of a WAV, MP3, Ogg, FLAC or M4A. */
  readonly clip?: { readonly bytes: Uint8Array; readonly label: string } | null;
  readonly facts?: readonly (readonly [name: string, value: string])[];
}

export interface SampleCardOptions<Sample> {
  readonly title: string;
  /** The field that holds the text. @default the first that holds a string */
  readonly text?: keyof Sample & string;
  /** The field that holds the picture: the path or bytes of a file, or pixels `{ data, width, height, channels }`. @default the first that holds bytes of one or pixels */
  readonly picture?: keyof Sample & string;
  /** The field that holds the recording: the path or bytes of a file, or samples `{ samples, sampleRateHz }`. @default the first that holds bytes of one or samples */
  readonly clip?: keyof Sample & string;
  /** Of what is said of fields that are missing or long. @default "en" */
  readonly language?: Language;
}

/**
 * A card of a sample's fields for a report: its text, its picture and its recording, the others as facts: numbers, dates and short
 * texts as they are, lists by their length. A missing field is said to be missing.
 *
 * A path is read only from a field that you name as picture or clip, so that no text of a user can make a report read a
 * file. Recordings given as samples are kept to 30 s. Rejects a file that cannot be read and bytes of an unknown format (`invalid-input`).
 *
 * @example
 * const sample = { review: "Broke after two days.", visits: 12, photo: null };
 * const card = await sampleCard(sample, { title: "Customer 7" });
 * console.log(card.text, card.facts); // the review; visits 12, photo missing
 */
export async function sampleCard<Sample extends object>(
  sample: Sample,
  options: SampleCardOptions<Sample>,
): Promise<SampleCard> {
  const { title } = options;
  const say = sayIn(part, options.language);
  if (typeof sample !== "object" || sample === null)
    throw new MmubError("invalid-input", { part, message: `the sample is ${show(sample)}, want an object` });
  const fields = Object.entries(sample) as [string, unknown][];
  const { picture, clip } = mediaFields(sample, options);
  const text = options.text ?? fields.find(([, value]) => typeof value === "string")?.[0];
  const of = (name: string | undefined) => (name === undefined ? undefined : (sample as Record<string, unknown>)[name]);
  const [pixels, sound] = [of(picture), of(clip)];
  return {
    title,
    ...(typeof of(text) === "string" && text !== picture && text !== clip && { text: of(text) as string }),
    ...(pixels != null && {
      picture: {
        bytes: isPixels(pixels) ? png(pixels) : await fileOf(pixels, picture!, title),
        alt: say("{0} of {1}", picture!, title),
      },
    }),
    ...(sound != null && {
      clip: {
        bytes: isWaveform(sound) ? wav(sound) : await fileOf(sound, clip!, title),
        label: say("{0} of {1}", clip!, title),
      },
    }),
    facts: fields
      .filter(([name, value]) => value == null || ![text, picture, clip].includes(name))
      .map(([name, value]) => [name, factOf(say, value)] as const),
  };
}

/** The fields of a sample that hold its picture and its recording: those that are named, else the first that hold such. */
export function mediaFields(
  sample: object,
  { picture, clip }: { readonly picture?: string; readonly clip?: string },
): { readonly picture: string | undefined; readonly clip: string | undefined } {
  const first = (fits: (value: unknown) => boolean) => Object.entries(sample).find(([, value]) => fits(value))?.[0];
  return {
    picture: picture ?? first((value) => isPixels(value) || mediaType(value)?.startsWith("image/") === true),
    clip: clip ?? first((value) => isWaveform(value) || mediaType(value)?.startsWith("audio/") === true),
  };
}

function factOf(say: Say, value: unknown): string {
  if (value == null) return say("missing");
  if (typeof value === "number") return plain(value);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? say("no date") : dayOf(value);
  if (Array.isArray(value)) return value.length === 1 ? say("1 entry") : say("{0} entries", grouped(value.length));
  if (ArrayBuffer.isView(value)) return say("{0} values", grouped((value as Uint8Array).length ?? value.byteLength));
  if (typeof value !== "object") return String(value);
  const entries = Object.entries(value);
  return entries.map(([name, of]) => `${name} ${factOf(say, of)}`).join(say(", "));
}

/** The bytes of a file that a field holds: as they are, or read from where its path says. */
export async function fileOf(value: unknown, field: string, title: string): Promise<Uint8Array> {
  if (value instanceof Uint8Array) return value;
  if (typeof value !== "string" && !(value instanceof URL))
    throw new MmubError("invalid-input", {
      part,
      message: `${field} of ${title} is ${show(value)}, want bytes, a path, pixels or samples`,
    });
  try {
    return await readFile(value);
  } catch (cause) {
    throw new MmubError("invalid-input", {
      part,
      message: `${field} of ${title} cannot be read: ${(cause as Error).message}`,
      cause,
    });
  }
}

/** The type of a picture or clip by its first bytes; anything else, SVG above all, could hold more than that. */
export function mediaType(value: unknown): string | undefined {
  if (!(value instanceof Uint8Array)) return undefined;
  const head = Buffer.from(value.subarray(0, 12)).toString("latin1");
  if (head.startsWith("\xff\xd8\xff")) return "image/jpeg";
  if (head.startsWith("\x89PNG")) return "image/png";
  if (head.startsWith("GIF8")) return "image/gif";
  if (head.startsWith("RIFF") && head.endsWith("WEBP")) return "image/webp";
  if (head.startsWith("RIFF") && head.endsWith("WAVE")) return "audio/wav";
  if (head.startsWith("OggS")) return "audio/ogg";
  if (head.startsWith("fLaC")) return "audio/flac";
  if (head.slice(4, 11) === "ftypM4A") return "audio/mp4";
  if (head.startsWith("ID3") || /^\xff[\xfa\xfb\xf2\xf3]/.test(head)) return "audio/mpeg";
  return undefined;
}

// PNG, second edition (W3C): signature, IHDR, IDAT of rows that each start with the filter 0, IEND.
export function png({ data, width, height, channels }: PixelGrid): Uint8Array {
  const stride = width * channels;
  const rows = new Uint8Array((stride + 1) * height);
  for (let y = 0; y < height; y++) rows.set(data.subarray(y * stride, (y + 1) * stride), y * (stride + 1) + 1);
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, channels === 1 ? 0 : channels === 3 ? 2 : 6], 8);
  const chunk = (type: string, content: Uint8Array) => {
    const body = Buffer.concat([Buffer.from(type, "latin1"), content]);
    const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(content.length);
    check.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, check]);
  };
  const signature = Buffer.from("\x89PNG\r\n\x1a\n", "latin1");
  return Buffer.concat([
    signature,
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(rows)),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

// RIFF WAVE with one channel of 16-bit PCM, the first channel of the recording.
function wav({ samples, sampleRateHz }: Recording): Uint8Array {
  const channel = samples instanceof Float32Array ? samples : samples[0]!;
  const length = Math.min(channel.length, 30 * sampleRateHz);
  const out = Buffer.alloc(44 + 2 * length);
  out.write("RIFF", 0, "latin1");
  out.writeUInt32LE(36 + 2 * length, 4);
  out.write("WAVEfmt ", 8, "latin1");
  out.writeUInt32LE(16, 16);
  out.writeUInt16LE(1, 20);
  out.writeUInt16LE(1, 22);
  out.writeUInt32LE(sampleRateHz, 24);
  out.writeUInt32LE(2 * sampleRateHz, 28);
  out.writeUInt16LE(2, 32);
  out.writeUInt16LE(16, 34);
  out.write("data", 36, "latin1");
  out.writeUInt32LE(2 * length, 40);
  for (let i = 0; i < length; i++)
    out.writeInt16LE(Math.round(32767 * Math.min(1, Math.max(-1, channel[i]!))), 44 + 2 * i);
  return out;
}
