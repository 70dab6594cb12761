import {
  checkModelFile,
  checkParam,
  checkSaved,
  type Dense,
  type EmbeddingCache,
  type Extractor,
  embeddingCache,
  type FittedExtractor,
  isRemote,
  listed,
  localPath,
  MmubError,
  type ModelFile,
  modelHash,
  pace,
  progress,
  type RemoteFile,
  rejectInput,
  type Sequence,
  show,
  stepSink,
  turn,
  vectorSink,
} from "@mmub/core";
import type { FrozenModel, OnnxFeed, OnnxOutput, OnnxRuntimeOptions, OnnxTensorInfo } from "@mmub/nn";
import { type Pooling, poolings } from "./sentence-pooling.js";
import { type SubwordTokenizer, subwordTokenizer } from "./subword-tokenizer.js";

const type = "@mmub/text/sentence-encoder";

export interface SentenceEncoderParams extends OnnxRuntimeOptions {
  /** The ONNX model: its path, its bytes, or where it is on the web with its checksum. */
  readonly model: ModelFile;
  /** The `tokenizer.json` that came with it: its path, its bytes, what JSON.parse makes of it, or where it is on the web. */
  readonly tokenizer: string | URL | Uint8Array | RemoteFile | object;
  /**
   * How a vector of the text is made of those of its tokens, special ones included, as the model was trained: MiniLM and e5
   * take "mean", bge takes "cls". The names are those of sentence-transformers. With "none" the tokens themselves are given,
   * as a Sequence; with "model" the model has an output of one vector a text.
   * @default "mean"
   */
  readonly pooling?: Pooling | "none" | "model";
  /** Scale each vector to length 1, so that a dot product is the cosine. @default true */
  readonly normalize?: boolean;
  /** Put before each text, as some models want: "query: " or "passage: " of e5. @default "" */
  readonly prefix?: string;
  /** Tokens of a text that are read, special ones included; the model says how many it can take, mostly 512. @default 256 */
  readonly maxLength?: number;
  /** The output of the model to take. @default "last_hidden_state" or "token_embeddings", with "model" "sentence_embedding", else the first of fitting rank */
  readonly output?: string | null;
  /** Keep the first columns only, of a model that was trained for that (Matryoshka). @default null, all */
  readonly dimensions?: number | null;
  /** Tokens that the model is given at a time, filling included. More than fit the caches of a CPU are slower; a GPU wants more. @default 384 */
  readonly batchTokens?: number;
  /** A folder that keeps what was computed: no text is run twice. It grows without limit. @default null */
  readonly cache?: string | null;
}

/**
 * Vectors of the meaning of texts, by a pretrained sentence model in ONNX form and its tokenizer: MiniLM, bge, e5 and their
 * like. The model is frozen: `fit` loads and tries it and learns nothing.
 *
 * Output: Dense, rows x width of the model (384 of MiniLM), each row of length 1 unless `normalize` is false; with
 * `pooling: "none"` a Sequence of one step a token. A missing text is a zero row, or one without steps, with `present` 0; a
 * text without any token, where the tokenizer adds none, is a zero row that is present.
 * Texts of like length run together, equal ones once; `batchSize` caps the texts of a run, `batchTokens` its tokens. Values
 * do not depend on that but for rounding (1e-6), except in models that quantise activations by the largest of a run.
 * Inputs are found by name: `input_ids`, and where the model has them `attention_mask`, `token_type_ids`, `position_ids`.
 *
 * Where the model is and how it is run are no part of `params`: what is saved holds the hashes of model and tokenizer, loads
 * wherever they are, and refuses others (`saved-mismatch`). Rejects with `missing-model` if a file is not there or cannot be
 * fetched, `invalid-input` for a model that takes or gives something else, for anything but strings and null, and for a text
 * that the model gives no finite vector of.
 * Cost: on one CPU core a MiniLM takes 2 ms for 15 tokens, 10 ms for 50. A run blocks its thread; `parallel` of @mmub/core
 * spreads texts over threads, each with a model of its own: pass it these params as `params`. Files of `cache`: 4 bytes a
 * column and 32 more. `dispose` frees the model.
 * Source: Reimers & Gurevych 2019, https://arxiv.org/abs/1908.10084; sentence-transformers 5, `models/Pooling.py`.
 *
 * @example
 * const encoder = sentenceEncoder({ model: "minilm/model.onnx", tokenizer: "minilm/tokenizer.json" });
 * const fitted = await encoder.fit([]).catch(() => undefined); // missing-model where the files are not there
 * const features = await fitted?.transform(["Where is my parcel?", "It has not arrived yet."]); // Dense, 2 x 384
 * await fitted?.dispose?.();
 */
