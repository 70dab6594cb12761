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

/** Sparse rows of counted terms: `columnOf[id]` is the column of a term, -1 for none; without it the id is the
 * column. No two ids of a row may have the same column. */
export type Rows = (blocks: readonly Block[], columnOf: Int32Array | null, options?: RunOptions) => Promise<Sparse>;

/** Makes rows of `cols` columns, in ascending order as compressed rows must be. */
export function rowsOf(cols: number, weighting: Weighting): Rows {
  const { binary = false, sublinearTf = false, relativeTf = false, idf = null, norm = null } = weighting;
  // By column: how many entries it has, then where they end. All zero between blocks.
  const ends = new Uint32Array(cols);

  // Entries are dealt to their columns, then each column to its rows: both in order, in a time linear in the entries.
  function write(
    block: Block,
    columnOf: Int32Array | null,
    columns: Uint32Array,
    values: Float32Array,
    from: number,
  ): void {
    const { rows, offsets, ids, counts, lengths } = block;
    const used = new Uint32Array(Math.min(ids.length, cols));
    const next = new Uint32Array(rows);
    let [distinct, kept] = [0, 0];
    for (let row = 0; row < rows; row++) {
      next[row] = kept;
      for (let k = offsets[row]!; k < offsets[row + 1]!; k++) {
        const column = columnOf ? columnOf[ids[k]!]! : ids[k]!;
        if (column < 0) continue;
        if (ends[column]!++ === 0) used[distinct++] = column;
        kept++;
      }
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

    const rowOf = new Uint16Array(kept);
    const countOf = new Int32Array(kept);
    for (let row = 0; row < rows; row++)
      for (let k = offsets[row]!; k < offsets[row + 1]!; k++) {
        const column = columnOf ? columnOf[ids[k]!]! : ids[k]!;
        if (column < 0) continue;
        const entry = ends[column]!++;
        rowOf[entry] = row;
        countOf[entry] = counts[k]!;
      }

    const weights = new Float64Array(kept);
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
        sums[row]! += norm === "l2" ? weight * weight : Math.abs(weight);
        const to = next[row]!++;
        columns[from + to] = column;
        weights[to] = weight;
      }
    }

    for (let row = 0, k = 0; row < rows; row++) {
      const sum = sums[row]!;
      const scale = norm === null || sum === 0 ? 1 : 1 / (norm === "l2" ? Math.sqrt(sum) : sum);
      for (; k < next[row]!; k++) values[from + k] = weights[k]! * scale;
    }
  }

  return async (blocks, columnOf, options) => {
    const rows = blocks.reduce((sum, block) => sum + block.rows, 0);
    const offsets = new Uint32Array(rows + 1);
    const present = new Uint8Array(rows);
    let [first, entries] = [0, 0];
    for (const block of blocks) {
      for (let row = 0; row < block.rows; row++) {
        if (columnOf)
          for (let k = block.offsets[row]!; k < block.offsets[row + 1]!; k++)
            entries += columnOf[block.ids[k]!]! < 0 ? 0 : 1;
        else entries += block.offsets[row + 1]! - block.offsets[row]!;
        offsets[first + row + 1] = entries;
      }
      present.set(block.present, first);
      first += block.rows;
    }
    const columns = new Uint32Array(entries);
    const values = new Float32Array(entries);
    first = 0;
    for (const block of blocks) {
      if (first > 0) await turn(options?.signal);
      write(block, columnOf, columns, values, offsets[first]!);
      first += block.rows;
    }
    return { ...sparse(cols, offsets, columns, values), present };
  };
}
