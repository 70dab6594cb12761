import { readFileSync } from "node:fs";
import { type Dense, dense, type FeatureSet, random } from "@mmub/core";
import { fuserChecks } from "@mmub/core/testing";
import { describe, expect, test } from "vitest";
import { table, toSparse } from "../fixtures/matrices.js";
import { cca } from "./index.js";

type Table = Parameters<typeof table>[0];
const golden = JSON.parse(readFileSync(new URL("../fixtures/cca.json", import.meta.url), "utf8")) as {
  readonly left: Table;
  readonly right: Table;
  readonly a: Table;
  readonly b: Table;
  readonly correlations: number[];
};

for (const join of ["mean", "concat"] as const)
  describe(`conformance, ${join}`, () => {
    for (const check of fuserChecks({ make: () => cca({ components: 2, join }) })) test(check.name, check.run);
  });

test("correlations and projections are those of scikit-learn", async () => {
  const [left, right] = [table(golden.left), table(golden.right)];
  const fitted = await cca({ components: 4, regularization: 0, scale: "none" }).fit(
    { left, right },
    new Array(60).fill(0),
  );
  for (const [k, correlation] of golden.correlations.entries())
    expect(fitted.correlations[k]).toBeCloseTo(correlation, 4);
  const projected = await fitted.project({ left, right });
  for (const [name, want] of [
    ["left", golden.a],
    ["right", golden.b],
  ] as const) {
    const got = projected[name]!;
    for (let k = 0; k < 4; k++) {
      // Directions are known but for their sign.
      const sign = Math.sign(got.data[k]! * want.data[k]!);
      for (let row = 0; row < got.rows; row++)
        expect(sign * got.data[4 * row + k]!).toBeCloseTo(want.data[4 * row + k]!, 3);
    }
  }
});

/** Views of what is common to them, `shared` numbers, in columns that are mixed with noise. */
function views(names: readonly string[], rows: number, seed: number, cols = 12, shared = 3): FeatureSet {
  const numbers = random(seed);
  const common = Float64Array.from({ length: rows * shared }, () => numbers.normal());
  return Object.fromEntries(
    names.map((name) => {
      const mix = random(3).fork(name);
      const by = Float64Array.from({ length: shared * cols }, () => mix.normal());
      const out = dense(rows, cols);
      for (let row = 0; row < rows; row++)
        for (let col = 0; col < cols; col++) {
          let value = 0.3 * numbers.normal();
          for (let k = 0; k < shared; k++) value += common[row * shared + k]! * by[k * cols + col]!;
          out.data[row * cols + col] = value;
        }
      return [name, out];
    }),
  );
}

/** The share of rows of `a` whose nearest row of `b` by cosine is their own. */
function found(a: Dense, b: Dense): number {
  const unit = ({ rows, cols, data }: Dense) =>
    Array.from({ length: rows }, (_, row) => {
      const own = data.subarray(row * cols, (row + 1) * cols);
      const length = Math.hypot(...own);
      return own.map((value) => value / length);
    });
  const [left, right] = [unit(a), unit(b)];
  const cosine = (x: Float32Array, y: Float32Array) => x.reduce((sum, value, i) => sum + value * y[i]!, 0);
  const hits = left.filter((x, row) =>
    right.every((y, other) => other === row || cosine(x, y) < cosine(x, right[row]!)),
  );
  return hits.length / a.rows;
}

test("what belongs together lies together, of rows not seen, of three modalities, and where rows lack some", async () => {
  const names = ["photo", "text", "voice"];
  const known = views(names, 400, 1);
  const some = Object.fromEntries(
    names.map((name, m) => [
      name,
      { ...known[name]!, present: Uint8Array.from({ length: 400 }, (_, row) => Number(row % 4 !== m)) },
    ]),
  );
  const fresh = views(names, 40, 2);
  for (const features of [known, some]) {
    const fitted = await cca({ components: 3 }).fit(features, new Array(400).fill(0));
    expect(fitted.correlations[0]).toBeGreaterThan(0.7);
    const { photo, text, voice } = await fitted.project(fresh);
    expect(found(photo!, text!)).toBeGreaterThan(0.6);
    expect(found(text!, voice!)).toBeGreaterThan(0.6);
    // A row of one modality comes to lie where all of them would be.
    const blank = { ...fresh.photo!, present: new Uint8Array(40) };
    const alone = await fitted.transform({
      ...fresh,
      photo: blank,
      voice: { ...fresh.voice!, present: new Uint8Array(40) },
    });
    expect(found(alone, await fitted.transform(fresh))).toBeGreaterThan(0.7);
  }
});

test("Sparse features give what Dense ones do where both are scaled alike", async () => {
  const { photo, text } = views(["photo", "text"], 100, 4) as Record<string, Dense>;
  const make = () => cca({ components: 2, scale: "none" });
  const a = await (await make().fit({ photo: photo!, text: text! }, new Array(100).fill(0))).transform({
    photo: photo!,
    text: text!,
  });
  const sparse = { photo: toSparse(photo!), text: text! };
  const b = await (await make().fit(sparse, new Array(100).fill(0))).transform(sparse);
  for (const [i, value] of a.data.entries()) expect(Math.abs(b.data[i]!)).toBeCloseTo(Math.abs(value), 3);
});

test("what cannot be is refused", async () => {
  const { photo, text } = views(["photo", "text"], 10, 5);
  await expect(cca().fit({ photo: photo! }, new Array(10).fill(0))).rejects.toThrow(/but "photo", want two/);
  const halves = (first: boolean) => Uint8Array.from({ length: 10 }, (_, row) => Number(row < 5 === first));
  const apart = { photo: { ...photo!, present: halves(true) }, text: { ...text!, present: halves(false) } };
  await expect(cca().fit(apart, new Array(10).fill(0))).rejects.toThrow(/no row has both "photo" and "text"/);
  expect(() => cca({ regularization: -1 })).toThrow(/regularization/);
  expect(() => cca({ components: 0 })).toThrow(/components/);
});
