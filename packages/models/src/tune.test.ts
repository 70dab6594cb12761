import { spawn } from "node:child_process";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Classification, dense } from "@mmub/core";
import { modelChecks, toyData } from "@mmub/core/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fitSearch } from "../fixtures/killed-search.js";
import { decisionTreeClassifier, decisionTreeRegressor } from "./decision-tree.js";
import { ridge } from "./ridge.js";
import { choice, integer, range } from "./tune/space.js";
import { tune } from "./tune.js";

describe("conformance", () => {
  for (const strategy of ["grid", "random", "tpe", "halving"] as const) {
    for (const check of modelChecks({
      task: "classification",
      make: () =>
        tune({
          space: { maxDepth: integer(1, 3), criterion: choice(["gini", "entropy"]) },
          make: (chosen) => decisionTreeClassifier<string>(chosen),
          score: "accuracy",
          ...{ strategy, trials: 4, folds: 3 },
        }),
    }))
      test(`${strategy}: ${check.name}`, check.run);
  }
  for (const check of modelChecks({
    task: "regression",
    make: () =>
      tune({
        space: { alpha: range(0.01, 100, { log: true }) },
        make: ({ alpha }) => ridge({ alpha }),
        score: "r2",
        trials: 12,
      }),
  }))
    test(`numbers: ${check.name}`, check.run);
});

const { features, labels, values } = toyData({ rows: 200, cols: 5, seed: 4 });

/** A model that predicts nothing well: its score is what the search is told. */
const told = (scoreOf: (chosen: { a: number; b: string }) => number) => {
  const seen: { a: number; b: string }[] = [];
  const search = (strategy: "random" | "tpe", trials: number) =>
    tune({
      space: { a: range(-5, 5), b: choice(["bad", "good", "worse"]) },
      make: (chosen) => {
        seen.push(chosen);
        return ridge({ alpha: 1 });
      },
      score: () => scoreOf(seen.at(-1)!),
      ...{ strategy, trials, folds: 2 },
    });
  return search;
};

describe("strategies", () => {
  test("a grid tries every combination once, and the best leads", async () => {
    const fitted = await tune({
      space: { maxDepth: choice([1, 5]), criterion: choice(["squaredError"]), minSamplesLeaf: integer(1, 3) },
      make: (chosen) => decisionTreeRegressor(chosen),
      score: "meanSquaredError",
      strategy: "grid",
    }).fit(features, values);
    const tried = fitted.leaderboard.map(({ params }) => `${params.maxDepth} ${params.minSamplesLeaf}`);
    expect([...tried].sort()).toEqual(["1 1", "1 2", "1 3", "5 1", "5 2", "5 3"]);
    const scores = fitted.leaderboard.map(({ score }) => score!);
    expect(scores).toEqual([...scores].sort((a, b) => b - a));
    expect(fitted.best).toEqual(fitted.leaderboard[0]!.params);
    expect(fitted.best.maxDepth).toBe(5);
    const { trial, durationMs, memoryBytes } = fitted.leaderboard[0]!;
    expect(trial).toBeGreaterThanOrEqual(3);
    expect(durationMs).toBeGreaterThan(0);
    expect(memoryBytes).toBeGreaterThanOrEqual(0);
  });

  test("tpe comes closer than drawing at random, in the median of eleven seeds", async () => {
    const search = told(({ a, b }) => -((a - 2.7) ** 2) - (b === "good" ? 0 : 4));
    const best = async (strategy: "random" | "tpe") => {
      const scores: number[] = [];
      for (let seed = 0; seed < 11; seed++)
        scores.push((await search(strategy, 40).fit(features, values, { seed })).leaderboard[0]!.score!);
      return scores.sort((a, b) => a - b)[5]!;
    };
    const [drawn, guided] = [await best("random"), await best("tpe")];
    expect(guided).toBeGreaterThan(drawn / 3);
  });

  test("halving gives the rows to the best", async () => {
    const fitted = await tune({
      space: { maxDepth: integer(1, 9) },
      make: (chosen) => decisionTreeClassifier<string>(chosen),
      score: "accuracy",
      strategy: "halving",
      trials: 9,
    }).fit(features, labels, { seed: 1 });
    expect(fitted.leaderboard.map(({ share }) => share)).toEqual([
      1,
      ...[1, 1].map(() => 1 / 3),
      ...Array(6).fill(1 / 9),
    ]);
  });

  test("ranges are kept, logarithms are even", async () => {
    const fitted = await tune({
      space: { alpha: range(0.001, 1000, { log: true }), folds: integer(2, 3) },
      make: ({ alpha }) => ridge({ alpha }),
      score: "r2",
      strategy: "random",
      trials: 60,
      folds: 2,
    }).fit(features, values);
    const alphas = fitted.leaderboard.map(({ params }) => params.alpha);
    expect(Math.min(...alphas)).toBeGreaterThanOrEqual(0.001);
    expect(Math.max(...alphas)).toBeLessThanOrEqual(1000);
    const below = alphas.filter((alpha) => alpha < 1).length;
    expect(below).toBeGreaterThan(18);
    expect(below).toBeLessThan(42);
    expect(new Set(fitted.leaderboard.map(({ params }) => params.folds))).toEqual(new Set([2, 3]));
  });

  test("the same seed gives the same leaderboard, another seed another", async () => {
    const board = async (seed: number) =>
      (await told(({ a }) => -Math.abs(a))("tpe", 20).fit(features, values, { seed })).leaderboard.map(
        ({ trial, params, scores }) => ({ trial, params, scores }),
      );
    expect(await board(1)).toEqual(await board(1));
    expect(await board(2)).not.toEqual(await board(1));
  });

  test("no trial starts after the budget, and the first always does", async () => {
    const fitted = await tune({
      space: { alpha: range(1, 2) },
      make: ({ alpha }) => ridge({ alpha }),
      score: "r2",
      trials: 1000,
      timeBudgetMs: 1e-6,
    }).fit(features, values);
    expect(fitted.leaderboard).toHaveLength(1);
  });
});

