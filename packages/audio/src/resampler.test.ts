import { readFileSync } from "node:fs";
import { MmubError, random } from "@mmub/core";
import { describe, expect, test } from "vitest";
import { resampler } from "./resampler.js";

interface Golden {
  readonly fromHz: number;
  readonly toHz: number;
  readonly length: number;
  readonly values: readonly number[];
}
const golden = JSON.parse(
  readFileSync(new URL("../fixtures/resampler.json", import.meta.url), "utf8"),
) as readonly Golden[];

// The formula of fixtures/make_resampler.py.
function bandLimited(length: number, fromHz: number, toHz: number): Float32Array {
  const nyquist = Math.min(fromHz, toHz) / 2;
  return Float32Array.from({ length }, (_, i) => {
    const sines = [0.03, 0.11, 0.37, 0.62, 0.8].map((share, k) =>
      Math.sin((2 * Math.PI * share * nyquist * i) / fromHz + k),
    );
    return 0.2 * Math.sin((Math.PI * i) / length) ** 2 * sines.reduce((a, b) => a + b);
  });
}

const sine = (length: number, hz: number, rate: number): Float32Array =>
  Float32Array.from({ length }, (_, i) => Math.sin((2 * Math.PI * hz * i) / rate));

/** The largest difference in the middle half, which silence before and after does not reach. */
function largest(got: Float32Array, want: (i: number) => number): number {
  let most = 0;
  for (let i = got.length >> 2; i < (3 * got.length) >> 2; i++) most = Math.max(most, Math.abs(got[i]! - want(i)));
  return most;
}

// Block transforms up and down, after none, one or two half-band filters; sizes that only TypeScript transforms; and for the last two
// the table.
const pairs = [
  [44_100, 16_000],
  [16_000, 44_100],
  [8_000, 16_000],
  [48_000, 16_000],
  [44_100, 8_000],
  [176_400, 16_000],
  [22_000, 16_000],
  [16_000, 15_999],
  [15_999, 16_000],
] as const;

describe.each(pairs)("%i to %i Hz", (fromHz, toHz) => {
  const convert = resampler({ fromHz, toHz });
  const nyquist = Math.min(fromHz, toHz) / 2;
  const length = Math.round(fromHz / 10);

  test("passes up to 0.913 of the Nyquist frequency within 1e-5", () => {
    for (const share of [0, 0.001, 0.2, 0.5, 0.8, 0.913]) {
      const hz = share * nyquist;
      const cosine = Float32Array.from({ length }, (_, i) => Math.cos((2 * Math.PI * hz * i) / fromHz));
      expect(largest(convert(cosine), (i) => Math.cos((2 * Math.PI * hz * i) / toHz))).toBeLessThan(1e-5);
    }
  });

  test("lets nothing through from the lower Nyquist frequency on", () => {
    // Going up there is nothing above the input's own; what would appear are images, which the test before sees.
    for (const share of [1, 1.02, 1.3, 1.9].filter((share) => share * nyquist < fromHz / 2))
      expect(largest(convert(sine(length, share * nyquist, fromHz)), () => 0)).toBeLessThan(1e-5);
  });

  test("gives ceil(length * to / from) samples", () => {
    for (const length of [0, 1, 2, 3, 100, 441, 1000])
      expect(convert(new Float32Array(length)).length).toBe(Math.ceil((length * toHz) / fromHz));
  });

  test("in pieces it gives the same, bit for bit", () => {
    const whole = Float32Array.from({ length: 3 * length }, (_, i) => Math.sin(i * i * 1e-5));
    const stream = convert.stream();
    const r = random(fromHz);
    const got: number[] = [];
    for (let at = 0; at < whole.length; ) {
      const size = [0, 1, 7, 500, 9_000][r.integer(5)]!;
      got.push(...stream.push(whole.subarray(at, at + size)));
      at += size;
    }
    got.push(...stream.end());
    expect(Float32Array.from(got)).toEqual(convert(whole));
  });

  test("a recording gives the same whatever went before", () => {
    const [a, b] = [sine(3_000, 440, fromHz), sine(500, 1_000, fromHz)];
    const fresh = resampler({ fromHz, toHz })(b);
    convert(a);
    expect(convert(b)).toEqual(fresh);
  });
});

// Up to 8e-5 of that are soxr's own: its gain falls by 0.01 dB over the pass band.
test.each(golden)(
  "$fromHz to $toHz Hz is librosa's (soxr HQ) within 1e-4 of full scale",
  ({ fromHz, toHz, length, values }) => {
    const got = resampler({ fromHz, toHz })(bandLimited(length, fromHz, toHz));
    expect(got.length).toBe(values.length);
    for (const [i, want] of values.entries()) expect(Math.abs(got[i]! - want)).toBeLessThan(1e-4);
  },
);

test("a long recording is the same at the seams of its blocks", () => {
  // One second has several blocks: a sine shows a jump at any of them.
  const got = resampler({ fromHz: 44_100, toHz: 16_000 })(sine(44_100, 3_000, 44_100));
  expect(largest(got, (i) => Math.sin((2 * Math.PI * 3_000 * i) / 16_000))).toBeLessThan(1e-5);
});

test("equal rates give a copy", () => {
  const samples = sine(10, 100, 8_000);
  const copy = resampler({ fromHz: 8_000, toHz: 8_000 })(samples);
  expect(copy).toEqual(samples);
  expect(copy).not.toBe(samples);
});

test("refuses other rates and other samples", () => {
  for (const fromHz of [0, -1, 0.5, Number.NaN, 768_001])
    expect(() => resampler({ fromHz, toHz: 8_000 })).toThrow(/fromHz is number .*, want an integer number of Hz/);
  expect(() => resampler({ fromHz: 8_000, toHz: 16_000 })([1, 2] as never)).toThrow(MmubError);
  const broken = Float32Array.of(0, Number.NaN);
  for (const run of [
    resampler({ fromHz: 8_000, toHz: 16_000 }),
    resampler({ fromHz: 8_000, toHz: 16_000 }).stream().push,
  ])
    expect(() => run(broken)).toThrow(/sample 1 is NaN, want a finite number/);
});
