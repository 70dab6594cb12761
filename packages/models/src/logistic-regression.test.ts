import { readFileSync } from "node:fs";
import {
  type Dense,
  dense,
  type Features,
  type Label,
  MmubError,
  type Progress,
  random,
  sparse,
  takeFeatures,
} from "@mmub/core";
import { modelChecks, toyData } from "@mmub/core/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { splitFold, stratifiedFolds } from "./folds.js";
import { type LogisticRegressionParams, logisticRegression } from "./logistic-regression.js";

describe("conformance", () => {
  for (const [name, params] of [
    ["one C", {}],
    ["several C", { C: [0.1, 1, 10], folds: 3 }],
    ["elastic net", { l1Ratio: 0.5 }],
  ] as const)
    for (const check of modelChecks({ task: "classification", make: () => logisticRegression(params) }))
      test(`${name}: ${check.name}`, check.run);
});

interface Case {
  readonly name: string;
  readonly rows?: number;
  readonly cols?: number;
  readonly data?: readonly number[];
  readonly sparse?: { cols: number; offsets: number[]; columns: number[]; values: number[] };
  readonly targets: readonly Label[];
  readonly params: LogisticRegressionParams;
  readonly want: { coefficients: number[]; intercepts: number[]; probabilities: number[] };
}
const { logistic: cases } = JSON.parse(readFileSync(new URL("../fixtures/models.json", import.meta.url), "utf8")) as {
  readonly logistic: readonly Case[];
};

const featuresOf = ({ rows, cols, data, sparse: csr }: Case): Features =>
  csr
    ? sparse(csr.cols, Uint32Array.from(csr.offsets), Uint32Array.from(csr.columns), Float32Array.from(csr.values))
    : dense(rows!, cols!, Float32Array.from(data!));

const mostApart = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Math.max(Math.abs(a.length - b.length), ...Array.from(a, (value, i) => Math.abs(value - b[i]!)));

describe("scikit-learn's numbers, both at tight tolerance", () => {
  for (const one of cases)
    test(one.name, async () => {
      const x = featuresOf(one);
      const fitted = await logisticRegression({ ...one.params, tolerance: 1e-9 }).fit(x, one.targets);
      expect(fitted.converged).toBe(true);
      expect(fitted.classes).toEqual([...new Set(one.targets)].sort((a, b) => (a < b ? -1 : 1)));
      expect(mostApart(fitted.coefficients, one.want.coefficients)).toBeLessThan(1e-5);
      // Where a column is far from zero, an error of its coefficient counts that much in the intercept.
      expect(mostApart(fitted.intercepts, one.want.intercepts)).toBeLessThan(1e-4);
      const { probabilities } = await fitted.predict(takeFeatures(x, [0, 1, 2, 3, 4, 5, 6, 7]));
      expect(mostApart(probabilities.data, one.want.probabilities)).toBeLessThan(1e-6);
    });
});

const twoClasses = (rows = 90) => toyData({ rows, cols: 6, classes: 2, seed: 3 });
const threeClasses = (rows = 90) => toyData({ rows, cols: 6, classes: 3, seed: 4 });
const tight = { tolerance: 1e-9 };

test("at the default tolerance no slope of the mean loss is larger", async () => {
  const { features, labels } = twoClasses();
  const fitted = await logisticRegression({ C: 0.5 }).fit(features, labels);
  const { probabilities } = await fitted.predict(features);
  for (let k = 0; k < features.cols; k++) {
    let slope = fitted.coefficients[k]! / (0.5 * features.rows);
    for (let row = 0; row < features.rows; row++) {
      const residual = probabilities.data[2 * row + 1]! - Number(labels[row] === "b");
      slope += (residual * features.data[row * features.cols + k]!) / features.rows;
    }
    expect(Math.abs(slope)).toBeLessThan(1e-4 + 1e-6);
  }
});

