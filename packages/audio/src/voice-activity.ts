import {
  batches,
  checkParam,
  type Dense,
  dense,
  type Extractor,
  type Features,
  type FittedExtractor,
  isRemote,
  localPath,
  MmubError,
  modelHash,
  quantile,
  type RemoteFile,
  type RunOptions,
  type Saved,
  type Sequence,
  sequence,
  stackFeatures,
} from "@mmub/core";
import type { FrozenModel, OnnxRuntimeOptions } from "@mmub/nn";
import { type AudioInput, audioReader } from "./audio-input.js";
import { checkModel } from "./audio-model.js";
import { meanAndDeviation } from "./statistics.js";

const type = "@mmub/audio/voice-activity";

export interface VoiceActivityParams extends OnnxRuntimeOptions {
  /** Silero VAD 5 or 6 as ONNX: its path, its bytes, or where it is on the web with its checksum. null: by energy. @default null */
  readonly model?: string | URL | Uint8Array | RemoteFile | null;
  /** The rate at which everything is computed, in Hz; Silero's is 16000 or 8000. @default 16_000 */
  readonly sampleRateHz?: number;
  /** The probability from which a frame is speech, 0 to 1; a piece ends where it falls 0.15 below. @default 0.5 */
  readonly threshold?: number;
  /** Shorter pieces are none, in ms. @default 250 */
  readonly minSpeechMs?: number;
  /** Shorter silences do not end a piece, in ms. @default 100 */
  readonly minSilenceMs?: number;
  /** What is added on both sides of a piece, in ms. @default 30 */
  readonly padMs?: number;
  /** "statistics": a row a recording. "frames": the probability of each frame. @default "statistics" */
  readonly output?: "statistics" | "frames";
}

/** A piece of speech, in seconds. */
export interface SpeechPiece {
  readonly from: number;
  readonly to: number;
}

export interface VoiceActivity<Out extends Features = Features> extends Extractor<AudioInput, Out> {
  fit: (...args: Parameters<Extractor<AudioInput, Out>["fit"]>) => Promise<FittedVoiceActivity<Out>>;
  load(saved: Saved): Promise<FittedVoiceActivity<Out>>;
}

export interface FittedVoiceActivity<Out extends Features = Features> extends FittedExtractor<AudioInput, Out> {
  /** Where there is speech in each recording; null for null. */
  pieces(inputs: readonly (AudioInput | null)[], options?: RunOptions): Promise<(SpeechPiece[] | null)[]>;
}

const names = ["speech", "pieces", "piece length mean", "piece length std", "pause length mean", "pause length std"];

/**
 * Where in a recording someone speaks: by energy, which is built in and right where noise is even, or by Silero's network, which knows
 * speech from other sounds.
 *
 * By energy, a frame of 20 ms is as likely speech as it is louder than the noise: its level above a threshold that lies a third of the way
 * from the 10th to the 95th percentile of levels, 6 dB at least, through a sigmoid of 3 dB; below -70 dB of full scale nothing is speech. In a
 * recording of one even loudness, all above -45 dB is. Silero hears chunks of 512 samples at 16 kHz (256 at 8 kHz), and a little before each.
 *
 * Output: Dense, one row a recording: the share of "speech", "pieces" a second, mean and deviation of the lengths of pieces and of pauses between
 * them, in seconds; or with `output: "frames"` a Sequence of one probability a frame (20 ms; Silero 32 ms). A missing recording is a zero row or no
 * step, with `present` 0. `pieces` gives the times, by the rule of Silero's `get_speech_timestamps`.
 * What is saved holds the hash of the model, if there is one. Rejects with `missing-model` where it is not there, `invalid-input` for recordings
 * that cannot be read (with the index) and for another model. Cost: by energy some ms for a minute, Silero 0.3 s. `dispose` frees the model.
 * Source: Silero VAD, https://github.com/snakers4/silero-vad.
 *
 * @example
 * const samples = Float32Array.from({ length: 32_000 }, (_, i) => (i > 8_000 && i < 24_000 ? 0.3 : 0.001) * Math.sin(0.2 * i));
 * const fitted = await voiceActivity().fit([]);
 * console.log(await fitted.pieces([{ samples, sampleRateHz: 16_000 }])); // [[{ from: 0.47, to: 1.53 }]]
 */
