import { spaces } from "./token-pattern.js";

/** The words that the rules of VADER work on. */
export interface SentimentWords {
  /** Valence by word in lower case, -4 (most negative) to 4. */
  readonly lexicon: ReadonlyMap<string, number>;
  readonly negations: ReadonlySet<string>;
  /** What a word or phrase before a word of the lexicon adds to its strength; negative: takes off. */
  readonly boosters: ReadonlyMap<string, number>;
  /** Valence of whole phrases, instead of that of their words. */
  readonly idioms: ReadonlyMap<string, number>;
  /** What each emoji is called; the words of the name are scored. */
  readonly emoji: ReadonlyMap<string, string>;
}

/** Shares of negative, neutral and positive words, and the compound score from -1 to 1. */
export type Scores = readonly [negative: number, neutral: number, positive: number, compound: number];

// Mean increases found by the authors' experiments.
const capitals = 0.733;
export const negated = -0.74;

/**
 * The rules of VADER: `polarity_scores` of vaderSentiment 3.3.2, line for line where it matters, its oddities included.
 * Source: Hutto & Gilbert (2014); https://github.com/cjhutto/vaderSentiment
 */
export function vaderScores(raw: string, words: SentimentWords): Scores {
  const { lexicon, negations, boosters, idioms } = words;
  const text = named(raw, words.emoji);
  const tokens = text
    .split(spaceRun)
    .filter((token) => token !== "")
    .map(withoutPunctuation);
  const lower = tokens.map((token) => token.toLowerCase());
  const shouted = tokens.map(isUpper);
  const count = tokens.length;
  if (count === 0) return [0, 0, 0, 0];
  const shouts = shouted.reduce((sum, is) => sum + (is ? 1 : 0), 0);
  const isMixed = shouts > 0 && shouts < count;

  const isNegation = (word: string): boolean => negations.has(word) || word.includes("n't");
  const scores = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const word = lower[i]!;
    if (boosters.has(word) || (word === "kind" && lower[i + 1] === "of")) continue;
    if (lexicon.has(word)) scores[i] = valenceAt(i, lexicon.get(word)!);
  }
  weighBut(scores, lower.indexOf("but"));
  return scoresOf(scores, text);

  function valenceAt(i: number, own: number): number {
    const [one, two, three] = [lower[i - 1] ?? "", lower[i - 2] ?? "", lower[i - 3] ?? ""];
    let valence = own;
    // "no" negates what follows rather than being bad itself.
    if (lower[i] === "no" && lexicon.has(lower[i + 1] ?? "")) valence = 0;
    if (one === "no" || two === "no" || (three === "no" && (one === "or" || one === "nor"))) valence = own * negated;
    if (shouted[i] && isMixed) valence += valence > 0 ? capitals : -capitals;

    for (let distance = 1; distance <= 3 && distance <= i; distance++) {
      const before = lower[i - distance]!;
      if (lexicon.has(before)) continue;
      valence += boost(i - distance, valence) * (distance === 1 ? 1 : distance === 2 ? 0.95 : 0.9);
      valence = negate(valence, distance, one, two, three);
      if (distance === 3) valence = phrases(i, valence, one, two, three);
    }
    if (one === "least" && !lexicon.has(one) && !(i > 1 && (two === "at" || two === "very"))) valence *= negated;
    return valence;
  }

  function boost(at: number, valence: number): number {
    const strength = boosters.get(lower[at]!);
    if (strength === undefined) return 0;
    const signed = valence < 0 ? -strength : strength;
    if (!(shouted[at] && isMixed)) return signed;
    return valence > 0 ? signed + capitals : signed - capitals;
  }

  function negate(valence: number, distance: number, one: string, two: string, three: string): number {
    const isSo = (word: string): boolean => word === "so" || word === "this";
    if (distance === 1) return isNegation(one) ? valence * negated : valence;
    if (distance === 2) {
      if (two === "never" && isSo(one)) return valence * 1.25;
      if (two === "without" && one === "doubt") return valence;
      return isNegation(two) ? valence * negated : valence;
    }
    // `and` binds before `or` there: "so" or "this" right before strengthens whatever stands three before.
    if ((three === "never" && isSo(two)) || isSo(one)) return valence * 1.25;
    if (three === "without" && (two === "doubt" || one === "doubt")) return valence;
    return isNegation(three) ? valence * negated : valence;
  }

  function phrases(i: number, given: number, one: string, two: string, three: string): number {
    const [zero, next, afterNext] = [lower[i]!, lower[i + 1], lower[i + 2]];
    const twoOne = `${two} ${one}`;
    const threeTwoOne = `${three} ${twoOne}`;
    const threeTwo = `${three} ${two}`;
    let valence = given;
    const idiom = [`${one} ${zero}`, `${twoOne} ${zero}`, twoOne, threeTwoOne, threeTwo].find((phrase) =>
      idioms.has(phrase),
    );
    if (idiom !== undefined) valence = idioms.get(idiom)!;
    if (next !== undefined) valence = idioms.get(`${zero} ${next}`) ?? valence;
    if (afterNext !== undefined) valence = idioms.get(`${zero} ${next} ${afterNext}`) ?? valence;
    for (const phrase of [threeTwoOne, threeTwo, twoOne]) valence += boosters.get(phrase) ?? 0;
    return valence;
  }
}

/**
 * What stands before "but" counts half, what stands after it one and a half times. The original looks each score up by its
 * value and so changes the first place that holds it, which may be another one; equal scores then are changed twice.
 */
