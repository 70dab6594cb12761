/**
 * The coefficients a of the prediction x[n] ≈ Σ a[k] x[n - 1 - k] that Burg's method finds: the filter is always stable.
 * Source: Burg 1975; Andersen, "On the calculation of filter coefficients for maximum entropy spectral analysis" (1974).
 */
export function burg(x: Float64Array, order: number): Float64Array {
  const n = x.length;
  const a = new Float64Array(order);
  const kept = new Float64Array(order);
  const forward = x.slice(0, n - 1);
  const backward = x.slice(1);
  for (let k = 0; k < order; k++) {
    let [product, energy] = [0, 0];
    for (let i = 0; i < n - 1 - k; i++) {
      product += forward[i]! * backward[i]!;
      energy += forward[i]! ** 2 + backward[i]! ** 2;
    }
    if (energy <= 0) return a;
    const reflection = (2 * product) / energy;
    a[k] = reflection;
    for (let i = 0; i < k; i++) a[i] = kept[i]! - reflection * kept[k - 1 - i]!;
    kept.set(a);
    for (let i = 0; i < n - 2 - k; i++) {
      forward[i] = forward[i]! - reflection * backward[i]!;
      backward[i] = backward[i + 1]! - reflection * forward[i + 1]!;
    }
  }
  return a;
}

/**
 * The roots of zᵖ - a[0] zᵖ⁻¹ - … - a[p - 1], real and imaginary parts in turn, all at once.
 * Source: Aberth, Mathematics of Computation 27 (1973).
 */
export function roots(a: Float64Array): Float64Array {
  let order = a.length;
  while (order > 0 && a[order - 1] === 0) order--;
  const z = new Float64Array(2 * order);
  for (let i = 0; i < order; i++) {
    const angle = (2 * Math.PI * (i + 0.35)) / order;
    z[2 * i] = 0.9 * Math.cos(angle);
    z[2 * i + 1] = 0.9 * Math.sin(angle);
  }
  for (let round = 0; round < 100; round++) {
    let largest = 0;
    for (let i = 0; i < order; i++) largest = Math.max(largest, improve(a, order, z, i));
    if (largest < 1e-14) break;
  }
  return z;
}

// One step of root i; how far it went.
function improve(a: Float64Array, order: number, z: Float64Array, i: number): number {
  const [x, y] = [z[2 * i]!, z[2 * i + 1]!];
  // Horner's scheme for the polynomial and its derivative.
  let [pr, pi, dr, di] = [1, 0, 0, 0];
  for (let k = 0; k < order; k++) {
    [dr, di] = [dr * x - di * y + pr, dr * y + di * x + pi];
    [pr, pi] = [pr * x - pi * y - a[k]!, pr * y + pi * x];
  }
  if (pr === 0 && pi === 0) return 0;
  // p'/p less the pull of the other roots; its inverse is the step.
  const size = pr * pr + pi * pi;
  let [qr, qi] = [(dr * pr + di * pi) / size, (di * pr - dr * pi) / size];
  for (let j = 0; j < order; j++) {
    if (j === i) continue;
    const [ur, ui] = [x - z[2 * j]!, y - z[2 * j + 1]!];
    const away = ur * ur + ui * ui || 1e-300;
    qr -= ur / away;
    qi += ui / away;
  }
  const norm = qr * qr + qi * qi || 1e-300;
  const [sr, si] = [qr / norm, -qi / norm];
  z[2 * i] = x - sr;
  z[2 * i + 1] = y - si;
  return Math.hypot(sr, si);
}
