export { englishStopWords } from "./stop-words.js";
export { type TfidfParams, tfidf } from "./tfidf.js";
