// The moments at which the vocal folds close, and how even they are: Praat's definitions, so that the names mean what they mean there.
// Source: Praat's manual, "Voice 2. Jitter", "Voice 3. Shimmer"; Boersma, IFA Proceedings 17 (1993).

/** A piece of a recording with a voice, in seconds. */
export interface Voiced {
  readonly from: number;
  readonly to: number;
}

/** The pitch at a time in seconds, in Hz, or undefined where there is no voice. */
export type PitchAt = (time: number) => number | undefined;

/**
 * Times of glottal pulses: from the largest peak in the middle of each voiced piece to both sides, each time where the period
 * that follows is most like the one before. Praat's "Sound & Pitch: To PointProcess (cc)".
 */
export function glottalPulses(
  samples: Float32Array,
  rate: number,
  pieces: readonly Voiced[],
  pitchAt: PitchAt,
): number[] {
  let loudest = 0;
  for (const value of samples) loudest = Math.max(loudest, Math.abs(value));
  const times: number[] = [];
  let addedRight = Number.NEGATIVE_INFINITY;
  for (const { from, to } of pieces) {
    const middle = (from + to) / 2;
    const hz = pitchAt(middle);
    if (hz === undefined) continue;
    const start = extremum(samples, rate, middle - 0.5 / hz, middle + 0.5 / hz);
    const own = [start];
    const walk = (direction: -1 | 1) => {
      for (let at = start; ; ) {
        const f0 = pitchAt(at);
        if (f0 === undefined) return;
        const [near, far] = [at + (direction * 0.8) / f0, at + (direction * 1.25) / f0];
        const found = likest(samples, rate, at, 1 / f0, Math.min(near, far), Math.max(near, far));
        if (found.correlation === -1) return;
        at = found.time;
        const outside = direction < 0 ? at < from : at > to;
        const good = outside
          ? found.correlation > 0.7 && found.peak > 0.023333 * loudest
          : found.correlation > 0.3 && (found.peak === 0 || found.peak > 0.01 * loudest);
        if (good && (direction > 0 || at - addedRight > 0.8 / f0)) own.push(at);
        if (outside) return;
      }
    };
    walk(-1);
    walk(1);
    own.sort((a, b) => a - b);
    times.push(...own);
    addedRight = own.at(-1)!;
  }
  return times;
}

/** The time of the largest peak, up or down, between two times. */
function extremum(samples: Float32Array, rate: number, from: number, to: number): number {
  const first = Math.max(1, Math.ceil(from * rate - 0.5));
  const last = Math.min(samples.length - 2, Math.floor(to * rate - 0.5));
  let best = Math.max(0, Math.min(samples.length - 1, Math.round(((from + to) / 2) * rate - 0.5)));
  let height = -1;
  for (let i = first; i <= last; i++) {
    const [before, value, after] = [samples[i - 1]!, samples[i]!, samples[i + 1]!];
    const peak = (value > before && value >= after) || (value < before && value <= after);
    if (!peak || Math.abs(value) <= height) continue;
    height = Math.abs(value);
    const curve = 2 * value - before - after;
    best = i + (curve === 0 ? 0 : (0.5 * (after - before)) / curve);
  }
  return (best + 0.5) / rate;
}

/** Where, with its middle between two times, a window is most like the one around `time`. */
function likest(
  samples: Float32Array,
  rate: number,
  time: number,
  windowSeconds: number,
  from: number,
  to: number,
): { readonly correlation: number; readonly time: number; readonly peak: number } {
  const half = windowSeconds / 2;
  const left = Math.round((time - half) * rate - 0.5);
  const right = Math.round((time + half) * rate - 0.5);
  let [correlation, before, after, at, peak] = [-1, 0, 0, 0, 0];
  let [r1, r2, r3] = [0, 0, 0];
  let lastPeak = 0;
  const end = Math.ceil((to - half) * rate - 0.5);
  for (let other = Math.floor((from - half) * rate - 0.5); other <= end; other++) {
    if (other < 0) continue;
    const found = correlated(samples, left, right, other);
    r1 = r2;
    r2 = r3;
    r3 = found.r;
    if (r2 > correlation && r2 >= r1 && r2 >= r3) {
      [correlation, before, after, at, peak] = [r2, r1, r3, other - 1, lastPeak];
    }
    lastPeak = found.peak;
  }
  if (correlation === -1) return { correlation, time, peak };
  const curve = 2 * correlation - before - after;
  if (curve !== 0) {
    const slope = 0.5 * (after - before);
    correlation += (0.5 * slope * slope) / curve;
    at += slope / curve;
  }
  return { correlation, time: time + (at - left) / rate, peak };
}

function correlated(samples: Float32Array, left: number, right: number, other: number) {
  let [own, others, product, peak] = [0, 0, 0, 0];
  const shift = other - left;
  const last = Math.min(right, samples.length - 1, samples.length - 1 - shift);
  for (let i = Math.max(left, 0, -shift); i <= last; i++) {
    const [a, b] = [samples[i]!, samples[i + shift]!];
    own += a * a;
    others += b * b;
    product += a * b;
    if (Math.abs(b) > peak) peak = Math.abs(b);
  }
  return { r: product === 0 ? 0 : product / Math.sqrt(own * others), peak };
}

/** Neighbouring periods and peaks that differ by more than these factors do not belong to one voice. */
const limits = { shortest: 0.0001, longest: 0.02, periodFactor: 1.3, amplitudeFactor: 1.6 } as const;

const apart = (a: number, b: number) => (a > b ? a / b : b / a);
const isPeriod = (period: number) => period >= limits.shortest && period <= limits.longest;

