import { checkParam, type Dense, type Extractor, quantile } from "@mmub/core";
import { type AudioInput, sampleRates } from "./audio-input.js";
import { cosineTransform } from "./cosine-transform.js";
import { formantTrack } from "./formant-frames.js";
import { powerSpectrum } from "./fourier.js";
import { framer } from "./frames.js";
import { melFilters } from "./mel.js";
import { resampler } from "./resampler.js";
import { runs } from "./runs.js";
import { meanAndDeviation } from "./statistics.js";
import { voiceExtractor } from "./voice-frames.js";
import { jitter, shimmer } from "./voice-pulses.js";
import { voiceAnalyzer } from "./voice-quality.js";

const type = "@mmub/audio/voice-features";

export interface VoiceFeaturesParams {
  /** The rate at which all but formants are computed, in Hz, from 8000. @default 16_000 */
  readonly sampleRateHz?: number;
  /** The lowest pitch, in Hz. @default 65 */
  readonly fMinHz?: number;
  /** The highest pitch, in Hz. @default 500 */
  readonly fMaxHz?: number;
  /** The highest formant, in Hz. @default 5500 */
  readonly ceilingHz?: number;
}

const spread = ["mean", "std", "p20", "p50", "p80", "range"] as const;
const slopes = ["rise mean", "rise std", "fall mean", "fall std"] as const;
const cepstra = [1, 2, 3, 4] as const;
const tilts = ["alpha ratio", "hammarberg index", "slope 0-500", "slope 500-1500"] as const;
const pair = ["mean", "std"] as const;

const names = [
  ...[...spread, ...slopes].map((name) => `f0 ${name}`),
  ...[...spread, ...slopes].map((name) => `loudness ${name}`),
  "loudness peaks",
  "level",
  ...pair.map((name) => `flux ${name}`),
  ...cepstra.flatMap((i) => pair.map((name) => `mfcc${i} ${name}`)),
  ...cepstra.flatMap((i) => pair.map((name) => `voiced mfcc${i} ${name}`)),
  ...["jitter local", "jitter rap", "shimmer local dB", "shimmer apq3"],
  ...pair.map((name) => `harmonics to noise ${name}`),
  ...[1, 2, 3].flatMap((i) => [...pair.map((name) => `f${i} ${name}`), `f${i} width mean`, `f${i} level mean`]),
  ...tilts.flatMap((tilt) => pair.map((name) => `voiced ${tilt} ${name}`)),
  ...tilts.map((tilt) => `unvoiced ${tilt} mean`),
  ...[
    "voiced",
    "voiced pieces",
    "voiced length mean",
    "voiced length std",
    "unvoiced length mean",
    "unvoiced length std",
  ],
];

/**
 * How something is said, in 76 named numbers: pitch, loudness, timbre, evenness of the voice, formants, tempo. A set in the spirit of
 * eGeMAPS, for moods, ages and the state of a speaker; the columns can be read, so that a model of them can be explained.
 *
 * Output: Dense, one row a recording. Pitch in semitones above 27.5 Hz, over frames with a voice; "loudness" as the sum of the cube roots
 * of 26 mel bands; "range" from the 20th to the 80th percentile; "rise" and "fall" the slopes from valley to peak and back, a second;
 * "loudness peaks" and "voiced pieces" a second; "level" in dB; "flux" the change of the normalised spectrum from frame to frame;
 * jitter, shimmer and harmonics to noise as `voiceQuality` has them; formants as `formants` has them, in Hz, over frames with a voice,
 * "f1 level" in dB above the pitch's harmonic; "alpha ratio" (50-1000 to 1000-5000 Hz) and "hammarberg index" (loudest of 0-2000 to 2000-5000 Hz) in dB,
 * "slope" in dB a kHz, with and without a voice; "voiced" the share of frames, lengths of pieces in seconds. What a recording has nothing of is 0.
 * A missing recording is a zero row, with `present` 0.
 * Beside openSMILE's eGeMAPSv02: the same ideas, not the same numbers. Pitch is by pYIN and not by subharmonics, formants by Burg at Praat's
 * settings, jitter and shimmer over the whole recording by Praat's definitions, loudness without an equal-loudness curve, MFCC in dB; on RAVDESS
 * columns that both have correlate, see the README.
 * Rejects (`invalid-input`, with the index) unreadable recordings, NaN and infinities. Cost: 1.6 s for a minute.
 * Source: Eyben et al., "The Geneva Minimalistic Acoustic Parameter Set", IEEE Trans. Affective Computing 7 (2016).
 *
 * @example
 * const voice = Float32Array.from({ length: 8_000 }, (_, i) => (i % 100 === 0 ? 1 : 0) * (1 + 0.1 * Math.sin(i)));
 * const fitted = await voiceFeatures().fit([]);
 * const { data } = await fitted.transform([{ samples: voice, sampleRateHz: 16_000 }]);
 * console.log(fitted.names?.[0], data[0]); // f0 mean, 30.5: 160 Hz
 */
