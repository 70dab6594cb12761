import { checkParam, MmubError, show } from "@mmub/core";
import { complexFourier } from "./fourier.js";
import { roundHalfEven } from "./round-half-even.js";
import { windowSamples } from "./window.js";

const part = "@mmub/audio/timeStretch";

export interface TimeStretchOptions {
  /** Samples of a frame, an even number from 4 to 1048576. librosa's `n_fft`. @default 2048 */
  readonly fftSize?: number;
}

/**
 * Plays a mono recording faster (`rate` above 1) or slower at the same pitch, by a phase vocoder: `length / rate` samples, rounded. The numbers
 * are those of `librosa.effects.time_stretch` in float64.
 *
 * Rejects (`invalid-params`) a rate outside 0.1 to 10 and (`invalid-input`) anything but a Float32Array of finite samples. Cost: a transform a quarter of
 * a frame in and out, some 60 ms for 10 s at 16 kHz.
 * Source: Flanagan and Golden, "Phase vocoder" (1966); Ellis, "A phase vocoder in Matlab" (2002).
 *
 * @example
 * const word = Float32Array.from({ length: 16_000 }, (_, i) => Math.sin(i / 5));
 * console.log(timeStretch(word, 2).length); // 8000
 */
export function timeStretch(samples: Float32Array, rate: number, options: TimeStretchOptions = {}): Float32Array {
  const { fftSize = 2048 } = options;
  checkParam(part, "rate", rate, rate >= 0.1 && rate <= 10, "a number from 0.1 to 10");
  const even = Number.isInteger(fftSize) && fftSize >= 4 && fftSize <= 2 ** 20 && fftSize % 2 === 0;
  checkParam(part, "fftSize", fftSize, even, "an even number from 4 to 1048576");
  if (!(samples instanceof Float32Array && samples.every(Number.isFinite)))
    throw new MmubError("invalid-input", {
      part,
      message: `samples are ${show(samples)}, want a Float32Array of finite numbers; stretch each channel alone`,
    });
  const length = roundHalfEven(samples.length / rate);
  if (samples.length === 0 || length === 0) return new Float32Array(length);
  return overlapAdd(vocoder(samples, fftSize, rate), fftSize, length);
}

/** Frames at other times: magnitudes lie between those of two frames, phases advance as they do from one to the next. */
function* vocoder(samples: Float32Array, fftSize: number, rate: number): Generator<Float64Array> {
  const [hop, bins] = [fftSize >> 2, (fftSize >> 1) + 1];
  const count = 1 + Math.floor(samples.length / hop);
  const spectrum = spectrumOf(samples, fftSize, count);
  const phases = new Float64Array(bins);
  const first = spectrum(0);
  for (let bin = 0; bin < bins; bin++) phases[bin] = Math.atan2(first[2 * bin + 1]!, first[2 * bin]!);
  const out = new Float64Array(2 * bins);
  for (let step = 0; step * rate < count; step++) {
    const frame = Math.floor(step * rate);
    const share = step * rate - frame;
    const [now, next] = [spectrum(frame), spectrum(frame + 1)];
    for (let bin = 0; bin < bins; bin++) {
      const [re, im] = [now[2 * bin]!, now[2 * bin + 1]!];
      const [nextRe, nextIm] = [next[2 * bin]!, next[2 * bin + 1]!];
      const magnitude = (1 - share) * Math.hypot(re, im) + share * Math.hypot(nextRe, nextIm);
      out[2 * bin] = magnitude * Math.cos(phases[bin]!);
      out[2 * bin + 1] = magnitude * Math.sin(phases[bin]!);
      const advance = (Math.PI * hop * bin) / (bins - 1);
      const more = Math.atan2(nextIm, nextRe) - Math.atan2(im, re) - advance;
      phases[bin]! += advance + more - 2 * Math.PI * roundHalfEven(more / (2 * Math.PI));
    }
    yield out;
  }
}

/**
 * The spectra of frames centred on every quarter of a frame; behind the last is silence. In float64: where a band is all but silent, its
 * phase is that of the rounding, and it stays in the sum when the band grows loud.
 */
function spectrumOf(samples: Float32Array, fftSize: number, count: number): (frame: number) => Float64Array {
  const [hop, half] = [fftSize >> 2, fftSize >> 1];
  const window = windowSamples("hann", fftSize);
  const transform = complexFourier(fftSize);
  const complex = new Float64Array(2 * fftSize);
  const silence = new Float64Array(2 * fftSize);
  // Two frames in a row are asked for, the later one often again.
  const known: { frame: number; spectrum: Float64Array }[] = [];
  return (frame) => {
    if (frame >= count) return silence;
    const found = known.find((one) => one.frame === frame);
    if (found) return found.spectrum;
    for (let i = 0; i < fftSize; i++) complex[2 * i] = window[i]! * (samples[frame * hop + i - half] ?? 0);
    const spectrum = transform(complex).slice();
    if (known.length === 2) known.shift();
    known.push({ frame, spectrum });
    return spectrum;
  };
}

/** The samples whose spectra these are nearest to. Source: Griffin and Lim, IEEE Trans. ASSP 32 (1984). */
function overlapAdd(spectra: Iterable<Float64Array>, fftSize: number, length: number): Float32Array {
  const [hop, half] = [fftSize >> 2, fftSize >> 1];
  const window = windowSamples("hann", fftSize);
  const transform = complexFourier(fftSize);
  const complex = new Float64Array(2 * fftSize);
  const [sums, weights] = [new Float64Array(length + 2 * fftSize), new Float64Array(length + 2 * fftSize)];
  let from = 0;
  for (const spectrum of spectra) {
    if (from >= length + fftSize) break;
    // The transform of the conjugate is the inverse of a real frame.
    for (let bin = 0; bin <= half; bin++) {
      // Those of the ends are real.
      const im = bin === 0 || bin === half ? 0 : spectrum[2 * bin + 1]!;
      const mirrored = (fftSize - bin) % fftSize;
      complex[2 * bin] = complex[2 * mirrored] = spectrum[2 * bin]!;
      complex[2 * mirrored + 1] = im;
      complex[2 * bin + 1] = -im;
    }
    const frame = transform(complex);
    for (let i = 0; i < fftSize; i++) {
      sums[from + i]! += (window[i]! * frame[2 * i]!) / fftSize;
      weights[from + i]! += window[i]! ** 2;
    }
    from += hop;
  }
  return Float32Array.from({ length }, (_, i) => {
    const weight = weights[half + i]!;
    return sums[half + i]! / (weight > 2 ** -126 ? weight : 1);
  });
}
