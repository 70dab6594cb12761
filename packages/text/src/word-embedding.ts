import {
  batches,
  checkParam,
  checkSaved,
  type Dense,
  dense,
  type Extractor,
  type FittedExtractor,
  type Inputs,
  MmubError,
  type RunOptions,
  random,
  rejectInput,
  type Saved,
  type Sequence,
  savedArray,
  savedPart,
  sequence,
  sha256,
} from "@mmub/core";
import { normalized } from "./normalizer.js";
import { grown } from "./reader.js";
import { checkTokenizer, type Tokenizer, tokenizerRecipe, wordTokenizer } from "./tokenizer.js";
import { savedWordVectors, type WordVectors, wordVectors } from "./word-vectors.js";
import { checker, isCount, type WordVectorTrainer, withDefaults } from "./word2vec.js";

const type = "@mmub/text/word-embedding";

export interface WordEmbeddingParams {
  /**
   * Vectors that you have (`readWordVectors`), or what trains them on the texts of the fit (`word2vec()`, `glove()`). A recipe
   * without any loads what was saved with its vectors, and cannot fit.
   */
  readonly vectors?: WordVectors | WordVectorTrainer;
  /** Its tokens are looked up as they are: the case has to be that of the vectors. @default words of two letters or more, in lower case */
  readonly tokenizer?: Tokenizer;
  /**
   * "mean" of the words; "sif": a mean in which frequent words weigh less, less what all texts have in common; "sequence": the
   * vector of each word in its place, for CNN, RNN and Transformer.
   * @default "mean"
   */
  readonly pooling?: "mean" | "sif" | "sequence";
  /** Take the first so many words of a text. @default null, all */
  readonly maxLength?: number | null;
  /**
   * Words without a vector: "skip" them, as if they were not there; count them as "zero"s; or give each a "random" vector, as
   * long as others and always the same for the same word. @default "skip"
   */
  readonly oov?: "skip" | "zero" | "random";
  /** Scale each row, or step of a sequence, to length 1. @default null */
  readonly norm?: "l2" | null;
  /** SIF: a word weighs smoothing / (smoothing + its share of the words of the fit). @default 1e-3 */
  readonly smoothing?: number;
  /** SIF: how many common components are taken out; 0 for none. @default 1 */
  readonly commonComponents?: number;
  /** Keep the vectors of all words, or of those "seen" in the fit: less to save, and others are `oov` then. @default "all" */
  readonly keep?: "all" | "seen";
  /**
   * Save the "table" of vectors too, or a "reference": a checksum alone. Then the loading recipe must be given the same vectors.
   * @default "table"
   */
  readonly save?: "table" | "reference";
}

/**
 * Texts as vectors of their words: averaged to a row, or in sequence.
 *
 * Output: Dense, rows x cols of the vectors, or Sequence with a step for each word. A missing text is a zero or empty row with
 * `present` 0, a text of unknown words only is such a row that is present. SIF: row = (1 / words) sum of weight x vector, less
 * its projection on the first right singular vectors of the texts of the fit (not centred).
 * Rejects anything but strings and null, and with "seen" a fit in which no word has a vector (`invalid-input`).
 * Cost: tokenising, and a look-up and `cols` additions for each word. SIF goes through the texts of the fit twice, at
 * cols x cols multiplications each. Saved with its table it takes 4 bytes x words x cols.
 * Source: Arora, Liang & Ma (2017), A simple but tough-to-beat baseline for sentence embeddings, for SIF.
 *
 * @example
 * const vectors = wordVectors({ words: ["good", "bad", "price"], table: Float32Array.of(1, 0, -1, 0, 0, 1) });
 * const fitted = await wordEmbedding({ vectors }).fit([]);
 * const { data } = await fitted.transform(["Good price!", "a bad, bad shop"]); // 0.5, 0.5, -1, 0
 * const steps = await (await wordEmbedding({ vectors, pooling: "sequence" }).fit([])).transform(["Good price!"]); // 2 steps
 * // Trained on the texts themselves: wordEmbedding({ vectors: word2vec({ vectorSize: 50 }), pooling: "sif" })
 */
