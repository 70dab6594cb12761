const { fround: f } = Math;

export function vectors(f32: Float32Array) {
  return {
    axpy(y: number, n: number, alpha: number, x: number): void {
      y >>>= 2;
      x >>>= 2;
      for (let i = 0; i < n; i++) f32[y + i] = f32[y + i]! + f(alpha * f32[x + i]!);
    },

    scale(x: number, n: number, factor: number): void {
      x >>>= 2;
      for (let i = 0; i < n; i++) f32[x + i] = f32[x + i]! * factor;
    },

    clamp(x: number, n: number, low: number, high: number): void {
      x >>>= 2;
      for (let i = 0; i < n; i++) f32[x + i] = Math.min(Math.max(f32[x + i]!, low), high);
    },

    sumOfSquares(x: number, n: number): number {
      x >>>= 2;
      let [s0, s1, s2, s3] = [0, 0, 0, 0];
      let i = 0;
      for (; i + 4 <= n; i += 4) {
        s0 += f32[x + i]! ** 2;
        s1 += f32[x + i + 1]! ** 2;
        s2 += f32[x + i + 2]! ** 2;
        s3 += f32[x + i + 3]! ** 2;
      }
      let sum = s0 + s2 + (s1 + s3);
      for (; i < n; i++) sum += f32[x + i]! ** 2;
      return sum;
    },
  };
}
