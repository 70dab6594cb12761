import {
  checkFeatures,
  checkParam,
  type Dense,
  dense,
  type Features,
  isPresent,
  MmubError,
  progress,
  type RunOptions,
  rejectInput,
  type Sparse,
  turn,
} from "@mmub/core";
import type { SparseRows } from "@mmub/kernels";

const type = "@mmub/text/truncated-svd";

export interface TruncatedSvdParams {
  /** How many singular vectors are kept, those of the largest singular values. */
  readonly components: number;
  /** Power iterations: each multiplies by the matrix and its transpose once more. More: nearer to the exact SVD. @default 5 */
  readonly iterations?: number;
  /** Vectors more than `components` that are iterated and dropped at the end. More: nearer to the exact SVD. @default 10 */
  readonly oversamples?: number;
}

export interface TruncatedSvdOptions extends TruncatedSvdParams, Omit<RunOptions, "batchSize"> {
  /** An integer. The same seed gives the same bytes. @default 0 */
  readonly seed?: number;
}

export interface TruncatedSvd {
  /**
   * columns x components: the right singular vectors as columns, scikit-learn's `components_` transposed. The entry of
   * the largest magnitude in each is positive.
   */
  readonly loadings: Dense;
  /** Falling. */
  readonly singularValues: Float64Array;
  /** The variance of each component of the projected rows. */
  readonly explainedVariance: Float64Array;
  /** The same as a share of the variance of all columns. */
  readonly explainedVarianceRatio: Float64Array;
}

/**
 * The largest singular values of a sparse matrix and their right singular vectors, by random projection and power
 * iteration. The matrix is neither centred nor made dense. `project` takes rows to the components.
 *
 * Rejects more components than the matrix has rows or columns, and values that are not finite (`invalid-input`).
 * Cost: 2 x `iterations` + 3 products of the matrix with components + oversamples dense columns, in float32 on one thread;
 * memory 8 bytes x (components + oversamples) x (rows + columns), and 16 for each value of the matrix.
 * Source: Halko, Martinsson & Tropp (2011), algorithms 4.4 and 5.1, as scikit-learn 1.9's TruncatedSVD does it. Instead of
 * its LU and QR, which are slow without LAPACK, vectors are made orthonormal by shifted Cholesky QR (Fukaya et al. 2020):
 * the same subspace.
 *
 * @example
 * const fitted = await tfidf().fit(["good price", "good service", "bad price", "bad service"]);
 * const svd = await truncatedSvd(await fitted.transform(["good price", "good service", "bad price"]), { components: 2 });
 * console.log(svd.singularValues, svd.explainedVarianceRatio);
 * const { rows, cols } = await project(await fitted.transform(["good"]), svd.loadings); // 1, 2
 */
