// Our side of a race: `contestant.ts <area> <index> <data>` runs that comparison as often as each line of its input says.
import { createInterface } from "node:readline";
import type { Comparison } from "./race.js";

const [area, index, path] = process.argv.slice(2);
const { comparisons } = (await import(`./areas/${area}.ts`)) as { comparisons: readonly Comparison[] };
const { prepare, agree } = comparisons[Number(index)]!;
const run = await prepare(path!);

for await (const line of createInterface({ input: process.stdin })) {
  let output: unknown;
  const [before, started] = [process.cpuUsage(), performance.now()];
  for (let repeat = Number(line); repeat > 0; repeat--) output = await run();
  const { user, system } = process.cpuUsage(before);
  const wall = (performance.now() - started) / 1e3;
  console.log(JSON.stringify({ cpu: (user + system) / 1e6, wall, agree: await agree(output) }));
}
