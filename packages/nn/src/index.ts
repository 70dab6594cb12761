export { denseGradient, gradients, type ParameterGradient } from "./gradients.js";
export type * from "./graph.js";
export * from "./loss.js";
export * from "./losses/cross-entropy.js";
export * from "./losses/elementwise.js";
export * from "./network.js";
export * from "./ops.js";
export type * from "./program.js";
export type * from "./runtimes/runtime.js";
