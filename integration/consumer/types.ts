// What a user's compiler sees: right programs compile, and each wrong one is an error on its line.
import { mfcc } from "@mmub/audio";
import { rfm } from "@mmub/behavior";
import { type Classification, type Extractor, MmubError, dense as matrix, type Sparse } from "@mmub/core";
import { extractorChecks } from "@mmub/core/testing";
import { concat, pipeline } from "@mmub/fusion";
import { hog, type RawImage } from "@mmub/image";
import { kernels } from "@mmub/kernels";
import { accuracy } from "@mmub/metrics";
import { cnn2d, logisticRegression, networkClassifier } from "@mmub/models";
import { crossEntropy, dense, gru, network, type Trained, train } from "@mmub/nn";
import { tfidf } from "@mmub/text";

const shopper = pipeline({
  modalities: { review: tfidf(), photo: hog(), voice: mfcc(), visits: rfm() },
  fuser: concat(),
  model: logisticRegression<"stays" | "leaves">(),
});
const photo: RawImage = { data: new Uint8Array(3), width: 1, height: 1, channels: 3 };
const fitted = await shopper.fit([{ review: "good", photo }, { review: null }], ["stays", "leaves"]);
const predicted: Classification<"stays" | "leaves"> = await fitted.predict([{ voice: "call.wav" }]);
accuracy(["stays"], predicted.labels);

const classifier = networkClassifier<"stays" | "leaves">({ network: cnn2d({ filters: [8] }), validation: 0.1 });
const loss: number | undefined = (await classifier.fit(matrix(1, 4), ["stays"])).history.at(-1)?.validation?.loss;
if (loss === 0) throw new Error();

const extractor: Extractor<string, Sparse> = tfidf({ ngramRange: [1, 2] });
extractorChecks({ make: () => extractor, inputs: ["a b", "b c"] });
const k = kernels({ bytes: 1024 });
k.sgd(k.float32(4), k.float32(4), { learningRate: 0.1 });
const clicks = network({ clicks: { kind: "steps", cols: 3 } }, (scope, { clicks }) =>
  dense({ units: 2 })(scope, gru({ units: 4 })(scope, clicks)),
);
const steps = {
  layout: "sequence",
  rows: 1,
  cols: 3,
  offsets: Uint32Array.of(0, 1),
  data: new Float32Array(3),
} as const;
const options = { loss: crossEntropy(), epochs: 1, worker: false };
const trained: Trained = await train(clicks, { inputs: { clicks: steps }, targets: { target: [1] } }, options);
await trained.dispose();
if (MmubError.is(new Error())) throw new Error();

// @ts-expect-error: no such modality
await shopper.fit([{ reveiw: "good" }], ["stays"]);
// @ts-expect-error: a review is a string
await shopper.fit([{ review: 3 }], ["stays"]);
// @ts-expect-error: no such label
await shopper.fit([{ review: "good" }], ["stay"]);
// @ts-expect-error: no such label
await classifier.fit(matrix(1, 4), ["stay"]);
// @ts-expect-error: no such param
tfidf({ ngrams: [1, 2] });
// @ts-expect-error: steps are Sequence features
await train(clicks, { inputs: { clicks: { ...steps, layout: "dense" } }, targets: { target: [1] } }, options);
// @ts-expect-error: no such input
await train(clicks, { inputs: { visits: steps }, targets: { target: [1] } }, options);
// @ts-expect-error: a step needs its size
k.sgd(k.float32(4), k.float32(4), {});
// @ts-expect-error: rows are Int32Array
k.scatterAddRows(k.float32(4), 2, k.float32(1), k.float32(2));
