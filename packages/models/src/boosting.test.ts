import { readFileSync } from "node:fs";
import { type Dense, decodeSaved, dense, encodeSaved, type Features, MmubError, random, sparse } from "@mmub/core";
import { modelChecks, toyData } from "@mmub/core/testing";
import { describe, expect, test } from "vitest";
import {
  type FittedGradientBoostingRegressor,
  type GradientBoostingRegressorParams,
  gradientBoostingClassifier,
  gradientBoostingRegressor,
} from "./boosting.js";

const quick = { numIterations: 20, minDataInLeaf: 5 };

describe("conformance", () => {
  for (const check of modelChecks({ task: "classification", make: () => gradientBoostingClassifier(quick) }))
    test(`classifier: ${check.name}`, check.run);
  for (const check of modelChecks({ task: "regression", make: () => gradientBoostingRegressor(quick) }))
    test(`regressor: ${check.name}`, check.run);
});

interface Case {
  readonly name: string;
  readonly cols: number;
  readonly data: readonly (number | null)[];
  readonly targets: readonly number[];
  readonly params: GradientBoostingRegressorParams;
  readonly want: readonly number[];
  readonly root: { readonly column: number; readonly gain: number; readonly left: number };
  readonly gain: readonly number[];
}
const { cases } = JSON.parse(readFileSync(new URL("../fixtures/boosting.json", import.meta.url), "utf8")) as {
  readonly cases: readonly Case[];
};

const featuresOf = ({ cols, data }: Case): Dense =>
  dense(
    data.length / cols,
    cols,
    Float32Array.from(data, (value) => value ?? Number.NaN),
  );

const mostApart = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Math.max(Math.abs(a.length - b.length), ...Array.from(a, (value, i) => Math.abs(value - b[i]!)));

describe("LightGBM's numbers", () => {
  for (const one of cases)
    test(one.name, async () => {
      const x = featuresOf(one);
      const isRegression = "loss" in one.params;
      const fitted = isRegression
        ? await gradientBoostingRegressor(one.params).fit(x, one.targets)
        : await gradientBoostingClassifier(one.params).fit(x, one.targets);
      const { trees } = fitted;
      expect({ column: trees.columns[0], left: trees.counts[trees.left[0]!] }).toEqual({
        column: one.root.column,
        left: one.root.left,
      });
      expect(Math.abs(trees.gains[0]! / one.root.gain - 1)).toBeLessThan(1e-4);
      expect(mostApart(fitted.importance.gain, one.gain) / Math.max(...one.gain)).toBeLessThan(1e-3);
      const output = await fitted.predict(x);
      if ("values" in output) expect(mostApart(output.values, one.want)).toBeLessThan(2e-4);
      else {
        const { data, cols } = output.probabilities;
        const got = cols === 2 ? data.filter((_, i) => i % 2 === 1) : data;
        expect(mostApart(got, one.want)).toBeLessThan(2e-5);
      }
    });
});

/** Rows of which the first column decides, and the last is noise. */
const steps = (rows: number, seed = 1) => {
  const r = random(seed);
  const data = new Float32Array(rows * 3);
  const targets: number[] = [];
  for (let row = 0; row < rows; row++) {
    data.set([r.normal(), r.integer(5), r.normal()], 3 * row);
    targets.push((data[3 * row]! > 0.3 ? 4 : 0) + data[3 * row + 1]! + 0.1 * r.normal());
  }
  return { x: dense(rows, 3, data), targets };
};

describe("the same on every kind of machine", () => {
  const { x, targets } = steps(600);
  const bytes = async (params: GradientBoostingRegressorParams) => {
    const fitted = await gradientBoostingRegressor({
      ...quick,
      featureFraction: 0.7,
      baggingFraction: 0.6,
      ...params,
    }).fit(x, targets, { seed: 3 });
    return encodeSaved(await fitted.save());
  };

  test("threads and builds change no bit", async () => {
    const want = await bytes({});
    expect(await bytes({ threads: 2 })).toEqual(want);
    expect(await bytes({ threads: 3, build: "scalar" })).toEqual(want);
  });
});

