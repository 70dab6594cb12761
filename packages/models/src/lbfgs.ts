import { pace } from "@mmub/core";

export interface Objective {
  /** The value at `x`; writes the gradient there into `gradient`. */
  evaluate(x: Float64Array, gradient: Float64Array): number;
  /** The size of a gradient, which the tolerance is compared to. */
  norm(gradient: Float64Array): number;
}

export interface MinimizeOptions {
  readonly tolerance: number;
  readonly maxIterations: number;
  readonly signal?: AbortSignal | undefined;
  readonly onIteration?: (at: Omit<Minimum, "x" | "curvature">) => void;
  /** Adds `sum(absolute[i] * |x[i]|)` to the value, whose minimum then has zeros. @default none */
  readonly absolute?: Float64Array | undefined;
  /** What an earlier search of a function much like this one knew of its curvature, in the same variables. */
  readonly curvature?: Curvature | undefined;
}

export interface Minimum {
  readonly x: Float64Array;
  readonly value: number;
  readonly norm: number;
  readonly iterations: number;
  /** The gradient is within the tolerance, or the value can fall no further in float64. */
  readonly converged: boolean;
  readonly curvature: Curvature;
}

/** The last steps of a search and how the gradient changed along them. */
type Curvature = readonly Pair[];

interface Pair {
  readonly step: Float32Array;
  readonly change: Float32Array;
  inverse: number;
}

const maxTrials = 30;
// The value of a sum over many rows is not known more exactly than this.
const noise = 8 * Number.EPSILON;

/**
 * Minimises a smooth convex function by L-BFGS with a weak Wolfe line search (sufficient decrease 1e-4, curvature 0.9).
 *
 * The first direction is the negative gradient at step 1: give variables in which the second derivatives are about 1. The
 * history is kept in float32: it only models the curvature, and halves what is the largest memory of a wide problem.
 * With `absolute` each step stays in the orthant that the negative gradient points to, and numbers that would leave it become 0.
 * Source: Nocedal & Wright, Numerical Optimization, 2nd ed., algorithms 7.4 and 7.5; Andrew & Gao, Scalable Training of L1-Regularized
 * Log-Linear Models, 2007 (OWL-QN); the bracketing line search of Lewis
 * & Overton (2013), whose last trial is always the accepted one, with cubic interpolation.
 */
export async function minimize(objective: Objective, start: Float64Array, options: MinimizeOptions): Promise<Minimum> {
  const { tolerance, maxIterations, signal, onIteration } = options;
  const pause = pace(signal);
  const size = start.length;
  let x = start.slice();
  let gradient = new Float64Array(size);
  let next = new Float64Array(size);
  let nextGradient = new Float64Array(size);
  const direction = new Float64Array(size);
  const pairs: Pair[] = [...(options.curvature ?? [])];
  // A step of a wide problem costs as much as the pass over its data: a shorter memory is then worth some more steps.
  const memory = size > 100_000 ? 6 : 10;

  // Where absolute values are penalised, what a step is looked for by: the slope that is least steep at a kink.
  const { absolute } = options;
  const slopes = absolute ? new Float64Array(size) : undefined;
  const steepest = (): Float64Array => (absolute ? pseudoGradient(slopes!, x, gradient, absolute) : gradient);

  let value = objective.evaluate(x, gradient) + (absolute ? weighted(x, absolute) : 0);
  let norm = objective.norm(steepest());
  let converged = norm <= tolerance;
  let iterations = 0;
  let flat = 0;
  while (!converged && iterations < maxIterations) {
    await pause();
    const down = steepest();
    let slope = descend(direction, down, pairs);
    if (absolute) slope = aligned(direction, down);
    if (!(slope < 0)) {
      pairs.length = 0;
      slope = descend(direction, down, pairs);
    }

    let low: Trial = { step: 0, value, slope };
    let high: Trial | undefined;
    let step = 1;
    let trial = low;
    let trials = 0;
    for (; trials < maxTrials; trials++) {
      for (let i = 0; i < size; i++) next[i] = x[i]! + step * direction[i]!;
      if (absolute) stayInOrthant(next, x, down, absolute);
      const nextValue = objective.evaluate(next, nextGradient) + (absolute ? weighted(next, absolute) : 0);
      if (absolute) {
        // Off the line, where numbers became 0: no slope along it. Half the step until the value falls enough.
        if (nextValue <= value + 1e-4 * travelled(x, next, down) + noise * Math.abs(value)) {
          trial = { step, value: nextValue, slope: 0 };
          break;
        }
        step /= 2;
        await pause();
        continue;
      }
      trial = { step, value: nextValue, slope: dot(nextGradient, direction) };
      if (!(nextValue <= value + 1e-4 * step * slope + noise * Math.abs(value))) high = trial;
      else if (trial.slope < 0.9 * slope) low = trial;
      else break;
      step = high ? between(low, high) : beyond(trial, slope);
      await pause();
    }
    if (trials === maxTrials) {
      // No point along the line is lower: the model of the curvature is spoilt, or there is nothing left to gain.
      converged = pairs.length === 0;
      pairs.length = 0;
      if (converged) onIteration?.({ value, norm, iterations, converged });
      continue;
    }

    remember(pairs, memory, x, next, gradient, nextGradient);
    iterations++;
    flat = value - trial.value > noise * Math.abs(value) ? 0 : flat + 1;
    value = trial.value;
    [x, next] = [next, x];
    [gradient, nextGradient] = [nextGradient, gradient];
    norm = objective.norm(steepest());
    converged = norm <= tolerance || flat === 5;
    onIteration?.({ value, norm, iterations, converged });
  }
  signal?.throwIfAborted();
  return { x, value, norm, iterations, converged, curvature: pairs };
}

