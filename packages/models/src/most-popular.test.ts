import { type Id, type Interactions, MmubError, random } from "@mmub/core";
import { recommenderChecks } from "@mmub/core/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type MostPopularParams, mostPopular } from "./most-popular.js";

describe("conformance", () => {
  for (const params of [{}, { by: "users" }, { by: "values" }, { by: "mean" }] as MostPopularParams[])
    for (const check of recommenderChecks({ make: () => mostPopular(params) }))
      test(`${JSON.stringify(params)}: ${check.name}`, check.run, 10_000);
});

const day = 86_400_000;
const log: Interactions = {
  users: ["ann", "ann", "bob", "cat", "cat"],
  items: ["tea", "tea", "mug", "mug", "pot"],
  values: Float32Array.of(1, 5, 2, 4, 9),
  times: Float64Array.of(0, 4 * day, 2 * day, 4 * day, 3 * day),
};

const listOf = async (params: MostPopularParams, user: Id = "new", data = log) => {
  const { items, scores } = await (await mostPopular(params).fit(data)).recommend([user], { k: 9 });
  return Object.fromEntries(items[0]!.map((item, at) => [item, scores[0]![at]]));
};
const order = async (params: MostPopularParams, data = log) => Object.keys(await listOf(params, "new", data));

describe("scores by hand", () => {
  test("events, equal ones by id", async () => {
    expect(await listOf({})).toEqual({ mug: 2, tea: 2, pot: 1 });
    expect(await order({})).toEqual(["mug", "tea", "pot"]);
  });

  test("users", async () => {
    expect(await listOf({ by: "users" })).toEqual({ mug: 2, tea: 1, pot: 1 });
  });

  test("values, and events where there are none", async () => {
    expect(await listOf({ by: "values" })).toEqual({ pot: 9, tea: 6, mug: 6 });
    const { values: _, ...without } = log;
    expect(await listOf({ by: "values" }, "new", without)).toEqual(await listOf({}));
  });

  test("mean, on its own and among events of the overall mean, which is 4.2", async () => {
    expect(await listOf({ by: "mean", smoothing: 0 })).toEqual({ pot: 9, tea: 3, mug: 3 });
    const scores = await listOf({ by: "mean", smoothing: 3 });
    expect(scores.pot).toBeCloseTo((9 + 3 * 4.2) / 4, 5);
    expect(scores.tea).toBeCloseTo((6 + 3 * 4.2) / 5, 5);
  });

  test("decay: half as much for each two days before the latest event", async () => {
    const halfLifeDays = 2;
    const half = 2 ** -0.5;
    const scores = await listOf({ halfLifeDays });
    expect(scores).toMatchObject({ tea: 1.25, mug: 1.5 });
    expect(scores.pot).toBeCloseTo(half, 6);
    expect(await listOf({ halfLifeDays, by: "users" })).toMatchObject({ tea: 1, mug: 1.5 });
    expect((await listOf({ halfLifeDays, by: "values" })).tea).toBe(5.25);
    expect((await listOf({ halfLifeDays, by: "mean", smoothing: 0 })).tea).toBeCloseTo(5.25 / 1.25, 5);
  });

  test("events so old that nothing is left of them", async () => {
    const old = { ...log, times: Float64Array.of(0, 0, 0, 4000 * day, 4000 * day) };
    const scores = await listOf({ halfLifeDays: 1, by: "mean", smoothing: 0 }, "new", old);
    expect(scores.tea).toBeCloseTo(6.5, 6);
    expect(await listOf({ halfLifeDays: 1 }, "new", old)).toEqual({ mug: 1, pot: 1, tea: 0 });
  });
});

test("what a user had is left out, unless asked for", async () => {
  expect(Object.keys(await listOf({}, "cat"))).toEqual(["tea"]);
  expect(Object.keys(await listOf({ excludeSeen: false }, "cat"))).toEqual(["mug", "tea", "pot"]);
  const all = { users: ["ann", "ann"], items: [1, 2] };
  expect(await listOf({}, "ann", all)).toEqual({});
});

test("a decayed list is saved as it is", async () => {
  const recipe = mostPopular({ halfLifeDays: 3 });
  const fitted = await recipe.fit(log);
  const loaded = await recipe.load(await fitted.save());
  expect(await loaded.recommend(["ann", "new"], { k: 3 })).toEqual(await fitted.recommend(["ann", "new"], { k: 3 }));
});

