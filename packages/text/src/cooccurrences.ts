import { pace } from "@mmub/core";
import type { Corpus } from "./corpus.js";
import { grown } from "./reader.js";

interface Pairs {
  readonly rows: Int32Array;
  readonly columns: Int32Array;
  readonly counts: Float32Array;
}

/** How often words are near each other, weighted by distance, the pairs in the order in which they first were. */
export async function cooccurrences(
  { pieces }: Corpus,
  { window, symmetric }: { readonly window: number; readonly symmetric: boolean },
  signal: AbortSignal | undefined,
): Promise<Pairs> {
  const pause = pace(signal);
  // Open addressing: a slot has the number of a pair, from 1.
  let slots = new Uint32Array(1 << 16);
  let rows = new Int32Array(1 << 15);
  let columns = new Int32Array(1 << 15);
  let sums = new Float64Array(1 << 15);
  let count = 0;
  const slotOf = (row: number, column: number): number => {
    const mask = slots.length - 1;
    let slot = Math.imul(Math.imul(row, 0x9e3779b1) ^ column, 0x85ebca6b);
    slot = (slot ^ (slot >>> 15)) & mask;
    for (;;) {
      const pair = slots[slot]!;
      if (pair === 0 || (rows[pair - 1] === row && columns[pair - 1] === column)) return slot;
      slot = (slot + 1) & mask;
    }
  };
  const add = (row: number, column: number, amount: number): void => {
    const pair = slots[slotOf(row, column)]!;
    if (pair > 0) {
      sums[pair - 1]! += amount;
      return;
    }
    if (count === rows.length) {
      [rows, columns, sums] = [grown(rows, 2 * count), grown(columns, 2 * count), grown(sums, 2 * count)];
      slots = new Uint32Array(4 * count);
      for (let i = 0; i < count; i++) slots[slotOf(rows[i]!, columns[i]!)] = i + 1;
    }
    slots[slotOf(row, column)] = count + 1;
    [rows[count], columns[count], sums[count]] = [row, column, amount];
    count++;
  };

  for (const piece of pieces) {
    await pause();
    let start = 0;
    for (let i = 0; i < piece.length; i++) {
      const word = piece[i]!;
      if (word < 0) start = i + 1;
      else
        for (let j = Math.max(start, i - window); j < i; j++) {
          const left = piece[j]!;
          // Of a symmetric pair one half is counted.
          if (symmetric && left > word) add(word, left, 1 / (i - j));
          else add(left, word, 1 / (i - j));
        }
    }
  }
  if (!symmetric)
    return {
      rows: rows.slice(0, count),
      columns: columns.slice(0, count),
      counts: Float32Array.from(sums.subarray(0, count)),
    };
  let own = 0;
  for (let i = 0; i < count; i++) if (rows[i] === columns[i]) own++;
  const all = 2 * count - own;
  const [allRows, allColumns, counts] = [new Int32Array(all), new Int32Array(all), new Float32Array(all)];
  let end = 0;
  for (let i = 0; i < count; i++) {
    const isOwn = rows[i] === columns[i];
    // A word beside itself is before and after itself.
    [allRows[end], allColumns[end], counts[end]] = [rows[i]!, columns[i]!, isOwn ? 2 * sums[i]! : sums[i]!];
    end++;
    if (isOwn) continue;
    [allRows[end], allColumns[end], counts[end]] = [columns[i]!, rows[i]!, sums[i]!];
    end++;
  }
  return { rows: allRows, columns: allColumns, counts };
}
