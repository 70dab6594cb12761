import { describe, expect, test } from "vitest";
import { type Theme, themes } from "./theme.js";

describe.each(Object.entries(themes))("%s", (_, theme: Theme) => {
  test("text has a contrast of 4.5 on the page and on panels (WCAG 2 AA), marks of 3", () => {
    for (const ground of [theme.page, theme.panel])
      for (const text of [theme.ink, theme.muted, theme.accent, theme.good, theme.bad])
        expect(contrast(text, ground)).toBeGreaterThanOrEqual(4.5);
    for (const mark of theme.categories) expect(contrast(mark, theme.page)).toBeGreaterThanOrEqual(3);
    for (const { fill, text } of theme.steps) expect(contrast(text, fill)).toBeGreaterThanOrEqual(4.5);
  });

  test("the steps go one way in lightness", () => {
    const lightness = theme.steps.map(({ fill }) => luminance(linear(fill)));
    const order = [...lightness].sort((a, b) => (lightness[0]! < lightness[4]! ? a - b : b - a));
    expect(lightness).toEqual(order);
  });

  test("categories differ for every kind of colour vision", () => {
    for (const seen of Object.values(vision))
      for (const [i, a] of theme.categories.entries())
        for (const b of theme.categories.slice(0, i))
          expect(distance(lab(seen(linear(a))), lab(seen(linear(b))))).toBeGreaterThan(20);
  });
});

type Triple = readonly [number, number, number];

function linear(hex: string): Triple {
  const channel = (from: number) => {
    const value = Number.parseInt(hex.slice(from, from + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  return [channel(1), channel(3), channel(5)];
}

function luminance([r, g, b]: Triple): number {
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [low, high] = [luminance(linear(a)), luminance(linear(b))].sort((x, y) => x - y) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

function times([a, b, c]: readonly [Triple, Triple, Triple]): (of: Triple) => Triple {
  const row = (of: Triple, by: Triple) => Math.min(1, Math.max(0, of[0] * by[0] + of[1] * by[1] + of[2] * by[2]));
  return (of) => [row(of, a), row(of, b), row(of, c)];
}

// Machado, Oliveira & Fernandes (2009), severity 1.
const vision = {
  normal: (of: Triple) => of,
  protanopia: times([
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ]),
  deuteranopia: times([
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ]),
  tritanopia: times([
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ]),
};

function lab([r, g, b]: Triple): Triple {
  const f = (t: number) => (t > 0.008856 ? Math.cbrt(t) : 7.787 * t + 16 / 116);
  const x = f((0.4124564 * r + 0.3575761 * g + 0.1804375 * b) / 0.95047);
  const y = f(0.2126729 * r + 0.7151522 * g + 0.072175 * b);
  const z = f((0.0193339 * r + 0.119192 * g + 0.9503041 * b) / 1.08883);
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

function distance(a: Triple, b: Triple): number {
  return Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
}
