import { checkParam, MmubError } from "@mmub/core";
import type { NgramModel } from "./language-model.js";

const type = "@mmub/audio/ctc-decoder";

export interface CtcDecoderParams {
  /** What each class of the model stands for, the blank included, such as a wav2vec2's vocabulary in order of its ids. */
  readonly labels: readonly string[];
  /** The class that stands for no label. @default 0 */
  readonly blank?: number;
  /**
   * The label between words: "|" of wav2vec2. With "▁" words begin with a label that begins so, as sentencepiece has them. null: each
   * label is a word of its own, joined without spaces, as of Chinese. @default " "
   */
  readonly wordSeparator?: string | null;
  /** Labels that are left out of the text, such as "<s>" and "<pad>". @default none */
  readonly skipLabels?: readonly string[];
  /** Prefixes that are kept at each step; 1: the best label of each step, without a language model (greedy). @default 100, greedy without language model and hot words */
  readonly beamWidth?: number;
  /** How likely words follow each other. */
  readonly languageModel?: NgramModel;
  /** How much the language model counts. @default 0.5 */
  readonly lmWeight?: number;
  /** What each word adds to the score, since a language model likes few. @default 1.5 */
  readonly wordBonus?: number;
  /** What a word that the language model does not know adds, as a logarithm to base 10. @default -10 */
  readonly unknownOffset?: number;
  /** Words that are likelier than others here, such as names of products. A word, not several. @default none */
  readonly hotWords?: readonly string[];
  /** What a hot word adds to the score. @default 10 */
  readonly hotWordWeight?: number;
  /** Prefixes so far below the best are dropped. @default -10 */
  readonly pruneBelow?: number;
  /** Labels of a probability whose logarithm is below this are not looked at, but the best of a step always is. @default -5 */
  readonly labelMinimum?: number;
}

/** What was said. */
export interface Transcript {
  readonly text: string;
  /** The words and the steps at which their first and last label stand. */
  readonly words: readonly { readonly text: string; readonly from: number; readonly to: number }[];
  /** The logarithm of the probability of the labels, plus what language model and hot words add. */
  readonly score: number;
}

/**
 * Makes text of what a CTC model gives: `decode(logits, steps)` takes logits or their log-softmax, `steps` x classes, and gives the
 * transcripts, best first (greedy: one). The sum over all alignments of a prefix is followed, so with a beam that is wide enough and nothing
 * pruned the best text is the best there is. Weights mean what they mean in pyctcdecode, whose scores of the same text are within 0.06 of ours, which are exact.
 *
 * Rejects labels without the blank, a language model or hot words with a beam of 1, and logits of another number or that are not finite.
 * Cost: steps x beamWidth x labels above `labelMinimum`.
 * Source: Graves et al. 2006; Hannun et al. 2014, https://arxiv.org/abs/1408.2873; pyctcdecode 0.5.
 *
 * @example
 * const decoder = ctcDecoder({ labels: ["", " ", "h", "i"], beamWidth: 10 });
 * const logits = Float32Array.of(0, 0, 5, 0, 0, 0, 5, 0, 0, 0, 0, 5);
 * console.log(decoder.decode(logits, 3)[0]?.text); // hi
 */
export function ctcDecoder(params: CtcDecoderParams): { decode(logits: Float32Array, steps: number): Transcript[] } {
  const settings = checked(params);
  const { labels, beamWidth } = settings;
  return {
    decode(logits, steps) {
      const classes = labels.length;
      if (logits.length !== steps * classes)
        throw new MmubError("shape-mismatch", {
          part: type,
          message: `${logits.length} logits for ${steps} steps, want ${steps} x ${classes} labels`,
        });
      const logs = logSoftmax(logits, classes);
      return beamWidth === 1 ? [greedy(logs, steps, settings)] : beam(logs, steps, settings);
    },
  };
}

