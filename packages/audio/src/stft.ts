import type { Dense, Extractor } from "@mmub/core";
import type { AudioInput } from "./audio-input.js";
import {
  checkedFrames,
  checkedOutput,
  type FrameExtractor,
  type FrameParams,
  type FramesOutput,
  frameExtractor,
  paramChecks,
  type StatisticsOutput,
} from "./frame-params.js";
import { complexSpectra, spectra } from "./spectra.js";

const type = "@mmub/audio/stft";

interface StftParams extends FrameParams {
  /**
   * The exponent of the magnitude, above 0 and up to 8: 1 for magnitude, 2 for power. null: the complex numbers themselves, real and
   * imaginary part in turn.
   * @default 1
   */
  readonly power?: number | null;
}
export type StftFramesParams = StftParams & FramesOutput;
export type StftStatisticsParams = StftParams & StatisticsOutput;

/**
 * The short-time Fourier transform: the spectrum of windowed frames, one after the other. The numbers are those of `librosa.stft`,
 * in float32 as there.
 *
 * Output: Dense, `statistics` of each bin over time, or with `output: "frames"` a Sequence of `fftSize / 2 + 1` bins a step from 0 Hz
 * to half the rate (twice as many columns with `power: null`). A centred clip of n samples has 1 + floor(n / hopLength) frames. A
 * missing recording is a zero row or no step.
 * Rejects (`invalid-input`, with the index) unreadable and broken files, NaN and infinities, recordings without a sample and, unless
 * `center`, those shorter than a frame. Cost: about 2 µs a frame of 512 samples. Nothing is learned. Frames can be streamed.
 * Source: Allen and Rabiner, Proceedings of the IEEE 65 (1977).
 *
 * @example
 * const tone = Float32Array.from({ length: 16_000 }, (_, i) => Math.sin((2 * Math.PI * 440 * i) / 16_000));
 * const fitted = await stft({ output: "frames", fftSize: 512, hopLength: 160 }).fit([]);
 * const { cols, offsets } = await fitted.transform([{ samples: tone, sampleRateHz: 16_000 }]); // 257, [0, 101]
 */
export function stft(params: StftFramesParams): FrameExtractor;
export function stft(params?: StftStatisticsParams): Extractor<AudioInput, Dense>;
export function stft(params: StftFramesParams | StftStatisticsParams = {}): Extractor<AudioInput> {
  const { power = 1 } = params;
  if (power !== null)
    paramChecks(type).number("power", power, power > 0 && power <= 8, "a number above 0, up to 8, or null");
  const settings = { ...checkedFrames(type, params), power };
  const analysis = power === null ? complexSpectra(settings) : spectra({ ...settings, power });
  const hz = (bin: number) => `${Number(((bin * settings.sampleRateHz) / settings.fftSize).toFixed(2))} Hz`;
  const names = Array.from({ length: analysis.cols }, (_, i) =>
    power === null ? `${hz(i >> 1)} ${i % 2 ? "im" : "re"}` : hz(i),
  );
  return frameExtractor({ type, settings, output: checkedOutput(type, params), names, ...analysis });
}
