import type { Dense, Extractor, Sequence } from "@mmub/core";
import { expectTypeOf, test } from "vitest";
import { sentenceEncoder } from "./index.js";

const files = { model: "model.onnx", tokenizer: "tokenizer.json" };

test("vectors are Dense, tokens a Sequence", () => {
  expectTypeOf(sentenceEncoder(files)).toEqualTypeOf<Extractor<string, Dense>>();
  expectTypeOf(sentenceEncoder({ ...files, pooling: "cls" })).toEqualTypeOf<Extractor<string, Dense>>();
  expectTypeOf(sentenceEncoder({ ...files, pooling: "none" })).toEqualTypeOf<Extractor<string, Sequence>>();
});

test("wrong params do not compile", () => {
  // @ts-expect-error no such pooling
  sentenceEncoder({ ...files, pooling: "average" });
  // @ts-expect-error a model has a tokenizer
  sentenceEncoder({ model: "model.onnx" });
  // @ts-expect-error what is on the web has a checksum
  sentenceEncoder({ ...files, model: { url: "https://example.org/model.onnx" } });
});
