import type { Value } from "../graph.js";
import * as ops from "../ops.js";
import type { Filled, GraphTest } from "./graph-test.js";

/** Every op in the forms it has, each as a small graph; backward ops come with the gradients. */
export const opTests: Readonly<Record<string, GraphTest>> = {
  ...pairs("add", ops.add),
  ...pairs("sub", ops.sub),
  ...pairs("mul", ops.mul),
  ...pairs("div", ops.div, { low: 0.5, high: 2 }),
  ...pairs("maximum", ops.maximum),
  ...pairs("minimum", ops.minimum),
  "add and mul with numbers": test({ x: [2, 3] }, ({ x }) => ops.sub(1, ops.mul(ops.add(x, 2), -0.5))),
  "div by a number, of a number": test({ x: { shape: [2, 3], low: 0.5, high: 2 } }, ({ x }) =>
    ops.div(1, ops.div(x, 3)),
  ),
  "int32 arithmetic and comparisons": test(
    { x: [4] },
    ({ x, a, b }) => [
      ops.mul(ops.cast(ops.maximum(ops.sub(ops.add(a, b), 1), ops.mul(a, 2)), "float32"), x),
      ops.add(ops.minimum(a, b), 1),
      ops.div(b, 2),
      ops.cast(ops.equal(a, b), "int32"),
      ops.cast(ops.greater(a, b), "int32"),
      ops.cast(ops.greaterOrEqual(a, 1), "int32"),
    ],
    {
      a: { shape: [4], values: [0, 1, 2, 3], dtype: "int32" },
      b: { shape: [4], values: [3, 1, 1, -7], dtype: "int32" },
    },
  ),
  "maximum and minimum of equals": test(
    { a: { shape: [4], values: [1, 2, 2, 0] }, b: { shape: [4], values: [1, 2, 3, 0] } },
    ({ a, b }) => [ops.maximum(a, b), ops.minimum(a, b)],
  ),
  comparisons: test({ x: [3, 4], y: [4] }, ({ x, y }) => [
    ops.mul(x, ops.cast(ops.greater(x, y), "float32")),
    ops.mul(x, ops.cast(ops.greaterOrEqual(x, x), "float32")),
    ops.mul(y, ops.cast(ops.equal(x, y), "float32")),
  ]),
  "where, all three broadcast": test({ yes: [3, 1], no: [2, 1, 4] }, ({ yes, no, mask }) => ops.where(mask, yes, no), {
    mask: { shape: [3, 4], low: 0, high: 2, dtype: "bool" },
  }),
  "where with numbers": test({ x: [3, 4] }, ({ x, mask }) => [ops.where(mask, x, -9), ops.where(mask, 0, x)], {
    mask: { shape: [4], values: [1, 0, 0, 1], dtype: "bool" },
  }),
  "where keeps infinities out": test({ x: { shape: [4], values: [0, 1, 2, 0] } }, ({ x }) =>
    ops.where(ops.greater(x, 0), ops.log(ops.maximum(x, 1e-3)), ops.mul(x, 2)),
  ),
  cast: test(
    { x: { shape: [6], values: [-1.7, -0.2, 0, 0.9, 2.5, 7] } },
    ({ x, mask, ids }) => [
      ops.cast(x, "int32"),
      ops.mul(x, ops.cast(ops.cast(x, "bool"), "float32")),
      ops.mul(x, ops.cast(mask, "float32")),
      ops.mul(x, ops.cast(ids, "float32")),
      ops.cast(ops.cast(ids, "bool"), "int32"),
      ops.cast(mask, "int32"),
      ops.cast(ids, "bool"),
    ],
    {
      mask: { shape: [6], values: [1, 0, 1, 1, 0, 0], dtype: "bool" },
      ids: { shape: [6], values: [0, 5, -3, 0, 1, 2], dtype: "int32" },
    },
  ),
  ...unary("neg", ops.neg),
  ...unary("abs", ops.abs),
  ...unary("sign", (x) => ops.mul(x, ops.sign(x))),
  ...unary("exp", ops.exp),
  ...unary("log", ops.log, 0.1),
  ...unary("sqrt", ops.sqrt, 0.1),
  ...unary("erf", ops.erf),
  ...unary("relu", ops.relu),
  ...unary("sigmoid", ops.sigmoid),
  ...unary("tanh", ops.tanh),
  ...unary("softplus", ops.softplus),
  "sigmoid, tanh, softplus and erf far out": test({ x: { shape: [6], values: [-90, -30, -5, 5, 30, 90] } }, ({ x }) => [
    ops.sigmoid(x),
    ops.tanh(x),
    ops.softplus(x),
    ops.erf(x),
  ]),
  softmax: test({ x: [2, 3, 5] }, ({ x }) => ops.softmax(x)),
  logSoftmax: test({ x: [2, 3, 5] }, ({ x }) => ops.logSoftmax(x)),
  "softmax far out": test({ x: { shape: [2, 3], values: [1000, 999, 0, -1000, -1001, -2000] } }, ({ x }) => [
    ops.softmax(x),
    ops.logSoftmax(x),
  ]),
  "softmax with a mask": test({ x: [2, 4] }, ({ x, mask }) => ops.softmax(ops.where(mask, x, -1e9)), {
    mask: { shape: [2, 4], values: [1, 1, 0, 0, 1, 0, 1, 1], dtype: "bool" },
  }),
  layerNorm: test({ x: [2, 3, 8], scale: [8], shift: [8] }, ({ x, scale, shift }) =>
    ops.layerNorm(x, scale, shift, 1e-5),
  ),
  "layerNorm of one axis": test({ x: [8], scale: [8], shift: [8] }, ({ x, scale, shift }) =>
    ops.layerNorm(x, scale, shift, 1e-5),
  ),
  "layerNorm, the result alone": test(
    { x: [4, 5], scale: [5], shift: [5] },
    ({ x, scale, shift }) => ops.layerNorm(x, scale, shift, 0.1)[0],
  ),
  "softmax and logSoftmax of one axis, and of a single number": test({ x: [5], y: [3, 1] }, ({ x, y }) => [
    ops.softmax(x),
    ops.logSoftmax(x),
    ops.softmax(y),
    ops.logSoftmax(y),
  ]),
  ...reductions("sum", ops.sum),
  ...reductions("mean", ops.mean),
  ...reductions("max", ops.max),
  "max with ties": test({ x: { shape: [2, 3], values: [1, 3, 3, -2, -2, -2] } }, ({ x }) => ops.max(x, [1])),
  // It has no gradient of its own.
  "scan, forwards and backwards": test(
    { scale: [3] },
    ({ scale, x, start, weight }) =>
      [false, true].flatMap((reverse) => {
        const { states, stacks } = ops.scan(
          { states: [start, start], slices: [x, ops.mul(x, 2)], held: [weight], reverse },
          ({ states: [a, b], slices: [one, two], held: [w] }) => {
            const next = ops.tanh(ops.gemm(a!, w!, one!));
            return { states: [next, a!], stacks: [next, ops.add(b!, two!), ops.add(next, 1)] };
          },
        );
        return [...states, ...stacks.slice(0, 2)].map((value) => ops.mul(ops.stopGradient(value), scale));
      }),
    {
      x: { shape: [5, 2, 3], low: -1, high: 1 },
      start: { shape: [2, 3], low: -1, high: 1 },
      weight: { shape: [3, 3], low: -1, high: 1 },
    },
  ),
  argMax: test({ x: [3, 4, 5] }, ({ x }) => [ops.argMax(x, 1), ops.argMax(x, -1), ops.argMax(x, 0), x]),
  "argMax of one axis": test({ x: [5] }, ({ x }) => [ops.argMax(x, 0), x]),
  "argMax with ties takes the first": test({ x: { shape: [2, 3], values: [1, 3, 3, 2, 2, 2] } }, ({ x }) => [
    ops.argMax(x, 1),
    x,
  ]),
  ...products(),
  gemm: test({ a: [3, 4], b: [4, 2], c: [2] }, ({ a, b, c }) => ops.gemm(a, b, c)),
  "gemm, b transposed": test({ a: [3, 4], b: [2, 4], c: [2] }, ({ a, b, c }) => ops.gemm(a, b, c, { transB: true })),
  "gemm, a transposed, c a matrix": test({ a: [4, 3], b: [4, 2], c: [3, 2] }, ({ a, b, c }) =>
    ops.gemm(a, b, c, { transA: true }),
  ),
  "gemm, a transposed": test({ a: [4, 3], b: [4, 2], c: [2] }, ({ a, b, c }) => ops.gemm(a, b, c, { transA: true })),
  "gemm of single numbers": test({ a: [1, 1], b: [1, 1], c: [1] }, ({ a, b, c }) => ops.gemm(a, b, c)),
  "gemm, both transposed, c a matrix": test({ a: [4, 3], b: [2, 4], c: [3, 2] }, ({ a, b, c }) =>
    ops.gemm(a, b, c, { transA: true, transB: true }),
  ),
  "gemm, both transposed": test({ a: [4, 3], b: [2, 4], c: [2] }, ({ a, b, c }) =>
    ops.gemm(a, b, c, { transA: true, transB: true }),
  ),
  reshape: ofAnyType((x) => ops.reshape(x, [2, -1, 3])),
  "reshape to and from a scalar": test({ x: [1, 1] }, ({ x }) => ops.reshape(ops.reshape(x, []), [1])),
  transpose: ofAnyType((x) => ops.transpose(x, [1, 0])),
  "transpose, three axes": test({ x: [2, 3, 4] }, ({ x }) => [
    ops.transpose(x, [2, 0, 1]),
    ops.transpose(x, [0, 2, 1]),
    ops.transpose(x, [1, 0, 2]),
    ops.transpose(x, [2, 1, 0]),
  ]),
  expand: ofAnyType((x) => ops.expand(x, [3, 4, 6])),
  "expand inner axes, and a scalar": test({ x: [3, 1], y: [], z: [4, 1, 1] }, ({ x, y, z }) => [
    ops.expand(x, [2, 3, 4]),
    ops.expand(y, [2, 2]),
    ops.expand(z, [2, 4, 3, 5]),
  ]),
  concat: test({ a: [2, 3], b: [2, 1], c: [2, 2] }, ({ a, b, c }) => [
    ops.concat([a, b, c]),
    ops.concat([a, ops.concat([b, c]), a], 0),
  ]),
  "concat along the first axis": ofAnyType((x) => ops.concat([x, ops.slice(x, 0, 1, 3), x], 0)),
  split: ofAnyType((x) => ops.split(x, [1, 2, 3], 1)),
  "split, three axes": test({ x: [2, 6, 2] }, ({ x }) => ops.split(x, [1, 2, 3], 1)),
  "split, one piece unused": test({ x: [2, 6] }, ({ x }) => {
    const [a, , c] = ops.split(x, [1, 2, 3]);
    return [a!, ops.mul(c!, c!)];
  }),
  slice: ofAnyType((x) => [ops.slice(x, 0, 1, 3), ops.slice(x, -1, 2, 6), ops.slice(x, 1, 0, 1)]),
  pad: test({ x: [2, 3] }, ({ x }) => [ops.pad(x, [1, 0], [0, 2]), ops.pad(x, [0, 1], [0, 0])]),
  "pad, four axes": test({ x: [1, 2, 2, 3] }, ({ x }) => ops.pad(x, [0, 0, 1, 2], [0, 1, 0, 1])),
  "gather a parameter": test({ table: [6, 3] }, ({ table, ids }) => ops.tanh(ops.gather(table, ids)), {
    ids: { shape: [2, 4], values: [0, 5, 5, 2, 1, 5, 0, 3], dtype: "int32" },
  }),
  "gather a parameter twice, and use it whole": test(
    { table: [6, 3] },
    ({ table, ids, more }) => [
      ops.gather(table, ids),
      ops.exp(ops.gather(table, more)),
      ops.matmul(table, table, { transB: true }),
    ],
    {
      ids: { shape: [3], values: [4, 4, 1], dtype: "int32" },
      more: { shape: [2, 1], values: [0, 4], dtype: "int32" },
    },
  ),
  "gather from what is computed": test(
    { table: [6, 3], scale: [3] },
    ({ table, scale, ids }) => ops.gather(ops.mul(table, scale), ids),
    { ids: { shape: [5], values: [0, 5, 5, 2, 1], dtype: "int32" } },
  ),
  "gather of one axis, of three, of what was gathered, by one id": test(
    { line: [6], block: [4, 2, 3] },
    ({ line, block, ids, one }) => [
      ops.gather(line, ids),
      ops.gather(block, ids),
      ops.gather(ops.gather(block, ids), ids),
      ops.gather(block, one),
    ],
    { ids: { shape: [4], values: [0, 3, 3, 2], dtype: "int32" }, one: { shape: [], values: [1], dtype: "int32" } },
  ),
  "gather ids": test({ table: [5, 2] }, ({ table, ids, places }) => ops.gather(table, ops.gather(ids, places)), {
    ids: { shape: [3], values: [4, 0, 2], dtype: "int32" },
    places: { shape: [4], values: [2, 2, 0, 1], dtype: "int32" },
  }),
  scatterAdd: test({ values: [5, 3] }, ({ values, ids }) => ops.tanh(ops.scatterAdd(ids, values, 4)), {
    ids: { shape: [5], values: [3, 0, 3, 3, 1], dtype: "int32" },
  }),
  "scatterAdd, many rows, few, one": test(
    { many: [5, 2], few: [50, 8], one: [1, 1] },
    ({ many, few, one, some, more, zero }) => [
      ops.scatterAdd(some, many, 400),
      ops.scatterAdd(more, few, 3),
      ops.scatterAdd(zero, one, 1),
    ],
    {
      some: { shape: [5], low: 0, high: 400, dtype: "int32" },
      more: { shape: [50], low: 0, high: 3, dtype: "int32" },
      zero: { shape: [1], values: [0], dtype: "int32" },
    },
  ),
  oneHot: test(
    { x: [4] },
    ({ x, ids, one }) => [ops.oneHot(ids, 4), ops.mul(ops.oneHot(ids, 4), x), ops.oneHot(one, 4)],
    {
      ids: { shape: [2, 3], values: [0, 3, 1, -1, 400, 2], dtype: "int32" },
      one: { shape: [], values: [2], dtype: "int32" },
    },
  ),
  constant: test({ x: [2, 2] }, ({ x }) => [
    ops.mul(x, ops.constant([1, 2, 3, 4], [2, 2])),
    ops.add(x, ops.cast(ops.constant(Int32Array.of(1, -2)), "float32")),
    ops.constant(7),
    ops.constant(new Float32Array(600).fill(2), [20, 30]),
    ops.constant(new Int32Array(600), [20, 30]),
  ]),
  ...convolutions(),
  ...pools(),
  "maxPool of relu, windows apart and overlapping, and another use": test({ x: [2, 2, 6, 6] }, ({ x }) => {
    const positive = ops.relu(ops.sub(x, 0.5));
    const overlapping = { kernel: [3, 3], strides: [1, 2], pads: [1, 1, 1, 1] };
    return [ops.maxPool(positive, { kernel: [2, 2] }), ops.maxPool(positive, overlapping), ops.exp(positive)];
  }),
  "maxPool of relu alone": test({ x: [2, 2, 8] }, ({ x }) => ops.maxPool(ops.relu(x), { kernel: [2], strides: [1] })),
  "a gradient rule of its own": test({ x: [3] }, ({ x }) =>
    ops.withGradient([ops.exp(x)], [x], ([g]) => [g && ops.mul(g, 2)]),
  ),
  "maxPool of relu, alone and with another use": test({ x: [2, 2, 4, 6], y: [2, 2, 5, 5] }, ({ x, y }) => {
    const positive = ops.relu(y);
    return [
      ops.maxPool(ops.relu(x), { kernel: [2, 2] }),
      ops.maxPool(positive, { kernel: [3, 3], strides: [2, 2] }),
      ops.exp(positive),
    ];
  }),
  "one input to several outputs, an input as an output": test({ x: [3], y: [3] }, ({ x, y }) => [
    x,
    ops.add(x, y),
    ops.add(x, y),
    ops.mul(x, ops.mul(x, x)),
  ]),
  "an output of int32 that is fed": test({ x: [2] }, ({ x, ids }) => [ids, x], {
    ids: { shape: [2], values: [7, -7], dtype: "int32" },
  }),
};

