import { checkParam, type Dense, type Extractor, isPresent, MmubError, show } from "@mmub/core";
import { type DecodeParams, decode, decodeParams, type ImageInput } from "./decode.js";
import { greyOf } from "./grey.js";
import type { BrokenOptions } from "./lanes.js";
import { pictureExtractor } from "./pixel-extractor.js";
import { resample } from "./resample.js";

const type = "@mmub/image/perceptual-hash";

export interface PerceptualHashParams extends Pick<DecodeParams, "background" | "failOn" | "maxPixels" | "maxBytes"> {
  /**
   * `"perceptual"` (pHash): the low frequencies of the picture, each above or below their median; `"difference"` (dHash): each pixel
   * of a tiny picture brighter or not than the one left of it; `"average"` (aHash): brighter or not than their mean.
   * @default "perceptual"
   */
  readonly method?: "perceptual" | "difference" | "average";
  /** Bits along a side, 2 to 32: a hash has size x size of them. @default 8 */
  readonly size?: number;
}

/**
 * Perceptual hashes: bits that stay nearly the same when a picture is scaled, compressed again or a little brightened, so that
 * few different bits tell of the same picture.
 *
 * Output: Dense, rows x (size x size), 64 columns by default, of 0 and 1: row by row. `hashesOf` makes hexadecimal strings of them,
 * which `nearDuplicates` and `hashIndex` take. A missing picture is a zero row with `present` 0. Nothing is learned: `fit([])` does.
 * Rejects what `decodeImage` rejects (`invalid-input`, with the index). Cost: decoding.
 * Source: Krawetz, Looks like it, 2011 and Kind of like that, 2013; bits as the Python package imagehash has them in `phash`,
 * `dhash` and `average_hash`, but for those that hang on a rounding of the resized picture.
 *
 * @example
 * const ramp = { data: Uint8Array.from({ length: 32 * 32 }, (_, i) => 8 * (i % 32)), width: 32, height: 32, channels: 1 } as const;
 * const fitted = await perceptualHash({ method: "difference" }).fit([]);
 * console.log(hashesOf(await fitted.transform([ramp, null]))); // [ 'ffffffffffffffff', null ]
 */
export function perceptualHash(
  params: PerceptualHashParams = {},
  options: BrokenOptions = {},
): Extractor<ImageInput, Dense> {
  const { method = "perceptual", size = 8 } = params;
  checkParam(
    type,
    "method",
    method,
    ["perceptual", "difference", "average"].includes(method),
    '"perceptual", "difference" or "average"',
  );
  checkParam(
    type,
    "size",
    size,
    Number.isInteger(size) && size >= 2 && size <= 32,
    "a whole number of bits from 2 to 32",
  );
  const height = method === "perceptual" ? 4 * size : size;
  const width = method === "difference" ? size + 1 : height;
  // The decoder's own way to a tiny picture is a rough one: it only shortens long sides, and ours is Pillow's.
  const { background, failOn, maxPixels, maxBytes } = params;
  const given = Object.entries({ background, failOn, maxPixels, maxBytes }).filter(([, value]) => value !== undefined);
  const decoding = decodeParams(type, Object.fromEntries(given));
  const describe = { perceptual: lowFrequencies(size), difference: differences(size), average: aboveMean }[method];
  return pictureExtractor({
    type,
    params: { ...decoding, method, size },
    options,
    cols: size * size,
    names: Array.from({ length: size * size }, (_, i) => `bit ${Math.floor(i / size)},${i % size}`),
    async describe(input, row, asker) {
      const image = await decode(input, { ...decoding, atMost: 1024 }, asker);
      describe(resample(greyOf(image.data), 1, image, { width, height }, "lanczos3"), row);
    },
  });
}

function aboveMean(grey: Uint8Array, row: Float32Array): void {
  let sum = 0;
  for (const value of grey) sum += value;
  for (let i = 0; i < row.length; i++) row[i] = grey[i]! * grey.length > sum ? 1 : 0;
}

function differences(size: number) {
  return (grey: Uint8Array, row: Float32Array) => {
    for (let y = 0, i = 0; y < size; y++)
      for (let x = 0; x < size; x++, i++) row[i] = grey[i + y + 1]! > grey[i + y]! ? 1 : 0;
  };
}

