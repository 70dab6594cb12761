import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inflateSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { mediaType, sampleCard } from "./sample-card.js";

const pixels = { data: Uint8Array.from({ length: 24 }, (_, i) => i * 10), width: 4, height: 2, channels: 3 as const };
const sound = { samples: Float32Array.of(0, 0.5, -1, 2), sampleRateHz: 8000 };

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "mmub-card-"));
});
afterAll(() => rm(folder, { recursive: true }));

test("fields become text, picture, clip and facts; what is missing is said", async () => {
  const card = await sampleCard(
    { review: "Broke.", photo: pixels, voice: sound, visits: 12, since: new Date(0), events: [{}, {}], letter: null },
    { title: "Customer 7" },
  );
  expect(card).toMatchObject({
    title: "Customer 7",
    text: "Broke.",
    picture: { alt: "photo of Customer 7" },
    clip: { label: "voice of Customer 7" },
  });
  expect(card.facts).toEqual([
    ["visits", "12"],
    ["since", "1970-01-01"],
    ["events", "2 entries"],
    ["letter", "missing"],
  ]);
});

test("pixels become a PNG that holds them", async () => {
  const { picture } = await sampleCard({ photo: pixels }, { title: "x" });
  const bytes = Buffer.from(picture!.bytes);
  expect(mediaType(picture!.bytes)).toBe("image/png");
  expect([bytes.readUInt32BE(16), bytes.readUInt32BE(20)]).toEqual([4, 2]);
  const at = bytes.indexOf("IDAT");
  const rows = inflateSync(bytes.subarray(at + 4, at + 4 + bytes.readUInt32BE(at - 4)));
  expect([...rows]).toEqual([0, ...pixels.data.subarray(0, 12), 0, ...pixels.data.subarray(12)]);
});

test("samples become a WAV that holds them, clipped to full scale", async () => {
  const { clip } = await sampleCard({ voice: sound }, { title: "x" });
  const bytes = Buffer.from(clip!.bytes);
  expect(mediaType(clip!.bytes)).toBe("audio/wav");
  expect([bytes.readUInt32LE(24), bytes.readUInt32LE(40)]).toEqual([8000, 8]);
  expect([0, 1, 2, 3].map((i) => bytes.readInt16LE(44 + 2 * i))).toEqual([0, 16384, -32767, 32767]);
});

describe("files", () => {
  test("are read from the fields named for them, and from no text", async () => {
    const path = join(folder, "photo.png");
    await writeFile(path, (await sampleCard({ photo: pixels }, { title: "x" })).picture!.bytes);
    const named = await sampleCard({ photo: path }, { title: "x", picture: "photo" });
    expect(mediaType(named.picture!.bytes)).toBe("image/png");
    expect(await sampleCard({ review: path }, { title: "x" })).toEqual({ title: "x", text: path, facts: [] });
  });

  test("that are not there, and values that are none, are named", async () => {
    await expect(sampleCard({ photo: join(folder, "no.png") }, { title: "x", picture: "photo" })).rejects.toMatchObject(
      {
        code: "invalid-input",
        message: expect.stringContaining("photo of x cannot be read"),
      },
    );
    await expect(sampleCard({ photo: 3 }, { title: "x", picture: "photo" })).rejects.toThrow("photo of x is number 3");
  });
});

test("the type is that of the first bytes, and an SVG is none", () => {
  const type = (head: string) => mediaType(Buffer.from(head.padEnd(12, "\0"), "latin1"));
  expect(type("\xff\xd8\xff\xe0")).toBe("image/jpeg");
  expect(type("GIF89a")).toBe("image/gif");
  expect(type("RIFF\0\0\0\0WEBP")).toBe("image/webp");
  expect(type("OggS")).toBe("audio/ogg");
  expect(type("fLaC")).toBe("audio/flac");
  expect(type("ID3")).toBe("audio/mpeg");
  expect(type("\xff\xfb\x90")).toBe("audio/mpeg");
  expect(type("\0\0\0\x20ftypM4A ")).toBe("audio/mp4");
  for (const none of ["<svg onload=", "<html>", "MZ", ""]) expect(type(none)).toBeUndefined();
});
