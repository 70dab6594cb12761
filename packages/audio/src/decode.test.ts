import { readFileSync } from "node:fs";
import { MmubError, random } from "@mmub/core";
import { describe, expect, test } from "vitest";
import { decodeAudio } from "./decode.js";
import { encodeWav, mfcc } from "./index.js";

interface Golden {
  readonly name: string;
  readonly bytes: string;
  readonly sampleRateHz: number;
  readonly length: number;
  readonly every10th: readonly (readonly number[])[];
}
const golden = (
  JSON.parse(readFileSync(new URL("../fixtures/decode.json", import.meta.url), "utf8")) as readonly Golden[]
).map((each) => ({ ...each, bytes: new Uint8Array(Buffer.from(each.bytes, "base64")) }));
const named = (name: string): Uint8Array => golden.find((each) => each.name === name)!.bytes;

async function problem(bytes: Uint8Array): Promise<string> {
  try {
    await decodeAudio(bytes);
  } catch (error) {
    if (MmubError.is(error) && error.code === "invalid-input") return error.message;
    throw error;
  }
  throw new Error("it was decoded");
}

test.each(golden)(
  "$name has the samples that libsndfile reads",
  async ({ name, bytes, sampleRateHz, length, every10th }) => {
    const got = await decodeAudio(bytes);
    expect(got.sampleRateHz).toBe(sampleRateHz);
    expect(got.samples.map((channel) => channel.length)).toEqual(every10th.map(() => length));
    // FLAC is exact; other decoders of lossy codecs round differently.
    const tolerance = name.startsWith("FLAC") ? 5.1e-8 : name.startsWith("Ogg Opus") ? 1e-4 : 1e-6;
    for (const [channel, want] of every10th.entries())
      for (const [i, value] of want.entries())
        expect(Math.abs(got.samples[channel]![10 * i]! - value)).toBeLessThanOrEqual(tolerance);
  },
);

test("WAV goes on to decodeWav", async () => {
  const tone = Float32Array.from({ length: 100 }, (_, i) => Math.sin(i) / 2);
  expect(await decodeAudio(encodeWav(tone, 8_000, { bitDepth: 32 }))).toEqual({ samples: [tone], sampleRateHz: 8_000 });
});

test("an extractor takes each of them", async () => {
  const fitted = await mfcc({ sampleRateHz: 8_000, fftSize: 256, mels: 20, coefficients: 4 }).fit([]);
  const inputs = golden.map(({ bytes }) => bytes);
  const { data, present } = await fitted.transform(inputs);
  expect([...present!]).toEqual(inputs.map(() => 1));
  expect(data.every(Number.isFinite)).toBe(true);
});

describe("bad files", () => {
  test.each(["FLAC 16", "Ogg Vorbis", "Ogg Opus"])(
    "%s that was cut off is refused, or taken as far as it goes",
    async (name) => {
      const [whole, half] = [named(name), named(name).subarray(0, named(name).length >> 1)];
      expect(await problem(half)).toMatch(/allowTruncated/);
      // That of Ogg Opus has several pages; the others are one piece.
      if (name === "Ogg Opus") {
        const { samples } = await decodeAudio(half, { allowTruncated: true });
        expect(samples[0]!.length).toBeLessThan((await decodeAudio(whole)).samples[0]!.length);
      } else await expect(decodeAudio(half, { allowTruncated: true })).rejects.toThrow(/holds no sound/);
    },
  );
  test("a header that declares 24 hours takes no memory for them", async () => {
    const flac = named("FLAC 16").slice(0, 1000);
    new DataView(flac.buffer).setUint32(22, 24 * 3600 * 8000);
    expect(await problem(flac)).toMatch(/the header declares 691200000 samples, only \d+ follow/);
  });
  test("more than maxSamples are refused", async () => {
    const wav = encodeWav([new Float32Array(50), new Float32Array(50)], 8_000);
    await expect(decodeAudio(wav, { maxSamples: 99 })).rejects.toThrow(/more than 99 samples/);
    expect((await decodeAudio(wav, { maxSamples: 100 })).samples[1]).toHaveLength(50);
    await expect(decodeAudio(named("FLAC 16"), { maxSamples: 2_999 })).rejects.toThrow(/more than 2999 samples/);
    expect((await decodeAudio(named("FLAC 16"), { maxSamples: 3_000 })).samples[0]).toHaveLength(3_000);
  });
});

test("a file that breaks its decoder's own memory is refused, or read, like any other", async () => {
  const bytes = named("Ogg Opus stereo").slice();
  const edits = [
    [87, 224],
    [902, 207],
    [3020, 62],
    [65, 37],
    [50, 67],
    [410, 24],
  ] as const;
  for (const [at, value] of edits) bytes[at] = value;
  expect(await problem(bytes)).toMatch(/the Ogg Opus file is damaged/);
});

// As many as the environment says: 10,000 take minutes.
const rounds = Number(process.env.MMUB_FUZZ ?? 300);
test(
  "whatever the bytes, it is finite sound or an MmubError",
  async () => {
    const numbers = random(5);
    let [read, refused] = [0, 0];
    for (let round = 0; round < rounds; round++) {
      const original = golden[round % golden.length]!.bytes;
      const bytes = original.slice(0, numbers.next() < 0.2 ? numbers.integer(original.length) : undefined);
      for (let i = numbers.integer(6); i >= 0 && bytes.length > 0; i--)
        bytes[numbers.integer(numbers.next() < 0.5 ? Math.min(100, bytes.length) : bytes.length)] =
          numbers.integer(256);
      try {
        const { samples } = await decodeAudio(bytes, { allowTruncated: round % 2 === 0, maxSamples: 1e7 });
        expect(samples.length).toBeGreaterThan(0);
        read++;
      } catch (error) {
        if (!MmubError.is(error) || error.code !== "invalid-input") throw error;
        refused++;
      }
    }
    expect(read).toBeGreaterThan(rounds / 10);
    expect(refused).toBeGreaterThan(rounds / 10);
  },
  60_000 + 100 * rounds,
);
