import { readFileSync } from "node:fs";
import { MmubError, type Sequence } from "@mmub/core";
import { expect, test } from "vitest";
import { specAugment, timeStretch, waveformAugmenter } from "./index.js";

interface Golden {
  readonly rate: number;
  readonly fftSize: number;
  readonly length: number;
  readonly every7th: readonly number[];
}
const golden = JSON.parse(
  readFileSync(new URL("../fixtures/time-stretch.json", import.meta.url), "utf8"),
) as readonly Golden[];

// The signal of fixtures/make_time_stretch.py.
const signal = Float32Array.from(
  { length: 5_000 },
  (_, i) => 0.5 * Math.sin(2 * Math.PI * 0.03 * i + 3 * Math.sin(i / 700)) + 0.2 * Math.sin(i * i * 1e-4),
);
const word = { samples: signal, sampleRateHz: 8_000 };
const power = (x: Float32Array): number => x.reduce((sum, value) => sum + value * value, 0) / x.length;

test.each(golden)("stretching by $rate in frames of $fftSize gives librosa's numbers", ({ rate, fftSize, ...want }) => {
  const got = timeStretch(signal, rate, { fftSize });
  expect(got.length).toBe(want.length);
  for (const [i, value] of want.every7th.entries()) expect(Math.abs(got[7 * i]! - value)).toBeLessThan(1e-6);
});

test("a seed gives one copy, another seed another, and the recording stays as it is", () => {
  const augment = waveformAugmenter({
    ...{ stretchRate: { from: 0.8, to: 1.25 }, shiftShare: { from: -0.5, to: 0.5 }, probability: 1 },
    ...{ noiseSnrDb: { from: 5, to: 40 }, gainDb: { from: -12, to: 12 } },
  });
  const before = signal.slice();
  expect(augment(word, 3)).toEqual(augment(word, 3));
  expect(augment(word, 3)).not.toEqual(augment(word, 4));
  expect(signal).toEqual(before);
});

test("each alteration is what it says", () => {
  const only = (params: object) => waveformAugmenter({ ...params, probability: 1 })(word, 5).samples as Float32Array;
  const exactly = (value: number) => ({ from: value, to: value });
  const louder = only({ gainDb: exactly(6) });
  expect(10 * Math.log10(power(louder) / power(signal))).toBeCloseTo(6, 4);
  const moved = only({ shiftShare: exactly(0.1) });
  expect(moved.subarray(500)).toEqual(signal.subarray(0, 4_500));
  expect(moved.subarray(0, 500)).toEqual(signal.subarray(4_500));
  expect(only({ shiftShare: exactly(-0.1) }).subarray(0, 4_500)).toEqual(signal.subarray(500));
  const noise = only({ noiseSnrDb: exactly(20) }).map((value, i) => value - signal[i]!);
  expect(Math.abs(10 * Math.log10(power(signal) / power(noise)) - 20)).toBeLessThan(0.3);
  expect(only({ stretchRate: exactly(1.25) })).toEqual(timeStretch(signal, 1.25));
});

test("it alters as many as the probability says", () => {
  const augment = waveformAugmenter({ gainDb: { from: 3, to: 6 }, probability: 0.3 });
  const short = { samples: signal.subarray(0, 10), sampleRateHz: 8_000 };
  const altered = Array.from({ length: 1_000 }, (_, seed) => augment(short, seed).samples as Float32Array).filter(
    (samples) => samples[9] !== signal[9],
  );
  expect(Math.abs(altered.length - 300)).toBeLessThan(50);
});

test("channels are altered alike, with noises of their own", () => {
  const two = { samples: [signal, signal], sampleRateHz: 8_000 };
  const of = (params: object) =>
    waveformAugmenter({ ...params, probability: 1 })(two, 1).samples as readonly Float32Array[];
  const gained = of({ gainDb: { from: -6, to: 6 } });
  expect(gained[0]).toEqual(gained[1]);
  const noised = of({ noiseSnrDb: { from: 0, to: 6 } });
  expect(noised[0]).not.toEqual(noised[1]);
});

const ones: Sequence = {
  ...{
    layout: "sequence",
    rows: 2,
    cols: 8,
    offsets: Uint32Array.of(0, 50, 90),
    data: new Float32Array(90 * 8).fill(1),
  },
};

test("SpecAugment masks whole steps and whole columns, other ones of each recording", () => {
  const [time, frequency] = [
    specAugment(ones, { timeMaskWidth: 20, frequencyMasks: 0 }, 1),
    specAugment(ones, { frequencyMaskWidth: 5, timeMasks: 0 }, 2),
  ];
  const masked = ({ data }: Sequence, step: number) =>
    data.subarray(8 * step, 8 * step + 8).filter((x) => x === 0).length;
  const steps = Array.from({ length: 90 }, (_, step) => masked(time, step));
  expect(new Set(steps)).toEqual(new Set([0, 8]));
  expect(steps.slice(0, 40)).not.toEqual(steps.slice(50));
  for (const step of [1, 49])
    expect(frequency.data.subarray(8 * step, 8 * step + 8)).toEqual(frequency.data.subarray(0, 8));
  expect(frequency.data).toContain(0);
  expect(frequency.data).toContain(1);
  expect(ones.data).not.toContain(0);
  expect(specAugment(ones, {}, 3)).toEqual(specAugment(ones, {}, 3));
  expect(specAugment(ones, { fill: "mean" }, 3).data).toEqual(ones.data);
});

test("a share bounds what a stretch of time masks", () => {
  for (let seed = 0; seed < 50; seed++) {
    const { data } = specAugment(ones, { timeMasks: 1, timeMaskShare: 0.1, frequencyMasks: 0 }, seed);
    expect(data.filter((value) => value === 0).length).toBeLessThanOrEqual(8 * (5 + 4));
  }
});

test("bad params and recordings are refused", () => {
  expect(() => waveformAugmenter({ gainDb: { from: 3, to: 1 } })).toThrow(
    /gainDb is .*, want \{ from, to \} with -200/,
  );
  expect(() => waveformAugmenter({ probability: 2 })).toThrow(/probability is number 2, want a number from 0 to 1/);
  expect(() => waveformAugmenter({})({ ...word, samples: Float32Array.of(Number.NaN) }, 1)).toThrow(/sample 0 is NaN/);
  expect(() => specAugment(ones, { timeMasks: -1 }, 1)).toThrow(/timeMasks is number -1, want a whole number/);
  expect(() => waveformAugmenter({})(undefined as never, 1)).toThrow(/the recording is undefined, want \{ samples/);
  expect(() => specAugment(word as never, {}, 1)).toThrow(/frames are .*, want a Sequence/);
  expect(() => timeStretch(signal, 0)).toThrow(/rate is number 0, want a number from 0.1 to 10/);
  expect(() => timeStretch([1] as never, 1)).toThrow(MmubError);
});
