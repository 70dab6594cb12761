import { type Dense, dense, type FeatureSet, sequence, toDense } from "@mmub/core";
import { fuserChecks, toyData } from "@mmub/core/testing";
import { describe, expect, test } from "vitest";
import golden from "../fixtures/fusion.json" with { type: "json" };
import { table, toSparse, withPresence, worst } from "../fixtures/matrices.js";
import { type ConcatParams, concat } from "./index.js";

describe("conformance", () => {
  for (const check of fuserChecks({ make: () => concat() })) test(check.name, check.run);
});
describe("conformance, dense and standard", () => {
  const make = () => concat({ scale: "standard", indicators: false });
  for (const check of fuserChecks({ make, sparse: [], task: "regression" })) test(check.name, check.run);
});

async function fuse(features: FeatureSet, params: ConcatParams): Promise<Dense> {
  const rows = Object.values(features)[0]!.rows;
  const fitted = await concat(params).fit(features, Array<string>(rows).fill("any"));
  return toDense(await fitted.transform(features));
}

describe("scaling", () => {
  const one = withPresence(table(golden.dense), golden.present);
  const words = toSparse(table(golden.words));

  test("standard is scikit-learn's StandardScaler, to 1e-6", async () => {
    const { data } = await fuse({ one }, { scale: "standard", indicators: false });
    expect(worst(data, golden.standard.data)).toBeLessThan(1e-6);
  });
  test("standard of sparse is StandardScaler(with_mean=False), to 1e-6", async () => {
    const { data } = await fuse({ words }, { scale: "standard" });
    expect(worst(data, golden.wordsStandard.data)).toBeLessThan(1e-6);
  });
  test("block gives a modality the row norm, as worked out by NumPy, to 1e-6", async () => {
    const { data } = await fuse({ one }, { indicators: false });
    expect(worst(data, golden.block.data)).toBeLessThan(1e-6);
    const sparse = await fuse({ words }, {});
    expect(worst(sparse.data, golden.wordsBlock.data)).toBeLessThan(1e-6);
  });
  test("none passes values through", async () => {
    expect((await fuse({ one }, { scale: "none", indicators: false })).data).toEqual(one.data);
  });
  test("a scale by name, and weights on top", async () => {
    const b = dense(2, 1, Float32Array.of(3, 5));
    const set = { a: b, b };
    const { data } = await fuse(set, { scale: { a: "none", b: "standard" }, weights: { b: 0.5 } });
    expect([...data]).toEqual([3, -0.5, 5, 0.5]);
  });
  test("a modality without any variance becomes zeros, and one of width 1 is like any other", async () => {
    const flat = dense(3, 2, new Float32Array(6).fill(0.1));
    const narrow = dense(3, 1, Float32Array.of(1, 2, 3));
    for (const scale of ["block", "standard"] as const) {
      const { data } = await fuse({ flat, narrow }, { scale });
      expect([...data].filter((_, i) => i % 3 < 2).every((value) => value === 0)).toBe(true);
      expect(data[2]).toBeCloseTo(-data[8]!, 6);
      expect(data[2]).toBeLessThan(0);
    }
  });
});

