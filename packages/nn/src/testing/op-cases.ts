// Every op at work, with its gradient where it has one: what the tests of every runtime run. Not part of the package.
import type { Value, Window } from "../graph.js";
import * as ops from "../ops.js";
import type { Filled, GraphTest } from "./graph-test.js";

type Tensors = Readonly<Record<string, Filled>>;

const made: Record<string, GraphTest> = {};

function add(
  name: string,
  parameters: Tensors,
  build: (tensors: Record<string, Value>) => Value | readonly Value[],
  inputs: Tensors = {},
): void {
  if (name in made) throw new Error(`two cases are named "${name}"`);
  made[name] = { parameters, inputs, build };
}

const positive = (...shape: number[]): Filled => ({ shape, low: 0.2, high: 3 });
const ids = (depth: number, ...shape: number[]): Filled => ({ shape, low: 0, high: depth, dtype: "int32" });
const truths = (...shape: number[]): Filled => ({ shape, low: 0, high: 2, dtype: "bool" });
/** Far apart, so that no rounding makes equals of them or turns them round. */
const distinct = (...shape: number[]): Filled => {
  const size = shape.reduce((a, b) => a * b, 1);
  return { shape, values: Float32Array.from({ length: size }, (_, i) => (((i * 7919) % size) - size / 2) / 8) };
};

const pairs = [
  [
    [3, 4],
    [3, 4],
  ],
  [[3, 4], [4]],
  [
    [2, 1, 4],
    [3, 1],
  ],
  [[], [2, 3]],
  [[5], []],
  [[1], [1]],
] as const;
for (const [a, b] of pairs) {
  const name = `[${a}] [${b}]`;
  for (const op of ["add", "sub", "mul"] as const) add(`${op} ${name}`, { a, b }, ({ a, b }) => ops[op](a!, b!));
  add(`div ${name}`, { a, b: positive(...b) }, ({ a, b }) => ops.div(a!, b!));
  for (const op of ["maximum", "minimum"] as const) add(`${op} ${name}`, { a, b }, ({ a, b }) => ops[op](a!, b!));
  for (const op of ["equal", "greater", "greaterOrEqual"] as const)
    add(`${op} ${name}`, {}, ({ a, b, i, j }) => [ops[op](a!, b!), ops[op](i!, j!)], {
      a: { shape: a, low: 0, high: 1 },
      b: { shape: b, low: 0, high: 1 },
      i: ids(3, ...a),
      j: ids(3, ...b),
    });
  add(`where ${name}`, { a, b }, ({ a, b, c }) => ops.where(c!, a!, b!), { c: truths(...b) });
}
add(
  "int32 arithmetic",
  {},
  ({ i, j }) => [
    ops.add(i!, j!),
    ops.sub(i!, j!),
    ops.mul(i!, j!),
    ops.div(i!, ops.add(j!, 1)),
    ops.maximum(i!, j!),
    ops.minimum(i!, j!),
    ops.where(ops.equal(i!, j!), ops.cast(ops.cast(i!, "float32"), "int32"), j!),
  ],
  { i: ids(9, 3, 4), j: ids(9, 4) },
);
add("where keeps NaN out", { a: [6] }, ({ a }) => ops.where(ops.greater(a!, 0), ops.mul(a!, 2), 0));
add(
  "maximum of equals",
  { a: { shape: [4], values: [1, 2, 2, 0] }, b: { shape: [4], values: [1, 2, 3, 0] } },
  ({ a, b }) => [ops.maximum(a!, b!), ops.minimum(a!, b!)],
);
add(
  "cast",
  {},
  ({ x, i, t }) => [
    ops.cast(x!, "int32"),
    ops.cast(x!, "bool"),
    ops.cast(i!, "float32"),
    ops.cast(i!, "bool"),
    ops.cast(t!, "float32"),
    ops.cast(t!, "int32"),
  ],
  { x: { shape: [2, 4], values: [-2.7, -1, -0.5, 0, 0.5, 1, 2.2, 3] }, i: ids(3, 5), t: truths(5) },
);

for (const op of ["neg", "abs", "sign", "exp", "erf", "relu", "sigmoid", "tanh", "softplus"] as const)
  for (const shape of [[], [7], [3, 5], [2, 3, 4, 5]]) add(`${op} [${shape}]`, { x: shape }, ({ x }) => ops[op](x!));
for (const op of ["log", "sqrt"] as const)
  for (const shape of [[7], [3, 5]]) add(`${op} [${shape}]`, { x: positive(...shape) }, ({ x }) => ops[op](x!));
