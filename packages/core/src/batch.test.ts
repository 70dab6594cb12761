import { expect, test } from "vitest";
import { batches, checkInputs, type Inputs, MmubError, mapInputs, type Progress, turn } from "./index.js";

const stream = (...chunks: (readonly number[])[]): Inputs<number> => ({
  async *[Symbol.asyncIterator]() {
    yield* chunks;
  },
});
async function read(inputs: Inputs<number>, batchSize?: number) {
  const seen: [number, readonly number[]][] = [];
  for await (const { items, first } of batches(inputs, batchSize === undefined ? {} : { batchSize }, "test"))
    seen.push([first, items]);
  return seen;
}

test("an array comes in batches, the last one shorter", async () => {
  expect(await read([1, 2, 3, 4, 5], 2)).toEqual([
    [0, [1, 2]],
    [2, [3, 4]],
    [4, [5]],
  ]);
  expect(await read([1, 2, 3])).toEqual([[0, [1, 2, 3]]]);
  expect(await read([])).toEqual([]);
});

test("a stream's batches stay, unless they are too large", async () => {
  expect(await read(stream([1], [], [2, 3, 4]), 2)).toEqual([
    [0, [1]],
    [1, [2, 3]],
    [3, [4]],
  ]);
});

test("a mapped stream knows the place of each item and can be read again", async () => {
  const mapped = mapInputs(stream([5, 6], [7]), (item, index) => item * 10 + index, "test");
  expect(await read(mapped)).toEqual([
    [0, [50, 61]],
    [2, [72]],
  ]);
  expect(await read(mapped)).toEqual([
    [0, [50, 61]],
    [2, [72]],
  ]);
  expect(mapInputs([1], (item) => -item, "test")).toEqual([-1]);
});

test("progress is reported after each batch, with the total where it is known", async () => {
  const seen: Progress[] = [];
  const onProgress = (progress: Progress) => seen.push(progress);
  for await (const _ of batches([1, 2, 3], { batchSize: 2, onProgress }, "test"));
  for await (const _ of batches(stream([1]), { onProgress }, "test"));
  expect(seen).toEqual([
    { part: "test", done: 2, total: 3 },
    { part: "test", done: 3, total: 3 },
    { part: "test", done: 1 },
  ]);
});

test("abort is noticed between two batches even when the work never waits", async () => {
  const controller = new AbortController();
  setTimeout(() => controller.abort(new Error("enough")), 1);
  const work = async () => {
    for await (const _ of batches(new Array(10_000).fill(0), { batchSize: 1, signal: controller.signal }, "test")) {
      const end = performance.now() + 0.1;
      while (performance.now() < end);
    }
  };
  await expect(work()).rejects.toThrow("enough");
  await expect(turn(controller.signal)).rejects.toThrow("enough");
});

test("what cannot be read, or only once, is refused", async () => {
  for (const bad of [undefined, null, 3, "text", { length: 2 }, new Set([1])])
    expect(() => checkInputs(bad, "test")).toThrow(expect.objectContaining({ code: "invalid-input" }));
  async function* once() {
    yield [1];
  }
  expect(() => checkInputs(once(), "test")).toThrow(/only once/);
  await expect(
    read({
      [Symbol.asyncIterator]: async function* () {
        yield 3 as never;
      },
    }),
  ).rejects.toSatisfy(MmubError.is);
  for (const batchSize of [0, -1, 1.5, Number.NaN])
    await expect(read([1], batchSize)).rejects.toMatchObject({ code: "invalid-params" });
});
