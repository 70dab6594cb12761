import { hash } from "./hash.as";

// The hashes of hash.as.ts, four at a time.
function hashes(counters: v128, keys0: v128, keys1: v128): v128 {
  let x = i32x4.add(counters, keys0);
  x = v128.xor(x, i32x4.shr_u(x, 17));
  x = i32x4.mul(x, i32x4.splat(0xed5ad4bb));
  x = v128.xor(x, i32x4.shr_u(x, 11));
  x = i32x4.add(x, keys1);
  x = i32x4.mul(x, i32x4.splat(0xac4c1b51));
  x = v128.xor(x, i32x4.shr_u(x, 15));
  x = i32x4.mul(x, i32x4.splat(0x31848bab));
  return v128.xor(x, i32x4.shr_u(x, 14));
}

/** Numbers in [0, 1) of 24 bits, which float32 holds exactly. */
export function uniform(out: usize, n: i32, key0: i32, key1: i32): void {
  const keys0 = i32x4.splat(key0);
  const keys1 = i32x4.splat(key1);
  let counters = i32x4(0, 1, 2, 3);
  let i = 0;
  for (; i + 4 <= n; i += 4) {
    const bits = i32x4.shr_u(hashes(counters, keys0, keys1), 8);
    v128.store(out, f32x4.mul(f32x4.convert_i32x4_u(bits), f32x4.splat(5.9604644775390625e-8)));
    counters = i32x4.add(counters, i32x4.splat(4));
    out += 16;
  }
  for (; i < n; i++) {
    store<f32>(out, f32(hash(i, key0, key1) >> 8) * 5.9604644775390625e-8);
    out += 4;
  }
}

/** `kept` where the number of the stream is `threshold` / 2^32 or more, else 0. */
export function dropoutMask(out: usize, n: i32, key0: i32, key1: i32, threshold: u32, kept: f32): void {
  const keys0 = i32x4.splat(key0);
  const keys1 = i32x4.splat(key1);
  const thresholds = i32x4.splat(threshold);
  const keeps = f32x4.splat(kept);
  let counters = i32x4(0, 1, 2, 3);
  let i = 0;
  for (; i + 4 <= n; i += 4) {
    v128.store(out, v128.and(i32x4.ge_u(hashes(counters, keys0, keys1), thresholds), keeps));
    counters = i32x4.add(counters, i32x4.splat(4));
    out += 16;
  }
  for (; i < n; i++) {
    store<f32>(out, hash(i, key0, key1) >= threshold ? kept : 0);
    out += 4;
  }
}
