import { readFileSync } from "node:fs";
import { mfcc, resampler } from "@mmub/audio";
import type { Sequence } from "@mmub/core";
import { sound } from "../data.js";
import { type Comparison, race } from "../race.js";

const frames = { fftSize: 512, windowLength: 400, hopLength: 160, mels: 40 };
const floats = (path: string): Float32Array => {
  const bytes = readFileSync(path);
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
};

const mfccs = (coefficients: number): Comparison<Sequence> => ({
  name: `${coefficients} MFCC of 60 s at 16 kHz, frames of 25 ms every 10 ms, 40 mels`,
  unit: "x real time",
  work: 60,
  data: sound,
  peer: "librosa.feature.mfcc",
  script: `mfcc_${coefficients}.py`,
  async prepare(path) {
    const samples = floats(path);
    const fitted = await mfcc({ coefficients, ...frames, output: "frames" }).fit([]);
    return () => fitted.transform([{ samples, sampleRateHz: 16_000 }]);
  },
  agree({ offsets, cols, data }) {
    const steps = offsets[1]!;
    const means = new Float64Array(cols);
    for (const [i, value] of data.entries()) means[i % cols]! += value / steps;
    return [steps, cols, ...means];
  },
  tolerance: 1e-3,
});

const resample: Comparison<Float32Array> = {
  name: "resampling of 60 s from 44.1 to 16 kHz, ours 100 dB down from 8 kHz on",
  unit: "x real time",
  work: 60,
  // The same samples, taken for faster ones.
  data: sound,
  peer: "soxr HQ",
  script: "resample.py",
  prepare(path) {
    const once = floats(path);
    const samples = new Float32Array(60 * 44_100);
    for (let at = 0; at < samples.length; at += once.length) samples.set(once.subarray(0, samples.length - at), at);
    const to16k = resampler({ fromHz: 44_100, toHz: 16_000 });
    return Promise.resolve(() => to16k(samples));
  },
  agree: (samples) => [samples.length, samples.reduce((sum, value) => sum + value * value, 0)],
  tolerance: 1e-3,
};

export const comparisons = [mfccs(13), mfccs(40), resample];
export const measure = (only?: string) => race("audio", comparisons, only);
