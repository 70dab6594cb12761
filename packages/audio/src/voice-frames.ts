import {
  batches,
  checkSaved,
  dense,
  type Extractor,
  type Features,
  type FittedExtractor,
  type Json,
  type RunOptions,
  sequence,
} from "@mmub/core";
import { type AudioInput, audioReader } from "./audio-input.js";

/** An extractor that learns nothing: what it makes of each recording, by itself. */
interface VoiceExtractor {
  readonly type: string;
  readonly params: Json;
  readonly sampleRateHz: number;
  readonly names: readonly string[];
  /** "frames": a Sequence, `names.length` numbers a step. "statistics": Dense, `names.length` numbers. */
  readonly output: "frames" | "statistics";
  /** The numbers of a recording. */
  analyze(samples: Float32Array, index: number): Float32Array;
}

export function voiceExtractor(of: VoiceExtractor): Extractor<AudioInput> {
  const { type, params, names, output } = of;
  const cols = names.length;
  const read = audioReader(type, of.sampleRateHz);
  const recipe = { type, params };

  async function transform(inputs: readonly (AudioInput | null)[], options?: RunOptions): Promise<Features> {
    const rows: (Float32Array | undefined)[] = [];
    for await (const { items, first } of batches(inputs, options, type))
      for (const [offset, input] of items.entries()) {
        options?.signal?.throwIfAborted();
        const index = first + offset;
        rows.push(input === null ? undefined : of.analyze(await read(input, index), index));
      }
    return output === "frames" ? framed(rows, cols) : pooled(rows, cols);
  }

  const fitted: FittedExtractor<AudioInput> = {
    cols,
    names,
    transform,
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

/** Rows of `cols` numbers; a row that is not there is zeros and not present. */
function pooled(rows: readonly (Float32Array | undefined)[], cols: number): Features {
  const out = dense(rows.length, cols);
  for (const [row, numbers] of rows.entries()) {
    if (numbers) out.data.set(numbers, row * cols);
    else out.present[row] = 0;
  }
  return out;
}

/** Rows of any number of steps of `cols` numbers; a row that is not there has none and is not present. */
function framed(rows: readonly (Float32Array | undefined)[], cols: number): Features {
  const offsets = new Uint32Array(rows.length + 1);
  for (const [row, numbers] of rows.entries()) offsets[row + 1] = offsets[row]! + (numbers?.length ?? 0) / cols;
  const out = sequence(cols, offsets, new Float32Array(offsets.at(-1)! * cols));
  for (const [row, numbers] of rows.entries()) {
    if (numbers) out.data.set(numbers, offsets[row]! * cols);
    else out.present[row] = 0;
  }
  return out;
}
