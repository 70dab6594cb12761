import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { withoutAccents } from "./accents.js";

interface Golden {
  readonly dropped: readonly [number, number][];
  readonly kept: readonly [number, number][];
  readonly decomposed: Readonly<Record<string, string>>;
}
const golden: Golden = JSON.parse(readFileSync(new URL("../fixtures/accents.json", import.meta.url), "utf8"));
const characters = (ranges: readonly [number, number][]): string[] =>
  ranges.flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, k) => String.fromCodePoint(from + k)));

test("drops and keeps the marks that scikit-learn does", () => {
  const left = (marks: readonly string[]) => marks.map((mark) => withoutAccents(mark, "unicode"));
  const [dropped, kept] = [characters(golden.dropped), characters(golden.kept)];
  expect(dropped.length).toBeGreaterThan(900);
  expect(left(dropped)).toEqual(dropped.map(() => ""));
  expect(left(kept)).toEqual(kept);
  expect(left(Object.keys(golden.decomposed))).toEqual(Object.values(golden.decomposed));
});

test("takes letters apart, or leaves ASCII alone", () => {
  expect(withoutAccents("Ǘber ﬁn Ⅷ x² ½", "unicode")).toBe("Uber fin VIII x2 1⁄2");
  expect(withoutAccents("Ǘber ﬁn 中 ½ \ud83d", "ascii")).toBe("Uber fin  12 ");
  expect(withoutAccents("Ǘber", null)).toBe("Ǘber");
});
