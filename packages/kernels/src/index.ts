export * from "./kernels.js";
export type { KernelBuild } from "./loader.js";
export type { KernelThreads } from "./threads.js";
export type {
  CbowOptions,
  GloveEntries,
  GloveOptions,
  GloveTable,
  SkipGramOptions,
  WordSampling,
  WordVectorKernels,
} from "./word-vectors.js";
