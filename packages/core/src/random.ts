import { MmubError } from "./errors.js";

/** Numbers that repeat: the same seed gives the same numbers on every machine. */
export interface Random {
  /** A number in [0, 1), 53 random bits. */
  next(): number;
  /** An integer in [0, below). */
  integer(below: number): number;
  /** A number from the normal distribution with mean 0 and standard deviation 1. */
  normal(): number;
  /** Shuffles in place and returns the array. */
  shuffle<T extends { length: number; [index: number]: unknown }>(array: T): T;
  /** A stream of its own for one purpose, such as `fork("dropout")`: what one purpose draws never shifts another's. */
  fork(purpose: string): Random;
}

/**
 * Seeded random numbers; `Math.random` is banned in mmub because a result that cannot be repeated cannot be checked.
 *
 * `seed` is any safe integer. Not for secrets.
 * Source: sfc32 of PractRand (Chris Doty-Humphrey), seeded by splitmix32; Fisher-Yates; Marsaglia's polar method.
 *
 * @example
 * const order = random(7).shuffle([0, 1, 2, 3]); // the same order wherever it runs
 */
export function random(seed = 0): Random {
  if (!Number.isSafeInteger(seed))
    throw new MmubError("invalid-params", {
      part: "@mmub/core/random",
      message: `seed is ${seed}, want an integer`,
      seed,
    });
  return stream(seed | 0, Math.floor(seed / 2 ** 32) | 0);
}

function stream(low: number, high: number): Random {
  let mix = low ^ Math.imul(high, 0x9e3779b1);
  const word = (): number => {
    mix = (mix + 0x9e3779b9) | 0;
    let z = mix;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return z ^ (z >>> 15);
  };
  let a = word() ^ high;
  let b = word();
  let c = word();
  let counter = 1;
  let spare: number | undefined;

  const bits = (): number => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + sum) | 0;
    return sum >>> 0;
  };
  for (let i = 0; i < 12; i++) bits();

  const self: Random = {
    next: () => ((bits() >>> 5) * 2 ** 26 + (bits() >>> 6)) / 2 ** 53,
    integer: (below) => Math.floor(self.next() * below),
    normal() {
      if (spare !== undefined) {
        const value = spare;
        spare = undefined;
        return value;
      }
      for (;;) {
        const x = 2 * self.next() - 1;
        const y = 2 * self.next() - 1;
        const s = x * x + y * y;
        if (s >= 1 || s === 0) continue;
        const scale = Math.sqrt((-2 * Math.log(s)) / s);
        spare = y * scale;
        return x * scale;
      }
    },
    shuffle(array) {
      for (let i = array.length - 1; i > 0; i--) {
        const j = self.integer(i + 1);
        const kept = array[i];
        array[i] = array[j];
        array[j] = kept;
      }
      return array;
    },
    fork(purpose) {
      // FNV-1a of the purpose; the seed alone decides, not how much was drawn before.
      let hash = 0x811c9dc5;
      for (let i = 0; i < purpose.length; i++) hash = Math.imul(hash ^ purpose.charCodeAt(i), 0x01000193);
      return stream(low ^ hash, high ^ Math.imul(hash, 0x85ebca6b));
    },
  };
  return self;
}
