import { gemm } from "./gemm.js";
import { gemv } from "./gemv.js";
import { optimizers } from "./optimizers.js";
import { randoms } from "./random.js";
import { resampling } from "./resampling.js";
import { rows } from "./rows.js";
import { sparse } from "./sparse.js";
import { spectra } from "./spectra.js";
import { trees } from "./trees.js";
import { vectors } from "./vector.js";
import { wordVectors } from "./word-vectors.js";

/**
 * The kernels of assembly/*.as.ts in TypeScript, on `buffer`: the same names, arguments, order of operations and bits. Each
 * operation is rounded to float32 on its own, as the SIMD lanes round it. Addresses are bytes, counts are elements.
 */
export function twins(buffer: ArrayBuffer) {
  const f32 = new Float32Array(buffer);
  const i32 = new Int32Array(buffer);
  return {
    ...gemm(f32),
    ...gemv(buffer),
    ...optimizers(f32),
    ...randoms(f32),
    ...resampling(f32, i32),
    ...rows(f32, i32),
    ...spectra(f32, i32),
    ...trees(f32, i32),
    ...sparse(f32, i32),
    ...vectors(f32),
    ...wordVectors(f32, i32),
  };
}

/** What a build exports, twin or WebAssembly. */
export type Exports = ReturnType<typeof twins>;
