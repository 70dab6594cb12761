import {
  checkParam,
  type Dense,
  type Extractor,
  embeddingCache,
  type FittedExtractor,
  type Json,
  MmubError,
  type Sequence,
  stepSink,
  vectorSink,
} from "@mmub/core";
import type { AudioInput } from "./audio-input.js";
import {
  type AudioModel,
  type AudioModelParams,
  audioModel,
  audioModelParams,
  checkModel,
  type Heard,
  savedModel,
} from "./audio-model.js";

const type = "@mmub/audio/audio-encoder";

/** How steps become a vector. */
type Pooling = "mean" | "meanstd" | "max";
const poolings = ["mean", "meanstd", "max", "none", "model"];

export interface AudioEncoderParams extends AudioModelParams {
  /**
   * How a vector of the recording is made of those of its steps: their mean, mean and deviation side by side ("meanstd", as of
   * x-vectors), or maximum. With "none" the steps themselves are given, as a Sequence, which a network with attention pooling learns
   * to weigh; with "model" the model has an output of one vector a recording. @default "mean"
   */
  readonly pooling?: Pooling | "none" | "model";
  /** Scale each vector to length 1, so that a dot product is the cosine. @default false */
  readonly normalize?: boolean;
  /** A folder that keeps what was computed: no recording is run twice. It grows without limit. @default null */
  readonly cache?: string | null;
}

/**
 * Vectors of recordings by a pretrained model in ONNX form: wav2vec2, HuBERT, speaker and event encoders, or a network that was trained
 * here. The model is frozen: `fit` loads and tries it and learns nothing.
 *
 * The model takes a waveform, [recordings, samples] or [recordings, 1, samples], or with `features` frames, [recordings, steps, cols] or
 * [recordings, cols, steps]; where it has them, inputs whose names hold "mask" and "length" are filled. Recordings of equal length run
 * together, so that values do not depend on what else is there.
 * Output: Dense, one row a recording, or with `pooling: "none"` a Sequence. A missing recording is a zero row, or one without steps, with
 * `present` 0.
 * Where the model is and how it is run are no part of `params`: what is saved holds its hash and refuses another (`saved-mismatch`).
 * Rejects with `missing-model` if it is not there or cannot be fetched, `invalid-input` for a model that takes or gives something else and
 * for recordings that cannot be read, with the index. Cost: that of the model. `dispose` frees it.
 *
 * @example
 * const encoder = audioEncoder({ model: "wav2vec2/model.onnx", standardize: true });
 * const fitted = await encoder.fit([]).catch(() => undefined); // missing-model where the file is not there
 * const features = await fitted?.transform(["call.wav"]); // Dense, 1 x 768
 * await fitted?.dispose?.();
 */
export function audioEncoder(
  params: AudioEncoderParams & { readonly pooling: "none" },
): Extractor<AudioInput, Sequence>;
export function audioEncoder(
  params: AudioEncoderParams & { readonly pooling?: Pooling | "model" },
): Extractor<AudioInput, Dense>;
export function audioEncoder(given: AudioEncoderParams): Extractor<AudioInput> {
  const { pooling = "mean", normalize = false, cache = null } = given ?? {};
  const check = (name: string, value: unknown, ok: boolean, want: string) => checkParam(type, name, value, ok, want);
  const model = audioModelParams(type, given);
  check("pooling", pooling, poolings.includes(pooling), `one of ${poolings.join(", ")}`);
  check("normalize", normalize, typeof normalize === "boolean", "true or false");
  check("cache", cache, cache === null || (typeof cache === "string" && cache !== ""), "a folder or null");
  const recipe = { type, params: { ...model, pooling, normalize } as Json };

  async function fitted(model: AudioModel): Promise<FittedExtractor<AudioInput>> {
    const width = model.width;
    const cols = pooling === "meanstd" ? 2 * width : width;
    const key = JSON.stringify([1, model.hash, recipe.params, model.output]);
    const files = cache === null ? undefined : await embeddingCache(type, cache, key);
    const kept = files && {
      async read(samples: Float32Array) {
        const [found] = await files.read([bytesOf(samples)]);
        return found && { data: found, steps: found.length / width, width, seconds: 0 };
      },
      write: (samples: Float32Array, { data }: Heard) => files.write(bytesOf(samples), data),
    };
    return {
      cols,
      async transform(inputs, options) {
        const sink = (pooling === "none" ? stepSink : vectorSink)(inputs.length, cols);
        const take = (row: number, { data }: Heard) => sink.set(row, numbersOf(data, width, pooling, normalize));
        await model.hear(inputs, { run: options, kept, take });
        return sink.features();
      },
      save: async () => savedModel(recipe, model),
      dispose: () => model.dispose(),
    };
  }

  async function open(signal?: AbortSignal): Promise<AudioModel> {
    const opened = await audioModel(type, given, signal);
    if (pooling !== "model" || !opened.ragged) return opened;
    await opened.dispose();
    throw new MmubError("invalid-input", {
      part: type,
      message: `output "${opened.output}" has steps, want one vector a recording with pooling "model"; name another output or pool its steps`,
    });
  }

  return {
    ...recipe,
    async fit(_, options) {
      options?.signal?.throwIfAborted();
      return fitted(await open(options?.signal));
    },
    load: async (saved) => fitted(await checkModel(saved, recipe, () => open())),
  };
}

const bytesOf = (samples: Float32Array) => new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);

function numbersOf(
  data: Float32Array,
  width: number,
  pooling: Pooling | "none" | "model",
  normalize: boolean,
): Float32Array {
  const steps = data.length / width;
  const own = pooling === "none" || pooling === "model";
  const out = own ? data.slice() : new Float32Array(pooling === "meanstd" ? 2 * width : width);
  if (!own)
    for (let col = 0; col < width; col++) {
      let [sum, squares, most] = [0, 0, Number.NEGATIVE_INFINITY];
      for (let at = col; at < data.length; at += width) {
        sum += data[at]!;
        most = Math.max(most, data[at]!);
      }
      const mean = sum / steps;
      for (let at = col; at < data.length; at += width) squares += (data[at]! - mean) ** 2;
      out[col] = pooling === "max" ? most : mean;
      if (pooling === "meanstd") out[width + col] = Math.sqrt(squares / steps);
    }
  if (!normalize) return out;
  const length = pooling === "none" ? width : out.length;
  for (let from = 0; from < out.length; from += length) {
    const row = out.subarray(from, from + length);
    const size = Math.max(1e-12, Math.hypot(...row));
    for (let i = 0; i < row.length; i++) row[i]! /= size;
  }
  return out;
}