export function voiceFeatures(params: VoiceFeaturesParams = {}): Extractor<AudioInput, Dense> {
  const { sampleRateHz = 16_000, fMinHz = 65, fMaxHz = 500, ceilingHz = 5500 } = params;
  const check = (name: string, value: number, ok: boolean, want: string) => checkParam(type, name, value, ok, want);
  const isRate = Number.isInteger(sampleRateHz) && sampleRateHz >= 8000 && sampleRateHz <= sampleRates.to;
  check("sampleRateHz", sampleRateHz, isRate, `an integer from 8000 to ${sampleRates.to}`);
  check("fMinHz", fMinHz, fMinHz >= 20 && fMinHz <= 1000, "a frequency from 20 to 1000");
  check("fMaxHz", fMaxHz, fMaxHz > fMinHz && fMaxHz <= sampleRateHz / 4, `above fMinHz, up to ${sampleRateHz / 4}`);
  const isCeiling = Number.isInteger(ceilingHz) && ceilingHz >= 500 && ceilingHz <= 24_000;
  check("ceilingHz", ceilingHz, isCeiling, "an integer from 500 to 24000");

  const settings = { sampleRateHz, fMinHz, fMaxHz, ceilingHz };
  return voiceExtractor({
    type,
    params: settings,
    sampleRateHz,
    output: "statistics",
    names,
    analyze: analyzer(settings),
  }) as Extractor<AudioInput, Dense>;
}

type Settings = Required<VoiceFeaturesParams>;

const hopSeconds = 0.01;

