import { availableParallelism } from "node:os";
import { batches, type Inputs, MmubError, type RunOptions } from "@mmub/core";
import type { ImageInput } from "./decode.js";

export interface BrokenOptions {
  /**
   * Called with the error of each picture that cannot be read or decoded, which carries its `index`: such a picture then counts as
   * missing, and the others go on. Absent: the first of them rejects the whole call. It is no param: it is not saved.
   */
  readonly onBroken?: (error: MmubError) => void;
}

/**
 * Runs `one` for each picture that is not missing, in batches, and within a batch some at a time; of a missing or, with
 * `onBroken`, a broken one it sets the presence byte to 0. All errors are told in the order of the inputs.
 */
export async function eachPicture(
  inputs: Inputs<ImageInput | null>,
  present: Uint8Array,
  part: string,
  options: RunOptions | undefined,
  { onBroken }: BrokenOptions,
  one: (input: ImageInput, index: number) => Promise<void>,
): Promise<void> {
  for await (const { items, first } of batches(inputs, options, part)) {
    const broken: MmubError[] = [];
    await inLanes(items.length, options?.signal, async (offset) => {
      const [index, input] = [first + offset, items[offset]];
      if (input === null) {
        present[index] = 0;
        return;
      }
      try {
        await one(input as ImageInput, index);
      } catch (error) {
        if (!onBroken || !MmubError.is(error) || error.code !== "invalid-input") throw error;
        present[index] = 0;
        broken.push(error);
      }
    });
    for (const error of broken.sort((a, b) => a.index! - b.index!)) onBroken!(error);
  }
}

/**
 * Runs 0 to count - 1 in that order, twice as many at a time as there are processors: while the calling thread handles one, the
 * next wait for the decoder. The error is that of the lowest position that fails, whichever was quickest: all below a failure
 * have been started and are waited for.
 */
async function inLanes(
  count: number,
  signal: AbortSignal | undefined,
  run: (position: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const failures: { readonly position: number; readonly error: unknown }[] = [];
  const lane = async () => {
    while (next < count && failures.length === 0 && !signal?.aborted) {
      const position = next++;
      try {
        await run(position);
      } catch (error) {
        failures.push({ position, error });
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(count, 2 * availableParallelism()) }, lane));
  signal?.throwIfAborted();
  const [first] = failures.sort((a, b) => a.position - b.position);
  if (first) throw first.error;
}
