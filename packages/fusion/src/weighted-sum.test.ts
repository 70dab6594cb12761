import { type Dense, dense, type FeatureSet, random, takeFeatures } from "@mmub/core";
import { fuserChecks, toyData } from "@mmub/core/testing";
import { describe, expect, test } from "vitest";
import { toSparse } from "../fixtures/matrices.js";
import { type WeightedSumParams, weightedSum } from "./index.js";

describe("conformance", () => {
  for (const check of fuserChecks({ make: () => weightedSum() })) test(check.name, check.run);
});
describe("conformance, numbers as targets, few dimensions", () => {
  const make = () => weightedSum({ dimensions: 2, scale: "standard", align: false });
  for (const check of fuserChecks({ make, task: "regression", sparse: [] })) test(check.name, check.run);
});

const any = (rows: number): number[] => Array<number>(rows).fill(0);

async function fuse(features: FeatureSet, params: WeightedSumParams): Promise<Dense> {
  const fitted = await weightedSum(params).fit(features, any(Object.values(features)[0]!.rows));
  return (await fitted.transform(features)) as Dense;
}

function normals(rows: number, cols: number, seed: number): Dense {
  const numbers = random(seed);
  return dense(
    rows,
    cols,
    Float32Array.from({ length: rows * cols }, () => numbers.normal()),
  );
}

function distances({ rows, cols, data }: Dense): number[] {
  const out: number[] = [];
  for (let a = 0; a < rows; a++)
    for (let b = 0; b < a; b++) {
      let square = 0;
      for (let col = 0; col < cols; col++) square += (data[a * cols + col]! - data[b * cols + col]!) ** 2;
      out.push(Math.sqrt(square));
    }
  return out;
}

describe("alignment", () => {
  // Two views of the same hidden thing: the second turned (by a matrix with orthonormal columns) and stretched.
  const view = normals(40, 3, 1);
  const mixing = [
    [0.5, 0.5, 0.5, 0.5],
    [0.5, -0.5, 0.5, -0.5],
    [0.5, 0.5, -0.5, -0.5],
  ];
  const other = dense(40, 4);
  for (let row = 0; row < 40; row++)
    for (let to = 0; to < 4; to++)
      for (let from = 0; from < 3; from++)
        other.data[row * 4 + to]! += 9 * view.data[row * 3 + from]! * mixing[from]![to]!;

  test("of two views of one thing: the sum keeps all distances", async () => {
    const alone = distances(await fuse({ view }, { dimensions: 4, weights: "equal" }));
    const sum = distances(await fuse({ view, other }, { dimensions: 4, weights: "equal" }));
    for (const [i, distance] of alone.entries()) expect(sum[i]).toBeCloseTo(distance, 4);
  });

  test("holds where only some rows have both, and a row with one of them lies where it would with both", async () => {
    const present = Uint8Array.from({ length: 40 }, (_, row) => (row < 20 ? 1 : 0));
    const half = { ...other, data: other.data.slice().fill(0, 80), present };
    const fitted = await weightedSum({ dimensions: 4, weights: "equal" }).fit({ view, half }, any(40));
    const both = (await fitted.transform({ view, half })) as Dense;
    const blind = { ...view, data: new Float32Array(120), present: new Uint8Array(40) };
    const one = (await fitted.transform({ view: blind, half: { ...other } })) as Dense;
    // The two halves were centred and scaled on different rows, so near and not equal: 20 % of a norm of 4.
    let square = 0;
    for (let i = 0; i < both.data.length; i++) square += (both.data[i]! - one.data[i]!) ** 2;
    expect(Math.sqrt(square / 40)).toBeLessThan(0.8);
    const unaligned = await weightedSum({ dimensions: 4, weights: "equal", align: false }).fit({ view, half }, any(40));
    const a = (await unaligned.transform({ view, half })) as Dense;
    const b = (await unaligned.transform({ view: blind, half: { ...other } })) as Dense;
    let apart = 0;
    for (let i = 0; i < a.data.length; i++) apart += (a.data[i]! - b.data[i]!) ** 2;
    expect(apart).toBeGreaterThan(2 * square);
  });
});

