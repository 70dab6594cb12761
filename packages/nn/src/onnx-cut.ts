// A model cut short: of its bytes only what an inner value needs, so that a runtime gives that and computes nothing behind it.
import { listed, MmubError } from "@mmub/core";
import { message } from "./onnx-model.js";

/** A node of an ONNX model. */
export interface OnnxNodeInfo {
  /** May be empty: a model need not name its nodes. */
  readonly name: string;
  /** The operator, as `Conv`. */
  readonly op: string;
  /** Names of the values that it gives. */
  readonly outputs: readonly string[];
}

const part = "@mmub/nn/cutOnnx";

/**
 * The nodes of an ONNX model in the order in which they run, to find the layer that `cutOnnx` is to stop at. Rejects bytes that are no
 * ONNX model with `invalid-input`.
 *
 * @example
 * const net = network({ x: { kind: "vector", cols: 2 } }, (_, { x }) => tanh(relu(x)));
 * console.log(onnxNodes(toOnnx(net, {})).map(({ op }) => op)); // [ "Relu", "Tanh", "Identity" ]
 */
export function onnxNodes(model: Uint8Array): OnnxNodeInfo[] {
  return nodesOf(graphOf(model)).map(({ name, op, outputs }) => ({ name, op, outputs }));
}

/**
 * An ONNX model that ends at the value or the node `at`, of a node its first output: without the nodes, weights and inputs that
 * nothing else there needs. Its one output has the value's name, and whatever shape it comes to.
 *
 * Rejects with `invalid-input` if there is no such value or node, with the names that are like it, and if `model` is no ONNX model. A
 * model whose weights lie in a file beside it can be cut; the result looks for that file where the runtime is told to.
 *
 * @example
 * const net = network({ x: { kind: "vector", cols: 2 } }, (_, { x }) => tanh(relu(x)));
 * const bytes = toOnnx(net, {});
 * const [first] = onnxNodes(bytes);
 * const model = await onnxModel(cutOnnx(bytes, first!.name));
 * const [value] = Object.values(await model.run({ x: { shape: [1, 2], data: [-1, 5] } }));
 * console.log(value!.data); // Float32Array(2) [ 0, 5 ]
 * await model.dispose();
 */
export function cutOnnx(model: Uint8Array, at: string): Uint8Array {
  const graph = graphOf(model);
  const nodes = nodesOf(graph);
  const value = valueAt(nodes, at);

  const needed = new Set([value]);
  const kept = new Set<Uint8Array>();
  // Nodes are sorted: what a node needs comes before it.
  for (const node of nodes.toReversed())
    if (node.outputs.some((name) => needed.has(name))) {
      kept.add(node.raw);
      for (const name of node.needs) needed.add(name);
    }
  const described = graph.find(({ field, content }) => field === valueInfo && nameOf(content, 1) === value);
  const own = graph.filter(({ field, content, raw }) => {
    if (field === 1) return kept.has(raw);
    if (field === output) return false;
    if (field === initializer) return needed.has(nameOf(content, 8));
    if (field === input) return needed.has(nameOf(content, 1));
    if (field === valueInfo) return needed.has(nameOf(content, 1)) && nameOf(content, 1) !== value;
    return true;
  });
  return message((cut) => {
    for (const { field, raw } of fieldsOf(model)) if (field !== 7) cut.raw(raw);
    cut.part(7, (inner) => {
      for (const { raw } of own) inner.raw(raw);
      if (described) inner.bytes(output, described.content);
      else inner.part(output, (end) => end.text(1, value));
    });
  });
}

// Fields of a GraphProto, https://github.com/onnx/onnx/blob/main/onnx/onnx.proto; its nodes are field 1.
const [initializer, input, output, valueInfo] = [5, 11, 12, 13];

interface Field {
  readonly field: number;
  /** With its tag and length. */
  readonly raw: Uint8Array;
  /** Of a string, bytes or a message. */
  readonly content: Uint8Array;
}

/** The fields of a protobuf message, as they lie there; https://protobuf.dev/programming-guides/encoding. */
function fieldsOf(bytes: Uint8Array): Field[] {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; at < bytes.length; scale *= 128) {
      const byte = bytes[at++]!;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
    return refuse();
  };
  const found: Field[] = [];
  while (at < bytes.length) {
    const start = at;
    const tag = varint();
    const kind = tag % 8;
    let from = at;
    if (kind === 0) varint();
    else if (kind === 1) at += 8;
    else if (kind === 5) at += 4;
    else if (kind === 2) {
      const length = varint();
      from = at;
      at += length;
    } else refuse();
    if (at > bytes.length) refuse();
    found.push({ field: Math.floor(tag / 8), raw: bytes.subarray(start, at), content: bytes.subarray(from, at) });
  }
  return found;
}

function refuse(): never {
  throw new MmubError("invalid-input", { part, message: "the bytes are no ONNX model, want those of an .onnx file" });
}

/** Of the model's graph. */
function graphOf(model: Uint8Array): Field[] {
  // A message that comes in pieces is all of them together.
  const graphs = fieldsOf(model).filter(({ field }) => field === 7);
  if (graphs.length === 0) refuse();
  return graphs.flatMap(({ content }) => fieldsOf(content));
}

interface Node extends OnnxNodeInfo {
  readonly raw: Uint8Array;
  /** Names of values that it reads, also in the branches of an If and the body of a Loop. */
  readonly needs: readonly string[];
}

function nodesOf(graph: readonly Field[]): Node[] {
  return graph
    .filter(({ field }) => field === 1)
    .map(({ raw, content }) => {
      const fields = fieldsOf(content);
      const texts = (of: number) => fields.filter(({ field }) => field === of).map((field) => textOf(field.content));
      const inner = fields
        .filter(({ field }) => field === 5)
        .flatMap((attribute) => fieldsOf(attribute.content))
        .filter(({ field }) => field === 6 || field === 11)
        .flatMap((branch) => {
          const own = fieldsOf(branch.content);
          const ends = own.filter(({ field }) => field === output).map((end) => nameOf(end.content, 1));
          return [...nodesOf(own).flatMap(({ needs }) => needs), ...ends];
        });
      return { raw, name: texts(3)[0] ?? "", op: texts(4)[0] ?? "", outputs: texts(2), needs: [...texts(1), ...inner] };
    });
}

/** The value that a name stands for: of a node its first output. */
function valueAt(nodes: readonly Node[], at: string): string {
  const direct = nodes.some(({ outputs }) => outputs.includes(at));
  const value = direct ? at : nodes.find(({ name }) => name === at && name !== "")?.outputs[0];
  if (value !== undefined) return value;
  const names = [...new Set(nodes.flatMap(({ name, outputs }) => [name, ...outputs]))].filter((name) => name !== "");
  const like = names.filter((name) => name.toLowerCase().includes(String(at).toLowerCase()));
  throw new MmubError("invalid-input", {
    part,
    message: `there is no node or value "${at}", want one of ${names.length}, such as ${listed((like.length > 0 ? like : names).slice(-8))}; onnxNodes lists them`,
    name: at,
  });
}

function nameOf(message: Uint8Array, field: number): string {
  const found = fieldsOf(message).find((one) => one.field === field);
  return found ? textOf(found.content) : "";
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
