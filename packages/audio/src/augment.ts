import { checkParam, MmubError, type Random, random, type Sequence, show } from "@mmub/core";
import { timeStretch } from "./time-stretch.js";
import { channelsOf, type Waveform, waveformChecked } from "./wav.js";

/** Where a number is drawn from, evenly. */
export interface DrawRange {
  readonly from: number;
  readonly to: number;
}

export interface WaveformAugmenterParams {
  /** How many times as fast, at the same pitch, from 0.1 to 10; such as 0.8 to 1.25. Done first. @default not done */
  readonly stretchRate?: DrawRange;
  /** By which share of its length the recording is moved, from -1 to 1; what leaves at one end comes in at the other. @default not done */
  readonly shiftShare?: DrawRange;
  /** White noise, this many dB below the recording's mean power; such as 5 to 40. @default not done */
  readonly noiseSnrDb?: DrawRange;
  /** By how many dB it is louder; such as -12 to 12. Samples are not clipped. Done last. @default not done */
  readonly gainDb?: DrawRange;
  /** How probable each is for a recording, from 0 to 1. @default 0.5 */
  readonly probability?: number;
}

/**
 * Makes a function that gives altered copies of a recording for training: stretched, moved, with noise, louder or softer, each by chance
 * and drawn from a range. The same seed gives the same copy; the recording is left as it is.
 *
 * Channels are altered alike, each with a noise of its own. Rejects (`invalid-params`) ranges that fall or are outside, and (`invalid-input`) NaN, infinities
 * and channels of unequal length. Cost: a pass each, and that of `timeStretch`. Source: as audiomentations' TimeStretch, Shift, AddGaussianSNR, Gain.
 *
 * @example
 * const word = { samples: Float32Array.from({ length: 8_000 }, (_, i) => Math.sin(i / 5)), sampleRateHz: 8_000 };
 * const augment = waveformAugmenter({ stretchRate: { from: 0.8, to: 1.25 }, noiseSnrDb: { from: 5, to: 40 }, probability: 1 });
 * const copies = [1, 2, 3].map((seed) => augment(word, seed)); // three other words, the same each time
 */
export function waveformAugmenter(params: WaveformAugmenterParams): (waveform: Waveform, seed: number) => Waveform {
  const part = "@mmub/audio/waveformAugmenter";
  const { probability = 0.5 } = params;
  checkParam(part, "probability", probability, probability >= 0 && probability <= 1, "a number from 0 to 1");
  const limits = { stretchRate: [0.1, 10], shiftShare: [-1, 1], noiseSnrDb: [-100, 200], gainDb: [-200, 200] } as const;
  for (const [name, [low, high]] of Object.entries(limits)) {
    const range = params[name as keyof typeof limits];
    const ok = range === undefined || (range.from >= low && range.from <= range.to && range.to <= high);
    checkParam(part, name, range, ok, `{ from, to } with ${low} <= from <= to <= ${high}`);
  }
  const reject = (problem: string): never => {
    throw new MmubError("invalid-input", { part, message: problem });
  };
  return (recording, seed) => {
    const { samples, sampleRateHz } = waveformChecked(recording, reject);
    let channels = channelsOf(samples, reject);
    const all = random(seed);
    /** The number of one alteration; what is drawn for another does not shift it. */
    const drawn = (name: keyof typeof limits): number | undefined => {
      const draw = all.fork(name);
      const [range, chance, share] = [params[name], draw.next(), draw.next()];
      return range && chance < probability ? range.from + (range.to - range.from) * share : undefined;
    };
    const [rate, shift, snr, gain] = [drawn("stretchRate"), drawn("shiftShare"), drawn("noiseSnrDb"), drawn("gainDb")];
    if (rate !== undefined) channels = channels.map((channel) => timeStretch(channel, rate));
    if (shift !== undefined) channels = channels.map((channel) => rolled(channel, Math.round(shift * channel.length)));
    if (snr !== undefined)
      channels = channels.map((channel, i) => noisy(channel, snr, all.fork(`noise of channel ${i}`)));
    if (gain !== undefined) channels = channels.map((channel) => channel.map((value) => value * 10 ** (gain / 20)));
    channels = channels.map((channel) => channel.slice());
    return { samples: samples instanceof Float32Array ? channels[0]! : channels, sampleRateHz };
  };
}

