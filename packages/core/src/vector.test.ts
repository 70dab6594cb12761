import { describe, expect, test } from "vitest";
import { extractorChecks } from "./testing/index.js";
import { vector } from "./vector.js";

describe("conformance", () => {
  const inputs = [[1, 2, 3], Float32Array.of(4, 5, 6), null, [0, 0, 0], [-1, 0.5, 1e6]];
  for (const check of extractorChecks({ make: vector, inputs })) test(check.name, check.run);
});

test("names the input and the position of a value that is not finite", async () => {
  const fitted = await vector({ length: 2 }).fit([]);
  await expect(
    fitted.transform([
      [1, 2],
      [3, Number.NaN],
    ]),
  ).rejects.toMatchObject({
    code: "invalid-input",
    part: "@mmub/core/vector",
    index: 1,
    details: { position: 1 },
  });
});

test("refuses another length, at fit and afterwards", async () => {
  await expect(vector().fit([[1, 2], [3]])).rejects.toMatchObject({ code: "invalid-input", index: 1 });
  const fitted = await vector().fit([[1, 2]]);
  await expect(fitted.transform([[1, 2], [], [1, 2, 3]])).rejects.toMatchObject({ index: 1 });
});

test("wants a length or a vector to learn it from", async () => {
  await expect(vector().fit([null, null])).rejects.toMatchObject({ code: "invalid-input" });
  expect(() => vector({ length: 0 })).toThrow(/length is number 0, want a positive integer/);
  expect(() => vector({ length: 3, names: ["a"] })).toThrow(/one name for each of 3 values/);
});
