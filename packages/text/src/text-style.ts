import {
  batches,
  checkInputs,
  checkParam,
  checkSaved,
  type Dense,
  dense,
  type Extractor,
  type FittedExtractor,
  rejectInput,
} from "@mmub/core";
import { lazy } from "./lazy.js";
import { syllables } from "./syllables.js";
import { spaces } from "./token-pattern.js";
import { checkTokenizer, type Tokenizer, tokenizerRecipe } from "./tokenizer.js";

const type = "@mmub/text/text-style";

export interface TextStyleParams {
  /** "en" adds syllables and readability; "zh" counts Chinese: its sentence ends, pronouns and characters. @default "en" */
  readonly language?: "en" | "zh";
  /**
   * What words are. Without one, "en" takes runs without white space, punctuation dropped, as textstat does; "zh" takes each
   * Chinese character, and each run of other letters and digits. For Chinese words: `await chineseTokenizer()`.
   * @default null
   */
  readonly tokenizer?: Tokenizer | null;
}

/** What readability is made of. */
export interface ReadabilityCounts {
  /** All but white space, in code points. */
  readonly characters: number;
  /** Characters less punctuation. */
  readonly letters: number;
  readonly words: number;
  /** Runs without white space, punctuation alone included. */
  readonly chunks: number;
  readonly sentences: number;
  /** Words of more than six letters. */
  readonly longWords: number;
  readonly syllables: number;
  /** Words of three syllables and more. */
  readonly polysyllables: number;
}

/** 0 each where there is no word. All but the first and the last are school grades of the United States. */
export interface Readability {
  /** 206.835 - 1.015 words per sentence - 84.6 syllables per word; 60 to 70 is plain, 0 very hard. */
  readonly fleschReadingEase: number;
  readonly fleschKincaid: number;
  /** Complex words are those of three syllables and more, proper names and compounds among them. */
  readonly gunningFog: number;
  readonly automatedReadability: number;
  readonly colemanLiau: number;
  /** Made for 30 sentences and more. */
  readonly smog: number;
  /** Words per sentence plus the percentage of long words; for any language in letters. */
  readonly lix: number;
}

/**
 * Readability by the formulas of the papers, with the constants of textstat 0.7.13.
 * Source: Flesch (1948); Kincaid et al. (1975); Gunning (1952); Smith & Senter (1967); Coleman & Liau (1975);
 * McLaughlin (1969); Björnsson (1968).
 */
export function readability(counts: ReadabilityCounts): Readability {
  const { characters, letters, words, chunks, sentences, longWords, syllables, polysyllables } = counts;
  const none = { fleschReadingEase: 0, fleschKincaid: 0, gunningFog: 0, colemanLiau: 0, lix: 0 };
  const automatedReadability = words === 0 ? 0 : (4.71 * characters) / chunks + (0.5 * words) / sentences - 21.43;
  const smog = sentences === 0 ? 0 : 1.043 * Math.sqrt((30 * polysyllables) / sentences) + 3.1291;
  if (words === 0) return { ...none, automatedReadability, smog: 0 };
  const [perSentence, perWord] = [words / sentences, syllables / words];
  return {
    // Without a syllable it is no language of these two.
    fleschReadingEase: syllables === 0 ? 0 : 206.835 - 1.015 * perSentence - 84.6 * perWord,
    fleschKincaid: syllables === 0 ? 0 : 0.39 * perSentence + 11.8 * perWord - 15.59,
    gunningFog: 0.4 * (perSentence + (100 * polysyllables) / words),
    automatedReadability,
    colemanLiau: letters === 0 ? 0 : (5.8 * letters) / words - (29.6 * sentences) / words - 15.8,
    smog,
    lix: perSentence + (100 * longWords) / words,
  };
}

