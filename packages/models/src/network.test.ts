import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Dense,
  dense,
  encodeSaved,
  type Features,
  MmubError,
  type Progress,
  random,
  type Sequence,
  sequence,
  takeFeatures,
} from "@mmub/core";
import { modelChecks, toyData } from "@mmub/core/testing";
import {
  adam,
  adamW,
  cosine,
  dense as denseLayer,
  globalMeanPool,
  onnx,
  onnxModel,
  reshape,
  type Scope,
  type Steps,
  sgd,
  toOnnx,
  type Value,
} from "@mmub/nn";
import { describe, expect, test } from "vitest";
import { logisticRegression } from "./logistic-regression.js";
import { cnn1d, cnn2d, customNetwork, mlp, rnn, transformer } from "./network/architecture.js";
import { type NetworkClassifierParams, networkClassifier, networkRegressor } from "./network.js";
import { ridge } from "./ridge.js";

// In place and in few steps: what a test needs.
const quick = { worker: false, epochs: 12, batchSize: 16, optimizer: adam({ learningRate: 0.02 }) } as const;
const small = mlp({ hidden: [8], dropout: 0.1 });

describe("conformance", () => {
  for (const { name, standardize, ...layouts } of [
    { name: "dense, standardised", standardize: true, layouts: ["dense"] },
    { name: "sparse", standardize: true, layouts: ["sparse"] },
    { name: "either, as they are", standardize: false },
  ] as const) {
    const params = { ...quick, network: small, standardize };
    for (const check of modelChecks({ task: "classification", make: () => networkClassifier(params), ...layouts }))
      test(`classifier, ${name}: ${check.name}`, check.run);
    for (const check of modelChecks({ task: "regression", make: () => networkRegressor(params), ...layouts }))
      test(`regressor, ${name}: ${check.name}`, check.run);
  }
});

const toy = toyData({ rows: 60, cols: 4, classes: 3, seed: 2 });
const mostApart = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Math.max(Math.abs(a.length - b.length), ...Array.from(a, (value, i) => Math.abs(value - b[i]!)));
const rightOf = (labels: readonly unknown[], truth: readonly unknown[]) =>
  labels.filter((label, row) => label === truth[row]).length / truth.length;
const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => expect.unreachable("it was taken"),
    (error: unknown) => (MmubError.is(error) ? error : expect.unreachable(String(error))),
  );

/** Rows whose class only the order of their steps tells: whether the long step comes in the first or in the second half. */
function ordered(rows: number): { readonly x: Sequence; readonly ids: Sequence; readonly labels: boolean[] } {
  const chance = random(3);
  const offsets = new Uint32Array(rows + 1);
  const [values, ids, labels]: [number[], number[], boolean[]] = [[], [], []];
  for (let row = 0; row < rows; row++) {
    const steps = 4 + chance.integer(4);
    const late = row % 2 === 0;
    for (let step = 0; step < steps; step++) {
      const marked = step === (late ? steps - 1 : 0);
      values.push(marked ? 3 : chance.normal() * 0.3, chance.normal());
      // 5 then 1 or 2 then 4: a window of two tells them apart.
      ids.push(marked ? 5 : step < steps / 2 ? 1 : 2);
    }
    offsets[row + 1] = values.length / 2;
    labels.push(late);
  }
  return {
    x: sequence(2, offsets, Float32Array.from(values)),
    ids: sequence(1, offsets, Float32Array.from(ids)),
    labels,
  };
}

/** Images of 6 x 6 with a bar that lies or stands, anywhere. */
function bars(rows: number, shape: readonly number[]): { readonly x: Dense; readonly labels: string[] } {
  const chance = random(4);
  const x = dense(rows, 36);
  const labels: string[] = [];
  for (let row = 0; row < rows; row++) {
    const [line, lies] = [chance.integer(6), row % 2 === 0];
    for (let i = 0; i < 36; i++) x.data[row * 36 + i] = 100 + 5 * chance.normal();
    for (let i = 0; i < 6; i++) x.data[row * 36 + (lies ? line * 6 + i : i * 6 + line)]! += 50;
    labels.push(lies ? "lies" : "stands");
  }
  return { x: { ...x, shape }, labels };
}

