import { readFileSync } from "node:fs";
import { random } from "@mmub/core";
import { extractorChecks } from "@mmub/core/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type BehaviorEvent, type RfmParams, rfm } from "./rfm.js";

interface Golden {
  readonly now: string;
  readonly customers: readonly (readonly BehaviorEvent[])[];
  readonly want: readonly Readonly<Record<string, number>>[];
}
const golden: Golden = JSON.parse(readFileSync(new URL("../fixtures/rfm.json", import.meta.url), "utf8"));
const plain: RfmParams = { log: false, scale: "none" };

const rowsOf = async (params: RfmParams, customers: readonly (readonly BehaviorEvent[])[], of = customers) => {
  const fitted = await rfm(params).fit(customers);
  const { data, cols } = await fitted.transform(of);
  return of.map((_, row) => Object.fromEntries(fitted.names!.map((name, col) => [name, data[row * cols + col]!])));
};

describe("conformance", () => {
  const inputs = [...golden.customers.slice(0, 6), null];
  for (const check of extractorChecks({ make: rfm, inputs })) test(check.name, check.run);
  for (const check of extractorChecks({ make: () => rfm({ scores: true, now: golden.now }), inputs }))
    test(`with scores: ${check.name}`, check.run);
});

test("agrees with lifetimes' formulas", async () => {
  const rows = await rowsOf({ ...plain, now: golden.now, purchaseTypes: ["order"] }, golden.customers);
  let compared = 0;
  for (const [index, want] of golden.want.entries()) {
    const row = rows[index]!;
    expect(row["order in 30 days"]).toBe(want["order in 30 days"]);
    expect(row["view in 30 days"]).toBe(want["view in 30 days"]);
    if (want.frequency === undefined) continue;
    expect([row.frequency! - 1, row.span, row.age, row.recency]).toEqual([
      want.frequency,
      want.recency,
      want.T,
      want.since,
    ]);
    expect(row.total).toBeCloseTo(want.total!, 3);
    expect(row.monetary).toBeCloseTo(want.monetary!, 3);
    compared++;
  }
  expect(compared).toBeGreaterThan(5);
});

test("monetary of repeat purchases is lifetimes' monetary_value", async () => {
  const params: RfmParams = { ...plain, now: golden.now, purchaseTypes: ["order"], monetary: "repeat" };
  const rows = await rowsOf(params, golden.customers);
  const wanted = golden.want.map((want) => want.monetary_value ?? 0);
  expect(wanted.filter((value) => value > 0).length).toBeGreaterThan(2);
  for (const [index, want] of wanted.entries()) expect(rows[index]!.monetary).toBeCloseTo(want, 3);
  // Each purchase for itself: one of the two at the first moment is the first, whichever.
  const ties = [order("2026-01-02", 40), order("2026-01-01", 10), order("2026-01-01", 20)];
  for (const events of [ties, ties.toReversed()]) {
    const [row] = await rowsOf({ ...plain, monetary: "repeat", periodDays: 0 }, [events]);
    expect(row!.monetary).toBeCloseTo((70 - 15) / 2, 5);
  }
});

const order = (time: string, value = 10): BehaviorEvent => ({ time, type: "order", value });

test("what comes after now is not counted, in fit or in transform", async () => {
  const before = [order("2026-01-01"), order("2026-01-05")];
  const [row] = await rowsOf({ ...plain, now: "2026-01-10" }, [[...before, order("2026-02-01", 999)]]);
  const [alone] = await rowsOf({ ...plain, now: "2026-01-10" }, [before]);
  expect(row).toEqual(alone);
  expect(row).toMatchObject({ recency: 5, frequency: 2, monetary: 10, age: 9, span: 4, gap: 4, total: 20 });
});

test("now is the latest event of the fit, and is saved", async () => {
  const fitted = await rfm(plain).fit([[order("2026-01-01")], [order("2026-01-11")]]);
  expect((await fitted.transform([[order("2026-01-01")]])).data[0]).toBe(10);
  const loaded = await rfm(plain).load(await fitted.save());
  expect((await loaded.transform([[order("2026-01-01")]])).data[0]).toBe(10);
});

test("a customer without events is as old as the earliest event, and present", async () => {
  const fitted = await rfm({ ...plain, windowsDays: [] }).fit([[order("2026-01-01"), order("2026-01-31")]]);
  const { data, present } = await fitted.transform([[], null]);
  expect([...data.subarray(0, 7)]).toEqual([30, 0, 0, 30, 0, 0, 0]);
  expect([...present!]).toEqual([1, 0]);
});

test("periods: one purchase a day, an hour, or each for itself", async () => {
  const events = [order("2026-01-01T08:00:00Z"), order("2026-01-01T08:30:00Z"), order("2026-01-01T20:00:00Z")];
  for (const [periodDays, frequency] of [
    [1, 1],
    [1 / 24, 2],
    [0, 3],
  ] as const) {
    const [row] = await rowsOf({ ...plain, periodDays }, [events]);
    expect(row).toMatchObject({ frequency, total: 30 });
  }
});

test("only the most frequent types have columns", async () => {
  const events = ["a", "b", "b", "c", "c", "c"].map((type) => ({ time: 0, type }));
  const fitted = await rfm({ ...plain, maxTypes: 2, windowsDays: [1] }).fit([events]);
  expect(fitted.names!.slice(7)).toEqual(["b in 1 days", "c in 1 days"]);
});

