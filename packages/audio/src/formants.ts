import { checkParam, type Dense, type Extractor, type Json, type Sequence } from "@mmub/core";
import type { AudioInput } from "./audio-input.js";
import { formantTrack } from "./formant-frames.js";
import { checkedOutput } from "./frame-params.js";
import { type Statistic, summarize } from "./statistics.js";
import { voiceExtractor } from "./voice-frames.js";

const type = "@mmub/audio/formants";

interface CommonParams {
  /** Formants that are looked for. Praat's "max number of formants". @default 5 */
  readonly count?: number;
  /** The highest that a formant may be, in Hz: 5000 fits men, 5500 women, 8000 small children. @default 5500 */
  readonly ceilingHz?: number;
  /** Half of the window, in ms, as Praat says its length. @default 25 */
  readonly windowMs?: number;
  /** From one frame to the next, in ms. @default windowMs / 4 */
  readonly hopMs?: number;
  /** From where on the spectrum is raised by 6 dB an octave, in Hz. @default 50 */
  readonly emphasisHz?: number;
}

export interface FormantStatisticsParams extends CommonParams {
  /** One row a recording: `statistics` of each formant over the frames that have it. @default "statistics" */
  readonly output?: "statistics";
  /** @default ["mean", "std"] */
  readonly statistics?: readonly Statistic[];
}

export interface FormantFramesParams extends CommonParams {
  /** One step a frame, in order. */
  readonly output: "frames";
}

/**
 * Formants, the resonances of mouth and throat, by linear prediction (Burg): F1 is lower the more closed the mouth, F2 higher the
 * more in front the tongue is. Numbers, frames and options are those of Praat's "To Formant (burg)": within 1e-3 at the rate of
 * 2 * `ceilingHz`; recordings of other rates are resampled to that, by another filter than Praat's.
 *
 * Output: Dense, one row a recording: `statistics` of "f1", "f1 width", "f2", … in Hz, the columns of the first statistic
 * first, each over the frames where the formant was found; or with `output: "frames"` a Sequence of one step a frame. What is not found is 0.
 * A recording shorter than the window, twice `windowMs`, has no frames. A missing recording is a zero row or no step, with `present` 0.
 * Formants mean something where there is a voice: see `voiceFeatures`, which looks only there.
 * Rejects (`invalid-input`, with the index) unreadable recordings, NaN and infinities. Cost: 0.4 s for a minute.
 * Source: Burg 1975; Praat 6.1, "Sound: To Formant (burg)...".
 *
 * @example
 * const buzz = Float32Array.from({ length: 5_500 }, (_, i) => (i % 100 === 0 ? 1 : 0) + 0.1 * Math.sin(i * 0.4));
 * const fitted = await formants({ count: 4 }).fit([]);
 * const { cols } = await fitted.transform([{ samples: buzz, sampleRateHz: 11_000 }]); // 16: 4 x (f, width) x (mean, std)
 */
export function formants(params: FormantFramesParams): Extractor<AudioInput, Sequence>;
export function formants(params?: FormantStatisticsParams): Extractor<AudioInput, Dense>;
export function formants(params: FormantFramesParams | FormantStatisticsParams = {}): Extractor<AudioInput> {
  const settings = checked(params);
  const { count, ceilingHz, output, statistics = [] } = settings;
  const sampleRateHz = 2 * ceilingHz;
  const columns = Array.from({ length: count }, (_, i) => [`f${i + 1}`, `f${i + 1} width`]).flat();
  return voiceExtractor({
    type,
    params: settings as unknown as Json,
    sampleRateHz,
    output,
    names:
      output === "frames" ? columns : statistics.flatMap((statistic) => columns.map((name) => `${name} ${statistic}`)),
    analyze(samples) {
      const frames = formantTrack(samples, sampleRateHz, settings).formants;
      if (output === "frames") {
        const out = new Float32Array(frames.length * columns.length);
        for (const [t, found] of frames.entries())
          for (const [i, { hz, width }] of found.slice(0, count).entries())
            out.set([hz, width], t * columns.length + 2 * i);
        return out;
      }
      const out = new Float32Array(columns.length * statistics.length);
      const one = new Float32Array(2 * statistics.length);
      for (let i = 0; i < count; i++) {
        const found = frames.flatMap((all) => {
          const formant = all[i];
          return formant ? [formant.hz, formant.width] : [];
        });
        if (found.length === 0) continue;
        summarize(Float32Array.from(found), 2, statistics, one);
        for (let s = 0; s < statistics.length; s++) out.set(one.subarray(2 * s, 2 * s + 2), s * columns.length + 2 * i);
      }
      return out;
    },
  });
}

type Settings = Required<CommonParams> & {
  readonly output: "frames" | "statistics";
  readonly statistics?: readonly Statistic[];
};

function checked(params: FormantFramesParams | FormantStatisticsParams): Settings {
  const { count = 5, ceilingHz = 5500, windowMs = 25, emphasisHz = 50 } = params;
  const { hopMs = windowMs / 4 } = params;
  const check = (name: string, value: unknown, ok: boolean, want: string) => checkParam(type, name, value, ok, want);
  check("count", count, Number.isInteger(count) && count >= 1 && count <= 20, "an integer from 1 to 20");
  const isCeiling = Number.isInteger(ceilingHz) && ceilingHz >= 500 && ceilingHz <= 24_000;
  check("ceilingHz", ceilingHz, isCeiling, "an integer from 500 to 24000");
  check("windowMs", windowMs, windowMs >= 1 && windowMs <= 1000, "a number from 1 to 1000");
  check("hopMs", hopMs, hopMs >= 0.1 && hopMs <= 10_000, "a number from 0.1 to 10000");
  check("emphasisHz", emphasisHz, emphasisHz >= 0 && emphasisHz <= ceilingHz, `a number from 0 to ${ceilingHz}`);
  return { count, ceilingHz, windowMs, hopMs, emphasisHz, ...checkedOutput(type, params) };
}