export function voiceActivity(params: VoiceActivityParams & { readonly output: "frames" }): VoiceActivity<Sequence>;
export function voiceActivity(params?: VoiceActivityParams & { readonly output?: "statistics" }): VoiceActivity<Dense>;
export function voiceActivity(given: VoiceActivityParams = {}): VoiceActivity {
  const settings = checked(given);
  const { model, ...params } = settings;
  const { sampleRateHz, output } = params;
  const recipe = { type, params: { ...params, by: model === null ? "energy" : "model" } };
  const read = audioReader(type, sampleRateHz);
  const cols = output === "frames" ? 1 : names.length;

  function fitted(hear: Hear): FittedVoiceActivity {
    async function* heard(inputs: readonly (AudioInput | null)[], options: RunOptions | undefined) {
      for await (const { items, first } of batches(inputs, options, type))
        for (const [offset, input] of items.entries()) {
          options?.signal?.throwIfAborted();
          if (input === null) yield undefined;
          else {
            const samples = await read(input, first + offset);
            yield { samples, probabilities: await hear.frames(samples) };
          }
        }
    }
    return {
      cols,
      names: output === "frames" ? ["speech"] : names,
      async transform(inputs, options) {
        const rows: Features[] = [];
        for await (const one of heard(inputs, options)) rows.push(rowOf(one, settings, hear.hopSeconds));
        return rows.length > 0 ? stackFeatures(rows) : emptyRows(output);
      },
      async pieces(inputs, options) {
        const out: (SpeechPiece[] | null)[] = [];
        for await (const one of heard(inputs, options))
          out.push(
            one ? piecesOf(one.probabilities, hear.hopSeconds, one.samples.length / sampleRateHz, settings) : null,
          );
        return out;
      },
      save: async () => ({ ...recipe, version: 1, state: { model: hear.hash } }),
      ...(hear.dispose && { dispose: hear.dispose }),
    };
  }

  const open = async (signal?: AbortSignal): Promise<Hear> =>
    model === null ? byEnergy(sampleRateHz) : silero(model, sampleRateHz, given, signal);

  return {
    ...recipe,
    async fit(_, options) {
      options?.signal?.throwIfAborted();
      return fitted(await open(options?.signal));
    },
    load: async (saved) => fitted(await checkModel(saved, recipe, () => open())),
  };
}

/** What tells speech from the rest. */
interface Hear {
  readonly hash: string | null;
  readonly hopSeconds: number;
  frames(samples: Float32Array): Promise<Float32Array>;
  dispose?(): Promise<void>;
}

interface Settings {
  readonly model: string | URL | Uint8Array | RemoteFile | null;
  readonly sampleRateHz: number;
  readonly threshold: number;
  readonly minSpeechMs: number;
  readonly minSilenceMs: number;
  readonly padMs: number;
  readonly output: "statistics" | "frames";
}

function checked(given: VoiceActivityParams): Settings {
  const { model = null, sampleRateHz = 16_000, threshold = 0.5, output = "statistics" } = given;
  const { minSpeechMs = 250, minSilenceMs = 100, padMs = 30 } = given;
  const check = (name: string, value: unknown, ok: boolean, want: string) => checkParam(type, name, value, ok, want);
  const isFile =
    model === null ||
    typeof model === "string" ||
    model instanceof URL ||
    model instanceof Uint8Array ||
    isRemote(model);
  check("model", model, isFile, "the path or bytes of an ONNX model, { url, sha256 } or null");
  const isRate =
    model === null
      ? Number.isInteger(sampleRateHz) && sampleRateHz >= 4000 && sampleRateHz <= 192_000
      : sampleRateHz === 16_000 || sampleRateHz === 8_000;
  check("sampleRateHz", sampleRateHz, isRate, model === null ? "an integer from 4000 to 192000" : "16000 or 8000");
  check("threshold", threshold, threshold >= 0 && threshold <= 1, "a probability, 0 to 1");
  for (const [name, value] of Object.entries({ minSpeechMs, minSilenceMs, padMs }))
    check(name, value, value >= 0 && value < 1e7, "a number of ms from 0");
  check("output", output, output === "statistics" || output === "frames", `"statistics" or "frames"`);
  return { model, sampleRateHz, threshold, minSpeechMs, minSilenceMs, padMs, output };
}

const frameSeconds = 0.02;
const quietest = -70;
const evenLoudness = -45;

function byEnergy(rate: number): Hear {
  const length = Math.round(frameSeconds * rate);
  return {
    hash: null,
    hopSeconds: length / rate,
    async frames(samples) {
      const levels = Float32Array.from({ length: Math.ceil(samples.length / length) }, (_, t) => {
        const frame = samples.subarray(t * length, (t + 1) * length);
        const mean = frame.reduce((sum, value) => sum + value, 0) / frame.length;
        const power = frame.reduce((sum, value) => sum + (value - mean) ** 2, 0) / frame.length;
        return 10 * Math.log10(Math.max(1e-12, power));
      });
      const sorted = levels.slice().sort();
      const noise = Math.max(quietest, quantile(sorted, 0.1));
      const loud = quantile(sorted, 0.95);
      const threshold = loud - noise < 6 ? Math.min(evenLoudness, loud - 6) : noise + Math.max(6, (loud - noise) / 3);
      const least = loud - noise < 6 ? evenLoudness : quietest;
      return levels.map((level) => (level < least ? 0 : 1 / (1 + Math.exp((threshold - level) / 3))));
    },
  };
}

