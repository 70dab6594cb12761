import { readFileSync } from "node:fs";
import { extractorChecks } from "@mmub/core/testing";
import { describe, expect, test } from "vitest";
import { type PitchFramesParams, pitch } from "./pitch.js";

interface Case {
  readonly voice: readonly [number, number, number, number, number];
  readonly options: Readonly<Record<string, unknown>>;
  readonly yin: readonly number[];
  readonly f0: readonly number[];
  readonly voiced: readonly number[];
  readonly probability: readonly number[];
}

const cases = JSON.parse(readFileSync(new URL("../fixtures/pitch.json", import.meta.url), "utf8")) as Case[];

/** As make_pitch.py makes it: harmonics that glide, a pause of noise in the middle. */
function voice(rate: number, seconds: number, low: number, high: number, seed: number): Float32Array {
  const n = Math.trunc(rate * seconds);
  let state = seed;
  let phase = 0;
  return Float32Array.from({ length: n }, (_, i) => {
    state = Number((1103515245n * BigInt(state) + 12345n) % 2n ** 31n);
    phase += (2 * Math.PI * (low + ((high - low) * i) / n)) / rate;
    let tone = 0;
    for (let k = 1; k <= 5; k++) tone += Math.sin(k * phase) / k;
    const pause = i / n > 0.4 && i / n < 0.55;
    return (pause ? 0 : 0.3 * tone) + 0.01 * (state / 2 ** 31 - 0.5);
  });
}

const names: Readonly<Record<string, string>> = {
  sr: "sampleRateHz",
  fmin: "fMinHz",
  fmax: "fMaxHz",
  frame_length: "frameLength",
  hop_length: "hopLength",
  pad_mode: "padMode",
  center: "center",
  n_thresholds: "thresholds",
  beta_parameters: "betaParameters",
  switch_prob: "switchProbability",
  resolution: "resolution",
};

const samples = (rate: number, ...rest: [number, number, number, number]) => ({
  samples: voice(rate, ...rest),
  sampleRateHz: rate,
});

describe.each([{}, { output: "frames" as const }, { method: "yin" as const, statistics: ["median" as const] }])(
  "conformance: %o",
  (params) => {
    const inputs = [
      samples(16_000, 0.3, 100, 120, 1),
      samples(8_000, 0.2, 200, 180, 2),
      null,
      samples(16_000, 0.01, 90, 90, 3),
    ];
    for (const check of extractorChecks({ make: () => pitch(params as PitchFramesParams), inputs }))
      test(check.name, check.run);
  },
);

describe("librosa's numbers", () => {
  for (const { voice: made, options, ...want } of cases) {
    const params = Object.fromEntries(Object.entries(options).map(([name, value]) => [names[name]!, value]));
    const run = async (method: "yin" | "pyin") => {
      const fitted = await pitch({ ...params, method, output: "frames" } as PitchFramesParams).fit([]);
      const { data, cols } = await fitted.transform([samples(...made)]);
      const column = (c: number) => Array.from({ length: data.length / cols }, (_, t) => data[t * cols + c]!);
      return { f0: column(0), voiced: column(1), probability: column(2) };
    };

    test(`yin of ${made}, ${JSON.stringify(options)}`, async () => {
      const { f0 } = await run("yin");
      expect(f0.length).toBe(want.yin.length);
      for (const [t, hz] of want.yin.entries()) expect(Math.abs(f0[t]! / hz - 1), `frame ${t}`).toBeLessThan(1e-4);
    });

    test(`pyin of ${made}, ${JSON.stringify(options)}`, async () => {
      const { f0, voiced, probability } = await run("pyin");
      expect(voiced).toEqual(want.voiced);
      for (const [t, hz] of want.f0.entries()) {
        if (voiced[t]) expect(Math.abs(f0[t]! / hz - 1), `frame ${t}`).toBeLessThan(1e-4);
        expect(probability[t]).toBeCloseTo(want.probability[t]!, 4);
      }
    });
  }
});

test("statistics are of the frames with a voice", async () => {
  const input = samples(16_000, 0.8, 110, 180, 1);
  const steps = await (await pitch({ output: "frames" }).fit([])).transform([input]);
  const fitted = await pitch({ statistics: ["mean", "max"] }).fit([]);
  expect(fitted.names).toEqual(["f0 mean", "f0 max", "voiced"]);
  const { data } = await fitted.transform([input]);
  const sounding: number[] = [];
  for (let at = 0; at < steps.data.length; at += 3) if (steps.data[at + 1]) sounding.push(steps.data[at]!);
  expect(data[0]).toBeCloseTo(sounding.reduce((sum, hz) => sum + hz, 0) / sounding.length, 3);
  expect(data[1]).toBe(Math.max(...sounding));
  expect(data[2]).toBeCloseTo(sounding.length / (steps.data.length / 3), 6);
});

test("silence, and a constant, have no voice", async () => {
  for (const method of ["yin", "pyin"] as const)
    for (const value of [0, 0.5]) {
      const fitted = await pitch({ method }).fit([]);
      const { data } = await fitted.transform([{ samples: new Float32Array(8000).fill(value), sampleRateHz: 16_000 }]);
      expect(data.every(Number.isFinite)).toBe(true);
      if (value === 0) expect(Array.from(data)).toEqual([0, 0, 0, 0, 0, 0]);
    }
});

test("params that do not fit are refused", () => {
  expect(() => pitch({ fMinHz: 10 })).toThrow("audio/pitch: fMinHz is number 10, want a frequency above 15.6");
  expect(() => pitch({ fMaxHz: 9000 })).toThrow("fMaxHz");
  expect(() => pitch({ betaParameters: [0.5, 2] })).toThrow("betaParameters");
  expect(() => pitch({ output: "frames", statistics: ["mean"] } as never)).toThrow("statistics");
});
