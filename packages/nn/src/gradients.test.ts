import { describe, expect, test } from "vitest";
import { checkGradients } from "./testing/index.js";
import { opTests } from "./testing/op-tests.js";

describe("numeric differences", () => {
  // At these points differences do not exist.
  const kinks = ["max with ties", "where keeps infinities out", "cast"];
  for (const [name, one] of Object.entries(opTests))
    if (!kinks.includes(name)) test(name, () => void expect(checkGradients(one)).toBeLessThan(1e-5));
});
