import { withoutAccents } from "./accents.js";
import type { Tokens } from "./ngrams.js";
import { grown } from "./reader.js";

export interface WordOptions {
  readonly lowercase: boolean;
  readonly stripAccents: "ascii" | "unicode" | null;
  /** Runs of fewer characters are no words. */
  readonly minLength: number;
  readonly stopWords: readonly string[];
}

/**
 * Words, runs of letters, numbers and underscores: what `\b\w\w+\b` finds, without making a string of any. One pass over
 * the code units folds case, finds the ends of words and hashes them.
 */
export function words({ lowercase, stripAccents, minLength, stopWords }: WordOptions): Tokens {
  // Lower case comes before the accents go, so what is left then keeps the case it has.
  const folds = lowercase && stripAccents === null;
  const fold = foldTable(folds);

  // Word `id` is the code units of `pool` from starts[id] to starts[id + 1].
  let pool = new Uint16Array(1 << 12);
  let starts = new Int32Array(1 << 10);
  let size = 0;
  // Open addressing: an id, then its hash.
  let slots = new Int32Array(1 << 12).fill(-1);

  let word = new Uint16Array(256);
  let found = new Int32Array(256);

  /** The id of the first `length` code units of `word`; without `learn`, -1 if they are new. */
  function find(hash: number, length: number, learn: boolean): number {
    const mask = slots.length - 2;
    for (let slot = firstSlot(hash) & mask; ; slot = (slot + 2) & mask) {
      const id = slots[slot]!;
      if (id < 0) return learn ? insert(slot, hash, length) : -1;
      if (slots[slot + 1] !== hash) continue;
      const start = starts[id]!;
      if (starts[id + 1]! - start !== length) continue;
      let k = 0;
      while (k < length && pool[start + k] === word[k]) k++;
      if (k === length) return id;
    }
  }

  function insert(slot: number, hash: number, length: number): number {
    const start = starts[size]!;
    if (start + length > pool.length) pool = grown(pool, 2 * (start + length));
    for (let k = 0; k < length; k++) pool[start + k] = word[k]!;
    slots[slot] = size;
    slots[slot + 1] = hash;
    size++;
    if (size === starts.length) starts = grown(starts, 2 * size);
    starts[size] = start + length;
    if (size * 4 > slots.length) spread();
    return size - 1;
  }

  // Keeps half of the slots free.
  function spread(): void {
    const old = slots;
    slots = new Int32Array(old.length * 2).fill(-1);
    const mask = slots.length - 2;
    for (let from = 0; from < old.length; from += 2) {
      if (old[from]! < 0) continue;
      let to = firstSlot(old[from + 1]!) & mask;
      while (slots[to]! >= 0) to = (to + 2) & mask;
      slots[to] = old[from]!;
      slots[to + 1] = old[from + 1]!;
    }
  }

  function add(token: string): number {
    const { length } = token;
    if (length > word.length) word = new Uint16Array(length * 2);
    let hash = hashSeed;
    for (let k = 0; k < length; k++) {
      word[k] = token.charCodeAt(k);
      hash = Math.imul(hash ^ word[k]!, hashFactor);
    }
    return find(hash, length, true);
  }

  for (const stopWord of stopWords) add(stopWord);
  const stopCount = size;

  // ASCII is most of many texts, and bytes are read twice as fast as the characters of a string.
  let bytes = new Uint8Array(1 << 10);
  const foldByte = Uint8Array.from(foldTable(lowercase).subarray(0, 128));

  /** Reads the `length` bytes in `bytes`, all ASCII. */
  function readBytes(length: number, learn: boolean): number {
    const [text, tokens] = [bytes, found];
    text[length] = 0;
    let count = 0;
    for (let i = 0; ; ) {
      let unit = foldByte[text[i]!]!;
      if (unit === 0) {
        if (i++ >= length) return count;
        continue;
      }
      const start = i;
      let hash = hashSeed;
      do {
        text[i++] = unit;
        hash = Math.imul(hash ^ unit, hashFactor);
        unit = foldByte[text[i]!]!;
      } while (unit !== 0);
      if (i - start < minLength) continue;
      const id = findBytes(hash, start, i - start, learn);
      if (id < 0 || id >= stopCount) tokens[count++] = id;
    }
  }

  /** As `find`, of the `length` bytes from `from`. */
  function findBytes(hash: number, from: number, length: number, learn: boolean): number {
    const mask = slots.length - 2;
    for (let slot = firstSlot(hash) & mask; ; slot = (slot + 2) & mask) {
      const id = slots[slot]!;
      if (id < 0) {
        if (!learn) return -1;
        for (let k = 0; k < length; k++) word[k] = bytes[from + k]!;
        return insert(slot, hash, length);
      }
      if (slots[slot + 1] !== hash) continue;
      const start = starts[id]!;
      if (starts[id + 1]! - start !== length) continue;
      let k = 0;
      while (k < length && pool[start + k] === bytes[from + k]) k++;
      if (k === length) return id;
    }
  }

  return {
    get size() {
      return size;
    },
    get found() {
      return found;
    },
    read(raw, learn) {
      if (raw.length > word.length) word = new Uint16Array(raw.length * 2);
      if (raw.length > found.length) found = new Int32Array(raw.length * 2);
      if (raw.length >= bytes.length) bytes = new Uint8Array(raw.length * 2);
      const { read, written } = encoder.encodeInto(raw, bytes);
      if (read === raw.length && written === raw.length) return readBytes(written, learn);
      const text = withoutAccents(lowercase && (!folds || hasOddCase(raw)) ? raw.toLowerCase() : raw, stripAccents);
      const { length } = text;
      if (length > word.length) word = new Uint16Array(length * 2);
      if (length > found.length) found = new Int32Array(length * 2);
      let count = 0;
      for (let i = 0; i < length; i++) {
        let hash = hashSeed;
        let units = 0;
        let pairs = 0;
        for (; i < length; i++) {
          const unit = fold[text.charCodeAt(i)]!;
          if (unit > high) {
            word[units++] = unit;
            hash = Math.imul(hash ^ unit, hashFactor);
            continue;
          }
          const point = unit === high ? foldPair(text.codePointAt(i)!, folds) : 0;
          if (point === 0) break;
          const first = 0xd7c0 + (point >> 10);
          const second = 0xdc00 + (point & 0x3ff);
          word[units++] = first;
          word[units++] = second;
          hash = Math.imul(Math.imul(hash ^ first, hashFactor) ^ second, hashFactor);
          pairs++;
          i++;
        }
        if (units - pairs < minLength) continue;
        const id = find(hash, units, learn);
        if (id < 0 || id >= stopCount) found[count++] = id;
      }
      return count;
    },
    split: (term) => term.split(" "),
    add,
    strings() {
      // One string of all words, cut up, costs far less than a call for each.
      const all = Buffer.from(pool.buffer, 0, starts[size]! * 2).toString("utf16le");
      return Array.from({ length: size }, (_, id) => all.slice(starts[id], starts[id + 1]));
    },
    separator: " ",
  };
}