add("softplus of large numbers", { x: { shape: [5], values: [-100, -20, 0, 20, 100] } }, ({ x }) => ops.softplus(x!));
for (const op of ["softmax", "logSoftmax"] as const)
  for (const shape of [[5], [3, 4], [2, 3, 4], [3, 1]]) add(`${op} [${shape}]`, { x: shape }, ({ x }) => ops[op](x!));
add("logSoftmax of large numbers", { x: { shape: [2, 2], values: [300, -300, 1000, 1001] } }, ({ x }) =>
  ops.logSoftmax(x!),
);
for (const shape of [[8], [3, 8], [2, 3, 8]])
  add(`layerNorm [${shape}]`, { x: shape, scale: [8], shift: [8] }, ({ x, scale, shift }) =>
    ops.layerNorm(x!, scale!, shift!, 1e-5),
  );
add(
  "layerNorm, the first output alone",
  { x: [4, 6], scale: [6], shift: [6] },
  ({ x, scale, shift }) => ops.layerNorm(x!, scale!, shift!, 1e-3)[0],
);

const reductions: readonly (readonly [shape: readonly number[], axes?: readonly number[]])[] = [
  [[4]],
  [[3, 4]],
  [[3, 4], [0]],
  [[3, 4], [1]],
  [
    [2, 3, 4],
    [0, 1],
  ],
  [
    [2, 3, 4],
    [0, 2],
  ],
  [[2, 3, 4], [1]],
  [
    [2, 3, 4, 5],
    [0, 2, 3],
  ],
  [
    [2, 3, 4, 5],
    [1, 3],
  ],
  [
    [2, 3, 4, 5],
    [2, 3],
  ],
  [[1, 3], [0]],
];
for (const [shape, axes] of reductions)
  for (const keep of [false, true]) {
    const name = `[${shape}] over ${axes ? `[${axes}]` : "all"}${keep ? ", kept" : ""}`;
    for (const op of ["sum", "mean"] as const) add(`${op} ${name}`, { x: shape }, ({ x }) => ops[op](x!, axes, keep));
    add(`max ${name}`, { x: distinct(...shape) }, ({ x }) => ops.max(x!, axes, keep));
  }
for (const [shape, axis] of [
  [[5], 0],
  [[3, 4], 1],
  [[3, 4], 0],
  [[2, 3, 4], 1],
] as const)
  add(`argMax [${shape}] along ${axis}`, {}, ({ x }) => ops.argMax(x!, axis), { x: distinct(...shape) });
add("argMax of equals", {}, ({ x }) => ops.argMax(x!, 1), { x: { shape: [2, 4], values: [0, 2, 1, 2, 3, 3, 3, 3] } });

for (const transA of [false, true])
  for (const transB of [false, true])
    for (const scale of [1, 0.25]) {
      const turned = (turn: boolean, rows: number, columns: number) => (turn ? [columns, rows] : [rows, columns]);
      const name = `${transA ? "A'" : "A"} ${transB ? "B'" : "B"}${scale === 1 ? "" : " scaled"}`;
      const leads = [
        [[], []],
        [[3], [3]],
        [
          [2, 3],
          [2, 3],
        ],
        [[2, 3], []],
        [[], [3]],
        [[2, 1], [3]],
      ] as const;
      for (const [left, right] of leads) {
        const a = [...left, ...turned(transA, 4, 5)];
        const b = [...right, ...turned(transB, 5, 6)];
        add(`matmul ${name} [${a}] [${b}]`, { a, b }, ({ a, b }) => ops.matmul(a!, b!, { transA, transB, scale }));
      }
      if (scale === 1)
        for (const c of [[6], [4, 6]])
          add(`gemm ${name} + [${c}]`, { a: turned(transA, 4, 5), b: turned(transB, 5, 6), c }, ({ a, b, c }) =>
            ops.gemm(a!, b!, c!, { transA, transB }),
          );
    }
add("gemm [1, 1]", { a: [1, 1], b: [1, 1], c: [1] }, ({ a, b, c }) => ops.gemm(a!, b!, c!));

const any = { i: ids(9, 4, 6), t: truths(4, 6) };
add("reshape", { x: [4, 6] }, ({ x, i, t }) => [x!, i!, t!].map((value) => ops.reshape(value, [2, -1, 3])), any);
add("reshape to a scalar and back", { x: [1, 1] }, ({ x }) => ops.reshape(ops.mul(ops.reshape(x!, []), 2), [1]));
add("transpose", { x: [4, 6] }, ({ x, i, t }) => [x!, i!, t!].map((value) => ops.transpose(value, [1, 0])), any);
for (const order of [
  [2, 0, 1],
  [1, 0, 2],
  [0, 2, 1],
  [2, 1, 0],
])
  add(`transpose to [${order}]`, { x: [2, 3, 4] }, ({ x }) => ops.transpose(x!, order));