export async function truncatedSvd(matrix: Sparse, options: TruncatedSvdOptions): Promise<TruncatedSvd> {
  const { components, iterations, oversamples } = checkedSvdParams(options, type);
  const { seed = 0, signal } = options;
  if (matrix?.layout !== "sparse") rejectInput(type, 0, matrix, "Sparse features");
  checkFeatures(matrix, type);
  const { rows, cols } = matrix;
  const most = Math.min(rows, cols);
  if (components > most)
    throw new MmubError("invalid-input", {
      part: type,
      message: `${rows} rows of ${cols} columns have no ${components} components, want at most ${most}; give more rows, or set components lower`,
      rows,
      cols,
      components,
    });

  // Vectors of the shorter side are iterated and kept orthonormal; those of the longer are made from them.
  const width = Math.min(components + oversamples, most);
  // Around 1, so that neither tiny nor huge values leave the range of float32 when they are squared.
  const scale = largest(matrix.values) || 1;
  const entries = matrix.columns.length;
  // Here and not above, as are other imports of kernels in this package: loading them would take a tenth of its import.
  const { kernels } = await import("@mmub/kernels");
  const k = kernels({ bytes: 8 * width * (rows + cols + width) + 4 * (rows + cols + 2) + 16 * entries + 12 * 64 });
  const compressed = (rows: number): SparseRows => ({
    offsets: k.int32(rows + 1),
    columns: k.int32(entries),
    values: k.float32(entries),
  });
  const [scaled, transposed] = [compressed(rows), compressed(cols)];
  scaled.offsets.set(matrix.offsets);
  scaled.columns.set(matrix.columns);
  for (let i = 0; i < entries; i++) scaled.values[i] = matrix.values[i]! / scale;
  transpose(scaled, transposed);
  const [short, long] = rows < cols ? [scaled, transposed] : [transposed, scaled];
  const square = k.float32(width * width);
  const gram = k.float32(width * width);
  const space = (n: number): Space => ({ n, vectors: k.float32(n * width), spare: k.float32(n * width) });
  const [small, large] = [space(most), space(Math.max(rows, cols))];

  const report = progress(options, type, iterations + 2);
  // Even numbers around 0 do as well as normal ones, and are drawn ten times as fast.
  k.uniform(large.vectors, [seed]);
  for (let i = 0; i < large.vectors.length; i++) large.vectors[i]! -= 0.5;
  k.sparseProduct(small.vectors, short, large.vectors, width);
  report(1);
  for (let iteration = 0; iteration < iterations; iteration++) {
    await turn(signal);
    // Not yet quite orthonormal, but no longer all alike, which is what rounding would else make of them.
    precondition(small);
    k.sparseProduct(large.vectors, long, small.vectors, width);
    await turn(signal);
    k.sparseProduct(small.vectors, short, large.vectors, width);
    report(iteration + 2);
  }
  await turn(signal);
  orthonormalize(small);
  k.sparseProduct(large.vectors, long, small.vectors, width);
  await turn(signal);
  // long = large R small', and R is small enough for an SVD in double precision.
  const { left, values, right } = jacobiSvd(orthonormalize(large), width);
  const [basis, turned] = rows < cols ? [large, left] : [small, right];
  square.set(turned);
  k.gemm(basis.spare, basis.vectors, square, { m: basis.n, n: width, k: width });

  // Row by row, as they lie in memory: the entry of the largest magnitude of each component, then all with its sign.
  const vectors = basis.spare;
  const peaks = new Float32Array(components);
  for (let column = 0; column < cols; column++)
    for (let c = 0; c < components; c++) {
      const value = vectors[column * width + c]!;
      if (Math.abs(value) > Math.abs(peaks[c]!)) peaks[c] = value;
    }
  const signs = peaks.map((peak) => (peak < 0 ? -1 : 1));
  const loadings = new Float32Array(cols * components);
  for (let column = 0; column < cols; column++)
    for (let c = 0; c < components; c++) loadings[column * components + c] = signs[c]! * vectors[column * width + c]!;
  await turn(signal);
  const found = { layout: "dense", rows: cols, cols: components, data: loadings } as const;
  const rowSide = rows < cols ? small : large;
  const [projected, of] = [rowSide.vectors.subarray(0, rows * components), basis.vectors.subarray(0, loadings.length)];
  of.set(loadings);
  k.sparseProduct(projected, scaled, of, components);
  const explained = variances({ ...matrix, layout: "dense", cols: components, data: projected });
  const total = totalVariance(transposed, presentRows(matrix));
  report(iterations + 2);
  return {
    loadings: found,
    singularValues: values.subarray(0, components).map((value) => value * scale),
    explainedVariance: explained.map((variance) => variance * scale * scale),
    explainedVarianceRatio: explained.map((variance) => (total > 0 ? variance / total : 0)),
  };

  interface Space {
    readonly n: number;
    vectors: Float32Array;
    spare: Float32Array;
  }

  /** One pass: vectors = (old vectors) R^-1, where R'R is the Gram matrix of the old plus a shift. Returns R. */
  function step(of: Space, shiftOf: (gram: Float32Array) => number): Float64Array {
    k.gemm(gram, of.vectors, of.vectors, { m: width, n: width, k: of.n, transA: true });
    const { factor, inverse } = scaledCholesky(gram, width, shiftOf(gram));
    square.set(inverse);
    k.gemm(of.spare, of.vectors, square, { m: of.n, n: width, k: width });
    [of.vectors, of.spare] = [of.spare, of.vectors];
    return factor;
  }

  function precondition(of: Space): void {
    step(of, () => roundingShift);
  }

  /** Makes the vectors orthonormal, those that are linear combinations of others aside, and returns old = new R. */
  function orthonormalize(of: Space): Float64Array {
    let product = step(of, () => roundingShift);
    // Each shifted pass brings singular values from s to s / sqrt(s^2 + shift): three suffice for all that float32 holds. Once
    // they are near 1, one without a shift ends it.
    for (let pass = 0, isLast = false; pass < 4 && !isLast; pass++) {
      const factor = step(of, (gram) => {
        isLast = isNearlyOrthogonal(gram, width);
        return isLast || pass > 1 ? 0 : roundingShift;
      });
      product = triangularProduct(factor, product, width);
    }
    return product;
  }
}

