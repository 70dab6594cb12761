// Products of a float32 matrix, row-major, with float64 vectors, in float64: what linear models are fitted by.

/** y (rows) += matrix x vector. Each sum runs over every fourth column; then (0 + 2) + (1 + 3), then the columns left over. */
export function gemv(y: usize, rows: i32, cols: i32, matrix: usize, x: usize): void {
  const bytes = usize(cols) << 2;
  for (; rows >= 4; rows -= 4) {
    const b = matrix + bytes;
    const c = b + bytes;
    const d = c + bytes;
    let low0 = f64x2.splat(0);
    let low1 = low0;
    let low2 = low0;
    let low3 = low0;
    let high0 = low0;
    let high1 = low0;
    let high2 = low0;
    let high3 = low0;
    let at: usize = 0;
    for (; at + 16 <= bytes; at += 16) {
      const first = v128.load(x + (at << 1));
      const second = v128.load(x + (at << 1), 16);
      const four0 = v128.load(matrix + at);
      low0 = f64x2.add(low0, f64x2.mul(first, f64x2.promote_low_f32x4(four0)));
      high0 = f64x2.add(high0, f64x2.mul(second, upper(four0)));
      const four1 = v128.load(b + at);
      low1 = f64x2.add(low1, f64x2.mul(first, f64x2.promote_low_f32x4(four1)));
      high1 = f64x2.add(high1, f64x2.mul(second, upper(four1)));
      const four2 = v128.load(c + at);
      low2 = f64x2.add(low2, f64x2.mul(first, f64x2.promote_low_f32x4(four2)));
      high2 = f64x2.add(high2, f64x2.mul(second, upper(four2)));
      const four3 = v128.load(d + at);
      low3 = f64x2.add(low3, f64x2.mul(first, f64x2.promote_low_f32x4(four3)));
      high3 = f64x2.add(high3, f64x2.mul(second, upper(four3)));
    }
    let sum0 = total(low0, high0);
    let sum1 = total(low1, high1);
    let sum2 = total(low2, high2);
    let sum3 = total(low3, high3);
    for (; at < bytes; at += 4) {
      const factor = load<f64>(x + (at << 1));
      sum0 += factor * f64(load<f32>(matrix + at));
      sum1 += factor * f64(load<f32>(b + at));
      sum2 += factor * f64(load<f32>(c + at));
      sum3 += factor * f64(load<f32>(d + at));
    }
    store<f64>(y, load<f64>(y) + sum0);
    store<f64>(y, load<f64>(y, 8) + sum1, 8);
    store<f64>(y, load<f64>(y, 16) + sum2, 16);
    store<f64>(y, load<f64>(y, 24) + sum3, 24);
    y += 32;
    matrix = d + bytes;
  }
  for (; rows > 0; rows--) {
    let low = f64x2.splat(0);
    let high = low;
    let at: usize = 0;
    for (; at + 16 <= bytes; at += 16) {
      const four = v128.load(matrix + at);
      low = f64x2.add(low, f64x2.mul(v128.load(x + (at << 1)), f64x2.promote_low_f32x4(four)));
      high = f64x2.add(high, f64x2.mul(v128.load(x + (at << 1), 16), upper(four)));
    }
    let sum = total(low, high);
    for (; at < bytes; at += 4) sum += load<f64>(x + (at << 1)) * f64(load<f32>(matrix + at));
    store<f64>(y, load<f64>(y) + sum);
    y += 8;
    matrix += bytes;
  }
}

/** y (cols) += transposed matrix x vector, four rows at a time, whose products are added as (0 + 1) + (2 + 3). */
export function gemvTransposed(y: usize, rows: i32, cols: i32, matrix: usize, x: usize): void {
  const bytes = usize(cols) << 2;
  for (; rows >= 4; rows -= 4) {
    const b = matrix + bytes;
    const c = b + bytes;
    const d = c + bytes;
    const x0 = v128.load64_splat(x);
    const x1 = v128.load64_splat(x, 8);
    const x2 = v128.load64_splat(x, 16);
    const x3 = v128.load64_splat(x, 24);
    let at: usize = 0;
    for (; at + 16 <= bytes; at += 16) {
      const four0 = v128.load(matrix + at);
      const four1 = v128.load(b + at);
      const four2 = v128.load(c + at);
      const four3 = v128.load(d + at);
      const to = y + (at << 1);
      const low = f64x2.add(
        f64x2.add(f64x2.mul(x0, f64x2.promote_low_f32x4(four0)), f64x2.mul(x1, f64x2.promote_low_f32x4(four1))),
        f64x2.add(f64x2.mul(x2, f64x2.promote_low_f32x4(four2)), f64x2.mul(x3, f64x2.promote_low_f32x4(four3))),
      );
      const high = f64x2.add(
        f64x2.add(f64x2.mul(x0, upper(four0)), f64x2.mul(x1, upper(four1))),
        f64x2.add(f64x2.mul(x2, upper(four2)), f64x2.mul(x3, upper(four3))),
      );
      v128.store(to, f64x2.add(v128.load(to), low));
      v128.store(to, f64x2.add(v128.load(to, 16), high), 16);
    }
    const s0 = load<f64>(x);
    const s1 = load<f64>(x, 8);
    const s2 = load<f64>(x, 16);
    const s3 = load<f64>(x, 24);
    for (; at < bytes; at += 4) {
      const to = y + (at << 1);
      const low = s0 * f64(load<f32>(matrix + at)) + s1 * f64(load<f32>(b + at));
      const high = s2 * f64(load<f32>(c + at)) + s3 * f64(load<f32>(d + at));
      store<f64>(to, load<f64>(to) + (low + high));
    }
    x += 32;
    matrix = d + bytes;
  }
  for (; rows > 0; rows--) {
    const factors = v128.load64_splat(x);
    let at: usize = 0;
    for (; at + 16 <= bytes; at += 16) {
      const four = v128.load(matrix + at);
      const to = y + (at << 1);
      v128.store(to, f64x2.add(v128.load(to), f64x2.mul(factors, f64x2.promote_low_f32x4(four))));
      v128.store(to, f64x2.add(v128.load(to, 16), f64x2.mul(factors, upper(four))), 16);
    }
    const factor = load<f64>(x);
    for (; at < bytes; at += 4) {
      const to = y + (at << 1);
      store<f64>(to, load<f64>(to) + factor * f64(load<f32>(matrix + at)));
    }
    x += 8;
    matrix += bytes;
  }
}

function upper(four: v128): v128 {
  return f64x2.promote_low_f32x4(v128.shuffle<i32>(four, four, 2, 3, 2, 3));
}

function total(low: v128, high: v128): f64 {
  const pairs = f64x2.add(low, high);
  return f64x2.extract_lane(pairs, 0) + f64x2.extract_lane(pairs, 1);
}
