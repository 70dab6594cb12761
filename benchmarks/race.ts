import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { here, peerEnv, peerPython, peers } from "./venv.js";

/** One line of a benchmark: `ratio` above 1 means that ours is the faster or the smaller. */
export interface Row {
  readonly name: string;
  readonly ours: number;
  readonly peer: number;
  readonly unit: string;
  readonly ratio: number;
  readonly threads: number;
  /** Whom we compare with and what was measured: only in the results file. */
  readonly details: {
    readonly peer: string;
    readonly measure: string;
    readonly runs: { ours: number[]; peer: number[] };
    /** CPU time of the whole process, in the unit of the row, where the row itself is wall time. */
    readonly cpu?: { ours: number; peer: number };
  };
}

/** A task that ours and the peer do on the same data. */
export interface Comparison<Output = unknown> {
  readonly name: string;
  /** What `work` counts, a second. */
  readonly unit: string;
  readonly work: number;
  /** Makes the data file, unless it is there, and gives its path. */
  readonly data: () => string;
  /** On more than 1 both sides are measured by wall time. @default 1 */
  readonly threads?: number;
  readonly peer: string;
  /** The script in peers/ that does the same; it is given the path and the threads. */
  readonly script: string;
  /** Reads the data; what it gives back is what is timed. */
  prepare(path: string): Promise<() => Promise<Output> | Output>;
  /** Numbers of the output that both sides must agree on, within `tolerance` of each: proof of the same work. */
  agree(output: Output): Promise<readonly number[]> | readonly number[];
  readonly tolerance: number;
}

interface Timing {
  /** CPU seconds of the whole process, its compiler and garbage collector included, or wall seconds, for one of `repeats` runs. */
  readonly seconds: number;
  readonly agree: readonly number[];
}

export interface Contestant {
  run(repeats: number): Promise<Timing>;
  stop(): void;
}

const rounds = 7;
const leastSeconds = 0.3;

/**
 * Each comparison of `area`, or those whose names hold `only`: two processes that take turns, so that what else the machine
 * does falls on both alike.
 */
export async function* race(area: string, comparisons: readonly Comparison[], only = ""): AsyncGenerator<Row> {
  for (const [index, comparison] of comparisons.entries()) {
    if (!comparison.name.includes(only)) continue;
    const path = comparison.data();
    const { threads = 1 } = comparison;
    const ours = contestant(
      process.execPath,
      [...process.execArgv, join(here, "contestant.ts"), area, `${index}`, path],
      threads,
    );
    const peer = contestant(peerPython(area), [join(peers, comparison.script), path, `${threads}`], threads);
    try {
      yield await compare(comparison, ours, peer);
    } finally {
      ours.stop();
      peer.stop();
    }
  }
}

export async function compare(
  task: Pick<Comparison, "name" | "unit" | "work" | "tolerance" | "peer" | "threads">,
  ours: Contestant,
  peer: Contestant,
): Promise<Row> {
  const { name, unit, work, tolerance, threads = 1 } = task;
  const repeats = { ours: await warmUp(ours), peer: await warmUp(peer) };
  const runs = { ours: [] as number[], peer: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    const [a, b] = [await ours.run(repeats.ours), await peer.run(repeats.peer)];
    checkAgreement(name, a.agree, b.agree, tolerance);
    runs.ours.push(work / a.seconds);
    runs.peer.push(work / b.seconds);
  }
  const rates = { ours: median(runs.ours), peer: median(runs.peer) };
  const details = {
    peer: task.peer,
    measure: `median of ${rounds}, ${threads > 1 ? "wall time" : "CPU time of the process"}`,
    runs,
  };
  return { name, ...rates, unit, ratio: rates.ours / rates.peer, threads, details };
}

/** Runs until the compiler has seen enough; how many repeats then take long enough to be timed. */
async function warmUp(contestant: Contestant): Promise<number> {
  let last = (await contestant.run(1)).seconds;
  for (let spent = 0, runs = 0; runs < 2 || (spent < 1 && runs < 20); runs++) {
    last = (await contestant.run(1)).seconds;
    spent += last;
  }
  return Math.max(1, Math.ceil(leastSeconds / last));
}

export function checkAgreement(
  name: string,
  ours: readonly number[],
  peer: readonly number[],
  tolerance: number,
): void {
  const same =
    ours.length === peer.length && ours.every((a, i) => Math.abs(a - peer[i]!) <= tolerance * Math.abs(peer[i]!));
  if (!same) throw new Error(`${name}: not the same work: ours gives ${ours.join(", ")}, the peer ${peer.join(", ")}`);
}

function contestant(command: string, args: readonly string[], threads: number): Contestant {
  const { ask, stop } = converse<{ cpu: number; wall: number; agree: number[] }>(command, args, threads);
  return {
    async run(repeats) {
      const { cpu, wall, agree } = await ask(repeats);
      return { seconds: (threads > 1 ? wall : cpu) / repeats, agree };
    },
    stop,
  };
}

/** A process that does its task as often as a line of its standard input says, and answers each with a line of JSON. */
export function converse<Answer>(command: string, args: readonly string[], threads = 1) {
  const child = spawn(command, args, { env: peerEnv(threads), stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async ask(repeats: number): Promise<Answer> {
      child.stdin.write(`${repeats}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error(`${command} ${args.join(" ")} ended before its answer`);
      return JSON.parse(value) as Answer;
    },
    stop: () => void child.stdin.end(),
  };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
