import { checkAgreement, median, type Row } from "./race.js";

/** What a process says of a turn: so many steps, from the same start as every turn. */
export interface Turn {
  /** Wall time of each step. */
  readonly ms: readonly number[];
  /** CPU time of the whole process in all of them. */
  readonly cpuMs: number;
  /** Root mean square of what the first step and the twentieth gave, a loss or outputs: proof of the same work. */
  readonly agree: readonly number[];
}

export interface Stepper {
  turn(steps: number): Promise<Turn>;
  stop(): void;
}

export interface StepTask {
  readonly name: string;
  readonly threads: number;
  readonly peer: string;
  /** The numbers of both sides agree within this part of each. */
  readonly tolerance: number;
}

const rounds = 7;
const leastMs = 300;
/** The proof is of the first step and of this one. */
export const leastSteps = 20;

/** Two processes that take turns: the median of a step, and the least. */
export async function compareSteps(task: StepTask, ours: Stepper, peer: Stepper): Promise<[Row, Row]> {
  const steps = { ours: await warmUp(ours), peer: await warmUp(peer) };
  const turns = { ours: [] as Turn[], peer: [] as Turn[] };
  for (let round = 0; round < rounds; round++) {
    const [a, b] = [await ours.turn(steps.ours), await peer.turn(steps.peer)];
    checkAgreement(task.name, a.agree, b.agree, task.tolerance);
    turns.ours.push(a);
    turns.peer.push(b);
  }

  const row = (measure: string, of: (ms: readonly number[]) => number): Row => {
    const measured = { ours: of(turns.ours.flatMap(({ ms }) => ms)), peer: of(turns.peer.flatMap(({ ms }) => ms)) };
    const details = {
      peer: task.peer,
      measure: `wall time of a step, ${measure} of ${rounds} turns`,
      runs: { ours: turns.ours.map(({ ms }) => of(ms)), peer: turns.peer.map(({ ms }) => of(ms)) },
      cpu: { ours: cpuOfStep(turns.ours), peer: cpuOfStep(turns.peer) },
    };
    const ratio = measured.peer / measured.ours;
    return { name: `${task.name}, ${measure}`, ...measured, unit: "ms/step", ratio, threads: task.threads, details };
  };
  return [row("median", median), row("minimum", least)];
}

/** Runs until the compiler has seen enough; how many steps then take long enough to be timed and to prove the work. */
async function warmUp(stepper: Stepper): Promise<number> {
  let last = 0;
  for (let spent = 0, turns = 0; turns < 2 || (spent < 1000 && turns < 20); turns++) {
    const { ms } = await stepper.turn(leastSteps);
    last = median(ms);
    spent += ms.reduce((sum, value) => sum + value, 0);
  }
  return Math.max(leastSteps, Math.ceil(leastMs / last));
}

function cpuOfStep(turns: readonly Turn[]): number {
  return median(turns.map(({ ms, cpuMs }) => cpuMs / ms.length));
}

function least(values: readonly number[]): number {
  return Math.min(...values);
}
