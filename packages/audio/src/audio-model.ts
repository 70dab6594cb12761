import {
  checkParam,
  checkSaved,
  type Extractor,
  type FittedExtractor,
  isRemote,
  type Json,
  listed,
  localPath,
  MmubError,
  modelHash,
  pace,
  progress,
  type RemoteFile,
  type RunOptions,
  rejectInput,
  type Saved,
  type Sequence,
  show,
  turn,
} from "@mmub/core";
import type { FrozenModel, OnnxFeed, OnnxRuntimeOptions, OnnxTensorInfo } from "@mmub/nn";
import { type AudioInput, audioReader, sampleRates } from "./audio-input.js";

export interface AudioModelParams extends OnnxRuntimeOptions {
  /** The ONNX model: its path, its bytes, or where it is on the web with its checksum. */
  readonly model: string | URL | Uint8Array | RemoteFile;
  /** What the model takes instead of the waveform: an extractor of frames that learns nothing, such as `mfcc({ output: "frames" })`. */
  readonly features?: Extractor<AudioInput, Sequence> | null;
  /** The rate of the waveform that the model takes, in Hz; recordings of other rates are resampled. @default 16_000 */
  readonly sampleRateHz?: number;
  /** Bring each waveform to mean 0 and deviation 1, as most wav2vec2 want it (`do_normalize`). @default false */
  readonly standardize?: boolean;
  /** The output of the model to take. @default the first */
  readonly output?: string | null;
}

/** What a model makes of a recording: `steps` rows of `width` numbers, or one where it gives one vector a recording. */
export interface Heard {
  readonly data: Float32Array;
  readonly steps: number;
  readonly width: number;
  readonly seconds: number;
}

export interface AudioModel {
  readonly hash: string;
  readonly output: string;
  /** Of its output. */
  readonly width: number;
  /** Whether the output has steps. */
  readonly ragged: boolean;
  /** Hears each recording that is not null and gives the result to `take`, with its row, in any order. */
  hear(inputs: readonly (AudioInput | null)[], options: HearOptions): Promise<void>;
  dispose(): Promise<void>;
}

interface HearOptions {
  readonly run: RunOptions | undefined;
  /** What is known of a recording already, so that it need not run, and where what was heard is kept. */
  readonly kept?:
    | {
        read(samples: Float32Array): Promise<Heard | undefined>;
        write(samples: Float32Array, heard: Heard): Promise<void>;
      }
    | undefined;
  readonly take: (row: number, heard: Heard) => void;
}

/** A model that cannot tell how wide it is without running has run this long, in seconds. */
const probeSeconds = 0.5;

/** The params of the model that are saved, with the defaults filled in. */
export function audioModelParams(part: string, given: AudioModelParams) {
  const { model, features = null, sampleRateHz = 16_000, standardize = false, output = null } = given ?? {};
  const check = (name: string, value: unknown, ok: boolean, want: string) => checkParam(part, name, value, ok, want);
  const isFile = typeof model === "string" || model instanceof URL || model instanceof Uint8Array || isRemote(model);
  check("model", model, isFile, "the path or bytes of an ONNX model, or { url, sha256 }");
  check("features", features, features === null || typeof features?.fit === "function", "an extractor or null");
  const isRate = Number.isInteger(sampleRateHz) && sampleRateHz >= sampleRates.from && sampleRateHz <= sampleRates.to;
  check("sampleRateHz", sampleRateHz, isRate, `an integer from ${sampleRates.from} to ${sampleRates.to}`);
  check("standardize", standardize, typeof standardize === "boolean", "true or false");
  check("output", output, output === null || typeof output === "string", "the name of an output or null");
  return {
    features: features && { type: features.type, params: features.params },
    sampleRateHz,
    standardize,
    output,
  };
}

export async function audioModel(part: string, given: AudioModelParams, signal?: AbortSignal): Promise<AudioModel> {
  const { features, sampleRateHz, standardize, output } = {
    ...audioModelParams(part, given),
    features: given.features,
  };
  const source = given.model instanceof Uint8Array ? given.model : await localPath(part, given.model, signal);
  const hash = await modelHash(part, source);
  signal?.throwIfAborted();
  // On first use: with it, importing this package takes twice as long.
  const { onnxModel } = await import("@mmub/nn");
  const model = await onnxModel(source, given);
  try {
    const frames = await features?.fit([], signal ? { signal } : {});
    return await opened(part, model, hash, { frames, sampleRateHz, standardize, output });
  } catch (error) {
    await model.dispose();
    throw error;
  }
}

