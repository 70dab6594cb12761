import { readFileSync } from "node:fs";
import { dense, type FeatureSet, MmubError, pipeline, vector } from "@mmub/core";
import { modelChecks } from "@mmub/core/testing";
import { describe, expect, test } from "vitest";
import { calibrated } from "./calibrated.js";
import { decisionTreeClassifier, decisionTreeRegressor } from "./decision-tree.js";
import { linearSvm } from "./linear-svm.js";
import { logisticRegression } from "./logistic-regression.js";
import { naiveBayes } from "./naive-bayes.js";
import { ridge } from "./ridge.js";
import { stackingClassifier, stackingRegressor } from "./stacking.js";
import { votingClassifier, votingRegressor } from "./voting.js";

describe("conformance", () => {
  const models = {
    linear: logisticRegression<string>(),
    trees: decisionTreeClassifier<string>({ minSamplesLeaf: 5 }),
  };
  const regressors = { linear: ridge(), trees: decisionTreeRegressor({ minSamplesLeaf: 5 }) };
  for (const [name, make] of Object.entries({
    "hard voting": () => votingClassifier({ models }),
    "soft voting": () => votingClassifier({ models, voting: "soft", weights: { linear: 2 } }),
    stacking: () => stackingClassifier({ models, folds: 3 }),
    "stacking with features": () => stackingClassifier({ models, passthrough: true }),
    sigmoid: () => calibrated({ model: models.linear }),
    isotonic: () => calibrated({ model: models.trees, method: "isotonic", ensemble: false }),
    temperature: () => calibrated({ model: models.trees, method: "temperature" }),
  }))
    for (const check of modelChecks({ task: "classification", make })) test(`${name}: ${check.name}`, check.run);
  for (const [name, make] of Object.entries({
    mean: () => votingRegressor({ models: regressors }),
    stacking: () => stackingRegressor({ models: regressors }),
  }))
    for (const check of modelChecks({ task: "regression", make })) test(`${name}: ${check.name}`, check.run);
});

const golden = JSON.parse(readFileSync(new URL("../fixtures/ensembles.json", import.meta.url), "utf8")) as {
  readonly cols: number;
  readonly data: number[];
  readonly labels: number[];
  readonly numbers: number[];
  readonly foldOf: number[];
  readonly calibrated: Record<string, number[]>;
  readonly voting: { readonly soft: number[]; readonly hard: number[]; readonly mean: number[] };
  readonly stacking: Record<"three" | "two" | "passed" | "number", number[]>;
};
const { labels, numbers, foldOf } = golden;
const x = dense(labels.length, golden.cols, Float32Array.from(golden.data));
const isHigh = labels.map((label) => label > 0);
const folds = [0, 1, 2, 3].map((fold) => ({
  train: [...foldOf.keys()].filter((row) => foldOf[row] !== fold),
  test: [...foldOf.keys()].filter((row) => foldOf[row] === fold),
}));

const mostApart = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Math.max(Math.abs(a.length - b.length), ...Array.from(a, (value, i) => Math.abs(value - b[i]!)));

describe("scikit-learn's calibration on the same folds", () => {
  const svm = { calibration: "none", tolerance: 1e-9 } as const;
  for (const method of ["sigmoid", "isotonic", "temperature"] as const)
    for (const ensemble of [true, false]) {
      const want = (name: string) => golden.calibrated[`${name} ${method} ${ensemble ? "True" : "False"}`]!;
      const ways = { method, ensemble };
      test(`${method}, ${ensemble ? "a model a fold" : "one model"}`, async () => {
        const bayes = await calibrated<number>({ model: naiveBayes(), ...ways }).fit(x, labels, { folds });
        expect(mostApart((await bayes.predict(x)).probabilities.data, want("bayes"))).toBeLessThan(1e-4);
        const two = await calibrated<boolean>({ model: naiveBayes(), ...ways }).fit(x, isHigh, { folds });
        expect(mostApart((await two.predict(x)).probabilities.data, want("bayesOfTwo"))).toBeLessThan(1e-4);
        const scored = await calibrated<boolean>({ model: linearSvm(svm), ...ways }).fit(x, isHigh, { folds });
        expect(mostApart((await scored.predict(x)).probabilities.data, want("svm"))).toBeLessThan(1e-4);
        const three = await calibrated<number>({ model: linearSvm(svm), ...ways }).fit(x, labels, { folds });
        expect(mostApart((await three.predict(x)).probabilities.data, want("svmOfThree"))).toBeLessThan(1e-4);
      });
    }
});

const members = <L extends number | boolean>() => ({
  bayes: naiveBayes<L>(),
  other: naiveBayes<L>({ variant: "complement" }),
  linear: logisticRegression<L>({ tolerance: 1e-9 }),
});
const regressors = { a: ridge({ alpha: 1 }), b: ridge({ alpha: 100 }) };

