import { MmubError, random } from "@mmub/core";
import { describe, expect, test } from "vitest";
import { tfjsBuilds } from "../../fixtures/tfjs-builds.js";
import { denseGradient, gradients } from "../gradients.js";
import { type Shape, sizeOf, type Value } from "../graph.js";
import { constant as constantly } from "../initializers.js";
import { type Layer, network, type Scope, type Steps, type Tokens, trace } from "../network.js";
import { add, concat, constant, input, mul, parameter, relu, reshape, split, sum, tanh } from "../ops.js";
import { program } from "../program.js";
import { onnx } from "../runtimes/onnx.js";
import { tfjs } from "../runtimes/tfjs.js";
import { checkGradients, checkRuntime, evaluate, type LayerGraph, layerTest } from "../testing/index.js";
import { activation } from "./activation.js";
import { attentionPool, multiHeadAttention, transformerEncoder } from "./attention.js";
import { flatten, onSteps, reshaped, residual, sequential } from "./compose.js";
import { conv1d, conv2d } from "./convolution.js";
import { bagDense, dense } from "./dense.js";
import { dropout } from "./dropout.js";
import { embedding } from "./embedding.js";
import { gatedFusion, glu, highway } from "./gate.js";
import { fullSteps } from "./layer.js";
import { batchNorm, layerNorm } from "./normalization.js";
import {
  averagePool1d,
  averagePool2d,
  globalAveragePool2d,
  globalMaxPool,
  globalMaxPool2d,
  globalMeanPool,
  globalSumPool,
  maxPool1d,
  maxPool2d,
} from "./pooling.js";
import { type GruStates, gru, type LstmInput, type LstmStates, lstm } from "./recurrent.js";

type StepsLayer = Layer<Steps, Steps | Value>;

/** All states of each row side by side. */
function stated(made: Layer<Steps, GruStates | LstmStates>): Layer<Steps, Value> {
  return (scope, input) => {
    const { output, hn, ...rest } = made(scope, input);
    const all = [globalSumPool()(scope, output), hn, ...("cn" in rest ? [rest.cn] : [])];
    return concat(all.map((value) => reshape(value, [value.shape[0]!, -1])));
  };
}

