import { readFileSync } from "node:fs";
import { join } from "node:path";
import { chineseTokenizer, tfidf } from "@mmub/text";
import { chosen, type Labelled, logistic, scores, svm } from "../linear.js";
import type { QualitySet, Score } from "../quality.js";

const method = "TF-IDF + linear model";

export const set: QualitySet = {
  folder: "chnsenticorp",
  files: ["train.tsv", "dev.tsv", "test.tsv"],
  published: { [method]: "0.927 char 1-3-gram TF-IDF + LinearSVC, scikit-learn, same split" },
  async read(folder) {
    const [train, dev, test] = [readSplit(folder, "train"), readSplit(folder, "dev"), readSplit(folder, "test")];
    const tokenizer = await chineseTokenizer({ punctuation: true });
    const chars = tfidf({ analyzer: "char", ngramRange: [1, 3], sublinearTf: true, minDf: 2 });
    const presence = tfidf({ analyzer: "char", ngramRange: [1, 3], binary: true, minDf: 2, maxDf: 0.5 });
    const words = tfidf({ tokenizer, ngramRange: [1, 2], sublinearTf: true, minDf: 2 });
    const ways = [{ chars }, { presence }, { words }, { chars, words }, { presence, words }];
    const candidates = ways.flatMap((views) => [
      { views, learner: logistic, cs: [3, 10, 30, 100] },
      { views, learner: svm, cs: [0.01, 0.03, 0.1, 0.3] },
    ]);

    // The split is given and nothing is random, so all seeds give the same.
    return async function* (): AsyncGenerator<Score> {
      const best = await chosen(candidates, [{ train, judged: dev }]);
      yield { method, metric: "dev accuracy", value: best.accuracy };
      const [judged] = await scores(best, train, test);
      yield { method, metric: "accuracy", value: judged!.accuracy };
    };
  },
};

/** Lines of a label, a tab and a text, after a line of names. */
function readSplit(folder: string, split: string): Labelled {
  const lines = readFileSync(join(folder, `${split}.tsv`), "utf8")
    .trim()
    .split(/\r?\n/)
    .slice(1);
  const cells = lines.map((line) => line.split("\t"));
  return { labels: cells.map(([label]) => label!), texts: cells.map(([, text]) => text!) };
}
