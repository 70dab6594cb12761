// Forests and boosting of @mmub/models for packages/metrics/fixtures/make_model_shap.py: their trees, and what they predict of rows with holes, as JSON.
import { type Dense, random } from "@mmub/core";
import {
  extraTreesRegressor,
  gradientBoostingClassifier,
  gradientBoostingRegressor,
  randomForestClassifier,
  randomForestRegressor,
} from "@mmub/models";

const { normal, next } = random(21);
const [rows, cols, asked] = [160, 4, 5];
const data = Float32Array.from({ length: rows * cols }, normal);
const x: Dense = { layout: "dense", rows, cols, data };
const values = Array.from(
  { length: rows },
  (_, r) => 2 * data[r * cols]! + Math.abs(data[r * cols + 1]!) * Number(data[r * cols + 2]! > 0) + 0.2 * normal(),
);
const labels = values.map((value) => (value < -0.5 ? 0 : value < 1.5 ? 1 : 2));
const holes: Dense = { ...x, data: data.map((value) => (next() < 0.15 ? Number.NaN : value)) };

const plain = (of: object) =>
  Object.fromEntries(
    Object.entries(of).flatMap(([name, array]) =>
      ArrayBuffer.isView(array) ? [[name, Array.from(array as Float64Array)]] : [],
    ),
  );
const sample = (of: Dense): Dense => ({ ...of, rows: asked, data: of.data.slice(0, asked * cols) });
const logit = (p: number) => Math.log(p / (1 - p));

const boosted = { numIterations: 12, numLeaves: 6, minDataInLeaf: 5, missing: "nan" } as const;
const number = await gradientBoostingRegressor(boosted).fit(holes, values);
const two = await gradientBoostingClassifier<number>({ ...boosted, missing: null }).fit(
  x,
  labels.map((label) => Number(label > 0)),
);
const three = await gradientBoostingClassifier<number>({ ...boosted, missing: null }).fit(x, labels);
const forest = await randomForestRegressor({ numTrees: 6, maxDepth: 5 }).fit(x, values);
const extra = await extraTreesRegressor({ numTrees: 5, maxDepth: 4 }).fit(x, values);
const classes = await randomForestClassifier<number>({ numTrees: 5, maxDepth: 4 }).fit(x, labels);

const chances = async (fitted: typeof two, write: (p: number) => number) =>
  Array.from((await fitted.predict(sample(x))).probabilities.data, write);
const cases = [
  {
    name: "boosting of a number, with holes",
    ...{ trees: plain(number.trees), start: [...number.start], outputs: 1, scale: 1, x: sample(holes).data },
    predicted: [...(await number.predict(sample(holes))).values],
  },
  {
    name: "boosting of two classes",
    ...{ trees: plain(two.trees), start: [...two.start], outputs: 1, scale: 1, x: sample(x).data },
    predicted: (await chances(two, logit)).filter((_, i) => i % 2 === 1),
  },
  {
    name: "boosting of three classes",
    ...{ trees: plain(three.trees), start: [...three.start], outputs: 3, scale: 1, x: sample(x).data },
    // Raw scores less their mean: all that a softmax keeps.
    predicted: await chances(three, Math.log),
  },
  {
    name: "a random forest of a number",
    ...{ trees: plain(forest.trees), outputs: 1, scale: 1 / 6, x: sample(x).data },
    predicted: [...(await forest.predict(sample(x))).values],
  },
  {
    name: "extra trees of a number",
    ...{ trees: plain(extra.trees), outputs: 1, scale: 1 / 5, x: sample(x).data },
    predicted: [...(await extra.predict(sample(x))).values],
  },
  {
    name: "a random forest of three classes",
    ...{ trees: plain(classes.trees), shares: [...classes.shares!], outputs: 3, scale: 1 / 5, x: sample(x).data },
    predicted: await chances(classes as never, Number),
  },
];
console.log(
  JSON.stringify(
    cases.map((one) => ({ ...one, cols, x: Array.from(one.x, (value) => (Number.isNaN(value) ? null : value)) })),
  ),
);
