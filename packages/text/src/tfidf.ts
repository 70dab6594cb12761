import {
  batches,
  checkParam,
  checkSaved,
  type Extractor,
  type FitOptions,
  type FittedExtractor,
  type Inputs,
  MmubError,
  rejectInput,
  type Saved,
  type Sparse,
  savedArray,
  show,
  sparse,
} from "@mmub/core";
import { characters } from "./characters.js";
import { ngrams, unigrams } from "./ngrams.js";
import { patterns } from "./patterns.js";
import { grown, type Reader } from "./reader.js";
import { englishStopWords } from "./stop-words.js";
import { tokenRegExp } from "./token-pattern.js";
import { words } from "./words.js";

const type = "@mmub/text/tfidf";

export interface TfidfParams {
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
   * What a word is: the source of a JavaScript regular expression in which `\w \d \s \b` and their opposites mean all
   * scripts, as in Python. Its capturing group, if there is one, is the word.
   * @default "(?u)\\b\\w\\w+\\b", two or more letters, numbers or underscores
   */
  readonly tokenPattern?: string;
  /** Words left out before n-grams are built: scikit-learn's English list or your own. @default null */
  readonly stopWords?: "english" | readonly string[] | null;
  /** The least and the greatest length of an n-gram, in words or characters. @default [1, 1] */
  readonly ngramRange?: readonly [number, number];
  /** Leave out terms in fewer texts: a count from 1 on, or a share of the texts below 1. @default 1 */
  readonly minDf?: number;
  /**
   * Leave out terms in more texts: a count from 2 on, or a share of the texts up to 1. So 1 is all of the texts, which is
   * scikit-learn's default of 1.0.
   * @default 1
   */
  readonly maxDf?: number;
  /**
   * Keep this many terms, those that occur most often over all texts; of equals, those that sort first.
   * @default null
   */
  readonly maxFeatures?: number | null;
  /** The terms to count, in the order of the columns, instead of those of the texts. @default null */
  readonly vocabulary?: readonly string[] | null;
  /** Count a term at most once a text. @default false */
  readonly binary?: boolean;
  /** Replace a count by 1 + ln(count). @default false */
  readonly sublinearTf?: boolean;
  /** Divide a count by the number of terms of the text, in the vocabulary or not. @default false */
  readonly relativeTf?: boolean;
  /** Multiply by the inverse document frequency. @default true */
  readonly useIdf?: boolean;
  /** Compute it as ln((1 + texts) / (1 + df)), else as ln(texts / df). @default true */
  readonly smoothIdf?: boolean;
  /** Added to the logarithm. With 0 a term of every text weighs nothing, as in the textbook formula. @default 1 */
  readonly idfOffset?: number;
  /** Scale each row to a sum of squares ("l2") or a sum ("l1") of 1. @default "l2" */
  readonly norm?: "l1" | "l2" | null;
}

/**
 * TF-IDF: how often each term of a vocabulary is in a text, weighted by how few texts have it. The options, the defaults,
 * the vocabulary and the numbers are those of scikit-learn's TfidfVectorizer.
 *
 * Output: Sparse, rows x terms, columns in code point order of the terms, values >= 0. With the defaults value =
 * count * (ln((1 + texts) / (1 + df)) + 1), each row then scaled to length 1. A missing text is an empty row with
 * `present` 0 and does not count in the fit; a text without a known term is an empty row that is present.
 * Rejects anything but strings and null, a fit that leaves no term, and a fixed term that no text has where `smoothIdf`
 * is false, its weight being infinite (`invalid-input`).
 * Cost: one pass over the text, in `fit` and in `transform`; memory grows with the vocabulary before `minDf` and `maxDf`
 * thin it. A `tokenPattern` other than the default and `\b\w+\b` takes a slower path.
 * Source: scikit-learn 1.9, `sklearn/feature_extraction/text.py`. The form in which tf is a share and idf = ln(texts / df)
 * (Salton & Buckley 1988) is `{ relativeTf: true, smoothIdf: false, idfOffset: 0, norm: null }`.
 *
 * @example
 * const fitted = await tfidf({ ngramRange: [1, 2] }).fit(["good price", "good service", "bad service"]);
 * console.log(fitted.names); // bad, bad service, good, good price, good service, price, service
 * const { columns, values } = await fitted.transform(["good good price"]); // columns 2, 3 and 5
 */
