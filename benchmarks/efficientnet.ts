// EfficientNet-Lite0 as an ONNX model, from the weights that its authors trained on ImageNet-1k.
import { encodeModel, type OnnxNode, type OnnxTensor } from "@mmub/nn";
import type { Tensor } from "./files.js";
import { readTorchPickle } from "./torch-pickle.js";

/** Repeats, kernel, stride and expansion of the blocks: https://arxiv.org/abs/1905.11946, with the changes of "Lite". */
const stages = [
  [1, 3, 1, 1],
  [2, 3, 2, 6],
  [2, 5, 2, 6],
  [3, 3, 2, 6],
  [3, 5, 1, 6],
  [4, 5, 2, 6],
  [1, 3, 1, 6],
] as const;

/**
 * From PyTorch's file to `images` `[batch, 3, height, width]`, made for 224 x 224 of (x - 127) / 128 in RGB, to `logits`
 * `[batch, 1000]`; the last maps are the value `maps`, their means `features` `[batch, 1280]`. Normalisations are part of the convolutions.
 */
export function efficientNetLite0(file: Buffer): Uint8Array {
  const weights = readTorchPickle(file);
  const [nodes, constants] = [[] as OnnxNode[], [] as OnnxTensor[]];
  const constant = (name: string, shape: readonly number[], data: Float32Array) => {
    constants.push({ name, dtype: "float32", shape, data });
    return name;
  };
  const node = (op: string, name: string, inputs: string[], attributes: OnnxNode["attributes"] = {}) => {
    nodes.push({ op, name, inputs, outputs: [name], attributes });
    return name;
  };
  const tensor = (name: string): Tensor & { data: Float32Array } => {
    const found = weights.get(name);
    if (!found) throw new Error(`the file has no ${name}`);
    return found as Tensor & { data: Float32Array };
  };
  const [zero, six] = [constant("zero", [], Float32Array.of(0)), constant("six", [], Float32Array.of(6))];

  /** Convolution and normalisation in one; ReLU6 unless it is linear. */
  const convolve = (name: string, x: string, norm: string, { stride = 1, depthwise = false, linear = false } = {}) => {
    const { shape, data } = tensor(`${name}.weight`);
    const [scale, shift, mean, variance] = ["weight", "bias", "running_mean", "running_var"].map(
      (one) => tensor(`${norm}.${one}`).data,
    ) as [Float32Array, Float32Array, Float32Array, Float32Array];
    const factors = Float64Array.from(scale, (value, i) => value / Math.sqrt(variance[i]! + 1e-3));
    const size = data.length / shape[0]!;
    const inputs = [
      x,
      constant(
        `${name}.weight`,
        shape,
        data.map((value, i) => value * factors[Math.floor(i / size)]!),
      ),
      constant(
        `${name}.bias`,
        [shape[0]!],
        shift.map((value, i) => value - mean[i]! * factors[i]!),
      ),
    ];
    const kernel = shape.slice(2);
    const y = node("Conv", name, inputs, {
      kernel_shape: kernel,
      strides: [stride, stride],
      auto_pad: "SAME_UPPER",
      group: depthwise ? shape[0]! : 1,
    });
    return linear ? y : node("Clip", `${name}.relu6`, [y, zero, six]);
  };

  let x = convolve("_conv_stem", "images", "_bn0", { stride: 2 });
  let index = 0;
  for (const [repeats, , first, expansion] of stages)
    for (let repeat = 0; repeat < repeats; repeat++) {
      const block = `_blocks.${index++}`;
      const stride = repeat === 0 ? first : 1;
      const wide = expansion === 1 ? x : convolve(`${block}._expand_conv`, x, `${block}._bn0`);
      const seen = convolve(`${block}._depthwise_conv`, wide, `${block}._bn1`, { stride, depthwise: true });
      const y = convolve(`${block}._project_conv`, seen, `${block}._bn2`, { linear: true });
      x = repeat > 0 ? node("Add", `${block}.add`, [y, x]) : y;
    }
  const maps = convolve("_conv_head", x, "_bn1");
  nodes.push({ op: "Identity", name: "maps", inputs: [maps], outputs: ["maps"], attributes: {} });
  node("Flatten", "features", [node("GlobalAveragePool", "pooled", [maps])], { axis: 1 });
  const { shape, data } = tensor("_fc.weight");
  const head = [constant("_fc.weight", shape, data), constant("_fc.bias", [shape[0]!], tensor("_fc.bias").data)];
  node("Gemm", "logits", ["features", ...head], { transB: 1 });

  const float = "float32" as const;
  return encodeModel({
    nodes,
    constants,
    inputs: [{ name: "images", dtype: float, shape: ["batch", 3, "height", "width"] }],
    outputs: [{ name: "logits", dtype: float, shape: ["batch", 1000] }],
  });
}