function weighBut(scores: Float64Array, but: number): void {
  if (but < 0) return;
  // Where the search for a value may begin: no place before holds it.
  const firstOf = new Map<number, number>();
  for (let i = 0; i < scores.length; i++) {
    const score = scores[i]!;
    if (score === 0) continue;
    let at = firstOf.get(score) ?? 0;
    while (scores[at] !== score) at++;
    firstOf.set(score, at);
    if (at === but) continue;
    const changed = score * (at < but ? 0.5 : 1.5);
    scores[at] = changed;
    const first = firstOf.get(changed);
    if (first !== undefined && first > at) firstOf.set(changed, at);
  }
}

/** The scores of all words to those of the text. Exclamation and question marks count as emphasis. */
export function scoresOf(scores: Float64Array, text: string, neutralWords = 0): Scores {
  const emphasis = Math.min(4, occurrences(text, "!")) * 0.292 + questionEmphasis(occurrences(text, "?"));
  let [sum, positive, negative, neutral] = [0, 0, 0, neutralWords];
  for (let i = 0; i < scores.length; i++) {
    const score = scores[i]!;
    sum += score;
    // 1 more, as a neutral word counts 1.
    if (score > 0) positive += score + 1;
    else if (score < 0) negative += score - 1;
    else neutral++;
  }
  if (sum > 0) sum += emphasis;
  else if (sum < 0) sum -= emphasis;
  if (positive > -negative) positive += emphasis;
  else if (positive < -negative) negative -= emphasis;
  const total = positive - negative + neutral;
  const compound = Math.max(-1, Math.min(1, sum / Math.sqrt(sum * sum + 15)));
  return [
    rounded(Math.abs(negative / total), 3),
    rounded(Math.abs(neutral / total), 3),
    rounded(Math.abs(positive / total), 3),
    rounded(compound, 4),
  ];
}

function questionEmphasis(count: number): number {
  return count <= 1 ? 0 : count <= 3 ? count * 0.18 : 0.96;
}

function occurrences(text: string, character: string): number {
  let count = 0;
  for (let at = text.indexOf(character); at >= 0; at = text.indexOf(character, at + 1)) count++;
  return count;
}

/** As Python rounds: the exact value to the nearest, halves to even. toFixed rounds halves away from zero. */
function rounded(value: number, digits: 3 | 4): number {
  const twice = value * 2 ** (digits + 1);
  if (!(Number.isInteger(twice) && twice % 2 !== 0)) return Number(value.toFixed(digits)) || 0;
  const scale = 10 ** digits;
  const below = Math.floor(value * scale);
  return (below % 2 === 0 ? below : below + 1) / scale;
}

/** Each emoji replaced by its name, with a space before it where there is none. */
function named(text: string, emoji: ReadonlyMap<string, string>): string {
  if (emoji.size === 0 || isAscii.test(text)) return text;
  let out = "";
  let wasSpace = true;
  for (const character of text) {
    const name = emoji.get(character);
    if (name === undefined) {
      out += character;
      wasSpace = character === " ";
    } else {
      out += wasSpace ? name : ` ${name}`;
      wasSpace = false;
    }
  }
  return out;
}

const isAscii = /^[\0-\x7f]*$/;
const spaceRun = new RegExp(`[${spaces}]+`, "u");
const punctuation = new Set("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~");

/** Without punctuation at either end, unless two characters or fewer would remain: those are emoticons. */
function withoutPunctuation(token: string): string {
  let [start, end] = [0, token.length];
  while (start < end && punctuation.has(token[start]!)) start++;
  while (end > start && punctuation.has(token[end - 1]!)) end--;
  const stripped = token.slice(start, end);
  return stripped.length <= 4 && Array.from(stripped).length <= 2 ? token : stripped;
}

/** Python's str.isupper. */
function isUpper(token: string): boolean {
  return /\p{Uppercase}/u.test(token) && !/[\p{Lowercase}\p{Lt}]/u.test(token);
}

const plus = 0.293;

export const vaderNegations = (
  "aint arent cannot cant couldnt darent didnt doesnt ain't aren't can't couldn't daren't didn't doesn't dont hadnt hasnt " +
  "havent isnt mightnt mustnt neither don't hadn't hasn't haven't isn't mightn't mustn't neednt needn't never none nope nor " +
  "not nothing nowhere oughtnt shant shouldnt uhuh wasnt werent oughtn't shan't shouldn't uh-uh wasn't weren't without wont " +
  "wouldnt won't wouldn't rarely seldom despite"
).split(" ");

export const vaderBoosters: Readonly<Record<string, number>> = {
  ...each(
    plus,
    "absolutely amazingly awfully completely considerable considerably decidedly deeply effing enormous enormously entirely " +
      "especially exceptional exceptionally extreme extremely fabulously flipping flippin frackin fracking fricking frickin " +
      "frigging friggin fully fuckin fucking fuggin fugging greatly hella highly hugely incredible incredibly intensely major " +
      "majorly more most particularly purely quite really remarkably so substantially thoroughly total totally tremendous " +
      "tremendously uber unbelievably unusually utter utterly very",
  ),
  ...each(
    -plus,
    "almost barely hardly kinda kindof kind-of less little marginal marginally occasional occasionally partly scarce scarcely " +
      "slight slightly somewhat sorta sortof sort-of",
  ),
  "just enough": -plus,
  "kind of": -plus,
  "sort of": -plus,
};

export const vaderIdioms: Readonly<Record<string, number>> = {
  "the shit": 3,
  "the bomb": 3,
  "bad ass": 1.5,
  badass: 1.5,
  "bus stop": 0,
  "yeah right": -2,
  "kiss of death": -1.5,
  "to die for": 3,
  "beating heart": 3.5,
};

function each(value: number, words: string): Record<string, number> {
  return Object.fromEntries(words.split(" ").map((word) => [word, value]));
}