describe("what each architecture learns", () => {
  const { x, ids, labels } = ordered(64);
  const image = bars(64, [1, 6, 6]);
  const custom = customNetwork({
    input: "tensor",
    build: (scope, photo, outputs) => {
      const lines = reshape(photo, [-1, 36]);
      const hidden = denseLayer({ units: 24, activation: "gelu" })(scope, lines);
      return denseLayer({ units: outputs })(scope, hidden);
    },
  });
  const cases: Record<string, readonly [NetworkClassifierParams, Features, readonly (string | boolean)[]]> = {
    "mlp over an image": [{ network: mlp({ hidden: [24], batchNorm: true }) }, image.x, image.labels],
    "cnn2d, channels first": [
      { network: cnn2d({ filters: [6], hidden: [8], batchNorm: true }) },
      image.x,
      image.labels,
    ],
    "cnn2d, one channel left out": [
      { network: cnn2d({ filters: [8], pool: 1, pooling: "mean" }), epochs: 20 },
      { ...image.x, shape: [6, 6] },
      image.labels,
    ],
    "cnn1d over numbers": [{ network: cnn1d({ filters: 8, kernels: [2, 3] }) }, x, labels],
    "cnn1d over tokens": [
      { network: cnn1d({ filters: 8, kernels: [2], vocabulary: 6, embedding: 8 }), lazyRows: true },
      ids,
      labels,
    ],
    "gru over numbers": [{ network: rnn({ units: 8 }) }, x, labels],
    "lstm over tokens, both ways": [
      { network: rnn({ cell: "lstm", units: 6, vocabulary: 6, embedding: 4, bidirectional: true, pooling: "max" }) },
      ids,
      labels,
    ],
    "gru of two layers, attention": [
      { network: rnn({ units: 6, layers: 2, dropout: 0.1, inputDropout: 0.05, pooling: "attention" }), epochs: 20 },
      x,
      labels,
    ],
    "transformer over numbers": [
      { network: transformer({ width: 16, layers: 1, dropout: 0 }), schedule: cosine({ warmUp: 5 }), epochs: 20 },
      x,
      labels,
    ],
    "transformer over tokens": [
      {
        network: transformer({ width: 8, heads: 2, layers: 1, vocabulary: 6, positions: "learned", maxLength: 8 }),
        epochs: 20,
      },
      ids,
      labels,
    ],
    "a network of one's own": [{ network: custom }, image.x, image.labels],
  };
  for (const [name, [params, features, truth]] of Object.entries(cases))
    test(name, async () => {
      const model = networkClassifier({ ...quick, optimizer: adam({ learningRate: 0.01 }), ...params });
      const fitted = await model.fit(features, truth, { seed: 1 });
      const predicted = await fitted.predict(features);
      expect(rightOf(predicted.labels, truth)).toBeGreaterThan(0.95);
      const loaded = await model.load(await fitted.save());
      expect(await loaded.predict(features)).toEqual(predicted);
      expect(fitted.history.at(-1)!.loss).toBeLessThan(fitted.history[0]!.loss);
      await fitted.dispose();
      // Disposed is not dead.
      const [first] = (await fitted.predict(takeFeatures(features, [0]))).labels;
      expect(first).toBe(predicted.labels[0]);
    });

  test("rows without a step are predicted like rows of the fit", async () => {
    const some = takeFeatures(x, [0, 1, 2, 3]);
    const missing: Sequence = {
      ...some,
      offsets: Uint32Array.of(0, 0, 0, some.offsets[1]!, some.offsets[1]!),
      data: some.data.slice(0, 2 * some.offsets[1]!),
    };
    for (const network of [cnn1d({ filters: 4 }), rnn({ units: 4 }), transformer({ width: 8, layers: 1 })]) {
      const fitted = await networkClassifier({ ...quick, network, epochs: 1 }).fit(missing, [true, false, true, false]);
      const { data } = (await fitted.predict(missing)).probabilities;
      expect(data.every(Number.isFinite)).toBe(true);
      expect([...data.subarray(0, 2)]).toEqual([...data.subarray(2, 4)]);
    }
  });
});