/** The params with the defaults filled in, but for those that follow from others. */
export function ctcParams(params: CtcDecoderParams) {
  const { labels, blank = 0, wordSeparator = " ", languageModel, hotWords = [], skipLabels = [] } = params ?? {};
  const { lmWeight = 0.5, wordBonus = 1.5, unknownOffset = -10, hotWordWeight = 10 } = params ?? {};
  const { beamWidth = null, pruneBelow = -10, labelMinimum = -5 } = params ?? {};
  return {
    ...{ labels, blank, wordSeparator, languageModel, hotWords, skipLabels, beamWidth },
    ...{ lmWeight, wordBonus, unknownOffset, hotWordWeight, pruneBelow, labelMinimum },
  };
}

type Settings = ReturnType<typeof checked>;

function checked(params: CtcDecoderParams) {
  const { labels, blank, wordSeparator, languageModel, hotWords, skipLabels, ...weights } = ctcParams(params);
  const { lmWeight, wordBonus, unknownOffset, hotWordWeight, pruneBelow, labelMinimum } = weights;
  const helped = languageModel !== undefined || hotWords.length > 0;
  const beamWidth = weights.beamWidth ?? (helped ? 100 : 1);
  const check = (name: string, value: unknown, ok: boolean, want: string) => checkParam(type, name, value, ok, want);
  const isLabels = Array.isArray(labels) && labels.length > 1 && labels.every((label) => typeof label === "string");
  check("labels", labels, isLabels, "strings, one for each class of the model");
  const isBlank = Number.isInteger(blank) && blank >= 0 && blank < labels.length;
  check("blank", blank, isBlank, `the class of the blank, 0 to ${labels.length - 1}`);
  const isSeparator = wordSeparator === null || (typeof wordSeparator === "string" && wordSeparator !== "");
  check("wordSeparator", wordSeparator, isSeparator, "a label or null");
  const least = helped ? 2 : 1;
  const isWidth = Number.isInteger(beamWidth) && beamWidth >= least;
  check(
    "beamWidth",
    beamWidth,
    isWidth,
    `an integer from ${least}${helped ? " with a language model or hot words" : ""}`,
  );
  for (const [name, value] of Object.entries({ lmWeight, wordBonus, unknownOffset, hotWordWeight }))
    check(name, value, Number.isFinite(value), "a number");
  for (const [name, value] of Object.entries({ pruneBelow, labelMinimum }))
    check(name, value, value <= 0, "a number up to 0, or -Infinity");
  const isHot = Array.isArray(hotWords) && hotWords.every((word) => typeof word === "string" && /^\S+$/.test(word));
  check("hotWords", hotWords, isHot, "single words");
  const skipped = new Set(skipLabels);
  return {
    labels: labels.map((label, i) => (i === blank || skipped.has(label) ? "" : label)),
    blank,
    wordSeparator,
    languageModel,
    hotWords: [...new Set(hotWords)],
    beamWidth,
    ...{ lmWeight, wordBonus, unknownOffset, hotWordWeight, pruneBelow, labelMinimum },
    prefixes: languageModel && prefixesOf(languageModel.words),
  };
}

// The beginnings of all words, so that a prefix which no word has is left early. Of huge vocabularies that takes too much memory.
function prefixesOf(words: ReadonlySet<string>): ReadonlySet<string> | undefined {
  if (words.size > 200_000) return undefined;
  const prefixes = new Set<string>();
  for (const word of words) for (let end = 1; end <= word.length; end++) prefixes.add(word.slice(0, end));
  return prefixes;
}

function logSoftmax(logits: Float32Array, classes: number): Float64Array {
  const out = new Float64Array(logits.length);
  for (let from = 0; from < logits.length; from += classes) {
    let most = Number.NEGATIVE_INFINITY;
    for (let c = 0; c < classes; c++) most = Math.max(most, logits[from + c]!);
    let sum = 0;
    for (let c = 0; c < classes; c++) sum += Math.exp(logits[from + c]! - most);
    // Also where most is infinite: then the sum is not a number.
    if (!(sum > 0 && sum < Number.POSITIVE_INFINITY))
      throw new MmubError("invalid-input", {
        part: type,
        message: `the logits of step ${from / classes} are not finite`,
      });
    for (let c = 0; c < classes; c++) out[from + c] = logits[from + c]! - most - Math.log(sum);
  }
  return out;
}

