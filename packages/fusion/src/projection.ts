import { type Dense, isPresent, type Random, type Sparse, turn } from "@mmub/core";
import { multiplyTransposed, orthogonalise, svd } from "./linear-algebra.js";
import type { Scaling } from "./scaling.js";

/** The leading directions of some rows. */
export interface Directions {
  /** cols x rank; a column is a direction. */
  readonly matrix: Float64Array;
  /** The mean square of the rows along each direction, falling; at most as many as asked for, none of them 0. */
  readonly variances: Float64Array;
}

/**
 * The `dimensions` directions along which the scaled rows that are present have the largest mean square: PCA where the
 * scaling centres the columns, latent semantic analysis (truncated SVD) where it does not.
 *
 * Each direction's largest entry is positive, so that its sign is no accident.
 * Cost: for dense rows the products of all pairs of columns (or of rows, if those are fewer), up to 2048 of them; above, and
 * for sparse rows, 6 passes over the values times `dimensions` + 10.
 * Source: randomised range finder with power iterations, Halko, Martinsson and Tropp (2011), algorithm 4.4, on the smaller
 * side of the matrix; Rayleigh-Ritz at the end.
 */
export async function leadingDirections(
  features: Dense | Sparse,
  scaling: Scaling,
  dimensions: number,
  random: Random,
  signal?: AbortSignal,
): Promise<Directions> {
  const rows = presentRows(features);
  const { cols } = features;
  const overRows = rows.length < cols;
  // Blocks of 4: what is filled up stays zero.
  const size = 4 * Math.ceil(Math.min(rows.length, cols) / 4);
  const width = Math.min(size, 4 * Math.ceil((dimensions + 10) / 4));
  const products =
    features.layout === "dense" && size <= 2048
      ? await gram(features, scaling, rows, size, overRows, signal)
      : undefined;
  const apply = (basis: Float64Array): Float64Array => {
    const image = new Float64Array(width * size);
    if (products) multiplyTransposed(basis, products, image, width, size, size);
    else timesGram(features, scaling, rows, basis, image, width, size, overRows);
    return image;
  };

  // Rows of the basis are its vectors.
  let basis: Float64Array = new Float64Array(width * size);
  if (width === size) for (let i = 0; i < size; i++) basis[i * size + i] = 1;
  else {
    for (let i = 0; i < basis.length; i++) basis[i] = random.normal();
    for (let pass = 0; pass < 5; pass++) {
      await turn(signal);
      basis = apply(basis);
      for (let i = 0; i < width; i++) orthogonalise(basis, i, size);
    }
  }
  await turn(signal);
  const small = new Float64Array(width * width);
  multiplyTransposed(basis, apply(basis), small, width, width, size);
  const { values, right } = svd(small, width);

  const rank = values.subarray(0, dimensions).filter((value) => value > 1e-12 * values[0]!).length;
  const ritz = new Float64Array(rank * size);
  for (let to = 0; to < rank; to++)
    for (let i = 0; i < width; i++) {
      const share = right[to * width + i]!;
      for (let k = 0; k < size; k++) ritz[to * size + k]! += share * basis[i * size + k]!;
    }
  const matrix = turned(ritz, rank, size, cols);
  if (overRows) {
    // The vectors weigh rows; the directions are the rows' sums by those weights.
    matrix.fill(0);
    const row = scratch(cols);
    const shares = new Float64Array(rank);
    for (const [at, index] of rows.entries()) {
      for (let to = 0; to < rank; to++) shares[to] = ritz[to * size + at]! / Math.sqrt(values[to]! * rows.length);
      addOuter(row, readRow(features, scaling, index, row), shares, matrix, rank);
    }
  }
  for (let to = 0; to < rank; to++) {
    let largest = 0;
    for (let at = to; at < matrix.length; at += rank)
      if (Math.abs(matrix[at]!) > Math.abs(largest) * (1 + 1e-9)) largest = matrix[at]!;
    if (largest < 0) for (let at = to; at < matrix.length; at += rank) matrix[at]! *= -1;
  }
  return { matrix, variances: values.slice(0, rank) };
}

/** The scaled rows times a cols x width matrix; a missing row is zero. */
export function timesMatrix(features: Dense | Sparse, scaling: Scaling, matrix: Float64Array, width: number): Dense {
  const { rows, present } = features;
  const data = new Float32Array(rows * width);
  const product = new Float64Array(width);
  const row = scratch(features.cols);
  for (const index of presentRows(features)) {
    timesRow(row, readRow(features, scaling, index, row), matrix, width, product);
    data.set(product, index * width);
  }
  return { layout: "dense", rows, cols: width, data, ...(present && { present }) };
}

/** The entries of one scaled row that are not zero. */
export interface Row {
  readonly columns: Uint32Array;
  readonly values: Float64Array;
}

/** Room for a row of `cols` columns. */
export function scratch(cols: number): Row {
  return { columns: new Uint32Array(cols + 3), values: new Float64Array(cols + 3) };
}

