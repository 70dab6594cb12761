import { readFileSync } from "node:fs";
import { dense, type Features, MmubError, sparse, toDense } from "@mmub/core";
import { modelChecks, toyData } from "@mmub/core/testing";
import { describe, expect, test } from "vitest";
import { type KNearestParams, kNearestClassifier, kNearestRegressor } from "./k-nearest.js";
import type { Matrix } from "./linear.js";

describe("conformance", () => {
  for (const params of [
    {},
    { weights: "distance", metric: "manhattan" },
    { metric: "cosine", neighbors: 3 },
  ] as KNearestParams[]) {
    for (const check of modelChecks({ task: "classification", make: () => kNearestClassifier(params) }))
      test(`classifier ${JSON.stringify(params)}: ${check.name}`, check.run);
    if (params.metric !== "cosine")
      for (const check of modelChecks({ task: "regression", make: () => kNearestRegressor(params) }))
        test(`regressor ${JSON.stringify(params)}: ${check.name}`, check.run);
  }
});

interface Stored {
  readonly rows?: number;
  readonly cols?: number;
  readonly data?: readonly number[];
  readonly sparse?: { cols: number; offsets: number[]; columns: number[]; values: number[] };
}
const { cases } = JSON.parse(readFileSync(new URL("../fixtures/neighbors.json", import.meta.url), "utf8")) as {
  readonly cases: readonly {
    readonly name: string;
    readonly params: KNearestParams;
    readonly x: Stored;
    readonly q: Stored;
    readonly classes: number[];
    readonly targets: number[];
    readonly want: { rows: number[]; distances: number[]; probabilities: number[]; values: number[] };
  }[];
};
const featuresOf = ({ rows, cols, data, sparse: csr }: Stored): Features =>
  csr
    ? sparse(csr.cols, Uint32Array.from(csr.offsets), Uint32Array.from(csr.columns), Float32Array.from(csr.values))
    : dense(rows!, cols!, Float32Array.from(data!));
const mostApart = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Math.max(Math.abs(a.length - b.length), ...Array.from(a, (value, i) => Math.abs(value - b[i]!)));

describe("scikit-learn's neighbours", () => {
  for (const { name, params, x, q, classes, targets, want } of cases)
    test(name, async () => {
      const [train, queries] = [featuresOf(x), featuresOf(q)];
      const classifier = await kNearestClassifier<number>(params).fit(train, classes);
      const { rows, distances } = await classifier.nearest(queries);
      // scikit-learn's own distances are those of products in float64, which for equal rows are not quite 0.
      expect(mostApart(distances, want.distances)).toBeLessThan(1e-5);
      expect(rows).toEqual(Int32Array.from(want.rows));
      expect(mostApart((await classifier.predict(queries)).probabilities.data, want.probabilities)).toBeLessThan(1e-6);
      const regressor = await kNearestRegressor(params).fit(train, targets);
      expect(mostApart((await regressor.predict(queries)).values, want.values)).toBeLessThan(1e-5);
    });
});

test("rows that are equally near come in their order, and a query may be of the other layout", async () => {
  const x = dense(600, 2);
  const labels = Array.from({ length: 600 }, (_, row) => (row % 2 ? "a" : "b"));
  const fitted = await kNearestClassifier({ neighbors: 3 }).fit(x, labels);
  expect([...(await fitted.nearest(dense(1, 2))).rows]).toEqual([0, 1, 2]);

  const stored = cases.find(({ name }) => name === "sparse")!;
  const [few, all] = [featuresOf(stored.q) as Matrix, featuresOf(stored.x) as Matrix];
  const want = await (await kNearestRegressor().fit(all, stored.targets)).predict(few);
  const got = await (await kNearestRegressor().fit(all, stored.targets)).predict(toDense(few));
  const other = await (await kNearestRegressor().fit(toDense(all), stored.targets)).predict(few);
  expect(mostApart(got.values, want.values)).toBeLessThan(1e-9);
  expect(mostApart(other.values, want.values)).toBeLessThan(1e-9);
});

test("errors say what is wrong", async () => {
  const { features, values } = toyData({ rows: 4 });
  await expect(kNearestRegressor().fit(features, values)).rejects.toThrow("lower neighbors");
  const fitted = await kNearestRegressor({ neighbors: 2 }).fit(features, values);
  await expect(fitted.nearest(features, { neighbors: 5 })).rejects.toThrow("from 1 to 4");
  for (const params of [{ neighbors: 0 }, { weights: "far" }, { metric: "hamming" }, { k: 3 }])
    expect(() => kNearestClassifier(params as never)).toThrow(MmubError);
});
