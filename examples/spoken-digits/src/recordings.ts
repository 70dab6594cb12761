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

/** `count` utterances of 1 to `most` digits, with short pauses, of speakers drawn at random, played at paces from `paces`. */
export function utterances(
  recordings: readonly Recording[],
  count: number,
  most: number,
  paces: readonly [number, number],
  draw: Random,
): Utterance[] {
  const speakers = [...new Set(recordings.map(({ speaker }) => speaker))];
  const bySpeaker = speakers.map((name) => recordings.filter(({ speaker }) => speaker === name));
  return Array.from({ length: count }, () => {
    const own = bySpeaker[draw.integer(bySpeaker.length)]!;
    const said = Array.from({ length: 1 + draw.integer(most) }, () => own[draw.integer(own.length)]!);
    const pieces = said.flatMap(({ samples }) => [silence(draw), samples]);
    const pace = paces[0] + (paces[1] - paces[0]) * draw.next();
    return {
      digits: said.map(({ digit }) => digit),
      // Played as if it had been recorded at another rate, a voice is higher and quicker, or lower and slower.
      audio: { samples: joined([...pieces, silence(draw)]), sampleRateHz: Math.round(sampleRateHz * pace) },
    };
  });
}

function silence(draw: Random): Float32Array {
  return Float32Array.from(
    { length: Math.round(sampleRateHz * (0.03 + 0.12 * draw.next())) },
    () => 0.001 * draw.normal(),
  );
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
