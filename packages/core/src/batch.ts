import type { Inputs, Progress, RunOptions } from "./contracts.js";
import { checkParam, MmubError, show } from "./errors.js";

/** Some inputs with the position of the first among all. */
export interface Batch<T> {
  readonly items: readonly T[];
  readonly first: number;
}

/**
 * Walks through `inputs` in batches, for an array and for a stream alike: gives way to the event loop and checks the
 * abort signal before each batch, reports progress after each.
 *
 * @example
 * for await (const { items, first } of batches(["a", "b", "c"], { batchSize: 2 }, "@example/part"))
 *   for (const [offset, item] of items.entries()) console.log(first + offset, item); // 0 a, 1 b, 2 c
 */
export async function* batches<T>(
  inputs: Inputs<T>,
  options: RunOptions | undefined,
  part: string,
): AsyncGenerator<Batch<T>, void, undefined> {
  const { signal, batchSize = 256 } = options ?? {};
  checkParam(part, "batchSize", batchSize, Number.isInteger(batchSize) && batchSize > 0, "a positive integer");
  const report = progress(options, part, Array.isArray(inputs) ? inputs.length : undefined);
  let first = 0;
  // A stream's own batches may be of any size: none goes on larger than asked for.
  for await (const chunk of chunks(inputs, part))
    for (let from = 0; from < chunk.length; from += batchSize) {
      await turn(signal);
      const items = from === 0 && chunk.length <= batchSize ? chunk : chunk.slice(from, from + batchSize);
      yield { items, first };
      first += items.length;
      report(first);
    }
  signal?.throwIfAborted();
}

/** What `batches` does for inputs, for the rows of features: `from` (in) to `to` (out). */
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

/** Lets timers, abort signals and progress bars run, then throws the signal's reason if it was aborted. */
export async function turn(signal?: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
  signal?.throwIfAborted();
}

/** A reporter for `options.onProgress`: `report(done, metrics?)`. */
export function progress(
  options: RunOptions | undefined,
  part: string,
  total?: number,
): (done: number, metrics?: Progress["metrics"]) => void {
  const onProgress = options?.onProgress;
  if (!onProgress) return () => {};
  return (done, metrics) =>
    onProgress({ part, done, ...(total !== undefined && { total }), ...(metrics !== undefined && { metrics }) });
}

/** Options for a part within a part: its progress bears the name of the outer one, or of the step that it is. */
export function reportedAs<Options extends RunOptions | undefined>(options: Options, part: string): Options {
  const onProgress = options?.onProgress;
  return onProgress ? { ...options, onProgress: (progress) => onProgress({ ...progress, part }) } : options;
}

/** The same inputs through `map`, read again whenever the result is. */
export function mapInputs<T, U>(inputs: Inputs<T>, map: (item: T, index: number) => U, part: string): Inputs<U> {
  if (Array.isArray(inputs)) return inputs.map(map);
  return {
    async *[Symbol.asyncIterator]() {
      let first = 0;
      for await (const chunk of chunks(inputs, part)) {
        yield chunk.map((item, offset) => map(item, first + offset));
        first += chunk.length;
      }
    },
  };
}

async function* chunks<T>(inputs: Inputs<T>, part: string): AsyncGenerator<readonly T[], void, undefined> {
  if (Array.isArray(inputs)) {
    yield inputs;
    return;
  }
  checkInputs(inputs, part);
  for await (const chunk of inputs as AsyncIterable<readonly T[]>) {
    if (!Array.isArray(chunk))
      throw new MmubError("invalid-input", { part, message: `a stream gave ${show(chunk)}, want arrays of inputs` });
    yield chunk;
  }
}

/** Throws `invalid-input` unless `inputs` is an array or a stream of batches that can be read more than once. */
export function checkInputs(inputs: unknown, part: string): void {
  if (Array.isArray(inputs)) return;
  const iterator = (inputs as AsyncIterable<unknown> | null)?.[Symbol.asyncIterator];
  if (typeof iterator !== "function")
    throw new MmubError("invalid-input", {
      part,
      message: `inputs are ${show(inputs)}, want an array or an async iterable of arrays`,
    });
  // A generator object is its own iterator: a second pass over it would silently see nothing.
  if (typeof (inputs as { next?: unknown }).next === "function")
    throw new MmubError("invalid-input", {
      part,
      message:
        "inputs are a generator, which can be read only once; want an object that starts anew each time, such as { [Symbol.asyncIterator]: () => readBatches() }",
    });
}
