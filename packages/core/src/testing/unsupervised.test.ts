import { describe, expect, test } from "vitest";
import { pace, progress, rowBatches } from "../batch.js";
import type { Dense, Features, FittedModel, Saved, Unsupervised } from "../contracts.js";
import { MmubError } from "../errors.js";
import { checkFeatures, toDense } from "../features.js";
import { checkSaved, savedArray } from "../saved.js";
import { unsupervisedChecks } from "./index.js";

type Scores = { readonly scores: Float64Array };

/** How far each row is from the mean of the fit. */
function distances(change: (good: FittedModel<Scores>) => Partial<FittedModel<Scores>> = () => ({})) {
  const recipe = { type: "@example/distances", params: {} };
  const check = (x: Features): Dense => {
    checkFeatures(x, recipe.type);
    return toDense(x as Dense);
  };
  const fitted = (means: Float64Array): FittedModel<Scores> => {
    const good: FittedModel<Scores> = {
      async predict(features, options) {
        const x = check(features);
        if (x.cols !== means.length)
          throw new MmubError("shape-mismatch", { part: recipe.type, message: `got ${x.cols} columns` });
        const scores = new Float64Array(x.rows);
        for await (const { from, to } of rowBatches(x.rows, options, recipe.type))
          for (let row = from; row < to; row++)
            scores[row] = means.reduce((sum, mean, k) => sum + Math.abs(x.data[row * x.cols + k]! - mean), 0);
        return { scores };
      },
      save: async (): Promise<Saved> => ({ ...recipe, version: 1, state: null, arrays: { means: means.slice() } }),
    };
    return { ...good, ...change(good) };
  };
  return (): Unsupervised<Scores> => ({
    ...recipe,
    async fit(features, options) {
      options?.signal?.throwIfAborted();
      const x = check(features);
      if (x.rows === 0) throw new MmubError("invalid-input", { part: recipe.type, message: "the data set is empty" });
      const report = progress(options, recipe.type, x.rows);
      const pause = pace(options?.signal);
      const means = new Float64Array(x.cols);
      for (let row = 0; row < x.rows; row++) {
        await pause();
        for (let k = 0; k < x.cols; k++) means[k]! += x.data[row * x.cols + k]! / x.rows;
        report(row + 1);
      }
      options?.signal?.throwIfAborted();
      return fitted(means);
    },
    load: async (saved) => fitted(savedArray(checkSaved(saved, recipe, 1), "means", Float64Array)),
  });
}

const rowsOf = ({ scores }: Scores): number[] => [...scores];

describe("a sound model without targets passes", () => {
  for (const check of unsupervisedChecks({ make: distances(), rowsOf })) test(check.name, check.run);
});

describe("a broken one is caught by the check made for it alone", () => {
  for (const [fault, check, make] of [
    [
      "compares a row with its batch",
      "a prediction depends on its own row alone",
      distances((good) => ({
        async predict(x, options) {
          const { scores } = await good.predict(x, options);
          return { scores: scores.map((score) => score / Math.max(...scores)) };
        },
      })),
    ],
    [
      "takes any width",
      "features that do not fit are refused",
      distances((good) => ({
        predict: async (x, options) => (x.cols === 4 ? good.predict(x, options) : { scores: new Float64Array(x.rows) }),
      })),
    ],
  ] as const)
    test(fault, async () => {
      const failed: string[] = [];
      for (const one of unsupervisedChecks({ make, rowsOf })) await one.run().catch(() => failed.push(one.name));
      expect(failed).toEqual([check]);
    });
});
