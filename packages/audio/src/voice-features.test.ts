import { extractorChecks } from "@mmub/core/testing";
import { describe, expect, test } from "vitest";
import { voiceFeatures } from "./voice-features.js";

const rate = 16_000;
/** A voice of pulses through one resonance, that glides from `from` to `to` Hz and pauses in the middle. */
function voice(from: number, to: number, seconds = 0.8, gain = 1) {
  const n = rate * seconds;
  const samples = new Float32Array(n);
  let [phase, y1, y2] = [0, 0, 0];
  for (let i = 0; i < n; i++) {
    phase += (from + ((to - from) * i) / n) / rate;
    const pulse = phase >= 1 ? 1 : 0;
    phase -= pulse;
    const pause = i > 0.4 * n && i < 0.6 * n;
    const y = (pause ? 0 : pulse) + 1.85 * y1 - 0.93 * y2;
    [y2, y1] = [y1, y];
    samples[i] = 0.1 * gain * y;
  }
  return { samples, sampleRateHz: rate };
}

describe("conformance", () => {
  const inputs = [voice(120, 140), null, voice(220, 180, 0.5), { samples: Float32Array.of(0.1), sampleRateHz: 8000 }];
  for (const check of extractorChecks({ make: voiceFeatures, inputs })) test(check.name, check.run);
});

describe("numbers", () => {
  const row = async (input: ReturnType<typeof voice>) => {
    const fitted = await voiceFeatures().fit([]);
    const { data } = await fitted.transform([input]);
    return Object.fromEntries(fitted.names!.map((name, i) => [name, data[i]!])) as Record<string, number>;
  };

  test("say what the voice does", async () => {
    const [rising, falling] = [await row(voice(120, 160)), await row(voice(160, 120))];
    for (const numbers of [rising, falling]) {
      expect(numbers["f0 mean"]).toBeCloseTo(12 * Math.log2(140 / 27.5), 0);
      expect(numbers["voiced pieces"]).toBeGreaterThan(1.9 / 0.8);
      expect(numbers.voiced).toBeGreaterThan(0.6);
      expect(numbers.voiced).toBeLessThan(0.95);
    }
    // An octave a second is 12 semitones: log2(160 / 120) of them in 0.8 s.
    const slope = (12 * Math.log2(160 / 120)) / 0.8;
    expect(Math.abs(rising["f0 rise mean"]! - slope)).toBeLessThan(0.2 * slope);
    expect(Math.abs(falling["f0 fall mean"]! + slope)).toBeLessThan(0.2 * slope);
    // The pole at angle acos(1.85 / (2 √0.93)).
    const resonance = (Math.acos(1.85 / 2 / Math.sqrt(0.93)) * rate) / (2 * Math.PI);
    expect(Math.abs(rising["f1 mean"]! - resonance)).toBeLessThan(80);
  });

  test("but for level and loudness do not change with the gain", async () => {
    const [loud, soft] = [await row(voice(120, 140)), await row(voice(120, 140, 0.8, 0.25))];
    expect(loud.level! - soft.level!).toBeCloseTo(20 * Math.log10(4), 3);
    expect(loud["loudness mean"]! / soft["loudness mean"]!).toBeCloseTo(16 ** (1 / 3), 2);
    for (const [name, value] of Object.entries(loud))
      if (!/^(level|loudness|unvoiced|mfcc|voiced (mfcc|alpha|hammarberg|slope))/.test(name))
        expect(Math.abs(value - soft[name]!), name).toBeLessThan(1e-2 * Math.max(1, Math.abs(value)));
  });

  test("of silence are finite, and its level the floor", async () => {
    const numbers = await row({ samples: new Float32Array(rate), sampleRateHz: rate });
    expect(Object.values(numbers).every(Number.isFinite)).toBe(true);
    expect(numbers).toMatchObject({ level: -100, voiced: 0, "f0 mean": 0, "jitter local": 0, "f1 mean": 0 });
  });
});

test("has 76 columns", async () => {
  expect((await voiceFeatures().fit([])).cols).toBe(76);
  expect(() => voiceFeatures({ sampleRateHz: 4000 })).toThrow("audio/voice-features: sampleRateHz is number 4000");
});