// The gradient of value + absolute . |x|, and at a kink the slope of the steeper side that leads down, or 0.
function pseudoGradient(
  out: Float64Array,
  x: Float64Array,
  gradient: Float64Array,
  absolute: Float64Array,
): Float64Array {
  for (let i = 0; i < x.length; i++) {
    const [slope, kink] = [gradient[i]!, absolute[i]!];
    if (x[i] !== 0) out[i] = slope + Math.sign(x[i]!) * kink;
    else out[i] = Math.min(slope + kink, 0) + Math.max(slope - kink, 0);
  }
  return out;
}

/** Takes what does not lead down out of the direction; returns the slope along it. */
function aligned(direction: Float64Array, gradient: Float64Array): number {
  let slope = 0;
  for (let i = 0; i < direction.length; i++) {
    if (direction[i]! * gradient[i]! >= 0) direction[i] = 0;
    else slope += direction[i]! * gradient[i]!;
  }
  return slope;
}

function stayInOrthant(next: Float64Array, x: Float64Array, gradient: Float64Array, absolute: Float64Array): void {
  for (let i = 0; i < next.length; i++)
    if (absolute[i]! > 0 && next[i]! * (x[i] === 0 ? -gradient[i]! : x[i]!) <= 0) next[i] = 0;
}

function weighted(x: Float64Array, absolute: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += absolute[i]! * Math.abs(x[i]!);
  return sum;
}

function travelled(from: Float64Array, to: Float64Array, gradient: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < from.length; i++) sum += (to[i]! - from[i]!) * gradient[i]!;
  return sum;
}

interface Trial {
  readonly step: number;
  readonly value: number;
  readonly slope: number;
}

// The minimum of the cubic through both trials, kept off the ends; the middle where there is no such cubic.
function between(low: Trial, high: Trial): number {
  const width = high.step - low.step;
  const a = low.slope + high.slope - (3 * (high.value - low.value)) / width;
  const root = Math.sqrt(a * a - low.slope * high.slope);
  const at = high.step - (width * (high.slope + root - a)) / (high.slope - low.slope + 2 * root);
  if (!Number.isFinite(at)) return low.step + width / 2;
  return Math.min(high.step - 0.1 * width, Math.max(low.step + 0.1 * width, at));
}

// Where the slope would vanish if it went on as it did, within limits.
function beyond(trial: Trial, slope: number): number {
  const at = trial.slope > slope ? (trial.step * slope) / (slope - trial.slope) : Number.POSITIVE_INFINITY;
  return Math.min(10 * trial.step, Math.max(1.5 * trial.step, at));
}

// The two-loop recursion: direction = -(inverse curvature) gradient. Returns the slope along it. The passes are bound by
// memory, so each adds one vector and multiplies with the next.
function descend(direction: Float64Array, gradient: Float64Array, pairs: readonly Pair[]): number {
  for (let i = 0; i < gradient.length; i++) direction[i] = -gradient[i]!;
  const newest = pairs.at(-1);
  if (!newest) return dot(direction, gradient);
  const shares = new Float64Array(pairs.length);
  let product = dot(direction, newest.step);
  for (let p = pairs.length - 1; p >= 0; p--) {
    const { change, inverse } = pairs[p]!;
    shares[p] = inverse * product;
    product = addAndDot(direction, -shares[p]!, change, p > 0 ? pairs[p - 1]!.step : change);
  }
  const scale = 1 / (newest.inverse * dot(newest.change, newest.change));
  for (let i = 0; i < direction.length; i++) direction[i]! *= scale;
  product *= scale;
  for (let p = 0; p < pairs.length; p++) {
    const { step, inverse } = pairs[p]!;
    product = addAndDot(direction, shares[p]! - inverse * product, step, pairs[p + 1]?.change ?? gradient);
  }
  return product;
}

function remember(
  pairs: Pair[],
  memory: number,
  x: Float64Array,
  next: Float64Array,
  gradient: Float64Array,
  nextGradient: Float64Array,
): void {
  const size = x.length;
  const pair =
    pairs.length === memory
      ? pairs.shift()!
      : { step: new Float32Array(size), change: new Float32Array(size), inverse: 0 };
  const { step, change } = pair;
  for (let i = 0; i < size; i++) {
    step[i] = next[i]! - x[i]!;
    change[i] = nextGradient[i]! - gradient[i]!;
  }
  const curvature = dot(step, change);
  if (!(curvature > Number.EPSILON * dot(change, change))) return;
  pair.inverse = 1 / curvature;
  pairs.push(pair);
}

type Vector = Float32Array | Float64Array;

function dot(a: Vector, b: Vector): number {
  const size = a.length;
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  let i = 0;
  for (; i + 4 <= size; i += 4) {
    s0 += a[i]! * b[i]!;
    s1 += a[i + 1]! * b[i + 1]!;
    s2 += a[i + 2]! * b[i + 2]!;
    s3 += a[i + 3]! * b[i + 3]!;
  }
  for (; i < size; i++) s0 += a[i]! * b[i]!;
  return s0 + s1 + s2 + s3;
}

// Adds `scale * of` to `to`; returns what is then to . other.
function addAndDot(to: Float64Array, scale: number, of: Float32Array, other: Vector): number {
  const size = to.length;
  let [s0, s1] = [0, 0];
  let i = 0;
  for (; i + 2 <= size; i += 2) {
    const a = to[i]! + scale * of[i]!;
    const b = to[i + 1]! + scale * of[i + 1]!;
    to[i] = a;
    to[i + 1] = b;
    s0 += a * other[i]!;
    s1 += b * other[i + 1]!;
  }
  if (i < size) {
    to[i]! += scale * of[i]!;
    s0 += to[i]! * other[i]!;
  }
  return s0 + s1;
}
