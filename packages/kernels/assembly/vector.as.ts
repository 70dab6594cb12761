export function axpy(y: usize, n: i32, alpha: f32, x: usize): void {
  const alphas = f32x4.splat(alpha);
  for (; n >= 4; n -= 4) {
    v128.store(y, f32x4.add(v128.load(y), f32x4.mul(alphas, v128.load(x))));
    y += 16;
    x += 16;
  }
  for (; n > 0; n--) {
    store<f32>(y, load<f32>(y) + alpha * load<f32>(x));
    y += 4;
    x += 4;
  }
}

export function scale(x: usize, n: i32, factor: f32): void {
  const factors = f32x4.splat(factor);
  for (; n >= 4; n -= 4) {
    v128.store(x, f32x4.mul(v128.load(x), factors));
    x += 16;
  }
  for (; n > 0; n--) {
    store<f32>(x, load<f32>(x) * factor);
    x += 4;
  }
}

/** NaN stays NaN. */
export function clamp(x: usize, n: i32, low: f32, high: f32): void {
  const lows = f32x4.splat(low);
  const highs = f32x4.splat(high);
  for (; n >= 4; n -= 4) {
    v128.store(x, f32x4.min(f32x4.max(v128.load(x), lows), highs));
    x += 16;
  }
  for (; n > 0; n--) {
    store<f32>(x, min<f32>(max<f32>(load<f32>(x), low), high));
    x += 4;
  }
}

/** In float64, four sums side by side: exact squares, and no sum of finite numbers overflows. */
export function sumOfSquares(x: usize, n: i32): f64 {
  let low = f64x2.splat(0);
  let high = f64x2.splat(0);
  for (; n >= 4; n -= 4) {
    const four = v128.load(x);
    const a = f64x2.promote_low_f32x4(four);
    const b = f64x2.promote_low_f32x4(v128.shuffle<i32>(four, four, 2, 3, 2, 3));
    low = f64x2.add(low, f64x2.mul(a, a));
    high = f64x2.add(high, f64x2.mul(b, b));
    x += 16;
  }
  const pairs = f64x2.add(low, high);
  let sum = f64x2.extract_lane(pairs, 0) + f64x2.extract_lane(pairs, 1);
  for (; n > 0; n--) {
    const one = f64(load<f32>(x));
    sum += one * one;
    x += 4;
  }
  return sum;
}
