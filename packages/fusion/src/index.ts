export type * from "@mmub/core";
export { MmubError, pipeline, vector } from "@mmub/core";
export { type Cca, type CcaParams, cca, type FittedCca } from "./cca.js";
export {
  type ComparedFuser,
  type CompareFusersOptions,
  compareFusers,
  type FuserComparison,
} from "./compare-fusers.js";
export { type Block, type Concat, type ConcatParams, concat, type FittedConcat } from "./concat.js";
export {
  type FittedLateFusion,
  type LateFusion,
  type LateFusionFitOptions,
  type LateFusionParams,
  type LateOutput,
  lateFusion,
} from "./late-fusion.js";
export { type AttentionBottleneckParams, attentionBottleneck } from "./network/attention-bottleneck.js";
export { type BilinearParams, bilinear } from "./network/bilinear.js";
export type { AttentionParams } from "./network/blocks.js";
export { type CnnRnnParams, cnnRnn } from "./network/cnn-rnn.js";
export { type ContextRnn, type ContextRnnParams, contextRnn, type FittedContextRnn } from "./network/context-rnn.js";
export {
  type Contrastive,
  type ContrastiveParams,
  contrastive,
  type FittedContrastive,
} from "./network/contrastive.js";
export { type CrossmodalTransformerParams, crossmodalTransformer } from "./network/crossmodal-transformer.js";
export type { EncodingParams } from "./network/encoding.js";
export { type FilmFusionParams, filmFusion } from "./network/film.js";
export { type GatedParams, gated } from "./network/gated.js";
export { type LowRankFusionParams, lowRankFusion } from "./network/low-rank.js";
export { type MoeParams, moe } from "./network/moe.js";
export { type MultiplicativeParams, multiplicative } from "./network/multiplicative.js";
export type {
  FittedNetworkFuser,
  FuserTrainingParams,
  NetworkFuser,
  NetworkFuserFitOptions,
} from "./network/network-fuser.js";
export { type PerceiverParams, perceiver } from "./network/perceiver.js";
export { type TensorFusionParams, tensorFusion } from "./network/tensor.js";
export type { Pool, Scale, ScalingParams } from "./scaling.js";
export { type FittedWeightedSum, type WeightedSum, type WeightedSumParams, weightedSum } from "./weighted-sum.js";