test("many classes of few words each are not left half learned", async () => {
  // Each text has 5 of 6 words of its class and 15 of 2000 that all have: no entry of the gradient is ever large.
  const [rows, cols, classes] = [600, 2240, 40];
  const numbers = random(3);
  const offsets = Uint32Array.from({ length: rows + 1 }, (_, row) => 20 * row);
  const columns = new Uint32Array(20 * rows);
  for (let row = 0; row < rows; row++) {
    const own = numbers.shuffle([0, 1, 2, 3, 4, 5]).slice(0, 5);
    const any = numbers.shuffle(Array.from({ length: 2000 }, (_, k) => k)).slice(0, 15);
    const words = [...own.map((k) => 6 * (row % classes) + k), ...any.map((k) => 240 + k)];
    columns.set(
      words.sort((a, b) => a - b),
      20 * row,
    );
  }
  const x = sparse(cols, offsets, columns, new Float32Array(20 * rows).fill(0.2));
  const targets = Array.from({ length: rows }, (_, row) => row % classes);
  const lossOf = async (params: LogisticRegressionParams) => {
    let loss = Number.NaN;
    const options = { onProgress: ({ metrics }: Progress) => (loss = metrics!.loss!) };
    await logisticRegression<number>({ C: 1e4, ...params }).fit(x, targets, options);
    return loss;
  };
  expect((await lossOf({})) - (await lossOf({ tolerance: 1e-8 }))).toBeLessThan(1e-3);
});

describe("properties", () => {
  const { features, labels } = threeClasses(40);

  test("the order of the rows does not matter", async () => {
    const want = await logisticRegression(tight).fit(features, labels);
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray([...labels.keys()], { minLength: labels.length }), async (order) => {
        const got = await logisticRegression(tight).fit(
          takeFeatures(features, order),
          order.map((row) => labels[row]!),
        );
        expect(mostApart(got.coefficients, want.coefficients)).toBeLessThan(1e-6);
      }),
      { seed: 1, numRuns: 15 },
    );
  });

  test("a class that comes n times as often is a class of weight n", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 4 }), fc.constantFrom("a", "b", "c"), async (times, label) => {
        const order = labels.flatMap((of, row) => Array<number>(of === label ? times : 1).fill(row));
        const repeated = await logisticRegression(tight).fit(
          takeFeatures(features, order),
          order.map((row) => labels[row]!),
        );
        const weighted = await logisticRegression({ ...tight, classWeight: { [label]: times } }).fit(features, labels);
        expect(mostApart(repeated.coefficients, weighted.coefficients)).toBeLessThan(1e-6);
      }),
      { seed: 2, numRuns: 12 },
    );
  });

  test("the scale of a column does not matter where the penalty is next to nothing", async () => {
    const scaled: Dense = {
      ...features,
      data: features.data.map((value, i) => (i % features.cols === 2 ? 1024 * value : value)),
    };
    // Not separable, or there would be no such coefficient.
    const noisy = labels.map((label, row) => (row % 3 === 0) !== (label === "a"));
    const free = { C: 1e6, tolerance: 1e-8 };
    const [a, b] = [
      await logisticRegression(free).fit(features, noisy),
      await logisticRegression(free).fit(scaled, noisy),
    ];
    expect(b.converged).toBe(true);
    const { data } = (await a.predict(features)).probabilities;
    expect(mostApart((await b.predict(scaled)).probabilities.data, data)).toBeLessThan(1e-4);
  });

  test("sparse rows give what dense rows give, odd numbers of rows and classes too", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 2, max: 7 }), fc.integer({ min: 15, max: 300 }), async (classes, rows) => {
        const toy = toyData({ rows, cols: 5, classes, seed: rows });
        const offsets = Uint32Array.from({ length: rows + 1 }, (_, row) => row * 5);
        const csr = sparse(
          5,
          offsets,
          Uint32Array.from(toy.features.data, (_, i) => i % 5),
          toy.features.data,
        );
        const [a, b] = [
          await logisticRegression(tight).fit(toy.features, toy.labels),
          await logisticRegression(tight).fit(csr, toy.labels),
        ];
        expect(mostApart(a.coefficients, b.coefficients)).toBeLessThan(1e-6);
        const [p, q] = [await a.predict(toy.features), await b.predict(csr, { batchSize: 7 })];
        expect(mostApart(p.probabilities.data, q.probabilities.data)).toBeLessThan(1e-6);
        expect((await a.predict(toy.features, { batchSize: 3 })).probabilities.data).toEqual(p.probabilities.data);
      }),
      { seed: 3, numRuns: 12 },
    );
  });
});

