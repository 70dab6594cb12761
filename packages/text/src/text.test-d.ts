import type { Dense, Extractor, Sequence, Sparse } from "@mmub/core";
import { expectTypeOf, test } from "vitest";
import { englishStopWords, tfidf, word2vec, wordEmbedding } from "./index.js";

test("an extractor of strings to Sparse features", () => {
  expectTypeOf(tfidf()).toExtend<Extractor<string, Sparse>>();
  expectTypeOf(tfidf({ stopWords: [...englishStopWords, "shop"] })).toExtend<Extractor<string, Sparse>>();
});

test("wrong params and inputs do not compile", () => {
  // @ts-expect-error no such analyzer
  tfidf({ analyzer: "characters" });
  // @ts-expect-error a range has two ends
  tfidf({ ngramRange: [1] });
  // @ts-expect-error spelled as scikit-learn does
  tfidf({ min_df: 2 });
  // @ts-expect-error texts, not lists of words
  tfidf().fit([["good", "price"]]);
});

test("the pooling of words decides the layout", () => {
  expectTypeOf(wordEmbedding({ vectors: word2vec() })).toEqualTypeOf<Extractor<string, Dense>>();
  expectTypeOf(wordEmbedding({ pooling: "sif" })).toEqualTypeOf<Extractor<string, Dense>>();
  expectTypeOf(wordEmbedding({ pooling: "sequence" })).toEqualTypeOf<Extractor<string, Sequence>>();
  // @ts-expect-error a text is no sentence: it wants a tokenizer
  word2vec().fit(["good price"]);
});
