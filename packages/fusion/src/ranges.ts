import { checkParam, progress, type RunOptions, turn } from "@mmub/core";

/** Rows `from` (in) to `to` (out), `batchSize` at a time, with abort and progress as `batches` of core has them. */
export async function* ranges(
  rows: number,
  options: RunOptions | undefined,
  part: string,
): AsyncGenerator<{ readonly from: number; readonly to: number }, void, undefined> {
  const { signal, batchSize = 256 } = options ?? {};
  checkParam(part, "batchSize", batchSize, Number.isInteger(batchSize) && batchSize > 0, "a positive integer");
  const report = progress(options, part, rows);
  signal?.throwIfAborted();
  for (let from = 0; from < rows; from += batchSize) {
    await turn(signal);
    const to = Math.min(rows, from + batchSize);
    yield { from, to };
    report(to);
  }
  signal?.throwIfAborted();
}
