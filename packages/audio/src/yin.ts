import { complexFourier } from "./fourier.js";
import { roundHalfEven } from "./round-half-even.js";

interface YinSettings {
  readonly sampleRateHz: number;
  readonly fMinHz: number;
  readonly fMaxHz: number;
  readonly frameLength: number;
}

/** Periods in samples that a frame is compared with, from `min` to `max`. */
export function periodsOf({ sampleRateHz, fMinHz, fMaxHz, frameLength }: YinSettings): { min: number; max: number } {
  return {
    min: Math.floor(sampleRateHz / fMaxHz),
    max: Math.min(Math.ceil(sampleRateHz / fMinHz), frameLength - 1),
  };
}

/**
 * The cumulative mean normalised difference of a frame with itself, shifted by each period: 0 where it repeats exactly, about 1
 * where it does not. Writes one number a period, from `periods.min` on, into `out`.
 * Source: de Cheveigné and Kawahara, JASA 111 (2002), equation 8, in the form of librosa 0.11.
 */
export function differences(settings: YinSettings): (frame: Float64Array, out: Float64Array) => void {
  const { frameLength } = settings;
  const { min, max } = periodsOf(settings);
  const correlate = autocorrelation(frameLength);
  const correlations = new Float64Array(max + 1);
  return (frame, out) => {
    correlate(frame, correlations);
    let [energy, sum] = [0, 0];
    for (let k = 1; k <= max; k++) {
      energy += frame[k - 1]! ** 2;
      // librosa takes nothing off at a shift of one.
      const difference = 2 * (correlations[0]! - correlations[k]!) - (k === 1 ? 0 : energy);
      // Of the periods before: the mean holds that at k itself too.
      sum += difference;
      if (k >= min) out[k - min] = difference / (sum / k + tiny);
    }
  };
}

// What librosa adds to keep from dividing by zero.
const tiny = 1.1754943508222875e-38;

/** The sums of products of a frame with itself, shifted by 0, 1, …: as many as `out` holds. The frame is `length` samples. */
function autocorrelation(length: number): (frame: Float64Array, out: Float64Array) => void {
  let size = 1;
  while (size < 2 * length) size *= 2;
  const transform = complexFourier(size);
  const buffer = new Float64Array(2 * size);
  return (frame, out) => {
    buffer.fill(0);
    for (let i = 0; i < length; i++) buffer[2 * i] = frame[i]!;
    const spectrum = transform(buffer);
    for (let i = 0; i < 2 * size; i += 2) {
      buffer[i] = spectrum[i]! ** 2 + spectrum[i + 1]! ** 2;
      buffer[i + 1] = 0;
    }
    // Of an even real sequence the inverse transform is the forward one.
    const sums = transform(buffer);
    for (let k = 0; k < out.length; k++) out[k] = sums[2 * k]! / size;
  };
}

/** How far from `at` the top of the parabola through three neighbours is; 0 where that is a whole step or more, or at an end. */
export function parabolicShift(values: Float64Array, at: number): number {
  if (at === 0 || at === values.length - 1) return 0;
  const curve = values[at + 1]! + values[at - 1]! - 2 * values[at]!;
  const slope = (values[at + 1]! - values[at - 1]!) / 2;
  return Math.abs(slope) >= Math.abs(curve) ? 0 : -slope / curve;
}

/** The positions of local minima, the ends included where they are lower than their neighbour. */
function troughs(values: Float64Array): number[] {
  const found: number[] = [];
  const last = values.length - 1;
  for (let i = 0; i <= last; i++) {
    const below = i === 0 || values[i]! < values[i - 1]!;
    const above = i === 0 ? values[0]! < values[1]! : i === last || values[i]! <= values[i + 1]!;
    if (below && above) found.push(i);
  }
  return found;
}

/** The first minimum below `threshold`, or else the lowest place. */
export function yinPeriod(values: Float64Array, threshold: number): number {
  const first = troughs(values).find((at) => values[at]! < threshold);
  if (first !== undefined) return first;
  let lowest = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! < values[lowest]!) lowest = i;
  return lowest;
}