/** Reads row `index` into `row` and returns how many entries it has; three zeros follow, so that they can be read by four. */
export function readRow(features: Dense | Sparse, { offset, factor }: Scaling, index: number, row: Row): number {
  const { columns, values } = row;
  let count = 0;
  if (features.layout === "dense")
    for (let col = 0, at = index * features.cols; col < features.cols; col++, at++) {
      const value = (features.data[at]! - offset[col]!) * factor[col]!;
      if (value === 0) continue;
      columns[count] = col;
      values[count++] = value;
    }
  else
    for (let i = features.offsets[index]!; i < features.offsets[index + 1]!; i++) {
      const col = features.columns[i]!;
      columns[count] = col;
      values[count++] = features.values[i]! * factor[col]!;
    }
  columns.fill(0, count, count + 3);
  values.fill(0, count, count + 3);
  return count;
}

/** The first `count` entries of `row` times a cols x width matrix, into `product`. */
export function timesRow(
  { columns, values }: Row,
  count: number,
  matrix: Float64Array | Float32Array,
  width: number,
  product: Float64Array,
): void {
  product.fill(0);
  for (let i = 0; i < count; i += 4) {
    const [a, b, c, d] = [values[i]!, values[i + 1]!, values[i + 2]!, values[i + 3]!];
    let p = columns[i]! * width;
    let q = columns[i + 1]! * width;
    let r = columns[i + 2]! * width;
    let s = columns[i + 3]! * width;
    for (let j = 0; j < width; j++)
      product[j]! += a * matrix[p++]! + b * matrix[q++]! + c * matrix[r++]! + d * matrix[s++]!;
  }
}

// Adds each entry of the row times `by` to the entry's row of a cols x width matrix.
function addOuter(
  { columns, values }: Row,
  count: number,
  by: Float64Array,
  matrix: Float64Array,
  width: number,
): void {
  for (let i = 0; i < count; i++) {
    const value = values[i]!;
    for (let j = 0, to = columns[i]! * width; j < width; j++, to++) matrix[to]! += value * by[j]!;
  }
}

function presentRows(features: Dense | Sparse): Uint32Array {
  const rows = new Uint32Array(features.rows);
  let count = 0;
  for (let row = 0; row < features.rows; row++) if (isPresent(features, row)) rows[count++] = row;
  return rows.subarray(0, count);
}

// The mean products of all pairs of scaled columns, or of rows: size x size.
async function gram(
  { cols, data }: Dense,
  { offset, factor }: Scaling,
  rows: Uint32Array,
  size: number,
  overRows: boolean,
  signal: AbortSignal | undefined,
): Promise<Float64Array> {
  const out = new Float64Array(size * size);
  const length = overRows ? cols : rows.length;
  const step = 256;
  const piece = new Float64Array(size * step);
  for (let first = 0; first < length; first += step) {
    await turn(signal);
    piece.fill(0);
    const some = Math.min(step, length - first);
    for (let r = 0; r < (overRows ? rows.length : some); r++) {
      const start = rows[overRows ? r : first + r]! * cols;
      for (let c = 0; c < (overRows ? some : cols); c++) {
        const col = overRows ? first + c : c;
        piece[overRows ? r * step + c : c * step + r] = (data[start + col]! - offset[col]!) * factor[col]!;
      }
    }
    multiplyTransposed(piece, piece, out, size, size, step, true);
  }
  for (let i = 0; i < size; i++)
    for (let j = 0; j <= i; j++) {
      out[j * size + i]! /= rows.length;
      out[i * size + j] = out[j * size + i]!;
    }
  return out;
}

// What `gram` gives, times the basis, without ever making it.
function timesGram(
  features: Dense | Sparse,
  scaling: Scaling,
  rows: Uint32Array,
  basis: Float64Array,
  image: Float64Array,
  width: number,
  size: number,
  overRows: boolean,
): void {
  const { cols } = features;
  const row = scratch(cols);
  const product = new Float64Array(width);
  const from = turned(basis, width, size, overRows ? rows.length : cols);
  const sums = new Float64Array(cols * width);
  for (const [at, index] of rows.entries()) {
    const count = readRow(features, scaling, index, row);
    if (overRows) product.set(from.subarray(at * width, (at + 1) * width));
    else timesRow(row, count, from, width, product);
    for (let j = 0; j < width; j++) product[j]! /= rows.length;
    addOuter(row, count, product, sums, width);
  }
  if (overRows)
    for (const [at, index] of rows.entries()) {
      timesRow(row, readRow(features, scaling, index, row), sums, width, product);
      for (let j = 0; j < width; j++) image[j * size + at] = product[j]!;
    }
  else
    for (let col = 0; col < cols; col++) for (let j = 0; j < width; j++) image[j * size + col] = sums[col * width + j]!;
}

// The first `length` entries of `width` vectors of `size`, as length x width.
function turned(vectors: Float64Array, width: number, size: number, length: number): Float64Array {
  const out = new Float64Array(length * width);
  for (let j = 0; j < width; j++)
    for (let i = 0; i < Math.min(size, length); i++) out[i * width + j] = vectors[j * size + i]!;
  return out;
}
