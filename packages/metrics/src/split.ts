import { checkParam, type Label, MmubError, type Random, random } from "@mmub/core";
import { checkFinite, checkLabels, checkLength, labelList } from "./checks.js";

/** Which samples to learn from and which to judge by: positions in the data set, ascending, none in both. */
export interface Split {
  readonly train: Uint32Array;
  readonly test: Uint32Array;
}

export interface SplitOptions {
  /** A share in (0, 1), of which the samples are rounded up, or a number of samples of at least 1. @default 0.25 */
  readonly testSize?: number;
  /** An integer. @default 0 */
  readonly seed?: number;
}

/**
 * The entries at `indices`, in that order, as an array of the same kind.
 *
 * Rejects an index that is not a position of the array (`invalid-input`). Cost: one copy.
 *
 * @example
 * const samples = ["a", "b", "c", "d"];
 * const { train, test } = randomSplit(samples.length, { testSize: 1 });
 * console.log(take(samples, train), take(samples, test));
 */
export function take<A extends Float32Array | Float64Array | Uint32Array | Int32Array | Uint8Array>(
  array: A,
  indices: ArrayLike<number>,
): A;
export function take<T>(array: readonly T[], indices: ArrayLike<number>): T[];
export function take(array: readonly unknown[] | Float64Array, indices: ArrayLike<number>): unknown[] | Float64Array {
  const out = Array.isArray(array)
    ? new Array<unknown>(indices.length)
    : new (array.constructor as Float64ArrayConstructor)(indices.length);
  for (let i = 0; i < indices.length; i++) {
    const index = indices[i]!;
    if (!(index >= 0 && index < array.length && Number.isInteger(index)))
      throw new MmubError("invalid-input", {
        part: "@mmub/metrics/take",
        message: `index ${i} is ${index}, want a position below ${array.length}`,
        index: i,
      });
    out[i] = array[index];
  }
  return out;
}

/**
 * A random part of `samples` samples for the test, the others for training.
 *
 * The test has exactly ceil(testSize x samples) of them, or `testSize`. Rejects sizes that leave a side empty. Cost: one shuffle.
 * Source: scikit-learn's `train_test_split`.
 *
 * @example
 * const { train, test } = randomSplit(10, { testSize: 0.2, seed: 7 }); // 8 and 2 positions
 */
export function randomSplit(samples: number, options: SplitOptions = {}): Split {
  const part = "@mmub/metrics/random-split";
  const { testSize = 0.25, seed = 0 } = options;
  checkParam(part, "samples", samples, Number.isInteger(samples) && samples >= 0, "a whole number");
  const tests = testCount(part, testSize, samples, "samples");
  return splitBy(samples, chosen(random(seed).shuffle(positions(samples)).subarray(0, tests), samples));
}

/**
 * A random split in which every class has the same share on both sides.
 *
 * The test has exactly ceil(testSize x samples) samples, or `testSize`. Each class gives its share of them, rounded down
 * or up by the largest remainder (ties by the seed), and at least one sample to either side. Rejects a class of one
 * sample, which cannot be on both sides, and a side smaller than the number of classes. Cost: one shuffle.
 * Source: scikit-learn's `train_test_split` with `stratify`, which does not keep the last rule.
 *
 * @example
 * const labels = ["buy", "leave", "leave", "buy", "leave", "leave"];
 * const { train, test } = stratifiedSplit(labels, { testSize: 1 / 3, seed: 7 }); // each side half as many "buy"
 */
export function stratifiedSplit<L extends Label>(labels: readonly L[], options: SplitOptions = {}): Split {
  const part = "@mmub/metrics/stratified-split";
  const { testSize = 0.25, seed = 0 } = options;
  checkLength(part, "labels", labels);
  checkLabels(part, "label", labels);
  const classes = groupsOf(labels);
  const single = [...classes].find(([, rows]) => rows.length < 2);
  if (single)
    throw new MmubError("invalid-input", {
      part,
      message: `class ${labelList([single[0]])} has one sample, want at least 2 to have it on both sides; leave the class out or use randomSplit`,
      index: single[1][0]!,
      label: single[0],
    });
  const tests = testCount(part, testSize, labels.length, "samples");
  const smaller = Math.min(tests, labels.length - tests);
  if (smaller < classes.size)
    throw new MmubError("invalid-params", {
      part,
      message: `testSize ${testSize} puts ${smaller} samples on one side, want at least one of each of ${classes.size} classes`,
      testSize,
    });
  const stream = random(seed);
  const members = [...classes.values()];
  const counts = shares(
    members.map((rows) => rows.length),
    tests,
    stream,
  );
  return splitBy(
    labels.length,
    chosen(
      members.flatMap((rows, i) => stream.shuffle([...rows]).slice(0, counts[i])),
      labels.length,
    ),
  );
}

// How many of `draws` each class gives: its share, at least 1, at most all but 1.
function shares(sizes: readonly number[], draws: number, { shuffle }: Random): number[] {
  const all = sizes.reduce((a, b) => a + b, 0);
  const wanted = sizes.map((size) => (size / all) * draws);
  const counts = sizes.map((size, i) => Math.min(size - 1, Math.max(1, Math.floor(wanted[i]!))));
  // Shuffled before the stable sort, so that classes of equal remainder take turns.
  const order = shuffle(sizes.map((_, i) => i));
  for (let open = draws - counts.reduce((a, b) => a + b, 0); open !== 0; ) {
    const step = Math.sign(open);
    const lacking = (i: number) => step * (wanted[i]! - counts[i]!);
    const free = order.filter((i) => (step > 0 ? counts[i]! < sizes[i]! - 1 : counts[i]! > 1));
    for (const i of free.sort((a, b) => lacking(b) - lacking(a)).slice(0, Math.abs(open))) {
      counts[i]! += step;
      open -= step;
    }
  }
  return counts;
}

