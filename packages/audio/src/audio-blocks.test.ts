import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { MmubError, random } from "@mmub/core";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import {
  type AudioBlocksOptions,
  type AudioSource,
  audioBlocks,
  decodeAudio,
  encodeWav,
  type FittedFrames,
  mfcc,
  resampler,
} from "./index.js";

const folder = mkdtempSync(join(tmpdir(), "audio blocks "));
afterAll(() => rmSync(folder, { recursive: true }));

const numbers = random(9);
const stereo = [0, 1].map(() => Float32Array.from({ length: 50_000 }, () => 0.3 * numbers.normal()));
const fixtures = JSON.parse(readFileSync(new URL("../fixtures/decode.json", import.meta.url), "utf8")) as readonly {
  readonly name: string;
  readonly bytes: string;
}[];
const files: Readonly<Record<string, Uint8Array>> = {
  "WAV of 16 bits": encodeWav(stereo, 22_050),
  "WAV of floats": encodeWav(stereo, 44_100, { bitDepth: 32 }),
  "WAV of 100 samples": encodeWav(stereo[0]!.subarray(0, 100), 8_000),
  ...Object.fromEntries(fixtures.map(({ name, bytes }) => [name, new Uint8Array(Buffer.from(bytes, "base64"))])),
};

async function read(source: AudioSource, options: AudioBlocksOptions = {}) {
  const samples: number[] = [];
  let rate = 0;
  for await (const block of audioBlocks(source, options)) {
    expect(block.samples.length).toBeGreaterThan(0);
    for (const sample of block.samples) samples.push(sample);
    rate = block.sampleRateHz;
  }
  return { samples: Float32Array.from(samples), sampleRateHz: rate };
}

async function mono(bytes: Uint8Array) {
  const { samples, sampleRateHz } = await decodeAudio(bytes);
  const mixed = Float32Array.from(
    samples[0]!,
    (_, i) => samples.reduce((sum, each) => sum + each[i]!, 0) / samples.length,
  );
  return { samples: mixed, sampleRateHz };
}

async function* cut(bytes: Uint8Array, size: number) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

describe.each(Object.entries(files))("%s", (name, bytes) => {
  test("blocks are the whole, from bytes, a path, a URL or pieces", async () => {
    const whole = await mono(bytes);
    expect(await read(bytes)).toEqual(whole);
    const path = join(folder, name.replaceAll(/\W/g, "_"));
    writeFileSync(path, bytes);
    expect(await read(path)).toEqual(whole);
    expect(await read(pathToFileURL(path))).toEqual(whole);
    expect(await read(cut(bytes, 333))).toEqual(whole);
  });
  test("a clip from the middle is that part, and resampled is what it gives", async () => {
    const { samples, sampleRateHz } = await mono(bytes);
    const seconds = samples.length / sampleRateHz;
    const [from, to] = [0.31 * seconds, 0.83 * seconds];
    const part = samples.subarray(Math.round(from * sampleRateHz), Math.round(to * sampleRateHz));
    for (const source of [bytes, cut(bytes, 700)])
      expect((await read(source, { fromSeconds: from, toSeconds: to })).samples).toEqual(part);
    const want = resampler({ fromHz: sampleRateHz, toHz: 16_000 })(part);
    const resampled = await read(bytes, { fromSeconds: from, toSeconds: to, sampleRateHz: 16_000 });
    expect(resampled).toEqual({ samples: want, sampleRateHz: 16_000 });
    expect((await read(bytes, { fromSeconds: seconds + 1 })).samples).toHaveLength(0);
  });
});

test("features of a stream are those of the file", async () => {
  const params = { output: "frames", topDb: null, mels: 20, coefficients: 5, fftSize: 512 } as const;
  const fitted: FittedFrames = await mfcc(params).fit([]);
  const file = files["MP3 stereo"]!;
  const stream = fitted.stream!();
  const got: number[] = [];
  for await (const { samples } of audioBlocks(file, { sampleRateHz: 16_000 })) got.push(...stream.push(samples).data);
  got.push(...stream.end().data);
  expect(Float32Array.from(got)).toEqual((await fitted.transform([file])).data);
});

