import { decodeSaved, dense, encodeSaved, type FeatureSet, random, sequence, toDense } from "@mmub/core";
import { fuserChecks } from "@mmub/core/testing";
import { onnx, sgd, toOnnx } from "@mmub/nn";
import { describe, expect, test } from "vitest";
import {
  attentionBottleneck,
  bilinear,
  cnnRnn,
  crossmodalTransformer,
  type EncodingParams,
  type FuserTrainingParams,
  filmFusion,
  gated,
  lowRankFusion,
  moe,
  multiplicative,
  type NetworkFuser,
  perceiver,
  tensorFusion,
} from "../index.js";

type Params = EncodingParams & FuserTrainingParams;

const fusers: Readonly<Record<string, (params: Params) => NetworkFuser>> = {
  gated,
  "gated, sigmoid": (params) => gated({ gate: "sigmoid", ...params }),
  filmFusion,
  tensorFusion: (params) => tensorFusion({ outputUnits: 8, ...params }),
  lowRankFusion: (params) => lowRankFusion({ outputUnits: 8, rank: 2, ...params }),
  multiplicative,
  moe,
  bilinear: (params) => bilinear({ outputUnits: 33, ...params }),
  "bilinear, as it is": (params) => bilinear({ outputUnits: 32, normalize: false, ...params }),
  crossmodalTransformer: (params) => crossmodalTransformer({ heads: 2, layers: 1, ...params }),
  attentionBottleneck: (params) => attentionBottleneck({ heads: 2, bottleneck: 2, ...params }),
  perceiver: (params) => perceiver({ heads: 2, latents: 2, layers: 1, ...params }),
  cnnRnn,
};

const quick = { units: 8, epochs: 3, worker: false } as const;

for (const [name, make] of Object.entries(fusers))
  describe(name, () => {
    describe("conformance", () => {
      for (const check of fuserChecks({ make: () => make(quick) })) test(check.name, check.run);
    });
    // What the head learns is the same for all.
    if (name === "gated" || name === "cnnRnn")
      describe("conformance, numbers as targets", () => {
        for (const check of fuserChecks({ make: () => make({ ...quick, missing: "zero" }), task: "regression" }))
          test(check.name, check.run);
      });

    test("what takes both modalities to know is linear in the fused columns", async () => {
      const { features, targets } = exclusiveOr(400, 1);
      const fitted = await make({
        units: 8,
        hidden: [16],
        dropout: 0,
        modalityDropout: 0,
        epochs: 120,
        patience: 30,
        worker: false,
      }).fit(features, targets, { seed: 3 });
      const fresh = exclusiveOr(300, 2);
      const fused = toDense(await fitted.transform(fresh.features));
      // The mean of each class tells the classes apart along the line between them.
      expect(linearAccuracy(fused, fresh.targets)).toBeGreaterThan(0.9);
      await fitted.dispose();
    });
  });

test("shares tell the modality that matters from noise, add up to 1, and are 0 for what is missing", async () => {
  const numbers = random(5);
  const rows = 400;
  const [signal, noise] = [dense(rows, 3), dense(rows, 3)];
  for (const one of [signal, noise]) for (let i = 0; i < one.data.length; i++) one.data[i] = numbers.normal();
  const targets = Array.from({ length: rows }, (_, row) => (signal.data[3 * row]! > 0 ? "buy" : "leave"));
  const fitted = await gated({ units: 8, epochs: 40, worker: false }).fit({ signal, noise }, targets, { seed: 1 });
  const present = new Uint8Array(rows).fill(1);
  present[7] = 0;
  const shares = (await fitted.shares({ noise, signal: { ...signal, present } }))!;
  expect(fitted.modalities).toEqual(["noise", "signal"]);
  let mean = 0;
  for (let row = 0; row < rows; row++) {
    expect(shares.data[2 * row]! + shares.data[2 * row + 1]!).toBeCloseTo(1, 5);
    mean += shares.data[2 * row + 1]! / rows;
  }
  expect(shares.data[2 * 7 + 1]).toBe(0);
  expect(mean).toBeGreaterThan(0.55);
  await fitted.dispose();
});

