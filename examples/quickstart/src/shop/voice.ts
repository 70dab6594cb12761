import { encodeWav } from "@mmub/audio";
import type { Random } from "@mmub/core";
import type { Nature } from "./make.js";

const rate = 16_000;

// The first three resonances of five vowels, in Hz (Peterson & Barney 1952, men).
const vowels = [
  [730, 1090, 2440],
  [270, 2290, 3010],
  [300, 870, 2240],
  [530, 1840, 2480],
  [570, 840, 2410],
];

/**
 * A second of something like speech, without words: a pulse train as the vocal folds give it, shaped by the resonances of
 * vowels, in syllables. Agitation raises pitch, pace and loudness; content voices move more in pitch. Everybody has a pitch
 * and a throat of their own, which says nothing.
 */
export function makeVoice({ arousal, satisfaction }: Nature, numbers: Random): Uint8Array {
  const stir = arousal + 0.35 * numbers.normal();
  const warmth = satisfaction + 0.6 * numbers.normal();
  const seconds = 0.85 + 0.4 * numbers.next();
  const samples = new Float32Array(Math.round(rate * seconds));
  const pitch = (numbers.next() < 0.5 ? 115 : 195) * (1 + 0.08 * numbers.normal()) * (1 + 0.14 * stir);
  const throat = 1 + 0.07 * numbers.normal();
  const pace = 4.2 * Math.exp(0.2 * stir + 0.1 * numbers.normal());
  const loud = 0.1 * Math.exp(0.45 * stir + 0.15 * numbers.normal());
  const swing = 0.05 * Math.exp(0.5 * warmth);
  const breath = 0.02 * Math.exp(-0.35 * stir);

  const filters = [0, 1, 2].map(() => ({ a: 0, b: 0, y1: 0, y2: 0 }));
  let [phase, syllable] = [0, -1];
  for (let i = 0; i < samples.length; i++) {
    const time = i / rate;
    const now = Math.floor(time * pace);
    if (now !== syllable) {
      syllable = now;
      const vowel = vowels[numbers.integer(vowels.length)]!;
      for (const [k, filter] of filters.entries()) {
        // A two-pole resonator, 80 Hz wide and wider further up.
        const radius = Math.exp((-Math.PI * (80 + 40 * k)) / rate);
        filter.a = 2 * radius * Math.cos((2 * Math.PI * vowel[k]! * throat) / rate);
        filter.b = -radius * radius;
      }
    }
    const within = time * pace - now;
    phase += (pitch * (1 + swing * Math.sin(2 * Math.PI * (time * 1.7 + 0.2)) - 0.08 * (time / seconds))) / rate;
    let sound = breath * numbers.normal();
    if (phase >= 1) {
      phase -= 1;
      sound += 1;
    }
    for (const filter of filters) {
      const y = (1 - filter.a - filter.b) * sound + filter.a * filter.y1 + filter.b * filter.y2;
      filter.y2 = filter.y1;
      filter.y1 = y;
      sound = y;
    }
    samples[i] = sound * Math.sin(Math.PI * Math.min(1, within * 1.25)) ** 0.7;
  }
  const root = Math.sqrt(samples.reduce((sum, value) => sum + value * value, 0) / samples.length);
  return encodeWav(
    samples.map((value) => Math.max(-1, Math.min(1, (value / root) * loud)) + 0.002 * numbers.normal()),
    rate,
  );
}
