import { dense, sequence, sparse } from "@mmub/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Column, fill, inputColumns, paddedLength, paddingOf, planEpoch, shapeOf } from "./batching.js";

const ragged = (lengths: readonly number[]): Column => {
  const offsets = Uint32Array.from([0, ...lengths].map((_, i) => lengths.slice(0, i).reduce((a, b) => a + b, 0)));
  const data = Float32Array.from({ length: offsets.at(-1)! * 2 }, (_, i) => i + 1);
  return { name: "s", kind: "steps", width: 2, offsets, data };
};
const flat = (rows: number): Column => ({ name: "x", kind: "vector", width: 1, data: new Float32Array(rows) });
const upTo = (rows: number) => Int32Array.from({ length: rows }, (_, i) => i);
const options = { batchSize: 4, accumulate: 1, shuffle: true, seed: 3, epoch: 0 };

test("a plan has each row once, in steps of the right size, whatever the data", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 30 }), { minLength: 1, maxLength: 80 }),
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 1, max: 3 }),
      fc.boolean(),
      fc.boolean(),
      (lengths, batchSize, accumulate, shuffle, even) => {
        const rows = lengths.length;
        const data = { rows, columns: [even ? flat(rows) : ragged(lengths)] };
        const plan = planEpoch(data, upTo(rows), { batchSize, accumulate, shuffle, seed: 5, epoch: 2 });
        expect([...plan.order].sort((a, b) => a - b)).toEqual([...upTo(rows)]);
        const steps = Array.from({ length: plan.steps.length - 1 }, (_, i) => [plan.steps[i]!, plan.steps[i + 1]!]);
        const sizes = steps.map(([from, to]) => plan.bounds[to!]! - plan.bounds[from!]!);
        const size = batchSize * accumulate;
        expect(sizes.filter((of) => of !== size).length).toBeLessThanOrEqual(1);
        expect(steps).toHaveLength(Math.ceil(rows / size));
        for (let i = 0; i + 1 < plan.bounds.length; i++)
          expect(plan.bounds[i + 1]! - plan.bounds[i]!).toBeLessThanOrEqual(batchSize);
      },
    ),
  );
});

test("the seed and the epoch decide the order", () => {
  const data = { rows: 40, columns: [flat(40)] };
  const order = (more: object) => [...planEpoch(data, upTo(40), { ...options, ...more }).order];
  expect(order({})).toEqual(order({}));
  expect(order({ epoch: 1 })).not.toEqual(order({}));
  expect(order({ seed: 4 })).not.toEqual(order({}));
  expect(order({ shuffle: false })).toEqual([...upTo(40)]);
});

test("rows of like length come together, and batches are in no order of length", () => {
  const lengths = Array.from({ length: 512 }, (_, i) => 1 + ((i * 37) % 100));
  const column = ragged(lengths);
  const data = { rows: 512, columns: [column] };
  const padding = paddingOf([column], 512, 8);
  const plan = planEpoch(data, upTo(512), { ...options, batchSize: 16 });
  const padded = Array.from({ length: plan.bounds.length - 1 }, (_, i) => {
    const [from, to] = [plan.bounds[i]!, plan.bounds[i + 1]!];
    return (shapeOf([column], plan.order, from, to, padding, 8).lengths.s ?? 0) * (to - from);
  });
  const sum = (of: readonly number[]) => of.reduce((a, b) => a + b, 0);
  // Batches by chance would be padded to nearly 100 each, which is twice the steps.
  expect(sum(padded)).toBeLessThan(1.2 * sum(lengths));
  expect(padded).not.toEqual([...padded].sort((a, b) => a - b));
  expect(padded).not.toEqual([...padded].sort((a, b) => b - a));
});

