import { readFileSync } from "node:fs";
import { type Classification, type Dense, type FittedModel, sliceFeatures } from "@mmub/core";
import { logisticRegression } from "@mmub/models";
import { table } from "../data.js";
import { type Comparison, race } from "../race.js";

const train = 100_000;
const cols = 50;

let test: { readonly x: Dense; readonly targets: readonly number[] };

const logistic: Comparison<FittedModel<Classification<number>>> = {
  name: "logistic regression, 100,000 x 50 dense, 2 classes",
  unit: "fits/s",
  work: 1,
  data: table,
  peer: "scikit-learn LogisticRegression",
  script: "logistic_regression.py",
  async prepare(path) {
    const { x, targets } = readTable(path);
    test = { x: sliceFeatures(x, train, x.rows), targets: targets.slice(train) };
    const [trainX, trainTargets] = [sliceFeatures(x, 0, train), targets.slice(0, train)];
    return () => logisticRegression<number>().fit(trainX, trainTargets);
  },
  async agree(model) {
    const { labels, probabilities } = await model.predict(test.x);
    let [right, loss] = [0, 0];
    for (const [row, target] of test.targets.entries()) {
      if (labels[row] === target) right++;
      loss -= Math.log(probabilities.data[row * 2 + target]!);
    }
    return [right / test.targets.length, loss / test.targets.length];
  },
  tolerance: 1e-3,
};

function readTable(path: string): { x: Dense; targets: number[] } {
  const bytes = readFileSync(path);
  const values = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const count = values.length / (cols + 1);
  const data = new Float32Array(count * cols);
  const targets: number[] = [];
  for (let row = 0; row < count; row++) {
    const start = row * (cols + 1);
    data.set(values.subarray(start, start + cols), row * cols);
    targets.push(values[start + cols]!);
  }
  return { x: { layout: "dense", rows: count, cols, data }, targets };
}

export const comparisons = [logistic];
export const measure = () => race("models", comparisons);
