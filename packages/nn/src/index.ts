export type { Clip } from "./arena.js";
export * from "./encoder.js";
export * from "./export.js";
export * from "./fusion-network.js";
export { denseGradient, gradients, type ParameterGradient } from "./gradients.js";
export type * from "./graph.js";
export * as initializers from "./initializers.js";
export {
  type Activation,
  type ActivationParams,
  activation,
  elu,
  gelu,
  geluTanh,
  leakyRelu,
  silu,
} from "./layers/activation.js";
export {
  type Attended,
  type AttentionPoolParams,
  attentionPool,
  type MultiHeadAttentionParams,
  multiHeadAttention,
  sinusoidalPositions,
  type TransformerEncoderParams,
  transformerEncoder,
} from "./layers/attention.js";
export { flatten, onSteps, type ReshapeParams, reshaped, residual, sequential, shared } from "./layers/compose.js";
export {
  type Conv1dParams,
  type Conv2dParams,
  conv1d,
  conv2d,
  type PaddingMode,
  type Pair,
} from "./layers/convolution.js";
export { type BagDenseParams, bagDense, type DenseParams, dense } from "./layers/dense.js";
export { type DropoutParams, dropout } from "./layers/dropout.js";
export { type EmbeddingParams, embedding } from "./layers/embedding.js";
export {
  type GatedFusionParams,
  gatedFusion,
  glu,
  type HighwayParams,
  highway,
} from "./layers/gate.js";
export { fullSteps, type LayerParams, type ValueLayer } from "./layers/layer.js";
// Before the op of this name, which is for layers to use.
export { type BatchNormParams, batchNorm, type LayerNormParams, layerNorm } from "./layers/normalization.js";
export * from "./layers/pooling.js";
export {
  type GruInput,
  type GruStates,
  gru,
  type LstmInput,
  type LstmParams,
  type LstmStates,
  lstm,
  type RecurrentParams,
  type RecurrentReturns,
} from "./layers/recurrent.js";
export type { EarlyStopping, Epoch, Scores } from "./loop.js";
export * from "./loss.js";
export {
  type Balance,
  type BalanceContext,
  type Balanced,
  type GradNormParams,
  gradNorm,
  pcGrad,
} from "./losses/balance.js";
export * from "./losses/cox.js";
export * from "./losses/cross-entropy.js";
export * from "./losses/ctc.js";
export * from "./losses/elementwise.js";
export * from "./losses/info-nce.js";
export * from "./losses/ranking.js";
export type { Metric } from "./metrics.js";
export * from "./network.js";
export * from "./onnx-cut.js";
export {
  encodeModel,
  type OnnxAttribute,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
  type OnnxType,
  type OnnxValue,
} from "./onnx-model.js";
export * from "./ops.js";
export * from "./optimizers/adam.js";
export type { Optimizer } from "./optimizers/optimizer.js";
export * from "./optimizers/sgd.js";
export {
  type FeaturesOf,
  type InputFeatures,
  loadTrained,
  type Trained,
  type TrainedOptions,
  type WithWeightsOptions,
  withWeights,
} from "./predict.js";
export * from "./program.js";
export { auto } from "./runtimes/auto.js";
export { type OnnxRuntimeOptions, onnx } from "./runtimes/onnx.js";
export type * from "./runtimes/runtime.js";
export { type TfjsBackend, type TfjsParams, tfjs } from "./runtimes/tfjs.js";
export * from "./safetensors.js";
export {
  type ConstantSchedule,
  type CosineSchedule,
  cosine,
  type ExponentialSchedule,
  exponentialDecay,
  type LinearSchedule,
  linearDecay,
  type PlateauSchedule,
  type PlateauState,
  type Position,
  plateau,
  rateFactor,
  type Schedule,
  type StepSchedule,
  stepDecay,
  type WarmUp,
  warmUp,
} from "./schedules.js";
export * from "./standardize.js";
export { type StepBatch, type Stepper, type StepperOptions, stepper } from "./stepper.js";
export { type ParameterOptions, type TrainingData, type TrainOptions, train } from "./train.js";
export {
  type LoadedWeights,
  type LoadWeightsOptions,
  loadWeights,
  type ParametersOptions,
  parametersOf,
  type Rename,
  saveWeights,
  type Weights,
  type WeightsOptions,
} from "./weights.js";
