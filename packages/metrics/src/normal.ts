import { logGamma } from "@mmub/core";

/** The upper incomplete gamma function over the whole one: of a series near 0, else of a continued fraction. */
export function gammaUpper(a: number, x: number): number {
  if (x <= 0) return 1;
  const scale = Math.exp(a * Math.log(x) - x - logGamma(a));
  if (x < a + 1) {
    let term = 1 / a;
    let sum = term;
    for (let n = 1; term > sum * 1e-17; n++) {
      term *= x / (a + n);
      sum += term;
    }
    return 1 - scale * sum;
  }
  let b = x + 1 - a;
  let c = 1e300;
  let d = 1 / b;
  let fraction = d;
  for (let n = 1; n < 500; n++) {
    const step = -n * (n - a);
    b += 2;
    d = 1 / (step * d + b);
    c = b + step / c;
    fraction *= d * c;
    if (Math.abs(d * c - 1) < 1e-16) break;
  }
  return scale * fraction;
}

/** P(Z <= z) of the normal distribution. */
export function normalShare(z: number): number {
  const tail = gammaUpper(0.5, (z * z) / 2) / 2;
  return z < 0 ? tail : 1 - tail;
}

/** The z with P(Z <= z) = share, for a share in (0, 1). */
export function normalQuantile(share: number): number {
  if (share > 0.5) return -normalQuantile(1 - share);
  let [low, high] = [-40, 0];
  for (let step = 0; step < 64; step++) {
    const middle = (low + high) / 2;
    if (normalShare(middle) < share) low = middle;
    else high = middle;
  }
  return high;
}
