// What the kernels of word vectors take, checked: on this thread and for other ones.
import { checkParam, MmubError } from "@mmub/core";

const part = "@mmub/kernels";
const { fround: f } = Math;

/** How words are drawn, a number each: bits of an unsigned one in `keep` and `threshold`. */
export interface WordSampling {
  /** Subsampling: a word of the text is read if 32 random bits are at most this; -1 keeps every one. */
  readonly keep: Int32Array;
  /** Negatives, by the alias method: a cell is drawn evenly, and is the word drawn if 32 random bits are at most this, */
  readonly threshold: Int32Array;
  /** or else this word is. */
  readonly alias: Int32Array;
}

export interface SkipGramOptions {
  /** Numbers of a row, a multiple of 4. */
  readonly width: number;
  /** Words before and after the middle one, at most. */
  readonly window: number;
  /** Draw each window from 1 to `window`, so that near words count more. @default true */
  readonly shrinkWindow?: boolean;
  /** Wrong words drawn for each word in the middle; one that is right is left out. */
  readonly negatives: number;
  readonly learningRate: number;
  /** Of the random numbers: the same key draws the same. */
  readonly key: readonly number[];
  /** Room for a sentence: 2 x width + 2 x (negatives + 1) + its words. A longer one is cut there. */
  readonly scratch: Int32Array;
}

export interface CbowOptions extends SkipGramOptions {
  /** The mean of the window, else its sum. @default true */
  readonly mean?: boolean;
}

/** Pairs of words, in the order of the steps. */
export interface GloveEntries {
  readonly rows: Int32Array;
  readonly columns: Int32Array;
  /** The logarithm of the count. */
  readonly logs: Float32Array;
  /** How much the entry weighs. */
  readonly weights: Float32Array;
}

export interface GloveOptions {
  /** Numbers of a row, a multiple of 4; the last four are the bias and three that stay as they are. */
  readonly width: number;
  readonly learningRate: number;
}

/** A table of words, and the sums of its squared gradients in the same places: ones before the first step. */
export interface GloveTable {
  readonly values: Float32Array;
  readonly squares: Float32Array;
}

export interface WordVectorKernels<Result = number> {
  /**
   * word2vec's skip-gram with negative sampling over some sentences, in place; the result is how many words the subsampling
   * left. For each word, the words around it (rows of `input`) learn to tell its row of `output` from those of negatives.
   * All words of a window share the negatives, whose rows so stay in the first cache; they differ from window to window.
   *
   * `input` and `output` are words x width. `tokens` are words, and -1 at the end of each sentence. The table of the logistic
   * function has 1024 cells between -6 and 6; beyond, nothing moves, as in gensim. A word outside the tables throws
   * `invalid-input` with its index.
   * Cost: about 1 us a word of width 100, window 5 and 5 negatives.
   * Source: Mikolov et al. (2013), Distributed representations; negatives shared as by Ji et al. (2016), Parallelizing
   * word2vec in shared and distributed memory.
   *
   * @example
   * const k = kernels({ bytes: 65536 });
   * const [words, width] = [4, 8];
   * const [input, output] = [k.float32(words * width), k.float32(words * width)];
   * k.uniform(input, [7]);
   * const tokens = k.int32(6);
   * tokens.set([0, 1, -1, 2, 3, -1]); // 0 and 1 go together, and so do 2 and 3
   * const sampling = { keep: k.int32(words).fill(-1), threshold: k.int32(words).fill(-1), alias: k.int32(words) };
   * const options = { width, window: 2, negatives: 3, learningRate: 0.1, scratch: k.int32(100) };
   * for (let epoch = 0; epoch < 100; epoch++) k.skipGram(input, output, tokens, sampling, { ...options, key: [7, epoch] });
   */
  skipGram(
    input: Float32Array,
    output: Float32Array,
    tokens: Int32Array,
    sampling: WordSampling,
    options: SkipGramOptions,
  ): Result;
  /**
   * word2vec's CBOW: the mean or the sum of the words around learns to tell the word in the middle from negatives.
   * Otherwise as `skipGram`, at less than half the cost. Source: Mikolov et al. (2013), Efficient estimation.
   */
  cbow(
    input: Float32Array,
    output: Float32Array,
    tokens: Int32Array,
    sampling: WordSampling,
    options: CbowOptions,
  ): Result;
  /**
   * A step of GloVe for each entry, in place, by AdaGrad with gradients clipped at 100; the result is the sum of
   * the weighted squared errors before each. A word outside the tables throws `invalid-input` with its
   * index.
   * Source: Pennington et al. (2014); the step is that of `glove.c`, in which the learning rate is part of the squares.
   */
  glove(input: GloveTable, output: GloveTable, entries: GloveEntries, options: GloveOptions): Result;
}