/** More than rounding adds to a Gram matrix of float32 vectors of length 1. */
const roundingShift = 1e-4;

type CheckedParams = Required<TruncatedSvdParams>;

export function checkedSvdParams(given: TruncatedSvdParams, part: string): CheckedParams {
  const { components, iterations = 5, oversamples = 10 } = given ?? {};
  checkParam(
    part,
    "components",
    components,
    Number.isInteger(components) && components > 0,
    "a whole number from 1 on",
  );
  checkParam(
    part,
    "iterations",
    iterations,
    Number.isInteger(iterations) && iterations >= 0,
    "a whole number from 0 on",
  );
  checkParam(
    part,
    "oversamples",
    oversamples,
    Number.isInteger(oversamples) && oversamples >= 0,
    "a whole number from 0 on",
  );
  return { components, iterations, oversamples };
}

/**
 * The rows of a sparse matrix in the components of a `truncatedSvd`: matrix x loadings, rows x components.
 * A missing row stays missing. Rejects a matrix of other columns (`shape-mismatch`).
 */
export async function project(matrix: Sparse, loadings: Dense): Promise<Dense> {
  if (matrix.cols !== loadings.rows)
    throw new MmubError("shape-mismatch", {
      part: type,
      message: `got ${matrix.cols} columns, want ${loadings.rows} as the matrix of the fit had`,
      got: matrix.cols,
      want: loadings.rows,
    });
  const out = dense(matrix.rows, loadings.cols);
  await multiply(matrix, loadings.data, loadings.cols, out.data);
  if (matrix.present) out.present.set(matrix.present);
  return out;
}

// Below so many multiplications a copy into the memory of kernels takes longer than the product.
const fewProducts = 1e6;

/** out = matrix x vectors, both row-major with `width` columns: the bits of `sparseProduct`, however large the matrix is. */
async function multiply(matrix: Sparse, vectors: Float32Array, width: number, out: Float32Array): Promise<void> {
  const { rows, offsets, columns, values } = matrix;
  if (columns.length * width >= Math.max(fewProducts, 4 * vectors.length)) {
    const bytes = 4 * (vectors.length + out.length + rows + 1 + 2 * columns.length) + 5 * 64;
    const { kernels } = await import("@mmub/kernels");
    const k = kernels({ bytes });
    const copied = { offsets: k.int32(rows + 1), columns: k.int32(columns.length), values: k.float32(values.length) };
    const [dense, product] = [k.float32(vectors.length), k.float32(out.length)];
    copied.offsets.set(offsets);
    copied.columns.set(columns);
    copied.values.set(values);
    dense.set(vectors);
    k.sparseProduct(product, copied, dense, width);
    out.set(product);
    return;
  }
  const sums = new Float32Array(width);
  for (let row = 0; row < rows; row++) {
    const end = offsets[row + 1]!;
    for (let from = offsets[row]!; from < end; from += 256) {
      sums.fill(0);
      for (let i = from; i < Math.min(from + 256, end); i++) {
        const value = values[i]!;
        const at = columns[i]! * width;
        for (let j = 0; j < width; j++) sums[j] = sums[j]! + Math.fround(value * vectors[at + j]!);
      }
      for (let j = 0; j < width; j++) out[row * width + j]! += sums[j]!;
    }
  }
}

