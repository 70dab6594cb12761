import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { zeros } from "../initializers.js";
import type { Loss } from "../loss.js";
import { network } from "../network.js";
import { concat, matmul, mul, reshape, slice, sub, sum, tanh } from "../ops.js";
import { sgd } from "../optimizers/sgd.js";
import { stepper } from "../stepper.js";
import { type Balance, gradNorm, pcGrad } from "./balance.js";

/** What balance.py has written. */
const golden = JSON.parse(readFileSync(new URL("../../fixtures/balance.json", import.meta.url), "utf8")) as {
  readonly x: number[];
  readonly y: number[];
  readonly start: { readonly shared: number[]; readonly heads: number[] };
  readonly pcGrad: Readonly<Record<string, number[]>>;
  readonly gradNorm: Readonly<Record<string, number[]>>;
};

const net = network({ x: { kind: "vector", cols: 3 } }, (scope, { x }) => {
  const seen = tanh(matmul(x, scope.parameter("shared", [2, 3], zeros()), { transB: true }));
  scope.parameter("balance", [3], zeros());
  scope.buffer("first", [3], zeros());
  return matmul(seen, scope.parameter("heads", [3, 2], zeros()), { transB: true });
});

const lossWith = (balance: Balance | null): Loss => ({
  type: "three tasks",
  params: {},
  ...(balance && { balance }),
  targets: () => ({ target: { shape: [3], dtype: "float32" } }),
  build(output, { target }) {
    const off = sub(output, target!);
    const tasks = [1, 8, 1].map((factor, i) => mul(reshape(slice(mul(off, off), 1, i, i + 1), [-1]), factor));
    return { loss: sum(concat(tasks.map((task) => reshape(task, [-1, 1]))), [1]), tasks };
  },
});

async function steps(balance: Balance | null) {
  const weights = Object.fromEntries(
    Object.entries(golden.start).map(([name, data]) => [name, Float32Array.from(data)]),
  );
  const by = await stepper(net, {
    loss: lossWith(balance),
    optimizer: sgd({ learningRate: 0.1 }),
    batch: 6,
    weights: { ...weights, balance: new Float32Array(3), first: new Float32Array(3) },
  });
  for (let step = 0; step < 3; step++) await by.step({ inputs: { x: golden.x }, targets: { target: golden.y } });
  const after = Object.fromEntries(Object.entries(by.weights).map(([name, data]) => [name, Array.from(data)]));
  await by.dispose();
  return after;
}

describe("three steps as PyTorch takes them", () => {
  const shared = (name: string) => name === "shared";
  test.each([
    ["pcGrad", pcGrad({ shared })],
    ["gradNorm", gradNorm({ shared, alpha: 1.5, weights: "balance", first: "first" })],
  ] as const)("%s", async (name, balance) => {
    const after = await steps(balance);
    for (const [parameter, values] of Object.entries(golden[name]))
      for (const [i, value] of values.entries()) expect(after[parameter]![i]).toBeCloseTo(value, 5);
  });

  test("without a balance the steps are others", async () => {
    const { shared: plain } = await steps(null);
    for (const { shared: balanced } of [golden.pcGrad, golden.gradNorm])
      expect(Math.max(...balanced!.map((value, i) => Math.abs(value - plain![i]!)))).toBeGreaterThan(1e-3);
  });
});
