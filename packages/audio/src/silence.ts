import { checkParam, MmubError } from "@mmub/core";
import { runs } from "./runs.js";
import { channelsOf, type Waveform, waveformChecked } from "./wav.js";

const part = "@mmub/audio/trimSilence";

export interface SilenceOptions {
  /** Frames more than this many dB below the loudest are silent. librosa's `top_db`. @default 60 */
  readonly topDb?: number;
  /** Samples of a frame. librosa's `frame_length`. @default 2048 */
  readonly frameLength?: number;
  /** Samples from one frame to the next. librosa's `hop_length`. @default 512 */
  readonly hopLength?: number;
}

/**
 * Where a recording is not silent: pairs of a first sample and the one behind the last, in order. A frame is silent if the louder of its
 * channels is. The numbers are those of `librosa.effects.split`.
 *
 * Rejects (`invalid-input`) NaN, infinities and channels of unequal length. A recording of zeros has no interval, where librosa takes it whole. Cost: one pass.
 *
 * @example
 * const word = Float32Array.from({ length: 16_000 }, (_, i) => (i < 6_000 || i > 12_000 ? 0 : Math.sin(i / 5)));
 * console.log(splitSilence(word)); // [[5120, 13312]]
 */
export function splitSilence(
  samples: Waveform["samples"],
  options: SilenceOptions = {},
): readonly (readonly [from: number, to: number])[] {
  const { topDb = 60, frameLength = 2048, hopLength = 512 } = options;
  checkParam(part, "topDb", topDb, Number.isFinite(topDb) && topDb >= 0, "a number from 0");
  for (const [name, value] of Object.entries({ frameLength, hopLength }))
    checkParam(part, name, value, Number.isInteger(value) && value >= 1 && value <= 2 ** 24, "an integer from 1");
  const channels = channelsOf(samples, reject);
  const { length } = channels[0]!;
  const levels = channels.map((channel) => frameLevels(channel, frameLength, hopLength));
  // Each channel is measured against its own loudest frame.
  return runs(levels[0]!, (_, i) => levels.some((each) => each[i]! > -topDb)).map(([from, to]) => [
    Math.min(length, from * hopLength),
    Math.min(length, to * hopLength),
  ]);
}

/**
 * A recording without the silence at its start and end, as `librosa.effects.trim`: from the first to the last interval of `splitSilence`.
 * A silent recording becomes one without samples.
 *
 * @example
 * const word = Float32Array.from({ length: 16_000 }, (_, i) => (i < 6_000 || i > 12_000 ? 0 : Math.sin(i / 5)));
 * const { samples, from, to } = trimSilence({ samples: word, sampleRateHz: 16_000 }); // 8192 samples, 5120, 13312
 */
export function trimSilence(
  recording: Waveform,
  options: SilenceOptions = {},
): Waveform & { readonly from: number; readonly to: number } {
  const { samples, sampleRateHz } = waveformChecked(recording, reject);
  const intervals = splitSilence(samples, options);
  const [from, to] = [intervals[0]?.[0] ?? 0, intervals.at(-1)?.[1] ?? 0];
  const cut = (channel: Float32Array): Float32Array => channel.slice(from, to);
  return { samples: samples instanceof Float32Array ? cut(samples) : samples.map(cut), sampleRateHz, from, to };
}

function reject(problem: string): never {
  throw new MmubError("invalid-input", { part, message: problem });
}

/** dB of centred frames below the loudest; zeros are 1e-5 in amplitude, librosa's `amin`. */
function frameLevels(x: Float32Array, frameLength: number, hopLength: number): Float64Array {
  const pad = frameLength >> 1;
  const count = Math.max(0, 1 + Math.floor((x.length + 2 * pad - frameLength) / hopLength));
  const powers = Float64Array.from({ length: count }, (_, i) => {
    const from = i * hopLength - pad;
    let sum = 0;
    for (let at = Math.max(0, from), end = Math.min(x.length, from + frameLength); at < end; at++) sum += x[at]! ** 2;
    return sum / frameLength;
  });
  const loudest = powers.reduce((most, power) => Math.max(most, power), 0);
  if (loudest === 0) return powers.fill(Number.NEGATIVE_INFINITY);
  return powers.map((power) => 10 * Math.log10(Math.max(1e-10, power) / Math.max(1e-10, loudest)));
}
