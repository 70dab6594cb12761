import {
  batches,
  checkParam,
  type FittedExtractor,
  MmubError,
  type RunOptions,
  rejectInput,
  type Sparse,
  show,
} from "@mmub/core";
import { normalized } from "./normalizer.js";
import { englishStopWords } from "./stop-words.js";
import { checkTokenizer, type Tokenizer, wordTokenizer } from "./tokenizer.js";

export interface Keyword {
  readonly term: string;
  readonly score: number;
}

export interface KeywordsOptions<Input = string> extends RunOptions {
  /** A fitted extractor of Sparse features with names, such as tfidf's: a term's score is the value of its column. */
  readonly vectors: FittedExtractor<Input, Sparse>;
  /** How many terms a text at most. @default 10 */
  readonly count?: number;
}

/**
 * The terms that tell a text from the texts that `vectors` was fitted on: those of the highest values, best first; of
 * equals, those of the earlier column. A missing text and one without a known term have none; scores of 0 and less are left out.
 * Rejects an extractor that is not sparse or has no names (`invalid-params`), and what it rejects.
 * Cost: that of the extractor's `transform`.
 *
 * @example
 * const reviews = ["the zip of the bag broke", "the bag is red", "the delivery was quick", "quick refund for the bag"];
 * const vectors = await tfidf({ stopWords: "english" }).fit(reviews);
 * const [first] = await keywords(reviews, { vectors, count: 2 });
 * console.log(first?.map(({ term }) => term)); // [ 'broke', 'zip' ]
 */
export async function keywords<Input = string>(
  inputs: readonly (Input | null)[],
  { vectors, count = 10, ...options }: KeywordsOptions<Input>,
): Promise<readonly (readonly Keyword[])[]> {
  const part = "@mmub/text/keywords";
  checkParam(part, "vectors", vectors, typeof vectors?.transform === "function", "a fitted extractor");
  checkCount(part, count);
  const { names } = vectors;
  const lists: Keyword[][] = [];
  for await (const { items } of batches(inputs, options, part)) {
    const { layout, rows, offsets, columns, values } = await vectors.transform(items);
    if (layout !== "sparse" || !names)
      throw new MmubError("invalid-params", {
        part,
        message: `vectors gives ${show(layout)} features ${names ? "with" : "without"} names, want Sparse ones with names, as of tfidf`,
      });
    for (let row = 0; row < rows; row++) {
      const found: Keyword[] = [];
      for (let i = offsets[row]!; i < offsets[row + 1]!; i++)
        if (values[i]! > 0) found.push({ term: names[columns[i]!]!, score: values[i]! });
      lists.push(found.sort((a, b) => b.score - a.score).slice(0, count));
    }
  }
  return lists;
}

export interface TextRankOptions {
  /** How many terms at most. @default 10 */
  readonly count?: number;
  /** What the terms are made of, in the case in which they are given back. @default words of two letters and more, in lower case */
  readonly tokenizer?: Tokenizer;
  /** Words that are no keywords. Chinese ones for Chinese: see `stopWordsOf`. @default englishStopWords */
  readonly stopWords?: readonly string[];
  /** Words are linked that stand at most so many places apart: 2 is neighbours. @default 2 */
  readonly window?: number;
  /** Join keywords that stand beside each other in the text to phrases. @default true */
  readonly phrases?: boolean;
  /** What separates the words of a phrase: "" for Chinese. @default " " */
  readonly separator?: string;
}

/**
 * Keywords of one text alone, without any other to compare with: words are linked to those that they stand near to, and
 * ranked as PageRank ranks pages. Suits texts of some length; in a sentence or two every word is as good as the next.
 *
 * Scores of words sum to 1 over the text; a phrase has the mean of its words. Best first, of equals the one that comes first.
 * The same text gives the same list whatever else was read.
 * Rejects anything but a string (`invalid-input`). Cost: linear in the text, times the passes of the ranking (at most 100).
 * Source: Mihalcea & Tarau (2004), with stop words in place of parts of speech; links weighted by how often they occur;
 * damping 0.85, until the scores change by less than 1e-6 a word.
 *
 * @example
 * const text =
 *   "The battery life is short. Battery life was fine at first, then the battery died. A new battery costs more than the phone.";
 * console.log(textRank(text, { count: 2 }).map(({ term }) => term)); // [ 'battery', 'battery life' ]
 */