/** Over steps of four channels. */
const overSteps: Readonly<Record<string, StepsLayer>> = {
  dense: dense({ units: 3, activation: "sigmoid" }),
  conv1d: conv1d({ filters: 3, kernel: 3 }),
  "conv1d, same": conv1d({ filters: 3, kernel: 4, padding: "same", activation: "tanh" }),
  "conv1d, same, stride": conv1d({ filters: 3, kernel: 3, padding: "same", stride: 2 }),
  "conv1d, causal, dilation": conv1d({ filters: 3, kernel: 2, padding: "causal", dilation: 2, activation: "softplus" }),
  "conv1d, softmax": conv1d({ filters: 3, kernel: 2, activation: "softmax" }),
  "conv1d, padding, stride, groups": conv1d({ filters: 4, kernel: 3, padding: 2, stride: 3, groups: 2 }),
  "conv1d, more padding than kernel": conv1d({ filters: 2, kernel: 2, padding: 3 }),
  "conv1d, longer than any row": conv1d({ filters: 2, kernel: 12 }),
  "conv1d, reflect": conv1d({ filters: 3, kernel: 5, padding: "same", paddingMode: "reflect" }),
  "conv1d, replicate, causal": conv1d({ filters: 3, kernel: 3, padding: "causal", paddingMode: "replicate" }),
  "conv1d, circular, stride": conv1d({
    filters: 4,
    kernel: 3,
    padding: 2,
    stride: 2,
    groups: 2,
    paddingMode: "circular",
  }),
  maxPool1d: maxPool1d({ kernel: 2 }),
  "maxPool1d, same": maxPool1d({ kernel: 3, stride: 2, padding: "same" }),
  "maxPool1d, padding": maxPool1d({ kernel: 3, stride: 1, padding: 1 }),
  "maxPool1d, ceilMode": maxPool1d({ kernel: 2, stride: 3, ceilMode: true }),
  "maxPool1d, ceilMode, padding": maxPool1d({ kernel: 3, stride: 2, padding: 1, dilation: 2, ceilMode: true }),
  averagePool1d: averagePool1d({ kernel: 2, stride: 1 }),
  "averagePool1d, pads not counted": averagePool1d({ kernel: 4, stride: 1, padding: 2, countPads: false }),
  "averagePool1d, ceilMode": averagePool1d({ kernel: 3, stride: 2, padding: 1, ceilMode: true }),
  "averagePool1d, ceilMode, pads not counted": averagePool1d({
    kernel: 4,
    padding: 1,
    countPads: false,
    ceilMode: true,
  }),
  globalMaxPool: globalMaxPool(),
  globalMeanPool: globalMeanPool(),
  globalSumPool: globalSumPool(),
  batchNorm: batchNorm(),
  layerNorm: layerNorm(),
  activation: activation({ kind: "softplus" }),
  glu: glu(),
  highway: highway({ activation: "tanh" }),
  gru: gru({ units: 3, layers: 2, bidirectional: true }),
  "gru, sequences": gru({ units: 3, layers: 2, bidirectional: true, returns: "sequences" }),
  "gru, states": stated(gru({ units: 3, layers: 2, bidirectional: true, returns: "states" })),
  lstm: lstm({ units: 3, layers: 2, bidirectional: true }),
  "lstm, states": stated(lstm({ units: 3, layers: 2, bidirectional: true, returns: "states" })),
  "lstm, projSize": lstm({ units: 4, projSize: 2, layers: 2, bidirectional: true }),
  "lstm, sequences": lstm({ units: 3, bidirectional: true, returns: "sequences" }),
  multiHeadAttention: multiHeadAttention({ heads: 2 }),
  "multiHeadAttention, causal": multiHeadAttention({ heads: 2, causal: true }),
  "transformerEncoder, learned positions": transformerEncoder({ heads: 2, positions: "learned", maxLength: 12 }),
  "transformerEncoder, sines, pre-norm": transformerEncoder({
    heads: 2,
    layers: 2,
    feedForward: 5,
    positions: "sinusoidal",
    normFirst: true,
    activation: "geluTanh",
  }),
  attentionPool: attentionPool({ units: 3 }),
  residual: residual(sequential(layerNorm(), dense({ units: 4, activation: "sigmoid" }))),
  onSteps: onSteps((_, x) => add(tanh(x), 1)),
  "what leaves something at padding": sequential(
    (_: Scope, { values, mask }: Steps) => ({ values: add(values, 1), mask }),
    conv1d({ filters: 2, kernel: 3, padding: "same" }),
  ),
  "what leaves something at padding, pooled": sequential(
    (_: Scope, { values, mask }: Steps) => ({ values: add(values, 1), mask }),
    globalSumPool(),
  ),
};

const channels = 4;
const rows = Array.from([3, 5, 1, 0], (length, i) => {
  const from = random(i);
  return Array.from({ length: length * channels }, () => Math.fround(from.normal()));
});

/** Rows as a padded batch, under a layer. */
function onRows(made: StepsLayer, which: readonly number[], steps: number, training = false): LayerGraph {
  const batch = which.length;
  const values = new Float64Array(batch * steps * channels);
  const mask = new Float64Array(batch * steps);
  for (const [i, row] of which.entries()) {
    values.set(rows[row]!, i * steps * channels);
    mask.fill(1, i * steps, i * steps + rows[row]!.length / channels);
  }
  return layerTest({
    training,
    inputs: { x: { shape: [batch, steps, channels], values }, mask: { shape: [batch, steps], values: mask } },
    build: (scope, tensors) => {
      const output = made(scope, { values: tensors.x, mask: tensors.mask });
      return "values" in output ? [output.values, output.mask] : [output];
    },
  });
}

/** What a test's graph gives, in double precision. */
function run({ parameters, inputs, build }: LayerGraph): { values: Float64Array; shape: Shape }[] {
  const given = { ...parameters, ...inputs } as Record<string, { shape: Shape; values: ArrayLike<number> }>;
  const feeds = Object.fromEntries(
    Object.entries(given).map(([name, { values }]) => [name, Float64Array.from(values)]),
  );
  const outputs = [build(tensorsOf({ parameters, inputs }))].flat() as Value[];
  const results = evaluate(program(Object.fromEntries(outputs.map((value, i) => [`y${i}`, value]))), feeds);
  return outputs.map(({ shape }, i) => ({ shape, values: Float64Array.from(results[`y${i}`]!) }));
}

