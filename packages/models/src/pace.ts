import { checkParam, progress, type RunOptions, turn } from "@mmub/core";

/**
 * For loops of many short steps: `await pause()` throws the signal's reason at every call, and gives way to the event loop
 * only once 20 ms of work have passed, since a turn for each step would cost more than the step.
 */
export function pace(signal?: AbortSignal): () => Promise<void> | undefined {
  let last = performance.now();
  return () => {
    signal?.throwIfAborted();
    if (performance.now() - last < 20) return undefined;
    return turn(signal).then(() => {
      last = performance.now();
    });
  };
}

/** What `batches` of core does for arrays, for the rows of features: `from` (in) to `to` (out). */
export async function* rowBatches(
  rows: number,
  options: RunOptions | undefined,
  part: string,
): AsyncGenerator<{ readonly from: number; readonly to: number }, void, undefined> {
  const { signal, batchSize = 256 } = options ?? {};
  checkParam(part, "batchSize", batchSize, Number.isInteger(batchSize) && batchSize > 0, "a positive integer");
  const report = progress(options, part, rows);
  for (let from = 0; from < rows; from += batchSize) {
    await turn(signal);
    const to = Math.min(from + batchSize, rows);
    yield { from, to };
    report(to);
  }
  signal?.throwIfAborted();
}
