import { checkParam, type Dense, type Extractor } from "@mmub/core";
import { type AudioInput, sampleRates } from "./audio-input.js";
import { cosineRows } from "./cosine-transform.js";
import { addDeltas } from "./deltas.js";
import { checkedOutput, type FrameExtractor, frameExtractor } from "./frame-params.js";
import type { PadMode } from "./frames.js";
import { mappedStream, melSpectra, powerToDb } from "./spectra.js";
import type { Statistic } from "./statistics.js";
import { type Window, windowNames } from "./window.js";

const type = "@mmub/audio/mfcc";

interface CommonParams {
  /**
   * The rate at which everything is computed, in Hz; recordings of another rate are resampled. librosa's `sr`.
   * @default 16_000
   */
  readonly sampleRateHz?: number;
  /**
   * Coefficients kept of each frame, from the 0th (the loudness) on; at most `mels`. librosa's `n_mfcc`.
   * @default 20
   */
  readonly coefficients?: number;
  /** The type of the discrete cosine transform. librosa's `dct_type`. @default 2 */
  readonly dctType?: 1 | 2 | 3;
  /** "ortho": the transform is orthonormal. null: it is not scaled. @default "ortho" */
  readonly norm?: "ortho" | null;
  /** Coefficient n is multiplied by 1 + lifter / 2 * sin(π (n + 1) / lifter); 0: it is not. @default 0 */
  readonly lifter?: number;
  /**
   * Samples of a frame that is transformed, from 2 to 1048576; any number, products of 2, 3 and 5 are fast. librosa's
   * `n_fft`.
   * @default 2048
   */
  readonly fftSize?: number;
  /** Samples under the window, which stands in the middle of the frame. librosa's `win_length`. @default fftSize */
  readonly windowLength?: number;
  /** Samples from one frame to the next. librosa's `hop_length`. @default 512 */
  readonly hopLength?: number;
  /** The periodic window by SciPy's name, or a number: the beta of a Kaiser window. @default "hann" */
  readonly window?: Window;
  /**
   * Frame t stands with its middle at sample t * hopLength and the clip is padded; or else with its start.
   * @default true
   */
  readonly center?: boolean;
  /**
   * What a centred frame sees outside of the clip: silence, the clip reflected, or its outermost sample. librosa's
   * `pad_mode`.
   * @default "constant"
   */
  readonly padMode?: PadMode;
  /** The exponent of the magnitude spectrum, above 0 and up to 8: 1 for magnitude, 2 for power. @default 2 */
  readonly power?: number;
  /** Bands of the mel spectrogram. librosa's `n_mels`. @default 128 */
  readonly mels?: number;
  /** The lowest frequency of the bands, in Hz. librosa's `fmin`. @default 0 */
  readonly fMinHz?: number;
  /**
   * The highest frequency of the bands, in Hz, at most sampleRateHz / 2. librosa's `fmax`.
   * @default sampleRateHz / 2
   */
  readonly fMaxHz?: number;
  /** The mel scale of HTK in place of Slaney's. @default false */
  readonly htk?: boolean;
  /** "slaney": every band has the same area. null: every band peaks at 1. librosa's `mel_norm`. @default "slaney" */
  readonly melNorm?: "slaney" | null;
  /**
   * Bands more than this many dB below the clip's loudest are raised to there; null: none is. librosa's `top_db`.
   * @default 80
   */
  readonly topDb?: number | null;
  /**
   * 1: the slope of each coefficient over time is added; 2: its second derivative too. `librosa.feature.delta`.
   * @default 0
   */
  readonly deltas?: 0 | 1 | 2;
  /**
   * Frames that a delta looks at, an odd number from 3; a shorter clip uses as many as it has. librosa's `width`.
   * @default 9
   */
  readonly deltaWidth?: number;
}

