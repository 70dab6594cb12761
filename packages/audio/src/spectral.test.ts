import { readFileSync } from "node:fs";
import { type Dense, type Extractor, MmubError, random, type Sequence } from "@mmub/core";
import { extractorChecks } from "@mmub/core/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as audio from "./index.js";

interface Golden {
  readonly name: string;
  readonly signal: keyof typeof signals;
  readonly factory: string;
  readonly params: object;
  readonly frames: number;
  readonly values: readonly number[];
}
const golden = JSON.parse(
  readFileSync(new URL("../fixtures/spectral.json", import.meta.url), "utf8"),
) as readonly Golden[];
const rate = 16_000;
const clip = (samples: Float32Array) => ({ samples, sampleRateHz: rate });

// The signals of fixtures/make_spectral.py.
function noise(n: number, seed: number): Float64Array {
  let state = seed;
  return Float64Array.from({ length: n }, () => {
    state = (state * 16807) % 2147483647;
    return (state / 2147483647) * 2 - 1;
  });
}
const grid = (values: Float64Array) => Float32Array.from(values, (x) => Math.floor(x * 32768 + 0.5) / 32768);
function voice(n: number): Float32Array {
  const hiss = noise(n, 7);
  return grid(
    hiss.map((value, i) => {
      const t = i / rate;
      let tone = 0;
      for (let k = 1; k < 9; k++) tone += Math.sin(2 * Math.PI * k * (140 * t + 60 * t * t)) / k;
      return 0.25 * (0.6 + 0.4 * Math.sin(2 * Math.PI * 3 * t)) * tone + 0.02 * value;
    }),
  );
}
const beat = grid(
  noise(80_000, 11).map(
    (value, i) => 0.5 * value * Math.exp(-(i % 7_000) / 400) + 0.2 * Math.sin((2 * Math.PI * 445 * i) / rate),
  ),
);
const signals = {
  voice: voice(6_000),
  pause: Float32Array.of(...voice(3_000), ...new Float32Array(3_000), ...voice(2_000)),
  silence: new Float32Array(3_000),
  beat,
};

type Factory = (params: object) => Extractor<audio.AudioInput, Dense | Sequence>;
const factories = audio as unknown as Readonly<Record<string, Factory>>;
const framesOf = async (factory: string, samples: Float32Array, params: object = {}): Promise<Float32Array> => {
  const output = factory === "tempo" ? {} : { output: "frames" };
  return (await (await factories[factory]!({ ...params, ...output }).fit([])).transform([clip(samples)])).data;
};

test.each(golden)(
  "$name: the numbers of librosa or torchaudio",
  async ({ signal, factory, params, frames, values }) => {
    const got = await framesOf(factory, signals[signal], params);
    expect(got.length).toBe(values.length);
    const cols = values.length / frames;
    // 1e-4 of the largest of a column, and of what is about it: bins of a spectrum differ by much more than float32 can tell.
    const whole = Math.max(...values.map(Math.abs));
    for (let col = 0; col < cols; col++) {
      const largest = Math.max(...values.filter((_, i) => i % cols === col).map(Math.abs));
      for (let i = col; i < values.length; i += cols)
        expect(Math.abs(got[i]! - values[i]!), `frame ${Math.floor(i / cols)}, column ${col}`).toBeLessThanOrEqual(
          factory === "spectralFeatures" ? 1e-4 * largest : Math.max(1e-4 * largest, 2e-7 * whole),
        );
    }
  },
);

const small = { fftSize: 256, hopLength: 100 };
const kits: Readonly<Record<string, object>> = {
  stft: { ...small, fftSize: 32 },
  melSpectrogram: { ...small, mels: 10 },
  logMel: { ...small, mels: 10 },
  spectralFeatures: small,
  spectralContrast: { ...small, bands: 3 },
  chroma: small,
  onsetStrength: { ...small, mels: 10 },
};
const inputs = [
  clip(voice(900)),
  clip(voice(400).subarray(100)),
  { samples: [voice(500), voice(500)], sampleRateHz: 8_000 },
  audio.encodeWav(voice(700), 11_025),
];
for (const [name, params] of Object.entries({ ...kits, tempo: { ...small, mels: 10, windowSeconds: 1 } }))
  describe(name, () => {
    for (const output of name === "tempo" ? ["statistics"] : ["statistics", "frames"])
      describe(output, () => {
        const make = () => factories[name]!(name === "tempo" ? params : { ...params, output });
        for (const check of extractorChecks({ make, inputs })) test(check.name, check.run);
      });
  });

