import { readFileSync } from "node:fs";
import { extractorChecks } from "@mmub/core/testing";
import { describe, expect, test } from "vitest";
import { encodeWav, type FrameExtractor, logMel, melSpectrogram, mfcc } from "./index.js";

interface Golden {
  readonly name: string;
  readonly factory: "logMel" | "melSpectrogram" | "mfcc";
  readonly params: { readonly style: "torchaudio" | "kaldi" | "htk" };
  readonly frames: number;
  readonly values: readonly number[];
}
const golden = JSON.parse(
  readFileSync(new URL("../fixtures/kaldi.json", import.meta.url), "utf8"),
) as readonly Golden[];

type Factory = (params: object) => FrameExtractor;
const factories = { logMel, melSpectrogram, mfcc } as unknown as Readonly<Record<Golden["factory"], Factory>>;

// The signal of fixtures/make_kaldi.py.
const rate = 16_000;
function voice(n: number): Float32Array {
  let state = 7;
  return Float32Array.from({ length: n }, (_, i) => {
    state = (state * 16807) % 2147483647;
    const t = i / rate;
    let tone = 0;
    for (let k = 1; k < 9; k++) tone += Math.sin(2 * Math.PI * k * (140 * t + 60 * t * t)) / k;
    const swell = 0.6 + 0.4 * Math.sin(2 * Math.PI * 3 * t);
    const x = 0.25 * swell * tone + 0.02 * ((state / 2147483647) * 2 - 1) + 0.05;
    return Math.floor(x * 32768 + 0.5) / 32768;
  });
}
const samples = voice(3_000);
const clip = { samples, sampleRateHz: rate };

test.each(golden)("$name: the numbers of torchaudio", async ({ factory, params, frames, values }) => {
  const fitted = await factories[factory]({ ...params, output: "frames" }).fit([]);
  const { data, offsets, cols } = await fitted.transform([clip]);
  expect([offsets[1], data.length]).toEqual([frames, values.length]);
  for (let col = 0; col < cols; col++) {
    const largest = Math.max(...values.filter((_, i) => i % cols === col).map(Math.abs));
    for (let i = col; i < values.length; i += cols)
      // Float32 spectra of a loud voice leave quiet bands no more than this.
      expect(Math.abs(data[i]! - values[i]!), `frame ${Math.floor(i / cols)}, column ${col}`).toBeLessThanOrEqual(
        1e-4 * Math.max(1, largest),
      );
  }
});

describe.each(["kaldi", "htk", "torchaudio"] as const)("%s", (style) => {
  for (const factory of ["logMel", "mfcc"] as const) {
    const make = () => factories[factory]({ style });
    const inputs = [clip, { samples: voice(900), sampleRateHz: 8_000 }, encodeWav(voice(700), 11_025)];
    describe(factory, () => {
      for (const check of extractorChecks({ make, inputs })) test(check.name, check.run);
    });
  }
});

test.each([false, true])("pieces of any size give the frames of the whole, center %s", async (center) => {
  for (const style of ["kaldi", "htk"] as const) {
    const fitted = await mfcc({ style, center, energy: true, output: "frames" }).fit([]);
    const whole = (await fitted.transform([clip])).data;
    for (const size of [1, 7, 160, 399, 2_000]) {
      const stream = fitted.stream!();
      const got: number[] = [];
      for (let at = 0; at < samples.length; at += size) got.push(...stream.push(samples.subarray(at, at + size)).data);
      got.push(...stream.end().data);
      expect(Float32Array.from(got)).toEqual(whole);
    }
  }
});

test("HTK's coefficient 0 stands last", () => {
  return expect(mfcc({ style: "htk", output: "frames" }).fit([])).resolves.toMatchObject({
    names: [...Array.from({ length: 12 }, (_, i) => `mfcc${i + 1}`), "mfcc0"],
  });
});

test.each([
  [{ style: "sphinx" as never }, /style is string "sphinx", want "librosa", "torchaudio", "kaldi" or "htk"/],
  [{ preEmphasis: 0.9 }, /preEmphasis of style "librosa" is number 0.9, want none/],
  [{ style: "kaldi", preEmphasis: 2 }, /preEmphasis is number 2, want a number from 0 to 1/],
  [{ style: "kaldi", htk: false }, /htk of style "kaldi" is false, want true/],
  [{ style: "htk", fullScale: 0 }, /fullScale is number 0, want a number above 0/],
  [{ style: "kaldi", topDb: 80 }, /topDb of style "kaldi" is number 80, want null/],
  [{ energy: true }, /energy of style "librosa" is true, want none/],
] as const)("refuses the params %j", (params, message) => {
  expect(() => mfcc(params)).toThrow(message);
});
