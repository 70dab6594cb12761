import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { stratifiedKFold } from "./folds.js";
import { findLeaks, nestedFolds } from "./leaks.js";
import { groupSplit, take, timeSplit } from "./split.js";

const half = { train: Uint32Array.of(0, 1, 2), test: Uint32Array.of(3, 4, 5) };

test("users on both sides are found, and none in a split by users", () => {
  const users = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 10, maxLength: 40 });
  fc.assert(
    fc.property(users, (groups) => {
      fc.pre(new Set(groups).size > 1);
      const split = groupSplit(groups, { testSize: 1 });
      expect(findLeaks(split, { groups }).warnings).toEqual([]);
      // One sample of a training user more in the test.
      const test = Uint32Array.of(...split.test, split.train[0]!);
      expect(findLeaks({ train: split.train, test }, { groups }).sharedGroups).toEqual([groups[split.train[0]!]]);
    }),
    { seed: 7, numRuns: 50 },
  );
  expect(findLeaks(half, { groups: ["a", "b", "c", "b", "d", "b"] }).warnings).toEqual([
    "1 group has samples on both sides, such as b; split by groupSplit",
  ]);
});

test("near-duplicates are found whatever their case and spaces, other texts are not", () => {
  const text = "The parcel came two days late and the box was open when I found it at the door.";
  const texts = [
    text,
    null,
    "这件衣服的质量非常好，我很喜欢，下次还会再来买",
    `${text.toUpperCase()}  Sad.`,
    "",
    "这件衣服的质量非常好，我很喜欢，下次还会再来买！",
  ];
  const { duplicates, warnings } = findLeaks(half, { texts });
  expect(duplicates.map(({ train, test }) => [train, test])).toEqual([
    [0, 3],
    [2, 5],
  ]);
  expect(duplicates[0]!.similarity).toBeLessThan(1);
  expect(warnings).toHaveLength(1);
  const other = ["I like the colour of this dress.", null, "no", "I like the weight of this phone.", "", "yes"];
  expect(findLeaks(half, { texts: other }).duplicates).toEqual([]);
});

test("training from after the test began is found", () => {
  const times = [5, 1, 9, 6, 7, 8];
  expect(findLeaks(half, { times }).fromTheFuture).toEqual(Uint32Array.of(2));
  expect(findLeaks(timeSplit(times), { times }).warnings).toEqual([]);
});

test("inner splits stay within the training part and cover it", () => {
  const labels = Array.from({ length: 30 }, (_, i) => i % 3);
  const nested = nestedFolds(stratifiedKFold(labels, { folds: 5 }), (rows) =>
    stratifiedKFold(take(labels, rows), { folds: 2 }),
  );
  for (const { train, test: held, inner } of nested) {
    expect([...inner.flatMap((split) => [...split.test])].sort((a, b) => a - b)).toEqual([...train]);
    for (const split of inner) for (const row of [...split.train, ...split.test]) expect(held).not.toContain(row);
  }
});

describe("bad input", () => {
  test("is rejected", () => {
    expect(() => findLeaks(half, { groups: ["a"] })).toThrow("groups 1 is undefined, want one for each of the 6");
    expect(() => findLeaks(half, { texts: ["a", "b", "c", 4 as never, "e", "f"] })).toThrow("texts 3 is number 4");
    expect(() => findLeaks(half, { similarity: 0 })).toThrow("similarity is number 0");
    expect(() => findLeaks({ ...half, test: new Uint32Array() }, {})).toThrow("test is empty");
  });
});
