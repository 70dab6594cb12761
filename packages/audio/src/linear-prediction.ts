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
    if (largest < 1e-12) break;
  }
  return z;
}

// One step of root i; how far it went. Plain variables: this is the inner loop of formants.
function improve(a: Float64Array, order: number, z: Float64Array, i: number): number {
  const x = z[2 * i]!;
  const y = z[2 * i + 1]!;
  // Horner's scheme for the polynomial and its derivative.
  let pr = 1;
  let pi = 0;
  let dr = 0;
  let di = 0;
  for (let k = 0; k < order; k++) {
    const nextDr = dr * x - di * y + pr;
    di = dr * y + di * x + pi;
    dr = nextDr;
    const nextPr = pr * x - pi * y - a[k]!;
    pi = pr * y + pi * x;
    pr = nextPr;
  }
  // p'/p less the pull of the other roots; its inverse is the step.
  const size = pr * pr + pi * pi;
  if (size === 0) return 0;
  let qr = (dr * pr + di * pi) / size;
  let qi = (di * pr - dr * pi) / size;
  for (let j = 0; j < order; j++) {
    if (j === i) continue;
    const ur = x - z[2 * j]!;
    const ui = y - z[2 * j + 1]!;
    const away = ur * ur + ui * ui || 1e-300;
    qr -= ur / away;
    qi += ui / away;
  }
  const norm = qr * qr + qi * qi || 1e-300;
  // Where roots crowd together the step may be of any length; a stable filter has none outside of the unit circle.
  const shorter = 1 / (norm * Math.max(1, 1 / Math.sqrt(norm)));
  z[2 * i] = x - qr * shorter;
  z[2 * i + 1] = y + qi * shorter;
  return (Math.abs(qr) + Math.abs(qi)) * shorter;
}