test("failed trials are told and lead to nothing; the first error where all fail", async () => {
  const search = (least: number) =>
    tune({
      space: { alpha: choice([-1, 1]) },
      make: ({ alpha }) => ridge({ alpha: alpha < least ? -1 : 1 }),
      score: "r2",
      strategy: "grid",
    });
  const fitted = await search(0).fit(features, values);
  expect(fitted.leaderboard.map(({ score }) => score === null)).toEqual([false, true]);
  expect(fitted.leaderboard[1]!.error).toContain("alpha is number -1");
  await expect(search(9).fit(features, values)).rejects.toThrow("alpha is number -1");
});

test("scores of one's own, and folds of one's own", async () => {
  const recall = (truth: readonly string[], { labels }: Classification<string>) =>
    truth.filter((label, row) => label === "b" && labels[row] === "b").length /
    Math.max(1, truth.filter((label) => label === "b").length);
  const folds = [{ train: [...Array(150).keys()], test: [...Array(50).keys()].map((i) => 150 + i) }];
  const fitted = await tune({
    space: { maxDepth: integer(1, 2) },
    make: (chosen) => decisionTreeClassifier<string>(chosen),
    score: recall,
    strategy: "grid",
  }).fit(features, labels, { folds });
  expect(fitted.leaderboard[0]!.scores).toHaveLength(1);
});

describe("the journal", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "mmub-tune-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const board = (fitted: Awaited<ReturnType<typeof fitSearch>>) =>
    fitted.leaderboard.map(({ trial, params, scores }) => ({ trial, params, scores }));

  test("goes on after kill -9 and loses the trial in flight alone", { timeout: 120_000 }, async () => {
    const path = join(folder, "killed.jsonl");
    const script = fileURLToPath(new URL("../fixtures/killed-search.ts", import.meta.url));
    const child = spawn(process.execPath, ["--conditions=@mmub/source", "--import", "tsx", script, path], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let done = 0;
    await new Promise<void>((resolve, reject) => {
      child.on("error", reject);
      child.on("exit", () => resolve());
      child.stdout.on("data", (text: Buffer) => {
        for (const line of String(text).split("\n").filter(Boolean)) done = Math.max(done, Number(line));
        if (done >= 30) child.kill("SIGKILL");
      });
    });
    expect(child.signalCode).toBe("SIGKILL");
    const before = readFileSync(path, "utf8").split("\n").filter(Boolean).length - 1;
    expect(before).toBeGreaterThanOrEqual(Math.floor(done / 4) - 1);
    expect(before).toBeLessThan(25);
    const steps: number[] = [];
    const resumed = await fitSearch(path, (step) => steps.push(step));
    // What was known is reported at once, a trial a step.
    expect(steps.slice(0, before)).toEqual(Array.from({ length: before }, (_, trial) => 4 * (trial + 1)));
    expect(board(resumed)).toEqual(board(await fitSearch(join(folder, "whole.jsonl"))));
  });

  test("half a line is cut off, and what is complete is not tried again", async () => {
    const path = join(folder, "half.jsonl");
    const whole = await fitSearch(path);
    const lines = readFileSync(path, "utf8").split("\n");
    writeFileSync(path, `${lines.slice(0, 6).join("\n")}\n`);
    appendFileSync(path, '{"trial":5,"par');
    expect(board(await fitSearch(path))).toEqual(board(whole));
    expect(readFileSync(path, "utf8").split("\n").filter(Boolean)).toHaveLength(26);
  });

  test("of another search it is refused, and left as it is", async () => {
    const path = join(folder, "other.jsonl");
    writeFileSync(path, "something else\n");
    await expect(fitSearch(path)).rejects.toThrow("is of another search");
    expect(readFileSync(path, "utf8")).toBe("something else\n");
    await expect(fitSearch(join(folder, "no", "folder.jsonl"))).rejects.toThrow("cannot write the journal");
  });
});

test("errors say what is wrong", async () => {
  const base = {
    space: { alpha: range(1, 2) },
    make: ({ alpha }: { alpha: number }) => ridge({ alpha }),
    score: "r2" as const,
  };
  expect(() => tune({ ...base, space: {} as never })).toThrow("want a record");
  expect(() => tune({ ...base, strategy: "grid" })).toThrow("a choice or an integer for a grid");
  expect(() => tune({ ...base, score: "auc" as never })).toThrow("a function or one of accuracy");
  expect(() => range(0, 1, { log: true })).toThrow("a number above 0");
  expect(() => integer(3, 1)).toThrow("at least 3");
  expect(() => choice([])).toThrow("at least one value");
  await expect(tune({ ...base, score: () => Number.NaN }).fit(features, values)).rejects.toThrow(
    "want a finite number",
  );
  await expect(tune(base).fit(dense(0, 2), [])).rejects.toThrow("the data set is empty");
});
