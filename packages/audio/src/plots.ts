import { crc32, deflateSync } from "node:zlib";
import { checkParam, MmubError, type Sequence, show } from "@mmub/core";
import { runs } from "./runs.js";
import { channelsOf, type Waveform, waveformChecked } from "./wav.js";

const part = "@mmub/audio/plots";

export interface AudioPlotOptions {
  /** What stands above it. @default what it shows */
  readonly title?: string;
  /** In pixels. @default 720 */
  readonly width?: number;
  /** In pixels. @default 240 */
  readonly height?: number;
  /** Colours for a light or for a dark background; the plot's own background is transparent. @default "light" */
  readonly theme?: "light" | "dark";
}

export interface FramesPlotOptions extends AudioPlotOptions {
  /** Seconds from one frame to the next: hopLength / sampleRateHz. */
  readonly hopSeconds: number;
}

export interface WaveformPlotOptions extends AudioPlotOptions {
  /** Where there is a voice, such as 1 and 0 of `voiceActivity`, one number a frame; above 0.5 is drawn. */
  readonly voiced?: ArrayLike<number>;
  /** Seconds of a frame of `voiced`. @default the recording's seconds divided by the frames */
  readonly hopSeconds?: number;
}

const themes = {
  light: { ink: "#17212b", line: "#d5dce3", accent: "#1f5fa8", voiced: "#c3d8ee" },
  dark: { ink: "#e9eef3", line: "#36424e", accent: "#7db4f5", voiced: "#25415f" },
};
const fonts = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";
const margin = { left: 56, right: 12, top: 34, bottom: 40 };

/**
 * A recording as the text of an SVG file: its loudest and lowest sample in each column of pixels, channels averaged, behind them where
 * there is a voice. It stands alone: nothing is loaded, no script. The same input gives the same bytes.
 *
 * @example
 * const tone = Float32Array.from({ length: 16_000 }, (_, i) => 0.5 * Math.sin(i / 5) * (i < 8_000 ? 1 : 0));
 * const svg = plotWaveform({ samples: tone, sampleRateHz: 16_000 }, { voiced: [1, 0] });
 */
export function plotWaveform(recording: Waveform, options: WaveformPlotOptions = {}): string {
  const { samples, sampleRateHz } = waveformChecked(recording, reject);
  const channels = channelsOf(samples, reject);
  const { length } = channels[0]!;
  if (length === 0) reject("the recording has no samples");
  const seconds = length / sampleRateHz;
  const frame = canvas({ title: "Waveform", ...options }, seconds);
  const { theme, x, inner } = frame;
  const at = (i: number): number => channels.reduce((sum, channel) => sum + channel[i]!, 0) / channels.length;
  let peak = 0;
  for (let i = 0; i < length; i++) peak = Math.max(peak, Math.abs(at(i)));
  const top = peak || 1;
  const y = (value: number): number => inner.top + (inner.height / 2) * (1 - value / top);

  const columns = Math.min(length, Math.floor(inner.width));
  const [up, down]: [string[], string[]] = [[], []];
  for (let column = 0; column < columns; column++) {
    let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    const end = Math.floor(((column + 1) * length) / columns);
    for (let i = Math.floor((column * length) / columns); i < end; i++) {
      low = Math.min(low, at(i));
      high = Math.max(high, at(i));
    }
    const place = short(inner.left + ((column + 0.5) / columns) * inner.width);
    up.push(`${place},${short(y(high))}`);
    down.unshift(`${place},${short(y(low))}`);
  }
  const { voiced = [], hopSeconds = seconds / voiced.length } = options;
  const bands = runs(voiced, (value) => value > 0.5).map(([from, to]) => {
    const [left, right] = [x(from * hopSeconds), x(Math.min(seconds, to * hopSeconds))];
    return `<rect x="${short(left)}" y="${inner.top}" width="${short(right - left)}" height="${inner.height}" fill="${theme.voiced}"/>`;
  });
  const shape = `<polygon points="${[...up, ...down].join(" ")}" fill="${theme.accent}" stroke="${theme.accent}"/>`;
  const labels = [-top, 0, top].map((value) => ({ at: y(value), text: value.toPrecision(2).replace(/\.0+$/, "") }));
  return frame.svg([...bands, shape], labels, `Waveform of ${seconds.toFixed(2)} seconds.`);
}