describe("the linear network is the linear model", () => {
  const whole = { ...quick, network: mlp({ hidden: [] }), standardize: false, batchSize: 60 };

  test("alpha is 1 / C of logistic regression, class weights are its class weights", async () => {
    const classWeight = { a: 2, b: 0.5 };
    const model = networkClassifier({ ...whole, alpha: 3, optimizer: sgd({ learningRate: 0.3 }), epochs: 5000 });
    const got = await (await model.fit(toy.features, toy.labels)).predict(toy.features);
    const peer = await logisticRegression({ C: 1 / 3, tolerance: 1e-9 }).fit(toy.features, toy.labels);
    expect(mostApart(got.probabilities.data, (await peer.predict(toy.features)).probabilities.data)).toBeLessThan(1e-4);

    const weighted = networkClassifier({ ...whole, classWeight, optimizer: adam({ learningRate: 0.05 }), epochs: 1 });
    const heavy = await weighted.fit(toy.features, toy.labels);
    const even = await networkClassifier({ ...whole, epochs: 1 }).fit(toy.features, toy.labels);
    // Before the first step both are the same network: what differs is how its mistakes count.
    const { data } = (
      await networkClassifier({ ...whole, optimizer: sgd({ learningRate: 0 }), epochs: 1 })
        .fit(toy.features, toy.labels)
        .then((fitted) => fitted.predict(toy.features))
    ).probabilities;
    const losses = toy.labels.map((label, row) => -Math.log(data[row * 3 + "abc".indexOf(label)]!));
    const weights = toy.labels.map((label) => ({ a: 2, b: 0.5 })[label] ?? 1);
    const mean = (of: readonly number[]) =>
      losses.reduce((sum, loss, row) => sum + loss * of[row]!, 0) / of.reduce((a, b) => a + b);
    expect(even.history[0]!.loss).toBeCloseTo(mean(weights.map(() => 1)), 5);
    expect(heavy.history[0]!.loss).toBeCloseTo(mean(weights), 5);
  });

  test("alpha is twice that of ridge", async () => {
    const model = networkRegressor({ ...whole, alpha: 6, optimizer: sgd({ learningRate: 0.03 }), epochs: 800 });
    const { values } = await (await model.fit(toy.features, toy.values)).predict(toy.features);
    const peer = await ridge({ alpha: 3 }).fit(toy.features, toy.values);
    expect(mostApart(values, (await peer.predict(toy.features)).values)).toBeLessThan(1e-3);
  });
});

describe("numbers of any scale", () => {
  const moved: Dense = {
    ...toy.features,
    data: toy.features.data.map((value, i) => (i % 4 === 1 ? 5000 + 512 * value : value)),
  };

  test("are standardised by the rows of the fit", async () => {
    const model = networkClassifier({ ...quick, network: small });
    const [a, b] = [await model.fit(toy.features, toy.labels), await model.fit(moved, toy.labels)];
    const want = (await a.predict(toy.features)).probabilities.data;
    // What 5000 rounds off.
    expect(mostApart((await b.predict(moved)).probabilities.data, want)).toBeLessThan(1e-3);
    const raw = await networkClassifier({ ...quick, network: small, standardize: false }).fit(moved, toy.labels);
    expect(raw.history.at(-1)!.loss).toBeGreaterThan(2 * b.history.at(-1)!.loss);
  });

  test("a missing row is at the mean, and counts for no mean", async () => {
    const present = Uint8Array.from(toy.labels, (_, row) => Number(row % 5 !== 0));
    const data = moved.data.map((value, i) => (present[Math.floor(i / 4)] ? value : 0));
    const fitted = await networkClassifier({ ...quick, network: small }).fit({ ...moved, data, present }, toy.labels);
    const mean = Float32Array.from({ length: 4 }, (_, col) => {
      const column = [...data.keys()].filter((i) => i % 4 === col && present[Math.floor(i / 4)]).map((i) => data[i]!);
      return column.reduce((sum, value) => sum + value, 0) / column.length;
    });
    expect(mostApart(fitted.trained.weights["standardize/mean"]!, mean)).toBeLessThan(1e-3);
    const missing: Dense = { ...dense(1, 4), present: Uint8Array.of(0) };
    const { probabilities } = await fitted.predict(missing);
    expect(mostApart(probabilities.data, (await fitted.predict(dense(1, 4, mean))).probabilities.data)).toBeLessThan(
      1e-4,
    );
  });

  test("a column that is constant does no harm", async () => {
    const flat: Dense = { ...toy.features, data: toy.features.data.map((value, i) => (i % 4 === 1 ? 0.1 : value)) };
    const fitted = await networkClassifier({ ...quick, network: small }).fit(flat, toy.labels);
    expect(fitted.trained.weights["standardize/scale"]![1]).toBe(1);
    expect(fitted.history.at(-1)!.loss).toBeLessThan(0.5);
  });

  test("images by channel, sequences by column, padding stays zero", async () => {
    const { x, labels } = bars(20, [2, 3, 6]);
    const photo = await networkClassifier({ ...quick, network: cnn2d({ filters: [2] }), epochs: 1 }).fit(x, labels);
    expect(photo.trained.weights["standardize/mean"]).toHaveLength(2);
    let seen: Steps | undefined;
    const peek = customNetwork({
      input: "steps",
      build: (scope: Scope, steps: Steps, outputs): Value => {
        seen = steps;
        return denseLayer({ units: outputs })(scope, globalMeanPool()(scope, steps));
      },
    });
    const { x: steps, labels: late } = ordered(20);
    const visits = await networkClassifier({ ...quick, network: peek, epochs: 1 }).fit(steps, late);
    expect(seen!.values.shape[2]).toBe(2);
    const column = steps.data.filter((_, i) => i % 2 === 0);
    const mean = column.reduce((sum, value) => sum + value, 0) / column.length;
    expect(visits.trained.weights["standardize/mean"]![0]).toBeCloseTo(mean, 5);
    // Alone a row has no padding, among longer ones it has.
    const { data } = (await visits.predict(steps)).probabilities;
    for (const row of [0, 1, 2])
      expect(
        mostApart(
          (await visits.predict(takeFeatures(steps, [row]))).probabilities.data,
          data.subarray(row * 2, row * 2 + 2),
        ),
      ).toBeLessThan(1e-6);
  });
});

