import { dense, type FittedModel, type Label, type Regression, random } from "@mmub/core";
import { toyData } from "@mmub/core/testing";
import { onnxModel } from "@mmub/nn";
import { describe, expect, test } from "vitest";
import { gradientBoostingClassifier, gradientBoostingRegressor } from "./boosting.js";
import { decisionTreeClassifier, decisionTreeRegressor } from "./decision-tree.js";
import { elasticNet } from "./elastic-net.js";
import { extraTreesClassifier, randomForestClassifier, randomForestRegressor } from "./forest.js";
import { huberRegression } from "./huber-regression.js";
import { linearSvm } from "./linear-svm.js";
import { linearSvr } from "./linear-svr.js";
import { logisticRegression } from "./logistic-regression.js";
import type { OnnxExport } from "./onnx-export.js";
import { quantileRegression } from "./quantile-regression.js";
import { ridge } from "./ridge.js";
import { poissonRegression } from "./tweedie-regression.js";

const rows = 200;
const seen = toyData({ rows, cols: 5, classes: 3, seed: 3 });
const asked = toyData({ rows: 64, cols: 5, classes: 3, seed: 4 }).features;
const feed = (features = asked) => ({ x: { shape: [features.rows, 5], data: features.data } });
// The thresholds of trees lie between the values of the fit: none of the rows asked for is near one.
const positive = seen.values.map((value) => Math.round(Math.exp(value / 5)));

describe("onnxruntime predicts the same numbers", () => {
  for (const [name, recipe, targets] of [
    ["ridge", ridge(), seen.values],
    ["linearSvr", linearSvr(), seen.values],
    ["elasticNet", elasticNet({ alpha: 0.1 }), seen.values],
    ["huberRegression", huberRegression(), seen.values],
    ["quantileRegression", quantileRegression({ alpha: 0 }), seen.values],
    ["poissonRegression", poissonRegression(), positive],
    ["decisionTreeRegressor", decisionTreeRegressor(), seen.values],
    ["randomForestRegressor", randomForestRegressor({ numTrees: 20 }), seen.values],
    ["gradientBoostingRegressor", gradientBoostingRegressor(), seen.values],
    ["gradientBoostingRegressor, poisson", gradientBoostingRegressor({ loss: "poisson" }), positive],
  ] as const)
    test(name, async () => {
      const fitted = (await recipe.fit(seen.features, targets)) as FittedModel<Regression> & OnnxExport;
      const model = await onnxModel(fitted.toOnnx());
      const { values } = await model.run(feed());
      expect(values!.shape).toEqual([64]);
      for (const [row, want] of (await fitted.predict(asked)).values.entries())
        expect(Math.abs(Number(values!.data[row]) - want) / (1 + Math.abs(want))).toBeLessThan(2e-6);
      expect((await model.run({ x: { shape: [0, 5], data: [] } })).values!.shape).toEqual([0]);
      await model.dispose();
    });
});

describe("onnxruntime predicts the same chances and labels", () => {
  const models = {
    logisticRegression: () => logisticRegression<Label>(),
    linearSvm: () => linearSvm<Label>(),
    "linearSvm, sigmoid": () => linearSvm<Label>({ calibration: "sigmoid" }),
    decisionTreeClassifier: () => decisionTreeClassifier<Label>({ maxDepth: 4 }),
    randomForestClassifier: () => randomForestClassifier<Label>({ numTrees: 20 }),
    extraTreesClassifier: () => extraTreesClassifier<Label>({ numTrees: 20 }),
    gradientBoostingClassifier: () => gradientBoostingClassifier<Label>({ numIterations: 30 }),
  };
  // A third of the labels is wrong, so that the chances are not all 0 or 1.
  const numbers = random(7);
  const three = seen.labels.map((label) => (numbers.next() < 0.3 ? "abc"[numbers.integer(3)]! : label));
  const two = three.map((label) => (label === "c" ? "b" : label));
  for (const [name, make] of Object.entries(models))
    for (const [kind, targets] of Object.entries({
      "three names": three,
      "two names": two,
      "three numbers": three.map((label) => 10 * label.charCodeAt(0)),
      "true and false": two.map((label) => label === "a"),
    }))
      test(`${name}, ${kind}`, async () => {
        const fitted = await make().fit(seen.features, targets, { seed: 2 });
        const model = await onnxModel(fitted.toOnnx());
        expect(model.outputs.map((output) => output.name)).toEqual(["probabilities", "label"]);
        // `onnxModel` gives no text; numbers go the same way.
        const whole = typeof targets[0] === "number";
        const { probabilities, label } = await model.run(feed(), whole ? {} : { outputs: ["probabilities"] });
        const want = await fitted.predict(asked);
        expect(probabilities!.shape).toEqual([64, want.classes.length]);
        for (const [i, chance] of want.probabilities.data.entries())
          expect(Math.abs(Number(probabilities!.data[i]) - chance)).toBeLessThan(2e-6);
        if (whole) expect(Array.from(label!.data, Number)).toEqual(want.labels);
        await model.dispose();
      });
});

test("missing values go where they went in the fit", async () => {
  const [x, some] = [dense(rows, 5, seen.features.data.slice()), dense(64, 5, asked.data.slice())];
  for (const features of [x, some]) for (let i = 0; i < features.data.length; i += 3) features.data[i] = Number.NaN;
  for (const recipe of [
    gradientBoostingRegressor({ missing: "nan" }),
    randomForestRegressor({ missing: "nan", numTrees: 10 }),
    decisionTreeRegressor({ missing: "nan" }),
  ]) {
    const fitted = (await recipe.fit(x, seen.values)) as FittedModel<Regression> & OnnxExport;
    const model = await onnxModel(fitted.toOnnx());
    const { values } = await model.run(feed(some));
    for (const [row, want] of (await fitted.predict(some)).values.entries())
      expect(Math.abs(Number(values!.data[row]) - want)).toBeLessThan(1e-5);
    await model.dispose();
  }
});

test("splits by categories cannot be said", async () => {
  const x = dense(
    rows,
    1,
    Float32Array.from(seen.labels, (label) => label.charCodeAt(0) - 97),
  );
  const fitted = await gradientBoostingClassifier({ categorical: [0], minDataPerGroup: 1 }).fit(x, seen.labels);
  expect(() => fitted.toOnnx()).toThrow("column 0 is split by categories");
});
