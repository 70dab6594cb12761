import { createHash } from "node:crypto";
import { type FittedTextReader, type Json, MmubError, type RunOptions, type TextReader } from "@mmub/core";
import type { AudioInput } from "./audio-input.js";
import {
  type AudioModel,
  type AudioModelParams,
  audioModel,
  audioModelParams,
  checkModel,
  savedModel,
} from "./audio-model.js";
import { type CtcDecoderParams, ctcDecoder, ctcParams } from "./ctc-decoder.js";

const type = "@mmub/audio/speech-recognizer";

export interface SpeechRecognizerParams extends AudioModelParams, CtcDecoderParams {}

/** What was said in a recording, and when. */
export interface Speech {
  readonly text: string;
  /** Words with their times in seconds. */
  readonly words: readonly { readonly text: string; readonly from: number; readonly to: number }[];
  /** See `Transcript`. */
  readonly score: number;
}

export interface SpeechRecognizer extends TextReader<AudioInput> {
  fit: (...args: Parameters<TextReader<AudioInput>["fit"]>) => Promise<FittedSpeechRecognizer>;
  load: (...args: Parameters<TextReader<AudioInput>["load"]>) => Promise<FittedSpeechRecognizer>;
}

export interface FittedSpeechRecognizer extends FittedTextReader<AudioInput> {
  /** What `read` gives, with words and times. */
  recognize(inputs: readonly (AudioInput | null)[], options?: RunOptions): Promise<(Speech | null)[]>;
}

/**
 * Speech to text by a CTC model in ONNX form: wav2vec2, HuBERT, Conformers, QuartzNet, or a network that was trained here with the loss
 * `ctc` of @mmub/nn. `textFrom(speechRecognizer({ … }), tfidf())` makes a modality of what was said.
 *
 * The model takes what those of `audioEncoder` take and gives logits or their log-softmax, [recordings, steps, labels]; text is made of them by
 * `ctcDecoder`, whose params these are too: greedily, or by prefix beam search with hot words and a language model.
 * Output: a text for each recording, empty where nothing was said, null for null; `recognize` tells words and their times too: a step stands
 * for its share of the recording. `fit` learns nothing.
 * What is saved holds the hashes of model and language model and refuses others (`saved-mismatch`).
 * Rejects with `missing-model` if the model is not there, `invalid-input` for one that takes or gives something else, another number of labels,
 * and for recordings that cannot be read, with the index. Cost: that of the model; a minute of beams of 100 takes 1.4 s more. `dispose` frees the model.
 *
 * @example
 * const labels = ["<pad>", "<s>", "</s>", "<unk>", "|", ..."ETAONIHSRDLUMWCFGYPBVK'XJQZ"];
 * const recognizer = speechRecognizer({
 *   model: "wav2vec2/model.onnx",
 *   standardize: true,
 *   labels,
 *   wordSeparator: "|",
 *   skipLabels: ["<s>", "</s>", "<unk>"],
 *   hotWords: ["PARCEL"],
 * });
 * const fitted = await recognizer.fit([]).catch(() => undefined); // missing-model where the file is not there
 * const [text] = (await fitted?.read(["call.wav"])) ?? [];
 * await fitted?.dispose?.();
 */
export function speechRecognizer(given: SpeechRecognizerParams): SpeechRecognizer {
  const model = audioModelParams(type, given);
  const decoder = ctcDecoder(given);
  const { languageModel, pruneBelow, labelMinimum, ...kept } = ctcParams(given);
  const { labels } = kept;
  const finite = (value: number) => (Number.isFinite(value) ? value : String(value));
  const params = {
    ...{ ...model, ...kept, pruneBelow: finite(pruneBelow), labelMinimum: finite(labelMinimum) },
    languageModel: languageModel ? createHash("sha256").update(languageModel.toArpa()).digest("hex") : null,
  };
  const recipe = { type, params: JSON.parse(JSON.stringify(params)) as Json };

  async function open(signal?: AbortSignal): Promise<AudioModel> {
    const opened = await audioModel(type, given, signal);
    if (opened.ragged && opened.width === labels.length) return opened;
    await opened.dispose();
    throw new MmubError("invalid-input", {
      part: type,
      message: `output "${opened.output}" has ${opened.width} numbers ${opened.ragged ? "a step" : "and no steps"}, want one for each of ${labels.length} labels a step`,
    });
  }

  const fitted = (model: AudioModel): FittedSpeechRecognizer => {
    const recognize: FittedSpeechRecognizer["recognize"] = async (inputs, options) => {
      const out: (Speech | null)[] = [];
      await model.hear(inputs, {
        run: options,
        take(row, { data, steps, seconds }) {
          const [best] = decoder.decode(data, steps);
          const time = (step: number) => (step * seconds) / steps;
          const words = best!.words.map(({ text, from, to }) => ({ text, from: time(from), to: time(to + 1) }));
          out[row] = { text: best!.text, words, score: best!.score };
        },
      });
      return Array.from(inputs, (_, row) => out[row] ?? null);
    };
    return {
      recognize,
      read: async (inputs, options) => (await recognize(inputs, options)).map((speech) => speech?.text ?? null),
      save: async () => savedModel(recipe, model),
      dispose: () => model.dispose(),
    };
  };

  return {
    ...recipe,
    async fit(_, options) {
      options?.signal?.throwIfAborted();
      return fitted(await open(options?.signal));
    },
    load: async (saved) => fitted(await checkModel(saved, recipe, () => open())),
  };
}
