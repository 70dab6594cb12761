import { readFileSync } from "node:fs";
import {
  decodeSaved,
  dense,
  encodeSaved,
  random,
  type Sparse,
  sliceFeatures,
  sparse,
  stackFeatures,
  toDense,
} from "@mmub/core";
import { extractorChecks } from "@mmub/core/testing";
import { describe, expect, test } from "vitest";
import { type LsaParams, lsa } from "./lsa.js";
import { tfidf } from "./tfidf.js";
import { project, truncatedSvd } from "./truncated-svd.js";

interface Golden {
  readonly name: string;
  readonly cols: number;
  readonly components: number;
  readonly offsets: readonly number[];
  readonly columns: readonly number[];
  readonly values: readonly number[];
  readonly loadings: readonly (readonly number[])[];
  readonly singularValues: readonly number[];
  readonly explainedVariance: readonly number[];
  readonly explainedVarianceRatio: readonly number[];
  readonly transformed: readonly (readonly number[])[];
}
const golden: readonly Golden[] = JSON.parse(readFileSync(new URL("../fixtures/lsa.json", import.meta.url), "utf8"));
const matrixOf = ({ cols, offsets, columns, values }: Golden): Sparse =>
  sparse(cols, Uint32Array.from(offsets), Uint32Array.from(columns), Float32Array.from(values));
/** The largest difference, relative to the largest wanted number. */
const error = (got: ArrayLike<number>, want: readonly number[]): number => {
  expect(got).toHaveLength(want.length);
  const scale = Math.max(...want.map(Math.abs));
  return Math.max(...want.map((value, i) => Math.abs(got[i]! - value))) / scale;
};

const reviews = [
  "really good, good price",
  "good price, quick delivery",
  null,
  "slow delivery and a broken parcel",
  "",
  "broken on arrival, slow answer",
  "价格 很好",
];
describe.each<[string, LsaParams]>([
  ["the defaults of its vectors", { components: 2 }],
  ["rows of length 1", { components: 2, vectors: tfidf({ analyzer: "char", ngramRange: [1, 2] }), norm: "l2" }],
])("conformance: %s", (_, params) => {
  for (const check of extractorChecks({ make: () => lsa(params), inputs: reviews })) test(check.name, check.run);
});

// scikit-learn's own randomised algorithm is as far from the exact SVD where singular values lie close to each other.
test.each(golden.map((one) => [one.name, one] as const))("the same as scikit-learn's exact SVD: %s", async (_, one) => {
  const matrix = matrixOf(one);
  const svd = await truncatedSvd(matrix, { components: one.components, iterations: 15, seed: 3 });
  expect(error(svd.singularValues, one.singularValues)).toBeLessThan(1e-5);
  expect(error(svd.loadings.data, one.loadings.flat())).toBeLessThan(1e-4);
  expect(error(svd.explainedVariance, one.explainedVariance)).toBeLessThan(1e-4);
  expect(error(svd.explainedVarianceRatio, one.explainedVarianceRatio)).toBeLessThan(1e-4);
  const { data } = await project(matrix, svd.loadings);
  expect(error(data.subarray(0, one.transformed.flat().length), one.transformed.flat())).toBeLessThan(1e-4);
});

test("many rows at once, which kernels multiply, have the bits of few", async () => {
  const r = random(6);
  const [rows, cols, entries, width] = [400, 300, 80, 40];
  const offsets = Uint32Array.from({ length: rows + 1 }, (_, i) => i * entries);
  const columns = Uint32Array.from({ length: rows * entries }, (_, i) => 3 * (i % entries) + r.integer(3));
  const many = sparse(
    cols,
    offsets,
    columns,
    Float32Array.from(columns, () => r.normal()),
  );
  const loadings = {
    ...dense(cols, width),
    data: Float32Array.from({ length: cols * width }, () => r.normal()),
  };
  const whole = await project(many, loadings);
  const pieces = await Promise.all(
    Array.from({ length: rows / 20 }, (_, i) => project(sliceFeatures(many, 20 * i, 20 * (i + 1)), loadings)),
  );
  expect(whole.data).toEqual(stackFeatures(pieces).data);
  expect(whole.data.every((value) => value !== 0)).toBe(true);
});

test("more iterations come nearer to the exact SVD", async () => {
  const one = golden[0]!;
  const off = async (iterations: number): Promise<number> => {
    const svd = await truncatedSvd(matrixOf(one), { components: one.components, iterations, oversamples: 0 });
    return error(svd.singularValues, one.singularValues);
  };
  const [none, some, many] = [await off(0), await off(3), await off(60)];
  expect(some).toBeLessThan(none / 2);
  expect(many).toBeLessThan(some / 100);
});