function tensorsOf({ parameters, inputs }: Pick<LayerGraph, "parameters" | "inputs">): Record<string, Value> {
  return Object.fromEntries(
    Object.entries({ ...parameters, ...inputs }).map(([name, filled]) => {
      const { shape, dtype } = ("shape" in filled ? filled : { shape: filled }) as { shape: Shape; dtype?: "int32" };
      return [name, name in parameters ? parameter(name, shape) : input(name, shape, dtype)];
    }),
  );
}

/** The numbers of one row of a result that its mask lets through. */
function rowOf([values, mask]: ReturnType<typeof run>, row: number): number[] {
  const { shape } = values!;
  const size = sizeOf(shape.slice(1));
  const own = Array.from(values!.values.subarray(row * size, (row + 1) * size));
  if (!mask) return own;
  const steps = mask.shape[1]!;
  const present = Array.from(mask.values.subarray(row * steps, (row + 1) * steps));
  expect(present).toEqual(present.toSorted((a, b) => b - a));
  const width = size / steps;
  expect(own.filter((value, i) => value !== 0 && present[Math.floor(i / width)] === 0)).toEqual([]);
  return own.slice(0, width * present.filter((one) => one === 1).length);
}

function expectClose(got: readonly number[], want: readonly number[]): void {
  expect(got.length).toBe(want.length);
  expect(Math.max(0, ...got.map((value, i) => Math.abs(value - want[i]!)))).toBeLessThan(1e-9);
}

describe("a row's result is its own", () => {
  for (const [name, made] of Object.entries(overSteps))
    test(name, () => {
      const short = run(onRows(made, [0, 1, 2, 3], 5));
      const long = run(onRows(made, [3, 2, 0, 1], 11));
      for (const [at, row] of [3, 2, 0, 1].entries()) {
        expectClose(rowOf(long, at), rowOf(short, row));
        expect(rowOf(short, row).every(Number.isFinite)).toBe(true);
      }
      const alone = run(onRows(made, [0], 3));
      expectClose(rowOf(alone, 0), rowOf(short, 0));
    });

  test("and a row without steps gives zeros", () => {
    for (const name of ["globalMaxPool", "globalMeanPool", "globalSumPool", "attentionPool", "gru", "lstm"])
      expect(
        rowOf(run(onRows(overSteps[name]!, [3, 1], 5)), 0).every((value) => value === 0),
        name,
      ).toBe(true);
  });

  test("and attention on a row without keys gives the bias", () => {
    const one = layerTest({
      inputs: {
        query: { shape: [1, 2, 2], values: [1, 2, 3, 4] },
        keys: { shape: [1, 3, 2], values: [0, 0, 0, 0, 0, 0] },
        queryMask: { shape: [1, 2], values: [1, 1] },
        mask: { shape: [1, 3], values: [0, 0, 0] },
      },
      values: {
        "multiHeadAttention/in_proj_bias": [1, 2, 3, 4, 5, 6],
        "multiHeadAttention/out_proj/bias": [0.5, -0.25],
      },
      build: (scope, { query, keys, queryMask, mask }) =>
        multiHeadAttention({ heads: 1 })(scope, {
          query: { values: query, mask: queryMask },
          keys: { values: keys, mask },
        }).values,
    });
    expectClose(Array.from(run(one)[0]!.values), [0.5, -0.25, 0.5, -0.25]);
  });

  test("fullSteps is a mask of ones", () => {
    for (const [name, made] of Object.entries(overSteps)) {
      const [want] = run(onRows(made, [1, 1], 5));
      const [got] = run(onRows((scope, { values }) => made(scope, fullSteps(values)), [1, 1], 5));
      expect(got!.shape, name).toEqual(want!.shape);
      expectClose(Array.from(got!.values), Array.from(want!.values));
    }
  });
});

const image = [2, 2, 4, 5] as const;
const ids = { shape: [3, 5], values: [1, 2, 3, 4, 5, 1, 2, 1, 0, 0, 0, 0, 0, 0, 0], dtype: "int32" } as const;
const idsMask = { shape: [3, 5], values: [1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0] } as const;
const onValue = (made: Layer, shape: Shape, training = false) =>
  layerTest({ training, inputs: { x: shape }, build: (scope, { x }) => made(scope, x) });
const onTokens = (made: Layer<Tokens, Value>) =>
  layerTest({ inputs: { ids, mask: idsMask }, build: (scope, { ids, mask }) => made(scope, { ids, mask }) });
