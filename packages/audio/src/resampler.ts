import { checkParam, MmubError, show } from "@mmub/core";
import { fourierTables, kernels } from "@mmub/kernels";
import { appended } from "./appended.js";
import { complexFourier } from "./fourier.js";
import { firstBad } from "./wav.js";
import { kaiser } from "./window.js";

const part = "@mmub/audio/resampler";

// In units of the lower of the two rates: passes up to 0.913 of its Nyquist frequency and stops at 1, as soxr's HQ does.
const halfLength = 80;
const cutoff = 0.957;
const beta = 10.8;

/** Sharp filters cost less at a lower rate: down from this many times `toHz`, half-band filters halve the rate before. */
const leastHalved = 2.5;
/** What may fold back in such a filter, in dB: less than the sharp one lets through. */
const halfBandDb = 115;

/** Larger transforms than this, for rates with hardly a common divisor, give way to sums over a table. */
const largestBlock = 2 ** 16;

export interface ResamplerParams {
  /** The rate of the input, an integer from 1 to 768000. */
  readonly fromHz: number;
  /** The rate of the output, an integer from 1 to 768000. */
  readonly toHz: number;
}

/**
 * Makes a function that resamples a mono recording from one rate to another, with a sinc under a Kaiser window. Make it
 * once for a pair of rates and call it for every recording.
 *
 * Output: `ceil(length * toHz / fromHz)` samples, the first at the time of the first input; before and after the recording
 * is silence. Up to 0.913 of the lower rate's Nyquist frequency the output is within 1e-5 (-100 dB) of the ideal, from
 * that Nyquist frequency on it is 100 dB down, as with soxr's HQ. Equal rates give a copy.
 * Rejects (`invalid-input`) anything but a Float32Array, NaN and infinities. Cost: two FFTs a block of samples, some 4 ns a sample from 44.1 to
 * 16 kHz; ten times that where the ratio has a prime factor above 7, and for rates whose ratio needs large numbers, such as
 * 16000 to 15999, 160 multiplications a sample of the lower rate or more.
 * Source: Kaiser's window design formulas; Oppenheim and Schafer, "Discrete-Time Signal Processing", overlap-save.
 *
 * @example
 * const to16k = resampler({ fromHz: 44_100, toHz: 16_000 });
 * const tone = Float32Array.from({ length: 44_100 }, (_, i) => Math.sin((2 * Math.PI * 440 * i) / 44_100));
 * const { length } = to16k(tone); // 16000
 */
export function resampler({ fromHz, toHz }: ResamplerParams): Resampler {
  for (const [name, rate] of Object.entries({ fromHz, toHz }))
    checkParam(
      part,
      name,
      rate,
      Number.isInteger(rate) && rate >= 1 && rate <= 768_000,
      "an integer number of Hz from 1 to 768000",
    );
  const divisor = gcd(fromHz, toHz);
  const [down, up] = [fromHz / divisor, toHz / divisor];
  const filter = down === up ? undefined : (kernelFilter(up, down) ?? blockFilter(up, down) ?? tableFilter(up, down));
  const resample = (samples: Float32Array): Float32Array => {
    checkSamples(samples);
    if (!filter) return samples.slice();
    const out = new Float32Array(Math.ceil((samples.length * up) / down));
    for (let to = 0; to < out.length; to += filter.most)
      filter.make(samples, 0, to, out.subarray(to, to + filter.most));
    return out;
  };
  return Object.assign(resample, {
    stream(): ResamplerStream {
      let [kept, start, length, to] = [new Float32Array(0), 0, 0, 0];
      /** The outputs up to this one, as many steps as the samples so far suffice for. */
      const made = (last: number, complete: boolean): Float32Array => {
        if (!filter) {
          const out = kept;
          kept = new Float32Array(0);
          return out;
        }
        let until = to;
        while (until < last && (complete || filter.needs(until) <= length)) until = Math.min(last, until + filter.step);
        const out = new Float32Array(until - to);
        for (let at = 0; at < out.length; at += filter.most)
          filter.make(kept, start, to + at, out.subarray(at, at + filter.most));
        to = until;
        const first = Math.max(start, Math.min(length, filter.first(to)));
        kept = kept.slice(first - start);
        start = first;
        return out;
      };
      return {
        push(samples) {
          checkSamples(samples);
          kept = appended(kept, samples);
          length += samples.length;
          return made(Math.floor((length * up) / down), false);
        },
        end() {
          const out = made(Math.ceil((length * up) / down), true);
          [kept, start, length, to] = [new Float32Array(0), 0, 0, 0];
          return out;
        },
      };
    },
  });
}

