// A training step and inference of five networks on 1 and 2 threads, beside PyTorch on the CPU.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { random } from "@mmub/core";
import type { networks, Setting } from "../ours/nn.js";
import { converse, type Row } from "../race.js";
import { compareSteps, type Stepper, type Turn } from "../steps.js";
import type { Memory, Ragged } from "../trainer.js";
import { cache, here, peerPython, peers } from "../venv.js";

export interface Race {
  readonly name: string;
  readonly task: Setting["task"];
  readonly rules: Setting["rules"];
  /** @default "auto" */
  readonly runtime?: Setting["runtime"];
  /** PyTorch's side of it: an optimizer of peers/nn.py, none for inference. */
  readonly optimizer: keyof typeof peerOf;
  readonly tolerance?: number;
}

const workloads = {
  mlp: "MLP 3 x 300 to 128, 128, 1, batch 32",
  transformer: "Transformer of 2 layers, 4 tokens of 128, batch 64",
  "text-cnn": "text CNN, 20k x 100, length 200, 128 filters of 5, batch 64",
  gru: "GRU 64 over 50 x 32, batch 64",
  cnn: "CNN on 28 x 28, 32 and 64 filters of 3 x 3, batch 64",
} satisfies Partial<Record<keyof typeof networks, string>>;

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
  for (const [workload, title] of Object.entries(workloads))
    yield* stepRaces(
      workload,
      title,
      [...races, ...(workload === "text-cnn" ? sparseRaces : []), ...runtimeRaces],
      only,
    );
  const python = peerPython("nn");
  yield* lastBatches(python, only);
  yield* trainings(python, only);
}

/** One of the networks beside PyTorch. */
export async function* stepRaces(
  workload: string,
  title: string,
  races: readonly Race[],
  only?: string,
): AsyncGenerator<Row> {
  const python = peerPython("nn");
  for (const race of races) {
    const peer = peerOf[race.optimizer];
    const name = `${title}: ${race.name} beside ${peer}`;
    if (only && !name.includes(only)) continue;
    const path = weightsAndBatches(python, workload);
    for (const threads of race.runtime ? [1] : threadCounts) {
      const args = [workload, path, race.task];
      const rows = "0";
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

/**
 * A last batch of 13 rows. Part of a step is the same whatever the rows, such as the update of all weights; so its share is what lies on
 * the line through a batch of one row and a full one.
 */
async function* lastBatches(python: string, only?: string): AsyncGenerator<Row> {
  const last = 13;
  for (const [workload, title] of Object.entries(workloads)) {
    const name = `${title}: training on a last batch of ${last}`;
    if (only && !name.includes(only)) continue;
    const path = weightsAndBatches(python, workload);
    const full = workload === "mlp" ? 32 : 64;
    const least: { ours: number; peer: number }[] = [];
    for (const rows of [1, last, full]) {
      const args = [workload, path, "train"];
      const own = [...process.execArgv, join(here, "stepper.ts"), ...args, "dense", "1", `${rows}`, "auto"];
      const ours = stepper(process.execPath, own, 1);
      const theirs = stepper(python, [script, "run", ...args, "adam", "1", `${rows}`], 1);
      try {
        const task = { name: `${name} beside ${peerOf.adam}`, threads: 1, peer: peerOf.adam, tolerance: 1e-3 };
        const compared = await compareSteps(task, ours, theirs);
        least.push(compared[1]);
        if (rows === last) yield* compared;
      } finally {
        ours.stop();
        theirs.stop();
      }
    }
    const [one, some, all] = least as [(typeof least)[0], (typeof least)[0], (typeof least)[0]];
    const overLine = (side: "ours" | "peer") =>
      some[side] / (one[side] + ((all[side] - one[side]) * (last - 1)) / (full - 1));
    yield row(
      `${name}, to its share of a full one of ${full} and one of 1`,
      { ours: overLine("ours"), peer: overLine("peer"), unit: "of the share" },
      "PyTorch's own",
      "least wall time of a step of 13 rows, to that on the line through a step of 1 row and a full one",
    );
  }
}

const script = join(peers, "nn.py");

/** What ragged rows cost, and the memory of a long training: of ours alone. */
function* trainings(python: string, only?: string): Generator<Row> {
  for (const workload of ["gru", "text-cnn"] as const) {
    const name = `${workloads[workload]}: an epoch of rows of 5 steps to all of them`;
    if (only && !name.includes(only)) continue;
    const most = workload === "gru" ? 50 : 200;
    const chance = random(0);
    const short = 5;
    const lengths = Array.from({ length: 64 * 64 }, () => short + chance.integer(most - short + 1));
    const mean = lengths.reduce((sum, length) => sum + length, 0) / lengths.length;
    const ours = trainer<Ragged>("ragged", workload, JSON.stringify(lengths));
    const peer = peerTrainer<Ragged>(python, "ragged", workload, JSON.stringify(lengths));
    const measure = "least wall time of an epoch of 64 batches, of 8";
    yield row(
      `${name} beside ${peerOf.adam}`,
      { ours: ours.ragged, peer: peer.ragged, unit: "ms" },
      peerOf.adam,
      measure,
    );
    // Part of a step is the same whatever the lengths, such as the update of all weights: the share is on the line, as of a last batch.
    const overLine = ({ ragged, full, short: least }: Ragged) =>
      ragged / (least + ((full - least) * (mean - short)) / (most - short));
    yield row(
      `${name}, to its share of one of full rows and one of short ones`,
      { ours: overLine(ours), peer: overLine(peer), unit: "of the share" },
      "PyTorch's own",
      `${measure}, to that on the line through rows of 5 steps and of ${most}`,
    );
  }
  const name = `${workloads.mlp}: memory that 20,000 steps take after the first 500`;
  if (only && !name.includes(only)) return;
  const { after500, end } = trainer<Memory>("memory");
  const of = { ours: (end - after500) / 1e6, peer: 20, unit: "MB" };
  const measure = "resident memory of the process, its worker included: medians of 1,000 steps";
  yield row(name, of, "the most that is allowed", measure);
}

function row(name: string, of: Pick<Row, "ours" | "peer" | "unit">, peer: string, measure: string): Row {
  const details = { peer, measure, runs: { ours: [of.ours], peer: [of.peer] } };
  return { name, ...of, ratio: of.peer / of.ours, threads: 1, details };
}

function peerTrainer<Answer>(python: string, ...args: string[]): Answer {
  const env = { ...process.env, OMP_NUM_THREADS: "1" };
  const { status, stdout } = spawnSync(python, [script, ...args], {
    stdio: ["ignore", "pipe", 2],
    encoding: "utf8",
    env,
  });
  if (status !== 0) throw new Error(`${script} ${args[0]} ${args[1]} ended with ${status}`);
  return JSON.parse(stdout) as Answer;
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
