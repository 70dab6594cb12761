import { expect, test } from "vitest";
import { compareSteps, type Stepper } from "./steps.js";

const task = { name: "a net", threads: 2, peer: "peer", tolerance: 1e-3 };

/** A stepper whose steps take so long in turn, from the same start in every turn; it writes its turns down. */
function stepper(name: string, msEach: number[], agree: number[], turns: string[] = []): Stepper {
  return {
    async turn(steps) {
      turns.push(`${name} ${steps}`);
      return { ms: Array.from({ length: steps }, (_, i) => msEach[i % msEach.length]!), cpuMs: steps * 30, agree };
    },
    stop: () => {},
  };
}

test("gives the median and the minimum of a step, and above 1 where ours is faster", async () => {
  const rows = await compareSteps(
    task,
    stepper("ours", [8, 10, 10], [0.7, 0.3]),
    stepper("peer", [20, 10, 30], [0.7, 0.3]),
  );
  expect(rows).toMatchObject([
    { name: "a net, median", ours: 10, peer: 20, ratio: 2, unit: "ms/step", threads: 2 },
    { name: "a net, minimum", ours: 8, peer: 10, ratio: 1.25, unit: "ms/step", threads: 2 },
  ]);
  expect(rows[0].details.cpu).toEqual({ ours: 30, peer: 30 });
});

test("takes turns, each of enough steps to be timed and to prove the work", async () => {
  const turns: string[] = [];
  await compareSteps(task, stepper("ours", [3], [1], turns), stepper("peer", [7], [1], turns));
  expect(turns.slice(-14)).toEqual(Array.from({ length: 14 }, (_, i) => (i % 2 ? "peer 43" : "ours 100")));

  await compareSteps(task, stepper("ours", [400], [1], turns), stepper("peer", [500], [1], turns));
  expect(turns.slice(-2)).toEqual(["ours 20", "peer 20"]);
});

test("refuses a comparison of different work", async () => {
  const peer = stepper("peer", [100], [0.7, 0.3]);
  await expect(compareSteps(task, stepper("ours", [100], [0.7, 0.301]), peer)).rejects.toThrow(
    "a net: not the same work",
  );
  await expect(compareSteps(task, stepper("ours", [100], [0.7]), peer)).rejects.toThrow("not the same work");
});
