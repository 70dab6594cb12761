import { checkParam, type FitOptions, type Inputs, type Json, MmubError, pace, progress } from "@mmub/core";
import type { Kernels } from "@mmub/kernels";
import { type Corpus, longestPiece, readCorpus } from "./corpus.js";
import { aliasTable, keepThresholds } from "./word-sampling.js";
import { type WordVectors, wordVectors } from "./word-vectors.js";

/** Trains word vectors on texts that are cut into words. */
export interface WordVectorTrainer {
  readonly type: string;
  /** Every param that the vectors depend on, the defaults filled in. */
  readonly params: Json;
  /** The vectors of the words of `sentences`, arrays of words; null is skipped. They are read once. */
  fit(sentences: Inputs<readonly string[] | null>, options?: FitOptions): Promise<WordVectors>;
}

const type = "@mmub/text/word2vec";

export interface Word2vecParams {
  /**
   * "cbow": the words around predict the word in the middle, fast. "skipGram": each of them alone does, better for rare words
   * and small corpora. @default "cbow"
   */
  readonly algorithm?: "cbow" | "skipGram";
  /** Numbers of a vector. @default 100 */
  readonly vectorSize?: number;
  /** Words to either side that count as near, at most. @default 5 */
  readonly window?: number;
  /** Draw the window of each word from 1 to `window`, so that nearer words count more. @default true */
  readonly shrinkWindows?: boolean;
  /** Leave out rarer words, as if they were not in the text. @default 5 */
  readonly minCount?: number;
  /** Keep at most so many words, the most frequent; `minCount` rises until they fit. @default null */
  readonly maxFinalVocab?: number | null;
  /** Subsampling: words with a larger share of the text are skipped at times, the more so the larger. 0 for none. @default 1e-3 */
  readonly sample?: number;
  /** Wrong words drawn for each right one. @default 5 */
  readonly negative?: number;
  /** Wrong words are drawn by frequency to this power: 1 as often as they come, 0 all alike. @default 0.75 */
  readonly nsExponent?: number;
  /** The learning rate at the start. @default 0.025 */
  readonly alpha?: number;
  /** The learning rate at the end; it falls in a line. @default 0.0001 */
  readonly minAlpha?: number;
  /** Times that the text is gone through. @default 5 */
  readonly epochs?: number;
  /** CBOW: the mean of the words around, else their sum. @default true */
  readonly cbowMean?: boolean;
  /**
   * Threads that write to one table without locks. With more than 1 a result is as good but does not repeat bit for bit. No
   * part of `params`. @default 1
   */
  readonly threads?: number;
}

/**
 * word2vec: vectors of words such that words which come among the same words are near each other. The options, their defaults
 * and the formulas are those of gensim's Word2Vec with negative sampling; there is no hierarchical softmax.
 *
 * Result: a vector for each word that comes `minCount` times or more, the frequent ones first, with counts. The same seed and
 * texts give the same bytes on every machine with one thread. Skip-gram draws negatives once a window and not once a pair,
 * which is three times as fast and as good (the benchmark compares both with gensim on banking77).
 * Rejects a sentence that is no array of strings (`invalid-input`, its index) and texts with less than two frequent words.
 * Cost: on one core some 1.0 million words a second and epoch for skip-gram and 2.3 for CBOW, of width 100; memory is
 * 8 x words x width bytes and 4 bytes for each word of the texts, which are read once.
 * Source: Mikolov et al. (2013), Efficient estimation of word representations, and Distributed representations; Ji et al.
 * (2016) for shared negatives; Niu et al. (2011) for threads without locks.
 *
 * @example
 * const sentences = Array.from({ length: 300 }, (_, i) => (i % 2 ? ["cheap", "price", "deal"] : ["slow", "late", "parcel"]));
 * const vectors = await word2vec({ vectorSize: 16, epochs: 20, sample: 0 }).fit(sentences, { seed: 7 });
 * console.log(vectors.similarity("cheap", "deal") > vectors.similarity("cheap", "late")); // true
 */
