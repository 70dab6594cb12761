import { InferenceSession, Tensor } from "onnxruntime-node";
import { describe, expect, test } from "vitest";
import { gradients } from "./gradients.js";
import type { Value } from "./graph.js";
import { encodeOnnx, type OnnxOptions, outputNames } from "./onnx.js";
import * as ops from "./ops.js";
import { type Program, program } from "./program.js";
import { evaluate } from "./runtimes/reference.js";
import { arraysFor, largestOf, mostApart } from "./testing/graph-test.js";

const { input, parameter } = ops;

/** Encodes `wanted`, runs it on what `given` takes, and compares with what the reference runtime gives for `given`. */
async function check(wanted: Program, given: Program, options: OnnxOptions): Promise<InferenceSession> {
  const session = await InferenceSession.create(encodeOnnx(wanted, options), { logSeverityLevel: 3 });
  const specs = [...given.inputs, ...given.parameters];
  const arrays = arraysFor(specs);
  for (const [seed, array] of Object.values(arrays).entries())
    for (let i = 0; i < array.length; i++)
      array[i] = array instanceof Float32Array ? Math.sin(7 * i + seed) : (3 * i + seed) % 2;
  for (const [name, data] of Object.entries(options.weights ?? {})) arrays[name] = data;
  const feeds = specs
    .filter(({ name }) => !options.weights?.[name])
    .map(({ name, dtype, shape }) => [name, new Tensor(dtype, arrays[name] as Float32Array, shape)]);
  const results = await session.run(Object.fromEntries(feeds));
  const want = evaluate(given, arrays);
  for (const [i, name] of outputNames(given).entries()) {
    const { name: known, shape } = given.outputs[i]!;
    expect(results[name]!.dims).toEqual(shape);
    const got = Array.from(results[name]!.data as Float32Array, Number);
    expect(mostApart(got, want[known]!).apart / largestOf(want[known]!), known).toBeLessThan(1e-5);
  }
  return session;
}

const own = (bytes: Uint8Array) => Buffer.from(bytes).includes("com.microsoft");

describe("operators of ONNX alone", () => {
  const [transA, transB] = [true, true];
  const product = program({
    both: ops.matmul(input("a", [2, 3, 4]), input("b", [2, 5, 3]), { transA, transB, scale: 0.5 }),
    left: ops.matmul(input("c", [2, 3, 4]), input("d", [3, 5]), { transA }),
    right: ops.matmul(input("e", [2, 4, 3]), input("f", [5, 3]), { transB }),
  });
  const image = input("image", [2, 2, 5, 5]);
  const filters = parameter("filters", [3, 2, 3, 3]);
  const loss = ops.sum(ops.exp(ops.conv(image, filters, undefined, { pads: "same" })));
  const backward = program({ filters: gradients(loss, [filters]).get(filters)!.dense! });

  test.each(Object.entries({ product, backward }))("%s", async (_, one) => {
    expect(own(encodeOnnx(one))).toBe(true);
    expect(own(encodeOnnx(one, { standard: true }))).toBe(false);
    await check(one, one, { standard: true });
  });
});

test("weights become constants, other parameters stay inputs", async () => {
  const [x, w, b] = [input("x", [2, 3]), parameter("w", [4, 3]), parameter("b", [4])];
  const one = program({ y: ops.gemm(x, w, b, { transB: true }) });
  const weights = { w: Float32Array.from({ length: 12 }, (_, i) => i / 8) };
  expect((await check(one, one, { weights })).inputNames).toEqual(["x", "b"]);
  expect((await check(one, one, {})).inputNames).toEqual(["x", "w", "b"]);
});

