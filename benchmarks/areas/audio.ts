import { readFileSync } from "node:fs";
import { mfcc } from "@mmub/audio";
import type { Sequence } from "@mmub/core";
import { sound } from "../data.js";
import { type Comparison, race } from "../race.js";

const mfcc13: Comparison<Sequence> = {
  name: "13 MFCC of 60 s at 16 kHz, frames of 25 ms every 10 ms, 40 mels",
  unit: "x real time",
  work: 60,
  data: sound,
  peer: "librosa.feature.mfcc",
  script: "mfcc.py",
  async prepare(path) {
    const bytes = readFileSync(path);
    const samples = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
    const frames = { fftSize: 512, windowLength: 400, hopLength: 160, mels: 40 };
    const fitted = await mfcc({ coefficients: 13, ...frames, output: "frames" }).fit([]);
    return () => fitted.transform([{ samples, sampleRateHz: 16_000 }]);
  },
  agree({ offsets, cols, data }) {
    const steps = offsets[1]!;
    const means = new Float64Array(cols);
    for (const [i, value] of data.entries()) means[i % cols]! += value / steps;
    return [steps, cols, ...means];
  },
  tolerance: 1e-3,
};

export const comparisons = [mfcc13];
export const measure = () => race("audio", comparisons);