export interface MfccStatisticsParams extends CommonParams {
  /** One row a recording: `statistics` over its frames. @default "statistics" */
  readonly output?: "statistics";
  /**
   * What is kept of each column over time: mean, std, min, max, median, slope (a frame) and percentiles from "p0" to "p100".
   * @default ["mean", "std"]
   */
  readonly statistics?: readonly Statistic[];
}

export interface MfccFramesParams extends CommonParams {
  /** One step a frame, in order. */
  readonly output: "frames";
}

/**
 * Mel-frequency cepstral coefficients: the shape of the spectrum as the ear hears it, frame by frame. The numbers are
 * those of `librosa.feature.mfcc` for the same params, within 1e-5 of the largest of a clip.
 *
 * Output: Dense, one row a recording, each of `statistics` over its frames, the columns of the first statistic first
 * ("mfcc0 mean", "delta mfcc3 std"); or with `output: "frames"` a Sequence, one step a frame, columns `mfcc0`, `mfcc1`, …,
 * then `delta mfcc0`, …, then `delta2 mfcc0`, … A centred clip of n samples has 1 + floor(n / hopLength) frames (fftSize
 * even), one shorter than a frame too. Values are in dB times the scale of the transform. A missing recording is a zero
 * row or no step, with `present` 0. Deltas of a clip of fewer frames than `deltaWidth` use the widest odd number that
 * fits, where librosa refuses, and are 0 under three frames.
 * Rejects (`invalid-input`, with the index) unreadable and broken WAV files, NaN and infinities, recordings without a
 * sample, rates outside of 1 to 768 kHz and, unless `center`, those shorter than a frame.
 * Cost: about 2 µs a frame of 512 samples. Nothing is learned: `fit` needs no recordings. With `topDb: null` and no deltas, frames can be
 * streamed.
 * Source: Davis and Mermelstein, IEEE Trans. ASSP 28 (1980); McFee et al., "librosa" (2015).
 *
 * @example
 * const tone = Float32Array.from({ length: 16_000 }, (_, i) => Math.sin((2 * Math.PI * 440 * i) / 16_000));
 * const fitted = await mfcc({ coefficients: 13 }).fit([]);
 * const { rows, cols } = await fitted.transform([{ samples: tone, sampleRateHz: 16_000 }]); // 1, 26
 */
export function mfcc(params: MfccFramesParams): FrameExtractor;
export function mfcc(params?: MfccStatisticsParams): Extractor<AudioInput, Dense>;
export function mfcc(params: MfccFramesParams | MfccStatisticsParams = {}): Extractor<AudioInput> {
  const settings = checked(params);
  const { coefficients, deltas, topDb } = settings;
  const names = ["", "delta ", "delta2 "]
    .slice(0, 1 + deltas)
    .flatMap((prefix) => Array.from({ length: coefficients }, (_, i) => `${prefix}mfcc${i}`));
  const bands = melSpectra(settings);
  const cepstrum = cosineRows(settings);
  const coded = (powers: Float32Array): Float32Array => {
    powerToDb(powers, topDb);
    return cepstrum(powers);
  };
  return frameExtractor({
    ...{ type, settings, output: settings, names },
    frames: (samples) => withDeltas(coded(bands.frames(samples)), settings),
    ...(topDb === null && deltas === 0 && { stream: () => mappedStream(bands.stream(), coded) }),
  });
}

type Settings = Required<CommonParams> &
  ({ readonly output: "frames" } | { readonly output: "statistics"; readonly statistics: readonly Statistic[] });