test("missing values go where they are best, and a missing modality is missing values", async () => {
  // Whoever is missing has bought.
  const rows = 200;
  const x = dense(rows, 1);
  const targets: number[] = [];
  for (let row = 0; row < rows; row++) {
    x.data[row] = row % 2 ? Number.NaN : row % 3;
    targets.push(row % 2 ? 5 : x.data[row]!);
  }
  const options = { numIterations: 60, minDataInLeaf: 2, learningRate: 0.3 };
  const fitted = await gradientBoostingRegressor({ ...options, missing: "nan" }).fit(x, targets);
  expect(mostApart((await fitted.predict(x)).values, targets)).toBeLessThan(1e-3);
  // On rows without missing values, and one at a time, the same.
  const present: Dense = { layout: "dense", rows: 2, cols: 1, data: Float32Array.of(0, 2) };
  expect(mostApart((await fitted.predict(present)).values, [0, 2])).toBeLessThan(1e-3);

  const masked = dense(
    rows,
    1,
    x.data.map((value) => (Number.isNaN(value) ? 0 : value)),
  );
  for (let row = 0; row < rows; row++) masked.present[row] = row % 2 ? 0 : 1;
  const other = await gradientBoostingRegressor(options).fit(masked, targets);
  expect(mostApart((await other.predict(masked)).values, targets)).toBeLessThan(1e-3);
});

test("missing values that no row of the fit had go with more rows", async () => {
  const { x, targets } = steps(300);
  const fitted = await gradientBoostingRegressor({ ...quick, missing: "nan" }).fit(x, targets);
  const holes: Dense = { layout: "dense", rows: 1, cols: 3, data: Float32Array.of(Number.NaN, 2, 0) };
  const low: Dense = { ...holes, data: Float32Array.of(-0.5, 2, 0) };
  expect((await fitted.predict(holes)).values[0]).toBeCloseTo((await fitted.predict(low)).values[0]!, 0);
});

describe("categories", () => {
  const r = random(5);
  const rows = 1200;
  const effects = Array.from({ length: 400 }, () => 3 * r.normal());
  const x = dense(rows, 2);
  const targets: number[] = [];
  for (let row = 0; row < rows; row++) {
    const code = Math.floor(400 * r.next() ** 3);
    x.data.set([code, r.normal()], 2 * row);
    targets.push(effects[code]! + 0.2 * r.normal());
  }
  const params = { numIterations: 60, minDataPerGroup: 5, catSmooth: 1, minDataInLeaf: 5 };

  test("a column of hundreds of codes is learned, and survives being saved", async () => {
    const model = gradientBoostingRegressor({ ...params, categorical: [0] });
    const fitted = await model.fit(x, targets);
    const { values } = await fitted.predict(x);
    const spread = targets.reduce((sum, value) => sum + value ** 2, 0);
    const error = targets.reduce((sum, value, row) => sum + (value - values[row]!) ** 2, 0);
    expect(error / spread).toBeLessThan(0.15);
    expect([...fitted.trees.flags].some((flag) => flag & 2)).toBe(true);
    const again = await model.load(decodeSaved(encodeSaved(await fitted.save())));
    // Codes that were never seen, too.
    const unseen = dense(3, 2, Float32Array.of(1e6, 0, -3, 1, 5, 0));
    for (const some of [x, unseen])
      expect((await again.predict(some)).values).toEqual((await fitted.predict(some)).values);
    expect((await again.predict(unseen)).values.every(Number.isFinite)).toBe(true);
  });

  test("codes are whole numbers", async () => {
    const model = gradientBoostingRegressor({ ...params, categorical: [1] });
    await expect(model.fit(x, targets)).rejects.toThrow("categorical column 1 has");
  });
});

test("monotone columns", async () => {
  const r = random(2);
  const rows = 800;
  const x = dense(rows, 2);
  const targets: number[] = [];
  for (let row = 0; row < rows; row++) {
    x.data.set([r.normal(), r.normal()], 2 * row);
    targets.push(
      Math.sin(3 * x.data[2 * row]!) + x.data[2 * row]! - Math.cos(2 * x.data[2 * row + 1]!) + 0.3 * r.normal(),
    );
  }
  const path = (column: number, other: number) =>
    dense(
      81,
      2,
      Float32Array.from({ length: 162 }, (_, i) => (i % 2 === column ? ((i >> 1) - 40) / 16 : other)),
    );
  const runs = async (params: GradientBoostingRegressorParams, column: number, other: number) => {
    const { values } = await (await gradientBoostingRegressor(params).fit(x, targets)).predict(path(column, other));
    const moves = values.slice(1).map((value, i) => value - values[i]!);
    return [moves.some((move) => move > 1e-12), moves.some((move) => move < -1e-12)];
  };
  const monotone = { 0: 1, 1: -1 } as const;
  for (const other of [-1, 0, 0.7]) {
    expect(await runs({ monotone }, 0, other)).toEqual([true, false]);
    expect(await runs({ monotone }, 1, other)).toEqual([false, true]);
  }
  expect(await runs({}, 0, 0)).toEqual([true, true]);
});

