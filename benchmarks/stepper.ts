// Our side of the networks' race: `stepper.ts <workload> <file> <task> <rules> <threads> <rows> <runtime>` does as many steps as each line
// of its input says, anew from the weights of the file each time.
import { createInterface } from "node:readline";
import { readSafetensors } from "./files.js";
import { type networks, type Setting, stepperOf } from "./ours/nn.js";
import { leastSteps, type Turn } from "./steps.js";

const [workload, path, task, rules, threads, some, runtime] = process.argv.slice(2);
const weights = readSafetensors(path!);
const [xs, ys] = [weights.get("x")!, weights.get("y")!];
const [batches, all] = xs.shape as [number, number];
// 0: all that a batch of the file has.
const rows = Number(some) || all;
const batchOf = ({ data }: typeof xs, i: number) => {
  const size = data.length / batches;
  return data.subarray((i % batches) * size, (i % batches) * size + (size / all) * rows);
};

for await (const line of createInterface({ input: process.stdin })) {
  const setting = { task, rules, threads: Number(threads), rows, runtime } as Setting;
  const network = await stepperOf(workload as keyof typeof networks, weights, setting);
  const ms: number[] = [];
  const agree: number[] = [];
  const cpu = process.cpuUsage();
  for (let i = 0; i < Number(line); i++) {
    const [x, y] = [batchOf(xs, i), batchOf(ys, i)];
    const started = performance.now();
    const output = await network.step(x, y);
    ms.push(performance.now() - started);
    if (i === 0 || i === leastSteps - 1) agree.push(rootMeanSquare(output));
  }
  const { user, system } = process.cpuUsage(cpu);
  await network.dispose();
  console.log(JSON.stringify({ ms, cpuMs: (user + system) / 1e3, agree } satisfies Turn));
}

function rootMeanSquare(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! ** 2;
  return Math.sqrt(sum / values.length);
}
