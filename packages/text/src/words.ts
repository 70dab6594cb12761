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
  let strings: string[] = [];
  // Open addressing: an id, then the key of its word.
  let slots = new Int32Array(1 << 12).fill(-1);

  let word = new Uint16Array(256);
  let found = new Int32Array(256);

  /** The id of the first `length` code units of `word`; without `learn`, -1 if they are new. */
  function find(length: number, learn: boolean): number {
    const { hash, a, b, c } = keyOf(word, 0, length);
    const mask = slots.length - 4;
    for (let slot = firstSlot(hash) & mask; ; slot = (slot + 4) & mask) {
      const id = slots[slot]!;
      if (id < 0) return learn ? insert(slot, a, b, c, length) : -1;
      if (slots[slot + 1] !== a || slots[slot + 2] !== b || slots[slot + 3] !== c) continue;
      if (c >>> 24 === 0) return id;
      const start = starts[id]!;
      if (starts[id + 1]! - start !== length) continue;
      let k = 0;
      while (k < length && pool[start + k] === word[k]) k++;
      if (k === length) return id;
    }
  }

  function insert(slot: number, a: number, b: number, c: number, length: number): number {
    const start = starts[size]!;
    if (start + length > pool.length) pool = grown(pool, 2 * (start + length));
    for (let k = 0; k < length; k++) pool[start + k] = word[k]!;
    slots[slot] = size;
    slots[slot + 1] = a;
    slots[slot + 2] = b;
    slots[slot + 3] = c;
    size++;
    if (size === starts.length) starts = grown(starts, 2 * size);
    starts[size] = start + length;
    if (size * 8 > slots.length) spread();
    return size - 1;
  }

  // Keeps half of the slots free.
  function spread(): void {
    const old = slots;
    slots = new Int32Array(old.length * 2).fill(-1);
    const mask = slots.length - 4;
    for (let from = 0; from < old.length; from += 4) {
      const id = old[from]!;
      if (id < 0) continue;
      const { hash } = keyOf(pool, starts[id]!, starts[id + 1]!);
      let to = firstSlot(hash) & mask;
      while (slots[to]! >= 0) to = (to + 4) & mask;
      for (let k = 0; k < 4; k++) slots[to + k] = old[from + k]!;
    }
  }

  function add(token: string): number {
    const { length } = token;
    if (length > word.length) word = new Uint16Array(length * 2);
    for (let k = 0; k < length; k++) word[k] = token.charCodeAt(k);
    return find(length, true);
  }

  for (const stopWord of stopWords) add(stopWord);
  const stopCount = size;

  // ASCII is most of many texts, and bytes are read twice as fast as the characters of a string.
  let bytes = new Uint8Array(1 << 10);
  const foldByte = Uint8Array.from(foldTable(lowercase).subarray(0, 128));

  // What `readBytes` found but did not look up yet: keys, and where the words are.
  const [as, bs, cs, begins, ends] = Array.from({ length: 5 }, () => new Int32Array(chunk)) as [
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
  ];

  /** Reads the `length` bytes in `bytes`, all ASCII: as what follows for a string. */
  function readBytes(length: number, learn: boolean): number {
    const text = bytes;
    text[length] = 0;
    let count = 0;
    let pending = 0;
    for (let i = 0; ; ) {
      let unit = foldByte[text[i]!]!;
      if (unit === 0) {
        if (i++ >= length) break;
        continue;
      }
      const start = i;
      let a = 0;
      let b = 0;
      let c = 0;
      do {
        c = (c << 8) | (b >>> 24);
        b = (b << 8) | (a >>> 24);
        a = (a << 8) | unit;
        unit = foldByte[text[++i]!]!;
      } while (unit !== 0);
      as[pending] = a;
      bs[pending] = b;
      cs[pending] = c;
      begins[pending] = start;
      ends[pending] = i;
      pending += i - start < minLength ? 0 : 1;
      if (pending === chunk) {
        count = lookUp(pending, count, learn);
        pending = 0;
      }
    }
    return lookUp(pending, count, learn);
  }

  // Apart from finding words, so that the processor can wait for several places of the table at once.
  function lookUp(pending: number, count: number, learn: boolean): number {
    let table = slots;
    for (let t = 0; t < pending; t++) {
      const a = as[t]!;
      const b = bs[t]!;
      const c = cs[t]!;
      let id = -1;
      let known = c >>> 24 === 0;
      if (known) {
        const mask = table.length - 4;
        let slot = firstSlot(hashOf(a, b, c)) & mask;
        for (; ; slot = (slot + 4) & mask) {
          id = table[slot]!;
          if (table[slot + 1] === a && table[slot + 2] === b && table[slot + 3] === c && id >= 0) break;
          if (id < 0) {
            known = !learn;
            break;
          }
        }
      }
      if (!known) {
        const [begin, end] = [begins[t]!, ends[t]!];
        for (let k = begin; k < end; k++) word[k - begin] = foldByte[bytes[k]!]!;
        id = find(end - begin, learn);
        table = slots;
      }
      if (id < 0 || id >= stopCount) found[count++] = id;
    }
    return count;
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
        let units = 0;
        let pairs = 0;
        for (; i < length; i++) {
          const unit = fold[text.charCodeAt(i)]!;
          if (unit > high) {
            word[units++] = unit;
            continue;
          }
          const point = unit === high ? foldPair(text.codePointAt(i)!, folds) : 0;
          if (point === 0) break;
          word[units++] = 0xd7c0 + (point >> 10);
          word[units++] = 0xdc00 + (point & 0x3ff);
          pairs++;
          i++;
        }
        if (units - pairs < minLength) continue;
        const id = find(units, learn);
        if (id < 0 || id >= stopCount) found[count++] = id;
      }
      return count;
    },
    split: (term) => term.split(" "),
    add,
    strings() {
      if (strings.length < size) {
        // One string of all words, cut up, costs far less than a call for each.
        const all = Buffer.from(pool.buffer, 0, starts[size]! * 2).toString("utf16le");
        strings = new Array(size);
        for (let id = 0; id < size; id++) strings[id] = all.slice(starts[id], starts[id + 1]);
      }
      return strings;
    },
    separator: " ",
  };
}

const encoder = new TextEncoder();

const chunk = 1024;

/**
 * The key of a word: the last 12 of its code units, a byte each, the last in the lowest byte of `a`. A word of fewer units,
 * all ASCII, is known by that alone; of any other the highest byte of `c` is not 0, and its units must be compared.
 */
function keyOf(units: Uint16Array, from: number, to: number): { hash: number; a: number; b: number; c: number } {
  let a = 0;
  let b = 0;
  let c = 0;
  let any = 0;
  let rest = 0;
  for (let k = from; k < to; k++) {
    const unit = units[k]!;
    any |= unit;
    rest = Math.imul(rest ^ (c >>> 24), 0x01000193);
    c = (c << 8) | (b >>> 24);
    b = (b << 8) | (a >>> 24);
    a = (a << 8) | ((unit ^ (unit >> 8)) & 0xff);
  }
  if (any > 127) c |= 1 << 31;
  return { hash: hashOf(a, b, c) ^ rest, a, b, c };
}

function hashOf(a: number, b: number, c: number): number {
  return Math.imul(a ^ Math.imul(b, 0x85ebca6b) ^ Math.imul(c, 0xc2b2ae35), 0x9e3779b1);
}

function firstSlot(hash: number): number {
  return (hash ^ (hash >>> 15)) << 2;
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
