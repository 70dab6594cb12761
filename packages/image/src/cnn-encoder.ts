import { readFile, stat } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { types } from "node:util";
import {
  checkModelFile,
  checkParam,
  checkSaved,
  type Dense,
  type EmbeddingCache,
  type Extractor,
  embeddingCache,
  type FittedExtractor,
  type Json,
  MmubError,
  type ModelFile,
  progress,
  rejectInput,
  type Sequence,
  show,
  stepSink,
  turn,
  vectorSink,
} from "@mmub/core";
import type { OnnxRuntimeOptions } from "@mmub/nn";
import type { ImageInput, RawImage } from "./decode.js";
import { type ImageTensorParams, type TensorWriter, tensorWriter } from "./image-tensor.js";
import { type BrokenOptions, eachPicture } from "./lanes.js";
import { openPictureModel, type PictureModel } from "./picture-model.js";

const type = "@mmub/image/cnn-encoder";

export interface CnnEncoderParams extends ImageTensorParams, OnnxRuntimeOptions {
  /** The ONNX model: its path, its bytes, or where it is on the web with its checksum. It has one input, a batch of pictures. */
  readonly model: ModelFile;
  /**
   * Where the model ends: an output, or any node or value inside, behind which nothing is computed; `onnxNodes` of @mmub/nn lists
   * them. The features of a classifier lie before its last layer. @default null: the first output
   */
  readonly layer?: string | null;
  /**
   * What becomes of maps, `[channels, rows, columns]` (NHWC: the channels last), or of tokens, `[tokens, width]`: the mean or the largest
   * of each channel, every number (`"flatten"`), the first token (`"cls"`), or a Sequence of one step a place or token (`"none"`), row by
   * row. One vector a picture stays as it is. @default "mean"
   */
  readonly pooling?: "mean" | "max" | "cls" | "flatten" | "none";
  /** Scale each vector to length 1, so that a dot product is the cosine. @default false */
  readonly unitLength?: boolean;
  /** `"flip"`: the mean of a picture and its mirror image, for twice the time (test-time augmentation). @default "none" */
  readonly tta?: "none" | "flip";
  /** Names of the columns, such as the classes of a classifier. @default null */
  readonly labels?: readonly string[] | null;
  /** Pictures of a run of the model. More than fit the caches of a CPU are slower; a GPU wants more. @default 4 */
  readonly runSize?: number;
  /** A folder that keeps what was computed: no picture is run twice. It grows without limit. @default null */
  readonly cache?: string | null;
}

/**
 * Features of pictures by a pretrained network in ONNX form: classifiers such as EfficientNet, MobileNet and ResNet, cut before their last
 * layer or whole, image towers of CLIP, and what is like them. The model is frozen: `fit` loads and tries it and learns nothing.
 *
 * Output: Dense, rows x width of the layer (1280 of EfficientNet-Lite0 before its last layer, 1000 of its logits); with `pooling: "none"` a
 * Sequence of one step for each place. A missing picture is a zero row, or one without steps, with `present` 0.
 * How pictures are prepared must be as in the model's training: `imagePresets` holds the usual ways. Pictures are decoded in
 * libuv's threads while the model runs. Values do not depend on what runs together but for rounding (1e-5).
 *
 * Where the model is and how it is run are no part of `params`: what is saved holds the hash of the model, loads wherever that is, and
 * refuses others (`saved-mismatch`). Rejects with `missing-model` if a file is not there or cannot be fetched, with `invalid-input` for
 * a model that takes or gives something else and for what `decodeImage` rejects (unless `onBroken` is given), and `missing-library` without
 * a runtime.
 * Cost: on one CPU core 5 ms a picture with EfficientNet-Lite0. A run blocks its thread; `parallel` of @mmub/core spreads
 * pictures over threads, each with a model of its own: pass it these params as `params`. Files of `cache`: 4 bytes a column and 32 more.
 * `dispose` frees the model.
 *
 * @example
 * const encoder = cnnEncoder({ model: "efficientnet-lite0.onnx", ...imagePresets.efficientNetLite0, layer: "features" });
 * const fitted = await encoder.fit([]).catch(() => undefined); // missing-model where the file is not there
 * const features = await fitted?.transform(["shoe.jpg", "boot.jpg"]); // Dense, 2 x 1280
 * await fitted?.dispose?.();
 */
