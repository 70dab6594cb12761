export * from "./bootstrap.js";
export {
  type AccuracyOptions,
  type AverageOptions,
  type AverageRow,
  accuracy,
  type ClassificationReport,
  type ClassRow,
  type ClassScore,
  type Confusion,
  type ConfusionOptions,
  classificationReport,
  confusionMatrix,
  f1,
  fBeta,
  type PerClassOptions,
  precision,
  type ReportOptions,
  recall,
  type WeightOptions,
} from "./classification.js";
export * from "./explain.js";
export * from "./folds.js";
export type { Predictor } from "./prediction.js";
export * from "./regression.js";
export {
  type BinaryOptions,
  type ClassScores,
  type LogLossOptions,
  logLoss,
  type PerClassAucOptions,
  type RocAucOptions,
  type RocCurve,
  type RocCurveOptions,
  rocAuc,
  rocCurve,
} from "./roc.js";
export {
  groupSplit,
  randomSplit,
  type Split,
  type SplitOptions,
  stratifiedSplit,
  type TimeSplitOptions,
  take,
  timeSplit,
} from "./split.js";
