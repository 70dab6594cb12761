import { optimizers } from "./optimizers.js";
import { vectors } from "./vector.js";

export function rows(f32: Float32Array, i32: Int32Array) {
  const { axpy } = vectors(f32);
  const { adam } = optimizers(f32);
  return {
    firstOutside(list: number, n: number, tableRows: number, skip: number): number {
      list >>>= 2;
      for (let i = 0; i < n; i++) {
        const row = i32[list + i]!;
        if ((row < 0 || row >= tableRows) && (row !== skip || row === -(2 ** 31))) return i;
      }
      return -1;
    },

    scatterAddRows(
      target: number,
      width: number,
      list: number,
      n: number,
      values: number,
      scale: number,
      skip: number,
      from: number,
      scales: number,
    ): void {
      list >>>= 2;
      for (let i = 0; i < n; i++) {
        const row = i32[list + i]!;
        if (row === skip) continue;
        const value = scales === 0 ? i : i32[(from >>> 2) + i]!;
        const multiple = scales === 0 ? 1 : f32[(scales >>> 2) + i]!;
        const factor = scales === 0 ? scale : Math.fround(scale * multiple);
        if (multiple !== 0) axpy(target + 4 * row * width, width, factor, values + 4 * value * width);
      }
    },

    sumRows(
      unique: number,
      sums: number,
      slots: number,
      width: number,
      list: number,
      n: number,
      values: number,
      skip: number,
      count: number,
      from: number,
      scales: number,
    ): number {
      unique >>>= 2;
      slots >>>= 2;
      list >>>= 2;
      for (let i = 0; i < n; i++) {
        const row = i32[list + i]!;
        if (row === skip) continue;
        const factor = scales === 0 ? 1 : f32[(scales >>> 2) + i]!;
        const value = values + 4 * (scales === 0 ? i : i32[(from >>> 2) + i]!) * width;
        const at = i32[slots + row]! >>> 0;
        if (at < count && i32[unique + at] === row) {
          if (factor !== 0) axpy(sums + 4 * at * width, width, factor, value);
        } else {
          i32[slots + row] = count;
          i32[unique + count] = row;
          const sum = (sums >>> 2) + count * width;
          for (let j = 0; j < width; j++) f32[sum + j] = factor * f32[(value >>> 2) + j]!;
          count++;
        }
      }
      return count;
    },

    lazyAdam(
      p: number,
      m: number,
      v: number,
      width: number,
      list: number,
      n: number,
      sums: number,
      slots: number,
      rate: number,
      beta1: number,
      rest1: number,
      beta2: number,
      rest2: number,
      epsilon: number,
      scale: number,
    ): void {
      list >>>= 2;
      for (let i = 0; i < n; i++) {
        const row = i32[list + i]!;
        const at = 4 * row * width;
        const g = sums + 4 * (slots === 0 ? i : i32[(slots >>> 2) + row]!) * width;
        adam(p + at, g, m + at, v + at, width, rate, beta1, rest1, beta2, rest2, epsilon, 1, 0, scale);
      }
    },

    adamTable(
      p: number,
      m: number,
      v: number,
      width: number,
      tableRows: number,
      unique: number,
      count: number,
      sums: number,
      slots: number,
      rate: number,
      beta1: number,
      rest1: number,
      beta2: number,
      rest2: number,
      epsilon: number,
      shrink: number,
      decay: number,
      scale: number,
    ): void {
      for (let row = 0; row < tableRows; row++) {
        const at = 4 * row * width;
        const slot = i32[(slots >>> 2) + row]! >>> 0;
        const touched = slot < count && i32[(unique >>> 2) + slot] === row;
        const g = sums + 4 * (touched ? slot : count) * width;
        adam(p + at, g, m + at, v + at, width, rate, beta1, rest1, beta2, rest2, epsilon, shrink, decay, scale);
      }
    },

    addWindows(
      out: number,
      batch: number,
      steps: number,
      width: number,
      filters: number,
      kernel: number,
      positions: number,
      gradients: number,
      weights: number,
      stride: number,
      padding: number,
      dilation: number,
    ): void {
      for (let pair = 0; pair < batch * filters; pair++) {
        const gradient = f32[gradients / 4 + pair]!;
        if (gradient === 0) continue;
        const sample = Math.floor(pair / filters);
        const filter = pair % filters;
        const first = i32[positions / 4 + pair]! * stride - padding;
        for (let k = 0; k < kernel; k++) {
          const step = first + k * dilation;
          if (step < 0 || step >= steps) continue;
          axpy(out + 4 * (sample * steps + step) * width, width, gradient, weights + 4 * (filter * kernel + k) * width);
        }
      }
    },
  };
}