export function wordEmbedding(
  params: WordEmbeddingParams & { readonly pooling: "sequence" },
): Extractor<string, Sequence>;
export function wordEmbedding(
  params: WordEmbeddingParams & { readonly pooling?: "mean" | "sif" },
): Extractor<string, Dense>;
export function wordEmbedding(params: WordEmbeddingParams): Extractor<string, Dense | Sequence>;
export function wordEmbedding(given: WordEmbeddingParams): Extractor<string, Dense | Sequence> {
  const { vectors, tokenizer = normalized(wordTokenizer(), { lowercase: true }), ...rest } = given;
  const params = checked(rest);
  checkTokenizer(type, tokenizer);
  const table = isTable(vectors) ? vectors : undefined;
  const trainer = table ? undefined : (vectors as WordVectorTrainer | undefined);
  const isTrainer = trainer === undefined || (typeof trainer.fit === "function" && typeof trainer.type === "string");
  checkParam(type, "vectors", vectors, isTrainer, "word vectors, or what trains them: word2vec(), glove()");
  const refers = params.save === "reference";
  checkParam(type, "save", params.save, !(refers && trainer), '"table" where the vectors are trained by the fit');
  checkParam(type, "save", params.save, !(refers && params.keep === "seen"), '"table" where keep is "seen"');
  const recipe = {
    type,
    params: {
      ...params,
      tokenizer: tokenizerRecipe(tokenizer),
      vectors: trainer ? { type: trainer.type, params: trainer.params } : null,
    },
  };

  const tokensOf = (text: string | null, index: number): string[] | null => {
    if (text === null) return null;
    if (typeof text !== "string") rejectInput(type, index, text, "a string or null");
    return tokenizer.tokenize(text);
  };
  /** The texts as tokens, read anew each time. */
  const sentencesOf = (inputs: Inputs<string | null>, { signal, batchSize }: RunOptions = {}) => ({
    async *[Symbol.asyncIterator]() {
      const options = { ...(signal && { signal }), ...(batchSize && { batchSize }) };
      for await (const { items, first } of batches(inputs, options, type))
        yield items.map((text, offset) => tokensOf(text, first + offset));
    },
  });

  return {
    ...recipe,
    async fit(inputs, options) {
      const sentences = sentencesOf(inputs, options);
      let known = table ?? (await trainer?.fit(sentences, options));
      if (!known)
        throw new MmubError("invalid-params", {
          part: type,
          message: "there are no vectors to fit with; set vectors, as readWordVectors or word2vec() give them",
        });
      if (params.pooling !== "sif" && params.keep === "all") return fitted(known);
      const found = await countWords(sentences, known);
      const { total } = found;
      let { counts } = found;
      if (params.keep === "seen") ({ known, counts } = seen(known, counts));
      if (params.pooling !== "sif") return fitted(known);
      const weights = counts.map((count) => params.smoothing / (params.smoothing + count / (total || 1)));
      const plain = rowMaker(known, { ...params, norm: null }, { weights, components: new Float64Array(0) });
      const components = await commonComponents(sentences, plain, known.cols, params.commonComponents);
      return fitted(known, { weights, components });
    },
    async load(saved) {
      checkSaved(saved, recipe, 1);
      const known = await loadVectors(saved);
      if (params.pooling !== "sif") return fitted(known);
      const weights = savedArray(saved, "weights", Float64Array, known.words.length).slice();
      const components = savedArray(saved, "components", Float64Array, params.commonComponents * known.cols).slice();
      return fitted(known, { weights, components });
    },
  };

  async function loadVectors(saved: Saved): Promise<WordVectors> {
    if (!refers) return savedWordVectors.load(savedPart(saved, "vectors"));
    const { checksum } = saved.state as { readonly checksum: string };
    const fits = table !== undefined && checksumOf(table) === checksum;
    if (!fits)
      throw new MmubError("saved-mismatch", {
        part: type,
        message: `it was saved with a reference to its vectors, and ${table ? "those of this recipe are others" : "this recipe has none"}; give wordEmbedding the vectors that it was fitted with`,
      });
    return table;
  }

  function fitted(vectors: WordVectors, sif?: Sif): FittedExtractor<string, Dense | Sequence> {
    const { cols } = vectors;
    const row = rowMaker(vectors, params, sif);
    return {
      cols,
      async transform(inputs, options) {
        if (!Array.isArray(inputs))
          throw new MmubError("invalid-input", { part: type, message: "inputs are no array, want an array of texts" });
        const means = params.pooling === "sequence" ? undefined : dense(inputs.length, cols);
        const present = means?.present ?? new Uint8Array(inputs.length);
        const offsets = new Uint32Array(inputs.length + 1);
        let steps = new Float32Array(means ? 0 : 64 * cols);
        for await (const { items, first } of batches(inputs, options, type))
          for (const [offset, text] of items.entries()) {
            const at = first + offset;
            const tokens = tokensOf(text, at);
            present[at] = tokens ? 1 : 0;
            if (means) {
              if (tokens) row.mean(tokens, means.data.subarray(at * cols, (at + 1) * cols));
              continue;
            }
            const from = offsets[at]! * cols;
            const most = from + (tokens?.length ?? 0) * cols;
            if (most > steps.length) steps = grown(steps, 2 * most);
            offsets[at + 1] = offsets[at]! + (tokens ? row.steps(tokens, steps.subarray(from)) : 0);
          }
        if (means) return means;
        return { ...sequence(cols, offsets, steps.slice(0, offsets[inputs.length]! * cols)), present };
      },
      save: async () => ({
        ...recipe,
        version: 1,
        state: refers ? { checksum: checksumOf(vectors) } : null,
        ...(sif && { arrays: { weights: sif.weights.slice(), components: sif.components.slice() } }),
        ...(!refers && { parts: { vectors: await vectors.save() } }),
      }),
    };
  }
}

