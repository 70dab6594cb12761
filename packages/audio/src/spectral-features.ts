import { checkParam, type Dense, type Extractor } from "@mmub/core";
import type { AudioInput } from "./audio-input.js";
import {
  type CheckedFrames,
  checkedFrames,
  checkedOutput,
  type FrameExtractor,
  type FrameParams,
  type FramesOutput,
  frameExtractor,
  paramChecks,
  type StatisticsOutput,
} from "./frame-params.js";
import { roundHalfEven } from "./round-half-even.js";
import { mappedStream, powerToDb, sampleFrames, spectra } from "./spectra.js";

const featureNames = ["centroid", "bandwidth", "rolloff", "flatness", "zeroCrossings", "rms"] as const;
export type SpectralFeature = (typeof featureNames)[number];

interface FeaturesParams extends FrameParams {
  /** What is computed of each frame, in this order. @default all */
  readonly features?: readonly SpectralFeature[];
  /** The share of the magnitude that lies below the roll-off, between 0 and 1. librosa's `roll_percent`. @default 0.85 */
  readonly rollPercent?: number;
}
export type SpectralFeaturesFramesParams = FeaturesParams & FramesOutput;
export type SpectralFeaturesStatisticsParams = FeaturesParams & StatisticsOutput;

/**
 * The shape of the spectrum in a few numbers, of one transform: its `centroid`, `bandwidth` (spread about it) and `rolloff` in Hz,
 * its `flatness` from 0 (a tone) to 1 (noise); and of the samples themselves the share of `zeroCrossings` and the `rms`. The numbers
 * are those of `librosa.feature.spectral_centroid`, `spectral_bandwidth`, `spectral_rolloff`, `spectral_flatness`,
 * `zero_crossing_rate` and `rms`, of magnitude spectra.
 *
 * Output: Dense, `statistics` of each over time, or with `output: "frames"` a Sequence with a column for each of `features`. Silence has a
 * flatness of 1 and 0 in all else. Frames, missing recordings, errors and streaming as of `stft`. Cost: an FFT a frame and a few passes.
 * Source: Klapuri and Davy, "Signal Processing Methods for Music Transcription" (2006), chapter 5; Dubnov (2004) for flatness.
 *
 * @example
 * const tone = Float32Array.from({ length: 16_000 }, (_, i) => Math.sin((2 * Math.PI * 440 * i) / 16_000));
 * const fitted = await spectralFeatures({ features: ["centroid", "rms"], statistics: ["median"] }).fit([]);
 * const { data } = await fitted.transform([{ samples: tone, sampleRateHz: 16_000 }]); // about 440 Hz, 0.71
 */
export function spectralFeatures(params: SpectralFeaturesFramesParams): FrameExtractor;
export function spectralFeatures(params?: SpectralFeaturesStatisticsParams): Extractor<AudioInput, Dense>;
export function spectralFeatures(
  params: SpectralFeaturesFramesParams | SpectralFeaturesStatisticsParams = {},
): Extractor<AudioInput> {
  const type = "@mmub/audio/spectral-features";
  const { features = featureNames, rollPercent = 0.85 } = params;
  checkParam(
    type,
    "features",
    features,
    Array.isArray(features) &&
      features.length > 0 &&
      features.every((each) => featureNames.includes(each)) &&
      new Set(features).size === features.length,
    `some of ${featureNames.join(", ")}, each once`,
  );
  paramChecks(type).number("rollPercent", rollPercent, rollPercent > 0 && rollPercent < 1, "a number between 0 and 1");
  const settings = { ...checkedFrames(type, params), features: [...features], rollPercent };
  const analysis = spectra({ ...settings, power: 1 });
  const describe = describer(settings);
  const cols = features.length;
  // As librosa: what is before the first sample is not taken for silence, into which it would cross.
  const edged = { ...settings, padMode: "edge" } as const;
  const waves = [...features.entries()].flatMap(([col, feature]) => {
    if (feature === "rms") return [{ col, of: sampleFrames(settings, rootMeanSquare) }];
    if (feature === "zeroCrossings") return [{ col, of: sampleFrames(edged, zeroCrossings) }];
    return [];
  });

  /** Columns of the spectrum, and those of the samples put among them. */
  const described = (magnitudes: Float32Array, ofSamples: readonly Float32Array[]): Float32Array => {
    const count = magnitudes.length / analysis.cols;
    const out = new Float32Array(count * cols);
    for (let i = 0; i < count; i++) {
      describe(magnitudes.subarray(i * analysis.cols, (i + 1) * analysis.cols), out.subarray(i * cols, (i + 1) * cols));
      for (const [at, { col }] of waves.entries()) out[i * cols + col] = ofSamples[at]![i]!;
    }
    return out;
  };
  return frameExtractor({
    ...{ type, settings, output: checkedOutput(type, params), names: [...features] },
    frames: (samples) =>
      described(
        analysis.frames(samples),
        waves.map(({ of }) => of.frames(samples)),
      ),
    stream() {
      const [spectrum, samples] = [analysis.stream(), waves.map(({ of }) => of.stream())];
      return {
        push: (some) =>
          described(
            spectrum.push(some),
            samples.map(({ push }) => push(some)),
          ),
        end: () =>
          described(
            spectrum.end(),
            samples.map(({ end }) => end()),
          ),
      };
    },
  });
}

