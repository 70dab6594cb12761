import { readFile } from "node:fs/promises";
import {
  batches,
  checkParam,
  checkSaved,
  type FittedTextReader,
  isRemote,
  localPath,
  MmubError,
  modelHash,
  type RemoteFile,
  type RunOptions,
  type TextReader,
  turn,
} from "@mmub/core";
import type { FrozenModel, OnnxFeed, OnnxRuntimeOptions } from "@mmub/nn";
import { type AudioInput, audioReader } from "./audio-input.js";
import { melSpectra } from "./spectra.js";

const type = "@mmub/audio/whisper-recognizer";

type Source = string | URL | Uint8Array | RemoteFile;

export interface WhisperRecognizerParams extends OnnxRuntimeOptions {
  /** `encoder_model.onnx`: its path, its bytes, or where it is on the web with its checksum. */
  readonly encoder: Source;
  /** `decoder_model.onnx`, which hears all tokens at once. */
  readonly decoder: Source;
  /** `decoder_with_past_model.onnx`, which hears one token and what is kept of those before: many times as fast. @default null */
  readonly decoderWithPast?: Source | null;
  /** The `tokenizer.json` that came with them, or what JSON.parse makes of it. */
  readonly tokenizer: string | URL | Uint8Array | RemoteFile | object;
  /** The language that is spoken, as "en"; null: the likeliest by the first 30 s, where the model knows several. Models of English alone (tiny.en) are told none. @default null */
  readonly language?: string | null;
  /** "translate": into English. @default "transcribe" */
  readonly task?: "transcribe" | "translate";
  /** Whether the model tells when segments begin and end, which also lets windows begin where a segment has ended. @default false */
  readonly timestamps?: boolean;
  /** Texts that are kept at each token; 1: the likeliest token each time (greedy). @default 1 */
  readonly beamWidth?: number;
  /** Tokens of a window of 30 s, at most. @default 224 */
  readonly maxTokens?: number;
}

/** What was said between two times, in seconds. */
export interface WhisperSegment {
  readonly text: string;
  readonly from: number;
  readonly to: number;
}

export interface WhisperTranscript {
  readonly text: string;
  /** Windows of 30 s; with `timestamps` the model's own segments. */
  readonly segments: readonly WhisperSegment[];
  /** What was given or heard; null of a model that knows one. */
  readonly language: string | null;
}

export interface WhisperRecognizer extends TextReader<AudioInput> {
  fit: (...args: Parameters<TextReader<AudioInput>["fit"]>) => Promise<FittedWhisperRecognizer>;
  load: (...args: Parameters<TextReader<AudioInput>["load"]>) => Promise<FittedWhisperRecognizer>;
}

export interface FittedWhisperRecognizer extends FittedTextReader<AudioInput> {
  /** What `read` gives, with segments and language. */
  recognize(inputs: readonly (AudioInput | null)[], options?: RunOptions): Promise<(WhisperTranscript | null)[]>;
}

const rate = 16_000;
const windowSeconds = 30;
const hop = 160;

/**
 * Speech to text by Whisper in ONNX form, as `optimum-cli export onnx` writes it: encoder, decoder, and the decoder that keeps what it has
 * computed. Greedy or by beams; the score of a text is the mean of its tokens' log probabilities.
 *
 * Recordings are heard in windows of 30 s: one after the other, or with `timestamps` each from where the last whole segment ended. Output: a text for
 * each recording, null for null; `recognize` tells segments and language. `fit` learns nothing. What is saved holds the hashes of the models and refuses
 * others. Rejects with `missing-model` where a file is not there, `invalid-input` for models and tokenizers that are no Whisper's, and for recordings that
 * cannot be read, with the index. Cost: that of the model, the decoder once a token and beam. `dispose` frees them.
 * Source: Radford et al. 2022, https://arxiv.org/abs/2212.04356; timestamps by the rules of openai/whisper's `ApplyTimestampRules`.
 *
 * @example
 * const whisper = whisperRecognizer({
 *   encoder: "whisper-tiny/encoder_model.onnx",
 *   decoder: "whisper-tiny/decoder_model.onnx",
 *   decoderWithPast: "whisper-tiny/decoder_with_past_model.onnx",
 *   tokenizer: "whisper-tiny/tokenizer.json",
 * });
 * const fitted = await whisper.fit([]).catch(() => undefined); // missing-model where the files are not there
 * const [text] = (await fitted?.read(["call.wav"])) ?? [];
 * await fitted?.dispose?.();
 */
