import { readFileSync } from "node:fs";
import { dense, type Features, MmubError, sparse } from "@mmub/core";
import { unsupervisedChecks } from "@mmub/core/testing";
import { describe, expect, test } from "vitest";
import { type KMeansParams, kMeans } from "./k-means.js";

describe("conformance", () => {
  for (const params of [
    {},
    { clusters: 3, init: "random", starts: 3 },
    { clusters: 2, batchRows: 30 },
    { clusters: 1 },
  ] as KMeansParams[])
    for (const check of unsupervisedChecks({
      make: () => kMeans(params),
      rowsOf: ({ clusters, distances }) => Array.from(clusters, (own, row) => [own, distances[row]]),
    }))
      test(`${JSON.stringify(params)}: ${check.name}`, check.run);
});

interface Stored {
  readonly rows?: number;
  readonly cols?: number;
  readonly data?: readonly number[];
  readonly sparse?: { cols: number; offsets: number[]; columns: number[]; values: number[] };
}
const golden = JSON.parse(readFileSync(new URL("../fixtures/clusters.json", import.meta.url), "utf8")) as {
  readonly kMeans: readonly {
    name: string;
    x: Stored;
    start: Stored;
    centers: number[];
    clusters: number[];
    inertia: number;
  }[];
  readonly drawn: { x: Stored; best: number; full: number; mini: number };
};
const featuresOf = ({ rows, cols, data, sparse: csr }: Stored): Features =>
  csr
    ? sparse(csr.cols, Uint32Array.from(csr.offsets), Uint32Array.from(csr.columns), Float32Array.from(csr.values))
    : dense(rows!, cols!, Float32Array.from(data!));

describe("scikit-learn's clusters from the same centers", () => {
  for (const { name, x, start, centers, clusters, inertia } of golden.kMeans)
    test(name, async () => {
      const first = dense(start.rows!, start.cols!, Float32Array.from(start.data!));
      const features = featuresOf(x);
      const fitted = await kMeans({ clusters: first.rows, tolerance: 1e-12 }).fit(features, { centers: first });
      expect(fitted.converged).toBe(true);
      expect(Math.abs(fitted.inertia / inertia - 1)).toBeLessThan(1e-9);
      for (const [i, center] of centers.entries()) expect(fitted.centers[i]).toBeCloseTo(center, 6);
      expect((await fitted.predict(features)).clusters).toEqual(Int32Array.from(clusters));
    });
});

test("inertia within 1 % of scikit-learn's, each with centers of its own", async () => {
  const { x, best, full, mini } = golden.drawn;
  const features = featuresOf(x);
  const medianOf = async (params: KMeansParams): Promise<number> => {
    const all: number[] = [];
    for (let seed = 0; seed < 20; seed++) all.push((await kMeans(params).fit(features, { seed })).inertia);
    return all.sort((a, b) => a - b)[10]!;
  };
  expect((await kMeans({ starts: 20 }).fit(features, { seed: 1 })).inertia).toBeLessThan(1.01 * best);
  expect(await medianOf({})).toBeLessThan(1.01 * full);
  expect(await medianOf({ batchRows: 256 })).toBeLessThan(1.01 * mini);
});

test("equal rows, as many clusters as rows, no columns", async () => {
  const equal = await kMeans({ clusters: 3 }).fit(dense(5, 2));
  expect(equal.inertia).toBe(0);
  const each = await kMeans({ clusters: 3 }).fit(dense(3, 1, Float32Array.of(1, 5, 9)), { seed: 2 });
  expect([...each.centers].sort()).toEqual([1, 5, 9]);
  expect((await kMeans({ clusters: 2 }).fit(dense(3, 0))).inertia).toBe(0);
});

test("errors say what is wrong", async () => {
  await expect(kMeans({ clusters: 3 }).fit(dense(2, 1))).rejects.toThrow("got 2 rows, want at least 3");
  await expect(kMeans({ clusters: 2 }).fit(dense(2, 1), { centers: dense(2, 2) })).rejects.toThrow("want 2 x 1");
  for (const params of [
    { clusters: 0 },
    { init: "far" },
    { starts: 0 },
    { tolerance: 1 },
    { batchRows: 0.5 },
    { k: 3 },
  ])
    expect(() => kMeans(params as never)).toThrow(MmubError);
});
