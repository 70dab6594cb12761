// A network that classifies recordings by their frames, for the sets of speech.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { decodeWav } from "@mmub/audio";
import { customNetwork, type NetworkClassifier, type NetworkParams, networkClassifier } from "@mmub/models";
import {
  batchNorm,
  concat,
  conv1d,
  cosine,
  dense,
  dropout,
  globalMaxPool,
  globalMeanPool,
  type Layer,
  maxPool1d,
  onSteps,
  relu,
  type Steps,
  sequential,
} from "@mmub/nn";

/** The first channel of the WAV files of a folder. */
export function readWaves(folder: string, files: readonly string[]) {
  return files.map((file) => {
    const { samples, sampleRateHz } = decodeWav(readFileSync(join(folder, file)));
    return { samples: samples[0]!, sampleRateHz };
  });
}

const block = (filters: number, kernel: number): Layer<Steps, Steps> =>
  sequential(
    conv1d({ filters, kernel, padding: "same" }),
    onSteps(batchNorm()),
    onSteps((_, x) => relu(x)),
  );

/** Three convolutions with pooling between, the largest and the mean of what they find. */
export function frameClassifier({
  rate,
  ...params
}: NetworkParams & { readonly rate: number }): NetworkClassifier<string> {
  const network = customNetwork({
    input: "steps",
    build(scope, steps, outputs) {
      const seen = sequential(
        block(64, 5),
        maxPool1d({ kernel: 2 }),
        block(96, 5),
        maxPool1d({ kernel: 2 }),
        block(128, 3),
      )(scope, steps);
      const whole = concat([globalMaxPool()(scope, seen), globalMeanPool()(scope, seen)], 1);
      return sequential(dropout({ rate }), dense({ units: outputs }))(scope, whole);
    },
  });
  return networkClassifier({ network, schedule: cosine(), labelSmoothing: 0.1, ...params });
}
