export * from "./batch.js";
export type * from "./contracts.js";
export * from "./errors.js";
export * from "./features.js";
export * from "./lib.js";
export * from "./random.js";
export * from "./saved.js";
export * from "./vector.js";
