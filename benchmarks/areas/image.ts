import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Dense } from "@mmub/core";
import { cnnEncoder, hog, imagePresets, imageTensor, type RawImage } from "@mmub/image";
import { images } from "../data.js";
import { type Comparison, type Row, race } from "../race.js";
import { cache, here, peerEnv, peerPython, peers } from "../venv.js";
import { weights } from "../weights.js";

/** Square pictures from a file of RGB bytes, one behind the other. */
function rawImages(path: string, count: number, side: number): RawImage[] {
  const bytes = readFileSync(path);
  const size = side * side * 3;
  return Array.from({ length: count }, (_, i) => {
    return { data: bytes.subarray(i * size, (i + 1) * size), width: side, height: side, channels: 3 };
  });
}

const hog128: Comparison<Dense> = {
  name: "HOG of 128 x 128 RGB pixels",
  unit: "images/s",
  work: 100,
  data: images,
  peer: "scikit-image hog(rgb2gray(image))",
  script: "hog.py",
  async prepare(path) {
    const inputs = rawImages(path, 100, 128);
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
    const inputs = rawImages(path, 32, 224);
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

/** A file of 32 JPEGs of 1280 x 960 pixels, each behind its length in 4 bytes. */
function photos(): string {
  const path = join(cache, "data", "photos-1280.bin");
  if (existsSync(path)) return path;
  mkdirSync(join(cache, "data"), { recursive: true });
  const { status } = spawnSync(peerPython("image"), [join(peers, "photos.py"), path], { stdio: "inherit" });
  if (status !== 0) throw new Error(`photos.py ended with ${status}`);
  return path;
}

const jpeg = {
  unit: "images/s",
  work: 32,
  data: photos,
  async prepare(path: string) {
    const bytes = readFileSync(path);
    const inputs: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += 4 + inputs.at(-1)!.length)
      inputs.push(bytes.subarray(at + 4, at + 4 + bytes.readUInt32LE(at)));
    const fitted = await imageTensor({ kernel: "linear" }).fit([]);
    return () => fitted.transform(inputs);
  },
  agree: ({ rows, cols, data }: Dense) => [
    rows,
    cols,
    data.reduce((sum, value) => sum + value * value, 0) / data.length,
    data.reduce((sum, value) => sum + Math.abs(value), 0) / data.length,
  ],
  // Each decodes and resizes in its own way.
  tolerance: 0.02,
};
const jpegs: Comparison<Dense>[] = [
  {
    ...jpeg,
    name: "JPEG 1280 x 960 to a batch of 3 x 224 x 224 floats",
    peer: "torchvision decode_jpeg and v2 transforms",
    script: "jpeg_torchvision.py",
  },
  {
    ...jpeg,
    name: "JPEG 1280 x 960 to a batch of 3 x 224 x 224 floats, beside OpenCV",
    threads: 2,
    peer: "OpenCV imdecode, plain, and resize INTER_AREA in a pool of threads",
    script: "jpeg_opencv.py",
  },
  {
    ...jpeg,
    name: "JPEG 1280 x 960 to a batch of 3 x 224 x 224 floats, beside OpenCV reduced",
    threads: 2,
    peer: "OpenCV imdecode at a quarter, and resize INTER_AREA in a pool of threads",
    script: "jpeg_opencv_reduced.py",
  },
];

export const comparisons = [hog128, efficientNet, ...jpegs];

/** Beside the bound that is set to it. */
function memory(): Row {
  const script = join(here, "ours", "image-memory.mjs");
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, photos()], {
    cwd: here,
    env: peerEnv(2),
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`image-memory.mjs failed: ${stderr}`);
  const [ours, peer] = [Math.max(1, Number(stdout)), 100];
  const measure = "growth of the peak RSS of a fresh process after the first 500";
  const details = { peer: "the bound", measure, runs: { ours: [ours], peer: [peer] } };
  return { name: memoryName, ours, peer, unit: "MB", ratio: peer / ours, threads: 2, details };
}

const memoryName = "10,000 JPEGs to float batches of 50: growth of memory";

export async function* measure(only?: string): AsyncGenerator<Row> {
  yield* race("image", comparisons, only);
  if (memoryName.includes(only ?? "")) yield memory();
}
