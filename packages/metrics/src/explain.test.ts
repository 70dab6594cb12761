import { type Classification, dense, type Regression, type RunOptions, random } from "@mmub/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ablation, dropModalities, modalityContributions } from "./explain.js";

interface Sample {
  readonly review: number | null;
  readonly photo: number | null;
  readonly voice?: number | null;
  readonly user?: string;
}
const modalities = ["photo", "review", "voice"] as const;

/** Not additive: the review counts double beside a photo, and the voice only without a review. */
const value = ({ review, photo, voice }: Sample): number =>
  3 + (review ?? 0) * (photo == null ? 1 : 2) + (photo ?? 0) ** 2 + (review == null ? (voice ?? 0) : 0);

const regressor = {
  calls: 0,
  async predict(samples: readonly Sample[], _?: RunOptions): Promise<Regression> {
    this.calls++;
    return { values: Float64Array.from(samples, value) };
  },
};

const classifier = {
  async predict(samples: readonly Sample[], options?: RunOptions): Promise<Classification<"buy" | "leave">> {
    options?.signal?.throwIfAborted();
    const probabilities = dense(samples.length, 2);
    const labels = samples.map((sample, i) => {
      const buy = 1 / (1 + Math.exp(3 - value(sample)));
      probabilities.data.set([buy, 1 - buy], 2 * i);
      return buy > 0.5 ? ("buy" as const) : ("leave" as const);
    });
    return { labels, classes: ["buy", "leave"], probabilities };
  },
};

describe("modalityContributions", () => {
  const stream = random(9);
  const maybe = () => (stream.next() < 0.2 ? null : 2 * stream.normal());
  const samples: Sample[] = Array.from({ length: 40 }, () => ({ review: maybe(), photo: maybe(), voice: maybe() }));

  test("is the mean over every order in which modalities may come", async () => {
    regressor.calls = 0;
    const got = await modalityContributions(regressor, samples, { modalities });
    expect(regressor.calls).toBe(1);
    const orders = permutations(modalities);
    got.forEach(({ row, score, base, shapley, leaveOneOut, label }) => {
      const sample = samples[row]!;
      const of = (names: readonly string[]) =>
        value({
          ...sample,
          ...Object.fromEntries(modalities.filter((name) => !names.includes(name)).map((name) => [name, null])),
        });
      expect([score, base, label]).toEqual([value(sample), of([]), undefined]);
      for (const name of modalities) {
        const steps = orders.map((order) => order.slice(0, order.indexOf(name)));
        const mean = steps.reduce((sum, before) => sum + of([...before, name]) - of(before), 0) / orders.length;
        expect(shapley[name]).toBeCloseTo(mean, 10);
        expect(leaveOneOut[name]).toBeCloseTo(score - of(modalities.filter((other) => other !== name)), 10);
      }
    });
  });

  test("sums to the score less the base, and a missing modality has 0", async () => {
    for (const label of [undefined, "leave"] as const) {
      const got = await modalityContributions(classifier, samples, { modalities, ...(label && { label }) });
      got.forEach(({ row, score, base, shapley, label: of }) => {
        const sum = modalities.reduce((total, name) => total + shapley[name], 0);
        expect(Math.abs(sum - (score - base))).toBeLessThan(1e-12);
        for (const name of modalities) if (samples[row]![name] === null) expect(shapley[name]).toBe(0);
        expect(of).toBe(label ?? (score > 0.5 ? of : "never"));
      });
    }
  });

  test("10 modalities are exact too", async () => {
    const names = Array.from("abcdefghij");
    const many = {
      predict: async (rows: readonly Record<string, number | null>[]) => ({
        values: Float64Array.from(rows, (row) => names.reduce((product, name) => product * (1 + (row[name] ?? 0)), 1)),
      }),
    };
    const [got] = await modalityContributions(many, [Object.fromEntries(names.map((name) => [name, 0.5]))], {
      modalities: names,
    });
    for (const name of names) expect(got!.shapley[name]).toBeCloseTo((1.5 ** 10 - 1) / 10, 9);
  });

  test("explains the rows asked for, leaves the samples as they are, passes on the signal", async () => {
    const copy = structuredClone(samples);
    const got = await modalityContributions(classifier, samples, { modalities: ["review"], rows: [3, 1] });
    expect(got.map(({ row }) => row)).toEqual([3, 1]);
    expect(samples).toEqual(copy);
    expect(await modalityContributions(regressor, [], { modalities })).toEqual([]);
    const reason = new Error("stop");
    await expect(
      modalityContributions(classifier, samples, { modalities, signal: AbortSignal.abort(reason) }),
    ).rejects.toBe(reason);
  });

  test("bad input is named", async () => {
    const refused = (options: object) => modalityContributions(classifier, samples, { modalities, ...options });
    await expect(refused({ label: "sell" })).rejects.toThrow(
      'label is string "sell", want one of the classes "buy", "leave"',
    );
    await expect(refused({ modalities: ["reviews"] })).rejects.toThrow('modality "reviews" is a field of no sample');
    await expect(refused({ modalities: [] })).rejects.toThrow("want the names of 1 to 10 fields");
    await expect(refused({ modalities: ["review", "review"] })).rejects.toThrow('modality "review" comes twice');
    await expect(refused({ rows: [99] })).rejects.toThrow("index 0 is 99, want a position below 40");
    await expect(modalityContributions(classifier, [null as never], { modalities })).rejects.toThrow(
      "sample 0 is null",
    );
    const short = { predict: async () => ({ values: new Float64Array(1) }) };
    await expect(modalityContributions(short, samples, { modalities })).rejects.toThrow("1 predictions for");
  });
});

