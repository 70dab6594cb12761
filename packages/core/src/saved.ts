import { open, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import type { Fitted, Json, Part, Saved, TypedArray } from "./contracts.js";
import { MmubError, show } from "./errors.js";
import { sha256 } from "./sha256.js";

const part = "@mmub/core/saved";
const formatVersion = 1;

// safetensors' names of the number types, with what reads them.
const kinds = {
  F64: Float64Array,
  F32: Float32Array,
  I32: Int32Array,
  U32: Uint32Array,
  I16: Int16Array,
  U16: Uint16Array,
  I8: Int8Array,
  U8: Uint8Array,
} as const;
type Kind = keyof typeof kinds;

interface Manifest {
  readonly __metadata__: { readonly sha256: string; readonly mmub: string };
  readonly [tensor: string]: unknown;
}
interface Tensor {
  readonly dtype: Kind;
  readonly shape: readonly [number];
  readonly data_offsets: readonly [number, number];
}
type Tree = Omit<Saved, "arrays" | "parts"> & {
  readonly arrays?: readonly string[];
  readonly parts?: Readonly<Record<string, Tree>>;
};

// The checksum stands at a fixed place and counts as zeros while it is computed.
const opening = '{"__metadata__":{"sha256":"';
const hashFrom = 8 + opening.length;
const hashTo = hashFrom + 64;

/**
 * A saved part as the bytes of one file. The file is a valid safetensors file, so Python's `safetensors` opens it too: the
 * length of a JSON manifest (8 bytes), the manifest, then the raw little-endian arrays. The manifest holds the tree of
 * parts, a format version and a SHA-256 over the whole file. No code is in it, none is run to read it.
 */
export function encodeSaved(saved: Saved): Uint8Array {
  return encodeFile({ saved });
}

/** The saved part of such bytes; `saved-mismatch` if a single bit of them is not as it was written. */
export function decodeSaved(bytes: Uint8Array): Saved {
  return decodeFile(bytes).saved;
}

/** Inputs and what was predicted for them, kept in a file so that another machine can prove that it predicts the same. */
interface Golden {
  readonly inputs: Saved;
  readonly outputs: Saved;
}
interface SavedFile {
  readonly saved: Saved;
  readonly golden?: Golden;
}

function encodeFile({ saved, golden }: SavedFile): Uint8Array {
  const arrays = new Map<string, TypedArray>();
  const tree = (of: Saved, path: string): Tree => {
    for (const [name, array] of Object.entries(of.arrays ?? {})) arrays.set(within(path, name), array);
    const parts = Object.entries(of.parts ?? {}).map(
      ([name, child]) => [name, tree(child, `${within(path, name)}/`)] as const,
    );
    return {
      type: of.type,
      version: of.version,
      params: of.params,
      state: of.state,
      ...(of.arrays && { arrays: Object.keys(of.arrays) }),
      ...(of.parts && { parts: Object.fromEntries(parts) }),
    };
  };
  const header: Record<string, unknown> = { format: formatVersion, saved: tree(saved, "/") };
  if (golden)
    header.golden = { inputs: tree(golden.inputs, "golden-inputs/"), outputs: tree(golden.outputs, "golden-outputs/") };

  // Widest numbers first: every array is then aligned to its own width without holes, which safetensors forbids.
  const entries = [...arrays].sort(([a, x], [b, y]) => y.BYTES_PER_ELEMENT - x.BYTES_PER_ELEMENT || (a < b ? -1 : 1));
  const manifest: Record<string, unknown> = { __metadata__: { sha256: "0".repeat(64), mmub: JSON.stringify(header) } };
  let at = 0;
  for (const [name, array] of entries) {
    const tensor: Tensor = {
      dtype: kindOf(array, name),
      shape: [array.length],
      data_offsets: [at, at + array.byteLength],
    };
    manifest[name] = tensor;
    at += array.byteLength;
  }
  const text = new TextEncoder().encode(JSON.stringify(manifest));
  const padded = Math.ceil(text.length / 8) * 8;
  const bytes = new Uint8Array(8 + padded + at);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(padded), true);
  bytes.set(text, 8);
  bytes.fill(0x20, 8 + text.length, 8 + padded);
  at = 8 + padded;
  for (const [, array] of entries) {
    bytes.set(littleEndian(array), at);
    at += array.byteLength;
  }
  bytes.set(new TextEncoder().encode(checksum(bytes)), hashFrom);
  return bytes;
}

