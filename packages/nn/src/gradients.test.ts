import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { denseGradient, gradients } from "./gradients.js";
import { type CustomRule, type Value, within } from "./graph.js";
import * as ops from "./ops.js";
import { program } from "./program.js";
import { evaluate, runOps } from "./runtimes/reference.js";
import { buildTest, largestOf, mostApart } from "./testing/graph-test.js";
import { checkGradients } from "./testing/index.js";
import { opTests } from "./testing/op-tests.js";

describe("numeric differences", () => {
  // Where a difference does not exist, or differs by intent from the gradient.
  const without = ["max with ties", "where keeps infinities out", "cast", "a gradient rule of its own"];
  for (const [name, one] of Object.entries(opTests))
    if (!without.includes(name)) test(name, () => void expect(checkGradients(one)).toBeLessThan(1e-5));
});

interface Golden {
  readonly name: string;
  readonly op: string;
  readonly options?: object;
  readonly inputs: Readonly<Record<string, { shape: number[]; values: number[]; dtype?: "int32" }>>;
  readonly weights: readonly number[][];
  readonly outputs: readonly { shape: number[]; values: number[] }[];
  readonly gradients: Readonly<Record<string, number[]>>;
}

type Make = (x: Record<string, Value>, options: never) => Value | readonly Value[];
const two =
  (op: (a: Value, b: Value) => Value): Make =>
  (x) =>
    op(x.a!, x.b!);
const one =
  (op: (x: Value) => Value): Make =>
  (x) =>
    op(x.x!);
const reduced =
  (op: typeof ops.sum): Make =>
  (x, o: { axes: number[]; keepDims: boolean }) =>
    op(x.x!, o.axes, o.keepDims);
const makers: Readonly<Record<string, Make>> = {
  add: two(ops.add),
  sub: two(ops.sub),
  mul: two(ops.mul),
  div: two(ops.div),
  maximum: two(ops.maximum),
  minimum: two(ops.minimum),
  comparisons: ({ a, b }) =>
    [ops.equal, ops.greater, ops.greaterOrEqual].map((op) => ops.mul(a!, ops.cast(op(a!, b!), "float32"))),
  where: ({ c, a, b }) => ops.where(ops.greater(c!, 0), a!, b!),
  neg: one(ops.neg),
  abs: one(ops.abs),
  relu: one(ops.relu),
  erf: one(ops.erf),
  exp: one(ops.exp),
  log: one(ops.log),
  sqrt: one(ops.sqrt),
  sigmoid: one(ops.sigmoid),
  tanh: one(ops.tanh),
  softplus: one(ops.softplus),
  saturating: ({ x }) => [ops.sigmoid(x!), ops.tanh(x!), ops.softplus(x!), ops.erf(x!)],
  softmax: one(ops.softmax),
  logSoftmax: one(ops.logSoftmax),
  layerNorm: ({ x, scale, shift }, o: { epsilon: number }) => ops.layerNorm(x!, scale!, shift!, o.epsilon)[0],
  sum: reduced(ops.sum),
  mean: reduced(ops.mean),
  max: reduced(ops.max),
  argMax: ({ x }, o: { axis: number }) => [ops.argMax(x!, o.axis), x!],
  matmul: ({ a, b }, o: ops.MatmulOptions) => ops.matmul(a!, b!, o),
  gemm: ({ a, b, c }, o: ops.MatmulOptions) => ops.gemm(a!, b!, c!, o),
  transpose: ({ x }, o: { order: number[] }) => ops.transpose(x!, o.order),
  reshape: ({ x }, o: { shape: number[] }) => ops.reshape(x!, o.shape),
  expand: ({ x }, o: { shape: number[] }) => ops.expand(x!, o.shape),
  concat: ({ a, b }, o: { axis: number }) => ops.concat([a!, b!, a!], o.axis),
  split: ({ x }, o: { sizes: number[]; axis: number }) => ops.split(x!, o.sizes, o.axis),
  slice: ({ x }, o: { axis: number; from: number; to: number }) => ops.slice(x!, o.axis, o.from, o.to),
  pad: ({ x }, o: { before: number[]; after: number[] }) => ops.pad(x!, o.before, o.after),
  gather: ({ table, ids }) => ops.gather(table!, ids!),
  scatterAdd: ({ values, ids }, o: { rows: number }) => ops.scatterAdd(ids!, values!, o.rows),
  oneHot: ({ x, ids }, o: { depth: number }) => ops.mul(ops.oneHot(ids!, o.depth), x!),
  conv: ({ x, filters, bias }, o: ops.ConvOptions) => ops.conv(x!, filters!, bias, o),
  maxPool: ({ x }, o: ops.PoolOptions) => ops.maxPool(x!, o),
  averagePool: ({ x }, o: ops.PoolOptions) => ops.averagePool(x!, o),
};
const golden = JSON.parse(readFileSync(new URL("../fixtures/ops.json", import.meta.url), "utf8")) as readonly Golden[];

