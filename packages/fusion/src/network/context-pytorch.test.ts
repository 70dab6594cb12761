import { readFileSync } from "node:fs";
import { dense } from "@mmub/core";
import {
  constant,
  denseGradient,
  gradients,
  mul,
  onnx,
  parametersOf,
  program,
  type Runtime,
  sum,
  tfjs,
  trace,
} from "@mmub/nn";
import { reference } from "@mmub/nn/testing";
import { describe, expect, test, vi } from "vitest";
import { type ContextRnnParams, contextRnn } from "../index.js";

const golden = JSON.parse(readFileSync(new URL("../../fixtures/context.json", import.meta.url), "utf8")) as {
  readonly lengths: readonly number[];
  readonly mask: readonly number[];
  readonly inputs: Readonly<Record<string, readonly number[]>>;
  readonly networks: Readonly<
    Record<string, { output: number[]; wanted: number[]; gradients: Record<string, number[]> }>
  >;
};
const small = { context: "dialogue", units: 3, stateUnits: 2, dropout: 0, modalityDropout: 0 } as const;
const networks: Readonly<Record<string, ContextRnnParams>> = {
  lstm: small,
  gru: { ...small, cell: "gru", layers: 2, bidirectional: false, hierarchical: true, skip: false },
};
const [batch, steps] = [golden.lengths.length, Math.max(...golden.lengths)];

/** The output and the gradients of all weights of context.py; inputs as they are, so that moments are those of nothing. */
async function graphOf(name: string) {
  const dialogue = dense(4, 1, Float32Array.of(1, 1, 2, 2));
  const x = { dialogue, sound: dense(4, 2), text: dense(4, 3) };
  const model = contextRnn<string>({ ...networks[name]!, epochs: 1, validation: null, worker: false });
  const fitted = await model.fit(x, ["a", "b", "a", "b"]);
  const net = fitted.trained.network;
  await fitted.dispose();
  const lengths = Object.fromEntries(Object.keys(net.inputs).map((input) => [input, steps]));
  const weights = Object.fromEntries(
    parametersOf(net, { lengths }).map(({ name: parameter, shape }) => {
      const size = shape.reduce((a, b) => a * b, 1);
      if (parameter.endsWith("input/mean")) return [parameter, new Float32Array(size)];
      if (parameter.endsWith("input/scale")) return [parameter, new Float32Array(size).fill(1)];
      let start = 0;
      for (const [i, letter] of [...parameter].entries()) start += (i + 1) * letter.charCodeAt(0);
      return [parameter, Float32Array.from({ length: size }, (_, at) => Math.sin(1.7 * at + (start % 1000)) / 2)];
    }),
  );
  const { output, parameters } = trace(net, { batch, lengths });
  const loss = sum(mul(output, constant(Float32Array.from(golden.networks[name]!.wanted), output.shape)));
  const values = [...parameters].filter(([, { spec }]) => spec.trained);
  const found = gradients(
    loss,
    values.map(([, { value }]) => value),
  );
  const wanted = Object.fromEntries(
    values.map(([parameter, { value }]) => [`gradient ${parameter}`, denseGradient(value, found.get(value)!)]),
  );
  const feeds = Object.fromEntries(
    Object.keys(net.inputs).flatMap((input) => [
      [input, Float32Array.from(golden.inputs[input]!)],
      [`${input}.mask`, Float32Array.from(golden.mask)],
    ]),
  );
  return { program: program({ output, ...wanted }), feeds: { ...feeds, ...weights } };
}

/** The most that two differ, in parts of the largest, which counts as at least `least`. */
function apart(got: ArrayLike<number>, want: readonly number[], least: number): number {
  if (got.length !== want.length) return Number.POSITIVE_INFINITY;
  const largest = Math.max(least, ...want.map(Math.abs));
  return Math.max(...want.map((value, i) => Math.abs(got[i]! - value) / largest));
}

const runtimes = {
  "the reference runtime": { make: async () => reference(), outputs: 1e-5, gradients: 1e-4 },
  onnxruntime: { make: () => onnx({ package: "onnxruntime-node" }), outputs: 1e-5, gradients: 1e-4 },
  "tfjs, wasm": { make: () => tfjs({ backend: "wasm" }), outputs: 1e-4, gradients: 1e-3 },
} satisfies Record<string, { make: () => Promise<Runtime>; outputs: number; gradients: number }>;

for (const [runtimeName, { make, ...most }] of Object.entries(runtimes))
  describe(`PyTorch's numbers on ${runtimeName}`, () => {
    test.each(Object.keys(networks))("%s over contexts", async (name) => {
      const printed = vi.spyOn(console, "log").mockImplementation(() => {});
      const runtime = await make();
      printed.mockRestore();
      const want = golden.networks[name]!;
      const graph = await graphOf(name);
      const session = await runtime.compile(graph.program, { threads: 1 });
      const fetches = Object.fromEntries(
        graph.program.outputs.map((out) => [out.name, new Float32Array(out.shape.reduce((a, b) => a * b, 1))]),
      );
      await session.run(graph.feeds, fetches);
      await session.dispose();
      // Behind the end of a context there is nothing that anyone reads.
      const kept = fetches.output!.map((value, i) => value * golden.mask[Math.floor(i / 2)]!);
      expect(apart(kept, want.output, 1)).toBeLessThan(most.outputs);
      expect(Object.keys(fetches)).toHaveLength(Object.keys(want.gradients).length + 1);
      for (const [parameter, values] of Object.entries(want.gradients))
        expect([parameter, apart(fetches[`gradient ${parameter}`]!, values, 1e-2) < most.gradients]).toEqual([
          parameter,
          true,
        ]);
    });
  });