/**
 * A log-mel spectrogram as the text of an SVG file: time to the right, bands upward, light for loud; `row` of `logMel` or of anything
 * else with frames. The picture itself is a PNG within it.
 *
 * @example
 * const tone = Float32Array.from({ length: 16_000 }, (_, i) => Math.sin((2 * Math.PI * 440 * i) / 16_000));
 * const frames = await (await logMel({ output: "frames", mels: 40 }).fit([])).transform([{ samples: tone, sampleRateHz: 16_000 }]);
 * const svg = plotSpectrogram(frames, { hopSeconds: 512 / 16_000 });
 */
export function plotSpectrogram(frames: Sequence, options: FramesPlotOptions & { readonly row?: number }): string {
  const { data, steps, cols } = stepsOf(frames, options.row);
  const frame = canvas({ title: "Log-mel spectrogram", ...options }, steps * hop(options));
  const { inner } = frame;
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of data) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  // At most two frames a pixel are drawn, the louder of those that share one.
  const width = Math.min(steps, 2 * Math.floor(inner.width));
  const pixels = new Uint8Array(cols * width);
  for (let step = 0; step < steps; step++) {
    const column = Math.floor((step * width) / steps);
    for (let col = 0; col < cols; col++) {
      const level = Math.round((255 * (data[step * cols + col]! - low)) / (high - low || 1));
      const to = (cols - 1 - col) * width + column;
      pixels[to] = Math.max(pixels[to]!, level);
    }
  }
  const source = Buffer.from(png(pixels, width, cols)).toString("base64");
  const image = `<image x="${inner.left}" y="${inner.top}" width="${inner.width}" height="${inner.height}" preserveAspectRatio="none" style="image-rendering:pixelated" href="data:image/png;base64,${source}"/>`;
  const labels = [0, cols - 1].map((col) => ({
    at: inner.top + inner.height * (1 - (col + 0.5) / cols),
    text: `band ${col}`,
  }));
  return frame.svg(
    [image],
    labels,
    `${cols} bands over ${steps} frames, from ${low.toFixed(1)} to ${high.toFixed(1)}.`,
  );
}

/**
 * A pitch track as the text of an SVG file: a line where there is a voice, gaps where there is none. `hz` is one number a frame, 0 or
 * NaN where there is no voice, such as the first column of `pitch({ output: "frames" })`.
 *
 * @example
 * const svg = plotPitch([0, 110, 112, 115, 0, 0, 98, 97], { hopSeconds: 0.016 });
 */
export function plotPitch(hz: ArrayLike<number>, options: FramesPlotOptions): string {
  if (!(hz?.length > 0)) reject(`the track has no frames: got ${show(hz)}, want one number a frame`);
  const frame = canvas({ title: "Pitch", ...options }, hz.length * hop(options));
  const { theme, x, inner } = frame;
  const values = Array.from(hz).filter((value) => value > 0);
  const low = values.reduce((least, value) => Math.min(least, value), 500) / 1.1;
  const high = values.reduce((most, value) => Math.max(most, value), 60) * 1.1;
  const y = (value: number): number => inner.top + inner.height * (1 - Math.log(value / low) / Math.log(high / low));
  const lines = runs(hz, (value) => value > 0).map(([from, to]) => {
    const points = Array.from({ length: to - from }, (_, i) => {
      const place = x((from + i + 0.5) * options.hopSeconds);
      return `${short(place)},${short(y(hz[from + i]!))}`;
    });
    // A frame alone is a point, which a round cap draws.
    if (points.length === 1) points.push(points[0]!);
    return `<polyline points="${points.join(" ")}" fill="none" stroke="${theme.accent}" stroke-width="2.5" stroke-linecap="round" stroke-linejoin="round"/>`;
  });
  const labels = [50, 75, 100, 150, 200, 300, 400, 600, 800, 1200]
    .filter((value) => value >= low && value <= high)
    .map((value) => ({ at: y(value), text: `${value} Hz` }));
  const share = Math.round((100 * values.length) / hz.length);
  return frame.svg(lines, labels, `Pitch over ${hz.length} frames, of which ${share} % have a voice.`);
}

function reject(problem: string): never {
  throw new MmubError("invalid-input", { part, message: problem });
}

function hop({ hopSeconds }: FramesPlotOptions): number {
  checkParam(
    part,
    "hopSeconds",
    hopSeconds,
    Number.isFinite(hopSeconds) && hopSeconds > 0,
    "the seconds of a hop, above 0",
  );
  return hopSeconds;
}

function stepsOf(
  frames: Sequence,
  row = 0,
): { readonly data: Float32Array; readonly steps: number; readonly cols: number } {
  if (frames?.layout !== "sequence") reject(`frames are ${show(frames)}, want a Sequence: output "frames"`);
  checkParam(
    part,
    "row",
    row,
    Number.isInteger(row) && row >= 0 && row < frames.rows,
    `a row, from 0 to ${frames.rows - 1}`,
  );
  const { cols, offsets } = frames;
  const data = frames.data.subarray(offsets[row]! * cols, offsets[row + 1]! * cols);
  if (data.length === 0) reject(`row ${row} has no frames`);
  return { data, steps: data.length / cols, cols };
}

