// A network trained in a worker thread, saved, loaded and exported, and every op with its gradient on each runtime that is here.
import assert from "node:assert/strict";
import { decodeSaved, encodeSaved, dense as matrix, parallel, random } from "@mmub/core";
import { mlp, networkClassifier } from "@mmub/models";
import {
  adam,
  binaryCrossEntropy,
  dense,
  loadTrained,
  network,
  onnx,
  onnxModel,
  sequential,
  tfjs,
  toOnnx,
  train,
} from "@mmub/nn";
import { runtimeChecks } from "@mmub/nn/testing";
import { sentenceEncoder } from "@mmub/text";

const { normal } = random(7);
const x = matrix(200, 2, Float32Array.from({ length: 400 }, normal));
const target = Float32Array.from({ length: 200 }, (_, i) => Number(x.data[2 * i] * x.data[2 * i + 1] > 0));
const net = network({ x: { kind: "vector", cols: 2 } }, (scope, { x }) =>
  sequential(dense({ units: 16, activation: "tanh" }), dense({ units: 1 }))(scope, x),
);
const options = {
  loss: binaryCrossEntropy(),
  optimizer: adam({ learningRate: 0.01 }),
  epochs: 60,
  batchSize: 25,
  seed: 7,
  metrics: ["accuracy"],
};
const trained = await train(net, { inputs: { x }, targets: { target } }, options);
assert.ok(trained.history.at(-1).metrics.accuracy > 0.9);
const logits = (await trained.predict({ x })).data;
const loaded = await loadTrained(net, decodeSaved(encodeSaved(await trained.save())));
assert.deepEqual((await loaded.predict({ x })).data, logits);
const exported = await onnxModel(toOnnx(net, trained.weights));
const { output } = await exported.run({ x: { data: x.data, shape: [200, 2] } });
assert.ok(output.data.every((logit, row) => Math.abs(logit - logits[row]) < 1e-4));
await Promise.all([trained, loaded, exported].map((part) => part.dispose()));

// As a model, in its own thread too.
const model = networkClassifier({ network: mlp({ hidden: [16] }), optimizer: options.optimizer, epochs: 60 });
const labels = Array.from(target, (one) => (one ? "same" : "other"));
const fitted = await model.fit(x, labels, { seed: 7 });
const predicted = await fitted.predict(x);
assert.ok(predicted.labels.filter((label, row) => label === labels[row]).length > 180);
const again = await model.load(decodeSaved(encodeSaved(await fitted.save())));
assert.deepEqual(await again.predict(x), predicted);
await Promise.all([fitted.dispose(), again.dispose()]);

// A model of ids as an encoder of texts, in threads that each have their own.
const ids = network({ input_ids: { kind: "vector", cols: 8 } }, (scope, { input_ids }) =>
  dense({ units: 3 })(scope, input_ids),
);
const encoder = {
  model: toOnnx(ids, { "dense/weight": Float32Array.from({ length: 24 }, normal), "dense/bias": new Float32Array(3) }),
  tokenizer: {
    added_tokens: [],
    normalizer: { type: "Lowercase" },
    pre_tokenizer: { type: "Whitespace" },
    post_processor: null,
    decoder: null,
    model: { type: "WordPiece", unk_token: "[UNK]", vocab: { "[UNK]": 0, good: 1, bad: 2, price: 3, service: 4 } },
  },
  pooling: "model",
  maxLength: 8,
};
const texts = ["Good price", null, "bad service", "late", ...Array(200).fill("bad price, good service")];
const inThreads = await parallel(sentenceEncoder(encoder), {
  module: import.meta.resolve("@mmub/text"),
  params: encoder,
  threads: 2,
}).fit([]);
const alone = await sentenceEncoder(encoder).fit([]);
assert.deepEqual(await inThreads.transform(texts), await alone.transform(texts));
assert.ok((await alone.transform(texts)).data.some((value) => value !== 0));
await Promise.all([inThreads.dispose(), alone.dispose()]);

const runtimes = [
  () => onnx({ package: "onnxruntime-node" }),
  () => onnx({ package: "onnxruntime-web" }),
  () => tfjs({ backend: "cpu" }),
  () => tfjs({ backend: "wasm" }),
];
for (const make of runtimes) for (const check of runtimeChecks({ make })) await check.run();
console.log(trained.history.at(-1).loss.toFixed(2));
