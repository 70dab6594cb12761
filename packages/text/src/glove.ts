import { type FitOptions, MmubError, progress, random } from "@mmub/core";
import { cooccurrences } from "./cooccurrences.js";
import { type Corpus, readCorpus } from "./corpus.js";
import { type WordVectors, wordVectors } from "./word-vectors.js";
import {
  checker,
  inLanes,
  isCount,
  kernelsOf,
  padded,
  unpadded,
  type WordVectorTrainer,
  withDefaults,
} from "./word2vec.js";

const type = "@mmub/text/glove";

export interface GloveParams {
  /** Numbers of a vector. @default 50 */
  readonly vectorSize?: number;
  /** Words to either side that count as near; a pair d words apart counts 1 / d. @default 15 */
  readonly window?: number;
  /** Words before and after alike; else a word's row has those after it, and its column those before. @default true */
  readonly symmetric?: boolean;
  /** Leave out rarer words, as if they were not in the text. @default 5 */
  readonly minCount?: number;
  /** Keep at most so many words, the most frequent; `minCount` rises until they fit. @default null */
  readonly maxFinalVocab?: number | null;
  /** Pairs weigh (count / xMax) ^ alpha, and 1 from this count on. @default 100 */
  readonly xMax?: number;
  /** @default 0.75 */
  readonly alpha?: number;
  /** AdaGrad's learning rate. @default 0.05 */
  readonly learningRate?: number;
  /** Times that all pairs are gone through, in a new order each time. @default 25 */
  readonly epochs?: number;
  /** A word's vector: the sum of its two, as one of two tables is as good as the other, or the first alone. @default "sum" */
  readonly vectors?: "sum" | "words";
  /**
   * Threads that write to one table without locks. With more than 1 a result is as good but does not repeat bit for bit. No
   * part of `params`. @default 1
   */
  readonly threads?: number;
}

/**
 * GloVe: vectors whose products are near the logarithm of how often two words come close to each other. Formulas and defaults
 * are those of Stanford's program.
 *
 * Result: a vector for each word that comes `minCount` times or more, the frequent ones first, with counts. The same seed and
 * texts give the same bytes on every machine with one thread. Rejects what `word2vec` rejects.
 * Cost: counting takes some 20 bytes a pair of words that ever were near each other, and each epoch some 0.15 us a pair at
 * 50 columns: more memory than `word2vec` and less time on a large text of few words.
 * Source: Pennington, Socher & Manning (2014), GloVe: Global vectors for word representation.
 *
 * @example
 * const sentences = Array.from({ length: 300 }, (_, i) => (i % 2 ? ["cheap", "price", "deal"] : ["slow", "late", "parcel"]));
 * const vectors = await glove({ vectorSize: 8 }).fit(sentences, { seed: 7 });
 * console.log(vectors.similarity("cheap", "deal") > vectors.similarity("cheap", "late")); // true
 */
export function glove(given: GloveParams = {}): WordVectorTrainer {
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

type CheckedParams = { readonly [K in keyof GloveParams]-?: Exclude<GloveParams[K], undefined> };

const defaults: CheckedParams = {
  vectorSize: 50,
  window: 15,
  symmetric: true,
  minCount: 5,
  maxFinalVocab: null,
  xMax: 100,
  alpha: 0.75,
  learningRate: 0.05,
  epochs: 25,
  vectors: "sum",
  threads: 1,
};

function checked(given: GloveParams): CheckedParams {
  const params = withDefaults(type, given, defaults);
  const check = checker(type, params);
  for (const name of ["vectorSize", "window", "minCount", "epochs", "threads"] as const)
    check(name, isCount(params[name]), "a whole number, one or more");
  check("maxFinalVocab", params.maxFinalVocab === null || isCount(params.maxFinalVocab), "a whole number or null");
  check("symmetric", typeof params.symmetric === "boolean", "true or false");
  for (const name of ["xMax", "learningRate"] as const)
    check(name, params[name] > 0 && Number.isFinite(params[name]), "a number above 0");
  check("alpha", params.alpha >= 0 && Number.isFinite(params.alpha), "a number, zero or more");
  check("vectors", params.vectors === "sum" || params.vectors === "words", '"sum" or "words"');
  return params;
}

/** How much a pair of words counts that was seen so often. */
export function pairWeight(count: number, xMax: number, alpha: number): number {
  return count < xMax ? (count / xMax) ** alpha : 1;
}

const pairsAtOnce = 50_000;

async function train(corpus: Corpus, params: CheckedParams, options: FitOptions | undefined): Promise<WordVectors> {
  const { vectorSize, xMax, alpha, learningRate, epochs, threads, vectors } = params;
  const { seed = 0, signal } = options ?? {};
  const { words, counts } = corpus;
  const pairs = await cooccurrences(corpus, params, signal);
  const entries = pairs.counts.length;
  if (entries === 0)
    throw new MmubError("invalid-input", {
      part: type,
      message: `no two of the ${words.length} words kept are in one sentence; lower minCount, or give longer sentences`,
    });
  const logs = pairs.counts.map(Math.log);
  const weights = pairs.counts.map((count) => pairWeight(count, xMax, alpha));

  const rows = words.length;
  const width = padded(vectorSize) + 4;
  const lanes = threads === 1 ? 1 : 2 * threads;
  const k = await kernelsOf(
    type,
    16 * rows * width + lanes * 16 * pairsAtOnce,
    4 + 4 * lanes,
    threads,
    `${rows} words x ${vectorSize}`,
  );
  const r = random(seed);
  const table = (name: string) => {
    const [values, squares] = [k.float32(rows * width), k.float32(rows * width).fill(1)];
    const start = r.fork(name);
    for (let row = 0; row < rows; row++) {
      const at = row * width;
      for (let i = 0; i < vectorSize; i++) values[at + i] = (start.next() - 0.5) / vectorSize;
      values[at + width - 4] = (start.next() - 0.5) / vectorSize;
    }
    return { values, squares };
  };
  const [input, output] = [table("words"), table("contexts")];

  const order = Uint32Array.from({ length: entries }, (_, i) => i);
  const calls = Math.ceil(entries / pairsAtOnce);
  await inLanes(
    { k, threads, lanes, jobs: epochs * calls, signal },
    () => ({
      rows: k.int32(pairsAtOnce),
      columns: k.int32(pairsAtOnce),
      logs: k.float32(pairsAtOnce),
      weights: k.float32(pairsAtOnce),
    }),
    (kernels, lane, job) => {
      // Pairs are copied when a call begins, so the order may change while the last calls of an epoch are at work.
      if (job % calls === 0) r.fork(`order ${job / calls}`).shuffle(order);
      const from = (job % calls) * pairsAtOnce;
      const n = Math.min(pairsAtOnce, entries - from);
      for (let i = 0; i < n; i++) {
        const pair = order[from + i]!;
        lane.rows[i] = pairs.rows[pair]!;
        lane.columns[i] = pairs.columns[pair]!;
        lane.logs[i] = logs[pair]!;
        lane.weights[i] = weights[pair]!;
      }
      const part = {
        rows: lane.rows.subarray(0, n),
        columns: lane.columns.subarray(0, n),
        logs: lane.logs.subarray(0, n),
        weights: lane.weights.subarray(0, n),
      };
      return kernels.glove(input, output, part, { width, learningRate });
    },
    progress(options, type, epochs * calls),
  );
  const result = unpadded(input.values, rows, vectorSize, width);
  if (vectors === "sum")
    for (const [i, value] of unpadded(output.values, rows, vectorSize, width).entries()) result[i]! += value;
  return wordVectors({ words, table: result, counts });
}
