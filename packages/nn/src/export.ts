import { checkParam } from "@mmub/core";
import { reject, showShape, sizeOf } from "./graph.js";
import { type Network, trace } from "./network.js";
import { encodeOnnx } from "./onnx.js";
import { encodeModel } from "./onnx-model.js";
import { anyLength } from "./onnx-open.js";
import { type Program, type ProgramNode, program } from "./program.js";
import { checkWeights, type Weights } from "./weights.js";

export interface ToOnnxOptions {
  /**
   * Steps of each ragged input, by name: a number, then the model takes sequences of exactly so many, shorter ones padded with zeros; or,
   * for one of the inputs, any. @default "any" for the only ragged input; several are to be given
   */
  readonly lengths?: Readonly<Record<string, number | "any">>;
  /** Rows at a time: a number, or any. @default "any" */
  readonly batch?: number | "any";
}

/**
 * A network with its weights, of a trained one `network` and `weights`, as the bytes of an ONNX model, for any program that runs such: onnxruntime in Python, C++, on phones
 * and in browsers. Opset 17, operators of ONNX itself only.
 *
 * Inputs are named as the network's, with the batch in front; a ragged one has `name` and `name.mask`, `[batch, steps]` with 1
 * for a step and 0 for padding; a bag `name` and `name.weights`. What the network has no use for is left out, as the mask of a sum over
 * steps. Ids are int32. The output is `output`, which is what `build` gives: for probabilities instead of logits, export a network around it.
 *
 * Rejects weights that are missing or do not fit, and networks whose graph needs to know the batch size or a length, such as for a table
 * of positions or a causal mask, unless `batch` and `lengths` say it.
 *
 * @example
 * const net = network({ x: { kind: "vector", cols: 3 } }, (scope, { x }) => dense({ units: 2 })(scope, x));
 * const weights = { "dense/weight": new Float32Array(6), "dense/bias": new Float32Array(2) };
 * const probabilities = network(net.inputs, (scope, inputs) => softmax(net.build(scope, inputs)));
 * const bytes = toOnnx(probabilities, weights); // writeFile("model.onnx", bytes)
 */
export function toOnnx(
  net: Network,
  weights: Weights,
  { lengths = {}, batch = "any" }: ToOnnxOptions = {},
): Uint8Array<ArrayBuffer> {
  checkParam(
    "@mmub/nn/toOnnx",
    "batch",
    batch,
    batch === "any" || (Number.isInteger(batch) && batch > 0),
    '"any" or a positive integer',
  );
  const ragged = Object.entries(net.inputs).filter(([, { kind }]) => kind !== "vector" && kind !== "tensor");
  const wanted = ragged.map(([name]) => [name, lengths[name] ?? (ragged.length === 1 ? "any" : undefined)] as const);
  for (const [name, length] of wanted)
    if (length !== "any")
      checkParam(
        "@mmub/nn/toOnnx",
        `lengths.${name}`,
        length,
        Number.isInteger(length) && length! > 0,
        '"any" or a positive integer',
      );
  const open = wanted.filter(([, length]) => length === "any").map(([name]) => name);
  if (open.length > 1)
    reject(
      "invalid-params",
      "toOnnx",
      `lengths are "any" for ${open.join(", ")}, want a number for all but one of them`,
    );
  const at = (length: number) => Object.fromEntries(wanted.map(([name, of]) => [name, of === "any" ? length : of!]));
  const size = batch === "any" ? symbolicBatch(net, at(tried[0])) : batch;
  const traced = (length: number) => trace(net, { batch: size, lengths: at(length) });
  const { output, parameters } = traced(tried[0]);
  const specs = [...parameters.values()].map(({ spec }) => spec);
  checkWeights("toOnnx", specs, weights);
  const bytes = specs.reduce((total, { shape }) => total + 4 * sizeOf(shape), 0);
  // What protobuf can hold in one message.
  if (bytes >= 2 ** 31 - 2 ** 20)
    reject("invalid-input", "toOnnx", `the weights have ${bytes} bytes, an ONNX file at most ${2 ** 31}`);
  const symbolic = batch === "any" && { symbolicBatch: output.shape[0]! };
  const options = { standard: true, weights, ...symbolic };
  if (open.length === 0) return encodeOnnx(program({ output }), options);
  const [near, next, far] = tried.map((length) => program({ output: traced(length).output }));
  const model = anyLength([near!, next!, far!], tried, options);
  return encodeModel(
    model ??
      reject(
        "invalid-input",
        "toOnnx",
        `the graph depends on the length of "${open[0]}" by more than its size, as by a table of positions or a causal mask, so one model cannot take every length: give lengths.${open[0]} a number`,
      ),
  );
}

