// Coordinate descent as in LIBLINEAR: on the dual, a row at a time, or on the primal with an L1 penalty, a column at a time.
import type { Random } from "@mmub/core";
import type { Matrix } from "./linear.js";
import type { Weights } from "./newton.js";

/** What the solvers need of the surrounding fit. */
export interface Descent {
  readonly tolerance: number;
  readonly maxIterations: number;
  readonly random: Random;
  readonly pause: () => Promise<void> | undefined;
}

/**
 * Shuffles the first `count` of `order`. Fisher-Yates on xorshift32 from a seed of `random`, whose own numbers would take as long as
 * the pass over short rows. Source: Marsaglia, Xorshift RNGs, 2003.
 */
function shuffle(order: Int32Array, count: number, random: Random): void {
  let state = random.integer(2 ** 32 - 1) + 1;
  for (let i = count - 1; i > 0; i--) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    const j = Math.floor(((state >>> 0) / 2 ** 32) * (i + 1));
    const kept = order[i]!;
    order[i] = order[j]!;
    order[j] = kept;
  }
}

/** A matrix by rows, with one more column of value `bias`. */
export interface Rows {
  readonly x: Matrix;
  readonly bias: number;
  /** The sum of the squares of each row. */
  readonly squares: Float64Array;
  dot(row: number, weights: Float64Array): number;
  add(row: number, scale: number, weights: Float64Array): void;
}

export function rowsOf(x: Matrix, bias: number): Rows {
  const { rows, cols } = x;
  const squares = new Float64Array(rows).fill(bias * bias);
  if (x.layout === "sparse") {
    const { offsets, values } = x;
    const columns = new Int32Array(x.columns.buffer, x.columns.byteOffset, x.columns.length);
    for (let row = 0; row < rows; row++)
      for (let i = offsets[row]!; i < offsets[row + 1]!; i++) squares[row]! += values[i]! * values[i]!;
    return {
      x,
      bias,
      squares,
      dot(row, weights) {
        let [a, b] = [bias * weights[cols]!, 0];
        const end = offsets[row + 1]!;
        let i = offsets[row]!;
        for (; i + 2 <= end; i += 2) {
          a += values[i]! * weights[columns[i]!]!;
          b += values[i + 1]! * weights[columns[i + 1]!]!;
        }
        return i < end ? a + values[i]! * weights[columns[i]!]! + b : a + b;
      },
      add(row, scale, weights) {
        weights[cols]! += scale * bias;
        const end = offsets[row + 1]!;
        for (let i = offsets[row]!; i < end; i++) weights[columns[i]!]! += scale * values[i]!;
      },
    };
  }
  const { data } = x;
  for (let row = 0; row < rows; row++)
    for (let k = 0; k < cols; k++) squares[row]! += data[row * cols + k]! * data[row * cols + k]!;
  return {
    x,
    bias,
    squares,
    // Four sums side by side, since each addition waits for the one before it.
    dot(row, weights) {
      const at = row * cols;
      let [a, b, c, d] = [bias * weights[cols]!, 0, 0, 0];
      let k = 0;
      for (; k + 4 <= cols; k += 4) {
        a += data[at + k]! * weights[k]!;
        b += data[at + k + 1]! * weights[k + 1]!;
        c += data[at + k + 2]! * weights[k + 2]!;
        d += data[at + k + 3]! * weights[k + 3]!;
      }
      for (; k < cols; k++) a += data[at + k]! * weights[k]!;
      return a + b + (c + d);
    },
    add(row, scale, weights) {
      const at = row * cols;
      for (let k = 0; k < cols; k++) weights[k]! += scale * data[at + k]!;
      weights[cols]! += scale * bias;
    },
  };
}

/**
 * The dual of `0.5 * |w|^2 + sum(cost * hinge(1 - sign * w . row))`, the hinge squared or not, with shrinking, until the
 * projected gradients are within `tolerance` of each other.
 * Source: Hsieh et al., A Dual Coordinate Descent Method for Large-scale Linear SVM, 2008: algorithm 3, LIBLINEAR's solvers 1 and 3.
 */