type Params = Required<Omit<WordEmbeddingParams, "vectors" | "tokenizer">>;

const defaults: Params = {
  pooling: "mean",
  maxLength: null,
  oov: "skip",
  norm: null,
  smoothing: 1e-3,
  commonComponents: 1,
  keep: "all",
  save: "table",
};

function checked(given: Partial<Params>): Params {
  const params = withDefaults(type, given, defaults);
  const check = checker(type, params);
  const { pooling, oov, norm, smoothing, commonComponents, keep, save, maxLength } = params;
  check("pooling", ["mean", "sif", "sequence"].includes(pooling), '"mean", "sif" or "sequence"');
  check("oov", ["skip", "zero", "random"].includes(oov), '"skip", "zero" or "random"');
  check("norm", norm === null || norm === "l2", '"l2" or null');
  check("maxLength", maxLength === null || isCount(maxLength), "a whole number from 1 on, or null");
  check("smoothing", smoothing > 0 && Number.isFinite(smoothing), "a number above 0");
  check("commonComponents", commonComponents === 0 || isCount(commonComponents), "a whole number, zero or more");
  check("keep", keep === "all" || keep === "seen", '"all" or "seen"');
  check("save", save === "table" || save === "reference", '"table" or "reference"');
  return params;
}

function isTable(vectors: WordEmbeddingParams["vectors"]): vectors is WordVectors {
  return vectors !== undefined && "table" in vectors && typeof vectors.indexOf === "function";
}

interface Sif {
  /** One for each word. */
  readonly weights: Float64Array;
  /** components x cols, each of length 1 or 0. */
  readonly components: Float64Array;
}

interface RowMaker {
  /** Writes the mean of the words to `out`, which is zeros. */
  mean(tokens: readonly string[], out: Float32Array): void;
  /** Writes the vectors of the words to `out`; how many they are. */
  steps(tokens: readonly string[], out: Float32Array): number;
}

function rowMaker(vectors: WordVectors, params: Params, sif?: Sif): RowMaker {
  const { table, cols } = vectors;
  const { oov, norm } = params;
  const most = params.maxLength ?? Number.POSITIVE_INFINITY;
  const invented = oov === "random" ? inventor(vectors) : undefined;
  const sums = new Float64Array(cols);

  return {
    mean(tokens, out) {
      sums.fill(0);
      let count = 0;
      for (const token of tokens) {
        if (count >= most) break;
        const row = vectors.indexOf(token);
        if (row < 0 && oov === "skip") continue;
        count++;
        if (row >= 0) {
          const weight = sif ? sif.weights[row]! : 1;
          for (let i = 0, at = row * cols; i < cols; i++) sums[i]! += weight * table[at + i]!;
        } else if (invented) {
          // Of a word that the fit did not see the share is 0, so the weight 1.
          const vector = invented(token);
          for (let i = 0; i < cols; i++) sums[i]! += vector[i]!;
        }
      }
      if (count === 0) return;
      for (let i = 0; i < cols; i++) sums[i]! /= count;
      for (let at = 0; sif && at < sif.components.length; at += cols) {
        let product = 0;
        for (let i = 0; i < cols; i++) product += sums[i]! * sif.components[at + i]!;
        for (let i = 0; i < cols; i++) sums[i]! -= product * sif.components[at + i]!;
      }
      out.set(sums);
      if (norm) toLengthOne(out);
    },

    steps(tokens, out) {
      let count = 0;
      for (const token of tokens) {
        if (count >= most) break;
        const row = vectors.indexOf(token);
        if (row < 0 && oov === "skip") continue;
        const step = out.subarray(count * cols, (count + 1) * cols);
        if (row >= 0) step.set(table.subarray(row * cols, (row + 1) * cols));
        else if (invented) step.set(invented(token));
        else step.fill(0);
        if (norm) toLengthOne(step);
        count++;
      }
      return count;
    },
  };
}

