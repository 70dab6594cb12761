import { describe, expect, test } from "vitest";
import type { Value } from "../graph.js";
import * as ops from "../ops.js";
import type { Program, ProgramNode } from "../program.js";
import type { Runtime, Session } from "../runtimes/runtime.js";
import { checkGradients, checkRuntime, reference, runtimeChecks } from "./index.js";

describe("checkGradients", () => {
  test("finds a rule that is off by a factor, by name and position", () => {
    const build = ({ x }: { x: Value }) => ops.withGradient([ops.tanh(x)], [x], ([g]) => [g && ops.mul(g, 1.001)]);
    expect(() => checkGradients({ parameters: { x: [3] }, build })).toThrow(/^the gradient of "x" at \d is /);
  });

  test("finds a gradient that is missing, and one that is not finite", () => {
    const parameters = { x: [3], y: { shape: [3], values: [0, 1, 2] } };
    expect(() => checkGradients({ parameters, build: ({ x, y }) => ops.mul(ops.stopGradient(x), y) })).toThrow(
      'the gradient of "x" at ',
    );
    expect(() => checkGradients({ parameters, build: ({ x, y }) => ops.add(x, ops.sqrt(y)) })).toThrow(
      'the gradient of "y" at 0 is Infinity',
    );
  });

  test("finds rows that go to another row", () => {
    const build = ({ table }: { table: Value }) =>
      ops.withGradient([ops.slice(table, 0, 0, 1)], [table], ([g]) => [
        g && { rows: ops.constant(Int32Array.of(1)), values: g },
      ]);
    expect(() => checkGradients({ parameters: { table: [2, 2] }, build })).toThrow('the gradient of "table" at ');
  });

  test("takes inputs of every type, and only float32 as parameters", () => {
    const off = checkGradients({
      parameters: { x: { shape: [2, 3], low: 1, high: 2 } },
      inputs: {
        ids: { shape: [4], low: 0, high: 2, dtype: "int32" },
        mask: { shape: [4, 1], values: [1, 0, 1, 1], dtype: "bool" },
      },
      build: ({ x, ids, mask }) => ops.where(mask, ops.log(ops.gather(x, ids)), 0),
    });
    expect(off).toBeLessThan(1e-7);
    const parameters = { ids: { shape: [2], low: 0, high: 2, dtype: "int32" } } as const;
    expect(() => checkGradients({ parameters, build: ({ ids }) => ids })).toThrow(
      'nn/testing: parameter "ids" is int32, want float32: make it an input',
    );
  });
});

/** The reference runtime, but for what is done to its programs and sessions. */
function spoilt(node: (node: ProgramNode) => ProgramNode, session: (session: Session) => Session = (s) => s): Runtime {
  return {
    name: "spoilt",
    compile: async (program: Program) =>
      session(await reference().compile({ ...program, nodes: program.nodes.map(node) })),
  };
}

describe("checkRuntime", () => {
  const graph = { parameters: { x: [3, 4] }, build: ({ x }: { x: Value }) => ops.tanh(ops.mul(x, 3)) };

  test("passes what agrees", async () => {
    await expect(checkRuntime(reference(), graph)).resolves.toBeUndefined();
  });

  test("finds an op that gives something else, forward and backward", async () => {
    const forward = spoilt((node) => (node.op === "tanh" ? ({ ...node, op: "sigmoid" } as ProgramNode) : node));
    await expect(checkRuntime(forward, graph)).rejects.toThrow(/^spoilt: (loss|output0) at \d+ is /);
    const backward = spoilt((node) => (node.op === "sub" ? ({ ...node, op: "add" } as ProgramNode) : node));
    await expect(checkRuntime(backward, graph)).rejects.toThrow('spoilt: the gradient of "x" at ');
  });
});

describe("runtimeChecks", () => {
  const failing = async (make: () => Runtime) => {
    const names: string[] = [];
    for (const { name, run } of runtimeChecks({ make })) await run().catch(() => names.push(name));
    return names;
  };

  test("finds ties, pads and ids that are taken otherwise", async () => {
    const pads = spoilt((node) =>
      node.op === "averagePool" ? { ...node, attributes: { ...node.attributes, countPads: true } } : node,
    );
    const names = await failing(() => pads);
    expect(names.length).toBeGreaterThan(0);
    expect(names.every((name) => name.startsWith("averagePool") && name.endsWith("pads not counted"))).toBe(true);
  });

  test("finds a session that keeps its first feeds", async () => {
    const keeping = spoilt(
      (node) => node,
      (session) => {
        let first: Parameters<Session["run"]>[0] | undefined;
        return {
          ...session,
          run(feeds, fetches) {
            first ??= structuredClone({ ...feeds });
            return session.run(first, fetches);
          },
        };
      },
    );
    expect(await failing(() => keeping)).toContain("a session sees what has changed in its feeds");
  });
});
