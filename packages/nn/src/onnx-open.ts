// One ONNX model for all lengths of ragged inputs: what differs between the models of two lengths becomes an input of it.
import { describeOnnx, type OnnxOptions } from "./onnx.js";
import {
  encodeModel,
  isGraph,
  type OnnxAttribute,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
  type OnnxValue,
} from "./onnx-model.js";
import type { Program } from "./program.js";

/** A model that runs programs that differ in lengths alone. */
export interface OpenModel {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** What it is fed to run a program, besides that one's own inputs and parameters; undefined where it cannot run it. */
  fit(program: Program): readonly OnnxTensor[] | undefined;
}

/**
 * The model of two programs that differ in lengths, or undefined where they differ in more. Whatever constants differ, such as lengths
 * and positions, become inputs: so nothing has to be known of how they depend on a length.
 */
export function openModel(
  ends: readonly [Program, Program],
  weights: Readonly<Record<string, Float32Array>>,
): OpenModel | undefined {
  const modelOf = (program: Program) => describeOnnx(program, { weights, open: true });
  const [near, far] = [modelOf(ends[0]), modelOf(ends[1])];
  if (!sameGraph(near, far)) return undefined;
  const fixed = constantsOf(near);
  const ofFar = byName(constantsOf(far));
  /** The first of those that are alike at both ends, which is fed for all of them. */
  const fedAs = new Map<string, string>();
  const firsts = new Map<string, string>();
  for (const tensor of fixed) {
    const other = ofFar.get(tensor.name)!;
    if (sameTensor(tensor, other)) continue;
    const key = [tensor, other].map(({ dtype, shape, data }) => `${dtype} ${shape} ${data.join()}`).join(" ");
    if (!firsts.has(key)) firsts.set(key, tensor.name);
    fedAs.set(tensor.name, firsts.get(key)!);
  }
  const fed = fixed.filter(({ name }) => fedAs.get(name) === name);
  const open = opened(near, far, fedAs);
  const inputs = [...open.inputs, ...fed.map((tensor) => openedValue(tensor, ofFar.get(tensor.name)!))];
  return {
    bytes: encodeModel({ ...open, inputs }),
    fit(program) {
      const model = modelOf(program);
      if (!sameGraph(near, model)) return undefined;
      const here = byName(constantsOf(model));
      const fits = fixed.every((tensor) => {
        const first = fedAs.get(tensor.name);
        return sameTensor(here.get(tensor.name)!, first === undefined ? tensor : here.get(first)!);
      });
      return fits ? fed.map(({ name }) => here.get(name)!) : undefined;
    },
  };
}

/**
 * The model of programs that differ in one length, of axis 1 of some inputs, which it takes at any: lengths in the graph are
 * computed from it, as a multiple and a number more. Undefined where the programs differ in more than such lengths.
 */
export function anyLength(
  programs: readonly [Program, Program, Program],
  [from, to, last]: readonly [number, number, number],
  options: OnnxOptions,
): OnnxModel | undefined {
  const [near, next, far] = programs.map((program) => describeOnnx(program, { ...options, open: true }));
  if (!sameGraph(near!, next!) || !sameGraph(near!, far!)) return undefined;
  const along = near!.inputs.find(({ shape }, i) => shape[1] !== far!.inputs[i]!.shape[1])?.name;
  const [ofNext, ofFar] = [next!, far!].map((model) => byName(constantsOf(model)));
  const [steps, nodes, constants] = ["steps", [] as OnnxNode[], [] as OnnxTensor[]];
  const node = (op: string, inputs: readonly string[], output: string, attributes: OnnxNode["attributes"] = {}) =>
    nodes.push({ op, name: `lengths/${op}#${nodes.length}`, inputs, outputs: [output], attributes });
  const computed = new Map<string, string>();
  for (const tensor of constantsOf(near!)) {
    const { name, data, dtype, shape } = tensor;
    const [more, most] = [ofNext!.get(name)!, ofFar!.get(name)!];
    if (sameTensor(tensor, more) && sameTensor(tensor, most)) continue;
    if (dtype !== "int64" || [more, most].some((other) => other.data.length !== data.length)) return undefined;
    const numbers = [tensor, more, most].map((of) => Array.from(of.data, Number));
    const slopes = numbers[0]!.map((number, i) => (numbers[1]![i]! - number) / (to - from));
    const rests = numbers[0]!.map((number, i) => number - slopes[i]! * from);
    const fits = numbers[2]!.every((number, i) => number === slopes[i]! * last + rests[i]!);
    if (!fits || !slopes.every(Number.isInteger)) return undefined;
    if (along === undefined) return undefined;
    if (nodes.length === 0) node("Shape", [along], steps, { start: 1, end: 2 });
    for (const [key, of] of Object.entries({ slope: slopes, rest: rests }))
      constants.push({ name: `${name}.${key}`, dtype, shape, data: BigInt64Array.from(of, BigInt) });
    node("Mul", [steps, `${name}.slope`], `${name}.multiple`);
    node("Add", [`${name}.multiple`, `${name}.rest`], `${name}.length`);
    computed.set(name, `${name}.length`);
  }
  const open = opened(near!, far!, computed);
  return { ...open, nodes: [...nodes, ...open.nodes], constants: [...open.constants, ...constants] };
}

