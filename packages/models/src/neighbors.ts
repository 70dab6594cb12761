// The nearest of some rows to a query, exactly: for models of neighbours and for clusters by density.
import { type Saved, savedArray, type TypedArray, toDense } from "@mmub/core";
import { kernels } from "@mmub/kernels";
import type { Matrix } from "./linear.js";

/** `"cosine"` is 1 less the cosine of the angle; a row of zeros is at 1 of every other. */
export type Metric = "euclidean" | "manhattan" | "cosine";
export const metrics: readonly Metric[] = ["euclidean", "manhattan", "cosine"];

type Pause = () => Promise<void> | undefined;

/** A row and how far it is from the query. */
export interface Neighbor {
  readonly row: number;
  readonly distance: number;
}

export interface NeighborSearch {
  /**
   * Of each query row from `from` to `to`, what lies within what `reach` gives it, nearest first, equally near ones by their number: the
   * `count` nearest, all within `radius`, or both.
   */
  find(
    x: Matrix,
    from: number,
    to: number,
    reach: Reach,
    take: (query: number, near: Neighbor[]) => void,
    pause: Pause,
  ): Promise<void>;
  /** Writes how far row `row` of `x` is from every row, in float64. */
  measure(x: Matrix, row: number, out: Float64Array): void;
}

interface Reach {
  readonly count?: number;
  readonly radius?: number;
}

// Rows of a block of queries and of a block that they are compared to.
const queryBlock = 64;
const rowBlock = 512;

/**
 * A search among the rows of `train`. Products of dense rows are made in WebAssembly, in float32 and less their mean; whatever these
 * cannot tell from the nearest is measured in float64, so that neither blocks nor builds change a result. Others are measured in float64.
 */
export function neighborSearch(train: Matrix, metric: Metric): NeighborSearch {
  return train.layout === "dense" && metric !== "manhattan"
    ? byProducts(train.data, train.rows, train.cols, metric)
    : byRows(train, metric);
}

function byProducts(train: Float32Array, rows: number, cols: number, metric: Metric): NeighborSearch {
  // Distances do not change by what is taken from all rows, and their rounding gets smaller; angles do change.
  const means = new Float64Array(cols);
  if (metric === "euclidean")
    for (let row = 0; row < rows; row++) for (let k = 0; k < cols; k++) means[k]! += train[row * cols + k]! / rows;
  const norms = new Float64Array(rows);
  let longest = 0;
  for (let row = 0; row < rows; row++) {
    let sum = 0;
    for (let k = 0; k < cols; k++) sum += (train[row * cols + k]! - means[k]!) ** 2;
    norms[row] = sum;
    longest = Math.max(longest, sum);
  }
  // Searches at the same time must not share memory.
  const free: ReturnType<typeof memory>[] = [];
  const memory = () => {
    const k = kernels({ bytes: 4 * ((queryBlock + rowBlock) * cols + queryBlock * rowBlock) + 4096 });
    const [left, right] = [k.float32(queryBlock * cols), k.float32(rowBlock * cols)];
    return { k, left, right, out: k.float32(queryBlock * rowBlock) };
  };

  return {
    async find(x, from, to, { count = Number.POSITIVE_INFINITY, radius = Number.POSITIVE_INFINITY }, take, pause) {
      const queries = toDense(x).data;
      const held = free.pop() ?? memory();
      const { k, left, right, out } = held;
      for (let start = from; start < to; start += queryBlock) {
        const size = Math.min(queryBlock, to - start);
        const lengths = new Float64Array(size);
        const slacks = new Float64Array(size);
        const keys: Keys[] = [];
        for (let i = 0; i < size; i++) {
          let sum = 0;
          for (let c = 0; c < cols; c++) {
            const value = queries[(start + i) * cols + c]! - means[c]!;
            left[i * cols + c] = value;
            sum += value * value;
          }
          lengths[i] = sum;
          // What rounding can make of a product of `cols` float32 values.
          const error = (cols + 4) * 2 ** -23;
          slacks[i] = metric === "euclidean" ? error * (2 * Math.sqrt(sum * longest) + sum + longest) : error;
          const limit = metric === "euclidean" ? radius * radius : radius;
          keys.push(keysOf(count, limit + slacks[i]!, slacks[i]!));
        }
        for (let row = 0; row < rows; row += rowBlock) {
          await pause();
          const width = Math.min(rowBlock, rows - row);
          for (let i = 0; i < width; i++)
            for (let c = 0; c < cols; c++) right[i * cols + c] = train[(row + i) * cols + c]! - means[c]!;
          k.gemm(out.subarray(0, size * width), left.subarray(0, size * cols), right.subarray(0, width * cols), {
            m: size,
            n: width,
            k: cols,
            transB: true,
          });
          for (let i = 0; i < size; i++) {
            const own = keys[i]!;
            const length = lengths[i]!;
            for (let j = 0; j < width; j++) {
              const product = out[i * width + j]!;
              const key =
                metric === "euclidean"
                  ? length + norms[row + j]! - 2 * product
                  : 1 - product / (Math.sqrt(length * norms[row + j]!) || Number.POSITIVE_INFINITY);
              if (key <= own.limit) own.add(row + j, key);
            }
          }
        }
        for (let i = 0; i < size; i++) {
          const query = (start + i) * cols;
          const near = keys[i]!.rows().map((row) => ({
            row,
            distance: denseDistance(metric, queries, query, train, row * cols, cols),
          }));
          take(start + i, nearest(near, count, radius));
        }
      }
      free.push(held);
    },
    measure(x, row, out) {
      const query = toDense(x).data;
      for (let to = 0; to < rows; to++) out[to] = denseDistance(metric, query, row * cols, train, to * cols, cols);
    },
  };
}

