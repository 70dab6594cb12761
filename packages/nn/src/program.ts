import {
  type DType,
  isOp,
  type Node,
  type Op,
  type OpAttributes,
  reject,
  type Shape,
  sizeOf,
  type Value,
} from "./graph.js";

/** A tensor by name: of a program's inputs, parameters or outputs. */
export interface TensorSpec {
  readonly name: string;
  readonly shape: Shape;
  readonly dtype: DType;
}

/** A graph ready to run: plain data that can be sent to another thread. Values are named by number. */
export interface Program {
  readonly inputs: readonly (TensorSpec & { readonly value: number })[];
  readonly parameters: readonly (TensorSpec & { readonly value: number })[];
  readonly outputs: readonly (TensorSpec & { readonly value: number })[];
  /** In an order in which they can run; inputs, parameters and customs left out. */
  readonly nodes: readonly ProgramNode[];
}

export type RunOp = Exclude<Op, "input" | "parameter" | "custom">;

export type ProgramNode = { [O in RunOp]: ProgramNodeOf<O> }[RunOp];

export interface ProgramNodeOf<O extends RunOp> {
  readonly op: O;
  readonly inputs: readonly number[];
  readonly inputShapes: readonly Shape[];
  readonly attributes: OpAttributes[O];
  readonly outputs: readonly { readonly value: number; readonly shape: Shape; readonly dtype: DType }[];
  readonly layer: string;
}

/** What must run for these outputs, and nothing else. */
export function program(outputs: Readonly<Record<string, Value>>): Program {
  const numbers = new Map<Value, number>();
  const numberOf = (value: Value): number => {
    // A value under a gradient rule of its own is, when it runs, the value itself.
    if (isOp(value.node, "custom")) return numberOf(value.node.inputs[value.index]!);
    const known = numbers.get(value) ?? numbers.size;
    numbers.set(value, known);
    return known;
  };
  const inputs = new Map<string, Program["inputs"][number]>();
  const parameters = new Map<string, Program["inputs"][number]>();
  const nodes: ProgramNode[] = [];
  for (const node of reached(Object.values(outputs))) {
    const specs = node.outputs.map((value) => ({ value: numberOf(value), shape: value.shape, dtype: value.dtype }));
    if (isOp(node, "input") || isOp(node, "parameter")) {
      const { name } = node.attributes as OpAttributes["input"];
      const kind = isOp(node, "input") ? inputs : parameters;
      if (inputs.has(name) || parameters.has(name))
        reject(
          "invalid-input",
          "program",
          `two inputs or parameters are named "${name}", want one value for each name`,
          {
            name,
          },
        );
      kind.set(name, { name, ...specs[0]! });
      continue;
    }
    nodes.push({
      op: node.op,
      inputs: node.inputs.map(numberOf),
      inputShapes: node.inputs.map(({ shape }) => shape),
      attributes: node.attributes,
      outputs: specs,
      layer: node.layer,
    } as ProgramNode);
  }
  return {
    inputs: [...inputs.values()],
    parameters: [...parameters.values()],
    outputs: Object.entries(outputs).map(([name, value]) => ({
      name,
      value: numberOf(value),
      shape: value.shape,
      dtype: value.dtype,
    })),
    nodes,
  };
}

/** About how many products a run takes, of matrices and convolutions alone. */
export function products({ nodes }: Program): number {
  let sum = 0;
  for (const { op, inputShapes, attributes, outputs } of nodes) {
    const [a, b] = inputShapes as [Shape, Shape];
    const size = sizeOf(outputs[0]!.shape);
    if (op === "matmul" || op === "gemm") sum += size * a.at(attributes.transA ? -2 : -1)!;
    else if (op === "conv") sum += size * sizeOf(b.slice(1));
    else if (op === "convInputGradient") sum += sizeOf(a) * sizeOf(b.slice(1));
    else if (op === "convFilterGradient") sum += sizeOf(b) * sizeOf(attributes.shape.slice(1));
    else if (op === "scan") sum += products(attributes.body) * inputShapes[attributes.states]![0]!;
  }
  return sum;
}

/** The nodes that run, which leaves out what only a gradient rule of its own has asked for. */
function reached(values: readonly Value[]): Node[] {
  const seen = (value: Value): Value => (isOp(value.node, "custom") ? seen(value.node.inputs[value.index]!) : value);
  const found = new Set<Node>();
  const open = values.map((value) => seen(value).node);
  for (let next = open.pop(); next; next = open.pop()) {
    if (found.has(next)) continue;
    found.add(next);
    for (const input of next.inputs) open.push(seen(input).node);
  }
  return [...found].sort((a, b) => a.id - b.id);
}