function decodeFile(bytes: Uint8Array): SavedFile {
  const refuse = (message: string): MmubError =>
    new MmubError("saved-mismatch", { part, message: `${message}; take the file from where it was saved` });
  const ascii = (from: number, to: number): string => Buffer.from(bytes.subarray(from, to)).toString("latin1");

  if (bytes.length < hashTo || ascii(8, hashFrom) !== opening) throw refuse("this is no file that mmub saved");
  if (ascii(hashFrom, hashTo) !== checksum(bytes))
    throw refuse("the file is damaged or cut off: its checksum does not fit");
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const manifest = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length))) as Manifest;
  const header = JSON.parse(manifest.__metadata__.mmub) as {
    readonly format: number;
    readonly saved: Tree;
    readonly golden?: { readonly inputs: Tree; readonly outputs: Tree };
  };
  if (header.format > formatVersion)
    throw new MmubError("saved-mismatch", {
      part,
      message: `the file has format ${header.format}, this release reads up to ${formatVersion}; update @mmub/core`,
    });

  const read = (name: string): TypedArray => {
    const { dtype, data_offsets } = manifest[name] as Tensor;
    const [from, to] = data_offsets;
    // Copied: a view would keep the whole file in memory and may not be aligned.
    return fromLittleEndian(bytes.slice(8 + length + from, 8 + length + to), dtype);
  };
  const saved = ({ arrays, parts, ...of }: Tree, path: string): Saved => ({
    ...of,
    ...(arrays && { arrays: Object.fromEntries(arrays.map((name) => [name, read(within(path, name))])) }),
    ...(parts && {
      parts: Object.fromEntries(Object.entries(parts).map(([name, of]) => [name, saved(of, `${within(path, name)}/`)])),
    }),
  });
  const golden = header.golden && {
    inputs: saved(header.golden.inputs, "golden-inputs/"),
    outputs: saved(header.golden.outputs, "golden-outputs/"),
  };
  return { saved: saved(header.saved, "/"), ...(golden && { golden }) };
}

// Names as paths: a slash in the name of a part or an array must not look like two parts.
function within(path: string, name: string): string {
  return path + encodeURIComponent(name);
}

function checksum(bytes: Uint8Array): string {
  return sha256(bytes.subarray(0, hashFrom), "0".repeat(64), bytes.subarray(hashTo));
}

function kindOf(array: TypedArray, name: string): Kind {
  for (const [kind, type] of Object.entries(kinds)) if (array instanceof type) return kind as Kind;
  throw new MmubError("invalid-input", {
    part,
    message: `array "${name}" is ${show(array)}, want a typed array of numbers`,
  });
}

const littleEndianMachine = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

function littleEndian(array: TypedArray): Uint8Array {
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  return littleEndianMachine ? bytes : swapped(bytes, array.BYTES_PER_ELEMENT);
}

function fromLittleEndian(bytes: Uint8Array, kind: Kind): TypedArray {
  const type = kinds[kind];
  const own = littleEndianMachine ? bytes : swapped(bytes, type.BYTES_PER_ELEMENT);
  return new type(own.buffer as ArrayBuffer, own.byteOffset, own.byteLength / type.BYTES_PER_ELEMENT);
}

function swapped(bytes: Uint8Array, width: number): Uint8Array {
  const out = bytes.slice();
  for (let i = 0; i < out.length; i += width) out.subarray(i, i + width).reverse();
  return out;
}

export interface SaveFileOptions<Input> {
  /** Some inputs: they are kept with what is predicted for them now, for `verifyFile` on another machine. Bytes, not paths. */
  readonly golden?: readonly Input[];
}

/** A fitted part that `golden` inputs can be run through: a pipeline predicts, an extractor transforms. */
export type Runnable<Input> = Fitted &
  ({ predict(inputs: readonly Input[]): Promise<unknown> } | { transform(inputs: readonly Input[]): Promise<unknown> });

/**
 * Saves a fitted part to `path`. It is written to a temporary file beside, flushed to the disk, then renamed: whatever
 * happens, `path` holds the whole old file or the whole new one.
 *
 * @example
 * const fitted = await vector().fit([[1, 2], [3, 4]]);
 * await saveFile("vector.mmub", fitted, { golden: [[5, 6]] });
 */
