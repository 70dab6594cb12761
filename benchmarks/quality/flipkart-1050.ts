import { type Extractor, type FeatureSet, type Fuser, takeFeatures } from "@mmub/core";
import { concat, weightedSum } from "@mmub/fusion";
import { colorHistogram, hog } from "@mmub/image";
import { accuracy, f1, stratifiedKFold, take } from "@mmub/metrics";
import { logisticRegression } from "@mmub/models";
import { tfidf } from "@mmub/text";
import { productFiles, readProducts } from "../flipkart.js";
import type { QualitySet, Score } from "../quality.js";
import { select } from "../selection.js";

const texts = {
  words: tfidf(),
  characters: tfidf({ analyzer: "char_wb", ngramRange: [2, 5], sublinearTf: true }),
};

/** Three views of one photo: its edges, its colours and where they are. */
const views = {
  edges: hog({
    width: 96,
    height: 96,
    pixelsPerCell: [12, 12],
    cellsPerBlock: [2, 2],
    orientations: 12,
    channels: "rgb",
  }),
  colors: colorHistogram({ normalize: "sqrt" }),
  layout: colorHistogram({ normalize: "sqrt", joint: false, bins: [16, 8, 8], grid: [4, 4] }),
};

/** One choice of everything that a method leaves open. */
interface Choice {
  readonly text?: Extractor<string>;
  readonly photo?: boolean;
  readonly fuser: Fuser;
  readonly C: number;
}

export const set: QualitySet = {
  files: productFiles,
  published: {
    text: "0.924 TF-IDF of the name + logistic regression, scikit-learn, same split",
    image: "0.695 HOG + HSV histogram + RBF SVM, scikit-learn, same split; 0.65-0.75 VGG16 fine-tuned, another split",
    concat: "0.930 late fusion, scikit-learn, same split; 0.67-0.78 USE + VGG16, another split",
    "weighted sum": "0.930 late fusion, scikit-learn, same split; 0.67-0.78 USE + VGG16, another split",
  },
  async read(folder) {
    const { names, labels, photos, train, test } = readProducts(folder);

    // Nothing is learned from the photos, so their features are the same in every fold.
    const photoFeatures: FeatureSet = {
      edges: await (await views.edges.fit([])).transform(photos),
      colors: await (await views.colors.fit([])).transform(photos),
      layout: await (await views.layout.fit([])).transform(photos),
    };

    const candidate = (choice: Choice) => ({
      choice,
      async predict(from: Uint32Array, to: Uint32Array, seed: number) {
        const text = await choice.text?.fit(take(names, from));
        const featuresOf = async (rows: Uint32Array): Promise<FeatureSet> => ({
          ...(text && { name: await text.transform(take(names, rows)) }),
          ...(choice.photo &&
            Object.fromEntries(Object.entries(photoFeatures).map(([view, all]) => [view, takeFeatures(all, rows)]))),
        });
        const [known, asked] = [await featuresOf(from), await featuresOf(to)];
        const targets = take(labels, from);
        const fuser = await choice.fuser.fit(known, targets, { seed });
        const model = await logisticRegression<string>({ C: choice.C }).fit(await fuser.transform(known), targets, {
          seed,
        });
        return (await model.predict(await fuser.transform(asked))).labels;
      },
    });

    return async function* (seed): AsyncGenerator<Score> {
      const folds = stratifiedKFold(take(labels, train), { folds: 5, seed }).map((fold) => ({
        train: take(train, fold.train),
        test: take(train, fold.test),
      }));
      const chosen = async function* (
        method: string,
        choices: Choice[],
        out: { choice?: Choice },
      ): AsyncGenerator<Score> {
        const best = await select(choices.map(candidate), { labels, folds, seed, rule: "best" });
        out.choice = best.choice;
        const predicted = await best.predict(train, test, seed);
        const truth = take(labels, test);
        yield { method, metric: "accuracy", value: accuracy(truth, predicted) };
        yield { method, metric: "macro-F1", value: f1(truth, predicted, { average: "macro" }) };
      };

      const fuser = concat();
      const text: { choice?: Choice } = {};
      const textChoices = Object.values(texts).flatMap((one) => [1, 10].map((C) => ({ text: one, fuser, C })));
      yield* chosen("text", textChoices, text);
      yield* chosen(
        "image",
        [0.1, 0.3, 1].map((C) => ({ photo: true, fuser, C })),
        {},
      );
      // The text as it was best alone; open is how much the photo counts beside it.
      const both = { photo: true, text: text.choice!.text!, C: text.choice!.C };
      const weighted = (weight: number) => ({ edges: weight, colors: weight, layout: weight });
      const concats = [0.1, 0.2, 0.4].map((weight) => ({ ...both, fuser: concat({ weights: weighted(weight) }) }));
      yield* chosen("concat", concats, {});
      const sums = (["skill", weighted(0.1), weighted(0.3)] as const).map((weights) => ({
        ...both,
        fuser: weightedSum({ weights }),
      }));
      yield* chosen("weighted sum", sums, {});
    };
  },
};
