import { expect, test } from "vitest";
import { tokenRegExp } from "./token-pattern.js";

const everyCharacter = (accept: (character: string) => boolean): number[] => {
  const found: number[] = [];
  for (let point = 0; point < 0x110000; point++) if (accept(String.fromCodePoint(point))) found.push(point);
  return found;
};
const matching = (source: string): number[] => {
  const { pattern } = tokenRegExp(source, "test");
  return everyCharacter((character) => character.match(pattern)?.[0] === character);
};

test.each(["w", "s", "d"])("\\%s and its opposite part all characters, in and out of a class", (letter) => {
  const opposite = letter.toUpperCase();
  const is = matching(`\\${letter}`);
  const isNot = matching(`\\${opposite}`);
  expect(is.length + isNot.length).toBe(0x110000);
  expect(matching(`[\\${letter}]`)).toEqual(is);
  expect(matching(`[^\\${letter}]`)).toEqual(isNot);
  expect(matching(`[\\${opposite}]`)).toEqual(isNot);
  expect(matching(`[^\\${opposite}]`)).toEqual(is);
});

test("\\s is what Python takes for white space, \\w letters, numbers and the underscore", () => {
  const spaces = [9, 10, 11, 12, 13, 28, 29, 30, 31, 32, 0x85, 0xa0, 0x1680, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000];
  for (let point = 0x2000; point <= 0x200a; point++) spaces.push(point);
  expect(matching("\\s")).toEqual(spaces.sort((a, b) => a - b));
  const word = matching("\\w").map((point) => String.fromCodePoint(point));
  expect(word).toEqual(expect.arrayContaining(["a", "_", "7", "é", "中", "я", "ש", "ß", "²", "Ⅷ", "٣", "\u{20bb7}"]));
  for (const other of ["-", "'", "\u0301", "😀", "\u200d", " "]) expect(word).not.toContain(other);
});

test("reads what Python lets be escaped, its flags and one group", () => {
  const find = (source: string, text: string) =>
    Array.from(text.matchAll(tokenRegExp(source, "test").pattern), (match) => match.at(-1));
  expect(find("[\\w\\-\\']+", "it's well-known")).toEqual(["it's", "well-known"]);
  expect(find("\\#\\w+\\-\\d", "#sale-5 #no")).toEqual(["#sale-5"]);
  expect(find("(?iu)[a-z]+", "Good PRICE")).toEqual(["Good", "PRICE"]);
  expect(find("@(\\w+)", "to @иван and @ann")).toEqual(["иван", "ann"]);
});

test.each<[string, RegExp]>([
  ["[a-z", /tokenPattern is string "\[a-z", want the source of a regular expression/],
  ["(a)(b)", /2 capturing groups/],
  ["(?x)a b", /the flag "x"/],
  ["[\\w-z]", /Invalid character class/],
])("rejects %s", (source, message) => {
  expect(() => tokenRegExp(source, "test")).toThrowError(
    expect.objectContaining({ code: "invalid-params", message: expect.stringMatching(message) }),
  );
});