export function sentenceEncoder(
  params: SentenceEncoderParams & { readonly pooling: "none" },
): Extractor<string, Sequence>;
export function sentenceEncoder(
  params: SentenceEncoderParams & { readonly pooling?: Pooling | "model" },
): Extractor<string, Dense>;
export function sentenceEncoder(given: SentenceEncoderParams): Extractor<string> {
  const params = checked(given);
  const recipe = { type, params };

  async function open(signal?: AbortSignal): Promise<FittedEncoder> {
    const { tokenizer: from, cache } = given;
    const path = (source: string | URL | RemoteFile) => localPath(type, source, signal);
    const source = given.model instanceof Uint8Array ? given.model : await path(given.model);
    const local = typeof from === "string" || from instanceof URL || isRemote(from) ? await path(from) : from;
    const tokenizer = await subwordTokenizer({ source: local, maxLength: params.maxLength });
    const hashes = { model: await modelHash(type, source), tokenizer: tokenizer.params.sha256 };
    signal?.throwIfAborted();
    // On first use: with it, importing this package takes twice as long.
    const { onnxModel } = await import("@mmub/nn");
    const model = await onnxModel(source, given);
    try {
      const reader = await readerOf(model, tokenizer, params);
      const key = JSON.stringify([1, hashes, tokenizer.params.truncate, params, reader.output]);
      const kept = cache == null ? undefined : await embeddingCache(type, cache, key);
      return { ...fitted(reader, textReader(tokenizer, params), kept), hashes };
    } catch (error) {
      await model.dispose();
      throw error;
    }
  }

  function fitted(reader: Reader, idsOf: (text: string) => Ids, cache: EmbeddingCache | undefined) {
    const { cols } = reader;
    const { batchTokens = defaultBatchTokens } = given;
    const extractor: Omit<FittedExtractor<string>, "save"> = {
      cols,
      async transform(inputs, options) {
        if (!Array.isArray(inputs))
          throw new MmubError("invalid-input", { part: type, message: `inputs are ${show(inputs)}, want an array` });
        const { signal, batchSize = 256 } = options ?? {};
        checkParam(type, "batchSize", batchSize, Number.isInteger(batchSize) && batchSize > 0, "a positive integer");
        const report = progress(options, type, inputs.length);
        const pause = pace(signal);
        const out = params.pooling === "none" ? stepSink(inputs.length, cols) : vectorSink(inputs.length, cols);
        let done = 0;
        await turn(signal);

        for (let first = 0; first < inputs.length; first += window) {
          const rows = rowsByText(inputs, first, Math.min(first + window, inputs.length));
          const finish = (text: string, numbers: Float32Array) => {
            for (const row of rows.get(text)!) out.set(row, numbers);
            done += rows.get(text)!.length;
          };
          const texts = [...rows.keys()].filter((text) => text !== missing) as string[];
          done += rows.get(missing)?.length ?? 0;

          const known = await cache?.read(texts);
          const todo: Todo[] = [];
          for (const [i, text] of texts.entries()) {
            const found = known?.[i];
            if (found) finish(text, found);
            else {
              const ids = idsOf(text);
              if (ids.ids.length > 0) todo.push({ text, ...ids });
              else finish(text, params.pooling === "none" ? new Float32Array(0) : new Float32Array(cols));
              await pause();
            }
          }
          if (done > 0) report(done);
          // The longest first: if there is not the memory for it, that shows at once.
          todo.sort((a, b) => b.ids.length - a.ids.length);
          for (let from = 0; from < todo.length; ) {
            await turn(signal);
            const most = Math.floor(batchTokens / reader.padded(todo[from]!.ids.length));
            const batch = todo.slice(from, from + Math.max(1, Math.min(most, batchSize, reader.rows ?? batchSize)));
            const results = await reader.run(batch, (text) => rows.get(text)![0]!);
            if (cache) await Promise.all(results.map((numbers, i) => cache.write(batch[i]!.text, numbers)));
            for (const [i, numbers] of results.entries()) finish(batch[i]!.text, numbers);
            from += batch.length;
            report(done);
          }
        }
        signal?.throwIfAborted();
        return out.features();
      },
      dispose: reader.dispose,
    };
    return extractor;
  }

  const saving = ({ hashes, ...extractor }: FittedEncoder): FittedExtractor<string> => ({
    ...extractor,
    save: async () => ({ ...recipe, version: 1, state: { ...hashes, cols: extractor.cols } }),
  });

  return {
    ...recipe,
    fit: async (_, options) => {
      options?.signal?.throwIfAborted();
      return saving(await open(options?.signal));
    },
    async load(saved) {
      const state = checkSaved(saved, recipe, 1).state as Readonly<Record<string, unknown>> | null;
      const opened = await open();
      for (const name of ["model", "tokenizer"] as const)
        if (state?.[name] !== opened.hashes[name]) {
          await opened.dispose?.();
          throw new MmubError("saved-mismatch", {
            part: type,
            message: `the ${name} has SHA-256 ${opened.hashes[name]}, when saved ${state?.[name]}; give the one that it was fitted with, as vectors of others mean something else`,
            saved: state?.[name],
          });
        }
      return saving(opened);
    },
  } satisfies Extractor<string>;
}

