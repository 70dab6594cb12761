import { isDeepStrictEqual } from "node:util";
import type { FitOptions, Fitted, Part, Progress, RunOptions, Saved } from "../contracts.js";
import { MmubError, type MmubErrorCode, show } from "../errors.js";
import { decodeSaved, encodeSaved } from "../saved.js";

/** One rule of the conformance kit. It needs no test runner: `run` rejects with what was wrong. */
export interface Check {
  readonly name: string;
  run(): Promise<void>;
}

export interface CheckOptions {
  /**
   * Checks that are known to fail, each with the reason: the only way out. A listed check that passes is a failure, and
   * so is a name that is no check.
   */
  readonly expectedFailures?: Readonly<Record<string, string>>;
}

/** Turns named functions into checks and turns the expected failures around. */
export function checks(
  list: Readonly<Record<string, () => Promise<void>>>,
  { expectedFailures = {} }: CheckOptions,
): readonly Check[] {
  for (const name of Object.keys(expectedFailures))
    if (!Object.hasOwn(list, name)) fail(`expectedFailures names "${name}", which is no check`);
  return Object.entries(list).map(([name, run]) => {
    const reason = expectedFailures[name];
    if (reason === undefined) return { name, run };
    return {
      name: `${name} (expected to fail: ${reason})`,
      run: async () => {
        const failed = await run().then(
          () => false,
          () => true,
        );
        if (!failed) fail("it passes: take it off expectedFailures");
      },
    };
  });
}

/** How the kit works with a part of any role. */
export interface Subject<P extends Part<F>, F extends Fitted> {
  readonly make: () => P;
  /** Fits on the whole of the toy data, or on its first half. */
  readonly fit: (recipe: P, options?: FitOptions, half?: boolean) => Promise<F>;
  /** Runs the fitted part on the whole of the toy data, or on its first half. */
  readonly run: (fitted: F, options?: RunOptions, half?: boolean) => Promise<unknown>;
  /** The toy data themselves, to see that they are left untouched. */
  readonly data: unknown;
}

/** The checks that hold for every part, whatever its role. */
export function partChecks<P extends Part<F>, F extends Fitted>({ make, fit, run, data }: Subject<P, F>) {
  // Taken before any check runs: the first to change an input would else hide it from the others.
  const untouched = snapshot(data);
  return {
    "the recipe has a type and plain params": async () => {
      const { type, params } = make();
      if (!/^(@[^/]+\/)?[^/]+(\/[^/]+)*$/.test(type))
        fail(`type is ${show(type)}, want a name such as "@mmub/text/tfidf"`);
      if (!isDeepStrictEqual(JSON.parse(JSON.stringify(params)), params))
        fail("params change when written as JSON; want plain data: null, booleans, numbers, strings, arrays, objects");
    },
    "fit leaves the recipe as it was": async () => {
      const recipe = make();
      const before = structuredClone(recipe.params);
      await fit(recipe);
      if (!isDeepStrictEqual(recipe.params, before)) fail("fit changed the params");
    },
    "inputs are left untouched": async () => {
      await run(await fit(make()));
      if (!isDeepStrictEqual(snapshot(data), untouched)) fail("fit or the fitted part changed its inputs");
    },
    "same seed, same bytes": async () => {
      const [first, second] = [await fit(make(), { seed: 7 }), await fit(make(), { seed: 7 })];
      if (!isDeepStrictEqual(encodeSaved(await first.save()), encodeSaved(await second.save())))
        fail("two fits with one seed on the same data saved different bytes");
    },
    "a second fit leaves the first fitted part alone": async () => {
      const recipe = make();
      const first = await fit(recipe);
      const [output, saved] = [structuredClone(await run(first)), encodeSaved(await first.save())];
      await run(await fit(recipe, { seed: 8 }, true));
      if (!isDeepStrictEqual(await run(first), output) || !isDeepStrictEqual(encodeSaved(await first.save()), saved))
        fail("fitting the recipe again changed what an earlier fitted part gives");
    },
    "save and load give the same output": async () => {
      const fitted = await fit(make());
      const bytes = encodeSaved(await fitted.save());
      const loaded = await make().load(decodeSaved(bytes));
      if (!isDeepStrictEqual(await run(loaded), await run(fitted))) fail("the loaded part gives another output");
      if (!isDeepStrictEqual(encodeSaved(await loaded.save()), bytes)) fail("the loaded part saves other bytes");
    },
    "what is saved bears the recipe's type and params": async () => {
      const recipe = make();
      const params = structuredClone(recipe.params);
      const saved = await (await fit(recipe)).save();
      if (saved.type !== recipe.type) fail(`saved type is ${show(saved.type)}, want ${show(recipe.type)}`);
      if (!isDeepStrictEqual(saved.params, params)) fail("saved params are not the recipe's");
      if (!Number.isInteger(saved.version) || saved.version < 1)
        fail(`saved version is ${saved.version}, want 1, 2, …`);
    },
    "load refuses what is not its own": async () => {
      const saved = await (await fit(make())).save();
      const load = (other: Partial<Saved>) => make().load({ ...saved, ...other });
      await rejects(load({ type: "@example/another-part" }), "a saved part of another type", "saved-mismatch");
      await rejects(load({ version: saved.version + 1 }), "a saved part of a newer version", "saved-mismatch");
    },
    "the output is the caller's own": async () => {
      const fitted = await fit(make());
      const kept = structuredClone(await run(fitted));
      scribble(await run(fitted));
      if (!isDeepStrictEqual(await run(fitted), kept)) fail("writing into an output changed the next one");
    },
    "calls at the same time do not disturb each other": async () => {
      const fitted = await fit(make());
      const alone = [structuredClone(await run(fitted)), structuredClone(await run(fitted, {}, true))];
      if (!isDeepStrictEqual(await Promise.all([run(fitted), run(fitted, {}, true)]), alone))
        fail("two calls at once gave other outputs than one after the other");
    },
  };
}

