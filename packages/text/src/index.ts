export { type ChineseTokenizer, type ChineseTokenizerParams, chineseTokenizer } from "./chinese-tokenizer.js";
export {
  type StemAlgorithm,
  type StemLanguage,
  type StemmedParams,
  type StopWordLanguage,
  stemmed,
  stopWordsOf,
} from "./stemmed.js";
export { englishStopWords, germanStopWords } from "./stop-words.js";
export { type TfidfParams, tfidf } from "./tfidf.js";
export {
  type CharacterTokenizerParams,
  characterTokenizer,
  type Tokenizer,
  type WordTokenizerParams,
  withoutStopWords,
  wordTokenizer,
} from "./tokenizer.js";
