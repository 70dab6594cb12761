import { checkParam, type Json, MmubError } from "@mmub/core";
import { characters } from "./characters.js";
import { ngrams, unigrams } from "./ngrams.js";
import { type CheckedNormalizeParams, checkNormalize, type NormalizeParams, normalizer } from "./normalizer.js";
import { patterns } from "./patterns.js";
import type { Reader } from "./reader.js";
import { englishStopWords } from "./stop-words.js";
import { tokenRegExp } from "./token-pattern.js";
import { checkTokenizer, defaultTokenPattern, matches, type Tokenizer, tokenizerRecipe } from "./tokenizer.js";
import { words } from "./words.js";

/** What the terms of a text are: the same for all that count terms. */
export interface TermParams {
  /** What is done to a text before anything else, as `normalizer` does it. @default null */
  readonly normalize?: NormalizeParams | null;
  /** Put the text in lower case first. @default true */
  readonly lowercase?: boolean;
  /**
   * Take accents off: "unicode" keeps every script and drops combining marks, "ascii" drops all that is not ASCII then.
   * @default null
   */
  readonly stripAccents?: "ascii" | "unicode" | null;
  /**
   * What a term is made of: words, characters, or characters within words with a space at either end ("char_wb").
   * Characters serve scripts without spaces, such as Chinese (`analyzer: "char", ngramRange: [1, 2]`), and misspellings.
   * @default "word"
   */
  readonly analyzer?: "word" | "char" | "char_wb";
  /**
   * What cuts a text into words instead of `tokenPattern`, such as `await chineseTokenizer()`. Saved as its type and
   * params. @default null
   */
  readonly tokenizer?: Tokenizer | null;
  /**
   * What a word is: the source of a JavaScript regular expression in which `\w \d \s \b` and their opposites mean all
   * scripts, as in Python. Its capturing group, if there is one, is the word.
   * @default "(?u)\\b\\w\\w+\\b", two or more letters, numbers or underscores
   */
  readonly tokenPattern?: string;
  /** Words left out before n-grams are built: scikit-learn's English list or your own. @default null */
  readonly stopWords?: "english" | readonly string[] | null;
  /** The least and the greatest length of an n-gram, in words or characters. @default [1, 1] */
  readonly ngramRange?: readonly [number, number];
}

export const termDefaults = {
  normalize: null,
  lowercase: true,
  stripAccents: null,
  analyzer: "word",
  tokenizer: null,
  tokenPattern: defaultTokenPattern,
  stopWords: null,
  ngramRange: [1, 1],
} as const satisfies TermParams;

/** Params with every default filled in, as plain data: a tokenizer is its type and params. */
type Checked<P extends TermParams> = {
  readonly [K in Exclude<keyof P, "tokenizer" | "normalize">]-?: Exclude<P[K], undefined>;
} & {
  readonly tokenizer: { readonly type: string; readonly params: Json } | null;
  readonly normalize: CheckedNormalizeParams | null;
};

export interface Terms<P extends TermParams> {
  readonly params: Checked<P>;
  /** A reader that knows no term yet. */
  readonly makeReader: () => Reader;
  /** Throws `invalid-params` unless `ok`. */
  readonly check: (name: keyof P & string, ok: boolean, want: string) => void;
}