test("scores are fifths, 5 is best: recent, frequent, valuable", async () => {
  const customers = Array.from({ length: 10 }, (_, at) =>
    Array.from({ length: at + 1 }, (_, day) => order(`2026-01-${String(at + 1 - day).padStart(2, "0")}`, at + 1)),
  );
  const rows = await rowsOf({ ...plain, scores: true, windowsDays: [] }, customers);
  const scores = rows.map((row) => [row["recency score"], row["frequency score"], row["monetary score"]]);
  expect(scores[0]).toEqual([1, 1, 1]);
  expect(scores[9]).toEqual([5, 5, 5]);
  for (const of of [0, 1, 2])
    for (const score of [1, 2, 3, 4, 5]) expect(scores.filter((row) => row[of] === score)).toHaveLength(2);
});

test("by default every column has mean 0 and standard deviation 1 over the fit", async () => {
  const fitted = await rfm().fit(golden.customers);
  const { data, cols, rows } = await fitted.transform(golden.customers);
  for (let col = 0; col < cols; col++) {
    const values = Array.from({ length: rows }, (_, row) => data[row * cols + col]!);
    const mean = values.reduce((a, b) => a + b) / rows;
    expect(mean).toBeCloseTo(0, 5);
    const constant = values.every((value) => value === values[0]);
    expect(Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / rows)).toBeCloseTo(constant ? 0 : 1, 5);
  }
});

test("the order of the events does not matter, nor how their time is written", async () => {
  const fitted = await rfm(plain).fit(golden.customers);
  const numbers = random(4);
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...golden.customers), async (events) => {
      const shuffled = numbers.shuffle([...events]).map((event) => ({ ...event, time: new Date(event.time) }));
      const { data: one } = await fitted.transform([events]);
      const { data: other } = await fitted.transform([
        shuffled.map((event) => ({ ...event, time: event.time.getTime() })),
      ]);
      expect([...other].every((value, at) => Math.abs(value - one[at]!) < 1e-3)).toBe(true);
    }),
    { numRuns: 30, seed: 4 },
  );
});

test("a time in text means the same on every machine: without a zone it is in UTC", async () => {
  const noon = Date.UTC(2026, 5, 30, 12);
  const fitted = await rfm({ ...plain, now: noon + 60_000, windowsDays: [], periodDays: 0 }).fit([]);
  for (const time of [
    "2026-06-30T12:00",
    "2026-06-30 12:00:00",
    "2026-06-30T12:00:00.000Z",
    "2026-06-30T12:00:00.000000+00:00",
    "2026-06-30T14:00+02:00",
    "2026-06-30T06:30-0530",
    "2026-06-30T14:00+02",
  ])
    expect((await fitted.transform([[{ time }]])).data[0], time).toBeCloseTo(60 / 86_400, 6);
  for (const time of [
    "30 June 2026",
    "06/30/2026",
    "2026-6-30",
    "2026-02-30",
    "2026-13-01",
    "2026-06-30T25:00",
    "2026",
    "",
  ])
    await expect(fitted.transform([[{ time }]]), time).rejects.toMatchObject({ code: "invalid-input", index: 0 });
});

describe("bad input is named", () => {
  test.each<[string, unknown, RegExp]>([
    ["a time that is no time", { time: "yesterday" }, /event 1 of input 1 has the time string "yesterday"/],
    ["an invalid date", { time: new Date("never") }, /event 1 of input 1 has the time/],
    ["no time", {}, /event 1 of input 1 has the time undefined/],
    ["a value that is not finite", { time: 0, value: Number.NaN }, /event 1 of input 1 has the value number NaN/],
    ["a value as text", { time: 0, value: "3" }, /has the value string "3"/],
    ["a type that is no text", { time: 0, type: 3 }, /has the type number 3/],
    ["no event", null, /event 1 of input 1 is null/],
  ])("%s", async (_, bad, message) => {
    const inputs = [[order("2026-01-01")], [order("2026-01-01"), bad as BehaviorEvent]];
    const error = { code: "invalid-input", index: 1, details: { event: 1 }, message: expect.stringMatching(message) };
    await expect(rfm().fit(inputs)).rejects.toMatchObject(error);
    await expect((await rfm().fit(inputs.slice(0, 1))).transform(inputs)).rejects.toMatchObject(error);
  });

  test("no event at all and no now", async () => {
    await expect(rfm().fit([[], null])).rejects.toMatchObject({
      message: expect.stringContaining("set the param now"),
    });
    expect((await rfm({ now: 0 }).fit([])).cols).toBe(7);
  });

  test("params", () => {
    for (const bad of [
      { now: "soon" },
      { periodDays: -1 },
      { windowsDays: [0] },
      { windowsDays: [7, 7] },
      { maxTypes: -1 },
      { purchaseTypes: [] },
      { purchaseTypes: "order" },
      { windowsDays: 7 },
      { monetary: "repeats" },
      { scale: "minmax" },
    ])
      expect(() => rfm(bad as never)).toThrow(expect.objectContaining({ code: "invalid-params" }));
  });
});
