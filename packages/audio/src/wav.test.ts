import { readFileSync } from "node:fs";
import { MmubError, random } from "@mmub/core";
import { describe, expect, test } from "vitest";
import { decodeWav, encodeWav } from "./wav.js";

interface Golden {
  readonly name: string;
  readonly bytes: string;
  readonly sampleRateHz: number;
  readonly channels: readonly (readonly number[])[];
}
const golden = JSON.parse(readFileSync(new URL("../fixtures/wav.json", import.meta.url), "utf8")) as readonly Golden[];

const ramp = Float32Array.from({ length: 10 }, (_, i) => (i - 5) / 8);
const wav = encodeWav(ramp, 8_000);
const decoded = { samples: [ramp], sampleRateHz: 8_000 };

function edited(edit: (view: DataView, bytes: Uint8Array) => void, bytes = wav): Uint8Array {
  const copy = bytes.slice();
  edit(new DataView(copy.buffer), copy);
  return copy;
}

/** `wav` with other chunks put in at a byte. */
function inserted(at: number, chunk: Uint8Array): Uint8Array {
  return Uint8Array.from([...wav.subarray(0, at), ...chunk, ...wav.subarray(at)]);
}

function chunk(name: string, body: readonly number[], padded = true): Uint8Array {
  const header = [...name].map((letter) => letter.charCodeAt(0));
  return Uint8Array.from([...header, body.length, 0, 0, 0, ...body, ...(padded && body.length % 2 ? [0] : [])]);
}

function problem(bytes: Uint8Array): string {
  try {
    decodeWav(bytes);
  } catch (error) {
    if (MmubError.is(error) && error.code === "invalid-input") return error.message;
    throw error;
  }
  throw new Error("it was decoded");
}

describe("decodeWav", () => {
  test.each(golden)("reads $name as libsndfile does", ({ bytes, sampleRateHz, channels }) => {
    const got = decodeWav(Buffer.from(bytes, "base64"));
    expect(got.sampleRateHz).toBe(sampleRateHz);
    expect(got.samples.map((channel) => [...channel])).toEqual(channels);
  });

  test("reads bytes that start anywhere in their buffer", () => {
    const buffer = new Uint8Array(wav.length + 3);
    buffer.set(wav, 3);
    expect(decodeWav(buffer.subarray(3))).toEqual(decoded);
    const float = encodeWav(ramp, 8_000, { bitDepth: 32 });
    const shifted = new Uint8Array(float.length + 1);
    shifted.set(float, 1);
    expect(decodeWav(shifted.subarray(1))).toEqual(decoded);
  });

  test("skips other chunks, padded to even lengths, before and after the samples", () => {
    expect(decodeWav(inserted(12, chunk("bext", [1, 2, 3])))).toEqual(decoded);
    expect(decodeWav(inserted(36, chunk("LIST", [1, 2, 3, 4, 5])))).toEqual(decoded);
    expect(decodeWav(inserted(36, chunk("fact", [10, 0, 0, 0])))).toEqual(decoded);
    expect(decodeWav(inserted(wav.length, chunk("LIST", [1, 2, 3])))).toEqual(decoded);
  });

  test("takes the rest of the file where a stream left no length", () => {
    for (const length of [0, 0xffffffff, 0x7ffff000])
      expect(decodeWav(edited((view) => view.setUint32(40, length, true)))).toEqual(decoded);
  });

  test("a length of 0 before another chunk or the end is no sample", () => {
    const empty = { samples: [new Float32Array(0)], sampleRateHz: 8_000 };
    const header = encodeWav(new Float32Array(0), 8_000);
    expect(decodeWav(header)).toEqual(empty);
    expect(decodeWav(Uint8Array.from([...header, ...chunk("LIST", [1, 2, 3])]))).toEqual(empty);
    expect(decodeWav(Uint8Array.from([...header, ...chunk("LIST", [1, 2, 3], false)]))).toEqual(empty);
  });

  test("drops a last frame that is cut", () => {
    const odd = edited((view) => view.setUint32(40, 19, true)).subarray(0, wav.length - 1);
    expect(decodeWav(odd).samples).toEqual([ramp.subarray(0, 9)]);
  });

  test("a file cut off among its samples is refused, or taken as far as it goes", () => {
    const cut = wav.subarray(0, wav.length - 6);
    expect(problem(cut)).toMatch(/declares 20 bytes of samples, only 14 follow.*allowTruncated/);
    expect(decodeWav(cut, { allowTruncated: true }).samples).toEqual([ramp.subarray(0, 7)]);
  });

  test("a header that claims a day of sound gets no memory for it", () => {
    // 24 hours of 16 bits at 8 kHz.
    const claims = edited((view) => view.setUint32(40, 24 * 3600 * 16_000, true));
    const before = process.memoryUsage().arrayBuffers;
    expect(problem(claims)).toMatch(/declares 1382400000 bytes/);
    expect(decodeWav(claims, { allowTruncated: true })).toEqual(decoded);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 20);
  });

  test("a header cut off anywhere is refused", () => {
    for (let length = 0; length < 44; length++) expect(problem(wav.subarray(0, length))).toMatch(/^audio\/wav: /);
  });

  test.each<[string, RegExp, Uint8Array]>([
    [
      "another file type",
      /start with string "OggS" are no WAV file.*ffmpeg/,
      Buffer.from("OggS and much more than that"),
    ],
    ["no channel", /declares 0 channels/, edited((view) => view.setUint16(22, 0, true))],
    ["no rate", /rate of 0 Hz/, edited((view) => view.setUint32(24, 0, true))],
    ["no bits", /0 bits of PCM/, edited((view) => view.setUint16(34, 0, true))],
    ["64 bits of PCM", /64 bits of PCM/, edited((view) => view.setUint16(34, 64, true))],
    ["16 bits of float", /16 bits of float/, edited((view) => view.setUint16(20, 3, true))],
    ["ADPCM", /IMA ADPCM \(tag 17\), want PCM.*ffmpeg/, edited((view) => view.setUint16(20, 17, true))],
    ["an unknown codec", /16 bits of format \(tag 999\)/, edited((view) => view.setUint16(20, 999, true))],
    ["a wrong frame size", /declares 6 bytes for 1 x 16 bits, want 2/, edited((view) => view.setUint16(32, 6, true))],
    ["a short fmt chunk", /fmt chunk has 8 bytes, want at least 16/, edited((view) => view.setUint32(16, 8, true))],
    [
      "a short extensible fmt chunk",
      /has 16 bytes, want at least 40/,
      edited((view) => view.setUint16(20, 0xfffe, true)),
    ],
    [
      "samples before their format",
      /before any fmt chunk/,
      edited((_, bytes) => bytes.set(chunk("junk", []).subarray(0, 4), 12)),
    ],
    [
      "a chunk past the end",
      /"fmt " chunk at byte 12 declares 4000 bytes, only 44 follow/,
      edited((view) => view.setUint32(16, 4000, true)),
    ],
    ["no samples", /no data chunk in 36 bytes/, wav.subarray(0, 36)],
  ])("refuses %s", (_, message, bytes) => {
    expect(problem(bytes)).toMatch(message);
  });

  test("refuses an extensible format that is none of ours", () => {
    const pcm = Buffer.from(golden.find(({ name }) => name.startsWith("WAVEX PCM_16"))!.bytes, "base64");
    const changed = edited((view) => view.setUint8(12 + 8 + 35, 1), Uint8Array.from(pcm));
    expect(problem(changed)).toMatch(/unknown sub-format/);
  });

  const rounds = Number(process.env.MMUB_FUZZ ?? 2_000);
  test("whatever the bytes, it is samples no longer than they are, or an MmubError", () => {
    const numbers = random(7);
    const originals = golden.map(({ bytes }) => Uint8Array.from(Buffer.from(bytes, "base64")));
    let [read, refused] = [0, 0];
    for (let round = 0; round < rounds; round++) {
      const bytes = mutated(originals[numbers.integer(originals.length)]!, numbers);
      try {
        const { samples } = decodeWav(bytes, { allowTruncated: numbers.next() < 0.5 });
        expect(samples.reduce((sum, channel) => sum + channel.length, 0)).toBeLessThanOrEqual(bytes.length);
        read++;
      } catch (error) {
        if (!MmubError.is(error) || error.code !== "invalid-input") throw error;
        refused++;
      }
    }
    expect(read).toBeGreaterThan(100);
    expect(refused).toBeGreaterThan(100);
  });
});

