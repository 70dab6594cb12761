// Texts as sequences of token ids, for networks: no more than the benchmarks need.
import { type Sequence, sequence } from "@mmub/core";

const words = new Intl.Segmenter("zh", { granularity: "word" });

/** One width of letters, small ones. */
function plain(text: string): string {
  return text.normalize("NFKC").toLowerCase();
}

/** Each character of a text but spaces, with the one after it. */
export function bigramsOf(text: string): string[] {
  const characters = [...plain(text).replace(/\s/gu, "")];
  return characters.map((character, at) => character + (characters[at + 1] ?? ""));
}

/** The words of a Chinese text by the dictionary of this Node's ICU, punctuation included; runs of one sign are cut to two. */
export function wordsOf(text: string): string[] {
  const short = plain(text).replace(/([^\p{L}\p{N}])\1{2,}/gu, "$1$1");
  return Array.from(words.segment(short), ({ segment }) => segment.trim()).filter((word) => word !== "");
}

export interface Vocabulary {
  /** 0 stands for what is not known. */
  readonly size: number;
  /** A row of ids for each text. */
  encode(texts: readonly (readonly string[])[]): Sequence;
}

/** The tokens that come in at least `minTexts` of these texts. */
export function vocabularyOf(texts: readonly (readonly string[])[], minTexts: number): Vocabulary {
  const counts = new Map<string, number>();
  for (const tokens of texts) for (const token of new Set(tokens)) counts.set(token, (counts.get(token) ?? 0) + 1);
  const kept = [...counts].filter(([, count]) => count >= minTexts).map(([token]) => token);
  const ids = new Map(kept.sort().map((token, at) => [token, at + 1]));
  return {
    size: kept.length + 1,
    encode(texts) {
      const offsets = new Uint32Array(texts.length + 1);
      for (const [row, tokens] of texts.entries()) offsets[row + 1] = offsets[row]! + tokens.length;
      const data = new Float32Array(offsets[texts.length]!);
      for (const [row, tokens] of texts.entries())
        for (const [at, token] of tokens.entries()) data[offsets[row]! + at] = ids.get(token) ?? 0;
      return sequence(1, offsets, data);
    },
  };
}
