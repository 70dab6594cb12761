import type { Dense, Extractor } from "@mmub/core";
import type { AudioInput } from "./audio-input.js";
import {
  checkedOutput,
  type FrameExtractor,
  type FramesOutput,
  frameExtractor,
  paramChecks,
  type StatisticsOutput,
} from "./frame-params.js";
import { checkedMel, type MelParams } from "./mel-spectrogram.js";
import { melSpectra, powerToDb } from "./spectra.js";
import { windowSamples } from "./window.js";

interface OnsetParams extends MelParams {
  /** Frames that the loudness is compared over. @default 1 */
  readonly lag?: number;
}
export type OnsetStrengthFramesParams = OnsetParams & FramesOutput;
export type OnsetStrengthStatisticsParams = OnsetParams & StatisticsOutput;

/**
 * Onset strength: by how many dB the mel bands rise from one frame to the next, on average: peaks are where sounds begin. The numbers
 * are those of `librosa.onset.onset_strength`.
 *
 * Output: Dense, `statistics` over time, or with `output: "frames"` a Sequence of one column. The first `lag` frames are 0, and if
 * centred as many more as half a frame has hops. Frames, missing recordings and errors as of `stft`; it cannot be streamed, as bands are
 * cut 80 dB below the recording's loudest. Cost: as of `melSpectrogram`.
 * Source: Böck and Widmer, "Maximum filter vibrato suppression for onset detection" (2013).
 *
 * @example
 * const clicks = Float32Array.from({ length: 16_000 }, (_, i) => (i % 4_000 < 20 ? 0.5 : 0));
 * const fitted = await onsetStrength({ statistics: ["max"] }).fit([]);
 * const { data } = await fitted.transform([{ samples: clicks, sampleRateHz: 16_000 }]);
 */
export function onsetStrength(params: OnsetStrengthFramesParams): FrameExtractor;
export function onsetStrength(params?: OnsetStrengthStatisticsParams): Extractor<AudioInput, Dense>;
export function onsetStrength(
  params: OnsetStrengthFramesParams | OnsetStrengthStatisticsParams = {},
): Extractor<AudioInput> {
  const type = "@mmub/audio/onset-strength";
  const { lag = 1 } = params;
  paramChecks(type).whole("lag", lag, 1, 2 ** 20);
  const settings = { ...checkedMel(type, params), lag };
  const names = ["onset strength"];
  return frameExtractor({ type, settings, output: checkedOutput(type, params), names, frames: onsets(settings) });
}

type OnsetSettings = ReturnType<typeof checkedMel> & { readonly lag: number };

function onsets(settings: OnsetSettings): (samples: Float32Array) => Float32Array {
  const { mels, lag, center, fftSize, hopLength } = settings;
  const bands = melSpectra(settings);
  const shift = lag + (center ? Math.floor(fftSize / (2 * hopLength)) : 0);
  return (samples) => {
    const levels = bands.frames(samples);
    powerToDb(levels, 80);
    const count = levels.length / mels;
    const out = new Float32Array(count);
    for (let i = 0; i + lag < count; i++) {
      let sum = 0;
      for (let at = i * mels, end = at + mels; at < end; at++)
        sum += Math.max(0, levels[at + lag * mels]! - levels[at]!);
      if (i + shift < count) out[i + shift] = sum / mels;
    }
    return out;
  };
}

export interface TempoParams extends MelParams {
  /** The tempo that is thought the likeliest beforehand, in beats a minute. librosa's `start_bpm`. @default 120 */
  readonly startBpm?: number;
  /** How far from it, in octaves. librosa's `std_bpm`. @default 1 */
  readonly stdBpm?: number;
  /** Seconds over which the onsets are compared with themselves. librosa's `ac_size`. @default 8 */
  readonly windowSeconds?: number;
  /** The highest tempo. librosa's `max_tempo`. @default 320 */
  readonly maxBpm?: number;
}

