import {
  type Gradient,
  isOp,
  type Node,
  nodesOf,
  type Op,
  type OpAttributes,
  type RowGradient,
  reject,
  type Shape,
  sameShape,
  showShape,
  sizeOf,
  type Value,
  within,
} from "./graph.js";
import {
  add,
  averagePoolGradient,
  cast,
  concat,
  constant,
  convFilterGradient,
  convInputGradient,
  div,
  equal,
  exp,
  expand,
  gather,
  greater,
  matmul,
  maxPoolGradient,
  mean,
  mul,
  neg,
  pad,
  reshape,
  scatterAdd,
  sigmoid,
  sign,
  slice,
  split,
  sub,
  sum,
  transpose,
  where,
} from "./ops.js";

/** The gradient of one value: what is there adds up. */
export interface ParameterGradient {
  /** Of the value's shape; absent where all of it comes in rows. */
  readonly dense?: Value;
  /** Of a table that `gather` reads: its rows that were read, in the order of reading, one entry for each `gather`. */
  readonly rows: readonly RowGradient[];
}

/**
 * Gradients of a scalar: reverse mode, op by op. They are values made of the same ops, so whatever runs the loss runs them;
 * `program` drops what nobody asks for. A value that the loss does not depend on has no entry in the result.
 *
 * Where an op has a kink the rules do as PyTorch's: `relu` and `abs` give 0 at 0, `maximum` and `minimum` halve a tie, `max` shares
 * it among its largest, `maxPool` gives it to the first. A table that `gather` reads gets rows, not a tensor of its size: see
 * ParameterGradient, and `denseGradient` for the sum of both. Gradients of gradients are rejected.
 *
 * Rejects a loss that is not a float32 scalar. Cost: the backward graph of a network takes about twice the time of the network.
 *
 * @example
 * const x = input("x", [32, 3]);
 * const weight = parameter("weight", [1, 3]);
 * const loss = mean(softplus(matmul(x, weight, { transB: true })));
 * const { dense } = gradients(loss, [weight]).get(weight)!;
 * const step = program({ loss, gradient: dense! }); // one run gives both
 */
export function gradients(loss: Value, of: readonly Value[]): Map<Value, ParameterGradient> {
  for (const value of [loss, ...of])
    if (value.dtype !== "float32")
      reject(
        "invalid-input",
        "gradients",
        `${value === loss ? "the loss" : "a value"} is ${value.dtype}, want float32`,
      );
  if (loss.shape.length > 0)
    reject(
      "shape-mismatch",
      "gradients",
      `the loss is ${showShape(loss.shape)}, want [], one number: take sum or mean`,
    );

  const nodes = nodesOf([loss]);
  const wanted = new Set(of);
  const carriers = new Set<Node>();
  const carries = (value: Value) => value.dtype === "float32" && (wanted.has(value) || carriers.has(value.node));
  for (const node of nodes) if (rules[node.op] !== flat && node.inputs.some(carries)) carriers.add(node);

  const arrived = new Map<Value, Gradient[]>([[loss, [constant(1)]]]);
  for (const node of nodes.reverse()) {
    if (!carriers.has(node) || !node.outputs.some((value) => arrived.has(value))) continue;
    const send = (to: Value, gradient: Gradient) => {
      if (carries(to)) arrived.set(to, [...(arrived.get(to) ?? []), gradient]);
    };
    const run = () => back(node, (value) => arrived.get(value) ?? [], send);
    if (node.layer) within(node.layer, run);
    else run();
  }
  return new Map(
    of.flatMap((value) => {
      const all = arrived.get(value);
      if (!all) return [];
      const dense = total(value, all.filter(isDense));
      return [[value, { ...(dense && { dense }), rows: all.filter(isRows) }] as const];
    }),
  );
}

/** A gradient as one tensor of the shape of its value. */
export function denseGradient(value: Value, { dense, rows }: ParameterGradient): Value {
  return total(value, [...(dense ? [dense] : []), ...rows])!;
}

