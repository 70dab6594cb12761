import { readFileSync } from "node:fs";
import { join } from "node:path";
import { takeFeatures } from "@mmub/core";
import { qiniAuc, stratifiedKFold, take, upliftAtK, upliftAuc, upliftPlot } from "@mmub/metrics";
import { gradientBoostingClassifier } from "@mmub/models";
import { parseCsv } from "../files.js";
import type { Picture, QualitySet, Score } from "../quality.js";
import { type Params, readTable, type Table } from "../tabular.js";

/** Small trees of many rows: an effect is a small difference of two noisy rates. */
const candidates: readonly Params[] = [2, 4, 8].flatMap((numLeaves) =>
  [50, 100, 200].map((numIterations) => ({
    numLeaves,
    numIterations,
    learningRate: 0.05,
    minDataInLeaf: 100,
    featureFraction: 0.5,
    baggingFraction: 0.5,
  })),
);

type Learner = (
  data: Campaign,
  params: Params,
  train: readonly number[],
  asked: readonly number[],
  seed: number,
) => Promise<Float64Array>;

interface Campaign extends Table {
  readonly treated: readonly number[];
}

/** A model of those who got the e-mail and one of those who did not; the effect is the difference of what they say. */
const twoModels: Learner = async (data, params, train, asked, seed) => {
  const [without, given] = await Promise.all(
    [0, 1].map((arm) => {
      const rows = train.filter((row) => data.treated[row] === arm);
      return chance(data, take(data.targets, rows), params, rows, asked, seed);
    }),
  );
  return given!.map((p, i) => p - without![i]!);
};

/** One model of whether a customer did as the arm would have it: a visit with the e-mail, none without. Arms of equal size. */
const classTransform: Learner = async (data, params, train, asked, seed) => {
  const did = train.map((row) => Number(data.targets[row] === data.treated[row]));
  return (await chance(data, did, params, train, asked, seed)).map((p) => 2 * p - 1);
};

/** The mean of three models that differ by their seed. */
async function chance(
  { x, categorical }: Campaign,
  targets: readonly number[],
  params: Params,
  rows: readonly number[],
  asked: readonly number[],
  seed: number,
): Promise<Float64Array> {
  const sum = new Float64Array(asked.length);
  const unseen = takeFeatures(x, asked);
  for (const own of [0, 1, 2]) {
    const model = gradientBoostingClassifier<number>({ ...params, categorical });
    const fitted = await model.fit(takeFeatures(x, rows), targets, { seed: 3 * seed + own });
    const { data } = (await fitted.predict(unseen)).probabilities;
    for (let i = 0; i < sum.length; i++) sum[i]! += data[2 * i + 1]! / 3;
  }
  return sum;
}

/** Whom an e-mail brings to the shop: each arm against those who got none, params by the Qini coefficient of folds of the training rows. */
export const set: QualitySet = {
  files: ["hillstrom.csv"],
  published: {},
  async read(folder) {
    const all = parseCsv(readFileSync(join(folder, "hillstrom.csv"), "utf8"));
    return async function* (seed): AsyncGenerator<Score | Picture> {
      for (const arm of ["Womens E-Mail", "Mens E-Mail"]) {
        const rows = all.filter(({ segment }) => segment === arm || segment === "No E-Mail");
        const table = readTable(rows, {
          target: "visit",
          leaveOut: ["conversion", "spend", "split", "segment", "history_segment"],
          codes: [],
        });
        const data = { ...table, treated: rows.map(({ segment }) => Number(segment === arm)) };
        const of = (split: string) => [...rows.keys()].filter((row) => rows[row]!.split === split);
        const [train, test] = [of("train"), of("test")];
        const judged = (asked: readonly number[], uplift: Float64Array) => ({
          outcome: take(data.targets, asked),
          treated: take(data.treated, asked),
          uplift,
        });
        for (const [name, learner] of [
          ["two models", twoModels],
          ["class transform", classTransform],
        ] as const) {
          const folds = stratifiedKFold(
            train.map((row) => 2 * data.treated[row]! + data.targets[row]!),
            { folds: 3, seed },
          );
          let best: { params: Params; score: number } | undefined;
          for (const params of candidates) {
            let score = 0;
            for (const fold of folds) {
              const asked = take(train, fold.test);
              score += qiniAuc(judged(asked, await learner(data, params, take(train, fold.train), asked, seed)));
            }
            if (!best || score > best.score) best = { params, score };
          }
          const held = judged(test, await learner(data, best!.params, train, test, seed));
          const method = `${arm}: ${name}`;
          yield { method, metric: "uplift@30%", value: upliftAtK(held, { k: 0.3 }) };
          yield { method, metric: "Qini", value: qiniAuc(held) };
          yield { method, metric: "AUUC", value: upliftAuc(held) };
          yield { method, plot: upliftPlot([{ name, data: held }], { title: `Visits gained, ${arm}` }) };
        }
      }
    };
  },
};
