import { checkParam } from "@mmub/core";
import { checkLength, rejectAt } from "./checks.js";
import { type Split, take, timesOf } from "./split.js";

export interface LeakOptions {
  /** Who each sample is of, such as a user id. */
  readonly groups?: ArrayLike<unknown>;
  /** When each sample was, in any unit, or dates. */
  readonly times?: ArrayLike<number> | readonly Date[];
  /** A text of each sample, null where it has none. */
  readonly texts?: readonly (string | null)[];
  /** From which share of common 5-letter pieces on two texts are near-duplicates, in (0, 1]. @default 0.8 */
  readonly similarity?: number;
}

export interface Leaks {
  /** Groups with samples on both sides, in the order of the samples. */
  readonly sharedGroups: readonly unknown[];
  /** Test samples with a text that training knows, the most similar of training with each. */
  readonly duplicates: readonly { readonly train: number; readonly test: number; readonly similarity: number }[];
  /** Training samples that are later than the first of the test. */
  readonly fromTheFuture: Uint32Array;
  /** What was found, a sentence each; empty where nothing leaks. */
  readonly warnings: readonly string[];
}

/**
 * What the test may owe to the training: users on both sides, near-duplicate texts, and training samples from after the test began. A score of
 * such a split promises more than new users will see.
 *
 * Two texts are compared by the Jaccard similarity of the sets of their 5-letter pieces, in lower case and with single spaces; candidates are
 * found by 128 minimum hashes in 32 bands, which miss one pair in 10⁷ at a similarity of 0.8 and one in 130 at 0.6. Rejects arrays of another length than
 * the samples of the split reach to. Cost: about 128 steps a letter. Source: Broder (1997); Leskovec et al., Mining of Massive Datasets, 3.4.
 *
 * @example
 * const users = ["ann", "ben", "ann", "cem"];
 * const { warnings } = findLeaks({ train: Uint32Array.of(0, 1), test: Uint32Array.of(2, 3) }, { groups: users });
 * console.log(warnings); // 1 group has samples on both sides …
 */
export function findLeaks(split: Split, options: LeakOptions): Leaks {
  const part = "@mmub/metrics/find-leaks";
  const { groups, times, texts, similarity = 0.8 } = options;
  checkParam(part, "similarity", similarity, similarity > 0 && similarity <= 1, "a share above 0");
  checkLength(part, "train", split?.train);
  checkLength(part, "test", split.test);
  const reach = Math.max(highest(split.train), highest(split.test)) + 1;
  for (const [what, values] of Object.entries({ groups, times, texts }))
    if (values && values.length < reach)
      rejectAt(part, what, values.length, undefined, `one for each of the ${reach} samples that the split reaches to`);

  const sharedGroups = groups ? shared(groups, split) : [];
  const duplicates = texts ? nearDuplicates(part, texts, split, similarity) : [];
  let fromTheFuture = new Uint32Array();
  if (times) {
    const at = timesOf(part, times);
    let first = Number.POSITIVE_INFINITY;
    for (const row of split.test) first = Math.min(first, at[row]!);
    fromTheFuture = split.train.filter((row) => at[row]! > first) as Uint32Array<ArrayBuffer>;
  }
  const of = (count: number, all: number) => `${count} of ${all}`;
  const warnings = [
    ...(sharedGroups.length > 0
      ? [
          `${sharedGroups.length} ${sharedGroups.length === 1 ? "group has" : "groups have"} samples on both sides, such as ${String(sharedGroups[0])}; split by groupSplit`,
        ]
      : []),
    ...(duplicates.length > 0
      ? [
          `${of(duplicates.length, split.test.length)} test samples have a near-duplicate text in training, such as ${duplicates[0]!.test} of ${duplicates[0]!.train}; leave them out or give each set of them one group`,
        ]
      : []),
    ...(fromTheFuture.length > 0
      ? [
          `${of(fromTheFuture.length, split.train.length)} training samples are later than the first of the test; split by timeSplit`,
        ]
      : []),
  ];
  return { sharedGroups, duplicates, fromTheFuture, warnings };
}

/** A split for an honest score, and splits of its training part to choose settings by, all as positions in the data set. */
export interface NestedSplit extends Split {
  readonly inner: readonly Split[];
}