describe("PyTorch's numbers", () => {
  // Written with eight digits, computed in double precision by both.
  const close = (got: ArrayLike<number>, want: ArrayLike<number>) => {
    expect(got.length).toBe(want.length);
    expect(mostApart(got, want).apart).toBeLessThanOrEqual(1e-6 * largestOf(want));
  };
  for (const { name, op, options = {}, inputs, weights, outputs, gradients: want } of golden)
    test(name, () => {
      const tensors = Object.fromEntries(
        Object.entries(inputs).map(([key, { shape, dtype }]) => [
          key,
          dtype ? ops.input(key, shape, dtype) : ops.parameter(key, shape),
        ]),
      );
      const feeds = Object.fromEntries(
        Object.entries(inputs).map(([key, { values, dtype }]) => [
          key,
          dtype ? Int32Array.from(values) : Float64Array.from(values),
        ]),
      );
      const made = makers[op]!(tensors, options as never);
      const results = "node" in made ? [made] : made;
      const loss = results
        .map((result, i) => [result, ops.input(`weights${i}`, result.shape)] as const)
        .filter(([{ dtype }]) => dtype === "float32")
        .map(([result, by]) => ops.sum(ops.mul(result, by)))
        .reduce((a, b) => ops.add(a, b));
      for (const [i, numbers] of weights.entries()) feeds[`weights${i}`] = Float64Array.from(numbers);
      const found = gradients(
        loss,
        Object.values(tensors).filter(({ dtype }) => dtype === "float32"),
      );
      const run = evaluate(
        program({
          ...Object.fromEntries(results.map((result, i) => [`output${i}`, result])),
          ...Object.fromEntries(
            Object.keys(want).map((key) => [key, denseGradient(tensors[key]!, found.get(tensors[key]!)!)]),
          ),
        }),
        feeds,
      );
      for (const [i, { shape, values }] of outputs.entries()) {
        expect(results[i]!.shape).toEqual(shape);
        close(run[`output${i}`]!, values);
      }
      for (const [key, values] of Object.entries(want)) close(run[key]!, values);
    });
});

test("no op is left out of the tests", () => {
  const seen = new Set(Object.values(opTests).flatMap((one) => buildTest(one).program.nodes.map(({ op }) => op)));
  expect([...seen].sort()).toEqual([...runOps()].sort());
});

/** Runs it on numbers that say where they come from. */
const count = (shape: readonly number[], from = 1) =>
  Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => from + i);

