// The kernels as WebAssembly, one file a family; src/twins holds the same functions in TypeScript, which must give the same
// bits. Addresses are bytes, counts are elements. Only what `fused` touches may differ in the relaxed build.
export * from "./gemm.as";
export * from "./gemv.as";
export * from "./optimizers.as";
export * from "./random.as";
export * from "./resampling.as";
export * from "./rows.as";
export * from "./sparse.as";
export * from "./spectra.as";
export * from "./trees.as";
export * from "./vector.as";
export * from "./word-vectors.as";
