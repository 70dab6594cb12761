import { checkFeatures, type Dense, type Features, MmubError, type Sparse } from "@mmub/core";
import { kernels } from "@mmub/kernels";

export type Matrix = Dense | Sparse;

/** Throws unless `x` is a sound Dense or Sparse. */
export function checkMatrix(x: Features, part: string): asserts x is Matrix {
  if (x?.layout === "sequence")
    throw new MmubError("invalid-input", {
      part,
      message: "features are a Sequence, want Dense or Sparse: one row a sample; pool or fuse the steps first",
    });
  checkFeatures(x, part);
}

/** Throws unless `x` is a sound Dense or Sparse without negative values. */
export function checkNotNegative(x: Features, part: string): asserts x is Matrix {
  checkMatrix(x, part);
  const values = x.layout === "sparse" ? x.values : x.data;
  for (let i = 0; i < values.length; i++)
    if (values[i]! < 0) {
      const row = x.layout === "sparse" ? x.offsets.findLastIndex((start) => start <= i) : Math.floor(i / x.cols);
      const column = x.layout === "sparse" ? x.columns[i]! : i % x.cols;
      throw new MmubError("invalid-input", {
        part,
        message: `row ${row}, column ${column} is ${values[i]}, want numbers of at least 0; do not centre the columns, or take another model`,
        index: row,
        column,
      });
    }
}

/** Throws `shape-mismatch` unless `x` is as wide as in the fit. */
export function checkWidth(x: Matrix, cols: number, part: string): void {
  if (x.cols !== cols)
    throw new MmubError("shape-mismatch", {
      part,
      message: `got ${x.cols} columns, want ${cols} as in the fit`,
      got: x.cols,
      want: cols,
    });
}

/** The two passes over the data that every linear model is made of, for blocks of rows that stay in the cache. */
export interface LinearKernel {
  /** Rows that a block should have. */
  readonly block: number;
  /** `out[(row - from) * stride + c]` = intercept + row . weights, for each of `stride` outputs. */
  scores(from: number, to: number, weights: Float64Array, out: Float64Array): void;
  /** Adds what `residuals` (laid out as scores) pull at each weight and intercept to `gradient`. */
  gradient(from: number, to: number, residuals: Float64Array, gradient: Float64Array): void;
}

/** Outputs are padded to a multiple of 4, so that the loops below need no second version for what is left over. */
export function strideOf(outputs: number): number {
  return outputs === 1 ? 1 : Math.ceil(outputs / 4) * 4;
}

/** Without `present`: predictions are there for every row, whatever was missing. */
export function plain({ layout, rows, cols, data }: Dense): Dense {
  return { layout, rows, cols, data };
}

/** Two classes need one score; more need one each. */
export function outputsOf(classes: number): number {
  return classes === 2 ? 1 : classes;
}

/** The layout that kernels take. `coefficients` is row-major, one row an output. */
export function packed(coefficients: Float64Array, intercepts: Float64Array, cols: number): Float64Array {
  const stride = strideOf(intercepts.length);
  const weights = new Float64Array((cols + 1) * stride);
  for (let c = 0; c < intercepts.length; c++) {
    for (let k = 0; k < cols; k++) weights[k * stride + c] = coefficients[c * cols + k]!;
    weights[cols * stride + c] = intercepts[c]!;
  }
  return weights;
}

/**
 * The kernel of `x` for `stride` outputs. Weights are `(cols + 1) x stride`, the weights of one column side by side, the
 * intercepts last: one layout serves dense and sparse rows. Each score is summed over the columns in the same order
 * whatever the block, so that results do not depend on the batch size.
 */
export function linearKernel(x: Matrix, stride: number): LinearKernel {
  const rowsFor = (values: number, width: number): number =>
    Math.min(256, Math.max(8, Math.floor(values / Math.max(1, width)) & ~7));
  if (x.layout === "sparse")
    return stride === 1
      ? {
          block: 256,
          scores: (from, to, weights, out) => sparseScores(x, from, to, weights, out),
          gradient: (from, to, residuals, gradient) => sparseGradient(x, from, to, residuals, gradient),
        }
      : {
          block: rowsFor(8192, stride),
          scores: (from, to, weights, out) => sparseScoresMany(x, from, to, weights, stride, out),
          gradient: (from, to, residuals, gradient) => sparseGradientMany(x, from, to, residuals, stride, gradient),
        };
  if (stride === 1) return denseKernel(x, rowsFor(4096, x.cols));
  const { data, cols } = x;
  const block = rowsFor(32_768, cols);
  // Widened to float64 once a block, in bulk: faster than at each use. `scores` and `gradient` of a block come in pairs.
  const wide = new Float64Array(block * cols);
  let held = -1;
  const widen = (from: number, to: number): void => {
    if (held !== from) wide.set(data.subarray(from * cols, to * cols));
    held = to - from === block ? from : -1;
  };
  return {
    block,
    scores(from, to, weights, out) {
      for (let start = from; start < to; start += block) {
        const end = Math.min(to, start + block);
        widen(start, end);
        denseScoresMany(wide, cols, end - start, weights, stride, out, (start - from) * stride);
      }
    },
    gradient(from, to, residuals, gradient) {
      for (let start = from; start < to; start += block) {
        const end = Math.min(to, start + block);
        widen(start, end);
        denseGradientMany(wide, cols, end - start, residuals, (start - from) * stride, stride, gradient);
      }
    },
  };
}