describe("row gradients", () => {
  const table = ops.parameter("table", [5, 2]);
  const ids = ops.input("ids", [2, 2], "int32");
  const feeds = { table: count([5, 2]), ids: Int32Array.of(3, 1, 3, 0) };

  test("a gathered parameter gets the rows that were read, not a tensor of its size", () => {
    const read = ops.gather(table, ids);
    const found = gradients(ops.sum(ops.mul(read, read)), [table]).get(table)!;
    expect(found.dense).toBeUndefined();
    expect(found.rows).toHaveLength(1);
    const [{ rows, values }] = found.rows as [(typeof found.rows)[0]];
    const ready = program({ rows, values });
    expect(ready.nodes.map(({ op }) => op)).not.toContain("scatterAdd");
    expect(ready.outputs.every(({ shape }) => shape[0] === 4)).toBe(true);
    const run = evaluate(ready, feeds);
    expect([...run.rows!]).toEqual([3, 1, 3, 0]);
    expect([...run.values!]).toEqual([14, 16, 6, 8, 14, 16, 2, 4]);
    const dense = evaluate(program({ dense: denseGradient(table, found) }), feeds).dense!;
    expect([...dense]).toEqual([2, 4, 6, 8, 0, 0, 28, 32, 0, 0]);
  });

  test("used whole as well, it gets both", () => {
    const found = gradients(ops.add(ops.sum(ops.gather(table, ids)), ops.sum(table)), [table]).get(table)!;
    expect(found.dense).toBeDefined();
    expect(found.rows).toHaveLength(1);
    const dense = evaluate(program({ dense: denseGradient(table, found) }), feeds).dense!;
    expect([...dense]).toEqual([2, 2, 2, 2, 1, 1, 3, 3, 1, 1]);
  });

  test("rows of a rule of its own go through reshape and gather to the table", () => {
    const steps = ops.reshape(ops.gather(table, ids), [4, 2]);
    // As a max pool over steps does: only the winners, here steps 2 and 3, get a gradient.
    const [picked] = ops.withGradient([ops.sum(steps)], [steps], ([g]) => [
      { rows: ops.constant(Int32Array.of(2, 3)), values: ops.expand(ops.reshape(g!, [1, 1]), [2, 2]) },
    ]);
    const found = gradients(ops.mul(picked!, 3), [table]).get(table)!;
    expect(found.dense).toBeUndefined();
    const [{ rows, values }] = found.rows as [(typeof found.rows)[0]];
    const run = evaluate(program({ rows, values }), feeds);
    expect([...run.rows!]).toEqual([3, 0]);
    expect([...run.values!]).toEqual([3, 3, 3, 3]);
  });

  test("rows of what is computed are added into its gradient, beside others", () => {
    const doubled = ops.mul(table, 2);
    const [picked] = ops.withGradient([ops.sum(doubled)], [doubled], ([g]) => [
      { rows: ops.constant(Int32Array.of(4, 4)), values: ops.expand(ops.reshape(g!, [1, 1]), [2, 2]) },
    ]);
    const found = gradients(ops.add(picked!, ops.sum(doubled)), [table]).get(table)!;
    expect(found.rows).toEqual([]);
    const { dense } = evaluate(program({ dense: found.dense! }), feeds);
    expect([...dense!]).toEqual([2, 2, 2, 2, 2, 2, 2, 2, 6, 6]);
  });

  test("rows of other columns than the table's are added into what was gathered", () => {
    const read = ops.gather(table, ids);
    const [picked] = ops.withGradient([ops.sum(read)], [read], ([g]) => [
      { rows: ops.constant(Int32Array.of(5)), values: ops.reshape(g!, [1, 1]) },
    ]);
    const found = gradients(picked!, [table]).get(table)!;
    const dense = evaluate(program({ dense: denseGradient(table, found) }), feeds).dense!;
    // Position 5 of the eight read numbers: the second of row 3.
    expect([...dense]).toEqual([0, 0, 0, 0, 0, 0, 0, 1, 0, 0]);
  });
});