describe("training", () => {
  const { features, labels } = toy;

  test("a worker makes the same bytes", async () => {
    const make = (worker: boolean) => networkClassifier({ ...quick, network: small, epochs: 2, worker });
    const [a, b] = [await make(false).fit(features, labels), await make(true).fit(features, labels)];
    expect(encodeSaved(await b.save())).toEqual(encodeSaved(await a.save()));
  });

  test("the batch size of the fit options changes nothing, that of the params does", async () => {
    const saved = async (batchSize: number, own = 16) =>
      encodeSaved(
        await (
          await networkClassifier({ ...quick, network: small, epochs: 2, batchSize: own }).fit(features, labels, {
            batchSize,
          })
        ).save(),
      );
    expect(await saved(1)).toEqual(await saved(50));
    expect(await saved(1)).not.toEqual(await saved(1, 20));
  });

  test("stops early on rows held out, and keeps the best weights", async () => {
    const params = { ...quick, network: mlp({ hidden: [32] }), epochs: 60, earlyStopping: { patience: 2 } };
    const fitted = await networkClassifier({ ...params, validation: 0.3 }).fit(features, labels, { seed: 3 });
    expect(fitted.history.length).toBeLessThan(60);
    expect(fitted.history.length).toBe(fitted.bestEpoch! + 2);
    const losses = fitted.history.map(({ validation }) => validation!.loss);
    expect(losses[fitted.bestEpoch! - 1]).toBe(Math.min(...losses));
  });

  test("is judged on rows of one's own, by their labels", async () => {
    const shown: Progress[] = [];
    const every = [...labels.keys()];
    const [inside, outside] = [every.filter((row) => row % 3 > 0), every.filter((row) => row % 3 === 0)];
    const of = (rows: number[]) => ({ x: takeFeatures(features, rows), targets: rows.map((row) => labels[row]!) });
    const [train, validation] = [of(inside), of(outside)];
    const model = networkClassifier({ ...quick, network: small });
    const fitted = await model.fit(train.x, train.targets, { validation, onProgress: (p) => shown.push(p) });
    const predicted = await fitted.predict(validation.x);
    const accuracy = fitted.history.at(-1)!.validation!.metrics.accuracy!;
    expect(accuracy).toBeCloseTo(rightOf(predicted.labels, validation.targets), 6);
    expect(shown.at(-1)).toMatchObject({
      part: "@mmub/models/network-classifier",
      metrics: { epoch: 12, loss: expect.any(Number), "validation.accuracy": accuracy },
    });
    const odd = { ...validation, targets: validation.targets.map((target, i) => (i === 2 ? "z" : target)) };
    const error = await codeOf(model.fit(train.x, train.targets, { validation: odd }));
    expect(error).toMatchObject({
      code: "invalid-input",
      index: 2,
      message: expect.stringContaining("classes of the fit"),
    });
    const narrow = { ...validation, x: dense(validation.targets.length, 3) };
    expect((await codeOf(model.fit(train.x, train.targets, { validation: narrow }))).code).toBe("shape-mismatch");
  });

  test("goes on from a checkpoint to the bytes of a training without a break", async () => {
    const folder = mkdtempSync(join(tmpdir(), "mmub-network-"));
    const checkpoint = { file: join(folder, "half.mmub") };
    const model = networkClassifier({ ...quick, network: small, epochs: 4 });
    const want = await (await model.fit(features, labels)).save();
    const stop = new AbortController();
    const onProgress = ({ metrics }: Progress) => metrics!.epoch === 3 && stop.abort();
    await expect(model.fit(features, labels, { checkpoint, signal: stop.signal, onProgress })).rejects.toThrow();
    const again = await model.fit(features, labels, { checkpoint, resume: true });
    expect(encodeSaved(await again.save())).toEqual(encodeSaved(want));
    rmSync(folder, { recursive: true });
  });

  test("label smoothing makes it less sure", async () => {
    const sureness = async (labelSmoothing: number) => {
      const model = networkClassifier({ ...quick, network: small, epochs: 60, labelSmoothing });
      const { data } = (await (await model.fit(features, labels)).predict(features)).probabilities;
      return data.reduce((most, chance) => Math.max(most, chance));
    };
    expect(await sureness(0)).toBeGreaterThan(0.99);
    expect(await sureness(0.3)).toBeLessThan(0.95);
  });

  test("a loss that ends in infinity is told with what to do", async () => {
    const model = networkRegressor({ ...quick, network: small, optimizer: sgd({ learningRate: 1e30 }) });
    const error = await codeOf(model.fit(features, toy.values));
    expect(error.code).toBe("invalid-input");
    expect(error.message).toMatch(/at step \d+ .*lower the rate/);
  });
});