describe("missing modalities", () => {
  const { features } = toyData({ rows: 10, cols: 2, seed: 1 });
  const partly = { ...withPresence(features, [1, 1, 0, 1, 1, 1, 1, 1, 1, 0]), data: features.data.slice() };
  partly.data.fill(0, 4, 6);
  partly.data.fill(0, 18, 20);

  test("are their mean, with a column that tells them apart", async () => {
    const set = { all: features, partly };
    const fitted = await concat().fit(set, Array(10).fill(0));
    const { data } = toDense(await fitted.transform(set));
    expect(fitted.names()).toEqual(["all[0]", "all[1]", "partly[0]", "partly[1]", "partly missing"]);
    expect(fitted.names({ all: ["price", "size"], partly: undefined })).toEqual([
      "all: price",
      "all: size",
      "partly[0]",
      "partly[1]",
      "partly missing",
    ]);
    expect(fitted.blocks).toEqual([
      { modality: "all", from: 0, to: 2 },
      { modality: "partly", from: 2, to: 4 },
    ]);
    expect([...data.subarray(2 * 5 + 2, 3 * 5)]).toEqual([0, 0, 1]);
    let sum = 0;
    for (let row = 0; row < 10; row++) sum += data[row * 5 + 2]!;
    expect(sum).toBeCloseTo(0, 5);
  });
  test("have no column if the fit knew none, or if it is not wanted", async () => {
    expect((await concat().fit({ all: features }, Array(10).fill(0))).cols).toBe(2);
    expect((await concat({ indicators: false }).fit({ all: features, partly }, Array(10).fill(0))).cols).toBe(4);
  });
  test("give the same numbers in Sparse and in Dense", async () => {
    const asDense = await fuse({ all: features, partly }, { scale: "standard" });
    const mixed = { all: { ...features, data: features.data }, partly: toSparse(partly) };
    const fitted = await concat({ scale: { all: "standard", partly: "none" } }).fit(mixed, Array(10).fill(0));
    const out = await fitted.transform(mixed);
    expect(out.layout).toBe("sparse");
    const { data } = toDense(out);
    for (let row = 0; row < 10; row++)
      for (const col of [0, 1, 4]) expect(data[row * 5 + col]).toBe(asDense.data[row * 5 + col]);
  });
  test("in every row of the fit are an error", async () => {
    const none = { ...features, data: new Float32Array(20), present: new Uint8Array(10) };
    await expect(concat().fit({ all: features, none }, Array(10).fill(0))).rejects.toMatchObject({
      code: "invalid-input",
      details: { modality: "none" },
    });
  });
});

describe("sequences", () => {
  // Two steps, no step, one step.
  const voice = sequence(2, Uint32Array.of(0, 2, 2, 3), Float32Array.of(1, 10, 3, 30, 5, 7));

  test("become the mean of their steps; one without steps is missing", async () => {
    const { data } = await fuse({ voice }, { scale: "none" });
    expect([...data]).toEqual([2, 20, 0, 0, 0, 1, 5, 7, 0]);
  });
  test("or mean and standard deviation", async () => {
    const recipe = concat({ scale: "none", pool: "mean-std", indicators: false });
    const fitted = await recipe.fit({ voice }, [0, 1, 0]);
    expect([...toDense(await fitted.transform({ voice })).data]).toEqual([2, 20, 1, 10, 0, 0, 0, 0, 5, 7, 0, 0]);
    expect(fitted.names({ voice: ["pitch", "level"] })).toEqual([
      "voice: pitch",
      "voice: level",
      "voice: pitch deviation",
      "voice: level deviation",
    ]);
  });
});

test("one far outlier is an error, not an infinity", async () => {
  const fitted = await concat({ scale: "standard" }).fit({ a: dense(2, 1, Float32Array.of(0, 1e-30)) }, [0, 1]);
  const far = { a: dense(2, 1, Float32Array.of(0, 1e30)) };
  await expect(fitted.transform(far)).rejects.toMatchObject({ code: "invalid-input", index: 1 });
});

test("params that cannot be are refused", async () => {
  for (const params of [
    { scale: "minmax" },
    { scale: { a: "minmax" } },
    { scale: null },
    { weights: { a: -1 } },
    { weights: { a: Number.NaN } },
    { blockNorm: 0 },
    { indicators: 1 },
    { pool: "max" },
  ])
    expect(() => concat(params as never), JSON.stringify(params)).toThrow(/invalid|want/);
  const a = dense(2, 1);
  const other = concat({ weights: { photos: 2 } }).fit({ a }, [0, 1]);
  await expect(other).rejects.toMatchObject({ code: "invalid-params", details: { modality: "photos" } });
  const fitted = await concat().fit({ a }, [0, 1]);
  await expect(fitted.transform({ a: toSparse(a) })).rejects.toMatchObject({ code: "shape-mismatch" });
});