/** Sends what has arrived at the outputs of a node on to its inputs. */
function back(node: Node, arrivedAt: (value: Value) => readonly Gradient[], send: (to: Value, g: Gradient) => void) {
  const dense = node.outputs.map((value) =>
    total(
      value,
      arrivedAt(value).filter((gradient) => {
        const passed = isRows(gradient) && rowsThrough(node, gradient);
        if (passed) send(node.inputs[0]!, passed);
        return !passed;
      }),
    ),
  );
  if (dense.every((gradient) => !gradient)) return;
  const rule = rules[node.op] as Rule<Op>;
  const { inputs, outputs, attributes } = node;
  const [a, b] = inputs as [Value, Value];
  const flowing = rule({ g: dense[0]!, a, b, y: outputs[0]!, all: dense, inputs, outputs, attributes });
  for (const [i, gradient] of flowing.entries()) {
    const to = inputs[i];
    if (!gradient || !to) continue;
    if (isOp(node, "custom")) checkCustom(gradient, to, i - outputs.length);
    send(to, gradient);
  }
}

/** Rows of a reshape are rows of its input, and rows of what was gathered are rows of the table. */
function rowsThrough(node: Node, { rows, values }: RowGradient): RowGradient | undefined {
  if (isOp(node, "reshape")) return { rows, values };
  const [table, ids] = node.inputs;
  if (!isOp(node, "gather") || sizeOf(table!.shape.slice(1)) !== values.shape[1]) return undefined;
  return { rows: gather(reshape(ids!, [-1]), rows), values };
}

function total(value: Value, all: readonly Gradient[]): Value | undefined {
  const dense = all.map((gradient) =>
    isDense(gradient)
      ? gradient
      : reshape(
          scatterAdd(gradient.rows, gradient.values, sizeOf(value.shape) / gradient.values.shape[1]!),
          value.shape,
        ),
  );
  return dense.length > 0 ? dense.reduce((a, b) => add(a, b)) : undefined;
}

function isRows(gradient: Gradient): gradient is RowGradient {
  return "rows" in gradient;
}

function isDense(gradient: Gradient): gradient is Value {
  return !isRows(gradient);
}

function checkCustom(gradient: Gradient, to: Value, i: number): void {
  const wrong = (got: string, want: string) =>
    reject("shape-mismatch", "gradients", `a gradient rule of its own gave ${got} for input ${i}, want ${want}`);
  if (isDense(gradient)) {
    if (!sameShape(gradient.shape, to.shape)) wrong(showShape(gradient.shape), showShape(to.shape));
    return;
  }
  const { rows, values } = gradient;
  const fits = rows.dtype === "int32" && values.shape.length === 2 && sameShape(rows.shape, values.shape.slice(0, 1));
  if (!fits || sizeOf(to.shape) % values.shape[1]! !== 0)
    wrong(
      `rows ${rows.dtype} ${showShape(rows.shape)} with values ${showShape(values.shape)}`,
      `int32 [n] and [n, columns] that fit ${showShape(to.shape)}`,
    );
}

interface At<O extends Op> {
  /** What has arrived at the first output. */
  readonly g: Value;
  /** The first input and the second. */
  readonly a: Value;
  readonly b: Value;
  /** The first output. */
  readonly y: Value;
  /** What has arrived at each output. */
  readonly all: readonly (Value | undefined)[];
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly attributes: OpAttributes[O];
}

/** What to send to each input. What nobody asks for is never run, so that rules need not look which inputs want any. */
type Rule<O extends Op> = (at: At<O>) => readonly (Gradient | undefined)[];

/** Zero almost everywhere, or not of numbers: nothing flows back. */
const flat = "flat";

const once = () =>
  reject("invalid-input", "gradients", "the loss depends on a gradient, want first order only: use stopGradient");

