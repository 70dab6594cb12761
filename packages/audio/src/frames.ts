import { type Window, windowSamples } from "./window.js";

export type PadMode = "constant" | "reflect" | "edge";

/** What Kaldi and HTK do to each frame before its window, which is symmetric and followed by zeros. */
export interface SpeechFrames {
  readonly preEmphasis: number;
  readonly removeDc: boolean;
  /** What a sample of 1 counts as. */
  readonly fullScale: number;
  /** What logarithms of bands are of at least. */
  readonly leastPower: number;
}

export interface FrameSettings {
  readonly fftSize: number;
  readonly windowLength: number;
  readonly hopLength: number;
  readonly window: Window;
  readonly center: boolean;
  readonly padMode: PadMode;
  /** Frames as Kaldi has them: a frame is what is under the window, and at the ends stand the samples mirrored. */
  readonly speech?: SpeechFrames;
}

/** Cuts a clip into overlapping windowed frames, the way `librosa.stft` does. */
interface Framer {
  /** How many frames a clip of `length` samples has. */
  count(length: number): number;
  /** Writes frame `index` of `samples`, windowed, into `frame`, which starts as zeros and is this framer's alone. */
  load(samples: Float32Array, index: number, frame: Float64Array): void;
  /**
   * The samples from `from` on into `out`, what is outside of the clip as `padMode` says. The clip has `length` samples, of which `x`
   * holds those from `start` on.
   */
  copy(x: Float32Array, start: number, length: number, from: number, out: Float32Array): void;
  readonly window: Float64Array;
  /** Zeros of a frame before the window. */
  readonly margin: number;
  /** Samples of a frame, and those before the clip's first that the first frame begins with. */
  readonly span: number;
  readonly pad: number;
}

export function framer(settings: FrameSettings): Framer {
  const { fftSize, windowLength, hopLength, center, padMode } = settings;
  const { speech } = settings;
  const window = windowSamples(settings.window, windowLength, speech !== undefined);
  const mode = speech ? "mirror" : padMode;
  // A window shorter than the transform stands in its middle; what is beside it stays zero.
  const margin = speech ? 0 : (fftSize - windowLength) >> 1;
  const span = speech ? windowLength : fftSize;
  const pad = !center ? 0 : speech ? (windowLength >> 1) - (hopLength >> 1) : fftSize >> 1;
  return {
    window,
    margin,
    span,
    pad,
    copy(x, start, length, from, out) {
      const first = Math.max(0, -from);
      const end = Math.max(first, Math.min(out.length, length - from));
      if (first < out.length)
        out.set(x.subarray(from + first - start, from + end - start), Math.min(first, out.length));
      for (let i = 0; i < out.length; i++) {
        if (i === first) i = end;
        if (i >= out.length) break;
        const inside = padIndex(from + i, length, mode);
        out[i] = inside < 0 ? 0 : x[inside - start]!;
      }
    },
    count(length) {
      if (speech && center) return Math.floor((length + (hopLength >> 1)) / hopLength);
      return length + 2 * pad < span ? 0 : 1 + Math.floor((length + 2 * pad - span) / hopLength);
    },
    load(samples, index, frame) {
      const from = index * hopLength - pad + margin;
      const { length } = samples;
      if (from >= 0 && from + windowLength <= length) {
        applyWindow(window, samples, from, frame, margin);
        return;
      }
      for (let i = 0; i < windowLength; i++) {
        const at = from + i;
        const inside = at >= 0 && at < length ? at : padIndex(at, length, mode);
        frame[margin + i] = inside < 0 ? 0 : samples[inside]! * window[i]!;
      }
    },
  };
}

// Hot loops stand in functions of their own and read no variable of a closure, which V8 does slowly once there are two
// instances of the closure: here, two configurations in one process.
function applyWindow(window: Float64Array, samples: Float32Array, from: number, frame: Float64Array, to: number): void {
  for (let i = 0; i < window.length; i++) frame[to + i] = samples[from + i]! * window[i]!;
}

// The sample that stands in for the one at `at`, outside of the clip; -1 for silence.
function padIndex(at: number, length: number, mode: PadMode | "mirror"): number {
  if (mode === "constant") return -1;
  // Ends that are repeated.
  if (mode === "mirror") {
    const within = ((at % (2 * length)) + 2 * length) % (2 * length);
    return within < length ? within : 2 * length - 1 - within;
  }
  if (mode === "edge" || length === 1) return at < 0 ? 0 : length - 1;
  // Reflected about both ends without repeating them, as often as it takes.
  const period = 2 * (length - 1);
  const within = ((at % period) + period) % period;
  return within < length ? within : period - within;
}

/** A frame as Kaldi's windows see it. */
export function prepareSpeech(frame: Float32Array, { preEmphasis, removeDc, fullScale }: SpeechFrames): void {
  let sum = 0;
  if (removeDc) for (let i = 0; i < frame.length; i++) sum += frame[i]!;
  const mean = sum / frame.length;
  let before = fullScale * (frame[0]! - mean);
  for (let i = 0; i < frame.length; i++) {
    const value = fullScale * (frame[i]! - mean);
    frame[i] = value - preEmphasis * before;
    before = value;
  }
}