export function whisperRecognizer(given: WhisperRecognizerParams): WhisperRecognizer {
  const { decoderWithPast = null, language = null, task = "transcribe", timestamps = false } = given ?? {};
  const { beamWidth = 1, maxTokens = 224 } = given ?? {};
  const check = (name: string, value: unknown, ok: boolean, want: string) => checkParam(type, name, value, ok, want);
  const isSource = (value: unknown) =>
    typeof value === "string" || value instanceof URL || value instanceof Uint8Array || isRemote(value);
  const want = "the path or bytes of an ONNX model, or { url, sha256 }";
  check("encoder", given?.encoder, isSource(given?.encoder), want);
  check("decoder", given.decoder, isSource(given.decoder), want);
  check("decoderWithPast", decoderWithPast, decoderWithPast === null || isSource(decoderWithPast), `${want}, or null`);
  const isTokenizer = isSource(given.tokenizer) || (typeof given.tokenizer === "object" && given.tokenizer !== null);
  check("tokenizer", given.tokenizer, isTokenizer, "the path, bytes or content of its tokenizer.json");
  check("language", language, language === null || /^[a-z]{2,3}$/.test(language), 'a code such as "en", or null');
  check("task", task, task === "transcribe" || task === "translate", '"transcribe" or "translate"');
  check("timestamps", timestamps, typeof timestamps === "boolean", "true or false");
  check(
    "beamWidth",
    beamWidth,
    Number.isInteger(beamWidth) && beamWidth >= 1 && beamWidth <= 64,
    "an integer from 1 to 64",
  );
  check("maxTokens", maxTokens, Number.isInteger(maxTokens) && maxTokens >= 1, "a positive integer");
  const settings = { language, task, timestamps, beamWidth, maxTokens };
  const recipe = { type, params: settings };

  async function open(signal?: AbortSignal): Promise<FittedWhisperRecognizer & { readonly hash: string }> {
    const path = async (source: Source) => (source instanceof Uint8Array ? source : localPath(type, source, signal));
    const sources = await Promise.all(
      [given.encoder, given.decoder, ...(decoderWithPast ? [decoderWithPast] : [])].map(path),
    );
    const hash = (await Promise.all(sources.map((source) => modelHash(type, source)))).join(" ");
    const words = tokensOf(await tokenizerJson(given.tokenizer, signal));
    const { onnxModel } = await import("@mmub/nn");
    const models: FrozenModel[] = [];
    try {
      for (const source of sources) models.push(await onnxModel(source, given));
      const mels = melsOf(models[0]!);
      return { ...fitted(models, mels, words, hash), hash };
    } catch (error) {
      for (const model of models) await model.dispose();
      throw error;
    }
  }

  function fitted(models: readonly FrozenModel[], mels: number, words: Tokens, hash: string): FittedWhisperRecognizer {
    const read = audioReader(type, rate);
    const hear = logMel(mels);
    const [encoder, decoder, withPast] = models as [FrozenModel, FrozenModel, FrozenModel?];
    const transcribe = async (samples: Float32Array, signal?: AbortSignal): Promise<WhisperTranscript> => {
      let spoken: string | null = null;
      const segments: WhisperSegment[] = [];
      for (let from = 0; from < samples.length; ) {
        await turn(signal);
        const window = samples.subarray(from, from + windowSeconds * rate);
        const frames = (windowSeconds * rate) / hop;
        const feeds = { [encoder.inputs[0]!.name]: { shape: [1, mels, frames], data: hear(window) } };
        const [hidden] = Object.values(await encoder.run(feeds));
        const step = stepper(decoder, withPast, { shape: hidden!.shape, data: hidden!.data as Float32Array });
        if (from === 0) {
          const { logs } = await step([words.start], undefined);
          spoken = logs.length === englishTokens ? null : (language ?? likeliestLanguage(logs, words));
        }
        const prompt = promptOf(words, spoken, task, timestamps);
        const tokens = await search(step, prompt, words, settings, signal);
        const length = window.length / rate;
        const { found, next } = segmentsOf(tokens, words, from / rate, length, timestamps);
        segments.push(...found);
        from += Math.max(1, Math.round(next * rate));
      }
      const text = segments
        .map((segment) => segment.text)
        .join(" ")
        .trim();
      return { text, segments, language: spoken };
    };
    const recognize: FittedWhisperRecognizer["recognize"] = async (inputs, options) => {
      const out: (WhisperTranscript | null)[] = [];
      for await (const { items, first } of batches(inputs, options, type))
        for (const [offset, input] of items.entries())
          out.push(input === null ? null : await transcribe(await read(input, first + offset), options?.signal));
      return out;
    };
    return {
      recognize,
      read: async (inputs, options) => (await recognize(inputs, options)).map((one) => one?.text ?? null),
      save: async () => ({ ...recipe, version: 1, state: { models: hash } }),
      async dispose() {
        for (const model of models) await model.dispose();
      },
    };
  }

  return {
    ...recipe,
    async fit(_, options) {
      options?.signal?.throwIfAborted();
      return open(options?.signal);
    },
    async load(saved) {
      const state = checkSaved(saved, recipe, 1).state as { readonly models?: string } | null;
      const opened = await open();
      if (state?.models === opened.hash) return opened;
      await opened.dispose?.();
      throw new MmubError("saved-mismatch", {
        part: type,
        message: `the models have SHA-256 ${opened.hash}, when saved ${state?.models}; give those that it was fitted with`,
        saved: state?.models,
      });
    },
  };
}