const short = (value: number): string => `${Math.round(value * 10) / 10}`;

function canvas(options: AudioPlotOptions & { readonly title: string }, seconds: number) {
  const { title, width = 720, height = 240, theme: name = "light" } = options;
  for (const [param, value] of Object.entries({ width, height }))
    checkParam(
      part,
      param,
      value,
      Number.isInteger(value) && value >= 120 && value <= 10_000,
      "an integer from 120 to 10000",
    );
  checkParam(part, "theme", name, Object.hasOwn(themes, name), '"light" or "dark"');
  const theme = themes[name];
  const inner = {
    ...{ left: margin.left, top: margin.top },
    width: width - margin.left - margin.right,
    height: height - margin.top - margin.bottom,
  };
  const x = (second: number): number => inner.left + (inner.width * second) / seconds;
  const text = (place: string, content: string): string =>
    `<text ${place} fill="${theme.ink}">${escaped(content)}</text>`;
  const bottom = inner.top + inner.height;
  return {
    ...{ theme, inner, x },
    svg(
      marks: readonly string[],
      labels: readonly { readonly at: number; readonly text: string }[],
      description: string,
    ) {
      const step = tickStep(seconds);
      const ticks = Array.from({ length: Math.floor(seconds / step) + 1 }, (_, i) => i * step);
      const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
      return [
        `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(title)}" font-family="${fonts}" font-size="12">`,
        `<title>${escaped(title)}</title><desc>${escaped(description)}</desc>`,
        text(`x="${inner.left}" y="20" font-size="14" font-weight="600"`, title),
        ...marks,
        `<rect x="${inner.left}" y="${inner.top}" width="${inner.width}" height="${inner.height}" fill="none" stroke="${theme.line}"/>`,
        ...labels.map(({ at, text: content }) =>
          text(`x="${inner.left - 6}" y="${short(at + 4)}" text-anchor="end"`, content),
        ),
        ...ticks.map((second) =>
          text(`x="${short(x(second))}" y="${bottom + 16}" text-anchor="middle"`, second.toFixed(digits)),
        ),
        text(`x="${inner.left + inner.width / 2}" y="${bottom + 34}" text-anchor="middle"`, "Seconds"),
        "</svg>\n",
      ].join("\n");
    },
  };
}

/** 1, 2 or 5 times a power of ten, so that there are at most ten of them. */
function tickStep(seconds: number): number {
  const rough = seconds / 10;
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10);
}

function escaped(text: string): string {
  return text.replace(/[<>&"]/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** A PNG of levels from 0 to 255 in colours from dark blue over violet and orange to light yellow. */
function png(levels: Uint8Array, width: number, height: number): Uint8Array {
  const stops = [
    [3, 5, 26],
    [72, 20, 104],
    [168, 46, 95],
    [240, 120, 50],
    [252, 246, 200],
  ] as const;
  const palette = new Uint8Array(768);
  for (let i = 0; i < 256; i++) {
    const [at, part] = [Math.min(3, Math.floor(i / 64)), (i / 64) % 1];
    for (let c = 0; c < 3; c++)
      palette[3 * i + c] = Math.round(stops[at]![c]! * (1 - part) + stops[at + 1]![c]! * part);
  }
  const rows = new Uint8Array(height * (width + 1));
  for (let y = 0; y < height; y++) rows.set(levels.subarray(y * width, (y + 1) * width), y * (width + 1) + 1);
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([8, 3], 8);
  const chunks = [
    chunk("IHDR", header),
    chunk("PLTE", palette),
    chunk("IDAT", deflateSync(rows)),
    chunk("IEND", rows.subarray(0, 0)),
  ];
  return Uint8Array.from([137, 80, 78, 71, 13, 10, 26, 10, ...chunks.flatMap((bytes) => [...bytes])]);
}

// Source: Portable Network Graphics specification, third edition, section 5.3.
function chunk(name: string, data: Uint8Array): Uint8Array {
  const out = new Uint8Array(12 + data.length);
  const view = new DataView(out.buffer);
  view.setUint32(0, data.length);
  for (let i = 0; i < 4; i++) out[4 + i] = name.charCodeAt(i);
  out.set(data, 8);
  view.setUint32(8 + data.length, crc32(out.subarray(4, 8 + data.length)));
  return out;
}
