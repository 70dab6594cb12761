import type { Dense } from "@mmub/core";
import { adam, binaryCrossEntropy, concat, dense, network, type Trained, train } from "@mmub/nn";

/** A vector of each kind for each user: what they wrote, showed and said. */
export interface Vectors {
  readonly text: Dense;
  readonly image: Dense;
  readonly audio: Dense;
}

/** Three vectors of 300 numbers, a branch of 128 units for each, the branches side by side (384) to 128 units, to one logit. */
const seedModel = network(
  {
    text: { kind: "vector", cols: 300 },
    image: { kind: "vector", cols: 300 },
    audio: { kind: "vector", cols: 300 },
  },
  (scope, { text, image, audio }) => {
    const branches = [
      dense({ units: 128, activation: "relu", name: "text" })(scope, text),
      dense({ units: 128, activation: "relu", name: "image" })(scope, image),
      dense({ units: 128, activation: "relu", name: "audio" })(scope, audio),
    ];
    const merged = dense({ units: 128, activation: "relu", name: "merge" })(scope, concat(branches));
    return dense({ units: 1, name: "output" })(scope, merged);
  },
);

export interface Learning {
  readonly epochs: number;
  readonly seed: number;
}

/** Binary cross-entropy on the logits, Adam at 0.001, batches of 32. */
export async function learn(inputs: Vectors, buys: readonly number[], { epochs, seed }: Learning): Promise<Trained> {
  return train(
    seedModel,
    { inputs: { ...inputs }, targets: { target: buys } },
    {
      loss: binaryCrossEntropy(),
      optimizer: adam({ learningRate: 1e-3 }),
      epochs,
      batchSize: 32,
      seed,
    },
  );
}

/** The chance that each user buys. */
export async function chances(model: Trained, inputs: Vectors): Promise<Float64Array> {
  const { data } = await model.predict({ ...inputs });
  return Float64Array.from(data, (logit) => 1 / (1 + Math.exp(-logit)));
}
