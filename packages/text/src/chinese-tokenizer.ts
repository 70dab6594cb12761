import { checkParam, library, MmubError } from "@mmub/core";
import { lazy } from "./lazy.js";
import type { Tokenizer } from "./tokenizer.js";

const type = "@mmub/text/chinese-tokenizer";

export interface ChineseTokenizerParams {
  /**
   * "jieba" is `@node-rs/jieba`; "intl" is the dictionary of this Node's ICU, which may change with Node; "auto" is jieba
   * if it is installed. `params.engine` of the result says which it is.
   * @default "auto"
   */
  readonly engine?: "auto" | "jieba" | "intl";
  /** Let jieba guess words that its dictionary lacks (a hidden Markov model). @default true */
  readonly hmm?: boolean;
  /** Let jieba give the shorter words within long ones too, as search engines want. @default false */
  readonly search?: boolean;
  /** More words for jieba's dictionary, each as a line of it: "word", "word frequency" or "word frequency tag". @default [] */
  readonly words?: readonly string[];
  /** Keep tokens without any letter or number: punctuation and emoji. White space is never kept. @default false */
  readonly punctuation?: boolean;
}

export interface ChineseTokenizer extends Tokenizer {
  readonly params: {
    readonly engine: "jieba" | "intl";
    readonly hmm: boolean;
    readonly search: boolean;
    readonly words: readonly string[];
    readonly punctuation: boolean;
  };
}

/**
 * Chinese words, by jieba's dictionary where it is installed, else by ICU's. Text of other scripts in between is cut into
 * words and numbers. Case and width stay as they are: see `normalized`.
 * Rejects jieba's own params where the engine is "intl" (`invalid-params`), and "jieba" where it is not installed
 * (`missing-library`).
 * Cost: jieba reads its dictionary once a process, a third of a second; then some 1-2 MB of text a second.
 * Source: https://github.com/fxsjy/jieba, in Rust (jieba-rs).
 *
 * @example
 * const tokenizer = await chineseTokenizer();
 * console.log(tokenizer.params.engine, tokenizer.tokenize("价格很好，物流快")); // jieba [ '价格', '很', '好', '物流', '快' ]
 */
export async function chineseTokenizer(given: ChineseTokenizerParams = {}): Promise<ChineseTokenizer> {
  const { engine = "auto", hmm = true, search = false, words = [], punctuation = false } = given;
  checkParam(type, "engine", engine, ["auto", "jieba", "intl"].includes(engine), '"auto", "jieba" or "intl"');
  for (const [name, value] of Object.entries({ hmm, search, punctuation }))
    checkParam(type, name, value, typeof value === "boolean", "true or false");
  const isWord = (line: unknown): boolean => typeof line === "string" && /^\S+( \d+( \S+)?)?$/u.test(line);
  checkParam(type, "words", words, Array.isArray(words) && words.every(isWord), 'lines such as "word" or "word 12 n"');

  const jieba = engine === "intl" ? undefined : await findJieba(words, engine === "auto");
  if (!jieba)
    for (const [name, value, isDefault] of [
      ["hmm", hmm, hmm],
      ["search", search, !search],
      ["words", words, words.length === 0],
    ] as const)
      checkParam(type, name, value, isDefault, "the default, as only jieba has it; npm install @node-rs/jieba");
  const cut = jieba
    ? (text: string): string[] => (search ? jieba.cutForSearch(text, hmm) : jieba.cut(text, hmm))
    : intlWords;
  const wanted = punctuation ? /\S/u : /[\p{L}\p{N}]/u;
  return {
    type,
    params: { engine: jieba ? "jieba" : "intl", hmm, search, words: [...words], punctuation },
    tokenize: (text) => cut(text).filter((token) => wanted.test(token)),
  };
}

const segmenter = lazy(() => new Intl.Segmenter("zh", { granularity: "word" }));

// The segmenter takes a time that grows faster than the length of what it is given.
function intlWords(text: string): string[] {
  const found: string[] = [];
  for (const [line] of text.matchAll(/[^\r\n]+/g))
    for (const { segment } of segmenter().segment(line)) found.push(segment);
  return found;
}

interface Jieba {
  cut(text: string, hmm: boolean): string[];
  cutForSearch(text: string, hmm: boolean): string[];
  loadDict(lines: Uint8Array): void;
}

// Read-only once made, so it is one for all tokenizers without words of their own.
let shared: Promise<Jieba> | undefined;

async function findJieba(words: readonly string[], optional: boolean): Promise<Jieba | undefined> {
  try {
    if (words.length === 0) {
      shared ??= newJieba();
      return await shared;
    }
    const own = await newJieba();
    own.loadDict(new TextEncoder().encode(words.join("\n")));
    return own;
  } catch (error) {
    shared = undefined;
    if (optional && MmubError.is(error) && error.code === "missing-library") return undefined;
    throw error;
  }
}

async function newJieba(): Promise<Jieba> {
  const name = "@node-rs/jieba";
  const { Jieba } = await library(type, name, () => import("@node-rs/jieba"));
  const { dict } = await library(type, name, () => import("@node-rs/jieba/dict"));
  return Jieba.withDict(dict);
}
