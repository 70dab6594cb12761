import { checkParam } from "@mmub/core";
import { withoutAccents } from "./accents.js";
import { emojiNames } from "./emoji-names.js";
import { htmlEntities } from "./html-entities.js";
import { lazy } from "./lazy.js";
import { checkTokenizer, type Tokenizer, tokenizerRecipe } from "./tokenizer.js";

const type = "@mmub/text/normalizer";

/** What is done to a text, in this order. Nothing is unless it is asked for. */
export interface NormalizeParams {
  /**
   * Take HTML off: comments, scripts and tags go, entities become their characters. A tag that ends a line or a block leaves
   * a space, one within a line nothing.
   * @default false
   */
  readonly html?: boolean;
  /** Unicode normalisation; "NFKC" makes full-width letters, ligatures and circled numbers plain. @default null */
  readonly unicode?: "NFC" | "NFD" | "NFKC" | "NFKD" | null;
  /** @default false */
  readonly lowercase?: boolean;
  /** What stands for a web address, such as "<url>"; "" takes it out. @default null, kept */
  readonly urls?: string | null;
  /** What stands for an e-mail address. @default null, kept */
  readonly emails?: string | null;
  /**
   * "remove", or "name": 😀 becomes " :grinning_face: ", an emoji of several parts a name for each, 👍🏽 therefore
   * ":thumbs_up: :medium_skin_tone:" and a flag ":flag_de:".
   * @default "keep"
   */
  readonly emoji?: "keep" | "remove" | "name";
  /** As in `tfidf`. "ascii" drops emoji that are left. @default null */
  readonly stripAccents?: "ascii" | "unicode" | null;
  /** What stands for a number that touches no letter, 1,250.50 being one. @default null, kept */
  readonly numbers?: string | null;
  /** Cut a run of one letter or sign to so many: 2 makes "sooooo good!!!!" "soo good!!". Digits stay. @default null */
  readonly maxRepeat?: number | null;
  /** One space for each run of white space, none at the ends. @default false */
  readonly spaces?: boolean;
}

export interface Normalizer {
  readonly type: string;
  readonly params: CheckedNormalizeParams;
  readonly normalize: (text: string) => string;
}

export type CheckedNormalizeParams = {
  readonly [K in keyof NormalizeParams]-?: Exclude<NormalizeParams[K], undefined>;
};

const defaults: CheckedNormalizeParams = {
  html: false,
  unicode: null,
  lowercase: false,
  urls: null,
  emails: null,
  emoji: "keep",
  stripAccents: null,
  numbers: null,
  maxRepeat: null,
  spaces: false,
};

/**
 * Makes texts alike before they are cut into tokens.
 * Cost: a pass for each step that is asked for, linear in the text whatever it holds.
 * Source: Unicode Standard Annex 15 (forms), CLDR (names of emoji), HTML 4 (named entities; numeric ones as in HTML 5).
 *
 * @example
 * const { normalize } = normalizer({ html: true, lowercase: true, urls: "<url>", emoji: "name", spaces: true });
 * console.log(normalize("Great&nbsp;<b>shop</b> 😀 https://shop.example/1")); // great shop :grinning_face: <url>
 */
export function normalizer(given: NormalizeParams = {}): Normalizer {
  const params = checkNormalize(type, given);
  const { html, unicode, lowercase, urls, emails, emoji, stripAccents, numbers, maxRepeat, spaces } = params;
  const steps: ((text: string) => string)[] = [];
  if (html) steps.push(withoutHtml);
  if (unicode) steps.push((text) => text.normalize(unicode));
  if (lowercase) steps.push((text) => text.toLowerCase());
  if (urls !== null) steps.push((text) => text.replace(url, (found) => urls + found.slice(endOfUrl(found))));
  if (emails !== null) steps.push((text) => text.replace(email, () => emails));
  if (emoji === "remove") steps.push((text) => text.replace(emojiPiece(), ""));
  if (emoji === "name") steps.push((text) => text.replace(emojiPiece(), (piece) => ` :${nameOf(piece)}: `));
  if (stripAccents) steps.push((text) => withoutAccents(text, stripAccents));
  if (numbers !== null) steps.push((text) => text.replace(number(), () => numbers));
  if (maxRepeat !== null) {
    const runs = new RegExp(`([^\\p{Nd}\\s])\\1{${maxRepeat},}`, "gu");
    steps.push((text) => text.replace(runs, (_, one: string) => one.repeat(maxRepeat)));
  }
  if (spaces) steps.push((text) => text.replace(/\s+/gu, " ").trim());
  return { type, params, normalize: (text) => steps.reduce((now, step) => step(now), text) };
}

/**
 * The same tokenizer for texts that are normalised first.
 *
 * @example
 * const tokenizer = normalized(wordTokenizer(), { unicode: "NFKC", lowercase: true });
 * console.log(tokenizer.tokenize("Ｇｏｏｄ Price")); // [ 'good', 'price' ]
 */
export function normalized(tokenizer: Tokenizer, params: NormalizeParams): Tokenizer {
  checkTokenizer("@mmub/text/normalized", tokenizer);
  const { params: checked, normalize } = normalizer(params);
  return {
    type: "@mmub/text/normalized",
    params: { tokenizer: tokenizerRecipe(tokenizer), ...checked },
    tokenize: (text) => tokenizer.tokenize(normalize(text)),
  };
}

