import { MmubError } from "@mmub/core";
import { describe, expect, test } from "vitest";
import { type Value, within } from "./graph.js";
import * as ops from "./ops.js";

const float = (...shape: number[]) => ops.input("x", shape);
const ids = (...shape: number[]) => ops.input("ids", shape, "int32");

describe("shapes", () => {
  const cases: Record<string, [Value, number[]]> = {
    "broadcasting adds axes in front and repeats axes of one": [ops.add(float(2, 1, 3), float(4, 1)), [2, 4, 3]],
    "a number keeps the shape": [ops.sub(1, float(2, 3)), [2, 3]],
    "where broadcasts all three": [ops.where(ops.greater(float(3, 1), 0), float(4), float(2, 1, 1)), [2, 3, 4]],
    "a reduction of all": [ops.sum(float(2, 3)), []],
    "a reduction from the end": [ops.mean(float(2, 3, 4), [-1, 0]), [3]],
    "a reduction that keeps its axes": [ops.max(float(2, 3, 4), [1], true), [2, 1, 4]],
    "argMax leaves its axis out": [ops.argMax(float(2, 3, 4), -2), [2, 4]],
    "matmul broadcasts the lead axes": [ops.matmul(float(2, 1, 3, 4), float(5, 4, 6)), [2, 5, 3, 6]],
    "matmul, transposed": [ops.matmul(float(4, 3), float(2, 4), { transA: true, transB: true }), [3, 2]],
    "reshape finds a length": [ops.reshape(float(2, 6), [3, -1, 2]), [3, 2, 2]],
    "reshape of nothing": [ops.reshape(float(0, 6), [-1, 3]), [0, 3]],
    transpose: [ops.transpose(float(2, 3, 4), [1, 2, 0]), [3, 4, 2]],
    concat: [ops.concat([float(2, 3), float(2, 1)]), [2, 4]],
    split: [ops.split(float(2, 6), [1, 5])[1]!, [2, 5]],
    slice: [ops.slice(float(2, 6), -1, 2, 5), [2, 3]],
    pad: [ops.pad(float(2, 3), [1, 0], [2, 4]), [5, 7]],
    gather: [ops.gather(float(9, 2, 3), ids(4, 5)), [4, 5, 2, 3]],
    scatterAdd: [ops.scatterAdd(ids(5), float(5, 3), 9), [9, 3]],
    oneHot: [ops.oneHot(ids(4, 5), 7), [4, 5, 7]],
    conv: [ops.conv(float(2, 3, 9), float(5, 3, 4), undefined, { strides: [2], pads: [1, 2] }), [2, 5, 5]],
    "conv, same": [ops.conv(float(2, 3, 9), float(5, 3, 4), undefined, { strides: [2], pads: "same" }), [2, 5, 5]],
    "conv, groups": [ops.conv(float(2, 4, 8, 8), float(6, 2, 3, 3), undefined, { groups: 2 }), [2, 6, 6, 6]],
    "conv, dilations": [ops.conv(float(1, 1, 8, 8), float(1, 1, 3, 2), undefined, { dilations: [2, 3] }), [1, 1, 4, 5]],
    "pools step by their kernel": [ops.maxPool(float(2, 3, 7, 8), { kernel: [2, 3] }), [2, 3, 3, 2]],
  };
  for (const [name, [value, shape]] of Object.entries(cases)) test(name, () => expect(value.shape).toEqual(shape));

  test("what changes nothing is no op", () => {
    const x = float(2, 3);
    const same = [
      ops.reshape(x, [2, -1]),
      ops.transpose(x, [0, 1]),
      ops.expand(x, [2, 3]),
      ops.concat([x]),
      ops.split(x, [3])[0],
      ops.slice(x, 0, 0, 2),
      ops.pad(x, [0, 0], [0, 0]),
      ops.sum(x, []),
      ops.cast(x, "float32"),
    ];
    for (const value of same) expect(value).toBe(x);
  });

  test("numbers become constants of the other's type", () => {
    expect(ops.add(ids(3), 1).dtype).toBe("int32");
    expect(ops.where(ops.equal(ids(3), 0), ids(3), 7).dtype).toBe("int32");
    expect(ops.greater(float(3), 1).dtype).toBe("bool");
  });
});

