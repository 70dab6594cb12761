import type { Dense, Features } from "@mmub/core";
import { vector } from "@mmub/core";
import { concat } from "@mmub/fusion";
import { colorHistogram, hog } from "@mmub/image";
import { take } from "@mmub/metrics";
import { tfidf } from "@mmub/text";
import { productFiles, readProducts } from "../flipkart.js";
import { missingScores, rowsAt } from "../missing.js";
import type { QualitySet, Score } from "../quality.js";

/** The category of products from name, photo and price, each missing of more and more of them. */
export const set: QualitySet = {
  files: productFiles,
  folder: "flipkart-1050",
  published: {},
  async read(folder) {
    const { names, labels, photos, prices, train, test } = readProducts(folder);
    const known = take(labels, train);
    const name = await (await tfidf().fit(take(names, train))).transform(names);
    // As they were best alone in flipkart-1050 by cross-validation of the training rows, the colours in one piece.
    const edges = hog({ width: 96, height: 96, pixelsPerCell: [12, 12], cellsPerBlock: [2, 2], channels: "rgb" });
    const photo = {
      edges: await (await edges.fit([])).transform(photos),
      colors: await (await colorHistogram({ normalize: "sqrt" }).fit([])).transform(photos),
    };
    const price = await (await vector().fit([[0, 0]])).transform(prices);
    // Of mean 0, and rows as long as those of the name.
    const centred = async (views: Readonly<Record<string, Dense>>): Promise<Dense> => {
      const fuser = await concat({ blockNorm: 1, indicators: false }).fit(rowsAt(views, train), known);
      const { present } = Object.values(views)[0]!;
      return { ...((await fuser.transform(views)) as Dense), ...(present && { present }) };
    };
    const modalities: Record<string, Features> = {
      name,
      photo: await centred(photo),
      price: await centred({ price }),
    };
    // Rows are of one length: columns of deviation 1 would make those of the photo, which are many, drown a name.
    const network = { dropout: 0.2, epochs: 40, standardize: false };
    const data = { labels, train, test, modalities, C: 10, weights: [0.03, 0.1, 0.3, 1], network };
    return (seed): AsyncGenerator<Score> => missingScores(data, seed);
  },
};