describe("losses of numbers", () => {
  // Two groups, each with a target far off.
  const x = dense(
    40,
    1,
    Float32Array.from({ length: 40 }, (_, row) => row % 2),
  );
  const targets = Array.from({ length: 40 }, (_, row) => (row < 2 ? 500 : row % 2 === 0 ? 1 : 3));
  const groups = async (loss: "mse" | "mae" | "poisson") => {
    const params = { ...quick, batchSize: 40, optimizer: adam({ learningRate: 0.05 }), epochs: 600 };
    const fitted = await networkRegressor({ ...params, network: mlp({ hidden: [] }), loss }).fit(x, targets);
    return [...(await fitted.predict(dense(2, 1, Float32Array.of(0, 1)))).values];
  };

  test("mse and poisson give the mean, mae the median", async () => {
    expect(mostApart(await groups("mse"), [25.95, 27.85])).toBeLessThan(0.1);
    expect(mostApart(await groups("poisson"), [25.95, 27.85])).toBeLessThan(0.1);
    // Without curvature the last steps go to and fro by the learning rate, of a deviation of about 108.
    expect(mostApart(await groups("mae"), [1, 3])).toBeLessThan(4);
  });

  test("counts are not below zero", async () => {
    const model = networkRegressor({ ...quick, network: small, loss: "poisson" });
    expect(
      await codeOf(
        model.fit(
          x,
          targets.map((target, i) => (i === 7 ? -1 : target)),
        ),
      ),
    ).toMatchObject({ code: "invalid-input", index: 7 });
  });
});

test("exports to ONNX with its standardisation", async () => {
  const model = networkClassifier({ ...quick, network: small, epochs: 2 });
  const { trained, predict } = await model.fit(toy.features, toy.labels);
  const exported = await onnxModel(toOnnx(trained.network, trained.weights));
  const { output } = await exported.run({ x: { shape: [60, 4], data: toy.features.data } });
  const { probabilities } = await predict(toy.features);
  for (const row of [0, 1, 59]) {
    const logits = Array.from({ length: 3 }, (_, c) => Number(output!.data[row * 3 + c]));
    const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
    const want = logits.map((logit) => Math.exp(logit) / total);
    expect(mostApart(probabilities.data.subarray(row * 3, row * 3 + 3), want)).toBeLessThan(1e-5);
  }
  await exported.dispose();
});

