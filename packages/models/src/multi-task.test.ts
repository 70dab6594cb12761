import { type Dense, decodeSaved, dense, encodeSaved, type FeatureSet, type Fuser, random } from "@mmub/core";
import { concat, dense as denseLayer, type FusionNetwork, mul } from "@mmub/nn";
import { describe, expect, test } from "vitest";
import { classTask, labelsTask, multiTask, numberTask } from "./index.js";

/** The least that joins modalities: those that are there, side by side. */
const network: FusionNetwork = {
  modalityDropout: 0,
  input: ({ cols }) => ({ kind: "vector", cols }),
  build: (scope, modalities) => ({
    fused: denseLayer({ units: 16, activation: "relu" })(
      scope,
      concat(modalities.map(({ input, present }) => mul(input as never, present))),
    ),
  }),
};
const fuser = { type: "test/side-by-side", params: {}, network } as unknown as Fuser & {
  readonly network: FusionNetwork;
};

const tasks = {
  stays: classTask<"yes" | "no">(),
  spends: numberTask(),
  orders: numberTask({ loss: "poisson" }),
  likes: labelsTask<"tea" | "nuts">(),
};
const training = { fuser, epochs: 60, worker: false } as const;

/** Two modalities; each question needs both or one of them. */
function shop(rows: number, seed: number) {
  const numbers = random(seed);
  const normals = (cols: number): Dense =>
    dense(
      rows,
      cols,
      Float32Array.from({ length: rows * cols }, () => numbers.normal()),
    );
  const x = { photo: normals(2), visits: normals(3) } satisfies FeatureSet;
  const targets = Array.from({ length: rows }, (_, row) => {
    const [a, b] = [x.photo.data[2 * row]!, x.visits.data[3 * row]!];
    return {
      stays: a + b > 0 ? ("yes" as const) : ("no" as const),
      spends: 20 + 5 * a - 3 * b,
      orders: Math.round(Math.exp(0.6 * b) * 2),
      likes: [...(a > 0 ? (["tea"] as const) : []), ...(b > 0 ? (["nuts"] as const) : [])],
    };
  });
  return { x, targets };
}

const train = shop(500, 1);
const held = shop(300, 2);

function judged(outputs: Awaited<ReturnType<Awaited<ReturnType<ReturnType<typeof model>["fit"]>>["predict"]>>) {
  const { stays, spends, orders, likes } = outputs;
  const rows = held.targets.length;
  const share = (of: (row: number) => boolean) => held.targets.filter((_, row) => of(row)).length / rows;
  const error = held.targets.reduce((sum, { spends: is }, row) => sum + (is - spends.values[row]!) ** 2 / rows, 0);
  const counted = held.targets.reduce((sum, { orders: is }, row) => sum + Math.abs(is - orders.values[row]!) / rows, 0);
  return {
    stays: share((row) => stays.labels[row] === held.targets[row]!.stays),
    spends: 1 - error / 34,
    orders: counted,
    likes: share((row) => likes.labels[row]!.toSorted().join() === held.targets[row]!.likes.toSorted().join()),
  };
}
const model = (params: object = {}) => multiTask({ ...training, tasks, ...params });

describe("four kinds of questions at once", () => {
  for (const [name, taskWeights] of [
    ["weights of 1", {}],
    ["weights by uncertainty", "uncertainty" as const],
  ] as const)
    test(name, async () => {
      const fitted = await model({ taskWeights }).fit(train.x, train.targets, { seed: 3 });
      const scores = judged(await fitted.predict(held.x));
      expect(scores.stays).toBeGreaterThan(0.93);
      expect(scores.spends).toBeGreaterThan(0.95);
      expect(scores.orders).toBeLessThan(0.5);
      expect(scores.likes).toBeGreaterThan(0.88);
      const weights = Object.values(fitted.taskWeights);
      if (taskWeights === "uncertainty") expect(Math.max(...weights)).toBeGreaterThan(1.5 * Math.min(...weights));
      else expect(weights).toEqual([1, 1, 1, 1]);
      await fitted.dispose();
    });
});

test("a target that few rows know is learned of these alone, the others being there", async () => {
  const partly = train.targets.map((target, row) => ({ ...target, stays: row % 5 === 0 ? target.stays : null }));
  const fitted = await model().fit(train.x, partly, { seed: 3 });
  expect(judged(await fitted.predict(held.x)).stays).toBeGreaterThan(0.88);
  // What the unknown ones would have been changes nothing.
  const other = await model().fit(
    train.x,
    partly.map(({ stays, ...rest }) => (stays ? { stays, ...rest } : rest)),
    {
      seed: 3,
    },
  );
  expect(other.trained.weights).toEqual(fitted.trained.weights);
  await fitted.dispose();
  await other.dispose();
});

