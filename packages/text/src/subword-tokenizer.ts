import { readFile } from "node:fs/promises";
import { checkParam, library, MmubError, sha256, show } from "@mmub/core";
import type { Tokenizer } from "./tokenizer.js";

const type = "@mmub/text/subword-tokenizer";

export interface SubwordTokenizerParams {
  /** The `tokenizer.json` of a model: a path, the bytes of the file, or what JSON.parse makes of it. */
  readonly source: string | URL | Uint8Array | object;
  /** Cut texts to this many tokens, special ones included. @default what the file says, null if it says nothing */
  readonly maxLength?: number | null;
  /** The end that is cut off. @default what the file says, "right" if it says nothing */
  readonly truncate?: "left" | "right";
}

export interface EncodeOptions {
  /** A second text, for models that read two. */
  readonly pair?: string;
  /** Add what the model wants around a text, such as [CLS] and [SEP]. @default true */
  readonly specialTokens?: boolean;
  /** @default that of the tokenizer */
  readonly maxLength?: number | null;
}

/** One text as a model reads it; each array has a number a token. */
export interface Encoding {
  readonly tokens: readonly string[];
  readonly ids: Int32Array;
  /** 0 for the first text and the special tokens, 1 for the second text, as the file says. */
  readonly typeIds: Int32Array;
}

/** Texts of equal length: row-major, rows x length, filled up on the right. */
export interface EncodedBatch {
  readonly rows: number;
  readonly length: number;
  readonly ids: Int32Array;
  readonly typeIds: Int32Array;
  /** 1 where there is a token, 0 where it was filled up. */
  readonly attentionMask: Int32Array;
}

export interface SubwordTokenizer extends Tokenizer {
  readonly params: {
    /** Of the file's content, white space aside. */
    readonly sha256: string;
    readonly maxLength: number | null;
    readonly truncate: "left" | "right";
  };
  /** The number of ids, added tokens included. */
  readonly vocabularySize: number;
  readonly padId: number;
  encode(text: string, options?: EncodeOptions): Encoding;
  encodeBatch(texts: readonly string[], options?: Omit<EncodeOptions, "pair">): EncodedBatch;
  /** The text of ids, special tokens left out. */
  decode(ids: ArrayLike<number>): string;
  tokenToId(token: string): number | undefined;
}

/**
 * The tokenizer of a pretrained model from its `tokenizer.json`: WordPiece, BPE or Unigram, with its own normalisation.
 * `tokenize` gives the pieces of words without special tokens; `encode` what the model reads. A half of a surrogate pair is
 * read as U+FFFD. Rejects what is no such file (`missing-model` where it cannot be read, else `invalid-params`), and a
 * `maxLength` without room for the special tokens.
 * Cost: the vocabulary in memory (30,000 pieces: some 10 MB); some 50,000 words a second. There are no offsets into the text.
 * Source: @huggingface/tokenizers.
 *
 * @example
 * // Mostly the path or the bytes of a model's tokenizer.json; here the least that one can hold.
 * const vocab = { "[UNK]": 0, good: 1, price: 2, "##s": 3 };
 * const model = { type: "WordPiece", unk_token: "[UNK]", continuing_subword_prefix: "##", max_input_chars_per_word: 100, vocab };
 * const source = { version: "1.0", added_tokens: [], normalizer: null, pre_tokenizer: { type: "Whitespace" }, decoder: null, post_processor: null, model };
 * const tokenizer = await subwordTokenizer({ source, maxLength: 128 });
 * const { ids, tokens } = tokenizer.encode("good prices"); // tokens: good price ##s
 */
