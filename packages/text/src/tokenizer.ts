import { checkParam, type Json } from "@mmub/core";
import { type TokenPattern, tokenRegExp } from "./token-pattern.js";

/**
 * Cuts a text into tokens. A recipe: whatever was fitted with a tokenizer saves its `type` and `params`, and loads only with
 * one that has the same. Anything of this form serves, your own function too, given a `type` and `params` that tell it.
 *
 * @example
 * const lines: Tokenizer = { type: "@example/lines", params: null, tokenize: (text) => text.split("\n") };
 */
export interface Tokenizer {
  readonly type: string;
  /** All that decides what `tokenize` gives, as plain data. */
  readonly params: Json;
  /** The tokens in the order of the text. Any string is taken, halves of surrogate pairs and "" included. */
  readonly tokenize: (text: string) => string[];
}

/** A tokenizer as saved forms and params hold it. */
export function tokenizerRecipe({ type, params }: Tokenizer): { readonly type: string; readonly params: Json } {
  return { type, params };
}

/** Throws `invalid-params` unless `value` is a tokenizer. */
export function checkTokenizer(part: string, value: unknown): Tokenizer {
  const given = value as Partial<Tokenizer> | null | undefined;
  const ok = typeof given?.type === "string" && typeof given.tokenize === "function" && given.params !== undefined;
  const isPromise = typeof (value as { then?: unknown } | null)?.then === "function";
  const want = "a tokenizer: { type, params, tokenize }";
  checkParam(part, "tokenizer", value, ok, isPromise ? `${want}; it is a promise, so write await before it` : want);
  return given as Tokenizer;
}

export interface WordTokenizerParams {
  /**
   * What a word is: the source of a regular expression in which `\w \d \s \b` mean all scripts, as in Python. Its capturing
   * group, if there is one, is the word.
   * @default "(?u)\\b\\w\\w+\\b", two or more letters, numbers or underscores
   */
  readonly pattern?: string;
}

export const defaultTokenPattern = "(?u)\\b\\w\\w+\\b";

/**
 * Words by a pattern, of any script that has spaces. Case and accents stay as they are: see `normalized`.
 * Rejects a pattern that is none, or has several groups (`invalid-params`).
 * Cost: one pass of a regular expression.
 *
 * @example
 * console.log(wordTokenizer().tokenize("Good price, très bien!")); // [ 'Good', 'price', 'très', 'bien' ]
 */
export function wordTokenizer({ pattern = defaultTokenPattern }: WordTokenizerParams = {}): Tokenizer {
  const type = "@mmub/text/word-tokenizer";
  checkParam(type, "pattern", pattern, typeof pattern === "string", "the source of a regular expression");
  const compiled = tokenRegExp(pattern, type);
  return { type, params: { pattern }, tokenize: (text) => matches(text, compiled) };
}

/** What the pattern finds. A group that took no part in the match is an empty token, as in Python's findall. */
export function matches(text: string, { pattern, hasGroup }: TokenPattern): string[] {
  return hasGroup ? Array.from(text.matchAll(pattern), (match) => match[1] ?? "") : (text.match(pattern) ?? []);
}

export interface CharacterTokenizerParams {
  /** "codePoint", or "grapheme": what a reader takes for one sign, such as an emoji of several code points. @default "codePoint" */
  readonly unit?: "codePoint" | "grapheme";
  /** Keep white space. @default false */
  readonly spaces?: boolean;
}

/**
 * Each character is a token. Serves scripts without spaces, and networks of characters.
 * Cost: one pass; "grapheme" is some ten times slower than "codePoint".
 *
 * @example
 * console.log(characterTokenizer().tokenize("太贵 👍")); // [ '太', '贵', '👍' ]
 */
export function characterTokenizer(given: CharacterTokenizerParams = {}): Tokenizer {
  const type = "@mmub/text/character-tokenizer";
  const { unit = "codePoint", spaces = false } = given;
  checkParam(type, "unit", unit, unit === "codePoint" || unit === "grapheme", '"codePoint" or "grapheme"');
  checkParam(type, "spaces", spaces, typeof spaces === "boolean", "true or false");
  const graphemes = unit === "grapheme" ? new Intl.Segmenter("en", { granularity: "grapheme" }) : undefined;
  const cut = (text: string): string[] =>
    graphemes ? Array.from(graphemes.segment(text), ({ segment }) => segment) : Array.from(text);
  return {
    type,
    params: { unit, spaces },
    tokenize: (text) => (spaces ? cut(text) : cut(text).filter((character) => !/^\s+$/u.test(character))),
  };
}

/**
 * The same tokenizer without the given tokens, compared as they are: put the case right before (`normalized`).
 *
 * @example
 * const tokenizer = withoutStopWords(wordTokenizer(), englishStopWords);
 * console.log(tokenizer.tokenize("the price of the shop")); // [ 'price', 'shop' ]
 */
export function withoutStopWords(tokenizer: Tokenizer, stopWords: readonly string[]): Tokenizer {
  const type = "@mmub/text/without-stop-words";
  checkTokenizer(type, tokenizer);
  const ok = Array.isArray(stopWords) && stopWords.every((word) => typeof word === "string");
  checkParam(type, "stopWords", stopWords, ok, "an array of words");
  const stop = new Set(stopWords);
  return {
    type,
    params: { tokenizer: tokenizerRecipe(tokenizer), stopWords: [...stopWords] },
    tokenize: (text) => tokenizer.tokenize(text).filter((token) => !stop.has(token)),
  };
}
