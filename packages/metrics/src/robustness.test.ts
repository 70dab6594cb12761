import { dense, type RunOptions } from "@mmub/core";
import { describe, expect, test } from "vitest";
import { effectiveRobustness, robustness } from "./robustness.js";

interface Sample {
  readonly review: number | null;
  readonly photo: number | null;
}

const samples: readonly Sample[] = Array.from({ length: 60 }, (_, i) => ({ review: (i % 7) - 3, photo: (i % 5) - 2 }));
// The review tells all, the photo nothing.
const truth = samples.map(({ review }) => (review! > 0 ? "buy" : "leave"));
const fitted = {
  predict: async (rows: readonly Sample[]) => {
    const labels = rows.map(({ review }) => ((review ?? 0) > 0 ? ("buy" as const) : ("leave" as const)));
    const probabilities = dense(
      rows.length,
      2,
      Float32Array.from(labels.flatMap((l) => (l === "buy" ? [1, 0] : [0, 1]))),
    );
    return { labels, classes: ["buy", "leave"] as const, probabilities };
  },
};
const options = { modalities: ["photo", "review"], resamples: 50, seed: 7 } as const;

test("the score falls with what the model needs, not with what it does not", async () => {
  const { curves, score } = await robustness(fitted, samples, truth as never, {
    ...options,
    noise: { review: (value, level, { normal }) => value + 5 * level * normal() },
  });
  expect(score).toBe("Accuracy");
  expect(curves.map(({ kind, modality }) => [kind, modality])).toEqual([
    ["missing", "photo"],
    ["missing", "review"],
    ["missing", undefined],
    ["noise", "review"],
  ]);
  const values = (at: number) => curves[at]!.points.map((point) => point.score.value);
  expect(values(0)).toEqual([1, 1, 1, 1, 1]);
  expect(curves[0]!.relative).toBe(1);
  const review = values(1);
  review.forEach((value, i) => {
    if (i > 0) expect(value).toBeLessThanOrEqual(review[i - 1]!);
  });
  expect(review[4]).toBeCloseTo(truth.filter((label) => label === "leave").length / 60, 12);
  expect(values(3)[4]).toBeLessThan(1);
  expect(effectiveRobustness(curves[0]!, curves[1]!)).toBeCloseTo(1 - curves[1]!.relative, 12);
});

test("the same seed gives the same curves", async () => {
  const [first, second] = await Promise.all([0, 1].map(() => robustness(fitted, samples, truth as never, options)));
  expect(first).toEqual(second);
});

describe("bad input", () => {
  const bad = (change: { shares?: readonly number[]; levels?: readonly number[] }) =>
    robustness(fitted, samples, truth as never, { ...options, ...change });
  test("is rejected", async () => {
    await expect(bad({ shares: [0.5, 1] })).rejects.toThrow(
      "shares is an array of 2, want at least two finite numbers",
    );
    await expect(bad({ shares: [0, 2] })).rejects.toThrow("shares of at most 1");
    await expect(bad({ levels: [0, 1, 1] })).rejects.toThrow("levels is an array of 3");
    await expect(robustness(fitted, samples, [], options)).rejects.toThrow("truth has 0 entries for 60 samples");
    const { curves } = await robustness(fitted, samples, truth as never, { ...options, shares: [0, 1] });
    const [other] = (await robustness(fitted, samples, truth as never, options)).curves;
    expect(() => effectiveRobustness(curves[0]!, other!)).toThrow("want those of the curve: 0, 1");
  });

  test("an abort rejects with its reason", async () => {
    const signal = AbortSignal.abort(new Error("enough"));
    const stops = {
      async predict(rows: readonly Sample[], run?: RunOptions) {
        run?.signal?.throwIfAborted();
        return fitted.predict(rows);
      },
    };
    await expect(robustness(stops, samples, truth as never, { ...options, signal })).rejects.toThrow("enough");
  });
});