test("the id 1 and the id '1' are two", async () => {
  const fitted = await mostPopular().fit({ users: [1, "1", "1"], items: ["1", 1, 2] });
  const { items } = await (await mostPopular().load(await fitted.save())).recommend([1, "1", 2], { k: 3 });
  expect(items).toEqual([[1, 2], ["1"], [1, 2, "1"]]);
});

test("pairs score as ranked; an item never seen 0, or the mean", async () => {
  const pairs = { users: ["ann", "new", "new"], items: ["mug", "pot", "hat"] };
  expect(await (await mostPopular().fit(log)).score(pairs)).toEqual(Float32Array.of(2, 1, 0));
  expect((await (await mostPopular({ by: "mean" }).fit(log)).score(pairs))[2]).toBeCloseTo(4.2, 5);
});

test("the ranking is that of plain counting, and the order of events does not matter", async () => {
  const event = fc.record({ user: fc.integer({ min: 0, max: 5 }), item: fc.integer({ min: 0, max: 8 }) });
  await fc.assert(
    fc.asyncProperty(fc.array(event, { minLength: 1, maxLength: 60 }), fc.integer(), async (events, seed) => {
      const logOf = (list: typeof events) => ({ users: list.map((e) => e.user), items: list.map((e) => e.item) });
      const fitted = await mostPopular().fit(logOf(events));
      const users = [0, 1, 2, 3, 4, 5];
      const { items } = await fitted.recommend(users, { k: 4 });
      for (const user of users) {
        const had = new Set(events.filter((e) => e.user === user).map((e) => e.item));
        const count = (item: number) => events.filter((e) => e.item === item).length;
        const want = [...new Set(events.map((e) => e.item))]
          .filter((item) => !had.has(item))
          .sort((a, b) => count(b) - count(a) || a - b)
          .slice(0, 4);
        expect(items[user]).toEqual(want);
      }
      const shuffled = await mostPopular().fit(logOf(random(seed).shuffle([...events])));
      expect((await shuffled.recommend(users, { k: 4, batchSize: 1 })).items).toEqual(items);
    }),
    { seed: 5, numRuns: 100 },
  );
});

describe("bad input", () => {
  test.each<[string, Partial<Record<keyof Interactions, unknown>>, number | undefined, string]>([
    ["an item too few", { items: ["tea"] }, 1, "5 users and 1 items"],
    ["no array", { users: "ann" }, undefined, 'users are string "ann"'],
    ["an id of null", { users: ["a", "b", null, "c", "d"] }, 2, "user 2 is null"],
    ["an id of NaN", { items: ["a", "b", "c", "d", Number.NaN] }, 4, "item 4 is number NaN"],
    ["a value of NaN", { values: Float32Array.of(1, 1, Number.NaN, 1, 1) }, 2, "value 2 is NaN"],
    ["an infinite time", { times: Float64Array.of(1, Number.POSITIVE_INFINITY, 1, 1, 1) }, 1, "time 1 is Infinity"],
    ["a time too few", { times: new Float64Array(4) }, undefined, "4 times for 5 events"],
  ])("%s", async (_, change, index, message) => {
    await expect(mostPopular().fit({ ...log, ...change } as Interactions)).rejects.toMatchObject({
      code: "invalid-input",
      index,
      message: expect.stringContaining(message),
    });
  });

  test("a half-life without times", async () => {
    const { times: _, ...without } = log;
    await expect(mostPopular({ halfLifeDays: 3 }).fit(without)).rejects.toThrow("the log has no times");
  });

  test("k, users and pairs", async () => {
    const fitted = await mostPopular().fit(log);
    await expect(fitted.recommend(["ann"], { k: 0 })).rejects.toThrow("k is number 0, want a positive integer");
    await expect(fitted.recommend(["ann", undefined as never], { k: 1 })).rejects.toMatchObject({ index: 1 });
    await expect(fitted.score({ users: ["ann"], items: [] })).rejects.toMatchObject({ code: "invalid-input" });
  });

  test.each<[Record<string, unknown>]>([
    [{ by: "clicks" }],
    [{ halfLifeDays: 0 }],
    [{ smoothing: -1 }],
    [{ excludeSeen: 1 }],
  ])("params %j", (params) => {
    expect(() => mostPopular(params as MostPopularParams)).toThrow(MmubError);
  });
});