/** A vector for any word: even, with the variance of the table (Kim 2014), from the word alone. */
function inventor({ table, cols }: WordVectors): (word: string) => Float32Array {
  let squares = 0;
  for (const value of table) squares += value * value;
  const bound = Math.sqrt((3 * squares) / table.length);
  const seed = random(0);
  return (word) => {
    const draws = seed.fork(word);
    return Float32Array.from({ length: cols }, () => (2 * draws.next() - 1) * bound);
  };
}

function toLengthOne(row: Float32Array): void {
  let squares = 0;
  for (const value of row) squares += value * value;
  const length = Math.sqrt(squares);
  if (length > 0) for (let i = 0; i < row.length; i++) row[i]! /= length;
}

type Sentences = AsyncIterable<readonly (readonly string[] | null)[]>;

/** How often each word of the table comes, and how many words there are in all. */
async function countWords(sentences: Sentences, vectors: WordVectors) {
  const counts = new Float64Array(vectors.words.length);
  let total = 0;
  for await (const batch of sentences)
    for (const tokens of batch)
      for (const token of tokens ?? []) {
        const row = vectors.indexOf(token);
        if (row >= 0) counts[row]!++;
        total++;
      }
  return { counts, total };
}

/** The rows of words with a count. */
function seen({ words, cols, table }: WordVectors, counts: Float64Array) {
  const rows = Array.from(counts.keys()).filter((row) => counts[row]! > 0);
  if (rows.length === 0)
    throw new MmubError("invalid-input", {
      part: type,
      message: `no word of the texts is among the ${words.length} that have a vector; is the tokenizer right, and the case?`,
    });
  const kept = new Float32Array(rows.length * cols);
  for (const [i, row] of rows.entries()) kept.set(table.subarray(row * cols, (row + 1) * cols), i * cols);
  const known = wordVectors({ words: rows.map((row) => words[row]!), table: kept });
  return { known, counts: Float64Array.from(rows, (row) => counts[row]!) };
}

/** The first right singular vectors of the rows of the texts, by subspace iteration on the products of their columns. */
async function commonComponents(
  sentences: Sentences,
  rows: RowMaker,
  cols: number,
  want: number,
): Promise<Float64Array> {
  const components = new Float64Array(want * cols);
  if (want === 0) return components;
  const products = new Float64Array(cols * cols);
  const row = new Float32Array(cols);
  for await (const batch of sentences)
    for (const tokens of batch) {
      if (!tokens) continue;
      rows.mean(tokens, row.fill(0));
      for (let i = 0; i < cols; i++) {
        const value = row[i]!;
        for (let j = 0, at = i * cols; value !== 0 && j <= i; j++) products[at + j]! += value * row[j]!;
      }
    }
  for (let i = 0; i < cols; i++) for (let j = 0; j < i; j++) products[j * cols + i] = products[i * cols + j]!;

  const start = random(1);
  for (let i = 0; i < components.length; i++) components[i] = start.normal();
  const at = (i: number): Float64Array => components.subarray(i * cols, (i + 1) * cols);
  const next = new Float64Array(cols);
  for (let iteration = 0, change = 1; iteration < 1000 && change > 1e-12; iteration++) {
    change = 0;
    for (let c = 0; c < want; c++) {
      const vector = at(c);
      for (let i = 0; i < cols; i++) next[i] = dot(products.subarray(i * cols, (i + 1) * cols), vector);
      const size = Math.sqrt(dot(next, next));
      for (let before = 0; before < c; before++) {
        const product = dot(next, at(before));
        for (let i = 0; i < cols; i++) next[i]! -= product * at(before)[i]!;
      }
      // What is left of fewer texts than components is rounding.
      const length = Math.sqrt(dot(next, next));
      const scale = length > 1e-9 * size ? 1 / length : 0;
      for (let i = 0; i < cols; i++) {
        change = Math.max(change, Math.abs(next[i]! * scale - vector[i]!));
        vector[i] = next[i]! * scale;
      }
    }
  }
  return components;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function checksumOf({ words, table }: WordVectors): string {
  const bytes = new Uint8Array(table.buffer, table.byteOffset, table.byteLength);
  return sha256(JSON.stringify(words), bytes);
}
