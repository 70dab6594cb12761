import { readFileSync } from "node:fs";
import { decodeSaved, dense, encodeSaved, MmubError, sliceFeatures } from "@mmub/core";
import { modelChecks, toyData } from "@mmub/core/testing";
import { describe, expect, test } from "vitest";
import {
  extraTreesClassifier,
  extraTreesRegressor,
  type ForestClassifierParams,
  randomForestClassifier,
  randomForestRegressor,
} from "./forest.js";

describe("conformance", () => {
  for (const [name, make] of Object.entries({ randomForestClassifier, extraTreesClassifier }))
    for (const check of modelChecks({ task: "classification", make: () => make({ numTrees: 15 }) }))
      test(`${name}: ${check.name}`, check.run);
  for (const [name, make] of Object.entries({ randomForestRegressor, extraTreesRegressor }))
    for (const check of modelChecks({ task: "regression", make: () => make({ numTrees: 15 }) }))
      test(`${name}: ${check.name}`, check.run);
});

interface Peer {
  readonly auc: number;
  readonly aucOfThree: number;
  readonly r2: number;
  readonly importance: readonly number[];
}
const golden = JSON.parse(readFileSync(new URL("../fixtures/forest.json", import.meta.url), "utf8")) as {
  readonly cols: number;
  readonly data: readonly number[];
  readonly numbers: readonly number[];
  readonly labels: readonly number[];
  readonly train: number;
  readonly tree: { readonly regressor: number[]; readonly binary: number[]; readonly classes: number[] };
  readonly forests: { readonly random: Peer; readonly extra: Peer };
  readonly oob: number;
  readonly oobOfNumber: number;
};
const all = dense(golden.data.length / golden.cols, golden.cols, Float32Array.from(golden.data));
const [x, unseen] = [sliceFeatures(all, 0, golden.train), sliceFeatures(all, golden.train, all.rows)];
const [numbers, later] = [golden.numbers.slice(0, golden.train), golden.numbers.slice(golden.train)];
const [labels, laterLabels] = [golden.labels.slice(0, golden.train), golden.labels.slice(golden.train)];

const mostApart = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Math.max(Math.abs(a.length - b.length), ...Array.from(a, (value, i) => Math.abs(value - b[i]!)));

const auc = (scores: readonly number[], isPositive: readonly boolean[]): number => {
  let [above, pairs] = [0, 0];
  for (const [i, score] of scores.entries())
    for (const [j, other] of scores.entries())
      if (isPositive[i] && !isPositive[j]) {
        above += score > other ? 1 : score === other ? 0.5 : 0;
        pairs++;
      }
  return above / pairs;
};

describe("scikit-learn's numbers", () => {
  const lone = { numTrees: 1, bootstrap: false, maxFeatures: 1 };

  test("one tree of all rows and columns is its decision tree", async () => {
    const fitted = await randomForestRegressor({ ...lone, minSamplesLeaf: 4, maxDepth: 6 }).fit(x, numbers);
    expect(mostApart((await fitted.predict(x)).values, golden.tree.regressor)).toBeLessThan(1e-6);
  });

  test("of classes as well", async () => {
    const params = { ...lone, minSamplesLeaf: 7, maxDepth: 4 };
    const two = await randomForestClassifier<boolean>(params).fit(
      x,
      labels.map((label) => label > 1),
    );
    const { data } = (await two.predict(x)).probabilities;
    expect(
      mostApart(
        data.filter((_, i) => i % 2),
        golden.tree.binary,
      ),
    ).toBeLessThan(1e-6);
    const three = await randomForestClassifier<number>(params).fit(x, labels);
    expect(mostApart((await three.predict(x)).probabilities.data, golden.tree.classes)).toBeLessThan(1e-6);
  });

  for (const [name, classify, regress] of [
    ["random", randomForestClassifier, randomForestRegressor],
    ["extra", extraTreesClassifier, extraTreesRegressor],
  ] as const)
    test(`${name}: as good on new rows`, async () => {
      const peer = golden.forests[name];
      const two = await classify<boolean>({ numTrees: 400 }).fit(
        x,
        labels.map((label) => label > 1),
      );
      const chances = (await two.predict(unseen)).probabilities.data.filter((_, i) => i % 2);
      const isHigh = laterLabels.map((label) => label > 1);
      expect(Math.abs(auc([...chances], isHigh) - peer.auc)).toBeLessThan(0.01);

      const { probabilities } = await (await classify<number>({ numTrees: 400 }).fit(x, labels)).predict(unseen);
      const mean = [0, 1, 2].reduce((sum, c) => {
        const scores = [...probabilities.data].filter((_, i) => i % 3 === c);
        return (
          sum +
          auc(
            scores,
            laterLabels.map((label) => label === c),
          ) /
            3
        );
      }, 0);
      expect(Math.abs(mean - peer.aucOfThree)).toBeLessThan(0.01);

      const fitted = await regress({ numTrees: 400 }).fit(x, numbers);
      const { values } = await fitted.predict(unseen);
      const center = later.reduce((a, b) => a + b) / later.length;
      const error = later.reduce((sum, value, row) => sum + (value - values[row]!) ** 2, 0);
      const spread = later.reduce((sum, value) => sum + (value - center) ** 2, 0);
      expect(Math.abs(1 - error / spread - peer.r2)).toBeLessThan(0.01);
      const total = fitted.importance.gain.reduce((a, b) => a + b);
      expect(
        mostApart(
          fitted.importance.gain.map((gain) => gain / total),
          peer.importance,
        ),
      ).toBeLessThan(0.02);
    });

  test("out-of-bag scores", async () => {
    const params = { numTrees: 400, oobScore: true };
    const two = await randomForestClassifier<boolean>(params).fit(
      x,
      labels.map((label) => label > 1),
    );
    expect(Math.abs(two.oobScore! - golden.oob)).toBeLessThan(0.02);
    expect(Math.abs((await randomForestRegressor(params).fit(x, numbers)).oobScore! - golden.oobOfNumber)).toBeLessThan(
      0.01,
    );
    const three = await randomForestClassifier<number>(params).fit(x, labels);
    expect(three.oobScore).toBeGreaterThan(0.5);
    expect(three.oobScore).toBeLessThan(0.95);
  });
});

