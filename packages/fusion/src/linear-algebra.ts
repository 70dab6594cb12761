/** `a = sum over i of values[i] * left row i (as a column) * right row i`; rows of `left` and `right` are the singular vectors. */
export interface Svd {
  readonly values: Float64Array;
  readonly left: Float64Array;
  readonly right: Float64Array;
}

/**
 * Singular value decomposition of an n x n row-major matrix, values falling. `left` and `right` are n x n and orthogonal
 * even where the matrix is singular. Of a symmetric positive semidefinite matrix it is the eigendecomposition.
 * Source: one-sided Jacobi, Hestenes (1958); stopping rule of Demmel and Veselić (1992).
 */
export function svd(a: Float64Array, n: number): Svd {
  // Rows of b are the columns of a: rotations then run over contiguous memory.
  const b = new Float64Array(n * n);
  const v = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    v[i * n + i] = 1;
    for (let j = 0; j < n; j++) b[j * n + i] = a[i * n + j]!;
  }
  for (let sweep = 0, rotated = true; rotated && sweep < 40; sweep++) {
    rotated = false;
    for (let p = 0; p < n - 1; p++)
      for (let q = p + 1; q < n; q++) {
        const alpha = dot(b, p * n, b, p * n, n);
        const beta = dot(b, q * n, b, q * n, n);
        const gamma = dot(b, p * n, b, q * n, n);
        if (Math.abs(gamma) <= 1e-15 * Math.sqrt(alpha * beta) || gamma === 0) continue;
        rotated = true;
        const zeta = (beta - alpha) / (2 * gamma);
        const tangent = (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.sqrt(1 + zeta * zeta));
        const cosine = 1 / Math.sqrt(1 + tangent * tangent);
        rotate(b, p * n, q * n, n, cosine, cosine * tangent);
        rotate(v, p * n, q * n, n, cosine, cosine * tangent);
      }
  }
  const norms = Float64Array.from({ length: n }, (_, i) => Math.sqrt(dot(b, i * n, b, i * n, n)));
  const order = Array.from(norms.keys()).sort((i, j) => norms[j]! - norms[i]! || i - j);
  const values = Float64Array.from(order, (i) => norms[i]!);
  const left = new Float64Array(n * n);
  const right = new Float64Array(n * n);
  let rank = 0;
  for (const [to, i] of order.entries()) {
    right.set(v.subarray(i * n, (i + 1) * n), to * n);
    if (!(values[to]! > values[0]! * n * Number.EPSILON)) continue;
    for (let j = 0; j < n; j++) left[to * n + j] = b[i * n + j]! / values[to]!;
    rank++;
  }
  // Singular: unit vectors made orthogonal to what there is fill the rest.
  for (let unit = 0; rank < n; unit++) {
    const at = rank * n;
    left.fill(0, at, at + n);
    left[at + unit] = 1;
    if (orthogonalise(left, rank, n)) rank++;
  }
  return { values, left, right };
}

/**
 * Makes row `row` of `q` (rows of length n) orthogonal to the orthonormal rows before it and of length 1; false, and the
 * row zero, if it lies in their span. Source: Gram-Schmidt, twice (Kahan and Parlett: twice is enough).
 */
export function orthogonalise(q: Float64Array, row: number, n: number): boolean {
  const at = row * n;
  const before = Math.sqrt(dot(q, at, q, at, n));
  for (let pass = 0; pass < 2; pass++)
    for (let other = 0; other < row; other++) {
      const share = dot(q, other * n, q, at, n);
      for (let i = 0; i < n; i++) q[at + i]! -= share * q[other * n + i]!;
    }
  const after = Math.sqrt(dot(q, at, q, at, n));
  // `!(>)` so that a zero row, whose share is NaN, counts as in the span.
  if (!(after > 1e-10 * before)) {
    q.fill(0, at, at + n);
    return false;
  }
  for (let i = 0; i < n; i++) q[at + i]! /= after;
  return true;
}