/**
 * How a text is written, whatever it is about: length, sentences, capitals, punctuation, emoji, pronouns, variety of words
 * and, for English, readability. Serves beside features of the content, and where those would give a person away.
 *
 * Output: Dense, rows x 28 ("en") or 17 ("zh"); `names` says which. Counts are numbers of times; columns that end in `Share`
 * are 0 to 1: capitals of the letters, digits of the characters, the rest of the words. `wordVariety` is different words /
 * words. Counts grow with the text, so scale them. A missing text is a zero row with `present` 0, an empty one zeros.
 * Rejects anything but strings and null (`invalid-input`). The fit learns nothing.
 * Cost: linear, some 2 MB of text a second.
 * Source: counts and formulas of textstat 0.7.13, but for syllables, which come from rules instead of a dictionary, and
 * for Gunning's complex words, from which textstat leaves out a list of easy ones: see `readability`.
 *
 * @example
 * const fitted = await textStyle().fit([]);
 * const { data } = await fitted.transform(["I LOVE it!!! My sister wants one too 😀"]);
 * const value = (name: string) => data[fitted.names!.indexOf(name)];
 * console.log(value("words"), value("exclamationMarks"), value("emoji"), value("capitalWordShare")); // 8 3 1 0.125
 */
export function textStyle(params: TextStyleParams = {}): Extractor<string, Dense> {
  const { language = "en", tokenizer = null, ...others } = params;
  for (const [name, value] of Object.entries(others))
    checkParam(type, name, value, false, "no such param; there are language, tokenizer");
  checkParam(type, "language", language, language === "en" || language === "zh", '"en" or "zh"');
  if (tokenizer !== null) checkTokenizer(type, tokenizer);
  const recipe = { type, params: { language, tokenizer: tokenizer && tokenizerRecipe(tokenizer) } };
  const isEnglish = language === "en";
  const measure = (text: string): Record<string, number> =>
    isEnglish ? english(text, tokenizer) : chinese(text, tokenizer);
  const names = Object.keys(measure(""));

  const fitted: FittedExtractor<string, Dense> = {
    cols: names.length,
    names,
    async transform(inputs, options) {
      checkInputs(inputs, type);
      const out = dense(inputs.length, names.length);
      for await (const { items, first } of batches(inputs, options, type))
        for (const [offset, text] of items.entries()) {
          const row = first + offset;
          if (text === null) out.present[row] = 0;
          else if (typeof text !== "string") rejectInput(type, row, text, "a string or null");
          else out.data.set(Object.values(measure(text)), row * names.length);
        }
      return out;
    },
    save: async () => ({ ...recipe, version: 1, state: null }),
  };

  return {
    ...recipe,
    async fit(inputs, options) {
      options?.signal?.throwIfAborted();
      checkInputs(inputs, type);
      return fitted;
    },
    async load(saved) {
      checkSaved(saved, recipe, 1);
      return fitted;
    },
  };
}

function english(text: string, tokenizer: Tokenizer | null): Record<string, number> {
  const words = tokenizer ? tokenizer.tokenize(text) : wordsOf(text);
  const counts = readabilityCounts(text, words);
  return {
    ...common(text, words, counts.sentences, counts.letters),
    capitalLetterShare: share(occurrences(text, /\p{Lu}/gu), occurrences(text, /\p{L}/gu)),
    capitalWordShare: share(
      words.filter((word) => /\p{Lu}.*\p{Lu}/u.test(word) && !/\p{Ll}/u.test(word)).length,
      words.length,
    ),
    longWordShare: share(counts.longWords, words.length),
    ...pronouns(words, englishPronouns),
    syllablesPerWord: share(counts.syllables, words.length),
    polysyllableShare: share(counts.polysyllables, words.length),
    ...readability(counts),
  };
}

/** What textstat counts. Words are its own unless others are given. */
export function readabilityCounts(text: string, words: readonly string[] = wordsOf(text)): ReadabilityCounts {
  const solid = text.replace(spaceRuns(), "");
  const bySyllables = words.map(syllables);
  return {
    characters: codePoints(solid),
    letters: codePoints(solid.replace(punctuation(), "")),
    words: words.length,
    chunks: split(text).length,
    sentences: sentencesOf(text),
    longWords: words.filter((word) => codePoints(word.replace(punctuation(), "")) > 6).length,
    syllables: bySyllables.reduce((sum, count) => sum + count, 0),
    polysyllables: bySyllables.filter((count) => count >= 3).length,
  };
}

