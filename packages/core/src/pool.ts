import { availableParallelism } from "node:os";
import type { Worker } from "node:worker_threads";
import { batches, progress } from "./batch.js";
import type { Extractor, Features, FittedExtractor, RunOptions, Saved } from "./contracts.js";
import { checkParam, MmubError, type MmubErrorCode, reasonOf } from "./errors.js";
import { stackFeatures } from "./features.js";

export interface ParallelOptions {
  /** The module that exports the extractor's factory, as a worker imports it: `import.meta.resolve("@mmub/image")`. */
  readonly module: string | URL;
  /** The name of the factory in that module. @default the last piece of the part's type in camelCase: `hog` of `@mmub/image/hog` */
  readonly export?: string;
  /**
   * What each thread gives the factory, as structured clone copies it. A part that is made of more than its `params` hold, such
   * as the path of a model, needs what it was made of here. @default the extractor's params
   */
  readonly params?: unknown;
  /** Worker threads. @default os.availableParallelism() */
  readonly threads?: number;
}

/**
 * Spreads an extractor's `transform` over worker threads. Fitting, params, results and the saved form stay those of the
 * extractor itself, so that what is saved with threads loads without them and the other way round.
 *
 * The threads start at the first `transform` and keep no process alive; `dispose()` ends them at once.
 * Cost: each thread imports the module (tens of ms) and each input is copied to it once; worth it from some ms an input.
 *
 * @example
 * const photo = parallel(hog(), { module: import.meta.resolve("@mmub/image"), threads: 2 });
 * const fitted = await photo.fit([]);
 * console.log(fitted.cols); // 15876, as hog's own; two threads start at the first transform
 * await fitted.dispose?.();
 */
export function parallel<Input, Out extends Features>(
  extractor: Extractor<Input, Out>,
  options: ParallelOptions,
): Extractor<Input, Out> {
  const { type, params } = extractor;
  const { module, threads = availableParallelism(), params: given = params } = options;
  checkParam(type, "threads", threads, Number.isInteger(threads) && threads > 0, "a positive integer");
  const factory = options.export ?? camelCase(type.slice(type.lastIndexOf("/") + 1));

  const spread = (fitted: FittedExtractor<Input, Out>): FittedExtractor<Input, Out> => {
    let pool: Promise<Pool> | undefined;
    return {
      ...fitted,
      async transform(inputs, options) {
        if (inputs.length === 0) return fitted.transform(inputs, options);
        pool ??= fitted
          .save()
          .then((saved) => start({ module: String(module), factory, params: given, saved }, threads));
        return run<Input, Out>(await pool, inputs, options, type);
      },
      async dispose() {
        const started = pool;
        pool = undefined;
        await (await started)?.end();
        await fitted.dispose?.();
      },
    };
  };

  return {
    type,
    params,
    fit: async (inputs, options) => spread(await extractor.fit(inputs, options)),
    load: async (saved) => spread(await extractor.load(saved)),
  };
}

interface Job {
  readonly module: string;
  readonly factory: string;
  readonly params: unknown;
  readonly saved: Saved;
}
interface Pool {
  readonly threads: number;
  transform(items: readonly unknown[], batchSize: number | undefined): Promise<Features>;
  end(): Promise<void>;
}
interface Answer {
  readonly id: number;
  readonly features?: Features;
  readonly error?: {
    readonly message: string;
    readonly mmub?: { readonly code: MmubErrorCode; readonly part: string; readonly index?: number };
  };
}

// A string, so that it runs alike from the sources, from the build and from a bundle: no file to find.
const workerSource = `
const { parentPort, workerData } = require("node:worker_threads");
const ready = import(workerData.module).then((module) => {
  const factory = module[workerData.factory];
  if (typeof factory !== "function")
    throw new Error(workerData.module + ' exports no function "' + workerData.factory + '"; set the option "export"');
  return factory(workerData.params).load(workerData.saved);
});
ready.catch(() => {});
parentPort.on("message", async ({ id, items, batchSize }) => {
  try {
    const features = await (await ready).transform(items, batchSize === undefined ? {} : { batchSize });
    const buffers = Object.values(features).filter(ArrayBuffer.isView).map((array) => array.buffer);
    parentPort.postMessage({ id, features }, [...new Set(buffers)]);
  } catch (error) {
    const mmub = typeof error?.code === "string" && typeof error?.part === "string"
      ? { code: error.code, part: error.part, index: error.index } : undefined;
    parentPort.postMessage({ id, error: { message: String(error?.message ?? error), mmub } });
  }
});
`;

