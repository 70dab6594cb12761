import { checkParam, type Label, MmubError, random } from "@mmub/core";
import { checkLabels, checkLength, labelList } from "./checks.js";
import { groupsOf, positions, type Split, splitBy, timesOf } from "./split.js";

export interface FoldOptions {
  /** How many splits; every sample is tested in exactly one. @default 5 */
  readonly folds?: number;
  /** Deal the samples out in random order rather than in blocks. @default true */
  readonly shuffle?: boolean;
  /** An integer. @default 0 */
  readonly seed?: number;
}

/**
 * Splits for cross-validation: every sample is in the test of exactly one.
 *
 * The first `samples % folds` tests have floor(samples / folds) + 1 samples, the others one less. Rejects more folds than samples.
 * Cost: one pass a fold. Source: scikit-learn's `KFold`, which does not shuffle by default.
 *
 * @example
 * for (const { train, test } of kFold(10, { folds: 5 })) console.log(train.length, test.length); // 8 2
 */
export function kFold(samples: number, options: FoldOptions = {}): Split[] {
  const part = "@mmub/metrics/k-fold";
  const { folds = 5, shuffle = true, seed = 0 } = options;
  checkParam(part, "samples", samples, Number.isInteger(samples) && samples > 0, "a positive integer");
  checkFolds(part, folds, samples, "samples");
  const order = positions(samples);
  if (shuffle) random(seed).shuffle(order);
  const foldOf = new Int32Array(samples);
  for (let fold = 0, next = 0; fold < folds; fold++) {
    const size = Math.floor(samples / folds) + Number(fold < samples % folds);
    for (let i = 0; i < size; i++) foldOf[order[next++]!] = fold;
  }
  return splitsOf(foldOf, folds);
}

/**
 * Splits for cross-validation in which every class has the same share of each test.
 *
 * The tests' sizes differ by 1 at most, and so do a class's counts in them. Rejects a class of fewer samples than folds.
 * Cost: one pass a fold. Source: scikit-learn's `StratifiedKFold`, which only warns of such a class and does not shuffle by default.
 *
 * @example
 * const labels = ["buy", "leave", "buy", "leave"];
 * for (const { test } of stratifiedKFold(labels, { folds: 2 })) console.log(take(labels, test)); // one of each
 */
export function stratifiedKFold<L extends Label>(labels: readonly L[], options: FoldOptions = {}): Split[] {
  const part = "@mmub/metrics/stratified-k-fold";
  const { folds = 5, shuffle = true, seed = 0 } = options;
  checkLength(part, "labels", labels);
  checkLabels(part, "label", labels);
  checkFolds(part, folds, labels.length, "samples");
  const { shuffle: mix } = random(seed);
  const foldOf = new Int32Array(labels.length);
  let dealt = 0;
  for (const [label, rows] of groupsOf(labels)) {
    if (rows.length < folds)
      throw new MmubError("invalid-input", {
        part,
        message: `class ${labelList([label])} has ${rows.length} samples for ${folds} folds, want one for each; take fewer folds or leave the class out`,
        index: rows[0]!,
        label,
      });
    // Dealing goes on where the class before stopped, so that the sizes of the folds stay level.
    const targets = rows.map((_, i) => (dealt + i) % folds);
    if (shuffle) mix(targets);
    else targets.sort((a, b) => a - b);
    rows.forEach((row, i) => {
      foldOf[row] = targets[i]!;
    });
    dealt += rows.length;
  }
  return splitsOf(foldOf, folds);
}

export interface GroupFoldOptions {
  /** How many splits; every group is tested in exactly one. @default 5 */
  readonly folds?: number;
}

/**
 * Splits for cross-validation that keep each group, such as the samples of one user, on one side.
 *
 * Groups go one by one, the largest first, to the smallest test so far, the first of equal ones; so the sizes come out
 * about even and no seed is needed. Groups are compared as in a Map. Rejects more folds than groups. Cost: sorting the groups.
 * Source: scikit-learn's `GroupKFold`, equal groups in their order of occurrence.
 *
 * @example
 * const users = ["ann", "ben", "ann", "cem"];
 * for (const { test } of groupKFold(users, { folds: 2 })) console.log(take(users, test)); // ann twice, then ben and cem
 */
