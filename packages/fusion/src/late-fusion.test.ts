import { type Classification, type Dense, dense, type FeatureSet, type Features, random } from "@mmub/core";
import { modelChecks } from "@mmub/core/testing";
import { describe, expect, test } from "vitest";
import { linear } from "../fixtures/linear.js";
import { type LateFusionParams, lateFusion } from "./index.js";

const rules: Readonly<Record<string, Omit<LateFusionParams<string, Classification<string>>, "models">>> = {
  mean: {},
  "weighted, by skill": { rule: "weighted" },
  "weighted, given": { rule: "weighted", weights: { other: 0.5 } },
  product: { rule: "product" },
  stacking: { rule: "stacking", stacker: linear("classes") },
};

for (const [name, params] of Object.entries(rules)) {
  describe(`conformance, classes: ${name}`, () => {
    const make = () => lateFusion({ models: { one: linear("classes"), other: linear("classes") }, ...params });
    const wrap = (features: Features): FeatureSet => ({ one: features, other: features });
    for (const check of modelChecks({ task: "classification", make, wrap })) test(check.name, check.run);
  });
  describe(`conformance, numbers: ${name}`, () => {
    const { stacker, ...rest } = params;
    const make = () =>
      lateFusion({
        models: { one: linear("numbers"), other: linear("numbers") },
        ...rest,
        ...(stacker && { stacker: linear("numbers") }),
      });
    const wrap = (features: Features): FeatureSet => ({ one: features, other: features });
    for (const check of modelChecks({ task: "regression", make, wrap })) test(check.name, check.run);
  });
}

/** Three modalities that, given the class, know nothing of each other: two of skill, one of noise; a fifth of each is missing. */
function shop(rows: number, seed: number, dropped = 0.2) {
  const chance = random(seed);
  const targets = Array.from({ length: rows }, () => (chance.next() < 0.3 ? "leave" : "buy"));
  const modality = (shift: number): Dense => {
    const out = dense(rows, 2);
    for (let row = 0; row < rows; row++) {
      if (chance.next() < dropped) {
        out.present[row] = 0;
        continue;
      }
      const side = targets[row] === "buy" ? shift : -shift;
      out.data.set([side + chance.normal(), side + chance.normal()], 2 * row);
    }
    return out;
  };
  return { x: { photo: modality(0.8), review: modality(0.6), noise: modality(0) }, targets };
}

const models = { photo: linear("classes"), review: linear("classes"), noise: linear("classes") };
const right = (labels: readonly string[], targets: readonly string[]) =>
  labels.filter((label, row) => label === targets[row]).length / targets.length;
const train = shop(900, 1);
const fresh = shop(2000, 2);

for (const [name, params] of Object.entries(rules))
  test(`${name}: better than any modality alone, and the prior where there is none`, async () => {
    const weights = params.weights && { weights: { noise: 0.2 } };
    // An equal say for noise costs the mean more than it gains.
    const { noise, ...telling } = models;
    const own = name === "mean" ? telling : models;
    const of = ({ noise, ...rest }: FeatureSet): FeatureSet => (name === "mean" ? rest : { ...rest, noise: noise! });
    const fitted = await lateFusion({ models: own, ...params, ...weights }).fit(of(train.x), train.targets, {
      seed: 1,
    });
    const { labels, modalitiesSeen, probabilities, classes } = await fitted.predict(of(fresh.x));
    const each = await fitted.predictEach(of(fresh.x));
    const fused = right(labels, fresh.targets);
    for (const alone of Object.values(each)) expect(fused).toBeGreaterThan(right(alone.labels, fresh.targets) + 0.02);
    const prior = train.targets.filter((label) => label === "buy").length / 900;
    for (let row = 0; row < 2000; row++) {
      const has = Object.values(of(fresh.x)).filter((one) => one.present![row] === 1).length;
      expect(modalitiesSeen[row]).toBe(has);
      if (has === 0) expect(probabilities.data[2 * row + classes.indexOf("buy")]).toBeCloseTo(prior, 6);
    }
    expect(modalitiesSeen).toContain(0);
    await fitted.dispose();
  });

