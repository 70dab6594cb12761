import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { dense as denseFeatures, MmubError, type Progress, random, sequence, sparse } from "@mmub/core";
import { toyData } from "@mmub/core/testing";
import { afterAll, describe, expect, test } from "vitest";
import fixture from "../fixtures/training.json" with { type: "json" };
import {
  activation,
  adam,
  adamW,
  add,
  batchNorm,
  binaryCrossEntropy,
  concat,
  conv1d,
  cosine,
  crossEntropy,
  dense,
  denseGradient,
  dropout,
  embedding,
  exponentialDecay,
  flatten,
  gather,
  globalMaxPool,
  globalMeanPool,
  gradients,
  gru,
  input,
  type Loss,
  loadTrained,
  log,
  mean,
  meanLoss,
  mse,
  mul,
  multiHeadAttention,
  type Network,
  network,
  type Program,
  parametersOf,
  plateau,
  program,
  type Runtime,
  reshape,
  type Session,
  sequential,
  sgd,
  stepDecay,
  stepper,
  sum,
  type Trained,
  type TrainOptions,
  trace,
  train,
  withWeights,
} from "./index.js";
import { onnx } from "./runtimes/onnx.js";
import { reference } from "./runtimes/reference.js";
import { tfjs } from "./runtimes/tfjs.js";
import { trainingProgram } from "./step-program.js";

const folder = mkdtempSync(join(tmpdir(), "mmub-train-"));
afterAll(() => rmSync(folder, { recursive: true }));
const native = await onnx({ package: "onnxruntime-node" });

const toy = toyData({ rows: 120, cols: 4, classes: 3, seed: 1 });
const data = {
  inputs: { x: toy.features },
  targets: { target: Int32Array.from(toy.labels, (label) => label.charCodeAt(0) - 97) },
};
const mlp = network({ x: { kind: "vector", cols: 4 } }, (scope, { x }) =>
  dense({ units: 3 })(scope, dropout({ rate: 0.1 })(scope, dense({ units: 8, activation: "relu" })(scope, x))),
);
const basic = {
  loss: crossEntropy(),
  optimizer: adam({ learningRate: 0.02 }),
  epochs: 3,
  batchSize: 16,
  seed: 7,
  runtime: native,
  worker: false,
} as const;
const bytes = ({ weights }: Pick<Trained, "weights">) =>
  Object.entries(weights).map(([name, of]) => [
    name,
    Buffer.from(of.buffer, of.byteOffset, of.byteLength).toString("hex"),
  ]);

/** Rows of 2 to 20 steps; the class is whether the first channel's mean is positive. */
const rows = (() => {
  const numbers = random(5);
  const lengths = Array.from({ length: 90 }, () => 2 + numbers.integer(19));
  const offsets = Uint32Array.from([0, ...lengths]);
  for (let i = 0; i < lengths.length; i++) offsets[i + 1]! += offsets[i]!;
  const values = new Float32Array(offsets.at(-1)! * 2);
  const target = new Float32Array(lengths.length);
  for (const [row, length] of lengths.entries()) {
    target[row] = row % 2;
    for (let at = offsets[row]! * 2; at < (offsets[row]! + length) * 2; at++)
      values[at] = numbers.normal() + (row % 2) - 0.5;
  }
  return { features: sequence(2, offsets, values), target };
})();
const meanOfSteps = network({ s: { kind: "steps", cols: 2 } }, (scope, { s }) => {
  const masked = mul(s.values, reshape(s.mask, [...s.mask.shape, 1]));
  return dense({ units: 1 })(scope, sum(masked, [1]));
});

