import { readFileSync } from "node:fs";
import type { Dense } from "@mmub/core";
import { hog, type RawImage } from "@mmub/image";
import { images } from "../data.js";
import { type Comparison, race } from "../race.js";

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

export const comparisons = [hog128];
export const measure = () => race("image", comparisons);