/** A recurrent layer on the rows, which begins with states. */
function onStates(
  starts: Readonly<Record<string, Shape>>,
  make: () => Layer<LstmInput, Value | GruStates | LstmStates>,
): LayerGraph {
  const { inputs, parameters } = onRows((_, { values }) => values, [0, 1, 2, 3], 5);
  return layerTest({
    inputs: { ...parameters, ...inputs, ...starts },
    build(scope, tensors) {
      const { x, mask, ...given } = tensors as Readonly<Record<string, Value>>;
      const found = make()(scope, { input: { values: x!, mask: mask! }, ...given });
      return "output" in found ? [found.output.values, found.hn, ...("cn" in found ? [found.cn] : [])] : [found];
    },
  });
}
const textCnn = (relus: "relu" | ((x: Value) => Value), params: object = {}) =>
  sequential(
    embedding({ rows: 6, width: 4 }),
    conv1d({ filters: 6, kernel: 3, activation: relus, ...params }),
    globalMaxPool(),
  );
const convolutions = {
  valid: {},
  same: { padding: "same" },
  "stride, dilation": { padding: 2, stride: 2, dilation: 2 },
  "no bias": { bias: false },
  "longer than any row": { kernel: 7 },
} as const;

/** Every layer, in training where that makes a difference. */
const tests: Readonly<Record<string, LayerGraph>> = {
  ...Object.fromEntries(
    Object.entries(overSteps).map(([name, made]) => [`${name}, on steps`, onRows(made, [0, 1, 2, 3], 5, true)]),
  ),
  dense: onValue(dense({ units: 3, activation: "gelu" }), [3, 2, 4]),
  "dense, no bias": onValue(dense({ units: 3, bias: false, activation: "elu" }), [3, 4]),
  bagDense: layerTest({
    inputs: { ids, weights: [3, 5] },
    build: (scope, bag) => bagDense({ cols: 6, units: 2, activation: "tanh" })(scope, bag),
  }),
  embedding: onTokens(sequential(embedding({ rows: 6, width: 3 }), globalMeanPool())),
  ...Object.fromEntries(
    Object.entries(convolutions).map(([name, params]) => [`text CNN, ${name}`, onTokens(textCnn("relu", params))]),
  ),
  conv2d: onValue(
    conv2d({ filters: 4, kernel: [3, 2], stride: [1, 2], padding: [1, 0], groups: 2, activation: "silu" }),
    image,
  ),
  "conv2d, reflect": onValue(conv2d({ filters: 3, kernel: 3, padding: [2, 1], paddingMode: "reflect" }), image),
  "conv2d, replicate": onValue(conv2d({ filters: 3, kernel: 4, padding: "same", paddingMode: "replicate" }), image),
  "conv2d, circular": onValue(conv2d({ filters: 3, kernel: 3, padding: 2, stride: 2, paddingMode: "circular" }), image),
  "conv2d, same": onValue(conv2d({ filters: 3, kernel: 3, padding: "same", dilation: 2 }), image),
  maxPool2d: onValue(maxPool2d({ kernel: 2, stride: 1, padding: 1 }), image),
  averagePool2d: onValue(averagePool2d({ kernel: [2, 3], padding: "same", countPads: false }), image),
  "maxPool2d, ceilMode": onValue(maxPool2d({ kernel: [3, 2], stride: [2, 3], padding: [1, 0], ceilMode: true }), image),
  "averagePool2d, ceilMode": onValue(averagePool2d({ kernel: 3, stride: 2, padding: [1, 0], ceilMode: true }), image),
  "averagePool2d, ceilMode, pads not counted": onValue(
    averagePool2d({ kernel: 3, stride: 2, padding: 1, countPads: false, ceilMode: true }),
    image,
  ),
  globalMaxPool2d: onValue(globalMaxPool2d(), image),
  globalAveragePool2d: onValue(globalAveragePool2d(), image),
  "batchNorm of images": onValue(batchNorm(), image, true),
  "batchNorm, not affine": onValue(batchNorm({ affine: false }), [5, 3], true),
  "layerNorm over all axes": onValue(layerNorm({ axes: 3 }), image),
  // Where the exponential that is not taken is infinite.
  "elu far out": layerTest({
    inputs: { x: { shape: [1, 4], values: [1000, 2, -2, -1000] } },
    build: (scope, { x }) => activation({ kind: "elu" })(scope, x),
  }),
  "leakyRelu, dropout": onValue(sequential(activation({ kind: "leakyRelu" }), dropout({ rate: 0.4 })), [4, 6], true),
  "dropout of channels": onValue(dropout({ rate: 0.5, shared: [2, 3] }), image, true),
  "gru, h0": onStates({ h0: [4, 4, 3] }, () => gru({ units: 3, layers: 2, bidirectional: true, returns: "states" })),
  "gru, h0, last": onStates({ h0: [4, 1, 3] }, () => gru({ units: 3 })),
  "lstm, h0, c0": onStates({ h0: [4, 4, 3], c0: [4, 4, 3] }, () =>
    lstm({ units: 3, layers: 2, bidirectional: true, returns: "states" }),
  ),
  "lstm, c0 alone, projSize": onStates({ c0: [4, 1, 3] }, () => lstm({ units: 3, projSize: 2, returns: "states" })),
  "lstm, h0 and c0, projSize": onStates({ h0: [4, 2, 2], c0: [4, 2, 3] }, () =>
    lstm({ units: 3, projSize: 2, bidirectional: true, bias: false, returns: "states" }),
  ),
  "lstm, its last memory alone": onRows(
    (scope, input) => lstm({ units: 3, projSize: 2, layers: 2, returns: "states" })(scope, input).cn,
    [0, 1, 2, 3],
    5,
  ),
  "gru, dropout": onRows(gru({ units: 2, layers: 2, dropout: 0.5, bias: false }), [0, 1], 5, true),
  "transformerEncoder, dropout": onRows(transformerEncoder({ heads: 2, dropout: 0.3 }), [0, 1], 5, true),
  "attention on others": layerTest({
    inputs: { query: [3, 2, 4], keys: [3, 5, 6], queryMask: [3, 2], mask: idsMask },
    fixed: ["queryMask", "mask"],
    build: (scope, { query, keys, queryMask, mask }) =>
      multiHeadAttention({ heads: 2 })(scope, {
        query: { values: query, mask: queryMask },
        keys: { values: keys, mask },
      }).values,
  }),
  "gatedFusion of two": layerTest({
    inputs: { a: [3, 2], b: [3, 4] },
    build: (scope, { a, b }) => gatedFusion({ units: 3 })(scope, [a, b]),
  }),
  "gatedFusion of three": layerTest({
    inputs: { a: [3, 2], b: [3, 4], c: [3, 1] },
    build: (scope, { a, b, c }) => gatedFusion({ units: 3, activation: "silu", bias: false })(scope, [a, b, c]),
  }),
  "flatten, reshaped, residual": onValue(
    sequential(flatten(), reshaped({ shape: [2, -1] }), residual(dense({ units: 20 }))),
    image,
  ),
};