export function textRank(text: string, options: TextRankOptions = {}): readonly Keyword[] {
  const part = "@mmub/text/text-rank";
  const { count = 10, stopWords = englishStopWords, window = 2, phrases = true, separator = " " } = options;
  const tokenizer = checkTokenizer(part, options.tokenizer ?? normalized(wordTokenizer(), { lowercase: true }));
  checkCount(part, count);
  checkParam(part, "window", window, Number.isInteger(window) && window >= 2, "a whole number from 2 on");
  const areWords = Array.isArray(stopWords) && stopWords.every((word) => typeof word === "string");
  checkParam(part, "stopWords", stopWords, areWords, "an array of words");
  checkParam(part, "phrases", phrases, typeof phrases === "boolean", "true or false");
  checkParam(part, "separator", separator, typeof separator === "string", "a string");
  if (typeof text !== "string") rejectInput(part, 0, text, "a string");

  // Stop words keep their places, so that words on either side of one are not neighbours.
  const stop = new Set(stopWords);
  const idOf = new Map<string, number>();
  const places = tokenizer.tokenize(text).map((token) => {
    if (stop.has(token)) return -1;
    const id = idOf.get(token) ?? idOf.size;
    idOf.set(token, id);
    return id;
  });
  const words = [...idOf.keys()];
  const scores = pageRank(links(places, words.length, window));
  const terms = phrases ? phrasesOf(places, scores) : words.map((_, id) => [id]);
  return terms
    .map((ids) => ({
      term: ids.map((id) => words[id]).join(separator),
      score: ids.reduce((sum, id) => sum + scores[id]!, 0) / ids.length,
    }))
    .sort((a, b) => b.score - a.score)
    .slice(0, count);
}

function checkCount(part: string, count: unknown): void {
  checkParam(part, "count", count, Number.isInteger(count) && (count as number) > 0, "a whole number from 1 on");
}

/** How often each pair of different words stands within the window, both ways. */
function links(places: readonly number[], size: number, window: number): Map<number, number>[] {
  const weights = Array.from({ length: size }, () => new Map<number, number>());
  const add = (from: number, to: number): void => void weights[from]!.set(to, (weights[from]!.get(to) ?? 0) + 1);
  for (let i = 0; i < places.length; i++)
    for (let k = i + 1; k < i + window && k < places.length; k++) {
      const [a, b] = [places[i]!, places[k]!];
      if (a < 0 || b < 0 || a === b) continue;
      add(a, b);
      add(b, a);
    }
  return weights;
}

/** Weighted PageRank. A word without links gives its score to all alike. */
function pageRank(links: readonly Map<number, number>[]): Float64Array {
  const size = links.length;
  const damping = 0.85;
  const totals = links.map((to) => [...to.values()].reduce((sum, weight) => sum + weight, 0));
  let scores = new Float64Array(size).fill(1 / size);
  for (let pass = 0; pass < 100; pass++) {
    let lost = 0;
    for (let i = 0; i < size; i++) if (totals[i] === 0) lost += scores[i]!;
    const next = new Float64Array(size).fill((1 - damping + damping * lost) / size);
    for (let i = 0; i < size; i++)
      for (const [to, weight] of links[i]!) next[to]! += (damping * scores[i]! * weight) / totals[i]!;
    const change = next.reduce((sum, score, i) => sum + Math.abs(score - scores[i]!), 0);
    scores = next;
    if (change < size * 1e-6) break;
  }
  return scores;
}

/**
 * All words, and phrases of up to four words that occur more than once, made of the better third as in the paper, or of the
 * ten best in a short text.
 */
function phrasesOf(places: readonly number[], scores: Float64Array): number[][] {
  const order = Array.from(scores.keys()).sort((a, b) => scores[b]! - scores[a]!);
  const good = new Set(order.slice(0, Math.max(10, Math.ceil(order.length / 3))));
  const found = new Map<string, { ids: number[]; times: number }>();
  for (let i = 0; i < places.length; i++) {
    const ids: number[] = [];
    for (let k = i; k < i + 4 && good.has(places[k] ?? -1) && !ids.includes(places[k]!); k++) {
      ids.push(places[k]!);
      if (ids.length === 1) continue;
      const key = ids.join(" ");
      const entry = found.get(key) ?? { ids: [...ids], times: 0 };
      entry.times++;
      found.set(key, entry);
    }
  }
  const repeated = [...found.values()].filter(({ times }) => times > 1).map(({ ids }) => ids);
  return [...order.map((id) => [id]), ...repeated];
}