describe("the choice of C", () => {
  const { features, labels } = threeClasses(70);
  // Labels that are partly noise: the weakest penalty is not the best.
  const noisy = labels.map((label, row) => (row % 4 === 0 ? "abc"[(row / 4) % 3]! : label));
  const Cs = [100, 0.001, 0.1];

  for (const scoring of ["log-loss", "accuracy"] as const)
    test(`${scoring}: the scores are those of cold fits on each fold`, async () => {
      const params = { ...tight, scoring, folds: 4, classWeight: { b: 2 } };
      const fitted = await logisticRegression({ ...params, C: Cs }).fit(features, noisy, { seed: 11 });
      const classes = ["a", "b", "c"];
      const foldOf = stratifiedFolds(
        noisy.map((l) => classes.indexOf(l)),
        3,
        4,
        random(11).fork("folds"),
        "test",
      );
      for (const [at, C] of Cs.entries()) {
        let [sum, weights] = [0, 0];
        for (let fold = 0; fold < 4; fold++) {
          const { held, kept } = splitFold(foldOf, fold);
          const cold = await logisticRegression({ ...params, C }).fit(
            takeFeatures(features, kept),
            kept.map((row) => noisy[row]!),
          );
          const { labels: guesses, probabilities } = await cold.predict(takeFeatures(features, held));
          for (const [i, row] of held.entries()) {
            const weight = noisy[row] === "b" ? 2 : 1;
            const chance = probabilities.data[3 * i + classes.indexOf(noisy[row]!)]!;
            sum += weight * (scoring === "accuracy" ? Number(guesses[i] === noisy[row]) : -Math.log(chance));
            weights += weight;
          }
        }
        expect(fitted.scores![at]).toBeCloseTo(sum / weights, 5);
      }
      const best = scoring === "accuracy" ? Math.max(...fitted.scores!) : Math.min(...fitted.scores!);
      expect(fitted.scores![Cs.indexOf(fitted.C)]).toBe(best);
      const alone = await logisticRegression({ ...params, C: fitted.C }).fit(features, noisy);
      expect(fitted.coefficients).toEqual(alone.coefficients);
    });

  test("the seed deals the folds", async () => {
    const fit = (seed: number) => logisticRegression({ C: Cs, folds: 3 }).fit(features, noisy, { seed });
    expect((await fit(1)).scores).toEqual((await fit(1)).scores);
    expect((await fit(1)).scores).not.toEqual((await fit(2)).scores);
  });

  test("a class of one row is always learned from", async () => {
    const rare = [...noisy.slice(0, -1), "rare"];
    const fitted = await logisticRegression({ C: Cs }).fit(features, rare);
    expect(fitted.scores!.every(Number.isFinite)).toBe(true);
    const few = logisticRegression({ C: Cs, folds: 3 }).fit(takeFeatures(features, [0, 1, 2]), ["a", "b", "b"]);
    await expect(few).rejects.toMatchObject({ code: "invalid-input", details: { folds: 3, rows: 2 } });
  });
});

test("folds hold out each row once and each class evenly", () => {
  const classOf = Array.from({ length: 100 }, (_, row) => (row % 5 === 0 ? 1 : 0));
  const foldOf = stratifiedFolds(classOf, 2, 4, random(1), "test");
  for (let fold = 0; fold < 4; fold++) {
    const { held, kept } = splitFold(foldOf, fold);
    expect([...held, ...kept].sort((a, b) => a - b)).toEqual([...classOf.keys()]);
    expect(held.filter((row) => classOf[row] === 1).length).toBe(5);
  }
});

test("labels keep their type, sorted as numbers, strings and booleans are", async () => {
  const x = dense(4, 1, Float32Array.of(0, 1, 2, 3));
  const numbers = await logisticRegression<number>().fit(x, [10, 10, 9, -1]);
  expect(numbers.classes).toEqual([-1, 9, 10]);
  const loaded = await logisticRegression<number>().load(await numbers.save());
  expect((await loaded.predict(x)).labels).toEqual((await numbers.predict(x)).labels);
  expect((await logisticRegression<boolean>().fit(x, [true, true, false, false])).classes).toEqual([false, true]);
});

test("probabilities stay sound far from the data", async () => {
  const { features, labels } = threeClasses();
  for (const targets of [labels, labels.map((label) => label === "a")]) {
    const fitted = await logisticRegression({ C: 1000 }).fit(features, targets);
    const far: Dense = { ...features, data: features.data.map((value) => value * 1e6) };
    const { probabilities } = await fitted.predict(far);
    for (let row = 0; row < far.rows; row++) {
      const chances = probabilities.data.subarray(row * probabilities.cols, (row + 1) * probabilities.cols);
      expect(chances.reduce((a, b) => a + b)).toBeCloseTo(1, 6);
    }
  }
});

