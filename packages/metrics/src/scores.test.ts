import fc from "fast-check";
import { describe, expect, test } from "vitest";
import fixture from "../fixtures/scores.json" with { type: "json" };
import { balancedAccuracy, cohenKappa, matthewsCorrelation } from "./agreement.js";
import { brierScore, calibrationCurve, expectedCalibrationError, topKAccuracy } from "./calibration.js";
import type { ClassScores } from "./class-scores.js";
import { accuracy, f1, fBeta, hammingLoss, jaccard, precision, recall } from "./classification.js";
import { adjustedRandIndex, normalizedMutualInformation, silhouette } from "./clustering.js";
import { correctedResampledT, mcnemar, pairedBootstrap } from "./comparison.js";
import { averagePrecision, precisionRecallCurve } from "./precision-recall.js";
import { catalogCoverage, ndcg, rankingScores } from "./ranking.js";
import {
  intervalCoverage,
  meanAbsolutePercentageError,
  medianAbsoluteError,
  pinballLoss,
  poissonDeviance,
} from "./regression.js";
import { take } from "./split.js";
import { qiniAuc, qiniCurve, upliftAtK, upliftAuc, upliftByBin, upliftCurve } from "./uplift.js";

/** Equal to 1e-9, whatever the nesting. */
function near(got: unknown, want: unknown): void {
  if (typeof want === "number") {
    expect(Math.abs((got as number) - want)).toBeLessThanOrEqual(1e-9 * Math.max(1, Math.abs(want)));
    return;
  }
  const [own, other] = [got as Record<string, unknown>, want as Record<string, unknown>];
  expect(Object.keys(own).sort()).toEqual(Object.keys(other).sort());
  for (const key of Object.keys(other)) near(own[key], other[key]);
}

function weighted(weights: readonly number[] | null | undefined) {
  return weights ? { sampleWeight: weights } : {};
}

function classScores(cols: number, data: readonly number[]): ClassScores<number> {
  const classes = Array.from({ length: cols }, (_, i) => i);
  return { classes, probabilities: { rows: data.length / cols, cols, data } };
}

test("sets of labels: scikit-learn's values", () => {
  const { truth, predicted, weights, cases } = fixture.multi_label;
  for (const each of cases) {
    const weight = weighted(each.weighted ? weights : null);
    if (each.expected) {
      const options = { average: each.average as "macro", zeroDivision: each.zeroDivision, ...weight };
      const got: unknown[] = [
        precision(truth, predicted, options),
        recall(truth, predicted, options),
        f1(truth, predicted, options),
        fBeta(truth, predicted, { ...options, beta: 2 }),
        jaccard(truth, predicted, options),
      ];
      near(
        got.map((score) => (Array.isArray(score) ? score.map(({ value }) => value) : score)),
        each.expected,
      );
    } else {
      near(accuracy(truth, predicted, weight), each.accuracy);
      near(hammingLoss(truth, predicted, weight), each.hamming);
    }
  }
});

test("balanced accuracy, correlation and kappa: scikit-learn's values", () => {
  for (const { truth, predicted, weights, ...want } of fixture.agreement) {
    const weight = weighted(weights);
    near(balancedAccuracy(truth, predicted, weight), want.balanced);
    near(balancedAccuracy(truth, predicted, { adjusted: true, ...weight }), want.adjusted);
    near(matthewsCorrelation(truth, predicted, weight), want.matthews);
    near(cohenKappa(truth, predicted, weight), want.kappa[0]);
    near(cohenKappa(truth, predicted, { weights: "linear", ...weight }), want.kappa[1]);
    near(cohenKappa(truth, predicted, { weights: "quadratic", ...weight }), want.kappa[2]);
    near(cohenKappa(truth, predicted, { labels: [1, 0], weights: "linear", ...weight }), want.kappaLabels);
    near(jaccard(truth, predicted, { average: "macro", ...weight }), want.jaccard);
  }
  expect(matthewsCorrelation([1, 1], [1, 0])).toBe(0);
});