/** What lies in the spectrum, by feature. */
function describer(
  settings: CheckedFrames & { readonly features: readonly SpectralFeature[]; readonly rollPercent: number },
): (magnitudes: Float32Array, out: Float32Array) => void {
  const { sampleRateHz, fftSize, features, rollPercent } = settings;
  const hzPerBin = sampleRateHz / fftSize;
  return (magnitudes, out) => {
    const { length } = magnitudes;
    let [sum, moment] = [0, 0];
    for (let bin = 0; bin < length; bin++) {
      sum += magnitudes[bin]!;
      moment += bin * magnitudes[bin]!;
    }
    const centroid = sum > 0 ? (moment / sum) * hzPerBin : 0;
    for (const [i, feature] of features.entries()) {
      if (feature === "centroid") out[i] = centroid;
      else if (feature === "bandwidth") out[i] = sum > 0 ? Math.sqrt(spread(magnitudes, centroid, hzPerBin) / sum) : 0;
      else if (feature === "rolloff") out[i] = rolloffBin(magnitudes, rollPercent * sum) * hzPerBin;
      else if (feature === "flatness") out[i] = flatness(magnitudes);
    }
  };
}

function spread(magnitudes: Float32Array, centroid: number, hzPerBin: number): number {
  let sum = 0;
  for (let bin = 0; bin < magnitudes.length; bin++) sum += magnitudes[bin]! * (bin * hzPerBin - centroid) ** 2;
  return sum;
}

function rolloffBin(magnitudes: Float32Array, threshold: number): number {
  let bin = 0;
  for (let sum = magnitudes[0]!; sum < threshold && bin < magnitudes.length - 1; sum += magnitudes[bin]!) bin++;
  return bin;
}

/** The geometric mean of the power over its arithmetic mean; librosa's `amin` is 1e-10. */
function flatness(magnitudes: Float32Array): number {
  let [logs, sum] = [0, 0];
  for (let bin = 0; bin < magnitudes.length; bin++) {
    const power = Math.max(1e-10, magnitudes[bin]! ** 2);
    logs += Math.log(power);
    sum += power;
  }
  return (Math.exp(logs / magnitudes.length) * magnitudes.length) / sum;
}

function rootMeanSquare(frame: Float32Array): number {
  let squares = 0;
  for (let k = 0; k < frame.length; k++) squares += frame[k]! ** 2;
  return Math.sqrt(squares / frame.length);
}

/** The share of samples of another sign than the one before; within 1e-10 of zero counts as zero, which is positive. */
function zeroCrossings(frame: Float32Array): number {
  let count = 0;
  let before = frame[0]! < -1e-10;
  for (let k = 1; k < frame.length; k++) {
    const now = frame[k]! < -1e-10;
    if (now !== before) count++;
    before = now;
  }
  return count / frame.length;
}

interface ContrastParams extends FrameParams {
  /** Bands of an octave each, above the one that ends at `fMinHz`. librosa's `n_bands`. @default 6, or as many as the rate has */
  readonly bands?: number;
  /** Where the lowest octave begins, in Hz. librosa's `fmin`. @default 200 */
  readonly fMinHz?: number;
  /** The share of bins that make peak and valley, between 0 and 1. @default 0.02 */
  readonly quantile?: number;
  /** The difference itself in place of that in dB. @default false */
  readonly linear?: boolean;
}
export type SpectralContrastFramesParams = ContrastParams & FramesOutput;
export type SpectralContrastStatisticsParams = ContrastParams & StatisticsOutput;

