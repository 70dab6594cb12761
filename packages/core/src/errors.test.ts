import { expect, test } from "vitest";
import { checkParam, library, MmubError, rejectInput, show } from "./index.js";

test("says who, what was got and what was wanted, and keeps the values", () => {
  const cause = new Error("inner");
  const error = new MmubError("invalid-input", {
    part: "@mmub/text/tfidf",
    message: "input 3 is bad",
    index: 3,
    cause,
    got: 7,
  });
  expect(error).toMatchObject({
    name: "MmubError",
    message: "text/tfidf: input 3 is bad",
    code: "invalid-input",
    part: "@mmub/text/tfidf",
    index: 3,
    cause,
    details: { got: 7 },
  });
  expect(() => rejectInput("@mmub/text/tfidf", 3, 7, "a string or null")).toThrow(
    "text/tfidf: input 3 is number 7, want a string or null",
  );
  expect(() => checkParam("@mmub/audio/mfcc", "hopLength", 0, false, "a positive integer")).toThrow(
    expect.objectContaining({
      code: "invalid-params",
      details: { hopLength: 0 },
      message: "audio/mfcc: hopLength is number 0, want a positive integer",
    }),
  );
});

test("is known across installed copies by its mark, not by its class", () => {
  const other = { [Symbol.for("@mmub/core/MmubError")]: true, code: "invalid-input" };
  expect(MmubError.is(other)).toBe(true);
  for (const no of [new Error("x"), null, undefined, "MmubError", { code: "invalid-input" }])
    expect(MmubError.is(no)).toBe(false);
});

test.each([
  [null, "null"],
  [undefined, "undefined"],
  [Number.NaN, "number NaN"],
  ["x".repeat(50), `string "${"x".repeat(40)}…"`],
  [[1, 2], "an array of 2"],
  [new Float32Array(3), "Float32Array of 3"],
  [() => {}, "a function"],
  [Symbol("s"), "a symbol"],
  [new Date(0), "a Date"],
  [{ a: 1, b: 2 }, "an object with a, b"],
  [{}, "an object with nothing"],
  [Object.create(null), "an object with nothing"],
])("shows %s", (value, text) => expect(show(value)).toBe(text));

test("a library that is not there is missing-library with the command that installs it", async () => {
  const name = "no-such-package-of-mmub";
  await expect(library("@mmub/image/decode", name, () => import(name))).rejects.toMatchObject({
    code: "missing-library",
    message: expect.stringContaining(`npm install ${name}`),
  });
  expect(await library("test", "node:path", () => import("node:path"))).toHaveProperty("join");
});
