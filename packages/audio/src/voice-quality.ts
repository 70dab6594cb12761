import { checkParam, type Dense, type Extractor } from "@mmub/core";
import { type AudioInput, sampleRates } from "./audio-input.js";
import { type PitchTrack, pitchSettings, tracker } from "./pitch.js";
import { runs } from "./runs.js";
import { voiceExtractor } from "./voice-frames.js";
import { glottalPulses, harmonicsToNoise, jitter, type PitchAt, shimmer, type Voiced } from "./voice-pulses.js";

const type = "@mmub/audio/voice-quality";

export interface VoiceQualityParams {
  /** The rate at which everything is computed, in Hz: the higher, the finer are periods. @default 16_000 */
  readonly sampleRateHz?: number;
  /** The lowest pitch, in Hz. @default 75 */
  readonly fMinHz?: number;
  /** The highest pitch, in Hz. @default 500 */
  readonly fMaxHz?: number;
}

const names = [
  "f0 mean",
  "voiced",
  "jitter local",
  "jitter absolute",
  "jitter rap",
  "jitter ppq5",
  "jitter ddp",
  "shimmer local",
  "shimmer local dB",
  "shimmer apq3",
  "shimmer apq5",
  "shimmer apq11",
  "shimmer dda",
  "harmonics to noise",
] as const;

/**
 * How even a voice is, by Praat's definitions: jitter (periods that differ from their neighbours), shimmer (loudness that does) and
 * the ratio of harmonics to noise. A hoarse, creaky or trembling voice has more of the first two and less of the last.
 *
 * Output: Dense, one row a recording, the columns of `names`: the mean pitch in Hz and the share of frames with a voice; jitter local,
 * rap, ppq5 and ddp as shares of the mean period (0.01 is Praat's 1 %) and "jitter absolute" in seconds; shimmer as shares of the mean
 * amplitude and "shimmer local dB" in dB; "harmonics to noise" in dB, the mean over frames with a voice. Zeros where there is too little voice.
 * A missing recording is a zero row, with `present` 0.
 * Pulses are found as in Praat (cross-correlation), from the pitch of `pitch` (pYIN) and not of Praat's own tracker, and harmonics to
 * noise at those pitches: on steady voices the numbers are Praat's within some hundredths, where Praat's tracker finds another
 * piece to be voiced they differ more.
 * Rejects (`invalid-input`, with the index) unreadable recordings, NaN and infinities. Cost: 1 s for a minute.
 * Source: Praat's manual, "Voice"; Boersma, IFA Proceedings 17 (1993).
 *
 * @example
 * const voice = Float32Array.from({ length: 8_000 }, (_, i) => (i % 100 === 0 ? 1 : 0) * (1 + 0.1 * Math.sin(i)));
 * const fitted = await voiceQuality().fit([]);
 * const { cols } = await fitted.transform([{ samples: voice, sampleRateHz: 16_000 }]); // 14
 */
export function voiceQuality(params: VoiceQualityParams = {}): Extractor<AudioInput, Dense> {
  const { sampleRateHz = 16_000, fMinHz = 75, fMaxHz = 500 } = params;
  const check = (name: string, value: number, ok: boolean, want: string) => checkParam(type, name, value, ok, want);
  const isRate = Number.isInteger(sampleRateHz) && sampleRateHz >= 4000 && sampleRateHz <= sampleRates.to;
  check("sampleRateHz", sampleRateHz, isRate, `an integer from 4000 to ${sampleRates.to}`);
  check("fMinHz", fMinHz, fMinHz >= 20 && fMinHz <= 1000, "a frequency from 20 to 1000");
  check("fMaxHz", fMaxHz, fMaxHz > fMinHz && fMaxHz <= sampleRateHz / 4, `above fMinHz, up to ${sampleRateHz / 4}`);
  const analyze = voiceAnalyzer(sampleRateHz, fMinHz, fMaxHz);
  return voiceExtractor({
    type,
    params: { sampleRateHz, fMinHz, fMaxHz },
    sampleRateHz,
    output: "statistics",
    names,
    analyze(samples, index) {
      const { track, pulses, noise } = analyze(samples, index);
      const sounding = track.f0.filter((_, t) => track.voiced[t] === 1);
      const j = jitter(pulses);
      const s = shimmer(samples, sampleRateHz, pulses);
      return Float32Array.of(
        mean(sounding),
        sounding.length / track.f0.length,
        j.local,
        j.absolute,
        j.rap,
        j.ppq5,
        j.ddp,
        s.local,
        s.localDb,
        s.apq3,
        s.apq5,
        s.apq11,
        s.dda,
        mean(noise),
      );
    },
  }) as Extractor<AudioInput, Dense>;
}

const mean = (of: ArrayLike<number>) => (of.length === 0 ? 0 : Array.from(of).reduce((a, b) => a + b, 0) / of.length);

/** What is known of a voice in a recording. */
interface Voice {
  readonly track: PitchTrack;
  /** Times of glottal pulses, in seconds. */
  readonly pulses: readonly number[];
  /** Harmonics to noise in dB of each frame with a voice. */
  readonly noise: readonly number[];
}

/** Pitch every 10 ms, pulses, and harmonics to noise. */
export function voiceAnalyzer(
  sampleRateHz: number,
  fMinHz: number,
  fMaxHz: number,
): (samples: Float32Array, index: number) => Voice {
  const hopLength = Math.round(sampleRateHz / 100);
  // Three of the longest periods, as Praat takes.
  const frameLength = 2 * Math.ceil((1.5 * sampleRateHz) / fMinHz);
  const follow = tracker(pitchSettings({ sampleRateHz, fMinHz, fMaxHz, hopLength, frameLength }));
  const hop = hopLength / sampleRateHz;
  return (samples, index) => {
    const track = follow(samples, index);
    const pitchAt = between(track, hop);
    const pulses = glottalPulses(samples, sampleRateHz, voicedPieces(track, hop), pitchAt);
    const noise: number[] = [];
    for (let t = 0; t < track.f0.length; t++)
      if (track.voiced[t]) noise.push(harmonicsToNoise(samples, sampleRateHz, t * hop, track.f0[t]!, 1 / fMinHz));
    return { track, pulses, noise };
  };
}

/** Runs of frames with a voice, each frame standing for the time around its middle. */
function voicedPieces({ voiced }: PitchTrack, hop: number): Voiced[] {
  return runs(voiced, (value) => value === 1).map(([from, to]) => ({ from: (from - 0.5) * hop, to: (to - 0.5) * hop }));
}

/** The pitch between frames, linear where both have a voice. */
function between({ f0, voiced }: PitchTrack, hop: number): PitchAt {
  return (time) => {
    const at = time / hop;
    const near = Math.round(at);
    if (!voiced[near]) return undefined;
    const left = Math.floor(at);
    if (!voiced[left] || !voiced[left + 1]) return f0[near];
    return f0[left]! + (at - left) * (f0[left + 1]! - f0[left]!);
  };
}