interface Jitter {
  readonly local: number;
  /** In seconds. */
  readonly absolute: number;
  readonly rap: number;
  readonly ppq5: number;
  readonly ddp: number;
}

/** How much periods differ from their neighbours, as shares of the mean period; zeros where there are too few. */
export function jitter(times: readonly number[]): Jitter {
  const periods = times.slice(1).map((time, i) => time - times[i]!);
  const mean = meanPeriod(periods);
  // The mean distance of each period, in runs of `width` that hold together, from what `centre` makes of the run.
  const deviation = (width: number, of: (run: readonly number[]) => number): number => {
    let [sum, count] = [0, 0];
    for (let i = 0; i + width <= periods.length; i++) {
      const run = periods.slice(i, i + width);
      if (!run.every(isPeriod) || run.some((p, k) => k > 0 && apart(p, run[k - 1]!) > limits.periodFactor)) continue;
      sum += of(run);
      count++;
    }
    return count === 0 ? 0 : sum / count;
  };
  const absolute = deviation(2, ([a, b]) => Math.abs(a! - b!));
  const rap = share(deviation(3, fromMean), mean);
  return { local: share(absolute, mean), absolute, rap, ppq5: share(deviation(5, fromMean), mean), ddp: 3 * rap };
}

// The distance of the middle one from the mean of all.
function fromMean(run: readonly number[]): number {
  const mean = run.reduce((sum, value) => sum + value, 0) / run.length;
  return Math.abs(run[run.length >> 1]! - mean);
}

const share = (part: number, whole: number) => (whole > 0 ? part / whole : 0);

function meanPeriod(periods: readonly number[]): number {
  let [sum, count] = [0, 0];
  for (const [i, period] of periods.entries()) {
    if (!isPeriod(period)) continue;
    const beside = [periods[i - 1], periods[i + 1]].filter((other) => other !== undefined && other > 0) as number[];
    if (beside.length > 0 && beside.every((other) => apart(period, other) > limits.periodFactor)) continue;
    sum += period;
    count++;
  }
  return count === 0 ? 0 : sum / count;
}

interface Shimmer {
  readonly local: number;
  /** In dB. */
  readonly localDb: number;
  readonly apq3: number;
  readonly apq5: number;
  readonly apq11: number;
  readonly dda: number;
}

/** How much the loudness of periods differs from that of their neighbours, as shares of the mean; zeros where there are too few. */
export function shimmer(samples: Float32Array, rate: number, times: readonly number[]): Shimmer {
  const peaks: { readonly time: number; readonly amplitude: number }[] = [];
  for (let i = 1; i < times.length - 1; i++) {
    const [before, after] = [times[i]! - times[i - 1]!, times[i + 1]! - times[i]!];
    if (!isPeriod(before) || !isPeriod(after) || apart(before, after) > limits.periodFactor) continue;
    const amplitude = loudness(samples, rate, times[i]!, 0.2 * before, 0.2 * after);
    if (amplitude > 0) peaks.push({ time: times[i]!, amplitude });
  }
  // Praat leaves the last out of the mean.
  const amplitudes = peaks.map(({ amplitude }) => amplitude);
  const mean = amplitudes.length < 2 ? 0 : amplitudes.slice(0, -1).reduce((a, b) => a + b, 0) / (amplitudes.length - 1);
  const deviation = (width: number, of: (run: readonly number[]) => number): number => {
    let [sum, count] = [0, 0];
    for (let i = 0; i + width <= peaks.length; i++) {
      const run = peaks.slice(i, i + width);
      const holds = run.every((peak, k) => {
        if (k === 0) return true;
        const last = run[k - 1]!;
        return isPeriod(peak.time - last.time) && apart(peak.amplitude, last.amplitude) <= limits.amplitudeFactor;
      });
      if (!holds) continue;
      sum += of(run.map(({ amplitude }) => amplitude));
      count++;
    }
    return count === 0 ? 0 : sum / count;
  };
  const apq3 = share(deviation(3, fromMean), mean);
  return {
    local: share(
      deviation(2, ([a, b]) => Math.abs(a! - b!)),
      mean,
    ),
    localDb: deviation(2, ([a, b]) => 20 * Math.abs(Math.log10(a! / b!))),
    apq3,
    apq5: share(deviation(5, fromMean), mean),
    apq11: share(deviation(11, fromMean), mean),
    dda: 3 * apq3,
  };
}

// The root mean square around a time, under a window that falls to both sides.
function loudness(samples: Float32Array, rate: number, time: number, before: number, after: number): number {
  let [sum, weights] = [0, 0];
  const last = Math.min(samples.length - 1, Math.floor((time + after) * rate - 0.5));
  for (let i = Math.max(0, Math.ceil((time - before) * rate - 0.5)); i <= last; i++) {
    const away = (i + 0.5) / rate - time;
    const weight = 0.5 + 0.5 * Math.cos((Math.PI * away) / (away < 0 ? before : after));
    sum += (samples[i]! * weight) ** 2;
    weights += weight ** 2;
  }
  return weights === 0 ? 0 : Math.sqrt(sum / weights);
}

/** How much of a voice repeats itself, beside what does not, in dB: from -20 to 60, of the correlation with the next period. */
export function harmonicsToNoise(
  samples: Float32Array,
  rate: number,
  time: number,
  hz: number,
  windowSeconds: number,
): number {
  const middle = time - 0.5 / hz;
  const { correlation } = likest(samples, rate, middle, windowSeconds, middle + 0.8 / hz, middle + 1.25 / hz);
  const r = Math.min(1 - 1e-6, Math.max(0.0099, correlation));
  return 10 * Math.log10(r / (1 - r));
}