interface Settings {
  readonly frames: FittedExtractor<AudioInput, Sequence> | undefined;
  readonly sampleRateHz: number;
  readonly standardize: boolean;
  readonly output: string | null;
}

/** A recording made ready: what the model is fed with, row-major. */
interface Ready {
  readonly row: number;
  readonly samples: Float32Array;
  readonly data: Float32Array;
  readonly length: number;
}

async function opened(part: string, model: FrozenModel, hash: string, settings: Settings): Promise<AudioModel> {
  const { frames, sampleRateHz, standardize } = settings;
  const fail = (message: string): never => {
    throw new MmubError("invalid-input", { part, message });
  };
  const cols = frames?.cols ?? 1;
  const main =
    model.inputs.find(({ name, dtype }) => dtype.startsWith("float") && !isExtra(name)) ??
    fail(`the model takes ${listed(model.inputs.map(({ name }) => name))}, want an input of floats for sound`);
  const foreign = model.inputs.find((input) => input !== main && !isExtra(input.name));
  if (foreign) fail(`the model takes "${foreign.name}" too, want ${main.name} and at most a mask and lengths`);
  const layout = layoutOf(main, frames ? cols : undefined);
  const name = settings.output ?? model.outputs[0]?.name ?? fail("the model has no output");
  const read = audioReader(part, sampleRateHz);

  const prepared = async (input: AudioInput, row: number): Promise<Ready> => {
    const samples = await read(input, row);
    if (!frames) {
      const data = standardize ? standardized(samples) : samples;
      return { row, samples, data, length: samples.length };
    }
    const { data, offsets } = await frames.transform([{ samples, sampleRateHz }]);
    if (offsets[1] === 0) rejectInput(part, row, input, "a recording long enough for a frame");
    return { row, samples, data, length: offsets[1]! };
  };

  // Of the output.
  let rank = 0;
  async function runBatch(batch: readonly Ready[]): Promise<Heard[]> {
    const { length } = batch[0]!;
    const steps = layout.steps ?? length;
    if (length > steps)
      rejectInput(
        part,
        batch[0]!.row,
        batch[0]!.samples,
        `a recording of at most ${steps} ${frames ? "frames" : "samples"}, for which the model was made; cut it into pieces`,
      );
    const feeds: Record<string, OnnxFeed> = {};
    for (const input of model.inputs) feeds[input.name] = feedOf(input, input === main, batch, steps, cols, layout);
    const { [name]: got } = await model.run(feeds, { outputs: [name] });
    const { shape, data, dtype } = got!;
    if (!dtype.startsWith("float") || shape.length < 2 || shape.length > 3 || shape[0] !== batch.length)
      fail(
        `output "${name}" is ${dtype} [${shape.join(", ")}], want floats [recordings, width] or [recordings, steps, width]`,
      );
    rank = shape.length;
    const [width, all] = [shape.at(-1)!, shape.length === 3 ? shape[1]! : 1];
    const own = shape.length === 3 ? Math.min(all, Math.ceil((all * length) / steps)) : 1;
    return batch.map(({ row, samples }, i) => {
      const numbers = (data as Float32Array).slice(i * all * width, (i * all + own) * width);
      if (!numbers.every(Number.isFinite))
        rejectInput(part, row, samples, "a recording that the model gives finite numbers of");
      return { data: numbers, steps: own, width, seconds: samples.length / sampleRateHz };
    });
  }

  let disposed: Promise<void> | undefined;
  const probe = new Float32Array(Math.round(probeSeconds * sampleRateHz));
  for (let i = 0; i < probe.length; i++) probe[i] = 0.1 * Math.sin(0.3 * i);
  const [tried] = await runBatch([await prepared({ samples: probe, sampleRateHz }, 0)]);

  return {
    hash,
    output: name,
    width: tried!.width,
    ragged: rank === 3,
    async hear(inputs, { run: options, kept, take }) {
      if (!Array.isArray(inputs))
        throw new MmubError("invalid-input", { part, message: `inputs are ${show(inputs)}, want an array` });
      if (disposed) fail("the model was disposed of; fit or load it again");
      const { signal, batchSize = 256 } = options ?? {};
      checkParam(part, "batchSize", batchSize, Number.isInteger(batchSize) && batchSize > 0, "a positive integer");
      const report = progress(options, part, inputs.length);
      const pause = pace(signal);
      let done = 0;
      await turn(signal);
      for (let first = 0; first < inputs.length; first += batchSize) {
        // Only those of one length run together: what is padded could change what a model without a mask gives.
        const byLength = new Map<number, Ready[]>();
        const last = Math.min(first + batchSize, inputs.length);
        for (let row = first; row < last; row++) {
          const input = inputs[row]!;
          if (input === null) {
            done++;
            continue;
          }
          const ready = await prepared(input, row);
          const found = await kept?.read(ready.samples);
          if (found) {
            take(row, found);
            report(++done);
          } else byLength.set(ready.length, [...(byLength.get(ready.length) ?? []), ready]);
          await pause();
        }
        for (const all of byLength.values())
          for (let from = 0; from < all.length; from += layout.rows) {
            await turn(signal);
            const batch = all.slice(from, from + layout.rows);
            for (const [i, heard] of (await runBatch(batch)).entries()) {
              take(batch[i]!.row, heard);
              await kept?.write(batch[i]!.samples, heard);
            }
            done += batch.length;
            report(done);
          }
      }
      signal?.throwIfAborted();
      report(inputs.length);
    },
    dispose() {
      disposed ??= model.dispose();
      return disposed;
    },
  };
}

