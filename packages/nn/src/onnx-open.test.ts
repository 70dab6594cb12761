import { random, type TypedArray } from "@mmub/core";
import { afterAll, expect, test } from "vitest";
import { sizeOf } from "./graph.js";
import {
  attentionPool,
  averagePool1d,
  conv1d,
  crossEntropy,
  dense,
  embedding,
  globalMaxPool,
  globalMeanPool,
  gru,
  lstm,
  maxPool1d,
  multiHeadAttention,
  type Network,
  network,
  onnx,
  sequential,
  sinusoidalPositions,
  transformerEncoder,
} from "./index.js";
import type { Program } from "./program.js";
import type { Session } from "./runtimes/runtime.js";
import { trainingProgram } from "./step-program.js";

const loss = crossEntropy();
const steps = (build: (...of: never) => unknown) =>
  network({ x: { kind: "steps", cols: 6 } }, build as Network<{ x: { kind: "steps"; cols: 6 } }>["build"]) as Network;
const words = (layers: object) =>
  network({ x: { kind: "tokens", vocabulary: 50 } }, (scope, { x }) =>
    (layers as ReturnType<typeof globalMeanPool>)(scope, embedding({ rows: 50, width: 8 })(scope, x)),
  ) as Network;
const of = (layers: object) => steps((scope: never, { x }: { x: never }) => (layers as CallableFunction)(scope, x));
const head = dense({ name: "output", units: 3 });

/** Networks, and whether one session is to serve them at all lengths. */
const networks: Record<string, readonly [net: Network, shared: boolean]> = {
  GRU: [of(sequential(gru({ units: 5 }), head)), true],
  "bidirectional LSTM, mean": [
    of(sequential(lstm({ units: 4, bidirectional: true, returns: "sequences" }), globalMeanPool(), head)),
    true,
  ],
  "text CNN": [words(sequential(conv1d({ filters: 7, kernel: 5 }), globalMaxPool(), head)), true],
  "text CNN by sparse rules": [
    words(sequential(conv1d({ filters: 7, kernel: 5, activation: "relu" }), globalMaxPool(), head)),
    true,
  ],
  "strided convolutions": [
    of(
      sequential(
        conv1d({ filters: 7, kernel: 3, stride: 2, padding: "same" }),
        conv1d({ filters: 4, kernel: 3, dilation: 2, padding: "same" }),
        globalMeanPool(),
        head,
      ),
    ),
    true,
  ],
  Transformer: [
    of(
      sequential(
        sinusoidalPositions(),
        transformerEncoder({ heads: 2, layers: 1, feedForward: 8, dropout: 0.1 }),
        globalMeanPool(),
        head,
      ),
    ),
    true,
  ],
  "causal attention": [of(sequential(multiHeadAttention({ heads: 2, causal: true }), attentionPool(), head)), true],
  "pools of windows": [
    of(sequential(maxPool1d({ kernel: 3 }), averagePool1d({ kernel: 2 }), globalMeanPool(), head)),
    true,
  ],
  "overlapping pools": [
    of(
      sequential(
        maxPool1d({ kernel: 3, stride: 2 }),
        averagePool1d({ kernel: 3, stride: 1, padding: "same" }),
        globalMeanPool(),
        head,
      ),
    ),
    true,
  ],
  // Wider than what is put together of shifted copies: its attributes have the length.
  "a convolution of 40": [
    of(sequential(conv1d({ filters: 2, kernel: 40, padding: "same" }), globalMeanPool(), head)),
    false,
  ],
};

const native = await onnx();
const sessions: Session[] = [];
afterAll(() => Promise.all(sessions.map((session) => session.dispose())));

for (const [name, [net, shared]] of Object.entries(networks))
  test(`${name}: ${shared ? "one session gives" : "sessions give"} at each length what one of its own does`, async () => {
    const at = (length: number): Program =>
      trainingProgram(net, loss, { batch: 4, lengths: { x: length } }, () => true).program;
    const family = { ends: async () => [at(8), at(40)] as const };
    for (const length of [8, 9, 23, 40, 57]) {
      const program = at(length);
      const [one, own] = [await native.compile(program, { family }), await native.compile(program)];
      sessions.push(one, own);
      if (shared) expect(one.shared).toBe(true);
      const feeds = numbersFor(program, length);
      const [got, want] = [one, own].map(() => arraysFor(program.outputs));
      await one.run(feeds, got!);
      await own.run(feeds, want!);
      for (const { name } of program.outputs) {
        const scale = Math.max(...Array.from(want![name]!, Math.abs), 1e-3);
        for (const [i, value] of want![name]!.entries())
          if (!(Math.abs(got![name]![i]! - value) <= 1e-5 * scale))
            expect.fail(`${name}[${i}] of length ${length} is ${got![name]![i]}, of its own session ${value}`);
      }
    }
    if (!shared) expect(sessions.slice(-10).every((session) => !session.shared)).toBe(true);
  });

function arraysFor(specs: Program["inputs"]): Record<string, TypedArray> {
  return Object.fromEntries(
    specs.map(({ name, shape, dtype }) => [
      name,
      dtype === "int32" ? new Int32Array(sizeOf(shape)) : new Float32Array(sizeOf(shape)),
    ]),
  );
}

function numbersFor(program: Program, length: number): Record<string, TypedArray> {
  const chance = random(length);
  const feeds = arraysFor([...program.inputs, ...program.parameters]);
  for (const [name, array] of Object.entries(feeds))
    for (let i = 0; i < array.length; i++)
      array[i] = name.endsWith(".mask")
        ? Number(i % length < 3 + (Math.floor(i / length) * length) / 4)
        : array instanceof Int32Array
          ? chance.integer(3)
          : name === "weights"
            ? 1
            : chance.normal();
  return feeds;
}
