import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { random } from "@mmub/core";
import { wordVectors } from "@mmub/text";
import { afterAll, beforeAll, expect, test } from "vitest";
import { packagedReviews, readReviews } from "../src/reviews.js";
import { tokenizerFor, vocabularyOf } from "../src/words.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "mmub-reviews-"));
});
afterAll(() => rm(folder, { recursive: true }));

/** One of good and bad decides, among words that say nothing. */
const reviewOf = (positive: boolean, seed: number): string => {
  const draws = random(seed);
  const words = Array.from({ length: 10 }, () => `word${draws.integer(30)}`);
  words[draws.integer(10)] = positive ? "Good" : "Bad";
  return words.join(" ");
};

/** The layout of aclImdb. */
const imdb = async (): Promise<string> => {
  const root = join(folder, "aclImdb");
  for (const [part, count] of [
    ["train", 80],
    ["test", 40],
  ] as const)
    for (const mood of ["pos", "neg"]) {
      await mkdir(join(root, part, mood), { recursive: true });
      for (let i = 0; i < count; i++)
        await writeFile(join(root, part, mood, `${i}_9.txt`), `${reviewOf(mood === "pos", i)}<br /><br />`);
    }
  return root;
};

test("the packaged sentences: half positive, none on both sides, the same from the same seed", () => {
  const { train, test } = packagedReviews(7);
  expect([train.length, test.length]).toEqual([2087, 895]);
  const all = [...train, ...test];
  expect(new Set(all.map(({ text }) => text)).size).toBe(all.length);
  expect(all.filter(({ mood }) => mood === "positive").length / all.length).toBeCloseTo(0.5, 2);
  expect(test.filter(({ mood }) => mood === "positive").length / test.length).toBeCloseTo(0.5, 2);
  expect(all.find(({ text }) => text === "Wow... Loved this place.")!.mood).toBe("positive");
  expect(packagedReviews(7)).toEqual({ train, test });
  expect(packagedReviews(8).test).not.toEqual(test);
});

test("reads IMDB's folder, a folder of tsv with quotes in it, and a csv with and without splits", async () => {
  const { train, test } = await readReviews(await imdb(), 7);
  expect([train.length, test.length]).toEqual([160, 80]);
  expect(train[0]).toMatchObject({ mood: "negative", text: expect.stringContaining("Bad") });

  const tsv = join(folder, "tsv");
  await mkdir(tsv);
  for (const part of ["train", "dev", "test"])
    await writeFile(join(tsv, `${part}.tsv`), `label\ttext_a\n1\t"价格很好，${part}\n0\t太"贵"\n`);
  expect(await readReviews(tsv, 7)).toEqual({
    train: [
      { text: '"价格很好，train', mood: "positive" },
      { text: '太"贵"', mood: "negative" },
    ],
    dev: [expect.objectContaining({ text: '"价格很好，dev' }), expect.anything()],
    test: [expect.objectContaining({ text: '"价格很好，test' }), expect.anything()],
  });

  const csv = join(folder, "reviews.csv");
  await writeFile(csv, 'review,sentiment,split\n"good, really",positive,train\nbad,negative,train\nok,positive,test\n');
  expect(await readReviews(csv, 7)).toMatchObject({
    train: [{ text: "good, really", mood: "positive" }, { mood: "negative" }],
    test: [{ text: "ok" }],
  });
  await writeFile(csv, `text,label\n${Array.from({ length: 20 }, (_, i) => `t${i},${i % 2}`).join("\n")}\n`);
  const split = await readReviews(csv, 7);
  expect([split.train.length, split.test.length]).toEqual([14, 6]);
});

test("says what is wrong with data", async () => {
  const csv = join(folder, "broken.csv");
  await writeFile(csv, "text,label\ngood,1\nfine,maybe\n");
  await expect(readReviews(csv, 7)).rejects.toThrow(/label of row 2 of .*broken.csv is maybe, want 1, pos or positive/);
  await expect(readReviews(join(folder, "nowhere"), 7)).rejects.toThrow(/there is no .*nowhere/);
  await mkdir(join(folder, "empty"));
  await expect(readReviews(join(folder, "empty"), 7)).rejects.toThrow(/has neither train\/pos/);
});

test("words by the script of the texts", async () => {
  const english = await tokenizerFor(["It's <b>GREAT</b>"]);
  expect(english.tokenize("It's <b>GREAT</b>,<br />a Café")).toEqual(["it's", "great", "a", "café"]);
  const chinese = await tokenizerFor(["价格很好，物流快", "好"]);
  expect(chinese.tokenize("价格很好，ＯＫ！")).toEqual(["价格", "很", "好", "ok"]);
});

test("a vocabulary begins with the vectors given, and knows other words that come twice", () => {
  const vectors = wordVectors({ words: ["good", "bad"], table: Float32Array.of(1, 2, 3, 4) });
  const { size, table, encode } = vocabularyOf([["fine", "good"], ["fine"], ["once"]], vectors, 7);
  expect(size).toBe(4); // unknown, good, bad, fine
  expect(table).toHaveLength(8);
  expect(Array.from(table.subarray(0, 6))).toEqual([0, 0, 1, 2, 3, 4]);
  expect(table.subarray(6).every((value) => value !== 0)).toBe(true);
  const { offsets, data } = encode([["bad", "once"], [], ["fine"]]);
  expect([...offsets]).toEqual([0, 2, 2, 3]);
  expect([...data]).toEqual([2, 0, 3]);
});

test("prints both models and what lies between them", async () => {
  const vectors = join(folder, "glove.txt");
  await writeFile(vectors, "good 0.9 -0.3 0.1\nbad -0.8 0.4 0.2\nelsewhere 1 1 1\n");
  const { stdout, stderr, status } = run("--data", await imdb(), "--vectors", vectors, "--epochs", "15");
  expect(stderr).toBe("");
  expect(status).toBe(0);
  expect(stdout).toContain("160 reviews to learn from, 80 to predict");
  expect(stdout).toContain("32 words, 2 of them with a vector of 3 numbers");
  expect(stdout.match(/ kept$/gm)).toHaveLength(1);
  for (const name of [/GloVe \+ CNN/, /TF-IDF \+ logistic regression/]) {
    const [, loss, percent, , , recall, f1] = stdout.match(
      new RegExp(`${name.source} +([\\d.]+) +([\\d.]+) % \\(([\\d.]+) % to ([\\d.]+) %\\) +([\\d.]+) % +([\\d.]+)`),
    )!;
    expect(Number(loss)).toBeLessThan(0.6);
    for (const share of [Number(percent) / 100, Number(recall) / 100, Number(f1)]) expect(share).toBeGreaterThan(0.85);
  }
  expect(stdout).toMatch(/less the linear model: -?[\d.]+ points \(95 % interval -?[\d.]+ to -?[\d.]+\)/);
});

test("options that are none", () => {
  expect(run("--epochs", "many")).toMatchObject({
    status: 1,
    stderr: "--epochs is NaN, want a whole number from 1 on\n",
  });
  expect(run("--data", join(folder, "nowhere")).stderr).toMatch(/^there is no /);
});

function run(...args: string[]) {
  const main = fileURLToPath(new URL("../src/main.ts", import.meta.url));
  return spawnSync(process.execPath, ["--conditions=@mmub/source", "--import", "tsx", main, ...args], {
    encoding: "utf8",
  });
}
