import type { Random } from "@mmub/core";
import sharp from "sharp";
import type { Nature } from "./make.js";

const size = 96;

/**
 * A photo of what arrived: a mug, box or bottle on a table, drawn pixel by pixel with light, shade and sensor noise. The less
 * content the customer, the more cracks and stains it has and the gloomier it was taken.
 */
export async function makePhoto({ satisfaction }: Nature, numbers: Random): Promise<Buffer> {
  const state = satisfaction + 0.55 * numbers.normal();
  const harm = 1 / (1 + Math.exp(1.7 * state));
  const light = 0.95 - 0.3 * harm + 0.12 * numbers.normal();
  const colour = [
    [186, 64, 52],
    [54, 98, 178],
    [70, 140, 84],
    [214, 170, 60],
    [150, 90, 160],
  ][numbers.integer(5)]!;
  const table = [
    [196, 170, 136],
    [220, 218, 212],
    [120, 92, 70],
  ][numbers.integer(3)]!;
  const shape = numbers.integer(3);
  const [cx, cy, half] = [48 + 6 * numbers.normal(), 50 + 4 * numbers.normal(), 20 + 4 * numbers.next()];
  const inside = (x: number, y: number): boolean => {
    const [dx, dy] = [(x - cx) / half, (y - cy) / half];
    if (shape === 0)
      return (
        (Math.abs(dx) < 0.8 && Math.abs(dy) < 1) || (Math.hypot(dx - 0.95, dy) < 0.5 && Math.hypot(dx - 0.95, dy) > 0.3)
      );
    if (shape === 1) return Math.abs(dx) < 1 && Math.abs(dy) < 0.8;
    return Math.abs(dx) < (dy < -0.5 ? 0.22 : 0.5) && Math.abs(dy) < 1.25;
  };

  const pixels = new Float32Array(size * size * 3);
  for (let y = 0, at = 0; y < size; y++)
    for (let x = 0; x < size; x++) {
      const product = inside(x, y);
      const wall = y < 40;
      // The product is rounder to the left, where the window is; its shadow falls to the right.
      const shade = product ? 1.1 - 0.5 * Math.max(0, (x - cx) / half + 0.2) : inside(x - 7, y - 4) ? 0.7 : 1;
      for (let channel = 0; channel < 3; channel++)
        pixels[at++] = (product ? colour[channel]! : wall ? 205 - 8 * channel : table[channel]!) * shade * light;
    }

  const blot = (x: number, y: number, radius: number, factor: number): void => {
    for (let v = Math.floor(y - radius); v <= y + radius; v++)
      for (let u = Math.floor(x - radius); u <= x + radius; u++)
        if (u >= 0 && v >= 0 && u < size && v < size && Math.hypot(u - x, v - y) <= radius && inside(u, v))
          for (let channel = 0; channel < 3; channel++) pixels[(v * size + u) * 3 + channel]! *= factor;
  };
  for (let crack = 0; crack < Math.round(7 * harm * harm + 0.4 * numbers.next()); crack++) {
    let [x, y, angle] = [cx + half * (numbers.next() - 0.5), cy - half * 0.8, 1.6 + 0.6 * numbers.normal()];
    for (let step = 0; step < 26; step++) {
      blot(x, y, 0.9, 0.55);
      angle += 0.5 * numbers.normal();
      [x, y] = [x + 1.4 * Math.cos(angle), y + 1.4 * Math.sin(angle)];
    }
  }
  for (let stain = 0; stain < Math.round(3 * harm); stain++)
    blot(cx + half * numbers.normal() * 0.6, cy + half * numbers.normal() * 0.5, 2 + 4 * numbers.next(), 0.75);

  const bytes = Uint8Array.from(pixels, (value) => Math.max(0, Math.min(255, value + 7 * (numbers.next() - 0.5))));
  return sharp(bytes, { raw: { width: size, height: size, channels: 3 } })
    .jpeg({ quality: 85 })
    .toBuffer();
}
