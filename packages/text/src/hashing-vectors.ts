import { batches, checkSaved, type Extractor, type FittedExtractor, rejectInput, type Sparse } from "@mmub/core";
import type { Reader } from "./reader.js";
import { rowsOf } from "./rows.js";
import { type Block, type Scan, scanner } from "./scan.js";
import { isCount, type TermParams, termDefaults, terms } from "./terms.js";
import { checkArray } from "./vocabulary.js";

const type = "@mmub/text/hashing-vectors";

export interface HashingVectorsParams extends TermParams {
  /** The number of columns, up to 2^28. @default 2 ** 20 */
  readonly nFeatures?: number;
  /** 1 for each column that a text has. @default false */
  readonly binary?: boolean;
  /** Scale each row to a sum of squares ("l2") or of absolute values ("l1") of 1. @default "l2" */
  readonly norm?: "l1" | "l2" | null;
  /** Count half of the terms downwards, so that terms that meet in a column cancel out on average. @default true */
  readonly alternateSign?: boolean;
}

const defaults: Required<HashingVectorsParams> = {
  ...termDefaults,
  nFeatures: 2 ** 20,
  binary: false,
  norm: "l2",
  alternateSign: true,
};

/**
 * Counts of terms in columns that a hash of the term chooses: no vocabulary, so nothing is learned, memory stays flat
 * however many texts there are, and new words count as well. The options, the defaults and the numbers are those of
 * scikit-learn's HashingVectorizer. Columns have no names.
 *
 * Output: Sparse, rows x nFeatures. Terms that meet in a column are added up: with `alternateSign` to 0 at times, which
 * stays an entry. A missing text is an empty row with `present` 0.
 * Rejects anything but strings and null (`invalid-input`).
 * Cost: one pass, and 8 bytes a column; each different term is hashed once, then known. What is known is forgotten above some 260,000 terms.
 * Source: scikit-learn 1.9, `sklearn/feature_extraction/_hashing_fast.pyx`; MurmurHash3 (32 bits, seed 0) of the UTF-8 bytes,
 * Weinberger et al. 2009. Half of a surrogate pair, which Python refuses, hashes as U+FFFD.
 *
 * @example
 * const fitted = await hashingVectors({ nFeatures: 2 ** 18 }).fit([]);
 * const { columns, values } = await fitted.transform(["good price"]); // two columns, 0.707 or -0.707 each
 */
export function hashingVectors(given: HashingVectorsParams = {}): Extractor<string, Sparse> {
  const { params, makeReader, check } = terms(type, given, defaults);
  const { nFeatures, binary, norm, alternateSign } = params;
  check("nFeatures", isCount(nFeatures) && nFeatures <= 2 ** 28, "a whole number from 1 to 2^28");
  check("binary", typeof binary === "boolean", "true or false");
  check("norm", [null, "l1", "l2"].includes(norm), '"l1", "l2" or null');
  check("alternateSign", typeof alternateSign === "boolean", "true or false");
  const recipe = { type, params };

  return {
    ...recipe,
    async fit(inputs, options) {
      for await (const { items, first } of batches(inputs, options, type))
        for (const [i, text] of items.entries())
          if (text !== null && typeof text !== "string") rejectInput(type, first + i, text, "a string or null");
      return fitted();
    },
    async load(saved) {
      checkSaved(saved, recipe, 1);
      return fitted();
    },
  };

  function fitted(): FittedExtractor<string, Sparse> {
    const rows = rowsOf(nFeatures, { binary, norm });
    const newReader = (): HashedReader => hashedReader(makeReader(), nFeatures, alternateSign);
    let hashed: HashedReader | undefined;
    return {
      cols: nFeatures,
      async transform(inputs, options) {
        checkArray(inputs, type);
        const blocks: Block[] = [];
        if (!hashed || hashed.reader.size > mostKnown) hashed = newReader();
        const { scan, inColumns } = hashed;
        for await (const block of scan(inputs, true, options)) blocks.push(inColumns(block));
        return rows(blocks, options);
      },
      save: async () => ({ ...recipe, version: 1, state: null }),
    };
  }
}

const mostKnown = 1 << 18;

interface HashedReader {
  readonly reader: Reader;
  readonly scan: Scan;
  /** The block with columns instead of ids, each once a row, and signed counts. */
  inColumns(block: Block): Block;
}

function hashedReader(reader: Reader, nFeatures: number, alternateSign: boolean): HashedReader {
  // Where a column stands in the row at work; all -1 between rows.
  const place = new Int32Array(nFeatures).fill(-1);
  let hashes = new Int32Array(0);

  // Terms get their hash a block at a time: a reader gives many names faster than one by one.
  function hashNew(): void {
    const known = hashes.length;
    if (reader.size === known) return;
    const more = new Int32Array(reader.size);
    more.set(hashes);
    const names = reader.terms(Int32Array.from({ length: reader.size - known }, (_, k) => known + k));
    for (const [k, name] of names.entries()) more[known + k] = murmur3(name);
    hashes = more;
  }

  return {
    reader,
    scan: scanner(reader, type),
    inColumns(block) {
      hashNew();
      const ids = new Int32Array(block.ids.length);
      const counts = new Int32Array(block.ids.length);
      const offsets = new Uint32Array(block.rows + 1);
      let end = 0;
      for (let row = 0; row < block.rows; row++) {
        const start = end;
        for (let k = block.offsets[row]!; k < block.offsets[row + 1]!; k++) {
          const hash = hashes[block.ids[k]!]!;
          // -2^31 has no positive twin in 32 bits; this is what scikit-learn makes of it.
          const column = hash === -(2 ** 31) ? (2 ** 31 - 1 - (nFeatures - 1)) % nFeatures : Math.abs(hash) % nFeatures;
          const count = alternateSign && hash < 0 ? -block.counts[k]! : block.counts[k]!;
          const at = place[column]!;
          if (at >= 0) counts[at]! += count;
          else {
            place[column] = end;
            ids[end] = column;
            counts[end++] = count;
          }
        }
        for (let k = start; k < end; k++) place[ids[k]!] = -1;
        offsets[row + 1] = end;
      }
      return { ...block, offsets, ids: ids.subarray(0, end), counts: counts.subarray(0, end) };
    },
  };
}

const encoder = new TextEncoder();
let bytes = new Uint8Array(256);

/** MurmurHash3, 32 bits, seed 0, of the UTF-8 bytes of a string, as a signed number. */
export function murmur3(text: string): number {
  if (text.length * 3 > bytes.length) bytes = new Uint8Array(text.length * 6);
  const { written: length } = encoder.encodeInto(text, bytes);
  let hash = 0;
  const whole = length & ~3;
  for (let i = 0; i < whole; i += 4) {
    hash ^= mixed(bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24));
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
  }
  let rest = 0;
  for (let i = length - 1; i >= whole; i--) rest = (rest << 8) | bytes[i]!;
  hash ^= mixed(rest) ^ length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

function mixed(word: number): number {
  const k = Math.imul(word, 0xcc9e2d51);
  return Math.imul((k << 15) | (k >>> 17), 0x1b873593);
}
