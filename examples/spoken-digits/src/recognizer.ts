import { mfcc, speechRecognizer } from "@mmub/audio";
import type { Progress } from "@mmub/core";
import {
  adam,
  batchNorm,
  conv1d,
  cosine,
  ctc,
  dense,
  dropout,
  gru,
  network,
  onSteps,
  sequential,
  toOnnx,
  train,
} from "@mmub/nn";
import { sampleRateHz, type Utterance } from "./recordings.js";

/** Frames of 32 ms every 16 ms, as the model takes them. */
const frames = mfcc({
  output: "frames",
  sampleRateHz,
  coefficients: 13,
  fftSize: 256,
  hopLength: 128,
  mels: 32,
});

// The blank in front.
const labels = ["", ..."0123456789"];

/** The model hears every second frame. */
const stride = 2;

const hears = network(
  { frames: { kind: "steps", cols: 13 } },
  (scope, input) =>
    sequential(
      onSteps(batchNorm()),
      conv1d({ filters: 64, kernel: 5, padding: "same", stride, activation: "relu" }),
      onSteps(batchNorm()),
      conv1d({ filters: 64, kernel: 5, padding: "same", activation: "relu" }),
      onSteps(batchNorm()),
      onSteps(dropout({ rate: 0.2 })),
      gru({ units: 48, bidirectional: true, returns: "sequences" }),
      onSteps(dense({ units: labels.length })),
    )(scope, input.frames).values,
);

export interface Learning {
  readonly epochs: number;
  readonly seed: number;
  readonly onProgress?: (progress: Progress) => void;
}

/** Learns from utterances and the digits in them, without knowing when each is said. Gives an ONNX model. */
export async function learn(known: readonly Utterance[], { epochs, seed, onProgress }: Learning): Promise<Uint8Array> {
  const seen = await (await frames.fit([])).transform(known.map(({ audio }) => audio));
  const lengths = known.map((_, row) => seen.offsets[row + 1]! - seen.offsets[row]!);
  const offsets = new Uint32Array(known.length + 1);
  for (const [row, { digits }] of known.entries()) offsets[row + 1] = offsets[row]! + digits.length;
  const trained = await train(
    hears,
    {
      inputs: { frames: seen },
      targets: {
        target: { data: known.flatMap(({ digits }) => digits.map((digit) => digit + 1)), offsets },
        inputLengths: lengths.map((length) => Math.ceil(length / stride)),
      },
    },
    {
      loss: ctc(),
      optimizer: adam({ learningRate: 0.003 }),
      schedule: cosine(),
      clip: { norm: 5 },
      epochs,
      batchSize: 32,
      padTo: 32,
      seed,
      ...(onProgress && { onProgress }),
    },
  );
  // Room for the longest of utterances that are twice as long.
  const model = toOnnx(trained.network, trained.weights, { lengths: { frames: 2 * Math.max(...lengths) } });
  await trained.dispose();
  return model;
}

/** Reads digits; of `beamWidth` above 1 by the sum over alignments. */
export function digitRecognizer(model: Uint8Array, beamWidth = 1) {
  return speechRecognizer({ model, features: frames, sampleRateHz, labels, wordSeparator: null, beamWidth });
}
