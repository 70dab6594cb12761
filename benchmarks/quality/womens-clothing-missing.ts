import { readFileSync } from "node:fs";
import { join } from "node:path";
import { tfidf } from "@mmub/text";
import { parseCsv } from "../files.js";
import { missingScores } from "../missing.js";
import type { QualitySet, Score } from "../quality.js";

/** Whether clothes are recommended, from review, title and what was bought, each missing of more and more rows. */
export const set: QualitySet = {
  files: ["reviews.csv"],
  folder: "womens-clothing-reviews",
  published: {},
  async read(folder) {
    const rows = parseCsv(readFileSync(join(folder, "reviews.csv"), "utf8"));
    const rowsOf = (split: string) => Uint32Array.from(rows.flatMap((row, at) => (row.split === split ? [at] : [])));
    const [train, test] = [rowsOf("train"), rowsOf("test")];
    const features = async (columns: readonly string[], view: ReturnType<typeof tfidf>) => {
      const texts = rows.map(
        (row) =>
          columns
            .map((column) => row[column])
            .join(" ")
            .trim() || null,
      );
      const fitted = await view.fit(Array.from(train, (row) => texts[row]!));
      return fitted.transform(texts);
    };
    const text = tfidf({ sublinearTf: true, minDf: 5 });
    const modalities = {
      review: await features(["Review Text"], text),
      title: await features(["Title"], text),
      bought: await features(["Division Name", "Department Name", "Class Name"], tfidf({ useIdf: false })),
    };
    const labels = rows.map((row) => (row["Recommended IND"] === "1" ? "yes" : "no"));
    const data = { labels, train, test, modalities, C: 2, network: { dropout: 0.3, epochs: 3 } };
    return (seed): AsyncGenerator<Score> => missingScores(data, seed);
  },
};