describe("ablation", () => {
  const stream = random(4);
  const samples: Sample[] = Array.from({ length: 80 }, () => ({
    review: stream.normal(),
    photo: stream.normal(),
    voice: null,
  }));
  const truth = samples.map(({ review, photo }) =>
    (review ?? 0) * 2 + (photo ?? 0) ** 2 > 0 ? ("buy" as const) : ("leave" as const),
  );

  test("scores all, each alone, all but each, and none", async () => {
    const { rows, score, higherIsBetter } = await ablation(classifier, samples, truth, {
      modalities: ["review", "photo"],
      seed: 2,
      resamples: 200,
    });
    expect([score, higherIsBetter]).toEqual(["Accuracy", true]);
    expect(rows.map(({ kind, modality }) => [kind, modality])).toEqual([
      ["all", undefined],
      ["without", "review"],
      ["without", "photo"],
      ["only", "review"],
      ["only", "photo"],
      ["none", undefined],
    ]);
    const [all, withoutReview, , , onlyPhoto] = rows;
    expect(all!.score.value).toBe(1);
    expect(all!.change).toMatchObject({ value: 0, low: 0, high: 0 });
    // With two modalities, without one is only the other.
    expect(withoutReview!.score).toEqual(onlyPhoto!.score);
    for (const { score, change } of rows) {
      expect(change.value).toBeCloseTo(score.value - 1, 12);
      expect(score.low).toBeLessThanOrEqual(score.value);
      expect(score.high).toBeGreaterThanOrEqual(score.value);
    }
  });

  test("takes a score of one's own, and R² for numbers", async () => {
    const values = Float64Array.from(samples, value);
    const byDefault = await ablation(regressor, samples, values, { modalities: ["review"], resamples: 20 });
    expect([byDefault.score, byDefault.rows[0]!.score.value]).toEqual(["R²", 1]);
    const own = await ablation(regressor, samples, values, {
      modalities: ["review"],
      resamples: 20,
      score: {
        name: "Bias",
        higherIsBetter: false,
        score: (of, { values }) => values.reduce((sum, each, i) => sum + each - of[i]!, 0),
      },
    });
    expect([own.score, own.higherIsBetter, own.rows[0]!.score.value]).toEqual(["Bias", false, 0]);
  });

  test("bad input is named", async () => {
    await expect(ablation(classifier, samples, truth.slice(1), { modalities })).rejects.toThrow(
      "truth has 79 entries for 80",
    );
    await expect(ablation(classifier, [], [], { modalities })).rejects.toThrow("truth is empty");
  });
});

describe("dropModalities", () => {
  const sample = fc.record({
    review: fc.option(fc.integer()),
    photo: fc.option(fc.integer()),
    voice: fc.option(fc.integer()),
    user: fc.string(),
  });
  const has = (row: Sample) => modalities.filter((name) => row[name] != null);

  test("never takes a sample's last, keeps what it does not take, and takes more with a larger share", () => {
    fc.assert(
      fc.property(
        fc.array(sample),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.integer(),
        (samples, share, seed) => {
          const copy = structuredClone(samples);
          const fewer = dropModalities(samples, { modalities, share, seed });
          const fewest = dropModalities(samples, { modalities, share: 1, seed });
          expect(samples).toEqual(copy);
          samples.forEach((row, i) => {
            const kept = has(fewer[i]!);
            expect(kept.length).toBeGreaterThanOrEqual(Math.min(1, has(row).length));
            expect(has(fewest[i]!).length).toBe(Math.min(1, has(row).length));
            for (const name of has(fewest[i]!)) expect(kept).toContain(name);
            for (const name of kept) expect(fewer[i]![name]).toBe(row[name]);
            expect(fewer[i]!.user).toBe(row.user);
          });
          expect(dropModalities(samples, { modalities, share: 0, seed })).toEqual(samples);
        },
      ),
      { seed: 7, numRuns: 100 },
    );
  });

  test("takes about the share, and the same ones for the same seed", () => {
    const samples: Sample[] = Array.from({ length: 3000 }, () => ({ review: 1, photo: 1, voice: 1 }));
    const dropped = dropModalities(samples, { modalities, share: 0.3, seed: 5 });
    const share = 1 - dropped.reduce((sum, row) => sum + has(row).length, 0) / 9000;
    // 0.3, less the samples that would have lost all three.
    expect(Math.abs(share - (0.3 - 0.3 ** 3 / 3))).toBeLessThan(0.02);
    expect(dropModalities(samples, { modalities, share: 0.3, seed: 5 })).toEqual(dropped);
    expect(dropModalities(samples, { modalities, share: 0.3, seed: 6 })).not.toEqual(dropped);
    expect(() => dropModalities(samples, { modalities, share: 30 })).toThrow(
      "share is number 30, want a number in [0, 1]",
    );
  });
});

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((item, i) =>
    permutations([...items.slice(0, i), ...items.slice(i + 1)]).map((rest) => [item, ...rest]),
  );
}
