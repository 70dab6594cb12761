import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { denseGradient, gradients } from "../gradients.js";
import type { Shape, Value } from "../graph.js";
import type { Layer, Scope, Steps } from "../network.js";
import { constant, input, mul, parameter, sum } from "../ops.js";
import { program } from "../program.js";
import { onnx } from "../runtimes/onnx.js";
import type { Runtime } from "../runtimes/runtime.js";
import { layerTest, reference } from "../testing/index.js";
import { activation } from "./activation.js";
import { attentionPool, multiHeadAttention, transformerEncoder } from "./attention.js";
import { sequential } from "./compose.js";
import { type Conv1dParams, conv1d, conv2d } from "./convolution.js";
import { bagDense, dense } from "./dense.js";
import { embedding } from "./embedding.js";
import { gatedFusion, glu, highway } from "./gate.js";
import { batchNorm, layerNorm } from "./normalization.js";
import * as pooling from "./pooling.js";
import { gru, lstm } from "./recurrent.js";

interface Tensor {
  readonly shape: Shape;
  readonly values: readonly number[];
  readonly dtype?: "int32";
}

interface Case {
  readonly name: string;
  readonly kind: string;
  readonly params: object;
  readonly training?: boolean;
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly fixed: Readonly<Record<string, Tensor>>;
  readonly parameters: Readonly<Record<string, Tensor>>;
  readonly buffers?: Readonly<Record<string, Tensor>>;
  readonly weights: readonly number[];
  readonly output: Tensor;
  /** The mask of the output, where it is not that of the input. */
  readonly mask?: readonly number[];
  readonly gradients: Readonly<Record<string, readonly number[]>>;
  readonly updates?: Readonly<Record<string, readonly number[]>>;
}

const cases = JSON.parse(
  readFileSync(new URL("../../fixtures/layers.json", import.meta.url), "utf8"),
) as readonly Case[];

const { globalMaxPool } = pooling;
const textCnn = (params: Omit<Conv1dParams, "filters">) =>
  sequential(
    embedding({ rows: 6, width: 4, padding: 1 }),
    conv1d({ filters: 5, activation: "relu", ...params }),
    globalMaxPool(),
  );

const factories = {
  dense,
  embedding,
  bagDense,
  conv1d,
  conv2d,
  ...pooling,
  textCnn,
  batchNorm,
  layerNorm,
  activation,
  glu,
  highway,
  gatedFusion,
  attentionPool,
  gru,
  lstm,
  multiHeadAttention,
  attended: multiHeadAttention,
  transformerEncoder,
} as unknown as Readonly<Record<string, (params: object) => Layer<unknown, Value | Steps>>>;

const names: Readonly<Record<string, string>> = { attended: "multiHeadAttention" };

/** Ours for a parameter by PyTorch's name. */
const ourName = ({ kind }: Case, name: string) =>
  kind === "textCnn" ? name : `${names[kind] ?? kind}/${name.replaceAll(".", "/")}`;

const rename = <T>(one: Case, of: Readonly<Record<string, T>>) =>
  Object.fromEntries(Object.entries(of).map(([name, value]) => [ourName(one, name), value]));

/** What a layer takes of the tensors of a case. */
function inputOf({ kind }: Case, tensors: Readonly<Record<string, Value>>): unknown {
  if (kind === "gatedFusion") return Object.values(tensors);
  if (kind !== "attended")
    return tensors.ids ? tensors : tensors.mask ? { values: tensors.x, mask: tensors.mask } : tensors.x;
  const { query, keys, values, queryMask, keysMask } = tensors;
  return {
    query: { values: query, mask: queryMask },
    keys: { values: keys, mask: keysMask },
    ...(values && { values: { values, mask: keysMask } }),
  };
}