test("lengths are padded by a sixteenth at most, to few lengths", () => {
  const padding = { least: 8, most: 1000 };
  const all = Array.from({ length: 1000 }, (_, i) => paddedLength(i + 1, padding, 8));
  for (const [i, padded] of all.entries()) {
    expect(padded).toBeGreaterThanOrEqual(i + 1);
    if (i >= 128) expect(padded / (i + 1)).toBeLessThanOrEqual(1.0625);
  }
  expect(new Set(all).size).toBeLessThanOrEqual(64);
  expect(paddedLength(1000, padding, 8)).toBe(1000);
  // Longer than any of the training, as a prediction may have.
  expect(paddedLength(1001, padding, 8)).toBe(1024);
  expect(paddedLength(0, padding, 8)).toBe(8);
});

test("rows of one length are not padded", () => {
  const column = ragged([5, 5, 5]);
  const padding = paddingOf([column], 3, 8);
  expect(padding).toEqual({ s: { least: 5, most: 5 } });
  expect(shapeOf([column], upTo(3), 0, 2, padding, 8)).toEqual({ batch: 2, lengths: { s: 5 }, full: ["s"] });
});

test("a batch holds the rows asked for, masks, and zeros behind them", () => {
  const column = ragged([2, 0, 1]);
  const main = new Float32Array(4 * 3 * 2).fill(9);
  const mask = new Float32Array(4 * 3).fill(9);
  fill(column, Int32Array.of(2, 0, 1), 0, 3, main, mask, 3);
  expect([...main]).toEqual([5, 6, 0, 0, 0, 0, 1, 2, 3, 4, ...Array(14).fill(0)]);
  expect([...mask]).toEqual([1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0]);

  const offsets = Uint32Array.of(0, 2, 3);
  const bag: Column = {
    name: "b",
    kind: "bag",
    width: 1,
    offsets,
    ids: Uint32Array.of(4, 7, 1),
    data: Float32Array.of(0.5, 2, 3),
  };
  const [ids, weights] = [new Int32Array(4), new Float32Array(4)];
  fill(bag, Int32Array.of(1, 0), 0, 2, ids, weights, 2);
  expect([...ids]).toEqual([1, 0, 4, 7]);
  expect([...weights]).toEqual([3, 0, 0.5, 2]);
});

describe("features that do not fit are refused", () => {
  const specs = {
    x: { kind: "vector", cols: 2 },
    t: { kind: "tokens", vocabulary: 5 },
    b: { kind: "bag", cols: 3 },
  } as const;
  const x = dense(2, 2);
  const t = sequence(1, Uint32Array.of(0, 1, 3), Float32Array.of(0, 4, 1));
  const b = sparse(3, Uint32Array.of(0, 1, 1), Uint32Array.of(2), Float32Array.of(1));
  test("those that fit are taken", () => {
    expect(inputColumns(specs, { x, t, b }, "p").rows).toBe(2);
  });
  test.each([
    [{ x, t }, /inputs are x, t, want those of the network: x, t, b/, undefined],
    [{ x, t, b, z: x }, /inputs are x, t, b, z, want/, undefined],
    [{ x: dense(3, 2), t, b }, /input "t"\): got 2 rows, want 3 as of "x"/, undefined],
    [{ x: dense(2, 3), t, b }, /input "x"\): got 3 columns, want 2/, undefined],
    [{ x: t, t, b }, /got sequence features, want dense ones/, undefined],
    [{ x: dense(2, 2, Float32Array.of(0, 0, 0, Number.NaN)), t, b }, /row 1 holds NaN, want finite numbers/, 1],
    [
      { x, t: sequence(1, t.offsets, Float32Array.of(0, 4, 5)), b },
      /row 1 holds the id 5, want whole numbers from 0 to 4/,
      1,
    ],
    [{ x, t: sequence(1, t.offsets, Float32Array.of(0.5, 4, 1)), b }, /row 0 holds the id 0.5/, 0],
    [{ x, t, b: sparse(3, b.offsets, Uint32Array.of(3), b.values) }, /row 0 has column 3, want 0 to 2/, 0],
  ])("%#", (features, message, index) => {
    try {
      inputColumns(specs, features as never, "p");
      expect.unreachable();
    } catch (error) {
      expect((error as Error).message).toMatch(message);
      expect((error as { index?: number }).index).toBe(index);
    }
  });
});