const refuse = (message: string): never => {
  throw new MmubError("invalid-input", { part: type, message });
};

function melsOf(encoder: FrozenModel): number {
  const [, mels] = encoder.inputs[0]?.shape ?? [];
  if (encoder.inputs.length !== 1 || typeof mels !== "number" || mels < 1)
    refuse(
      `the encoder takes ${encoder.inputs.map(({ name }) => name).join(", ")}, want input_features [1, mels, frames]`,
    );
  return mels as number;
}

/** The spectrogram of a window, as Whisper hears it: [mels, frames]. */
function logMel(mels: number): (samples: Float32Array) => Float32Array {
  const fftSize = 400;
  const frames = (windowSeconds * rate) / hop;
  const { frames: bandsOf } = melSpectra({
    ...{ fftSize, windowLength: fftSize, hopLength: hop, window: "hann", center: true, padMode: "reflect", power: 2 },
    ...{ sampleRateHz: rate, mels, fMinHz: 0, fMaxHz: rate / 2, htk: false, melNorm: "slaney" },
  });
  return (samples) => {
    const padded = new Float32Array(windowSeconds * rate);
    padded.set(samples);
    // The last frame, which begins where the window ends, is left out.
    const bands = bandsOf(padded);
    const out = new Float32Array(mels * frames);
    let top = Number.NEGATIVE_INFINITY;
    for (let t = 0; t < frames; t++)
      for (let mel = 0; mel < mels; mel++) {
        const level = Math.log10(Math.max(1e-10, bands[t * mels + mel]!));
        out[mel * frames + t] = level;
        if (level > top) top = level;
      }
    return out.map((level) => (Math.max(level, top - 8) + 4) / 4);
  };
}

/** What the tokens of a Whisper stand for. */
interface Tokens {
  readonly start: number;
  readonly end: number;
  readonly noTimestamps: number;
  /** Of 0 s; each after it is 0.02 s later. */
  readonly firstTime: number;
  readonly special: ReadonlyMap<string, number>;
  text(ids: readonly number[]): string;
}

async function tokenizerJson(source: WhisperRecognizerParams["tokenizer"], signal?: AbortSignal): Promise<object> {
  const local = typeof source === "string" || source instanceof URL || isRemote(source);
  if (!local && !(source instanceof Uint8Array)) return source;
  let place = "the tokenizer";
  try {
    if (source instanceof Uint8Array) return JSON.parse(new TextDecoder().decode(source));
    place = await localPath(type, source as string | URL | RemoteFile, signal);
    return JSON.parse(await readFile(place, "utf8"));
  } catch (cause) {
    if (MmubError.is(cause)) throw cause;
    throw new MmubError("missing-model", {
      part: type,
      message: `cannot read ${place}: ${(cause as Error).message}; give the tokenizer.json that came with the model`,
      cause,
    });
  }
}

function tokensOf(json: object): Tokens {
  const { model, added_tokens: added = [] } = json as {
    readonly model?: { readonly vocab?: Readonly<Record<string, number>> };
    readonly added_tokens?: readonly { readonly id: number; readonly content: string }[];
  };
  const special = new Map(added.map(({ id, content }) => [content, id]));
  const idOf = (token: string) =>
    special.get(token) ?? refuse(`the tokenizer has no ${token}, want that of a Whisper model`);
  const pieces = new Map(Object.entries(model?.vocab ?? {}).map(([piece, id]) => [id, piece]));
  const bytes = byteLetters();
  const specials = new Set(special.values());
  const noTimestamps = idOf("<|notimestamps|>");
  return {
    start: idOf("<|startoftranscript|>"),
    end: idOf("<|endoftext|>"),
    noTimestamps,
    firstTime: noTimestamps + 1,
    special,
    text(ids) {
      const letters = ids
        .filter((id) => !specials.has(id) && id <= noTimestamps)
        .map((id) => pieces.get(id) ?? "")
        .join("");
      return new TextDecoder().decode(Uint8Array.from([...letters], (letter) => bytes.get(letter) ?? 0));
    },
  };
}