export function cnnEncoder(
  params: CnnEncoderParams & { readonly pooling: "none" },
  options?: BrokenOptions,
): Extractor<ImageInput, Sequence>;
export function cnnEncoder(
  params: CnnEncoderParams & { readonly pooling?: "mean" | "max" | "cls" | "flatten" },
  options?: BrokenOptions,
): Extractor<ImageInput, Dense>;
export function cnnEncoder(given: CnnEncoderParams, options: BrokenOptions = {}): Extractor<ImageInput> {
  const { writer, params, runSize, cache } = checked(given);
  const recipe = { type, params: params as unknown as Json };

  async function open(signal?: AbortSignal, saved?: { readonly sha256: unknown }): Promise<FittedEncoder> {
    const model = await openPictureModel(type, given.model, writer, {
      ...given,
      ...(params.layer !== null && { outputs: [params.layer] }),
      cut: true,
      saved,
      ...(signal && { signal }),
    });
    try {
      const reader = readerOf(model, writer, params, await tried(model, writer));
      const key = JSON.stringify([1, model.sha256, params]);
      const kept = cache === null ? undefined : await embeddingCache(type, cache, key);
      return { ...fitted(reader, kept), sha256: model.sha256 };
    } catch (error) {
      await model.dispose();
      throw error;
    }
  }

  function fitted(reader: Reader, kept: EmbeddingCache | undefined): Omit<FittedExtractor<ImageInput>, "save"> {
    const { cols } = reader;
    /** Memory for prepared pictures, kept from call to call: to get it anew takes as long as to fill it. */
    const spare: Float32Array[] = [];

    /** The pictures from `first` on: their numbers as far as they are kept, and the prepared ones of the others. */
    async function prepared(
      items: readonly (ImageInput | null)[],
      first: number,
      into: Float32Array,
      signal: AbortSignal | undefined,
    ) {
      const pixels = into.subarray(0, items.length * writer.size);
      const present = new Uint8Array(items.length).fill(1);
      const known: (Float32Array | undefined)[] = [];
      const contents: (Uint8Array | undefined)[] = [];
      const run = { batchSize: Math.max(1, items.length), ...(signal && { signal }) };
      await eachPicture(items, present, type, run, options, async (input, i) => {
        const content = kept && (await contentOf(input, writer.params.maxBytes));
        if (content) {
          [known[i]] = (await kept!.read([content])) as [Float32Array | undefined];
          contents[i] = content;
          if (known[i]) return;
        }
        const place = pixels.subarray(i * writer.size, (i + 1) * writer.size);
        // Of a file its bytes, as those were hashed: it may be another by now.
        const from = content && isFile(input) ? content : input;
        await writer.writeValues(from, place, { part: type, index: first + i });
      });
      return { items, first, present, known, contents, pixels };
    }

    return {
      cols,
      ...(params.labels && { names: params.labels }),
      async transform(inputs, run) {
        if (!Array.isArray(inputs))
          throw new MmubError("invalid-input", { part: type, message: `inputs are ${show(inputs)}, want an array` });
        const { signal, batchSize = Infinity } = run ?? {};
        if (run?.batchSize !== undefined)
          checkParam(type, "batchSize", batchSize, Number.isInteger(batchSize) && batchSize > 0, "a positive integer");
        const report = progress(run, type, inputs.length);
        const atOnce = Math.min(reader.rows ?? runSize, batchSize);
        // Enough for each processor to decode one; more would leave the caches before the model reads them.
        const size = Math.min(Math.max(atOnce, availableParallelism()), batchSize);
        const out =
          params.pooling === "none" ? stepSink(inputs.length, cols) : vectorSink(inputs.length, cols, reader.shape);
        await turn(signal);
        // One is written while the other runs.
        const room = () => {
          const numbers = Math.min(size, inputs.length) * writer.size;
          const known = spare.pop();
          return known && known.length >= numbers ? known : new Float32Array(numbers);
        };
        const rooms = inputs.length > size ? [room(), room()] : [room()];
        const next = (first: number) => {
          const into = rooms[(first / size) % 2]!;
          const ahead = prepared(inputs.slice(first, first + size), first, into, signal);
          // Waited for later: it may fail while nobody does.
          ahead.catch(() => {});
          return ahead;
        };
        let ahead = next(0);
        for (let first = 0; first < inputs.length; first += size) {
          const batch = await ahead;
          // Decoded while the model runs.
          if (first + size < inputs.length) ahead = next(first + size);
          const todo = batch.items.flatMap((_, i) => (batch.present[i] && !batch.known[i] ? [i] : []));
          for (let from = 0; from < todo.length; from += atOnce) {
            await turn(signal);
            const rows = todo.slice(from, from + atOnce);
            const results = await reader.run(batch.pixels, rows);
            for (const [at, i] of rows.entries()) {
              const numbers = results[at]!;
              if (!numbers.every(Number.isFinite))
                rejectInput(type, first + i, batch.items[i], "a picture that the model gives finite numbers of");
              if (kept && batch.contents[i]) await kept.write(batch.contents[i]!, numbers);
              batch.known[i] = numbers;
            }
          }
          for (const [i, numbers] of batch.known.entries()) if (numbers) out.set(first + i, numbers);
          report(first + batch.items.length);
        }
        spare.push(...rooms.slice(0, 2 - spare.length));
        signal?.throwIfAborted();
        return out.features();
      },
      dispose: reader.dispose,
    };
  }

  const saving = ({ sha256, ...extractor }: FittedEncoder): FittedExtractor<ImageInput> => ({
    ...extractor,
    save: async () => ({ ...recipe, version: 1, state: { model: sha256, cols: extractor.cols } }),
  });

  return {
    ...recipe,
    fit: async (_, options) => {
      options?.signal?.throwIfAborted();
      return saving(await open(options?.signal));
    },
    async load(saved) {
      const state = checkSaved(saved, recipe, 1).state as Readonly<Record<string, unknown>> | null;
      return saving(await open(undefined, { sha256: state?.model }));
    },
  } satisfies Extractor<ImageInput>;
}

