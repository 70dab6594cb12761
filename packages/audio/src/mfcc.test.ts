import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { MmubError, random } from "@mmub/core";
import { extractorChecks } from "@mmub/core/testing";
import { afterAll, describe, expect, test } from "vitest";
import type { AudioInput } from "./audio-input.js";
import { type MfccFramesParams, type MfccStatisticsParams, mfcc } from "./mfcc.js";
import { encodeWav, type Waveform } from "./wav.js";

const rate = 16_000;

// The signals of fixtures/make_mfcc.py.
function voice(length: number): Float32Array {
  let state = 7;
  return Float32Array.from({ length }, (_, i) => {
    state = (state * 16807) % 2147483647;
    const t = i / rate;
    const swell = 0.6 + 0.4 * Math.sin(2 * Math.PI * 3 * t);
    let tone = 0;
    for (let k = 1; k < 9; k++) tone += Math.sin(2 * Math.PI * k * (140 * t + 60 * t * t)) / k;
    const noise = (state / 2147483647) * 2 - 1;
    return Math.floor((0.25 * swell * tone + 0.02 * noise) * 32768 + 0.5) / 32768;
  });
}
const signals = {
  voice: voice(9_600),
  pause: Float32Array.from([...voice(3_000), ...new Float32Array(3_000), ...voice(2_000)]),
  silence: new Float32Array(4_000),
  constant: new Float32Array(4_000).fill(0.25),
  short: voice(300),
  sample: voice(50).slice(49),
};

interface Golden {
  readonly name: string;
  readonly signal: keyof typeof signals;
  readonly params: Omit<MfccFramesParams, "output">;
  readonly frames: number;
  readonly values: readonly number[];
  readonly delta1?: readonly number[];
  readonly delta2?: readonly number[];
}
const golden = JSON.parse(readFileSync(new URL("../fixtures/mfcc.json", import.meta.url), "utf8")) as readonly Golden[];

const clip = (samples: Waveform["samples"], sampleRateHz = rate): Waveform => ({ samples, sampleRateHz });
const fast = { fftSize: 256, hopLength: 128, mels: 20, coefficients: 5 } as const;

async function statistics(input: AudioInput, params?: MfccStatisticsParams): Promise<Float32Array> {
  return (await (await mfcc(params).fit([])).transform([input])).data;
}

async function frames(input: AudioInput, params: Omit<MfccFramesParams, "output"> = {}): Promise<Float32Array> {
  return (await (await mfcc({ ...params, output: "frames" }).fit([])).transform([input])).data;
}

/** The largest difference over the largest value. */
function relativeError(got: ArrayLike<number>, want: ArrayLike<number>): number {
  expect(got.length).toBe(want.length);
  let [difference, largest] = [0, 0];
  for (let i = 0; i < want.length; i++) {
    difference = Math.max(difference, Math.abs(got[i]! - want[i]!));
    largest = Math.max(largest, Math.abs(want[i]!));
  }
  return difference / largest;
}

const inputs = [
  clip(signals.voice),
  encodeWav(voice(2_000), 22_050),
  null,
  clip([voice(700), new Float32Array(700)], 8_000),
  clip(signals.short),
];
describe.each<[string, MfccStatisticsParams | MfccFramesParams]>([
  ["statistics", {}],
  ["statistics of deltas", { ...fast, deltas: 2, statistics: ["median", "p10", "std"] }],
  ["frames", { ...fast, output: "frames" }],
])("conformance of %s", (_, params) => {
  const make = () => (params.output === "frames" ? mfcc(params) : mfcc(params));
  for (const check of extractorChecks<AudioInput>({ make, inputs })) test(check.name, check.run);
});

describe("librosa's numbers, within 1e-5 of the largest of a clip", () => {
  test.each(golden)("$name", async ({ signal, params, frames: count, values, delta1, delta2 }) => {
    const fitted = await mfcc({ ...params, output: "frames" }).fit([]);
    const { offsets, cols, data } = await fitted.transform([clip(signals[signal])]);
    expect([...offsets]).toEqual([0, count]);
    const { coefficients = 20 } = params;
    for (const [order, want] of [values, delta1, delta2].entries()) {
      if (!want) continue;
      const got = want.map(
        (_, i) => data[Math.floor(i / coefficients) * cols + order * coefficients + (i % coefficients)]!,
      );
      expect(relativeError(got, want)).toBeLessThan(1e-5);
    }
  });

  test("the cases cover what they should", () => {
    expect(golden.length).toBeGreaterThanOrEqual(28);
    expect(golden.filter(({ delta2 }) => delta2).length).toBeGreaterThan(0);
  });
});

