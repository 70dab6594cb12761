import { describe, expect, test } from "vitest";
import type { Extractor, FittedExtractor } from "./contracts.js";
import { MmubError } from "./errors.js";
import { dense } from "./features.js";
import { checkSaved } from "./saved.js";
import { extractorChecks } from "./testing/index.js";
import { type FittedTextReader, type TextReader, textFrom } from "./text-from.js";

/** Joins letters. */
function spelled(): TextReader<readonly string[]> {
  const recipe = { type: "@example/spelled", params: { by: "" } };
  const fitted: FittedTextReader<readonly string[]> = {
    async read(inputs) {
      return inputs.map((letters, index) => {
        if (letters !== null && !Array.isArray(letters))
          throw new MmubError("invalid-input", { part: recipe.type, message: `input ${index} is bad`, index });
        return letters?.join("") ?? null;
      });
    },
    save: async () => ({ ...recipe, version: 1, state: null }),
  };
  return {
    ...recipe,
    fit: async () => fitted,
    load: async (saved) => {
      checkSaved(saved, recipe, 1);
      return fitted;
    },
  };
}

/** The length of a text as a share of the longest it has learned from. */
function lengths(): Extractor<string> {
  const recipe = { type: "@example/lengths", params: null };
  const fitted = (longest: number): FittedExtractor<string> => ({
    cols: 1,
    names: ["length"],
    async transform(inputs, options) {
      const out = dense(inputs.length, 1);
      for (const [row, text] of inputs.entries()) {
        options?.signal?.throwIfAborted();
        if (text === null) out.present[row] = 0;
        else out.data[row] = text.length / longest;
        options?.onProgress?.({ part: recipe.type, done: row + 1, total: inputs.length });
      }
      return out;
    },
    save: async () => ({ ...recipe, version: 1, state: { longest } }),
  });
  return {
    ...recipe,
    async fit(inputs, options) {
      let longest = 1;
      for (const text of inputs as readonly (string | null)[]) {
        options?.signal?.throwIfAborted();
        longest = Math.max(longest, text?.length ?? 0);
      }
      return fitted(longest);
    },
    load: async (saved) => fitted((checkSaved(saved, recipe, 1).state as { longest: number }).longest),
  };
}

describe("conformance", () => {
  const inputs = [["g", "o"], ["u", "p"], null, ["w", "h", "y"], []];
  for (const check of extractorChecks({ make: () => textFrom(spelled(), lengths()), inputs }))
    test(check.name, check.run);
});

test("learns from the texts that were read, and says what it is made of", async () => {
  const recipe = textFrom(spelled(), lengths());
  const fitted = await recipe.fit([["a", "b", "c", "d"], null]);
  expect((await fitted.transform([["a"], null])).present).toEqual(Uint8Array.of(1, 0));
  expect(await fitted.transform([["a"]])).toMatchObject({ layout: "dense", data: Float32Array.of(0.25) });
  expect(recipe.params).toEqual({
    reader: { type: "@example/spelled", params: { by: "" } },
    text: { type: "@example/lengths", params: null },
  });
  expect(fitted.names).toEqual(["length"]);
});
