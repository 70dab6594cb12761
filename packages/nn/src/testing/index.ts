export { evaluate, evaluator, type Numbers, reference } from "../runtimes/reference.js";
export { type CheckGradientsOptions, checkGradients } from "./check-gradients.js";
export type { Filled, GraphTest } from "./graph-test.js";
export { type LayerGraph, type LayerTest, layerTest } from "./layer-test.js";
export { type CheckRuntimeOptions, checkRuntime, type RuntimeChecksOptions, runtimeChecks } from "./runtime.js";
