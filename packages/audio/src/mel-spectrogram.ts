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
import { decibels, mappedStream, melSpectra, powerToDb } from "./spectra.js";
import { checkedStyle, type StyleParams } from "./style.js";

export interface MelParams extends FrameParams, StyleParams {
  /** The exponent of the magnitude spectrum, above 0 and up to 8: 1 for magnitude, 2 for power. @default 2 */
  readonly power?: number;
  /** Bands. librosa's `n_mels`. @default 128 */
  readonly mels?: number;
  /** The lowest frequency of the bands, in Hz. librosa's `fmin`. @default 0 */
  readonly fMinHz?: number;
  /** The highest frequency of the bands, in Hz, at most sampleRateHz / 2. librosa's `fmax`. @default sampleRateHz / 2 */
  readonly fMaxHz?: number;
  /** The mel scale of HTK in place of Slaney's. @default false */
  readonly htk?: boolean;
  /** "slaney": every band has the same area. null: every band peaks at 1. @default "slaney" */
  readonly melNorm?: "slaney" | null;
}
export type MelSpectrogramFramesParams = MelParams & FramesOutput;
export type MelSpectrogramStatisticsParams = MelParams & StatisticsOutput;

interface LogParams extends MelParams {
  /**
   * "decibels": 10 log10, as `librosa.power_to_db`. "natural": the natural logarithm, as in speech models.
   * @default "decibels", or "natural" of the styles "kaldi" and "htk"
   */
  readonly scale?: "decibels" | "natural";
  /** Powers below are raised to this. librosa's `amin`. @default 1e-10; 1.19e-7 of the style "kaldi", 1 of "htk" */
  readonly amin?: number;
  /** Bands more than this many dB below the clip's loudest are raised to there; null: none is. librosa's `top_db`. @default 80, or null of "natural" and of the style "torchaudio" */
  readonly topDb?: number | null;
}
export type LogMelFramesParams = LogParams & FramesOutput;
export type LogMelStatisticsParams = LogParams & StatisticsOutput;

export function checkedMel(type: string, params: MelParams) {
  const { style, speech, ...defaults } = checkedStyle(type, params);
  const frames = checkedFrames(type, params, defaults.frames);
  const bands: MelParams = { power: 2, mels: 128, fMinHz: 0, htk: false, melNorm: "slaney", ...defaults.bands };
  const { power = bands.power!, mels = bands.mels!, fMinHz = bands.fMinHz!, htk = bands.htk! } = params;
  const { fMaxHz = frames.sampleRateHz / 2, melNorm = bands.melNorm! } = params;
  const { whole, number, oneOf } = paramChecks(type);
  number("power", power, power > 0 && power <= 8, "a number above 0, up to 8");
  whole("mels", mels, 1, 2 ** 16);
  const top = frames.sampleRateHz / 2;
  number("fMaxHz", fMaxHz, fMaxHz > 0 && fMaxHz <= top, `above 0, up to sampleRateHz / 2 = ${top}`);
  number("fMinHz", fMinHz, fMinHz >= 0 && fMinHz < fMaxHz, `a frequency from 0 to below fMaxHz (${fMaxHz})`);
  oneOf("htk", htk, [true, false]);
  oneOf("melNorm", melNorm, ["slaney", null]);
  if (speech) {
    oneOf(`htk of style "${style}"`, htk, [true]);
    oneOf(`melNorm of style "${style}"`, melNorm, [null]);
  }
  return { ...frames, power, mels, fMinHz, fMaxHz, htk, melNorm, ...(speech && { style, speech }) };
}

