// The tables of Fourier transforms, which several kernels take.
import { checkParam, MmubError } from "@mmub/core";

const part = "@mmub/kernels";

export interface FourierTables {
  /** The radices of the passes, then 0. */
  readonly radices: Int32Array;
  readonly twiddles: Float32Array;
}

const largestSize = 2 ** 20;

/**
 * The tables of the transform of `size` real samples, to copy into views of kernels; undefined where these have no transform of it:
 * `size` is odd, below 4, above 2^20, or has a prime factor above 7.
 *
 * @example
 * const tables = spectraTables(400);
 * console.log(tables?.radices, spectraTables(442)); // [4, 2, 5, 5, 0] undefined
 */
export function spectraTables(size: number): FourierTables | undefined {
  if (!Number.isInteger(size) || size < 4 || size > largestSize || size % 2 !== 0) return undefined;
  const half = size / 2;
  const tables = passes(half);
  if (!tables) return undefined;
  // Of the step that pulls the spectrum of a real frame out of one of half its size.
  for (let k = 0; k <= half >> 1; k++) push(tables.twiddles, k, size);
  return { radices: Int32Array.from(tables.radices), twiddles: Float32Array.from(tables.twiddles) };
}

/**
 * The tables of the transform of `size` complex numbers, to copy into views of kernels; undefined where these have none of it: `size` is
 * below 1, above 2^20, or has a prime factor above 7.
 *
 * @example
 * console.log(fourierTables(441)?.radices, fourierTables(22)); // [3, 3, 7, 7, 0] undefined
 */
export function fourierTables(size: number): FourierTables | undefined {
  if (!Number.isInteger(size) || size < 1 || size > largestSize) return undefined;
  const tables = passes(size);
  return tables && { radices: Int32Array.from(tables.radices), twiddles: Float32Array.from(tables.twiddles) };
}

function passes(size: number): { readonly radices: readonly number[]; readonly twiddles: number[] } | undefined {
  const radices: number[] = [];
  let rest = size;
  for (const radix of [4, 2, 3, 5, 7]) for (; rest % radix === 0; rest /= radix) radices.push(radix);
  if (rest !== 1) return undefined;
  const twiddles: number[] = [];
  let stride = 1;
  for (const radix of radices) {
    const m = size / stride / radix;
    for (let k = 0; k < m; k++) for (let j = 1; j < radix; j++) push(twiddles, j * k, radix * m);
    stride *= radix;
  }
  return { radices: [...radices, 0], twiddles };
}

function push(twiddles: number[], k: number, of: number): void {
  const angle = (2 * Math.PI * k) / of;
  twiddles.push(Math.cos(angle), -Math.sin(angle));
}

/** Refuses tables of another size than `size`, which is `factor` times that of the transform. */
export function checkTables(name: string, size: number, { radices }: FourierTables, factor: 1 | 2): void {
  const product = radices.reduce((all, radix) => all * Math.max(1, radix), factor);
  const known = radices.at(-1) === 0 && radices.subarray(0, -1).every((r) => [2, 3, 4, 5, 7].includes(r));
  checkParam(part, name, size, known && product === size, `the size of the tables, ${product}`);
}

/** How many numbers the twiddles of all passes are. */
export function twiddleCount(radices: Int32Array): number {
  let rest = radices.reduce((all, radix) => all * Math.max(1, radix), 1);
  let sum = 0;
  for (const radix of radices.subarray(0, -1)) {
    rest /= radix;
    sum += 2 * rest * (radix - 1);
  }
  return sum;
}

export function atLeast(name: string, view: Float32Array, want: number, why: string): void {
  if (view.length >= want) return;
  throw new MmubError("shape-mismatch", {
    part,
    message: `${name} has ${view.length} numbers, want at least ${want} (${why})`,
    name,
    got: view.length,
    want,
  });
}
