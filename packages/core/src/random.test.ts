import { expect, test } from "vitest";
import { MmubError, random } from "./index.js";

test("the same seed gives the same numbers, on every machine", () => {
  // Written down once: a change here would change every saved model.
  const numbers = random(42);
  expect([numbers.next(), numbers.next(), numbers.integer(1000), numbers.normal()]).toMatchInlineSnapshot(`
    [
      0.4562558052254867,
      0.5743777227769976,
      831,
      -2.349270368065338,
    ]
  `);
  expect(random(42).next()).toBe(random(42).next());
});

test("other seeds, near ones and large ones too, give other numbers", () => {
  const seeds = [0, 1, 2, -1, 2 ** 32, 2 ** 33, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER];
  expect(new Set(seeds.map((seed) => random(seed).next())).size).toBe(seeds.length);
});

test("numbers are uniform in [0, 1)", () => {
  const numbers = random(1);
  const counts = new Array<number>(10).fill(0);
  for (let i = 0; i < 100_000; i++) counts[Math.floor(numbers.next() * 10)]!++;
  // Chi-squared with 9 degrees of freedom; 27.9 is passed by chance once in 1,000.
  expect(counts.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0)).toBeLessThan(27.9);
  for (let i = 0; i < 1000; i++) expect(numbers.integer(3)).toSatisfy((value: number) => [0, 1, 2].includes(value));
});

test("normal numbers have mean 0, variance 1 and a bell's tails", () => {
  const numbers = random(2);
  const drawn = Array.from({ length: 100_000 }, () => numbers.normal());
  const mean = drawn.reduce((a, b) => a + b) / drawn.length;
  expect(Math.abs(mean)).toBeLessThan(0.02);
  expect(drawn.reduce((sum, x) => sum + (x - mean) ** 2, 0) / drawn.length).toBeCloseTo(1, 1);
  expect(drawn.filter((x) => Math.abs(x) > 1.96).length / drawn.length).toBeCloseTo(0.05, 2);
});

test("a shuffle keeps every item and every order comes alike", () => {
  const numbers = random(3);
  const orders = new Map<string, number>();
  for (let i = 0; i < 6000; i++) {
    const order = numbers.shuffle([1, 2, 3]).join("");
    orders.set(order, (orders.get(order) ?? 0) + 1);
  }
  expect([...orders.keys()].sort()).toEqual(["123", "132", "213", "231", "312", "321"]);
  for (const count of orders.values()) expect(Math.abs(count - 1000)).toBeLessThan(120);
  expect(numbers.shuffle(Uint32Array.of(1, 2, 3)).toSorted()).toEqual(Uint32Array.of(1, 2, 3));
});

test("a fork depends on seed and purpose, not on what was drawn before", () => {
  const [fresh, used] = [random(5), random(5)];
  used.next();
  expect(used.fork("dropout").next()).toBe(fresh.fork("dropout").next());
  expect(fresh.fork("dropout").next()).not.toBe(fresh.fork("shuffle").next());
  expect(fresh.fork("a").fork("b").next()).not.toBe(fresh.fork("b").next());
});

test("a seed that is no integer is refused", () => {
  for (const seed of [0.5, Number.NaN, Number.POSITIVE_INFINITY, "7" as never])
    expect(() => random(seed)).toThrow(MmubError);
});
