// Programs made ready and fed: one session for each shape of batch, and arrays that are used again at each step.
import { MmubError, type TypedArray } from "@mmub/core";
import type { Arena, RowRun } from "./arena.js";
import { type BatchShape, type Dataset, feedNames, fill, type Padding, shapeKey } from "./batching.js";
import { freeBytes, mebibytes } from "./free-memory.js";
import { sizeOf } from "./graph.js";
import { products, type TensorSpec } from "./program.js";
import type { CompileOptions, Family, Runtime, Session } from "./runtimes/runtime.js";
import { activationBytes, names, type StepProgram } from "./step-program.js";

/** A program for one shape of batch, its feeds and fetches bound. */
export interface Ready {
  readonly program: StepProgram;
  readonly shape: BatchShape;
  readonly session: Session;
  /** The others that may share its session. */
  readonly family?: Family;
  /** About what its activations take, and parameters that are built in. */
  readonly bytes: number;
  readonly feeds: Record<string, TypedArray>;
  readonly fetches: Record<string, TypedArray>;
  /** Rows of gradients that the run gives, by parameter. */
  readonly rows: ReadonlyMap<string, readonly RowRun[]>;
}

/** What binds a program to memory. */
export interface Binding {
  readonly parameters: ReadonlyMap<string, Float32Array>;
  /** Absent: nothing is trained. */
  readonly arena?: Arena;
  /** Whether the network's output is read. */
  readonly output: boolean;
  /** Room by name, made once for the largest that is asked for. */
  readonly room: Room;
}

/** Arrays by name that grow as larger ones are asked for; smaller ones are views of them. */
export interface Room {
  float32(name: string, length: number): Float32Array;
  int32(name: string, length: number): Int32Array;
}

export function room(): Room {
  const held = new Map<string, Float32Array | Int32Array>();
  const take = <A extends Float32Array | Int32Array>(
    type: { new (length: number): A },
    name: string,
    length: number,
  ) => {
    const known = held.get(name);
    const array = known && known.length >= length ? known : new type(length);
    held.set(name, array);
    return array.subarray(0, length) as A;
  };
  return {
    float32: (name, length) => take(Float32Array, name, length),
    int32: (name, length) => take(Int32Array, name, length),
  };
}

/**
 * Programs made ready, by kind and shape. Each session holds the memory of its activations, so they are kept while there are at most
 * `most.count` that hold about `most.bytes`, and programs that share one while there are at most `mostShapes`; what was not used for
 * longest goes first.
 */
export function sessions(
  most: { readonly count: number; readonly bytes: number },
  make: (kind: string, shape: BatchShape, family: Pick<CompileOptions, "family">) => Promise<Ready>,
  paddings: Readonly<Record<string, Padding>>,
  programOf: (kind: string, shape: BatchShape) => StepProgram | Promise<StepProgram>,
): {
  get(kind: string, shape: BatchShape): Ready | Promise<Ready>;
  dispose(): Promise<void>;
} {
  const held = new Map<string, Ready>();
  const families = new Map<string, Family>();
  const varied = Object.values(paddings).some(({ least, most }) => least < most);
  const familyOf = (kind: string, { batch, full = [] }: BatchShape): Pick<CompileOptions, "family"> => {
    // Without masks it is another graph.
    if (!varied || full.length > 0) return {};
    const at = async (end: "least" | "most") => {
      const lengths = Object.fromEntries(Object.entries(paddings).map(([name, padding]) => [name, padding[end]]));
      return (await programOf(kind, { batch, lengths })).program;
    };
    const key = `${kind} ${batch}`;
    const family = families.get(key) ?? { ends: async () => [await at("least"), await at("most")] };
    families.set(key, family);
    return { family };
  };
  const tooMuch = () => {
    const bytes = new Map<object, number>();
    for (const ready of held.values()) {
      const holder = (ready.session.shared && ready.family) || ready;
      bytes.set(holder, Math.max(ready.bytes, bytes.get(holder) ?? 0));
    }
    const all = [...bytes.values()].reduce((sum, of) => sum + of, 0);
    return bytes.size > most.count || held.size > mostShapes || (bytes.size > 1 && all > most.bytes);
  };
  return {
    get(kind, shape) {
      const key = `${kind} ${shapeKey(shape)}`;
      const known = held.get(key);
      if (known) {
        // The map's order is that of use.
        held.delete(key);
        held.set(key, known);
        return known;
      }
      return (async () => {
        held.set(key, await make(kind, shape, familyOf(kind, shape)));
        for (const [oldest, { session }] of held) {
          if (!tooMuch()) break;
          held.delete(oldest);
          await session.dispose();
        }
        return held.get(key)!;
      })();
    },
    async dispose() {
      const all = [...held.values()];
      held.clear();
      for (const { session } of all) await session.dispose();
    },
  };
}

const mostShapes = 512;

// Products of a program that is done before a second thread has taken its part.
const worthTwo = 2 ** 24;