const isExtra = (name: string) => /mask|length/i.test(name);

interface Layout {
  /** Of models made for one length. */
  readonly steps: number | undefined;
  /** Recordings that may run together. */
  readonly rows: number;
  /** Columns stand in front of the steps. */
  readonly turned: boolean;
  readonly rank: 2 | 3;
}

/** Recordings of one length that run together: more would not be faster on a CPU. */
const together = 8;

function layoutOf({ shape = [] }: OnnxTensorInfo, cols: number | undefined): Layout {
  const fixed = (length: number | string | undefined) =>
    typeof length === "number" && length > 0 ? length : undefined;
  const rank = shape.length === 2 || (shape.length !== 3 && cols === undefined) ? 2 : 3;
  const turned = rank === 3 && (cols === undefined ? shape[1] === 1 : shape[1] === cols && shape[2] !== cols);
  return { steps: fixed(shape[turned ? 2 : 1]), rows: Math.min(together, fixed(shape[0]) ?? together), turned, rank };
}

function feedOf(
  { name }: OnnxTensorInfo,
  isMain: boolean,
  batch: readonly Ready[],
  steps: number,
  cols: number,
  { turned, rank }: Layout,
): OnnxFeed {
  const rows = batch.length;
  if (!isMain) {
    if (!/mask/i.test(name)) return { shape: [rows], data: batch.map(({ length }) => length) };
    const mask = new Int32Array(rows * steps);
    for (const [i, { length }] of batch.entries()) mask.fill(1, i * steps, i * steps + length);
    return { shape: [rows, steps], data: mask };
  }
  const data = new Float32Array(rows * steps * cols);
  for (const [i, { data: own, length }] of batch.entries()) {
    const at = i * steps * cols;
    if (!turned) data.set(own, at);
    else
      for (let step = 0; step < length; step++)
        for (let col = 0; col < cols; col++) data[at + col * steps + step] = own[step * cols + col]!;
  }
  if (rank === 2) return { shape: [rows, steps], data };
  return { shape: turned ? [rows, cols, steps] : [rows, steps, cols], data };
}

function standardized(samples: Float32Array): Float32Array {
  const mean = samples.reduce((sum, value) => sum + value, 0) / samples.length;
  const variance = samples.reduce((sum, value) => sum + (value - mean) ** 2, 0) / samples.length;
  const scale = 1 / Math.sqrt(variance + 1e-7);
  return samples.map((value) => (value - mean) * scale);
}

/** `save` of a part that holds a model, and what `load` refuses. */
export function savedModel(recipe: { readonly type: string; readonly params: Json }, model: AudioModel): Saved {
  return { ...recipe, version: 1, state: { model: model.hash, width: model.width } };
}

export async function checkModel<M extends { readonly hash: string | null; dispose?(): Promise<void> }>(
  saved: Saved,
  recipe: { readonly type: string; readonly params: Json },
  open: () => Promise<M>,
): Promise<M> {
  const state = checkSaved(saved, recipe, 1).state as { readonly model?: string | null } | null;
  const model = await open();
  if ((state?.model ?? null) === model.hash) return model;
  await model.dispose?.();
  throw new MmubError("saved-mismatch", {
    part: recipe.type,
    message: `the model has SHA-256 ${model.hash}, when saved ${state?.model}; give the one that it was fitted with`,
    saved: state?.model,
  });
}