add("expand", { x: [4, 6] }, ({ x, i, t }) => [x!, i!, t!].map((value) => ops.expand(value, [3, 4, 6])), any);
add("expand inner axes", { x: [4, 1, 1] }, ({ x }) => ops.expand(x!, [2, 4, 3, 5]));
add("expand a scalar", { x: [] }, ({ x }) => ops.expand(x!, [3, 2]));
for (const axis of [0, 1])
  add(
    `concat along ${axis}`,
    { x: [4, 6] },
    ({ x, i, t }) => [x!, i!, t!].map((value) => ops.concat([value, ops.slice(value, axis, 1, 3), value], axis)),
    any,
  );
for (const [axis, sizes] of [
  [0, [1, 3]],
  [1, [2, 1, 3]],
] as const)
  add(
    `split along ${axis}`,
    { x: [4, 6] },
    ({ x, i, t }) => [x!, i!, t!].flatMap((value) => ops.split(value, sizes, axis)),
    any,
  );
add("split, one piece used", { x: [4, 6] }, ({ x }) => ops.split(x!, [2, 2, 2], 1)[1]!);
for (const [axis, from, to] of [
  [0, 1, 3],
  [1, 0, 2],
  [1, 5, 6],
] as const)
  add(
    `slice ${from} to ${to} along ${axis}`,
    { x: [4, 6] },
    ({ x, i, t }) => [x!, i!, t!].map((value) => ops.slice(value, axis, from, to)),
    any,
  );
add("pad", { x: [2, 3] }, ({ x }) => ops.pad(x!, [1, 0], [0, 2]));
add("pad 4 axes", { x: [2, 3, 4, 5] }, ({ x }) => ops.pad(x!, [0, 1, 2, 1], [0, 0, 1, 3]));

for (const [table, of] of [
  [[7, 3], [5]],
  [
    [7, 3],
    [2, 4],
  ],
  [[7, 2, 3], [4]],
  [[7], [4]],
  [[7, 3], []],
] as const)
  add(`gather [${table}] [${of}]`, { table }, ({ table, ids }) => ops.gather(table!, ids!), { ids: ids(7, ...of) });
add("gather of values", { table: [7, 3] }, ({ table, ids }) => ops.gather(ops.tanh(table!), ids!), { ids: ids(7, 9) });
add("gather ids", {}, ({ table, ids }) => ops.gather(table!, ids!), { table: ids(50, 7), ids: ids(7, 4) });
for (const [n, rows, columns] of [
  [6, 4, 3],
  [50, 3, 8],
  [5, 400, 2],
  [1, 1, 1],
] as const)
  add(
    `scatterAdd ${n} into ${rows} x ${columns}`,
    { values: [n, columns] },
    ({ values, ids }) => ops.scatterAdd(ids!, values!, rows),
    {
      ids: ids(rows, n),
    },
  );
add("oneHot", {}, ({ ids }) => ops.oneHot(ids!, 4), {
  ids: { shape: [6], values: [0, 3, 4, -1, 1, 100], dtype: "int32" },
});
add("oneHot of a matrix", {}, ({ ids }) => ops.oneHot(ids!, 5), { ids: ids(5, 3, 4) });
add("oneHot of a scalar", {}, ({ ids }) => ops.oneHot(ids!, 5), { ids: ids(5) });

