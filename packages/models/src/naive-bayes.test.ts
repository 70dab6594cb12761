import { readFileSync } from "node:fs";
import { type Dense, dense, type Features, MmubError, type Sparse, sparse, takeFeatures } from "@mmub/core";
import { modelChecks } from "@mmub/core/testing";
import { describe, expect, test } from "vitest";
import { type NaiveBayesParams, naiveBayes } from "./naive-bayes.js";

const positive = (features: Features): Features =>
  features.layout === "sparse"
    ? { ...features, values: features.values.map(Math.exp) }
    : { ...features, data: features.data.map(Math.exp) };

describe("conformance", () => {
  for (const params of [{}, { variant: "complement" }] as NaiveBayesParams[])
    for (const check of modelChecks({ task: "classification", make: () => naiveBayes(params), wrap: positive }))
      test(`${JSON.stringify(params)}: ${check.name}`, check.run);
});

interface Case {
  readonly name: string;
  readonly sparse: { cols: number; offsets: number[]; columns: number[]; values: number[] };
  readonly targets: readonly string[];
  readonly params: NaiveBayesParams;
  readonly want: { coefficients: number[]; probabilities: number[]; labels: string[] };
}
const { naiveBayes: cases } = JSON.parse(readFileSync(new URL("../fixtures/svm.json", import.meta.url), "utf8")) as {
  readonly naiveBayes: readonly Case[];
};

const mostApart = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Math.max(Math.abs(a.length - b.length), ...Array.from(a, (value, i) => Math.abs(value - b[i]!)));

const written = (x: Sparse): Dense => {
  const out = dense(x.rows, x.cols);
  for (let row = 0; row < x.rows; row++)
    for (let i = x.offsets[row]!; i < x.offsets[row + 1]!; i++) out.data[row * x.cols + x.columns[i]!] = x.values[i]!;
  return out;
};

describe("scikit-learn's numbers", () => {
  for (const { name, sparse: csr, targets, params, want } of cases)
    test(name, async () => {
      const x = sparse(
        csr.cols,
        Uint32Array.from(csr.offsets),
        Uint32Array.from(csr.columns),
        Float32Array.from(csr.values),
      );
      for (const features of [x, written(x)]) {
        const fitted = await naiveBayes<string>(params).fit(features, targets);
        expect(mostApart(fitted.coefficients, want.coefficients)).toBeLessThan(1e-9);
        const { labels, probabilities } = await fitted.predict(takeFeatures(features, [0, 1, 2, 3, 4, 5, 6, 7]));
        expect(mostApart(probabilities.data, want.probabilities)).toBeLessThan(1e-6);
        expect(labels).toEqual(want.labels);
      }
    });
});

test("no columns and long texts are fine", async () => {
  const none = await naiveBayes().fit(dense(3, 0), ["a", "a", "b"]);
  expect((await none.predict(dense(1, 0))).probabilities.data[0]).toBeCloseTo(2 / 3, 6);
  const fitted = await naiveBayes().fit(dense(2, 2, Float32Array.of(9, 1, 1, 9)), ["a", "b"]);
  const { probabilities } = await fitted.predict(dense(1, 2, Float32Array.of(1e6, 1e5)));
  expect([...probabilities.data]).toEqual([1, 0]);
});

describe("bad input", () => {
  test("a negative value, by row and column", async () => {
    const x = dense(2, 2, Float32Array.of(1, 2, 3, -4));
    const message = "row 1, column 1 is -4, want numbers of at least 0";
    await expect(naiveBayes().fit(x, ["a", "b"])).rejects.toThrow(message);
    const csr = sparse(2, Uint32Array.of(0, 1, 1, 2), Uint32Array.of(0, 1), Float32Array.of(1, -4));
    await expect(naiveBayes().fit(csr, ["a", "b", "b"])).rejects.toMatchObject({
      code: "invalid-input",
      index: 2,
      message: expect.stringContaining("row 2, column 1 is -4"),
    });
  });

  test.each<[Record<string, unknown>]>([
    [{ variant: "gaussian" }],
    [{ alpha: 0 }],
    [{ alpha: "1" }],
    [{ fitPrior: 1 }],
    [{ norm: null }],
  ])("params %j", (params) => {
    expect(() => naiveBayes(params as NaiveBayesParams)).toThrow(MmubError);
  });
});
