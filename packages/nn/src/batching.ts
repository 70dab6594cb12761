// Which rows make a batch, how long it is padded, and its numbers.
import { type FeatureSet, type Features, listed, MmubError, random, show, type TypedArray } from "@mmub/core";
import { type Kernels, kernels } from "@mmub/kernels";
import { type Shape, sameShape, showShape } from "./graph.js";
import type { InputSpec, InputSpecs } from "./network.js";

/** One input or target of all rows as arrays, which another thread can share. */
export interface Column {
  /** As the graph names it. */
  readonly name: string;
  /** Numbers of a row, or of a step of a ragged row. */
  readonly width: number;
  readonly data: Float32Array | Int32Array;
  /** Of a ragged column: row i has the steps `offsets[i]` to `offsets[i + 1]`. */
  readonly offsets?: Uint32Array;
  /** Of sparse rows: the columns, beside their values in `data`. */
  readonly ids?: Uint32Array;
  /** What the graph takes for it. */
  readonly kind: InputSpec["kind"] | "target";
  /** The column whose padded length this one has: a target for each step of an input. */
  readonly lengthOf?: string;
}

/** Checked data: the rows of all columns belong together. */
export interface Dataset {
  readonly rows: number;
  readonly columns: readonly Column[];
  /** How much each row counts; absent: 1. */
  readonly weights?: Float32Array;
}

/** How far a ragged input is padded. */
export interface Padding {
  /** No batch is shorter. */
  readonly least: number;
  /** The longest row of the training, which is a length of its own. */
  readonly most: number;
}

/** A graph is made for each of these. */
export interface BatchShape {
  readonly batch: number;
  readonly lengths: Readonly<Record<string, number>>;
  /** Ragged inputs that have no padding, so that their masks are left out. @default none */
  readonly full?: readonly string[];
}

export function shapeKey({ batch, lengths, full = [] }: BatchShape): string {
  return [batch, ...Object.values(lengths), ...full].join("x");
}

/** Checks features against what a network takes, every value and id, and gives them as columns. */
export function inputColumns(
  specs: InputSpecs,
  features: FeatureSet,
  part: string,
): { rows: number; columns: Column[] } {
  const names = Object.keys(specs);
  for (const name of new Set([...names, ...Object.keys(features ?? {})]))
    if (!Object.hasOwn(specs, name) || !features?.[name])
      throw new MmubError("invalid-input", {
        part,
        message: `inputs are ${listed(Object.keys(features ?? {}))}, want those of the network: ${listed(names)}`,
        name,
      });
  const rows = features[names[0]!]!.rows;
  const columns = names.map((name) => {
    const of = `${part} (input "${name}")`;
    const given = features[name]!;
    if (given.rows !== rows)
      throw new MmubError("shape-mismatch", {
        part: of,
        message: `got ${given.rows} rows, want ${rows} as of "${names[0]}"`,
        name,
      });
    return inputColumn(name, specs[name]!, given, of);
  });
  return { rows, columns };
}

function inputColumn(name: string, spec: InputSpec, features: Features, part: string): Column {
  const wanted = { vector: "dense", tensor: "dense", steps: "sequence", tokens: "sequence", bag: "sparse" } as const;
  const refuse = (got: string, want: string, fields: object = {}): never => {
    throw new MmubError("shape-mismatch", { part, message: `got ${got}, want ${want}`, name, ...fields });
  };
  const layout = wanted[spec.kind];
  if (features.layout !== layout) refuse(`${features.layout ?? show(features)} features`, `${layout} ones`);
  const cols = spec.kind === "tensor" ? product(spec.shape) : spec.kind === "tokens" ? 1 : spec.cols;
  if (features.cols !== cols) refuse(`${features.cols} columns`, `${cols}`);
  if (spec.kind === "tensor" && features.layout === "dense" && features.shape && !alike(features.shape, spec.shape))
    refuse(`rows of ${showShape(features.shape)}`, `${showShape(spec.shape)}: put the axes in order`);
  return { name, kind: spec.kind, ...checked(features, spec, part) };
}

/** Whether rows of one shape are rows of the other: flat ones say nothing of their axes, and axes of 1 change nothing. */
function alike(got: Shape, want: Shape): boolean {
  const long = (shape: Shape) => shape.filter((length) => length !== 1);
  return long(got).length <= 1 || long(want).length <= 1 || sameShape(long(got), long(want));
}

