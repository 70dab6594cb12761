import { expect, test } from "vitest";
import { halfToNumber, numberToHalf } from "./half.js";

test("every half is read and written back as it was", () => {
  for (let bits = 0; bits < 0x10000; bits++) {
    const value = halfToNumber(bits);
    if (Number.isNaN(value)) expect((bits & 0x7c00) === 0x7c00 && (bits & 0x3ff) !== 0).toBe(true);
    else if (numberToHalf(value) !== bits) expect.fail(`${bits} is ${value} is ${numberToHalf(value)}`);
  }
});

test("numbers between two halves go to the nearer, of two as near to the even one", () => {
  for (let bits = 0; bits < 0x7bff; bits++) {
    const [low, high] = [halfToNumber(bits), halfToNumber(bits + 1)];
    const middle = (low + high) / 2;
    const even = bits % 2 === 0 ? bits : bits + 1;
    const got = [low + (high - low) * 0.49, middle, low + (high - low) * 0.51].map(numberToHalf);
    if (got.join() !== [bits, even, bits + 1].join()) expect.fail(`between ${low} and ${high}: ${got}`);
  }
});

test("the known ones", () => {
  expect([1, -2, 65504, 0.1, 2 ** -24, 2 ** -25, 65519, 65520, Infinity, -Infinity, 0, -0].map(numberToHalf)).toEqual([
    0x3c00, 0xc000, 0x7bff, 0x2e66, 1, 0, 0x7bff, 0x7c00, 0x7c00, 0xfc00, 0, 0x8000,
  ]);
  expect(numberToHalf(Number.NaN)).toBe(0x7e00);
});