/** The params with their defaults; `invalid-params` for `part` if any is wrong. */
export function checkNormalize(part: string, given: NormalizeParams): CheckedNormalizeParams {
  const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  for (const name of Object.keys(set))
    checkParam(
      part,
      name,
      set[name],
      Object.hasOwn(defaults, name),
      `no such param; there are ${Object.keys(defaults).join(", ")}`,
    );
  const params: CheckedNormalizeParams = { ...defaults, ...set };
  const check = (name: keyof NormalizeParams, ok: boolean, want: string): void =>
    checkParam(part, name, params[name], ok, want);
  for (const name of ["html", "lowercase", "spaces"] as const)
    check(name, typeof params[name] === "boolean", "true or false");
  for (const name of ["urls", "emails", "numbers"] as const)
    check(name, params[name] === null || typeof params[name] === "string", "what stands for it, or null");
  check(
    "unicode",
    [null, "NFC", "NFD", "NFKC", "NFKD"].includes(params.unicode),
    '"NFC", "NFD", "NFKC", "NFKD" or null',
  );
  check("emoji", ["keep", "remove", "name"].includes(params.emoji), '"keep", "remove" or "name"');
  check("stripAccents", [null, "ascii", "unicode"].includes(params.stripAccents), '"ascii", "unicode" or null');
  const { maxRepeat } = params;
  check(
    "maxRepeat",
    maxRepeat === null || (Number.isInteger(maxRepeat) && maxRepeat >= 1),
    "a whole number from 1 on or null",
  );
  return params;
}

// Each pattern can begin only where a run of its signs begins, or it would take a time of the square of the text's length.
const url = /(?<![\w])(?:https?:\/\/|ftp:\/\/|www\.)[\w\-.~:/?#[\]@!$&'()*+,;=%]+/gi;
const email = /(?<![\w.+-])[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+/g;
const number = lazy(() => /(?<![\p{L}\p{N}_])[+-]?\p{Nd}+(?:[.,]\p{Nd}+)*(?![\p{L}\p{N}_])/gu);
const emojiPiece = lazy(
  () => /\p{RI}\p{RI}|[0-9#*]\ufe0f?\u20e3|[\p{ExtPict}\p{EMod}][\ufe0e\ufe0f]?[\u{e0020}-\u{e007f}]*\u200d?|\p{RI}/gu,
);

// The point that ends a sentence is not part of the address before it.
function endOfUrl(found: string): number {
  let end = found.length;
  while (end > 0 && ".,;:!?)]'".includes(found[end - 1]!)) end--;
  return end;
}

let names: Map<number, string> | undefined;

function nameOf(piece: string): string {
  names ??= new Map(
    emojiNames
      .trim()
      .split("\n")
      .flatMap((line) => {
        const [first, ...run] = line.split(" ");
        // A name is one word for any tokenizer.
        return run.map((name, i) => [Number.parseInt(first!, 16) + i, name.replace(/[^\p{L}\p{N}]+/gu, "_")] as const);
      }),
  );
  const points = Array.from(piece, (character) => character.codePointAt(0)!);
  const letters = points.filter((point) => point >= 0x1f1e6 && point <= 0x1f1ff).map((point) => point - 0x1f1e6 + 97);
  if (letters.length > 0) return `flag_${String.fromCharCode(...letters)}`;
  if (points.at(-1) === 0x20e3) return `keycap_${{ "#": "hash", "*": "asterisk" }[piece[0]!] ?? piece[0]}`;
  return names.get(points[0]!) ?? `u${points[0]!.toString(16)}`;
}

// ---------- HTML

const inline =
  /^<\/?(?:a|abbr|b|bdi|bdo|big|cite|code|del|em|font|i|ins|kbd|mark|q|s|samp|small|span|strike|strong|sub|sup|tt|u|var|wbr)\b/i;

function withoutHtml(text: string): string {
  return without(
    without(text, /<!--/g, () => /-->/g),
    /<(script|style)\b[^<>]*>/gi,
    closingTag,
  )
    .replace(/<[a-z/!?][^<>]*>/gi, (tag) => (inline.test(tag) ? "" : " "))
    .replace(/&(?:#(\d{1,7})|#x([\da-f]{1,6})|([a-z]\w{1,31}));/gi, entity);
}

const closingTag = (name: string): RegExp => new RegExp(`</${name}\\s*>`, "gi");

/** The text without what lies from a match of `open` to the end that belongs to it; one that never ends is left. */
function without(text: string, open: RegExp, endOf: (name: string) => RegExp): string {
  let [kept, at] = ["", 0];
  for (;;) {
    open.lastIndex = at;
    const match = open.exec(text);
    if (!match) break;
    const end = endOf(match[1] ?? "");
    end.lastIndex = open.lastIndex;
    // An end that is nowhere ahead is not ahead of a later beginning either: looking on would take the square of the length.
    if (!end.test(text)) break;
    kept += `${text.slice(at, match.index)} `;
    at = end.lastIndex;
  }
  return kept + text.slice(at);
}

// What browsers make of the numbers 128 to 159, which are Windows's and not Unicode's.
const windows = "€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ";
let entities: Map<string, string> | undefined;

function entity(whole: string, decimal?: string, hex?: string, name?: string): string {
  if (name === undefined) {
    const point = Number.parseInt(decimal ?? hex!, decimal === undefined ? 16 : 10);
    if (point >= 0x80 && point < 0xa0) return windows[point - 0x80]!;
    const ok = point > 0 && point <= 0x10ffff && !(point >= 0xd800 && point < 0xe000);
    return ok ? String.fromCodePoint(point) : "\ufffd";
  }
  entities ??= new Map(
    Array.from(htmlEntities.matchAll(/(\w+) ([\da-f]+)/g), ([, key, point]) => [
      key!,
      String.fromCodePoint(Number.parseInt(point!, 16)),
    ]),
  );
  return entities.get(name) ?? whole;
}