test.each([
  [44_100, 16_000],
  [8_000, 16_000],
  [16_000, 16_000],
  [16_000, 15_999],
])("resampling from %i to %i Hz piece by piece gives the bits of the whole", async (fromHz, toHz) => {
  const resample = resampler({ fromHz, toHz });
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 12_000 }),
      fc.array(fc.integer({ min: 0, max: 3_000 }), { maxLength: 9 }),
      (length, cuts) => {
        const samples = stereo[0]!.subarray(0, length);
        const stream = resample.stream();
        const got: number[] = [];
        let at = 0;
        for (const size of [...cuts, length]) {
          got.push(...stream.push(samples.subarray(at, Math.min(length, at + size))));
          at = Math.min(length, at + size);
        }
        expect(Float32Array.from([...got, ...stream.end()])).toEqual(resample(samples));
      },
    ),
    { numRuns: 12, seed: 1 },
  );
});

describe("bad sources", () => {
  const wav = files["WAV of 16 bits"]!;
  const declared = (bytes: number) => {
    const file = wav.slice(0, 1_000);
    new DataView(file.buffer).setUint32(40, bytes, true);
    return file;
  };
  test.each<[string, AudioSource, RegExp]>([
    ["nothing", new Uint8Array(0), /0 bytes that start with .* are no WAV, MP3, FLAC/],
    ["text", new TextEncoder().encode("hello ".repeat(200)), /1024 bytes|bytes that start with .*hell.* are no WAV/],
    ["no such file", join(folder, "none.wav"), /cannot read .*ENOENT.*give the path/],
    ["a web address", new URL("https://example.com/a.wav"), /cannot read https:/],
    ["a number", 5 as never, /the source is number 5, want a path/],
    ["pieces that are none", ["a"] as never, /a piece of the source is string "a"/],
    ["a WAV that was cut off", wav.subarray(0, 10_000), /declares 200000 bytes of samples, 190044 of them are missing/],
    ["a WAV of 24 hours in 1 kB", declared(24 * 3600 * 44_100), /declares 3810240000 bytes of samples/],
    ["a header and no more", wav.subarray(0, 30), /no data chunk/],
    ["an Ogg that was cut off", files["Ogg Vorbis"]!.subarray(0, 5_000), /the last page of the Ogg stream is missing/],
    ["NaN", nanWav(), /a sample is NaN, want a finite number/],
  ])("%s is refused", async (_, source, message) => {
    const run = read(source);
    await expect(run).rejects.toThrow(message);
    await expect(run).rejects.toMatchObject({ code: "invalid-input", part: "@mmub/audio/audioBlocks" });
  });
  test("a WAV that was cut off is taken as far as it goes if asked", async () => {
    expect((await read(wav.subarray(0, 10_000), { allowTruncated: true })).samples).toHaveLength((10_000 - 44) / 4);
  });
  test.each([
    [{ fromSeconds: -1 }, /fromSeconds is number -1/],
    [{ fromSeconds: 2, toSeconds: 1 }, /toSeconds is number 1, want a number from fromSeconds, 2/],
    [{ sampleRateHz: 10 }, /sampleRateHz is number 10/],
  ])("refuses %j", async (options, message) => {
    await expect(read(wav, options)).rejects.toThrow(message);
  });
  test("an abort ends it with its own reason", async () => {
    await expect(read(wav, { signal: AbortSignal.abort(new Error("stop")) })).rejects.toThrow("stop");
  });
  // As many as the environment says: 10,000 take minutes.
  const rounds = Number(process.env.MMUB_FUZZ ?? 200);
  const fuzz = async () => {
    const changes = random(4);
    const originals = Object.values(files).map((file) => file.subarray(0, 6_000));
    for (let round = 0; round < rounds; round++) {
      const bytes = originals[round % originals.length]!.slice();
      for (let i = changes.integer(5); i >= 0; i--)
        bytes[changes.integer(changes.next() < 0.6 ? Math.min(64, bytes.length) : bytes.length)] = changes.integer(256);
      try {
        await read(cut(bytes, 1 + changes.integer(4_000)), { allowTruncated: true, sampleRateHz: 8_000 });
      } catch (error) {
        if (!MmubError.is(error) || error.code !== "invalid-input") throw error;
      }
    }
  };
  test("whatever the bytes and their pieces, it is sound or an MmubError", fuzz, 60_000 + 100 * rounds);
});

function nanWav(): Uint8Array {
  const bytes = encodeWav(new Float32Array(300), 8_000, { bitDepth: 32 });
  new DataView(bytes.buffer).setFloat32(44 + 400, Number.NaN, true);
  return bytes;
}