const rules: { readonly [O in Op]: Rule<O> | typeof flat } = {
  input: flat,
  parameter: flat,
  constant: flat,
  add: ({ g, a, b }) => [sumTo(g, a.shape), sumTo(g, b.shape)],
  sub: ({ g, a, b }) => [sumTo(g, a.shape), sumTo(neg(g), b.shape)],
  mul: ({ g, a, b }) => [sumTo(mul(g, b), a.shape), sumTo(mul(g, a), b.shape)],
  div: ({ g, a, b, y }) => [sumTo(div(g, b), a.shape), sumTo(neg(div(mul(g, y), b)), b.shape)],
  maximum: ({ g, a, b }) => [sumTo(where1(a, b, g), a.shape), sumTo(where1(b, a, g), b.shape)],
  minimum: ({ g, a, b }) => [sumTo(where1(b, a, g), a.shape), sumTo(where1(a, b, g), b.shape)],
  equal: flat,
  greater: flat,
  greaterOrEqual: flat,
  where: ({ g, a: condition, inputs: [, yes, no] }) => [
    undefined,
    sumTo(where(condition, g, 0), yes!.shape),
    sumTo(where(condition, 0, g), no!.shape),
  ],
  cast: flat,
  neg: ({ g }) => [neg(g)],
  abs: ({ g, a }) => [mul(g, sign(a))],
  sign: flat,
  exp: ({ g, y }) => [mul(g, y)],
  log: ({ g, a }) => [div(g, a)],
  sqrt: ({ g, y }) => [div(mul(g, 0.5), y)],
  erf: ({ g, a }) => [mul(g, mul(exp(neg(mul(a, a))), 2 / Math.sqrt(Math.PI)))],
  // A product with the mask: measured faster than `where` on large maps (a gradient that is infinite has failed anyway).
  relu: ({ g, y }) => {
    const masked = (x: Value, by: Value) => mul(x, cast(greater(by, 0), "float32"));
    if (!isOp(g.node, "maxPoolGradient") || g.node.inputs[0] !== y) return [masked(g, y)];
    // What a pooling of the result has sent went to where it equals its maxima: these are masked as well, and are fewer.
    const [, pooled, ofPooled] = g.node.inputs as [Value, Value, Value];
    return [maxPoolGradient(y, pooled, masked(ofPooled, pooled), g.node.attributes)];
  },
  sigmoid: ({ g, y }) => [mul(g, mul(y, sub(1, y)))],
  tanh: ({ g, y }) => [mul(g, sub(1, mul(y, y)))],
  softplus: ({ g, a }) => [mul(g, sigmoid(a))],
  softmax: ({ g, y }) => [mul(y, sub(g, sum(mul(g, y), [-1], true)))],
  logSoftmax: ({ g, y }) => [sub(g, mul(exp(y), sum(g, [-1], true)))],
  layerNorm,
  sum: ({ g, a, attributes: { axes } }) => [expand(reshape(g, kept(a.shape, axes)), a.shape)],
  mean: ({ g, a, y, attributes: { axes } }) => [
    expand(reshape(mul(g, sizeOf(y.shape) / sizeOf(a.shape)), kept(a.shape, axes)), a.shape),
  ],
  max: ({ g, a, y, attributes: { axes } }) => {
    const largest = cast(equal(a, reshape(y, kept(a.shape, axes))), "float32");
    return [mul(largest, div(reshape(g, kept(a.shape, axes)), sum(largest, axes, true)))];
  },
  argMax: flat,
  matmul: ({ g, a, b, attributes }) => products(g, a, b, attributes),
  gemm: ({ g, a, b, inputs: [, , c], attributes }) => [
    ...products(g, a, b, { ...attributes, scale: 1 }),
    sumTo(g, c!.shape),
  ],
  reshape: ({ g, a }) => [reshape(g, a.shape)],
  transpose: ({ g, attributes: { order } }) => [
    transpose(
      g,
      order.map((_, axis) => order.indexOf(axis)),
    ),
  ],
  expand: ({ g, a }) => [sumTo(g, a.shape)],
  concat: ({ g, inputs, attributes: { axis } }) =>
    split(
      g,
      inputs.map(({ shape }) => shape[axis]!),
      axis,
    ),
  split: ({ all, outputs, attributes: { axis } }) => [
    concat(
      all.map((g, i) => g ?? expand(constant(0), outputs[i]!.shape)),
      axis,
    ),
  ],
  slice: ({ g, a, attributes: { axis, from, to } }) => [
    pad(g, at(a.shape, axis, from), at(a.shape, axis, a.shape[axis]! - to)),
  ],
  pad: ({ g, a, attributes: { before } }) => [
    a.shape.reduce((cut, length, axis) => slice(cut, axis, before[axis]!, before[axis]! + length), g),
  ],
  gather: ({ g, a: table, b: ids }) => {
    const read = sizeOf(ids.shape);
    return [{ rows: reshape(ids, [read]), values: reshape(g, [read, sizeOf(table.shape.slice(1))]) }];
  },
  scatterAdd: ({ g, a: ids }) => [undefined, gather(g, ids)],
  oneHot: flat,
  conv: ({ g, a: x, b: filters, attributes }) => [
    convInputGradient(g, filters, attributes, x.shape),
    convFilterGradient(x, g, attributes, filters.shape),
    sum(
      g,
      g.shape.map((_, axis) => axis).filter((axis) => axis !== 1),
    ),
  ],
  convInputGradient: once,
  convFilterGradient: once,
  maxPool: ({ g, a, y, attributes }) => [maxPoolGradient(a, y, g, attributes)],
  maxPoolGradient: once,
  averagePool: ({ g, a, attributes }) => [averagePoolGradient(g, attributes, a.shape)],
  averagePoolGradient: once,
  scan: () => reject("invalid-input", "gradients", "scan has no gradient of its own, want it under withGradient"),
  custom: ({ all, attributes: { rule } }) => rule(all),
};

