import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { mfcc, resampler } from "@mmub/audio";
import type { Sequence } from "@mmub/core";
import { sound } from "../data.js";
import { type Comparison, median, type Row, race } from "../race.js";
import { cache, here, peerEnv } from "../venv.js";

const frames = { fftSize: 512, windowLength: 400, hopLength: 160, mels: 40 };
const floats = (path: string): Float32Array => {
  const bytes = readFileSync(path);
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
};

const mfccs = (coefficients: number, of: Pick<Comparison, "name" | "peer" | "script">): Comparison<Sequence> => ({
  ...of,
  unit: "x real time",
  work: 60,
  data: sound,
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

const cepstra = [13, 40].flatMap((coefficients) => {
  const name = `${coefficients} MFCC of 60 s at 16 kHz, frames of 25 ms every 10 ms, 40 mels`;
  return [
    mfccs(coefficients, { name, peer: "librosa.feature.mfcc", script: `mfcc_${coefficients}.py` }),
    mfccs(coefficients, {
      name: `${name}, beside torchaudio`,
      peer: "torchaudio.transforms.MFCC",
      script: `mfcc_${coefficients}_torchaudio.py`,
    }),
  ];
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

const resamplings: Comparison<Float32Array>[] = [
  resample,
  {
    ...resample,
    name: "resampling of 60 s from 44.1 to 16 kHz, beside torchaudio, which is 7 dB down at 8 kHz",
    peer: "torchaudio.functional.resample",
    script: "resample_torchaudio.py",
    // It lets what stands above 8 kHz through.
    tolerance: 0.08,
  },
  {
    ...resample,
    name: "resampling of 60 s from 44.1 to 16 kHz, beside torchaudio, which is 60 dB down at 8 kHz",
    peer: "torchaudio.functional.resample, kaiser_best",
    script: "resample_torchaudio_best.py",
    tolerance: 0.02,
  },
];

export const comparisons: Comparison[] = [...cepstra, ...resamplings] as Comparison[];

const spawned = (script: string, threads: number, ...args: string[]): string => {
  const path = join(here, "ours", script);
  const { status, stdout, stderr } = spawnSync(process.execPath, [path, ...args], {
    cwd: here,
    env: peerEnv(threads),
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`${script} failed: ${stderr}`);
  return stdout;
};

const poolName = "13 MFCC of 64 WAV files of 60 s: two threads";

function pool(): Row {
  const threads = 2;
  const path = join(cache, "data", "minute.wav");
  const runs = JSON.parse(spawned("audio-pool.mjs", threads, path, "64", `${threads}`)) as Record<string, number[]>;
  const [ours, peer] = [median(runs.several!), median(runs.one!)];
  const details = {
    peer: "ours on one thread",
    measure: "median of 7, wall time",
    runs: { ours: runs.several!, peer: runs.one! },
  };
  return { name: poolName, ours, peer, unit: "files/s", ratio: ours / peer, threads, details };
}

const memoryName = "10 hours of a WAV file at 44.1 kHz streamed to MFCC at 16 kHz: growth of memory";

/** Beside the bound that is set to it. */
function memory(): Row {
  const [ours, peer] = [Math.max(1, Number(spawned("audio-memory.mjs", 1, "10"))), 20];
  const measure = "growth of the peak RSS of a fresh process after the first hour";
  const details = { peer: "the bound", measure, runs: { ours: [ours], peer: [peer] } };
  return { name: memoryName, ours, peer, unit: "MB", ratio: peer / ours, threads: 1, details };
}

export async function* measure(only?: string): AsyncGenerator<Row> {
  yield* race("audio", comparisons, only);
  if (poolName.includes(only ?? "")) yield pool();
  if (memoryName.includes(only ?? "")) yield memory();
}