describe("as PyTorch trains", () => {
  const { weights, x, y, ids } = fixture;
  const start = Object.fromEntries(Object.entries(weights).map(([name, of]) => [name, Float32Array.from(of)]));
  const net = network({ x: { kind: "vector", cols: 3 } }, (scope, { x }) =>
    dense({ units: 2 })(scope, dense({ units: 5, activation: "relu" })(scope, x)),
  );
  const embedded = network({ ids: { kind: "tokens", vocabulary: 12 } }, (scope, { ids }) => {
    const table = scope.parameter("table", [12, 3], () => Float32Array.from(fixture.table));
    const x = mean(gather(table, ids.ids), [1]);
    return dense({ units: 2 })(scope, dense({ units: 5, activation: "relu" })(scope, x));
  });
  const features = denseFeatures(fixture.rows, 3, Float32Array.from(x));
  const tokens = sequence(
    1,
    Uint32Array.from({ length: fixture.rows + 1 }, (_, i) => i * 4),
    Float32Array.from(ids),
  );
  const cases: Record<string, Partial<TrainOptions>> = {
    sgd: { optimizer: sgd({ learningRate: 0.1, weightDecay: 0.1 }) },
    momentum: { optimizer: sgd({ learningRate: 0.05, momentum: 0.9, dampening: 0.1 }) },
    nesterov: { optimizer: sgd({ learningRate: 0.05, momentum: 0.8, nesterov: true, weightDecay: 0.05 }) },
    adam: {},
    "adam, decay, amsgrad": {
      optimizer: adam({ learningRate: 0.05, beta1: 0.8, beta2: 0.9, epsilon: 1e-4, weightDecay: 0.1, amsgrad: true }),
    },
    adamW: { optimizer: adamW({ learningRate: 0.05, weightDecay: 0.2 }) },
    "clip norm": { optimizer: sgd({ learningRate: 0.5 }), clip: { norm: 0.2 } },
    "clip value": { optimizer: sgd({ learningRate: 0.5 }), clip: { value: 0.05 } },
    cosine: { schedule: cosine({ warmUp: 3, to: 0.1 }) },
    step: { schedule: stepDecay({ everyEpochs: [1, 2], factor: 0.5 }) },
    exponential: { schedule: exponentialDecay({ factor: 0.7 }) },
    "larger batch": { batchSize: 5, accumulate: 2 },
    groups: {
      optimizer: adamW({ learningRate: 0.05, weightDecay: 0.3 }),
      parameters: (name) =>
        name === "dense/weight"
          ? { rateFactor: 0.2 }
          : name === "dense/bias"
            ? { trained: false }
            : name === "dense_2/bias"
              ? { weightDecay: 0 }
              : {},
    },
    "embedding, adam": {},
    "embedding, sgd": { optimizer: sgd({ learningRate: 0.5 }) },
    "embedding, lazy adam": { lazyRows: true },
  };
  test.each(Object.entries(cases))("%s", async (name, options) => {
    const wanted = fixture.losses[name as keyof typeof fixture.losses];
    const common = {
      ...basic,
      optimizer: adam({ learningRate: 0.05 }),
      batchSize: 4,
      shuffle: false,
      weights: start,
      ...options,
    };
    const targets = { target: y };
    const trained = name.startsWith("embedding")
      ? await train(embedded, { inputs: { ids: tokens }, targets }, common)
      : await train(net, { inputs: { x: features }, targets }, common);
    const perEpoch = wanted.length / 3;
    for (const [epoch, { loss }] of trained.history.entries()) {
      const want = wanted.slice(epoch * perEpoch, (epoch + 1) * perEpoch).reduce((a, b) => a + b) / perEpoch;
      expect(Math.abs(loss - want)).toBeLessThan(2e-6);
    }
  });

  test("rows that are multiples of few others, beside rows of other uses of the table", async () => {
    const net = network({ words: { kind: "tokens", vocabulary: 9 } }, (scope, { words }) => {
      const steps = embedding({ rows: 9, width: 3 })(scope, words);
      const best = globalMaxPool()(scope, conv1d({ filters: 4, kernel: 2, activation: "relu" })(scope, steps));
      return dense({ units: 1 })(scope, concat([best, globalMeanPool()(scope, steps)]));
    });
    const [batch, length, learningRate] = [4, 6, 0.1];
    const ids = Int32Array.from({ length: batch * length }, (_, i) => (i * i + 3 * i) % 9);
    const targets = { target: Float32Array.of(1, -1, 2, 0) };
    const given = Object.fromEntries(
      parametersOf(net, { lengths: { words: length } }).map(({ name, shape }) => {
        const numbers = random(3).fork(name);
        return [name, Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => numbers.normal())];
      }),
    );
    const traced = trace(net, { batch, lengths: { words: length }, training: true });
    const target = input("target", [batch, 1]);
    const table = traced.parameters.get("embedding/weight")!.value;
    const loss = meanLoss(mse(), traced.output, { target }, input("weights", [batch]));
    const gradient = denseGradient(table, gradients(loss, [table]).get(table)!);
    const feeds = { ...given, words: ids, "words.mask": new Float32Array(24).fill(1), target: targets.target };
    const session = await reference().compile(program({ gradient }));
    const moved = new Float32Array(27);
    await session.run({ ...feeds, weights: new Float32Array(4).fill(1) }, { gradient: moved });
    const want = moved.map((g, i) => given["embedding/weight"]![i]! - learningRate * g);
    // Plain sgd steps touched rows; the first step with momentum is the same, of the whole table.
    for (const momentum of [0, 0.9]) {
      const options = { loss: mse(), optimizer: sgd({ learningRate, momentum }), batch, lengths: { words: length } };
      const by = await stepper(net, { ...options, weights: given, runtime: native });
      await by.step({ inputs: { words: ids }, targets });
      for (const [i, value] of by.weights["embedding/weight"]!.entries()) expect(value).toBeCloseTo(want[i]!, 5);
      await by.dispose();
    }
    const both = trainingProgram(net as Network, mse(), { batch, lengths: { words: length } }, () => true);
    expect(both.gradients["embedding/weight"]!.pieces.map(({ from }) => from !== null).sort()).toEqual([false, true]);
  });

  test("lazy rules step every row that was looked up, whether it won or not", async () => {
    const net = (short: boolean) =>
      network({ words: { kind: "tokens", vocabulary: 30 } }, (scope, { words }) => {
        const convolution = { name: "convolution", filters: 2, kernel: 2 };
        const pooled = short
          ? sequential(conv1d({ ...convolution, activation: "relu" }), globalMaxPool())
          : sequential(conv1d(convolution), globalMaxPool(), activation({ kind: "relu" }));
        return dense({ units: 1 })(scope, pooled(scope, embedding({ rows: 30, width: 3 })(scope, words)));
      });
    const [batch, length] = [3, 8];
    const options = { loss: mse(), batch, lengths: { words: length }, lazyRows: true, runtime: native };
    const [long, short] = [await stepper(net(false), options), await stepper(net(true), options)];
    for (let step = 0; step < 4; step++) {
      const words = Int32Array.from({ length: batch * length }, (_, i) => (i * i + 5 * i * step + step) % 29);
      const of = { inputs: { words }, targets: { target: [1, -1, 3] } };
      await long.step(of);
      await short.step(of);
    }
    for (const [name, values] of Object.entries(long.weights))
      for (const [i, value] of values.entries()) expect(short.weights[name]![i]).toBeCloseTo(value, 5);
    await long.dispose();
    await short.dispose();
  });

  test("accumulated rows of tables, lazily and not", async () => {
    for (const [lazyRows, name] of [
      [true, "embedding, lazy adam"],
      [false, "embedding, adam"],
    ] as const) {
      const options = { ...basic, optimizer: adam({ learningRate: 0.05 }), shuffle: false, weights: start, lazyRows };
      const inputs = { ids: tokens };
      const small = await train(
        embedded,
        { inputs, targets: { target: y } },
        { ...options, batchSize: 2, accumulate: 2 },
      );
      const wanted = fixture.losses[name];
      for (const [epoch, { loss }] of small.history.entries())
        expect(loss).toBeCloseTo(wanted.slice(epoch * 5, epoch * 5 + 5).reduce((a, b) => a + b) / 5, 5);
    }
  });
});

