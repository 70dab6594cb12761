import { powerSpectrum } from "./fourier.js";
import { type FrameSettings, framer } from "./frames.js";
import { type MelSettings, melFilters } from "./mel.js";

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
}

/** Spectra of the frames of a clip, (fftSize >> 1) + 1 bins each, as `abs(librosa.stft(y)) ** power`. */
export function spectra(settings: SpectraSettings): Analysis {
  const cols = (settings.fftSize >> 1) + 1;
  return analysis(settings, cols, (spectrum, out, to) => out.set(spectrum, to));
}

/** Mel bands of the frames of a clip, as `librosa.feature.melspectrogram`. */
export function melSpectra(settings: SpectraSettings & MelSettings): Analysis {
  const filters = melFilters(settings);
  const bands = new Float64Array(settings.mels);
  return analysis(settings, settings.mels, (spectrum, out, to) => {
    filters(spectrum, bands);
    out.set(bands, to);
  });
}

function analysis(
  settings: SpectraSettings,
  cols: number,
  write: (spectrum: Float64Array, out: Float32Array, to: number) => void,
): Analysis {
  const { fftSize, power } = settings;
  const cut = framer(settings);
  const transform = powerSpectrum(fftSize);
  const frame = new Float64Array(fftSize);
  const spectrum = new Float64Array((fftSize >> 1) + 1);
  return {
    cols,
    count: cut.count,
    frames(samples) {
      const count = cut.count(samples.length);
      const out = new Float32Array(count * cols);
      for (let i = 0; i < count; i++) {
        cut.load(samples, i, frame);
        transform(frame, spectrum);
        if (power !== 2) for (let k = 0; k < spectrum.length; k++) spectrum[k] = spectrum[k]! ** (power / 2);
        write(spectrum, out, i * cols);
      }
      return out;
    },
  };
}

/**
 * Power to dB in place, as `librosa.power_to_db` with ref 1 and amin 1e-10; what lies more than `topDb` below the loudest is
 * raised to there.
 */
export function powerToDb(powers: Float32Array, topDb: number | null): void {
  let loudest = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < powers.length; i++) {
    const level = (10 / Math.LN10) * Math.log(Math.max(1e-10, powers[i]!));
    powers[i] = level;
    if (level > loudest) loudest = level;
  }
  if (topDb === null) return;
  const floor = loudest - topDb;
  for (let i = 0; i < powers.length; i++) if (powers[i]! < floor) powers[i] = floor;
}
