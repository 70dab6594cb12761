import {
  constant,
  denseGradient,
  gradients,
  mul,
  onnx,
  type Program,
  program,
  type Runtime,
  sum,
  tfjs,
  trace,
} from "@mmub/nn";
import { reference } from "@mmub/nn/testing";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { feedsOf, fusers, golden, lengths, networkOf, weightsOf } from "../../fixtures/cases.js";

const { rows } = golden;
const feeds = Object.fromEntries(Object.entries(feedsOf(rows)).map(([name, { data }]) => [name, data]));

/** The output and the gradients of all weights, by one program. */
function graphOf(name: string) {
  const net = networkOf(fusers[name]!);
  const { output, parameters } = trace(net, { batch: rows, lengths });
  const loss = sum(mul(output, constant(Float32Array.from(golden.fusers[name]!.wanted), output.shape)));
  const values = [...parameters].map(([name, { value }]) => ({ name, value }));
  const found = gradients(
    loss,
    values.map(({ value }) => value),
  );
  const wanted = Object.fromEntries(
    values.flatMap(({ name, value }) => {
      const gradient = found.get(value);
      return gradient ? [[`gradient ${name.replace("fusion/", "")}`, denseGradient(value, gradient)]] : [];
    }),
  );
  return { program: program({ output, ...wanted }), weights: weightsOf(net) };
}

async function run(runtime: Runtime, graph: { program: Program; weights: object }, threads: number) {
  const session = await runtime.compile(graph.program, { threads });
  const fetches = Object.fromEntries(
    graph.program.outputs.map(({ name, shape }) => [name, new Float32Array(shape.reduce((a, b) => a * b, 1))]),
  );
  await session.run({ ...feeds, ...graph.weights }, fetches);
  await session.dispose();
  return fetches;
}

/** The most that two differ, in parts of the largest, which counts as at least `least`. */
function apart(got: ArrayLike<number>, want: readonly number[], least: number): number {
  if (got.length !== want.length) return Number.POSITIVE_INFINITY;
  const largest = Math.max(least, ...want.map(Math.abs));
  return Math.max(...want.map((value, i) => Math.abs(got[i]! - value) / largest));
}

const runtimes = {
  "the reference runtime": { make: async () => reference(), outputs: 1e-5, gradients: 1e-4 },
  "onnxruntime, two threads": { make: () => onnx({ package: "onnxruntime-node" }), outputs: 1e-5, gradients: 1e-4 },
  "onnxruntime-web": { make: () => onnx({ package: "onnxruntime-web" }), outputs: 1e-5, gradients: 1e-4 },
  "tfjs, wasm": { make: () => tfjs({ backend: "wasm" }), outputs: 1e-4, gradients: 1e-3 },
} satisfies Record<string, { make: () => Promise<Runtime>; outputs: number; gradients: number }>;

for (const [runtimeName, { make, ...most }] of Object.entries(runtimes))
  describe(`PyTorch's numbers on ${runtimeName}`, () => {
    let runtime: Runtime;
    beforeAll(async () => {
      const printed = vi.spyOn(console, "log").mockImplementation(() => {});
      runtime = await make();
      printed.mockRestore();
    });

    test.each(Object.keys(fusers))("%s", async (name) => {
      const want = golden.fusers[name]!;
      const graph = graphOf(name);
      const got = await run(runtime, graph, 2);
      expect(apart(got.output!, want.output, 1)).toBeLessThan(most.outputs);
      const found = Object.keys(got).filter((key) => key !== "output");
      const nothing = Object.entries(want.gradients).filter(([, values]) => values.every((value) => value === 0));
      for (const [parameter, values] of Object.entries(want.gradients)) {
        const own = got[`gradient ${parameter}`];
        if (own) expect([parameter, apart(own, values, 1e-2) < most.gradients]).toEqual([parameter, true]);
      }
      // A weight without a gradient is one that the loss does not see, and no weight is left out on either side.
      expect(found.length).toBeGreaterThanOrEqual(Object.keys(want.gradients).length - nothing.length);
      expect(Object.keys(graph.weights)).toHaveLength(Object.keys(want.gradients).length);
    });
  });
