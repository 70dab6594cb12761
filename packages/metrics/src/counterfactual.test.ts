import { type Dense, dense, random } from "@mmub/core";
import fc from "fast-check";
import { expect, test } from "vitest";
import { counterfactual } from "./counterfactual.js";

const { normal } = random(7);
const background = dense(60, 3, Float32Array.from({ length: 180 }, normal));
const chance = (row: ArrayLike<number>) => 1 / (1 + Math.exp(-(3 * row[0]! + row[1]!)));
const fitted = {
  predict: async ({ rows, cols, data }: Dense) =>
    Float64Array.from({ length: rows }, (_, i) => chance(data.subarray(i * cols, (i + 1) * cols))),
};
const score = (values: Float64Array) => values;

test("reaches the target with what counts, and every change is needed", async () => {
  const cell = fc.double({ min: -2, max: 2, noNaN: true });
  await fc.assert(
    fc.asyncProperty(
      fc.tuple(cell, cell, cell),
      fc.double({ min: 0.1, max: 0.9, noNaN: true }),
      async (row, target) => {
        const {
          changes,
          before,
          after,
          reached,
          row: changed,
        } = await counterfactual(fitted, row, background, score, { target });
        expect(reached).toBe(true);
        expect(after).toBeGreaterThanOrEqual(target);
        expect(after).toBeCloseTo(chance(changed), 12);
        if (before >= target) expect(changes).toEqual([]);
        for (const { column, to } of changes) {
          expect(column).not.toBe(2);
          expect(Array.from({ length: 60 }, (_, i) => background.data[i * 3 + column])).toContain(to);
          const without = changed.slice();
          without[column] = row[column]!;
          expect(chance(without)).toBeLessThan(target);
        }
      },
    ),
    { seed: 7, numRuns: 40 },
  );
});

test("only what may change does; what cannot be had says so", async () => {
  const options = { target: 0.9, columns: [2] };
  const got = await counterfactual(fitted, [-2, 0, 0], background, score, options);
  expect(got).toMatchObject({ reached: false, changes: [] });
  const second = await counterfactual(fitted, [-0.5, -0.5, 0], background, score, { target: 0.6, columns: [1, 2] });
  expect(second.changes.map(({ column }) => column)).toEqual([1]);
});

test("bad input is rejected", async () => {
  await expect(counterfactual(fitted, [1], background, score)).rejects.toThrow(
    "the row has 1 numbers and the background is 60 x 3",
  );
  await expect(counterfactual(fitted, [1, 2, 3], background, score, { columns: [3] })).rejects.toThrow(
    "columns is number 3",
  );
  await expect(counterfactual(fitted, [1, 2, 3], background, () => [])).rejects.toThrow("has 0 entries");
});
