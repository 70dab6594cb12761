import { batches } from "./batch.js";
import type {
  Extractor,
  Features,
  FitOptions,
  Fitted,
  FittedExtractor,
  Inputs,
  Part,
  RunOptions,
} from "./contracts.js";
import { MmubError, reasonOf } from "./errors.js";
import { checkSaved, savedPart } from "./saved.js";

/** Reads text out of inputs of another kind: what is said in a recording, what is printed in a picture. */
export interface TextReader<Input> extends Part<FittedTextReader<Input>> {
  fit(inputs: Inputs<Input | null>, options?: FitOptions): Promise<FittedTextReader<Input>>;
}

export interface FittedTextReader<Input> extends Fitted {
  /** The text of each input, empty where it has none; null for null. */
  read(inputs: readonly (Input | null)[], options?: RunOptions): Promise<(string | null)[]>;
}

const type = "@mmub/core/text-from";

/**
 * An extractor of what `reader` reads: `textFrom(speechRecognizer({ … }), tfidf())` makes words said into features of words.
 *
 * Output, names and what is learned are those of `text`, of the texts read; a missing input is a missing text. Both are saved and loaded.
 * Rejects what either rejects, with the input's index. Cost: that of both; `fit` keeps all texts in memory.
 *
 * @example
 * const spelled = {
 *   type: "@example/spelled",
 *   params: null,
 *   fit: async () => ({
 *     read: async (inputs: readonly (readonly string[] | null)[]) => inputs.map((letters) => letters?.join("") ?? null),
 *     save: async () => ({ type: "@example/spelled", version: 1, params: null, state: null }),
 *   }),
 *   load: async () => spelled.fit(),
 * };
 * const fitted = await textFrom(spelled, tfidf()).fit([["g", "o"], ["g", "o", " ", "u", "p"]]);
 * console.log(fitted.names); // ["go", "up"]
 */
export function textFrom<Input, Out extends Features>(
  reader: TextReader<Input>,
  text: Extractor<string, Out>,
): Extractor<Input, Out> {
  const recipe = {
    type,
    params: {
      reader: { type: reader.type, params: reader.params },
      text: { type: text.type, params: text.params },
    },
  };

  const fitted = (
    reading: FittedTextReader<Input>,
    extracting: FittedExtractor<string, Out>,
  ): FittedExtractor<Input, Out> => ({
    cols: extracting.cols,
    ...(extracting.names && { names: extracting.names }),
    async transform(inputs, options) {
      return extracting.transform(await reading.read(inputs, options), options);
    },
    save: async () => ({
      ...recipe,
      version: 1,
      state: null,
      parts: { reader: await reading.save(), text: await extracting.save() },
    }),
    async dispose() {
      await reading.dispose?.();
      await extracting.dispose?.();
    },
  });

  return {
    ...recipe,
    async fit(inputs, options) {
      const reading = await reader.fit(inputs, options);
      try {
        const texts: (string | null)[] = [];
        const { signal } = options ?? {};
        for await (const { items, first } of batches(inputs, options, type))
          texts.push(...(await atIndex(first, () => reading.read(items, signal ? { signal } : {}))));
        return fitted(reading, await text.fit(texts, options));
      } catch (error) {
        await reading.dispose?.();
        throw error;
      }
    },
    async load(saved) {
      checkSaved(saved, recipe, 1);
      const reading = await reader.load(savedPart(saved, "reader"));
      try {
        return fitted(reading, await text.load(savedPart(saved, "text")));
      } catch (error) {
        await reading.dispose?.();
        throw error;
      }
    },
  };
}

// An error names the position among all inputs, and not that in a batch.
async function atIndex<T>(first: number, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (!MmubError.is(error) || error.index === undefined || first === 0) throw error;
    const { code, part, index, details } = error;
    const message = `${reasonOf(error)} (input ${index + first} of all)`;
    throw new MmubError(code, { ...details, part, message, index: index + first, cause: error });
  }
}
