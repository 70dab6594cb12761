import { MmubError } from "@mmub/core";
import { expect, test } from "vitest";
import { onnxModel } from "./encoder.js";
import { cutOnnx, onnxNodes } from "./onnx-cut.js";
import { encodeModel, type OnnxNode } from "./onnx-model.js";

const node = (op: string, name: string, inputs: string[], outputs: string[]): OnnxNode => {
  return { op, name, inputs, outputs, attributes: {} };
};
const vector = (name: string) => ({ name, dtype: "float32", shape: ["batch", 2] }) as const;
const weight = (name: string, ...data: number[]) =>
  ({ name, dtype: "float32", shape: [2], data: Float32Array.from(data) }) as const;

/** Two towers: a + 1, then by 10; b - 5. */
const towers = encodeModel({
  nodes: [
    node("Add", "first", ["a", "ones"], ["more"]),
    node("Sub", "other", ["b", "fives"], ["less"]),
    node("Mul", "second", ["more", "tens"], ["much"]),
    node("Add", "", ["much", "less"], ["all"]),
  ],
  constants: [weight("ones", 1, 1), weight("fives", 5, 5), weight("tens", 10, 10)],
  inputs: [vector("a"), vector("b")],
  outputs: [vector("all"), vector("less")],
});

test("nodes in the order in which they run", () => {
  expect(onnxNodes(towers)).toEqual([
    { name: "first", op: "Add", outputs: ["more"] },
    { name: "other", op: "Sub", outputs: ["less"] },
    { name: "second", op: "Mul", outputs: ["much"] },
    { name: "", op: "Add", outputs: ["all"] },
  ]);
});

for (const [at, value, inputs, want] of [
  ["more", "more", ["a"], [4, 5]],
  ["second", "much", ["a"], [40, 50]],
  ["less", "less", ["b"], [-4, -3]],
  ["all", "all", ["a", "b"], [36, 47]],
] as const)
  test(`cut at ${at}: what it needs and no more`, async () => {
    const bytes = cutOnnx(towers, at);
    const model = await onnxModel(bytes);
    try {
      expect(model.inputs.map(({ name }) => name)).toEqual(inputs);
      expect(model.outputs.map(({ name }) => name)).toEqual([value]);
      const feeds = { a: { shape: [1, 2], data: [3, 4] }, b: { shape: [1, 2], data: [1, 2] } };
      const results = await model.run(Object.fromEntries(inputs.map((name) => [name, feeds[name]])));
      expect(Array.from(results[value]!.data as Float32Array)).toEqual(want);
      // A cut model can be cut again, and at its end stays as it is.
      expect(cutOnnx(bytes, value)).toEqual(bytes);
      expect(new TextDecoder("latin1").decode(bytes).includes("fives")).toBe(inputs.includes("b" as never));
    } finally {
      await model.dispose();
    }
  });

test("what is not there is named, with what is like it", () => {
  const error = (() => {
    try {
      return cutOnnx(towers, "LES");
    } catch (caught) {
      return caught;
    }
  })();
  expect(MmubError.is(error) && error.message).toMatch(/no node or value "LES", want one of 7, such as "?less"?;/);
});

test("bytes that are no model", () => {
  for (const bytes of [
    new Uint8Array(0),
    towers.subarray(0, towers.length - 1),
    new TextEncoder().encode("not a model"),
  ])
    expect(() => cutOnnx(bytes, "more")).toThrow(/no ONNX model/);
});
