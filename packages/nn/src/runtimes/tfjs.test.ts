import { describe, test } from "vitest";
import { checkRuntime, runtimeChecks } from "../testing/index.js";
import { opCases } from "../testing/op-cases.js";
import { tfjs } from "./tfjs.js";

describe.each([{ backend: "cpu" }, { backend: "wasm" }] as const)("$backend", async (params) => {
  const runtime = await tfjs(params);
  for (const check of runtimeChecks({ make: () => runtime })) test(check.name, check.run);
  test.each(Object.entries(opCases))("%s", (_, each) => checkRuntime(runtime, each));
});
