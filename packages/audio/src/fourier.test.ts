import { random } from "@mmub/core";
import { expect, test } from "vitest";
import { powerSpectrum } from "./fourier.js";

// Powers of two, every radix and mixtures of them, primes and products of primes too large for a radix.
const sizes = [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 22, 30, 49, 60, 64, 91, 100, 101, 128, 202, 399, 400, 512, 551, 1102];

test.each(sizes)("the power spectrum of %i samples is that of the definition", (size) => {
  const numbers = random(size);
  const frame = Float64Array.from({ length: size }, () => numbers.normal());
  const power = new Float64Array((size >> 1) + 1);
  powerSpectrum(size)(frame, power);

  const wanted = Float64Array.from(power, (_, k) => {
    let [re, im] = [0, 0];
    for (let i = 0; i < size; i++) {
      re += frame[i]! * Math.cos((2 * Math.PI * ((i * k) % size)) / size);
      im -= frame[i]! * Math.sin((2 * Math.PI * ((i * k) % size)) / size);
    }
    return re * re + im * im;
  });
  const largest = Math.max(...wanted);
  for (const [k, want] of wanted.entries()) expect(Math.abs(power[k]! - want)).toBeLessThanOrEqual(1e-12 * largest);
});

test("a transform leaves its frame and its next result alone", () => {
  const transform = powerSpectrum(202);
  const frames = [1, 2].map((step) => Float64Array.from({ length: 202 }, (_, i) => Math.sin(i * step) + (i % 7)));
  const [before, first, again] = [structuredClone(frames), new Float64Array(102), new Float64Array(102)];
  transform(frames[0]!, first);
  transform(frames[1]!, again);
  transform(frames[0]!, again);
  expect(frames).toEqual(before);
  expect(again).toEqual(first);
});
