export type { ModelFile } from "@mmub/core";
export { type AugmentParams, augment } from "./augmentation.js";
export { type CnnEncoderParams, cnnEncoder } from "./cnn-encoder.js";
export { imagePresets } from "./cnn-presets.js";
export { type ColorHistogramParams, colorHistogram } from "./color-histogram.js";
export { type ColorMomentsParams, colorMoments } from "./color-moments.js";
export type { SpaceName } from "./color-spaces.js";
export { type DecodeParams, decodeImage, type ImageInput, type RawImage, type RgbImage } from "./decode.js";
export { type Boxes, type NmsParams, nms, type SoftNmsParams, softNms } from "./detection-boxes.js";
export { type DrawDetectionsParams, detectionsSvg, drawDetections } from "./detection-drawing.js";
export {
  type Candidates,
  type DecodeDetectionsParams,
  type DetectionHead,
  decodeDetections,
  type HeadOutput,
  type SsdHead,
  type SsdPriorsParams,
  ssdPriors,
} from "./detection-heads.js";
export { type DominantColorsParams, dominantColors } from "./dominant-colors.js";
export { type GlcmParams, glcm } from "./glcm.js";
export { type HogParams, hog } from "./hog.js";
export {
  type ImageArchitecture,
  type ResnetParams,
  resnet,
  type SmallCnnParams,
  smallCnn,
} from "./image-architectures.js";
export { type FittedImageHead, type ImageHead, type ImageHeadParams, imageHead } from "./image-head.js";
export { type FittedImageNetwork, type ImageNetwork, type ImageNetworkParams, imageNetwork } from "./image-network.js";
export { type ImageQualityParams, imageQuality } from "./image-quality.js";
export { type ImageTensorParams, imageTensor } from "./image-tensor.js";
export type { BrokenOptions } from "./lanes.js";
export { type LbpParams, lbp } from "./lbp.js";
export {
  type Detection,
  type DetectionFeature,
  type FittedObjectDetector,
  type ObjectDetector,
  type ObjectDetectorParams,
  objectDetector,
} from "./object-detector.js";
export {
  type HashIndex,
  type HashMatch,
  hashDistance,
  hashesOf,
  hashIndex,
  nearDuplicates,
  type PerceptualHashParams,
  perceptualHash,
} from "./perceptual-hash.js";
export { type LabelScore, type TopLabelsParams, topLabels } from "./top-labels.js";
export { type ZeroShotParams, zeroShot } from "./zero-shot.js";
