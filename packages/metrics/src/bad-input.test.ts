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
