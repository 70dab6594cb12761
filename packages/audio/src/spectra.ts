import { type FourierTables, kernels, type SpectraFilters, type SpectraOptions, spectraTables } from "@mmub/kernels";
import { appended } from "./appended.js";
import { complexFourier } from "./fourier.js";
import { type FrameSettings, framer, prepareSpeech, type SpeechFrames } from "./frames.js";
import { type MelFilters, type MelSettings, melFilters } from "./mel.js";
import { blockNumbers, inRoom } from "./room.js";

export interface SpectraSettings extends FrameSettings {
  /** The exponent of the magnitude: 1 for magnitude, 2 for power. */
  readonly power: number;
}

/** What the frames of a clip become: `cols` numbers a frame. */
export interface Analysis {
  readonly cols: number;
  /** How many frames a clip of `length` samples has. */
  count(length: number): number;
  /** Row-major, frames x cols; a clip of no frame gives an empty array. It serves one clip at a time. */
  frames(samples: Float32Array): Float32Array;
  /** The same frames of a clip that comes in pieces. It serves one clip at a time. */
  stream(): FrameStream;
}

export interface FrameStream {
  /** The frames that these samples, which follow those before, complete. */
  push(samples: Float32Array): Float32Array;
  /** The frames at the end of the clip. */
  end(): Float32Array;
}

/** The frames of `stream`, and what `map` makes of them. */
export function mappedStream({ push, end }: FrameStream, map: (frames: Float32Array) => Float32Array): FrameStream {
  return { push: (samples) => map(push(samples)), end: () => map(end()) };
}

/** Spectra of the frames of a clip, (fftSize >> 1) + 1 bins each, as `abs(librosa.stft(y)) ** power`. */
export function spectra(settings: SpectraSettings): Analysis {
  return spectral(settings, settings.power);
}

/** Real and imaginary part of each bin in turn, as `librosa.stft(y)`. */
export function complexSpectra(settings: FrameSettings): Analysis {
  return spectral(settings, undefined);
}

/** Mel bands of the frames of a clip, as `librosa.feature.melspectrogram`. */
export function melSpectra(settings: SpectraSettings & MelSettings): Analysis {
  return spectral(settings, settings.power, melFilters(settings));
}

/** Logarithms of the energy of the frames of a clip before pre-emphasis and window, as Kaldi has them; of at least `floor`. */
export function logEnergies(settings: FrameSettings & { readonly speech: SpeechFrames }, floor: number): Analysis {
  const { windowLength: hop, speech } = settings;
  const frames = 64;
  const samples = new Float32Array(frames * hop);
  return analysis({ ...settings, speech: { ...speech, preEmphasis: 0 } }, 1, () => ({
    ...{ cols: 1, frames, hop, samples },
    run: (some) =>
      Float32Array.from({ length: some }, (_, i) => {
        let sum = 0;
        for (let at = i * hop; at < (i + 1) * hop; at++) sum += samples[at]! ** 2;
        return Math.log(Math.max(sum, 2 ** -23, floor));
      }),
  }));
}

/** One number of the samples of each frame, as they are without a window. */
export function sampleFrames(settings: FrameSettings, measure: (frame: Float32Array) => number): Analysis {
  const { fftSize, hopLength } = settings;
  const hop = Math.min(hopLength, fftSize);
  const frames = Math.max(1, Math.min(64, Math.floor(blockNumbers / fftSize)));
  return analysis(settings, 1, () => {
    const samples = new Float32Array((frames - 1) * hop + fftSize);
    return {
      ...{ cols: 1, frames, hop, samples },
      run: (some) =>
        Float32Array.from({ length: some }, (_, i) => measure(samples.subarray(i * hop, i * hop + fftSize))),
    };
  });
}

/** Some frames, windowed already, to `cols` numbers each. */
interface Transform {
  readonly cols: number;
  /** Frames that it takes at once, `hop` samples apart in `samples`; what is written there stays until the next run. */
  readonly frames: number;
  readonly hop: number;
  readonly samples: Float32Array;
  run(frames: number): Float32Array;
}