describe("the same on every kind of machine", () => {
  for (const [name, make] of Object.entries({ randomForestClassifier, extraTreesClassifier }))
    test(`${name}: threads and builds change no bit`, async () => {
      const bytes = async (params: ForestClassifierParams) =>
        encodeSaved(
          await (
            await make<number>({ numTrees: 8, oobScore: name === "randomForestClassifier", ...params }).fit(x, labels, {
              seed: 5,
            })
          ).save(),
        );
      const want = await bytes({});
      expect(await bytes({ threads: 3 })).toEqual(want);
      expect(await bytes({ build: "scalar" })).toEqual(want);
    });

  test("what is saved predicts the same, of three classes too", async () => {
    const model = randomForestClassifier<number>({ numTrees: 10 });
    const fitted = await model.fit(x, labels);
    const again = await model.load(decodeSaved(encodeSaved(await fitted.save())));
    expect(await again.predict(unseen)).toEqual(await fitted.predict(unseen));
  });
});

test("missing values are larger than every number", async () => {
  const rows = 90;
  const features = dense(
    rows,
    1,
    Float32Array.from({ length: rows }, (_, row) => (row % 3 ? row % 3 : Number.NaN)),
  );
  const targets = Array.from({ length: rows }, (_, row) => [9, 1, 5][row % 3]!);
  for (const make of [randomForestRegressor, extraTreesRegressor]) {
    const fitted = await make({ numTrees: 10, missing: "nan" }).fit(features, targets);
    expect(mostApart((await fitted.predict(features)).values, targets)).toBeLessThan(1e-9);
  }
});

test("weights of classes move the chances", async () => {
  const toy = toyData({ rows: 200, cols: 3, classes: 2, seed: 8 });
  const noisy = toy.labels.map((label, row) => (row % 4 === 0 ? "b" : label));
  const mean = async (b: number) => {
    const params = { numTrees: 30, minSamplesLeaf: 10, classWeight: { b } };
    const { probabilities } = await (await randomForestClassifier(params).fit(toy.features, noisy)).predict(
      toy.features,
    );
    return probabilities.data.reduce((sum, value, i) => sum + (i % 2 ? value : 0), 0) / 200;
  };
  expect(await mean(5)).toBeGreaterThan((await mean(1)) + 0.03);
});

test("limits of size", async () => {
  const nodes = async (params: ForestClassifierParams) =>
    (await randomForestClassifier<number>({ numTrees: 5, ...params }).fit(x, labels)).trees;
  const whole = (await nodes({})).columns.length;
  const shallow = await nodes({ maxDepth: 2 });
  expect(shallow.columns.length).toBeLessThanOrEqual(5 * 7);
  const leaves = await nodes({ minSamplesLeaf: 9 });
  expect(Math.min(...leaves.counts)).toBeGreaterThanOrEqual(9);
  expect((await nodes({ minSamplesSplit: 40 })).columns.length).toBeLessThan(whole);
  expect((await nodes({ minImpurityDecrease: 0.02 })).columns.length).toBeLessThan(whole / 2);
});

test("errors say what is wrong", async () => {
  const refused = (params: object): MmubError => {
    try {
      extraTreesClassifier(params);
    } catch (error) {
      if (MmubError.is(error)) return error;
    }
    throw new Error("not refused");
  };
  expect(refused({ nEstimators: 5 }).message).toContain("no such param; there are binSamples, bootstrap");
  expect(refused({ numTrees: 0 }).code).toBe("invalid-params");
  expect(refused({ maxFeatures: 1.5 }).message).toContain("maxFeatures");
  expect(refused({ oobScore: true }).message).toContain("false without bootstrap");
  expect(refused({ maxSamples: 0.5 }).message).toContain("1 without bootstrap");
  const many = Array.from({ length: 257 }, (_, i) => i);
  await expect(randomForestClassifier<number>().fit(dense(257, 1), many)).rejects.toThrow(
    "257 classes, want at most 256",
  );
});

test("one row and constant columns: the mean", async () => {
  expect(
    (await (await randomForestRegressor({ numTrees: 3 }).fit(dense(1, 2), [4])).predict(dense(1, 2))).values,
  ).toEqual(Float64Array.of(4));
  const fitted = await extraTreesRegressor({ numTrees: 3 }).fit(dense(4, 2), [1, 2, 3, 4]);
  expect((await fitted.predict(dense(1, 2))).values).toEqual(Float64Array.of(2.5));
});

test("the mean of the shares in the leaves of a row is its chance of a class", async () => {
  const { features, labels } = toyData({ rows: 90, cols: 3, classes: 3, seed: 8 });
  const { trees, shares, classes, predict } = await randomForestClassifier({ numTrees: 7 }).fit(features, labels);
  const { columns, thresholds, left, right, roots } = trees;
  const chances = new Float64Array(3);
  for (const root of roots) {
    let node = root;
    while (columns[node]! >= 0) node = features.data[columns[node]!]! <= thresholds[node]! ? left[node]! : right[node]!;
    for (const c of classes.keys()) chances[c]! += shares![3 * node + c]! / roots.length;
  }
  const { probabilities } = await predict(features);
  for (const c of classes.keys()) expect(probabilities.data[c]).toBeCloseTo(chances[c]!, 5);
});
