// What whole trainings say, each in a process of its own: `trainer.ts memory` and `trainer.ts ragged <workload>`.
import { random, type Sequence } from "@mmub/core";
import { train } from "@mmub/nn";
import { networks } from "./ours/nn.js";
import { median } from "./race.js";

/** Of 20,000 steps, what the process holds in the 1,000 after the first 500, in the last 1,000, and the most between. */
export interface Memory {
  readonly after500: number;
  readonly most: number;
  readonly end: number;
}

/** Milliseconds of an epoch of rows of many lengths, and of as many rows that are all as long as the longest or the shortest: peers/nn.py says the same. */
export interface Ragged {
  readonly ragged: number;
  readonly full: number;
  readonly short: number;
}

const [task, workload, lengths] = process.argv.slice(2);
console.log(
  JSON.stringify(
    task === "memory" ? await memory() : await ragged(workload as "gru" | "text-cnn", JSON.parse(lengths!) as number[]),
  ),
);

async function memory(): Promise<Memory> {
  const rows = 32 * 100;
  const { net, loss } = networks.mlp();
  const x = { layout: "dense", rows, cols: 900, data: numbers(rows * 900) } as const;
  const target = Float32Array.from({ length: rows }, (_, row) => row % 2);
  const seen: { step: number; bytes: number }[] = [];
  await train(
    net,
    { inputs: { x }, targets: { target } },
    {
      loss,
      epochs: 200,
      batchSize: 32,
      onProgress: ({ done }) => seen.push({ step: done, bytes: process.memoryUsage.rss() }),
    },
  );
  const later = seen.filter(({ step }) => step >= 500);
  // Medians: onnxruntime-node copies its outputs at each run, some 20 MB of which wait for the garbage collector at any time.
  const between = (from: number, to: number) =>
    median(later.filter(({ step }) => step >= from && step <= to).map(({ bytes }) => bytes));
  const most = Math.max(...later.map(({ bytes }) => bytes));
  return { after500: between(500, 1500), most, end: between(19_000, 20_000) };
}

async function ragged(workload: "gru" | "text-cnn", lengths: readonly number[]): Promise<Ragged> {
  const [most, cols] = workload === "gru" ? [50, 32] : [200, 1];
  return {
    ragged: await epoch(workload, lengths, cols),
    full: await epoch(workload, Array<number>(lengths.length).fill(most), cols),
    short: await epoch(workload, Array<number>(lengths.length).fill(Math.min(...lengths)), cols),
  };
}

/** The least time of an epoch, after those that make the graphs of all lengths. */
async function epoch(workload: "gru" | "text-cnn", lengths: readonly number[], cols: number): Promise<number> {
  const rows = lengths.length;
  const offsets = new Uint32Array(rows + 1);
  for (const [row, length] of lengths.entries()) offsets[row + 1] = offsets[row]! + length;
  const size = offsets.at(-1)! * cols;
  const chance = random(1);
  const data = workload === "gru" ? numbers(size) : Float32Array.from({ length: size }, () => chance.integer(20_000));
  const { net, loss } = networks[workload]();
  const x: Sequence = { layout: "sequence", rows, cols, offsets, data };
  const target = Float32Array.from({ length: rows }, (_, row) => row % 2);
  const ends: number[] = [];
  await train(
    net,
    { inputs: { x }, targets: { target } },
    {
      loss,
      epochs: 12,
      batchSize: 64,
      worker: false,
      onProgress: ({ done }) => {
        if (done % (rows / 64) === 0) ends.push(performance.now());
      },
    },
  );
  return Math.min(...ends.slice(4).map((end, i) => end - ends[i + 3]!));
}

function numbers(length: number): Float32Array {
  const chance = random(0);
  return Float32Array.from({ length }, () => chance.normal());
}
