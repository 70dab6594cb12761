import { fileURLToPath } from "node:url";
import { decodeSaved, encodeSaved, type Progress, random } from "@mmub/core";
import { adam } from "@mmub/nn";
import { afterEach, describe, expect, test } from "vitest";
import { augment } from "./augmentation.js";
import { cnnEncoder } from "./cnn-encoder.js";
import type { RawImage, RgbImage } from "./decode.js";
import { resnet, smallCnn } from "./image-architectures.js";
import { imageHead } from "./image-head.js";
import { type ImageNetworkParams, imageNetwork } from "./image-network.js";

type Shape = "across" | "down" | "spot";

/** Bars or a spot in a colour and at a place by chance, on noise: the mean colour says nothing. */
function scene(shape: Shape, seed: number, size = 16): RawImage {
  const { integer } = random(seed);
  const data = Uint8Array.from({ length: 3 * size * size }, () => integer(100));
  const color = [0, 1, 2].map(() => 120 + integer(136));
  const [x, y] = [2 + integer(size - 8), 2 + integer(size - 8)];
  const [w, h] = { across: [size, 3], down: [3, size], spot: [7, 7] }[shape];
  for (let row = 0; row < h!; row++)
    for (let column = 0; column < w!; column++) {
      const at = [shape === "across" ? column : x + column, shape === "down" ? row : y + row];
      if (at[0]! < size && at[1]! < size)
        for (let c = 0; c < 3; c++) data[3 * (at[1]! * size + at[0]!) + c] = color[c]!;
    }
  return { data, width: size, height: size, channels: 3 };
}

const shapes = ["across", "down", "spot"] as const;
const many = (count: number, from: number) => {
  const labels = Array.from({ length: count }, (_, i) => shapes[i % 3]!);
  return { labels, pictures: labels.map((shape, i) => scene(shape, from + i)) };
};
const [train, test_] = [many(90, 0), many(60, 1000)];
const right = (got: readonly string[], want: readonly string[]) =>
  got.filter((label, i) => label === want[i]).length / want.length;

const open: { dispose(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.dispose();
});
const small = {
  width: 16,
  height: 16,
  network: smallCnn({ filters: [16, 32], dropout: 0 }),
  optimizer: adam({ learningRate: 0.01 }),
  augment: { erase: 0 },
  epochs: 25,
  batchSize: 30,
} satisfies ImageNetworkParams;

describe("imageNetwork learns what is on pictures", () => {
  for (const [name, network] of [
    ["a small CNN", small.network],
    ["a ResNet", resnet({ filters: [8, 16], stride: false, dropout: 0 })],
  ] as const)
    test(name, async () => {
      const fitted = await imageNetwork<Shape>({ ...small, network }).fit(train.pictures, train.labels, { seed: 3 });
      open.push(fitted);
      expect(fitted.classes).toEqual(["across", "down", "spot"]);
      const { labels, probabilities, classes } = await fitted.predict(test_.pictures);
      // By chance a third.
      expect(right(labels, test_.labels)).toBeGreaterThan(0.85);
      expect(classes).toEqual(fitted.classes);
      for (let row = 0; row < 60; row++) {
        const own = probabilities.data.subarray(3 * row, 3 * row + 3);
        expect(own.reduce((a, b) => a + b)).toBeCloseTo(1, 5);
      }
      expect(fitted.history).toHaveLength(25);
      expect(fitted.history.at(-1)!.loss).toBeLessThan(0.7 * fitted.history[0]!.loss);
    });
});

const quick = { ...small, epochs: 2 } satisfies ImageNetworkParams;

