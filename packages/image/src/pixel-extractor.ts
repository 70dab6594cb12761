import { availableParallelism } from "node:os";
import {
  batches,
  checkInputs,
  checkSaved,
  type Dense,
  dense,
  type Extractor,
  type FittedExtractor,
  type Json,
} from "@mmub/core";
import { type CheckedDecodeParams, checkImage, decode, type ImageInput } from "./decode.js";

export interface PixelFeatures {
  readonly type: string;
  readonly params: Json;
  /** Must hold a width and a height, so that every picture has as many pixels. */
  readonly decode: CheckedDecodeParams;
  readonly names: readonly string[];
  /** Writes the features of RGB pixels into a zero row. */
  readonly describe: (pixels: Uint8Array, row: Float32Array) => void;
}

/** An extractor that learns nothing: each picture is decoded to one size and described on its own. */
export function pixelExtractor({
  type,
  params,
  decode: wanted,
  names,
  describe,
}: PixelFeatures): Extractor<ImageInput, Dense> {
  const recipe = { type, params };
  const cols = names.length;
  const fitted: FittedExtractor<ImageInput, Dense> = {
    cols,
    names,
    async transform(inputs, options) {
      const out = dense(inputs.length, cols);
      for await (const { items, first } of batches(inputs, options, type))
        await inLanes(items.length, options?.signal, async (offset) => {
          const [index, input] = [first + offset, items[offset]];
          if (input === null) {
            out.present[index] = 0;
            return;
          }
          const { data } = await decode(input, wanted, { part: type, index });
          describe(data, out.data.subarray(index * cols, (index + 1) * cols));
        });
      return out;
    },
    save: async () => ({ ...recipe, version: 1, state: null }),
  };
  return {
    ...recipe,
    async fit(inputs, options) {
      checkInputs(inputs, type);
      // A stream is not read: nothing would be learned of it, and transform checks each picture anyway.
      if (!Array.isArray(inputs)) return fitted;
      for await (const { items, first } of batches(inputs, options, type))
        for (const [offset, input] of items.entries())
          if (input !== null) checkImage(input, { part: type, index: first + offset });
      return fitted;
    },
    async load(saved) {
      checkSaved(saved, recipe, 1);
      return fitted;
    },
  };
}

/**
 * Runs 0 to count - 1 in that order, as many at a time as there are processors. The error is that of the lowest position
 * that fails, whichever was quickest: all below a failure have been started and are waited for.
 */
async function inLanes(
  count: number,
  signal: AbortSignal | undefined,
  run: (position: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const failures: { readonly position: number; readonly error: unknown }[] = [];
  const lane = async () => {
    while (next < count && failures.length === 0 && !signal?.aborted) {
      const position = next++;
      try {
        await run(position);
      } catch (error) {
        failures.push({ position, error });
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(count, availableParallelism()) }, lane));
  signal?.throwIfAborted();
  const [first] = failures.sort((a, b) => a.position - b.position);
  if (first) throw first.error;
}
