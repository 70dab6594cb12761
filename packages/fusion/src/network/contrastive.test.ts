import { type Dense, decodeSaved, dense, encodeSaved, type FeatureSet, random } from "@mmub/core";
import { fuserChecks } from "@mmub/core/testing";
import { adam } from "@mmub/nn";
import { describe, expect, test } from "vitest";
import { contrastive, gated } from "../index.js";

const quick = { units: 16, components: 4, worker: false } as const;

for (const join of ["mean", "concat"] as const)
  describe(`conformance, ${join}`, () => {
    const make = () => contrastive({ ...quick, epochs: 3, batchSize: 16, join });
    for (const check of fuserChecks({ make })) test(check.name, check.run);
  });

/** Views of three numbers that are common to all, squashed and mixed differently, some rows without a view. */
function views(names: readonly string[], rows: number, seed: number, missing = 0): FeatureSet {
  const numbers = random(seed);
  const common = Float64Array.from({ length: rows * 3 }, () => numbers.normal());
  return Object.fromEntries(
    names.map((name) => {
      const mix = random(3).fork(name);
      const by = Float64Array.from({ length: 30 }, () => mix.normal());
      const out = dense(rows, 10);
      for (let row = 0; row < rows; row++) {
        if (numbers.next() < missing) {
          out.present[row] = 0;
          continue;
        }
        for (let col = 0; col < 10; col++) {
          let value = 0.2 * numbers.normal();
          for (let k = 0; k < 3; k++) value += common[row * 3 + k]! * by[k * 10 + col]!;
          out.data[row * 10 + col] = Math.tanh(value);
        }
      }
      return [name, out];
    }),
  );
}

/** The share of rows of `a` whose nearest row of `b` is their own; all are of length 1. */
function found(a: Dense, b: Dense): number {
  const row = ({ data, cols }: Dense, at: number) => data.subarray(at * cols, (at + 1) * cols);
  const alike = (i: number, j: number) => row(a, i).reduce((sum, value, k) => sum + value * row(b, j)[k]!, 0);
  const hits = Array.from({ length: a.rows }, (_, i) => {
    const own = alike(i, i);
    return Array.from({ length: b.rows }, (_, j) => j).every((j) => j === i || alike(i, j) < own) ? 1 : 0;
  });
  return hits.reduce<number>((sum, hit) => sum + hit, 0) / a.rows;
}

test("what belongs together is found among fresh rows, of three modalities with a third missing too", async () => {
  const optimizer = adam({ learningRate: 0.005 });
  const params = { ...quick, hidden: [32], dropout: 0, epochs: 60, batchSize: 64, optimizer } as const;
  for (const [names, missing, least] of [
    [["photo", "text"], 0, 0.35],
    [["photo", "sound", "text"], 0.33, 0.2],
  ] as const) {
    const known = views(names, 600, 1, missing);
    const fitted = await contrastive(params).fit(known, new Array(600).fill(0), { seed: 1 });
    const { photo, text } = await fitted.project(views(names, 100, 2));
    // By chance it is one of a hundred.
    expect(found(photo!, text!)).toBeGreaterThan(least);
    await fitted.dispose();
  }
});

test("encoders are where another fuser begins", async () => {
  const known = views(["photo", "text"], 200, 1);
  const pairs = await contrastive({ ...quick, epochs: 2 }).fit(known, new Array(200).fill(0), { seed: 1 });
  const targets = Array.from({ length: 200 }, (_, row) => ((known.photo as Dense).data[10 * row]! > 0 ? "a" : "b"));
  const begun = await gated({ units: 16, epochs: 1, worker: false }).fit(known, targets, { weights: pairs.encoders });
  const fresh = await gated({ units: 16, epochs: 1, worker: false }).fit(known, targets);
  const distance = (one: typeof begun) => {
    const name = "fusion/photo/dense/weight";
    return Math.hypot(...one.trained.weights[name]!.map((value, i) => value - pairs.encoders[name]![i]!));
  };
  expect(distance(begun)).toBeLessThan(distance(fresh) / 2);
  const other = gated({ units: 8, epochs: 1, worker: false });
  await expect(other.fit(known, targets, { weights: pairs.encoders })).rejects.toThrow(/fusion\/photo\/dense/);
  for (const one of [pairs, begun, fresh]) await one.dispose();
});

test("a row without any modality is missing, and saved bytes give the same", async () => {
  const known = views(["photo", "text"], 60, 1, 0.4);
  const recipe = contrastive({ ...quick, epochs: 1 });
  const fitted = await recipe.fit(known, new Array(60).fill(0));
  const out = await fitted.transform(known);
  const [photo, text] = [known.photo!.present!, known.text!.present!];
  expect([...out.present!]).toEqual([...photo].map((has, row) => Number(has + text[row]! > 0)));
  const loaded = await recipe.load(decodeSaved(encodeSaved(await fitted.save())));
  expect(await loaded.transform(known)).toEqual(out);
  await fitted.dispose();
  await loaded.dispose();
});

test("one modality, and rows that never have two, are refused", async () => {
  const one = dense(4, 2, Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8));
  const zeros = [0, 0, 0, 0];
  await expect(contrastive(quick).fit({ one }, zeros)).rejects.toThrow(/there is but "one", want two modalities/);
  const half = (first: number) => ({ ...one, present: Uint8Array.of(first, first, 1 - first, 1 - first) });
  await expect(contrastive(quick).fit({ one: half(1), two: half(0) }, zeros)).rejects.toThrow(/no row has two/);
  expect(() => contrastive({ temperature: 0 })).toThrow(/temperature is number 0/);
});
