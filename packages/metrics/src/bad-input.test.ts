import { dense, MmubError } from "@mmub/core";
import { describe, expect, test } from "vitest";
import * as metrics from "./index.js";

const truth = [0, 1, 1, 0, 1, 0];
const guess = [0, 1, 0, 0, 1, 1];
const chances = [0.1, 0.9, 0.4, 0.2, 0.7, 0.6];
const numbers = [1, 2, 3, 4, 5, 6];
const treated = [1, 0, 1, 0, 1, 0];
const scoresOf = (p: readonly number[]) => ({
  classes: [0, 1],
  probabilities: dense(p.length, 2, Float32Array.from(p.flatMap((chance) => [1 - chance, chance]))),
});

type Two = (a: never, b: never) => unknown;
/** Truth and prediction as labels. */
const ofLabels: Record<string, Two> = {
  accuracy: metrics.accuracy,
  balancedAccuracy: metrics.balancedAccuracy,
  precision: metrics.precision,
  recall: metrics.recall,
  f1: metrics.f1,
  fBeta: (a, b) => metrics.fBeta(a, b, { beta: 2 }),
  jaccard: metrics.jaccard,
  confusionMatrix: metrics.confusionMatrix,
  classificationReport: metrics.classificationReport,
  matthewsCorrelation: metrics.matthewsCorrelation,
  cohenKappa: metrics.cohenKappa,
  adjustedRandIndex: metrics.adjustedRandIndex,
  normalizedMutualInformation: metrics.normalizedMutualInformation,
  mcnemar: (a, b) => metrics.mcnemar(a, b, guess as never),
  fairness: (a, b) => metrics.fairness(a, b, truth),
};
/** Truth as labels and a score for each. */
const ofScores: Record<string, Two> = {
  rocAuc: metrics.rocAuc,
  rocCurve: metrics.rocCurve,
  averagePrecision: metrics.averagePrecision,
  precisionRecallCurve: metrics.precisionRecallCurve,
  logLoss: metrics.logLoss,
  brierScore: metrics.brierScore,
  calibrationCurve: metrics.calibrationCurve,
  expectedCalibrationError: metrics.expectedCalibrationError,
};
const ofChances = ["logLoss", "brierScore", "calibrationCurve", "expectedCalibrationError"];
/** Truth and prediction as numbers. */
const ofNumbers: Record<string, Two> = {
  meanSquaredError: metrics.meanSquaredError,
  rootMeanSquaredError: metrics.rootMeanSquaredError,
  meanAbsoluteError: metrics.meanAbsoluteError,
  meanAbsolutePercentageError: metrics.meanAbsolutePercentageError,
  medianAbsoluteError: metrics.medianAbsoluteError,
  r2: metrics.r2,
  pinballLoss: metrics.pinballLoss,
  poissonDeviance: metrics.poissonDeviance,
  intervalCoverage: (a, b) => metrics.intervalCoverage(a, b, b),
};
/** Outcomes, and the uplift that was predicted. */
const ofUplift: Record<string, Two> = {
  upliftCurve: (outcome, uplift) => metrics.upliftCurve({ outcome, treated, uplift }),
  qiniCurve: (outcome, uplift) => metrics.qiniCurve({ outcome, treated, uplift }),
  upliftAuc: (outcome, uplift) => metrics.upliftAuc({ outcome, treated, uplift }),
  qiniAuc: (outcome, uplift) => metrics.qiniAuc({ outcome, treated, uplift }),
  upliftAtK: (outcome, uplift) => metrics.upliftAtK({ outcome, treated, uplift }, { k: 0.5 }),
};

function refused(call: () => unknown): MmubError {
  let value: unknown;
  try {
    value = call();
  } catch (error) {
    if (MmubError.is(error)) return error;
    throw error;
  }
  throw new Error(`it gave ${JSON.stringify(value)}`);
}
const calls = (all: Record<string, Two>, a: readonly unknown[]) =>
  Object.entries(all).map(
    ([name, of]) => [name, (b: readonly unknown[], c = a) => of(c as never, b as never)] as const,
  );
const everything = [
  ...calls(ofLabels, truth).map(([name, call]) => ({ name, call, good: guess as readonly number[] })),
  ...calls(ofScores, truth).map(([name, call]) => ({ name, call, good: chances })),
  ...calls(ofNumbers, numbers).map(([name, call]) => ({ name, call, good: numbers })),
  ...calls(ofUplift, truth).map(([name, call]) => ({ name, call, good: chances })),
];

describe("every score", () => {
  for (const { name, call, good } of everything)
    test(`${name}: refuses lengths that differ, empty ones and NaN, and says where`, () => {
      expect(() => call(good)).not.toThrow();
      expect(refused(() => call(good.slice(1))).message).toMatch(/5|6/);
      expect(refused(() => call([], [])).code).toBe("invalid-input");
      const holed = good.map((value, i) => (i === 2 ? Number.NaN : value));
      expect(refused(() => call(holed)).message).toContain("2");
    });

  for (const name of ofChances)
    test(`${name}: refuses probabilities outside [0, 1]`, () => {
      for (const bad of [1.2, -0.1])
        expect(
          refused(() => ofScores[name]!(truth as never, chances.map((p, i) => (i === 4 ? bad : p)) as never)).message,
        ).toMatch(/4.*\[0, 1\]/s);
    });

  for (const [name, of] of Object.entries(ofScores))
    test(`${name}: refuses class scores of unknown labels, and rows that are no probabilities`, () => {
      const unknown = truth.map((label, i) => (i === 3 ? 7 : label));
      // Curves are of one class against the rest, whatever those are.
      if (name.endsWith("Curve"))
        refused(() =>
          of(unknown as never, { classes: [0, 1], probabilities: { rows: 5, cols: 2, data: [] } } as never),
        );
      else expect(refused(() => of(unknown as never, scoresOf(chances) as never)).message).toContain("3");
      const bad = scoresOf(chances);
      bad.probabilities.data[5] = 3;
      expect(refused(() => of(truth as never, bad as never)).message).toContain("sample 2");
    });
});