describe("imageNetwork", () => {
  test("repeats to the byte, and other seeds do otherwise", async () => {
    const bytesOf = async (seed: number) => {
      const fitted = await imageNetwork<Shape>(quick).fit(train.pictures, train.labels, { seed });
      open.push(fitted);
      return Buffer.from(encodeSaved(await fitted.save())).toString("base64");
    };
    const first = await bytesOf(1);
    expect((await bytesOf(1)) === first).toBe(true);
    expect((await bytesOf(2)) === first).toBe(false);
  });

  test("what is saved predicts the same, whatever the batch", async () => {
    const recipe = imageNetwork<Shape>(quick);
    const fitted = await recipe.fit(train.pictures, train.labels);
    const loaded = await recipe.load(decodeSaved(encodeSaved(await fitted.save())));
    open.push(fitted, loaded);
    const want = await fitted.predict(test_.pictures);
    expect(await loaded.predict(test_.pictures)).toEqual(want);
    expect(loaded.history).toEqual(fitted.history);
    const few = await loaded.predict(test_.pictures, { batchSize: 7 });
    for (const [i, value] of few.probabilities.data.entries())
      expect(value).toBeCloseTo(want.probabilities.data[i]!, 5);
    await expect(imageNetwork({ ...quick, epochs: 3 }).load(await fitted.save())).rejects.toThrow(/param epochs was 2/);
  });

  test("keeps the best epoch by a validation, and stops when it gets no better", async () => {
    const params = { ...small, validation: 0.3, patience: 2, epochs: 60 };
    const fitted = await imageNetwork<Shape>(params).fit(train.pictures, train.labels);
    open.push(fitted);
    const losses = fitted.history.map(({ validation }) => validation!.loss);
    expect(fitted.bestEpoch).toBe(losses.indexOf(Math.min(...losses)) + 1);
    expect(losses.length === 60 || losses.length === fitted.bestEpoch! + 2).toBe(true);
  });

  test("missing pictures are left out, and get the shares of the classes", async () => {
    const pictures = [...train.pictures, null, null];
    const fitted = await imageNetwork<Shape>(quick).fit(pictures, [...train.labels, "spot", "spot"]);
    open.push(fitted);
    const { probabilities } = await fitted.predict([null, test_.pictures[0]!]);
    for (let c = 0; c < 3; c++) expect(probabilities.data[c]).toBeCloseTo(1 / 3, 5);
    const none = await fitted.predict([]);
    expect(none.labels).toEqual([]);
  });

  test("tells of its progress, and stops where it is aborted", async () => {
    const seen: Progress[] = [];
    const controller = new AbortController();
    const fit = imageNetwork<Shape>(small).fit(train.pictures, train.labels, {
      signal: controller.signal,
      onProgress(progress) {
        seen.push(progress);
        if (progress.done === 4) controller.abort(new Error("enough"));
      },
    });
    await expect(fit).rejects.toThrow("enough");
    expect(seen.map(({ done, total }) => [done, total])).toEqual([1, 2, 3, 4].map((done) => [done, 75]));
    expect(seen[3]!.metrics).toMatchObject({ epoch: 2, loss: expect.any(Number) });
  });

  test("refuses what does not fit", async () => {
    const recipe = imageNetwork<string>(quick);
    await expect(recipe.fit([scene("spot", 1)], [])).rejects.toThrow(/0 targets for 1 samples/);
    await expect(recipe.fit([scene("spot", 1), scene("down", 1)], ["a", "a"])).rejects.toThrow(/at least two classes/);
    await expect(recipe.fit([null, null], ["a", "b"])).rejects.toThrow(/every picture is missing/);
    const broken = [scene("spot", 1), new Uint8Array([1])];
    await expect(recipe.fit(broken, ["a", "b"])).rejects.toMatchObject({ code: "invalid-input", index: 1 });
    for (const [params, message] of [
      [{ epochs: 0 }, /epochs is number 0/],
      [{ network: {} }, /network is/],
      [{ validation: 1 }, /validation is number 1/],
      [{ patience: 2 }, /patience is number 2.*beside a validation/],
      [{ schedule: { type: "plateau" } }, /schedule is/],
      [{ augment: { crop: 1 } }, /crop is number 1/],
      [{ labelSmoothing: 1 }, /labelSmoothing is number 1/],
    ] as const)
      expect(() => imageNetwork(params as never)).toThrow(message);
    expect(() => smallCnn({ filters: [] })).toThrow(/filters is/);
    expect(() => resnet({ blocks: 0 })).toThrow(/blocks is number 0/);
  });
});