export function groupKFold(groups: ArrayLike<unknown>, options: GroupFoldOptions = {}): Split[] {
  const part = "@mmub/metrics/group-k-fold";
  const { folds = 5 } = options;
  checkLength(part, "groups", groups);
  const members = [...groupsOf(groups).values()].sort((a, b) => b.length - a.length);
  checkFolds(part, folds, members.length, "groups");
  const sizes = new Array<number>(folds).fill(0);
  const foldOf = new Int32Array(groups.length);
  for (const rows of members) {
    const lightest = sizes.indexOf(Math.min(...sizes));
    sizes[lightest]! += rows.length;
    for (const row of rows) foldOf[row] = lightest;
  }
  return splitsOf(foldOf, folds);
}

export interface TimeFoldOptions {
  /** How many splits. @default 5 */
  readonly folds?: number;
  /** Samples in each test. @default floor(samples / (folds + 1)) */
  readonly testSize?: number;
  /** At most this many samples to train on, the latest before the test. @default all of the past */
  readonly maxTrainSize?: number;
  /** Samples left out between training and test. @default 0 */
  readonly gap?: number;
}

/**
 * Splits for data that comes in time: each tests on the stretch after its training, and each starts where the one before ended.
 *
 * The tests are the last `folds` stretches of `testSize` samples in order of time. Samples of one very time are never on
 * both sides: they all go to the later stretch, so sizes may differ by them. Rejects stretches that leave a training or a test empty.
 * `times` are in any order. Cost: sorting the times. Source: scikit-learn's `TimeSeriesSplit`.
 *
 * @example
 * const days = [1, 2, 3, 4, 5, 6];
 * for (const { train, test } of timeSeriesFolds(days, { folds: 2 })) console.log(train, test); // 0-1 and 2-3, 0-3 and 4-5
 */
export function timeSeriesFolds(times: ArrayLike<number> | readonly Date[], options: TimeFoldOptions = {}): Split[] {
  const part = "@mmub/metrics/time-series-folds";
  const at = timesOf(part, times);
  const samples = at.length;
  const { folds = 5, maxTrainSize = samples, gap = 0 } = options;
  checkParam(part, "folds", folds, Number.isInteger(folds) && folds > 0, "a positive integer");
  if (folds >= samples)
    throw new MmubError("invalid-params", {
      part,
      message: `${folds} folds of ${samples} samples, want at least ${folds + 1} samples or fewer folds`,
      folds,
    });
  const { testSize = Math.floor(samples / (folds + 1)) } = options;
  for (const [name, value, least] of [
    ["testSize", testSize, 1],
    ["maxTrainSize", maxTrainSize, 1],
    ["gap", gap, 0],
  ] as const)
    checkParam(part, name, value, Number.isInteger(value) && value >= least, `an integer of at least ${least}`);
  const order = positions(samples).sort((a, b) => at[a]! - at[b]! || a - b);
  // The first position of that very time.
  const edge = (position: number): number => {
    let first = position;
    while (first > 0 && first < samples && at[order[first - 1]!] === at[order[first]!]) first--;
    return first;
  };
  return Array.from({ length: folds }, (_, fold) => {
    const start = edge(Math.max(0, samples - (folds - fold) * testSize));
    const end = edge(samples - (folds - fold - 1) * testSize);
    const trainEnd = Math.max(0, start - gap);
    const split = {
      train: order.slice(Math.max(0, trainEnd - maxTrainSize), trainEnd).sort(),
      test: order.slice(start, end).sort(),
    };
    const empty = split.train.length === 0 ? "train" : split.test.length === 0 ? "test" : undefined;
    if (empty)
      throw new MmubError("invalid-params", {
        part,
        message: `fold ${fold} has no sample to ${empty} on, of ${samples} with ${folds} folds of ${testSize} and a gap of ${gap}; take fewer folds or a smaller testSize`,
        fold,
      });
    return split;
  });
}

function splitsOf(foldOf: Int32Array, folds: number): Split[] {
  return Array.from({ length: folds }, (_, fold) =>
    splitBy(
      foldOf.length,
      Uint8Array.from(foldOf, (of) => Number(of === fold)),
    ),
  );
}

function checkFolds(part: string, folds: number, of: number, what: string): void {
  checkParam(part, "folds", folds, Number.isInteger(folds) && folds >= 2, "an integer of at least 2");
  if (folds > of)
    throw new MmubError("invalid-params", {
      part,
      message: `${folds} folds of ${of} ${what}, want at most ${of}`,
      folds,
    });
}