/** Progress of one call: rising, of a named part, never past its total. */
export async function checkProgress(
  call: (options: RunOptions) => Promise<unknown>,
  want: "some" | "any",
): Promise<void> {
  const seen = new Map<string, number>();
  const wrong: string[] = [];
  await call({
    batchSize: 1,
    onProgress: ({ part, done, total }: Progress) => {
      if (typeof part !== "string" || part === "") wrong.push(`progress of ${show(part)}, want the part's type`);
      if (done < (seen.get(part) ?? 0)) wrong.push(`progress of ${part} went back from ${seen.get(part)} to ${done}`);
      if (total !== undefined && done > total) wrong.push(`progress of ${part} is ${done} of ${total}`);
      seen.set(part, done);
    },
  });
  if (wrong[0] !== undefined) fail(wrong[0]);
  if (want === "some" && seen.size === 0) fail("onProgress was never called");
}

const reason = new Error("the reason of the signal");

/** A call must reject with the reason of a signal that was aborted before. */
export async function checkAborted(call: (options: RunOptions) => Promise<unknown>, what: string): Promise<void> {
  const signal = AbortSignal.abort(reason);
  await rejectsWithReason(call({ signal, batchSize: 1 }), `${what} with an aborted signal`);
}

/** A call must reject with the signal's own reason, whether it was aborted before or on the way. */
export async function checkAbort(call: (options: RunOptions) => Promise<unknown>, what: string): Promise<void> {
  await checkAborted(call, what);
  const during = new AbortController();
  await rejectsWithReason(
    call({ signal: during.signal, batchSize: 1, onProgress: () => during.abort(reason) }),
    `${what} aborted at its first progress`,
  );
}

async function rejectsWithReason(call: Promise<unknown>, what: string): Promise<void> {
  const error = await call.then(
    () => fail(`${what} went on to the end`),
    (error: unknown) => error,
  );
  if (error !== reason) fail(`${what} rejected with ${error}, want the signal's own reason`, error);
}

/** The call must reject with an MmubError of this code, about this index. */
export async function rejects(
  call: Promise<unknown>,
  what: string,
  code: MmubErrorCode,
  index?: number,
): Promise<void> {
  const error = await call.then(
    () => fail(`${what} was taken, want an MmubError "${code}"`),
    (error: unknown) => error,
  );
  if (error instanceof ConformanceError) throw error;
  if (!MmubError.is(error)) fail(`${what} rejected with ${error}, want an MmubError "${code}"`, error);
  if (error.code !== code) fail(`${what} rejected as "${error.code}", want "${code}"`, error);
  if (index !== undefined && error.index !== index)
    fail(`${what} rejected with index ${error.index}, want ${index}`, error);
}

class ConformanceError extends Error {
  override readonly name = "ConformanceError";
}

export function fail(message: string, cause?: unknown): never {
  throw new ConformanceError(message, cause === undefined ? undefined : { cause });
}

/** Equal but for the rounding of float32 sums: 1e-5 of the larger number, or of 1. */
export function close(a: unknown, b: unknown): boolean {
  if (typeof a === "number" && typeof b === "number")
    return Object.is(a, b) || Math.abs(a - b) <= 1e-5 * Math.max(1, Math.abs(a), Math.abs(b));
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return Object.is(a, b);
  const [x, y] = [a as Record<string, unknown>, b as Record<string, unknown>];
  const keys = Object.keys(x);
  return keys.length === Object.keys(y).length && keys.every((key) => Object.hasOwn(y, key) && close(x[key], y[key]));
}

// A deep copy of arrays, typed arrays and plain objects; anything else, such as a URL, stays itself.
function snapshot(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (ArrayBuffer.isView(value)) return structuredClone(value);
  if (Array.isArray(value)) return value.map(snapshot);
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, snapshot(child)]));
}

function scribble(value: unknown): void {
  if (ArrayBuffer.isView(value)) new Uint8Array(value.buffer, value.byteOffset, value.byteLength).fill(0x55);
  else if (typeof value === "object" && value !== null) Object.values(value).forEach(scribble);
}