export function word2vec(given: Word2vecParams = {}): WordVectorTrainer {
  const { threads, ...params } = checked(given);
  return {
    type,
    params,
    async fit(sentences, options) {
      const corpus = await readCorpus(sentences, params, options, type);
      return train(corpus, { ...params, threads }, options);
    },
  };
}

type CheckedParams = { readonly [K in keyof Word2vecParams]-?: Exclude<Word2vecParams[K], undefined> };

const defaults: CheckedParams = {
  algorithm: "cbow",
  vectorSize: 100,
  window: 5,
  shrinkWindows: true,
  minCount: 5,
  maxFinalVocab: null,
  sample: 1e-3,
  negative: 5,
  nsExponent: 0.75,
  alpha: 0.025,
  minAlpha: 0.0001,
  epochs: 5,
  cbowMean: true,
  threads: 1,
};

function checked(given: Word2vecParams): CheckedParams {
  const params = withDefaults(type, given, defaults);
  const check = checker(type, params);
  check("algorithm", params.algorithm === "cbow" || params.algorithm === "skipGram", '"cbow" or "skipGram"');
  for (const name of ["vectorSize", "window", "minCount", "epochs", "threads", "negative"] as const)
    check(name, isCount(params[name]), "a whole number, one or more");
  check("window", params.window < 65536, "a whole number below 65536");
  check("negative", params.negative < 65536, "a whole number below 65536");
  check("maxFinalVocab", params.maxFinalVocab === null || isCount(params.maxFinalVocab), "a whole number or null");
  for (const name of ["shrinkWindows", "cbowMean"] as const)
    check(name, typeof params[name] === "boolean", "true or false");
  check("sample", params.sample >= 0 && params.sample < 1, "a share from 0 to below 1");
  check("nsExponent", Number.isFinite(params.nsExponent), "a finite number");
  check("alpha", params.alpha > 0 && Number.isFinite(params.alpha), "a number above 0");
  check("minAlpha", params.minAlpha >= 0 && params.minAlpha <= params.alpha, `a number from 0 to alpha`);
  return params;
}

async function train(corpus: Corpus, params: CheckedParams, options: FitOptions | undefined): Promise<WordVectors> {
  const { algorithm, vectorSize, window, shrinkWindows, negative, nsExponent, cbowMean, threads } = params;
  const { alpha, minAlpha, epochs } = params;
  const { seed = 0, signal } = options ?? {};
  const { words, counts, pieces, total } = corpus;
  const rows = words.length;
  const width = padded(vectorSize);
  const scratchLength = 2 * width + 2 * (negative + 1) + longestPiece;
  // Twice as many pieces at work as threads: none waits for the next.
  const lanes = threads === 1 ? 1 : 2 * threads;
  const k = await kernelsOf(
    type,
    8 * rows * width + 3 * 4 * rows + lanes * 4 * (scratchLength + longestPiece),
    5 + 2 * lanes,
    threads,
    `${rows} words x ${vectorSize}`,
  );
  const [input, output] = [k.float32(rows * width), k.float32(rows * width)];
  startTable(k, input, vectorSize, width, seed);
  const keep = k.int32(rows);
  keep.set(keepThresholds(counts, params.sample, total));
  const [threshold, alias] = [k.int32(rows), k.int32(rows)];
  aliasTable(counts, nsExponent, threshold, alias);
  const sampling = { keep, threshold, alias };

  const before = new Float64Array(pieces.length + 1);
  for (const [i, piece] of pieces.entries()) before[i + 1] = before[i]! + piece.length;
  const perEpoch = before[pieces.length]!;
  await inLanes(
    { k, threads, lanes, jobs: epochs * pieces.length, signal },
    () => ({ scratch: k.int32(scratchLength), tokens: k.int32(longestPiece) }),
    (kernels, { scratch, tokens }, job) => {
      const epoch = Math.floor(job / pieces.length);
      const at = job % pieces.length;
      const piece = pieces[at]!;
      tokens.set(piece);
      const done = (epoch * perEpoch + before[at]!) / (epochs * perEpoch);
      return kernels[algorithm](input, output, tokens.subarray(0, piece.length), sampling, {
        width,
        window,
        shrinkWindow: shrinkWindows,
        negatives: negative,
        learningRate: alpha - (alpha - minAlpha) * done,
        key: [seed, epoch, at],
        scratch,
        ...(algorithm === "cbow" && { mean: cbowMean }),
      });
    },
    progress(options, type, epochs * pieces.length),
  );
  return wordVectors({ words, table: unpadded(input, rows, vectorSize, width), counts });
}