/** Texts that are sorted by length together: enough of like length, and little to hold. */
const window = 2048;
const defaultBatchTokens = 384;

interface FittedEncoder extends Omit<FittedExtractor<string>, "save"> {
  readonly hashes: { readonly model: string; readonly tokenizer: string };
}

interface Ids {
  readonly ids: Int32Array;
  readonly typeIds: Int32Array;
}

interface Todo extends Ids {
  readonly text: string;
}

const missing = Symbol("missing");

/** The rows of each text, so that equal ones run once. */
function rowsByText(inputs: readonly (string | null)[], from: number, to: number) {
  const rows = new Map<string | typeof missing, number[]>();
  for (let row = from; row < to; row++) {
    const text = inputs[row];
    if (text !== null && typeof text !== "string") rejectInput(type, row, text, "a string or null");
    const known = rows.get(text ?? missing);
    if (known) known.push(row);
    else rows.set(text ?? missing, [row]);
  }
  return rows;
}

/** Token ids of a text. Of a long one only the beginning is looked at that holds what is read of it. */
function textReader(tokenizer: SubwordTokenizer, { prefix, maxLength }: Params): (text: string) => Ids {
  const beginning = (text: string): string => {
    if (tokenizer.params.truncate === "left") return text;
    for (let length = 32 * maxLength; length < text.length; length *= 4) {
      const piece = text.slice(0, length);
      // Twice as many: where a text is cut may change some tokens before.
      if (tokenizer.tokenize(piece).length > 2 * maxLength) return piece;
    }
    return text;
  };
  return (text) => {
    const { ids, typeIds } = tokenizer.encode(beginning(prefix + text));
    // A vocabulary without a token for the unknown leaves it out.
    if (!ids.includes(-1)) return { ids, typeIds };
    return { ids: ids.filter((id) => id >= 0), typeIds: typeIds.filter((_, i) => ids[i]! >= 0) };
  };
}