describe("a batch of any size", () => {
  // Several lengths that depend on the batch, in every op that has to know them.
  const build = (batch: number): Record<string, Value> => {
    const x = input("x", [batch, 4, 6]);
    const ids = input("ids", [batch, 2], "int32");
    const rows = ops.reshape(x, [batch * 4, 6]);
    const heads = ops.transpose(ops.reshape(rows, [batch, 4, 2, 3]), [0, 2, 1, 3]);
    const all = ops.matmul(rows, rows, { transB: true });
    const [first, rest] = ops.split(ops.concat([rows, rows], 0), [batch, 7 * batch], 0);
    return {
      steps: ops.softmax(ops.matmul(heads, heads, { transB: true, scale: 0.1 })),
      // Two lengths of the result depend on it: none can be left to be found.
      pairs: ops.reshape(all, [batch, 4, batch * 4]),
      first: first!,
      rest: ops.slice(rest!, 0, batch, 3 * batch),
      mean: ops.expand(ops.reshape(ops.mean(x, [1]), [batch, 1, 6]), [batch, 2, 6]),
      repeated: ops.expand(ops.constant([1, 2]), [3, batch, 2]),
      state: ops.add(ops.constant(new Float32Array(batch * 5), [batch, 5]), 1),
      picked: ops.gather(rows, ids),
      counts: ops.scatterAdd(ops.reshape(ids, [2 * batch]), ops.reshape(x, [2 * batch, 12]), 3 * batch),
      ends: ops.pad(x, [0, 1, 0], [0, 0, 2]),
      pooled: ops.averagePool(ops.maxPool(x, { kernel: [2] }), { kernel: [3], dilations: [1] }),
      image: ops.averagePool(ops.reshape(x, [batch, 1, 4, 6]), { kernel: [2, 2], dilations: [2, 3] }),
      total: ops.sum(x, [0]),
    };
  };
  const wanted = program(build(1009));

  test.each([1, 2, 3, 8])("%i", async (batch) => {
    await check(wanted, program(build(batch)), { symbolicBatch: 1009 });
  });

  test("lengths are named by it", async () => {
    const session = await InferenceSession.create(encodeOnnx(wanted, { symbolicBatch: 1009 }));
    const shapes = [...session.inputMetadata, ...session.outputMetadata].map((one) =>
      one.isTensor ? [one.name, one.shape] : [],
    );
    expect(Object.fromEntries(shapes)).toMatchObject({
      x: ["batch", 4, 6],
      ids: ["batch", 2],
      pairs: ["batch", 4, "4*batch"],
      total: [4, 6],
    });
  });

  test("a constant that differs along it is refused", () => {
    const squares = Float32Array.from({ length: 1009 }, (_, i) => i * i);
    const one = program({ y: ops.add(input("x", [1009]), ops.constant(squares)) });
    expect(() => encodeOnnx(one, { symbolicBatch: 1009 })).toThrow(/nn\/onnx: .*batch/);
  });
});

test("names of outputs give way to those of inputs and parameters", () => {
  const x = input("x", [1]);
  const one = program({ x: ops.exp(x), y: ops.neg(x), x_out: ops.abs(x) });
  expect(outputNames(one)).toEqual(["x_out", "y", "x_out_out"]);
});

test("large uniform constants are not written out", () => {
  const zeros = ops.constant(new Float32Array(1_000_000), [1000, 1000]);
  expect(encodeOnnx(program({ y: ops.add(input("x", [1000]), zeros) })).length).toBeLessThan(1000);
});

describe("what cannot be encoded is refused", () => {
  test("lengths of 0", () => {
    const x = input("x", [2, 3]);
    expect(() => encodeOnnx(program({ y: ops.slice(x, 0, 1, 1) }))).toThrow(
      "nn/onnx: an output of slice is [0, 3]: a length is 0, want at least 1",
    );
    expect(() => encodeOnnx(program({ y: ops.exp(input("x", [0])) }))).toThrow('nn/onnx: "x" is [0]');
  });

  test("weights that do not fit", () => {
    const one = program({ y: ops.exp(parameter("w", [2, 2])) });
    expect(() => encodeOnnx(one, { weights: { w: new Float32Array(3) } })).toThrow(
      'nn/onnx: the weights of "w" are Float32Array of 3, want float32 [2, 2]',
    );
    expect(() => encodeOnnx(one, { weights: { w: new Int32Array(4) } })).toThrow(
      'nn/onnx: the weights of "w" are Int32Array of 4, want float32 [2, 2]',
    );
  });
});