/**
 * The tempo of a recording in beats a minute: the period after which its onsets repeat best. The numbers are those of
 * `librosa.feature.tempo`.
 *
 * Output: Dense of one column. A recording without onsets has what the prior says is likeliest. Missing recordings and errors as of
 * `stft`. Cost: that of `onsetStrength` and, for each frame, `windowSeconds` squared.
 * Source: Grosche, Müller and Kurth, "Cyclic tempogram" (2010); Ellis, "Beat tracking by dynamic programming" (2007).
 *
 * @example
 * const clicks = Float32Array.from({ length: 80_000 }, (_, i) => (i % 8_000 < 20 ? 0.5 : 0)); // two a second
 * const { data } = await (await tempo().fit([])).transform([{ samples: clicks, sampleRateHz: 16_000 }]); // about 120
 */
export function tempo(params: TempoParams = {}): Extractor<AudioInput, Dense> {
  const type = "@mmub/audio/tempo";
  const { startBpm = 120, stdBpm = 1, windowSeconds = 8, maxBpm = 320 } = params;
  const { number } = paramChecks(type);
  number("startBpm", startBpm, startBpm > 0, "a number above 0");
  number("stdBpm", stdBpm, stdBpm > 0, "a number above 0");
  const mel = checkedMel(type, params);
  const period = mel.hopLength / mel.sampleRateHz;
  number(
    "windowSeconds",
    windowSeconds,
    windowSeconds >= 3 * period && windowSeconds <= 60,
    `at least three hops, up to 60`,
  );
  number("maxBpm", maxBpm, maxBpm > 0, "a number above 0");
  const settings = { ...mel, startBpm, stdBpm, windowSeconds, maxBpm };
  const envelope = onsets({ ...mel, lag: 1 });
  const estimate = tempoOf(settings);
  return frameExtractor({
    ...{ type, settings, names: ["tempo"] },
    output: { output: "statistics", statistics: ["mean"] },
    frames(samples) {
      const strengths = envelope(samples);
      return strengths.length === 0 ? strengths : Float32Array.of(estimate(strengths));
    },
  }) as Extractor<AudioInput, Dense>;
}

type TempoSettings = ReturnType<typeof checkedMel> & Required<Omit<TempoParams, keyof MelParams>>;

function tempoOf(settings: TempoSettings): (envelope: Float32Array) => number {
  const { sampleRateHz, hopLength, windowSeconds, startBpm, stdBpm, maxBpm } = settings;
  const length = Math.floor(Math.floor(windowSeconds * sampleRateHz) / hopLength);
  const window = windowSamples("hann", length);
  const bpm = (lag: number) => (60 * sampleRateHz) / (hopLength * lag);
  return (envelope) => {
    const padded = ramped(envelope, length >> 1);
    const frame = new Float64Array(length);
    const sums = new Float64Array(length);
    const means = new Float64Array(length);
    for (let i = 0; i < envelope.length; i++) {
      for (let k = 0; k < length; k++) frame[k] = (padded[i + k] ?? 0) * window[k]!;
      autocorrelate(frame, sums);
      // Normalised by the largest, which is that at no lag.
      const largest = sums[0]!;
      for (let lag = 0; lag < length; lag++)
        means[lag]! += (largest > 1e-300 ? sums[lag]! / largest : sums[lag]!) / envelope.length;
    }
    let [best, likeliest] = [0, Number.NEGATIVE_INFINITY];
    for (let lag = 1; lag < length; lag++) {
      if (bpm(lag) >= maxBpm) continue;
      const prior = -0.5 * ((Math.log2(bpm(lag)) - Math.log2(startBpm)) / stdBpm) ** 2;
      const score = Math.log1p(1e6 * means[lag]!) + prior;
      if (score > likeliest) [best, likeliest] = [lag, score];
    }
    return bpm(best || 1);
  };
}

/** Falls from the ends to 0 in a line over `width` numbers, as NumPy's `linear_ramp`. */
function ramped(values: Float32Array, width: number): Float64Array {
  const out = new Float64Array(values.length + 2 * width);
  out.set(values, width);
  for (let i = 0; i < width; i++) {
    out[i] = (values[0]! * i) / width;
    out[out.length - 1 - i] = (values.at(-1)! * i) / width;
  }
  return out;
}

function autocorrelate(frame: Float64Array, sums: Float64Array): void {
  for (let lag = 0; lag < sums.length; lag++) {
    let sum = 0;
    for (let k = lag; k < frame.length; k++) sum += frame[k]! * frame[k - lag]!;
    sums[lag] = sum;
  }
}
