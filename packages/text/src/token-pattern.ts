import { MmubError, show } from "@mmub/core";

// What Python's `re` means by \w, \s and their opposites for str, as the inside of a class. Each begins and ends with a
// property, so that a hyphen beside it is a syntax error rather than a silent range.
const word = "\\p{L}_\\p{N}";
const notWord =
  "\\p{M}\\p{Pd}\\p{Ps}\\p{Pe}\\p{Pi}\\p{Pf}\\p{Po}\\u203f\\u2040\\u2054\\ufe33\\ufe34\\ufe4d-\\ufe4f\\uff3f\\p{S}\\p{Z}\\p{C}";
export const spaces = "\\p{Zs}\\t-\\r\\x1c-\\x1f\\x85\\p{Zl}\\p{Zp}";
const notSpace = "\\p{L}\\0-\\x08\\x0e-\\x1b\\x7f-\\x84\\x86-\\x9f\\p{M}\\p{N}\\p{P}\\p{S}\\p{Cf}\\p{Cs}\\p{Co}\\p{Cn}";

const before = `(?<=[${word}])`;
const notBefore = `(?<![${word}])`;
const after = `(?=[${word}])`;
const notAfter = `(?![${word}])`;

const inClass: Readonly<Record<string, string>> = {
  w: word,
  W: notWord,
  s: spaces,
  S: notSpace,
  d: "\\p{Nd}",
  D: "\\P{Nd}",
};
const outside: Readonly<Record<string, string>> = {
  w: `[${word}]`,
  W: `[^${word}]`,
  s: `[${spaces}]`,
  S: `[^${spaces}]`,
  d: "\\p{Nd}",
  D: "\\P{Nd}",
  b: `(?:${before}${notAfter}|${notBefore}${after})`,
  B: `(?:${before}${after}|${notBefore}${notAfter})`,
};

export interface TokenPattern {
  readonly pattern: RegExp;
  /** Its one capturing group is the token. */
  readonly hasGroup: boolean;
}

/**
 * A regular expression in which `\w \W \d \D \s \S \b \B` mean what they mean in Python: all scripts, not ASCII alone.
 * Flags at the front, as in `(?u)` or `(?i)`, are read as Python reads them.
 */
export function tokenRegExp(source: string, part: string): TokenPattern {
  const refuse = (why: string, cause?: unknown): MmubError =>
    new MmubError("invalid-params", {
      part,
      message: `tokenPattern is ${show(source)}, want the source of a regular expression: ${why}`,
      tokenPattern: source,
      cause,
    });

  const [prefix = "", letters = ""] = /^\(\?([a-zA-Z]+)\)/.exec(source) ?? [];
  const unknown = [...letters].find((letter) => !"uims".includes(letter));
  if (unknown) throw refuse(`the flag "${unknown}" is not one of u, i, m, s`);
  const flags = `gu${[...new Set(letters.replaceAll("u", ""))].join("")}`;

  let [translated, isInClass] = ["", false];
  for (const [piece, escaped] of source.slice(prefix.length).matchAll(/\\([\s\S])|[\s\S]/gu)) {
    if (escaped === undefined) {
      if (piece === "[") isInClass = true;
      else if (piece === "]") isInClass = false;
      translated += piece;
    } else {
      const meaning = isInClass ? inClass : outside;
      // Python lets any other sign be escaped; a Unicode expression here takes that for an error.
      const plain = /[^\p{L}\p{N}^$\\.*+?()[\]{}|/-]/u.test(escaped) || (escaped === "-" && !isInClass);
      translated += Object.hasOwn(meaning, escaped) ? meaning[escaped] : plain ? escaped : piece;
    }
  }

  let pattern: RegExp;
  let groups: number;
  try {
    pattern = new RegExp(translated, flags);
    groups = new RegExp(`${translated}|`, flags).exec("")!.length - 1;
  } catch (cause) {
    throw refuse((cause as Error).message, cause);
  }
  if (groups > 1) throw refuse(`it has ${groups} capturing groups, at most one says what the token is; use (?:...)`);
  return { pattern, hasGroup: groups === 1 };
}