interface PyinSettings extends YinSettings {
  readonly hopLength: number;
  readonly thresholds: number;
  readonly betaParameters: readonly [number, number];
  readonly boltzmann: number;
  readonly resolution: number;
  readonly maxTransitionRate: number;
  readonly switchProbability: number;
  readonly noTroughProbability: number;
}

/** The most probable track of pitch through the frames of a clip. */
interface PyinTrack {
  /** In Hz, also of frames without a voice. */
  readonly f0: Float64Array;
  readonly voiced: Uint8Array;
  readonly probability: Float64Array;
}

/**
 * Probabilistic YIN: every threshold votes for a period, and a hidden Markov model of pitch and voicing goes through the frames.
 * `frames` holds the differences of each frame.
 * Source: Mauch and Dixon, ICASSP 2014, in the form of librosa 0.11.
 */
export function pyin(settings: PyinSettings): (frames: readonly Float64Array[]) => PyinTrack {
  const { sampleRateHz, fMinHz, fMaxHz } = settings;
  const { min } = periodsOf(settings);
  const perSemitone = Math.ceil(1 / settings.resolution);
  const bins = Math.floor(12 * perSemitone * Math.log2(fMaxHz / fMinHz)) + 1;
  const vote = voting(settings);
  const decode = decoder(settings, bins, perSemitone);

  return (frames) => {
    const probability = new Float64Array(frames.length);
    const observed = frames.map((values, t) => {
      const row = new Float64Array(bins);
      for (const [at, weight] of vote(values)) {
        if (weight === 0) continue;
        const hz = sampleRateHz / (min + at + parabolicShift(values, at));
        const bin = Math.max(0, roundHalfEven(12 * perSemitone * Math.log2(hz / fMinHz)));
        // Of two candidates in a bin the longer period counts, as in librosa.
        if (bin < bins) row[bin] = weight;
      }
      probability[t] = Math.min(
        1,
        row.reduce((sum, value) => sum + value, 0),
      );
      return row;
    });
    const states = decode(observed, probability);
    return {
      f0: Float64Array.from(states, (state) => fMinHz * 2 ** ((state % bins) / (12 * perSemitone))),
      voiced: Uint8Array.from(states, (state) => (state < bins ? 1 : 0)),
      probability,
    };
  };
}

/** How much of the thresholds' prior each trough of a frame gets. */
function voting({ thresholds: count, betaParameters, boltzmann, noTroughProbability }: PyinSettings) {
  const thresholds = Float64Array.from({ length: count }, (_, i) => (i + 1) / count);
  const prior = betaShares(count, betaParameters);
  return (values: Float64Array): [number, number][] => {
    const found = troughs(values);
    if (found.length === 0) return [];
    const votes = new Float64Array(found.length);
    let lowest = 0;
    for (let i = 1; i < found.length; i++) if (values[found[i]!]! < values[found[lowest]!]!) lowest = i;
    for (let i = 0; i < count; i++) {
      let below = 0;
      for (const at of found) if (values[at]! < thresholds[i]!) below++;
      if (below === 0) {
        votes[lowest]! += noTroughProbability * prior[i]!;
        continue;
      }
      // A Boltzmann distribution, cut off: shorter periods weigh more.
      const norm = (1 - Math.exp(-boltzmann)) / (1 - Math.exp(-boltzmann * below));
      let position = 0;
      for (const [j, at] of found.entries())
        if (values[at]! < thresholds[i]!) votes[j]! += prior[i]! * norm * Math.exp(-boltzmann * position++);
    }
    return found.map((at, j) => [at, votes[j]!]);
  };
}

/** How much of a beta distribution lies in each of `count` equal parts of 0 to 1. */
function betaShares(count: number, [a, b]: readonly [number, number]): Float64Array {
  const density = (x: number) => x ** (a - 1) * (1 - x) ** (b - 1);
  // Simpson's rule: the density is smooth, and the sum makes it a distribution.
  const steps = 32;
  const shares = Float64Array.from({ length: count }, (_, i) => {
    let sum = 0;
    for (let s = 0; s <= steps; s++)
      sum += density((i + s / steps) / count) * (s === 0 || s === steps ? 1 : s % 2 === 1 ? 4 : 2);
    return sum;
  });
  const total = shares.reduce((sum, share) => sum + share, 0);
  return shares.map((share) => share / total);
}

