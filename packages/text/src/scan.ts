import { batches, type FitOptions, type Inputs, rejectInput } from "@mmub/core";
import { grown, type Reader } from "./reader.js";

/** The terms of some texts: of row i, ids[k] was found counts[k] times, k from offsets[i] to offsets[i + 1]. */
export interface Block {
  readonly rows: number;
  readonly offsets: Uint32Array;
  /** Each once a row, in the order in which they were found. */
  readonly ids: Int32Array;
  readonly counts: Int32Array;
  /** How many terms each text has, repeats and unknown ones included. */
  readonly lengths: Uint32Array;
  /** 0 where the text is missing. */
  readonly present: Uint8Array;
}

// A block is worked on at once, so it should fit into the cache of a core.
const mostRows = 8192;
const mostEntries = 1 << 20;

/** Reads texts once and counts the terms of each. With `learn` the reader numbers new terms, else they are left out. */
export type Scan = (
  inputs: Inputs<string | null>,
  learn: boolean,
  options: FitOptions | undefined,
) => AsyncGenerator<Block, void, undefined>;

export function scanner(reader: Reader, part: string): Scan {
  // Where a term of the text at work stands in `ids`; all -1 between texts, so that scans may go on side by side.
  let place = new Int32Array(64).fill(-1);

  return async function* (inputs, learn, options) {
    let ids = new Int32Array(1 << 12);
    let counts = new Int32Array(1 << 12);
    const offsets = new Uint32Array(mostRows + 1);
    const lengths = new Uint32Array(mostRows);
    const present = new Uint8Array(mostRows);
    let [rows, end] = [0, 0];

    function block(): Block {
      const made: Block = {
        rows,
        offsets: offsets.slice(0, rows + 1),
        ids: ids.slice(0, end),
        counts: counts.slice(0, end),
        lengths: lengths.slice(0, rows),
        present: present.slice(0, rows),
      };
      [rows, end] = [0, 0];
      return made;
    }

    function add(text: string): number {
      const length = reader.read(text, learn);
      const { ids: found, size } = reader;
      if (size > place.length) place = grown(place, 2 * size).fill(-1, place.length);
      if (end + length > ids.length) {
        ids = grown(ids, 2 * (end + length));
        counts = grown(counts, ids.length);
      }
      let next = end;
      for (let k = 0; k < length; k++) {
        const id = found[k]!;
        if (id < 0) continue;
        const at = place[id]!;
        if (at >= 0) counts[at]!++;
        else {
          place[id] = next;
          ids[next] = id;
          counts[next++] = 1;
        }
      }
      for (let k = end; k < next; k++) place[ids[k]!] = -1;
      end = next;
      return length;
    }

    for await (const { items, first } of batches(inputs, options, part))
      for (let i = 0; i < items.length; i++) {
        const text = items[i];
        if (text !== null && typeof text !== "string") rejectInput(part, first + i, text, "a string or null");
        lengths[rows] = text === null ? 0 : add(text);
        present[rows] = text === null ? 0 : 1;
        offsets[++rows] = end;
        if (rows === mostRows || end >= mostEntries) yield block();
      }
    if (rows > 0) yield block();
  };
}
