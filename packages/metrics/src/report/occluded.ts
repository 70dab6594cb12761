import {
  type Occlusion,
  occlusion,
  type RegionPiece,
  regionsOf,
  type SpanPiece,
  spansOf,
  withoutRegion,
  withoutSpan,
} from "../feature-effects.js";
import { isPixels, isWaveform, type PixelGrid } from "../values.js";
import { clipSeconds, pcm, shrunk } from "./media.js";
import { fileOf, mediaType, png } from "./sample-card.js";

/** A number of the sample with each of the values in place of its own. */
type Score = (values: readonly unknown[]) => Promise<ArrayLike<number>>;

// Regions need no more pixels, and each of them is a picture to predict from.
const mostPixels = 512;

/**
 * What each region of a picture tells; undefined where it cannot be decoded: files need sharp. Pixels are handed to `score` as pixels, files and paths as
 * the bytes of a PNG of at most 512 pixels a side.
 */
export async function regionChanges(
  value: unknown,
  field: string,
  title: string,
  score: Score,
): Promise<readonly Occlusion<RegionPiece>[] | undefined> {
  const picture = isPixels(value) ? value : await decoded(await fileOf(value, field, title));
  if (!picture) return undefined;
  return occlusion(regionsOf(), picture, withoutRegion, (pictures) =>
    score(isPixels(value) ? pictures : pictures.map(png)),
  );
}

async function decoded(bytes: Uint8Array): Promise<PixelGrid | undefined> {
  if (!mediaType(bytes)?.startsWith("image/")) return undefined;
  try {
    const image = await shrunk(bytes, mostPixels);
    const { data, info } = await image.toColourspace("srgb").raw().toBuffer({ resolveWithObject: true });
    const picture = { ...info, data };
    return isPixels(picture) ? picture : undefined;
  } catch {
    return undefined;
  }
}

/** What each stretch of as much of a recording as a page plays tells, made silent; undefined where it is neither samples nor a WAV of 16 bits. */
export async function spanChanges(
  value: unknown,
  field: string,
  title: string,
  score: Score,
): Promise<readonly Occlusion<SpanPiece>[] | undefined> {
  if (isWaveform(value)) return occlusion(stretches(value), value, withoutSpan, score);
  const bytes = await fileOf(value, field, title);
  const wav = mediaType(bytes) === "audio/wav" ? pcm(bytes) : undefined;
  if (!wav) return undefined;
  const { at, frames, channels, rate } = wav;
  const spans = stretches({ samples: new Float32Array(frames), sampleRateHz: rate });
  const byte = (seconds: number) => at + 2 * channels * Math.round(seconds * rate);
  return occlusion(spans, bytes, (whole, { from, to }) => Uint8Array.from(whole).fill(0, byte(from), byte(to)), score);
}

function stretches(recording: Parameters<typeof spansOf>[0]): SpanPiece[] {
  const { samples, sampleRateHz } = recording;
  const channel = samples instanceof Float32Array ? samples : samples[0]!;
  const heard = channel.subarray(0, clipSeconds * sampleRateHz);
  if (heard.length === 0) return [];
  const windowSeconds = Math.max(0.05, heard.length / sampleRateHz / 16);
  return spansOf({ samples: heard, sampleRateHz }, { windowSeconds });
}
