import { expect, test } from "vitest";
import { gradients } from "./gradients.js";
import { within } from "./graph.js";
import * as ops from "./ops.js";
import { products, program } from "./program.js";

const opsOf = (...outputs: Parameters<typeof program>) => program(...outputs).nodes.map(({ op }) => op);

test("only what the outputs need is there, once, in an order in which it can run", () => {
  const x = ops.input("x", [2]);
  const y = ops.exp(x);
  ops.log(y);
  const z = ops.mul(y, ops.tanh(y));
  const ready = program({ z, y });
  expect(ready.nodes.map(({ op }) => op)).toEqual(["exp", "tanh", "mul"]);
  const known = new Set([...ready.inputs, ...ready.parameters].map(({ value }) => value));
  for (const { inputs, outputs } of ready.nodes) {
    expect(inputs.every((value) => known.has(value))).toBe(true);
    for (const { value } of outputs) known.add(value);
  }
  expect(ready.outputs.every(({ value }) => known.has(value))).toBe(true);
});

test("inputs and parameters are named, with shape and type", () => {
  const ids = ops.input("ids", [3], "int32");
  const table = ops.parameter("table", [5, 2]);
  const ready = program({ rows: ops.gather(table, ids) });
  expect(ready.inputs).toMatchObject([{ name: "ids", shape: [3], dtype: "int32" }]);
  expect(ready.parameters).toMatchObject([{ name: "table", shape: [5, 2], dtype: "float32" }]);
  expect(ready.outputs).toMatchObject([{ name: "rows", shape: [3, 2], dtype: "float32" }]);
});

test("an output may be an input, and one value several outputs", () => {
  const x = ops.input("x", [2]);
  const y = ops.neg(x);
  const { outputs, nodes, inputs } = program({ x, y, again: y });
  expect(nodes).toHaveLength(1);
  expect(outputs[0]!.value).toBe(inputs[0]!.value);
  expect(outputs[1]!.value).toBe(outputs[2]!.value);
});

test("a value under a gradient rule of its own is the value itself; what only the rule reads is left out", () => {
  const x = ops.input("x", [2]);
  const y = ops.exp(x);
  const onlyRule = ops.tanh(x);
  const [inner] = ops.withGradient([y], [onlyRule], () => []);
  const outer = ops.stopGradient(inner!);
  expect(opsOf({ out: ops.neg(outer) })).toEqual(["exp", "neg"]);
  const ready = program({ y, outer });
  expect(ready.outputs[0]!.value).toBe(ready.outputs[1]!.value);
});

test("it is plain data, and its nodes name their layers", () => {
  const x = ops.input("x", [2]);
  const ready = program({ y: within("encoder", () => ops.mul(x, ops.constant([1, 2]))) });
  expect(structuredClone(ready)).toEqual(ready);
  expect(ready.nodes.map(({ layer }) => layer)).toEqual(["encoder", "encoder"]);
});

test("products of matrices, convolutions and loops are counted", () => {
  const x = ops.input("x", [2, 3, 8]);
  const filters = ops.parameter("filters", [4, 3, 5]);
  const y = ops.conv(x, filters, undefined);
  expect(products(program({ y }))).toBe(2 * 4 * 4 * 15);
  const product = ops.matmul(ops.reshape(y, [2, 16]), ops.parameter("w", [7, 16]), { transB: true });
  expect(products(program({ product }))).toBe(2 * 4 * 4 * 15 + 2 * 7 * 16);
  const loss = ops.sum(product);
  const all = gradients(loss, [filters, x]);
  const both = program({ filters: all.get(filters)!.dense!, x: all.get(x)!.dense! });
  // Each of the two of the convolution takes as many as it, and that of the matrix as many as that.
  expect(products(both)).toBe(2 * (2 * 4 * 4 * 15) + 2 * 7 * 16);
});

test("two of one name are rejected", () => {
  const message = 'nn/program: two inputs or parameters are named "x", want one value for each name';
  const x = ops.input("x", [2]);
  expect(() => program({ y: ops.add(x, ops.input("x", [2])) })).toThrow(message);
  expect(() => program({ y: ops.add(x, ops.parameter("x", [2])) })).toThrow(message);
  expect(opsOf({ y: ops.add(x, x) })).toEqual(["add"]);
});
