import {
  checkParam,
  type Extractor,
  type FittedExtractor,
  type Json,
  rejectInput,
  type Sequence,
  sequence,
} from "@mmub/core";
import { type AudioInput, sampleRates } from "./audio-input.js";
import type { FrameSettings, PadMode } from "./frames.js";
import type { FrameStream } from "./spectra.js";
import { isStatistic, type Statistic, summarize } from "./statistics.js";
import { voiceExtractor } from "./voice-frames.js";
import { firstBad } from "./wav.js";
import { type Window, windowNames } from "./window.js";

/** How a recording is cut into frames, the same for every extractor of spectra; the names are librosa's in camelCase. */
export interface FrameParams {
  /** The rate at which everything is computed, in Hz; recordings of another rate are resampled. @default 16_000 */
  readonly sampleRateHz?: number;
  /** Samples of a frame that is transformed, from 2 to 1048576; products of 2, 3 and 5 are fast. librosa's `n_fft`. @default 2048 */
  readonly fftSize?: number;
  /** Samples under the window, which stands in the middle of the frame. librosa's `win_length`. @default fftSize */
  readonly windowLength?: number;
  /** Samples from one frame to the next. librosa's `hop_length`. @default 512 */
  readonly hopLength?: number;
  /** The periodic window by SciPy's name, or a number: the beta of a Kaiser window. @default "hann" */
  readonly window?: Window;
  /** Frame t stands with its middle at sample t * hopLength and the clip is padded; or else with its start. @default true */
  readonly center?: boolean;
  /** What a centred frame sees outside of the clip. librosa's `pad_mode`. @default "constant" */
  readonly padMode?: PadMode;
}

/** One row a recording: `statistics` over its frames, all columns of the first statistic first. */
export interface StatisticsOutput {
  /** @default "statistics" */
  readonly output?: "statistics";
  /** Of each column over time: mean, std, min, max, median, slope (a step) and percentiles from "p0" to "p100". @default ["mean", "std"] */
  readonly statistics?: readonly Statistic[];
}

/** One step a frame, in order. */
export interface FramesOutput {
  readonly output: "frames";
}

/** Checks of params that give the errors of `part`. */
export function paramChecks(part: string) {
  return {
    whole: (name: string, value: number, from: number, to: number): void =>
      checkParam(
        part,
        name,
        value,
        Number.isInteger(value) && value >= from && value <= to,
        `an integer from ${from} to ${to}`,
      ),
    number: (name: string, value: number, ok: boolean, want: string): void =>
      checkParam(part, name, value, Number.isFinite(value) && ok, want),
    oneOf: (name: string, value: unknown, values: readonly unknown[]): void =>
      checkParam(part, name, value, values.includes(value), listed(values)),
  };
}

/** "1, 2 or 3" */
function listed(values: readonly unknown[]): string {
  const words = values.map((each) => (each === undefined ? "none" : JSON.stringify(each)));
  return words.join(", ").replace(/, ([^,]*)$/, " or $1");
}

export type CheckedFrames = FrameSettings & { readonly sampleRateHz: number };

export function checkedFrames(part: string, params: FrameParams, defaults: FrameParams = {}): CheckedFrames {
  // A param that is undefined is one that was not given.
  const given = Object.fromEntries(Object.entries(params).filter(([, value]) => value !== undefined));
  const all: FrameParams = { ...defaults, ...given };
  const { sampleRateHz = 16_000, fftSize = 2048, window = "hann" } = all;
  const { windowLength = fftSize, hopLength = 512, center = true, padMode = "constant" } = all;
  const { whole, oneOf } = paramChecks(part);
  whole("sampleRateHz", sampleRateHz, sampleRates.from, sampleRates.to);
  whole("fftSize", fftSize, 2, 2 ** 20);
  whole("windowLength", windowLength, 1, fftSize);
  whole("hopLength", hopLength, 1, 2 ** 30);
  oneOf("center", center, [true, false]);
  oneOf("padMode", padMode, ["constant", "reflect", "edge"]);
  checkParam(
    part,
    "window",
    window,
    typeof window === "number" ? window >= 0 && window <= 700 : windowNames.includes(window),
    `one of ${windowNames.join(", ")}, or the beta of a Kaiser window from 0 to 700`,
  );
  return { sampleRateHz, fftSize, windowLength, hopLength, window, center, padMode };
}

