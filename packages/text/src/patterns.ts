import { withoutAccents } from "./accents.js";
import { codePointOrder, type Reader } from "./reader.js";

export interface PatternOptions {
  readonly lowercase: boolean;
  readonly stripAccents: "ascii" | "unicode" | null;
  readonly tokenize: (text: string) => string[];
  readonly stopWords: readonly string[];
  readonly ngramRange: readonly [number, number];
}

/**
 * Terms of whatever a regular expression or a tokenizer finds. Terms are strings here, as such tokens may hold spaces: "a b" is one term,
 * be it a token or two.
 */
export function patterns(options: PatternOptions): Reader {
  const { lowercase, stripAccents, tokenize, stopWords } = options;
  const [min, max] = options.ngramRange;
  const stop = new Set(stopWords);
  const known = new Map<string, number>();
  const terms: string[] = [];
  let ids = new Int32Array(256);

  function tokensOf(raw: string): string[] {
    const tokens = tokenize(withoutAccents(lowercase ? raw.toLowerCase() : raw, stripAccents));
    return stop.size === 0 ? tokens : tokens.filter((token) => !stop.has(token));
  }

  function add(term: string): number {
    const id = known.get(term);
    if (id !== undefined) return id;
    // Copied, as a slice of a text would keep all of it in memory.
    const own = Buffer.from(term, "utf16le").toString("utf16le");
    known.set(own, terms.length);
    return terms.push(own) - 1;
  }

  return {
    get size() {
      return terms.length;
    },
    get ids() {
      return ids;
    },
    read(text, learn) {
      const tokens = tokensOf(text);
      let written = 0;
      const most = tokens.length * Math.max(1, Math.min(max, tokens.length) - min + 1);
      if (most > ids.length) ids = new Int32Array(2 * most);
      for (let n = min; n <= max && n <= tokens.length; n++)
        for (let i = 0; i + n <= tokens.length; i++) {
          const term = n === 1 ? tokens[i]! : tokens.slice(i, i + n).join(" ");
          ids[written++] = learn ? add(term) : (known.get(term) ?? -1);
        }
      return written;
    },
    add,
    inOrder: () => codePointOrder(terms),
    terms: (of) => Array.from(of, (id) => terms[id]!),
  };
}
