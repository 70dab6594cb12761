import { readFileSync } from "node:fs";
import { MmubError } from "@mmub/core";
import { describe, expect, test } from "vitest";
import { loadSafetensors, saveSafetensors } from "./safetensors.js";

const fixture = (name: string) => readFileSync(new URL(`../fixtures/${name}`, import.meta.url));
const written = JSON.parse(fixture("weights.json").toString()).types as Readonly<
  Record<string, { readonly shape: readonly number[]; readonly values: readonly (number | "inf")[] }>
>;

describe("a file that Python wrote", () => {
  const { tensors, metadata } = loadSafetensors(fixture("types.safetensors"));
  const arrays = {
    f64: Float64Array,
    f32: Float32Array,
    f16: Float32Array,
    bf16: Float32Array,
    i64: BigInt64Array,
    i32: Int32Array,
    i16: Int16Array,
    i8: Int8Array,
    u8: Uint8Array,
    bool: Uint8Array,
    scalar: Float32Array,
    empty: Float32Array,
  };

  test("has its tensors and metadata", () => {
    expect([...tensors.keys()].sort()).toEqual(Object.keys(written).sort());
    expect(metadata).toEqual({ format: "pt" });
  });

  for (const [name, array] of Object.entries(arrays))
    test(name, () => {
      const { shape, data } = tensors.get(name)!;
      expect(shape).toEqual(written[name]!.shape);
      expect(data).toBeInstanceOf(array);
      expect(Array.from(data, Number)).toEqual(
        written[name]!.values.map((value) => (value === "inf" ? Number.POSITIVE_INFINITY : value)),
      );
    });

  test("is the same wherever its bytes lie", () => {
    const bytes = fixture("types.safetensors");
    for (let shift = 0; shift < 8; shift++) {
      const shifted = Buffer.alloc(bytes.length + shift);
      shifted.set(bytes, shift);
      expect(loadSafetensors(shifted.subarray(shift))).toEqual(loadSafetensors(bytes));
    }
  });

  test("is what saveSafetensors writes, byte for byte", () => {
    // All of one type, since Python orders types of one width its own way.
    const bytes = fixture("model.safetensors");
    const { tensors } = loadSafetensors(bytes);
    expect(Buffer.from(saveSafetensors(Object.fromEntries(tensors))).equals(bytes)).toBe(true);
  });
});

test("NaN and negative infinity of half precision", () => {
  const bits = Uint16Array.of(0x7e00, 0xfc00, 0x8001, 0x0400);
  const bytes = saveSafetensors({ x: { shape: [4], data: bits } });
  const text = Buffer.from(bytes).toString("latin1").replace("U16", "F16");
  const { data } = loadSafetensors(Uint8Array.from(Buffer.from(text, "latin1"))).tensors.get("x")!;
  expect(Array.from(data, Number)).toEqual([Number.NaN, Number.NEGATIVE_INFINITY, -(2 ** -24), 2 ** -14]);
});

test("what is saved is loaded", () => {
  const tensors = {
    b: { shape: [2, 1], data: Float32Array.of(1.5, -2) },
    a: { shape: [1], data: BigInt64Array.of(-5n) },
    c: { shape: [3], data: Uint8Array.of(1, 2, 3) },
    __proto__x: { shape: [], data: Float64Array.of(0.1) },
  };
  const loaded = loadSafetensors(saveSafetensors(tensors, { made: "here" }));
  expect(loaded.metadata).toEqual({ made: "here" });
  expect(Object.fromEntries([...loaded.tensors].map(([name, { shape, data }]) => [name, { shape, data }]))).toEqual(
    tensors,
  );
});

describe("what is no such file is refused", () => {
  const file = (header: unknown, data = 8): Uint8Array => {
    const text = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(text.length));
    return Buffer.concat([length, text, Buffer.alloc(data)]);
  };
  const of = (fields: object, data = 8) =>
    file({ x: { dtype: "F32", shape: [2], data_offsets: [0, 8], ...fields } }, data);
  const long = Buffer.alloc(16);
  long.writeBigUInt64LE(2n ** 63n);
  const types = "F64, F32, F16, BF16, I64, U64, I32, U32, I16, U16, I8, U8, BOOL";
  const wrong: [string, Uint8Array, string][] = [
    ["nothing", new Uint8Array(0), "got 0 bytes, want a safetensors file: at least 8 bytes and a header"],
    [
      "a header too long",
      long,
      "the header says that it has 9223372036854775808 bytes and the file has 16: it is cut off or no safetensors file",
    ],
    ["a header that is a list", file([]), "the header is no JSON object: this is no safetensors file"],
    ["an unknown type", of({ dtype: "F8_E4M3" }), `tensor "x" is of type "F8_E4M3", want one of ${types}`],
    ["no type", file({ x: null }), `tensor "x" is of type undefined, want one of ${types}`],
    ["a negative length", of({ shape: [-2] }), 'tensor "x" has shape [-2], want a list of lengths'],
    ["three offsets", of({ data_offsets: [0, 4, 8] }), 'tensor "x" has offsets [0,4,8], want [begin, end]'],
    ["another size", of({ shape: [3] }), 'tensor "x" has 8 bytes, want 12 for F32 [3]'],
    ["offsets that go back", of({ data_offsets: [8, 0] }), 'tensor "x" has -8 bytes, want 8 for F32 [2]'],
    [
      "a file cut off",
      of({}, 7),
      "the file has 69 bytes, want 70 by its header: it is cut off or something was added; get it again",
    ],
    [
      "something added",
      of({}, 9),
      "the file has 71 bytes, want 70 by its header: it is cut off or something was added; get it again",
    ],
    [
      "a hole",
      of({ data_offsets: [4, 12] }, 12),
      'tensor "x" begins at 4, want 0: tensors must lie one behind the other, without holes',
    ],
    [
      "tensors that overlap",
      file({
        x: { dtype: "F32", shape: [2], data_offsets: [0, 8] },
        y: { dtype: "F32", shape: [1], data_offsets: [4, 8] },
      }),
      'tensor "y" begins at 4, want 8: tensors must lie one behind the other, without holes',
    ],
    ["metadata of numbers", file({ __metadata__: { a: 1 } }, 0), "__metadata__ is not a map from text to text"],
  ];
  for (const [name, bytes, message] of wrong)
    test(name, () =>
      expect(() => loadSafetensors(bytes)).toThrow(
        expect.objectContaining({ code: "invalid-input", message: `nn/safetensors: ${message}` }),
      ),
    );

  test("text", () =>
    expect(() => loadSafetensors(file("{]"))).toThrow(/the header is no JSON: .*; this is no safetensors file/));

  test("every file cut short, and every byte of the header turned over, is refused or read within its bounds", () => {
    const bytes = fixture("types.safetensors");
    for (let length = 0; length < bytes.length; length++)
      expect(() => loadSafetensors(bytes.subarray(0, length))).toThrow(MmubError);
    const header = Number(bytes.readBigUInt64LE(0));
    for (let at = 0; at < 8 + header; at++) {
      const damaged = Buffer.from(bytes);
      damaged[at]! ^= 0xff;
      try {
        loadSafetensors(damaged);
      } catch (error) {
        if (!MmubError.is(error)) throw error;
      }
    }
  });
});

test("saveSafetensors refuses numbers that do not fit the shape", () => {
  expect(() => saveSafetensors({ x: { shape: [3], data: new Float32Array(2) } })).toThrow(
    'nn/safetensors: tensor "x" has 2 numbers for shape [3]',
  );
});
