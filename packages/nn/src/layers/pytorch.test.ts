import { describe, expect, test } from "vitest";
import {
  inputOf,
  type LayerCase,
  layerCases,
  layerOf,
  ourName,
  parametersIn,
  type Tensor,
} from "../../fixtures/layer-cases.js";
import { denseGradient, gradients } from "../gradients.js";
import type { Value } from "../graph.js";
import type { Scope } from "../network.js";
import { constant, input, mul, parameter, sum } from "../ops.js";
import { program } from "../program.js";
import { onnx } from "../runtimes/onnx.js";
import type { Runtime } from "../runtimes/runtime.js";
import { layerTest, reference } from "../testing/index.js";

async function run(runtime: Runtime, one: LayerCase, threads: number) {
  const made = layerOf(one);
  const { parameters, inputs, build } = layerTest({
    inputs: { ...one.inputs, ...one.fixed },
    fixed: Object.keys(one.fixed),
    training: one.training ?? false,
    values: Object.fromEntries(Object.entries(parametersIn(one)).map(([name, { values }]) => [name, values])),
    build: (scope: Scope, tensors) => made(scope, inputOf(one, tensors)),
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
    for (const one of layerCases)
      test(one.name, async () => {
        const { output, fetches, parameterNames } = await run(await make(), one, threads);
        expect(output.shape).toEqual(one.output.shape);
        expect(apart(fetches.output!, one.output.values)).toBeLessThan(1e-4);
        if (one.mask) expect(Array.from(fetches.rest0!)).toEqual(one.mask);
        expect([...parameterNames].sort()).toEqual(
          Object.keys(one.parameters)
            .map((name) => ourName(one, name))
            .sort(),
        );
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
