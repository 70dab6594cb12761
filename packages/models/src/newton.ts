import { takeFeatures } from "@mmub/core";
import { linearKernel, type Matrix } from "./linear.js";

/** `0.5 * |w|^2 + sum(cost * residual(w . row)^2)`, where the residual of a row is linear in its score or 0. */
export interface SquaredLoss {
  readonly x: Matrix;
  /** The value of one more column, whose weight makes the intercept; 0 for none. */
  readonly bias: number;
  readonly costOf: Float64Array;
  /** What a row's score is off by, 0 where it costs nothing. */
  residual(score: number, row: number): number;
}

export interface Weights {
  /** One for each column, then that of `bias`. */
  readonly weights: Float64Array;
  readonly converged: boolean;
  readonly iterations: number;
}

/**
 * Minimises a squared loss with dead rows, such as the squared hinge, by Newton's method: until the gradient is `tolerance`
 * times what it was at zero. Directions by conjugate gradients over the rows that cost something, preconditioned by the
 * diagonal; exact line search on the scores.
 * Source: Keerthi & DeCoste, A Modified Finite Newton Method for Fast Solution of Large Scale Linear SVMs, 2005; in place of
 * the trust region of LIBLINEAR's solver 2, which leads to the same minimum.
 */
export async function newton(
  { x, bias, costOf, residual }: SquaredLoss,
  tolerance: number,
  maxIterations: number,
  pause: () => Promise<void> | undefined,
): Promise<Weights> {
  const { rows, cols } = x;
  const weights = new Float64Array(cols + 1);
  const scores = new Float64Array(rows);
  const moved = new Float64Array(rows);
  const pulls = new Float64Array(rows);
  const gradient = new Float64Array(cols + 1);
  const all = linearKernel(x, 1);
  let goal = 0;
  for (let iterations = 0; ; iterations++) {
    await pause();
    const active: number[] = [];
    for (let row = 0; row < rows; row++) {
      const off = residual(scores[row]!, row);
      if (off !== 0) active.push(row);
      pulls[row] = 2 * costOf[row]! * off;
    }
    gradient.fill(0);
    all.gradient(0, rows, pulls, gradient);
    gradient[cols]! *= bias;
    for (let k = 0; k <= cols; k++) gradient[k]! += weights[k]!;
    const size = Math.sqrt(dot(gradient, gradient));
    if (iterations === 0) goal = tolerance * size;
    if (size <= goal) return { weights, converged: true, iterations };
    if (iterations === maxIterations) return { weights, converged: false, iterations };

    const kept = active.length === rows ? x : takeFeatures(x, active);
    const curvature = Float64Array.from(active, (row) => 2 * costOf[row]!);
    const direction = await solve(kept as Matrix, curvature, bias, gradient, pause);
    const model = direction.slice();
    model[cols]! *= bias;
    all.scores(0, rows, model, moved);
    const step = search(dot(weights, direction), dot(direction, direction), (at) => {
      let [slope, bend] = [0, 0];
      for (let row = 0; row < rows; row++) {
        const off = residual(scores[row]! + at * moved[row]!, row);
        if (off === 0) continue;
        const pull = 2 * costOf[row]! * moved[row]!;
        slope += pull * off;
        bend += pull * moved[row]!;
      }
      return [slope, bend];
    });
    // Rounding is all that is left of the gradient.
    if (step === 0) return { weights, converged: true, iterations };
    for (let k = 0; k <= cols; k++) weights[k]! += step * direction[k]!;
    for (let row = 0; row < rows; row++) scores[row]! += step * moved[row]!;
  }
}

/** Solves (I + X' diag(curvature) X) d = -gradient until a tenth of the gradient is left. */
async function solve(
  x: Matrix,
  curvature: Float64Array,
  bias: number,
  gradient: Float64Array,
  pause: () => Promise<void> | undefined,
): Promise<Float64Array> {
  const { rows, cols } = x;
  const kernel = linearKernel(x, 1);
  const inverse = diagonal(x, curvature, bias).map((value) => 1 / value);
  const out = new Float64Array(cols + 1);
  const left = gradient.map((value) => -value);
  const along = new Float64Array(cols + 1);
  const model = new Float64Array(cols + 1);
  const bent = new Float64Array(cols + 1);
  const part = new Float64Array(kernel.block);
  let size = 0;
  let goal = 0;
  for (let iteration = 0; iteration <= cols; iteration++) {
    await pause();
    const before = size;
    size = 0;
    for (let k = 0; k <= cols; k++) size += left[k]! * left[k]! * inverse[k]!;
    if (iteration === 0) goal = 0.01 * size;
    else if (size <= goal) break;
    const share = iteration === 0 ? 0 : size / before;
    for (let k = 0; k <= cols; k++) along[k] = inverse[k]! * left[k]! + share * along[k]!;

    model.set(along);
    model[cols]! *= bias;
    bent.fill(0);
    for (let from = 0; from < rows; from += kernel.block) {
      const to = Math.min(rows, from + kernel.block);
      kernel.scores(from, to, model, part);
      for (let row = from; row < to; row++) part[row - from]! *= curvature[row]!;
      kernel.gradient(from, to, part, bent);
    }
    bent[cols]! *= bias;
    for (let k = 0; k <= cols; k++) bent[k]! += along[k]!;
    const step = size / dot(along, bent);
    for (let k = 0; k <= cols; k++) {
      out[k]! += step * along[k]!;
      left[k]! -= step * bent[k]!;
    }
  }
  return out;
}

function diagonal(x: Matrix, curvature: Float64Array, bias: number): Float64Array {
  const { rows, cols } = x;
  const out = new Float64Array(cols + 1).fill(1);
  for (let row = 0; row < rows; row++) {
    const bend = curvature[row]!;
    if (x.layout === "dense") for (let k = 0; k < cols; k++) out[k]! += bend * x.data[row * cols + k]! ** 2;
    else for (let i = x.offsets[row]!; i < x.offsets[row + 1]!; i++) out[x.columns[i]!]! += bend * x.values[i]! ** 2;
    out[cols]! += bend * bias * bias;
  }
  return out;
}

/**
 * Where the slope along a direction is 0, or 0 if it does not fall: the slope is `slope + at * bend` of the penalty plus
 * that of the loss, which grows in straight pieces, so that Newton's method ends on it once it meets the right piece.
 */
function search(slope: number, bend: number, loss: (at: number) => readonly [number, number]): number {
  const first = slope + loss(0)[0];
  if (!(first < 0)) return 0;
  let low = 0;
  let high = Number.POSITIVE_INFINITY;
  let at = 1;
  for (let trial = 0; trial < 50; trial++) {
    const [ofLoss, bendOfLoss] = loss(at);
    const here = slope + at * bend + ofLoss;
    if (Math.abs(here) <= 1e-8 * -first) break;
    if (here < 0) low = at;
    else high = at;
    at -= here / (bend + bendOfLoss);
    if (!(at > low && at < high)) at = high === Number.POSITIVE_INFINITY ? 2 * low : (low + high) / 2;
  }
  return at;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += a[k]! * b[k]!;
  return sum;
}