test("a fit that ran out of iterations says so", async () => {
  const { features, labels } = threeClasses();
  const seen: number[] = [];
  const fitted = await logisticRegression({ ...tight, maxIterations: 3 }).fit(features, labels, {
    onProgress: ({ done, total, metrics }) => {
      expect(total).toBe(3);
      expect(metrics!.gradient).toBeGreaterThan(1e-9);
      seen.push(done, metrics!.converged!);
    },
  });
  expect([fitted.converged, fitted.iterations]).toEqual([false, 3]);
  expect(seen).toEqual([1, 0, 2, 0, 3, 0]);
});

test("columns of nothing, no columns and separable rows are fine", async () => {
  const labels = ["a", "a", "b"];
  const zeros = await logisticRegression(tight).fit(dense(3, 2), labels);
  expect([...zeros.coefficients]).toEqual([0, 0]);
  expect((await zeros.predict(dense(1, 2))).probabilities.data[0]).toBeCloseTo(2 / 3, 6);
  const none = await logisticRegression(tight).fit(dense(3, 0), labels);
  expect((await none.predict(dense(1, 0))).probabilities.data[0]).toBeCloseTo(2 / 3, 6);
  const apart = await logisticRegression({ C: 1e8 }).fit(dense(3, 1, Float32Array.of(-1, -2, 1)), labels);
  expect(apart.converged).toBe(true);
  expect((await apart.predict(dense(2, 1, Float32Array.of(-5, 5)))).labels).toEqual(["a", "b"]);
});

describe("bad input", () => {
  const x = dense(3, 1, Float32Array.of(1, 2, 3));
  const fit = (targets: readonly unknown[], features: Features = x, params: LogisticRegressionParams = {}) =>
    logisticRegression(params).fit(features, targets as Label[]);

  test.each([
    [["a", undefined, "b"], 1, "target 1 is undefined"],
    [["a", "b", Number.NaN], 2, "target 2 is number NaN"],
    [["a", "b", 1], 2, 'target 2 is number 1 but target 0 is string "a"'],
    [["a", "b", ["c"]], 2, "target 2 is an array"],
    [["a", "b"], 2, "2 targets for 3 samples"],
  ])("targets %j", async (targets, index, message) => {
    await expect(fit(targets)).rejects.toMatchObject({
      code: "invalid-input",
      index,
      message: expect.stringContaining(message),
    });
  });

  test("one class, and what it was", async () => {
    await expect(fit(["buy", "buy", "buy"])).rejects.toThrow(
      'all 3 targets are string "buy", want at least two classes',
    );
  });

  test("a sequence", async () => {
    const steps: Features = {
      layout: "sequence",
      rows: 3,
      cols: 1,
      offsets: Uint32Array.of(0, 0, 0, 0),
      data: new Float32Array(),
    };
    await expect(fit(["a", "b", "b"], steps)).rejects.toThrow("features are a Sequence, want Dense or Sparse");
    const fitted = await fit(["a", "b", "b"]);
    await expect(fitted.predict(steps)).rejects.toThrow("features are a Sequence");
  });

  test("a weight for a class that is not there", async () => {
    await expect(fit(["a", "b", "b"], x, { classWeight: { c: 2 } })).rejects.toThrow(
      'classWeight names "c", want a class among the targets: string "a", string "b"',
    );
  });

  test.each<[LogisticRegressionParams | Record<string, unknown>]>([
    [{ C: 0 }],
    [{ C: [] }],
    [{ C: [1, -1] }],
    [{ C: Number.POSITIVE_INFINITY }],
    [{ C: "1" }],
    [{ fitIntercept: 1 }],
    [{ classWeight: "even" }],
    [{ classWeight: { a: 0 } }],
    [{ tolerance: 0 }],
    [{ maxIterations: 0.5 }],
    [{ folds: 1 }],
    [{ scoring: "auc" }],
  ])("params %j", (params) => {
    expect(() => logisticRegression(params as LogisticRegressionParams)).toThrow(MmubError);
  });
});

test("sparse rows are never written out", async () => {
  // As dense float64 rows they would take 10 gigabytes.
  const [rows, cols] = [5000, 2 ** 18];
  const csr = sparse(
    cols,
    Uint32Array.from({ length: rows + 1 }, (_, row) => 2 * row),
    Uint32Array.from({ length: 2 * rows }, (_, i) => (i % 2 === 0 ? (i >> 1) % 2 : 2 + (i >> 1) * 50)),
    new Float32Array(2 * rows).fill(1),
  );
  const labels = Array.from({ length: rows }, (_, row) => row % 2 === 0);
  const fitted = await logisticRegression().fit(csr, labels);
  expect((await fitted.predict(csr)).labels).toEqual(labels);
});