function checked(features: Features, spec: InputSpec, part: string): Omit<Column, "name" | "kind"> {
  const { rows, cols: width } = features;
  const fail = (index: number, message: string): never => {
    throw new MmubError("invalid-input", { part, message: `row ${index} ${message}`, index });
  };
  const values = features.layout === "sparse" ? features.values : features.data;
  const offsets = features.layout === "dense" ? undefined : features.offsets;
  const steps = offsets ? offsets[rows]! : rows;
  if (offsets && (offsets.length !== rows + 1 || offsets[0] !== 0))
    throw new MmubError("shape-mismatch", { part, message: `got ${offsets.length} offsets, want ${rows + 1} from 0` });
  for (let row = 0; offsets && row < rows; row++)
    if (offsets[row + 1]! < offsets[row]!) fail(row, "ends before it begins: offsets must ascend");
  const each = features.layout === "sparse" ? 1 : width;
  if (values.length !== steps * each)
    throw new MmubError("shape-mismatch", { part, message: `got ${values.length} values, want ${steps} x ${each}` });
  const rowAt = (at: number) => rowOf(Math.floor(at / each), offsets);
  for (let at = allFinite(values) ? values.length : 0; at < values.length; at++)
    if (values[at]! - values[at]! !== 0)
      fail(rowAt(at), `holds ${values[at]}, want finite numbers; drop the row or impute it`);
  if (spec.kind === "tokens") {
    for (let at = 0; at < values.length; at++) {
      const id = values[at]!;
      if (!(id >= 0 && id < spec.vocabulary && Number.isInteger(id)))
        fail(rowAt(at), `holds the id ${id}, want whole numbers from 0 to ${spec.vocabulary - 1}`);
    }
    return { width: 1, data: values, offsets: offsets! };
  }
  if (features.layout !== "sparse") return { width, data: values, ...(offsets && { offsets }) };
  for (let at = 0; at < features.columns.length; at++)
    if (features.columns[at]! >= width) fail(rowAt(at), `has column ${features.columns[at]}, want 0 to ${width - 1}`);
  return { width: 1, data: values, offsets: offsets!, ids: features.columns };
}

/** In the kernels' memory, piece by piece: a prediction of few rows would notice the time of a loop over its numbers. */
function allFinite(values: Float32Array): boolean {
  checking ??= kernels({ bytes: 4 * piece });
  room ??= checking.float32(piece);
  for (let from = 0; from < values.length; from += piece) {
    const part = values.subarray(from, from + piece);
    room.set(part);
    if (!Number.isFinite(checking.sumOfSquares(part.length < piece ? room.subarray(0, part.length) : room)))
      return false;
  }
  return true;
}

const piece = 8192;
let checking: Kernels | undefined;
let room: Float32Array | undefined;

/** Whose step it is. */
function rowOf(step: number, offsets: ArrayLike<number> | undefined): number {
  let row = 0;
  while (offsets && offsets[row + 1]! <= step) row++;
  return offsets ? row : step;
}

/** Room for the windows of a convolution, whatever the rows. */
export function leastLength(padTo: number, ...lengths: readonly number[]): number {
  return Math.min(Math.max(2 * padTo, 8), ...lengths);
}

/** For each ragged column, how its batches are padded: not at all where all rows are of one length. */
export function paddingOf(columns: readonly Column[], rows: number, padTo: number): Record<string, Padding> {
  const found: Record<string, Padding> = {};
  for (const { name, offsets } of columns) {
    if (!offsets) continue;
    let [shortest, most] = [Infinity, 1];
    for (let row = 0; row < rows; row++) {
      const length = offsets[row + 1]! - offsets[row]!;
      if (length < shortest) shortest = length;
      if (length > most) most = length;
    }
    found[name] = { least: shortest === most ? most : leastLength(padTo, most), most };
  }
  return found;
}

/**
 * What a length is padded to: a multiple of `padTo`, with sixteen lengths for each doubling beyond 32 times that. So beyond sixteen
 * times that at most a sixteenth is padding, and few graphs serve all lengths.
 */
export function paddedLength(length: number, { least, most }: Padding, padTo: number): number {
  if (length <= least) return least;
  const grain = Math.max(padTo, 2 ** (Math.floor(Math.log2(length - 1)) - 4));
  const padded = Math.ceil(length / grain) * grain;
  return length <= most && padded > most ? most : padded;
}

/** The rows of some batches. */
export interface Plan {
  readonly order: Int32Array;
  /** Batch i holds `order[bounds[i]]` to `order[bounds[i + 1]]`. */
  readonly bounds: Int32Array;
  /** Step i runs the batches `steps[i]` to `steps[i + 1]`. */
  readonly steps: Int32Array;
}

export interface PlanOptions {
  readonly batchSize: number;
  /** Batches of the plan that make one step. */
  readonly accumulate: number;
  readonly shuffle: boolean;
  readonly seed: number;
  readonly epoch: number;
}

// Rows of so many steps are sorted by length at a time: enough for little padding, few enough for much chance.
const bucketSteps = 64;

/**
 * The batches of an epoch: each row once, mixed by the seed and the epoch. Where columns are ragged, rows of like length come
 * together. A step takes `batchSize * accumulate` rows, the last what is left, cut into batches.
 */
