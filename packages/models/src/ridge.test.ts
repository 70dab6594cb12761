import { readFileSync } from "node:fs";
import { type Dense, dense, type Features, MmubError, random, type Sparse, sparse, takeFeatures } from "@mmub/core";
import { modelChecks } from "@mmub/core/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { splitFold, stratifiedFolds } from "./folds.js";
import { type RidgeParams, ridge } from "./ridge.js";

describe("conformance", () => {
  for (const params of [{}, { alpha: [0.1, 1, 10] }, { alpha: [0.1, 1], folds: 3 }, { solver: "cg" }] as RidgeParams[])
    for (const check of modelChecks({ task: "regression", make: () => ridge(params) }))
      test(`${JSON.stringify(params)}: ${check.name}`, check.run);
});

interface Case {
  readonly name: string;
  readonly rows?: number;
  readonly cols?: number;
  readonly data?: readonly number[];
  readonly sparse?: { cols: number; offsets: number[]; columns: number[]; values: number[] };
  readonly targets: readonly number[];
  readonly params: RidgeParams;
  readonly want: {
    coefficients: number[];
    intercept: number;
    predictions: number[];
    alpha?: number;
    scores?: number[];
  };
}
const { ridge: cases } = JSON.parse(readFileSync(new URL("../fixtures/models.json", import.meta.url), "utf8")) as {
  readonly ridge: readonly Case[];
};

const featuresOf = ({ rows, cols, data, sparse: csr }: Case): Dense | Sparse =>
  csr
    ? sparse(csr.cols, Uint32Array.from(csr.offsets), Uint32Array.from(csr.columns), Float32Array.from(csr.values))
    : dense(rows!, cols!, Float32Array.from(data!));

const mostApart = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Math.max(Math.abs(a.length - b.length), ...Array.from(a, (value, i) => Math.abs(value - b[i]!)));

describe("scikit-learn's numbers", () => {
  for (const one of cases)
    for (const solver of ["auto", "cholesky", "cg"] as const)
      test(`${one.name}, ${solver}`, async () => {
        const x = featuresOf(one);
        const fitted = await ridge({ ...one.params, solver }).fit(x, one.targets);
        expect(fitted.converged).toBe(true);
        expect(mostApart(fitted.coefficients, one.want.coefficients)).toBeLessThan(1e-6);
        expect(Math.abs(fitted.intercept - one.want.intercept)).toBeLessThan(1e-6);
        const { values } = await fitted.predict(takeFeatures(x, [0, 1, 2, 3, 4, 5, 6, 7]));
        expect(mostApart(values, one.want.predictions)).toBeLessThan(1e-6);
        if (one.want.alpha !== undefined) expect(fitted.alpha).toBe(one.want.alpha);
        for (const [at, score] of (one.want.scores ?? []).entries())
          expect(Math.abs(fitted.scores![at]! / score - 1)).toBeLessThan(1e-6);
      });
});

const made = (rows: number, cols: number, seed: number): { x: Dense; y: number[] } => {
  const numbers = random(seed);
  const x = dense(
    rows,
    cols,
    Float32Array.from({ length: rows * cols }, () => 5 + numbers.normal()),
  );
  const slopes = Array.from({ length: cols }, () => numbers.normal());
  const y = Array.from(
    { length: rows },
    (_, row) => numbers.normal() + slopes.reduce((sum, slope, k) => sum + slope * x.data[row * cols + k]!, 0),
  );
  return { x, y };
};

test("both solvers agree on every shape", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 70 }),
      fc.integer({ min: 1, max: 70 }),
      fc.boolean(),
      async (rows, cols, fitIntercept) => {
        const { x, y } = made(rows, cols, rows * 100 + cols);
        const [a, b] = [
          await ridge({ alpha: 2, fitIntercept, solver: "cholesky" }).fit(x, y),
          await ridge({ alpha: 2, fitIntercept, solver: "cg" }).fit(x, y),
        ];
        expect(mostApart(a.coefficients, b.coefficients)).toBeLessThan(1e-6);
        // The penalised gradient is zero: X'(y - Xw - b) = alpha w.
        const { values } = await a.predict(x);
        for (let k = 0; k < cols; k++) {
          let pull = -2 * a.coefficients[k]!;
          for (let row = 0; row < rows; row++) pull += x.data[row * cols + k]! * (y[row]! - values[row]!);
          expect(Math.abs(pull)).toBeLessThan(1e-6);
        }
      },
    ),
    { seed: 4, numRuns: 40 },
  );
});

test("leave-one-out is what leaving out each row gives", async () => {
  for (const [rows, cols] of [
    [20, 5],
    [9, 30],
    [10, 10],
  ] as const) {
    const { x, y } = made(rows, cols, rows);
    const alphas = [0.5, 20];
    const { scores } = await ridge({ alpha: alphas }).fit(x, y);
    for (const [at, alpha] of alphas.entries()) {
      let sum = 0;
      for (let out = 0; out < rows; out++) {
        const kept = [...y.keys()].filter((row) => row !== out);
        const without = await ridge({ alpha }).fit(
          takeFeatures(x, kept),
          kept.map((row) => y[row]!),
        );
        sum += ((await without.predict(takeFeatures(x, [out]))).values[0]! - y[out]!) ** 2;
      }
      expect(Math.abs(scores![at]! / (sum / rows) - 1)).toBeLessThan(1e-7);
    }
  }
});

