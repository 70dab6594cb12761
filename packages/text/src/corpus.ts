import { batches, type FitOptions, type Inputs, MmubError, show } from "@mmub/core";
import { grown } from "./reader.js";

/** Texts as numbers of words, for training word vectors. */
export interface Corpus {
  /** The frequent ones first; of equals, the one that came first. */
  readonly words: readonly string[];
  readonly counts: Float64Array;
  /** Pieces of about 10,000 words: numbers, and -1 at the end of each sentence. */
  readonly pieces: readonly Int32Array[];
  /** The words of all pieces. */
  readonly total: number;
}

export interface CorpusParams {
  readonly minCount: number;
  readonly maxFinalVocab: number | null;
}

const pieceWords = 10_000;
/** The longest piece: a sentence longer than a piece is cut there. */
export const longestPiece = 2 * pieceWords;

/** Reads the sentences once; it holds 4 bytes a word and the vocabulary. */
export async function readCorpus(
  sentences: Inputs<readonly string[] | null>,
  { minCount, maxFinalVocab }: CorpusParams,
  options: FitOptions | undefined,
  part: string,
): Promise<Corpus> {
  const idOf = new Map<string, number>();
  let counts = new Float64Array(1024);
  let tokens = new Int32Array(1 << 16);
  // In blocks: one array that doubles would hold its content twice while it grows.
  const blocks: Int32Array[] = [];
  let end = 0;
  const push = (token: number): void => {
    if (end === tokens.length) {
      blocks.push(tokens);
      tokens = new Int32Array(1 << 20);
      end = 0;
    }
    tokens[end++] = token;
  };
  // Progress is that of the training.
  const { signal, batchSize } = options ?? {};
  for await (const { items, first } of batches(
    sentences,
    { ...(signal && { signal }), ...(batchSize && { batchSize }) },
    part,
  ))
    for (const [offset, sentence] of items.entries()) {
      if (sentence === null) continue;
      const isList = Array.isArray(sentence);
      const bad = isList ? sentence.find((word) => typeof word !== "string") : undefined;
      if (!isList || bad !== undefined)
        throw new MmubError("invalid-input", {
          part,
          message: `sentence ${first + offset} is ${isList ? `an array with ${show(bad)}` : show(sentence)}, want an array of words or null; cut texts with a tokenizer first`,
          index: first + offset,
        });
      for (const word of sentence) {
        let id = idOf.get(word);
        if (id === undefined) {
          id = idOf.size;
          idOf.set(word, id);
          if (id === counts.length) counts = grown(counts, 2 * id);
        }
        counts[id]!++;
        push(id);
      }
      push(-1);
    }
  blocks.push(tokens.subarray(0, end));

  const names = [...idOf.keys()];
  const order = Array.from(names, (_, id) => id).sort((a, b) => counts[b]! - counts[a]! || a - b);
  // Of words that are equally frequent all go or all stay, as gensim has it.
  const firstOut = maxFinalVocab === null ? undefined : order[maxFinalVocab];
  const least = Math.max(minCount, firstOut === undefined ? 0 : counts[firstOut]! + 1);
  const kept = order.filter((id) => counts[id]! >= least);
  if (kept.length < 2)
    throw new MmubError("invalid-input", {
      part,
      message: `${kept.length} of ${names.length} words come ${least} times or more, want two at least; lower minCount, or give more texts`,
    });
  const newId = new Int32Array(names.length).fill(-1);
  for (const [row, id] of kept.entries()) newId[id] = row;

  const pieces: Int32Array[] = [];
  const piece = new Int32Array(longestPiece);
  let length = 0;
  let total = 0;
  const flush = (): void => {
    if (length > 0) pieces.push(piece.slice(0, length));
    length = 0;
  };
  for (const block of blocks)
    for (const token of block) {
      const id = token < 0 ? -1 : newId[token]!;
      if (token < 0) {
        // An empty sentence needs no end.
        if (length > 0 && piece[length - 1] !== -1) piece[length++] = -1;
        if (length >= pieceWords) flush();
      } else if (id >= 0) {
        piece[length++] = id;
        total++;
      }
      if (length === longestPiece) flush();
    }
  flush();
  return {
    words: kept.map((id) => names[id]!),
    counts: Float64Array.from(kept, (id) => counts[id]!),
    pieces,
    total,
  };
}
