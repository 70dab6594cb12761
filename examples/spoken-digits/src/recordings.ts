import { readFileSync } from "node:fs";
import { join } from "node:path";
import { decodeWav } from "@mmub/audio";
import { type Random, random } from "@mmub/core";

export const sampleRateHz = 8_000;

/** One digit, said by someone. */
export interface Recording {
  readonly digit: number;
  readonly speaker: string;
  readonly samples: Float32Array;
}

/** The Free Spoken Digit Dataset: `labels.csv` with the columns file, digit and speaker, and `recordings/`. */
export function readDigits(folder: string): Recording[] {
  const [header, ...lines] = readFileSync(join(folder, "labels.csv"), "utf8").trim().split(/\r?\n/);
  const columns = header!.split(",");
  return lines.map((line) => {
    const cells = line.split(",");
    const cell = (name: string) => cells[columns.indexOf(name)]!;
    const { samples } = decodeWav(readFileSync(join(folder, "recordings", cell("file"))));
    return { digit: Number(cell("digit")), speaker: cell("speaker"), samples: samples[0]! };
  });
}

/**
 * Digits of made-up speakers: each digit is two vowels, each two formants over a buzz; a speaker has a pitch, a length of the throat and a
 * pace of their own. It sounds like nobody, and is learned in seconds.
 */
export function makeDigits(speakers: number, takes: number, seed: number): Recording[] {
  const vowels = [
    [300, 2300],
    [700, 1200],
    [350, 800],
    [550, 1800],
    [450, 1000],
  ] as const;
  const all = random(seed);
  return Array.from({ length: speakers }, (_, speaker) => {
    const draw = all.fork(`speaker ${speaker}`);
    const [pitch, throat, pace] = [90 + 130 * draw.next(), 0.9 + 0.2 * draw.next(), 0.8 + 0.4 * draw.next()];
    return Array.from({ length: 10 * takes }, (_, i): Recording => {
      const digit = i % 10;
      const pieces = [vowels[digit % 5]!, vowels[(digit + 1 + Math.floor(digit / 5)) % 5]!];
      const length = Math.round(sampleRateHz * 0.12 * pace * (0.9 + 0.2 * draw.next()));
      const samples = new Float32Array(2 * length);
      for (const [at, formants] of pieces.entries())
        sing(
          samples.subarray(at * length, (at + 1) * length),
          formants,
          pitch * (0.95 + 0.1 * draw.next()),
          throat,
          draw,
        );
      return { digit, speaker: `speaker ${speaker}`, samples };
    });
  }).flat();
}

// Pulses through two resonators, and a little noise.
function sing(out: Float32Array, formants: readonly number[], pitch: number, throat: number, draw: Random): void {
  for (const hz of formants) {
    const r = Math.exp((-Math.PI * 100) / sampleRateHz);
    const a = 2 * r * Math.cos((2 * Math.PI * hz * throat) / sampleRateHz);
    let [y1, y2, phase] = [0, 0, 0];
    for (let i = 0; i < out.length; i++) {
      phase += pitch / sampleRateHz;
      const pulse = phase >= 1 ? 1 : 0;
      phase -= pulse;
      const y = pulse + a * y1 - r * r * y2;
      [y2, y1] = [y1, y];
      out[i] = out[i]! + 0.1 * y + 0.005 * draw.normal();
    }
  }
}

/** Several digits in a row, said by one speaker. */
export interface Utterance {
  readonly digits: readonly number[];
  readonly audio: { readonly samples: Float32Array; readonly sampleRateHz: number };
}

/** How utterances differ from what was recorded: each is drawn from a range. */
export interface Variety {
  /** Played as if it had been recorded at another rate, a voice is higher and quicker, or lower and slower. */
  readonly pace: readonly [number, number];
  readonly gain: readonly [number, number];
  /** The deviation of noise that is laid over all. */
  readonly noise: readonly [number, number];
}

/** As it was recorded, over a little noise. */
export const plain: Variety = { pace: [1, 1], gain: [1, 1], noise: [0.001, 0.001] };
export const slightlyVaried: Variety = { pace: [0.9, 1.1], gain: [0.5, 1.5], noise: [0.0005, 0.002] };
export const varied: Variety = { pace: [0.78, 1.28], gain: [0.2, 2], noise: [0.0002, 0.01] };

/** `count` utterances of 1 to `most` digits, with short pauses, of speakers drawn at random. */
export function utterances(
  recordings: readonly Recording[],
  count: number,
  most: number,
  { pace, gain, noise }: Variety,
  draw: Random,
): Utterance[] {
  const speakers = [...new Set(recordings.map(({ speaker }) => speaker))];
  const bySpeaker = speakers.map((name) => recordings.filter(({ speaker }) => speaker === name));
  // Ranges of ratios: the logarithm is drawn.
  const between = ([from, to]: readonly [number, number]) => from * (to / from) ** draw.next();
  const pause = () => new Float32Array(Math.round(sampleRateHz * (0.03 + 0.12 * draw.next())));
  return Array.from({ length: count }, () => {
    const own = bySpeaker[draw.integer(bySpeaker.length)]!;
    const said = Array.from({ length: 1 + draw.integer(most) }, () => own[draw.integer(own.length)]!);
    const whole = joined([...said.flatMap(({ samples }) => [pause(), samples]), pause()]);
    const [louder, hiss] = [between(gain), between(noise)];
    return {
      digits: said.map(({ digit }) => digit),
      audio: {
        samples: whole.map((value) => louder * value + hiss * draw.normal()),
        sampleRateHz: Math.round(sampleRateHz * between(pace)),
      },
    };
  });
}

function joined(pieces: readonly Float32Array[]): Float32Array {
  const out = new Float32Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    out.set(piece, at);
    at += piece.length;
  }
  return out;
}
