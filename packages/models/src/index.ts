export {
  type AssociationRule,
  type AssociationRules,
  type AssociationRulesParams,
  associationRules,
  type Baskets,
  type Companion,
  type FittedAssociationRules,
  type ItemSet,
} from "./association-rules.js";
export {
  type AutoClassifierParams,
  type AutoMember,
  type AutoModel,
  type AutoRegressorParams,
  autoModel,
  type FittedAutoModel,
} from "./auto-model.js";
export type { BoostingFitOptions, BoostingParams, BoostingRound, FittedBoosting } from "./boosting/engine.js";
export {
  type FittedGradientBoostingClassifier,
  type FittedGradientBoostingRegressor,
  type GradientBoostingClassifier,
  type GradientBoostingClassifierParams,
  type GradientBoostingRegressor,
  type GradientBoostingRegressorParams,
  gradientBoostingClassifier,
  gradientBoostingRegressor,
} from "./boosting.js";
export { type Calibrated, type CalibratedParams, calibrated, type FittedCalibrated } from "./calibrated.js";
export { type Dbscan, type DbscanParams, type DensityClusters, dbscan, type FittedDbscan } from "./dbscan.js";
export {
  type DecisionTreeClassifier,
  type DecisionTreeClassifierParams,
  type DecisionTreeParams,
  type DecisionTreeRegressor,
  type DecisionTreeRegressorParams,
  decisionTreeClassifier,
  decisionTreeRegressor,
  type FittedDecisionTree,
  type FittedDecisionTreeClassifier,
  type FittedDecisionTreeRegressor,
} from "./decision-tree.js";
export {
  type ElasticNet,
  type ElasticNetParams,
  elasticNet,
  type FittedElasticNet,
  type LassoParams,
  lasso,
} from "./elastic-net.js";
export type { FittedForest, ForestParams } from "./forest/engine.js";
export {
  extraTreesClassifier,
  extraTreesRegressor,
  type FittedForestClassifier,
  type FittedForestRegressor,
  type ForestClassifier,
  type ForestClassifierParams,
  type ForestRegressor,
  randomForestClassifier,
  randomForestRegressor,
} from "./forest.js";
export {
  type FittedGaussianMixture,
  type GaussianMixture,
  type GaussianMixtureParams,
  gaussianMixture,
  type Mixed,
} from "./gaussian-mixture.js";
export { type FittedHdbscan, type Hdbscan, type HdbscanParams, hdbscan } from "./hdbscan.js";
export { type FittedHierarchical, type Hierarchical, type HierarchicalParams, hierarchical } from "./hierarchical.js";
export {
  type FittedHuberRegression,
  type HuberRegression,
  type HuberRegressionParams,
  huberRegression,
} from "./huber-regression.js";
export {
  type FittedIsolationForest,
  type IsolationForest,
  type IsolationForestParams,
  isolationForest,
  type Outliers,
} from "./isolation-forest.js";
export {
  type Clusters,
  type FittedKMeans,
  type KMeans,
  type KMeansFitOptions,
  type KMeansParams,
  kMeans,
} from "./k-means.js";
export {
  type FittedKNearestClassifier,
  type FittedKNearestRegressor,
  type KNearestClassifier,
  type KNearestParams,
  type KNearestRegressor,
  kNearestClassifier,
  kNearestRegressor,
  type Nearest,
} from "./k-nearest.js";
export { type FittedKernelSvm, type KernelSvm, type KernelSvmParams, kernelSvm } from "./kernel-svm.js";
export { type FittedKernelSvr, type KernelSvr, type KernelSvrParams, kernelSvr } from "./kernel-svr.js";
export { type FittedLinearSvm, type LinearSvm, type LinearSvmParams, linearSvm } from "./linear-svm.js";
export { type FittedLinearSvr, type LinearSvr, type LinearSvrParams, linearSvr } from "./linear-svr.js";
export {
  type FittedLogisticRegression,
  type LogisticRegression,
  type LogisticRegressionParams,
  logisticRegression,
} from "./logistic-regression.js";
export type { Fold, FoldFitOptions, Members } from "./members.js";
export type { Merges } from "./merges.js";
export { type MostPopularParams, mostPopular } from "./most-popular.js";
export {
  type FittedMultiTask,
  type MultiTask,
  type MultiTaskFitOptions,
  type MultiTaskParams,
  multiTask,
  type TaskOutputs,
  type Tasks,
  type TaskTargets,
} from "./multi-task.js";
export {
  type ClassTaskParams,
  classTask,
  type FittedTask,
  type LabelSets,
  labelsTask,
  type NumberTaskParams,
  numberTask,
  type Task,
} from "./multi-task-tasks.js";
export { type FittedNaiveBayes, type NaiveBayes, type NaiveBayesParams, naiveBayes } from "./naive-bayes.js";
export * from "./network/architecture.js";
export type {
  EarlyStoppingParams,
  FittedNetwork,
  NetworkFitOptions,
  NetworkParams,
} from "./network/engine.js";
export {
  type FittedNetworkClassifier,
  type FittedNetworkRegressor,
  type NetworkClassifier,
  type NetworkClassifierParams,
  type NetworkRegressor,
  type NetworkRegressorParams,
  networkClassifier,
  networkRegressor,
} from "./network.js";
export { type FittedNmf, type Nmf, type NmfParams, nmf } from "./nmf.js";
export {
  type FittedOneClassSvm,
  type Novelty,
  type OneClassSvm,
  type OneClassSvmParams,
  oneClassSvm,
} from "./one-class-svm.js";
export type { OnnxExport } from "./onnx-export.js";
export { type OrdinalTaskParams, ordinalTask } from "./ordinal-task.js";
export { type FittedPca, type Pca, type PcaParams, pca } from "./pca.js";
export {
  type FittedPolynomialFeatures,
  type PolynomialFeatures,
  type PolynomialFeaturesParams,
  polynomialFeatures,
} from "./polynomial-features.js";
export {
  type FittedQuantileRegression,
  type QuantileRegression,
  type QuantileRegressionParams,
  quantileRegression,
} from "./quantile-regression.js";
export { type FittedRidge, type Ridge, type RidgeParams, ridge } from "./ridge.js";
export {
  type FittedSgdClassifier,
  type FittedSgdRegressor,
  type SgdClassifier,
  type SgdClassifierParams,
  type SgdRegressor,
  type SgdRegressorParams,
  sgdClassifier,
  sgdRegressor,
} from "./sgd.js";
export type { KernelParams } from "./smo.js";
export {
  type FittedStacking,
  type Stacking,
  type StackingParams,
  stackingClassifier,
  stackingRegressor,
} from "./stacking.js";
export { type Risks, type SurvivalTaskParams, type Survived, survivalTask } from "./survival-task.js";
export type { TreeSvgOptions, TreeTextOptions } from "./trees/draw.js";
export type { Importance, Trees } from "./trees/ensemble.js";
export { type Choice, type Chosen, choice, integer, type Range, range, type Space } from "./tune/space.js";
export {
  type FittedTune,
  type ScoreName,
  type Trial,
  type Tune,
  type TuneFitOptions,
  type TuneParams,
  tune,
} from "./tune.js";
export {
  type FittedTweedieRegression,
  type PoissonRegressionParams,
  poissonRegression,
  type TweedieRegression,
  type TweedieRegressionParams,
  tweedieRegression,
} from "./tweedie-regression.js";
export {
  type FittedVoting,
  type Voting,
  type VotingClassifierParams,
  type VotingRegressorParams,
  votingClassifier,
  votingRegressor,
} from "./voting.js";
