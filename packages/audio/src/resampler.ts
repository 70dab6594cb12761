import { checkParam, MmubError, show } from "@mmub/core";
import { complexFourier } from "./fourier.js";
import { kaiser } from "./window.js";

const part = "@mmub/audio/resampler";

// In units of the lower of the two rates: passes up to 0.913 of its Nyquist frequency and stops at 1, as soxr's HQ does.
const halfLength = 80;
const cutoff = 0.957;
const beta = 10.8;

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
 * Rejects (`invalid-input`) anything but a Float32Array. Cost: two FFTs a block of samples; for rates whose ratio needs
 * large numbers, such as 16000 to 15999, 160 multiplications a sample of the lower rate or more.
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
  const filter = down === up ? undefined : (blockFilter(up, down) ?? tableFilter(up, down));
  const resample = (samples: Float32Array): Float32Array => {
    checkSamples(samples);
    if (!filter) return samples.slice();
    const out = new Float32Array(Math.ceil((samples.length * up) / down));
    for (let to = 0; to < out.length; to += filter.step)
      filter.make(samples, 0, to, out.subarray(to, to + filter.step));
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
        for (let at = 0; at < out.length; at += filter.step)
          filter.make(kept, start, to + at, out.subarray(at, at + filter.step));
        to = until;
        const first = Math.max(start, Math.min(length, filter.first(to)));
        kept = kept.slice(first - start);
        start = first;
        return out;
      };
      return {
        push(samples) {
          checkSamples(samples);
          const both = new Float32Array(kept.length + samples.length);
          both.set(kept);
          both.set(samples, kept.length);
          kept = both;
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
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

interface Filter {
  /** How many outputs are made at a time; the last time fewer. */
  readonly step: number;
  /** The first input that outputs from `to` on need, below 0 at the start. */
  first(to: number): number;
  /** How many inputs the outputs from `to` to `to + step` need. */
  needs(to: number): number;
  /** Writes the outputs from `to` on; `x` has the inputs from `start` on, and around them is silence. */
  make(x: Float32Array, start: number, to: number, out: Float32Array): void;
}

// Block by block: the spectrum of the input times that of the filter, read out at the other rate. Two blocks at a time go
// through one complex transform, as its real and its imaginary part. Undefined if the blocks would be too large.
function blockFilter(up: number, down: number): Filter | undefined {
  const scale = Math.max(1, down / up);
  const half = Math.ceil(halfLength * scale);
  // Lengths in steps of `down` inputs, which last as long as `up` outputs. The filter blurs the margins into each other.
  const margin = Math.ceil(half / down);
  let steps = 16;
  while (steps < 16 * margin) steps *= 2;
  const [sizeIn, sizeOut] = [steps * down, steps * up];
  if (Math.max(sizeIn, sizeOut) > largestBlock) return undefined;
  const forward = complexFourier(sizeIn);
  const backward = complexFourier(sizeOut);
  const bins = Math.min(sizeIn, sizeOut) >> 1;

  const kernel = new Float64Array(2 * sizeIn);
  for (let t = -half; t <= half; t++) kernel[2 * ((t + sizeIn) % sizeIn)] = response(t / scale) / (scale * sizeIn);
  const spectrum = forward(kernel);
  const gains = Float64Array.from({ length: bins }, (_, k) => spectrum[2 * k]!);
  const blocks = new Float64Array(2 * sizeIn);
  const filtered = new Float64Array(2 * sizeOut);
  const advance = (steps - 2 * margin) * down;
  const advanceOut = (steps - 2 * margin) * up;
  const firstOut = margin * up;

  const read = (result: Float64Array, part: 0 | 1, out: Float32Array): void => {
    for (let i = 0, o = 2 * firstOut + part; i < out.length; i++, o += 2) out[i] = result[o]!;
  };
  const firstOf = (to: number): number => (to / advanceOut) * advance - margin * down;
  return {
    step: 2 * advanceOut,
    first: firstOf,
    needs: (to) => firstOf(to) + advance + sizeIn,
    make(x, start, to, out) {
      const from = firstOf(to) - start;
      fill(x, from, blocks, 0, sizeIn);
      fill(x, from + advance, blocks, 1, sizeIn);
      const z = forward(blocks);
      // Real and imaginary parts change places on the way in and on the way out: that makes the transform its inverse.
      for (let k = 0; k < bins; k++) {
        filtered[2 * k] = z[2 * k + 1]! * gains[k]!;
        filtered[2 * k + 1] = z[2 * k]! * gains[k]!;
      }
      for (let k = 1; k < bins; k++) {
        filtered[2 * (sizeOut - k)] = z[2 * (sizeIn - k) + 1]! * gains[k]!;
        filtered[2 * (sizeOut - k) + 1] = z[2 * (sizeIn - k)]! * gains[k]!;
      }
      const result = backward(filtered);
      read(result, 1, out.subarray(0, advanceOut));
      read(result, 0, out.subarray(advanceOut));
    },
  };
}

/** Every second number of `to`, from `part` on, is a sample; silence stands around them. */
function fill(x: Float32Array, from: number, to: Float64Array, part: 0 | 1, count: number): void {
  const first = Math.min(count, Math.max(0, -from));
  const end = Math.max(first, Math.min(count, x.length - from));
  let o: number = part;
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
