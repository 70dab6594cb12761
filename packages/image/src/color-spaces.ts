/** RGB bytes to one plane of values after another. */
type Convert = (pixels: Uint8Array, planes: Float64Array) => void;

interface ColorSpace {
  readonly channels: readonly [string, string, string];
  readonly ranges: readonly (readonly [low: number, high: number])[];
  readonly convert: Convert;
}

export type SpaceName = "hsv" | "rgb" | "lab";

const ones = [
  [0, 1],
  [0, 1],
  [0, 1],
] as const;

/** Values as scikit-image's `img_as_float`, `rgb2hsv` and `rgb2lab` give them, to the last bit but for L*a*b*. */
export const colorSpaces: Readonly<Record<SpaceName, ColorSpace>> = {
  rgb: { channels: ["red", "green", "blue"], ranges: ones, convert: toUnit },
  hsv: { channels: ["hue", "saturation", "value"], ranges: ones, convert: toHsv },
  lab: {
    channels: ["lightness", "a", "b"],
    ranges: [
      [0, 100],
      [-128, 128],
      [-128, 128],
    ],
    convert: toLab,
  },
};

// Bytes as scikit-image scales them, to the last bit: so that a value at the edge of two bins falls where it does there.
const unit = Float64Array.from({ length: 256 }, (_, value) => value * (1 / 255));

function toUnit(pixels: Uint8Array, planes: Float64Array): void {
  const area = planes.length / 3;
  for (let i = 0, at = 0; i < area; i++, at += 3) {
    planes[i] = unit[pixels[at]!]!;
    planes[area + i] = unit[pixels[at + 1]!]!;
    planes[2 * area + i] = unit[pixels[at + 2]!]!;
  }
}

function toHsv(pixels: Uint8Array, planes: Float64Array): void {
  const area = planes.length / 3;
  for (let i = 0, at = 0; i < area; i++, at += 3) {
    const red = pixels[at]!;
    const green = pixels[at + 1]!;
    const blue = pixels[at + 2]!;
    const most = Math.max(red, green, blue);
    const delta = unit[most]! - unit[Math.min(red, green, blue)]!;
    let hue = 0;
    let saturation = 0;
    if (delta > 0) {
      saturation = delta / unit[most]!;
      // Where two channels are the highest, the latter decides, as in scikit-image.
      if (blue === most) hue = 4 + (unit[red]! - unit[green]!) / delta;
      else if (green === most) hue = 2 + (unit[blue]! - unit[red]!) / delta;
      else hue = (unit[green]! - unit[blue]!) / delta;
      hue /= 6;
      if (hue < 0) hue += 1;
    }
    planes[i] = hue;
    planes[area + i] = saturation;
    planes[2 * area + i] = unit[most]!;
  }
}

// sRGB to XYZ (IEC 61966-2-1) to L*a*b* with the white point D65 of the 2 degree observer, as scikit-image's rgb2lab.
const linear = unit.map((value) => (value > 0.04045 ? ((value + 0.055) / 1.055) ** 2.4 : value / 12.92));
const labCurve = (t: number): number => (t > 0.008856 ? Math.cbrt(t) : 7.787 * t + 16 / 116);

function toLab(pixels: Uint8Array, planes: Float64Array): void {
  const area = planes.length / 3;
  for (let i = 0, at = 0; i < area; i++, at += 3) {
    const red = linear[pixels[at]!]!;
    const green = linear[pixels[at + 1]!]!;
    const blue = linear[pixels[at + 2]!]!;
    const x = labCurve((0.412453 * red + 0.35758 * green + 0.180423 * blue) / 0.95047);
    const y = labCurve(0.212671 * red + 0.71516 * green + 0.072169 * blue);
    const z = labCurve((0.019334 * red + 0.119193 * green + 0.950227 * blue) / 1.08883);
    planes[i] = 116 * y - 16;
    planes[area + i] = 500 * (x - y);
    planes[2 * area + i] = 200 * (y - z);
  }
}
