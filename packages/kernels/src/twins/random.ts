const { imul } = Math;

/** The 32 random bits number `counter` of the stream of a key. */
export function hash(counter: number, key0: number, key1: number): number {
  let x = (counter + key0) | 0;
  x ^= x >>> 17;
  x = imul(x, 0xed5ad4bb);
  x ^= x >>> 11;
  x = (x + key1) | 0;
  x = imul(x, 0xac4c1b51);
  x ^= x >>> 15;
  x = imul(x, 0x31848bab);
  return (x ^ (x >>> 14)) >>> 0;
}

export function randoms(f32: Float32Array) {
  return {
    uniform(out: number, n: number, key0: number, key1: number): void {
      out >>>= 2;
      for (let i = 0; i < n; i++) f32[out + i] = (hash(i, key0, key1) >>> 8) * 2 ** -24;
    },

    dropoutMask(out: number, n: number, key0: number, key1: number, threshold: number, kept: number): void {
      out >>>= 2;
      for (let i = 0; i < n; i++) f32[out + i] = hash(i, key0, key1) >= threshold ? kept : 0;
    },
  };
}