/** A model that is known to take token ids and to give vectors. */
interface Reader {
  readonly cols: number;
  /** The name of the output that is taken. */
  readonly output: string;
  /** Texts at a time, of a model made for one number of them. */
  readonly rows: number | undefined;
  /** The length that texts of a run have, of which the longest has so many tokens. */
  padded(length: number): number;
  /** The numbers of each text. */
  run(batch: readonly Todo[], rowOf: (text: string) => number): Promise<Float32Array[]>;
  dispose(): Promise<void>;
}

const inputNames = ["input_ids", "attention_mask", "token_type_ids", "position_ids"];

async function readerOf(model: FrozenModel, tokenizer: SubwordTokenizer, params: Params): Promise<Reader> {
  const { pooling, normalize, maxLength, dimensions } = params;
  const fail = (message: string): never => {
    throw new MmubError("invalid-input", { part: type, message });
  };
  const names = model.inputs.map(({ name }) => name);
  const foreign = names.find((name) => !inputNames.includes(name));
  if (foreign !== undefined || !names.includes("input_ids"))
    fail(`the model takes ${listed(names)}, want input_ids and at most ${listed(inputNames.slice(1))}`);
  const [rows, length] = fixedShape(model.inputs);
  if (length !== undefined && length < maxLength)
    checkParam(type, "maxLength", maxLength, false, `at most ${length}, for which the model was made`);
  const output = outputOf(model, params) ?? fail("the model has no output");

  let disposed: Promise<void> | undefined;
  async function hidden(batch: readonly Ids[]): Promise<OnnxOutput & { readonly length: number }> {
    if (disposed) fail("the model was disposed of; fit or load it again");
    const shape = [rows ?? batch.length, length ?? Math.max(...batch.map(({ ids }) => ids.length))] as const;
    const feeds = model.inputs.map((input) => [input.name, feedOf(input, batch, shape, tokenizer.padId)] as const);
    const results = await model.run(Object.fromEntries(feeds), { outputs: [output] });
    return { ...results[output]!, length: shape[1] };
  }

  const [probe] = [tokenizer.encode("a")].map((ids) => (ids.ids.length > 0 ? ids : single));
  const tried = await hidden([probe!]);
  const width = tried.shape.at(-1) ?? 0;
  const own = pooling === "model";
  const shape = own ? [rows ?? 1, width] : [rows ?? 1, tried.length, width];
  if (tried.shape.join() !== shape.join())
    fail(
      `output "${output}" is [${tried.shape.join(", ")}], want ${own ? "[texts, width]" : "[texts, tokens, width]"}; ${
        tried.shape.length === 2 && !own ? 'it is pooled already, so set pooling to "model"' : "name another as output"
      }`,
    );
  if (!tried.dtype.startsWith("float")) fail(`output "${output}" is ${tried.dtype}, want floats`);
  checkParam(type, "dimensions", dimensions, (dimensions ?? 1) <= width, `at most ${width}, the width of the model`);
  const cols = dimensions ?? width;

  return {
    cols,
    output,
    rows,
    padded: (longest) => length ?? longest,
    async run(batch, rowOf) {
      const { data, length: tokens } = await hidden(batch);
      const values = data as Float32Array;
      const pooled = new Float64Array(width);
      return batch.map(({ text, ids }, i) => {
        const at = i * width * (own ? 1 : tokens);
        const count = pooling === "none" ? ids.length : 1;
        const numbers = new Float32Array(count * cols);
        for (let step = 0; step < count; step++) {
          if (pooling === "none" || own) {
            for (let column = 0; column < width; column++) pooled[column] = values[at + step * width + column]!;
          } else poolings[pooling](values, at, ids.length, pooled);
          let size = 0;
          for (let column = 0; column < cols; column++) size += pooled[column]! ** 2;
          if (!Number.isFinite(size))
            rejectInput(type, rowOf(text), text, `a text that the model gives finite numbers of, not ${size}`);
          const scale = normalize ? 1 / Math.max(Math.sqrt(size), 1e-12) : 1;
          for (let column = 0; column < cols; column++) numbers[step * cols + column] = pooled[column]! * scale;
        }
        return numbers;
      });
    },
    dispose() {
      disposed ??= model.dispose();
      return disposed;
    },
  };
}