export function tfidf(params: TfidfParams = {}): Extractor<string, Sparse> {
  const recipe = { type, params: checked(params) };
  const { vocabulary, useIdf, smoothIdf, idfOffset } = recipe.params;
  const makeReader = readerOf(recipe.params);

  return {
    ...recipe,
    async fit(inputs, options) {
      const reader = makeReader();
      const fixed = vocabulary?.map(reader.add);
      const counts = await countTexts(reader, fixed === undefined, inputs, options);
      const ids = fixed ?? select(reader, counts, recipe.params);
      const terms = vocabulary ?? reader.terms(ids);
      const df = Uint32Array.from(ids, (id) => counts.df[id] ?? 0);
      const idf = useIdf ? inverse(df, counts.texts, terms) : null;
      // Where most of what was read fell out, a reader of the kept terms alone is smaller and faster.
      return ids.length * 2 < reader.size ? fitted(terms, idf) : fitted(terms, idf, reader, ids);
    },
    async load(saved) {
      checkSaved(saved, recipe, 1);
      const terms = vocabulary ?? savedTerms(saved);
      return fitted(terms, useIdf ? savedArray(saved, "idf", Float64Array, terms.length).slice() : null);
    },
  };

  function inverse(df: Uint32Array, texts: number, terms: readonly string[]): Float64Array {
    if (texts === 0)
      throw new MmubError("invalid-input", {
        part: type,
        message: "no text was given, so no term has a frequency; give at least one, or set useIdf to false",
      });
    const never = smoothIdf ? -1 : df.indexOf(0);
    if (never >= 0)
      throw new MmubError("invalid-input", {
        part: type,
        message: `no text has the term ${show(terms[never])} of the vocabulary, so its weight is infinite; leave it out, or set smoothIdf to true`,
        term: terms[never],
      });
    const extra = smoothIdf ? 1 : 0;
    return Float64Array.from(df, (n) => Math.log((texts + extra) / (n + extra)) + idfOffset);
  }

  function fitted(
    names: readonly string[],
    idf: Float64Array | null,
    reader = makeReader(),
    ids: ArrayLike<number> = names.map(reader.add),
  ): FittedExtractor<string, Sparse> {
    const cols = names.length;
    const columnOf = new Int32Array(reader.size).fill(-1);
    for (let column = 0; column < cols; column++) columnOf[ids[column]!] = column;
    const weigh = weigher(recipe.params, idf);
    // How often the text at work has each term: all zero between texts.
    const tf = new Uint32Array(cols);

    return {
      cols,
      names,
      async transform(inputs, options) {
        checkArray(inputs);
        const offsets = new Uint32Array(inputs.length + 1);
        const present = new Uint8Array(inputs.length);
        let columns = new Uint32Array(64 + inputs.length * 16);
        let values = new Float32Array(columns.length);
        let end = 0;
        for await (const { items, first } of batches(inputs, options, type))
          for (let i = 0; i < items.length; i++) {
            const row = first + i;
            const start = end;
            const text = items[i];
            if (text !== null) {
              if (typeof text !== "string") rejectInput(type, row, text, "a string or null");
              const length = reader.read(text, false);
              const { ids } = reader;
              if (end + length > columns.length) {
                columns = grown(columns, 2 * (end + length));
                values = grown(values, columns.length);
              }
              for (let k = 0; k < length; k++) {
                const column = ids[k]! < 0 ? -1 : columnOf[ids[k]!]!;
                if (column >= 0 && tf[column]!++ === 0) columns[end++] = column;
              }
              columns.subarray(start, end).sort();
              weigh(columns, values, start, end, tf, length);
              present[row] = 1;
            }
            offsets[row + 1] = end;
          }
        return { ...sparse(cols, offsets, columns.slice(0, end), values.slice(0, end)), present };
      },
      save: async () => ({
        ...recipe,
        version: 1,
        state: null,
        arrays: {
          // JSON keeps every string, halves of a character too, which UTF-8 alone does not.
          ...(!vocabulary && { terms: new TextEncoder().encode(JSON.stringify(names)) }),
          ...(idf && { idf: idf.slice() }),
        },
      }),
    };
  }
}

type CheckedParams = { readonly [K in keyof TfidfParams]-?: Exclude<TfidfParams[K], undefined> };

const defaults: CheckedParams = {
  lowercase: true,
  stripAccents: null,
  analyzer: "word",
  tokenPattern: "(?u)\\b\\w\\w+\\b",
  stopWords: null,
  ngramRange: [1, 1],
  minDf: 1,
  maxDf: 1,
  maxFeatures: null,
  vocabulary: null,
  binary: false,
  sublinearTf: false,
  relativeTf: false,
  useIdf: true,
  smoothIdf: true,
  idfOffset: 1,
  norm: "l2",
};