export async function subwordTokenizer(given: SubwordTokenizerParams): Promise<SubwordTokenizer> {
  const file = await parsed(given?.source);
  const { truncation, padding } = file;
  const { maxLength = truncation?.max_length ?? null } = given;
  const { truncate = truncation?.direction === "Left" ? "left" : "right" } = given;
  checkLength(maxLength);
  checkParam(type, "truncate", truncate, truncate === "left" || truncate === "right", '"left" or "right"');

  const name = "@huggingface/tokenizers";
  const { Tokenizer: Library } = await library(type, name, () => import("@huggingface/tokenizers"));
  let inner: InstanceType<typeof Library>;
  try {
    inner = new Library(file, {});
  } catch (cause) {
    throw new MmubError("invalid-params", {
      part: type,
      message: `source is no tokenizer.json that ${name} reads: ${(cause as Error).message}`,
      cause,
    });
  }
  const unknown = inner.model?.unk_token_id ?? -1;
  const specials = inner.encode("").ids.length;
  const specialsOfPair = inner.post_processor ? inner.post_processor.post_process([], [], true).tokens.length : 0;
  const padId = padding?.pad_id ?? inner.token_to_id("[PAD]") ?? inner.token_to_id("<pad>") ?? 0;

  // Hugging Face folds case one by one, where a capital sigma is never a final one; JavaScript minds its place.
  const folds = /"type":"Lowercase"|"lowercase":true/.test(JSON.stringify(file.normalizer ?? null));
  const prepared = (text: string): string => {
    const whole = text.replace(/\p{Cs}/gu, "\ufffd");
    return folds ? whole.replaceAll("\u03a3", "\u03c3") : whole;
  };

  const pieces = (text: string): string[] => inner.tokenize(prepared(text), { add_special_tokens: false });
  const idOf = (token: string): number => inner.token_to_id(token) ?? unknown;

  function encode(text: string, options: EncodeOptions = {}): Encoding {
    const { pair, specialTokens = true } = options;
    const most = options.maxLength === undefined ? maxLength : options.maxLength;
    checkLength(most);
    let first = pieces(text);
    let second = pair === undefined ? null : pieces(pair);
    if (most !== null) {
      const room = most - (specialTokens ? (second ? specialsOfPair : specials) : 0);
      checkParam(type, "maxLength", most, room >= 0, `at least ${most - room}, as there are that many special tokens`);
      const [n, m] = lengths(first.length, second?.length ?? 0, room);
      first = cut(first, n);
      second &&= cut(second, m);
    }
    const { tokens, token_type_ids } = inner.post_processor
      ? inner.post_processor.post_process(first, second, specialTokens)
      : { tokens: [...first, ...(second ?? [])], token_type_ids: undefined };
    const ids = Int32Array.from(tokens, idOf);
    // RoBERTa knows no types; the library gives its second text 1 all the same.
    const typed = token_type_ids && file.post_processor?.type !== "RobertaProcessing";
    return { tokens, ids, typeIds: typed ? Int32Array.from(token_type_ids) : new Int32Array(ids.length) };
  }

  function cut(tokens: string[], length: number): string[] {
    if (tokens.length <= length) return tokens;
    return truncate === "left" ? tokens.slice(tokens.length - length) : tokens.slice(0, length);
  }

  return {
    type,
    params: { sha256: sha256(JSON.stringify(file)), maxLength, truncate },
    vocabularySize: inner.model?.vocab.length ?? 0,
    padId,
    tokenize: pieces,
    encode,
    encodeBatch(texts, options) {
      const encoded = texts.map((text) => encode(text, options));
      const length = encoded.reduce((most, { ids }) => Math.max(most, ids.length), 0);
      const ids = new Int32Array(texts.length * length).fill(padId);
      const typeIds = new Int32Array(ids.length);
      const attentionMask = new Int32Array(ids.length);
      for (const [row, one] of encoded.entries()) {
        ids.set(one.ids, row * length);
        typeIds.set(one.typeIds, row * length);
        attentionMask.fill(1, row * length, row * length + one.ids.length);
      }
      return { rows: texts.length, length, ids, typeIds, attentionMask };
    },
    decode: (ids) => (ids.length === 0 ? "" : inner.decode(Array.from(ids), { skip_special_tokens: true })),
    tokenToId: (token) => inner.token_to_id(token),
  };
}

/** How much of two texts stays within `room`: the longer is cut first, as in Hugging Face's "longest_first". */
function lengths(n: number, m: number, room: number): [number, number] {
  if (n + m <= room) return [n, m];
  const [short, long] = n <= m ? [n, m] : [m, n];
  const half = Math.floor(room / 2);
  const kept = short <= half ? ([short, Math.min(long, room - short)] as const) : ([half, room - half] as const);
  return n <= m ? [...kept] : [kept[1], kept[0]];
}

function checkLength(maxLength: unknown): void {
  const ok = maxLength === null || (Number.isInteger(maxLength) && (maxLength as number) >= 1);
  checkParam(type, "maxLength", maxLength, ok, "a whole number from 1 on or null");
}

interface TokenizerFile {
  readonly truncation?: { readonly max_length: number; readonly direction?: string } | null;
  readonly padding?: { readonly pad_id: number } | null;
  readonly normalizer?: unknown;
  readonly post_processor?: { readonly type: string } | null;
}

async function parsed(source: SubwordTokenizerParams["source"] | undefined): Promise<TokenizerFile> {
  let file: unknown = source;
  if (typeof source === "string" || source instanceof URL || source instanceof Uint8Array) {
    const bytes = source instanceof Uint8Array ? source : await read(source);
    try {
      file = JSON.parse(new TextDecoder().decode(bytes));
    } catch (cause) {
      throw new MmubError("invalid-params", {
        part: type,
        message: `source is no JSON: ${(cause as Error).message}`,
        cause,
      });
    }
  }
  const ok = typeof file === "object" && file !== null && "model" in file;
  checkParam(type, "source", source, ok, "the tokenizer.json of a model: a path, its bytes or the parsed JSON");
  return file as TokenizerFile;
}

async function read(path: string | URL): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new MmubError("missing-model", {
      part: type,
      message: `cannot read ${show(String(path))}: ${(cause as Error).message}; give the path of the tokenizer.json that came with the model`,
      cause,
    });
  }
}
