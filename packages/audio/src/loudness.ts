import { checkParam, MmubError } from "@mmub/core";
import { roundHalfEven } from "./round-half-even.js";
import { channelsOf, type Waveform, waveformChecked } from "./wav.js";

const part = "@mmub/audio/loudness";

/**
 * The integrated loudness of a recording in LUFS, as people hear it: filtered, in blocks of 400 ms, quiet ones left out. The numbers are
 * those of pyloudnorm's default meter.
 *
 * `samples` is one Float32Array, or one a channel in the order left, right, centre, left and right surround (these count 1.41 times). At
 * most five channels. -Infinity where every block is below -70 LUFS.
 * Rejects (`invalid-input`) NaN, infinities, channels of unequal length and recordings shorter than 400 ms. Cost: 20 ns a sample.
 * Source: ITU-R BS.1770-4.
 *
 * @example
 * const tone = Float32Array.from({ length: 48_000 }, (_, i) => Math.sin((2 * Math.PI * 997 * i) / 48_000));
 * console.log(loudness({ samples: tone, sampleRateHz: 48_000 })); // about -3.01
 */
export function loudness(recording: Waveform): number {
  const { samples, sampleRateHz } = waveformChecked(recording, reject);
  const channels = checked(samples, sampleRateHz);
  const weighted = channels.map((channel) => kWeighted(channel, sampleRateHz));
  const { length } = channels[0]!;
  const block = 0.4;
  const step = 0.25;
  const count = roundHalfEven((length / sampleRateHz - block) / (block * step)) + 1;
  const powers = weighted.map((channel) =>
    Float64Array.from({ length: count }, (_, i) => {
      const from = Math.floor(block * (i * step) * sampleRateHz);
      const to = Math.min(length, Math.floor(block * (i * step + 1) * sampleRateHz));
      let sum = 0;
      for (let at = from; at < to; at++) sum += channel[at]! ** 2;
      return sum / (block * sampleRateHz);
    }),
  );
  /** The loudness of the mean over these blocks. */
  const over = (blocks: readonly number[]): number => {
    const sum = powers.reduce(
      (all, of, i) => all + (gains[i]! * blocks.reduce((a, b) => a + of[b]!, 0)) / blocks.length,
      0,
    );
    return blocks.length === 0 ? Number.NEGATIVE_INFINITY : -0.691 + 10 * Math.log10(sum);
  };
  const levels = Array.from({ length: count }, (_, i) => over([i]));
  const audible = [...levels.keys()].filter((i) => levels[i]! >= -70);
  const threshold = over(audible) - 10;
  return over(audible.filter((i) => levels[i]! > threshold && levels[i]! > -70));
}

export interface NormalizeLoudnessOptions {
  /** The loudness afterwards, in LUFS. @default -23, that of European broadcasts */
  readonly targetLufs?: number;
}

/**
 * A recording made louder or quieter to a loudness (see `loudness`), its channels alike: what differs between microphones goes, what
 * differs within the recording stays. Samples may then be beyond 1: `encodeWav` clips them. Silence is given back as it was.
 *
 * @example
 * const tone = Float32Array.from({ length: 48_000 }, (_, i) => 0.1 * Math.sin((2 * Math.PI * 997 * i) / 48_000));
 * const louder = normalizeLoudness({ samples: tone, sampleRateHz: 48_000 }, { targetLufs: -16 });
 * console.log(loudness(louder)); // -16
 */
export function normalizeLoudness(recording: Waveform, { targetLufs = -23 }: NormalizeLoudnessOptions = {}): Waveform {
  checkParam(part, "targetLufs", targetLufs, Number.isFinite(targetLufs), "a number of LUFS, such as -23");
  const level = loudness(recording);
  const gain = Number.isFinite(level) ? 10 ** ((targetLufs - level) / 20) : 1;
  const { samples, sampleRateHz } = recording;
  const scaled = (channel: Float32Array): Float32Array => channel.map((value) => gain * value);
  return { samples: samples instanceof Float32Array ? scaled(samples) : samples.map(scaled), sampleRateHz };
}

const gains = [1, 1, 1, 1.41, 1.41];

function reject(problem: string): never {
  throw new MmubError("invalid-input", { part, message: problem });
}

function checked(samples: Waveform["samples"], sampleRateHz: number): readonly Float32Array[] {
  const good = Number.isInteger(sampleRateHz) && sampleRateHz >= 1000 && sampleRateHz <= 768_000;
  checkParam(part, "sampleRateHz", sampleRateHz, good, "an integer from 1000 to 768000");
  const channels = channelsOf(samples, reject);
  if (channels.length > gains.length) reject(`${channels.length} channels, want at most 5; mix some of them first`);
  const { length } = channels[0]!;
  if (length < 0.4 * sampleRateHz)
    reject(`${length} samples are shorter than a block of 400 ms, ${0.4 * sampleRateHz}`);
  return channels;
}

/** The head's shelf and the ear's high-pass, as pyloudnorm designs them for any rate. */
function kWeighted(samples: Float32Array, rate: number): Float64Array {
  const shelf = biquad(rate, 1500, Math.SQRT1_2, (cos, alpha) => {
    const a = 10 ** (4 / 40);
    const root = 2 * Math.sqrt(a) * alpha;
    return {
      b: [a * (a + 1 + (a - 1) * cos + root), -2 * a * (a - 1 + (a + 1) * cos), a * (a + 1 + (a - 1) * cos - root)],
      a: [a + 1 - (a - 1) * cos + root, 2 * (a - 1 - (a + 1) * cos), a + 1 - (a - 1) * cos - root],
    };
  });
  const highPass = biquad(rate, 38, 0.5, (cos, alpha) => ({
    b: [(1 + cos) / 2, -(1 + cos), (1 + cos) / 2],
    a: [1 + alpha, -2 * cos, 1 - alpha],
  }));
  return filtered(filtered(Float64Array.from(samples), shelf), highPass);
}

interface Biquad {
  readonly b: readonly [number, number, number];
  readonly a: readonly [number, number, number];
}

// Source: Bristow-Johnson, "Cookbook formulae for audio EQ biquad filter coefficients".
function biquad(rate: number, hz: number, q: number, design: (cos: number, alpha: number) => Biquad): Biquad {
  const angle = (2 * Math.PI * hz) / rate;
  return design(Math.cos(angle), Math.sin(angle) / (2 * q));
}

function filtered(x: Float64Array, { b, a }: Biquad): Float64Array {
  const [b0, b1, b2] = b.map((value) => value / a[0]) as [number, number, number];
  const [a1, a2] = [a[1] / a[0], a[2] / a[0]];
  let [first, second] = [0, 0];
  for (let i = 0; i < x.length; i++) {
    const value = x[i]!;
    const out = b0 * value + first;
    first = b1 * value - a1 * out + second;
    second = b2 * value - a2 * out;
    x[i] = out;
  }
  return x;
}