function checked(given: TfidfParams): CheckedParams {
  const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  for (const name of Object.keys(set))
    checkParam(
      type,
      name,
      set[name],
      Object.hasOwn(defaults, name),
      `no such param; there are ${Object.keys(defaults).join(", ")}`,
    );
  const params: CheckedParams = { ...defaults, ...set };
  const { analyzer, tokenPattern, stopWords, ngramRange, minDf, maxDf, maxFeatures, vocabulary } = params;
  const check = (name: keyof TfidfParams, ok: boolean, want: string): void =>
    checkParam(type, name, params[name], ok, want);

  for (const name of ["lowercase", "binary", "sublinearTf", "relativeTf", "useIdf", "smoothIdf"] as const)
    check(name, typeof params[name] === "boolean", "true or false");
  check("stripAccents", [null, "ascii", "unicode"].includes(params.stripAccents), '"ascii", "unicode" or null');
  check("analyzer", ["word", "char", "char_wb"].includes(analyzer), '"word", "char" or "char_wb"');
  check("tokenPattern", typeof tokenPattern === "string", "the source of a regular expression");
  const isStopWords = stopWords === null || stopWords === "english" || areStrings(stopWords);
  check("stopWords", isStopWords, '"english", an array of words or null');
  const isRange = Array.isArray(ngramRange) && ngramRange.length === 2 && ngramRange.every(isCount);
  check("ngramRange", isRange && ngramRange[0] <= ngramRange[1], "[least, greatest], whole numbers from 1 on");
  check("minDf", isCount(minDf) || isWithin(minDf, 0, 1), "a whole number from 1 on, or a share from 0 to below 1");
  check(
    "maxDf",
    isCount(maxDf) || (isWithin(maxDf, 0, 1) && maxDf > 0),
    "a whole number from 2 on, or a share up to 1",
  );
  check("maxFeatures", maxFeatures === null || isCount(maxFeatures), "a whole number from 1 on or null");
  check("idfOffset", isWithin(params.idfOffset, 0, Number.MAX_VALUE), "a finite number from 0 on");
  check("norm", [null, "l1", "l2"].includes(params.norm), '"l1", "l2" or null');

  // What would have no effect is more likely a mistake.
  if (analyzer !== "word") {
    check("stopWords", stopWords === null, `null, as the analyzer "${analyzer}" has no words`);
    check("tokenPattern", tokenPattern === defaults.tokenPattern, `none, as the analyzer "${analyzer}" has no words`);
  }
  if (vocabulary !== null) {
    check("vocabulary", areStrings(vocabulary) && vocabulary.length > 0, "an array of at least one term or null");
    const isRepeated = new Set(vocabulary).size < vocabulary.length;
    const repeated = isRepeated && vocabulary.find((term, i) => vocabulary.indexOf(term) < i);
    check("vocabulary", !isRepeated, `every term once; ${show(repeated)} is there twice`);
    for (const name of ["minDf", "maxDf", "maxFeatures"] as const)
      check(name, params[name] === defaults[name], `none, as a given vocabulary is kept whole`);
  }
  check("sublinearTf", !(params.sublinearTf && params.relativeTf), "false where relativeTf is true");
  return {
    ...params,
    stopWords: Array.isArray(stopWords) ? [...stopWords] : stopWords,
    ngramRange: [ngramRange[0], ngramRange[1]],
    vocabulary: vocabulary && [...vocabulary],
  };
}

function isCount(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 1;
}

function isWithin(value: unknown, from: number, to: number): boolean {
  return typeof value === "number" && value >= from && value <= to;
}

