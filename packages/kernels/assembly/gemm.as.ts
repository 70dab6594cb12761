// C = alpha * A * B + beta * C, A (m x k) and B (k x n) given by the strides of their rows and columns in elements, C
// row-major. B is packed in panels of 8 columns and 384 rows, which stay in the first cache beside 4 rows of A.

const block: i32 = 384;

function fused(a: v128, b: v128, sum: v128): v128 {
  return ASC_FEATURE_RELAXED_SIMD ? f32x4.relaxed_madd(a, b, sum) : f32x4.add(sum, f32x4.mul(a, b));
}

/** `scratch` has room for a panel of 384 x 8 and a tile of 4 x 8 numbers. */
export function gemm(
  c: usize,
  a: usize,
  b: usize,
  m: i32,
  n: i32,
  k: i32,
  aRow: usize,
  aCol: usize,
  bRow: usize,
  bCol: usize,
  alpha: f32,
  beta: f32,
  scratch: usize,
): void {
  const tile = scratch + (usize(block) << 5);
  aRow <<= 2;
  aCol <<= 2;
  bRow <<= 2;
  bCol <<= 2;
  const cRow = usize(n) << 2;
  let done = 0;
  do {
    const depth = min(block, k - done);
    const aBlock = a + usize(done) * aCol;
    const bBlock = b + usize(done) * bRow;
    for (let j = 0; j < n; j += 8) {
      const cols = min(8, n - j);
      pack(scratch, bBlock + usize(j) * bCol, depth, cols, bRow, bCol);
      for (let i = 0; i < m; i += 4) {
        const rows = min(4, m - i);
        multiply(tile, aBlock + usize(i) * aRow, rows, depth, aRow, aCol, scratch);
        add(c + usize(i) * cRow + (usize(j) << 2), rows, cols, cRow, tile, alpha, done === 0 ? beta : 1);
      }
    }
    done += block;
  } while (done < k);
}

/** Columns that B lacks are zeros. */
function pack(panel: usize, b: usize, depth: i32, cols: i32, bRow: usize, bCol: usize): void {
  if (cols === 8 && bCol === 4)
    for (; depth > 0; depth--) {
      v128.store(panel, v128.load(b));
      v128.store(panel, v128.load(b, 16), 16);
      panel += 32;
      b += bRow;
    }
  else
    for (; depth > 0; depth--) {
      let from = b;
      for (let j = 0; j < 8; j++) {
        store<f32>(panel + (usize(j) << 2), j < cols ? load<f32>(from) : 0);
        from += bCol;
      }
      panel += 32;
      b += bRow;
    }
}

/** Four rows of A by the panel. Rows that A lacks repeat its last one, and `add` leaves them out. */
function multiply(tile: usize, a0: usize, rows: i32, depth: i32, aRow: usize, aCol: usize, panel: usize): void {
  let a1 = rows > 1 ? a0 + aRow : a0;
  let a2 = rows > 2 ? a1 + aRow : a1;
  let a3 = rows > 3 ? a2 + aRow : a2;
  let c00 = f32x4.splat(0);
  let c01 = c00;
  let c10 = c00;
  let c11 = c00;
  let c20 = c00;
  let c21 = c00;
  let c30 = c00;
  let c31 = c00;
  for (; depth > 0; depth--) {
    const b0 = v128.load(panel);
    const b1 = v128.load(panel, 16);
    let x = v128.load32_splat(a0);
    c00 = fused(x, b0, c00);
    c01 = fused(x, b1, c01);
    x = v128.load32_splat(a1);
    c10 = fused(x, b0, c10);
    c11 = fused(x, b1, c11);
    x = v128.load32_splat(a2);
    c20 = fused(x, b0, c20);
    c21 = fused(x, b1, c21);
    x = v128.load32_splat(a3);
    c30 = fused(x, b0, c30);
    c31 = fused(x, b1, c31);
    panel += 32;
    a0 += aCol;
    a1 += aCol;
    a2 += aCol;
    a3 += aCol;
  }
  v128.store(tile, c00);
  v128.store(tile, c01, 16);
  v128.store(tile, c10, 32);
  v128.store(tile, c11, 48);
  v128.store(tile, c20, 64);
  v128.store(tile, c21, 80);
  v128.store(tile, c30, 96);
  v128.store(tile, c31, 112);
}

/** C is not read where beta is 0: what it held, even NaN, is gone. */
function add(c: usize, rows: i32, cols: i32, cRow: usize, tile: usize, alpha: f32, beta: f32): void {
  const alphas = f32x4.splat(alpha);
  const betas = f32x4.splat(beta);
  for (; rows > 0; rows--) {
    let left = cols;
    let to = c;
    let from = tile;
    for (; left >= 4; left -= 4) {
      let sum = f32x4.mul(alphas, v128.load(from));
      if (beta !== 0) sum = f32x4.add(f32x4.mul(betas, v128.load(to)), sum);
      v128.store(to, sum);
      to += 16;
      from += 16;
    }
    for (; left > 0; left--) {
      let sum = alpha * load<f32>(from);
      if (beta !== 0) sum = beta * load<f32>(to) + sum;
      store<f32>(to, sum);
      to += 4;
      from += 4;
    }
    c += cRow;
    tile += 32;
  }
}
