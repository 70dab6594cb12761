import { readFileSync } from "node:fs";
import { type Dense, dense, type Features, type Label, MmubError, random, sparse, takeFeatures } from "@mmub/core";
import { modelChecks, toyData } from "@mmub/core/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { inverseTemperature, sigmoid } from "./calibrate.js";
import { splitFold, stratifiedFolds } from "./folds.js";
import { type LinearSvmParams, linearSvm } from "./linear-svm.js";

describe("conformance", () => {
  for (const params of [
    {},
    { calibration: "sigmoid", folds: 3 },
    { C: [0.1, 1], folds: 3, loss: "hinge" },
    { penalty: "l1", calibration: "none" },
  ] as LinearSvmParams[])
    for (const check of modelChecks({ task: "classification", make: () => linearSvm(params) }))
      test(`${JSON.stringify(params)}: ${check.name}`, check.run);
});

interface Case {
  readonly name: string;
  readonly rows?: number;
  readonly cols?: number;
  readonly data?: readonly number[];
  readonly sparse?: { cols: number; offsets: number[]; columns: number[]; values: number[] };
  readonly targets: readonly Label[];
  readonly params: LinearSvmParams;
  readonly want: { coefficients: number[]; intercepts: number[]; decisions: number[] };
}
interface Scored {
  readonly classOf: number[];
  readonly outputs: number;
  readonly scores: number[];
  readonly slopes: number[];
  readonly offsets: number[];
  readonly inverseTemperature: number;
}
const { cases, calibrations } = JSON.parse(readFileSync(new URL("../fixtures/svm.json", import.meta.url), "utf8")) as {
  readonly cases: readonly Case[];
  readonly calibrations: readonly Scored[];
};

const featuresOf = ({ rows, cols, data, sparse: csr }: Case): Features =>
  csr
    ? sparse(csr.cols, Uint32Array.from(csr.offsets), Uint32Array.from(csr.columns), Float32Array.from(csr.values))
    : dense(rows!, cols!, Float32Array.from(data!));

const mostApart = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Math.max(Math.abs(a.length - b.length), ...Array.from(a, (value, i) => Math.abs(value - b[i]!)));

const tight = { tolerance: 1e-9, maxIterations: 200_000 };

describe("scikit-learn's numbers, both at tight tolerance", () => {
  for (const one of cases)
    for (const solver of ["dual", "primal"] as const) {
      if (solver === (one.params.loss === "hinge" ? "primal" : one.params.penalty === "l1" ? "dual" : "")) continue;
      test(`${one.name}, ${solver}`, async () => {
        const x = featuresOf(one);
        const fitted = await linearSvm({ ...one.params, ...tight, solver, calibration: "none" }).fit(x, one.targets);
        expect(fitted.converged).toBe(true);
        expect(mostApart(fitted.coefficients, one.want.coefficients)).toBeLessThan(1e-5);
        expect(mostApart(fitted.intercepts, one.want.intercepts)).toBeLessThan(1e-5);
        const decisions = await fitted.decisionFunction(takeFeatures(x, [0, 1, 2, 3, 4, 5, 6, 7]));
        expect(mostApart(decisions.data, one.want.decisions)).toBeLessThan(1e-5);
      });
    }

  test("of the calibration", () => {
    for (const { classOf, outputs, scores, slopes, offsets, inverseTemperature: want } of calibrations) {
      const all = Float64Array.from(scores);
      expect(inverseTemperature(all, outputs, classOf) / want).toBeCloseTo(1, 5);
      for (let c = 0; c < outputs; c++) {
        const own = outputs === 1 ? 1 : c;
        const column = Float64Array.from(classOf, (_, row) => all[row * outputs + c]!);
        const { slope, offset } = sigmoid(column, (row) => classOf[row] === own);
        // scikit-learn's search ends at a gradient of 1e-6.
        expect(slope / slopes[c]!).toBeCloseTo(1, 4);
        expect(offset - offsets[c]!).toBeCloseTo(0, 3);
      }
    }
  });
});

const threeClasses = (rows = 90) => toyData({ rows, cols: 6, classes: 3, seed: 4 });