/**
 * Nested cross-validation: of each outer split the training part is split again, so that settings are chosen without a look at the test.
 *
 * `inner` makes the splits of as many samples as it is given the positions of, such as `kFold` or `stratifiedKFold` of their labels.
 * Cost: that of the inner splits. Source: Cawley & Talbot (2010).
 *
 * @example
 * const labels = [0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1];
 * const outer = stratifiedKFold(labels, { folds: 3 });
 * const nested = nestedFolds(outer, (rows) => stratifiedKFold(take(labels, rows), { folds: 2 }));
 * console.log(nested.length, nested[0]!.inner.length); // 3 2
 */
export function nestedFolds(outer: readonly Split[], inner: (rows: Uint32Array) => readonly Split[]): NestedSplit[] {
  return outer.map(({ train, test }) => ({
    train,
    test,
    inner: inner(train).map((split) => ({ train: take(train, split.train), test: take(train, split.test) })),
  }));
}

function shared(groups: ArrayLike<unknown>, { train, test }: Split): unknown[] {
  const known = new Set<unknown>();
  for (const row of train) known.add(groups[row]);
  const both = new Set<unknown>();
  for (const row of test) if (known.has(groups[row])) both.add(groups[row]);
  return [...both];
}

const bands = 32;
const perBand = 4;

function nearDuplicates(
  part: string,
  texts: readonly (string | null)[],
  { train, test }: Split,
  similarity: number,
): Leaks["duplicates"] {
  const pieces = (row: number): ReadonlySet<number> => {
    const text = texts[row];
    if (text === null || text === undefined) return new Set();
    if (typeof text !== "string") rejectAt(part, "texts", row, text, "a string or null");
    return piecesOf(text);
  };
  const buckets = new Map<string, number[]>();
  for (const row of train)
    for (const key of keysOf(pieces(row))) {
      const found = buckets.get(key);
      if (found) found.push(row);
      else buckets.set(key, [row]);
    }
  const out: { train: number; test: number; similarity: number }[] = [];
  for (const row of test) {
    const own = pieces(row);
    const candidates = new Set(keysOf(own).flatMap((key) => buckets.get(key) ?? []));
    let best = { train: -1, test: row, similarity: 0 };
    for (const candidate of candidates) {
      const value = jaccardOf(own, pieces(candidate));
      if (value >= similarity && value > best.similarity) best = { train: candidate, test: row, similarity: value };
    }
    if (best.train >= 0) out.push(best);
  }
  return out;
}

function piecesOf(text: string): Set<number> {
  const letters = text.toLowerCase().replace(/\s+/g, " ").trim();
  const out = new Set<number>();
  if (letters.length === 0) return out;
  for (let from = 0; from === 0 || from + 5 <= letters.length; from++) {
    // FNV-1a.
    let hash = 0x811c9dc5;
    for (let i = from; i < Math.min(from + 5, letters.length); i++)
      hash = Math.imul(hash ^ letters.charCodeAt(i), 0x01000193);
    out.add(hash >>> 0);
  }
  return out;
}

/** A key for each band of minimum hashes; none of an empty text. */
function keysOf(pieces: ReadonlySet<number>): string[] {
  if (pieces.size === 0) return [];
  const least = new Uint32Array(bands * perBand).fill(0xffffffff);
  for (const piece of pieces)
    for (let i = 0; i < least.length; i++) {
      // The finaliser of MurmurHash3 with another seed for each of the hashes.
      let hash = piece ^ Math.imul(i + 1, 0x9e3779b1);
      hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
      hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
      hash = (hash ^ (hash >>> 16)) >>> 0;
      if (hash < least[i]!) least[i] = hash;
    }
  return Array.from({ length: bands }, (_, b) => `${b}:${least.subarray(b * perBand, (b + 1) * perBand).join()}`);
}

function jaccardOf(a: ReadonlySet<number>, b: ReadonlySet<number>): number {
  let both = 0;
  for (const piece of a) if (b.has(piece)) both++;
  return both / (a.size + b.size - both);
}

function highest(rows: Uint32Array): number {
  return rows.reduce((most, row) => Math.max(most, row), 0);
}
