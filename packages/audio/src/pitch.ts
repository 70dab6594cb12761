import { checkParam, type Dense, type Extractor, type Json, rejectInput, type Sequence } from "@mmub/core";
import { type AudioInput, sampleRates } from "./audio-input.js";
import { checkedOutput } from "./frame-params.js";
import { framer, type PadMode } from "./frames.js";
import { type Statistic, summarize } from "./statistics.js";
import { voiceExtractor } from "./voice-frames.js";
import { differences, parabolicShift, periodsOf, pyin, yinPeriod } from "./yin.js";

const type = "@mmub/audio/pitch";

interface CommonParams {
  /**
   * `"pyin"` finds the likeliest track and where there is a voice; `"yin"` looks at each frame alone and is three times as fast.
   * @default "pyin"
   */
  readonly method?: "pyin" | "yin";
  /** The rate at which everything is computed, in Hz; recordings of another rate are resampled. @default 16_000 */
  readonly sampleRateHz?: number;
  /** The lowest pitch, in Hz; two of its periods should fit into a frame. librosa's `fmin`. @default 65 */
  readonly fMinHz?: number;
  /** The highest pitch, in Hz, at most sampleRateHz / 2. librosa's `fmax`. @default 500 */
  readonly fMaxHz?: number;
  /** Samples of a frame. librosa's `frame_length`. @default 1024 */
  readonly frameLength?: number;
  /** Samples from one frame to the next. librosa's `hop_length`. @default frameLength / 4 */
  readonly hopLength?: number;
  /** Frame t stands with its middle at sample t * hopLength and the clip is padded; or else with its start. @default true */
  readonly center?: boolean;
  /** What a centred frame sees outside of the clip. librosa's `pad_mode`. @default "constant" */
  readonly padMode?: PadMode;
  /** Of `yin`: the difference below which the first period is taken. librosa's `trough_threshold`. @default 0.1 */
  readonly troughThreshold?: number;
  /** Of `pyin`: thresholds between 0 and 1 that vote. librosa's `n_thresholds`. @default 100 */
  readonly thresholds?: number;
  /** Of `pyin`: the beta distribution of thresholds, two numbers from 1. librosa's `beta_parameters`. @default [2, 18] */
  readonly betaParameters?: readonly [number, number];
  /** Of `pyin`: how much more short periods count. librosa's `boltzmann_parameter`. @default 2 */
  readonly boltzmann?: number;
  /** Of `pyin`: the step between pitches, in semitones. @default 0.1 */
  readonly resolution?: number;
  /** Of `pyin`: octaves a second that a pitch may move. librosa's `max_transition_rate`. @default 35.92 */
  readonly maxTransitionRate?: number;
  /** Of `pyin`: the probability to begin or end a voice from one frame to the next. librosa's `switch_prob`. @default 0.01 */
  readonly switchProbability?: number;
  /** Of `pyin`: what the lowest minimum gets of thresholds that are all below it. librosa's `no_trough_prob`. @default 0.01 */
  readonly noTroughProbability?: number;
}

export interface PitchStatisticsParams extends CommonParams {
  /** One row a recording: `statistics` of the pitch where there is a voice, and the share of such frames. @default "statistics" */
  readonly output?: "statistics";
  /** What is kept of the pitch over time. @default ["mean", "std", "p20", "p50", "p80"] */
  readonly statistics?: readonly Statistic[];
}

export interface PitchFramesParams extends CommonParams {
  /** One step a frame, in order. */
  readonly output: "frames";
}