function test<
  const Parameters extends Readonly<Record<string, Filled>>,
  const Inputs extends Readonly<Record<string, Filled>> = Readonly<Record<never, never>>,
>(parameters: Parameters, build: GraphTest<Parameters, Inputs>["build"], inputs?: Inputs): GraphTest {
  return { parameters, ...(inputs && { inputs }), build } as GraphTest;
}

/** What moves numbers about takes each type. */
function ofAnyType(op: (x: Value) => Value | readonly Value[]): GraphTest {
  return test({ x: [4, 6] }, ({ x, ids, mask }) => [x, ids, mask].flatMap((value) => op(value)), {
    ids: { shape: [4, 6], low: -9, high: 9, dtype: "int32" },
    mask: { shape: [4, 6], low: 0, high: 2, dtype: "bool" },
  });
}

function pairs(name: string, op: (a: Value, b: Value) => Value, range?: { low: number; high: number }) {
  const shapes = {
    "the same shape": [
      [2, 3],
      [2, 3],
    ],
    "an axis repeated": [
      [2, 3, 4],
      [3, 1],
    ],
    "a row": [[3, 4], [4]],
    "a scalar": [[2, 3], []],
    "a scalar first": [[], [2, 3]],
    "both repeated": [
      [2, 1, 3],
      [4, 1],
    ],
  };
  return Object.fromEntries(
    Object.entries(shapes).map(([form, [a, b]]) => {
      const filled = (shape: number[]) => (range ? { shape, ...range } : shape);
      return [`${name}: ${form}`, test({ a: filled(a!), b: filled(b!) }, (x) => op(x.a, x.b))];
    }),
  );
}

