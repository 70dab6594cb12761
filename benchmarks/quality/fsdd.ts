import { readFileSync } from "node:fs";
import { join } from "node:path";
import { mfcc } from "@mmub/audio";
import { random, type Sequence, stackFeatures, takeFeatures } from "@mmub/core";
import { accuracy, confusionHeatmap, confusionMatrix, take } from "@mmub/metrics";
import { adamW } from "@mmub/nn";
import { parseCsv } from "../files.js";
import type { Picture, QualitySet, Score } from "../quality.js";
import { frameClassifier, readWaves } from "../speech.js";

const measured = "MFCC in 8 slices of time, RBF SVM, scikit-learn, same split";

/** Frames of 25 ms every 10 ms. */
const cepstrum = mfcc({
  output: "frames",
  sampleRateHz: 8_000,
  coefficients: 20,
  fftSize: 256,
  windowLength: 200,
  hopLength: 80,
  mels: 40,
});

/** Other speakers, paces and rooms are made of those that are known: played faster or slower, over noise of this share of the peak. */
const copies = 4;
const paces = { from: 0.8, to: 1.25 };
const noises = { from: 0.0005, to: 0.03 };

const model = frameClassifier({
  rate: 0.4,
  epochs: 8,
  batchSize: 64,
  optimizer: adamW({ learningRate: 0.003, weightDecay: 0.01 }),
});

export const set: QualitySet = {
  files: ["labels.csv", "recordings"],
  published: {
    "official split": `0.990 ${measured}`,
    "unseen speaker": `0.804 ${measured}`,
  },
  async read(folder) {
    const recordings = parseCsv(readFileSync(join(folder, "labels.csv"), "utf8"));
    const labels = recordings.map(({ digit }) => digit!);
    const waves = readWaves(
      join(folder, "recordings"),
      recordings.map(({ file }) => file!),
    );
    const fitted = await cepstrum.fit([]);
    const framesOf = async (made: typeof waves) => normalized(await fitted.transform(made));
    const original = await framesOf(waves);
    const rows = (test: (recording: (typeof recordings)[0]) => boolean) =>
      Uint32Array.from(recordings.flatMap((recording, row) => (test(recording) ? [row] : [])));
    const speakers = [...new Set(recordings.map(({ speaker }) => speaker!))];

    return async function* (seed): AsyncGenerator<Score | Picture> {
      const draw = random(seed).fork("copies");
      const between = ({ from, to }: typeof paces) => from * (to / from) ** draw.next();
      const altered: Sequence[] = [];
      for (let copy = 0; copy < copies; copy++)
        altered.push(
          await framesOf(
            waves.map(({ samples, sampleRateHz }) => {
              const level = between(noises) * samples.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
              return {
                samples: samples.map((value) => value + level * draw.normal()),
                // In steps of a hundredth: the resampling of odd ratios takes longer than the learning.
                sampleRateHz: Math.round(100 * between(paces)) * (sampleRateHz / 100),
              };
            }),
          ),
        );

      const predict = async (train: Uint32Array, test: Uint32Array) => {
        const known = stackFeatures([original, ...altered].map((all) => takeFeatures(all, train)));
        const targets = Array.from({ length: 1 + copies }, () => take(labels, train)).flat();
        const learned = await model.fit(known, targets, { seed });
        const { labels: guessed } = await learned.predict(takeFeatures(original, test));
        await learned.dispose();
        return guessed;
      };

      const test = rows(({ split }) => split === "test");
      const official = await predict(
        rows(({ split }) => split !== "test"),
        test,
      );
      yield { method: "official split", metric: "accuracy", value: accuracy(take(labels, test), official) };

      const [truth, guesses]: [string[], string[]] = [[], []];
      const scores: number[] = [];
      for (const speaker of speakers) {
        const own = rows((recording) => recording.speaker === speaker);
        const guessed = await predict(
          rows((recording) => recording.speaker !== speaker),
          own,
        );
        scores.push(accuracy(take(labels, own), guessed));
        yield { method: `unseen speaker ${speaker}`, metric: "accuracy", value: scores.at(-1)! };
        truth.push(...take(labels, own));
        guesses.push(...guessed);
      }
      const mean = scores.reduce((sum, score) => sum + score, 0) / scores.length;
      yield { method: "unseen speaker", metric: "accuracy", value: mean };
      yield { method: "unseen speaker", plot: confusionHeatmap(confusionMatrix(truth, guesses)) };
    };
  },
};

/** Each column of each recording at mean 0 and deviation 1: what a microphone and a voice add to all frames is taken off. */
function normalized(frames: Sequence): Sequence {
  const { rows, cols, offsets } = frames;
  const data = frames.data.slice();
  for (let row = 0; row < rows; row++)
    for (let col = 0; col < cols; col++) {
      const [from, to] = [offsets[row]! * cols + col, offsets[row + 1]! * cols + col];
      let [sum, squares] = [0, 0];
      for (let at = from; at < to; at += cols) {
        sum += data[at]!;
        squares += data[at]! ** 2;
      }
      const steps = offsets[row + 1]! - offsets[row]!;
      const mean = sum / steps;
      const deviation = Math.sqrt(Math.max(0, squares / steps - mean ** 2)) || 1;
      for (let at = from; at < to; at += cols) data[at] = (data[at]! - mean) / deviation;
    }
  return { ...frames, data };
}