describe("statistics", () => {
  test("are those of the frames, by statistic and then by column, and named so", async () => {
    const kept = ["mean", "std", "min", "max", "median", "p25", "p97.5"] as const;
    const params = { ...fast, deltas: 1 } as const;
    const fitted = await mfcc({ ...params, statistics: kept }).fit([]);
    const got = (await fitted.transform([clip(signals.voice)])).data;
    const all = await frames(clip(signals.voice), params);
    const want = kept.flatMap((statistic) =>
      Array.from({ length: 10 }, (_, col) => {
        const column = [...all].filter((_, i) => i % 10 === col);
        const mean = column.reduce((a, b) => a + b) / column.length;
        const sorted = column.sort((a, b) => a - b);
        const at = (share: number) => {
          const [low, part] = [Math.floor(share * (sorted.length - 1)), (share * (sorted.length - 1)) % 1];
          return sorted[low]! * (1 - part) + (sorted[low + 1] ?? 0) * part;
        };
        return {
          mean,
          std: Math.sqrt(column.reduce((sum, value) => sum + (value - mean) ** 2, 0) / column.length),
          min: sorted[0]!,
          max: sorted.at(-1)!,
          median: at(0.5),
          p25: at(0.25),
          "p97.5": at(0.975),
        }[statistic];
      }),
    );
    expect(relativeError(got, want)).toBeLessThan(1e-6);
    expect(fitted.cols).toBe(70);
    expect(fitted.names?.slice(0, 6)).toEqual([
      "mfcc0 mean",
      "mfcc1 mean",
      "mfcc2 mean",
      "mfcc3 mean",
      "mfcc4 mean",
      "delta mfcc0 mean",
    ]);
    expect(fitted.names?.at(-1)).toBe("delta mfcc4 p97.5");
  });
});

