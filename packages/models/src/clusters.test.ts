// Models without targets but k-means: mixtures, components and clusters by density, beside scikit-learn's.
import { readFileSync } from "node:fs";
import {
  type Dense,
  dense,
  type Features,
  type FittedModel,
  MmubError,
  sliceFeatures,
  sparse,
  type Unsupervised,
} from "@mmub/core";
import { unsupervisedChecks } from "@mmub/core/testing";
import { describe, expect, test } from "vitest";
import { type DbscanParams, dbscan } from "./dbscan.js";
import { type GaussianMixtureParams, gaussianMixture } from "./gaussian-mixture.js";
import { type HdbscanParams, hdbscan } from "./hdbscan.js";
import { type HierarchicalParams, hierarchical } from "./hierarchical.js";
import { type NmfParams, nmf } from "./nmf.js";
import { type PcaParams, pca } from "./pca.js";

describe("conformance", () => {
  for (const covariance of ["full", "tied", "diag", "spherical"] as const)
    for (const check of unsupervisedChecks({
      make: () => gaussianMixture({ components: 2, covariance }),
      rowsOf: ({ components, logLikelihoods }) => Array.from(components, (own, row) => [own, logLikelihoods[row]]),
    }))
      test(`gaussianMixture ${covariance}: ${check.name}`, check.run);
  for (const params of [{}, { components: 2, whiten: true }, { components: 0.8 }] as PcaParams[])
    for (const check of unsupervisedChecks({
      make: () => pca(params),
      rowsOf: ({ rows, cols, data }) =>
        Array.from({ length: rows }, (_, row) => [...data.subarray(row * cols, (row + 1) * cols)]),
    }))
      test(`pca ${JSON.stringify(params)}: ${check.name}`, check.run);
  for (const params of [{ eps: 1.5 }, { eps: 3, metric: "manhattan" }] as DbscanParams[])
    for (const check of unsupervisedChecks({ make: () => dbscan(params), rowsOf: ({ clusters }) => [...clusters] }))
      test(`dbscan ${JSON.stringify(params)}: ${check.name}`, check.run);
});

describe("conformance of hierarchies", () => {
  for (const params of [
    {},
    { linkage: "average", metric: "manhattan", clusters: 4 },
    { linkage: "single", distanceThreshold: 1 },
  ] as HierarchicalParams[])
    for (const check of unsupervisedChecks({
      make: () => hierarchical(params),
      rowsOf: ({ clusters }) => [...clusters],
    }))
      test(`hierarchical ${JSON.stringify(params)}: ${check.name}`, check.run);
  for (const params of [{}, { minSamples: 2, clusterSelection: "leaf", metric: "cosine" }] as HdbscanParams[])
    for (const check of unsupervisedChecks({ make: () => hdbscan(params), rowsOf: ({ clusters }) => [...clusters] }))
      test(`hdbscan ${JSON.stringify(params)}: ${check.name}`, check.run);
});

interface Stored {
  readonly rows?: number;
  readonly cols?: number;
  readonly data?: readonly number[];
  readonly sparse?: { cols: number; offsets: number[]; columns: number[]; values: number[] };
}
const golden = JSON.parse(readFileSync(new URL("../fixtures/clusters.json", import.meta.url), "utf8")) as {
  readonly mixtures: readonly {
    x: Stored;
    covariance: NonNullable<GaussianMixtureParams["covariance"]>;
    weights: number[];
    means: number[];
    covariances: number[];
    logLikelihoods: number[];
    aic: number;
    bic: number;
  }[];
  readonly components: readonly {
    name: string;
    x: Stored;
    params: PcaParams;
    components: number[];
    variances: number[];
    ratios: number[];
    scores: number[];
    back: number[];
  }[];
  readonly factors: readonly {
    name: string;
    x: Stored;
    params: NmfParams;
    components: number[];
    error: number;
    shares: number[];
  }[];
  readonly hierarchies: readonly {
    name: string;
    x: Stored;
    params: HierarchicalParams;
    clusters: number[];
    distances: number[];
    sizes: number[];
  }[];
  readonly hdbscans: readonly {
    name: string;
    x: Stored;
    params: HdbscanParams;
    clusters: number[];
    probabilities: number[];
  }[];
  readonly densities: readonly { name: string; x: Stored; params: DbscanParams; clusters: number[]; cores: number[] }[];
};
const featuresOf = ({ rows, cols, data, sparse: csr }: Stored): Features =>
  csr
    ? sparse(csr.cols, Uint32Array.from(csr.offsets), Uint32Array.from(csr.columns), Float32Array.from(csr.values))
    : dense(rows!, cols!, Float32Array.from(data!));
