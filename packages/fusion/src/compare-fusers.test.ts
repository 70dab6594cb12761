import { type Classification, type Label, random, vector } from "@mmub/core";
import { describe, expect, test } from "vitest";
import { linear } from "../fixtures/linear.js";
import { compareFusers, concat, type Fuser, gated, lateFusion } from "./index.js";

const modalities = { left: vector(), right: vector() };

/** Either modality knows half of what decides; `noise` makes the right one know nothing. */
function shop(rows: number, seed: number, noise = false) {
  const numbers = random(seed);
  const samples = Array.from({ length: rows }, () => ({
    left: [numbers.normal(), numbers.normal()],
    right: [numbers.normal(), numbers.normal()] as number[] | null,
  }));
  const targets = samples.map(({ left, right }) => (left[0]! + (noise ? 0 : right![0]!) > 0 ? "buy" : "leave"));
  return { samples, targets };
}

describe("compareFusers", () => {
  test("tells that fusion helps where both modalities know something, with a curve that falls", async () => {
    const { samples, targets } = shop(400, 1);
    const { rows, bestModality, advice, table, failures } = await compareFusers(samples, targets, {
      modalities,
      fusers: {
        concat: concat(),
        late: lateFusion({ models: { left: linear("classes"), right: linear("classes") }, rule: "product" }),
      },
      model: linear("classes"),
      seeds: 4,
    });
    expect(failures).toEqual([]);
    expect(rows.map(({ kind }) => kind)).toEqual(["modality", "modality", "fuser", "fuser"]);
    expect(rows[0]!.name).toBe(bestModality);
    expect(rows[0]).toMatchObject({ gain: 0, pValue: 1, verdict: "unclear" });
    const fused = rows.find(({ name }) => name === "concat")!;
    expect(fused).toMatchObject({ verdict: "helps", scores: { length: 4 } });
    expect(fused.gain).toBeGreaterThan(0.15);
    expect(fused.gain).toBeCloseTo(fused.mean - rows[0]!.mean, 12);
    // 4 columns and what stands before each class of linear(), 2 classes.
    expect(fused.parameters).toBeGreaterThanOrEqual(10);
    const scores = fused.curve.map(({ score }) => score);
    expect(scores[0]).toBe(fused.mean);
    expect(scores.toSorted((a, b) => b - a)).toEqual(scores);
    expect(fused.area).toBeLessThan(fused.mean);
    expect(fused.area).toBeGreaterThan(scores.at(-1)!);
    expect(advice[0]).toMatch(/^Fusion helps: .* gains 0\.\d+ over "(left|right)" alone \(p = /);
    expect(table.split("\n")).toHaveLength(6);
    expect(table).toMatch(/\| (left|right) alone \|/);
  });

  test("tells that a fuser hurts, and that none gains, where one modality knows all", async () => {
    const { samples, targets } = shop(300, 2, true);
    // A fuser that gives the model nothing to learn from.
    const blind: Fuser = {
      ...concat(),
      async fit(features, known, options) {
        const fitted = await concat().fit(features, known, options);
        return {
          ...fitted,
          async transform(x, running) {
            const out = await fitted.transform(x, running);
            if (out.layout === "dense") out.data.fill(0);
            return out;
          },
        };
      },
    };
    const { rows, advice } = await compareFusers(samples, targets, {
      modalities,
      fusers: { blind, concat: concat() },
      model: linear("classes"),
      seeds: [3, 5, 8, 13],
      missing: [0],
    });
    expect(rows.find(({ name }) => name === "blind")!.verdict).toBe("hurts");
    expect(rows.find(({ name }) => name === "concat")!.verdict).not.toBe("helps");
    expect(advice[0]).toMatch(/^No fuser shows a gain over "left" alone/);
    expect(advice[1]).toMatch(/^"blind" hurts: -0\.\d+ beside "left" alone/);
  });

  test("the same call gives the same scores; one seed has no test; numbers are scored by R²; rows may lack modalities", async () => {
    const { samples } = shop(120, 3);
    const some = samples.map((one, i) => (i % 3 ? one : { ...one, right: null }));
    const amounts = samples.map(({ left, right }) => 2 * left[0]! + right![1]!);
    const run = () =>
      compareFusers(some, amounts, {
        modalities,
        fusers: { gated: gated({ units: 4, epochs: 2, worker: false }) },
        model: linear("numbers"),
        seeds: 1,
        missing: [0, 1],
      });
    const [a, b] = [await run(), await run()];
    expect(a.rows.map(({ scores, curve }) => [scores, curve])).toEqual(
      b.rows.map(({ scores, curve }) => [scores, curve]),
    );
    expect(a.rows[0]!.mean).toBeGreaterThan(0.5);
    for (const { pValue, sd, verdict } of a.rows) expect([pValue, sd, verdict]).toEqual([null, 0, "unclear"]);
    // Nothing left to know: no better than the mean.
    for (const { curve } of a.rows) expect(curve[1]!.score).toBeLessThan(0.1);
  });

  test("groups are tested on together, and the classes of the test rows are those of all", async () => {
    const { samples, targets } = shop(200, 4);
    const groups = samples.map((_, i) => `user ${i % 20}`);
    const asked: (readonly Label[])[] = [];
    const options = {
      modalities,
      fusers: { concat: concat() },
      model: linear("classes"),
      seeds: 2,
      missing: [0],
      score(truth: readonly Label[], { labels }: Classification) {
        asked.push(truth);
        return labels.filter((label, i) => label === truth[i]).length / labels.length;
      },
    };
    await compareFusers(samples, targets, { ...options, groups });
    // 5 of 20 users with 10 samples each.
    for (const truth of asked.splice(0)) expect(truth).toHaveLength(50);
    await compareFusers(samples, targets, options);
    const share = (of: readonly Label[]) => of.filter((label) => label === "buy").length / of.length;
    for (const truth of asked) expect(Math.abs(share(truth) - share(targets))).toBeLessThan(0.02);
  });

  test("a fuser that fails is told, the others are compared; aborting rejects with the reason", async () => {
    const { samples, targets } = shop(60, 5);
    const broken: Fuser = { ...concat(), fit: () => Promise.reject(new Error("no memory")) };
    const options = { modalities, fusers: { broken, concat: concat() }, model: linear("classes"), seeds: 2 };
    const { rows, failures, advice } = await compareFusers(samples, targets, options);
    expect(rows.map(({ name }) => name)).not.toContain("broken");
    expect(failures.map(({ name, seed }) => [name, seed])).toEqual([
      ["broken", 0],
      ["broken", 1],
    ]);
    expect(advice.at(-1)).toBe('"broken" failed at seed 0: Error: no memory');
    const stop = new AbortController();
    const reason = new Error("enough");
    const progress: number[] = [];
    await expect(
      compareFusers(samples, targets, {
        ...options,
        signal: stop.signal,
        onProgress({ done }) {
          progress.push(done);
          stop.abort(reason);
        },
      }),
    ).rejects.toBe(reason);
    expect(progress).toEqual([1]);
  });

  test("what cannot be compared is refused", async () => {
    const { samples, targets } = shop(20, 6);
    const options = { modalities, fusers: { concat: concat() }, model: linear("classes") };
    const refused = (given: object) => expect(compareFusers(samples, targets, { ...options, ...given })).rejects;
    await refused({ modalities: { left: vector() } }).toThrow(/modalities.*at least two/);
    await refused({ fusers: {} }).toThrow(/fusers.*at least one/);
    await refused({ fusers: { left: concat() } }).toThrow(/another name than that of a modality/);
    await refused({ missing: [0.1, 0.5] }).toThrow(/missing.*rise from 0/);
    await refused({ seeds: 0 }).toThrow(/seeds.*positive/);
    await refused({ testShare: 0.001 }).toThrow(/leave 20 rows to train and 0 to test on/);
    await refused({ groups: ["a"] }).toThrow(/1 groups for 20 samples/);
    await refused({ score: () => Number.NaN }).toThrow(/the score is NaN/);
  });
});
