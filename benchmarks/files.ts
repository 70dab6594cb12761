import { readFileSync } from "node:fs";
import { inflateRawSync } from "node:zlib";

/**
 * The records of a CSV file by the names of its first line. RFC 4180: a quoted field may hold commas, line ends and
 * doubled quotes. Throws with the line of a quote that does not end or a record with more or fewer fields than names.
 */
export function parseCsv(text: string): Record<string, string>[] {
  const records: { line: number; fields: string[] }[] = [];
  let [at, line] = [text.startsWith("\uFEFF") ? 1 : 0, 1];
  while (at < text.length) {
    const record = { line, fields: [] as string[] };
    for (let more = true; more; ) {
      let field = "";
      if (text[at] === '"') {
        const start = line;
        for (;;) {
          const quote = text.indexOf('"', at + 1);
          if (quote < 0) throw new Error(`line ${start}: a quoted field does not end`);
          field += text.slice(at + 1, quote);
          at = quote + 1;
          if (text[at] !== '"') break;
          field += '"';
        }
        line += field.split("\n").length - 1;
        if (at < text.length && !/[,\r\n]/.test(text[at]!)) throw new Error(`line ${line}: text after a quoted field`);
      } else {
        const end = /[,\r\n]|$/g;
        end.lastIndex = at;
        const stop = end.exec(text)!.index;
        field = text.slice(at, stop);
        at = stop;
      }
      record.fields.push(field);
      more = text[at] === ",";
      if (more) at++;
    }
    if (text[at] === "\r") at++;
    if (text[at] === "\n") at++;
    line++;
    records.push(record);
  }
  const names = records.shift()?.fields ?? [];
  return records.map((record) => {
    if (record.fields.length !== names.length)
      throw new Error(`line ${record.line}: ${record.fields.length} fields, want ${names.length}`);
    return Object.fromEntries(names.map((name, i) => [name, record.fields[i]!]));
  });
}

/** A matrix of a NumPy .npy file: little-endian float32 in C order, as it lies in the file. */
export function readNpy(path: string): { rows: number; cols: number; data: Float32Array } {
  const bytes = readFileSync(path);
  if (bytes.toString("latin1", 0, 6) !== "\x93NUMPY") throw new Error(`${path} is not an .npy file`);
  const wide = bytes[6]! > 1;
  const start = wide ? 12 : 10;
  const end = start + (wide ? bytes.readUInt32LE(8) : bytes.readUInt16LE(8));
  const header = bytes.toString("latin1", start, end);
  const [, rows, cols] = /'shape': \((\d+), (\d+)\)/.exec(header) ?? [];
  if (!header.includes("'descr': '<f4'") || !header.includes("'fortran_order': False") || !rows || !cols)
    throw new Error(`${path} holds ${header.trim()}, want a matrix of <f4 in C order`);
  const data = new Float32Array(bytes.buffer.slice(bytes.byteOffset + end, bytes.byteOffset + bytes.length));
  if (data.length !== Number(rows) * Number(cols))
    throw new Error(`${path} holds ${data.length} values, want ${rows} x ${cols}`);
  return { rows: Number(rows), cols: Number(cols), data };
}

export interface Tensor {
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array;
}

/** The tensors of a safetensors file by name: float32 and int32, in C order. */
export function readSafetensors(path: string): Map<string, Tensor> {
  const bytes = readFileSync(path);
  const start = 8 + Number(bytes.readBigUInt64LE(0));
  const { __metadata__, ...entries } = JSON.parse(bytes.toString("utf8", 8, start)) as Record<string, SafeTensor>;
  const tensors = Object.entries(entries).map(
    ([
      name,
      {
        dtype,
        shape,
        data_offsets: [from, to],
      },
    ]) => {
      const Numbers = { F32: Float32Array, I32: Int32Array }[dtype];
      if (!Numbers) throw new Error(`${path}: ${name} is ${dtype}, want F32 or I32`);
      const at = bytes.byteOffset + start;
      return [name, { shape, data: new Numbers(bytes.buffer.slice(at + from, at + to)) }] as const;
    },
  );
  return new Map(tensors);
}

interface SafeTensor {
  readonly dtype: string;
  readonly shape: number[];
  readonly data_offsets: [number, number];
}

/** The bytes of one file in a zip archive, such as a Python wheel; of archives below 4 GiB. */
export function readZipped(path: string, name: string): Buffer {
  const bytes = readFileSync(path);
  const end = bytes.lastIndexOf("PK\x05\x06", undefined, "latin1");
  if (end < 0) throw new Error(`${path} is not a zip archive`);
  let at = bytes.readUInt32LE(end + 16);
  for (let left = bytes.readUInt16LE(end + 10); left > 0; left--) {
    const [nameLength, extra, comment] = [28, 30, 32].map((offset) => bytes.readUInt16LE(at + offset)) as [
      number,
      number,
      number,
    ];
    if (bytes.toString("utf8", at + 46, at + 46 + nameLength) !== name) {
      at += 46 + nameLength + extra + comment;
      continue;
    }
    const [method, size, local] = [
      bytes.readUInt16LE(at + 10),
      bytes.readUInt32LE(at + 20),
      bytes.readUInt32LE(at + 42),
    ];
    const from = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28);
    const packed = bytes.subarray(from, from + size);
    if (method === 0) return packed;
    if (method === 8) return inflateRawSync(packed);
    throw new Error(`${path}: ${name} is packed by method ${method}, want 0 or 8`);
  }
  throw new Error(`${path} holds no ${name}`);
}
