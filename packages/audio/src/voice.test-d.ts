import { type Dense, type Extractor, type Sequence, textFrom, vector } from "@mmub/core";
import { expectTypeOf, test } from "vitest";
import { audioEncoder } from "./audio-encoder.js";
import type { AudioInput } from "./audio-input.js";
import { formants } from "./formants.js";
import { pitch } from "./pitch.js";
import { speechRecognizer } from "./speech-recognizer.js";
import { voiceActivity } from "./voice-activity.js";
import { voiceFeatures } from "./voice-features.js";

test("the output decides the layout", () => {
  expectTypeOf(pitch()).toEqualTypeOf<Extractor<AudioInput, Dense>>();
  expectTypeOf(pitch({ output: "frames" })).toEqualTypeOf<Extractor<AudioInput, Sequence>>();
  expectTypeOf(formants({ output: "frames" })).toEqualTypeOf<Extractor<AudioInput, Sequence>>();
  expectTypeOf(voiceFeatures()).toEqualTypeOf<Extractor<AudioInput, Dense>>();
  expectTypeOf(voiceActivity({ output: "frames" })).toExtend<Extractor<AudioInput, Sequence>>();
  expectTypeOf(audioEncoder({ model: "m.onnx" })).toEqualTypeOf<Extractor<AudioInput, Dense>>();
  expectTypeOf(audioEncoder({ model: "m.onnx", pooling: "none" })).toEqualTypeOf<Extractor<AudioInput, Sequence>>();
  // @ts-expect-error frames have no statistics
  pitch({ output: "frames", statistics: ["mean"] });
});

test("a recogniser of speech and features of text make a modality of recordings", () => {
  const said = speechRecognizer({ model: "m.onnx", labels: ["", "a"] });
  const words = {} as Extractor<string, Dense>;
  expectTypeOf(textFrom(said, words)).toEqualTypeOf<Extractor<AudioInput, Dense>>();
  // @ts-expect-error vectors are not made of text
  textFrom(said, vector());
});