/** Checks params and gives the reader that they describe. */
export function terms<P extends TermParams>(type: string, given: P, defaults: Required<P>): Terms<P> {
  const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  for (const name of Object.keys(set))
    checkParam(
      type,
      name,
      set[name],
      Object.hasOwn(defaults, name),
      `no such param; there are ${Object.keys(defaults).join(", ")}`,
    );
  const all: Required<P> = { ...defaults, ...set };
  const { analyzer, stopWords, ngramRange, tokenPattern } = all as Required<TermParams>;
  const check: Terms<P>["check"] = (name, ok, want) => checkParam(type, name, all[name], ok, want);

  check("lowercase", typeof all.lowercase === "boolean", "true or false");
  check("stripAccents", [null, "ascii", "unicode"].includes(all.stripAccents!), '"ascii", "unicode" or null');
  check("analyzer", ["word", "char", "char_wb"].includes(analyzer), '"word", "char" or "char_wb"');
  check("tokenPattern", typeof tokenPattern === "string", "the source of a regular expression");
  const isStopWords = stopWords === null || stopWords === "english" || areStrings(stopWords);
  check("stopWords", isStopWords, '"english", an array of words or null');
  const isRange = Array.isArray(ngramRange) && ngramRange.length === 2 && ngramRange.every(isCount);
  check("ngramRange", isRange && ngramRange[0] <= ngramRange[1], "[least, greatest], whole numbers from 1 on");
  const tokenizer = all.tokenizer === null ? null : checkTokenizer(type, all.tokenizer);
  const normalize = all.normalize === null ? null : checkNormalize(type, all.normalize!);

  // What would have no effect is more likely a mistake.
  const isDefaultPattern = tokenPattern === defaultTokenPattern;
  if (tokenizer) check("tokenPattern", isDefaultPattern, "none, as the tokenizer says what a word is");
  if (analyzer !== "word") {
    const why = `as the analyzer "${analyzer}" has no words`;
    check("stopWords", stopWords === null, `null, ${why}`);
    check("tokenPattern", isDefaultPattern, `none, ${why}`);
    check("tokenizer", tokenizer === null, `null, ${why}`);
  }
  const params = {
    ...all,
    normalize,
    tokenizer: tokenizer && tokenizerRecipe(tokenizer),
    stopWords: Array.isArray(stopWords) ? [...stopWords] : stopWords,
    ngramRange: [ngramRange[0], ngramRange[1]],
  } as unknown as Checked<P>;
  return { params, makeReader: readerOf(params as unknown as Checked<TermParams>, tokenizer, type), check };
}

export function isCount(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 1;
}

export function isWithin(value: unknown, from: number, to: number): boolean {
  return typeof value === "number" && value >= from && value <= to;
}

export function areStrings(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

// What the faster reader of words does, with the length of the shortest word.
const wordLengths = new Map([
  ["\\b\\w\\w+\\b", 2],
  ["\\b\\w+\\b", 1],
]);

function readerOf(params: Checked<TermParams>, tokenizer: Tokenizer | null, part: string): () => Reader {
  const { analyzer, lowercase, stripAccents, tokenPattern, ngramRange } = params;
  const stopWords = params.stopWords === "english" ? englishStopWords : (params.stopWords ?? []);
  const prepare = params.normalize ? normalizer(params.normalize).normalize : undefined;
  const make = (): (() => Reader) => {
    if (analyzer !== "word") {
      const withinWords = analyzer === "char_wb";
      return () => ngrams(characters({ lowercase, stripAccents, withinWords }), ngramRange, withinWords);
    }
    const minLength = wordLengths.get(tokenPattern.replace("(?u)", ""));
    if (tokenizer || minLength === undefined) {
      const compiled = tokenRegExp(tokenPattern, part);
      const tokenize = tokenizer ? checkedTokens(tokenizer, part) : (text: string) => matches(text, compiled);
      return () => patterns({ lowercase, stripAccents, tokenize, stopWords, ngramRange });
    }
    return () => {
      const tokens = words({ lowercase, stripAccents, minLength, stopWords });
      return ngramRange[1] === 1 ? unigrams(tokens) : ngrams(tokens, ngramRange, false);
    };
  };
  const makeReader = make();
  return prepare ? () => prepared(makeReader(), prepare) : makeReader;
}

function checkedTokens(tokenizer: Tokenizer, part: string): (text: string) => string[] {
  return (text) => {
    const tokens = tokenizer.tokenize(text);
    if (areStrings(tokens)) return tokens;
    throw new MmubError("invalid-params", {
      part,
      message: `the tokenizer ${tokenizer.type} gives something else than an array of strings; look at its tokenize`,
    });
  };
}

function prepared(reader: Reader, prepare: (text: string) => string): Reader {
  return Object.create(reader, {
    read: { value: (text: string, learn: boolean) => reader.read(prepare(text), learn) },
  });
}
