import { type Dense, type Extractor, type FeatureSet, type Fuser, takeFeatures, vector } from "@mmub/core";
import { concat, weightedSum } from "@mmub/fusion";
import { colorHistogram, hog, type ImageInput, lbp } from "@mmub/image";
import { accuracy, f1, mcnemar, stratifiedKFold, take } from "@mmub/metrics";
import { logisticRegression } from "@mmub/models";
import { tfidf } from "@mmub/text";
import { productFiles, readProducts } from "../flipkart.js";
import type { QualitySet, Score } from "../quality.js";
import { select } from "../selection.js";

const texts = {
  words: tfidf(),
  characters: tfidf({ analyzer: "char_wb", ngramRange: [2, 5], sublinearTf: true }),
};

const edges = {
  width: 96,
  height: 96,
  pixelsPerCell: [12, 12],
  cellsPerBlock: [2, 2],
  orientations: 12,
  channels: "rgb",
} as const;

/** Views of one photo: its edges, stretched and in its own proportions, its colours, where they are, and its texture. */
const views = {
  edges: hog(edges),
  whole: hog({ ...edges, fit: "contain" }),
  colors: colorHistogram({ normalize: "sqrt" }),
  layout: colorHistogram({ normalize: "sqrt", joint: false, bins: [16, 8, 8], grid: [4, 4] }),
  texture: lbp({ width: 160, height: 160, method: "uniform", radius: 2, points: 16, grid: [2, 2], normalize: "sqrt" }),
};
type View = keyof typeof views;

/** Each is what was there before and something more. */
const looks: readonly (readonly View[])[] = [
  ["edges", "colors", "layout"],
  ["edges", "whole", "colors", "layout"],
  ["edges", "whole", "colors", "layout", "texture"],
];

interface Chosen {
  choice?: Choice;
  said?: readonly string[];
}

/** One choice of everything that a method leaves open. */
interface Choice {
  readonly text?: Extractor<string>;
  readonly photo?: readonly View[];
  readonly price?: boolean;
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
    const { names, labels, photos, prices, train, test } = readProducts(folder);

    // Nothing is learned from the photos, so their features are the same in every fold.
    const photoFeatures = {} as Record<View, Dense>;
    for (const [view, extractor] of Object.entries(views) as [View, Extractor<ImageInput, Dense>][])
      photoFeatures[view] = await (await extractor.fit([])).transform(photos);

    const priceFeatures = await (await vector().fit(prices.filter((price) => price !== null))).transform(prices);

    const candidate = (choice: Choice) => ({
      choice,
      async predict(from: Uint32Array, to: Uint32Array, seed: number) {
        const text = await choice.text?.fit(take(names, from));
        const featuresOf = async (rows: Uint32Array): Promise<FeatureSet> => ({
          ...(text && { name: await text.transform(take(names, rows)) }),
          ...(choice.photo &&
            Object.fromEntries(choice.photo.map((view) => [view, takeFeatures(photoFeatures[view], rows)]))),
          ...(choice.price && { price: takeFeatures(priceFeatures, rows) }),
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
      const chosen = async function* (method: string, choices: Choice[], out: Chosen): AsyncGenerator<Score> {
        const best = await select(choices.map(candidate), { labels, folds, seed, rule: "best" });
        out.choice = best.choice;
        const predicted = await best.predict(train, test, seed);
        out.said = predicted;
        const truth = take(labels, test);
        yield { method, metric: "accuracy", value: accuracy(truth, predicted) };
        yield { method, metric: "macro-F1", value: f1(truth, predicted, { average: "macro" }) };
      };

      const fuser = concat();
      const text: Chosen = {};
      const textChoices = Object.values(texts).flatMap((one) => [1, 10].map((C) => ({ text: one, fuser, C })));
      yield* chosen("text", textChoices, text);
      const image: Chosen = {};
      const imageChoices = looks.flatMap((photo) => [0.1, 0.3, 1].map((C) => ({ photo, fuser, C })));
      yield* chosen("image", imageChoices, image);
      // Each as it was best alone; open is how much the photo counts beside the text.
      const photo = image.choice!.photo!;
      const both = { photo, text: text.choice!.text!, C: text.choice!.C };
      const weighted = (weight: number) => Object.fromEntries(photo.map((view) => [view, weight]));
      const photoWeights = [0.1, 0.2, 0.4];
      const concats = photoWeights.map((weight) => ({ ...both, fuser: concat({ weights: weighted(weight) }) }));
      const joined: Chosen = {};
      yield* chosen("concat", concats, joined);
      const priced = concats.flatMap((choice, i) =>
        [0.1, 0.3].map((price) => ({
          ...choice,
          price: true,
          fuser: concat({ weights: { ...weighted(photoWeights[i]!), price } }),
        })),
      );
      const all: Chosen = {};
      yield* chosen("concat with the price", priced, all);
      const truth = take(labels, test);
      for (const [method, { said }] of [
        ["concat", joined],
        ["concat with the price", all],
      ] as const)
        yield { method, metric: "p of the difference to text", value: mcnemar(truth, said!, text.said!).pValue };
      const sums = (["skill", weighted(0.1), weighted(0.3)] as const).map((weights) => ({
        ...both,
        fuser: weightedSum({ weights }),
      }));
      yield* chosen("weighted sum", sums, {});
    };
  },
};