const mostApart = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Math.max(Math.abs(a.length - b.length), ...Array.from(a, (value, i) => Math.abs(value - b[i]!)));

describe("scikit-learn's mixtures", () => {
  for (const want of golden.mixtures)
    test(want.covariance, async () => {
      const x = featuresOf(want.x);
      const { covariance } = want;
      const params = { components: 3, covariance, tolerance: 1e-13, maxIterations: 10_000, starts: 3 };
      const fitted = await gaussianMixture(params).fit(x, { seed: 1 });
      expect(fitted.converged).toBe(true);
      expect(mostApart([fitted.aic, fitted.bic], [want.aic, want.bic])).toBeLessThan(1e-4);
      const { logLikelihoods, probabilities, components } = await fitted.predict(sliceFeatures(x, 0, 8));
      expect(mostApart(logLikelihoods, want.logLikelihoods)).toBeLessThan(1e-5);
      for (const [row, own] of components.entries())
        expect(probabilities.data[row * 3 + own]).toBe(Math.max(...probabilities.data.subarray(row * 3, row * 3 + 3)));
      // The components come in any order.
      for (let c = 0; c < 3; c++) {
        const same = [0, 1, 2].find((other) => Math.abs(fitted.means[other * 3]! - want.means[c * 3]!) < 1e-4)!;
        const part = (all: ArrayLike<number>, at: number, size: number) =>
          Array.from(all).slice(at * size, (at + 1) * size);
        expect(mostApart(part(fitted.means, same, 3), part(want.means, c, 3))).toBeLessThan(1e-5);
        expect(mostApart(part(fitted.weights, same, 1), part(want.weights, c, 1))).toBeLessThan(1e-5);
        if (covariance === "tied") continue;
        const size = covariance === "full" ? 9 : covariance === "diag" ? 3 : 1;
        expect(mostApart(part(fitted.covariances, same, size), part(want.covariances, c, size))).toBeLessThan(1e-4);
      }
      if (covariance === "tied") expect(mostApart(fitted.covariances, want.covariances)).toBeLessThan(1e-5);
    });
});

describe("scikit-learn's components", () => {
  for (const want of golden.components)
    test(want.name, async () => {
      const x = featuresOf(want.x);
      const fitted = await pca(want.params).fit(x);
      expect(mostApart(fitted.components, want.components)).toBeLessThan(1e-5);
      expect(mostApart(fitted.explainedVariance, want.variances)).toBeLessThan(1e-6);
      expect(mostApart(fitted.explainedVarianceRatio, want.ratios)).toBeLessThan(1e-8);
      const scores = await fitted.predict(sliceFeatures(x, 0, 8));
      expect(mostApart(scores.data, want.scores)).toBeLessThan(1e-4);
      expect(mostApart(fitted.inverse(sliceFeatures(scores, 0, 3)).data, want.back)).toBeLessThan(1e-4);
    });
});