describe("learns", () => {
  const runtimes = {
    "onnxruntime-node, in a worker": async () => ({ runtime: native, worker: true }),
    "onnxruntime-web, in a worker": async () => ({ runtime: await onnx({ package: "onnxruntime-web" }), worker: true }),
    "tfjs wasm, in a worker": async () => ({ runtime: await tfjs({ backend: "wasm" }), worker: true }),
    "the reference": async () => ({ runtime: reference(), worker: false }),
  };
  test.each(Object.entries(runtimes))("classes on %s", async (_, where) => {
    const options = { ...basic, epochs: 12, metrics: ["accuracy"], validation: 0.25, ...(await where()) } as const;
    const trained = await train(mlp, data, options);
    const [first, last] = [trained.history[0]!, trained.history.at(-1)!];
    expect(last.loss).toBeLessThan(first.loss / 2);
    // Half of the rows are of one class.
    expect(last.validation!.metrics.accuracy!).toBeGreaterThan(0.8);
    const { rows, cols, data: logits } = await trained.predict(data.inputs);
    expect([rows, cols]).toEqual([120, 3]);
    const right = [...data.targets.target].filter((want, row) => {
      const of = [...logits.subarray(row * 3, row * 3 + 3)];
      return of.indexOf(Math.max(...of)) === want;
    });
    expect(right.length).toBeGreaterThan(100);
    await trained.dispose();
  });

  test("ragged rows, batched by length", async () => {
    const trained = await train(
      meanOfSteps,
      { inputs: { s: rows.features }, targets: { target: rows.target } },
      { ...basic, loss: binaryCrossEntropy(), epochs: 10, batchSize: 8, metrics: ["accuracy"] },
    );
    expect(trained.history.at(-1)!.metrics.accuracy).toBeGreaterThan(0.85);
    const all = await trained.predict({ s: rows.features });
    const one = await trained.predict({ s: rows.features }, { batchSize: 7 });
    for (const [row, value] of all.data.entries()) expect(one.data[row]).toBeCloseTo(value, 5);
  });

  test("sparse rows and a row weight of 0", async () => {
    const numbers = random(2);
    const offsets = Uint32Array.from({ length: 61 }, (_, i) => i * 2);
    const columns = Uint32Array.from({ length: 120 }, (_, i) => (i % 2) * 10 + numbers.integer(10));
    const features = sparse(20, offsets, columns, new Float32Array(120).fill(1));
    const target = Float32Array.from({ length: 60 }, (_, row) => (columns[row * 2]! < 5 ? 3 : -3));
    const wild = target.map((value, row) => (row % 3 === 0 ? 1e6 : value));
    const net = network({ b: { kind: "bag", cols: 20 } }, (scope, { b }) => {
      const table = scope.parameter("table", [20, 1], (shape) => new Float32Array(shape[0]! * shape[1]!));
      const weighted = mul(gather(table, b.ids), reshape(b.weights, [...b.weights.shape, 1]));
      return sum(weighted, [1]);
    });
    const options = { ...basic, loss: mse(), optimizer: sgd({ learningRate: 0.3 }), epochs: 30 };
    const trained = await train(
      net,
      {
        inputs: { b: features },
        targets: { target: wild },
        weights: target.map((_, row) => (row % 3 ? 1 : 0)),
      },
      options,
    );
    expect(trained.history.at(-1)!.loss).toBeLessThan(0.5);
  });

  test("batch norm keeps running means, which predict", async () => {
    const net = network({ x: { kind: "vector", cols: 4 } }, (scope, { x }) =>
      dense({ units: 3 })(scope, batchNorm()(scope, x)),
    );
    const trained = await train(net, data, { ...basic, epochs: 8 });
    const buffers = Object.keys(trained.weights).filter((name) => name.includes("running_mean"));
    expect(buffers).toHaveLength(1);
    expect(trained.weights[buffers[0]!]!.some((value) => Math.abs(value) > 0.1)).toBe(true);
  });
});

