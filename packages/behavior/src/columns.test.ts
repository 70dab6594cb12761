import { readFileSync } from "node:fs";
import { toDense } from "@mmub/core";
import { extractorChecks } from "@mmub/core/testing";
import { describe, expect, test } from "vitest";
import { type Attributes, type ColumnsParams, columns } from "./columns.js";

interface Golden {
  readonly rows: readonly Attributes[];
  readonly new: readonly Attributes[];
  readonly cases: readonly { params: ColumnsParams; plan: readonly string[]; fit: number[][]; new: number[][] }[];
}
const golden: Golden = JSON.parse(readFileSync(new URL("../fixtures/columns.json", import.meta.url), "utf8"));

describe("conformance", () => {
  const inputs: (Attributes | null)[] = [
    { age: 31, plan: "pro", active: true, joined: new Date("2025-03-01") },
    { age: 58, plan: "free", active: false, joined: new Date("2024-11-20") },
    null,
    { age: null, plan: "free", active: true },
    { plan: "team", active: null, joined: new Date("2026-01-05"), nothing: null },
    {},
  ];
  for (const check of extractorChecks({ make: () => columns(), inputs })) test(check.name, check.run);
  const sparse = () => columns({ output: "sparse", missingCategory: true, clip: [0.1, 0.9] });
  for (const check of extractorChecks({ make: sparse, inputs })) test(`sparse: ${check.name}`, check.run);
});

describe("the numbers of scikit-learn", () => {
  test.each(golden.cases)("$params", async ({ params, plan, fit, new: fresh }) => {
    const fitted = await columns(params).fit(golden.rows);
    expect(fitted.names!.filter((name) => name.startsWith("plan"))).toEqual(plan);
    for (const [table, want] of [
      [golden.rows, fit],
      [golden.new, fresh],
    ] as const) {
      const { data, cols } = await fitted.transform(table);
      expect(cols).toBe(want[0]!.length);
      for (const [i, value] of want.flat().entries())
        expect(Math.abs(data[i]! - value), `value ${i}`).toBeLessThan(1e-6 * Math.max(1, Math.abs(value)));
    }
  });
});

test("dates are days, booleans categories", async () => {
  const fitted = await columns({ scale: "none" }).fit([
    { on: new Date("1970-01-03T12:00:00Z"), yes: true },
    { on: new Date(0), yes: false },
  ]);
  expect(fitted.names).toEqual(["on", "yes=false", "yes=true"]);
  const { data } = await fitted.transform([{ on: new Date("1970-01-03T12:00:00Z"), yes: true }]);
  expect([...data]).toEqual([2.5, 0, 1]);
});

test("a number can be a category, a category can be ignored", async () => {
  const fitted = await columns({ types: { zip: "categorical", note: "ignore" } }).fit([
    { zip: 10, note: "a" },
    { zip: 9, note: 3 as never },
  ]);
  expect(fitted.names).toEqual(["zip=9", "zip=10"]);
  expect([...(await fitted.transform([{ zip: 10, note: "whatever" }])).data]).toEqual([0, 1]);
});

test("a missing category is zeros, or a column of its own", async () => {
  const rows = [{ plan: "free" }, { plan: null }, { plan: "pro" }];
  expect([...(await (await columns().fit(rows)).transform([{}])).data]).toEqual([0, 0]);
  const fitted = await columns({ missingCategory: true }).fit(rows);
  expect(fitted.names).toEqual(["plan=free", "plan=pro", "plan missing"]);
  expect([...(await fitted.transform([{ plan: null }, { plan: "pro" }])).data]).toEqual([0, 0, 1, 0, 1, 0]);
});

test("sparse output holds the same values", async () => {
  const rows = [...golden.rows, null, ...golden.rows.slice(0, 3)];
  for (const params of [{}, { minFrequency: 4, unknown: "infrequent", missingCategory: true }] as const) {
    const asDense = await (await columns(params).fit(rows)).transform(rows);
    const fitted = await columns({ ...params, output: "sparse" }).fit(rows);
    const out = await fitted.transform(rows);
    expect(out.layout).toBe("sparse");
    expect(out.values.every((value) => value !== 0)).toBe(true);
    expect(toDense(out)).toEqual({ ...asDense });
  }
});

test("clipped numbers stay within the quantiles of the fit, later ones too", async () => {
  const rows = Array.from({ length: 101 }, (_, a) => ({ a }));
  const fitted = await columns({ clip: [0.1, 0.9], scale: "minmax" }).fit(rows);
  const loaded = await columns({ clip: [0.1, 0.9], scale: "minmax" }).load(await fitted.save());
  expect([...(await loaded.transform([{ a: -1e9 }, { a: 50 }, { a: 1e9 }])).data]).toEqual([0, 0.5, 1]);
});

