import { MmubError, type TypedArray } from "@mmub/core";
import type { Check } from "@mmub/core/testing";
import { gather, input, mul, parameter, sum } from "../ops.js";
import { program } from "../program.js";
import { evaluate } from "../runtimes/reference.js";
import type { Runtime, Session } from "../runtimes/runtime.js";
import {
  arraysFor,
  type BuiltTest,
  buildTest,
  type Filled,
  type GraphTest,
  largestOf,
  mostApart,
} from "./graph-test.js";
import { opTests } from "./op-tests.js";

export interface CheckRuntimeOptions {
  /** The most that an output may be off, relative to the largest entry of its tensor. @default 1e-4 */
  readonly outputs?: number;
  /** The same for gradients. @default 1e-3 */
  readonly gradients?: number;
  /** Threads inside one op. @default 1 */
  readonly threads?: number;
}

/**
 * Checks that a runtime gives what the reference runtime gives: outputs, loss and gradients of one graph. Rejects with what is off.
 *
 * @example
 * await checkRuntime(reference(), {
 *   parameters: { x: [2, 3], weight: [4, 3] },
 *   build: ({ x, weight }) => tanh(matmul(x, weight, { transB: true })),
 * });
 */
export async function checkRuntime<
  const Parameters extends Readonly<Record<string, Filled>>,
  const Inputs extends Readonly<Record<string, Filled>> = Readonly<Record<never, never>>,
>(
  runtime: Runtime,
  test: GraphTest<Parameters, Inputs>,
  { outputs: ofOutputs = 1e-4, gradients = 1e-3, threads = 1 }: CheckRuntimeOptions = {},
): Promise<void> {
  const built = buildTest(test);
  const want = evaluate(built.program, built.feeds);
  const got = await runOnce(runtime, built, threads);
  for (const { name } of built.program.outputs)
    if (!name.startsWith("gradient.")) compare(`${runtime.name}: ${name}`, got[name]!, want[name]!, ofOutputs);
  for (const name of built.parameters)
    compare(
      `${runtime.name}: the gradient of "${name}"`,
      built.gradient(name, got),
      built.gradient(name, want),
      gradients,
    );
}

async function runOnce(runtime: Runtime, built: BuiltTest, threads: number): Promise<Record<string, TypedArray>> {
  const session = await runtime.compile(built.program, { threads });
  try {
    const fetches = arraysFor(built.program.outputs);
    await session.run(feedsOf(built), fetches);
    return fetches;
  } finally {
    await session.dispose();
  }
}

/** What was made in double precision, in the types that runtimes take. */
function feedsOf(built: BuiltTest): Record<string, TypedArray> {
  const feeds = arraysFor([...built.program.inputs, ...built.program.parameters]);
  for (const [name, array] of Object.entries(feeds)) array.set(built.feeds[name]!);
  return feeds;
}

function compare(what: string, got: ArrayLike<number>, want: ArrayLike<number>, tolerance: number): void {
  const { at, apart } = mostApart(got, want);
  // float32 cannot tell what cancels to nothing from nothing.
  const allowed = tolerance * Math.max(largestOf(want), 1e-3);
  if (!(apart <= allowed))
    throw new Error(`${what} at ${at} is ${got[at]}, want ${want[at]}: ${apart} apart, want at most ${allowed}`);
}

/**
 * The rules that every runtime keeps, as a list of checks for any test runner: each op with its gradients as the reference runtime has
 * them, and how sessions behave.
 *
 * @example
 * for (const check of runtimeChecks({ make: reference })) await check.run();
 */
export function runtimeChecks({ make, ...options }: RuntimeChecksOptions): readonly Check[] {
  const ofOps = Object.entries(opTests).map(([name, test]) => ({
    name,
    run: async () => checkRuntime(await make(), test, options),
  }));
  const ofSessions = Object.entries(sessionChecks).map(([name, run]) => ({
    name,
    run: async () => run(await make()),
  }));
  return [...ofOps, ...ofSessions];
}

export interface RuntimeChecksOptions extends CheckRuntimeOptions {
  /** Gives the runtime; called anew for each check. */
  readonly make: () => Runtime | Promise<Runtime>;
}

function fail(message: string): never {
  throw new Error(message);
}