/** From the normalised `(x - mean) * inverse`, and from the mean and the inverse where these are used. */
function layerNorm({ all: [g, ofMean, ofInverse], inputs, outputs }: At<"layerNorm">): (Value | undefined)[] {
  const [x, scale] = inputs as [Value, Value];
  const [, center, inverse] = outputs as [Value, Value, Value];
  const normal = mul(sub(x, center), inverse);
  const width = x.shape.at(-1)!;
  const parts: Value[] = [];
  if (g) {
    const scaled = mul(g, scale);
    const along = mean(mul(scaled, normal), [-1], true);
    parts.push(mul(inverse, sub(sub(scaled, mean(scaled, [-1], true)), mul(normal, along))));
  }
  if (ofMean) parts.push(expand(mul(ofMean, 1 / width), x.shape));
  if (ofInverse) parts.push(mul(normal, mul(mul(ofInverse, mul(inverse, inverse)), -1 / width)));
  return [parts.reduce((a, b) => add(a, b)), g && sumTo(mul(g, normal), scale.shape), g && sumTo(g, scale.shape)];
}

/** The gradients of a matrix product for its factors: products again, with the factors turned as they stand. */
function products(
  g: Value,
  a: Value,
  b: Value,
  { transA, transB, scale }: OpAttributes["matmul"],
): readonly [Value, Value] {
  const ofA = transA ? matmul(b, g, { transA: transB, transB: true, scale }) : matmul(g, b, { transB: !transB, scale });
  // A factor that many matrices share, as the weights of a dense layer do on sequences: one long product, not many and their sum.
  const [x, gx] = b.shape.length === 2 && !transA ? [rowsOf(a), rowsOf(g)] : [a, g];
  const ofB = transB
    ? matmul(gx, x, { transA: true, transB: transA, scale })
    : matmul(x, gx, { transA: !transA, scale });
  return [sumTo(ofA, a.shape), sumTo(ofB, b.shape)];
}

const rowsOf = (x: Value) => reshape(x, [-1, x.shape.at(-1)!]);

/** `g` where `a` is larger, half of it where both are the same. */
const where1 = (a: Value, b: Value, g: Value) => where(equal(a, b), mul(g, 0.5), where(greater(a, b), g, 0));

/** Sums over what broadcasting has repeated. */
function sumTo(x: Value, shape: Shape): Value {
  const more = x.shape.length - shape.length;
  const axes = x.shape.flatMap((length, axis) => (axis < more || length !== shape[axis - more] ? [axis] : []));
  return axes.length === 0 ? x : reshape(sum(x, axes), shape);
}

const kept = (shape: Shape, axes: readonly number[]) => shape.map((length, axis) => (axes.includes(axis) ? 1 : length));

const at = (shape: Shape, axis: number, count: number) => shape.map((_, k) => (k === axis ? count : 0));