describe("refuses", () => {
  const { features, labels } = toy;
  const steps = ordered(12);

  test("features that a network does not take", async () => {
    const fit = (network: NonNullable<NetworkClassifierParams["network"]>, x: Features) =>
      codeOf(
        networkClassifier({ ...quick, network }).fit(
          x,
          Array.from({ length: x.rows }, (_, row) => row % 2),
        ),
      );
    for (const [network, x, message] of [
      [mlp(), steps.x, "mlp got sequence features with 2 columns, want Dense or Sparse features; for a Sequence"],
      [cnn2d(), features, "cnn2d got dense features with 4 columns, want Dense features with a shape of"],
      [rnn(), features, "rnn got dense features with 4 columns, want a Sequence"],
      [cnn1d({ vocabulary: 9 }), steps.x, "cnn1d got sequence features with 2 columns, want a Sequence of one column"],
      [customNetwork({ input: "bag", build: () => null as never }), features, "custom got dense features"],
    ] as const)
      expect(await fit(network, x)).toMatchObject({
        code: "shape-mismatch",
        message: expect.stringContaining(message),
      });
    const error = await fit(rnn({ vocabulary: 5 }), steps.ids);
    expect(error).toMatchObject({
      code: "invalid-input",
      message: expect.stringContaining("want whole numbers from 0 to 4"),
    });
    const wrong = customNetwork({ input: "vector", build: (scope, x) => denseLayer({ units: 7 })(scope, x) });
    expect((await fit(wrong, features)).message).toContain("gives [16, 7], want [batch, 2]");
  });

  test("another layout than in the fit", async () => {
    const fitted = await networkClassifier({ ...quick, network: small, epochs: 1 }).fit(features, labels);
    expect((await codeOf(fitted.predict(steps.x))).message).toContain(
      "got sequence features of 2 columns, want dense ones of 4 as in the fit",
    );
  });

  test("a saved network of one's own whose code has changed", async () => {
    const make = (units: number, name: string, turned = false) =>
      networkClassifier({
        ...quick,
        epochs: 1,
        network: customNetwork({
          input: "vector",
          build: (scope, x, outputs) => {
            const hidden = turned
              ? scope.enter(name, (own) => {
                  own.parameter("weight", [4, units], () => new Float32Array(4 * units));
                  own.parameter("bias", [units], () => new Float32Array(units));
                  return reshape(x, [-1, 4]);
                })
              : denseLayer({ units, name })(scope, x);
            return denseLayer({ units: outputs, name: "output" })(scope, hidden);
          },
        }),
      });
    const saved = await (await make(5, "hidden").fit(features, labels)).save();
    await expect(make(5, "hidden").load(saved)).resolves.toBeDefined();
    for (const [other, message] of [
      [make(5, "inner"), 'no parameter "inner/weight"'],
      [make(6, "hidden"), 'parameter "hidden/weight" was [5, 4] when saved, is [6, 4] here'],
      [make(5, "hidden", true), 'parameter "hidden/weight" was [5, 4] when saved, is [4, 5] here'],
    ] as const)
      expect(await codeOf(other.load(saved))).toMatchObject({
        code: "saved-mismatch",
        message: expect.stringContaining(message),
      });
    const params = networkClassifier({ ...quick, epochs: 2, network: small });
    expect((await codeOf(params.load(saved))).code).toBe("saved-mismatch");
  });

  test("params that make no sense", () => {
    const errors: [() => unknown, string][] = [
      [() => networkClassifier({ epochs: 0 }), "epochs is number 0, want a positive integer"],
      [() => networkClassifier({ batchSize: 1.5 }), "batchSize"],
      [() => networkClassifier({ validation: 1 }), "validation"],
      [() => networkClassifier({ alpha: -1 }), "alpha"],
      [() => networkClassifier({ alpha: 1, optimizer: adamW() }), "want one of them"],
      [() => networkClassifier({ labelSmoothing: 2 }), "labelSmoothing"],
      [() => networkClassifier({ classWeight: { a: -1 } }), "classWeight"],
      [() => networkClassifier({ network: {} as never }), "want an architecture such as mlp()"],
      [() => networkClassifier({ earlyStopping: { patience: 0 } }), "earlyStopping.patience"],
      [() => networkRegressor({ earlyStopping: { metric: "accuracy" } }), "earlyStopping.metric"],
      [() => networkRegressor({ loss: "log" as never }), "loss"],
      [() => mlp({ hidden: [0] }), "models/mlp: hidden"],
      [() => mlp({ dropout: 1 }), "rate"],
      [() => cnn1d({ kernels: [] }), "models/cnn1d: kernels"],
      [() => cnn2d({ pooling: "last" as never }), "models/cnn2d: pooling"],
      [() => rnn({ cell: "rnn" as never }), "models/rnn: cell"],
      [() => transformer({ positions: "learned" }), "maxLength"],
      [() => customNetwork({ input: "tokens", build: () => null as never }), "models/custom: vocabulary"],
    ];
    for (const [make, message] of errors) expect(make).toThrow(message);
  });

  test("a runtime that is not there", async () => {
    const runtime = () => onnx({ package: "onnxruntime-gone" as never });
    await expect(networkClassifier({ ...quick, runtime }).fit(features, labels)).rejects.toThrow("onnxruntime-node");
  });
});
