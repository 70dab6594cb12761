import { checkParam, type Dense, type Extractor, library, MmubError, type Sequence } from "@mmub/core";
import type { AudioInput } from "./audio-input.js";
import {
  checkedFrames,
  checkedOutput,
  type FramesOutput,
  frameExtractor,
  paramChecks,
  type StatisticsOutput,
} from "./frame-params.js";
import { framer } from "./frames.js";

const type = "@mmub/audio/meyda-features";

const numbers = [
  "rms",
  "energy",
  "zcr",
  "spectralCentroid",
  "spectralSlope",
  "spectralRolloff",
  "spectralFlatness",
  "spectralSpread",
  "spectralSkewness",
  "spectralKurtosis",
  "spectralCrest",
  "perceptualSpread",
  "perceptualSharpness",
] as const;
const vectors = ["loudness", "mfcc", "chroma", "melBands", "amplitudeSpectrum", "powerSpectrum"] as const;
/** Meyda's name of a descriptor. Its `spectralFlux` is not there: it fails in Meyda 5 itself. */
export type MeydaFeature = (typeof numbers)[number] | (typeof vectors)[number];

interface CommonParams {
  /** What is computed of each frame, in this order. @default all that are one number */
  readonly features?: readonly MeydaFeature[];
  /** @default 16_000 */
  readonly sampleRateHz?: number;
  /** Samples of a frame, a power of 2 from 64. Meyda's `bufferSize`. @default 512 */
  readonly fftSize?: number;
  /** Samples from one frame to the next. @default fftSize */
  readonly hopLength?: number;
  /** Meyda's `windowingFunction`. @default "hanning" */
  readonly window?: "hanning" | "hamming" | "blackman" | "sine" | "rect";
  /** Bands of `melBands` and `mfcc`. @default 26 */
  readonly melBands?: number;
  /** Coefficients of `mfcc`, at most `melBands` and 40. Meyda's `numberOfMFCCCoefficients`. @default 13 */
  readonly coefficients?: number;
  /** @default 12 */
  readonly chromaBands?: number;
  /** Bands of `loudness`. Meyda's `numberOfBarkBands`. @default 24 */
  readonly barkBands?: number;
}
export type MeydaFramesParams = CommonParams & FramesOutput;
export type MeydaStatisticsParams = CommonParams & StatisticsOutput;

/** What is used of Meyda: an object whose settings and tables are its own properties. */
interface Meyda {
  extract(features: readonly string[], signal: Float32Array): Record<string, unknown>;
}

/**
 * The descriptors of the library Meyda, with its numbers and its units (frequencies in bins, not in Hz). Meyda keeps its settings, and tables made of
 * them, in one object for the whole process, where a second size of frames finds the first one's tables; each extractor here has an object
 * of its own, so that any number of them, and a Meyda used elsewhere, leave each other alone.
 *
 * Output: Dense, `statistics` of each descriptor over the frames, or with `output: "frames"` a Sequence; a vector has a column for each of its
 * numbers, `loudness` its total first. Frames begin at the first sample and are not padded. What Meyda cannot tell of a silent frame (a division by
 * 0) is 0. Rejects as `mfcc`, and recordings shorter than a frame; `missing-library` without Meyda: `npm install meyda`.
 * Cost: about 0.1 ms a frame of 512 samples; `mfcc` takes a fiftieth or less.
 * Source: Rawlinson, Segal and Fiala, "Meyda: an audio feature extraction library for the Web Audio API" (2015).
 *
 * @example
 * const tone = Float32Array.from({ length: 16_000 }, (_, i) => Math.sin((2 * Math.PI * 440 * i) / 16_000));
 * const fitted = await meydaFeatures({ features: ["rms", "loudness"], output: "frames" }).fit([]);
 * const { cols, offsets } = await fitted.transform([{ samples: tone, sampleRateHz: 16_000 }]); // 26, [0, 31]
 */
