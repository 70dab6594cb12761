import { mfcc, speechRecognizer } from "@mmub/audio";
import type { Progress } from "@mmub/core";
import {
  adam,
  add,
  batchNorm,
  conv1d,
  cosine,
  ctc,
  dense,
  div,
  dropout,
  globalMeanPool,
  gru,
  type Layer,
  mul,
  network,
  onSteps,
  reshape,
  type Steps,
  sequential,
  sqrt,
  sub,
  toOnnx,
  train,
  type Value,
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

/** Each column of each utterance at mean 0 and deviation 1: what a voice and a microphone add to all frames is taken off. */
const evened: Layer<Steps, Steps> = (scope, { values, mask }) => {
  const [batch, steps, cols] = values.shape as [number, number, number];
  const mean = (of: Value) => reshape(globalMeanPool()(scope, { values: of, mask }), [batch, 1, cols]);
  const centred = sub(values, mean(values));
  const scaled = div(centred, sqrt(add(mean(mul(centred, centred)), 1e-3)));
  return { values: mul(scaled, reshape(mask, [batch, steps, 1])), mask };
};

/** The model hears every second frame. */
const stride = 2;

const hears = network(
  { frames: { kind: "steps", cols: 13 } },
  (scope, input) =>
    sequential(
      evened,
      conv1d({ filters: 64, kernel: 5, padding: "same", stride, activation: "relu" }),
      onSteps(batchNorm()),
      conv1d({ filters: 64, kernel: 5, padding: "same", activation: "relu" }),
      onSteps(batchNorm()),
      onSteps(dropout({ rate: 0.3 })),
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