/** Solves `a x = b` in place for a symmetric positive definite n x n `a` and `columns` right sides, b being n x columns. */
export function solve(a: Float64Array, n: number, b: Float64Array, columns: number): void {
  for (let j = 0; j < n; j++) {
    for (let k = 0; k < j; k++) {
      const factor = a[j * n + k]!;
      for (let i = j; i < n; i++) a[i * n + j]! -= factor * a[i * n + k]!;
    }
    const pivot = Math.sqrt(a[j * n + j]!);
    for (let i = j; i < n; i++) a[i * n + j]! /= pivot;
  }
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++)
      for (let c = 0; c < columns; c++) b[i * columns + c]! -= a[i * n + k]! * b[k * columns + c]!;
    for (let c = 0; c < columns; c++) b[i * columns + c]! /= a[i * n + i]!;
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++)
      for (let c = 0; c < columns; c++) b[i * columns + c]! -= a[k * n + i]! * b[k * columns + c]!;
    for (let c = 0; c < columns; c++) b[i * columns + c]! /= a[i * n + i]!;
  }
}

/**
 * Adds `a` (m x k) times transposed `b` (n x k) to `out` (m x n); m and n are multiples of 4. With `upper` only the blocks
 * of 4 x 4 on and above the diagonal.
 */
export function multiplyTransposed(
  a: Float64Array,
  b: Float64Array,
  out: Float64Array,
  m: number,
  n: number,
  k: number,
  upper = false,
): void {
  // Sixteen sums at a time: twice as fast as one dot product after the other.
  for (let i = 0; i < m; i += 4)
    for (let j = upper ? i : 0; j < n; j += 4) {
      let [s00, s01, s02, s03, s10, s11, s12, s13] = [0, 0, 0, 0, 0, 0, 0, 0];
      let [s20, s21, s22, s23, s30, s31, s32, s33] = [0, 0, 0, 0, 0, 0, 0, 0];
      for (let e = 0, p = i * k, q = j * k; e < k; e++, p++, q++) {
        const a0 = a[p]!;
        const a1 = a[p + k]!;
        const a2 = a[p + 2 * k]!;
        const a3 = a[p + 3 * k]!;
        const b0 = b[q]!;
        const b1 = b[q + k]!;
        const b2 = b[q + 2 * k]!;
        const b3 = b[q + 3 * k]!;
        s00 += a0 * b0;
        s01 += a0 * b1;
        s02 += a0 * b2;
        s03 += a0 * b3;
        s10 += a1 * b0;
        s11 += a1 * b1;
        s12 += a1 * b2;
        s13 += a1 * b3;
        s20 += a2 * b0;
        s21 += a2 * b1;
        s22 += a2 * b2;
        s23 += a2 * b3;
        s30 += a3 * b0;
        s31 += a3 * b1;
        s32 += a3 * b2;
        s33 += a3 * b3;
      }
      const at = i * n + j;
      out[at]! += s00;
      out[at + 1]! += s01;
      out[at + 2]! += s02;
      out[at + 3]! += s03;
      out[at + n]! += s10;
      out[at + n + 1]! += s11;
      out[at + n + 2]! += s12;
      out[at + n + 3]! += s13;
      out[at + 2 * n]! += s20;
      out[at + 2 * n + 1]! += s21;
      out[at + 2 * n + 2]! += s22;
      out[at + 2 * n + 3]! += s23;
      out[at + 3 * n]! += s30;
      out[at + 3 * n + 1]! += s31;
      out[at + 3 * n + 2]! += s32;
      out[at + 3 * n + 3]! += s33;
    }
}

function dot(a: Float64Array, i: number, b: Float64Array, j: number, n: number): number {
  let sum = 0;
  for (let k = 0; k < n; k++) sum += a[i + k]! * b[j + k]!;
  return sum;
}

function rotate(a: Float64Array, p: number, q: number, n: number, cosine: number, sine: number): void {
  for (let k = 0; k < n; k++) {
    const x = a[p + k]!;
    const y = a[q + k]!;
    a[p + k] = cosine * x - sine * y;
    a[q + k] = sine * x + cosine * y;
  }
}