/** The same nodes on the same values, whatever the constants and the shapes. */
function sameGraph(a: OnnxModel, b: OnnxModel): boolean {
  return (
    a.nodes.length === b.nodes.length &&
    a.nodes.every((node, i) => sameNode(node, b.nodes[i]!)) &&
    [a.constants, a.inputs, a.outputs].every((list, i) => {
      const other = [b.constants, b.inputs, b.outputs][i]!;
      return list.length === other.length && list.every(({ name }, k) => name === other[k]!.name);
    })
  );
}

function sameNode(a: OnnxNode, b: OnnxNode): boolean {
  const keys = Object.keys(a.attributes);
  return (
    a.op === b.op &&
    a.domain === b.domain &&
    a.inputs.join() === b.inputs.join() &&
    a.outputs.join() === b.outputs.join() &&
    keys.length === Object.keys(b.attributes).length &&
    keys.every((key) => sameAttribute(a.attributes[key]!, b.attributes[key]))
  );
}

function sameAttribute(a: OnnxAttribute, b: OnnxAttribute | undefined): boolean {
  if (typeof a !== "object" || typeof b !== "object") return a === b;
  if (isGraph(a) || isGraph(b)) return isGraph(a) && isGraph(b) && sameGraph(a, b);
  if ("data" in a || "data" in b) return "data" in a && "data" in b && sameTensor(a, b);
  if ("float" in a || "float" in b) return "float" in a && "float" in b && a.float === b.float;
  if ("join" in a && "join" in b) return a.join() === b.join();
  return JSON.stringify(a) === JSON.stringify(b);
}

function sameTensor(a: OnnxTensor, b: OnnxTensor): boolean {
  if (a.dtype !== b.dtype || a.shape.join() !== b.shape.join()) return false;
  // One array for all lengths: weights that are built in.
  return a.data === b.data || a.data.every((number, i) => Object.is(number, b.data[i]));
}

/** Those of the bodies of loops too: each has a name of its own. */
function constantsOf({ constants, nodes }: OnnxModel): OnnxTensor[] {
  const inside = nodes.flatMap(({ attributes }) => Object.values(attributes).filter(isGraph).flatMap(constantsOf));
  return [...constants, ...inside];
}

function byName(tensors: readonly OnnxTensor[]): ReadonlyMap<string, OnnxTensor> {
  return new Map(tensors.map((tensor) => [tensor.name, tensor]));
}

/** The model without the constants that are fed; what reads them reads what is fed, from within a body too. */
function opened(model: OnnxModel, far: OnnxModel, fedAs: ReadonlyMap<string, string>): OnnxModel {
  const attribute = (value: OnnxAttribute, other: OnnxAttribute): OnnxAttribute =>
    isGraph(value) ? opened(value, other as OnnxModel, fedAs) : value;
  return {
    nodes: model.nodes.map((node, i) => ({
      ...node,
      inputs: node.inputs.map((name) => fedAs.get(name) ?? name),
      attributes: Object.fromEntries(
        Object.entries(node.attributes).map(([key, value]) => [key, attribute(value, far.nodes[i]!.attributes[key]!)]),
      ),
    })),
    constants: model.constants.filter(({ name }) => !fedAs.has(name)),
    inputs: model.inputs.map((value, i) => openedValue(value, far.inputs[i]!)),
    outputs: model.outputs.map((value, i) => openedValue(value, far.outputs[i]!)),
  };
}

/** A length that differs is a name of its own. */
function openedValue({ name, dtype, shape }: OnnxValue, far: OnnxValue): OnnxValue {
  return { name, dtype, shape: shape.map((length, axis) => (length === far.shape[axis] ? length : `${name}.${axis}`)) };
}
