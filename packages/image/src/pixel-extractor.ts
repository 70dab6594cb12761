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
import { type Asker, type CheckedDecodeParams, checkImage, decode, type ImageInput } from "./decode.js";
import { type BrokenOptions, eachPicture } from "./lanes.js";

interface PictureFeatures {
  readonly type: string;
  readonly params: Json;
  readonly cols: number;
  readonly names?: readonly string[];
  /** The shape of one row. */
  readonly shape?: readonly number[];
  readonly options: BrokenOptions;
  /** Decodes a picture and writes its features into a zero row. */
  readonly describe: (input: ImageInput, row: Float32Array, asker: Asker) => Promise<void>;
}

/** An extractor that learns nothing: each picture is described on its own. */
export function pictureExtractor(features: PictureFeatures): Extractor<ImageInput, Dense> {
  const { type, params, cols, names, shape, options: broken, describe } = features;
  const recipe = { type, params };
  const fitted: FittedExtractor<ImageInput, Dense> = {
    cols,
    ...(names && { names }),
    async transform(inputs, options) {
      const out = dense(inputs.length, cols);
      await eachPicture(inputs, out.present, type, options, broken, (input, index) =>
        describe(input, out.data.subarray(index * cols, (index + 1) * cols), { part: type, index }),
      );
      return shape ? { ...out, shape } : out;
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

export interface PixelFeatures {
  readonly type: string;
  readonly params: Json;
  /** Must hold a width and a height, so that every picture has as many pixels. */
  readonly decode: CheckedDecodeParams;
  readonly names: readonly string[];
  readonly options?: BrokenOptions;
  /** Writes the features of RGB pixels into a zero row. */
  readonly describe: (pixels: Uint8Array, row: Float32Array) => void;
}

/** An extractor of pixels that are brought to one size. */
export function pixelExtractor(features: PixelFeatures): Extractor<ImageInput, Dense> {
  const { decode: wanted, names, options = {}, describe } = features;
  return pictureExtractor({
    ...features,
    options,
    cols: names.length,
    async describe(input, row, asker) {
      describe((await decode(input, wanted, asker)).data, row);
    },
  });
}