/** Viterbi through pitch bins with a voice, then as many without one. */
function decoder(
  { hopLength, sampleRateHz, maxTransitionRate, switchProbability }: PyinSettings,
  bins: number,
  perSemitone: number,
) {
  const half = (roundHalfEven((maxTransitionRate * 12 * hopLength) / sampleRateHz) * perSemitone) >> 1;
  // Row i: the logarithm of going from bin i to i - half … i + half.
  const width = 2 * half + 1;
  const steps = new Float64Array(bins * width).fill(Number.NEGATIVE_INFINITY);
  for (let i = 0; i < bins; i++) {
    let sum = 0;
    const weightTo = (j: number) => (half + 1 - Math.abs(j - i)) / (half + 1);
    const [from, to] = [Math.max(0, i - half), Math.min(bins - 1, i + half)];
    for (let j = from; j <= to; j++) sum += weightTo(j);
    for (let j = from; j <= to; j++) steps[i * width + j - i + half] = Math.log(weightTo(j) / sum);
  }
  const [stay, change] = [Math.log(1 - switchProbability + never), Math.log(switchProbability + never)];

  return (observed: readonly Float64Array[], voiced: Float64Array): Uint32Array => {
    const states = 2 * bins;
    const back = observed.map(() => new Uint32Array(states));
    let value = new Float64Array(states);
    let next = new Float64Array(states);
    const best = new Float64Array(states);
    const from = new Uint32Array(states);
    for (let t = 0; t < observed.length; t++) {
      const row = observed[t]!;
      const unvoiced = Math.log((1 - voiced[t]!) / bins + never);
      if (t === 0) {
        for (let s = 0; s < states; s++)
          value[s] = (s < bins ? Math.log(row[s]! + never) : unvoiced) - Math.log(states);
        continue;
      }
      let top = 0;
      for (let s = 1; s < states; s++) if (value[s]! > value[top]!) top = s;
      nearest(value, 0, bins, half, steps, best, from);
      nearest(value, bins, bins, half, steps, best, from);
      for (let s = 0; s < states; s++) {
        const other = s < bins ? s + bins : s - bins;
        let [most, at] = [best[s]! + stay, from[s]!];
        if (best[other]! + change > most) [most, at] = [best[other]! + change, from[other]!];
        // A step further than the transitions reach is as good as impossible, but not quite.
        if (value[top]! + logNever > most) [most, at] = [value[top]! + logNever, top];
        back[t]![s] = at;
        next[s] = most + (s < bins ? Math.log(row[s]! + never) : unvoiced);
      }
      [value, next] = [next, value];
    }
    const path = new Uint32Array(observed.length);
    let state = 0;
    for (let s = 1; s < states; s++) if (value[s]! > value[state]!) state = s;
    for (let t = observed.length - 1; t >= 0; t--) {
      path[t] = state;
      state = back[t]![state]!;
    }
    return path;
  };
}

const never = 2.2250738585072014e-308;
const logNever = Math.log(never);

// For each bin the best of those within reach, and which it is.
function nearest(
  value: Float64Array,
  first: number,
  bins: number,
  half: number,
  steps: Float64Array,
  best: Float64Array,
  from: Uint32Array,
): void {
  const width = 2 * half + 1;
  for (let j = 0; j < bins; j++) {
    let most = Number.NEGATIVE_INFINITY;
    let at = 0;
    for (let i = Math.max(0, j - half), end = Math.min(bins - 1, j + half); i <= end; i++) {
      const sum = value[first + i]! + steps[i * width + j - i + half]!;
      if (sum > most) {
        most = sum;
        at = i;
      }
    }
    best[first + j] = most;
    from[first + j] = first + at;
  }
}