/** One output of dense rows: in WebAssembly, but for so few rows that starting it would take longer; both give the same bits. */
function denseKernel({ data, rows, cols }: Dense, block: number): LinearKernel {
  if (rows < 2 * block)
    return {
      block,
      scores(from, to, weights, out) {
        for (let row = from; row < to; row++)
          out[row - from] = weights[cols]! + product(data, row * cols, cols, weights);
      },
      gradient: (from, to, residuals, gradient) => denseGradient(data, cols, from, to, residuals, gradient),
    };

  const k = kernels({ bytes: 4 * block * cols + 16 * (block + cols) + 1024 });
  const matrix = k.float32(block * cols);
  const [across, down] = [k.float64(cols), k.float64(block)];
  let [heldFrom, heldTo] = [-1, -1];
  /** Rows that are in the memory of the kernels: `scores` and `gradient` of a block come in pairs. */
  const held = (from: number, to: number): Float32Array => {
    const view = matrix.subarray(0, (to - from) * cols);
    if (from !== heldFrom || to !== heldTo) view.set(data.subarray(from * cols, to * cols));
    [heldFrom, heldTo] = [from, to];
    return view;
  };
  return {
    block,
    scores(from, to, weights, out) {
      across.set(weights.subarray(0, cols));
      for (let start = from; start < to; start += block) {
        const end = Math.min(to, start + block);
        const y = down.subarray(0, end - start).fill(weights[cols]!);
        k.gemv(y, held(start, end), across, { rows: end - start, cols });
        out.set(y, start - from);
      }
    },
    gradient(from, to, residuals, gradient) {
      across.set(gradient.subarray(0, cols));
      for (let start = from; start < to; start += block) {
        const end = Math.min(to, start + block);
        const x = down.subarray(0, end - start);
        x.set(residuals.subarray(start - from, end - from));
        k.gemv(across, held(start, end), x, { rows: end - start, cols, transposed: true });
        for (const residual of x) gradient[cols]! += residual;
      }
      gradient.set(across);
    },
  };
}

// In the order of `gemv`: every fourth column, then the sums of the even and the odd, then what is left over.
function product(data: Float32Array, at: number, cols: number, weights: Float64Array): number {
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  let k = 0;
  for (; k + 4 <= cols; k += 4) {
    s0 += weights[k]! * data[at + k]!;
    s1 += weights[k + 1]! * data[at + k + 1]!;
    s2 += weights[k + 2]! * data[at + k + 2]!;
    s3 += weights[k + 3]! * data[at + k + 3]!;
  }
  let sum = s0 + s2 + (s1 + s3);
  for (; k < cols; k++) sum += weights[k]! * data[at + k]!;
  return sum;
}

function denseGradient(
  data: Float32Array,
  cols: number,
  from: number,
  to: number,
  residuals: Float64Array,
  gradient: Float64Array,
): void {
  let row = from;
  for (; row + 4 <= to; row += 4) {
    const i = row - from;
    const ra = residuals[i]!;
    const rb = residuals[i + 1]!;
    const rc = residuals[i + 2]!;
    const rd = residuals[i + 3]!;
    const a = row * cols;
    const b = a + cols;
    const c = b + cols;
    const d = c + cols;
    for (let k = 0; k < cols; k++)
      gradient[k]! += ra * data[a + k]! + rb * data[b + k]! + (rc * data[c + k]! + rd * data[d + k]!);
  }
  for (; row < to; row++) {
    const residual = residuals[row - from]!;
    const at = row * cols;
    for (let k = 0; k < cols; k++) gradient[k]! += residual * data[at + k]!;
  }
  for (let i = 0; i < to - from; i++) gradient[cols]! += residuals[i]!;
}