/**
 * The pitch of a voice, its fundamental frequency, by YIN or by probabilistic YIN. The numbers are those of `librosa.yin` and
 * `librosa.pyin` for the same params, within 1e-4.
 *
 * Output: Dense, one row a recording: `statistics` of the pitch in Hz over the frames with a voice ("f0 mean", …; zeros where there is
 * none), then "voiced", their share of all. Or with `output: "frames"` a Sequence, one step a frame: `f0` in Hz, `voiced`, which is 1
 * or 0, and `probability` of a voice. `f0` is a guess where there is no voice, as in librosa with `fill_na=None`. Of `yin`, a frame is
 * voiced where the difference at the period is below `troughThreshold`, and `probability` is 1 less that difference, from 0 to 1.
 * A missing recording is a zero row or no step, with `present` 0. librosa's defaults are 22,050 Hz and frames of 2048.
 * Rejects (`invalid-input`, with the index) unreadable recordings, NaN, infinities, and unless `center` those shorter than a frame.
 * Cost: two FFTs of twice a frame for each, and for `pyin` a Viterbi search: 0.6 s for a minute, with `yin` 0.2 s.
 * Source: de Cheveigné and Kawahara, JASA 111 (2002); Mauch and Dixon, ICASSP 2014.
 *
 * @example
 * const tone = Float32Array.from({ length: 8_000 }, (_, i) => Math.sin((2 * Math.PI * 220 * i) / 16_000));
 * const fitted = await pitch({ output: "frames", method: "yin" }).fit([]);
 * const { data } = await fitted.transform([{ samples: tone, sampleRateHz: 16_000 }]);
 * console.log(data[3 * 10]); // 220.0, the pitch of frame 10
 */
export function pitch(params: PitchFramesParams): Extractor<AudioInput, Sequence>;
export function pitch(params?: PitchStatisticsParams): Extractor<AudioInput, Dense>;
export function pitch(params: PitchFramesParams | PitchStatisticsParams = {}): Extractor<AudioInput> {
  const settings = checked(params);
  const { output, statistics } = settings;
  const track = tracker(settings);
  return voiceExtractor({
    type,
    params: settings as unknown as Json,
    sampleRateHz: settings.sampleRateHz,
    output,
    names:
      output === "frames"
        ? ["f0", "voiced", "probability"]
        : [...(statistics ?? []).map((statistic) => `f0 ${statistic}`), "voiced"],
    analyze(samples, index) {
      const { f0, voiced, probability } = track(samples, index);
      if (output === "frames") {
        const out = new Float32Array(3 * f0.length);
        for (let t = 0; t < f0.length; t++) out.set([f0[t]!, voiced[t]!, probability[t]!], 3 * t);
        return out;
      }
      const out = new Float32Array(statistics!.length + 1);
      const sounding = Float32Array.from(f0.filter((_, t) => voiced[t] === 1));
      if (sounding.length > 0) summarize(sounding, 1, statistics!, out);
      out[statistics!.length] = sounding.length / f0.length;
      return out;
    },
  });
}

export interface PitchTrack {
  readonly f0: Float64Array;
  readonly voiced: Uint8Array;
  readonly probability: Float64Array;
}

type Settings = Required<CommonParams> & {
  readonly output: "frames" | "statistics";
  readonly statistics?: readonly Statistic[];
};

/** The pitch of each frame of a clip. Its buffers serve one clip at a time. */
export function tracker(settings: Required<CommonParams>): (samples: Float32Array, index: number) => PitchTrack {
  const { method, sampleRateHz, frameLength, troughThreshold } = settings;
  const cut = framer({ ...settings, fftSize: frameLength, windowLength: frameLength, window: "boxcar" });
  const { min, max } = periodsOf(settings);
  const compare = differences(settings);
  const decode = method === "pyin" ? pyin(settings) : undefined;
  const frame = new Float64Array(frameLength);

  return (samples, index) => {
    const count = cut.count(samples.length);
    if (count === 0)
      rejectInput(type, index, samples, `at least ${frameLength} samples, a frame; pad it, or set center to true`);
    const differences = Array.from({ length: count }, (_, t) => {
      cut.load(samples, t, frame);
      const values = new Float64Array(max - min + 1);
      compare(frame, values);
      return values;
    });
    if (decode) return decode(differences);
    const track = {
      f0: new Float64Array(count),
      voiced: new Uint8Array(count),
      probability: new Float64Array(count),
    };
    for (const [t, values] of differences.entries()) {
      const at = yinPeriod(values, troughThreshold);
      track.f0[t] = sampleRateHz / (min + at + parabolicShift(values, at));
      // Silence repeats itself perfectly, but is no voice.
      const silent = values[at] === 0;
      track.voiced[t] = !silent && values[at]! < troughThreshold ? 1 : 0;
      track.probability[t] = silent ? 0 : Math.min(1, Math.max(0, 1 - values[at]!));
    }
    return track;
  };
}

