import { expect, test } from "vitest";
import { minimize } from "./lbfgs.js";

const maxNorm = (gradient: Float64Array): number =>
  gradient.reduce((most, slope) => Math.max(most, Math.abs(slope)), 0);

test("finds the minimum of a badly scaled quadratic", async () => {
  const size = 50;
  const { x, converged, norm } = await minimize(
    {
      evaluate(at, gradient) {
        let value = 0;
        for (let i = 0; i < size; i++) {
          const scale = 10 ** ((4 * i) / (size - 1));
          gradient[i] = scale * (at[i]! - i);
          value += (scale * (at[i]! - i) ** 2) / 2;
        }
        return value;
      },
      norm: maxNorm,
    },
    new Float64Array(size),
    { tolerance: 1e-8, maxIterations: 2000 },
  );
  expect(converged).toBe(true);
  expect(norm).toBeLessThanOrEqual(1e-8);
  for (let i = 0; i < size; i++) expect(x[i]).toBeCloseTo(i, 7);
});

test("finds the minimum of Rosenbrock's valley, which is not convex", async () => {
  const { x, iterations } = await minimize(
    {
      evaluate([x, y]: Float64Array, gradient) {
        const [a, b] = [1 - x!, y! - x! * x!];
        gradient[0] = -2 * a - 400 * x! * b;
        gradient[1] = 200 * b;
        return a * a + 100 * b * b;
      },
      norm: maxNorm,
    },
    Float64Array.of(-1.2, 1),
    { tolerance: 1e-9, maxIterations: 200 },
  );
  expect(iterations).toBeLessThan(100);
  expect(x[0]).toBeCloseTo(1, 8);
  expect(x[1]).toBeCloseTo(1, 8);
});

test("starts downhill and never goes up, from a start that is far too steep", async () => {
  const values: number[] = [];
  const { x } = await minimize(
    {
      evaluate([x]: Float64Array, gradient) {
        gradient[0] = 4e6 * x! ** 3;
        return 1e6 * x! ** 4;
      },
      norm: maxNorm,
    },
    Float64Array.of(30),
    { tolerance: 1e-6, maxIterations: 500, onIteration: ({ value }) => values.push(value) },
  );
  expect(Math.abs(x[0]!)).toBeLessThan(1e-3);
  expect(values).toEqual([...values].sort((a, b) => b - a));
});

test("stops where float64 ends, whatever the tolerance", async () => {
  const { x, converged, iterations } = await minimize(
    {
      evaluate([x]: Float64Array, gradient) {
        // The slope never shows as 0: there is a limit to how well a sum is known.
        gradient[0] = x! - 3 + (x! < 3 ? -1e-12 : 1e-12);
        return 1 + (x! - 3) ** 2 / 2;
      },
      norm: maxNorm,
    },
    Float64Array.of(0),
    { tolerance: 1e-300, maxIterations: 1000 },
  );
  expect(converged).toBe(true);
  expect(iterations).toBeLessThan(50);
  expect(x[0]).toBeCloseTo(3, 6);
});

test("steps over places where the value is not a number", async () => {
  const { x, converged } = await minimize(
    {
      evaluate([x]: Float64Array, gradient) {
        gradient[0] = 1 - 1 / x!;
        return x! - Math.log(x!);
      },
      norm: maxNorm,
    },
    Float64Array.of(0.01),
    { tolerance: 1e-9, maxIterations: 100 },
  );
  expect(converged).toBe(true);
  expect(x[0]).toBeCloseTo(1, 8);
});
