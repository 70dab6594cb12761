import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { loudness, normalizeLoudness, splitSilence, trimSilence } from "./index.js";

interface Golden {
  readonly rate: number;
  readonly channels: number;
  readonly samples: number;
  readonly gain: number;
  readonly loudness: number | null;
  readonly silence: readonly {
    readonly topDb: number;
    readonly frameLength: number;
    readonly hopLength: number;
    readonly split: readonly (readonly number[])[];
    readonly trim: readonly number[];
  }[];
}
const golden = JSON.parse(
  readFileSync(new URL("../fixtures/level.json", import.meta.url), "utf8"),
) as readonly Golden[];

// The signal of fixtures/make_level.py.
function sound({ rate, samples: n, gain }: Golden, channel: number): Float32Array {
  let state = 17 + channel;
  return Float32Array.from({ length: n }, (_, i) => {
    state = (state * 16807) % 2147483647;
    const t = i / rate;
    const swell = 0.2 + Math.abs(Math.sin(2 * Math.PI * 0.7 * t + channel));
    const y = Math.abs(t - n / rate / 2) > (0.15 * n) / rate ? gain * ((state / 2147483647) * 2 - 1) * swell : 0;
    return Math.floor(y * 32768 + 0.5) / 32768;
  });
}
const channelsOf = (of: Golden) => Array.from({ length: of.channels }, (_, channel) => sound(of, channel));

test.each(golden)("loudness of $channels channels at $rate Hz is pyloudnorm's", (of) => {
  const got = loudness({ samples: channelsOf(of), sampleRateHz: of.rate });
  if (of.loudness === null) expect(got).toBe(Number.NEGATIVE_INFINITY);
  else expect(got).toBeCloseTo(of.loudness, 6);
});

test.each(golden)("silence of $channels channels at $rate Hz is librosa's", (of) => {
  const samples = of.channels === 1 ? sound(of, 0) : channelsOf(of);
  for (const { split, trim, ...options } of of.silence) {
    expect(splitSilence(samples, options)).toEqual(split);
    const { from, to, ...kept } = trimSilence({ samples, sampleRateHz: of.rate }, options);
    expect([from, to]).toEqual(trim);
    const first = kept.samples instanceof Float32Array ? kept.samples : kept.samples[0]!;
    expect(first).toEqual(sound(of, 0).slice(from, to));
  }
});

test("a normalised recording has that loudness; silence stays as it is", () => {
  const recording = { samples: channelsOf(golden[1]!), sampleRateHz: golden[1]!.rate };
  const before = structuredClone(recording);
  expect(loudness(normalizeLoudness(recording))).toBeCloseTo(-23, 4);
  expect(loudness(normalizeLoudness(recording, { targetLufs: -30 }))).toBeCloseTo(-30, 4);
  expect(recording).toEqual(before);
  const silence = { samples: new Float32Array(8_000), sampleRateHz: 8_000 };
  expect(normalizeLoudness(silence)).toEqual(silence);
  expect(splitSilence(silence.samples)).toEqual([]);
  expect(trimSilence(silence).samples).toHaveLength(0);
});

test("bad input is refused", () => {
  const of =
    (samples: Float32Array | Float32Array[], sampleRateHz = 8_000) =>
    () =>
      loudness({ samples, sampleRateHz });
  expect(of(new Float32Array(3_000))).toThrow(/3000 samples are shorter than a block of 400 ms, 3200/);
  expect(of(Float32Array.of(Number.NaN))).toThrow(/sample 0 is NaN/);
  expect(() => loudness("call.wav" as never)).toThrow(/the recording is string "call.wav", want \{ samples/);
  expect(() => trimSilence(new Float32Array(9) as never)).toThrow(/want \{ samples, sampleRateHz \}/);
  expect(of(Array.from({ length: 6 }, () => new Float32Array(8_000)))).toThrow(/6 channels, want at most 5/);
  expect(of(new Float32Array(8_000), 0)).toThrow(/sampleRateHz is number 0/);
  expect(() => splitSilence(new Float32Array(9), { hopLength: 0 })).toThrow(/hopLength is number 0/);
  expect(() => splitSilence([new Float32Array(9), new Float32Array(8)])).toThrow(/channel 1 has 8 samples, want 9/);
  expect(() => splitSilence(new Float32Array(9), { topDb: -1 })).toThrow(/topDb is number -1/);
});