const convolutions: readonly (readonly [
  x: readonly number[],
  filters: readonly number[],
  options?: ops.ConvOptions,
  bias?: boolean,
])[] = [
  [
    [2, 3, 9],
    [4, 3, 3],
  ],
  [[2, 3, 9], [4, 3, 3], { pads: "same" }, true],
  [[2, 3, 10], [4, 3, 3], { pads: [2, 0], strides: [2] }, true],
  [[2, 3, 12], [4, 3, 3], { dilations: [3], pads: [1, 2] }],
  [[2, 4, 12], [6, 2, 4], { groups: 2, strides: [3], pads: [1, 1] }, true],
  [[2, 4, 9], [4, 1, 3], { groups: 4, pads: "same" }],
  [
    [2, 3, 5],
    [4, 3, 5],
  ],
  [[2, 3, 5], [4, 3, 1], {}, true],
  [[2, 3, 5], [4, 3, 1], { pads: [2, 1] }],
  [
    [2, 3, 60],
    [2, 3, 40],
  ],
  [[2, 3, 60], [2, 3, 40], { strides: [2], pads: [3, 2] }],
  [
    [2, 3, 7, 8],
    [4, 3, 3, 3],
  ],
  [[2, 3, 7, 8], [4, 3, 3, 3], { pads: "same" }, true],
  [[2, 3, 8, 9], [4, 3, 3, 3], { pads: "same", strides: [2, 2] }, true],
  [[2, 3, 8, 9], [4, 3, 3, 2], { pads: [1, 0, 2, 1], strides: [1, 2] }],
  [[2, 3, 9, 11], [4, 3, 3, 3], { dilations: [2, 3], pads: [2, 1, 0, 3] }],
  [[2, 3, 11, 11], [4, 3, 3, 3], { dilations: [2, 2], strides: [2, 3], pads: [1, 1, 1, 1] }],
  [[2, 4, 7, 7], [6, 2, 3, 3], { groups: 2, pads: "same" }, true],
  [[2, 4, 7, 7], [8, 1, 3, 3], { groups: 4, strides: [2, 2], pads: [1, 1, 1, 1] }],
  [[2, 3, 5, 4], [4, 3, 1, 1], {}, true],
  [[2, 3, 6, 6], [4, 3, 1, 1], { strides: [2, 2] }],
  [
    [2, 3, 6, 6],
    [4, 3, 6, 6],
  ],
  [[2, 4, 9, 9], [4, 2, 7, 7], { groups: 2, pads: "same" }],
  [[2, 4, 16, 16], [4, 2, 7, 7], { groups: 2, pads: [3, 3, 3, 3], strides: [2, 2] }, true],
  [[1, 1, 1, 4], [1, 1, 1, 3], { pads: "same" }],
];
for (const [x, filters, options, biased] of convolutions)
  add(
    `conv [${x}] [${filters}] ${JSON.stringify(options ?? {})}${biased ? " with bias" : ""}`,
    { x, filters, ...(biased && { bias: [filters[0]!] }) },
    ({ x, filters, bias }) => ops.conv(x!, filters!, bias, options),
  );

const pools: readonly (readonly [x: readonly number[], options: ops.PoolOptions])[] = [
  [[2, 3, 8], { kernel: [2] }],
  [[2, 3, 9], { kernel: [3] }],
  [[2, 3, 9], { kernel: [2] }],
  [[2, 3, 9], { kernel: [3], strides: [1] }],
  [[2, 3, 9], { kernel: [3], strides: [2], pads: [1, 1] }],
  [[2, 3, 11], { kernel: [3], dilations: [2], strides: [2], pads: [1, 0] }],
  [[2, 3, 8, 8], { kernel: [2, 2] }],
  [[5, 3, 6, 8], { kernel: [3, 2] }],
  [[2, 3, 8, 8], { kernel: [1, 2] }],
  [[2, 3, 8, 8], { kernel: [2, 1] }],
  [[2, 3, 7, 9], { kernel: [2, 2] }],
  [[2, 3, 8, 8], { kernel: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }],
  [[2, 3, 7, 8], { kernel: [3, 2], strides: [1, 1], pads: "same" }],
  [[2, 3, 9, 9], { kernel: [3, 3], dilations: [2, 2], strides: [2, 1], pads: [0, 1, 1, 0] }],
  [[2, 3, 7, 7], { kernel: [2, 2], strides: [3, 3] }],
  [[1, 1, 4, 4], { kernel: [4, 4] }],
];
const window = (options: ops.PoolOptions): string => {
  const { kernel, strides, dilations, pads } = options as Partial<Window> & ops.PoolOptions;
  return `${JSON.stringify({ kernel, strides, dilations, pads })}`;
};
for (const [x, options] of pools) {
  const name = `[${x}] ${window(options)}`;
  add(`maxPool ${name}`, { x: distinct(...x) }, ({ x }) => ops.maxPool(x!, options));
  for (const countPads of [true, false])
    add(`averagePool ${name}${countPads ? "" : ", pads not counted"}`, { x }, ({ x }) =>
      ops.averagePool(x!, { ...options, countPads }),
    );
}

add("constants", { x: [3] }, ({ x }) => [
  ops.mul(x!, ops.constant([1, 2, 3])),
  ops.constant(Int32Array.of(1, 2), [2]),
  ops.constant(new Float32Array(1000).fill(2), [10, 100]),
  ops.constant(new Int32Array(1000), [10, 100]),
  ops.constant(7),
]);
add("one value as two outputs", { x: [3] }, ({ x }) => {
  const y = ops.exp(x!);
  return [y, x!, y];
});
add("a value that only its rule's gradient goes through", { x: [3] }, ({ x }) =>
  ops.withGradient([ops.exp(x!)], [x!], ([g]) => [g && ops.mul(g, 2)]),
);

/** By name. */
export const opCases: Readonly<Record<string, GraphTest>> = made;