function analyzer({ sampleRateHz: rate, fMinHz, fMaxHz, ceilingHz }: Settings) {
  const voiceOf = voiceAnalyzer(rate, fMinHz, fMaxHz);
  const spectra = spectrumAnalyzer(rate);
  const toFormants = rate === 2 * ceilingHz ? (x: Float32Array) => x : resampler({ fromHz: rate, toHz: 2 * ceilingHz });

  return (samples: Float32Array, index: number): Float32Array => {
    const { track, pulses, noise } = voiceOf(samples, index);
    const frames = spectra(samples);
    const voiced = (t: number) => track.voiced[t] === 1;
    const [sounding, rest] = [true, false].map((want) => [...frames.keys()].filter((t) => voiced(t) === want));
    const semitones = Array.from(track.f0, (hz) => 12 * Math.log2(hz / 27.5));
    const f0 = sounding!.map((t) => semitones[t]!);
    const loudness = frames.map((frame) => frame.loudness);
    const flux = frames.slice(1).map((frame, t) => distance(frame.bands, frames[t]!.bands));
    const peaks = turns(loudness).filter(({ top }) => top).length;
    const energy = samples.reduce((sum, value) => sum + value * value, 0) / samples.length;
    const j = jitter(pulses);
    const s = shimmer(samples, rate, pulses);

    const resampled = toFormants(samples);
    const { times, formants } = formantTrack(resampled, 2 * ceilingHz, {
      count: 5,
      windowMs: 25,
      hopMs: 1000 * hopSeconds,
      emphasisHz: 50,
    });
    const nearest = times.map((time) => Math.min(frames.length - 1, Math.round(time / hopSeconds)));
    const formantNumbers = [0, 1, 2].flatMap((k) => {
      const found = formants.flatMap((all, i) =>
        all[k] && voiced(nearest[i]!) ? [{ ...all[k], t: nearest[i]! }] : [],
      );
      const level = found.map(({ hz, t }) => frames[t]!.level(hz) - frames[t]!.level(track.f0[t]!));
      return [
        ...meanAndDeviation(found.map(({ hz }) => hz)),
        meanAndDeviation(found.map(({ width }) => width))[0]!,
        meanAndDeviation(level)[0]!,
      ];
    });
    const of = (at: readonly number[], read: (frame: Frame) => number) =>
      meanAndDeviation(at.map((t) => read(frames[t]!)));
    const all = [...frames.keys()];

    return Float32Array.from([
      ...spreadOf(f0),
      ...slopesOf(pieces(semitones, voiced)),
      ...spreadOf(loudness),
      ...slopesOf([loudness]),
      peaks / (samples.length / rate),
      10 * Math.log10(Math.max(1e-10, energy)),
      ...meanAndDeviation(flux),
      ...cepstra.flatMap((i) => of(all, ({ cepstrum }) => cepstrum[i]!)),
      ...cepstra.flatMap((i) => of(sounding!, ({ cepstrum }) => cepstrum[i]!)),
      ...[j.local, j.rap, s.localDb, s.apq3],
      ...meanAndDeviation(noise),
      ...formantNumbers,
      ...tilts.flatMap((_, i) => of(sounding!, ({ tilts }) => tilts[i]!)),
      ...tilts.map((_, i) => of(rest!, ({ tilts }) => tilts[i]!)[0]!),
      sounding!.length / Math.max(1, frames.length),
      ...lengths(frames.length, voiced),
    ]);
  };
}

/** What is kept of the spectrum of a frame. */
interface Frame {
  readonly loudness: number;
  /** Shares of the mel bands in the whole. */
  readonly bands: Float64Array;
  readonly cepstrum: Float32Array;
  readonly tilts: readonly number[];
  /** The level near a frequency, in dB. */
  level(hz: number): number;
}

function spectrumAnalyzer(rate: number): (samples: Float32Array) => Frame[] {
  const windowLength = Math.round(0.025 * rate);
  let fftSize = 1;
  while (fftSize < windowLength) fftSize *= 2;
  const hopLength = Math.round(hopSeconds * rate);
  const mels = 26;
  const top = Math.min(8000, rate / 2);
  const cut = framer({ fftSize, windowLength, hopLength, window: "hann", center: true, padMode: "constant" });
  const transform = powerSpectrum(fftSize);
  const filter = melFilters({ sampleRateHz: rate, fftSize, mels, fMinHz: 20, fMaxHz: top, htk: true, melNorm: null });
  const cosine = cosineTransform({ dctType: 2, norm: "ortho", mels, coefficients: 5, lifter: 22 });
  const frame = new Float64Array(fftSize);
  const power = new Float64Array((fftSize >> 1) + 1);
  const binOf = (hz: number) => Math.min(power.length - 1, Math.max(0, Math.round((hz * fftSize) / rate)));

  return (samples) =>
    Array.from({ length: cut.count(samples.length) }, (_, t) => {
      cut.load(samples, t, frame);
      transform(frame, power);
      const bands = new Float64Array(mels);
      filter.apply(power, bands);
      const decibels = Float32Array.from(bands, dB);
      const cepstrum = new Float32Array(5);
      cosine(decibels, 0, cepstrum, 0);
      const kept = Float32Array.from(power, dB);
      const loudness = bands.reduce((sum, band) => sum + Math.cbrt(band), 0);
      const whole = bands.reduce((sum, band) => sum + band, 0) || 1;
      return {
        loudness,
        bands: bands.map((band) => band / whole),
        cepstrum,
        tilts: [
          dB(sumOf(power, binOf(50), binOf(1000))) - dB(sumOf(power, binOf(1000), binOf(5000))),
          maxOf(kept, binOf(0), binOf(2000)) - maxOf(kept, binOf(2000), binOf(5000)),
          slopeOf(kept, binOf(0), binOf(500), rate / fftSize),
          slopeOf(kept, binOf(500), binOf(1500), rate / fftSize),
        ],
        // A harmonic may lie a bin beside where it is thought to be.
        level: (hz) => maxOf(kept, Math.max(0, binOf(hz) - 1), Math.min(kept.length, binOf(hz) + 2)),
      };
    });
}