const encoder = new TextEncoder();

// FNV-1a over code units.
const hashSeed = 0x811c9dc5 | 0;
const hashFactor = 0x01000193;

function firstSlot(hash: number): number {
  return (hash ^ (hash >>> 15)) << 1;
}

// What a code unit is within a word: itself or its lower case, `high` for the first half of a pair, 0 for no part of one.
const high = 1;
const foldTables = new Map<boolean, Uint16Array>();

function foldTable(folds: boolean): Uint16Array {
  let table = foldTables.get(folds);
  if (!table) {
    table = new Uint16Array(0x10000);
    for (let unit = 0; unit < table.length; unit++)
      table[unit] = unit >= 0xd800 && unit < 0xdc00 ? high : foldCharacter(String.fromCharCode(unit), folds);
    foldTables.set(folds, table);
  }
  return table;
}

const foldedPairs = new Map<boolean, Map<number, number>>([
  [true, new Map()],
  [false, new Map()],
]);

function foldPair(point: number, folds: boolean): number {
  if (point <= 0xffff) return 0; // half of a pair, alone
  const known = foldedPairs.get(folds)!;
  let folded = known.get(point);
  if (folded === undefined) {
    folded = foldCharacter(String.fromCodePoint(point), folds);
    known.set(point, folded);
  }
  return folded;
}

function foldCharacter(character: string, folds: boolean): number {
  if (!/[\p{L}\p{N}_]/u.test(character)) return 0;
  return (folds ? character.toLowerCase() : character).codePointAt(0)!;
}

// The two capitals that cannot be folded one by one: the first becomes two characters, the second depends on its place.
function hasOddCase(text: string): boolean {
  return text.includes("\u0130") || text.includes("\u03a3");
}