describe("which gradients", () => {
  const x = ops.parameter("x", [3]);
  const y = ops.parameter("y", [3]);
  const numbers = (value: Value, feeds = { x: count([3]), y: count([3], 4) }) => [
    ...evaluate(program({ value }), feeds).value!,
  ];
  const dense = (loss: Value, of: Value) => numbers(gradients(loss, [of]).get(of)!.dense!);

  test("several uses add up", () => {
    expect(dense(ops.sum(ops.add(ops.mul(x, x), ops.mul(x, y))), x)).toEqual([6, 9, 12]);
  });

  test("of an input, of a value on the way, of the loss", () => {
    const fed = ops.input("x", [3]);
    const squares = ops.mul(fed, fed);
    const loss = ops.sum(ops.mul(squares, y));
    const found = gradients(loss, [fed, squares, loss]);
    expect(numbers(found.get(fed)!.dense!)).toEqual([8, 20, 36]);
    expect(numbers(found.get(squares)!.dense!)).toEqual([4, 5, 6]);
    expect(numbers(found.get(loss)!.dense!)).toEqual([1]);
  });

  test("what the loss does not depend on has none", () => {
    const hard = ops.cast(ops.greater(x, 2), "float32");
    const loss = ops.sum(ops.add(ops.mul(hard, y), ops.stopGradient(x)));
    expect([...gradients(loss, [x, y]).keys()]).toEqual([y]);
    expect(numbers(loss)).toEqual([1 + 2 + 3 + 6]);
  });

  test("only what is asked for runs", () => {
    const image = ops.input("image", [1, 1, 4, 4]);
    const filters = ops.parameter("filters", [1, 1, 3, 3]);
    const found = gradients(ops.sum(ops.tanh(ops.conv(image, filters, undefined))), [filters]);
    const used = program({ gradient: found.get(filters)!.dense! }).nodes.map(({ op }) => op);
    expect(used).toContain("convFilterGradient");
    expect(used).not.toContain("convInputGradient");
  });

  test("a rule of its own replaces the gradient of the ops", () => {
    const [clipped] = ops.withGradient([ops.minimum(x, 2)], [x], ([g]) => [g]);
    expect(numbers(ops.sum(clipped!))).toEqual([5]);
    expect(dense(ops.sum(ops.mul(clipped!, y)), x)).toEqual([4, 5, 6]);
  });

  test("a rule of its own hears of each value, and of none that nothing depends on", () => {
    const heard: unknown[] = [];
    const rule: CustomRule = (all) => {
      heard.push(all.map((g) => g?.shape));
      return [all[1]];
    };
    const [, second] = ops.withGradient([ops.exp(x), ops.neg(x)], [x, y], rule);
    expect([...gradients(ops.sum(second!), [x, y]).keys()]).toEqual([x]);
    expect(heard).toEqual([[undefined, [3]]]);
  });

  test("backward ops bear the layer of the forward ops", () => {
    const out = within("encoder", () => within("dense", () => ops.tanh(x)));
    const { nodes } = program({ gradient: gradients(ops.sum(out), [x]).get(x)!.dense! });
    expect(nodes.filter(({ op }) => op === "mul").map(({ layer }) => layer)).toEqual([
      "encoder/dense",
      "encoder/dense",
    ]);
  });
});

describe("errors", () => {
  const x = ops.parameter("x", [2, 3]);

  test("a loss that is no scalar, or no number", () => {
    expect(() => gradients(x, [x])).toThrow("nn/gradients: the loss is [2, 3], want [], one number: take sum or mean");
    const whole = ops.cast(ops.sum(x), "int32");
    expect(() => gradients(whole, [x])).toThrow("nn/gradients: the loss is int32, want float32");
    expect(() => gradients(ops.sum(x), [whole])).toThrow("nn/gradients: a value is int32, want float32");
  });

  test("a gradient of a gradient", () => {
    const filters = ops.parameter("filters", [1, 2, 3]);
    const loss = ops.sum(ops.tanh(ops.conv(ops.reshape(x, [1, 2, 3]), filters, undefined)));
    const first = gradients(loss, [filters]).get(filters)!.dense!;
    expect(() => gradients(ops.sum(first), [x])).toThrow(
      "nn/gradients: the loss depends on a gradient, want first order only: use stopGradient",
    );
  });

  test("a rule of its own that gives another shape", () => {
    const make = (rule: CustomRule) => within("gate", () => ops.sum(ops.withGradient([ops.exp(x)], [x], rule)[0]!));
    expect(() =>
      gradients(
        make(([g]) => [ops.sum(g!)]),
        [x],
      ),
    ).toThrow('nn/gradients: layer "gate": a gradient rule of its own gave [] for input 0, want [2, 3]');
    const rows = { rows: ops.constant(Int32Array.of(0)), values: ops.constant([1, 2, 3, 4], [1, 4]) };
    expect(() =>
      gradients(
        make(() => [rows]),
        [x],
      ),
    ).toThrow("gave rows int32 [1] with values [1, 4] for input 0, want int32 [n] and [n, columns] that fit [2, 3]");
  });
});