function chinese(text: string, tokenizer: Tokenizer | null): Record<string, number> {
  const words = tokenizer
    ? tokenizer.tokenize(text)
    : (text.match(/\p{sc=Han}|(?:(?!\p{sc=Han})[\p{L}\p{M}\p{N}])+/gu) ?? []);
  const letters = occurrences(text, /[\p{L}\p{N}]/gu);
  const sentences = text.split(/[。！？!?…\n\r]+|\.+(?=\s|$)/u).filter((piece) => /[\p{L}\p{N}]/u.test(piece)).length;
  return {
    ...common(text, words, sentences, letters),
    chineseShare: share(occurrences(text, /\p{sc=Han}/gu), letters),
    // Counted in the text, as a segmenter may join them to other words.
    ...Object.fromEntries(
      Object.entries(chinesePronouns).map(([name, pattern]) => [name, share(occurrences(text, pattern), words.length)]),
    ),
  };
}

function common(text: string, words: readonly string[], sentences: number, letters: number): Record<string, number> {
  const characters = codePoints(text.replace(spaceRuns(), ""));
  return {
    characters,
    words: words.length,
    sentences,
    wordLength: share(letters, words.length),
    sentenceLength: share(words.length, sentences),
    wordVariety: share(new Set(words.map((word) => word.toLowerCase())).size, words.length),
    digitShare: share(occurrences(text, /\p{Nd}/gu), characters),
    punctuation: occurrences(text, /\p{P}/gu),
    exclamationMarks: occurrences(text, /[!！]/g),
    questionMarks: occurrences(text, /[?？]/g),
    ellipses: occurrences(text, /\.{3,}|…+|。{2,}/g),
    emoji: occurrences(text, emoji()),
    lines: text === "" ? 0 : text.split(/\r\n?|\n/).length,
  };
}

const englishPronouns = {
  firstPersonShare: "i me my mine myself we us our ours ourselves",
  secondPersonShare: "you your yours yourself yourselves",
  thirdPersonShare: "he him his himself she her hers herself it its itself they them their theirs themselves",
};
const chinesePronouns = {
  firstPersonShare: /[我咱俺]/g,
  secondPersonShare: /[你您妳]/g,
  thirdPersonShare: /[他她它]/g,
};

function pronouns(words: readonly string[], lists: Readonly<Record<string, string>>): Record<string, number> {
  // "I'm" and "they've" begin with one.
  const plain = words.map((word) => word.toLowerCase().replace(/['’].*$/u, ""));
  return Object.fromEntries(
    Object.entries(lists).map(([name, list]) => {
      const wanted = new Set(list.split(" "));
      return [name, share(plain.filter((word) => wanted.has(word)).length, words.length)];
    }),
  );
}

const word = "\\p{L}\\p{N}_";
const spaceRuns = lazy(() => new RegExp(`[${spaces}]+`, "gu"));
// Python's [^\w\s], and the same with apostrophes that do not stand before "t", "s", "d", "ve", "ll" or "re".
const punctuation = lazy(() => new RegExp(`[^${word}${spaces}]`, "gu"));
const punctuationInWords = lazy(() => new RegExp(`(?!'(?:[tsd]|ve|ll|re))[^${word}${spaces}]`, "gu"));
const emoji = lazy(
  () =>
    /\p{RI}\p{RI}|[0-9#*]\ufe0f?\u20e3|(?![©®™])\p{ExtPict}[\ufe0e\ufe0f]?\p{EMod}?[\u{e0020}-\u{e007f}]*(?:\u200d\p{ExtPict}\ufe0f?\p{EMod}?)*/gu,
);

function split(text: string): string[] {
  return text.split(spaceRuns()).filter((piece) => piece !== "");
}

/** textstat's words: what white space parts, without punctuation; the apostrophe of "don't" stays. */
function wordsOf(text: string): string[] {
  return split(text.replace(punctuationInWords(), ""));
}

/** textstat's sentences: they end with . ! or ?, and those of one or two words count for nothing. At least one. */
function sentencesOf(text: string): number {
  if (text === "") return 0;
  let count = 0;
  for (const piece of text.match(/[^.!?]+/g) ?? []) {
    // It begins at the edge of a word, and so at the first word character, or the first that is none after one.
    const from = piece.search(wordCharacter());
    if (from >= 0 && wordsOf(piece.slice(from)).length > 2) count++;
  }
  return Math.max(1, count);
}
const wordCharacter = lazy(() => new RegExp(`[${word}]`, "u"));

function occurrences(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0;
}

function codePoints(text: string): number {
  let count = text.length;
  for (let i = 0; i < text.length - 1; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0xd800 && unit < 0xdc00 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) count--;
  }
  return count;
}

function share(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}
