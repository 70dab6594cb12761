import { negated, type Scores, scoresOf } from "./vader.js";

/** What the rules for Chinese work on. */
export interface ChineseSentimentWords {
  readonly lexicon: ReadonlyMap<string, number>;
  readonly negations: ReadonlySet<string>;
  readonly boosters: ReadonlyMap<string, number>;
  readonly buts: ReadonlySet<string>;
}

interface Found {
  readonly word: string;
  /** Which clause it is in, punctuation ending one. */
  readonly clause: number;
  readonly sentence: number;
  /** Letters since the word found before it. */
  readonly gap: number;
}

/**
 * VADER's scores by rules for Chinese. Words are found by the longest match from left to right, so no segmenter is needed
 * and the result is the same on every machine. Before a word of the lexicon in its clause, up to three modifiers count
 * while no more than two other letters lie between: a degree adverb adds to the strength, a negation turns and
 * weakens it; a negation before the adverb ("不是很好") weakens more than one after it ("很不好").
 * What follows a "but" counts one and a half times, what precedes it in the sentence half.
 */
export function chineseScores(text: string, words: ChineseSentimentWords, longest: number): Scores {
  const { lexicon, negations, boosters, buts } = words;
  const found: Found[] = [];
  let [clause, sentence, gap, letters] = [0, 0, 0, 0];
  for (let i = 0; i < text.length; ) {
    const word = wordAt(i);
    if (word !== undefined) {
      found.push({ word, clause, sentence, gap });
      gap = 0;
      i += word.length;
      continue;
    }
    const point = text.codePointAt(i)!;
    i += point > 0xffff ? 2 : 1;
    const character = String.fromCodePoint(point);
    if (/[\p{L}\p{N}]/u.test(character)) {
      gap++;
      letters++;
    } else if (/[\p{P}\p{Zl}\p{Zp}\n\r\s]/u.test(character)) {
      clause++;
      if (/[。！？!?\n\r；;]/u.test(character)) sentence++;
    }
  }

  const scores = new Float64Array(found.length);
  for (const [i, { word }] of found.entries()) if (lexicon.has(word) && !isModifier(i)) scores[i] = valenceAt(i);
  for (let from = 0; from < found.length; ) {
    let to = from;
    let but = -1;
    for (; to < found.length && found[to]!.sentence === found[from]!.sentence; to++)
      if (but < 0 && buts.has(found[to]!.word)) but = to;
    if (but >= 0) for (let i = from; i < to; i++) scores[i]! *= i < but ? 0.5 : i > but ? 1.5 : 1;
    from = to;
  }
  // A Chinese word has about two letters.
  return scoresOf(scores, text.replaceAll("！", "!").replaceAll("？", "?"), Math.ceil(letters / 2));

  function wordAt(at: number): string | undefined {
    for (let length = Math.min(longest, text.length - at); length > 0; length--) {
      const word = text.slice(at, at + length);
      if (lexicon.has(word) || negations.has(word) || boosters.has(word) || buts.has(word)) return word;
    }
    return undefined;
  }

  /** "好" is a word of the lexicon by itself and a degree adverb right before one, as in "好慢". */
  function isModifier(i: number): boolean {
    if (!boosters.has(found[i]!.word)) return false;
    const next = found[i + 1];
    return (
      next !== undefined && next.clause === found[i]!.clause && next.gap === 0 && (lexicon.get(next.word) ?? 0) !== 0
    );
  }

  function valenceAt(i: number): number {
    let valence = lexicon.get(found[i]!.word)!;
    if (valence === 0) return 0;
    let gap = found[i]!.gap;
    let boosted = false;
    for (let k = i - 1; k >= 0 && k >= i - 3 && gap <= 2 && found[k]!.clause === found[i]!.clause; k--) {
      const { word } = found[k]!;
      const strength = boosters.get(word);
      if (negations.has(word)) valence *= boosted ? negated / 1.5 : negated;
      else if (strength !== undefined && (!lexicon.has(word) || isModifier(k))) {
        valence += valence < 0 ? -strength : strength;
        boosted = true;
      } else break;
      gap += found[k]!.gap;
    }
    return valence;
  }
}
