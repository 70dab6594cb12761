import { type RunOptions, type Sparse, sparse, turn } from "@mmub/core";
import type { Block } from "./scan.js";

/** What becomes of a count, in this order. */
export interface Weighting {
  readonly binary?: boolean;
  readonly sublinearTf?: boolean;
  readonly relativeTf?: boolean;
  /** A factor for each column. */
  readonly idf?: Float64Array | null;
  readonly norm?: "l1" | "l2" | null;
}

/** Sparse rows of counted terms whose ids are columns, each once a row. */
export type Rows = (blocks: readonly Block[], options?: RunOptions) => Promise<Sparse>;

/** Makes rows of `cols` columns, in ascending order as compressed rows must be. */
export function rowsOf(cols: number, weighting: Weighting): Rows {
  const { binary = false, sublinearTf = false, relativeTf = false, idf = null, norm = null } = weighting;
  const squares = norm === "l2";
  // By column: how many entries it has, then where they end. All zero between blocks.
  const ends = new Uint32Array(cols);

  // Entries are dealt to their columns, then each column to its rows: both in order, in a time linear in the entries.
  function write({ rows, offsets, ids, counts, lengths }: Block, columns: Uint32Array, values: Float32Array): void {
    const entries = ids.length;
    const used = new Uint32Array(Math.min(entries, cols));
    let distinct = 0;
    for (let k = 0; k < entries; k++) {
      const column = ids[k]!;
      if (ends[column]!++ === 0) used[distinct++] = column;
    }
    const inOrder = used.subarray(0, distinct);
    if (distinct * 8 < cols) inOrder.sort();
    else for (let column = 0, k = 0; k < distinct; column++) if (ends[column]! > 0) inOrder[k++] = column;
    for (let k = 0, end = 0; k < distinct; k++) {
      const column = inOrder[k]!;
      const count = ends[column]!;
      ends[column] = end;
      end += count;
    }

    const rowOf = new Uint16Array(entries);
    const countOf = new Int32Array(entries);
    for (let row = 0, k = 0; row < rows; row++)
      for (const end = offsets[row + 1]!; k < end; k++) {
        const entry = ends[ids[k]!]!++;
        rowOf[entry] = row;
        countOf[entry] = counts[k]!;
      }

    const next = offsets.slice(0, rows);
    const weights = new Float64Array(entries);
    const sums = new Float64Array(rows);
    for (let k = 0, entry = 0; k < distinct; k++) {
      const column = inOrder[k]!;
      const factor = idf ? idf[column]! : 1;
      const end = ends[column]!;
      ends[column] = 0;
      for (; entry < end; entry++) {
        const row = rowOf[entry]!;
        const count = binary ? 1 : countOf[entry]!;
        const tf = sublinearTf ? 1 + Math.log(count) : relativeTf ? count / lengths[row]! : count;
        const weight = tf * factor;
        sums[row]! += squares ? weight * weight : Math.abs(weight);
        const to = next[row]!++;
        columns[to] = column;
        weights[to] = weight;
      }
    }

    for (let row = 0, k = 0; row < rows; row++) {
      const sum = sums[row]!;
      const scale = norm === null || sum === 0 ? 1 : 1 / (squares ? Math.sqrt(sum) : sum);
      for (; k < next[row]!; k++) values[k] = weights[k]! * scale;
    }
  }

  return async (blocks, options) => {
    const sum = (of: (block: Block) => number): number => blocks.reduce((total, block) => total + of(block), 0);
    const rows = sum((block) => block.rows);
    const entries = sum((block) => block.ids.length);
    const offsets = new Uint32Array(rows + 1);
    const present = new Uint8Array(rows);
    const columns = new Uint32Array(entries);
    const values = new Float32Array(entries);
    let [row, from] = [0, 0];
    for (const block of blocks) {
      if (row > 0) await turn(options?.signal);
      const to = from + block.ids.length;
      write(block, columns.subarray(from, to), values.subarray(from, to));
      for (let i = 0; i < block.rows; i++) offsets[row + i + 1] = from + block.offsets[i + 1]!;
      present.set(block.present, row);
      row += block.rows;
      from = to;
    }
    return { ...sparse(cols, offsets, columns, values), present };
  };
}

/** The block with columns instead of ids; where `columnOf` is -1 the entry falls out. Works in place: `block` is spent. */
export function inColumns({ rows, offsets, ids, counts, ...rest }: Block, columnOf: Int32Array): Block {
  let end = 0;
  for (let row = 0, k = 0; row < rows; row++) {
    for (const last = offsets[row + 1]!; k < last; k++) {
      const column = columnOf[ids[k]!]!;
      if (column < 0) continue;
      ids[end] = column;
      counts[end++] = counts[k]!;
    }
    offsets[row + 1] = end;
  }
  return { rows, offsets, ids: ids.subarray(0, end), counts: counts.subarray(0, end), ...rest };
}