function unary(name: string, op: (x: Value) => Value, low = -2) {
  return {
    [name]: test({ x: { shape: [3, 7], low, high: 2 }, y: { shape: [], low, high: 2 } }, ({ x, y }) => [op(x), op(y)]),
  };
}

function reductions(name: string, op: (x: Value, axes?: readonly number[], keepDims?: boolean) => Value) {
  return {
    [`${name} of all`]: test({ x: [2, 3] }, ({ x }) => ops.mul(op(x), op(x))),
    [`${name} over one axis`]: test({ x: [2, 3, 4] }, ({ x }) => [op(x, [0]), op(x, [1], true), op(x, [-1])]),
    [`${name} over two axes`]: test({ x: [2, 3, 4] }, ({ x }) => [op(x, [0, -1]), op(x, [2, 1], true)]),
    [`${name} over axes of four`]: test({ x: [2, 3, 4, 5] }, ({ x }) => [
      op(x, [0, 2, 3]),
      op(x, [1, 3], true),
      op(x, [2, 3]),
    ]),
    [`${name} over an axis of one`]: test({ x: [1, 3] }, ({ x }) => [op(x, [0]), op(op(x, [1]), [0])]),
  };
}

function products() {
  const forms: Record<string, [number[], number[]]> = {
    "of matrices": [[], []],
    "by one matrix": [[2, 3], []],
    "of a matrix by many": [[], [3]],
    "matrix by matrix": [[3], [3]],
    "matrix by matrix, four axes": [
      [2, 3],
      [2, 3],
    ],
    "with lead axes repeated": [[2, 1], [3]],
  };
  return Object.fromEntries(
    Object.entries(forms).flatMap(([form, [left, right]]) =>
      [false, true].flatMap((transA) =>
        [false, true].flatMap((transB) =>
          [1, 0.25].map((scale) => {
            const a = [...left, ...(transA ? [5, 4] : [4, 5])];
            const b = [...right, ...(transB ? [6, 5] : [5, 6])];
            const turned = `${transA ? ", a transposed" : ""}${transB ? ", b transposed" : ""}`;
            const name = `matmul ${form}${turned}${scale === 1 ? "" : ", scaled"}`;
            return [name, test({ a, b }, (x) => ops.matmul(x.a, x.b, { transA, transB, scale }))];
          }),
        ),
      ),
    ),
  );
}

