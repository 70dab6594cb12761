// The caller's side of a training in a worker thread.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { MmubError, type MmubErrorCode, type Progress, type TypedArray } from "@mmub/core";
import type { BatchShape, Column, Dataset } from "./batching.js";
import type { Job, Outcome } from "./loop.js";
import type { RuntimeRecipe } from "./runtimes/runtime.js";
import type { StepProgram } from "./step-program.js";

/** What the worker is started with. */
export interface WorkerJob {
  readonly job: Job;
  readonly runtime: RuntimeRecipe;
  /** Not 0: the training is aborted. */
  readonly aborted: Int32Array;
}

/** An error as it crosses threads. */
export interface SentError {
  readonly message: string;
  readonly stack?: string;
  readonly mmub?: {
    readonly code: MmubErrorCode;
    readonly part: string;
    readonly index?: number;
    readonly details: Readonly<Record<string, unknown>>;
  };
}

export type FromWorker =
  | { readonly type: "program"; readonly id: number; readonly kind: "train" | "evaluate"; readonly shape: BatchShape }
  | { readonly type: "progress"; readonly progress: Omit<Progress, "part"> }
  | { readonly type: "done"; readonly outcome: Omit<Outcome, "failure">; readonly failure?: SentError }
  | { readonly type: "aborted" }
  | { readonly type: "failed"; readonly error: SentError };

export interface ToWorker {
  readonly id: number;
  readonly program?: StepProgram;
}

export interface ThreadHost {
  program(kind: "train" | "evaluate", shape: BatchShape): StepProgram;
  report(progress: Omit<Progress, "part">): void;
  readonly signal?: AbortSignal;
}

/**
 * Runs a job in a thread of its own, since onnxruntime's `run` blocks the thread that it is called in. Graphs are made here, where
 * the code of the network is, when the worker asks for them. The thread ends with the training.
 */
export async function runInThread(job: Job, runtime: RuntimeRecipe, host: ThreadHost): Promise<Outcome> {
  const { signal } = host;
  const aborted = new Int32Array(new SharedArrayBuffer(4));
  const workerData: WorkerJob = { job: shared(job), runtime, aborted };
  const worker = startWorker(workerData);
  const abort = () => Atomics.store(aborted, 0, 1);
  signal?.addEventListener("abort", abort);
  if (signal?.aborted) abort();
  try {
    return await new Promise<Outcome>((resolve, reject) => {
      // An error of making a graph or of the caller's own function, told as it is.
      let here: { readonly error: unknown } | undefined;
      const guarded = <T>(run: () => T): T | undefined => {
        try {
          return run();
        } catch (error) {
          here ??= { error };
          abort();
          return undefined;
        }
      };
      worker.on("message", (message: FromWorker) => {
        switch (message.type) {
          case "program": {
            const program = guarded(() => host.program(message.kind, message.shape));
            worker.postMessage({ id: message.id, ...(program && { program }) } satisfies ToWorker);
            break;
          }
          case "progress":
            guarded(() => host.report(message.progress));
            break;
          case "aborted":
            reject(here ? here.error : signal?.reason);
            break;
          case "failed":
            reject(rebuilt(message.error));
            break;
          case "done": {
            const failure = message.failure && rebuilt(message.failure);
            resolve({ ...message.outcome, ...(failure && { failure: failure as MmubError }) });
          }
        }
      });
      worker.on("error", reject);
      worker.on("exit", (code) => reject(new Error(`the training's thread ended with code ${code}`)));
    });
  } finally {
    signal?.removeEventListener("abort", abort);
    await worker.terminate();
  }
}

export function sent(error: unknown): SentError {
  const { message, stack } = error as Error;
  const base = { message: String(message ?? error), ...(stack !== undefined && { stack }) };
  if (!MmubError.is(error)) return base;
  const { code, part, index, details } = error;
  return { ...base, mmub: { code, part, ...(index !== undefined && { index }), details } };
}

function rebuilt({ message, stack, mmub }: SentError): Error {
  if (!mmub) return Object.assign(new Error(message), { stack });
  const { code, part, index, details } = mmub;
  const reason = message.slice(message.indexOf(": ") + 2);
  return new MmubError(code, { ...details, part, message: reason, ...(index !== undefined && { index }) });
}

function startWorker(workerData: WorkerJob): Worker {
  const here = import.meta.url;
  if (!here.endsWith(".ts")) return new Worker(new URL("./worker.js", here), { workerData });
  // Of the sources, in the tests of this repository: TypeScript needs a loader, and packages lead to each other's by a condition.
  const loader = pathToFileURL(createRequire(here).resolve("tsx/esm")).href;
  const entry = new URL("./worker.ts", here).href;
  return new Worker(`require("node:module").register("${loader}", { data: {} }); import("${entry}");`, {
    eval: true,
    workerData,
    execArgv: ["--conditions=@mmub/source"],
  });
}

/** The same job with its data where both threads see it, so that it is copied once and not twice. */
function shared(job: Job): Job {
  const known = new Map<Dataset, Dataset>();
  const set = (data: Dataset): Dataset => {
    const columns = data.columns.map(
      (column): Column => ({
        ...column,
        data: onShared(column.data),
        ...(column.offsets && { offsets: onShared(column.offsets) }),
        ...(column.ids && { ids: onShared(column.ids) }),
      }),
    );
    const made = { ...data, columns, ...(data.weights && { weights: onShared(data.weights) }) };
    known.set(data, made);
    return made;
  };
  const data = set(job.data);
  const { validation } = job;
  return {
    ...job,
    data,
    validation: validation && { ...validation, data: known.get(validation.data) ?? set(validation.data) },
    // A view would carry all of its buffer along.
    initial: Object.fromEntries(Object.entries(job.initial).map(([name, values]) => [name, values.slice()])),
  };
}

function onShared<A extends TypedArray>(array: A): A {
  if (array.buffer instanceof SharedArrayBuffer) return array;
  const type = array.constructor as new (buffer: SharedArrayBuffer) => A;
  const copy = new type(new SharedArrayBuffer(array.byteLength));
  copy.set(array);
  return copy;
}