test("an attribute that no row has is ignored; one that is never missing has no indicator", async () => {
  const fitted = await columns().fit([
    { a: 1, empty: null },
    { a: 2, b: 3, empty: null },
  ]);
  expect(fitted.names).toEqual(["a", "b", "b missing"]);
  expect((await fitted.transform([{ a: 1, b: 3, empty: 7 }])).rows).toBe(1);
});

test("names like those of objects' own members are attributes as any", async () => {
  const row = JSON.parse('{"__proto__": 1, "constructor": "x"}');
  const fitted = await columns().fit([row, { constructor: "y" } as never]);
  expect(fitted.names).toContain("constructor=x");
  const numbers = await columns().fit([{ constructor: 1 } as never, { constructor: 3 } as never, {}]);
  expect(numbers.names).toEqual(["constructor", "constructor missing"]);
  expect([...(await numbers.transform([{}])).data]).toEqual([0, 1]);
});

describe("bad input is named", () => {
  const rows = [
    { age: 30, plan: "free" },
    { age: 40, plan: "pro" },
  ];
  test.each<[string, unknown, RegExp]>([
    ["NaN", { age: Number.NaN }, /attribute "age" of input 1 is NaN.*give null/],
    ["infinity", { age: Number.POSITIVE_INFINITY }, /attribute "age" of input 1 is Infinity/],
    ["a number as text", { age: "40" }, /attribute "age" of input 1 is string "40".*kind number/],
    ["a category as a number", { plan: 3 }, /attribute "plan" of input 1 is number 3/],
    ["an invalid date", { age: new Date("never") }, /attribute "age" of input 1/],
    ["an object", { plan: {} }, /attribute "plan" of input 1 is an object/],
    ["a Map", new Map([["age", 3]]), /input 1 is a Map/],
    ["a list", [1], /input 1 is an array of 1/],
    ["text", "age=3", /input 1 is string/],
  ])("%s", async (_, bad, message) => {
    const error = { code: "invalid-input", index: 1, message: expect.stringMatching(message) };
    await expect(columns().fit([rows[0]!, bad as Attributes])).rejects.toMatchObject(error);
    await expect((await columns().fit(rows)).transform([rows[0]!, bad as Attributes])).rejects.toMatchObject(error);
  });

  test("an attribute that the fit did not have", async () => {
    await expect((await columns().fit(rows)).transform([{ agee: 3 }])).rejects.toMatchObject({
      index: 0,
      message: expect.stringContaining(
        'attribute "agee" of input 0 is not an attribute of the fit, want any of age, plan',
      ),
    });
  });

  test("a type for an attribute that no row has", async () => {
    await expect(columns({ types: { agee: "numeric" } }).fit(rows)).rejects.toMatchObject({ code: "invalid-input" });
  });

  test("text where types says number", async () => {
    await expect(columns({ types: { plan: "numeric" } }).fit(rows)).rejects.toMatchObject({ index: 0 });
  });

  test("what is no value of a category either", async () => {
    for (const bad of [Number.NaN, new Date("never")]) {
      const fit = columns({ types: { code: "categorical" } }).fit([{ code: bad }]);
      await expect(fit).rejects.toMatchObject({ code: "invalid-input", index: 0 });
    }
  });

  test("an attribute in log that is none, or not a number", async () => {
    for (const log of [["agee"], ["plan"]])
      await expect(columns({ log }).fit(rows)).rejects.toMatchObject({
        message: expect.stringContaining("numeric are age"),
      });
  });

  test("params", () => {
    for (const bad of [
      { impute: "mode" },
      { scale: "max" },
      { minFrequency: 0 },
      { minFrequency: 1.5 },
      { maxCategories: 0 },
      { drop: "last" },
      { types: { a: "text" } },
      { log: "age" },
      { types: null },
      { output: "csv" },
      { clip: [0.9, 0.1] },
      { clip: 0.01 },
    ])
      expect(() => columns(bad as never)).toThrow(expect.objectContaining({ code: "invalid-params" }));
  });
});

test("a value too large for float32 is refused, not turned into infinity", async () => {
  const fitted = await columns({ scale: "none" }).fit([{ a: 1 }]);
  await expect(fitted.transform([{ a: 1e300 }])).rejects.toMatchObject({ code: "invalid-input", index: 0 });
});