/** Whether columns of this Gram matrix, scaled to length 1, are so near to orthogonal that its Cholesky factor is exact. */
function isNearlyOrthogonal(gram: Float32Array, n: number): boolean {
  let squares = 0;
  for (let i = 0; i < n; i++)
    for (let j = 0; j < i; j++) {
      const scale = gram[i * n + i]! * gram[j * n + j]!;
      if (!(scale > 0)) return false;
      squares += (2 * gram[i * n + j]! ** 2) / scale;
    }
  return squares < 0.01;
}

function largest(values: Float32Array): number {
  let most = 0;
  for (let i = 0; i < values.length; i++) most = Math.max(most, Math.abs(values[i]!));
  return most;
}

function transpose(from: SparseRows, to: SparseRows): void {
  const [rows, cols] = [from.offsets.length - 1, to.offsets.length - 1];
  to.offsets.fill(0);
  for (let i = 0; i < from.columns.length; i++) to.offsets[from.columns[i]! + 1]!++;
  for (let column = 0; column < cols; column++) to.offsets[column + 1]! += to.offsets[column]!;
  const next = to.offsets.slice();
  for (let row = 0; row < rows; row++)
    for (let i = from.offsets[row]!; i < from.offsets[row + 1]!; i++) {
      const at = next[from.columns[i]!]!++;
      to.columns[at] = row;
      to.values[at] = from.values[i]!;
    }
}

/**
 * The upper triangular R with R'R = gram + shift x its diagonal, and its inverse. Columns are scaled to length 1 first, so
 * that short ones count as much as long ones. A column of zeros gets a zero in the inverse.
 */
function scaledCholesky(gram: Float32Array, n: number, shift: number): { factor: Float64Array; inverse: Float64Array } {
  const length = Float64Array.from({ length: n }, (_, j) => Math.sqrt(Math.max(0, gram[j * n + j]!)));
  const factor = new Float64Array(n * n);
  for (let j = 0; j < n; j++) {
    if (length[j] === 0) continue;
    for (let i = 0; i <= j; i++) {
      if (length[i] === 0) continue;
      let sum = gram[i * n + j]! / (length[i]! * length[j]!);
      if (i === j) sum = 1 + shift;
      for (let k = 0; k < i; k++) sum -= factor[k * n + i]! * factor[k * n + j]!;
      factor[i * n + j] = i === j ? Math.sqrt(Math.max(sum, roundingShift)) : sum / factor[i * n + i]!;
    }
  }
  // Back substitution, column by column; then the scale is put back into both.
  const inverse = new Float64Array(n * n);
  for (let j = 0; j < n; j++) {
    if (length[j] === 0) continue;
    inverse[j * n + j] = 1 / factor[j * n + j]!;
    for (let i = j - 1; i >= 0; i--) {
      if (length[i] === 0) continue;
      let sum = 0;
      for (let k = i + 1; k <= j; k++) sum += factor[i * n + k]! * inverse[k * n + j]!;
      inverse[i * n + j] = -sum / factor[i * n + i]!;
    }
  }
  for (let i = 0; i < n; i++)
    for (let j = i; j < n; j++) {
      factor[i * n + j]! *= length[j]!;
      inverse[i * n + j] = length[i] === 0 ? 0 : inverse[i * n + j]! / length[i]!;
    }
  return { factor, inverse };
}

function triangularProduct(a: Float64Array, b: Float64Array, n: number): Float64Array {
  const out = new Float64Array(n * n);
  for (let i = 0; i < n; i++)
    for (let k = i; k < n; k++) for (let j = k; j < n; j++) out[i * n + j]! += a[i * n + k]! * b[k * n + j]!;
  return out;
}

