import { readFileSync } from "node:fs";
import { dense, type Features, MmubError, sliceFeatures, sparse } from "@mmub/core";
import { modelChecks, toyData, unsupervisedChecks } from "@mmub/core/testing";
import { describe, expect, test } from "vitest";
import { type KernelSvmParams, kernelSvm } from "./kernel-svm.js";
import { type KernelSvrParams, kernelSvr } from "./kernel-svr.js";
import { type OneClassSvmParams, oneClassSvm } from "./one-class-svm.js";

describe("conformance", () => {
  for (const params of [
    {},
    { kernel: "poly", coef0: 1, calibration: "sigmoid", folds: 3 },
    { kernel: "linear" },
  ] as KernelSvmParams[])
    for (const check of modelChecks({ task: "classification", make: () => kernelSvm(params) }))
      test(`kernelSvm ${JSON.stringify(params)}: ${check.name}`, check.run);
  for (const params of [{}, { nu: 0.1, kernel: "linear" }] as OneClassSvmParams[])
    for (const check of unsupervisedChecks({
      make: () => oneClassSvm(params),
      rowsOf: ({ decisions }) => [...decisions],
    }))
      test(`oneClassSvm ${JSON.stringify(params)}: ${check.name}`, check.run);
});

describe("conformance of kernelSvr", () => {
  // Two ways of summing a row part within the tolerance, which is 1e-3 by default: as much as the kit allows for.
  for (const params of [{ C: 10 }, { kernel: "linear", tolerance: 1e-4 }] as KernelSvrParams[])
    for (const check of modelChecks({ task: "regression", make: () => kernelSvr(params) }))
      test(`${JSON.stringify(params)}: ${check.name}`, check.run);
});

interface Stored {
  readonly rows?: number;
  readonly cols?: number;
  readonly data?: readonly number[];
  readonly sparse?: { cols: number; offsets: number[]; columns: number[]; values: number[] };
}
const golden = JSON.parse(readFileSync(new URL("../fixtures/kernel-svm.json", import.meta.url), "utf8")) as {
  readonly svc: readonly {
    name: string;
    x: Stored;
    targets: number[];
    params: KernelSvmParams;
    support: number[];
    decisions: number[];
    labels: number[];
  }[];
  readonly svr: readonly {
    name: string;
    x: Stored;
    targets: number[];
    params: KernelSvrParams;
    support: number[];
    values: number[];
  }[];
  readonly oneClass: readonly {
    name: string;
    x: Stored;
    params: OneClassSvmParams;
    support: number[];
    decisions: number[];
  }[];
};
const featuresOf = ({ rows, cols, data, sparse: csr }: Stored): Features =>
  csr
    ? sparse(csr.cols, Uint32Array.from(csr.offsets), Uint32Array.from(csr.columns), Float32Array.from(csr.values))
    : dense(rows!, cols!, Float32Array.from(data!));
const mostApart = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Math.max(Math.abs(a.length - b.length), ...Array.from(a, (value, i) => Math.abs(value - b[i]!)));
const sorted = (numbers: Iterable<number>) => [...numbers].sort((a, b) => a - b);

describe("LIBSVM's numbers, both at tight tolerance", () => {
  for (const want of golden.svc)
    test(want.name, async () => {
      const x = featuresOf(want.x);
      const fitted = await kernelSvm<number>({ ...want.params, tolerance: 1e-10 }).fit(x, want.targets);
      expect(fitted.converged).toBe(true);
      expect(mostApart((await fitted.decisionFunction(sliceFeatures(x, 0, 10))).data, want.decisions)).toBeLessThan(
        1e-5,
      );
      expect((await fitted.predict(x)).labels).toEqual(want.labels);
      expect(sorted(fitted.support)).toEqual(sorted(want.support));
    });
  for (const want of golden.svr)
    test(`regression: ${want.name}`, async () => {
      const x = featuresOf(want.x);
      const fitted = await kernelSvr({ ...want.params, tolerance: 1e-10 }).fit(x, want.targets);
      expect(fitted.converged).toBe(true);
      expect(mostApart((await fitted.predict(x)).values, want.values)).toBeLessThan(1e-5);
      expect(sorted(fitted.support)).toEqual(want.support);
    });
  for (const want of golden.oneClass)
    test(`one class: ${want.name}`, async () => {
      const x = featuresOf(want.x);
      const fitted = await oneClassSvm({ ...want.params, tolerance: 1e-10 }).fit(x);
      expect(fitted.converged).toBe(true);
      const { decisions, outliers } = await fitted.predict(x);
      expect(mostApart(decisions, want.decisions)).toBeLessThan(1e-5);
      expect(outliers.every((out, row) => out === Number(decisions[row]! < 0))).toBe(true);
      expect(sorted(fitted.support)).toEqual(want.support);
    });
});

test("calibrated probabilities say how often a label is right, and more of them than without", async () => {
  const { features, labels } = toyData({ rows: 300, cols: 3, classes: 3, seed: 4 });
  const noisy = labels.map((label, row) => (row % 4 === 0 ? "abc"[row % 3]! : label));
  const [from, to] = [sliceFeatures(features, 0, 150), sliceFeatures(features, 150, 300)];
  const lossOf = async (calibration: "sigmoid" | "none"): Promise<number> => {
    const fitted = await kernelSvm<string>({ calibration }).fit(from, noisy.slice(0, 150), { seed: 1 });
    const { probabilities, classes } = await fitted.predict(to);
    const own = (row: number) => probabilities.data[row * 3 + classes.indexOf(noisy[150 + row]!)]!;
    return Array.from({ length: 150 }, (_, row) => -Math.log(own(row))).reduce((a, b) => a + b) / 150;
  };
  const [sigmoid, none] = [await lossOf("sigmoid"), await lossOf("none")];
  expect(sigmoid).toBeLessThan(none);
  expect(sigmoid).toBeLessThan(Math.log(3));
});

test("a small cache changes nothing; a fit that ran out of steps says so; equal rows are fine", async () => {
  const { features, labels } = toyData({ rows: 80, cols: 3, seed: 4 });
  const want = await (await kernelSvm<string>({ C: 10 }).fit(features, labels)).decisionFunction(features);
  const got = await (await kernelSvm<string>({ C: 10, cacheMb: 1e-6 }).fit(features, labels)).decisionFunction(
    features,
  );
  expect(got.data).toEqual(want.data);
  expect((await kernelSvm<string>({ maxIterations: 3 }).fit(features, labels)).converged).toBe(false);
  const same = await kernelSvm<string>().fit(dense(4, 2), ["a", "a", "b", "b"]);
  expect((await same.decisionFunction(dense(1, 2))).data[0]).toBeCloseTo(0);
  expect((await (await oneClassSvm().fit(dense(3, 0))).predict(dense(1, 0))).decisions[0]).toBeCloseTo(0);
});

test("params", () => {
  for (const params of [
    { C: 0 },
    { kernel: "cosine" },
    { gamma: 0 },
    { degree: 1.5 },
    { coef0: Number.NaN },
    { tolerance: 0 },
    { maxIterations: 0 },
    { cacheMb: 0 },
    { calibration: "platt" },
    { folds: 1 },
    { classWeight: 3 },
    { nu: 0.5 },
  ])
    expect(() => kernelSvm(params as never)).toThrow(MmubError);
  for (const params of [{ nu: 0 }, { nu: 2 }, { C: 1 }]) expect(() => oneClassSvm(params as never)).toThrow(MmubError);
  for (const params of [{ C: 0 }, { epsilon: -1 }, { nu: 1 }])
    expect(() => kernelSvr(params as never)).toThrow(MmubError);
});
