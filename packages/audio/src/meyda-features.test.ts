import { random } from "@mmub/core";
import { extractorChecks } from "@mmub/core/testing";
import meyda from "meyda";
import { describe, expect, test } from "vitest";
import { type AudioInput, type MeydaFeature, meydaFeatures } from "./index.js";

const sampleRateHz = 16_000;
const draw = random(3);
const noise = Float32Array.from({ length: 5_000 }, () => 0.3 * draw.normal());
const clip = { samples: noise, sampleRateHz };
const all: readonly MeydaFeature[] = [
  ...(["rms", "energy", "zcr", "spectralCentroid", "spectralSlope", "spectralRolloff", "spectralFlatness"] as const),
  ...(["spectralSpread", "spectralSkewness", "spectralKurtosis", "spectralCrest", "perceptualSpread"] as const),
  ...(["perceptualSharpness", "loudness", "mfcc", "chroma", "melBands", "amplitudeSpectrum", "powerSpectrum"] as const),
];

describe("the kit", () => {
  const make = () => meydaFeatures({ features: ["rms", "spectralCentroid", "mfcc"] });
  const inputs = [
    clip,
    { ...clip, samples: noise.subarray(2_000) },
    null,
    { ...clip, samples: noise.subarray(0, 900) },
  ];
  for (const check of extractorChecks<AudioInput>({ make, inputs })) test(check.name, check.run);
});

test("the numbers are those of a Meyda that knows these settings alone", async () => {
  Object.assign(meyda, { bufferSize: 512, sampleRate: sampleRateHz, windowingFunction: "hanning" });
  const want = meyda.extract([...all], noise.slice(512, 1024)) as unknown as Record<string, never>;
  const fitted = await meydaFeatures({ features: all, output: "frames" }).fit([]);
  const { data, cols } = await fitted.transform([clip]);
  const got = Object.fromEntries(fitted.names!.map((name, i) => [name, data[cols + i]!]));
  for (const feature of all) {
    const value = want[feature] as unknown as number | ArrayLike<number> | { total: number; specific: Float32Array };
    const [numbers, name]: [ArrayLike<number>, (i: number) => string] =
      typeof value === "number"
        ? [[value], () => feature]
        : "total" in value
          ? [[value.total, ...value.specific], (i) => (i ? `loudness${i - 1}` : "loudness")]
          : [value, (i) => `${feature}${i}`];
    for (let i = 0; i < numbers.length; i++) expect(got[name(i)], `${feature} ${i}`).toBe(Math.fround(numbers[i]!));
  }
});

test("two sizes of frames and a Meyda elsewhere leave each other alone", async () => {
  const params = [
    { features: all, output: "frames", fftSize: 1024, melBands: 40, chromaBands: 24 },
    { features: all, output: "frames", fftSize: 256, sampleRateHz: 8_000, window: "blackman" },
  ] as const;
  const alone = [];
  for (const one of params) alone.push((await (await meydaFeatures(one).fit([])).transform([clip])).data);
  const fitted = await Promise.all(params.map((one) => meydaFeatures(one).fit([])));
  Object.assign(meyda, { bufferSize: 64, sampleRate: 44_100, melBands: 10 });
  meyda.extract("mfcc", noise.slice(0, 64));
  const before = JSON.stringify(meyda);
  const together = await Promise.all([...fitted, ...fitted].map((one) => one.transform([clip, clip])));
  for (const [i, { data }] of together.entries()) {
    const want = alone[i % 2]!;
    expect(data).toEqual(Float32Array.of(...want, ...want));
    expect(data.every(Number.isFinite)).toBe(true);
  }
  expect(JSON.stringify(meyda)).toBe(before);
});

test("silence is finite; a clip shorter than a frame and wrong params are refused", async () => {
  const fitted = await meydaFeatures({ features: all }).fit([]);
  const { data } = await fitted.transform([{ samples: new Float32Array(2_000), sampleRateHz }]);
  expect(data.every(Number.isFinite)).toBe(true);
  await expect(fitted.transform([{ samples: noise.subarray(0, 400), sampleRateHz }])).rejects.toThrow(/at least 512/);
  expect(() => meydaFeatures({ features: ["flux" as never] })).toThrow(/features is string "flux", want "rms", /);
  expect(() => meydaFeatures({ fftSize: 500 })).toThrow(/fftSize is number 500, want a power of 2/);
  expect(() => meydaFeatures({ coefficients: 30 })).toThrow(/coefficients is number 30, want an integer from 1 to 26/);
});