/** A kernel's name and what it takes: data, which another thread takes too. */
export type WordVectorCall =
  | readonly ["skipGram", readonly number[]]
  | readonly ["cbow", readonly number[]]
  | readonly ["glove", readonly number[]];

export type View = Float32Array | Float64Array | Int32Array | Uint8Array;

/** What the kernels of a memory check numbers by. */
export interface Checks {
  at(name: string, view: View, length?: number, shape?: string): number;
  checkRows(name: string, rows: Int32Array, count: number, skip: number, of: string): number;
  tableRows(name: string, table: Float32Array, width: number): number;
  key(key: readonly number[]): [number, number];
  /** The address of the logistic function. */
  sigmoid(): number;
  /** As `skip`: no row is skipped. */
  readonly none: number;
}

/** The calls of the kernels, checked but not made. */
export function wordVectorCalls(checks: Checks): WordVectorKernels<WordVectorCall> {
  const { at, checkRows, tableRows, none } = checks;

  const checkWidth = (width: number, least: number): void =>
    checkParam(part, "width", width, width % 4 === 0 && width >= least, `a multiple of 4 from ${least} on`);

  const checkRate = (rate: number): void =>
    checkParam(part, "learningRate", rate, Number.isFinite(rate), "a finite number");

  const overWindows = (
    input: Float32Array,
    output: Float32Array,
    tokens: Int32Array,
    { keep, threshold, alias }: WordSampling,
    { width, window, shrinkWindow = true, negatives, learningRate, key, scratch }: SkipGramOptions,
  ): number[] => {
    checkWidth(width, 4);
    checkRate(learningRate);
    for (const [name, value, least] of [
      ["window", window, 1],
      ["negatives", negatives, 0],
    ] as const) {
      const want = `a whole number from ${least} to 65535`;
      checkParam(part, name, value, Number.isInteger(value) && value >= least && value < 65536, want);
    }
    const words = tableRows("input", input, width);
    const of = `the tables have ${words} rows`;
    at("alias", alias, words);
    const room = scratch.length - 2 * width - 2 * (negatives + 1);
    if (room < 2)
      throw new MmubError("shape-mismatch", {
        part,
        message: `scratch has ${scratch.length} numbers, want 2 x width + 2 x (negatives + 1) = ${scratch.length - room} and one for each word of a sentence, two or more`,
      });
    return [
      at("input", input),
      at("output", output, input.length),
      width,
      checkRows("tokens", tokens, words, -1, of),
      tokens.length,
      words,
      at("keep", keep, words),
      at("threshold", threshold, words),
      checkRows("alias", alias, words, none, of),
      checks.sigmoid(),
      window,
      Number(shrinkWindow),
      negatives,
      f(learningRate),
      ...checks.key(key),
      at("scratch", scratch),
      room,
    ];
  };

  return {
    skipGram: (input, output, tokens, sampling, options) => [
      "skipGram",
      overWindows(input, output, tokens, sampling, options),
    ],
    cbow: (input, output, tokens, sampling, options) => [
      "cbow",
      [...overWindows(input, output, tokens, sampling, options), Number(options.mean ?? true)],
    ],
    glove(input, output, { rows, columns, logs, weights }, { width, learningRate }) {
      checkWidth(width, 8);
      checkRate(learningRate);
      const { length } = rows;
      at("columns", columns, length);
      const of = (table: Float32Array) => {
        const count = tableRows("values", table, width);
        return [count, none, `the table has ${count} rows`] as const;
      };
      return [
        "glove",
        [
          at("input.values", input.values),
          at("input.squares", input.squares, input.values.length),
          at("output.values", output.values),
          at("output.squares", output.squares, output.values.length),
          width,
          length,
          checkRows("rows", rows, ...of(input.values)),
          checkRows("columns", columns, ...of(output.values)),
          at("logs", logs, length),
          at("weights", weights, length),
          f(learningRate),
        ],
      ];
    },
  };
}