describe("scikit-learn's votes", () => {
  test("soft, hard and mean", async () => {
    const weights = { bayes: 1, other: 2, linear: 0.5 };
    const soft = await votingClassifier<number>({ models: members<number>(), weights, voting: "soft" }).fit(x, labels);
    expect(mostApart((await soft.predict(x)).probabilities.data, golden.voting.soft)).toBeLessThan(1e-5);
    const hard = await votingClassifier<number>({ models: members<number>(), weights: { linear: 1.5 } }).fit(x, labels);
    expect((await hard.predict(x)).labels).toEqual(golden.voting.hard);
    const mean = await votingRegressor({ models: regressors, weights: { b: 3 } }).fit(x, numbers);
    expect(mostApart((await mean.predict(x)).values, golden.voting.mean)).toBeLessThan(1e-5);
  });
});

describe("scikit-learn's stacks on the same folds", () => {
  test("of classes and numbers", async () => {
    const final = <L extends number | boolean>() => logisticRegression<L>({ tolerance: 1e-9 });
    const three = await stackingClassifier<number>({ models: members<number>(), final: final<number>() }).fit(
      x,
      labels,
      {
        folds,
      },
    );
    expect(mostApart((await three.predict(x)).probabilities.data, golden.stacking.three)).toBeLessThan(1e-4);
    for (const passthrough of [false, true]) {
      const two = await stackingClassifier<boolean>({
        models: members<boolean>(),
        final: final<boolean>(),
        passthrough,
      }).fit(x, isHigh, { folds });
      const want = passthrough ? golden.stacking.passed : golden.stacking.two;
      expect(mostApart((await two.predict(x)).probabilities.data, want)).toBeLessThan(1e-4);
    }
    const number = await stackingRegressor({ models: regressors }).fit(x, numbers, { folds });
    expect(mostApart((await number.predict(x)).values, golden.stacking.number)).toBeLessThan(1e-4);
  });
});

test("members may be pipelines, or take several modalities", async () => {
  const samples = labels.map((_, row) => ({ taste: [...x.data.subarray(4 * row, 4 * row + 4)] }));
  const fuser = {
    type: "@example/first",
    params: null,
    fit: async () => first,
    load: async () => first,
  };
  const first = {
    cols: 4,
    transform: async (features: FeatureSet) => features.taste as typeof x,
    save: async () => ({ type: "@example/first", version: 1, params: null, state: null }),
  };
  const model = pipeline({ modalities: { taste: vector() }, fuser, model: naiveBayes<number>() });
  const fitted = await stackingClassifier({ models: { model }, folds: 3 }).fit(samples, labels, { seed: 2 });
  const { labels: guesses } = await fitted.predict(samples.slice(0, 5));
  expect(guesses).toHaveLength(5);
  const right = (await fitted.predict(samples)).labels.filter((label, row) => label === labels[row]).length;
  expect(right / labels.length).toBeGreaterThan(0.45);
});

test("a class of one row is known to the stack", async () => {
  const rare = labels.map((label, row) => (row === 7 ? 9 : label));
  const fitted = await stackingClassifier<number>({ models: members<number>() }).fit(x, rare);
  expect((await fitted.predict(x)).classes).toEqual([0, 1, 2, 9]);
});

test("errors say what is wrong", async () => {
  const models = members<number>();
  expect(() => votingClassifier({ models: {} })).toThrow("at least one model");
  expect(() => votingClassifier({ models, weights: { nobody: 1 } })).toThrow("one of bayes, other, linear");
  expect(() => votingClassifier({ models, weights: { bayes: 0, other: 0, linear: 0 } })).toThrow("one above 0");
  expect(() => stackingClassifier({ models: { final: naiveBayes() } })).toThrow('other than "final"');
  expect(() => calibrated({ model: 3 as never })).toThrow("want a model");
  expect(() => calibrated({ model: naiveBayes(), method: "platt" as never })).toThrow(MmubError);
  const half = [{ train: [0, 1, 2, 3], test: [4, 5] }];
  await expect(stackingClassifier<number>({ models }).fit(x, labels, { folds: half })).rejects.toThrow("is in no test");
  await expect(
    stackingClassifier<number>({ models }).fit(x, labels, { folds: [{ train: [900], test: [1] }] }),
  ).rejects.toThrow("fold 0 has row 900");
  const one = [{ train: [0], test: [1] }];
  await expect(calibrated<number>({ model: naiveBayes() }).fit(x, labels, { folds: one })).rejects.toThrow(
    "fold 0 learns",
  );
});