// Blocks of 2 rows x 4 outputs, and of 1 x 4 for a last odd row: as much as fits into the registers.
function denseScoresMany(
  wide: Float64Array,
  cols: number,
  rows: number,
  weights: Float64Array,
  stride: number,
  out: Float64Array,
  outAt: number,
): void {
  for (let c = 0; c < stride; c += 4) {
    const intercepts = cols * stride + c;
    const i0 = weights[intercepts]!;
    const i1 = weights[intercepts + 1]!;
    const i2 = weights[intercepts + 2]!;
    const i3 = weights[intercepts + 3]!;
    let row = 0;
    for (; row + 2 <= rows; row += 2) {
      const a = row * cols;
      const b = a + cols;
      let a0 = i0;
      let a1 = i1;
      let a2 = i2;
      let a3 = i3;
      let b0 = i0;
      let b1 = i1;
      let b2 = i2;
      let b3 = i3;
      let w = c;
      for (let k = 0; k < cols; k++) {
        const x = wide[a + k]!;
        const y = wide[b + k]!;
        const w0 = weights[w]!;
        const w1 = weights[w + 1]!;
        const w2 = weights[w + 2]!;
        const w3 = weights[w + 3]!;
        a0 += w0 * x;
        b0 += w0 * y;
        a1 += w1 * x;
        b1 += w1 * y;
        a2 += w2 * x;
        b2 += w2 * y;
        a3 += w3 * x;
        b3 += w3 * y;
        w += stride;
      }
      const o = outAt + row * stride + c;
      out[o] = a0;
      out[o + 1] = a1;
      out[o + 2] = a2;
      out[o + 3] = a3;
      out[o + stride] = b0;
      out[o + stride + 1] = b1;
      out[o + stride + 2] = b2;
      out[o + stride + 3] = b3;
    }
    if (row < rows) {
      const a = row * cols;
      let a0 = i0;
      let a1 = i1;
      let a2 = i2;
      let a3 = i3;
      let w = c;
      for (let k = 0; k < cols; k++) {
        const x = wide[a + k]!;
        a0 += weights[w]! * x;
        a1 += weights[w + 1]! * x;
        a2 += weights[w + 2]! * x;
        a3 += weights[w + 3]! * x;
        w += stride;
      }
      const o = outAt + row * stride + c;
      out[o] = a0;
      out[o + 1] = a1;
      out[o + 2] = a2;
      out[o + 3] = a3;
    }
  }
}

function denseGradientMany(
  wide: Float64Array,
  cols: number,
  rows: number,
  residuals: Float64Array,
  residualsAt: number,
  stride: number,
  gradient: Float64Array,
): void {
  const last = cols * stride;
  for (let c = 0; c < stride; c += 4) {
    for (let row = 0; row < rows; row += 2) {
      const even = row + 1 < rows;
      const a = row * cols;
      // A last odd row is its own partner with residual 0.
      const b = even ? a + cols : a;
      const r = residualsAt + row * stride + c;
      const a0 = residuals[r]!;
      const a1 = residuals[r + 1]!;
      const a2 = residuals[r + 2]!;
      const a3 = residuals[r + 3]!;
      const b0 = even ? residuals[r + stride]! : 0;
      const b1 = even ? residuals[r + stride + 1]! : 0;
      const b2 = even ? residuals[r + stride + 2]! : 0;
      const b3 = even ? residuals[r + stride + 3]! : 0;
      let g = c;
      for (let k = 0; k < cols; k++) {
        const x = wide[a + k]!;
        const y = wide[b + k]!;
        gradient[g]! += a0 * x + b0 * y;
        gradient[g + 1]! += a1 * x + b1 * y;
        gradient[g + 2]! += a2 * x + b2 * y;
        gradient[g + 3]! += a3 * x + b3 * y;
        g += stride;
      }
      gradient[last + c]! += a0 + b0;
      gradient[last + c + 1]! += a1 + b1;
      gradient[last + c + 2]! += a2 + b2;
      gradient[last + c + 3]! += a3 + b3;
    }
  }
}

function sparseScores(x: Sparse, from: number, to: number, weights: Float64Array, out: Float64Array): void {
  const { offsets, columns, values, cols } = x;
  for (let row = from; row < to; row++) {
    let sum = weights[cols]!;
    const end = offsets[row + 1]!;
    for (let i = offsets[row]!; i < end; i++) sum += values[i]! * weights[columns[i]!]!;
    out[row - from] = sum;
  }
}

function sparseGradient(x: Sparse, from: number, to: number, residuals: Float64Array, gradient: Float64Array): void {
  const { offsets, columns, values, cols } = x;
  for (let row = from; row < to; row++) {
    const residual = residuals[row - from]!;
    const end = offsets[row + 1]!;
    for (let i = offsets[row]!; i < end; i++) gradient[columns[i]!]! += residual * values[i]!;
    gradient[cols]! += residual;
  }
}

