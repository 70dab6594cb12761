export { type ExtractorChecksOptions, extractorChecks } from "./extractor.js";
export { type FuserChecksOptions, fuserChecks } from "./fuser.js";
export type { Check, CheckOptions } from "./kit.js";
export { type ModelChecksOptions, modelChecks } from "./model.js";
export { type RecommenderChecksOptions, recommenderChecks } from "./recommender.js";
export { type ToyData, toyData, toyLog } from "./toy.js";
export { type UnsupervisedChecksOptions, unsupervisedChecks } from "./unsupervised.js";
