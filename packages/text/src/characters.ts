import { withoutAccents } from "./accents.js";
import { lazy } from "./lazy.js";
import { boundary, type Tokens } from "./ngrams.js";
import { grown } from "./reader.js";
import { spaces } from "./token-pattern.js";

export interface CharacterOptions {
  readonly lowercase: boolean;
  readonly stripAccents: "ascii" | "unicode" | null;
  /** Only within words, each with a space at either end. */
  readonly withinWords: boolean;
}

/** The characters (code points) of a text, a run of white space being one space. */
export function characters({ lowercase, stripAccents, withinWords }: CharacterOptions): Tokens {
  const points: number[] = [];
  const idOfUnit = new Int32Array(0x10000).fill(-1);
  const idOfPair = new Map<number, number>();
  let found = new Int32Array(256);

  function find(point: number, learn: boolean): number {
    const known = point <= 0xffff ? idOfUnit[point]! : (idOfPair.get(point) ?? -1);
    if (known >= 0 || !learn) return known;
    if (point <= 0xffff) idOfUnit[point] = points.length;
    else idOfPair.set(point, points.length);
    return points.push(point) - 1;
  }

  function push(text: string, count: number, learn: boolean): number {
    if (count + text.length > found.length) found = grown(found, 2 * (count + text.length));
    for (let i = 0; i < text.length; i++) {
      const point = text.codePointAt(i)!;
      if (point > 0xffff) i++;
      found[count++] = find(point, learn);
    }
    return count;
  }

  return {
    get size() {
      return points.length;
    },
    get found() {
      return found;
    },
    read(raw, learn) {
      const text = withoutAccents(lowercase ? raw.toLowerCase() : raw, stripAccents);
      if (!withinWords) return push(text.replace(spaceRuns(), " "), 0, learn);
      let count = 0;
      for (const word of text.split(spaceRun())) {
        if (word === "") continue;
        count = push(` ${word} `, count, learn);
        if (count === found.length) found = grown(found, 2 * count);
        found[count++] = boundary;
      }
      return count;
    },
    split: (term) => Array.from(term),
    add: (character) => find(character.codePointAt(0)!, true),
    strings: () => points.map((point) => String.fromCodePoint(point)),
    separator: "",
  };
}

const spaceRun = lazy(() => new RegExp(`[${spaces}]+`, "u"));
const spaceRuns = lazy(() => new RegExp(`[${spaces}]{2,}`, "gu"));
