import { burg, roots } from "./linear-prediction.js";

interface FormantSettings {
  readonly count: number;
  readonly windowMs: number;
  readonly hopMs: number;
  readonly emphasisHz: number;
}

/** A resonance: its frequency and its width at -3 dB, in Hz. */
interface Formant {
  readonly hz: number;
  readonly width: number;
}

/** The middles of frames of a recording, in seconds, and the formants in each, the lowest first. */
interface FormantTrack {
  readonly times: readonly number[];
  readonly formants: readonly (readonly Formant[])[];
}

// How close to zero and to half the rate a resonance is none, in Hz.
const margin = 50;

/**
 * The formants of a recording whose rate is twice the highest formant: two poles for each, by Burg's method, under a Gaussian window of
 * twice `windowMs`. Frames stand as in Praat's "To Formant (burg)": in the middle of the recording together.
 */
export function formantTrack(samples: Float32Array, rate: number, settings: FormantSettings): FormantTrack {
  const { count, windowMs, hopMs, emphasisHz } = settings;
  const half = Math.floor((2 * windowMs * rate) / 1000) >> 1;
  const duration = samples.length / rate;
  // A last frame that would fit to the very sample is not counted, as rounding has it in Praat.
  const frames = Math.floor((duration - (2 * windowMs) / 1000) / (hopMs / 1000) - 1e-9) + 1;
  if (frames < 1 || half < 2 * count) return { times: [], formants: [] };
  const first = duration / 2 - ((frames - 1) * hopMs) / 2000;
  const times = Array.from({ length: frames }, (_, t) => first + (t * hopMs) / 1000);

  const factor = Math.exp((-2 * Math.PI * emphasisHz) / rate);
  const emphasized = Float64Array.from(samples, (value, i) => value - (i > 0 ? factor * samples[i - 1]! : 0));
  const window = gaussian(2 * half);
  const frame = new Float64Array(2 * half);
  const formants = times.map((time) => {
    const from = Math.floor(time * rate - 0.5) + 1 - half;
    let loud = 0;
    for (let i = 0; i < frame.length; i++) {
      frame[i] = (emphasized[from + i] ?? 0) * window[i]!;
      loud = Math.max(loud, Math.abs(frame[i]!));
    }
    return loud === 0 ? [] : resonances(roots(burg(frame, 2 * count)), rate);
  });
  return { times, formants };
}

function resonances(z: Float64Array, rate: number): Formant[] {
  const found: Formant[] = [];
  for (let i = 0; i < z.length; i += 2) {
    if (z[i + 1]! < 0) continue;
    const hz = (Math.atan2(z[i + 1]!, z[i]!) * rate) / (2 * Math.PI);
    if (hz < margin || hz > rate / 2 - margin) continue;
    // A root outside of the circle is as if it were mirrored into it.
    found.push({ hz, width: (Math.abs(Math.log(Math.hypot(z[i]!, z[i + 1]!))) * rate) / Math.PI });
  }
  return found.sort((a, b) => a.hz - b.hz);
}

function gaussian(length: number): Float64Array {
  const edge = Math.exp(-12);
  return Float64Array.from({ length }, (_, i) => {
    const away = (i + 1 - 0.5 * (length + 1)) / (length + 1);
    return (Math.exp(-48 * away * away) - edge) / (1 - edge);
  });
}
