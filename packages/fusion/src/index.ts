export type * from "@mmub/core";
export { MmubError, pipeline, vector } from "@mmub/core";
export { type Block, type Concat, type ConcatParams, concat, type FittedConcat } from "./concat.js";
export type { Pool, Scale, ScalingParams } from "./scaling.js";
export { type FittedWeightedSum, type WeightedSum, type WeightedSumParams, weightedSum } from "./weighted-sum.js";
