import { readFileSync } from "node:fs";
import { dense, type Features, MmubError, random, sparse, takeFeatures } from "@mmub/core";
import { modelChecks, toyData } from "@mmub/core/testing";
import { describe, expect, test } from "vitest";
import { splitFold, stratifiedFolds } from "./folds.js";
import { type LinearSvrParams, linearSvr } from "./linear-svr.js";

describe("conformance", () => {
  for (const params of [
    {},
    { loss: "squared", epsilon: 0.1 },
    { C: [0.1, 1], folds: 3, loss: "squared", solver: "dual" },
  ] as LinearSvrParams[])
    for (const check of modelChecks({ task: "regression", make: () => linearSvr(params) }))
      test(`${JSON.stringify(params)}: ${check.name}`, check.run);
});

interface Case {
  readonly name: string;
  readonly rows?: number;
  readonly cols?: number;
  readonly data?: readonly number[];
  readonly sparse?: { cols: number; offsets: number[]; columns: number[]; values: number[] };
  readonly targets: readonly number[];
  readonly params: LinearSvrParams;
  readonly want: { coefficients: number[]; intercept: number; predictions: number[] };
}
const { svr: cases } = JSON.parse(readFileSync(new URL("../fixtures/svm.json", import.meta.url), "utf8")) as {
  readonly svr: readonly Case[];
};

const featuresOf = ({ rows, cols, data, sparse: csr }: Case): Features =>
  csr
    ? sparse(csr.cols, Uint32Array.from(csr.offsets), Uint32Array.from(csr.columns), Float32Array.from(csr.values))
    : dense(rows!, cols!, Float32Array.from(data!));

const mostApart = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Math.max(Math.abs(a.length - b.length), ...Array.from(a, (value, i) => Math.abs(value - b[i]!)));

const tight = { tolerance: 1e-9, maxIterations: 200_000 };

describe("scikit-learn's numbers, both at tight tolerance", () => {
  for (const one of cases)
    for (const solver of ["dual", "primal"] as const) {
      if (solver === "primal" && one.params.loss !== "squared") continue;
      test(`${one.name}, ${solver}`, async () => {
        const x = featuresOf(one);
        const fitted = await linearSvr({ ...one.params, ...tight, solver }).fit(x, one.targets);
        expect(fitted.converged).toBe(true);
        expect(mostApart(fitted.coefficients, one.want.coefficients)).toBeLessThan(1e-5);
        expect(Math.abs(fitted.intercept - one.want.intercept)).toBeLessThan(1e-5);
        const { values } = await fitted.predict(takeFeatures(x, [0, 1, 2, 3, 4, 5, 6, 7]));
        expect(mostApart(values, one.want.predictions)).toBeLessThan(1e-5);
      });
    }
});

test("the scores are those of cold fits on each fold", async () => {
  const { features, values } = toyData({ rows: 60, cols: 4, seed: 2 });
  const Cs = [10, 0.001, 0.1];
  const params = { ...tight, loss: "squared", folds: 4 } as const;
  const fitted = await linearSvr({ ...params, C: Cs }).fit(features, values, { seed: 3 });
  const foldOf = stratifiedFolds(new Uint8Array(60), 1, 4, random(3).fork("folds"), "test");
  for (const [at, C] of Cs.entries()) {
    let sum = 0;
    for (let fold = 0; fold < 4; fold++) {
      const { held, kept } = splitFold(foldOf, fold);
      const cold = await linearSvr({ ...params, C }).fit(
        takeFeatures(features, kept),
        kept.map((row) => values[row]!),
      );
      const guesses = (await cold.predict(takeFeatures(features, held))).values;
      for (const [i, row] of held.entries()) sum += (guesses[i]! - values[row]!) ** 2;
    }
    expect(fitted.scores![at]).toBeCloseTo(sum / 60, 6);
  }
  expect(fitted.scores![Cs.indexOf(fitted.C)]).toBe(Math.min(...fitted.scores!));
});

test("an outlier counts little with the absolute loss", async () => {
  const x = dense(5, 1, Float32Array.of(1, 2, 3, 4, 5));
  const fitted = await linearSvr({ C: 100, ...tight }).fit(x, [2, 4, 6, 8, 1000]);
  expect(fitted.coefficients[0]).toBeCloseTo(2, 3);
});

test("a fit that ran out of iterations says so; no columns, rows of nothing and equal targets are fine", async () => {
  const { features, values } = toyData({ rows: 60, cols: 4, seed: 2 });
  for (const params of [{}, { loss: "squared" }] as LinearSvrParams[]) {
    const short = await linearSvr({ ...params, maxIterations: 1, tolerance: 1e-9 }).fit(features, values);
    expect([short.converged, short.iterations]).toEqual([false, 1]);
    for (const fitIntercept of [true, false]) {
      const recipe = linearSvr({ ...params, fitIntercept, C: 100 });
      expect((await recipe.fit(dense(3, 0), [1, 1, 1])).converged).toBe(true);
      const zeros = await recipe.fit(dense(3, 2), [1, 1, 1]);
      expect([...zeros.coefficients]).toEqual([0, 0]);
      expect(zeros.intercept).toBeCloseTo(fitIntercept ? 1 : 0, 2);
    }
  }
});

describe("bad input", () => {
  test("a target that is not finite", async () => {
    await expect(linearSvr().fit(dense(2, 1), [1, Number.NaN])).rejects.toMatchObject({
      code: "invalid-input",
      index: 1,
    });
  });

  test.each<[Record<string, unknown>]>([
    [{ C: 0 }],
    [{ C: [] }],
    [{ epsilon: -1 }],
    [{ loss: "huber" }],
    [{ solver: "primal" }],
    [{ solver: "cg" }],
    [{ fitIntercept: 1 }],
    [{ interceptScaling: 0 }],
    [{ tolerance: 0 }],
    [{ maxIterations: 0 }],
    [{ folds: 1 }],
  ])("params %j", (params) => {
    expect(() => linearSvr(params as LinearSvrParams)).toThrow(MmubError);
  });
});