function convolutions() {
  const of = (x: number[], filters: number[], options?: ops.ConvOptions, bias = true) =>
    test(
      { x, filters, ...(bias && { bias: [filters[0]!] }) } as { x: number[]; filters: number[]; bias: number[] },
      (t) => ops.conv(t.x, t.filters, t.bias, options),
    );
  return {
    "conv of a sequence": of([2, 3, 8], [4, 3, 3]),
    "conv of a sequence, all options": of([2, 4, 11], [6, 2, 3], {
      groups: 2,
      strides: [2],
      dilations: [2],
      pads: [3, 1],
    }),
    "conv of a sequence, kernel 1": of([2, 3, 4], [2, 3, 1], {}, false),
    "conv of a sequence, same": of([2, 3, 7], [2, 3, 4], { pads: "same", strides: [2] }),
    "conv of a sequence, by channel": of([2, 4, 6], [4, 1, 3], { groups: 4, pads: [1, 1] }),
    "conv of a sequence, long kernel": of([2, 3, 60], [2, 3, 40], { strides: [2], pads: [3, 2] }),
    "conv of a sequence, kernel 1 with pads": of([2, 3, 5], [4, 3, 1], { pads: [2, 1] }),
    "conv of a whole sequence": of([2, 3, 5], [4, 3, 5]),
    "conv of an image, large kernel": of([1, 4, 12, 12], [4, 2, 7, 7], {
      groups: 2,
      pads: [3, 3, 3, 3],
      strides: [2, 2],
    }),
    "conv of an image, kernel 1": of([2, 3, 6, 5], [4, 3, 1, 1]),
    "conv of an image, kernel 1, strides": of([2, 3, 6, 6], [4, 3, 1, 1], { strides: [2, 2] }, false),
    "conv of a whole image": of([2, 3, 4, 4], [4, 3, 4, 4]),
    "conv of a sequence, many channels": of([2, 34, 8], [4, 17, 3], { groups: 2, pads: [1, 0], strides: [2] }),
    "conv of an image, many channels": of([2, 16, 5, 4], [3, 16, 3, 2], { pads: [1, 1, 1, 1], dilations: [2, 1] }),
    "conv of a line": of([1, 1, 1, 4], [1, 1, 1, 3], { pads: "same" }),
    "conv of an image": of([2, 3, 5, 6], [4, 3, 3, 2]),
    "conv of an image, no bias": of([1, 2, 5, 5], [3, 2, 3, 3], { pads: [1, 1, 1, 1] }, false),
    "conv of an image, strides": of([2, 2, 7, 8], [3, 2, 3, 3], { strides: [2, 3], pads: [1, 0, 2, 1] }),
    "conv of an image, dilations": of([1, 2, 8, 7], [3, 2, 3, 2], { dilations: [2, 3], pads: [2, 1, 1, 2] }),
    "conv of an image, groups": of([2, 4, 5, 5], [6, 2, 3, 3], { groups: 2, pads: "same" }),
    "conv of an image, by channel": of([2, 3, 6, 5], [6, 1, 3, 3], { groups: 3, strides: [2, 2], pads: [1, 1, 1, 1] }),
    "conv of an image, strides and dilations": of([2, 3, 11, 11], [4, 3, 3, 3], {
      dilations: [2, 2],
      strides: [2, 3],
      pads: [1, 1, 1, 1],
    }),
    "conv of an image, large kernel, same": of([2, 4, 9, 9], [4, 2, 7, 7], { groups: 2, pads: "same" }, false),
    "conv of an image, same, strides": of([2, 3, 8, 9], [4, 3, 3, 3], { pads: "same", strides: [2, 2] }),
    "conv of an image, all options": of([2, 4, 9, 8], [4, 2, 2, 3], {
      groups: 2,
      strides: [2, 1],
      dilations: [1, 2],
      pads: [0, 2, 1, 3],
    }),
    "conv that does not reach the end": of([1, 1, 8, 9], [1, 1, 3, 3], { strides: [3, 4] }),
  };
}