const single: Ids = { ids: Int32Array.of(0), typeIds: Int32Array.of(0) };

/** The lengths of both axes where the model is made for certain ones. */
function fixedShape(inputs: readonly OnnxTensorInfo[]): [number | undefined, number | undefined] {
  const { shape = [] } = inputs.find(({ name }) => name === "input_ids")!;
  const fixed = (length: number | string | undefined) =>
    typeof length === "number" && length > 0 ? length : undefined;
  return [fixed(shape[0]), fixed(shape[1])];
}

function outputOf({ outputs }: FrozenModel, { output, pooling }: Params): string | undefined {
  if (output !== null) return output;
  const [usual, rank] =
    pooling === "model" ? [["sentence_embedding"], 2] : [["last_hidden_state", "token_embeddings"], 3];
  const found =
    outputs.find(({ name }) => usual.includes(name)) ??
    outputs.find(({ shape }) => shape?.length === rank) ??
    outputs[0];
  return found?.name;
}

function feedOf(
  { name, dtype }: OnnxTensorInfo,
  batch: readonly Ids[],
  shape: readonly [number, number],
  padId: number,
): OnnxFeed {
  const [rows, length] = shape;
  const data = new Int32Array(rows * length);
  if (name === "input_ids") data.fill(padId);
  for (const [row, { ids, typeIds }] of batch.entries()) {
    const at = row * length;
    if (name === "input_ids") data.set(ids, at);
    else if (name === "attention_mask") data.fill(1, at, at + ids.length);
    else if (name === "token_type_ids") data.set(typeIds, at);
    else for (let i = 0; i < length; i++) data[at + i] = i;
  }
  if (dtype !== "int64") return { shape, data };
  // The lower half of each: far faster than making a bigint of every number.
  const wide = new BigInt64Array(data.length);
  const halves = new Int32Array(wide.buffer);
  for (let i = 0; i < data.length; i++) halves[2 * i] = data[i]!;
  return { shape, data: wide };
}

interface Params {
  readonly pooling: Pooling | "none" | "model";
  readonly normalize: boolean;
  readonly prefix: string;
  readonly maxLength: number;
  readonly output: string | null;
  readonly dimensions: number | null;
  readonly [name: string]: string | number | boolean | null;
}

function checked(given: SentenceEncoderParams): Params {
  const check = (name: string, value: unknown, ok: boolean, want: string) => checkParam(type, name, value, ok, want);
  const positive = (value: unknown) => Number.isInteger(value) && (value as number) > 0;
  const {
    model,
    tokenizer,
    pooling = "mean",
    normalize = true,
    prefix = "",
    maxLength = 256,
    output = null,
    dimensions = null,
    batchTokens = defaultBatchTokens,
    cache = null,
  } = given ?? {};
  checkModelFile(type, model);
  const isTokenizer = typeof tokenizer === "string" || (typeof tokenizer === "object" && tokenizer !== null);
  check("tokenizer", tokenizer, isTokenizer, "the path, bytes or content of its tokenizer.json, or { url, sha256 }");
  const known = [...Object.keys(poolings), "none", "model"];
  check("pooling", pooling, known.includes(pooling), `one of ${known.join(", ")}`);
  check("normalize", normalize, typeof normalize === "boolean", "true or false");
  check("prefix", prefix, typeof prefix === "string", "a string");
  check("maxLength", maxLength, positive(maxLength), "a positive integer");
  check("output", output, output === null || typeof output === "string", "the name of an output or null");
  check("dimensions", dimensions, dimensions === null || positive(dimensions), "a positive integer or null");
  check("batchTokens", batchTokens, positive(batchTokens), "a positive integer");
  check("cache", cache, cache === null || (typeof cache === "string" && cache !== ""), "a folder or null");
  return { pooling, normalize, prefix, maxLength, output, dimensions };
}