function areStrings(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

// What the faster reader of words does, with the length of the shortest word.
const wordLengths = new Map([
  ["\\b\\w\\w+\\b", 2],
  ["\\b\\w+\\b", 1],
]);

function readerOf(params: CheckedParams): () => Reader {
  const { analyzer, lowercase, stripAccents, tokenPattern, ngramRange } = params;
  if (analyzer !== "word")
    return () => {
      const withinWords = analyzer === "char_wb";
      return ngrams(characters({ lowercase, stripAccents, withinWords }), ngramRange, withinWords);
    };
  const stopWords = params.stopWords === "english" ? englishStopWords : (params.stopWords ?? []);
  const minLength = wordLengths.get(tokenPattern.replace("(?u)", ""));
  if (minLength !== undefined)
    return () => {
      const tokens = words({ lowercase, stripAccents, minLength, stopWords });
      return ngramRange[1] === 1 ? unigrams(tokens) : ngrams(tokens, ngramRange, false);
    };
  const compiled = tokenRegExp(tokenPattern, type);
  return () => patterns({ lowercase, stripAccents, tokenPattern: compiled, stopWords, ngramRange });
}

interface Counts {
  texts: number;
  /** By id: in how many texts it is, and how often in all. */
  df: Uint32Array;
  tf: Float64Array;
}

async function countTexts(
  reader: Reader,
  learn: boolean,
  inputs: Inputs<string | null>,
  options: FitOptions | undefined,
): Promise<Counts> {
  let texts = 0;
  let df = new Uint32Array(1 << 10);
  let tf = new Float64Array(1 << 10);
  // The last text that had the term, counted from 1.
  let last = new Uint32Array(1 << 10);
  for await (const { items, first } of batches(inputs, options, type))
    for (let i = 0; i < items.length; i++) {
      const text = items[i];
      if (text === null) continue;
      if (typeof text !== "string") rejectInput(type, first + i, text, "a string or null");
      const length = reader.read(text, learn);
      const { ids, size } = reader;
      if (size > df.length) {
        df = grown(df, size * 2);
        tf = grown(tf, size * 2);
        last = grown(last, size * 2);
      }
      texts++;
      for (let k = 0; k < length; k++) {
        const id = ids[k]!;
        if (id < 0) continue;
        tf[id]!++;
        if (last[id] !== texts) {
          last[id] = texts;
          df[id]!++;
        }
      }
    }
  return { texts, df, tf };
}

/** The ids to keep, in the order of their columns. */
function select(reader: Reader, { texts, df, tf }: Counts, params: CheckedParams): Int32Array {
  const { minDf, maxDf, maxFeatures, binary } = params;
  const refuse = (message: string): MmubError => new MmubError("invalid-input", { part: type, message, texts });
  if (texts === 0)
    throw refuse("no text was given, so there are no terms; give at least one, or set the param vocabulary");
  const found = reader.inOrder().filter((id) => df[id]! > 0);
  if (found.length === 0)
    throw refuse(
      `none of ${texts} texts has a term; see tokenPattern, stopWords and ngramRange for what is one (analyzer "char" takes any script)`,
    );
  const least = minDf < 1 ? minDf * texts : minDf;
  const most = maxDf <= 1 ? maxDf * texts : maxDf;
  const kept = found.filter((id) => df[id]! >= least && df[id]! <= most);
  if (kept.length === 0)
    throw refuse(
      `none of ${found.length} terms is in at least ${least} and at most ${most} of ${texts} texts; lower minDf (${minDf}) or raise maxDf (${maxDf})`,
    );
  if (maxFeatures === null || kept.length <= maxFeatures) return kept;
  const times = binary ? df : tf;
  return Int32Array.from(kept.keys())
    .sort((a, b) => times[kept[b]!]! - times[kept[a]!]! || a - b)
    .subarray(0, maxFeatures)
    .sort()
    .map((place) => kept[place]!);
}

type Weigh = (
  columns: Uint32Array,
  values: Float32Array,
  start: number,
  end: number,
  tf: Uint32Array,
  length: number,
) => void;

/** Writes the values of one row, and sets the counts that it was made of back to zero. */
function weigher({ binary, sublinearTf, relativeTf, norm }: CheckedParams, idf: Float64Array | null): Weigh {
  let weights = new Float64Array(1 << 10);
  return (columns, values, start, end, counts, length) => {
    if (end - start > weights.length) weights = new Float64Array(2 * (end - start));
    let sum = 0;
    for (let k = start; k < end; k++) {
      const column = columns[k]!;
      const count = binary ? 1 : counts[column]!;
      counts[column] = 0;
      const tf = sublinearTf ? 1 + Math.log(count) : relativeTf ? count / length : count;
      const weight = idf ? tf * idf[column]! : tf;
      weights[k - start] = weight;
      sum += norm === "l2" ? weight * weight : weight;
    }
    const scale = norm === null || sum === 0 ? 1 : 1 / (norm === "l2" ? Math.sqrt(sum) : sum);
    for (let k = start; k < end; k++) values[k] = weights[k - start]! * scale;
  };
}

function checkArray(inputs: unknown): void {
  if (!Array.isArray(inputs))
    throw new MmubError("invalid-input", {
      part: type,
      message: `inputs are ${show(inputs)}, want an array of strings`,
    });
}

function savedTerms(saved: Saved): string[] {
  const json = new TextDecoder().decode(savedArray(saved, "terms", Uint8Array));
  try {
    const terms: unknown = JSON.parse(json);
    if (areStrings(terms)) return terms as string[];
  } catch {}
  throw new MmubError("saved-mismatch", {
    part: type,
    message: `array "terms" is ${show(json)}, want a list of strings as JSON; save the fitted part anew`,
  });
}
