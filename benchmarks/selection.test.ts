import { expect, test } from "vitest";
import { select } from "./selection.js";

const labels = ["a", "b", "a", "b", "a", "b", "a", "b"];
const halves = [Uint32Array.of(0, 1, 2, 3), Uint32Array.of(4, 5, 6, 7)] as const;
const folds = [
  { train: halves[1], test: halves[0] },
  { train: halves[0], test: halves[1] },
];

/** Always predicts the same labels, one a row. */
const guess = (predicted: string) => ({
  predicted,
  predict: async (_: Uint32Array, rows: Uint32Array) => Array.from(rows, (row) => predicted[row]!),
});

test("takes the most accurate over all folds, of equals the first", async () => {
  const candidates = ["aaaaaaaa", "ababaaaa", "aaaaabab", "bbbbbbbb"].map(guess);
  const best = await select(candidates, { labels, folds, seed: 0, rule: "best" });
  expect(best.predicted).toBe("ababaaaa");
});

test("or the first within one standard error of it", async () => {
  // Accuracies of the folds: 0.5 and 0.5; 0.75 and 0.5; 1 and 0.5, so a mean of 0.75 with a standard error of 0.25.
  const candidates = ["aaaaaaaa", "abaaaaaa", "ababaaaa"].map(guess);
  const first = await select(candidates, { labels, folds, seed: 0, rule: "one standard error" });
  expect(first.predicted).toBe("aaaaaaaa");
  // 0.75 and 0.75, so a standard error of 0.
  const sure = ["aaaaaaaa", "abaaaaaa", "abaaabaa"].map(guess);
  expect((await select(sure, { labels, folds, seed: 0, rule: "one standard error" })).predicted).toBe("abaaabaa");
});

test("gives each candidate the rows of the folds and the seed", async () => {
  const seen: unknown[] = [];
  const predict = async (train: Uint32Array, rows: Uint32Array, seed: number) => {
    seen.push([train, rows, seed]);
    return Array.from(rows, () => "a");
  };
  await select([{ predict }], { labels, folds, seed: 7, rule: "best" });
  expect(seen).toEqual([
    [halves[1], halves[0], 7],
    [halves[0], halves[1], 7],
  ]);
});