/** Rows by keys that are near the true ones: all whose key is no more than twice the slack above that of the last of the nearest. */
interface Keys {
  /** Keys above it need not be added. */
  limit: number;
  add(row: number, key: number): void;
  rows(): number[];
}

function keysOf(count: number, most: number, slack: number): Keys {
  let rows: number[] = [];
  let values: number[] = [];
  const keys: Keys = {
    limit: most,
    add(row, key) {
      rows.push(row);
      values.push(key);
      if (rows.length >= 2 * count + 32) cut();
    },
    rows: () => {
      cut();
      return rows;
    },
  };
  const cut = (): void => {
    if (rows.length <= count) return;
    const last = Float64Array.from(values).sort()[count - 1]!;
    keys.limit = Math.min(keys.limit, last + 2 * slack);
    const kept = values.map((value) => value <= keys.limit);
    rows = rows.filter((_, i) => kept[i]);
    values = values.filter((_, i) => kept[i]);
  };
  return keys;
}

function nearest(near: Neighbor[], count: number, radius: number): Neighbor[] {
  return near
    .filter(({ distance }) => distance <= radius)
    .sort((a, b) => a.distance - b.distance || a.row - b.row)
    .slice(0, count);
}

function denseDistance(metric: Metric, a: Float32Array, at: number, b: Float32Array, bt: number, cols: number): number {
  if (metric !== "cosine") {
    let sum = 0;
    for (let k = 0; k < cols; k++) {
      const off = a[at + k]! - b[bt + k]!;
      sum += metric === "euclidean" ? off * off : Math.abs(off);
    }
    return metric === "euclidean" ? Math.sqrt(sum) : sum;
  }
  let [product, left, right] = [0, 0, 0];
  for (let k = 0; k < cols; k++) {
    product += a[at + k]! * b[bt + k]!;
    left += a[at + k]! * a[at + k]!;
    right += b[bt + k]! * b[bt + k]!;
  }
  return cosineDistance(product, left * right);
}

function cosineDistance(product: number, squares: number): number {
  return squares === 0 ? 1 : Math.max(0, 1 - product / Math.sqrt(squares));
}