describe("gradients by differences", () => {
  for (const [name, one] of Object.entries(tests)) test(name, () => void checkGradients(one, { entries: 24 }));
});

for (const runtime of [await onnx({ package: "onnxruntime-node" }), ...(await Promise.all(tfjsBuilds.map(tfjs)))])
  describe(`the same numbers on ${runtime.name}`, () => {
    for (const [name, one] of Object.entries(tests)) test(name, () => checkRuntime(runtime, one));
  });

describe("globalMaxPool over relu(conv1d) over an embedding", () => {
  /** What flows to the parameters of a text CNN, the table's rows added up. */
  const flow = (one: LayerGraph) => {
    const tensors = tensorsOf(one);
    const names = Object.keys(one.parameters);
    const [output] = [one.build(tensors)].flat() as [Value];
    const weights = random(5);
    const factors = constant(Float32Array.from({ length: sizeOf(output.shape) }, () => weights.normal()));
    const found = gradients(
      sum(mul(output, reshape(factors, output.shape))),
      names.map((name) => tensors[name]!),
    );
    const fetched = Object.fromEntries(
      names.map((name) => [name, denseGradient(tensors[name]!, found.get(tensors[name]!)!)]),
    );
    const given = { ...one.parameters, ...one.inputs } as Record<string, { values: ArrayLike<number> }>;
    const feeds = Object.entries(given).map(([name, { values }]) => [name, Float64Array.from(values)]);
    return {
      numbers: evaluate(program({ output, ...fetched }), Object.fromEntries(feeds)),
      rows: found.get(tensors["embedding/weight"]!)!.rows,
    };
  };

  for (const [name, params] of Object.entries(convolutions))
    test(`gives what the long way gives: ${name}`, () => {
      const [got, want] = [flow(onTokens(textCnn("relu", params))), flow(onTokens(textCnn(relu, params)))];
      for (const [part, values] of Object.entries(want.numbers))
        expectClose(Array.from(got.numbers[part]!), Array.from(values));
    });

  test("sends gradient to winning windows only", () => {
    const { rows } = flow(onTokens(textCnn("relu")));
    // And, with nothing, all that was looked up.
    expect(rows.map(({ values }) => values.shape)).toEqual([[6 * 3 * 3 + 3 * 5, 4]]);
    const long = flow(onTokens(textCnn(relu)));
    expect(long.rows.map(({ values }) => values.shape)).toEqual([[3 * 5, 4]]);
  });

  test("sends nothing to the padding id", () => {
    const made = sequential(
      embedding({ rows: 6, width: 4, padding: 1 }),
      conv1d({ filters: 6, kernel: 3, activation: "relu" }),
      globalMaxPool(),
    );
    const { numbers } = flow(onTokens(made));
    expect(Array.from(numbers["embedding/weight"]!.subarray(4, 8))).toEqual([0, 0, 0, 0]);
    expect(numbers["embedding/weight"]!.some((value) => value !== 0)).toBe(true);
  });
});

