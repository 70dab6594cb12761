import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { FeatureSet } from "@mmub/core";
import { concat } from "@mmub/fusion";
import { r2 } from "@mmub/metrics";
import { ridge } from "@mmub/models";
import { tfidf } from "@mmub/text";
import { parseCsv } from "../files.js";
import type { QualitySet, Score } from "../quality.js";

const method = "TF-IDF + ridge";

const text = tfidf({ ngramRange: [1, 2], sublinearTf: true, minDf: 2 });
const views = {
  title: { view: text, columns: ["Title"] },
  text: { view: text, columns: ["Review Text"] },
  names: { view: tfidf({ useIdf: false }), columns: ["Division Name", "Department Name", "Class Name"] },
};

/** The rating from what the AutoML multimodal benchmark allows, but for the age. */
export const set: QualitySet = {
  files: ["reviews.csv"],
  published: { [method]: "0.589 ridge on word 1-2-gram TF-IDF, scikit-learn, same split" },
  async read(folder) {
    const rows = parseCsv(readFileSync(join(folder, "reviews.csv"), "utf8"));
    const split = (name: string) => rows.filter((row) => row.split === name);
    const [train, test] = [split("train"), split("test")];
    const ratings = (of: typeof rows) => of.map(({ Rating }) => Number(Rating));

    const [known, asked]: [FeatureSet, FeatureSet] = [{}, {}];
    for (const [name, { view, columns }] of Object.entries(views)) {
      const texts = (of: typeof rows) => of.map((row) => columns.map((column) => row[column]).join(" "));
      const fitted = await view.fit(texts(train));
      Object.assign(known, { [name]: await fitted.transform(texts(train)) });
      Object.assign(asked, { [name]: await fitted.transform(texts(test)) });
    }
    const fuser = await concat().fit(known, ratings(train));
    const [x, unseen] = [await fuser.transform(known), await fuser.transform(asked)];

    return async function* (seed): AsyncGenerator<Score> {
      const model = await ridge({ alpha: [5, 10, 20, 40], folds: 5 }).fit(x, ratings(train), { seed });
      const { values } = await model.predict(unseen);
      yield { method, metric: "R2", value: r2(ratings(test), values) };
    };
  },
};