/** A label and the step at which it stands. */
interface Placed {
  readonly label: number;
  readonly step: number;
}

function greedy(logs: Float64Array, steps: number, settings: Settings): Transcript {
  const { labels, blank } = settings;
  const placed: Placed[] = [];
  let [last, score] = [blank, 0];
  for (let step = 0; step < steps; step++) {
    let best = 0;
    for (let c = 1; c < labels.length; c++)
      if (logs[step * labels.length + c]! > logs[step * labels.length + best]!) best = c;
    score += logs[step * labels.length + best]!;
    if (best !== blank && best !== last) placed.push({ label: best, step });
    last = best;
  }
  return { ...written(placed, settings), score };
}

/** The text and words of labels. */
function written(placed: readonly Placed[], { labels, wordSeparator }: Settings): Omit<Transcript, "score"> {
  const words: { text: string; from: number; to: number }[] = [];
  let open = false;
  for (const { label, step } of placed) {
    const { ends, text } = pieceOf(labels[label]!, wordSeparator);
    if (ends) open = false;
    if (text === "") continue;
    if (!open) words.push({ text: "", from: step, to: step });
    const word = words.at(-1)!;
    word.text += text;
    word.to = step;
    open = true;
  }
  return { text: words.map(({ text }) => text).join(wordSeparator === null ? "" : " "), words };
}

/** Whether a label ends the word before it, and what it writes. */
function pieceOf(label: string, separator: string | null): { readonly ends: boolean; readonly text: string } {
  if (label === "") return { ends: false, text: "" };
  if (separator === null) return { ends: true, text: label };
  if (label === separator) return { ends: true, text: "" };
  if (separator === "▁" && label.startsWith("▁")) return { ends: true, text: label.slice(1) };
  return { ends: false, text: label };
}

/** A prefix: its labels as a chain, what language model and hot words say of its whole words, and the word that is open. */
interface Prefix {
  readonly parent: Prefix | undefined;
  readonly label: number;
  readonly step: number;
  readonly open: string;
  readonly context: readonly string[];
  /** Of the words that are whole. */
  readonly lm: number;
  /** What the open word is worth while it is open, to choose which prefixes are kept. */
  readonly hope: number;
  readonly children: Map<number, Prefix>;
}

function beam(logs: Float64Array, steps: number, settings: Settings): Transcript[] {
  const { labels, blank, wordSeparator, beamWidth, labelMinimum, pruneBelow } = settings;
  const classes = labels.length;
  const root: Prefix = {
    parent: undefined,
    label: -1,
    step: -1,
    open: "",
    context: ["<s>"],
    lm: 0,
    hope: 0,
    children: new Map(),
  };
  // The logarithms of the probability of a prefix that ends in a blank, and in its last label.
  let beams = new Map<Prefix, [blank: number, label: number]>([[root, [0, none]]]);

  for (let step = 0; step < steps; step++) {
    const from = step * classes;
    let best = 0;
    for (let c = 1; c < classes; c++) if (logs[from + c]! > logs[from + best]!) best = c;
    const looked: number[] = [];
    for (let c = 0; c < classes; c++) if (c === best || logs[from + c]! >= labelMinimum) looked.push(c);

    const next = new Map<Prefix, [number, number]>();
    const slot = (prefix: Prefix): [number, number] => {
      const known = next.get(prefix);
      if (known) return known;
      const fresh: [number, number] = [none, none];
      next.set(prefix, fresh);
      return fresh;
    };
    for (const [prefix, [onBlank, onLabel]] of beams) {
      const whole = add(onBlank, onLabel);
      for (const c of looked) {
        const log = logs[from + c]!;
        if (c === blank) {
          const own = slot(prefix);
          own[0] = add(own[0], whole + log);
          continue;
        }
        // A separator behind a separator ends no word.
        if (labels[c] === wordSeparator && labels[prefix.label] === wordSeparator) {
          const own = slot(prefix);
          own[1] = add(own[1], whole + log);
          continue;
        }
        const repeats = c === prefix.label;
        if (repeats) {
          const own = slot(prefix);
          own[1] = add(own[1], onLabel + log);
        }
        const reach = repeats ? onBlank : whole;
        if (reach === none) continue;
        const longer = slot(child(prefix, c, step, settings));
        longer[1] = add(longer[1], reach + log);
      }
    }
    const scored = [...next].map(([prefix, logs]) => ({ prefix, logs, score: add(...logs) + prefix.lm + prefix.hope }));
    scored.sort((a, b) => b.score - a.score);
    const top = scored[0]!.score;
    beams = new Map();
    for (const { prefix, logs, score } of scored.slice(0, beamWidth)) {
      if (score < top + pruneBelow) break;
      beams.set(prefix, logs);
    }
  }

  // Different labels may write the same text.
  const byText = new Map<string, Transcript & { readonly own: number }>();
  for (const [prefix, logs] of beams) {
    const own = add(...logs);
    const { lm } = finished(prefix, settings);
    const placed: Placed[] = [];
    for (let at: Prefix = prefix; at.parent; at = at.parent) placed.unshift({ label: at.label, step: at.step });
    const text = written(placed, settings);
    const known = byText.get(text.text);
    const score = known ? add(known.own, own) + lm : own + lm;
    byText.set(
      text.text,
      known && known.own > own
        ? { ...known, score, own: add(known.own, own) }
        : { ...text, score, own: known ? add(known.own, own) : own },
    );
  }
  return [...byText.values()].map(({ own: _, ...transcript }) => transcript).sort((a, b) => b.score - a.score);
}

