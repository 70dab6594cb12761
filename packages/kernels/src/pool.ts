import { MmubError } from "@mmub/core";

/** Every block starts at a multiple of this, a line of the cache, and is as long as one. */
const line = 64;

interface Block {
  readonly at: number;
  readonly size: number;
}

/** Blocks of `room` bytes of `buffer` from `start` on: zeroed, the first that fits, joined again when they are freed. */
export function pool(buffer: ArrayBufferLike, start: number, room: number) {
  let gaps: Block[] = [{ at: start, size: room }];
  const taken = new Map<number, { size: number; bytes: number }>();
  // Nothing above was ever used, so it is zero still, and the system need not provide it before it is written to.
  let used = start;

  return {
    take(bytes: number): number {
      const size = Math.max(line, Math.ceil(bytes / line) * line);
      const index = gaps.findIndex((gap) => gap.size >= size);
      if (index < 0) {
        const free = gaps.reduce((sum, gap) => sum + gap.size, 0);
        const largest = Math.max(0, ...gaps.map((gap) => gap.size));
        throw new MmubError("invalid-params", {
          part: "@mmub/kernels",
          message: `the memory of ${room} bytes is full: ${size} bytes are wanted, the largest free piece has ${largest} of the ${free} that are free; make kernels() with more bytes, or free() views`,
          wanted: size,
          free,
          largest,
        });
      }
      const { at, size: found } = gaps[index]!;
      gaps.splice(index, 1, ...(found > size ? [{ at: at + size, size: found - size }] : []));
      taken.set(at, { size, bytes });
      if (at < used) new Uint8Array(buffer, at, Math.min(size, used - at)).fill(0);
      used = Math.max(used, at + size);
      return at;
    },

    /** Whether these bytes were a block, which they are no more. */
    give(at: number, bytes: number): boolean {
      const block = taken.get(at);
      if (block?.bytes !== bytes) return false;
      taken.delete(at);
      const joined: Block[] = [];
      for (const gap of [...gaps, { at, size: block.size }].sort((a, b) => a.at - b.at)) {
        const last = joined.at(-1);
        if (last && last.at + last.size === gap.at)
          joined[joined.length - 1] = { at: last.at, size: last.size + gap.size };
        else joined.push(gap);
      }
      gaps = joined;
      return true;
    },
  };
}