async function silero(
  model: NonNullable<Settings["model"]>,
  rate: number,
  options: OnnxRuntimeOptions,
  signal?: AbortSignal,
): Promise<Hear> {
  const source = model instanceof Uint8Array ? model : await localPath(type, model, signal);
  const hash = await modelHash(type, source);
  const { onnxModel } = await import("@mmub/nn");
  const network = await onnxModel(source, options);
  const want = ["input", "state", "sr"];
  if (network.inputs.length !== 3 || !network.inputs.every(({ name }) => want.includes(name))) {
    await network.dispose();
    throw new MmubError("invalid-input", {
      part: type,
      message: `the model takes ${network.inputs.map(({ name }) => name).join(", ")}, want ${want.join(", ")}, as of Silero VAD 5 or 6`,
    });
  }
  const length = rate === 16_000 ? 512 : 256;
  let last: Promise<unknown> = Promise.resolve();
  return {
    hash,
    hopSeconds: length / rate,
    // One recording after the other: they would not be faster together.
    frames(samples) {
      const next = last.then(() => chunks(network, samples, length, rate));
      last = next.catch(() => {});
      return next;
    },
    dispose: () => network.dispose(),
  };
}

async function chunks(
  network: FrozenModel,
  samples: Float32Array,
  length: number,
  rate: number,
): Promise<Float32Array> {
  // Silero hears the end of the chunk before, too.
  const before = length / 8;
  const out = new Float32Array(Math.ceil(samples.length / length));
  let state: Float32Array = new Float32Array(2 * 128);
  for (let t = 0; t < out.length; t++) {
    const data = new Float32Array(before + length);
    const from = t * length - before;
    data.set(samples.subarray(Math.max(0, from), t * length + length), Math.max(0, -from));
    const results = await network.run({
      input: { shape: [1, before + length], data },
      state: { shape: [2, 1, 128], data: state },
      sr: { shape: [], data: [rate] },
    });
    out[t] = (results.output!.data as Float32Array)[0]!;
    state = results.stateN!.data as Float32Array;
  }
  return out;
}

/** Pieces of speech, by the rule of Silero's get_speech_timestamps. */
function piecesOf(probabilities: Float32Array, hop: number, seconds: number, settings: Settings): SpeechPiece[] {
  const { threshold, minSpeechMs, minSilenceMs, padMs } = settings;
  const found: { from: number; to: number }[] = [];
  let from: number | undefined;
  let quietFrom: number | undefined;
  const close = (to: number) => {
    if (from !== undefined && to - from >= minSpeechMs / 1000) found.push({ from, to });
    from = quietFrom = undefined;
  };
  for (let t = 0; t < probabilities.length; t++) {
    if (probabilities[t]! >= threshold) {
      from ??= t * hop;
      quietFrom = undefined;
    } else if (from !== undefined && probabilities[t]! < threshold - 0.15) {
      quietFrom ??= t * hop;
      if ((t + 1) * hop - quietFrom >= minSilenceMs / 1000 - 1e-9) close(quietFrom);
    }
  }
  close(quietFrom ?? seconds);
  // Pads of neighbours share the silence between them.
  const pad = padMs / 1000;
  return found.map((piece, i) => {
    const gapBefore = i === 0 ? Number.POSITIVE_INFINITY : piece.from - found[i - 1]!.to;
    const gapAfter = i === found.length - 1 ? Number.POSITIVE_INFINITY : found[i + 1]!.from - piece.to;
    return {
      from: Math.max(0, piece.from - Math.min(pad, gapBefore / 2)),
      to: Math.min(seconds, piece.to + Math.min(pad, gapAfter / 2)),
    };
  });
}

function rowOf(
  one: { readonly samples: Float32Array; readonly probabilities: Float32Array } | undefined,
  settings: Settings,
  hop: number,
): Features {
  if (settings.output === "frames") {
    const data = one?.probabilities ?? new Float32Array(0);
    const out = sequence(1, Uint32Array.of(0, data.length), data);
    if (!one) out.present[0] = 0;
    return out;
  }
  const out = dense(1, names.length);
  if (!one) {
    out.present[0] = 0;
    return out;
  }
  const seconds = one.samples.length / settings.sampleRateHz;
  const pieces = piecesOf(one.probabilities, hop, seconds, settings);
  const lengths = pieces.map(({ from, to }) => to - from);
  const pauses = pieces.slice(1).map(({ from }, i) => from - pieces[i]!.to);
  out.data.set([
    lengths.reduce((sum, length) => sum + length, 0) / seconds,
    pieces.length / seconds,
    ...meanAndDeviation(lengths),
    ...meanAndDeviation(pauses),
  ]);
  return out;
}

const emptyRows = (output: Settings["output"]): Features =>
  output === "frames" ? sequence(1, Uint32Array.of(0), new Float32Array(0)) : dense(0, names.length);