describe("errors say what was got and wanted", () => {
  const cases: Record<string, [() => unknown, string]> = {
    "lengths that do not broadcast": [
      () => ops.add(float(2, 3), float(2)),
      "nn/add: shapes [2, 3] and [2] do not fit: want equal lengths, or 1, counted from the last axis",
    ],
    "two types": [
      () => ops.mul(float(2), ids(2)),
      "nn/mul: got float32 and int32, want both float32 or both int32: use cast",
    ],
    "a fraction beside ids": [
      () => ops.add(ids(2), 0.5),
      "nn/constant: got 0.5 beside an int32 tensor, want an integer",
    ],
    "ids where numbers belong": [() => ops.tanh(ids(2)), "nn/tanh: input 0 is int32, want float32: use cast"],
    "a condition that is none": [() => ops.where(float(2), 1, 0), "nn/where: condition is float32, want bool"],
    "an input's shape": [() => ops.input("x", [2, Number.NaN]), 'nn/input: "x" is [2, NaN], want counts'],
    "a parameter's shape": [() => ops.parameter("w", [-1]), 'nn/parameter: "w" is [-1], want counts'],
    "a constant's shape": [() => ops.constant([1, 2], [3]), "nn/constant: got 2 numbers for shape [3]"],
    "an axis that is not there": [() => ops.sum(float(2, 3), [2]), "nn/sum: axis is 2, want one of [2, 3]"],
    "an axis twice": [
      () => ops.sum(float(2, 3), [1, -1]),
      "nn/sum: axes are [1, -1], want each axis of [2, 3] once at most",
    ],
    "softmax of a scalar": [() => ops.softmax(float()), "nn/softmax: got a scalar, want at least one axis"],
    "layerNorm's scale": [
      () => ops.layerNorm(float(2, 3), float(2), float(3), 0),
      "nn/layerNorm: scale is [2], want [3] for x [2, 3]",
    ],
    "inner lengths": [
      () => ops.matmul(float(2, 3), float(3, 2), { transA: true }),
      "nn/matmul: cannot multiply [2, 3] transposed by [3, 2]: inner lengths differ",
    ],
    "a vector in matmul": [() => ops.matmul(float(3), float(3, 2)), "nn/matmul: got [3], want at least two axes"],
    "gemm of more than matrices": [
      () => ops.gemm(float(2, 2, 3), float(3, 2), float(2)),
      "nn/gemm: got [2, 2, 3] and [3, 2], want matrices: use matmul",
    ],
    "gemm's bias": [() => ops.gemm(float(2, 3), float(3, 4), float(3)), "nn/gemm: c is [3], want [4] or [2, 4]"],
    "a reshape that does not fit": [() => ops.reshape(float(2, 3), [4, -1]), "nn/reshape: [2, 3] does not fit [4, -1]"],
    "an order that leaves an axis out": [
      () => ops.transpose(float(2, 3), [0, 0]),
      "nn/transpose: order is [0, 0], want each axis of [2, 3] once",
    ],
    "an expand of what is longer": [
      () => ops.expand(float(2, 3), [1, 3]),
      "nn/expand: [2, 3] cannot be repeated to [1, 3]",
    ],
    "a concat of other lengths": [
      () => ops.concat([float(2, 3), float(3, 3)]),
      "nn/concat: value 1 is float32 [3, 3], want float32 [2, 3] but for axis 1",
    ],
    "a concat of nothing": [() => ops.concat([]), "nn/concat: got no values, want at least one"],
    "pieces that do not add up": [
      () => ops.split(float(2, 6), [2, 3]),
      "nn/split: sizes [2, 3] do not add up to axis 1 of [2, 6]",
    ],
    "a slice too long": [() => ops.slice(float(2, 6), 1, 4, 7), "nn/slice: 4 to 7 is outside of axis 1 of [2, 6]"],
    "a negative pad": [
      () => ops.pad(float(2), [-1], [0]),
      "nn/pad: got [-1] and [0], want a count for each axis of [2]",
    ],
    "ids that are numbers": [() => ops.gather(float(9, 2), float(3)), "nn/gather: ids are float32, want int32"],
    "scatterAdd's values": [
      () => ops.scatterAdd(ids(4), float(5, 3), 9),
      "nn/scatterAdd: got ids int32 [4] and values [5, 3], want int32 [n] and [n, columns]",
    ],
    "an image without channels": [
      () => ops.conv(float(2, 20), float(4, 20, 3), undefined),
      "nn/conv: input is [2, 20], want [batch, channels, steps] or [batch, channels, height, width]",
    ],
    "filters of other channels": [
      () => ops.conv(float(2, 4, 20), float(4, 4, 3), undefined, { groups: 2 }),
      "nn/conv: filters are [4, 4, 3] for input [2, 4, 20] in 2 groups, want [out, 2, ...kernel]",
    ],
    "conv's bias": [() => ops.conv(float(2, 4, 20), float(5, 4, 3), float(4)), "nn/conv: bias is [4], want [5]"],
    strides: [
      () => ops.conv(float(2, 4, 20), float(5, 4, 3), undefined, { strides: [0] }),
      "nn/conv: strides is [0], want 1 positive integers",
    ],
    pads: [
      () => ops.conv(float(2, 4, 20), float(5, 4, 3), undefined, { pads: [1] }),
      "nn/conv: pads are [1], want 2 counts: begins, then ends",
    ],
    "a window that does not fit": [
      () => ops.conv(float(2, 4, 3), float(5, 4, 3), undefined, { dilations: [2], pads: [1, 0] }),
      "nn/conv: a window of 5 does not fit into axis 2 of [2, 4, 3] with pads [1, 0]",
    ],
    "a pool of pads alone": [
      () => ops.maxPool(float(2, 4, 6), { kernel: [2], pads: [2, 0] }),
      "nn/maxPool: pads are [2, 0], want less than the window's [2]: it would hold pads alone",
    ],
  };
  for (const [name, [make, message]] of Object.entries(cases))
    test(name, () => {
      const error = thrown(make);
      expect(error.message).toBe(message);
      expect(["shape-mismatch", "invalid-input", "invalid-params"]).toContain(error.code);
    });

  test("a layer's errors name it by its path", () => {
    const error = thrown(() =>
      within("encoder", () => within("dense_2", () => ops.matmul(float(8, 20), float(30, 4)))),
    );
    expect(error.message).toBe(
      'nn/matmul: layer "encoder/dense_2": cannot multiply [8, 20] by [30, 4]: inner lengths differ',
    );
    expect(error.details.layer).toBe("encoder/dense_2");
    // And the next error outside does not.
    expect(thrown(() => ops.concat([])).message).toBe("nn/concat: got no values, want at least one");
  });
});

function thrown(make: () => unknown): MmubError {
  try {
    make();
  } catch (error) {
    if (MmubError.is(error)) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}