/** The params of a track, with the defaults filled in. */
export function pitchSettings(params: CommonParams = {}): Required<CommonParams> {
  const { sampleRateHz = 16_000, frameLength = 1024 } = params;
  return {
    method: params.method ?? "pyin",
    sampleRateHz,
    fMinHz: params.fMinHz ?? 65,
    fMaxHz: params.fMaxHz ?? 500,
    frameLength,
    hopLength: params.hopLength ?? Math.max(1, frameLength >> 2),
    center: params.center ?? true,
    padMode: params.padMode ?? "constant",
    troughThreshold: params.troughThreshold ?? 0.1,
    thresholds: params.thresholds ?? 100,
    betaParameters: params.betaParameters ?? [2, 18],
    boltzmann: params.boltzmann ?? 2,
    resolution: params.resolution ?? 0.1,
    maxTransitionRate: params.maxTransitionRate ?? 35.92,
    switchProbability: params.switchProbability ?? 0.01,
    noTroughProbability: params.noTroughProbability ?? 0.01,
  };
}

function checked(params: PitchFramesParams | PitchStatisticsParams): Settings {
  const settings = pitchSettings(params);
  const { sampleRateHz, fMinHz, fMaxHz, frameLength, betaParameters } = settings;
  const check = (name: string, value: unknown, ok: boolean, want: string) => checkParam(type, name, value, ok, want);
  const whole = (name: keyof typeof settings, from: number, to: number) => {
    const value = settings[name] as number;
    check(name, value, Number.isInteger(value) && value >= from && value <= to, `an integer from ${from} to ${to}`);
  };
  const within = (name: keyof typeof settings, from: number, to: number) => {
    const value = settings[name] as number;
    check(name, value, value >= from && value <= to, `a number from ${from} to ${to}`);
  };
  check("method", settings.method, ["pyin", "yin"].includes(settings.method), `"pyin" or "yin"`);
  whole("sampleRateHz", sampleRates.from, sampleRates.to);
  whole("frameLength", 4, 2 ** 20);
  whole("hopLength", 1, 2 ** 30);
  check("fMaxHz", fMaxHz, fMaxHz > 0 && fMaxHz <= sampleRateHz / 2, `above 0, up to ${sampleRateHz / 2}`);
  const lowest = sampleRateHz / (frameLength - 1);
  check(
    "fMinHz",
    fMinHz,
    fMinHz > lowest && fMinHz < fMaxHz,
    `a frequency above ${lowest.toFixed(1)}, of which a period fits into frameLength, and below fMaxHz (${fMaxHz})`,
  );
  check("center", settings.center, typeof settings.center === "boolean", "true or false");
  check(
    "padMode",
    settings.padMode,
    ["constant", "reflect", "edge"].includes(settings.padMode),
    `"constant", "reflect" or "edge"`,
  );
  within("troughThreshold", 0, 1);
  whole("thresholds", 1, 10_000);
  const isBeta =
    Array.isArray(betaParameters) && betaParameters.length === 2 && betaParameters.every((b) => b >= 1 && b <= 1000);
  check("betaParameters", betaParameters, isBeta, "two numbers from 1 to 1000");
  within("boltzmann", 1e-6, 100);
  within("resolution", 0.01, 1);
  within("maxTransitionRate", 0, 1e6);
  within("switchProbability", 0, 1);
  within("noTroughProbability", 0, 1);

  return { ...settings, ...checkedOutput(type, params, ["mean", "std", "p20", "p50", "p80"]) };
}