function spectral(settings: FrameSettings, power: number | undefined, filters?: MelFilters): Analysis {
  const { fftSize, hopLength, speech } = settings;
  const { window, margin } = framer(settings);
  const bins = (fftSize >> 1) + 1;
  const cols = filters ? filters.bands : power === undefined ? 2 * bins : bins;
  // Frames that are prepared one by one cannot overlap.
  const hop = speech ? fftSize : Math.min(hopLength, fftSize);
  return analysis(settings, cols, () => {
    const tables = fftSize <= largestKernelSize ? spectraTables(fftSize) : undefined;
    return tables
      ? kernelTransform({ fftSize, hop, window, margin, power, filters, cols, tables })
      : plainTransform({ fftSize, hop, window, margin, power, filters, cols });
  });
}

/** Memory is taken when the first clip comes. */
function analysis(settings: FrameSettings, cols: number, opened: () => Transform): Analysis {
  const { hopLength, padMode, speech } = settings;
  const { count, copy, span, pad } = framer(settings);
  let transform: Transform | undefined;

  /** Frames `from` to `to` of a clip of `length` samples, of which `x` has those from `start` on. */
  const analyze = (x: Float32Array, start: number, length: number, from: number, to: number): Float32Array => {
    const out = new Float32Array((to - from) * cols);
    if (to === from) return out;
    transform ??= opened();
    const { frames, hop, samples, run } = transform;
    for (let first = from; first < to; first += frames) {
      const some = Math.min(frames, to - first);
      if (hop === hopLength && !speech)
        copy(x, start, length, first * hopLength - pad, samples.subarray(0, (some - 1) * hop + span));
      // Frames that do not overlap stand one behind the other.
      else
        for (let i = 0; i < some; i++) {
          const frame = samples.subarray(i * hop, i * hop + span);
          copy(x, start, length, (first + i) * hopLength - pad, frame);
          if (speech) prepareSpeech(frame, speech);
        }
      out.set(run(some), (first - from) * cols);
    }
    return out;
  };

  return {
    cols,
    count,
    frames: (samples) => analyze(samples, 0, samples.length, 0, count(samples.length)),
    stream() {
      let [kept, start, length, next] = [new Float32Array(0), 0, 0, 0];
      return {
        push(samples) {
          const both = appended(kept, samples);
          length += samples.length;
          // The last sample of a frame is followed by one more: a reflection at the start may reach that far.
          const complete = length - 1 + pad < span ? 0 : 1 + Math.floor((length - 1 + pad - span) / hopLength);
          const to = Math.max(next, complete);
          const out = analyze(both, start, length, next, to);
          next = to;
          // A reflection at the end reaches back half a frame from there.
          const first = Math.max(
            start,
            Math.min(next * hopLength - pad, length) - (padMode === "reflect" || speech ? span : 1),
          );
          kept = both.slice(first - start);
          start = first;
          return out;
        },
        end() {
          const out = analyze(kept, start, length, next, Math.max(next, count(length)));
          [kept, start, length, next] = [new Float32Array(0), 0, 0, 0];
          return out;
        },
      };
    },
  };
}

interface TransformSettings {
  readonly fftSize: number;
  readonly hop: number;
  readonly window: Float64Array;
  /** Zeros of a frame before the window. */
  readonly margin: number;
  readonly power: number | undefined;
  readonly filters: MelFilters | undefined;
  readonly cols: number;
}

const largestKernelSize = 2 ** 15;

