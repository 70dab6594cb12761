import { type Window, windowSamples } from "./window.js";

export type PadMode = "constant" | "reflect" | "edge";

export interface FrameSettings {
  readonly fftSize: number;
  readonly windowLength: number;
  readonly hopLength: number;
  readonly window: Window;
  readonly center: boolean;
  readonly padMode: PadMode;
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
}

export function framer(settings: FrameSettings): Framer {
  const { fftSize, windowLength, hopLength, center, padMode } = settings;
  const window = windowSamples(settings.window, windowLength);
  // A window shorter than the transform stands in its middle; what is beside it stays zero.
  const margin = (fftSize - windowLength) >> 1;
  const pad = center ? fftSize >> 1 : 0;
  return {
    window,
    margin,
    copy(x, start, length, from, out) {
      const first = Math.max(0, -from);
      const end = Math.max(first, Math.min(out.length, length - from));
      if (first < out.length)
        out.set(x.subarray(from + first - start, from + end - start), Math.min(first, out.length));
      for (let i = 0; i < out.length; i++) {
        if (i === first) i = end;
        if (i >= out.length) break;
        const inside = padIndex(from + i, length, padMode);
        out[i] = inside < 0 ? 0 : x[inside - start]!;
      }
    },
    count: (length) => (length + 2 * pad < fftSize ? 0 : 1 + Math.floor((length + 2 * pad - fftSize) / hopLength)),
    load(samples, index, frame) {
      const from = index * hopLength - pad + margin;
      const { length } = samples;
      if (from >= 0 && from + windowLength <= length) {
        applyWindow(window, samples, from, frame, margin);
        return;
      }
      for (let i = 0; i < windowLength; i++) {
        const at = from + i;
        const inside = at >= 0 && at < length ? at : padIndex(at, length, padMode);
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
function padIndex(at: number, length: number, mode: PadMode): number {
  if (mode === "constant") return -1;
  if (mode === "edge" || length === 1) return at < 0 ? 0 : length - 1;
  // Reflected about both ends without repeating them, as often as it takes.
  const period = 2 * (length - 1);
  const within = ((at % period) + period) % period;
  return within < length ? within : period - within;
}
