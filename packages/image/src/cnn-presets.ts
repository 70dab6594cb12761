import type { ImageTensorParams } from "./image-tensor.js";

/** Torchvision's recipe: the shorter side, then the square in the middle. */
function centerCrop(size: number, shortSide: number) {
  return { width: size, height: size, fit: "cover", shortSide } as const;
}

/** That of EfficientNet's authors: 32 pixels more than are kept, bicubic; (byte - 127) / 128. */
function efficientNetLite(size: number) {
  const normalize = { mean: [127 / 255], std: [128 / 255] } as const;
  return { ...centerCrop(size, size + 32), kernel: "cubic", normalize } as const;
}

/**
 * How the usual networks want their pictures, as params of `cnnEncoder` and `imageTensor`. Sizes, crops and kernels are those that the
 * authors judged them with; a picture of a product on white often does better whole: `{ ...efficientNetLite0, fit: "contain" }` without
 * the `shortSide`.
 *
 * | preset | for |
 * |---|---|
 * | `efficientNetLite0` … `efficientNetLite4` | EfficientNet-Lite, 224 to 300 pixels |
 * | `resnet` | torchvision's ResNet, ResNeXt, DenseNet, VGG and MobileNet with the weights `IMAGENET1K_V1` |
 * | `resnetV2` | torchvision's ResNet and MobileNet with `IMAGENET1K_V2`: 232 pixels, then 224 |
 * | `mobilenetKeras` | MobileNet 1 and 2 of Keras and TensorFlow: NHWC, -1 to 1 |
 * | `clip` | the image towers of OpenAI's CLIP and of OpenCLIP, 224 pixels |
 *
 * @example
 * const encoder = cnnEncoder({ model: "resnet50.onnx", ...imagePresets.resnet, layer: "/avgpool/GlobalAveragePool" });
 * console.log(imagePresets.resnet.shortSide); // 256
 */
export const imagePresets = {
  efficientNetLite0: efficientNetLite(224),
  efficientNetLite1: efficientNetLite(240),
  efficientNetLite2: efficientNetLite(260),
  efficientNetLite3: efficientNetLite(280),
  efficientNetLite4: efficientNetLite(300),
  resnet: { ...centerCrop(224, 256), kernel: "linear", normalize: "imagenet" },
  resnetV2: { ...centerCrop(224, 232), kernel: "linear", normalize: "imagenet" },
  mobilenetKeras: { ...centerCrop(224, 256), kernel: "linear", normalize: "-1..1", layout: "NHWC" },
  clip: { ...centerCrop(224, 224), kernel: "cubic", normalize: "clip" },
} as const satisfies Record<string, ImageTensorParams>;
