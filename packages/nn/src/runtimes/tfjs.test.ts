import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import { describe, expect, test, vi } from "vitest";
import { tfjsBuilds } from "../../fixtures/tfjs-builds.js";
import { type Value, within } from "../graph.js";
import * as ops from "../ops.js";
import { program } from "../program.js";
import { checkRuntime, type GraphTest, runtimeChecks } from "../testing/index.js";
import { tfjs } from "./tfjs.js";

const printed = [vi.spyOn(console, "log"), vi.spyOn(console, "warn"), vi.spyOn(console, "error")];
// Before any other use: tfjs prints a banner with the first tensor of its cpu backend.
await tfjs({ backend: "cpu" });

// tfjs in use elsewhere in the process, while the runtime loads and starts a backend.
await tf.setBackend("cpu");
const theirs = tf.tidy(() => tf.keep(tf.add(tf.tensor1d([1, 2, 3]), 1)));
let sums = 0;
const meanwhile = setInterval(() => {
  sums += tf.tidy(() => tf.sum(theirs).dataSync()[0]!);
});
await tfjs({ backend: "wasm" });
clearInterval(meanwhile);

/** Sizes that take other ways through the runtime than the small ones of the table of ops. */
const larger: Readonly<Record<string, GraphTest>> = {
  "the same numbers as second factors of two shapes": {
    parameters: { x: [5, 1], y: [5, 6], z: [5, 2], row: [1, 6] },
    build: ({ x, y, z, row }) => [
      ops.matmul(y!, row!, { transB: true }),
      ops.matmul(x!, row!),
      ops.matmul(z!, ops.reshape(row!, [2, 3])),
    ],
  },
  "gather of wide rows": {
    parameters: { table: [50, 40], values: [6, 5, 8] },
    inputs: { ids: { shape: [7, 9], low: 0, high: 50, dtype: "int32" } },
    build: ({ table, values, ids }) => [
      ops.gather(table!, ids!),
      ops.gather(ops.mul(values!, 2), ops.constant(Int32Array.of(5, 0, 5, 3))),
    ],
  },
  "gather of ids and truth values": {
    inputs: {
      table: { shape: [9, 3], low: 0, high: 1000, dtype: "int32" },
      truths: { shape: [9], low: 0, high: 2, dtype: "bool" },
      ids: { shape: [4], low: 0, high: 9, dtype: "int32" },
    },
    build: ({ table, truths, ids }) => [ops.gather(table!, ids!), ops.gather(truths!, ids!)],
  },
  "conv of a longer sequence": {
    parameters: { x: [4, 40, 30], filters: [24, 40, 5], bias: [24] },
    build: ({ x, filters, bias }) => ops.conv(x!, filters!, bias, { pads: "same" }),
  },
  "conv of a larger image, strides": {
    parameters: { x: [3, 16, 17, 14], filters: [40, 16, 3, 3] },
    build: ({ x, filters }) => ops.conv(x!, filters!, undefined, { strides: [2, 2], pads: [1, 1, 1, 1] }),
  },
  "conv with strides and dilations": {
    parameters: { x: [2, 33, 15, 12], filters: [8, 33, 3, 2], bias: [8] },
    build: ({ x, filters, bias }) =>
      ops.conv(x!, filters!, bias, { strides: [2, 1], dilations: [2, 3], pads: [0, 2, 3, 1] }),
  },
  "conv by channel": {
    parameters: { x: [2, 36, 9, 9], filters: [36, 1, 3, 3], bias: [36] },
    build: ({ x, filters, bias }) => ops.conv(x!, filters!, bias, { groups: 36, pads: "same" }),
  },
  "pools of many channels": {
    parameters: { x: [2, 40, 13, 12] },
    build: ({ x }) => [
      ops.maxPool(x!, { kernel: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }),
      ops.averagePool(x!, { kernel: [2, 3], dilations: [2, 1], pads: [1, 0, 1, 2], countPads: false }),
    ],
  },
  "maxPool of ties": {
    parameters: { x: { shape: [1, 1, 4, 4], values: [0, 0, 1, 1, 0, 0, 1, 1, 2, 0, 0, 3, 2, 2, 3, 3] } },
    build: ({ x }) => ops.maxPool(x!, { kernel: [2, 2] }),
  },
  "transposes of many axes": {
    parameters: { x: [2, 3, 1, 4, 2, 3] },
    build: ({ x }) => [
      ops.transpose(x!, [5, 3, 1, 2, 0, 4]),
      ops.transpose(x!, [0, 2, 1, 3, 4, 5]),
      ops.transpose(x!, [3, 4, 5, 0, 2, 1]),
      ops.transpose(ops.reshape(x!, [6, 4, 2, 3]), [2, 0, 3, 1]),
    ],
  },
  "broadcasts of many axes": {
    parameters: { x: [2, 1, 3, 1, 4], y: [5, 1, 2, 4] },
    inputs: { mask: { shape: [2, 1, 1, 2, 1], low: 0, high: 2, dtype: "bool" } },
    build: ({ x, y, mask }) => [
      ops.where(mask!, ops.maximum(x!, y!), 7),
      ops.mul(y!, ops.cast(ops.greater(x!, y!), "float32")),
      ops.max(ops.add(x!, y!), [1, 3]),
    ],
  },
  "products of many axes": {
    parameters: { a: [2, 1, 3, 5, 7], b: [4, 1, 6, 7], c: [7, 3], d: [1, 5, 2] },
    build: ({ a, b, c, d }) => [
      ops.matmul(a!, b!, { transB: true, scale: 0.5 }),
      ops.matmul(a!, c!),
      ops.matmul(a!, d!, { transA: true }),
      ops.matmul(c!, a!, { transA: true, transB: true }),
    ],
  },
  "pieces of ids and truth values": {
    inputs: {
      ids: { shape: [3, 8, 2], low: -9, high: 9, dtype: "int32" },
      truths: { shape: [3, 8], low: 0, high: 2, dtype: "bool" },
    },
    build: ({ ids, truths }) => [
      ...ops.split(ids!, [3, 1, 4], 1),
      ops.slice(truths!, 1, 2, 7),
      ops.concat([ops.slice(truths!, 0, 0, 1), truths!], 0),
      ops.expand(ops.slice(truths!, 1, 0, 1), [2, 3, 4]),
      ops.expand(ops.slice(ids!, 1, 7, 8), [3, 5, 2]),
      ops.transpose(truths!, [1, 0]),
      ops.where(truths!, ops.reshape(ops.slice(ids!, 2, 1, 2), [3, 8]), 4),
    ],
  },
};