const sessionChecks: Readonly<Record<string, (runtime: Runtime) => Promise<void>>> = {
  "the runtime has a name": async ({ name }) => {
    if (name === "") fail("the name is empty");
  },
  "a session sees what has changed in its feeds": (runtime) =>
    inSession(runtime, async (session) => {
      const [x, weight, y] = [Float32Array.of(1, 2), Float32Array.of(3, 4), new Float32Array(2)];
      await session.run({ x, weight }, { y });
      x[0] = 10;
      weight.set([5, 6]);
      await session.run({ x, weight }, { y });
      same(y, [50, 12]);
    }),
  "feeds and fetches may be views of one memory": (runtime) =>
    inSession(runtime, async (session) => {
      const buffer = new ArrayBuffer(4096);
      const [x, weight, y] = [0, 1000, 2000].map((at) => new Float32Array(buffer, at, 2)) as [
        Float32Array,
        Float32Array,
        Float32Array,
      ];
      x.set([1, 2]);
      weight.set([3, 4]);
      await session.run({ x, weight }, { y });
      same(y, [3, 8]);
      same(x, [1, 2]);
      same(new Float32Array(buffer, 2008, 2), [0, 0]);
    }),
  "only what is asked for is written": (runtime) =>
    inSession(runtime, async (session) => {
      const feeds = { x: Float32Array.of(1, 2), weight: Float32Array.of(3, 4) };
      const [y, total] = [new Float32Array(2), new Float32Array(1)];
      await session.run(feeds, { total });
      same(total, [11]);
      same(y, [0, 0]);
      await session.run(feeds, { y });
      same(y, [3, 8]);
    }),
  "parameters that stay as they are may be built in": async (runtime) => {
    const [table, weight, ids] = [parameter("table", [3, 2]), parameter("weight", [2]), input("ids", [2], "int32")];
    const constants = { table: Float32Array.of(1, 2, 3, 4, 5, 6), weight: Float32Array.of(10, 100) };
    const session = await runtime.compile(program({ y: mul(gather(table, ids), weight) }), { constants });
    const y = new Float32Array(4);
    await session.run({ ids: Int32Array.of(2, 0), ...constants }, { y });
    same(y, [50, 600, 10, 200]);
    await session.dispose();
  },
  "two sessions do not meet": (runtime) =>
    inSession(runtime, (first) =>
      inSession(runtime, async (second) => {
        const [a, b] = [new Float32Array(2), new Float32Array(2)];
        const weight = Float32Array.of(1, 1);
        await Promise.all([
          first.run({ x: Float32Array.of(1, 2), weight }, { y: a }),
          second.run({ x: Float32Array.of(3, 4), weight }, { y: b }),
        ]);
        same(a, [1, 2]);
        same(b, [3, 4]);
      }),
    ),
  "a missing feed is named": (runtime) =>
    inSession(runtime, (session) =>
      rejects(session.run({ x: new Float32Array(2) }, { y: new Float32Array(2) }), '"weight"'),
    ),
  "a feed of another length is named": (runtime) =>
    inSession(runtime, (session) =>
      rejects(
        session.run({ x: new Float32Array(2), weight: new Float32Array(3) }, { y: new Float32Array(2) }),
        '"weight"',
      ),
    ),
  "a fetch that is no output is named": (runtime) =>
    inSession(runtime, (session) =>
      rejects(session.run({ x: new Float32Array(2), weight: new Float32Array(2) }, { z: new Float32Array(2) }), '"z"'),
    ),
  "a fetch of another length is named": (runtime) =>
    inSession(runtime, (session) =>
      rejects(session.run({ x: new Float32Array(2), weight: new Float32Array(2) }, { y: new Float32Array(1) }), '"y"'),
    ),
};

async function inSession(runtime: Runtime, use: (session: Session) => Promise<void>): Promise<void> {
  const y = mul(input("x", [2]), parameter("weight", [2]));
  const session = await runtime.compile(program({ y, total: sum(y) }));
  try {
    await use(session);
  } finally {
    await session.dispose();
  }
}

function same(got: Float32Array, want: readonly number[]): void {
  if (got.length !== want.length || got.some((x, i) => x !== want[i]))
    fail(`got ${got.join(", ")}, want ${want.join(", ")}`);
}

async function rejects(promise: Promise<unknown>, name: string): Promise<void> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!MmubError.is(error) || !error.message.includes(name))
    fail(`got ${error ?? "no error"}, want an MmubError that names ${name}`);
}
