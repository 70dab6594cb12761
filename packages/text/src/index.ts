export type { RemoteFile } from "@mmub/core";
export { type ChineseTokenizer, type ChineseTokenizerParams, chineseTokenizer } from "./chinese-tokenizer.js";
export { type CountVectorsParams, countVectors } from "./count-vectors.js";
export { type GloveParams, glove } from "./glove.js";
export { type HashingVectorsParams, hashingVectors } from "./hashing-vectors.js";
export { type Keyword, type KeywordsOptions, keywords, type TextRankOptions, textRank } from "./keywords.js";
export { type LexiconSentimentParams, lexiconSentiment } from "./lexicon-sentiment.js";
export { type FittedLsa, type Lsa, type LsaParams, lsa } from "./lsa.js";
export { type NormalizeParams, type Normalizer, normalized, normalizer } from "./normalizer.js";
export {
  type FittedRedacted,
  type PiiKind,
  type PiiSpan,
  type Redaction,
  type Redactor,
  type RedactParams,
  redacted,
  redactor,
} from "./redact.js";
export { type SentenceEncoderParams, sentenceEncoder } from "./sentence-encoder.js";
export type { Pooling } from "./sentence-pooling.js";
export {
  type StemAlgorithm,
  type StemLanguage,
  type StemmedParams,
  type StopWordLanguage,
  stemmed,
  stopWordsOf,
} from "./stemmed.js";
export { englishStopWords, germanStopWords } from "./stop-words.js";
export {
  type EncodedBatch,
  type EncodeOptions,
  type Encoding,
  type SubwordTokenizer,
  type SubwordTokenizerParams,
  subwordTokenizer,
} from "./subword-tokenizer.js";
export type { TermParams } from "./terms.js";
export {
  type Readability,
  type ReadabilityCounts,
  readability,
  readabilityCounts,
  type TextStyleParams,
  textStyle,
} from "./text-style.js";
export { type TfidfParams, tfidf } from "./tfidf.js";
export {
  type CharacterTokenizerParams,
  characterTokenizer,
  type Tokenizer,
  type WordTokenizerParams,
  withoutStopWords,
  wordTokenizer,
} from "./tokenizer.js";
export {
  project,
  type TruncatedSvd,
  type TruncatedSvdOptions,
  type TruncatedSvdParams,
  truncatedSvd,
} from "./truncated-svd.js";
export type { MergeableExtractor, VocabularyParams } from "./vocabulary.js";
export { type WordEmbeddingParams, wordEmbedding } from "./word-embedding.js";
export {
  type BytesSource,
  type ReadWordVectorsOptions,
  readWordVectors,
  type WriteWordVectorsOptions,
  writeWordVectors,
} from "./word-vector-files.js";
export {
  type MostSimilarOptions,
  type SimilarWord,
  savedWordVectors,
  type WordQuery,
  type WordVectors,
  type WordVectorsParams,
  wordVectors,
} from "./word-vectors.js";
export { type Word2vecParams, type WordVectorTrainer, word2vec } from "./word2vec.js";