describe("what goes in", () => {
  const folder = mkdtempSync(join(tmpdir(), "mmub-audio-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "voice.wav");
  writeFileSync(path, encodeWav(signals.voice, rate));

  test("a path, a URL, bytes and samples give the same", async () => {
    const want = await statistics(clip(signals.voice));
    for (const input of [path, pathToFileURL(path), encodeWav(signals.voice, rate), clip([signals.voice])])
      expect(await statistics(input)).toEqual(want);
  });

  test("channels are averaged", async () => {
    const [left, right] = [voice(4_000), voice(8_000).slice(4_000)];
    const average = left.map((value, i) => (value + right[i]!) / 2);
    expect(await statistics(clip([left, right]))).toEqual(await statistics(clip(average)));
  });

  test.each([8_000, 22_050, 44_100])("a recording of %i Hz sounds like the one of 16 kHz", async (sampleRateHz) => {
    // Everything below 4 kHz, where all of them have the same to say; faded, so that no end is heard.
    const swept = (rateHz: number) =>
      clip(
        Float32Array.from({ length: rateHz / 2 }, (_, i) => {
          const t = i / rateHz;
          return Math.sin(Math.PI * 2 * t) ** 2 * Math.sin(2 * Math.PI * (300 * t + 2_000 * t * t));
        }),
        rateHz,
      );
    const params = { ...fast, fMaxHz: 3_000 };
    expect(relativeError(await frames(swept(sampleRateHz), params), await frames(swept(rate), params))).toBeLessThan(
      1e-3,
    );
  });

  const nan = voice(100);
  nan[42] = Number.NaN;
  const infinite = voice(100);
  infinite[7] = Number.POSITIVE_INFINITY;
  test.each<[string, unknown, RegExp]>([
    ["a file that is not there", join(folder, "none.wav"), /input 1: cannot read .*none\.wav: ENOENT/],
    [
      "a web address",
      new URL("https://example.com/a.wav"),
      /input 1: cannot read https:.*; give the path or file: URL of an audio file/,
    ],
    [
      "a file that is no WAV",
      Buffer.from("ID3 and then an MP3 of some length"),
      /input 1: the MP3 file holds no sound/,
    ],
    [
      "a cut file",
      encodeWav(voice(50), rate).subarray(0, 100),
      /input 1: the header declares 100 bytes of samples, only 56/,
    ],
    ["NaN", clip(nan), /input 1: sample 42 is NaN, want a finite number/],
    ["an infinity in one channel", clip([voice(100), infinite]), /input 1: sample 7 of channel 1 is Infinity/],
    [
      "integers",
      clip(new Int16Array(100) as never),
      /input 1: samples are Int16Array of 100, want a Float32Array.*divide/,
    ],
    ["channels of different lengths", clip([voice(3), voice(4)]), /input 1: channel 1 has 4 samples, want 3/],
    ["no channel", clip([]), /input 1: samples are an array of 0/],
    ["no sample", clip(new Float32Array(0)), /input 1: the recording has no samples.*null/],
    ["a rate of nothing", clip(voice(100), 0), /input 1: the sample rate is 0 Hz, want an integer from 1000 to 768000/],
    ["samples without a rate", { samples: voice(100) }, /input 1 is an object with samples, want a path/],
    ["undefined", undefined, /input 1 is undefined, want a path/],
  ])("%s is refused by its index", async (_, bad, message) => {
    const fitted = await mfcc(fast).fit([]);
    const run = fitted.transform([clip(signals.short), bad as AudioInput]);
    await expect(run).rejects.toMatchObject({ code: "invalid-input", part: "@mmub/audio/mfcc", index: 1 });
    await expect(run).rejects.toThrow(message);
  });

  test("without center a recording shorter than a frame is refused, one as long is one frame", async () => {
    const params = { ...fast, center: false } as const;
    await expect(frames(clip(voice(255)), params)).rejects.toThrow(/input 0 is .*255, want at least 256 samples/);
    expect(await frames(clip(voice(256)), params)).toHaveLength(fast.coefficients);
  });

  test("deltas of few frames use those there are, and are 0 under three", async () => {
    const [col, cols] = [1, 2 * fast.coefficients];
    // 4 frames: a window of three. 2 frames: none fits.
    const four = await frames(clip(voice(400)), { ...fast, deltas: 1 });
    const at = (row: number, of: number) => four[row * cols + of]!;
    const [first, second] = [0, 1].map((row) => (at(row + 2, col) - at(row, col)) / 2);
    for (const [row, want] of [first, first, second, second].entries())
      expect(at(row, fast.coefficients + col)).toBeCloseTo(want!, 4);
    const two = await frames(clip(voice(200)), { ...fast, deltas: 1 });
    expect(two).toHaveLength(2 * cols);
    expect([...two].filter((_, i) => i % cols >= fast.coefficients)).toEqual(new Array(cols).fill(0));
  });
});

test("two configurations at work at once give what each gives alone", async () => {
  const settings = [{}, fast, { ...fast, sampleRateHz: 8_000, fftSize: 400 }, { fftSize: 512, coefficients: 40 }];
  const clips = [signals.voice, signals.pause, signals.short].map((samples) => clip(samples));
  const alone: Float32Array[] = [];
  for (const params of settings) alone.push((await (await mfcc(params).fit([])).transform(clips)).data);
  const fitted = await Promise.all(settings.map((params) => mfcc(params).fit([])));
  const together = await Promise.all(fitted.map((each, i) => each.transform(clips, { batchSize: i + 1 })));
  expect(together.map(({ data }) => data)).toEqual(alone);
});

test("whatever the bytes of a WAV file, it is finite features or an MmubError", async () => {
  const numbers = random(11);
  const originals = [
    encodeWav(signals.short, rate),
    encodeWav([signals.short, signals.short], 11_025, { bitDepth: 32 }),
  ];
  const fitted = await mfcc(fast).fit([]);
  let [read, refused] = [0, 0];
  for (let round = 0; round < 400; round++) {
    const bytes = originals[round % 2]!.slice(0, numbers.next() < 0.1 ? numbers.integer(600) : undefined);
    // Half of the changes fall on the header.
    for (let i = numbers.integer(3); i >= 0 && bytes.length > 0; i--)
      bytes[numbers.integer(numbers.next() < 0.5 ? Math.min(44, bytes.length) : bytes.length)] = numbers.integer(256);
    try {
      const { data } = await fitted.transform([bytes]);
      expect(data.every(Number.isFinite)).toBe(true);
      read++;
    } catch (error) {
      if (!MmubError.is(error) || error.code !== "invalid-input" || error.index !== 0) throw error;
      refused++;
    }
  }
  expect(read).toBeGreaterThan(50);
  expect(refused).toBeGreaterThan(50);
});

test.each<[MfccStatisticsParams, RegExp]>([
  [{ coefficients: 0 }, /coefficients is number 0, want an integer from 1 to 128/],
  [{ coefficients: 41, mels: 40 }, /coefficients is number 41, want an integer from 1 to 40/],
  [{ fftSize: 1.5 }, /fftSize is number 1.5/],
  [{ windowLength: 4096 }, /windowLength is number 4096, want an integer from 1 to 2048/],
  [{ hopLength: 0 }, /hopLength is number 0/],
  [{ sampleRateHz: 100 }, /sampleRateHz is number 100, want an integer from 1000 to 768000/],
  [{ dctType: 4 as never }, /dctType is number 4, want 1, 2 or 3/],
  [{ dctType: 1, mels: 1, coefficients: 1 }, /mels is number 1, want an integer from 2/],
  [{ fMaxHz: 9_000 }, /fMaxHz is number 9000, want above 0, up to sampleRateHz \/ 2 = 8000/],
  [{ fMaxHz: Number.NaN }, /fMaxHz is number NaN/],
  [{ fMinHz: 8_000 }, /fMinHz is number 8000, want a frequency from 0 to below fMaxHz \(8000\)/],
  [{ power: 0 }, /power is number 0/],
  [{ topDb: -1 }, /topDb is number -1, want a number from 0 or null/],
  [{ deltaWidth: 4 }, /deltaWidth is number 4, want an odd integer/],
  [{ lifter: Number.NaN }, /lifter is number NaN/],
  [{ window: "hanning" as never }, /window is string "hanning", want one of boxcar, hann/],
  [{ center: 1 as never }, /center is number 1, want true or false/],
  [{ statistics: [] }, /statistics is an array of 0/],
  [{ statistics: ["p101"] }, /statistics is an array of 1/],
  [{ statistics: ["mean", "mean"] }, /each once/],
  [{ output: "frames", statistics: ["mean"] } as never, /none with output "frames"/],
  [{ output: "both" as never }, /output is string "both"/],
])("refuses the params %j", (params, message) => {
  expect(() => mfcc(params)).toThrow(message);
});