describe.each(tfjsBuilds)("%o", async (params) => {
  const runtime = await tfjs(params);
  for (const check of runtimeChecks({ make: () => runtime })) test(check.name, check.run);
  test.each(Object.entries(larger))("%s", (_, each) => checkRuntime(runtime, each));

  test("tensors are let go, also those of a run that fails", async () => {
    const before = tf.memory().numTensors;
    const x = ops.input("x", [1, 2, 6, 6]);
    const pooled = ops.averagePool(x, { kernel: [3, 3], strides: [2, 2], pads: "same", countPads: false });
    const [first, second] = ops.split(ops.reshape(pooled, [2, 9]), [1, 1], 0) as [Value, Value];
    const rows = ops.gather(ops.reshape(x, [8, 9]), ops.input("ids", [1], "int32"));
    const session = await runtime.compile(program({ y: ops.add(ops.mul(first, ops.constant(3)), rows), second }));
    const [feeds, y] = [{ x: new Float32Array(72), ids: Int32Array.of(7) }, new Float32Array(9)];
    await session.run(feeds, { y });
    const after = tf.memory();
    for (let i = 0; i < 5; i++) await session.run(feeds, { y });
    await expect(session.run({ ...feeds, ids: Int32Array.of(8) }, { y })).rejects.toThrow();
    expect(tf.memory()).toMatchObject({ numTensors: after.numTensors, numDataBuffers: after.numDataBuffers });
    await session.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  test("an id outside of its table names the layer", async () => {
    const ids = ops.input("ids", [2], "int32");
    const y = within("words", () => ops.gather(ops.parameter("table", [3, 2]), ids));
    const session = await runtime.compile(program({ y }));
    const run = session.run({ ids: Int32Array.of(0, 3), table: new Float32Array(6) }, { y: new Float32Array(4) });
    await expect(run).rejects.toMatchObject({
      code: "invalid-input",
      message: expect.stringMatching(/layer "words": gather: .*3/),
    });
    await session.dispose();
  });

  test("more than six axes are refused", async () => {
    const x = ops.input("x", [1, 1, 2, 1, 2, 1]);
    const y = within("deep", () => ops.reshape(x, [1, 1, 2, 1, 2, 1, 1]));
    await expect(runtime.compile(program({ y }))).rejects.toMatchObject({
      code: "invalid-input",
      message:
        'nn/tfjs: layer "deep": reshape is [1, 1, 2, 1, 2, 1, 1], want at most 6 axes: reshape it, or use another runtime',
    });
  });

  test("fetches may be written over feeds", async () => {
    const x = ops.input("x", [4]);
    const session = await runtime.compile(program({ next: ops.add(x, 1), old: ops.reshape(x, [2, 2]), same: x }));
    const fed = Float32Array.of(1, 2, 3, 4);
    const [old, same] = [new Float32Array(4), new Float32Array(4)];
    await session.run({ x: fed }, { next: fed, old, same });
    expect([fed, old, same].map((array) => [...array])).toEqual([
      [2, 3, 4, 5],
      [1, 2, 3, 4],
      [1, 2, 3, 4],
    ]);
    await session.dispose();
  });
});

describe("tfjs in use elsewhere", () => {
  test("works on while a backend starts, and keeps its backend, flags and tensors", () => {
    expect(sums).toBeGreaterThan(0);
    expect(sums % 9).toBe(0);
    expect(tf.getBackend()).toBe("cpu");
    expect(tf.env().getBool("PROD")).toBe(false);
    expect([...theirs.dataSync()]).toEqual([2, 3, 4]);
  });

  test("nothing is printed", () => {
    expect(printed.flatMap((spy) => spy.mock.calls)).toEqual([]);
  });
});

describe("the choice", () => {
  test("is the first backend that is there, and the runtime's name says which", async () => {
    expect((await tfjs({ package: "@tensorflow/tfjs-core" })).name).toBe("tfjs-core 4.22.0 (wasm)");
    expect((await tfjs({ backend: "cpu" })).name).toBe("tfjs-core 4.22.0 (cpu)");
  });

  test("can be a module, with the backends that it has", async () => {
    expect((await tfjs({ package: tf })).name).toBe(
      `tfjs 4.22.0 (${process.env.MMUB_TFJS_NODE ? "tensorflow" : "wasm"})`,
    );
    await expect(tfjs({ package: tf, backend: "webgl" })).rejects.toMatchObject({ code: "invalid-params" });
  });

  test("a backend that does not start says why", async () => {
    tf.registerBackend("webgl", () => {
      throw new Error("no canvas");
    });
    await expect(tfjs({ package: tf, backend: "webgl" })).rejects.toMatchObject({
      code: "missing-library",
      message: 'nn/tfjs: the backend "webgl" does not start here (no canvas): choose another one',
    });
    tf.removeBackend("webgl");
  });

  test("what is not installed is missing-library with the command", async () => {
    await expect(tfjs({ backend: "webgl" })).rejects.toMatchObject({
      code: "missing-library",
      message: expect.stringContaining("npm install @tensorflow/tfjs-core @tensorflow/tfjs-backend-webgl"),
    });
    await expect(tfjs({ backend: "tensorflow" })).rejects.toMatchObject({
      code: "missing-library",
      message: expect.stringMatching(
        /^nn\/tfjs: no build of tfjs starts \(.*\); install one with: npm install @tensorflow\/tfjs-node$/s,
      ),
    });
    await expect(tfjs({ package: "@tensorflow/tfjs-node-gpu" })).rejects.toMatchObject({
      code: "missing-library",
      message: expect.stringContaining("npm install @tensorflow/tfjs-node-gpu"),
    });
  });

  test("an unknown backend is invalid, and one that the package has not", async () => {
    await expect(tfjs({ backend: "gpu" as never })).rejects.toMatchObject({
      code: "invalid-params",
      message: 'nn/tfjs: backend is string "gpu", want one of tensorflow, wasm, webgpu, webgl, cpu',
    });
    await expect(tfjs({ package: "@tensorflow/tfjs-node", backend: "wasm" })).rejects.toMatchObject({
      code: "invalid-params",
      message: 'nn/tfjs: package is string "@tensorflow/tfjs-node", want one that has the backend wasm',
    });
  });
});
