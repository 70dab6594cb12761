import { extractorChecks } from "@mmub/core/testing";
import { describe, expect, test } from "vitest";
import { heartRate } from "../src/heart-rate.js";

describe("conformance", () => {
  const inputs = [
    [60, 62, 61],
    [120, 140, 90, 70],
    null,
    [55],
    Array.from({ length: 1440 }, (_, at) => 60 + (at % 90)),
  ];
  for (const check of extractorChecks({ make: heartRate, inputs })) test(check.name, check.run);
});

test("describes a day as a reader would", async () => {
  const fitted = await heartRate({ activeFromBpm: 100 }).fit([]);
  const { data } = await fitted.transform([[60, 60, 120, 120]]);
  expect([...data]).toEqual([90, 60, Math.fround(Math.sqrt(1200)), 0.5]);
});

test("names the day whose rates cannot be", async () => {
  const fitted = await heartRate().fit([]);
  await expect(fitted.transform([[60], [60, 900]])).rejects.toMatchObject({ code: "invalid-input", index: 1 });
});