describe("streams", () => {
  const streams: Readonly<Record<string, object>> = {
    "stft reflect": { ...small, factory: "stft", padMode: "reflect" },
    "stft edge": { ...small, factory: "stft", padMode: "edge", power: null },
    "stft not centred": { ...small, factory: "stft", center: false },
    "stft far apart": { ...small, factory: "stft", hopLength: 700 },
    "stft of a prime": { ...small, factory: "stft", fftSize: 127, padMode: "reflect" },
    melSpectrogram: { ...small, mels: 10 },
    logMel: { ...small, mels: 10, topDb: null },
    mfcc: { ...small, mels: 10, coefficients: 5, topDb: null },
    "mfcc with deltas": { ...small, factory: "mfcc", mels: 10, coefficients: 5, topDb: null, deltas: 2, deltaWidth: 5 },
    "mfcc with wide deltas": { ...small, factory: "mfcc", mels: 8, coefficients: 3, topDb: null, deltas: 1 },
    chroma: { ...small, tuning: 0 },
    spectralFeatures: { ...small, padMode: "reflect" },
    "spectralFeatures of the samples": { ...small, factory: "spectralFeatures", features: ["zeroCrossings", "rms"] },
    "spectralFeatures far apart": { ...small, factory: "spectralFeatures", hopLength: 700, center: false },
    spectralContrast: { ...small, bands: 3, linear: true },
  };
  test.each(Object.entries(streams))("%s: pieces of any size give the frames of the whole", async (name, of) => {
    const { factory = name, ...params } = of as { factory?: string };
    const fitted = (await factories[factory]!({ ...params, output: "frames" }).fit([])) as audio.FittedFrames;
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 3_000 }),
        fc.array(fc.integer({ min: 0, max: 900 }), { maxLength: 12 }),
        async (length, cuts) => {
          const samples = signals.pause.subarray(0, length);
          const stream = fitted.stream!();
          const pieces: Sequence[] = [];
          let at = 0;
          for (const size of [...cuts, length]) {
            pieces.push(stream.push(samples.subarray(at, Math.min(length, at + size))));
            at = Math.min(length, at + size);
          }
          pieces.push(stream.end());
          const joined = Float32Array.from(pieces.flatMap(({ data }) => [...data]));
          let whole = new Float32Array(0);
          try {
            whole = (await fitted.transform([clip(samples)])).data as Float32Array<ArrayBuffer>;
          } catch (error) {
            if (!MmubError.is(error)) throw error;
          }
          expect(joined).toEqual(whole);
        },
      ),
      { numRuns: 40, seed: 3 },
    );
  });

  test("a stream with deltas begins anew after its end", async () => {
    const params = { ...small, mels: 8, coefficients: 3, topDb: null, deltas: 2, output: "frames" } as const;
    const fitted = await audio.mfcc(params).fit([]);
    const stream = fitted.stream!();
    const once = () => Float32Array.from([...stream.push(signals.voice).data, ...stream.end().data]);
    const whole = (await fitted.transform([clip(signals.voice)])).data;
    expect(once()).toEqual(whole);
    expect(once()).toEqual(whole);
  });

  test("two streams and a transform at once do not disturb each other", async () => {
    const fitted = await audio.stft({ ...small, output: "frames" }).fit([]);
    const want = (await fitted.transform([clip(signals.voice)])).data;
    const [a, b] = [fitted.stream!(), fitted.stream!()];
    const got: number[] = [];
    for (let at = 0; at < signals.voice.length; at += 500) {
      got.push(...a.push(signals.voice.subarray(at, at + 500)).data);
      b.push(signals.beat.subarray(at, at + 300));
      await fitted.transform([clip(signals.silence)]);
    }
    expect(Float32Array.from([...got, ...a.end().data])).toEqual(want);
  });

  test("hours pass through in no more memory than a minute", async () => {
    const stream = (await audio.mfcc({ output: "frames", topDb: null, mels: 20, coefficients: 4 }).fit([])).stream!();
    const second = voice(rate);
    let steps = 0;
    const minutes = (count: number) => {
      for (let i = 0; i < 60 * count; i++) steps += stream.push(second).data.length / 4;
      globalThis.gc?.();
      const { arrayBuffers, heapUsed } = process.memoryUsage();
      return arrayBuffers + heapUsed;
    };
    const before = minutes(1);
    expect(minutes(30) - before).toBeLessThan(40e6);
    expect(steps).toBeGreaterThan((31 * 60 * rate) / 512 - 4);
  });

  test("what depends on the whole recording has no stream; bad samples are refused", async () => {
    expect((await audio.logMel({ output: "frames" }).fit([])).stream).toBeUndefined();
    const stream = (await audio.stft({ output: "frames" }).fit([])).stream!();
    expect(() => stream.push(Float32Array.of(1, Number.NaN))).toThrow(/finite samples/);
    expect(() => stream.push([1] as never)).toThrow(/want a Float32Array of mono samples/);
  });
});

