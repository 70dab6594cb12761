import { random } from "@mmub/core";
import { expect, test } from "vitest";
import { wordErrorRate } from "./index.js";

// jiwer: jiwer.wer(truth, heard).
test.each([
  [["a b c"], ["a b c"], 0],
  [["a b c"], ["a c"], 1 / 3],
  [["a b"], ["c a d"], 1],
  [["a b c d", "e f"], ["a x c", "e f g h"], 4 / 6],
  [["  the  quick fox\n"], ["the quick brown fox"], 1 / 3],
  [["a b"], [null], 1],
])("%j heard as %j: %d", (truth, heard, want) => {
  expect(wordErrorRate(truth, heard)).toBeCloseTo(want, 12);
});

test("it is the least number of changes, by trying all", () => {
  const least = (a: string, b: string): number =>
    a === "" || b === ""
      ? a.length + b.length
      : Math.min(
          least(a.slice(1), b) + 1,
          least(a, b.slice(1)) + 1,
          least(a.slice(1), b.slice(1)) + (a[0] === b[0] ? 0 : 1),
        );
  const draw = random(1);
  const text = (from: number) => Array.from({ length: from + draw.integer(5) }, () => "abc"[draw.integer(3)]).join("");
  for (let i = 0; i < 60; i++) {
    const [a, b] = [text(1), text(0)];
    expect(wordErrorRate([[...a].join(" ")], [[...b].join(" ")])).toBeCloseTo(least(a, b) / a.length, 12);
  }
});

test("what cannot be told is refused", () => {
  expect(() => wordErrorRate(["a"], [])).toThrow(/heard/);
  expect(() => wordErrorRate([], [])).toThrow(/truth is empty/);
  expect(() => wordErrorRate([" "], ["a"])).toThrow(/no word was said/);
  expect(() => wordErrorRate([3 as never], ["a"])).toThrow(/truth 0 is number 3, want a text/);
});
