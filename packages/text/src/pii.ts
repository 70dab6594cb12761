import { lazy } from "./lazy.js";

/** Kinds of personal data, the first of two that overlap being the one that is told. */
export const piiKinds = ["email", "url", "iban", "card", "nationalId", "phone", "ip", "address", "name"] as const;
export type PiiKind = (typeof piiKinds)[number];

export interface Range {
  readonly start: number;
  readonly end: number;
}

/** Finds one kind in a folded text (see `folded`). Every one takes a time linear in the text, whatever it holds. */
export type Finder = (text: string) => Iterable<Range>;

export const piiFinders: Readonly<Record<Exclude<PiiKind, "name">, Finder>> = {
  email: emails,
  url: urls,
  iban: ibans,
  card: cards,
  nationalId: nationalIds,
  phone: phones,
  ip: ips,
  address: addresses,
};

/** Full-width characters, odd spaces and dashes as their plain ones, unit for unit, so that positions stay. */
export function folded(text: string): string {
  return text.replace(/[\uff01-\uff5e\u00a0\u2000-\u200a\u202f\u3000\u2010-\u2015\u2212]/g, (character) => {
    const unit = character.charCodeAt(0);
    if (unit >= 0xff01) return String.fromCharCode(unit - 0xfee0);
    return (unit >= 0x2010 && unit <= 0x2015) || unit === 0x2212 ? "-" : " ";
  });
}

function* matches(text: string, patterns: readonly RegExp[]): Iterable<Range> {
  for (const pattern of patterns)
    for (const { 0: found, index } of text.matchAll(pattern)) yield { start: index, end: index + found.length };
}

// ---------- e-mail

