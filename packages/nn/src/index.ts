export type * from "./graph.js";
export type * from "./loss.js";
export * from "./network.js";
export * from "./ops.js";
export type * from "./program.js";
export type * from "./runtimes/runtime.js";
