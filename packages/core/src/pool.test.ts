import { afterEach, describe, expect, test } from "vitest";
// @ts-expect-error plain JavaScript: a worker thread imports it as it is
import { times as untyped } from "../fixtures/worker-part.mjs";
import { type Dense, type Extractor, type FittedExtractor, type Progress, parallel } from "./index.js";

const times: (params: { factor: number; tell?: boolean }) => Extractor<number | string, Dense> = untyped;
const module = new URL("../fixtures/worker-part.mjs", import.meta.url);
const inputs = Array.from({ length: 100 }, (_, at) => (at % 9 === 4 ? null : at));

const open: FittedExtractor<number | string>[] = [];
const fit = async (params = { factor: 2 }, threads = 2) => {
  const fitted = await parallel(times(params), { module, threads }).fit([]);
  open.push(fitted);
  return fitted;
};
afterEach(async () => {
  for (const fitted of open.splice(0)) await fitted.dispose?.();
});

test("gives what one thread gives, in order, whatever the batch size", async () => {
  const want = await (await times({ factor: 2 }).fit([])).transform(inputs);
  const fitted = await fit();
  for (const batchSize of [1, 7, 1000]) expect(await fitted.transform(inputs, { batchSize })).toEqual(want);
  expect(await fitted.transform([])).toMatchObject({ rows: 0, cols: 2 });
});

test("runs on every thread", async () => {
  const { data } = await (await fit({ factor: 2, tell: true } as never, 2)).transform(
    inputs.map((_, at) => at),
    { batchSize: 5 },
  );
  expect(new Set(data.filter((_, at) => at % 2 === 1)).size).toBe(2);
});

test("saves and loads as the extractor itself", async () => {
  const saved = await (await fit()).save();
  expect(saved).toEqual(await (await times({ factor: 2 }).fit([])).save());
  const loaded = await parallel(times({ factor: 2 }), { module, threads: 1 }).load(saved);
  open.push(loaded);
  expect((await loaded.transform([3])).data[0]).toBe(6);
});

test("makes the part in the threads of what it is told to", async () => {
  const fitted = await parallel(times({ factor: 2 }), { module, threads: 1, params: { factor: 2, tell: true } }).fit(
    [],
  );
  open.push(fitted);
  const { data } = await fitted.transform([3]);
  expect(data[0]).toBe(6);
  // `tell` gives the thread's own number, which the extractor here was not asked for.
  expect(data[1]).toBeGreaterThan(0);
});

test("a bad input is named by its place among all", async () => {
  const bad = inputs.with(77, "bad" as never);
  await expect((await fit()).transform(bad, { batchSize: 10 })).rejects.toMatchObject({
    code: "invalid-input",
    index: 77,
    message: "@example/times: input 77 is bad, want a number",
  });
});

test("after an error it works on", async () => {
  const fitted = await fit();
  await expect(fitted.transform(["bad"])).rejects.toThrow();
  expect((await fitted.transform([3])).data[0]).toBe(6);
});

test("abort rejects with the signal's reason", async () => {
  const reason = new Error("enough");
  const fitted = await fit();
  await expect(fitted.transform(inputs, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  const controller = new AbortController();
  const onProgress = () => controller.abort(reason);
  await expect(fitted.transform(inputs, { batchSize: 4, signal: controller.signal, onProgress })).rejects.toBe(reason);
});

test("progress rises to the number of inputs", async () => {
  const seen: Progress[] = [];
  await (await fit()).transform(inputs, { batchSize: 10, onProgress: (progress) => seen.push(progress) });
  const done = seen.map((progress) => progress.done);
  expect(done).toEqual([...done].sort((a, b) => a - b));
  expect(seen.at(-1)).toEqual({ part: "@example/times", done: 100, total: 100 });
});

describe("what cannot work says so", () => {
  test("a module without the factory", async () => {
    const fitted = await parallel(times({ factor: 2 }), { module, export: "thymes", threads: 1 }).fit([]);
    open.push(fitted);
    await expect(fitted.transform([1])).rejects.toThrow(/exports no function "thymes"; set the option "export"/);
  });

  test("a thread that dies rejects what it was at, and does not hang", async () => {
    await expect((await fit()).transform(["exit"])).rejects.toThrow(/worker thread ended/);
  });

  test("no threads", () => {
    for (const threads of [0, 1.5, -1])
      expect(() => parallel(times({ factor: 2 }), { module, threads })).toThrow(/positive integer/);
  });
});

test("dispose ends the threads, and the next transform starts new ones", async () => {
  const fitted = await fit();
  await fitted.transform([1]);
  await fitted.dispose?.();
  expect((await fitted.transform([3])).data[0]).toBe(6);
});
