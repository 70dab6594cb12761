import { readFileSync } from "node:fs";
import { extractorChecks } from "@mmub/core/testing";
import { describe, expect, test } from "vitest";
import { type FormantFramesParams, formants } from "./formants.js";
import { voiceFeatures } from "./voice-features.js";
import { voiceQuality } from "./voice-quality.js";

type Made = readonly [number, number, number, number, number, number, readonly (readonly [number, number])[], number];
interface Case {
  readonly voice: Made;
  readonly times?: readonly number[];
  readonly formants?: readonly (readonly (readonly [number, number])[])[];
  readonly quality?: readonly number[];
}

const cases = JSON.parse(readFileSync(new URL("../fixtures/voice.json", import.meta.url), "utf8")) as Case[];

/** As make_voice.py makes it: pulses of uneven times and heights through resonators, plus noise. */
function voice([rate, seconds, hz, wobble, tremble, noise, resonances, seed]: Made) {
  const n = Math.trunc(rate * seconds);
  let state = seed;
  const draw = () => {
    state = (Math.imul(1103515245, state) + 12345) & 0x7fffffff;
    return (2 * state) / 2 ** 31 - 1;
  };
  const out = new Float64Array(n);
  for (let at = 0.005; at < seconds - 0.005; ) {
    const height = 1 + tremble * draw();
    const middle = at * rate;
    for (let i = Math.max(0, Math.trunc(middle) - 3); i < Math.min(n, Math.trunc(middle) + 5); i++)
      if (Math.abs(i - middle) < 4) out[i]! += height * (0.5 + 0.5 * Math.cos((Math.PI * (i - middle)) / 4));
    at += (1 + wobble * draw()) / hz;
  }
  for (const [f, b] of resonances) {
    const r = Math.exp((-Math.PI * b) / rate);
    const [a1, a2] = [2 * r * Math.cos((2 * Math.PI * f) / rate), -r * r];
    let [y1, y2] = [0, 0];
    for (let i = 0; i < n; i++) {
      const y = out[i]! * (1 - a1 - a2) + a1 * y1 + a2 * y2;
      out[i] = y;
      [y2, y1] = [y1, y];
    }
  }
  for (let i = 0; i < n; i++) out[i]! += noise * draw();
  const loudest = out.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return { samples: Float32Array.from(out, (value) => (0.5 * value) / loudest), sampleRateHz: rate };
}

const clips = cases.map((each) => voice(each.voice));
const inputs = [clips[0]!, null, clips[1]!, { samples: clips[3]!.samples.subarray(0, 4000), sampleRateHz: 16_000 }];

describe.each([{}, { output: "frames" as const, count: 3 }, { ceilingHz: 4000, statistics: ["median" as const] }])(
  "conformance of formants: %o",
  (params) => {
    for (const check of extractorChecks({ make: () => formants(params as FormantFramesParams), inputs }))
      test(check.name, check.run);
  },
);

describe("conformance of voiceQuality", () => {
  for (const check of extractorChecks({ make: () => voiceQuality({ sampleRateHz: 11_000 }), inputs }))
    test(check.name, check.run);
});

describe("Praat's formants", () => {
  for (const [at, each] of cases.entries()) {
    if (!each.formants) continue;
    test(`of ${each.voice}`, async () => {
      const fitted = await formants({ output: "frames" }).fit([]);
      const { data, cols, offsets } = await fitted.transform([clips[at]!]);
      expect(offsets[1]).toBe(each.times!.length);
      for (const [t, frame] of each.formants!.entries())
        for (const [k, [hz, width]] of frame.entries()) {
          const got = data.subarray(t * cols + 2 * k, t * cols + 2 * k + 2);
          expect(Math.abs(got[0]! - hz) / hz, `f${k + 1} of frame ${t}: ${got[0]} for ${hz}`).toBeLessThan(1e-3);
          expect(Math.abs(got[1]! - width), `width ${k + 1} of frame ${t}`).toBeLessThan(0.01 * width + 1);
        }
    });
  }
});

describe("Praat's jitter, shimmer and harmonics to noise", () => {
  for (const [at, each] of cases.entries()) {
    if (!each.quality) continue;
    test(`of ${each.voice}`, async () => {
      const fitted = await voiceQuality().fit([]);
      const { data } = await fitted.transform([clips[at]!]);
      const got = Array.from(data);
      // The share of frames with a voice is not Praat's.
      got.splice(1, 1);
      for (const [i, want] of each.quality!.entries()) {
        // Shares below a thousandth, which no ear tells from none, are of interpolation; harmonics to noise are in dB.
        const tolerance = i === 12 ? 3 : Math.max(0.02 * want, i === 2 ? 2e-6 : 3e-4);
        if (i !== 12 || want < 40)
          expect(Math.abs(got[i]! - want), `number ${i}: ${got[i]} for ${want}`).toBeLessThan(tolerance);
        else expect(got[i]).toBeGreaterThan(30);
      }
    });
  }
});

test("silence, noise and a click have no voice, and give zeros", async () => {
  let state = 1;
  const noise = Float32Array.from({ length: 8000 }, () => {
    state = (Math.imul(1103515245, state) + 12345) & 0x7fffffff;
    return state / 2 ** 31 - 0.5;
  });
  const click = Float32Array.from({ length: 8000 }, (_, i) => (i === 4000 ? 1 : 0));
  const clips = [new Float32Array(8000), noise, click, new Float32Array(1)];
  const { data, cols } = await (await voiceQuality().fit([])).transform(
    clips.map((samples) => ({ samples, sampleRateHz: 16_000 })),
  );
  expect(data.every(Number.isFinite)).toBe(true);
  for (const row of [0, 3])
    expect(Array.from(data.subarray(row * cols, (row + 1) * cols))).toEqual(Array(cols).fill(0));
});

test("a pure tone, whose poles crowd together, has formants that are finite", async () => {
  // At 192 kHz, and resampled twice: all above the tone is silent.
  const tone = Float32Array.from({ length: 19_200 }, (_, i) => 0.5 * Math.sin(i / 50));
  const { data } = await (await voiceFeatures().fit([])).transform([{ samples: tone, sampleRateHz: 192_000 }]);
  expect(data.every(Number.isFinite)).toBe(true);
  for (const hz of [60, 611, 3000]) {
    const pure = Float32Array.from({ length: 5_500 }, (_, i) => Math.sin((2 * Math.PI * hz * i) / 11_000));
    const frames = await (await formants({ output: "frames" }).fit([])).transform([
      { samples: pure, sampleRateHz: 11_000 },
    ]);
    expect(frames.data.every(Number.isFinite)).toBe(true);
  }
});

test("params that do not fit are refused", () => {
  expect(() => voiceQuality({ fMaxHz: 8000 })).toThrow(
    "audio/voice-quality: fMaxHz is number 8000, want above fMinHz, up to 4000",
  );
  expect(() => formants({ count: 0 })).toThrow("audio/formants: count is number 0, want an integer from 1 to 20");
  expect(() => formants({ hopMs: 0 })).toThrow("hopMs");
});