describe("probabilities: scikit-learn's values", () => {
  test("of two classes", () => {
    for (const { truth, scores, weights, ...want } of fixture.probabilities.binary) {
      const weight = weighted(weights);
      for (const dropIntermediate of [false, true]) {
        const { precisions, recalls, thresholds } = precisionRecallCurve(truth, scores, {
          dropIntermediate,
          ...weight,
        });
        near(
          { precisions: [...precisions], recalls: [...recalls], thresholds: [...thresholds] },
          want.curves[`${dropIntermediate}`],
        );
      }
      near(averagePrecision(truth, scores, weight), want.averagePrecision);
      near(brierScore(truth, scores, weight), want.brier);
      near(brierScore(truth, scores, { scaleByHalf: false, ...weight }), want.brierWhole);
      for (const strategy of ["uniform", "quantile"] as const) {
        const { observed, predicted, samples } = calibrationCurve(truth, scores, { bins: 7, strategy });
        near({ observed: [...observed], predicted: [...predicted] }, want.calibration[strategy]);
        expect(samples.reduce((a, b) => a + b)).toBe(truth.length);
      }
      for (const norm of ["mean", "max", "root-mean-square"] as const)
        if (want.error) near(expectedCalibrationError(truth, scores, { bins: 13, norm }), want.error[norm]);
    }
  });

  test("of more classes", () => {
    for (const { truth, classes, probabilities, weights, ...want } of fixture.probabilities.multi) {
      const scores = classScores(classes, probabilities);
      const weight = weighted(weights);
      for (const average of ["macro", "weighted", "micro"] as const)
        near(averagePrecision(truth, scores, { average, ...weight }), want.averagePrecision[average]);
      const each = averagePrecision(truth, scores, { average: null, ...weight });
      near(
        each.map(({ value }) => value),
        want.averagePrecision.None,
      );
      near(brierScore(truth, scores, weight), want.brier);
      near(brierScore(truth, scores, { scaleByHalf: true, ...weight }), want.brierHalf);
      want.topK.forEach((score, i) => {
        near(topKAccuracy(truth, scores, { k: i + 1, ...weight }), score);
      });
      near(topKAccuracy(truth, scores, { normalize: false, ...weight }), want.topKSum);
      near(expectedCalibrationError(truth, scores), want.error);
    }
  });
});

test("errors of numbers: scikit-learn's values", () => {
  for (const { truth, predicted, weights, ...want } of fixture.regression) {
    const weight = weighted(weights);
    const above = truth.map((value) => value + 1);
    near(meanAbsolutePercentageError(above, predicted, weight), want.percentage);
    near(medianAbsoluteError(truth, predicted, weight), want.median);
    [0.5, 0.1, 0.9].forEach((alpha, i) => {
      near(pinballLoss(truth, predicted, { alpha, ...weight }), want.pinball[i]);
    });
    near(poissonDeviance(truth, predicted, weight), want.poisson);
  }
});

test("clusters: scikit-learn's values", () => {
  for (const { truth, clusters, rand, information } of fixture.clustering.partitions) {
    near(adjustedRandIndex(truth, clusters), rand);
    for (const average of ["arithmetic", "geometric", "min", "max"] as const)
      near(normalizedMutualInformation(truth, clusters, { average }), information[average]);
  }
  const { x, clusters } = fixture.clustering;
  for (const metric of ["euclidean", "manhattan", "cosine"] as const)
    near(silhouette({ rows: 50, cols: 3, data: x }, clusters, { metric }), fixture.clustering.silhouette[metric]);
});

test("uplift: scikit-uplift's values", () => {
  for (const data of fixture.uplift) {
    const curve = upliftCurve(data);
    near([...curve.samples], data.samples);
    near([...curve.gain], data.gain);
    near([...qiniCurve(data).gain], data.qiniGain);
    near(upliftAuc(data), data.upliftAuc);
    near(qiniAuc(data), data.qiniAuc);
    near(qiniAuc(data, { negativeEffect: false }), data.qiniAucPositive);
    for (const [name, want] of Object.entries(data.atK)) {
      const [strategy, k] = name.split(" ") as ["overall", string];
      near(upliftAtK(data, { strategy, k: Number(k) }), want);
    }
    near(
      upliftByBin(data, { bins: 4 }).map((bin) => Object.values(bin)),
      data.bins,
    );
  }
});

test("rankings: scikit-learn's and ranx's values", () => {
  const { relevance, scores, tied, weights, cases, recommended, relevant, lists } = fixture.ranking;
  for (const { ties, k, ignoreTies, weighted: has, expected } of cases)
    near(
      ndcg(relevance, ties ? tied : scores, {
        ...(k !== null && { k }),
        ignoreTies,
        ...weighted(has ? weights : null),
      }),
      expected,
    );
  const wanted = relevant.map((items) => new Map(items as [string, number][]));
  for (const [k, want] of Object.entries(lists)) {
    const options = k === "0" ? {} : { k: Number(k) };
    const got = rankingScores(recommended, wanted, options);
    for (const name of ["ndcg", "map", "mrr", "hitRate", "recall", "precision"] as const) near(got[name], want[name]);
    near(rankingScores(recommended, wanted, { ...options, gain: "exponential" }).ndcg, want.exponential);
  }
});