/** The first size x size coefficients of the discrete cosine transform (type II) of 4 size x 4 size pixels, above their median. */
function lowFrequencies(size: number) {
  const side = 4 * size;
  const cosines = Float64Array.from({ length: size * side }, (_, i) =>
    Math.cos((Math.PI * Math.floor(i / side) * (2 * (i % side) + 1)) / (2 * side)),
  );
  const columns = new Float64Array(size * side);
  const low = new Float64Array(size * size);
  return (grey: Uint8Array, row: Float32Array) => {
    for (let f = 0; f < size; f++)
      for (let x = 0; x < side; x++) {
        let sum = 0;
        for (let y = 0; y < side; y++) sum += cosines[f * side + y]! * grey[y * side + x]!;
        columns[f * side + x] = sum;
      }
    for (let f = 0; f < size; f++)
      for (let g = 0; g < size; g++) {
        let sum = 0;
        for (let x = 0; x < side; x++) sum += cosines[g * side + x]! * columns[f * side + x]!;
        low[f * size + g] = sum;
      }
    const sorted = low.toSorted();
    const median = (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
    for (let i = 0; i < row.length; i++) row[i] = low[i]! > median ? 1 : 0;
  };
}

/**
 * The rows of a `perceptualHash` as hexadecimal strings, four bits a digit, the first bit the highest, as imagehash prints them;
 * `null` for a missing picture.
 */
export function hashesOf(bits: Dense): (string | null)[] {
  return Array.from({ length: bits.rows }, (_, row) => {
    if (!isPresent(bits, row)) return null;
    let hash = "";
    // imagehash fills up with zero bits in front.
    for (let at = bits.cols - 4 * Math.ceil(bits.cols / 4); at < bits.cols; at += 4) {
      let digit = 0;
      for (let i = at; i < at + 4; i++) digit = 2 * digit + (i >= 0 ? bits.data[row * bits.cols + i]! : 0);
      hash += digit.toString(16);
    }
    return hash;
  });
}

/** In how many bits two hashes of equal length differ. */
export function hashDistance(a: string, b: string): number {
  const [x, y] = [words(a, 0), words(b, 1)];
  if (x.length !== y.length || a.length !== b.length)
    throw new MmubError("shape-mismatch", {
      part: type,
      message: `hashes of ${a.length} and ${b.length} digits, want as many`,
    });
  return distance(x, 0, y, 0, x.length);
}

/** A found hash: its position among those of the index and in how many bits it differs. */
export interface HashMatch {
  readonly index: number;
  readonly distance: number;
}

export interface HashIndex {
  /** All hashes that differ from `hash` in at most `maxDistance` bits, the nearest first, ties by position. */
  search(hash: string): HashMatch[];
}

/**
 * An index of hashes for exact search within a distance: hashes that differ in at most d bits are equal in at least one of
 * d + 1 pieces, so only those that share a piece are compared. `null` is a missing picture, never found.
 *
 * Cost: memory of (maxDistance + 1) numbers a hash; a search compares about (maxDistance + 1) / 2^(bits / (maxDistance + 1)) of
 * all: of 64 bits 0.2 % at distance 4, 7 % at 8, and all from about 12 on.
 * Source: Manku, Jain and Das Sarma, Detecting near-duplicates for web crawling, WWW 2007; Norouzi et al., Fast search in Hamming
 * space with multi-index hashing, CVPR 2012.
 *
 * @example
 * const index = hashIndex(["00ff", "00fe", null, "ff00"], { maxDistance: 2 });
 * console.log(index.search("00ff")); // [ { index: 0, distance: 0 }, { index: 1, distance: 1 } ]
 */
export function hashIndex(
  hashes: readonly (string | null)[],
  { maxDistance = 6 }: { readonly maxDistance?: number } = {},
): HashIndex {
  const first = hashes.find((hash) => hash !== null);
  const bits = 4 * (first?.length ?? 0);
  checkParam(
    type,
    "maxDistance",
    maxDistance,
    Number.isInteger(maxDistance) && maxDistance >= 0 && (maxDistance < bits || bits === 0),
    `a whole number from 0 to less than the ${bits} bits of a hash`,
  );
  const size = Math.ceil(bits / 32);
  const all = new Uint32Array(size * hashes.length);
  const read = (hash: unknown, index: number | undefined): Uint32Array => {
    const got = words(hash, index);
    if ((hash as string).length * 4 !== bits)
      throw new MmubError("shape-mismatch", {
        part: type,
        message: `${index === undefined ? "the hash" : `hash ${index}`} has ${(hash as string).length} digits, want ${bits / 4} as the first`,
        ...(index !== undefined && { index }),
      });
    return got;
  };
  const pieces = Array.from({ length: maxDistance + 1 }, (_, piece) => ({
    from: Math.floor((piece * bits) / (maxDistance + 1)),
    to: Math.floor(((piece + 1) * bits) / (maxDistance + 1)),
    rows: new Map<number | string, number[]>(),
  }));
  for (const [index, hash] of hashes.entries()) {
    if (hash === null) continue;
    all.set(read(hash, index), index * size);
    for (const { from, to, rows } of pieces) {
      const key = keyOf(all, index * size, from, to);
      const found = rows.get(key);
      if (found) found.push(index);
      else rows.set(key, [index]);
    }
  }
  const seen = new Uint32Array(hashes.length);
  let searches = 0;
  return {
    search(hash) {
      if (bits === 0) return [];
      const asked = read(hash, undefined);
      searches++;
      const matches: HashMatch[] = [];
      for (const { from, to, rows } of pieces)
        for (const index of rows.get(keyOf(asked, 0, from, to)) ?? []) {
          if (seen[index] === searches) continue;
          seen[index] = searches;
          const bitsApart = distance(all, index * size, asked, 0, size);
          if (bitsApart <= maxDistance) matches.push({ index, distance: bitsApart });
        }
      return matches.sort((a, b) => a.distance - b.distance || a.index - b.index);
    },
  };
}

/**
 * Groups of near-duplicates: each holds the positions of two or more hashes that are linked, directly or through others of the
 * group, by at most `maxDistance` different bits. Groups and positions ascend; `null` is in none. Exact.
 *
 * @example
 * console.log(nearDuplicates(["00ff", "ff00", null, "00fe", "00fc"], { maxDistance: 1 })); // [ [ 0, 3, 4 ] ]
 */
export function nearDuplicates(
  hashes: readonly (string | null)[],
  options: { readonly maxDistance?: number } = {},
): number[][] {
  const index = hashIndex(hashes, options);
  const parents = Uint32Array.from(hashes, (_, i) => i);
  const root = (i: number): number => {
    while (parents[i] !== i) {
      parents[i] = parents[parents[i]!]!;
      i = parents[i]!;
    }
    return i;
  };
  for (const [i, hash] of hashes.entries())
    if (hash !== null)
      for (const { index: other } of index.search(hash)) {
        const [a, b] = [root(i), root(other)];
        parents[Math.max(a, b)] = Math.min(a, b);
      }
  const groups = new Map<number, number[]>();
  for (const i of hashes.keys()) {
    const group = groups.get(root(i));
    if (group) group.push(i);
    else groups.set(root(i), [i]);
  }
  return [...groups.values()].filter((group) => group.length > 1);
}

/** 32 bits a word, the first digits first. */
function words(hash: unknown, index: number | undefined): Uint32Array {
  if (typeof hash !== "string" || !/^[0-9a-f]+$/.test(hash))
    throw new MmubError("invalid-input", {
      part: type,
      message: `${index === undefined ? "the hash" : `hash ${index}`} is ${show(hash)}, want hexadecimal digits as hashesOf gives`,
      ...(index !== undefined && { index }),
    });
  return Uint32Array.from({ length: Math.ceil(hash.length / 8) }, (_, word) =>
    Number.parseInt(hash.slice(8 * word, 8 * word + 8).padEnd(8, "0"), 16),
  );
}

/** Bits `from` to `to` of a hash as the key of a map. */
function keyOf(from32: Uint32Array, offset: number, from: number, to: number): number | string {
  let key = 0;
  let text = "";
  for (let bit = from; bit < to; bit++) {
    key = 2 * key + ((from32[offset + (bit >> 5)]! >>> (31 - (bit & 31))) & 1);
    if ((bit - from) % 32 === 31) {
      text += `${key} `;
      key = 0;
    }
  }
  return text === "" ? key : text + key;
}

function distance(a: Uint32Array, atA: number, b: Uint32Array, atB: number, size: number): number {
  let bits = 0;
  for (let i = 0; i < size; i++) {
    let x = a[atA + i]! ^ b[atB + i]!;
    x -= (x >>> 1) & 0x55555555;
    x = (x & 0x33333333) + ((x >>> 2) & 0x33333333);
    bits += Math.imul((x + (x >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
  }
  return bits;
}
