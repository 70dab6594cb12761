import { describe, expect, test } from "vitest";
import { everyExport, off, tolerance } from "../fixtures/exports.js";
import { exportCases, sampleOf, weightsFor } from "../fixtures/networks.js";
import { onnxModel } from "./encoder.js";
import { toOnnx } from "./export.js";
import type { Value } from "./graph.js";
import { attentionPool, conv1d, dense, globalMeanPool, maxPool1d, transformerEncoder } from "./index.js";
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

test("any length of a ragged input, beside any batch", async () => {
  const pooled = network({ x: { kind: "steps", cols: 3 } }, (scope, { x }) => {
    const steps = conv1d({ filters: 4, kernel: 3, stride: 2, padding: 1 })(scope, x);
    return dense({ units: 2 })(scope, attentionPool()(scope, maxPool1d({ kernel: 2, stride: 1 })(scope, steps)));
  });
  const learned = network({ x: { kind: "steps", cols: 6 } }, (scope, { x }) => {
    const encoder = transformerEncoder({ heads: 2, layers: 1, positions: "learned", maxLength: 64 });
    return dense({ units: 1 })(scope, globalMeanPool()(scope, encoder(scope, x)));
  });
  const known = exportCases.filter(({ name }) => ["text CNN", "GRU", "bag of words"].includes(name));
  for (const { name, net } of [...known, { name: "learned positions", net: learned }]) {
    const [input] = Object.keys(net.inputs) as [string];
    const weights = weightsFor({ name, net, lengths: { [input]: 10 } });
    const model = await onnxModel(toOnnx(net, weights));
    for (const [length, batch] of [
      [7, 3],
      [24, 1],
      [50, 4],
    ] as const) {
      const sample = sampleOf({ name, net, lengths: { [input]: length } }, weights, batch);
      const { output } = await model.run(sample.feeds);
      expect(output!.shape).toEqual(sample.output.shape);
      for (const [i, value] of sample.output.data.entries())
        expect(Math.abs((output!.data[i] as number) - value), `${name} of ${length}`).toBeLessThan(1e-5);
    }
    await model.dispose();
  }
  // Half of the steps, rounded, is no multiple of them.
  const weights = weightsFor({ name: "", net: pooled, lengths: { x: 10 } });
  expect(() => toOnnx(pooled, weights)).toThrow('depends on the length of "x"');
  expect(toOnnx(pooled, weights, { lengths: { x: 9 } }).length).toBeGreaterThan(0);
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

  test("lengths that are none, several that are any, and a graph that needs to know its own", () => {
    const transformer = exportCases.find(({ name }) => name === "Transformer")!;
    const weights = weightsFor(transformer);
    expect(() => toOnnx(transformer.net, weights, { lengths: { visits: 0 } })).toThrow(
      'nn/toOnnx: lengths.visits is number 0, want "any" or a positive integer',
    );
    // Its table of positions is of one length.
    expect(() => toOnnx(transformer.net, weights)).toThrow(
      'the graph depends on the length of "visits" by more than its size',
    );
    const steps = { kind: "steps", cols: 2 } as const;
    const two = network({ a: steps, b: steps }, (_, { a, b }) => add(sum(a.values, [1]), sum(b.values, [1])));
    expect(() => toOnnx(two, {}, { lengths: { a: 3 } })).toThrow("lengths.b is undefined");
    expect(() => toOnnx(two, {}, { lengths: { a: "any", b: "any" } })).toThrow('lengths are "any" for a, b');
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