/**
 * The mel spectrogram: the energy in bands that are evenly spaced to the ear. The numbers are those of
 * `librosa.feature.melspectrogram`, or with `style` those of torchaudio, Kaldi or HTK.
 *
 * Output: Dense, `statistics` of each band over time, or with `output: "frames"` a Sequence of `mels` columns. Values from 0 on, in units
 * of the samples squared. Frames, missing recordings, errors and streaming as of `stft`. Cost: about 2 µs a frame of 512 samples.
 * Source: Stevens, Volkmann and Newman (1937); Slaney, "Auditory Toolbox" (1998).
 *
 * @example
 * const tone = Float32Array.from({ length: 16_000 }, (_, i) => Math.sin((2 * Math.PI * 440 * i) / 16_000));
 * const fitted = await melSpectrogram({ output: "frames", mels: 40 }).fit([]);
 * const { cols, offsets } = await fitted.transform([{ samples: tone, sampleRateHz: 16_000 }]); // 40, [0, 32]
 */
export function melSpectrogram(params: MelSpectrogramFramesParams): FrameExtractor;
export function melSpectrogram(params?: MelSpectrogramStatisticsParams): Extractor<AudioInput, Dense>;
export function melSpectrogram(
  params: MelSpectrogramFramesParams | MelSpectrogramStatisticsParams = {},
): Extractor<AudioInput> {
  const type = "@mmub/audio/mel-spectrogram";
  const settings = checkedMel(type, params);
  const names = Array.from({ length: settings.mels }, (_, i) => `mel${i}`);
  return frameExtractor({ type, settings, output: checkedOutput(type, params), names, ...melSpectra(settings) });
}

/**
 * The logarithm of the mel spectrogram, in dB as `librosa.power_to_db(melspectrogram)` or natural. With `style: "kaldi"` the
 * numbers of Kaldi's compute-fbank-feats.
 *
 * Output as of `melSpectrogram`. With `topDb` a frame depends on the loudest of its recording, and cannot be streamed; with `topDb: null`
 * it can. Cost: about 2 µs a frame of 512 samples.
 *
 * @example
 * const tone = Float32Array.from({ length: 16_000 }, (_, i) => Math.sin((2 * Math.PI * 440 * i) / 16_000));
 * const fitted = await logMel({ output: "frames", mels: 40, topDb: null }).fit([]);
 * const stream = fitted.stream!();
 * const first = stream.push(tone.subarray(0, 9_000)); // what the first 9000 samples complete
 * const rest = [stream.push(tone.subarray(9_000)), stream.end()];
 * console.log(first.offsets, rest.length); // [0, 16] 2
 */
export function logMel(params: LogMelFramesParams): FrameExtractor;
export function logMel(params?: LogMelStatisticsParams): Extractor<AudioInput, Dense>;
export function logMel(params: LogMelFramesParams | LogMelStatisticsParams = {}): Extractor<AudioInput> {
  const type = "@mmub/audio/log-mel";
  const mel = checkedMel(type, params);
  const { scale = mel.speech ? "natural" : "decibels", amin = mel.speech?.leastPower ?? 1e-10 } = params;
  const { topDb = scale === "decibels" && params.style !== "torchaudio" ? 80 : null } = params;
  const { number, oneOf } = paramChecks(type);
  oneOf("scale", scale, ["decibels", "natural"]);
  number("amin", amin, amin >= 1e-37 && amin <= 1e37, "a positive number from 1e-37 to 1e37");
  if (topDb !== null) number("topDb", topDb, topDb >= 0, "a number from 0 or null");
  const settings = { ...mel, scale, amin, topDb };
  const bands = melSpectra(settings);
  const factor = scale === "decibels" ? 10 * Math.log10(2) : Math.LN2;
  const logged = (powers: Float32Array): Float32Array => {
    if (topDb === null) decibels(powers, amin, factor);
    else powerToDb(powers, scale === "decibels" ? topDb : (topDb * Math.LN10) / 10, amin, factor);
    return powers;
  };
  const names = Array.from({ length: settings.mels }, (_, i) => `log mel${i}`);
  return frameExtractor({
    ...{ type, settings, output: checkedOutput(type, params), names },
    frames: (samples) => logged(bands.frames(samples)),
    ...(topDb === null && { stream: () => mappedStream(bands.stream(), logged) }),
  });
}
