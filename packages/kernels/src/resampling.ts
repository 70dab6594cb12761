// What the kernels of resampling take, checked.
import { checkParam } from "@mmub/core";
import { atLeast, checkTables, type FourierTables, twiddleCount } from "./fourier.js";
import type { Checks } from "./word-vectors.js";

const part = "@mmub/kernels";

export interface ResampleBlocksOptions {
  /** Pairs of blocks, 1 to 4; four take as long as one. */
  readonly pairs: number;
  /** Samples of a block, and those that it overlaps with the ones before and behind on either side. */
  readonly sizeIn: number;
  readonly half: number;
  /** Samples from one block to the next; no more than `sizeIn - 2 half`. */
  readonly advance: number;
  /** Numbers that a block is read out at, and those of them that are kept: `advance * sizeOut / sizeIn`. */
  readonly sizeOut: number;
  readonly advanceOut: number;
  /** As `fourierTables` has them of `sizeIn` and of `sizeOut`, copied to views of these kernels. */
  readonly tablesIn: FourierTables;
  readonly tablesOut: FourierTables;
  /** What the bins from 0 up are multiplied by, half of the smaller size; the transforms are not scaled. */
  readonly gains: Float32Array;
  /** At least 16 numbers for each of the larger size. */
  readonly scratch: Float32Array;
}

export interface ResamplingKernels {
  /**
   * Every second of the samples that a half-band filter gives: out[i] = taps[0] x[2i + c] + Σ taps[p] (x[2i + c - (2p - 1)] +
   * x[2i + c + (2p - 1)]), c = 2 (taps.length - 1) - 1. `x` has at least 2 out.length + 4 (taps.length - 1) - 3 numbers, `scratch`
   * out.length + 2 taps.length.
   */
  halveRate(out: Float32Array, x: Float32Array, taps: Float32Array, scratch: Float32Array): void;
  /**
   * Filters blocks of `x` in the spectrum and reads them out at another rate, by overlap-save: 2 `pairs` x `advanceOut` numbers of `out`, the
   * first at sample `half` of `x`. Cost: two transforms a pair of blocks. Source: Oppenheim and Schafer, "Discrete-Time Signal Processing".
   */
  resampleBlocks(out: Float32Array, x: Float32Array, options: ResampleBlocksOptions): void;
}

export function halveRateCall(
  { at }: Pick<Checks, "at">,
  out: Float32Array,
  x: Float32Array,
  taps: Float32Array,
  scratch: Float32Array,
) {
  checkParam(part, "taps", taps, taps.length >= 2, "two or more");
  const pairs = taps.length - 1;
  atLeast("x", x, 2 * out.length + 4 * pairs - 3, "2 out.length + 4 (taps.length - 1) - 3");
  atLeast("scratch", scratch, out.length + 2 * taps.length, "out.length + 2 taps.length");
  return [at("out", out), at("x", x), out.length, at("taps", taps), pairs, at("scratch", scratch)] as const;
}

export function resampleBlocksCall(
  { at }: Pick<Checks, "at">,
  out: Float32Array,
  x: Float32Array,
  options: ResampleBlocksOptions,
) {
  const { pairs, sizeIn, half, advance, sizeOut, advanceOut, tablesIn, tablesOut, gains, scratch } = options;
  checkParam(part, "pairs", pairs, [1, 2, 3, 4].includes(pairs), "1, 2, 3 or 4");
  checkTables("sizeIn", sizeIn, tablesIn, 1);
  checkTables("sizeOut", sizeOut, tablesOut, 1);
  const whole = (value: number): boolean => Number.isInteger(value) && value >= 0;
  checkParam(part, "half", half, whole(half) && 2 * half < sizeIn, "a whole number below sizeIn / 2");
  const most = sizeIn - 2 * half;
  checkParam(
    part,
    "advance",
    advance,
    whole(advance) && advance <= most,
    `a whole number up to sizeIn - 2 half = ${most}`,
  );
  const scaled = (advance * sizeOut) / sizeIn;
  checkParam(part, "advanceOut", advanceOut, advanceOut === scaled, `advance * sizeOut / sizeIn = ${scaled}`);
  atLeast("x", x, (2 * pairs - 1) * advance + sizeIn, `for ${2 * pairs} blocks`);
  atLeast("scratch", scratch, 16 * Math.max(sizeIn, sizeOut), "16 of the larger size");
  const twiddles = (name: string, { radices, twiddles }: FourierTables) =>
    [at("radices", radices), at(name, twiddles, twiddleCount(radices), "those of fourierTables")] as const;
  return [
    at("out", out, 2 * pairs * advanceOut, `${2 * pairs} blocks x ${advanceOut}`),
    at("x", x),
    pairs,
    half,
    advance,
    advanceOut,
    sizeIn,
    ...twiddles("twiddles of tablesIn", tablesIn),
    sizeOut,
    ...twiddles("twiddles of tablesOut", tablesOut),
    at("gains", gains, Math.min(sizeIn, sizeOut) >> 1, "half of the smaller size"),
    at("scratch", scratch),
  ] as const;
}