/** Even in [-1, 1) / vectorSize, as gensim begins; zeros beyond the vector. */
function startTable(k: Kernels, table: Float32Array, vectorSize: number, width: number, seed: number): void {
  k.uniform(table, [seed, 0x5eed]);
  for (let i = 0; i < table.length; i++) table[i] = i % width < vectorSize ? (2 * table[i]! - 1) / vectorSize : 0;
}

// What training of GloVe shares.

/** Kernels read four numbers at a time; what is beyond the vector stays zero. */
export function padded(vectorSize: number): number {
  return Math.ceil(vectorSize / 4) * 4;
}

export function unpadded(table: Float32Array, rows: number, vectorSize: number, width: number): Float32Array {
  const out = new Float32Array(rows * vectorSize);
  for (let row = 0; row < rows; row++) out.set(table.subarray(row * width, row * width + vectorSize), row * vectorSize);
  return out;
}

/** Kernels with room for `bytes` in so many views. */
export async function kernelsOf(
  part: string,
  bytes: number,
  views: number,
  threads: number,
  what: string,
): Promise<Kernels> {
  const { kernels } = await import("@mmub/kernels");
  const room = bytes + 64 * views;
  if (room > 2 ** 32 - 2 ** 16)
    throw new MmubError("invalid-params", {
      part,
      message: `training ${what} takes ${(room / 2 ** 30).toFixed(1)} GiB, want less than 4; raise minCount, set maxFinalVocab, or lower vectorSize`,
      bytes: room,
    });
  return kernels({ bytes: room, shared: threads > 1 });
}

/** Does the jobs in order: one after the other here, or several at a time in threads, each with a lane of its own. */
export async function inLanes<Lane>(
  work: {
    readonly k: Kernels;
    readonly threads: number;
    readonly lanes: number;
    readonly jobs: number;
    readonly signal: AbortSignal | undefined;
  },
  makeLane: () => Lane,
  run: (
    kernels: Pick<Kernels, "cbow" | "skipGram" | "glove"> | Awaited<ReturnType<Kernels["threads"]>>,
    lane: Lane,
    job: number,
  ) => number | Promise<number>,
  report: (done: number) => void,
): Promise<void> {
  const { k, threads, lanes, jobs, signal } = work;
  const pause = pace(signal);
  const crew = threads > 1 ? await k.threads(threads) : undefined;
  let next = 0;
  let done = 0;
  try {
    await Promise.all(
      Array.from({ length: lanes }, async () => {
        const lane = makeLane();
        while (next < jobs) {
          await pause();
          if (next >= jobs) break;
          await run(crew ?? k, lane, next++);
          report(++done);
        }
      }),
    );
    signal?.throwIfAborted();
  } finally {
    await crew?.end();
  }
}

export function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 1;
}

export function withDefaults<P extends object>(part: string, given: Partial<P>, defaults: P): P {
  const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  for (const name of Object.keys(set))
    checkParam(
      part,
      name,
      set[name],
      Object.hasOwn(defaults, name),
      `no such param; there are ${Object.keys(defaults).join(", ")}`,
    );
  return { ...defaults, ...set };
}

export function checker<P extends object>(part: string, params: P) {
  return (name: keyof P & string, ok: boolean, want: string): void => checkParam(part, name, params[name], ok, want);
}