/**
 * A random split that keeps each group, such as the samples of one user, on one side.
 *
 * The test has exactly ceil(testSize x groups) of the groups, or `testSize` groups; how many samples that is depends on
 * them. Groups are compared as in a Map. Rejects sizes that leave a side empty. Cost: one pass and one shuffle.
 * Source: scikit-learn's `GroupShuffleSplit`.
 *
 * @example
 * const users = ["ann", "ben", "ann", "cem"];
 * const { train, test } = groupSplit(users, { testSize: 1, seed: 7 }); // all of one user in the test
 */
export function groupSplit(groups: ArrayLike<unknown>, options: SplitOptions = {}): Split {
  const part = "@mmub/metrics/group-split";
  const { testSize = 0.25, seed = 0 } = options;
  checkLength(part, "groups", groups);
  const members = [...groupsOf(groups).values()];
  const tests = testCount(part, testSize, members.length, "groups");
  return splitBy(groups.length, chosen(random(seed).shuffle(members).slice(0, tests).flat(), groups.length));
}

export interface TimeSplitOptions {
  /** A share in (0, 1), of which the samples are rounded up, or a number of samples of at least 1. @default 0.25 */
  readonly testSize?: number;
  /** Test from this time on, in place of `testSize`. */
  readonly from?: number | Date;
  /** Samples less than this long before the first of the test are on neither side, in the unit of the times, ms for dates. @default 0 */
  readonly gap?: number;
}

/**
 * The past for training, the latest samples for the test, as it will be in use.
 *
 * The test has the last ceil(testSize x samples) samples, or `testSize`, and all others of the first one's very time, so that no
 * time is on both sides; or all from the time `from` on. `times` are in any order. Rejects times that are not finite and
 * splits that leave a side empty. Cost: sorting the times.
 *
 * @example
 * const days = [3, 1, 4, 2];
 * const { train, test } = timeSplit(days, { testSize: 1 }); // 0, 1, 3 and 2
 */
export function timeSplit(times: ArrayLike<number> | readonly Date[], options: TimeSplitOptions = {}): Split {
  const part = "@mmub/metrics/time-split";
  const { testSize = 0.25, from, gap = 0 } = options;
  checkParam(part, "gap", gap, gap >= 0 && Number.isFinite(gap), "a finite number of at least 0");
  checkParam(part, "from", from, from === undefined || Number.isFinite(+from), "a time");
  checkParam(part, "testSize", testSize, options.testSize === undefined || from === undefined, "none beside from");
  const at = timesOf(part, times);
  const sorted = at.slice().sort();
  const start = from === undefined ? sorted[at.length - testCount(part, testSize, at.length, "samples")]! : +from;
  const split = {
    train: positions(at.length).filter((i) => at[i]! < start && at[i]! <= start - gap),
    test: positions(at.length).filter((i) => at[i]! >= start),
  };
  const empty = split.train.length === 0 ? "train" : split.test.length === 0 ? "test" : undefined;
  if (empty)
    throw new MmubError("invalid-params", {
      part,
      message: `no sample is left for ${empty} with the test from ${start} and a gap of ${gap}; the times go from ${sorted[0]} to ${sorted.at(-1)}`,
    });
  return split;
}

export function timesOf(part: string, times: ArrayLike<number> | readonly Date[]): Float64Array {
  checkLength(part, "times", times);
  const at = Float64Array.from(times as ArrayLike<number>, Number);
  checkFinite(part, "time", at);
  return at;
}

/** The positions of each distinct entry, in the order of their first occurrence. */
export function groupsOf<G>(groups: ArrayLike<G>): Map<G, number[]> {
  const members = new Map<G, number[]>();
  for (let i = 0; i < groups.length; i++) {
    const rows = members.get(groups[i]!);
    if (rows) rows.push(i);
    else members.set(groups[i]!, [i]);
  }
  return members;
}

export function positions(samples: number): Uint32Array {
  const out = new Uint32Array(samples);
  for (let i = 0; i < samples; i++) out[i] = i;
  return out;
}

/** Those with a 1 to the test, the others to the training. */
export function splitBy(samples: number, isTest: Uint8Array): Split {
  const all = positions(samples);
  return { train: all.filter((i) => isTest[i] === 0), test: all.filter((i) => isTest[i] === 1) };
}

function chosen(rows: ArrayLike<number>, samples: number): Uint8Array {
  const out = new Uint8Array(samples);
  for (let i = 0; i < rows.length; i++) out[rows[i]!] = 1;
  return out;
}

function testCount(part: string, testSize: number, of: number, what: string): number {
  const isShare = testSize > 0 && testSize < 1;
  checkParam(
    part,
    "testSize",
    testSize,
    isShare || (Number.isInteger(testSize) && testSize >= 1),
    `a share in (0, 1) or a number of ${what}`,
  );
  // Shares are a little off in binary: 0.07 x 100 must not round up to 8.
  const count = isShare ? Math.ceil(testSize * of - 1e-9) : testSize;
  if (count >= of)
    throw new MmubError("invalid-params", {
      part,
      message: `testSize ${testSize} takes ${count} of ${of} ${what}, want at least one left for training`,
      testSize,
    });
  return count;
}