// GPT-2 writes each byte as a letter that can be seen.
function byteLetters(): Map<string, number> {
  const letters = new Map<string, number>();
  let next = 256;
  for (let byte = 0; byte < 256; byte++) {
    const seen = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    letters.set(String.fromCodePoint(seen ? byte : next++), byte);
  }
  return letters;
}

/** What a decoder keeps of the tokens that it has heard. */
type Past = Readonly<Record<string, OnnxFeed>> | undefined;
/** The log probabilities of the next token. */
type Step = (tokens: readonly number[], past: Past) => Promise<{ readonly logs: Float64Array; readonly past: Past }>;

function stepper(decoder: FrozenModel, withPast: FrozenModel | undefined, hidden: OnnxFeed): Step {
  const want = ["input_ids", "encoder_hidden_states"];
  for (const { name } of decoder.inputs)
    if (!want.includes(name)) refuse(`the decoder takes "${name}", want ${want.join(" and ")}`);
  return async (tokens, past) => {
    const cached = withPast !== undefined && past !== undefined;
    const model = cached ? withPast : decoder;
    const ids = cached ? tokens.slice(-1) : tokens;
    const feeds: Record<string, OnnxFeed> = {};
    for (const { name } of model.inputs) {
      if (name === "input_ids") feeds[name] = { shape: [1, ids.length], data: [...ids] };
      else if (name === "encoder_hidden_states") feeds[name] = hidden;
      else
        feeds[name] = past?.[name] ?? refuse(`the decoder with past takes "${name}", which the decoder does not give`);
    }
    const results = await model.run(feeds);
    const logits = results.logits ?? refuse("the decoder gives no logits");
    const classes = logits.shape.at(-1)!;
    const last = (logits.data as Float32Array).subarray(-classes);
    const kept: Record<string, OnnxFeed> = { ...past };
    // What is kept of the recording is given once, and stays.
    for (const [name, { shape, data }] of Object.entries(results))
      if (name.startsWith("present")) kept[name.replace(/^present(_key_values)?/, "past_key_values")] = { shape, data };
    return { logs: logSoftmax(last), past: withPast ? kept : undefined };
  };
}

function logSoftmax(logits: Float32Array): Float64Array {
  let most = Number.NEGATIVE_INFINITY;
  for (const logit of logits) most = Math.max(most, logit);
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - most);
  return Float64Array.from(logits, (logit) => logit - most - Math.log(sum));
}

// Of models that know English alone, whose tokenizer has the tokens of other languages, too.
const englishTokens = 51_864;

function likeliestLanguage(logs: Float64Array, words: Tokens): string | null {
  const languages = [...words.special].filter(([token]) => /^<\|[a-z]{2,3}\|>$/.test(token));
  if (languages.length < 2) return null;
  const [best] = languages.reduce((a, b) => (logs[b[1]]! > logs[a[1]]! ? b : a));
  return best.slice(2, -2);
}

function promptOf(words: Tokens, language: string | null, task: string, timestamps: boolean): number[] {
  const prompt = [words.start];
  const known = words.special.get(`<|${language}|>`);
  if (language !== null && known === undefined && words.special.has("<|transcribe|>"))
    refuse(`the model does not know the language "${language}"`);
  // A model of one language is told neither language nor task.
  if (known !== undefined) prompt.push(known, words.special.get(`<|${task}|>`) ?? refuse(`the model cannot ${task}`));
  if (!timestamps) prompt.push(words.noTimestamps);
  return prompt;
}

interface Hypothesis {
  readonly tokens: readonly number[];
  readonly sum: number;
  readonly past: Past;
}

