import type { DecodeParams } from "./decode.js";

type Kernel = Exclude<NonNullable<DecodeParams["kernel"]>, "nearest">;

const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));

/** A cubic of Mitchell and Netravali's family. */
const cubic = (b: number, c: number) => (x: number) =>
  x < 1
    ? ((12 - 9 * b - 6 * c) * x ** 3 + (-18 + 12 * b + 6 * c) * x ** 2 + 6 - 2 * b) / 6
    : ((-b - 6 * c) * x ** 3 + (6 * b + 30 * c) * x ** 2 - (12 * b + 48 * c) * x + 8 * b + 24 * c) / 6;

/** Half the width of each kernel and its value at a distance of at least 0 and less than that. */
const kernels: Readonly<Record<Kernel, readonly [support: number, at: (x: number) => number]>> = {
  linear: [1, (x) => 1 - x],
  cubic: [2, cubic(0, 0.5)],
  mitchell: [2, cubic(1 / 3, 1 / 3)],
  lanczos2: [2, (x) => sinc(x) * sinc(x / 2)],
  lanczos3: [3, (x) => sinc(x) * sinc(x / 3)],
};

interface Taps {
  /** The first source pixel of each target pixel. */
  readonly from: Int32Array;
  /** As many weights a target pixel, zeros behind. */
  readonly weights: Int32Array;
  readonly length: number;
}

const one = 2 ** 22;

/** Weights as whole numbers of 1 / 2^22, as Pillow has them. */
function taps(source: number, target: number, kernel: Kernel): Taps {
  const [reach, at] = kernels[kernel];
  const scale = source / target;
  const widened = Math.max(1, scale);
  const support = reach * widened;
  const length = 2 * Math.ceil(support) + 1;
  const from = new Int32Array(target);
  const weights = new Int32Array(target * length);
  for (let i = 0; i < target; i++) {
    const centre = (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const end = Math.min(source, Math.trunc(centre + support + 0.5));
    const row = Float64Array.from({ length: end - first }, (_, k) => {
      const x = Math.abs((k + first - centre + 0.5) / widened);
      return x < reach ? at(x) : 0;
    });
    const sum = row.reduce((a, b) => a + b, 0);
    from[i] = first;
    for (const [k, weight] of row.entries()) {
      const whole = (weight / sum) * one;
      weights[i * length + k] = Math.trunc(whole < 0 ? whole - 0.5 : whole + 0.5);
    }
  }
  return { from, weights, length };
}

/**
 * Pixels resized to the bytes of Pillow's `resize`: columns, then rows. The whole is in the calling thread: for small
 * pictures, and to make them larger, which libvips does with a shift of part of a pixel.
 */
export function resample(
  pixels: Uint8Array,
  channels: number,
  source: { readonly width: number; readonly height: number },
  target: { readonly width: number; readonly height: number },
  kernel: Kernel,
): Uint8Array {
  let { width, height } = source;
  if (target.width !== width) {
    pixels = along(pixels, height, width * channels, channels, channels, taps(width, target.width, kernel));
    width = target.width;
  }
  if (target.height === height) return pixels;
  return along(pixels, 1, 0, width * channels, width * channels, taps(height, target.height, kernel));
}

/**
 * Resizes each of `lines`, which are `stride` values apart, along itself: its pixels are `step` values apart, of which the first
 * `inner` are values to be resized side by side.
 */
function along(
  pixels: Uint8Array,
  lines: number,
  stride: number,
  step: number,
  inner: number,
  { from, weights, length }: Taps,
): Uint8Array {
  const out = new Uint8Array(lines * from.length * inner);
  const sums = new Float64Array(inner);
  let at = 0;
  for (let line = 0; line < lines; line++)
    for (let i = 0; i < from.length; i++) {
      sums.fill(one / 2);
      const first = line * stride + from[i]! * step;
      for (let k = 0; k < length; k++) {
        const weight = weights[i * length + k]!;
        if (weight === 0) continue;
        const source = first + k * step;
        for (let c = 0; c < inner; c++) sums[c]! += weight * pixels[source + c]!;
      }
      for (let c = 0; c < inner; c++) out[at++] = Math.max(0, Math.min(255, Math.floor(sums[c]! / one)));
    }
  return out;
}