export function planEpoch(data: Dataset, rows: Int32Array, options: PlanOptions): Plan {
  const { batchSize, accumulate, shuffle, seed, epoch } = options;
  const stepRows = batchSize * accumulate;
  const chance = random(seed).fork(`epoch ${epoch}`);
  const order = rows.slice();
  if (shuffle) chance.shuffle(order);
  const size = sizes(data.columns, data.rows);

  const cuts: { from: number; to: number }[] = [];
  const bucket = stepRows * (shuffle ? bucketSteps : Math.ceil(order.length / stepRows));
  for (let from = 0; from < order.length; from += bucket) {
    const to = Math.min(order.length, from + bucket);
    if (size) sortBy(order, from, to, size);
    // The step that is not full stands at any place, so that it is not always that of the longest rows.
    const left = (to - from) % stepRows;
    const full = (to - from - left) / stepRows;
    const place = left === 0 ? -1 : size && shuffle ? chance.integer(full + 1) : full;
    let at = from;
    for (let step = 0; at < to; step++) {
      const next = at + (step === place ? left : stepRows);
      cuts.push({ from: at, to: next });
      at = next;
    }
  }
  if (size && shuffle) chance.shuffle(cuts);

  const mixed = new Int32Array(order.length);
  const bounds = [0];
  const steps = [0];
  let at = 0;
  for (const { from, to } of cuts) {
    mixed.set(order.subarray(from, to), at);
    for (let batch = from; batch < to; batch += batchSize) {
      at += Math.min(batchSize, to - batch);
      bounds.push(at);
    }
    steps.push(bounds.length - 1);
  }
  return { order: mixed, bounds: Int32Array.from(bounds), steps: Int32Array.from(steps) };
}

/** How much a row costs; undefined where all cost the same. */
function sizes(columns: readonly Column[], rows: number): Float64Array | undefined {
  const ragged = columns.filter(({ offsets, lengthOf }) => offsets && !lengthOf);
  if (ragged.length === 0) return undefined;
  const size = new Float64Array(rows);
  for (const { offsets, width } of ragged)
    for (let row = 0; row < rows; row++) size[row]! += (offsets![row + 1]! - offsets![row]!) * width;
  return size.every((of) => of === size[0]) ? undefined : size;
}

// Equal sizes stay in the order of the shuffle.
function sortBy(order: Int32Array, from: number, to: number, size: Float64Array): void {
  order.set(
    Array.from(order.subarray(from, to)).sort((a, b) => size[a]! - size[b]!),
    from,
  );
}

/** The shape of the batch of these rows. */
export function shapeOf(
  columns: readonly Column[],
  order: Int32Array,
  from: number,
  to: number,
  paddings: Readonly<Record<string, Padding>>,
  padTo: number,
): BatchShape {
  const lengths: Record<string, number> = {};
  const full: string[] = [];
  for (const { name, kind, offsets, lengthOf } of columns) {
    if (!offsets || lengthOf) continue;
    let [shortest, longest] = [Infinity, 0];
    for (let i = from; i < to; i++) {
      const length = offsets[order[i]! + 1]! - offsets[order[i]!]!;
      if (length < shortest) shortest = length;
      if (length > longest) longest = length;
    }
    const { least, most } = paddings[name]!;
    lengths[name] = paddedLength(longest, paddings[name]!, padTo);
    // Where lengths differ from batch to batch, one that has no padding by chance is not worth a graph of its own.
    if (least === most && shortest === lengths[name] && (kind === "steps" || kind === "tokens")) full.push(name);
  }
  for (const { name, lengthOf } of columns) if (lengthOf) lengths[name] = lengths[lengthOf]!;
  return { batch: to - from, lengths, full };
}

/** The arrays that a column is fed by, named as the graph names them. */
export function feedNames({ name, kind, offsets }: Column): { main: string; beside?: string } {
  if (!offsets) return { main: name };
  return { main: name, beside: kind === "bag" ? `${name}.weights` : `${name}.mask` };
}

/**
 * Writes the rows `order[from]` to `order[to]` of a column into a batch: `main` holds the values (ids of tokens and of sparse
 * rows), `beside` the mask or the weights, both 0 behind the end of a row. Rows that the batch has room for but that are not
 * there are 0 too.
 */
export function fill(
  { kind, width, data, offsets, ids }: Column,
  order: Int32Array,
  from: number,
  to: number,
  main: TypedArray | undefined,
  beside: TypedArray | undefined,
  length: number,
): void {
  if (!offsets) {
    for (let i = from, at = 0; i < to; i++, at += width) copy(main!, at, data, order[i]! * width, width);
    main!.fill(0, (to - from) * width);
    return;
  }
  const room = length * width;
  let at = 0;
  let mark = 0;
  for (let i = from; i < to; i++) {
    const row = order[i]!;
    const start = offsets[row]!;
    const steps = offsets[row + 1]! - start;
    if (main) {
      copy(main, at, ids ?? data, start * width, steps * width);
      main.fill(0, at + steps * width, at + room);
    }
    if (beside) {
      if (kind === "bag") copy(beside, mark, data, start, steps);
      else beside.fill(1, mark, mark + steps);
      beside.fill(0, mark + steps, mark + length);
    }
    at += room;
    mark += length;
  }
  main?.fill(0, at);
  beside?.fill(0, mark);
}

// A view for each row costs more than a loop over a short one.
function copy(to: TypedArray, at: number, of: TypedArray, start: number, count: number): void {
  if (count > 48) to.set(of.subarray(start, start + count), at);
  else for (let i = 0; i < count; i++) to[at + i] = of[start + i]!;
}

function product(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}
