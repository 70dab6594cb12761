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
export function resampler({ fromHz, toHz }: ResamplerParams): (samples: Float32Array) => Float32Array {
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
  return (samples) => {
    if (!(samples instanceof Float32Array))
      throw new MmubError("invalid-input", {
        part,
        message: `samples are ${show(samples)}, want a Float32Array; mix channels to one first, or resample each`,
      });
    return filter ? filter(samples) : samples.slice();
  };
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

type Filter = (samples: Float32Array) => Float32Array;

// Block by block: the spectrum of the input times that of the filter, read out at the other rate. Two blocks at a time go
// through one complex transform, as its real and its imaginary part. Undefined if the blocks would be too large.
function blockFilter(up: number, down: number): Filter | undefined {
  const scale = Math.max(1, down / up);
  const half = Math.ceil(halfLength * scale);
  // Lengths in steps of `down` inputs, which last as long as `up` outputs. The filter blurs the margins into each other.
  const margin = Math.ceil(half / down);
  let steps = 8;
  while (steps < 8 * margin) steps *= 2;
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

  const fill = (samples: Float32Array, from: number, part: 0 | 1): void => {
    for (let i = 0, at = from, o: number = part; i < sizeIn; i++, at++, o += 2)
      blocks[o] = at >= 0 && at < samples.length ? samples[at]! : 0;
  };
  const read = (result: Float64Array, part: 0 | 1, out: Float32Array, to: number): void => {
    const count = Math.min(advanceOut, out.length - to);
    for (let i = 0, o = 2 * firstOut + part; i < count; i++, o += 2) out[to + i] = result[o]!;
  };
  return (samples) => {
    const out = new Float32Array(Math.ceil((samples.length * up) / down));
    for (let from = 0, to = 0; to < out.length; from += 2 * advance, to += 2 * advanceOut) {
      fill(samples, from - margin * down, 0);
      fill(samples, from + advance - margin * down, 1);
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
      read(result, 1, out, to);
      read(result, 0, out, to + advanceOut);
    }
    return out;
  };
}

// Sample by sample: the weights are looked up in one table that serves every pair of rates.
function tableFilter(up: number, down: number): Filter {
  const scale = Math.max(1, down / up);
  const half = Math.ceil(halfLength * scale);
  return (samples) => {
    const out = new Float32Array(Math.ceil((samples.length * up) / down));
    // Output i stands at input `position + phase / up`.
    let [position, phase] = [0, 0];
    for (let i = 0; i < out.length; i++) {
      out[i] = interpolatedSum(samples, position, phase / up, half, scale);
      phase += down;
      position += Math.floor(phase / up);
      phase %= up;
    }
    return out;
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