describe("when to stop", () => {
  const toy = toyData({ rows: 400, cols: 4, seed: 3 });
  const noisy = toy.labels.map((label, row) => (row % 5 === 0 ? (label === "a" ? "b" : "a") : label));

  test("early stopping keeps the best round of the validation", async () => {
    const model = gradientBoostingClassifier({
      numIterations: 300,
      learningRate: 0.3,
      minDataInLeaf: 3,
      validation: 0.25,
      earlyStopping: { patience: 10 },
    });
    const fitted = await model.fit(toy.features, noisy, { seed: 1 });
    const losses = fitted.history.map(({ validation }) => validation!);
    expect(fitted.history.length).toBeLessThan(100);
    expect(fitted.bestIteration).toBe(losses.indexOf(Math.min(...losses)) + 1);
    expect(fitted.trees.roots.length).toBe(
      fitted.bestIteration! * (fitted.classes.length === 2 ? 1 : fitted.classes.length),
    );
    expect(fitted.history.length).toBe(fitted.bestIteration! + 10);
  });

  test("rows of one's own to judge by: the loss is that of predict", async () => {
    const own = toyData({ rows: 100, cols: 4, seed: 9 });
    const fitted = await gradientBoostingClassifier(quick).fit(toy.features, noisy, {
      validation: { x: own.features, targets: own.labels },
    });
    const { probabilities, classes } = await fitted.predict(own.features);
    const mean = own.labels.reduce((sum, label, row) => {
      const chance = probabilities.data[row * classes.length + classes.indexOf(label)]!;
      return sum - Math.log(chance) / own.labels.length;
    }, 0);
    expect(fitted.history.at(-1)!.validation).toBeCloseTo(mean, 5);
    const odd = gradientBoostingClassifier(quick).fit(toy.features, noisy, {
      validation: { x: own.features, targets: own.labels.map(() => "z") },
    });
    await expect(odd).rejects.toMatchObject({ code: "invalid-input", index: 0 });
  });

  test("a share of few rows, or of classes with few rows each, holds out one row at least", async () => {
    const few = toyData({ rows: 4, cols: 2, seed: 1 });
    const params = { numIterations: 2, minDataInLeaf: 1, validation: 0.1 };
    const number = await gradientBoostingRegressor(params).fit(few.features, few.values);
    expect(number.history[0]!.validation).toBeGreaterThan(0);
    // Eight classes of three rows: each alone would hold out none of them, and together it is 2.4 rows.
    const many = toyData({ rows: 24, cols: 2, seed: 2 });
    const names = many.labels.map((_, row) => `class ${row % 8}`);
    const classes = await gradientBoostingClassifier(params).fit(many.features, names);
    expect(classes.classes.length).toBe(8);
    expect(classes.history[0]!.validation).toBeGreaterThan(0);
    const single = gradientBoostingClassifier(params).fit(dense(2, 1), ["a", "b"]);
    await expect(single).rejects.toThrow("each class needs a row to learn from");
  });

  test("without a validation there is nothing to stop by", async () => {
    const model = gradientBoostingClassifier({ earlyStopping: {} });
    await expect(model.fit(toy.features, noisy)).rejects.toThrow("set validation");
  });
});

test("weights of classes move the chances", async () => {
  const toy = toyData({ rows: 200, cols: 3, classes: 2, seed: 8 });
  const noisy = toy.labels.map((label, row) => (row % 4 === 0 ? "b" : label));
  const mean = async (weight: number) => {
    const fitted = await gradientBoostingClassifier({ ...quick, classWeight: { b: weight } }).fit(toy.features, noisy);
    const { data } = (await fitted.predict(toy.features)).probabilities;
    return data.reduce((sum, value, i) => sum + (i % 2 ? value : 0), 0) / 200;
  };
  expect(await mean(5)).toBeGreaterThan((await mean(1)) + 0.03);
});

