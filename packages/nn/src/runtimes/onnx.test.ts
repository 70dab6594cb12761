import { describe, expect, test, vi } from "vitest";
import type { Value } from "../graph.js";
import { add, input, mul, parameter, relu, scatterAdd } from "../ops.js";
import { program } from "../program.js";
import { runtimeChecks } from "../testing/index.js";
import { type OnnxRuntimeOptions, onnx } from "./onnx.js";

for (const [name, threads] of [
  ["onnxruntime-node", 1],
  ["onnxruntime-node", 2],
  ["onnxruntime-web", 1],
] as const)
  describe(`${name}, threads: ${threads}`, async () => {
    const runtime = await onnx({ package: name });
    for (const check of runtimeChecks({ make: () => runtime, threads })) test(check.name, check.run);
  });

describe.each(["onnxruntime-node", "onnxruntime-web"] as const)("a session of %s", (name) => {
  const session = async (outputs: Record<string, Value>, options: OnnxRuntimeOptions = {}) =>
    (await onnx({ package: name, ...options })).compile(program(outputs));

  test("is named with version and provider", async () => {
    const { name: full } = await onnx({ package: name });
    expect(full).toMatch(/^onnxruntime-(node|web) \d+\.\d+\.\d+ \((cpu|wasm)\)$/);
    expect(full.startsWith(name)).toBe(true);
  });

  test("takes new arrays at each run", async () => {
    const one = await session({ y: add(input("x", [2]), parameter("w", [2])) });
    const y = new Float32Array(2);
    for (const k of [1, 2, 3]) {
      await one.run({ x: Float32Array.of(k, 0), w: Float32Array.of(0, k) }, { y });
      expect(y).toEqual(Float32Array.of(k, k));
    }
    await one.dispose();
  });

  test("gives an output that is named as a parameter", async () => {
    const mean = parameter("mean", [2]);
    const one = await session({ mean: mul(mean, 2), mean_out: add(mean, 1) });
    const [now, next, more] = [Float32Array.of(1, 2), new Float32Array(2), new Float32Array(2)];
    await one.run({ mean: now }, { mean: next, mean_out: more });
    expect([now, next, more]).toEqual([Float32Array.of(1, 2), Float32Array.of(2, 4), Float32Array.of(2, 3)]);
    await one.dispose();
  });

  test("refuses arrays of another type, on shared memory, and such that lost theirs", async () => {
    const one = await session({ y: relu(input("x", [2])) });
    const y = new Float32Array(2);
    const run = (x: Float32Array | Int32Array) => one.run({ x }, { y });
    await expect(run(Int32Array.of(1, 2))).rejects.toThrow('nn/onnx: feed "x" is Int32Array of 2, want Float32Array');
    await expect(run(new Float32Array(new SharedArrayBuffer(8)))).rejects.toThrow(
      'nn/onnx: feed "x" lies on a SharedArrayBuffer, want an array on an ArrayBuffer',
    );
    const x = new Float32Array(2);
    await run(x);
    structuredClone(x.buffer, { transfer: [x.buffer] });
    await expect(run(x)).rejects.toThrow('feed "x" has 0 numbers, want 2');
    await one.dispose();
  });

  test("is not made on what is not there", async () => {
    await expect(session({ y: relu(input("x", [2])) }, { executionProviders: ["nowhere"] })).rejects.toThrow(
      /^nn\/onnx: no session on nowhere: .*; want execution providers that are there/s,
    );
  });
});

test("two threads give the same bits at each run, where rows repeat", async () => {
  const runtime = await onnx({ package: "onnxruntime-node", threads: 2 });
  const session = await runtime.compile(
    program({ y: scatterAdd(input("ids", [4000], "int32"), input("x", [4000, 64]), 7) }),
  );
  const ids = Int32Array.from({ length: 4000 }, (_, i) => (i * i) % 7);
  const x = Float32Array.from({ length: 4000 * 64 }, (_, i) => Math.sin(i));
  const [first, y] = [new Float32Array(7 * 64), new Float32Array(7 * 64)];
  await session.run({ ids, x }, { y: first });
  for (let i = 0; i < 20; i++) {
    await session.run({ ids, x }, { y });
    expect(y).toEqual(first);
  }
  await session.dispose();
});

describe("which package", () => {
  test("wrong parameters", async () => {
    await expect(onnx({ threads: 0 })).rejects.toThrow("nn/onnx: threads is number 0, want a positive integer");
    await expect(onnx({ package: "onnxruntime" as never })).rejects.toThrow(
      'nn/onnx: package is string "onnxruntime", want "onnxruntime-node" or "onnxruntime-web"',
    );
  });

  test("onnxruntime-node, without it onnxruntime-web, without both what to install", async () => {
    expect((await onnx()).name).toContain("onnxruntime-node");
    vi.doMock("onnxruntime-node", () => {
      throw new Error("not here");
    });
    expect((await onnx()).name).toContain("onnxruntime-web");
    await expect(onnx({ package: "onnxruntime-node" })).rejects.toMatchObject({
      code: "missing-library",
      message: expect.stringContaining("npm install onnxruntime-node"),
    });
    vi.doMock("onnxruntime-web", () => {
      throw new Error("not here");
    });
    await expect(onnx()).rejects.toMatchObject({
      code: "missing-library",
      message: expect.stringContaining("npm install onnxruntime-web"),
    });
    vi.doUnmock("onnxruntime-node");
    vi.doUnmock("onnxruntime-web");
  });
});
