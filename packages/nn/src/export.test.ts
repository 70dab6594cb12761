import { describe, expect, test } from "vitest";
import { everyExport, off, tolerance } from "../fixtures/exports.js";
import { exportCases, weightsFor } from "../fixtures/networks.js";
import { onnxModel } from "./encoder.js";
import { toOnnx } from "./export.js";
import type { Value } from "./graph.js";
import { network } from "./network.js";
import { add, constant, div, gather, matmul, reshape, sub, sum, transpose } from "./ops.js";

for (const name of ["onnxruntime-node", "onnxruntime-web"] as const)
  describe(`exported to ${name}: networks of any batch, layers with PyTorch's numbers, ops`, () => {
    for (const one of everyExport())
      test(`${one.kind} ${one.name}`, async () => {
        const model = await onnxModel(one.model, { package: name });
        try {
          for (const sample of one.samples) {
            const got = await model.run(sample.feeds);
            for (const [name, { shape }] of Object.entries(sample.outputs)) expect(got[name]!.shape).toEqual(shape);
            const data = Object.entries(got).map(([name, { data }]) => [name, data as Float32Array]);
            expect(off(sample, Object.fromEntries(data))).toBeLessThan(tolerance);
          }
        } finally {
          await model.dispose();
        }
      });
  });

const [branches] = exportCases as [(typeof exportCases)[0]];

test("inputs and output by name, with an open batch or a fixed one", async () => {
  const weights = weightsFor(branches);
  for (const [options, batch] of [
    [{}, "batch"],
    [{ batch: 4 }, 4],
  ] as const) {
    const model = await onnxModel(toOnnx(branches.net, weights, options));
    expect(model.inputs).toEqual([
      { name: "text", dtype: "float32", shape: [batch, 12] },
      { name: "photo", dtype: "float32", shape: [batch, 8] },
      { name: "voice", dtype: "float32", shape: [batch, 5] },
    ]);
    expect(model.outputs).toEqual([{ name: "output", dtype: "float32", shape: [batch, 3] }]);
    await model.dispose();
  }
});

test("numbers of rows and their positions, as layers use that look across rows", async () => {
  const net = network({ x: { kind: "vector", cols: 1 } }, (_, { x }) => {
    const batch = x.shape[0]!;
    const positions = constant(Int32Array.from({ length: batch }, (_, i) => i));
    const backwards = sub(sub(constant(Int32Array.of(batch), []), positions), 1);
    return gather(div(x, batch), backwards);
  });
  const model = await onnxModel(toOnnx(net, {}));
  const { output } = await model.run({ x: { shape: [4, 1], data: [4, 8, 12, 16] } });
  expect(output!.data).toEqual(Float32Array.of(4, 3, 2, 1));
  await model.dispose();
});

test("a length that the first choice of batch size divides", async () => {
  const net = network({ x: { kind: "vector", cols: 2018 } }, (_, { x }) => add(x, 1009));
  const model = await onnxModel(toOnnx(net, {}));
  expect(model.inputs[0]!.shape).toEqual(["batch", 2018]);
  await model.dispose();
});

describe("what cannot be exported is refused", () => {
  test("missing weights", () => {
    const { "dense/bias": _, ...weights } = weightsFor(branches);
    expect(() => toOnnx(branches.net, weights)).toThrow(
      'nn/toOnnx: the weights of "dense/bias" are missing, want 6 for [6]',
    );
  });

  test("ragged inputs without lengths", () => {
    const ragged = exportCases.find(({ name }) => name === "GRU")!;
    expect(() => toOnnx(ragged.net, weightsFor(ragged))).toThrow(
      'nn/network: input "sound" is ragged: want its length',
    );
  });

  test("a graph that needs the batch size, unless it is told", async () => {
    const rows = (batch: number) =>
      reshape(constant(Float32Array.from({ length: batch }, (_, i) => i * i)), [batch, 1]);
    const nets = {
      "a constant": (x: Value) => add(x, rows(x.shape[0]!)),
      "a number": (x: Value) => div(x, 1 + x.shape[0]!),
      "half of it": (x: Value) => div(x, x.shape[0]! / 2),
      "positions of another kind": (x: Value) => gather(x, constant(Int32Array.of(0, x.shape[0]! - 1))),
      "an attribute": (x: Value) => transpose(matmul(x, x, { transA: true, scale: 1 / x.shape[0]! }), [1, 0]),
      "other ops": (x: Value) => (x.shape[0] === 1009 ? add(x, 1) : x),
    };
    for (const [name, build] of Object.entries(nets)) {
      const net = network({ x: { kind: "vector", cols: 2 } }, (scope, { x }) =>
        scope.enter("row", () => add(x, sum(build(x), [0], true))),
      );
      expect(() => toOnnx(net, {}), name).toThrow("the graph depends on the batch size");
      const { outputs, dispose } = await onnxModel(toOnnx(net, {}, { batch: 2 }));
      expect(outputs[0]!.shape, name).toEqual([2, 2]);
      await dispose();
    }
  });

  test("an output without rows", () => {
    const net = network({ x: { kind: "vector", cols: 2 } }, (_, { x }) => sum(x));
    expect(() => toOnnx(net, {})).toThrow("nn/toOnnx: the output is [], want [batch, ...]");
  });

  test("a batch that is none", () => {
    expect(() => toOnnx(branches.net, weightsFor(branches), { batch: 0 })).toThrow(
      'nn/toOnnx: batch is number 0, want "any" or a positive integer',
    );
  });
});
