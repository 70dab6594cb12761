import { describe, expect, test, vi } from "vitest";
import { nearestMean, sideBySide, spread } from "../fixtures/parts.js";
import {
  type Classification,
  type Extractor,
  type FeatureSet,
  type FittedExtractor,
  type FittedModel,
  type Inputs,
  MmubError,
  type Model,
  type Progress,
  pipeline,
  random,
} from "./index.js";
import { decodeSaved, encodeSaved } from "./saved.js";

type Answer = "buy" | "leave";
interface Shopper {
  readonly taste?: readonly number[] | null;
  readonly visits?: readonly number[] | null;
}

const make = () =>
  pipeline({ modalities: { visits: spread(), taste: spread() }, fuser: sideBySide(), model: nearestMean<Answer>() });

// Buyers have larger numbers in both modalities; each modality is missing now and then.
function shop(rows: number, seed = 1) {
  const numbers = random(seed);
  const samples: Shopper[] = [];
  const answers: Answer[] = [];
  for (let row = 0; row < rows; row++) {
    const buys = row % 2 === 0;
    const list = () => Array.from({ length: 3 }, () => (buys ? 4 : 1) + numbers.next());
    samples.push({ ...(row % 5 !== 3 && { taste: list() }), visits: row % 7 === 4 ? null : list() });
    answers.push(buys ? "buy" : "leave");
  }
  return { samples, answers };
}
const { samples, answers } = shop(60);

const stream = <T>(items: readonly T[], size: number): Inputs<T> => ({
  async *[Symbol.asyncIterator]() {
    for (let from = 0; from < items.length; from += size) yield items.slice(from, from + size);
  },
});

test("learns from samples with missing modalities and predicts with any of them missing", async () => {
  const fitted = await make().fit(samples, answers, { seed: 7 });
  const fresh = shop(40, 2);
  const { labels, probabilities } = await fitted.predict(fresh.samples);
  const right = labels.filter((label, row) => label === fresh.answers[row]).length;
  // Missing modalities are zeros here, which makes buyers without one look like leavers.
  expect(right).toBeGreaterThan(30);
  expect(probabilities.rows).toBe(40);
  expect((await fitted.predict([{}, { taste: null }, { visits: undefined }])).labels).toHaveLength(3);
  expect((await fitted.predict([])).labels).toEqual([]);
});

test("names the columns that the model sees", async () => {
  const fitted = await make().fit(samples, answers);
  expect(fitted.names).toEqual(["taste mean", "taste max", "visits mean", "visits max"]);
});

test("takes the modalities in sorted order, whatever the order they were given in", async () => {
  const other = pipeline({
    modalities: { taste: spread(), visits: spread() },
    fuser: sideBySide(),
    model: nearestMean<Answer>(),
  });
  const bytes = await Promise.all(
    [make(), other].map(async (recipe) => encodeSaved(await (await recipe.fit(samples, answers)).save())),
  );
  expect(bytes[0]).toEqual(bytes[1]);
  expect((await make().fit(samples, answers)).modalities).toEqual(["taste", "visits"]);
});

test("a stream of batches gives the same bytes as an array, whatever their size", async () => {
  const want = encodeSaved(await (await make().fit(samples, answers)).save());
  for (const size of [1, 7, 60])
    expect(encodeSaved(await (await make().fit(stream(samples, size), answers)).save())).toEqual(want);
});

test("saves and loads as one, with the same predictions and the same bytes", async () => {
  const fitted = await make().fit(samples, answers);
  const bytes = encodeSaved(await fitted.save());
  const loaded = await make().load(decodeSaved(bytes));
  expect(await loaded.predict(samples)).toEqual(await fitted.predict(samples));
  expect(encodeSaved(await loaded.save())).toEqual(bytes);
});

test("refuses what another pipeline saved, and says which part differs", async () => {
  const saved = await (await make().fit(samples, answers)).save();
  const other = pipeline({ modalities: { taste: spread() }, fuser: sideBySide(), model: nearestMean<Answer>() });
  await expect(other.load(saved)).rejects.toMatchObject({
    code: "saved-mismatch",
    message: expect.stringContaining("modalities.visits"),
  });
});

test("gives the features of each modality by name", async () => {
  const fitted = await make().fit(samples, answers);
  const features = await fitted.transform(samples.slice(0, 5));
  expect(Object.keys(features)).toEqual(["taste", "visits"]);
  expect([...features.taste.present!]).toEqual([1, 1, 1, 0, 1]);
  expect([...features.visits.present!]).toEqual([1, 1, 1, 1, 0]);
});

test("a model that joins the modalities itself needs no fuser", async () => {
  const good = nearestMean<Answer>();
  const joint: Model<Answer, Classification<Answer>, FeatureSet> = {
    ...good,
    type: "@example/joint",
    fit: async (set, targets, options) => wrap(await good.fit(set.taste!, targets, options)),
    load: async (saved) => wrap(await good.load(saved)),
  };
  const wrap = (fitted: FittedModel<Classification<Answer>>): FittedModel<Classification<Answer>, FeatureSet> => ({
    predict: (set, options) => fitted.predict(set.taste!, options),
    save: () => fitted.save(),
  });
  const fitted = await pipeline({ modalities: { taste: spread() }, model: joint }).fit(
    samples.map(({ taste }) => ({ taste: taste ?? null })),
    answers,
  );
  expect(fitted.fuser).toBeUndefined();
  expect((await fitted.predict([{ taste: [5, 5, 5] }])).labels).toEqual(["buy"]);
});