describe("conformance of nmf", () => {
  // The toy numbers are negative as well.
  const positive = (x: Features): Features =>
    x.layout === "dense"
      ? { ...x, data: x.data.map(Math.abs) }
      : x.layout === "sparse"
        ? { ...x, values: x.values.map(Math.abs) }
        : x;
  const made = (params: NmfParams): Unsupervised<Dense> => {
    const recipe = nmf(params);
    const wrapped = (fitted: FittedModel<Dense>): FittedModel<Dense> => ({
      ...fitted,
      predict: (x, options) => fitted.predict(positive(x), options),
    });
    return {
      ...recipe,
      fit: async (x, options) => wrapped(await recipe.fit(positive(x), options)),
      load: async (saved) => wrapped(await recipe.load(saved)),
    };
  };
  for (const params of [
    { components: 2 },
    { components: 1, init: "random", alphaW: 0.01, l1Ratio: 1 },
    {},
  ] as NmfParams[])
    for (const check of unsupervisedChecks({
      make: () => made(params),
      rowsOf: ({ rows, cols, data }) =>
        Array.from({ length: rows }, (_, row) => [...data.subarray(row * cols, (row + 1) * cols)]),
    }))
      test(`${JSON.stringify(params)}: ${check.name}`, check.run);
});

describe("scikit-learn's parts", () => {
  for (const want of golden.factors)
    test(want.name, async () => {
      const x = featuresOf(want.x);
      const fitted = await nmf({ ...want.params, tolerance: 1e-12, maxIterations: 100_000 }).fit(x);
      expect(fitted.converged).toBe(true);
      expect(fitted.reconstructionError).toBeCloseTo(want.error, 5);
      // Flat minima, and singular vectors that are not exact there.
      expect(mostApart(fitted.components, want.components)).toBeLessThan(1e-3);
      const shares = await fitted.predict(sliceFeatures(x, 0, 6));
      expect(mostApart(shares.data, want.shares)).toBeLessThan(1e-3);
      expect(fitted.inverse(shares).cols).toBe(x.cols);
    });
  test("the default tolerance comes near to it", async () => {
    const want = golden.factors[0]!;
    expect((await nmf(want.params).fit(featuresOf(want.x))).reconstructionError).toBeLessThan(1.01 * want.error);
  });
});

describe("scikit-learn's clusters by density", () => {
  for (const want of golden.densities)
    test(want.name, async () => {
      const x = featuresOf(want.x);
      const fitted = await dbscan(want.params).fit(x);
      expect([...fitted.clusters]).toEqual(want.clusters);
      expect([...fitted.cores]).toEqual(want.cores);
      expect(fitted.count).toBe(Math.max(...want.clusters) + 1);
      const { clusters } = await fitted.predict(x);
      for (const row of want.cores) expect(clusters[row]).toBe(want.clusters[row]);
      // At an edge, the nearest core decides here and the first there.
      expect(want.clusters.every((own, row) => (own === -1) === (clusters[row] === -1))).toBe(true);
    });
});

/** Clusters numbered by their first rows. */
const renumbered = (clusters: Iterable<number>): number[] => {
  const numbers = new Map([[-1, -1]]);
  return Array.from(clusters, (own) => {
    if (!numbers.has(own)) numbers.set(own, numbers.size - 1);
    return numbers.get(own)!;
  });
};

describe("scipy's merges and scikit-learn's hierarchical clusters", () => {
  for (const want of golden.hierarchies)
    test(want.name, async () => {
      const x = featuresOf(want.x);
      const fitted = await hierarchical(want.params).fit(x);
      expect(mostApart(fitted.merges.distances, want.distances)).toBeLessThan(1e-5);
      expect([...fitted.merges.sizes]).toEqual(want.sizes);
      expect([...fitted.clusters]).toEqual(renumbered(want.clusters));
      expect(fitted.count).toBe(new Set(want.clusters).size);
      expect((await fitted.predict(x)).clusters).toEqual(fitted.clusters);
    });
});