function rolled(samples: Float32Array, by: number): Float32Array {
  const { length } = samples;
  const out = new Float32Array(length);
  const first = length === 0 ? 0 : ((by % length) + length) % length;
  out.set(samples.subarray(0, length - first), first);
  out.set(samples.subarray(length - first), 0);
  return out;
}

function noisy(samples: Float32Array, snrDb: number, draw: Random): Float32Array {
  const power = samples.reduce((sum, value) => sum + value * value, 0) / Math.max(1, samples.length);
  const deviation = Math.sqrt(power) * 10 ** (-snrDb / 20);
  return samples.map((value) => value + deviation * draw.normal());
}

export interface SpecAugmentParams {
  /** Stretches of time that are masked. @default 2 */
  readonly timeMasks?: number;
  /** Steps of such a stretch, from 0 to below this. torchaudio's `time_mask_param`. @default 100 */
  readonly timeMaskWidth?: number;
  /** The share of a recording that a stretch may have, from 0 to 1. torchaudio's `p`. @default 1 */
  readonly timeMaskShare?: number;
  /** Ranges of columns, such as mel bands, that are masked. @default 2 */
  readonly frequencyMasks?: number;
  /** Columns of such a range, from 0 to below this. torchaudio's `freq_mask_param`. @default 27 */
  readonly frequencyMaskWidth?: number;
  /** What masked numbers become: a number, or the mean of the recording. @default 0 */
  readonly fill?: number | "mean";
}

/**
 * SpecAugment: frames, such as those of `logMel`, with stretches of time and ranges of frequency masked, drawn for each recording by itself. The
 * same seed gives the same masks; the frames that come in are left as they are. The defaults are the paper's policy LD, without warping.
 *
 * Rejects (`invalid-params`) numbers outside, and (`invalid-input`) what is no Sequence. Cost: one copy. Source: Park et al., "SpecAugment" (2019); `torchaudio.transforms.TimeMasking` and
 * `FrequencyMasking`.
 *
 * @example
 * const tone = Float32Array.from({ length: 16_000 }, (_, i) => Math.sin(i / 5));
 * const frames = await (await logMel({ output: "frames", mels: 40 }).fit([])).transform([{ samples: tone, sampleRateHz: 16_000 }]);
 * const masked = specAugment(frames, { timeMaskWidth: 10, frequencyMaskWidth: 8, fill: "mean" }, 7);
 */
export function specAugment(frames: Sequence, params: SpecAugmentParams, seed: number): Sequence {
  const part = "@mmub/audio/specAugment";
  const { timeMasks = 2, timeMaskWidth = 100, timeMaskShare = 1, fill = 0 } = params;
  const { frequencyMasks = 2, frequencyMaskWidth = 27 } = params;
  for (const [name, value] of Object.entries({ timeMasks, timeMaskWidth, frequencyMasks, frequencyMaskWidth }))
    checkParam(part, name, value, Number.isInteger(value) && value >= 0, "a whole number");
  checkParam(part, "timeMaskShare", timeMaskShare, timeMaskShare >= 0 && timeMaskShare <= 1, "a number from 0 to 1");
  checkParam(part, "fill", fill, fill === "mean" || Number.isFinite(fill), '"mean" or a number');
  if (frames?.layout !== "sequence")
    throw new MmubError("invalid-input", {
      part,
      message: `frames are ${show(frames)}, want a Sequence, such as an extractor with output "frames" gives`,
    });
  const { rows, cols, offsets } = frames;
  const data = frames.data.slice();
  for (let row = 0; row < rows; row++) {
    const draw = random(seed).fork(`recording ${row}`);
    const [first, end] = [offsets[row]!, offsets[row + 1]!];
    const own = data.subarray(first * cols, end * cols);
    const value = fill === "mean" ? own.reduce((sum, each) => sum + each, 0) / Math.max(1, own.length) : fill;
    /** A range within `size`. */
    const range = (size: number, width: number): readonly [from: number, to: number] => {
      const length = Math.floor(draw.next() * Math.min(width, size));
      const from = draw.integer(Math.max(1, size - length));
      return [from, from + length];
    };
    for (let mask = 0; mask < timeMasks; mask++) {
      const [from, to] = range(end - first, Math.min(timeMaskWidth, Math.floor(timeMaskShare * (end - first))));
      own.fill(value, from * cols, to * cols);
    }
    for (let mask = 0; mask < frequencyMasks; mask++) {
      const [from, to] = range(cols, frequencyMaskWidth);
      for (let at = 0; at < own.length; at += cols) own.fill(value, at + from, at + to);
    }
  }
  return { ...frames, data };
}