describe("properties", () => {
  const { features, labels } = threeClasses(40);
  const alone = { ...tight, calibration: "none" } as const;

  test("the order of the rows does not matter", async () => {
    for (const params of [{}, { loss: "hinge" }, { penalty: "l1" }] as LinearSvmParams[]) {
      const want = await linearSvm({ ...alone, ...params }).fit(features, labels);
      await fc.assert(
        fc.asyncProperty(fc.shuffledSubarray([...labels.keys()], { minLength: labels.length }), async (order) => {
          const got = await linearSvm({ ...alone, ...params }).fit(
            takeFeatures(features, order),
            order.map((row) => labels[row]!),
          );
          expect(mostApart(got.coefficients, want.coefficients)).toBeLessThan(1e-5);
        }),
        { seed: 1, numRuns: 6 },
      );
    }
  });

  test("both solvers find the same from any shape", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 8, max: 60 }),
        fc.integer({ min: 2, max: 4 }),
        async (cols, rows, classes) => {
          const toy = toyData({ rows, cols, classes, seed: rows });
          const [a, b] = [
            await linearSvm({ ...alone, solver: "dual" }).fit(toy.features, toy.labels),
            await linearSvm({ ...alone, solver: "primal" }).fit(toy.features, toy.labels),
          ];
          expect(mostApart(a.coefficients, b.coefficients)).toBeLessThan(1e-5);
          const [p, q] = [await a.predict(toy.features), await a.predict(toy.features, { batchSize: 3 })];
          expect(q.probabilities.data).toEqual(p.probabilities.data);
        },
      ),
      { seed: 2, numRuns: 15 },
    );
  });
});

describe("what is held out", () => {
  const { features, labels } = threeClasses(70);
  const noisy = labels.map((label, row) => (row % 4 === 0 ? "abc"[(row / 4) % 3]! : label));
  const Cs = [100, 0.0001, 0.01];
  const classes = ["a", "b", "c"];
  const params = { ...tight, folds: 4, classWeight: { b: 2 }, C: Cs };

  /** The scores of each row by a fit on the other folds. */
  async function heldOut(C: number): Promise<Float64Array> {
    const classOf = noisy.map((label) => classes.indexOf(label));
    const foldOf = stratifiedFolds(classOf, 3, 4, random(11).fork("folds"), "test");
    const out = new Float64Array(3 * noisy.length);
    for (let fold = 0; fold < 4; fold++) {
      const { held, kept } = splitFold(foldOf, fold);
      const cold = await linearSvm({ ...params, C, calibration: "none" }).fit(
        takeFeatures(features, kept),
        kept.map((row) => noisy[row]!),
      );
      const { data } = await cold.decisionFunction(takeFeatures(features, held));
      for (const [i, row] of held.entries()) out.set(data.subarray(3 * i, 3 * i + 3), 3 * row);
    }
    return out;
  }

  test("decides on C by its accuracy", async () => {
    const fitted = await linearSvm(params).fit(features, noisy, { seed: 11 });
    for (const [at, C] of Cs.entries()) {
      const scores = await heldOut(C);
      let [right, total] = [0, 0];
      for (const [row, label] of noisy.entries()) {
        const own = [...scores.subarray(3 * row, 3 * row + 3)];
        const weight = label === "b" ? 2 : 1;
        total += weight;
        if (classes[own.indexOf(Math.max(...own))] === label) right += weight;
      }
      expect(fitted.scores![at]).toBeCloseTo(right / total, 9);
    }
    expect(new Set(fitted.scores).size).toBeGreaterThan(1);
    expect(fitted.scores![Cs.indexOf(fitted.C)]).toBe(Math.max(...fitted.scores!));
    const alone = await linearSvm({ ...params, C: fitted.C, calibration: "none" }).fit(features, noisy);
    expect(mostApart(fitted.coefficients, alone.coefficients)).toBeLessThan(1e-6);
  });

  test("decides on probabilities, which are those of scikit-learn's rules", async () => {
    const scores = await heldOut(0.01);
    const classOf = noisy.map((label) => classes.indexOf(label));
    for (const calibration of ["temperature", "sigmoid"] as const) {
      const fitted = await linearSvm({ ...params, C: 0.01, calibration }).fit(features, noisy, { seed: 11 });
      expect(fitted.scores).toBeUndefined();
      const { data } = await fitted.decisionFunction(features);
      const { probabilities } = await fitted.predict(features);
      const scale = inverseTemperature(scores, 3, classOf);
      const sigmoids = classes.map((_, c) =>
        sigmoid(
          Float64Array.from(classOf, (_, row) => scores[3 * row + c]!),
          (row) => classOf[row] === c,
        ),
      );
      for (let row = 0; row < noisy.length; row++) {
        const parts = sigmoids.map(({ slope, offset }, c) => {
          const score = data[3 * row + c]!;
          return calibration === "temperature" ? Math.exp(scale * score) : 1 / (1 + Math.exp(-slope * score - offset));
        });
        const sum = parts.reduce((a, b) => a + b);
        for (const [c, part] of parts.entries()) expect(probabilities.data[3 * row + c]).toBeCloseTo(part / sum, 5);
      }
    }
  });

  test("the likeliest class is that of the highest score", async () => {
    for (const targets of [noisy, noisy.map((label) => label === "a")]) {
      const fitted = await linearSvm<Label>().fit(features, targets);
      const { labels } = await fitted.predict(features);
      const scores = await fitted.decisionFunction(features);
      for (const [row, label] of labels.entries()) {
        const own = [...scores.data.subarray(row * scores.cols, (row + 1) * scores.cols)];
        const best = own.length === 1 ? Number(own[0]! > 0) : own.indexOf(Math.max(...own));
        expect(label).toBe(fitted.classes[best]);
      }
    }
  });

  test("a class of one row is always learned from, and too few rows are told", async () => {
    const rare = [...noisy.slice(0, -1), "rare"];
    const fitted = await linearSvm().fit(features, rare);
    expect(fitted.classes).toContain("rare");
    const few = [takeFeatures(features, [0, 1, 2]), ["a", "b", "b"]] as const;
    await expect(linearSvm({ folds: 3 }).fit(...few)).rejects.toMatchObject({
      code: "invalid-input",
      message: expect.stringContaining('or one C and calibration "none"'),
    });
    const alone = await linearSvm({ calibration: "none" }).fit(...few);
    expect((await alone.predict(few[0])).labels).toEqual(few[1]);
  });
});