describe("weights", () => {
  const { features: telling, labels, values } = toyData({ rows: 120, cols: 4, classes: 3, seed: 5 });
  const noise = normals(120, 6, 9);

  test("of skill go to what tells the classes apart, or the numbers", async () => {
    const set = { telling, noise };
    for (const targets of [labels, values, labels.map((label) => label === "a")]) {
      const { weights } = await weightedSum().fit(set, targets, { seed: 3 });
      expect(weights.telling).toBeGreaterThan(0.85);
      expect(weights.telling! + weights.noise!).toBeCloseTo(1, 12);
    }
  });

  test("of skill are fair to a rare class", async () => {
    // 5 % positives that a linear model of the raw labels would never guess; balanced accuracy sees them.
    const rare = Array.from({ length: 200 }, (_, row) => row % 20 === 0);
    const shifted = normals(200, 2, 4);
    for (let row = 0; row < 200; row++) if (rare[row]) shifted.data[row * 2]! += 2;
    const { weights } = await weightedSum().fit({ shifted, noise: normals(200, 2, 6) }, rare);
    expect(weights.shifted).toBeGreaterThan(0.7);
  });

  test("are equal where nothing can be told", async () => {
    const { weights } = await weightedSum().fit({ telling, noise }, Array(120).fill("same"));
    expect(weights).toEqual({ noise: 0.5, telling: 0.5 });
  });

  test("by hand are divided by their sum, and by that of the modalities that a row has", async () => {
    const [a, b] = [dense(2, 1, Float32Array.of(3, 5)), dense(2, 1, Float32Array.of(10, 20))];
    const params = { dimensions: "shared", scale: "none", weights: { a: 3, b: 1 } } as const;
    const fitted = await weightedSum(params).fit({ a, b }, ["x", "y"]);
    expect(fitted.weights).toEqual({ a: 0.75, b: 0.25 });
    const lacking = { ...b, data: Float32Array.of(10, 0), present: Uint8Array.of(1, 0) };
    expect([...((await fitted.transform({ a, b: lacking })) as Dense).data]).toEqual([4.75, 5]);
  });

  test("of 0 leave a modality out; a row that has nothing else is marked as missing", async () => {
    const [a, b] = [normals(6, 2, 1), normals(6, 2, 2)];
    const fitted = await weightedSum({ dimensions: "shared", weights: { b: 0 } }).fit({ a, b }, any(6));
    const none = { ...a, data: new Float32Array(12), present: Uint8Array.of(0, 1, 1, 1, 1, 1) };
    const fused = await fitted.transform({ a: none, b });
    expect([...fused.present!]).toEqual([0, 1, 1, 1, 1, 1]);
    expect([...(fused as Dense).data.subarray(0, 2)]).toEqual([0, 0]);
  });

  test("that cannot be are refused", async () => {
    const set = { telling, noise };
    const objects = Array(120).fill({ churn: true });
    await expect(weightedSum().fit(set, objects)).rejects.toMatchObject({ code: "invalid-input", index: 0 });
    await expect(weightedSum().fit(set, values.with(7, Number.NaN))).rejects.toMatchObject({ index: 7 });
    await expect(weightedSum({ task: "regression" }).fit(set, labels)).rejects.toMatchObject({ index: 0 });
    await expect(weightedSum({ weights: { photo: 1 } }).fit(set, labels)).rejects.toMatchObject({
      code: "invalid-params",
    });
    const zero = weightedSum({ weights: { telling: 0, noise: 0 } }).fit(set, labels);
    await expect(zero).rejects.toMatchObject({ code: "invalid-params" });
    await expect(weightedSum({ weights: "equal" }).fit(set, objects)).resolves.toBeDefined();
  });
});

test("every modality has the same say, whatever its scale, width or layout", async () => {
  const loud = normals(50, 8, 1);
  loud.data.forEach((value, i) => {
    loud.data[i] = 1e4 * value + 1e5;
  });
  const quiet = toSparse({ ...normals(50, 3, 2), data: normals(50, 3, 2).data.map((value) => 1e-3 * value) });
  const fitted = await weightedSum({ weights: "equal", blockNorm: 2 }).fit({ loud, quiet }, any(50));
  const nothing = { present: new Uint8Array(50) };
  for (const set of [
    { loud, quiet: { ...toSparse(dense(50, 3)), ...nothing } },
    { loud: { ...dense(50, 8), ...nothing }, quiet },
  ]) {
    const { data } = (await fitted.transform(set)) as Dense;
    expect(Math.sqrt(data.reduce((sum, value) => sum + value * value, 0) / 50)).toBeCloseTo(2, 4);
  }
});

test("shared modalities must have one width, and are summed as they are", async () => {
  const [a, b] = [normals(5, 4, 1), normals(5, 3, 2)];
  const fit = weightedSum({ dimensions: "shared" }).fit({ a, b }, any(5));
  await expect(fit).rejects.toMatchObject({ code: "shape-mismatch", details: { modality: "b" } });
  const { data } = await fuse({ a, b: toSparse(a) }, { dimensions: "shared", scale: "none", weights: "equal" });
  for (const [i, value] of data.entries()) expect(value).toBeCloseTo(a.data[i]!, 6);
});

test("a modality without any variance, or with one row, gives zeros", async () => {
  const flat = dense(4, 2, new Float32Array(8).fill(7));
  const fitted = await weightedSum({ dimensions: 3 }).fit({ flat }, any(4));
  const loaded = await weightedSum({ dimensions: 3 }).load(await fitted.save());
  const other = dense(4, 2, new Float32Array(8).fill(9));
  for (const set of [{ flat }, { flat: other }])
    expect([...((await loaded.transform(set)) as Dense).data]).toEqual(Array(12).fill(0));
  const single = await fuse({ a: takeFeatures(normals(4, 2, 1), [0]) }, {});
  expect([...single.data]).toEqual(Array(64).fill(0));
});

test("params that cannot be are refused", () => {
  for (const params of [
    { dimensions: 0 },
    { dimensions: "all" },
    { weights: "best" },
    { weights: null },
    { task: "x" },
    { align: 1 },
  ])
    expect(() => weightedSum(params as never), JSON.stringify(params)).toThrow(/want/);
});
