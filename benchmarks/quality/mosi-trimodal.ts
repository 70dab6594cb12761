import { type Classification, type Dense, dense, type FeatureSet, random } from "@mmub/core";
import { concat, contextRnn, crossmodalTransformer, gated, lateFusion, lowRankFusion } from "@mmub/fusion";
import { accuracy, bootstrapIntervals, f1, kFold, take } from "@mmub/metrics";
import { classTask, logisticRegression, multiTask } from "@mmub/models";
import { rowsAt } from "../missing.js";
import { mosiFiles, readMosi } from "../mosi.js";
import type { QualitySet, Score } from "../quality.js";
import { select } from "../selection.js";

/** What the scikit-learn figures below were made with: of all C, the one that gives all four of them to the digit. */
const peerC = 0.01;
const measured = `logistic regression, scikit-learn, standardised, C = ${peerC}, same features and split`;
const reported = "bc-LSTM, ACL 2017, with context, quoted from memory";
const joint = "0.803 bc-LSTM, ACL 2017; 0.823 MMMU-BA, EMNLP 2018; both with context";

export const set: QualitySet = {
  files: mosiFiles,
  published: {
    text: `0.757 ${measured}; 0.781 ${reported}`,
    audio: `0.557 ${measured}; 0.603 ${reported}`,
    video: `0.515 ${measured}; 0.558 ${reported}`,
    "text + audio + video": `0.767 ${measured}; ${joint}`,
    "text + audio + video, with neighbours": `0.777 ${measured}; ${joint}`,
    "text + audio + video, context": `0.779 bidirectional GRU, PyTorch, same features and split; ${joint}`,
    "text, C of the peer": `0.757 ${measured}`,
    "audio, C of the peer": `0.557 ${measured}`,
    "video, C of the peer": `0.515 ${measured}`,
    "text + audio + video, C of the peer": `0.767 ${measured}`,
  },
  async read(folder) {
    const { labels, train, test, videoOf, modalities } = readMosi(folder);
    // What is said just before and after, missing at either end of a video; the file is in the order of speech.
    const shifted = (by: number) =>
      Object.entries(modalities).map(([name, all]) => [`${name} ${by}`, neighbours(all, by, videoOf)]);

    const methods: Record<string, FeatureSet> = {
      text: { text: modalities.text },
      audio: { audio: modalities.audio },
      video: { video: modalities.video },
      "text + audio + video": modalities,
      "text + audio + video, with neighbours": {
        ...modalities,
        ...Object.fromEntries([...shifted(-1), ...shifted(1)]),
      },
    };

    // Networks: sizes by hand, towards the small and the strongly regularised. Cross-validation cannot tell them apart, see README.
    const small = { units: 32, dropout: 0.5 };
    const fusers = {
      gated: gated(small),
      "low rank": lowRankFusion({ ...small, outputUnits: 32 }),
      "crossmodal Transformer": crossmodalTransformer({ ...small, heads: 4, layers: 1 }),
    };
    const videoNumber = new Map(labels.map((_, row) => [videoOf(row)!, 0]));
    for (const [at, video] of [...videoNumber.keys()].entries()) videoNumber.set(video, at);
    const speaker = dense(
      labels.length,
      1,
      Float32Array.from(labels, (_, row) => videoNumber.get(videoOf(row)!)!),
    );

    /** Learns from these rows of the features. */
    type Fit = (
      from: Uint32Array,
      seed: number,
    ) => Promise<{
      readonly predict: (x: FeatureSet) => Promise<Classification<string>>;
      readonly dispose?: () => unknown;
    }>;
    const held = 6;
    const stopping = { epochs: 30, patience: 5 };
    const context =
      (features: FeatureSet): Fit =>
      (from, seed) =>
        contextRnn<string>({
          context: "speaker",
          ...small,
          stateUnits: 32,
          ...stopping,
          validation: held / new Set(Array.from(from, videoOf)).size,
        }).fit(rowsAt(features, from), take(labels, from), { seed });
    const network =
      (fuser: (typeof fusers)[keyof typeof fusers], features: FeatureSet): Fit =>
      async (from, seed) => {
        const videos = random(seed).shuffle([...new Set(Array.from(from, videoOf))]);
        const judges = new Set(videos.slice(0, held));
        const [judged, learned] = [true, false].map((is) => from.filter((row) => judges.has(videoOf(row)) === is));
        const of = (rows: Uint32Array) => take(labels, rows).map((label) => ({ label }));
        const { epochs, patience } = stopping;
        const fitted = await multiTask({
          fuser,
          tasks: { label: classTask<string>() },
          headDropout: small.dropout,
          epochs,
          earlyStopping: { patience },
        }).fit(rowsAt(features, learned!), of(learned!), {
          seed,
          validation: { x: rowsAt(features, judged!), targets: of(judged!) },
        });
        return { predict: async (x) => (await fitted.predict(x)).label, dispose: () => fitted.dispose() };
      };
    const late =
      (rule: "mean" | "product" | "stacking"): Fit =>
      async (from, seed) => {
        const targets = take(labels, from);
        const x = rowsAt(modalities, from);
        const scalers = await Promise.all(
          Object.keys(x).map(
            async (name) =>
              [name, await concat({ scale: "standard" }).fit({ [name]: x[name]! }, targets, { seed })] as const,
          ),
        );
        const scaled = async (of: FeatureSet): Promise<FeatureSet> =>
          Object.fromEntries(
            await Promise.all(
              scalers.map(async ([name, scaler]) => [name, await scaler.transform({ [name]: of[name]! })] as const),
            ),
          );
        const model = () => logisticRegression<string>({ C: peerC });
        const fitted = await lateFusion({
          models: { text: model(), audio: model(), video: model() },
          rule,
          stacker: logisticRegression<string>(),
        }).fit(await scaled(x), targets, { seed, groups: Array.from(from, (row) => videoOf(row)!) });
        return { predict: async (of) => fitted.predict(await scaled(of)) };
      };
    const withSpeaker = { ...modalities, speaker };
    const joined: Record<string, readonly [Fit, FeatureSet]> = {
      "text, gated network": [network(fusers.gated, { text: modalities.text }), { text: modalities.text }],
      ...Object.fromEntries(
        Object.entries(fusers).map(([name, fuser]) => [
          `text + audio + video, ${name} network`,
          [network(fuser, modalities), modalities] as const,
        ]),
      ),
      "text, context": [context({ text: modalities.text, speaker }), { text: modalities.text, speaker }],
      "text + audio + video, context": [context(withSpeaker), withSpeaker],
    };
    for (const rule of ["mean", "product", "stacking"] as const)
      joined[`text + audio + video, late fusion by ${rule}`] = [late(rule), modalities];

    const candidate = (features: FeatureSet, C: number) => ({
      async predict(from: Uint32Array, to: Uint32Array, seed: number) {
        const at = (rows: Uint32Array) => rowsAt(features, rows);
        const targets = take(labels, from);
        const fuser = await concat({ scale: "standard" }).fit(at(from), targets, { seed });
        const x = await fuser.transform(at(from));
        const model = await logisticRegression<string>({ C }).fit(x, targets, { seed });
        return (await model.predict(await fuser.transform(at(to)))).labels;
      },
    });

    return async function* (seed): AsyncGenerator<Score> {
      const folds = videoFolds(train, videoOf, seed);
      const truth = take(labels, test);
      const scores = (method: string, predicted: readonly string[]): Score[] => [
        { method, metric: "accuracy", value: accuracy(truth, predicted) },
        { method, metric: "macro-F1", value: f1(truth, predicted, { average: "macro" }) },
      ];
      for (const [method, features] of Object.entries(methods)) {
        // The text features were learned by a network from these very labels, so that any C looks right in 98 of 100 rows
        // held out: among scores that close the strongest penalty is taken.
        const candidates = [0.0001, 0.001, 0.01, 0.1, 1].map((C) => candidate(features, C));
        const chosen = await select(candidates, { labels, folds, seed, rule: "one standard error" });
        yield* scores(method, await chosen.predict(train, test, seed));
        const likePeer = `${method}, C of the peer`;
        if (likePeer in set.published)
          yield* scores(likePeer, await candidate(features, peerC).predict(train, test, seed));
      }
      const said: Record<string, readonly string[]> = {};
      for (const [method, [fit, features]] of Object.entries(joined)) {
        const fitted = await fit(train, seed);
        said[method] = (await fitted.predict(rowsAt(features, test))).labels;
        await fitted.dispose?.();
        yield* scores(method, said[method]);
      }
      // Whole videos are drawn, for utterances of one are alike.
      const pairs = [
        ["text + audio + video, context", "text, context"],
        ["text + audio + video, gated network", "text, gated network"],
      ] as const;
      for (const [fused, alone] of pairs) {
        const right = (method: string, rows: Uint32Array) => accuracy(take(truth, rows), take(said[method]!, rows));
        const [difference] = bootstrapIntervals(test.length, (rows) => [right(fused, rows) - right(alone, rows)], {
          seed,
          groups: Array.from(test, videoOf),
        });
        const method = `${fused}, minus ${alone}`;
        yield { method, metric: "accuracy difference", value: difference!.value };
        yield { method, metric: "95 % low", value: difference!.low };
        yield { method, metric: "95 % high", value: difference!.high };
      }
    };
  },
};

/** The features of the row `by` further on, missing where that is another video. */
function neighbours(all: Dense, by: number, videoOf: (row: number) => string | undefined): Dense {
  const data = new Float32Array(all.data.length);
  const present = new Uint8Array(all.rows);
  for (let row = 0; row < all.rows; row++) {
    const other = row + by;
    if (videoOf(other) !== videoOf(row)) continue;
    present[row] = 1;
    data.set(all.data.subarray(other * all.cols, (other + 1) * all.cols), row * all.cols);
  }
  return { ...all, data, present };
}

/** Five folds of the training rows in which all utterances of a video are on one side. */
function videoFolds(train: Uint32Array, videoOf: (row: number) => string | undefined, seed: number) {
  const videos = [...new Set(Array.from(train, videoOf))];
  return kFold(videos.length, { folds: 5, seed }).map((fold) => {
    const held = new Set(take(videos, fold.test));
    return {
      train: train.filter((row) => !held.has(videoOf(row))),
      test: train.filter((row) => held.has(videoOf(row))),
    };
  });
}