interface FittedEncoder extends Omit<FittedExtractor<ImageInput>, "save"> {
  readonly sha256: string;
}

function isFile(input: ImageInput): boolean {
  return typeof input === "string" || input instanceof URL || types.isUint8Array(input);
}

/** What decides the features of a picture, to be hashed; undefined of a stream, and of a file that decoding will say the error of. */
async function contentOf(input: ImageInput, maxBytes: number): Promise<Uint8Array | undefined> {
  if (types.isUint8Array(input)) return input;
  if (typeof input === "string" || input instanceof URL) {
    const size = await stat(input).catch(() => undefined);
    return size?.isFile() && size.size <= maxBytes ? readFile(input).catch(() => undefined) : undefined;
  }
  const { data, width, height, channels } = input as RawImage;
  if (!ArrayBuffer.isView(data)) return undefined;
  const head = Buffer.from(`pixels ${width} ${height} ${channels} ${data.BYTES_PER_ELEMENT} `);
  return Buffer.concat([head, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)]);
}

interface Reader {
  readonly cols: number;
  /** Of a row that has more than one axis. */
  readonly shape: readonly number[] | undefined;
  /** Pictures at a time, of a model made for one number of them. */
  readonly rows: number | undefined;
  /** The numbers of those of the prepared pictures. */
  run(pixels: Float32Array, of: readonly number[]): Promise<Float32Array[]>;
  dispose(): Promise<void>;
}

/** The shape of one row of the output, without the batch. */
async function tried(model: PictureModel, { size }: TensorWriter): Promise<readonly number[]> {
  const [output] = await model.run(new Float32Array(size * (model.rows ?? 1)), model.rows ?? 1);
  return output!.shape.slice(1);
}

function readerOf(model: PictureModel, writer: TensorWriter, params: Params, shape: readonly number[]): Reader {
  const { pooling, tta, unitLength, labels } = params;
  const { size } = writer;
  const [width, places, channelsLast] = layoutOf(shape, pooling, writer.params.layout === "NHWC");
  const count = shape.length === 0 ? 1 : shape.reduce((a, b) => a * b);
  const flat = pooling === "flatten" || places === 1;
  const cols = flat ? count : width;
  if (labels !== null)
    checkParam(type, "labels", labels, labels.length === cols, `${cols}, one for each column that the layer gives`);
  // Where a place or a token begins, and how far its channels lie from one another.
  const [jump, stride] = channelsLast ? [width, 1] : [1, places];

  const pool = (values: Float32Array): Float32Array => {
    if (flat) return values.slice();
    if (pooling === "none") {
      const out = new Float32Array(count);
      for (let place = 0, at = 0; place < places; place++)
        for (let c = 0; c < width; c++) out[at++] = values[place * jump + c * stride]!;
      return out;
    }
    if (pooling === "cls") return Float32Array.from({ length: width }, (_, c) => values[c * stride]!);
    return Float32Array.from({ length: width }, (_, c) => {
      let [sum, most] = [0, -Infinity];
      for (let place = 0; place < places; place++) {
        const value = values[place * jump + c * stride]!;
        sum += value;
        if (value > most || Number.isNaN(value)) most = value;
      }
      return pooling === "max" ? most : sum / places;
    });
  };

  async function forward(pixels: Float32Array, rows: number): Promise<Float32Array[]> {
    const [output] = await model.run(pixels, rows);
    const values = output!.data as Float32Array;
    if (output!.shape.slice(1).join() !== shape.join())
      throw new MmubError("shape-mismatch", {
        part: type,
        message: `the layer gives [${output!.shape.slice(1).join(", ")}] a picture, and gave [${shape.join(", ")}] before`,
      });
    return Array.from({ length: rows }, (_, row) => pool(values.subarray(row * count, (row + 1) * count)));
  }

  let disposed: Promise<void> | undefined;
  return {
    cols,
    shape: pooling === "flatten" && shape.length > 1 ? shape : undefined,
    rows: model.rows,
    async run(all, of) {
      if (of.length === 0) return [];
      if (disposed)
        throw new MmubError("invalid-input", {
          part: type,
          message: "the model was disposed of; fit or load it again",
        });
      const [first, last] = [of[0]!, of.at(-1)!];
      let pixels = all.subarray(first * size, (last + 1) * size);
      if (last - first >= of.length) {
        pixels = new Float32Array(of.length * size);
        for (const [at, i] of of.entries()) pixels.set(all.subarray(i * size, (i + 1) * size), at * size);
      }
      const results = await forward(pixels, of.length);
      if (tta === "flip") {
        const other = await forward(mirrored(pixels, writer), of.length);
        for (const [i, numbers] of results.entries())
          for (let at = 0; at < numbers.length; at++) numbers[at] = (numbers[at]! + other[i]![at]!) / 2;
      }
      if (unitLength) for (const numbers of results) scale(numbers, cols);
      return results;
    },
    dispose() {
      disposed ??= model.dispose();
      return disposed;
    },
  };
}

