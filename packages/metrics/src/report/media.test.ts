import { random } from "@mmub/core";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { smallClip, smallPicture } from "./media.js";
import { mediaType, sampleCard } from "./sample-card.js";

describe("pictures", () => {
  test("are scaled down to what a card shows", async () => {
    const { integer } = random(1);
    const data = Uint8Array.from({ length: 1200 * 800 * 3 }, () => integer(256));
    const big = await sharp(data, { raw: { width: 1200, height: 800, channels: 3 } })
      .png()
      .toBuffer();
    const small = await smallPicture(big);
    const { width, height, format } = await sharp(small).metadata();
    expect([width, height, format]).toEqual([448, 299, "jpeg"]);
    expect(small.length).toBeLessThan(big.length / 20);
  });

  test("stay as they are where they are small, or none that sharp can read", async () => {
    const small = Uint8Array.of(0xff, 0xd8, 0xff, 1);
    const broken = new Uint8Array(50_000).fill(7);
    expect(await smallPicture(small)).toBe(small);
    expect(await smallPicture(broken)).toBe(broken);
  });
});

describe("recordings", () => {
  const tone = (rate: number, seconds: number) =>
    Float32Array.from({ length: rate * seconds }, (_, i) => 0.5 * Math.sin((2 * Math.PI * 440 * i) / rate));
  const clipOf = async (rate: number, seconds: number) =>
    (await sampleCard({ voice: { samples: tone(rate, seconds), sampleRateHz: rate } }, { title: "x" })).clip!.bytes;

  test("are kept to 10 s of one channel in mu-law, which sound the same", async () => {
    const small = Buffer.from(smallClip(await clipOf(48_000, 12)));
    expect(mediaType(small)).toBe("audio/wav");
    expect([small.readUInt16LE(20), small.readUInt16LE(22), small.readUInt32LE(24)]).toEqual([7, 1, 16_000]);
    expect(small.readUInt32LE(42)).toBe(160_000);
    const want = tone(16_000, 10);
    let [signal, noise] = [0, 0];
    for (let i = 0; i < 160_000; i++) {
      // G.711: bits inverted; sign, 3 bits of segment, 4 of step, a bias of 132.
      const byte = ~small[46 + i]! & 0xff;
      const size = (((byte & 15) << 3) + 132) << ((byte >> 4) & 7);
      const got = ((byte & 128 ? -1 : 1) * (size - 132)) / 32767;
      // The mean of three samples lies one sample of 48 kHz later.
      const at = 0.5 * Math.sin((2 * Math.PI * 440 * (3 * i + 1)) / 48_000);
      signal += at ** 2;
      noise += (got - at) ** 2;
    }
    expect(want.length).toBe(160_000);
    expect(10 * Math.log10(signal / noise)).toBeGreaterThan(30);
  });

  test("that are short, or no 16-bit PCM, stay as they are", async () => {
    const short = await clipOf(8_000, 1);
    expect(smallClip(short)).toBe(short);
    const other = Buffer.from(await clipOf(48_000, 2));
    other.writeUInt16LE(3, 20);
    expect(smallClip(other)).toBe(other);
    const cut = Buffer.concat([Buffer.from("RIFF\0\0\0\0WAVE"), Buffer.alloc(40_000)]);
    expect(smallClip(cut)).toBe(cut);
  });
});
