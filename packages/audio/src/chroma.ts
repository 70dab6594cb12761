import type { Dense, Extractor } from "@mmub/core";
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
import { bandFilters, type MelFilters } from "./mel.js";
import { mappedStream, spectra } from "./spectra.js";

interface ChromaParams extends FrameParams {
  /** Pitch classes of an octave. librosa's `n_chroma`. @default 12 */
  readonly bins?: number;
  /** How far the recording is from 440 Hz, in bins from -0.5 to 0.5; null: it is estimated of each recording. @default null */
  readonly tuning?: number | null;
  /** "max": the largest of a frame is 1. null: the energies themselves. librosa's `norm` inf or None. @default "max" */
  readonly norm?: "max" | null;
}
export type ChromaFramesParams = ChromaParams & FramesOutput;
export type ChromaStatisticsParams = ChromaParams & StatisticsOutput;

/**
 * Chroma: the energy in each of the twelve pitch classes, whatever the octave. The numbers are those of `librosa.feature.chroma_stft`,
 * the estimate of the tuning included.
 *
 * Output: Dense, `statistics` of each class over time, or with `output: "frames"` a Sequence of `bins` columns, C first. Frames, missing
 * recordings and errors as of `stft`; with a number as `tuning` it can be streamed. Cost: an FFT and `bins` sums over its bins a frame.
 * Source: Ellis, "Chroma feature analysis and synthesis" (2007).
 *
 * @example
 * const tone = Float32Array.from({ length: 16_000 }, (_, i) => Math.sin((2 * Math.PI * 440 * i) / 16_000));
 * const fitted = await chroma({ statistics: ["mean"] }).fit([]);
 * const { data } = await fitted.transform([{ samples: tone, sampleRateHz: 16_000 }]); // data[9], the A, is 1
 */
export function chroma(params: ChromaFramesParams): FrameExtractor;
export function chroma(params?: ChromaStatisticsParams): Extractor<AudioInput, Dense>;
export function chroma(params: ChromaFramesParams | ChromaStatisticsParams = {}): Extractor<AudioInput> {
  const type = "@mmub/audio/chroma";
  const { bins = 12, tuning = null, norm = "max" } = params;
  const { whole, number, oneOf } = paramChecks(type);
  whole("bins", bins, 1, 120);
  if (tuning !== null) number("tuning", tuning, Math.abs(tuning) <= 0.5, "a number from -0.5 to 0.5, or null");
  oneOf("norm", norm, ["max", null]);
  const settings = { ...checkedFrames(type, params), bins, tuning, norm };
  const analysis = spectra({ ...settings, power: 2 });
  const fixed = tuning === null ? undefined : chromaFilters(settings, tuning);

  const classes = (powers: Float32Array, filters: MelFilters): Float32Array => {
    const count = powers.length / analysis.cols;
    const out = new Float32Array(count * bins);
    for (let i = 0; i < count; i++) {
      const row = out.subarray(i * bins, (i + 1) * bins);
      filters.apply(powers.subarray(i * analysis.cols, (i + 1) * analysis.cols), row);
      const largest = Math.max(...row);
      if (norm === "max" && largest > tiny) for (let c = 0; c < bins; c++) row[c] = row[c]! / largest;
    }
    return out;
  };
  const keys = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"];
  const names = Array.from({ length: bins }, (_, i) => (bins === 12 ? keys[i]! : `chroma${i}`));
  return frameExtractor({
    ...{ type, settings, output: checkedOutput(type, params), names },
    frames(samples) {
      const powers = analysis.frames(samples);
      return classes(powers, fixed ?? chromaFilters(settings, estimatedTuning(powers, settings)));
    },
    ...(fixed && { stream: () => mappedStream(analysis.stream(), (powers) => classes(powers, fixed)) }),
  });
}

/** The least normal float32, below which librosa does not divide. */
const tiny = 1.1754943508222875e-38;

type ChromaSettings = CheckedFrames & { readonly bins: number };

/** As `librosa.filters.chroma`: bumps about the classes, columns of length 1, weighted about the fifth octave. */
function chromaFilters({ sampleRateHz, fftSize, bins }: ChromaSettings, tuning: number): MelFilters {
  const a0 = (440 * 2 ** (tuning / bins)) / 16;
  const last = fftSize >> 1;
  // In pitch classes above A0; the bin of 0 Hz is put one octave and a half below the next.
  const positions = Float64Array.from(
    { length: last + 2 },
    (_, bin) => bins * Math.log2((bin * sampleRateHz) / fftSize / a0),
  );
  positions[0] = positions[1]! - 1.5 * bins;
  const half = Math.round(bins / 2);
  const columns = Array.from({ length: last + 1 }, (_, bin) => {
    const width = Math.max(1, positions[bin + 1]! - positions[bin]!);
    const column = Float64Array.from({ length: bins }, (_, c) => {
      const distance = ((((positions[bin]! - c + half + 10 * bins) % bins) + bins) % bins) - half;
      return Math.exp(-0.5 * ((2 * distance) / width) ** 2);
    });
    const length = Math.hypot(...column);
    const octave = Math.exp(-0.5 * ((positions[bin]! / bins - 5) / 2) ** 2);
    return column.map((value) => (value / length) * octave);
  });
  const turn = 3 * Math.floor(bins / 12);
  return bandFilters(bins, last, (c) => (bin) => columns[bin]![(c + turn) % bins]!);
}

/** As `librosa.estimate_tuning` of a power spectrogram: where most of its louder peaks lie between two classes. */
function estimatedTuning(powers: Float32Array, { sampleRateHz, fftSize, bins }: ChromaSettings): number {
  const cols = (fftSize >> 1) + 1;
  const [pitches, peaks]: [number[], number[]] = [[], []];
  const hz = (bin: number) => (bin * sampleRateHz) / fftSize;
  const top = Math.min(4000, sampleRateHz / 2);
  for (let at = 0; at < powers.length; at += cols) {
    let largest = 0;
    for (let bin = 0; bin < cols; bin++) largest = Math.max(largest, powers[at + bin]!);
    const loud = (bin: number): number => (powers[at + bin]! > 0.1 * largest ? powers[at + bin]! : 0);
    for (let bin = 1; bin < cols; bin++) {
      const [left, value, right] = [loud(bin - 1), loud(bin), loud(Math.min(cols - 1, bin + 1))];
      if (!(value > left && value >= right && hz(bin) >= 150 && hz(bin) < top)) continue;
      const [before, after] = [powers[at + bin - 1]!, powers[at + Math.min(cols - 1, bin + 1)]!];
      const inside = bin < cols - 1;
      const curve = before + after - 2 * value;
      const rise = inside ? (after - before) / 2 : value - before;
      const shift = !inside || Math.abs(rise) >= Math.abs(curve) ? 0 : -rise / curve;
      pitches.push(hz(bin + shift));
      peaks.push(value + 0.5 * rise * shift);
    }
  }
  if (pitches.length === 0) return 0;
  const sorted = Float64Array.from(peaks).sort();
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  const counts = new Uint32Array(100);
  for (const [i, pitch] of pitches.entries()) {
    if (peaks[i]! < median) continue;
    const position = bins * Math.log2(pitch / 27.5);
    let rest = position - Math.floor(position);
    if (rest >= 0.5) rest -= 1;
    counts[Math.min(99, Math.floor((rest + 0.5) * 100 + 1e-9))]!++;
  }
  return counts.indexOf(Math.max(...counts)) / 100 - 0.5;
}
