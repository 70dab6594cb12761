import {
  batches,
  checkSaved,
  type Extractor,
  type Features,
  type FittedExtractor,
  type Json,
  type RunOptions,
  stepSink,
  vectorSink,
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
    const sink = (output === "frames" ? stepSink : vectorSink)(inputs.length, cols);
    for await (const { items, first } of batches(inputs, options, type))
      for (const [offset, input] of items.entries()) {
        options?.signal?.throwIfAborted();
        const index = first + offset;
        if (input !== null) sink.set(index, of.analyze(await read(input, index), index));
      }
    return sink.features();
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
