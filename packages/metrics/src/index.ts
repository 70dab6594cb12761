export * from "./agreement.js";
export {
  type BootstrapOptions,
  bootstrapInterval,
  bootstrapIntervals,
  type Interval,
} from "./bootstrap.js";
export * from "./calibration.js";
export type { BinaryOptions, ClassScores } from "./class-scores.js";
export {
  type AccuracyOptions,
  type AverageOptions,
  type AverageRow,
  accuracy,
  type ClassificationReport,
  type ClassificationReportOptions,
  type ClassRow,
  type ClassScore,
  type Confusion,
  type ConfusionOptions,
  classificationReport,
  confusionMatrix,
  f1,
  fBeta,
  hammingLoss,
  jaccard,
  type Labelled,
  type PerClassOptions,
  precision,
  recall,
  type WeightOptions,
} from "./classification.js";
export * from "./clustering.js";
export * from "./comparison.js";
export * from "./concordance.js";
export * from "./counterfactual.js";
export * from "./detection.js";
export * from "./drift.js";
export {
  type Ablation,
  type AblationOptions,
  type AblationRow,
  ablation,
  type Contribution,
  type ContributionOptions,
  type DropOptions,
  dropModalities,
  type FieldOf,
  modalityContributions,
  type NamedScore,
} from "./explain.js";
export * from "./fairness.js";
export * from "./feature-effects.js";
export * from "./folds.js";
export type { Language } from "./language.js";
export * from "./leaks.js";
export { confusionHeatmap } from "./plots/confusion-heatmap.js";
export { calibrationPlot, precisionRecallPlot, robustnessPlot } from "./plots/curve-plots.js";
export { type Cohort, cohortHeatmap, type RfmHeatmapOptions, rfmHeatmap } from "./plots/customer-heatmaps.js";
export {
  type BeeswarmOptions,
  type FeaturePlotOptions,
  importancePlot,
  shapBeeswarm,
} from "./plots/importance-plots.js";
export { type ClassPlotOptions, labelCounts } from "./plots/label-counts.js";
export { ablationPlot, type ModalityPlotOptions, modalityPlot } from "./plots/modality-plots.js";
export { predictedVsTrue, type RegressionPlotOptions, residualPlot } from "./plots/regression-plots.js";
export { type RenderOptions, renderSvg } from "./plots/render.js";
export { type RenderPngOptions, renderPng } from "./plots/render-png.js";
export { type NamedCurve, rocPlot } from "./plots/roc-plot.js";
export type { Plot, PlotOptions, VegaLiteSpec } from "./plots/spec.js";
export { type TrainingCurveOptions, trainingCurve } from "./plots/training-curve.js";
export { type NamedUplift, upliftPlot } from "./plots/uplift-plot.js";
export * from "./precision-recall.js";
export type { Predictor } from "./prediction.js";
export * from "./ranking.js";
export * from "./regression.js";
export {
  type DataCard,
  type DataCardOptions,
  dataCard,
  type Facts,
  type ModelCardOptions,
  modelCard,
} from "./report/cards.js";
export { type CompareOptions, compareReports } from "./report/compare.js";
export { htmlReport, type ReportContent, writeReport } from "./report/report.js";
export { type ReportOfOptions, reportOf } from "./report/report-of.js";
export { type SampleCard, type SampleCardOptions, sampleCard } from "./report/sample-card.js";
export {
  type ClassificationSectionOptions,
  classificationSection,
  type Explanation,
  type RegressionSectionOptions,
  type ReportSection,
  regressionSection,
  type ScoreRow,
  type WorstSlices,
} from "./report/section.js";
export * from "./robustness.js";
export * from "./roc.js";
export * from "./slices.js";
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
export * from "./tree-shap.js";
export * from "./uplift.js";
export type { PixelGrid, Recording } from "./values.js";
export * from "./word-errors.js";
