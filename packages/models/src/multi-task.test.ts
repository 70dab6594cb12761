import { type Dense, decodeSaved, dense, encodeSaved, type FeatureSet, type Fuser, random } from "@mmub/core";
import { concat, dense as denseLayer, type FusionNetwork, mul } from "@mmub/nn";
import { describe, expect, test } from "vitest";
import { classTask, labelsTask, multiTask, numberTask, ordinalTask, survivalTask } from "./index.js";

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
    ["weights by the lengths of gradients", "gradNorm" as const],
    ["gradients that do not conflict", "pcGrad" as const],
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
      else if (taskWeights === "gradNorm") {
        expect(weights.reduce((a, b) => a + b)).toBeCloseTo(4, 5);
        expect(Math.max(...weights)).toBeGreaterThan(1.1 * Math.min(...weights));
        const again = await model({ taskWeights }).load(decodeSaved(encodeSaved(await fitted.save())));
        expect((await again.predict(held.x)).spends).toEqual((await fitted.predict(held.x)).spends);
        await again.dispose();
      } else expect(weights).toEqual([1, 1, 1, 1]);
      await fitted.dispose();
    });
});

test("with losses of modalities alone, what one of them says alone is known", async () => {
  const blank = (of: Dense): Dense => ({ ...of, data: of.data.slice().fill(0), present: new Uint8Array(of.rows) });
  const x = { ...held.x, visits: blank(held.x.visits) };
  const errors: Record<number, number> = {};
  for (const auxiliary of [0, 1]) {
    const fitted = await model({ auxiliary, tasks: { spends: numberTask() } }).fit(train.x, train.targets, { seed: 3 });
    const { spends } = await fitted.predict(x);
    errors[auxiliary] = held.targets.reduce(
      (sum, { spends: is }, row) => sum + (is - spends.values[row]!) ** 2 / 300,
      0,
    );
    const both = (await fitted.predict(held.x)).spends.values;
    const off = held.targets.reduce((sum, { spends: is }, row) => sum + (is - both[row]!) ** 2 / 300, 0);
    expect(off).toBeLessThan(2);
    // The validation judges by all modalities together, whatever rides along.
    expect(fitted.history.at(-1)!.loss).toBeLessThan(auxiliary ? 1.5 : 0.1);
    await fitted.dispose();
  }
  // What the other modality decides is left, of variance 9.
  expect(errors[1]).toBeLessThan(11);
  expect(errors[1]).toBeLessThan(errors[0]! + 0.5);
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

describe("classes in an order, and time until an event", () => {
  const asked = { stars: ordinalTask({ order: [1, 2, 3, 4, 5] }), leaves: survivalTask() };
  /** A mood in five steps, and times that shorten with it; a third of the rows were not seen to the end. */
  function judgedShop(rows: number, seed: number) {
    const { x } = shop(rows, seed);
    const chance = random(seed + 100);
    const moods = Array.from({ length: rows }, (_, row) => x.photo.data[2 * row]! + x.visits.data[3 * row]!);
    const targets = moods.map((mood) => {
      const time = -Math.log(1 - chance.next()) * Math.exp(-1.5 * mood);
      const seen = chance.next() < 0.33 ? time * chance.next() : time;
      const stars = Math.max(1, Math.min(5, Math.round(3 + mood + 0.3 * chance.normal()))) as 1 | 2 | 3 | 4 | 5;
      return { stars, leaves: { time: seen, event: seen === time } };
    });
    return { x, targets, moods };
  }
  const known = judgedShop(600, 7);
  const fresh = judgedShop(300, 8);
  const order = multiTask({ fuser, tasks: asked, epochs: 60, batchSize: 64, worker: false });

  test("are learned together; logits fall; risks rank", async () => {
    const fitted = await order.fit(known.x, known.targets, { seed: 3 });
    const { stars, leaves } = await fitted.predict(fresh.x);
    const off = fresh.targets.reduce((sum, target, row) => sum + Math.abs(target.stars - stars.labels[row]!) / 300, 0);
    expect(off).toBeLessThan(0.45);
    expect(stars.classes).toEqual([1, 2, 3, 4, 5]);
    for (let row = 0; row < 300; row++) {
      const own = stars.probabilities.data.subarray(5 * row, 5 * row + 5);
      expect(own.reduce((a, b) => a + b)).toBeCloseTo(1, 5);
      expect(Math.min(...own)).toBeGreaterThanOrEqual(0);
      expect(own[stars.labels[row]! - 1]).toBe(Math.max(...own));
    }
    let [right, pairs] = [0, 0];
    for (let a = 0; a < 300; a++)
      for (let b = 0; b < a; b++) {
        pairs++;
        if (leaves.risks[a]! > leaves.risks[b]! === fresh.moods[a]! > fresh.moods[b]!) right++;
      }
    expect(right / pairs).toBeGreaterThan(0.93);
    const again = await order.load(decodeSaved(encodeSaved(await fitted.save())));
    expect(await again.predict(fresh.x)).toEqual({ stars, leaves });
    await fitted.dispose();
    await again.dispose();
  });

  test("bad targets name task and row", async () => {
    const bad = (target: object, message: RegExp) =>
      expect(
        order.fit(
          known.x,
          known.targets.map((own, row) => (row === 4 ? { ...own, ...target } : own)),
        ),
      ).rejects.toThrow(message);
    await bad({ stars: 6 }, /\(stars\): target 4 is number 6/);
    await bad({ leaves: { time: -1, event: true } }, /\(leaves\): target 4/);
    const unseen = known.targets.map(({ stars }) => ({ stars, leaves: { time: 1, event: false } }));
    await expect(order.fit(known.x, unseen)).rejects.toThrow(/\(leaves\): none of 600 rows has the event/);
    expect(() => ordinalTask({ order: ["a"] })).toThrow(/at least two classes/);
  });
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