/**
 * The SVD left x diag(values) x right' of an n x n matrix, values falling.
 * Source: one-sided Jacobi, Golub & Van Loan (2013), section 8.6.3; accurate for small singular values too.
 */
function jacobiSvd(matrix: Float64Array, n: number): { left: Float64Array; values: Float64Array; right: Float64Array } {
  // Columns of the matrix and of `right` lie in rows here, so that a rotation runs along memory.
  const columns = new Float64Array(n * n);
  const right = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    right[i * n + i] = 1;
    for (let j = 0; j < n; j++) columns[j * n + i] = matrix[i * n + j]!;
  }
  const rotate = (array: Float64Array, p: number, q: number, cos: number, sin: number): void => {
    for (let i = 0; i < n; i++) {
      const [a, b] = [array[p * n + i]!, array[q * n + i]!];
      array[p * n + i] = cos * a - sin * b;
      array[q * n + i] = sin * a + cos * b;
    }
  };
  let isTurning = true;
  for (let sweep = 0; isTurning && sweep < 60; sweep++) {
    isTurning = false;
    for (let p = 0; p < n - 1; p++)
      for (let q = p + 1; q < n; q++) {
        let [pp, qq, pq] = [0, 0, 0];
        for (let i = 0; i < n; i++) {
          const [a, b] = [columns[p * n + i]!, columns[q * n + i]!];
          pp += a * a;
          qq += b * b;
          pq += a * b;
        }
        if (Math.abs(pq) <= 1e-15 * Math.sqrt(pp * qq)) continue;
        isTurning = true;
        const zeta = (qq - pp) / (2 * pq);
        const tan = Math.sign(zeta || 1) / (Math.abs(zeta) + Math.hypot(1, zeta));
        const cos = 1 / Math.hypot(1, tan);
        rotate(columns, p, q, cos, cos * tan);
        rotate(right, p, q, cos, cos * tan);
      }
  }
  const norms = Float64Array.from({ length: n }, (_, j) => Math.hypot(...columns.subarray(j * n, (j + 1) * n)));
  const order = Array.from(norms.keys()).sort((a, b) => norms[b]! - norms[a]! || a - b);
  const sorted = (from: Float64Array, scale: (j: number) => number): Float64Array => {
    const out = new Float64Array(n * n);
    for (const [to, j] of order.entries()) for (let i = 0; i < n; i++) out[i * n + to] = from[j * n + i]! * scale(j);
    return out;
  };
  return {
    left: sorted(columns, (j) => (norms[j]! > 0 ? 1 / norms[j]! : 0)),
    values: Float64Array.from(order, (j) => norms[j]!),
    right: sorted(right, () => 1),
  };
}

/** Of each column over the rows that are present, divided by their number. */
function variances(matrix: Dense): Float64Array {
  const { rows, cols, data } = matrix;
  const count = presentRows(matrix);
  const mean = new Float64Array(cols);
  const out = new Float64Array(cols);
  for (let row = 0; row < rows; row++) for (let c = 0; c < cols; c++) mean[c]! += data[row * cols + c]! / count;
  for (let row = 0; row < rows; row++)
    if (isPresent(matrix, row))
      for (let c = 0; c < cols; c++) out[c]! += (data[row * cols + c]! - mean[c]!) ** 2 / count;
  return out;
}

function presentRows(matrix: Features): number {
  let count = 0;
  for (let row = 0; row < matrix.rows; row++) if (isPresent(matrix, row)) count++;
  return count;
}

/** Of all columns together; the second matrix is the first transposed. */
function totalVariance({ offsets, values }: SparseRows, count: number): number {
  let total = 0;
  for (let column = 0; column + 1 < offsets.length; column++) {
    let [sum, squares] = [0, 0];
    for (let i = offsets[column]!; i < offsets[column + 1]!; i++) {
      sum += values[i]!;
      squares += values[i]! ** 2;
    }
    total += squares / count - (sum / count) ** 2;
  }
  return total;
}
