import type { Dense, Extractor } from "@mmub/core";
import { appended } from "./appended.js";
import type { AudioInput } from "./audio-input.js";
import { cosineRows } from "./cosine-transform.js";
import { addDeltas } from "./deltas.js";
import {
  checkedOutput,
  type FrameExtractor,
  type FramesOutput,
  frameExtractor,
  paramChecks,
  type StatisticsOutput,
} from "./frame-params.js";
import { checkedMel, type MelParams } from "./mel-spectrogram.js";
import { decibels, type FrameStream, logEnergies, melSpectra } from "./spectra.js";

const type = "@mmub/audio/mfcc";

interface CommonParams extends MelParams {
  /**
   * Coefficients kept of each frame, from the 0th (the loudness) on; at most `mels`. librosa's `n_mfcc`.
   * @default 20; 40 of the style "torchaudio", 13 of "kaldi" and "htk"
   */
  readonly coefficients?: number;
  /** The type of the discrete cosine transform. librosa's `dct_type`. @default 2 */
  readonly dctType?: 1 | 2 | 3;
  /** "ortho": the transform is orthonormal. null: it is not scaled. @default "ortho" */
  readonly norm?: "ortho" | null;
  /**
   * Coefficient n is multiplied by 1 + lifter / 2 * sin(π (n + 1) / lifter), of the styles "kaldi" and "htk" by 1 + lifter / 2 *
   * sin(π n / lifter); 0: it is not.
   * @default 0; 22 of the styles "kaldi" and "htk"
   */
  readonly lifter?: number;
  /**
   * Bands more than this many dB below the clip's loudest are raised to there; null: none is. librosa's `top_db`.
   * @default 80; null of the styles "kaldi" and "htk", which have no other
   */
  readonly topDb?: number | null;
  /** The logarithm of a frame's energy stands in the place of the 0th coefficient; of the styles "kaldi" and "htk" alone. Kaldi's `use_energy`. @default false */
  readonly energy?: boolean;
  /** The energy is raised to this, if it is below. Kaldi's `energy_floor`. @default 1 */
  readonly energyFloor?: number;
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

export type MfccStatisticsParams = CommonParams & StatisticsOutput;
export type MfccFramesParams = CommonParams & FramesOutput;

/**
 * Mel-frequency cepstral coefficients: the shape of the spectrum as the ear hears it, frame by frame. The numbers are
 * those of `librosa.feature.mfcc` for the same params, within 1e-5 of the largest of a clip, or with `style` those of torchaudio,
 * Kaldi or HTK.
 *
 * Output: Dense, one row a recording, each of `statistics` over its frames, the columns of the first statistic first
 * ("mfcc0 mean", "delta mfcc3 std"); or with `output: "frames"` a Sequence, one step a frame, columns `mfcc0`, `mfcc1`, …,
 * then `delta mfcc0`, …, then `delta2 mfcc0`, … A centred clip of n samples has 1 + floor(n / hopLength) frames (fftSize
 * even), one shorter than a frame too. Values are in dB times the scale of the transform. A missing recording is a zero
 * row or no step, with `present` 0. Deltas of a clip of fewer frames than `deltaWidth` use the widest odd number that
 * fits, where librosa refuses, and are 0 under three frames.
 * Rejects (`invalid-input`, with the index) unreadable and broken files, NaN and infinities, recordings without a
 * sample, rates outside of 1 to 768 kHz and, unless `center`, those shorter than a frame.
 * Cost: about 2 µs a frame of 512 samples. Nothing is learned: `fit` needs no recordings. With `topDb: null` frames can be
 * streamed, with deltas half of `deltaWidth` later.
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
  const { coefficients, deltas, topDb, speech, style, energy, energyFloor } = settings;
  const order = Array.from({ length: coefficients }, (_, i) => (style === "htk" ? (i + 1) % coefficients : i));
  const names = ["", "delta ", "delta2 "]
    .slice(0, 1 + deltas)
    .flatMap((prefix) => order.map((i) => `${prefix}mfcc${i}`));
  const bands = melSpectra(settings);
  const energies = speech && energy ? logEnergies({ ...settings, speech }, energyFloor) : undefined;
  const cepstrum = cosineRows(settings);
  const coded = (powers: Float32Array): Float32Array => {
    const loudest = speech ? decibels(powers, speech.leastPower, Math.LN2) : decibels(powers, 1e-10);
    return cepstrum(powers, topDb === null ? undefined : loudest - topDb);
  };
  const withEnergies = (rows: Float32Array, logs: Float32Array | undefined): Float32Array => {
    const place = order.indexOf(0);
    if (logs) for (let i = 0; i < logs.length; i++) rows[i * coefficients + place] = logs[i]!;
    return rows;
  };
  const stream = (): FrameStream => {
    const [spectrum, energy] = [bands.stream(), energies?.stream()];
    return {
      push: (samples) => withEnergies(coded(spectrum.push(samples)), energy?.push(samples)),
      end: () => withEnergies(coded(spectrum.end()), energy?.end()),
    };
  };
  return frameExtractor({
    ...{ type, settings, output: checkedOutput(type, params), names },
    frames: (samples) => withDeltas(withEnergies(coded(bands.frames(samples)), energies?.frames(samples)), settings),
    ...(topDb === null && { stream: () => (deltas === 0 ? stream() : withDeltasOf(stream(), settings)) }),
  });
}

type Settings = ReturnType<typeof checked>;

function checked(params: MfccFramesParams | MfccStatisticsParams) {
  const mel = checkedMel(type, params);
  const coefficientsOf = { librosa: 20, torchaudio: 40, kaldi: 13, htk: 13 };
  const { style = "librosa", dctType = 2, norm = "ortho", deltas = 0, deltaWidth = 9, energy, energyFloor } = params;
  const { coefficients = coefficientsOf[style], lifter = mel.speech ? 22 : 0 } = params;
  const { topDb = mel.speech ? null : 80 } = params;
  const { whole, number, oneOf } = paramChecks(type);
  whole("coefficients", coefficients, 1, mel.mels);
  oneOf("dctType", dctType, [1, 2, 3]);
  if (dctType === 1) whole("mels", mel.mels, 2, 2 ** 16);
  oneOf("norm", norm, ["ortho", null]);
  oneOf("deltas", deltas, [0, 1, 2]);
  whole("deltaWidth", deltaWidth, 3, 2 ** 16 - 1);
  number("deltaWidth", deltaWidth, deltaWidth % 2 === 1, "an odd integer");
  number("lifter", lifter, lifter >= 0, "a number from 0");
  if (topDb !== null) number("topDb", topDb, topDb >= 0, "a number from 0 or null");
  if (mel.speech) {
    oneOf(`topDb of style "${style}"`, topDb, [null]);
    oneOf("energy", energy ?? false, [true, false]);
    number("energyFloor", energyFloor ?? 1, (energyFloor ?? 1) >= 0, "a number from 0");
  } else
    for (const [name, value] of Object.entries({ energy, energyFloor }))
      oneOf(`${name} of style "${style}"`, value, [undefined]);
  return {
    ...{ ...mel, coefficients, dctType, norm, lifter, topDb, deltas, deltaWidth },
    ...(mel.speech && { energy: energy ?? false, energyFloor: energyFloor ?? 1 }),
  } as typeof mel &
    Pick<Required<CommonParams>, "coefficients" | "dctType" | "norm" | "lifter" | "topDb" | "deltas" | "deltaWidth"> & {
      readonly energy?: boolean;
      readonly energyFloor: number;
    };
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

/** Coefficients with their derivatives, once all the frames are there that these look at. */
function withDeltasOf({ push, end }: FrameStream, settings: Settings): FrameStream {
  const { coefficients, deltas, deltaWidth } = settings;
  const width = coefficients * (1 + deltas);
  let kept = new Float32Array(0);
  /** Frames of `kept` that were given. */
  let given = 0;
  const next = (rows: Float32Array, last: boolean): Float32Array => {
    kept = appended(kept, rows);
    const count = kept.length / coefficients;
    const until = last ? count : count < deltaWidth ? 0 : count - (deltaWidth >> 1);
    if (until <= given) return new Float32Array(0);
    const out = withDeltas(kept, settings).slice(given * width, until * width);
    // The last window, which those at the end take too.
    const from = Math.max(0, count - deltaWidth);
    kept = kept.slice(from * coefficients);
    given = until - from;
    return out;
  };
  return {
    push: (samples) => next(push(samples), false),
    end() {
      const out = next(end(), true);
      [kept, given] = [new Float32Array(0), 0];
      return out;
    },
  };
}
