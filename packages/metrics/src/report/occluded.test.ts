import { dense } from "@mmub/core";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { occlusion, regionsOf, spansOf, withoutRegion, withoutSpan } from "../feature-effects.js";
import { htmlReport } from "./report.js";
import { reportOf } from "./report-of.js";
import { sampleCard } from "./sample-card.js";

// White on black: the second of 8 regions from the left in the topmost row.
const [width, height] = [64, 32];
const lit = (x: number, y: number) => x >= 8 && x < 16 && y < 4;
const pixels = (channels: 1 | 3, make: (length: number) => Uint8Array = (length) => new Uint8Array(length)) => {
  const data = make(width * height * channels);
  for (let i = 0; i < width * height; i++)
    if (lit(i % width, Math.floor(i / width))) data.fill(255, i * channels, (i + 1) * channels);
  return { data, width, height, channels } as const;
};
const rate = 8000;
// A tone from 0.5 to 0.6 s of 2 s.
const samples = Float32Array.from({ length: 2 * rate }, (_, i) =>
  i >= rate / 2 && i < 0.6 * rate ? 0.5 * Math.sin(i) : 0,
);

describe("pieces", () => {
  test("the region that counts is found, in pixels and in a Buffer, which stays as it is", async () => {
    for (const picture of [pixels(1), pixels(3, Buffer.alloc)]) {
      const before = Uint8Array.from(picture.data);
      const brightest = async (all: readonly { readonly data: ArrayLike<number> }[]) =>
        all.map(({ data }) => Math.max(...Array.from(data)));
      const found = await occlusion(regionsOf(), picture, withoutRegion, brightest);
      expect(found.flatMap(({ change }, i) => (change > 0 ? [i] : []))).toEqual([1]);
      expect(Uint8Array.from(picture.data)).toEqual(before);
    }
  });

  test("regions cover a picture of any size once, each pixel in one", () => {
    const odd = { data: new Uint8Array(7 * 5).map((_, i) => (i % 3) + 1), width: 7, height: 5, channels: 1 } as const;
    const times = new Uint8Array(35);
    for (const region of regionsOf({ columns: 3, rows: 4 })) {
      const blank = withoutRegion({ ...odd, data: new Uint8Array(35).fill(9, 0, 1) }, region).data;
      expect(blank.length).toBe(35);
      const marked = withoutRegion({ ...odd, data: Uint8Array.from({ length: 35 }, (_, i) => (i % 2) * 255) }, region);
      for (let i = 0; i < 35; i++) times[i]! += Number(marked.data[i] !== (i % 2) * 255);
    }
    expect([...times]).toEqual(Array(35).fill(1));
  });

  test("the stretch that counts is found, in every channel; the last may be shorter", async () => {
    const loudest = async (all: readonly { readonly samples: Float32Array | readonly Float32Array[] }[]) =>
      all.map(({ samples }) =>
        Math.max(...(samples instanceof Float32Array ? [samples] : samples).flatMap((c) => [...c])),
      );
    for (const recording of [
      { samples, sampleRateHz: rate },
      { samples: [samples, samples], sampleRateHz: rate },
    ]) {
      const spans = spansOf(recording, { windowSeconds: 0.3 });
      expect(spans).toHaveLength(7);
      expect(spans.at(-1)!.to).toBe(2);
      const wide = await occlusion(spansOf(recording, { windowSeconds: 0.5 }), recording, withoutSpan, loudest);
      expect(wide.flatMap(({ change }, i) => (change > 0 ? [i] : []))).toEqual([1]);
    }
  });

  test("what is no picture, no recording or no count is refused", () => {
    expect(() => regionsOf({ rows: 0 })).toThrow(/rows is number 0/);
    expect(() => withoutRegion({ ...pixels(1), width: 3 }, regionsOf()[0]!)).toThrow(/picture/);
    expect(() => spansOf({ samples: [], sampleRateHz: 8000 })).toThrow(/recording/);
    expect(() => spansOf({ samples, sampleRateHz: rate }, { windowSeconds: 0 })).toThrow(/windowSeconds is number 0/);
    expect(() => withoutSpan({ samples, sampleRateHz: 0.5 }, { from: 0, to: 1 })).toThrow(/recording/);
  });
});

describe("in a report", () => {
  type Shown = { readonly photo: unknown; readonly voice: unknown };
  /** How bright the brightest pixel is, and how loud the loudest sample. */
  const chance = async ({ photo, voice }: Shown) => {
    const light =
      photo === null
        ? 0
        : photo instanceof Uint8Array
          ? Math.max(...(await sharp(photo).greyscale().raw().toBuffer()))
          : Math.max(...(photo as { readonly data: Uint8Array }).data);
    const bytes = voice as Uint8Array;
    const sound =
      voice === null
        ? 0
        : voice instanceof Uint8Array
          ? Math.max(...new Int16Array(Uint8Array.from(bytes.subarray(44)).buffer)) / 32768
          : Math.max(...(voice as { readonly samples: Float32Array }).samples);
    return (light / 255 + sound) / 2;
  };
  const fitted = {
    async predict(rows: readonly Shown[]) {
      const chances = await Promise.all(rows.map(chance));
      return {
        labels: chances.map(() => "yes"),
        classes: ["no", "yes"],
        probabilities: dense(rows.length, 2, Float32Array.from(chances.flatMap((p) => [1 - p, p]))),
      };
    },
  };
  const explained = async (sample: Shown, pieces = true) => {
    const content = await reportOf(fitted, [sample, sample], ["yes", "no"], {
      title: "Loud and bright?",
      resamples: 20,
      explain: 1,
      mistakes: 0,
      pieces,
    });
    const [first] = content.sections[0]!.explanations;
    return { explanation: first!.explanation, page: await htmlReport(content) };
  };

  test("pixels and samples, and files of them, show the region and the stretch that count", async () => {
    const raw = { photo: pixels(3), voice: { samples, sampleRateHz: rate } };
    const { clip } = await sampleCard(raw, { title: "one" });
    const png = await sharp(raw.photo.data, { raw: { width, height, channels: 3 } })
      .png()
      .toBuffer();
    for (const sample of [raw, { photo: Uint8Array.from(png), voice: clip!.bytes }]) {
      const { explanation, page } = await explained(sample);
      const largest = (pieces: readonly { readonly change: number }[]) =>
        pieces.reduce((best, { change }, i) => (change > pieces[best]!.change ? i : best), 0);
      expect(explanation.regions).toHaveLength(64);
      expect(largest(explanation.regions!)).toBe(1);
      expect(explanation.spans).toHaveLength(16);
      expect(largest(explanation.spans!)).toBe(4);
      expect(page).toContain('aria-label="Most for it: top left."');
      expect(page).toMatch(/aria-label="Most for it: 0\.5 to 0\.6 s\."/);
      expect(page.match(/<i class="up edge"/g)).toHaveLength(1);
    }
  });

  test("nothing is shown of what changes nothing, where it is not asked for, or cannot be read", async () => {
    const dark = { ...pixels(1), data: new Uint8Array(width * height) };
    const plain = await explained({ photo: dark, voice: null });
    expect(plain.explanation.regions!.every(({ change }) => change === 0)).toBe(true);
    expect(plain.page).not.toContain('class="heat"');
    const off = await explained({ photo: pixels(1), voice: { samples, sampleRateHz: rate } }, false);
    expect(off.explanation.regions).toBeUndefined();
    const mp3 = await explained({ photo: null, voice: Uint8Array.from([0x49, 0x44, 0x33, ...new Uint8Array(45)]) });
    expect(mp3.explanation.spans).toBeUndefined();
  });
});