test("the scores of folds are those of fits on each", async () => {
  const { x, y } = made(40, 6, 9);
  const alphas = [0.1, 1, 50];
  const fitted = await ridge({ alpha: alphas, folds: 4 }).fit(x, y, { seed: 6 });
  const foldOf = stratifiedFolds(new Uint8Array(40), 1, 4, random(6).fork("folds"), "test");
  for (const [at, alpha] of alphas.entries()) {
    let sum = 0;
    for (let fold = 0; fold < 4; fold++) {
      const { held, kept } = splitFold(foldOf, fold);
      const inner = await ridge({ alpha }).fit(
        takeFeatures(x, kept),
        kept.map((row) => y[row]!),
      );
      const { values } = await inner.predict(takeFeatures(x, held));
      for (const [i, row] of held.entries()) sum += (values[i]! - y[row]!) ** 2;
    }
    expect(fitted.scores![at]).toBeCloseTo(sum / 40, 9);
  }
  expect(fitted.scores![alphas.indexOf(fitted.alpha)]).toBe(Math.min(...fitted.scores!));
  expect(fitted.coefficients).toEqual((await ridge({ alpha: fitted.alpha }).fit(x, y)).coefficients);
});

test("a side of more than 1024 goes by conjugate gradients to the same numbers", async () => {
  const { x, y } = made(1030, 1040, 2);
  const fitted = await ridge({ alpha: 5000 }).fit(x, y);
  const exact = await ridge({ alpha: 5000, solver: "cholesky" }).fit(x, y);
  expect(fitted.converged).toBe(true);
  expect(fitted.coefficients).not.toEqual(exact.coefficients);
  expect(mostApart(fitted.coefficients, exact.coefficients)).toBeLessThan(1e-7);
});

test("conjugate gradients that ran out of iterations say so", async () => {
  const { x, y } = made(50, 20, 2);
  expect((await ridge({ solver: "cg", maxIterations: 2 }).fit(x, y)).converged).toBe(false);
});

test("more columns than a call can have arguments", async () => {
  const cols = 300_000;
  const csr = sparse(cols, Uint32Array.of(0, 1, 2), Uint32Array.of(0, cols - 1), Float32Array.of(1, 1));
  const fitted = await ridge({ alpha: 1 }).fit(csr, [1, 3]);
  expect([...(await fitted.predict(csr)).values].map((value) => value.toFixed(6))).toEqual(["1.500000", "2.500000"]);
});

test("no columns, one row, equal targets", async () => {
  expect((await (await ridge().fit(dense(2, 0), [1, 3])).predict(dense(1, 0))).values).toEqual(Float64Array.of(2));
  const one = await ridge().fit(dense(1, 1, Float32Array.of(2)), [4]);
  expect((await one.predict(dense(1, 1, Float32Array.of(9)))).values).toEqual(Float64Array.of(4));
  for (const solver of ["cholesky", "cg"] as const) {
    const flat = await ridge({ solver }).fit(made(8, 3, 1).x, Array(8).fill(0.5));
    expect([...flat.coefficients]).toEqual([0, 0, 0]);
  }
});

describe("bad input", () => {
  const x = dense(2, 1, Float32Array.of(1, 2));

  test.each([[[1, Number.NaN]], [[1, Number.POSITIVE_INFINITY]], [[1, "2"]], [[1, null]]])(
    "targets %j",
    async (targets) => {
      await expect(ridge().fit(x, targets as number[])).rejects.toMatchObject({
        code: "invalid-input",
        index: 1,
        message: expect.stringContaining("target 1 is"),
      });
    },
  );

  test("a sequence", async () => {
    const steps: Features = {
      layout: "sequence",
      rows: 2,
      cols: 1,
      offsets: new Uint32Array(3),
      data: new Float32Array(),
    };
    await expect(ridge().fit(steps, [1, 2])).rejects.toThrow("features are a Sequence");
  });

  test("too few rows to leave some out", async () => {
    const one = dense(1, 1, Float32Array.of(1));
    await expect(ridge({ alpha: [1, 2] }).fit(one, [1])).rejects.toThrow("got 1 row, want at least 2");
    await expect(ridge({ alpha: [1, 2], folds: 3 }).fit(x, [1, 2])).rejects.toMatchObject({ code: "invalid-input" });
  });

  test.each<[Record<string, unknown>]>([
    [{ alpha: -1 }],
    [{ alpha: [] }],
    [{ alpha: [0, 1] }],
    [{ alpha: Number.NaN }],
    [{ fitIntercept: "yes" }],
    [{ folds: 1 }],
    [{ folds: "all" }],
    [{ solver: "svd" }],
    [{ tolerance: -1 }],
    [{ maxIterations: 0 }],
  ])("params %j", (params) => {
    expect(() => ridge(params as RidgeParams)).toThrow(MmubError);
  });
});
