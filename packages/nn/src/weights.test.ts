import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { activation, batchNorm, conv1d, dense, gru } from "./index.js";
import { network, trace } from "./network.js";
import { add, matmul } from "./ops.js";
import { program } from "./program.js";
import { loadSafetensors, saveSafetensors } from "./safetensors.js";
import { evaluate } from "./testing/index.js";
import { loadWeights, parametersOf, saveWeights } from "./weights.js";

const zeros = () => new Float32Array(0);
const net = network({ x: { kind: "vector", cols: 3 }, y: { kind: "steps", cols: 2 } }, (scope, { x }) =>
  scope.enter("head", (head) =>
    head.enter("dense", (dense) => {
      const weight = dense.parameter("weight", [2, 3], zeros);
      return add(matmul(x, weight, { transB: true }), dense.buffer("shift", [2], zeros));
    }),
  ),
);
const tensors = (prefix: string) => ({
  [`${prefix}weight`]: { shape: [2, 3], data: Float64Array.of(1, 2, 3, 4, 5, 0.1) },
  [`${prefix}shift`]: { shape: [2], data: Float32Array.of(7, 8) },
});

test("parameters and buffers, in order", () => {
  expect(parametersOf(net).map(({ name, shape, trained }) => [name, shape, trained])).toEqual([
    ["head/dense/weight", [2, 3], true],
    ["head/dense/shift", [2], false],
  ]);
});

describe("names", () => {
  const want = { "head/dense/weight": Float32Array.of(1, 2, 3, 4, 5, 0.1), "head/dense/shift": Float32Array.of(7, 8) };
  const cases = [
    ["dots for slashes", "head.dense.", {}],
    ["a path that they begin with", "0.", { "head/dense": "0", head: "wrong", hea: "wrong" }],
    ["the rest keeps its dots", "model.top.dense.", { head: "model.top" }],
    ["an empty prefix", "dense.", { head: "" }],
    ["a function", "fn.", (name: string) => name.replace("head/dense/", "fn.")],
  ] as const;
  for (const [title, prefix, rename] of cases)
    test(title, () => {
      expect(loadWeights(net, saveSafetensors(tensors(prefix)), { rename })).toEqual({
        weights: want,
        missing: [],
        unused: [],
      });
      const saved = saveWeights(net, want, { rename });
      expect([...loadSafetensors(saved).tensors.keys()].sort()).toEqual(Object.keys(tensors(prefix)).sort());
      expect(loadWeights(net, saved, { rename }).weights).toEqual(want);
    });

  test("two of one name", () => {
    expect(() => saveWeights(net, want, { rename: () => "same" })).toThrow(
      'nn/weights: rename gives two parameters the name "same"',
    );
  });
});

describe("what does not fit", () => {
  const { "head.dense.weight": weight, "head.dense.shift": shift } = tensors("head.dense.") as Record<
    string,
    { shape: number[]; data: Float32Array }
  >;
  const bytes = (of: object) => saveSafetensors(of as never);
  const cases = [
    [
      "missing",
      { "head.dense.shift": shift },
      "saved-mismatch",
      'the file lacks "head/dense/weight" ("head.dense.weight"); it has head.dense.shift: use rename, or strict: false to load what is there',
    ],
    [
      "unused",
      { "head.dense.shift": shift, "head.dense.weight": weight, other: shift },
      "saved-mismatch",
      "the file has other, which the network has not: use rename, or strict: false to leave them",
    ],
    [
      "transposed",
      { "head.dense.shift": shift, "head.dense.weight": { ...weight, shape: [3, 2] } },
      "shape-mismatch",
      'parameter "head/dense/weight" is [3, 2] in the file as "head.dense.weight", want [2, 3]',
    ],
    [
      "integers",
      { "head.dense.shift": { shape: [2], data: new Int32Array(2) }, "head.dense.weight": weight },
      "invalid-input",
      'parameter "head/dense/shift" is I32 in the file as "head.dense.shift", want floats',
    ],
  ] as const;
  for (const [title, of, code, message] of cases)
    test(title, () =>
      expect(() => loadWeights(net, bytes(of))).toThrow(
        expect.objectContaining({ code, message: `nn/weights: ${message}` }),
      ),
    );

  test("not strict, it is told", () => {
    const of = bytes({ "head.dense.shift": shift, other: shift });
    expect(loadWeights(net, of, { strict: false })).toEqual({
      weights: { "head/dense/shift": Float32Array.of(7, 8) },
      missing: ["head/dense/weight"],
      unused: ["other"],
    });
  });

  test("another shape is never loaded", () => {
    const of = bytes({ "head.dense.shift": { ...shift, shape: [1, 2] } });
    expect(() => loadWeights(net, of, { strict: false })).toThrow('parameter "head/dense/shift" is [1, 2]');
  });

  test("PyTorch's counters of batches are no matter", () => {
    const counter = { shape: [], data: BigInt64Array.of(3n) };
    const of = { ...tensors("head.dense."), "head.norm.num_batches_tracked": counter };
    expect(loadWeights(net, bytes(of)).unused).toEqual([]);
  });

  test("weights to save", () => {
    expect(() => saveWeights(net, { "head/dense/weight": new Float32Array(6) })).toThrow(
      'nn/weights: the weights of "head/dense/shift" are missing, want 2 for [2]',
    );
    expect(() => saveWeights(net, { "head/dense/weight": new Float32Array(5) })).toThrow(
      'nn/weights: the weights of "head/dense/weight" are 5 numbers, want 6 for [2, 3]',
    );
  });
});

describe("a PyTorch model of the same layers", () => {
  const fixture = (name: string) => readFileSync(new URL(`../fixtures/${name}`, import.meta.url));
  const bytes = fixture("model.safetensors");
  const { x, output } = JSON.parse(fixture("weights.json").toString()).model as { x: number[]; output: number[] };
  const twin = network({ x: { kind: "steps", cols: 4 } }, (scope, { x }) => {
    const convolved = conv1d({ filters: 5, kernel: 3, padding: 1 })(scope, x);
    const normed = activation({ kind: "relu" })(scope, batchNorm()(scope, convolved));
    const last = gru({ units: 3 })(scope, normed);
    return dense({ units: 2 })(scope, dense({ units: 4, activation: "relu" })(scope, last));
  });
  const rename = { conv1d: "conv", batchNorm: "norm", dense: "head.0", dense_2: "head.2" };

  test("gives PyTorch's outputs with its weights", () => {
    const { weights, unused } = loadWeights(twin, bytes, { rename });
    expect(unused).toEqual([]);
    const traced = trace(twin, { batch: 3, lengths: { x: 6 } });
    const mask = new Float32Array(3 * 6).fill(1);
    const got = evaluate(program({ y: traced.output }), { x: Float64Array.from(x), "x.mask": mask, ...weights }).y!;
    expect(got.length).toBe(output.length);
    for (const [i, want] of output.entries()) expect(Math.abs(got[i]! - want)).toBeLessThan(1e-6);
  });

  test("its weights are saved as they came, but for the counter of batches", () => {
    const { weights } = loadWeights(twin, bytes, { rename });
    const { tensors } = loadSafetensors(bytes);
    const floats = [...tensors].filter(([, { dtype }]) => dtype === "F32");
    expect([...loadSafetensors(saveWeights(twin, weights, { rename })).tensors]).toEqual(floats);
  });
});
