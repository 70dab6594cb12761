import type { Shared } from "./loader.js";
import type { TreeSplitsOptions } from "./trees.js";

/**
 * Threads that work in step with the one that made them: a call takes some microseconds more than its longest lane, where a
 * message to a thread would take a hundred.
 */
export interface KernelLanes {
  readonly count: number;
  /** `treeSplits` for each, at the same time; at most `count` of them. The first runs here. Returns when all are done. */
  treeSplits(calls: readonly TreeSplitsOptions[]): void;
  /** Ends the threads, at once. */
  end(): Promise<void>;
}

export interface Lanes {
  /** The numbers of a call for each lane; `own` makes the first, here. */
  run(calls: readonly (readonly number[])[], own: (numbers: readonly number[]) => void): void;
  end(): Promise<void>;
}

const most = 32;
// Some tenths of a millisecond: what the thread that asks does between two calls should not let a lane fall asleep.
const spins = 200_000;

// As in threads.ts: a string runs from everywhere. A lane looks for its turn for a while and then sleeps.
const source = `
const { workerData } = require("node:worker_threads");
const { module, memory, state, numbers, kernel } = workerData;
const { exports } = new WebAssembly.Instance(module, { env: { memory } });
const run = exports[kernel];
for (let turn = 1; ; turn++) {
  for (let spin = 0; Atomics.load(state, 0) < turn && spin < ${spins}; spin++);
  while (Atomics.load(state, 0) < turn) Atomics.wait(state, 0, turn - 1);
  const [count, ...values] = numbers;
  try {
    run(...values.slice(0, count));
  } catch {
    Atomics.store(state, 2, 1);
  }
  Atomics.store(state, 1, turn);
  Atomics.notify(state, 1);
}
`;

/** `count` - 1 threads for `kernel`, beside this one. */
export async function startLanes(shared: Shared, kernel: string, count: number): Promise<Lanes> {
  const { Worker } = await import("node:worker_threads");
  const crew = await Promise.all(
    Array.from({ length: count - 1 }, async () => {
      // The turn that is asked for, the turn that is done, and whether one has failed.
      const state = new Int32Array(new SharedArrayBuffer(12));
      const numbers = new Float64Array(new SharedArrayBuffer(8 * most));
      const worker = new Worker(source, { eval: true, workerData: { ...shared, state, numbers, kernel } });
      await new Promise<void>((resolve, reject) => {
        worker.once("error", reject);
        worker.once("online", resolve);
      });
      return { worker, state, numbers };
    }),
  );
  return {
    run([first, ...others], own) {
      const asked = crew.slice(0, others.length);
      for (const [i, { state, numbers }] of asked.entries()) {
        numbers[0] = others[i]!.length;
        numbers.set(others[i]!, 1);
        Atomics.add(state, 0, 1);
        Atomics.notify(state, 0);
      }
      if (first) own(first);
      for (const { state } of asked) {
        const want = Atomics.load(state, 0);
        for (let spin = 0; Atomics.load(state, 1) < want && spin < 100 * spins; spin++);
        while (Atomics.load(state, 1) < want) Atomics.wait(state, 1, want - 1, 1000);
        if (Atomics.load(state, 2)) throw new Error("a kernel failed in its thread");
      }
    },
    async end() {
      await Promise.all(crew.map(({ worker }) => worker.terminate()));
    },
  };
}