function checked(params: MfccFramesParams | MfccStatisticsParams): Settings {
  const { sampleRateHz = 16_000, fftSize = 2048 } = params;
  const common: Required<CommonParams> = {
    sampleRateHz,
    coefficients: params.coefficients ?? 20,
    dctType: params.dctType ?? 2,
    norm: params.norm === undefined ? "ortho" : params.norm,
    lifter: params.lifter ?? 0,
    fftSize,
    windowLength: params.windowLength ?? fftSize,
    hopLength: params.hopLength ?? 512,
    window: params.window ?? "hann",
    center: params.center ?? true,
    padMode: params.padMode ?? "constant",
    power: params.power ?? 2,
    mels: params.mels ?? 128,
    fMinHz: params.fMinHz ?? 0,
    fMaxHz: params.fMaxHz ?? sampleRateHz / 2,
    htk: params.htk ?? false,
    melNorm: params.melNorm === undefined ? "slaney" : params.melNorm,
    topDb: params.topDb === undefined ? 80 : params.topDb,
    deltas: params.deltas ?? 0,
    deltaWidth: params.deltaWidth ?? 9,
  };
  const check = (name: keyof typeof common, ok: boolean, want: string): void =>
    checkParam(type, name, common[name], ok, want);
  const whole = (name: keyof typeof common, from: number, to: number): void => {
    const value = common[name] as number;
    check(name, Number.isInteger(value) && value >= from && value <= to, `an integer from ${from} to ${to}`);
  };
  const oneOf = (name: keyof typeof common, values: readonly unknown[]): void =>
    check(
      name,
      values.includes(common[name]),
      values
        .map((value) => JSON.stringify(value))
        .join(", ")
        .replace(/, ([^,]*)$/, " or $1"),
    );

  whole("sampleRateHz", sampleRates.from, sampleRates.to);
  whole("fftSize", 2, 2 ** 20);
  whole("windowLength", 1, fftSize);
  whole("hopLength", 1, 2 ** 30);
  whole("mels", common.dctType === 1 ? 2 : 1, 2 ** 16);
  whole("coefficients", 1, common.mels);
  oneOf("dctType", [1, 2, 3]);
  oneOf("norm", ["ortho", null]);
  oneOf("padMode", ["constant", "reflect", "edge"]);
  oneOf("center", [true, false]);
  oneOf("htk", [true, false]);
  oneOf("melNorm", ["slaney", null]);
  oneOf("deltas", [0, 1, 2]);
  whole("deltaWidth", 3, 2 ** 16 - 1);
  check("deltaWidth", common.deltaWidth % 2 === 1, "an odd integer");
  const { window, lifter, power, fMinHz, fMaxHz, topDb } = common;
  check("lifter", Number.isFinite(lifter) && lifter >= 0, "a number from 0");
  check("power", power > 0 && power <= 8, "a number above 0, up to 8");
  check("fMaxHz", fMaxHz > 0 && fMaxHz <= sampleRateHz / 2, `above 0, up to sampleRateHz / 2 = ${sampleRateHz / 2}`);
  check("fMinHz", fMinHz >= 0 && fMinHz < fMaxHz, `a frequency from 0 to below fMaxHz (${fMaxHz})`);
  check("topDb", topDb === null || (Number.isFinite(topDb) && topDb >= 0), "a number from 0 or null");
  check(
    "window",
    typeof window === "number" ? Number.isFinite(window) && window >= 0 && window <= 700 : windowNames.includes(window),
    `one of ${windowNames.join(", ")}, or the beta of a Kaiser window from 0 to 700`,
  );

  return { ...common, ...checkedOutput(type, params) };
}

/** Rows of coefficients with room behind each for its derivatives, which are filled in. */
function withDeltas(coded: Float32Array, { coefficients, deltas, deltaWidth }: Settings): Float32Array {
  if (deltas === 0) return coded;
  const width = coefficients * (1 + deltas);
  const out = new Float32Array(coded.length * (1 + deltas));
  for (let from = 0, to = 0; from < coded.length; from += coefficients, to += width)
    out.set(coded.subarray(from, from + coefficients), to);
  addDeltas(out, width, coefficients, coefficients, 1, deltaWidth);
  if (deltas === 2) addDeltas(out, width, coefficients, 2 * coefficients, 2, deltaWidth);
  return out;
}