describe("in training", () => {
  const specs = (made: Layer, training: boolean, shape: Shape = [4, 3]) =>
    trace(
      network({ x: { kind: "tensor", shape: shape.slice(1) } }, (scope, { x }) => made(scope, x)),
      { batch: shape[0]!, training },
    );

  test("dropout draws, otherwise it is not there", () => {
    const made = dropout({ rate: 0.25 });
    expect([...specs(made, true).masks].map(([name, { rate }]) => [name, rate])).toEqual([["dropout/mask0", 0.25]]);
    const { output, masks, inputs } = specs(made, false);
    expect(masks.size).toBe(0);
    expect(output).toBe(inputs.get("x"));
    expect(specs(dropout({ rate: 0 }), true).masks.size).toBe(0);
  });

  test("batchNorm keeps running statistics, which are not trained", () => {
    const { parameters, updates } = specs(batchNorm({ name: "norm" }), true);
    expect([...parameters].map(([name, { spec }]) => [name, spec.trained])).toEqual([
      ["norm/weight", true],
      ["norm/bias", true],
      ["norm/running_mean", false],
      ["norm/running_var", false],
    ]);
    expect([...updates.keys()]).toEqual(["norm/running_mean", "norm/running_var"]);
    expect(specs(batchNorm(), false).updates.size).toBe(0);
  });

  test("an embedding that is not trained is a buffer", () => {
    const { parameters } = trace(
      network({ words: { kind: "tokens", vocabulary: 5 } }, (scope, { words }) =>
        sequential(embedding({ rows: 5, width: 2, trained: false }), globalSumPool())(scope, words),
      ),
      { batch: 2, lengths: { words: 3 } },
    );
    expect([...parameters.values()].map(({ spec }) => spec.trained)).toEqual([false]);
  });

  test("parameters begin as they are told to", () => {
    const first = (made: Layer<Tokens, Steps | Value>) => {
      const { parameters } = trace(
        network({ words: { kind: "tokens", vocabulary: 5 } }, (scope, { words }) => {
          const output = made(scope, words);
          return "values" in output ? output.values : output;
        }),
        { batch: 1, lengths: { words: 2 } },
      );
      return [...parameters.values()].map(({ spec: { shape, init } }) => Array.from(init(shape, random(1))));
    };
    const made = sequential(
      embedding({ rows: 3, width: 2, padding: 1, weightInit: constantly(7) }),
      dense({ units: 1, weightInit: constantly(2), biasInit: constantly(3) }),
    );
    expect(first(made)).toEqual([[7, 7, 0, 0, 7, 7], [2, 2], [3]]);
    const [table, weight, bias] = first(sequential(embedding({ rows: 500, width: 4 }), dense({ units: 900 })));
    expect(Math.abs(table!.reduce((sum, value) => sum + value ** 2, 0) / 2000 - 1)).toBeLessThan(0.1);
    for (const numbers of [weight!, bias!]) {
      expect(Math.max(...numbers)).toBeLessThanOrEqual(0.5);
      expect(Math.max(...numbers)).toBeGreaterThan(0.49);
    }
  });

  test("layers number themselves, or go by their name", () => {
    const { parameters } = specs(
      sequential(dense({ units: 2 }), dense({ units: 2, name: "last" }), dense({ units: 1, bias: false })),
      false,
    );
    expect([...parameters.keys()]).toEqual([
      "dense/weight",
      "dense/bias",
      "last/weight",
      "last/bias",
      "dense_2/weight",
    ]);
  });
});