test("paired tests: statsmodels' and scipy's values", () => {
  for (const { onlyFirst, onlySecond, exact, corrected, plain } of fixture.comparison.mcnemar) {
    const truth = new Array<number>(onlyFirst + onlySecond + 3).fill(1);
    const first = truth.map((_, i) => Number(i < onlyFirst || i > onlyFirst + onlySecond));
    const second = truth.map((_, i) => Number(i >= onlyFirst));
    second[onlyFirst + onlySecond] = 0;
    const got = mcnemar(truth, first, second);
    expect([got.onlyFirst, got.onlySecond]).toEqual([onlyFirst, onlySecond]);
    near(got.pValue, exact);
    for (const [want, correction] of [
      [corrected, true],
      [plain, false],
    ] as const) {
      const { statistic, pValue } = mcnemar(truth, first, second, { exact: false, correction });
      near([statistic, pValue], want ?? [0, 1]);
    }
  }
  for (const { first, second, testOverTrain, statistic, pValue } of fixture.comparison.t) {
    const got = correctedResampledT(first, second, { testOverTrain });
    near([got.statistic, got.pValue], [statistic, pValue]);
  }
});

test("the paired bootstrap tells a better model from an equal one", () => {
  const truth = Array.from({ length: 200 }, (_, i) => i % 2);
  const score = (guess: readonly number[]) => (rows: Uint32Array) => accuracy(take(truth, rows), take(guess, rows));
  const good = score(truth.map((label, i) => (i % 10 === 0 ? 1 - label : label)));
  const poor = score(truth.map((label, i) => (i % 3 === 0 ? 1 - label : label)));
  const apart = pairedBootstrap(200, (rows) => [good(rows), poor(rows)], { seed: 7 });
  expect(apart.difference.low).toBeGreaterThan(0);
  expect(apart.pValue).toBeLessThan(0.01);
  expect(pairedBootstrap(200, (rows) => [good(rows), good(rows)], { seed: 7 }).pValue).toBe(1);
  const { pValue } = pairedBootstrap(200, (rows) => [poor(rows), good(rows)], { seed: 7 });
  expect(pValue).toBe(apart.pValue);
});

describe("of any data", () => {
  const settings = { seed: 7, numRuns: 60 };
  const rows = fc.array(
    fc.record({
      truth: fc.integer({ min: 0, max: 1 }),
      guess: fc.integer({ min: 0, max: 1 }),
      score: fc.double({ min: 0, max: 1, noNaN: true }),
      treated: fc.boolean(),
    }),
    { minLength: 4, maxLength: 40 },
  );
  const all: Readonly<Record<string, [low: number, high: number, score: (data: Row[]) => number]>> = {
    balanced: [0, 1, (data) => balancedAccuracy(truths(data), guesses(data))],
    matthews: [-1, 1, (data) => matthewsCorrelation(truths(data), guesses(data))],
    kappa: [-1, 1, (data) => cohenKappa(truths(data), guesses(data))],
    brier: [0, 1, (data) => brierScore(truths(data), scored(data))],
    precision: [0, 1, (data) => averagePrecision(truths(data), scored(data))],
    calibration: [0, 1, (data) => expectedCalibrationError(truths(data), scored(data))],
    rand: [-1, 1, (data) => adjustedRandIndex(truths(data), guesses(data))],
    information: [0, 1, (data) => normalizedMutualInformation(truths(data), guesses(data))],
    uplift: [-1, 1, (data) => upliftAtK(upliftOf(data), { k: 0.6 })],
  };
  type Row = { truth: number; guess: number; score: number; treated: boolean };
  const truths = (data: Row[]) => data.map(({ truth }) => truth);
  const guesses = (data: Row[]) => data.map(({ guess }) => guess);
  const scored = (data: Row[]) => data.map(({ score }) => score);
  const upliftOf = (data: Row[]) => ({
    outcome: truths(data),
    treated: data.map(({ treated }) => treated),
    uplift: scored(data),
  });

  for (const [name, [low, high, score]] of Object.entries(all))
    test(`${name} is within its bounds, and the order of samples does not matter`, () => {
      const value = (data: Row[]) => {
        try {
          return score(data);
        } catch (error) {
          expect(error).toMatchObject({ code: "invalid-input" });
          return undefined;
        }
      };
      fc.assert(
        fc.property(rows, (data) => {
          const got = value(data);
          if (got === undefined) return;
          expect(got).toBeGreaterThanOrEqual(low - 1e-12);
          expect(got).toBeLessThanOrEqual(high + 1e-12);
          // Ties of uplift go by the order of the samples, as in scikit-uplift.
          if (name === "uplift" && new Set(scored(data)).size < data.length) return;
          expect(value([...data].reverse())).toBeCloseTo(got, 9);
        }),
        settings,
      );
    });
});