describe("one class, ties and equal values: an error or the documented value, never NaN", () => {
  const same = [1, 1, 1, 1, 1, 1];
  const finite = (value: unknown): boolean =>
    typeof value === "number"
      ? !Number.isNaN(value)
      : value === null || typeof value !== "object" || Object.values(value).every(finite);
  for (const { name, call } of everything)
    test(name, () => {
      for (const [a, b] of [
        [same, same],
        [truth, same],
        [same, truth],
      ] as const) {
        let value: unknown;
        try {
          value = call(b, a);
        } catch (error) {
          if (!MmubError.is(error)) throw error;
          continue;
        }
        expect(finite(value), JSON.stringify(value)).toBe(true);
      }
    });
});

describe("other functions: NaN, what does not fit and what cannot predict are refused, never passed on", () => {
  const x = dense(3, 1, Float32Array.of(1, 2, 3));
  const broken = { rows: 3, cols: 1, data: [1, Number.NaN, 3] };
  const lost = { value: Number.NaN, low: 0, high: 1, level: 0.95, standardError: 0 };
  const kept = { ...lost, value: 0.5 };
  const curve = (score: typeof lost) => ({
    kind: "missing" as const,
    points: [
      { level: 0, score: kept },
      { level: 1, score },
    ],
    relative: 0.5,
  });
  const table = { score: "Accuracy", higherIsBetter: true, isShare: true, samples: 3 };
  const rows = [
    { kind: "all" as const, score: kept, change: kept },
    { kind: "without" as const, modality: "a", score: lost, change: lost },
  ];
  const samples = [{ a: 1 }, { a: 2 }];
  const unsure = {
    predict: async (all: readonly { readonly a: number | null }[]) => ({
      values: new Float64Array(all.length).fill(Number.NaN),
    }),
  };
  const options = { modalities: ["a" as const], resamples: 10 };
  const cases: Record<string, () => unknown> = {
    linearContributions: () => metrics.linearContributions([1], broken, x),
    "linearContributions, weights": () => metrics.linearContributions([Number.NaN], x, x),
    "linearContributions, width": () => metrics.linearContributions([1], { ...x, cols: 2 }, x),
    permutationImportance: () => metrics.permutationImportance({ predict: async () => 0 }, x, () => Number.NaN),
    partialDependence: () => metrics.partialDependence({ predict: async () => [Number.NaN, 1, 1] }, x, 0, (all) => all),
    counterfactual: () => metrics.counterfactual({ predict: async () => [Number.NaN] }, [1], x, (all) => all),
    occlusion: () =>
      metrics.occlusion(
        [1],
        "a",
        (text) => text,
        async () => [1, Number.NaN],
      ),
    modalityContributions: () => metrics.modalityContributions(unsure, samples, { modalities: ["a"] }),
    ablation: () => metrics.ablation(unsure, samples, [1, 2], options),
    robustness: () => metrics.robustness(unsure, samples, [1, 2], options),
    "ablation, no predict": () => metrics.ablation({} as never, samples, [1, 2], options),
    "reportOf, no predict": () => metrics.reportOf({} as never, samples, [1, 2], { title: "None" }),
    regressionSection: () =>
      metrics.regressionSection({ title: "a", truth: [1, 2], prediction: { values: Float64Array.of(1, Number.NaN) } }),
    silhouette: () => metrics.silhouette(broken, [0, 1, 1]),
    topKAccuracy: () => metrics.topKAccuracy([0, 1], undefined as never),
    multiLabelRocAuc: () => metrics.multiLabelRocAuc([[0], [1]], { classes: [0, 1] } as never),
    featureDrift: () => metrics.featureDrift({ x }, { x: dense(1, 1, Float32Array.of(Number.NaN)) }),
    effectiveRobustness: () => metrics.effectiveRobustness(curve(lost), curve(kept)),
    robustnessPlot: () => metrics.robustnessPlot({ ...table, curves: [curve(lost)] }),
    modalityPlot: () => metrics.modalityPlot({ ...table, rows }),
    ablationPlot: () => metrics.ablationPlot({ ...table, rows }),
    importancePlot: () =>
      metrics.importancePlot([{ name: "a", importance: Number.NaN, deviation: 0, repeats: new Float64Array(1) }]),
    confusionHeatmap: () => metrics.confusionHeatmap({ labels: [0], counts: [[Number.NaN]] } as never),
    trainingCurve: () => metrics.trainingCurve([{ loss: 1 }, null as never]),
    upliftPlot: () => metrics.upliftPlot([{ name: "a", data: null as never }]),
    rocPlot: () =>
      metrics.rocPlot([
        { name: "a", curve: { ...metrics.rocCurve(truth, chances), truePositiveRates: Float64Array.of(Number.NaN) } },
      ]),
    ndcg: () => metrics.ndcg([null as never], [[1]]),
  };
  for (const [name, call] of Object.entries(cases))
    test(name, async () => {
      const error = await (async () => call())().then(
        (value) => new Error(`it gave ${JSON.stringify(value)}`),
        (reason: unknown) => reason,
      );
      expect(MmubError.is(error), String(error)).toBe(true);
    });
});