describe("what may come", () => {
  const { x, targets } = steps(60);
  const fit = (features: Features, of: readonly number[], params: GradientBoostingRegressorParams = {}) =>
    gradientBoostingRegressor({ ...quick, ...params }).fit(features, of);

  test("one row, constant columns, all missing: the mean", async () => {
    for (const features of [dense(1, 3, Float32Array.of(1, 2, 3)), dense(30, 2)]) {
      const of = Array.from({ length: features.rows }, (_, row) => row);
      const mean = (features.rows - 1) / 2;
      const { values } = await (await fit(features, of)).predict(features);
      expect(
        mostApart(
          values,
          of.map(() => mean),
        ),
      ).toBeLessThan(1e-6);
    }
    const missing = dense(30, 2, new Float32Array(60).fill(Number.NaN));
    const { values } = await (await fit(missing, targets.slice(0, 30), { missing: "nan" })).predict(missing);
    expect(new Set(values).size).toBe(1);
  });

  test("numbers next to each other, and huge ones", async () => {
    const near = Math.fround(1 + 2 ** -23);
    const data = Float32Array.from({ length: 40 }, (_, row) => [1, near, 3e38, -3e38][row % 4]!);
    const of = Array.from(data, (_, row) => [1, 2, 3, 4][row % 4]!);
    const fitted = await fit(dense(40, 1, data), of, { minDataInLeaf: 1, numIterations: 100, learningRate: 0.3 });
    expect(mostApart((await fitted.predict(dense(40, 1, data))).values, of)).toBeLessThan(1e-3);
  });

  test("bins of a long tail", async () => {
    const r = random(1);
    const data = Float32Array.from({ length: 3000 }, () => Math.exp(6 * r.normal()));
    const of = Array.from(data, (value) => Math.log(value));
    const fitted = await fit(dense(3000, 1, data), of, { numIterations: 100 });
    const { values } = await fitted.predict(dense(3000, 1, data));
    const error = of.reduce((sum, value, row) => sum + (value - values[row]!) ** 2, 0) / 3000;
    expect(error).toBeLessThan(0.2);
  });

  test("sparse rows are the dense ones, zeros included", async () => {
    const csr = sparse(
      3,
      Uint32Array.from({ length: 61 }, (_, row) => 3 * row),
      Uint32Array.from(x.data, (_, i) => i % 3),
      x.data,
    );
    expect((await (await fit(csr, targets)).predict(csr)).values).toEqual(
      (await (await fit(x, targets)).predict(x)).values,
    );
  });

  test("errors say what is wrong", async () => {
    const refused = (params: object): MmubError => {
      try {
        gradientBoostingRegressor(params);
      } catch (error) {
        if (MmubError.is(error)) return error;
      }
      throw new Error("not refused");
    };
    expect(refused({ numTrees: 5 }).message).toContain("no such param; there are alpha, baggingFraction");
    expect(refused({ numLeaves: 1 }).message).toContain("numLeaves is number 1, want a whole number from 2");
    expect(refused({ maxBins: 256 }).code).toBe("invalid-params");
    expect(refused({ featureFraction: 0 }).code).toBe("invalid-params");
    expect(refused({ monotone: { 0: 2 } }).message).toContain("1 or -1");
    expect(refused({ monotone: { 0: 1 }, categorical: [0] }).message).toContain("no categorical column, 0 is one");
    expect(refused({ loss: "l3" }).message).toContain("one of mse, mae");
    expect(refused({ loss: "quantile", alpha: 1 }).message).toContain("a share between 0 and 1");
    expect(refused({ threads: 0 }).message).toContain("threads");
    await expect(fit(x, targets, { categorical: [3] })).rejects.toThrow(
      "names column 3, the features have columns 0 to 2",
    );
    await expect(
      fit(
        x,
        targets.map(() => -1),
        { loss: "poisson" },
      ),
    ).rejects.toMatchObject({ index: 0 });
    const infinite = dense(
      60,
      3,
      x.data.map((value, i) => (i === 9 ? Number.POSITIVE_INFINITY : value)),
    );
    await expect(fit(infinite, targets, { missing: "nan" })).rejects.toMatchObject({ index: 3 });
  });
});

test("start and the leaves of a row sum to its raw score", async () => {
  const { features, labels, values } = toyData({ rows: 60, cols: 3, seed: 8 });
  const leaf = (
    { columns, thresholds, left, right, values }: FittedGradientBoostingRegressor["trees"],
    root: number,
  ) => {
    let node = root;
    while (columns[node]! >= 0) node = features.data[columns[node]!]! <= thresholds[node]! ? left[node]! : right[node]!;
    return values[node]!;
  };
  const sum = ({ start, trees }: Pick<FittedGradientBoostingRegressor, "start" | "trees">) =>
    start[0]! + trees.roots.reduce((all, root) => all + leaf(trees, root), 0);
  const number = await gradientBoostingRegressor({ minDataInLeaf: 5 }).fit(features, values);
  expect((await number.predict(features)).values[0]).toBeCloseTo(sum(number), 6);
  const two = await gradientBoostingClassifier({ minDataInLeaf: 5 }).fit(features, labels);
  const chance = (await two.predict(features)).probabilities.data[1]!;
  expect(Math.log(chance / (1 - chance))).toBeCloseTo(sum(two), 3);
});