describe("what the rules compute", () => {
  const two = lateFusion({ models: { photo: models.photo, review: models.review }, rule: "product" });
  const x = { photo: fresh.x.photo, review: fresh.x.review };

  test("a product is Bayes' rule for modalities that know nothing of each other", async () => {
    const fitted = await two.fit({ photo: train.x.photo, review: train.x.review }, train.targets);
    const [whole, each] = [await fitted.predict(x), await fitted.predictEach(x)];
    const row = Array.from({ length: 50 }, (_, at) => at).find((at) => whole.modalitiesSeen[at] === 2)!;
    const prior = train.targets.filter((label) => label === "leave").length / 900;
    const [a, b] = ["photo", "review"].map((name) => each[name]!.probabilities.data[2 * row + 1]!) as [number, number];
    const odds = ((a / (1 - a)) * (b / (1 - b)) * (1 - prior)) / prior;
    expect(whole.probabilities.data[2 * row + 1]).toBeCloseTo(odds / (1 + odds), 5);
  });

  test("weights by skill leave noise out, and add up to 1", async () => {
    const fitted = await lateFusion({ models, rule: "weighted" }).fit(train.x, train.targets, { seed: 1 });
    const { photo, review, noise } = fitted.weights as Record<string, number>;
    expect(photo! + review! + noise!).toBeCloseTo(1, 12);
    expect(photo).toBeGreaterThan(review!);
    expect(noise).toBeLessThan(0.05);
  });

  test("numbers: a product is the mean by precision, and one modality alone is itself", async () => {
    const chance = random(4);
    const truth = Float64Array.from({ length: 400 }, () => 3 + chance.normal());
    const noisy = (spread: number) =>
      dense(
        400,
        1,
        Float32Array.from(truth, (value) => value + spread * chance.normal()),
      );
    const both = { near: noisy(0.5), far: noisy(1.5) };
    const fitted = await lateFusion({
      models: { near: linear("numbers"), far: linear("numbers") },
      rule: "product",
    }).fit(both, [...truth]);
    const error = ({ values }: { values: Float64Array }) =>
      values.reduce((sum, value, row) => sum + (value - truth[row]!) ** 2 / 400, 0);
    const each = await fitted.predictEach(both);
    // Of one Gaussian seen twice: 1 / (1 + 1 / 0.25 + 1 / 2.25).
    expect(error(await fitted.predict(both))).toBeCloseTo(0.184, 1);
    expect(error(await fitted.predict(both))).toBeLessThan(error(each.near!));
    const without = { ...both, far: { ...both.far, present: new Uint8Array(400) } };
    expect((await fitted.predict(without)).values).toEqual(each.near!.values);
  });

  test("a class that the rows of a modality lack keeps its prior share there", async () => {
    const targets = ["a", "b", "c", "a", "b", "c", "a", "b", "c", "a"];
    const photo = dense(
      10,
      1,
      Float32Array.from(targets, (label) => label.charCodeAt(0) - 98),
    );
    const visits = dense(
      10,
      1,
      Float32Array.from(targets, (label) => (label === "a" ? 1 : -1)),
    );
    for (const [row, label] of targets.entries()) if (label === "c") visits.present[row] = 0;
    const fitted = await lateFusion({ models: { photo: linear("classes"), visits: linear("classes") } }).fit(
      { photo, visits },
      targets,
    );
    const { visits: alone } = await fitted.predictEach({ photo, visits });
    expect(alone!.classes).toEqual(["a", "b", "c"]);
    expect(alone!.probabilities.data[2]).toBeCloseTo(0.3, 6);
    expect(alone!.probabilities.data.subarray(0, 3).reduce((a, b) => a + b)).toBeCloseTo(1, 6);
  });

  test("rows of one group are held out together", async () => {
    // The modality is the group itself, which says nothing of others' targets: known inside, unknown outside.
    const groups = Array.from({ length: 60 }, (_, row) => row % 10);
    const targets = groups.map((group) => (group % 2 === 0 ? "a" : "b"));
    const who = dense(60, 10);
    for (const [row, group] of groups.entries()) who.data[10 * row + group] = 1;
    const noise = dense(
      60,
      1,
      Float32Array.from(targets, (label, row) => (label === "a" ? 1 : -1) + Math.sin(5 * row)),
    );
    const model = lateFusion({ models: { noise: linear("classes"), who: linear("classes") }, rule: "weighted" });
    const leaking = await model.fit({ noise, who }, targets, { seed: 1 });
    const honest = await model.fit({ noise, who }, targets, { seed: 1, groups });
    expect(leaking.weights!.who).toBeGreaterThan(0.5);
    expect(honest.weights!.who).toBe(0);
  });
});

describe("bad input", () => {
  test("params", () => {
    expect(() => lateFusion({ models: {} })).toThrow(/models is/);
    expect(() => lateFusion({ models, rule: "stacking" })).toThrow(/stacker is null/);
    expect(() => lateFusion({ models, weights: { smell: 1 } })).toThrow(/"smell"/);
    expect(() => lateFusion({ models, folds: 1 })).toThrow(/folds/);
  });
  test("a model's own complaint names modality and row", async () => {
    const numbers = linear("numbers");
    const two = lateFusion({ models: { photo: numbers, review: numbers } });
    const { photo, review } = shop(6, 3, 0).x;
    photo.present![0] = 0;
    await expect(two.fit({ photo, review }, [1, 2, Number.NaN, 1, 2, 3])).rejects.toMatchObject({
      code: "invalid-input",
      index: 2,
      details: { modality: "photo" },
    });
  });
  test("a modality that nobody has, groups too few, another modality", async () => {
    const { x, targets } = shop(20, 3);
    const empty = { ...x.photo, present: new Uint8Array(20) };
    await expect(lateFusion({ models }).fit({ ...x, photo: empty }, targets)).rejects.toThrow(/"photo" is missing/);
    await expect(lateFusion({ models }).fit(x, targets, { groups: ["a"] })).rejects.toThrow(/1 groups for 20 rows/);
    await expect(lateFusion({ models }).fit({ ...x, smell: x.noise }, targets)).rejects.toThrow(/"smell"/);
  });
});
