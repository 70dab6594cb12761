import { readFileSync } from "node:fs";
import { type Classification, type Dense, type FittedModel, type Sparse, sliceFeatures } from "@mmub/core";
import { rocAuc } from "@mmub/metrics";
import {
  type FittedLinearSvm,
  gradientBoostingClassifier,
  linearSvm,
  logisticRegression,
  randomForestClassifier,
} from "@mmub/models";
import { sparseTable, table } from "../data.js";
import { type Comparison, race } from "../race.js";

const train = 100_000;
const cols = 50;

interface Table {
  readonly x: Dense | Sparse;
  readonly targets: readonly number[];
}

/** The rows that the comparison at hand keeps out. */
let test: Table;

/** The first `known` rows, to learn from; those behind become `test`. */
function split({ x, targets }: Table, known: number): Table {
  test = { x: sliceFeatures(x, known, x.rows), targets: targets.slice(known) };
  return { x: sliceFeatures(x, 0, known), targets: targets.slice(0, known) };
}

const logistic: Comparison<FittedModel<Classification<number>>> = {
  name: "logistic regression, 100,000 x 50 dense, 2 classes",
  unit: "fits/s",
  work: 1,
  data: table,
  peer: "scikit-learn LogisticRegression",
  script: "logistic_regression.py",
  async prepare(path) {
    const { x, targets } = split(readTable(path), train);
    return () => logisticRegression<number>().fit(x, targets);
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

const svm: Comparison<FittedLinearSvm<number>> = {
  name: "linear SVM, 100,000 x 50 dense, 2 classes",
  unit: "fits/s",
  work: 1,
  data: table,
  peer: "scikit-learn LinearSVC",
  script: "linear_svm.py",
  async prepare(path) {
    const { x, targets } = split(readTable(path), train);
    // LinearSVC has no probabilities.
    return () => linearSvm<number>({ calibration: "none" }).fit(x, targets);
  },
  agree: accuracyAndSize,
  tolerance: 1e-3,
};

const sparseSvm: Comparison<FittedLinearSvm<number>> = {
  ...svm,
  name: "linear SVM, 16,000 x 40,000 sparse, 4 classes",
  data: sparseTable,
  script: "linear_svm_sparse.py",
  async prepare(path) {
    const { x, targets } = split(readSparseTable(path), 16_000);
    return () => linearSvm<number>({ calibration: "none" }).fit(x, targets);
  },
};

async function accuracyAndSize(model: FittedLinearSvm<number>): Promise<number[]> {
  const { labels } = await model.predict(test.x);
  const { data } = await model.decisionFunction(test.x);
  const right = test.targets.filter((target, row) => labels[row] === target).length;
  return [right / test.targets.length, data.reduce((sum, score) => sum + Math.abs(score), 0) / data.length];
}

function readSparseTable(path: string): { x: Sparse; targets: number[] } {
  const { buffer, byteOffset } = readFileSync(path);
  const [rows, cols, count] = new Uint32Array(buffer, byteOffset, 3) as unknown as [number, number, number];
  let at = byteOffset + 12;
  const next = <T>(make: new (buffer: ArrayBufferLike, at: number, length: number) => T, length: number): T => {
    const part = new make(buffer, at, length);
    at += 4 * length;
    return part;
  };
  const [offsets, columns] = [next(Uint32Array, rows + 1), next(Uint32Array, count)];
  const values = next(Float32Array, count);
  return { x: { layout: "sparse", rows, cols, offsets, columns, values }, targets: [...next(Uint32Array, rows)] };
}

/** Trees on the same table; both sides must agree on the AUC of rows kept out, within 0.003. */
const trees = {
  work: 1,
  data: table,
  async agree({ predict }: Pick<FittedModel<Classification<number>>, "predict">) {
    return [rocAuc(test.targets, await predict(test.x))];
  },
  tolerance: 0.003,
};

const boosting = (peer: string, script: string): Comparison<FittedModel<Classification<number>>> => ({
  ...trees,
  name: `gradient boosting, 100 trees, 100,000 x 50 dense, beside ${peer}`,
  unit: "fits/s",
  peer,
  script,
  async prepare(path) {
    const { x, targets } = split(readTable(path), train);
    return () => gradientBoostingClassifier<number>().fit(x, targets);
  },
});

const boostedPredictions: Comparison<FittedModel<Classification<number>>> = {
  ...trees,
  name: "gradient boosting, predictions of 20,000 rows by 100 trees",
  unit: "rows/s",
  work: 20_000,
  peer: "XGBoost",
  script: "boosting_predict.py",
  async prepare(path) {
    const { x, targets } = split(readTable(path), train);
    const model = await gradientBoostingClassifier<number>().fit(x, targets);
    return async () => {
      await model.predict(test.x, { batchSize: 4096 });
      return model;
    };
  },
};

const forest: Comparison<FittedModel<Classification<number>>> = {
  ...trees,
  name: "random forest, trees without a limit, 100,000 x 50 dense",
  unit: "trees/s",
  work: 10,
  peer: "scikit-learn RandomForestClassifier",
  script: "random_forest.py",
  // Ten trees differ by what was drawn.
  tolerance: 0.01,
  async prepare(path) {
    const { x, targets } = split(readTable(path), train);
    return () => randomForestClassifier<number>({ numTrees: 10 }).fit(x, targets);
  },
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

export const comparisons = [
  logistic,
  svm,
  sparseSvm,
  boosting("LightGBM", "boosting.py"),
  boosting("XGBoost", "boosting_xgboost.py"),
  boostedPredictions,
  forest,
];
export const measure = (only?: string) => race("models", comparisons, only);
