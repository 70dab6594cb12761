// safetensors, the file format of most pretrained weights: https://github.com/huggingface/safetensors#format
import { MmubError, type TypedArray } from "@mmub/core";
import { type Shape, showShape, sizeOf } from "./graph.js";
import { halfToNumber } from "./half.js";

/** A tensor of a safetensors file. */
export interface StoredTensor {
  /** As the file has it: `F32`, `BF16`, `I64`. */
  readonly dtype: string;
  readonly shape: Shape;
  /** F16 and BF16 are widened to float32, which loses nothing; BOOL is 0 and 1. May be a view of the file's bytes. */
  readonly data: TypedArray | BigInt64Array | BigUint64Array;
}

export interface Safetensors {
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

type Stored = StoredTensor["data"];

/** By the file's name: the array of its bytes, and what they become. */
const types: Readonly<Record<string, { array: ArrayType; widen?(bits: Uint16Array): Float32Array }>> = {
  F64: { array: Float64Array },
  F32: { array: Float32Array },
  F16: { array: Uint16Array, widen: (bits) => Float32Array.from(bits, halfToNumber) },
  BF16: { array: Uint16Array, widen: widenBrainFloats },
  I64: { array: BigInt64Array },
  U64: { array: BigUint64Array },
  I32: { array: Int32Array },
  U32: { array: Uint32Array },
  I16: { array: Int16Array },
  U16: { array: Uint16Array },
  I8: { array: Int8Array },
  U8: { array: Uint8Array },
  BOOL: { array: Uint8Array },
};

interface ArrayType {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBuffer, offset: number, length: number): Stored;
}

const part = "@mmub/nn/safetensors";

// What the format allows; a longer one is no header.
const longestHeader = 100_000_000;

/**
 * The tensors of a safetensors file, by name. Everything that the file says of itself is checked first: what is cut off,
 * overlaps, has holes or is of a type that is not known here is `invalid-input`. No code is in such a file.
 *
 * Cost: none for tensors that lie aligned in `bytes`, which are views of it; a copy of the others.
 *
 * @example
 * const bytes = saveSafetensors({ "fc.weight": { shape: [1, 2], data: Float32Array.of(3, 4) } });
 * console.log(loadSafetensors(bytes).tensors.get("fc.weight")); // { dtype: "F32", shape: [1, 2], data: Float32Array [3, 4] }
 */
export function loadSafetensors(bytes: Uint8Array): Safetensors {
  const { header, from } = readHeader(bytes);
  const tensors = new Map<string, StoredTensor>();
  const entries = Object.entries(header)
    .filter(([name]) => name !== "__metadata__")
    .map(([name, entry]) => checkEntry(name, entry))
    .sort((a, b) => a.begin - b.begin || a.end - b.end);
  let at = 0;
  for (const { name, begin, end } of entries) {
    if (begin !== at)
      refuse(
        `tensor "${name}" begins at ${begin}, want ${at}: tensors must lie one behind the other, without holes`,
        name,
      );
    at = end;
  }
  if (from + at !== bytes.length)
    refuse(
      `the file has ${bytes.length} bytes, want ${from + at} by its header: it is cut off or something was added; get it again`,
    );
  for (const { name, dtype, shape, begin } of entries)
    tensors.set(name, { dtype, shape, data: read(bytes, from + begin, dtype, sizeOf(shape)) });
  return { tensors, metadata: checkMetadata(header.__metadata__) };
}

/**
 * Tensors as the bytes of a safetensors file, which PyTorch reads by `safetensors.torch.load_file`. The type of an array is
 * that of the tensor: Float32Array is F32, BigInt64Array I64.
 */
export function saveSafetensors(
  tensors: Readonly<Record<string, { readonly shape: Shape; readonly data: Stored }>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  // Widest numbers first: each tensor is then aligned without holes.
  const entries = Object.entries(tensors).sort(
    ([a, x], [b, y]) => y.data.BYTES_PER_ELEMENT - x.data.BYTES_PER_ELEMENT || (a < b ? -1 : 1),
  );
  const header: [string, unknown][] = Object.keys(metadata).length > 0 ? [["__metadata__", metadata]] : [];
  let at = 0;
  for (const [name, { shape, data }] of entries) {
    if (sizeOf(shape) !== data.length)
      throw new MmubError("shape-mismatch", {
        part,
        message: `tensor "${name}" has ${data.length} numbers for shape ${showShape(shape)}`,
        name,
      });
    header.push([name, { dtype: typeOf(name, data), shape, data_offsets: [at, at + data.byteLength] }]);
    at += data.byteLength;
  }
  const text = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
  const from = 8 + Math.ceil(text.length / 8) * 8;
  const bytes = new Uint8Array(from + at);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(from - 8), true);
  bytes.fill(0x20, 8, from);
  bytes.set(text, 8);
  at = from;
  for (const [, { data }] of entries) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return bytes;
}

