type Pause = () => Promise<void> | undefined;

/**
 * The Cholesky factor of the symmetric matrix in the lower triangle of `a` (`size` rows, `stride` apart), in place, with
 * `shift` added to the diagonal. False where it is not positive definite in float64; `a` is then spoilt.
 */
export async function cholesky(
  a: Float64Array,
  size: number,
  stride: number,
  shift: number,
  pause: Pause,
): Promise<boolean> {
  for (let i = 0; i < size; i++) {
    await pause();
    const row = i * stride;
    const whole = a[row + i]! + shift;
    for (let j = 0; j < i; j++) a[row + j] = (a[row + j]! - dot(a, row, a, j * stride, j)) / a[j * stride + j]!;
    const pivot = whole - dot(a, row, a, row, i);
    // What is left after cancellation is rounding.
    if (!(pivot > 4 * size * Number.EPSILON * whole)) return false;
    a[row + i] = Math.sqrt(pivot);
  }
  return true;
}

/** Solves for `b`, in place, with a factor of `cholesky`. */
export function choleskySolve(factor: Float64Array, size: number, stride: number, b: Float64Array): void {
  for (let i = 0; i < size; i++) b[i] = (b[i]! - dot(factor, i * stride, b, 0, i)) / factor[i * stride + i]!;
  for (let i = size - 1; i >= 0; i--) {
    const row = i * stride;
    const value = b[i]! / factor[row + i]!;
    b[i] = value;
    for (let j = 0; j < i; j++) b[j]! -= value * factor[row + j]!;
  }
}

/**
 * All eigenvalues of the symmetric matrix in the lower triangle of `a`, which is spoilt, and the eigenvectors as the rows
 * of `vectors` (size x size). Cost: about 10 * size^3 operations.
 * Source: Householder's tridiagonal form and implicit QL (Golub & Van Loan, Matrix Computations, 8.3).
 */
export async function eigen(
  a: Float64Array,
  size: number,
  stride: number,
  pause: Pause,
): Promise<{ readonly values: Float64Array; readonly vectors: Float64Array }> {
  const values = new Float64Array(size);
  const off = new Float64Array(size);
  const vectors = new Float64Array(size * size);
  if (size === 0) return { values, vectors };
  for (let i = 0; i < size; i++) for (let j = 0; j < i; j++) a[j * stride + i] = a[i * stride + j]!;

  // Row k of `a` becomes the reflector that clears column k below its subdiagonal.
  const p = new Float64Array(size);
  const scales = new Float64Array(size);
  for (let k = 0; k < size - 2; k++) {
    await pause();
    const row = k * stride;
    let norm = 0;
    for (let j = k + 1; j < size; j++) norm += a[row + j]! * a[row + j]!;
    norm = Math.sqrt(norm);
    const head = a[row + k + 1]!;
    const alpha = head > 0 ? -norm : norm;
    off[k] = alpha;
    if (norm === 0) continue;
    a[row + k + 1] = head - alpha;
    const scale = 1 / (norm * (norm + Math.abs(head)));
    scales[k] = scale;
    const from = k + 1;
    const length = size - from;
    let inner = 0;
    for (let i = from; i < size; i++) {
      p[i] = scale * dot(a, i * stride + from, a, row + from, length);
      inner += p[i]! * a[row + i]!;
    }
    const half = (scale * inner) / 2;
    for (let i = from; i < size; i++) p[i]! -= half * a[row + i]!;
    for (let i = from; i < size; i++) {
      const [vi, pi, at] = [a[row + i]!, p[i]!, i * stride];
      for (let j = from; j < size; j++) a[at + j]! -= vi * p[j]! + pi * a[row + j]!;
    }
  }
  for (let i = 0; i < size; i++) values[i] = a[i * stride + i]!;
  if (size > 1) off[size - 2] = a[(size - 2) * stride + size - 1]!;

  // Rows of `vectors` are columns of the product of the reflectors.
  for (let i = 0; i < size; i++) vectors[i * size + i] = 1;
  for (let k = size - 3; k >= 0; k--) {
    if (scales[k] === 0) continue;
    await pause();
    const [from, row] = [k + 1, k * stride];
    for (let i = from; i < size; i++) {
      const share = scales[k]! * dot(vectors, i * size + from, a, row + from, size - from);
      for (let j = from; j < size; j++) vectors[i * size + j]! -= share * a[row + j]!;
    }
  }

  for (let low = 0; low < size; low++)
    for (;;) {
      await pause();
      let high = low;
      while (high < size - 1) {
        const around = Math.abs(values[high]!) + Math.abs(values[high + 1]!);
        if (Math.abs(off[high]!) <= Number.EPSILON * around) break;
        high++;
      }
      if (high === low) break;
      let g = (values[low + 1]! - values[low]!) / (2 * off[low]!);
      let r = Math.hypot(g, 1);
      g = values[high]! - values[low]! + off[low]! / (g + (g < 0 ? -r : r));
      let [s, c, shift] = [1, 1, 0];
      let i = high - 1;
      for (; i >= low; i--) {
        const f = s * off[i]!;
        const b = c * off[i]!;
        r = Math.hypot(f, g);
        off[i + 1] = r;
        if (r === 0) {
          values[i + 1]! -= shift;
          off[high] = 0;
          break;
        }
        s = f / r;
        c = g / r;
        g = values[i + 1]! - shift;
        r = (values[i]! - g) * s + 2 * c * b;
        shift = s * r;
        values[i + 1] = g + shift;
        g = c * r - b;
        rotate(vectors, i * size, (i + 1) * size, size, c, s);
      }
      if (r === 0 && i >= low) continue;
      values[low]! -= shift;
      off[low] = g;
      off[high] = 0;
    }
  return { values, vectors };
}

function rotate(a: Float64Array, x: number, y: number, length: number, c: number, s: number): void {
  for (let k = 0; k < length; k++) {
    const f = a[y + k]!;
    const g = a[x + k]!;
    a[y + k] = s * g + c * f;
    a[x + k] = c * g - s * f;
  }
}

function dot(a: Float64Array, x: number, b: Float64Array, y: number, length: number): number {
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  let k = 0;
  for (; k + 4 <= length; k += 4) {
    s0 += a[x + k]! * b[y + k]!;
    s1 += a[x + k + 1]! * b[y + k + 1]!;
    s2 += a[x + k + 2]! * b[y + k + 2]!;
    s3 += a[x + k + 3]! * b[y + k + 3]!;
  }
  for (; k < length; k++) s0 += a[x + k]! * b[y + k]!;
  return s0 + s1 + s2 + s3;
}
