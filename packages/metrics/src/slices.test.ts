import { readFileSync } from "node:fs";
import { random } from "@mmub/core";
import { describe, expect, test } from "vitest";
import { worstSlices } from "./slices.js";

const golden = JSON.parse(readFileSync(new URL("../fixtures/slices.json", import.meta.url), "utf8")) as {
  names: string[];
  losses: number[];
  tests: Record<string, { holm: number; low: number; high: number }>;
};

test("tests and intervals are SciPy's, corrected by Holm's method", () => {
  const samples = golden.names.map((group) => ({ group }));
  const found = worstSlices(samples, golden.losses, { level: 0.9, most: 4 });
  expect(found.length).toBeGreaterThan(1);
  for (const { name, pValue, difference } of found) {
    const want = golden.tests[name.replace("group: ", "")]!;
    expect(pValue).toBeCloseTo(want.holm, 10);
    expect(difference.low).toBeCloseTo(want.low, 9);
    expect(difference.high).toBeCloseTo(want.high, 9);
  }
});

describe("groups", () => {
  const { next, integer } = random(4);
  const samples = Array.from({ length: 400 }, (_, i) => ({
    review: i % 5 === 0 ? null : "x".repeat(1 + integer(60)),
    city: ["Rome", "Oslo", "Lima"][i % 3]!,
    profile: { age: integer(80), plan: i % 2 ? "free" : "paid" },
    since: new Date(1.6e12 + i * 1e8),
    voice: { samples: new Float32Array(8000 * (1 + (i % 7))), sampleRateHz: 8000 },
    photo: { data: new Uint8Array(3), width: 1, height: 1, channels: 3 as const },
    events: new Array(i % 9).fill(0),
  }));
  const worstOf = (is: (row: number) => boolean) => {
    const losses = samples.map((_, row) => Number(next() < (is(row) ? 0.9 : 0.1)));
    return worstSlices(samples, losses)[0]!;
  };

  test("are of what is missing, categories, numbers, dates, lengths and seconds, by their names", () => {
    expect(worstOf((row) => samples[row]!.review === null).name).toBe("review missing");
    expect(worstOf((row) => samples[row]!.city === "Lima").name).toBe("city: Lima");
    expect(worstOf((row) => samples[row]!.profile.plan === "free").name).toBe("profile plan: free");
    expect(worstOf((row) => samples[row]!.profile.age > 62).name).toMatch(/^profile age \d+ to 79$/);
    expect(worstOf((row) => row >= 300).name).toMatch(/^since 2021-0\d-\d\d to 2021-12-\d\d$/);
    expect(worstOf((row) => row % 7 > 4).name).toMatch(/^voice, seconds 6 to 7|^voice, seconds [67]/);
    expect(worstOf((row) => row % 9 > 6).name).toMatch(/^length of events/);
  });

  test("of noise are hardly ever shown to be worse", () => {
    const shown = Array.from({ length: 40 }, () => {
      const losses = samples.map(() => Number(next() < 0.3));
      return worstSlices(samples, losses).some(({ pValue }) => pValue < 0.05);
    });
    expect(shown.filter(Boolean).length).toBeLessThanOrEqual(5);
  });

  test("of nearly the same samples come once, and none that is better or too small", () => {
    const twice = samples.map(({ city }) => ({ city, town: city, id: city === "Rome" ? 1 : 0 }));
    const losses = samples.map(({ city }) => (city === "Rome" ? 1 : 0));
    expect(worstSlices(twice, losses).map(({ name }) => name)).toEqual(["city: Rome"]);
    expect(worstSlices(twice, losses, { minSamples: 200 })).toEqual([]);
    expect(worstSlices(samples, new Float64Array(400))).toEqual([]);
  });
});

test("bad input is named", () => {
  const samples = [{ a: 1 }, { a: 2 }];
  expect(() => worstSlices(samples, [1])).toThrow("losses has 1 entries for 2 samples");
  expect(() => worstSlices(samples, [1, Number.NaN])).toThrow("loss 1 is number NaN");
  expect(() => worstSlices([null] as never, [1])).toThrow("sample 0 is null");
  for (const bad of [{ minSamples: 1 }, { bins: 1 }, { most: -1 }, { level: 1 }, { language: "fr" as never }])
    expect(() => worstSlices(samples, [1, 0], bad)).toThrow(/minSamples|bins|most|level|language/);
});
