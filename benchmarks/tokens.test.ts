import { expect, test } from "vitest";
import { bigramsOf, vocabularyOf, wordsOf } from "./tokens.js";

test("cuts Chinese into words and runs of signs short", () => {
  expect(wordsOf("房间太小。。。。不 好ＡＢＣ！！")).toEqual([
    "房间",
    "太",
    "小",
    "。",
    "。",
    "不",
    "好",
    "abc",
    "!",
    "!",
  ]);
  expect(wordsOf(" \n")).toEqual([]);
});

test("pairs of characters, the last alone", () => {
  expect(bigramsOf("Ａ 好吃")).toEqual(["a好", "好吃", "吃"]);
});

test("ids are those of tokens that come often enough, 0 is any other", () => {
  const vocabulary = vocabularyOf([["b", "a", "a"], ["b", "c"], []], 2);
  expect(vocabulary.size).toBe(2);
  const { offsets, data, cols } = vocabulary.encode([["b", "x", "b"], [], ["a", "b"]]);
  expect([cols, [...offsets], [...data]]).toEqual([1, [0, 3, 3, 5], [1, 0, 1, 0, 1]]);
});