function kernelTransform(settings: TransformSettings & { readonly tables: FourierTables }): Transform {
  const { fftSize, hop, power, filters, cols, tables } = settings;
  const bins = (fftSize >> 1) + 1;
  // Other exponents than 1 and 2 are taken here, then the filters too.
  const inKernel = power === undefined || power === 1 || power === 2;
  const outCols = inKernel ? cols : bins;
  const frames = 4 * Math.max(1, Math.min(64, Math.floor(blockNumbers / 4 / Math.max(hop, outCols))));
  const weights = inKernel ? filters : undefined;
  const counts = [
    (frames - 1) * hop + fftSize,
    frames * outCols,
    settings.window.length,
    8 * (fftSize + 2) + 4 * cols,
    tables.twiddles.length,
    tables.radices.length,
    (weights?.weights.length ?? 0) + 1,
    2 * cols,
  ];
  const k = kernels({ bytes: counts.reduce((sum, count) => sum + 4 * count + 64, 0) });
  const floats = (values: ArrayLike<number>): Float32Array => {
    const view = k.float32(values.length);
    view.set(values);
    return view;
  };
  const integers = (values: Int32Array): Int32Array => {
    const view = k.int32(values.length);
    view.set(values);
    return view;
  };
  const samples = k.float32(counts[0]!);
  const out = k.float32(counts[1]!);
  const options: Omit<SpectraOptions, "frames"> = {
    hop,
    size: fftSize,
    tables: { radices: integers(tables.radices), twiddles: floats(tables.twiddles) },
    window: floats(settings.window),
    margin: settings.margin,
    kind: power === undefined ? "complex" : power === 1 ? "magnitude" : "power",
    scratch: k.float32(counts[3]!),
    ...(weights && {
      filters: { ranges: integers(weights.ranges), weights: floats(weights.weights) } satisfies SpectraFilters,
    }),
  };
  return {
    cols,
    frames,
    hop,
    samples,
    run(some) {
      const rows = out.subarray(0, some * outCols);
      k.spectra(rows, samples, { ...options, frames: some });
      return inKernel ? rows : finished(rows, bins, 0.5 * power, filters);
    },
  };
}

/** Sizes that the kernel does not take, by mixed radices or as a convolution. */
function plainTransform({ fftSize, hop, window, margin, power, filters, cols }: TransformSettings): Transform {
  const frames = Math.max(1, Math.min(64, Math.floor(blockNumbers / fftSize)));
  const samples = new Float32Array((frames - 1) * hop + fftSize);
  const transform = complexFourier(fftSize);
  const complex = new Float64Array(2 * fftSize);
  const bins = (fftSize >> 1) + 1;
  const width = power === undefined ? 2 * bins : bins;
  return {
    cols,
    frames,
    hop,
    samples,
    run(some) {
      const rows = new Float32Array(some * width);
      for (let frame = 0; frame < some; frame++) {
        complex.fill(0);
        for (let i = 0; i < window.length; i++)
          complex[2 * (margin + i)] = samples[frame * hop + margin + i]! * window[i]!;
        const z = transform(complex);
        if (power === undefined) rows.set(z.subarray(0, width), frame * width);
        else for (let k = 0; k < bins; k++) rows[frame * width + k] = z[2 * k]! ** 2 + z[2 * k + 1]! ** 2;
      }
      return power === undefined ? rows : finished(rows, bins, power / 2, filters);
    },
  };
}

/** Rows of power spectra to another exponent, and their filters. */
function finished(rows: Float32Array, bins: number, exponent: number, filters: MelFilters | undefined): Float32Array {
  if (exponent !== 1) for (let i = 0; i < rows.length; i++) rows[i] = rows[i]! ** exponent;
  if (!filters) return rows;
  const count = rows.length / bins;
  const out = new Float32Array(count * filters.bands);
  for (let row = 0; row < count; row++)
    filters.apply(
      rows.subarray(row * bins, (row + 1) * bins),
      out.subarray(row * filters.bands, (row + 1) * filters.bands),
    );
  return out;
}

/**
 * Power to dB in place, as `librosa.power_to_db` with ref 1 and amin 1e-10; what lies more than `topDb` below the loudest is
 * raised to there.
 */
export function powerToDb(
  powers: Float32Array,
  topDb: number | null,
  least = 1e-10,
  factor = 10 * Math.log10(2),
): void {
  const loudest = decibels(powers, least, factor);
  if (topDb === null) return;
  const floor = loudest - topDb;
  for (let i = 0; i < powers.length; i++) if (powers[i]! < floor) powers[i] = floor;
}

/** x = factor * log2(max(x, least)), in place; gives the largest. */
export function decibels(x: Float32Array, least: number, factor = 10 * Math.log10(2)): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (const { kernels, copy, block } of inRoom(x)) {
    largest = Math.max(largest, kernels.logarithms(copy, { least, factor }));
    block.set(copy);
  }
  return largest;
}