test("bilinear: inner products are about the products of those of the modalities, and what is missing is one of them", async () => {
  const { features, targets } = exclusiveOr(60, 1);
  const params = { units: 12, epochs: 1, dropout: 0, worker: false, activation: "tanh" } as const;
  // The same weights under sketches of one width and of another: the first seed's weights do not depend on it.
  const products = async (outputUnits: number) => {
    const fitted = await bilinear({
      ...params,
      outputUnits,
      normalize: false,
      optimizer: sgd({ learningRate: 1e-9 }),
    }).fit(features, targets, { seed: 4 });
    const { rows, cols, data } = await fitted.transform(features);
    const out = new Float64Array(rows * rows);
    for (let a = 0; a < rows; a++)
      for (let b = 0; b < rows; b++)
        for (let i = 0; i < cols; i++) out[a * rows + b]! += data[a * cols + i]! * data[b * cols + i]!;
    await fitted.dispose();
    return out;
  };
  // Far beyond 12² places few products meet: two such widths agree, and a narrow one is further off.
  const [exact, wide, narrow] = [await products(2003), await products(1021), await products(31)];
  const off = (of: Float64Array) =>
    Math.sqrt(
      of.reduce((sum, value, i) => sum + (value - exact[i]!) ** 2, 0) /
        exact.reduce((sum, value) => sum + value ** 2, 0),
    );
  expect(off(wide)).toBeLessThan(0.15);
  expect(off(narrow)).toBeGreaterThan(off(wide));
});

test("experts: topK of them for each row, adding up to 1, and the balance shares out the load", async () => {
  const { features, targets } = exclusiveOr(400, 1);
  const most: Record<number, number> = {};
  for (const balance of [0, 1]) {
    const params = { units: 8, experts: 6, topK: 2, balance, epochs: 30, patience: 30, worker: false };
    const fitted = await moe(params).fit(features, targets, { seed: 2 });
    const { rows, cols, data } = (await fitted.routes(features))!;
    expect([rows, cols]).toEqual([400, 6]);
    const loads = new Float64Array(6);
    for (let row = 0; row < rows; row++) {
      const own = data.subarray(6 * row, 6 * row + 6);
      expect(own.filter((share) => share > 0)).toHaveLength(2);
      expect(own.reduce((a, b) => a + b)).toBeCloseTo(1, 5);
      for (const [expert, share] of own.entries()) loads[expert]! += Number(share > 0) / rows;
    }
    most[balance] = Math.max(...loads) - Math.min(...loads);
    expect(await fitted.shares(features)).toBeNull();
    await fitted.dispose();
  }
  expect(most[1]).toBeLessThan(most[0]!);
  expect(() => moe({ experts: 2, topK: 3 })).toThrow(/topK is number 3, want an integer, 1 to 2/);
});

