import { checkParam, MmubError, show } from "@mmub/core";

const type = "@mmub/audio/language-model";

/** How likely words follow each other: n-grams with back-off. Logarithms are natural. */
export interface NgramModel {
  /** Words of the longest n-gram. */
  readonly order: number;
  /** Words that are known, but for `<s>`, `</s>` and `<unk>`. */
  readonly words: ReadonlySet<string>;
  /**
   * The logarithm of the probability of `word` after `context`, whose last `order - 1` words count: begin a sentence with `["<s>"]`
   * and end it with `"</s>"`. An unknown word has that of `<unk>`, or 1e-100.
   */
  logProbability(context: readonly string[], word: string): number;
  /** In the ARPA format, which KenLM and SRILM read. */
  toArpa(): string;
}

interface Entry {
  /** Logarithms to base 10, as in the file. */
  readonly probability: number;
  readonly backoff: number;
}

/** By the words of an n-gram, joined by spaces. */
type Table = ReadonlyMap<string, Entry>;

const special = new Set(["<s>", "</s>", "<unk>"]);
const unseen = -100;

function modelOf(tables: readonly Table[]): NgramModel {
  const order = tables.length;
  const words = new Set([...tables[0]!.keys()].filter((word) => !special.has(word)));
  const known = (word: string) => (tables[0]!.has(word) ? word : "<unk>");
  return {
    order,
    words,
    logProbability(context, word) {
      const last = known(word);
      const before = context.slice(Math.max(0, context.length - order + 1)).map(known);
      let sum = 0;
      for (let from = 0; from <= before.length; from++) {
        const history = before.slice(from);
        const found = tables[history.length]!.get([...history, last].join(" "));
        if (found) return (sum + found.probability) * Math.LN10;
        if (history.length > 0) sum += tables[history.length - 1]!.get(history.join(" "))?.backoff ?? 0;
      }
      return (sum + unseen) * Math.LN10;
    },
    toArpa() {
      const lines = ["\\data\\", ...tables.map((table, n) => `ngram ${n + 1}=${table.size}`), ""];
      for (const [n, table] of tables.entries()) {
        lines.push(`\\${n + 1}-grams:`);
        for (const [words, { probability, backoff }] of table)
          lines.push(n + 1 === order ? `${probability}\t${words}` : `${probability}\t${words}\t${backoff}`);
        lines.push("");
      }
      return `${lines.join("\n")}\\end\\\n`;
    },
  };
}

/**
 * Reads a language model in the ARPA format, such as KenLM's `lmplz` and SRILM write.
 *
 * Rejects with `invalid-input` what is no such file, with the line, and a file that ends before its header says.
 * Cost: memory for each n-gram, some 150 bytes: up to some millions.
 * Source: the ARPA MIT-LL format, https://cmusphinx.github.io/wiki/arpaformat.
 *
 * @example
 * const arpa = "\\data\\\nngram 1=3\n\n\\1-grams:\n-0.3\t<s>\n-0.5\t</s>\n-0.4\tyes\n\n\\end\\\n";
 * const model = readArpa(arpa);
 * console.log(model.logProbability(["<s>"], "yes")); // -0.92: 0.4 times ln 10
 */
export function readArpa(text: string): NgramModel {
  const fail = (line: number, problem: string): never => {
    throw new MmubError("invalid-input", { part: type, message: `line ${line + 1}: ${problem}`, line: line + 1 });
  };
  if (typeof text !== "string")
    throw new MmubError("invalid-input", { part: type, message: `got ${show(text)}, want the text of an ARPA file` });
  const lines = text.split(/\r?\n/);
  const counts: number[] = [];
  const tables: Map<string, Entry>[] = [];
  let section = -1;
  let ended = false;
  for (const [at, line] of lines.entries()) {
    const trimmed = line.trim();
    if (trimmed === "" || ended) continue;
    const count = /^ngram (\d+)\s*=\s*(\d+)$/.exec(trimmed);
    const begin = /^\\(\d+)-grams:$/.exec(trimmed);
    if (trimmed === "\\data\\") section = 0;
    else if (section < 0) continue;
    else if (trimmed === "\\end\\") ended = true;
    else if (count && section === 0) {
      if (Number(count[1]) !== counts.length + 1)
        fail(at, `the counts of ${count[1]}-grams, want ${counts.length + 1}`);
      counts.push(Number(count[2]));
    } else if (begin) {
      section = Number(begin[1]);
      if (section !== tables.length + 1 || section > counts.length)
        fail(at, `${section}-grams, which no count tells of`);
      tables.push(new Map());
    } else {
      if (section < 1) fail(at, `"${trimmed.slice(0, 40)}", want ngram counts or \\1-grams:`);
      const [probability, ...rest] = trimmed.split(/\s+/);
      const words = rest.slice(0, section);
      const numbers = [probability, rest[section] ?? "0"].map(Number);
      if (words.length < section || rest.length > section + 1 || !numbers.every(Number.isFinite))
        fail(at, `"${trimmed.slice(0, 40)}", want a logarithm, ${section} words and perhaps a back-off`);
      tables[section - 1]!.set(words.join(" "), { probability: numbers[0]!, backoff: numbers[1]! });
    }
  }
  if (!ended) fail(lines.length - 1, "the file ends without \\end\\; it is cut off, or no ARPA file");
  for (const [n, count] of counts.entries())
    if (tables[n]?.size !== count) fail(lines.length - 1, `${tables[n]?.size ?? 0} ${n + 1}-grams, want ${count}`);
  if (tables.length === 0) fail(lines.length - 1, "no n-grams");
  return modelOf(tables);
}

