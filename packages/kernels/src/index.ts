export * from "./kernels.js";
export type { KernelBuild } from "./loader.js";