describe("repeats bit for bit", () => {
  test("the same seed, in place and in a worker", async () => {
    const here = await train(mlp, data, { ...basic, validation: 0.2 });
    const there = await train(mlp, data, { ...basic, validation: 0.2, worker: true });
    const other = await train(mlp, data, { ...basic, validation: 0.2, seed: 8 });
    expect(bytes(there)).toEqual(bytes(here));
    expect(there.history).toEqual(here.history);
    expect(bytes(other)).not.toEqual(bytes(here));
  });

  test("and inputs are left as they were", async () => {
    const before = [...data.inputs.x.data];
    await train(mlp, data, { ...basic, epochs: 1, worker: true });
    expect([...data.inputs.x.data]).toEqual(before);
  });

  const options = {
    ...basic,
    epochs: 4,
    validation: 0.2,
    metrics: ["accuracy"],
    schedule: plateau({ patience: 0, minDelta: 0.5 }),
    earlyStopping: { patience: 9 },
  } as const;
  test.each([1, 2, 3, 99])("a training aborted at its report number %i, or not, and resumed", async (stopAt) => {
    const whole = await train(mlp, data, options);
    const file = join(folder, `aborted-${stopAt}`);
    const checkpoint = { file, everySteps: 2 };
    const controller = new AbortController();
    let reports = 0;
    const onProgress = () => {
      if (++reports === stopAt) controller.abort(new Error("enough"));
    };
    const { signal } = controller;
    const broken = train(mlp, data, { ...options, checkpoint, signal, onProgress });
    if (stopAt < 5) await expect(broken).rejects.toThrow("enough");
    else await broken;
    const resumed = await train(mlp, data, { ...options, checkpoint, resume: true });
    expect(bytes(resumed)).toEqual(bytes(whole));
    expect(resumed.history).toEqual(whole.history);
    expect(resumed.bestEpoch).toEqual(whole.bestEpoch);
  });

  test("a process killed in the middle and resumed", async () => {
    const script = (more: string) => `
      import { random, dense as features } from "@mmub/core";
      import { network, dense, dropout, crossEntropy, adam, train, onnx } from ${JSON.stringify(new URL("./index.ts", import.meta.url).href)};
      const numbers = random(4);
      const x = features(400, 6);
      for (let i = 0; i < x.data.length; i++) x.data[i] = numbers.normal();
      const target = Int32Array.from({ length: 400 }, (_, i) => (x.data[i * 6] > 0 ? 1 : 0));
      const net = network({ x: { kind: "vector", cols: 6 } }, (scope, { x }) =>
        dense({ units: 2 })(scope, dropout({ rate: 0.2 })(scope, dense({ units: 16, activation: "relu" })(scope, x))));
      const trained = await train(net, { inputs: { x }, targets: { target } }, {
        loss: crossEntropy(), optimizer: adam(), epochs: 30, batchSize: 4, seed: 3, runtime: await onnx(), ${more} });
      let hash = 17;
      for (const values of Object.values(trained.weights)) for (const word of new Int32Array(values.buffer)) hash = (Math.imul(hash, 31) + word) | 0;
      console.log("hash", hash, trained.history.length);`;
    const file = join(folder, "killed");
    const resume = `resume: true, checkpoint: { file: ${JSON.stringify(file)}, everySteps: 7 }`;
    const whole = await runScript(script(""));
    expect(whole).toMatch(/hash -?\d+ 30/);
    await runScript(script(resume), () => existsSync(file));
    expect(await runScript(script(resume))).toBe(whole);
  });

  test("a checkpoint of something else is refused", async () => {
    const checkpoint = { file: join(folder, "other") };
    await train(mlp, data, { ...basic, checkpoint, epochs: 1 });
    await expect(train(mlp, data, { ...basic, checkpoint, resume: true, batchSize: 8 })).rejects.toMatchObject({
      code: "saved-mismatch",
      message: expect.stringMatching(/other options; give it those, or another file/),
    });
  });
});

/** What a module prints; killed without notice once `stop` says so. */
async function runScript(code: string, stop?: () => boolean): Promise<string> {
  const loader = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;
  const child = spawn(
    process.execPath,
    ["--conditions=@mmub/source", "--import", loader, "--input-type=module", "--eval", code],
    { cwd: import.meta.dirname, stdio: ["ignore", "pipe", "inherit"] },
  );
  let printed = "";
  child.stdout.on("data", (piece: Buffer) => {
    printed += piece.toString();
  });
  const watch = setInterval(() => {
    if (stop?.()) child.kill("SIGKILL");
  }, 2);
  const code_ = await new Promise((resolve) => child.on("close", (_, signal) => resolve(signal)));
  clearInterval(watch);
  if (stop) expect(code_).toBe("SIGKILL");
  return printed;
}

describe("early stopping", () => {
  test("ends after the epochs without a gain, with the weights of the best", async () => {
    // Learns a little, then goes astray: the rate is far too high later.
    const options = { ...basic, optimizer: sgd({ learningRate: 0.1, momentum: 0.9 }), epochs: 60, validation: 0.3 };
    const trained = await train(mlp, data, { ...options, earlyStopping: { patience: 2, minDelta: 0.02 } });
    const losses = trained.history.map(({ validation }) => validation!.loss);
    const best = trained.bestEpoch! - 1;
    expect(losses.length).toBeLessThan(60);
    expect(losses.length).toBe(best + 1 + 2);
    for (const loss of losses.slice(best + 1)) expect(loss).toBeGreaterThan(losses[best]! - 0.02);
    // The weights are those that a training of so many epochs ends with.
    const short = await train(mlp, data, { ...options, epochs: best + 1 });
    expect(bytes(trained)).toEqual(bytes(short));
  });

  test("by a metric that should rise", async () => {
    const trained = await train(mlp, data, {
      ...basic,
      epochs: 6,
      metrics: ["accuracy"],
      validation: { inputs: data.inputs, targets: data.targets },
      earlyStopping: { patience: Number.POSITIVE_INFINITY, metric: "accuracy" },
    });
    expect(trained.history).toHaveLength(6);
    const scores = trained.history.map(({ validation }) => validation!.metrics.accuracy!);
    expect(scores[trained.bestEpoch! - 1]).toBe(Math.max(...scores));
  });
});