test("an L1 penalty leaves out columns of noise", async () => {
  const { features, labels } = toyData({ rows: 200, cols: 3, classes: 2, seed: 6 });
  const numbers = random(1);
  const wide = dense(200, 13);
  for (let row = 0; row < 200; row++)
    for (let k = 0; k < 13; k++) wide.data[row * 13 + k] = k < 3 ? features.data[row * 3 + k]! : numbers.normal();
  const fitted = await linearSvm({ penalty: "l1", C: 0.02 }).fit(wide, labels);
  expect(fitted.converged).toBe(true);
  expect([...fitted.coefficients.subarray(3)].filter((value) => value !== 0).length).toBeLessThan(3);
  expect(fitted.coefficients.subarray(0, 3).some((value) => value !== 0)).toBe(true);
});

test("a fit that ran out of iterations says so, and progress counts classes and folds", async () => {
  const { features, labels } = threeClasses();
  for (const params of [{ solver: "dual" }, { solver: "primal" }, { penalty: "l1" }] as LinearSvmParams[]) {
    const seen: number[] = [];
    const fitted = await linearSvm({ ...params, tolerance: 1e-9, maxIterations: 2, folds: 3 }).fit(features, labels, {
      onProgress: ({ done, total }) => {
        expect(total).toBe(12);
        seen.push(done);
      },
    });
    expect([fitted.converged, fitted.iterations]).toEqual([false, 2]);
    expect(seen).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
  }
});

test("columns of nothing, no columns, rows of nothing and separable rows are fine", async () => {
  const labels = ["a", "a", "b"];
  for (const params of [{ solver: "dual" }, { solver: "primal" }, { loss: "hinge" }, { penalty: "l1" }] as const)
    for (const fitIntercept of [true, false]) {
      const recipe = linearSvm<string>({ ...params, fitIntercept, calibration: "none" });
      const zeros = await recipe.fit(dense(3, 2), labels);
      expect([zeros.converged, ...zeros.coefficients]).toEqual([true, 0, 0]);
      expect((await recipe.fit(dense(3, 0), labels)).converged).toBe(true);
      const apart = await recipe.fit(dense(3, 1, Float32Array.of(-1, -2, 1)), labels);
      expect((await apart.predict(dense(2, 1, Float32Array.of(-5, 5)))).labels).toEqual(["a", "b"]);
    }
});