async function run(runtime: Runtime, one: Case, threads: number) {
  const made = factories[one.kind]!(one.params);
  const { parameters, inputs, build } = layerTest({
    inputs: { ...one.inputs, ...one.fixed },
    fixed: Object.keys(one.fixed),
    training: one.training ?? false,
    values: Object.fromEntries(
      Object.entries(rename(one, { ...one.parameters, ...one.buffers })).map(([name, { values }]) => [name, values]),
    ),
    build: (scope: Scope, tensors) => {
      const output = made(scope, inputOf(one, tensors));
      return "values" in output ? [output.values, output.mask] : [output];
    },
  });
  const given = { ...parameters, ...inputs } as Readonly<Record<string, Tensor>>;
  const leaves = Object.keys(parameters);
  const tensors = Object.fromEntries(
    Object.entries(given).map(([name, { shape, dtype }]) => [
      name,
      leaves.includes(name) ? parameter(name, shape) : input(name, shape, dtype),
    ]),
  );
  const [output, ...rest] = build(tensors) as readonly [Value, ...Value[]];
  const loss = sum(mul(output, constant(Float32Array.from(one.weights), one.output.shape)));
  const found = gradients(
    loss,
    leaves.map((name) => tensors[name]!),
  );
  const fetched = {
    output,
    ...Object.fromEntries(rest.map((value, i) => [`rest${i}`, value])),
    ...Object.fromEntries(
      leaves.map((name) => [`gradient.${name}`, denseGradient(tensors[name]!, found.get(tensors[name]!)!)]),
    ),
  };
  const session = await runtime.compile(program(fetched), { threads });
  const fetches = Object.fromEntries(
    Object.entries(fetched).map(([name, { shape }]) => [name, new Float32Array(shape.reduce((a, b) => a * b, 1))]),
  );
  const arrays = Object.entries(given).map(([name, { values, dtype }]) => [
    name,
    dtype === "int32" ? Int32Array.from(values) : Float32Array.from(values),
  ]);
  await session.run(Object.fromEntries(arrays), fetches);
  await session.dispose();
  return { output, fetches, parameterNames: leaves.filter((name) => !(name in one.inputs)) };
}

/** The most that two differ, in parts of the largest. */
function apart(got: ArrayLike<number>, want: ArrayLike<number>): number {
  if (got.length !== want.length) return Number.POSITIVE_INFINITY;
  const largest = Math.max(1e-2, ...Array.from(want, Math.abs));
  return Math.max(0, ...Array.from(want, (value, i) => Math.abs(got[i]! - value) / largest));
}

for (const [runtimeName, make, threads] of [
  ["reference", async () => reference(), 1],
  ["onnxruntime, two threads", () => onnx({ package: "onnxruntime-node" }), 2],
] as const)
  describe(`PyTorch's numbers on ${runtimeName}`, () => {
    for (const one of cases)
      test(one.name, async () => {
        const { output, fetches, parameterNames } = await run(await make(), one, threads);
        expect(output.shape).toEqual(one.output.shape);
        expect(apart(fetches.output!, one.output.values)).toBeLessThan(1e-4);
        if (one.mask) expect(Array.from(fetches.rest0!)).toEqual(one.mask);
        expect([...parameterNames].sort()).toEqual(Object.keys(rename(one, one.parameters)).sort());
        for (const [name, want] of Object.entries(one.gradients)) {
          const known = name in one.inputs ? name : ourName(one, name);
          const got = fetches[`gradient.${known}`]!;
          // What is behind the end of a row is no input: what flows there stops at whatever made it.
          const mask = one.fixed.mask;
          const ends =
            name === "x" && mask
              ? got.map((v, i) => v * mask.values[Math.floor(i / (got.length / mask.values.length))]!)
              : got;
          expect(apart(ends, want), name).toBeLessThan(1e-4);
        }
        const updates = Object.values(one.updates ?? {});
        const given = one.fixed.mask && updates.length > 0 ? 1 : 0;
        for (const [i, want] of updates.entries()) expect(apart(fetches[`rest${i + given}`]!, want)).toBeLessThan(1e-4);
      });
  });