describe("scikit-learn's clusters over all densities", () => {
  for (const want of golden.hdbscans)
    test(want.name, async () => {
      const x = featuresOf(want.x);
      const fitted = await hdbscan(want.params).fit(x);
      expect(renumbered(fitted.clusters)).toEqual(renumbered(want.clusters));
      expect(mostApart(fitted.probabilities, want.probabilities)).toBeLessThan(1e-5);
      expect(fitted.count).toBe(Math.max(...want.clusters) + 1);
      expect((await fitted.predict(x)).clusters).toEqual(fitted.clusters);
    });
});

test("hierarchies of equal rows and of one row", async () => {
  expect([...(await hierarchical().fit(dense(4, 2))).clusters].length).toBe(4);
  expect([...(await hierarchical({ clusters: 1 }).fit(dense(1, 2))).clusters]).toEqual([0]);
  const same = await hdbscan({ minClusterSize: 3, allowSingleCluster: true }).fit(dense(6, 2));
  expect([...same.clusters]).toEqual([0, 0, 0, 0, 0, 0]);
  await expect(hierarchical().fit(dense(20_001, 1))).rejects.toThrow("want at most 20000");
  await expect(hdbscan().fit(dense(3, 1))).rejects.toThrow("want at least 5");
});

test("equal rows, constant columns and no columns", async () => {
  const same = dense(6, 2, Float32Array.of(1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2));
  expect([...(await dbscan().fit(same)).clusters]).toEqual([0, 0, 0, 0, 0, 0]);
  expect((await dbscan().fit(dense(2, 1))).count).toBe(0);
  const flat = await pca().fit(same);
  expect([...flat.explainedVariance, ...flat.explainedVarianceRatio]).toEqual([0, 0, 0, 0]);
  expect(mostApart((await flat.predict(same)).data, new Float32Array(12))).toBeLessThan(1e-12);
  const mixture = await gaussianMixture({ components: 2 }).fit(same);
  expect(mixture.weights.reduce((a, b) => a + b)).toBeCloseTo(1);
  expect((await pca().fit(dense(3, 0))).explainedVariance.length).toBe(0);
});

test("errors say what is wrong", async () => {
  await expect(pca({ components: 3 }).fit(dense(5, 2))).rejects.toThrow("want at most 2");
  await expect(pca().fit(dense(1, 2))).rejects.toThrow("want at least 2");
  await expect(nmf().fit(dense(2, 2, Float32Array.of(1, 2, -1, 3)))).rejects.toThrow("row 1, column 0 is -1");
  await expect(nmf({ components: 3, init: "nndsvd" }).fit(dense(5, 2))).rejects.toThrow('take "random"');
  expect((await nmf({ components: 1 }).fit(dense(3, 2))).reconstructionError).toBe(0);
  await expect(gaussianMixture({ components: 3 }).fit(dense(2, 2))).rejects.toThrow("want at least 3");
  const collinear = dense(4, 2, Float32Array.of(1, 2, 2, 4, 3, 6, 4, 8));
  await expect(gaussianMixture({ regularization: 0 }).fit(collinear)).rejects.toThrow("raise regularization");
  for (const [make, list] of [
    [pca, [{ components: 1.5 }, { components: 0 }, { whiten: 1 }, { k: 1 }]],
    [dbscan, [{ eps: 0 }, { minSamples: 0 }, { metric: "x" }]],
    [hierarchical, [{ clusters: 0 }, { linkage: "far" }, { metric: "cosine" }, { clusters: 2, distanceThreshold: 1 }]],
    [
      hdbscan,
      [
        { minClusterSize: 1 },
        { minSamples: 0 },
        { clusterSelection: "x" },
        { clusterSelectionEpsilon: -1 },
        { alpha: 1 },
      ],
    ],
    [nmf, [{ components: 0 }, { init: "svd" }, { alphaW: -1 }, { l1Ratio: 2 }, { maxIterations: 0 }]],
    [gaussianMixture, [{ components: 0 }, { covariance: "all" }, { regularization: -1 }, { starts: 0 }]],
  ] as const)
    for (const params of list) expect(() => (make as (params: object) => unknown)(params)).toThrow(MmubError);
});
