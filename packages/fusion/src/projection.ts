import { type Dense, isPresent, type Random, type Sparse, turn } from "@mmub/core";
import { orthogonalise, svd } from "./linear-algebra.js";
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
 * Each direction's largest entry is positive, so that its sign is no accident. Cost: 6 passes over the values, each
 * times `dimensions` + 10; one pass where the modality is not wider than that.
 * Source: randomised range finder with power iterations, Halko, Martinsson and Tropp (2011), algorithm 4.4, on the
 * column space; Rayleigh-Ritz at the end.
 */
export async function leadingDirections(
  features: Dense | Sparse,
  scaling: Scaling,
  dimensions: number,
  random: Random,
  signal?: AbortSignal,
): Promise<Directions> {
  const { cols } = features;
  const width = Math.min(cols, dimensions + 10);
  let basis: Float64Array = new Float64Array(cols * width);
  if (width === cols) for (let i = 0; i < cols; i++) basis[i * cols + i] = 1;
  else {
    for (let i = 0; i < basis.length; i++) basis[i] = random.normal();
    for (let pass = 0; pass < 5; pass++) {
      await turn(signal);
      basis = orthonormal(timesGram(features, scaling, basis, width), cols, width);
    }
  }
  await turn(signal);
  const image = timesGram(features, scaling, basis, width);
  const small = new Float64Array(width * width);
  for (let col = 0; col < cols; col++)
    for (let i = 0; i < width; i++)
      for (let j = 0; j < width; j++) small[i * width + j]! += basis[col * width + i]! * image[col * width + j]!;
  const { values, right } = svd(small, width);

  const rank = values.subarray(0, dimensions).filter((value) => value > 1e-12 * values[0]!).length;
  const matrix = new Float64Array(cols * rank);
  for (let to = 0; to < rank; to++) {
    let largest = 0;
    for (let col = 0; col < cols; col++) {
      let sum = 0;
      for (let i = 0; i < width; i++) sum += basis[col * width + i]! * right[to * width + i]!;
      matrix[col * rank + to] = sum;
      if (Math.abs(sum) > Math.abs(largest) * (1 + 1e-9)) largest = sum;
    }
    if (largest < 0) for (let col = 0; col < cols; col++) matrix[col * rank + to]! *= -1;
  }
  return { matrix, variances: values.slice(0, rank) };
}

/** The scaled rows times a cols x width matrix; a missing row is zero. */
export function timesMatrix(features: Dense | Sparse, scaling: Scaling, matrix: Float64Array, width: number): Dense {
  const { rows, present } = features;
  const data = new Float32Array(rows * width);
  const product = new Float64Array(width);
  for (let row = 0; row < rows; row++) {
    if (!isPresent(features, row)) continue;
    timesRow(features, scaling, row, matrix, width, product);
    data.set(product, row * width);
  }
  return { layout: "dense", rows, cols: width, data, ...(present && { present }) };
}

/** One scaled row times a cols x width matrix, into `product`. */
export function timesRow(
  features: Dense | Sparse,
  { offset, factor }: Scaling,
  row: number,
  matrix: Float64Array | Float32Array,
  width: number,
  product: Float64Array,
): void {
  product.fill(0);
  const isSparse = features.layout === "sparse";
  const from = isSparse ? features.offsets[row]! : 0;
  const to = isSparse ? features.offsets[row + 1]! : features.cols;
  for (let i = from; i < to; i++) {
    const col = isSparse ? features.columns[i]! : i;
    const raw = isSparse ? features.values[i]! : features.data[row * features.cols + i]!;
    const value = (raw - offset[col]!) * factor[col]!;
    if (value === 0) continue;
    for (let j = 0, at = col * width; j < width; j++, at++) product[j]! += value * matrix[at]!;
  }
}

// (transposed rows x rows / count) times basis, in one pass and without a rows x width matrix.
function timesGram(features: Dense | Sparse, scaling: Scaling, basis: Float64Array, width: number): Float64Array {
  const { offset, factor } = scaling;
  const out = new Float64Array(basis.length);
  const product = new Float64Array(width);
  const isSparse = features.layout === "sparse";
  let count = 0;
  for (let row = 0; row < features.rows; row++) {
    if (!isPresent(features, row)) continue;
    count++;
    timesRow(features, scaling, row, basis, width, product);
    const from = isSparse ? features.offsets[row]! : 0;
    const to = isSparse ? features.offsets[row + 1]! : features.cols;
    for (let i = from; i < to; i++) {
      const col = isSparse ? features.columns[i]! : i;
      const raw = isSparse ? features.values[i]! : features.data[row * features.cols + i]!;
      const value = (raw - offset[col]!) * factor[col]!;
      if (value === 0) continue;
      for (let j = 0, at = col * width; j < width; j++, at++) out[at]! += value * product[j]!;
    }
  }
  for (let i = 0; i < out.length; i++) out[i]! /= count;
  return out;
}

// An orthonormal basis of the columns of a rows x width matrix; columns in the span of the earlier ones become zero.
function orthonormal(matrix: Float64Array, rows: number, width: number): Float64Array {
  const turned = new Float64Array(matrix.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < width; j++) turned[j * rows + i] = matrix[i * width + j]!;
  for (let j = 0; j < width; j++) orthogonalise(turned, j, rows);
  for (let i = 0; i < rows; i++) for (let j = 0; j < width; j++) matrix[i * width + j] = turned[j * rows + i]!;
  return matrix;
}