/**
 * Spectral contrast: how far the peaks of each octave stand above its valleys; high for clear tones, low for noise. The numbers are
 * those of `librosa.feature.spectral_contrast`.
 *
 * Output: Dense, `statistics` of each band over time, or with `output: "frames"` a Sequence of `bands + 1` columns in dB, that below
 * `fMinHz` first. Peaks and valleys more than 80 dB below the recording's loudest are raised to there. Frames, missing recordings and
 * errors as of `stft`; it cannot be streamed unless `linear`. Cost: an FFT and a sort of its bins a frame.
 * Source: Jiang et al., "Music type classification by spectral contrast feature" (2002).
 *
 * @example
 * const tone = Float32Array.from({ length: 16_000 }, (_, i) => Math.sin((2 * Math.PI * 440 * i) / 16_000));
 * const fitted = await spectralContrast({ bands: 4 }).fit([]);
 * const { cols } = await fitted.transform([{ samples: tone, sampleRateHz: 16_000 }]); // 10: mean and std of 5
 */
export function spectralContrast(params: SpectralContrastFramesParams): FrameExtractor;
export function spectralContrast(params?: SpectralContrastStatisticsParams): Extractor<AudioInput, Dense>;
export function spectralContrast(
  params: SpectralContrastFramesParams | SpectralContrastStatisticsParams = {},
): Extractor<AudioInput> {
  const type = "@mmub/audio/spectral-contrast";
  const frames = checkedFrames(type, params);
  const { fMinHz = 200, quantile = 0.02, linear = false } = params;
  const { whole, number, oneOf } = paramChecks(type);
  const top = frames.sampleRateHz / 2;
  number("fMinHz", fMinHz, fMinHz > 0 && fMinHz < top, `above 0, below sampleRateHz / 2 = ${top}`);
  // The last octave begins below half the rate.
  const most = Math.ceil(Math.log2(top / fMinHz));
  const { bands = Math.min(6, most) } = params;
  whole("bands", bands, 1, most);
  number("quantile", quantile, quantile > 0 && quantile < 1, "a number between 0 and 1");
  oneOf("linear", linear, [true, false]);
  const settings = { ...frames, bands, fMinHz, quantile, linear };
  const octaves = octaveBins(settings);
  for (const [band, { from, to }] of octaves.entries())
    checkParam(type, "fftSize", frames.fftSize, to > from, `more samples: band ${band} has no bin`);
  const analysis = spectra({ ...frames, power: 1 });
  const cols = bands + 1;

  const contrasts = (magnitudes: Float32Array): Float32Array => {
    const count = magnitudes.length / analysis.cols;
    const [peaks, valleys] = [new Float32Array(count * cols), new Float32Array(count * cols)];
    for (let i = 0; i < count; i++)
      for (const [band, { from, to, taken }] of octaves.entries()) {
        const sorted = magnitudes.slice(i * analysis.cols + from, i * analysis.cols + to).sort();
        valleys[i * cols + band] = mean(sorted.subarray(0, taken));
        peaks[i * cols + band] = mean(sorted.subarray(Math.max(0, sorted.length - taken)));
      }
    if (!linear) {
      powerToDb(peaks, 80);
      powerToDb(valleys, 80);
    }
    return peaks.map((peak, i) => peak - valleys[i]!);
  };
  const names = Array.from({ length: cols }, (_, i) => `contrast${i}`);
  return frameExtractor({
    ...{ type, settings, output: checkedOutput(type, params), names },
    frames: (samples) => contrasts(analysis.frames(samples)),
    ...(linear && { stream: () => mappedStream(analysis.stream(), contrasts) }),
  });
}

/** The bins of each octave, as librosa divides them, and how many of them are its peak and its valley. */
function octaveBins({
  sampleRateHz,
  fftSize,
  bands,
  fMinHz,
  quantile,
}: CheckedFrames & { readonly bands: number; readonly fMinHz: number; readonly quantile: number }) {
  const last = fftSize >> 1;
  const hz = (bin: number) => (bin * sampleRateHz) / fftSize;
  return Array.from({ length: bands + 1 }, (_, band) => {
    const [low, high] = [band === 0 ? 0 : fMinHz * 2 ** (band - 1), fMinHz * 2 ** band];
    let from = 0;
    while (from <= last && hz(from) < low) from++;
    let end = from;
    while (end <= last && hz(end) <= high) end++;
    // The bin below the first belongs to it too, and the last band reaches to the end; the others lose their last bin.
    if (band > 0) from--;
    if (band === bands) end = last + 1;
    const taken = Math.max(1, roundHalfEven(quantile * (end - from)));
    return { from, to: band < bands ? end - 1 : end, taken };
  });
}

function mean(values: Float32Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
