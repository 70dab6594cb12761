import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateRawSync } from "node:zlib";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseCsv, readNpy, readSafetensors, readZipped } from "./files.js";

describe("CSV", () => {
  test("reads quotes, commas and line ends inside fields, and empty fields", () => {
    const text = '\uFEFFid,name,note\r\n1,"a ""b"", c","two\nlines"\r\n2,,\n3,x,"end"';
    expect(parseCsv(text)).toEqual([
      { id: "1", name: 'a "b", c', note: "two\nlines" },
      { id: "2", name: "", note: "" },
      { id: "3", name: "x", note: "end" },
    ]);
    expect(parseCsv("")).toEqual([]);
    expect(parseCsv("only,names\n")).toEqual([]);
  });

  test("names the line of what is broken", () => {
    expect(() => parseCsv('a,b\n"x\ny",1\n2\n')).toThrow("line 4: 1 fields, want 2");
    expect(() => parseCsv('a,b\n1,"open\n')).toThrow("line 2: a quoted field does not end");
    expect(() => parseCsv('a,b\n1,"x"y\n')).toThrow("line 2: text after a quoted field");
  });
});

describe("npy", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "npy "));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function write(header: string, values: number[], version = 1): string {
    const path = join(folder, "x.npy");
    const length = version === 1 ? Buffer.from([header.length, 0]) : Buffer.from([header.length, 0, 0, 0]);
    const start = Buffer.from([0x93, ...Buffer.from("NUMPY"), version, 0]);
    writeFileSync(
      path,
      Buffer.concat([start, length, Buffer.from(header), Buffer.from(Float32Array.from(values).buffer)]),
    );
    return path;
  }

  test.each([1, 2])("reads a matrix of version %i", (version) => {
    const path = write("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n", [1, 2, 3, 4, 5, 6], version);
    expect(readNpy(path)).toEqual({ rows: 2, cols: 3, data: Float32Array.of(1, 2, 3, 4, 5, 6) });
  });

  test("rejects other kinds of array", () => {
    expect(() => readNpy(write("{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2), }", [1, 2]))).toThrow("<f8");
    expect(() => readNpy(write("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }", [1, 2]))).toThrow(
      "2 values",
    );
    writeFileSync(join(folder, "x.csv"), "a,b\n");
    expect(() => readNpy(join(folder, "x.csv"))).toThrow("not an .npy file");
  });
});

describe("safetensors", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "safetensors "));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function write(header: object, values: NodeJS.ArrayBufferView[]): string {
    const path = join(folder, "x.safetensors");
    const text = Buffer.from(JSON.stringify(header));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(text.length));
    const bytes = values.map(({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength));
    writeFileSync(path, Buffer.concat([length, text, ...bytes]));
    return path;
  }

  test("reads float32 and int32 by name, wherever they lie", () => {
    const header = {
      __metadata__: { format: "pt" },
      ids: { dtype: "I32", shape: [2], data_offsets: [12, 20] },
      "layer.weight": { dtype: "F32", shape: [1, 3], data_offsets: [0, 12] },
    };
    const tensors = readSafetensors(write(header, [Float32Array.of(1, -2, 0.5), Int32Array.of(7, -8)]));
    expect(Object.fromEntries(tensors)).toEqual({
      ids: { shape: [2], data: Int32Array.of(7, -8) },
      "layer.weight": { shape: [1, 3], data: Float32Array.of(1, -2, 0.5) },
    });
  });

  test("rejects other kinds of number", () => {
    const path = write({ x: { dtype: "F64", shape: [1], data_offsets: [0, 8] } }, [Float64Array.of(1)]);
    expect(() => readSafetensors(path)).toThrow("x is F64, want F32 or I32");
  });
});

describe("zip", () => {
  const folder = mkdtempSync(join(tmpdir(), "zip "));
  afterAll(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "x.whl");

  /** Only the fields that a reader needs are filled in. */
  function archive(files: readonly (readonly [name: string, method: number, packed: Buffer])[]): Buffer {
    const [bodies, entries]: [Buffer[], Buffer[]] = [[], []];
    let at = 0;
    for (const [name, method, packed] of files) {
      const local = Buffer.alloc(30);
      local.write("PK\x03\x04", "latin1");
      local.writeUInt16LE(name.length, 26);
      local.writeUInt16LE(3, 28);
      const entry = Buffer.alloc(46);
      entry.write("PK\x01\x02", "latin1");
      entry.writeUInt16LE(method, 10);
      entry.writeUInt32LE(packed.length, 20);
      entry.writeUInt16LE(name.length, 28);
      entry.writeUInt16LE(2, 30);
      entry.writeUInt16LE(1, 32);
      entry.writeUInt32LE(at, 42);
      const body = Buffer.concat([local, Buffer.from(`${name}xxx`), packed]);
      bodies.push(body);
      entries.push(entry, Buffer.from(`${name}eec`));
      at += body.length;
    }
    const end = Buffer.alloc(22);
    end.write("PK\x05\x06", "latin1");
    end.writeUInt16LE(files.length, 10);
    end.writeUInt32LE(at, 16);
    return Buffer.concat([...bodies, ...entries, end]);
  }

  test("reads a file that is packed and one that is not", () => {
    const text = "one two ".repeat(50);
    writeFileSync(
      path,
      archive([
        ["a/one.txt", 8, deflateRawSync(text)],
        ["two", 0, Buffer.from("plain")],
        ["odd", 12, Buffer.alloc(1)],
      ]),
    );
    expect(readZipped(path, "a/one.txt").toString()).toBe(text);
    expect(readZipped(path, "two").toString()).toBe("plain");
    expect(() => readZipped(path, "odd")).toThrow("odd is packed by method 12");
    expect(() => readZipped(path, "three")).toThrow("holds no three");
    writeFileSync(path, "no archive");
    expect(() => readZipped(path, "two")).toThrow("is not a zip archive");
  });
});
