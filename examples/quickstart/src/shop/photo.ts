import type { Random } from "@mmub/core";
import sharp from "sharp";
import type { Nature } from "./nature.js";
import type { Purchase } from "./review.js";

type Colour = readonly [number, number, number];

// Drawn larger than it is kept: making it smaller softens the edges as a lens does.
const [drawn, kept] = [160, 96];

const paints: Readonly<Record<Purchase["colour"], Colour>> = {
  red: [190, 62, 50],
  blue: [52, 98, 182],
  green: [66, 142, 84],
  yellow: [218, 174, 58],
  purple: [150, 88, 164],
};
const tables: readonly Colour[] = [
  [198, 170, 134],
  [222, 220, 214],
  [122, 92, 70],
];
const walls: readonly Colour[] = [
  [206, 200, 190],
  [178, 190, 200],
  [200, 204, 178],
];

/**
 * A photo of what arrived on a table by a window, drawn pixel by pixel with light, shade and the noise of a sensor. The worse
 * the product, the more it is cracked, stained and faded. Where it stands, its shape and colour, the light and the blur of
 * the hand tell nothing.
 */
export async function makePhoto(
  { product }: Nature,
  { shape, colour }: Purchase,
  { next, integer, normal }: Random,
): Promise<Buffer> {
  const damage = 1 / (1 + Math.exp(1.6 * (product + 0.15 * normal())));
  const light = 0.86 + 0.09 * normal();
  const paint = paints[colour].map((value) => value + 0.55 * damage * (120 - value));
  const [table, wall] = [tables[integer(3)]!, walls[integer(3)]!];
  const [cx, cy, half] = [80 + 8 * normal(), 86 + 5 * normal(), 36 + 6 * next()];
  const [foot, horizon] = [cy + half * (shape === "box" ? 0.7 : 0.95), 62 + 8 * next()];
  const inside = outline(shape, cx, cy, half);

  const pixels = new Float32Array(drawn * drawn * 3);
  for (let y = 0, at = 0; y < drawn; y++)
    for (let x = 0; x < drawn; x++) {
      const isProduct = inside(x, y);
      const base = isProduct ? paint : y < horizon ? wall : table;
      // The window is on the left: the product is lit from there, and its shadow falls to the right.
      let shade = isProduct ? 1.12 - 0.45 * Math.max(0, (x - cx) / half + 0.3) : 1.06 - 0.001 * x;
      if (!isProduct && y > horizon && ((x - cx - 18) / half / 1.25) ** 2 + ((y - foot) / 10) ** 2 < 1) shade *= 0.72;
      const grain = 16 * (next() - 0.5);
      for (let channel = 0; channel < 3; channel++) pixels[at++] = base[channel]! * shade * light + grain;
    }

  const blot = (x: number, y: number, radius: number, factor: number): void => {
    for (let v = Math.floor(y - radius); v <= y + radius; v++)
      for (let u = Math.floor(x - radius); u <= x + radius; u++)
        if (u >= 0 && v >= 0 && u < drawn && v < drawn && (u - x) ** 2 + (v - y) ** 2 <= radius ** 2 && inside(u, v))
          for (let channel = 0; channel < 3; channel++) pixels[(v * drawn + u) * 3 + channel]! *= factor;
  };
  for (let crack = 0; crack < Math.round(9 * damage - 2); crack++) {
    let [x, y, angle] = [cx + half * (next() - 0.5), cy - half * (0.2 + 0.6 * next()), 1.6 + 0.6 * normal()];
    for (let step = 0; step < 44; step++) {
      blot(x, y, 1.6, 0.6);
      angle += 0.4 * normal();
      [x, y] = [x + 1.3 * Math.cos(angle), y + 1.3 * Math.sin(angle)];
    }
  }
  for (let stain = 0; stain < Math.round(5 * damage - 1.2); stain++)
    blot(cx + 0.5 * half * normal(), cy + 0.5 * half * normal(), 4 + 6 * next(), 0.72);

  const raw = { width: drawn, height: drawn, channels: 3 } as const;
  const image = sharp(Uint8ClampedArray.from(pixels), { raw }).resize(kept, kept);
  return (next() < 0.3 ? image.blur(0.4 + 0.5 * next()) : image).jpeg({ quality: 88 }).toBuffer();
}

/** Whether a pixel is of the product, whose middle is at cx, cy. Round things bulge towards us above and below. */
function outline(shape: Purchase["shape"], cx: number, cy: number, half: number): (x: number, y: number) => boolean {
  return (x, y) => {
    const [u, v] = [(x - cx) / half, (y - cy) / half];
    if (shape === "box") return Math.abs(u) < 1.05 && Math.abs(v) < 0.72;
    const wide = shape === "mug" ? 0.72 : v < -0.55 ? 0.2 : 0.5;
    if (Math.abs(u) < wide) {
      const bulge = 0.12 * Math.sqrt(1 - (u / wide) ** 2);
      return v > (shape === "mug" ? -0.95 : -1.2) - bulge && v < 0.9 + bulge;
    }
    const handle = (u - 0.8) ** 2 + v ** 2;
    return shape === "mug" && u > 0 && handle < 0.48 ** 2 && handle > 0.3 ** 2;
  };
}