export async function saveFile<Input = never>(
  path: string,
  fitted: Fitted & ([Input] extends [never] ? unknown : Runnable<Input>),
  options: SaveFileOptions<Input> = {},
): Promise<void> {
  const saved = await fitted.save();
  const golden = options.golden && {
    inputs: packed(options.golden),
    outputs: packed(await run(fitted as Runnable<Input>, options.golden)),
  };
  await writeWhole(path, encodeFile({ saved, ...(golden && { golden }) }));
}

/** Reads what `saveFile` wrote with the recipe that made it. */
export async function loadFile<F extends Fitted>(path: string, recipe: Part<F>): Promise<F> {
  return recipe.load(decodeFile(await readSaved(path)).saved);
}

export interface Verification {
  /** The golden inputs that were run. */
  readonly inputs: number;
  /** The largest absolute difference of any number of any output. */
  readonly maxDifference: number;
}

/**
 * Proves that this machine predicts what the saving one did: loads the file, runs its golden inputs and compares.
 * Rejects with `saved-mismatch` if a number differs by more than `tolerance` or anything else differs at all.
 */
export async function verifyFile<Input>(
  path: string,
  recipe: Part<Runnable<Input>>,
  { tolerance = 1e-6 }: { readonly tolerance?: number } = {},
): Promise<Verification> {
  const { saved, golden } = decodeFile(await readSaved(path));
  if (!golden)
    throw new MmubError("saved-mismatch", {
      part,
      message: `${path} holds no golden inputs; save it with saveFile(path, fitted, { golden: inputs })`,
    });
  const inputs = unpacked(golden.inputs) as readonly Input[];
  const fitted = await recipe.load(saved);
  try {
    const maxDifference = difference(await run(fitted, inputs), unpacked(golden.outputs), "output");
    if (maxDifference > tolerance)
      throw new MmubError("saved-mismatch", {
        part,
        message: `outputs differ by up to ${maxDifference}, want at most ${tolerance}`,
        maxDifference,
        tolerance,
      });
    return { inputs: inputs.length, maxDifference };
  } finally {
    await fitted.dispose?.();
  }
}

async function run<Input>(fitted: Runnable<Input>, inputs: readonly Input[]): Promise<unknown> {
  return "predict" in fitted ? fitted.predict(inputs) : fitted.transform(inputs);
}

async function readSaved(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new MmubError("saved-mismatch", { part, message: `cannot read ${path}: ${(cause as Error).message}`, cause });
  }
}

/**
 * Writes a file so that `path` holds the whole old content or the whole new one, whatever happens: to a temporary file
 * beside it, flushed to the disk, then renamed.
 */
export async function writeWhole(path: string, content: Uint8Array | string): Promise<void> {
  const temporary = `${path}.${process.pid}-${Date.now().toString(36)}.tmp`;
  try {
    const file = await open(temporary, "wx");
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw cause;
  }
  // The rename itself lasts only when the folder is flushed; where a system cannot do that, the file is still whole.
  const folder = await open(dirname(path), "r").catch(() => undefined);
  await folder?.sync().catch(() => {});
  await folder?.close();
}

// Any plain value <-> Saved: typed arrays and dates have no JSON of their own.
function packed(value: unknown): Saved {
  const arrays: Record<string, TypedArray> = {};
  const walk = (of: unknown): Json => {
    if (of === undefined) return { $: "undefined" };
    if (of === null || typeof of === "string" || typeof of === "boolean") return of;
    if (typeof of === "number")
      return Number.isFinite(of) && !Object.is(of, -0) ? of : { $: "number", value: String(of) };
    if (of instanceof Date) return { $: "date", value: of.getTime() };
    if (ArrayBuffer.isView(of) && !(of instanceof DataView)) {
      const name = String(Object.keys(arrays).length);
      // A Buffer is a Uint8Array like any other.
      arrays[name] =
        of instanceof Uint8Array ? new Uint8Array(of.buffer, of.byteOffset, of.length) : (of as TypedArray);
      return { $: "array", value: name };
    }
    if (Array.isArray(of)) return of.map(walk);
    if (typeof of === "object")
      return { $: "object", value: Object.entries(of).map(([key, child]) => [key, walk(child)]) };
    throw new MmubError("invalid-input", { part, message: `golden inputs hold ${show(of)}, want plain data` });
  };
  return { type: "value", version: 1, params: null, state: walk(value), arrays };
}