export interface NgramParams {
  /** Words of the longest n-gram, 1 to 6. @default 3 */
  readonly order?: number;
}

/**
 * Learns a language model from sentences, each an array of words: interpolated Kneser-Ney smoothing with one discount an order. Unknown
 * words keep a share, so that no sentence is impossible.
 *
 * Rejects no sentences, and words that are empty, hold white space or are `<s>`, `</s>` or `<unk>` (with the sentence's index).
 * Cost: a pass over all n-grams of the sentences. Source: Kneser and Ney 1995; Chen and Goodman 1999, 4.1.6.
 *
 * @example
 * const model = trainNgrams([["where", "is", "my", "parcel"], ["where", "is", "it"]], { order: 2 });
 * console.log(model.logProbability(["<s>"], "where") > model.logProbability(["<s>"], "parcel")); // true
 */
export function trainNgrams(sentences: Iterable<readonly string[]>, { order = 3 }: NgramParams = {}): NgramModel {
  checkParam(type, "order", order, Number.isInteger(order) && order >= 1 && order <= 6, "an integer from 1 to 6");
  // How often each n-gram is there; of lower orders, in how many different contexts.
  const counts = Array.from({ length: order }, () => new Map<string, number>());
  let index = 0;
  for (const sentence of sentences) {
    if (!Array.isArray(sentence))
      throw new MmubError("invalid-input", {
        part: type,
        message: `sentence ${index} is ${show(sentence)}, want an array of words`,
        index,
      });
    for (const word of sentence)
      if (typeof word !== "string" || /^$|\s/.test(word) || special.has(word))
        throw new MmubError("invalid-input", {
          part: type,
          message: `sentence ${index} has the word ${JSON.stringify(word)}, want words without white space, none of ${[...special].join(", ")}`,
          index,
        });
    const words = ["<s>", ...sentence, "</s>"];
    for (let end = 1; end < words.length; end++) {
      // What begins a sentence has no other context: it counts as often as it is there.
      let fresh = true;
      for (let n = Math.min(order, end + 1); n >= 1; n--) {
        const table = counts[n - 1]!;
        const key = words.slice(end - n + 1, end + 1).join(" ");
        const known = table.get(key) ?? 0;
        if (n === order || n === end + 1 || fresh) table.set(key, known + 1);
        fresh = known === 0;
      }
    }
    index++;
  }
  if (index === 0) throw new MmubError("invalid-input", { part: type, message: "no sentences, want at least one" });

  const tables: Map<string, Entry>[] = [];
  const vocabulary = counts[0]!.size + 1;
  for (let n = 1; n <= order; n++) {
    const table = counts[n - 1]!;
    let [once, twice] = [0, 0];
    const totals = new Map<string, number>();
    const kinds = new Map<string, number>();
    for (const [key, count] of table) {
      if (count === 1) once++;
      if (count === 2) twice++;
      const history = key.slice(0, Math.max(0, key.lastIndexOf(" ")));
      totals.set(history, (totals.get(history) ?? 0) + count);
      kinds.set(history, (kinds.get(history) ?? 0) + 1);
    }
    // Too few n-grams to tell from: the half.
    const discount = once > 0 && twice > 0 ? once / (once + 2 * twice) : 0.5;
    const left = (history: string) => (discount * kinds.get(history)!) / totals.get(history)!;
    const made = new Map<string, Entry>();
    for (const [key, count] of table) {
      const space = key.lastIndexOf(" ");
      const history = key.slice(0, Math.max(0, space));
      const lower = n === 1 ? 1 / vocabulary : 10 ** tables[n - 2]!.get(key.slice(key.indexOf(" ") + 1))!.probability;
      const probability = (count - discount) / totals.get(history)! + left(history) * lower;
      made.set(key, { probability: Math.log10(probability), backoff: 0 });
    }
    if (n === 1) {
      made.set("<unk>", { probability: Math.log10(left("") / vocabulary), backoff: 0 });
      // Never predicted, but a context.
      made.set("<s>", { probability: -99, backoff: 0 });
    } else
      for (const history of kinds.keys()) {
        const entry = tables[n - 2]!.get(history)!;
        tables[n - 2]!.set(history, { ...entry, backoff: Math.log10(left(history)) });
      }
    tables.push(made);
  }
  return modelOf(tables);
}
