import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { binaries } from "../assembly/build.js";

test("binaries.ts is what the sources in assembly compile to; else: pnpm run assembly", async () => {
  expect(await binaries()).toBe(readFileSync(new URL("./binaries.ts", import.meta.url), "utf8"));
});
