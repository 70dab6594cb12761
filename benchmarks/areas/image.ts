import { readFileSync } from "node:fs";
import type { Dense } from "@mmub/core";
import { cnnEncoder, hog, imagePresets, type RawImage } from "@mmub/image";
import { images } from "../data.js";
import { type Comparison, race } from "../race.js";
import { weights } from "../weights.js";

const hog128: Comparison<Dense> = {
  name: "HOG of 128 x 128 RGB pixels",
  unit: "images/s",
  work: 100,
  data: images,
  peer: "scikit-image hog(rgb2gray(image))",
  script: "hog.py",
  async prepare(path) {
    const bytes = readFileSync(path);
    const size = 128 * 128 * 3;
    const inputs = Array.from({ length: 100 }, (_, i): RawImage => {
      return { data: bytes.subarray(i * size, (i + 1) * size), width: 128, height: 128, channels: 3 };
    });
    const fitted = await hog().fit([]);
    return () => fitted.transform(inputs);
  },
  agree({ rows, cols, data }) {
    let [sum, squares] = [0, 0];
    for (const value of data) {
      sum += value;
      squares += value * value;
    }
    return [rows, cols, sum, squares];
  },
  tolerance: 1e-5,
};

const efficientNet: Comparison<Dense> = {
  name: "EfficientNet-Lite0, logits of 224 x 224 RGB pixels",
  unit: "images/s",
  work: 32,
  data() {
    weights("efficientnet-lite0");
    return images();
  },
  peer: "onnxruntime and NumPy in Python",
  script: "image_encoder.py",
  async prepare(path) {
    const bytes = readFileSync(path);
    const size = 224 * 224 * 3;
    const inputs = Array.from({ length: 32 }, (_, i): RawImage => {
      return { data: bytes.subarray(i * size, (i + 1) * size), width: 224, height: 224, channels: 3 };
    });
    const { "model.onnx": model } = weights("efficientnet-lite0");
    const fitted = await cnnEncoder({ model, ...imagePresets.efficientNetLite0, shortSide: 224 }).fit([]);
    return () => fitted.transform(inputs);
  },
  agree({ rows, cols, data }) {
    const all = Array.from({ length: rows }, (_, row) => data.subarray(row * cols, (row + 1) * cols));
    return [
      rows,
      cols,
      ...all.map((row) => row.reduce((sum, value) => sum + value ** 2, 0)),
      ...all.map((row) => row.reduce((a, b) => Math.max(a, b))),
    ];
  },
  tolerance: 1e-4,
};

export const comparisons = [hog128, efficientNet];
export const measure = (only?: string) => race("image", comparisons, only);
