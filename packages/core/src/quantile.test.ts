import { expect, test } from "vitest";
import { quantile } from "./index.js";

test("is linear between the two nearest, as numpy.quantile", () => {
  const sorted = Float64Array.of(-3, 0, 1.5, 2, 10);
  // numpy.quantile([-3, 0, 1.5, 2, 10], [0, .1, .25, .5, .9, .95, 1])
  const want = [-3, -1.8, 0, 1.5, 6.8, 8.4, 10];
  for (const [at, share] of [0, 0.1, 0.25, 0.5, 0.9, 0.95, 1].entries())
    expect(quantile(sorted, share)).toBeCloseTo(want[at]!, 12);
  expect(quantile(Float32Array.of(7), 0.3)).toBe(7);
});