describe("bad input is named", () => {
  const bad = (change: (samples: Shopper[]) => unknown[], targets: readonly Answer[] = answers) =>
    make().fit(change([...samples]) as Shopper[], targets);

  test.each([
    [
      "an unknown modality",
      (all: Shopper[]) => all.with(2, { tsate: [1] } as never),
      2,
      /unknown modality "tsate".*did you mean "taste"/,
    ],
    [
      "a field that is no modality",
      (all: Shopper[]) => all.with(0, { customerNumber: 1 } as never),
      0,
      /take other fields off/,
    ],
    [
      "a sample that is no object",
      (all: Shopper[]) => all.with(5, "sample" as never),
      5,
      /sample 5 is string "sample"/,
    ],
    ["a sample that is null", (all: Shopper[]) => all.with(5, null as never), 5, /sample 5 is null/],
    [
      "an input of the wrong kind",
      (all: Shopper[]) => all.with(7, { taste: 3 as never }),
      7,
      /modality "taste": input 7 is number 3/,
    ],
  ])("%s", async (_, change, index, message) => {
    await expect(bad(change)).rejects.toMatchObject({
      code: "invalid-input",
      index,
      message: expect.stringMatching(message),
    });
  });

  test("in a stream it is named by its place in the whole", async () => {
    const wrong = samples.with(25, { taste: 3 as never });
    await expect(make().fit(stream(wrong, 10), answers)).rejects.toMatchObject({ code: "invalid-input", index: 25 });
    await expect(make().fit(stream(samples.with(25, { tsate: 3 } as never), 10), answers)).rejects.toMatchObject({
      index: 25,
    });
  });

  test("labels fewer than samples, more, none", async () => {
    await expect(make().fit(samples, answers.slice(0, 50))).rejects.toMatchObject({ code: "invalid-input", index: 50 });
    await expect(make().fit(samples.slice(0, 50), answers)).rejects.toMatchObject({ code: "invalid-input", index: 50 });
    await expect(make().fit(stream(samples, 8), answers.slice(0, 50))).rejects.toMatchObject({ code: "invalid-input" });
    await expect(make().fit([], [])).rejects.toMatchObject({
      code: "invalid-input",
      message: expect.stringContaining("empty"),
    });
    await expect(make().fit(stream([], 1), [])).rejects.toMatchObject({ code: "invalid-input" });
  });

  test("one class only", async () => {
    await expect(
      make().fit(
        samples,
        answers.map(() => "buy"),
      ),
    ).rejects.toMatchObject({ code: "invalid-input" });
  });

  test("a generator, which would be empty at the second reading", async () => {
    const once = (async function* () {
      yield samples;
    })();
    await expect(make().fit(once, answers)).rejects.toMatchObject({ message: expect.stringContaining("only once") });
  });

  test("no modality at all", () => {
    expect(() => pipeline({ modalities: {}, fuser: sideBySide(), model: nearestMean() })).toThrow(MmubError);
  });
});

test("a failed fit leaves the recipe usable and disposes what was fitted", async () => {
  const dispose = vi.fn();
  const heavy = (): Extractor<readonly number[]> => {
    const good = spread();
    const held = (fitted: FittedExtractor<readonly number[]>) => ({ ...fitted, dispose });
    return { ...good, fit: async (inputs, options) => held(await good.fit(inputs, options)) };
  };
  const recipe = pipeline({ modalities: { taste: heavy() }, fuser: sideBySide(), model: nearestMean<Answer>() });
  const tastes = samples.map(({ taste }) => ({ taste: taste ?? null }));
  await expect(
    recipe.fit(
      tastes,
      answers.map(() => "buy"),
    ),
  ).rejects.toThrow(MmubError);
  expect(dispose).toHaveBeenCalledTimes(1);
  const fitted = await recipe.fit(tastes, answers);
  expect((await fitted.predict([{ taste: [5] }])).labels).toEqual(["buy"]);
  await fitted.dispose?.();
  expect(dispose).toHaveBeenCalledTimes(2);
});

test("progress rises within each step and names it", async () => {
  const seen: Progress[] = [];
  const fitted = await make().fit(samples, answers, { batchSize: 16, onProgress: (progress) => seen.push(progress) });
  const steps = [...new Set(seen.map(({ part }) => part))];
  expect(steps).toEqual(["fit taste", "fit visits", "transform taste", "transform visits", "fit model"]);
  for (const step of steps) {
    const done = seen.filter(({ part }) => part === step).map((progress) => progress.done);
    expect(done).toEqual([...done].sort((a, b) => a - b));
  }
  seen.length = 0;
  await make().fit(stream(samples, 10), answers, { onProgress: (progress) => seen.push(progress) });
  for (const step of new Set(seen.map(({ part }) => part))) {
    const done = seen.filter(({ part }) => part === step).map((progress) => progress.done);
    expect(done).toEqual([...done].sort((a, b) => a - b));
  }
  expect(fitted.modalities).toHaveLength(2);
});

test("abort rejects with the signal's reason, before and at every step", async () => {
  const reason = new Error("enough");
  await expect(make().fit(samples, answers, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  for (const at of ["fit taste", "transform visits", "fit model"]) {
    const controller = new AbortController();
    const onProgress = ({ part }: Progress) => part === at && controller.abort(reason);
    await expect(make().fit(samples, answers, { signal: controller.signal, onProgress })).rejects.toBe(reason);
  }
  const fitted = await make().fit(samples, answers);
  await expect(fitted.predict(samples, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
});
