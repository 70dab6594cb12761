import { existsSync } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { stratifiedSplit, take } from "@mmub/metrics";
import { parse } from "csv-parse/sync";
import amazon from "sentiment/test/fixtures/amazon.json" with { type: "json" };
import imdb from "sentiment/test/fixtures/imdb.json" with { type: "json" };
import yelp from "sentiment/test/fixtures/yelp.json" with { type: "json" };

export type Mood = "positive" | "negative";

export interface Review {
  readonly text: string;
  readonly mood: Mood;
}

/** Reviews to learn from and to predict; nothing is chosen by the latter. */
export interface Reviews {
  readonly train: readonly Review[];
  /** To choose the epoch by, where the data have a part for that. */
  readonly dev?: readonly Review[];
  readonly test: readonly Review[];
}

/**
 * 3,000 sentences of reviews of films, restaurants and phones, half of each positive, which npm's `sentiment` has for its own
 * tests: Kotzias et al. (2015), From group to individual labels using deep features. 30 % of each are kept aside.
 */
export function packagedReviews(seed: number): Reviews {
  const rows = Object.entries({ imdb, yelp, amazon }).flatMap(([from, sentences]) =>
    sentences.map(({ text, class: mood }) => ({ from, text: text?.trim() ?? "", mood: String(mood) })),
  );
  // The last entry of each file is empty, and some sentences come twice: none may be on both sides.
  const whole = new Map(rows.filter(({ text }) => text !== "").map((row) => [row.text, row]));
  const kept = [...whole.values()].map(({ from, text, mood }) => ({ from, text, mood: moodOf(mood, `${from}.json`) }));
  return split(
    kept,
    kept.map(({ from, mood }) => `${from} ${mood}`),
    seed,
  );
}

/**
 * Reviews of a folder as IMDB's (`train/pos/*.txt`, `train/neg`, `test/pos`, `test/neg`), of one with `train.tsv` and `test.tsv` (and
 * `dev.tsv`), or of a csv with the columns text or review, label or sentiment and, if it likes, split.
 */
export async function readReviews(path: string, seed: number): Promise<Reviews> {
  if (!existsSync(path)) throw new Error(`there is no ${path}`);
  if ((await stat(path)).isFile()) return readCsv(path, seed);
  if (existsSync(join(path, "train", "pos")))
    return { train: await readImdb(join(path, "train")), test: await readImdb(join(path, "test")) };
  if (existsSync(join(path, "train.tsv"))) {
    const [train, test] = [await readTsv(join(path, "train.tsv")), await readTsv(join(path, "test.tsv"))];
    return existsSync(join(path, "dev.tsv"))
      ? { train, test, dev: await readTsv(join(path, "dev.tsv")) }
      : { train, test };
  }
  throw new Error(`${path} has neither train/pos, as IMDB's folder has, nor train.tsv; a csv is named itself`);
}

async function readImdb(folder: string): Promise<Review[]> {
  const reviews: Review[] = [];
  for (const name of ["neg", "pos"]) {
    // Sorted, for a file system gives them in any order, and the training depends on it.
    for (const file of (await readdir(join(folder, name))).filter((one) => one.endsWith(".txt")).sort())
      reviews.push({ text: await readFile(join(folder, name, file), "utf8"), mood: moodOf(name, folder) });
  }
  return reviews;
}

async function readTsv(path: string): Promise<Review[]> {
  // Quotes are part of the text here, so this is no csv.
  const lines = (await readFile(path, "utf8")).trim().split(/\r?\n/).slice(1);
  return lines.map((line, at) => {
    const [label, text] = line.split("\t");
    return { text: text ?? "", mood: moodOf(label, `line ${at + 2} of ${path}`) };
  });
}

async function readCsv(path: string, seed: number): Promise<Reviews> {
  const rows: Record<string, string>[] = parse(await readFile(path, "utf8"), { columns: true, bom: true });
  const reviews = rows.map((row, at) => ({
    text: row.text ?? row.review ?? "",
    mood: moodOf(row.label ?? row.sentiment, `row ${at + 1} of ${path}`),
    split: row.split,
  }));
  if (reviews.some((row) => row.split === "test"))
    return {
      train: reviews.filter((row) => row.split === "train"),
      test: reviews.filter((row) => row.split === "test"),
    };
  return split(
    reviews,
    reviews.map(({ mood }) => mood),
    seed,
  );
}

function split(reviews: readonly Review[], alike: readonly string[], seed: number): Reviews {
  const { train, test } = stratifiedSplit(alike, { testSize: 0.3, seed });
  return { train: take(reviews, train), test: take(reviews, test) };
}

function moodOf(label: string | undefined, where: string): Mood {
  if (label === "1" || label === "pos" || label === "positive") return "positive";
  if (label === "0" || label === "neg" || label === "negative") return "negative";
  throw new Error(`the label of ${where} is ${label}, want 1, pos or positive, or 0, neg or negative`);
}
