import {
  checkParam,
  checkSaved,
  type Dense,
  type Extractor,
  type FittedExtractor,
  type Json,
  MmubError,
  savedArray,
} from "@mmub/core";
import { softmax } from "./classes.js";
import type { ImageInput } from "./decode.js";

const type = "@mmub/image/zero-shot";

export interface ZeroShotParams {
  /** The image tower, such as `cnnEncoder({ model: "clip-vision.onnx", ...imagePresets.clip })`. */
  readonly image: Extractor<ImageInput, Dense>;
  /** The text tower that was trained with it, as `sentenceEncoder` of @mmub/text with `pooling: "model"`. Only `fit` runs it; to load, its model need not be there. */
  readonly text: Extractor<string, Dense>;
  /** What may be on a picture. */
  readonly labels: readonly string[];
  /** Sentences about a label, which stands at `{}`; a label is the mean of its sentences. @default ["a photo of a {}."] */
  readonly prompts?: readonly string[];
  /** What cosines are multiplied with before the softmax: CLIP has learned 100. @default 100 */
  readonly scale?: number;
  /** `"probabilities"`: rows sum to 1; `"cosines"`: each label for itself. @default "probabilities" */
  readonly output?: "probabilities" | "cosines";
}

/**
 * Which of some labels suit a picture, without an example of any: the cosines between the picture's vector and those of sentences about the
 * labels, by two towers that were trained together (CLIP, SigLIP).
 *
 * Output: Dense, rows x labels, named by the labels; a missing picture is a zero row with `present` 0. `fit` runs the sentences through
 * the text tower, which is then freed; what is saved holds the labels' vectors, so that only the image tower is needed from there on.
 * Rejects towers of different widths (`shape-mismatch`), and what the towers reject. Cost: the image tower's.
 * Source: Radford et al., Learning transferable visual models from natural language supervision (2021), with its prompt ensembles.
 *
 * @example
 * import { cnnEncoder, imagePresets, zeroShot } from "@mmub/image";
 * import { sentenceEncoder } from "@mmub/text";
 *
 * const recognise = zeroShot({
 *   image: cnnEncoder({ model: "clip/vision_model.onnx", ...imagePresets.clip }),
 *   text: sentenceEncoder({ model: "clip/text_model.onnx", tokenizer: "clip/tokenizer.json", pooling: "model", maxLength: 77 }),
 *   labels: ["shoe", "handbag", "watch"],
 * });
 * const fitted = await recognise.fit([]).catch(() => undefined); // missing-model where the files are not there
 */
export function zeroShot(given: ZeroShotParams): Extractor<ImageInput, Dense> {
  const { image, text, labels, prompts = ["a photo of a {}."], scale = 100, output = "probabilities" } = given;
  const check = (name: string, value: unknown, ok: boolean, want: string) => checkParam(type, name, value, ok, want);
  const isStrings = (value: unknown) =>
    Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === "string");
  check("image", image, typeof image?.fit === "function", "an extractor of pictures such as cnnEncoder()");
  check("text", text, typeof text?.fit === "function", "an extractor of texts");
  check("labels", labels, isStrings(labels) && new Set(labels).size === labels.length, "different strings");
  check(
    "prompts",
    prompts,
    isStrings(prompts) && prompts.every((prompt) => prompt.includes("{}")),
    'strings with "{}" where the label goes',
  );
  check("scale", scale, Number.isFinite(scale) && scale > 0, "a number above 0");
  check("output", output, output === "probabilities" || output === "cosines", '"probabilities" or "cosines"');
  const params = { image: image.params, text: text.params, labels, prompts, scale, output } as unknown as Json;
  const recipe = { type, params };

  const fitted = (pictures: FittedExtractor<ImageInput, Dense>, vectors: Float32Array) => {
    const { cols: width } = pictures;
    if (vectors.length !== labels.length * width)
      throw new MmubError("shape-mismatch", {
        part: type,
        message: `the text tower gives ${vectors.length / labels.length} columns and the image tower ${width}, want towers that were trained together`,
      });
    return {
      cols: labels.length,
      names: labels,
      async transform(inputs, options) {
        const seen = await pictures.transform(inputs, options);
        const data = new Float32Array(seen.rows * labels.length);
        for (let row = 0; row < seen.rows; row++) {
          if (seen.present?.[row] === 0) continue;
          const picture = seen.data.slice(row * width, (row + 1) * width);
          toUnit(picture);
          const scores = data.subarray(row * labels.length, (row + 1) * labels.length);
          for (let label = 0; label < labels.length; label++)
            for (let i = 0; i < width; i++) scores[label]! += picture[i]! * vectors[label * width + i]!;
          if (output === "probabilities") softmax(scores, scores, scale);
        }
        return {
          layout: "dense",
          rows: seen.rows,
          cols: labels.length,
          data,
          ...(seen.present && { present: seen.present }),
        };
      },
      save: async () => ({
        ...recipe,
        version: 1,
        state: null,
        arrays: { labels: vectors },
        parts: { image: await pictures.save() },
      }),
      dispose: () => pictures.dispose?.(),
    } satisfies FittedExtractor<ImageInput, Dense>;
  };

  return {
    ...recipe,
    async fit(inputs, options) {
      options?.signal?.throwIfAborted();
      const texts = await text.fit([], options);
      let vectors: Float32Array;
      try {
        const sentences = labels.flatMap((label) => prompts.map((prompt) => prompt.replaceAll("{}", label)));
        const { data, cols } = await texts.transform(sentences, { ...(options?.signal && { signal: options.signal }) });
        vectors = new Float32Array(labels.length * cols);
        for (let label = 0; label < labels.length; label++) {
          const mean = vectors.subarray(label * cols, (label + 1) * cols);
          for (let prompt = 0; prompt < prompts.length; prompt++) {
            const from = (label * prompts.length + prompt) * cols;
            const sentence = data.slice(from, from + cols);
            toUnit(sentence);
            for (let i = 0; i < cols; i++) mean[i]! += sentence[i]!;
          }
          toUnit(mean);
        }
      } finally {
        await texts.dispose?.();
      }
      const pictures = await image.fit(inputs, options);
      try {
        return fitted(pictures, vectors);
      } catch (error) {
        await pictures.dispose?.();
        throw error;
      }
    },
    async load(saved) {
      const { parts } = checkSaved(saved, recipe, 1);
      const vectors = savedArray(saved, "labels", Float32Array);
      if (!parts?.image)
        throw new MmubError("saved-mismatch", { part: type, message: "it holds no image tower; save it anew" });
      return fitted(await image.load(parts.image), vectors);
    },
  };
}

function toUnit(vector: Float32Array): void {
  const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
  for (let i = 0; i < vector.length; i++) vector[i]! /= Math.max(length, 1e-12);
}
