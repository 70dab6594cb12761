// An ONNX model as plain data, and its bytes. Field numbers are those of onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).

export type OnnxType = "float32" | "int32" | "int64" | "bool";

const elementTypes = { float32: 1, int32: 6, int64: 7, bool: 9 } as const satisfies Record<OnnxType, number>;

export interface OnnxTensor {
  readonly name: string;
  readonly dtype: OnnxType;
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array | BigInt64Array | Uint8Array;
}

/** An input or output; an axis whose length is known only at a run is a name. */
export interface OnnxValue {
  readonly name: string;
  readonly dtype: OnnxType | "string";
  readonly shape: readonly (number | string)[];
}

/** A plain number is an integer, which the writer wants not to be negative: count axes from the front. A body of a loop is a model. */
export type OnnxAttribute =
  | number
  | readonly number[]
  | string
  | { readonly float: number }
  | { readonly floats: ArrayLike<number> }
  | { readonly strings: readonly string[] }
  | OnnxTensor
  | OnnxModel;

export interface OnnxNode {
  readonly op: string;
  readonly name: string;
  /** Absent: the operators of ONNX itself. */
  readonly domain?: string;
  /** Names of values; an optional one that is left out is `""`. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
}

export interface OnnxModel {
  /** In an order in which they can run. */
  readonly nodes: readonly OnnxNode[];
  /** Initializers. */
  readonly constants: readonly OnnxTensor[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
}

/** What `LayerNormalization` came with; 1.12 and later read it. */
const opset = 17;
const irVersion = 8;

/**
 * The bytes of an ONNX model that is described as plain data: for models that others trained and that come without a graph. What
 * `network` describes, `toOnnx` writes. Opset 17; nothing is checked but by the runtime that loads it.
 *
 * @example
 * const value = (name: string) => ({ name, dtype: "float32", shape: ["batch", 2] }) as const;
 * const relu6 = {
 *   op: "Clip",
 *   name: "relu6",
 *   inputs: ["x", "zero", "six"],
 *   outputs: ["y"],
 *   attributes: {},
 * };
 * const constants = [
 *   { name: "zero", dtype: "float32", shape: [], data: Float32Array.of(0) },
 *   { name: "six", dtype: "float32", shape: [], data: Float32Array.of(6) },
 * ] as const;
 * const bytes = encodeModel({ nodes: [relu6], constants, inputs: [value("x")], outputs: [value("y")] });
 * const model = await onnxModel(bytes);
 * console.log((await model.run({ x: { shape: [1, 2], data: [-1, 9] } })).y!.data); // Float32Array(2) [ 0, 6 ]
 * await model.dispose();
 */
export function encodeModel({ nodes, constants, inputs, outputs }: OnnxModel): Uint8Array<ArrayBuffer> {
  const domains = new Set(domainsOf(nodes));
  return message((model) => {
    model.int(1, irVersion);
    model.text(2, "mmub");
    model.part(7, (graph) => writeGraph(graph, { nodes, constants, inputs, outputs }));
    model.part(8, (set) => {
      set.text(1, "");
      set.int(2, opset);
    });
    for (const domain of domains)
      model.part(8, (set) => {
        set.text(1, domain);
        set.int(2, 1);
      });
  });
}

function domainsOf(nodes: readonly OnnxNode[]): string[] {
  return nodes.flatMap(({ domain, attributes }) => [
    ...(domain ? [domain] : []),
    ...Object.values(attributes).flatMap((value) => (isGraph(value) ? domainsOf(value.nodes) : [])),
  ]);
}

export function isGraph(value: OnnxAttribute): value is OnnxModel {
  return typeof value === "object" && "nodes" in value;
}

function writeGraph(graph: Writer, { nodes, constants, inputs, outputs }: OnnxModel): void {
  for (const node of nodes) graph.part(1, (writer) => writeNode(writer, node));
  graph.text(2, "mmub");
  for (const tensor of constants) graph.part(5, (writer) => writeTensor(writer, tensor));
  for (const value of inputs) graph.part(11, (writer) => writeValue(writer, value));
  for (const value of outputs) graph.part(12, (writer) => writeValue(writer, value));
}

function writeNode(writer: Writer, { op, name, domain, inputs, outputs, attributes }: OnnxNode): void {
  for (const input of inputs) writer.text(1, input);
  for (const output of outputs) writer.text(2, output);
  writer.text(3, name);
  writer.text(4, op);
  for (const [key, value] of Object.entries(attributes))
    writer.part(5, (attribute) => {
      attribute.text(1, key);
      writeAttribute(attribute, value);
    });
  if (domain) writer.text(7, domain);
}

function writeAttribute(writer: Writer, value: OnnxAttribute): void {
  const kind = (type: number) => writer.int(20, type);
  if (typeof value === "number") {
    writer.int(3, value);
    kind(2);
  } else if (typeof value === "string") {
    writer.text(4, value);
    kind(3);
  } else if (isGraph(value)) {
    writer.part(6, (graph) => writeGraph(graph, value));
    kind(5);
  } else if ("float" in value) {
    writer.float(2, value.float);
    kind(1);
  } else if ("floats" in value) {
    for (let i = 0; i < value.floats.length; i++) writer.float(7, value.floats[i]!);
    kind(6);
  } else if ("strings" in value) {
    for (const item of value.strings) writer.text(9, item);
    kind(8);
  } else if ("data" in value) {
    writer.part(5, (tensor) => writeTensor(tensor, value));
    kind(4);
  } else {
    for (const item of value) writer.int(8, item);
    kind(7);
  }
}

function writeTensor(writer: Writer, { name, dtype, shape, data }: OnnxTensor): void {
  for (const length of shape) writer.int(1, length);
  writer.int(2, elementTypes[dtype]);
  writer.text(8, name);
  // Raw data is little-endian, as every machine is that Node and onnxruntime run on.
  writer.bytes(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
}

function writeValue(writer: Writer, { name, dtype, shape }: OnnxValue): void {
  writer.text(1, name);
  writer.part(2, (type) =>
    type.part(1, (tensor) => {
      tensor.int(1, dtype === "string" ? 8 : elementTypes[dtype]);
      tensor.part(2, (axes) => {
        for (const length of shape)
          axes.part(1, (axis) => {
            if (typeof length === "string") axis.text(2, length);
            else axis.int(1, length);
          });
      });
    }),
  );
}

/** The four kinds of field that ONNX is made of; https://protobuf.dev/programming-guides/encoding. */
interface Writer {
  int(field: number, value: number): void;
  float(field: number, value: number): void;
  text(field: number, value: string): void;
  bytes(field: number, value: Uint8Array): void;
  part(field: number, write: (writer: Writer) => void): void;
  /** A field that is written already. */
  raw(field: Uint8Array): void;
}

const utf8 = new TextEncoder();

/** The bytes of a protobuf message. */
export function message(write: (writer: Writer) => void): Uint8Array<ArrayBuffer> {
  let bytes = new Uint8Array(256);
  let length = 0;
  const reserve = (more: number) => {
    if (length + more <= bytes.length) return;
    const longer = new Uint8Array(Math.max(2 * bytes.length, length + more));
    longer.set(bytes.subarray(0, length));
    bytes = longer;
  };
  const varint = (value: number) => {
    reserve(10);
    let rest = value;
    for (; rest > 127; rest = Math.floor(rest / 128)) bytes[length++] = (rest % 128) | 128;
    bytes[length++] = rest;
  };
  const writer: Writer = {
    int(field, value) {
      varint(field << 3);
      varint(value);
    },
    float(field, value) {
      varint((field << 3) | 5);
      reserve(4);
      new DataView(bytes.buffer).setFloat32(length, value, true);
      length += 4;
    },
    bytes(field, value) {
      varint((field << 3) | 2);
      varint(value.length);
      writer.raw(value);
    },
    text(field, value) {
      writer.bytes(field, utf8.encode(value));
    },
    part(field, inner) {
      writer.bytes(field, message(inner));
    },
    raw(field) {
      reserve(field.length);
      bytes.set(field, length);
      length += field.length;
    },
  };
  write(writer);
  return bytes.subarray(0, length);
}