/** Resamples one recording, or with `stream` one that comes in pieces. */
export interface Resampler {
  (samples: Float32Array): Float32Array;
  /** For one recording that comes in pieces: together they give what the whole gives, bit for bit. */
  stream(): ResamplerStream;
}

export interface ResamplerStream {
  /** The samples that these, which follow those before, suffice for. */
  push(samples: Float32Array): Float32Array;
  /** The samples at the end. */
  end(): Float32Array;
}

function checkSamples(samples: unknown): asserts samples is Float32Array {
  if (!(samples instanceof Float32Array))
    throw new MmubError("invalid-input", {
      part,
      message: `samples are ${show(samples)}, want a Float32Array; mix channels to one first, or resample each`,
    });
  const bad = firstBad(samples);
  if (bad !== undefined)
    throw new MmubError("invalid-input", {
      part,
      message: `sample ${bad} is ${samples[bad]}, want a finite number up to 1e12`,
    });
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

interface Filter {
  /** Outputs come in steps of so many; at the end of a recording fewer. */
  readonly step: number;
  /** How many outputs are made at a time, some steps. */
  readonly most: number;
  /** The first input that outputs from `to` on need, below 0 at the start. */
  first(to: number): number;
  /** How many inputs the outputs from `to` to `to + step` need. */
  needs(to: number): number;
  /** Writes the outputs from `to`, a multiple of `step`, on; `x` has the inputs from `start` on, and around them is silence. */
  make(x: Float32Array, start: number, to: number, out: Float32Array): void;
}

// Half-band filters first, where the rates are far apart. Then block by block: the spectrum of the input times that of the
// filter, read out at the other rate; two blocks are the real and the imaginary part of one transform, and four such pairs
// are transformed at once. Undefined if the blocks would be too large, or their size has too large a factor.
function kernelFilter(up: number, down: number): Filter | undefined {
  const halvings: Float32Array[] = [];
  for (let ratio = down / up; ratio >= leastHalved; ratio /= 2) halvings.push(halfBand(1 / ratio));
  const times = 2 ** halvings.length;
  const common = gcd(down, times);
  const plan = blocksOf((up * times) / common, down / common);
  if (!plan) return undefined;
  const { half, sizeIn, sizeOut, advance, advanceOut, gains } = plan;
  const [tablesIn, tablesOut] = [fourierTables(sizeIn), fourierTables(sizeOut)];
  if (!tablesIn || !tablesOut) return undefined;
  const pairs = 4;

  /** How many samples there are on each level, from the lowest rate up, to make `count` there; how many come before the first. */
  const reach = (count: number): { readonly counts: readonly number[]; readonly lead: number } => {
    const counts = [count];
    let lead = 0;
    for (const taps of halvings.toReversed()) {
      counts.push(2 * counts.at(-1)! + 4 * (taps.length - 1) - 3);
      lead = 2 * lead + 2 * (taps.length - 1) - 1;
    }
    return { counts, lead };
  };
  const inputs = (some: number): number => (2 * some - 1) * advance + sizeIn;
  const { counts: most, lead } = reach(inputs(pairs));

  // Memory is taken when the first recording comes.
  let run: ((x: Float32Array, from: number, out: Float32Array) => void) | undefined;
  const opened = (): NonNullable<typeof run> => {
    const taps = halvings.toReversed();
    const room = Math.max(16 * Math.max(sizeIn, sizeOut), ...taps.map(({ length }, i) => most[i]! + 2 * length));
    const tables = [tablesIn.radices, tablesIn.twiddles, tablesOut.radices, tablesOut.twiddles];
    const sizes = [...most, room, 2 * pairs * advanceOut, ...[gains, ...taps, ...tables].map(({ length }) => length)];
    const k = kernels({ bytes: sizes.reduce((sum, size) => sum + 4 * size + 64, 0) });
    const floats = (values: Float32Array): Float32Array => {
      const view = k.float32(values.length);
      view.set(values);
      return view;
    };
    const copied = ({ radices, twiddles }: typeof tablesIn) => {
      const view = k.int32(radices.length);
      view.set(radices);
      return { radices: view, twiddles: floats(twiddles) };
    };
    const levels = most.map((count) => k.float32(count));
    const weights = taps.map(floats);
    const result = k.float32(2 * pairs * advanceOut);
    const scratch = k.float32(room);
    const options = {
      ...{ sizeIn, sizeOut, half, advance, advanceOut, scratch, gains: floats(gains) },
      ...{ tablesIn: copied(tablesIn), tablesOut: copied(tablesOut) },
    };
    return (x, from, out) => {
      const some = Math.ceil(out.length / (2 * advanceOut));
      const { counts } = reach(inputs(some));
      const read = levels.at(-1)!.subarray(0, counts.at(-1));
      const start = Math.min(read.length, Math.max(0, -from));
      const end = Math.max(start, Math.min(read.length, x.length - from));
      read.fill(0, 0, start);
      read.set(x.subarray(from + start, from + end), start);
      read.fill(0, end);
      for (let level = levels.length - 2; level >= 0; level--)
        k.halveRate(
          levels[level]!.subarray(0, counts[level]),
          levels[level + 1]!.subarray(0, counts[level + 1]),
          weights[level]!,
          scratch,
        );
      const made = result.subarray(0, 2 * some * advanceOut);
      k.resampleBlocks(made, levels[0]!.subarray(0, counts[0]), { ...options, pairs: some });
      out.set(made.subarray(0, out.length));
    };
  };
  const firstOf = (to: number): number => times * ((to / advanceOut) * advance - half) - lead;
  return {
    step: 2 * advanceOut,
    most: 2 * pairs * advanceOut,
    first: firstOf,
    needs: (to) => firstOf(to) + reach(inputs(1)).counts.at(-1)!,
    make(x, start, to, out) {
      run ??= opened();
      run(x, firstOf(to) - start, out);
    },
  };
}

/**
 * The middle of a half-band filter and every second of the taps beside it; the others are zeros. It passes up to `share` of the Nyquist
 * frequency of the rate that it halves, and stops what would fold back there.
 */
function halfBand(share: number): Float32Array {
  // Kaiser's formulas.
  const width = Math.PI * (1 - 2 * share);
  const pairs = Math.ceil(((halfBandDb - 7.95) / (2.285 * width) + 2) / 4);
  const beta = 0.1102 * (halfBandDb - 8.7);
  const taps = Float64Array.from({ length: pairs }, (_, i) => {
    const at = 2 * i + 1;
    return ((i % 2 === 0 ? 1 : -1) / (Math.PI * at)) * kaiser(at / (2 * pairs), beta);
  });
  // A constant passes as it is.
  const scale = 0.25 / taps.reduce((a, b) => a + b);
  return Float32Array.of(0.5, ...taps.map((tap) => tap * scale));
}

/** How long the blocks of a ratio are, and what their bins are multiplied by; undefined if they would be too large. */
function blocksOf(up: number, down: number) {
  const scale = Math.max(1, down / up);
  const half = Math.ceil(halfLength * scale);
  let best: { readonly steps: number; readonly kept: number; readonly cost: number } | undefined;
  // A block begins where an input and an output stand at the same time: every `down` inputs.
  for (let steps = 1; Math.max(up, down) * steps <= largestBlock; steps *= 2) {
    const kept = Math.floor((steps * down - 2 * half) / down);
    const cost = (steps * Math.log2(steps * down)) / kept;
    if (kept > 0 && !(best && best.cost <= cost)) best = { steps, kept, cost };
  }
  if (!best) return undefined;
  const [sizeIn, sizeOut] = [best.steps * down, best.steps * up];
  const kernel = new Float64Array(2 * sizeIn);
  for (let t = -half; t <= half; t++) kernel[2 * ((t + sizeIn) % sizeIn)] = response(t / scale) / (scale * sizeIn);
  const spectrum = complexFourier(sizeIn)(kernel);
  const gains = Float32Array.from({ length: Math.min(sizeIn, sizeOut) >> 1 }, (_, k) => spectrum[2 * k]!);
  return { half, sizeIn, sizeOut, advance: best.kept * down, advanceOut: best.kept * up, gains };
}

// The same in TypeScript, for blocks of any size. Undefined if they would be too large.
function blockFilter(up: number, down: number): Filter | undefined {
  const plan = blocksOf(up, down);
  if (!plan) return undefined;
  const { half, sizeIn, sizeOut, advance, advanceOut, gains } = plan;
  const forward = complexFourier(sizeIn);
  const backward = complexFourier(sizeOut);
  const blocks = new Float64Array(2 * sizeIn);
  const filtered = new Float64Array(2 * sizeOut);

  // What is before the first output stands at the end, where the transform, which goes round, wants it.
  const load = (x: Float32Array, from: number, part: 0 | 1): void => {
    fill(x, from, blocks, 2 * (sizeIn - half) + part, half);
    fill(x, from + half, blocks, part, sizeIn - half);
  };
  const read = (result: Float64Array, part: 0 | 1, out: Float32Array): void => {
    for (let i = 0, o: number = part; i < out.length; i++, o += 2) out[i] = result[o]!;
  };
  const firstOf = (to: number): number => (to / advanceOut) * advance - half;
  return {
    step: 2 * advanceOut,
    most: 2 * advanceOut,
    first: firstOf,
    needs: (to) => firstOf(to) + advance + sizeIn,
    make(x, start, to, out) {
      const from = firstOf(to) - start;
      load(x, from, 0);
      load(x, from + advance, 1);
      const z = forward(blocks);
      // Real and imaginary parts change places on the way in and on the way out: that makes the transform its inverse.
      for (let k = 0; k < gains.length; k++) {
        filtered[2 * k] = z[2 * k + 1]! * gains[k]!;
        filtered[2 * k + 1] = z[2 * k]! * gains[k]!;
      }
      for (let k = 1; k < gains.length; k++) {
        filtered[2 * (sizeOut - k)] = z[2 * (sizeIn - k) + 1]! * gains[k]!;
        filtered[2 * (sizeOut - k) + 1] = z[2 * (sizeIn - k)]! * gains[k]!;
      }
      const result = backward(filtered);
      read(result, 1, out.subarray(0, advanceOut));
      read(result, 0, out.subarray(advanceOut));
    },
  };
}

/** Every second number of `to`, from place `o` on, is a sample; silence stands around them. */
function fill(x: Float32Array, from: number, to: Float64Array, o: number, count: number): void {
  const first = Math.min(count, Math.max(0, -from));
  const end = Math.max(first, Math.min(count, x.length - from));
  for (let i = 0; i < first; i++, o += 2) to[o] = 0;
  for (let i = first; i < end; i++, o += 2) to[o] = x[from + i]!;
  for (let i = end; i < count; i++, o += 2) to[o] = 0;
}

// Sample by sample: the weights are looked up in one table that serves every pair of rates.
function tableFilter(up: number, down: number): Filter {
  const scale = Math.max(1, down / up);
  const half = Math.ceil(halfLength * scale);
  const position = (to: number): number => Math.floor((to * down) / up);
  const step = 1024;
  return {
    step,
    most: step,
    first: (to) => position(to) - half,
    needs: (to) => position(to + step) + half + 1,
    make(x, start, to, out) {
      // Output i stands at input position + phase / up.
      for (let i = 0; i < out.length; i++) {
        const phase = ((to + i) * down) % up;
        out[i] = interpolatedSum(x, position(to + i) - start, phase / up, half, scale);
      }
    },
  };
}

function interpolatedSum(x: Float32Array, position: number, offset: number, half: number, scale: number): number {
  const table = prototype();
  const step = tableSteps / scale;
  const last = Math.min(x.length - 1, position + half);
  let sum = 0;
  for (let k = Math.max(0, position - half); k <= last; k++) {
    const at = Math.abs(k - position - offset) * step;
    const below = Math.floor(at);
    if (below >= table.length - 1) continue;
    const low = table[below]!;
    sum += x[k]! * (low + (at - below) * (table[below + 1]! - low));
  }
  return sum / scale;
}

// Linear interpolation between this many steps errs by less than (π / steps)² / 8 = 3e-7 (-130 dB).
const tableSteps = 2048;
let table: Float64Array | undefined;

// One side of the response, the same for every pair of rates.
function prototype(): Float64Array {
  table ??= Float64Array.from({ length: halfLength * tableSteps + 1 }, (_, i) => response(i / tableSteps));
  return table;
}

/** The filter's response at `t`, in samples of the lower rate. */
function response(t: number): number {
  if (Math.abs(t) >= halfLength) return 0;
  const angle = Math.PI * cutoff * t;
  return cutoff * (angle === 0 ? 1 : Math.sin(angle) / angle) * kaiser(t / halfLength, beta);
}