const dB = (power: number) => 10 * Math.log10(Math.max(1e-10, power));

function sumOf(values: Float64Array, from: number, to: number): number {
  let sum = 0;
  for (let i = from; i < to; i++) sum += values[i]!;
  return sum;
}

function maxOf(values: Float32Array, from: number, to: number): number {
  let most = values[from]!;
  for (let i = from; i < to; i++) most = Math.max(most, values[i]!);
  return most;
}

// The slope of a line through levels, in dB a kHz.
function slopeOf(levels: Float32Array, from: number, to: number, binHz: number): number {
  const middle = (from + to - 1) / 2;
  let [product, squares] = [0, 0];
  for (let i = from; i < to; i++) {
    product += (i - middle) * levels[i]!;
    squares += (i - middle) ** 2;
  }
  return squares === 0 ? 0 : ((product / squares) * 1000) / binHz;
}

function distance(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2;
  return Math.sqrt(sum);
}

function spreadOf(values: readonly number[]): number[] {
  if (values.length === 0) return spread.map(() => 0);
  const sorted = Float64Array.from(values).sort();
  const [p20, p50, p80] = [0.2, 0.5, 0.8].map((share) => quantile(sorted, share)) as [number, number, number];
  return [...meanAndDeviation(values), p20, p50, p80, p80 - p20];
}

/** Valleys and peaks of a curve, its ends among them. */
function turns(curve: readonly number[]): { readonly at: number; readonly top: boolean }[] {
  const found: { at: number; top: boolean }[] = [];
  for (let t = 1; t < curve.length - 1; t++) {
    if (curve[t]! > curve[t - 1]! && curve[t]! >= curve[t + 1]!) found.push({ at: t, top: true });
    else if (curve[t]! < curve[t - 1]! && curve[t]! <= curve[t + 1]!) found.push({ at: t, top: false });
  }
  return found;
}

/** Mean and deviation of slopes upwards, then downwards, a second. */
function slopesOf(curves: readonly (readonly number[])[]): number[] {
  const [up, down]: [number[], number[]] = [[], []];
  for (const curve of curves) {
    const points = [0, ...turns(curve).map(({ at }) => at), curve.length - 1];
    for (let i = 1; i < points.length; i++) {
      const [from, to] = [points[i - 1]!, points[i]!];
      if (to <= from) continue;
      const slope = (curve[to]! - curve[from]!) / ((to - from) * hopSeconds);
      (slope >= 0 ? up : down).push(slope);
    }
  }
  return [...meanAndDeviation(up), ...meanAndDeviation(down)];
}

/** The runs of a curve where `inside` holds. */
function pieces(curve: readonly number[], inside: (t: number) => boolean): number[][] {
  return runs(curve, (_, t) => inside(t)).map(([from, to]) => curve.slice(from, to));
}

/** Voiced pieces a second; mean and deviation of their lengths and of those between, in seconds. */
function lengths(frames: number, voiced: (t: number) => boolean): number[] {
  const steps = Array.from({ length: frames }, (_, t) => t);
  const lengthsOf = (inside: (t: number) => boolean) => pieces(steps, inside).map((piece) => piece.length * hopSeconds);
  const sounding = lengthsOf(voiced);
  return [
    sounding.length / Math.max(hopSeconds, frames * hopSeconds),
    ...meanAndDeviation(sounding),
    ...meanAndDeviation(lengthsOf((t) => !voiced(t))),
  ];
}
