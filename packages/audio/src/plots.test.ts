import { inflateSync } from "node:zlib";
import { expect, test } from "vitest";
import { logMel, plotPitch, plotSpectrogram, plotWaveform } from "./index.js";

const rate = 8_000;
const tone = Float32Array.from({ length: 16_000 }, (_, i) =>
  i < 8_000 ? 0.5 * Math.sin((2 * Math.PI * 1000 * i) / rate) : 0,
);
const attributes = (svg: string, name: string, of: string) =>
  [...svg.matchAll(new RegExp(`<${of}[^>]* ${name}="([^"]*)"`, "g"))].map((match) => match[1]!);

test("a waveform is as high as its peaks, and voice stands behind it", () => {
  const svg = plotWaveform({ samples: tone, sampleRateHz: rate }, { voiced: [1, 1, 0, 0], title: "A <tone> & rest" });
  const points = attributes(svg, "points", "polygon")[0]!
    .split(" ")
    .map((pair) => pair.split(",").map(Number));
  const [left, right] = [points.filter(([x]) => x! < 380), points.filter(([x]) => x! > 392)];
  expect(Math.min(...left.map(([, y]) => y!))).toBeCloseTo(34, 0);
  expect(Math.max(...left.map(([, y]) => y!))).toBeCloseTo(200, 0);
  expect(new Set(right.map(([, y]) => y))).toEqual(new Set([117]));
  expect(svg).toContain('<rect x="56" y="34" width="326" height="166" fill="#c3d8ee"/>');
  expect(svg).toContain("A &#60;tone&#62; &#38; rest");
  expect(plotWaveform({ samples: tone, sampleRateHz: rate }, { theme: "dark" })).toContain("#7db4f5");
});

test("the brightest band of a tone is where its pitch is", async () => {
  const frames = await (
    await logMel({ output: "frames", mels: 20, sampleRateHz: rate, fftSize: 512 }).fit([])
  ).transform([{ samples: tone, sampleRateHz: rate }]);
  const svg = plotSpectrogram(frames, { hopSeconds: 512 / rate });
  const bytes = Buffer.from(attributes(svg, "href", "image")[0]!.replace("data:image/png;base64,", ""), "base64");
  const [width, height] = [bytes.readUInt32BE(16), bytes.readUInt32BE(20)];
  expect([width, height]).toEqual([32, 20]);
  const at = bytes.indexOf("IDAT");
  const rows = inflateSync(bytes.subarray(at + 4, at + 4 + bytes.readUInt32BE(at - 4)));
  const level = (band: number) => rows[(height - 1 - band) * (width + 1) + 1 + 5]!;
  const levels = Array.from({ length: 20 }, (_, band) => level(band));
  const wanted = Array.from(frames.data.subarray(5 * 20, 6 * 20));
  expect(levels.indexOf(Math.max(...levels))).toBe(wanted.indexOf(Math.max(...wanted)));
  expect(rows[(height - 1) * (width + 1) + 1 + 30]).toBe(0);
});

test("a pitch track has a line for each stretch of voice", () => {
  const svg = plotPitch([0, 100, 200, Number.NaN, 400, 0], { hopSeconds: 0.1 });
  const lines = attributes(svg, "points", "polyline").map((line) =>
    line.split(" ").map((pair) => pair.split(",").map(Number)),
  );
  expect(lines.map((line) => line.length)).toEqual([2, 2]);
  // Octaves are equally high.
  const [[[, a], [, b]], [[, c]]] = lines as unknown as [[[0, number], [0, number]], [[0, number]]];
  expect(a - b).toBeCloseTo(b - c, 0);
  expect(svg).toContain("of which 50 % have a voice");
});

test("what cannot be drawn is refused", () => {
  expect(() => plotWaveform({ samples: new Float32Array(0), sampleRateHz: 8_000 })).toThrow(/no samples/);
  expect(() => plotPitch([], { hopSeconds: 1 })).toThrow(/no frames/);
  expect(() => plotPitch(undefined as never, { hopSeconds: 1 })).toThrow(/no frames: got undefined/);
  expect(plotPitch(new Float32Array(1e6).fill(100), { hopSeconds: 0.01 })).toContain("<svg");
  expect(() => plotPitch([1], { hopSeconds: 0 })).toThrow(/hopSeconds is number 0/);
  expect(() => plotPitch([1], { hopSeconds: 1, width: 10 })).toThrow(/width is number 10/);
  expect(() => plotSpectrogram({} as never, { hopSeconds: 1 })).toThrow(/want a Sequence/);
});