function unpacked({ state, arrays }: Saved): unknown {
  const walk = (of: Json): unknown => {
    if (of === null || typeof of !== "object") return of;
    if (Array.isArray(of)) return of.map(walk);
    const { $: kind, value } = of as { readonly $: string; readonly value: Json };
    if (kind === "number") return Number(value);
    if (kind === "date") return new Date(value as number);
    if (kind === "array") return arrays![value as string];
    if (kind === "object")
      return Object.fromEntries((value as [string, Json][]).map(([key, child]) => [key, walk(child)]));
    return undefined;
  };
  return walk(state);
}

// The largest difference of numbers in two plain values; anything else that differs is an error that says where.
function difference(got: unknown, want: unknown, where: string): number {
  const fail = (): never => {
    throw new MmubError("saved-mismatch", {
      part,
      message: `${where} is ${show(got)}, was ${show(want)} when saved`,
      where,
    });
  };
  if (typeof got === "number" && typeof want === "number")
    return Object.is(got, want) ? 0 : Number.isFinite(got - want) ? Math.abs(got - want) : fail();
  if (typeof got !== "object" || typeof want !== "object" || got === null || want === null)
    return Object.is(got, want) ? 0 : fail();
  const [a, b] = [got as Record<string, unknown>, want as Record<string, unknown>];
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length || keys.some((key) => !Object.hasOwn(b, key))) fail();
  return keys.reduce((most, key) => Math.max(most, difference(a[key], b[key], `${where}.${key}`)), 0);
}

/**
 * Checks that `recipe` may load `saved` and returns it: the type and the params must be the same and `saved.version` at
 * most `version`, the one that this release writes. A part reads its older versions itself.
 */
export function checkSaved(
  saved: Saved,
  recipe: { readonly type: string; readonly params: Json },
  version: number,
): Saved {
  const refuse = (message: string): never => {
    throw new MmubError("saved-mismatch", { part: recipe.type, message });
  };
  if (saved?.type !== recipe.type)
    refuse(`saved by ${show(saved?.type)}, want ${recipe.type}; load it with the recipe that made it`);
  if (!(saved.version <= version))
    refuse(`saved as version ${saved.version}, this release reads up to ${version}; update it`);
  const where = firstDifference(saved.params, recipe.params, "");
  if (where !== undefined)
    refuse(
      `param ${where.path || "params"} was ${JSON.stringify(where.a)} when saved, is ${JSON.stringify(where.b)} here; load it with the recipe that made it`,
    );
  return saved;
}

function firstDifference(a: unknown, b: unknown, path: string): { path: string; a: unknown; b: unknown } | undefined {
  if (Object.is(a, b)) return undefined;
  if (
    typeof a !== "object" ||
    typeof b !== "object" ||
    a === null ||
    b === null ||
    Array.isArray(a) !== Array.isArray(b)
  )
    return { path, a, b };
  const [x, y] = [a as Record<string, unknown>, b as Record<string, unknown>];
  for (const key of new Set([...Object.keys(x), ...Object.keys(y)])) {
    const found = firstDifference(x[key], y[key], path ? `${path}.${key}` : key);
    if (found) return found;
  }
  return undefined;
}

/** The array `name` of a saved part; `saved-mismatch` if it is not there, of another type or of another length. */
export function savedArray<A extends TypedArray>(
  saved: Saved,
  name: string,
  type: { new (length: number): A; readonly name: string },
  length?: number,
): A {
  const array = saved.arrays?.[name];
  if (!(array instanceof type) || (length !== undefined && array.length !== length))
    throw new MmubError("saved-mismatch", {
      part: saved.type,
      message: `array "${name}" is ${show(array)}, want ${type.name}${length === undefined ? "" : ` of ${length}`}`,
    });
  return array;
}

/** The saved part `name` inside a saved part. */
export function savedPart(saved: Saved, name: string): Saved {
  const child = saved.parts?.[name];
  if (!child)
    throw new MmubError("saved-mismatch", { part: saved.type, message: `the saved form has no part "${name}"` });
  return child;
}