function pools() {
  const forms: Record<string, [number[], ops.PoolOptions]> = {
    "of a sequence": [[2, 3, 8], { kernel: [2] }],
    "of a sequence, all options": [[2, 2, 11], { kernel: [3], strides: [2], dilations: [2], pads: [2, 1] }],
    "of a whole sequence": [[2, 3, 5], { kernel: [5] }],
    "of an image": [[2, 2, 4, 6], { kernel: [2, 2] }],
    "of an image, overlapping": [[1, 2, 6, 7], { kernel: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }],
    "of an image, asymmetric": [[1, 2, 7, 6], { kernel: [3, 2], strides: [1, 2], pads: [1, 0, 2, 1] }],
    "of an image that it does not reach the end of": [[2, 1, 5, 7], { kernel: [2, 3] }],
    "of an image, rows": [[2, 1, 4, 6], { kernel: [1, 2] }],
    "of an image, columns": [[2, 1, 4, 6], { kernel: [2, 1] }],
    "of an image, far apart": [[2, 1, 7, 7], { kernel: [2, 2], strides: [3, 3] }],
    "of an image, dilations": [
      [1, 2, 9, 8],
      { kernel: [3, 3], dilations: [2, 2], strides: [2, 1], pads: [0, 1, 1, 0] },
    ],
    "of an image, pads as wide as the kernel": [
      [1, 2, 5, 6],
      { kernel: [2, 2], dilations: [3, 2], strides: [1, 2], pads: [2, 1, 2, 2] },
    ],
    "of a whole image": [[2, 3, 4, 4], { kernel: [4, 4] }],
    "of a sequence that it does not reach the end of": [[2, 3, 9], { kernel: [2] }],
    "of a sequence, step by step": [[2, 3, 9], { kernel: [3], strides: [1] }],
    "of an image, step by step, same": [[2, 3, 7, 8], { kernel: [3, 2], strides: [1, 1], pads: "same" }],
    "of several images": [[5, 3, 6, 8], { kernel: [3, 2] }],
    "of an image, same": [[1, 1, 5, 5], { kernel: [3, 3], strides: [2, 2], pads: "same" }],
  };
  return Object.fromEntries(
    Object.entries(forms).flatMap(([form, [shape, options]]) => [
      [`maxPool ${form}`, test({ x: shape }, ({ x }) => ops.maxPool(x, options))],
      [`averagePool ${form}`, test({ x: shape }, ({ x }) => ops.averagePool(x, options))],
      [
        `averagePool ${form}, pads not counted`,
        test({ x: shape }, ({ x }) => ops.averagePool(x, { ...options, countPads: false })),
      ],
    ]),
  );
}