test("loadings are orthonormal, also where there are more vectors than the rank", async () => {
  const one = golden.find(({ name }) => name.includes("rank"))!;
  const { loadings } = await truncatedSvd(matrixOf(one), { components: one.components });
  for (let a = 0; a < one.components; a++)
    for (let b = 0; b <= a; b++) {
      let sum = 0;
      for (let row = 0; row < loadings.rows; row++)
        sum += loadings.data[row * loadings.cols + a]! * loadings.data[row * loadings.cols + b]!;
      expect(sum).toBeCloseTo(a === b ? 1 : 0, 5);
    }
});

test("more components than the rank: the rest has singular values and columns near zero, no NaN", async () => {
  const one = golden.find(({ name }) => name.includes("rank"))!;
  const svd = await truncatedSvd(matrixOf(one), { components: 12 });
  expect(error(svd.singularValues.subarray(0, 3), one.singularValues)).toBeLessThan(1e-5);
  expect(Math.max(...svd.singularValues.subarray(3))).toBeLessThan(1e-3);
  expect(svd.loadings.data.every(Number.isFinite)).toBe(true);
  const zeros = sparse(6, new Uint32Array(5), new Uint32Array(0), new Float32Array(0));
  const none = await truncatedSvd(zeros, { components: 2 });
  expect([...none.singularValues, ...none.explainedVarianceRatio]).toEqual([0, 0, 0, 0]);
});

test("a missing row is no observation", async () => {
  const inputs = ["good good price", "bad price", "good price", "bad service service", "late", "good, late"];
  const vectors = tfidf();
  const [without, withNulls] = [
    await lsa({ components: 2, vectors }).fit(inputs),
    await lsa({ components: 2, vectors }).fit([null, ...inputs, null, null]),
  ];
  expect(error(withNulls.svd.explainedVarianceRatio, [...without.svd.explainedVarianceRatio])).toBeLessThan(1e-4);
});

test("components are named after their strongest terms; saved and loaded it is the same", async () => {
  const recipe = lsa({ components: 2, iterations: 20 });
  const inputs = ["price price price good", "price good", "price", "parcel late", "parcel slow late", "parcel"];
  const fitted = await recipe.fit(inputs, { seed: 1 });
  expect(fitted.names).toEqual([
    expect.stringMatching(/^component 1 \((price|parcel), /),
    expect.stringMatching(/^component 2 \((price|parcel), /),
  ]);
  const loaded = await recipe.load(decodeSaved(encodeSaved(await fitted.save())));
  expect(loaded.svd).toEqual(fitted.svd);
  expect(loaded.names).toEqual(fitted.names);
  expect(toDense(await loaded.transform(inputs))).toEqual(toDense(await fitted.transform(inputs)));
});

test("aborts between products and reports each iteration", async () => {
  const one = golden[0]!;
  const done: number[] = [];
  await truncatedSvd(matrixOf(one), {
    components: 2,
    iterations: 4,
    onProgress: (progress) => done.push(progress.done),
  });
  expect(done).toEqual([1, 2, 3, 4, 5, 6]);
  const controller = new AbortController();
  const run = truncatedSvd(matrixOf(one), {
    components: 2,
    signal: controller.signal,
    onProgress: ({ done }) => done === 2 && controller.abort(new Error("enough")),
  });
  await expect(run).rejects.toThrow("enough");
});

test("wrong params and matrices say what is wrong", async () => {
  expect(() => lsa({ components: 0 })).toThrow("text/lsa: components is number 0, want a whole number from 1 on");
  expect(() => lsa({ iterations: -1 })).toThrow("iterations is number -1");
  expect(() => lsa({ norm: "l1" as never })).toThrow('want "l2" or null');
  expect(() => lsa({ vectors: null as never })).toThrow("want an extractor of Sparse features");
  await expect(lsa().fit(["good price", "bad price"])).rejects.toMatchObject({
    code: "invalid-input",
    message:
      "text/truncated-svd: 2 rows of 3 columns have no 100 components, want at most 2; give more rows, or set components lower",
  });
  const svd = await truncatedSvd(matrixOf(golden[0]!), { components: 2 });
  await expect(project(matrixOf(golden[1]!), svd.loadings)).rejects.toThrow("got 100 columns, want 60");
  const dense = { ...tfidf(), fit: async () => ({ cols: 1, transform: async () => ({ layout: "dense" }) }) };
  await expect(lsa({ vectors: dense as never }).fit(["a"])).rejects.toMatchObject({ code: "invalid-params" });
});