/** Three lengths, among which a multiple of a stride is told from one of the length. */
const tried = [24, 35, 57] as const;

/**
 * A batch size that stands for any: a prime, such that every length of the graph is either the same for another batch size too or
 * a multiple of it. Rejects a graph that depends on the batch in any other way, since only this one size would run right.
 */
function symbolicBatch(net: Network, lengths: Readonly<Record<string, number>>): number {
  const other = 997;
  const graphOf = (batch: number) => program({ output: trace(net, { batch, lengths }).output });
  const want = graphOf(other);
  for (const prime of [1009, 2003, 4001, 8009, 16001, 32003, 64007]) {
    const graph = graphOf(prime);
    const [{ shape }] = graph.outputs as [Program["outputs"][0]];
    if (shape[0] !== prime) reject("shape-mismatch", "toOnnx", `the output is ${showShape(shape)}, want [batch, ...]`);
    // Whether no length that has nothing to do with the batch looks as if it had.
    let clear = true;
    const grows: Grows = (got, wanted) => {
      if (Object.is(got, wanted)) clear &&= got === 0 || got % prime !== 0;
      return Object.is(got, wanted) || (got % prime === 0 && got / prime === wanted / other);
    };
    const apart = graph.nodes.find((node, i) => !sameNode(node, want.nodes[i], grows));
    if (apart || graph.nodes.length !== want.nodes.length)
      reject(
        "invalid-input",
        "toOnnx",
        `${apart?.layer ? `layer "${apart.layer}": ` : ""}the graph depends on the batch size${apart ? ` at ${apart.op}` : ""}, so one model cannot take every batch: give batch a number`,
      );
    for (const [i, { shape }] of graph.inputs.entries()) sameLengths(shape, want.inputs[i]!.shape, grows);
    for (const { shape } of graph.parameters) sameLengths(shape, shape, grows);
    if (clear) return prime;
  }
  return reject("invalid-input", "toOnnx", "every batch size tried is also a length of the graph: give batch a number");
}

/** Whether a number is the same for both batch sizes, or the same multiple of each. */
type Grows = (got: number, want: number) => boolean;

function sameNode(got: ProgramNode, want: ProgramNode | undefined, grows: Grows): boolean {
  if (got.op !== want?.op || got.inputs.join() !== want.inputs.join()) return false;
  const shapes = got.outputs.every(({ shape }, i) => sameLengths(shape, want.outputs[i]!.shape, grows));
  if (got.op === "constant")
    return shapes && sameData(got.attributes.data, (want as typeof got).attributes.data, grows);
  return (
    shapes &&
    Object.entries(got.attributes).every(([key, value]) => {
      const wanted = (want.attributes as Readonly<Record<string, unknown>>)[key];
      // What the model computes from the batch; anything else would be written out as a number.
      if (["shape", "sizes", "from", "to"].includes(key)) return sameLengths([value].flat(), [wanted].flat(), grows);
      if (key === "body") return sameNodes((value as Program).nodes, (wanted as Program).nodes, grows);
      return String(value) === String(wanted);
    })
  );
}

function sameNodes(got: Program["nodes"], want: Program["nodes"], grows: Grows): boolean {
  return got.length === want.length && got.every((node, i) => sameNode(node, want[i], grows));
}

function sameLengths(got: readonly unknown[], want: readonly unknown[], grows: Grows): boolean {
  return got.length === want.length && got.every((length, i) => grows(length as number, want[i] as number));
}

/** Constants: equal, or a number of rows; along the batch one number for all, or their positions. */
function sameData(got: Float32Array | Int32Array, want: Float32Array | Int32Array, grows: Grows): boolean {
  if (got.length === 1 && want.length === 1) return grows(got[0]!, want[0]!);
  const both = (test: (number: number, i: number) => boolean) =>
    (got as Float32Array).every(test) && (want as Float32Array).every(test);
  if (got.length === want.length) return (got as Float32Array).every((number, i) => Object.is(number, want[i]));
  return both((number) => Object.is(number, got[0])) || both((number, i) => number === i);
}
