import { MmubError, show } from "@mmub/core";
import { checkLength } from "./checks.js";

const part = "@mmub/metrics/word-error-rate";

/**
 * Words that were put in, left out or mistaken, by the fewest of them that make one text of the other, divided by the words that were said: 0
 * where all was heard, above 1 where much was put in. Words are what spaces part; bring case and punctuation to one form before.
 * A text that is null counts as nothing heard.
 *
 * Rejects arrays of different lengths, what is no text (`invalid-input`, with the index), and texts without a word. Cost: the product of the two lengths, in
 * words, of each text. Source: Levenshtein (1966); jiwer's `wer`.
 *
 * @example
 * wordErrorRate(["one two three", "four"], ["one too three", "four"]); // 0.25
 */
export function wordErrorRate(truth: readonly string[], heard: readonly (string | null)[]): number {
  checkLength(part, "truth", truth);
  checkLength(part, "heard", heard, truth.length);
  let [errors, words] = [0, 0];
  for (const [index, text] of truth.entries()) {
    const other = heard[index] ?? "";
    for (const [name, one] of Object.entries({ truth: text, heard: other }))
      if (typeof one !== "string")
        throw new MmubError("invalid-input", { part, message: `${name} ${index} is ${show(one)}, want a text`, index });
    const said = wordsOf(text);
    errors += distance(said, wordsOf(other));
    words += said.length;
  }
  if (words === 0)
    throw new MmubError("invalid-input", { part, message: "no word was said in any text, want at least one" });
  return errors / words;
}

function wordsOf(text: string): string[] {
  return text.split(/\s+/u).filter((word) => word !== "");
}

function distance(said: readonly string[], heard: readonly string[]): number {
  let row = Array.from({ length: heard.length + 1 }, (_, at) => at);
  for (const [i, word] of said.entries()) {
    const next = [i + 1];
    for (const [j, other] of heard.entries())
      next.push(Math.min(row[j + 1]! + 1, next[j]! + 1, row[j]! + (word === other ? 0 : 1)));
    row = next;
  }
  return row[heard.length]!;
}