/** Channels, how many places have them, and whether those of a place lie together. */
function layoutOf(shape: readonly number[], pooling: string, nhwc: boolean): [number, number, boolean] {
  const [a = 1, b = 1, c = 1] = shape;
  if (shape.length < 2 || pooling === "flatten") return [shape.length < 2 ? a : a * b * c, 1, true];
  if (shape.length === 2) return [b, a, true];
  if (shape.length === 3) return nhwc ? [c, a * b, true] : [a, b * c, false];
  throw new MmubError("invalid-input", {
    part: type,
    message: `the layer gives [${shape.join(", ")}] a picture, want a vector, maps or tokens; name another layer, or set pooling to "flatten"`,
  });
}

function mirrored(pixels: Float32Array, { shape, params }: TensorWriter): Float32Array {
  const out = new Float32Array(pixels.length);
  const nhwc = params.layout === "NHWC";
  const [width, depth] = nhwc ? [shape[1], shape[2]] : [shape[2], 1];
  for (let row = 0; row < pixels.length; row += width * depth)
    for (let x = 0; x < width; x++)
      for (let c = 0; c < depth; c++) out[row + x * depth + c] = pixels[row + (width - 1 - x) * depth + c]!;
  return out;
}

/** Each step, or the row, to length 1. */
function scale(numbers: Float32Array, cols: number): void {
  for (let from = 0; from < numbers.length; from += cols) {
    let squares = 0;
    for (let i = from; i < from + cols; i++) squares += numbers[i]! ** 2;
    const factor = 1 / Math.max(Math.sqrt(squares), 1e-12);
    for (let i = from; i < from + cols; i++) numbers[i]! *= factor;
  }
}

interface Params {
  readonly layer: string | null;
  readonly pooling: "mean" | "max" | "cls" | "flatten" | "none";
  readonly unitLength: boolean;
  readonly tta: "none" | "flip";
  readonly labels: readonly string[] | null;
}

function checked(given: CnnEncoderParams) {
  const check = (name: string, value: unknown, ok: boolean, want: string) => checkParam(type, name, value, ok, want);
  const { model, layer = null, pooling = "mean", unitLength = false, tta = "none", labels = null } = given ?? {};
  const { runSize = 4, cache = null } = given ?? {};
  checkModelFile(type, model);
  check("layer", layer, layer === null || (typeof layer === "string" && layer !== ""), "the name of a layer or null");
  const poolings = ["mean", "max", "cls", "flatten", "none"];
  check("pooling", pooling, poolings.includes(pooling), `one of ${poolings.join(", ")}`);
  check("unitLength", unitLength, typeof unitLength === "boolean", "true or false");
  check("tta", tta, tta === "none" || tta === "flip", '"none" or "flip"');
  const isLabels = labels === null || (Array.isArray(labels) && labels.every((label) => typeof label === "string"));
  check("labels", labels, isLabels, "an array of strings or null");
  check("runSize", runSize, Number.isInteger(runSize) && runSize > 0, "a positive integer");
  check("cache", cache, cache === null || (typeof cache === "string" && cache !== ""), "a folder or null");
  const writer = tensorWriter(type, given);
  const params = { ...writer.params, layer, pooling, unitLength, tta, labels };
  return { writer, params, runSize, cache };
}