/** Each query is written out once, and compared to the entries of every row. */
function byRows(train: Matrix, metric: Metric): NeighborSearch {
  const { rows, cols } = train;
  const measure = (x: Matrix, at: number, out: Float64Array): void => {
    const query = new Float64Array(cols);
    if (x.layout === "dense") query.set(x.data.subarray(at * cols, (at + 1) * cols));
    else for (let e = x.offsets[at]!; e < x.offsets[at + 1]!; e++) query[x.columns[e]!] = x.values[e]!;
    if (train.layout === "dense") {
      for (let row = 0; row < rows; row++) out[row] = manhattan(query, train.data, row * cols);
      return;
    }
    let whole = 0;
    for (const value of query) whole += metric === "manhattan" ? Math.abs(value) : value * value;
    for (let row = 0; row < rows; row++) out[row] = sparseDistance(metric, query, whole, train, row);
  };
  return {
    measure,
    async find(x, from, to, { count = Number.POSITIVE_INFINITY, radius = Number.POSITIVE_INFINITY }, take, pause) {
      const distances = new Float64Array(rows);
      for (let i = from; i < to; i++) {
        await pause();
        measure(x, i, distances);
        const keys = keysOf(count, radius, 0);
        for (let row = 0; row < rows; row++) if (distances[row]! <= keys.limit) keys.add(row, distances[row]!);
        const near = keys.rows().map((row) => ({ row, distance: distances[row]! }));
        take(i, nearest(near, count, radius));
      }
    },
  };
}

function manhattan(query: Float64Array, data: Float32Array, at: number): number {
  let sum = 0;
  for (let k = 0; k < query.length; k++) sum += Math.abs(query[k]! - data[at + k]!);
  return sum;
}

function sparseDistance(
  metric: Metric,
  query: Float64Array,
  whole: number,
  { offsets, columns, values }: Matrix & { layout: "sparse" },
  row: number,
): number {
  const end = offsets[row + 1]!;
  let [sum, covered, right] = [0, 0, 0];
  for (let e = offsets[row]!; e < end; e++) {
    const own = query[columns[e]!]!;
    const value = values[e]!;
    if (metric === "cosine") {
      sum += own * value;
      right += value * value;
    } else if (metric === "euclidean") {
      sum += (own - value) ** 2;
      covered += own * own;
    } else {
      sum += Math.abs(own - value);
      covered += Math.abs(own);
    }
  }
  if (metric === "cosine") return cosineDistance(sum, whole * right);
  // Rounding of what is left must not keep equal rows apart.
  const left = whole - covered;
  const total = sum + (left > 1e-14 * whole ? left : 0);
  return metric === "euclidean" ? Math.sqrt(total) : total;
}

/** The rows of a fit, whatever the caller does to its own. */
export function copiedRows(x: Matrix): Matrix {
  const { rows, cols } = x;
  if (x.layout === "dense") return { layout: "dense", rows, cols, data: x.data.slice() };
  return {
    layout: "sparse",
    rows,
    cols,
    offsets: x.offsets.slice(),
    columns: x.columns.slice(),
    values: x.values.slice(),
  };
}

/** What a saved part says of rows that it keeps. */
export interface KeptRows {
  readonly rows: number;
  readonly cols: number;
  readonly layout: "dense" | "sparse";
}

export function savedRows(x: Matrix): Record<string, TypedArray> {
  if (x.layout === "dense") return { data: x.data.slice() };
  return { offsets: x.offsets.slice(), columns: x.columns.slice(), values: x.values.slice() };
}

export function loadedRows(saved: Saved, { rows, cols, layout }: KeptRows): Matrix {
  if (layout === "dense") {
    const data = savedArray(saved, "data", Float32Array);
    return { layout, rows, cols, data };
  }
  const offsets = savedArray(saved, "offsets", Uint32Array);
  const columns = savedArray(saved, "columns", Uint32Array);
  return {
    layout,
    rows,
    cols,
    offsets,
    columns,
    values: savedArray(saved, "values", Float32Array),
  };
}
