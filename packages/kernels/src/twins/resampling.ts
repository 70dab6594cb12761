import { fourier } from "./fourier.js";

const { fround: f } = Math;

export function resampling(f32: Float32Array, i32: Int32Array) {
  const transform = fourier(f32, i32);
  return {
    halveRate(out: number, x: number, n: number, taps: number, pairs: number, _scratch: number): void {
      const tap = taps >>> 2;
      for (let i = 0; i < n; i++) {
        const center = (x >>> 2) + 2 * (i + pairs) - 1;
        let sum = f(f32[tap]! * f32[center]!);
        for (let p = 1; p <= pairs; p++)
          sum = f(sum + f(f32[tap + p]! * f(f32[center - 2 * p + 1]! + f32[center + 2 * p - 1]!)));
        f32[(out >>> 2) + i] = sum;
      }
    },

    resampleBlocks(
      out: number,
      x: number,
      pairs: number,
      half: number,
      advance: number,
      advanceOut: number,
      sizeIn: number,
      radicesIn: number,
      twiddlesIn: number,
      sizeOut: number,
      radicesOut: number,
      twiddlesOut: number,
      gains: number,
      _scratch: number,
    ): void {
      const bins = Math.min(sizeIn, sizeOut) >> 1;
      const room = 2 * Math.max(sizeIn, sizeOut);
      for (let pair = 0; pair < pairs; pair++) {
        const block = new Float32Array(room);
        const first = (x >>> 2) + 2 * pair * advance;
        for (let i = 0; i < sizeIn; i++) {
          const at = i < half ? sizeIn - half + i : i - half;
          block[2 * at] = f32[first + i]!;
          block[2 * at + 1] = f32[first + advance + i]!;
        }
        const { z } = transform(block, new Float32Array(room), sizeIn, radicesIn, twiddlesIn);
        const filtered = new Float32Array(room);
        for (let k = 0; k < bins; k++) {
          const gain = f32[(gains >>> 2) + k]!;
          for (const [to, from] of k === 0
            ? [[0, 0] as const]
            : [[k, k] as const, [sizeOut - k, sizeIn - k] as const]) {
            filtered[2 * to] = z[2 * from + 1]! * gain;
            filtered[2 * to + 1] = z[2 * from]! * gain;
          }
        }
        const result = transform(filtered, new Float32Array(room), sizeOut, radicesOut, twiddlesOut).z;
        const to = (out >>> 2) + 2 * pair * advanceOut;
        for (let i = 0; i < advanceOut; i++) {
          f32[to + i] = result[2 * i + 1]!;
          f32[to + advanceOut + i] = result[2 * i]!;
        }
      }
    },
  };
}
