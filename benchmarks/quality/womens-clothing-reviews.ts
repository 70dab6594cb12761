import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type FeatureSet, takeFeatures } from "@mmub/core";
import { concat, lateFusion } from "@mmub/fusion";
import { accuracy, mcnemar, pairedBootstrap, r2, stratifiedKFold, take } from "@mmub/metrics";
import { logisticRegression, ridge } from "@mmub/models";
import { tfidf } from "@mmub/text";
import { parseCsv } from "../files.js";
import type { QualitySet, Score } from "../quality.js";
import { select } from "../selection.js";

const text = tfidf({ ngramRange: [1, 2], sublinearTf: true, minDf: 2 });
const views = {
  title: { view: text, columns: ["Title"] },
  text: { view: text, columns: ["Review Text"] },
  names: { view: tfidf({ useIdf: false }), columns: ["Division Name", "Department Name", "Class Name"] },
};

/** What is known: the review alone, or also what was bought. */
const inputs = {
  "TF-IDF + ridge": ["title", "text", "names"],
  "text alone": ["title", "text"],
  "attributes alone": ["names"],
};

/** The rating and whether it is recommended, from what the AutoML multimodal benchmark allows, but for the age. */
export const set: QualitySet = {
  files: ["reviews.csv"],
  published: { "TF-IDF + ridge": "0.589 ridge on word 1-2-gram TF-IDF, scikit-learn, same split" },
  async read(folder) {
    const rows = parseCsv(readFileSync(join(folder, "reviews.csv"), "utf8"));
    const split = (name: string) => rows.filter((row) => row.split === name);
    const [train, test] = [split("train"), split("test")];
    const ratings = (of: typeof rows) => of.map(({ Rating }) => Number(Rating));
    const recommended = (of: typeof rows) => of.map((row) => row["Recommended IND"] === "1");

    const [known, asked]: [FeatureSet, FeatureSet] = [{}, {}];
    for (const [name, { view, columns }] of Object.entries(views)) {
      const texts = (of: typeof rows) => of.map((row) => columns.map((column) => row[column]).join(" "));
      const fitted = await view.fit(texts(train));
      Object.assign(known, { [name]: await fitted.transform(texts(train)) });
      Object.assign(asked, { [name]: await fitted.transform(texts(test)) });
    }
    const data = await Promise.all(
      Object.entries(inputs).map(async ([method, names]) => {
        const of = (all: FeatureSet): FeatureSet => Object.fromEntries(names.map((name) => [name, all[name]!]));
        const fuser = await concat().fit(of(known), ratings(train));
        return { method, x: await fuser.transform(of(known)), unseen: await fuser.transform(of(asked)) };
      }),
    );

    return async function* (seed): AsyncGenerator<Score> {
      const guesses = new Map<string, Float64Array>();
      for (const { method, x, unseen } of data) {
        const model = await ridge({ alpha: [5, 10, 20, 40], folds: 5 }).fit(x, ratings(train), { seed });
        const { values } = await model.predict(unseen);
        guesses.set(method, values);
        yield { method, metric: "R2", value: r2(ratings(test), values) };
      }
      const truth = ratings(test);
      const { pValue } = pairedBootstrap(
        test.length,
        (at) => {
          const of = (method: string) =>
            r2(
              take(truth, at),
              Float64Array.from(at, (row) => guesses.get(method)![row]!),
            );
          return [of("TF-IDF + ridge"), of("text alone")];
        },
        { seed },
      );
      yield { method: "TF-IDF + ridge", metric: "R2, p of the difference to text alone", value: pValue };

      const [labels, wanted] = [recommended(train), recommended(test)];
      const folds = stratifiedKFold(labels, { folds: 5, seed });
      const said = new Map<string, readonly boolean[]>();
      for (const { method: of, x, unseen } of data) {
        const method = of.replace("ridge", "logistic regression");
        const fitted = (C: number, from?: Uint32Array) =>
          logisticRegression<boolean>({ C }).fit(from ? takeFeatures(x, from) : x, from ? take(labels, from) : labels);
        const candidates = [0.5, 1, 2, 4, 8].map((C) => ({
          C,
          predict: async (from: Uint32Array, to: Uint32Array) =>
            (await (await fitted(C, from)).predict(takeFeatures(x, to))).labels,
        }));
        const { C } = await select(candidates, { labels, folds, seed, rule: "best" });
        const output = await (await fitted(C)).predict(unseen);
        said.set(method, output.labels);
        yield { method, metric: "recommended, accuracy", value: accuracy(wanted, output.labels) };
      }
      // A model of each, as they are: what is decided meets, not what is seen.
      const models = Object.fromEntries(
        Object.keys(known).map((name) => [name, logisticRegression<boolean>({ C: 2 })]),
      );
      const late = await lateFusion({ models, rule: "product" }).fit(known, labels, { seed });
      said.set("late fusion by product", (await late.predict(asked)).labels);
      const method = "late fusion by product";
      yield { method, metric: "recommended, accuracy", value: accuracy(wanted, said.get(method)!) };
      for (const fused of ["TF-IDF + logistic regression", method]) {
        const { pValue } = mcnemar(wanted, said.get(fused)!, said.get("text alone")!);
        yield { method: fused, metric: "recommended, p of the difference to text alone", value: pValue };
      }
    };
  },
};
