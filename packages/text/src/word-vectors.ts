import {
  checkParam,
  checkSaved,
  type Fitted,
  MmubError,
  type Part,
  type Saved,
  savedArray,
  show,
  type TypedArray,
} from "@mmub/core";

const type = "@mmub/text/word-vectors";

/** A word, or a vector; with a number, how much it counts. */
export type WordQuery = string | Float32Array | readonly [of: string | Float32Array, weight: number];

export interface MostSimilarOptions {
  /** What is taken away: `mostSimilar(["king", "woman"], { negative: ["man"] })`. @default [] */
  readonly negative?: readonly WordQuery[];
  /** How many words to give. @default 10 */
  readonly topN?: number;
  /** Look among the first so many words only, the frequent ones in most tables. @default all */
  readonly restrictVocab?: number;
}

export interface SimilarWord {
  readonly word: string;
  /** The cosine, from -1 to 1. */
  readonly similarity: number;
}

/**
 * A vector for each word of a vocabulary, in memory. An unknown word is an error (`invalid-input`); ask `has` before.
 * Saved with `saveFile`; `loadFile(path, savedWordVectors)` reads it again.
 */
export interface WordVectors extends Fitted {
  /** The words, in the order of the rows. */
  readonly words: readonly string[];
  /** Numbers of a vector. */
  readonly cols: number;
  /** words x cols, row-major. A view that others read too: not to be written to. */
  readonly table: Float32Array;
  /** How often each word was in the texts of the training. Absent where that is not known. */
  readonly counts?: Float64Array;
  has(word: string): boolean;
  /** The row of a word, -1 where there is none. */
  indexOf(word: string): number;
  /** The row of a word, a view of the table. */
  vector(word: string): Float32Array;
  /** The cosine of two words. 0 where a vector is all zeros. */
  similarity(a: string, b: string): number;
  /**
   * The words whose vectors have the greatest cosine with the mean of the given ones, each scaled to length 1 (a vector of
   * yours is taken as it is), those taken away with their sign turned: 3CosAdd. The words of the query are left out.
   * Numbers and order are those of gensim's `most_similar`. Cost: one pass over the table.
   */
  mostSimilar(positive: WordQuery | readonly WordQuery[], options?: MostSimilarOptions): SimilarWord[];
  /** The word least like the mean of all: gensim's `doesnt_match`. */
  doesntMatch(words: readonly string[]): string;
}

export interface WordVectorsParams {
  /** Each word once. */
  readonly words: readonly string[];
  /** words x cols, row-major, every value finite. Taken as it is, not copied. */
  readonly table: Float32Array;
  readonly counts?: Float64Array;
}

/**
 * Word vectors of a table that you have. Rejects a table whose length is no multiple of the number of words, a value that is
 * not finite, and a word that comes twice (`invalid-input`, with the position).
 *
 * @example
 * const vectors = wordVectors({ words: ["good", "great", "bad"], table: Float32Array.of(1, 0.2, 0.9, 0.3, -1, 0.1) });
 * console.log(vectors.mostSimilar("good", { topN: 1 })); // [ { word: 'great', similarity: 0.99... } ]
 */