const none = Number.NEGATIVE_INFINITY;

/** The logarithm of the sum of what two logarithms stand for. */
function add(a: number, b: number): number {
  const [high, low] = a > b ? [a, b] : [b, a];
  return low === none ? high : high + Math.log1p(Math.exp(low - high));
}

function child(prefix: Prefix, label: number, step: number, settings: Settings): Prefix {
  const known = prefix.children.get(label);
  if (known) return known;
  const { ends, text } = pieceOf(settings.labels[label]!, settings.wordSeparator);
  const { lm, context } = ends ? closed(prefix, settings) : prefix;
  const open = ends ? text : prefix.open + text;
  const made: Prefix = {
    parent: prefix,
    label,
    step,
    open,
    context,
    lm,
    hope: hopeOf(open, settings),
    children: new Map(),
  };
  prefix.children.set(label, made);
  return made;
}

/** What the language model and the hot words say once the open word is whole. */
function closed({ open, context, lm }: Prefix, settings: Settings): { lm: number; context: readonly string[] } {
  if (open === "") return { lm, context };
  const { languageModel, lmWeight, wordBonus, unknownOffset, hotWords, hotWordWeight } = settings;
  let score = lm;
  if (languageModel) {
    const unknown = languageModel.words.has(open) ? 0 : unknownOffset * Math.LN10;
    score += lmWeight * (languageModel.logProbability(context, open) + unknown) + wordBonus;
  }
  if (hotWords.includes(open)) score += hotWordWeight;
  const kept = languageModel ? [...context, open].slice(-Math.max(1, languageModel.order - 1)) : context;
  return { lm: score, context: kept };
}

function finished(prefix: Prefix, settings: Settings): { lm: number } {
  const { lm, context } = closed(prefix, settings);
  const { languageModel, lmWeight } = settings;
  return { lm: lm + (languageModel ? lmWeight * languageModel.logProbability(context, "</s>") : 0) };
}

// Of a word that is not whole: how much of a hot word it is, and whether any known word begins so.
function hopeOf(open: string, { hotWords, hotWordWeight, prefixes, lmWeight, unknownOffset }: Settings): number {
  if (open === "") return 0;
  let hope = 0;
  for (const word of hotWords)
    if (word.startsWith(open)) hope = Math.max(hope, (hotWordWeight * open.length) / word.length);
  if (prefixes && !prefixes.has(open)) hope += lmWeight * unknownOffset * Math.LN10;
  return hope;
}