type Output =
  | { readonly output: "frames" }
  | { readonly output: "statistics"; readonly statistics: readonly Statistic[] };

export function checkedOutput(
  part: string,
  params: StatisticsOutput | FramesOutput,
  defaults: readonly Statistic[] = ["mean", "std"],
): Output {
  const { output = "statistics", statistics } = params as { output?: string; statistics?: readonly Statistic[] };
  checkParam(part, "output", output, output === "statistics" || output === "frames", `"statistics" or "frames"`);
  if (output === "frames") {
    checkParam(part, "statistics", statistics, statistics === undefined, `none with output "frames"`);
    return { output };
  }
  const kept = statistics ?? defaults;
  checkParam(
    part,
    "statistics",
    kept,
    Array.isArray(kept) && kept.length > 0 && kept.every(isStatistic) && new Set(kept).size === kept.length,
    `some of "mean", "std", "min", "max", "median", "slope" and percentiles such as "p10", each once`,
  );
  return { output: "statistics", statistics: [...kept] };
}

/** A fitted extractor of frames that takes a recording in pieces too. */
export interface FittedFrames extends FittedExtractor<AudioInput, Sequence> {
  /**
   * For one recording that comes in pieces, such as those of `audioBlocks`: mono samples at the extractor's rate. The frames are those of
   * the whole recording, whatever the pieces. Present where a frame needs nothing of the rest of the recording.
   */
  stream?(): SequenceStream;
}

export interface SequenceStream {
  /** The frames that these samples complete, as one row of a Sequence. */
  push(samples: Float32Array): Sequence;
  /** The frames at the end. */
  end(): Sequence;
}

export interface FrameExtractor extends Extractor<AudioInput, Sequence> {
  fit(...args: Parameters<Extractor<AudioInput, Sequence>["fit"]>): Promise<FittedFrames>;
  load(...args: Parameters<Extractor<AudioInput, Sequence>["load"]>): Promise<FittedFrames>;
}

interface FramesOf {
  readonly type: string;
  readonly settings: CheckedFrames & object;
  readonly output: Output;
  /** A name for each column of a frame. */
  readonly names: readonly string[];
  /** Row-major frames of a clip; empty if it is too short. */
  frames(samples: Float32Array): Float32Array;
  /** The same piece by piece, where that can be. */
  stream?(): FrameStream;
}

/** An extractor of frames, or of statistics over them. */
export function frameExtractor({ type, settings, output, names, frames, stream }: FramesOf): Extractor<AudioInput> {
  const cols = names.length;
  const { fftSize, sampleRateHz } = settings;
  const statistics = output.output === "statistics" ? output.statistics : [];
  const extractor = voiceExtractor({
    type,
    params: { ...settings, ...output } as unknown as Json,
    sampleRateHz,
    names: output.output === "frames" ? names : statistics.flatMap((each) => names.map((name) => `${name} ${each}`)),
    output: output.output,
    analyze(samples, index) {
      const data = frames(samples);
      if (data.length === 0)
        rejectInput(type, index, samples, `at least ${fftSize} samples, a frame; pad it, or set center to true`);
      if (output.output === "frames") return data;
      const out = new Float32Array(cols * statistics.length);
      summarize(data, cols, statistics, out);
      return out;
    },
  });
  if (!stream || output.output === "statistics") return extractor;
  const streamed = (fitted: FittedExtractor<AudioInput>) => ({
    ...fitted,
    stream(): SequenceStream {
      const { push, end } = stream();
      const step = (data: Float32Array) => sequence(cols, Uint32Array.of(0, data.length / cols), data);
      return {
        push(samples) {
          if (!(samples instanceof Float32Array)) rejectInput(type, 0, samples, "a Float32Array of mono samples");
          const bad = firstBad(samples);
          if (bad !== undefined) rejectInput(type, 0, samples[bad], "finite samples up to 1e12");
          return step(push(samples));
        },
        end: () => step(end()),
      };
    },
  });
  return {
    ...extractor,
    fit: async (...args) => streamed(await extractor.fit(...args)),
    load: async (...args) => streamed(await extractor.load(...args)),
  };
}
