// Five modalities, some missing, through a whole pipeline and back from its saved bytes. Prints what it predicts.
import assert from "node:assert/strict";
import { mfcc } from "@mmub/audio";
import { columns, rfm } from "@mmub/behavior";
import { decodeSaved, encodeSaved, parallel, random } from "@mmub/core";
import { concat, pipeline, weightedSum } from "@mmub/fusion";
import { colorHistogram, decodeImage, hog } from "@mmub/image";
import { kernels } from "@mmub/kernels";
import { accuracy } from "@mmub/metrics";
import { logisticRegression } from "@mmub/models";
import { tfidf } from "@mmub/text";

const numbers = random(7);
const samples = Array.from({ length: 60 }, (_, user) => {
  const happy = user % 2 === 0;
  const pixel = () => Math.floor((happy ? 160 : 20) + 60 * numbers.next());
  const tone = (happy ? 440 : 180) + 20 * numbers.next();
  return {
    review: happy ? "love it, great and quick" : "broken, refund please",
    photo:
      user % 5 === 0
        ? null
        : { data: Uint8Array.from({ length: 48 * 48 * 3 }, pixel), width: 48, height: 48, channels: 3 },
    voice: {
      samples: Float32Array.from({ length: 4000 }, (_, i) => Math.sin((2 * Math.PI * tone * i) / 8000)),
      sampleRateHz: 8000,
    },
    visits: user % 7 === 0 ? undefined : [{ time: 1.7e12 + 1e9 * user, value: happy ? 50 : 5 }],
    about: { age: 20 + (user % 30), city: happy ? "Oslo" : null },
  };
});
const targets = samples.map((_, user) => (user % 2 === 0 ? "stays" : "leaves"));

for (const fuser of [concat(), weightedSum({ dimensions: 4 })]) {
  const recipe = pipeline({
    modalities: {
      review: tfidf(),
      photo: colorHistogram({ width: 48, height: 48, bins: [2, 2, 2] }),
      voice: mfcc({ sampleRateHz: 8000 }),
      visits: rfm(),
      about: columns(),
    },
    fuser,
    model: logisticRegression(),
  });
  const fitted = await recipe.fit(samples.slice(0, 40), targets.slice(0, 40), { seed: 7 });
  const predicted = await fitted.predict(samples.slice(40));
  const loaded = await recipe.load(decodeSaved(encodeSaved(await fitted.save())));
  assert.deepEqual(await loaded.predict(samples.slice(40)), predicted);
  assert.ok(accuracy(targets.slice(40), predicted.labels) > 0.9);
  console.log(predicted.probabilities.data.join(" "));
}

// The native decoder, and threads that import the package by its name.
const png =
  "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAFklEQVR4nGP4z8DA8J+BgYHhPycnJwAaKgMZflrkUQAAAABJRU5ErkJggg==";
const image = await decodeImage(Buffer.from(png, "base64"));
assert.deepEqual([...image.data], [255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9]);
const photos = samples.slice(0, 10).map(({ photo }) => photo);
const inThreads = await parallel(hog({ width: 48, height: 48 }), {
  module: import.meta.resolve("@mmub/image"),
  threads: 2,
}).fit([]);
const alone = await hog({ width: 48, height: 48 }).fit([]);
assert.deepEqual(await inThreads.transform(photos), await alone.transform(photos));
await inThreads.dispose?.();

// The embedded WebAssembly: a step of Adam has the bits of the TypeScript twin, whatever this Node takes.
const steps = ["simd", "scalar", undefined].map((build) => {
  const k = kernels({ bytes: 4096, build });
  const [weights, gradients, first, second] = [k.float32(99), k.float32(99), k.float32(99), k.float32(99)];
  k.uniform(gradients, [7]);
  k.adam(weights, gradients, first, second, { learningRate: 0.1, step: 1 });
  return [...weights];
});
assert.deepEqual(steps[0], steps[1]);
assert.deepEqual(steps[0], steps[2]);
assert.notEqual(kernels({ bytes: 0 }).build, "scalar");