test("a task of weight 0 changes nothing of the others", async () => {
  const fitted = await model({ taskWeights: { spends: 0 } }).fit(train.x, train.targets, { seed: 3 });
  const garbage = train.targets.map((target) => ({ ...target, spends: target.spends + 1e3 * target.orders }));
  const other = await model({ taskWeights: { spends: 0 } }).fit(train.x, garbage, { seed: 3 });
  const [a, b] = [await fitted.predict(held.x), await other.predict(held.x)];
  expect(b.stays.probabilities.data).toEqual(a.stays.probabilities.data);
  expect(b.likes.probabilities.data).toEqual(a.likes.probabilities.data);
  await fitted.dispose();
  await other.dispose();
});

test("saved and loaded, it predicts the same; same seed, same bytes", async () => {
  const quick = model({ epochs: 2, taskWeights: "uncertainty", headHidden: [4], headDropout: 0.2 });
  const fitted = await quick.fit(train.x, train.targets, { seed: 3 });
  const bytes = encodeSaved(await fitted.save());
  const again = await quick.load(decodeSaved(bytes));
  expect(await again.predict(held.x)).toEqual(await fitted.predict(held.x));
  const twin = await quick.fit(train.x, train.targets, { seed: 3 });
  expect(encodeSaved(await twin.save())).toEqual(bytes);
  for (const one of [fitted, again, twin]) await one.dispose();
});

test("rows given for validation are judged after each epoch, and learned from in none", async () => {
  const quick = model({ epochs: 4, earlyStopping: { patience: 1 } });
  const few = { x: shop(40, 4).x, targets: shop(40, 4).targets.map((target) => ({ ...target, stays: null })) };
  const fitted = await quick.fit(train.x, train.targets, { seed: 3, validation: few });
  expect(fitted.history.every(({ validation }) => validation !== undefined)).toBe(true);
  const plain = await model({ epochs: fitted.history.length }).fit(train.x, train.targets, { seed: 3 });
  expect(plain.history.map(({ loss }) => loss)).toEqual(fitted.history.map(({ loss }) => loss));
  const bad = { ...few, targets: few.targets.map((target) => ({ ...target, orders: -1 })) };
  await expect(quick.fit(train.x, train.targets, { validation: bad })).rejects.toThrow(
    /\(validation, orders\): target 0/,
  );
  await fitted.dispose();
  await plain.dispose();
});

test("missing modalities are none of a row's business", async () => {
  const fitted = await model({ epochs: 2 }).fit(train.x, train.targets, { seed: 3 });
  const present = new Uint8Array(300);
  const without = await fitted.predict({ ...held.x, photo: { ...held.x.photo, present } });
  const zeros = await fitted.predict({ ...held.x, photo: { ...dense(300, 2), present } });
  expect(without.spends).toEqual(zeros.spends);
  await expect(fitted.predict({ photo: held.x.photo })).rejects.toMatchObject({ code: "shape-mismatch" });
  await fitted.dispose();
});

describe("bad input", () => {
  const few = { photo: dense(3, 2, Float32Array.of(1, 2, 3, 4, 5, 6)) };
  const bad = async (targets: readonly object[], message: RegExp): Promise<void> => {
    await expect(model({ epochs: 1 }).fit(few, targets as never)).rejects.toThrow(message);
  };
  const good = { stays: "yes", spends: 1, orders: 1, likes: ["tea"] };
  const no = { ...good, stays: "no" };
  test("a number that is none names task and row", () =>
    bad([good, { ...no, spends: Number.NaN }, good], /multi-task \(spends\): target 1 is number NaN/));
  test("a count below 0 names task and row", () =>
    bad([good, no, { ...good, orders: -1 }], /\(orders\): target 2 is number -1/));
  test("labels that are no list name task and row", () =>
    bad([good, { ...no, likes: "tea" }, good], /\(likes\): target 1/));
  test("a task that no row answers", () =>
    bad(
      [good, no, good].map((target) => ({ ...target, stays: null })),
      /\(stays\): none of 3 targets is known/,
    ));
  test("a single class", () => bad([good, good, good], /\(stays\)/));
  test("weights of tasks that are not there", () => {
    expect(() => model({ taskWeights: { leaves: 1 } })).toThrow(/taskWeights.leaves/);
  });
  test("a fuser that is no network", () => {
    expect(() => multiTask({ fuser: { type: "concat" } as never, tasks })).toThrow(/gated\(\)/);
  });
});