function sparseScoresMany(
  x: Sparse,
  from: number,
  to: number,
  weights: Float64Array,
  stride: number,
  out: Float64Array,
): void {
  const { offsets, columns, values, cols } = x;
  for (let row = from; row < to; row++) {
    const o = (row - from) * stride;
    for (let c = 0; c < stride; c++) out[o + c] = weights[cols * stride + c]!;
    const end = offsets[row + 1]!;
    let i = offsets[row]!;
    // Four entries at a time: the scores are read and written a quarter as often.
    for (; i + 4 <= end; i += 4) {
      const v0 = values[i]!;
      const v1 = values[i + 1]!;
      const v2 = values[i + 2]!;
      const v3 = values[i + 3]!;
      const w0 = columns[i]! * stride;
      const w1 = columns[i + 1]! * stride;
      const w2 = columns[i + 2]! * stride;
      const w3 = columns[i + 3]! * stride;
      for (let c = 0; c < stride; c++)
        out[o + c]! += v0 * weights[w0 + c]! + v1 * weights[w1 + c]! + (v2 * weights[w2 + c]! + v3 * weights[w3 + c]!);
    }
    for (; i < end; i++) {
      const value = values[i]!;
      const w = columns[i]! * stride;
      for (let c = 0; c < stride; c++) out[o + c]! += value * weights[w + c]!;
    }
  }
}

function sparseGradientMany(
  x: Sparse,
  from: number,
  to: number,
  residuals: Float64Array,
  stride: number,
  gradient: Float64Array,
): void {
  const { offsets, columns, values, cols } = x;
  for (let row = from; row < to; row++) {
    const r = (row - from) * stride;
    const end = offsets[row + 1]!;
    for (let i = offsets[row]!; i < end; i++) {
      const value = values[i]!;
      const g = columns[i]! * stride;
      for (let c = 0; c < stride; c += 4) {
        gradient[g + c]! += value * residuals[r + c]!;
        gradient[g + c + 1]! += value * residuals[r + c + 1]!;
        gradient[g + c + 2]! += value * residuals[r + c + 2]!;
        gradient[g + c + 3]! += value * residuals[r + c + 3]!;
      }
    }
    const last = cols * stride;
    for (let c = 0; c < stride; c++) gradient[last + c]! += residuals[r + c]!;
  }
}

/** The sum of the squares of each row. */
export function squaresOf(x: Matrix): Float64Array {
  const out = new Float64Array(x.rows);
  for (let row = 0; row < x.rows; row++) {
    const [from, to] =
      x.layout === "dense" ? [row * x.cols, (row + 1) * x.cols] : [x.offsets[row]!, x.offsets[row + 1]!];
    const values = x.layout === "dense" ? x.data : x.values;
    for (let i = from; i < to; i++) out[row]! += values[i]! * values[i]!;
  }
  return out;
}

/** The weighted mean of each column, and of its squares. `weightOf[kindOf[row]]` is a row's weight; weights sum to 1. */
export function moments(
  x: Matrix,
  kindOf: ArrayLike<number>,
  weightOf: Float64Array,
): { readonly means: Float64Array; readonly squares: Float64Array } {
  const { rows, cols } = x;
  const means = new Float64Array(cols);
  const squares = new Float64Array(cols);
  if (x.layout === "dense") {
    let row = 0;
    for (; row + 4 <= rows; row += 4) addMoments(x.data, row, cols, kindOf, weightOf, means, squares);
    for (; row < rows; row++) {
      const weight = weightOf[kindOf[row]!]!;
      for (let k = 0; k < cols; k++) {
        const value = x.data[row * cols + k]!;
        means[k]! += weight * value;
        squares[k]! += weight * value * value;
      }
    }
    return { means, squares };
  }
  const { offsets, columns, values } = x;
  for (let row = 0; row < rows; row++) {
    const weight = weightOf[kindOf[row]!]!;
    const end = offsets[row + 1]!;
    for (let i = offsets[row]!; i < end; i++) {
      const value = values[i]!;
      means[columns[i]!]! += weight * value;
      squares[columns[i]!]! += weight * value * value;
    }
  }
  return { means, squares };
}

function addMoments(
  data: Float32Array,
  row: number,
  cols: number,
  kindOf: ArrayLike<number>,
  weightOf: Float64Array,
  means: Float64Array,
  squares: Float64Array,
): void {
  const wa = weightOf[kindOf[row]!]!;
  const wb = weightOf[kindOf[row + 1]!]!;
  const wc = weightOf[kindOf[row + 2]!]!;
  const wd = weightOf[kindOf[row + 3]!]!;
  const a = row * cols;
  const b = a + cols;
  const c = b + cols;
  const d = c + cols;
  for (let k = 0; k < cols; k++) {
    const va = data[a + k]!;
    const vb = data[b + k]!;
    const vc = data[c + k]!;
    const vd = data[d + k]!;
    means[k]! += wa * va + wb * vb + (wc * vc + wd * vd);
    squares[k]! += wa * va * va + wb * vb * vb + (wc * vc * vc + wd * vd * vd);
  }
}
