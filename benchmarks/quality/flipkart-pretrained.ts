import { type Dense, type FeatureSet, takeFeatures } from "@mmub/core";
import { concat } from "@mmub/fusion";
import { cnnEncoder, imagePresets } from "@mmub/image";
import { accuracy, f1, stratifiedKFold, take } from "@mmub/metrics";
import { linearSvm, logisticRegression } from "@mmub/models";
import { tfidf } from "@mmub/text";
import { productFiles, readProducts } from "../flipkart.js";
import type { QualitySet, Score } from "../quality.js";
import { select } from "../selection.js";
import { weightsIfThere } from "../weights.js";

const texts = {
  words: tfidf(),
  characters: tfidf({ analyzer: "char_wb", ngramRange: [2, 5], sublinearTf: true }),
};

const { shortSide: _, ...preset } = imagePresets.efficientNetLite0;
/** Whole on white, as photos of products are taken; what is in the middle; and whole, but as small as most of these files are. */
const views = {
  whole: { ...preset, fit: "contain" },
  middle: preset,
  small: { ...preset, fit: "contain", width: 160, height: 160 },
} as const;
type View = keyof typeof views;

interface Choice {
  readonly text?: keyof typeof texts;
  readonly views: readonly View[];
  /** The features of a view, or their square roots; of length 1 either way. */
  readonly values: "plain" | "roots";
  readonly learner: "svm" | "logistic";
  /** How much the photo counts beside the name. */
  readonly weight: number;
  readonly C: number;
}

export const set: QualitySet = {
  files: productFiles,
  folder: "flipkart-1050",
  published: {
    photo: "0.883 the same features and logistic regression in Python, same split",
    "name and photo": "0.943 the same in Python, same split",
  },
  async read(folder) {
    const { names, labels, photos, train, test } = readProducts(folder);
    const files = weightsIfThere("efficientnet-lite0");
    if (!files) return async function* () {};

    // Nothing is learned from the photos, so their features are the same in every fold.
    const model = files["model.onnx"];
    const features = {} as Record<View, Record<Choice["values"], Dense>>;
    for (const [view, prepared] of Object.entries(views) as [View, (typeof views)[View]][]) {
      const params = { model, ...prepared, layer: "features", unitLength: true, tta: "flip" } as const;
      const encoder = await cnnEncoder(params).fit([]);
      const plain = await encoder.transform(photos);
      features[view] = { plain, roots: rootsOf(plain) };
      await encoder.dispose?.();
    }

    const candidate = (choice: Choice) => ({
      choice,
      async predict(from: Uint32Array, to: Uint32Array, seed: number) {
        const text = choice.text && (await texts[choice.text].fit(take(names, from)));
        const featuresOf = async (rows: Uint32Array): Promise<FeatureSet> => ({
          ...Object.fromEntries(choice.views.map((view) => [view, takeFeatures(features[view][choice.values], rows)])),
          ...(text && { name: await text.transform(take(names, rows)) }),
        });
        const [known, asked] = [await featuresOf(from), await featuresOf(to)];
        const targets = take(labels, from);
        // All views together are rows of length 4, as are those of the text.
        const weight = (4 * choice.weight) / Math.sqrt(choice.views.length);
        const each = <T>(value: T) => Object.fromEntries(choice.views.map((view) => [view, value]));
        const fusing = concat({ weights: each(weight), scale: each("none" as const) });
        const fuser = await fusing.fit(known, targets, { seed });
        const { C } = choice;
        const model =
          choice.learner === "svm"
            ? linearSvm<string>({ C, calibration: "none" })
            : logisticRegression<string>({ C, maxIterations: 1000 });
        const fitted = await model.fit(await fuser.transform(known), targets, { seed });
        return (await fitted.predict(await fuser.transform(asked))).labels;
      },
    });

    return async function* (seed): AsyncGenerator<Score> {
      const folds = stratifiedKFold(take(labels, train), { folds: 5, seed }).map((fold) => ({
        train: take(train, fold.train),
        test: take(train, fold.test),
      }));
      const chosen = async function* (method: string, choices: Choice[], out: { choice?: Choice } = {}) {
        const best = await select(choices.map(candidate), { labels, folds, seed, rule: "best" });
        out.choice = best.choice;
        console.error(`${method}: ${JSON.stringify(best.choice)}`);
        const predicted = await best.predict(train, test, seed);
        const truth = take(labels, test);
        yield { method, metric: "accuracy", value: accuracy(truth, predicted) };
        yield { method, metric: "macro-F1", value: f1(truth, predicted, { average: "macro" }) };
      };
      const looks = [["whole"], ["whole", "small"], ["whole", "middle", "small"]] as const;
      const learners = [
        { learner: "logistic", C: 1 },
        { learner: "svm", C: 0.1 },
      ] as const;
      const photo: { choice?: Choice } = {};
      yield* chosen(
        "photo",
        looks.flatMap((views) =>
          (["plain", "roots"] as const).flatMap((values) =>
            learners.map((one) => ({ ...one, views, values, weight: 1 })),
          ),
        ),
        photo,
      );
      // The photo as it was best alone; open is how much it counts, and the text.
      const both = { ...photo.choice!, learner: "logistic" as const };
      yield* chosen(
        "name and photo",
        (["words", "characters"] as const).flatMap((text) =>
          [0.3, 0.5, 1].flatMap((weight) => [10, 30, 100].map((C) => ({ ...both, text, weight, C }))),
        ),
      );
    };
  },
};

/** Square roots of features that are never negative, each row of length 1 again. */
function rootsOf(features: Dense): Dense {
  const data = features.data.map((value) => Math.sqrt(value));
  for (let row = 0; row < features.rows; row++) {
    const values = data.subarray(row * features.cols, (row + 1) * features.cols);
    const length = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0)) || 1;
    for (let i = 0; i < values.length; i++) values[i]! /= length;
  }
  return { ...features, data };
}
