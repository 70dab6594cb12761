import { imageNetwork, smallCnn } from "@mmub/image";
import { accuracy, f1, take } from "@mmub/metrics";
import { productFiles, readProducts } from "../flipkart.js";
import type { Curve, QualitySet, Score } from "../quality.js";

export const set: QualitySet = {
  files: productFiles,
  folder: "flipkart-1050",
  published: {},
  async read(folder) {
    const { labels, photos, train, test } = readProducts(folder);

    return async function* (seed): AsyncGenerator<Score | Curve> {
      // As one would begin, without a look at any score: there are too few pictures to choose by.
      const recipe = imageNetwork<string>({ fit: "contain", network: smallCnn(), epochs: 60 });
      const model = await recipe.fit(take(photos, train), take(labels, train), { seed });
      const { labels: predicted } = await model.predict(take(photos, test));
      await model.dispose();
      const truth = take(labels, test);
      const method = "CNN from scratch";
      yield { method, metric: "accuracy", value: accuracy(truth, predicted) };
      yield { method, metric: "macro-F1", value: f1(truth, predicted, { average: "macro" }) };
      yield { method, history: model.history };
    };
  },
};