/** Compiles a program and binds it to its memory. */
export async function ready(
  runtime: Runtime,
  program: StepProgram,
  shape: BatchShape,
  { parameters, arena, output, room }: Binding,
  options: CompileOptions,
): Promise<Ready> {
  const feeds: Record<string, TypedArray> = {};
  const fetches: Record<string, TypedArray> = {};
  for (const { name } of program.program.parameters) feeds[name] = parameters.get(name)!;
  let maskAt = 0;
  const masks = new Set(program.masks.map(({ name }) => name));
  for (const spec of program.program.inputs) {
    const length = sizeOf(spec.shape);
    if (masks.has(spec.name)) {
      feeds[spec.name] = arena!.masks.subarray(maskAt, maskAt + length);
      maskAt += length;
    } else feeds[spec.name] = spec.dtype === "int32" ? room.int32(spec.name, length) : room.float32(spec.name, length);
  }

  const outputs = new Map(program.program.outputs.map((spec) => [spec.name, spec]));
  const lengthOf = (name: string): number => sizeOf((outputs.get(name) as TensorSpec).shape);
  for (const name of [names.loss, names.counts, ...(output ? [names.output] : [])])
    if (outputs.has(name)) fetches[name] = room.float32(`fetched ${name}`, lengthOf(name));
  const rows = new Map<string, readonly RowRun[]>();
  for (const [name, { dense, pieces }] of Object.entries(program.gradients)) {
    if (dense) fetches[names.gradient(name)] = arena!.gradients.get(name)!;
    if (pieces.length === 0) continue;
    const table = arena!.tables.get(name)!;
    let [at, baseAt] = [0, 0];
    const runs = pieces.map(({ from }, piece): RowRun => {
      const count = lengthOf(names.rows(name, piece));
      const base = from ? lengthOf(names.values(name, piece)) : 0;
      fetches[names.rows(name, piece)] = table.rows.subarray(at, at + count);
      if (from) fetches[names.scales(name, piece)] = table.scales.subarray(at, at + count);
      fetches[names.values(name, piece)] = from
        ? table.base.subarray(baseAt, baseAt + base)
        : table.values.subarray(at * table.width, (at + count) * table.width);
      at += count;
      baseAt += base;
      return { count, base, from };
    });
    rows.set(name, runs);
  }
  for (const name of program.updates)
    fetches[names.update(name)] = room.float32(`fetched ${names.update(name)}`, lengthOf(names.update(name)));
  if (!arena) checkMemory(program, shape);
  const { family } = options;
  // One session serves long rows, too.
  const one = !family && products(program.program) < worthTwo;
  const session = await runtime.compile(program.program, one ? { ...options, threads: 1 } : options);
  const bytes = activationBytes(program.program);
  return { program, shape, session, ...(family && { family }), bytes, feeds, fetches, rows };
}

/** Throws where the activations of a prediction would not fit into memory. A training is refused as a whole, before it begins. */
function checkMemory({ program }: StepProgram, { batch, lengths }: BatchShape): void {
  // Of the estimate of what a session keeps, what is needed at once.
  const [bytes, free] = [activationBytes(program) / 3, freeBytes()];
  if (bytes <= free) return;
  const steps = Object.entries(lengths).map(([name, length]) => `, ${length} steps of "${name}"`);
  throw new MmubError("invalid-params", {
    part: "@mmub/nn/trained",
    message: `a batch of ${batch} rows${steps.join("")} needs about ${mebibytes(bytes)}, want at most the ${mebibytes(free)} that are free; take a smaller batchSize or shorter rows`,
    bytes,
    batch,
  });
}

/** Puts the rows `order[from]` to `order[to]` of the data into the feeds. */
export function feed({ feeds, shape }: Ready, data: Dataset, order: Int32Array, from: number, to: number): void {
  for (const column of data.columns) {
    const { main, beside } = feedNames(column);
    const [first, second] = [feeds[main], beside === undefined ? undefined : feeds[beside]];
    // What the graph does not look at is not one of its inputs.
    if (first || second) fill(column, order, from, to, first, second, shape.lengths[column.name] ?? 0);
  }
  const weights = feeds[names.weights];
  if (!weights) return;
  if (data.weights) for (let i = from; i < to; i++) weights[i - from] = data.weights[order[i]!]!;
  else weights.fill(1, 0, to - from);
  weights.fill(0, to - from);
}

/** New dropout masks. The key makes them those of one step, whatever was drawn before. */
export function drawMasks({ program, feeds }: Ready, arena: Arena, seed: number, run: number): void {
  for (const [index, { name, rate }] of program.masks.entries())
    if (feeds[name]) arena.kernels.dropoutMask(feeds[name] as Float32Array, rate, [seed, run, index]);
}

/** What buffers have become. */
export function takeUpdates({ program, fetches }: Ready, parameters: ReadonlyMap<string, Float32Array>): void {
  for (const name of program.updates) parameters.get(name)!.set(fetches[names.update(name)]!);
}
