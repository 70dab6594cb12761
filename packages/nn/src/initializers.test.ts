import { MmubError, random } from "@mmub/core";
import { describe, expect, test } from "vitest";
import * as initializers from "./initializers.js";
import type { Initializer } from "./network.js";

const shape = [60, 20, 3, 2];
const [into, out] = [20 * 6, 60 * 6];

/** Mean, deviation and the furthest from zero of many numbers. */
function seen(init: Initializer) {
  const numbers = init(shape, random(3));
  expect(numbers.length).toBe(60 * 20 * 6);
  const mean = numbers.reduce((a, b) => a + b) / numbers.length;
  const deviation = Math.sqrt(numbers.reduce((a, b) => a + (b - mean) ** 2, 0) / numbers.length);
  return { mean, deviation, furthest: numbers.reduce((a, b) => Math.max(a, Math.abs(b)), 0) };
}

describe("the formulas of PyTorch's torch.nn.init", () => {
  const uniforms: Readonly<Record<string, readonly [Initializer, number]>> = {
    "kaimingUniform as layers have it": [initializers.kaimingUniform(), 1 / Math.sqrt(into)],
    "kaimingUniform for relu, backwards": [
      initializers.kaimingUniform({ slope: 0, fan: "out" }),
      Math.sqrt(2) * Math.sqrt(3 / out),
    ],
    xavierUniform: [initializers.xavierUniform({ gain: 2 }), 2 * Math.sqrt(6 / (into + out))],
    bounded: [initializers.bounded(0.3), 0.3],
  };
  for (const [name, [init, bound]] of Object.entries(uniforms))
    test(name, () => {
      const { mean, deviation, furthest } = seen(init);
      expect(furthest).toBeLessThanOrEqual(Math.fround(bound));
      expect(furthest).toBeGreaterThan(0.999 * bound);
      expect(Math.abs(mean)).toBeLessThan(0.03 * bound);
      expect(Math.abs(deviation / (bound / Math.sqrt(3)) - 1)).toBeLessThan(0.02);
    });

  const normals: Readonly<Record<string, readonly [Initializer, number, number]>> = {
    normal: [initializers.normal(), 0, 1],
    "normal elsewhere": [initializers.normal({ mean: 3, deviation: 0.1 }), 3, 0.1],
    xavierNormal: [initializers.xavierNormal(), 0, Math.sqrt(2 / (into + out))],
  };
  for (const [name, [init, mean, deviation]] of Object.entries(normals))
    test(name, () => {
      const found = seen(init);
      expect(Math.abs(found.mean - mean)).toBeLessThan(0.03 * deviation);
      expect(Math.abs(found.deviation / deviation - 1)).toBeLessThan(0.02);
      expect(found.furthest - mean).toBeGreaterThan(3 * deviation);
    });

  test("uniform between two", () => {
    const numbers = initializers.uniform({ from: 2, to: 4 })([1000], random(1));
    expect(Math.min(...numbers)).toBeGreaterThanOrEqual(2);
    expect(Math.max(...numbers)).toBeLessThanOrEqual(4);
    expect(Math.abs(numbers.reduce((a, b) => a + b) / 1000 - 3)).toBeLessThan(0.1);
  });

  test("zeros, ones, constant", () => {
    expect([...initializers.zeros()([2], random())]).toEqual([0, 0]);
    expect([...initializers.ones()([1, 2], random())]).toEqual([1, 1]);
    expect([...initializers.constant(-2)([2], random())]).toEqual([-2, -2]);
  });

  for (const [rows, cols] of [
    [3, 8],
    [8, 3],
    [5, 5],
  ] as const)
    test(`orthogonal ${rows} x ${cols}`, () => {
      const matrix = initializers.orthogonal({ gain: 2 })([rows, cols], random(2));
      const few = Math.min(rows, cols);
      const at = (line: number, i: number) => (rows <= cols ? matrix[line * cols + i]! : matrix[i * cols + line]!);
      for (let a = 0; a < few; a++)
        for (let b = 0; b < few; b++) {
          let dot = 0;
          for (let i = 0; i < Math.max(rows, cols); i++) dot += at(a, i) * at(b, i);
          expect(dot).toBeCloseTo(a === b ? 4 : 0, 5);
        }
    });
});

test("the same seed gives the same numbers", () => {
  for (const make of [initializers.normal, initializers.uniform, initializers.kaimingUniform, initializers.orthogonal])
    expect(make()([4, 5], random(9))).toEqual(make()([4, 5], random(9)));
});

test("wrong settings are named", () => {
  const wrong = [
    [() => initializers.uniform({ from: 2, to: 1 }), "to is number 1, want a finite number from 2"],
    [() => initializers.normal({ deviation: -1 }), "deviation is number -1, want a number from 0"],
    [() => initializers.xavierUniform({ gain: Number.NaN }), "gain is number NaN, want a finite number"],
    [() => initializers.kaimingUniform({ fan: "both" as never }), 'fan is string "both", want "in" or "out"'],
    [() => initializers.kaimingUniform()([3], random()), "shape is [3], want [out, in, ...kernel]"],
  ] as const;
  for (const [make, message] of wrong) {
    expect(make).toThrow(message);
    expect(make).toThrow(MmubError);
  }
});