/** The best tokens behind the prompt, without the end. */
async function search(
  step: Step,
  prompt: readonly number[],
  words: Tokens,
  {
    beamWidth,
    maxTokens,
    timestamps,
  }: { readonly beamWidth: number; readonly maxTokens: number; readonly timestamps: boolean },
  signal?: AbortSignal,
): Promise<number[]> {
  const mean = ({ tokens, sum }: Hypothesis) => sum / Math.max(1, tokens.length - prompt.length);
  let open: Hypothesis[] = [{ tokens: prompt, sum: 0, past: undefined }];
  const done: Hypothesis[] = [];
  for (let count = 0; count < maxTokens && open.length > 0 && done.length < beamWidth; count++) {
    await turn(signal);
    const next: Hypothesis[] = [];
    for (const { tokens, sum, past } of open) {
      const { logs, past: kept } = await step(tokens, past);
      allowed(logs, tokens.slice(prompt.length), words, timestamps);
      for (const id of highest(logs, beamWidth))
        next.push({ tokens: [...tokens, id], sum: sum + logs[id]!, past: kept });
    }
    next.sort((a, b) => b.sum - a.sum);
    open = [];
    for (const one of next.slice(0, beamWidth)) (one.tokens.at(-1) === words.end ? done : open).push(one);
  }
  const best = [...done, ...open].reduce((a, b) => (mean(b) > mean(a) ? b : a));
  return best.tokens.slice(prompt.length).filter((id) => id !== words.end);
}

function highest(logs: Float64Array, count: number): number[] {
  const best: number[] = [];
  for (let id = 0; id < logs.length; id++) {
    if (logs[id] === Number.NEGATIVE_INFINITY) continue;
    if (best.length === count && logs[id]! <= logs[best.at(-1)!]!) continue;
    let at = best.findIndex((other) => logs[id]! > logs[other]!);
    if (at < 0) at = best.length;
    best.splice(at, 0, id);
    best.length = Math.min(best.length, count);
  }
  return best;
}

/** Takes out what may not come next: prompts, and with timestamps what would not be in order. */
function allowed(
  logs: Float64Array,
  said: readonly number[],
  { start, end, noTimestamps, firstTime, special }: Tokens,
  timestamps: boolean,
): void {
  const never = (from: number, to: number) => logs.fill(Number.NEGATIVE_INFINITY, from, to);
  for (const id of special.values()) if (id !== end && id < firstTime) never(id, id + 1);
  never(start, start + 1);
  never(noTimestamps, noTimestamps + 1);
  if (!timestamps) {
    never(firstTime, logs.length);
    return;
  }
  const isTime = (id: number | undefined) => id !== undefined && id >= firstTime;
  if (said.length === 0) {
    // It begins with a time within the first second.
    never(0, firstTime);
    never(firstTime + 51, logs.length);
    return;
  }
  const last = isTime(said.at(-1));
  // Times stand in pairs: where a segment ends and the next begins.
  if (last && (said.length < 2 || isTime(said.at(-2)))) never(firstTime, logs.length);
  else if (last) never(0, end);
  const times = said.filter(isTime);
  if (times.length > 0) never(firstTime, times.at(-1)! + (last && !isTime(said.at(-2)) ? 0 : 1));
  // Where any time is likelier than every word, a time it is.
  let [sum, word] = [0, Number.NEGATIVE_INFINITY];
  for (let id = 0; id < logs.length; id++)
    if (id >= firstTime) sum += Math.exp(logs[id]!);
    else word = Math.max(word, logs[id]!);
  if (Math.log(sum) > word) never(0, firstTime);
}

/** Segments of a window, and how far the next window is, in seconds. */
function segmentsOf(
  tokens: readonly number[],
  words: Tokens,
  from: number,
  length: number,
  timestamps: boolean,
): { readonly found: WhisperSegment[]; readonly next: number } {
  const found: WhisperSegment[] = [];
  const timeOf = (id: number) => Math.min(length, (id - words.firstTime) * 0.02);
  let [begin, own]: [number, number[]] = [0, []];
  let last = 0;
  const close = (to: number) => {
    const text = words.text(own).trim();
    if (text !== "") found.push({ text, from: from + begin, to: from + to });
    own = [];
  };
  for (const id of tokens) {
    if (id < words.firstTime) own.push(id);
    else if (own.length > 0) {
      last = timeOf(id);
      close(last);
      begin = last;
    } else begin = timeOf(id);
  }
  const whole = windowSeconds;
  if (!timestamps || own.length === 0) {
    close(length);
    // After silence, or a segment to the end of the window, the next window follows.
    return { found, next: timestamps && last > 0 && length >= whole ? last : whole };
  }
  // A segment that is cut off by the window is heard again, unless there is nothing behind it.
  if (last > 0 && length >= whole) return { found, next: last };
  close(length);
  return { found, next: whole };
}
