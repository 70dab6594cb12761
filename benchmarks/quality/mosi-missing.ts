// MOSI with modalities missing: half of the training rows are positive and 62 % of the test rows, so that accuracy is ruled by where the line is
// drawn for rows that have little, of which the balanced one knows nothing.
import type { Dense } from "@mmub/core";
import { concat } from "@mmub/fusion";
import { take } from "@mmub/metrics";
import { missingScores, rowsAt } from "../missing.js";
import { mosiFiles, readMosi } from "../mosi.js";
import type { QualitySet, Score } from "../quality.js";

export const set: QualitySet = {
  files: mosiFiles,
  folder: "mosi-trimodal",
  published: {},
  async read(folder) {
    const { labels, train, test, modalities } = readMosi(folder);
    const known = take(labels, train);
    const scaled: Record<string, Dense> = {};
    for (const name of ["text", "audio", "video"] as const) {
      const all = { [name]: modalities[name] };
      const one = await concat({ scale: "standard" }).fit(rowsAt(all, train), known);
      scaled[name] = (await one.transform(all)) as Dense;
    }
    // Dropout and epochs are those of mosi-trimodal.
    const network = { dropout: 0.5, epochs: 10 };
    const data = { labels, train, test, modalities: scaled, C: 0.01, scale: "standard", network } as const;
    return (seed): AsyncGenerator<Score> => missingScores(data, seed);
  },
};