describe("bad input", () => {
  const lists = [
    [1, 0],
    [1, 0, 1],
  ] as const;

  test("of another length, empty or NaN", () => {
    for (const call of [balancedAccuracy, matthewsCorrelation, cohenKappa, adjustedRandIndex]) {
      expect(() => call(lists[0], lists[1])).toThrow(/has 3 entries for 2 samples/);
      expect(() => call([], [])).toThrow("is empty");
    }
    for (const call of [medianAbsoluteError, pinballLoss, poissonDeviance, meanAbsolutePercentageError]) {
      expect(() => call(lists[0], lists[1])).toThrow("predicted has 3 entries for 2 samples");
      expect(() => call([1, Number.NaN], [1, 1])).toThrow("truth 1 is number NaN");
    }
    for (const call of [brierScore, averagePrecision, expectedCalibrationError, calibrationCurve]) {
      expect(() => call([1, 0], [0.1])).toThrow("scores has 1 entries for 2 samples");
      expect(() => call([1, 0], [0.1, Number.NaN])).toThrow("score 1 is number NaN");
    }
    for (const call of [brierScore, expectedCalibrationError, calibrationCurve])
      expect(() => call([1, 0], [0.1, 1.1])).toThrow("score 1 is number 1.1, want a probability");
    expect(() => poissonDeviance([1, -1], [1, 1])).toThrow("truth 1 is number -1");
    expect(() => poissonDeviance([1, 1], [1, 0])).toThrow("predicted 1 is number 0");
    expect(() => intervalCoverage([1], [2], [1])).toThrow("low 0 is number 2");
  });

  test("what is not defined says so", () => {
    expect(() => cohenKappa([1, 1], [1, 1])).toThrow("one label alone");
    expect(() => balancedAccuracy([1, 1], [1, 1], { adjusted: true })).toThrow("one class");
    expect(() => averagePrecision([0, 0], [0.1, 0.2])).toThrow("no positive sample");
    expect(() => silhouette({ rows: 2, cols: 1, data: [1, 2] }, ["a", "a"])).toThrow("1 clusters of 2 rows");
    expect(() => silhouette({ rows: 2, cols: 1, data: [1, 2] }, ["a", "b"])).toThrow("2 clusters of 2 rows");
    expect(() => correctedResampledT([1], [1], { testOverTrain: 1 })).toThrow("1 split has no variance");
    expect(() => rankingScores([["a"]], [[]])).toThrow("no user has a relevant item");
    expect(() => rankingScores([["a", "a"]], [["a"]])).toThrow("recommended 0");
    expect(() => rankingScores([["a"]], [new Map([["a", 0]])])).toThrow("a finite relevance above 0");
    expect(() => catalogCoverage([["a"]], [])).toThrow("catalog is empty");
    expect(correctedResampledT([1, 1], [1, 1], { testOverTrain: 1 }).pValue).toBe(1);
  });

  test("sets of labels", () => {
    const options = { average: "macro" } as const;
    expect(() => f1([["a"], ["b"]], [["a"], "b"], options)).toThrow('predicted 1 is string "b", want an array');
    expect(() => f1([["a"], ["b"]], [["a"], [1 as never]], options)).toThrow("predicted 1, label 0 is number 1");
    expect(() => f1([["a"]], [["a"]])).toThrow('average is string "binary", want one of "micro"');
    expect(() => f1([1], [1], { average: "samples" })).toThrow('average is string "samples"');
  });

  test("uplift", () => {
    const data = { outcome: [1, 0, 0, 1], treated: [1, 0, 1, 0], uplift: [0.4, 0.3, 0.1, -0.2] };
    expect(() => upliftCurve({ ...data, outcome: [1, 2, 0, 1] })).toThrow(
      "outcome 1 is number 2, want 0, 1 or a boolean",
    );
    expect(() => upliftCurve({ ...data, treated: [1, 1, 1, 1] })).toThrow("no sample is untreated");
    expect(() => upliftCurve({ ...data, uplift: [1, 2, Number.NaN, 3] })).toThrow("uplift 2 is number NaN");
    expect(() => upliftAtK(data, { k: 1 })).toThrow("no untreated sample is among the first 1");
    expect(() => upliftAtK(data, { k: 4 })).toThrow("k is number 4");
    expect(() => qiniAuc({ ...data, outcome: [0, 0, 0, 0] })).toThrow("no order of the samples is better");
  });
});