describe("what comes in", () => {
  test.each(Object.keys(kits))("%s: a constant, one sample, 8 channels, 192 kHz, the loudest", async (name) => {
    const fitted = await factories[name]!({ ...kits[name], output: "frames" }).fit([]);
    const { data, present } = await fitted.transform([
      clip(new Float32Array(1_000).fill(0.25)),
      clip(Float32Array.of(0.5)),
      { samples: Array.from({ length: 8 }, () => voice(600)), sampleRateHz: rate },
      { samples: voice(9_000), sampleRateHz: 192_000 },
      clip(new Float32Array(600).map((_, i) => (i % 2 ? 1e12 : -1e12))),
    ]);
    expect(data.every(Number.isFinite)).toBe(true);
    expect([...present!]).toEqual([1, 1, 1, 1, 1]);
  });
  test("noise whatever its size keeps finite", async () => {
    const numbers = random(2);
    for (const name of Object.keys(kits))
      for (const size of [1e-30, 1e-6, 1, 1e9]) {
        const data = await framesOf(
          name,
          Float32Array.from({ length: 700 }, () => size * numbers.normal()),
          kits[name],
        );
        expect(data.every(Number.isFinite)).toBe(true);
      }
  });
});

test.each<[string, object, RegExp]>([
  ["stft", { power: 0 }, /power is number 0, want a number above 0, up to 8, or null/],
  ["stft", { fftSize: 1 }, /fftSize is number 1, want an integer from 2/],
  ["stft", { padMode: "wrap" }, /padMode is string "wrap", want "constant", "reflect" or "edge"/],
  ["melSpectrogram", { fMaxHz: 9_000 }, /fMaxHz is number 9000, want above 0, up to sampleRateHz \/ 2 = 8000/],
  ["logMel", { amin: 0 }, /amin is number 0/],
  ["logMel", { scale: "log2" }, /scale is string "log2", want "decibels" or "natural"/],
  ["spectralFeatures", { features: ["pitch"] }, /features is an array of 1, want some of centroid/],
  ["spectralFeatures", { rollPercent: 1 }, /rollPercent is number 1/],
  ["spectralContrast", { bands: 7 }, /bands is number 7, want an integer from 1 to 6/],
  ["spectralContrast", { fftSize: 16 }, /fftSize is number 16, want more samples: band . has no bin/],
  ["chroma", { tuning: 1 }, /tuning is number 1/],
  ["onsetStrength", { lag: 0 }, /lag is number 0/],
  ["tempo", { windowSeconds: 0 }, /windowSeconds is number 0, want at least three hops/],
  ["stft", { output: "frames", statistics: ["mean"] }, /none with output "frames"/],
])("%s refuses %j", (factory, params, message) => {
  expect(() => factories[factory]!(params)).toThrow(message);
});

test("the slope of a rising tone's centroid is that of its pitch", async () => {
  const rising = Float32Array.from({ length: rate }, (_, i) =>
    Math.sin(2 * Math.PI * (500 + 500 * (i / rate)) * (i / rate)),
  );
  const fitted = await audio
    .spectralFeatures({ features: ["centroid"], statistics: ["slope"], fftSize: 512, hopLength: 160, center: false })
    .fit([]);
  // The pitch rises by 1000 Hz a second, a hundredth of that a frame.
  expect((await fitted.transform([clip(rising)])).data[0]).toBeCloseTo(10, 0);
});