test("probabilities stay sound far from the data", async () => {
  const { features, labels } = threeClasses();
  const far: Dense = { ...features, data: features.data.map((value) => value * 1e6) };
  for (const calibration of ["temperature", "sigmoid", "none"] as const)
    for (const targets of [labels, labels.map((label) => label === "a")]) {
      const fitted = await linearSvm<Label>({ calibration, C: 100 }).fit(features, targets);
      const { probabilities } = await fitted.predict(far);
      for (let row = 0; row < far.rows; row++) {
        const chances = probabilities.data.subarray(row * probabilities.cols, (row + 1) * probabilities.cols);
        expect(chances.reduce((a, b) => a + b)).toBeCloseTo(1, 5);
      }
    }
});

test("the seed deals the folds and the order, and what was saved predicts the same", async () => {
  const { features, labels } = threeClasses();
  const recipe = linearSvm({ C: [0.01, 1], loss: "hinge" });
  const fit = async (seed: number) => (await recipe.fit(features, labels, { seed })).save();
  expect(await fit(1)).toEqual(await fit(1));
  expect(await fit(1)).not.toEqual(await fit(2));
  const fitted = await recipe.fit(features, labels);
  const loaded = await recipe.load(await fitted.save());
  expect(await loaded.predict(features)).toEqual(await fitted.predict(features));
  expect([loaded.C, loaded.scores, loaded.iterations]).toEqual([fitted.C, fitted.scores, fitted.iterations]);
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
  for (const params of [{}, { solver: "primal" }, { penalty: "l1" }] as LinearSvmParams[])
    expect((await (await linearSvm({ ...params, folds: 2 }).fit(csr, labels)).predict(csr)).labels).toEqual(labels);
});

describe("bad input", () => {
  const x = dense(3, 1, Float32Array.of(1, 2, 3));

  test.each([
    [["a", undefined, "b"], "target 1 is undefined"],
    [["a", "b", 1], 'target 2 is number 1 but target 0 is string "a"'],
    [["a", "b"], "2 targets for 3 samples"],
    [["a", "a", "a"], 'all 3 targets are string "a", want at least two classes'],
  ])("targets %j", async (targets, message) => {
    await expect(linearSvm().fit(x, targets as Label[])).rejects.toMatchObject({
      code: "invalid-input",
      message: expect.stringContaining(message),
    });
  });

  test("a sequence", async () => {
    const steps: Features = {
      layout: "sequence",
      rows: 3,
      cols: 1,
      offsets: Uint32Array.of(0, 0, 0, 0),
      data: new Float32Array(),
    };
    await expect(linearSvm().fit(steps, ["a", "b", "b"])).rejects.toThrow("features are a Sequence");
    const fitted = await linearSvm({ calibration: "none" }).fit(x, ["a", "b", "b"]);
    await expect(fitted.decisionFunction(steps)).rejects.toThrow("features are a Sequence");
    await expect(fitted.decisionFunction(dense(1, 2))).rejects.toMatchObject({ code: "shape-mismatch" });
  });

  test.each<[Record<string, unknown>]>([
    [{ C: 0 }],
    [{ C: [] }],
    [{ C: [1, -1] }],
    [{ penalty: "l3" }],
    [{ loss: "log" }],
    [{ loss: "hinge", penalty: "l1" }],
    [{ loss: "hinge", solver: "primal" }],
    [{ penalty: "l1", solver: "dual" }],
    [{ solver: "newton" }],
    [{ fitIntercept: 1 }],
    [{ interceptScaling: 0 }],
    [{ classWeight: "even" }],
    [{ tolerance: 0 }],
    [{ maxIterations: 0.5 }],
    [{ calibration: "isotonic" }],
    [{ folds: 1 }],
  ])("params %j", (params) => {
    expect(() => linearSvm(params as LinearSvmParams)).toThrow(MmubError);
  });
});
