export { type FourierTables, fourierTables, spectraTables } from "./fourier.js";
export * from "./kernels.js";
export type { KernelLanes } from "./lanes.js";
export type { KernelBuild } from "./loader.js";
export type { ResampleBlocksOptions, ResamplingKernels } from "./resampling.js";
export type {
  SpectraFilters,
  SpectraKernels,
  SpectraOptions,
} from "./spectra.js";
export type { KernelThreads } from "./threads.js";
export * from "./trees.js";
export type {
  CbowOptions,
  GloveEntries,
  GloveOptions,
  GloveTable,
  SkipGramOptions,
  WordSampling,
  WordVectorKernels,
} from "./word-vectors.js";