export function wordVectors({ words, table, counts }: WordVectorsParams): WordVectors {
  const rows = words.length;
  const cols = rows > 0 ? table.length / rows : 0;
  const fail = (message: string, index?: number): never => {
    throw new MmubError("invalid-input", { part: type, message, ...(index !== undefined && { index }) });
  };
  if (rows === 0 || !Number.isInteger(cols) || cols === 0)
    fail(`the table has ${table.length} values for ${rows} words, want the same number for each, one or more`);
  if (counts && counts.length !== rows) fail(`${counts.length} counts for ${rows} words, want one for each`);
  const bad = firstNotFinite(table);
  if (bad >= 0)
    fail(
      `the vector of ${show(words[Math.floor(bad / cols)])} holds ${table[bad]}, want finite numbers`,
      (bad / cols) | 0,
    );
  const rowOf = new Map<string, number>();
  for (const [row, word] of words.entries()) {
    if (typeof word !== "string") fail(`word ${row} is ${show(word)}, want a string`, row);
    if (rowOf.has(word)) fail(`word ${row}, ${show(word)}, is word ${rowOf.get(word)} too, want each once`, row);
    rowOf.set(word, row);
  }
  let lengths: Float64Array | undefined;

  const indexOf = (word: string): number => rowOf.get(word) ?? -1;
  const known = (word: string): number => {
    const row = indexOf(word);
    if (row < 0)
      throw new MmubError("invalid-input", {
        part: type,
        message: `${show(word)} is not among the ${rows} words; ask has() first`,
        word,
      });
    return row;
  };
  const at = (row: number): Float32Array => table.subarray(row * cols, (row + 1) * cols);
  const lengthsOf = (): Float64Array => {
    lengths ??= Float64Array.from({ length: rows }, (_, row) => Math.sqrt(dot(at(row), at(row))));
    return lengths;
  };
  const cosine = (a: number, b: number): number => {
    const length = lengthsOf()[a]! * lengthsOf()[b]!;
    return length > 0 ? dot(at(a), at(b)) / length : 0;
  };
  /** The mean of what is asked for, and the rows that it names. */
  const meanOf = (queries: readonly (readonly [WordQuery, sign: number])[]) => {
    const mean = new Float64Array(cols);
    const rows: number[] = [];
    for (const [query, sign] of queries) {
      const [of, weight] = Array.isArray(query) ? (query as [string | Float32Array, number]) : [query, 1];
      let vector: Float32Array;
      let scale = sign * weight;
      if (typeof of === "string") {
        const row = known(of);
        rows.push(row);
        vector = at(row);
        scale /= lengthsOf()[row]! || 1;
      } else {
        vector = of as Float32Array;
        if (!(vector instanceof Float32Array) || vector.length !== cols || !Number.isFinite(scale))
          fail(
            `the query holds ${show(of)} and weight ${weight}, want words or vectors of ${cols}, and finite weights`,
          );
      }
      for (let i = 0; i < cols; i++) mean[i]! += scale * vector[i]!;
    }
    return { mean, rows };
  };

  return {
    words,
    cols,
    table,
    ...(counts && { counts }),
    has: (word) => rowOf.has(word),
    indexOf,
    vector: (word) => at(known(word)),
    similarity: (a, b) => cosine(known(a), known(b)),

    mostSimilar(positive, { negative = [], topN = 10, restrictVocab = rows } = {}) {
      checkParam(type, "topN", topN, Number.isInteger(topN) && topN > 0, "a whole number, one or more");
      const isCount = Number.isInteger(restrictVocab) && restrictVocab > 0;
      checkParam(type, "restrictVocab", restrictVocab, isCount, "a whole number, one or more");
      const isOne = typeof positive === "string" || positive instanceof Float32Array || typeof positive[1] === "number";
      const wanted = (isOne ? [positive] : positive) as readonly WordQuery[];
      if (wanted.length + negative.length === 0) fail("the query is empty, want at least one word or vector");
      const queries = [...wanted.map((query) => [query, 1] as const), ...negative.map((query) => [query, -1] as const)];
      const { mean, rows: own } = meanOf(queries);
      const length = Math.sqrt(dot(mean, mean)) || 1;
      const skipped = new Set(own);
      const all = lengthsOf();
      const best: { row: number; similarity: number }[] = [];
      for (let row = 0; row < Math.min(rows, restrictVocab); row++) {
        let sum = 0;
        for (let i = 0, from = row * cols; i < cols; i++) sum += table[from + i]! * mean[i]!;
        const similarity = all[row]! > 0 ? sum / (all[row]! * length) : 0;
        if (best.length === topN && similarity <= best[topN - 1]!.similarity) continue;
        if (skipped.has(row)) continue;
        const place = best.findIndex((other) => other.similarity < similarity);
        best.splice(place < 0 ? best.length : place, 0, { row, similarity });
        if (best.length > topN) best.pop();
      }
      return best.map(({ row, similarity }) => ({ word: words[row]!, similarity }));
    },

    doesntMatch(list) {
      if (list.length === 0) fail("the list is empty, want at least one word");
      const { mean } = meanOf(list.map((word) => [word, 1] as const));
      const fit = list.map((word) => dot(at(known(word)), mean) / (lengthsOf()[known(word)]! || 1));
      return list[fit.indexOf(Math.min(...fit))]!;
    },

    save: async (): Promise<Saved> => ({
      type,
      version: 1,
      params: null,
      state: { cols },
      arrays: { words: new TextEncoder().encode(JSON.stringify(words)), table, ...(counts && { counts }) } satisfies {
        [name: string]: TypedArray;
      },
    }),
  };
}

/**
 * Loads what `WordVectors` saved, however they were made.
 *
 * @example
 * const vectors = wordVectors({ words: ["a", "b"], table: Float32Array.of(1, 2, 3, 4) });
 * const again = await savedWordVectors.load(await vectors.save()); // of a file: loadFile("words.mmub", savedWordVectors)
 * console.log(again.vector("b")); // 3, 4
 */
export const savedWordVectors: Part<WordVectors> = {
  type,
  params: null,
  async load(saved) {
    checkSaved(saved, savedWordVectors, 1);
    const words = JSON.parse(new TextDecoder().decode(savedArray(saved, "words", Uint8Array))) as string[];
    const { cols } = saved.state as { readonly cols: number };
    const table = savedArray(saved, "table", Float32Array, words.length * cols);
    const counts = saved.arrays?.counts && savedArray(saved, "counts", Float64Array, words.length);
    return wordVectors({ words, table, ...(counts && { counts }) });
  },
};

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function firstNotFinite(values: Float32Array): number {
  for (let i = 0; i < values.length; i++) if (values[i]! - values[i]! !== 0) return i;
  return -1;
}
