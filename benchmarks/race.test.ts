import { expect, test } from "vitest";
import { type Contestant, compare, median } from "./race.js";

const task = { name: "a task", unit: "things/s", work: 10, peer: "peer", tolerance: 1e-3 };

/** A contestant of known speed, which writes its turns down. */
function contestant(name: string, secondsEach: number[], agree: number[], turns: string[] = []): Contestant {
  let run = 0;
  return {
    async run(repeats) {
      turns.push(`${name} ${repeats}`);
      return { seconds: secondsEach[run++ % secondsEach.length]!, agree };
    },
    stop: () => {},
  };
}

test("gives the medians, work a second, and above 1 where ours is faster", async () => {
  const row = await compare(task, contestant("ours", [1, 2, 50], [3]), contestant("peer", [4], [3]));
  expect(row).toMatchObject({ name: "a task", ours: 5, peer: 2.5, ratio: 2, unit: "things/s", threads: 1 });
});

test("takes turns, each as often as it takes to be timed", async () => {
  const turns: string[] = [];
  await compare(task, contestant("ours", [0.1], [3], turns), contestant("peer", [1], [3], turns));
  const timed = turns.slice(-14);
  expect(timed.filter((_, i) => i % 2 === 0)).toEqual(Array(7).fill("ours 3"));
  expect(timed.filter((_, i) => i % 2 === 1)).toEqual(Array(7).fill("peer 1"));
  expect(turns.slice(0, -14).every((turn) => turn.endsWith(" 1"))).toBe(true);
});

test("refuses a comparison of different work", async () => {
  const ours = contestant("ours", [1], [10, 1.002]);
  await expect(compare(task, ours, contestant("peer", [1], [10, 1]))).rejects.toThrow("a task: not the same work");
  await expect(compare(task, ours, contestant("peer", [1], [10]))).rejects.toThrow("not the same work");
  await expect(compare(task, ours, contestant("peer", [1], [10, Number.NaN]))).rejects.toThrow("not the same work");
});

test("median of odd and even", () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
});