function start(job: Job, threads: number): Pool {
  // As of sha256: an import above would be paid for by all who make no pool.
  const { Worker } = process.getBuiltinModule("node:worker_threads");
  const waiting = new Map<
    number,
    { resolve(features: Features): void; reject(error: unknown): void; worker: Worker }
  >();
  let next = 0;
  const workers = Array.from({ length: threads }, () => {
    const worker = new Worker(workerSource, { eval: true, workerData: job });
    const failAll = (error: unknown): void => {
      for (const [id, task] of waiting)
        if (task.worker === worker) {
          waiting.delete(id);
          task.reject(error);
        }
    };
    worker.on("message", ({ id, features, error }: Answer) => {
      const task = waiting.get(id);
      waiting.delete(id);
      if (error) task?.reject(rebuilt(error));
      else task?.resolve(features!);
    });
    worker.on("error", failAll);
    worker.on("exit", () => failAll(new Error("a worker thread ended before its work was done")));
    worker.unref();
    return worker;
  });
  return {
    threads,
    transform: (items, batchSize) =>
      new Promise((resolve, reject) => {
        const worker = workers[next % threads]!;
        const id = next++;
        waiting.set(id, { resolve, reject, worker });
        // Held alive while it works, so that a process that only waits for it does not end.
        worker.ref();
        worker.postMessage({ id, items, batchSize });
      }).finally(() => {
        for (const worker of workers) if (![...waiting.values()].some((task) => task.worker === worker)) worker.unref();
      }) as Promise<Features>,
    async end() {
      await Promise.all(workers.map((worker) => worker.terminate()));
    },
  };
}

function rebuilt(error: NonNullable<Answer["error"]>): Error {
  if (!error.mmub) return new Error(error.message);
  const { code, part, index } = error.mmub;
  return new MmubError(code, { part, message: reasonOf(error), ...(index !== undefined && { index }) });
}

async function run<Input, Out extends Features>(
  pool: Pool,
  inputs: readonly (Input | null)[],
  options: RunOptions | undefined,
  part: string,
): Promise<Out> {
  const { signal, batchSize = 256 } = options ?? {};
  // At least four pieces a thread, so that one slow piece does not keep the others waiting at the end.
  const size = Math.max(1, Math.min(batchSize, Math.ceil(inputs.length / (pool.threads * 4))));
  const report = progress(options, part, inputs.length);
  const pieces: Features[] = [];
  let done = 0;
  let failure: { readonly error: unknown } | undefined;
  const running = new Set<Promise<void>>();
  const { onProgress: _, ...quiet } = options ?? {};
  try {
    for await (const { items, first } of batches(inputs, { ...quiet, batchSize: size }, part)) {
      const at = pieces.length;
      pieces.length++;
      const task = pool.transform(items, options?.batchSize).then(
        (features) => {
          pieces[at] = features;
          done += items.length;
          report(done);
          signal?.throwIfAborted();
        },
        (error: unknown) => {
          throw shifted(error, first);
        },
      );
      const kept = task.finally(() => running.delete(kept));
      // Kept for later: a piece may fail while nobody waits for it.
      kept.catch((error: unknown) => {
        failure ??= { error };
      });
      running.add(kept);
      // Two pieces a thread: one at work, one waiting; more would only hold memory.
      while (running.size >= pool.threads * 2) await Promise.race(running);
    }
    await Promise.all(running);
    if (failure) throw failure.error;
  } catch (error) {
    await Promise.allSettled(running);
    throw error;
  }
  signal?.throwIfAborted();
  return stackFeatures(pieces) as Out;
}

// The worker counts from the start of its piece; the caller's inputs start before.
function shifted(error: unknown, first: number): unknown {
  if (!MmubError.is(error) || error.index === undefined || first === 0) return error;
  return new MmubError(error.code, {
    part: error.part,
    message: reasonOf(error).replace(`input ${error.index} `, `input ${error.index + first} `),
    index: error.index + first,
  });
}

function camelCase(name: string): string {
  return name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}