export async function dualHinge(
  rows: Rows,
  signs: Int8Array,
  costOf: Float64Array,
  squared: boolean,
  { tolerance, maxIterations, random, pause }: Descent,
): Promise<Weights> {
  const count = signs.length;
  const weights = new Float64Array(rows.x.cols + 1);
  const alphas = new Float64Array(count);
  const order = Int32Array.from({ length: count }, (_, row) => row);
  let active = count;
  let [highest, lowest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];

  const sweep = (): readonly [number, number] => {
    let [most, least] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
    for (let s = 0; s < active; s++) {
      const row = order[s]!;
      const sign = signs[row]!;
      const alpha = alphas[row]!;
      const cost = costOf[row]!;
      const ridge = squared ? 0.5 / cost : 0;
      const slope = sign * rows.dot(row, weights) - 1 + alpha * ridge;
      const atTop = !squared && alpha === cost;
      // Rows that stay at a bound are left out until the others have converged.
      if ((alpha === 0 && slope > highest) || (atTop && slope < lowest)) {
        active--;
        order[s] = order[active]!;
        order[active] = row;
        s--;
        continue;
      }
      const projected = (alpha === 0 && slope > 0) || (atTop && slope < 0) ? 0 : slope;
      if (projected > most) most = projected;
      if (projected < least) least = projected;
      if (Math.abs(projected) <= 1e-12) continue;
      const curvature = rows.squares[row]! + ridge;
      // A row of nothing: its loss is 1 whatever the weights.
      const next = curvature > 0 ? Math.max(0, alpha - slope / curvature) : cost;
      alphas[row] = squared ? next : Math.min(cost, next);
      rows.add(row, (alphas[row]! - alpha) * sign, weights);
    }
    return [most, least];
  };

  for (let iterations = 0; iterations < maxIterations; ) {
    await pause();
    shuffle(order, active, random);
    const [most, least] = sweep();
    iterations++;
    if (most - least <= tolerance) {
      if (active === count) return { weights, converged: true, iterations };
      active = count;
      [highest, lowest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
      continue;
    }
    highest = most <= 0 ? Number.POSITIVE_INFINITY : most;
    lowest = least >= 0 ? Number.NEGATIVE_INFINITY : least;
  }
  return { weights, converged: false, iterations: maxIterations };
}

/** What is swept over, rows or columns: of `order`, the first `active`. */
interface Open {
  readonly order: Int32Array;
  active: number;
  /** The worst violation of the last sweep: what is further from violating anything is left out. */
  worst: number;
}

function allOf(count: number): Open {
  return {
    order: Int32Array.from({ length: count }, (_, i) => i),
    active: count,
    worst: Number.POSITIVE_INFINITY,
  };
}

/**
 * Sweeps until the violations, which `sweep` gives the worst and the sum of, sum up to `tolerance` times what they did in the first
 * one; what was left out on the way must pass too.
 */
async function settle(
  open: Open,
  sweep: () => readonly [most: number, sum: number],
  { tolerance, maxIterations, random, pause }: Descent,
): Promise<Omit<Weights, "weights">> {
  const { order } = open;
  let goal = 0;
  for (let iterations = 0; iterations < maxIterations; ) {
    await pause();
    shuffle(order, open.active, random);
    const [most, sum] = sweep();
    if (iterations === 0) goal = tolerance * sum;
    iterations++;
    if (sum <= goal) {
      if (open.active === order.length) return { converged: true, iterations };
      open.active = order.length;
      open.worst = Number.POSITIVE_INFINITY;
      continue;
    }
    open.worst = most;
  }
  return { converged: false, iterations: maxIterations };
}

/**
 * The dual of `0.5 * |w|^2 + C * sum(max(0, |w . row - target| - epsilon))`, the loss squared or not, with shrinking, until the
 * violations of the optimality conditions sum up to `tolerance` times what they did at zero.
 * Source: Ho & Lin, Large-scale Linear Support Vector Regression, 2012: algorithm 4, LIBLINEAR's solvers 12 and 13.
 */
export async function dualTube(
  rows: Rows,
  targets: Float64Array,
  C: number,
  epsilon: number,
  squared: boolean,
  descent: Descent,
): Promise<Weights> {
  const count = targets.length;
  const weights = new Float64Array(rows.x.cols + 1);
  const betas = new Float64Array(count);
  const open = allOf(count);
  const { order } = open;
  const ridge = squared ? 0.5 / C : 0;
  const bound = squared ? Number.POSITIVE_INFINITY : C;

  const sweep = (): readonly [number, number] => {
    const { worst } = open;
    let [most, sum] = [0, 0];
    for (let s = 0; s < open.active; s++) {
      const row = order[s]!;
      const beta = betas[row]!;
      const slope = rows.dot(row, weights) - targets[row]! + ridge * beta;
      const [up, down] = [slope + epsilon, slope - epsilon];
      // Rows that stay at a bound or inside of the tube are left out until the others have converged.
      const stays =
        beta === 0 ? up > worst && down < -worst : beta >= bound ? up < -worst : beta <= -bound && down > worst;
      if (stays) {
        open.active--;
        order[s] = order[open.active]!;
        order[open.active] = row;
        s--;
        continue;
      }
      const violation =
        beta === 0
          ? Math.max(0, -up, down)
          : beta >= bound
            ? Math.max(0, up)
            : beta <= -bound
              ? Math.max(0, -down)
              : Math.abs(beta > 0 ? up : down);
      most = Math.max(most, violation);
      sum += violation;
      const curvature = rows.squares[row]! + ridge;
      // A row of nothing is as far off whatever the weights, and at its bound at once.
      let step = up < 0 ? bound : down > 0 ? -bound : -beta;
      if (curvature > 0)
        step = up < curvature * beta ? -up / curvature : down > curvature * beta ? -down / curvature : -beta;
      if (Math.abs(step) < 1e-12) continue;
      betas[row] = Math.min(bound, Math.max(-bound, beta + step));
      rows.add(row, betas[row]! - beta, weights);
    }
    return [most, sum];
  };

  return { weights, ...(await settle(open, sweep, descent)) };
}

/** A matrix by columns. */
export interface Columns {
  readonly offsets: Uint32Array;
  readonly rows: Uint32Array;
  readonly values: Float64Array;
}

/** The values by columns that are not 0, and one more column of value `bias`, which is empty where that is 0. */
export function columnsOf(x: Matrix, bias: number): Columns {
  const { cols } = x;
  const each = (visit: (row: number, column: number, value: number) => void): void => {
    for (let row = 0; row < x.rows; row++) {
      if (x.layout === "dense") for (let k = 0; k < cols; k++) visit(row, k, x.data[row * cols + k]!);
      else for (let i = x.offsets[row]!; i < x.offsets[row + 1]!; i++) visit(row, x.columns[i]!, x.values[i]!);
      visit(row, cols, bias);
    }
  };
  const offsets = new Uint32Array(cols + 2);
  each((_, column, value) => {
    if (value !== 0) offsets[column + 1]!++;
  });
  for (let k = 0; k <= cols; k++) offsets[k + 1]! += offsets[k]!;
  const rows = new Uint32Array(offsets[cols + 1]!);
  const values = new Float64Array(rows.length);
  const next = offsets.slice();
  each((row, column, value) => {
    if (value === 0) return;
    const at = next[column]!++;
    rows[at] = row;
    values[at] = value;
  });
  return { offsets, rows, values };
}

/**
 * `|w|_1 + sum(cost * hinge(1 - sign * w . row)^2)`, with shrinking, until the violations of the optimality conditions sum up
 * to `tolerance` times what they did at zero.
 * Source: Yuan et al., A Comparison of Optimization Methods for Large-scale L1-regularized Linear Classification, 2010,
 * section 5 (coordinate descent with one-dimensional Newton directions), LIBLINEAR's solver 5.
 */
export async function sparseHinge(
  { offsets, rows, values }: Columns,
  signs: Int8Array,
  costOf: Float64Array,
  descent: Descent,
): Promise<Weights> {
  const count = offsets.length - 1;
  const weights = new Float64Array(count);
  // 1 - sign * score of each row.
  const short = new Float64Array(signs.length).fill(1);
  // The highest half curvature that the loss can have along each column.
  const ceilings = new Float64Array(count);
  for (let column = 0; column < count; column++)
    for (let i = offsets[column]!; i < offsets[column + 1]!; i++)
      ceilings[column]! += costOf[rows[i]!]! * values[i]! ** 2;
  const open = allOf(count);
  const { order } = open;

  /** Moves the weight of a column by `by` in what the rows fall short of. */
  const move = (column: number, by: number): void => {
    for (let i = offsets[column]!; i < offsets[column + 1]!; i++) {
      const row = rows[i]!;
      short[row]! -= by * values[i]! * signs[row]!;
    }
  };
  const lossOf = (column: number): number => {
    let loss = 0;
    for (let i = offsets[column]!; i < offsets[column + 1]!; i++) {
      const off = short[rows[i]!]!;
      if (off > 0) loss += costOf[rows[i]!]! * off * off;
    }
    return loss;
  };
  const step = (column: number, slope: number, bend: number): void => {
    const weight = weights[column]!;
    const [up, down] = [slope + 1, slope - 1];
    let by = up < bend * weight ? -up / bend : down > bend * weight ? -down / bend : -weight;
    if (Math.abs(by) < 1e-12) return;
    let before = Number.NaN;
    let moved = 0;
    for (let trial = 0; trial < 20; trial++, by /= 2) {
      const fall = Math.abs(weight + by) - Math.abs(weight);
      const enough = 0.01 * (fall + slope * by);
      // The curvature of all rows together is a bound, which needs no pass over them and knows no rounding.
      let falls = fall + slope * by + ceilings[column]! * by * by <= enough;
      if (!falls) {
        if (Number.isNaN(before)) before = lossOf(column);
        move(column, by - moved);
        moved = by;
        falls = fall + lossOf(column) - before <= enough;
      } else move(column, by - moved);
      if (falls) {
        weights[column] = weight + by;
        return;
      }
    }
    move(column, -moved);
  };
  const sweep = (): readonly [number, number] => {
    const { worst } = open;
    let [most, sum] = [0, 0];
    for (let s = 0; s < open.active; s++) {
      const column = order[s]!;
      let [slope, bend] = [0, 0];
      for (let i = offsets[column]!; i < offsets[column + 1]!; i++) {
        const row = rows[i]!;
        const off = short[row]!;
        if (off <= 0) continue;
        const pull = 2 * costOf[row]! * values[i]!;
        slope -= pull * off * signs[row]!;
        bend += pull * values[i]!;
      }
      const weight = weights[column]!;
      const violation =
        weight > 0 ? Math.abs(slope + 1) : weight < 0 ? Math.abs(slope - 1) : Math.max(0, Math.abs(slope) - 1);
      // A weight of 0 that is far from leaving it is left out until the others have converged.
      if (weight === 0 && 1 - Math.abs(slope) > worst / signs.length) {
        open.active--;
        order[s] = order[open.active]!;
        order[open.active] = column;
        s--;
        continue;
      }
      most = Math.max(most, violation);
      sum += violation;
      step(column, slope, Math.max(bend, 1e-12));
    }
    return [most, sum];
  };

  return { weights, ...(await settle(open, sweep, descent)) };
}
