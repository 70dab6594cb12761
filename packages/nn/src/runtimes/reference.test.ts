import { describe, test } from "vitest";
import { runtimeChecks } from "../testing/index.js";
import { reference } from "./reference.js";

describe("conformance", () => {
  for (const check of runtimeChecks({ make: reference })) test(check.name, check.run);
});