describe("imageHead", () => {
  const model = fileURLToPath(new URL("../fixtures/cnn-encoder/model.onnx", import.meta.url));
  const encoder = cnnEncoder({ model, width: 8, height: 8, layer: "maps", pooling: "flatten" });
  const params = { encoder, decode: { width: 16, height: 16 }, epochs: 30 } as const;

  for (const copies of [0, 2])
    test(`learns from features that others made, with ${copies} copies`, async () => {
      const recipe = imageHead<Shape>({ ...params, copies, augment: { erase: 0, crop: 0.1 }, hidden: [32] });
      const fitted = await recipe.fit([...train.pictures, null], [...train.labels, "spot"], { seed: 1 });
      open.push(fitted);
      const { labels, probabilities } = await fitted.predict([...test_.pictures, null]);
      expect(right(labels.slice(0, 60), test_.labels)).toBeGreaterThan(0.75);
      expect(probabilities.data.at(-1)).toBeCloseTo(1 / 3, 5);
      const loaded = await recipe.load(decodeSaved(encodeSaved(await fitted.save())));
      open.push(loaded);
      expect(await loaded.predict([...test_.pictures, null])).toEqual({
        labels,
        probabilities,
        classes: fitted.classes,
      });
    });

  test("refuses what does not fit", async () => {
    await expect(imageHead(params).fit([null, null], ["a", "b"])).rejects.toThrow(/every picture is missing/);
    await expect(imageHead(params).fit([train.pictures[0]!], ["a"])).rejects.toThrow(/at least two classes/);
    expect(() => imageHead({ ...params, copies: -1 })).toThrow(/copies is number -1/);
    expect(() => imageHead({ encoder: undefined as never })).toThrow(/encoder is undefined/);
  });
});

describe("augment", () => {
  const { integer } = random(5);
  const data = Uint8Array.from({ length: 3 * 12 * 10 }, () => integer(256));
  const picture: RgbImage = { data, width: 12, height: 10, channels: 3 };
  const still = { flip: 0, crop: 0, color: 0, erase: 0 };

  test("nothing of everything is the same picture", () => {
    const before = data.slice();
    expect(augment(picture, random(1), still)).toEqual(picture);
    augment(picture, random(1), { erase: 1, flip: 1 });
    expect(data).toEqual(before);
  });

  test("mirrored", () => {
    const got = augment(picture, random(1), { ...still, flip: 1 });
    for (let y = 0; y < 10; y++)
      for (let x = 0; x < 12; x++)
        for (let c = 0; c < 3; c++) expect(got.data[3 * (12 * y + x) + c]).toBe(data[3 * (12 * y + 11 - x) + c]);
  });

  test("the same seed gives the same, and another another", () => {
    expect(augment(picture, random(1))).toEqual(augment(picture, random(1)));
    expect(augment(picture, random(1))).not.toEqual(augment(picture, random(2)));
  });

  test("a crop stays within the values of its surroundings, and a plain picture plain", () => {
    const plain: RgbImage = { ...picture, data: new Uint8Array(360).fill(77) };
    for (let seed = 0; seed < 20; seed++) {
      const got = augment(plain, random(seed), { ...still, crop: 0.5, erase: 1 });
      expect(got.data.every((value) => value === 77)).toBe(true);
    }
  });

  test("light changes by at most what is said", () => {
    const plain: RgbImage = { ...picture, data: new Uint8Array(360).fill(100) };
    const values = Array.from(
      { length: 50 },
      (_, seed) => augment(plain, random(seed), { ...still, color: 0.2 }).data[0]!,
    );
    expect(Math.min(...values)).toBeGreaterThanOrEqual(80);
    expect(Math.max(...values)).toBeLessThanOrEqual(120);
    expect(new Set(values).size).toBeGreaterThan(10);
  });

  test("a rectangle of the share that is said is hidden", () => {
    const halves: RgbImage = {
      width: 40,
      height: 40,
      channels: 3,
      data: Uint8Array.from({ length: 4800 }, (_, i) => (i < 2400 ? 0 : 200)),
    };
    for (let seed = 0; seed < 20; seed++) {
      const { data: got } = augment(halves, random(seed), { ...still, erase: 1, eraseArea: [0.1, 0.2] });
      const hidden = got.filter((value) => value === 100).length / got.length;
      expect(hidden).toBeGreaterThan(0.07);
      expect(hidden).toBeLessThan(0.23);
    }
  });

  test("refuses other channels and params", () => {
    const grey = { ...picture, data: data.subarray(0, 120), channels: 1 } as never;
    expect(() => augment(grey, random(1))).toThrow(/has 1 channels, want 3/);
    expect(() => augment(picture, random(1), { flip: 2 })).toThrow(/flip is number 2/);
    expect(() => augment(picture, random(1), { eraseArea: [0, 0.5] })).toThrow(/eraseArea is/);
  });
});
