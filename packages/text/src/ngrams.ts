import { codePointOrder, grown, type Reader } from "./reader.js";

/** Numbers tokens, and reads texts as the numbers of their tokens. */
export interface Tokens {
  /** Ids are 0 to size - 1. */
  readonly size: number;
  /** What the last `read` found. */
  readonly found: Int32Array;
  /** Writes the ids of the tokens of `text` to `found`, `boundary` where no n-gram may go across, -1 for unknown ones. */
  read(text: string, learn: boolean): number;
  /** The tokens of an n-gram. */
  split(term: string): string[];
  add(token: string): number;
  /** Every token, by id. */
  strings(): readonly string[];
  /** What stands between the tokens of an n-gram: nothing, or what comes before any character of a token. */
  readonly separator: "" | " ";
}

export const boundary = -2;

/** Terms of one token each. */
export function unigrams(tokens: Tokens): Reader {
  return {
    get size() {
      return tokens.size;
    },
    get ids() {
      return tokens.found;
    },
    read: tokens.read,
    add: tokens.add,
    inOrder: () => codePointOrder(tokens.strings()),
    terms(ids) {
      const strings = tokens.strings();
      return Array.from(ids, (id) => strings[id]!);
    },
  };
}

/**
 * Terms of `min` to `max` tokens. An n-gram is known as the pair of the n-gram before its last token and that token, so
 * no string is made of any until its name is asked for. With `keepShort` fewer than `min` tokens between boundaries are a
 * term too.
 */
export function ngrams(tokens: Tokens, [min, max]: readonly [number, number], keepShort: boolean): Reader {
  // Of each n-gram the id of all but its last token, -1 for one alone, and that token.
  let head = new Int32Array(1 << 10);
  let tail = new Int32Array(1 << 10);
  let size = 0;
  let roots = new Int32Array(1 << 8).fill(-1);
  // Open addressing: the ids of n-grams of two tokens and more.
  let slots = new Int32Array(1 << 12).fill(-1);
  let pairs = 0;
  let ids = new Int32Array(1 << 10);

  function newId(before: number, token: number): number {
    if (size === head.length) {
      head = grown(head, 2 * size);
      tail = grown(tail, 2 * size);
    }
    head[size] = before;
    tail[size] = token;
    return size++;
  }

  function alone(token: number, learn: boolean): number {
    if (token < roots.length) {
      const id = roots[token]!;
      if (id >= 0 || !learn) return id;
    } else if (learn) {
      const { length } = roots;
      roots = grown(roots, 2 * token).fill(-1, length);
    } else return -1;
    const id = newId(-1, token);
    roots[token] = id;
    return id;
  }

  function pair(before: number, token: number, learn: boolean): number {
    const mask = slots.length - 1;
    let slot = firstSlot(before, token) & mask;
    for (; ; slot = (slot + 1) & mask) {
      const id = slots[slot]!;
      if (id < 0) break;
      if (head[id] === before && tail[id] === token) return id;
    }
    if (!learn) return -1;
    const id = newId(before, token);
    slots[slot] = id;
    if (++pairs * 2 > slots.length) spread();
    return id;
  }

  // Keeps half of the slots free.
  function spread(): void {
    const old = slots;
    slots = new Int32Array(2 * old.length).fill(-1);
    const mask = slots.length - 1;
    for (let from = 0; from < old.length; from++) {
      const id = old[from]!;
      if (id < 0) continue;
      let to = firstSlot(head[id]!, tail[id]!) & mask;
      while (slots[to]! >= 0) to = (to + 1) & mask;
      slots[to] = id;
    }
  }

  return {
    get size() {
      return size;
    },
    get ids() {
      return ids;
    },
    read(text, learn) {
      const count = tokens.read(text, learn);
      const { found } = tokens;
      const most = count * Math.max(1, Math.min(max, count) - min + 1);
      if (most > ids.length) ids = new Int32Array(2 * most);
      let written = 0;
      for (let start = 0, end = 0; start < count; start = end + 1) {
        end = start;
        while (end < count && found[end] !== boundary) end++;
        const least = keepShort ? Math.min(min, end - start) : min;
        for (let first = start; first + least <= end; first++) {
          let id = found[first]! < 0 ? -1 : alone(found[first]!, learn);
          if (least === 1) ids[written++] = id;
          for (let last = first + 1; last < end && last < first + max; last++) {
            id = id < 0 || found[last]! < 0 ? -1 : pair(id, found[last]!, learn);
            if (last - first + 1 >= least) ids[written++] = id;
          }
        }
      }
      return written;
    },
    add(term) {
      let id = -1;
      for (const token of tokens.split(term))
        id = id < 0 ? alone(tokens.add(token), true) : pair(id, tokens.add(token), true);
      return id;
    },
    inOrder() {
      // Depth first through the tree of n-grams, children by the order of their last token. As the separator comes before
      // any character of a token, that is the order of the terms, and none of their strings is made or compared.
      const rank = new Int32Array(tokens.size);
      for (const [place, token] of codePointOrder(tokens.strings()).entries()) rank[token] = place;
      const byRank = countingSort(tail.subarray(0, size), rank);
      const next = new Int32Array(size);
      const child = new Int32Array(size).fill(-1);
      let root = -1;
      for (let k = size - 1; k >= 0; k--) {
        const id = byRank[k]!;
        const parent = head[id]!;
        next[id] = parent < 0 ? root : child[parent]!;
        if (parent < 0) root = id;
        else child[parent] = id;
      }
      const order = new Int32Array(size);
      for (let k = 0, id = root; k < size; k++) {
        order[k] = id;
        if (child[id]! >= 0) id = child[id]!;
        else {
          while (next[id]! < 0 && head[id]! >= 0) id = head[id]!;
          id = next[id]!;
        }
      }
      return order;
    },
    terms(of) {
      const strings = tokens.strings();
      const term = (id: number): string =>
        head[id]! < 0 ? strings[tail[id]!]! : `${term(head[id]!)}${tokens.separator}${strings[tail[id]!]}`;
      return Array.from(of, term);
    },
  };
}

/** The positions of `tokens`, ordered by the rank of each. */
function countingSort(tokens: Int32Array, rank: Int32Array): Int32Array {
  const at = new Int32Array(rank.length + 1);
  for (let i = 0; i < tokens.length; i++) at[rank[tokens[i]!]! + 1]!++;
  for (let r = 0; r < rank.length; r++) at[r + 1]! += at[r]!;
  const order = new Int32Array(tokens.length);
  for (let i = 0; i < tokens.length; i++) order[at[rank[tokens[i]!]!]!++] = i;
  return order;
}

function firstSlot(before: number, token: number): number {
  const hash = Math.imul(before, 0x9e3779b1) ^ Math.imul(token, 0x85ebca6b);
  return hash ^ (hash >>> 15);
}
