import { readFileSync } from "node:fs";
import { join } from "node:path";
import { mfcc, voiceFeatures } from "@mmub/audio";
import { type Dense, random, type Sequence, stackFeatures, takeFeatures } from "@mmub/core";
import { concat as fused } from "@mmub/fusion";
import { accuracy, confusionHeatmap, confusionMatrix, recall, take } from "@mmub/metrics";
import { logisticRegression } from "@mmub/models";
import { adamW } from "@mmub/nn";
import { parseCsv } from "../files.js";
import type { Picture, QualitySet, Score } from "../quality.js";
import { select } from "../selection.js";
import { frameClassifier, readWaves } from "../speech.js";

const measured = "MFCC(20), deltas, energy and pitch statistics, RBF SVM, scikit-learn, same folds";

/** Frames of 40 ms every 20 ms. */
const cepstrum = mfcc({
  output: "frames",
  coefficients: 20,
  fftSize: 1024,
  windowLength: 640,
  hopLength: 320,
  mels: 40,
});

/** Other voices are made of those that are known by playing them faster or slower. */
const copies = 2;
const paces = { from: 0.9, to: 1.11 };

const ofFrames = frameClassifier({
  rate: 0.5,
  epochs: 15,
  batchSize: 32,
  optimizer: adamW({ learningRate: 0.002, weightDecay: 0.02 }),
});

export const set: QualitySet = {
  files: ["labels.csv", "wav"],
  folder: "ravdess-speech",
  published: {
    "voice features": `0.510 ${measured}`,
    frames: `0.510 ${measured}`,
    both: `0.510 ${measured}; 0.766 pretrained CNN-14 fine-tuned, full set, quoted from memory`,
  },
  async read(folder) {
    const clips = parseCsv(readFileSync(join(folder, "labels.csv"), "utf8"));
    const labels = clips.map(({ emotion }) => emotion!);
    const waves = readWaves(
      join(folder, "wav"),
      clips.map(({ file }) => file!),
    );
    const voice = await (await voiceFeatures().fit([])).transform(waves);
    const fitted = await cepstrum.fit([]);
    const framesOf = async (pace: () => number) =>
      fitted.transform(
        waves.map(({ samples, sampleRateHz }) => ({ samples, sampleRateHz: Math.round(sampleRateHz * pace()) })),
      );
    const original = await framesOf(() => 1);
    const rows = (test: (clip: (typeof clips)[0]) => boolean) =>
      Uint32Array.from(clips.flatMap((clip, row) => (test(clip) ? [row] : [])));
    const folds = [...new Set(clips.map(({ fold }) => fold!))].sort();

    return async function* (seed): AsyncGenerator<Score | Picture> {
      const draw = random(seed).fork("pace");
      const altered: Sequence[] = [];
      for (let copy = 0; copy < copies; copy++)
        altered.push(await framesOf(() => paces.from * (paces.to / paces.from) ** draw.next()));
      const methods = ["voice features", "frames", "both"] as const;
      const guesses: Record<(typeof methods)[number], string[]> = { "voice features": [], frames: [], both: [] };
      const truth: string[] = [];

      for (const fold of folds) {
        const train = rows((clip) => clip.fold !== fold);
        const test = rows((clip) => clip.fold === fold);
        truth.push(...take(labels, test));

        // The penalty by the other folds, so again by speakers that are not learned from.
        const inner = folds
          .filter((other) => other !== fold)
          .map((other) => ({
            train: train.filter((row) => clips[row]!.fold !== other),
            test: train.filter((row) => clips[row]!.fold === other),
          }));
        const candidates = [0.003, 0.01, 0.03, 0.1].map((C) => linear(voice, labels, C));
        const chosen = await select(candidates, { labels, folds: inner, seed, rule: "best" });
        const byVoice = await chosen.probabilities(train, test, seed);

        const known = stackFeatures([original, ...altered].map((all) => takeFeatures(all, train)));
        const targets = Array.from({ length: 1 + copies }, () => take(labels, train)).flat();
        const learned = await ofFrames.fit(known, targets, { seed });
        const byFrames = await learned.predict(takeFeatures(original, test));
        await learned.dispose();

        const { classes } = byFrames;
        const best = (score: (row: number, c: number) => number) =>
          Array.from(test, (_, row) =>
            classes.reduce((a, b, c) => (score(row, c) > score(row, classes.indexOf(a)) ? b : a)),
          );
        const at = (of: Dense) => (row: number, c: number) => of.data[row * classes.length + c]!;
        const [voiceAt, framesAt] = [at(byVoice), at(byFrames.probabilities)];
        guesses["voice features"].push(...best(voiceAt));
        guesses.frames.push(...best(framesAt));
        guesses.both.push(...best((row, c) => Math.sqrt(voiceAt(row, c) * framesAt(row, c))));
      }
      for (const method of methods) {
        yield { method, metric: "accuracy", value: accuracy(truth, guesses[method]) };
        yield { method, metric: "mean recall", value: recall(truth, guesses[method], { average: "macro" }) };
        yield { method, plot: confusionHeatmap(confusionMatrix(truth, guesses[method])) };
      }
    };
  },
};

/** Logistic regression of standardised columns. */
function linear(features: Dense, labels: readonly string[], C: number) {
  const fit = async (from: Uint32Array, to: Uint32Array, seed: number) => {
    const targets = take(labels, from);
    const fuser = await fused({ scale: "standard" }).fit({ voice: takeFeatures(features, from) }, targets, { seed });
    const at = (rows: Uint32Array) => fuser.transform({ voice: takeFeatures(features, rows) });
    const model = await logisticRegression<string>({ C }).fit(await at(from), targets, { seed });
    return model.predict(await at(to));
  };
  return {
    predict: async (from: Uint32Array, to: Uint32Array, seed: number) => (await fit(from, to, seed)).labels,
    probabilities: async (from: Uint32Array, to: Uint32Array, seed: number) =>
      (await fit(from, to, seed)).probabilities,
  };
}
