// A training step and inference of five networks on 1 and 2 threads, beside PyTorch on the CPU.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { networks, Setting } from "../ours/nn.js";
import { converse, type Row } from "../race.js";
import { compareSteps, type Stepper, type Turn } from "../steps.js";
import type { Memory, Ragged } from "../trainer.js";
import { cache, here, peerPython, peers } from "../venv.js";

interface Race {
  readonly name: string;
  readonly task: Setting["task"];
  readonly rules: Setting["rules"];
  /** @default "auto" */
  readonly runtime?: Setting["runtime"];
  /** Of each batch, on one thread. @default all */
  readonly rows?: number;
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
  { name: "training on a last batch of 13", task: "train", rules: "dense", optimizer: "adam", rows: 13 },
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
      for (const threads of race.runtime || race.rows ? [1] : threadCounts) {
        const args = [workload, path, race.task];
        const rows = `${race.rows ?? 0}`;
        const ours = stepper(
          process.execPath,
          [
            ...process.execArgv,
            join(here, "stepper.ts"),
            ...args,
            race.rules,
            `${threads}`,
            rows,
            race.runtime ?? "auto",
          ],
          threads,
        );
        const theirs = stepper(python, [script, "run", ...args, race.optimizer, `${threads}`, rows], threads);
        try {
          yield* await compareSteps({ name, threads, peer, tolerance: race.tolerance ?? 1e-3 }, ours, theirs);
        } finally {
          ours.stop();
          theirs.stop();
        }
      }
    }
  }
  yield* trainings(only);
}

const script = join(peers, "nn.py");

/** What ragged rows cost, and the memory of a long training: of ours alone. */
function* trainings(only?: string): Generator<Row> {
  const row = (name: string, of: Pick<Row, "ours" | "peer" | "unit">, peer: string, measure: string): Row => ({
    name,
    ...of,
    ratio: of.peer / of.ours,
    threads: 1,
    details: { peer, measure, runs: { ours: [of.ours], peer: [of.peer] } },
  });
  for (const workload of ["gru", "text-cnn"] as const) {
    const name = `${workloads[workload]}: an epoch of rows of 5 steps to all of them, to one of full rows`;
    if (only && !name.includes(only)) continue;
    const { ragged, full, share } = trainer<Ragged>("ragged", workload);
    const of = { ours: ragged / full, peer: share, unit: "of the time" };
    yield row(name, of, "the share of steps", "least wall time of an epoch of 20 batches, of 36");
  }
  const name = `${workloads.mlp}: memory that 20,000 steps take after the first 500`;
  if (only && !name.includes(only)) return;
  const { after500, end } = trainer<Memory>("memory");
  const of = { ours: (end - after500) / 1e6, peer: 20, unit: "MB" };
  const measure = "resident memory of the process, its worker included: medians of 1,000 steps";
  yield row(name, of, "the most that is allowed", measure);
}

function trainer<Answer>(...args: string[]): Answer {
  const command = [...process.execArgv, join(here, "trainer.ts"), ...args];
  const { status, stdout } = spawnSync(process.execPath, command, { stdio: ["ignore", "pipe", 2], encoding: "utf8" });
  if (status !== 0) throw new Error(`trainer.ts ${args.join(" ")} ended with ${status}`);
  return JSON.parse(stdout) as Answer;
}

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
