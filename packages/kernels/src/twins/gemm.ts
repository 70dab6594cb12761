const { fround: f } = Math;
// The depth of a panel: sums start anew there, so it is part of the result.
const block = 384;

export function gemm(f32: Float32Array) {
  return {
    gemm(
      c: number,
      a: number,
      b: number,
      m: number,
      n: number,
      k: number,
      aRow: number,
      aCol: number,
      bRow: number,
      bCol: number,
      alpha: number,
      beta: number,
      _scratch: number,
    ): void {
      c >>>= 2;
      a >>>= 2;
      b >>>= 2;
      const sums = new Float32Array(n);
      let done = 0;
      do {
        const end = Math.min(k, done + block);
        const keep = done === 0 ? beta : 1;
        for (let i = 0; i < m; i++) {
          sums.fill(0);
          for (let l = done; l < end; l++) {
            const x = f32[a + i * aRow + l * aCol]!;
            const from = b + l * bRow;
            for (let j = 0; j < n; j++) sums[j] = sums[j]! + f(x * f32[from + j * bCol]!);
          }
          const to = c + i * n;
          for (let j = 0; j < n; j++) {
            const sum = f(alpha * sums[j]!);
            f32[to + j] = keep === 0 ? sum : f(keep * f32[to + j]!) + sum;
          }
        }
        done += block;
      } while (done < k);
    },
  };
}
