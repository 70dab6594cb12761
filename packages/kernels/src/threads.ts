import type { Shared } from "./loader.js";
import type { TreeGrowKernels } from "./trees.js";
import type { WordVectorCall, WordVectorKernels } from "./word-vectors.js";

/** Kernels that run on threads of their own, on the memory of the kernels that made them. */
export interface KernelThreads extends WordVectorKernels<Promise<number>>, TreeGrowKernels<Promise<number>> {
  readonly count: number;
  /** Ends the threads, at once. Calls not done reject. */
  end(): Promise<void>;
}

export type TreeGrowCall = readonly ["treeGrow", readonly number[]];

export interface Threads {
  run(call: WordVectorCall | TreeGrowCall): Promise<number>;
  end(): Promise<void>;
}

// A string, so that it runs alike from the sources, from the build and from a bundle: no file to find, nothing to import.
const source = `
const { parentPort, workerData } = require("node:worker_threads");
const { exports } = new WebAssembly.Instance(workerData.module, { env: { memory: workerData.memory } });
parentPort.on("message", ([kernel, numbers]) => parentPort.postMessage(exports[kernel](...numbers)));
`;

/** `count` threads, which take calls in turn: the one with the fewest is next. */
export async function startThreads(shared: Shared, count: number): Promise<Threads> {
  const { Worker } = await import("node:worker_threads");
  const crew = Array.from({ length: count }, () => {
    const worker = new Worker(source, { eval: true, workerData: shared });
    const waiting: { resolve(result: number): void; reject(error: Error): void }[] = [];
    const fail = (error: Error): void => {
      for (const { reject } of waiting.splice(0)) reject(error);
    };
    worker.on("message", (result: number) => waiting.shift()?.resolve(result));
    worker.on("error", fail);
    worker.on("exit", () => fail(new Error("the thread ended before its work was done")));
    return { worker, waiting };
  });
  return {
    run: (call) =>
      new Promise((resolve, reject) => {
        const { worker, waiting } = crew.reduce((a, b) => (b.waiting.length < a.waiting.length ? b : a));
        waiting.push({ resolve, reject });
        worker.postMessage(call);
      }),
    async end() {
      await Promise.all(crew.map(({ worker }) => worker.terminate()));
    },
  };
}