// Scripts without spaces: a letter of theirs beside "a@b.com" is a word of the sentence.
const unspaced = lazy(() => /[\p{sc=Han}\p{sc=Hira}\p{sc=Kana}\p{sc=Thai}\p{sc=Hang}]/u);
const localCharacter = lazy(() => /[\p{L}\p{M}\p{N}.!#$%&'*+/=?^_`{|}~-]/u);
const labelCharacter = lazy(() => /[\p{L}\p{M}\p{N}-]/u);
const longestAddress = 320;

/** From each "@" to the left and to the right, as far as an address may reach. */
function* emails(text: string): Iterable<Range> {
  for (let at = text.indexOf("@"); at >= 0; at = text.indexOf("@", at + 1)) {
    const start = grow(text, at, -1, localCharacter());
    if (start === at) continue;
    const end = endOfDomain(text, at + 1);
    if (end > 0) yield { start, end };
  }
}

/** How far a run of characters reaches from `from`; it stays within scripts with spaces if it begins in one. */
function grow(text: string, from: number, step: 1 | -1, allowed: RegExp): number {
  let at = from;
  let mayBeUnspaced: boolean | undefined;
  while (Math.abs(at - from) < longestAddress) {
    const next = characterAt(text, step === 1 ? at : at - 1, step);
    if (next === "" || !allowed.test(next)) break;
    const isUnspaced = unspaced().test(next);
    mayBeUnspaced ??= isUnspaced;
    if (isUnspaced && !mayBeUnspaced) break;
    at += step * next.length;
  }
  return at;
}

function characterAt(text: string, at: number, step: 1 | -1): string {
  if (at < 0 || at >= text.length) return "";
  const first =
    step === -1 && /[\udc00-\udfff]/.test(text[at]!) && at > 0 && /[\ud800-\udbff]/.test(text[at - 1]!) ? at - 1 : at;
  return String.fromCodePoint(text.codePointAt(first)!);
}

function endOfDomain(text: string, from: number): number {
  const literal = /^\[(?:\d{1,3}(?:\.\d{1,3}){3}|IPv6:[\da-f:.]{2,45})\]/i.exec(text.slice(from, from + 60));
  if (literal) return from + literal[0].length;
  let at = from;
  let end = -1;
  for (let labels = 1; at - from < longestAddress; labels++) {
    const stop = grow(text, at, 1, labelCharacter());
    if (stop === at) break;
    // A top-level domain is two letters or more, in punycode too, whatever is glued to it; or all is an IP address.
    const label = text.slice(at, stop);
    const top =
      labels === 4 && /^\d{1,3}$/.test(label) ? label : /^(?:xn--[\w-]+|\p{L}[\p{L}\p{M}]+)/iu.exec(label)?.[0];
    if (labels > 1 && top !== undefined) end = at + top.length;
    if (text[stop] !== ".") break;
    at = stop + 1;
  }
  return end;
}

// ---------- cards and accounts

/** 13 to 19 digits that pass Luhn's check, in one piece or in groups of four and more, from the first digit of a network on. */
function* cards(text: string): Iterable<Range> {
  for (const { 0: run, index } of text.matchAll(/(?<!\d)\d+(?:[ -]\d+)*/g)) {
    const groups = Array.from(run.matchAll(/\d+/g), ({ 0: digits, index: at }) => ({ digits, at: index + at }));
    for (let first = 0; first < groups.length; first++) {
      let digits = "";
      let found = -1;
      for (let last = first; last < groups.length && digits.length < 19; last++) {
        digits += groups[last]!.digits;
        if (isCard(digits)) found = last;
        if (groups[last]!.digits.length < 4) break; // a short group ends a number
      }
      if (found < 0) continue;
      yield { start: groups[first]!.at, end: groups[found]!.at + groups[found]!.digits.length };
      first = found;
    }
  }
}

function isCard(digits: string): boolean {
  const { length } = digits;
  if (length < 13 || length > 19) return false;
  // Visa; Diners Club; American Express, JCB and UATP; the rest have 16 and more.
  const firsts = length === 13 ? "4" : length === 14 ? "3" : length === 15 ? "1235" : "2345689";
  return firsts.includes(digits[0]!) && luhn(digits);
}

function luhn(digits: string): boolean {
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = Number(digits[digits.length - 1 - i]);
    const doubled = i % 2 === 0 ? digit : digit * 2;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

// Source: SWIFT's IBAN registry.
const ibanLengths = lazy(
  () =>
    new Map(
      (
        "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24 FI18 " +
        "FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 " +
        "LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 " +
        "SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30"
      )
        .split(" ")
        .map((entry) => [entry.slice(0, 2), Number(entry.slice(2))] as const),
    ),
);

function* ibans(text: string): Iterable<Range> {
  for (const { 0: head, index } of text.matchAll(/(?<![a-z\d])[a-z]{2}\d\d/gi)) {
    const length = ibanLengths().get(head.slice(0, 2).toUpperCase());
    if (length === undefined) continue;
    let iban = "";
    let at = index;
    while (iban.length < length && at < text.length) {
      const character = text[at]!;
      if (/[a-z\d]/i.test(character)) iban += character;
      else if (!/[ -]/.test(character)) break;
      at++;
    }
    if (iban.length === length && !/^[a-z\d]/i.test(text.slice(at)[0] ?? "") && mod97(iban) === 1)
      yield { start: index, end: at };
  }
}

/** ISO 7064, MOD 97-10. */
function mod97(iban: string): number {
  let rest = 0;
  for (const character of iban.slice(4) + iban.slice(0, 4)) {
    const value = Number.parseInt(character, 36);
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97;
  }
  return rest;
}

// ---------- national ids

interface IdForm {
  readonly pattern: RegExp;
  /** Of the match without separators, in capitals. */
  readonly isValid: (id: string) => boolean;
}

const idForms: readonly IdForm[] = [
  // United States: Social Security and taxpayer numbers.
  {
    pattern: /(?<![\d-])\d{3}([- ])\d{2}\1\d{4}(?!\d|-\d)/g,
    isValid: (id) => !/^(000|666)|^...00|0000$/.test(id),
  },
  // United Kingdom: National Insurance.
  {
    pattern: /(?<![a-z\d])[a-ceghj-prtw-z][a-ceghj-nprtw-z] ?\d\d ?\d\d ?\d\d ?[a-d](?![a-z\d])/gi,
    isValid: (id) => !/^(BG|GB|KN|NK|NT|TN|ZZ)/.test(id),
  },
  // Canada: Social Insurance.
  { pattern: /(?<![\d-])[1-79]\d\d([- ])\d{3}\1\d{3}(?!\d|-\d)/g, isValid: luhn },
  // China: resident identity.
  { pattern: /(?<!\d)[1-9]\d{16}[\dx](?![\da-z])/gi, isValid: isChineseId },
  // Hong Kong, Taiwan, Singapore, Korea.
  { pattern: /(?<![a-z\d])[a-z]{1,2}\d{6} ?\([\da]\)/gi, isValid: isHongKongId },
  { pattern: /(?<![a-z\d])[a-z][12]\d{8}(?!\d)/gi, isValid: isTaiwaneseId },
  { pattern: /(?<![a-z\d])[stfgm]\d{7}[a-z](?![a-z\d])/gi, isValid: isSingaporeanId },
  {
    pattern: /(?<![\d-])\d{6}-[1-8]\d{6}(?!\d|-\d)/g,
    isValid: (id) => isDate(("1290".includes(id[6]!) ? 1900 : 2000) + Number(id.slice(0, 2)), id.slice(2, 6)),
  },
  // India: Aadhaar.
  { pattern: /(?<!\d)[2-9]\d{3}([ -]?)\d{4}\1\d{4}(?![ -]?\d)/g, isValid: verhoeff },
  // Brazil: CPF.
  { pattern: /(?<![\d.])\d{3}\.\d{3}\.\d{3}-\d\d(?!\d)/g, isValid: isCpf },
  // Spain: DNI and NIE.
  {
    pattern: /(?<![a-z\d])(?:\d{8}|[xyz]-?\d{7})-?[a-z](?![a-z\d])/gi,
    isValid: (id) =>
      "TRWAGMYFPDXBNJZSQVHLCKE"[
        Number(id.slice(0, -1).replace(/^[XYZ]/, (first) => String("XYZ".indexOf(first)))) % 23
      ] === id.at(-1),
  },
  // Italy: codice fiscale.
  { pattern: /(?<![a-z\d])[a-z]{6}\d\d[a-ehlmprst]\d\d[a-z]\d{3}[a-z](?![a-z\d])/gi, isValid: isCodiceFiscale },
  // France: NIR.
  {
    pattern: /(?<!\d)[12] ?\d\d ?(?:0[1-9]|1[0-2]|[2-9]\d) ?(?:\d\d|2[ab]) ?\d{3} ?\d{3} ?\d\d(?!\d)/gi,
    isValid: (id) => {
      const number = BigInt(id.slice(0, 13).replace("2A", "19").replace("2B", "18"));
      return 97n - (number % 97n) === BigInt(id.slice(13));
    },
  },
];

function* nationalIds(text: string): Iterable<Range> {
  for (const { pattern, isValid } of idForms)
    for (const { 0: found, index } of text.matchAll(pattern))
      if (isValid(found.replace(/[^a-z\d]/gi, "").toUpperCase())) yield { start: index, end: index + found.length };
}

function isDate(year: number, monthAndDay: string): boolean {
  const [month, day] = [Number(monthAndDay.slice(0, 2)), Number(monthAndDay.slice(2))];
  const date = new Date(Date.UTC(year, month - 1, day));
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
}

/** Sum of digits times weights. */
function weighted(digits: string, weights: readonly number[]): number {
  return weights.reduce((sum, weight, i) => sum + weight * Number(digits[i]), 0);
}

/** GB 11643-1999; ISO 7064, MOD 11-2. */
function isChineseId(id: string): boolean {
  const year = Number(id.slice(6, 10));
  const sum = weighted(id, [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]);
  return year >= 1850 && year < 2100 && isDate(year, id.slice(10, 14)) && "10X98765432"[sum % 11] === id[17];
}

function isHongKongId(id: string): boolean {
  const letters = id.length === 9 ? id.slice(0, 2) : ` ${id[0]}`;
  const value = (letter: string): number => (letter === " " ? 36 : Number.parseInt(letter, 36));
  const check = id.at(-1) === "A" ? 10 : Number(id.at(-1));
  const digits = id.slice(-7, -1);
  return (9 * value(letters[0]!) + 8 * value(letters[1]!) + weighted(digits, [7, 6, 5, 4, 3, 2]) + check) % 11 === 0;
}

function isTaiwaneseId(id: string): boolean {
  const area = 10 + "ABCDEFGHJKLMNPQRSTUVXYWZIO".indexOf(id[0]!);
  return (Math.floor(area / 10) + 9 * (area % 10) + weighted(id.slice(1), [8, 7, 6, 5, 4, 3, 2, 1, 1])) % 10 === 0;
}

function isSingaporeanId(id: string): boolean {
  const offset = { S: 0, T: 4, F: 0, G: 4, M: 3 }[id[0]!]!;
  const letters = id[0] === "S" || id[0] === "T" ? "JZIHGFEDCBA" : id[0] === "M" ? "KLJNPQRTUWX" : "XWUTRQPNMLK";
  const rest = (offset + weighted(id.slice(1), [2, 7, 6, 5, 4, 3, 2])) % 11;
  return letters[id[0] === "M" ? 10 - rest : rest] === id.at(-1);
}

function isCpf(digits: string): boolean {
  const check = (length: number): string => {
    const rest =
      weighted(
        digits,
        Array.from({ length }, (_, i) => length + 1 - i),
      ) % 11;
    return String(rest < 2 ? 0 : 11 - rest);
  };
  return !/^(\d)\1+$/.test(digits) && check(9) === digits[9] && check(10) === digits[10];
}

function isCodiceFiscale(id: string): boolean {
  const odd = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
  let sum = 0;
  for (let i = 0; i < 15; i++) {
    const value = /\d/.test(id[i]!) ? Number(id[i]) : id.charCodeAt(i) - 65;
    sum += i % 2 === 0 ? odd[value]! : value;
  }
  return String.fromCharCode(65 + (sum % 26)) === id[15];
}

/** Verhoeff (1969): the dihedral group of ten, and powers of a permutation by place. */
function verhoeff(digits: string): boolean {
  const permutation = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
  const product = (a: number, b: number): number =>
    a < 5 ? (b < 5 ? (a + b) % 5 : 5 + ((a + b - 5) % 5)) : b < 5 ? 5 + ((a - 5 - b + 5) % 5) : (a - b + 5) % 5;
  let check = 0;
  for (let i = 0; i < digits.length; i++) {
    let digit = Number(digits[digits.length - 1 - i]);
    for (let power = 0; power < i % 8; power++) digit = permutation[digit]!;
    check = product(check, digit);
  }
  return check === 0;
}

// ---------- phone numbers

const phonePatterns = [
  // International: + or 00, then 7 to 15 digits (E.164).
  /(?<![\d+])(?:\+|00) ?[1-9](?:[ .()/-]{0,3}\d){6,14}(?!\d)/g,
  // North America, with an extension.
  /(?<![\d.-])(?:1[ .-]?)?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}(?: ?(?:x|ext\.?) ?\d{1,5})?(?!\d|-\d)/gi,
  // China: mobile, area code and number, service numbers.
  /(?<!\d)(?:86[ -]?)?1[3-9]\d[ -]?\d{4}[ -]?\d{4}(?!\d)/g,
  /(?<!\d)(?:\(0\d{2,3}\) ?|0\d{2,3}[ -]?)\d{7,8}(?:-\d{1,6})?(?!\d)/g,
  /(?<!\d)[48]00[ -]?\d{3}[ -]?\d{4}(?!\d)/g,
  // India: 98765 43210.
  /(?<!\d)[6-9]\d{4}[ -]\d{5}(?!\d)/g,
  // Elsewhere: a trunk 0, then 8 to 11 digits.
  /(?<![\d.,])(?:(?:\(0[1-9]\d{0,3}\)|0[1-9]\d{0,3}\/)(?:[ -]{0,2}\d){5,9}|0[1-9](?:[ -]{0,2}\d){7,10})(?!\d)/g,
  /(?<![\d.,])0[1-9](?:\.\d\d){4}(?![\d.])/g,
  // After a word that says so: any 7 to 15 digits.
  /(?<=(?:tel|phone|call|mobile|cell|whatsapp|fax|电话|手机|号码|热线|座机|传真|拨打)[^\d\n[\]]{0,12})\d(?:[ .()-]{0,2}\d){6,14}(?!\d)/gi,
];

function* phones(text: string): Iterable<Range> {
  for (const range of matches(text, phonePatterns))
    if (!/^\(?\d{1,2}[/. -]\d{1,2}[/. -](?:19|20)\d\d/.test(text.slice(range.start, range.start + 12))) yield range;
}

// ---------- addresses on the net

function* urls(text: string): Iterable<Range> {
  for (const { 0: found, index } of text.matchAll(
    /(?<![a-z])(?:https?:\/\/|ftp:\/\/|www\.)[^\s<>"'`，。；、）】》]+/gi,
  )) {
    let { length } = found;
    while (".,;:!?)]".includes(found[length - 1]!)) length--;
    yield { start: index, end: index + length };
  }
}

const octet = "(?:25[0-5]|2[0-4]\\d|1?\\d?\\d)";
const ipv4 = new RegExp(`(?<![\\d.])(?:${octet}\\.){3}${octet}(?!\\d|\\.\\d)`, "g");

function* ips(text: string): Iterable<Range> {
  yield* matches(text, [ipv4]);
  for (const { 0: run, index } of text.matchAll(
    /(?:(?<![a-z\d:.])|(?<=[g-z]:)(?!:))[\da-f:]{3,41}(?:\.\d{1,3}){0,3}(?![a-z\d])/gi,
  )) {
    // A colon of the sentence may stand at either end.
    const start = /^:(?!:(?!:))/.test(run) ? 1 : 0;
    const candidate = run.slice(start).replace(/(?<!:):$/, "");
    // Asked of the URL parser: node:net is slow to import.
    if (/\d/.test(candidate) && URL.canParse(`http://[${candidate}]`))
      yield { start: index + start, end: index + start + candidate.length };
  }
}

// ---------- addresses on the street

const street =
  "(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Place|Pl|Square|Sq|Terrace|Ter|Parkway|Pkwy|" +
  "Circle|Cir|Way|Highway|Hwy|Close|Crescent|Cres|Gardens|Mews|Row|Alley|Trail)";
const capitalWord = "\\p{Lu}[\\p{L}'-]{0,24}";
// Not the letters that begin a postcode.
const townWord = `${capitalWord}(?![\\p{L}\\p{N}])`;
const postcode = "(?:[A-Z]{2} \\d{5}(?:-\\d{4})?|[A-Z]{1,2}\\d[A-Z\\d]? ?\\d[A-Z]{2}|\\d{5})";
const addressPatterns = lazy(() => [
  new RegExp(
    `(?<![\\p{L}\\p{N}])\\d{1,5}[A-Za-z]?(?:-\\d{1,5})?,? (?:(?:[NSEW]|NE|NW|SE|SW)\\.? )?(?:(?:${capitalWord}|\\d{1,3}(?:st|nd|rd|th))\\.? ){1,4}${street}(?![\\p{L}\\p{N}])\\.?` +
      `(?:,? (?:Apt|Apartment|Suite|Ste|Unit|Flat|Floor|Room|#)\\.? ?[A-Za-z\\d-]{1,8})?(?:, ${townWord}(?: ${townWord}){0,2})?(?:,? ${postcode}(?![\\p{L}\\p{N}]))?`,
    "gu",
  ),
  /(?<![\p{L}\p{N}])P\.? ?O\.? ?Box \d{1,8}/giu,
  // German, French, Spanish, Italian, Portuguese.
  /(?<![\p{L}\p{N}])\p{Lu}(?:[\p{L}-]{0,30}(?:straße|strasse|weg|platz|allee|gasse|ufer|damm)|[\p{L}-]{0,30}str\.)(?!\p{L}) ?\d{1,4} ?(?:[a-z](?!\p{L}))?(?:,? \d{5} \p{Lu}[\p{L}-]{1,30})?/gu,
  new RegExp(
    `(?<![\\p{L}\\p{N}])\\d{1,4}(?: ?(?:bis|ter))?,? (?:[Rr]ue|[Aa]venue|[Bb]oulevard|[Pp]lace|[Cc]hemin|[Aa]llée|[Ii]mpasse|[Qq]uai|[Cc]ours)(?: (?:de|du|des|la|le|les)){0,2} (?:[dl]['’])?${capitalWord}(?: (?:de |du |des |la )?${capitalWord}){0,3}(?:,? ${postcode}(?: ${capitalWord})?)?`,
    "gu",
  ),
  new RegExp(
    `(?<![\\p{L}\\p{N}])(?:Calle|Avenida|Avda\\.?|Plaza|Paseo|Via|Viale|Piazza|Corso|Rua)(?: (?:de|del|della|la|las|los|di|da|do|dos|das)){0,2}(?: ${capitalWord}){1,4},? (?:n[º°]\\.? ?)?\\d{1,4}(?!\\d)`,
    "gu",
  ),
]);

// From the street's last character on: number of the house, then building, floor and room.
const chineseHouse = lazy(
  () =>
    /(?:大道|大街|路|街|道|巷|弄|胡同|里|村)\p{sc=Han}{0,2}\d{1,5}(?:号院|号楼|号|弄|栋|幢)(?:\p{sc=Han}{0,10}?[\dA-Za-z-]{1,6}(?:号楼|号|栋|幢|座|单元|层|楼|室)){0,4}/gu,
);
// What stands before an address and is no part of it.
const beforeAddress = /[在到住寄是于址送从去发给我你他她您的了为]/;

function* addresses(text: string): Iterable<Range> {
  yield* matches(text, addressPatterns());
  for (const { 0: house, index } of text.matchAll(chineseHouse())) {
    let start = index;
    while (
      index - start < 30 &&
      start > 0 &&
      /\p{sc=Han}/u.test(text[start - 1]!) &&
      !beforeAddress.test(text[start - 1]!)
    )
      start--;
    if (start < index) yield { start, end: index + house.length };
  }
}

// ---------- names

/** A finder of listed names: whole words, whatever their case; in scripts without spaces wherever they stand. */
export function nameFinder(names: readonly string[]): Finder {
  // By the first word, or by the first character.
  const spaced = new Map<string, string[][]>();
  const solid = new Map<string, string[]>();
  for (const name of names) {
    const words = wordsOf(name);
    if (unspaced().test(name)) push(solid, Array.from(name)[0]!, name);
    else if (words.length > 0)
      push(
        spaced,
        words[0]!.word,
        words.map(({ word }) => word),
      );
  }
  for (const list of [...spaced.values(), ...solid.values()]) list.sort((a, b) => b.length - a.length);
  return function* find(text) {
    if (spaced.size > 0) {
      const words = wordsOf(text);
      for (let i = 0; i < words.length; i++) {
        const name = spaced
          .get(words[i]!.word)
          ?.find((name) => name.every((word, k) => isNext(words, i + k, k, word, text)));
        if (name) yield { start: words[i]!.start, end: words[i + name.length - 1]!.end };
      }
    }
    if (solid.size > 0)
      for (let i = 0; i < text.length; i++) {
        const name = solid.get(characterAt(text, i, 1))?.find((name) => text.startsWith(name, i));
        if (name !== undefined) yield { start: i, end: i + name.length };
      }
  };
}

interface Word extends Range {
  readonly word: string;
}

function wordsOf(text: string): Word[] {
  return Array.from(text.matchAll(/[\p{L}\p{M}\p{N}]+/gu), ({ 0: word, index }) => ({
    word: word.toLowerCase(),
    start: index,
    end: index + word.length,
  }));
}

/** Whether word `i` is `word` and, but for the first of a name, follows the one before it as in a name. */
function isNext(words: readonly Word[], i: number, k: number, word: string, text: string): boolean {
  if (words[i]?.word !== word) return false;
  return k === 0 || /^[ .'’,-]{1,3}$/.test(text.slice(words[i - 1]!.end, words[i]!.start));
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}
