// A worker's entry: runs one training and says how it went.
import { parentPort, workerData } from "node:worker_threads";
import { runTraining } from "./loop.js";
import { remake } from "./runtimes/remake.js";
import type { StepProgram } from "./step-program.js";
import { type FromWorker, sent, type ToWorker, type WorkerJob } from "./thread.js";

const port = parentPort!;
const { job, runtime, aborted } = workerData as WorkerJob;
const tell = (message: FromWorker, moved: ArrayBuffer[] = []) => port.postMessage(message, moved);
const abort = new Error("aborted");
const breathe = () => {
  if (Atomics.load(aborted, 0) !== 0) throw abort;
};

const waiting = new Map<number, { resolve(program: StepProgram): void; reject(error: unknown): void }>();
let asked = 0;
port.on("message", ({ id, program }: ToWorker) => {
  const { resolve, reject } = waiting.get(id)!;
  waiting.delete(id);
  if (program) resolve(program);
  // The caller knows why.
  else reject(abort);
});

try {
  const outcome = await runTraining(job, {
    runtime: await remake(runtime),
    program: (kind, shape) =>
      new Promise((resolve, reject) => {
        waiting.set(asked, { resolve, reject });
        tell({ type: "program", id: asked++, kind, shape });
      }),
    report: (progress) => tell({ type: "progress", progress }),
    breathe,
  });
  const { failure, ...rest } = outcome;
  const buffers = Object.values(rest.weights).map(({ buffer }) => buffer as ArrayBuffer);
  tell({ type: "done", outcome: rest, ...(failure && { failure: sent(failure) }) }, [...new Set(buffers)]);
} catch (error) {
  tell(error === abort ? { type: "aborted" } : { type: "failed", error: sent(error) });
}