/** A few bytes changed, mostly in the header, or the end cut off. */
function mutated(bytes: Uint8Array, numbers: ReturnType<typeof random>): Uint8Array {
  const copy = bytes.slice(0, numbers.next() < 0.2 ? numbers.integer(bytes.length) : bytes.length);
  for (let i = numbers.integer(4); i >= 0 && copy.length > 0; i--)
    copy[numbers.integer(Math.min(copy.length, 80))] = numbers.next() < 0.3 ? 255 : numbers.integer(256);
  return copy;
}

describe("encodeWav", () => {
  const numbers = random(3);
  const channels = [0, 1, 2].map(() => Float32Array.from({ length: 100 }, () => 2 * numbers.next() - 1));

  test("32 bits come back as they were, of any number of channels", () => {
    expect(decodeWav(encodeWav(channels, 44_100, { bitDepth: 32 }))).toEqual({
      samples: channels,
      sampleRateHz: 44_100,
    });
  });

  test("16 bits come back within half a step, and the second time unchanged", () => {
    const once = decodeWav(encodeWav(channels, 44_100)).samples;
    for (const [c, channel] of once.entries())
      for (const [i, value] of channel.entries())
        expect(Math.abs(value - channels[c]![i]!)).toBeLessThanOrEqual(
          channels[c]![i]! > 32767 / 32768 ? 2 ** -15 : 2 ** -16,
        );
    expect(decodeWav(encodeWav(once, 44_100)).samples).toEqual(once);
  });

  test("16 bits clip what is too loud", () => {
    expect(decodeWav(encodeWav(Float32Array.of(1.5, -1.5, 1, -1), 8_000)).samples).toEqual([
      Float32Array.of(32767 / 32768, -1, 32767 / 32768, -1),
    ]);
  });

  test("refuses what is no sound", () => {
    const code = (run: () => unknown): unknown => {
      try {
        return run();
      } catch (error) {
        return (error as MmubError).code;
      }
    };
    expect(code(() => encodeWav(Float32Array.of(0, Number.NaN), 8_000))).toBe("invalid-input");
    expect(code(() => encodeWav([], 8_000))).toBe("invalid-input");
    expect(code(() => encodeWav([new Float32Array(2), new Float32Array(3)], 8_000))).toBe("invalid-input");
    expect(code(() => encodeWav(new Int16Array(2) as never, 8_000))).toBe("invalid-input");
    expect(code(() => encodeWav(ramp, 8_000.5))).toBe("invalid-params");
    expect(code(() => encodeWav(ramp, 8_000, { bitDepth: 24 as never }))).toBe("invalid-params");
  });
});
