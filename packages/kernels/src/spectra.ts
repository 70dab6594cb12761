// What the kernels of spectra take, checked.
import { checkParam, MmubError } from "@mmub/core";
import { atLeast, checkTables, type FourierTables, twiddleCount } from "./fourier.js";
import type { Checks } from "./word-vectors.js";

const part = "@mmub/kernels";

export interface SpectraOptions {
  /** Rows of `out`. */
  readonly frames: number;
  /** Samples from one frame to the next. */
  readonly hop: number;
  /** Samples of a transform: even, and but for 2, 3, 5 and 7 without a prime factor. */
  readonly size: number;
  /** As `spectraTables` has them, copied to views of these kernels. */
  readonly tables: FourierTables;
  /** What each sample of a frame is multiplied by; at most `size` of them. */
  readonly window: Float32Array;
  /** Samples of a frame before the window's first; these, and those behind the window, count as zeros. @default 0 */
  readonly margin?: number;
  /** `complex`: real and imaginary part of each bin in turn. @default "power" */
  readonly kind?: "complex" | "magnitude" | "power";
  /** Sums over bins instead of bins, not of `complex`. */
  readonly filters?: SpectraFilters;
  /** At least 8 x (size + 2) numbers, and 4 for each filter. */
  readonly scratch: Float32Array;
}

export interface SpectraFilters {
  /** Pairs: the first bin of a filter and how many it weighs. */
  readonly ranges: Int32Array;
  /** Those of all filters, one behind the other. */
  readonly weights: Float32Array;
}

export interface SpectraKernels {
  /**
   * Spectra of windowed frames of real `samples`: size / 2 + 1 bins a row of `out`, or the weighted sums of `filters`, such as mel
   * bands. Cost: about 2 µs a frame of 512. Source: Stockham's transform, Van Loan (1992).
   */
  spectra(out: Float32Array, samples: Float32Array, options: SpectraOptions): void;
  /**
   * x = factor x log2(max(x, least)), in place, right to 3e-7 of the factor or of the result; NaN stays NaN. Gives the
   * largest of the results, -Infinity where there is none. Cost: 1 ns a number.
   *
   * @example
   * const k = kernels({ bytes: 64 });
   * const powers = k.float32(2);
   * powers.set([1, 0]);
   * k.logarithms(powers, { least: 1e-10, factor: 10 * Math.log10(2) }); // decibels: 0, -100
   */
  logarithms(x: Float32Array, options: { readonly least: number; readonly factor: number }): number;
}

const kinds = ["complex", "magnitude", "power"];

export function spectraCall(
  { at }: Pick<Checks, "at">,
  out: Float32Array,
  samples: Float32Array,
  options: SpectraOptions,
) {
  const { frames, hop, size, tables, window, margin = 0, kind = "power", filters, scratch } = options;
  for (const [name, value] of Object.entries({ frames, hop, margin }))
    checkParam(part, name, value, Number.isInteger(value) && value >= 0 && value < 2 ** 30, "a whole number");
  checkParam(part, "kind", kind, kinds.includes(kind), '"complex", "magnitude" or "power"');
  checkParam(part, "kind", kind, !filters || kind !== "complex", '"magnitude" or "power", with filters');
  checkTables("size", size, tables, 2);
  const inside = margin + window.length <= size;
  checkParam(
    part,
    "margin",
    margin,
    inside,
    `at most ${size - window.length}, so that the window ends within the frame`,
  );

  const bins = size / 2 + 1;
  const bands = filters ? filters.ranges.length >> 1 : 0;
  let weights = 0;
  for (let band = 0; band < bands; band++) {
    const [first, count] = [filters!.ranges[2 * band]!, filters!.ranges[2 * band + 1]!];
    if (!(first >= 0 && count >= 0 && first + count <= bins))
      throw new MmubError("invalid-input", {
        part,
        message: `filter ${band} weighs ${count} bins from ${first} on, want some of the ${bins}`,
        index: band,
      });
    weights += count;
  }
  const needed = frames === 0 ? 0 : (frames - 1) * hop + margin + window.length;
  atLeast("samples", samples, needed, `for ${frames} frames`);
  atLeast("scratch", scratch, 8 * (size + 2) + 4 * bands, "8 x (size + 2) and 4 for each filter");
  const cols = filters ? bands : kind === "complex" ? 2 * bins : bins;
  const twiddles = twiddleCount(tables.radices) + 2 * ((size >> 2) + 1);
  return [
    at("out", out, frames * cols, `${frames} frames x ${cols}`),
    at("samples", samples),
    frames,
    hop,
    at("window", window),
    window.length,
    margin,
    size,
    at("radices", tables.radices),
    at("twiddles", tables.twiddles, twiddles, "those of spectraTables"),
    kinds.indexOf(kind),
    filters ? at("ranges", filters.ranges, 2 * bands, "pairs") : 0,
    bands,
    filters ? at("weights", filters.weights, weights, "those of the ranges") : 0,
    at("scratch", scratch),
  ] as const;
}
