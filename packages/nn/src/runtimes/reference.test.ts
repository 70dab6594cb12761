import { describe, expect, test } from "vitest";
import type { Value } from "../graph.js";
import * as ops from "../ops.js";
import { program } from "../program.js";
import { runtimeChecks } from "../testing/index.js";
import { evaluate, reference } from "./reference.js";

describe("conformance", () => {
  for (const check of runtimeChecks({ make: reference })) test(check.name, check.run);
});

const run = (value: Value, feeds: Parameters<typeof evaluate>[1] = {}) => [
  ...evaluate(program({ value }), feeds).value!,
];

// Others hold the reference to PyTorch's numbers and to differences, see gradients.test.ts; here is what neither sees.
describe("what ops mean", () => {
  const x = ops.input("x", [6]);
  const on = (op: (x: Value) => Value, ...numbers: number[]) =>
    run(op(ops.reshape(x, [6])), { x: Float64Array.from(numbers) });

  test("erf in double precision", () => {
    const got = on(ops.erf, 1e-10, 0.5, 2, -3.5, 7, Number.NaN);
    const want = [1.1283791670955126e-10, 0.5204998778130465, 0.9953222650189527, -0.9999992569016276, 1, Number.NaN];
    for (const [i, value] of want.entries())
      if (i < 5) expect(Math.abs(got[i]! / value - 1)).toBeLessThan(2e-15);
      else expect(got[i]).toBeNaN();
  });

  test("cast cuts towards zero, and truth is all but zero", () => {
    expect(on((x) => ops.cast(x, "int32"), -2.7, -0.5, 0, 0.9, 1.5, 300)).toEqual([-2, 0, 0, 0, 1, 300]);
    expect(on((x) => ops.cast(x, "bool"), -2.7, -0.5, 0, 0.9, 1.5, 300)).toEqual([1, 1, 0, 1, 1, 1]);
  });

  test("int32 division cuts towards zero", () => {
    const ids = ops.constant(Int32Array.of(-7, -1, 0, 1, 7));
    expect(run(ops.div(ids, 2))).toEqual([-3, 0, 0, 0, 3]);
  });

  test("softplus, softmax and logSoftmax neither overflow nor lose what is small", () => {
    const [large, small] = on(ops.softplus, 800, -40, 0, 0, 0, 0);
    expect(large).toBe(800);
    expect(small).toBeCloseTo(Math.exp(-40), 30);
    expect(on(ops.softmax, 1e4, 1e4, -1e4, -1e4, -1e4, -1e4)).toEqual([0.5, 0.5, 0, 0, 0, 0]);
    expect(on(ops.logSoftmax, 1e4, 0, 0, 0, 0, 0)).toEqual([0, -1e4, -1e4, -1e4, -1e4, -1e4]);
  });

  test("one hot rows of ids outside are zero", () => {
    expect(run(ops.oneHot(ops.constant(Int32Array.of(1, -1, 2)), 2))).toEqual([0, 1, 0, 0, 0, 0]);
  });

  test("an id outside of the table is named", () => {
    const ids = ops.constant(Int32Array.of(0, 6));
    const message = "id 1 is 6, want 0 to 5";
    expect(() => run(ops.gather(x, ids), { x: new Float64Array(6) })).toThrow(`nn/reference: gather: ${message}`);
    expect(() => run(ops.scatterAdd(ids, ops.constant([1, 2], [2, 1]), 6))).toThrow(`scatterAdd: ${message}`);
  });

  test("feeds are left as they are, and outputs are not the feeds", () => {
    const feeds = { x: Float64Array.of(1, 2, 3, 4, 5, 6) };
    const { value } = evaluate(program({ value: ops.reshape(x, [2, 3]) }), feeds);
    value!.fill(0);
    expect([...feeds.x]).toEqual([1, 2, 3, 4, 5, 6]);
  });
});
