import { readFileSync } from "node:fs";
import { decodeSaved, encodeSaved, MmubError } from "@mmub/core";
import { describe, expect, test } from "vitest";
import { type AssociationRulesParams, associationRules } from "./association-rules.js";

type Rule = [antecedents: string[], consequents: string[], ...measures: (number | null)[]];
const { cases } = JSON.parse(readFileSync(new URL("../fixtures/rules.json", import.meta.url), "utf8")) as {
  readonly cases: readonly {
    readonly baskets: string[][];
    readonly params: AssociationRulesParams;
    readonly sets: [string[], number][];
    readonly rules: Rule[];
  }[];
};
const round = (value: number, digits: number) => (Number.isFinite(value) ? Number(value.toFixed(digits)) : null);
const byText = (a: unknown, b: unknown) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);

describe("mlxtend's sets and rules", () => {
  for (const { baskets, params, sets, rules } of cases)
    test(JSON.stringify(params), async () => {
      const fitted = await associationRules<string>(params).fit(baskets);
      const ours = fitted.itemSets.map(({ items, support }) => [[...items].sort(), round(support, 9)]);
      expect(ours.sort(byText)).toEqual(sets.map(([items, support]) => [items, round(support, 9)]).sort(byText));
      const got = fitted.rules.map((rule) => [
        [...rule.antecedents].sort(),
        [...rule.consequents].sort(),
        ...[rule.support, rule.confidence, rule.lift, rule.leverage, rule.conviction].map((value) => round(value, 7)),
      ]);
      const want = rules.map(([antecedents, consequents, ...measures]) => [
        antecedents,
        consequents,
        ...measures.map((value) => (value === null ? null : round(value, 7))),
      ]);
      expect(got.length).toBe(want.length);
      const texts = (list: readonly unknown[]) =>
        new Map(list.map((rule) => [JSON.stringify((rule as unknown[]).slice(0, 2)), (rule as number[]).slice(2)]));
      const wanted = texts(want);
      for (const [rule, measures] of texts(got))
        for (const [i, value] of measures.entries())
          if (value === null) expect(wanted.get(rule)![i]).toBe(null);
          else expect(value).toBeCloseTo(wanted.get(rule)![i]!, 6);
      const sure = fitted.rules.map(({ confidence }) => confidence);
      expect(sure).toEqual([...sure].sort((a, b) => b - a));
    });
});

const baskets = [["tea", "milk", "tea"], ["tea", "milk", "bread"], ["bread"], ["tea", "milk"], []];

test("a basket gets what its rules add, less what it has; saved, loaded and in batches", async () => {
  const recipe = associationRules<string>({ minSupport: 0.2, minConfidence: 0.3 });
  const fitted = await recipe.fit(baskets);
  const asked = [["tea"], ["milk", "tea", "bread"], ["sugar"], []];
  const said = await fitted.predict(asked);
  expect(said[0]!.map(({ item }) => item)).toEqual(["milk", "bread"]);
  expect(said[0]![0]).toEqual({ item: "milk", confidence: 1, lift: 1 / 0.6 });
  expect(said.slice(1)).toEqual([[], [], []]);
  const loaded = await recipe.load(decodeSaved(encodeSaved(await fitted.save())));
  expect([loaded.itemSets, loaded.rules]).toEqual([fitted.itemSets, fitted.rules]);
  expect(await loaded.predict(asked, { batchSize: 1 })).toEqual(said);
});

test("items are numbers and texts; nothing frequent is no error; abort and progress", async () => {
  const mixed = await associationRules({ minSupport: 1, minConfidence: 0 }).fit([
    [1, "a"],
    ["a", 1],
  ]);
  expect(mixed.itemSets.map(({ items }) => items)).toEqual([[1], ["a"], [1, "a"]]);
  expect((await associationRules().fit([[1], [2], [3]])).rules).toEqual([]);
  await expect(associationRules().fit([["a"]], { signal: AbortSignal.abort("no") })).rejects.toBe("no");
  const seen: number[] = [];
  await associationRules<string>({ minSupport: 0.2 }).fit(baskets, { onProgress: ({ done }) => seen.push(done) });
  expect(seen).toEqual([...seen].sort((a, b) => a - b));
});

test("errors say what is wrong", async () => {
  await expect(associationRules().fit([])).rejects.toThrow("there are no baskets");
  await expect(associationRules().fit([["a"], [null]] as never)).rejects.toMatchObject({ index: 1 });
  await expect(associationRules().fit(["a"] as never)).rejects.toMatchObject({ index: 0 });
  for (const params of [{ minSupport: 0 }, { minConfidence: 2 }, { maxItems: 0 }, { lift: 1 }])
    expect(() => associationRules(params as never)).toThrow(MmubError);
});