function readHeader(bytes: Uint8Array): { header: Readonly<Record<string, unknown>>; from: number } {
  if (!(bytes instanceof Uint8Array)) refuse("got no bytes, want a Uint8Array: read the file first");
  if (bytes.length < 8) refuse(`got ${bytes.length} bytes, want a safetensors file: at least 8 bytes and a header`);
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  if (length > longestHeader || length > bytes.length - 8)
    refuse(
      `the header says that it has ${length} bytes and the file has ${bytes.length}: it is cut off or no safetensors file`,
    );
  const from = 8 + Number(length);
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(8, from)));
  } catch (cause) {
    refuse(`the header is no JSON: ${(cause as Error).message}; this is no safetensors file, or a damaged one`);
  }
  if (typeof header !== "object" || header === null || Array.isArray(header))
    refuse("the header is no JSON object: this is no safetensors file");
  return { header: header as Readonly<Record<string, unknown>>, from };
}

interface Entry {
  readonly name: string;
  readonly dtype: string;
  readonly shape: Shape;
  readonly begin: number;
  readonly end: number;
}

function checkEntry(name: string, entry: unknown): Entry {
  const { dtype, shape, data_offsets: offsets } = (entry ?? {}) as Readonly<Record<string, unknown>>;
  const type = typeof dtype === "string" && Object.hasOwn(types, dtype) ? types[dtype] : undefined;
  if (!type)
    refuse(`tensor "${name}" is of type ${JSON.stringify(dtype)}, want one of ${Object.keys(types).join(", ")}`, name);
  const counts = (x: unknown): x is number[] => Array.isArray(x) && x.every((n) => Number.isSafeInteger(n) && n >= 0);
  if (!counts(shape)) refuse(`tensor "${name}" has shape ${JSON.stringify(shape)}, want a list of lengths`, name);
  if (!counts(offsets) || offsets.length !== 2)
    refuse(`tensor "${name}" has offsets ${JSON.stringify(offsets)}, want [begin, end]`, name);
  const [begin, end] = offsets as [number, number];
  const size = sizeOf(shape) * type.array.BYTES_PER_ELEMENT;
  if (end - begin !== size)
    refuse(`tensor "${name}" has ${end - begin} bytes, want ${size} for ${dtype} ${showShape(shape)}`, name);
  return { name, dtype: dtype as string, shape, begin, end };
}

function checkMetadata(metadata: unknown = {}): Readonly<Record<string, string>> {
  const isText = typeof metadata === "object" && metadata !== null && !Array.isArray(metadata);
  if (!isText || !Object.values(metadata).every((value) => typeof value === "string"))
    refuse("__metadata__ is not a map from text to text");
  return metadata as Readonly<Record<string, string>>;
}

function read(bytes: Uint8Array, from: number, dtype: string, size: number): Stored {
  const { array, widen } = types[dtype]!;
  const width = array.BYTES_PER_ELEMENT;
  const own = bytes.subarray(from, from + size * width);
  // A copy by the constructor: `slice` of a Buffer is a view.
  const aligned = own.byteOffset % width === 0 ? own : new Uint8Array(own);
  const data = new array(aligned.buffer as ArrayBuffer, aligned.byteOffset, size);
  return widen ? widen(data as Uint16Array) : data;
}

function typeOf(name: string, data: Stored): string {
  const found = Object.entries(types).find(([, { array, widen }]) => !widen && data instanceof (array as never));
  if (!found) refuse(`tensor "${name}" is a ${(data as object).constructor.name}, want a typed array of numbers`, name);
  return found[0];
}

/** The upper half of a float32. */
function widenBrainFloats(bits: Uint16Array): Float32Array {
  return new Float32Array(Uint32Array.from(bits, (upper) => upper << 16).buffer);
}

function refuse(message: string, name?: string): never {
  throw new MmubError("invalid-input", { part, message, ...(name !== undefined && { name }) });
}