export function meydaFeatures(params: MeydaFramesParams): Extractor<AudioInput, Sequence>;
export function meydaFeatures(params?: MeydaStatisticsParams): Extractor<AudioInput, Dense>;
export function meydaFeatures(params: MeydaFramesParams | MeydaStatisticsParams = {}): Extractor<AudioInput> {
  const { features = numbers, window = "hanning" } = params;
  const { melBands = 26, coefficients = 13, chromaBands = 12, barkBands = 24 } = params;
  const { sampleRateHz = 16_000, fftSize = 512, hopLength = fftSize } = params;
  const frames = checkedFrames(type, { sampleRateHz, fftSize, hopLength, center: false });
  const known: readonly string[] = [...numbers, ...vectors];
  const { whole, number, oneOf } = paramChecks(type);
  checkParam(type, "features", features, Array.isArray(features) && features.length > 0, "an array of names");
  for (const feature of features) oneOf("features", feature, known);
  number("fftSize", fftSize, fftSize >= 64 && Number.isInteger(Math.log2(fftSize)), "a power of 2 from 64");
  oneOf("window", window, ["hanning", "hamming", "blackman", "sine", "rect"]);
  whole("melBands", melBands, 1, 1024);
  whole("coefficients", coefficients, 1, Math.min(40, melBands));
  whole("chromaBands", chromaBands, 1, 1024);
  whole("barkBands", barkBands, 1, fftSize / 4);
  const sizes: Readonly<Record<string, number>> = {
    ...{ loudness: 1 + barkBands, mfcc: coefficients, chroma: chromaBands, melBands },
    ...{ amplitudeSpectrum: fftSize / 2, powerSpectrum: fftSize / 2 },
  };
  const names = features.flatMap((feature) => {
    const size = sizes[feature];
    if (size === undefined) return [feature];
    const each = Array.from({ length: size }, (_, i) => `${feature}${i}`);
    return feature === "loudness" ? ["loudness", ...each.slice(0, -1)] : each;
  });
  const { count } = framer(frames);
  let meyda: Meyda | undefined;

  const { windowLength: _, padMode: __, center: ___, ...kept } = frames;
  const settings = { ...kept, features: [...features], window, melBands, coefficients, chromaBands, barkBands };
  const extractor = frameExtractor({
    ...{ type, names, output: checkedOutput(type, params) },
    settings: { ...frames, ...settings } as typeof frames,
    frames(samples) {
      const out = new Float32Array(count(samples.length) * names.length);
      for (let frame = 0, at = 0; at < out.length; frame++) {
        const from = frame * frames.hopLength;
        const found = meyda!.extract(features, samples.slice(from, from + fftSize));
        for (const feature of features) at = write(found[feature], feature, out, at);
      }
      return out;
    },
  });
  const open = async () => {
    meyda ??= Object.assign({}, await loadMeyda(), {
      ...{ bufferSize: fftSize, sampleRate: frames.sampleRateHz, windowingFunction: window },
      ...{ melBands, chromaBands, numberOfMFCCCoefficients: coefficients, numberOfBarkBands: barkBands },
      // Tables of others, which Meyda would take for its own.
      ...{ barkScale: undefined, melFilterBank: undefined, chromaFilterBank: undefined },
    });
  };
  return {
    ...extractor,
    async fit(...args) {
      await open();
      return extractor.fit(...args);
    },
    async load(...args) {
      await open();
      return extractor.load(...args);
    },
  };
}

async function loadMeyda(): Promise<Meyda> {
  const { default: meyda } = await library(type, "meyda", () => import("meyda"));
  return meyda as unknown as Meyda;
}

/** The numbers of a descriptor, what is not finite as 0; gives where the next one goes. */
function write(value: unknown, feature: string, out: Float32Array, at: number): number {
  const put = (one: number) => {
    out[at++] = Number.isFinite(Math.fround(one)) ? one : 0;
  };
  if (typeof value === "number") put(value);
  else if (feature === "loudness") {
    const { total, specific } = value as { readonly total: number; readonly specific: Float32Array };
    put(total);
    for (const one of specific) put(one);
  } else if (value && typeof value === "object") for (const one of Array.from(value as ArrayLike<number>)) put(one);
  else
    throw new MmubError("invalid-input", {
      part: type,
      message: `Meyda gave no ${feature}; is its version 5.6 or newer?`,
    });
  return at;
}