describe("wrong use", () => {
  const x = input("x", [2, 6]);
  const steps: Steps = { values: input("s", [2, 5, 6]), mask: input("s.mask", [2, 5]) };
  const scope = () => {
    let own: Scope | undefined;
    trace(
      network({ x: { kind: "vector", cols: 1 } }, (given, { x }) => {
        own = given;
        return x;
      }),
      { batch: 1, training: true },
    );
    return own!;
  };
  const wrong: Readonly<Record<string, readonly [() => unknown, MmubError["code"], string]>> = {
    "no units": [() => dense({ units: 0 }), "invalid-params", "nn/dense: units is number 0, want a positive integer"],
    "unknown activation": [
      () => dense({ units: 1, activation: "rely" as never }),
      "invalid-params",
      'nn/dense: activation is string "rely", want a function or one of linear, relu,',
    ],
    "groups that do not divide": [
      () => conv1d({ filters: 3, kernel: 1, groups: 2 }),
      "invalid-params",
      "nn/conv1d: filters is number 3, want a multiple of groups, 2",
    ],
    "unknown padding": [
      () => conv2d({ filters: 3, kernel: 1, padding: "causal" as never }),
      "invalid-params",
      'nn/conv2d: padding is string "causal", want one of "valid", "same"',
    ],
    "a kernel of three": [
      () => conv2d({ filters: 3, kernel: [1, 2, 3] as never }),
      "invalid-params",
      "nn/conv2d: kernel is an array of 3, want a positive integer, or two as [height, width]",
    ],
    "pads that hold a window": [
      () => maxPool1d({ kernel: 2, padding: 2 }),
      "invalid-params",
      "nn/maxPool1d: padding is number 2, want an integer from 0 to half the kernel, 1",
    ],
    "dropout of all": [
      () => dropout({ rate: 1 }),
      "invalid-params",
      "nn/dropout: rate is number 1, want a number from 0 to below 1",
    ],
    "a name that is none": [
      () => dense({ units: 1, name: "" }),
      "invalid-params",
      'nn/dense: name is string "", want a name',
    ],
    "a padding id outside": [
      () => embedding({ rows: 3, width: 1, padding: 3 }),
      "invalid-params",
      "nn/embedding: padding is number 3, want an id from 0 to 2",
    ],
    "positions without a most": [
      () => transformerEncoder({ heads: 1, positions: "learned" }),
      "invalid-params",
      "nn/transformerEncoder: maxLength is undefined, want a positive integer",
    ],
    "a value for steps": [
      () => gru({ units: 2 })(scope(), x as never),
      "invalid-input",
      'nn/gru: layer "gru": input is a value of [2, 6], want steps: { values, mask } of a sequence',
    ],
    "tokens for numbers": [
      () => dense({ units: 2 })(scope(), { ids: x, mask: x } as never),
      "invalid-input",
      'nn/dense: layer "dense": input is an object with ids, mask, want a value',
    ],
    "an input that is not there": [
      () => globalMaxPool()(scope(), undefined as never),
      "invalid-input",
      'nn/globalMaxPool: layer "globalMaxPool": input is undefined, want steps',
    ],
    "steps for tokens": [
      () => embedding({ rows: 2, width: 2, name: "words" })(scope(), steps as never),
      "invalid-input",
      'nn/embedding: layer "words": input is an object with values, mask, want tokens',
    ],
    "tokens for a bag": [
      () => bagDense({ cols: 2, units: 2 })(scope(), { ids: x, mask: x } as never),
      "invalid-input",
      'nn/bagDense: layer "bagDense": input is an object with ids, mask, want a bag',
    ],
    "a row for an image": [
      () => conv2d({ filters: 1, kernel: 1 })(scope(), x),
      "shape-mismatch",
      'nn/conv2d: layer "conv2d": input is [2, 6], want [batch, channels, height, width]',
    ],
    "groups that do not divide channels": [
      () => conv1d({ filters: 4, kernel: 1, groups: 4 })(scope(), steps),
      "shape-mismatch",
      'nn/conv1d: layer "conv1d": input has 6 channels, want a multiple of groups, 4',
    ],
    "a mask of another length": [
      () => globalMaxPool()(scope(), { values: steps.values, mask: input("m", [2, 4]) }),
      "shape-mismatch",
      "steps are [2, 5, 6] with mask [2, 4], want [batch, steps, channels] and [batch, steps]",
    ],
    "a state of another width": [
      () => gru({ units: 2 })(scope(), { input: steps, h0: input("h0", [2, 2]) }),
      "shape-mismatch",
      'nn/gru: layer "gru": h0 is a value of [2, 2], want [2, 1, 2]: [batch, layers x directions, width]',
    ],
    "a memory for a GRU": [
      () => gru({ units: 2 })(scope(), { input: steps, c0: input("c0", [2, 1, 2]) } as never),
      "invalid-input",
      'nn/gru: layer "gru": got c0, want h0 alone: a GRU has no memory beside its state',
    ],
    "a projection as wide as the units": [
      () => lstm({ units: 2, projSize: 2 }),
      "invalid-params",
      "nn/lstm: projSize is number 2, want a positive integer below units, 2",
    ],
    "a ceil mode that is none": [
      () => maxPool1d({ kernel: 2, ceilMode: "yes" as never }),
      "invalid-params",
      'nn/maxPool1d: ceilMode is string "yes", want true or false',
    ],
    "a padding mode that is none": [
      () => conv1d({ filters: 2, kernel: 3, paddingMode: "mirror" as never }),
      "invalid-params",
      'nn/conv1d: paddingMode is string "mirror", want one of "zeros", "reflect", "replicate", "circular"',
    ],
    "heads that do not divide": [
      () => multiHeadAttention({ heads: 4 })(scope(), steps),
      "shape-mismatch",
      "query has 6 channels, want a multiple of heads, 4",
    ],
    "more steps than positions": [
      () => transformerEncoder({ heads: 2, positions: "learned", maxLength: 4 })(scope(), steps),
      "shape-mismatch",
      'layer "transformerEncoder": input has 5 steps, want at most maxLength, 4',
    ],
    "one row to normalise by": [
      () => batchNorm()(scope(), input("one", [1, 6])),
      "shape-mismatch",
      "input is [1, 6], want more than one value for each channel to train on",
    ],
    "a residual of another width": [
      () => residual(dense({ units: 2 }))(scope(), x),
      "shape-mismatch",
      "input is [2, 6] and the layer gives [2, 2], want the same",
    ],
    "steps that become fewer": [
      () => onSteps((_, rows) => split(rows, [5, 5], 0)[0]!)(scope(), steps),
      "shape-mismatch",
      "the layer gives [5, 6], want 10 rows, one for each step",
    ],
    "half of an odd width": [
      () => glu()(scope(), input("odd", [2, 5])),
      "shape-mismatch",
      'nn/glu: layer "glu": input is [2, 5], want an even last axis',
    ],
    "one value to fuse": [
      () => gatedFusion({ units: 2 })(scope(), [x]),
      "invalid-input",
      "got 1 values, want at least two",
    ],
    "rows that differ": [
      () => gatedFusion({ units: 2 })(scope(), [x, input("y", [3, 6])]),
      "shape-mismatch",
      "value 1 is [3, 6], want [2, cols] as value 0",
    ],
    "no layer": [
      () => sequential(dense({ units: 1 }), undefined as never),
      "invalid-params",
      "nn/sequential: layer 1 is undefined, want a layer",
    ],
    "a flat layer norm": [
      () => layerNorm({ axes: 2 })(scope(), x),
      "shape-mismatch",
      "input is [2, 6], want [batch, ...] and 2 axes to normalise",
    ],
  };
  for (const [name, [make, code, message]] of Object.entries(wrong))
    test(name, () => {
      let error: unknown;
      try {
        make();
      } catch (thrown) {
        error = thrown;
      }
      if (!MmubError.is(error)) throw error ?? new Error("nothing was thrown");
      expect(error.code).toBe(code);
      expect(error.message).toContain(message);
    });
});
