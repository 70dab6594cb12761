import { random, type Sequence, sequence } from "@mmub/core";
import { chineseTokenizer, normalized, type Tokenizer, type WordVectors, wordTokenizer } from "@mmub/text";

/** Words in lower case without HTML; of Chinese texts, which have no spaces, by a dictionary. */
export async function tokenizerFor(texts: readonly string[]): Promise<Tokenizer> {
  const chinese = texts.filter((text) => /\p{Script=Han}/u.test(text)).length > texts.length / 2;
  const words = chinese ? await chineseTokenizer() : wordTokenizer({ pattern: "\\w+(?:'\\w+)?" });
  return normalized(words, { html: true, unicode: "NFKC", lowercase: true });
}

/** What a network reads: words by their numbers, and the vector of each to begin with. */
export interface Vocabulary {
  /** 0 stands for every other word. */
  readonly size: number;
  readonly table: Float32Array;
  encode(sentences: readonly (readonly string[])[]): Sequence;
}

/** Of the words that have a vector, and of those that come at least twice in the sentences and begin with a random one. */
export function vocabularyOf(
  sentences: readonly (readonly string[])[],
  vectors: WordVectors,
  seed: number,
): Vocabulary {
  const counts = new Map<string, number>();
  for (const word of sentences.flat()) counts.set(word, (counts.get(word) ?? 0) + 1);
  const words = [...vectors.words];
  for (const [word, count] of counts) if (count > 1 && !vectors.has(word)) words.push(word);
  const ids = new Map(words.map((word, at) => [word, at + 1]));

  const { cols } = vectors;
  const table = new Float32Array((words.length + 1) * cols);
  // As long as the others are on average, so that no word is louder than another.
  const deviation = Math.sqrt(vectors.table.reduce((sum, value) => sum + value * value, 0) / vectors.table.length);
  const draws = random(seed);
  for (let at = cols; at < table.length; at++) table[at] = deviation * draws.normal();
  table.set(vectors.table, cols);

  return {
    size: words.length + 1,
    table,
    encode(rows) {
      const offsets = new Uint32Array(rows.length + 1);
      for (const [row, { length }] of rows.entries()) offsets[row + 1] = offsets[row]! + length;
      const known = rows.flatMap((row) => row.map((word) => ids.get(word) ?? 0));
      return sequence(1, offsets, Float32Array.from(known));
    },
  };
}
