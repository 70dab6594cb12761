// A training step and inference of five networks on 1 and 2 threads, beside PyTorch on the CPU.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { networks, Setting } from "../ours/nn.js";
import { converse, type Row } from "../race.js";
import { compareSteps, type Stepper, type Turn } from "../steps.js";
import { cache, here, peerPython, peers } from "../venv.js";

interface Race {
  readonly name: string;
  readonly task: Setting["task"];
  readonly rules: Setting["rules"];
  /** @default "auto" */
  readonly runtime?: Setting["runtime"];
  /** PyTorch's side of it: an optimizer of peers/nn.py, none for inference. */
  readonly optimizer: keyof typeof peerOf;
  readonly tolerance?: number;
}

const workloads: Record<keyof typeof networks, string> = {
  mlp: "MLP 3 x 300 to 128, 128, 1, batch 32",
  transformer: "Transformer of 2 layers, 4 tokens of 128, batch 64",
  "text-cnn": "text CNN, 20k x 100, length 200, 128 filters of 5, batch 64",
  gru: "GRU 64 over 50 x 32, batch 64",
  cnn: "CNN on 28 x 28, 32 and 64 filters of 3 x 3, batch 64",
};

const peerOf = {
  adam: "PyTorch's Adam",
  fused: "PyTorch's fused Adam",
  sparse: "PyTorch's SparseAdam",
  none: "PyTorch",
};

const races: readonly Race[] = [
  { name: "training", task: "train", rules: "dense", optimizer: "adam" },
  { name: "training", task: "train", rules: "dense", optimizer: "fused" },
  { name: "inference", task: "infer", rules: "dense", optimizer: "none" },
];

const sparseRaces: readonly Race[] = [
  // Lazy Adam leaves the rows alone that a batch does not touch, so that the losses part after the first step.
  { name: "training with sparse rules", task: "train", rules: "sparse", optimizer: "adam", tolerance: 0.1 },
  { name: "training with sparse rules", task: "train", rules: "sparse", optimizer: "sparse" },
];

/** What else our networks run on, on one thread. */
const runtimeRaces = (
  ["onnxruntime-web", "tfjs-wasm", ...(process.env.MMUB_TFJS_NODE ? ["tfjs-node"] : [])] as const
).map(
  (runtime): Race => ({
    name: `training on ${runtime}`,
    task: "train",
    rules: "dense",
    runtime: runtime as Setting["runtime"],
    optimizer: "adam",
    tolerance: 1e-2,
  }),
);

const threadCounts = [1, 2];

export async function* measure(only?: string): AsyncGenerator<Row> {
  const python = peerPython("nn");
  for (const [workload, title] of Object.entries(workloads)) {
    for (const race of [...races, ...(workload === "text-cnn" ? sparseRaces : []), ...runtimeRaces]) {
      const peer = peerOf[race.optimizer];
      const name = `${title}: ${race.name} beside ${peer}`;
      if (only && !name.includes(only)) continue;
      const path = weightsAndBatches(python, workload);
      for (const threads of race.runtime ? [1] : threadCounts) {
        const args = [workload, path, race.task];
        const ours = stepper(
          process.execPath,
          [...process.execArgv, join(here, "stepper.ts"), ...args, race.rules, `${threads}`, race.runtime ?? "auto"],
          threads,
        );
        const theirs = stepper(python, [script, "run", ...args, race.optimizer, `${threads}`], threads);
        try {
          yield* await compareSteps({ name, threads, peer, tolerance: race.tolerance ?? 1e-3 }, ours, theirs);
        } finally {
          ours.stop();
          theirs.stop();
        }
      }
    }
  }
}

const script = join(peers, "nn.py");

/** The file that both sides start from, made by PyTorch on first use. */
function weightsAndBatches(python: string, workload: string): string {
  const path = join(cache, "data", `nn-${workload}.safetensors`);
  if (existsSync(path)) return path;
  mkdirSync(join(cache, "data"), { recursive: true });
  const { status } = spawnSync(python, [script, "make", workload, path], { stdio: ["ignore", 2, 2] });
  if (status !== 0) throw new Error(`${python} ${script} make ${workload} ended with ${status}`);
  return path;
}

function stepper(command: string, args: readonly string[], threads: number): Stepper {
  const { ask, stop } = converse<Turn>(command, args, threads);
  return { turn: ask, stop };
}
