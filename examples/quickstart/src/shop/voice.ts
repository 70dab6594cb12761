import { encodeWav } from "@mmub/audio";
import type { Random } from "@mmub/core";
import type { Nature } from "./nature.js";

const rate = 16_000;

// The first three resonances of vowels in Hz, means of men (Peterson & Barney 1952).
const vowels = [
  [730, 1090, 2440],
  [270, 2290, 3010],
  [300, 870, 2240],
  [530, 1840, 2480],
  [570, 840, 2410],
  [490, 1350, 1690],
] as const;

/**
 * A second of something like speech, without words: pulses as the vocal folds give them, shaped by the resonances of
 * vowels that glide into each other, in syllables with pauses. A hot temper speaks higher, louder, faster and sharper, as
 * effort flattens the spectrum. A customer who was treated well smiles, which raises the resonances, and sings a little.
 * Everybody also has a pitch, a throat and a microphone of their own, which tell nothing.
 */
export function makeVoice({ temper, service }: Nature, { next, integer, normal }: Random): Uint8Array {
  const effort = temper + 0.2 * normal();
  const smile = service + 0.2 * normal();
  const high = next() < 0.5;
  const pitchHz = (high ? 200 : 115) * Math.exp(0.1 * normal() + 0.12 * effort);
  const throat = (high ? 1.06 : 1) * Math.exp(0.02 * normal() + 0.06 * smile);
  const syllableSeconds = 0.23 * Math.exp(0.1 * normal() - 0.16 * effort);
  const swing = 0.06 * Math.exp(0.5 * smile);
  const loudness = 0.07 * Math.exp(0.3 * effort + 0.25 * normal());
  // The share that a one-pole low-pass keeps of the last sample: a calm voice is dull, a strained one sharp.
  const dullness = 0.9 - 0.25 / (1 + Math.exp(-1.2 * effort));

  // Resonator k is 70 Hz wide and wider further up: y = gain x + a y1 - b y2.
  const formants = [0, 1, 2].map((k) => ({ b: Math.exp((-2 * Math.PI * (70 + 40 * k)) / rate), a: 0, y1: 0, y2: 0 }));
  const hz = [500, 1500, 2500];
  const samples = new Float32Array(Math.round(rate * (1 + 0.4 * next())));
  let [vowel, stress, pause, start, length]: [readonly number[], number, boolean, number, number] = [
    hz,
    1,
    false,
    0,
    0,
  ];
  let [phase, dull, energy] = [0, 0, 0];
  for (let i = 0; i < samples.length; i++) {
    if (i === start + length) {
      [vowel, stress, pause] = [vowels[integer(vowels.length)]!, 0.7 + 0.6 * next(), i > 0 && next() < 0.18];
      [start, length] = [i, Math.round(rate * syllableSeconds * (0.8 + 0.4 * next()))];
    }
    // The mouth moves on every 5 ms.
    if (i % 80 === 0)
      for (let k = 0; k < 3; k++) {
        hz[k]! += 0.15 * (vowel[k]! * throat - hz[k]!);
        formants[k]!.a = 2 * Math.sqrt(formants[k]!.b) * Math.cos((2 * Math.PI * hz[k]!) / rate);
      }
    const time = i / rate;
    phase += (pitchHz * (1.06 - 0.1 * time + swing * (stress - 1 + Math.sin(9 * time)))) / rate;
    let sound = 0.02 * (next() - 0.5);
    if (phase >= 1) {
      phase -= 1;
      sound += 1;
    }
    dull = (1 - dullness) * sound + dullness * dull;
    sound = dull;
    for (let k = 0; k < 3; k++) {
      const formant = formants[k]!;
      const y = (1 - formant.a + formant.b) * sound + formant.a * formant.y1 - formant.b * formant.y2;
      formant.y2 = formant.y1;
      formant.y1 = y;
      sound = y;
    }
    sound *= pause ? 0.02 : stress * Math.sqrt(Math.sin((Math.PI * (i - start)) / length));
    samples[i] = sound;
    energy += sound * sound;
  }
  const gain = loudness / Math.sqrt(energy / samples.length);
  for (let i = 0; i < samples.length; i++)
    samples[i] = Math.max(-1, Math.min(1, gain * samples[i]! + 0.002 * (next() - 0.5)));
  return encodeWav(samples, rate);
}
