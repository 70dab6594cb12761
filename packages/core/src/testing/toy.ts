import type { Dense, Features, Interactions } from "../contracts.js";
import { dense, sparse } from "../features.js";
import { random } from "../random.js";

/** Features of two (or more) classes that a weak model tells apart, made from a seed. */
export interface ToyData {
  readonly features: Dense;
  /** `"a"`, `"b"`, …; the most frequent one has about half of the rows. */
  readonly labels: readonly string[];
  /** A number that depends on the features, with a little noise. */
  readonly values: readonly number[];
}

/**
 * Gaussian classes around seeded centres, three apart on average; `values` is linear in the features with noise 0.1.
 *
 * @example
 * const { features, labels } = toyData({ rows: 60, cols: 4, classes: 3, seed: 1 });
 */
export function toyData({ rows = 120, cols = 4, classes = 2, seed = 0 } = {}): ToyData {
  const numbers = random(seed).fork("toy data");
  const centres = Array.from({ length: classes * cols }, () => numbers.normal() * 2);
  const slope = Array.from({ length: cols }, () => numbers.normal());
  const features = dense(rows, cols);
  const labels: string[] = [];
  const values: number[] = [];
  for (let row = 0; row < rows; row++) {
    // The first class takes every other row, the others share the rest.
    const of = row % 2 === 0 ? 0 : 1 + (((row - 1) / 2) % Math.max(1, classes - 1));
    let value = 0;
    for (let col = 0; col < cols; col++) {
      const x = centres[of * cols + col]! + numbers.normal();
      features.data[row * cols + col] = x;
      value += x * slope[col]!;
    }
    labels.push(String.fromCharCode(97 + of));
    values.push(value + 0.1 * numbers.normal());
  }
  return { features, labels, values };
}

/** The same matrix as Sparse. */
export function toSparse({ rows, cols, data, present }: Dense): Features {
  const offsets = new Uint32Array(rows + 1);
  const columns: number[] = [];
  const values: number[] = [];
  for (let row = 0; row < rows; row++) {
    for (let col = 0; col < cols; col++)
      if (data[row * cols + col] !== 0) {
        columns.push(col);
        values.push(data[row * cols + col]!);
      }
    offsets[row + 1] = columns.length;
  }
  return {
    ...sparse(cols, offsets, Uint32Array.from(columns), Float32Array.from(values)),
    ...(present && { present }),
  };
}

/** A log of 30 users and 12 items; item `"i0"` is the most popular, user `"u0"` has had a third of the items. */
export function toyLog(seed = 0): Interactions {
  const numbers = random(seed).fork("toy log");
  const users: string[] = [];
  const items: string[] = [];
  for (let user = 0; user < 30; user++)
    for (let item = 0; item < 12; item++)
      if ((user === 0 && item % 3 === 0) || numbers.next() < 1 / (1.5 + item)) {
        users.push(`u${user}`);
        items.push(`i${item}`);
      }
  return {
    users,
    items,
    values: new Float32Array(users.length).fill(1),
    times: Float64Array.from(users, (_, event) => Date.UTC(2026, 0, 1) + event * 3_600_000),
  };
}