describe("tells how it goes", () => {
  test.each([false, true])("progress rises to the last step (worker: %s)", async (worker) => {
    const seen: Progress[] = [];
    await train(mlp, data, {
      ...basic,
      worker,
      validation: 0.2,
      metrics: ["accuracy"],
      onProgress: (of) => seen.push(of),
    });
    const done = seen.map((of) => of.done);
    expect(done).toEqual([...done].sort((a, b) => a - b));
    expect(seen.at(-1)).toMatchObject({
      part: "@mmub/nn/train",
      done: 18,
      total: 18,
      metrics: { epoch: 3, secondsLeft: 0 },
    });
    expect(Object.keys(seen.at(-1)!.metrics!)).toEqual(
      expect.arrayContaining(["loss", "accuracy", "validation.loss", "validation.accuracy", "samplesPerSecond"]),
    );
  });

  test.each([false, true])("abort rejects with the signal's reason (worker: %s)", async (worker) => {
    const reason = new Error("enough");
    await expect(train(mlp, data, { ...basic, worker, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const onProgress = () => controller.abort(reason);
    const endless = { ...basic, worker, epochs: 100_000, signal: controller.signal, onProgress };
    await expect(train(mlp, data, endless)).rejects.toBe(reason);
  });

  test("an error of the caller's own function comes back, in a worker too", async () => {
    const own = new Error("mine");
    const onProgress = () => {
      throw own;
    };
    await expect(train(mlp, data, { ...basic, worker: true, epochs: 100_000, onProgress })).rejects.toBe(own);
  });
});

describe("numbers that are no more", () => {
  // The logarithm of what falls below 0 after some steps.
  const vanishing = network({ x: { kind: "vector", cols: 1 } }, (scope) =>
    log(
      reshape(
        add(
          scope.parameter("w", [1], () => Float32Array.of(0.35)),
          0,
        ),
        [1, 1],
      ),
    ),
  );
  const descends: Loss = { ...mse(), build: (output) => ({ loss: reshape(output, [1]) }), targets: () => ({}) };
  test.each([false, true])("stop the training and keep the last good weights (worker: %s)", async (worker) => {
    const one = { inputs: { x: denseFeatures(1, 1, Float32Array.of(1)) } };
    // w goes 0.35, 0.25, 0.11, -0.08: each step takes 0.035 / w.
    const options = {
      ...basic,
      worker,
      loss: descends,
      optimizer: sgd({ learningRate: 0.035 }),
      epochs: 9,
      batchSize: 1,
    };
    const error = await train(vanishing, one, options).catch((failure: unknown) => failure);
    expect(error).toBeInstanceOf(MmubError);
    const { code, part, message, details } = error as MmubError;
    expect([code, part]).toEqual(["invalid-input", "@mmub/nn/train"]);
    expect(message).toMatch(/the loss is NaN at step 4 \(epoch 4\), with a learning rate of 0.035; lower the rate/);
    expect(details).toMatchObject({ step: 4, epoch: 4 });
    const { weights, history } = details.trained as Trained;
    let [w, before] = [0.35, 0];
    for (let step = 0; step < 3; step++) [w, before] = [w - 0.035 / w, w];
    // What the third step makes has no logarithm, so it is not that.
    expect(w).toBeLessThan(0);
    expect(weights.w![0]).toBeCloseTo(before, 5);
    expect(message).toContain("details.trained has the weights after step 2, the last known to give a finite loss");
    expect(history).toHaveLength(3);
  });

  test("or the best ones, where a validation says which", async () => {
    const one = { inputs: { x: denseFeatures(1, 1, Float32Array.of(1)) } };
    const options = { ...basic, loss: descends, optimizer: sgd({ learningRate: 0.035 }), epochs: 9, batchSize: 1 };
    const error = await train(vanishing, one, { ...options, validation: one, earlyStopping: { patience: 2 } }).catch(
      (failure: unknown) => failure,
    );
    const { message, details } = error as MmubError;
    expect(message).toMatch(/the loss of the validation is NaN at step 3 .* has the weights of epoch 2, the best$/);
    expect((details.trained as Trained).bestEpoch).toBe(2);
    expect((details.trained as Trained).weights.w![0]).toBeCloseTo(0.11, 2);
  });

  test("a gradient that overflows is seen before it moves anything", async () => {
    const steep = network({ x: { kind: "vector", cols: 1 } }, (scope) =>
      mul(
        reshape(
          scope.parameter("w", [1], () => Float32Array.of(1e-30)),
          [1, 1],
        ),
        1e30,
      ),
    );
    const loss: Loss = { ...descends, build: (output) => ({ loss: mul(reshape(output, [1]), 1e30) }) };
    const one = { inputs: { x: denseFeatures(1, 1) } };
    await expect(train(steep, one, { ...basic, loss, batchSize: 1 })).rejects.toMatchObject({
      message: expect.stringMatching(/the length of the gradient is Infinity at step 1/),
      details: { trained: { weights: { w: Float32Array.of(1e-30) } } },
    });
  });
});

describe("what cannot be trained is refused before anything starts", () => {
  const empty = { inputs: { x: denseFeatures(0, 4) }, targets: { target: [] } };
  const nan = denseFeatures(3, 4);
  nan.data[9] = Number.NaN;
  const nothing = network({ x: { kind: "vector", cols: 4 } }, (_, { x }) => x);
  const refusals: [string, () => Promise<unknown>, object][] = [
    ["no rows", () => train(mlp, empty, basic), { code: "invalid-input", message: /the data set is empty/ }],
    [
      "another input",
      () => train(mlp, { ...data, inputs: { y: toy.features } as never }, basic),
      { code: "invalid-input", message: /inputs are y, want those of the network: x/ },
    ],
    [
      "other columns",
      () => train(mlp, { ...data, inputs: { x: denseFeatures(120, 5) } }, basic),
      { code: "shape-mismatch", message: /got 5 columns, want 4/ },
    ],
    [
      "axes in another order",
      () => {
        const photo = network({ photo: { kind: "tensor", shape: [2, 3, 4] } }, (scope, { photo }) =>
          sequential(flatten(), dense({ units: 3 }))(scope, photo),
        );
        const inputs = { photo: { ...denseFeatures(3, 24), shape: [3, 4, 2] } };
        return train(photo, { inputs, targets: { target: [0, 1, 2] } }, basic);
      },
      {
        code: "shape-mismatch",
        message: /^nn\/train \(input "photo"\): got rows of \[3, 4, 2\], want \[2, 3, 4\]: put the axes in order$/,
      },
    ],
    [
      "NaN",
      () => train(mlp, { inputs: { x: nan }, targets: { target: [0, 1, 2] } }, basic),
      { code: "invalid-input", index: 2 },
    ],
    [
      "a class too many",
      () => train(mlp, { ...data, targets: { target: data.targets.target.with(5, 3) } }, basic),
      { code: "invalid-input", index: 5 },
    ],
    [
      "too few targets",
      () => train(mlp, { ...data, targets: { target: [1, 2] } }, basic),
      { code: "shape-mismatch", message: /has 2 numbers, want 120/ },
    ],
    [
      "no target",
      () => train(mlp, { inputs: data.inputs }, basic),
      { code: "invalid-input", message: /targets are nothing, want target/ },
    ],
    [
      "a negative weight",
      () => train(mlp, { ...data, weights: Float32Array.from({ length: 120 }, (_, i) => 3 - i) }, basic),
      { code: "invalid-input", index: 4 },
    ],
    [
      "no parameters",
      () => train(nothing, { inputs: data.inputs, targets: { target: Array(120).fill(0) } }, basic),
      { code: "invalid-params", message: /no parameter is trained/ },
    ],
    [
      "memory",
      () => train(mlp, data, { ...basic, memoryLimit: 1000 }),
      {
        code: "invalid-params",
        message: /needs about .* MiB \(parameters .* activations .*\), want at most the .* that are free; take smaller/,
      },
    ],
    [
      "memory of a prediction",
      async () => {
        const steps = 1_000_000;
        const attention = network({ s: { kind: "steps", cols: 1 } }, (scope, { s }) =>
          sequential(multiHeadAttention({ heads: 1 }), globalMeanPool())(scope, s),
        );
        const first = parametersOf(attention).map(({ name, shape, init }) => [name, init(shape, random(1))]);
        const one = await withWeights(attention, Object.fromEntries(first));
        return one.predict({ s: sequence(1, Uint32Array.of(0, steps), new Float32Array(steps)) });
      },
      {
        code: "invalid-params",
        message: /^nn\/trained: a batch of 1 rows, \d+ steps of "s" needs about \d+ MiB, want at most the \d+ MiB that/,
      },
    ],
    [
      "memory of a stepper",
      () => {
        const wide = network({ x: { kind: "vector", cols: 4 } }, (scope, { x }) =>
          sequential(dense({ units: 40_000 }), dense({ units: 40_000 }))(scope, x),
        );
        return stepper(wide, { loss: mse(), batch: 1 });
      },
      {
        code: "invalid-params",
        message: /^nn\/stepper: parameters, gradients and moments need \d+ MiB, want at most 4096 MiB/,
      },
    ],
    [
      "an id that the embedding has not",
      () => {
        const words = network({ w: { kind: "tokens", vocabulary: 9 } }, (scope, { w }) =>
          sequential(embedding({ rows: 5, width: 2, name: "words" }), globalMeanPool(), dense({ units: 3 }))(scope, w),
        );
        const inputs = { w: sequence(1, Uint32Array.of(0, 2, 3), Float32Array.of(1, 4, 8)) };
        return train(words, { inputs, targets: { target: [0, 1] } }, basic);
      },
      { code: "invalid-input", message: /^nn\/onnx: layer "words": Gather: .*idx=8/ },
    ],
    [
      "batchSize",
      () => train(mlp, data, { ...basic, batchSize: 0 }),
      { code: "invalid-params", message: /batchSize is number 0, want a positive integer/ },
    ],
    [
      "a share that leaves nothing",
      () => train(mlp, { inputs: { x: denseFeatures(1, 4) }, targets: { target: [0] } }, { ...basic, validation: 0.5 }),
      { code: "invalid-input", message: /leaves none to train on/ },
    ],
    [
      "a metric that is not counted",
      () => train(mlp, data, { ...basic, earlyStopping: { metric: "accuracy" } }),
      { code: "invalid-params", message: /earlyStopping.metric is string "accuracy"/ },
    ],
    [
      "a metric that does not fit",
      () => train(mlp, data, { ...basic, metrics: ["mse"] }),
      { code: "invalid-params", message: /want "accuracy" for classes/ },
    ],
    [
      "lazy rows with momentum",
      () => train(mlp, data, { ...basic, lazyRows: true, optimizer: sgd({ momentum: 0.9 }) }),
      { code: "invalid-params", message: /lazyRows is true with momentum/ },
    ],
    [
      "resume without a file",
      () => train(mlp, data, { ...basic, resume: true }),
      { code: "invalid-params", message: /resume is true without a checkpoint/ },
    ],
    [
      "unknown weights",
      () => train(mlp, data, { ...basic, weights: { z: new Float32Array(1) } }),
      { code: "invalid-params", message: /weights hold "z", want those of the network: dense\/weight/ },
    ],
    [
      "a runtime that a worker cannot make",
      () => train(mlp, data, { ...basic, runtime: { name: "own", compile: native.compile }, worker: true }),
      { code: "invalid-params", message: /own has no recipe/ },
    ],
  ];
  test.each(refusals)("%s", async (_, run, { message, ...fields }: { message?: RegExp }) => {
    await expect(run()).rejects.toMatchObject({
      ...fields,
      ...(message && { message: expect.stringMatching(message) }),
    });
  });
});

describe("sessions", () => {
  /** A runtime that counts. */
  const counted = () => {
    const open = new Set<Session>();
    const count = { compiled: 0, most: 0, open };
    const runtime = {
      name: "counted",
      async compile(...of: Parameters<typeof native.compile>) {
        const session = await native.compile(...of);
        count.compiled++;
        open.add(session);
        count.most = Math.max(count.most, open.size);
        const dispose = async () => {
          open.delete(session);
          await session.dispose();
        };
        return { run: session.run, dispose };
      },
    };
    return { runtime, count };
  };

  test("one for each shape, all closed at the end", async () => {
    const { runtime, count } = counted();
    await train(mlp, data, { ...basic, runtime, batchSize: 50, epochs: 4 });
    // 50 rows and the 20 that are left.
    expect([count.compiled, count.open.size]).toEqual([2, 0]);
  });

  test("one for all lengths of ragged rows; rows of one length have no mask", async () => {
    const net = network({ s: { kind: "steps", cols: 2 } }, (scope, { s }) =>
      dense({ units: 1 })(scope, gru({ units: 3 })(scope, s)),
    );
    const rows = 64;
    const programs: Program[] = [];
    const shared: (boolean | undefined)[] = [];
    const runtime: Runtime = {
      name: "watched",
      async compile(program, options) {
        const session = await native.compile(program, options);
        programs.push(program);
        shared.push(session.shared);
        return session;
      },
    };
    const run = async (lengthOf: (row: number) => number) => {
      programs.length = shared.length = 0;
      const offsets = new Uint32Array(rows + 1);
      for (let row = 0; row < rows; row++) offsets[row + 1] = offsets[row]! + lengthOf(row);
      const values = Float32Array.from({ length: 2 * offsets[rows]! }, (_, i) => Math.sin(i));
      const s = { layout: "sequence", rows, cols: 2, offsets, data: values } as const;
      const target = Float32Array.from({ length: rows }, (_, row) => row % 2);
      const options = { loss: mse(), epochs: 2, batchSize: 16, runtime, worker: false };
      return train(net, { inputs: { s }, targets: { target } }, options);
    };
    await run((row) => 10 + row);
    expect(shared.length).toBeGreaterThan(3);
    expect(shared.every(Boolean)).toBe(true);
    await run(() => 12);
    expect(shared).toEqual([undefined]);
    expect(programs[0]!.inputs.map(({ name }) => name)).not.toContain("s.mask");
  });

  test("closed after an error as well", async () => {
    const { runtime, count } = counted();
    const signal = AbortSignal.timeout(150);
    await train(mlp, data, { ...basic, runtime, epochs: 1e6, signal }).catch(() => {});
    expect([count.compiled > 0, count.open.size]).toEqual([true, 0]);
  });
});

describe("a trained network", () => {
  test("saves and loads to the same predictions", async () => {
    const trained = await train(mlp, data, { ...basic, epochs: 1, earlyStopping: {} });
    const loaded = await loadTrained(mlp, await trained.save(), { runtime: native });
    expect((await loaded.predict(data.inputs)).data).toEqual((await trained.predict(data.inputs)).data);
    expect([loaded.history, loaded.bestEpoch]).toEqual([trained.history, 1]);
  });

  test("of given weights predicts and saves as the one that they are of", async () => {
    const trained = await train(mlp, data, { ...basic, epochs: 1 });
    const given = await withWeights(mlp, trained.weights, { runtime: native });
    const want = (await trained.predict(data.inputs)).data;
    expect((await given.predict(data.inputs)).data).toEqual(want);
    const loaded = await loadTrained(mlp, await given.save(), { runtime: reference() });
    const again = (await loaded.predict(data.inputs)).data;
    for (const [i, value] of again.entries()) expect(value).toBeCloseTo(want[i]!, 5);
    expect(given.history).toEqual([]);
    const { "dense/bias": _, ...lacking } = trained.weights;
    await expect(withWeights(mlp, lacking)).rejects.toMatchObject({
      code: "shape-mismatch",
      message: expect.stringMatching(/the weights of "dense\/bias" are missing, want 8/),
    });
  });

  test("of given weights takes ragged rows of any length", async () => {
    const net = network({ s: { kind: "steps", cols: 2 } }, (scope, { s }) =>
      dense({ units: 1 })(scope, globalMeanPool()(scope, s)),
    );
    const weights = { "dense/weight": Float32Array.of(1, 2), "dense/bias": Float32Array.of(3) };
    const given = await withWeights(net, weights, { lengths: { s: 10 }, runtime: native });
    // 40 steps, one and none.
    const s = {
      layout: "sequence",
      rows: 3,
      cols: 2,
      offsets: Uint32Array.of(0, 40, 41, 41),
      data: new Float32Array(82).fill(1),
    } as const;
    expect([...(await given.predict({ s })).data]).toEqual([6, 6, 3]);
    // Rows of one length, which need no mask.
    const rows = 20;
    const offsets = Uint32Array.from({ length: rows + 1 }, (_, row) => row * 9);
    const data = Float32Array.from({ length: rows * 18 }, (_, i) => Math.floor(i / 18));
    const even = await given.predict({ s: { layout: "sequence", rows, cols: 2, offsets, data } });
    expect([...even.data]).toEqual(Array.from({ length: rows }, (_, row) => 3 * row + 3));
  });

  test("is refused by another network", async () => {
    const saved = await (await train(mlp, data, { ...basic, epochs: 1 })).save();
    const other = (units: number): Network<{ x: { kind: "vector"; cols: 4 } }> =>
      network({ x: { kind: "vector", cols: 4 } }, (scope, { x }) => dense({ units })(scope, x));
    await expect(loadTrained(other(8), saved)).rejects.toMatchObject({
      code: "saved-mismatch",
      message: expect.stringMatching(/it holds dense_2\/weight, dense_2\/bias, which the network has not/),
    });
    await expect(loadTrained(mlp, { ...saved, version: 9 })).rejects.toThrow(/saved as version 9/);
  });

  test("predicts the same whatever the batch, and nothing for no rows", async () => {
    const trained = await train(mlp, data, { ...basic, epochs: 1 });
    const all = await trained.predict(data.inputs);
    for (const batchSize of [1, 7, 1000]) {
      const again = await trained.predict(data.inputs, { batchSize });
      for (const [i, value] of all.data.entries()) expect(again.data[i]).toBeCloseTo(value, 5);
    }
    expect(await trained.predict({ x: denseFeatures(0, 4) })).toMatchObject({ rows: 0, cols: 3 });
    const reason = new Error("enough");
    await expect(trained.predict(data.inputs, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await expect(trained.predict({ x: denseFeatures(2, 3) } as never)).rejects.toThrow(/got 3 columns, want 4/);
    const both = await Promise.all([trained.predict(data.inputs), trained.predict(data.inputs, { batchSize: 3 })]);
    expect(both[0].data).toEqual(all.data);
  });

  test("gives a number for each step", async () => {
    const tagger = network({ s: { kind: "steps", cols: 2 } }, (scope, { s }) => dense({ units: 1 })(scope, s.values));
    const { offsets, data: values } = rows.features;
    const target = Float32Array.from(
      { length: offsets.at(-1)! },
      (_, step) => 2 * values[step * 2]! - values[step * 2 + 1]!,
    );
    const inputs = { s: rows.features };
    const trained = await train(
      tagger,
      { inputs, targets: { target: { data: target, offsets } } },
      { ...basic, loss: mse({ perStep: true }), optimizer: adam({ learningRate: 0.1 }), epochs: 12, metrics: ["mae"] },
    );
    expect(trained.history.at(-1)!.metrics.mae).toBeLessThan(0.1);
    const steps = await trained.predictSteps(inputs);
    expect(steps.offsets).toEqual(offsets);
    for (const [i, value] of steps.data.entries()) expect(Math.abs(value - target[i]!)).toBeLessThan(0.3);
    await expect(trained.predict(inputs)).rejects.toMatchObject({
      code: "shape-mismatch",
      message: expect.stringMatching(/for short rows and .* for long ones, .* use predictSteps/),
    });
  });
});

describe("step by step", () => {
  test("as train does it", async () => {
    const options = { loss: crossEntropy(), optimizer: adam({ learningRate: 0.02 }), seed: 7, runtime: native };
    const trained = await train(mlp, data, { ...basic, ...options, epochs: 1, batchSize: 40, shuffle: false });
    const by = await stepper(mlp, { ...options, batch: 40 });
    const losses: number[] = [];
    for (const from of [0, 40, 80])
      losses.push(
        await by.step({
          inputs: { x: toy.features.data.subarray(from * 4, (from + 40) * 4) },
          targets: { target: data.targets.target.subarray(from, from + 40) },
        }),
      );
    for (const [name, values] of Object.entries(by.weights)) expect(values).toEqual(trained.weights[name]);
    expect(losses.reduce((a, b) => a + b) / 3).toBeCloseTo(trained.history[0]!.loss, 6);
    await expect(by.step({ inputs: { x: [1] }, targets: {} })).rejects.toThrow(/"x" has 1 numbers, want 160/);
    await by.dispose();
  });
});