describe("sequences", () => {
  // Who has seen page 3 buys.
  const numbers = random(9);
  const rows = 240;
  const visits = Array.from({ length: rows }, () =>
    Array.from({ length: numbers.integer(6) }, () => numbers.integer(8)),
  );
  const offsets = new Uint32Array(rows + 1);
  for (const [row, pages] of visits.entries()) offsets[row + 1] = offsets[row]! + pages.length;
  const pages = sequence(1, offsets, Float32Array.from(visits.flat()));
  const age = dense(rows, 1);
  for (let row = 0; row < rows; row++) age.data[row] = numbers.normal();
  const targets = visits.map((pages) => (pages.includes(3) ? "buy" : "leave"));
  const right = async (params: Params): Promise<number> => {
    const fuser = gated({
      vocabulary: { pages: 8 },
      units: 8,
      epochs: 40,
      dropout: 0,
      modalityDropout: 0,
      worker: false,
      ...params,
    });
    const fitted = await fuser.fit({ pages, age }, targets, { seed: 2 });
    const again = await fuser.load(decodeSaved(encodeSaved(await fitted.save())));
    const fused = await fitted.transform({ pages, age });
    expect((await again.transform({ pages, age })).data).toEqual(fused.data);
    await fitted.dispose();
    await again.dispose();
    return linearAccuracy(fused, targets);
  };
  for (const pooling of ["max", "attention", "gru", "lstm"] as const)
    test(`of ids, by ${pooling}`, async () => {
      expect(await right({ sequence: pooling, epochs: 100, patience: 100 })).toBeGreaterThan(0.9);
    });

  test("a vocabulary for a Sequence of more columns is refused by name", async () => {
    const wide = sequence(2, Uint32Array.of(0, 1, 2), Float32Array.of(1, 2, 3, 4));
    await expect(gated({ vocabulary: { wide: 4 } }).fit({ wide }, ["a", "b"])).rejects.toThrow(/"wide".*one column/);
  });
});

test("an ONNX export gives the fused columns on another runtime", async () => {
  const { features, targets } = exclusiveOr(60, 1);
  const fitted = await lowRankFusion({ units: 4, outputUnits: 5, epochs: 2, worker: false }).fit(features, targets);
  const bytes = toOnnx(fitted.trained.network, fitted.trained.weights);
  expect(bytes.length).toBeGreaterThan(1000);
  const web = lowRankFusion({
    units: 4,
    outputUnits: 5,
    epochs: 2,
    runtime: () => onnx({ package: "onnxruntime-web" }),
  });
  const other = await web.load(await fitted.save());
  const [a, b] = [await fitted.transform(features), await other.transform(features)];
  for (const [i, value] of a.data.entries()) expect(b.data[i]).toBeCloseTo(value, 4);
  await fitted.dispose();
  await other.dispose();
});

test("a product of too many numbers is refused with what would do", async () => {
  const { features, targets } = exclusiveOr(20, 1);
  await expect(tensorFusion({ units: 400 }).fit(features, targets)).rejects.toThrow(
    /160801 numbers.*units of at most 361/,
  );
});

/** Two modalities whose signs agree or not: neither says anything alone. */
function exclusiveOr(rows: number, seed: number): { features: FeatureSet; targets: string[] } {
  const numbers = random(seed);
  const [left, right] = [dense(rows, 2), dense(rows, 2)];
  const targets: string[] = [];
  for (let row = 0; row < rows; row++) {
    const [a, b] = [numbers.integer(2) * 2 - 1, numbers.integer(2) * 2 - 1];
    left.data.set([a + 0.3 * numbers.normal(), numbers.normal()], 2 * row);
    right.data.set([numbers.normal(), b + 0.3 * numbers.normal()], 2 * row);
    targets.push(a === b ? "agree" : "differ");
  }
  return { features: { left, right }, targets };
}

/** The share of rows that lie nearer to their own class's mean. */
function linearAccuracy({ rows, cols, data }: ReturnType<typeof toDense>, targets: readonly string[]): number {
  const means = new Map<string, Float64Array>();
  const counts = new Map<string, number>();
  for (const [row, target] of targets.entries()) {
    const mean = means.get(target) ?? new Float64Array(cols);
    for (let col = 0; col < cols; col++) mean[col]! += data[row * cols + col]!;
    means.set(target, mean);
    counts.set(target, (counts.get(target) ?? 0) + 1);
  }
  for (const [target, mean] of means) for (let col = 0; col < cols; col++) mean[col]! /= counts.get(target)!;
  const distance = (row: number, mean: Float64Array) =>
    mean.reduce((sum, value, col) => sum + (data[row * cols + col]! - value) ** 2, 0);
  const right = targets.filter((target, row) => {
    const own = distance(row, means.get(target)!);
    return [...means].every(([other, mean]) => other === target || distance(row, mean) > own);
  });
  return right.length / rows;
}
